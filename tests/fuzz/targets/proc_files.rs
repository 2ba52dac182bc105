//! The kernel's files: the first byte says which, the rest is what is in it.
#![no_main]

#[path = "../../model/model.rs"]
#[expect(dead_code, reason = "each target checks a part of it")]
mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    match which {
        b'n' => {
            let name: Vec<u8> = data
                .iter()
                .copied()
                .filter(|byte| *byte != 0)
                .take(15)
                .collect();
            model::check_stat(&model::Stat {
                ids: [7, 6, 5, 4],
                name,
                state: b'D',
                terminal: 0,
                threads: 1,
                started: 8,
                other: -1,
                sets: [256, 1, 2, 4],
            });
        }
        b'd' => {
            let names: Vec<(Vec<u8>, u8)> = data
                .split(|byte| *byte == 0)
                .map(|name| (name.iter().copied().take(255).collect(), 3))
                .collect();
            model::check_directory(&names, data.len());
        }
        b'c' => model::check_control_group_files(data),
        _ => model::check_any_stat(data),
    }
});
