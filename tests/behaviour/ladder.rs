//! `--escalate` (contract 6.8): further signals for what did not end on the first.

use crate::shutdown::{script, sleeps_with_a_timeout, wait_for};
use harness::{Event, Events, Init, Limit, Output, Running, emulator_lacks, require_namespaces};

const TERM: i32 = libc::SIGTERM;

/// The init that says its life in JSON.
fn init() -> Init {
    Init::new().args(["-v", "--log-format=json"])
}

/// What the main child or a member said, without who is ready.
fn said(output: &Output, tag: &str) -> Vec<String> {
    let stdout = output.stdout();
    let lines = stdout
        .lines()
        .filter_map(|line| line.strip_prefix(tag)?.strip_prefix(' '));
    let lines = lines.filter(|line| !line.starts_with("ready"));
    lines.map(str::to_owned).collect()
}

/// The signals and times of the steps that were taken.
fn steps(events: &Events) -> Vec<(String, u64)> {
    let steps = events.named("signal_escalated");
    let step = |event: &Event| (event.text("signal").to_owned(), event.number("elapsed_ms"));
    steps.into_iter().map(step).collect()
}

/// Fails unless these steps were taken in this order, each at its time and not much later.
#[track_caller]
fn expect_steps(events: &Events, expected: &[(&str, u64)]) {
    let steps = steps(events);
    let names: Vec<&str> = steps.iter().map(|(name, _)| &**name).collect();
    let expected_names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected_names, "{events}");
    for ((_, elapsed), (name, time)) in steps.iter().zip(expected) {
        assert!((*time..time + 1500).contains(elapsed), "{name}: {events}");
    }
}

fn start(init: Init, as_pid_1: bool, steps: &[&str]) -> Running {
    let init = if as_pid_1 { init.as_pid_1() } else { init };
    let mut running = init.probe([&["app", "main"], steps].concat()).spawn();
    let _ = running.wait_line("main ready");
    running
}

/// A wrapper, and PID 1 where there are namespaces.
fn both() -> impl Iterator<Item = bool> {
    [false, true]
        .into_iter()
        .filter(|as_pid_1| !as_pid_1 || require_namespaces())
}

/// Contract 6.6, 6.8.
#[test]
fn a_program_that_ignores_everything_gets_each_step_once_and_then_sigkill() {
    for as_pid_1 in both() {
        // Their order on the command line is not that of their times.
        let options = [
            "--escalate",
            "800ms:QUIT",
            "--escalate=400ms:SIGINT",
            "-t1200ms",
        ];
        let running = start(init().args(options), as_pid_1, &["report"]);
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(137);
        assert_eq!(
            said(&output, "main"),
            ["got SIGTERM", "got SIGINT", "got SIGQUIT"],
            "{output}"
        );
        let events = Events::of(&output);
        expect_steps(&events, &[("SIGINT", 400), ("SIGQUIT", 800)]);
        let killed = events.only("killed").number("elapsed_ms");
        assert!((1200..2700).contains(&killed), "{output}");
        let survivor = events.only("survivor");
        assert_eq!(
            (
                survivor.text("signal"),
                survivor.text("disposition"),
                survivor.text("name")
            ),
            ("SIGQUIT", "blocks", "probe"),
            "{output}"
        );
        assert_eq!(events.only("sigkill_explained").text("killer"), "deadline");
    }
}

/// The control: what ends on a step gets no further one, and has its own status.
#[test]
fn a_program_that_ends_on_a_step_gets_no_further_one() {
    for as_pid_1 in both() {
        let options = ["--escalate=200ms:INT", "--escalate=1h:QUIT", "-t2h"];
        let running = start(init().args(options), as_pid_1, &["report", "exit:INT:5"]);
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(5);
        assert_eq!(
            said(&output, "main"),
            ["got SIGTERM", "got SIGINT"],
            "{output}"
        );
        let events = Events::of(&output);
        expect_steps(&events, &[("SIGINT", 200)]);
        events.expect_none("killed");
    }
}

/// Without a stop signal there is nothing to escalate, and nothing to wake up for.
#[test]
fn without_a_shutdown_no_step_is_taken_and_no_timer_runs() {
    if !require_namespaces() {
        return;
    }
    let options = ["--escalate=100ms:INT", "-t1s"];
    let mut running = start(init().args(options), true, &["report"]);
    running.signal(libc::SIGHUP);
    let _ = running.wait_line("main got SIGHUP");
    assert!(!sleeps_with_a_timeout(&running));
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    Events::of(&output).expect_none("signal_escalated");
}

#[test]
fn the_ladder_needs_no_grace_period() {
    let mut running = start(init().arg("--escalate=300ms:USR1"), false, &["report"]);
    running.signal(TERM);
    let _ = running.wait_line("main got SIGUSR1");
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    Events::of(&output).expect_none("killed");
}

/// SIG itself is sent, whatever `-r` makes of one that is received.
#[test]
fn no_rewriting_applies_to_a_step() {
    let options = [
        "-rUSR1:0",
        "-rUSR2:HUP",
        "--escalate=100ms:USR1",
        "--escalate=200ms:USR2",
    ];
    let mut running = start(init().args(options), false, &["report"]);
    running.signal(TERM);
    for signal in ["SIGTERM", "SIGUSR1", "SIGUSR2"] {
        let _ = running.wait_line(&format!("main got {signal}"));
    }
    running.close_stdin();
    let output = running.wait();
    assert_eq!(
        said(&output, "main"),
        ["got SIGTERM", "got SIGUSR1", "got SIGUSR2", "done"]
    );
}

/// Contract 6.2, 6.8: from the first stop signal, the delay included; a later one moves nothing.
#[test]
fn steps_are_counted_from_the_first_stop_signal() {
    let options = ["--stop-delay=400ms", "--escalate=800ms:INT", "-t10s"];
    let mut running = start(init().args(options), false, &["report", "exit:INT:0"]);
    running.signal(TERM);
    let _ = running.wait_line("main got SIGTERM");
    running.signal(TERM);
    let _ = running.wait_line("main got SIGTERM");
    let output = running.wait();
    output.expect_status(0);
    expect_steps(&Events::of(&output), &[("SIGINT", 800)]);
}

#[test]
fn steps_of_the_same_time_are_taken_in_the_order_of_the_words() {
    // Each of a higher number than the next, so that the order is not the kernel's.
    let options = [
        "--escalate=300ms:USR2",
        "--escalate=300ms:USR1",
        "--escalate=300ms:HUP",
    ];
    let running = start(init().args(options).arg("-t600ms"), false, &["report"]);
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(137);
    let events = Events::of(&output);
    expect_steps(
        &events,
        &[("SIGUSR2", 300), ("SIGUSR1", 300), ("SIGHUP", 300)],
    );
    assert_eq!(events.only("survivor").text("signal"), "SIGHUP");
}

#[test]
fn eight_steps_are_taken() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    let steps: Vec<String> = (1..=8)
        .map(|step| format!("--escalate={}ms:RTMIN+{step}", step * 100))
        .collect();
    let running = start(init().args(&steps).arg("-t1s"), false, &["report"]);
    running.signal(TERM);
    let output = running.wait();
    let expected: Vec<String> = (1..=8).map(|step| format!("got SIGRTMIN+{step}")).collect();
    assert_eq!(
        said(&output, "main"),
        [&["got SIGTERM".to_owned()][..], &expected].concat()
    );
}

/// With `-g` the target is the group.
#[test]
fn steps_go_to_the_group_where_signals_do() {
    let main = r#""$PROBE" app member report <&3 & exec "$PROBE" app main report <&3"#;
    let options = ["-g", "--escalate=300ms:INT", "-t10s"];
    let mut running = script(init().args(options), main).spawn();
    wait_for(&running, &["member ready", "main ready"]);
    running.signal(TERM);
    wait_for(&running, &["member got SIGINT", "main got SIGINT"]);
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    for tag in ["member", "main"] {
        // The member may be cut off before it says that it is done.
        let mut got = said(&output, tag);
        got.truncate(2);
        assert_eq!(got, ["got SIGTERM", "got SIGINT"], "{output}");
    }
}

/// Contract 6.4, 6.8.
#[test]
fn after_the_main_child_the_steps_go_to_the_rest() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    for as_pid_1 in both() {
        let main = r#""$PROBE" app server session report <&3 & exec "$PROBE" app main"#;
        let options = [
            "-a",
            "--escalate=400ms:INT",
            "--escalate=800ms:QUIT",
            "-t1200ms",
        ];
        let init = init().args(options);
        let init = if as_pid_1 { init.as_pid_1() } else { init };
        let running = script(init, main).spawn();
        wait_for(&running, &["server ready", "main ready"]);
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(143);
        let got = said(&output, "server");
        // SIGCONT comes behind SIGTERM.
        let got: Vec<&str> = got
            .iter()
            .map(|line| &**line)
            .filter(|line| *line != "got SIGCONT")
            .collect();
        assert_eq!(
            got,
            ["got SIGTERM", "got SIGINT", "got SIGQUIT"],
            "{output}"
        );
        let events = Events::of(&output);
        expect_steps(&events, &[("SIGINT", 400), ("SIGQUIT", 800)]);
        assert_eq!(
            events.only("survivor").text("signal"),
            "SIGQUIT",
            "{output}"
        );
    }
}

/// A wrong word, and the error names where it came from.
#[track_caller]
fn expect_usage_error(words: &[&str], named: &str) {
    let json = "--log-format=json";
    let command_line = Init::new().args([&[json], words].concat());
    let variable = Init::new()
        .as_pid_1()
        .env("PIDLING_OPTIONS", [&[json], words].concat().join(" "));
    let mut sources = vec![("command line", command_line)];
    if require_namespaces() {
        sources.push(("PIDLING_OPTIONS", variable));
    }
    for (source, init) in sources {
        let output = init.args(["--", "echo", "ran"]).run();
        output.expect_status(125);
        output.expect_stdout("");
        let events = Events::of(&output);
        assert_eq!(events.names(), ["usage_error"], "{output}");
        let error = events.only("usage_error");
        assert_eq!(
            (
                error.text("source"),
                error.text("option"),
                error.text("word")
            ),
            (source, "--escalate", named),
            "{output}"
        );
    }
}

#[test]
fn a_step_needs_a_time_and_a_signal_that_can_be_escalated_to() {
    for value in [
        "5",
        "5:",
        ":QUIT",
        ":",
        "5:KILL",
        "5:SIGSTOP",
        "5:CHLD",
        "5:17",
        "5:9",
        "5:0",
        "5:65",
        "5:NONE",
        "x:QUIT",
        "-1:QUIT",
        "25h:QUIT",
        "5:QUIT:INT",
        "QUIT:5",
    ] {
        expect_usage_error(&[&format!("--escalate={value}")], value);
    }
}

#[test]
fn a_step_lies_after_the_delay_and_before_the_grace_period() {
    for words in [
        "--stop-delay=5s --escalate=4s:INT",
        "--stop-delay=5s --escalate=5s:INT",
        "--escalate=4s:INT --stop-delay=5s",
        "-t5s --escalate=5s:INT",
        "-t5s --escalate=1m:INT",
        "--escalate=5000ms:INT -t5",
        "--escalate=2s:HUP --escalate=5s:INT --escalate=3s:USR1 -t4s",
        "--escalate=0:INT",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let wrong = words
            .iter()
            .filter_map(|word| word.strip_prefix("--escalate="))
            .find(|value| value.ends_with(":INT"));
        expect_usage_error(&words, wrong.expect("a wrong step"));
    }
    // The control: right on both sides.
    let words = ["--stop-delay=4999ms", "--escalate=5s:INT", "-t5001ms"];
    Init::new().args(words).arg("true").run().expect(0, "", "");
}

#[test]
fn a_ninth_step_is_one_too_many() {
    let steps: Vec<String> = (1..=9)
        .map(|step| format!("--escalate={step}:INT"))
        .collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    Init::new()
        .args(&steps[..8])
        .arg("true")
        .run()
        .expect(0, "", "");
    expect_usage_error(&steps, "9:INT");
}

/// Contract 1.3: each source adds its own.
#[test]
fn the_error_about_a_step_names_its_own_source() {
    if !require_namespaces() {
        return;
    }
    for (variable, words, source) in [
        ("--escalate 5s:INT", &["-t4s"][..], "PIDLING_OPTIONS"),
        ("-t 4s", &["--escalate=5s:INT"], "command line"),
    ] {
        let output = Init::new()
            .as_pid_1()
            .env("PIDLING_OPTIONS", variable)
            .args([words, &["--log-format=json", "true"]].concat())
            .run();
        output.expect_status(125);
        let events = Events::of(&output);
        let error = events.only("usage_error");
        assert_eq!(
            (error.text("source"), error.text("word")),
            (source, "5s:INT")
        );
    }
}

#[test]
fn an_escalation_without_a_value_is_named() {
    let output = Init::new().args(["--log-format=json", "--escalate"]).run();
    output.expect_status(125);
    assert_eq!(
        Events::of(&output).only("usage_error").text("option"),
        "--escalate"
    );
}
