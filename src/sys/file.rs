//! System calls about files.
//!
//! # Safety
//! The kernel is told of memory only through references and slices that live until it returns, and of lengths that
//! are theirs.
#![expect(unsafe_code, reason = "this is the kernel's door")]

use super::Result;
use super::arguments::ZStr;
use super::call::{self, Sysno, numbers, register, result, success, syscall, to_int};
use super::clock::timespec;
use super::signal::SIGSET_SIZE;
use crate::posix::signal::SignalSet;
use crate::posix::time::Milliseconds;
use core::mem::MaybeUninit;
use core::ptr;

/// The number of an open file, which somebody else keeps open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(u32);

impl Descriptor {
    /// Standard input.
    pub const INPUT: Self = Self(0);
    /// Standard output.
    pub const OUTPUT: Self = Self(1);
    /// Standard error.
    pub const ERROR: Self = Self(2);

    /// As a number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// As the kernel takes it.
    pub(super) fn register(self) -> usize {
        register(self.0.cast_signed())
    }
}

/// An open file that is closed when this value is dropped: close(2).
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedDescriptor(Descriptor);

impl OwnedDescriptor {
    /// Its number, good for as long as this value lives.
    #[must_use]
    pub const fn get(&self) -> Descriptor {
        self.0
    }
}

impl Drop for OwnedDescriptor {
    fn drop(&mut self) {
        // There is nothing to do about a failure: Linux frees the descriptor all the same.
        let _ = close(self.0.0);
    }
}

/// Closes a descriptor by its number: close(2).
///
/// # Errors
/// EBADF where nothing is open; EIO, after which it is closed all the same.
#[inline(never)]
pub fn close(number: u32) -> Result<()> {
    success(numbers(call::CLOSE, [Descriptor(number).register()]))
}

/// Whether the kernel raises SIGIO when something can be read or written, `O_ASYNC` in fcntl(2) and open(2).
#[must_use]
pub fn is_async(file: Descriptor) -> bool {
    let command = register(libc::F_GETFL);
    let flags = result(numbers(call::FCNTL, [file.register(), command]));
    flags.is_ok_and(|flags| flags & register(libc::O_ASYNC) != 0)
}

/// Closes all descriptors from this number on: `close_range(2)`.
///
/// # Errors
/// ENOSYS before Linux 5.9, and EPERM from sandboxes that are as old.
pub fn close_range(first: u32) -> Result<()> {
    let (first, last) = (
        Descriptor(first).register(),
        Descriptor(u32::MAX).register(),
    );
    success(numbers(call::CLOSE_RANGE, [first, last]))
}

/// How to open a file, open(2); always closed on exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To read it, without ever waiting for a writer, and without getting a controlling terminal.
    Read,
    /// As a directory, to list it, or to look below it.
    Directory,
    /// As a terminal, without ever waiting for it, and without making it the controlling one.
    Terminal,
    /// Neither to read nor to write, but to ask what it is, for which it takes no permission (`O_PATH`).
    Path,
}

impl Open {
    /// The flags of open(2).
    const fn flags(self) -> i32 {
        libc::O_CLOEXEC
            | libc::O_LARGEFILE
            | match self {
                Self::Read => libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY,
                Self::Directory => libc::O_RDONLY | libc::O_DIRECTORY,
                Self::Terminal => libc::O_RDWR | libc::O_NONBLOCK | libc::O_NOCTTY,
                Self::Path => libc::O_PATH,
            }
    }
}

/// Where a relative path starts: in the working directory.
const HERE: i32 = libc::AT_FDCWD;

/// Opens a file: openat(2).
///
/// # Errors
/// Those of the manual page, ENXIO for `/dev/tty` without a controlling terminal among them.
pub fn open(path: ZStr<'_>, how: Open) -> Result<OwnedDescriptor> {
    open_from(register(HERE), path, how)
}

/// Opens a file below a directory: openat(2).
///
/// # Errors
/// Those of the manual page, ENOTDIR where it is no directory among them.
pub fn openat(directory: Descriptor, path: ZStr<'_>, how: Open) -> Result<OwnedDescriptor> {
    open_from(directory.register(), path, how)
}

fn open_from(directory: usize, path: ZStr<'_>, how: Open) -> Result<OwnedDescriptor> {
    let (path, flags) = (path.as_ptr(), register(how.flags()));
    // SAFETY: the path is null-terminated.
    let file = result(unsafe { syscall!(Sysno::openat, directory, path, flags) })?;
    let number = to_int(file).cast_unsigned();
    Ok(OwnedDescriptor(Descriptor(number)))
}

/// Reads what comes next, at most as much as fits: read(2). Returns how many bytes there were, 0 at the end.
///
/// # Errors
/// Those of the manual page; EAGAIN where it would wait for bytes in a file that [`Open::Read`] has opened.
pub fn read(file: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    fill(Sysno::read, file, buffer)
}

/// Reads the next records of a directory: getdents64(2). Returns how many bytes there were, 0 at the end.
///
/// # Errors
/// Those of the manual page; EINVAL where not even one record fits.
pub fn getdents64(directory: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    fill(Sysno::getdents64, directory, buffer)
}

/// One of the two calls that fill a buffer.
fn fill(number: Sysno, file: Descriptor, buffer: &mut [u8]) -> Result<usize> {
    let (file, start, length) = (file.register(), buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the kernel writes at most as many bytes as the buffer has.
    result(unsafe { syscall!(number, file, start, length) })
}

/// Writes as much as goes: write(2). Returns how many bytes went.
///
/// # Errors
/// Those of the manual page.
pub fn write(file: Descriptor, bytes: &[u8]) -> Result<usize> {
    let (file, start, length) = (file.register(), bytes.as_ptr(), bytes.len());
    // SAFETY: the kernel reads as many bytes as there are.
    result(unsafe { syscall!(Sysno::write, file, start, length) })
}

/// Writes as much as goes without waiting: pwritev2(2) with `RWF_NOWAIT`. Returns how many bytes went.
///
/// # Errors
/// EAGAIN where it would wait; EOPNOTSUPP for files that cannot tell, ENOSYS before Linux 4.6.
pub fn pwritev2_nowait(file: Descriptor, bytes: &[u8]) -> Result<usize> {
    let vector = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let vector = &raw const vector;
    let file = file.register();
    let current = register(-1);
    let flags = register(libc::RWF_NOWAIT);
    // SAFETY: the kernel reads one vector and as many bytes as there are; offset -1 is the current one.
    result(unsafe { syscall!(Sysno::pwritev2, file, vector, 1, current, current, flags) })
}

/// Sends as much as goes to a connected socket without waiting and without SIGPIPE: send(2) with `MSG_DONTWAIT` and
/// `MSG_NOSIGNAL`. Returns how many bytes went.
///
/// # Errors
/// EAGAIN where it would wait; ENOTSOCK for anything but a socket; EPIPE where nobody reads.
pub fn send(socket: Descriptor, bytes: &[u8]) -> Result<usize> {
    let (socket, start, length) = (socket.register(), bytes.as_ptr(), bytes.len());
    let flags = register(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    let no_address = ptr::null::<libc::sockaddr>();
    // SAFETY: the kernel reads as many bytes as there are, and no address.
    result(unsafe { syscall!(Sysno::sendto, socket, start, length, flags, no_address, 0) })
}

/// Whether something can be written to a file, poll(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writability {
    /// Something can be written without waiting.
    Now,
    /// A write would wait.
    NotNow,
    /// Nobody reads any more, or the file is not open: `POLLERR`, `POLLHUP` or `POLLNVAL`.
    Never,
}

/// Asks, without waiting, whether something can be written: ppoll(2), `POLLOUT`.
///
/// # Errors
/// None that the kernel gives but ENOMEM; a sandbox may refuse.
pub fn poll_for_writing(file: Descriptor) -> Result<Writability> {
    let mut descriptors = [libc::pollfd {
        fd: file.0.cast_signed(),
        events: libc::POLLOUT,
        revents: 0,
    }];
    ppoll(&mut descriptors, Milliseconds(0))?;
    let [libc::pollfd { revents, .. }] = descriptors;
    Ok(match revents {
        0 => Writability::NotNow,
        libc::POLLOUT => Writability::Now,
        _ => Writability::Never,
    })
}

/// Waits for something to happen to descriptors: ppoll(2) without a mask of its own.
pub(super) fn ppoll(descriptors: &mut [libc::pollfd], timeout: Milliseconds) -> Result<()> {
    let time = timespec(timeout);
    let time = &raw const time;
    let no_mask = ptr::null::<SignalSet>();
    let (start, count) = (descriptors.as_mut_ptr(), descriptors.len());
    // SAFETY: there are `count` descriptors, `time` is a timespec and a null mask changes nothing.
    success(unsafe { syscall!(Sysno::ppoll, start, count, time, no_mask, SIGSET_SIZE) })
}

/// What a file is, inode(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A socket.
    Socket,
    /// A character device, a terminal among others.
    CharacterDevice,
    /// A FIFO, a pipe, a block device or a symbolic link.
    Other,
}

/// What the kernel knows of a file, inode(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// What it is.
    pub kind: FileKind,
    /// How many bytes a regular file has.
    pub size: u64,
}

/// What the file at a path is, symbolic links followed: stat(2), by statx(2).
///
/// # Errors
/// Those of the manual page; ENOSYS before Linux 4.11, and EPERM from sandboxes that are as old.
pub fn stat(path: ZStr<'_>) -> Result<FileStatus> {
    statx(register(HERE), path, 0)
}

/// What an open file is: fstat(2), by statx(2).
///
/// # Errors
/// EBADF where it is not open; ENOSYS before Linux 4.11, and EPERM from sandboxes that are as old.
pub fn fstat(file: Descriptor) -> Result<FileStatus> {
    let itself = ZStr::from_c_str(c"");
    statx(file.register(), itself, libc::AT_EMPTY_PATH)
}

/// statx(2) is the one call of its kind that every architecture has, with the same structure.
fn statx(directory: usize, path: ZStr<'_>, flags: i32) -> Result<FileStatus> {
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    let (path, flags, place) = (path.as_ptr(), register(flags), status.as_mut_ptr());
    let wanted = register((libc::STATX_TYPE | libc::STATX_SIZE).cast_signed());
    // SAFETY: the path is null-terminated, and the kernel writes one structure.
    success(unsafe { syscall!(Sysno::statx, directory, path, flags, wanted, place) })?;
    // SAFETY: it holds numbers, which were zero before the kernel has written them.
    let libc::statx {
        stx_mode, stx_size, ..
    } = unsafe { status.assume_init() };
    let kind = match u32::from(stx_mode) & libc::S_IFMT {
        libc::S_IFREG => FileKind::Regular,
        libc::S_IFDIR => FileKind::Directory,
        libc::S_IFSOCK => FileKind::Socket,
        libc::S_IFCHR => FileKind::CharacterDevice,
        _ => FileKind::Other,
    };
    Ok(FileStatus {
        kind,
        size: stx_size,
    })
}

/// Whether this process may execute the file at a path, with its real user and group: access(2), `X_OK`, by
/// faccessat(2).
///
/// # Errors
/// EACCES where it may not, also on a file system that is mounted noexec; others of the manual page.
pub fn access_to_execute(path: ZStr<'_>) -> Result<()> {
    let (path, mode) = (path.as_ptr(), register(libc::X_OK));
    // SAFETY: the path is null-terminated.
    success(unsafe { syscall!(Sysno::faccessat, register(HERE), path, mode) })
}

/// What kind of file system a file is on, statfs(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// proc(5).
    Proc,
    /// cgroups(7), version 1.
    Cgroup1,
    /// cgroups(7), version 2.
    Cgroup2,
    /// Any other.
    Other,
}

/// Where a file comes from, statfs(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The file system.
    pub file_system: FileSystem,
    /// Whether nothing on it may be executed, mount(8).
    pub noexec: bool,
}

/// The kernel's structure with 64-bit sizes, which the 64-bit machines have from the start.
type Statfs = libc::statfs64;

/// What file system an open file is on, and how that is mounted: fstatfs(2).
///
/// # Errors
/// EBADF where it is not open; ENOSYS where the file system cannot tell.
pub fn fstatfs(file: Descriptor) -> Result<Mount> {
    let mut status = MaybeUninit::<Statfs>::zeroed();
    let (file, place) = (file.register(), status.as_mut_ptr());
    // SAFETY: the kernel writes one structure.
    #[cfg(target_pointer_width = "64")]
    let returned = unsafe { syscall!(Sysno::fstatfs, file, place) };
    // SAFETY: the kernel writes one structure, which is as long as it is told. The older call refuses large file
    // systems there.
    #[cfg(target_pointer_width = "32")]
    let returned = unsafe { syscall!(Sysno::fstatfs64, file, size_of::<Statfs>(), place) };
    success(returned)?;
    // SAFETY: it holds numbers, which were zero before the kernel has written them.
    let status = unsafe { status.assume_init() };
    let file_system = match status.f_type {
        libc::PROC_SUPER_MAGIC => FileSystem::Proc,
        libc::CGROUP_SUPER_MAGIC => FileSystem::Cgroup1,
        libc::CGROUP2_SUPER_MAGIC => FileSystem::Cgroup2,
        _ => FileSystem::Other,
    };
    #[expect(
        clippy::as_conversions,
        clippy::cast_sign_loss,
        reason = "the C library has these flags in types of other widths and signs"
    )]
    let noexec = status.f_flags as libc::c_ulong & libc::ST_NOEXEC != 0;
    Ok(Mount {
        file_system,
        noexec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posix::errno::Errno;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    /// A descriptor that the standard library owns.
    fn borrow(file: &impl AsRawFd) -> Descriptor {
        Descriptor(u32::try_from(file.as_raw_fd()).unwrap())
    }

    fn path(path: &Path) -> Vec<u8> {
        [path.as_os_str().as_bytes(), b"\0"].concat()
    }

    fn at(path: &[u8]) -> ZStr<'_> {
        ZStr::from_bytes_until_nul(path).unwrap()
    }

    #[track_caller]
    fn check_mount(path: &[u8], expected: FileSystem) {
        let file = open(at(path), Open::Path).unwrap();
        assert_eq!(fstatfs(file.get()).unwrap().file_system, expected);
    }

    #[test]
    fn the_file_system_of_proc_is_known() {
        check_mount(b"/proc/self/stat\0", FileSystem::Proc);
        check_mount(b"/dev/null\0", FileSystem::Other);
        check_mount(b"/\0", FileSystem::Other);
    }

    /// The oracle is what the kernel says of its mounts in words, `proc_pid_mountinfo(5)`.
    #[test]
    fn a_mount_says_whether_it_is_noexec() {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let expected: Vec<&str> = mounts
            .lines()
            .filter(|line| line.split(' ').nth(4) == Some("/proc"))
            .collect();
        let options = expected.last().unwrap().split(' ').nth(5).unwrap();
        let file = open(at(b"/proc\0"), Open::Directory).unwrap();
        let noexec = options.split(',').any(|option| option == "noexec");
        assert_eq!(fstatfs(file.get()).unwrap().noexec, noexec);
    }

    #[test]
    fn every_kind_of_file_is_told_from_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let regular = directory.path().join("regular");
        std::fs::write(&regular, b"12345").unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (file, kind) in [
            (&*regular, FileKind::Regular),
            (directory.path(), FileKind::Directory),
            (&fifo, FileKind::Other),
            (&socket, FileKind::Socket),
            (Path::new("/dev/null"), FileKind::CharacterDevice),
        ] {
            let file = path(file);
            let status = stat(at(&file)).unwrap();
            assert_eq!(status.kind, kind);
            let opened = open(at(&file), Open::Path).unwrap();
            assert_eq!(fstat(opened.get()), Ok(status));
        }
        assert_eq!(stat(at(&path(&regular))).unwrap().size, 5);
        let missing = stat(at(&path(&directory.path().join("missing"))));
        assert_eq!(missing, Err(Errno::ENOENT));
    }

    #[test]
    fn what_nobody_may_execute_is_eacces() {
        let directory = tempfile::tempdir().unwrap();
        let plain = path(&directory.path().join("plain"));
        std::fs::write(directory.path().join("plain"), b"").unwrap();
        assert_eq!(access_to_execute(at(&plain)), Err(Errno::EACCES));
        assert_eq!(access_to_execute(at(b"/proc/self/exe\0")), Ok(()));
    }

    #[test]
    fn a_directory_is_listed_and_files_are_opened_below_it() {
        let directory = open(at(b"/proc/self\0"), Open::Directory).unwrap();
        let mut buffer = [0; 4096];
        let length = getdents64(directory.get(), &mut buffer).unwrap();
        assert!(buffer[..length].windows(5).any(|name| name == b"stat\0"));
        let file = openat(directory.get(), at(b"comm\0"), Open::Read).unwrap();
        let expected = std::fs::read("/proc/self/comm").unwrap();
        let length = read(file.get(), &mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected);
        assert_eq!(read(file.get(), &mut buffer), Ok(0));
        let refused = open(at(b"/proc/self/comm\0"), Open::Directory);
        assert_eq!(refused.err(), Some(Errno::ENOTDIR));
    }

    /// Nobody writes to it, and the open does not wait for somebody who does.
    #[test]
    fn a_fifo_is_opened_and_read_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let file = open(at(&path(&fifo)), Open::Read).unwrap();
        assert_eq!(read(file.get(), &mut [0; 8]), Ok(0));
    }

    #[test]
    fn an_opened_file_is_closed_with_its_owner_and_on_exec() {
        let file = open(at(b"/proc/self/stat\0"), Open::Read).unwrap();
        let info = format!("/proc/self/fdinfo/{}", file.get().0);
        let info = std::fs::read_to_string(info).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:\t"));
        let flags = i32::from_str_radix(flags.unwrap(), 8).unwrap();
        assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC);
        assert_eq!(flags & libc::O_NONBLOCK, libc::O_NONBLOCK);
        // Another test may open a file with its number at once, but not this one.
        let link = format!("/proc/self/fd/{}", file.get().0);
        let before = std::fs::read_link(&link).unwrap();
        assert!(before.ends_with("stat"));
        drop(file);
        assert_ne!(std::fs::read_link(&link).ok(), Some(before));
    }

    #[test]
    fn a_pipe_that_is_full_or_broken_is_not_written_to() {
        let (reader, writer): (OwnedFd, OwnedFd) = nix::unistd::pipe().unwrap();
        let file = borrow(&writer);
        assert_eq!(poll_for_writing(file), Ok(Writability::Now));
        assert_eq!(write(file, b"abc"), Ok(3));
        assert_eq!(send(file, b"abc").err(), Errno::new(libc::ENOTSOCK));
        while pwritev2_nowait(file, &[0; 4096]).is_ok() {}
        assert_eq!(pwritev2_nowait(file, &[0; 4096]), Err(Errno::EAGAIN));
        assert_eq!(poll_for_writing(file), Ok(Writability::NotNow));
        let mut buffer = [0; 8];
        assert_eq!(read(borrow(&reader), &mut buffer), Ok(8));
        assert_eq!(&buffer, b"abc\0\0\0\0\0");
        drop(reader);
        assert_eq!(poll_for_writing(file), Ok(Writability::Never));
        assert_eq!(write(file, b"abc"), Err(Errno::EPIPE));
    }

    #[test]
    fn a_socket_that_is_full_or_broken_is_not_sent_to() {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = borrow(&writer);
        assert_eq!(send(socket, b"abc"), Ok(3));
        while send(socket, &[0; 4096]).is_ok() {}
        assert_eq!(send(socket, b"abc"), Err(Errno::EAGAIN));
        drop(reader);
        assert_eq!(poll_for_writing(socket), Ok(Writability::Never));
        assert_eq!(send(socket, b"abc"), Err(Errno::EPIPE));
    }

    #[test]
    fn what_is_not_open_is_an_error() {
        // Above every limit of open files.
        let number = i32::MAX.cast_unsigned();
        assert_eq!(close(number), Err(Errno::EBADF));
        assert_eq!(fstat(Descriptor(number)), Err(Errno::EBADF));
        assert_eq!(poll_for_writing(Descriptor(number)), Ok(Writability::Never));
        assert_eq!(close_range(number), Ok(()));
    }
}
