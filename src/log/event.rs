//! Everything the init can say: each event with its level, its name, its fields and its words, in one arm. Pure.

use crate::exec_failure::{ProcessLimit, Reason};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::posix::time::Milliseconds;
use crate::proc_files::Disposition;

/// How much an event matters; a log shows what is at or above its own level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The init cannot do what it was asked to.
    Error,
    /// Something its user should know of; the default.
    Warning,
    /// The life of the main child (`-v`).
    Info,
    /// Every reap and every ignored error (`-vv`).
    Debug,
}

/// Where a word came from (contract 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A variable of another init.
    Environment,
    /// The variable `PIDLING_OPTIONS`.
    PidlingOptions,
    /// The command line.
    CommandLine,
}

/// What is wrong with a word (contract 10.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem<'a> {
    /// An option that does not exist, and the nearest one, if it resembles any.
    UnknownOption {
        word: &'a [u8],
        nearest: Option<&'static str>,
    },
    /// An option's value is missing.
    MissingValue {
        option: &'static str,
        expected: &'static str,
    },
    /// An option's value is wrong.
    BadValue {
        option: &'static str,
        value: &'a [u8],
        expected: &'static str,
    },
    /// A value for an option that takes none.
    UnwantedValue {
        option: &'static str,
        value: &'a [u8],
    },
    /// A word in `PIDLING_OPTIONS` that is no option.
    NotAnOption { word: &'a [u8] },
    /// A command together with `--pause`.
    UnwantedCommand { word: &'a [u8] },
    /// Nothing to run.
    NoCommand,
}

/// What could not be created for the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartStep {
    /// A process: clone(2).
    Process,
    /// A process group of its own: setpgid(2).
    ProcessGroup,
    /// A session of its own: setsid(2).
    Session,
}

/// Why a signal goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The init's own acts raised it (contract 3.5).
    CausedByPidling,
    /// It is dead.
    NoMainChild,
    /// As asked for by `-r A:0`.
    RewrittenTo0,
}

/// What the kernel counts of out-of-memory kills in the init's control group, and what that proves (contract 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomKills {
    /// The count cannot be read.
    Unknown,
    /// The init is PID 1: the group is as old as the container, so the count tells of this run.
    OfThisRun(u32),
    /// The init is a wrapper, whose group has a longer life: the count so far, which proves nothing.
    SoFar(u32),
}

/// Who sent the SIGKILL that the main child died of (contract 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killer {
    /// The init, at the deadline.
    Deadline,
    /// The init, because another signal was rewritten to KILL.
    Rewrite,
    /// Somebody else, or the kernel.
    Outside(OomKills),
}

/// A process by its number and its command name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// The process.
    pub pid: Pid,
    /// Its command name, at most 15 arbitrary bytes, `proc_pid_comm(5)`; empty where it is not known.
    pub name: &'a [u8],
}

/// Something the init can say.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    // ---- Errors ----
    /// execve(2) failed (contract 2.6). `path` is the file that was found along PATH, where that is not the command
    /// itself.
    ExecFailed {
        command: &'a [u8],
        path: Option<&'a [u8]>,
        reason: Reason<'a>,
        error: Errno,
    },
    /// What comes before execve(2) failed; `limit` is the one that is reached, where that is known.
    StartFailed {
        step: StartStep,
        command: &'a [u8],
        error: Errno,
        limit: Option<ProcessLimit>,
    },
    /// Asked-for output could not be written.
    OutputFailed { error: Errno },
    /// A word cannot be used.
    UsageError { source: Source, problem: Problem<'a> },

    // ---- Warnings ----
    /// A process that had to be killed, and what it did about the last signal (contract 6.6).
    Survivor {
        process: Named<'a>,
        state: u8,
        disposition: Disposition,
        signal: Signal,
    },
    /// Survivors beyond those listed.
    MoreSurvivors { processes: u32 },
    /// The survivors could not be looked at.
    SurvivorsUnknown { error: Errno },
    /// The deadline has passed, and SIGKILL was sent.
    Killed { elapsed: Milliseconds },
    /// Some processes outlived SIGKILL for as long as the init waits.
    Unkillable { elapsed: Milliseconds },
    /// The main child died of SIGKILL (contract 7.1).
    SigkillExplained { pid: Pid, killer: Killer },
    /// The main child died of a signal that tells of a crash (contract 7.3).
    MainChildCrashed {
        main_child: Named<'a>,
        signal: Signal,
        core_dumped: bool,
    },
    /// The kernel has killed processes of the init's control group for want of memory (contract 7.2).
    OomKilled { processes: u32 },
    /// The main child still lives long after the stop signal was forwarded (contract 6.9): a warning, unless it
    /// catches the signal.
    SlowStop {
        main_child: Named<'a>,
        state: u8,
        disposition: Disposition,
        signal: Signal,
    },
    /// Processes are left that never got the stop signal, and end with the init now (contract 7.4): a warning if a
    /// shutdown had begun. `first` are the first ones, `processes` says how many there are.
    CutOff {
        main_child: &'a [u8],
        processes: u32,
        first: &'a [Named<'a>],
        shutdown_began: bool,
    },
    /// The main child ended well and left a daemon behind, which ends now (contract 7.4).
    DaemonCutOff { pid: Pid, daemon: Named<'a> },
    /// A process that is not the main child was reaped; with `-w` a warning, in tini's words.
    Reaped { pid: Pid, warn: bool },

    // ---- Life of the main child ----
    /// The main child was forked.
    Started { command: &'a [u8], pid: Pid },
    /// The file is empty: execvp(3) hands it to the shell, which does nothing (contract 2.7).
    EmptyFile { path: &'a [u8] },
    /// A signal was sent on to the main child.
    Forwarded { signal: Signal, pid: Pid },
    /// A signal was sent on to the main child's process group.
    ForwardedToGroup { signal: Signal, group: Pid },
    /// The first stop signal came.
    ShutdownBegan { signal: Signal },
    /// The first stop signal is held back.
    StopDelayed { signal: Signal, delay: Milliseconds },
    /// A step of `--escalate` was taken, that long after the first stop signal.
    Escalated {
        signal: Signal,
        elapsed: Milliseconds,
    },
    /// The rest was sent a signal; how many processes, where they were counted.
    RestSignalled {
        signal: Signal,
        processes: Option<u32>,
    },
    /// The main child called exit.
    MainChildExited { pid: Pid, status: u8 },
    /// A signal killed the main child.
    MainChildKilled { pid: Pid, signal: Signal },
    /// How long the shutdown took.
    ShutdownTook { elapsed: Milliseconds },
    /// The init ends with this status.
    Exit { status: u8 },
    /// The init ends by the signal that the terminal sent (contract 5.5).
    ExitBySignal { signal: Signal },
    /// The pause process waits.
    Paused,

    // ---- Details ----
    /// A signal went nowhere.
    Dropped { signal: Signal, reason: DropReason },
    /// A terminal, or a stop of its own, stopped the main child.
    MainChildStopped { pid: Pid, signal: Signal },
    /// The main child runs again.
    MainChildResumed { pid: Pid },
    /// `PIDLING_OPTIONS` is set, and this init, a wrapper, does not read it (contract 1.3).
    OptionsIgnored,
    /// A call failed where that changes nothing.
    ErrorIgnored { call: &'static str, error: Errno },
}
