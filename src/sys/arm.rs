//! clone(2) for 32-bit Arm.
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
    // the kernel changes no register of the parent but r0.
    unsafe {
        asm!(
            "mov r1, sp",
            "svc 0",
            "cmp r0, #0",
            "bne 2f",
            "mov r0, {argument}",
            "blx {child}",
            "udf #0",
            "2:",
            child = in(reg) child,
            argument = in(reg) argument,
            in("r7") register(Sysno::clone.id()),
            inlateout("r0") flags => result,
            out("r1") _,
            in("r2") 0,
            in("r3") 0,
            in("r4") 0,
            out("lr") _,
        );
    }
    result
}
