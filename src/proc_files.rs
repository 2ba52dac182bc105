//! What the kernel's text files say: `/proc/PID/stat`, `/proc/PID/cgroup` and the memory
//! controller's event counts. Pure: bytes in, values out.

use crate::packed::Piece;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::text::{after_prefix, parse_decimal, take_part, take_until};

/// One process, from `/proc/PID/stat`, `proc_pid_stat(5)`.
#[derive(Debug)]
#[repr(C)]
pub struct ProcessStat {
    /// Where in the text the command name ends.
    name_end: u8,
    /// The fields as the manual page lists them, and more room than a file has fields. Those that are signed or
    /// long hold anything.
    fields: [u32; 64],
    /// The file's text, whose fields up to the 34th always fit. It is to be read into here.
    pub text: [u8; 1024],
}

impl ProcessStat {
    /// No process.
    pub const EMPTY: Self = Self {
        text: [0; 1024],
        name_end: 0,
        fields: [0; 64],
    };

    /// Takes the text apart, up to the first null byte, with the fields all zero before. Without a file it has
    /// neither state nor parent.
    pub fn parse(&mut self) {
        let (mut index, mut field, mut number) = (0_u8, 0_usize, 0_u32);
        for byte in &self.text {
            match *byte {
                0 => break,
                b' ' => {
                    field = field.wrapping_add(1);
                    number = 0;
                }
                b')' => {
                    // The name stands in parentheses and may itself hold any, so it ends at the last one.
                    self.name_end = index;
                    field = 1;
                }
                digit => {
                    number = number
                        .wrapping_mul(10)
                        .wrapping_add(digit.wrapping_sub(b'0').into());
                    if let Some(place) = self.fields.get_mut(field & 63) {
                        *place = number;
                    }
                }
            }
            index = index.wrapping_add(1);
        }
    }

    /// The process id.
    #[must_use]
    pub const fn process_id(&self) -> u32 {
        self.fields[0]
    }

    /// The command name, at most 15 arbitrary bytes.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let mut name = self.text.get(..self.name_end.into()).unwrap_or_default();
        let _ = take_until(&mut name, b'(');
        name
    }

    /// The state's letter, such as `S` or `D`. It was read as a digit.
    #[must_use]
    pub const fn state(&self) -> u8 {
        let [state, ..] = self.fields[2].to_le_bytes();
        state.wrapping_add(b'0')
    }

    /// The parent's process id; 0 where it is in another PID namespace.
    #[must_use]
    pub const fn parent(&self) -> u32 {
        self.fields[3]
    }

    /// The process group; 0 where it is of another PID namespace.
    #[must_use]
    pub const fn group(&self) -> u32 {
        self.fields[4]
    }

    /// Whether the process is dead and only waits to be reaped, or even that is over.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self.state(), b'0' | b'Z' | b'X' | b'x')
    }

    /// Why a process that was sent `signal` (1 to 31) is still here.
    #[must_use]
    pub fn disposition(&self, signal: Signal) -> Piece {
        let [blocked, ignored, caught] = [self.fields[31], self.fields[32], self.fields[33]];
        let has = |signals: u32| SignalSet(signals.into()).contains(signal);
        if has(ignored) {
            Piece::IGNORES
        } else if has(caught) {
            Piece::CATCHES
        } else if has(blocked) {
            Piece::BLOCKS
        } else {
            Piece::HAS_NOT_ACTED_ON
        }
    }
}

/// Reads a process id in decimal.
#[inline(never)]
#[must_use]
pub fn process_id(text: &[u8]) -> Option<Pid> {
    Pid::new(parse_decimal(text)?.cast_signed())
}

/// Takes the next number out of the names of a directory, which are in the records of getdents64(2): in
/// `/proc`, the next process.
pub fn take_process_id(records: &mut &[u8]) -> Option<Pid> {
    loop {
        // struct linux_dirent64: inode and offset of 8 bytes, record length of 2, type of 1, the name.
        let ([.., low, high, _], mut name) = records.split_first_chunk::<19>()?;
        let length = u16::from_ne_bytes([*low, *high]);
        if length == 0 {
            return None;
        }
        *records = records.get(length.into()..)?;
        if let Some(pid) = process_id(take_part(&mut name, 0)) {
            return Some(pid);
        }
    }
}

/// What follows `key` in the first line that starts with it: a count in `memory.events` or
/// `memory.oom_control`. In `/proc/PID/cgroup`, cgroups(7), the hierarchy's number stands before the key,
/// which is its name, and the path of the process's group follows. Empty where there is no such line.
#[inline(never)]
#[must_use]
pub fn value<'a>(mut text: &'a [u8], key: &[u8]) -> &'a [u8] {
    while let Some(mut line) = take_until(&mut text, b'\n') {
        let _ = take_until(&mut line, b':');
        if let Some(value) = after_prefix(line, key) {
            return value;
        }
    }
    b""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> ProcessStat {
        let mut stat = ProcessStat::EMPTY;
        stat.text[..text.len()].copy_from_slice(text);
        stat.parse();
        stat
    }

    #[test]
    fn our_own_stat_file_is_read() {
        let stat = parse(&std::fs::read("/proc/self/stat").unwrap());
        assert_eq!(stat.process_id(), std::process::id());
        assert_eq!(stat.parent(), std::os::unix::process::parent_id());
        assert_eq!(
            stat.group(),
            nix::unistd::getpgrp().as_raw().cast_unsigned()
        );
        assert!(!stat.is_dead());
    }

    #[test]
    fn masks_and_odd_names_are_read() {
        let zeros = "0 ".repeat(25);
        let stat = parse(format!("7 (a) b\n(c 9) D 1 6 {zeros}16384 4 2 1 0\n").as_bytes());
        assert_eq!(stat.process_id(), 7);
        assert_eq!((stat.name(), stat.state()), (&b"a) b\n(c 9"[..], b'D'));
        assert_eq!((stat.parent(), stat.group()), (1, 6));
        assert_eq!(stat.disposition(Signal::QUIT), Piece::BLOCKS);
        assert_eq!(stat.disposition(Signal::INT), Piece::IGNORES);
        assert_eq!(stat.disposition(Signal::new(1).unwrap()), Piece::CATCHES);
        assert_eq!(stat.disposition(Signal::TERM), Piece::HAS_NOT_ACTED_ON);
    }

    #[test]
    fn long_and_signed_fields_do_no_harm() {
        let longest = "-18446744073709551615 ".repeat(26);
        let stat = parse(format!("4194304 () R 4194303 4194302 {longest}1 2 4 0").as_bytes());
        assert_eq!((stat.name(), stat.state()), (&b""[..], b'R'));
        assert_eq!((stat.parent(), stat.group()), (4_194_303, 4_194_302));
        assert_eq!(stat.disposition(Signal::new(1).unwrap()), Piece::BLOCKS);
        assert_eq!(stat.disposition(Signal::new(2).unwrap()), Piece::IGNORES);
        assert_eq!(stat.disposition(Signal::new(3).unwrap()), Piece::CATCHES);
    }

    #[test]
    fn zombies_and_those_who_are_gone_are_dead() {
        for (text, expected) in [
            ("7 (a) R 1 1 ", false),
            ("7 (a) T 1 1 ", false),
            ("7 (a) Z 1 1 ", true),
            ("7 (a) X 1 1 ", true),
            ("", true),
        ] {
            let stat = parse(text.as_bytes());
            assert_eq!(stat.is_dead(), expected, "{text}");
            assert_eq!(stat.parent(), u32::from(!text.is_empty()), "{text}");
        }
        // What is no such file belongs to nobody, who is dead.
        let stat = parse(b"/proc/self/stat\0");
        assert!(stat.is_dead() && stat.parent() == 0);
        assert!(stat.process_id() > 4_194_304, "{}", stat.process_id());
    }

    fn process_ids(mut records: &[u8]) -> impl Iterator<Item = Pid> {
        core::iter::from_fn(move || take_process_id(&mut records))
    }

    #[test]
    fn directory_records_yield_the_numbers() {
        let mut records = Vec::new();
        for name in ["self", "1", "stat", "4194304", "12x"] {
            let start = records.len();
            records.extend([0; 16]);
            records.extend([0, 0, 4]);
            records.extend(name.as_bytes());
            records.push(0);
            let length = u16::try_from(records.len() - start).unwrap();
            records[start + 16..start + 18].copy_from_slice(&length.to_ne_bytes());
        }
        let ids: Vec<i32> = process_ids(&records).map(Pid::number).collect();
        assert_eq!(ids, [1, 4_194_304]);
        for length in 0..records.len() {
            assert!(process_ids(&records[..length]).count() <= 2);
        }
    }

    #[test]
    fn cgroup_paths_are_found_in_either_hierarchy() {
        let hybrid =
            b"9:name=systemd:/\n4:memory:/docker/ab:c\n3:memoryless:/no\n0::/system.slice\n";
        assert_eq!(value(hybrid, b"memory:"), b"/docker/ab:c");
        assert_eq!(value(hybrid, b":"), b"/system.slice");
        assert_eq!(value(b"0::/\n", b"memory:"), b"");
        assert_eq!(value(b"", b":"), b"");
    }

    #[test]
    fn oom_kills_are_found_in_either_format() {
        for (text, expected) in [
            (
                "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n",
                &b"1"[..],
            ),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 12\n", b"12"),
            ("oom_kill_disable 0\nunder_oom 0\n", b""),
            ("", b""),
        ] {
            assert_eq!(value(text.as_bytes(), b"oom_kill "), expected, "{text}");
        }
    }
}
