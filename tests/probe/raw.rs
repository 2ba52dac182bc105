//! System calls about signals by number: C libraries keep 32 and 33 to themselves and nix knows 1 to 31,
//! but the kernel has 64, and an init has to forward them all.
//!
//! # Safety
//! Every call here hands the kernel numbers and pointers to locals that outlive the call. None installs
//! a handler, so no code runs in signal context. The only fork is of a process with one thread.

#![expect(unsafe_code, reason = "no safe library offers signals above 31")]

use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::null_mut;

/// What a signal does when it is delivered.
#[derive(Clone, Copy)]
pub(crate) enum Disposition {
    /// What signal(7) lists.
    Default,
    /// Nothing.
    Ignore,
}

/// `struct sigaction` as the kernel has it on x86-64 and `AArch64`.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: libc::c_ulong,
    restorer: usize,
    mask: u64,
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Closes all descriptors from this number on, `close_range(2)`.
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: the kernel is handed numbers. Nothing in this process owns a descriptor that it did not open itself, and
    // the caller has opened none.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    check(result).map(drop)
}

/// Sets the signal mask: bit n - 1 stands for signal n.
pub(crate) fn set_signal_mask(mask: u64) -> io::Result<()> {
    // SAFETY: the kernel reads eight bytes of `mask`, which lives until the call is over.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            null_mut::<u64>(),
            size_of::<u64>(),
        )
    };
    check(result).map(drop)
}

/// Sets what a signal does.
pub(crate) fn set_disposition(signal: i32, disposition: Disposition) -> io::Result<()> {
    let action = KernelSigaction {
        handler: match disposition {
            Disposition::Default => libc::SIG_DFL,
            Disposition::Ignore => libc::SIG_IGN,
        },
        flags: 0,
        restorer: 0,
        mask: 0,
    };
    // SAFETY: the kernel reads `action`, which lives until the call is over and names no handler.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &raw const action,
            null_mut::<KernelSigaction>(),
            size_of::<u64>(),
        )
    };
    check(result).map(drop)
}

/// kill(2) with any number.
pub(crate) fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: two numbers and no memory.
    let result = unsafe { libc::syscall(libc::SYS_kill, target, signal) };
    check(result).map(drop)
}

/// sigqueue(3) with any number.
pub(crate) fn queue(target: i32, signal: i32, value: usize) -> io::Result<()> {
    let value = libc::sigval {
        sival_ptr: std::ptr::without_provenance_mut(value),
    };
    // SAFETY: the value is a number that nobody takes for an address.
    let result = unsafe { libc::sigqueue(target, signal, value) };
    check(result.into()).map(drop)
}

/// signalfd(2) for the signals of the mask.
pub(crate) fn signal_descriptor(mask: u64) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads eight bytes of `mask`, which lives until the call is over.
    let result = unsafe {
        libc::syscall(
            libc::SYS_signalfd4,
            -1,
            &raw const mask,
            size_of::<u64>(),
            libc::SFD_CLOEXEC,
        )
    };
    let descriptor = i32::try_from(check(result)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Forks a process that does `work` and exits with the status it returns.
pub(crate) fn fork(work: impl FnOnce() -> i32) -> io::Result<i32> {
    // SAFETY: this process has one thread, so the child may do what its parent may.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = work();
        // SAFETY: ends the process at once, without anything of the parent's.
        unsafe { libc::_exit(status) };
    }
    let _ = check(child.into())?;
    Ok(child)
}

/// Forks, and ends the parent at once.
pub(crate) fn go_on_as_child() -> io::Result<()> {
    // SAFETY: this process has one thread, so the child may do what its parent may.
    let child = unsafe { libc::fork() };
    if check(child.into())? != 0 {
        // SAFETY: ends the process at once, without anything that the child needs.
        unsafe { libc::_exit(0) };
    }
    Ok(())
}

/// The beginning of `struct clone_args`, clone(2), up to `set_tid_size`.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
}

/// Forks a process with this number as soon as no other has it; it does `work` and exits with the status it returns.
pub(crate) fn fork_as(pid: i32, work: impl FnOnce() -> i32) -> io::Result<i32> {
    let wanted = &raw const pid;
    let arguments = CloneArguments {
        exit_signal: libc::SIGCHLD as u64,
        set_tid: wanted.expose_provenance() as u64,
        set_tid_size: 1,
        ..CloneArguments::default()
    };
    loop {
        // SAFETY: the kernel reads both structures, which live until the call is over; without a stack of its own and
        // without CLONE_VM the child is a copy, as after fork(2), of a process with one thread.
        let child = unsafe {
            libc::syscall(
                libc::SYS_clone3,
                &raw const arguments,
                size_of::<CloneArguments>(),
            )
        };
        match check(child) {
            Ok(0) => {
                let status = work();
                // SAFETY: ends the process at once, without anything of the parent's.
                unsafe { libc::_exit(status) };
            }
            Ok(_) => return Ok(pid),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Has the kernel refuse system calls to this process and to all that it starts, by a filter of seccomp(2): each of
/// these numbers with its error. The filter has to let through what is called from now on.
pub(crate) fn refuse(calls: &[(u32, u16)]) -> io::Result<()> {
    let short = |number: u32| u16::try_from(number).map_err(io::Error::other);
    let statement = |code: u32, operand: u32| {
        Ok::<_, io::Error>(libc::sock_filter {
            code: short(code)?,
            jt: 0,
            jf: 0,
            k: operand,
        })
    };
    // The number is the first field of `struct seccomp_data`.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)?];
    for (call, error) in calls {
        filter.push(libc::sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call)?
        });
        let refusal = libc::SECCOMP_RET_ERRNO | u32::from(*error);
        filter.push(statement(libc::BPF_RET | libc::BPF_K, refusal)?);
    }
    let allow = libc::SECCOMP_RET_ALLOW;
    filter.push(statement(libc::BPF_RET | libc::BPF_K, allow)?);
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the filter, which lives until the call is over.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    check(result.into()).map(drop)
}

/// Has nobody but the superuser open the terminal anew, `ioctl_tty(2)`.
pub(crate) fn make_exclusive(terminal: i32) -> io::Result<()> {
    // SAFETY: the call takes no argument.
    let result = unsafe { libc::ioctl(terminal, libc::TIOCEXCL) };
    check(result.into()).map(drop)
}

/// Ends the calling thread and no other, as `pthread_exit(3)` does in `main`.
pub(crate) fn exit_thread() -> ! {
    // SAFETY: the thread's stack stays mapped, and nothing on it is borrowed by another thread.
    let _ = unsafe { libc::syscall(libc::SYS_exit, 0) };
    std::process::abort();
}

/// Has SIGIO sent to a process whenever the open file lets something be done, fcntl(2).
pub(crate) fn make_asynchronous(descriptor: i32, owner: i32) -> io::Result<()> {
    // SAFETY: numbers and no memory.
    let result = unsafe { libc::fcntl(descriptor, libc::F_SETOWN, owner) };
    let _ = check(result.into())?;
    // SAFETY: numbers and no memory.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
    let _ = check(flags.into())?;
    // SAFETY: numbers and no memory.
    let set = unsafe { libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_ASYNC) };
    check(set.into()).map(drop)
}

/// splice(2) of up to 4,096 bytes.
pub(crate) fn splice(from: i32, to: i32) -> io::Result<()> {
    // SAFETY: without offsets the kernel touches no memory of this process.
    let moved = unsafe { libc::splice(from, null_mut(), to, null_mut(), 4096, 0) };
    check(moved as libc::c_long).map(drop)
}

/// Holds up whoever executes the file, until the descriptor is closed, fanotify(7).
pub(crate) fn hold_execution(file: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: numbers and no memory.
    let group = unsafe { libc::fanotify_init(libc::FAN_CLASS_CONTENT | libc::FAN_CLOEXEC, 0) };
    let _ = check(group.into())?;
    // SAFETY: the kernel has just opened this descriptor, and nobody else knows of it.
    let group = unsafe { OwnedFd::from_raw_fd(group) };
    // SAFETY: the kernel reads the path, which lives until the call is over.
    let marked = unsafe {
        libc::fanotify_mark(
            group.as_raw_fd(),
            libc::FAN_MARK_ADD,
            libc::FAN_OPEN_EXEC_PERM,
            libc::AT_FDCWD,
            file.as_ptr(),
        )
    };
    let _ = check(marked.into())?;
    Ok(group)
}

/// Leaves behind a process without a parent that exits at once.
pub(crate) fn make_orphan() -> io::Result<()> {
    let child = fork(|| i32::from(fork(|| 0).is_err()))?;
    let mut status = 0;
    // SAFETY: the kernel writes to `status`, which lives until the call is over.
    let reaped = unsafe { libc::waitpid(child, &raw mut status, 0) };
    let _ = check(reaped.into())?;
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::other("no grandchild"))
    }
}

/// Sets this process's nice value.
pub(crate) fn set_nice(value: i32) -> io::Result<()> {
    // SAFETY: numbers and no memory.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) };
    check(result.into()).map(drop)
}
