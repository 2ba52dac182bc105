//! What stands behind the errno of a failed start, where the file itself tells it (contract 2.7). Pure: bytes in,
//! reasons out; the reading is `spawn`'s.

/// Why a command could not be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Nothing is known beyond the errno.
    Errno,
    /// No file of that name is in any directory of PATH.
    NotInPath,
    /// The command holds spaces and no such file exists: somebody passed a whole command line as one word.
    OneWord,
    /// The command looks like an option, and no such file exists.
    LooksLikeOption,
    /// The script's interpreter is missing; its bytes stand as they are behind `#!`, a carriage return included.
    MissingInterpreter(&'a [u8]),
    /// The program's loader (`PT_INTERP`, elf(5)) is missing.
    MissingLoader(&'a [u8]),
    /// The program is for another machine than this one.
    OtherMachine {
        /// What it is for.
        program: Machine,
        /// What this is.
        here: Machine,
    },
    /// The ELF file ends before its headers do.
    Truncated,
    /// It is a directory.
    Directory,
    /// Its execute permission is missing, for this user.
    NoExecutePermission,
    /// It is on a file system that is mounted noexec.
    NoexecMount,
    /// A directory on the way to it may not be searched by this user.
    UnsearchableDirectory(&'a [u8]),
}

/// A machine that programs are compiled for: `e_machine`, elf(5), with what else tells architectures apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `e_machine` (`include/uapi/linux/elf-em.h`).
    pub number: u16,
    /// Whether words have 64 bits (`EI_CLASS`).
    pub is_64_bit: bool,
    /// Whether the most significant byte comes first (`EI_DATA`).
    pub is_big_endian: bool,
}

/// Appends the name of a machine.
pub fn append_machine(machine: Machine, buffer: &mut crate::bytes::Buffer<'_>) {
    match machine.number {
        62 => buffer.push_bytes(b"x86_64"),
        183 => buffer.push_bytes(b"aarch64"),
        number => {
            buffer.push_bytes(b"machine ");
            buffer.push_decimal(number.into());
        }
    }
}

/// A limit of processes that is reached, so that clone(2) failed with EAGAIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessLimit {
    /// `RLIMIT_NPROC`, getrlimit(2).
    ResourceLimit(u32),
    /// `pids.max` of the control group, cgroups(7).
    ControlGroup(u32),
}
