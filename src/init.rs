//! The whole life of the init on one screen.

use crate::actions::{Actions, MainChild, StandardErrorLog};
use crate::cli::parse::parse;
use crate::cli::table::{self, COMMIT};
use crate::cli::{Options, Request, Topic, UsageError};
use crate::event_loop::EventLoop;
use crate::limits::LINE;
use crate::log::Log;
use crate::log::event::{Event, Level};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::posix::time::Milliseconds;
use crate::proc_reader;
use crate::spawn::{CANNOT_START, Command, Plan, StartReport};
use crate::standard_error::StandardError;
use crate::supervisor::{Role, Supervisor};
use crate::sys::arguments::{StringList, ZStr};
use crate::sys::file::{self, Descriptor};
use crate::sys::process;
use crate::sys::signal::{self, Disposition, Recipient, kill};
use crate::terminal::Job;

/// Lives the init's life. Returns its exit status if it ends before the main child runs.
#[must_use]
pub fn run(arguments: StringList<'_>, environment: StringList<'_>) -> u8 {
    // The first system call of all: a signal that comes from here on waits (contract 1.1).
    let mask = signal::set_signal_mask(SignalSet::ALL);

    // Where getpid(2) fails twice, the init takes itself for a wrapper: as PID 1 it would send SIGKILL to everybody.
    let own = process::getpid().or_else(|_| process::getpid());
    let role = if own == Ok(Pid::INIT) {
        Role::Pid1
    } else {
        Role::Wrapper
    };
    let own = own.unwrap_or(Pid::NOBODY);
    let words = arguments.iter().map(ZStr::bytes);
    let variables = environment.iter().map(ZStr::bytes);
    let mut line = [0; LINE];
    let (options, request) = match parse(words, variables, role == Role::Pid1) {
        Ok(parsed) => parsed,
        Err(error) => return report_usage_error(&error, &mut line),
    };
    let mut log = Log::new(
        StandardError::default(),
        options.level,
        options.format,
        &mut line,
    );
    if options.options_ignored {
        log.say(&Event::OptionsIgnored);
    }
    let index = match request {
        Request::Print(topic) => return print(topic, &options, &mut log),
        Request::Run { command } => Some(command),
        Request::Pause => None,
    };

    // Orphans of its own come to it then, as all do to PID 1 (contract 1.4).
    if role == Role::Wrapper {
        log.ignored("prctl", process::set_child_subreaper());
    }
    if let Some(signal) = options.parent_death_signal {
        ask_for_parent_death_signal(&mut log, signal);
    }
    // With SIGCHLD ignored, the kernel would reap behind the init's back (contract 1.5).
    let sigchld = signal::set_disposition(Signal::CHLD, Disposition::Default);

    let (main_child, job) = match index {
        None => {
            forget_origin();
            log.say(&Event::Paused);
            (None, Job::without_main_child(&options, role))
        }
        Some(index) => {
            let (job, terminal) = Job::before_start(&options, role);
            let word = arguments.get(index).map_or(&b""[..], ZStr::bytes);
            let command = Command::new(word, &environment);
            let report = StartReport::map();
            let plan = Plan {
                isolation: options.isolation,
                mask,
                sigchld: sigchld.unwrap_or(Disposition::Default),
                terminal: &terminal,
                own,
                command,
                index,
                report: &report,
            };
            let pid = match plan.start(arguments, environment) {
                Ok(pid) => pid,
                Err(error) => {
                    command.explain_failed_fork(error, &mut log);
                    return options.remap(CANNOT_START);
                }
            };
            log.say(&Event::Started { command: word, pid });
            let main_child = MainChild {
                pid,
                command,
                report,
            };
            (Some(main_child), job)
        }
    };

    // ---- The line of no return: from here, nothing but a step of the supervisor ends the init (contract 4.5). ----
    let pid = main_child.as_ref().map(|main_child| main_child.pid);
    let actions = Actions::new(&options, own, role, main_child, job, log);
    EventLoop::new(Supervisor::new(&options, role, pid, actions)).run()
}

/// Says what is wrong with a word (contract 10.5). Returns the exit status.
fn report_usage_error(error: &UsageError<'_>, line: &mut [u8; LINE]) -> u8 {
    let mut log = Log::new(StandardError::default(), Level::Error, error.format, line);
    log.say(&Event::UsageError {
        source: error.source,
        problem: error.problem,
    });
    CANNOT_START
}

/// Asks for a signal when the parent dies. If the parent died before that, so that the init has another one now, the init
/// sends it to itself (contract 1.6).
fn ask_for_parent_death_signal(log: &mut StandardErrorLog<'_>, signal: Signal) {
    let parent = process::getppid();
    log.ignored("prctl", process::set_parent_death_signal(signal));
    if process::getppid() != parent {
        // It may have died just after the request. Then the signal itself has come, and one is enough.
        let _ = signal::wait_for_signal(SignalSet::only(signal), Some(Milliseconds(0)));
        let own = process::getpid();
        let sent = own.and_then(|own| kill(Recipient::Process(own), Some(signal)));
        log.ignored("kill", sent);
    }
}

/// A pause process has no app to hide from: it keeps no mount busy and no pipe open (contract 9). No failure matters.
fn forget_origin() {
    let _ = process::chdir_to_root();
    if file::close_range(FIRST_INHERITED).is_err()
        && proc_reader::close_listed(FIRST_INHERITED).is_err()
    {
        for number in FIRST_INHERITED..MOST_INHERITED {
            let _ = file::close(number);
        }
    }
}

/// The first descriptor after the standard streams.
const FIRST_INHERITED: u32 = 3;

/// Without `close_range(2)` and `/proc`, this many descriptors are tried: the usual limit of open files, getrlimit(2).
const MOST_INHERITED: u32 = 1024;

/// Prints something of our own to standard output (contract 8.1). Returns the exit status.
// Out of line: 136 bytes less, because the frame is smaller than that of the whole life.
#[inline(never)]
fn print(topic: Topic, options: &Options, log: &mut StandardErrorLog<'_>) -> u8 {
    let mut result = Ok(());
    table::print(topic, options.name, COMMIT, &mut |bytes| {
        if result.is_ok() {
            result = write_all(bytes);
        }
    });
    match result {
        Ok(()) => 0,
        Err(error) => {
            log.say(&Event::OutputFailed { error });
            CANNOT_START
        }
    }
}

/// Writes all bytes to standard output, and waits for its reader.
fn write_all(mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match file::write(Descriptor::OUTPUT, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
