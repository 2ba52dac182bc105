//! The reason for the errno of a failed start, where the file itself tells it (contract 2.7). Pure: facts in,
//! reasons out; others gather them. Only what the kernel refused is judged, because `binfmt_misc` decides what can
//! run.

pub mod elf;
pub mod script;

use crate::bytes::{Buffer, contains};
use crate::posix::errno::Errno;
use elf::Elf;

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
    /// The script's interpreter is missing: the bytes after `#!`, a carriage return included.
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

impl Machine {
    /// The machine that this program is for.
    pub const HERE: Self = Self {
        number: number_here(),
        is_64_bit: cfg!(target_pointer_width = "64"),
        is_big_endian: cfg!(target_endian = "big"),
    };

    /// Its name as uname(2) has it, where it is a usual one. Where uname(2) tells neither class nor byte order, the
    /// name that distributions use.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let known = NAMES.iter().find(|(machine, _)| *machine == self);
        known.map(|(_, name)| *name)
    }
}

/// The machines that have a name.
const NAMES: &[(Machine, &str)] = &[
    (machine(libc::EM_X86_64, 64, LITTLE), "x86_64"),
    (machine(libc::EM_X86_64, 32, LITTLE), "x32"),
    (machine(libc::EM_386, 32, LITTLE), "i386"),
    (machine(libc::EM_AARCH64, 64, LITTLE), "aarch64"),
    (machine(libc::EM_AARCH64, 64, BIG), "aarch64_be"),
    (machine(libc::EM_AARCH64, 32, LITTLE), "aarch64_ilp32"),
    (machine(libc::EM_ARM, 32, LITTLE), "arm"),
    (machine(libc::EM_ARM, 32, BIG), "armeb"),
    (machine(EM_RISCV, 64, LITTLE), "riscv64"),
    (machine(EM_RISCV, 32, LITTLE), "riscv32"),
    (machine(libc::EM_PPC64, 64, LITTLE), "ppc64le"),
    (machine(libc::EM_PPC64, 64, BIG), "ppc64"),
    (machine(libc::EM_PPC, 32, BIG), "ppc"),
    (machine(libc::EM_S390, 64, BIG), "s390x"),
    (machine(libc::EM_S390, 32, BIG), "s390"),
    (machine(EM_LOONGARCH, 64, LITTLE), "loongarch64"),
    (machine(EM_LOONGARCH, 32, LITTLE), "loongarch32"),
    (machine(libc::EM_MIPS, 32, BIG), "mips"),
    (machine(libc::EM_MIPS, 32, LITTLE), "mipsel"),
    (machine(libc::EM_MIPS, 64, BIG), "mips64"),
    (machine(libc::EM_MIPS, 64, LITTLE), "mips64el"),
    (machine(libc::EM_SPARC, 32, BIG), "sparc"),
    (machine(libc::EM_SPARC32PLUS, 32, BIG), "sparc"),
    (machine(libc::EM_SPARCV9, 64, BIG), "sparc64"),
    (machine(libc::EM_IA_64, 64, LITTLE), "ia64"),
    (machine(EM_ALPHA, 64, LITTLE), "alpha"),
    (machine(libc::EM_PARISC, 32, BIG), "parisc"),
    (machine(libc::EM_PARISC, 64, BIG), "parisc64"),
    (machine(libc::EM_68K, 32, BIG), "m68k"),
    (machine(libc::EM_SH, 32, LITTLE), "sh4"),
];

const LITTLE: bool = false;
const BIG: bool = true;

const fn machine(number: u16, bits: u8, is_big_endian: bool) -> Machine {
    Machine {
        number,
        is_64_bit: bits == 64,
        is_big_endian,
    }
}

/// `EM_RISCV` (`include/uapi/linux/elf-em.h`).
const EM_RISCV: u16 = 243;
/// `EM_LOONGARCH`, from the same header.
const EM_LOONGARCH: u16 = 258;
/// `EM_ALPHA`, from the same header.
const EM_ALPHA: u16 = 0x9026;

/// `e_machine` of this program.
const fn number_here() -> u16 {
    if cfg!(target_arch = "x86_64") {
        libc::EM_X86_64
    } else if cfg!(target_arch = "x86") {
        libc::EM_386
    } else if cfg!(target_arch = "aarch64") {
        libc::EM_AARCH64
    } else if cfg!(target_arch = "arm") {
        libc::EM_ARM
    } else if cfg!(target_arch = "riscv64") {
        EM_RISCV
    } else if cfg!(target_arch = "powerpc64") {
        libc::EM_PPC64
    } else if cfg!(target_arch = "s390x") {
        libc::EM_S390
    } else if cfg!(target_arch = "loongarch64") {
        EM_LOONGARCH
    } else {
        libc::EM_NONE
    }
}

/// Appends a machine's name, or `machine 4711` for one that has none here.
pub fn append_machine(machine: Machine, buffer: &mut Buffer<'_>) {
    if let Some(name) = machine.name() {
        buffer.push_bytes(name.as_bytes());
    } else {
        buffer.push_bytes(b"machine ");
        buffer.push_decimal(machine.number.into());
    }
}

/// What a file is, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program<'a> {
    /// It has no bytes. execvp(3) hands it to the shell, which does nothing.
    Empty,
    /// A script with its interpreter.
    Script {
        /// The interpreter as it stands after `#!`.
        interpreter: &'a [u8],
    },
    /// An ELF file.
    Elf(Elf<'a>),
    /// Anything else, a script without `#!` among it.
    Other,
}

impl<'a> Program<'a> {
    /// Tells what begins with `head` and has `size` bytes. The first 4,096 suffice: linkers put the headers and the
    /// loader's path there.
    #[must_use]
    pub fn from_head(head: &'a [u8], size: u64) -> Self {
        if head.is_empty() {
            Self::Empty
        } else if let Some(elf) = elf::parse(head, size) {
            Self::Elf(elf)
        } else if let Some(interpreter) = script::interpreter(head) {
            Self::Script { interpreter }
        } else {
            Self::Other
        }
    }

    /// The path of the other file that the kernel needs to run it: an interpreter or a loader.
    #[must_use]
    pub const fn needs(&self) -> Option<&'a [u8]> {
        match self {
            Self::Script { interpreter } => Some(interpreter),
            Self::Elf(Elf::File { loader, .. }) => *loader,
            Self::Elf(Elf::Truncated | Elf::Malformed) | Self::Empty | Self::Other => None,
        }
    }
}

/// A file that the kernel refused to execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused<'a> {
    /// A directory.
    Directory,
    /// A regular file.
    Regular {
        /// Whether this user may execute it.
        is_executable: bool,
        /// Whether its file system is mounted noexec (`ST_NOEXEC`, statvfs(3)).
        is_noexec: bool,
        /// What it is; `None` where it could not be read.
        program: Option<Program<'a>>,
        /// Whether the other file that it [needs](Program::needs) is missing.
        needed_is_missing: bool,
    },
    /// Another kind of file, such as a device.
    Special,
}

/// What is known about a failed execve(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// What the kernel said.
    pub error: Errno,
    /// The command as it was given.
    pub command: &'a [u8],
    /// The file that it is or that was found along PATH; `None` where there is none, or where it cannot be reached.
    pub file: Option<Refused<'a>>,
    /// The first directory on the way to it that this user may not search.
    pub unsearchable: Option<&'a [u8]>,
}

impl<'a> Facts<'a> {
    /// The reason that these facts add up to, [`Reason::Errno`] where they do not tell more than the kernel did.
    #[must_use]
    pub fn reason(&self) -> Reason<'a> {
        match (self.error, self.file) {
            (Errno::ENOENT, None) => reason_of_a_missing(self.command),
            (
                Errno::ENOENT | Errno::ENOTDIR,
                Some(Refused::Regular {
                    program: Some(program),
                    needed_is_missing: true,
                    ..
                }),
            ) => match program {
                Program::Script { interpreter } => Reason::MissingInterpreter(interpreter),
                Program::Elf(Elf::File {
                    loader: Some(loader),
                    ..
                }) => Reason::MissingLoader(loader),
                Program::Elf(Elf::File { loader: None, .. } | Elf::Truncated | Elf::Malformed)
                | Program::Empty
                | Program::Other => Reason::Errno,
            },
            (Errno::EACCES | Errno::EISDIR, Some(Refused::Directory)) => Reason::Directory,
            (Errno::EACCES, file) => self.reason_of_no_access(file),
            (
                Errno::ENOEXEC | Errno::EIO,
                Some(Refused::Regular {
                    program: Some(Program::Elf(elf)),
                    ..
                }),
            ) => match elf {
                Elf::Truncated => Reason::Truncated,
                Elf::File {
                    machine,
                    is_executable: true,
                    ..
                } if machine != Machine::HERE => Reason::OtherMachine {
                    program: machine,
                    here: Machine::HERE,
                },
                Elf::File { .. } | Elf::Malformed => Reason::Errno,
            },
            (_, _) => Reason::Errno,
        }
    }

    /// Why the kernel said EACCES of what is no directory. A file system that is mounted noexec comes before the
    /// permission, which nobody has there.
    fn reason_of_no_access(&self, file: Option<Refused<'a>>) -> Reason<'a> {
        match (self.unsearchable, file) {
            (Some(directory), _) => Reason::UnsearchableDirectory(directory),
            (
                None,
                Some(Refused::Regular {
                    is_noexec: true, ..
                }),
            ) => Reason::NoexecMount,
            (
                None,
                Some(Refused::Regular {
                    is_executable: false,
                    ..
                }),
            ) => Reason::NoExecutePermission,
            (
                None,
                Some(Refused::Regular { .. } | Refused::Directory | Refused::Special) | None,
            ) => Reason::Errno,
        }
    }
}

/// Why nothing was found under the name of a command.
fn reason_of_a_missing(command: &[u8]) -> Reason<'static> {
    if command.iter().any(u8::is_ascii_whitespace) {
        Reason::OneWord
    } else if command.starts_with(b"-") {
        Reason::LooksLikeOption
    } else if command.is_empty() || contains(command, b'/') {
        Reason::Errno
    } else {
        Reason::NotInPath
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn machines_have_the_names_that_people_know() {
        for (number, is_64_bit, is_big_endian, expected) in [
            (62, true, false, "x86_64"),
            (62, false, false, "x32"),
            (3, false, false, "i386"),
            (183, true, false, "aarch64"),
            (40, false, false, "arm"),
            (243, true, false, "riscv64"),
            (243, false, false, "riscv32"),
            (21, true, false, "ppc64le"),
            (21, true, true, "ppc64"),
            (20, false, true, "ppc"),
            (22, true, true, "s390x"),
            (258, true, false, "loongarch64"),
            (8, false, true, "mips"),
            (8, true, false, "mips64el"),
            (2, false, true, "sparc"),
            (43, true, true, "sparc64"),
            (50, true, false, "ia64"),
            (0x9026, true, false, "alpha"),
            (4711, true, false, "machine 4711"),
            (62, true, true, "machine 62"),
        ] {
            let machine = Machine {
                number,
                is_64_bit,
                is_big_endian,
            };
            let mut memory = [0; 24];
            let buffer = &mut Buffer::new(&mut memory);
            append_machine(machine, buffer);
            assert_eq!(str::from_utf8(buffer.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn this_machine_has_the_name_that_rust_has_for_it() {
        let theirs = match std::env::consts::ARCH {
            "x86" => "i386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        assert_eq!(Machine::HERE.name(), Some(theirs));
    }

    #[test]
    fn the_first_bytes_tell_what_a_file_is() {
        let file = elf::made::file(true, false, 62, "/lib/ld.so");
        assert_eq!(Program::from_head(b"", 0), Program::Empty);
        assert_eq!(Program::from_head(b"echo\n", 5), Program::Other);
        assert_eq!(Program::from_head(b"#!\n", 3), Program::Other);
        let script = Program::from_head(b"#!/bin/sh\r\n", 11);
        assert_eq!(script.needs(), Some(&b"/bin/sh\r"[..]));
        let size = u64::try_from(file.len()).unwrap();
        let program = Program::from_head(&file, size);
        assert_eq!(program.needs(), Some(&b"/lib/ld.so"[..]));
        let cut = Program::from_head(&file[..20], 20);
        assert_eq!((cut, cut.needs()), (Program::Elf(Elf::Truncated), None));
    }

    const FOREIGN: Machine = Machine {
        number: 4711,
        is_64_bit: true,
        is_big_endian: true,
    };

    const fn elf(machine: Machine, is_executable: bool) -> Program<'static> {
        Program::Elf(Elf::File {
            machine,
            is_executable,
            loader: Some(b"/lib/ld.so"),
        })
    }

    const SCRIPT: Program<'static> = Program::Script {
        interpreter: b"/bin/sh\r",
    };

    const fn regular(program: Program<'_>) -> Refused<'_> {
        Refused::Regular {
            is_executable: true,
            is_noexec: false,
            program: Some(program),
            needed_is_missing: false,
        }
    }

    const fn in_need(program: Program<'_>) -> Refused<'_> {
        Refused::Regular {
            is_executable: true,
            is_noexec: false,
            program: Some(program),
            needed_is_missing: true,
        }
    }

    const fn without_access(is_executable: bool, is_noexec: bool) -> Refused<'static> {
        Refused::Regular {
            is_executable,
            is_noexec,
            program: None,
            needed_is_missing: false,
        }
    }

    /// Contract 2.7.
    #[test]
    fn a_command_that_was_not_found_is_judged_by_its_word() {
        for (command, expected) in [
            ("ngnix", Reason::NotInPath),
            ("nginx -g daemon", Reason::OneWord),
            ("/usr/sbin/nginx\t-g", Reason::OneWord),
            ("-x y", Reason::OneWord),
            ("-x", Reason::LooksLikeOption),
            ("--verbose", Reason::LooksLikeOption),
            ("/no/such", Reason::Errno),
            ("./no", Reason::Errno),
            ("", Reason::Errno),
        ] {
            let facts = Facts {
                error: Errno::ENOENT,
                command: command.as_bytes(),
                file: None,
                unsearchable: None,
            };
            assert_eq!(facts.reason(), expected, "{command:?}");
            let error = Errno::ENOTDIR;
            assert_eq!(Facts { error, ..facts }.reason(), Reason::Errno);
        }
    }

    /// Contract 2.7.
    #[test]
    fn a_file_that_was_refused_is_judged_by_what_it_is() {
        let foreign = Reason::OtherMachine {
            program: FOREIGN,
            here: Machine::HERE,
        };
        let cut = Program::Elf(Elf::Truncated);
        for (error, file, expected) in [
            (
                Errno::ENOENT,
                in_need(SCRIPT),
                Reason::MissingInterpreter(b"/bin/sh\r"),
            ),
            (
                Errno::ENOTDIR,
                in_need(SCRIPT),
                Reason::MissingInterpreter(b"/bin/sh\r"),
            ),
            (
                Errno::ENOENT,
                in_need(elf(Machine::HERE, true)),
                Reason::MissingLoader(b"/lib/ld.so"),
            ),
            (Errno::ENOENT, regular(SCRIPT), Reason::Errno),
            (Errno::ENOENT, in_need(Program::Other), Reason::Errno),
            (Errno::ENOEXEC, regular(elf(FOREIGN, true)), foreign),
            (Errno::ENOEXEC, in_need(elf(FOREIGN, true)), foreign),
            (Errno::ENOEXEC, regular(elf(FOREIGN, false)), Reason::Errno),
            (
                Errno::ENOEXEC,
                regular(elf(Machine::HERE, true)),
                Reason::Errno,
            ),
            (Errno::ENOEXEC, regular(cut), Reason::Truncated),
            (Errno::EIO, regular(cut), Reason::Truncated),
            (
                Errno::ENOEXEC,
                regular(Program::Elf(Elf::Malformed)),
                Reason::Errno,
            ),
            (Errno::ENOEXEC, regular(Program::Other), Reason::Errno),
            (Errno::EACCES, Refused::Directory, Reason::Directory),
            (Errno::EISDIR, Refused::Directory, Reason::Directory),
            (Errno::EACCES, Refused::Special, Reason::Errno),
            (
                Errno::EACCES,
                without_access(false, false),
                Reason::NoExecutePermission,
            ),
            (
                Errno::EACCES,
                without_access(false, true),
                Reason::NoexecMount,
            ),
            (
                Errno::EACCES,
                without_access(true, true),
                Reason::NoexecMount,
            ),
            (Errno::EACCES, regular(SCRIPT), Reason::Errno),
            (Errno::E2BIG, in_need(SCRIPT), Reason::Errno),
            (Errno::EPERM, Refused::Directory, Reason::Errno),
        ] {
            let facts = Facts {
                error,
                command: b"a b",
                file: Some(file),
                unsearchable: None,
            };
            assert_eq!(facts.reason(), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_directory_that_may_not_be_searched_hides_the_file() {
        for file in [
            None,
            Some(Refused::Special),
            Some(without_access(false, true)),
        ] {
            let facts = Facts {
                error: Errno::EACCES,
                command: b"/a/b",
                file,
                unsearchable: Some(b"/a"),
            };
            assert_eq!(facts.reason(), Reason::UnsearchableDirectory(b"/a"));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), size: u64) {
            let _ = Program::from_head(&bytes, size).needs();
        }
    }
}
