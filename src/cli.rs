//! What the init was asked for (contract 1.3, 10). Pure: words and variables in, [`Options`] and a [`Request`] out.

pub mod parse;
pub mod table;

use crate::bytes::last_part;
use crate::limits::ESCALATIONS;
use crate::log::event::{Level, Problem, Source};
use crate::log::line::Format;
use crate::posix::signal::{Signal, SignalSet};
use crate::posix::time::Milliseconds;

/// The name the init was started under, the last part of `argv[0]` (contract 10.3, 10.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `dumb-init`: a session of its own and group-wide signals by default.
    DumbInit,
    /// `docker-init`, `tini`, `tini-static` or `catatonit`: their version line.
    Tini,
    /// Anything else.
    Pidling,
}

impl Name {
    /// Takes the first word of the argument vector.
    ///
    /// ```
    /// # use pidling::cli::Name;
    /// assert_eq!(Name::of(b"/sbin/docker-init"), Name::Tini);
    /// ```
    #[must_use]
    pub fn of(argument: &[u8]) -> Self {
        let last = last_part(argument);
        let known = KNOWN_NAMES.iter().find(|(name, _)| name.as_bytes() == last);
        known.map_or(Self::Pidling, |(_, name)| *name)
    }
}

/// The names of other inits.
const KNOWN_NAMES: [(&str, Name); 5] = [
    ("dumb-init", Name::DumbInit),
    ("docker-init", Name::Tini),
    ("tini", Name::Tini),
    ("tini-static", Name::Tini),
    ("catatonit", Name::Tini),
];

/// Who gets forwarded signals (contract 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The main child.
    MainChild,
    /// The main child's process group.
    Group,
}

/// What the main child leads (contract 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A process group in the init's session.
    ProcessGroup,
    /// A session.
    Session,
}

/// Which signal each received one is forwarded as (contract 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Rewrites([Option<Signal>; 65]);

impl Rewrites {
    /// Every signal is forwarded as it is.
    #[must_use]
    pub fn none() -> Self {
        Self(core::array::from_fn(|number| {
            u8::try_from(number).ok().and_then(Signal::new)
        }))
    }

    /// What `received` is forwarded as; `None` where it is dropped.
    #[must_use]
    pub fn apply(&self, received: Signal) -> Option<Signal> {
        let forwarded = self.0.get(usize::from(received.number()));
        forwarded.copied().flatten()
    }

    /// Has `received` forwarded as `forwarded` from now on, or dropped.
    pub fn set(&mut self, received: Signal, forwarded: Option<Signal>) {
        if let Some(place) = self.0.get_mut(usize::from(received.number())) {
            *place = forwarded;
        }
    }
}

/// A step of `--escalate` (contract 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// How long after the first stop signal.
    pub after: Milliseconds,
    /// What is sent then.
    pub signal: Signal,
}

/// The steps of `--escalate` in the order of their times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ladder([Option<Escalation>; ESCALATIONS]);

impl Ladder {
    /// Puts a step in its place, after those of the same time. Returns whether there was room for it.
    #[must_use]
    pub fn insert(&mut self, step: Escalation) -> bool {
        let [.., None] = self.0 else {
            return false;
        };
        let is_earlier =
            |place: &Option<Escalation>| place.is_some_and(|it| it.after <= step.after);
        let mut moved = Some(step);
        for place in self.0.iter_mut().skip_while(|place| is_earlier(place)) {
            core::mem::swap(place, &mut moved);
        }
        true
    }

    /// The steps in the order of their times.
    pub fn iter(&self) -> impl Iterator<Item = Escalation> {
        self.0.iter().copied().flatten()
    }
}

/// A set of exit statuses.
#[derive(Clone, Copy, Debug)]
pub struct StatusSet([bool; 256]);

impl StatusSet {
    /// No status.
    pub const EMPTY: Self = Self([false; 256]);

    /// Whether the status is in the set.
    #[must_use]
    pub fn contains(&self, status: u8) -> bool {
        self.0.get(usize::from(status)) == Some(&true)
    }

    /// Adds a status.
    pub fn insert(&mut self, status: u8) {
        if let Some(place) = self.0.get_mut(usize::from(status)) {
            *place = true;
        }
    }
}

/// Everything the init was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The name it was started under.
    pub name: Name,
    /// What the log shows.
    pub level: Level,
    /// What a log line looks like.
    pub format: Format,
    /// Who gets forwarded signals.
    pub target: Target,
    /// What the main child leads.
    pub isolation: Isolation,
    /// Whether to wait for the rest (contract 6.4).
    pub wait_all: bool,
    /// Whether to warn of each reaped process that is not the main child.
    pub warn_on_reap: bool,
    /// The signal to get when the parent dies.
    pub parent_death_signal: Option<Signal>,
    /// The signals that begin a shutdown (contract 6.1).
    pub stop_signals: SignalSet,
    /// How long the first stop signal is held.
    pub stop_delay: Option<Milliseconds>,
    /// When SIGKILL follows the first stop signal.
    pub grace_period: Option<Milliseconds>,
    /// What is sent in between.
    pub ladder: Ladder,
    /// How signals are forwarded.
    pub rewrites: Rewrites,
    /// Statuses that become 0.
    pub remapped: StatusSet,
    /// Whether `PIDLING_OPTIONS` is set and was not read, because the init is a wrapper.
    pub options_ignored: bool,
}

impl Options {
    /// The defaults under this name.
    #[must_use]
    pub fn new(name: Name) -> Self {
        let (target, isolation) = match name {
            Name::DumbInit => (Target::Group, Isolation::Session),
            Name::Tini | Name::Pidling => (Target::MainChild, Isolation::ProcessGroup),
        };
        Self {
            name,
            level: Level::Warning,
            format: Format::Text,
            target,
            isolation,
            wait_all: false,
            warn_on_reap: false,
            parent_death_signal: None,
            stop_signals: SignalSet::only(Signal::TERM).with(Signal::INT),
            stop_delay: None,
            grace_period: None,
            ladder: Ladder::default(),
            rewrites: Rewrites::none(),
            remapped: StatusSet::EMPTY,
            options_ignored: false,
        }
    }

    /// Whether a signal asks for shutdown when it is received (contract 6.1): as it is, or as what it is forwarded as.
    #[must_use]
    pub fn is_stop_signal(&self, received: Signal) -> bool {
        self.rewrites.apply(received).is_some_and(|forwarded| {
            self.stop_signals.contains(received) || self.stop_signals.contains(forwarded)
        })
    }

    /// The status that the init ends with in place of this one: 0 where `-e` names it (contract 7).
    #[must_use]
    pub fn remap(&self, status: u8) -> u8 {
        if self.remapped.contains(status) {
            0
        } else {
            status
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Run the command that begins at this word of the command line.
    Run {
        /// The index of the command in the argument vector; at least 1.
        command: usize,
    },
    /// Reap until a stop signal (contract 9).
    Pause,
    /// Print something of our own (contract 8.1).
    Print(Topic),
}

/// What can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// `--help`.
    Help,
    /// `--license`.
    License,
    /// `--version`.
    Version,
}

/// Why the words cannot be used, and how to say it: in the format that any source asked for (contract 8.3).
#[derive(Clone, Copy, Debug)]
pub struct UsageError<'a> {
    /// Where the word is.
    pub source: Source,
    /// What is wrong with it.
    pub problem: Problem<'a>,
    /// How the log line is to look.
    pub format: Format,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_first_word_is_the_name() {
        for (argument, expected) in [
            (&b"dumb-init"[..], Name::DumbInit),
            (b"/usr/bin/dumb-init", Name::DumbInit),
            (b"/sbin/docker-init", Name::Tini),
            (b"./tini", Name::Tini),
            (b"//tini-static", Name::Tini),
            (b"/usr/libexec/podman/catatonit", Name::Tini),
            (b"pidling", Name::Pidling),
            (b"", Name::Pidling),
            (b"tini/", Name::Pidling),
            (b"tini-", Name::Pidling),
            (b"xtini", Name::Pidling),
            (b"Tini", Name::Pidling),
            (b"tini\xff", Name::Pidling),
        ] {
            assert_eq!(Name::of(argument), expected, "{argument:?}");
        }
    }

    #[test]
    fn every_signal_is_forwarded_as_it_is_unless_it_is_rewritten() {
        let mut rewrites = Rewrites::none();
        for signal in Signal::all() {
            assert_eq!(rewrites.apply(signal), Some(signal));
        }
        for signal in Signal::all() {
            rewrites.set(signal, Some(Signal::QUIT));
            assert_eq!(rewrites.apply(signal), Some(Signal::QUIT));
            rewrites.set(signal, None);
            assert_eq!(rewrites.apply(signal), None);
        }
    }

    #[test]
    fn a_set_of_statuses_holds_what_was_inserted() {
        let mut set = StatusSet::EMPTY;
        for status in 0..=255 {
            assert!(!set.contains(status));
            set.insert(status);
            assert!(set.contains(status));
        }
    }

    #[test]
    fn steps_are_in_the_order_of_their_times_and_of_their_arrival() {
        let step = |after, signal| Escalation {
            after: Milliseconds(after),
            signal,
        };
        let mut ladder = Ladder::default();
        for (after, signal) in [
            (5, Signal::INT),
            (5, Signal::QUIT),
            (9, Signal::TERM),
            (3, Signal::HUP),
            (5, Signal::ABRT),
            (1, Signal::CONT),
            (9, Signal::SEGV),
            (4, Signal::PIPE),
        ] {
            assert!(ladder.insert(step(after, signal)));
        }
        let expected = [
            step(1, Signal::CONT),
            step(3, Signal::HUP),
            step(4, Signal::PIPE),
            step(5, Signal::INT),
            step(5, Signal::QUIT),
            step(5, Signal::ABRT),
            step(9, Signal::TERM),
            step(9, Signal::SEGV),
        ];
        assert!(ladder.iter().eq(expected));
        assert!(!ladder.insert(step(2, Signal::BUS)));
        assert!(ladder.iter().eq(expected));
    }
}
