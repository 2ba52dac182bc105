//! The comparison with other inits is as `cargo bench -- --update` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The whole table.
const ALL: &str = "docs/benchmarks.md";

/// Some of its rows.
const SOME: &str = "README.md";

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the benchmark wrote to a document with this command.
fn written(name: &str, command: &str) -> String {
    let text = file(name);
    let (_, rest) = text
        .split_once(&format!("<!-- {command} -->\n"))
        .expect("a table begins");
    let (table, _) = rest.split_once("<!-- end -->\n").expect("the table ends");
    table.into()
}

fn comparison(name: &str) -> String {
    written(name, "cargo bench -- --update")
}

/// The cells of a table, by the titles of their row and column. Every row has all columns.
fn cells(table: &str) -> BTreeMap<(&str, &str), &str> {
    let mut rows = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim))
        .map(Iterator::collect::<Vec<_>>);
    let head = rows.next().expect("a head");
    let mut cells = BTreeMap::new();
    for row in rows {
        assert_eq!(row.len(), head.len(), "{row:?}");
        for (column, cell) in head.iter().zip(&row).skip(1) {
            let _ = cells.insert((row[0], *column), *cell);
        }
    }
    cells
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
        "tino",
        "pid1-rs",
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
    let (all, some) = (comparison(ALL), comparison(SOME));
    let date = |table: &str| {
        let rest = table.split("Measured on ").nth(1).expect("a date");
        rest.split(' ').next().expect("a date").to_owned()
    };
    assert_eq!(date(&some), date(&all));
    let (all, some) = (cells(&all), cells(&some));
    let rows: BTreeSet<&str> = some.keys().map(|(row, _)| *row).collect();
    assert_eq!(rows.len(), 5, "{rows:?}");
    for (place, cell) in &some {
        assert_eq!(all.get(place), Some(cell), "{place:?}");
    }
}

#[test]
fn large_numbers_change_no_memory() {
    let table = written(ALL, "cargo bench -- --scale --update");
    let cells = cells(&table);
    let number = |row: &str| {
        let (_, cell) = cells
            .iter()
            .find(|((known, init), _)| *known == row && init.starts_with("pidling "))
            .unwrap_or_else(|| panic!("no row {row}"));
        let digits = cell.replace(',', "");
        digits.parse::<i32>().expect("a number of kilobytes")
    };
    for what in ["1,000,000 orphans", "100,000 signals"] {
        let [before, after] =
            ["before", "after"].map(|when| number(&format!("VmRSS {when} {what}, kB")));
        // A page more of the stack, if it begins near the end of one.
        assert!(after - before <= 4, "{what}: {before}, {after}");
    }
}

#[test]
fn the_chart_can_be_read_on_a_dark_page_too() {
    let chart = file("tests/bench/comparison.svg");
    assert!(chart.contains("@media (prefers-color-scheme: dark)"));
}
