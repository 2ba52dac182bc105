//! Starting the main child: fork(2), and the child's side up to execve(2) (contract 2).
//!
//! The child fails silently: it leaves why on a page that it shares with the init, and ends. The parent is the only
//! one who speaks, and looks for the reason behind the errno.

use crate::cli::Isolation;
use crate::limits::PATH;
use crate::log::event::StartStep;
use crate::path_search::{self, DEFAULT_PATH};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::sys::arguments::{StringList, ZStr};
use crate::sys::file::{self, Open};
use crate::sys::memory::SharedPage;
use crate::sys::process::{self, Fork};
use crate::sys::signal::{self, Disposition};
use crate::terminal::ChildTerminal;
use crate::bytes::{Buffer, parse_decimal_u32};
use core::sync::atomic::Ordering;

/// The exit status of an init that could not start its main child (contract 7).
pub const CANNOT_START: u8 = 125;

/// The exit status for a command that was found and could not be executed (contract 2.6).
const NOT_EXECUTABLE: u8 = 126;

/// The exit status for a command that was not found (contract 2.6).
const NOT_FOUND: u8 = 127;

/// Why the main child did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// Something before execve(2) failed.
    Prepare(StartStep, Errno),
    /// execve(2) failed for every candidate; this one, counted from 0, is the one whose errno it is.
    Exec {
        /// Why.
        errno: Errno,
        /// Which candidate of the search path, for [`path_search::candidate`].
        candidate: usize,
    },
}

impl StartFailure {
    /// The exit status that says so (contract 2.6, 7).
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Prepare(..) => CANNOT_START,
            Self::Exec {
                errno: Errno::ENOENT | Errno::ENOTDIR,
                ..
            } => NOT_FOUND,
            Self::Exec { .. } => NOT_EXECUTABLE,
        }
    }
}

/// What the child's side of the start leaves for the init to say. Without the page only its exit status tells.
#[derive(Debug)]
pub struct StartReport(Option<SharedPage>);

/// The words of the page: what failed (see [`STEPS`]), its errno, the candidate, and whether an empty file was handed
/// to the shell.
const STEP: usize = 0;
const ERRNO: usize = 1;
const CANDIDATE: usize = 2;
const EMPTY_FILE: usize = 3;

/// What [`STEP`] counts, from 1; one behind them all is execve(2).
const STEPS: [StartStep; 2] = [StartStep::ProcessGroup, StartStep::Session];

impl StartReport {
    /// A report that a child can fill in, if there is memory for it.
    #[must_use]
    pub fn new() -> Self {
        Self(SharedPage::map().ok())
    }

    fn load(&self, word: usize) -> u32 {
        let word = self.0.as_ref().and_then(|page| page.words().get(word));
        word.map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn store(&self, word: usize, value: u32) {
        if let Some(word) = self.0.as_ref().and_then(|page| page.words().get(word)) {
            word.store(value, Ordering::Release);
        }
    }

    /// In the child: leaves why it did not start.
    fn fail(&self, failure: StartFailure) {
        let (step, errno, candidate) = match failure {
            StartFailure::Prepare(step, errno) => {
                let place = STEPS.iter().position(|known| *known == step);
                (place.unwrap_or(0), errno, 0)
            }
            StartFailure::Exec { errno, candidate } => (STEPS.len(), errno, candidate),
        };
        let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.store(ERRNO, errno.number().into());
        self.store(CANDIDATE, word(candidate));
        self.store(STEP, word(step.wrapping_add(1)));
    }

    /// Why the child did not start, if it has said so.
    #[must_use]
    pub fn failure(&self) -> Option<StartFailure> {
        let step = usize::try_from(self.load(STEP)).ok()?.checked_sub(1)?;
        let errno = Errno::new(self.load(ERRNO).cast_signed())?;
        Some(match STEPS.get(step) {
            Some(step) => StartFailure::Prepare(*step, errno),
            None => StartFailure::Exec {
                errno,
                candidate: usize::try_from(self.load(CANDIDATE)).ok()?,
            },
        })
    }

    /// The candidate that is an empty file and was handed to the shell, if one was (contract 2.7).
    #[must_use]
    pub fn empty_file(&self) -> Option<usize> {
        usize::try_from(self.load(EMPTY_FILE)).ok()?.checked_sub(1)
    }
}

impl Default for StartReport {
    fn default() -> Self {
        Self::new()
    }
}

/// All that the child needs to know.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What the main child leads.
    pub isolation: Isolation,
    /// The signal mask that it gets back.
    pub mask: SignalSet,
    /// The disposition of SIGCHLD that it gets back.
    pub sigchld: Disposition,
    /// What it does about the terminal.
    pub terminal: &'a ChildTerminal,
    /// The init.
    pub own: Pid,
    /// The index of the command in the argument vector; at least 1.
    pub command: usize,
    /// Where a failure is left.
    pub report: &'a StartReport,
}

impl Plan<'_> {
    /// Forks the main child, as the leader of a process group or a session of its own, which executes the command.
    /// Returns its process; execve(2) may still fail, or wait (contract 1.7).
    ///
    /// # Errors
    /// EAGAIN at a limit of processes; ENOMEM.
    pub fn start(&self, arguments: StringList<'_>, environment: StringList<'_>) -> Result<Pid, Errno> {
        let child = match process::fork()? {
            Fork::Parent(child) => child,
            Fork::Child => self.become_command(arguments, environment),
        };
        if self.isolation == Isolation::ProcessGroup {
            // The child does it as well: whoever is first, no signal for the group can miss it. Afterwards this
            // fails with EACCES or ESRCH.
            let _ = process::setpgid_of_child(child);
        }
        Ok(child)
    }

    /// The child's whole life before its program.
    fn become_command(&self, arguments: StringList<'_>, environment: StringList<'_>) -> ! {
        let failure = match self.prepare() {
            Ok(()) => self.execute(arguments, environment),
            Err((step, errno)) => StartFailure::Prepare(step, errno),
        };
        self.report.fail(failure);
        process::exit(failure.status())
    }

    /// Becomes the leader of a group or session, and takes the terminal.
    fn prepare(&self) -> Result<(), (StartStep, Errno)> {
        match self.isolation {
            Isolation::ProcessGroup => {
                process::setpgid_of_self().map_err(|errno| (StartStep::ProcessGroup, errno))?;
                self.terminal.become_foreground();
            }
            Isolation::Session => {
                process::setsid().map_err(|errno| (StartStep::Session, errno))?;
                self.terminal.become_controlling();
            }
        }
        if self.sigchld == Disposition::Ignore {
            // A failure would leave the default, which the program can live with.
            let _ = signal::set_disposition(Signal::CHLD, Disposition::Ignore);
        }
        Ok(())
    }

    /// Executes the command as execvp(3) does, and returns only to say why not.
    fn execute(&self, mut arguments: StringList<'_>, mut environment: StringList<'_>) -> StartFailure {
        let mut memory = [[0; VARIABLE]; PID_VARIABLES.len()];
        let buffers = memory.each_mut();
        let path = search_path(&environment);
        name_child(self.own, &mut environment, buffers);
        let command = arguments.get(self.command).map_or(&b""[..], ZStr::bytes);
        // As late as can be: what is pending kills the child here, as it would kill the command.
        let _ = signal::set_signal_mask(self.mask);
        let mut buffer = [0; PATH];
        let buffer = &mut Buffer::new(&mut buffer);
        let found = path_search::search(command, path, buffer, |file| {
            let Some(file) = ZStr::from_bytes_until_nul(file) else {
                return Errno::ENOENT;
            };
            process::execve(file, arguments.from(self.command), environment.from(0))
        });
        if found.errno == Errno::ENOEXEC
            && let Some(file) = ZStr::from_bytes_until_nul(buffer.as_bytes())
        {
            self.execute_by_shell(file, found.candidate, &mut arguments, &environment);
        }
        StartFailure::Exec {
            errno: found.errno,
            candidate: found.candidate,
        }
    }

    /// POSIX, *exec*: a file of unknown format is a script; but an ELF file is none (contract 2.5). Returns where there
    /// is no shell.
    fn execute_by_shell<'s>(
        &self,
        file: ZStr<'s>,
        candidate: usize,
        arguments: &mut StringList<'s>,
        environment: &StringList<'_>,
    ) {
        let mut head = [0; 4];
        let length = file::open(file, Open::Read)
            .and_then(|script| file::read(script.get(), &mut head));
        if head == *b"\x7fELF" {
            return;
        }
        if length == Ok(0) {
            let candidate = u32::try_from(candidate).unwrap_or(u32::MAX);
            self.report.store(EMPTY_FILE, candidate.saturating_add(1));
        }
        let shell = ZStr::from_c_str(c"/bin/sh");
        let first = self.command.saturating_sub(1);
        arguments.set(self.command, file);
        arguments.set(first, shell);
        let _ = process::execve(shell, arguments.from(first), environment.from(0));
    }
}

/// The search path in the environment, or the usual one (contract 2.5).
#[must_use]
pub fn search_path<'a>(environment: &StringList<'a>) -> &'a [u8] {
    environment
        .iter()
        .find_map(|variable| variable.bytes().strip_prefix(b"PATH="))
        .unwrap_or(DEFAULT_PATH)
}

/// The variables that name the process that reads them: sd_listen_fds(3), sd_watchdog_enabled(3), systemd.exec(5).
const PID_VARIABLES: [&[u8]; 3] = [b"LISTEN_PID=", b"WATCHDOG_PID=", b"SYSTEMD_EXEC_PID="];

/// The variable that names the descriptor of the init's own pidfd, which says nothing of the child.
const PIDFD_VARIABLE: &[u8] = b"LISTEN_PIDFDID=";

/// How long the longest of them is, with its number and the null byte.
const VARIABLE: usize = 32;

/// In the child: has the variables that name the init name the child instead (contract 2.4).
fn name_child<'a>(
    own: Pid,
    environment: &mut StringList<'a>,
    buffers: [&'a mut [u8; VARIABLE]; PID_VARIABLES.len()],
) {
    for (name, memory) in PID_VARIABLES.into_iter().zip(buffers) {
        let names_init = |variable: ZStr<'_>| {
            let value = variable.bytes().strip_prefix(name).and_then(parse_decimal_u32);
            value == Some(own.number().unsigned_abs())
        };
        let Some(index) = environment.iter().position(names_init) else {
            continue;
        };
        let Ok(child) = process::getpid() else {
            continue;
        };
        let mut buffer = Buffer::new(memory);
        buffer.push_bytes(name);
        buffer.push_decimal(child.number().unsigned_abs());
        buffer.push(0);
        if let Some(variable) = ZStr::from_bytes_until_nul(buffer.into_bytes()) {
            environment.set(index, variable);
        }
        if name == PID_VARIABLES[0]
            && let Some(index) = environment
                .iter()
                .position(|variable| variable.bytes().starts_with(PIDFD_VARIABLE))
        {
            environment.remove(index);
        }
    }
}
