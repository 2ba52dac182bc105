//! Everything the init can say: each event with its level, its name, its fields and its words, in one arm of
//! [`Event::describe`]. Pure.

pub use super::line::Named;

use super::line::Value::{Bool, ErrorName, Outside, Process, Processes, Words};
use super::line::{Line, Value};
use crate::exec_failure::{ProcessLimit, Reason};
use crate::limits::SLOW_STOP;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::posix::time::Milliseconds;
use crate::proc_files::Response;

/// How much an event matters; a log shows what is at or above its own level (contract 8.2).
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

impl Level {
    /// Its name, as JSON has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// How its lines of text begin.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Error => "pidling: error: ",
            Self::Warning => "pidling: warning: ",
            Self::Info | Self::Debug => "pidling: ",
        }
    }
}

/// Where a word came from (contract 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The variable `PIDLING_OPTIONS`.
    PidlingOptions,
    /// The command line.
    CommandLine,
}

/// What is wrong with a word (contract 10.5).
#[expect(missing_docs, reason = "the names of the fields say what they are")]
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

/// What a deadline is counted from (contract 6.3, 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedFrom {
    /// The first stop signal.
    ShutdownBegan,
    /// The main child's death, where no stop signal had come.
    MainChildEnded,
}

/// Why a signal goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The init's own acts raised it (contract 3.5).
    CausedByPidling,
    /// The main child is dead, or there is none.
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

/// Something the init can say.
#[expect(missing_docs, reason = "the names of the fields say what they are")]
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
    UsageError {
        source: Source,
        problem: Problem<'a>,
    },

    // ---- Warnings ----
    /// A process that had to be killed, and what it did about the last signal (contract 6.6).
    Survivor {
        process: Named<'a>,
        state: u8,
        response: Response,
        signal: Signal,
    },
    /// A process that may not be signalled, so that SIGKILL did not reach it (contract 6.6).
    KillFailed { process: Named<'a>, error: Errno },
    /// Survivors beyond those listed.
    MoreSurvivors {
        processes: u32,
        /// Not all were looked at: there may be more.
        at_least: bool,
    },
    /// The survivors could not be looked at. `group` is the main child's, where a wrapper has sent it SIGKILL.
    SurvivorsUnknown { group: Option<Pid>, error: Errno },
    /// The deadline has passed, and SIGKILL was sent.
    Killed {
        elapsed: Milliseconds,
        since: CountedFrom,
    },
    /// Some processes still live although they were sent SIGKILL, or may not be, or are dead and not reaped yet, and the
    /// init waits no longer.
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
    /// catches the signal and is not stopped.
    SlowStop {
        main_child: Named<'a>,
        state: u8,
        response: Response,
        signal: Signal,
    },
    /// Processes are left that never got the stop signal, and end with the init now (contract 7.4): a warning if a
    /// shutdown had begun. `first` are the first ones, `processes` says how many were seen.
    CutOff {
        main_child: &'a [u8],
        processes: u32,
        /// Not all were looked at: there may be more.
        at_least: bool,
        first: &'a [Named<'a>],
        shutdown_began: bool,
    },
    /// The main child ended well and left a daemon behind, which ends now (contract 7.4).
    DaemonCutOff { pid: Pid, daemon: Named<'a> },
    /// A process that is not the main child was reaped; with `-w` a warning, in tini's words (contract 4.2).
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
    /// A signal stopped the main child.
    MainChildStopped { pid: Pid, signal: Signal },
    /// The main child runs again.
    MainChildResumed { pid: Pid },
    /// `PIDLING_OPTIONS` is set, and this init, a wrapper, does not read it (contract 1.3).
    OptionsIgnored,
    /// A call failed where that changes nothing.
    ErrorIgnored { call: &'static str, error: Errno },
}

impl Event<'_> {
    /// Writes the event: in text its words, in JSON its fields. `begin` takes its level and its name and returns the
    /// line to write to, or `None` where nothing is to be written: then there is nothing to build either.
    // Not one call a line, as rustfmt would have it, but a line as it reads.
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    #[rustfmt::skip]
    pub fn describe<'l, 'a>(
        &self,
        begin: impl FnOnce(Level, &'static str) -> Option<&'l mut Line<'a>>,
    ) -> Option<&'l mut Line<'a>> {
        let say = |level, name, words, values: &[Value<'_>]| {
            begin(level, name).map(|line| line.write(words, values))
        };
        match *self {
            // ---- Errors ----
            Self::ExecFailed { command, path, reason, error } => Some(say(Level::Error, "exec_failed",
                "cannot execute '{command}'", &[Outside(command)])?.found_as(path).reason(reason, error)),
            Self::StartFailed { step, command, error, limit } => Some(say(Level::Error, "start_failed",
                "cannot create a {step} for '{command}': ", &[Words(step.words()), Outside(command)])?
                .limit(limit, error)),
            Self::OutputFailed { error } => say(Level::Error, "output_failed",
                "cannot write to standard output: {error}", &[error.into()]),
            Self::UsageError { source, problem } => Some(say(Level::Error, "usage_error",
                "{source}: ", &[Words(source.words())])?.problem(problem).write("; try --help", &[])),

            // ---- Warnings ----
            Self::Survivor { process, state, response, signal } => Some(say(Level::Warning, "survivor",
                "had to kill process ", &[])?.process(process)
                .write(": ", &[]).act(state, response, signal)),
            Self::KillFailed { process, error } => Some(say(Level::Warning, "kill_failed",
                "cannot kill process ", &[])?.process(process).write(": {error}", &[error.into()])),
            Self::MoreSurvivors { processes, at_least } => Some(say(Level::Warning, "more_survivors",
                "had to kill {}{processes} more {}{}", &[
                    bound(at_least),
                    processes.into(),
                    plural(processes),
                    Words(if at_least { ": not all were looked at" } else { "" }),
                ])?.json_field("at_least", Bool(at_least))),
            Self::SurvivorsUnknown { group: Some(group), error } => say(Level::Warning, "survivors_unknown",
                "sent SIGKILL to process group {group}, and cannot find all others: {error}",
                    &[group.into(), error.into()]),
            Self::SurvivorsUnknown { group: None, error } => say(Level::Warning, "survivors_unknown",
                "cannot tell from /proc which processes had to be killed: {error}", &[error.into()]),
            Self::Killed { elapsed, since } => say(Level::Warning, "killed",
                "the deadline has passed: sent SIGKILL to all that could be reached, {elapsed_ms} after the {}", &[
                    elapsed.into(),
                    Words(match since {
                        CountedFrom::ShutdownBegan => "shutdown began",
                        CountedFrom::MainChildEnded => "main child ended",
                    }),
                ]),
            Self::Unkillable { elapsed } => say(Level::Warning, "unkillable",
                "some processes still live, or are not reaped, {elapsed_ms} after SIGKILL; exiting without them", &[elapsed.into()]),
            Self::SigkillExplained { pid, killer } => Some(say(Level::Warning, "sigkill_explained",
                "main child {pid} was killed by SIGKILL, ", &[pid.into()])?.killer(killer)),
            Self::MainChildCrashed { main_child, signal, core_dumped } => Some(say(Level::Warning, "main_child_crashed",
                "main child ", &[])?.process(main_child)
                .write(" was killed by {signal}, {}core dumped", &[
                    signal.into(),
                    Words(if core_dumped { "" } else { "no " }),
                ])
                .json_field("core_dumped", Bool(core_dumped))),
            Self::OomKilled { processes } => Some(say(Level::Warning, "oom_killed",
                "out of memory: ", &[])?.oom_kills(processes)),
            Self::SlowStop { main_child, state, response, signal } =>
                Some(say(slow_stop_level(state, response), "slow_stop", "main child ", &[])?.process(main_child)
                .write(" still lives {elapsed_ms} after its stop signal: ", &[SLOW_STOP.into()])
                .act(state, response, signal)),
            Self::CutOff { main_child, processes, at_least, first, shutdown_began } =>
                Some(say(if shutdown_began { Level::Warning } else { Level::Info }, "cut_off",
                    "'{main_child}' is gone and {}{processes} {} cut off{}{first}; --wait-all waits for {}", &[
                    Outside(main_child),
                    bound(at_least),
                    processes.into(),
                    Words(one_or_many(processes, "process is", "processes are")),
                    Words(if first.is_empty() { "" } else { ": " }),
                    Processes(first),
                    Words(one_or_many(processes, "it", "them")),
                ])?.json_field("at_least", Bool(at_least))),
            Self::DaemonCutOff { pid, daemon } => say(Level::Warning, "daemon_cut_off",
                "main child {pid} ended and left a daemon, which ends now: {daemon}; run it in the foreground",
                    &[pid.into(), Process(daemon)]),
            // tini's words.
            Self::Reaped { pid, warn: true } => say(Level::Warning, "reaped",
                "Reaped zombie process with pid={pid}", &[pid.into()]),
            Self::Reaped { pid, warn: false } => say(Level::Debug, "reaped", "reaped process {pid}", &[pid.into()]),

            // ---- Life of the main child ----
            Self::Started { command, pid } => say(Level::Info, "started",
                "started '{command}' as process {pid}", &[Outside(command), pid.into()]),
            Self::EmptyFile { path } => say(Level::Info, "empty_file",
                "'{path}' is empty: run as a shell script, it does nothing", &[Outside(path)]),
            Self::Forwarded { signal, pid } => say(Level::Info, "signal_forwarded",
                "forwarded {signal} to process {pid}", &[signal.into(), pid.into()]),
            Self::ForwardedToGroup { signal, group } => say(Level::Info, "signal_forwarded",
                "forwarded {signal} to process group {group}", &[signal.into(), group.into()]),
            Self::ShutdownBegan { signal } => say(Level::Info, "shutdown_began",
                "shutdown began with {signal}", &[signal.into()]),
            Self::StopDelayed { signal, delay } => say(Level::Info, "stop_delayed",
                "holding {signal} back for {delay_ms}", &[signal.into(), delay.into()]),
            Self::Escalated { signal, elapsed } => say(Level::Info, "signal_escalated",
                "escalated to {signal}, {elapsed_ms} after the first stop signal",
                    &[signal.into(), elapsed.into()]),
            Self::RestSignalled { signal, processes: Some(processes) } => say(Level::Info, "rest_signalled",
                "sent {signal} to the rest, {processes} {}",
                    &[signal.into(), processes.into(), plural(processes)]),
            Self::RestSignalled { signal, processes: None } => say(Level::Info, "rest_signalled",
                "sent {signal} to the rest", &[signal.into()]),
            Self::MainChildExited { pid, status } => say(Level::Info, "main_child_ended",
                "main child {pid} exited with status {status}", &[pid.into(), status.into()]),
            Self::MainChildKilled { pid, signal } => say(Level::Info, "main_child_ended",
                "main child {pid} was killed by {signal}", &[pid.into(), signal.into()]),
            Self::ShutdownTook { elapsed } => say(Level::Info, "shutdown_took",
                "shutdown took {elapsed_ms}", &[elapsed.into()]),
            Self::Exit { status } => say(Level::Info, "exit", "exiting with status {status}", &[status.into()]),
            Self::ExitBySignal { signal } => say(Level::Info, "exit",
                "ending by {signal}, as the main child did", &[signal.into()]),
            Self::Paused => say(Level::Info, "paused", "waiting for a stop signal", &[]),

            // ---- Details ----
            Self::Dropped { signal, reason } => say(Level::Debug, "signal_dropped",
                "dropped {signal}: {reason}", &[signal.into(), Words(reason.words())]),
            Self::MainChildStopped { pid, signal } => say(Level::Debug, "main_child_stopped",
                "main child {pid} was stopped by {signal}", &[pid.into(), signal.into()]),
            Self::MainChildResumed { pid } => say(Level::Debug, "main_child_resumed",
                "resumed the process group of main child {pid}", &[pid.into()]),
            Self::OptionsIgnored => say(Level::Debug, "options_ignored",
                "PIDLING_OPTIONS is not read: this pidling is not PID 1", &[]),
            Self::ErrorIgnored { call, error } => say(Level::Debug, "error_ignored",
                "{call} failed harmlessly: {error}", &[Words(call), error.into()]),
        }
    }
}

/// Parts of lines, for the arms above.
#[rustfmt::skip]
impl Line<'_> {
    /// A process and, where it is known, its name.
    fn process(&mut self, Named { pid, name }: Named<'_>) -> &mut Self {
        if name.is_empty() {
            self.write("{pid}", &[pid.into()])
        } else {
            self.write("{pid} ({name})", &[pid.into(), Outside(name)])
        }
    }

    /// What a process does about a signal, and the letter of its state, `proc_pid_stat(5)`.
    fn act(&mut self, state: u8, response: Response, signal: Signal) -> &mut Self {
        self.write("it {disposition} {signal} (state {state}{})", &[
            Words(response.words()),
            signal.into(),
            Outside(&[state]),
            Words(match state {
                b'D' => ", uninterruptible sleep",
                b'T' => ", stopped",
                b't' => ", stopped by a debugger",
                _ => "",
            }),
        ])
    }

    /// The file that the command is, where that was found along PATH.
    fn found_as(&mut self, path: Option<&[u8]>) -> &mut Self {
        match path {
            Some(path) => self.write(", found as '{path}'", &[Outside(path)]),
            None => self,
        }
    }

    /// Why a command could not be executed (contract 2.6, 2.7).
    fn reason(&mut self, reason: Reason<'_>, error: Errno) -> &mut Self {
        let (code, words, values): (_, _, &[Value<'_>]) = match reason {
            Reason::Errno => return self.code("reason", "errno").write(": {error}", &[error.into()]),
            Reason::NotInPath => ("not_in_path", ": it is in no directory of PATH", &[]),
            Reason::OneWord =>
                ("one_word", ": no file has that name; it is one word: give arguments as words of their own", &[]),
            Reason::LooksLikeOption =>
                ("looks_like_option", ": no file has that name; options go before --, or into PIDLING_OPTIONS", &[]),
            Reason::MissingInterpreter(interpreter) =>
                ("missing_interpreter", ": its interpreter '{interpreter}' does not exist{}", &[
                    Outside(interpreter),
                    Words(if interpreter.ends_with(b"\r") { ": the line ends with a carriage return" } else { "" }),
                ]),
            Reason::MissingLoader(loader) =>
                ("missing_loader", ": its loader '{loader}' does not exist", &[Outside(loader)]),
            Reason::OtherMachine { program, here } =>
                ("other_machine", ": it is for {program_machine}, this is {this_machine}", &[program.into(), here.into()]),
            Reason::Truncated => ("truncated", ": the file is cut short: it ends before its ELF headers do", &[]),
            Reason::Directory => ("directory", ": it is a directory", &[]),
            Reason::NoExecutePermission =>
                ("no_execute_permission", ": this user has no permission to execute it", &[]),
            Reason::NoexecMount => ("noexec_mount", ": it is on a file system that is mounted noexec", &[]),
            Reason::UnsearchableDirectory(directory) =>
                ("unsearchable_directory", ": this user has no permission to search the directory '{directory}'",
                    &[Outside(directory)]),
        };
        self.code("reason", code).write(words, values).write(" ({error})", &[ErrorName(error)])
    }

    /// Why nothing could be created.
    fn limit(&mut self, limit: Option<ProcessLimit>, error: Errno) -> &mut Self {
        let (name, processes) = match limit {
            None => return self.write("{error}", &[error.into()]),
            Some(ProcessLimit::ResourceLimit(processes)) => ("RLIMIT_NPROC", processes),
            Some(ProcessLimit::ControlGroup(processes)) => ("pids.max", processes),
        };
        self.write("the limit of processes is reached: {limit} is {limit_value} ({error})",
            &[Words(name), processes.into(), ErrorName(error)])
    }

    /// What is wrong with a word (contract 10.5).
    fn problem(&mut self, problem: Problem<'_>) -> &mut Self {
        let (code, words, values): (_, _, &[Value<'_>]) = match problem {
            Problem::UnknownOption { word, nearest: None } =>
                ("unknown_option", "unknown option '{word}'", &[Outside(word)]),
            Problem::UnknownOption { word, nearest: Some(nearest) } =>
                ("unknown_option", "unknown option '{word}', the nearest is '{option}'",
                    &[Outside(word), Words(nearest)]),
            Problem::MissingValue { option, expected } =>
                ("missing_value", "no value for '{option}', expected {expected}", &[Words(option), Words(expected)]),
            Problem::BadValue { option, value, expected } =>
                ("bad_value", "bad value '{word}' for '{option}', expected {expected}",
                    &[Outside(value), Words(option), Words(expected)]),
            Problem::UnwantedValue { option, value } =>
                ("unwanted_value", "unwanted value '{word}' for '{option}', which takes none",
                    &[Outside(value), Words(option)]),
            Problem::NotAnOption { word } =>
                ("not_an_option", "unwanted word '{word}', expected options only", &[Outside(word)]),
            Problem::UnwantedCommand { word } =>
                ("unwanted_command", "unwanted command '{word}', --pause takes none", &[Outside(word)]),
            Problem::NoCommand => ("no_command", "no command, expected COMMAND [ARG...]", &[]),
        };
        self.code("problem", code).write(words, values)
    }

    /// Who sent SIGKILL, as far as that can be known (contract 7.1).
    fn killer(&mut self, killer: Killer) -> &mut Self {
        let (code, words, values): (_, _, &[Value<'_>]) = match killer {
            Killer::Deadline => ("deadline", "sent by pidling at the deadline", &[]),
            Killer::Rewrite => ("rewrite", "which pidling forwarded in place of another signal", &[]),
            Killer::Outside(OomKills::Unknown) =>
                ("unknown", "not sent by pidling; the OOM kills of the cgroup of pidling cannot be read", &[]),
            Killer::Outside(OomKills::SoFar(count)) =>
                ("unknown", "not sent by pidling; OOM kills of the cgroup of pidling so far: {oom_kill}", &[count.into()]),
            Killer::Outside(OomKills::OfThisRun(0)) => return self.code("killer", "not_oom_killer")
                .write("not sent by pidling, and not by the OOM killer: ", &[]).oom_kills(0),
            Killer::Outside(OomKills::OfThisRun(count)) => return self.code("killer", "probably_oom_killer")
                .write("not sent by pidling; probably out of memory: ", &[]).oom_kills(count),
        };
        self.code("killer", code).write(words, values)
    }

    /// How many processes were killed for want of memory (contract 7.1, 7.2).
    fn oom_kills(&mut self, processes: u32) -> &mut Self {
        self.write("the kernel has killed {oom_kill} {} of this cgroup", &[processes.into(), plural(processes)])
    }
}

/// The words before a number, which is a lower bound or exact.
const fn bound(at_least: bool) -> Value<'static> {
    Words(if at_least { "at least " } else { "" })
}

/// The noun after a number of processes.
const fn plural(processes: u32) -> Value<'static> {
    Words(one_or_many(processes, "process", "processes"))
}

/// The words after a number.
const fn one_or_many(number: u32, one: &'static str, many: &'static str) -> &'static str {
    if number == 1 { one } else { many }
}

/// A process that catches its stop signal is at work, unless it is stopped (contract 6.9).
const fn slow_stop_level(state: u8, response: Response) -> Level {
    let is_stopped = matches!(state, b'T' | b't');
    if matches!(response, Response::Catches) && !is_stopped {
        Level::Info
    } else {
        Level::Warning
    }
}

impl Source {
    const fn words(self) -> &'static str {
        match self {
            Self::PidlingOptions => "PIDLING_OPTIONS",
            Self::CommandLine => "command line",
        }
    }
}

impl StartStep {
    const fn words(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::ProcessGroup => "process group",
            Self::Session => "session",
        }
    }
}

impl DropReason {
    const fn words(self) -> &'static str {
        match self {
            Self::CausedByPidling => "caused by pidling",
            Self::NoMainChild => "no main child",
            Self::RewrittenTo0 => "rewritten to 0",
        }
    }
}

impl Response {
    const fn words(self) -> &'static str {
        match self {
            Self::NeverGot => "never got",
            Self::Ignores => "ignores",
            Self::Catches => "catches",
            Self::Blocks => "blocks",
            Self::HasNotActedOn => "has not acted on",
        }
    }
}

#[cfg(test)]
mod tests;
