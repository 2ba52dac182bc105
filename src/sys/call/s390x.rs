//! System calls and clone(2) for s390x, for which the `syscalls` crate needs an unstable compiler.
//!
//! # Safety
//! The child uses the stack below the parent's stack pointer, which nothing else uses: the parent
//! sleeps in the kernel until the child has executed a program or ended (`CLONE_VFORK`), all signals
//! are blocked, and without `nostack` the compiler keeps nothing below the pointer.
#![expect(unsafe_code, reason = "system calls and a second return need assembly")]

use super::calls::Sysno;
use core::arch::asm;
use core::ffi::c_void;

/// Makes a system call. Returns what the kernel returns.
///
/// # Safety
/// The arguments are what the call with this number takes.
#[inline(never)]
pub(super) unsafe fn system_call(number: usize, arguments: [usize; 6]) -> usize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let result;
    // SAFETY: the kernel changes no register but r2; the rest is the caller's to know.
    unsafe {
        asm!(
            "svc 0",
            in("r1") number,
            inlateout("r2") first => result,
            in("r3") second,
            in("r4") third,
            in("r5") fourth,
            in("r6") fifth,
            in("r7") sixth,
            options(nostack),
        );
    }
    result
}

/// Clones; the child calls `child` with `argument`. Returns what the kernel returns to the parent.
///
/// # Safety
/// `flags` hold `CLONE_VM | CLONE_VFORK`, and `child` may use `argument`.
pub(super) unsafe fn clone_vfork(
    flags: usize,
    child: extern "C" fn(*mut c_void) -> !,
    argument: *mut c_void,
) -> usize {
    let result;
    // SAFETY: the child leaves through `child`, on an aligned stack below everything the parent uses and
    // with the room that it may save registers in; the kernel changes no register of the parent but r2.
    // Here alone the stack comes before the flags.
    unsafe {
        asm!(
            "lay %r2, -160(%r15)",
            "svc 0",
            "ltgr %r2, %r2",
            "jnz 2f",
            "lgr %r2, {argument}",
            "basr %r14, {child}",
            "j .+2",
            "2:",
            child = in(reg_addr) child,
            argument = in(reg) argument,
            in("r1") Sysno::clone.id(),
            out("r2") result,
            in("r3") flags,
            in("r4") 0,
            in("r5") 0,
            in("r6") 0,
            out("r14") _,
        );
    }
    result
}
