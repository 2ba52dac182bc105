//! The init where it does no harm, as process 1 of a PID namespace or as a wrapper in one, and what is left there.
//!
//! The wrapper's parent is process 1 of the namespace. It reaps nothing but the init, and says after the init's end
//! who is left (`probe census`).

use harness::{
    Init, LIMIT, Output, ProcStatus, Running, call_number, eventually, is_in_call, probe, program,
};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the init is in its namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Process 1.
    First,
    /// A child of process 1.
    Wrapper,
}

/// Both, for the clauses that make no difference.
pub(crate) const BOTH: [Place; 2] = [Place::First, Place::Wrapper];

/// Longer than any promise that is tested here, deadline and giving up included.
const LONGEST: Duration = Duration::from_secs(20);

impl Place {
    /// An init there.
    pub(crate) fn init(self) -> Init {
        let init = Init::new().as_pid_1().limit(LONGEST);
        match self {
            Self::First => init,
            Self::Wrapper => init.through([probe().as_os_str(), "census".as_ref()]),
        }
    }

    /// An init there, in a mount namespace of its own in which these words for sh(1) were carried out first. They may
    /// say `$$` for the init's process id.
    pub(crate) fn init_after(self, setup: &str) -> Init {
        let script = format!("{setup} && exec \"$@\"");
        let namespace = ["unshare", "--mount", "sh", "-c", &script, "sh"];
        self.init().through(namespace)
    }
}

/// Sends SIGTERM, and fails unless the init ends within this time with this status and nobody left.
#[track_caller]
pub(crate) fn expect_stop(
    place: Place,
    mut running: Running,
    limit: Duration,
    status: i32,
) -> Output {
    let began = Instant::now();
    running.signal(libc::SIGTERM);
    let _ = running.wait_status();
    let took = began.elapsed();
    let output = running.wait();
    assert!(took < limit, "it took {took:?}, {place:?}\n{output}");
    output.expect_status(status);
    expect_nobody_left(place, &output);
    output
}

/// Fails unless a wrapper left nobody, dead or alive. With process 1 the kernel ends everyone.
#[track_caller]
pub(crate) fn expect_nobody_left(place: Place, output: &Output) {
    let stdout = output.stdout();
    let left: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with("left "))
        .collect();
    assert!(left.is_empty(), "{left:?}\n{output}");
    let counted = stdout.lines().any(|line| line == "counted");
    assert_eq!(counted, place == Place::Wrapper, "{output}");
}

/// The process id in the only line `TAG ready PID`.
#[track_caller]
pub(crate) fn ready_pid(output: &Output, tag: &str) -> u64 {
    let start = format!("{tag} ready ");
    let stdout = output.stdout();
    let mut pids = stdout.lines().filter_map(|line| line.strip_prefix(&start));
    match (pids.next(), pids.next()) {
        (Some(pid), None) => pid.parse().unwrap(),
        other => panic!("{start}: {other:?}\n{output}"),
    }
}

/// The objects of a JSON log with this event. Every line has to be one object.
#[track_caller]
pub(crate) fn events(output: &Output, event: &str) -> Vec<Value> {
    let stderr = output.stderr();
    let objects = stderr.lines().map(|line| {
        serde_json::from_str::<Value>(line)
            .unwrap_or_else(|error| panic!("{error}: {line}\n{output}"))
    });
    objects.filter(|object| object["event"] == event).collect()
}

/// The process ids of the survivors that a JSON log names.
#[track_caller]
pub(crate) fn survivors(output: &Output) -> Vec<u64> {
    let mut pids: Vec<u64> = events(output, "survivor")
        .iter()
        .map(|object| object["pid"].as_u64().unwrap())
        .collect();
    pids.sort_unstable();
    pids
}

/// Fails unless a JSON log names these processes as survivors, by their tags, and no others.
#[track_caller]
pub(crate) fn expect_survivors(output: &Output, tags: &[&str]) {
    let mut named: Vec<u64> = tags.iter().map(|tag| ready_pid(output, tag)).collect();
    named.sort_unstable();
    assert_eq!(survivors(output), named, "{output}");
}

/// How often a process got a signal.
pub(crate) fn times(output: &Output, tag: &str, signal: &str) -> usize {
    let line = format!("{tag} got {signal}");
    output.stdout().lines().filter(|said| *said == line).count()
}

/// Whether a tracer has seized a process, which it need not have stopped yet.
fn is_traced(pid: i32) -> bool {
    ProcStatus::of(pid).is_some_and(|status| status.field("TracerPid") != "0")
}

/// strace, from outside of the init's namespace, where no SIGKILL of the init reaches it.
pub(crate) struct Tracer {
    strace: Child,
    trace: tempfile::NamedTempFile,
}

impl Tracer {
    /// Attaches to an init that waits for signals, with more options of strace's.
    #[track_caller]
    pub(crate) fn attach(init: i32, words: &[&str]) -> Self {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let strace = Command::new(program("strace").expect("strace"))
            .args(["-qq", "-s", "200", "-p", &init.to_string(), "-o"])
            .arg(trace.path())
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tracer = Self { strace, trace };
        let waits = libc::SYS_wait4.to_string();
        // Once strace waits it has stopped the init, which sleeps again when each of its calls is traced.
        let is_attached = || {
            is_traced(init)
                && is_in_call(tracer.strace.id().cast_signed(), &waits)
                && ProcStatus::of(init).is_some_and(|status| status.state() == 'S')
        };
        assert!(
            eventually(LIMIT, is_attached),
            "strace does not attach to {init}"
        );
        tracer
    }

    /// What it has written, after the end of the init.
    #[track_caller]
    pub(crate) fn finish(mut self) -> String {
        let has_ended = eventually(LIMIT, || self.strace.try_wait().unwrap().is_some());
        assert!(has_ended, "strace goes on");
        std::fs::read_to_string(self.trace.path()).unwrap()
    }
}

/// An init that ptrace(2) holds at the entry of a system call.
pub(crate) struct Held(Pid);

impl Held {
    /// Seizes an init, carries out the action, and lets the init go on to a call for which this holds:
    /// `/proc/PID/syscall` has its number and its arguments, proc(5).
    #[track_caller]
    pub(crate) fn at(init: i32, act: impl FnOnce(), is_wanted: impl Fn(&str) -> bool) -> Self {
        let this = Self(Pid::from_raw(init));
        let has_stopped = || {
            eventually(LIMIT, || {
                let flags = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
                waitpid(this.0, Some(flags)).unwrap() != WaitStatus::StillAlive
            })
        };
        ptrace::seize(this.0, ptrace::Options::empty()).unwrap();
        ptrace::interrupt(this.0).unwrap();
        assert!(has_stopped(), "{init} does not stop");
        act();
        loop {
            ptrace::syscall(this.0, None).unwrap();
            assert!(has_stopped(), "{init} waits");
            let call = std::fs::read_to_string(format!("/proc/{init}/syscall"));
            if is_wanted(&call.expect("the init is still there")) {
                return this;
            }
        }
    }

    /// Lets it go on.
    pub(crate) fn release(self) {
        ptrace::detach(self.0, None).unwrap();
    }
}

/// The number of a call, and its first two arguments; an int each, which the kernel takes from a whole register.
pub(crate) fn call_and_ints(call: &str) -> Option<(&str, i32, i32)> {
    let mut words = call.split(' ');
    let number = words.next()?;
    let mut int = || {
        let register = words.next()?.trim_start_matches("0x");
        let [int @ .., _, _, _, _] = u64::from_str_radix(register, 16).ok()?.to_le_bytes();
        Some(i32::from_le_bytes(int))
    };
    Some((number, int()?, int()?))
}

/// Whether a call is kill(2) with this process or group.
pub(crate) fn is_kill(call: &str, whom: i32) -> bool {
    let kill = call_number(libc::SYS_kill, 37);
    call_and_ints(call).is_some_and(|(number, recipient, _)| number == kill && recipient == whom)
}

/// Whether a call signals a process through its open directory in `/proc`: `pidfd_send_signal(2)`.
pub(crate) fn is_pidfd_signal(call: &str) -> bool {
    call.split(' ').next() == Some(&libc::SYS_pidfd_send_signal.to_string())
}

/// Whether a call of this init's sends this process SIGTERM in that way.
pub(crate) fn is_pidfd_term_to(call: &str, init: i32, whom: i32) -> bool {
    is_pidfd_signal(call)
        && call_and_ints(call).is_some_and(|(_, file, signal)| {
            let directory = std::fs::read_link(format!("/proc/{init}/fd/{file}"));
            signal == libc::SIGTERM
                && directory.is_ok_and(|directory| directory.ends_with(whom.to_string()))
        })
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}
