//! What is measured, and how.

use crate::deadline;
use crate::inits::{Init, Kind, floor, installed};
use crate::lab::{Hangs, Held, Lab, Mode, Role, Said};
use crate::log;
use crate::options::{Extent, Options};
use crate::results::{Group, Lack, Metric, Results, Row};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// A group's name for `--only`, and its title.
pub(crate) struct Title {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
}

const fn title(key: &'static str, title: &'static str) -> Title {
    Title { key, title }
}

/// All groups, in the order in which they are printed.
pub(crate) const GROUPS: [Title; 16] = [
    title("size", "the file, and all files that it maps"),
    title(
        "memory",
        "as PID 1 at rest, and after 10,000 orphans and a signal",
    ),
    title(
        "start",
        "from the init's exec to its child's first instruction",
    ),
    title("faults", "page faults of a whole run, start to stop"),
    title(
        "signal",
        "from kill to the child's arrival, one at a time, 100 µs apart",
    ),
    title(
        "storm",
        "the same while 20,000 orphans die, 1,000 at a time",
    ),
    title("reap", "the init's processor time for each orphan"),
    title(
        "crowd",
        "the init's processor time for a death among 5,000 living children",
    ),
    title(
        "stop",
        "from SIGTERM, and from the child's death, to the init's end",
    ),
    title(
        "deadline",
        "from the end of the grace period to the main child's death",
    ),
    title(
        "killed",
        "from the end of the grace period to everybody's death",
    ),
    title(
        "answer",
        "the longest that a signal waits meanwhile, the init waiting for the rest",
    ),
    title("log", "wall time of a line of the log"),
    title("log_cpu", "processor time of a line of the log"),
    title("idle", "five seconds in which nothing happens"),
    title("calls", "system calls of the init, counted by strace"),
];

/// How often things are done.
struct Rounds {
    cycles: usize,
    signals: (usize, usize),
    storms: usize,
    reaps: usize,
    crowds: usize,
    deadlines: usize,
    lines: usize,
    /// At most so many processes are killed.
    doomed: usize,
    /// Seconds that one measurement of a peer may take; a storm, the longest one, takes one or two.
    patience: usize,
}

const FULL: Rounds = Rounds {
    cycles: 400,
    signals: (20, 500),
    storms: 5,
    reaps: 9,
    crowds: 5,
    deadlines: 5,
    lines: 500,
    doomed: usize::MAX,
    patience: 10,
};

const QUICK: Rounds = Rounds {
    cycles: 60,
    signals: (5, 200),
    storms: 1,
    reaps: 3,
    crowds: 1,
    deadlines: 1,
    lines: 100,
    doomed: 1000,
    patience: 5,
};

const VFORK: &str = "vfork + exec";
const FORK: &str = "fork + setpgid + exec";
const LOOP: &str = "sigtimedwait + kill";
const DIRECT: &str = "no init";
/// The init that only reaps.
pub(crate) const WAIT: &str = "wait4 loop";

/// The floor that pidling's start is held to.
pub(crate) const START_FLOOR: &str = FORK;
/// The floor that pidling's forwarding is held to.
pub(crate) const SIGNAL_FLOOR: &str = LOOP;

/// Measures all that is asked for.
pub(crate) fn measure(
    lab: &mut Lab,
    inits: &[Init],
    options: &Options,
    results: &mut Results,
) -> Result<()> {
    let rounds = match options.extent {
        Extent::Quick => &QUICK,
        Extent::Full | Extent::Scale => &FULL,
    };
    lab.patience = rounds.patience;
    let mut found = Vec::new();
    if let Err(reason) = &lab.namespaces {
        let reason = reason.clone();
        for group in &GROUPS {
            found.push(skipped(group.key, &reason));
        }
    } else {
        let wants = |keys: &[&str]| keys.iter().any(|key| options.wants(key));
        if wants(&["size"]) {
            found.push(size(lab, inits)?);
        }
        if wants(&["start", "faults", "stop"]) {
            found.extend(cycles(lab, inits, rounds)?);
        }
        if wants(&["signal"]) {
            found.push(signals(lab, inits, rounds)?);
        }
        if wants(&["storm"]) {
            found.push(storms(lab, inits, rounds)?);
        }
        if wants(&["memory", "reap"]) {
            found.extend(reaps(lab, inits, rounds)?);
        }
        if wants(&["crowd"]) {
            found.push(crowds(lab, inits, rounds)?);
        }
        if wants(&["deadline", "killed", "answer"]) {
            found.extend(deadline::measure(
                lab,
                inits,
                rounds.deadlines,
                rounds.doomed,
            )?);
        }
        if wants(&["log", "log_cpu"]) {
            found.extend(log::measure(lab, inits, rounds.lines)?);
        }
        if wants(&["idle"]) {
            found.push(idle(lab, inits)?);
        }
        if wants(&["calls"]) {
            found.push(calls(lab, inits)?);
        }
    }
    for title in &GROUPS {
        let group = found.iter().find(|group| group.key == title.key);
        if let Some(group) = group.filter(|_| options.wants(title.key)) {
            results.groups.push(group.clone());
        }
    }
    Ok(())
}

fn heading(key: &str) -> &'static str {
    GROUPS
        .iter()
        .find(|group| group.key == key)
        .map_or("", |group| group.title)
}

pub(crate) fn skipped(key: &'static str, reason: &str) -> Group {
    Group {
        key,
        title: heading(key).into(),
        metrics: Vec::new(),
        skipped: Some(reason.into()),
    }
}

pub(crate) fn group(key: &'static str, metrics: Vec<Metric>) -> Group {
    Group {
        key,
        title: heading(key).into(),
        metrics,
        skipped: None,
    }
}

/// What was gathered: for each init the samples of each quantity.
pub(crate) struct Samples<'a, const N: usize> {
    inits: Vec<&'a Init>,
    values: Vec<[Vec<f64>; N]>,
    /// Why those that were left out were, by their index.
    failed: BTreeMap<usize, Lack>,
}

/// Does something with each of the inits in turn, so many times, beginning with another one each time:
/// what else the machine does then meets all of them. A peer that fails is left out.
pub(crate) fn interleave<'a, const N: usize>(
    lab: &mut Lab,
    title: &str,
    rounds: usize,
    inits: Vec<&'a Init>,
    mut measure: impl FnMut(&mut Lab, &Init) -> Result<[Vec<f64>; N]>,
) -> Result<Samples<'a, N>> {
    lab.progress.begin(title);
    let mut values: Vec<[Vec<f64>; N]> = inits.iter().map(|_| [const { Vec::new() }; N]).collect();
    let mut failed = BTreeMap::new();
    for round in 0..rounds {
        lab.progress
            .say(&format!("{title}: round {} of {rounds}", round + 1));
        for turn in 0..inits.len() {
            let index = (turn + round) % inits.len();
            if failed.contains_key(&index) {
                continue;
            }
            match measure(lab, inits[index]) {
                Ok(new) => {
                    for (old, new) in values[index].iter_mut().zip(new) {
                        old.extend(new);
                    }
                }
                Err(error) if inits[index].kind == Kind::Peer && !lab.is_interrupted() => {
                    lab.progress.clear();
                    eprintln!("bench: left out: {error:#}");
                    let _ = failed.insert(index, why(&error));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Samples {
        inits,
        values,
        failed,
    })
}

/// Why a peer is left out.
fn why(error: &anyhow::Error) -> Lack {
    if error.is::<Hangs>() {
        Lack::Hangs
    } else {
        Lack::Fails
    }
}

impl<const N: usize> Samples<'_, N> {
    /// Quantity `index` as a metric, in units of so many of what was measured.
    pub(crate) fn metric(
        &self,
        index: usize,
        (key, title, unit): (&'static str, &'static str, &'static str),
        scale: f64,
        is_timing: bool,
    ) -> Metric {
        let (mut rows, mut lacks) = (Vec::new(), Vec::new());
        for (place, (init, values)) in self.inits.iter().zip(&self.values).enumerate() {
            if let Some(lack) = self.failed.get(&place) {
                lacks.push((init.name.clone(), *lack));
            } else if !values[index].is_empty() {
                let samples = values[index].iter().map(|sample| sample / scale);
                rows.push(Row::new(init, samples.collect()));
            } else if init.spins() {
                lacks.push((init.name.clone(), Lack::Spins));
            }
        }
        Metric {
            key,
            title,
            unit,
            is_timing,
            rows,
            lacks,
        }
    }
}

/// The floors, then the inits.
fn with<'a>(floors: &'a [Init], inits: &'a [Init]) -> Vec<&'a Init> {
    floors.iter().chain(inits).collect()
}

const RECEIVE: Role = Role("receive", 0, 0);

fn size(lab: &mut Lab, inits: &[Init]) -> Result<Group> {
    let samples = interleave(lab, heading("size"), 1, with(&[], inits), |lab, init| {
        let length = |path: &str| Some(std::fs::metadata(path).ok()?.len() as f64);
        let held = lab.hold(init, RECEIVE)?;
        let maps = held.read("maps")?;
        let files: BTreeSet<&str> = maps
            .lines()
            .filter_map(|line| Some(&line[line.find('/')?..]))
            .collect();
        let file = length(&init.command[0]).context("no size")?;
        let all = files.iter().filter_map(|path| length(path)).sum();
        Ok([vec![file], vec![all]])
    })?;
    let metrics = vec![
        samples.metric(0, ("file", "file", "bytes"), 1.0, false),
        samples.metric(1, ("mapped", "with what it maps", "bytes"), 1.0, false),
    ];
    Ok(group("size", metrics))
}

/// Starts and stops.
fn cycles(lab: &mut Lab, inits: &[Init], rounds: &Rounds) -> Result<Vec<Group>> {
    let floors = [
        floor(VFORK, &lab.floor, "vfork"),
        floor(FORK, &lab.floor, "fork"),
        floor(LOOP, &lab.floor, "forward"),
    ];
    let subjects = with(&floors, inits);
    for subject in &subjects {
        // Warm the page cache.
        let _ = cycle(lab, subject);
    }
    let samples = interleave(
        lab,
        heading("start"),
        rounds.cycles,
        subjects,
        |lab, init| {
            let said = cycle(lab, init)?;
            let own = said.word("stat", 9)? + said.word("stat", 11)?;
            let all = own + said.word("stat", 10)? + said.word("stat", 12)?;
            let start = said.numbers("start")?;
            let (stop, end) = (said.numbers("stop")?, said.numbers("end")?);
            let run_time = said.word("schedstat", 0)?;
            Ok(match init.name.as_str() {
                // As a floor of the start it would be one too many.
                LOOP => [vec![], vec![], vec![], stop, end, vec![]],
                // They do not react to signals.
                VFORK | FORK => [start, vec![own], vec![all], vec![], vec![], vec![run_time]],
                _ => [start, vec![own], vec![all], stop, end, vec![run_time]],
            })
        },
    )?;
    let timing = |index, name| samples.metric(index, name, 1000.0, true);
    let count = |index, name| samples.metric(index, name, 1.0, false);
    Ok(vec![
        group(
            "start",
            vec![
                timing(0, ("start", "exec to the child's first instruction", "µs")),
                timing(
                    5,
                    ("run_cpu", "the init's processor time, a whole run", "µs"),
                ),
            ],
        ),
        group(
            "faults",
            vec![
                count(1, ("faults_own", "its own", "")),
                count(2, ("faults", "with its child's", "")),
            ],
        ),
        group(
            "stop",
            vec![
                timing(3, ("stop", "SIGTERM to the init's end", "µs")),
                timing(4, ("end", "the child's death to the init's end", "µs")),
            ],
        ),
    ])
}

fn cycle(lab: &mut Lab, init: &Init) -> Result<Said> {
    if matches!(init.name.as_str(), VFORK | FORK) {
        lab.drive(init, Mode("end", 0), Role("end", 0, 0))
    } else {
        lab.drive(init, Mode("term", 0), RECEIVE)
    }
}

fn signals(lab: &mut Lab, inits: &[Init], rounds: &Rounds) -> Result<Group> {
    let floors = [
        floor(DIRECT, &lab.floor, ""),
        floor(LOOP, &lab.floor, "forward"),
    ];
    let (rounds, count) = rounds.signals;
    let subjects = with(&floors, inits);
    let samples = interleave(lab, heading("signal"), rounds, subjects, |lab, init| {
        let said = lab.drive(init, Mode("signals", count), RECEIVE)?;
        let run_time = said.word("after", 0)? - said.word("before", 0)?;
        let run_time = if init.command.is_empty() || init.spins() {
            vec![]
        } else {
            vec![run_time / count as f64]
        };
        Ok([said.numbers("latency")?, run_time])
    })?;
    let name = ("signal", "kill to arrival", "µs");
    let cpu = ("signal_cpu", "the init's processor time per signal", "µs");
    let metrics = vec![
        samples.metric(0, name, 1000.0, true),
        samples.metric(1, cpu, 1000.0, true),
    ];
    Ok(group("signal", metrics))
}

fn storms(lab: &mut Lab, inits: &[Init], rounds: &Rounds) -> Result<Group> {
    let floors = [
        floor(DIRECT, &lab.floor, ""),
        floor(LOOP, &lab.floor, "forward"),
    ];
    let subjects = with(&floors, inits);
    let samples = interleave(
        lab,
        heading("storm"),
        rounds.storms,
        subjects,
        |lab, init| {
            if init.spins() {
                return Ok([vec![]]);
            }
            let role = Role("storm", 20_000, 1000);
            let said = lab.drive(init, Mode("storm", 0), role)?;
            Ok([said.numbers("latency")?])
        },
    )?;
    let name = ("storm", "kill to arrival in a storm", "µs");
    Ok(group("storm", vec![samples.metric(0, name, 1000.0, true)]))
}

/// How many orphans the memory is looked at after.
const ORPHANS: usize = 10_000;

/// `VmRSS`, Pss, private dirty and page tables in kB.
fn memory(held: &Held) -> Result<[f64; 4]> {
    Ok([
        held.field("status", "VmRSS")?,
        held.field("smaps_rollup", "Pss")?,
        held.field("smaps_rollup", "Private_Dirty")?,
        held.field("status", "VmPTE")?,
    ])
}

fn reaps(lab: &mut Lab, inits: &[Init], rounds: &Rounds) -> Result<Vec<Group>> {
    let floors = [
        floor(WAIT, &lab.floor, "fork"),
        floor(LOOP, &lab.floor, "forward"),
    ];
    let subjects = with(&floors, inits);
    let samples = interleave(lab, heading("reap"), rounds.reaps, subjects, |lab, init| {
        // The stack begins at a random place in its page, and may or may not reach into the next one.
        let mut rest = [const { Vec::new() }; 4];
        for _ in 0..10 {
            let held = lab.hold(init, RECEIVE)?;
            for (all, value) in rest.iter_mut().zip(memory(&held)?) {
                all.push(value);
            }
        }
        let [rss, pss, dirty, tables] = rest;
        let mut held = lab.hold(init, Role("orphans", ORPHANS, 1))?;
        let run_time = held.run_time()?;
        held.work()?;
        let single = (held.run_time()? - run_time) / ORPHANS as f64;
        let mut after = memory(&held)?.map(|value| vec![value]);
        drop(held);
        let mut held = lab.hold(init, Role("orphans", ORPHANS, 1000))?;
        let run_time = held.run_time()?;
        held.work()?;
        let burst = (held.run_time()? - run_time) / ORPHANS as f64;
        for (all, value) in after.iter_mut().zip(memory(&held)?) {
            all.push(value);
        }
        let [rss_after, pss_after, dirty_after, tables_after] = after;
        let one = |value| if init.spins() { vec![] } else { vec![value] };
        Ok([
            rss,
            pss,
            dirty,
            tables,
            rss_after,
            pss_after,
            dirty_after,
            tables_after,
            one(single),
            one(burst),
        ])
    })?;
    let kb = |index, key, title| samples.metric(index, (key, title, "kB"), 1.0, false);
    let cpu = |index, key, title| samples.metric(index, (key, title, "µs"), 1000.0, true);
    Ok(vec![
        group(
            "memory",
            vec![
                kb(0, "rss", "VmRSS"),
                kb(1, "pss", "Pss"),
                kb(2, "dirty", "private dirty"),
                kb(3, "tables", "page tables"),
                kb(4, "rss_after", "VmRSS after"),
                kb(5, "pss_after", "Pss after"),
                kb(6, "dirty_after", "dirty after"),
                kb(7, "tables_after", "tables after"),
            ],
        ),
        group(
            "reap",
            vec![
                cpu(8, "reap", "orphans one at a time"),
                cpu(9, "reap_burst", "orphans 1,000 at a time"),
            ],
        ),
    ])
}

fn crowds(lab: &mut Lab, inits: &[Init], rounds: &Rounds) -> Result<Group> {
    const DEATHS: usize = 200;
    let floors = [
        floor(WAIT, &lab.floor, "fork"),
        floor(LOOP, &lab.floor, "forward"),
    ];
    let subjects = with(&floors, inits);
    let samples = interleave(
        lab,
        heading("crowd"),
        rounds.crowds,
        subjects,
        |lab, init| {
            if init.spins() {
                return Ok([vec![]]);
            }
            let mut held = lab.hold(init, Role("crowd", 5000, DEATHS))?;
            let run_time = held.run_time()?;
            held.work()?;
            Ok([vec![(held.run_time()? - run_time) / DEATHS as f64]])
        },
    )?;
    let name = ("crowd", "one of 5,000", "µs");
    Ok(group("crowd", vec![samples.metric(0, name, 1000.0, true)]))
}

fn idle(lab: &mut Lab, inits: &[Init]) -> Result<Group> {
    lab.progress.begin(heading("idle"));
    let switches = |held: &Held| -> Result<f64> {
        Ok(held.field("status", "voluntary_ctxt_switches")?
            + held.field("status", "nonvoluntary_ctxt_switches")?)
    };
    // All at once: nobody has anything to do.
    let (mut sleepers, mut lacks) = (Vec::new(), Vec::new());
    for init in inits {
        if init.spins() {
            lacks.push((init.name.clone(), Lack::Spins));
            continue;
        }
        match lab.hold(init, RECEIVE) {
            Ok(held) => sleepers.push((init, held)),
            Err(error) if init.kind == Kind::Peer => {
                eprintln!("bench: idle: left out: {error:#}");
                lacks.push((init.name.clone(), why(&error)));
            }
            Err(error) => return Err(error),
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    let before: Vec<f64> = sleepers
        .iter()
        .map(|(_, held)| switches(held))
        .collect::<Result<_>>()?;
    std::thread::sleep(Duration::from_secs(5));
    let mut rows = Vec::new();
    for ((init, held), before) in sleepers.iter().zip(before) {
        rows.push(Row::new(init, vec![switches(held)? - before]));
    }
    let metric = Metric {
        key: "switches",
        title: "context switches",
        unit: "",
        is_timing: false,
        rows,
        lacks,
    };
    Ok(group("idle", vec![metric]))
}

fn calls(lab: &mut Lab, inits: &[Init]) -> Result<Group> {
    const TIMES: usize = 50;
    let Some(strace) = installed("strace") else {
        return Ok(skipped("calls", "not counted: strace is not installed"));
    };
    if let Some(first) = inits.first()
        && let Err(error) = traced(lab, &strace, first, RECEIVE)
        && !lab.is_interrupted()
    {
        return Ok(skipped("calls", &format!("not counted: {error:#}")));
    }
    let mut count = |key, title, times: usize, role: Role, rest: Option<&Metric>| {
        let what = format!("{}, {title}", heading("calls"));
        let samples = interleave(lab, &what, 1, with(&[], inits), |lab, init| {
            if init.spins() {
                return Ok([vec![]]);
            }
            let rest = rest.and_then(|rest| rest.of(&init.name)).unwrap_or(0.0);
            Ok([vec![traced(lab, &strace, init, role)? - rest]])
        })?;
        Ok::<_, anyhow::Error>(samples.metric(0, (key, title, ""), times as f64, false))
    };
    let rest = count("calls_start", "exec to rest", 1, RECEIVE, None)?;
    let (signals, orphans) = (Role("signals", TIMES, 3000), Role("paced", TIMES, 3000));
    let signals = count("calls_signal", "per signal", TIMES, signals, Some(&rest))?;
    let orphans = count("calls_orphan", "per orphan", TIMES, orphans, Some(&rest))?;
    Ok(group("calls", vec![rest, signals, orphans]))
}

/// How many system calls an init makes after its exec, the one that it sleeps in included.
fn traced(lab: &mut Lab, strace: &Path, init: &Init, role: Role) -> Result<f64> {
    let file = lab.new_file();
    let options = ["-f", "-qq", "-o"].map(OsString::from);
    let tracer: Vec<OsString> = [strace.into()]
        .into_iter()
        .chain(options)
        .chain([file.clone().into()])
        .collect();
    let mut held = lab.hold_under(&tracer, init, Mode("hold", 30_000), role)?;
    if role.0 != RECEIVE.0 {
        held.work()
            .with_context(|| format!("{} with the child {}", init.name, role.0))?;
    }
    let pid = held.pid.to_string();
    drop(held);
    let text = std::fs::read_to_string(&file).context("no output of strace")?;
    let _ = std::fs::remove_file(&file);
    let mut own = text.lines().filter_map(|line| {
        line.strip_prefix(&pid)?
            .strip_prefix(' ')
            .map(str::trim_start)
    });
    if !own.any(|line| line.starts_with("execve(")) {
        bail!("strace saw no exec of {}", init.name);
    }
    let is_call = |line: &&str| !line.starts_with(['<', '+', '-']);
    Ok(own.filter(is_call).count() as f64)
}
