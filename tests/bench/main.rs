//! Beside the other inits, in numbers: `cargo bench`, and `cargo bench -- --help` for its options.
//!
//! The inits that are installed, pidling and a floor, the least that a program can do, run in turn and are
//! measured by the same program, `floor.c`, on one processor. Reading order: this file; `lab`, which
//! starts an init and hands back what the driver says; `groups`, what is measured; `report`, how it is
//! printed; `goals`, what pidling is held to.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark computes with small numbers and prints them; one that panics says where"
)]

mod chart;
mod deadline;
mod goals;
mod groups;
mod inits;
mod lab;
mod log;
mod machine;
mod options;
mod report;
mod results;
mod scale;

use anyhow::{Context, Result, bail};
use options::{Extent, Format, Options};
use results::Results;
use std::path::Path;
use std::process::ExitCode;

/// What `--update` writes: the chart, and the tables of this file and of the README.
const CHART: &str = "tests/bench/comparison.svg";
const DOCUMENT: &str = "docs/benchmarks.md";

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("bench: {message}");
            return ExitCode::from(2);
        }
    };
    if options.help {
        print!("{}", options::help());
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    // Before anything else: whoever makes a user namespace must not have a second thread.
    let namespaces = machine::allow_namespaces();
    let machine = machine::Machine::prepare()?;
    let mut inits = inits::find(options)?;
    let mut lab = lab::Lab::new(namespaces)?;
    lab.look_at_rest(&mut inits)?;
    let mut results = Results::new(&machine, &inits, options);
    if options.extent == Extent::Scale {
        scale::measure(&mut lab, &inits, &mut results)?;
    } else {
        groups::measure(&mut lab, &inits, options, &mut results)?;
    }
    lab.progress.clear();
    results.patience = lab.patience;
    drop(lab);

    match options.format {
        Format::Text => print!("{}", report::text(&results)),
        Format::Json => println!("{:#}", report::json(&results)),
        Format::Markdown => print!("{}", whole_table(&results)),
    }
    let wants_files = options.update || options.svg.is_some();
    if wants_files && let Some(group) = results.groups.iter().find(|group| group.skipped.is_some())
    {
        bail!("no file is written: {} was skipped", group.key);
    }
    if let Some(path) = &options.svg {
        write(path, &chart::svg(&results))?;
    }
    if options.update {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let put = |document: &str, command, table: &str| -> Result<()> {
            let path = root.join(document);
            let old = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {document}"))?;
            let new = report::update(&old, command, table).with_context(|| document.to_owned())?;
            write(&path, &new)
        };
        let table = whole_table(&results);
        if options.extent == Extent::Scale {
            return put(DOCUMENT, report::LARGE_NUMBERS, &table);
        }
        write(&root.join(CHART), &chart::svg(&results))?;
        put(DOCUMENT, report::COMPARISON, &table)?;
        let some = report::short_setting(&results) + &report::short_markdown(&results);
        put("README.md", report::COMPARISON, &some)?;
    }
    Ok(())
}

/// All rows, and what they depend on.
fn whole_table(results: &Results) -> String {
    let rows = match results.extent {
        Extent::Scale => report::SCALE,
        Extent::Full | Extent::Quick => report::ALL,
    };
    report::setting(results) + &report::markdown(results, rows)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
