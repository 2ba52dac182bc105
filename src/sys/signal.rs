//! System calls about signals.
//!
//! # Safety
//! The kernel is told of memory only through references that live until it returns, and of lengths that are theirs.
#![expect(unsafe_code, reason = "this is the kernel's door")]

use super::Result;
use super::call::{self, Sysno, numbers, register, result, success, syscall};
use super::clock::timespec;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Sender, Signal, SignalSet};
use crate::posix::time::Milliseconds;
use core::mem::offset_of;
use core::ptr;

/// The kernel's signal set is eight bytes long on every architecture but MIPS.
pub(super) const SIGSET_SIZE: usize = size_of::<SignalSet>();

/// Replaces the signal mask of this process and returns the old one: `rt_sigprocmask(2)`.
#[must_use]
pub fn set_signal_mask(mask: SignalSet) -> SignalSet {
    let mut old = SignalSet::EMPTY;
    let how = register(libc::SIG_SETMASK);
    let (mask, old_address) = (&raw const mask, &raw mut old);
    // SAFETY: both sets are as long as the length says.
    let returned = unsafe { syscall!(Sysno::rt_sigprocmask, how, mask, old_address, SIGSET_SIZE) };
    // It cannot fail; where a tracer makes it, an empty old mask is the usual one.
    let _ = returned;
    old
}

/// What a process does with a signal, sigaction(2). Nothing that is executed starts with a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The default action.
    Default,
    /// Nothing.
    Ignore,
}

/// The disposition of a signal: `rt_sigaction(2)`.
///
/// # Errors
/// None that the kernel gives; a sandbox may refuse.
pub fn disposition(signal: Signal) -> Result<Disposition> {
    rt_sigaction(signal, None)
}

/// Sets the disposition of a signal and returns the old one: `rt_sigaction(2)`.
///
/// # Errors
/// EINVAL for SIGKILL and SIGSTOP.
pub fn set_disposition(signal: Signal, disposition: Disposition) -> Result<Disposition> {
    rt_sigaction(signal, Some(disposition))
}

/// The kernel's `struct sigaction`, or more than it: the handler comes first on every architecture here; flags, the
/// restorer, which not every architecture has, and the mask follow.
#[repr(C)]
struct Action {
    handler: usize,
    rest: [usize; 2 + SIGSET_SIZE / size_of::<usize>()],
}

impl Action {
    fn new(disposition: Disposition) -> Self {
        let handler = match disposition {
            Disposition::Default => libc::SIG_DFL,
            Disposition::Ignore => libc::SIG_IGN,
        };
        Self {
            handler,
            rest: Default::default(),
        }
    }
}

fn rt_sigaction(signal: Signal, new: Option<Disposition>) -> Result<Disposition> {
    // Not one structure for both: qemu-user writes the old one before it reads the new one.
    let new = new.map(Action::new);
    let mut old = Action::new(Disposition::Default);
    let number = usize::from(signal.number());
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    let old_address = &raw mut old;
    // SAFETY: `Action` is at least as long as the kernel's structure, in both places; a null pointer sets nothing.
    success(unsafe { syscall!(Sysno::rt_sigaction, number, new, old_address, SIGSET_SIZE) })?;
    if old.handler == libc::SIG_IGN {
        Ok(Disposition::Ignore)
    } else {
        Ok(Disposition::Default)
    }
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

/// Takes one of `signals`, all of which are blocked, and waits for it for `timeout`, or for ever:
/// `rt_sigtimedwait(2)`.
///
/// # Errors
/// EAGAIN when the timeout is over; EINTR after a stop.
pub fn wait_for_signal(signals: SignalSet, timeout: Option<Milliseconds>) -> Result<Received> {
    let mut info = SignalInfo::EMPTY;
    let time = timeout.map(timespec);
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    let (signals, info_address) = (&raw const signals, &raw mut info);
    // SAFETY: the set is as long as the length says, `info` as long as the kernel's structure, and
    // `time` null or a timespec.
    let number = result(unsafe {
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
    Ok(Received {
        signal,
        code: Code::from_raw(info.code, signal),
        sender: info.sender,
    })
}

/// Whom to send a signal to, as kill(2) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// One process.
    Process(Pid),
    /// Every process of the group that this process leads.
    Group(Pid),
    /// Every process but this one and PID 1 that this process may signal: as PID 1, its namespace.
    Everyone,
}

/// Sends a signal, or with `None` only asks whether it could be sent: kill(2).
///
/// # Errors
/// ESRCH where there is nobody; EPERM where none of them may be signalled.
pub fn kill(recipient: Recipient, signal: Option<Signal>) -> Result<()> {
    let recipient = match recipient {
        Recipient::Process(process) => process.number(),
        Recipient::Group(leader) => leader.number().wrapping_neg(),
        Recipient::Everyone => -1,
    };
    let signal = signal.map_or(0, |signal| usize::from(signal.number()));
    success(numbers(call::KILL, [register(recipient), signal]))
}

/// Sends a signal to a process, with the code and the sender that it is to see: `rt_sigqueueinfo(2)`.
///
/// # Errors
/// ESRCH; EAGAIN at the limit of queued signals; EPERM, also where another process is to see a code of the kernel, kill(2)
/// or tgkill(2).
pub fn queue_signal(to: Pid, received: &Received) -> Result<()> {
    let mut info = SignalInfo::EMPTY;
    info.signal = received.signal.number().into();
    info.code = received.code.raw();
    info.sender = received.sender;
    let (to, number) = (register(to.number()), register(info.signal));
    let info = &raw const info;
    // SAFETY: `info` is as long as the kernel's structure.
    success(unsafe { syscall!(Sysno::rt_sigqueueinfo, to, number, info) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{Fork, exit, fork, getpid};

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

    /// The standard library ignores SIGPIPE before the tests start.
    #[test]
    fn dispositions_are_asked_and_set() {
        assert_eq!(disposition(Signal::PIPE), Ok(Disposition::Ignore));
        let signal = Signal::new(60).unwrap();
        assert_eq!(disposition(signal), Ok(Disposition::Default));
        let old = set_disposition(signal, Disposition::Ignore);
        assert_eq!(old, Ok(Disposition::Default));
        let old = set_disposition(signal, Disposition::Default);
        assert_eq!(old, Ok(Disposition::Ignore));
        let refused = set_disposition(Signal::KILL, Disposition::Ignore);
        assert_eq!(refused, Err(Errno::EINVAL));
    }

    /// A queued signal is the process's, which other tests share: a forked child sends it to itself. Its status says
    /// how many of these came true.
    #[test]
    fn a_signal_queued_to_oneself_comes_with_its_code_and_its_value() {
        let signal = Signal::new(61).unwrap();
        let codes = [
            Code::User,
            Code::Queue,
            Code::Kernel,
            Code::Other(libc::SI_TKILL),
            Code::Other(libc::SI_TIMER),
        ];
        let queued = codes.map(|code| Received {
            signal,
            code,
            sender: Sender {
                pid: 5,
                user: 6,
                value: 7,
            },
        });
        let Fork::Parent(child) = fork().unwrap() else {
            let set = SignalSet::only(signal);
            let old = set_signal_mask(SignalSet::ALL);
            let nothing = wait_for_signal(set, Some(Milliseconds(0)));
            let is_received = queued.map(|queued| {
                let result = getpid().and_then(|child| queue_signal(child, &queued));
                result == Ok(()) && wait_for_signal(set, None) == Ok(queued)
            });
            let mask = SignalSet::ALL.without(Signal::KILL).without(Signal::STOP);
            let facts = [set_signal_mask(old) == mask, nothing == Err(Errno::EAGAIN)];
            let facts = facts.into_iter().chain(is_received);
            exit(facts.map(u8::from).sum());
        };
        let child = nix::unistd::Pid::from_raw(child.number());
        let status = nix::sys::wait::waitpid(child, None).unwrap();
        assert_eq!(status, nix::sys::wait::WaitStatus::Exited(child, 7));
    }

    #[test]
    fn a_signal_to_nobody_is_an_error() {
        // Above the kernel's largest process id, 4,194,304.
        let nobody = Pid::new(i32::MAX).unwrap();
        for recipient in [Recipient::Process(nobody), Recipient::Group(nobody)] {
            assert_eq!(kill(recipient, None), Err(Errno::ESRCH));
        }
        let myself = Pid::new(nix::unistd::getpid().as_raw()).unwrap();
        assert_eq!(kill(Recipient::Process(myself), None), Ok(()));
    }
}
