//! Lengths of time as options spell them, points of the monotonic clock, and ticks, in which births are counted.

use crate::bytes::parse_decimal_u32;

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Milliseconds(pub u32);

impl Milliseconds {
    /// Reads `10` (seconds), `10s`, `1500ms`, `2m` or `1h` (contract 6.7), at most `longest`; `None` for
    /// anything else.
    ///
    /// ```
    /// # use pidling::posix::time::Milliseconds;
    /// assert_eq!(Milliseconds::parse(b"1500ms", Milliseconds(2000)), Some(Milliseconds(1500)));
    /// ```
    #[must_use]
    pub fn parse(text: &[u8], longest: Self) -> Option<Self> {
        let (digits, unit) = match text {
            [digits @ .., b'm', b's'] => (digits, 1),
            [digits @ .., b'h'] => (digits, 3_600_000),
            [digits @ .., b'm'] => (digits, 60_000),
            [digits @ .., b's'] | digits => (digits, 1000),
        };
        let length = Self(parse_decimal_u32(digits)?.checked_mul(unit)?);
        (length <= longest).then_some(length)
    }
}

/// A point of time: a reading of `CLOCK_MONOTONIC`, `clock_gettime(2)`, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// A reading in milliseconds since some fixed point, usually the boot.
    #[must_use]
    pub const fn new(reading: u64) -> Self {
        Self(reading)
    }

    /// This point of time, `length` later.
    #[must_use]
    pub fn after(self, Milliseconds(length): Milliseconds) -> Self {
        Self(self.0.saturating_add(length.into()))
    }

    /// How long after `earlier` this point of time is; zero when it is before, and at most 49 days.
    #[must_use]
    pub fn since(self, earlier: Self) -> Milliseconds {
        let length = self.0.saturating_sub(earlier.0);
        Milliseconds(u32::try_from(length).unwrap_or(u32::MAX))
    }
}

/// A point of time as `starttime` has it, `proc_pid_stat(5)`: a reading of `CLOCK_BOOTTIME`, `clock_gettime(2)`, in
/// hundredths of a second. That is the `USER_HZ` of every architecture here, `include/uapi/asm-generic/param.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The last one there is: everybody was born before it.
    pub const LAST: Self = Self(u64::MAX);

    /// A reading in hundredths of a second.
    #[must_use]
    pub const fn new(reading: u64) -> Self {
        Self(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LONGEST_TIME;

    #[track_caller]
    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(
            Milliseconds::parse(text.as_bytes(), LONGEST_TIME),
            expected.map(Milliseconds),
            "{text:?}"
        );
    }

    #[test]
    fn lengths_are_seconds_unless_a_unit_says_otherwise() {
        check("0", Some(0));
        check("10", Some(10_000));
        check("10s", Some(10_000));
        check("1500ms", Some(1500));
        check("2m", Some(120_000));
        check("1h", Some(3_600_000));
        check("007s", Some(7000));
    }

    #[test]
    fn twenty_four_hours_are_the_limit() {
        check("24h", Some(86_400_000));
        check("1440m", Some(86_400_000));
        check("86400", Some(86_400_000));
        check("25h", None);
        check("86400001ms", None);
        check("1441m", None);
        check("86401s", None);
        check("99999999999999999999", None);
        check("4294967295m", None);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "s", "ms", "h", "-1", "+1", "1d", "1h30", "1.5s", "1 s", " 1", "1S", "1H", "1mss",
            "0x1", "1\0",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn points_of_time_are_compared_and_counted() {
        let earlier = Instant::new(1000);
        let later = earlier.after(Milliseconds(500));
        assert_eq!(later.since(earlier), Milliseconds(500));
        assert_eq!(earlier.since(later), Milliseconds(0));
        assert_eq!(
            Instant::new(u64::MAX).since(earlier),
            Milliseconds(u32::MAX)
        );
    }
}
