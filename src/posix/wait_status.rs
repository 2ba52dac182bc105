//! What wait4(2) says of a child.

use super::signal::Signal;

/// What happened to a child, wait(2), *WIFEXITED* and its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitStatus {
    /// It called exit with this status, and is dead.
    Exited(u8),
    /// A signal killed it, and perhaps the kernel wrote a core file.
    Killed {
        /// Which signal.
        signal: Signal,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
    /// A signal stopped it.
    Stopped(Signal),
    /// It was resumed, or the kernel says something that this program has not asked for.
    Other,
}

impl WaitStatus {
    /// Decodes the kernel's number: the low seven bits are 0 for an exit, 0x7f for a stop and else the signal that
    /// killed, bit 7 tells of a core; the exit status or the stop signal is the second byte.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        let [low, second, ..] = raw.to_le_bytes();
        match (low & 0x7f, Signal::new(low & 0x7f), Signal::new(second)) {
            (0, _, _) => Self::Exited(second),
            (_, Some(signal), _) => Self::Killed {
                signal,
                core_dumped: low & 0x80 != 0,
            },
            (_, None, Some(signal)) if low == 0x7f => Self::Stopped(signal),
            (_, None, _) => Self::Other,
        }
    }

    /// The signal that killed it, if one did.
    #[must_use]
    pub const fn killed_by(self) -> Option<Signal> {
        match self {
            Self::Killed { signal, .. } => Some(signal),
            Self::Exited(_) | Self::Stopped(_) | Self::Other => None,
        }
    }

    /// The exit status that stands for its end (contract 7): its own, or 128 and the signal that killed it. `None`
    /// while it is not dead.
    #[must_use]
    pub const fn exit_status(self) -> Option<u8> {
        match self {
            Self::Exited(status) => Some(status),
            // At most 64, so that this adds 128.
            Self::Killed { signal, .. } => Some(signal.number() | 128),
            Self::Stopped(_) | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(number: i32) -> Signal {
        Signal::new(u8::try_from(number).unwrap()).unwrap()
    }

    /// The C library's macros are the oracle.
    #[test]
    fn every_wait_status_is_decoded_as_the_c_library_does() {
        for raw in 0..=0xffff {
            let status = WaitStatus::from_raw(raw);
            let expected = if libc::WIFEXITED(raw) {
                WaitStatus::Exited(u8::try_from(libc::WEXITSTATUS(raw)).unwrap())
            } else if libc::WIFSIGNALED(raw) && (1..=64).contains(&libc::WTERMSIG(raw)) {
                WaitStatus::Killed {
                    signal: signal(libc::WTERMSIG(raw)),
                    core_dumped: libc::WCOREDUMP(raw),
                }
            } else if libc::WIFSTOPPED(raw) && (1..=64).contains(&libc::WSTOPSIG(raw)) {
                WaitStatus::Stopped(signal(libc::WSTOPSIG(raw)))
            } else {
                WaitStatus::Other
            };
            assert_eq!(status, expected, "{raw:#x}");
        }
    }

    #[test]
    fn only_the_dead_have_an_exit_status() {
        assert_eq!(WaitStatus::Exited(7).exit_status(), Some(7));
        let killed = WaitStatus::Killed {
            signal: Signal::TERM,
            core_dumped: false,
        };
        assert_eq!(killed.exit_status(), Some(143));
        assert_eq!(killed.killed_by(), Some(Signal::TERM));
        assert_eq!(WaitStatus::Stopped(Signal::STOP).exit_status(), None);
        assert_eq!(WaitStatus::Other.exit_status(), None);
    }
}
