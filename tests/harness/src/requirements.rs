//! What tests need of the machine: a skip says why, and REQUIRE makes it a failure.

use crate::emulator::{Limit, emulator_lacks};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// What a test may need of the machine. The variable REQUIRE names, with commas between, what has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The superuser: other users' processes, mounts.
    Root,
    /// PID namespaces, and user namespaces for anybody but the superuser.
    Namespaces,
    /// strace(1), to watch system calls and to make them fail.
    Strace,
    /// Control groups that can be frozen.
    Freezer,
    /// Control groups of version 2 with the controllers memory and pids.
    Cgroup2,
    /// busybox, as a static program.
    Busybox,
    /// Shells and programs that drive a terminal.
    TerminalPrograms,
    /// The other inits.
    Peers,
    /// A docker engine.
    Docker,
    /// podman and its runtime.
    Podman,
    /// crun, a runtime for control groups of version 2.
    Crun,
    /// Servers as people run them.
    Servers,
    /// systemd's programs.
    Systemd,
    /// valgrind, to count instructions.
    Valgrind,
    /// What packages and manual pages are made and read with.
    Packaging,
}

impl Requirement {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Root,
        Self::Namespaces,
        Self::Strace,
        Self::Freezer,
        Self::Cgroup2,
        Self::Busybox,
        Self::TerminalPrograms,
        Self::Peers,
        Self::Docker,
        Self::Podman,
        Self::Crun,
        Self::Servers,
        Self::Systemd,
        Self::Valgrind,
        Self::Packaging,
    ];

    /// Its name in REQUIRE.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Namespaces => "namespaces",
            Self::Strace => "strace",
            Self::Freezer => "freezer",
            Self::Cgroup2 => "cgroup2",
            Self::Busybox => "busybox",
            Self::TerminalPrograms => "terminal-programs",
            Self::Peers => "peers",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Crun => "crun",
            Self::Servers => "servers",
            Self::Systemd => "systemd",
            Self::Valgrind => "valgrind",
            Self::Packaging => "packaging",
        }
    }

    /// Whether REQUIRE names it. A name that is none fails every test that asks.
    #[track_caller]
    fn is_required(self) -> bool {
        let required = std::env::var("REQUIRE").unwrap_or_default();
        let mut words = required.split(',').filter(|word| !word.is_empty());
        let unknown = words
            .clone()
            .find(|word| !Self::ALL.iter().any(|one| one.name() == *word));
        assert_eq!(unknown, None, "REQUIRE names what no test knows");
        words.any(|word| word == self.name())
    }
}

/// Says on standard error why a test is skipped, or a part of it.
pub(crate) fn say_skipped(reason: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test").to_owned();
    eprintln!("skipped {test}: {reason}");
}

/// Returns whether what a test needs is there. If not, says why the test is skipped, or fails it when
/// the variable REQUIRE names it.
#[track_caller]
pub fn require(what: Requirement, is_there: bool, reason: &str) -> bool {
    let name = what.name();
    let is_required = what.is_required();
    if !is_there {
        assert!(!is_required, "REQUIRE names {name}, but: {reason}");
        say_skipped(&format!("it needs {name}, but: {reason}"));
    }
    is_there
}

/// What a test needs, if it can be had; else as [`require`], for the reason that the error gives.
#[track_caller]
pub fn require_ok<T>(what: Requirement, result: Result<T, String>) -> Option<T> {
    let reason = result.as_ref().err().cloned().unwrap_or_default();
    let _ = require(what, result.is_ok(), &reason);
    result.ok()
}

/// Returns whether the superuser runs the tests.
#[track_caller]
pub fn require_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    require(Requirement::Root, is_root, "another user runs the tests")
}

/// The file of a program along PATH.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Another init to compare with or to show a bug in, if it is installed.
#[track_caller]
pub fn peer(name: &str) -> Option<PathBuf> {
    let file = program(name);
    let _ = require(
        Requirement::Peers,
        file.is_some(),
        &format!("{name} is not installed"),
    );
    file
}

/// Returns whether strace is there to watch system calls and to make them fail, and those that it would see are the
/// init's.
#[track_caller]
pub fn require_strace() -> bool {
    let strace = program("strace");
    !emulator_lacks(Limit::Measures)
        && require(
            Requirement::Strace,
            strace.is_some(),
            "strace is not installed",
        )
}

/// Returns whether this machine lets us make PID namespaces.
#[track_caller]
pub fn require_namespaces() -> bool {
    static REFUSAL: OnceLock<Option<String>> = OnceLock::new();
    let refusal = REFUSAL.get_or_init(|| {
        let Some(unshare) = program("unshare") else {
            return Some("unshare is not installed".to_owned());
        };
        let mut command = Command::new(unshare);
        if !nix::unistd::geteuid().is_root() {
            let _ = command.args(["--user", "--map-root-user"]);
        }
        let tried = command
            .args(["--pid", "--fork", "--mount-proc", "true"])
            .output()
            .unwrap();
        (!tried.status.success()).then(|| String::from_utf8_lossy(&tried.stderr).into_owned())
    });
    require(
        Requirement::Namespaces,
        refusal.is_none(),
        refusal.as_deref().unwrap_or_default(),
    )
}
