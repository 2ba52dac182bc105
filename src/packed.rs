//! The texts of `prose` as the build packs them (`src/entry/build.rs`), to be unpacked by
//! [`Text::push_piece`](crate::text::Text::push_piece). Statics, not constants: the linker knows them by name
//! and keeps them apart from what is always needed.

use crate::text::nth;

/// A piece of text, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece(u8);

impl Piece {
    /// The piece that comes `count` pieces later.
    #[must_use]
    pub const fn plus(self, count: u8) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The packed text.
    #[must_use]
    pub fn packed(self) -> &'static [u8] {
        nth(&TEXTS, 0, self.0)
    }
}

include!(concat!(env!("OUT_DIR"), "/packed.rs"));
