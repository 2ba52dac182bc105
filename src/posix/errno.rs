//! Error numbers, errno(3), with the words for those that starting a process can meet.

use crate::packed::ERROR_NAMES;
use crate::prose::ERRORS;
use crate::text::{Text, nth, take_until};

/// An error number, always positive. The sign that the kernel returns it with is taken off in `sys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// No such file or directory.
    pub const ENOENT: Self = Self(libc::ENOENT);
    /// No such process.
    pub const ESRCH: Self = Self(libc::ESRCH);
    /// Interrupted by a signal handler, a stop or a tracer.
    pub const EINTR: Self = Self(libc::EINTR);
    /// Exec format error.
    pub const ENOEXEC: Self = Self(libc::ENOEXEC);
    /// No child processes.
    pub const ECHILD: Self = Self(libc::ECHILD);
    /// Resource temporarily unavailable; a timeout of `rt_sigtimedwait(2)`.
    pub const EAGAIN: Self = Self(libc::EAGAIN);
    /// Permission denied.
    pub const EACCES: Self = Self(libc::EACCES);
    /// Not a directory.
    pub const ENOTDIR: Self = Self(libc::ENOTDIR);
    /// File name too long.
    pub const ENAMETOOLONG: Self = Self(libc::ENAMETOOLONG);

    /// Appends the error's name, and if asked its meaning as well: `NAME (meaning)`; `errno` and the
    /// number for one that is not listed here.
    pub fn append_to(self, text: &mut Text<'_>, with_meaning: bool) {
        for (listed, index) in ERRORS.iter().zip(0..) {
            if i32::from(*listed) == self.0 {
                let mut meaning = nth(&ERROR_NAMES, b'\n', index);
                let name = take_until(&mut meaning, b'|').unwrap_or_default();
                text.push_packed(name);
                return text.push_packed(if with_meaning { meaning } else { b"" });
            }
        }
        text.push_bytes(b"errno ");
        text.push_decimal(self.0.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// nix has numbers and names from the C library's headers.
    #[test]
    fn numbers_and_names_agree_with_the_c_library() {
        let mut listed = 0;
        for number in 0..=200 {
            let mut buffer = [0; 64];
            let text = &mut Text::new(&mut buffer);
            Errno(number).append_to(text, true);
            let description = str::from_utf8(text.as_bytes()).unwrap();
            if let Some((name, _)) = description.split_once(" (") {
                listed += 1;
                assert_eq!(format!("{:?}", nix::errno::Errno::from_raw(number)), name);
            }
        }
        assert_eq!(listed, ERRORS.len());
    }
}
