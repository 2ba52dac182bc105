//! The promise of `--grace-period`: how long after it the main child is dead, and everybody else.

use crate::groups::{group, interleave, skipped};
use crate::inits::{self, Init, Kind};
use crate::lab::{Lab, Mode, Role};
use crate::results::{Group, Metric};
use anyhow::Result;

/// The floor's grace period, in milliseconds; `Init::deadline` has those of the inits.
const GRACE: usize = 100;

/// Who is there to be killed, and what the init is to them.
pub(crate) struct Case {
    title: &'static str,
    is_wrapper: bool,
    role: &'static str,
    pub(crate) count: usize,
    /// The metrics: the main child's death, everybody's, the longest wait of a signal.
    pub(crate) keys: [&'static str; 3],
}

impl Case {
    /// Those of these inits that kill everybody here.
    fn subjects<'a>(&self, inits: &'a [Init]) -> Vec<&'a Init> {
        let kills = |init: &&Init| init.kind != Kind::Peer || !self.is_wrapper;
        inits.iter().filter(kills).collect()
    }
}

macro_rules! case {
    ($title:literal, $is_wrapper:literal, $role:literal, $count:literal, $key:literal) => {
        Case {
            title: $title,
            is_wrapper: $is_wrapper,
            role: $role,
            count: $count,
            keys: [
                concat!("main_dead_", $key),
                concat!("all_dead_", $key),
                concat!("answer_", $key),
            ],
        }
    };
}

/// All cases. The processes are children of the init's, or each is the child of the one before.
pub(crate) const CASES: [Case; 8] = [
    case!("PID 1: 1", false, "flat", 1, "pid1_1"),
    case!("100", false, "flat", 100, "pid1_100"),
    case!("8,000", false, "flat", 8000, "pid1_8000"),
    case!("chain of 1,000", false, "chain", 1000, "pid1_chain"),
    case!("wrapper: 1", true, "flat", 1, "wrapper_1"),
    case!("100", true, "flat", 100, "wrapper_100"),
    case!("8,000", true, "flat", 8000, "wrapper_8000"),
    case!("chain of 1,000", true, "chain", 1000, "wrapper_chain"),
];

/// Measures every case with at most so many processes, so many times. Another init that
/// has a deadline kills the main child or its group, and everybody else dies when it ends as PID 1.
pub(crate) fn measure(
    lab: &mut Lab,
    inits: &[Init],
    rounds: usize,
    most: usize,
) -> Result<[Group; 3]> {
    let floor = Init {
        command: vec![
            lab.floor.display().to_string(),
            "deadline".into(),
            GRACE.to_string(),
        ],
        ..inits::floor("stat + kill", &lab.floor, "deadline")
    };
    let with = |more: &[&str]| {
        let killer = |init: &Init| {
            let (options, _) = init.deadline()?;
            let more = if init.is_pidling() { more } else { &[] };
            Some(init.with_options(&[more, options].concat()))
        };
        let killers = inits.iter().filter_map(killer);
        [floor.clone()].into_iter().chain(killers).collect()
    };
    let killers: Vec<Init> = with(&[]);
    // One that waits for the rest answers signals meanwhile.
    let waiters: Vec<Init> = with(&["-a"]);
    let trial = lab.drive(&floor, Mode("answer", GRACE), Role("flat", 1, 0));
    if let Err(error) = trial
        && !lab.is_interrupted()
    {
        let reason = format!("not measured: {error:#}");
        return Ok(["deadline", "killed", "answer"].map(|key| skipped(key, &reason)));
    }
    let mut metrics = [const { Vec::<Metric>::new() }; 3];
    for case in CASES.iter().filter(|case| case.count <= most) {
        let role = Role(case.role, case.count, 0);
        let mode = |init: &Init, alone, wrapper| {
            let grace = init.deadline().map_or(GRACE, |(_, grace)| grace);
            Mode(if case.is_wrapper { wrapper } else { alone }, grace)
        };
        let place = if case.is_wrapper { "wrapper" } else { "PID 1" };
        let title = format!("deadline as {place}, {} of {}", case.role, case.count);
        let deaths = interleave(lab, &title, rounds, case.subjects(&killers), |lab, init| {
            let said = lab.drive(init, mode(init, "deadline", "deadline-wrapper"), role)?;
            Ok([said.numbers("all_dead")?])
        })?;
        let title = format!("{title}, signals meanwhile");
        let answers = interleave(lab, &title, rounds, case.subjects(&waiters), |lab, init| {
            // Here the init runs before all others.
            if init.spins() {
                return Ok([vec![], vec![]]);
            }
            let said = lab.drive(init, mode(init, "answer", "answer-wrapper"), role)?;
            let answer = match init.kind {
                // The floor answers no signal once the deadline has come, and pid1-rs never does.
                Kind::Floor | Kind::Peer => vec![],
                Kind::Pidling | Kind::Beside => said.numbers("answer")?,
            };
            Ok([said.numbers("main_dead")?, answer])
        })?;
        let [main_dead, all_dead, answer] = case.keys;
        for (list, metric) in metrics.iter_mut().zip([
            answers.metric(0, (main_dead, case.title, "ms"), 1e6, false),
            deaths.metric(0, (all_dead, case.title, "ms"), 1e6, false),
            answers.metric(1, (answer, case.title, "ms"), 1e6, false),
        ]) {
            list.push(metric);
        }
    }
    let [main_dead, all_dead, answer] = metrics;
    Ok([
        group("deadline", main_dead),
        group("killed", all_dead),
        group("answer", answer),
    ])
}
