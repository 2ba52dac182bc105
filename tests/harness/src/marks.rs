//! Who belongs to which run, and that nobody outlives the tests.
//!
//! Every process that a test starts carries a mark, and so does all that it starts in turn, in whatever session,
//! user, environment or PID namespace: the soft limit on file locks, which is inherited across fork(2) and execve(2),
//! shown to everybody in `/proc/PID/limits`, and means nothing to kernels since 2.4.25 (getrlimit(2),
//! `RLIMIT_LOCKS`). Its upper half is the process id of the test program, its lower half the number of the run, with 0
//! for what was started without one.
//!
//! When the test program exits, a function that atexit(3) has registered looks for processes with its mark. If there
//! are any it names and kills them, and the program ends with [`FAILED`].

#![expect(
    unsafe_code,
    reason = "the standard library has no atexit(3) and no _exit(2)"
)]

use crate::proc_status::read;
use crate::{ProcStatus, eventually};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::os::unix::fs::DirEntryExt as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

/// What libtest ends with when a test fails.
const FAILED: i32 = 101;

/// How long a process may take to go that has been killed or has lost its last client. The machine may be busy.
const GRACE: Duration = Duration::from_secs(30);

/// A limit is a `long` of the kernel's, and the process ids of 32-bit kernels end at 32,768.
const HALF: u32 = usize::BITS / 2;

/// The limit of a process: 32 bits on a 32-bit machine.
pub(crate) type Mark = rlim_t;

/// What is to be ended before anybody is looked for.
static AT_END: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// The mark of the test program itself, and of what it starts without a run.
fn base() -> Mark {
    Mark::from(std::process::id()) << HALF
}

/// Marks the test program, once, and has it looked after when it exits.
pub fn begin() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let (_, hard) = getrlimit(Resource::RLIMIT_LOCKS).unwrap();
        setrlimit(Resource::RLIMIT_LOCKS, base(), hard).unwrap();
        // SAFETY: the function is there as long as the program is, and does not unwind.
        let result = unsafe { libc::atexit(at_exit) };
        assert_eq!(result, 0, "atexit");
    });
}

/// A mark for one more run.
pub(crate) fn next() -> Mark {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    begin();
    base() | Mark::from(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Has a function called before the test program looks for what is left; it ends what all tests shared.
pub fn at_end(function: fn()) {
    begin();
    let functions = AT_END.lock();
    functions
        .unwrap_or_else(PoisonError::into_inner)
        .push(function);
}

/// The mark of a process; `None` when it is gone.
fn mark_of(pid: i32) -> Option<Mark> {
    let text = read(&format!("/proc/{pid}/limits"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max file locks"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The marks that cannot change any more, by process id and the number of its directory, which no second process gets:
/// those of strangers and of runs. Most processes of the machine are looked at many times.
static KNOWN: Mutex<Option<HashMap<(i32, u64), Mark>>> = Mutex::new(None);

/// The mark of a process whose directory has this number, as [`mark_of`].
fn mark_in(pid: i32, directory: u64) -> Option<Mark> {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (pid, directory);
    if let Some(mark) = known().as_ref().and_then(|known| known.get(&key)) {
        return Some(*mark);
    }
    let mark = mark_of(pid)?;
    if mark != base() {
        let _ = known().get_or_insert_default().insert(key, mark);
    }
    Some(mark)
}

/// The processes whose mark is as wanted, without zombies and this one.
fn alive(is_wanted: impl Fn(Mark) -> bool) -> Vec<i32> {
    let this = std::process::id().cast_signed();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, entry.ino()))
        })
        .filter(|(pid, directory)| {
            *pid != this && mark_in(*pid, *directory).is_some_and(&is_wanted)
        })
        .map(|(pid, _)| pid)
        .filter(|pid| ProcStatus::is_alive(*pid))
        .collect()
}

/// The processes of a run.
pub(crate) fn members(mark: Mark) -> Vec<i32> {
    alive(|other| other == mark)
}

/// Kills the processes of a run, and waits until they are gone.
pub(crate) fn end(mark: Mark) {
    let _ = eventually(GRACE, || {
        let doomed = members(mark);
        // Whoever is forked meanwhile is found in the next round.
        for pid in &doomed {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        doomed.is_empty()
    });
}

/// The processes that this test program has started, and theirs.
pub fn descendants() -> Vec<i32> {
    alive(|mark| mark >> HALF == Mark::from(std::process::id()))
}

/// What a process is, for whoever has to find where it comes from.
fn describe(pid: i32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    let parent = ProcStatus::of(pid).map_or(0, |status| status.ppid());
    let run = mark_of(pid).unwrap_or_default() & ((1 << HALF) - 1);
    format!("process {pid} of run {run}, child of {parent}: {words}")
}

extern "C" fn at_exit() {
    let result = std::panic::catch_unwind(|| {
        let functions = std::mem::take(&mut *AT_END.lock().unwrap_or_else(PoisonError::into_inner));
        for function in functions {
            function();
        }
        if eventually(GRACE, || descendants().is_empty()) {
            return true;
        }
        for pid in descendants() {
            eprintln!("outlived the tests: {}", describe(pid));
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        false
    });
    if !matches!(result, Ok(true)) {
        // SAFETY: it ends the process, and asks for nothing.
        unsafe { libc::_exit(FAILED) };
    }
}
