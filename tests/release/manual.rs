//! The manual page says what the code does, and manual readers understand it.

use harness::engine::finish;
use harness::{Requirement, pidling, program, require};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn page() -> String {
    std::fs::read_to_string(path("man/pidling.1")).expect("there is a page")
}

/// The lines of one section.
fn section(title: &str) -> Vec<String> {
    let page = page();
    let lines: Vec<String> = page
        .lines()
        .skip_while(|line| *line != format!(".Sh {title}"))
        .skip(1)
        .take_while(|line| !line.starts_with(".Sh "))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "no section {title}");
    lines
}

/// The heads of a section's list.
fn items(title: &str) -> Vec<String> {
    let lines = section(title);
    let heads = lines.iter().filter_map(|line| line.strip_prefix(".It "));
    heads.map(str::to_owned).collect()
}

#[test]
fn the_options_of_the_page_are_those_of_help_in_their_order() {
    let help = finish(Command::new(pidling()).arg("--help")).expect(0);
    let mut expected = Vec::new();
    let is_option = |line: &&str| line.get(6..8) == Some("--");
    for line in help.stdout.lines().filter(is_option) {
        let (short, rest) = line.split_at(6);
        let mut words = rest.split("  ").next().unwrap().split(' ');
        let mut head = short.trim().replace('-', "Fl ").replace(',', " , ");
        let long = words.next().unwrap().strip_prefix('-').unwrap();
        write!(head, "Fl {long}").unwrap();
        for value in words {
            write!(head, " Ar {value}").unwrap();
        }
        expected.push(head);
    }
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(items("OPTIONS"), expected);
}

/// The words of a text that are variables of this or another init.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|one: char| !(one.is_ascii_uppercase() || one == '_'));
    words
        .filter(|word| {
            let mut prefixes = ["PIDLING_", "TINI_", "DUMB_INIT_"].iter();
            prefixes.any(|prefix| word.starts_with(prefix) && word.len() > prefix.len())
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_variable_is_on_the_page() {
    let read = |file| std::fs::read_to_string(path(file)).unwrap();
    let mut expected = variables(&read("src/cli/parse.rs"));
    expected.extend(variables(&read("docs/migrating.md")));
    assert!(expected.len() > 4, "{expected:?}");
    expected.extend(["LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID", "PATH"].map(str::to_owned));
    let found: BTreeSet<String> = items("ENVIRONMENT")
        .into_iter()
        .map(|head| head.strip_prefix("Ev ").unwrap().to_owned())
        .collect();
    assert_eq!(found, expected);
}

/// The README's statuses are tried out by another test.
#[test]
fn the_statuses_of_the_page_are_those_of_the_readme() {
    let readme = std::fs::read_to_string(path("README.md")).unwrap();
    let mut expected: Vec<String> = readme
        .lines()
        .skip_while(|line| *line != "| case | status |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|row| row.split('|').nth(2).unwrap().trim().replace("*n*", "Ar n"))
        .collect();
    let mut found = items("EXIT STATUS");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// The events of that document are compared with the code by another test.
#[test]
fn the_events_of_the_page_and_their_fields_are_those_of_their_document() {
    let events = std::fs::read_to_string(path("docs/events.md")).unwrap();
    let rows = events
        .lines()
        .skip_while(|line| !line.starts_with("| event | level | fields |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let expected: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let event = cells[1].trim_matches('`');
            match cells[3].replace(['`', ','], "").as_str() {
                "-" => format!("Cm {event}"),
                fields => format!("Cm {event} Ar {fields}"),
            }
        })
        .collect();
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(items("STANDARD ERROR"), expected);
}

#[test]
fn the_options_in_the_examples_are_understood() {
    let mut tried = 0;
    for line in section("EXAMPLES") {
        let Some((options, _)) = line
            .strip_prefix(".Dl pidling ")
            .and_then(|example| example.split_once("-- "))
        else {
            continue;
        };
        tried += 1;
        let words = options.split_whitespace();
        let run = finish(Command::new(pidling()).args(words).args(["--", "true"])).expect(0);
        assert_eq!(run.stderr, "", "{line}");
    }
    assert_eq!(tried, 3);
}

#[test]
fn the_page_names_the_version() {
    let line = concat!(".Os pidling ", env!("CARGO_PKG_VERSION"));
    assert!(page().lines().any(|found| found == line), "{line}");
}

/// Two programs that show manual pages. The page with a macro that does not exist is the negative control.
#[test]
fn the_page_is_without_faults() {
    let broken = page().replace(".Nd init", ".Xy init");
    let directory = tempfile::tempdir().unwrap();
    let control = directory.path().join("broken.1");
    std::fs::write(&control, broken).unwrap();
    for (tool, options) in [
        ("mandoc", &["-T", "lint", "-W", "warning"][..]),
        ("groff", &["-mandoc", "-ww", "-z", "-T", "ascii"]),
    ] {
        let reason = format!("{tool} is not installed");
        if !require(Requirement::Packaging, program(tool).is_some(), &reason) {
            continue;
        }
        let says = |file: &Path| {
            let run = finish(Command::new(tool).args(options).arg(file));
            run.stdout + &run.stderr
        };
        assert_eq!(says(&path("man/pidling.1")), "", "{tool}");
        assert_ne!(says(&control), "", "{tool} finds no fault");
    }
}
