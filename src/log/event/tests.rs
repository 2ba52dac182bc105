//! The words of each event, and nowhere else: every other test reads fields.

use super::*;
use crate::exec_failure::Machine;
use crate::limits::LINE;
use crate::log::line::Format;
use crate::log::{Log, Outlet};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

struct Lines(Vec<u8>);

impl Outlet for &mut Lines {
    fn now(&mut self) -> (u32, u32) {
        (1_769_903_999, 999)
    }

    fn write(&mut self, line: &[u8]) -> bool {
        self.0.extend_from_slice(line);
        true
    }
}

/// What a log says of an event.
fn said(event: &Event<'_>, format: Format) -> Vec<u8> {
    let mut lines = Lines(Vec::new());
    let mut memory = [0; LINE];
    Log::new(&mut lines, Level::Debug, format, &mut memory).say(event);
    lines.0
}

/// The fields of a line of JSON, and the line without its time.
fn parse(line: &[u8]) -> (Map<String, Json>, String) {
    let line = str::from_utf8(line).unwrap();
    let mut fields: Map<String, Json> = serde_json::from_str(line).expect(line);
    let time = fields.remove("time");
    assert_eq!(time, Some(Json::from("2026-01-31T23:59:59.999Z")));
    let rest = line.strip_prefix(r#"{"time":"2026-01-31T23:59:59.999Z","#);
    let rest = rest.and_then(|rest| rest.strip_suffix("}\n")).unwrap();
    (fields, rest.to_owned())
}

/// What text shows of a field of JSON; `None` for a code, which text has words for.
fn in_text(key: &str, value: &Json) -> Option<String> {
    let is_code = match key {
        "level" | "event" | "problem" | "killer" | "core_dumped" | "at_least" => true,
        // Why a signal was dropped is said in words, why a command failed in a code.
        "reason" => value.as_str().is_some_and(|reason| !reason.contains(' ')),
        _ => false,
    };
    if is_code {
        return None;
    }
    Some(match value {
        Json::Number(number) if key.ends_with("_ms") => {
            let length = number.as_u64().unwrap();
            format!("{}.{:03} s", length / 1000, length % 1000)
        }
        Json::Number(number) => number.to_string(),
        // The words of these tests have no other bytes that need an escape.
        Json::String(word) => word.replace('\r', r"\x0d"),
        Json::Array(list) => {
            let list = list.iter().map(|process| in_text("", process).unwrap());
            list.collect::<Vec<_>>().join(", ")
        }
        Json::Object(process) => {
            format!("{} ({})", process["name"].as_str().unwrap(), process["pid"])
        }
        Json::Null | Json::Bool(_) => value.to_string(),
    })
}

/// Compares both lines of an event with what they have to be, and their facts with each other: every field but a code
/// stands in the text, in its order.
#[track_caller]
fn check(event: &Event<'_>, text: &str, json: &str) {
    let line = String::from_utf8(said(event, Format::Text)).unwrap();
    assert_eq!(line, format!("pidling: {text}\n"));
    let (fields, rest) = parse(&said(event, Format::Json));
    assert_eq!(rest, json);
    for (key, value) in &fields {
        if let Some(fact) = in_text(key, value) {
            assert!(line.contains(&fact), "{key}: {fact} is not in {line}");
        }
    }
    let level = fields["level"].as_str().unwrap();
    let is_marked = line.starts_with(&format!("pidling: {level}: "));
    assert_eq!(is_marked, ["error", "warning"].contains(&level));
}

const PID: Pid = Pid::new(7).unwrap();

const SH: Named<'_> = Named {
    pid: Pid::new(8).unwrap(),
    name: b"sh",
};

const PYTHON: Named<'_> = Named {
    pid: Pid::new(9).unwrap(),
    name: b"python3",
};

#[track_caller]
fn check_exec(command: &str, reason: Reason<'_>, error: Errno, text: &str, json: &str) {
    let event = Event::ExecFailed {
        command: command.as_bytes(),
        path: None,
        reason,
        error,
    };
    check(
        &event,
        &format!("error: cannot execute '{command}': {text}"),
        &format!(r#""level":"error","event":"exec_failed","command":"{command}",{json}"#),
    );
}

/// Contract 2.6, 2.7.
#[test]
fn exec_failed() {
    check_exec(
        "/app",
        Reason::Errno,
        Errno::ETXTBSY,
        "ETXTBSY (text file busy)",
        r#""reason":"errno","error":"ETXTBSY""#,
    );
    check_exec(
        "ngimx",
        Reason::NotInPath,
        Errno::ENOENT,
        "it is in no directory of PATH (ENOENT)",
        r#""reason":"not_in_path","error":"ENOENT""#,
    );
    check_exec(
        "nginx -g daemon off;",
        Reason::OneWord,
        Errno::ENOENT,
        "no file has that name; it is one word: give arguments as words of their own (ENOENT)",
        r#""reason":"one_word","error":"ENOENT""#,
    );
    check_exec(
        "-v",
        Reason::LooksLikeOption,
        Errno::ENOENT,
        "no file has that name; options go before --, or into PIDLING_OPTIONS (ENOENT)",
        r#""reason":"looks_like_option","error":"ENOENT""#,
    );
    check_exec(
        "/app",
        Reason::MissingInterpreter(b"/usr/bin/pyhton3"),
        Errno::ENOENT,
        "its interpreter '/usr/bin/pyhton3' does not exist (ENOENT)",
        r#""reason":"missing_interpreter","interpreter":"/usr/bin/pyhton3","error":"ENOENT""#,
    );
    check_exec(
        "/app",
        Reason::MissingInterpreter(b"/bin/sh\r"),
        Errno::ENOENT,
        r"its interpreter '/bin/sh\x0d' does not exist: the line ends with a carriage return (ENOENT)",
        r#""reason":"missing_interpreter","interpreter":"/bin/sh\u000d","error":"ENOENT""#,
    );
    check_exec(
        "/app",
        Reason::MissingLoader(b"/lib/ld-musl-x86_64.so.1"),
        Errno::ENOENT,
        "its loader '/lib/ld-musl-x86_64.so.1' does not exist (ENOENT)",
        r#""reason":"missing_loader","loader":"/lib/ld-musl-x86_64.so.1","error":"ENOENT""#,
    );
    let machine = |number| Machine {
        number,
        is_64_bit: true,
        is_big_endian: false,
    };
    check_exec(
        "/app",
        Reason::OtherMachine {
            program: machine(183),
            here: machine(62),
        },
        Errno::ENOEXEC,
        "it is for aarch64, this is x86_64 (ENOEXEC)",
        r#""reason":"other_machine","program_machine":"aarch64","this_machine":"x86_64","error":"ENOEXEC""#,
    );
    check_exec(
        "/app",
        Reason::Truncated,
        Errno::ENOEXEC,
        "the file is cut short: it ends before its ELF headers do (ENOEXEC)",
        r#""reason":"truncated","error":"ENOEXEC""#,
    );
    check_exec(
        "/etc",
        Reason::Directory,
        Errno::EACCES,
        "it is a directory (EACCES)",
        r#""reason":"directory","error":"EACCES""#,
    );
    check_exec(
        "/app",
        Reason::NoExecutePermission,
        Errno::EACCES,
        "this user has no permission to execute it (EACCES)",
        r#""reason":"no_execute_permission","error":"EACCES""#,
    );
    check_exec(
        "/app",
        Reason::NoexecMount,
        Errno::EACCES,
        "it is on a file system that is mounted noexec (EACCES)",
        r#""reason":"noexec_mount","error":"EACCES""#,
    );
    check_exec(
        "/root/bin/app",
        Reason::UnsearchableDirectory(b"/root"),
        Errno::EACCES,
        "this user has no permission to search the directory '/root' (EACCES)",
        r#""reason":"unsearchable_directory","directory":"/root","error":"EACCES""#,
    );
}

/// Contract 2.7.
#[test]
fn exec_failed_names_the_file_that_was_found() {
    check(
        &Event::ExecFailed {
            command: b"app",
            path: Some(b"/usr/local/bin/app"),
            reason: Reason::MissingInterpreter(b"/bin/bash"),
            error: Errno::ENOENT,
        },
        "error: cannot execute 'app', found as '/usr/local/bin/app': \
         its interpreter '/bin/bash' does not exist (ENOENT)",
        r#""level":"error","event":"exec_failed","command":"app","path":"/usr/local/bin/app","reason":"missing_interpreter","interpreter":"/bin/bash","error":"ENOENT""#,
    );
}

#[track_caller]
fn check_start(step: StartStep, limit: Option<ProcessLimit>, text: &str, json: &str) {
    let event = Event::StartFailed {
        step,
        command: b"true",
        error: Errno::EAGAIN,
        limit,
    };
    check(
        &event,
        &format!("error: cannot create a {text}"),
        &format!(r#""level":"error","event":"start_failed",{json}"#),
    );
}

/// Contract 2.6, 2.7.
#[test]
fn start_failed() {
    check_start(
        StartStep::Process,
        None,
        "process for 'true': EAGAIN (resource temporarily unavailable)",
        r#""step":"process","command":"true","error":"EAGAIN""#,
    );
    check_start(
        StartStep::ProcessGroup,
        None,
        "process group for 'true': EAGAIN (resource temporarily unavailable)",
        r#""step":"process group","command":"true","error":"EAGAIN""#,
    );
    check_start(
        StartStep::Session,
        None,
        "session for 'true': EAGAIN (resource temporarily unavailable)",
        r#""step":"session","command":"true","error":"EAGAIN""#,
    );
    check_start(
        StartStep::Process,
        Some(ProcessLimit::ResourceLimit(100)),
        "process for 'true': the limit of processes is reached: RLIMIT_NPROC is 100 (EAGAIN)",
        r#""step":"process","command":"true","limit":"RLIMIT_NPROC","limit_value":100,"error":"EAGAIN""#,
    );
    check_start(
        StartStep::Process,
        Some(ProcessLimit::ControlGroup(1)),
        "process for 'true': the limit of processes is reached: pids.max is 1 (EAGAIN)",
        r#""step":"process","command":"true","limit":"pids.max","limit_value":1,"error":"EAGAIN""#,
    );
}

#[test]
fn output_failed() {
    check(
        &Event::OutputFailed {
            error: Errno::ENOSPC,
        },
        "error: cannot write to standard output: ENOSPC (no space left on device)",
        r#""level":"error","event":"output_failed","error":"ENOSPC""#,
    );
}

#[track_caller]
fn check_usage(source: Source, problem: Problem<'_>, text: &str, json: &str) {
    check(
        &Event::UsageError { source, problem },
        &format!("error: {text}; try --help"),
        &format!(r#""level":"error","event":"usage_error",{json}"#),
    );
}

/// Contract 10.5.
#[test]
fn usage_error() {
    check_usage(
        Source::CommandLine,
        Problem::UnknownOption {
            word: b"--grup",
            nearest: Some("--group"),
        },
        "command line: unknown option '--grup', the nearest is '--group'",
        r#""source":"command line","problem":"unknown_option","word":"--grup","option":"--group""#,
    );
    check_usage(
        Source::CommandLine,
        Problem::UnknownOption {
            word: b"-x",
            nearest: None,
        },
        "command line: unknown option '-x'",
        r#""source":"command line","problem":"unknown_option","word":"-x""#,
    );
    check_usage(
        Source::CommandLine,
        Problem::MissingValue {
            option: "--remap-exit",
            expected: "a number from 0 to 255",
        },
        "command line: no value for '--remap-exit', expected a number from 0 to 255",
        r#""source":"command line","problem":"missing_value","option":"--remap-exit","expected":"a number from 0 to 255""#,
    );
    check_usage(
        Source::PidlingOptions,
        Problem::BadValue {
            option: "--remap-exit",
            value: b"256",
            expected: "a number from 0 to 255",
        },
        "PIDLING_OPTIONS: bad value '256' for '--remap-exit', expected a number from 0 to 255",
        r#""source":"PIDLING_OPTIONS","problem":"bad_value","word":"256","option":"--remap-exit","expected":"a number from 0 to 255""#,
    );
    check_usage(
        Source::CommandLine,
        Problem::UnwantedValue {
            option: "--group",
            value: b"yes",
        },
        "command line: unwanted value 'yes' for '--group', which takes none",
        r#""source":"command line","problem":"unwanted_value","word":"yes","option":"--group""#,
    );
    check_usage(
        Source::PidlingOptions,
        Problem::NotAnOption { word: b"nginx" },
        "PIDLING_OPTIONS: unwanted word 'nginx', expected options only",
        r#""source":"PIDLING_OPTIONS","problem":"not_an_option","word":"nginx""#,
    );
    check_usage(
        Source::CommandLine,
        Problem::UnwantedCommand { word: b"nginx" },
        "command line: unwanted command 'nginx', --pause takes none",
        r#""source":"command line","problem":"unwanted_command","word":"nginx""#,
    );
    check_usage(
        Source::CommandLine,
        Problem::NoCommand,
        "command line: no command, expected COMMAND [ARG...]",
        r#""source":"command line","problem":"no_command""#,
    );
}

/// Contract 6.6.
#[test]
fn survivor() {
    for (response, words) in [
        (Response::NeverGot, "never got"),
        (Response::Ignores, "ignores"),
        (Response::Catches, "catches"),
        (Response::Blocks, "blocks"),
        (Response::HasNotActedOn, "has not acted on"),
    ] {
        check(
            &Event::Survivor {
                process: SH,
                state: b'S',
                response,
                signal: Signal::TERM,
            },
            &format!("warning: had to kill process 8 (sh): it {words} SIGTERM (state S)"),
            &format!(
                r#""level":"warning","event":"survivor","pid":8,"name":"sh","disposition":"{words}","signal":"SIGTERM","state":"S""#
            ),
        );
    }
}

#[test]
fn a_name_that_is_not_known_is_left_out() {
    check(
        &Event::Survivor {
            process: Named {
                pid: PID,
                name: b"",
            },
            state: b'D',
            response: Response::HasNotActedOn,
            signal: Signal::TERM,
        },
        "warning: had to kill process 7: it has not acted on SIGTERM (state D, uninterruptible sleep)",
        r#""level":"warning","event":"survivor","pid":7,"disposition":"has not acted on","signal":"SIGTERM","state":"D""#,
    );
}

/// Contract 6.6.
#[test]
fn kill_failed() {
    check(
        &Event::KillFailed {
            process: SH,
            error: Errno::EPERM,
        },
        "warning: cannot kill process 8 (sh): EPERM (operation not permitted)",
        r#""level":"warning","event":"kill_failed","pid":8,"name":"sh","error":"EPERM""#,
    );
}

#[test]
fn more_survivors() {
    for (processes, at_least, words) in [
        (1, false, "1 more process"),
        (9, false, "9 more processes"),
        (9, true, "at least 9 more processes: not all were looked at"),
    ] {
        check(
            &Event::MoreSurvivors {
                processes,
                at_least,
            },
            &format!("warning: had to kill {words}"),
            &format!(
                r#""level":"warning","event":"more_survivors","processes":{processes},"at_least":{at_least}"#
            ),
        );
    }
}

#[test]
fn survivors_unknown() {
    check(
        &Event::SurvivorsUnknown {
            group: None,
            error: Errno::ENOENT,
        },
        "warning: cannot tell from /proc which processes had to be killed: ENOENT (no such file or directory)",
        r#""level":"warning","event":"survivors_unknown","error":"ENOENT""#,
    );
    check(
        &Event::SurvivorsUnknown {
            group: Some(PID),
            error: Errno::ENOENT,
        },
        "warning: sent SIGKILL to process group 7, and cannot find all others: ENOENT (no such file or directory)",
        r#""level":"warning","event":"survivors_unknown","group":7,"error":"ENOENT""#,
    );
}

/// Contract 6.3.
#[test]
fn killed_and_unkillable() {
    check(
        &Event::Killed {
            elapsed: Milliseconds(30_001),
            since: CountedFrom::ShutdownBegan,
        },
        "warning: the deadline has passed: sent SIGKILL to all that could be reached, \
         30.001 s after the shutdown began",
        r#""level":"warning","event":"killed","elapsed_ms":30001"#,
    );
    check(
        &Event::Unkillable {
            elapsed: Milliseconds(5040),
        },
        "warning: some processes still live, or are not reaped, 5.040 s after SIGKILL; exiting without them",
        r#""level":"warning","event":"unkillable","elapsed_ms":5040"#,
    );
}

#[track_caller]
fn check_killer(killer: Killer, text: &str, json: &str) {
    check(
        &Event::SigkillExplained { pid: PID, killer },
        &format!("warning: main child 7 was killed by SIGKILL, {text}"),
        &format!(r#""level":"warning","event":"sigkill_explained","pid":7,"killer":{json}"#),
    );
}

/// Contract 7.1.
#[test]
fn sigkill_explained() {
    check_killer(
        Killer::Deadline,
        "sent by pidling at the deadline",
        r#""deadline""#,
    );
    check_killer(
        Killer::Rewrite,
        "which pidling forwarded in place of another signal",
        r#""rewrite""#,
    );
    check_killer(
        Killer::Outside(OomKills::Unknown),
        "not sent by pidling; the OOM kills of the cgroup of pidling cannot be read",
        r#""unknown""#,
    );
    check_killer(
        Killer::Outside(OomKills::SoFar(3)),
        "not sent by pidling; OOM kills of the cgroup of pidling so far: 3",
        r#""unknown","oom_kill":3"#,
    );
    check_killer(
        Killer::Outside(OomKills::SoFar(0)),
        "not sent by pidling; OOM kills of the cgroup of pidling so far: 0",
        r#""unknown","oom_kill":0"#,
    );
    check_killer(
        Killer::Outside(OomKills::OfThisRun(0)),
        "not sent by pidling, and not by the OOM killer: \
         the kernel has killed 0 processes of this cgroup",
        r#""not_oom_killer","oom_kill":0"#,
    );
    check_killer(
        Killer::Outside(OomKills::OfThisRun(1)),
        "not sent by pidling; probably out of memory: \
         the kernel has killed 1 process of this cgroup",
        r#""probably_oom_killer","oom_kill":1"#,
    );
    check_killer(
        Killer::Outside(OomKills::OfThisRun(2)),
        "not sent by pidling; probably out of memory: \
         the kernel has killed 2 processes of this cgroup",
        r#""probably_oom_killer","oom_kill":2"#,
    );
}

/// Contract 7.3.
#[test]
fn main_child_crashed() {
    for (core_dumped, words) in [(true, "core dumped"), (false, "no core dumped")] {
        check(
            &Event::MainChildCrashed {
                main_child: SH,
                signal: Signal::SEGV,
                core_dumped,
            },
            &format!("warning: main child 8 (sh) was killed by SIGSEGV, {words}"),
            &format!(
                r#""level":"warning","event":"main_child_crashed","pid":8,"name":"sh","signal":"SIGSEGV","core_dumped":{core_dumped}"#
            ),
        );
    }
}

/// Contract 7.2.
#[test]
fn oom_killed() {
    for (processes, words) in [(1, "1 process"), (2, "2 processes")] {
        check(
            &Event::OomKilled { processes },
            &format!("warning: out of memory: the kernel has killed {words} of this cgroup"),
            &format!(r#""level":"warning","event":"oom_killed","oom_kill":{processes}"#),
        );
    }
}

/// Contract 6.9.
#[test]
fn slow_stop() {
    let warning = ("warning: ", "warning");
    for ((prefix, level), state, meaning, response, words) in [
        (warning, 'S', "", Response::NeverGot, "never got"),
        (warning, 'S', "", Response::Ignores, "ignores"),
        (warning, 'S', "", Response::Blocks, "blocks"),
        (
            warning,
            'T',
            ", stopped",
            Response::HasNotActedOn,
            "has not acted on",
        ),
        (warning, 'T', ", stopped", Response::Catches, "catches"),
        (
            warning,
            't',
            ", stopped by a debugger",
            Response::Catches,
            "catches",
        ),
        (("", "info"), 'S', "", Response::Catches, "catches"),
    ] {
        check(
            &Event::SlowStop {
                main_child: SH,
                state: u8::try_from(state).unwrap(),
                response,
                signal: Signal::TERM,
            },
            &format!(
                "{prefix}main child 8 (sh) still lives 8.000 s after its stop signal: \
                 it {words} SIGTERM (state {state}{meaning})"
            ),
            &format!(
                r#""level":"{level}","event":"slow_stop","pid":8,"name":"sh","elapsed_ms":8000,"disposition":"{words}","signal":"SIGTERM","state":"{state}""#
            ),
        );
    }
}

/// Contract 7.4.
#[test]
fn cut_off() {
    let event = |first, processes, shutdown_began| Event::CutOff {
        main_child: b"sh",
        processes,
        at_least: processes == 40,
        first,
        shutdown_began,
    };
    check(
        &event(&[PYTHON], 1, true),
        "warning: 'sh' is gone and 1 process is cut off: python3 (9); --wait-all waits for it",
        r#""level":"warning","event":"cut_off","main_child":"sh","processes":1,"first":[{"pid":9,"name":"python3"}],"at_least":false"#,
    );
    check(
        &event(&[SH, PYTHON], 40, false),
        "'sh' is gone and at least 40 processes are cut off: sh (8), python3 (9); --wait-all waits for them",
        r#""level":"info","event":"cut_off","main_child":"sh","processes":40,"first":[{"pid":8,"name":"sh"},{"pid":9,"name":"python3"}],"at_least":true"#,
    );
    check(
        &event(&[], 2, true),
        "warning: 'sh' is gone and 2 processes are cut off; --wait-all waits for them",
        r#""level":"warning","event":"cut_off","main_child":"sh","processes":2,"first":[],"at_least":false"#,
    );
}

/// Contract 7.4.
#[test]
fn daemon_cut_off() {
    check(
        &Event::DaemonCutOff {
            pid: PID,
            daemon: PYTHON,
        },
        "warning: main child 7 ended and left a daemon, which ends now: python3 (9); \
         run it in the foreground",
        r#""level":"warning","event":"daemon_cut_off","pid":7,"daemon":{"pid":9,"name":"python3"}"#,
    );
}

/// Contract 4.2: with `-w` in tini's words.
#[test]
fn reaped() {
    check(
        &Event::Reaped {
            pid: PID,
            warn: true,
        },
        "warning: Reaped zombie process with pid=7",
        r#""level":"warning","event":"reaped","pid":7"#,
    );
    check(
        &Event::Reaped {
            pid: PID,
            warn: false,
        },
        "reaped process 7",
        r#""level":"debug","event":"reaped","pid":7"#,
    );
}

/// Contract 8.2.
#[test]
fn the_start_and_its_signals() {
    let signal = Signal::TERM;
    for (event, text, json) in [
        (
            Event::Started {
                command: b"nginx",
                pid: PID,
            },
            "started 'nginx' as process 7",
            r#""event":"started","command":"nginx","pid":7"#,
        ),
        (
            Event::EmptyFile { path: b"/app" },
            "'/app' is empty: run as a shell script, it does nothing",
            r#""event":"empty_file","path":"/app""#,
        ),
        (
            Event::Forwarded { signal, pid: PID },
            "forwarded SIGTERM to process 7",
            r#""event":"signal_forwarded","signal":"SIGTERM","pid":7"#,
        ),
        (
            Event::ForwardedToGroup { signal, group: PID },
            "forwarded SIGTERM to process group 7",
            r#""event":"signal_forwarded","signal":"SIGTERM","group":7"#,
        ),
    ] {
        check(&event, text, &format!(r#""level":"info",{json}"#));
    }
}

/// Contract 8.2.
#[test]
fn the_shutdown_and_the_end() {
    let signal = Signal::TERM;
    let elapsed = Milliseconds(1204);
    for (event, text, json) in [
        (
            Event::ShutdownBegan { signal },
            "shutdown began with SIGTERM",
            r#""event":"shutdown_began","signal":"SIGTERM""#,
        ),
        (
            Event::StopDelayed {
                signal,
                delay: Milliseconds(200),
            },
            "holding SIGTERM back for 0.200 s",
            r#""event":"stop_delayed","signal":"SIGTERM","delay_ms":200"#,
        ),
        (
            Event::Escalated {
                signal: Signal::QUIT,
                elapsed,
            },
            "escalated to SIGQUIT, 1.204 s after the first stop signal",
            r#""event":"signal_escalated","signal":"SIGQUIT","elapsed_ms":1204"#,
        ),
        (
            Event::RestSignalled {
                signal,
                processes: Some(1),
            },
            "sent SIGTERM to the rest, 1 process",
            r#""event":"rest_signalled","signal":"SIGTERM","processes":1"#,
        ),
        (
            Event::RestSignalled {
                signal,
                processes: Some(2),
            },
            "sent SIGTERM to the rest, 2 processes",
            r#""event":"rest_signalled","signal":"SIGTERM","processes":2"#,
        ),
        (
            Event::RestSignalled {
                signal,
                processes: None,
            },
            "sent SIGTERM to the rest",
            r#""event":"rest_signalled","signal":"SIGTERM""#,
        ),
        (
            Event::MainChildExited {
                pid: PID,
                status: 3,
            },
            "main child 7 exited with status 3",
            r#""event":"main_child_ended","pid":7,"status":3"#,
        ),
        (
            Event::MainChildKilled { pid: PID, signal },
            "main child 7 was killed by SIGTERM",
            r#""event":"main_child_ended","pid":7,"signal":"SIGTERM""#,
        ),
        (
            Event::ShutdownTook { elapsed },
            "shutdown took 1.204 s",
            r#""event":"shutdown_took","elapsed_ms":1204"#,
        ),
        (
            Event::Exit { status: 143 },
            "exiting with status 143",
            r#""event":"exit","status":143"#,
        ),
        (
            Event::ExitBySignal {
                signal: Signal::INT,
            },
            "ending by SIGINT, as the main child did",
            r#""event":"exit","signal":"SIGINT""#,
        ),
        (
            Event::Paused,
            "waiting for a stop signal",
            r#""event":"paused""#,
        ),
    ] {
        check(&event, text, &format!(r#""level":"info",{json}"#));
    }
}

/// Contract 8.2.
#[test]
fn details() {
    let signal = Signal::HUP;
    for (event, text, json) in [
        (
            Event::Dropped {
                signal,
                reason: DropReason::CausedByPidling,
            },
            "dropped SIGHUP: caused by pidling",
            r#""event":"signal_dropped","signal":"SIGHUP","reason":"caused by pidling""#,
        ),
        (
            Event::Dropped {
                signal,
                reason: DropReason::NoMainChild,
            },
            "dropped SIGHUP: no main child",
            r#""event":"signal_dropped","signal":"SIGHUP","reason":"no main child""#,
        ),
        (
            Event::Dropped {
                signal,
                reason: DropReason::RewrittenTo0,
            },
            "dropped SIGHUP: rewritten to 0",
            r#""event":"signal_dropped","signal":"SIGHUP","reason":"rewritten to 0""#,
        ),
        (
            Event::MainChildStopped {
                pid: PID,
                signal: Signal::TSTP,
            },
            "main child 7 was stopped by SIGTSTP",
            r#""event":"main_child_stopped","pid":7,"signal":"SIGTSTP""#,
        ),
        (
            Event::MainChildResumed { pid: PID },
            "resumed the process group of main child 7",
            r#""event":"main_child_resumed","pid":7"#,
        ),
        (
            Event::OptionsIgnored,
            "PIDLING_OPTIONS is not read: this pidling is not PID 1",
            r#""event":"options_ignored""#,
        ),
        (
            Event::ErrorIgnored {
                call: "prctl",
                error: Errno::EINVAL,
            },
            "prctl failed harmlessly: EINVAL (invalid argument)",
            r#""event":"error_ignored","call":"prctl","error":"EINVAL""#,
        ),
    ] {
        check(&event, text, &format!(r#""level":"debug",{json}"#));
    }
}

/// A text as long as the longest of ours that an event takes.
const LONG: &str =
    "a text of ours of 80 bytes, which is more than any option says that it expects..";

/// The events that hold words from outside, in their longest forms, and how their lines of text end.
#[expect(clippy::too_many_lines, reason = "a list")]
fn with_words<'a>(
    words: &'a [Vec<u8>; 3],
    names: &'a [Named<'a>],
) -> Vec<(Event<'a>, &'static str)> {
    let [command, path, third] = words.each_ref().map(Vec::as_slice);
    let process = names[0];
    let state = b'D';
    let error = Errno::EUCLEAN;
    let executing = |reason, end| {
        let event = Event::ExecFailed {
            command,
            path: Some(path),
            reason,
            error,
        };
        (event, end)
    };
    let using = |problem, end| {
        let event = Event::UsageError {
            source: Source::PidlingOptions,
            problem,
        };
        (event, end)
    };
    let signal = Signal::new(64).unwrap();
    let response = Response::HasNotActedOn;
    vec![
        executing(Reason::Errno, "': EUCLEAN (structure needs cleaning)\n"),
        executing(Reason::MissingInterpreter(third), " (EUCLEAN)\n"),
        executing(Reason::MissingLoader(third), "' does not exist (EUCLEAN)\n"),
        executing(Reason::UnsearchableDirectory(third), "' (EUCLEAN)\n"),
        (
            Event::StartFailed {
                step: StartStep::ProcessGroup,
                command,
                error,
                limit: Some(ProcessLimit::ResourceLimit(u32::MAX)),
            },
            "': the limit of processes is reached: RLIMIT_NPROC is 4294967295 (EUCLEAN)\n",
        ),
        using(
            Problem::UnknownOption {
                word: command,
                nearest: Some(LONG),
            },
            "'; try --help\n",
        ),
        using(
            Problem::BadValue {
                option: "--parent-death-signal",
                value: command,
                expected: LONG,
            },
            "expects..; try --help\n",
        ),
        using(
            Problem::UnwantedValue {
                option: "--parent-death-signal",
                value: command,
            },
            "' for '--parent-death-signal', which takes none; try --help\n",
        ),
        using(
            Problem::NotAnOption { word: command },
            "', expected options only; try --help\n",
        ),
        using(
            Problem::UnwantedCommand { word: command },
            "', --pause takes none; try --help\n",
        ),
        (
            Event::Survivor {
                process,
                state,
                response,
                signal,
            },
            " (state D, uninterruptible sleep)\n",
        ),
        (
            Event::MainChildCrashed {
                main_child: process,
                signal,
                core_dumped: false,
            },
            ", no core dumped\n",
        ),
        (
            Event::SlowStop {
                main_child: process,
                state,
                response,
                signal,
            },
            " (state D, uninterruptible sleep)\n",
        ),
        (
            Event::CutOff {
                main_child: command,
                processes: u32::MAX,
                at_least: true,
                first: names,
                shutdown_began: true,
            },
            "; --wait-all waits for them\n",
        ),
        (
            Event::DaemonCutOff {
                pid: process.pid,
                daemon: process,
            },
            "; run it in the foreground\n",
        ),
        (
            Event::Started {
                command,
                pid: process.pid,
            },
            " as process 2147483647\n",
        ),
        (
            Event::EmptyFile { path: command },
            "' is empty: run as a shell script, it does nothing\n",
        ),
    ]
}

/// A line is whole: short enough, of printable ASCII, and with the end that it has to have.
#[track_caller]
fn check_whole(event: &Event<'_>, end: &str) {
    for format in [Format::Text, Format::Json] {
        let line = after_drops(event, format);
        assert!(line.len() <= LINE, "{} bytes", line.len());
        let line = str::from_utf8(&line).unwrap();
        let one_line = line.strip_suffix('\n').expect(line);
        assert!(one_line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        match format {
            Format::Text => assert!(line.ends_with(end), "{line}"),
            Format::Json => {
                let (fields, _) = parse(line.as_bytes());
                assert_eq!(fields["dropped"], u32::MAX, "{line}");
            }
        }
    }
}

/// What a log says of an event after it has dropped as many lines as it counts.
fn after_drops(event: &Event<'_>, format: Format) -> Vec<u8> {
    let mut memory = [0; LINE];
    let mut line = Line::new(format, &mut memory);
    let said = event.describe(|level, name| {
        match format {
            Format::Text => line.begin_text(level.prefix()),
            Format::Json => line.begin_json((1_769_903_999, 999), level.name(), name),
        }
        Some(line.write("lines dropped: {dropped}; ", &[u32::MAX.into()]))
    });
    said.unwrap().end().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Contract 8.3, 8.4.
    #[test]
    fn any_words_leave_a_line_whole(
        words: [Vec<u8>; 3],
        repeats in [1_usize..300, 1_usize..300, 1_usize..300],
        names in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 1..33),
    ) {
        let mut words = words;
        for (word, times) in words.iter_mut().zip(repeats) {
            *word = word.repeat(times);
        }
        let pid = Pid::new(i32::MAX).unwrap();
        let names: Vec<_> = names.iter().map(|name| Named { pid, name }).collect();
        for (event, end) in with_words(&words, &names) {
            check_whole(&event, end);
        }
    }
}

/// Contract 8.4: at the worst, every line still ends with words of our own.
#[test]
fn the_longest_words_leave_a_line_whole() {
    for byte in 0..=u8::MAX {
        let words = [vec![byte; 5000], vec![byte; 5000], vec![byte; 5000]];
        let pid = Pid::new(i32::MAX).unwrap();
        let name = &[byte; 15];
        for (event, end) in with_words(&words, &[Named { pid, name }; 32]) {
            check_whole(&event, end);
        }
    }
}

/// What JSON holds of a word is the word: each byte is the character with its number.
#[test]
fn json_holds_the_very_bytes() {
    let command: Vec<u8> = (0..=u8::MAX).collect();
    for word in command.chunks(32) {
        let event = Event::Started {
            command: word,
            pid: PID,
        };
        let (fields, _) = parse(&said(&event, Format::Json));
        let characters: String = word.iter().copied().map(char::from).collect();
        assert_eq!(fields["command"], characters);
    }
}
