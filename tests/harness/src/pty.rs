//! Commands on a terminal of their own: the other end of a pseudo-terminal, with the keys, the screen and
//! the processes of its session.
//!
//! `setsid --ctty` from util-linux makes the command lead a session that the terminal controls, so that
//! the harness needs no code between fork and exec. Echo and output processing are off: what a test reads
//! is what the processes wrote.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{LIMIT, ProcStatus, kernel, marks, probe, processes, program};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{self, InputFlags, LocalFlags, OutputFlags, SetArg};
use nix::unistd::{pipe2, tcgetpgrp};

/// How often a condition that nothing announces is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// What has come out of the terminal so far.
#[derive(Default)]
struct Screen {
    bytes: Vec<u8>,
    /// Nobody has the terminal open any more.
    closed: bool,
}

/// A command on a terminal of its own. Everything it started dies when this is dropped.
pub struct Session {
    child: Child,
    /// Carried by all that it starts.
    mark: marks::Mark,
    status: Option<ExitStatus>,
    command: String,
    /// The end that stands for keyboard and screen; `None` once hung up.
    master: Option<File>,
    /// Reads the screen, until the other end of its pipe is closed: it has the master open too.
    reader: Option<JoinHandle<()>>,
    reader_leave: Option<OwnedFd>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of the screen [`Self::expect`] has gone past.
    seen: usize,
}

/// How a [`Session`] begins.
pub struct Start {
    command: Command,
    mark: marks::Mark,
    tostop: bool,
    echo: bool,
}

impl Start {
    /// The command leads a session with the terminal as its controlling one.
    pub fn leader<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::plain(
            ["setsid", "--ctty"]
                .map(Into::into)
                .into_iter()
                .chain(words.into_iter().map(|word| word.as_ref().to_owned())),
        )
    }

    /// The command has the terminal as its standard streams only, and no controlling terminal.
    pub fn plain<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        let mut words = words.into_iter().map(|word| word.as_ref().to_owned());
        let name = words.next().expect("a command has a first word");
        let file = name.to_str().and_then(program);
        let mark = marks::next();
        let mut command = Command::new(probe());
        // What it inherits is known then: no signal is ignored, whoever runs the tests.
        let _ = command
            .args(["launch", "--mark", &mark.to_string()])
            .args(kernel::launch_options())
            .arg("--argv0")
            .arg(&name)
            .arg("--")
            .arg(file.as_deref().unwrap_or(Path::new(&name)))
            .args(words)
            .env("TERM", "vt100")
            .env("PS1", PROMPT)
            .env_remove("COLUMNS")
            .env_remove("LINES");
        Self {
            command,
            mark,
            tostop: false,
            echo: false,
        }
    }

    /// Sets a variable of the environment.
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let _ = self.command.env(name, value);
        self
    }

    /// Output from background groups raises SIGTTOU, termios(3), `TOSTOP`.
    pub fn tostop(mut self) -> Self {
        self.tostop = true;
        self
    }

    /// What is typed comes back, for programs that do not like to be without.
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Session {
        // Not openpty(3): its descriptors survive exec, so that others would hold this terminal open.
        let master =
            posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("posix_openpt");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let slave = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(ptsname_r(&master).expect("ptsname"))
            .expect("the terminal can be opened");
        let master = File::from(OwnedFd::from(master));
        let mut settings = termios::tcgetattr(&slave).expect("tcgetattr");
        settings.output_flags.remove(OutputFlags::OPOST);
        settings.input_flags.insert(InputFlags::IXON);
        settings.local_flags.set(LocalFlags::ECHO, self.echo);
        settings.local_flags.remove(LocalFlags::ECHOCTL);
        if self.tostop {
            settings.local_flags.insert(LocalFlags::TOSTOP);
        }
        termios::tcsetattr(&slave, SetArg::TCSANOW, &settings).expect("tcsetattr");

        let stream = || slave.try_clone().expect("dup of the terminal");
        let command = format!("{:?}", self.command);
        let child = self
            .command
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command}: {error}"));
        // The descriptors of the terminal die with the builder: only the session has it open now.
        drop(self.command);
        drop(slave);

        let screen = Arc::new((Mutex::new(Screen::default()), Condvar::new()));
        let reader = master.try_clone().expect("dup of the master");
        let readers_screen = Arc::clone(&screen);
        let (leave, reader_leave) = pipe2(OFlag::O_CLOEXEC).expect("pipe");
        let reader = std::thread::spawn(move || read_screen(reader, &leave, &readers_screen));
        Session {
            child,
            mark: self.mark,
            status: None,
            command,
            master: Some(master),
            reader: Some(reader),
            reader_leave: Some(reader_leave),
            screen,
            seen: 0,
        }
    }
}

/// What the shells of [`Start`] prompt with.
pub const PROMPT: &str = "<prompt>";

/// Moves what comes out of the terminal to the screen, until nobody has it open: read(2) then fails with EIO.
/// It returns as well when `leave` is closed at its other end.
fn read_screen(mut master: File, leave: &OwnedFd, screen: &(Mutex<Screen>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        let mut polled =
            [leave.as_fd(), master.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let _ = poll(&mut polled, PollTimeout::NONE);
        if polled[0].any() == Some(true) {
            return;
        }
        if polled[1].any() != Some(true) {
            continue;
        }
        let result = master.read(&mut buffer);
        let mut content = screen.0.lock().expect("no reader panics");
        match result {
            Ok(count) if count > 0 => content.bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => content.closed = true,
        }
        screen.1.notify_all();
        if content.closed {
            return;
        }
    }
}

impl Session {
    /// The process that was started; it stays the same through `setsid` and every exec.
    pub fn leader(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Types.
    pub fn press(&self, keys: &str) {
        let mut master = self.master.as_ref().expect("not hung up");
        master.write_all(keys.as_bytes()).expect("keys are taken");
    }

    /// Types a line.
    pub fn line(&self, line: &str) {
        self.press(&format!("{line}\n"));
    }

    /// Gives the window another height: one change, where stty(1) makes two of height and width.
    pub fn resize(&self, rows: u16) {
        let master = self.master.as_ref().expect("not hung up");
        let status = Command::new("stty")
            .args(["rows", &rows.to_string()])
            .stdin(master.try_clone().expect("dup of the master"))
            .status()
            .expect("stty can be run");
        assert!(status.success(), "stty: {status}");
    }

    /// The terminal's foreground process group.
    pub fn foreground(&self) -> i32 {
        let master = self.master.as_ref().expect("not hung up");
        tcgetpgrp(master).expect("tcgetpgrp of the master").as_raw()
    }

    /// Whether the terminal is in its line mode, with signals from keys.
    pub fn is_usable(&self) -> bool {
        let master = self.master.as_ref().expect("not hung up");
        let settings = termios::tcgetattr(master.as_fd()).expect("tcgetattr");
        settings
            .local_flags
            .contains(LocalFlags::ICANON | LocalFlags::ISIG)
    }

    /// All that came out of the terminal.
    pub fn screen(&self) -> String {
        let content = self.screen.0.lock().expect("no reader panics");
        String::from_utf8_lossy(&content.bytes).into_owned()
    }

    /// Waits until `text` comes out of the terminal, after what was expected before, and goes past it.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let _ = self.expect_after(text, "");
    }

    /// Waits for `start` and then for `end`, and returns what came out between them.
    #[track_caller]
    pub fn expect_after(&mut self, start: &str, end: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        let screen = Arc::clone(&self.screen);
        let mut content = screen.0.lock().expect("no reader panics");
        loop {
            let new = &content.bytes[self.seen..];
            if let Some(at) = find(new, start.as_bytes()) {
                let from = at + start.len();
                if let Some(length) = find(&new[from..], end.as_bytes()) {
                    let between = String::from_utf8_lossy(&new[from..from + length]).into_owned();
                    self.seen += from + length + end.len();
                    return between;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if content.closed || left.is_zero() {
                drop(content);
                self.fail(&format!("expected {start:?} .. {end:?}"));
            }
            content = screen
                .1
                .wait_timeout(content, left)
                .expect("no reader panics")
                .0;
        }
    }

    /// Waits until `condition` holds.
    #[track_caller]
    pub fn eventually(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !condition(self) {
            if Instant::now() > deadline {
                self.fail(&format!("never came true: {what}"));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until the foreground process group is `group`.
    #[track_caller]
    pub fn expect_foreground(&mut self, group: i32) {
        self.eventually(&format!("foreground is {group}"), |session| {
            session.foreground() == group
        });
    }

    /// Waits until a process is stopped or not.
    #[track_caller]
    pub fn expect_stopped(&mut self, pid: i32, stopped: bool) {
        self.eventually(&format!("process {pid} stopped: {stopped}"), |_| {
            ProcStatus::of(pid).is_some_and(|status| (status.state() == 'T') == stopped)
        });
    }

    /// The command and all that it has started: process ids with their names.
    pub fn members(&self) -> Vec<(i32, String)> {
        let named = |pid| Some((pid, ProcStatus::of(pid)?.name().to_owned()));
        let members = marks::members(self.mark);
        members.into_iter().filter_map(named).collect()
    }

    /// Waits until there is a process of this name below the command that has executed its program, and returns the
    /// newest one. Until then it has its parent's name: the name is read afterwards.
    #[track_caller]
    pub fn process(&mut self, name: &str) -> i32 {
        let mut found = None;
        self.eventually(&format!("a process named {name}"), |session| {
            let members = marks::members(session.mark).into_iter();
            let has_name = |pid| ProcStatus::of(pid).is_some_and(|status| status.name() == name);
            found = members
                .filter(|pid| has_executed(*pid) && has_name(*pid))
                .max();
            found.is_some()
        });
        found.expect("it was just found")
    }

    /// Waits for the command's end and returns its exit status, or 128 and the signal that killed it.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let mut status = None;
        self.eventually("the command ended", |session| {
            status = session.try_wait();
            status.is_some()
        });
        status.expect("it was just found")
    }

    /// The command's status if it has ended.
    pub fn try_wait(&mut self) -> Option<i32> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("wait");
        }
        let status = self.status?;
        status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
    }

    /// Takes the terminal away, as when its window is closed.
    pub fn hang_up(&mut self) {
        drop(self.reader_leave.take());
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.master = None;
    }

    /// Fails; what there is to know is said when the session is dropped.
    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        panic!("{what}\nnot yet expected from byte {}", self.seen);
    }

    /// Everything there is to know for whoever looks into a failure.
    fn report(&mut self) -> String {
        let mut report = format!("command: {}\n", self.command);
        let _ = writeln!(report, "status: {:?}", self.try_wait());
        if let Some(master) = &self.master {
            let _ = writeln!(report, "foreground: {:?}", tcgetpgrp(master));
        }
        let members = self.members();
        for process in processes() {
            if let Some((_, name)) = members.iter().find(|(pid, _)| *pid == process.pid) {
                let _ = writeln!(report, "{name}: {process:?}");
            }
        }
        let _ = writeln!(report, "screen: {:?}", self.screen());
        report
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        }
        let _ = self.child.kill();
        marks::end(self.mark);
        let _ = self.child.wait();
        self.hang_up();
    }
}

/// Where `needle` begins in `haystack`.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Whether a process has executed its program. It has the words of its parent before, and none while execve(2) goes on.
fn has_executed(pid: i32) -> bool {
    let words = |pid: &str| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    ProcStatus::of(pid).is_some_and(|status| {
        let own = words(&pid.to_string());
        !own.is_empty() && own != words(status.field("PPid"))
    })
}
