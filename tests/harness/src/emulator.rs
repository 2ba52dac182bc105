//! What an emulator of another processor cannot carry: `.ci/cross` runs the tests under qemu-user, and says so with
//! the variable EMULATED.

use crate::requirements::say_skipped;

/// A limit of qemu-user 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It refuses `PR_SET_CHILD_SUBREAPER`: an init that is not PID 1 adopts nobody, and says so.
    ChildSubreaper,
    /// A thread of its own takes process id 2, which the test expects the main child to have.
    ProcessIds,
    /// It starts a thread, which a process cannot whose children belong to another PID namespace.
    Threads,
    /// It gives real-time signals other numbers, takes SIGSEGV and the like for faults of its own, and catches all
    /// others, which are lost on a child that hangs before its program runs.
    Signals,
    /// What is measured or traced is the emulator: its system calls, memory, threads, descriptors, order of variables.
    Measures,
    /// It takes long between two calls of the init, and somebody else is faster than it ever is on a processor.
    Speed,
    /// What stands on a terminal is told by names of processes, and these are the emulator's.
    Terminals,
}

impl Limit {
    /// What is said about a test that is skipped for it.
    const fn reason(self) -> &'static str {
        match self {
            Self::ChildSubreaper => "the emulator knows no child subreaper",
            Self::ProcessIds => "a thread of the emulator takes process id 2",
            Self::Threads => "the emulator cannot start its thread",
            Self::Signals => "the emulator keeps signals to itself",
            Self::Measures => "the emulator would be measured",
            Self::Speed => "the emulator takes long between two calls",
            Self::Terminals => "the emulator would have the terminal",
        }
    }
}

/// Whether the init runs under an emulator, which has this limit. Says why the test is skipped. It is the first line of
/// the test: `if emulator_lacks(Limit::ProcessIds) { return; }`.
pub fn emulator_lacks(limit: Limit) -> bool {
    let is_emulated = std::env::var_os("EMULATED").is_some();
    if is_emulated {
        say_skipped(limit.reason());
    }
    is_emulated
}

/// Whether the larger amounts are asked for, as `.ci/full` does with `TESTS=full`: every row and more random runs.
pub fn is_full() -> bool {
    std::env::var_os("TESTS").is_some_and(|amount| amount == "full")
}
