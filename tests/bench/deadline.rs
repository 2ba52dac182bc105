//! The promise of `--grace-period`: how long after it the main child is dead, and everybody else.

use crate::groups::{group, interleave, skipped};
use crate::inits::{Init, Kind};
use crate::lab::{Lab, Mode, Role};
use crate::results::{Group, Metric};
use anyhow::Result;

/// The grace period, in milliseconds.
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

/// Measures every case with at most so many processes, so many times. Other inits have no deadline.
pub(crate) fn measure(
    lab: &mut Lab,
    inits: &[Init],
    rounds: usize,
    most: usize,
) -> Result<[Group; 3]> {
    let grace = format!("{GRACE}ms");
    let floor = Init {
        name: "stat + kill".into(),
        kind: Kind::Floor,
        command: vec![
            lab.floor.display().to_string(),
            "deadline".into(),
            GRACE.to_string(),
        ],
        version: String::new(),
    };
    let ours = inits.iter().filter(|init| init.is_pidling());
    let killers = ours
        .clone()
        .map(|init| init.with_options(&["-q", "-t", &grace]));
    // One that waits for the rest answers signals meanwhile.
    let waiters = ours.map(|init| init.with_options(&["-q", "-a", "-t", &grace]));
    let killers: Vec<Init> = [floor.clone()].into_iter().chain(killers).collect();
    let waiters: Vec<Init> = [floor.clone()].into_iter().chain(waiters).collect();
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
        let mode = |alone, wrapper| Mode(if case.is_wrapper { wrapper } else { alone }, GRACE);
        let place = if case.is_wrapper { "wrapper" } else { "PID 1" };
        let title = format!("deadline as {place}, {} of {}", case.role, case.count);
        let subjects = killers.iter().collect();
        let deaths = interleave(lab, &title, rounds, subjects, |lab, init| {
            let said = lab.drive(init, mode("deadline", "deadline-wrapper"), role)?;
            Ok([said.numbers("all_dead")?])
        })?;
        let title = format!("{title}, signals meanwhile");
        let subjects = waiters.iter().collect();
        let answers = interleave(lab, &title, rounds, subjects, |lab, init| {
            let said = lab.drive(init, mode("answer", "answer-wrapper"), role)?;
            let answer = match init.kind {
                // It answers no signal once the deadline has come.
                Kind::Floor => vec![],
                Kind::Pidling | Kind::Beside | Kind::Peer => said.numbers("answer")?,
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
