//! Shutdown as PID 1 of a PID namespace: what a stop signal starts, how long it may take, who is
//! killed at its end, and what the init says about it (contract 6, 7.1, 8.2, and the errors of 1.3).
//!
//! The main child and the rest are mostly `probe app`, which says what reaches it. What has to stay is
//! kept by the standard input that the test holds open, never by a sleep.

use crate::placed::Held;
use harness::{
    Events, Init, LIMIT, Limit, Output, Running, call_number, children_of, emulator_lacks,
    eventually, peer, pidling, probe, program, require_namespaces, require_root, until_next_tick,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const INT: i32 = libc::SIGINT;
const TERM: i32 = libc::SIGTERM;

/// A shell script as the main child. In it, `$PROBE` is the probe, and descriptor 3 the standard input,
/// which shells take from their background processes.
pub(crate) fn script(init: Init, text: &str) -> Init {
    init.args(["--", "sh", "-c"])
        .arg(format!("exec 3<&0; {text}"))
        .env("PROBE", probe())
}

/// Waits until standard output holds each of these at the beginning of a line, in any order.
#[track_caller]
pub(crate) fn wait_for(running: &Running, starts: &[&str]) {
    let came = eventually(LIMIT, || {
        let said = running.stdout_so_far();
        starts
            .iter()
            .all(|start| said.lines().any(|line| line.starts_with(start)))
    });
    assert!(
        came,
        "not all of {starts:?}\nstdout:\n{}\nstderr:\n{}",
        running.stdout_so_far(),
        running.stderr_so_far()
    );
}

/// Standard output's lines in alphabetical order, for processes that speak at the same time; without
/// those that say who is ready.
fn sorted_lines(output: &Output) -> Vec<String> {
    let stdout = output.stdout();
    let lines = stdout.lines().filter(|line| !line.contains(" ready "));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// The line about a survivor.
fn survivor(pid: u32, name: &str, state: char, disposition: &str, signal: &str) -> String {
    format!(
        "survivor disposition={disposition} name={name} pid={pid} signal={signal} state={state}"
    )
}

const KILLED: &str = "killed";

/// The line about a main child that the deadline killed.
fn by_deadline(child: u32) -> String {
    format!("sigkill_explained killer=deadline pid={child}")
}

/// The address of the timeout that the init waits with in `rt_sigtimedwait(2)`; `None` while it does
/// anything else.
fn timeout_address(running: &Running) -> Option<String> {
    let call = std::fs::read_to_string(format!("/proc/{}/syscall", running.init_pid())).ok()?;
    let mut words = call.split_whitespace();
    if words.next()? != call_number(libc::SYS_rt_sigtimedwait, 177) {
        return None;
    }
    words.nth(2).map(str::to_owned)
}

/// Waits until the init sleeps, and returns whether with a timeout.
#[track_caller]
pub(crate) fn sleeps_with_a_timeout(running: &Running) -> bool {
    let mut address = None;
    let sleeps = eventually(LIMIT, || {
        address = timeout_address(running);
        address.is_some()
    });
    assert!(sleeps, "the init does not sleep");
    address.as_deref() != Some("0x0")
}

/// A shell that starts a server in the background, as many entrypoints do, and dies of SIGTERM long
/// before the server is done.
const SHELL_TRAP: &str = r#": prepare; "$PROBE" app server report <&3 & wait"#;

/// Contract 6.4.
#[test]
fn wait_all_lets_the_server_of_a_dead_shell_drain() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let mut running = script(
        Init::new().json().as_pid_1().args(["-v", "--wait-all"]),
        SHELL_TRAP,
    )
    .spawn();
    let _ = running.wait_line("server ready 3");
    running.signal(TERM);
    let _ = running.wait_line("server got SIGTERM");
    let _ = running.wait_event("rest_signalled");
    assert!(running.is_running());
    running.close_stdin();
    let output = running.wait();
    output.expect_stdout("server ready 3\nserver got SIGTERM\nserver got SIGCONT\nserver done\n");
    output.expect_events(
        143,
        &[
            "started command=sh pid=2",
            "shutdown_began signal=SIGTERM",
            "signal_forwarded pid=2 signal=SIGTERM",
            "main_child_ended pid=2 signal=SIGTERM",
            "rest_signalled signal=SIGTERM",
            "shutdown_took",
            "exit status=143",
        ],
    );
}

/// The negative control: without `--wait-all`, and under other inits, the server is cut off.
#[test]
fn without_wait_all_the_server_of_a_dead_shell_is_cut_off() {
    if !require_namespaces() {
        return;
    }
    let others = ["tini", "dumb-init", "catatonit"].map(peer);
    for binary in others.into_iter().flatten().chain([pidling()]) {
        let mut running = script(Init::new().binary(binary).as_pid_1(), SHELL_TRAP).spawn();
        let _ = running.wait_line("server ready");
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(143);
        assert!(!output.stdout().contains("server done"), "{output}");
    }
}

#[test]
fn wait_all_waits_for_the_rest_also_when_nobody_asked_for_a_shutdown() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app server report <&3 & exec "$PROBE" app main report exit:USR1:5 <&3"#;
    let mut running = script(Init::new().json().as_pid_1().args(["-va"]), main).spawn();
    wait_for(&running, &["server ready", "main ready"]);
    running.signal(libc::SIGUSR1);
    let _ = running.wait_line("server got SIGTERM");
    assert!(running.is_running());
    // From here on the rest has nine seconds.
    assert!(sleeps_with_a_timeout(&running));
    running.close_stdin();
    let output = running.wait();
    assert_eq!(
        sorted_lines(&output),
        [
            "main got SIGUSR1",
            "server done",
            "server got SIGCONT",
            "server got SIGTERM"
        ],
        "{output}"
    );
    output.expect_events(
        5,
        &[
            "started command=sh pid=2",
            "signal_forwarded pid=2 signal=SIGUSR1",
            "main_child_ended pid=2 status=5",
            "rest_signalled signal=SIGTERM",
            "exit status=5",
        ],
    );
}

/// Contract 6.4: each process that did not get the stop signal with the group gets SIGTERM once.
const GROUP: &str = r#""$PROBE" app member report <&3 & "$PROBE" app leaver session report <&3 &
    "$PROBE" app loner group report <&3 & exec "$PROBE" app main report exit:HUP:9 <&3"#;

#[test]
fn nobody_gets_sigterm_twice() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let mut running = script(
        Init::new().json().as_pid_1().args(["-v", "-g", "-a"]),
        GROUP,
    )
    .spawn();
    let all = ["member ready", "leaver ready", "loner ready", "main ready"];
    wait_for(&running, &all);
    until_next_tick();
    running.signal(TERM);
    // Two that nobody has read yet would be one.
    wait_for(&running, &["member got SIGTERM", "main got SIGTERM"]);
    running.signal(libc::SIGHUP);
    assert_eq!(running.wait_event("rest_signalled")["processes"], 2);
    // Whatever was sent before that line comes before the end of standard input.
    running.close_stdin();
    let output = running.wait();
    assert_eq!(
        sorted_lines(&output),
        [
            "leaver done",
            "leaver got SIGCONT",
            "leaver got SIGTERM",
            "loner done",
            "loner got SIGCONT",
            "loner got SIGTERM",
            "main got SIGHUP",
            "main got SIGTERM",
            "member done",
            "member got SIGCONT",
            "member got SIGHUP",
            "member got SIGTERM",
        ],
        "{output}"
    );
    output.expect_events(
        9,
        &[
            "started command=sh pid=2",
            "shutdown_began signal=SIGTERM",
            "signal_forwarded group=2 signal=SIGTERM",
            "signal_forwarded group=2 signal=SIGHUP",
            "main_child_ended pid=2 status=9",
            "rest_signalled processes=2 signal=SIGTERM",
            "shutdown_took",
            "exit status=9",
        ],
    );
}

/// The negative control: dumb-init sends SIGTERM to the group when its child is dead, once more.
#[test]
fn the_check_for_a_second_sigterm_finds_one() {
    let Some(binary) = peer("dumb-init") else {
        return;
    };
    let main = r#""$PROBE" app member report <&3 & exec "$PROBE" app main report exit:HUP:9 <&3"#;
    let running = script(Init::new().binary(binary), main).spawn();
    wait_for(&running, &["member ready", "main ready"]);
    running.signal(TERM);
    wait_for(&running, &["member got SIGTERM", "main got SIGTERM"]);
    running.signal(libc::SIGHUP);
    let twice = |running: &Running| {
        let said = running.stdout_so_far();
        said.matches("member got SIGTERM").count() == 2
    };
    assert!(eventually(LIMIT, || twice(&running)));
}

#[test]
fn without_group_signals_the_rest_gets_sigterm_once_whatever_its_group() {
    if !require_namespaces() {
        return;
    }
    let mut running = script(Init::new().as_pid_1().args(["-v", "-a"]), GROUP).spawn();
    let all = ["member ready", "leaver ready", "loner ready", "main ready"];
    wait_for(&running, &all);
    running.signal(INT);
    let _ = running.wait_line("main got SIGINT");
    running.signal(libc::SIGHUP);
    let _ = running.wait_stderr_line("pidling: sent SIGTERM to the rest");
    running.close_stdin();
    let output = running.wait();
    assert_eq!(
        sorted_lines(&output),
        [
            "leaver done",
            "leaver got SIGCONT",
            "leaver got SIGTERM",
            "loner done",
            "loner got SIGCONT",
            "loner got SIGTERM",
            "main got SIGHUP",
            "main got SIGINT",
            "member done",
            "member got SIGCONT",
            "member got SIGTERM",
        ],
        "{output}"
    );
    output.expect_status(9);
}

/// SIGTERM to the rest is sent once, and what the init gets later goes nowhere (contract 6.1).
#[test]
fn signals_after_the_death_of_the_main_child_go_nowhere() {
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app server report <&3 & exec "$PROBE" app main report exit:TERM:0 <&3"#;
    let mut running = script(Init::new().json().as_pid_1().args(["-vv", "-a"]), main).spawn();
    wait_for(&running, &["server ready", "main ready"]);
    running.signal(TERM);
    let _ = running.wait_event("rest_signalled");
    running.signal(TERM);
    assert_eq!(running.wait_event("signal_dropped")["signal"], "SIGTERM");
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    assert_eq!(
        output.stdout().matches("server got SIGTERM").count(),
        1,
        "{output}"
    );
}

/// Contract 6.3, 6.6, 7.1, and the lines of 8.2.
#[test]
fn an_app_that_ignores_sigterm_is_killed_and_named() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let words = ["-v", "--grace-period", "1s"];
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(words)
        .probe(["app", "main", "ignore:TERM"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    let output = running.wait();
    output.expect_events(
        137,
        &[
            &format!("started command={} pid=2", probe().display()),
            "shutdown_began signal=SIGTERM",
            "signal_forwarded pid=2 signal=SIGTERM",
            &survivor(2, "probe", 'S', "ignores", "SIGTERM"),
            KILLED,
            "main_child_ended pid=2 signal=SIGKILL",
            &by_deadline(2),
            "shutdown_took",
            "exit status=137",
        ],
    );
    let took = output.seconds("shutdown_took");
    let killed = output.seconds("killed");
    assert!(1.0 <= killed && killed <= took, "{output}");
}

/// Contract 6.6: each way not to end has its words.
#[test]
fn survivors_are_told_by_what_they_do_with_the_stop_signal() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#"trap "" QUIT
        "$PROBE" app ignorer ignore:QUIT & "$PROBE" app blocker block:QUIT &
        "$PROBE" app catcher catch:QUIT & "$PROBE" app stopped stop &
        "$PROBE" app leaver session ignore:QUIT & wait"#;
    let options = ["-g", "-t1500ms", "-rTERM:QUIT"];
    let running = script(Init::new().json().as_pid_1().args(options), main).spawn();
    let tags = ["ignorer", "blocker", "catcher", "stopped", "leaver"];
    let ready = tags.map(|tag| format!("{tag} ready"));
    wait_for(&running, &ready.each_ref().map(String::as_str));
    until_next_tick();
    // It stops itself after it has said that it is ready.
    let main = running.main_child_pid();
    let is_stopped = || children_of(main).iter().any(|child| child.state == 'T');
    assert!(eventually(LIMIT, is_stopped));
    running.signal(TERM);
    running.wait().expect_events(
        137,
        &[
            &survivor(2, "sh", 'S', "ignores", "SIGQUIT"),
            &survivor(3, "probe", 'S', "ignores", "SIGQUIT"),
            &survivor(4, "probe", 'S', "blocks", "SIGQUIT"),
            &survivor(5, "probe", 'S', "catches", "SIGQUIT"),
            &survivor(6, "probe", 'T', "has not acted on", "SIGQUIT"),
            &survivor(7, "probe", 'S', "never got", "SIGQUIT"),
            KILLED,
            &by_deadline(2),
        ],
    );
}

/// Contract 6.4: without a grace period and a stop signal, the rest has nine seconds from the main child's death.
#[test]
fn without_a_grace_period_the_rest_has_nine_seconds() {
    if !require_namespaces() {
        return;
    }
    let main = r#"trap "" TERM; sleep 1000 & exit 3"#;
    let output = Init::new()
        .as_pid_1()
        .args(["-a", "--log-format=json", "--", "sh", "-c", main])
        .run();
    output.expect_status(3);
    let stderr = output.stderr();
    let lines = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let killed = lines
        .filter(|line: &serde_json::Value| line["event"] == "killed")
        .map(|line| line["elapsed_ms"].as_u64().unwrap());
    let elapsed: Vec<u64> = killed.collect();
    assert!(
        matches!(elapsed[..], [9_000..60_000]),
        "{elapsed:?}: {output}"
    );
}

/// The signal that the rest did not act on is SIGTERM, whatever the main child was sent.
#[test]
fn survivors_of_the_rest_are_told_by_sigterm() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app ignorer ignore:TERM & "$PROBE" app blocker block:TERM &
        exec "$PROBE" app main report exit:QUIT:7 <&3"#;
    let mut running = script(
        Init::new().json().as_pid_1().args(["-at1s", "-rTERM:QUIT"]),
        main,
    )
    .spawn();
    wait_for(&running, &["ignorer ready", "blocker ready", "main ready"]);
    running.signal(TERM);
    let _ = running.wait_line("main got SIGQUIT");
    running.wait().expect_events(
        7,
        &[
            &survivor(3, "probe", 'S', "ignores", "SIGTERM"),
            &survivor(4, "probe", 'S', "blocks", "SIGTERM"),
            KILLED,
        ],
    );
}

#[test]
fn at_most_thirty_two_survivors_are_named() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for count in [32_u32, 33, 40] {
        // A signal that is ignored stays so in those that are started.
        let main = format!(
            r#"trap "" TERM; for i in $(seq {count}); do sleep 1000 & done; read line; exit 3"#
        );
        let mut running = Init::new()
            .json()
            .as_pid_1()
            .args(["-a", "-t1s", "--", "sh", "-c", &main])
            .spawn();
        running.send_line("");
        let output = running.wait();
        let seq = 3;
        let mut lines: Vec<String> = (0..32)
            .map(|index| survivor(seq + 1 + index, "sleep", 'S', "ignores", "SIGTERM"))
            .collect();
        if let more @ 1.. = count - 32 {
            lines.push(format!("more_survivors at_least=false processes={more}"));
        }
        lines.push(KILLED.to_owned());
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        output.expect_events(3, &lines);
    }
}

#[test]
fn names_of_survivors_cannot_forge_lines() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for (name, shown) in [
        (&b"a\npidling: b"[..], r" (a\x0apidling: b)"),
        (b") S 1 1", " () S 1 1)"),
        (b"\x1b[31m\xff\\\"", r#" (\x1b[31m\xff\\")"#),
        (b"", ""),
    ] {
        let step = [b"name:", name].concat();
        let mut running = Init::new()
            .as_pid_1()
            .arg("-t500ms")
            .probe(["app", "main", "ignore:TERM"])
            .arg(OsStr::from_bytes(&step))
            .spawn();
        let _ = running.wait_line("main ready");
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(137);
        // The survivor's, that of the kill, and that of the main child.
        assert_eq!(output.stderr().lines().count(), 3, "{output}");
        let first = output.stderr().lines().next().unwrap().to_owned();
        let start = format!("pidling: warning: had to kill process 2{shown}: ");
        assert!(first.starts_with(&start), "{output}");
    }
}

/// Contract 6.3: without a grace period the platform owns the deadline, and the init just sleeps.
#[test]
fn without_a_grace_period_there_is_no_deadline() {
    if !require_namespaces() {
        return;
    }
    let start = |options: &[&str]| {
        let mut running = Init::new()
            .json()
            .as_pid_1()
            .arg("-v")
            .args(options)
            .probe(["app", "main", "ignore:TERM"])
            .spawn();
        let _ = running.wait_line("main ready");
        running.signal(TERM);
        let _ = running.wait_event("signal_forwarded");
        running
    };
    for mut running in [&[][..], &["--wait-all"]].map(start) {
        // The one timer there is (contract 6.9).
        let _ = running.wait_event("slow_stop");
        assert!(!sleeps_with_a_timeout(&running));
    }
    // The control: a deadline does show.
    assert!(sleeps_with_a_timeout(&start(&["-t24s"])));
}

/// Contract 6.1, 6.3. A deadline that moved would never come here.
#[test]
fn later_stop_signals_are_forwarded_but_do_not_move_the_deadline() {
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(["-v", "-t1s"])
        .probe(["app", "main", "report"])
        .spawn();
    let _ = running.wait_line("main ready");
    let init = Pid::from_raw(running.init_pid());
    let mut sent = 0;
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT]
        .into_iter()
        .cycle()
    {
        // Each has to be taken before the next, or two of a kind could become one.
        let before = times_heard(&running, signal);
        if kill(init, signal).is_err() || !heard_again(&mut running, signal, before) {
            break;
        }
        sent += 1;
    }
    let output = running.wait();
    output.expect_status(137);
    assert!(sent > 3, "{output}");
    let events = Events::of(&output);
    assert_eq!(events.only("shutdown_began").text("signal"), "SIGTERM");
    let _ = events.only("killed");
}

/// How often the main child has said that it got the signal.
fn times_heard(running: &Running, signal: Signal) -> usize {
    running.stdout_so_far().matches(signal.as_str()).count()
}

/// Waits until the main child has said so once more than before; false when the init ends instead.
fn heard_again(running: &mut Running, signal: Signal, before: usize) -> bool {
    let mut again = false;
    let decided = eventually(LIMIT, || {
        again = times_heard(running, signal) > before;
        again || !running.is_running()
    });
    assert!(decided, "neither heard nor ended");
    again
}

/// Contract 6.3: the delay is part of the grace period. Were it not, this would take twice as long.
#[test]
fn the_grace_period_includes_the_stop_delay() {
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(["-v", "--stop-delay=4000ms", "--grace-period=4001ms"])
        .probe(["app", "main", "ignore:TERM"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(137);
    let killed = output.seconds("killed");
    assert!((4.001..8.0).contains(&killed), "{output}");
}

/// Contract 6.6: a stop signal that was still held back at the deadline was never sent. The init is held until then,
/// where it says that the shutdown began.
#[test]
fn a_stop_signal_that_was_held_back_up_to_the_deadline_was_never_got() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    let mut running = Init::new()
        .json()
        .args(["-v", "--stop-signal=QUIT", "--stop-delay=500ms", "-t1s"])
        .probe(["app", "main"])
        .spawn();
    let _ = running.wait_line("main ready");
    let main = running.main_child_pid().unsigned_abs();
    let writes = |call: &str| call.split(' ').next() == Some(&call_number(libc::SYS_pwritev2, 379));
    let init = running.init_pid();
    let held = Held::at(init, || running.signal(libc::SIGQUIT), writes);
    std::thread::sleep(Duration::from_secs(1));
    held.release();
    let output = running.wait();
    output.expect_status(137);
    let events = Events::of(&output);
    events.expect_none("signal_forwarded");
    assert_eq!(
        events.only("survivor").summary(),
        survivor(main, "probe", 'S', "never got", "SIGQUIT"),
        "{output}"
    );
}

/// The deadline is the same for the main child and, once that is dead, for the rest.
#[test]
fn the_rest_gets_no_new_deadline() {
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app stubborn ignore:TERM & exec "$PROBE" app main catch:TERM"#;
    let mut running = script(Init::new().json().as_pid_1().args(["-va", "-t3s"]), main).spawn();
    wait_for(&running, &["stubborn ready", "main ready"]);
    let main = running.main_child_pid();
    running.signal(TERM);
    let _ = running.wait_event("signal_forwarded");
    kill(Pid::from_raw(main), Signal::SIGABRT).unwrap();
    let output = running.wait();
    output.expect_status(134);
    let killed = output.seconds("killed");
    assert!((3.0..6.0).contains(&killed), "{output}");
}

/// A grace period without a stop signal counts from the death of the main child.
#[test]
fn a_grace_period_bounds_the_wait_for_the_rest() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app stubborn ignore:TERM & read line <&3; exit 6"#;
    let mut running = script(Init::new().json().as_pid_1().args(["-at500ms"]), main).spawn();
    let _ = running.wait_line("stubborn ready 3");
    running.send_line("");
    let line = survivor(3, "probe", 'S', "ignores", "SIGTERM");
    running.wait().expect_events(6, &[&line, KILLED]);
}

/// Contract 6.2.
#[test]
fn the_stop_delay_holds_the_stop_signal_back_and_nothing_else() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(["-v", "--stop-delay", "1500ms"])
        .probe(["app", "main", "report"])
        .spawn();
    let _ = running.wait_line("main ready");
    let start = Instant::now();
    running.signal(TERM);
    assert_eq!(running.wait_event("stop_delayed")["delay_ms"], 1500);
    running.signal(libc::SIGHUP);
    let _ = running.wait_line("main got SIGHUP");
    running.signal(libc::SIGUSR1);
    let _ = running.wait_line("main got SIGUSR1");
    let _ = running.wait_line("main got SIGTERM");
    assert!(start.elapsed() >= Duration::from_millis(1500));
    running.close_stdin();
    let output = running.wait();
    output.expect_stdout(
        "main ready 2\nmain got SIGHUP\nmain got SIGUSR1\nmain got SIGTERM\nmain done\n",
    );
    output.expect_events(
        0,
        &[
            &format!("started command={} pid=2", probe().display()),
            "shutdown_began signal=SIGTERM",
            "stop_delayed delay_ms=1500 signal=SIGTERM",
            "signal_forwarded pid=2 signal=SIGHUP",
            "signal_forwarded pid=2 signal=SIGUSR1",
            "signal_forwarded pid=2 signal=SIGTERM",
            "main_child_ended pid=2 status=0",
            "shutdown_took",
            "exit status=0",
        ],
    );
}

#[test]
fn a_second_stop_signal_ends_the_stop_delay_and_both_arrive() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for second in [TERM, INT] {
        let mut running = Init::new()
            .json()
            .as_pid_1()
            .args(["-v", "--stop-delay", "24s"])
            .probe(["app", "main", "report"])
            .spawn();
        let _ = running.wait_line("main ready");
        running.signal(TERM);
        assert_eq!(running.wait_event("stop_delayed")["delay_ms"], 24_000);
        for other in [libc::SIGHUP, libc::SIGWINCH, libc::SIGCONT] {
            running.signal(other);
            let name = Signal::try_from(other).unwrap();
            assert_eq!(
                running.wait_event("signal_forwarded")["signal"],
                name.as_str()
            );
        }
        // Contract 6.2: within 100 ms it would be the same stop.
        std::thread::sleep(std::time::Duration::from_millis(150));
        running.signal(second);
        let name = Signal::try_from(second).unwrap();
        for expected in ["SIGTERM", name.as_str()] {
            assert_eq!(running.wait_event("signal_forwarded")["signal"], expected);
        }
        running.close_stdin();
        let output = running.wait();
        output.expect_status(0);
        let mut expected = vec!["main done", "main got SIGCONT", "main got SIGHUP"];
        // Two of a kind that the main child has not read yet are one, signal(7).
        let named = format!("main got {name}");
        expected.extend(["main got SIGTERM", "main got SIGWINCH"]);
        if second != TERM {
            expected.push(&named);
        }
        expected.sort_unstable();
        let mut lines = sorted_lines(&output);
        lines.dedup();
        assert_eq!(lines, expected, "{output}");
    }
}

#[test]
fn a_main_child_that_ends_in_the_stop_delay_ends_it() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(["-vv", "-a", "--stop-delay", "24s"])
        .probe(["app", "main", "report"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    let _ = running.wait_event("stop_delayed");
    running.close_stdin();
    let output = running.wait();
    output.expect_stdout("main ready 2\nmain done\n");
    output.expect_events(
        0,
        &[
            &format!("started command={} pid=2", probe().display()),
            "shutdown_began signal=SIGTERM",
            "stop_delayed delay_ms=24000 signal=SIGTERM",
            "signal_dropped reason=no main child signal=SIGTERM",
            "main_child_ended pid=2 status=0",
            "error_ignored call=kill error=ESRCH",
            "shutdown_took",
            "exit status=0",
        ],
    );
}

/// Contract 6.1: a stop signal is one as received or as forwarded, unless it is dropped.
#[test]
fn rewriting_decides_what_is_a_stop_signal() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let began = |name: &str| format!("shutdown_began signal={name}");
    for (rule, signal, forwarded, stops) in [
        ("TERM:QUIT", "SIGTERM", Some("SIGQUIT"), true),
        ("TERM:USR1", "SIGTERM", Some("SIGUSR1"), true),
        ("HUP:TERM", "SIGHUP", Some("SIGTERM"), true),
        ("HUP:0", "SIGHUP", None, false),
        ("TERM:0", "SIGTERM", None, false),
        ("INT:TERM", "SIGTERM", Some("SIGTERM"), true),
        ("USR1:QUIT", "SIGUSR1", Some("SIGQUIT"), false),
    ] {
        let mut running = Init::new()
            .json()
            .as_pid_1()
            .args(["-vv", "--rewrite", rule])
            .probe(["app", "main", "report"])
            .spawn();
        let _ = running.wait_line("main ready");
        let number: Signal = signal.parse().unwrap();
        running.signal(number as i32);
        let mut said = vec!["main ready 2".to_owned()];
        let mut lines = vec![format!("started command={} pid=2", probe().display())];
        if stops {
            lines.push(began(signal));
        }
        if let Some(name) = forwarded {
            said.push(running.wait_line(&format!("main got {name}")));
            lines.push(format!("signal_forwarded pid=2 signal={name}"));
        } else {
            let line = format!("signal_dropped reason=rewritten to 0 signal={signal}");
            let _ = running.wait_event("signal_dropped");
            lines.push(line);
        }
        lines.push("main_child_ended pid=2 status=0".to_owned());
        if stops {
            lines.push("shutdown_took".to_owned());
        }
        lines.push("exit status=0".to_owned());
        running.close_stdin();
        let output = running.wait();
        said.push("main done\n".to_owned());
        output.expect_stdout(&said.join("\n"));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        output.expect_events(0, &lines);
    }
}

/// Takes `/proc` away, by a process that has the number 2; what it hides is `/proc` of the test's own namespace.
pub(crate) const WITHOUT_PROC: &str = r#"mount -t tmpfs none /proc && exec "$@""#;
const WITH_FOREIGN_PROC: &str = r#"umount -l /proc && exec "$@""#;

/// Contract 1.2: `/proc` makes the report better, and nothing else depends on it.
#[test]
fn without_a_proc_of_its_own_pid_1_still_ends_the_rest() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    // A process of the test's namespace, whom nothing may reach.
    let mut outsider = Stranger::start(Command::new(probe()).args(["app", "outsider", "report"]));
    for (setup, error) in [(WITHOUT_PROC, "ENODEV"), (WITH_FOREIGN_PROC, "ESRCH")] {
        let unknown = format!("survivors_unknown error={error}");
        let unknown = &*unknown;
        let start = |options: &[&str], main: &str| {
            let init = Init::new()
                .json()
                .as_pid_1()
                .through(["sh", "-c", setup, "sh"]);
            script(init.args(options), main).spawn()
        };

        let mut running = start(&["-v", "-a"], SHELL_TRAP);
        let _ = running.wait_line("server ready");
        running.signal(TERM);
        let _ = running.wait_line("server got SIGTERM");
        assert!(running.is_running());
        running.close_stdin();
        running.wait().expect_events(
            143,
            &[
                "started command=sh pid=3",
                "shutdown_began signal=SIGTERM",
                "signal_forwarded pid=3 signal=SIGTERM",
                "main_child_ended pid=3 signal=SIGTERM",
                "rest_signalled signal=SIGTERM",
                "shutdown_took",
                "exit status=143",
            ],
        );

        let stubborn = r#""$PROBE" app stubborn ignore:TERM session & wait"#;
        let mut running = start(&["-a", "-t500ms"], stubborn);
        let _ = running.wait_line("stubborn ready");
        running.signal(TERM);
        running.wait().expect_events(143, &[unknown, KILLED]);

        let mut running = start(&["-t500ms"], r#"exec "$PROBE" app main ignore:TERM"#);
        let _ = running.wait_line("main ready");
        running.signal(TERM);
        running
            .wait()
            .expect_events(137, &[unknown, KILLED, &by_deadline(3)]);
    }
    outsider.close_stdin();
    assert_eq!(outsider.rest(), "outsider done\n");
}

/// A process that the test started beside the init.
pub(crate) struct Stranger {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Stranger {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut this = Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        let ready = this.line();
        assert!(ready.contains(" ready "), "{ready:?}");
        this
    }

    /// The next line; nothing at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.stdout.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Everything up to the end.
    pub(crate) fn rest(&mut self) -> String {
        let mut text = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return text;
            }
            text += &line;
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that came from outside, as those of `docker exec` do: it is in the namespace of PID 1, but
/// not a child of anybody there.
pub(crate) fn enter(init: i32, steps: &[&str]) -> Stranger {
    let mut command = Command::new(program("nsenter").expect("nsenter of util-linux"));
    let _ = command
        .args(["--target", &init.to_string(), "--pid", "--"])
        .arg(probe())
        .args(["app", "stranger"])
        .args(steps);
    Stranger::start(&mut command)
}

/// PID 1 with these options, whose main child reports, and a process that has entered its namespace. `None` where that
/// cannot be had, which has been said.
#[track_caller]
fn with_a_visitor(options: &[&str], steps: &[&str]) -> Option<(Running, Stranger)> {
    if emulator_lacks(Limit::ProcessIds) {
        return None;
    }
    if !require_namespaces() || !require_root() {
        return None;
    }
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(options)
        .probe(["app", "main", "report"])
        .spawn();
    let _ = running.wait_line("main ready");
    let stranger = enter(running.init_pid(), steps);
    Some((running, stranger))
}

/// Contract 6.5.
#[test]
fn processes_that_entered_the_namespace_are_waited_for() {
    let Some((mut running, mut stranger)) = with_a_visitor(&["-v", "-a"], &["report"]) else {
        return;
    };
    running.close_stdin();
    let _ = running.wait_line("main done");
    assert_eq!(stranger.line(), "stranger got SIGTERM\n");
    assert_eq!(stranger.line(), "stranger got SIGCONT\n");
    let _ = running.wait_event("rest_signalled");
    assert!(running.is_running());
    stranger.close_stdin();
    assert_eq!(stranger.rest(), "stranger done\n");
    running.wait().expect_events(
        0,
        &[
            &format!("started command={} pid=2", probe().display()),
            "main_child_ended pid=2 status=0",
            "rest_signalled signal=SIGTERM",
            "exit status=0",
        ],
    );
}

/// Contract 6.4: a visitor's group cannot be seen from the namespace, and is not the main child's group that has had
/// the signal.
#[test]
fn a_group_wide_sigterm_spares_no_process_that_entered_the_namespace() {
    let Some((mut running, mut stranger)) = with_a_visitor(&["-v", "-g", "-a"], &["report"]) else {
        return;
    };
    running.signal(TERM);
    let _ = running.wait_line("main got SIGTERM");
    running.close_stdin();
    let _ = running.wait_line("main done");
    assert_eq!(stranger.line(), "stranger got SIGTERM\n");
    assert_eq!(stranger.line(), "stranger got SIGCONT\n");
    stranger.close_stdin();
    assert_eq!(stranger.rest(), "stranger done\n");
    let output = running.wait();
    assert_eq!(output.status.code(), Some(0), "{output}");
}

#[test]
fn processes_that_entered_the_namespace_are_killed_at_the_deadline() {
    let Some((mut running, mut stranger)) = with_a_visitor(&["-a", "-t500ms"], &["ignore:TERM"])
    else {
        return;
    };
    running.close_stdin();
    assert_eq!(stranger.rest(), "");
    let line = survivor(3, "probe", 'S', "ignores", "SIGTERM");
    running.wait().expect_events(0, &[&line, KILLED]);
}

/// Runs a main child that somebody else kills, with these files in place of the control groups'.
#[track_caller]
pub(crate) fn killed_from_outside(options: &[&str], files: &[(&str, &str)]) -> (i32, Output) {
    let mut steps = vec!["mount -t tmpfs none /sys/fs/cgroup".to_owned()];
    steps.extend(files.iter().map(|(file, text)| {
        let file = format!("/sys/fs/cgroup/{file}");
        format!("mkdir -p $(dirname {file}) && printf '{text}' >{file}")
    }));
    steps.push(r#"exec "$@""#.to_owned());
    let setup = steps.join(" && ");
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .through(["sh", "-c", &setup, "sh"])
        .args(options)
        .probe(["app", "main"])
        .spawn();
    let ready = running.wait_line("main ready ");
    let child = ready.rsplit(' ').next().unwrap().parse().unwrap();
    kill(Pid::from_raw(running.main_child_pid()), Signal::SIGKILL).unwrap();
    (child, running.wait())
}

/// Contract 7.1. What counts is what the kernel says, not what stands where its files would be.
#[test]
fn a_sigkill_that_the_init_did_not_send_is_explained() {
    if !require_namespaces() {
        return;
    }
    for files in [
        &[][..],
        &[("memory.events", "oom 9\\noom_kill 3\\n")],
        &[("memory/memory.oom_control", "oom_kill 12\\n")],
    ] {
        // The status is remapped, but the death is no less worth a line.
        for (options, status) in [(&[][..], 137), (&["-e137"], 0)] {
            let (child, output) = killed_from_outside(options, files);
            let line = format!("sigkill_explained killer=unknown pid={child}");
            output.expect_events(status, &[&line]);
        }
        let (_, output) = killed_from_outside(&["-q"], files);
        output.expect_events(137, &[]);
    }
}

/// Only SIGKILL and a crash need to be explained (contract 7.1, 7.3).
#[test]
fn other_deaths_are_not_explained() {
    if !require_namespaces() {
        return;
    }
    for signal in ["TERM", "QUIT", "PIPE", "USR1"] {
        let output = Init::new().as_pid_1().probe(["kill-self", signal]).run();
        output.expect_stderr("");
    }
}

#[test]
fn a_sigkill_by_rewrite_is_explained() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .json()
        .as_pid_1()
        .args(["-v", "-r", "TERM:KILL"])
        .probe(["app", "main", "ignore:TERM"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    running.wait().expect_events(
        137,
        &[
            &format!("started command={} pid=2", probe().display()),
            "shutdown_began signal=SIGTERM",
            "signal_forwarded pid=2 signal=SIGKILL",
            "main_child_ended pid=2 signal=SIGKILL",
            "sigkill_explained killer=rewrite pid=2",
            "shutdown_took",
            "exit status=137",
        ],
    );
}

/// Contract 8.1, 8.2: a shutdown as it should be is silent.
#[test]
fn a_shutdown_without_trouble_says_nothing() {
    if !require_namespaces() {
        return;
    }
    let options = ["-a", "-g", "-t20s", "--stop-delay", "100ms"];
    let main = r#""$PROBE" app member report <&3 & exec "$PROBE" app main report exit:TERM:0 <&3"#;
    let mut running = script(Init::new().as_pid_1().args(options), main).spawn();
    wait_for(&running, &["member ready", "main ready"]);
    running.signal(TERM);
    let _ = running.wait_line("member got SIGTERM");
    running.close_stdin();
    running.wait().expect_stderr("");
}

/// Contract 1.3: the channel that `docker run --init` leaves open.
#[test]
fn shutdown_options_come_through_the_environment_too() {
    if !require_namespaces() {
        return;
    }
    let mut running = script(Init::new().as_pid_1(), SHELL_TRAP)
        .env("PIDLING_OPTIONS", " -a\t--grace-period 20s\n")
        .spawn();
    let _ = running.wait_line("server ready");
    running.signal(TERM);
    let _ = running.wait_line("server got SIGTERM");
    running.close_stdin();
    let _ = running.wait_line("server done");
    running.wait().expect_status(143);
}

/// A shell's background processes ignore SIGINT and SIGQUIT, so a group-wide one stops none of them; SIGTERM does. The
/// shell sets that in the child, which therefore speaks itself.
#[test]
fn a_group_wide_sigint_does_not_spare_the_rest_from_sigterm() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = "{ echo started; exec sleep 1000; } & wait";
    let mut running = script(Init::new().json().as_pid_1().args(["-vga", "-t5s"]), main).spawn();
    let _ = running.wait_line("started");
    running.signal(INT);
    running.wait().expect_events(
        130,
        &[
            "started command=sh pid=2",
            "shutdown_began signal=SIGINT",
            "signal_forwarded group=2 signal=SIGINT",
            "main_child_ended pid=2 signal=SIGINT",
            "rest_signalled signal=SIGTERM",
            "shutdown_took",
            "exit status=130",
        ],
    );
}
