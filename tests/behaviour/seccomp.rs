//! Under seccomp filters (contract 1.2).

use serde_json::Value;

/// Every system call of the init is in the profile.
#[test]
fn the_tight_profile_lists_what_the_init_calls() {
    let file = harness::package().join("seccomp.json");
    let profile: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let listed: Vec<&str> = profile["syscalls"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|group| group["comment"].as_str().unwrap().starts_with("pidling "))
        .flat_map(|group| group["names"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    let mut listed: Vec<String> = listed.into_iter().map(str::to_owned).collect();
    listed.sort();
    let used: Vec<String> = harness::system_calls().into_iter().collect();
    assert_eq!(listed, used);
}
