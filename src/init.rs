//! The whole life of the init on one screen.

use crate::event_loop::EventLoop;
use crate::log::Log;
use crate::messages::{LINE_LIMIT, Message};
use crate::options::{self, Name, Options, Reader, Task, UsageError};
use crate::packed::Piece;
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, SignalSet};
use crate::spawn::{CANNOT_START, Inherited, Plan, Stage, StartError};
use crate::sys::{self, Descriptor, Disposition, Vectors};
use crate::terminal::{Foreground, Terminal};
use crate::text::Text;

/// Lives the init's life and returns its exit status.
#[must_use]
pub fn run(vectors: Vectors<'_>) -> u8 {
    // The first system call of all: a signal that comes from here on waits (contract 1.1).
    let mask = sys::set_signal_mask(SignalSet::ALL);

    let mut options = Options::new(vectors.argument());
    let command = read_options(&mut options, &vectors);
    let mut buffer = [0; LINE_LIMIT];
    let log = &mut Log::new(options.level, options.format, &mut buffer);
    let command = match command {
        Ok(command) => command,
        Err(error) => return refuse(log, &error),
    };
    if matches!(options.task, Task::Help | Task::Version | Task::License) {
        return print(log, options.task, options.name);
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
    if options.task == Task::Pause {
        log.say(Message::Paused).end();
    } else {
        let terminal = Terminal::find();
        let plan = Plan {
            inherited: Inherited { mask, sigchld },
            options: &options,
            terminal: foreground.before(options.leads, &terminal),
            command,
            failure: None,
        };
        let started = plan.start(vectors, &mut foreground);
        // Where standard error was closed, the terminal may have got its number.
        drop(terminal);
        match started {
            Ok(started) => child = started,
            Err(error) => return report(log, &options, command, error),
        }
        log.say(Message::Started).bytes(command).pid(child).end();
    }

    // ---- The line of no return: from here, nothing but a step of the supervisor ends the init. ----
    EventLoop::new(&options, own, child, foreground, log).run(missed)
}

/// Reads all options and returns the command, which is of no use where there is none.
#[inline(never)]
fn read_options<'a>(
    options: &mut Options,
    vectors: &Vectors<'a>,
) -> Result<&'a [u8], UsageError<'a>> {
    let words = core::iter::from_fn(|| vectors.next());
    let mut reader = Reader::new(options);
    match reader.read(words, vectors.environment()) {
        Some(()) => Ok(reader.error.word),
        None => Err(reader.error),
    }
}

/// Says what is wrong with a word.
#[inline(never)]
fn refuse(log: &mut Log<'_>, error: &UsageError<'_>) -> u8 {
    let mut buffer = [0; options::LINE_LIMIT];
    let text = &mut Text::new(&mut buffer);
    let log = log.say(error.message).words(error.source).bytes(error.word);
    log.bytes(error.option(text)).words(error.expected()).end();
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
    let _ = match error.stage {
        Stage::Exec => log.say(Message::ExecFailed),
        Stage::Clone => log.say(Message::StartFailed).words(Piece::PROCESS),
        Stage::Group => log.say(Message::StartFailed).words(Piece::GROUP),
    };
    log.bytes(command).error(error.errno).end();
    let status = error.status();
    if options.remapped.contains(status) {
        0
    } else {
        status
    }
}

/// Prints what was asked for to standard output (contract 8.1).
#[inline(never)]
fn print(log: &mut Log<'_>, task: Task, name: Name) -> u8 {
    let mut line = match task {
        Task::License => Piece::LICENSE,
        Task::Version if name == Name::Tini => Piece::VERSION_AS_TINI,
        Task::Version => Piece::VERSION,
        Task::Help | Task::Run | Task::Pause => Piece::HELP,
    };
    loop {
        let mut buffer = [0; options::LINE_LIMIT];
        let text = &mut Text::new(&mut buffer);
        text.push_piece(line);
        if text.length() == 0 {
            return 0;
        }
        text.push(b'\n');
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
        line = line.plus(1);
    }
}
