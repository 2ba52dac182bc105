//! Everything the init can say: each event with its level, its name, its fields and its words, in one arm of
//! [`Event::describe`]. Pure.

pub use super::line::Named;

use super::line::{ErrorName, Line, Outside, Value};
use crate::exec_failure::{Machine, ProcessLimit, Reason, append_machine};
use crate::limits::SLOW_STOP;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::posix::time::Milliseconds;
use crate::proc_files::Disposition;

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
    /// A variable of another init.
    Environment,
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
        disposition: Disposition,
        signal: Signal,
    },
    /// Survivors beyond those listed.
    MoreSurvivors { processes: u32 },
    /// The survivors could not be looked at.
    SurvivorsUnknown { error: Errno },
    /// The deadline has passed, and SIGKILL was sent.
    Killed {
        elapsed: Milliseconds,
        since: CountedFrom,
    },
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
    /// catches the signal and is not stopped.
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
    /// A terminal, or a stop of its own, stopped the main child.
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
    #[rustfmt::skip]
    pub fn describe<'l, 'a>(
        &self,
        begin: impl FnOnce(Level, &'static str) -> Option<&'l mut Line<'a>>,
    ) -> Option<&'l mut Line<'a>> {
        Some(match *self {
            // ---- Errors ----
            Self::ExecFailed { command, path, reason, error } => begin(Level::Error, "exec_failed")?
                .words("cannot execute '").field("command", Outside(command)).words("'")
                .found_as(path).words(": ").reason(reason, error),
            Self::StartFailed { step, command, error, limit } => begin(Level::Error, "start_failed")?
                .words("cannot create a ").field("step", step)
                .words(" for '").field("command", Outside(command)).words("': ").limit(limit, error),
            Self::OutputFailed { error } => begin(Level::Error, "output_failed")?
                .words("cannot write to standard output: ").field("error", error),
            Self::UsageError { source, problem } => begin(Level::Error, "usage_error")?
                .field("source", source).words(": ").problem(problem).words("; try --help"),

            // ---- Warnings ----
            Self::Survivor { process, state, disposition, signal } => begin(Level::Warning, "survivor")?
                .words("had to kill process ").process(process)
                .words(": it ").act(state, disposition, signal),
            Self::MoreSurvivors { processes } => begin(Level::Warning, "more_survivors")?
                .words("had to kill ").field("processes", processes)
                .words(one_or_many(processes, " more process", " more processes")),
            Self::SurvivorsUnknown { error } => begin(Level::Warning, "survivors_unknown")?
                .words("cannot tell which processes had to be killed: ").field("error", error),
            Self::Killed { elapsed, since } => begin(Level::Warning, "killed")?
                .words("the deadline has passed: sent SIGKILL to all that was left, ").field("elapsed_ms", elapsed)
                .words(match since {
                    CountedFrom::ShutdownBegan => " after the shutdown began",
                    CountedFrom::MainChildEnded => " after the main child ended",
                }),
            Self::Unkillable { elapsed } => begin(Level::Warning, "unkillable")?
                .words("some processes outlived SIGKILL for ").field("elapsed_ms", elapsed)
                .words("; exiting without them"),
            Self::SigkillExplained { pid, killer } => begin(Level::Warning, "sigkill_explained")?
                .words("main child ").field("pid", pid).words(" was killed by SIGKILL, ").killer(killer),
            Self::MainChildCrashed { main_child, signal, core_dumped } => begin(Level::Warning, "main_child_crashed")?
                .words("main child ").process(main_child).words(" was killed by ").field("signal", signal)
                .words(if core_dumped { ", core dumped" } else { ", no core dumped" })
                .json_field("core_dumped", core_dumped),
            Self::OomKilled { processes } => begin(Level::Warning, "oom_killed")?
                .words("out of memory: ").oom_kills(processes),
            Self::SlowStop { main_child, state, disposition, signal } =>
                begin(slow_stop_level(state, disposition), "slow_stop")?
                .words("main child ").process(main_child).words(" still lives ").field("elapsed_ms", SLOW_STOP)
                .words(" after its stop signal: it ").act(state, disposition, signal),
            Self::CutOff { main_child, processes, first, shutdown_began } =>
                begin(if shutdown_began { Level::Warning } else { Level::Info }, "cut_off")?
                .words("'").field("main_child", Outside(main_child)).words("' is gone and ")
                .field("processes", processes)
                .words(one_or_many(processes, " process is cut off", " processes are cut off"))
                .words(if first.is_empty() { "" } else { ": " }).field("first", first)
                .words(one_or_many(processes, "; --wait-all waits for it", "; --wait-all waits for them")),
            Self::DaemonCutOff { pid, daemon } => begin(Level::Warning, "daemon_cut_off")?
                .words("main child ").field("pid", pid).words(" ended and left a daemon, which ends now: ")
                .field("daemon", daemon).words("; run it in the foreground"),
            // tini's words.
            Self::Reaped { pid, warn: true } => begin(Level::Warning, "reaped")?
                .words("Reaped zombie process with pid=").field("pid", pid),
            Self::Reaped { pid, warn: false } => begin(Level::Debug, "reaped")?
                .words("reaped process ").field("pid", pid),

            // ---- Life of the main child ----
            Self::Started { command, pid } => begin(Level::Info, "started")?
                .words("started '").field("command", Outside(command)).words("' as process ").field("pid", pid),
            Self::EmptyFile { path } => begin(Level::Info, "empty_file")?
                .words("'").field("path", Outside(path)).words("' is empty: run as a shell script, it does nothing"),
            Self::Forwarded { signal, pid } => begin(Level::Info, "signal_forwarded")?
                .words("forwarded ").field("signal", signal).words(" to process ").field("pid", pid),
            Self::ForwardedToGroup { signal, group } => begin(Level::Info, "signal_forwarded")?
                .words("forwarded ").field("signal", signal).words(" to process group ").field("group", group),
            Self::ShutdownBegan { signal } => begin(Level::Info, "shutdown_began")?
                .words("shutdown began with ").field("signal", signal),
            Self::StopDelayed { signal, delay } => begin(Level::Info, "stop_delayed")?
                .words("holding ").field("signal", signal).words(" back for ").field("delay_ms", delay),
            Self::Escalated { signal, elapsed } => begin(Level::Info, "signal_escalated")?
                .words("escalated to ").field("signal", signal)
                .words(", ").field("elapsed_ms", elapsed).words(" after the first stop signal"),
            Self::RestSignalled { signal, processes: Some(processes) } => begin(Level::Info, "rest_signalled")?
                .words("sent ").field("signal", signal).words(" to the rest, ").field("processes", processes)
                .words(one_or_many(processes, " process", " processes")),
            Self::RestSignalled { signal, processes: None } => begin(Level::Info, "rest_signalled")?
                .words("sent ").field("signal", signal).words(" to the rest"),
            Self::MainChildExited { pid, status } => begin(Level::Info, "main_child_ended")?
                .words("main child ").field("pid", pid).words(" exited with status ").field("status", status),
            Self::MainChildKilled { pid, signal } => begin(Level::Info, "main_child_ended")?
                .words("main child ").field("pid", pid).words(" was killed by ").field("signal", signal),
            Self::ShutdownTook { elapsed } => begin(Level::Info, "shutdown_took")?
                .words("shutdown took ").field("elapsed_ms", elapsed),
            Self::Exit { status } => begin(Level::Info, "exit")?
                .words("exiting with status ").field("status", status),
            Self::ExitBySignal { signal } => begin(Level::Info, "exit")?
                .words("ending by ").field("signal", signal).words(", as the main child did"),
            Self::Paused => begin(Level::Info, "paused")?
                .words("waiting for a stop signal"),

            // ---- Details ----
            Self::Dropped { signal, reason } => begin(Level::Debug, "signal_dropped")?
                .words("dropped ").field("signal", signal).words(": ").field("reason", reason),
            Self::MainChildStopped { pid, signal } => begin(Level::Debug, "main_child_stopped")?
                .words("main child ").field("pid", pid).words(" was stopped by ").field("signal", signal),
            Self::MainChildResumed { pid } => begin(Level::Debug, "main_child_resumed")?
                .words("resumed the process group of main child ").field("pid", pid),
            Self::OptionsIgnored => begin(Level::Debug, "options_ignored")?
                .words("PIDLING_OPTIONS is not read: this pidling is not PID 1"),
            Self::ErrorIgnored { call, error } => begin(Level::Debug, "error_ignored")?
                .field("call", call).words(" failed harmlessly: ").field("error", error),
        })
    }
}

/// Parts of lines, for the arms above.
#[rustfmt::skip]
impl Line<'_> {
    /// A process and, where it is known, its name.
    fn process(&mut self, Named { pid, name }: Named<'_>) -> &mut Self {
        let line = self.field("pid", pid);
        if name.is_empty() {
            return line;
        }
        line.words(" (").field("name", Outside(name)).words(")")
    }

    /// What a process does about a signal, and the letter of its state, `proc_pid_stat(5)`.
    fn act(&mut self, state: u8, disposition: Disposition, signal: Signal) -> &mut Self {
        self.field("disposition", disposition).words(" ").field("signal", signal)
            .words(" (state ").field("state", Outside(&[state]))
            .words(match state {
                b'D' => ", uninterruptible sleep)",
                b'T' => ", stopped)",
                b't' => ", stopped by a debugger)",
                _ => ")",
            })
    }

    /// The file behind the command, where that is not the command itself.
    fn found_as(&mut self, path: Option<&[u8]>) -> &mut Self {
        match path {
            Some(path) => self.words(", found as '").field("path", Outside(path)).words("'"),
            None => self,
        }
    }

    /// Why a command could not be executed (contract 2.6, 2.7).
    fn reason(&mut self, reason: Reason<'_>, error: Errno) -> &mut Self {
        match reason {
            Reason::Errno => return self.json_field("reason", "errno").field("error", error),
            Reason::NotInPath => self.json_field("reason", "not_in_path")
                .words("it is in no directory of PATH"),
            Reason::OneWord => self.json_field("reason", "one_word")
                .words("no file has that name; it is one word: give arguments as words of their own"),
            Reason::LooksLikeOption => self.json_field("reason", "looks_like_option")
                .words("no file has that name; options go before --, or into PIDLING_OPTIONS"),
            Reason::MissingInterpreter(interpreter) => self.json_field("reason", "missing_interpreter")
                .words("its interpreter '").field("interpreter", Outside(interpreter)).words("' does not exist")
                .words(if interpreter.ends_with(b"\r") { ": the line ends with a carriage return" } else { "" }),
            Reason::MissingLoader(loader) => self.json_field("reason", "missing_loader")
                .words("its loader '").field("loader", Outside(loader)).words("' does not exist"),
            Reason::OtherMachine { program, here } => self.json_field("reason", "other_machine")
                .words("it is for ").field("program_machine", program)
                .words(", this is ").field("this_machine", here),
            Reason::Truncated => self.json_field("reason", "truncated")
                .words("the file is cut short: it ends before its ELF headers do"),
            Reason::Directory => self.json_field("reason", "directory")
                .words("it is a directory"),
            Reason::NoExecutePermission => self.json_field("reason", "no_execute_permission")
                .words("this user has no permission to execute it"),
            Reason::NoexecMount => self.json_field("reason", "noexec_mount")
                .words("it is on a file system that is mounted noexec"),
            Reason::UnsearchableDirectory(directory) => self.json_field("reason", "unsearchable_directory")
                .words("this user has no permission to search the directory '")
                .field("directory", Outside(directory)).words("'"),
        }
        .words(" (").field("error", ErrorName(error)).words(")")
    }

    /// Why nothing could be created.
    fn limit(&mut self, limit: Option<ProcessLimit>, error: Errno) -> &mut Self {
        let (name, processes) = match limit {
            None => return self.field("error", error),
            Some(ProcessLimit::ResourceLimit(processes)) => ("RLIMIT_NPROC", processes),
            Some(ProcessLimit::ControlGroup(processes)) => ("pids.max", processes),
        };
        self.words("the limit ").field("limit", name)
            .words(" of ").field("limit_value", processes).words(" processes is reached")
            .words(" (").field("error", ErrorName(error)).words(")")
    }

    /// What is wrong with a word (contract 10.5).
    fn problem(&mut self, problem: Problem<'_>) -> &mut Self {
        match problem {
            Problem::UnknownOption { word, nearest: None } => self.json_field("problem", "unknown_option")
                .words("unknown option '").field("word", Outside(word)).words("'"),
            Problem::UnknownOption { word, nearest: Some(nearest) } => self.json_field("problem", "unknown_option")
                .words("unknown option '").field("word", Outside(word))
                .words("', the nearest is '").field("option", nearest).words("'"),
            Problem::MissingValue { option, expected } => self.json_field("problem", "missing_value")
                .words("no value for '").field("option", option)
                .words("', expected ").field("expected", expected),
            Problem::BadValue { option, value, expected } => self.json_field("problem", "bad_value")
                .words("bad value '").field("word", Outside(value)).words("' for '").field("option", option)
                .words("', expected ").field("expected", expected),
            Problem::UnwantedValue { option, value } => self.json_field("problem", "unwanted_value")
                .words("unwanted value '").field("word", Outside(value)).words("' for '").field("option", option)
                .words("', which takes none"),
            Problem::NotAnOption { word } => self.json_field("problem", "not_an_option")
                .words("unwanted word '").field("word", Outside(word)).words("', expected options only"),
            Problem::UnwantedCommand { word } => self.json_field("problem", "unwanted_command")
                .words("unwanted command '").field("word", Outside(word)).words("', --pause takes none"),
            Problem::NoCommand => self.json_field("problem", "no_command")
                .words("no command, expected COMMAND [ARG...]"),
        }
    }

    /// Who sent SIGKILL, as far as that can be known (contract 7.1).
    fn killer(&mut self, killer: Killer) -> &mut Self {
        match killer {
            Killer::Deadline => self.json_field("killer", "deadline")
                .words("sent by pidling at the deadline"),
            Killer::Rewrite => self.json_field("killer", "rewrite")
                .words("which pidling forwarded in place of another signal"),
            Killer::Outside(OomKills::Unknown) => self.json_field("killer", "unknown")
                .words("not sent by pidling; the OOM kills of its cgroup cannot be read"),
            Killer::Outside(OomKills::SoFar(count)) => self.json_field("killer", "unknown")
                .words("not sent by pidling; OOM kills of its cgroup so far: ").field("oom_kill", count),
            Killer::Outside(OomKills::OfThisRun(0)) => self.json_field("killer", "not_oom_killer")
                .words("not sent by pidling, and not by the OOM killer: ").oom_kills(0),
            Killer::Outside(OomKills::OfThisRun(count)) => self.json_field("killer", "probably_oom_killer")
                .words("not sent by pidling; probably out of memory: ").oom_kills(count),
        }
    }

    /// How many processes were killed for want of memory (contract 7.1, 7.2).
    fn oom_kills(&mut self, processes: u32) -> &mut Self {
        self.words("the kernel has killed ").field("oom_kill", processes)
            .words(one_or_many(processes, " process of this cgroup", " processes of this cgroup"))
    }
}

/// The words behind a number.
const fn one_or_many(number: u32, one: &'static str, many: &'static str) -> &'static str {
    if number == 1 { one } else { many }
}

/// A process that catches its stop signal is at work, unless it is stopped (contract 6.9).
const fn slow_stop_level(state: u8, disposition: Disposition) -> Level {
    let is_stopped = matches!(state, b'T' | b't');
    if matches!(disposition, Disposition::Catches) && !is_stopped {
        Level::Info
    } else {
        Level::Warning
    }
}

impl Value for Source {
    fn append(self, line: &mut Line<'_>) {
        let words = match self {
            Self::Environment => "environment",
            Self::PidlingOptions => "PIDLING_OPTIONS",
            Self::CommandLine => "command line",
        };
        words.append(line);
    }
}

impl Value for StartStep {
    fn append(self, line: &mut Line<'_>) {
        let words = match self {
            Self::Process => "process",
            Self::ProcessGroup => "process group",
            Self::Session => "session",
        };
        words.append(line);
    }
}

impl Value for DropReason {
    fn append(self, line: &mut Line<'_>) {
        let words = match self {
            Self::CausedByPidling => "caused by pidling",
            Self::NoMainChild => "no main child",
            Self::RewrittenTo0 => "rewritten to 0",
        };
        words.append(line);
    }
}

impl Value for Disposition {
    fn append(self, line: &mut Line<'_>) {
        let words = match self {
            Self::NeverGot => "never got",
            Self::Ignores => "ignores",
            Self::Catches => "catches",
            Self::Blocks => "blocks",
            Self::HasNotActedOn => "has not acted on",
        };
        words.append(line);
    }
}

impl Value for Machine {
    fn append(self, line: &mut Line<'_>) {
        line.name(|buffer| append_machine(self, buffer));
    }
}

#[cfg(test)]
mod tests;
