//! What was measured.

use crate::inits::{Init, Kind};
use crate::machine::Machine;
use crate::options::{Extent, Options};

/// The numbers of one init in one metric, in order of size.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// It never sleeps, at the price of a processor.
    spins: bool,
    samples: Vec<f64>,
}

impl Row {
    pub(crate) fn new(init: &Init, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self {
            name: init.name.clone(),
            kind: init.kind,
            spins: init.spins(),
            samples,
        }
    }

    /// The sample that this part of all is not above.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let last = self.samples.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index, and parts are between 0 and 1"
        )]
        let index = (last as f64 * part).round() as usize;
        self.samples.get(index).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn count(&self) -> usize {
        self.samples.len()
    }
}

/// Why an init that was measured has no figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    /// The measurement was not over in time, and the init was ended.
    Hangs,
    /// The init never sleeps, so that its figure would say nothing.
    Spins,
    /// Anything else; the words went to standard error.
    Fails,
}

impl Lack {
    /// What stands in the figure's place.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hangs => "hangs",
            Self::Spins => "spins",
            Self::Fails => "fails",
        }
    }
}

/// One quantity, of every init that has it.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    /// Its name in JSON.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    /// Samples that differ for reasons of chance: p99 and the number of samples are of interest.
    pub(crate) is_timing: bool,
    pub(crate) rows: Vec<Row>,
    /// Inits without a figure.
    pub(crate) lacks: Vec<(String, Lack)>,
}

impl Metric {
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The median of an init.
    pub(crate) fn of(&self, name: &str) -> Option<f64> {
        self.row(name).map(Row::median)
    }

    /// The first floor's median.
    pub(crate) fn floor(&self) -> Option<f64> {
        let floor = self.rows.iter().find(|row| row.kind == Kind::Floor);
        floor.map(Row::median)
    }

    /// Why an init has no figure, if it ought to have one.
    pub(crate) fn lack(&self, name: &str) -> Option<Lack> {
        let (_, lack) = self.lacks.iter().find(|(known, _)| known == name)?;
        Some(*lack)
    }

    /// The lowest median of another init that sleeps when it has nothing to do.
    pub(crate) fn best_peer(&self) -> Option<f64> {
        let peers = self.rows.iter().filter(|row| row.kind == Kind::Peer);
        let peers = peers.filter(|row| !row.spins);
        peers.map(Row::median).min_by(f64::total_cmp)
    }
}

/// Metrics that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) key: &'static str,
    pub(crate) title: String,
    pub(crate) metrics: Vec<Metric>,
    /// Why there are no metrics.
    pub(crate) skipped: Option<String>,
}

/// The whole run.
pub(crate) struct Results {
    pub(crate) model: String,
    pub(crate) kernel: String,
    pub(crate) setting: String,
    pub(crate) date: String,
    /// How to make it again.
    pub(crate) command: String,
    pub(crate) extent: Extent,
    /// How many seconds each measurement of a peer could take.
    pub(crate) patience: usize,
    pub(crate) inits: Vec<Init>,
    pub(crate) groups: Vec<Group>,
}

impl Results {
    pub(crate) fn new(machine: &Machine, inits: &[Init], options: &Options) -> Self {
        let command = match options.extent {
            Extent::Full => "cargo bench",
            Extent::Quick => "cargo bench -- --quick",
            Extent::Scale => "cargo bench -- --scale",
        };
        Self {
            model: machine.model.clone(),
            kernel: machine.kernel.clone(),
            setting: machine.setting.clone(),
            date: machine.date.clone(),
            command: command.into(),
            extent: options.extent,
            patience: 0,
            inits: inits.to_vec(),
            groups: Vec::new(),
        }
    }

    /// The metric of that name, if it was measured.
    pub(crate) fn metric(&self, key: &str) -> Option<&Metric> {
        self.groups
            .iter()
            .flat_map(|group| &group.metrics)
            .find(|metric| metric.key == key)
    }
}
