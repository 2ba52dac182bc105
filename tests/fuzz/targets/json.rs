//! Lines of the log, as JSON and as text: an error, dropped lines and the time in four bytes, then a word.
#![no_main]

#[path = "../../model/model.rs"]
#[expect(dead_code, reason = "each target checks a part of it")]
mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((&[errno, drops, high, low], word)) = data.split_first_chunk() {
        let seconds = u32::from_be_bytes([high, low, 0, low]);
        model::check_log(word, errno.into(), drops % 12, (seconds, low.into()));
    }
});
