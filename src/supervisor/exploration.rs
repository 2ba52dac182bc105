//! Shows the supervisor every sequence of events up to a depth, and holds what it did against the contract: one test for
//! each property, in `exploration/properties.rs`.
//!
//! Nothing in here decides. A [`Recorder`] writes the steps down, [`Facts`] are what could be seen so far, and a property
//! says what has to be true of every [`Moment`]. Sequences that lead to the same state and the same facts are followed
//! once. A SIGKILL that fails is a main child whose death does not come, or late; a late birth is a rest that is never gone.

mod properties;

use super::*;
use crate::cli::parse::parse;
use crate::cli::{Escalation, Request};
use crate::posix::signal::Sender;
use core::hash::Hash;
use std::collections::HashSet;
use std::sync::LazyLock;
use std::thread;

use Role::{Pid1, Wrapper};

/// Command lines, and the roles that they are explored in.
#[rustfmt::skip]
const COMMAND_LINES: [(&str, &[Role]); 21] = [
    ("pidling", &[Pid1, Wrapper]),
    ("pidling -t 2s", &[Pid1, Wrapper]),
    ("pidling -t 20s", &[Pid1]),
    ("pidling -t 2s --stop-delay 300ms", &[Pid1, Wrapper]),
    ("pidling --stop-delay 300ms", &[Pid1]),
    ("pidling -t 2s --escalate 500ms:INT --escalate 1500ms:QUIT", &[Pid1, Wrapper]),
    ("pidling -t 2s --stop-delay 300ms --escalate 301ms:HUP", &[Pid1]),
    ("pidling -a", &[Pid1]),
    ("pidling -a -t 2s", &[Pid1, Wrapper]),
    ("pidling -a --escalate 500ms:INT --escalate 8800ms:QUIT --escalate 20s:HUP", &[Pid1]),
    ("pidling --pause", &[Pid1]),
    ("pidling --pause -a", &[Pid1]),
    ("pidling --pause -a -t 2s --stop-delay 300ms --escalate 1s:QUIT", &[Pid1]),
    ("pidling -g -a -t 2s", &[Wrapper]),
    ("dumb-init", &[Pid1]),
    ("pidling -r TERM:WINCH --stop-signal WINCH -a", &[Pid1]),
    ("pidling -r TERM:0 -r TSTP:KILL -t 2s", &[Pid1]),
    ("pidling -r INT:TERM --stop-delay 300ms", &[Wrapper]),
    ("pidling -r INT:KILL -r QUIT:INT", &[Wrapper]),
    ("pidling -e 130 -e 137 -t 2s", &[Wrapper]),
    ("pidling -t 2s INT-is-ignored", &[Wrapper]),
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

const EVENTS: [Event; 20] = [
    signal(Signal::TERM, Code::Queue, 5),
    signal(Signal::INT, Code::User, 5),
    signal(Signal::INT, Code::Terminal, 0),
    signal(Signal::QUIT, Code::Terminal, 0),
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
    Event::Passes(Milliseconds(50)),
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
    NameSlowChild(LastSignal),
    StopItself,
    ChildStopped { in_shutdown: bool },
    Reaped { explain: bool },
    ChildEnded,
    SignalGroup(Signal),
    TerminateRest { group_has_term: Option<Tick> },
    KillMainChild(LastSignal),
    KillRest(LastSignal),
    ReportKilled(Signal, Since),
    KillAgain { main_child: bool },
    GiveUp(Instant),
    End(Ending),
}

/// How long it takes to look at the rest and to kill it, the first time, which is longer than the init waits for anybody,
/// and again.
const FIRST_KILL: Milliseconds = Milliseconds(6_000);
const NEXT_KILL: Milliseconds = Milliseconds(30);
const NEXT_KILL_WITH_MAIN_CHILD: Milliseconds = Milliseconds(230);

/// Writes down what is done, and when. Killing takes its time.
#[derive(Clone, Debug)]
struct Recorder {
    now: Instant,
    ignores_int: bool,
    was_command: bool,
    has_foreground: bool,
    steps: Vec<(Instant, Step)>,
}

/// The clock of births where so many steps were taken since an event at this time: it goes on with each, so that a reading
/// tells which step came next.
fn tick(at: Instant, steps: usize) -> Tick {
    Tick::new(u64::from(at.since(START).0) * 100 + u64::try_from(steps).unwrap())
}

/// Whom a signal to the target asks, sent in this tick.
fn asked(target: Target, sent: Tick) -> Asked {
    match target {
        Target::MainChild => Asked::MainChild,
        Target::Group => Asked::Group(sent),
    }
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
    fn tick(&mut self) -> Tick {
        tick(self.now, self.steps.len())
    }
    fn take_own(&mut self, received: &Received) -> bool {
        received.sender.pid == OWN
    }
    fn is_ignored(&mut self, signal: Signal) -> bool {
        self.ignores_int && signal == Signal::INT
    }
    fn child_has_foreground(&mut self) -> bool {
        self.has_foreground
    }
    fn forward(&mut self, target: Target, received: &Received) -> bool {
        self.record(Step::Forward(target, *received));
        true
    }
    fn drop_signal(&mut self, signal: Signal, reason: DropReason) {
        self.record(Step::Drop(signal, reason));
    }
    fn begin_shutdown(&mut self, signal: Signal, delay: Option<Milliseconds>) {
        self.record(Step::BeginShutdown(signal, delay));
    }
    fn escalate(&mut self, to: Asked, signal: Signal, began: Instant) -> bool {
        self.record(Step::Escalate(to, signal, began));
        true
    }
    fn name_slow_child(&mut self, last: LastSignal) {
        self.record(Step::NameSlowChild(last));
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
    fn main_child_ended(&mut self, pid: Pid, _: WaitStatus) -> bool {
        assert_eq!(pid.number(), MAIN_CHILD);
        self.record(Step::ChildEnded);
        self.was_command
    }
    fn signal_group(&mut self, signal: Signal) {
        self.record(Step::SignalGroup(signal));
    }
    fn terminate_rest(&mut self, group_has_term: Option<Tick>) {
        self.record(Step::TerminateRest { group_has_term });
    }
    fn kill_main_child(&mut self, main_child: Pid, last: LastSignal) {
        assert_eq!(main_child.number(), MAIN_CHILD);
        self.record(Step::KillMainChild(last));
    }
    fn kill_rest(&mut self, last: LastSignal) {
        self.now = self.now.after(FIRST_KILL);
        self.record(Step::KillRest(last));
    }
    fn report_killed(&mut self, signal: Signal, since: Since) {
        self.record(Step::ReportKilled(signal, since));
    }
    fn kill_again(&mut self, main_child: Option<Pid>) {
        let main_child = main_child.is_some();
        self.now = self.now.after(if main_child {
            NEXT_KILL_WITH_MAIN_CHILD
        } else {
            NEXT_KILL
        });
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
        if received.code == Code::Terminal {
            Target::Group
        } else {
            self.options.target
        }
    }

    /// The steps of the ladder.
    fn ladder(&self) -> Vec<Escalation> {
        self.options.ladder.iter().collect()
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
    last_signal: Option<LastSignal>,
    /// What the main child was sent on account of a key at the terminal, and on any other account.
    sent_for_terminal: SignalSet,
    sent: SignalSet,
    /// When the main child's group was last sent SIGTERM, and when any stop signal or step of the ladder.
    group_has_term: Option<Tick>,
    group_was_asked: Option<Tick>,
    escalations: usize,
    slow_child_named: bool,
    /// When SIGKILL went out first.
    killed: Option<Instant>,
    /// When SIGKILL is due again: after as long a pause as the killing took, from 100 ms to 1 s.
    kill_again_at: Option<Instant>,
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
            last_signal: None,
            sent_for_terminal: SignalSet::EMPTY,
            sent: SignalSet::EMPTY,
            group_has_term: None,
            group_was_asked: None,
            escalations: 0,
            slow_child_named: false,
            killed: None,
            kill_again_at: None,
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
        for (index, (at, step)) in steps.iter().enumerate() {
            let sent = tick(*at, index);
            match *step {
                Step::Forward(target, received) => {
                    let signal = received.signal;
                    self.held = self.held.without(signal);
                    if received.code == Code::Terminal {
                        self.sent_for_terminal = self.sent_for_terminal.with(signal);
                    } else {
                        self.sent = self.sent.with(signal);
                    }
                    if was_held.contains(signal) || stop == Some(signal) {
                        self.stop_forwarded = self.stop_forwarded.or(Some(*at));
                        self.ask(asked(target, sent), signal);
                    }
                }
                Step::Escalate(to, signal, _) => {
                    self.escalations += 1;
                    if to == Asked::Rest {
                        self.ask(to, signal);
                    } else {
                        self.ask(asked(case.options.target, sent), signal);
                        self.sent = self.sent.with(signal);
                    }
                }
                Step::TerminateRest { .. } => {
                    self.ended = self.ended.or(Some((*at, None)));
                    self.ask(Asked::Rest, Signal::TERM);
                }
                Step::Drop(signal, _) => self.held = self.held.without(signal),
                Step::BeginShutdown(..) => {
                    self.began = self.began.or(Some(*at));
                    self.last_signal = stop.map(|signal| LastSignal {
                        asked: None,
                        signal,
                    });
                }
                Step::NameSlowChild(_) => self.slow_child_named = true,
                Step::KillRest(..) => {
                    self.killed = Some(*at);
                    self.kill_again_at = Some(at.after(Milliseconds(1_000)));
                    if !self.has_main_child {
                        self.ended = self.ended.or(Some((self.now, None)));
                    }
                }
                Step::KillAgain { main_child } => {
                    let pause = if main_child { 230 } else { 100 };
                    self.kill_again_at = Some(at.after(Milliseconds(pause)));
                }
                Step::SignalGroup(_) => self.group_was_asked = Some(sent),
                Step::StopItself
                | Step::ChildStopped { .. }
                | Step::Reaped { .. }
                | Step::ChildEnded
                | Step::KillMainChild(..)
                | Step::ReportKilled(..)
                | Step::GiveUp(_)
                | Step::End(_) => {}
            }
        }
        self
    }

    fn ask(&mut self, asked: Asked, signal: Signal) {
        self.last_signal = Some(LastSignal {
            asked: Some(asked),
            signal,
        });
        if let Asked::Group(sent) = asked {
            self.group_was_asked = Some(sent);
            if signal == Signal::TERM {
                self.group_has_term = Some(sent);
            }
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
        if let Event::Signal(received) = self.event {
            Some(received)
        } else {
            None
        }
    }

    /// A stop signal that came while the main child lived.
    fn stop(&self) -> Option<Received> {
        self.received()
            .filter(|received| self.before.has_main_child && self.case.is_stop(*received))
    }

    fn forwarded(&self) -> Vec<Signal> {
        let mut signals = Vec::new();
        for (_, step) in &self.steps {
            if let Step::Forward(_, received) = step {
                signals.push(received.signal);
            }
        }
        signals
    }

    fn ending(&self) -> Option<Ending> {
        self.steps.iter().find_map(|(_, step)| {
            if let Step::End(ending) = step {
                Some(*ending)
            } else {
                None
            }
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
        let is_due = supervisor.next_timer().is_some_and(|at| at <= facts.now);
        match self {
            Self::Signal(_) | Self::OrphanDies => true,
            Self::MainChild { .. } => facts.has_main_child,
            Self::Alone => supervisor.waits_for_rest(),
            Self::Passes(_) | Self::Woken => is_timed,
            Self::Due => supervisor.next_timer().is_some() && !is_due,
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
                supervisor.child_changed_state(Pid::new(MAIN_CHILD).unwrap(), status);
            }
            Self::OrphanDies => {
                supervisor.child_changed_state(Pid::new(ORPHAN).unwrap(), WaitStatus::Exited(0));
            }
            Self::Alone => supervisor.nobody_left(),
            Self::Passes(_) => {}
            Self::Due | Self::Woken => supervisor.timer_expired(supervisor.steps.now),
        }
    }
}

impl Supervisor<'_, Recorder> {
    /// All that was decided so far.
    fn state(&self) -> impl Eq + Hash + use<> {
        let times = (self.deadline, self.killing, self.shutdown);
        let signals = (
            self.sent_for_others,
            self.sent_for_terminal,
            self.last_signal,
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
                    Event::Due => supervisor.next_timer().unwrap(),
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
                    wake_before: supervisor.next_timer(),
                    wake_after: changed.next_timer(),
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
