//! What the kernel's files tell: processes, control groups, and why a command could not be executed. A file is opened
//! so that it cannot wait, recognised by its file system before a byte of it is believed, and read once within a bound.
//!
//! Of other processes only the directory and `stat` are opened: reading more takes their locks. A file system that
//! waits for its server (FUSE, a stale NFS) can hold open(2) all the same, and nothing here prevents that.

use crate::bytes::Buffer;
use crate::exec_failure::{Facts, Program, Refused};
use crate::limits;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::proc_files::{self, Hierarchy, ProcessStat};
use crate::sys::Result;
use crate::sys::arguments::ZStr;
use crate::sys::file::{self, Descriptor, FileKind, FileSystem, Open, OwnedDescriptor};
use crate::sys::process;
use crate::sys::signal::{self, Recipient};
use core::ops::ControlFlow;

/// How often a call is made that a signal interrupts. All signals are blocked, so it is rarely more than once.
const ATTEMPTS: u8 = 3;

/// Room for `/proc/PID/stat` up to the last field that counts: 34 of at most 20 digits, and a name of 64 bytes.
pub const STAT: usize = 1024;

/// How much of the head of a program is read: linkers put its headers and its loader's path there.
pub const HEAD: usize = 4096;

/// Room for the list of the control groups of a process: twelve hierarchies of version 1, a path of 300 bytes each.
const GROUPS: usize = 4096;

/// The longest path of a control group's file that is looked at.
const GROUP_PATH: usize = 1024;

/// Room for a file of a control group.
const GROUP_FILE: usize = 512;

/// Room for the names of some 170 processes.
const RECORDS: usize = 4096;

/// Makes a call again where a signal has interrupted it.
fn uninterrupted<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempts = 1;
    loop {
        match call() {
            Err(Errno::EINTR) if attempts < ATTEMPTS => attempts = attempts.saturating_add(1),
            result => return result,
        }
    }
}

/// The path in a buffer with a null byte after it, as the kernel takes it.
fn terminated(mut path: Buffer<'_>) -> Result<ZStr<'_>> {
    path.push(0);
    ZStr::from_bytes_until_nul(path.into_bytes()).ok_or(Errno::ENAMETOOLONG)
}

/// Opens a file by a call. A parent may have handed down so many that the soft limit is reached: the init then goes up to
/// its hard one, which changes nothing for the main child.
fn opened(call: impl Fn() -> Result<OwnedDescriptor>) -> Result<OwnedDescriptor> {
    match uninterrupted(&call) {
        Err(Errno::EMFILE) if process::raise_file_limit().is_ok() => uninterrupted(&call),
        result => result,
    }
}

/// Opens a file by its path.
fn open(path: ZStr<'_>, how: Open) -> Result<OwnedDescriptor> {
    opened(|| file::open(path, how))
}

/// Opens a file below a directory.
fn open_below(directory: &OwnedDescriptor, path: ZStr<'_>, how: Open) -> Result<OwnedDescriptor> {
    opened(|| file::openat(directory.get(), path, how))
}

/// The bytes of a file up to as many as there is room for.
fn read(file: Descriptor, memory: &mut [u8]) -> Result<&[u8]> {
    let length = uninterrupted(|| file::read(file, memory))?;
    memory.get(..length).ok_or(Errno::EIO)
}

/// The file if it is on one of these file systems, else ENODEV.
fn recognised(opened: OwnedDescriptor, expected: &[FileSystem]) -> Result<OwnedDescriptor> {
    let mount = uninterrupted(|| file::fstatfs(opened.get()))?;
    if expected.contains(&mount.file_system) {
        Ok(opened)
    } else {
        Err(Errno::ENODEV)
    }
}

/// Visits the numbers among the names of a directory, 0 left out, until a visit breaks off.
fn for_each_number(
    directory: Descriptor,
    visit: &mut dyn FnMut(Pid) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let mut records = [0; RECORDS];
    loop {
        let length = uninterrupted(|| file::getdents64(directory, &mut records))?;
        if length == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        for number in proc_files::process_ids(records.get(..length).ok_or(Errno::EIO)?) {
            if visit(number).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

/// Closes the open descriptors from a number on, as `/proc/self/fd` lists them.
///
/// # Errors
/// ENOENT, ENODEV where there is no procfs; others of open(2) and getdents64(2).
pub fn close_listed(first: u32) -> Result<()> {
    let directory = open(ZStr::from_c_str(c"/proc/self/fd"), Open::Directory)?;
    let directory = recognised(directory, &[FileSystem::Proc])?;
    let itself = directory.get().number();
    for_each_number(directory.get(), &mut |number| {
        let number = number.number().unsigned_abs();
        if number >= first && number != itself {
            let _ = file::close(number);
        }
        ControlFlow::Continue(())
    })
    .map(|_| ())
}

/// Reads an opened `/proc/PID/stat`.
fn read_stat(opened: OwnedDescriptor, memory: &mut [u8; STAT]) -> Result<ProcessStat<'_>> {
    let file = recognised(opened, &[FileSystem::Proc])?;
    ProcessStat::parse(read(file.get(), memory)?).ok_or(Errno::EIO)
}

/// Looks at a child of this process, with five system calls.
///
/// # Errors
/// ENOENT where there is no /proc, or one that hides it; EPERM where it may not be looked at; ENODEV where `/proc` is
/// no procfs; ESRCH where that is another PID namespace's; EIO where the file is not the kernel's; others of open(2)
/// and read(2).
pub fn stat_of_child(child: Pid, memory: &mut [u8; STAT]) -> Result<ProcessStat<'_>> {
    let mut path = [0; 24];
    let mut path = Buffer::new(&mut path);
    path.push_bytes(b"/proc/");
    path.push_decimal(child.number().unsigned_abs());
    path.push_bytes(b"/stat");
    let stat = read_stat(open(terminated(path)?, Open::Read)?, memory)?;
    // In a procfs of another namespace the same number is another process's, which has another parent.
    if stat.pid == child && stat.parent == Some(process::getpid()?) {
        Ok(stat)
    } else {
        Err(Errno::ESRCH)
    }
}

/// How much of the processes a walk has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// All that there were when it began, as far as can be told.
    Complete,
    /// Not all: /proc hides processes (`hidepid=`, proc(5)).
    Incomplete,
    /// It was ended early.
    Stopped,
}

/// `/proc`, a procfs of this process's own PID namespace.
#[derive(Debug)]
pub struct Proc {
    directory: OwnedDescriptor,
    own: Pid,
}

impl Proc {
    /// Opens it, with seven system calls.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR where there is none; ENODEV where it is no procfs; ENOENT, ESRCH where it is another PID
    /// namespace's; EIO where `/proc/self/stat` is not the kernel's; others of open(2) and read(2).
    pub fn open() -> Result<Self> {
        let directory = open(ZStr::from_c_str(c"/proc"), Open::Directory)?;
        let directory = recognised(directory, &[FileSystem::Proc])?;
        let own = process::getpid()?;
        let file = open_below(&directory, ZStr::from_c_str(c"self/stat"), Open::Read)?;
        if read_stat(file, &mut [0; STAT])?.pid == own {
            Ok(Self { directory, own })
        } else {
            Err(Errno::ESRCH)
        }
    }

    /// The number of this process, which `/proc` has confirmed.
    #[must_use]
    pub const fn own(&self) -> Pid {
        self.own
    }

    /// Visits the processes by their numbers, this one and zombies among them, until a visit ends the walk.
    ///
    /// Where processes are hidden, PID 1 is missing among the numbers, or they show nobody else while kill(2) knows
    /// somebody. If some others are shown, it cannot be told that one is hidden; see [`Proc::hides`].
    ///
    /// # Errors
    /// Those of open(2) and getdents64(2); what was visited until then is not all.
    pub fn for_each(&self, visit: &mut dyn FnMut(Pid) -> ControlFlow<()>) -> Result<Walk> {
        // A directory of its own, so that each walk begins at the beginning.
        let here = ZStr::from_c_str(c".");
        let directory = open_below(&self.directory, here, Open::Directory)?;
        let (mut shows_first, mut shows_others) = (false, false);
        let walk = for_each_number(directory.get(), &mut |pid| {
            shows_first |= pid == Pid::INIT;
            shows_others |= pid != self.own;
            visit(pid)
        })?;
        if walk.is_break() {
            return Ok(Walk::Stopped);
        }
        // kill(2) says ESRCH only where there is nobody, neither one that may be signalled nor another.
        let hides_all = || signal::kill(Recipient::Everyone, None) != Err(Errno::ESRCH);
        Ok(if !shows_first || (!shows_others && hides_all()) {
            Walk::Incomplete
        } else {
            Walk::Complete
        })
    }

    /// Opens the directory of a process. It stays the directory of this process, even if another takes over its number.
    ///
    /// # Errors
    /// ENOENT where there is no such process, or where it is hidden (`hidepid=2` and `4`); EPERM where it may not be
    /// looked at (`hidepid=1`); others of open(2).
    pub fn process(&self, pid: Pid) -> Result<ProcessDirectory<'_>> {
        let mut path = [0; 12];
        let mut path = Buffer::new(&mut path);
        path.push_decimal(pid.number().unsigned_abs());
        Ok(ProcessDirectory {
            directory: open_below(&self.directory, terminated(path)?, Open::Directory)?,
            proc: self,
            pid,
        })
    }

    /// Opens the directory of a process and looks at it; `None` where it is gone.
    ///
    /// # Errors
    /// Those of [`Self::process`] and [`ProcessDirectory::stat`] that do not say that it is gone. It may live.
    pub fn look<'m>(
        &self,
        pid: Pid,
        memory: &'m mut [u8; STAT],
    ) -> Result<Option<(ProcessDirectory<'_>, ProcessStat<'m>)>> {
        let looked = self
            .process(pid)
            .and_then(|process| process.stat(memory).map(|stat| (process, stat)));
        match looked {
            Ok(seen) => Ok(Some(seen)),
            Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a process exists, as kill(2) says, and cannot be looked at here. Reliable for a child that is not
    /// reaped yet.
    #[must_use]
    pub fn hides(&self, pid: Pid) -> bool {
        matches!(self.process(pid), Err(Errno::ENOENT | Errno::EPERM))
            && signal::kill(Recipient::Process(pid), None) != Err(Errno::ESRCH)
    }
}

/// The open directory of one process.
#[derive(Debug)]
pub struct ProcessDirectory<'p> {
    directory: OwnedDescriptor,
    proc: &'p Proc,
    pid: Pid,
}

impl ProcessDirectory<'_> {
    /// Looks at the process, with four system calls.
    ///
    /// # Errors
    /// ESRCH where it is reaped; EIO where the file is not the kernel's; ENODEV where something else is mounted over
    /// it; others of open(2) and read(2).
    pub fn stat<'m>(&self, memory: &'m mut [u8; STAT]) -> Result<ProcessStat<'m>> {
        let stat = read_stat(self.open_stat()?, memory)?;
        if stat.pid == self.pid {
            Ok(stat)
        } else {
            Err(Errno::EIO)
        }
    }

    /// Sends a signal to the process, and to no other that has taken over its number. Where the kernel or a sandbox has
    /// no `pidfd_send_signal(2)`, it is sent by number right after a look whether the process is still there.
    ///
    /// # Errors
    /// ESRCH where it is reaped; EPERM where it may not be signalled.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.signal_by(process::pidfd_send_signal, signal)
    }

    /// Sends a signal by this call, or else by number.
    fn signal_by(
        &self,
        call: impl Fn(&OwnedDescriptor, Signal) -> Result<()>,
        signal: Signal,
    ) -> Result<()> {
        match call(&self.directory, signal) {
            result @ (Ok(()) | Err(Errno::ESRCH)) => return result,
            // The kernel says it of this process, a sandbox of the call. Only the kernel has another error for `/proc`
            // itself, which is no process's directory.
            Err(Errno::EPERM) if call(&self.proc.directory, signal) == Err(Errno::EBADF) => {
                return Err(Errno::EPERM);
            }
            Err(_) => {}
        }
        match self.open_stat() {
            Err(Errno::ESRCH | Errno::ENOENT) => Err(Errno::ESRCH),
            Ok(_) | Err(_) => signal::kill(Recipient::Process(self.pid), Some(signal)),
        }
    }

    /// Opens the file `stat`: ESRCH once the process is reaped.
    fn open_stat(&self) -> Result<OwnedDescriptor> {
        open_below(&self.directory, ZStr::from_c_str(c"stat"), Open::Read)
    }
}

/// Reads the control groups of this process, cgroups(7).
fn read_groups(memory: &mut [u8; GROUPS]) -> Result<&[u8]> {
    let file = open(ZStr::from_c_str(c"/proc/self/cgroup"), Open::Read)?;
    read(recognised(file, &[FileSystem::Proc])?.get(), memory)
}

/// Reads a file of a control group: `mount`, where the hierarchy is mounted, the group's path below it, and the file's
/// name.
fn read_group_file<'m>(
    mount: &[u8],
    group: &[u8],
    name: &[u8],
    memory: &'m mut [u8; GROUP_FILE],
) -> Result<&'m [u8]> {
    let mut path = [0; GROUP_PATH];
    let mut path = Buffer::new(&mut path);
    for part in [mount, group, name] {
        path.push_bytes(part);
    }
    let file = open(terminated(path)?, Open::Read)?;
    read(
        recognised(file, &[FileSystem::Cgroup1, FileSystem::Cgroup2])?.get(),
        memory,
    )
}

/// How many processes of the control group of this one the kernel has killed for want of memory (contract 7.1): of the
/// group itself where it is visible, else of the one that stands at the root, as a container without a cgroup namespace
/// sees its own. `None` where neither can be read.
#[must_use]
pub fn oom_kill_count() -> Option<u32> {
    let mut groups = [0; GROUPS];
    let groups = read_groups(&mut groups).ok()?;
    let count = |hierarchy, mount: &[u8], name: &[u8]| {
        let group = proc_files::control_group(groups, hierarchy)?;
        // The group itself and the root: a count of what lies between would tell of neighbours too.
        let (own, root) = {
            let mut groups = proc_files::group_and_ancestors(group);
            (groups.next()?, groups.last())
        };
        [Some(own), root].into_iter().flatten().find_map(|group| {
            let mut memory = [0; GROUP_FILE];
            proc_files::oom_kills(read_group_file(mount, group, name, &mut memory).ok()?)
        })
    };
    count(Hierarchy::Unified, b"/sys/fs/cgroup", b"/memory.events").or_else(|| {
        count(
            Hierarchy::Memory,
            b"/sys/fs/cgroup/memory",
            b"/memory.oom_control",
        )
    })
}

/// The limit of processes that the control group of this one has reached, or the nearest group above it that is visible
/// and has reached one: `pids.max`, cgroups(7). `None` where none has, or where they cannot be read.
#[must_use]
pub fn pids_limit() -> Option<u32> {
    let mut groups = [0; GROUPS];
    let groups = read_groups(&mut groups).ok()?;
    let reached = |hierarchy, mount: &[u8]| {
        let group = proc_files::control_group(groups, hierarchy)?;
        proc_files::group_and_ancestors(group).find_map(|group| {
            let number = |name| {
                let mut memory = [0; GROUP_FILE];
                proc_files::number(read_group_file(mount, group, name, &mut memory).ok()?)
            };
            let limit = number(b"/pids.max")?;
            (number(b"/pids.current")? >= limit).then_some(limit)
        })
    };
    reached(Hierarchy::Unified, b"/sys/fs/cgroup")
        .or_else(|| reached(Hierarchy::Pids, b"/sys/fs/cgroup/pids"))
}

/// The first bytes of a regular file, and how many it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'m> {
    /// As many of its first bytes as there was room for.
    pub bytes: &'m [u8],
    /// How many bytes the file has.
    pub size: u64,
}

/// Reads the head of a regular file, and waits for no other kind.
///
/// # Errors
/// EACCES, as execve(2) has it, where it is no regular file; others of stat(2), open(2) and read(2).
pub fn read_head<'m>(path: ZStr<'_>, memory: &'m mut [u8; HEAD]) -> Result<Head<'m>> {
    // Asked before it is opened, because opening a device can do something.
    if uninterrupted(|| file::stat(path))?.kind != FileKind::Regular {
        return Err(Errno::EACCES);
    }
    let opened = open(path, Open::Read)?;
    let status = uninterrupted(|| file::fstat(opened.get()))?;
    if status.kind != FileKind::Regular {
        return Err(Errno::EACCES);
    }
    Ok(Head {
        bytes: read(opened.get(), memory)?,
        size: status.size,
    })
}

/// Gathers what explains a failed execve(2) (contract 2.7): of `path`, the file that the command is or that was found
/// along PATH, if any.
#[must_use]
pub fn facts_of_failed_execve<'a>(
    error: Errno,
    command: &'a [u8],
    path: Option<ZStr<'a>>,
    head: &'a mut [u8; HEAD],
) -> Facts<'a> {
    Facts {
        error,
        command,
        file: path.and_then(|path| refused(path, head)),
        unsearchable: path.and_then(|path| unsearchable_directory(path.bytes())),
    }
}

/// What the file is that the kernel refused; `None` where it cannot be reached.
fn refused<'m>(path: ZStr<'_>, head: &'m mut [u8; HEAD]) -> Option<Refused<'m>> {
    match uninterrupted(|| file::stat(path)).ok()?.kind {
        FileKind::Regular => {}
        FileKind::Directory => return Some(Refused::Directory),
        FileKind::Socket | FileKind::CharacterDevice | FileKind::Other => {
            return Some(Refused::Special);
        }
    }
    let mount = open(path, Open::Path).and_then(|file| uninterrupted(|| file::fstatfs(file.get())));
    let program = read_head(path, head)
        .ok()
        .map(|head| Program::from_head(head.bytes, head.size));
    let needed = program.and_then(|program| program.needs());
    Some(Refused::Regular {
        is_executable: uninterrupted(|| file::access_to_execute(path)).is_ok(),
        is_noexec: mount.is_ok_and(|mount| mount.noexec),
        program,
        needed_is_missing: needed.is_some_and(is_missing),
    })
}

/// Whether there is no file at a path.
fn is_missing(path: &[u8]) -> bool {
    with_terminator(path, |path| {
        matches!(
            uninterrupted(|| file::stat(path)),
            Err(Errno::ENOENT | Errno::ENOTDIR)
        )
    })
}

/// The first directory on the way to a file that this user may not search.
fn unsearchable_directory(path: &[u8]) -> Option<&[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes
        .filter_map(|(index, _)| path.get(..index.max(1)))
        .find(|directory| {
            with_terminator(directory, |directory| {
                uninterrupted(|| file::access_to_execute(directory)) == Err(Errno::EACCES)
            })
        })
}

/// Asks something about a path, with a null byte after it. Returns no where it is too long for any path.
fn with_terminator(path: &[u8], ask: impl FnOnce(ZStr<'_>) -> bool) -> bool {
    let mut memory = [0; limits::PATH];
    let mut buffer = Buffer::new(&mut memory);
    buffer.push_bytes(path);
    terminated(buffer).is_ok_and(ask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec_failure::{Machine, Reason};
    use std::ffi::CString;
    use std::fs::{self, Permissions};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    fn pid_of(child: &Child) -> Pid {
        Pid::new(child.id().cast_signed()).unwrap()
    }

    /// A process that waits until it is killed.
    fn waiting() -> Child {
        Command::new("/bin/cat")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits until a child is a zombie, without reaping it.
    fn wait_until_dead(child: &Child) {
        let id = nix::sys::wait::Id::Pid(nix::unistd::Pid::from_raw(child.id().cast_signed()));
        let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        let _ = nix::sys::wait::waitid(id, flags).unwrap();
    }

    fn everyone(proc: &Proc) -> (Walk, Vec<Pid>) {
        let mut pids = Vec::new();
        let walk = proc.for_each(&mut |pid| {
            pids.push(pid);
            ControlFlow::Continue(())
        });
        (walk.unwrap(), pids)
    }

    /// Contract 6.5.
    #[test]
    fn a_child_is_seen_alive_as_a_zombie_and_not_at_all() {
        let proc = Proc::open().unwrap();
        let mut child = waiting();
        let pid = pid_of(&child);
        let (walk, pids) = everyone(&proc);
        assert_eq!(walk, Walk::Complete);
        assert!(pids.contains(&pid) && pids.contains(&Pid::INIT));
        assert_eq!(everyone(&proc).0, Walk::Complete, "a second walk");

        let directory = proc.process(pid).unwrap();
        let stat_text = &mut [0; STAT];
        let stat = directory.stat(stat_text).unwrap();
        assert_eq!((stat.pid, stat.is_alive()), (pid, true));
        assert_eq!(stat_of_child(pid, &mut [0; STAT]).unwrap().pid, pid);
        assert!(!proc.hides(pid));

        assert_eq!(directory.signal(Signal::KILL), Ok(()));
        wait_until_dead(&child);
        assert!(!directory.stat(stat_text).unwrap().is_alive());
        assert!(!stat_of_child(pid, stat_text).unwrap().is_alive());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert_eq!(directory.stat(stat_text), Err(Errno::ESRCH));
        assert_eq!(directory.signal(Signal::KILL), Err(Errno::ESRCH));
        assert_eq!(stat_of_child(pid, stat_text), Err(Errno::ENOENT));
        assert_eq!(proc.process(pid).err(), Some(Errno::ENOENT));
        assert!(!proc.hides(pid));
    }

    #[test]
    fn a_walk_ends_where_a_visit_breaks_it_off() {
        let mut visits = 0;
        let walk = Proc::open().unwrap().for_each(&mut |_| {
            visits += 1;
            ControlFlow::Break(())
        });
        assert_eq!((walk, visits), (Ok(Walk::Stopped), 1));
    }

    /// The same number in a procfs of another namespace is another process.
    #[test]
    fn only_a_child_is_taken_for_one() {
        assert_eq!(stat_of_child(Pid::INIT, &mut [0; STAT]), Err(Errno::ESRCH));
    }

    /// As an old kernel, a sandbox and a process of another user answer.
    #[test]
    fn a_signal_is_sent_by_number_only_where_the_call_is_missing() {
        let proc = Proc::open().unwrap();
        for (of_process, of_proc, expected) in [
            (Errno::ENOSYS, Errno::ENOSYS, Ok(())),
            (Errno::EPERM, Errno::EPERM, Ok(())),
            (Errno::EBADF, Errno::EBADF, Ok(())),
            (Errno::EPERM, Errno::EBADF, Err(Errno::EPERM)),
            (Errno::ESRCH, Errno::EBADF, Err(Errno::ESRCH)),
        ] {
            let mut child = waiting();
            let directory = proc.process(pid_of(&child)).unwrap();
            let call = |asked: &OwnedDescriptor, _| {
                let is_proc = asked == &proc.directory;
                Err(if is_proc { of_proc } else { of_process })
            };
            let result = directory.signal_by(call, Signal::KILL);
            assert_eq!(result, expected, "{of_process:?} {of_proc:?}");
            if result.is_err() {
                assert!(directory.stat(&mut [0; STAT]).unwrap().is_alive());
                drop(child.stdin.take());
            }
            let signal = child.wait().unwrap().signal();
            assert_eq!(signal, result.ok().map(|()| 9), "{of_process:?}");
            let result = directory.signal_by(call, Signal::KILL);
            let gone = expected.err().unwrap_or(Errno::ESRCH);
            assert_eq!(result, Err(gone), "reaped");
        }
    }

    /// The kernel takes no other directory of a procfs for a process's.
    #[test]
    fn the_call_is_told_from_a_sandbox_by_the_directory_of_all() {
        let proc = Proc::open().unwrap();
        let result = process::pidfd_send_signal(&proc.directory, Signal::CONT);
        assert!(
            matches!(result, Err(Errno::EBADF | Errno::ENOSYS)),
            "{result:?}"
        );
    }

    fn c_path(path: &Path) -> CString {
        CString::new(path.as_os_str().as_bytes()).unwrap()
    }

    /// A FIFO without a writer, a device, a directory, a file of another file system.
    #[test]
    fn what_is_no_file_of_the_kernel_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = c_path(&directory.path().join("stat"));
        nix::unistd::mkfifo(path.as_c_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let opened = || open(ZStr::from_c_str(&path), Open::Read).unwrap();
        assert_eq!(read_stat(opened(), &mut [0; STAT]), Err(Errno::ENODEV));
        let head = read_head(ZStr::from_c_str(&path), &mut [0; HEAD]).map(|head| head.size);
        assert_eq!(head, Err(Errno::EACCES));
        fs::remove_file(directory.path().join("stat")).unwrap();
        let forged = fs::read("/proc/self/stat").unwrap();
        fs::write(directory.path().join("stat"), &forged).unwrap();
        assert_eq!(read_stat(opened(), &mut [0; STAT]), Err(Errno::ENODEV));
        assert_eq!(
            read_head(ZStr::from_c_str(c"/dev/null"), &mut [0; HEAD]).map(|head| head.size),
            Err(Errno::EACCES)
        );
    }

    #[test]
    fn an_interrupted_call_is_made_three_times() {
        let mut calls = 0;
        let result: Result<()> = uninterrupted(|| {
            calls += 1;
            Err(Errno::EINTR)
        });
        assert_eq!((result, calls), (Err(Errno::EINTR), 3));
        assert_eq!(uninterrupted(|| Ok(7)), Ok(7));
    }

    /// The same files, read by the standard library, whichever version this machine has.
    #[test]
    fn the_control_groups_of_this_machine_are_read() {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
        let group = |is_it: fn(&str) -> bool| {
            let line = groups
                .lines()
                .find(|line| is_it(line.split(':').nth(1).unwrap()));
            line.map_or("", |line| line.splitn(3, ':').nth(2).unwrap())
        };
        let unified = group(str::is_empty);
        let memory = group(|names| names.split(',').any(|name| name == "memory"));
        let expected = [
            format!("/sys/fs/cgroup{unified}/memory.events"),
            "/sys/fs/cgroup/memory.events".to_owned(),
            format!("/sys/fs/cgroup/memory{memory}/memory.oom_control"),
            "/sys/fs/cgroup/memory/memory.oom_control".to_owned(),
        ]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
            line.map(|count| count.parse().unwrap())
        });
        assert_eq!(oom_kill_count(), expected);
        assert_eq!(
            pids_limit(),
            None,
            "no limit is reached where processes start"
        );
    }

    #[test]
    fn the_first_part_of_a_way_that_may_not_be_passed_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let part = path.as_os_str().as_bytes();
        // Nobody may pass a file without any execute permission, not even root.
        let way = [part, b"/a/b"].concat();
        assert_eq!(unsearchable_directory(&way), Some(part));
        for way in [part, b"/", b"/a", b"a", b"", b"/no/such/way", b"//bin//sh"] {
            assert_eq!(unsearchable_directory(way), None);
        }
    }

    /// What execve(2) says of a file, and the reason that is found.
    #[track_caller]
    fn check(path: &Path, errno: i32, expected: Reason<'_>) {
        let error = Command::new(path).spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(errno), "{}", path.display());
        let terminated = c_path(path);
        let head = &mut [0; HEAD];
        let facts = facts_of_failed_execve(
            Errno::new(errno).unwrap(),
            terminated.as_bytes(),
            Some(ZStr::from_c_str(&terminated)),
            head,
        );
        assert_eq!(facts.reason(), expected, "{facts:?}");
    }

    /// Contract 2.7, with the real thing.
    #[test]
    fn the_kernels_refusals_are_explained() {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str, mode: u32, bytes: &[u8]| {
            let path = directory.path().join(name);
            // By another process, so that no fork of another test holds it open for writing.
            let mut writer = Command::new("/bin/dd")
                .arg(format!("of={}", path.display()))
                .args(["status=none"])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(writer.stdin.as_mut().unwrap(), bytes).unwrap();
            assert!(writer.wait().unwrap().success());
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let script = make("script", 0o755, b"#! /no/such -x\r\n");
        check(
            &script,
            libc::ENOENT,
            Reason::MissingInterpreter(b"/no/such"),
        );
        let carriage_return = make("cr", 0o755, b"#!/bin/sh\r\n");
        let reason = Reason::MissingInterpreter(b"/bin/sh\r");
        check(&carriage_return, libc::ENOENT, reason);

        let here = Machine::HERE;
        let elf = |number, loader| {
            crate::exec_failure::elf::made::file(here.is_64_bit, here.is_big_endian, number, loader)
        };
        let loaderless = make("loaderless", 0o755, &elf(here.number, "/no/ld.so"));
        check(
            &loaderless,
            libc::ENOENT,
            Reason::MissingLoader(b"/no/ld.so"),
        );
        let foreign = make("foreign", 0o755, &elf(0x4711, "/no/ld.so"));
        let program = Machine {
            number: 0x4711,
            ..here
        };
        check(
            &foreign,
            libc::ENOEXEC,
            Reason::OtherMachine { program, here },
        );
        let cut = make("cut", 0o755, &elf(here.number, "/no/ld.so")[..70]);
        check(&cut, libc::ENOEXEC, Reason::Truncated);
        let plain = make("plain", 0o755, b"echo\n");
        check(&plain, libc::ENOEXEC, Reason::Errno);

        check(directory.path(), libc::EACCES, Reason::Directory);
        let unpermitted = make("unpermitted", 0o644, b"#!/bin/sh\n");
        check(&unpermitted, libc::EACCES, Reason::NoExecutePermission);
        check(Path::new("/dev/null"), libc::EACCES, Reason::Errno);
        let found = directory.path().join("no such");
        let terminated = c_path(&found);
        let head = &mut [0; HEAD];
        let facts = facts_of_failed_execve(Errno::ENOENT, terminated.as_bytes(), None, head);
        assert_eq!(facts.reason(), Reason::OneWord);
    }
}
