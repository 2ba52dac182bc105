//! Shows the supervisor every sequence of events up to a depth, and holds what it did against the contract: one test for
//! each property. Their numbers of milliseconds are the contract's.
//!
//! Nothing in here decides. A [`Recorder`] writes the steps down, [`Facts`] are what could be seen so far, and a property
//! says what has to be true of every [`Moment`]. Sequences that lead to the same state and the same facts are followed once.
//! A SIGKILL that fails is a main child whose death does not come, or late; a late birth is a rest that is never gone.

use super::*;
use crate::cli::parse::parse;
use crate::cli::{Request, Step as Escalation};
use crate::posix::signal::Sender;
use core::hash::Hash;
use std::collections::HashSet;
use std::sync::LazyLock;
use std::thread;

/// Command lines, and the roles that they are explored in.
#[rustfmt::skip]
const COMMAND_LINES: [(&str, &[Role]); 18] = [
    ("pidling", &[Role::Pid1, Role::Wrapper]),
    ("pidling -t 2s", &[Role::Pid1, Role::Wrapper]),
    (
        "pidling -t 2s --stop-delay 300ms",
        &[Role::Pid1, Role::Wrapper],
    ),
    ("pidling --stop-delay 300ms", &[Role::Pid1]),
    (
        "pidling -t 2s --escalate 500ms:INT --escalate 1500ms:QUIT",
        &[Role::Pid1, Role::Wrapper],
    ),
    (
        "pidling -t 2s --stop-delay 300ms --escalate 301ms:HUP",
        &[Role::Pid1],
    ),
    ("pidling -a", &[Role::Pid1]),
    ("pidling -a -t 2s", &[Role::Pid1, Role::Wrapper]),
    (
        "pidling -a --escalate 500ms:INT --escalate 8800ms:QUIT --escalate 20s:HUP",
        &[Role::Pid1],
    ),
    ("pidling --pause", &[Role::Pid1]),
    ("pidling --pause -a", &[Role::Pid1]),
    (
        "pidling --pause -a -t 2s --stop-delay 300ms --escalate 1s:QUIT",
        &[Role::Pid1],
    ),
    ("pidling -g -a -t 2s", &[Role::Wrapper]),
    ("dumb-init", &[Role::Pid1]),
    (
        "pidling -r TERM:WINCH --stop-signal WINCH -a",
        &[Role::Pid1],
    ),
    ("pidling -r TERM:0 -r TSTP:KILL -t 2s", &[Role::Pid1]),
    ("pidling -e 130 -e 137 -t 2s", &[Role::Wrapper]),
    ("pidling -t 2s INT-is-ignored", &[Role::Wrapper]),
];

/// How many events a sequence has at most.
const DEPTH: usize = 7;

const START: Instant = Instant::new(1_000_000);
const MAIN_CHILD: i32 = 7;
const ORPHAN: i32 = 8;
/// The process that [`Recorder::is_own`] takes for the init.
const OWN: i32 = 1;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Signal(Received),
    /// The main child changed state.
    MainChild {
        status: WaitStatus,
        was_command: bool,
        has_foreground: bool,
    },
    OrphanDies,
    Alone,
    /// The clock moves, and the supervisor does not notice.
    Passes(Milliseconds),
    /// The clock moves to the time that the supervisor has asked for, and it is woken.
    Due,
    /// The supervisor is woken.
    Woken,
}

const EVENTS: [Event; 19] = [
    signal(Signal::TERM, Code::Queue, 5),
    signal(Signal::INT, Code::User, 5),
    signal(Signal::INT, Code::Kernel, 0),
    signal(Signal::TSTP, Code::User, 5),
    signal(Signal::PIPE, Code::User, OWN),
    main_child(WaitStatus::Exited(0), true, true),
    main_child(WaitStatus::Exited(130), true, true),
    main_child(WaitStatus::Exited(127), false, true),
    main_child(killed(Signal::KILL), true, true),
    main_child(killed(Signal::SEGV), true, true),
    main_child(killed(Signal::INT), true, true),
    main_child(killed(Signal::INT), true, false),
    main_child(WaitStatus::Stopped(Signal::TSTP), true, true),
    Event::OrphanDies,
    Event::Alone,
    Event::Passes(Milliseconds(60)),
    Event::Passes(Milliseconds(8_500)),
    Event::Due,
    Event::Woken,
];

const fn signal(signal: Signal, code: Code, pid: i32) -> Event {
    Event::Signal(Received {
        signal,
        code,
        sender: Sender {
            pid,
            user: 6,
            value: 7,
        },
    })
}

const fn main_child(status: WaitStatus, was_command: bool, has_foreground: bool) -> Event {
    Event::MainChild {
        status,
        was_command,
        has_foreground,
    }
}

const fn killed(signal: Signal) -> WaitStatus {
    WaitStatus::Killed {
        signal,
        core_dumped: false,
    }
}

/// What the supervisor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Forward(Target, Received),
    Drop(Signal, DropReason),
    BeginShutdown(Signal, Option<Milliseconds>),
    Escalate(Asked, Signal, Instant),
    NameSlowChild(Signal),
    StopItself,
    ChildStopped { in_shutdown: bool },
    Reaped { explain: bool },
    ChildEnded,
    SignalGroup(Signal),
    TerminateRest { spare_group: bool },
    KillMainChild(Asked, Signal),
    KillRest(Asked, Signal),
    ReportKilled(Signal, Since),
    KillAgain { main_child: bool },
    GiveUp(Instant),
    End(Ending),
}

/// Writes down what is done, and when. Killing takes its time.
#[derive(Clone, Debug)]
struct Recorder {
    now: Instant,
    ignores_int: bool,
    was_command: bool,
    has_foreground: bool,
    steps: Vec<(Instant, Step)>,
}

impl Recorder {
    fn record(&mut self, step: Step) {
        self.steps.push((self.now, step));
    }
}

impl Steps for Recorder {
    fn now(&mut self) -> Instant {
        self.now
    }
    fn is_own(&mut self, received: &Received) -> bool {
        received.sender.pid == OWN
    }
    fn is_ignored(&mut self, signal: Signal) -> bool {
        self.ignores_int && signal == Signal::INT
    }
    fn child_has_foreground(&mut self) -> bool {
        self.has_foreground
    }
    fn forward(&mut self, target: Target, received: &Received) {
        self.record(Step::Forward(target, *received));
    }
    fn drop_signal(&mut self, signal: Signal, reason: DropReason) {
        self.record(Step::Drop(signal, reason));
    }
    fn begin_shutdown(&mut self, signal: Signal, delay: Option<Milliseconds>) {
        self.record(Step::BeginShutdown(signal, delay));
    }
    fn escalate(&mut self, to: Asked, signal: Signal, began: Instant) {
        self.record(Step::Escalate(to, signal, began));
    }
    fn name_slow_child(&mut self, signal: Signal) {
        self.record(Step::NameSlowChild(signal));
    }
    fn stop_itself(&mut self) {
        self.record(Step::StopItself);
    }
    fn child_stopped(&mut self, _: Signal, in_shutdown: bool) {
        self.record(Step::ChildStopped { in_shutdown });
    }
    fn reaped(&mut self, pid: Pid, _: WaitStatus, explain: bool) {
        assert_eq!(pid.number(), ORPHAN);
        self.record(Step::Reaped { explain });
    }
    fn child_ended(&mut self, pid: Pid, _: WaitStatus) -> bool {
        assert_eq!(pid.number(), MAIN_CHILD);
        self.record(Step::ChildEnded);
        self.was_command
    }
    fn signal_group(&mut self, signal: Signal) {
        self.record(Step::SignalGroup(signal));
    }
    fn terminate_rest(&mut self, spare_group: bool) {
        self.record(Step::TerminateRest { spare_group });
    }
    fn kill_main_child(&mut self, main_child: Pid, asked: Asked, signal: Signal) {
        assert_eq!(main_child.number(), MAIN_CHILD);
        self.record(Step::KillMainChild(asked, signal));
    }
    fn kill_rest(&mut self, asked: Asked, signal: Signal) {
        self.now = self.now.after(Milliseconds(30));
        self.record(Step::KillRest(asked, signal));
    }
    fn report_killed(&mut self, signal: Signal, since: Since) {
        self.record(Step::ReportKilled(signal, since));
    }
    fn kill_again(&mut self, main_child: Option<Pid>) {
        self.now = self.now.after(Milliseconds(30));
        let main_child = main_child.is_some();
        self.record(Step::KillAgain { main_child });
    }
    fn give_up(&mut self, since: Instant) {
        self.record(Step::GiveUp(since));
    }
    fn end(&mut self, ending: &Ending) {
        self.record(Step::End(*ending));
    }
}

/// A command line in a role.
#[derive(Debug)]
struct Case {
    words: &'static str,
    options: Options,
    role: Role,
    pauses: bool,
    ignores_int: bool,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        COMMAND_LINES.iter().flat_map(|(words, roles)| {
            roles.iter().map(move |role| {
                let list = words.split(' ').chain(["command"]);
                let list = list.filter(|word| *word != "command" || !words.contains("--pause"));
                let list = list.map(str::as_bytes);
                let (options, request) = parse(list, core::iter::empty(), false).unwrap();
                Self {
                    words,
                    options,
                    role: *role,
                    pauses: request == Request::Pause,
                    ignores_int: words.contains("INT-is-ignored"),
                }
            })
        })
    }

    fn supervisor(&self) -> Supervisor<'_, Recorder> {
        let main_child = Pid::new(MAIN_CHILD).filter(|_| !self.pauses);
        let recorder = Recorder {
            now: START,
            ignores_int: self.ignores_int,
            was_command: true,
            has_foreground: true,
            steps: Vec::new(),
        };
        Supervisor::new(&self.options, self.role, main_child, recorder)
    }

    /// What a received signal is forwarded as.
    fn rewritten(&self, received: Received) -> Option<Received> {
        let signal = self.options.rewrites.apply(received.signal)?;
        (received.sender.pid != OWN).then_some(Received { signal, ..received })
    }

    /// Whether a received signal asks for shutdown (contract 6.1).
    fn is_stop(&self, received: Received) -> bool {
        let stops = self.options.stop_signals;
        let is_ignored = self.ignores_int && received.signal == Signal::INT;
        !is_ignored
            && self.rewritten(received).is_some_and(|rewritten| {
                stops.contains(received.signal) || stops.contains(rewritten.signal)
            })
    }

    /// Who a forwarded signal is for (contract 3.2).
    fn target(&self, received: Received) -> Target {
        if received.code == Code::Kernel {
            Target::Group
        } else {
            self.options.target
        }
    }

    /// The steps of the ladder.
    fn ladder(&self) -> Vec<Escalation> {
        self.options.ladder.steps().collect()
    }
}

/// What could be seen so far, from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Facts {
    now: Instant,
    /// Whether a main child was forked and not yet reaped.
    has_main_child: bool,
    /// When the main child was reaped, or the pause was over, and how the main child ended.
    ended: Option<(Instant, Option<WaitStatus>)>,
    began: Option<Instant>,
    /// Stop signals that were received, as they are to be forwarded, and that nothing was done about yet.
    held: SignalSet,
    /// When the first stop signal was forwarded.
    stop_forwarded: Option<Instant>,
    /// The last stop signal or step of the ladder, and who got it.
    asked: Option<(Asked, Signal)>,
    /// What the main child was sent on account of a key at the terminal, and on any other account.
    sent_for_terminal: SignalSet,
    sent: SignalSet,
    /// Stop signals, and steps of the ladder, that the main child's group was sent.
    group_stops: SignalSet,
    escalations: usize,
    slow_child_named: bool,
    /// When SIGKILL went out first.
    killed: Option<Instant>,
    /// When the last SIGKILLs that a wake-up asked for were out.
    last_killed: Option<Instant>,
}

impl Facts {
    fn at_start(case: &Case) -> Self {
        Self {
            now: START,
            has_main_child: !case.pauses,
            ended: None,
            began: None,
            held: SignalSet::EMPTY,
            stop_forwarded: None,
            asked: None,
            sent_for_terminal: SignalSet::EMPTY,
            sent: SignalSet::EMPTY,
            group_stops: SignalSet::EMPTY,
            escalations: 0,
            slow_child_named: false,
            killed: None,
            last_killed: None,
        }
    }

    /// The facts after an event.
    fn observe(mut self, case: &Case, event: Event, steps: &[(Instant, Step)]) -> Self {
        let was_held = self.held;
        let mut stop = None;
        if let Event::Signal(received) = event
            && case.is_stop(received)
        {
            stop = case.rewritten(received).map(|received| received.signal);
            let is_answered =
                |(_, step): &(_, _)| matches!(step, Step::Forward(..) | Step::Drop(..));
            if self.has_main_child && !steps.iter().any(is_answered) {
                self.held = stop.map_or(self.held, |stop| self.held.with(stop));
            }
        }
        if let Event::MainChild { status, .. } = event
            && status.exit_status().is_some()
        {
            self.has_main_child = false;
            self.ended = Some((self.now, Some(status)));
        }
        for (at, step) in steps {
            match *step {
                Step::Forward(target, received) => {
                    let signal = received.signal;
                    self.held = self.held.without(signal);
                    if received.code == Code::Kernel {
                        self.sent_for_terminal = self.sent_for_terminal.with(signal);
                    } else {
                        self.sent = self.sent.with(signal);
                    }
                    if was_held.contains(signal) || stop == Some(signal) {
                        self.stop_forwarded = self.stop_forwarded.or(Some(*at));
                        self.ask(target.into(), signal);
                    }
                }
                Step::Escalate(to, signal, _) => {
                    self.escalations += 1;
                    self.ask(to, signal);
                    if to != Asked::Rest {
                        self.sent = self.sent.with(signal);
                    }
                }
                Step::TerminateRest { .. } => {
                    self.ended = self.ended.or(Some((*at, None)));
                    self.ask(Asked::Rest, Signal::TERM);
                }
                Step::Drop(signal, _) => self.held = self.held.without(signal),
                Step::BeginShutdown(..) => self.began = self.began.or(Some(*at)),
                Step::NameSlowChild(_) => self.slow_child_named = true,
                Step::KillRest(..) => {
                    (self.killed, self.last_killed) = (Some(self.now), Some(*at));
                    if !self.has_main_child {
                        self.ended = self.ended.or(Some((self.now, None)));
                    }
                }
                Step::KillAgain { .. } if event.is_wake_up() => self.last_killed = Some(*at),
                Step::KillAgain { .. }
                | Step::StopItself
                | Step::ChildStopped { .. }
                | Step::Reaped { .. }
                | Step::ChildEnded
                | Step::SignalGroup(_)
                | Step::KillMainChild(..)
                | Step::ReportKilled(..)
                | Step::GiveUp(_)
                | Step::End(_) => {}
            }
        }
        self
    }

    fn ask(&mut self, asked: Asked, signal: Signal) {
        self.asked = Some((asked, signal));
        if asked == Asked::Group {
            self.group_stops = self.group_stops.with(signal);
        }
    }

    /// When SIGKILL is due (contract 6.3, 6.4).
    fn promised(&self, options: &Options) -> Option<Instant> {
        let ended = self.ended.map(|(at, _)| at);
        match (options.grace_period, self.stop_forwarded) {
            (Some(grace), _) => Some(self.began.or(ended)?.after(grace)),
            (None, Some(forwarded)) if ended?.since(forwarded) <= Milliseconds(8_000) => {
                Some(forwarded.after(Milliseconds(9_000)))
            }
            (None, _) => Some(ended?.after(Milliseconds(9_000))),
        }
        .filter(|_| options.wait_all || self.began.is_some())
    }
}

/// An event, and what came of it.
#[derive(Debug)]
struct Moment {
    case: &'static Case,
    /// The index of the moment before.
    parent: Option<usize>,
    event: Event,
    at: Instant,
    before: Facts,
    steps: Vec<(Instant, Step)>,
    after: Facts,
    wake_before: Option<Instant>,
    wake_after: Option<Instant>,
    deadline_before: Option<Instant>,
    deadline_after: Option<Instant>,
    /// Whether the supervisor decided anything.
    changed: bool,
    has_main_child: bool,
}

impl Moment {
    fn does(&self, is_it: impl Fn(Step) -> bool) -> bool {
        self.count(is_it) > 0
    }

    fn count(&self, is_it: impl Fn(Step) -> bool) -> usize {
        self.steps.iter().filter(|(_, step)| is_it(*step)).count()
    }

    fn received(&self) -> Option<Received> {
        match self.event {
            Event::Signal(received) => Some(received),
            Event::MainChild { .. }
            | Event::OrphanDies
            | Event::Alone
            | Event::Passes(_)
            | Event::Due
            | Event::Woken => None,
        }
    }

    /// A stop signal that came while the main child lived.
    fn stop(&self) -> Option<Received> {
        self.received()
            .filter(|received| self.before.has_main_child && self.case.is_stop(*received))
    }

    fn forwarded(&self) -> Vec<Signal> {
        let forwarded = |(_, step): &(_, Step)| match step {
            Step::Forward(_, received) => Some(received.signal),
            _ => None,
        };
        self.steps.iter().filter_map(forwarded).collect()
    }

    fn ending(&self) -> Option<Ending> {
        self.steps.iter().find_map(|(_, step)| match step {
            Step::End(ending) => Some(*ending),
            _ => None,
        })
    }

    /// Whether the first stop signal was forwarded just that many milliseconds ago.
    fn is_forwarded_since(&self, length: u32) -> bool {
        let forwarded = self.before.stop_forwarded;
        forwarded.is_some_and(|forwarded| self.at.since(forwarded) == Milliseconds(length))
    }

    /// Whether the main child was reaped just now.
    fn is_death(&self) -> bool {
        self.before.has_main_child && !self.after.has_main_child
    }
}

impl Event {
    fn is_wake_up(self) -> bool {
        matches!(self, Self::Due | Self::Woken)
    }

    /// Whether sequences go on after this. How the main child ended matters at the end alone: two ways stand for all.
    fn is_followed(self) -> bool {
        match self {
            Self::MainChild {
                status,
                has_foreground,
                ..
            } => {
                let is_interrupt = status == killed(Signal::INT) && has_foreground;
                status == WaitStatus::Exited(130) || is_interrupt
            }
            Self::Signal(_)
            | Self::OrphanDies
            | Self::Alone
            | Self::Passes(_)
            | Self::Due
            | Self::Woken => true,
        }
    }

    /// Whether the kernel and the event loop can come up with this now.
    fn is_possible(self, supervisor: &Supervisor<'_, Recorder>, facts: &Facts) -> bool {
        let is_timed = facts.began.is_some() || facts.ended.is_some();
        let is_due = supervisor.wake_at().is_some_and(|at| at <= facts.now);
        match self {
            Self::Signal(_) | Self::OrphanDies => true,
            Self::MainChild { .. } => facts.has_main_child,
            Self::Alone => supervisor.waits_for_rest(),
            Self::Passes(_) | Self::Woken => is_timed,
            Self::Due => supervisor.wake_at().is_some() && !is_due,
        }
    }

    fn happen(self, supervisor: &mut Supervisor<'_, Recorder>) {
        match self {
            Self::Signal(received) => supervisor.received(&received),
            Self::MainChild {
                status,
                was_command,
                has_foreground,
            } => {
                supervisor.steps.was_command = was_command;
                supervisor.steps.has_foreground = has_foreground;
                supervisor.child_changed(Pid::new(MAIN_CHILD).unwrap(), status);
            }
            Self::OrphanDies => {
                supervisor.child_changed(Pid::new(ORPHAN).unwrap(), WaitStatus::Exited(0));
            }
            Self::Alone => supervisor.alone(),
            Self::Passes(_) => {}
            Self::Due | Self::Woken => supervisor.woken(supervisor.steps.now),
        }
    }
}

impl Supervisor<'_, Recorder> {
    /// All that was decided so far.
    fn state(&self) -> impl Eq + Hash + use<> {
        let times = (self.deadline, self.killing, self.shutdown);
        let signals = (
            self.sent,
            self.sent_for_terminal,
            self.last_asked,
            self.group_has_term,
            self.group_was_asked,
        );
        (self.phase, times, signals)
    }
}

/// Every moment of a case. Those of shorter sequences come first.
fn explore(case: &'static Case) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    let mut seen = HashSet::new();
    let mut front = vec![(case.supervisor(), Facts::at_start(case), None)];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for (supervisor, before, parent) in front {
            for event in EVENTS {
                if !event.is_possible(&supervisor, &before) {
                    continue;
                }
                let at = match event {
                    Event::Passes(length) => before.now.after(length),
                    Event::Due => supervisor.wake_at().unwrap(),
                    Event::Signal(_)
                    | Event::MainChild { .. }
                    | Event::OrphanDies
                    | Event::Alone
                    | Event::Woken => before.now,
                };
                let mut changed = supervisor.clone();
                changed.steps.now = at;
                event.happen(&mut changed);
                let steps = core::mem::take(&mut changed.steps.steps);
                let mut after = Facts { now: at, ..before }.observe(case, event, &steps);
                after.now = changed.steps.now;
                let index = moments.len();
                let is_over = steps.iter().any(|(_, step)| matches!(step, Step::End(_)));
                moments.push(Moment {
                    case,
                    parent,
                    event,
                    at,
                    before,
                    steps,
                    after,
                    wake_before: supervisor.wake_at(),
                    wake_after: changed.wake_at(),
                    deadline_before: supervisor.deadline.map(|deadline| deadline.at),
                    deadline_after: changed.deadline.map(|deadline| deadline.at),
                    changed: changed.state() != supervisor.state(),
                    has_main_child: changed.has_main_child(),
                });
                if !is_over && event.is_followed() && seen.insert((changed.state(), after)) {
                    next.push((changed, after, Some(index)));
                }
            }
        }
        front = next;
    }
    moments
}

static MOMENTS: LazyLock<Vec<Vec<Moment>>> = LazyLock::new(|| {
    let explore = |case| thread::spawn(|| explore(Box::leak(Box::new(case))));
    let threads: Vec<_> = Case::all().map(explore).collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
});

/// Fails unless the conclusion holds in each moment in which the premise does, and the premise in some.
#[track_caller]
fn whenever(premise: impl Fn(&Moment) -> bool, conclusion: impl Fn(&Moment) -> bool) {
    let mut is_met = false;
    for moments in MOMENTS.iter() {
        for moment in moments {
            if premise(moment) {
                is_met = true;
                assert!(conclusion(moment), "{}", story(moments, moment));
            }
        }
    }
    assert!(is_met, "the premise is never met");
}

/// The sequence of events that leads to a moment, and what was done about each.
fn story(moments: &[Moment], last: &Moment) -> String {
    let mut lines = vec![format!("{last:#?}")];
    let mut place = Some(last);
    while let Some(moment) = place {
        let time = moment.at.since(START).0;
        lines.push(format!("{time} ms: {:?}: {:?}", moment.event, moment.steps));
        place = moment.parent.map(|index| &moments[index]);
    }
    lines.push(format!("{} as {:?}", last.case.words, last.case.role));
    lines.reverse();
    lines.join("\n")
}

// ---- Signals (contract 3, 6.1, 6.2) ----

/// Contract 3.1, 6.2: whatever was received is forwarded or dropped, once. A stop signal that is held back is so later, in
/// one go with its copies.
#[test]
fn each_received_signal_is_forwarded_once_or_dropped_once() {
    let is_held = |facts: &Facts, signal| usize::from(facts.held.contains(signal));
    whenever(
        |moment| !moment.case.pauses,
        |moment| {
            (1..=Signal::LAST).filter_map(Signal::new).all(|signal| {
                let received = moment.received().is_some_and(|received| {
                    moment.case.rewritten(received).unwrap_or(received).signal == signal
                });
                let is_copy =
                    received && moment.before.held.contains(signal) && moment.steps.is_empty();
                let answers = moment.count(|step| match step {
                    Step::Forward(_, forwarded) => forwarded.signal == signal,
                    Step::Drop(dropped, reason) => match (reason, moment.received()) {
                        (DropReason::NoMainChild, Some(received)) if received.signal == dropped => {
                            moment
                                .case
                                .rewritten(received)
                                .is_some_and(|it| it.signal == signal)
                        }
                        _ => dropped == signal,
                    },
                    _ => false,
                });
                let is_over = moment.ending().is_some() && moment.has_main_child;
                is_over
                    || is_held(&moment.before, signal) + usize::from(received)
                        == answers + is_held(&moment.after, signal) + usize::from(is_copy)
            })
        },
    );
}

/// Contract 3.2, 3.4, 6.2: what is forwarded is what was received, its value with it, but for all but the first of those that
/// were held back. A key at the terminal is for the whole group.
#[test]
fn a_signal_is_forwarded_as_it_was_received_to_whom_it_is_for() {
    let was_received = |moment: &Moment, forwarded: Received| {
        let was_held = moment.before.held.contains(forwarded.signal);
        EVENTS.iter().any(|event| match event {
            Event::Signal(received) => moment.case.rewritten(*received).is_some_and(|it| {
                let nobodys = Received {
                    code: if it.code == Code::Kernel {
                        it.code
                    } else {
                        Code::User
                    },
                    ..Received::from_nobody(it.signal)
                };
                it == forwarded || was_held && nobodys == forwarded
            }),
            _ => false,
        })
    };
    whenever(
        |moment| !moment.forwarded().is_empty(),
        |moment| {
            moment.before.has_main_child
                && !moment.does(|step| match step {
                    Step::Forward(target, forwarded) => {
                        target != moment.case.target(forwarded) || !was_received(moment, forwarded)
                    }
                    _ => false,
                })
        },
    );
}

/// Contract 3.3, 3.5: what the init raised itself, or was asked to drop, is dropped, and nothing else comes of it.
#[test]
fn a_dropped_signal_begins_nothing() {
    whenever(
        |moment| {
            let rewritten = |received| moment.case.rewritten(received);
            moment
                .received()
                .is_some_and(|received| rewritten(received).is_none())
        },
        |moment| {
            let is_drop = |(_, step): &(_, Step)| {
                matches!(
                    step,
                    Step::Drop(_, DropReason::CausedByPidling | DropReason::RewrittenTo0)
                )
            };
            moment.steps.len() == 1 && moment.steps.iter().all(is_drop) && !moment.changed
        },
    );
}

/// Contract 6.1: the first stop signal begins the shutdown, before anything else is done, and nothing else ever does.
#[test]
fn a_shutdown_begins_once_and_with_a_stop_signal() {
    let begins = |step| matches!(step, Step::BeginShutdown(..));
    whenever(
        |moment| moment.stop().is_some() && moment.before.began.is_none(),
        |moment| {
            let signal = moment.stop().map(|received| received.signal);
            let delay = moment.case.options.stop_delay;
            signal.is_some_and(|signal| {
                moment.steps.first() == Some(&(moment.at, Step::BeginShutdown(signal, delay)))
            })
        },
    );
    whenever(
        |moment| moment.does(begins),
        |moment| {
            moment.count(begins) == 1
                && moment.before.began.is_none()
                && moment
                    .received()
                    .is_some_and(|received| moment.case.is_stop(received))
        },
    );
}

/// Contract 6.2: a stop signal that is held back, and its copies within 100 ms, are not forwarded before the delay is over.
#[test]
fn with_a_stop_delay_a_stop_signal_and_its_copies_are_held_back() {
    whenever(
        |moment| {
            let is_copy = |began| moment.at.since(began) < Milliseconds(100);
            moment.case.options.stop_delay.is_some()
                && moment.stop().is_some()
                && (moment.before.began.is_none()
                    || moment.before.held != SignalSet::EMPTY
                        && moment.before.began.is_some_and(is_copy))
        },
        |moment| !moment.does(|step| matches!(step, Step::Forward(..))),
    );
}

/// Contract 6.2: a second stop signal at least 100 ms after the first ends the delay, and is forwarded behind it.
#[test]
fn a_second_stop_signal_ends_the_delay() {
    whenever(
        |moment| {
            moment.stop().is_some()
                && moment.before.held != SignalSet::EMPTY
                && moment
                    .before
                    .began
                    .is_some_and(|began| moment.at.since(began) >= Milliseconds(100))
        },
        |moment| {
            let second = moment
                .stop()
                .and_then(|received| moment.case.rewritten(received));
            moment.after.held == SignalSet::EMPTY
                && moment.forwarded().len() >= 2
                && moment.forwarded().last().copied() == second.map(|second| second.signal)
        },
    );
}

/// Contract 6.2: what is held back goes out when the delay is over, and only then or with a second stop signal.
#[test]
fn the_end_of_the_delay_forwards_what_was_held_back() {
    let is_over = |moment: &Moment| {
        let began = moment.before.began;
        let until = began
            .zip(moment.case.options.stop_delay)
            .map(|(began, delay)| began.after(delay));
        until.is_some_and(|until| until <= moment.at)
    };
    let is_killing = |moment: &Moment| {
        moment.before.killed.is_some()
            || moment
                .deadline_before
                .is_some_and(|deadline| deadline <= moment.at)
    };
    whenever(
        |moment| moment.event.is_wake_up() && moment.before.held != SignalSet::EMPTY,
        |moment| {
            let goes_out = is_over(moment) && !is_killing(moment);
            !moment.forwarded().is_empty() == goes_out
                && (moment.after.held == SignalSet::EMPTY) == goes_out
        },
    );
}

/// Contract 6.2: other signals pass while a stop signal is held back.
#[test]
fn other_signals_pass_during_the_delay() {
    whenever(
        |moment| {
            let rewritten = moment
                .received()
                .and_then(|received| moment.case.rewritten(received));
            rewritten.is_some() && moment.stop().is_none() && moment.before.held != SignalSet::EMPTY
        },
        |moment| moment.forwarded().len() == 1 && moment.after.held == moment.before.held,
    );
}

/// Contract 10.3: `dumb-init` stops with the job, behind the signal that it forwards.
#[test]
fn dumb_init_alone_stops_itself() {
    let is_stop = |step| matches!(step, Step::StopItself);
    whenever(
        |moment| {
            let signal = moment.received().map(|received| received.signal);
            moment.case.words == "dumb-init" && signal == Some(Signal::TSTP)
        },
        |moment| {
            moment.forwarded() == [Signal::STOP] && moment.steps.len() == 2 && moment.does(is_stop)
        },
    );
    whenever(
        |moment| moment.does(is_stop),
        |moment| moment.case.words == "dumb-init",
    );
}

// ---- Children (contract 4, 5) ----

/// Contract 4.5.
#[test]
fn it_never_ends_before_the_main_child_was_reaped_unless_it_gave_up() {
    whenever(
        |moment| moment.ending().is_some() && moment.after.has_main_child,
        |moment| moment.does(|step| matches!(step, Step::GiveUp(_))),
    );
}

/// Contract 4.4, 6.4: without `-a` the end comes with the main child's death, with it once nobody is left.
#[test]
fn it_ends_with_the_main_child_or_with_the_rest() {
    whenever(Moment::is_death, |moment| {
        let waits = moment.case.options.wait_all
            || moment.case.role == Role::Wrapper && moment.before.killed.is_some();
        moment.ending().is_none() == waits
    });
    whenever(
        |moment| moment.event == Event::Alone,
        |moment| moment.ending().is_some(),
    );
}

/// Contract 6.3: those whom SIGKILL has missed die with PID 1, but outlive a wrapper, which kills them again.
#[test]
fn a_wrapper_kills_its_rest_again_when_the_main_child_is_dead() {
    whenever(
        |moment| moment.is_death() && moment.before.killed.is_some(),
        |moment| {
            let again = moment.does(|step| step == Step::KillAgain { main_child: false });
            again != moment.ending().is_some()
        },
    );
}

/// The end is the last step.
#[test]
fn nothing_is_done_after_the_end() {
    whenever(
        |moment| moment.ending().is_some(),
        |moment| {
            moment.count(|step| matches!(step, Step::End(_))) == 1
                && moment
                    .steps
                    .last()
                    .is_some_and(|(_, step)| matches!(step, Step::End(_)))
        },
    );
}

/// Contract 4.3, 5.2, 5.3: a main child that was stopped is handed to the terminal's job control, and nothing else happens.
#[test]
fn a_stopped_main_child_is_not_a_dead_one() {
    whenever(
        |moment| moment.event == main_child(WaitStatus::Stopped(Signal::TSTP), true, true),
        |moment| {
            let in_shutdown = moment.before.began.is_some();
            moment.steps == [(moment.at, Step::ChildStopped { in_shutdown })] && !moment.changed
        },
    );
}

/// Contract 4.2, 7.2: another child is reaped, and nothing else happens. Only PID 1 explains a SIGKILL, and only while it has
/// sent none itself.
#[test]
fn an_orphan_is_reaped_and_nothing_else() {
    whenever(
        |moment| moment.event == Event::OrphanDies,
        |moment| {
            let explain = moment.case.role == Role::Pid1 && moment.before.killed.is_none();
            moment.steps == [(moment.at, Step::Reaped { explain })] && !moment.changed
        },
    );
}

/// Contract 5.5: a wrapper dies of its main child's SIGINT, unless that was its own or somebody else's who sent it to the
/// init, `-e 130` was given, or SIGINT was ignored on entry; and only if a key at the terminal was meant.
#[test]
fn a_wrapper_dies_of_an_interrupt_that_the_terminal_sent() {
    let is_interrupted = |moment: &Moment| {
        let Event::MainChild { status, .. } = moment.event else {
            return false;
        };
        status == killed(Signal::INT)
            && moment.case.role == Role::Wrapper
            && !moment.case.options.remapped.contains(130)
            && !moment.case.ignores_int
            && !moment.before.sent.contains(Signal::INT)
    };
    let has_foreground = |moment: &Moment| {
        matches!(
            moment.event,
            Event::MainChild {
                has_foreground: true,
                ..
            }
        )
    };
    let interrupt = |moment: &Moment| moment.ending().map(|ending| ending.interrupt);
    let was_key = |moment: &Moment| moment.before.sent_for_terminal.contains(Signal::INT);
    let ends = |moment: &Moment| moment.is_death() && moment.ending().is_some();
    whenever(
        |moment| ends(moment) && is_interrupted(moment) && has_foreground(moment),
        |moment| interrupt(moment) == Some(Interrupt::Group),
    );
    whenever(
        |moment| {
            ends(moment) && is_interrupted(moment) && !has_foreground(moment) && was_key(moment)
        },
        |moment| interrupt(moment) == Some(Interrupt::Alone),
    );
    whenever(
        |moment| {
            ends(moment) && is_interrupted(moment) && !has_foreground(moment) && !was_key(moment)
        },
        |moment| interrupt(moment) == Some(Interrupt::None),
    );
    whenever(
        |moment| ends(moment) && !is_interrupted(moment),
        |moment| interrupt(moment) == Some(Interrupt::None),
    );
}

/// Contract 6.4: with `-a` the rest is asked to end once, when the main child is dead or the pause over, but for a group that
/// has had SIGTERM.
#[test]
fn the_rest_is_terminated_once() {
    let terminates = |step| matches!(step, Step::TerminateRest { .. });
    whenever(
        |moment| {
            let is_over = moment.before.ended.is_none() && moment.after.ended.is_some();
            is_over && moment.case.options.wait_all && moment.after.killed.is_none()
        },
        |moment| {
            let spare_group = moment.before.group_stops.contains(Signal::TERM);
            moment
                .steps
                .last()
                .is_some_and(|(_, step)| *step == Step::TerminateRest { spare_group })
        },
    );
    whenever(
        |moment| moment.does(terminates),
        |moment| {
            moment.before.ended.is_none()
                && moment.before.killed.is_none()
                && moment.case.options.wait_all
                && moment.count(terminates) == 1
        },
    );
}

// ---- The deadline (contract 6.3, 6.4) ----

/// Contract 6.3: once it is set, it stays.
#[test]
fn a_deadline_never_moves() {
    whenever(
        |moment| moment.deadline_before.is_some(),
        |moment| moment.deadline_after == moment.deadline_before,
    );
}

/// Contract 6.3, 6.4: the grace period from the first stop signal's arrival, or from the main child's death; without one, for
/// the rest, nine seconds from the first stop signal's forwarding, unless the platform has waited for more than eight.
#[test]
fn the_deadline_is_the_one_that_was_promised() {
    whenever(
        |moment| moment.ending().is_none() && moment.after.killed.is_none(),
        |moment| moment.deadline_after == moment.after.promised(&moment.case.options),
    );
    let nine_seconds = |moment: &Moment| {
        let forwarded = moment.after.stop_forwarded;
        forwarded
            .zip(moment.deadline_after)
            .map(|(forwarded, deadline)| deadline.since(forwarded).0)
    };
    whenever(
        |moment| {
            moment.case.words == "pidling -a"
                && moment.is_death()
                && moment.is_forwarded_since(8_000)
        },
        |moment| nine_seconds(moment) == Some(9_000),
    );
    whenever(
        |moment| {
            moment.case.words == "pidling -a"
                && moment.is_death()
                && moment.is_forwarded_since(8_500)
        },
        |moment| nine_seconds(moment) == Some(17_500),
    );
}

/// Contract 6.3: SIGKILL goes out at the first look at the clock that is not before the deadline, and at no other moment.
#[test]
fn the_first_sigkill_goes_out_at_the_deadline() {
    whenever(
        |moment| moment.before.killed.is_none(),
        |moment| {
            let deadline = moment.before.promised(&moment.case.options);
            let is_due = deadline.is_some_and(|deadline| deadline <= moment.at);
            moment.does(|step| matches!(step, Step::KillRest(..)))
                == (is_due && moment.event.is_wake_up())
        },
    );
}

/// Contract 6.3, 6.6: the main child is killed first, then the rest, then it is said, with the last signal that asked them to
/// end and who got it.
#[test]
fn sigkill_goes_to_the_main_child_then_to_the_rest_and_then_it_is_said() {
    whenever(
        |moment| moment.does(|step| matches!(step, Step::KillRest(..) | Step::KillMainChild(..))),
        |moment| {
            let (asked, signal) = moment
                .before
                .asked
                .unwrap_or((Asked::MainChild, Signal::TERM));
            let since = match (moment.before.began, moment.before.ended) {
                (Some(began), _) => Since::ShutdownBegan(began),
                (None, ended) => Since::MainChildEnded(ended.unwrap().0),
            };
            let main_child = Some(Step::KillMainChild(asked, signal));
            let rest = [
                Step::KillRest(asked, signal),
                Step::ReportKilled(signal, since),
            ];
            let expected = main_child
                .filter(|_| moment.before.has_main_child)
                .into_iter()
                .chain(rest);
            moment.steps.iter().map(|(_, step)| *step).eq(expected)
        },
    );
}

/// Contract 6.3: SIGKILL is repeated 100 ms after the last ones were out, until the init gives up after 5 s.
#[test]
fn sigkill_is_repeated_every_100_ms_and_given_up_after_5_s() {
    whenever(
        |moment| moment.before.killed.is_some() && moment.event.is_wake_up(),
        |moment| {
            let (since, last) = moment.before.killed.zip(moment.before.last_killed).unwrap();
            let main_child = moment.before.has_main_child;
            let steps: Vec<_> = moment.steps.iter().map(|(_, step)| *step).collect();
            if moment.at.since(since) >= Milliseconds(5_000) {
                matches!(steps[..], [Step::GiveUp(at), Step::End(_)] if at == since)
            } else if moment.at.since(last) >= Milliseconds(100) {
                steps == [Step::KillAgain { main_child }]
            } else {
                steps.is_empty()
            }
        },
    );
    whenever(
        |moment| moment.after.killed.is_some() && moment.ending().is_none(),
        |moment| {
            let last = moment
                .after
                .last_killed
                .map(|last| last.after(Milliseconds(100)));
            let over = moment
                .after
                .killed
                .map(|killed| killed.after(Milliseconds(5_000)));
            moment.wake_after == last.min(over)
        },
    );
}

// ---- The ladder and the slow main child (contract 6.8, 6.9) ----

/// Contract 6.8: the steps are taken in their order, each once, not before its time, to the target or to the rest, and never
/// once SIGKILL is due.
#[test]
fn a_step_of_the_ladder_is_taken_once_in_its_order_to_whom_it_is_for() {
    whenever(
        |moment| moment.does(|step| matches!(step, Step::Escalate(..))),
        |moment| {
            let began = moment.before.began.unwrap();
            let due = moment.case.ladder()[moment.before.escalations];
            let to = if moment.before.has_main_child {
                Asked::from(moment.case.options.target)
            } else {
                Asked::Rest
            };
            moment.steps == [(moment.at, Step::Escalate(to, due.signal, began))]
                && began.after(due.after) <= moment.at
                && moment.before.killed.is_none()
                && moment
                    .deadline_before
                    .is_none_or(|deadline| moment.at < deadline)
        },
    );
}

/// Contract 6.9: a main child that still lives eight seconds after the first stop signal was forwarded is named, once, and
/// only where there is no grace period.
#[test]
fn a_slow_main_child_is_named_once() {
    let names = |step| matches!(step, Step::NameSlowChild(_));
    let is_slow = |moment: &Moment| {
        let forwarded = moment.before.stop_forwarded;
        moment.before.has_main_child
            && moment.case.options.grace_period.is_none()
            && forwarded.is_some_and(|forwarded| moment.at.since(forwarded) >= Milliseconds(8_000))
    };
    whenever(
        |moment| moment.does(names),
        |moment| {
            let signal = moment.before.asked.unwrap().1;
            is_slow(moment)
                && !moment.before.slow_child_named
                && moment.steps == [(moment.at, Step::NameSlowChild(signal))]
        },
    );
    whenever(
        |moment| moment.event.is_wake_up() && is_slow(moment) && moment.case.ladder().is_empty(),
        |moment| moment.after.slow_child_named,
    );
}

// ---- Waking up (contract 4.1) ----

/// Contract 4.1: outside a shutdown only a signal wakes the init.
#[test]
fn an_idle_init_asks_for_no_wake_up() {
    whenever(
        |moment| moment.after.began.is_none() && moment.after.ended.is_none(),
        |moment| moment.wake_after.is_none(),
    );
}

/// A wake-up is asked for when there is something to do: whoever comes earlier finds nothing, whoever comes then or later
/// does not have to come twice.
#[test]
fn a_wake_up_finds_something_to_do_if_and_only_if_it_is_due() {
    whenever(
        |moment| moment.event.is_wake_up(),
        |moment| {
            let is_due = moment
                .wake_before
                .is_some_and(|wake_at| wake_at <= moment.at);
            let decided = moment.changed || moment.ending().is_some();
            moment.steps.is_empty() != is_due && decided == is_due
        },
    );
}

/// Contract 6.4: so a wait for the rest always ends.
#[test]
fn who_waits_for_the_rest_asks_for_a_wake_up() {
    whenever(
        |moment| moment.after.ended.is_some() && moment.ending().is_none(),
        |moment| moment.wake_after.is_some() && !moment.has_main_child,
    );
}

// ---- The end (contract 7) ----

/// Contract 7.
#[test]
fn the_exit_status_is_the_main_childs() {
    whenever(
        |moment| moment.ending().is_some(),
        |moment| {
            let ended = match moment.after.ended {
                Some((_, Some(WaitStatus::Exited(status)))) => status,
                Some((_, Some(WaitStatus::Killed { signal, .. }))) => 128 + signal.number(),
                Some((_, Some(WaitStatus::Stopped(_) | WaitStatus::Other))) => return false,
                Some((_, None)) => 0,
                None if moment.case.pauses => 0,
                None => 137,
            };
            let is_remapped = moment.case.options.remapped.contains(ended);
            let ending = moment.ending().unwrap();
            ending.status == if is_remapped { 0 } else { ended }
                && ending.exited_well
                    == (moment.after.ended.and_then(|(_, status)| status)
                        == Some(WaitStatus::Exited(0)))
        },
    );
}

/// Contract 7.1, 7.3: a SIGKILL is the deadline's, a rewrite's or somebody else's; a crash is one that nobody asked for; a
/// status of 128 and a signal that was forwarded is no failure.
#[test]
fn the_main_childs_death_is_explained() {
    let death = |moment: &Moment| moment.ending().unwrap().death;
    let whenever_it_ends = |event: Event, expected: &dyn Fn(&Moment) -> Option<Death>| {
        whenever(
            |moment| moment.event == event && moment.ending().is_some(),
            |moment| death(moment) == expected(moment),
        );
    };
    whenever_it_ends(main_child(WaitStatus::Exited(0), true, true), &|_| {
        Some(Death::Ordinary)
    });
    whenever_it_ends(main_child(WaitStatus::Exited(127), false, true), &|_| None);
    whenever_it_ends(main_child(killed(Signal::KILL), true, true), &|moment| {
        Some(Death::Killed(if moment.before.killed.is_some() {
            Killer::Deadline
        } else if moment.before.sent.contains(Signal::KILL) {
            Killer::Rewrite
        } else {
            Killer::Outside
        }))
    });
    whenever_it_ends(main_child(killed(Signal::SEGV), true, true), &|_| {
        let signal = Signal::SEGV;
        Some(Death::Crashed {
            signal,
            core_dumped: false,
        })
    });
    whenever_it_ends(main_child(WaitStatus::Exited(130), true, true), &|moment| {
        let sent = |signals: SignalSet| signals.contains(Signal::INT);
        let was_sent = sent(moment.before.sent) || sent(moment.before.sent_for_terminal);
        Some(if was_sent {
            Death::Ordinary
        } else {
            Death::Failed
        })
    });
}

/// Contract 7.4, 8.2: the end tells of a shutdown if one began, of whom the stop signal reached, and whether all were killed.
#[test]
fn the_end_knows_what_went_before() {
    whenever(
        |moment| moment.ending().is_some(),
        |moment| {
            let ending = moment.ending().unwrap();
            let signals_group = moment.does(|step| matches!(step, Step::SignalGroup(_)));
            let group_was_asked = signals_group || moment.after.group_stops != SignalSet::EMPTY;
            ending.shutdown_began == moment.after.began
                && ending.all_killed == moment.after.killed.is_some()
                && ending.group_was_asked == group_was_asked
        },
    );
}
