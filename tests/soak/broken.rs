//! `broken KIND -- COMMAND [ARGUMENT...]`: inits with one fault each, which the checker has to find, and one of
//! kind `sound` with none, in which it must find nothing.

use crate::app::{RECORD, SI_QUEUE, parse};
use crate::raw;
use anyhow::{Context, Result, bail};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::process::Command;

/// How many signals go by between two faults.
const EVERY: u64 = 100;

pub(crate) fn run(arguments: &[OsString]) -> Result<i32> {
    let [kind, _, program, rest @ ..] = arguments else {
        bail!("broken KIND -- COMMAND [ARGUMENT...]");
    };
    let kind = kind.to_str().context("a kind of fault")?;
    let kinds = [
        "sound",
        "reaps-one-at-a-time",
        "drops-signals",
        "drops-values",
        "leaks-descriptors",
        "leaks-memory",
        "ends-with-another-status",
        "speaks",
    ];
    if !kinds.contains(&kind) {
        bail!("no fault {kind}, expected one of {kinds:?}");
    }
    raw::set_signal_mask(u64::MAX)?;
    let mut received = File::from(raw::signal_descriptor(u64::MAX)?);
    let child = Command::new(program).args(rest).spawn()?.id().cast_signed();
    let mut leaked_files = Vec::new();
    let mut leaked_memory = Vec::new();
    let mut count: u64 = 0;
    loop {
        let mut record = [0; RECORD];
        received.read_exact(&mut record)?;
        let (signal, code, value) = parse(&record);
        if signal == libc::SIGCHLD {
            loop {
                let any = nix::unistd::Pid::from_raw(-1);
                let (pid, status) = match waitpid(any, Some(WaitPidFlag::WNOHANG)) {
                    Ok(WaitStatus::Exited(pid, status)) => (pid, status),
                    Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                    Ok(WaitStatus::StillAlive) | Err(_) => break,
                    Ok(_) => continue,
                };
                if pid.as_raw() == child {
                    return Ok(status + i32::from(kind == "ends-with-another-status"));
                }
                if kind == "reaps-one-at-a-time" {
                    break;
                }
            }
            continue;
        }
        count += 1;
        let is_time = count.is_multiple_of(EVERY);
        match kind {
            "drops-signals" if is_time => continue,
            "leaks-descriptors" if is_time => leaked_files.push(File::open("/dev/null")?),
            "leaks-memory" if is_time => leaked_memory.push(vec![1_u8; 4096]),
            "speaks" if is_time => eprintln!("soak: {count} signals"),
            _ => {}
        }
        let sent = if code == SI_QUEUE && kind != "drops-values" {
            raw::queue(child, signal, value)
        } else {
            raw::kill(child, signal)
        };
        sent.with_context(|| format!("signal {signal}"))?;
    }
}
