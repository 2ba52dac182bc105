//! The whole life of the init on one screen.

use crate::event_loop::EventLoop;
use crate::log;
use crate::messages::{LINE_LIMIT, Log, Message};
use crate::options::{HELP_LIMIT, Name, Options, Reader, Task, UsageError};
use crate::packed::{HELP, LICENSE};
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::spawn::{self, Inherited, Stage, StartError};
use crate::sys::{self, Descriptor, Disposition, Vector};
use crate::terminal::Foreground;
use crate::text::{Text, after_prefix, equal};

/// The exit status of an init that could not start its main child (contract 7).
const CANNOT_START: u8 = 125;
/// The exit status for a command that is not executable.
const NOT_EXECUTABLE: u8 = 126;
/// The exit status for a command that is not there.
const NOT_FOUND: u8 = 127;

/// Lives the init's life and returns its exit status.
#[must_use]
pub fn run(arguments: &Vector, environment: &Vector) -> u8 {
    // The first system call of all: a signal that comes from here on waits (contract 1.1).
    let mask = sys::set_signal_mask(SignalSet::ALL);

    let mut options = Options::new(arguments.get(0).unwrap_or_default());
    let command = read_options(&mut options, arguments, environment);
    let mut buffer = [0; LINE_LIMIT];
    let log = &mut log::to_standard_error(options.level, options.format, &mut buffer);
    let Some(command) = command else {
        return CANNOT_START;
    };
    let command = match options.task {
        Task::Run => Some(command),
        Task::Pause => None,
        Task::Help | Task::Version | Task::License => {
            return print(log, options.task, options.name);
        }
    };

    let own = sys::getpid();
    if own != Pid::INIT {
        log.ignored("prctl", sys::set_child_subreaper());
    }
    let missed = options
        .parent_death_signal
        .and_then(|signal| ask_for_parent_death_signal(log, signal));
    let inherited = Inherited {
        mask,
        sigchld: sys::set_sigchld_disposition(Disposition::Default),
    };

    let mut foreground = Foreground::default();
    let child = match command {
        None => {
            log.say(Message::Paused).end();
            None
        }
        Some(command) => {
            let word = arguments.get(command).unwrap_or_default();
            match spawn::main_child(
                inherited,
                options.leads,
                &mut foreground,
                arguments,
                command,
                environment,
                own,
            ) {
                Ok(child) => {
                    log.say(Message::Started).bytes(word).pid(child).end();
                    Some(child)
                }
                Err(error) => return report(log, &options, word, error),
            }
        }
    };

    // ---- The line of no return: from here, nothing but a step of the supervisor ends the init. ----
    EventLoop::new(&options, own, child, foreground, log).run(missed)
}

/// Reads all options and returns the index of the command, if there is one; says what is wrong otherwise.
fn read_options(options: &mut Options, arguments: &Vector, environment: &Vector) -> Option<usize> {
    let first = arguments.get(1).unwrap_or_default();
    let has_options = first.first() == Some(&b'-') && !equal(first, b"--");
    let variable = |entry| after_prefix(entry, b"PIDLING_OPTIONS=").is_some();
    if has_options || environment.iter().any(variable) {
        return read_with_table(options, arguments, environment);
    }
    read_words(options, arguments, environment, b"")
}

/// Unpacks the table of options, in a stack frame of its own that most starts do not need.
#[inline(never)]
fn read_with_table(
    options: &mut Options,
    arguments: &Vector,
    environment: &Vector,
) -> Option<usize> {
    let mut buffer = [0; HELP_LIMIT];
    let help = &mut Text::new(&mut buffer);
    help.push_packed(&HELP);
    read_words(options, arguments, environment, help.as_bytes())
}

#[inline(never)]
fn read_words(
    options: &mut Options,
    arguments: &Vector,
    environment: &Vector,
    help: &[u8],
) -> Option<usize> {
    let mut last = 0_usize;
    let mut words = || {
        last = last.wrapping_add(1);
        arguments.get(last)
    };
    let mut reader = Reader::new(options, help);
    if reader.read(&mut words, environment.iter()).is_some() {
        return Some(last);
    }
    let error = reader.error;
    refuse(options, &error);
    None
}

/// Says what is wrong with a word.
#[inline(never)]
fn refuse(options: &Options, error: &UsageError<'_>) {
    let mut buffer = [0; LINE_LIMIT];
    let log = &mut log::to_standard_error(options.level, options.format, &mut buffer);
    let mut buffer = [0; 96];
    let expected = &mut Text::new(&mut buffer);
    expected.push_packed(error.expected());
    let log = log.say(error.message).words(error.source).bytes(error.word);
    log.words(error.option()).words(expected.as_bytes()).end();
}

/// Asks for a signal when the parent dies. Returns the signal if it died before, which
/// shows in another parent (contract 1.6).
fn ask_for_parent_death_signal(log: &mut Log<'_>, signal: Signal) -> Option<Signal> {
    let parent = sys::getppid();
    log.ignored("prctl", sys::set_parent_death_signal(signal));
    if sys::getppid() == parent {
        return None;
    }
    // It may have died just after the request: then the signal itself is here.
    let _ = sys::wait_for_signal(SignalSet::only(signal), Some(Milliseconds(0)));
    Some(signal)
}

/// Says why the main child did not start, and returns the status for that, which `-e` changes too.
fn report(log: &mut Log<'_>, options: &Options, command: &[u8], error: StartError) -> u8 {
    let StartError { stage, errno } = error;
    let (step, status): (&[u8], _) = match stage {
        Stage::Exec => {
            let is_there = !matches!(errno, Errno::ENOENT | Errno::ENOTDIR);
            let _ = log.say(Message::ExecFailed);
            (b"", if is_there { NOT_EXECUTABLE } else { NOT_FOUND })
        }
        Stage::Clone => (b"process", CANNOT_START),
        Stage::Group => (b"group", CANNOT_START),
    };
    if !step.is_empty() {
        let _ = log.say(Message::StartFailed).words(step);
    }
    log.bytes(command).error(errno).end();
    if options.remapped.contains(status) {
        0
    } else {
        status
    }
}

/// Prints what was asked for to standard output (contract 8.1).
#[inline(never)]
fn print(log: &mut Log<'_>, task: Task, name: Name) -> u8 {
    let packed = match task {
        Task::License => &LICENSE[..],
        Task::Version if name == Name::Tini => VERSION_AS_TINI,
        Task::Version => VERSION,
        Task::Help | Task::Run | Task::Pause => &HELP,
    };
    let mut buffer = [0; HELP_LIMIT];
    let text = &mut Text::new(&mut buffer);
    text.push_packed(packed);
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match sys::write(Descriptor::OUTPUT, rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(error) => {
                log.say(Message::OutputFailed).error(error).end();
                return CANNOT_START;
            }
        }
    }
    0
}

/// The version line where the init stands in for another: as dockerd reads tini's (contract 10.4).
const VERSION_AS_TINI: &[u8] =
    concat!("tini version ", env!("CARGO_PKG_VERSION"), "_pidling\n").as_bytes();

/// The version line, with the commit the init was built from where that is known; dockerd reads it too.
const VERSION: &[u8] = concat!(
    "pidling version ",
    env!("CARGO_PKG_VERSION"),
    env!("PIDLING_COMMIT"),
    "\n"
)
.as_bytes();
