//! The name `dumb-init` (contract 10.3) and `--setsid` (2.1): a session of its own for the main child, the
//! terminal with it, stop keys for the whole group, and SIGTERM to whoever is left of it.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::placed::{Held, is_kill};
use harness::pty::{Session, Start};
use harness::reporters::{Reporters, STATUS};
use harness::{
    Init, LIMIT, Limit, ProcStatus, emulator_lacks, eventually, pidling, probe, processes,
    require_namespaces, require_strace,
};

/// A directory with the init under the name `dumb-init`, gone when dropped.
struct Link(PathBuf);

impl Link {
    fn new(test: &str) -> Self {
        let name = format!("pidling-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a directory can be made");
        symlink(pidling(), directory.join("dumb-init")).expect("a link can be made");
        Self(directory)
    }

    fn file(&self) -> PathBuf {
        self.0.join("dumb-init")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a line of `sh` with the init as `$INIT` and the probe as `$PROBE` on a terminal that controls its
/// session.
fn on_a_terminal(program: &Link, line: &str) -> Session {
    Start::leader(["sh", "-c", line])
        .variable("INIT", program.file())
        .variable("PROBE", probe())
        .start()
}

fn member_of(pid: i32) -> (i32, i32) {
    let all = processes();
    let process = all.iter().find(|process| process.pid == pid);
    process.map_or((0, 0), |process| (process.group, process.session))
}

/// The init leads the session and gives the terminal up for the main child's own.
#[test]
fn the_main_child_leads_a_session_with_the_terminal_of_the_init() {
    let program = Link::new("leads");
    let setsid = format!("{} --setsid", pidling().display());
    for init in ["\"$INIT\"", &setsid] {
        let mut session = on_a_terminal(
            &program,
            &format!("exec {init} \"$PROBE\" terminal reading"),
        );
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        assert_eq!(place, format!("{app} {app} {app} {app}"));
        let init = session.leader();
        session.press("\x03");
        session.expect("got SIGINT from kernel\n");
        session.resize(30);
        session.expect("got SIGWINCH from kernel\n");
        kill(Pid::from_raw(init), Signal::SIGUSR1).expect("the init lives");
        assert_eq!(session.expect_after("", "got SIGUSR1 from process\n"), "");
        session.line("exit 9");
        assert_eq!(session.wait(), 9);
    }
}

/// As above for the init of a container with a terminal.
#[test]
fn the_main_child_of_pid_1_leads_a_session_with_the_terminal() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let program = Link::new("leads-pid-1");
    let line = "exec unshare --pid --fork --kill-child --mount-proc setsid --ctty \
                \"$INIT\" \"$PROBE\" terminal reading";
    let mut session = Start::plain(["sh", "-c", line])
        .variable("INIT", program.file())
        .variable("PROBE", probe())
        .start();
    let place = session.expect_after("ready ", "\n");
    assert_eq!(place, "2 2 2 2");
    session.press("\x03");
    session.expect("got SIGINT from kernel\n");
    session.line("exit 9");
    assert_eq!(session.wait(), 9);
}

/// A wrapper in somebody else's session cannot take that session's terminal along.
#[test]
fn the_main_child_of_a_wrapper_leads_a_session_without_a_terminal() {
    let program = Link::new("wrapper");
    let mut session = on_a_terminal(&program, "\"$INIT\" \"$PROBE\" terminal; echo status=$?");
    let place = session.expect_after("ready ", "\n");
    let app = session.process("probe");
    assert_eq!(place, format!("{app} {app} {app} none"));
    let init = session.process("dumb-init");
    assert_eq!(session.foreground(), session.leader());
    session.press("\x03");
    // The shell that leads the session is interrupted as well, and says so by ending.
    session.expect("got SIGINT from process\n");
    kill(Pid::from_raw(init), Signal::SIGTERM).expect("the init lives");
    session.expect("got SIGTERM from process\n");
    let _ = session.wait();
}

/// The kernel sends SIGHUP and SIGCONT to a session leader that gives up its terminal: they must not
/// reach the main child, which would die of the first.
#[test]
fn giving_up_the_terminal_never_hangs_up_the_main_child() {
    let program = Link::new("hangs-up");
    for _ in 0..100 {
        let mut session = on_a_terminal(&program, "exec \"$INIT\" sh -c 'exit 7'");
        assert_eq!(session.wait(), 7);
    }
    for _ in 0..20 {
        let mut session = on_a_terminal(&program, "exec \"$INIT\" \"$PROBE\" terminal");
        session.expect("ready ");
        kill(Pid::from_raw(session.leader()), Signal::SIGUSR1).expect("the init lives");
        let said = session.expect_after("\n", "got SIGUSR1 from process\n");
        assert_eq!(said, "");
    }
}

/// SIGHUP and SIGCONT from anybody else are forwarded all the same.
#[test]
fn sighup_and_sigcont_are_forwarded_after_the_terminal_was_given_up() {
    let program = Link::new("forwards");
    let mut session = on_a_terminal(&program, "exec \"$INIT\" \"$PROBE\" terminal");
    session.expect("ready ");
    let init = session.leader();
    session.eventually("the kernel's are dealt with", |_| {
        ProcStatus::of(init).is_some_and(|status| status.pending() == 0)
    });
    for signal in [Signal::SIGHUP, Signal::SIGCONT] {
        kill(Pid::from_raw(init), signal).expect("the init lives");
        session.expect(&format!("got {signal} from process\n"));
    }
}

/// Contract 1.1: they are forwarded as well while the main child is on its way to its program. The kernel's
/// must not be pending by then: they would swallow these, since a pending signal is not queued again.
#[test]
fn a_sighup_that_comes_while_the_main_child_starts_is_forwarded() {
    if !require_strace() {
        return;
    }
    let init = Link::new("early");
    // The tracer is a grandchild, so that the init is the leader of the session.
    let line = "exec strace -D -f -o /dev/null -e trace=execve \
                -e inject=execve:delay_enter=3000000 \"$INIT\" /bin/sleep 1000";
    let mut session = on_a_terminal(&init, line);
    let leader = session.leader();
    let mut child = None;
    session.eventually("the main child leads its session", |session| {
        let members = session.members();
        child = members
            .into_iter()
            .find(|(pid, name)| name == "dumb-init" && *pid != leader && member_of(*pid).1 == *pid)
            .map(|(pid, _)| pid);
        child.is_some()
    });
    kill(Pid::from_raw(leader), Signal::SIGHUP).expect("the init lives");
    assert_eq!(session.wait(), 129);
}

#[test]
fn single_child_mode_keeps_the_session() {
    let program = Link::new("single");
    for (variable, options) in [
        ("", "-c"),
        ("", "--single-child"),
        ("DUMB_INIT_SETSID=0", ""),
    ] {
        let line = format!("{variable} exec \"$INIT\" {options} \"$PROBE\" terminal reading");
        let mut session = on_a_terminal(&program, &line);
        let place = session.expect_after("ready ", "\n");
        let (app, leader) = (session.process("probe"), session.leader());
        assert_eq!(place, format!("{app} {app} {leader} {app}"));
        session.line("exit 9");
        assert_eq!(session.wait(), 9);
    }
}

/// Only the value 0 counts, as it always has for dumb-init.
#[test]
fn other_values_of_dumb_init_setsid_change_nothing() {
    let program = Link::new("setsid");
    for value in ["", "1", "00", "false"] {
        let line = format!("DUMB_INIT_SETSID={value} exec \"$INIT\" \"$PROBE\" terminal");
        let mut session = on_a_terminal(&program, &line);
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        assert_eq!(place, format!("{app} {app} {app} {app}"));
    }
}

/// Starts the reporters under the name dumb-init.
#[track_caller]
fn reporters(options: &[&str]) -> Reporters {
    Reporters::start(Init::new().argv0("/usr/bin/dumb-init").args(options))
}

#[track_caller]
fn expect_state(pid: i32, stopped: bool) {
    assert!(
        eventually(LIMIT, || {
            ProcStatus::of(pid).is_some_and(|status| (status.state() == 'T') == stopped)
        }),
        "process {pid} stopped: {stopped}"
    );
}

#[test]
fn the_group_gets_each_signal_but_in_single_child_mode() {
    let init = || Init::new().argv0("dumb-init");
    for (init, whole_group) in [
        (init(), true),
        (init().arg("-c"), false),
        (init().arg("--single-child"), false),
        (init().env("DUMB_INIT_SETSID", "0"), false),
    ] {
        let mut group = Reporters::start(init);
        group.running.signal(Signal::SIGUSR1 as i32);
        let _ = group.running.wait_line("got SIGUSR1 ");
        if !whole_group {
            // It is sent this one directly, so by now it has everything that came before.
            kill(Pid::from_raw(group.member), Signal::SIGUSR1).expect("it lives");
        }
        group.expect_member_got(&["SIGUSR1"]);
        let (child, session) = member_of(group.child);
        assert_eq!(child, group.child);
        assert_eq!(session == group.child, whole_group);
        assert_eq!(member_of(group.member), (child, session));
    }
}

/// The stop keys' signals stop the group whatever it does with them, then the init; SIGCONT resumes all.
#[test]
fn stop_signals_stop_the_group_and_the_init_until_sigcont() {
    for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        let mut group = reporters(&[]);
        for _ in 0..3 {
            group.running.signal(signal as i32);
            for pid in [group.init, group.child, group.member] {
                expect_state(pid, true);
            }
            group.running.signal(Signal::SIGCONT as i32);
            let _ = group.running.wait_line("got SIGCONT ");
            for pid in [group.init, group.child, group.member] {
                expect_state(pid, false);
            }
        }
        group.running.send_line("quit");
        assert_eq!(group.running.wait_status().code(), Some(STATUS));
    }
}

/// Contract 10.3: the init is held before it forwards SIGSTOP, so that SIGCONT is pending when it comes to stop itself.
#[test]
fn a_sigcont_that_comes_before_the_init_stops_itself_is_not_lost() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    let mut group = reporters(&[]);
    let stop = || group.running.signal(Signal::SIGTSTP as i32);
    let held = Held::at(group.init, stop, |call| is_kill(call, -group.child));
    group.running.signal(Signal::SIGCONT as i32);
    held.release();
    let _ = group.running.wait_line("got SIGCONT ");
    for pid in [group.init, group.child, group.member] {
        expect_state(pid, false);
    }
    group.running.send_line("quit");
    assert_eq!(group.running.wait_status().code(), Some(STATUS));
}

/// Contract 5.3, 6.3, 10.3: once a shutdown has begun the deadline is kept, whoever is stopped.
#[test]
fn a_stop_signal_in_a_shutdown_leaves_the_deadline_alone() {
    let mut running = Init::new()
        .argv0("dumb-init")
        .args(["-t", "1s"])
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready ");
    running.signal(Signal::SIGTERM as i32);
    let _ = running.wait_line("got SIGTERM ");
    running.signal(Signal::SIGTSTP as i32);
    running.wait().expect_status(137);
}

/// Nobody can stop PID 1 from inside, so that it is there to forward SIGCONT.
#[test]
fn stop_signals_stop_the_group_of_pid_1() {
    if !require_namespaces() {
        return;
    }
    let mut group = Reporters::start(Init::new().argv0("dumb-init").as_pid_1());
    group.running.signal(Signal::SIGTSTP as i32);
    for pid in [group.child, group.member] {
        expect_state(pid, true);
    }
    assert_ne!(group.running.init_status().state(), 'T');
    group.running.signal(Signal::SIGCONT as i32);
    let _ = group.running.wait_line("got SIGCONT ");
    expect_state(group.member, false);
}

/// In single-child mode they are forwarded as they are, and the init stops as well.
#[test]
fn stop_signals_are_forwarded_as_they_are_in_single_child_mode() {
    let mut group = reporters(&["-c"]);
    group.running.signal(Signal::SIGTSTP as i32);
    let _ = group.running.wait_line("got SIGTSTP ");
    expect_state(group.init, true);
    group.running.signal(Signal::SIGCONT as i32);
    expect_state(group.init, false);
    let _ = group.running.wait_line("got SIGCONT ");
}

/// A rewrite of one's own wins over the rewrite to SIGSTOP.
#[test]
fn a_rewritten_stop_signal_is_forwarded_as_asked_for() {
    let mut group = reporters(&["-r", "20:10"]);
    group.running.signal(Signal::SIGTSTP as i32);
    let _ = group.running.wait_line("got SIGUSR1 ");
    group.expect_member_got(&["SIGUSR1"]);
    expect_state(group.init, true);
    expect_state(group.child, false);
}

#[test]
fn the_group_gets_sigterm_when_the_main_child_ends() {
    let init = || Init::new().argv0("dumb-init");
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            return;
        }
        let mut group = Reporters::start(if as_pid_1 { init().as_pid_1() } else { init() });
        group.running.send_line("quit");
        assert_eq!(group.running.wait_status().code(), Some(STATUS));
        if !as_pid_1 {
            // The end of PID 1 is SIGKILL to its namespace, so there nobody can tell.
            group.expect_member_got(&["SIGTERM"]);
        }
    }
}

#[test]
fn nobody_gets_sigterm_when_the_main_child_ends_in_single_child_mode() {
    let mut group = reporters(&["-c"]);
    group.running.send_line("quit");
    assert_eq!(group.running.wait_status().code(), Some(STATUS));
    kill(Pid::from_raw(group.member), Signal::SIGUSR1).expect("it lives");
    group.expect_member_got(&["SIGUSR1"]);
}

#[test]
fn rewrites_by_number_are_forwarded_as_the_other_signal_or_dropped() {
    for (options, sent, got) in [
        (&["-r", "15:2"][..], Signal::SIGTERM, "got SIGINT "),
        (&["--rewrite", "15:3"], Signal::SIGTERM, "got SIGQUIT "),
        (&["--rewrite=1:15"], Signal::SIGHUP, "got SIGTERM "),
        (&["-r1:10", "-r", "2:12"], Signal::SIGINT, "got SIGUSR2 "),
        (
            &["-r", "1:10", "-r", "1:12"],
            Signal::SIGHUP,
            "got SIGUSR2 ",
        ),
    ] {
        let mut running = Init::new()
            .argv0("dumb-init")
            .args(options)
            .probe(["report", "--count", "1"])
            .spawn();
        let _ = running.wait_line("ready ");
        running.signal(sent as i32);
        let _ = running.wait_line(got);
        running.wait().expect_status(0);
    }
    let mut running = Init::new()
        .argv0("dumb-init")
        .args(["-r", "1:0"])
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready ");
    running.signal(Signal::SIGHUP as i32);
    assert!(eventually(LIMIT, || running.init_status().pending() == 0));
    running.signal(Signal::SIGTERM as i32);
    let _ = running.wait_line("got SIGTERM ");
    running.send_line("quit");
    let output = running.wait();
    assert!(!output.stdout().contains("SIGHUP"), "{output}");
}
