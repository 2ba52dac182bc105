//! The comparison with other inits is as `cargo bench -- --update` writes it.

use std::path::Path;

/// The whole table.
const ALL: &str = "docs/benchmarks.md";

/// Some of its rows.
const SOME: &str = "README.md";

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the benchmark wrote to a document.
fn comparison(name: &str) -> String {
    let text = file(name);
    let (_, rest) = text
        .split_once("<!-- cargo bench -- --update -->\n")
        .expect("a table begins");
    let (table, _) = rest.split_once("<!-- end -->\n").expect("the table ends");
    table.into()
}

#[test]
fn the_table_and_the_chart_come_from_the_same_run() {
    let table = comparison(ALL);
    let chart = file("tests/bench/comparison.svg");
    let date = table.split("Measured on ").nth(1).expect("a date");
    let date = date.split(' ').next().expect("a date");
    assert!(chart.contains(&format!(">{date}, ")), "{date}\n{chart}");
    let row = |title: &str| {
        let title = format!("| {title} | ");
        let row = table.lines().find_map(|line| line.strip_prefix(&title));
        let row = row.unwrap_or_else(|| panic!("no row {title}"));
        row.trim_end_matches(" |").split(" | ").collect::<Vec<_>>()
    };
    for title in [
        "memory at rest, VmRSS, kB",
        "exec to the child's first instruction, µs",
        "SIGTERM to the init's end, µs",
        "deadline to everybody's death, ms",
    ] {
        for value in row(title).into_iter().filter(|value| *value != "-") {
            assert!(chart.contains(&format!(">{value}</text>")), "{title}");
        }
    }
}

#[test]
fn the_table_has_a_cell_for_every_init_in_every_row() {
    let table = comparison(ALL);
    let columns = |line: &str| line.matches('|').count();
    let lines: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
    let head = lines.first().expect("a head");
    for name in [
        "floor",
        "pidling",
        "tini-static",
        "tini",
        "dumb-init",
        "catatonit",
    ] {
        assert!(head.contains(&format!("| {name} ")), "{name}: {head}");
    }
    assert_eq!(lines.len(), 29);
    for line in &lines {
        assert_eq!(columns(line), columns(head), "{line}");
    }
}

#[test]
fn the_readme_has_five_rows_of_the_same_run() {
    let all = comparison(ALL);
    let some = comparison(SOME);
    let date = |table: &str| {
        let rest = table.split("Measured on ").nth(1).expect("a date");
        rest.split(' ').next().expect("a date").to_owned()
    };
    assert_eq!(date(&some), date(&all));
    let rows: Vec<&str> = some.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 2 + 5);
    for row in rows {
        assert!(all.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn the_chart_can_be_read_on_a_dark_page_too() {
    let chart = file("tests/bench/comparison.svg");
    assert!(chart.contains("@media (prefers-color-scheme: dark)"));
}
