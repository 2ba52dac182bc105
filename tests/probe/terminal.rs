//! `probe terminal [WORD...]`: a program at a terminal that tells what it sees of it.
//!
//! It says `ready` and its place: process, group, session and the terminal's foreground group. Then it says
//! `got NAME from kernel` or `got NAME from process` for each signal that it receives of those that a
//! terminal or an init sends and that do not stop it. SIGTERM ends it with status 0.
//! With the word `reading` it also reads lines: `where` makes it tell its place again, `exit N` ends it, and
//! any other line comes back as `read: LINE`; at the end of input it ends with status 0.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::fd::AsFd as _;

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{getpgrp, getpid, getsid, tcgetpgrp};

/// The signals it tells of.
const TOLD: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Where this process stands: its id, its group, its session and the terminal's foreground group, or `none`.
fn place() -> Result<String> {
    let terminal = std::fs::File::open("/dev/tty");
    let foreground = match &terminal {
        Ok(terminal) => tcgetpgrp(terminal.as_fd()),
        Err(_) => tcgetpgrp(std::io::stdin().as_fd()),
    };
    let foreground = foreground.map_or_else(|_| "none".to_owned(), |group| group.to_string());
    Ok(format!(
        "{} {} {} {foreground}",
        getpid(),
        getpgrp(),
        getsid(None)?
    ))
}

/// Writes one line to standard output, and does not care whether it arrives: the terminal may be gone.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| output.flush());
}

/// Runs the subcommand and returns the exit status.
///
/// # Errors
/// What no terminal test expects to fail.
pub(crate) fn run(words: &[OsString]) -> Result<u8> {
    let has = |word: &str| words.iter().any(|one| one == word);
    let told: SigSet = TOLD.into_iter().collect();
    told.thread_block()?;
    let signals = SignalFd::with_flags(&told, SfdFlags::SFD_CLOEXEC)?;
    let input = std::io::stdin();
    let mut pending = Vec::new();
    say(&format!("ready {}", place()?));
    loop {
        let mut polled = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if has("reading") {
            polled.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        let _ = poll(&mut polled, PollTimeout::NONE);
        let is_ready = |at: usize| polled.get(at).is_some_and(|fd| fd.any() == Some(true));
        let (signal_came, input_came) = (is_ready(0), is_ready(1));
        if signal_came && let Some(info) = signals.read_signal()? {
            let signal = Signal::try_from(i32::try_from(info.ssi_signo)?)?;
            let sender = if info.ssi_code > 0 {
                "kernel"
            } else {
                "process"
            };
            say(&format!("got {signal} from {sender}"));
            if signal == Signal::SIGTERM {
                return Ok(0);
            }
        }
        if input_came {
            let mut buffer = [0; 256];
            let count = nix::unistd::read(&input, &mut buffer).context("read")?;
            if count == 0 {
                return Ok(0);
            }
            pending.extend_from_slice(buffer.get(..count).unwrap_or_default());
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                match line.split_once(' ') {
                    Some(("exit", status)) => return Ok(status.parse()?),
                    _ if line == "where" => say(&format!("here {}", place()?)),
                    _ => say(&format!("read: {line}")),
                }
            }
        }
    }
}
