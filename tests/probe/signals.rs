//! Names of signals, for all 64.

use anyhow::{Context, Result};
use std::ffi::OsStr;

/// The first real-time signal that C libraries give away.
const RTMIN: i32 = 34;

/// The number of a signal given by number or name, with or without `SIG`, `RTMIN+n` among them.
pub(crate) fn parse(word: &OsStr) -> Result<i32> {
    let word = word.to_str().context("a signal is UTF-8")?;
    if let Ok(number) = word.parse() {
        return Ok(number);
    }
    let name = word.strip_prefix("SIG").unwrap_or(word);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return Ok(RTMIN + offset.parse::<i32>()?);
    }
    let known: nix::sys::signal::Signal = format!("SIG{name}").parse()?;
    Ok(known as i32)
}

/// The signals of a list with commas, or of `all`, as a mask.
pub(crate) fn parse_mask(list: &OsStr) -> Result<u64> {
    if list == "all" {
        return Ok(u64::MAX);
    }
    let list = list.to_str().context("a list of signals is UTF-8")?;
    list.split(',')
        .try_fold(0, |mask, word| Ok(mask | 1 << (parse(word.as_ref())? - 1)))
}

/// The name of a signal: `SIGTERM`, `SIGRTMIN+3`, or `SIG32` where there is none.
pub(crate) fn name(number: i32) -> String {
    if let Ok(known) = nix::sys::signal::Signal::try_from(number) {
        known.as_str().to_owned()
    } else if number >= RTMIN {
        format!("SIGRTMIN+{}", number - RTMIN)
    } else {
        format!("SIG{number}")
    }
}

/// Whether nobody can block, catch or ignore the signal.
pub(crate) fn is_uncatchable(number: i32) -> bool {
    matches!(number, libc::SIGKILL | libc::SIGSTOP)
}
