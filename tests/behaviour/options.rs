//! Options: where they come from, how they are spelled, and what is said of wrong ones (contract 1.3,
//! 10.1, 10.2, 10.5).

use harness::{
    Init, LIMIT, Limit, emulator_lacks, eventually, probe, processes, program, require_strace,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A usage error: one line, nothing else, status 125.
#[track_caller]
fn check_error(init: Init, complaint: &str) {
    let line = format!("pidling: error: {complaint}; try --help\n");
    init.run().expect(125, "", &line);
}

fn unknown(word: &str, nearest: &str) -> String {
    format!("command line: unknown option '{word}', the nearest is '{nearest}'")
}

fn missing(word: &str, option: &str, expected: &str) -> String {
    format!("command line: no value after '{word}', {option} expects {expected}")
}

fn bad(value: &str, option: &str, expected: &str) -> String {
    format!("command line: bad value '{value}', {option} expects {expected}")
}

const NUMBER: &str = "a number from 0 to 255";
const SIGNAL: &str = "a signal such as TERM, 15 or RTMIN+3";
const REWRITE: &str = "signals such as TERM:QUIT or HUP:0, the first not KILL, STOP or CHLD";
const TIME: &str = "a time such as 10, 10s, 1500ms or 2m, up to 24 h";
const FORMAT: &str = "text or json";

/// Each option that takes a value: its letter if it has one, its name, what it expects, a good value.
const WITH_VALUE: [(&str, &str, &str, &str); 6] = [
    ("-e", "--remap-exit", NUMBER, "255"),
    ("-p", "--parent-death-signal", SIGNAL, "9"),
    ("-r", "--rewrite", REWRITE, "USR1:USR2"),
    ("-t", "--grace-period", TIME, "1500ms"),
    ("", "--stop-delay", TIME, "2s"),
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
        check_error(Init::new().args([word, "true"]), &unknown(word, nearest));
    }
}

#[test]
fn a_missing_value_is_named_with_what_was_expected() {
    for (letter, name, expected, _) in WITH_VALUE {
        check_error(Init::new().arg(name), &missing(name, name, expected));
        if !letter.is_empty() {
            check_error(Init::new().arg(letter), &missing(letter, name, expected));
            let cluster = format!("-sg{}", &letter[1..]);
            check_error(
                Init::new().arg(&cluster),
                &missing(&cluster, name, expected),
            );
        }
    }
}

#[track_caller]
fn check_bad_values(name: &str, expected: &str, values: &[&str]) {
    for value in values {
        check_error(
            Init::new().args([name, value, "true"]),
            &bad(value, name, expected),
        );
        check_error(
            Init::new().args([&format!("{name}={value}"), "true"]),
            &bad(value, name, expected),
        );
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
        &["", "0", "65", "TERMINATE", "SIG", "RTMIN+31", "-9"],
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
                "1h",
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
    check_error(
        Init::new().args(["-e256", "true"]),
        &bad("256", "--remap-exit", NUMBER),
    );
    check_error(
        Init::new().args(["-gpX", "true"]),
        &bad("X", "--parent-death-signal", SIGNAL),
    );
}

#[test]
fn a_value_for_an_option_without_one_is_named() {
    for (_, name) in WITHOUT_VALUE {
        for value in ["", "3"] {
            check_error(
                Init::new().args([&format!("{name}={value}"), "true"]),
                &format!("command line: unwanted value '{value}', {name} takes none"),
            );
        }
    }
}

#[test]
fn a_grace_period_not_longer_than_the_stop_delay_is_refused() {
    for (grace, delay) in [("1", "1"), ("1", "2"), ("1999ms", "2s"), ("0", "0")] {
        check_error(
            Init::new().args(["-t", grace, "--stop-delay", delay, "true"]),
            "command line: --grace-period expects more than --stop-delay",
        );
    }
    // The place where the last of the two stands is named.
    for (variable, words, source) in [
        ("-t1 --stop-delay=2", &["true"][..], "PIDLING_OPTIONS"),
        ("-t1", &["--stop-delay", "2", "true"], "command line"),
    ] {
        check_error(
            Init::new().env("PIDLING_OPTIONS", variable).args(words),
            &format!("{source}: --grace-period expects more than --stop-delay"),
        );
    }
    Init::new()
        .args(["-t", "2001ms", "--stop-delay", "2s", "true"])
        .run()
        .expect(0, "", "");
}

#[test]
fn no_command_is_a_usage_error() {
    let complaint = "command line: no command, expected COMMAND [ARG...]";
    check_error(Init::new(), complaint);
    check_error(Init::new().arg("--"), complaint);
    check_error(Init::new().args(["-g", "-v"]), complaint);
    check_error(Init::new().env("PIDLING_OPTIONS", "-g --"), complaint);
}

#[test]
fn a_command_with_pause_is_a_usage_error() {
    for option in ["-P", "--pause"] {
        check_error(
            Init::new().args([option, "true"]),
            "command line: unwanted command 'true', --pause takes none",
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
    check_error(
        Init::new().args([
            std::ffi::OsStr::from_bytes(b"--group\n\xff\x1b"),
            "true".as_ref(),
        ]),
        &unknown("--group\\x0a\\xff\\x1b", "--group"),
    );
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
        .args(["-r", "USR1:0"])
        .probe(["report", "--count", "1"])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGUSR1);
    running.signal(libc::SIGUSR2);
    let output = running.wait();
    output.expect_status(0);
    let stderr = output.stderr();
    let has = |words: &str| stderr.lines().any(|line| line.starts_with(words));
    match (
        has("pidling: dropped SIGUSR1: "),
        has("pidling: forwarded SIGUSR2 "),
        stderr.lines().count(),
    ) {
        (true, true, 5) => 3,
        (false, true, 4) => 2,
        (false, false, 0) => 1,
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
    assert!(!shows_warnings(Init::new().env("PIDLING_OPTIONS", "-q")));
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
    let raw = |entries: [&str; 2]| {
        entries
            .iter()
            .fold(Init::new(), |init, entry| init.launch(["--env", entry]))
    };
    assert_eq!(level(Init::new().env("PIDLING_OPTIONS", "-v")), 2);
    assert_eq!(level(Init::new().env("PIDLING_OPTIONS", "-v").arg("-v")), 3);
    assert_eq!(
        level(Init::new().env("PIDLING_OPTIONS", "-vv").arg("-q")),
        1
    );
    for entries in [
        ["TINI_VERBOSITY=3", "PIDLING_OPTIONS=-q -vv"],
        ["PIDLING_OPTIONS=-q -vv", "TINI_VERBOSITY=3"],
        ["PIDLING_OPTIONS=-q -vv", "DUMB_INIT_DEBUG=1"],
    ] {
        assert_eq!(level(raw(entries)), 2, "{entries:?}");
    }
    Init::new()
        .env("PIDLING_OPTIONS", "-e 3")
        .args(["-e", "4", "sh", "-c", "exit 3"])
        .run()
        .expect(0, "", "");
    Init::new()
        .env("PIDLING_OPTIONS", "--log-format=json -v")
        .args(["--log-format=text", "-q", "no-such-command"])
        .run()
        .expect(
            127,
            "",
            "pidling: error: cannot execute no-such-command: ENOENT (no such file or directory)\n",
        );
}

#[test]
fn pidling_options_are_separated_by_any_white_space() {
    for words in [
        "-e 3 -e 4",
        "  -e\t3\n\n-e  4 ",
        "-e3\u{c}-e4",
        "-se3 --remap-exit=4 --",
        "--remap-exit 3\r\n--remap-exit 4\r\n",
    ] {
        for status in [3, 4] {
            Init::new()
                .env("PIDLING_OPTIONS", words)
                .args(["sh", "-c", &format!("exit {status}")])
                .run()
                .expect(0, "", "");
        }
    }
    for words in ["", " ", "\n\t "] {
        Init::new()
            .env("PIDLING_OPTIONS", words)
            .args(["sh", "-c", "exit 3"])
            .run()
            .expect(3, "", "");
    }
}

#[test]
fn a_wrong_word_in_a_variable_is_named_with_the_variable() {
    for (words, complaint) in [
        (
            "-v true",
            "unwanted word 'true', expected options only".to_owned(),
        ),
        (
            "-v -- true",
            "unwanted word 'true', expected options only".to_owned(),
        ),
        (
            "--grup",
            "unknown option '--grup', the nearest is '--group'".to_owned(),
        ),
        (
            "-e",
            format!("no value after '-e', --remap-exit expects {NUMBER}"),
        ),
        (
            "-e 256",
            format!("bad value '256', --remap-exit expects {NUMBER}"),
        ),
        (
            "--quiet=1",
            "unwanted value '1', --quiet takes none".to_owned(),
        ),
    ] {
        check_error(
            // The command line lends no value to the variable.
            Init::new()
                .env("PIDLING_OPTIONS", words)
                .args(["3", "true"]),
            &format!("PIDLING_OPTIONS: {complaint}"),
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
    assert_eq!(
        receivers(
            Init::new()
                .env("TINI_KILL_PROCESS_GROUP", "")
                .env("PIDLING_OPTIONS", "--single-child")
        ),
        1
    );
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
    assert!(text.lines().count() <= 24, "{text}");
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
    Init::new()
        .env("PIDLING_OPTIONS", "--help")
        .run()
        .expect(0, &text, "");
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
    // The second prctl(2) asks for the signal. It is slow, and the shell dies meanwhile.
    let log = std::env::temp_dir().join(format!("pidling-parent-{}", std::process::id()));
    let script = format!(
        "{} -D -qq -o {} -e trace=prctl,getppid -e inject=prctl:delay_enter=2000000:when=2 \
         {} -p USR1 -- {} report --count 1 & read word",
        program("strace").unwrap().display(),
        log.display(),
        harness::pidling_path(),
        probe().display()
    );
    let mut running = Init::new()
        .binary("/bin/sh")
        // The main child would die of it before it reports it.
        .signal_setup("USR1", "")
        .args(["-c", &script])
        .spawn();
    assert!(eventually(LIMIT, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("getppid()"))
    }));
    running.close_stdin();
    let _ = running.wait_line("got SIGUSR1 from ");
    std::fs::remove_file(log).unwrap();
}
