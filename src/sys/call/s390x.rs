//! System calls for s390x, for which the `syscalls` crate needs an unstable compiler.
//!
//! # Safety
//! The kernel changes the result's register alone, and memory as the call says: without `nomem` the compiler expects
//! that.
#![expect(unsafe_code, reason = "a system call needs assembly")]

use core::arch::asm;

/// Makes a system call. Returns what the kernel returns.
///
/// # Safety
/// The arguments are what the call with this number takes.
pub(in crate::sys) unsafe fn system_call(number: usize, arguments: [usize; 6]) -> usize {
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
