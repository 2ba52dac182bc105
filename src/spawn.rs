//! Starting the main child, and the child's side of it up to execve(2).
//!
//! Between clone(2) and execve(2) the child shares the init's memory and touches only `sys`, its own
//! stack, `Plan` and the vectors, which the init no longer reads; its failures come back as [`StartError`] in the plan, and the parent speaks.

use crate::options::{Leads, Options};
use crate::path_search::{self, DEFAULT_PATH, PATH_LIMIT};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::SignalSet;
use crate::proc_files::process_id;
use crate::sys::{self, Disposition, Terminated, Vectors};
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
    /// What was asked for.
    pub options: &'a Options,
    /// What it does about the terminal.
    pub terminal: ChildTerminal<'a>,
    /// The init.
    pub own: Pid,
    /// The command.
    pub command: &'a [u8],
    /// Why it did not start, if so.
    pub failure: Option<StartError>,
}

const LISTEN_PID: &[u8] = b"LISTEN_PID=";

impl Plan<'_> {
    /// Starts the command as the leader of a process group or a session of its own (contract 2), and returns
    /// its process.
    ///
    /// # Errors
    /// Then it is dead or never was, and the terminal is as it was.
    pub fn start(
        mut self,
        vectors: Vectors<'_>,
        foreground: &mut Foreground,
    ) -> Result<Pid, StartError> {
        let plan = &mut self;
        let child = sys::spawn(Child { plan, vectors }).map_err(|errno| StartError {
            stage: Stage::Clone,
            errno,
        })?;
        if let Some(error) = self.failure {
            foreground.take_back(child);
            return Err(error);
        }
        Ok(child)
    }
}

/// The child with all that it has.
struct Child<'p, 'c, 'v> {
    plan: &'p mut Plan<'c>,
    /// The arguments from the command on, and the environment.
    vectors: Vectors<'v>,
}

impl sys::Child for Child<'_, '_, '_> {
    /// The child's whole life before its program.
    #[expect(
        clippy::inline_always,
        reason = "called in one place, where a copy of the child would be made for it"
    )]
    #[inline(always)]
    fn run(self) -> ! {
        let (stage, errno) = match prepare(self.plan) {
            Ok(()) => (Stage::Exec, execute(self.plan, self.vectors)),
            Err(errno) => (Stage::Group, errno),
        };
        let failure = StartError { stage, errno };
        self.plan.failure = Some(failure);
        // Where an emulator forks instead of sharing the memory, this is all that the init learns.
        sys::exit(failure.status())
    }
}

fn prepare(plan: &Plan<'_>) -> sys::Result<()> {
    match plan.options.leads() {
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
fn execute(plan: &Plan<'_>, vectors: Vectors<'_>) -> Errno {
    let mut buffer = [0; 32];
    let mut own_listen_pid = Text::new(&mut buffer);
    // Bound after the buffer, so that what stands there lives as long as the strings in them.
    let mut vectors = vectors;
    let mut path = None;
    let mut listen_pid = None;
    for variable in vectors.variables() {
        let entry = variable.get();
        path = path.or(after_prefix(entry, b"PATH="));
        if after_prefix(entry, LISTEN_PID).and_then(process_id) == Some(plan.own) {
            listen_pid = Some(variable);
        }
    }
    let path = path.unwrap_or(DEFAULT_PATH);
    if let Some(variable) = listen_pid {
        own_listen_pid.push_bytes(LISTEN_PID);
        own_listen_pid.push_decimal(sys::getpid().number().unsigned_abs());
        own_listen_pid.push(0);
        variable.set(Terminated::new(own_listen_pid.as_bytes()));
    }
    // As late as can be: a signal that stops the child before it has executed the command stops the init too,
    // until SIGCONT, because vfork(2) waits for one or the other.
    let _ = sys::set_signal_mask(plan.inherited.mask);
    // No candidate is longer than both together, and few need all of the page that `PATH_MAX` takes.
    if plan.command.len().wrapping_add(path.len()) < USUAL_LIMIT - 2 {
        return search(vectors, plan.command, path, &mut [0; USUAL_LIMIT]);
    }
    search_longest(vectors, plan.command, path)
}

/// Searches with candidates as long as they may be, in a stack frame of its own that hardly any start needs.
#[inline(never)]
fn search_longest(vectors: Vectors<'_>, command: &[u8], path: &[u8]) -> Errno {
    search(vectors, command, path, &mut [0; PATH_LIMIT])
}

#[inline(never)]
fn search(vectors: Vectors<'_>, command: &[u8], path: &[u8], buffer: &mut [u8]) -> Errno {
    let mut buffer = Text::new(buffer);
    let errno = path_search::search(command, path, &mut buffer, |file| {
        vectors.execve(Terminated::new(file))
    });
    if errno == Errno::ENOEXEC {
        // POSIX, exec: a file of unknown format is a script. Without a shell, the format stays the reason.
        let script = Terminated::new(buffer.as_bytes());
        let shell = Terminated::known(c"/bin/sh");
        let _ = vectors.execve_by(shell, script);
    }
    errno
}

/// As much as most command words and search paths need.
const USUAL_LIMIT: usize = 512;
