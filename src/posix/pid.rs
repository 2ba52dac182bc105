//! Process ids.

use core::num::NonZero;

/// A process id, or the id of the process group that this process leads. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(NonZero<i32>);

impl Pid {
    /// The first process of a PID namespace, see `pid_namespaces(7)`.
    pub const INIT: Self = match Self::new(1) {
        Some(first) => first,
        None => Self::NOBODY,
    };

    /// No process: the kernel's ids are far below, `PID_MAX_LIMIT`, `include/linux/threads.h`.
    pub const NOBODY: Self = Self(NonZero::<i32>::MAX);

    /// Takes a number as the kernel gives it; `None` unless it is positive, because zero and
    /// negative numbers mean something else to kill(2) and wait4(2).
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        match NonZero::new(number) {
            Some(number) if number.is_positive() => Some(Self(number)),
            Some(_) | None => None,
        }
    }

    /// The number as the kernel takes it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.get()
    }
}
