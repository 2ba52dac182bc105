//! clone(2) for 32-bit x86.
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
    // SAFETY: the child leaves through `child`, on an aligned stack below everything the parent uses;
    // the kernel changes no register of the parent but eax. The arguments in esi and edi have no meaning
    // without flags of their own.
    unsafe {
        asm!(
            "mov ecx, esp",
            "and ecx, -16",
            "int 0x80",
            "test eax, eax",
            "jnz 2f",
            "sub esp, 12",
            "push {argument}",
            "call {child}",
            "ud2",
            "2:",
            child = in(reg) child,
            argument = in(reg) argument,
            inlateout("eax") register(Sysno::clone.id()) => result,
            in("ebx") flags,
            out("ecx") _,
        );
    }
    result
}
