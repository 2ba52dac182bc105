//! clone(2) for x86-64.
//!
//! # Safety
//! The child uses the stack below the parent's stack pointer, which nothing else uses: the parent
//! sleeps in the kernel until the child has executed a program or ended (`CLONE_VFORK`), all signals
//! are blocked, and without `nostack` the compiler keeps nothing below the pointer.
#![expect(unsafe_code, reason = "a second return needs assembly")]

use super::register;
use core::arch::asm;
use core::ffi::c_void;
use syscalls::Sysno;

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
    // SAFETY: the child leaves through `child`, which never returns, on the stack of the parent, which is aligned
    // for a call here, below everything the parent uses; the parent finds its registers as the kernel leaves them,
    // rcx and r11 changed. The other arguments have no meaning without flags of their own.
    unsafe {
        asm!(
            "syscall",
            "test eax, eax",
            "jnz 2f",
            "mov rdi, {argument}",
            "call {child}",
            "2:",
            child = in(reg) child,
            argument = in(reg) argument,
            inlateout("rax") register(Sysno::clone.id()) => result,
            in("rdi") flags,
            in("rsi") 0,
            out("rcx") _,
            out("r11") _,
        );
    }
    result
}
