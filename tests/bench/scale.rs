//! Large numbers: nothing that an init keeps may grow with what it has done.

use crate::groups::{Samples, WAIT, interleave};
use crate::inits::{Init, floor};
use crate::lab::{Held, Lab, Role};
use crate::results::{Group, Results};
use anyhow::{Result, anyhow};
use std::time::Instant;

/// Orphans are made a part at a time, so that there is something to say meanwhile.
const PARTS: usize = 10;
const ORPHANS: usize = 1_000_000;
const SIGNALS: usize = 100_000;
const INITS: usize = 1000;

/// Seconds that a part may take, or the signals. The making of an orphan takes ten times as long as its reaping.
const PATIENCE: usize = 60;

/// What is measured of a piece of work: memory before and after it, processor time of each piece, wall time of all.
const QUANTITIES: usize = 6;

/// Measures all inits, and the floor where it can do the work.
pub(crate) fn measure(lab: &mut Lab, inits: &[Init], results: &mut Results) -> Result<()> {
    if let Err(reason) = &lab.namespaces {
        return Err(anyhow!("skipped: {reason}"));
    }
    lab.patience = PATIENCE;
    let floor = floor(WAIT, &lab.floor, "fork");
    let all: Vec<&Init> = [&floor].into_iter().chain(inits).collect();

    let title = "a million orphans, 1,000 at a time, as PID 1";
    let role = Role("orphans", ORPHANS / PARTS, 1000);
    let samples = interleave(lab, title, 1, all.clone(), |lab, init| {
        work(lab, init, role, PARTS, ORPHANS)
    })?;
    let keys = [
        "orphans_rss",
        "orphans_rss_after",
        "orphans_dirty",
        "orphans_dirty_after",
        "orphans_each",
        "orphans_wall",
    ];
    results.groups.push(group("orphans", title, keys, &samples));

    let title = "100,000 signals, one at a time, as PID 1";
    let role = Role("signals", SIGNALS, 0);
    let samples = interleave(lab, title, 1, inits.iter().collect(), |lab, init| {
        work(lab, init, role, 1, SIGNALS)
    })?;
    let keys = [
        "signals_rss",
        "signals_rss_after",
        "signals_dirty",
        "signals_dirty_after",
        "signals_each",
        "signals_wall",
    ];
    results.groups.push(group("signals", title, keys, &samples));

    let title = "1,000 inits at once, each as PID 1, all of them together";
    let samples = interleave(lab, title, 1, all, crowd)?;
    let kb = |index, key, title| samples.metric(index, (key, title, "kB"), 1.0, false);
    results.groups.push(Group {
        key: "inits",
        title: title.into(),
        metrics: vec![
            kb(0, "inits_rss", "VmRSS"),
            kb(1, "inits_pss", "Pss"),
            kb(2, "inits_dirty", "private dirty"),
            kb(3, "inits_tables", "page tables"),
        ],
        skipped: None,
    });
    Ok(())
}

/// Lets the main child work, so many times for all of these pieces.
fn work(
    lab: &mut Lab,
    init: &Init,
    role: Role,
    parts: usize,
    pieces: usize,
) -> Result<[Vec<f64>; QUANTITIES]> {
    let mut held = lab.hold(init, role)?;
    let [rss, dirty, _] = memory(&held)?;
    let run_time = held.run_time()?;
    let mut wall = 0.0;
    for part in 0..parts {
        lab.progress.begin(&format!(
            "{}, {} of {pieces}",
            init.name,
            pieces / parts * part
        ));
        let began = Instant::now();
        held.work()?;
        wall += began.elapsed().as_secs_f64();
    }
    let each = (held.run_time()? - run_time) / pieces as f64 / 1000.0;
    let [rss_after, dirty_after, _] = memory(&held)?;
    let each = if init.spins() { vec![] } else { vec![each] };
    let one = |value| vec![value];
    Ok([
        one(rss),
        one(rss_after),
        one(dirty),
        one(dirty_after),
        each,
        one(wall),
    ])
}

/// `VmRSS`, private dirty and page tables in kB.
fn memory(held: &Held) -> Result<[f64; 3]> {
    Ok([
        held.field("status", "VmRSS")?,
        held.field("smaps_rollup", "Private_Dirty")?,
        held.field("status", "VmPTE")?,
    ])
}

fn group(
    key: &'static str,
    title: &str,
    keys: [&'static str; QUANTITIES],
    samples: &Samples<'_, QUANTITIES>,
) -> Group {
    let columns = [
        ("VmRSS", "kB"),
        ("after", "kB"),
        ("private dirty", "kB"),
        ("after", "kB"),
        ("processor time of each", "µs"),
        ("all, wall time", "s"),
    ];
    let columns = keys.into_iter().zip(columns).enumerate();
    let metric =
        |(index, (key, (title, unit)))| samples.metric(index, (key, title, unit), 1.0, false);
    Group {
        key,
        title: title.into(),
        metrics: columns.map(metric).collect(),
        skipped: None,
    }
}

fn crowd(lab: &mut Lab, init: &Init) -> Result<[Vec<f64>; 4]> {
    // So many of them would leave nobody else the processor.
    if init.spins() {
        return Ok([const { Vec::new() }; 4]);
    }
    lab.progress.begin(&format!("{INITS} times {}", init.name));
    let mut sums = [0.0; 4];
    let mut held = Vec::new();
    for _ in 0..INITS {
        held.push(lab.hold(init, Role("receive", 0, 0))?);
    }
    for one in &held {
        let [rss, dirty, tables] = memory(one)?;
        let pss = one.field("smaps_rollup", "Pss")?;
        for (sum, value) in sums.iter_mut().zip([rss, pss, dirty, tables]) {
            *sum += value;
        }
    }
    Ok(sums.map(|value| vec![value]))
}
