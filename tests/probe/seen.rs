//! `seen END [WORD...]`: says what it was started with, a line `seen NAME VALUE` for each thing, and then ends as END
//! says: `exit:STATUS`, `die:SIGNAL`, or `report:STATUS`, which is `report --status STATUS`.
//!
//! Values are those of both sides of a comparison: a process id is `PID` for its own and `PARENT` for that of its
//! parent, and a pipe has no number.

use crate::{kill_self, report, say};
use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{getpgid, getpid, getppid, getsid};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The limits that a test sets, and some that it does not.
const LIMITS: [(&str, Resource); 4] = [
    ("core", Resource::RLIMIT_CORE),
    ("nofile", Resource::RLIMIT_NOFILE),
    ("stack", Resource::RLIMIT_STACK),
    ("sigpending", Resource::RLIMIT_SIGPENDING),
];

pub(crate) fn run(arguments: &[OsString]) -> Result<u8> {
    say_what_is_seen()?;
    let end = arguments.first().and_then(|word| word.to_str());
    let (end, value) = end
        .and_then(|word| word.split_once(':'))
        .context("seen: END:VALUE")?;
    match end {
        "exit" => Ok(value.parse()?),
        "die" => kill_self(&[value.into()]),
        "report" => report::run(&["--status".into(), value.into()]),
        _ => bail!("seen: no end {end}"),
    }
}

fn say_what_is_seen() -> Result<()> {
    let (this, parent) = (getpid(), getppid());
    let role = |pid: &str| {
        if pid == this.to_string() {
            "PID".to_owned()
        } else if pid == parent.to_string() {
            "PARENT".to_owned()
        } else {
            pid.to_owned()
        }
    };
    let mut lines = Vec::new();
    let arguments = std::fs::read("/proc/self/cmdline")?;
    lines.push(format!("arguments {}", arguments.escape_ascii()));
    for entry in std::fs::read("/proc/self/environ")?.split(|byte| *byte == 0) {
        let entry = entry.escape_ascii().to_string();
        let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
        lines.push(format!("environment {name}={}", role(value)));
    }
    for line in std::fs::read_to_string("/proc/self/status")?.lines() {
        let wanted = [
            "SigPnd",
            "ShdPnd",
            "SigBlk",
            "SigIgn",
            "Umask",
            "NoNewPrivs",
            "Seccomp:",
            "CapEff",
        ];
        if wanted.iter().any(|name| line.starts_with(name)) {
            lines.push(line.replace(":\t", " "));
        }
    }
    lines.push(format!("group {}", role(&getpgid(None)?.to_string())));
    let session = getsid(None)?;
    lines.push(format!("session {}", role(&session.to_string())));
    let directory = std::env::current_dir()?;
    lines.push(format!(
        "directory {}",
        directory.as_os_str().as_bytes().escape_ascii()
    ));
    for (name, limit) in LIMITS {
        lines.push(format!("limit {name} {:?}", getrlimit(limit)?));
    }
    let mut open: Vec<(u32, String)> = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        // The descriptor that the directory is read through is nobody's.
        if let (Ok(file), Some(name)) = (path.read_link(), path.file_name()) {
            let file = file.display().to_string();
            let file = file
                .split_once(":[")
                .map_or(file.as_str(), |(kind, _)| kind);
            if !file.starts_with("/proc/") {
                open.push((name.to_string_lossy().parse()?, file.to_owned()));
            }
        }
    }
    open.sort();
    lines.push(format!("descriptors {open:?}"));
    for line in lines {
        say(&format!("seen {line}"))?;
    }
    Ok(())
}
