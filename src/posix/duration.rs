//! Lengths of time as options spell them and points of the monotonic clock.

use crate::text::parse_decimal;

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milliseconds(pub u32);

impl Milliseconds {
    /// The longest length an option may ask for: 24 hours.
    pub const LONGEST: Self = Self(86_400_000);

    /// Reads `10` (seconds), `10s`, `1500ms` or `2m`, at most 24 hours (contract 6.7); `None` for
    /// anything else.
    ///
    /// ```
    /// # use pidling::posix::duration::Milliseconds;
    /// assert_eq!(Milliseconds::parse(b"1500ms"), Some(Milliseconds(1500)));
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (digits, in_unit) = match text {
            [digits @ .., b'm', b's'] => (digits, 1),
            [digits @ .., b'm'] => (digits, 60_000),
            [digits @ .., b's'] | digits => (digits, 1000),
        };
        let length = Self(parse_decimal(digits)?.saturating_mul(in_unit));
        (length <= Self::LONGEST).then_some(length)
    }
}

/// A point of time: a reading of `CLOCK_MONOTONIC`, `clock_gettime(2)`, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// A point of time that has always come.
    pub const EVER: Self = Self(0);

    /// A point of time that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// A reading in milliseconds.
    #[must_use]
    pub const fn new(reading: u64) -> Self {
        Self(reading)
    }

    /// This point of time, which is not [`Self::NEVER`], `length` later.
    #[must_use]
    pub fn after(self, Milliseconds(length): Milliseconds) -> Self {
        Self(self.0.wrapping_add(length.into()))
    }

    /// How long after `earlier` this point of time is; zero when it is before, and at most 49 days.
    #[must_use]
    pub fn since(self, earlier: Self) -> Milliseconds {
        let length = self.0.saturating_sub(earlier.0);
        Milliseconds(u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// How long it is from `now` to this point of time, which is less than 49 days away; zero when it has come.
    #[must_use]
    pub fn until(self, now: Self) -> Milliseconds {
        let [a, b, c, d, ..] = self.0.saturating_sub(now.0).to_le_bytes();
        Milliseconds(u32::from_le_bytes([a, b, c, d]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(
            Milliseconds::parse(text.as_bytes()),
            expected.map(Milliseconds),
            "{text:?}"
        );
    }

    #[test]
    fn durations_are_seconds_unless_a_unit_says_otherwise() {
        check("0", Some(0));
        check("10", Some(10_000));
        check("10s", Some(10_000));
        check("1500ms", Some(1500));
        check("2m", Some(120_000));
        check("007s", Some(7000));
    }

    #[test]
    fn twenty_four_hours_are_the_limit() {
        check("1440m", Some(86_400_000));
        check("86400", Some(86_400_000));
        check("86400001ms", None);
        check("1441m", None);
        check("86401s", None);
        check("99999999999999999999", None);
        check("4294967295m", None);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "s", "ms", "-1", "+1", "1h", "1h30", "1.5s", "1 s", " 1", "1S", "1mss", "0x1",
            "1\0",
        ] {
            check(text, None);
        }
    }
}
