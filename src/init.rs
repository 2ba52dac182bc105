//! The whole life of the init on one screen.

use crate::event_loop::EventLoop;
use crate::log::Log;
use crate::messages::{LINE_LIMIT, Message, Value};
use crate::options::{Options, Reader, UsageError};
use crate::packed::{self, Piece};
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::spawn::{CANNOT_START, Inherited, Plan, Stage, StartError};
use crate::sys::{self, Descriptor, Disposition, Vectors};
use crate::terminal::{Foreground, Terminal};

/// Lives the init's life and returns its exit status.
#[must_use]
pub fn run(vectors: Vectors<'_>) -> u8 {
    // The first system call of all: a signal that comes from here on waits (contract 1.1).
    let mask = sys::set_signal_mask(SignalSet::ALL);

    let mut reader = Reader::default();
    let runs = reader.read(
        vectors.argument(),
        &|| vectors.next(),
        vectors.environment(),
    );
    let options = &reader.options;
    let command = reader.error.word;
    let mut buffer = [0; LINE_LIMIT];
    let log = &mut Log::new(options.level, options.format, &mut buffer);
    if runs.is_none() {
        return speak(log, &reader.error, &reader.options);
    }

    let own = sys::getpid();
    if own != Pid::INIT {
        log.ignored(Piece::PRCTL, sys::set_child_subreaper());
    }
    let missed = options
        .parent_death_signal
        .and_then(|signal| ask_for_parent_death_signal(log, signal));
    let sigchld = sys::set_sigchld_disposition(Disposition::DEFAULT);

    // A pause process has none but itself.
    let mut child = own;
    let mut foreground = Foreground::default();
    if options.pauses() {
        log.say(Message::Paused, Value::NONE, Value::NONE);
    } else {
        let terminal = Terminal::find();
        let plan = Plan {
            inherited: Inherited { mask, sigchld },
            options,
            terminal: foreground.before(options.leads(), &terminal),
            own,
            command,
            failure: None,
        };
        let started = plan.start(vectors, &mut foreground);
        // Where standard error was closed, the terminal may have got its number.
        drop(terminal);
        match started {
            Ok(started) => child = started,
            Err(error) => return report(log, options, command, error),
        }
        log.say_word(Message::Started, command, child.into(), Value::NONE);
    }

    // ---- The line of no return: from here, nothing but a step of the supervisor ends the init. ----
    EventLoop::new(options, own, child, foreground, log).run(missed)
}

/// Says why there is nothing to run: prints what was asked for, or says what is wrong with a word.
#[inline(never)]
fn speak(log: &mut Log<'_>, error: &UsageError<'_>, options: &Options) -> u8 {
    let Some(message) = error.message else {
        return print(log, options.output());
    };
    let values = [
        error.source.into(),
        error.option().into(),
        error.expected().into(),
        Value::NONE,
    ];
    log.say_all(message, error.word, &values);
    CANNOT_START
}

/// Asks for a signal when the parent dies. Returns the signal if it died before, which
/// shows in another parent (contract 1.6).
fn ask_for_parent_death_signal(log: &mut Log<'_>, signal: Signal) -> Option<Signal> {
    let parent = sys::getppid();
    log.ignored(Piece::PRCTL, sys::set_parent_death_signal(signal));
    if sys::getppid() == parent {
        return None;
    }
    // It may have died just after the request: then the signal itself is here.
    let _ = sys::wait_for_signal(SignalSet::only(signal), Milliseconds(0));
    Some(signal)
}

/// Says why the main child did not start, and returns the status for that, which `-e` changes too.
#[inline(never)]
fn report(log: &mut Log<'_>, options: &Options, command: &[u8], error: StartError) -> u8 {
    let errno = error.errno.into();
    let (message, first, second) = match error.stage {
        Stage::Exec => (Message::ExecFailed, errno, Value::NONE),
        Stage::Clone => (Message::StartFailed, Piece::PROCESS.into(), errno),
        Stage::Group => (Message::StartFailed, Piece::GROUP.into(), errno),
    };
    log.say_word(message, command, first, second);
    let status = error.status();
    if options.remapped.contains(status) {
        0
    } else {
        status
    }
}

/// Prints a section of our own texts to standard output (contract 8.1).
fn print(log: &mut Log<'_>, section: Piece) -> u8 {
    let mut texts = [0; packed::LENGTH];
    let mut rest = section.section(packed::unpack(&mut texts));
    while !rest.is_empty() {
        match sys::write(Descriptor::OUTPUT, rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(error) => {
                log.say(Message::OutputFailed, error, Value::NONE);
                return CANNOT_START;
            }
        }
    }
    0
}
