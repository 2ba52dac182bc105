//! Runs a case with one init, and says what came of it without pids and times.

use super::case::{Case, FENCE, Step};
use harness::{Init, ProcStatus, Running, children_of, eventually};
use serde_json::{Map, Value};
use std::os::unix::process::ExitStatusExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

/// How long the init may take for a step, in which it has nothing to wait for but a deadline below a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// `exit N`, `signal N`, or what the harness says.
    pub(crate) status: String,
    /// What the main child saw: names and values.
    pub(crate) seen: Vec<(String, String)>,
    /// The signals that it got.
    pub(crate) got: Vec<String>,
    /// The rest of standard output.
    pub(crate) stdout: Vec<String>,
    /// The log, where it is in JSON.
    pub(crate) events: Vec<Map<String, Value>>,
    /// The levels of the lines, where it is not, and what others said.
    pub(crate) text: Vec<String>,
}

/// Waits until a condition holds or the init has ended.
fn wait(running: &mut Running, mut condition: impl FnMut(&Running) -> bool) {
    let _ = eventually(PATIENCE, || !running.is_running() || condition(running));
}

fn lines_with(running: &Running, start: &str) -> usize {
    let text = running.stdout_so_far();
    text.lines().filter(|line| line.starts_with(start)).count()
}

/// Whether the init sleeps and has no child.
fn is_paused(running: &Running) -> bool {
    let Some(init) = running.find_init() else {
        return false;
    };
    let sleeps = || ProcStatus::of(init).is_some_and(|status| status.state() == 'S');
    sleeps() && children_of(init).is_empty() && sleeps()
}

fn act(running: &mut Running, step: &Step, fences: &mut usize) {
    match step {
        Step::Line(start, count) => wait(running, |running| lines_with(running, start) >= *count),
        Step::Signal(signal) => send(running, *signal),
        Step::Fence => {
            *fences += 1;
            send(running, FENCE);
            wait(running, |running| {
                lines_with(running, "got SIGRTMIN+30 ") >= *fences
            });
        }
        Step::Quit => {
            if running.is_running() {
                running.send_line("quit");
            }
        }
        Step::CloseInput => running.close_stdin(),
        Step::Taken => wait(running, |running| {
            let init = running.find_init().and_then(ProcStatus::of);
            init.is_some_and(|status| status.pending() == 0)
        }),
        Step::Paused => wait(running, is_paused),
    }
}

fn send(running: &mut Running, signal: i32) {
    if let Some(pid) = running.find_init() {
        send_to(pid, signal);
    }
}

/// kill(2) by number, for all 64; the init may be gone.
#[expect(unsafe_code, reason = "nix knows no signal above 31")]
fn send_to(pid: i32, signal: i32) {
    // SAFETY: it hands the kernel two numbers.
    let _ = unsafe { libc::kill(pid, signal) };
}

/// Runs it.
pub(crate) fn run(binary: &Path, case: &Case, directory: &Path) -> Outcome {
    let mut init = Init::new()
        .binary(binary)
        .env_clear()
        .directory(directory)
        .launch(&case.launch)
        .signal_setup(&case.mask.0, &case.mask.1)
        .args(&case.words)
        .limit(PATIENCE);
    for (name, value) in &case.environment {
        init = init.env(name, value);
    }
    if let Some(name) = case.name {
        init = init.argv0(name);
    }
    if case.as_pid_1 {
        init = init.as_pid_1();
    }
    let has_input = case
        .steps
        .iter()
        .any(|step| matches!(step, Step::Quit | Step::CloseInput));
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut running = init.spawn();
        if !has_input {
            running.close_stdin();
        }
        let mut fences = 0;
        for step in &case.steps {
            act(&mut running, step, &mut fences);
        }
        running.wait()
    }));
    let Ok(output) = ended else {
        return Outcome {
            status: "hangs".into(),
            ..Outcome::default()
        };
    };
    let mut outcome = Outcome {
        status: match (output.status.code(), output.status.signal()) {
            (Some(code), _) => format!("exit {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or(0)),
        },
        ..Outcome::default()
    };
    read_stdout(&String::from_utf8_lossy(&output.stdout), &mut outcome);
    read_log(&String::from_utf8_lossy(&output.stderr), &mut outcome);
    outcome
}

fn read_stdout(text: &str, outcome: &mut Outcome) {
    for line in text.lines() {
        if let Some(seen) = line.strip_prefix("seen ") {
            let (name, value) = seen.split_once(' ').unwrap_or((seen, ""));
            outcome.seen.push((name.into(), value.into()));
        } else if let Some(got) = line.strip_prefix("got ") {
            // Without the sender, which is another one each time.
            let signal = got.split(' ').next().unwrap_or(got);
            outcome.got.push(signal.into());
        } else {
            let word = |word: &str| match word.split_once("git.") {
                Some((before, _)) => format!("{before}git.COMMIT"),
                None if word.parse::<u32>().is_ok() => "PID".to_owned(),
                None => word.to_owned(),
            };
            let words: Vec<String> = line.split(' ').map(word).collect();
            outcome.stdout.push(words.join(" "));
        }
    }
    // Those of two processes come in any order.
    if outcome
        .stdout
        .iter()
        .any(|line| line.starts_with("D ready"))
    {
        outcome.stdout.sort();
    }
}

fn read_log(text: &str, outcome: &mut Outcome) {
    let mut child = Value::Null;
    for line in text.lines() {
        let Ok(Value::Object(mut event)) = serde_json::from_str(line) else {
            let level = match line.strip_prefix("pidling: ") {
                None => format!("of others: {line}"),
                Some(line) => match line.split(' ').next() {
                    Some(level @ ("error:" | "warning:")) => level.into(),
                    Some(_) | None => "plain".into(),
                },
            };
            outcome.text.push(level);
            continue;
        };
        let _ = event.remove("time");
        if event["event"] == "started" {
            child = event["pid"].clone();
        }
        for (name, value) in &mut event {
            if ["pid", "group", "daemon"].contains(&name.as_str()) && value.is_number() {
                *value = if *value == child { "child" } else { "other" }.into();
            } else if name == "elapsed_ms" {
                *value = "ms".into();
            } else if name == "first" {
                *value = "list".into();
            }
        }
        outcome.events.push(event);
    }
}
