//! Signals: numbers, names and sets.

use crate::text::{Text, after_prefix_of_any_case, nth, parse_decimal};
use core::num::NonZero;

/// A signal number from 1 to 64. 32 and 33 are ordinary numbers here: only C libraries keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(NonZero<u8>);

/// The names of signals 1 to 34 without `SIG`, each with a space behind it, in the order of their numbers. x86, Arm,
/// RISC-V, POWER and s390 share them (`include/uapi/asm-generic/signal.h`); 32 and 33 have none. A
/// static and not a constant, so that the linker knows it by name and keeps it apart from what is always needed.
static NAMES: [u8; 162] =
    *b"HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT \
CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS 32 33 RTMIN ";

/// `SIGRTMIN` as C libraries have it, after the two they keep; container engines count alike.
const RTMIN: u8 = 34;

impl Signal {
    /// The highest signal number.
    pub const LAST: u8 = 64;
    /// Hang-up of the terminal.
    pub const HUP: Self = Self::known(1);
    /// Interrupt from the keyboard.
    pub const INT: Self = Self::known(2);
    /// Quit from the keyboard.
    pub const QUIT: Self = Self::known(3);
    /// Kill: neither caught, blocked nor ignored.
    pub const KILL: Self = Self::known(9);
    /// Write to a pipe that nobody reads.
    pub const PIPE: Self = Self::known(13);
    /// Termination.
    pub const TERM: Self = Self::known(15);
    /// A child stopped or ended.
    pub const CHLD: Self = Self::known(17);
    /// Continue if stopped.
    pub const CONT: Self = Self::known(18);
    /// Stop: neither caught, blocked nor ignored.
    pub const STOP: Self = Self::known(19);
    /// Stop typed at the terminal.
    pub const TSTP: Self = Self::known(20);
    /// Terminal input by a background process.
    pub const TTIN: Self = Self::known(21);
    /// Terminal output by a background process.
    pub const TTOU: Self = Self::known(22);
    /// CPU time limit exceeded.
    pub const XCPU: Self = Self::known(24);
    /// File size limit exceeded.
    pub const XFSZ: Self = Self::known(25);

    /// Takes a number; `None` unless it is a signal's.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZero::new(number) {
            Some(number) if number.get() <= Self::LAST => Some(Self(number)),
            Some(_) | None => None,
        }
    }

    /// Takes a number from the kernel, which gives none but signals', or 0 for `None`.
    #[must_use]
    pub const fn from_kernel(number: u8) -> Option<Self> {
        match NonZero::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The signal with this number, which is one's.
    const fn known(number: u8) -> Self {
        match NonZero::new(number) {
            Some(number) => Self(number),
            None => Self(NonZero::<u8>::MIN),
        }
    }

    /// The signal's number.
    #[must_use]
    #[inline(never)]
    pub const fn number(self) -> u8 {
        self.0.get()
    }

    /// Reads a number, or a name in either case with or without `SIG`, `RTMIN+n` among them.
    ///
    /// ```
    /// # use pidling::posix::signal::Signal;
    /// assert_eq!(Signal::parse(b"sigterm"), Some(Signal::TERM));
    /// assert_eq!(Signal::parse(b"RTMIN+3"), Signal::new(37));
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let name = after_prefix_of_any_case(text, b"SIG").unwrap_or(text);
        let (mut digits, mut first) = (text, 0);
        if let Some(offset) = after_prefix_of_any_case(name, b"RTMIN+") {
            (digits, first) = (offset, u32::from(RTMIN));
        }
        let mut number = 1;
        if let Some(offset) = parse_decimal(digits) {
            number = offset.checked_add(first)?;
        } else {
            loop {
                let known = name_of(number);
                if known.is_empty() {
                    return None;
                }
                if known.len() == name.len() && after_prefix_of_any_case(name, known).is_some() {
                    break;
                }
                number = number.wrapping_add(1);
            }
        }
        Self::new(u8::try_from(number).unwrap_or(0))
    }

    /// Whether this signal is how a terminal stops a process.
    #[must_use]
    pub const fn is_terminal_stop(self) -> bool {
        matches!(self, Self::TSTP | Self::TTIN | Self::TTOU)
    }

    /// Whether this signal asks for shutdown (contract 6.1).
    #[must_use]
    pub const fn is_stop(self) -> bool {
        matches!(self, Self::TERM | Self::INT | Self::QUIT)
    }
}

/// Appends the name of the signal with this number as people write it: `SIGTERM`, `SIGRTMIN+3`, or `SIG32` where
/// there is none.
#[inline(never)]
pub fn append_name(number: u8, text: &mut Text<'_>) {
    text.push_bytes(b"SIG");
    text.push_bytes(name_of(number.min(RTMIN).into()));
    if let Some(offset) = number.checked_sub(RTMIN) {
        text.push(b'+');
        text.push_decimal(offset.into());
    }
}

/// The name of the signal of this number; empty past the last.
#[inline(never)]
fn name_of(number: u32) -> &'static [u8] {
    let [low, ..] = number.to_le_bytes();
    nth(&NAMES, b' ', low.wrapping_sub(1))
}

/// Who sent a signal, as `siginfo_t` holds it, sigaction(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Sender {
    /// The process; 0 for one of another PID namespace.
    pub pid: i32,
    /// Its user.
    pub user: u32,
    /// What it sent along with sigqueue(3).
    pub value: usize,
}

/// A signal that was waited for, as `siginfo_t` holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            code: Code::USER,
            sender: Sender {
                pid: 0,
                user: 0,
                value: 0,
            },
        }
    }
}

/// How a signal was sent, sigaction(2), `si_code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub i32);

impl Code {
    /// kill(2), or the kernel in the name of a process.
    pub const USER: Self = Self(libc::SI_USER);
    /// sigqueue(3).
    pub const QUEUE: Self = Self(libc::SI_QUEUE);
    /// The kernel in its own name.
    pub const KERNEL: Self = Self(libc::SI_KERNEL);
}

/// A set of signals as the kernel keeps it: bit n - 1 stands for signal n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// Every signal.
    pub const ALL: Self = Self(u64::MAX);

    /// The set that holds just this signal.
    #[must_use]
    pub fn only(signal: Signal) -> Self {
        Self(1_u64.wrapping_shl(u32::from(signal.number().wrapping_sub(1))))
    }

    /// This set with the signal.
    #[must_use]
    pub fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::only(signal).0)
    }

    /// This set without the signal.
    #[must_use]
    pub fn without(self, signal: Signal) -> Self {
        Self(self.0 & !Self::only(signal).0)
    }

    /// Whether the signal is in this set.
    #[must_use]
    pub fn contains(self, signal: Signal) -> bool {
        self.0 & Self::only(signal).0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(signal: Signal) -> String {
        let mut buffer = [0; 32];
        let text = &mut Text::new(&mut buffer);
        append_name(signal.number(), text);
        String::from_utf8(text.as_bytes().to_vec()).unwrap()
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
    fn real_time_signals_count_from_the_first() {
        assert_eq!(Signal::parse(b"RTMIN"), Signal::new(34));
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

    #[test]
    fn sets_hold_the_bits_of_the_kernel() {
        assert_eq!(SignalSet::only(Signal::TERM), SignalSet(0x4000));
        assert_eq!(
            SignalSet::only(Signal::new(64).unwrap()),
            SignalSet(1 << 63)
        );
        assert!(!SignalSet::ALL.without(Signal::CHLD).contains(Signal::CHLD));
        assert!(SignalSet::ALL.without(Signal::CHLD).contains(Signal::CONT));
    }
}
