//! Where the kernel enters the program: the initial stack becomes a value, and `init` runs.
//!
//! # Safety
//! `_start` assumes what the kernel promises of a new process (execve(2); the System V ABI,
//! *Process Initialization*): the stack pointer is aligned and points to the argument count, which the
//! argument vector follows, which the environment follows, each with a null pointer at its end.
#![expect(unsafe_code, reason = "the kernel passes pointers")]

mod builtins;

use core::arch::naked_asm;
use core::ptr::NonNull;
use pidling::sys::{arguments, process};

/// The program's first instructions.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    // The kernel has aligned the stack for a call, and nothing returns or unwinds past here.
    #[cfg(target_arch = "x86_64")]
    naked_asm!("mov rdi, rsp", "call {start}", start = sym start);
    #[cfg(target_arch = "aarch64")]
    naked_asm!("mov x29, xzr", "mov x30, xzr", "mov x0, sp", "b {start}", start = sym start);
    #[cfg(target_arch = "x86")]
    naked_asm!("xor ebp, ebp", "mov eax, esp", "and esp, -16", "sub esp, 12", "push eax", "call {start}",
        "ud2", start = sym start);
    #[cfg(target_arch = "arm")]
    naked_asm!("mov r11, #0", "mov lr, #0", "mov r0, sp", "bic sp, sp, #7", "b {start}", start = sym start);
    #[cfg(target_arch = "riscv64")]
    naked_asm!("li s0, 0", "li ra, 0", "mv a0, sp", "andi sp, sp, -16", "tail {start}", start = sym start);
    #[cfg(target_arch = "loongarch64")]
    naked_asm!("move $fp, $zero", "move $ra, $zero", "move $a0, $sp", "bstrins.d $sp, $zero, 3, 0", "b {start}",
        start = sym start);
    #[cfg(target_arch = "s390x")]
    naked_asm!("lgr %r2, %r15", "aghi %r15, -160", "xc 0(8, %r15), 0(%r15)", "jg {start}", start = sym start);
    // Functions find their constants through r2, and a frame starts with the address of the one above.
    #[cfg(target_arch = "powerpc64")]
    naked_asm!("bcl 20, 31, 2f", "2: mflr 12", "addis 2, 12, .TOC.-2b@ha", "addi 2, 2, .TOC.-2b@l", "mr 3, 1",
        "clrrdi 1, 1, 4", "li 0, 0", "mtlr 0", "stdu 0, -32(1)", "bl {start}", "nop", "trap", start = sym start);
}

/// Runs the init with what is on the initial stack.
extern "C" fn start(stack: NonNull<usize>) -> ! {
    // SAFETY: the stack pointer was there, and nobody else uses what the kernel laid on the stack.
    let (arguments, environment) = unsafe { arguments::from_stack(stack) };
    process::exit(pidling::init::run(arguments, environment))
}

#[cfg(not(debug_assertions))]
unsafe extern "C" {
    /// Is defined nowhere.
    pub(crate) safe fn release_build_contains_a_panic_path() -> !;
}

/// Debug builds of the core library refer to this symbol, which only unwinding would use.
#[cfg(debug_assertions)]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
