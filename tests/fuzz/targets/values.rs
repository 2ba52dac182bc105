//! Signals and lengths of time.
#![no_main]

#[path = "../../model/model.rs"]
#[expect(dead_code, reason = "each target checks a part of it")]
mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| model::check_values(data));
