//! What the init says: constants only.
//!
//! The build packs these texts (`src/entry/build.rs`), and the binary holds nothing but the packed bytes.
//! Nothing in here may therefore refer to the rest of the crate.

/// How much a message matters; a log shows what is at or above its own level.
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

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $name:ident: $level:ident, $template:literal;)*) => {
        /// Something the init can say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Message {
            $($(#[$doc])* $name),*
        }

        /// The messages' levels in their order, the lowest level first.
        pub const LEVELS: &[Level] = &[$(Level::$level),*];

        /// The messages in their order: `event|words with {fields}`. A field begins with the mark of its kind:
        /// `#` a number, `%` a length of time, `&` a signal, `?` an error, `+` words of our own, `*` a word from
        /// outside, `.` a letter, `-` the option of a line of help. In JSON, those up to `%` are numbers.
        pub const TEMPLATES: &[&str] = &[$($template),*];
    };
}

vocabulary! {
    /// execve(2) failed.
    ExecFailed: Error, "exec_failed|cannot execute {*command}: {?error}";
    /// What comes before execve(2) failed.
    StartFailed: Error, "start_failed|cannot create a {+step} for {*command}: {?error}";
    /// Asked-for output went nowhere.
    OutputFailed: Error, "output_failed|cannot write to standard output: {?error}";
    /// An option that does not exist.
    UnknownOption: Error, "usage_error|{+source}: unknown option '{*word}', the nearest is '{-option}'; try --help";
    /// An option's value is missing.
    MissingValue: Error, "usage_error|{+source}: no value after '{*word}', {-option} expects {+expected}; try --help";
    /// An option's value is wrong.
    BadValue: Error, "usage_error|{+source}: bad value '{*word}', {-option} expects {+expected}; try --help";
    /// A value for an option without one.
    UnwantedValue: Error, "usage_error|{+source}: unwanted value '{*word}', {-option} takes none; try --help";
    /// A word in a variable that is no option.
    NotAnOption: Error, "usage_error|{+source}: unwanted word '{*word}', expected options only; try --help";
    /// A command together with --pause.
    UnwantedCommand: Error, "usage_error|{+source}: unwanted command '{*word}', --pause takes none; try --help";
    /// The deadline would pass during the delay.
    GraceTooShort: Error, "usage_error|{+source}: --grace-period expects more than --stop-delay; try --help";
    /// Nothing to run.
    NoCommand: Error, "usage_error|{+source}: no command, expected COMMAND [ARG...]; try --help";
    /// A process that the coming SIGKILL will end.
    Survivor: Warning, "survivor|still here: process {#pid} ({*name}), state {.state}, {+disposition} {&signal}";
    /// Survivors beyond those listed.
    MoreSurvivors: Warning, "more_survivors|still here: {#processes} more";
    /// No list of survivors.
    SurvivorsUnknown: Warning, "survivors_unknown|cannot look for survivors: {?error}";
    /// The deadline passed.
    Killed: Warning, "killed|sent SIGKILL to all, {%elapsed_ms} s after the shutdown began";
    /// Some processes outlived SIGKILL, for as long as the init waits.
    Unkillable: Warning, "unkillable|ending although processes outlived SIGKILL for {%elapsed_ms} s";
    /// Who killed the main child with SIGKILL, where that is all that can be known.
    SigkillExplained: Warning, "sigkill_explained|main child {#pid} was killed with SIGKILL {+killer}";
    /// The same, where the kernel counts the processes of the control group that it killed for want of memory.
    SigkillCounted: Warning, "sigkill_explained|main child {#pid} was killed with SIGKILL {+killer}; OOM kills of its cgroup so far: {#oom_kill}";
    /// The same, where that count cannot be read.
    SigkillUncounted: Warning, "sigkill_explained|main child {#pid} was killed with SIGKILL {+killer}; the OOM kills of its cgroup cannot be read";
    /// `-w`, in tini's words.
    ReapedWarning: Warning, "reaped|Reaped zombie process with pid={#pid}";
    /// The main child runs.
    Started: Info, "started|started {*command} as process {#pid}";
    /// A signal was sent on to the main child.
    Forwarded: Info, "signal_forwarded|forwarded {&signal} to process {#pid}";
    /// A signal was sent on to the main child's process group.
    ForwardedToGroup: Info, "signal_forwarded|forwarded {&signal} to process group {#group}";
    /// The first stop signal came.
    ShutdownBegan: Info, "shutdown_began|shutdown began with {&signal}";
    /// The first stop signal is held back.
    StopDelayed: Info, "stop_delayed|holding {&signal} back for {%delay_ms} s";
    /// The main child is dead and the rest was asked to end.
    RestSignalled: Info, "rest_signalled|sent {&signal} to the rest, processes: {#processes}";
    /// The same, where one system call reaches them all and nobody counts.
    RestAllSignalled: Info, "rest_signalled|sent {&signal} to the rest";
    /// The main child called exit.
    ChildExited: Info, "main_child_ended|main child {#pid} exited with status {#status}";
    /// A signal killed the main child.
    ChildKilled: Info, "main_child_ended|main child {#pid} was killed by {&signal}";
    /// How long the shutdown took.
    ShutdownTook: Info, "shutdown_took|shutdown took {%elapsed_ms} s";
    /// The init's last words.
    Exit: Info, "exit|exiting with status {#status}";
    /// The pause process runs.
    Paused: Info, "paused|waiting for SIGTERM or SIGINT";
    /// A signal went nowhere: rewritten to 0, caused by the init itself, or its target is dead.
    Dropped: Debug, "signal_dropped|dropped {&signal}: {+reason}";
    /// A process that is not the main child was reaped.
    Reaped: Debug, "reaped|reaped process {#pid}";
    /// A terminal stopped the main child; the init stops too, if a shell above can resume it.
    ChildStopped: Debug, "main_child_stopped|main child {#pid} was stopped by {&signal}";
    /// The main child runs again.
    ChildResumed: Debug, "main_child_resumed|resumed the process group of main child {#pid}";
    /// A failure that changes nothing.
    Ignored: Debug, "error_ignored|{+call} failed harmlessly: {?error}";
}

/// Other words, with their names as constants of `Piece`.
pub const WORDS: &[(&str, &str)] = &[
    // How lines begin as text, by level.
    ("BEGINNING", "pidling: error: "),
    ("", "pidling: warning: "),
    ("", "pidling: "),
    ("", "pidling: "),
    // How they go on as JSON after the time, by level.
    ("JSON_LEVEL", "Z\",\"level\":\"error\",\"event\":\""),
    ("", "Z\",\"level\":\"warning\",\"event\":\""),
    ("", "Z\",\"level\":\"info\",\"event\":\""),
    ("", "Z\",\"level\":\"debug\",\"event\":\""),
    ("LINES_DROPPED", "lines dropped: "),
    ("JSON_DROPPED", ",\"dropped\":"),
    // Where a word came from.
    ("ENVIRONMENT", "environment"),
    ("PIDLING_OPTIONS", "PIDLING_OPTIONS"),
    ("COMMAND_LINE", "command line"),
    // What options expect as their values; `options` knows their order.
    ("EXPECTED", "a number from 0 to 255"),
    ("", "a number from 0 to 3"),
    ("", "a signal such as TERM, 15 or RTMIN+3"),
    (
        "",
        "signals such as TERM:QUIT or HUP:0, the first not KILL, STOP or CHLD",
    ),
    ("", "a time such as 10, 10s, 1500ms or 2m, up to 24 h"),
    ("", "text or json"),
    // What cannot be created for the command.
    ("PROCESS", "process"),
    ("GROUP", "group"),
    // Calls.
    ("PRCTL", "prctl"),
    ("KILL", "kill"),
    ("READ", "read"),
    // Why a signal was dropped.
    ("CAUSED_BY_PIDLING", "caused by pidling"),
    ("NO_MAIN_CHILD", "no main child"),
    ("REWRITTEN_TO_0", "rewritten to 0"),
    // Who sent SIGKILL.
    ("BY_DEADLINE", "by pidling at the deadline"),
    ("BY_REWRITE", "that pidling forwarded for another signal"),
    ("FROM_OUTSIDE", "from outside"),
    ("NOT_BY_PIDLING", "not sent by pidling"),
    // What a survivor does about a signal.
    ("NEVER_GOT", "never got"),
    ("IGNORES", "ignores"),
    ("CATCHES", "catches"),
    ("BLOCKS", "blocks"),
    ("HAS_NOT_ACTED_ON", "has not yet acted on"),
];

/// The error numbers that starting a process can meet (`include/uapi/asm-generic/errno-base.h` and
/// `errno.h`), with their names and meanings.
pub const ERRORS: &[(u8, &str)] = &[
    (1, "EPERM (operation not permitted)"),
    (2, "ENOENT (no such file or directory)"),
    (3, "ESRCH (no such process)"),
    (5, "EIO (input/output error)"),
    (7, "E2BIG (argument list too long)"),
    (8, "ENOEXEC (exec format error)"),
    (9, "EBADF (bad file descriptor)"),
    (11, "EAGAIN (resource temporarily unavailable)"),
    (12, "ENOMEM (cannot allocate memory)"),
    (13, "EACCES (permission denied)"),
    (20, "ENOTDIR (not a directory)"),
    (22, "EINVAL (invalid argument)"),
    (26, "ETXTBSY (text file busy)"),
    (28, "ENOSPC (no space left on device)"),
    (32, "EPIPE (broken pipe)"),
    (36, "ENAMETOOLONG (file name too long)"),
    (38, "ENOSYS (function not implemented)"),
    (40, "ELOOP (too many levels of symbolic links)"),
];

/// The text of `--help`, which is the table of options too: a line for each, in fixed columns: the letter, the
/// long name, the name of its value if it takes one.
pub const HELP: &str = "\
Usage: pidling [OPTION...] [--] COMMAND [ARG...]
Run COMMAND as an init: forward signals to it, reap orphans, exit as it does.
  -a, --wait-all                 after COMMAND, SIGTERM the rest and wait for it
  -c, --single-child             signal COMMAND only, undo -g and --setsid
  -e, --remap-exit N             exit with 0 instead of status N
  -g, --group                    signal the process group of COMMAND
  -h, --help                     print this help
  -l, --license                  print the license (-L too)
      --log-format FORMAT        text or json lines on stderr
  -p, --parent-death-signal SIG  get SIG when the parent dies
  -P, --pause                    no COMMAND: reap until SIGTERM or SIGINT
  -q, --quiet                    log errors only
  -r, --rewrite A:B              forward signal A as B, A:0 drops it
  -s, --subreaper                nothing: it is always on
      --setsid                   run COMMAND in a session of its own
      --stop-delay TIME          hold the first stop signal back that long
  -t, --grace-period TIME        SIGKILL that long after the first stop signal
  -v, --verbose                  log more, -vv everything
  -V, --version                  print the version
  -w, --warn-on-reap             warn of each reaped orphan
PIDLING_OPTIONS in the environment holds options too. Status: that of COMMAND,
128+N if signal N killed it, 127 not found, 126 not executable, 125 other errors
";

/// A line of the same form for a variable, so that a bad value of it can be reported alike.
pub const VERBOSITY: &str = "      TINI_VERBOSITY LEVEL";

/// The license in short.
pub const LICENSE: &str = "\
pidling is free software under the MIT license.
Copyright (c) 2026 The pidling authors
";

/// What dockerd reads as the version of tini (contract 10.4); `{version}` is the version's number.
pub const VERSION_AS_TINI: &str = "tini version {version}_pidling";

/// The version line, which dockerd reads too. The commit follows where it is known.
pub const VERSION: &str = "pidling version {version}";
