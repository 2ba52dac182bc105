//! What the source of the init says of itself.

use crate::package;
use std::collections::BTreeSet;

/// The names of all system calls that the init may make.
pub fn system_calls() -> BTreeSet<String> {
    let source = std::fs::read_to_string(package().join("src/sys.rs")).unwrap();
    let in_source = source.split("Sysno::").skip(1).map(|rest| {
        let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_');
        rest[..end.unwrap()].to_owned()
    });
    // It is made by the architecture's own code.
    in_source.chain(["clone".to_owned()]).collect()
}
