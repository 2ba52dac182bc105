//! The main child: it says which signals arrive, `got SIGNAL CODE VALUE`, a line each, and tells the load of those
//! that came from it. On `quit` it lets the load end, says `over STATUS`, and ends with SIGTERM.

use crate::hostile::STUBBORN;
use crate::{Source, raw};
use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, waitpid};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// The size of `struct signalfd_siginfo`, signalfd(2).
pub(crate) const RECORD: usize = 128;

/// The `si_code` of sigqueue(3), sigaction(2).
pub(crate) const SI_QUEUE: i32 = -1;

/// The status that it ends with when all is in order.
pub(crate) const STATUS: i32 = 42;

/// One signal: its number, its code and its value.
pub(crate) fn parse(record: &[u8]) -> (i32, i32, usize) {
    let word = |index: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&record[index..index + 4]);
        i32::from_ne_bytes(word)
    };
    let mut pointer = [0; 8];
    pointer.copy_from_slice(&record[48..56]);
    let value = u64::from_ne_bytes(pointer);
    (word(0), word(8), usize::try_from(value).unwrap_or(0))
}

pub(crate) fn run(seed: u64) -> Result<i32> {
    raw::set_signal_mask(u64::MAX)?;
    let mut received = File::from(raw::signal_descriptor(u64::MAX)?);
    for kind in STUBBORN {
        drop(
            Command::new(std::env::current_exe()?)
                .args(["stubborn", kind])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()?,
        );
    }
    let mut load = Command::new(std::env::current_exe()?)
        .args(["load", &seed.to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut acknowledgements = load.stdin.take();
    let mut output = std::io::stdout();
    let input = std::io::stdin();
    let inside = Source::Inside.standard();
    let mut is_over = false;
    output.write_all(b"ready\n")?;
    loop {
        let mut descriptors = vec![PollFd::new(received.as_fd(), PollFlags::POLLIN)];
        if acknowledgements.is_some() {
            descriptors.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        let _ = poll(&mut descriptors, PollTimeout::NONE)?;
        let is_asked = |one: Option<&PollFd<'_>>| one.is_some_and(|one| one.any() == Some(true));
        let (has_signals, has_input) =
            (is_asked(descriptors.first()), is_asked(descriptors.get(1)));
        if has_signals {
            let mut records = [0; 64 * RECORD];
            let length = received.read(&mut records)?;
            let mut lines = String::new();
            let mut ours = Vec::new();
            let mut is_asked_to_end = false;
            for record in records[..length].chunks(RECORD) {
                let (signal, code, value) = parse(record);
                if signal == libc::SIGCHLD {
                    let load = nix::unistd::Pid::from_raw(load.id().cast_signed());
                    // Stopped or continued is not dead.
                    let status = waitpid(load, Some(WaitPidFlag::WNOHANG));
                    if let Ok(nix::sys::wait::WaitStatus::Exited(_, status)) = status {
                        writeln!(lines, "over {status}")?;
                        is_over = true;
                    }
                    continue;
                }
                writeln!(lines, "got {signal} {code} {value}")?;
                is_asked_to_end |= signal == libc::SIGTERM;
                let is_queued = code == SI_QUEUE && crate::REAL_TIME.contains(&signal);
                if inside.contains(&signal) || (is_queued && Source::of(value).0 == Source::Inside)
                {
                    ours.push(u8::try_from(signal)?);
                }
            }
            output.write_all(lines.as_bytes())?;
            if let Some(pipe) = &mut acknowledgements {
                pipe.write_all(&ours).context("the load is gone")?;
            }
            if is_over && is_asked_to_end {
                return Ok(STATUS);
            }
        } else if has_input {
            acknowledgements = None;
            if nix::unistd::read(input.as_fd(), &mut [0; 64])? == 0 {
                // Without a checker there is nothing left to do.
                return Ok(1);
            }
        }
    }
}
