//! The options, each with its spellings, its value and its help. The parser, the search for the nearest name, the
//! error texts and `--help` read this table. Those of tini, dumb-init and catatonit are among them (contract 10.1).

use crate::bytes::{Buffer, contains};
use crate::cli::{Name, Topic};

/// An option without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// The target is the process group.
    Group,
    /// The main child alone is the target, and leads no session.
    SingleChild,
    /// The main child leads a session.
    Setsid,
    /// The rest is waited for.
    WaitAll,
    /// Errors only.
    Quiet,
    /// One level more.
    Verbose,
    /// A warning for each reaped orphan.
    WarnOnReap,
    /// There is no command.
    Pause,
    /// Accepted, and changes nothing (contract 1.4).
    Subreaper,
    /// Something is printed.
    Print(Topic),
}

/// An option with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A signal is forwarded as another one.
    Rewrite,
    /// A signal for the death of the parent.
    ParentDeathSignal,
    /// When SIGKILL comes.
    GracePeriod,
    /// How long the first stop signal is held.
    StopDelay,
    /// One more stop signal.
    StopSignal,
    /// One more signal during the shutdown.
    Escalate,
    /// What a log line looks like.
    LogFormat,
    /// A status that becomes 0.
    RemapExit,
}

/// What an option sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// It takes no value.
    Flag(Flag),
    /// It takes a value of this kind.
    Setting(Setting, Expected),
}

/// What an option's value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An exit status.
    Status,
    /// Any signal.
    Signal,
    /// A signal that reaches the init and can be forwarded (contract 3.1).
    ForwardableSignal,
    /// Two signals, the second of which may be 0.
    Rewrite,
    /// A length of time.
    Time,
    /// A length of time and a signal.
    Escalation,
    /// The name of a log format.
    Format,
}

impl Expected {
    /// What it has to be, in words that follow "expects".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Status => "a number from 0 to 255",
            Self::Signal => "a signal such as TERM, 15 or RTMIN+3",
            Self::ForwardableSignal => {
                "a signal such as QUIT, 3 or RTMIN+3, but not KILL, STOP or CHLD"
            }
            Self::Rewrite => "signals such as TERM:QUIT or HUP:0, the first not KILL, STOP or CHLD",
            Self::Time => "a time such as 10, 1500ms, 2m or 1h, up to 24 h",
            Self::Escalation => {
                "a time and a signal such as 20s:QUIT, but not KILL, STOP or CHLD, at most 8 times"
            }
            Self::Format => "text or json",
        }
    }

    /// How `--help` names it.
    const fn placeholder(self) -> &'static str {
        match self {
            Self::Status => "N",
            Self::Signal | Self::ForwardableSignal => "SIG",
            Self::Rewrite => "A:B",
            Self::Time => "TIME",
            Self::Escalation => "TIME:SIG",
            Self::Format => "FORMAT",
        }
    }
}

/// An option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What it sets.
    pub id: Id,
    /// Its letters, without the hyphen; the first one is the usual one.
    pub letters: &'static [u8],
    /// Its long name, with both hyphens.
    pub name: &'static str,
    /// What it does, in a line of `--help`.
    pub help: &'static str,
}

/// Options that belong together.
struct Group {
    heading: &'static str,
    options: &'static [Spec],
}

/// An option without a value.
const fn flag(flag: Flag, letters: &'static [u8], name: &'static str, help: &'static str) -> Spec {
    Spec {
        id: Id::Flag(flag),
        letters,
        name,
        help,
    }
}

/// An option with a value.
const fn setting(
    setting: Setting,
    letters: &'static [u8],
    name: &'static str,
    expected: Expected,
    help: &'static str,
) -> Spec {
    Spec {
        id: Id::Setting(setting, expected),
        letters,
        name,
        help,
    }
}

#[rustfmt::skip]
const GROUPS: &[Group] = &[
    Group {
        heading: "Signals:",
        options: &[
            flag(Flag::Group, b"g", "--group", "signal the process group of COMMAND"),
            flag(Flag::SingleChild, b"c", "--single-child", "signal COMMAND alone: undo -g and --setsid"),
            flag(Flag::Setsid, b"", "--setsid", "run COMMAND in a session of its own"),
            setting(Setting::Rewrite, b"r", "--rewrite", Expected::Rewrite, "forward signal A as B, A:0 drops it"),
            setting(Setting::ParentDeathSignal, b"p", "--parent-death-signal", Expected::Signal, "get SIG when the parent dies"),
        ],
    },
    Group {
        heading: "Shutdown:",
        options: &[
            flag(Flag::WaitAll, b"a", "--wait-all", "after COMMAND, SIGTERM the rest and wait for it"),
            setting(Setting::GracePeriod, b"t", "--grace-period", Expected::Time, "SIGKILL that long after the first stop signal"),
            setting(Setting::StopDelay, b"", "--stop-delay", Expected::Time, "hold the first stop signal back that long"),
            setting(Setting::StopSignal, b"", "--stop-signal", Expected::ForwardableSignal, "SIG is a stop signal too, as TERM and INT are"),
            setting(Setting::Escalate, b"", "--escalate", Expected::Escalation, "send SIG that long after the first stop signal"),
        ],
    },
    Group {
        heading: "Log, on standard error:",
        options: &[
            flag(Flag::Quiet, b"q", "--quiet", "errors only"),
            flag(Flag::Verbose, b"v", "--verbose", "more, -vv everything"),
            flag(Flag::WarnOnReap, b"w", "--warn-on-reap", "warn of each reaped orphan"),
            setting(Setting::LogFormat, b"", "--log-format", Expected::Format, "text or json lines"),
        ],
    },
    Group {
        heading: "More:",
        options: &[
            setting(Setting::RemapExit, b"e", "--remap-exit", Expected::Status, "exit with 0 instead of status N"),
            flag(Flag::Pause, b"P", "--pause", "no COMMAND: reap until a stop signal"),
            flag(Flag::Subreaper, b"s", "--subreaper", "ignored: orphans are always adopted"),
            flag(Flag::Print(Topic::Help), b"h", "--help", "print this help"),
            flag(Flag::Print(Topic::License), b"lL", "--license", "print the license"),
            flag(Flag::Print(Topic::Version), b"V", "--version", "print the version"),
        ],
    },
];

/// All options, in the order of `--help`.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Spec> {
    GROUPS.iter().flat_map(|group| group.options)
}

/// The first option, in the order of `--help`, of which this is true.
fn find(is_it: &mut dyn FnMut(&'static Spec) -> bool) -> Option<&'static Spec> {
    for group in GROUPS {
        for spec in group.options {
            if is_it(spec) {
                return Some(spec);
            }
        }
    }
    None
}

/// The option with this letter.
#[must_use]
pub fn by_letter(letter: u8) -> Option<&'static Spec> {
    find(&mut |spec| contains(spec.letters, letter))
}

/// The option with this long name, both hyphens included.
#[must_use]
pub fn by_name(name: &[u8]) -> Option<&'static Spec> {
    find(&mut |spec| spec.name.as_bytes() == name)
}

/// The option whose letter is this one in the other case (contract 10.5).
#[must_use]
pub fn nearest_to_letter(letter: u8) -> Option<&'static Spec> {
    let in_other_case = if letter.is_ascii_lowercase() {
        letter.to_ascii_uppercase()
    } else {
        letter.to_ascii_lowercase()
    };
    by_letter(in_other_case)
}

/// The option whose long name resembles this one the most, both hyphens included (contract 10.5); `None` where it
/// resembles none.
#[must_use]
pub fn nearest_to_name(name: &[u8]) -> Option<&'static Spec> {
    let word = name.strip_prefix(b"--")?;
    let mut nearest = None;
    let mut smallest = (usize::MAX, usize::MAX);
    let _ = find(&mut |spec| {
        let known = spec.name.as_bytes().strip_prefix(b"--");
        if let Some(difference) = known.and_then(|known| difference(word, known))
            && difference < smallest
        {
            smallest = difference;
            nearest = Some(spec);
        }
        false
    });
    nearest
}

/// How many letters of a name or of a word are compared.
const COMPARED: usize = 32;

/// By how many insertions, deletions and substitutions two words differ: first without the end of the longer one, then
/// as a whole. `None` if more than about every third letter of the shorter one differs; two letters that changed
/// places count twice.
fn difference(word: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let word = word.get(..COMPARED).unwrap_or(word);
    // The distances between what was seen of the word and each beginning of the name but the empty one.
    let mut row: [usize; COMPARED] = core::array::from_fn(|index| index.wrapping_add(1));
    let mut closest = usize::MAX;
    let mut whole = usize::MAX;
    for (seen, letter) in word.iter().enumerate() {
        let mut diagonal = seen;
        let mut left = seen.wrapping_add(1);
        for (place, other) in row.iter_mut().zip(name) {
            let replaced = diagonal.wrapping_add(usize::from(letter != other));
            diagonal = *place;
            left = replaced.min(left.min(diagonal).wrapping_add(1));
            *place = left;
        }
        whole = left;
        closest = closest.min(whole);
    }
    let ends = row.iter().zip(name).map(|(distance, _)| *distance);
    closest = ends.fold(closest, usize::min);
    let shorter = word.len().min(name.len());
    (closest <= shorter.wrapping_add(1) / 3 && shorter > 0).then_some((closest, whole))
}

/// The commit that this file was built from: 7 hexadecimal digits, or `unknown`.
pub const COMMIT: &str = env!("PIDLING_COMMIT");

/// The version of the package.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How `--help` begins.
const USAGE: &str = "\
Usage: pidling [OPTION...] [--] COMMAND [ARG...]
Run COMMAND as an init: forward signals to it, reap orphans, exit as it does.
";

/// How `--help` ends.
const NOTES: &str = "\
TIME is 10 or 10s, 1500ms, 2m, 1h. PIDLING_OPTIONS holds options for process 1.
Status: that of COMMAND, 128+N if signal N killed it, 127 not found, 126 not
executable, 125 other errors.
";

/// How `--license` begins.
const LICENSE_NAME: &str = "pidling is free software under this license:\n\n";

/// The license.
const LICENSE: &str = include_str!("../../LICENSE");

/// In which column the text of an option begins in `--help`.
const TEXT_COLUMN: usize = 33;

/// Hands what was asked for to `write`, piece by piece (contract 8.1, 10.4).
pub fn print(topic: Topic, name: Name, commit: &str, write: &mut dyn FnMut(&[u8])) {
    let pieces: &[&str] = match topic {
        Topic::Help => return print_help(write),
        Topic::License => &[LICENSE_NAME, LICENSE],
        Topic::Version => match name {
            Name::Tini => &["tini version ", VERSION, "_pidling\n"],
            Name::DumbInit | Name::Pidling => {
                &["pidling version ", VERSION, " - git.", commit, "\n"]
            }
        },
    };
    for piece in pieces {
        write(piece.as_bytes());
    }
}

fn print_help(write: &mut dyn FnMut(&[u8])) {
    write(USAGE.as_bytes());
    for group in GROUPS {
        write(group.heading.as_bytes());
        write(b"\n");
        for spec in group.options {
            print_option(spec, write);
        }
    }
    write(NOTES.as_bytes());
}

fn print_option(spec: &Spec, write: &mut dyn FnMut(&[u8])) {
    let mut memory = [0; 128];
    let line = &mut Buffer::new(&mut memory);
    let others = match spec.letters {
        [] => {
            line.push_bytes(b"      ");
            &[]
        }
        [letter, others @ ..] => {
            line.push_bytes(b"  -");
            line.push(*letter);
            line.push_bytes(b", ");
            others
        }
    };
    line.push_bytes(spec.name.as_bytes());
    match spec.id {
        Id::Flag(_) => {}
        Id::Setting(_, expected) => {
            line.push(b' ');
            line.push_bytes(expected.placeholder().as_bytes());
        }
    }
    while line.length() < TEXT_COLUMN {
        line.push(b' ');
    }
    line.push_bytes(spec.help.as_bytes());
    for other in others {
        line.push_bytes(b" (-");
        line.push(*other);
        line.push_bytes(b" too)");
    }
    line.push(b'\n');
    write(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ESCALATIONS;
    use std::collections::HashSet;

    fn printed(topic: Topic, name: Name) -> String {
        let mut bytes = Vec::new();
        print(topic, name, "abcdef0", &mut |piece: &[u8]| {
            bytes.extend_from_slice(piece);
        });
        String::from_utf8(bytes).unwrap()
    }

    #[track_caller]
    fn check_nearest(word: &str, expected: Option<&str>) {
        let nearest = nearest_to_name(word.as_bytes());
        assert_eq!(nearest.map(|spec| spec.name), expected, "{word}");
    }

    #[test]
    fn every_option_is_found_by_its_spellings() {
        let mut letters = HashSet::new();
        for spec in all() {
            assert_eq!(by_name(spec.name.as_bytes()), Some(spec));
            assert!(spec.name.starts_with("--") && spec.name.len() < COMPARED);
            for letter in spec.letters {
                assert_eq!(by_letter(*letter), Some(spec));
                assert!(letters.insert(letter), "{spec:?}");
            }
        }
        let spellings: Vec<u8> = letters.into_iter().copied().collect();
        for letter in (0..=u8::MAX).filter(|letter| !spellings.contains(letter)) {
            assert_eq!(by_letter(letter), None);
        }
        for name in [
            &b""[..],
            b"--",
            b"group",
            b"-group",
            b"--Group",
            b"--group ",
        ] {
            assert_eq!(by_name(name), None);
        }
    }

    /// Contract 10.1.
    #[test]
    fn the_letters_are_those_of_the_other_inits() {
        let mut letters: Vec<u8> = all().flat_map(|spec| spec.letters).copied().collect();
        letters.sort_unstable();
        assert_eq!(str::from_utf8(&letters).unwrap(), "LPVaceghlpqrstvw");
    }

    #[test]
    fn a_word_like_a_name_has_that_nearest_name() {
        for (word, nearest) in [
            ("--grup", "--group"),
            ("--verbosity", "--verbose"),
            ("--grace", "--grace-period"),
            ("--stop-dealy", "--stop-delay"),
            ("--remap", "--remap-exit"),
            ("--group-kill", "--group"),
            ("--parent-death", "--parent-death-signal"),
            ("--stop-delay-and-more", "--stop-delay"),
            ("--stop-sig", "--stop-signal"),
            ("--escalat", "--escalate"),
            ("--esclate", "--escalate"),
            ("--setsit", "--setsid"),
            ("--hepl", "--help"),
            ("--grp", "--group"),
            ("--licence", "--license"),
            ("--h", "--help"),
            ("--wait", "--wait-all"),
            ("--warn", "--warn-on-reap"),
            ("--log-fromat", "--log-format"),
            ("--log_format", "--log-format"),
            ("--logformat", "--log-format"),
            ("--versio", "--version"),
            ("--grouq-and-very-much-more-than-one-can-compare", "--group"),
        ] {
            check_nearest(word, Some(nearest));
        }
    }

    #[test]
    fn a_word_like_no_name_has_no_nearest_name() {
        for word in [
            "",
            "-",
            "--",
            "--x",
            "--no-such-option",
            "--timeout",
            "--zzzz",
            "--kill",
            "--\u{ff}",
            "--1",
            "group",
            "--user",
            "--init",
            "---",
            "--tty",
            "--run",
            "--env",
        ] {
            check_nearest(word, None);
        }
    }

    #[test]
    fn a_letter_in_the_other_case_is_the_nearest() {
        let check = |letter, expected| {
            assert_eq!(nearest_to_letter(letter).map(|spec| spec.name), expected);
        };
        check(b'A', Some("--wait-all"));
        check(b'G', Some("--group"));
        check(b'T', Some("--grace-period"));
        check(b'x', None);
        check(b'X', None);
        check(b'1', None);
        check(b'@', None);
        check(0xff, None);
    }

    /// Contract 6.8.
    #[test]
    fn the_number_of_steps_in_words_is_the_limit() {
        assert!(
            Expected::Escalation
                .words()
                .ends_with(&format!("at most {ESCALATIONS} times"))
        );
    }

    #[test]
    fn help_fits_a_small_terminal_and_has_a_line_for_each_option() {
        let help = printed(Topic::Help, Name::Pidling);
        assert!(help.starts_with("Usage: pidling [OPTION...] [--] COMMAND [ARG...]\n"));
        assert!(help.ends_with('\n') && help.is_ascii());
        assert!(help.lines().count() <= 30, "{help}");
        for line in help.lines() {
            assert!(line.len() <= 80, "{line}");
            assert_eq!(line.trim_end(), line);
        }
        for spec in all() {
            let name = match spec.id {
                Id::Flag(_) => spec.name.to_owned(),
                Id::Setting(_, expected) => format!("{} {}", spec.name, expected.placeholder()),
            };
            let start = match spec.letters.first() {
                Some(letter) => format!("  -{}, {name}", char::from(*letter)),
                None => format!("      {name}"),
            };
            let line = format!("{start:TEXT_COLUMN$}{}", spec.help);
            assert!(start.len() + 2 <= TEXT_COLUMN, "{start}");
            let lines = help.lines().filter(|it| it.starts_with(&line));
            assert_eq!(lines.count(), 1, "{line}\n{help}");
        }
        assert!(help.contains("  -l, --license                  print the license (-L too)\n"));
    }

    #[test]
    fn the_license_is_the_whole_license() {
        let license = printed(Topic::License, Name::Tini);
        let (start, text) = license.split_once("\n\n").unwrap();
        assert_eq!(start, "pidling is free software under this license:");
        assert_eq!(text, LICENSE);
        assert!(text.ends_with("SOFTWARE.\n"));
    }

    /// Contract 10.4.
    #[test]
    fn the_version_line_is_that_of_the_name() {
        let own = format!("pidling version {VERSION} - git.abcdef0\n");
        assert_eq!(printed(Topic::Version, Name::Pidling), own);
        assert_eq!(printed(Topic::Version, Name::DumbInit), own);
        let tini = format!("tini version {VERSION}_pidling\n");
        assert_eq!(printed(Topic::Version, Name::Tini), tini);
        assert!(
            COMMIT == "unknown"
                || COMMIT.len() == 7 && COMMIT.bytes().all(|byte| byte.is_ascii_hexdigit())
        );
    }
}
