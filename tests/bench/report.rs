//! The results as a text, as JSON and as tables for the documents.

use crate::goals::{OURS, goals};
use crate::inits::{BESIDE, Init, Kind};
use crate::options::Extent;
use crate::results::{Group, Lack, Metric, Results, Row};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Three digits that count, and all of a number that is whole.
pub(crate) fn figure(value: f64) -> String {
    if value.is_nan() {
        "-".into()
    } else if value.fract().abs() < 1e-9 || value >= 1000.0 {
        thousands(value)
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lines of columns: the first is flush left, the others right.
fn table(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if column == 0 {
                write!(line, " {cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn ratio(value: f64, other: Option<f64>) -> String {
    match other {
        Some(other) if other > 0.0 => format!("{:.2}", value / other),
        _ => "-".into(),
    }
}

/// An init's figure, or the word for its lack.
fn cell(metric: &Metric, init: &str, of: impl Fn(&Row) -> f64) -> String {
    match (metric.row(init), metric.lack(init)) {
        (Some(row), _) => figure(of(row)),
        (None, Some(lack)) => lack.word().into(),
        (None, None) => "-".into(),
    }
}

/// A floor is told from an init.
fn name(row: &Row) -> String {
    match row.kind {
        Kind::Floor => format!("({})", row.name),
        Kind::Pidling | Kind::Beside | Kind::Peer => row.name.clone(),
    }
}

fn timing(text: &mut String, metric: &Metric) {
    let unit = match metric.unit {
        "" => String::new(),
        unit => format!(", {unit}"),
    };
    let heads = ["median", "p99", "max", "n", "× floor", "× best peer"];
    let mut rows = vec![vec![format!("{}{unit}", metric.title)]];
    rows[0].extend(heads.map(String::from));
    for row in &metric.rows {
        let far = |part: f64| match row.count() {
            // Of a handful of samples the highest says nothing.
            0..20 => "-".into(),
            _ => figure(row.quantile(part)),
        };
        rows.push(vec![
            name(row),
            figure(row.median()),
            far(0.99),
            far(1.0),
            row.count().to_string(),
            ratio(row.median(), metric.floor()),
            ratio(row.median(), metric.best_peer()),
        ]);
    }
    for (name, lack) in &metric.lacks {
        rows.push(vec![name.clone(), lack.word().into()]);
    }
    table(text, &rows);
}

fn values(text: &mut String, group: &Group) {
    let mut rows = vec![vec![String::new()]];
    for metric in &group.metrics {
        rows[0].push(match metric.unit {
            "" => metric.title.into(),
            unit => format!("{}, {unit}", metric.title),
        });
    }
    let Some(first) = group.metrics.first() else {
        return;
    };
    let named = first.rows.iter().map(|row| (name(row), row.name.as_str()));
    let without = first
        .lacks
        .iter()
        .map(|(name, _)| (name.clone(), name.as_str()));
    for (title, init) in named.chain(without) {
        let mut line = vec![title];
        for metric in &group.metrics {
            line.push(cell(metric, init, Row::median));
        }
        rows.push(line);
    }
    let mut line = vec!["pidling × best peer".to_owned()];
    for metric in &group.metrics {
        let ours = metric.of("pidling").unwrap_or(f64::NAN);
        line.push(ratio(ours, metric.best_peer()));
    }
    rows.push(line);
    table(text, &rows);
}

/// The tables, and the goals.
pub(crate) fn text(results: &Results) -> String {
    let mut text = format!(
        "{}, {}, {}\n{}\n{}\n",
        results.date, results.model, results.kernel, results.command, results.setting
    );
    for init in &results.inits {
        let _ = writeln!(
            text,
            "{} {}: {} CHILD",
            init.name,
            init.version,
            init.command.join(" ")
        );
    }
    for group in &results.groups {
        let _ = writeln!(text, "\n{}: {}", group.key, group.title);
        if let Some(reason) = &group.skipped {
            let _ = writeln!(text, "  skipped: {reason}");
        }
        let (timings, plain): (Vec<&Metric>, Vec<&Metric>) =
            group.metrics.iter().partition(|metric| metric.is_timing);
        for metric in timings {
            timing(&mut text, metric);
        }
        if !plain.is_empty() {
            values(&mut text, group);
        }
    }
    let mut rows = vec![vec!["goals".into(), "at most".into(), "measured".into()]];
    for goal in goals(results) {
        let Some(value) = goal.value else { continue };
        rows.push(vec![
            goal.title.into(),
            format!("{} {}", figure(goal.limit), goal.unit),
            format!("{} {}", figure(value), goal.unit),
            if goal.is_met() == Some(true) {
                "met".into()
            } else {
                "not met".into()
            },
        ]);
    }
    if rows.len() > 1 {
        text.push('\n');
        table(&mut text, &rows);
    }
    beside(&mut text, results);
    text
}

/// What pidling takes in terms of the other build, row by row.
fn beside(text: &mut String, results: &Results) {
    let mut rows = vec![
        ["beside the other build", "pidling", BESIDE, "ratio"]
            .map(String::from)
            .to_vec(),
    ];
    for metric in results.groups.iter().flat_map(|group| &group.metrics) {
        if let (Some(ours), Some(other)) = (metric.of(OURS), metric.of(BESIDE)) {
            rows.push(vec![
                metric.key.into(),
                figure(ours),
                figure(other),
                ratio(ours, Some(other)),
            ]);
        }
    }
    if rows.len() > 1 {
        text.push('\n');
        table(text, &rows);
    }
}

/// Everything, as one document.
pub(crate) fn json(results: &Results) -> Value {
    let number = |value: f64| {
        if value.is_nan() {
            Value::Null
        } else {
            json!(value)
        }
    };
    let row = |row: &Row| {
        json!({
            "init": row.name,
            "is_floor": row.kind == Kind::Floor,
            "samples": row.count(),
            "median": number(row.median()),
            "p99": number(row.quantile(0.99)),
            "max": number(row.quantile(1.0)),
        })
    };
    let metric = |metric: &Metric| {
        json!({
            "metric": metric.key,
            "title": metric.title,
            "unit": metric.unit,
            "rows": metric.rows.iter().map(row).collect::<Vec<_>>(),
            "lacks": metric.lacks.iter().map(|(name, lack)| json!({
                "init": name,
                "lack": lack.word(),
            })).collect::<Vec<_>>(),
        })
    };
    let group = |group: &Group| {
        json!({
            "group": group.key,
            "title": group.title,
            "skipped": group.skipped,
            "metrics": group.metrics.iter().map(metric).collect::<Vec<_>>(),
        })
    };
    let goals = goals(results);
    let goals = goals.iter().map(|goal| {
        json!({
            "goal": goal.title,
            "unit": goal.unit,
            "at_most": goal.limit,
            "measured": goal.value.map(number),
            "met": goal.is_met(),
        })
    });
    json!({
        "date": results.date,
        "processor": results.model,
        "kernel": results.kernel,
        "setting": results.setting,
        "command": results.command,
        "inits": results.inits.iter().map(|init| json!({
            "init": init.name,
            "version": init.version,
            "busy_at_rest": init.busy,
            "command": init.command,
        })).collect::<Vec<_>>(),
        "groups": results.groups.iter().map(group).collect::<Vec<_>>(),
        "goals": goals.collect::<Vec<_>>(),
    })
}

/// Rows of a table: the key of a metric and what it is called.
pub(crate) type Rows = [(&'static str, &'static str)];

/// The rows of the whole table.
pub(crate) const ALL: &Rows = &[
    ("file", "file, bytes"),
    ("mapped", "with the files that it maps, bytes"),
    ("rss", "memory at rest, VmRSS, kB"),
    ("dirty", "private dirty memory at rest, kB"),
    ("rss_after", "VmRSS after 10,000 orphans and a signal, kB"),
    ("tables", "page tables, kB"),
    ("faults", "page faults, start to stop, with the child's"),
    ("start", "exec to the child's first instruction, µs"),
    ("signal", "kill to the child's arrival, µs"),
    ("signal_cpu", "processor time per signal, µs"),
    ("storm", "kill to arrival while 20,000 orphans die, p99, µs"),
    ("reap", "processor time per orphan, µs"),
    ("reap_burst", "the same, 1,000 orphans at a time, µs"),
    ("crowd", "the same, one of 5,000 children, µs"),
    ("stop", "SIGTERM to the init's end, µs"),
    ("end", "the child's death to the init's end, µs"),
    (
        "main_dead_pid1_8000",
        "deadline to the main child's death, 8,000 to kill, ms",
    ),
    ("all_dead_pid1_8000", "deadline to everybody's death, ms"),
    (
        "main_dead_wrapper_8000",
        "the main child's, killed by a wrapper, ms",
    ),
    (
        "all_dead_wrapper_8000",
        "everybody's, killed by a wrapper, ms",
    ),
    ("log_text_pipe", "a line of the log to a pipe, text, µs"),
    ("log_json_pipe", "the same, JSON, µs"),
    ("log_hidden", "a line that is not shown, ns"),
    ("switches", "context switches in 5 idle seconds"),
    ("calls_start", "system calls from exec to rest"),
    ("calls_signal", "system calls per signal"),
    ("calls_orphan", "system calls per orphan"),
];

/// The rows of the README: what users ask for, and where others are better.
pub(crate) const README: &Rows = &[
    ("file", "file, bytes"),
    ("rss", "memory at rest, VmRSS, kB"),
    ("start", "exec to the child's first instruction, µs"),
    ("stop", "SIGTERM to the init's end, µs"),
    ("calls_orphan", "system calls per orphan"),
];

/// The rows about large numbers.
pub(crate) const SCALE: &Rows = &[
    (
        "orphans_each",
        "processor time for each of 1,000,000 orphans, µs",
    ),
    (
        "orphans_wall",
        "the same, made and reaped, wall time of all, s",
    ),
    ("orphans_rss", "VmRSS before 1,000,000 orphans, kB"),
    ("orphans_rss_after", "VmRSS after 1,000,000 orphans, kB"),
    (
        "signals_each",
        "processor time for each of 100,000 signals, µs",
    ),
    ("signals_rss", "VmRSS before 100,000 signals, kB"),
    ("signals_rss_after", "VmRSS after 100,000 signals, kB"),
    ("inits_pss", "1,000 inits at once, Pss of all, kB"),
    ("inits_dirty", "their private dirty memory, kB"),
    ("inits_tables", "their page tables, kB"),
];

/// What a table depends on.
pub(crate) fn setting(results: &Results) -> String {
    let often = match results.extent {
        Extent::Scale => "One run.",
        Extent::Full | Extent::Quick => "Medians, unless a row says otherwise.",
    };
    format!(
        "Measured on {} by `{}` on {}, {},\n{}. {often}\n\
         The floor is the least that a program can do in an init's place: `tests/bench/floor.c`.\n\n",
        results.date, results.command, results.model, results.kernel, results.setting
    )
}

/// The same in a line.
pub(crate) fn short_setting(results: &Results) -> String {
    format!(
        "Measured on {} by `{}` on {}, {}. Medians.\n\n",
        results.date, results.command, results.model, results.kernel
    )
}

/// A table of these rows, with a column for each of these inits.
fn columns(results: &Results, rows: &Rows, inits: &[&Init], has_floor: bool) -> String {
    let mut text = String::new();
    let mut head = String::from("| |");
    let mut rule = String::from("|---|");
    if has_floor {
        head += " floor |";
        rule += "---|";
    }
    for init in inits {
        let _ = write!(head, " {} {} |", init.name, init.version);
        rule += "---|";
    }
    let _ = writeln!(text, "{head}\n{rule}");
    for (key, title) in rows {
        let Some(metric) = results.metric(key) else {
            continue;
        };
        let of = |row: &Row| row.quantile(if *key == "storm" { 0.99 } else { 0.5 });
        let _ = write!(text, "| {title} |");
        if has_floor {
            let floor = metric.rows.iter().find(|row| row.kind == Kind::Floor);
            let floor = floor.map_or("-".into(), |floor| figure(of(floor)));
            let _ = write!(text, " {floor} |");
        }
        for init in inits {
            let _ = write!(text, " {} |", cell(metric, &init.name, of));
        }
        text.push('\n');
    }
    text
}

/// A table of these rows with all columns, and what its words mean.
pub(crate) fn markdown(results: &Results, rows: &Rows) -> String {
    let inits: Vec<&Init> = results.inits.iter().collect();
    columns(results, rows, &inits, true) + &notes(results, rows)
}

/// The rows of the README, without the columns that need an explanation.
pub(crate) fn short_markdown(results: &Results) -> String {
    let is_known = |init: &&Init| init.is_pidling() || init.is_packaged();
    let inits: Vec<&Init> = results.inits.iter().filter(is_known).collect();
    columns(results, README, &inits, false)
}

/// What the words in these rows mean, and whom they are about.
fn notes(results: &Results, rows: &Rows) -> String {
    let mut text = String::new();
    let lacks = || {
        let metrics = rows.iter().filter_map(|(key, _)| results.metric(key));
        metrics.flat_map(|metric| &metric.lacks)
    };
    for init in &results.inits {
        let has = |wanted| lacks().any(|(name, lack)| *name == init.name && *lack == wanted);
        for lack in [Lack::Hangs, Lack::Spins, Lack::Fails] {
            if !has(lack) {
                continue;
            }
            let word = lack.word();
            let what = match lack {
                Lack::Hangs => format!(
                    "it was not done after {} s, and was ended",
                    results.patience
                ),
                Lack::Spins => format!(
                    "it takes {:.0} % of the processor with nothing to do, so what a signal or an orphan costs cannot \
                     be told",
                    init.busy * 100.0
                ),
                Lack::Fails => "it ended too early, or an error did".into(),
            };
            let _ = write!(text, "\n`{word}`, {}: {what}.\n", init.name);
        }
    }
    text
}

/// The command that writes the tables of the comparison.
pub(crate) const COMPARISON: &str = "cargo bench -- --update";

/// The command that writes the table of large numbers.
pub(crate) const LARGE_NUMBERS: &str = "cargo bench -- --scale --update";

/// A document with another table in the place that names this command.
pub(crate) fn update(document: &str, command: &str, table: &str) -> Result<String> {
    let begin = format!("<!-- {command} -->\n");
    let (before, rest) = document
        .split_once(&begin)
        .context("there is no place for the table")?;
    let (_, after) = rest
        .split_once("<!-- end -->\n")
        .context("the table has no end")?;
    Ok(format!("{before}{begin}\n{table}\n<!-- end -->\n{after}"))
}
