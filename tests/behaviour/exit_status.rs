//! The exit status (contract 7): every status and every cause of death comes through.

use harness::{Events, Init, LIMIT, Limit, Output, emulator_lacks, require_namespaces};

/// The signals that a process without handlers survives, signal(7).
const HARMLESS: [i32; 8] = [
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGSTOP,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGURG,
    libc::SIGWINCH,
];

/// What is said of a death by a signal: a warning of SIGKILL, and of one that tells of a crash (contract 7.1, 7.3).
#[track_caller]
fn expect_words_about(output: &Output, signal: i32) {
    let expected: &[&str] = match signal {
        libc::SIGKILL => &["sigkill_explained"],
        libc::SIGSEGV
        | libc::SIGABRT
        | libc::SIGBUS
        | libc::SIGILL
        | libc::SIGFPE
        | libc::SIGTRAP
        | libc::SIGSYS
        | libc::SIGXCPU
        | libc::SIGXFSZ => &["main_child_crashed"],
        _ => &[],
    };
    assert_eq!(Events::of(output).names(), expected, "{output}");
    assert_eq!(output.stderr().lines().count(), expected.len(), "{output}");
}

/// Has an init run a shell that starts one init for each status from 0 to 255, whose main child ends with that status:
/// with these words before the init's path and these after it, in which `$status` is the status. Fails unless each ends
/// with what is expected, and nobody says anything.
#[track_caller]
fn expect_of_each_status(init: Init, before: &str, options: &str, expected: fn(i32) -> i32) {
    let script = format!(
        r#"status=0
        while [ $status -le 255 ]; do
            {before} "$PIDLING" {options} -- sh -c "exit $status"
            echo $status $?
            status=$((status + 1))
        done"#
    );
    let lines = (0..=255).map(|status| format!("{status} {}\n", expected(status)));
    // It starts 512 programs, one after the other, perhaps on an emulated processor.
    init.limit(8 * LIMIT)
        .env("PIDLING", harness::pidling_path())
        .args(["--", "sh", "-c", &script])
        .run()
        .expect(0, &lines.collect::<String>(), "");
}

#[test]
fn every_exit_status_comes_through() {
    expect_of_each_status(Init::new(), "", "", |status| status);
}

#[test]
fn every_exit_status_comes_through_pid_1() {
    if !require_namespaces() {
        return;
    }
    let namespace = "unshare --pid --fork --mount-proc --kill-child --";
    expect_of_each_status(Init::new().as_pid_1(), namespace, "", |status| status);
}

#[test]
fn a_deadly_signal_becomes_128_and_its_number() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    for signal in (1..=64).filter(|signal| !HARMLESS.contains(signal)) {
        let output = Init::new()
            .json()
            .probe(["kill-self", &signal.to_string()])
            .run();
        output.expect_status(128 + signal);
        output.expect_stdout("");
        expect_words_about(&output, signal);
    }
}

#[test]
fn a_deadly_signal_becomes_128_and_its_number_under_pid_1() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for signal in (1..=64).filter(|signal| !HARMLESS.contains(signal)) {
        let output = Init::new()
            .json()
            .as_pid_1()
            .probe(["kill-self", &signal.to_string()])
            .run();
        output.expect_status(128 + signal);
        output.expect_stdout("");
        expect_words_about(&output, signal);
    }
}

#[test]
fn a_harmless_signal_ends_nothing() {
    for signal in HARMLESS {
        if ![libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal) {
            Init::new()
                .probe(["kill-self", &signal.to_string()])
                .run()
                .expect(0, "alive\n", "");
        }
    }
}

/// Contract 7.1. What the line says besides is the business of the shutdown tests.
#[test]
fn a_sigkill_from_outside_is_explained_in_one_line() {
    for (options, is_shown) in [(&[][..], true), (&["-q"], false), (&["-w"], true)] {
        let output = Init::new()
            .json()
            .args(options)
            .args(["--", "sh", "-c", "echo $$; kill -KILL $$"])
            .run();
        output.expect_status(137);
        let stdout = output.stdout();
        let pid: i32 = stdout.trim().parse().unwrap();
        let events = Events::of(&output);
        assert_eq!(events.iter().count(), usize::from(is_shown), "{output}");
        assert!(
            events
                .iter()
                .all(|one| one["event"] == "sigkill_explained" && one["pid"] == pid),
            "{output}"
        );
    }
}

#[test]
fn a_remapped_status_becomes_0() {
    expect_of_each_status(Init::new(), "", "-e $status", |_| 0);
}

#[test]
fn every_status_but_the_remapped_stays() {
    let others = r"$(other=0
        while [ $other -le 255 ]; do
            [ $other = $status ] || echo --remap-exit=$other
            other=$((other + 1))
        done)";
    expect_of_each_status(Init::new(), "", others, |status| status);
}

#[test]
fn a_remapped_death_by_signal_becomes_0() {
    Init::new()
        .args(["-e", "143", "-e130", "--", "sh", "-c", "kill -TERM $$"])
        .run()
        .expect(0, "", "");
    Init::new()
        .args(["-e", "15", "--", "sh", "-c", "kill -TERM $$"])
        .run()
        .expect(143, "", "");
}

/// The whole sequence of nested inits hands the status up.
#[test]
fn nested_inits_hand_the_status_up() {
    let pidling = harness::pidling_path();
    Init::new()
        .args([pidling, "--", pidling, "sh", "-c", "exit 5"])
        .run()
        .expect(5, "", "");
}
