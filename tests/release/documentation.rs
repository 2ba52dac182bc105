//! README and `--help` say what the code does.

use std::path::Path;
use std::process::{Command, Output};
use yaml_rust2::{Yaml, YamlLoader};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("there is a README")
}

/// The contents of the README's code blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let block = block.join("\n") + "\n";
            if found == language {
                blocks.push(block);
            }
        }
    }
    blocks
}

fn pidling(arguments: &[&str]) -> Output {
    Command::new(harness::pidling_path())
        .args(arguments)
        .output()
        .expect("the init starts")
}

#[test]
fn the_help_in_the_readme_is_the_help() {
    let help = String::from_utf8(pidling(&["--help"]).stdout).expect("text");
    assert!(
        blocks("").contains(&help),
        "README does not contain:\n{help}"
    );
}

#[test]
fn the_help_fits_one_screen() {
    let help = String::from_utf8(pidling(&["--help"]).stdout).expect("text");
    assert!(help.lines().count() <= 24);
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_statuses_in_the_readme_are_the_statuses() {
    let readme = readme();
    for (row, arguments, status) in [
        (
            "| the main child exited with *n* | *n* |",
            &["sh", "-c", "exit 42"][..],
            42,
        ),
        (
            "| signal *n* killed the main child | 128 + *n* |",
            &["sh", "-c", "kill -USR1 $$"],
            138,
        ),
        (
            "| the command was found but could not be executed | 126 |",
            &["/"],
            126,
        ),
        (
            "| the command was not found | 127 |",
            &["/nonexistent"],
            127,
        ),
        (
            "| wrong usage, or the init could not start the command | 125 |",
            &["--nonexistent"],
            125,
        ),
        (
            "| `-e N` was given and the status would be *N* | 0 |",
            &["-e", "3", "sh", "-c", "exit 3"],
            0,
        ),
    ] {
        assert!(readme.contains(row), "{row}");
        assert_eq!(pidling(arguments).status.code(), Some(status), "{row}");
    }
}

#[test]
fn the_first_command_of_the_readme_shows_forwarding_reaping_and_the_status() {
    let command = &blocks("sh")[0];
    let (build, run) = command.split_once(" && ").expect("two halves");
    assert_eq!(build, "cargo build --release");
    let run = run.replace("target/release/pidling", harness::pidling_path());
    let output = Command::new("sh").args(["-c", &run]).output().expect("sh");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "status 7\n");
    let stderr = String::from_utf8_lossy(&output.stderr);
    for line in [
        "pidling: started sh as process ",
        "pidling: reaped process ",
        "pidling: forwarded SIGUSR1 to process ",
    ] {
        assert_eq!(
            stderr
                .lines()
                .filter(|found| found.starts_with(line))
                .count(),
            1,
            "{line}\n{stderr}"
        );
    }
}

/// Every command line in YAML that begins with the init, as a list or as a string.
fn command_lines(yaml: &Yaml, found: &mut Vec<Vec<String>>) {
    let is_init = |word: &str| word == "/pidling";
    match yaml {
        Yaml::Array(items) => {
            let words: Option<Vec<String>> = items
                .iter()
                .map(|item| item.as_str().map(String::from))
                .collect();
            match words {
                Some(words) if words.first().is_some_and(|word| is_init(word)) => found.push(words),
                _ => items.iter().for_each(|item| command_lines(item, found)),
            }
        }
        Yaml::Hash(entries) => entries
            .iter()
            .for_each(|(_, value)| command_lines(value, found)),
        Yaml::String(text) if text.split(' ').next().is_some_and(is_init) => {
            found.push(text.split(' ').map(String::from).collect());
        }
        Yaml::Real(_)
        | Yaml::Integer(_)
        | Yaml::String(_)
        | Yaml::Boolean(_)
        | Yaml::Alias(_)
        | Yaml::Null
        | Yaml::BadValue => {}
    }
}

#[test]
fn the_yaml_of_the_readme_parses_and_its_command_lines_run() {
    let blocks = blocks("yaml");
    let mut found = Vec::new();
    for block in &blocks {
        for document in YamlLoader::load_from_str(block).expect("the README's YAML parses") {
            command_lines(&document, &mut found);
        }
    }
    assert_eq!((blocks.len(), found.len()), (4, 4));
    for mut words in found {
        if words.last().map(String::as_str) == Some("your-program") {
            let _ = words.pop();
        }
        let output = Command::new(harness::pidling_path())
            .args(&words[1..])
            .args(["sh", "-c", "exit 3"])
            .output();
        let output = output.expect("the init starts");
        assert_eq!(output.status.code(), Some(3), "{words:?}: {output:?}");
        assert_eq!(output.stderr, b"", "{words:?}");
    }
}

#[test]
fn the_json_of_the_readme_parses() {
    for block in blocks("json") {
        let _: serde_json::Value = serde_json::from_str(&block).expect("JSON");
    }
}

#[test]
fn every_event_is_documented_with_a_line_that_parses() {
    let readme = readme();
    let prose = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/prose.rs"))
        .expect("the texts");
    let is_event = |name: &&str| {
        name.chars()
            .all(|one| one.is_ascii_lowercase() || one == '_')
    };
    let events: std::collections::BTreeSet<&str> = prose
        .split('"')
        .filter_map(|piece| Some(piece.split_once('|')?.0).filter(is_event))
        .collect();
    assert!(events.len() > 20, "{events:?}");
    for event in events {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{event}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {event}"));
        let example = row.split('`').rfind(|piece| piece.starts_with('{'));
        let example: serde_json::Value =
            serde_json::from_str(&example.expect("an example").replace("\\|", "|")).expect("JSON");
        assert_eq!(example["event"], event, "{row}");
    }
}

/// What differs from the other inits on purpose, `tests/engines/peers.rs`, stands in the README with its reason.
#[test]
fn every_difference_from_the_peers_is_documented() {
    let readme = readme();
    let peers = include_str!("../engines/peers.rs");
    let mut documented = 0;
    for rest in peers.split("reason: \"").skip(1) {
        let reason = rest.split("\",\n").next().unwrap().replace("\\\n", "");
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        if !reason.starts_with("the same") {
            documented += 1;
            assert!(readme.contains(&format!("| {reason} |")), "{reason}");
        }
    }
    assert!(documented > 20, "{documented}");
}
