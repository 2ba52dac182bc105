//! System calls about time.
//!
//! # Safety
//! The kernel is told of memory only through references that live until it returns.
#![expect(unsafe_code, reason = "this is the kernel's door")]

use super::Result;
use super::call::{Sysno, register, success, syscall, to_int};
use super::file;
use crate::posix::time::{Instant, Milliseconds, Tick};

/// The kernel's `struct timespec`: two `long`s in the calls here, on every architecture. Those with 64-bit
/// seconds for 32-bit machines need Linux 5.1, and no time here is long enough to need them.
#[repr(C)]
pub(super) struct Timespec {
    seconds: isize,
    nanoseconds: isize,
}

/// A length of time as the kernel takes it.
pub(super) fn timespec(Milliseconds(length): Milliseconds) -> Timespec {
    let number = |number: u32| isize::try_from(number).unwrap_or(isize::MAX);
    Timespec {
        seconds: number(length / 1000),
        nanoseconds: number((length % 1000).wrapping_mul(1_000_000)),
    }
}

/// Reads `CLOCK_MONOTONIC`: `clock_gettime(2)`.
///
/// # Errors
/// None that the kernel gives; a sandbox may refuse.
pub fn monotonic() -> Result<Instant> {
    let (seconds, milliseconds) = clock_gettime(libc::CLOCK_MONOTONIC)?;
    let seconds = u64::from(seconds).wrapping_mul(1000);
    Ok(Instant::new(seconds.wrapping_add(milliseconds.into())))
}

/// Reads `CLOCK_BOOTTIME`: `clock_gettime(2)`.
///
/// # Errors
/// None that the kernel gives; a sandbox may refuse.
pub fn tick() -> Result<Tick> {
    let (seconds, milliseconds) = clock_gettime(libc::CLOCK_BOOTTIME)?;
    let hundredths = u64::from(seconds).wrapping_mul(100);
    Ok(Tick::new(
        hundredths.wrapping_add((milliseconds / 10).into()),
    ))
}

/// Reads `CLOCK_REALTIME`: `clock_gettime(2)`. Returns the seconds since 1970-01-01 UTC, good until 2106,
/// and milliseconds; 0 and 0 where a sandbox refuses.
#[must_use]
pub fn realtime() -> (u32, u32) {
    clock_gettime(libc::CLOCK_REALTIME).unwrap_or_default()
}

fn clock_gettime(clock: libc::clockid_t) -> Result<(u32, u32)> {
    let mut time = timespec(Milliseconds(0));
    let time_address = &raw mut time;
    // SAFETY: `time` is a timespec.
    success(unsafe { syscall!(Sysno::clock_gettime, register(clock), time_address) })?;
    // Seconds are cut to 32 bits, nanoseconds fit them.
    let number = |number: isize| to_int(number.cast_unsigned()).cast_unsigned();
    Ok((number(time.seconds), number(time.nanoseconds) / 1_000_000))
}

/// Sleeps: ppoll(2) with nothing to poll.
pub fn sleep(length: Milliseconds) {
    // Where a sandbox refuses, there is no sleep.
    let _ = file::ppoll(&mut [], length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::time::{ClockId, clock_gettime};

    #[test]
    fn both_clocks_run_with_those_of_the_c_library() {
        let before = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
        let now = monotonic().unwrap();
        let after = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
        let instant = |time: nix::sys::time::TimeSpec| {
            let milliseconds = time.tv_sec() * 1000 + time.tv_nsec() / 1_000_000;
            Instant::new(u64::try_from(milliseconds).unwrap())
        };
        assert!(instant(before) <= now && now <= instant(after));

        let before = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
        let (seconds, milliseconds) = realtime();
        let after = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
        assert!((before.tv_sec()..=after.tv_sec()).contains(&seconds.into()));
        assert!(milliseconds < 1000);
    }

    /// A process that is born between two readings is born in one of their ticks, or between them.
    #[test]
    fn a_tick_is_what_births_are_counted_in() {
        let before = tick().unwrap();
        let mut born = std::process::Command::new("true").spawn().unwrap();
        let after = tick().unwrap();
        let text = std::fs::read(format!("/proc/{}/stat", born.id())).unwrap();
        let started = crate::proc_files::ProcessStat::parse(&text)
            .and_then(|stat| stat.started)
            .unwrap();
        assert!(
            (before..=after).contains(&started),
            "{before:?} {started:?} {after:?}"
        );
        let _ = born.wait().unwrap();
    }

    #[test]
    fn a_sleep_is_as_long_as_it_says() {
        let before = monotonic().unwrap();
        sleep(Milliseconds(20));
        assert!(monotonic().unwrap().since(before) >= Milliseconds(20));
    }
}
