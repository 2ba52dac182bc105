//! The walls of the house: who may call whom, where unsafe code may stand, and what must be absent.
//! The rooms are described in `src/lib.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms from the top down: a module may use those of lower rooms only, and of its own where the
/// list says so.
const ACTIONS: [(&str, &[&str]); 7] = [
    ("init", &["event_loop", "spawn", "log", "terminal"]),
    ("event_loop", &["terminal", "process_table", "log"]),
    ("spawn", &["terminal"]),
    ("terminal", &[]),
    ("process_table", &["log"]),
    ("log", &[]),
    ("sys", &[]),
];
const DECISIONS: [&str; 8] = [
    "supervisor",
    "options",
    "path_search",
    "proc_files",
    "messages",
    "prose",
    "packed",
    "text",
];

/// The only files that may contain unsafe code.
const UNSAFE: [&str; 10] = [
    "src/entry.rs",
    "src/entry/builtins.rs",
    "src/sys.rs",
    "src/sys/aarch64.rs",
    "src/sys/arm.rs",
    "src/sys/powerpc64.rs",
    "src/sys/riscv64.rs",
    "src/sys/s390x.rs",
    "src/sys/x86.rs",
    "src/sys/x86_64.rs",
];

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
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

#[test]
fn nothing_points_up() {
    for (file, source) in sources() {
        let module = file
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .expect("a name")
            .to_owned();
        if file.ends_with("exploration.rs") || matches!(&*module, "lib" | "main" | "entry") {
            continue;
        }
        let used = used_modules(&code(&source));
        let allowed: Vec<&str> =
            if let Some((_, beside)) = ACTIONS.iter().find(|(name, _)| *name == module) {
                if module == "sys" {
                    vec!["posix"]
                } else {
                    beside
                        .iter()
                        .copied()
                        .chain(["sys", "posix"])
                        .chain(DECISIONS)
                        .collect()
                }
            } else if DECISIONS.contains(&&*module) {
                DECISIONS.into_iter().chain(["posix"]).collect()
            } else {
                assert_eq!(module, "posix", "{file} is in no room");
                vec!["posix", "text", "prose", "packed"]
            };
        for used in used {
            assert!(
                used == module || allowed.contains(&&*used),
                "{file} uses {used}"
            );
        }
    }
}

#[test]
fn unsafe_code_stands_at_the_door_and_the_entry() {
    let found: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(_, source)| code(source).contains("unsafe"))
        .filter(|(_, source)| {
            code(source)
                .split_whitespace()
                .any(|word| word.trim_matches(['(', '{', '[']) == "unsafe")
        })
        .map(|(file, _)| file)
        .collect();
    assert_eq!(found, UNSAFE.map(String::from).into());
}

#[test]
fn system_calls_stand_in_one_file() {
    for (file, source) in sources() {
        let calls = code(&source).contains("syscall!");
        assert_eq!(calls, file == "src/sys.rs", "{file}");
    }
}

#[test]
fn there_is_no_formatting_machinery_no_heap_and_no_standard_library() {
    for (file, source) in sources() {
        if file == "src/entry/build.rs" || file.ends_with("exploration.rs") {
            continue;
        }
        for absent in [
            "core::fmt",
            "format!",
            "write!",
            "alloc::",
            "std::",
            "static mut",
            "println!",
        ] {
            assert!(!code(&source).contains(absent), "{file} contains {absent}");
        }
    }
}

/// How many unsafe blocks each file has, so that none comes or goes without a look at what makes it sound.
const BLOCKS: [(&str, usize); 10] = [
    ("src/entry.rs", 1),
    ("src/entry/builtins.rs", 13),
    ("src/sys.rs", 39),
    ("src/sys/aarch64.rs", 1),
    ("src/sys/arm.rs", 1),
    ("src/sys/powerpc64.rs", 2),
    ("src/sys/riscv64.rs", 1),
    ("src/sys/s390x.rs", 2),
    ("src/sys/x86.rs", 1),
    ("src/sys/x86_64.rs", 1),
];

/// Clippy holds that each has a comment that says why it is sound.
#[test]
fn every_unsafe_block_is_counted() {
    let found: BTreeSet<(String, usize)> = sources()
        .into_iter()
        .map(|(file, source)| (file, code(&source).matches("unsafe {").count()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let expected = BLOCKS.map(|(file, count)| (file.to_owned(), count));
    assert_eq!(found, expected.into());
}
