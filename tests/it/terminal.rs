//! Terminals (contract 2.2 and 5): who has the foreground, what the keys do, and job-control shells above
//! and below, each on a pseudo-terminal of its own.

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::harness::pty::{PROMPT, Session, Start};
use crate::harness::{
    Init, ProcStatus, children_of, peer, pidling_path, probe, processes, program, require,
    require_namespaces,
};

/// ^C, ^Z, ^S and ^Q.
const INTERRUPT: &str = "\x03";
const SUSPEND: &str = "\x1a";
const STOP_OUTPUT: &str = "\x13";
const START_OUTPUT: &str = "\x11";

/// Makes the command PID 1 of a new namespace, in a session that is led from outside.
fn namespace() -> impl Iterator<Item = &'static str> {
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
type Shell = &'static [&'static str];
const BASH: Shell = &["bash", "--norc", "--noprofile", "--noediting", "-i"];
const DASH: Shell = &["dash", "-i"];
const BUSYBOX: Shell = &["busybox", "ash", "-i"];

/// Those of the shells that are installed.
fn shells() -> impl Iterator<Item = Shell> {
    [BASH, DASH, BUSYBOX].into_iter().filter(|shell| {
        let is_there = program(shell[0]).is_some();
        let reason = format!("{} is not installed", shell[0]);
        require("terminal-programs", is_there, &reason)
    })
}

/// The command `terminal` of the probe, as `sh` words.
const APP: &str = r#""$PROBE" terminal reading"#;

/// The command runs with the init and the probe in its environment.
fn with_paths(start: Start) -> Start {
    start
        .variable("INIT", pidling_path())
        .variable("PROBE", probe())
}

/// Runs a line of `sh` on a terminal that controls its session; `exec` makes its last command the leader.
fn sh(line: &str) -> Session {
    with_paths(Start::leader(["sh", "-c", line])).start()
}

/// Starts an interactive shell and waits for its prompt.
fn interactive(shell: Shell) -> Session {
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
fn as_pid_1(init: &[&'static str], leads_session: bool) -> Session {
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
fn app(session: &mut Session) -> i32 {
    session.expect("ready ");
    session.process("probe")
}

/// The process that runs the probe, and the init above it.
#[track_caller]
fn app_and_init(session: &mut Session) -> (i32, i32) {
    let app = app(session);
    (app, parent(app))
}

#[track_caller]
fn status(pid: i32) -> ProcStatus {
    ProcStatus::of(pid).expect("a live process")
}

#[track_caller]
fn parent(pid: i32) -> i32 {
    status(pid).ppid()
}

#[track_caller]
fn is_stopped(pid: i32) -> bool {
    status(pid).state() == 'T'
}

#[track_caller]
fn group(pid: i32) -> i32 {
    let all = processes();
    let process = all.iter().find(|process| process.pid == pid);
    process.expect("a live process").group
}

#[track_caller]
fn kill(pid: i32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(pid), signal).expect("the process lives");
}

/// Presses a key that sends `signal` and returns what the app says of it: all of it, for SIGUSR1 is sent
/// after it and reaches the app after every lower number.
#[track_caller]
fn reports(
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

#[track_caller]
fn expect_one_interrupt(session: &mut Session, init: i32, sender: &str) {
    let reports = reports(session, init, |session| session.press(INTERRUPT), "SIGINT");
    if reports != [sender] {
        session.fail(&format!("one SIGINT from {sender}, but got {reports:?}"));
    }
}

/// Presses ^C while the init is held, so that what it may forward comes after what the terminal sent: two
/// that are pending together are one.
#[track_caller]
fn expect_interrupts_from(session: &mut Session, init: i32, senders: &[&str]) {
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

/// Contract 5.1.
#[test]
fn ctrl_c_reaches_the_app_exactly_once() {
    let mut session = sh(&format!("exec \"$INIT\" {APP}"));
    let app = app(&mut session);
    let init = parent(app);
    assert_eq!(init, session.leader());
    for _ in 0..20 {
        expect_one_interrupt(&mut session, init, "kernel");
    }
    expect_interrupts_from(&mut session, init, &["kernel"]);
}

/// Contract 5.1.
#[test]
fn ctrl_c_reaches_the_app_of_pid_1_exactly_once() {
    if !require_namespaces() {
        return;
    }
    for leads_session in [false, true] {
        let mut session = as_pid_1(&[pidling_path()], leads_session);
        let init = session.process("pidling");
        for _ in 0..20 {
            expect_one_interrupt(&mut session, init, "kernel");
        }
        expect_interrupts_from(&mut session, init, &["kernel"]);
    }
}

/// The check above sees an init that leaves the app in its own group and forwards as well.
#[test]
fn ctrl_c_reaches_the_app_of_an_init_without_a_group_twice() {
    if peer("dumb-init").is_none() {
        return;
    }
    let mut session = sh(&format!("exec dumb-init -c {APP}"));
    let app = app(&mut session);
    let init = parent(app);
    expect_interrupts_from(&mut session, init, &["kernel", "process"]);
}

/// Contract 5.3: `fg` and `bg` bring back both, and the terminal with them.
#[test]
fn ctrl_z_in_a_job_control_shell_stops_a_job_that_fg_and_bg_resume() {
    for shell in shells() {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line(&format!("\"$INIT\" {APP}"));
        let app = app(&mut session);
        let init = parent(app);
        session.expect_foreground(app);

        for _ in 0..5 {
            session.press(SUSPEND);
            session.expect(PROMPT);
            session.expect_stopped(app, true);
            session.expect_stopped(init, true);
            session.expect_foreground(shell);
            session.line("fg");
            session.expect("got SIGCONT from process\n");
            session.expect_foreground(app);
            session.expect_stopped(init, false);
            session.line("hello");
            session.expect("read: hello\n");
        }
        expect_one_interrupt(&mut session, init, "kernel");
        session.line("exit 9");
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("echo status=$?");
        session.expect("status=9\n");
        session.expect(PROMPT);

        // In the background one that does not want the terminal; a line for the shell would stop the other.
        session.line("\"$INIT\" \"$PROBE\" terminal");
        let (app, init) = app_and_init(&mut session);
        session.press(SUSPEND);
        session.expect(PROMPT);
        session.line("bg");
        session.expect("got SIGCONT from process\n");
        session.expect_stopped(app, false);
        session.expect_stopped(init, false);
        session.expect_foreground(shell);
        session.line("echo ali''ve");
        session.expect("alive\n");
        session.line("fg");
        session.expect_foreground(group(init));
        expect_one_interrupt(&mut session, init, "process");
        kill(init, Signal::SIGTERM);
        session.expect("got SIGTERM from process\n");
        session.expect(PROMPT);
        session.expect_foreground(shell);
    }
}

/// Contract 5.3 where the shell's job holds more than the init: a script, or a pipeline.
#[test]
fn ctrl_z_stops_the_whole_job_that_the_init_is_part_of() {
    for line in [
        format!("sh -c '\"$INIT\" {APP}; exit'"),
        format!("\"$INIT\" {APP} | cat"),
    ] {
        let mut session = interactive(BASH);
        let shell = session.leader();
        session.line(&line);
        let app = app(&mut session);
        let init = parent(app);
        session.press(SUSPEND);
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("fg");
        session.expect("got SIGCONT from process\n");
        session.line("hello");
        session.expect("read: hello\n");
        session.line("exit 0");
        session.expect(PROMPT);
    }
}

/// Contract 5.2.
#[test]
fn ctrl_z_resumes_the_app_of_pid_1_at_once() {
    if !require_namespaces() {
        return;
    }
    for leads_session in [false, true] {
        let mut session = as_pid_1(&[pidling_path()], leads_session);
        for _ in 0..5 {
            session.press(SUSPEND);
            session.expect("got SIGCONT from process\n");
            session.line("hello");
            session.expect("read: hello\n");
        }
        session.line("exit 9");
        assert_eq!(session.wait(), 9);
    }
}

/// The check above sees an init that leaves the app stopped: only somebody from outside can resume it.
#[test]
fn ctrl_z_wedges_the_app_of_an_init_that_does_not_look() {
    if !require_namespaces() || peer("tini").is_none() {
        return;
    }
    for leads_session in [false, true] {
        let mut session = as_pid_1(&["tini", "--"], leads_session);
        let app = session.process("probe");
        session.press(SUSPEND);
        session.expect_stopped(app, true);
        session.line("hello");
        let init = session.process("tini");
        // It is forwarded, so the init had its chance; the stopped app does not say so.
        kill(init, Signal::SIGUSR1);
        session.eventually("SIGUSR1 is pending", |_| is_pending(app, Signal::SIGUSR1));
        assert!(is_stopped(app));
        assert!(
            !session.screen().contains("got SIG"),
            "{:?}",
            session.screen()
        );
        kill(app, Signal::SIGCONT);
        session.expect("read: hello\n");
    }
}

/// Whether a signal that a process was sent waits for it.
#[track_caller]
fn is_pending(pid: i32, signal: Signal) -> bool {
    status(pid).pending() & 1 << (signal as i32 - 1) != 0
}

/// Whether a process is in this system call.
fn is_in_call(pid: i32, number: nix::libc::c_long) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    call.split(' ').next() == Some(&number.to_string())
}

/// Contract 5.2: whoever sends SIGSTOP means it.
#[test]
fn an_app_stopped_by_sigstop_stays_stopped() {
    if !require_namespaces() {
        return;
    }
    for pid_1 in [false, true] {
        let mut session = if pid_1 {
            as_pid_1(&[pidling_path()], true)
        } else {
            let mut session = sh(&format!("exec \"$INIT\" {APP}"));
            session.expect("ready ");
            session
        };
        let (init, app) = (session.process("pidling"), session.process("probe"));
        kill(app, Signal::SIGSTOP);
        session.expect_stopped(app, true);
        // Each of these has been round the init's loop once it is pending for the app.
        for signal in [Signal::SIGWINCH, Signal::SIGUSR1, Signal::SIGUSR2] {
            kill(init, signal);
            session.eventually("it is forwarded", |_| is_pending(app, signal));
        }
        assert!(is_stopped(app));
        assert!(!is_stopped(init));
        assert!(
            !session.screen().contains("got SIG"),
            "{:?}",
            session.screen()
        );
        kill(init, Signal::SIGCONT);
        session.expect("got SIGCONT from process\n");
        session.line("hello");
        session.expect("read: hello\n");
    }
}

/// Contract 5.4, where no shell sets the foreground itself.
#[test]
fn the_foreground_is_what_it_was_when_the_init_has_ended() {
    for (command, status) in [
        ("exec \"$PROBE\" terminal reading", 9),
        ("\"$PROBE\" terminal reading; kill -KILL $$", 137),
        (
            "\"$PROBE\" terminal reading; set -m; sleep 1000 & kill $!; exit 3",
            3,
        ),
    ] {
        let line = format!(
            "\"$INIT\" sh -c '{command}'; echo status=$?; read -r line; echo \"last: $line\""
        );
        let mut session = sh(&line);
        session.expect("ready ");
        let init = session.process("pidling");
        let app = session.process("probe");
        assert_eq!(session.foreground(), group(app));
        assert_ne!(group(app), group(init));
        session.line("exit 9");
        session.expect(&format!("status={status}\n"));
        assert_eq!(session.foreground(), session.leader());
        session.line("hello");
        session.expect("last: hello\n");
    }
}

/// Contract 5.4, when there never was an app.
#[test]
fn the_foreground_is_what_it_was_when_no_app_could_start() {
    let mut session = sh("\"$INIT\" /nonexistent; echo status=$?; read -r line");
    session.expect("status=127\n");
    assert_eq!(session.foreground(), session.leader());
}

/// A read by somebody else in the init's group keeps the init from one of its own, but the terminal is theirs.
#[test]
fn a_reader_beside_the_init_does_not_keep_the_terminal_from_the_app() {
    let line = "exec 3<&0; cat <&3 & until grep -q wait_woken /proc/$!/wchan; do :; done; \
                exec \"$INIT\" \"$PROBE\" terminal";
    let mut session = sh(line);
    let place = session.expect_after("ready ", "\n");
    let (app, leader) = (session.process("probe"), session.leader());
    assert_eq!(place, format!("{app} {app} {leader} {app}"));
}

/// The terminal that the init opens for itself must not take the number of a closed standard error.
#[test]
fn a_closed_standard_error_does_not_bring_the_log_to_the_terminal() {
    let mut session = sh("\"$INIT\" -vv true 2>&-; \"$INIT\" /nonexistent 2>&-; echo status=$?");
    let screen = session.expect_after("", "status=");
    assert_eq!(screen, "");
    session.expect("127\n");
}

/// poll(2) finds room on a terminal where there is some for one byte, and a write that finds none for a whole
/// line waits for a reader.
#[test]
fn a_terminal_that_nobody_reads_does_not_hold_the_init_back() {
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut running = Init::new()
        .args(["-vv", "-r", "40:0"])
        .stderr(pty.slave)
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready");
    for _ in 0..1000 {
        running.signal(40);
    }
    running.signal(libc::SIGUSR2);
    let _ = running.wait_line("got SIGUSR2 ");
    running.signal(libc::SIGKILL);
    drop(pty.master);
}

/// Contract 2.2.
#[test]
fn an_init_in_the_background_never_takes_the_terminal() {
    for shell in shells() {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line("\"$INIT\" \"$PROBE\" terminal &");
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        let init = parent(app);
        assert_eq!(place, format!("{app} {app} {shell} {shell}"));
        assert_eq!(session.foreground(), shell);

        session.line("fg");
        session.expect_foreground(group(init));
        expect_one_interrupt(&mut session, init, "process");
        session.press(SUSPEND);
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("fg");
        session.expect("got SIGCONT from process\n");
        // Resumed from a stop it has the terminal itself, and the key is the kernel's matter.
        session.expect_foreground(app);
        expect_one_interrupt(&mut session, init, "kernel");
        kill(init, Signal::SIGTERM);
        session.expect("got SIGTERM from process\n");
        session.expect(PROMPT);
        session.expect_foreground(shell);
    }
}

/// Contract 5.3: a background app that wants the terminal is a stopped job until `fg`.
#[test]
fn a_background_app_that_reads_the_terminal_waits_for_fg() {
    for shell in shells() {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line("\"$INIT\" cat &");
        let app = session.process("cat");
        let init = session.process("pidling");
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        assert_eq!(session.foreground(), shell);
        session.line("bg");
        session.line("echo ali''ve");
        session.expect("alive\n");
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        session.line("fg");
        session.expect_foreground(app);
        session.line("hello");
        session.expect("hello\n");
        session.press("\x04");
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("echo status=$?");
        session.expect("status=0\n");
    }
}

/// Contract 5.2: an app of PID 1 that wants a terminal which another group has cannot be helped by being
/// resumed: it would stop again at once, and so on without end.
#[test]
fn an_app_that_wants_the_terminal_of_another_group_is_left_stopped() {
    let python = program("python3").is_some();
    if !require_namespaces() || !require("terminal-programs", python, "python3 is not installed") {
        return;
    }
    let other = "import os, signal, time; signal.signal(signal.SIGTTOU, signal.SIG_IGN); r, w = os.pipe(); \
                 os.fork() or [os.setpgid(0, 0), os.tcsetpgrp(0, os.getpid()), os.write(w, b\"x\"), time.sleep(999)]; \
                 os.read(r, 1); os.read(0, 1)";
    let options: Vec<&str> = namespace().collect();
    let options = options.join(" ");
    let mut session = sh(&format!("{options} \"$INIT\" python3 -c '{other}'"));
    let init = session.process("pidling");
    session.eventually("the app has started", |_| !children_of(init).is_empty());
    let app = children_of(init)[0].pid;
    let mut switches = 0;
    session.eventually("the app is stopped and the init asleep", |_| {
        let before = std::mem::replace(
            &mut switches,
            status(init).number("voluntary_ctxt_switches"),
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
        is_stopped(app) && before == switches
    });
}

/// Contract 2.2: also where the process groups of shell and init have no number in the init's namespace.
#[test]
fn a_background_init_in_a_namespace_leaves_the_terminal_alone() {
    if !require_namespaces() {
        return;
    }
    let mut session = interactive(BASH);
    let shell = session.leader();
    session.line("unshare --pid --fork --mount-proc \"$INIT\" sh -c 'echo re\"\"ady; sleep 1' &");
    session.expect("ready\n");
    assert_eq!(session.foreground(), shell);
    session.line("wait; echo do''ne");
    session.expect("done\n");
    assert_eq!(session.foreground(), shell);
}

/// Contract 5.4: an init that was stopped behind its own back, and goes on in the background, does not take
/// the terminal from the shell when it ends.
#[test]
fn an_init_that_ends_in_the_background_leaves_the_terminal_alone() {
    let mut session = interactive(BASH);
    let shell = session.leader();
    session.line("\"$INIT\" sh -c 'echo re\"\"ady; sleep 1'");
    session.expect("ready\n");
    let init = session.process("pidling");
    kill(init, Signal::SIGSTOP);
    session.expect(PROMPT);
    session.line("bg");
    session.line("wait; echo do''ne");
    session.expect("done\n");
    assert_eq!(session.foreground(), shell);
}

/// Contract 5.1.
#[test]
fn a_new_window_size_reaches_the_app_once() {
    let mut session = sh(&format!("exec \"$INIT\" {APP}"));
    let app = app(&mut session);
    let init = parent(app);
    for rows in 30..35 {
        session.resize(rows);
        session.expect("got SIGWINCH from kernel\n");
        kill(init, Signal::SIGUSR1);
        assert_eq!(session.expect_after("", "got SIGUSR1 from process\n"), "");
    }
}

/// Contract 5.1: an init in the foreground whose app is not passes the size change on.
#[test]
fn a_new_window_size_reaches_an_app_that_was_started_in_the_background() {
    let mut session = interactive(BASH);
    session.line("\"$INIT\" \"$PROBE\" terminal &");
    let app = app(&mut session);
    session.line("fg");
    session.expect_foreground(group(parent(app)));
    session.resize(30);
    session.expect("got SIGWINCH from process\n");
}

/// Contract 5.1: the init writes from the background once it has given the terminal away.
#[test]
fn a_log_on_a_terminal_with_tostop_never_stops_the_init() {
    let line = format!("exec \"$INIT\" -vv {APP}");
    let mut session = with_paths(Start::leader(["sh", "-c", &line]).tostop()).start();
    let app = app(&mut session);
    let init = parent(app);
    kill(init, Signal::SIGUSR1);
    session.expect(&format!("pidling: forwarded SIGUSR1 to process {app}\n"));
    session.line("exit 9");
    session.expect("pidling: exiting with status 9\n");
    assert_eq!(session.wait(), 9);
    assert!(session.screen().contains(&format!(" as process {app}\n")));
}

/// The terminal above does stop whoever writes from the background.
#[test]
fn a_terminal_with_tostop_stops_writers_in_the_background() {
    let mut session = with_paths(Start::leader(BASH).tostop()).start();
    session.expect(PROMPT);
    session.line("\"$PROBE\" terminal &");
    let probe = session.process("probe");
    session.expect_stopped(probe, true);
}

/// Contract 5.1 and 8.4: ^S stops the terminal, not the init.
#[test]
fn a_stopped_terminal_never_delays_the_init() {
    let mut session = sh("exec \"$INIT\" -vv sleep 1000");
    session.expect("pidling: started sleep as process ");
    session.press(STOP_OUTPUT);
    let (init, sleep) = (session.leader(), session.process("sleep"));
    stop_terminal(&mut session, init);
    for signal in [Signal::SIGURG, Signal::SIGWINCH, Signal::SIGTERM] {
        kill(init, signal);
    }
    assert_eq!(session.wait(), 143);
    assert!(!ProcStatus::is_alive(sleep));
}

/// Waits until ^S has stopped the terminal, which shows in that it takes no more output.
fn stop_terminal(session: &mut Session, pid: i32) {
    let path = format!("/proc/{pid}/fd/2");
    session.eventually("the terminal is stopped", |_| {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let terminal = std::fs::OpenOptions::new()
            .write(true)
            .custom_flags(nix::libc::O_NOCTTY)
            .open(&path)
            .expect("the terminal can be opened");
        let mut polled = [PollFd::new(terminal.as_fd(), PollFlags::POLLOUT)];
        poll(&mut polled, PollTimeout::ZERO) == Ok(0)
    });
}

/// The check above sees an init that waits for the terminal.
#[test]
fn a_stopped_terminal_delays_an_init_whose_log_waits() {
    if peer("tini").is_none() {
        return;
    }
    let mut session = sh("exec tini -vvv -- sleep 1000");
    session.expect("Spawned child process");
    let (init, sleep) = (session.leader(), session.process("sleep"));
    session.press(STOP_OUTPUT);
    stop_terminal(&mut session, init);
    kill(init, Signal::SIGTERM);
    session.eventually("tini waits in write(2)", |_| {
        is_in_call(init, nix::libc::SYS_write)
    });
    assert_eq!(session.try_wait(), None);
    session.press(START_OUTPUT);
    assert_eq!(session.wait(), 143);
    assert!(!ProcStatus::is_alive(sleep));
}

/// Contract 2.2: the controlling terminal is found through /dev/tty, whatever standard input is.
#[test]
fn the_terminal_is_found_without_standard_input() {
    for redirection in ["<&-", "</dev/null"] {
        let mut session = sh(&format!("exec \"$INIT\" \"$PROBE\" terminal {redirection}"));
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        let leader = session.leader();
        assert_eq!(place, format!("{app} {app} {leader} {app}"));
        expect_one_interrupt(&mut session, leader, "kernel");
    }
}

/// Contract 2.2: without /dev/tty it is found on standard input.
#[test]
fn the_terminal_is_found_without_dev_tty() {
    if !require_namespaces() {
        return;
    }
    let line = "mount -t tmpfs none /dev && exec \"$INIT\" \"$PROBE\" terminal reading";
    let mut session = with_paths(Start::leader(namespace().chain(["sh", "-c", line]))).start();
    let place = session.expect_after("ready ", "\n");
    // Its session is led from outside of its namespace.
    let app = session.process("probe");
    let app = *status(app).namespace_pids().last().expect("an id");
    assert_eq!(place, format!("{app} {app} 0 {app}"));
    session.line("exit 9");
    assert_eq!(session.wait(), 9);
}

/// Contract 2.2 and 5: one init's app is another's terminal keeper.
#[test]
fn an_init_in_an_init_shares_the_terminal() {
    let mut session = interactive(BASH);
    let shell = session.leader();
    session.line(&format!("\"$INIT\" \"$INIT\" \"$INIT\" {APP}"));
    let app = app(&mut session);
    let inner = parent(app);
    let middle = parent(inner);
    let outer = parent(middle);
    session.expect_foreground(app);
    for _ in 0..3 {
        expect_one_interrupt(&mut session, outer, "kernel");
        session.press(SUSPEND);
        session.expect(PROMPT);
        for pid in [app, inner, middle, outer] {
            session.expect_stopped(pid, true);
        }
        session.expect_foreground(shell);
        session.line("fg");
        session.expect("got SIGCONT from process\n");
        session.expect_foreground(app);
        session.line("hello");
        session.expect("read: hello\n");
    }
    session.line("exit 9");
    session.expect(PROMPT);
    session.expect_foreground(shell);
    session.line("echo status=$?");
    session.expect("status=9\n");
}

/// Contract 5.2 for an init in the init of a container.
#[test]
fn ctrl_z_resumes_the_app_of_an_init_in_pid_1() {
    if !require_namespaces() {
        return;
    }
    for leads_session in [false, true] {
        let mut session = as_pid_1(&[pidling_path(), pidling_path()], leads_session);
        for _ in 0..3 {
            session.press(SUSPEND);
            session.expect("got SIGCONT from process\n");
            session.line("hello");
            session.expect("read: hello\n");
        }
    }
}

/// The terminal goes down through another init as well.
#[test]
fn an_init_under_tini_shares_the_terminal() {
    if peer("tini").is_none() {
        return;
    }
    let mut session = sh(&format!("exec tini -s -- \"$INIT\" {APP}"));
    let app = app(&mut session);
    let init = parent(app);
    assert_eq!(parent(init), session.leader());
    assert_eq!(session.foreground(), app);
    for _ in 0..5 {
        expect_one_interrupt(&mut session, init, "kernel");
    }
    session.line("exit 9");
    assert_eq!(session.wait(), 9);
}

/// Contract 2.2: the shell of a container has job control.
#[test]
fn a_job_control_shell_below_the_init_has_job_control() {
    if !require_namespaces() {
        return;
    }
    for shell in shells() {
        let mut alone = with_paths(Start::leader(shell)).echo().start();
        alone.expect(PROMPT);
        for pid_1 in [false, true] {
            let words = [pidling_path()].into_iter().chain(shell.iter().copied());
            let start = if pid_1 {
                let before = namespace().chain(["setsid", "--ctty"]);
                Start::plain(before.chain(words))
            } else {
                Start::leader(words)
            };
            let mut session = with_paths(start).echo().start();
            session.expect(PROMPT);
            // A shell without job control says so.
            assert_eq!(session.screen(), alone.screen());
            session.line(APP);
            let app = app(&mut session);
            session.expect_foreground(app);
            session.press(SUSPEND);
            session.expect(PROMPT);
            session.expect_stopped(app, true);
            session.line("fg");
            session.expect("got SIGCONT from process\n");
            session.line("exit 9");
            session.expect(PROMPT);
            session.line("exit $?");
            assert_eq!(session.wait(), 9);
        }
    }
}

/// A terminal that goes away tells the leader of its session alone, and the init passes it on.
#[test]
fn a_hang_up_reaches_the_app_once() {
    let log = std::env::temp_dir().join(format!("pidling-hang-up-{}", std::process::id()));
    let line = "exec \"$INIT\" \"$PROBE\" terminal >\"$LOG\"";
    let mut session = with_paths(Start::leader(["sh", "-c", line]).variable("LOG", &log)).start();
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    session.eventually("ready", |_| said().ends_with('\n'));
    let init = session.leader();
    session.hang_up();
    session.eventually("SIGHUP", |_| said().contains("got SIGHUP"));
    kill(init, Signal::SIGTERM);
    assert_eq!(session.wait(), 0);
    let said = said();
    std::fs::remove_file(&log).expect("the log can be removed");
    let got: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(
        got,
        [
            "got SIGHUP from process",
            "got SIGCONT from process",
            "got SIGTERM from process"
        ]
    );
}

/// What is typed to make a program show that it runs, and what it then shows; what ends it.
struct Program {
    command: &'static str,
    ready: &'static str,
    keys: &'static str,
    answer: &'static str,
    end: &'static str,
    status: i32,
}

const PROGRAMS: [Program; 3] = [
    Program {
        command: "python3 -i",
        ready: ">>> ",
        keys: "print(6 * 7)\n",
        answer: "42",
        end: "raise SystemExit(9)\n",
        status: 9,
    },
    Program {
        command: "vim -u NONE -N",
        ready: "~",
        keys: ":echo 6 * 7\n",
        answer: "42",
        end: ":cquit 9\n",
        status: 9,
    },
    Program {
        command: "less /etc/services",
        ready: "/etc/services",
        keys: "gG",
        answer: "(END)",
        end: "q",
        status: 0,
    },
];

/// Real programs start, come back from ^Z and leave the terminal usable.
#[test]
fn programs_that_drive_the_terminal_work_as_usual() {
    for Program {
        command,
        ready,
        keys,
        answer,
        end,
        status: expected,
    } in PROGRAMS
    {
        let name = command.split(' ').next().expect("a command");
        let reason = format!("{name} is not installed");
        if !require("terminal-programs", program(name).is_some(), &reason) {
            continue;
        }
        let mut session = interactive(BASH);
        let shell = session.leader();
        session.line(&format!("\"$INIT\" {command}"));
        session.expect(ready);
        session.press(keys);
        session.expect(answer);
        // A key that comes before it waits for one is lost on less.
        let app = session.foreground();
        session.eventually("it waits", |_| status(app).state() == 'S');
        session.press(SUSPEND);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("fg");
        session.eventually("it has the terminal again", |session| {
            session.foreground() != shell
        });
        session.press(keys);
        session.expect(answer);
        session.press(end);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        assert!(session.is_usable());
        session.line("echo status=$?");
        session.expect(&format!("status={expected}\n"));
    }
}
