//! Signals: numbers, names and sets.

use crate::bytes::{Buffer, parse_decimal_u32};
use core::num::NonZero;

/// A signal number from 1 to 64. 32 and 33 are ordinary numbers here: only C libraries keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(NonZero<u8>);

/// The names of signals 1 to 31 without `SIG`, in the order of their numbers, which x86, Arm, RISC-V, POWER, s390 and
/// `LoongArch` share (`include/uapi/asm-generic/signal.h`).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// `SIGRTMIN` as C libraries have it, after the two that they keep; container engines count alike.
const RTMIN: u8 = 34;

/// `SIGRTMAX`.
const RTMAX: u8 = 64;

impl Signal {
    /// The highest signal number.
    pub const LAST: u8 = RTMAX;

    /// All signals, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::LAST).filter_map(Self::new)
    }
    /// Hang-up of the terminal.
    pub const HUP: Self = Self::constant(1);
    /// Interrupt from the keyboard.
    pub const INT: Self = Self::constant(2);
    /// Quit from the keyboard.
    pub const QUIT: Self = Self::constant(3);
    /// Illegal instruction.
    pub const ILL: Self = Self::constant(4);
    /// Trace or breakpoint trap.
    pub const TRAP: Self = Self::constant(5);
    /// abort(3).
    pub const ABRT: Self = Self::constant(6);
    /// Bus error: bad memory access.
    pub const BUS: Self = Self::constant(7);
    /// Erroneous arithmetic.
    pub const FPE: Self = Self::constant(8);
    /// Kill: neither caught, blocked nor ignored.
    pub const KILL: Self = Self::constant(9);
    /// Invalid memory reference.
    pub const SEGV: Self = Self::constant(11);
    /// Write to a pipe that nobody reads.
    pub const PIPE: Self = Self::constant(13);
    /// Termination.
    pub const TERM: Self = Self::constant(15);
    /// A child stopped or ended.
    pub const CHLD: Self = Self::constant(17);
    /// Continue if stopped.
    pub const CONT: Self = Self::constant(18);
    /// Stop: neither caught, blocked nor ignored.
    pub const STOP: Self = Self::constant(19);
    /// Stop typed at the terminal.
    pub const TSTP: Self = Self::constant(20);
    /// Terminal input by a background process.
    pub const TTIN: Self = Self::constant(21);
    /// Terminal output by a background process.
    pub const TTOU: Self = Self::constant(22);
    /// Limit of processor time exceeded.
    pub const XCPU: Self = Self::constant(24);
    /// Limit of file size exceeded.
    pub const XFSZ: Self = Self::constant(25);
    /// The terminal's size has changed.
    pub const WINCH: Self = Self::constant(28);
    /// Input or output is possible.
    pub const IO: Self = Self::constant(29);
    /// Bad system call.
    pub const SYS: Self = Self::constant(31);

    /// Takes a number; `None` unless it is a signal's.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZero::new(number) {
            Some(number) if number.get() <= Self::LAST => Some(Self(number)),
            Some(_) | None => None,
        }
    }

    /// The signal with this number; one that is no signal's does not compile.
    #[expect(clippy::panic, reason = "the constants are evaluated by the compiler")]
    const fn constant(number: u8) -> Self {
        match Self::new(number) {
            Some(signal) => signal,
            None => panic!("no signal has this number"),
        }
    }

    /// The signal's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.get()
    }

    /// Reads a number, or a name in either case with or without `SIG`, `RTMIN+n` and `RTMAX-n` among them.
    ///
    /// ```
    /// # use pidling::posix::signal::Signal;
    /// assert_eq!(Signal::parse(b"sigterm"), Some(Signal::TERM));
    /// assert_eq!(Signal::parse(b"RTMIN+3"), Signal::new(37));
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if let Some(number) = parse_decimal_u32(text) {
            return Self::new(u8::try_from(number).ok()?);
        }
        let name = strip_prefix_of_any_case(text, b"SIG").unwrap_or(text);
        if let Some(rest) = strip_prefix_of_any_case(name, b"RTMIN") {
            return Self::real_time(RTMIN.checked_add(offset(rest, b'+')?)?);
        }
        if let Some(rest) = strip_prefix_of_any_case(name, b"RTMAX") {
            return Self::real_time(RTMAX.checked_sub(offset(rest, b'-')?)?);
        }
        let index = NAMES
            .iter()
            .position(|known| is_equal_in_any_case(known.as_bytes(), name))?;
        Self::new(u8::try_from(index.wrapping_add(1)).ok()?)
    }

    /// Takes a number; `None` unless it is a real-time signal's that a C library leaves to programs.
    const fn real_time(number: u8) -> Option<Self> {
        if number < RTMIN {
            None
        } else {
            Self::new(number)
        }
    }

    /// Appends the name as people write it: `SIGTERM`, `SIGRTMIN+3`, or `SIG32` where there is none.
    pub fn append_name(self, buffer: &mut Buffer<'_>) {
        let number = self.number();
        buffer.push_bytes(b"SIG");
        match NAMES.get(usize::from(number).wrapping_sub(1)) {
            Some(name) => buffer.push_bytes(name.as_bytes()),
            None if number < RTMIN => buffer.push_decimal(number.into()),
            None => {
                buffer.push_bytes(b"RTMIN+");
                buffer.push_decimal(number.wrapping_sub(RTMIN).into());
            }
        }
    }

    /// Whether this signal is how a terminal stops a process.
    #[must_use]
    pub const fn is_terminal_stop(self) -> bool {
        matches!(self, Self::TSTP | Self::TTIN | Self::TTOU)
    }

    /// Whether terminals send it, `termios(3)` and `tty_ioctl(4)`: a key, a hang-up, a change of size.
    const fn is_sent_by_terminals(self) -> bool {
        matches!(
            self,
            Self::INT | Self::QUIT | Self::TSTP | Self::HUP | Self::CONT | Self::WINCH
        )
    }

    /// Whether its default action is a core dump, signal(7), and no key sends it (contract 7.3).
    #[must_use]
    pub const fn tells_of_a_crash(self) -> bool {
        matches!(
            self,
            Self::SEGV
                | Self::ABRT
                | Self::BUS
                | Self::ILL
                | Self::FPE
                | Self::TRAP
                | Self::SYS
                | Self::XCPU
                | Self::XFSZ
        )
    }
}

/// What follows `prefix`, which is in upper case, where `text` begins with it in either case.
fn strip_prefix_of_any_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    is_equal_in_any_case(start, prefix).then_some(rest)
}

/// Whether two texts are the same but for the case of their letters. A loop is enough here: the core library's own
/// function, which compares 16 bytes at a time, takes 313 bytes of code.
fn is_equal_in_any_case(one: &[u8], other: &[u8]) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// The number after `sign`; 0 where there is neither.
fn offset(text: &[u8], sign: u8) -> Option<u8> {
    match text {
        [] => Some(0),
        [first, digits @ ..] if *first == sign => u8::try_from(parse_decimal_u32(digits)?).ok(),
        [..] => None,
    }
}

/// Who sent a signal, as `siginfo_t` holds it, sigaction(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Sender {
    /// The process; 0 for one of another PID namespace.
    pub pid: i32,
    /// Its user.
    pub user: u32,
    /// What it sent along with sigqueue(3).
    pub value: usize,
}

/// How a signal was sent: `si_code`, sigaction(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// kill(2), or the kernel in the name of a process (`SI_USER`).
    User,
    /// sigqueue(3) (`SI_QUEUE`).
    Queue,
    /// A terminal, for which the kernel acts in its own name (`SI_KERNEL`). A signal that it is rewritten to keeps this
    /// code, whether terminals send that one or not.
    Terminal,
    /// The kernel in its own name for any other reason: a limit, a file that is ready.
    Kernel,
    /// Any other way: a timer, tgkill(2), a message queue.
    Other(i32),
}

impl Code {
    /// Takes the kernel's number, and the signal that it came with.
    #[must_use]
    pub const fn from_raw(raw: i32, signal: Signal) -> Self {
        match raw {
            libc::SI_USER => Self::User,
            libc::SI_QUEUE => Self::Queue,
            libc::SI_KERNEL if signal.is_sent_by_terminals() => Self::Terminal,
            libc::SI_KERNEL => Self::Kernel,
            other => Self::Other(other),
        }
    }

    /// The kernel's number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        match self {
            Self::User => libc::SI_USER,
            Self::Queue => libc::SI_QUEUE,
            Self::Terminal | Self::Kernel => libc::SI_KERNEL,
            Self::Other(raw) => raw,
        }
    }
}

/// A signal that was waited for, as `siginfo_t` holds it, sigaction(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Received {
    /// Which signal.
    pub signal: Signal,
    /// How it was sent.
    pub code: Code,
    /// Who sent it, and what sigqueue(3) sent along.
    pub sender: Sender,
}

impl Received {
    /// A signal that nobody is known to have sent.
    #[must_use]
    pub const fn from_nobody(signal: Signal) -> Self {
        Self {
            signal,
            code: Code::User,
            sender: Sender {
                pid: 0,
                user: 0,
                value: 0,
            },
        }
    }
}

/// A set of signals as the kernel keeps it: bit n - 1 stands for signal n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Every signal.
    pub const ALL: Self = Self(u64::MAX);

    /// The set that the kernel writes as this number.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set that holds just this signal.
    #[must_use]
    pub const fn only(signal: Signal) -> Self {
        Self::EMPTY.with(signal)
    }

    /// This set with the signal.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// This set without the signal.
    #[must_use]
    pub const fn without(self, signal: Signal) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// Every signal that is not in this set.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Whether the signal is in this set.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    #[expect(clippy::as_conversions, reason = "`From` is not const")]
    const fn bit(signal: Signal) -> u64 {
        1_u64.wrapping_shl(signal.number().wrapping_sub(1) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(signal: Signal) -> String {
        let mut memory = [0; 32];
        let buffer = &mut Buffer::new(&mut memory);
        signal.append_name(buffer);
        String::from_utf8(buffer.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn every_signal_is_read_back_from_its_name_and_number() {
        for number in 1..=Signal::LAST {
            let signal = Signal::new(number).unwrap();
            let name = name(signal);
            if !matches!(number, 32 | 33) {
                assert_eq!(Signal::parse(name.as_bytes()), Some(signal), "{name}");
                assert_eq!(
                    Signal::parse(name.to_lowercase().as_bytes()),
                    Some(signal),
                    "{name}"
                );
                assert_eq!(Signal::parse(&name.as_bytes()[3..]), Some(signal), "{name}");
            }
            assert_eq!(Signal::parse(number.to_string().as_bytes()), Some(signal));
        }
    }

    /// nix names signals from the C library's headers.
    #[test]
    fn names_agree_with_the_c_library() {
        for known in nix::sys::signal::Signal::iterator() {
            let signal = Signal::new(u8::try_from(known as libc::c_int).unwrap()).unwrap();
            assert_eq!(name(signal), known.as_str());
        }
    }

    #[test]
    fn real_time_signals_count_from_the_first_and_from_the_last() {
        assert_eq!(Signal::parse(b"RTMIN"), Signal::new(34));
        assert_eq!(Signal::parse(b"RTMAX"), Signal::new(64));
        assert_eq!(Signal::parse(b"rtmax-1"), Signal::new(63));
        assert_eq!(Signal::parse(b"SIGRTMAX-30"), Signal::new(34));
        assert_eq!(Signal::parse(b"SIGRTMIN+3"), Signal::new(37));
        assert_eq!(Signal::parse(b"RTMIN+30"), Signal::new(64));
        assert_eq!(name(Signal::new(32).unwrap()), "SIG32");
        assert_eq!(name(Signal::new(34).unwrap()), "SIGRTMIN+0");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "0",
            "65",
            "256",
            "-1",
            "SIG",
            "SIG15",
            "SIGFOO",
            "TERMS",
            "RTMIN+31",
            "RTMAX-31",
            "RTMAX+1",
            "RTMAX-",
            "RTMIN-1",
            "RTMIN+",
            "RTMIN3",
            "RTMIN+4294967295",
            "SIGSIGTERM",
            "15 ",
            "TERM\0",
        ] {
            assert_eq!(Signal::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    /// Contract 3.2: only the kernel speaks for a terminal, and only with these signals.
    #[test]
    fn a_terminal_is_told_by_the_code_and_the_signal_together() {
        let terminals = [
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTSTP,
            libc::SIGHUP,
            libc::SIGCONT,
            libc::SIGWINCH,
        ];
        for signal in Signal::all() {
            let kernel = if terminals.contains(&signal.number().into()) {
                Code::Terminal
            } else {
                Code::Kernel
            };
            for (raw, code) in [
                (libc::SI_KERNEL, kernel),
                (libc::SI_USER, Code::User),
                (libc::SI_QUEUE, Code::Queue),
                (libc::SI_TKILL, Code::Other(libc::SI_TKILL)),
            ] {
                assert_eq!(Code::from_raw(raw, signal), code, "{signal:?}");
                assert_eq!(code.raw(), raw);
            }
        }
    }

    #[test]
    fn sets_hold_the_bits_of_the_kernel() {
        assert_eq!(SignalSet::only(Signal::TERM), SignalSet::from_bits(0x4000));
        assert_eq!(
            SignalSet::only(Signal::new(64).unwrap()),
            SignalSet::from_bits(1 << 63)
        );
        assert!(!SignalSet::ALL.without(Signal::CHLD).contains(Signal::CHLD));
        assert!(SignalSet::ALL.without(Signal::CHLD).contains(Signal::CONT));
    }
}
