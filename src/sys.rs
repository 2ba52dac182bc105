//! The kernel's door: one safe function for each system call, and nothing else.
//!
//! Errors change their sign here and nowhere else. Nothing but values crosses this line: no raw
//! pointer, no -1, no flag word that a caller would have to know.
//!
//! # Safety
//! Every system call below is told of memory only through references and slices that live until it
//! returns, and of lengths that are theirs. The two exceptions say so: [`spawn`], whose child
//! borrows this process's memory while this process sleeps, and [`Vectors`], whose pointers the
//! kernel itself laid on the initial stack, or which were replaced for an execve(2).
#![expect(unsafe_code, reason = "this is the kernel's door")]

#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    all(target_arch = "arm", target_endian = "little"),
    all(target_arch = "powerpc64", target_endian = "little"),
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "s390x",
    target_arch = "x86",
)))]
compile_error!(
    "known are x86_64, x86, aarch64, riscv64, s390x, and little-endian arm and powerpc64"
);

#[cfg_attr(target_arch = "x86_64", path = "sys/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "sys/aarch64.rs")]
#[cfg_attr(target_arch = "x86", path = "sys/x86.rs")]
#[cfg_attr(target_arch = "arm", path = "sys/arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "sys/riscv64.rs")]
#[cfg_attr(target_arch = "s390x", path = "sys/s390x.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "sys/powerpc64.rs")]
mod arch;

#[cfg(any(target_arch = "s390x", target_arch = "powerpc64"))]
mod calls;

use crate::posix::duration::{Instant, Milliseconds};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Sender, Signal, SignalSet};
#[cfg(any(target_arch = "s390x", target_arch = "powerpc64"))]
use calls::{Sysno, syscall};
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit, offset_of};
use core::ptr;
#[cfg(not(any(target_arch = "s390x", target_arch = "powerpc64")))]
use syscalls::{Sysno, raw_syscall as syscall};

/// What a system call returns.
pub type Result<T> = core::result::Result<T, Errno>;

/// The kernel's signal set is eight bytes long on every architecture but MIPS.
const SIGSET_SIZE: usize = size_of::<SignalSet>();

/// What a call returned. None of those here returns an address, so every negative number is an error.
fn taken(result: usize) -> Result<usize> {
    match Errno::new(to_int(result).min(0).wrapping_neg()) {
        Some(errno) => Err(errno),
        None => Ok(result),
    }
}

/// What a call came to that returns 0 where it does not fail.
fn done(result: usize) -> Result<()> {
    match Errno::new(to_int(result).wrapping_neg()) {
        Some(errno) => Err(errno),
        None => Ok(()),
    }
}

/// A string that ends with a null byte.
#[derive(Clone, Copy, Debug)]
pub struct Terminated<'a> {
    start: *const u8,
    string: PhantomData<&'a [u8]>,
}

impl<'a> Terminated<'a> {
    /// One that is known when the init is built.
    #[must_use]
    pub const fn known(string: &'static CStr) -> Self {
        Self {
            start: string.as_ptr().cast(),
            string: PhantomData,
        }
    }

    /// Bytes with a null byte at their end; the empty string where there is none, so that the kernel never reads
    /// past them.
    #[inline(never)]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut terminated = Self::known(c"");
        if let [.., 0] = bytes {
            terminated.start = bytes.as_ptr();
        }
        terminated
    }
}

/// The kernel's `int` in a register.
fn to_int(value: usize) -> i32 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the kernel returns int in the low half of a register"
    )]
    let int = value as i32;
    int
}

/// An `int` as the kernel expects it in a register.
fn register(int: i32) -> usize {
    #[expect(
        clippy::as_conversions,
        reason = "sign extension is what the kernel's calls expect"
    )]
    let word = int as isize;
    word.cast_unsigned()
}

// ---- Processes ----------------------------------------------------------------------------------

/// Ends this process with `status`: `exit_group(2)`.
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: exit_group takes one number and does not return.
        let _ = unsafe { syscall!(Sysno::exit_group, usize::from(status)) };
    }
}

/// This process: getpid(2).
#[must_use]
#[inline(never)]
pub fn getpid() -> Pid {
    // SAFETY: getpid takes nothing.
    let pid = unsafe { syscall!(Sysno::getpid) };
    Pid::new(to_int(pid)).unwrap_or(Pid::NOBODY)
}

/// The parent of this process, getppid(2); `None` where it is in another PID namespace.
#[must_use]
#[inline(never)]
pub fn getppid() -> Option<Pid> {
    // SAFETY: getppid takes nothing.
    let pid = unsafe { syscall!(Sysno::getppid) };
    Pid::new(to_int(pid))
}

/// The process group of this process, getpgid(2); `None` where its leader is in another PID namespace.
#[must_use]
pub fn getpgrp() -> Option<Pid> {
    // SAFETY: getpgid takes one number; 0 means the caller.
    let group = unsafe { syscall!(Sysno::getpgid, 0) };
    Pid::new(to_int(group))
}

/// The session of this process, getsid(2); `None` where its leader is in another PID namespace.
#[must_use]
pub fn getsid() -> Option<Pid> {
    // SAFETY: getsid takes one number; 0 means the caller.
    let session = unsafe { syscall!(Sysno::getsid, 0) };
    Pid::new(to_int(session))
}

/// Makes this process the leader of a new process group: setpgid(2).
///
/// # Errors
/// EPERM where it leads a session.
pub fn setpgid() -> Result<()> {
    // SAFETY: setpgid takes two numbers; 0 means the caller.
    done(unsafe { syscall!(Sysno::setpgid, 0, 0) })
}

/// Makes this process the leader of a new session without controlling terminal: setsid(2).
///
/// # Errors
/// EPERM where it leads a process group already.
pub fn setsid() -> Result<()> {
    // SAFETY: setsid takes nothing.
    taken(unsafe { syscall!(Sysno::setsid) }).map(|_| ())
}

/// Makes orphaned descendants children of this process: prctl(2), `PR_SET_CHILD_SUBREAPER`.
///
/// # Errors
/// EINVAL before Linux 3.4.
pub fn set_child_subreaper() -> Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// Has the kernel send `signal` to this process when its parent dies: prctl(2), `PR_SET_PDEATHSIG`.
///
/// # Errors
/// None that a valid signal can meet; a sandbox may refuse.
pub fn set_parent_death_signal(signal: Signal) -> Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, signal.number().into())
}

#[inline(never)]
fn prctl(operation: i32, argument: usize) -> Result<()> {
    // SAFETY: both operations take a number.
    done(unsafe { syscall!(Sysno::prctl, register(operation), argument, 0, 0, 0) })
}

/// What a child does that shares the memory of its sleeping parent.
pub trait Child {
    /// Lives the child's life, on the unused part of the parent's stack.
    fn run(self) -> !;
}

/// Starts a process that shares the memory of this one, and sleeps until it executes a program or
/// ends: clone(2) with `CLONE_VM | CLONE_VFORK`, as `posix_spawn(3)` does.
///
/// # Errors
/// EAGAIN at a limit of processes; ENOMEM.
pub fn spawn<C: Child>(child: C) -> Result<Pid> {
    extern "C" fn begin<C: Child>(child: *mut c_void) -> ! {
        // SAFETY: it is the one below, which nobody else uses or drops.
        let child = unsafe { child.cast::<C>().read() };
        child.run()
    }
    let mut child = ManuallyDrop::new(child);
    let flags = register(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD);
    // SAFETY: `begin` takes what `child` is, which outlives the call and which nobody else uses or drops.
    let result = unsafe { arch::clone_vfork(flags, begin::<C>, (&raw mut child).cast()) };
    let pid = taken(result)?;
    Pid::new(to_int(pid)).ok_or(Errno::ESRCH)
}

/// A place for the address of a string.
type Slot = Cell<*const u8>;

/// What the kernel lays on the initial stack, execve(2): the argument vector, in which one is at some argument, and
/// the environment. The strings in them live as long as `'a`.
#[derive(Debug)]
pub struct Vectors<'a> {
    /// Where the argument is, or the null pointer behind the last. Before it is another argument, or how many
    /// there are.
    argument: Cell<*const Slot>,
    /// Where the first variable is, or the null pointer behind the last.
    environment: *const Slot,
    strings: PhantomData<&'a [u8]>,
}

/// The string that starts there, without its null byte.
///
/// # Safety
/// There is a null-terminated string, which lives as long as `'a`.
#[inline(never)]
unsafe fn string<'a>(start: *const u8) -> &'a [u8] {
    let mut length = 0;
    loop {
        let place = start.wrapping_add(length);
        // SAFETY: the null byte was not yet met, so this byte is of the string. Volatile, because the
        // compiler calls strlen(3) otherwise, which is larger.
        let byte = unsafe { place.read_volatile() };
        if byte == 0 {
            break;
        }
        length = length.wrapping_add(1);
    }
    // SAFETY: `length` bytes were just read, they live as long as the caller says, nobody writes them.
    unsafe { core::slice::from_raw_parts(start, length) }
}

impl<'a> Vectors<'a> {
    /// Takes what starts at `stack`, and is at the first argument.
    ///
    /// # Safety
    /// `stack` points to the number of arguments, which that many pointers to null-terminated strings and a null
    /// pointer follow, and after them such pointers again up to the first null pointer. All that lives as long as
    /// `'a` and nobody else has or makes references to it.
    #[must_use]
    pub unsafe fn new(stack: *const usize) -> Self {
        // SAFETY: the number of arguments is there.
        let count = unsafe { stack.read() };
        let argument = stack.wrapping_add(1).cast::<Slot>();
        let environment = argument.wrapping_add(count).wrapping_add(1);
        Self {
            argument: Cell::new(argument),
            environment,
            strings: PhantomData,
        }
    }

    /// The place of an argument or a variable, of the null pointer behind them or before an argument.
    #[expect(clippy::unused_self, reason = "it lends its lifetime")]
    fn slot(&self, place: *const Slot) -> &Slot {
        // SAFETY: nothing else is handed in here, and all of that lives as long as `'a`.
        unsafe { &*place }
    }

    /// The argument, empty behind the last one.
    #[must_use]
    pub fn argument(&self) -> &'a [u8] {
        let mut start = self.slot(self.argument.get()).get();
        if start.is_null() {
            start = c"".as_ptr().cast();
        }
        // SAFETY: it is one of our strings, or one that lives for ever.
        unsafe { string(start) }
    }

    /// Goes on to the next argument; `None` behind the last one.
    pub fn next(&self) -> Option<&'a [u8]> {
        let argument = self.argument.get();
        if !self.slot(argument).get().is_null() {
            self.argument.set(argument.wrapping_add(1));
        }
        let start = self.slot(self.argument.get()).get();
        if start.is_null() {
            return None;
        }
        // SAFETY: it is one of our strings.
        Some(unsafe { string(start) })
    }

    /// The environment in its order.
    pub fn environment(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut place = self.environment;
        core::iter::from_fn(move || {
            let start = self.slot(place).get();
            if start.is_null() {
                return None;
            }
            place = place.wrapping_add(1);
            // SAFETY: it is one of our strings.
            Some(unsafe { string(start) })
        })
    }

    /// The environment in its order, to be changed.
    pub fn variables(&mut self) -> impl Iterator<Item = Variable<'_, 'a>> {
        let vectors: &Self = self;
        let mut place = vectors.environment;
        core::iter::from_fn(move || {
            let slot = vectors.slot(place);
            if slot.get().is_null() {
                return None;
            }
            place = place.wrapping_add(1);
            let strings = PhantomData;
            Some(Variable { slot, strings })
        })
    }

    /// Replaces this process by the program in the file `path`, with the arguments from here on, execve(2);
    /// returns only to say why not.
    #[must_use]
    pub fn execve(&self, path: Terminated<'_>) -> Errno {
        let (arguments, environment) = (self.argument.get(), self.environment);
        // SAFETY: the path is null-terminated; both arrays hold pointers up to a null pointer.
        let result = unsafe { syscall!(Sysno::execve, path.start, arguments, environment) };
        done(result).err().unwrap_or(Errno::ENOEXEC)
    }

    /// Does the same with an interpreter and its script in the place of the argument.
    #[must_use]
    pub fn execve_by(self, interpreter: Terminated<'a>, script: Terminated<'a>) -> Errno {
        let place = self.argument.get();
        let argument = self.slot(place);
        if !argument.get().is_null() {
            argument.set(script.start);
            // Another argument, or their number, which nobody needs any more.
            let before = place.wrapping_sub(1);
            self.slot(before).set(interpreter.start);
            self.argument.set(before);
        }
        self.execve(interpreter)
    }
}

/// A variable of the environment.
#[derive(Debug)]
pub struct Variable<'v, 'a> {
    slot: &'v Slot,
    strings: PhantomData<&'v mut &'a [u8]>,
}

impl<'a> Variable<'_, 'a> {
    /// Its name and value.
    #[must_use]
    pub fn get(&self) -> &'a [u8] {
        // SAFETY: it is one of our strings.
        unsafe { string(self.slot.get()) }
    }

    /// Replaces it.
    pub fn set(self, variable: Terminated<'a>) {
        self.slot.set(variable.start);
    }
}

/// Reaps this child, or any dead one, or tells of a stopped one, without waiting: wait4(2) with `WNOHANG`,
/// `WUNTRACED` and `__WALL`, as a child may have been cloned to end with another signal than SIGCHLD.
/// Returns which, and its raw wait status.
///
/// # Errors
/// ECHILD where there is no such child. No process means that there is one and nothing happened to it.
pub fn wait(child: Option<Pid>) -> Result<(Option<Pid>, i32)> {
    let mut status = 0_i32;
    let flags = register(libc::WNOHANG | libc::WUNTRACED | libc::__WALL);
    let no_usage = ptr::null::<libc::rusage>();
    let child = register(child.map_or(-1, Pid::number));
    // SAFETY: the kernel writes one int to `status` and nothing to a null pointer.
    let found = taken(unsafe { syscall!(Sysno::wait4, child, &raw mut status, flags, no_usage) })?;
    Ok((Pid::new(to_int(found)), status))
}

// ---- Signals ------------------------------------------------------------------------------------

/// Replaces the signal mask of this process and returns the old one: `rt_sigprocmask(2)`.
#[must_use]
pub fn set_signal_mask(mask: SignalSet) -> SignalSet {
    let mut old = SignalSet(0);
    // SAFETY: both sets are as long as the length says.
    let result = unsafe {
        syscall!(
            Sysno::rt_sigprocmask,
            register(libc::SIG_SETMASK),
            &raw const mask,
            &raw mut old,
            SIGSET_SIZE
        )
    };
    // It cannot fail; where a tracer makes it, an empty old mask is the usual one.
    let _ = result;
    old
}

/// What a process does with a signal, sigaction(2). Nothing that is executed starts with a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition(usize);

impl Disposition {
    /// The default action.
    pub const DEFAULT: Self = Self(libc::SIG_DFL);
    /// Nothing.
    pub const IGNORE: Self = Self(libc::SIG_IGN);
}

/// Sets the disposition of SIGCHLD and returns the old one: `rt_sigaction(2)`.
#[must_use]
pub fn set_sigchld_disposition(disposition: Disposition) -> Disposition {
    /// The words behind the handler: flags, the restorer, which not every architecture has, and the mask.
    const REST: usize = 2 + SIGSET_SIZE / size_of::<usize>();
    /// The kernel's `struct sigaction`: the handler comes first on every architecture here.
    #[repr(C)]
    struct Action<T> {
        handler: Disposition,
        rest: T,
    }
    // Not one structure for both: qemu-user writes the old one before it reads the new one.
    let new = Action {
        handler: disposition,
        rest: [0_usize; REST],
    };
    let mut old = Action {
        handler: disposition,
        rest: MaybeUninit::<[usize; REST]>::uninit(),
    };
    let signal = register(libc::SIGCHLD);
    // SAFETY: `Action` is at least as long as the kernel's structure, in both places.
    let result = unsafe {
        syscall!(
            Sysno::rt_sigaction,
            signal,
            &raw const new,
            &raw mut old,
            SIGSET_SIZE
        )
    };
    // It cannot fail; where a tracer makes it, the old disposition was probably the same.
    let _ = result;
    old.handler
}

/// The kernel's `siginfo_t` as far as signals of processes go, sigaction(2).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct SignalInfo {
    signal: i32,
    errno: i32,
    code: i32,
    sender: Sender,
    rest: [u32; INFO_REST],
}

/// What fills the kernel's structure up to its 128 bytes: where pointers are longer, so is what lies before.
const INFO_REST: usize = if size_of::<usize>() == 8 { 24 } else { 26 };

// The kernel writes all of the structure, `include/uapi/asm-generic/siginfo.h`; what depends on the kind of
// signal starts at the first place that is good for a pointer.
const _: () = assert!(size_of::<SignalInfo>() == size_of::<libc::siginfo_t>());
const _: () = assert!(align_of::<SignalInfo>() == align_of::<libc::siginfo_t>());
const _: () = assert!(
    offset_of!(SignalInfo, sender) == size_of::<[i32; 3]>().next_multiple_of(size_of::<usize>())
);
const _: () = assert!(offset_of!(Sender, value) == size_of::<[i32; 2]>());

impl SignalInfo {
    const EMPTY: Self = Self {
        signal: 0,
        errno: 0,
        code: 0,
        sender: Sender {
            pid: 0,
            user: 0,
            value: 0,
        },
        rest: [0; INFO_REST],
    };
}

/// No end of a wait.
pub const FOREVER: Milliseconds = Milliseconds(u32::MAX);

/// Waits for one of `signals`, all of which are blocked, for `timeout` or [`FOREVER`]:
/// `rt_sigtimedwait(2)`.
///
/// # Errors
/// EAGAIN when the timeout is over; EINTR after a stop.
pub fn wait_for_signal(signals: SignalSet, timeout: Milliseconds) -> Result<Received> {
    let mut info = MaybeUninit::<SignalInfo>::uninit();
    let time = timespec(timeout);
    let time = if timeout == FOREVER {
        ptr::null()
    } else {
        &raw const time
    };
    let (signals, info_address) = (&raw const signals, info.as_mut_ptr());
    // SAFETY: the set is as long as the length says, `info` as long as the kernel's structure, and
    // `time` null or a timespec.
    let number = taken(unsafe {
        syscall!(
            Sysno::rt_sigtimedwait,
            signals,
            info_address,
            time,
            SIGSET_SIZE
        )
    })?;
    let [number, ..] = number.to_le_bytes();
    let signal = Signal::new(number).ok_or(Errno::EINTR)?;
    // SAFETY: the call has succeeded, so the kernel has filled the structure.
    let SignalInfo { code, sender, .. } = unsafe { info.assume_init_ref() };
    Ok(Received {
        signal,
        code: Code(*code),
        sender: *sender,
    })
}

/// The kernel's `struct timespec`: two `long`s in the calls here, on every architecture. Those with 64-bit
/// seconds for 32-bit machines need Linux 5.1, and no time here is long enough to need them.
#[repr(C)]
struct Timespec {
    seconds: isize,
    nanoseconds: isize,
}

fn timespec(length: Milliseconds) -> Timespec {
    let number = |number: u32| isize::try_from(number).unwrap_or(isize::MAX);
    Timespec {
        seconds: number(length.0 / 1000),
        nanoseconds: number((length.0 % 1000).wrapping_mul(1_000_000)),
    }
}

/// Whom to send a signal to, as kill(2) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient(i32);

impl Recipient {
    /// Every process but this one and PID 1 that this process may signal: as PID 1, its namespace.
    pub const EVERYONE: Self = Self(-1);

    /// One process.
    #[must_use]
    pub const fn process(pid: Pid) -> Self {
        Self(pid.number())
    }

    /// Every process of a group.
    #[must_use]
    pub const fn group(pid: Pid) -> Self {
        Self(pid.number().wrapping_neg())
    }
}

/// Sends a signal, or with `None` only asks whether it could be sent: kill(2).
///
/// # Errors
/// ESRCH where there is nobody; EPERM where none of them may be signalled.
#[inline(never)]
pub fn kill(recipient: Recipient, signal: Option<Signal>) -> Result<()> {
    let number = signal.map_or(0, |signal| usize::from(signal.number()));
    // SAFETY: kill takes two numbers.
    done(unsafe { syscall!(Sysno::kill, register(recipient.0), number) })
}

/// Sends a signal to a process as sigqueue(3) does, with the sender that it is to see:
/// `rt_sigqueueinfo(2)`.
///
/// # Errors
/// ESRCH, EPERM; EAGAIN at the limit of queued signals.
pub fn queue_signal(to: Pid, signal: Signal, sender: &Sender) -> Result<()> {
    let mut info = SignalInfo::EMPTY;
    info.signal = signal.number().into();
    info.code = libc::SI_QUEUE;
    info.sender = *sender;
    let (to, number) = (register(to.number()), register(info.signal));
    // SAFETY: `info` is as long as the kernel's structure.
    done(unsafe { syscall!(Sysno::rt_sigqueueinfo, to, number, &raw const info) })
}

// ---- Clocks -------------------------------------------------------------------------------------

/// Reads `CLOCK_MONOTONIC`: `clock_gettime(2)`.
#[must_use]
pub fn monotonic() -> Instant {
    let (seconds, milliseconds) = clock(libc::CLOCK_MONOTONIC);
    Instant::new(
        u64::from(seconds)
            .wrapping_mul(1000)
            .wrapping_add(milliseconds.into()),
    )
}

/// Reads `CLOCK_REALTIME`: `clock_gettime(2)`. Returns the seconds since 1970-01-01 UTC, good until 2106,
/// and milliseconds.
#[must_use]
pub fn realtime() -> (u32, u32) {
    clock(libc::CLOCK_REALTIME)
}

#[inline(never)]
fn clock(which: libc::clockid_t) -> (u32, u32) {
    let mut time = timespec(Milliseconds(0));
    // SAFETY: `time` is a timespec.
    let result = unsafe { syscall!(Sysno::clock_gettime, register(which), &raw mut time) };
    // It cannot fail; where a tracer makes it, time stands still.
    let _ = result;
    // Seconds are cut to 32 bits, nanoseconds fit them.
    (
        to_int(time.seconds.cast_unsigned()).cast_unsigned(),
        to_int(time.nanoseconds.cast_unsigned()).cast_unsigned() / 1_000_000,
    )
}

/// Sleeps: ppoll(2) with nothing to poll.
pub fn sleep(length: Milliseconds) {
    ppoll(&mut [], length);
}

fn ppoll(descriptors: &mut [libc::pollfd], timeout: Milliseconds) {
    let time = timespec(timeout);
    let no_mask = ptr::null::<SignalSet>();
    let count = descriptors.len();
    // SAFETY: there are `count` descriptors, `time` is a timespec and a null mask changes nothing.
    let result = unsafe {
        syscall!(
            Sysno::ppoll,
            descriptors.as_mut_ptr(),
            count,
            &raw const time,
            no_mask,
            SIGSET_SIZE
        )
    };
    // Where it fails, it leaves the descriptors as they are, and nothing happened to them.
    let _ = result;
}

// ---- Files --------------------------------------------------------------------------------------

/// A file descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(i32);

impl Descriptor {
    /// Standard input.
    pub const INPUT: Self = Self(0);
    /// Standard output.
    pub const OUTPUT: Self = Self(1);
    /// Standard error.
    pub const ERROR: Self = Self(2);

    /// As the kernel takes it: it is never negative.
    fn register(self) -> usize {
        #[expect(clippy::as_conversions, reason = "32 bits fit a register")]
        let register = self.0.cast_unsigned() as usize;
        register
    }
}

/// How to open a file, open(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open(i32);

impl Open {
    /// To read it.
    pub const READ: Self = Self(libc::O_CLOEXEC | libc::O_RDONLY);
    /// As a directory, to list it.
    pub const DIRECTORY: Self = Self(libc::O_CLOEXEC | libc::O_RDONLY | libc::O_DIRECTORY);
    /// As a terminal, which does not become the controlling one.
    pub const TERMINAL: Self =
        Self(libc::O_CLOEXEC | libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK);
}

/// Opens a file, closed on exec: openat(2).
///
/// # Errors
/// Those of the manual page, ENXIO for `/dev/tty` without a controlling terminal among them.
pub fn open(path: Terminated<'_>, how: Open) -> Result<Descriptor> {
    // SAFETY: the path is null-terminated.
    taken(unsafe {
        syscall!(
            Sysno::openat,
            register(libc::AT_FDCWD),
            path.start,
            register(how.0)
        )
    })
    .map(|file| Descriptor(to_int(file)))
}

/// Closes a descriptor: close(2).
pub fn close(file: Descriptor) {
    // SAFETY: the descriptor came from open, whose callers keep no copy.
    let result = unsafe { syscall!(Sysno::close, file.register()) };
    // There is nothing to do about a failure: Linux frees the descriptor all the same.
    let _ = result;
}

/// Reads what comes next, at most as much as fits: read(2). Returns how many bytes there were.
///
/// # Errors
/// Those of the manual page.
pub fn read(file: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most as many bytes as the buffer has.
    taken(unsafe {
        syscall!(
            Sysno::read,
            file.register(),
            buffer.as_mut_ptr(),
            buffer.len()
        )
    })
}

/// Reads the next records of a directory: getdents64(2). Returns how many bytes there were, 0 at the end.
///
/// # Errors
/// Those of the manual page.
pub fn read_directory(directory: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most as many bytes as the buffer has.
    taken(unsafe {
        syscall!(
            Sysno::getdents64,
            directory.register(),
            buffer.as_mut_ptr(),
            buffer.len()
        )
    })
}

/// Writes as much as goes: write(2). Returns how many bytes went.
///
/// # Errors
/// Those of the manual page.
pub fn write(file: Descriptor, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads as many bytes as there are.
    taken(unsafe { syscall!(Sysno::write, file.register(), bytes.as_ptr(), bytes.len()) })
}

/// Writes as much as goes without waiting: pwritev2(2) with `RWF_NOWAIT`.
///
/// # Errors
/// EAGAIN where it would wait; EOPNOTSUPP for files that cannot tell, ENOSYS before Linux 4.6.
pub fn write_without_waiting(file: Descriptor, bytes: &[u8]) -> Result<usize> {
    let vector = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let here = register(-1);
    let flags = register(libc::RWF_NOWAIT);
    // SAFETY: the kernel reads one vector and as many bytes as there are; offset -1 is the current one.
    taken(unsafe {
        syscall!(
            Sysno::pwritev2,
            file.register(),
            &raw const vector,
            1,
            here,
            here,
            flags
        )
    })
}

/// Whether something could be written now, without an error to be expected: ppoll(2).
#[must_use]
pub fn is_writable(file: Descriptor) -> bool {
    let fd = file.0;
    let mut descriptors = [libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    }];
    ppoll(&mut descriptors, Milliseconds(0));
    let [libc::pollfd { revents, .. }] = descriptors;
    revents == libc::POLLOUT
}

// ---- Terminals ----------------------------------------------------------------------------------

/// Whether this is a terminal, or a socket: both know how much is still to be sent, `tty_ioctl(4)`.
#[must_use]
pub fn is_terminal(file: Descriptor) -> bool {
    let mut unsent = 0_i32;
    // SAFETY: TIOCOUTQ writes one int.
    done(unsafe {
        syscall!(
            Sysno::ioctl,
            file.register(),
            libc::TIOCOUTQ,
            &raw mut unsent
        )
    })
    .is_ok()
}

/// The foreground process group of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForegroundGroup(i32);

impl ForegroundGroup {
    /// Whether there is one, because the terminal is the controlling one.
    #[must_use]
    pub const fn is_there(self) -> bool {
        self.0 >= 0
    }

    /// Whether this process leads it.
    #[must_use]
    pub const fn is_led_by(self, leader: Pid) -> bool {
        self.0 == leader.number()
    }

    /// Who leads it; `None` where that is in another PID namespace.
    #[must_use]
    pub const fn leader(self) -> Option<Pid> {
        Pid::new(self.0)
    }
}

/// The foreground process group of a terminal: `tcgetpgrp(3)`.
#[must_use]
#[inline(never)]
pub fn tcgetpgrp(terminal: Descriptor) -> ForegroundGroup {
    let mut group = -1_i32;
    // SAFETY: TIOCGPGRP writes one pid_t.
    let result = unsafe {
        syscall!(
            Sysno::ioctl,
            terminal.register(),
            libc::TIOCGPGRP,
            &raw mut group
        )
    };
    // Where it fails, as for anything but the controlling terminal, it writes nothing.
    let _ = result;
    ForegroundGroup(group)
}

/// Sets the foreground process group of the controlling terminal: `tcsetpgrp(3)`.
///
/// # Errors
/// ENOTTY where it is another's; EPERM where the group is of another session.
pub fn tcsetpgrp(terminal: Descriptor, group: Pid) -> Result<()> {
    let group = group.number();
    // SAFETY: TIOCSPGRP reads one pid_t.
    done(unsafe {
        syscall!(
            Sysno::ioctl,
            terminal.register(),
            libc::TIOCSPGRP,
            &raw const group
        )
    })
}

/// Gives up the controlling terminal: ioctl(2), TIOCNOTTY. From a session leader it takes it from the
/// whole session, whose foreground group gets SIGHUP and SIGCONT.
///
/// # Errors
/// ENOTTY where it is not the controlling terminal.
pub fn release_terminal(terminal: Descriptor) -> Result<()> {
    // SAFETY: TIOCNOTTY takes nothing.
    done(unsafe { syscall!(Sysno::ioctl, terminal.register(), libc::TIOCNOTTY) })
}

/// Makes a terminal the controlling one of this process's session: ioctl(2), TIOCSCTTY.
///
/// # Errors
/// EPERM where this process leads no session, or the terminal controls another one.
pub fn acquire_terminal(terminal: Descriptor) -> Result<()> {
    // SAFETY: TIOCSCTTY takes a number.
    done(unsafe { syscall!(Sysno::ioctl, terminal.register(), libc::TIOCSCTTY, 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C library's accessors are the oracle for the layout of the kernel's structure.
    #[test]
    fn signal_information_has_the_layout_of_the_c_library() {
        assert_eq!(size_of::<SignalInfo>(), size_of::<libc::siginfo_t>());
        let sender = Sender {
            pid: 11,
            user: 12,
            value: 13,
        };
        let info = SignalInfo {
            signal: 1,
            errno: 2,
            code: 3,
            sender,
            rest: [0; INFO_REST],
        };
        // SAFETY: both are plain numbers of the same size.
        let theirs: libc::siginfo_t = unsafe { core::mem::transmute_copy(&info) };
        assert_eq!(
            (theirs.si_signo, theirs.si_errno, theirs.si_code),
            (1, 2, 3)
        );
        // SAFETY: the union holds plain numbers.
        let pid = unsafe { theirs.si_pid() };
        // SAFETY: the union holds plain numbers.
        let user = unsafe { theirs.si_uid() };
        // SAFETY: the union holds plain numbers.
        let value = unsafe { theirs.si_value() };
        assert_eq!((pid, user, value.sival_ptr.addr()), (11, 12, 13));
    }
}
