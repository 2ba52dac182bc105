//! Parsers of the kernel's text files. Pure: bytes in, values out.

/// What a process does about a signal, as far as `/proc/PID/stat` tells (contract 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// The signal was not sent to it.
    NeverGot,
    /// It ignores it.
    Ignores,
    /// It has a handler for it.
    Catches,
    /// It blocks it.
    Blocks,
    /// None of these: it has not acted on it yet, because it is stopped or in an uninterruptible sleep.
    HasNotActedOn,
}
