//! The chart of the README: one panel of bars for each quantity, readable on a light and on a dark page.

use crate::inits::Kind;
use crate::report::figure;
use crate::results::{Lack, Metric, Results, Row};
use std::fmt::Write as _;

/// The panels, in reading order, two in a row.
const PANELS: [(&str, &str); 4] = [
    ("rss", "memory at rest as PID 1, VmRSS, kB"),
    ("start", "exec to the child's first instruction, µs"),
    ("stop", "SIGTERM to the init's end, µs"),
    (
        "all_dead_pid1_8000",
        "deadline to everybody's death, 8,000 to kill, ms",
    ),
];

// All lengths are in pixels.
const WIDTH: usize = 880;
const TOP: usize = 82;
const PANEL_WIDTH: usize = 440;
const NAMES: usize = 90;
const BARS: usize = 270;
const LINE: usize = 19;
const TITLE: usize = 26;
const GAP: usize = 18;

/// The colours follow the page's scheme where the viewer tells it, and are readable on both where not.
const STYLE: &str = "\
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #3d444d; }
.head { font-size: 16px; font-weight: 600; }
.title { font-weight: 600; }
.name { text-anchor: end; }
.none { font-style: italic; }
.pidling { fill: #1f6feb; }
.peer { fill: #9aa4af; }
.floor { fill: none; stroke: #9aa4af; stroke-dasharray: 3 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #d1d7e0; }
  .pidling { fill: #4493f8; }
  .peer { fill: #656c76; }
  .floor { stroke: #8b949e; }
}
";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The whole picture.
pub(crate) fn svg(results: &Results) -> String {
    let found: Vec<(&Metric, &str)> = PANELS
        .iter()
        .filter_map(|(key, title)| Some((results.metric(key)?, *title)))
        .collect();
    // The first floor and all inits.
    let panel = TITLE + (results.inits.len() + 1) * LINE + GAP;
    let height = TOP + found.len().div_ceil(2) * panel;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>pidling beside other inits</title>\n<style>\n{STYLE}</style>\n"
    );
    let head = "pidling beside other inits; shorter is better";
    let _ = writeln!(text, "<text class=\"head\" x=\"12\" y=\"26\">{head}</text>");
    let place = format!("{}, {}, {}", results.date, results.model, results.kernel);
    let how = format!(
        "{}; medians; dashed: the least that a program can do in an init's place",
        results.command
    );
    for (line, y) in [(place, 46), (how, 63)] {
        let _ = writeln!(text, "<text x=\"12\" y=\"{y}\">{}</text>", escape(&line));
    }
    for (index, (metric, title)) in found.into_iter().enumerate() {
        let x = index % 2 * PANEL_WIDTH;
        let y = TOP + index / 2 * panel;
        let _ = writeln!(
            text,
            "<text class=\"title\" x=\"{}\" y=\"{}\">{}</text>",
            x + 12,
            y + 16,
            escape(title)
        );
        bars(&mut text, metric, results, x, y + TITLE);
    }
    text + "</svg>\n"
}

fn bars(text: &mut String, metric: &Metric, results: &Results, x: usize, y: usize) {
    let floor = metric.rows.iter().find(|row| row.kind == Kind::Floor);
    let of_inits = results.inits.iter().map(|init| {
        let class = if init.is_pidling() { "pidling" } else { "peer" };
        (class, init.name.as_str(), metric.row(&init.name))
    });
    let lines = floor.into_iter().map(|row| ("floor", "floor", Some(row)));
    let most = metric.rows.iter().map(Row::median).fold(0.0, f64::max);
    for (index, (class, name, row)) in lines.chain(of_inits).enumerate() {
        let y = y + index * LINE;
        let _ = write!(
            text,
            "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
            x + NAMES - 6,
            y + 13,
            escape(name),
        );
        let Some(row) = row else {
            let word = metric.lack(name).map_or("none", Lack::word);
            let _ = writeln!(
                text,
                "<text class=\"none\" x=\"{}\" y=\"{}\">{word}</text>",
                x + NAMES,
                y + 13
            );
            continue;
        };
        // A value that is there is seen.
        let width = (row.median() / most * BARS as f64).max(1.0);
        let _ = writeln!(
            text,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" rx=\"1\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            x + NAMES,
            y + 3,
            LINE - 6,
            (x + NAMES) as f64 + width + 6.0,
            y + 13,
            figure(row.median())
        );
    }
}
