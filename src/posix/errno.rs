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
    (Errno::EKEYREVOKED, "EKEYREVOKED (key has been revoked)"),
    (
        Errno::EKEYREJECTED,
        "EKEYREJECTED (key was rejected by service)",
    ),
    (
        Errno::ECONNABORTED,
        "ECONNABORTED (software caused connection abort)",
    ),
    (Errno::ENOMEDIUM, "ENOMEDIUM (no medium found)"),
];

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Self = Self::known(libc::EPERM);
    /// No such file or directory.
    pub const ENOENT: Self = Self::known(libc::ENOENT);
    /// No such process.
    pub const ESRCH: Self = Self::known(libc::ESRCH);
    /// Interrupted system call.
    pub const EINTR: Self = Self::known(libc::EINTR);
    /// Input/output error.
    pub const EIO: Self = Self::known(libc::EIO);
    /// No such device or address.
    pub const ENXIO: Self = Self::known(libc::ENXIO);
    /// Argument list too long.
    pub const E2BIG: Self = Self::known(libc::E2BIG);
    /// Exec format error.
    pub const ENOEXEC: Self = Self::known(libc::ENOEXEC);
    /// Bad file descriptor.
    pub const EBADF: Self = Self::known(libc::EBADF);
    /// No child processes.
    pub const ECHILD: Self = Self::known(libc::ECHILD);
    /// Resource temporarily unavailable.
    pub const EAGAIN: Self = Self::known(libc::EAGAIN);
    /// Cannot allocate memory.
    pub const ENOMEM: Self = Self::known(libc::ENOMEM);
    /// Permission denied.
    pub const EACCES: Self = Self::known(libc::EACCES);
    /// Device or resource busy.
    pub const EBUSY: Self = Self::known(libc::EBUSY);
    /// No such device.
    pub const ENODEV: Self = Self::known(libc::ENODEV);
    /// Not a directory.
    pub const ENOTDIR: Self = Self::known(libc::ENOTDIR);
    /// Is a directory.
    pub const EISDIR: Self = Self::known(libc::EISDIR);
    /// Invalid argument.
    pub const EINVAL: Self = Self::known(libc::EINVAL);
    /// Too many open files in system.
    pub const ENFILE: Self = Self::known(libc::ENFILE);
    /// Too many open files.
    pub const EMFILE: Self = Self::known(libc::EMFILE);
    /// Inappropriate ioctl for device.
    pub const ENOTTY: Self = Self::known(libc::ENOTTY);
    /// Text file busy.
    pub const ETXTBSY: Self = Self::known(libc::ETXTBSY);
    /// File too large.
    pub const EFBIG: Self = Self::known(libc::EFBIG);
    /// No space left on device.
    pub const ENOSPC: Self = Self::known(libc::ENOSPC);
    /// Read-only file system.
    pub const EROFS: Self = Self::known(libc::EROFS);
    /// Broken pipe.
    pub const EPIPE: Self = Self::known(libc::EPIPE);
    /// File name too long.
    pub const ENAMETOOLONG: Self = Self::known(libc::ENAMETOOLONG);
    /// Function not implemented.
    pub const ENOSYS: Self = Self::known(libc::ENOSYS);
    /// Too many levels of symbolic links.
    pub const ELOOP: Self = Self::known(libc::ELOOP);
    /// Value too large for defined data type.
    pub const EOVERFLOW: Self = Self::known(libc::EOVERFLOW);
    /// Accessing a corrupted shared library.
    pub const ELIBBAD: Self = Self::known(libc::ELIBBAD);
    /// Operation not supported.
    pub const EOPNOTSUPP: Self = Self::known(libc::EOPNOTSUPP);
    /// Connection timed out.
    pub const ETIMEDOUT: Self = Self::known(libc::ETIMEDOUT);
    /// Stale file handle.
    pub const ESTALE: Self = Self::known(libc::ESTALE);
    /// Structure needs cleaning.
    pub const EUCLEAN: Self = Self::known(libc::EUCLEAN);
    /// Disk quota exceeded.
    pub const EDQUOT: Self = Self::known(libc::EDQUOT);
    /// Required key not available.
    pub const ENOKEY: Self = Self::known(libc::ENOKEY);
    /// Host is down.
    pub const EHOSTDOWN: Self = Self::known(libc::EHOSTDOWN);
    /// Transport endpoint is not connected.
    pub const ENOTCONN: Self = Self::known(libc::ENOTCONN);
    /// Remote I/O error.
    pub const EREMOTEIO: Self = Self::known(libc::EREMOTEIO);
    /// Key has been revoked.
    pub const EKEYREVOKED: Self = Self::known(libc::EKEYREVOKED);
    /// Key was rejected by service.
    pub const EKEYREJECTED: Self = Self::known(libc::EKEYREJECTED);
    /// Software caused connection abort.
    pub const ECONNABORTED: Self = Self::known(libc::ECONNABORTED);
    /// No medium found.
    pub const ENOMEDIUM: Self = Self::known(libc::ENOMEDIUM);

    /// Takes a number; `None` unless it is between 1 and 4095, the kernel's `MAX_ERRNO` (`include/linux/err.h`).
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        let [low, high, ..] = number.to_le_bytes();
        match NonZero::new(u16::from_le_bytes([low, high])) {
            Some(small) if number > 0 && number < 4096 => Some(Self(small)),
            Some(_) | None => None,
        }
    }

    /// The error with this number, which has to be an error's.
    const fn known(number: i32) -> Self {
        match Self::new(number) {
            Some(errno) => errno,
            None => Self(NonZero::<u16>::MIN),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0.get()
    }

    /// Its name and what it means, such as `ENOENT (no such file or directory)`; `None` for a number that has no
    /// business here.
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
