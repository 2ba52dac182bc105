//! System calls about processes, groups and sessions.
//!
//! # Safety
//! The kernel is told of memory only through references that live until it returns. A forked child has a copy of
//! this process's memory, in which it goes on as its only thread.
#![expect(unsafe_code, reason = "this is the kernel's door")]

use super::Result;
use super::arguments::{Strings, ZStr};
use super::call::{self, Sysno, numbers, register, result, success, syscall, to_int};
use super::file::OwnedDescriptor;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::posix::wait_status::WaitStatus;
use core::ptr;

/// The caller, where a call takes a process id.
const MYSELF: usize = 0;

/// Ends this process with `status`: `exit_group(2)`.
pub fn exit(status: u8) -> ! {
    loop {
        // It does not return.
        let _ = numbers(call::EXIT_GROUP, [status.into()]);
    }
}

/// The process that a call returned; ESRCH for a number that is no process's.
fn process(number: usize) -> Result<Pid> {
    Pid::new(to_int(number)).ok_or(Errno::ESRCH)
}

/// This process: getpid(2).
///
/// # Errors
/// None that the kernel gives; a sandbox may refuse.
pub fn getpid() -> Result<Pid> {
    process(result(numbers(call::GETPID, []))?)
}

/// The parent of this process, getppid(2); `None` where it is in another PID namespace.
#[must_use]
pub fn getppid() -> Option<Pid> {
    Pid::new(to_int(result(numbers(call::GETPPID, [])).ok()?))
}

/// The process group of this process, getpgrp(2); `None` where its leader is in another PID namespace.
#[must_use]
pub fn getpgrp() -> Option<Pid> {
    Pid::new(to_int(result(numbers(call::GETPGID, [MYSELF])).ok()?))
}

/// The process group of a process: getpgid(2); `None` where its leader is in another PID namespace.
///
/// # Errors
/// ESRCH where there is no such process.
pub fn getpgid(pid: Pid) -> Result<Option<Pid>> {
    let group = result(numbers(call::GETPGID, [register(pid.number())]))?;
    Ok(Pid::new(to_int(group)))
}

/// The session of this process, getsid(2); `None` where its leader is in another PID namespace.
#[must_use]
pub fn getsid() -> Option<Pid> {
    Pid::new(to_int(result(numbers(call::GETSID, [MYSELF])).ok()?))
}

/// Makes this process the leader of a new process group: setpgid(2).
///
/// # Errors
/// EPERM where it leads a session.
pub fn setpgid_of_self() -> Result<()> {
    success(numbers(call::SETPGID, [MYSELF, MYSELF]))
}

/// Makes a child the leader of a new process group: setpgid(2).
///
/// # Errors
/// EACCES where it has executed a program already; EPERM where it leads a session or is in another one; ESRCH where
/// it is no child.
pub fn setpgid_of_child(child: Pid) -> Result<()> {
    let child = register(child.number());
    success(numbers(call::SETPGID, [child, child]))
}

/// Makes this process the leader of a new session without controlling terminal: setsid(2).
///
/// # Errors
/// EPERM where it leads a process group already.
pub fn setsid() -> Result<()> {
    success(numbers(call::SETSID, []))
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

fn prctl(operation: i32, argument: usize) -> Result<()> {
    // SAFETY: both operations take a number.
    success(unsafe { syscall!(Sysno::prctl, register(operation), argument, 0, 0, 0) })
}

/// Which side of a fork(2) this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// The new process.
    Child,
    /// The process that forked, and its new child.
    Parent(Pid),
}

/// Starts a process with a copy of this one's memory: fork(2), which is clone(2) with SIGCHLD alone.
///
/// # Errors
/// EAGAIN at a limit of processes; ENOMEM, also where the PID namespace has no init any more.
pub fn fork() -> Result<Fork> {
    let signal = register(libc::SIGCHLD);
    // On s390x alone the stack comes before the flags, clone(2), *C library/kernel differences*.
    let [first, second] = if cfg!(target_arch = "s390x") {
        [0, signal]
    } else {
        [signal, 0]
    };
    // SAFETY: the child has memory of its own and goes on where the parent does, on a copy of its stack.
    let child = result(unsafe { syscall!(Sysno::clone, first, second, 0, 0, 0) })?;
    Ok(Pid::new(to_int(child)).map_or(Fork::Child, Fork::Parent))
}

/// Replaces this process by the program in the file `path`: execve(2). Returns only to say why not.
#[must_use]
pub fn execve(path: ZStr<'_>, arguments: Strings<'_>, environment: Strings<'_>) -> Errno {
    let (path, arguments, environment) = (path.as_ptr(), arguments.as_ptr(), environment.as_ptr());
    // SAFETY: the path is null-terminated; both lists hold pointers to such strings up to a null pointer.
    let returned = unsafe { syscall!(Sysno::execve, path, arguments, environment) };
    result(returned).err().unwrap_or(Errno::ENOEXEC)
}

/// What [`wait`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// This child has ended and is reaped, or was stopped.
    Changed(Pid, WaitStatus),
    /// There is such a child, and nothing happened to it.
    NothingYet,
}

/// Reaps this child, or any dead one, or tells of a stopped one, without waiting: wait4(2) with `WNOHANG`,
/// `WUNTRACED` and `__WALL`, as a child may have been cloned to end with another signal than SIGCHLD.
///
/// # Errors
/// ECHILD where there is no such child.
pub fn wait(child: Option<Pid>) -> Result<Waited> {
    let mut status = 0_i32;
    let flags = register(libc::WNOHANG | libc::WUNTRACED | libc::__WALL);
    let no_usage = ptr::null::<libc::rusage>();
    let child = register(child.map_or(-1, Pid::number));
    // SAFETY: the kernel writes one int to `status` and nothing to a null pointer.
    let found = result(unsafe { syscall!(Sysno::wait4, child, &raw mut status, flags, no_usage) })?;
    Ok(match Pid::new(to_int(found)) {
        Some(child) => Waited::Changed(child, WaitStatus::from_raw(status)),
        None => Waited::NothingYet,
    })
}

/// Sends a signal to the process whose directory `/proc/PID` this is, opened to be read: `pidfd_send_signal(2)`. A
/// process that has taken over its number gets none.
///
/// # Errors
/// ESRCH where it is reaped; EPERM where it may not be signalled; ENOSYS before Linux 5.1, and EPERM from sandboxes
/// that are as old; EBADF for anything but such a directory.
pub fn pidfd_send_signal(directory: &OwnedDescriptor, signal: Signal) -> Result<()> {
    let directory = directory.get().register();
    success(numbers(
        call::PIDFD_SEND_SIGNAL,
        [directory, signal.number().into()],
    ))
}

/// Makes the root directory the working directory: chdir(2).
///
/// # Errors
/// EACCES where it may not be searched.
pub fn chdir_to_root() -> Result<()> {
    let root = ZStr::from_c_str(c"/").as_ptr();
    // SAFETY: the path is null-terminated.
    success(unsafe { syscall!(Sysno::chdir, root) })
}

/// Reads a limit of this process, and sets it if there is a new one: prlimit(2).
#[expect(
    clippy::as_conversions,
    reason = "the C library has the resources as an enumeration"
)]
fn prlimit(
    resource: libc::__rlimit_resource_t,
    new: Option<&libc::rlimit64>,
) -> Result<libc::rlimit64> {
    let mut old = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let new = new.map_or(ptr::null(), ptr::from_ref);
    let old_limit = &raw mut old;
    // SAFETY: the kernel writes one structure to `old`, and reads one from `new` unless that is null.
    success(unsafe { syscall!(Sysno::prlimit64, MYSELF, resource as usize, new, old_limit) })?;
    Ok(old)
}

/// How many processes the user of this one may have: getrlimit(2), the soft limit `RLIMIT_NPROC`; `None` where there
/// is no limit.
///
/// # Errors
/// ENOSYS before Linux 2.6.36; a sandbox may refuse.
pub fn process_limit() -> Result<Option<u64>> {
    let limit = prlimit(libc::RLIMIT_NPROC, None)?;
    Ok((limit.rlim_cur != libc::RLIM64_INFINITY).then_some(limit.rlim_cur))
}

/// Lets this process have as many files open as it may allow itself: setrlimit(2), the soft limit `RLIMIT_NOFILE` becomes
/// the hard one.
///
/// # Errors
/// EMFILE where it is that already; ENOSYS before Linux 2.6.36; a sandbox may refuse.
pub fn raise_file_limit() -> Result<()> {
    let limit = prlimit(libc::RLIMIT_NOFILE, None)?;
    if limit.rlim_cur == limit.rlim_max {
        return Err(Errno::EMFILE);
    }
    let raised = libc::rlimit64 {
        rlim_cur: limit.rlim_max,
        ..limit
    };
    prlimit(libc::RLIMIT_NOFILE, Some(&raised)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    #[test]
    fn this_process_is_who_the_c_library_says() {
        assert_eq!(getpid().unwrap().number(), nix::unistd::getpid().as_raw());
        assert_eq!(
            getppid().map_or(0, Pid::number),
            nix::unistd::getppid().as_raw()
        );
        assert_eq!(
            getpgrp().map_or(0, Pid::number),
            nix::unistd::getpgrp().as_raw()
        );
        let session = nix::unistd::getsid(None).unwrap();
        assert_eq!(getsid().map_or(0, Pid::number), session.as_raw());
    }

    #[test]
    fn a_forked_child_ends_on_its_own() {
        let Fork::Parent(child) = fork().unwrap() else {
            exit(7);
        };
        assert_eq!(wait(Some(Pid::INIT)), Err(Errno::ECHILD));
        let id = Id::Pid(nix::unistd::Pid::from_raw(child.number()));
        let _ = waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        let ended = Waited::Changed(child, WaitStatus::Exited(7));
        assert_eq!(wait(Some(child)), Ok(ended));
        assert_eq!(wait(Some(child)), Err(Errno::ECHILD));
    }

    #[test]
    fn a_program_that_is_not_there_is_not_executed() {
        let path = ZStr::from_c_str(c"/nonexistent");
        let mut slots = [None];
        let list = super::super::arguments::StringList::new(&mut slots).unwrap();
        assert_eq!(execve(path, list.from(0), list.from(0)), Errno::ENOENT);
    }

    #[test]
    fn the_process_limit_is_the_soft_one() {
        let resource = nix::sys::resource::Resource::RLIMIT_NPROC;
        let (soft, _) = nix::sys::resource::getrlimit(resource).unwrap();
        let expected = (soft != libc::RLIM_INFINITY).then_some(soft);
        assert_eq!(process_limit(), Ok(expected));
    }
}
