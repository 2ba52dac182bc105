//! The command line of the benchmark.

use crate::groups::GROUPS;
use std::fmt::Write as _;
use std::path::PathBuf;

/// How much is measured.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// As often as it takes for figures to repeat.
    #[default]
    Full,
    /// In a minute or two.
    Quick,
    /// Large numbers in place of the comparison.
    Scale,
}

/// What is printed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables.
    #[default]
    Text,
    /// One document.
    Json,
    /// The table of `docs/benchmarks.md`.
    Markdown,
}

/// What was asked for.
#[derive(Default)]
pub(crate) struct Options {
    /// Print the usage.
    pub(crate) help: bool,
    pub(crate) extent: Extent,
    pub(crate) format: Format,
    /// Write the tables and the chart where they belong.
    pub(crate) update: bool,
    /// Where to write the chart.
    pub(crate) svg: Option<PathBuf>,
    /// More inits: a name, and the words before the command.
    pub(crate) inits: Vec<(String, Vec<String>)>,
    /// Another build of pidling, to be compared with.
    pub(crate) beside: Option<PathBuf>,
    /// The groups to measure, all if empty.
    pub(crate) only: Vec<String>,
}

impl Options {
    /// Reads the arguments; the error is one line for whoever typed them.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{word} needs a value, see --help"))
            };
            match word.as_str() {
                // What cargo adds.
                "--bench" => {}
                "-h" | "--help" => options.help = true,
                "--quick" => options.extent = Extent::Quick,
                "--scale" => options.extent = Extent::Scale,
                "--json" => options.format = Format::Json,
                "--markdown" => options.format = Format::Markdown,
                "--update" => options.update = true,
                "--svg" => options.svg = Some(value()?.into()),
                "--beside" => options.beside = Some(value()?.into()),
                "--only" => {
                    let key = value()?;
                    if !GROUPS.iter().any(|group| group.key == key) {
                        let keys = GROUPS.map(|group| group.key).join(", ");
                        return Err(format!("--only: no metric {key}, expected one of {keys}"));
                    }
                    options.only.push(key);
                }
                "--init" => options.inits.push(init(&value()?)?),
                _ => return Err(format!("unknown option {word}, see --help")),
            }
        }
        if options.update && options.beside.is_some() {
            return Err("--update describes one build, without --beside".into());
        }
        let writes = options.update || options.svg.is_some();
        if writes && !options.only.is_empty() {
            return Err("--update and --svg need all metrics, not --only".into());
        }
        if options.svg.is_some() && options.extent == Extent::Scale {
            return Err("--svg draws the comparison, not --scale".into());
        }
        Ok(options)
    }

    /// Whether a group of metrics is asked for.
    pub(crate) fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == key)
    }
}

fn init(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, command) = text.split_once('=').unwrap_or_default();
    let words: Vec<String> = command.split_whitespace().map(String::from).collect();
    if name.is_empty() || words.is_empty() {
        return Err(format!("--init: {text} is not NAME=COMMAND"));
    }
    Ok((name.into(), words))
}

/// The usage.
pub(crate) fn help() -> String {
    let mut help = String::from(
        "\
Usage: cargo bench -- [OPTION...]
Measures pidling beside the inits that are installed and a floor, in one run on one processor.
      --quick              fewer rounds, a minute or two
      --scale              instead: a million orphans, 100,000 signals, 1,000 inits at once
      --only METRIC        measure only this, repeatable
      --init NAME=COMMAND  one more init; COMMAND is what comes before the child's words, often ends in --
      --beside FILE        another build of pidling, and what this one takes in its terms
      --json               print one JSON document
      --markdown           print the table of docs/benchmarks.md
      --svg FILE           write the chart
      --update             write the tables to docs/benchmarks.md and README.md, the chart to its place;
                           with --scale its own table
Metrics:
",
    );
    for group in GROUPS {
        let _ = writeln!(help, "  {:8} {}", group.key, group.title);
    }
    help
}
