//! Bytes without a heap: a line buffer over memory of fixed size with decimals and escapes, and the
//! few ways there are to take bytes apart. It replaces `core::fmt`, whose machinery alone is larger
//! than this program.
//!
//! The functions are kept out of line on purpose: each call costs a few bytes, each copy fifty.

/// Text in a buffer. What does not fit is left out and remembered as an overflow.
#[derive(Debug)]
pub struct Text<'a> {
    bytes: &'a mut [u8],
    /// How long the text would be if all had fitted.
    length: usize,
}

impl<'a> Text<'a> {
    /// An empty text with room for as many bytes as there are in `bytes`.
    #[must_use]
    #[inline(never)]
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, length: 0 }
    }

    /// Forgets all that was appended.
    pub const fn clear(&mut self) {
        self.length = 0;
    }

    /// What was appended so far.
    #[must_use]
    #[inline(never)]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(self.bytes)
    }

    /// How many bytes were appended so far, those that did not fit included.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Whether something did not fit.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.length > self.bytes.len()
    }

    /// Appends one byte.
    #[inline(never)]
    pub fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.wrapping_add(1);
    }

    /// Appends bytes as they are.
    #[inline(never)]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(*byte);
        }
    }

    /// Appends a number in decimal.
    #[inline(never)]
    pub fn push_decimal(&mut self, number: u32) {
        self.push_number(number, 10, 1);
    }

    /// Appends a number in a base up to 16, with leading zeros up to `width` digits.
    pub fn push_number(&mut self, number: u32, base: u8, width: u8) {
        let (Some(higher), Some(digit)) = (
            number.checked_div(base.into()),
            number.checked_rem(base.into()),
        ) else {
            return;
        };
        if higher > 0 || width > 1 {
            self.push_number(higher, base, width.saturating_sub(1));
        }
        let [digit, ..] = digit.to_le_bytes();
        let first = if digit < 10 {
            b'0'
        } else {
            b'a'.wrapping_sub(10)
        };
        self.push(first.wrapping_add(digit));
    }
}

/// How many bytes two byte strings have in common at their start.
#[must_use]
pub fn common_start(left: &[u8], right: &[u8]) -> usize {
    let pairs = left.iter().zip(right);
    pairs.take_while(|(left, right)| left == right).count()
}

/// What follows `prefix` in `bytes`; `None` where they do not start with it.
#[inline(never)]
#[must_use]
pub fn after_prefix<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    after_prefix_where(bytes, prefix, 0xff)
}

/// The same where upper-case letters of `prefix` stand for lower-case ones too.
#[inline(never)]
#[must_use]
pub fn after_prefix_of_any_case<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    after_prefix_where(bytes, prefix, 0xdf)
}

/// What follows `prefix` in `bytes`, where they may differ in bits that are neither in `exact` nor in the prefix.
/// So they may in the case of a letter alone, as its bit, 0x20, is set in lower case, digits and signs.
#[inline(never)]
fn after_prefix_where<'a>(bytes: &'a [u8], prefix: &[u8], exact: u8) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(prefix.len())?;
    for (byte, wanted) in start.iter().zip(prefix) {
        if (byte ^ wanted) & (wanted | exact) != 0 {
            return None;
        }
    }
    Some(rest)
}

/// Takes what comes before the first `separator` out of `bytes` and leaves what follows it there. Takes
/// nothing and returns `None` where there is no separator.
#[inline(never)]
#[must_use]
pub fn take_until<'a>(bytes: &mut &'a [u8], separator: u8) -> Option<&'a [u8]> {
    let (taken, rest) =
        bytes.split_at_checked(bytes.iter().position(|byte| *byte == separator)?)?;
    *bytes = rest.get(1..)?;
    Some(taken)
}

/// Takes what comes before the first `separator` out of `bytes` and leaves what follows it there; takes all where
/// there is no separator.
#[inline(never)]
#[must_use]
pub fn take_part<'a>(bytes: &mut &'a [u8], separator: u8) -> &'a [u8] {
    take_until(bytes, separator).unwrap_or_else(|| {
        let all = *bytes;
        *bytes = all.get(..0).unwrap_or_default();
        all
    })
}

/// The part of `bytes` at `index`, where each part ends with `separator`; empty past the last.
#[inline(never)]
#[must_use]
pub fn nth(bytes: &[u8], separator: u8, index: u8) -> &[u8] {
    take_part(&mut skip(bytes, separator, index), separator)
}

/// What follows the first `count` parts of `bytes`, each of which ends with `separator`.
#[inline(never)]
#[must_use]
pub fn skip(mut bytes: &[u8], separator: u8, count: u8) -> &[u8] {
    for _ in 0..count {
        let _ = take_part(&mut bytes, separator);
    }
    bytes
}

/// Reads a decimal number: digits only, at least one, at most what fits 32 bits.
#[inline(never)]
#[must_use]
pub fn parse_decimal(text: &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    let mut rest = text;
    loop {
        let (byte, more) = rest.split_first()?;
        rest = more;
        number = number.checked_mul(10)?.checked_add(digit(*byte)?)?;
        if rest.is_empty() {
            return Some(number);
        }
    }
}

fn digit(byte: u8) -> Option<u32> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Text<'_>), expected: &str) {
        let mut buffer = [0; 24];
        let text = &mut Text::new(&mut buffer);
        write(text);
        assert_eq!(str::from_utf8(text.as_bytes()).unwrap(), expected);
        assert!(!text.overflowed());
    }

    #[test]
    fn numbers_are_decimal() {
        check(|text| text.push_decimal(0), "0");
        check(|text| text.push_decimal(10), "10");
        check(|text| text.push_decimal(u32::MAX), "4294967295");
        check(|text| text.push_number(7, 10, 3), "007");
        check(|text| text.push_number(1234, 10, 3), "1234");
        check(|text| text.push_number(0x0f, 16, 2), "0f");
        check(|text| text.push_number(0xa0, 16, 2), "a0");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_remembered() {
        let mut buffer = [0; 3];
        let text = &mut Text::new(&mut buffer);
        text.push_bytes(b"abc");
        assert!(!text.overflowed());
        text.push(b'd');
        assert!(text.overflowed());
        assert_eq!(text.as_bytes(), b"abc");
        text.clear();
        assert!(!text.overflowed());
        assert_eq!(text.as_bytes(), b"");
    }

    #[test]
    fn separators_are_taken_one_by_one() {
        let mut rest = &b"a==b"[..];
        assert_eq!(take_until(&mut rest, b'='), Some(&b"a"[..]));
        assert_eq!(take_until(&mut rest, b'='), Some(&b""[..]));
        assert_eq!(take_until(&mut rest, b'='), None);
        assert_eq!(rest, b"b");
    }

    #[test]
    fn numbers_are_read_up_to_32_bits() {
        for (text, expected) in [
            ("", None),
            ("0", Some(0)),
            ("007", Some(7)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("a", None),
            ("1a", None),
        ] {
            assert_eq!(parse_decimal(text.as_bytes()), expected, "{text:?}");
        }
    }
}
