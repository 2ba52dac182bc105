//! The init and job-control shells on pseudo-terminals.

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::pty::{PROMPT, Session, Start};
use crate::{ProcStatus, Requirement, pidling_path, probe, processes, program, require};

/// ^C.
pub const INTERRUPT: &str = "\x03";
/// ^\.
pub const QUIT: &str = "\x1c";
/// ^Z.
pub const SUSPEND: &str = "\x1a";
/// ^S.
pub const STOP_OUTPUT: &str = "\x13";
/// ^Q.
pub const START_OUTPUT: &str = "\x11";

/// Makes the command PID 1 of a new namespace, in a session that is led from outside.
pub fn namespace() -> impl Iterator<Item = &'static str> {
    let user: &[&str] = if nix::unistd::geteuid().is_root() {
        &[]
    } else {
        &["--user", "--map-root-user"]
    };
    let options = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let user = user.iter().copied();
    ["unshare"].into_iter().chain(user).chain(options)
}

/// An interactive job-control shell.
pub type Shell = &'static [&'static str];
/// bash.
pub const BASH: Shell = &["bash", "--norc", "--noprofile", "--noediting", "-i"];
/// dash.
pub const DASH: Shell = &["dash", "-i"];
/// The shell of busybox.
pub const BUSYBOX: Shell = &["busybox", "ash", "-i"];

/// Those of the shells that are installed.
pub fn shells() -> impl Iterator<Item = Shell> {
    [BASH, DASH, BUSYBOX].into_iter().filter(|shell| {
        let is_there = program(shell[0]).is_some();
        let reason = format!("{} is not installed", shell[0]);
        require(Requirement::TerminalPrograms, is_there, &reason)
    })
}

/// The command `terminal` of the probe, as `sh` words.
pub const APP: &str = r#""$PROBE" terminal reading"#;

/// The command runs with the init and the probe in its environment.
pub fn with_paths(start: Start) -> Start {
    start
        .variable("INIT", pidling_path())
        .variable("PROBE", probe())
}

/// Runs a line of `sh` on a terminal that controls its session; `exec` makes its last command the leader.
pub fn sh(line: &str) -> Session {
    with_paths(Start::leader(["sh", "-c", line])).start()
}

/// Starts an interactive shell and waits for its prompt.
pub fn interactive(shell: Shell) -> Session {
    let start = with_paths(Start::leader(shell));
    // Without echo busybox reads lines so that the end of a job is the end of its input.
    let start = if shell == BUSYBOX {
        start.echo()
    } else {
        start
    };
    let mut session = start.start();
    session.expect(PROMPT);
    session
}

/// Starts the probe under an init as PID 1 of a namespace. Its session is led from outside the namespace, or
/// by the init itself as in a container with a terminal.
pub fn as_pid_1(init: &[&'static str], leads_session: bool) -> Session {
    let probe = probe().to_str().expect("a path in UTF-8");
    let app = [probe, "terminal", "reading"];
    let words = namespace();
    let mut session = if leads_session {
        let leader = ["setsid", "--ctty"].into_iter();
        with_paths(Start::plain(
            words.chain(leader).chain(init.iter().copied()).chain(app),
        ))
        .start()
    } else {
        with_paths(Start::leader(words.chain(init.iter().copied()).chain(app))).start()
    };
    session.expect("ready ");
    session
}

/// The process that runs the probe's command below the session's leader.
#[track_caller]
pub fn app(session: &mut Session) -> i32 {
    session.expect("ready ");
    session.process("probe")
}

/// The process that runs the probe, and the init above it.
#[track_caller]
pub fn app_and_init(session: &mut Session) -> (i32, i32) {
    let app = app(session);
    (app, parent(app))
}

/// What the kernel says of a process, which has to be there.
#[track_caller]
pub fn status(pid: i32) -> ProcStatus {
    ProcStatus::of(pid).expect("a live process")
}

/// The parent of a process.
#[track_caller]
pub fn parent(pid: i32) -> i32 {
    status(pid).ppid()
}

/// Whether a process is stopped.
#[track_caller]
pub fn is_stopped(pid: i32) -> bool {
    status(pid).state() == 'T'
}

/// The process group of a process.
#[track_caller]
pub fn group(pid: i32) -> i32 {
    let all = processes();
    let process = all.iter().find(|process| process.pid == pid);
    process.expect("a live process").group
}

/// Sends a signal to a process, which has to be there.
#[track_caller]
pub fn kill(pid: i32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(pid), signal).expect("the process lives");
}

/// Presses a key that sends `signal` and returns what the app says of it: all of it, for SIGUSR1 is sent
/// after it and reaches the app after every lower number.
#[track_caller]
pub fn reports(
    session: &mut Session,
    init: i32,
    press: impl FnOnce(&mut Session),
    signal: &str,
) -> Vec<String> {
    press(session);
    let first = session.expect_after(&format!("got {signal} from "), "\n");
    kill(init, Signal::SIGUSR1);
    let others = session.expect_after("", "got SIGUSR1 from process\n");
    let mut reports = vec![first];
    reports.extend(
        others
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("got {signal} from ")))
            .map(str::to_owned),
    );
    reports
}

/// Presses ^C, and fails unless the app gets one SIGINT from this sender.
#[track_caller]
pub fn expect_one_interrupt(session: &mut Session, init: i32, sender: &str) {
    let reports = reports(session, init, |session| session.press(INTERRUPT), "SIGINT");
    if reports != [sender] {
        session.fail(&format!("one SIGINT from {sender}, but got {reports:?}"));
    }
}

/// Presses ^C while the init is held, so that what it may forward comes after what the terminal sent: two
/// that are pending together are one.
#[track_caller]
pub fn expect_interrupts_from(session: &mut Session, init: i32, senders: &[&str]) {
    let press = |session: &mut Session| {
        kill(init, Signal::SIGSTOP);
        session.expect_stopped(init, true);
        let before = session.screen().len();
        session.press(INTERRUPT);
        session.eventually("the terminal's SIGINT", |session| {
            session.screen()[before..].contains("got SIGINT from kernel\n")
        });
        kill(init, Signal::SIGCONT);
    };
    let reports = reports(session, init, press, "SIGINT");
    if reports != senders {
        session.fail(&format!("SIGINT from {senders:?}, but got {reports:?}"));
    }
}
