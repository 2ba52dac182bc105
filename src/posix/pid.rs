//! Process ids.

use core::num::NonZero;

/// A process id, or the id of the process group or session that this process leads. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZero<u32>);

impl Pid {
    /// The first process of a PID namespace, `pid_namespaces(7)`.
    pub const INIT: Self = Self(NonZero::<u32>::MIN);

    /// A number that no process has: far above `PID_MAX_LIMIT`, `include/linux/threads.h`.
    pub const NOBODY: Self = match Self::new(i32::MAX) {
        Some(nobody) => nobody,
        None => Self::INIT,
    };

    /// Takes a number as the kernel gives it; `None` unless it is positive, because zero and
    /// negative numbers mean something else to kill(2) and wait4(2).
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        if number < 0 {
            return None;
        }
        match NonZero::new(number.cast_unsigned()) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number as the kernel takes it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.get().cast_signed()
    }
}
