//! What the init was asked for (contract 1.3, 10). Pure: words and variables in, [`Options`] and a [`Request`] out.

pub mod parse;
pub mod table;

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

/// A step of `--escalate` (contract 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long after the first stop signal.
    pub after: Milliseconds,
    /// What is sent then.
    pub signal: Signal,
}

/// The steps of `--escalate` in the order of their times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ladder([Option<Step>; ESCALATIONS]);

/// A set of exit statuses.
#[derive(Clone, Copy, Debug)]
pub struct StatusSet([bool; 256]);

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
