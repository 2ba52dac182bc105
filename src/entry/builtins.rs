//! The memory functions that compilers call: they are usually a C library's, and there is none here.
//! Left undefined, they would be taken from the host's library and crash at run time.
//!
//! # Safety
//! Callers keep the contract of the C standard: the ranges exist, and memcpy's do not overlap. The
//! empty assembly keeps the compiler from recognizing a loop and replacing it by a call to itself.
#![expect(unsafe_code, reason = "these functions take raw pointers by contract")]

use core::arch::asm;

/// Stops the compiler from seeing through a loop.
#[inline]
fn barrier() {
    // SAFETY: no instruction at all.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Copies `count` bytes, the lowest first: between ranges that overlap, too, where `to` is the lower one.
#[cfg(target_arch = "x86_64")]
unsafe fn copy_upwards(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller has `count` bytes at both; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

/// Copies `count` bytes, the lowest first: between ranges that overlap, too, where `to` is the lower one.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy_upwards(to: *mut u8, from: *const u8, count: usize) {
    for index in 0..count {
        barrier();
        // SAFETY: the caller has `count` bytes at `from`.
        let byte = unsafe { from.wrapping_add(index).read() };
        // SAFETY: the caller has `count` bytes at `to`.
        unsafe { to.wrapping_add(index).write(byte) };
    }
}

/// Copies `count` bytes between ranges that do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller has `count` bytes at both.
    unsafe { copy_upwards(to, from, count) };
    to
}

/// Copies `count` bytes between ranges that may overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr() < from.addr() {
        // SAFETY: the caller has `count` bytes at both; upwards, each is read before anything is written there.
        unsafe { copy_upwards(to, from, count) };
        return to;
    }
    for index in (0..count).rev() {
        barrier();
        // SAFETY: the caller has `count` bytes at `from`.
        let byte = unsafe { from.wrapping_add(index).read() };
        // SAFETY: the caller has `count` bytes at `to`.
        unsafe { to.wrapping_add(index).write(byte) };
    }
    to
}

/// Sets `count` bytes to the low byte of `value`.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller has `count` bytes at `to`; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("eax") value,
            options(nostack, preserves_flags));
    }
    to
}

/// Sets `count` bytes to the low byte of `value`.
#[cfg(not(target_arch = "x86_64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, count: usize) -> *mut u8 {
    let [byte, ..] = value.to_le_bytes();
    for index in 0..count {
        barrier();
        // SAFETY: the caller has `count` bytes at `to`.
        unsafe { to.wrapping_add(index).write(byte) };
    }
    to
}

/// Compares `count` bytes: zero if they are equal, else the sign of the first difference.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for index in 0..count {
        barrier();
        // SAFETY: the caller has `count` bytes at `left`.
        let left = unsafe { left.wrapping_add(index).read() };
        // SAFETY: the caller has `count` bytes at `right`.
        let right = unsafe { right.wrapping_add(index).read() };
        if left != right {
            return i32::from(left).wrapping_sub(i32::from(right));
        }
    }
    0
}

/// Compares `count` bytes: zero if they are equal.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the contract of memcmp is this one's.
    unsafe { memcmp(left, right, count) }
}

/// The number of bytes before the null byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut length = 0_usize;
    // SAFETY: the null byte was not yet met, so this byte is of the string.
    while unsafe { string.wrapping_add(length).read() } != 0 {
        barrier();
        length = length.wrapping_add(1);
    }
    length
}
