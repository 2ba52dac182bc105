//! Starting the main child, and the child's side of it up to execve(2).
//!
//! Between clone(2) and execve(2) the child shares the init's memory and touches only `sys`, its own
//! stack and `Plan`; its failures come back as [`StartError`] in the plan, and the parent speaks.

use crate::options::Leads;
use crate::path_search::{self, DEFAULT_PATH, PATH_LIMIT};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::SignalSet;
use crate::proc_files::process_id;
use crate::sys::{self, Disposition, Vector};
use crate::terminal::{ChildTerminal, Foreground};
use crate::text::{Text, after_prefix};

/// What the init found on entry and the main child gets back.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    /// The signal mask.
    pub mask: SignalSet,
    /// What SIGCHLD does.
    pub sigchld: Disposition,
}

/// The exit status of an init that could not start its main child (contract 7).
pub const CANNOT_START: u8 = 125;

/// What it takes to start the main child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// clone(2).
    Clone,
    /// setpgid(2) or setsid(2).
    Group,
    /// execve(2), for every candidate.
    Exec,
}

/// Why the main child did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartError {
    /// What failed.
    pub stage: Stage,
    /// Why.
    pub errno: Errno,
}

impl StartError {
    /// The exit status that says so (contract 2.6, 7).
    #[inline(never)]
    #[must_use]
    pub const fn status(self) -> u8 {
        match (self.stage, self.errno) {
            (Stage::Exec, Errno::ENOENT | Errno::ENOTDIR) => 127,
            (Stage::Exec, _) => 126,
            (Stage::Clone | Stage::Group, _) => CANNOT_START,
        }
    }
}

/// All that the child needs to know, and its answer.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What it gets back.
    pub inherited: Inherited,
    /// What it becomes the leader of.
    pub leads: Leads,
    /// What it does about the terminal.
    pub terminal: ChildTerminal,
    /// The argument vector of the init.
    pub arguments: &'a Vector,
    /// The index of the command in it.
    pub command: usize,
    /// The environment.
    pub environment: &'a Vector,
    /// The init.
    pub own: Pid,
    /// Why it did not start, if so.
    pub failure: Option<StartError>,
}

const LISTEN_PID: &[u8] = b"LISTEN_PID=";

impl Plan<'_> {
    /// Starts the command as the leader of a process group or a session of its own (contract 2), and returns
    /// its process. If there is a failure then, it is dead or never was, and the terminal is as it was.
    pub fn start(&mut self, foreground: &mut Foreground) -> Pid {
        let child = sys::spawn(self);
        if let Err(errno) = child {
            self.failure = Some(StartError {
                stage: Stage::Clone,
                errno,
            });
        }
        let child = child.unwrap_or(self.own);
        if self.failure.is_some() {
            foreground.take_back(child);
        }
        child
    }
}

impl sys::Child for Plan<'_> {
    /// The child's whole life before its program.
    fn run(&mut self) -> ! {
        let (stage, errno) = match prepare(self) {
            Ok(()) => (Stage::Exec, execute(self)),
            Err(errno) => (Stage::Group, errno),
        };
        let failure = StartError { stage, errno };
        self.failure = Some(failure);
        // Where an emulator forks instead of sharing the memory, this is all that the init learns.
        sys::exit(failure.status())
    }
}

fn prepare(plan: &Plan<'_>) -> sys::Result<()> {
    match plan.leads {
        Leads::Group => {
            sys::setpgid()?;
            plan.terminal.become_foreground();
        }
        Leads::Session => {
            sys::setsid()?;
            plan.terminal.become_controlling();
        }
    }
    if plan.inherited.sigchld == Disposition::IGNORE {
        let _ = sys::set_sigchld_disposition(Disposition::IGNORE);
    }
    Ok(())
}

/// Executes the command as execvp(3) does, and returns only to say why not.
fn execute(plan: &Plan<'_>) -> Errno {
    let mut path = None;
    let mut listen_pid = None;
    for (index, entry) in plan.environment.iter().enumerate() {
        path = path.or(after_prefix(entry, b"PATH="));
        if after_prefix(entry, LISTEN_PID).and_then(process_id) == Some(plan.own) {
            listen_pid = Some(index);
        }
    }
    let word = plan.arguments.word(plan.command);
    let path = path.unwrap_or(DEFAULT_PATH);
    let mut buffer = [0; 32];
    let own_listen_pid = &mut Text::new(&mut buffer);
    if let Some(index) = listen_pid {
        own_listen_pid.push_bytes(LISTEN_PID);
        own_listen_pid.push_decimal(sys::getpid().number().unsigned_abs());
        own_listen_pid.push(0);
        plan.environment.replace(index, own_listen_pid.as_bytes());
    }
    // As late as can be: a signal that stops the child before it has executed the command stops the init too,
    // until SIGCONT, because vfork(2) waits for one or the other.
    let _ = sys::set_signal_mask(plan.inherited.mask);
    // No candidate is longer than both together, and few need all of the page that `PATH_MAX` takes.
    if word.len().saturating_add(path.len()) < USUAL_LIMIT - 2 {
        return search(plan, word, path, &mut [0; USUAL_LIMIT]);
    }
    search_longest(plan, word, path)
}

/// Searches with candidates as long as they may be, in a stack frame of its own that hardly any start needs.
#[inline(never)]
fn search_longest(plan: &Plan<'_>, word: &[u8], path: &[u8]) -> Errno {
    search(plan, word, path, &mut [0; PATH_LIMIT])
}

#[inline(never)]
fn search(plan: &Plan<'_>, word: &[u8], path: &[u8], buffer: &mut [u8]) -> Errno {
    let buffer = &mut Text::new(buffer);
    path_search::search(word, path, buffer, |file| {
        let mut first = plan.command;
        let errno = sys::execve(file, plan.arguments, first, plan.environment);
        if errno == Errno::ENOEXEC {
            // POSIX, exec: a file of unknown format is a script. The entry before the command is free.
            plan.arguments.replace(first, file);
            first = first.wrapping_sub(1);
            plan.arguments.replace(first, SHELL);
            let _ = sys::execve(SHELL, plan.arguments, first, plan.environment);
        }
        // Without a shell, the format stays the reason.
        errno
    })
}

/// As much as most command words and search paths need.
const USUAL_LIMIT: usize = 512;

/// Runs files of unknown format.
const SHELL: &[u8] = b"/bin/sh\0";
