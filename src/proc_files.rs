//! Parsers of the kernel's files about processes and control groups. Pure: bytes in, values out. What is cut short
//! or forged is not believed.

use crate::bytes::{contains, parse_decimal, parse_decimal_u32, split, split_once};
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::posix::time::Tick;

/// What a process does about a signal, as far as `/proc/PID/stat` tells (contract 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Response {
    /// The signal was not sent to it.
    NeverGot,
    /// It ignores it.
    Ignores,
    /// It has a handler for it.
    Catches,
    /// It blocks it.
    Blocks,
    /// None of these: it has not acted on it yet, because it is stopped or in an uninterruptible sleep.
    HasNotActedOn,
}

/// The letters that the kernel has for states, `proc_pid_stat(5)`.
const STATES: &[u8] = b"RSDZTtWXxKPI";

/// One process, from `/proc/PID/stat`, `proc_pid_stat(5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat<'a> {
    /// The process.
    pub pid: Pid,
    /// Its command name: arbitrary bytes, at most 15 of them unless it is a thread of the kernel.
    pub name: &'a [u8],
    /// The state of its first thread: one of the letters in `RSDZTtWXxKPI`.
    pub state: u8,
    /// Its parent; `None` where that is in another PID namespace.
    pub parent: Option<Pid>,
    /// Its process group; `None` where that is of another PID namespace.
    pub group: Option<Pid>,
    /// Its session; `None` where that is of another PID namespace.
    pub session: Option<Pid>,
    /// Whether it has a controlling terminal.
    pub has_terminal: bool,
    /// How many threads it has. One that has ended counts until it is reaped, and the first one is reaped last.
    pub threads: u32,
    /// When it was born; `None` where that is no such number, as a kernel that only plays Linux may have it.
    pub started: Option<Tick>,
    /// The signals that are pending for its first thread alone, as far as they are below 32.
    pub pending: SignalSet,
    /// The signals that its first thread blocks, as far as they are below 32.
    pub blocked: SignalSet,
    /// The signals that it ignores, as far as they are below 32.
    pub ignored: SignalSet,
    /// The signals that it has handlers for, as far as they are below 32.
    pub caught: SignalSet,
}

impl<'a> ProcessStat<'a> {
    /// Takes the file's text apart; `None` for anything that the kernel does not write, or that is cut before the
    /// last field that counts here.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (pid, rest) = split_once(text, b' ')?;
        // The name stands in parentheses, and may itself hold any: only numbers follow the last one.
        let (_, name) = split_once(rest, b'(').filter(|(before, _)| before.is_empty())?;
        let name_end = name.iter().rposition(|byte| *byte == b')')?;
        let (name, after_name) = name.split_at_checked(name_end)?;

        let mut stat = Self {
            pid: process_id(pid)?,
            name,
            state: 0,
            parent: None,
            group: None,
            session: None,
            has_terminal: false,
            threads: 0,
            started: None,
            pending: SignalSet::EMPTY,
            blocked: SignalSet::EMPTY,
            ignored: SignalSet::EMPTY,
            caught: SignalSet::EMPTY,
        };
        // By the numbers of the manual page; 1 and 2 are the pid and the name. The field after the last one that counts
        // shows that this one is whole.
        let texts = split(after_name, b' ').skip(1);
        for (field, text) in (3..).zip(texts) {
            match (field, text) {
                (3, [state]) if contains(STATES, *state) => stat.state = *state,
                (3, [..]) => return None,
                (4, _) => stat.parent = process_id(text),
                (5, _) => stat.group = process_id(text),
                (6, _) => stat.session = process_id(text),
                (7, _) => stat.has_terminal = text != b"0",
                (20, _) => stat.threads = parse_decimal_u32(text)?,
                (22, _) => stat.started = parse_decimal(text).map(Tick::new),
                (31, _) => stat.pending = SignalSet::from_bits(parse_decimal(text)?),
                (32, _) => stat.blocked = SignalSet::from_bits(parse_decimal(text)?),
                (33, _) => stat.ignored = SignalSet::from_bits(parse_decimal(text)?),
                (34, _) => stat.caught = SignalSet::from_bits(parse_decimal(text)?),
                (35, [_, ..]) => return Some(stat),
                (_, _) => {}
            }
        }
        None
    }

    /// Whether it lives: as long as one of its threads does (contract 6.5). The state is that of the first thread,
    /// which stays a zombie while others run, and is itself among those that are counted.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        match self.state {
            b'Z' | b'X' | b'x' => self.threads > 1,
            _ => true,
        }
    }

    /// Whether it is about to die: a signal that ends a process has the kernel send SIGKILL to each of its threads,
    /// `complete_signal()` in `kernel/signal.c`.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.pending.contains(Signal::KILL)
    }

    /// Whether it was born before a signal that was sent in this tick. Where it was born in the same tick either may have
    /// come first, and it counts as the younger one.
    #[must_use]
    pub fn is_older_than(&self, sent: Tick) -> bool {
        self.started.is_none_or(|started| started < sent)
    }

    /// Whether it leads a session.
    #[must_use]
    pub fn leads_session(&self) -> bool {
        self.session == Some(self.pid)
    }

    /// What it does about a signal that it `got` or did not get. Of signals above 31 the file tells nothing, so that
    /// a process that got one and is still there [has not acted on it](Response::HasNotActedOn).
    #[must_use]
    pub fn response(&self, signal: Signal, got: bool) -> Response {
        if !got {
            Response::NeverGot
        } else if self.ignored.contains(signal) {
            Response::Ignores
        } else if self.caught.contains(signal) {
            // Also where it is blocked: that mask is the first thread's, and another one may run the handler.
            Response::Catches
        } else if self.blocked.contains(signal) {
            Response::Blocks
        } else {
            Response::HasNotActedOn
        }
    }
}

/// Reads a process id in decimal; `None` for 0, which the kernel writes for one of another PID namespace, and for -1,
/// which it writes while a process goes away.
#[must_use]
pub fn process_id(text: &[u8]) -> Option<Pid> {
    Pid::new(i32::try_from(parse_decimal_u32(text)?).ok()?)
}

/// The processes among the names of `/proc`, which are in the records of getdents64(2).
pub fn process_ids(records: &[u8]) -> impl Iterator<Item = Pid> {
    let mut rest = records;
    core::iter::from_fn(move || take_name(&mut rest)).filter_map(process_id)
}

/// Takes the next record off, and returns its name; `None` where no whole record is left.
fn take_name<'a>(records: &mut &'a [u8]) -> Option<&'a [u8]> {
    // struct linux_dirent64 (include/linux/dirent.h): inode and offset of 8 bytes each, the record's length of 2, the
    // type of 1, the name with a null byte.
    let ([.., low, high, _], _) = records.split_first_chunk::<19>()?;
    let length = u16::from_ne_bytes([*low, *high]);
    let (record, rest) = records.split_at_checked(length.into())?;
    *records = rest;
    let (name, _) = split_once(record.get(19..)?, 0)?;
    Some(name)
}

/// The whole lines of a text, without their line feeds; a last one that is cut is left out.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (line, after) = split_once(rest, b'\n')?;
        rest = after;
        Some(line)
    })
}

/// A hierarchy of control groups, cgroups(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// The one of version 2.
    Unified,
    /// The one of version 1 that the memory controller is mounted with.
    Memory,
    /// The one of version 1 that the pids controller is mounted with.
    Pids,
}

/// The path of a process's group below the root of a hierarchy, from `/proc/PID/cgroup`; `None` where the process is
/// in none. It begins with a slash, and with `/..` for a group outside the reader's cgroup namespace.
#[must_use]
pub fn control_group(text: &[u8], hierarchy: Hierarchy) -> Option<&[u8]> {
    lines(text).find_map(|line| {
        // The hierarchy's number, the controllers separated by commas, the path. Version 2 has no controllers here.
        let (number, rest) = split_once(line, b':')?;
        let (controllers, path) = split_once(rest, b':')?;
        let controller: &[u8] = match hierarchy {
            Hierarchy::Unified => b"",
            Hierarchy::Memory => b"memory",
            Hierarchy::Pids => b"pids",
        };
        let is_it = split(controllers, b',').any(|one| one == controller)
            && (hierarchy != Hierarchy::Unified || number == b"0");
        (is_it && path.starts_with(b"/")).then_some(path)
    })
}

/// The group of this path and those above it, up to the root, whose path is empty. None for a group outside the
/// reader's cgroup namespace, which sees no group above it.
pub fn group_and_ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_outside = path
        .strip_prefix(b"/..")
        .is_some_and(|rest| !matches!(rest, [first, ..] if *first != b'/'));
    let own = path.strip_suffix(b"/").unwrap_or(path);
    core::iter::successors((!is_outside).then_some(own), |group| {
        let end = group.iter().rposition(|byte| *byte == b'/')?;
        group.get(..end)
    })
}

/// How many processes the kernel has killed for want of memory: `oom_kill` in a group's `memory.events` (version 2) or
/// `memory.oom_control` (version 1, since Linux 4.13). `None` where the file has no such line.
#[must_use]
pub fn oom_kills(text: &[u8]) -> Option<u32> {
    lines(text).find_map(|line| match split_once(line, b' ')? {
        (b"oom_kill", count) => parse_decimal_u32(count),
        (_, _) => None,
    })
}

/// The number in a file that holds nothing else, such as `pids.current` or `pids.max`; `None` where that is `max`, no
/// limit.
#[must_use]
pub fn number(text: &[u8]) -> Option<u32> {
    parse_decimal_u32(lines(text).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A stat file with these fields, and SIGKILL pending; the others are 0.
    fn stat_text(name: &[u8], state: &str, threads: &str, masks: [u32; 3]) -> Vec<u8> {
        let [blocked, ignored, caught] = masks;
        let mut text = b"7 (".to_vec();
        text.extend(name);
        let zeros = "0 ".repeat(8);
        text.extend(
            format!(
                ") {state} 1 6 5 34816 7 4194304 0 0 0 0 1 2 3 4 20 0 {threads} 0 88430 {zeros}256 {blocked} {ignored} {caught} 0\n"
            )
            .bytes(),
        );
        text
    }

    #[test]
    fn our_own_stat_file_is_read() {
        let text = std::fs::read("/proc/self/stat").unwrap();
        let stat = ProcessStat::parse(&text).unwrap();
        // 0 stands for a process of another PID namespace, as in the answers of the calls.
        let number = |pid: Option<Pid>| pid.map_or(0, Pid::number);
        assert_eq!(stat.pid.number().cast_unsigned(), std::process::id());
        assert_eq!(number(stat.parent), nix::unistd::getppid().as_raw());
        assert_eq!(number(stat.group), nix::unistd::getpgrp().as_raw());
        let session = nix::unistd::getsid(None).unwrap().as_raw();
        assert_eq!(number(stat.session), session);
        assert_eq!(
            stat.name,
            std::fs::read("/proc/self/comm").unwrap().trim_ascii_end()
        );
        assert!(stat.is_alive() && stat.threads > 1, "{stat:?}");
        // signal(7): the Rust runtime ignores SIGPIPE and catches SIGSEGV.
        assert!(stat.ignored.contains(Signal::PIPE) && stat.caught.contains(Signal::SEGV));
    }

    #[test]
    fn each_field_is_the_one_of_the_manual_page() {
        let text = stat_text(b"a) b\n(c 9", "D", "3", [0x4, 0x2, 0x1]);
        let [one, two, three] = [1_u64, 2, 4].map(SignalSet::from_bits);
        assert_eq!(
            ProcessStat::parse(&text),
            Some(ProcessStat {
                pid: Pid::new(7).unwrap(),
                name: b"a) b\n(c 9",
                state: b'D',
                parent: Pid::new(1),
                group: Pid::new(6),
                session: Pid::new(5),
                has_terminal: true,
                threads: 3,
                started: Some(Tick::new(88430)),
                pending: SignalSet::only(Signal::KILL),
                blocked: three,
                ignored: two,
                caught: one,
            })
        );
    }

    /// What the kernel wrote for a process that is being released: neither group nor session nor terminal.
    #[test]
    fn what_is_of_another_namespace_or_goes_away_has_no_number() {
        let text = format!("7 (a) X 0 -1 -1 0 -1 {}", "0 ".repeat(40));
        let stat = ProcessStat::parse(text.as_bytes()).unwrap();
        assert_eq!((stat.parent, stat.group, stat.session), (None, None, None));
        assert!(!stat.has_terminal && !stat.is_alive());
    }

    /// Contract 6.5.
    #[test]
    fn a_process_lives_as_long_as_one_of_its_threads() {
        for (state, threads, expected) in [
            ("R", "1", true),
            ("T", "1", true),
            ("D", "0", true),
            ("Z", "1", false),
            ("Z", "0", false),
            ("X", "0", false),
            ("x", "1", false),
            ("Z", "2", true),
        ] {
            let text = stat_text(b"a", state, threads, [0; 3]);
            let stat = ProcessStat::parse(&text).unwrap();
            assert_eq!(stat.is_alive(), expected, "{state} {threads}");
        }
    }

    /// Contract 6.4.
    #[test]
    fn whoever_was_born_before_a_signal_is_older() {
        let text = stat_text(b"a", "S", "1", [0; 3]);
        let stat = ProcessStat::parse(&text).unwrap();
        for (sent, expected) in [(88_429, false), (88_430, false), (88_431, true)] {
            assert_eq!(stat.is_older_than(Tick::new(sent)), expected, "{sent}");
        }
        assert!(stat.is_older_than(Tick::LAST));
    }

    /// As gVisor may write it where its clock was set back.
    #[test]
    fn whose_birth_is_unknown_counts_as_older() {
        let text = String::from_utf8(stat_text(b"a", "S", "1", [0; 3])).unwrap();
        let text = text.replace(" 88430 ", " -5 ");
        let stat = ProcessStat::parse(text.as_bytes()).unwrap();
        assert!(stat.started.is_none() && stat.is_older_than(Tick::new(0)));
    }

    #[test]
    fn only_a_whole_file_with_a_known_state_is_believed() {
        let whole = stat_text(b"a", "S", "1", [0; 3]);
        let fields = whole.split(|byte| *byte == b' ').count();
        assert_eq!(fields, 35);
        let last = whole.len() - 2;
        for length in 0..last {
            assert_eq!(ProcessStat::parse(&whole[..length]), None, "{length}");
        }
        assert!(ProcessStat::parse(&whole[..=last]).is_some());
        for state in 0..=u8::MAX {
            let mut text = whole.clone();
            text[6] = state;
            let expected = b"RSDZTtWXxKPI".contains(&state);
            assert_eq!(ProcessStat::parse(&text).is_some(), expected, "{state}");
        }
        for text in [
            "",
            "7",
            "7 ",
            "7 (",
            "7 ()",
            "7 (a) SS 1",
            "x (a) S 1",
            "/proc/self/stat",
        ] {
            assert_eq!(ProcessStat::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    /// Contract 6.6.
    #[test]
    fn what_a_process_does_about_a_signal_is_told_by_its_masks() {
        let text = stat_text(b"a", "S", "1", [1 << 14 | 1 << 2, 1 << 1, 1 | 1 << 2]);
        let stat = ProcessStat::parse(&text).unwrap();
        for (signal, expected) in [
            (Signal::TERM, Response::Blocks),
            (Signal::INT, Response::Ignores),
            (Signal::HUP, Response::Catches),
            (Signal::QUIT, Response::Catches),
            (Signal::ABRT, Response::HasNotActedOn),
            (Signal::new(34).unwrap(), Response::HasNotActedOn),
            (Signal::new(64).unwrap(), Response::HasNotActedOn),
        ] {
            assert_eq!(stat.response(signal, true), expected, "{signal:?}");
            assert_eq!(stat.response(signal, false), Response::NeverGot);
        }
    }

    /// Records of getdents64(2) with these names, padded to 8 bytes as the kernel does.
    fn records(names: &[&str]) -> Vec<u8> {
        let mut records = Vec::new();
        for name in names {
            let start = records.len();
            records.extend([0; 18]);
            records.push(4);
            records.extend(name.bytes());
            records.push(0);
            while records.len() % 8 != 0 {
                records.push(0);
            }
            let length = u16::try_from(records.len() - start).unwrap();
            records[start + 16..start + 18].copy_from_slice(&length.to_ne_bytes());
        }
        records
    }

    #[test]
    fn directory_records_yield_the_numbers() {
        let names = [
            ".",
            "self",
            "1",
            "stat",
            "4194304",
            "12x",
            "0",
            "-1",
            "99999999999",
        ];
        let records = records(&names);
        let ids: Vec<i32> = process_ids(&records).map(Pid::number).collect();
        assert_eq!(ids, [1, 4_194_304]);
        for length in 0..records.len() {
            assert!(process_ids(&records[..length]).count() <= 2);
        }
        assert_eq!(process_ids(&[0; 64]).count(), 0);
    }

    #[test]
    fn groups_are_found_in_either_version() {
        let hybrid = b"10:cpu,pids:/p\n9:name=pids:/\n4:memory:/docker/ab:c\n3:memoryless:/no\n0::/system.slice\n";
        let all = [Hierarchy::Unified, Hierarchy::Memory, Hierarchy::Pids];
        for (text, expected) in [
            (
                &hybrid[..],
                [
                    Some(&b"/system.slice"[..]),
                    Some(b"/docker/ab:c"),
                    Some(b"/p"),
                ],
            ),
            (b"0::/\n", [Some(b"/"), None, None]),
            (b"0::/../..\n", [Some(b"/../.."), None, None]),
            (b"0::/cut", [None; 3]),
            (b"0::relative\n", [None; 3]),
            (b"", [None; 3]),
        ] {
            assert_eq!(all.map(|one| control_group(text, one)), expected);
        }
    }

    #[test]
    fn the_way_up_from_a_group_ends_at_the_root() {
        for (path, expected) in [
            ("/a/b-1/c", &["/a/b-1/c", "/a/b-1", "/a", ""][..]),
            ("/", &[""]),
            ("/..a/b", &["/..a/b", "/..a", ""]),
            ("/..", &[]),
            ("/../a", &[]),
        ] {
            let groups = group_and_ancestors(path.as_bytes());
            let groups: Vec<&str> = groups.map(|one| str::from_utf8(one).unwrap()).collect();
            assert_eq!(groups, expected, "{path}");
        }
    }

    #[test]
    fn oom_kills_are_found_in_either_version() {
        for (text, expected) in [
            (
                "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n",
                Some(1),
            ),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 12\n", Some(12)),
            ("oom_kill_disable 0\nunder_oom 0\n", None),
            ("oom_kill 1", None),
            ("oom_kill x\n", None),
            ("", None),
        ] {
            assert_eq!(oom_kills(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_none() {
        for (text, expected) in [
            ("max\n", None),
            ("100\n", Some(100)),
            ("0\n", Some(0)),
            ("10", None),
            ("", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = ProcessStat::parse(&bytes);
            let _ = process_ids(&bytes).count();
            let _ = group_and_ancestors(&bytes).count();
            let _ = (control_group(&bytes, Hierarchy::Unified), oom_kills(&bytes), number(&bytes));
        }

        /// The name is whatever prctl(2) was given.
        #[test]
        fn any_name_is_returned_as_it_is(name in proptest::collection::vec(any::<u8>(), 0..16)) {
            let text = stat_text(&name, "S", "1", [0; 3]);
            prop_assert_eq!(ProcessStat::parse(&text).unwrap().name, &name);
        }

        #[test]
        fn a_changed_byte_never_forges_a_state(place in 0_usize..90, byte: u8) {
            let mut text = stat_text(b"abc", "S", "1", [0; 3]);
            let place = place % text.len();
            text[place] = byte;
            if let Some(stat) = ProcessStat::parse(&text) {
                prop_assert!(b"RSDZTtWXxKPI".contains(&stat.state));
            }
        }
    }
}
