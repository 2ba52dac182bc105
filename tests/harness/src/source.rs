//! What the source and the documents of the init say of themselves.

use crate::package;
use std::collections::BTreeSet;
use std::path::Path;

/// The names of all system calls that the init may make: each stands in a file of `sys` as `Sysno::name`. Those that
/// the machine of this test has under another name are left out.
pub fn system_calls() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(&package().join("src/sys"), &mut names);
    // 32-bit machines have these in place of mmap and fstatfs.
    for old in ["mmap2", "fstatfs64"] {
        assert!(names.remove(old), "{old} is not in the source");
    }
    names
}

/// The contents of the code blocks of one language in a document, a path below the root of the package.
pub fn code_blocks(document: &str, language: &str) -> Vec<String> {
    let path = package().join(document);
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{document}: {error}"));
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if found == language {
                blocks.push(block.join("\n") + "\n");
            }
        }
    }
    blocks
}

fn collect(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names);
            continue;
        }
        let source = std::fs::read_to_string(path).unwrap();
        let calls = source.split("Sysno::").skip(1).filter_map(|rest| {
            let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_')?;
            rest.get(..end)
        });
        names.extend(calls.filter(|name| !name.is_empty()).map(str::to_owned));
    }
}
