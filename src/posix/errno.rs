//! Error numbers, errno(3), with the words for those that starting a process can meet.

use core::num::NonZero;

/// An error number, never zero, so that a result without a value is one number too. The sign that the
/// kernel returns it with is taken off in `sys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(NonZero<i32>);

impl Errno {
    /// No such file or directory.
    pub const ENOENT: Self = Self::known(libc::ENOENT);
    /// No such process.
    pub const ESRCH: Self = Self::known(libc::ESRCH);
    /// Interrupted by a signal handler, a stop or a tracer.
    pub const EINTR: Self = Self::known(libc::EINTR);
    /// Input/output error; a read from a terminal in the background.
    pub const EIO: Self = Self::known(libc::EIO);
    /// Exec format error.
    pub const ENOEXEC: Self = Self::known(libc::ENOEXEC);
    /// No child processes.
    pub const ECHILD: Self = Self::known(libc::ECHILD);
    /// Resource temporarily unavailable; a timeout of `rt_sigtimedwait(2)`.
    pub const EAGAIN: Self = Self::known(libc::EAGAIN);
    /// Permission denied.
    pub const EACCES: Self = Self::known(libc::EACCES);
    /// Not a directory.
    pub const ENOTDIR: Self = Self::known(libc::ENOTDIR);
    /// File name too long.
    pub const ENAMETOOLONG: Self = Self::known(libc::ENAMETOOLONG);

    /// Takes a number; `None` for zero.
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        match NonZero::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The error with this number, which is one's.
    const fn known(number: i32) -> Self {
        match NonZero::new(number) {
            Some(number) => Self(number),
            None => Self(NonZero::<i32>::MIN),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use crate::prose::ERRORS;

    /// nix has numbers and names from the C library's headers.
    #[test]
    fn numbers_and_names_agree_with_the_c_library() {
        for (number, text) in ERRORS {
            let (name, _) = text.split_once(" (").unwrap();
            let theirs = nix::errno::Errno::from_raw((*number).into());
            assert_eq!(format!("{theirs:?}"), name);
        }
        assert!(ERRORS.is_sorted());
    }
}
