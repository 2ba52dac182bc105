//! Makes system calls: registers, the sign of an error, and the calls that take nothing but numbers.
//!
//! # Safety
//! The function that makes a call knows what it does to memory. Calls that take numbers alone are listed
//! here as [`NumbersOnly`]: none of them reads, writes, maps or unmaps memory of this process.
#![expect(unsafe_code, reason = "this is the kernel's door")]

#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    all(target_arch = "arm", target_endian = "little"),
    all(target_arch = "powerpc64", target_endian = "little"),
    target_arch = "aarch64",
    target_arch = "loongarch64",
    target_arch = "riscv64",
    target_arch = "s390x",
    target_arch = "x86",
)))]
compile_error!(
    "known are x86_64, x86, aarch64, loongarch64, riscv64, s390x, and little-endian arm and powerpc64"
);

// The two for which the `syscalls` crate needs an unstable compiler.
#[cfg(any(target_arch = "s390x", target_arch = "powerpc64"))]
mod numbers;
#[cfg(any(target_arch = "s390x", target_arch = "powerpc64"))]
#[cfg_attr(target_arch = "s390x", path = "call/s390x.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "call/powerpc64.rs")]
mod stub;

#[cfg(not(any(target_arch = "s390x", target_arch = "powerpc64")))]
pub(super) use syscalls::{Sysno, raw_syscall as syscall};
#[cfg(any(target_arch = "s390x", target_arch = "powerpc64"))]
pub(super) use {
    numbers::{Sysno, padded, syscall},
    stub::system_call,
};

use super::Result;
use crate::posix::errno::Errno;

/// A system call that takes `N` numbers and touches no memory of this process. The registers after the `N` are zero,
/// which is the null pointer too.
#[derive(Clone, Copy)]
pub(super) struct NumbersOnly<const N: usize>(Sysno);

/// close(2).
pub(super) const CLOSE: NumbersOnly<1> = NumbersOnly(Sysno::close);
/// `close_range(2)`: the first and the last descriptor.
pub(super) const CLOSE_RANGE: NumbersOnly<2> = NumbersOnly(Sysno::close_range);
/// `exit_group(2)`.
pub(super) const EXIT_GROUP: NumbersOnly<1> = NumbersOnly(Sysno::exit_group);
/// fcntl(2): the descriptor and the command.
pub(super) const FCNTL: NumbersOnly<2> = NumbersOnly(Sysno::fcntl);
/// getpgid(2).
pub(super) const GETPGID: NumbersOnly<1> = NumbersOnly(Sysno::getpgid);
/// getpid(2).
pub(super) const GETPID: NumbersOnly<0> = NumbersOnly(Sysno::getpid);
/// getppid(2).
pub(super) const GETPPID: NumbersOnly<0> = NumbersOnly(Sysno::getppid);
/// getsid(2).
pub(super) const GETSID: NumbersOnly<1> = NumbersOnly(Sysno::getsid);
/// kill(2).
pub(super) const KILL: NumbersOnly<2> = NumbersOnly(Sysno::kill);
/// `pidfd_send_signal(2)`: the descriptor and the signal, without a `siginfo_t` and without flags.
pub(super) const PIDFD_SEND_SIGNAL: NumbersOnly<2> = NumbersOnly(Sysno::pidfd_send_signal);
/// setpgid(2).
pub(super) const SETPGID: NumbersOnly<2> = NumbersOnly(Sysno::setpgid);
/// setsid(2).
pub(super) const SETSID: NumbersOnly<0> = NumbersOnly(Sysno::setsid);

/// Makes a call that takes numbers alone, and returns what it returns.
pub(super) fn numbers<const N: usize>(call: NumbersOnly<N>, arguments: [usize; N]) -> usize {
    let (first, second) = match *arguments.as_slice() {
        [] => (0, 0),
        [first] => (first, 0),
        [first, second, ..] => (first, second),
    };
    // SAFETY: a call of this type reads and writes no memory.
    unsafe { syscall!(call.0, first, second, 0, 0, 0) }
}

/// What a call returned: a number or an error.
pub(super) fn result(returned: usize) -> Result<usize> {
    success(returned)?;
    Ok(returned)
}

/// The result of a call whose number says nothing: the last 4095 numbers are errors, `include/linux/err.h`. An error
/// alone fits a register, while a number or an error is returned in memory, which costs each caller 20 bytes more.
#[inline(never)]
pub(super) fn success(returned: usize) -> Result<()> {
    match i32::try_from(returned.wrapping_neg()).map(Errno::new) {
        Ok(Some(errno)) => Err(errno),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// The kernel's `int` in a register.
pub(super) fn to_int(value: usize) -> i32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the kernel returns int in the low half of a register"
    )]
    let int = value as i32;
    int
}

/// An `int` as the kernel expects it in a register.
pub(super) fn register(int: i32) -> usize {
    #[expect(
        clippy::as_conversions,
        reason = "sign extension is what the kernel's calls expect"
    )]
    let word = int as isize;
    word.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_4095_numbers_are_errors() {
        assert_eq!(result(0), Ok(0));
        assert_eq!(result(1), Ok(1));
        assert_eq!(result(register(-1)), Err(Errno::EPERM));
        assert_eq!(result(register(-4095)).err(), Errno::new(4095));
        assert_eq!(result(register(-4096)), Ok(register(-4096)));
        assert_eq!(result(register(i32::MIN)), Ok(register(i32::MIN)));
    }
}
