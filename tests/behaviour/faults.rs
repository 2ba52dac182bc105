//! System calls that fail: every row of `tests/faults.md` (contract 1.2, 4.5).
//!
//! The document is the table and this file carries it out, so that neither can say more than the other.

use crate::shutdown::script;
use harness::pty::Start;
use harness::{
    Init, LIMIT, Output, eventually, kernel_lacks, pidling, require_namespaces, require_strace,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Mutex;

/// More calls than any story makes, and far fewer than an init that spins.
const MOST_CALLS: usize = 6000;

/// A fault and what comes of it.
#[derive(Clone, Debug)]
struct Case {
    call: String,
    story: String,
    which: String,
    error: String,
    outcome: String,
}

/// The rows of the second table, one case for each choice of calls and each error: the first and the last, or all in a
/// full run.
fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults.md");
    let text = fs::read_to_string(path).unwrap();
    let mut cases = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [call, story, which, errors, outcome] = columns[..] else {
            panic!("not five columns: {row}");
        };
        let mut errors: Vec<&str> = errors.split(' ').collect();
        if !harness::is_full() && errors.len() > 2 {
            drop(errors.drain(1..errors.len() - 1));
        }
        for which in which.split(' ') {
            for error in &errors {
                let [call, story, which, error, outcome] =
                    [call.trim_matches('`'), story, which, *error, outcome].map(str::to_owned);
                cases.push(Case {
                    call,
                    story,
                    which,
                    error,
                    outcome,
                });
            }
        }
    }
    cases
}

impl Case {
    /// What strace is asked for.
    fn tracer(&self, trace: &Path, command: &Path) -> Vec<String> {
        let Case { error, which, .. } = self;
        let call = self.calls().collect::<Vec<_>>().join(",");
        let mut words = vec!["-o".to_owned(), trace.to_str().unwrap().to_owned()];
        let inject = format!("inject={call}:error={error}:when={which}");
        words.extend(["-e".to_owned(), inject]);
        // What the story takes for granted fails as well.
        match &*self.story {
            "old" => words.extend(["-e", "inject=pwritev2:error=ENOSYS"].map(str::to_owned)),
            "limit" => words.extend(["-e", "inject=clone:error=EAGAIN"].map(str::to_owned)),
            _ => {}
        }
        if matches!(&*self.story, "starting" | "session" | "ignoring") {
            // The child before its exec is another process to strace.
            words.extend(["-f".to_owned(), "-e".to_owned(), format!("trace={call}")]);
        }
        if call == "execve" {
            words.extend(["-P".to_owned(), command.to_str().unwrap().to_owned()]);
        }
        words
    }

    /// Carries out the story and returns what came of it, in the words of the table.
    fn run(&self, trace: &Path, command: &Path) -> String {
        let tracer = self.tracer(trace, command);
        let init = || Init::new().traced(&tracer);
        match &*self.story {
            "signals" | "old" => self.signals(init().args(["-p", "HUP"]), trace),
            "group" => self.signals(init().arg("-g"), trace),
            "starting" => outcome(&init().arg("--").arg(command).run()),
            "session" => outcome(&init().args(["--setsid", "--"]).arg(command).run()),
            "ignoring" => {
                let init = init().signal_setup("", "CHLD");
                outcome(&init.arg("--").arg(command).run())
            }
            "json" => {
                let init = init().args(["-v", "--log-format=json", "--"]);
                outcome(&init.arg(command).run())
            }
            "terminal" => self.terminal(&tracer, &["-vv"]),
            "terminal session" => self.terminal(&tracer, &["-vv", "--setsid"]),
            // In a PID namespace nobody else is in danger, whatever the init is led to believe.
            "rest" => rest(
                init()
                    .as_pid_1()
                    .through(["sh", "-c", "\"$@\"; exit $?", "sh"]),
            ),
            "namespace" => rest(init().as_pid_1()),
            "killed" => outcome(&init().args(["--", "sh", "-c", "kill -KILL $$"]).run()),
            "pause" => {
                let mut running = init().args(["-v", "--pause"]).spawn();
                let _ = running.wait_stderr_line("pidling: waiting for ");
                running.signal(libc::SIGTERM);
                outcome(&running.wait())
            }
            "sigio" => {
                let fifo = trace.with_extension("fifo");
                let text = r#"rm -f "$FIFO"; mkfifo "$FIFO"; exec 2<>"$FIFO"
                    exec "$PROBE" app main async report exit:TERM:3"#;
                let mut running = script(init().arg("-v"), text).env("FIFO", &fifo).spawn();
                let _ = running.wait_line("main ready ");
                std::fs::write(&fifo, "a").unwrap();
                let _ = running.wait_line("main got SIGIO");
                running.signal(libc::SIGTERM);
                outcome(&running.wait())
            }
            "refused" => {
                let file = command.with_file_name("refused");
                outcome(&init().arg("--").arg(file).run())
            }
            "limit" => {
                let init = init().launch(["--limit", "nproc=4000"]).arg("--");
                outcome(&init.arg(command).run())
            }
            "socket" => {
                let (mut reader, writer) = UnixStream::pair().unwrap();
                let init = init().stderr(writer).arg("-v").arg("--");
                let status = init.arg(command).run().status;
                let mut said = String::new();
                let _ = reader.read_to_string(&mut said).unwrap();
                let log = if said.is_empty() { ", no log" } else { "" };
                outcome_of(status, &said) + log
            }
            "help" => outcome(&init().arg("--help").run()),
            unknown => panic!("no story {unknown}"),
        }
    }

    fn signals(&self, init: Init, trace: &Path) -> String {
        let mut running = init.arg("-vv").probe(["report", "--status", "3"]).spawn();
        if self.outcome.starts_with("status 3") {
            let _ = running.wait_line("ready ");
            for (name, number) in [
                ("SIGUSR1", libc::SIGUSR1),
                ("SIGUSR2", libc::SIGUSR2),
                ("SIGTERM", libc::SIGTERM),
            ] {
                if number == libc::SIGUSR2 {
                    let _ = running.sigqueue(number, 5);
                } else {
                    running.signal(number);
                }
                if self.outcome.ends_with("no signal received") {
                    continue;
                }
                if self.outcome.contains(&format!("{name} lost")) {
                    let _ = running.wait_stderr_line("pidling: kill failed harmlessly: ");
                } else {
                    let _ = running.wait_line(&format!("got {name} "));
                }
            }
            // The command must not be faster than the init's first call.
            let _ = eventually(LIMIT, || self.has_failed(trace));
            running.send_line("quit");
        }
        let output = running.wait();
        let mut said = outcome(&output);
        if !self.outcome.starts_with("status 3") {
            return said;
        }
        let stdout = output.stdout();
        let lost = |name: &&str| !stdout.contains(&format!("got {name} "));
        let lost: Vec<&str> = ["SIGUSR1", "SIGUSR2", "SIGTERM"]
            .into_iter()
            .filter(lost)
            .collect();
        if lost.len() == 3 {
            said += ", no signal received";
        } else {
            said.extend(lost.iter().map(|name| format!(", {name} lost")));
            if !stdout.lines().any(|line| line.ends_with(" value 5")) {
                said += ", value lost";
            }
        }
        if output.stderr().is_empty() {
            said += ", no log";
        }
        said
    }

    /// The main child stops itself as a key would stop it.
    fn terminal(&self, tracer: &[String], options: &[&str]) -> String {
        let mut words = vec!["strace".to_owned(), "-D".to_owned(), "-qq".to_owned()];
        words.extend(tracer.iter().cloned());
        words.push(pidling().to_str().unwrap().to_owned());
        words.extend(options.iter().map(|word| (*word).to_owned()));
        words.extend(["--", "sh", "-c", "kill -TSTP $$; exit 3"].map(str::to_owned));
        let mut session = Start::leader(words).start();
        if self.outcome.ends_with("left stopped") {
            let pid = session.expect_after("pidling: main child ", " was stopped by SIGTSTP");
            let pid = Pid::from_raw(pid.parse().unwrap());
            kill(pid, Signal::SIGCONT).unwrap();
        }
        let mut said = format!("status {}", session.wait());
        if !self.outcome.ends_with("no log") {
            session.expect("pidling: exiting with status ");
        }
        let screen = session.screen();
        if screen.contains("lines dropped: 1; ") {
            said += ", a line dropped";
        } else if !screen.contains("pidling: ") {
            said += ", no log";
        } else if screen.contains(" was stopped by SIGTSTP")
            && !screen.contains("pidling: resumed ")
        {
            said += ", left stopped";
        }
        said
    }

    /// Whether strace has made the call fail.
    fn has_failed(&self, trace: &Path) -> bool {
        let trace = fs::read_to_string(trace).unwrap();
        let mut failed = trace.lines().filter(|line| line.ends_with("(INJECTED)"));
        failed.any(|line| {
            let mut calls = self.calls();
            // With `-f`, the line of a call may be two: `<... execve resumed>`.
            calls.any(|call| {
                [format!("{call}("), format!("{call} ")]
                    .iter()
                    .any(|name| line.contains(name))
            })
        })
    }

    /// The calls that fail, as strace names them.
    fn calls(&self) -> impl Iterator<Item = &str> {
        self.call.split(',').map(harness::strace_name)
    }
}

/// The status, and what the only line says if it is an error's.
fn outcome(output: &Output) -> String {
    outcome_of(output.status, &output.stderr())
}

fn outcome_of(status: ExitStatus, stderr: &str) -> String {
    let code = status.code();
    let mut said = code.map_or_else(|| status.to_string(), |code| format!("status {code}"));
    if let Some(line) = stderr.strip_prefix("pidling: error: ") {
        // The words that follow are the command's, and the error's.
        let end = line.find([':', '\'']).unwrap();
        said.extend([": ", line[..end].trim_end()]);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    for (words, meaning) in [
        ("lines dropped: 1; ", ", a line dropped"),
        ("of pidling cannot be read", ", uncounted"),
        ("has no permission", ", no permission"),
        (": RLIMIT_NPROC is ", ", the limit"),
        ("\"1970-01-01T", ", time unknown"),
    ] {
        if stderr.contains(words) {
            said += meaning;
        }
    }
    said
}

/// The main child leaves a process that ignores SIGTERM.
fn rest(init: Init) -> String {
    let script = "trap '' TERM; sleep 1000 & exit 3";
    let output = init
        .args(["-vv", "-a", "-t", "300ms", "--", "sh", "-c", script])
        .run();
    let stderr = output.stderr();
    let mut said = outcome(&output);
    for (words, meaning) in [
        ("pidling: reaped process ", ", the rest killed"),
        (
            "pidling: warning: some processes still live, or are not reaped, ",
            ", the rest left",
        ),
    ] {
        if stderr.contains(words) {
            said += meaning;
        }
    }
    said
}

/// Runs a case and says what is wrong, if something is.
fn check(case: &Case, command: &Path) -> Option<String> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let said = catch_unwind(|| case.run(trace.path(), command));
    let said = said.unwrap_or_else(|_| "failed, see above".to_owned());
    // strace writes after what it watches has ended.
    let is_over = eventually(LIMIT, || case.has_failed(trace.path()));
    let count = fs::read_to_string(trace.path()).unwrap().lines().count();
    if said != case.outcome {
        return Some(format!("{case:?}: {said}"));
    }
    if !is_over {
        return Some(format!("{case:?}: nothing was made to fail"));
    }
    (count > MOST_CALLS).then(|| format!("{case:?}: {count} system calls"))
}

/// A program of unknown format, so that both ways of executing it can be made to fail. Beside it is one that nobody may
/// execute.
fn command() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("command");
    harness::write_program(&file, "exit 3\n", 0o755);
    harness::write_program(directory.path().join("refused"), "exit 3\n", 0o644);
    (directory, file)
}

#[test]
fn every_failure_has_the_outcome_in_the_table() {
    if kernel_lacks("pidfd_send_signal(2)") {
        return;
    }
    if !require_strace() || !require_namespaces() {
        return;
    }
    let (_directory, command) = command();
    let cases = Mutex::new(cases().into_iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let _ = scope.spawn(|| {
                loop {
                    let case = cases.lock().unwrap().next();
                    let Some(case) = case else { return };
                    if let Some(what) = check(&case, &command) {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}\n", wrong.join("\n"));
}

#[test]
fn every_system_call_is_in_the_table() {
    let cases = cases();
    let listed: BTreeSet<String> = cases
        .iter()
        .flat_map(|case| case.call.split(',').map(str::to_owned))
        .collect();
    assert_eq!(harness::system_calls(), listed);
}
