//! How many instructions the init executes, which depends on no machine's mood: callgrind counts them.
//!
//! `UPDATE=1 cargo test --release --test release instructions` writes the bounds anew.

use harness::{ProcStatus, Requirement, children_of, eventually, package, pidling, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The counts that a change is held to. Whoever changes it says why in the commit.
const BOUNDS: &str = "tests/release/instructions.txt";

/// How far a count may be from its bound, in percent. An init that needs fewer is to lower the bound.
const TOLERANCE: u64 = 2;

/// How often a thing is done, so that the look at everything else after each batch counts too.
const TIMES: u64 = 64;

/// Long enough for valgrind on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// An init under callgrind, PID 1 of a namespace, whose main child makes an orphan for each line that it reads.
struct Counted {
    unshare: Child,
    output: BufReader<ChildStdout>,
    init: i32,
}

impl Counted {
    /// Starts it with an empty environment, and waits until it is at rest.
    fn start(directory: &Path, options: &[&str]) -> Self {
        let orphans = "echo ready; while read -r line; do (:&); echo made; done";
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let mut unshare = Command::new(program("unshare").expect("unshare of util-linux"));
        if !nix::unistd::geteuid().is_root() {
            let _ = unshare.args(["--user", "--map-root-user"]);
        }
        let mut unshare = unshare
            .args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"])
            .arg(program("valgrind").expect("valgrind"))
            .args(["--tool=callgrind", "--vgdb=no", "--log-file=/dev/null"])
            .args(["--callgrind-out-file=counts", "./pidling"])
            .args(options)
            .args(["--", "/bin/sh", "-c", orphans])
            .env_clear()
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(unshare.stdout.take().unwrap());
        let mut line = String::new();
        let _ = output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let [init] = &children_of(unshare.id().cast_signed())[..] else {
            panic!("no init below unshare");
        };
        let init = init.pid;
        let counted = Self {
            unshare,
            output,
            init,
        };
        counted.until_at_rest();
        counted
    }

    /// Waits until all is done that the init had to do: it sleeps, nothing is pending, and nobody is left to be reaped.
    fn until_at_rest(&self) {
        let at_rest = || {
            let status = ProcStatus::of(self.init).expect("the init runs");
            let is_pending = ["SigPnd", "ShdPnd"]
                .iter()
                .any(|field| status.field(field).contains(|digit| digit != '0'));
            status.state() == 'S' && !is_pending && children_of(self.init).len() == 1
        };
        assert!(eventually(LIMIT, at_rest), "the init comes to no rest");
    }

    /// Signals it that many times. SIGURG kills nobody.
    fn signal(&self, times: u64) {
        for _ in 0..times {
            kill(Pid::from_raw(self.init), Signal::SIGURG).unwrap();
            self.until_at_rest();
        }
    }

    /// Leaves it so many orphans, one after the other.
    fn orphan(&mut self, times: u64) {
        for _ in 0..times {
            let mut input = self.unshare.stdin.as_ref().unwrap();
            input.write_all(b"one\n").unwrap();
            let mut line = String::new();
            let _ = self.output.read_line(&mut line).unwrap();
            assert_eq!(line, "made\n");
            self.until_at_rest();
        }
    }

    /// Ends it, and returns how many instructions it has executed.
    fn end(mut self, directory: &Path) -> u64 {
        drop(self.unshare.stdin.take());
        assert!(self.unshare.wait().unwrap().success());
        let counts = std::fs::read_to_string(directory.join("counts")).unwrap();
        let total = counts
            .lines()
            .find_map(|line| line.strip_prefix("totals: "));
        total.expect("callgrind says totals").parse().unwrap()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // The namespace ends with it.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

/// The counts as [`BOUNDS`] has them.
fn count() -> Vec<(&'static str, u64)> {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    harness::copy_program(pidling(), directory.join("pidling"), 0o755);
    let run = |options: &[&str], signals, orphans| {
        let mut counted = Counted::start(directory, options);
        counted.signal(signals);
        counted.orphan(orphans);
        counted.end(directory)
    };
    let quiet = run(&[], 0, 0);
    let signal = (run(&[], TIMES, 0) - quiet) / TIMES;
    let orphan = (run(&[], 0, TIMES) - quiet) / TIMES;
    let shown = run(&["-v"], 0, 0);
    let shown_signal = (run(&["-v"], TIMES, 0) - shown) / TIMES;
    vec![
        ("start and end", quiet),
        ("signal", signal),
        ("orphan", orphan),
        ("shown line", shown_signal - signal),
    ]
}

/// What the compiler says of itself: another one makes other instructions.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The value of a name in [`BOUNDS`].
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("{BOUNDS} has no {name}"))
}

/// The bounds are those of a release build for x86-64.
#[test]
fn the_init_executes_as_many_instructions_as_before() {
    if cfg!(debug_assertions) || !cfg!(target_arch = "x86_64") {
        return;
    }
    if !harness::require_namespaces()
        || !harness::require(
            Requirement::Valgrind,
            program("valgrind").is_some(),
            "valgrind is not installed",
        )
    {
        return;
    }
    let path = package().join(BOUNDS);
    let old = std::fs::read_to_string(&path).unwrap();
    let compiler = compiler();
    let is_update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    if !is_update && field(&old, "compiler") != compiler {
        eprintln!("skipped: the bounds are of another compiler than {compiler}");
        return;
    }
    let counts = count();
    let mut now = format!("compiler: {compiler}\n");
    for (name, count) in &counts {
        let _ = writeln!(now, "{name}: {count}");
    }
    if is_update {
        let comment = old.lines().filter(|line| line.starts_with('#'));
        let comment: String = comment.flat_map(|line| [line, "\n"]).collect();
        std::fs::write(&path, comment + &now).unwrap();
        return;
    }
    for (name, count) in counts {
        let bound: u64 = field(&old, name).parse().unwrap();
        assert!(
            count.abs_diff(bound) * 100 <= bound * TOLERANCE,
            "{name}: {count} instructions, not {bound}; now:\n{now}"
        );
    }
}
