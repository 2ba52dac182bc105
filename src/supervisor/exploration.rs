//! Shows the supervisor every sequence of events there is, up to a depth, under every combination of
//! the options that it knows, and compares what it does with a plain account of what happened.
//!
//! Sequences that lead to the same state, of the supervisor and of the account, are followed once; the
//! clock is one of the events.

use super::*;
use crate::options::Reader;
use crate::posix::signal::{Code, Sender};
use std::collections::{BTreeSet, HashSet};

const DEPTH: usize = 12;
const CHILD: i32 = 7;
const ORPHAN: i32 = 8;
const OWN: i32 = 1;

/// Who sends a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Elsewhere,
    Queue,
    Ourselves,
}

impl Origin {
    fn received(self, number: u8) -> Received {
        let mut received = Received::from_nobody(Signal::new(number).expect("a signal"));
        match self {
            Origin::Elsewhere => {}
            Origin::Queue => (received.code, received.sender) = (Code::QUEUE, SENDER),
            Origin::Ourselves => received.sender.pid = OWN,
        }
        received
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    Signal(u8, Origin),
    ChildExits(u8),
    ChildKilled(u8),
    ChildStops(u8),
    OrphanDies,
    Alone,
    /// The clock moves to where the supervisor wants to be woken.
    Due,
    /// The clock moves to just before that, and the supervisor is woken all the same.
    Early,
}

const SENDER: Sender = Sender {
    pid: 5,
    user: 6,
    value: 7,
};

const HAPPENINGS: [Happening; 13] = [
    Happening::Signal(15, Origin::Elsewhere),
    Happening::Signal(2, Origin::Queue),
    Happening::Signal(10, Origin::Elsewhere),
    Happening::Signal(1, Origin::Elsewhere),
    Happening::Signal(13, Origin::Ourselves),
    Happening::ChildExits(3),
    Happening::ChildKilled(9),
    Happening::ChildStops(20),
    Happening::ChildStops(19),
    Happening::OrphanDies,
    Happening::Alone,
    Happening::Due,
    Happening::Early,
];

/// What the supervisor did, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Did {
    Forward(u8, bool),
    Drop(u8),
    Begin(u8, bool),
    StopItself,
    StopWithChild(u8),
    Reaped,
    ChildEnded,
    SignalGroup(u8),
    Terminate(bool),
    KillAll(Asked, u8, u32),
    KillAgain,
    GiveUp,
    End(u8, Option<Killer>, Option<u32>),
}

/// Reads the words of a command line, the program's name first.
fn read(words: &[&str]) -> Options {
    let (program, words) = words.split_first().unwrap();
    let rest = core::cell::RefCell::new(words.iter());
    let next = || rest.borrow_mut().next().map(|word| word.as_bytes());
    let mut reader = Reader::default();
    let read = reader.read(program.as_bytes(), &next, core::iter::empty());
    assert!(read.is_some(), "the words are right");
    reader.options
}

#[derive(Clone, Debug)]
struct Recorder {
    now: Instant,
    did: Vec<Did>,
}

impl Recorder {
    /// Nothing was done yet, at this time.
    fn at(now: u64) -> Self {
        Self {
            now: Instant::new(now),
            did: Vec::new(),
        }
    }
}

impl Steps for Recorder {
    fn now(&mut self) -> Instant {
        self.now
    }
    fn is_own(&self, received: &Received) -> bool {
        received.sender.pid == OWN
    }
    fn forward(&mut self, _: Target, received: &Received) {
        let queued = received.code == Code::QUEUE;
        assert_eq!(received.sender.value == SENDER.value, queued);
        self.did
            .push(Did::Forward(received.signal.number(), queued));
    }
    fn drop_signal(&mut self, signal: Signal, _: Piece) {
        self.did.push(Did::Drop(signal.number()));
    }
    fn begin_shutdown(&mut self, signal: Signal, delay: Milliseconds) {
        self.did.push(Did::Begin(signal.number(), delay.0 > 0));
    }
    fn stop_itself(&mut self) {
        self.did.push(Did::StopItself);
    }
    fn stop_with_child(&mut self, signal: Signal) {
        self.did.push(Did::StopWithChild(signal.number()));
    }
    fn reaped(&mut self, pid: Pid, _: bool) {
        assert_eq!(pid.number(), ORPHAN);
        self.did.push(Did::Reaped);
    }
    fn child_ended(&mut self, _: WaitStatus) {
        self.did.push(Did::ChildEnded);
    }
    fn signal_group(&mut self, signal: Signal) {
        self.did.push(Did::SignalGroup(signal.number()));
    }
    fn terminate_rest(&mut self, spare_group: bool) {
        self.did.push(Did::Terminate(spare_group));
    }
    fn kill_all(&mut self, asked: Asked, signal: Signal, began: Instant) {
        let elapsed = self.now.since(began);
        self.did
            .push(Did::KillAll(asked, signal.number(), elapsed.0));
    }
    fn kill_again(&mut self) {
        self.did.push(Did::KillAgain);
    }
    fn give_up(&mut self, since: Instant) {
        assert!(self.now.since(since) >= GIVE_UP);
        self.did.push(Did::GiveUp);
    }
    fn end(&mut self, status: u8, killer: Option<Killer>, began: Instant) {
        let elapsed = (began < Instant::NEVER).then(|| self.now.since(began).0);
        self.did.push(Did::End(status, killer, elapsed));
    }
}

/// The plain account: what happened so far, and what must follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Account {
    now: u64,
    alive: bool,
    status: u8,
    killer: Option<Killer>,
    first_stop: Option<u64>,
    /// The first stop signal while it is held, whether it was queued, and until when.
    held: Option<(u8, bool, u64)>,
    /// The last stop signal that was forwarded.
    stop_sent: Option<u8>,
    /// Whether SIGTERM was among them.
    term_sent: bool,
    deadline: Option<u64>,
    killed: Option<u64>,
    kill_again_due: Option<u64>,
    began: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option that is given or not"
)]
struct Case {
    wait_all: bool,
    grace: Option<u32>,
    delay: u32,
    group: bool,
    dumb_init: bool,
    pause: bool,
}

impl Case {
    fn options(self) -> Options {
        let program = if self.dumb_init {
            "dumb-init"
        } else {
            "pidling"
        };
        let words = [program, "-r", "HUP:0", "-e", "137"];
        let mut words: Vec<String> = words.map(String::from).to_vec();
        words.extend(self.wait_all.then(|| "-a".into()));
        words.push(if self.group { "-g".into() } else { "-c".into() });
        words.extend(self.grace.map(|grace| format!("-t{grace}ms")));
        words.extend((self.delay > 0).then(|| format!("--stop-delay={}ms", self.delay)));
        words.push(if self.pause {
            "-P".into()
        } else {
            "command".into()
        });
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        read(&words)
    }

    fn asked(self) -> Asked {
        if self.group {
            Asked::Group
        } else {
            Asked::Child
        }
    }

    /// What must be done about a happening; changes the account accordingly.
    #[expect(clippy::too_many_lines, reason = "one happening after the other")]
    fn expected(self, account: &mut Account, happening: Happening) -> Vec<Did> {
        let mut did = Vec::new();
        let now = account.now;
        let forward_held = |account: &mut Account, did: &mut Vec<Did>| {
            if let Some((signal, queued, _)) = account.held.take() {
                did.push(Did::Forward(signal, queued));
                account.stop_sent = Some(signal);
                account.term_sent |= signal == 15;
            }
        };
        let child_dies = |account: &mut Account, did: &mut Vec<Did>, status: u8| {
            account.alive = false;
            account.status = if status == 137 { 0 } else { status };
            if let Some((signal, ..)) = account.held.take() {
                did.push(Did::Drop(signal));
            }
            did.push(Did::ChildEnded);
            if !self.wait_all {
                if self.dumb_init && self.group {
                    did.push(Did::SignalGroup(15));
                }
                did.push(account.end());
                return;
            }
            account.began = account.began.or(Some(now));
            if account.killed.is_some() {
                account.killed = Some(now);
                account.kill_again_due = Some(now);
            } else {
                account.deadline = account
                    .deadline
                    .or(Some(now + u64::from(self.grace.unwrap_or(10_000))));
                did.push(Did::Terminate(self.group && account.term_sent));
            }
        };
        match happening {
            Happening::Signal(signal, Origin::Ourselves) => did.push(Did::Drop(signal)),
            Happening::Signal(signal, _) if self.pause => {
                did.push(if matches!(signal, 2 | 15) {
                    account.end()
                } else {
                    Did::Drop(signal)
                });
            }
            Happening::Signal(signal, _) if !account.alive => did.push(Did::Drop(signal)),
            Happening::Signal(1, _) => did.push(Did::Drop(1)),
            Happening::Signal(signal, origin) => {
                let queued = matches!(origin, Origin::Queue);
                let is_stop = matches!(signal, 2 | 15);
                if is_stop && account.first_stop.is_none() {
                    account.first_stop = Some(now);
                    account.began = Some(now);
                    account.deadline = self.grace.map(|grace| now + u64::from(grace));
                    did.push(Did::Begin(signal, self.delay > 0));
                    if self.delay > 0 {
                        account.held = Some((signal, queued, now + u64::from(self.delay)));
                        return did;
                    }
                } else if is_stop {
                    forward_held(account, &mut did);
                }
                did.push(Did::Forward(signal, queued));
                if is_stop {
                    account.stop_sent = Some(signal);
                    account.term_sent |= signal == 15;
                }
            }
            Happening::ChildExits(status) => child_dies(account, &mut did, status),
            Happening::ChildKilled(signal) => {
                let by_deadline = account.killed.is_some();
                account.killer = Some(if by_deadline {
                    Killer::Deadline
                } else {
                    Killer::Stranger
                });
                child_dies(account, &mut did, 128 + signal);
            }
            Happening::ChildStops(20) => did.push(Did::StopWithChild(20)),
            Happening::ChildStops(_) => {}
            Happening::OrphanDies => did.push(Did::Reaped),
            Happening::Alone => did.push(account.end()),
            Happening::Due | Happening::Early => {
                if account.held.is_some_and(|(.., until)| until <= now) {
                    forward_held(account, &mut did);
                }
                match (account.killed, account.deadline, account.kill_again_due) {
                    (None, Some(deadline), _) if deadline <= now => {
                        account.killed = Some(now);
                        let (asked, signal) = match account.stop_sent.filter(|_| account.alive) {
                            Some(signal) => (self.asked(), signal),
                            None => (Asked::Rest, 15),
                        };
                        let began = account.began.expect("a deadline has a beginning");
                        did.push(Did::KillAll(
                            asked,
                            signal,
                            u32::try_from(now - began).expect("short"),
                        ));
                        account.kill_again_due = (!account.alive).then_some(now + 100);
                    }
                    (Some(killed), _, Some(due)) if due <= now => {
                        if killed + 5000 <= now {
                            did.extend([Did::GiveUp, account.end()]);
                        } else {
                            did.push(Did::KillAgain);
                            account.kill_again_due = Some(now + 100);
                        }
                    }
                    _ => {}
                }
            }
        }
        did
    }
}

impl Account {
    fn end(&self) -> Did {
        let elapsed = self
            .began
            .map(|began| u32::try_from(self.now - began).expect("short"));
        Did::End(self.status, self.killer, elapsed)
    }

    /// When the supervisor must want to be woken.
    fn wake_at(&self) -> Option<u64> {
        let kill = if self.killed.is_some() {
            self.kill_again_due
        } else {
            self.deadline
        };
        self.held
            .map(|(.., until)| until)
            .into_iter()
            .chain(kill)
            .min()
    }

    /// Whether the kernel can report such a thing now.
    fn can_see(&self, happening: Happening, pause: bool) -> bool {
        match happening {
            Happening::ChildExits(_) | Happening::ChildKilled(_) | Happening::ChildStops(_) => {
                self.alive && !pause
            }
            Happening::Due | Happening::Early => self.wake_at().is_some(),
            Happening::Alone => !self.alive && !pause,
            Happening::Signal(..) | Happening::OrphanDies => true,
        }
    }
}

fn exited(status: u8) -> WaitStatus {
    WaitStatus::from_raw(i32::from(status) << 8)
}

fn killed(signal: u8) -> WaitStatus {
    WaitStatus::from_raw(signal.into())
}

fn stopped(signal: u8) -> WaitStatus {
    WaitStatus::from_raw(i32::from(signal) << 8 | 0x7f)
}

fn happen(
    supervisor: &mut Supervisor<'_, Recorder>,
    account: &Account,
    happening: Happening,
) -> Vec<Did> {
    supervisor.steps = Recorder::at(account.now);
    let child = Pid::new(CHILD).expect("positive");
    match happening {
        Happening::Signal(number, origin) => {
            supervisor.received(&mut origin.received(number));
        }
        Happening::ChildExits(status) => {
            supervisor.changed(child, exited(status));
        }
        Happening::ChildKilled(number) => {
            supervisor.changed(child, killed(number));
        }
        Happening::ChildStops(number) => {
            supervisor.changed(child, stopped(number));
        }
        Happening::OrphanDies => {
            supervisor.changed(Pid::new(ORPHAN).expect("positive"), exited(0));
        }
        Happening::Alone => supervisor.alone(),
        Happening::Due | Happening::Early => supervisor.woken(supervisor.steps.now),
    }
    std::mem::take(&mut supervisor.steps.did)
}

/// Follows every sequence of `DEPTH` happenings; returns how many different states there were.
fn explore(case: Case) -> usize {
    let options = case.options();
    let start = Account {
        now: 1000,
        alive: !case.pause,
        status: 0,
        killer: None,
        first_stop: None,
        held: None,
        stop_sent: None,
        term_sent: false,
        deadline: None,
        killed: None,
        kill_again_due: None,
        began: None,
    };
    let child = Pid::new(if case.pause { OWN } else { CHILD }).expect("positive");
    let mut seen = HashSet::new();
    let mut front = vec![(
        Supervisor::new(&options, child, Recorder::at(0)),
        start,
        Vec::new(),
    )];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for (supervisor, account, path) in front {
            for happening in HAPPENINGS {
                if !account.can_see(happening, case.pause) {
                    continue;
                }
                let (mut supervisor, mut account, mut path) =
                    (supervisor.clone(), account.clone(), path.clone());
                path.push(happening);
                account.now = match happening {
                    Happening::Due => account
                        .wake_at()
                        .expect("something is due")
                        .max(account.now),
                    Happening::Early => {
                        (account.wake_at().expect("something is due") - 1).max(account.now)
                    }
                    Happening::Signal(..)
                    | Happening::ChildExits(_)
                    | Happening::ChildKilled(_)
                    | Happening::ChildStops(_)
                    | Happening::OrphanDies
                    | Happening::Alone => account.now,
                };
                let did = happen(&mut supervisor, &account, happening);
                let expected = case.expected(&mut account, happening);
                assert_eq!(did, expected, "{case:?} {path:?}");
                check_invariants(case, &account, &did, &path);
                if did.iter().any(|did| matches!(did, Did::End(..))) {
                    continue;
                }
                assert_eq!(
                    supervisor.wake_at(),
                    account.wake_at().map_or(Instant::NEVER, Instant::new),
                    "{case:?} {path:?}"
                );
                assert_eq!(
                    supervisor.waits_for_rest(),
                    !account.alive && !case.pause,
                    "{case:?} {path:?}"
                );
                if seen.insert((account.clone(), format!("{supervisor:?}"))) {
                    next.push((supervisor, account, path));
                }
            }
        }
        front = next;
    }
    seen.len()
}

/// What must hold whatever the account says.
fn check_invariants(case: Case, account: &Account, did: &[Did], path: &[Happening]) {
    let count = |what: fn(&Did) -> bool| did.iter().filter(|did| what(did)).count();
    let ended = count(|did| matches!(did, Did::End(..)));
    assert!(
        ended == 0 || !account.alive,
        "ends while the main child lives: {case:?} {path:?}"
    );
    assert!(ended <= 1, "ends twice: {case:?} {path:?}");
    let answers = count(|did| matches!(did, Did::Forward(..) | Did::Drop(_)));
    match path.last() {
        Some(Happening::Signal(..)) if case.pause => {}
        Some(Happening::Signal(..)) => {
            let held =
                account.held.is_some() && did.iter().any(|did| matches!(did, Did::Begin(_, true)));
            let released = account.first_stop.is_some() && answers == 2;
            assert!(
                answers == 1 || held || released,
                "a signal without one answer: {case:?} {path:?}"
            );
        }
        _ => assert!(answers <= 1, "{case:?} {path:?}"),
    }
    if count(|did| matches!(did, Did::KillAll(..))) > 0 {
        assert!(
            account
                .deadline
                .is_some_and(|deadline| deadline <= account.now),
            "{case:?} {path:?}"
        );
    }
}

#[test]
fn every_sequence_of_events_is_answered_as_the_contract_says() {
    let mut states = BTreeSet::new();
    for bits in 0..64_u32 {
        let is = |bit: u32| bits >> bit & 1 == 1;
        let case = Case {
            wait_all: is(0),
            grace: is(1).then_some(5000),
            delay: if is(2) { 2000 } else { 0 },
            group: is(3),
            dumb_init: is(4),
            pause: is(5),
        };
        let _ = states.insert(explore(case));
    }
    assert!(states.last() > Some(&50), "{states:?}");
}

/// From every state with a dead main child, waking alone leads to the end; so a shutdown always ends.
#[test]
fn waiting_for_the_rest_ends_by_the_clock_alone() {
    for (grace, delay) in [(None, 0), (Some(5000), 0), (Some(5000), 2000), (None, 2000)] {
        let case = Case {
            wait_all: true,
            grace,
            delay,
            group: false,
            dumb_init: false,
            pause: false,
        };
        let options = case.options();
        let child = Pid::new(CHILD).unwrap();
        for stop_first in [false, true] {
            let mut supervisor = Supervisor::new(&options, child, Recorder::at(1));
            if stop_first {
                supervisor.received(&mut Received::from_nobody(Signal::TERM));
            }
            supervisor.changed(child, exited(3));
            for _ in 0..100 {
                if supervisor
                    .steps
                    .did
                    .iter()
                    .any(|did| matches!(did, Did::End(..)))
                {
                    break;
                }
                supervisor.steps.now = supervisor.wake_at();
                assert_ne!(supervisor.steps.now, Instant::NEVER, "{case:?}");
                supervisor.woken(supervisor.steps.now);
            }
            assert!(
                matches!(
                    supervisor.steps.did.last(),
                    Some(Did::End(3, None, Some(_)))
                ),
                "{case:?}"
            );
            assert_eq!(
                supervisor
                    .steps
                    .did
                    .iter()
                    .filter(|did| matches!(did, Did::KillAll(..)))
                    .count(),
                1
            );
        }
    }
}

#[test]
fn dumb_init_stops_with_its_children() {
    let case = Case {
        wait_all: false,
        grace: None,
        delay: 0,
        group: true,
        dumb_init: true,
        pause: false,
    };
    let options = read(&["dumb-init", "command"]);
    let child = Pid::new(CHILD).unwrap();
    let mut supervisor = Supervisor::new(&options, child, Recorder::at(1));
    for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        supervisor.received(&mut Received::from_nobody(signal));
    }
    let expected = [Did::Forward(19, false), Did::StopItself];
    assert_eq!(supervisor.steps.did, expected.repeat(3), "{case:?}");
}

#[test]
fn a_rewrite_decides_what_stops() {
    let words = [
        "pidling",
        "-r",
        "TERM:QUIT",
        "-r",
        "INT:USR1",
        "-r",
        "HUP:TERM",
        "-r",
        "USR2:KILL",
        "command",
    ];
    let options = read(&words);
    let child = Pid::new(CHILD).unwrap();
    for (signal, begins, forwarded) in
        [(15, true, 3), (2, false, 10), (1, true, 15), (12, false, 9)]
    {
        let mut supervisor = Supervisor::new(&options, child, Recorder::at(1));
        supervisor.received(&mut Origin::Elsewhere.received(signal));
        let mut expected = Vec::from([Did::Forward(forwarded, false)]);
        if begins {
            expected.insert(0, Did::Begin(signal, false));
        }
        assert_eq!(supervisor.steps.did, expected);
        if forwarded == 9 {
            supervisor.changed(child, killed(9));
            assert_eq!(
                supervisor.steps.did.last(),
                Some(&Did::End(137, Some(Killer::Rewrite), None))
            );
        }
    }
}
