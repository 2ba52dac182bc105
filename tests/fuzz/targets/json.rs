//! Lines of the log, as JSON and as text: an error, dropped lines and the time in four bytes, then two words.
//! The first line feed ends the first word.
#![no_main]

#[path = "../../model/model.rs"]
#[expect(dead_code, reason = "each target checks a part of it")]
mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((&[errno, drops, high, low], word)) = data.split_first_chunk() {
        let seconds = u32::from_be_bytes([high, low, 0, low]);
        let mut words = word.splitn(2, |byte| *byte == b'\n');
        let mut next = || words.next().unwrap_or_default();
        let (command, interpreter) = (next(), next());
        model::check_log(command, interpreter, errno.into(), drops % 12, (seconds, low.into()));
    }
});
