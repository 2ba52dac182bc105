//! Beside tini, dumb-init and catatonit (contract 10): the same command lines through the real one and
//! through the init under its name, seen from outside. Every difference is in [`DIFFERENCES`] with its
//! reason; one that is not there, or is there and no longer exists, fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use harness::pty::{PROMPT, Session, Start};
use harness::reporters::Reporters;
use harness::{
    Init, LIMIT, ProcStatus, eventually, peer, pidling, probe, processes, require_namespaces,
};

/// How long something is waited for that the peer may never do.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was seen: an aspect and its value.
type Seen = BTreeMap<String, String>;

/// One of the two inits, and the options it is given.
struct Subject<'a> {
    binary: &'a Path,
    /// How long to wait for what only the init under test is sure to do.
    patience: Duration,
    setup: &'a Setup,
}

impl Subject<'_> {
    fn init(&self) -> Init {
        let init = Init::new().binary(self.binary).args(self.setup.options);
        let init = match self.setup.variable {
            Some((name, value)) => init.env(name, value),
            None => init,
        };
        if self.setup.as_pid_1 {
            init.as_pid_1()
        } else {
            init
        }
    }

    /// The init and its options as words of `sh`, where `$INIT` is the init.
    fn words(&self) -> String {
        format!("\"$INIT\" {}", self.setup.options.join(" "))
    }

    /// Starts words on a terminal that controls their session.
    fn on_a_terminal(&self, words: &[&str]) -> Session {
        let start = Start::leader(words)
            .variable("INIT", self.binary)
            .variable("PROBE", probe());
        match self.setup.variable {
            Some((name, value)) => start.variable(name, value),
            None => start,
        }
        .start()
    }
}

/// What both inits of a pair are given, and how they are looked at.
struct Setup {
    peer: &'static str,
    options: &'static [&'static str],
    variable: Option<(&'static str, &'static str)>,
    as_pid_1: bool,
    stories: &'static [Story],
}

/// A way to look at an init.
type Story = fn(&Subject) -> Seen;

/// A difference that is meant.
struct Difference {
    peer: &'static str,
    /// The setups that show it; none for all that look at its aspects.
    setups: &'static [&'static str],
    aspects: &'static [&'static str],
    theirs: &'static str,
    ours: &'static str,
    reason: &'static str,
}

/// Every difference that is meant, by peer.
const DIFFERENCES: &[Difference] = &[
    Difference {
        peer: "tini",
        setups: &["", "-e 143 -e 3"],
        aspects: &["standard error of a wrapper"],
        theirs: "speaks",
        ours: "silent",
        reason: "as a wrapper it adopts orphans without being asked, so there is nothing to warn of",
    },
    Difference {
        peer: "tini",
        setups: &["", "-g"],
        aspects: &["the parent of an orphan"],
        theirs: "another",
        ours: "the init",
        reason: "as a wrapper it adopts orphans without being asked",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["the app's LISTEN_PID"],
        theirs: "the init's",
        ours: "the app's",
        reason: "socket activation works below an init",
    },
    Difference {
        peer: "tini",
        setups: &["", "-s"],
        aspects: &["status of exit with 3 when SIGCHLD was ignored"],
        theirs: "never ends",
        ours: "3",
        reason: "an ignored SIGCHLD has the kernel reap behind the init's back, unless it sets that right",
    },
    Difference {
        peer: "tini",
        setups: &["-e 143 -e 3"],
        aspects: &["status of exit with 3 when SIGCHLD was ignored"],
        theirs: "never ends",
        ours: "0",
        reason: "the same, with the status remapped",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["status of exit with 3 when standard input was closed"],
        theirs: "1",
        ours: "3",
        reason: "no failure at the terminal keeps the app from starting",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["status of a file as a directory"],
        theirs: "1",
        ours: "127",
        reason: "ENOTDIR means not found as well",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["^Z without a shell"],
        theirs: "the app is stopped for good",
        ours: "the app goes on",
        reason: "a key cannot wedge a container",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["^Z in a shell"],
        theirs: "the shell hangs",
        ours: "a stopped job",
        reason: "the init stops together with the app, so fg and bg work",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["the foreground of a background start"],
        theirs: "the app's",
        ours: "the shell's",
        reason: "an init in the background does not steal the terminal",
    },
    Difference {
        peer: "tini",
        setups: &[""],
        aspects: FAULTS,
        theirs: "child: nothing, the init dies",
        ours: "child: it",
        reason: "what a process sends is forwarded, whatever its number",
    },
    Difference {
        peer: "tini",
        setups: &["-g"],
        aspects: FAULTS,
        theirs: "child: nothing, the init dies",
        ours: "child: it, group: it",
        reason: "the same, for the group",
    },
    Difference {
        peer: "tini",
        setups: &[""],
        aspects: &["signal 21", "signal 22"],
        theirs: "child: nothing",
        ours: "child: it",
        reason: "SIGTTIN and SIGTTOU that a process sends are forwarded",
    },
    Difference {
        peer: "tini",
        setups: &["-g"],
        aspects: &["signal 21", "signal 22"],
        theirs: "child: nothing",
        ours: "child: it, group: it",
        reason: "the same, for the group",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &[
            "``",
            "`--`",
            "`--nonsense true`",
            "`-Z true`",
            "`-e 256 true`",
            "`-e x true`",
            "`-e`",
            "`-p NONE true`",
        ],
        theirs: "1, stderr",
        ours: "125, stderr",
        reason: "a usage error is not mistaken for a status of the app",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["`-v true`", "`-vvv true`"],
        theirs: "0, stdout",
        ours: "0, stderr",
        reason: "standard output is the app's",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["`sh -c exit 4`"],
        theirs: "1, stderr",
        ours: "4",
        reason: "options end at the first word that is none, so `--` is optional",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["`true -Z`"],
        theirs: "1, stderr",
        ours: "0",
        reason: "options end at the first word that is none",
    },
    Difference {
        peer: "tini",
        setups: &[],
        aspects: &["`echo -- a`"],
        theirs: "0, \"a\\n\"",
        ours: "0, \"-- a\\n\"",
        reason: "options end at the first word that is none, so a later `--` is the app's",
    },
    Difference {
        peer: "dumb-init",
        setups: &["", "-c", "--rewrite 15:10", "DUMB_INIT_SETSID=0"],
        aspects: &["the parent of an orphan"],
        theirs: "another",
        ours: "the init",
        reason: "as a wrapper it adopts orphans",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &["the app's LISTEN_PID"],
        theirs: "the init's",
        ours: "the app's",
        reason: "socket activation works below an init",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &["the app's blocked signals"],
        theirs: "",
        ours: "12 37",
        reason: "the app inherits the mask as it was, as without an init",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &["the app's ignored signals"],
        theirs: "",
        ours: "1 10",
        reason: "the app inherits ignored signals, so nohup works through it",
    },
    Difference {
        peer: "dumb-init",
        setups: &["-c", "DUMB_INIT_SETSID=0"],
        aspects: &[
            "the app's process group",
            "process group at a terminal",
            "foreground at a terminal",
        ],
        theirs: "the init's",
        ours: "the app's",
        reason: "a group of its own even in single-child mode, so ^C comes from the terminal alone",
    },
    Difference {
        peer: "dumb-init",
        setups: &["-c"],
        aspects: &["signals for one ^C"],
        theirs: "2",
        ours: "1",
        reason: "^C reaches the app once",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &["the init's directory"],
        theirs: "/",
        ours: "/etc",
        reason: "the init stays where it was started",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &[
            "status of a file as a directory",
            "status of an empty word",
            "status of no such file",
            "status of no such word in PATH",
        ],
        theirs: "2",
        ours: "127",
        reason: "not found is 127, as in a shell and in docker",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &[
            "status of a directory",
            "status of a file that is not executable",
        ],
        theirs: "2",
        ours: "126",
        reason: "not executable is 126, as in a shell and in docker",
    },
    Difference {
        peer: "dumb-init",
        setups: &[""],
        aspects: &["signal 32", "signal 33"],
        theirs: "child: nothing, the init dies",
        ours: "child: it, group: it",
        reason: "all signals are forwarded, also those that the C library keeps to itself",
    },
    Difference {
        peer: "dumb-init",
        setups: &["-r 15:2 -r 1:0"],
        aspects: &["signal 32", "signal 33"],
        theirs: "child: nothing, the init dies",
        ours: "child: it, group: it",
        reason: "the same",
    },
    Difference {
        peer: "dumb-init",
        setups: &["-c"],
        aspects: &["signal 32", "signal 33"],
        theirs: "child: nothing, the init dies",
        ours: "child: it",
        reason: "the same, for the child",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &[
            "``",
            "`--`",
            "`--nonsense true`",
            "`-Z true`",
            "`-r 15 true`",
            "`-r 15:99 true`",
            "`-r x true`",
            "`-r`",
        ],
        theirs: "1, stderr",
        ours: "125, stderr",
        reason: "a usage error is not mistaken for a status of the app",
    },
    Difference {
        peer: "dumb-init",
        setups: &[],
        aspects: &["`-h`", "`--help`", "`-V`", "`--version`"],
        theirs: "0, stderr",
        ours: "0, stdout",
        reason: "what was asked for goes to standard output",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["the app's blocked signals"],
        theirs: "12 20 21 22 37",
        ours: "12 37",
        reason: "the app inherits the mask as it was, so ^Z works in a shell below",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["the init's descriptor 7"],
        theirs: "closed",
        ours: "open",
        reason: "the init keeps what it was given until it ends",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["status of exit with 3 when SIGCHLD was ignored"],
        theirs: "never ends",
        ours: "3",
        reason: "an ignored SIGCHLD has the kernel reap behind the init's back, unless it sets that right",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["status of exit with 3 when standard input was closed"],
        theirs: "1",
        ours: "3",
        reason: "no failure at the terminal keeps the app from starting",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &[
            "status of a file as a directory",
            "status of an empty word",
            "status of no such file",
            "status of no such word in PATH",
        ],
        theirs: "1",
        ours: "127",
        reason: "not found is 127, as in a shell and in docker",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &[
            "status of a directory",
            "status of a file that is not executable",
        ],
        theirs: "1",
        ours: "126",
        reason: "not executable is 126, as in a shell and in docker",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["^Z in a shell"],
        theirs: "the shell hangs",
        ours: "a stopped job",
        reason: "the app can be stopped, and the init stops together with it, so fg and bg work",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["the foreground of a background start"],
        theirs: "the app's",
        ours: "the shell's",
        reason: "an init in the background does not steal the terminal",
    },
    Difference {
        peer: "catatonit",
        setups: &[""],
        aspects: FAULTS,
        theirs: "child: nothing, the init dies",
        ours: "child: it",
        reason: "what a process sends is forwarded, whatever its number",
    },
    Difference {
        peer: "catatonit",
        setups: &["-g"],
        aspects: FAULTS,
        theirs: "child: nothing, the init dies",
        ours: "child: it, group: it",
        reason: "the same, for the group",
    },
    Difference {
        peer: "catatonit",
        setups: &[""],
        aspects: &["signal 20", "signal 21", "signal 22"],
        theirs: "child: nothing",
        ours: "child: it",
        reason: "SIGTSTP, SIGTTIN and SIGTTOU that a process sends are forwarded",
    },
    Difference {
        peer: "catatonit",
        setups: &["-g"],
        aspects: &["signal 20", "signal 21", "signal 22"],
        theirs: "child: nothing",
        ours: "child: it, group: it",
        reason: "the same, for the group",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["``", "`--`", "`--nonsense true`", "`-Z true`"],
        theirs: "1, stderr",
        ours: "125, stderr",
        reason: "a usage error is not mistaken for a status of the app",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["`-h`"],
        theirs: "0, stderr",
        ours: "0, stdout",
        reason: "what was asked for goes to standard output",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["`sh -c exit 4`"],
        theirs: "1, stderr",
        ours: "4",
        reason: "options end at the first word that is none, so `--` is optional",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["`true -Z`"],
        theirs: "1, stderr",
        ours: "0",
        reason: "options end at the first word that is none",
    },
    Difference {
        peer: "catatonit",
        setups: &[],
        aspects: &["`echo -- a`"],
        theirs: "0, \"a\\n\"",
        ours: "0, \"-- a\\n\"",
        reason: "options end at the first word that is none, so a later `--` is the app's",
    },
];

/// The signals of faults, and those that the C library keeps to itself.
const FAULTS: &[&str] = &[
    "signal 4",
    "signal 5",
    "signal 6",
    "signal 7",
    "signal 8",
    "signal 11",
    "signal 31",
    "signal 32",
    "signal 33",
];

/// Gives a process a signal by number.
fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("the process lives");
}

/// The numbers of the signals in a mask.
fn numbers(mask: u64) -> String {
    let numbers = (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1);
    let numbers: Vec<String> = numbers.map(|signal| signal.to_string()).collect();
    numbers.join(" ")
}

/// The open descriptors of a process.
fn descriptors(pid: i32) -> String {
    let listed = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors can be listed");
    let numbers: BTreeSet<u32> = listed
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(" ")
}

fn keeps_7(pid: i32) -> &'static str {
    let is_open = descriptors(pid).split(' ').any(|number| number == "7");
    if is_open { "open" } else { "closed" }
}

fn directory(pid: i32) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/cwd"));
    link.expect("the directory can be read")
        .display()
        .to_string()
}

/// A process's id in its own namespace.
fn inner(pid: i32) -> i32 {
    let status = ProcStatus::of(pid).expect("the process lives");
    *status.namespace_pids().last().expect("an id")
}

/// Whose id of these two, or neither's.
fn whose(id: i32, app: i32, init: i32) -> String {
    match id {
        id if id == app => "the app's",
        id if id == init => "the init's",
        _ => "another's",
    }
    .to_owned()
}

/// What the app inherits, and what the init keeps.
fn inheritance(subject: &Subject) -> Seen {
    let running = subject
        .init()
        .launch(["--env-pid", "LISTEN_PID", "--env", "LISTEN_FDS=1"])
        .launch(["--descriptor", "7"])
        .env("EMPTY", "")
        .directory("/etc")
        .launch(["--umask", "27"])
        .signal_setup("USR2,RTMIN+3", "HUP,USR1")
        .args(["--", "cat", "-", "-u"])
        .spawn();
    let (init, app) = (running.init_pid(), running.main_child_pid());
    // Its program is there before its words are; it sleeps when it waits for input.
    assert!(eventually(LIMIT, || {
        let name = ProcStatus::of(app).map(|status| (status.state(), status.name().to_owned()));
        name == Some(('S', "cat".to_owned()))
    }));
    let status = ProcStatus::of(app).expect("the app lives");
    let read = |name: &str| {
        let bytes = std::fs::read(format!("/proc/{app}/{name}")).expect("the app lives");
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    let environment = read("environ");
    let (listen, others): (Vec<_>, Vec<_>) = environment
        .split(' ')
        .partition(|entry| entry.starts_with("LISTEN_PID="));
    let listen = listen.first().and_then(|entry| entry.rsplit('=').next());
    let listen = listen.and_then(|pid| pid.parse().ok()).expect("LISTEN_PID");
    let others: Vec<_> = others
        .into_iter()
        .filter(|entry| {
            let variable = subject.setup.variable;
            !variable.is_some_and(|(name, _)| entry.starts_with(name))
        })
        .collect();
    let all = processes();
    let process = all.iter().find(|process| process.pid == app);
    let process = process.expect("the app lives");
    [
        ("the app's blocked signals", numbers(status.blocked())),
        ("the app's ignored signals", numbers(status.ignored())),
        ("the app's caught signals", numbers(status.caught())),
        ("the app's umask", status.field("Umask").to_owned()),
        ("the app's descriptors", descriptors(app)),
        ("the app's directory", directory(app)),
        ("the app's arguments", read("cmdline")),
        ("the app's environment", others.join(" ")),
        (
            "the app's LISTEN_PID",
            whose(listen, inner(app), inner(init)),
        ),
        ("the app's process group", whose(process.group, app, init)),
        ("the app's session", whose(process.session, app, init)),
        ("the init's descriptor 7", keeps_7(init).to_owned()),
        ("the init's directory", directory(init)),
    ]
    .map(|(aspect, value)| (aspect.to_owned(), value))
    .into()
}

/// How an init ends.
fn statuses(subject: &Subject) -> Seen {
    let script = std::env::temp_dir().join(format!(
        "pidling-peers-script-{}-{}",
        subject.setup.peer,
        std::process::id()
    ));
    harness::write_program(&script, "exit 7\n", 0o755);
    let script = script.to_str().expect("a path in UTF-8");
    let probe = probe().to_str().expect("a path in UTF-8");
    let mut seen = Seen::new();
    for (aspect, words) in [
        ("exit with 0", &[probe, "exit", "0"][..]),
        ("exit with 3", &[probe, "exit", "3"]),
        ("exit with 143", &[probe, "exit", "143"]),
        ("exit with 255", &[probe, "exit", "255"]),
        ("death by SIGTERM", &[probe, "kill-self", "TERM"]),
        ("death by SIGKILL", &[probe, "kill-self", "KILL"]),
        ("death by SIGXCPU", &[probe, "kill-self", "XCPU"]),
        ("death by SIGRTMIN+3", &[probe, "kill-self", "37"]),
        ("death by signal 64", &[probe, "kill-self", "64"]),
        ("no such file", &["/nonexistent"]),
        ("no such word in PATH", &["nonexistent"]),
        ("a file as a directory", &["/etc/passwd/nonexistent"]),
        ("a file that is not executable", &["/etc/passwd"]),
        ("a directory", &["/etc"]),
        ("an empty word", &[""]),
        ("a script without #!", &[script]),
    ] {
        let output = subject.init().arg("--").args(words).run();
        let status = output
            .status
            .code()
            .map_or("none".to_owned(), |code| code.to_string());
        let _ = seen.insert(format!("status of {aspect}"), status);
        if aspect == "exit with 3" {
            let _ = seen.insert("standard output".to_owned(), output.stdout());
            let says = if output.stderr.is_empty() {
                "silent"
            } else {
                "speaks"
            };
            let _ = seen.insert("standard error of a wrapper".to_owned(), says.to_owned());
        }
    }
    std::fs::remove_file(script).expect("the script can be removed");
    // Where SIGCHLD is ignored the kernel reaps, and whoever waits for SIGCHLD waits for ever.
    let mut running = subject
        .init()
        .signal_setup("", "CHLD")
        .args(["--", probe, "exit", "3"])
        .spawn();
    let ended = eventually(subject.patience, || !running.is_running());
    let status = if ended {
        running
            .wait_status()
            .code()
            .map_or("none".to_owned(), |code| code.to_string())
    } else {
        "never ends".to_owned()
    };
    let _ = seen.insert(
        "status of exit with 3 when SIGCHLD was ignored".to_owned(),
        status,
    );
    seen
}

/// Where each signal goes that the init is sent.
fn signals(subject: &Subject) -> Seen {
    // SIGURG, SIGIO and SIGCONT are what the others are told apart by.
    let unsent = [
        Signal::SIGKILL,
        Signal::SIGSTOP,
        Signal::SIGCHLD,
        Signal::SIGURG,
        Signal::SIGIO,
        Signal::SIGCONT,
    ]
    .map(|signal| signal as i32);
    (1..=64)
        .filter(|signal| !unsent.contains(signal))
        .map(|signal| (format!("signal {signal}"), where_to(subject, signal)))
        .collect()
}

/// What the probe calls a signal.
fn name(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(signal) => signal.to_string(),
        Err(_) if signal < 34 => format!("SIG{signal}"),
        Err(_) => format!("SIGRTMIN+{}", signal - 34),
    }
}

/// Where one signal goes: to whom, as what, and what becomes of everybody.
fn where_to(subject: &Subject, signal: i32) -> String {
    let it = Reporters::start(subject.init());
    it.running.signal(signal);
    let state = |pid| ProcStatus::of(pid).map_or('Z', |status| status.state());
    let is_consumed = |pid| {
        let pending = |status: ProcStatus| status.pending() & 1 << (signal - 1) != 0;
        !ProcStatus::of(pid).is_some_and(pending)
    };
    assert!(eventually(LIMIT, || {
        state(it.init) == 'Z' || state(it.init) == 'T' || is_consumed(it.init)
    }));
    // Every init forwards this one, and it comes after the other: either is blocked till it is looked for.
    let sync = Signal::SIGURG;
    let has_got = |got: Vec<String>, signal: Signal| got.iter().any(|one| one == signal.as_str());
    let mut stopped = String::new();
    assert!(eventually(LIMIT, || {
        if state(it.init) == 'T' && stopped.is_empty() {
            let all = [(it.init, "init"), (it.child, "child"), (it.member, "group")];
            // Whoever was sent SIGSTOP together with it stops soon.
            let _ = eventually(PATIENCE, || all.iter().all(|(pid, _)| state(*pid) == 'T'));
            let all = all.iter().filter(|(pid, _)| state(*pid) == 'T');
            stopped = all.map(|(_, name)| *name).collect::<Vec<_>>().join(" ");
            send(it.init, Signal::SIGCONT);
        }
        let _ = kill(Pid::from_raw(it.init), sync);
        state(it.init) == 'Z' || has_got(it.child_got(), sync)
    }));
    // What these are sent directly is the last they get. SIGCONT would take a stop signal away that is still pending,
    // signal(7).
    let last = Signal::SIGIO;
    for pid in [it.child, it.member] {
        assert!(eventually(LIMIT, || state(pid) == 'T' || is_consumed(pid)));
        send(pid, last);
        send(pid, Signal::SIGCONT);
    }
    assert!(eventually(LIMIT, || {
        has_got(it.child_got(), last) && has_got(it.member_got(), last)
    }));
    let got = |mut got: Vec<String>| {
        // The child's own child is stopped and resumed, too.
        let own = [sync, last, Signal::SIGCONT, Signal::SIGCHLD].map(Signal::as_str);
        got.retain(|one| !own.contains(&one.as_str()));
        let name = name(signal);
        for one in got.iter_mut().filter(|one| **one == name) {
            "it".clone_into(one);
        }
        got.sort();
        got.dedup();
        if got.is_empty() {
            "nothing".to_owned()
        } else {
            got.join(" ")
        }
    };
    let mut value = format!("child: {}", got(it.child_got()));
    if got(it.member_got()) != "nothing" {
        let _ = write!(value, ", group: {}", got(it.member_got()));
    }
    if !stopped.is_empty() {
        let _ = write!(value, ", stopped: {stopped}");
    }
    if state(it.init) == 'Z' {
        value += ", the init dies";
    }
    value
}

/// Where the usual signals go.
fn target(subject: &Subject) -> Seen {
    [Signal::SIGHUP, Signal::SIGTERM]
        .map(|signal| {
            (
                format!("signal {}", signal as i32),
                where_to(subject, signal as i32),
            )
        })
        .into()
}

/// What becomes of the others: of the group when the main child ends, and of orphans.
fn others(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    let mut it = Reporters::start(subject.init());
    it.running.send_line("quit");
    let status = it.running.wait_status().code();
    let _ = seen.insert(
        "the status of the main child".to_owned(),
        format!("{status:?}"),
    );
    if !subject.setup.as_pid_1 {
        send(it.member, Signal::SIGIO);
        let has_got = |got: Vec<String>| got.iter().any(|one| one == "SIGIO");
        assert!(eventually(LIMIT, || has_got(it.member_got())));
        let mut got = it.member_got();
        got.retain(|one| one != "SIGIO");
        let aspect = "what the group gets when the main child has ended";
        let _ = seen.insert(aspect.to_owned(), got.join(" "));
    }

    let script = "sh -c 'sleep 1000 >/dev/null 2>&1 & exit 0'; echo ready; read -r line; exit 3";
    let mut running = subject.init().args(["--", "sh", "-c", script]).spawn();
    let _ = running.wait_line("ready");
    let (init, app) = (running.init_pid(), running.main_child_pid());
    let session = processes().into_iter().find(|process| process.pid == app);
    let session = session.expect("the app lives").session;
    // Nobody else in the app's session has this name.
    let mut orphan = None;
    assert!(eventually(LIMIT, || {
        let is_orphan = |pid| ProcStatus::of(pid).is_some_and(|one| one.name() == "sleep");
        orphan = processes()
            .into_iter()
            .find(|process| process.session == session && is_orphan(process.pid));
        orphan.is_some()
    }));
    let orphan = orphan.expect("it was just found");
    let parent = if orphan.parent == init {
        "the init"
    } else {
        "another"
    };
    let _ = seen.insert("the parent of an orphan".to_owned(), parent.to_owned());
    send(orphan.pid, Signal::SIGKILL);
    assert!(eventually(LIMIT, || ProcStatus::of(orphan.pid).is_none()));
    running.send_line("end");
    let stderr = running.wait().stderr;
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    let warns = stderr.contains("Reaped zombie process with pid=");
    let _ = seen.insert("a warning of a reaped orphan".to_owned(), warns.to_string());
    seen
}

/// The terminal: whose it is, and what the keys do.
fn terminal(subject: &Subject) -> Seen {
    let mut seen = Seen::new();
    let words = subject.words();
    let mut session = subject.on_a_terminal(&[
        "sh",
        "-c",
        &format!("exec {words} \"$PROBE\" terminal reading"),
    ]);
    let place = session.expect_after("ready ", "\n");
    let ids: Vec<i32> = place.split(' ').map(|id| id.parse().unwrap_or(0)).collect();
    let (app, init) = (session.process("probe"), session.leader());
    for (aspect, id) in [("process group", 1), ("session", 2), ("foreground", 3)] {
        let _ = seen.insert(format!("{aspect} at a terminal"), whose(ids[id], app, init));
    }
    // The init is held meanwhile, for two signals that are pending together are one.
    send(init, Signal::SIGSTOP);
    session.expect_stopped(init, true);
    session.press("\x03");
    session.expect("got SIGINT from ");
    send(init, Signal::SIGCONT);
    send(init, Signal::SIGUSR1);
    let others = session.expect_after("", "got SIGUSR1 from process\n");
    let count = 1 + others.matches("got SIGINT").count();
    let _ = seen.insert("signals for one ^C".to_owned(), count.to_string());
    session.press("\x1a");
    session.line("hello");
    let goes_on = eventually(subject.patience, || {
        session.screen().contains("read: hello")
    });
    let _ = seen.insert(
        "^Z without a shell".to_owned(),
        if goes_on {
            "the app goes on"
        } else {
            "the app is stopped for good"
        }
        .to_owned(),
    );

    let mut session =
        subject.on_a_terminal(&["bash", "--norc", "--noprofile", "--noediting", "-i"]);
    session.expect(PROMPT);
    session.line(&format!("{words} \"$PROBE\" terminal"));
    session.expect("ready ");
    let shell = session.leader();
    session.press("\x1a");
    let prompts = eventually(subject.patience, || {
        session.screen().matches(PROMPT).count() == 2
    });
    let _ = seen.insert(
        "^Z in a shell".to_owned(),
        if prompts && session.foreground() == shell {
            "a stopped job"
        } else {
            "the shell hangs"
        }
        .to_owned(),
    );

    let mut session =
        subject.on_a_terminal(&["bash", "--norc", "--noprofile", "--noediting", "-i"]);
    session.expect(PROMPT);
    session.line(&format!("{words} \"$PROBE\" terminal &"));
    session.expect("ready ");
    let shell = session.leader();
    let is_shells = session.foreground() == shell;
    let _ = seen.insert(
        "the foreground of a background start".to_owned(),
        if is_shells {
            "the shell's"
        } else {
            "the app's"
        }
        .to_owned(),
    );

    let mut session =
        subject.on_a_terminal(&["sh", "-c", &format!("exec {words} sh -c 'exit 3' <&-")]);
    let _ = seen.insert(
        "status of exit with 3 when standard input was closed".to_owned(),
        session.wait().to_string(),
    );
    seen
}

/// What is said, where, and with which status; and where options end.
fn output(subject: &Subject) -> Seen {
    let lines: &[&[&str]] = match subject.setup.peer {
        "tini" => &[
            &["-h"],
            &["--version"],
            &["-l"],
            &["-v", "true"],
            &["-vvv", "true"],
            &["-e", "256", "true"],
            &["-e", "x", "true"],
            &["-p", "NONE", "true"],
            &["-e"],
        ],
        "dumb-init" => &[
            &["-h"],
            &["--help"],
            &["-V"],
            &["--version"],
            &["-v", "true"],
            &["--verbose", "true"],
            &["-r", "x", "true"],
            &["-r", "15", "true"],
            &["-r", "15:99", "true"],
            &["-r"],
        ],
        _ => &[&["-h"], &["-L"], &["-V"], &["--version"]],
    };
    let common: &[&[&str]] = &[
        &[],
        &["--"],
        &["-Z", "true"],
        &["--nonsense", "true"],
        &["sh", "-c", "exit 4"],
        &["true", "-Z"],
        &["echo", "--", "a"],
        &["--", "echo", "--", "a"],
    ];
    let describe = |words: &&[&str]| {
        let output = subject.init().args(*words).run();
        let (stdout, stderr) = (output.stdout(), &output.stderr);
        let status = output
            .status
            .code()
            .map_or("none".to_owned(), |code| code.to_string());
        let mut value = status;
        if words.contains(&"echo") {
            let _ = write!(value, ", {stdout:?}");
        } else if stdout.starts_with("tini version ") && stdout.lines().count() == 1 {
            value += ", tini version";
        } else if !stdout.is_empty() {
            value += ", stdout";
        }
        if !stderr.is_empty() {
            value += ", stderr";
        }
        (format!("`{}`", words.join(" ")), value)
    };
    lines.iter().chain(common).map(describe).collect()
}

/// The signal that comes when the parent dies.
fn parent_death(subject: &Subject) -> Seen {
    let script = "\"$@\" & read -r line; kill -KILL $$";
    let mut running = Init::new()
        .binary("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(subject.binary)
        .args(subject.setup.options)
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready ");
    running.send_line("die");
    let line = running.wait_line("got ");
    let signal = line.split(' ').nth(1).expect("a signal").to_owned();
    [("the signal when the parent dies".to_owned(), signal)].into()
}

/// All that is compared.
const SETUPS: &[Setup] = &[
    Setup::new(
        "tini",
        &[],
        &[inheritance, statuses, signals, others, terminal],
    ),
    // Nothing is said of being a wrapper then.
    Setup::new("tini", &[], &[output]).with("TINI_SUBREAPER", ""),
    Setup::new(
        "tini",
        &["-s"],
        &[inheritance, statuses, target, others, terminal],
    ),
    Setup::new("tini", &["-g"], &[inheritance, signals, others, terminal]),
    Setup::new("tini", &["-w", "-s"], &[others]),
    Setup::new("tini", &["-e", "143", "-e", "3"], &[statuses]),
    Setup::new("tini", &["-p", "SIGTERM"], &[parent_death]),
    Setup::new("tini", &["-p", "SIGUSR1"], &[parent_death]),
    Setup::new("tini", &[], &[target]).with("TINI_KILL_PROCESS_GROUP", ""),
    Setup::new("tini", &[], &[others]).with("TINI_SUBREAPER", ""),
    Setup::new("tini", &[], &[inheritance, target, others]).in_namespace(),
    Setup::new(
        "dumb-init",
        &[],
        &[inheritance, statuses, signals, others, terminal, output],
    ),
    Setup::new(
        "dumb-init",
        &["-c"],
        &[inheritance, statuses, signals, others, terminal],
    ),
    Setup::new("dumb-init", &["--single-child"], &[target]),
    Setup::new("dumb-init", &["-r", "15:2", "-r", "1:0"], &[signals]),
    Setup::new("dumb-init", &["--rewrite", "15:10"], &[target, others]),
    Setup::new("dumb-init", &[], &[inheritance, target, others]).with("DUMB_INIT_SETSID", "0"),
    Setup::new("dumb-init", &[], &[target]).with("DUMB_INIT_SETSID", "1"),
    Setup::new("dumb-init", &[], &[inheritance, target, others]).in_namespace(),
    Setup::new(
        "catatonit",
        &[],
        &[inheritance, statuses, signals, others, terminal, output],
    ),
    Setup::new(
        "catatonit",
        &["-g"],
        &[inheritance, signals, others, terminal],
    ),
    Setup::new("catatonit", &[], &[inheritance, target, others]).in_namespace(),
];

impl Setup {
    const fn new(
        peer: &'static str,
        options: &'static [&'static str],
        stories: &'static [Story],
    ) -> Self {
        Self {
            peer,
            options,
            variable: None,
            as_pid_1: false,
            stories,
        }
    }

    const fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.variable = Some((name, value));
        self
    }

    const fn in_namespace(mut self) -> Self {
        self.as_pid_1 = true;
        self
    }

    /// How it is called in [`DIFFERENCES`].
    fn label(&self) -> String {
        let variable = self.variable.map(|(name, value)| format!("{name}={value}"));
        let pid_1 = self.as_pid_1.then(|| "PID 1".to_owned());
        let options = self.options.iter().map(|&word| word.to_owned());
        let words: Vec<String> = variable.into_iter().chain(pid_1).chain(options).collect();
        words.join(" ")
    }

    /// What is seen of the peer and of the init under its name.
    fn compare(&self, peer: &Path, ours: &Path) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        for story in self.stories {
            let [theirs, ours] = [(peer, PATIENCE), (ours, LIMIT)].map(|(binary, patience)| {
                story(&Subject {
                    binary,
                    patience,
                    setup: self,
                })
            });
            let aspects = |seen: &Seen| seen.keys().cloned().collect::<Vec<_>>();
            assert_eq!(aspects(&theirs), aspects(&ours));
            let pairs = theirs.into_iter().zip(ours.into_values());
            all.extend(pairs.map(|((aspect, theirs), ours)| (aspect, theirs, ours)));
        }
        all
    }
}

/// Compares everything with one peer.
#[track_caller]
fn check(name: &str) {
    let Some(peer) = peer(name) else { return };
    let namespaces = require_namespaces();
    let directory =
        std::env::temp_dir().join(format!("pidling-beside-{name}-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a directory can be made");
    let ours = directory.join(name);
    symlink(pidling(), &ours).expect("a link can be made");
    let mut wrong = String::new();
    for setup in SETUPS.iter().filter(|setup| setup.peer == name) {
        if setup.as_pid_1 && !namespaces {
            continue;
        }
        let label = setup.label();
        for (aspect, theirs, ours) in setup.compare(&peer, &ours) {
            let mut meant = DIFFERENCES.iter().filter(|difference| {
                difference.peer == name
                    && difference.aspects.contains(&&*aspect)
                    && (difference.setups.is_empty() || difference.setups.contains(&&*label))
            });
            let (expected, reason) = match (meant.next(), meant.next()) {
                (None, _) => ((&*theirs, &*theirs), "nothing may differ"),
                (Some(one), None) => ((one.theirs, one.ours), one.reason),
                (Some(_), Some(_)) => ((&*theirs, &*ours), "listed once only"),
            };
            if (&*theirs, &*ours) != expected || reason == "listed once only" {
                let _ = writeln!(
                    wrong,
                    "{name} [{label}] {aspect}: {theirs:?} became {ours:?}, expected {expected:?}: {reason}"
                );
            }
        }
    }
    std::fs::remove_dir_all(&directory).expect("the directory can be removed");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn under_the_name_of_tini_only_what_is_meant_differs() {
    check("tini");
}

#[test]
fn under_the_name_of_dumb_init_only_what_is_meant_differs() {
    check("dumb-init");
}

#[test]
fn under_the_name_of_catatonit_only_what_is_meant_differs() {
    check("catatonit");
}

/// A difference whose setup or aspect nobody looks at would be listed for ever.
#[test]
fn every_listed_difference_is_looked_at() {
    for difference in DIFFERENCES {
        for label in difference.setups {
            let is_there =
                |setup: &&Setup| setup.peer == difference.peer && setup.label() == *label;
            assert!(
                SETUPS.iter().any(|setup| is_there(&setup)),
                "{} [{label}]: {:?}",
                difference.peer,
                difference.aspects
            );
        }
    }
}
