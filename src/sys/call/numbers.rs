//! Stands in for the `syscalls` crate on the architectures for which that needs an unstable compiler: the
//! numbers of the system calls that are made here, and the macro that makes one.

/// The number of a system call.
pub(super) struct Sysno(libc::c_long);

impl Sysno {
    /// The number in a register.
    pub(super) fn id(&self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

macro_rules! numbers {
    ($($name:ident = $number:ident,)*) => {
        #[expect(non_upper_case_globals, reason = "the kernel's names, as the crate has them")]
        impl Sysno {
            $(pub(super) const $name: Self = Self(libc::$number);)*
        }
    };
}

numbers! {
    clock_gettime = SYS_clock_gettime,
    clone = SYS_clone,
    close = SYS_close,
    execve = SYS_execve,
    exit_group = SYS_exit_group,
    getdents64 = SYS_getdents64,
    getpgid = SYS_getpgid,
    getpid = SYS_getpid,
    getppid = SYS_getppid,
    getsid = SYS_getsid,
    ioctl = SYS_ioctl,
    kill = SYS_kill,
    openat = SYS_openat,
    ppoll = SYS_ppoll,
    prctl = SYS_prctl,
    pwritev2 = SYS_pwritev2,
    read = SYS_read,
    rt_sigaction = SYS_rt_sigaction,
    rt_sigprocmask = SYS_rt_sigprocmask,
    rt_sigqueueinfo = SYS_rt_sigqueueinfo,
    rt_sigtimedwait = SYS_rt_sigtimedwait,
    setpgid = SYS_setpgid,
    setsid = SYS_setsid,
    wait4 = SYS_wait4,
    write = SYS_write,
}

/// The arguments in the six registers.
pub(super) fn padded<const N: usize>(arguments: [usize; N]) -> [usize; 6] {
    let mut all = [0; 6];
    for (place, argument) in all.iter_mut().zip(arguments) {
        *place = argument;
    }
    all
}

/// Makes a system call with up to six arguments.
macro_rules! syscall {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        crate::sys::arch::system_call(
            $number.id(),
            crate::sys::calls::padded([$($argument as usize),*]),
        )
    };
}
pub(super) use syscall;
