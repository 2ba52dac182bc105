//! Error numbers, errno(3), with the names and meanings of those that starting a process can meet.

use core::num::NonZero;

/// An error number. Never zero and always positive: `sys` takes off the sign that the kernel returns it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(NonZero<u16>);

/// Numbers, and names with meanings (`include/uapi/asm-generic/errno-base.h` and `errno.h`): what execve(2), clone(2) and
/// the calls around them can return, file systems over a network included.
const KNOWN: &[(Errno, &str)] = &[
    (Errno::EPERM, "EPERM (operation not permitted)"),
    (Errno::ENOENT, "ENOENT (no such file or directory)"),
    (Errno::ESRCH, "ESRCH (no such process)"),
    (Errno::EINTR, "EINTR (interrupted system call)"),
    (Errno::EIO, "EIO (input/output error)"),
    (Errno::ENXIO, "ENXIO (no such device or address)"),
    (Errno::E2BIG, "E2BIG (argument list too long)"),
    (Errno::ENOEXEC, "ENOEXEC (exec format error)"),
    (Errno::EBADF, "EBADF (bad file descriptor)"),
    (Errno::EAGAIN, "EAGAIN (resource temporarily unavailable)"),
    (Errno::ENOMEM, "ENOMEM (cannot allocate memory)"),
    (Errno::EACCES, "EACCES (permission denied)"),
    (Errno::EFAULT, "EFAULT (bad address)"),
    (Errno::EBUSY, "EBUSY (device or resource busy)"),
    (Errno::ENODEV, "ENODEV (no such device)"),
    (Errno::ENOTDIR, "ENOTDIR (not a directory)"),
    (Errno::EISDIR, "EISDIR (is a directory)"),
    (Errno::EINVAL, "EINVAL (invalid argument)"),
    (Errno::ENFILE, "ENFILE (too many open files in system)"),
    (Errno::EMFILE, "EMFILE (too many open files)"),
    (Errno::ENOTTY, "ENOTTY (inappropriate ioctl for device)"),
    (Errno::ETXTBSY, "ETXTBSY (text file busy)"),
    (Errno::EFBIG, "EFBIG (file too large)"),
    (Errno::ENOSPC, "ENOSPC (no space left on device)"),
    (Errno::EROFS, "EROFS (read-only file system)"),
    (Errno::EPIPE, "EPIPE (broken pipe)"),
    (Errno::ENAMETOOLONG, "ENAMETOOLONG (file name too long)"),
    (Errno::ENOSYS, "ENOSYS (function not implemented)"),
    (Errno::ELOOP, "ELOOP (too many levels of symbolic links)"),
    (
        Errno::EOVERFLOW,
        "EOVERFLOW (value too large for defined data type)",
    ),
    (
        Errno::ELIBBAD,
        "ELIBBAD (accessing a corrupted shared library)",
    ),
    (Errno::EOPNOTSUPP, "EOPNOTSUPP (operation not supported)"),
    (Errno::ETIMEDOUT, "ETIMEDOUT (connection timed out)"),
    (Errno::ESTALE, "ESTALE (stale file handle)"),
    (Errno::EUCLEAN, "EUCLEAN (structure needs cleaning)"),
    (Errno::EDQUOT, "EDQUOT (disk quota exceeded)"),
    (Errno::ENOKEY, "ENOKEY (required key not available)"),
    (Errno::EHOSTDOWN, "EHOSTDOWN (host is down)"),
    (
        Errno::ENOTCONN,
        "ENOTCONN (transport endpoint is not connected)",
    ),
    (Errno::EREMOTEIO, "EREMOTEIO (remote I/O error)"),
    (
        Errno::ECONNABORTED,
        "ECONNABORTED (software caused connection abort)",
    ),
];

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Self = Self::constant(libc::EPERM);
    /// No such file or directory.
    pub const ENOENT: Self = Self::constant(libc::ENOENT);
    /// No such process.
    pub const ESRCH: Self = Self::constant(libc::ESRCH);
    /// Interrupted system call.
    pub const EINTR: Self = Self::constant(libc::EINTR);
    /// Input/output error.
    pub const EIO: Self = Self::constant(libc::EIO);
    /// No such device or address.
    pub const ENXIO: Self = Self::constant(libc::ENXIO);
    /// Argument list too long.
    pub const E2BIG: Self = Self::constant(libc::E2BIG);
    /// Exec format error.
    pub const ENOEXEC: Self = Self::constant(libc::ENOEXEC);
    /// Bad file descriptor.
    pub const EBADF: Self = Self::constant(libc::EBADF);
    /// No child processes.
    pub const ECHILD: Self = Self::constant(libc::ECHILD);
    /// Resource temporarily unavailable.
    pub const EAGAIN: Self = Self::constant(libc::EAGAIN);
    /// Cannot allocate memory.
    pub const ENOMEM: Self = Self::constant(libc::ENOMEM);
    /// Permission denied.
    pub const EACCES: Self = Self::constant(libc::EACCES);
    /// Bad address.
    pub const EFAULT: Self = Self::constant(libc::EFAULT);
    /// Device or resource busy.
    pub const EBUSY: Self = Self::constant(libc::EBUSY);
    /// No such device.
    pub const ENODEV: Self = Self::constant(libc::ENODEV);
    /// Not a directory.
    pub const ENOTDIR: Self = Self::constant(libc::ENOTDIR);
    /// Is a directory.
    pub const EISDIR: Self = Self::constant(libc::EISDIR);
    /// Invalid argument.
    pub const EINVAL: Self = Self::constant(libc::EINVAL);
    /// Too many open files in system.
    pub const ENFILE: Self = Self::constant(libc::ENFILE);
    /// Too many open files.
    pub const EMFILE: Self = Self::constant(libc::EMFILE);
    /// Inappropriate ioctl for device.
    pub const ENOTTY: Self = Self::constant(libc::ENOTTY);
    /// Text file busy.
    pub const ETXTBSY: Self = Self::constant(libc::ETXTBSY);
    /// File too large.
    pub const EFBIG: Self = Self::constant(libc::EFBIG);
    /// No space left on device.
    pub const ENOSPC: Self = Self::constant(libc::ENOSPC);
    /// Read-only file system.
    pub const EROFS: Self = Self::constant(libc::EROFS);
    /// Broken pipe.
    pub const EPIPE: Self = Self::constant(libc::EPIPE);
    /// File name too long.
    pub const ENAMETOOLONG: Self = Self::constant(libc::ENAMETOOLONG);
    /// Function not implemented.
    pub const ENOSYS: Self = Self::constant(libc::ENOSYS);
    /// Too many levels of symbolic links.
    pub const ELOOP: Self = Self::constant(libc::ELOOP);
    /// Value too large for defined data type.
    pub const EOVERFLOW: Self = Self::constant(libc::EOVERFLOW);
    /// Accessing a corrupted shared library.
    pub const ELIBBAD: Self = Self::constant(libc::ELIBBAD);
    /// Operation not supported.
    pub const EOPNOTSUPP: Self = Self::constant(libc::EOPNOTSUPP);
    /// Connection timed out.
    pub const ETIMEDOUT: Self = Self::constant(libc::ETIMEDOUT);
    /// Stale file handle.
    pub const ESTALE: Self = Self::constant(libc::ESTALE);
    /// Structure needs cleaning.
    pub const EUCLEAN: Self = Self::constant(libc::EUCLEAN);
    /// Disk quota exceeded.
    pub const EDQUOT: Self = Self::constant(libc::EDQUOT);
    /// Required key not available.
    pub const ENOKEY: Self = Self::constant(libc::ENOKEY);
    /// Host is down.
    pub const EHOSTDOWN: Self = Self::constant(libc::EHOSTDOWN);
    /// Transport endpoint is not connected.
    pub const ENOTCONN: Self = Self::constant(libc::ENOTCONN);
    /// Remote I/O error.
    pub const EREMOTEIO: Self = Self::constant(libc::EREMOTEIO);
    /// Software caused connection abort.
    pub const ECONNABORTED: Self = Self::constant(libc::ECONNABORTED);

    /// Takes a number; `None` unless it is between 1 and 4095, the kernel's `MAX_ERRNO` (`include/linux/err.h`).
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        let [low, high, ..] = number.to_le_bytes();
        match NonZero::new(u16::from_le_bytes([low, high])) {
            Some(small) if number > 0 && number < 4096 => Some(Self(small)),
            Some(_) | None => None,
        }
    }

    /// The error with this number; one that is no error's does not compile.
    #[expect(clippy::panic, reason = "the constants are evaluated by the compiler")]
    const fn constant(number: i32) -> Self {
        match Self::new(number) {
            Some(errno) => errno,
            None => panic!("no error has this number"),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0.get()
    }

    /// Its name and what it means, such as `ENOENT (no such file or directory)`; `None` for one that is not listed here.
    #[must_use]
    pub fn description(self) -> Option<&'static str> {
        let known = KNOWN.iter().find(|(errno, _)| *errno == self);
        known.map(|(_, description)| *description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// nix has numbers and names from the C library's headers.
    #[test]
    fn numbers_and_names_agree_with_the_c_library() {
        for (errno, description) in KNOWN {
            let theirs = nix::errno::Errno::from_raw(errno.number().into());
            let (name, meaning) = description.split_once(' ').unwrap();
            assert_eq!(format!("{theirs:?}"), name);
            assert!(meaning.starts_with('(') && meaning.ends_with(')'));
            assert_eq!(errno.description(), Some(*description));
        }
    }

    #[test]
    fn only_numbers_of_errors_are_taken() {
        assert_eq!(Errno::new(0), None);
        assert_eq!(Errno::new(-1), None);
        assert_eq!(Errno::new(4096), None);
        assert_eq!(Errno::new(65_538), None);
        assert_eq!(Errno::new(4095).map(Errno::number), Some(4095));
        assert_eq!(Errno::new(999).and_then(Errno::description), None);
    }
}
