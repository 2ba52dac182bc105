//! What tests need of the machine: a skip says why, and REQUIRE makes it a failure.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Returns whether what a test needs is there. If not, says why the test is skipped, or fails it when
/// the variable REQUIRE names `what`.
#[track_caller]
pub fn require(what: &str, is_there: bool, reason: &str) -> bool {
    if !is_there {
        let required = std::env::var("REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|word| word == what),
            "REQUIRE names {what}, but: {reason}"
        );
        let test = std::thread::current();
        let test = test.name().unwrap_or("a test").to_owned();
        eprintln!("skipped {test}: it needs {what}, but: {reason}");
    }
    is_there
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
    let _ = require("peers", file.is_some(), &format!("{name} is not installed"));
    file
}

/// Returns whether strace is there to watch system calls and to make them fail.
#[track_caller]
pub fn require_strace() -> bool {
    let strace = program("strace");
    require("strace", strace.is_some(), "strace is not installed")
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
        "namespaces",
        refusal.is_none(),
        refusal.as_deref().unwrap_or_default(),
    )
}
