//! `.ci/run` skips nothing, together with the machine that it boots.

use harness::Requirement;

/// All but the control groups of version 2, which not every kernel has with these controllers.
fn of_this_machine() -> String {
    let names = Requirement::ALL
        .into_iter()
        .filter(|one| *one != Requirement::Cgroup2)
        .map(Requirement::name);
    names.collect::<Vec<_>>().join(",")
}

#[test]
fn every_requirement_is_set_by_the_checks_of_a_change() {
    let read = |script| std::fs::read_to_string(harness::package().join(script)).unwrap();
    let run = read(".ci/run");
    let lines: Vec<&str> = run
        .lines()
        .filter_map(|line| line.strip_prefix("export REQUIRE="))
        .collect();
    assert_eq!(lines, [of_this_machine()]);
    // What not every machine has is required where one is booted for it.
    let boot = read(".ci/boot");
    let required = boot.split_once(" REQUIRE=").unwrap().1;
    let required = required.split_whitespace().next().unwrap();
    assert!(
        required
            .split(',')
            .any(|one| one == Requirement::Cgroup2.name())
    );
    assert!(run.contains("\nstep .ci/boot "), "{run}");
}

#[test]
fn the_guide_for_contributors_names_every_requirement() {
    let guide = std::fs::read_to_string(harness::package().join("CONTRIBUTING.md")).unwrap();
    let expected = of_this_machine();
    let command = format!("\nREQUIRE={expected} cargo test --release\n");
    assert!(guide.contains(&command), "{expected}");
}
