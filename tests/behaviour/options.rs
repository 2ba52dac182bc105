//! Options: where they come from, how they are spelled, and what is said of wrong ones (contract 1.3,
//! 10.1, 10.2, 10.5).

use harness::{
    Events, Init, LIMIT, Limit, ProcStatus, Running, emulator_lacks, eventually, probe, processes,
    program, require_namespaces, require_strace,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A usage error: one line with these fields, nothing else, status 125.
#[track_caller]
fn check_error_of(init: Init, source: &str, fields: &[(&str, &str)]) {
    let output = init.run();
    output.expect_stdout("");
    let fields = [&[("source", source)], fields].concat();
    let mut words: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    words.sort_unstable();
    output.expect_events(125, &[&format!("usage_error {}", words.join(" "))]);
}

/// A usage error in the command line.
#[track_caller]
fn check_error(words: &[&str], fields: &[(&str, &str)]) {
    check_error_of(Init::new().json().args(words), "command line", fields);
}

fn unknown<'a>(word: &'a str, nearest: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("problem", "unknown_option"),
        ("word", word),
        ("option", nearest),
    ]
}

fn missing<'a>(option: &'a str, expected: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("problem", "missing_value"),
        ("option", option),
        ("expected", expected),
    ]
}

fn bad<'a>(value: &'a str, option: &'a str, expected: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("problem", "bad_value"),
        ("word", value),
        ("option", option),
        ("expected", expected),
    ]
}

const NUMBER: &str = "a number from 0 to 255";
const SIGNAL: &str = "a signal such as TERM, 15 or RTMIN+3";
const REWRITE: &str = "signals such as TERM:QUIT or HUP:0, the first not KILL, STOP or CHLD";
const FORWARDABLE: &str = "a signal such as QUIT, 3 or RTMIN+3, but not KILL, STOP or CHLD";
const STEP: &str =
    "a time and a signal such as 20s:QUIT, but not KILL, STOP or CHLD, at most 8 times";
const TIME: &str = "a time such as 10, 1500ms, 2m or 1h, up to 24 h";
const FORMAT: &str = "text or json";

/// Each option that takes a value: its letter if it has one, its name, what it expects, a good value.
const WITH_VALUE: [(&str, &str, &str, &str); 8] = [
    ("-e", "--remap-exit", NUMBER, "255"),
    ("-p", "--parent-death-signal", SIGNAL, "9"),
    ("-r", "--rewrite", REWRITE, "USR1:USR2"),
    ("-t", "--grace-period", TIME, "1500ms"),
    ("", "--stop-delay", TIME, "2s"),
    ("", "--stop-signal", FORWARDABLE, "RTMAX-1"),
    ("", "--escalate", STEP, "1h:INT"),
    ("", "--log-format", FORMAT, "text"),
];

/// Each option that takes none, in its short and long forms.
const WITHOUT_VALUE: [(&str, &str); 7] = [
    ("-a", "--wait-all"),
    ("-c", "--single-child"),
    ("-g", "--group"),
    ("-q", "--quiet"),
    ("-s", "--subreaper"),
    ("-w", "--warn-on-reap"),
    ("", "--setsid"),
];

#[test]
fn every_spelling_of_an_option_is_accepted() {
    let check = |words: &[&str]| {
        Init::new()
            .args(words)
            .args(["sh", "-c", "exit 4"])
            .run()
            .expect(4, "", "");
    };
    for (letter, name, _, value) in WITH_VALUE {
        check(&[name, value]);
        check(&[&format!("{name}={value}")]);
        if !letter.is_empty() {
            check(&[letter, value]);
            check(&[&format!("{letter}{value}")]);
            check(&[&format!("-sgw{}", &letter[1..]), value]);
            check(&[&format!("-sgw{}{value}", &letter[1..])]);
        }
        check(&[name, value, "--"]);
    }
    for (letter, name) in WITHOUT_VALUE {
        check(&[name]);
        check(&[name, name, "--"]);
        if !letter.is_empty() {
            check(&[letter]);
        }
    }
    check(&["-acgqsw"]);
    check(&["-sg", "-p9", "-e143", "-q"]);
    check(&["-vvvvvvvq"]);
    check(&["-v", "--verbose", "-q"]);
}

#[test]
fn an_unknown_option_is_named_with_the_nearest() {
    for (word, nearest) in [
        ("--grup", "--group"),
        ("--verbosity", "--verbose"),
        ("--grace", "--grace-period"),
        ("--stop-dealy", "--stop-delay"),
        ("--remap", "--remap-exit"),
        ("--group-kill=1", "--group"),
        ("--parent-death", "--parent-death-signal"),
        ("--stop-delay-and-more=1", "--stop-delay"),
    ] {
        check_error(&[word, "true"], &unknown(word, nearest));
    }
}

#[test]
fn a_missing_value_is_named_with_what_was_expected() {
    for (letter, name, expected, _) in WITH_VALUE {
        check_error(&[name], &missing(name, expected));
        if !letter.is_empty() {
            check_error(&[letter], &missing(name, expected));
            check_error(&[&format!("-sg{}", &letter[1..])], &missing(name, expected));
        }
    }
}

#[track_caller]
fn check_bad_values(name: &str, expected: &str, values: &[&str]) {
    for value in values {
        check_error(&[name, value, "true"], &bad(value, name, expected));
        let attached = format!("{name}={value}");
        check_error(&[&attached, "true"], &bad(value, name, expected));
    }
}

#[test]
fn a_bad_value_is_named_with_what_was_expected() {
    check_bad_values(
        "--remap-exit",
        NUMBER,
        &["", "256", "-1", "x", "1 ", "0x1", "4294967296", "1,2"],
    );
    check_bad_values(
        "--parent-death-signal",
        SIGNAL,
        &[
            "",
            "0",
            "65",
            "TERMINATE",
            "SIG",
            "RTMIN+31",
            "RTMAX-31",
            "-9",
        ],
    );
    check_bad_values(
        "--rewrite",
        REWRITE,
        &[
            "",
            ":",
            "TERM",
            "TERM:",
            ":TERM",
            "0:TERM",
            "TERM:65",
            "KILL:TERM",
            "9:15",
            "STOP:0",
            "CHLD:USR1",
            "TERM:INT:HUP",
            "TERM=INT",
        ],
    );
    for name in ["--grace-period", "--stop-delay"] {
        check_bad_values(
            name,
            TIME,
            &[
                "",
                "1d",
                "1h30",
                "-1",
                "1.5",
                "10 s",
                "25h",
                "86401",
                "1441m",
                "99999999999",
            ],
        );
    }
    check_bad_values("--log-format", FORMAT, &["", "xml", "JSON", "json "]);
    check_bad_values("--stop-signal", FORWARDABLE, &["", "0", "KILL", "17"]);
    check_bad_values(
        "--escalate",
        STEP,
        &[
            "", "5", "INT", "5:", ":INT", "5s:KILL", "25h:INT", "5:INT:6",
        ],
    );
    check_error(&["-e256", "true"], &bad("256", "--remap-exit", NUMBER));
    check_error(
        &["-gpX", "true"],
        &bad("X", "--parent-death-signal", SIGNAL),
    );
}

#[test]
fn a_value_for_an_option_without_one_is_named() {
    for (_, name) in WITHOUT_VALUE {
        for value in ["", "3"] {
            check_error(
                &[&format!("{name}={value}"), "true"],
                &[
                    ("problem", "unwanted_value"),
                    ("word", value),
                    ("option", name),
                ],
            );
        }
    }
}

/// The later one of the two is named, but no delay where the grace period is 0.
#[test]
fn a_grace_period_not_longer_than_the_stop_delay_is_refused() {
    let longer = "a time above 0 and above --stop-delay";
    let shorter = "a time shorter than --grace-period";
    for (grace, delay) in [("1", "1"), ("1", "2"), ("1999ms", "2s")] {
        check_error(
            &["-t", grace, "--stop-delay", delay, "true"],
            &bad(delay, "--stop-delay", shorter),
        );
        check_error(
            &["--stop-delay", delay, "-t", grace, "true"],
            &bad(grace, "--grace-period", longer),
        );
    }
    for words in [
        ["-t0", "--stop-delay=0", "true"],
        ["-t0", "--stop-delay=1", "true"],
    ] {
        check_error(&words, &bad("0", "--grace-period", longer));
    }
    Init::new()
        .args(["-t", "2001ms", "--stop-delay", "2s", "true"])
        .run()
        .expect(0, "", "");
    if !require_namespaces() {
        return;
    }
    for (variable, words, source) in [
        ("-t1 --stop-delay=2", &["true"][..], "PIDLING_OPTIONS"),
        ("-t1", &["--stop-delay", "2", "true"], "command line"),
    ] {
        let init = Init::new()
            .json()
            .as_pid_1()
            .env("PIDLING_OPTIONS", variable);
        check_error_of(init.args(words), source, &bad("2", "--stop-delay", shorter));
    }
}

#[test]
fn no_command_is_a_usage_error() {
    let fields = [("problem", "no_command")];
    for words in [&[][..], &["--"], &["-g", "-v"]] {
        check_error(words, &fields);
    }
    if require_namespaces() {
        let init = Init::new()
            .json()
            .as_pid_1()
            .env("PIDLING_OPTIONS", "-g --");
        check_error_of(init, "command line", &fields);
    }
}

#[test]
fn a_command_with_pause_is_a_usage_error() {
    for option in ["-P", "--pause"] {
        check_error(
            &[option, "true"],
            &[("problem", "unwanted_command"), ("word", "true")],
        );
    }
}

/// The log format that was asked for holds for the complaint too.
#[test]
fn a_usage_error_in_json_is_one_object() {
    let output = Init::new()
        .args(["--log-format=json", "--grup", "true"])
        .run();
    output.expect_status(125);
    let line = output.stderr();
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (
            &object["event"],
            &object["source"],
            &object["word"],
            &object["option"]
        ),
        (
            &"usage_error".into(),
            &"command line".into(),
            &"--grup".into(),
            &"--group".into()
        ),
        "{output}"
    );
    assert_eq!(line.matches('\n').count(), 1);
}

#[test]
fn the_word_at_fault_is_escaped() {
    use std::os::unix::ffi::OsStrExt;
    let word = std::ffi::OsStr::from_bytes(b"--group\n\xff\x1b");
    let output = Init::new().arg(word).arg("true").run();
    output.expect_status(125);
    let shown = r"'--group\x0a\xff\x1b'";
    assert!(output.stderr().contains(shown), "{output}");
    assert_eq!(output.stderr().lines().count(), 1, "{output}");
}

#[test]
fn reading_stops_at_the_first_word_that_is_no_option() {
    let check = |words: &[&str], stdout: &str| Init::new().args(words).run().expect(0, stdout, "");
    check(&["echo", "-d", "--", "-x", "--help"], "-d -- -x --help\n");
    check(&["--", "echo", "--", "-v"], "-- -v\n");
    check(&["-g", "echo", "-g"], "-g\n");
    check(&["-g", "--", "echo", "--version", "-v"], "--version -v\n");
    check(&["-e", "5", "ls", "-d", "/"], "/\n");
}

/// How verbose an init is, as `TINI_VERBOSITY` counts: 1 shows warnings, 2 the lifecycle, 3 everything.
/// Errors alone, 0, show in [`shows_warnings`].
#[track_caller]
fn level(init: Init) -> usize {
    let mut running = init
        .json()
        .args(["-r", "USR1:0"])
        .probe(["report", "--count", "1"])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGUSR1);
    running.signal(libc::SIGUSR2);
    let output = running.wait();
    output.expect_status(0);
    match Events::of(&output).names()[..] {
        [] => 1,
        ["started", "signal_forwarded", "main_child_ended", "exit"] => 2,
        [
            "started",
            "signal_dropped",
            "signal_forwarded",
            "main_child_ended",
            "exit",
        ] => 3,
        _ => panic!("{output}"),
    }
}

/// Whether the warning of a SIGKILL is shown.
#[track_caller]
fn shows_warnings(init: Init) -> bool {
    let output = init.args(["--", "sh", "-c", "kill -KILL $$"]).run();
    output.expect_status(137);
    !output.stderr.is_empty()
}

#[test]
fn quiet_is_without_warnings() {
    assert!(shows_warnings(Init::new()));
    assert!(shows_warnings(Init::new().env("TINI_VERBOSITY", "1")));
    assert!(!shows_warnings(Init::new().env("TINI_VERBOSITY", "0")));
    assert!(!shows_warnings(Init::new().arg("-q")));
    assert!(!shows_warnings(Init::new().arg("--quiet")));
    if require_namespaces() {
        let init = || Init::new().as_pid_1();
        assert!(shows_warnings(init()));
        assert!(!shows_warnings(init().env("PIDLING_OPTIONS", "-q")));
    }
    assert!(shows_warnings(Init::new().args(["-q", "-v"])));
}

#[test]
fn verbosity_adds_up_and_later_wins() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    assert_eq!(level(Init::new()), 1);
    assert_eq!(level(Init::new().arg("-v")), 2);
    assert_eq!(level(Init::new().arg("--verbose")), 2);
    assert_eq!(level(Init::new().arg("-vv")), 3);
    assert_eq!(level(Init::new().arg("-vvvvvv")), 3);
    assert_eq!(level(Init::new().args(["-v", "--verbose"])), 3);
    assert_eq!(level(Init::new().args(["-vv", "-q"])), 1);
    assert_eq!(level(Init::new().args(["-q", "-vv"])), 2);
}

#[test]
fn tini_verbosity_is_the_starting_point() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    for (value, expected) in [("0", 1), ("1", 1), ("2", 2), ("3", 3), ("4", 3), ("255", 3)] {
        assert_eq!(
            level(Init::new().env("TINI_VERBOSITY", value)),
            expected,
            "TINI_VERBOSITY={value}"
        );
    }
    assert_eq!(level(Init::new().env("TINI_VERBOSITY", "0").arg("-vv")), 2);
    assert_eq!(level(Init::new().env("TINI_VERBOSITY", "3").arg("-q")), 1);
}

#[test]
fn dumb_init_debug_counts_only_as_1() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    assert_eq!(level(Init::new().env("DUMB_INIT_DEBUG", "1")), 3);
    assert_eq!(level(Init::new().env("DUMB_INIT_DEBUG", "0")), 1);
    assert_eq!(level(Init::new().env("DUMB_INIT_DEBUG", "")), 1);
    assert_eq!(level(Init::new().env("DUMB_INIT_DEBUG", "yes")), 1);
}

/// Contract 1.3: compatibility variables, then `PIDLING_OPTIONS`, then the command line; later wins,
/// wherever a variable stands in the environment.
#[test]
fn later_sources_win() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let init = || Init::new().as_pid_1();
    let set = |words: &str| init().env("PIDLING_OPTIONS", words);
    assert_eq!(level(set("-v")), 2);
    assert_eq!(level(set("-v").arg("-v")), 3);
    assert_eq!(level(set("-vv").arg("-q")), 1);
    for entries in [
        ["TINI_VERBOSITY=3", "PIDLING_OPTIONS=-q -vv"],
        ["PIDLING_OPTIONS=-q -vv", "TINI_VERBOSITY=3"],
        ["PIDLING_OPTIONS=-q -vv", "DUMB_INIT_DEBUG=1"],
    ] {
        let raw = entries
            .iter()
            .fold(init(), |init, entry| init.launch(["--env", entry]));
        assert_eq!(level(raw), 2, "{entries:?}");
    }
    set("-e 3")
        .args(["-e", "4", "sh", "-c", "exit 3"])
        .run()
        .expect(0, "", "");
    let output = set("--log-format=json -v")
        .args(["--log-format=text", "-q", "no-such-command"])
        .run();
    output.expect_status(127);
    let stderr = output.stderr();
    assert!(
        stderr.starts_with("pidling: error: cannot execute "),
        "{output}"
    );
    assert_eq!(stderr.lines().count(), 1, "{output}");
}

/// Contract 1.3: a wrapper says that it does not read the variable, and that alone.
#[test]
fn a_wrapper_does_not_read_pidling_options() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    for words in ["-e3 -q --log-format=text", "--no-such-option", ""] {
        let init = || Init::new().json().env("PIDLING_OPTIONS", words);
        let output = init().args(["-vv", "sh", "-c", "exit 3"]).run();
        output.expect_status(3);
        let events = Events::of(&output);
        assert_eq!(
            events.names(),
            ["options_ignored", "started", "main_child_ended", "exit"],
            "{output}"
        );
        assert_eq!(events.only("options_ignored").text("level"), "debug");
        let output = init().args(["-v", "sh", "-c", "exit 3"]).run();
        assert_eq!(
            Events::of(&output).names(),
            ["started", "main_child_ended", "exit"],
            "{output}"
        );
    }
}

#[test]
fn pidling_options_are_separated_by_any_white_space() {
    if !require_namespaces() {
        return;
    }
    for words in [
        "-e 3 -e 4",
        "  -e\t3\n\n-e  4 ",
        "-e3\u{c}-e4",
        "-se3 --remap-exit=4 --",
        "--remap-exit 3\r\n--remap-exit 4\r\n",
    ] {
        for status in [3, 4] {
            Init::new()
                .as_pid_1()
                .env("PIDLING_OPTIONS", words)
                .args(["sh", "-c", &format!("exit {status}")])
                .run()
                .expect(0, "", "");
        }
    }
    for words in ["", " ", "\n\t "] {
        Init::new()
            .as_pid_1()
            .env("PIDLING_OPTIONS", words)
            .args(["sh", "-c", "exit 3"])
            .run()
            .expect(3, "", "");
    }
}

#[test]
fn a_wrong_word_in_a_variable_is_named_with_the_variable() {
    if !require_namespaces() {
        return;
    }
    let unwanted = [("problem", "not_an_option"), ("word", "true")];
    let quiet = [
        ("problem", "unwanted_value"),
        ("word", "1"),
        ("option", "--quiet"),
    ];
    for (words, fields) in [
        ("-v true", &unwanted[..]),
        ("-v -- true", &unwanted),
        ("--grup", &unknown("--grup", "--group")),
        ("-e", &missing("--remap-exit", NUMBER)),
        ("-e 256", &bad("256", "--remap-exit", NUMBER)),
        ("--quiet=1", &quiet),
    ] {
        // The command line lends no value to the variable.
        let init = Init::new().json().as_pid_1().args(["3", "true"]);
        check_error_of(
            init.env("PIDLING_OPTIONS", words),
            "PIDLING_OPTIONS",
            fields,
        );
    }
}

/// The number of probes of two in a group that get a signal.
fn receivers(init: Init) -> usize {
    let probe = probe().display();
    let script = format!("{probe} report & exec {probe} report");
    let mut running = init.args(["--", "sh", "-c", &script]).spawn();
    for _ in 0..2 {
        let _ = running.wait_line("ready ");
    }
    // What reaches one of them in order reaches the other one no later than its next signal.
    running.signal(libc::SIGUSR1);
    let _ = running.wait_line("got SIGUSR1 ");
    let main = running.main_child_pid();
    let all = processes();
    let members = all.iter().filter(|process| process.group == main);
    let members: Vec<Pid> = members.map(|process| Pid::from_raw(process.pid)).collect();
    assert_eq!(members.len(), 2);
    for member in members {
        kill(member, Signal::SIGUSR2).unwrap();
        let _ = running.wait_line("got SIGUSR2 ");
    }
    running.stdout_so_far().matches("got SIGUSR1").count()
}

#[test]
fn compatibility_variables_choose_the_target() {
    for value in ["", "0", "1"] {
        assert_eq!(
            receivers(Init::new().env("TINI_KILL_PROCESS_GROUP", value)),
            2
        );
    }
    assert_eq!(
        receivers(Init::new().env("TINI_KILL_PROCESS_GROUP", "").arg("-c")),
        1
    );
    if require_namespaces() {
        let init = Init::new().as_pid_1().env("TINI_KILL_PROCESS_GROUP", "");
        assert_eq!(receivers(init.env("PIDLING_OPTIONS", "--single-child")), 1);
    }
    assert_eq!(
        receivers(Init::new().env("DUMB_INIT_SETSID", "0").arg("-g")),
        2
    );
    assert_eq!(receivers(Init::new().env("DUMB_INIT_SETSID", "0")), 1);
    assert_eq!(receivers(Init::new().env("TINI_SUBREAPER", "")), 1);
}

#[test]
fn help_goes_to_standard_output_and_fits_a_small_terminal() {
    let help = Init::new().arg("--help").run();
    help.expect_status(0);
    help.expect_stderr("");
    let text = help.stdout();
    assert!(text.starts_with("Usage: pidling [OPTION...] [--] COMMAND [ARG...]\n"));
    assert!(text.ends_with('\n') && text.is_ascii());
    assert!(text.lines().count() <= 30, "{text}");
    for line in text.lines() {
        assert!(line.len() <= 80, "{line}");
        assert_eq!(line.trim_end(), line);
    }
    let with_value = WITH_VALUE.map(|(letter, name, _, _)| (letter, name));
    for (letter, name) in with_value.iter().chain(&WITHOUT_VALUE) {
        let start = if letter.is_empty() {
            format!("      {name}")
        } else {
            format!("  {letter}, {name}")
        };
        let described = text.lines().filter(|line| line.starts_with(&start));
        assert_eq!(described.count(), 1, "{name}\n{text}");
    }
    for words in [
        &["-h"][..],
        &["-gh", "true"],
        &["-h", "--no-such-option"],
        &["-hP"],
        &["-t1", "--stop-delay=2", "-h"],
        &["-v", "--help", "--", "true"],
    ] {
        Init::new().args(words).run().expect(0, &text, "");
    }
    if require_namespaces() {
        let init = Init::new().as_pid_1().env("PIDLING_OPTIONS", "--help");
        init.run().expect(0, &text, "");
    }
}

#[test]
fn the_license_goes_to_standard_output() {
    let license = Init::new().arg("--license").run();
    license.expect_status(0);
    license.expect_stderr("");
    let text = license.stdout();
    let copyright = include_str!("../../LICENSE").lines().nth(2).unwrap();
    assert!(text.lines().any(|line| line == copyright), "{text}");
    for option in ["-l", "-L", "-vl", "-gL"] {
        Init::new().arg(option).run().expect(0, &text, "");
    }
}

/// Contract 1.6. The parent is a shell that waits for the word to die.
#[test]
fn a_parent_death_signal_comes_when_the_parent_dies() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    for (option, got) in [
        (&["-p", "USR1"][..], "SIGUSR1"),
        (&["-pTERM"], "SIGTERM"),
        (&["--parent-death-signal=RTMIN+1"], "SIGRTMIN+1"),
    ] {
        let words = option.join(" ");
        let script = format!(
            "{} {words} -- {} report --count 1 & read word",
            harness::pidling_path(),
            probe().display()
        );
        let mut running = Init::new().binary("/bin/sh").args(["-c", &script]).spawn();
        let _ = running.wait_line("ready");
        running.close_stdin();
        let _ = running.wait_line(&format!("got {got} from "));
    }
}

/// Contract 1.6: the request comes too late, and the init notices.
#[test]
fn a_parent_that_died_before_the_request_counts_as_dead() {
    if !require_strace() {
        return;
    }
    let mut running = with_a_parent_that_dies_before_the_request("USR1");
    let _ = running.wait_line("got SIGUSR1 from ");
}

/// Contract 3.1: SIGCHLD is for the init, whoever asks for it.
#[test]
fn a_late_request_for_sigchld_reaches_nobody() {
    if !require_strace() {
        return;
    }
    let mut running = with_a_parent_that_dies_before_the_request("CHLD");
    let line = running.wait_line("ready ");
    let main_child: i32 = line.strip_prefix("ready ").unwrap().parse().unwrap();
    let status = ProcStatus::of(main_child).unwrap();
    let init = status.field("PPid").parse().unwrap();
    kill(Pid::from_raw(init), Signal::SIGUSR1).unwrap();
    let _ = running.wait_line("got SIGUSR1 from ");
}

/// An init that asks for a signal after its parent's death, with a main child that reports the first signal that it gets.
fn with_a_parent_that_dies_before_the_request(signal: &str) -> Running {
    // The second prctl(2) asks for the signal. It is slow, and the shell dies meanwhile.
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let script = format!(
        "{} -D -qq -o {} -e trace=prctl,getppid -e inject=prctl:delay_enter=2000000:when=2 \
         {} -p {signal} -- {} report --count 1 & read word",
        program("strace").unwrap().display(),
        log.display(),
        harness::pidling_path(),
        probe().display()
    );
    let mut running = Init::new()
        .binary("/bin/sh")
        // The main child would die of it before it reports it.
        .signal_setup(signal, "")
        .args(["-c", &script])
        .spawn();
    assert!(eventually(LIMIT, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("getppid()"))
    }));
    running.close_stdin();
    running
}
