//! The walls of the house: who may call whom, where unsafe code may stand, and what must be absent.
//! The rooms are described in `src/lib.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms of those who act, from the top down, and whom of their own each may use besides all that decides, `sys`
/// and the values.
const ACT: [(&str, &[&str]); 8] = [
    (
        "init",
        &[
            "event_loop",
            "actions",
            "proc_reader",
            "spawn",
            "standard_error",
            "terminal",
        ],
    ),
    ("event_loop", &["actions"]),
    (
        "actions",
        &[
            "spawn",
            "survivors",
            "proc_reader",
            "standard_error",
            "terminal",
        ],
    ),
    ("spawn", &["proc_reader", "terminal"]),
    ("survivors", &["proc_reader"]),
    ("proc_reader", &[]),
    ("standard_error", &[]),
    ("terminal", &[]),
];

/// The rooms of those who decide, in the same way; of the others they may use the values only.
const DECIDE: [(&str, &[&str]); 7] = [
    ("supervisor", &["cli", "limits", "log"]),
    ("cli", &["limits", "log"]),
    ("log", &["exec_failure", "limits", "proc_files"]),
    ("exec_failure", &["limits"]),
    ("proc_files", &["limits"]),
    ("path_search", &["limits"]),
    ("limits", &[]),
];

/// The values, which know nothing of any other room.
const VALUES: [(&str, &[&str]); 2] = [("posix", &["bytes"]), ("bytes", &[])];

/// How many unsafe blocks each file has that may have any, so that none comes or goes without a look at what makes it
/// sound.
const UNSAFE: [(&str, usize); 12] = [
    ("src/entry.rs", 1),
    ("src/entry/builtins.rs", 14),
    ("src/sys/arguments.rs", 5),
    ("src/sys/call.rs", 1),
    ("src/sys/call/powerpc64.rs", 1),
    ("src/sys/call/s390x.rs", 1),
    ("src/sys/clock.rs", 1),
    ("src/sys/file.rs", 12),
    ("src/sys/memory.rs", 6),
    ("src/sys/process.rs", 6),
    ("src/sys/signal.rs", 4),
    ("src/sys/terminal.rs", 4),
];

/// How many attributes may lay out code or data outside of the kernel's door.
const LAYOUT_ATTRIBUTES: usize = 10;

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                // Unit tests, where they have files of their own.
                && !path.ends_with("tests.rs")
                && !path.to_string_lossy().contains("/exploration")
            {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join("src"), &mut files);
    files
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(root)
                .expect("below the root")
                .to_str()
                .expect("a plain name")
                .to_owned();
            (name, std::fs::read_to_string(&path).expect("a source"))
        })
        .collect()
}

/// The code of a file: without comments, and without the tests at its end.
fn code(source: &str) -> String {
    let source = source
        .split("#[cfg(test)]\nmod ")
        .next()
        .expect("a first part");
    source
        .lines()
        .map(|line| line.split("//").next().expect("a first part"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of the crate that a file names as `crate::MODULE`.
fn used_modules(code: &str) -> BTreeSet<String> {
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|character| character.is_ascii_lowercase() || *character == '_')
                .collect()
        })
        .collect()
}

/// Whom a module may use; `None` where it is in no room.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    let names = |room: &'static [(&str, &[&str])]| room.iter().map(|(name, _)| *name);
    let beside = |room: &'static [(&str, &'static [&str])]| {
        let found = room.iter().find(|(name, _)| *name == module);
        found.map(|(_, beside)| beside.iter().copied())
    };
    if let Some(beside) = beside(&ACT) {
        let below = names(&DECIDE).chain(["sys"]).chain(names(&VALUES));
        Some(beside.chain(below).collect())
    } else if let Some(beside) = beside(&DECIDE) {
        Some(beside.chain(names(&VALUES)).collect())
    } else if let Some(beside) = beside(&VALUES) {
        Some(beside.collect())
    } else {
        (module == "sys").then(|| names(&VALUES).collect())
    }
}

#[test]
fn nothing_points_up() {
    for (file, source) in sources() {
        let module = file
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .expect("a name")
            .to_owned();
        let code = code(&source);
        assert!(!code.contains("crate::{"), "{file}: one module a line");
        if module == "entry" {
            // A part of the binary, which sees the library from outside.
            assert!(
                !code.contains("crate::") || code.contains("crate::entry"),
                "{file}"
            );
            continue;
        }
        if matches!(&*module, "lib" | "main") {
            continue;
        }
        let allowed = allowed(&module).unwrap_or_else(|| panic!("{file} is in no room"));
        for used in used_modules(&code) {
            assert!(
                used == module || allowed.contains(&&*used),
                "{file} uses {used}"
            );
        }
    }
}

/// Each room is on the map, and whom the map names is in a room.
#[test]
fn the_map_names_every_room() {
    let (_, map) = sources()
        .into_iter()
        .find(|(file, _)| file == "src/lib.rs")
        .expect("the map");
    let modules: BTreeSet<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let rooms = ACT.iter().chain(&DECIDE).chain(&VALUES);
    let rooms: BTreeSet<&str> = rooms.map(|(name, _)| *name).chain(["sys"]).collect();
    assert_eq!(modules, rooms);
    for room in rooms {
        assert!(
            map.contains(&format!("[`{room}`]")),
            "{room} is not described"
        );
    }
}

/// Clippy holds that each block has a comment that says why it is sound.
#[test]
fn unsafe_code_stands_at_the_door_and_the_entry() {
    let is_unsafe = |code: &str| {
        code.split(|one: char| !one.is_ascii_alphanumeric() && one != '_')
            .any(|word| word == "unsafe")
    };
    let found: BTreeSet<(String, usize)> = sources()
        .into_iter()
        .map(|(file, source)| (file, code(&source)))
        .filter(|(_, code)| is_unsafe(code))
        .map(|(file, code)| (file, code.matches("unsafe {").count()))
        .collect();
    let expected = UNSAFE.map(|(file, count)| (file.to_owned(), count));
    assert_eq!(found, expected.into());
}

#[test]
fn system_calls_stand_at_the_door() {
    for (file, source) in sources() {
        let code = code(&source);
        let calls = code.contains("syscall!") || code.contains("Sysno") || code.contains("asm!");
        let may = file.starts_with("src/sys/") || file.starts_with("src/entry");
        assert!(!calls || may, "{file}");
    }
}

/// A compiler knows better, but for what the kernel reads and what keeps the stack of a sleeping init small.
#[test]
fn few_attributes_lay_out_code_and_data() {
    let mut found = Vec::new();
    for (file, source) in sources() {
        if file.starts_with("src/sys/") || file.starts_with("src/entry") {
            continue;
        }
        let code = code(&source);
        for attribute in [
            "#[inline(never)]",
            "#[inline(always)]",
            "#[cold]",
            "#[repr(C)]",
        ] {
            found.extend(code.matches(attribute).map(|one| format!("{file}: {one}")));
        }
    }
    assert!(found.len() <= LAYOUT_ATTRIBUTES, "{}", found.join("\n"));
}

/// The order of functions in the file is the linker's business.
#[test]
fn the_link_script_names_no_function() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/entry/link.ld");
    let script = std::fs::read_to_string(script).expect("the link script");
    for word in script.split(|one: char| one.is_whitespace() || "()".contains(one)) {
        if word.starts_with(".text") || word.starts_with(".rodata") {
            assert!(
                [".text", ".text.*", ".rodata", ".rodata.*"].contains(&word),
                "{word}"
            );
        }
    }
    assert!(!script.contains("pidling"));
}

#[test]
fn there_is_no_formatting_machinery_no_heap_and_no_standard_library() {
    for (file, source) in sources() {
        for absent in [
            "core::fmt",
            "format!",
            "write!",
            "alloc::",
            "std::",
            "static mut",
            "println!",
        ] {
            let found = code(&source).contains(absent);
            assert!(!found, "{file} contains {absent}");
        }
    }
}
