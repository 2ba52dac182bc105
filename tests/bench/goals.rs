//! What pidling is held to, as ratios in one run.

use crate::deadline::CASES;
use crate::groups::{SIGNAL_FLOOR, START_FLOOR};
use crate::log;
use crate::results::{Metric, Results};

/// A goal and what became of it.
pub(crate) struct Goal {
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) limit: f64,
    /// Unless it was not measured.
    pub(crate) value: Option<f64>,
}

impl Goal {
    /// Whether it is reached.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.value.map(|value| value <= self.limit)
    }
}

/// The init that is held to them.
pub(crate) const OURS: &str = "pidling";
const STATIC: &str = "tini-static";

/// All goals.
#[expect(clippy::too_many_lines, reason = "one entry for each goal")]
pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    let ratio = |key, other: &dyn Fn(&Metric) -> Option<f64>| {
        let metric = results.metric(key)?;
        Some(metric.of(OURS)? / other(metric)?)
    };
    let to = |key, other: &str| ratio(key, &|metric| metric.of(other));
    let to_peers = |key| ratio(key, &Metric::best_peer);
    let to_floor = |key| ratio(key, &Metric::floor);
    let plain = |key| results.metric(key)?.of(OURS);
    let worst = |index: usize, value: &dyn Fn(&'static str) -> Option<f64>| {
        // With one process everybody is the main child, whose death has a goal of its own.
        let cases = CASES.iter().filter(|case| index == 0 || case.count > 1);
        let values = cases.filter_map(|case| value(case.keys[index]));
        values.max_by(f64::total_cmp)
    };
    let worst_line = |terminal| {
        log::shown(terminal)
            .filter_map(to_floor)
            .max_by(f64::total_cmp)
    };
    [
        (
            "start, to fork + setpgid + exec",
            "×",
            1.2,
            to("start", START_FLOOR),
        ),
        ("start, to tini-static", "×", 0.38, to("start", STATIC)),
        (
            "signal, to a bare loop",
            "×",
            1.15,
            to("signal", SIGNAL_FLOOR),
        ),
        ("signal, to the best peer", "×", 1.0, to_peers("signal")),
        (
            "processor time per signal, to a bare loop",
            "×",
            1.15,
            to("signal_cpu", SIGNAL_FLOOR),
        ),
        (
            "processor time per signal, to the best peer",
            "×",
            1.0,
            to_peers("signal_cpu"),
        ),
        (
            "SIGTERM to the end, to tini-static",
            "×",
            0.75,
            to("stop", STATIC),
        ),
        (
            "processor time per orphan, to a bare loop",
            "×",
            1.2,
            to("reap", SIGNAL_FLOOR),
        ),
        (
            "the same, 1,000 orphans at a time",
            "×",
            1.25,
            to("reap_burst", SIGNAL_FLOOR),
        ),
        (
            "the same, one of 5,000 children",
            "×",
            1.2,
            to("crowd", SIGNAL_FLOOR),
        ),
        (
            "the deadline to the main child's death, worst case",
            "ms",
            1.0,
            worst(0, &plain),
        ),
        (
            "the deadline to everybody's death, to a bare look and kill, worst case",
            "×",
            2.0,
            worst(1, &to_floor),
        ),
        (
            "the longest wait of a signal meanwhile, worst case",
            "ms",
            50.0,
            worst(2, &plain),
        ),
        (
            "a line of the log to a pipe or file, to bare system calls, worst case",
            "×",
            1.5,
            worst_line(false),
        ),
        (
            "a line of the log to a terminal, to bare system calls, worst case",
            "×",
            1.5,
            worst_line(true),
        ),
        (
            "a line of the log that is not shown",
            "ns",
            20.0,
            plain(log::HIDDEN_LINE),
        ),
        (
            "context switches in 5 idle seconds",
            "",
            0.0,
            plain("switches"),
        ),
        ("VmRSS at rest", "kB", 84.0, plain("rss")),
        ("private dirty memory at rest", "kB", 12.0, plain("dirty")),
        (
            "VmRSS after 10,000 orphans and a signal",
            "kB",
            84.0,
            plain("rss_after"),
        ),
        ("page faults of a whole run", "", 17.0, plain("faults")),
        (
            "system calls from exec to rest",
            "",
            12.0,
            plain("calls_start"),
        ),
        ("system calls per signal", "", 2.1, plain("calls_signal")),
        ("system calls per orphan", "", 3.1, plain("calls_orphan")),
        ("the file", "bytes", 69_632.0, plain("file")),
    ]
    .map(|(title, unit, limit, value)| Goal {
        title,
        unit,
        limit,
        value,
    })
    .into()
}
