//! The texts of `prose` as the build packs them (`src/entry/build.rs`), to be unpacked by
//! [`Text::push_packed`](crate::text::Text::push_packed). Statics, not constants: the linker knows them by name
//! and keeps them apart from what is always needed.

include!(concat!(env!("OUT_DIR"), "/packed.rs"));
