//! `.ci/run` skips nothing.

use harness::Requirement;

#[test]
fn every_requirement_is_set_by_the_checks_of_a_change() {
    let script = std::fs::read_to_string(harness::package().join(".ci/run")).unwrap();
    let lines: Vec<&str> = script
        .lines()
        .filter_map(|line| line.strip_prefix("export REQUIRE="))
        .collect();
    let expected = Requirement::ALL.map(Requirement::name).join(",");
    assert_eq!(lines, [expected]);
}

#[test]
fn the_guide_for_contributors_names_every_requirement() {
    let guide = std::fs::read_to_string(harness::package().join("CONTRIBUTING.md")).unwrap();
    let expected = Requirement::ALL.map(Requirement::name).join(",");
    let command = format!("\nREQUIRE={expected} cargo test --release\n");
    assert!(guide.contains(&command), "{expected}");
}
