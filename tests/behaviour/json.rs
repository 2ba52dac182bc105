//! The log as JSON (contract 8.3): every line of every scenario is one object with a time, a level and an
//! event of a fixed vocabulary, whose fields are those of [`FIELDS`], whatever bytes they hold.

use crate::rest::{Copies, with_root};
use crate::shutdown::{WITHOUT_PROC, killed_from_outside, script, wait_for};
use harness::{
    Init, LIMIT, Limit, Output, emulator_lacks, eventually, kernel_lacks, pidling, probe,
    require_namespaces, require_root,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

const TERM: i32 = libc::SIGTERM;

/// The longest line (contract 8.4).
const LINE_LIMIT: usize = 1024;

/// The vocabulary: each event, its level and its fields. An event can have several forms.
const FIELDS: &[(&str, &str, &[&str])] = &[
    (
        "cut_off",
        "info",
        &["at_least", "first", "main_child", "processes"],
    ),
    (
        "cut_off",
        "warning",
        &["at_least", "first", "main_child", "processes"],
    ),
    ("daemon_cut_off", "warning", &["daemon", "pid"]),
    ("empty_file", "info", &["path"]),
    ("error_ignored", "debug", &["call", "error"]),
    ("exec_failed", "error", &["command", "error", "reason"]),
    (
        "exec_failed",
        "error",
        &["command", "error", "path", "reason"],
    ),
    (
        "exec_failed",
        "error",
        &["command", "error", "interpreter", "reason"],
    ),
    (
        "exec_failed",
        "error",
        &["command", "error", "loader", "reason"],
    ),
    (
        "exec_failed",
        "error",
        &["command", "directory", "error", "reason"],
    ),
    (
        "exec_failed",
        "error",
        &[
            "command",
            "error",
            "program_machine",
            "reason",
            "this_machine",
        ],
    ),
    ("exit", "info", &["signal"]),
    ("exit", "info", &["status"]),
    ("kill_failed", "warning", &["error", "name", "pid"]),
    ("killed", "warning", &["elapsed_ms"]),
    (
        "main_child_crashed",
        "warning",
        &["core_dumped", "name", "pid", "signal"],
    ),
    ("main_child_ended", "info", &["pid", "status"]),
    ("main_child_ended", "info", &["pid", "signal"]),
    ("main_child_resumed", "debug", &["pid"]),
    ("main_child_stopped", "debug", &["pid", "signal"]),
    ("more_survivors", "warning", &["at_least", "processes"]),
    (OOM_KILLED, "warning", &["oom_kill"]),
    ("options_ignored", "debug", &[]),
    ("output_failed", "error", &["error"]),
    ("paused", "info", &[]),
    ("reaped", "debug", &["pid"]),
    ("reaped", "warning", &["pid"]),
    ("rest_signalled", "info", &["signal"]),
    ("rest_signalled", "info", &["processes", "signal"]),
    ("shutdown_began", "info", &["signal"]),
    ("shutdown_took", "info", &["elapsed_ms"]),
    ("sigkill_explained", "warning", &["killer", "pid"]),
    (
        "sigkill_explained",
        "warning",
        &["killer", "oom_kill", "pid"],
    ),
    ("signal_dropped", "debug", &["reason", "signal"]),
    ("signal_escalated", "info", &["elapsed_ms", "signal"]),
    ("signal_forwarded", "info", &["pid", "signal"]),
    ("signal_forwarded", "info", &["group", "signal"]),
    ("slow_stop", "info", ACT),
    ("slow_stop", "warning", ACT),
    ("start_failed", "error", &["command", "error", "step"]),
    (
        "start_failed",
        "error",
        &["command", "error", "limit", "limit_value", "step"],
    ),
    ("started", "info", &["command", "pid"]),
    ("stop_delayed", "info", &["delay_ms", "signal"]),
    (
        "survivor",
        "warning",
        &["disposition", "name", "pid", "signal", "state"],
    ),
    // A process may have no name.
    (
        "survivor",
        "warning",
        &["disposition", "pid", "signal", "state"],
    ),
    ("survivors_unknown", "warning", &["error"]),
    ("survivors_unknown", "warning", &["error", "group"]),
    ("unkillable", "warning", &["elapsed_ms"]),
    ("usage_error", "error", &["problem", "source"]),
    ("usage_error", "error", &["problem", "source", "word"]),
    (
        "usage_error",
        "error",
        &["option", "problem", "source", "word"],
    ),
    (
        "usage_error",
        "error",
        &["expected", "option", "problem", "source"],
    ),
    (
        "usage_error",
        "error",
        &["expected", "option", "problem", "source", "word"],
    ),
];

/// What a slow main child does about its stop signal.
const ACT: &[&str] = &[
    "disposition",
    "elapsed_ms",
    "name",
    "pid",
    "signal",
    "state",
];

/// The event that takes a control group of the init's own: `tests/engines` has it.
const OOM_KILLED: &str = "oom_killed";

/// Whether a field holds what its name promises: a number, a truth, a process, a list of processes, else a string.
fn is_of_its_type(name: &str, value: &Value) -> bool {
    let is_process = |value: &Value| value["pid"].is_u64() && value["name"].is_string();
    match name {
        "delay_ms" | "dropped" | "elapsed_ms" | "group" | "limit_value" | "oom_kill" | "pid"
        | "processes" | "status" => value.is_u64(),
        "at_least" | "core_dumped" => value.is_boolean(),
        "daemon" => is_process(value),
        "first" => value
            .as_array()
            .is_some_and(|list| list.iter().all(is_process)),
        _ => value.is_string(),
    }
}

/// Milliseconds since 1970 of a time such as `2026-01-31T23:59:59.999Z`; `None` for any other form.
fn milliseconds(time: &str) -> Option<i64> {
    let form: String = time
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    if form != "0000-00-00T00:00:00.000Z" {
        return None;
    }
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Count years from March, so that a leap day is the last of its year.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let hours = (days - 719_468) * 24 + number(11..13)?;
    let seconds = (hours * 60 + number(14..16)?) * 60 + number(17..19)?;
    Some(seconds * 1000 + number(20..23)?)
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

/// Reads the log of a run that has just ended and fails unless each line is as it has to be. Returns
/// the objects without what differs from run to run: `time`, and the value of `elapsed_ms`.
#[track_caller]
fn read(output: &Output) -> Vec<Value> {
    let latest = now();
    let began = output.began.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut earliest = i64::try_from(began.as_millis()).unwrap();
    let log = output.stderr.split_inclusive(|byte| *byte == b'\n');
    let mut objects = Vec::new();
    for line in log {
        let shown = String::from_utf8_lossy(line);
        assert!(line.len() <= LINE_LIMIT, "{} bytes: {shown}", line.len());
        assert!(
            line.starts_with(b"{\"time\":\"") && line.ends_with(b"}\n"),
            "{shown}\n{output}"
        );
        assert!(
            line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')),
            "{shown}"
        );
        let object: Value = serde_json::from_slice(line).unwrap_or_else(|error| {
            panic!("{error}: {shown}");
        });
        let Value::Object(mut fields) = object else {
            panic!("no object: {shown}");
        };
        let time = fields.remove("time").unwrap();
        let time = milliseconds(time.as_str().unwrap()).unwrap_or_else(|| panic!("{shown}"));
        assert!(
            (earliest..=latest).contains(&time),
            "{earliest} {shown} {latest}"
        );
        earliest = time;
        for (name, value) in &mut fields {
            assert!(is_of_its_type(name, value), "{name} of {shown}");
            if name == "elapsed_ms" {
                *value = Value::Null;
            }
        }
        let names: Vec<&str> = fields
            .keys()
            .map(String::as_str)
            .filter(|name| !["level", "event", "dropped"].contains(name))
            .collect();
        let (level, event) = (fields["level"].as_str(), fields["event"].as_str());
        assert!(
            FIELDS
                .iter()
                .any(|form| (Some(form.0), Some(form.1), form.2) == (event, level, &names[..])),
            "no such event, level and fields: {shown}"
        );
        objects.push(Value::Object(fields));
    }
    objects
}

/// The init that says everything in JSON.
fn init() -> Init {
    Init::new().args(["-vv", "--log-format", "json"])
}

/// The init that says errors and warnings in JSON.
fn quiet() -> Init {
    Init::new().arg("--log-format=json")
}

/// What is said of a main child that is the probe.
fn started() -> Value {
    let command = probe().to_str().unwrap();
    json!({"level": "info", "event": "started", "command": command, "pid": 2})
}

/// The last line.
fn exit(status: i32) -> Value {
    json!({"level": "info", "event": "exit", "status": status})
}

/// The line about how long the shutdown took.
fn took() -> Value {
    json!({"level": "info", "event": "shutdown_took", "elapsed_ms": null})
}

fn ended(status: i32) -> Value {
    json!({"level": "info", "event": "main_child_ended", "pid": 2, "status": status})
}

fn began(signal: &str) -> Value {
    json!({"level": "info", "event": "shutdown_began", "signal": signal})
}

fn forwarded(signal: &str) -> Value {
    json!({"level": "info", "event": "signal_forwarded", "signal": signal, "pid": 2})
}

fn killed() -> Value {
    json!({"level": "warning", "event": "killed", "elapsed_ms": null})
}

fn survivor(pid: u32, name: &str, disposition: &str) -> Value {
    json!({"level": "warning", "event": "survivor", "pid": pid, "name": name, "state": "S",
        "disposition": disposition, "signal": "SIGTERM"})
}

/// Fails unless the run said this, in this order.
#[track_caller]
fn expect(output: &Output, status: i32, objects: &[Value]) -> Vec<Value> {
    output.expect_status(status);
    let said = read(output);
    assert_eq!(said, objects, "{output}");
    said
}

fn signals_in_and_out() -> Vec<Value> {
    let mut running = init()
        .as_pid_1()
        .args(["-r", "USR2:0"])
        .probe(["app", "main", "report"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(libc::SIGHUP);
    let _ = running.wait_line("main got SIGHUP");
    running.signal(libc::SIGUSR2);
    let _ = running.wait_stderr_line(r#"{"time":"#);
    assert!(eventually(LIMIT, || running
        .stderr_so_far()
        .contains("USR2")));
    running.signal(37);
    let _ = running.wait_line("main got SIGRTMIN+3");
    running.close_stdin();
    expect(
        &running.wait(),
        0,
        &[
            started(),
            forwarded("SIGHUP"),
            json!({"level": "debug", "event": "signal_dropped", "signal": "SIGUSR2",
                "reason": "rewritten to 0"}),
            forwarded("SIGRTMIN+3"),
            ended(0),
            exit(0),
        ],
    )
}

fn a_group_that_is_shut_down() -> Vec<Value> {
    let main = r#""$PROBE" app leaver session report <&3 &
        exec "$PROBE" app main report exit:TERM:4 <&3"#;
    let init = init()
        .as_pid_1()
        .args(["-g", "-a", "--stop-delay", "200ms"]);
    let mut running = script(init, main).spawn();
    wait_for(&running, &["leaver ready", "main ready"]);
    running.signal(TERM);
    let _ = running.wait_line("leaver got SIGTERM");
    running.close_stdin();
    let mut said = read(&running.wait());
    // The leaver is reaped when it is dead, whatever is said then.
    said.retain(|line| line["event"] != "reaped");
    assert_eq!(
        said,
        [
            json!({"level": "info", "event": "started", "command": "sh", "pid": 2}),
            began("SIGTERM"),
            json!({"level": "info", "event": "stop_delayed", "signal": "SIGTERM", "delay_ms": 200}),
            json!({"level": "info", "event": "signal_forwarded", "signal": "SIGTERM", "group": 2}),
            ended(4),
            json!({"level": "info", "event": "rest_signalled", "signal": "SIGTERM", "processes": 1}),
            took(),
            exit(4),
        ]
    );
    said
}

fn a_hung_app() -> Vec<Value> {
    let mut running = init()
        .as_pid_1()
        .arg("-t500ms")
        .probe(["app", "main", "ignore:TERM"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    expect(
        &running.wait(),
        137,
        &[
            started(),
            began("SIGTERM"),
            forwarded("SIGTERM"),
            survivor(2, "probe", "ignores"),
            killed(),
            json!({"level": "info", "event": "main_child_ended", "pid": 2, "signal": "SIGKILL"}),
            json!({"level": "warning", "event": "sigkill_explained", "pid": 2,
                "killer": "deadline"}),
            took(),
            exit(137),
        ],
    )
}

fn a_rest_that_stays() -> Vec<Value> {
    let main = r#"trap "" TERM; for i in $(seq 34); do sleep 1000 & done; read line <&3; exit 3"#;
    let mut running = script(init().as_pid_1().args(["-a", "-t1s"]), main).spawn();
    running.send_line("");
    let mut objects = vec![
        json!({"level": "info", "event": "started", "command": "sh", "pid": 2}),
        ended(3),
        json!({"level": "info", "event": "rest_signalled", "signal": "SIGTERM"}),
    ];
    // seq was the third process.
    objects.extend((4..36).map(|pid| survivor(pid, "sleep", "ignores")));
    objects.extend([
        json!({"level": "warning", "event": "more_survivors", "processes": 2, "at_least": false}),
        killed(),
        exit(3),
    ]);
    let output = running.wait();
    output.expect_status(3);
    let said = read(&output);
    let without_reaps = said.iter().filter(|line| line["event"] != "reaped");
    assert_eq!(
        without_reaps.cloned().collect::<Vec<_>>(),
        objects,
        "{output}"
    );
    said
}

fn a_rest_that_nobody_sees() -> Vec<Value> {
    let mut running = init()
        .as_pid_1()
        .through(["sh", "-c", WITHOUT_PROC, "sh"])
        .arg("-t500ms")
        .probe(["app", "main", "ignore:TERM"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(137);
    let said = read(&output);
    let unknown = json!({"level": "warning", "event": "survivors_unknown", "error": "ENODEV"});
    assert!(said.contains(&unknown), "{output}");
    said
}

fn a_rest_beyond_reach() -> Vec<Value> {
    if !require_root() {
        return Vec::new();
    }
    let copies = Copies::new("json");
    let init = init().as_pid_1().args(["-a", "-t500ms"]);
    let mut running = with_root(&copies, init, r#""$ROOT" app root root ignore:TERM & "#);
    let _ = running.wait_line("root ready");
    running.send_line("");
    let output = running.wait();
    let said = read(&output);
    let unkillable = json!({"level": "warning", "event": "unkillable", "elapsed_ms": null});
    assert!(said.contains(&unkillable), "{output}");
    said
}

fn orphans() -> Vec<Value> {
    let mut all = Vec::new();
    for (option, level) in [("-v", "debug"), ("-w", "warning")] {
        let mut running = init()
            .as_pid_1()
            .arg(option)
            .probe(["orphans", "3"])
            .spawn();
        let reaps = |said: &str| said.matches(r#""event":"reaped""#).count();
        assert!(eventually(LIMIT, || reaps(&running.stderr_so_far()) == 3));
        running.close_stdin();
        let output = running.wait();
        output.expect_status(0);
        let said = read(&output);
        let reaps = said.iter().filter(|line| line["event"] == "reaped");
        let levels: Vec<_> = reaps.map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels, [level; 3], "{output}");
        all.extend(said);
    }
    all
}

fn a_child_that_a_key_stopped() -> Vec<Value> {
    expect(
        &init().as_pid_1().probe(["kill-self", "TSTP"]).run(),
        0,
        &[
            started(),
            json!({"level": "debug", "event": "main_child_stopped", "pid": 2, "signal": "SIGTSTP"}),
            json!({"level": "debug", "event": "main_child_resumed", "pid": 2}),
            ended(0),
            exit(0),
        ],
    )
}

fn pause() -> Vec<Value> {
    let mut running = init().as_pid_1().arg("--pause").spawn();
    let _ = running.wait_stderr_line("{");
    running.signal(TERM);
    expect(
        &running.wait(),
        0,
        &[
            json!({"level": "info", "event": "paused"}),
            began("SIGTERM"),
            took(),
            exit(0),
        ],
    )
}

fn a_rest_that_is_empty() -> Vec<Value> {
    expect(
        &init().as_pid_1().arg("-a").probe(["exit", "6"]).run(),
        6,
        &[
            started(),
            ended(6),
            json!({"level": "debug", "event": "error_ignored", "call": "kill", "error": "ESRCH"}),
            exit(6),
        ],
    )
}

fn commands_that_do_not_run() -> Vec<Value> {
    let copies = Copies::new("scripts");
    let script = copies.0.join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let made = Command::new("chmod").arg("755").arg(&script).status();
    assert!(made.unwrap().success());
    let script = script.to_str().unwrap();
    let mut said = Vec::new();
    for (command, status, fields) in [
        (
            "/no/such",
            127,
            json!({"error": "ENOENT", "reason": "errno"}),
        ),
        (
            "no-such",
            127,
            json!({"error": "ENOENT", "reason": "not_in_path"}),
        ),
        (
            "no such",
            127,
            json!({"error": "ENOENT", "reason": "one_word"}),
        ),
        ("/", 126, json!({"error": "EACCES", "reason": "directory"})),
        (
            script,
            127,
            json!({"error": "ENOENT", "reason": "missing_interpreter",
                "interpreter": "/no/such/interpreter"}),
        ),
    ] {
        let mut expected = fields;
        expected["level"] = "error".into();
        expected["event"] = "exec_failed".into();
        expected["command"] = command.into();
        said.extend(expect(
            &quiet().args(["--", command]).run(),
            status,
            &[expected],
        ));
    }
    said
}

/// Contract 2.7, 1.3: an empty file is a script, and a wrapper does not read the variable.
fn an_empty_script_and_a_variable() -> Vec<Value> {
    let copies = Copies::new("empty");
    let file = copies.copy(Path::new("/dev/null"), "empty", 0o755);
    let output = init().env("PIDLING_OPTIONS", "-q").arg(&file).run();
    output.expect_status(0);
    let said = read(&output);
    for expected in [
        json!({"level": "info", "event": "empty_file", "path": file.to_str().unwrap()}),
        json!({"level": "debug", "event": "options_ignored"}),
    ] {
        assert!(said.contains(&expected), "{output}");
    }
    said
}

/// Contract 7.3.
fn a_crash() -> Vec<Value> {
    let output = init().as_pid_1().probe(["kill-self", "SEGV"]).run();
    output.expect_status(139);
    let said = read(&output);
    let crashed = said
        .iter()
        .find(|line| line["event"] == "main_child_crashed")
        .unwrap_or_else(|| panic!("{output}"));
    assert_eq!(
        (&crashed["pid"], &crashed["name"], &crashed["signal"]),
        (&json!(2), &json!("probe"), &json!("SIGSEGV"))
    );
    said
}

/// Contract 7.4: the server of a dead shell, with and without a stop signal, and a program that made itself a daemon.
fn processes_that_are_cut_off() -> Vec<Value> {
    let mut all = Vec::new();
    let main = r#""$PROBE" app server & read line <&3; exit 3"#;
    for (stops, level) in [(true, "warning"), (false, "info")] {
        let mut running = script(init().as_pid_1(), main).spawn();
        let _ = running.wait_line("server ready");
        if stops {
            running.signal(TERM);
        } else {
            running.send_line("");
        }
        let said = read(&running.wait());
        let cut_off = json!({"level": level, "event": "cut_off", "main_child": "sh", "processes": 1,
            "first": [{"pid": 3, "name": "probe"}], "at_least": false});
        assert!(said.contains(&cut_off), "{said:?}");
        all.extend(said);
    }
    let copies = Copies::new("daemon");
    let daemon = copies.0.join("daemon");
    std::fs::write(&daemon, DAEMON).unwrap();
    let made = Command::new("chmod").arg("755").arg(&daemon).status();
    assert!(made.unwrap().success());
    let output = init().as_pid_1().env("PROBE", probe()).arg(&daemon).run();
    output.expect_status(0);
    let said = read(&output);
    assert!(
        said.iter().any(|line| line["event"] == "daemon_cut_off"
            && line["pid"] == 2
            && line["daemon"]["name"] == "daemon"),
        "{output}"
    );
    all.extend(said);
    all
}

/// A script that leaves a session leader of its own name behind, as daemons do.
const DAEMON: &str = r#"#!/bin/sh
if [ "$1" ]; then echo up; sleep 1000; exit; fi
mkfifo "$0.pipe"
"$PROBE" launch --new-session -- "$0" child >"$0.pipe" &
read line <"$0.pipe"
"#;

/// Contract 6.8, 6.9.
fn slow_main_children() -> Vec<Value> {
    let start = |step: &str, options: &[&str]| {
        let mut running = init()
            .as_pid_1()
            .args(options)
            .probe(["app", "main", step])
            .spawn();
        let _ = running.wait_line("main ready");
        running.signal(TERM);
        running
    };
    let runs = [("ignore:TERM", "warning"), ("catch:TERM", "info")];
    let runs = runs.map(|(step, level)| (start(step, &[]), level));
    let escalated = start("ignore:TERM", &["--escalate=300ms:ABRT"]).wait();
    escalated.expect_status(134);
    let mut all = read(&escalated);
    assert!(
        all.iter()
            .any(|line| line["event"] == "signal_escalated" && line["signal"] == "SIGABRT"),
        "{escalated}"
    );
    for (mut running, level) in runs {
        assert_eq!(running.wait_event("slow_stop")["level"], level);
        running.signal(libc::SIGABRT);
        let output = running.wait();
        output.expect_status(134);
        all.extend(read(&output));
    }
    all
}

fn an_init_without_processes() -> Vec<Value> {
    if !require_root() {
        return Vec::new();
    }
    let copies = Copies::new("limit");
    let binary = copies.copy(&pidling(), "pidling", 0o755);
    // A user of whom nobody else runs anything.
    let launch = ["--limit", "nproc=1", "--user", "54321"];
    expect(
        &init()
            .binary(binary)
            .launch(launch)
            .directory("/")
            .args(["--", "true"])
            .run(),
        125,
        &[
            json!({"level": "error", "event": "start_failed", "step": "process",
            "command": "true", "error": "EAGAIN", "limit": "RLIMIT_NPROC", "limit_value": 1}),
        ],
    )
}

fn output_to_nowhere() -> Vec<Value> {
    let full = ["sh", "-c", r#"exec "$@" >/dev/full"#, "sh"];
    expect(
        &init().arg("--version").through(full).run(),
        125,
        &[json!({"level": "error", "event": "output_failed", "error": "ENOSPC"})],
    )
}

fn usage_errors() -> Vec<Value> {
    let mut all = Vec::new();
    for (words, fields) in [
        (&[][..], json!({"problem": "no_command"})),
        (
            &["-t"],
            json!({"problem": "missing_value", "option": "--grace-period", "expected": TIME}),
        ),
        (
            &["-t", "1d"],
            json!({"problem": "bad_value", "word": "1d", "option": "--grace-period",
                "expected": TIME}),
        ),
        (
            &["--wait"],
            json!({"problem": "unknown_option", "word": "--wait", "option": "--wait-all"}),
        ),
        (&["-@"], json!({"problem": "unknown_option", "word": "-@"})),
        (
            &["--wait-all=\"\\"],
            json!({"problem": "unwanted_value", "word": "\"\\", "option": "--wait-all"}),
        ),
        (
            &["-P", "true"],
            json!({"problem": "unwanted_command", "word": "true"}),
        ),
    ] {
        let mut expected = fields;
        expected["level"] = "error".into();
        expected["event"] = "usage_error".into();
        expected["source"] = "command line".into();
        all.extend(expect(&init().args(words).run(), 125, &[expected]));
    }
    let output = init()
        .as_pid_1()
        .env("PIDLING_OPTIONS", "--log-format=json what")
        .run();
    all.extend(expect(
        &output,
        125,
        &[
            json!({"level": "error", "event": "usage_error", "source": "PIDLING_OPTIONS",
            "problem": "not_an_option", "word": "what"}),
        ],
    ));
    all
}

/// What a time has to be.
const TIME: &str = "a time such as 10, 1500ms, 2m or 1h, up to 24 h";

fn a_main_child_that_somebody_killed() -> Vec<Value> {
    let options = ["-q", "-v", "--log-format=json"];
    let (child, output) = killed_from_outside(&options, &[]);
    expect(
        &output,
        137,
        &[
            json!({"level": "warning", "event": "sigkill_explained", "pid": child,
            "killer": "unknown"}),
        ],
    )
}

/// The events that the source knows, each the second word of what says it: `say(Level::Info, "event",`.
fn vocabulary() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/log/event.rs");
    let (_, describe) = source.split_once("pub fn describe").unwrap();
    let (describe, _) = describe.split_once("\n}\n").unwrap();
    let said = describe.split("say(").skip(1);
    said.map(|rest| rest.split('"').nth(1).unwrap()).collect()
}

#[test]
fn every_event_is_said_with_its_level_and_its_fields() {
    if kernel_lacks("statx(2)") {
        return;
    }
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let scenarios: [fn() -> Vec<Value>; 18] = [
        a_child_that_a_key_stopped,
        a_crash,
        a_group_that_is_shut_down,
        a_hung_app,
        a_main_child_that_somebody_killed,
        a_rest_beyond_reach,
        a_rest_that_is_empty,
        a_rest_that_nobody_sees,
        a_rest_that_stays,
        an_empty_script_and_a_variable,
        an_init_without_processes,
        commands_that_do_not_run,
        orphans,
        output_to_nowhere,
        pause,
        processes_that_are_cut_off,
        slow_main_children,
        usage_errors,
    ];
    let mut said = signals_in_and_out();
    // They wait more than they work.
    std::thread::scope(|scope| {
        let threads = scenarios.map(|scenario| scope.spawn(scenario));
        for thread in threads {
            said.extend(
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
    });
    let known: BTreeSet<&str> = FIELDS.iter().map(|(event, ..)| *event).collect();
    assert_eq!(vocabulary(), known);
    if require_root() {
        let said: BTreeSet<&str> = said
            .iter()
            .map(|line| line["event"].as_str().unwrap())
            .chain([OOM_KILLED])
            .collect();
        assert_eq!(said, known);
    }
}

/// The bytes that a JSON string stands for: U+0000 to U+00FF, one a byte.
fn bytes_of(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    text.chars().map(|one| u8::try_from(one).unwrap()).collect()
}

/// Whether a field holds these bytes, or the beginning of them and three dots because the line is full.
fn holds(value: &Value, bytes: &[u8], line: &[u8]) -> bool {
    let said = bytes_of(value);
    said == bytes
        || said.strip_suffix(b"...").is_some_and(|start| {
            // A word may take half of the room, so that one behind it has its share.
            bytes.starts_with(start) && line.len() > 350
        })
}

/// Bytes that no argument can hold are zeros; all others are as likely as those that need an escape.
fn any_bytes(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![1..=255_u8, Just(b'"'), Just(b'\\'), Just(b'\n'), 1..32_u8];
    prop::collection::vec(byte, 0..limit)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_command_is_said_byte_by_byte(bytes in prop_oneof![any_bytes(40), any_bytes(1500)]) {
        // There is no such directory, so it cannot run.
        let command = [b"/\x01/", &bytes[..]].concat();
        let output = quiet().arg("--").arg(OsStr::from_bytes(&command)).run();
        output.expect_status(127 - i32::from(command.len() > 4000));
        let said = read(&output);
        prop_assert_eq!(said.len(), 1);
        prop_assert_eq!(&said[0]["event"], "exec_failed");
        prop_assert!(holds(&said[0]["command"], &command, &output.stderr), "{}", output);
    }

    #[test]
    fn any_bad_value_is_said_byte_by_byte(bytes in prop_oneof![any_bytes(40), any_bytes(1500)]) {
        let word = [b"x", &bytes[..]].concat();
        let output = init().arg("-t").arg(OsStr::from_bytes(&word)).arg("true").run();
        output.expect_status(125);
        let said = read(&output);
        prop_assert_eq!(said.len(), 1);
        prop_assert_eq!(&said[0]["event"], "usage_error");
        prop_assert!(holds(&said[0]["word"], &word, &output.stderr), "{}", output);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_process_name_is_said_byte_by_byte(
        names in prop::collection::vec(any_bytes(20), 24)
    ) {
        if !require_namespaces() {
            return Ok(());
        }
        let main = r#"for name; do "$PROBE" app one ignore:TERM "name:$name" & done; wait"#;
        let mut init = script(init().as_pid_1().args(["-a", "-t500ms"]), main).arg("sh");
        for name in &names {
            init = init.arg(OsStr::from_bytes(name));
        }
        let running = init.spawn();
        let all_ready = eventually(LIMIT, || running.stdout_so_far().lines().count() == names.len());
        prop_assert!(all_ready, "{}", running.stderr_so_far());
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(143);
        let said = read(&output);
        let survivors: BTreeMap<u64, Vec<u8>> = said
            .iter()
            .filter(|line| line["event"] == "survivor")
            .map(|line| (line["pid"].as_u64().unwrap(), line.get("name").map_or_else(Vec::new, bytes_of)))
            .collect();
        // The kernel keeps 15 bytes.
        let expected: Vec<Vec<u8>> =
            names.iter().map(|name| name.iter().copied().take(15).collect()).collect();
        prop_assert_eq!(survivors.into_values().collect::<Vec<_>>(), expected);
    }
}

/// Words of any length leave room for what follows them.
#[test]
fn lines_are_cut_with_a_mark_and_stay_whole() {
    for byte in [b'a', b'"', 0x07] {
        for length in (0..2000_usize).step_by(97).chain(780..830) {
            let command = [b"/\x01/", &vec![byte; length][..]].concat();
            let output = quiet().arg("--").arg(OsStr::from_bytes(&command)).run();
            let said = read(&output);
            let line = said.first().unwrap();
            assert!(
                holds(&line["command"], &command, &output.stderr),
                "{output}"
            );
        }
    }
}

/// What a long word is about stays readable (contract 10.5): words of 500 to 1,000 bytes, each given to one init. Their
/// log is a file, because a pipe might be full.
#[test]
fn a_long_word_is_cut_and_those_after_it_are_not() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let script = r#"while [ ${#word} -le 1000 ]; do
            "$PIDLING" --log-format=json -t $word true
            word=x$word
        done 2>>"$LOG"
        cat "$LOG" >&2"#;
    let output = Init::new()
        .env("PIDLING", harness::pidling_path())
        .env("LOG", log.path())
        .env("word", "x".repeat(500))
        .args(["--", "sh", "-c", script])
        .run();
    let said = read(&output);
    assert_eq!(said.len(), 501);
    for line in said {
        assert_eq!(line["option"], "--grace-period", "{line}");
        assert_eq!(line["expected"], TIME, "{line}");
    }
}

/// The clock is the real one, also for the time between lines.
#[test]
fn times_are_of_the_moment_that_the_line_is_said() {
    if !require_namespaces() {
        return;
    }
    let before = now();
    let mut running = Init::new()
        .as_pid_1()
        .args(["-v", "--log-format=json", "--stop-delay=1500ms"])
        .probe(["app", "main"])
        .spawn();
    let _ = running.wait_line("main ready");
    running.signal(TERM);
    let output = running.wait();
    let after = now();
    let stderr = output.stderr();
    let times: Vec<i64> = stderr
        .lines()
        .map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            milliseconds(object["time"].as_str().unwrap()).unwrap()
        })
        .collect();
    let [started, began, held, sent, .., last] = times[..] else {
        panic!("{output}");
    };
    assert!(
        before <= started && started <= began && began <= held && last <= after,
        "{output}"
    );
    // The clock of the log and that of the delay may differ by the rounding.
    let delay = i64::try_from(Duration::from_millis(1500).as_millis()).unwrap();
    assert!(sent - began >= delay - 2, "{output}");
}
