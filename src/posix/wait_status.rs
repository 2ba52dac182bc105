//! What wait4(2) says of a child.

use super::signal::Signal;

/// A wait status as Linux encodes it, wait(2), *WIFEXITED* and its siblings: the low seven bits are zero for an
/// exit, 0x7f for a child that is not dead and else the signal that killed; exit status and stop signal are
/// the second byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitStatus {
    low: u8,
    second: u8,
}

impl WaitStatus {
    /// Takes a raw status.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        let [low, second, ..] = raw.to_le_bytes();
        Self { low, second }
    }

    /// Whether the child is dead. Else it was stopped or continued.
    #[must_use]
    pub const fn is_end(self) -> bool {
        self.low & 0x7f != 0x7f
    }

    /// The signal that stopped the child, which is not dead.
    #[must_use]
    pub const fn stopped_by(self) -> Option<Signal> {
        if self.low == 0x7f {
            Signal::from_kernel(self.second)
        } else {
            None
        }
    }

    /// The signal that killed the child, which is dead, with or without a core dump; `None` if it called exit.
    #[must_use]
    pub const fn killed_by(self) -> Option<Signal> {
        Signal::from_kernel(self.low & 0x7f)
    }

    /// The exit status that stands for the end of the child, which is dead (contract 7).
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self.low & 0x7f {
            0 => self.second,
            signal => signal | 0x80,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The macros of the C library are the oracle, for every status of 16 bits.
    #[test]
    fn every_wait_status_is_decoded_as_the_c_library_does() {
        for raw in 0..=0xffff_i32 {
            let status = WaitStatus::from_raw(raw);
            let signal = |number: i32| Signal::from_kernel(u8::try_from(number).unwrap());
            let ends = libc::WIFEXITED(raw) || libc::WIFSIGNALED(raw);
            assert_eq!(status.is_end(), ends, "{raw:#x}");
            if libc::WIFEXITED(raw) {
                assert_eq!(status.killed_by(), None, "{raw:#x}");
                assert_eq!(i32::from(status.exit_status()), libc::WEXITSTATUS(raw));
            } else if libc::WIFSIGNALED(raw) {
                assert_eq!(status.killed_by(), signal(libc::WTERMSIG(raw)), "{raw:#x}");
                assert_eq!(i32::from(status.exit_status()), 128 + libc::WTERMSIG(raw));
            } else {
                let stopped_by = libc::WIFSTOPPED(raw).then_some(libc::WSTOPSIG(raw));
                assert_eq!(status.stopped_by(), stopped_by.and_then(signal), "{raw:#x}");
            }
        }
    }
}
