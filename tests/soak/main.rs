//! Random load on an init that is process 1, for as long as one likes, and a checker that watches it:
//! `soak [--seconds N] [--seed N] [-- INIT [ARGUMENT...]]`. It ends with 0 if the init has lost no signal, left no
//! zombie lying about, grown nowhere and ended in order.
//!
//! Three processes take part. The checker, outside, signals, stops, freezes and traces the init and its main
//! child. The main child (`app`) reports every signal that arrives. Its child (`load`) makes children and orphans
//! of all kinds, and signals the init from inside.
//!
//! The load also gets in the way of the init's log and of what it reads, and some processes (`stubborn`) are left to be
//! killed at the deadline. The seed decides as well whether the init logs everything, to a reader that sleeps, and which
//! system calls a filter of seccomp(2) refuses to it.
//!
//! Every signal says what it is: a real-time one carries its sender and its number in the sequence, and a
//! standard one is not sent again before it has arrived, because the kernel keeps only one of a kind.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a soak that panics has failed, as it should"
)]

mod app;
mod broken;
mod checker;
mod freezer;
mod hostile;
mod load;
mod random;
#[expect(dead_code, reason = "the probe needs more of it")]
#[path = "../probe/raw.rs"]
mod raw;

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// The real-time signals: values and order count, and none may be lost. C libraries keep 32 and 33 to
/// themselves, the kernel does not.
pub(crate) const REAL_TIME: RangeInclusive<i32> = 32..=64;

/// Signals that cancel each other while they are pending, signal(7): one at a time, from outside.
pub(crate) const JOB_CONTROL: [i32; 4] =
    [libc::SIGCONT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Who sends a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The checker.
    Outside,
    /// The load.
    Inside,
}

impl Source {
    /// The value of a real-time signal; 32 bits, because that is all that some architectures have.
    pub(crate) const fn value(self, sequence: usize) -> usize {
        match self {
            Self::Outside => sequence,
            Self::Inside => sequence | 1 << 31,
        }
    }

    /// The source that a value names, and the number in its sequence.
    pub(crate) const fn of(value: usize) -> (Self, usize) {
        let sequence = value & !(1 << 31);
        if sequence == value {
            (Self::Outside, sequence)
        } else {
            (Self::Inside, sequence)
        }
    }

    /// The standard signals that this source alone sends, without those of job control and SIGTERM, which is for the end.
    pub(crate) fn standard(self) -> Vec<i32> {
        let other = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD, libc::SIGTERM];
        (1..32)
            .filter(|signal| !other.contains(signal) && !JOB_CONTROL.contains(signal))
            .filter(|signal| (signal % 2 == 0) == (self == Self::Outside))
            .collect()
    }
}

/// The argument as a number.
fn number(word: Option<&OsString>) -> Result<u64> {
    let number = word.and_then(|word| word.to_str()?.parse().ok());
    number.context("expected a number")
}

fn main() -> Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let status = match arguments.first().and_then(|word| word.to_str()) {
        Some("app") => app::run(number(rest.first())?)?,
        Some("load") => load::run(number(rest.first())?)?,
        Some("broken") => broken::run(rest)?,
        Some("refuse") => hostile::refuse(rest)?,
        Some("stubborn") => hostile::stubborn(rest)?,
        _ => {
            let mut plan = checker::Plan::default();
            let mut words = arguments.iter();
            while let Some(word) = words.next() {
                match word.to_str() {
                    Some("--seconds") => plan.seconds = number(words.next())?,
                    Some("--seed") => plan.seed = number(words.next())?,
                    Some("--") => {
                        plan.init = words.by_ref().cloned().collect();
                        if plan.init.is_empty() {
                            bail!("no init after --");
                        }
                    }
                    _ => bail!(
                        "no option {}, expected --seconds, --seed or --",
                        word.display()
                    ),
                }
            }
            checker::run(&plan)?
        }
    };
    std::process::exit(status)
}
