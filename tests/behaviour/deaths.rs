//! What is said of deaths, and of who is left behind (contract 7.1 to 7.4).

use crate::shutdown::{enter, script, wait_for};
use harness::{
    Event, Events, Init, LIMIT, Output, ProcStatus, Running, eventually, require_namespaces,
    require_root, until_next_tick,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;

const TERM: i32 = libc::SIGTERM;

/// The init that speaks JSON, as PID 1 or as a wrapper.
fn init(as_pid_1: bool) -> Init {
    let init = Init::new().arg("--log-format=json");
    if as_pid_1 { init.as_pid_1() } else { init }
}

/// A wrapper, and PID 1 where there are namespaces.
fn both() -> impl Iterator<Item = bool> {
    [false, true]
        .into_iter()
        .filter(|as_pid_1| !as_pid_1 || require_namespaces())
}

/// The only line of a log at the default level, which has to be this one.
#[track_caller]
pub(crate) fn only_line(output: &Output, name: &str, level: &str) -> Event {
    let events = Events::of(output);
    assert_eq!(
        (events.names(), output.stderr().lines().count()),
        (vec![name], 1),
        "{output}"
    );
    let event = events.only(name).clone();
    assert_eq!(event.text("level"), level, "{output}");
    event
}

const CRASHES: [&str; 9] = [
    "SEGV", "ABRT", "BUS", "ILL", "FPE", "TRAP", "SYS", "XCPU", "XFSZ",
];

/// Contract 7.3.
#[test]
fn a_crash_is_told_with_its_signal() {
    for as_pid_1 in both() {
        for signal in CRASHES {
            let output = init(as_pid_1).probe(["kill-self", signal]).run();
            let number: Signal = format!("SIG{signal}").parse().expect("a signal");
            output.expect_status(128 + number as i32);
            let line = only_line(&output, "main_child_crashed", "warning");
            assert_eq!(
                (line.text("signal"), line.text("name")),
                (number.as_str(), "probe")
            );
            let dumped = line
                .field("core_dumped")
                .and_then(serde_json::Value::as_bool);
            assert_eq!(dumped, Some(false), "{output}");
            let _ = line.number("pid");
        }
    }
}

#[test]
fn a_crash_says_whether_a_core_was_dumped() {
    // A relative pattern makes a file in the current directory, core(5); a program gets it in any case.
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").expect("a pattern");
    let pattern = pattern.trim();
    assert!(
        !pattern.is_empty() && !pattern.starts_with('/'),
        "cores are made elsewhere: {pattern}"
    );
    for as_pid_1 in both() {
        let place = tempfile::tempdir().expect("a directory");
        let crash = || {
            init(as_pid_1)
                .directory(place.path())
                .args(["--", "sh", "-c"])
        };
        let output = crash().arg("ulimit -c unlimited; kill -SEGV $$").run();
        output.expect_status(139);
        let line = only_line(&output, "main_child_crashed", "warning");
        assert_eq!(
            line.field("core_dumped")
                .and_then(serde_json::Value::as_bool),
            Some(true),
            "{output}"
        );
        assert_eq!((line.text("name"), line.text("signal")), ("sh", "SIGSEGV"));
        // The control.
        let output = crash().arg("ulimit -c 0; kill -SEGV $$").run();
        let line = only_line(&output, "main_child_crashed", "warning");
        assert_eq!(
            line.field("core_dumped")
                .and_then(serde_json::Value::as_bool),
            Some(false),
            "{output}"
        );
    }
}

#[test]
fn a_crash_in_text_names_the_process_and_the_signal() {
    let output = Init::new().probe(["kill-self", "SEGV"]).run();
    output.expect_status(139);
    let said = output.stderr();
    assert_eq!(said.lines().count(), 1, "{output}");
    for fact in ["pidling: warning: main child ", "(probe)", "SIGSEGV"] {
        assert!(said.contains(fact), "{output}");
    }
    Init::new()
        .arg("-q")
        .probe(["kill-self", "SEGV"])
        .run()
        .expect(139, "", "");
}

/// Contract 7.3: keys, pipes and whoever asked for it.
#[test]
fn other_deaths_by_a_signal_are_ordinary() {
    for as_pid_1 in both() {
        for signal in ["QUIT", "INT", "TERM", "HUP", "PIPE", "USR1", "ALRM", "34"] {
            let output = init(as_pid_1).probe(["kill-self", signal]).run();
            output.expect_stderr("");
            let output = init(as_pid_1).arg("-v").probe(["kill-self", signal]).run();
            let events = Events::of(&output);
            let _ = events.only("main_child_ended").text("signal");
            events.expect_none("main_child_crashed");
        }
    }
}

#[test]
fn a_crash_by_a_signal_that_the_init_forwarded_is_ordinary() {
    for as_pid_1 in both() {
        for (sent, options) in [(libc::SIGABRT, &[][..]), (TERM, &["-rTERM:SEGV"])] {
            let mut running = init(as_pid_1).args(options).probe(["app", "main"]).spawn();
            let _ = running.wait_line("main ready");
            running.signal(sent);
            running.wait().expect_stderr("");
        }
    }
}

/// A worker's crash is its parent's business.
#[test]
fn the_crash_of_another_process_is_not_told() {
    for as_pid_1 in both() {
        let output = script(
            init(as_pid_1),
            r#"exec 2>/dev/null; "$PROBE" kill-self SEGV; exit 0"#,
        )
        .run();
        output.expect(0, "", "");
        // The pipe ends with the orphan.
        let output = script(
            init(as_pid_1),
            r#"("$PROBE" kill-self SEGV &) | cat; exit 4"#,
        )
        .run();
        output.expect(4, "", "");
    }
}

/// Kills the main child as somebody outside would.
#[track_caller]
fn killed_from_outside(init: Init) -> Output {
    let mut running = init.probe(["app", "main"]).spawn();
    let _ = running.wait_line("main ready");
    kill(Pid::from_raw(running.main_child_pid()), Signal::SIGKILL).expect("the main child lives");
    running.wait()
}

/// Contract 7.1: a wrapper's cgroup has a longer life than it, so its count proves nothing. The exact counts are
/// asserted where a cgroup is the container's own, in tests/engines.
#[test]
fn a_wrapper_claims_no_cause_of_a_sigkill() {
    let output = killed_from_outside(init(false));
    output.expect_status(137);
    let line = only_line(&output, "sigkill_explained", "warning");
    assert_eq!(line.text("killer"), "unknown", "{output}");
    let output = killed_from_outside(Init::new());
    let said = output.stderr();
    assert!(
        said.contains("SIGKILL") && said.contains("not sent by pidling"),
        "{output}"
    );
    assert!(!said.contains("out of memory"), "{output}");
    killed_from_outside(init(false).arg("-q")).expect_stderr("");
}

/// Contract 7.1: where no cgroup can be read, nothing is claimed.
#[test]
fn pid_1_without_a_cgroup_claims_no_cause_of_a_sigkill() {
    if !require_namespaces() || !require_root() {
        return;
    }
    let setup = "mount -t tmpfs none /sys && exec \"$@\"";
    let output = killed_from_outside(init(true).through(["sh", "-c", setup, "sh"]));
    output.expect_status(137);
    let line = only_line(&output, "sigkill_explained", "warning");
    assert_eq!(line.text("killer"), "unknown", "{output}");
    assert!(line.field("oom_kill").is_none(), "{output}");
}

/// The control: whom the init has killed itself is told so.
#[test]
fn a_sigkill_of_the_inits_own_is_told_as_its_own() {
    for as_pid_1 in both() {
        let mut running = init(as_pid_1)
            .args(["-t300ms"])
            .probe(["app", "main", "ignore:TERM"])
            .spawn();
        let _ = running.wait_line("main ready");
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(137);
        assert_eq!(
            Events::of(&output).only("sigkill_explained").text("killer"),
            "deadline"
        );
    }
}

/// A server behind a shell that does not wait: contract 7.4.
const SHELL_TRAP: &str = r#": prepare; "$PROBE" app server report <&3 & wait"#;

/// The processes that a line names.
fn first(line: &Event) -> Vec<(u64, String)> {
    let list = line
        .field("first")
        .and_then(serde_json::Value::as_array)
        .expect("a list");
    let entry = |entry: &serde_json::Value| {
        let pid = entry["pid"].as_u64().expect("a pid");
        (pid, entry["name"].as_str().expect("a name").to_owned())
    };
    list.iter().map(entry).collect()
}

#[test]
fn the_server_of_a_dead_shell_is_named_when_it_is_cut_off() {
    if !require_namespaces() {
        return;
    }
    for options in [&[][..], &["-t20s"]] {
        let mut running = script(init(true).args(options), SHELL_TRAP).spawn();
        let ready = running.wait_line("server ready ");
        let server: u64 = ready
            .rsplit(' ')
            .next()
            .and_then(|pid| pid.parse().ok())
            .expect("a pid");
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(143);
        let line = only_line(&output, "cut_off", "warning");
        assert_eq!(
            (line.text("main_child"), line.number("processes")),
            ("sh", 1)
        );
        assert_eq!(first(&line), [(server, "probe".to_owned())]);
    }
    // The option that helps is named.
    let mut running = script(Init::new().as_pid_1(), SHELL_TRAP).spawn();
    let _ = running.wait_line("server ready");
    running.signal(TERM);
    let output = running.wait();
    let said = output.stderr();
    assert_eq!(said.lines().count(), 1, "{output}");
    for fact in [
        "pidling: warning: ",
        "sh",
        "1 process",
        "probe",
        "--wait-all",
    ] {
        assert!(said.contains(fact), "{fact}: {output}");
    }
}

#[test]
fn several_processes_that_are_cut_off_are_counted() {
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app one report <&3 & "$PROBE" app two session report <&3 &
        ("$PROBE" app three report <&3 &) ; wait"#;
    let running = script(init(true), main).spawn();
    wait_for(&running, &["one ready", "two ready", "three ready"]);
    running.signal(TERM);
    let output = running.wait();
    let line = only_line(&output, "cut_off", "warning");
    assert_eq!(line.number("processes"), 3, "{output}");
    let names: Vec<String> = first(&line).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["probe"; 3], "{output}");
}

/// The controls: whoever got the stop signal has had its chance, and with `-a` nobody is cut off.
#[test]
fn nobody_is_cut_off_who_got_the_stop_signal_or_was_waited_for() {
    if !require_namespaces() {
        return;
    }
    let running = script(
        init(true).arg("-g"),
        r#""$PROBE" app server catch:TERM & "$PROBE" app main; :"#,
    )
    .spawn();
    wait_for(&running, &["server ready", "main ready"]);
    until_next_tick();
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(143);
    Events::of(&output).expect_none("cut_off");

    let running = script(
        init(true).arg("-a"),
        r#""$PROBE" app server & "$PROBE" app main; :"#,
    )
    .spawn();
    wait_for(&running, &["server ready", "main ready"]);
    running.signal(TERM);
    running.wait().expect_stderr("");
}

/// With `-g` those that left the group never got it.
#[test]
fn whoever_left_the_group_is_cut_off_under_g() {
    if !require_namespaces() {
        return;
    }
    let main =
        r#""$PROBE" app leaver session & "$PROBE" app member catch:TERM & exec "$PROBE" app main"#;
    let running = script(init(true).arg("-g"), main).spawn();
    wait_for(&running, &["leaver ready", "member ready", "main ready"]);
    until_next_tick();
    running.signal(TERM);
    let output = running.wait();
    let line = only_line(&output, "cut_off", "warning");
    assert_eq!(line.number("processes"), 1, "{output}");
}

/// Contract 7.4: without a shutdown it is told with `-v`.
#[test]
fn jobs_that_a_shell_leaves_are_told_with_v() {
    if !require_namespaces() {
        return;
    }
    for status in [0, 3] {
        let main = format!(r#""$PROBE" app job & read line <&3; exit {status}"#);
        for (options, is_told) in [(&[][..], false), (&["-v"], true)] {
            let mut running = script(init(true).args(options), &main).spawn();
            let _ = running.wait_line("job ready");
            running.send_line("");
            let output = running.wait();
            output.expect_status(status);
            let events = Events::of(&output);
            if is_told {
                let line = events.only("cut_off");
                assert_eq!(
                    (line.text("level"), line.number("processes")),
                    ("info", 1),
                    "{output}"
                );
            } else {
                output.expect_stderr("");
            }
            events.expect_none("daemon_cut_off");
        }
    }
}

/// A wrapper ends nobody with it.
#[test]
fn a_wrapper_cuts_nobody_off() {
    let mut running = script(init(false).arg("-v"), SHELL_TRAP).spawn();
    let _ = running.wait_line("server ready");
    running.signal(TERM);
    let _ = running.wait_status();
    let output = running.wait();
    let events = Events::of(&output);
    events.expect_none("cut_off");
    events.expect_none("daemon_cut_off");
}

/// Contract 7.4: those that entered from outside, and their descendants, are somebody else's.
#[test]
fn visitors_do_not_count_as_cut_off() {
    if !require_namespaces() || !require_root() {
        return;
    }
    let mut running = init(true)
        .arg("-v")
        .probe(["app", "main", "report", "exit:TERM:0"])
        .spawn();
    let _ = running.wait_line("main ready");
    let mut visitor = enter(running.init_pid(), &["report"]);
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(0);
    Events::of(&output).expect_none("cut_off");
    assert!(!visitor.rest().contains("done"));
}

#[test]
fn many_that_are_cut_off_are_told_in_one_line() {
    if !require_namespaces() {
        return;
    }
    let main = "for i in $(seq 40); do sleep 1000 & done; echo ready; read line <&3; wait";
    for option in ["--log-format=json", "--log-format=text"] {
        let mut running = script(Init::new().as_pid_1().arg(option), main).spawn();
        let _ = running.wait_line("ready");
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(143);
        assert!(output.stderr().len() <= 1024, "{output}");
        if option.ends_with("json") {
            let line = only_line(&output, "cut_off", "warning");
            assert_eq!(
                (line.number("processes"), &line["at_least"]),
                (32, &true.into())
            );
        } else {
            assert_eq!(output.stderr().lines().count(), 1, "{output}");
        }
    }
}

/// Starts a program that puts itself into the background, and returns what the init said of it.
#[track_caller]
fn daemonized(init: Init, program: &Path, words: &[&str]) -> Output {
    init.arg("--")
        .arg(program)
        .arg("daemonize")
        .args(words)
        .run()
}

/// Contract 7.4.
#[test]
fn a_program_that_daemonizes_itself_is_told() {
    if !require_namespaces() {
        return;
    }
    let output = daemonized(init(true), harness::probe(), &["0", "session"]);
    output.expect_status(0);
    let line = only_line(&output, "daemon_cut_off", "warning");
    let daemon = line.field("daemon").expect("a daemon");
    assert_eq!(daemon["name"], "probe", "{output}");
    let said = output.stdout();
    let pid: u64 = said
        .trim()
        .rsplit(' ')
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("a pid");
    assert_eq!(daemon["pid"], pid, "{output}");
    assert!(line.number("pid") < pid, "{output}");

    let output = daemonized(Init::new().as_pid_1(), harness::probe(), &["0", "session"]);
    let said = output.stderr();
    assert!(
        said.starts_with("pidling: warning: ") && said.lines().count() == 1,
        "{output}"
    );
    assert!(
        said.contains("(probe)") || said.contains("probe ("),
        "{output}"
    );
    assert!(
        said.contains("daemon") && said.contains("foreground"),
        "{output}"
    );
}

/// The controls: a failed start, a helper of another name, one that leads no session, a wrapper.
#[test]
fn helpers_that_are_left_are_no_daemons() {
    if !require_namespaces() {
        return;
    }
    for (as_pid_1, words) in [
        (true, &["1", "session"][..]),
        (true, &["0", "session", "name:helper"]),
        (true, &["0", "group"]),
        (true, &["0"]),
    ] {
        let output = daemonized(init(as_pid_1), harness::probe(), words);
        output.expect_stderr("");
        let output = daemonized(init(as_pid_1).arg("-v"), harness::probe(), words);
        let events = Events::of(&output);
        events.expect_none("daemon_cut_off");
        assert_eq!(events.only("cut_off").text("level"), "info", "{output}");
    }
    let mut wrapper = init(false)
        .args(["--", "sh", "-c", r#"exec "$0" daemonize 0"#])
        .arg(harness::probe())
        .spawn();
    let ready = wrapper.wait_line("daemon ready ");
    assert_eq!(wrapper.wait_status().code(), Some(0));
    wrapper.wait().expect_stderr("");
    end(&ready);
}

/// Kills a process that outlived its init, by the line that it said.
fn end(ready: &str) {
    let pid: i32 = ready
        .rsplit(' ')
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("a pid");
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    assert!(eventually(LIMIT, || !ProcStatus::is_alive(pid)));
}

/// The name is cut to 15 bytes, `proc_pid_comm(5)`, as that of the daemon is.
#[test]
fn a_daemon_with_a_long_name_is_told() {
    if !require_namespaces() {
        return;
    }
    let place = tempfile::tempdir().expect("a directory");
    let program = place.path().join("a-server-with-a-long-name");
    harness::copy_program(harness::probe(), &program, 0o755);
    let output = daemonized(init(true), &program, &["0", "session"]);
    let line = only_line(&output, "daemon_cut_off", "warning");
    assert_eq!(
        line.field("daemon").expect("a daemon")["name"],
        "a-server-with-a",
        "{output}"
    );
}

/// Contract 7.4: in a shutdown it is cut off like all others.
#[test]
fn a_daemon_that_is_left_in_a_shutdown_is_cut_off() {
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app daemon session & exec "$PROBE" app main report exit:TERM:0 <&3"#;
    let running: Running = script(init(true), main).spawn();
    wait_for(&running, &["daemon ready", "main ready"]);
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(0);
    let line = only_line(&output, "cut_off", "warning");
    assert_eq!(line.number("processes"), 1, "{output}");
}
