//! What is said and done where nobody gave a grace period: the eight seconds of contract 6.9 and the nine of 6.4,
//! and what else the rest gets with its SIGTERM.
//!
//! These tests wait for real time, all of them side by side.

use crate::shutdown::{script, sleeps_with_a_timeout, wait_for};
use harness::pty::Start;
use harness::terminal::BASH;
use harness::{
    Event, Events, Init, LIMIT, Limit, Output, ProcStatus, Running, emulator_lacks, eventually,
    require_namespaces, require_root,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::SystemTime;

const TERM: i32 = libc::SIGTERM;

/// The init that speaks JSON, as PID 1 or as a wrapper.
fn init(as_pid_1: bool) -> Init {
    let init = Init::new().arg("--log-format=json");
    if as_pid_1 { init.as_pid_1() } else { init }
}

fn start(init: Init, words: &[&str]) -> Running {
    let mut running = init.probe(words).spawn();
    let _ = running.wait_line("");
    running
}

/// By how many milliseconds the times of two lines may be nearer to each other than a deadline is long: they are cut to
/// milliseconds, and of another clock.
const ROUNDING: u64 = 10;

/// How many milliseconds a busy machine may let a deadline pass.
const LATE: u64 = 3000;

/// Fails unless it is this many milliseconds that a line came after what the init has counted from: another line, or the
/// moment before a signal was sent. The line about a signal comes later than the signal.
#[track_caller]
fn expect_after(after: u64, milliseconds: u64, line: &Event) {
    let range = milliseconds - ROUNDING..milliseconds + LATE;
    assert!(range.contains(&after), "after {after} ms: {line}");
}

/// Kills the main child of an init that has told its pid, and returns what the init said.
#[track_caller]
fn end(mut running: Running) -> Output {
    let child = Pid::from_raw(running.main_child_pid());
    // Whoever is stopped as well: SIGKILL does not care.
    let _ = kill(child, Signal::SIGKILL);
    let _ = running.wait_status();
    running.wait()
}

/// Contract 6.9: docker kills after ten seconds, and then nobody can say anything.
#[test]
fn a_main_child_that_ignores_its_stop_signal_is_named_after_eight_seconds() {
    if !require_namespaces() {
        return;
    }
    let cases: [(&[&str], &str, char, &str); 5] = [
        (&["ignore:TERM"], "ignores", 'S', "warning"),
        (&["block:TERM"], "blocks", 'S', "warning"),
        (&["stop"], "has not acted on", 'T', "warning"),
        (&["catch:TERM", "stop"], "catches", 'T', "warning"),
        (&["catch:TERM"], "catches", 'S', "info"),
    ];
    let started: Vec<_> = cases
        .iter()
        .flat_map(|case| [(true, case), (false, case)])
        .map(|(as_pid_1, case)| {
            let words = [&["app", "main"], case.0].concat();
            let running = start(init(as_pid_1).arg("-v"), &words);
            if case.2 == 'T' {
                let child = running.main_child_pid();
                assert!(eventually(LIMIT, || {
                    ProcStatus::of(child).is_some_and(|status| status.state() == 'T')
                }));
            }
            let sent = SystemTime::now();
            running.signal(TERM);
            (running, sent, case)
        })
        .collect();
    for (running, sent, (_, disposition, state, level)) in started {
        let line = running.until_event("slow_stop");
        expect_after(line.since(sent), 8000, &line);
        assert_eq!(
            (
                line.text("disposition"),
                line.text("state"),
                line.text("level")
            ),
            (*disposition, &*state.to_string(), *level),
            "{line}"
        );
        assert_eq!(
            (line.text("name"), line.text("signal")),
            ("probe", "SIGTERM"),
            "{line}"
        );
        assert_eq!(
            line.number("pid"),
            running.log_so_far().only("started").number("pid"),
            "{line}"
        );
        // It is said once, and then there is nothing to wake up for.
        assert!(!sleeps_with_a_timeout(&running), "{line}");
        let _ = Events::of(&end(running)).only("slow_stop");
    }
}

/// Contract 6.9: the controls, at the default level. What ends in time, drains with a handler, or has a grace period
/// of its own needs no word.
#[test]
fn a_healthy_stop_says_nothing_however_slow() {
    if !require_namespaces() {
        return;
    }
    let mut started = Vec::new();
    for as_pid_1 in [true, false] {
        for (options, words, status) in [
            (&[][..], &["drain", "7"][..], 0),
            (&[], &["drain", "9", "4"], 4),
            (&["-t20s"], &["drain", "9"], 0),
            (&["-a"], &["drain", "9"], 0),
        ] {
            let running = start(init(as_pid_1).args(options), words);
            running.signal(TERM);
            started.push((running, status));
        }
    }
    // With a grace period the line would come too late or say what the deadline says.
    let killed = start(
        init(true).args(["-v", "-t9s"]),
        &["app", "main", "ignore:TERM"],
    );
    killed.signal(TERM);
    for (running, status) in started {
        let output = running.wait();
        output.expect_status(status);
        output.expect_stderr("");
    }
    let output = killed.wait();
    output.expect_status(137);
    Events::of(&output).expect_none("slow_stop");
}

/// Contract 6.9: as forwarded, and from when it was.
#[test]
fn a_slow_stop_is_counted_from_when_the_signal_was_forwarded() {
    if !require_namespaces() {
        return;
    }
    let options = ["-v", "--stop-delay=1s", "-rTERM:USR1"];
    let running = start(init(true).args(options), &["app", "main", "ignore:USR1"]);
    // Outside of a shutdown idle means asleep.
    assert!(!sleeps_with_a_timeout(&running));
    let sent = SystemTime::now();
    running.signal(TERM);
    let line = running.until_event("slow_stop");
    assert_eq!(
        (line.text("signal"), line.text("disposition")),
        ("SIGUSR1", "ignores")
    );
    expect_after(line.since(sent), 1000 + 8000, &line);
    let _ = end(running);
}

/// Contract 6.9: another signal that came meanwhile is not the one that is asked about, and a ladder is not a grace
/// period.
#[test]
fn a_slow_stop_is_told_under_a_ladder_too() {
    if !require_namespaces() {
        return;
    }
    let running = start(
        init(true).args(["-v", "--escalate=1h:INT"]),
        &["app", "main", "ignore:TERM", "ignore:HUP"],
    );
    running.signal(TERM);
    running.signal(libc::SIGHUP);
    let line = running.until_event("slow_stop");
    assert_eq!(
        (line.text("signal"), line.text("level")),
        ("SIGTERM", "warning")
    );
    let _ = end(running);
}

/// Contract 6.4: docker's ten seconds are not reached, so that the report is.
#[test]
fn without_a_grace_period_the_rest_has_nine_seconds_from_the_stop_signal() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let mut started = Vec::new();
    for as_pid_1 in [true, false]
        .into_iter()
        .filter(|as_pid_1| !as_pid_1 || require_namespaces())
    {
        // A step beyond that deadline does not happen (6.8).
        for (options, earliest) in [
            (&["-a"][..], 9000),
            (&["-a", "--escalate=9500ms:USR1"], 9000),
            (&["-a", "--stop-delay=500ms"], 9500),
        ] {
            let main = r#""$PROBE" app stubborn ignore:TERM session & exec "$PROBE" app main"#;
            let running = script(init(as_pid_1).arg("-v").args(options), main).spawn();
            wait_for(&running, &["stubborn ready", "main ready"]);
            let sent = SystemTime::now();
            running.signal(TERM);
            started.push((running, sent, earliest));
        }
    }
    for (running, sent, earliest) in started {
        let output = running.wait();
        output.expect_status(143);
        let events = Events::of(&output);
        let killed = events.only("killed");
        expect_after(killed.since(sent), earliest, killed);
        let elapsed = killed.number("elapsed_ms");
        assert!((earliest..earliest + LATE).contains(&elapsed), "{output}");
        let survivor = events.only("survivor");
        assert_eq!(
            (survivor.text("signal"), survivor.text("disposition")),
            ("SIGTERM", "ignores")
        );
        events.expect_none("signal_escalated");
        events.expect_none("slow_stop");
    }
}

/// Contract 6.4: without a stop signal, and on a platform that evidently waits for longer, from the main child's death.
#[test]
fn a_patient_platform_gives_the_rest_nine_seconds_of_its_own() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let mut started = Vec::new();
    for as_pid_1 in [true, false]
        .into_iter()
        .filter(|as_pid_1| !as_pid_1 || require_namespaces())
    {
        let main = r#"trap "" TERM; sleep 1000 & exit 3"#;
        let alone = script(init(as_pid_1).args(["-v", "-a"]), main).spawn();
        started.push((alone, 3, "no stop"));
        // The server needs longer than what is left of nine seconds.
        let main = r#""$PROBE" drain 3 & exec "$PROBE" drain 8.5 5"#;
        let drains = script(init(as_pid_1).args(["-v", "-a"]), main).spawn();
        let both = || drains.stdout_so_far().matches("ready ").count() == 2;
        assert!(eventually(LIMIT, both), "{}", drains.stdout_so_far());
        drains.signal(TERM);
        started.push((drains, 5, "drain"));
        // And one that never ends.
        let main = r#""$PROBE" app stubborn ignore:TERM & exec "$PROBE" drain 8.5 6"#;
        let stubborn = script(init(as_pid_1).args(["-v", "-a"]), main).spawn();
        wait_for(&stubborn, &["stubborn ready", "ready"]);
        stubborn.signal(TERM);
        started.push((stubborn, 6, "stubborn"));
    }
    for (running, status, case) in started {
        let output = running.wait();
        output.expect_status(status);
        let events = Events::of(&output);
        if case == "drain" {
            events.expect_none("killed");
            assert_eq!(output.stdout().matches("done\n").count(), 2, "{output}");
            continue;
        }
        let (death, killed) = (events.only("main_child_ended"), events.only("killed"));
        expect_after(killed.after(death), 9000, killed);
    }
}

/// Contract 6.4: a job that ^Z had stopped cannot act on SIGTERM before it goes on.
#[test]
fn a_stopped_job_gets_sigcont_behind_sigterm() {
    for as_pid_1 in [true, false]
        .into_iter()
        .filter(|as_pid_1| !as_pid_1 || require_namespaces())
    {
        let main = r#""$PROBE" app job group stop & exec "$PROBE" app main"#;
        let running = script(init(as_pid_1).args(["-v", "-a", "-t10s"]), main).spawn();
        wait_for(&running, &["job ready", "main ready"]);
        let main = running.main_child_pid();
        let is_stopped = || {
            harness::children_of(main)
                .iter()
                .any(|child| child.state == 'T')
        };
        assert!(eventually(LIMIT, is_stopped));
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(143);
        let events = Events::of(&output);
        events.expect_none("killed");
        events.expect_none("survivor");
    }
}

/// The order of the two: SIGTERM is there when the job goes on.
#[test]
fn the_rest_gets_sigterm_before_sigcont_and_no_sighup_without_a_terminal() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let main = r#""$PROBE" app server session report <&3 & exec "$PROBE" app main"#;
    let mut running = script(init(false).args(["-v", "-a", "-t20s"]), main).spawn();
    wait_for(&running, &["server ready", "main ready"]);
    running.signal(TERM);
    wait_for(&running, &["server got SIGTERM", "server got SIGCONT"]);
    running.close_stdin();
    let output = running.wait();
    output.expect_status(143);
    assert!(!output.stdout().contains("SIGHUP"), "{output}");
}

/// Contract 6.4: what `docker exec -it … bash` leaves behind when its window is closed ignores SIGTERM, as every
/// interactive shell does.
#[test]
fn a_session_leader_with_a_terminal_gets_sighup() {
    if !require_namespaces() || !require_root() {
        return;
    }
    let running = start(init(true).args(["-v", "-a", "-t20s"]), &["app", "main"]);
    let target = running.init_pid().to_string();
    let enter = ["nsenter", "--target", &target, "--pid", "--"];
    // The other end of the terminal is the test's, and stays open.
    let leads = ["setsid", "--ctty"];
    let words = enter.iter().chain(&leads).chain(BASH);
    let mut shell = Start::plain(words).start();
    // It ignores SIGTERM once it has a prompt.
    let ignores = || {
        let entered = harness::children_of(shell.leader());
        entered
            .first()
            .and_then(|leader| ProcStatus::of(leader.pid))
            .is_some_and(|status| {
                status.name() == "bash" && status.ignored() >> (TERM - 1) & 1 == 1
            })
    };
    assert!(eventually(LIMIT, ignores));
    running.signal(TERM);
    let output = running.wait();
    let _ = shell.wait();
    output.expect_status(143);
    let events = Events::of(&output);
    events.expect_none("killed");
    events.expect_none("survivor");
}
