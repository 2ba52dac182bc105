//! Command lines and environments: words with a null byte behind each, those that begin with `$` as variables. A
//! word `$` makes the init a wrapper.
#![no_main]

#[path = "../../model/model.rs"]
#[expect(dead_code, reason = "each target checks a part of it")]
mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut arguments = Vec::new();
    let mut environment = Vec::new();
    let mut is_pid_1 = true;
    for word in data.split(|byte| *byte == 0) {
        match word.strip_prefix(b"$") {
            Some(b"") => is_pid_1 = false,
            Some(entry) => environment.push(entry.to_vec()),
            None => arguments.push(word.to_vec()),
        }
    }
    model::check_options(&arguments, &environment, is_pid_1);
});
