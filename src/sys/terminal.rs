//! System calls about terminals, `ioctl_tty(2)`.
//!
//! # Safety
//! The kernel is told of memory only through references that live until it returns.
#![expect(unsafe_code, reason = "this is the kernel's door")]

use super::Result;
use super::call::{Sysno, result, success, syscall};
use super::file::Descriptor;
use crate::posix::pid::Pid;

/// Whether this is a terminal: it has a size, `TIOCGWINSZ`.
#[must_use]
pub fn is_terminal(file: Descriptor) -> bool {
    // `struct winsize` is four short integers.
    let mut size = [0_u16; 4];
    let size = &raw mut size;
    // SAFETY: TIOCGWINSZ writes one structure.
    result(unsafe { syscall!(Sysno::ioctl, file.register(), libc::TIOCGWINSZ, size) }).is_ok()
}

/// The foreground process group of the controlling terminal, `tcgetpgrp(3)`; `None` where its leader is in another
/// PID namespace.
///
/// # Errors
/// ENOTTY for anything but the controlling terminal; EIO where it hangs.
pub fn tcgetpgrp(terminal: Descriptor) -> Result<Option<Pid>> {
    let mut group = 0_i32;
    let group_address = &raw mut group;
    let terminal = terminal.register();
    // SAFETY: TIOCGPGRP writes one pid_t.
    success(unsafe { syscall!(Sysno::ioctl, terminal, libc::TIOCGPGRP, group_address) })?;
    Ok(Pid::new(group))
}

/// Sets the foreground process group of the controlling terminal: `tcsetpgrp(3)`.
///
/// # Errors
/// ENOTTY where it is another's; EPERM where the group is of another session.
pub fn tcsetpgrp(terminal: Descriptor, group: Pid) -> Result<()> {
    let group = group.number();
    let group = &raw const group;
    let terminal = terminal.register();
    // SAFETY: TIOCSPGRP reads one pid_t.
    success(unsafe { syscall!(Sysno::ioctl, terminal, libc::TIOCSPGRP, group) })
}

/// Gives up the controlling terminal: `TIOCNOTTY`. From a session leader it takes it from the whole session, whose
/// foreground group gets SIGHUP and SIGCONT.
///
/// # Errors
/// ENOTTY where it is not the controlling terminal.
pub fn release_terminal(terminal: Descriptor) -> Result<()> {
    ioctl(terminal, libc::TIOCNOTTY)
}

/// Makes a terminal the controlling one of this process's session: `TIOCSCTTY`, without taking it from another one.
///
/// # Errors
/// EPERM where this process leads no session, or the terminal controls another one.
pub fn acquire_terminal(terminal: Descriptor) -> Result<()> {
    ioctl(terminal, libc::TIOCSCTTY)
}

/// One of the two requests that take no more than a number, which is 0.
fn ioctl(terminal: Descriptor, request: libc::Ioctl) -> Result<()> {
    // SAFETY: neither TIOCNOTTY nor TIOCSCTTY reads or writes memory.
    success(unsafe { syscall!(Sysno::ioctl, terminal.register(), request, 0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posix::errno::Errno;
    use crate::sys::arguments::ZStr;
    use crate::sys::file::{Open, open};

    #[test]
    fn a_terminal_is_told_from_other_devices() {
        let null = open(ZStr::from_c_str(c"/dev/null"), Open::Read).unwrap();
        assert!(!is_terminal(null.get()));
        assert_eq!(tcgetpgrp(null.get()), Err(Errno::ENOTTY));
        assert_eq!(tcsetpgrp(null.get(), Pid::INIT), Err(Errno::ENOTTY));
        assert_eq!(release_terminal(null.get()), Err(Errno::ENOTTY));
        assert_eq!(acquire_terminal(null.get()), Err(Errno::ENOTTY));
        let terminal = open(ZStr::from_c_str(c"/dev/ptmx"), Open::Terminal).unwrap();
        assert!(is_terminal(terminal.get()));
        assert_eq!(tcgetpgrp(terminal.get()), Ok(None));
    }
}
