//! What a stop signal is, and how it is held back (contract 1.3, 3.3, 6.1, 6.2, 6.7, 10.2).

use crate::shutdown::{script, sleeps_with_a_timeout};
use harness::{
    Events, Init, LIMIT, Limit, Running, emulator_lacks, eventually, pidling, program,
    require_namespaces,
};
use nix::sys::signal::Signal;
use std::time::Duration;

const INT: i32 = libc::SIGINT;
const TERM: i32 = libc::SIGTERM;
const QUIT: i32 = libc::SIGQUIT;
const WINCH: i32 = libc::SIGWINCH;

/// The init as PID 1 that says its life in JSON.
fn init() -> Init {
    Init::new().as_pid_1().args(["-v", "--log-format=json"])
}

/// Starts a main child that says which signals it gets.
#[track_caller]
fn start(init: Init) -> Running {
    let mut running = init.probe(["app", "main", "report"]).spawn();
    let _ = running.wait_line("main ready");
    running
}

/// Ends the main child, which ends the init with status 0, and returns the log.
#[track_caller]
fn end(mut running: Running) -> Events {
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    Events::of(&output)
}

/// The name that the main child says a signal by.
fn name(signal: i32) -> &'static str {
    Signal::try_from(signal)
        .expect("a signal with a name")
        .as_str()
}

/// Sends a signal and waits until the main child has it.
#[track_caller]
fn deliver(running: &mut Running, signal: i32) {
    running.signal(signal);
    let _ = running.wait_line(&format!("main got {}", name(signal)));
}

/// Fails if a shutdown has begun: there would be a line, and a deadline.
#[track_caller]
fn expect_no_shutdown(running: &Running) {
    assert!(!sleeps_with_a_timeout(running), "there is a deadline");
    running.log_so_far().expect_none("shutdown_began");
}

/// Contract 6.1.
#[test]
fn each_stop_signal_option_adds_one() {
    if !require_namespaces() {
        return;
    }
    let options = [
        "--stop-signal",
        "WINCH",
        "--stop-signal=SIGUSR1",
        "--stop-signal",
        "12",
    ];
    for signal in [WINCH, libc::SIGUSR1, libc::SIGUSR2, TERM, INT] {
        let mut running = start(init().args(options).arg("-t20s"));
        deliver(&mut running, libc::SIGHUP);
        expect_no_shutdown(&running);
        deliver(&mut running, signal);
        assert!(sleeps_with_a_timeout(&running), "{}", name(signal));
        let events = end(running);
        assert_eq!(events.only("shutdown_began").text("signal"), name(signal));
        let _ = events.only("shutdown_took");
    }
}

#[test]
fn real_time_signals_can_be_stop_signals_counted_from_either_end() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for (word, number) in [
        ("RTMIN+3", 37),
        ("RTMAX-1", 63),
        ("SIGRTMAX-0", 64),
        ("RTMAX-30", 34),
    ] {
        let mut running = start(init().args(["--stop-signal", word, "-t1h"]));
        running.signal(number);
        let _ = running.wait_line("main got SIGRTMIN+");
        assert!(sleeps_with_a_timeout(&running), "{word}");
        let events = end(running);
        let _ = events.only("shutdown_began");
    }
}

/// The control: a thread dump, a change of the terminal's size or a request to read a file anew is no stop.
#[test]
fn other_signals_begin_no_shutdown_and_are_not_held_back() {
    if !require_namespaces() {
        return;
    }
    let mut running = start(init().args(["-t2s", "--stop-delay=1s", "-a"]));
    for signal in [QUIT, WINCH, libc::SIGUSR1, libc::SIGHUP, libc::SIGABRT] {
        deliver(&mut running, signal);
        expect_no_shutdown(&running);
    }
    let events = end(running);
    for event in ["shutdown_began", "stop_delayed", "shutdown_took", "killed"] {
        events.expect_none(event);
    }
}

/// Contract 6.1: a JVM writes its stacks on SIGQUIT and goes on.
#[test]
fn a_thread_dump_starts_no_deadline() {
    if !require_namespaces() {
        return;
    }
    // The trap runs once the read has ended: because of the signal, or with the line that comes after it.
    let dumper = r#"trap 'echo stacks' QUIT; echo ready
        while [ "$line" != quit ]; do read line <&3 && echo "$line"; done"#;
    let mut running = script(init().arg("-t100ms"), dumper).spawn();
    let _ = running.wait_line("ready");
    running.signal(QUIT);
    let _ = running.until_event("signal_forwarded");
    running.send_line("one");
    let _ = running.wait_line("stacks");
    expect_no_shutdown(&running);
    running.send_line("two");
    let _ = running.wait_line("two");
    running.send_line("quit");
    let _ = end(running);
}

/// Contract 6.1: as received or as forwarded.
#[test]
fn a_stop_signal_counts_as_received_and_as_forwarded() {
    if !require_namespaces() {
        return;
    }
    for (options, received, forwarded) in [
        (&["-rTERM:WINCH"][..], TERM, WINCH),
        (&["-rTERM:QUIT"], TERM, QUIT),
        (&["-rHUP:INT"], libc::SIGHUP, INT),
        (
            &["-rWINCH:USR1", "--stop-signal=USR1"],
            WINCH,
            libc::SIGUSR1,
        ),
        (
            &["-rUSR1:WINCH", "--stop-signal=USR1"],
            libc::SIGUSR1,
            WINCH,
        ),
    ] {
        let mut running = start(init().args(options).arg("-t20s"));
        running.signal(received);
        let _ = running.wait_line(&format!("main got {}", name(forwarded)));
        assert!(sleeps_with_a_timeout(&running), "{options:?}");
        let events = end(running);
        assert_eq!(
            events.only("shutdown_began").text("signal"),
            name(received),
            "{options:?}"
        );
        assert_eq!(
            events.only("signal_forwarded").text("signal"),
            name(forwarded),
            "{options:?}"
        );
    }
}

/// Contract 3.3, 6.1.
#[test]
fn a_stop_signal_that_is_dropped_begins_nothing() {
    if !require_namespaces() {
        return;
    }
    let running = start(init().args(["-v", "-rTERM:0", "-t1s", "--stop-delay=500ms"]));
    running.signal(TERM);
    let dropped = running.until_event("signal_dropped");
    assert_eq!(dropped.text("reason"), "rewritten to 0");
    expect_no_shutdown(&running);
    // The other one still does.
    running.signal(INT);
    let _ = running.until_event("stop_delayed");
    let events = end(running);
    assert_eq!(events.only("shutdown_began").text("signal"), "SIGINT");
}

/// Contract 6.1: what a shell without job control does for `pidling … &`, and then ^C.
#[test]
fn a_stop_signal_that_was_ignored_on_entry_is_forwarded_and_begins_nothing() {
    if !require_namespaces() {
        return;
    }
    let mut running = start(
        init()
            .signal_setup("", "INT,QUIT")
            .args(["-t1s", "--stop-delay=500ms"]),
    );
    deliver(&mut running, INT);
    expect_no_shutdown(&running);
    running.signal(TERM);
    let _ = running.until_event("stop_delayed");
    let events = end(running);
    assert_eq!(events.only("shutdown_began").text("signal"), "SIGTERM");
}

/// The same by a real shell.
#[test]
fn control_c_does_not_stop_what_a_script_has_put_into_the_background() {
    if !require_namespaces() {
        return;
    }
    let text = r#""$PIDLING" -v --log-format=json -t1s -- "$PROBE" app main report <&3 & echo "init $!"; wait"#;
    let mut running = script(Init::new().as_pid_1(), text)
        .env("PIDLING", pidling())
        .spawn();
    let _ = running.wait_line("main ready");
    let shell = running.main_child_pid();
    let inner = harness::children_of(shell);
    let [inner] = inner[..] else {
        panic!("{inner:?}");
    };
    let inner = nix::unistd::Pid::from_raw(inner.pid);
    nix::sys::signal::kill(inner, Signal::SIGINT).expect("the inner init lives");
    let _ = running.wait_line("main got SIGINT");
    running.log_so_far().expect_none("shutdown_began");
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    let events = Events::of(&output);
    events.expect_none("shutdown_began");
    events.expect_none("killed");
}

/// Contract 8.2: what did not begin takes no time.
#[test]
fn there_is_no_end_of_a_shutdown_without_a_beginning() {
    if !require_namespaces() {
        return;
    }
    for (options, main) in [
        (&[][..], "exit 3"),
        (&["-a"], "exit 3"),
        (&["-at5s"], r#""$PROBE" app left & exit 3"#),
        (&["-at300ms"], r#"trap "" TERM; sleep 1000 & exit 3"#),
    ] {
        let output = script(init().args(options), main).run();
        output.expect_status(3);
        let events = Events::of(&output);
        let _ = events.only("main_child_ended");
        events.expect_none("shutdown_began");
        events.expect_none("shutdown_took");
    }
}

/// Contract 6.2: timeout(1) sends its signal to its child and then to its group, which is the same stop.
#[test]
fn the_two_signals_of_timeout_are_one_stop() {
    let Some(timeout) = program("timeout") else {
        panic!("timeout of coreutils");
    };
    // Its standard input stays open, or the main child would end by itself.
    let running = Init::new()
        .binary(timeout)
        .arg("1")
        .arg(pidling())
        .args(["-v", "--log-format=json", "--stop-delay=2s"])
        .probe(["app", "main", "report", "exit:TERM:0"])
        .spawn();
    let output = running.wait();
    output.expect_status(124);
    let events = Events::of(&output);
    assert_eq!(events.only("stop_delayed").number("delay_ms"), 2000);
    // The group has the main child's own group apart, and SIGCONT comes behind each signal.
    let forwarded = events.named("signal_forwarded");
    let stops: Vec<_> = forwarded
        .into_iter()
        .filter(|event| event.text("signal") == "SIGTERM")
        .collect();
    let [stop] = stops[..] else {
        panic!("{events}");
    };
    let held = stop.after(events.only("stop_delayed"));
    assert!((1990..4000).contains(&held), "{held} ms: {output}");
}

/// Contract 6.2: later than that it is somebody in a hurry.
#[test]
fn a_second_stop_signal_ends_the_delay_once_it_is_another_one() {
    if !require_namespaces() {
        return;
    }
    for second in [TERM, INT, WINCH] {
        let mut running = start(init().args(["--stop-signal=WINCH", "--stop-delay=1h"]));
        running.signal(TERM);
        let held = running.until_event("stop_delayed");
        let hurried = eventually(LIMIT, || {
            running.signal(second);
            let events = running.log_so_far();
            events
                .iter()
                .any(|event| event.name() == "signal_forwarded")
        });
        assert!(hurried, "{}", running.log_so_far());
        let first = running.until_event("signal_forwarded");
        assert_eq!(
            first.text("signal"),
            "SIGTERM",
            "the one that was held comes first"
        );
        // Its own time begins a little before that line is written.
        assert!(first.after(&held) >= 90, "{held}\n{first}");
        let _ = running.wait_line(&format!("main got {}", name(second)));
        let _ = end(running);
    }
}

/// Contract 1.3.
#[test]
fn the_variable_for_options_counts_for_pid_1_alone() {
    if require_namespaces() {
        let output = Init::new()
            .as_pid_1()
            .env("PIDLING_OPTIONS", "--log-format=json --no-such-option")
            .args(["echo", "ran"])
            .run();
        output.expect_status(125);
        output.expect_stdout("");
        assert_eq!(
            Events::of(&output).only("usage_error").text("source"),
            "PIDLING_OPTIONS"
        );
    }
    for words in ["-v -t 1s", "--no-such-option", "-t", "\u{fffd}", ""] {
        let wrapper = || Init::new().env("PIDLING_OPTIONS", words);
        wrapper().args(["echo", "ran"]).run().expect(0, "ran\n", "");
        let output = wrapper().args(["-vv", "--log-format=json", "true"]).run();
        output.expect_status(0);
        let events = Events::of(&output);
        assert_eq!(events.only("options_ignored").text("level"), "debug");
        let output = wrapper().args(["-v", "--log-format=json", "true"]).run();
        Events::of(&output).expect_none("options_ignored");
    }
    let output = Init::new().args(["-vv", "--log-format=json", "true"]).run();
    Events::of(&output).expect_none("options_ignored");
}

/// Contract 1.3: an engine's init above the one of the image.
#[test]
fn an_init_inside_an_init_counts_the_options_once() {
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .as_pid_1()
        .env("PIDLING_OPTIONS", "-v --log-format=json --stop-delay 1s")
        .arg("--")
        .arg(pidling())
        .probe(["app", "main", "report", "exit:TERM:0"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    let _ = running.wait_line("main got SIGTERM");
    let output = running.wait();
    output.expect_status(0);
    let events = Events::of(&output);
    let _ = events.only("started");
    let forwarded = events.only("signal_forwarded");
    let held = forwarded.after(events.only("stop_delayed"));
    let took = events.only("shutdown_took").number("elapsed_ms");
    assert!(
        (990..2000).contains(&held) && took < 2000,
        "{held} {took}: {output}"
    );
}

/// Contract 10.2: tini reads it with atoi(3).
#[test]
fn a_verbosity_that_tini_would_have_started_with_stops_nothing() {
    let run = |value: &str| {
        let output = Init::new()
            .env("TINI_VERBOSITY", value)
            .args(["--log-format=json", "sh", "-c", "echo ran"])
            .run();
        output.expect_status(0);
        output.expect_stdout("ran\n");
        Events::of(&output)
    };
    for value in ["debug", "", "-1", "0", "1", "x3", "- 3"] {
        assert_eq!(run(value).names(), [""; 0], "{value:?}");
    }
    for value in ["2", " 2", "2x", "+2"] {
        let events = run(value);
        assert!(
            events.iter().all(|event| event.text("level") == "info"),
            "{value:?}: {events}"
        );
        let _ = events.only("started");
    }
    for value in ["3", " 3", "\t3 ", "99"] {
        let output = Init::new()
            .env("TINI_VERBOSITY", value)
            .args(["-r", "USR1:0", "--log-format=json"])
            .launch(["--block", "USR1", "--raise", "USR1"])
            .args(["true"])
            .run();
        // A signal that goes nowhere is told at this level only.
        let _ = Events::of(&output).only("signal_dropped");
    }
}

/// Contract 6.7, 10.1.
#[test]
fn an_hour_is_a_time_and_a_signal_can_be_counted_from_the_last() {
    for words in [
        &["-t", "1h"][..],
        &["-t24h", "--stop-delay=23h"],
        &["-r", "RTMAX-1:RTMAX-2"],
        &["-p", "RTMAX-14"],
        &["--stop-signal=RTMAX"],
    ] {
        Init::new().args(words).arg("true").run().expect(0, "", "");
    }
    for words in [
        &["-t", "25h"][..],
        &["-t", "1h1"],
        &["-p", "RTMAX-31"],
        &["--stop-signal", "RTMIN-1"],
    ] {
        let output = Init::new().args(words).args(["echo", "ran"]).run();
        output.expect_status(125);
        output.expect_stdout("");
    }
}

/// Contract 3.3, 6.1.
#[test]
fn usage_errors_of_the_stop_signal_name_the_word() {
    if !require_namespaces() {
        return;
    }
    for value in ["KILL", "STOP", "CHLD", "0", "65", "FOO", "-1", "TERM:INT"] {
        let command_line = Init::new().arg(format!("--stop-signal={value}"));
        let variable = Init::new()
            .as_pid_1()
            .env("PIDLING_OPTIONS", format!("--stop-signal={value}"));
        for (source, init) in [
            ("command line", command_line),
            ("PIDLING_OPTIONS", variable),
        ] {
            let output = init.args(["--log-format=json", "--", "echo", "ran"]).run();
            output.expect_status(125);
            output.expect_stdout("");
            let events = Events::of(&output);
            let error = events.only("usage_error");
            assert_eq!(
                (
                    error.text("source"),
                    error.text("option"),
                    error.text("word")
                ),
                (source, "--stop-signal", value)
            );
        }
    }
}

/// Contract 6.4: a group-wide signal spares the members from SIGTERM only if it was one.
#[test]
fn a_group_wide_stop_signal_other_than_sigterm_spares_nobody() {
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app member report <&3 & exec "$PROBE" app main report exit:WINCH:0 <&3"#;
    let options = ["-g", "-a", "--stop-signal=WINCH", "-t20s"];
    let mut running = script(init().args(options), main).spawn();
    crate::shutdown::wait_for(&running, &["member ready", "main ready"]);
    running.signal(WINCH);
    crate::shutdown::wait_for(
        &running,
        &[
            "main got SIGWINCH",
            "member got SIGWINCH",
            "member got SIGTERM",
        ],
    );
    let events = end_quietly(&mut running);
    assert_eq!(events.only("rest_signalled").text("signal"), "SIGTERM");
}

/// Ends what reports and returns the log once the init has ended.
#[track_caller]
fn end_quietly(running: &mut Running) -> Events {
    running.close_stdin();
    assert_eq!(running.wait_status().code(), Some(0));
    let mut events = running.log_so_far();
    let came = eventually(Duration::from_secs(5), || {
        events = running.log_so_far();
        events.names().last() == Some(&"exit")
    });
    assert!(came, "{events}");
    events
}

/// Contract 1.3.
#[test]
fn stop_signals_of_the_variable_and_of_the_command_line_add_up() {
    if !require_namespaces() {
        return;
    }
    for signal in [WINCH, libc::SIGUSR1] {
        let variable = "-v --log-format=json --stop-signal WINCH -t 20s";
        let init = Init::new().as_pid_1().env("PIDLING_OPTIONS", variable);
        let mut running = start(init.arg("--stop-signal=USR1"));
        deliver(&mut running, signal);
        let events = end(running);
        assert_eq!(events.only("shutdown_began").text("signal"), name(signal));
    }
}
