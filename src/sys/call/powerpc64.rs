//! System calls for 64-bit POWER, little endian (ELFv2), for which the `syscalls` crate needs an unstable compiler. Its
//! assembly is stable since Rust 1.95.
//!
//! # Safety
//! The kernel changes no registers but those named here, and memory as the call says: without `nomem` the compiler
//! expects that.
#![expect(unsafe_code, reason = "a system call needs assembly")]

use core::arch::asm;

/// Makes a system call. Returns what the kernel returns elsewhere: an error as a negative number, which
/// here is a positive one with the summary overflow bit set.
///
/// # Safety
/// The arguments are what the call with this number takes.
pub(in crate::sys) unsafe fn system_call(number: usize, arguments: [usize; 6]) -> usize {
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
