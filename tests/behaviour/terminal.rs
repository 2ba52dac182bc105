//! Terminals (contract 2.2 and 5): who has the foreground, what the keys do, and job-control shells above
//! and below, each on a pseudo-terminal of its own.

use nix::sys::signal::Signal;

use crate::placed::{Held, is_kill};
use harness::pty::{Session, Start};
use harness::terminal::{
    APP, INTERRUPT, QUIT, START_OUTPUT, STOP_OUTPUT, SUSPEND, app, app_and_init, as_pid_1,
    expect_interrupts_from, expect_one_interrupt, group, is_stopped, kill, namespace, parent, sh,
    status, with_paths,
};
use harness::{
    Init, Limit, ProcStatus, emulator_lacks, is_in_call, peer, pidling_path, require_namespaces,
};

/// Contract 5.1.
#[test]
fn ctrl_c_reaches_the_app_exactly_once() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    if peer("dumb-init").is_none() {
        return;
    }
    let mut session = sh(&format!("exec dumb-init -c {APP}"));
    let app = app(&mut session);
    let init = parent(app);
    expect_interrupts_from(&mut session, init, &["kernel", "process"]);
}

/// Contract 3.2, 3.3: a key that reaches the init is for the whole group of the app, whatever it is rewritten to.
#[test]
fn a_rewritten_key_reaches_the_whole_group_of_the_app() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    let mut session = with_helper("-r INT:USR1 -r QUIT:USR2");
    for (key, signal) in [(INTERRUPT, "SIGUSR1"), (QUIT, "SIGUSR2")] {
        session.press(key);
        expect_from_app_and_helper(&mut session, signal);
    }
}

/// Contract 3.2, 5.3: a key stays one if it comes while the init stops with the app. Here it runs on, because its group is
/// orphaned, and is held before it asks for the stop.
#[test]
fn a_key_that_comes_while_the_init_stops_reaches_the_whole_group_of_the_app() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    let mut session = with_helper("");
    let init = session.leader();
    let held = Held::at(init, || session.press(SUSPEND), |call| is_kill(call, -init));
    session.press(INTERRUPT);
    session.eventually("SIGINT is pending", |_| is_pending(init, Signal::SIGINT));
    held.release();
    expect_from_app_and_helper(&mut session, "SIGINT");
}

/// Contract 5.3, 6.1: a stop signal that comes while the init stops with the app is acted on, whichever signal it is. A
/// SIGCONT follows it, as timeout(1) sends one, and is discarded by the stop.
#[test]
fn a_stop_signal_that_comes_while_the_init_stops_is_acted_on() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    for (option, forwarded) in [
        ("--stop-signal USR1", "SIGUSR1"),
        ("-r USR1:TERM", "SIGTERM"),
    ] {
        let mut session = sh(&format!("set -m; \"$INIT\" {option} {APP}; read -r line"));
        let (_, init) = app_and_init(&mut session);
        let group = group(init);
        let held = Held::at(
            init,
            || session.press(SUSPEND),
            |call| is_kill(call, -group),
        );
        kill(init, Signal::SIGUSR1);
        kill(init, Signal::SIGCONT);
        held.release();
        session.expect(&format!("got {forwarded} from process\n"));
    }
}

/// Contract 5.3: ^Z under a shell suspends also where the signal of the key is a stop signal. The one that the init has sent
/// to its own group asks nobody to end.
#[test]
fn a_key_whose_signal_is_a_stop_signal_suspends_the_job() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    for option in ["--stop-signal TSTP", "-r TSTP:TERM", "-r TSTP:INT"] {
        let mut session = sh(&format!(
            "set -m; \"$INIT\" {option} {APP}; echo suspended; read -r line"
        ));
        let (app, init) = app_and_init(&mut session);
        session.press(SUSPEND);
        session.expect("suspended\n");
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
    }
}

/// Starts an app with a helper in its group, both without the terminal, under an init that leads the session.
fn with_helper(options: &str) -> Session {
    let app = "\"$PROBE\" terminal & exec \"$PROBE\" terminal";
    let mut session = sh(&format!(
        "exec \"$INIT\" {options} sh -c '{app}' </dev/null"
    ));
    for _ in 0..2 {
        session.expect("ready ");
    }
    session
}

/// Waits until the app and its helper have got a signal that was forwarded.
#[track_caller]
fn expect_from_app_and_helper(session: &mut Session, signal: &str) {
    for _ in 0..2 {
        session.expect(&format!("got {signal} from process\n"));
    }
}

/// Contract 5.2.
#[test]
fn ctrl_z_resumes_the_app_of_pid_1_at_once() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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

/// Contract 5.2: whoever sends SIGSTOP means it.
#[test]
fn an_app_stopped_by_sigstop_stays_stopped() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    let mut session = sh("\"$INIT\" /nonexistent; echo status=$?; read -r line");
    session.expect("status=127\n");
    assert_eq!(session.foreground(), session.leader());
}

/// A read by somebody else in the init's group keeps the init from one of its own, but the terminal is theirs.
#[test]
fn a_reader_beside_the_init_does_not_keep_the_terminal_from_the_app() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    let mut session = sh("\"$INIT\" -vv true 2>&-; \"$INIT\" /nonexistent 2>&-; echo status=$?");
    let screen = session.expect_after("", "status=");
    assert_eq!(screen, "");
    session.expect("127\n");
}

/// poll(2) finds room on a terminal where there is some for one byte, and a write that finds none for a whole
/// line waits for a reader.
#[test]
fn a_terminal_that_nobody_reads_does_not_hold_the_init_back() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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

/// Contract 5.1.
#[test]
fn a_new_window_size_reaches_the_app_once() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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

/// Contract 5.1: the init writes from the background once it has given the terminal away. The app writes nothing then: the
/// kernel refuses a write that does not wait while somebody else writes to the terminal, and that line would be dropped.
#[test]
fn a_log_on_a_terminal_with_tostop_never_stops_the_init() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    let line = format!("exec \"$INIT\" -vv -r USR1:0 {APP}");
    let mut session = with_paths(Start::leader(["sh", "-c", &line]).tostop()).start();
    let app = app(&mut session);
    let init = parent(app);
    kill(init, Signal::SIGUSR1);
    session.expect("pidling: dropped SIGUSR1: rewritten to 0\n");
    session.line("exit 9");
    session.expect("pidling: exiting with status 9\n");
    assert_eq!(session.wait(), 9);
    assert!(session.screen().contains(&format!(" as process {app}\n")));
}

/// Contract 5.1 and 8.4: ^S stops the terminal, not the init.
#[test]
fn a_stopped_terminal_never_delays_the_init() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    let mut session = sh("exec \"$INIT\" -vv sleep 1000");
    session.expect("pidling: started ");
    let _ = session.process("sleep");
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
        is_in_call(init, &nix::libc::SYS_write.to_string())
    });
    assert_eq!(session.try_wait(), None);
    session.press(START_OUTPUT);
    assert_eq!(session.wait(), 143);
    assert!(!ProcStatus::is_alive(sleep));
}

/// Contract 2.2: with a redirection the terminal is not the app's alone, which keys reach through the init (3.2).
#[test]
fn an_app_that_is_redirected_does_not_have_the_terminal() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    for redirection in ["<&-", "</dev/null"] {
        let mut session = sh(&format!("exec \"$INIT\" \"$PROBE\" terminal {redirection}"));
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        let leader = session.leader();
        assert_eq!(place, format!("{app} {app} {leader} {leader}"));
        expect_one_interrupt(&mut session, leader, "process");
    }
    let line = "\"$INIT\" sh -c '\"$PROBE\" terminal; :' 2>/dev/null | { read -r place; echo \"$place\"; }; :";
    let mut session = sh(line);
    let place = session.expect_after("ready ", "\n");
    assert!(
        place.ends_with(&format!(" {0} {0}", session.leader())),
        "{place}"
    );
}

/// Contract 2.2 and 5.4: who asks for the terminal gets it, and the init takes it back.
#[test]
fn an_app_that_asks_for_the_terminal_gets_it() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    for ask in [
        "read -r line </dev/tty; echo \"app: $line\"",
        "stty -echo </dev/tty; read -r line </dev/tty; echo \"app: $line\"",
    ] {
        let line =
            format!("\"$INIT\" sh -c '{ask}' </dev/null; read -r line; echo \"script: $line\"");
        let mut session = sh(&line);
        let init = session.process("pidling");
        session.eventually("the app has the terminal", |session| {
            let foreground = session.foreground();
            foreground != session.leader() && parent(foreground) == init
        });
        session.line("hello");
        session.expect("app: hello\n");
        session.expect_foreground(session.leader());
        session.line("again");
        session.expect("script: again\n");
    }
}

/// Contract 2.2: without /dev/tty it is found on standard input.
#[test]
fn the_terminal_is_found_without_dev_tty() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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

/// Contract 2.2: a read of no bytes, which tells whose the foreground is where no group has a number, waits for
/// another reader unless the terminal was opened anew. Where it cannot be, it counts as somebody else's.
#[test]
fn a_reader_beside_an_init_without_dev_tty_does_not_hold_it_back() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for (hide, has_terminal) in [("/dev", true), ("/dev /proc", false)] {
        let line = format!(
            "exec 3<&0; cat <&3 & until grep -q wait_woken /proc/$!/wchan; do :; done; \
             for place in {hide}; do mount -t tmpfs none $place || exit; done; exec \"$INIT\" \"$PROBE\" terminal"
        );
        let words = namespace().map(str::to_owned);
        let words = words.chain(["sh".to_owned(), "-c".to_owned(), line]);
        let mut session = with_paths(Start::leader(words)).start();
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        let has = session.foreground() == app;
        let app = *status(app).namespace_pids().last().expect("an id");
        let foreground = if has_terminal { app } else { 0 };
        assert_eq!(place, format!("{app} {app} 0 {foreground}"));
        assert_eq!(has, has_terminal);
    }
}

/// Contract 5.2: without a terminal a wrapper leaves a stopped app alone, and who called it runs on.
#[test]
fn a_wrapper_without_a_terminal_stops_nobody() {
    if !require_namespaces() {
        return;
    }
    for signal in ["TSTP", "TTIN", "TTOU", "STOP"] {
        for init in ["", pidling_path()] {
            let line = format!("timeout 0.5 {init} sh -c 'kill -{signal} $$; exit 7'; exit $?");
            let words: Vec<&str> = namespace().collect();
            let mut child = std::process::Command::new(words[0])
                .args(&words[1..])
                .args(["setsid", "sh", "-c", &line])
                .stdin(std::process::Stdio::null())
                .spawn()
                .expect("unshare can be run");
            let mut status = None;
            let _ = harness::eventually(harness::LIMIT, || {
                status = child.try_wait().expect("wait");
                status.is_some()
            });
            // All of the namespace dies with it.
            let _ = child.kill();
            let _ = child.wait().expect("wait");
            let status = status.map(|status| status.code());
            assert_eq!(status, Some(Some(124)), "SIG{signal} with {init:?}");
        }
    }
}

/// Contract 5.2: without a terminal PID 1 resumes an app that stopped as terminals stop, and no other.
#[test]
fn pid_1_without_a_terminal_resumes_an_app_that_stopped_itself() {
    if !require_namespaces() {
        return;
    }
    for signal in ["TSTP", "TTIN", "TTOU"] {
        let line = format!("kill -{signal} $$; exit 7");
        let words = namespace().chain(["setsid", pidling_path(), "sh", "-c"]);
        let words = words.map(str::to_owned).chain([line]);
        let mut session = with_paths(Start::plain(words)).start();
        assert_eq!(session.wait(), 7, "SIG{signal}");
    }
}

/// Contract 5.2 for an init in the init of a container.
#[test]
fn ctrl_z_resumes_the_app_of_an_init_in_pid_1() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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

/// A terminal that goes away tells the leader of its session alone, and the init passes it on.
#[test]
fn a_hang_up_reaches_the_app_once() {
    if emulator_lacks(Limit::Terminals) {
        return;
    }
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
