//! What wait4(2) says of a child.

use super::signal::Signal;

/// A decoded wait status, wait(2), *WIFEXITED* and its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// The child called exit with this status.
    Exited(u8),
    /// The signal with this number killed the child, with or without a core dump.
    Killed(u8),
    /// This signal stopped the child, which is not dead.
    Stopped(Signal),
    /// None of these: a continued child, or a status that no kernel is known to give.
    Other,
}

impl WaitStatus {
    /// Decodes a raw status as Linux encodes it: the low seven bits are zero for an exit, 0x7f
    /// for a stop and else the signal that killed; exit status and stop signal are the second byte.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        let [low, second, ..] = raw.to_le_bytes();
        match low & 0x7f {
            0 => Self::Exited(second),
            0x7f => match Signal::new(second) {
                Some(signal) if low == 0x7f => Self::Stopped(signal),
                Some(_) | None => Self::Other,
            },
            signal => Self::Killed(signal),
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
            let expected = if libc::WIFEXITED(raw) {
                WaitStatus::Exited(u8::try_from(libc::WEXITSTATUS(raw)).unwrap())
            } else if libc::WIFSIGNALED(raw) {
                WaitStatus::Killed(u8::try_from(libc::WTERMSIG(raw)).unwrap())
            } else if let (true, Some(signal)) = (
                libc::WIFSTOPPED(raw),
                Signal::new(u8::try_from(libc::WSTOPSIG(raw)).unwrap()),
            ) {
                WaitStatus::Stopped(signal)
            } else {
                WaitStatus::Other
            };
            assert_eq!(WaitStatus::from_raw(raw), expected, "{raw:#x}");
        }
    }
}
