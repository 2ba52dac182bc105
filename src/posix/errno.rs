//! Error numbers, errno(3), with the words for those that starting a process can meet.

use crate::packed::{ERRORS, Piece};
use crate::text::Text;
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

    /// Appends the error's name, and if asked its meaning as well: `NAME (meaning)`; `errno` and the
    /// number for one that is not listed here.
    pub fn append_to(self, text: &mut Text<'_>, with_meaning: bool) {
        let mut name = Piece::ERROR;
        for listed in &ERRORS {
            if i32::from(*listed) == self.0.get() {
                text.push_piece(name);
                if with_meaning {
                    text.push_piece(name.plus(1));
                }
                return;
            }
            name = name.plus(2);
        }
        text.push_piece(Piece::ERRNO);
        text.push_decimal(self.0.unsigned_abs().get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// nix has numbers and names from the C library's headers.
    #[test]
    fn numbers_and_names_agree_with_the_c_library() {
        let mut listed = 0;
        for number in 1..=200 {
            let mut buffer = [0; 64];
            let text = &mut Text::new(&mut buffer);
            Errno::known(number).append_to(text, true);
            let description = str::from_utf8(text.as_bytes()).unwrap();
            if let Some((name, _)) = description.split_once(" (") {
                listed += 1;
                assert_eq!(format!("{:?}", nix::errno::Errno::from_raw(number)), name);
            }
        }
        assert_eq!(listed, ERRORS.len());
    }
}
