//! Large numbers: nothing that an init keeps may grow with what it has done.

use crate::groups::{Samples, WAIT, interleave};
use crate::inits::{Init, floor};
use crate::lab::{Held, Lab, Role};
use crate::results::{Group, Results};
use anyhow::{Result, anyhow};

const ORPHANS: usize = 1_000_000;
const SIGNALS: usize = 100_000;
const INITS: usize = 1000;

/// Measures pidling and tini-static, and the floor where it can do the work.
pub(crate) fn measure(lab: &mut Lab, inits: &[Init], results: &mut Results) -> Result<()> {
    lab.patience = 900;
    if let Err(reason) = &lab.namespaces {
        return Err(anyhow!("skipped: {reason}"));
    }
    let of_interest = |init: &&Init| matches!(init.name.as_str(), "pidling" | "tini-static");
    let inits: Vec<&Init> = inits.iter().filter(of_interest).collect();
    let floor = floor(WAIT, &lab.floor, "fork");
    let all: Vec<&Init> = [&floor].into_iter().chain(inits.clone()).collect();
    results.inits.retain(|init| of_interest(&init));

    let title = "a million orphans, one at a time, as PID 1";
    let role = Role("orphans", ORPHANS, 1);
    let samples = interleave(lab, title, 1, all.clone(), |lab, init| {
        work(lab, init, role, ORPHANS)
    })?;
    results.groups.push(group("orphans", title, &samples));

    let title = "100,000 signals, one at a time, as PID 1";
    let role = Role("signals", SIGNALS, 0);
    let samples = interleave(lab, title, 1, inits, |lab, init| {
        work(lab, init, role, SIGNALS)
    })?;
    results.groups.push(group("signals", title, &samples));

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

/// Memory before and after the work, and the processor time of each piece of it.
fn work(lab: &mut Lab, init: &Init, role: Role, pieces: usize) -> Result<[Vec<f64>; 7]> {
    let mut held = lab.hold(init, role)?;
    let before = memory(&held)?;
    let run_time = held.run_time()?;
    held.work()?;
    let each = (held.run_time()? - run_time) / pieces as f64 / 1000.0;
    let after = memory(&held)?;
    let [rss, dirty, tables] = before;
    let [rss_after, dirty_after, tables_after] = after;
    Ok([
        rss,
        rss_after,
        dirty,
        dirty_after,
        tables,
        tables_after,
        each,
    ]
    .map(|value| vec![value]))
}

fn memory(held: &Held) -> Result<[f64; 3]> {
    Ok([
        held.field("status", "VmRSS")?,
        held.field("smaps_rollup", "Private_Dirty")?,
        held.field("status", "VmPTE")?,
    ])
}

fn group(key: &'static str, title: &str, samples: &Samples<'_, 7>) -> Group {
    let metric = |index, key, title, unit| samples.metric(index, (key, title, unit), 1.0, false);
    Group {
        key,
        title: title.into(),
        metrics: vec![
            metric(0, "scale_rss", "VmRSS", "kB"),
            metric(1, "scale_rss_after", "after", "kB"),
            metric(2, "scale_dirty", "private dirty", "kB"),
            metric(3, "scale_dirty_after", "after", "kB"),
            metric(4, "scale_tables", "page tables", "kB"),
            metric(5, "scale_tables_after", "after", "kB"),
            metric(6, "scale_each", "processor time of each", "µs"),
        ],
        skipped: None,
    }
}

fn crowd(lab: &mut Lab, init: &Init) -> Result<[Vec<f64>; 4]> {
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
