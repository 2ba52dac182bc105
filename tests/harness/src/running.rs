//! An init that runs.

use super::{
    Event, Events, LIMIT, Output, ProcStatus, children_of, descendants_of, eventually, probe,
    processes,
};
use crate::marks;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// What a pipe has brought so far.
struct Captured {
    bytes: Vec<u8>,
    has_ended: bool,
}

/// A pipe that a thread reads.
struct Reader {
    captured: Arc<(Mutex<Captured>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    /// How much of it the test has waited for.
    seen: usize,
}

impl Reader {
    fn new(pipe: Option<impl Read + Send + 'static>) -> Self {
        let nothing = Captured {
            bytes: Vec::new(),
            has_ended: pipe.is_none(),
        };
        let captured = Arc::new((Mutex::new(nothing), Condvar::new()));
        let shared = Arc::clone(&captured);
        let thread = pipe.map(|mut pipe| {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                loop {
                    let length = pipe.read(&mut buffer).unwrap_or(0);
                    let (captured, changed) = &*shared;
                    let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
                    captured.bytes.extend(buffer.iter().take(length));
                    captured.has_ended = length == 0;
                    changed.notify_all();
                    if length == 0 {
                        return;
                    }
                }
            })
        });
        Self {
            captured,
            thread,
            seen: 0,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let captured = self.captured.0.lock();
        captured
            .unwrap_or_else(PoisonError::into_inner)
            .bytes
            .clone()
    }

    /// Waits for the next line that starts with the text; `None` when it does not come.
    fn wait_line(&mut self, start: &str, limit: Duration) -> Option<String> {
        let began = Instant::now();
        let (captured, changed) = &*self.captured;
        let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some(line) = captured.bytes.get(self.seen..)
                && let Some(length) = line.iter().position(|byte| *byte == b'\n')
            {
                let line = String::from_utf8_lossy(line.get(..length).unwrap()).into_owned();
                self.seen += length + 1;
                if line.starts_with(start) {
                    return Some(line);
                }
            }
            if captured.has_ended {
                return None;
            }
            let left = limit.checked_sub(began.elapsed())?;
            captured = changed
                .wait_timeout(captured, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits for the end and returns everything.
    fn finish(&mut self) -> Vec<u8> {
        let ended = {
            let (captured, changed) = &*self.captured;
            let captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
            let waited =
                changed.wait_timeout_while(captured, LIMIT, |captured| !captured.has_ended);
            waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
        };
        if let Some(thread) = self.thread.take()
            && ended
        {
            let _ = thread.join();
        }
        self.bytes()
    }
}

/// Whether a process executes the file, itself or through an emulator, which maps the file that it executes;
/// `None` when nobody can tell.
fn executes(pid: i32, file: &Path) -> Option<bool> {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let is_emulator = program
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"qemu-"));
    if !is_emulator {
        return Some(program == file);
    }
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let file = file.to_str()?;
    Some(maps.lines().any(|line| line.ends_with(file)))
}

/// A started init. It and all it left behind are killed when this is dropped.
pub struct Running {
    /// The init, or the program that made its namespace and waits for it.
    child: Child,
    /// Before it was started.
    began: SystemTime,
    /// Carried by all that it starts.
    mark: marks::Mark,
    command: Vec<OsString>,
    binary: PathBuf,
    as_pid_1: bool,
    limit: Duration,
    /// The init's process id, or 0 while it has not been looked for.
    init: AtomicI32,
    started: Instant,
    stdin: Option<ChildStdin>,
    stdout: Reader,
    stderr: Reader,
    status: Option<ExitStatus>,
}

impl Running {
    pub(crate) fn new(
        mut child: Child,
        began: SystemTime,
        mark: marks::Mark,
        command: Vec<OsString>,
        binary: PathBuf,
        as_pid_1: bool,
        limit: Duration,
    ) -> Self {
        Self {
            stdin: child.stdin.take(),
            stdout: Reader::new(child.stdout.take()),
            stderr: Reader::new(child.stderr.take()),
            child,
            began,
            mark,
            command,
            // As it shows in /proc: links resolved.
            binary: binary.canonicalize().unwrap_or(binary),
            as_pid_1,
            limit,
            init: AtomicI32::new(0),
            started: Instant::now(),
            status: None,
        }
    }

    fn outer_pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The init's process id as this test sees it. Waits until the init is there, which is before it
    /// has done anything: wait for its main child or its signal mask to know more.
    #[track_caller]
    pub fn init_pid(&self) -> i32 {
        let known = self.init.load(Ordering::Relaxed);
        if known != 0 && executes(known, &self.binary) == Some(true) {
            return known;
        }
        let mut pid = None;
        let found = eventually(self.limit, || {
            pid = self.find_init();
            pid.is_some()
        });
        match pid.filter(|_| found) {
            Some(pid) => {
                self.init.store(pid, Ordering::Relaxed);
                pid
            }
            None => self.fail("the init is not there"),
        }
    }

    /// The init's process id if the init is there just now.
    pub fn find_init(&self) -> Option<i32> {
        let candidates = if self.as_pid_1 {
            descendants_of(self.outer_pid())
        } else {
            vec![self.outer_pid()]
        };
        candidates
            .into_iter()
            .find(|pid| executes(*pid, &self.binary) == Some(true))
    }

    /// What the kernel says of the init.
    #[track_caller]
    pub fn init_status(&self) -> ProcStatus {
        let status = ProcStatus::of(self.init_pid());
        status.unwrap_or_else(|| self.fail("the init is gone"))
    }

    /// The main child as this test sees it, once it runs its program. Right only while the init has no
    /// other children.
    #[track_caller]
    pub fn main_child_pid(&self) -> i32 {
        let init = self.init_pid();
        let mut child = None;
        let found = eventually(self.limit, || {
            child = children_of(init).first().map(|process| process.pid);
            child.is_some_and(|pid| executes(pid, &self.binary) == Some(false))
        });
        match child.filter(|_| found) {
            Some(pid) => pid,
            None => self.fail("no main child"),
        }
    }

    /// The init and all that it has started, wherever they have gone since: process ids as this test sees them.
    pub fn members(&self) -> Vec<i32> {
        marks::members(self.mark)
    }

    /// Waits for the next line on standard output that starts with the text, and returns it.
    #[track_caller]
    pub fn wait_line(&mut self, start: &str) -> String {
        match self.stdout.wait_line(start, self.limit) {
            Some(line) => line,
            None => self.fail(&format!("no line {start:?} on standard output")),
        }
    }

    /// Waits for the next line on standard error that starts with the text, and returns it.
    #[track_caller]
    pub fn wait_stderr_line(&mut self, start: &str) -> String {
        match self.stderr.wait_line(start, self.limit) {
            Some(line) => line,
            None => self.fail(&format!("no line {start:?} on standard error")),
        }
    }

    /// Waits until the log has an event of this name, and returns the first; the log is in the format `json`.
    #[track_caller]
    pub fn until_event(&self, name: &str) -> Event {
        let mut found = None;
        let came = eventually(self.limit, || {
            // Asked first: what comes before the end is read then.
            let has_ended = self.has_closed_stderr();
            let events = self.log_so_far();
            found = events.named(name).first().map(|event| (*event).clone());
            found.is_some() || has_ended
        });
        match found.filter(|_| came) {
            Some(event) => event,
            None => self.fail(&format!("no event {name:?}")),
        }
    }

    /// The log so far, in the format `json`.
    #[track_caller]
    pub fn log_so_far(&self) -> Events {
        Events::in_text(&self.stderr_so_far())
    }

    /// Whether nothing will come on standard error any more.
    fn has_closed_stderr(&self) -> bool {
        let captured = self.stderr.captured.0.lock();
        captured.unwrap_or_else(PoisonError::into_inner).has_ended
    }

    /// What came on standard output so far.
    pub fn stdout_so_far(&self) -> String {
        String::from_utf8_lossy(&self.stdout.bytes()).into_owned()
    }

    /// What came on standard error so far.
    pub fn stderr_so_far(&self) -> String {
        String::from_utf8_lossy(&self.stderr.bytes()).into_owned()
    }

    /// Waits for the next event of this name on standard error, past all before it, and returns it; the log is in the
    /// format `json`.
    #[track_caller]
    pub fn wait_event(&mut self, name: &str) -> Event {
        loop {
            let event = Event::parse(&self.wait_stderr_line("{\"time\":"));
            if event.name() == name {
                return event;
            }
        }
    }

    /// Writes a line to standard input.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Ends standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends the init a signal by number.
    #[track_caller]
    pub fn signal(&self, signal: i32) {
        let pid = self.init_pid();
        if let Ok(known) = Signal::try_from(signal) {
            kill(Pid::from_raw(pid), known).unwrap();
        } else {
            let _ = Self::send(&[&pid.to_string(), &signal.to_string()]);
        }
    }

    /// Queues a signal with a value to the init, and returns the sender's process id.
    #[track_caller]
    pub fn sigqueue(&self, signal: i32, value: usize) -> i32 {
        let pid = self.init_pid();
        Self::send(&[&pid.to_string(), &signal.to_string(), &value.to_string()])
    }

    #[track_caller]
    fn send(words: &[&str]) -> i32 {
        let sender = Command::new(probe()).arg("send").args(words).output();
        let sender = sender.unwrap();
        assert!(sender.status.success(), "send {words:?}: {sender:?}");
        let said = String::from_utf8_lossy(&sender.stdout).into_owned();
        let pid = said.trim().strip_prefix("sender ").unwrap();
        pid.parse().unwrap()
    }

    /// Whether the init still runs.
    pub fn is_running(&mut self) -> bool {
        self.poll_status().is_none()
    }

    /// How it ended, if it did. What it left behind stays as it is, and it remains a zombie, so that
    /// its process id is not given to another process.
    fn poll_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
            let raw = match waitid(Id::Pid(Pid::from_raw(self.outer_pid())), flags) {
                Ok(WaitStatus::Exited(_, code)) => Some(code << 8),
                Ok(WaitStatus::Signaled(_, signal, dumped)) => {
                    Some(signal as i32 | i32::from(dumped) << 7)
                }
                Ok(_) | Err(Errno::EINTR) => None,
                Err(error) => panic!("waitid: {error}"),
            };
            self.status = raw.map(ExitStatus::from_raw);
        }
        self.status
    }

    /// Waits until the init has ended, and leaves alone whatever it left behind.
    #[track_caller]
    pub fn wait_status(&mut self) -> ExitStatus {
        let limit = self.limit;
        let _ = eventually(limit, || self.poll_status().is_some());
        match self.status {
            Some(status) => status,
            None => self.fail(&format!("still running after {limit:?}")),
        }
    }

    /// Waits until the init has ended, kills whatever it left behind, and returns all it said.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let status = self.wait_status();
        let elapsed = self.started.elapsed();
        self.kill_all();
        Output {
            command: std::mem::take(&mut self.command),
            status,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
            began: self.began,
            elapsed,
        }
    }

    /// Kills the init, and all that it and its tracer have started, and waits until they are gone.
    fn kill_all(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        marks::end(self.mark);
        let _ = self.child.wait();
    }

    /// Fails the test with everything there is to know.
    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let mut tree = String::new();
        let all = processes();
        let mut relevant = marks::members(self.mark);
        relevant.push(self.outer_pid());
        for process in &all {
            if relevant.contains(&process.parent) {
                relevant.push(process.pid);
            }
        }
        for process in all.iter().filter(|one| relevant.contains(&one.pid)) {
            let name = ProcStatus::of(process.pid).map(|status| status.name().to_owned());
            let _ = writeln!(tree, "{process:?} {}", name.unwrap_or_default());
        }
        panic!(
            "{what}, after {:?}\ncommand: {:?}\nprocesses:\n{tree}stdout:\n{}\nstderr:\n{}",
            self.started.elapsed(),
            self.command,
            self.stdout_so_far(),
            self.stderr_so_far()
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_all();
    }
}
