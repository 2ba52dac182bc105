//! Starting the main child: fork(2), and the child's side up to execve(2) (contract 2).
//!
//! The child fails silently: it leaves the reason on a page that it shares with the init, and ends. Only the parent
//! speaks, and finds the reason for the errno.

use crate::bytes::{Buffer, last_part, parse_decimal_u32};
use crate::cli::Isolation;
use crate::exec_failure::ProcessLimit;
use crate::limits::PATH;
use crate::log::event::{Event, StartStep};
use crate::log::{Log, Outlet};
use crate::path_search::{self, Candidate, DEFAULT_PATH};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::proc_reader::{HEAD, facts_of_failed_execve, pids_limit};
use crate::sys::arguments::{StringList, ZStr};
use crate::sys::file::{self, Open};
use crate::sys::memory::SharedPage;
use crate::sys::process::{self, Fork};
use crate::sys::signal::{self, Disposition};
use crate::terminal::ChildTerminal;
use core::sync::atomic::{AtomicU32, Ordering};

/// The exit status of an init that could not start its main child (contract 7).
pub const CANNOT_START: u8 = 125;

/// The exit status for a command that was found and could not be executed (contract 2.6).
const NOT_EXECUTABLE: u8 = 126;

/// The exit status for a command that was not found (contract 2.6).
pub const NOT_FOUND: u8 = 127;

/// Why the main child did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// Something before execve(2) failed.
    Prepare(StartStep, Errno),
    /// execve(2) failed for every file that the command may be.
    Exec(path_search::Failure),
}

impl StartFailure {
    /// The exit status that says so (contract 2.6, 7).
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Prepare(..) => CANNOT_START,
            Self::Exec(failure) => match failure.error {
                Errno::ENOENT | Errno::ENOTDIR => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            },
        }
    }
}

/// What the child tells the init of a failed start. Without the page only its exit status tells.
#[derive(Debug)]
pub struct StartReport(Option<SharedPage>);

/// The words of the page. Each but the errno is an index counted from 1, so that 0 is none.
#[derive(Clone, Copy, Debug)]
enum Word {
    /// What failed: an entry of [`STEPS`], or execve(2), which comes after them.
    Step,
    /// Why.
    Errno,
    /// The candidate whose errno it is, if there was one.
    Candidate,
    /// The candidate that is an empty file and was handed to the shell.
    EmptyFile,
}

/// What comes before execve(2) and can fail.
const STEPS: [StartStep; 2] = [StartStep::ProcessGroup, StartStep::Session];

impl StartReport {
    /// A report that a child can fill in, if there is memory for it.
    #[must_use]
    pub fn map() -> Self {
        Self(SharedPage::map().ok())
    }

    fn word(&self, word: Word) -> Option<&AtomicU32> {
        let [step, errno, candidate, empty_file, ..] = self.0.as_ref()?.words();
        Some(match word {
            Word::Step => step,
            Word::Errno => errno,
            Word::Candidate => candidate,
            Word::EmptyFile => empty_file,
        })
    }

    /// Stores a number.
    // No order is asked for: the init looks only once it has waited for the child. Where a processor has no
    // barriers (Arm before version 6), any other order would be a call of the kernel's helpers, which not every
    // kernel has.
    fn store(&self, word: Word, number: u32) {
        if let Some(word) = self.word(word) {
            word.store(number, Ordering::Relaxed);
        }
    }

    fn load(&self, word: Word) -> u32 {
        self.word(word)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Stores an index, counted from 1.
    fn store_index(&self, word: Word, index: usize) {
        self.store(
            word,
            u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1),
        );
    }

    fn load_index(&self, word: Word) -> Option<usize> {
        usize::try_from(self.load(word)).ok()?.checked_sub(1)
    }

    /// In the child: leaves why it did not start.
    fn fail(&self, failure: StartFailure) {
        let (step, error) = match failure {
            StartFailure::Prepare(step, error) => (
                STEPS.iter().position(|known| *known == step).unwrap_or(0),
                error,
            ),
            StartFailure::Exec(path_search::Failure { error, candidate }) => {
                if let Some(candidate) = candidate {
                    self.store_index(Word::Candidate, candidate);
                }
                (STEPS.len(), error)
            }
        };
        self.store(Word::Errno, error.number().into());
        self.store_index(Word::Step, step);
    }

    /// Why the child did not start, if it has said so.
    #[must_use]
    pub fn failure(&self) -> Option<StartFailure> {
        let step = self.load_index(Word::Step)?;
        let error = Errno::new(self.load(Word::Errno).cast_signed())?;
        Some(match STEPS.get(step) {
            Some(step) => StartFailure::Prepare(*step, error),
            None => StartFailure::Exec(path_search::Failure {
                error,
                candidate: self.load_index(Word::Candidate),
            }),
        })
    }

    /// The candidate that is an empty file and was handed to the shell, if one was (contract 2.7).
    #[must_use]
    pub fn empty_file(&self) -> Option<usize> {
        self.load_index(Word::EmptyFile)
    }
}

/// A command: the word that was asked for, and where it is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The word.
    pub word: &'a [u8],
    /// The search path.
    pub path: &'a [u8],
}

impl<'a> Command<'a> {
    /// The command that this word asks for, to be looked up along `PATH` or the usual path.
    #[must_use]
    pub fn new(word: &'a [u8], environment: &StringList<'a>) -> Self {
        let path = environment
            .iter()
            .find_map(|variable| variable.bytes().strip_prefix(b"PATH="));
        Self {
            word,
            path: path.unwrap_or(DEFAULT_PATH),
        }
    }

    /// The name that the kernel gives its process: the last part of the path, at most 15 bytes, `proc_pid_comm(5)`.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        let name = last_part(self.word);
        name.get(..15).unwrap_or(name)
    }

    /// The path of a candidate by its place among all; `None` where there is none.
    fn candidate<'b>(&self, place: usize, memory: &'b mut [u8]) -> Option<ZStr<'b>> {
        path_of(
            path_search::candidates(self.word, self.path).nth(place)?,
            memory,
        )
    }

    /// The first candidate that is there. The search has gone on after it where its interpreter or loader is missing.
    fn first_that_exists(&self) -> Option<usize> {
        let mut memory = [0; PATH];
        path_search::candidates(self.word, self.path).position(|candidate| {
            let path = path_of(candidate, &mut memory);
            path.is_some_and(|path| file::stat(path).is_ok())
        })
    }

    /// Says why it did not start (contract 2.6, 2.7).
    // These three are out of line, so that their buffers are in no frame of the idle init: over 20 starts its stack takes
    // 13.6 kB instead of 15.8 kB on average (the kernel places it at random, so that single starts differ by a page).
    #[inline(never)]
    pub fn explain<O: Outlet>(&self, failure: StartFailure, log: &mut Log<'_, O>) {
        let command = self.word;
        match failure {
            StartFailure::Prepare(step, error) => log.say(&Event::StartFailed {
                step,
                command,
                error,
                limit: None,
            }),
            StartFailure::Exec(path_search::Failure { error, candidate }) => {
                let (mut error, mut candidate) = (error, candidate);
                if failure.status() == NOT_FOUND
                    && let Some(broken) = self.first_that_exists()
                    && candidate.replace(broken) != Some(broken)
                {
                    // The errno was that of a later one.
                    error = Errno::ENOENT;
                }
                let mut memory = [0; PATH];
                let file = candidate.and_then(|candidate| self.candidate(candidate, &mut memory));
                let mut head = [0; HEAD];
                let facts = facts_of_failed_execve(error, command, file, &mut head);
                // A word without a slash that is in no directory of PATH has no path worth showing.
                let path = facts.file.and(file).map(ZStr::bytes);
                log.say(&Event::ExecFailed {
                    command,
                    path: path.filter(|path| *path != command),
                    reason: facts.reason(),
                    error,
                });
            }
        }
    }

    /// Says that clone(2) failed, and which limit is reached, where that can be known.
    // Out of line, see `explain`.
    #[inline(never)]
    pub fn explain_failed_fork<O: Outlet>(&self, error: Errno, log: &mut Log<'_, O>) {
        let limit = (error == Errno::EAGAIN).then(reached_limit).flatten();
        log.say(&Event::StartFailed {
            step: StartStep::Process,
            command: self.word,
            error,
            limit,
        });
    }

    /// Says that the file which the shell runs is empty.
    // Out of line, see `explain`.
    #[inline(never)]
    pub fn explain_empty_file<O: Outlet>(&self, candidate: usize, log: &mut Log<'_, O>) {
        let mut memory = [0; PATH];
        if let Some(path) = self.candidate(candidate, &mut memory) {
            log.say(&Event::EmptyFile { path: path.bytes() });
        }
    }
}

/// Writes the path of a candidate, and a null byte; `None` where it does not fit.
fn path_of<'b>(candidate: Candidate<'_>, memory: &'b mut [u8]) -> Option<ZStr<'b>> {
    let mut buffer = Buffer::new(memory);
    candidate.write(&mut buffer).ok()?;
    ZStr::from_bytes_until_nul(buffer.into_bytes())
}

/// Which limit of processes is reached: that of the control group, else that of the user.
fn reached_limit() -> Option<ProcessLimit> {
    if let Some(limit) = pids_limit() {
        return Some(ProcessLimit::ControlGroup(limit));
    }
    let limit = process::process_limit().ok()??;
    Some(ProcessLimit::ResourceLimit(u32::try_from(limit).ok()?))
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
    /// What it executes.
    pub command: Command<'a>,
    /// The index of the command in the argument vector; at least 1.
    pub index: usize,
    /// Where a failure is left.
    pub report: &'a StartReport,
}

impl Plan<'_> {
    /// Forks the main child, as the leader of a process group or a session of its own, which executes the command
    /// (contract 2.1). Returns its process; execve(2) may still fail, or wait (contract 1.7).
    ///
    /// # Errors
    /// EAGAIN at a limit of processes; ENOMEM.
    pub fn start(
        &self,
        arguments: StringList<'_>,
        environment: StringList<'_>,
    ) -> Result<Pid, Errno> {
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
            Ok(()) => StartFailure::Exec(self.execute(arguments, environment)),
            Err((step, errno)) => StartFailure::Prepare(step, errno),
        };
        self.report.fail(failure);
        process::exit(failure.status())
    }

    /// Becomes the leader of a group or session, and takes the terminal (contract 2.1, 2.2). Ignores SIGCHLD again if
    /// the init found it ignored (contract 1.5).
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

    /// Executes the command as execvp(3) does (contract 2.5), with the signal mask that the init inherited (contract
    /// 2.3). Returns only to say why not.
    fn execute(
        &self,
        arguments: StringList<'_>,
        environment: StringList<'_>,
    ) -> path_search::Failure {
        let mut memory = [[0; VARIABLE]; PID_VARIABLES.len()];
        let mut path = [0; PATH];
        // Bound after the buffers, which have to outlive them.
        let (mut arguments, mut environment) = (arguments, environment);
        name_child(self.own, &mut environment, memory.each_mut());
        // As late as can be: what is pending kills the child here, as it would kill the command.
        let _ = signal::set_signal_mask(self.mask);
        let mut buffer = Buffer::new(&mut path);
        let Command { word, path } = self.command;
        let failure =
            path_search::search(
                word,
                path,
                &mut buffer,
                |file| match ZStr::from_bytes_until_nul(file) {
                    Some(file) => {
                        process::execve(file, arguments.from(self.index), environment.from(0))
                    }
                    None => Errno::ENOENT,
                },
            );
        if failure.error == Errno::ENOEXEC
            && let Some(file) = ZStr::from_bytes_until_nul(buffer.into_bytes())
        {
            self.execute_by_shell(file, failure.candidate, &mut arguments, &environment);
        }
        failure
    }

    /// POSIX, *exec*: a file of unknown format is a script; but an ELF file is none (contract 2.5). Returns where there
    /// is no shell.
    fn execute_by_shell<'s>(
        &self,
        file: ZStr<'s>,
        candidate: Option<usize>,
        arguments: &mut StringList<'s>,
        environment: &StringList<'_>,
    ) {
        let mut head = [0; 4];
        let length =
            file::open(file, Open::Read).and_then(|script| file::read(script.get(), &mut head));
        if head == *b"\x7fELF" {
            return;
        }
        if length == Ok(0)
            && let Some(candidate) = candidate
        {
            self.report.store_index(Word::EmptyFile, candidate);
        }
        let shell = ZStr::from_c_str(c"/bin/sh");
        let first = self.index.saturating_sub(1);
        arguments.set(self.index, file);
        arguments.set(first, shell);
        let _ = process::execve(shell, arguments.from(first), environment.from(0));
    }
}

/// The variables that name the process that reads them: `sd_listen_fds(3)`, `sd_watchdog_enabled(3)`, systemd.exec(5).
const PID_VARIABLES: [&[u8]; 3] = [LISTEN_PID, b"WATCHDOG_PID=", b"SYSTEMD_EXEC_PID="];

/// The one for socket activation.
const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// The variable that names the descriptor of the init's own pidfd, which says nothing of the child.
const PIDFD_VARIABLE: &[u8] = b"LISTEN_PIDFDID=";

/// Room for the longest of [`PID_VARIABLES`], with its number and the null byte.
const VARIABLE: usize = 32;

/// In the child: makes the variables that name the init name the child instead (contract 2.4).
fn name_child<'a>(
    own: Pid,
    environment: &mut StringList<'a>,
    buffers: [&'a mut [u8; VARIABLE]; PID_VARIABLES.len()],
) {
    for (name, memory) in PID_VARIABLES.into_iter().zip(buffers) {
        let names_init = |variable: ZStr<'_>| {
            let value = variable
                .bytes()
                .strip_prefix(name)
                .and_then(parse_decimal_u32);
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
        if name == LISTEN_PID {
            let names_pidfd = |variable: ZStr<'_>| variable.bytes().starts_with(PIDFD_VARIABLE);
            let index = environment.iter().position(names_pidfd);
            if let Some(index) = index {
                environment.remove(index);
            }
        }
    }
}
