//! What differs by intention, and which clause of the contract wants it.

use super::case::{Case, Kind, Step};
use std::ffi::OsString;

/// A class of differences.
struct Allowed {
    /// The class; a `*` stands for anything, a `?` for the sign.
    class: &'static str,
    /// In which cases.
    when: fn(&Case) -> bool,
    /// The clause, and what it says.
    why: &'static str,
}

const fn always(_: &Case) -> bool {
    true
}

/// A wrapper that finds `PIDLING_OPTIONS`.
fn ignores_options(case: &Case) -> bool {
    !case.as_pid_1
        && (case.variable("PIDLING_OPTIONS").is_some()
            || case.launch.iter().any(|word| word == "PIDLING_OPTIONS=-g"))
}

/// `TINI_VERBOSITY` is no number that the older init takes.
fn has_odd_verbosity(case: &Case) -> bool {
    let value = case.variable("TINI_VERBOSITY");
    value.is_some_and(|value| !["0", "1", "2", "3", "7"].iter().any(|one| value == one))
}

fn sends_quit(case: &Case) -> bool {
    case.sends(libc::SIGQUIT)
}

/// One of the words is a value that the older init did not know.
fn has_new_value(case: &Case) -> bool {
    case.has("-t1h") || case.has("-rUSR1:RTMAX-3")
}

/// SIGUSR2 is forwarded as SIGTERM.
fn rewrites_to_stop(case: &Case) -> bool {
    let option = "-rsigusr2:SIGTERM";
    let options = case
        .variable("PIDLING_OPTIONS")
        .and_then(|text| text.to_str());
    case.has(option) || options.is_some_and(|text| text.contains(option))
}

/// A stop signal is ignored on entry.
fn ignores_stop_signal(case: &Case) -> bool {
    case.mask.1 == "all" || case.mask.1.contains("INT") || case.mask.1 == "TERM"
}

/// The main child stops itself at about the time of the stop signal.
fn stops_in_shutdown(case: &Case) -> bool {
    case.kind == Kind::Deadline && case.has("stop")
}

fn is_pause(case: &Case) -> bool {
    let pauses = |word: &OsString| {
        let word = word.as_encoded_bytes();
        word == b"--pause"
            || !word.starts_with(b"--") && word.starts_with(b"-") && word.contains(&b'P')
    };
    case.kind == Kind::Pause || case.words.iter().any(pauses)
}

fn is_command(case: &Case) -> bool {
    matches!(case.kind, Kind::Command | Kind::Words)
}

const fn allow(class: &'static str, when: fn(&Case) -> bool, why: &'static str) -> Allowed {
    Allowed { class, when, why }
}

const ALLOWED: &[Allowed] = &[
    allow(
        "event options_ignored: +*",
        always,
        "1.3: a wrapper that finds PIDLING_OPTIONS says so",
    ),
    allow(
        "*",
        ignores_options,
        "1.3: PIDLING_OPTIONS is read by PID 1 alone",
    ),
    allow(
        "*",
        has_odd_verbosity,
        "10.2: TINI_VERBOSITY=debug is atoi(3)'s 0",
    ),
    allow(
        "*",
        has_new_value,
        "3.3, 6.7: times know 1h, signals RTMAX-n",
    ),
    allow(
        "event shutdown_*: -*",
        ignores_stop_signal,
        "6.1: a signal inherited as ignored begins nothing",
    ),
    allow(
        "event shutdown_began, signal: *",
        ignores_stop_signal,
        "6.1: a signal inherited as ignored begins nothing",
    ),
    allow(
        "text: - plain",
        ignores_stop_signal,
        "6.1: a signal inherited as ignored begins nothing",
    ),
    allow(
        "the main child sees: in another order",
        |case| {
            case.launch
                .iter()
                .filter(|word| *word == "LISTEN_PID")
                .count()
                > 1
        },
        "2.4: of two LISTEN_PID the first is the one that getenv(3) finds",
    ),
    allow(
        "text: + plain",
        |case| case.kind == Kind::Deadline && case.has("stop"),
        "5.2: the main child's stops are seen without a terminal too",
    ),
    allow(
        "text: - of others: machine*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "text: - of others: truncated*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "event usage_error, *: nothing -> *",
        |case| case.has("-t0"),
        "10.5: one line naming the value",
    ),
    allow(
        "event usage_error, expected of a name: *a time such as*",
        always,
        "6.7: 1h",
    ),
    allow(
        "event usage_error, word of a name: * -> nothing",
        always,
        "10.5: the option without its value stands in option",
    ),
    allow(
        "event signal_dropped: -*",
        |case| case.kind == Kind::Pause && rewrites_to_stop(case),
        "6.1: a stop signal as received or as forwarded",
    ),
    allow(
        "text: *",
        |case| {
            case.kind == Kind::Deadline && case.name.is_some_and(|name| name.ends_with("dumb-init"))
        },
        "3.6: a debug line about a group that is gone after the deadline",
    ),
    allow(
        "event started: +*",
        is_command,
        "introduction: started means forked, execve(2) may still fail",
    ),
    allow(
        "event exit: +*\"status\":12*",
        is_command,
        "8.2: the exit status, that of a command which cannot be executed too",
    ),
    allow(
        "event exit: +*\"status\":0*",
        is_command,
        "8.2: the exit status, that of a command which cannot be executed too",
    ),
    allow(
        "event main_child_ended: -*12*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "event main_child_ended: -*\"status\":2*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "event exec_failed: +*ENOEXEC*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "event exit, status: * -> 126",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "status: exit 127 -> exit 126",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "status: exit 2 -> exit 126",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "text: - of others: *ELF*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "text: - of others: */machine*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "text: - of others: */truncated*",
        is_command,
        "2.5: an ELF file is not run by /bin/sh",
    ),
    allow(
        "event empty_file: +*",
        is_command,
        "2.7: an empty file is named",
    ),
    allow(
        "text: + *",
        is_command,
        "2.7, 8.2: lines about the command and its start",
    ),
    allow(
        "event main_child_crashed: +*",
        always,
        "7.3: a main child that crashes",
    ),
    allow(
        "text: + warning:",
        |case| case.kind == Kind::Inherited,
        "7.3: a main child that crashes",
    ),
    allow(
        "event cut_off: +*",
        always,
        "7.4: processes that end with PID 1",
    ),
    allow(
        "event daemon_cut_off: +*",
        always,
        "7.4: processes that end with PID 1",
    ),
    allow(
        "text: + *",
        |case| case.kind == Kind::Rest && case.as_pid_1,
        "7.4: processes that end with PID 1",
    ),
    allow(
        "event shutdown_*",
        sends_quit,
        "6.1: SIGQUIT begins no shutdown",
    ),
    allow(
        "order of events: *",
        |case| sends_quit(case) || ignores_stop_signal(case),
        "6.1: neither SIGQUIT nor a signal inherited as ignored begins a shutdown",
    ),
    allow(
        "text: - plain",
        sends_quit,
        "6.1: SIGQUIT begins no shutdown",
    ),
    allow(
        "event shutdown_*: +*",
        is_pause,
        "9: a pause process shuts down as one with a command",
    ),
    allow(
        "text: + plain",
        is_pause,
        "9: a pause process shuts down as one with a command",
    ),
    allow(
        "event shutdown_took: -*",
        |case| {
            case.steps
                .iter()
                .all(|step| !matches!(step, Step::Signal(2 | 15)))
                || case.kind == Kind::Words
        },
        "8.2: how long the shutdown took, where one began",
    ),
    allow(
        "text: - plain",
        |case| case.kind != Kind::Deadline && case.kind != Kind::Rest,
        "8.2: how long the shutdown took, where one began",
    ),
    allow(
        "event rest_signalled: +*",
        always,
        "6.4: the rest is signalled, were there nobody left",
    ),
    allow(
        "event error_ignored: ?*\"call\":\"kill\"*ESRCH*",
        always,
        "6.3, 6.4: the rest is signalled without a look whether there is one",
    ),
    allow(
        "event *",
        stops_in_shutdown,
        "5.3: a child that stops once the shutdown has begun is resumed",
    ),
    allow(
        "status: exit 137 -> exit 143",
        stops_in_shutdown,
        "5.3: a child that stops once the shutdown has begun is resumed",
    ),
    allow(
        "event main_child_stopped: +*SIGSTOP*",
        always,
        "5.2: the main child's stops are seen without a terminal too",
    ),
    allow(
        "event usage_error: +*",
        always,
        "8.3: the format that any source before or after it asked for",
    ),
    allow(
        "text: ? error:",
        always,
        "8.3: the format that any source before or after it asked for",
    ),
    allow(
        "event usage_error, expected: *a time such as*",
        always,
        "6.7: 1h",
    ),
    allow(
        "event usage_error, option: \"--wait-all\" -> nothing",
        always,
        "10.5: for one letter that resembles nothing, none",
    ),
    allow(
        "event usage_error, word: * -> nothing",
        always,
        "10.5: the option without its value stands in option",
    ),
    allow(
        "event sigkill_explained, killer: \"from outside\" -> *",
        always,
        "7.1: the killer, as far as PID 1 and a wrapper can know it",
    ),
    allow(
        "event usage_error, option of a name: *",
        always,
        "10.5: the nearest name, where one is near",
    ),
    allow(
        "event usage_error: -*",
        |case| case.has("--log-format=text") || case.has("text"),
        "8.3: the format that any source before or after it asked for",
    ),
    allow(
        "stdout of --help",
        always,
        "10.1: the options of the redesign",
    ),
    allow("stdout of --license", always, "8.1: the whole license"),
    allow(
        "the main child sees: ? environment SYSTEMD_EXEC_PID=*",
        always,
        "2.4: variables that name the init's pid",
    ),
    allow(
        "the main child sees: ? environment WATCHDOG_PID=*",
        always,
        "2.4: variables that name the init's pid",
    ),
    allow(
        "the main child sees: - environment LISTEN_PIDFDID=*",
        always,
        "2.4: variables that name the init's pid",
    ),
    allow(
        "event survivor, disposition: *",
        |case| case.kind == Kind::Deadline || case.kind == Kind::Rest,
        "6.6: from what was seen right before SIGKILL",
    ),
];

/// Whether a text is what the pattern says.
fn matches(pattern: &str, text: &str) -> bool {
    let text = if pattern.contains('?') {
        text.replacen(": - ", ": ? ", 1).replacen(": + ", ": ? ", 1)
    } else {
        text.to_owned()
    };
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut ends_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        ends_open = part.is_empty();
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || ends_open
}

/// Why a difference is allowed in a case, with the pattern that says so.
pub(crate) fn reason(class: &str, case: &Case) -> Option<(&'static str, &'static str)> {
    let mut all = ALLOWED.iter();
    all.find(|one| matches(one.class, class) && (one.when)(case))
        .map(|one| (one.class, one.why))
}
