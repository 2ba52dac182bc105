//! The texts of `prose` as the build packs them (`src/entry/build.rs`). Statics, not constants: the linker
//! knows them by name and keeps them apart from what is always needed.

use crate::text::{nth, skip, take_part};

/// A piece of text, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece(u8);

impl Piece {
    /// The piece of this number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The piece that comes `count` pieces later.
    #[must_use]
    pub const fn plus(self, count: u8) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The piece's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The piece out of all texts.
    #[inline(never)]
    #[must_use]
    pub fn of(self, texts: &[u8]) -> &[u8] {
        nth(texts, b'\n', self.0)
    }

    /// The section of lines that begins with the piece, out of all texts.
    #[must_use]
    pub fn section(self, texts: &[u8]) -> &[u8] {
        take_part(&mut skip(texts, b'\n', self.0), SECTION_END)
    }
}

/// What ends a section of lines, as a line of its own.
const SECTION_END: u8 = 0;

/// Unpacks all texts, a line for each piece: a sequence of numbers, each of which stands for a byte, or with the
/// next one for a copy of bytes that came before. A number lacks its highest bit; so many plain ones follow,
/// six in the first number, and then each further one behind a bit that says that there is one.
#[inline(never)]
pub fn unpack(texts: &mut [u8; LENGTH]) -> &[u8] {
    let mut length = 0_usize;
    let (mut number, mut plain, mut distance) = (1_usize, 6_u32, 0_usize);
    for packed in &PACKED {
        // A bit above the eight tells when they are used up.
        let mut bits = usize::from(*packed) | 0x100;
        while bits > 1 {
            let bit = bits & 1;
            bits /= 2;
            if plain > 0 {
                plain = plain.wrapping_sub(1);
                number = number.wrapping_mul(2) | bit;
                continue;
            }
            plain = 1;
            if bit == 1 {
                continue;
            }
            // The number is complete: 64 to 191 for a byte, above that a distance, and behind that a count.
            if distance == 0 {
                if number > 191 {
                    distance = number.wrapping_sub(191);
                    (number, plain) = (1, 0);
                    continue;
                }
                // The byte is put in its place, and then copied from there.
                let [byte, ..] = number.to_le_bytes();
                if let Some(place) = texts.get_mut(length) {
                    *place = byte & 0x7f;
                }
                number = 0;
            }
            loop {
                if let Some(byte) = texts.get(length.wrapping_sub(distance)).copied()
                    && let Some(place) = texts.get_mut(length)
                {
                    *place = byte;
                }
                length = length.wrapping_add(1);
                if number == 0 {
                    break;
                }
                number = number.wrapping_sub(1);
            }
            (number, plain, distance) = (1, 6, 0);
        }
    }
    texts
}

include!(concat!(env!("OUT_DIR"), "/packed.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prose::{ERRORS, HELP, TEMPLATES, WORDS};

    #[test]
    fn what_was_packed_is_unpacked() {
        let mut texts = [0; LENGTH];
        let texts = unpack(&mut texts);
        for (number, (_, words)) in (0..).zip(WORDS) {
            assert_eq!(Piece::new(number).of(texts), words.as_bytes());
        }
        for (number, template) in (0..).zip(TEMPLATES) {
            assert_eq!(Piece::MESSAGE.plus(number).of(texts), template.as_bytes());
        }
        for (number, error) in ERRORS {
            assert_eq!(Piece::ERROR.plus(*number).of(texts), error.as_bytes());
        }
        for (number, line) in (0..).zip(HELP.lines()) {
            assert_eq!(Piece::HELP.plus(number).of(texts), line.as_bytes());
        }
    }
}
