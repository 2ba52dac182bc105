//! The program that the integration tests run under the init: it reports what reaches it, and plays the
//! children that an init has to cope with. `probe SUBCOMMAND [ARGUMENT...]`, one function each.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a probe that panics fails its test, as it should"
)]

mod crowd;
mod launch;
mod raw;
mod report;
mod seen;
mod shutdown;
mod signals;
mod terminal;

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A subcommand: its arguments in, its exit status out.
type Subcommand = fn(&[OsString]) -> Result<u8>;

/// The subcommands by name.
const SUBCOMMANDS: &[(&str, Subcommand)] = &[
    ("app", shutdown::app),
    ("argv", argv),
    ("census", crowd::census),
    ("chain", crowd::chain),
    ("daemonize", daemonize),
    ("drain", drain),
    ("env", env),
    ("exit", exit),
    ("fds", fds),
    ("hold-exec", crowd::hold_exec),
    ("hold-pipe", crowd::hold_pipe),
    ("ignore", ignore),
    ("kill-self", kill_self),
    ("launch", launch::run),
    ("orphans", orphans),
    ("reborn", crowd::reborn),
    ("report", report::run),
    ("seen", seen::run),
    ("send", send),
    ("slay", crowd::slay),
    ("status", status),
    ("terminal", terminal::run),
    ("tree", crowd::tree),
    ("zombies", crowd::zombies),
];

fn main() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (name, arguments) = arguments.split_first().context("no subcommand")?;
    let (_, run) = SUBCOMMANDS
        .iter()
        .find(|(known, _)| *known == name)
        .with_context(|| format!("no subcommand {}", name.display()))?;
    std::process::exit(run(arguments)?.into())
}

/// Writes one line in one go, so that lines of several processes never mix.
pub(crate) fn say(line: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("{line}\n").as_bytes())?;
    Ok(output.flush()?)
}

/// Says `ready PID`.
pub(crate) fn say_ready() -> Result<()> {
    say(&format!("ready {}", std::process::id()))
}

/// The argument as a number.
pub(crate) fn number<T: std::str::FromStr>(arguments: &[OsString], index: usize) -> Result<T> {
    arguments
        .get(index)
        .and_then(|word| word.to_str())
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("argument {} is to be a number", index + 1))
}

/// `argv WORD...`: prints each argument as its length and its bytes in hexadecimal, a line each.
fn argv(arguments: &[OsString]) -> Result<u8> {
    for word in arguments {
        say(&hexadecimal(word.as_bytes()))?;
    }
    Ok(0)
}

/// The length of some bytes and their values.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = format!("{}:", bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `env`: prints each entry of the environment, in its order, as `argv` does.
fn env(_: &[OsString]) -> Result<u8> {
    let entries = std::fs::read("/proc/self/environ")?;
    for entry in entries.split_inclusive(|byte| *byte == 0) {
        say(&hexadecimal(entry.strip_suffix(b"\0").unwrap_or(entry)))?;
    }
    Ok(0)
}

/// `status`: prints `/proc/self/status`.
fn status(_: &[OsString]) -> Result<u8> {
    print!("{}", std::fs::read_to_string("/proc/self/status")?);
    Ok(0)
}

/// `daemonize STATUS STEP...`: starts `app daemon STEP...` as a process of its own, and exits with the status once
/// that is ready, as a program does that puts itself into the background.
fn daemonize(arguments: &[OsString]) -> Result<u8> {
    let status = number(arguments, 0)?;
    let mut daemon = Command::new(std::env::current_exe()?)
        .args(["app", "daemon"])
        .args(arguments.iter().skip(1))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ready = String::new();
    let output = daemon.stdout.take().context("a pipe")?;
    let _ = BufReader::new(output).read_line(&mut ready)?;
    say(ready.trim_end())?;
    Ok(status)
}

/// `exit N`: exits with status N.
fn exit(arguments: &[OsString]) -> Result<u8> {
    number(arguments, 0)
}

/// `kill-self SIGNAL`: dies of the signal without a core file, or says `alive` if it did not.
fn kill_self(arguments: &[OsString]) -> Result<u8> {
    let signal = signals::parse(arguments.first().context("no signal")?)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0)?;
    if !signals::is_uncatchable(signal) {
        raw::set_disposition(signal, raw::Disposition::Default)?;
    }
    raw::set_signal_mask(0)?;
    raw::kill(std::process::id().cast_signed(), signal)?;
    say("alive")?;
    Ok(0)
}

/// `send PID SIGNAL [VALUE]`: sends a signal, queued with the value if there is one, after it has
/// said `sender PID`.
fn send(arguments: &[OsString]) -> Result<u8> {
    let target: i32 = number(arguments, 0)?;
    let signal = signals::parse(arguments.get(1).context("no signal")?)?;
    say(&format!("sender {}", std::process::id()))?;
    if arguments.len() > 2 {
        raw::queue(target, signal, number(arguments, 2)?)?;
    } else {
        raw::kill(target, signal)?;
    }
    Ok(0)
}

/// `fds`: prints each open descriptor and what it is, `0 pipe:[17]`, a line each.
fn fds(_: &[OsString]) -> Result<u8> {
    let listed: Vec<_> = std::fs::read_dir("/proc/self/fd")?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    let mut open = Vec::new();
    for path in listed {
        // The descriptor that the directory was read through is closed by now.
        if let (Ok(file), Some(name)) = (path.read_link(), path.file_name()) {
            let descriptor: u32 = name.to_string_lossy().parse()?;
            open.push((descriptor, file));
        }
    }
    open.sort();
    for (descriptor, file) in open {
        say(&format!("{descriptor} {}", file.display()))?;
    }
    Ok(0)
}

/// `ignore SIGNAL...`: ignores the signals, says `ready PID` and sleeps until it is killed.
fn ignore(arguments: &[OsString]) -> Result<u8> {
    for word in arguments {
        raw::set_disposition(signals::parse(word)?, raw::Disposition::Ignore)?;
    }
    say_ready()?;
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// `drain SECONDS [STATUS]`: says `ready PID`; on SIGTERM says `draining`, goes on for that long, says
/// `done` and exits with the status.
fn drain(arguments: &[OsString]) -> Result<u8> {
    let seconds: f64 = number(arguments, 0)?;
    let status = if arguments.len() > 1 {
        number(arguments, 1)?
    } else {
        0
    };
    let mut terminations = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    say_ready()?;
    let _ = terminations.forever().next();
    say("draining")?;
    std::thread::sleep(Duration::from_secs_f64(seconds));
    say("done")?;
    Ok(status)
}

/// `orphans N [STATUS]`: makes N grandchildren that outlive their parents and exit at once, says
/// `ready PID`, waits for the end of standard input, and exits with the status.
fn orphans(arguments: &[OsString]) -> Result<u8> {
    let count: u32 = number(arguments, 0)?;
    let status = if arguments.len() > 1 {
        number(arguments, 1)?
    } else {
        0
    };
    for _ in 0..count {
        raw::make_orphan()?;
    }
    say_ready()?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(status)
}
