//! System calls and clone(2) for 64-bit POWER, little endian (ELFv2), for which the `syscalls` crate needs an
//! unstable compiler. Its assembly is stable since Rust 1.95.
//!
//! # Safety
//! The child uses the stack below the parent's stack pointer and below the red zone, which nothing else uses:
//! the parent sleeps in the kernel until the child has executed a program or ended (`CLONE_VFORK`), and all
//! signals are blocked.
#![expect(unsafe_code, reason = "system calls and a second return need assembly")]

use super::calls::Sysno;
use core::arch::asm;
use core::ffi::c_void;

/// Makes a system call. Returns what the kernel returns elsewhere: an error as a negative number, which
/// here is a positive one with the summary overflow bit set.
///
/// # Safety
/// The arguments are what the call with this number takes.
#[inline(never)]
pub(super) unsafe fn system_call(number: usize, arguments: [usize; 6]) -> usize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let result;
    // SAFETY: the kernel changes no register but those named here; the rest is the caller's to know.
    unsafe {
        asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            inlateout("r0") number => _,
            inlateout("r3") first => result,
            inlateout("r4") second => _,
            inlateout("r5") third => _,
            inlateout("r6") fourth => _,
            inlateout("r7") fifth => _,
            inlateout("r8") sixth => _,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
            lateout("r12") _,
            lateout("cr0") _,
            lateout("ctr") _,
            lateout("xer") _,
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
    // SAFETY: the child leaves through `child`, which finds its own address in r12, on an aligned stack with
    // the room for its link, below everything the parent uses: the red zone of 288 bytes included; the
    // kernel changes no register of the parent but those named here.
    unsafe {
        asm!(
            "addi 4, 1, -384",
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "b 3f",
            "2:",
            "cmpdi 3, 0",
            "bne 3f",
            "mr 3, {argument}",
            "mr 12, {child}",
            "mtctr 12",
            "bctrl",
            "trap",
            "3:",
            child = in(reg) child,
            argument = in(reg) argument,
            inout("r0") Sysno::clone.id() => _,
            inout("r3") flags => result,
            out("r4") _,
            inout("r5") 0_usize => _,
            inout("r6") 0_usize => _,
            inout("r7") 0_usize => _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("cr0") _,
            out("ctr") _,
            out("lr") _,
            out("xer") _,
        );
    }
    result
}
