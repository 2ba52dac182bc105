//! `report [--count N] [--status N] [--group PID] [--user UID]`: says `ready PID` and then one line for each signal that it gets,
//! `got SIGTERM from 17 value 0`. All signals are blocked and read from a descriptor, so none is lost
//! and none kills it. It joins the process group and becomes the user
//! first if asked to. It exits when standard input says `quit` or after N signals.

use crate::{number, raw, say, say_ready, signals};
use anyhow::{Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, Uid};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

/// The size of `struct signalfd_siginfo`, signalfd(2).
const RECORD: usize = 128;

/// The `si_code` of kill(2), sigqueue(3) and tgkill(2), sigaction(2).
const SI_USER: i32 = 0;
const SI_QUEUE: i32 = -1;
const SI_TKILL: i32 = -6;

pub(crate) fn run(arguments: &[OsString]) -> Result<u8> {
    let mut left = None;
    let mut status = 0;
    for (index, option) in arguments.iter().enumerate().step_by(2) {
        match option.to_str() {
            Some("--count") => left = Some(number::<u64>(arguments, index + 1)?),
            Some("--status") => status = number(arguments, index + 1)?,
            Some("--group") => {
                let group = Pid::from_raw(number(arguments, index + 1)?);
                nix::unistd::setpgid(Pid::from_raw(0), group)?;
            }
            Some("--user") => {
                let user = Uid::from_raw(number(arguments, index + 1)?);
                nix::unistd::setresuid(user, user, user)?;
            }
            _ => bail!("report: no option {}", option.display()),
        }
    }
    raw::set_signal_mask(u64::MAX)?;
    let mut received = File::from(raw::signal_descriptor(u64::MAX)?);
    say_ready()?;
    let input = std::io::stdin();
    let mut typed: Vec<u8> = Vec::new();
    let mut input_is_open = true;
    while left != Some(0) {
        let mut descriptors = vec![PollFd::new(received.as_fd(), PollFlags::POLLIN)];
        if input_is_open {
            descriptors.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        let _ = poll(&mut descriptors, PollTimeout::NONE)?;
        let has_news: Vec<bool> = descriptors
            .iter()
            .map(|one: &PollFd<'_>| one.any().unwrap_or_default())
            .collect();
        if has_news[0] {
            let mut record = [0; RECORD];
            received.read_exact(&mut record)?;
            say(&describe(&record))?;
            left = left.map(|count| count - 1);
        } else if has_news.get(1) == Some(&true) {
            let mut buffer = [0; 64];
            // Unbuffered, or poll(2) would not know of what is left in the buffer.
            let length = nix::unistd::read(input.as_fd(), &mut buffer).unwrap_or(0);
            input_is_open = length > 0;
            typed.extend(&buffer[..length]);
            if typed
                .split(|byte| *byte == b'\n')
                .any(|line| line == b"quit")
            {
                break;
            }
        }
    }
    Ok(status)
}

/// The line for one signal. Only what a process sent has a sender, and only what it queued a value.
fn describe(record: &[u8; RECORD]) -> String {
    let word = |index: usize| -> [u8; 4] {
        let mut word = [0; 4];
        word.copy_from_slice(&record[index..index + 4]);
        word
    };
    let (signal, code, sender) = (
        i32::from_ne_bytes(word(0)),
        i32::from_ne_bytes(word(8)),
        u32::from_ne_bytes(word(12)),
    );
    let mut pointer = [0; 8];
    pointer.copy_from_slice(&record[48..56]);
    let (sender, value) = match code {
        SI_USER | SI_TKILL => (sender, 0),
        // For a 32-bit program the kernel extends the sign.
        SI_QUEUE => (sender, u64::from_ne_bytes(pointer) & usize::MAX as u64),
        _ => (0, 0),
    };
    format!("got {} from {sender} value {value}", signals::name(signal))
}
