//! Stands in for the `syscalls` crate on the architectures for which that needs an unstable compiler: the
//! numbers of the system calls that are made here, and the macro that makes one.

/// The number of a system call.
#[derive(Clone, Copy)]
pub(in crate::sys) struct Sysno(libc::c_long);

impl Sysno {
    /// The number in a register.
    pub(in crate::sys) fn id(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

macro_rules! numbers {
    ($($name:ident = $number:ident,)*) => {
        #[expect(non_upper_case_globals, reason = "the kernel's names, as the crate has them")]
        impl Sysno {
            $(pub(in crate::sys) const $name: Self = Self(libc::$number);)*
        }
    };
}

numbers! {
    chdir = SYS_chdir,
    clock_gettime = SYS_clock_gettime,
    clone = SYS_clone,
    close = SYS_close,
    close_range = SYS_close_range,
    execve = SYS_execve,
    exit_group = SYS_exit_group,
    faccessat = SYS_faccessat,
    fcntl = SYS_fcntl,
    fstatfs = SYS_fstatfs,
    getdents64 = SYS_getdents64,
    getpgid = SYS_getpgid,
    getpid = SYS_getpid,
    getppid = SYS_getppid,
    getsid = SYS_getsid,
    ioctl = SYS_ioctl,
    kill = SYS_kill,
    mmap = SYS_mmap,
    munmap = SYS_munmap,
    openat = SYS_openat,
    pidfd_send_signal = SYS_pidfd_send_signal,
    ppoll = SYS_ppoll,
    prctl = SYS_prctl,
    prlimit64 = SYS_prlimit64,
    pwritev2 = SYS_pwritev2,
    read = SYS_read,
    rt_sigaction = SYS_rt_sigaction,
    rt_sigprocmask = SYS_rt_sigprocmask,
    rt_sigqueueinfo = SYS_rt_sigqueueinfo,
    rt_sigtimedwait = SYS_rt_sigtimedwait,
    sendto = SYS_sendto,
    setpgid = SYS_setpgid,
    setsid = SYS_setsid,
    statx = SYS_statx,
    wait4 = SYS_wait4,
    write = SYS_write,
}

/// Makes a system call with up to six arguments.
macro_rules! syscall {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        crate::sys::call::system_call(
            $number.id(),
            crate::sys::call::padded([$($argument as usize),*]),
        )
    };
}
pub(in crate::sys) use syscall;

/// The arguments in the six registers.
pub(in crate::sys) fn padded<const N: usize>(arguments: [usize; N]) -> [usize; 6] {
    let mut all = [0; 6];
    for (place, argument) in all.iter_mut().zip(arguments) {
        *place = argument;
    }
    all
}
