//! Bytes without a heap: a buffer of fixed size that numbers can be appended to, and the few ways in which bytes are
//! taken apart. It stands in for `core::fmt`.

/// Bytes under construction, in memory of fixed size. What does not fit is left out, and remembered.
#[derive(Debug)]
pub struct Buffer<'a> {
    memory: &'a mut [u8],
    length: usize,
    overflowed: bool,
}

impl<'a> Buffer<'a> {
    /// An empty buffer with room for as many bytes as `memory` has.
    #[must_use]
    pub const fn new(memory: &'a mut [u8]) -> Self {
        Self {
            memory,
            length: 0,
            overflowed: false,
        }
    }

    /// Forgets all that was appended.
    pub const fn clear(&mut self) {
        self.length = 0;
        self.overflowed = false;
    }

    /// What was appended so far, as far as it fitted.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }

    /// The same, for as long as the memory lives.
    #[must_use]
    pub fn into_bytes(self) -> &'a [u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Whether something did not fit.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Appends one byte.
    pub fn push(&mut self, byte: u8) {
        match self.memory.get_mut(self.length) {
            Some(place) => {
                *place = byte;
                self.length = self.length.wrapping_add(1);
            }
            None => self.overflowed = true,
        }
    }

    /// Appends bytes as they are.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(*byte);
        }
    }

    /// Appends a number in decimal.
    pub fn push_decimal(&mut self, number: u32) {
        self.push_padded(number, 1);
    }

    /// Appends a number in decimal, with leading zeros up to `width` digits.
    pub fn push_padded(&mut self, number: u32, width: usize) {
        let mut digits = [b'0'; 10];
        let mut rest = number;
        let mut significant = 0_usize;
        for (index, place) in digits.iter_mut().rev().enumerate() {
            let [digit, ..] = (rest % 10).to_le_bytes();
            *place = b'0'.wrapping_add(digit);
            if digit > 0 {
                significant = index.wrapping_add(1);
            }
            rest /= 10;
        }
        let shown = significant.max(width).min(digits.len());
        let hidden = digits.len().saturating_sub(shown);
        self.push_bytes(digits.get(hidden..).unwrap_or_default());
    }

    /// Appends a byte as two hexadecimal digits.
    pub fn push_hexadecimal(&mut self, byte: u8) {
        for digit in [byte >> 4, byte & 15] {
            let first = if digit < 10 {
                b'0'
            } else {
                b'a'.wrapping_sub(10)
            };
            self.push(first.wrapping_add(digit));
        }
    }
}

/// What stands before the first `separator` and what stands after it; `None` where there is none.
#[must_use]
pub fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == separator)?;
    let (before, rest) = bytes.split_at_checked(place)?;
    let (_, after) = rest.split_first()?;
    Some((before, after))
}

/// The parts of a text between separators, each of which may be empty: one more than there are separators.
#[must_use]
pub const fn split(bytes: &[u8], separator: u8) -> Split<'_> {
    Split {
        rest: Some(bytes),
        separator,
    }
}

/// See [`split`]. The core library's iterator has a type, and code, for each separator.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let Some((part, after)) = split_once(rest, self.separator) else {
            return Some(rest);
        };
        self.rest = Some(after);
        Some(part)
    }
}

/// What stands after the last slash of a path, or all of it.
#[must_use]
pub fn last_part(path: &[u8]) -> &[u8] {
    let mut last = path;
    while let Some((_, after)) = split_once(last, b'/') {
        last = after;
    }
    last
}

/// Whether a byte is among these.
#[must_use]
pub fn contains(bytes: &[u8], byte: u8) -> bool {
    split_once(bytes, byte).is_some()
}

/// Reads a decimal number: digits only, at least one, at most what fits 64 bits.
#[must_use]
pub fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(number)
}

/// Reads a decimal number that fits 32 bits.
#[must_use]
pub fn parse_decimal_u32(text: &[u8]) -> Option<u32> {
    u32::try_from(parse_decimal(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Buffer<'_>), expected: &str) {
        let mut memory = [0; 24];
        let buffer = &mut Buffer::new(&mut memory);
        write(buffer);
        assert_eq!(str::from_utf8(buffer.as_bytes()).unwrap(), expected);
        assert!(!buffer.overflowed());
    }

    #[test]
    fn numbers_are_decimal() {
        check(|buffer| buffer.push_decimal(0), "0");
        check(|buffer| buffer.push_decimal(10), "10");
        check(|buffer| buffer.push_decimal(u32::MAX), "4294967295");
        check(|buffer| buffer.push_padded(7, 3), "007");
        check(|buffer| buffer.push_padded(0, 2), "00");
        check(|buffer| buffer.push_padded(1234, 3), "1234");
        check(|buffer| buffer.push_hexadecimal(0x0f), "0f");
        check(|buffer| buffer.push_hexadecimal(0xa0), "a0");
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_remembered() {
        let mut memory = [0; 3];
        let buffer = &mut Buffer::new(&mut memory);
        buffer.push_bytes(b"abc");
        assert!(!buffer.overflowed());
        buffer.push(b'd');
        assert!(buffer.overflowed());
        assert_eq!(buffer.as_bytes(), b"abc");
        buffer.clear();
        assert!(!buffer.overflowed());
        assert_eq!(buffer.as_bytes(), b"");
    }

    #[test]
    fn bytes_are_split_at_the_first_separator() {
        assert_eq!(split_once(b"a==b", b'='), Some((&b"a"[..], &b"=b"[..])));
        assert_eq!(split_once(b"=", b'='), Some((&b""[..], &b""[..])));
        assert_eq!(split_once(b"a", b'='), None);
    }

    #[test]
    fn parts_are_those_of_the_core_library() {
        for text in ["", "a", "/", "a/b", "/a//b/", "//", "ab/c"] {
            let bytes = text.as_bytes();
            let mut expected = bytes.split(|byte| *byte == b'/');
            assert!(split(bytes, b'/').eq(expected.clone()), "{text}");
            assert_eq!(Some(last_part(bytes)), expected.next_back(), "{text}");
            assert_eq!(contains(bytes, b'/'), text.contains('/'), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_up_to_their_width() {
        for (text, expected) in [
            ("", None),
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("a", None),
            ("1a", None),
        ] {
            assert_eq!(parse_decimal(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(parse_decimal_u32(b"4294967295"), Some(u32::MAX));
        assert_eq!(parse_decimal_u32(b"4294967296"), None);
    }
}
