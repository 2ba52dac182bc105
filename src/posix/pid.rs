//! Process ids.

/// A process id, or the id of the process group that this process leads. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(i32);

impl Pid {
    /// The first process of a PID namespace, see `pid_namespaces(7)`.
    pub const INIT: Self = Self(1);

    /// Takes a number as the kernel gives it; `None` unless it is positive, because zero and
    /// negative numbers mean something else to kill(2) and wait4(2).
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// The number as the kernel takes it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}
