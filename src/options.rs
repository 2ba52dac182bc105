//! What the init was asked for: one table of options, read from variables and the command line.
//!
//! Pure: words in, [`Options`] or a [`UsageError`] out. `--help` is made from the same table.

use crate::messages::{Format, Level, Message};
use crate::packed::lines::{
    GRACE_PERIOD, GROUP, HELP, LICENSE, LOG_FORMAT, PARENT_DEATH_SIGNAL, PAUSE, QUIET, REMAP_EXIT,
    REWRITE, SETSID, SINGLE_CHILD, STOP_DELAY, VERBOSE, VERBOSITY, VERSION, WAIT_ALL, WARN_ON_REAP,
};
use crate::packed::{self, Piece};
use crate::posix::duration::Milliseconds;
use crate::posix::signal::Signal;
use crate::text::{after_prefix, common_start, parse_decimal, take_part, take_until};

/// The variables: how each begins, or all of it where it does not end at the value.
const VARIABLES: &[u8] =
    b"TINI_KILL_PROCESS_GROUP=\nTINI_VERBOSITY=\nDUMB_INIT_SETSID=0\nDUMB_INIT_DEBUG=1\n\
PIDLING_OPTIONS=\n";

/// The options that they stand for.
const OF_VARIABLES: &[u8] = &[GROUP, VERBOSITY, SINGLE_CHILD, DEBUG, WORDS];

/// The names of other inits.
const NAMES: &[u8] = b"dumb-init\ndocker-init\ntini\ntini-static\ncatatonit\n";

/// The options that they stand for.
const OF_NAMES: &[u8] = &[DUMB_INIT, TINI, TINI, TINI, TINI];

// The number of an option is that of its line in `--help`; those of other lines there stand for what no line tells.
// All are below 32, so that a set of options is a number too.
const DEBUG: u8 = 0;
const DUMB_INIT: u8 = 1;
const TINI: u8 = WARN_ON_REAP + 1;
const WORDS: u8 = WARN_ON_REAP + 2;
const _: () = assert!(WORDS < VERBOSITY && VERBOSITY < 32);

/// The options that take a value.
const WITH_VALUE: u32 = bit(REMAP_EXIT)
    | bit(LOG_FORMAT)
    | bit(PARENT_DEATH_SIGNAL)
    | bit(REWRITE)
    | bit(STOP_DELAY)
    | bit(GRACE_PERIOD);

/// The set of this option alone.
const fn bit(number: u8) -> u32 {
    #[expect(clippy::as_conversions, reason = "`from` is not const")]
    1_u32.wrapping_shl(number as u32)
}

/// How wide the columns of the option's letter are in a line of `--help`.
const LETTER: usize = 6;

/// The name the init was started under, the last part of `argv[0]` (contract 10.3, 10.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `dumb-init`: a session and group signals by default.
    DumbInit,
    /// `docker-init`, `tini`, `tini-static` or `catatonit`: their version line.
    Tini,
    /// Anything else.
    Pidling,
}

/// Who gets forwarded signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The main child.
    Process,
    /// The main child's process group.
    Group,
}

/// What the main child is the leader of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// A process group in the init's session.
    Group,
    /// A session.
    Session,
}

/// Which signal each received signal is forwarded as: what its number is combined with, by an exclusive
/// or, to get the other one's, or 0 for none. There is a place for every `u8`, so that none is out of bounds.
#[derive(Clone, Copy, Debug)]
pub struct Rewrites([u8; 256]);

impl Rewrites {
    /// What `signal` is forwarded as; `None` when it is dropped.
    #[must_use]
    pub fn apply(&self, signal: Signal) -> Option<Signal> {
        let number = signal.number();
        let change = self.0.get(usize::from(number));
        Signal::from_kernel(number ^ change.unwrap_or(&0))
    }

    /// Has the signal forwarded as STOP unless it is rewritten already.
    fn stop_for(&mut self, signal: Signal) {
        let number = signal.number();
        if let Some(change @ 0) = self.0.get_mut(usize::from(number)) {
            *change = number ^ Signal::STOP.number();
        }
    }

    /// Reads a rewrite; `None` if it is none.
    #[inline(never)]
    fn parse(mut to: &[u8], rewrites: &mut Self) -> Option<()> {
        let from = Signal::parse(take_until(&mut to, b':')?)?;
        let to = if to == b"0" {
            0
        } else {
            Signal::parse(to)?.number()
        };
        if matches!(from, Signal::KILL | Signal::STOP | Signal::CHLD) {
            return None;
        }
        *rewrites.0.get_mut(usize::from(from.number()))? = from.number() ^ to;
        Some(())
    }
}

/// A set of exit statuses.
#[derive(Clone, Copy, Debug)]
pub struct StatusSet([bool; 256]);

impl StatusSet {
    /// Whether the status is in the set.
    #[must_use]
    pub fn contains(&self, status: u8) -> bool {
        self.0.get(usize::from(status)) == Some(&true)
    }
}

/// Everything the init was asked for.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Options {
    /// The set of options that were given, as [`bit`] numbers them, those that `-c` undid left out.
    given: u32,
    /// What the log shows.
    pub level: Level,
    /// What a log line looks like.
    pub format: Format,
    /// The signal to get when the parent dies.
    pub parent_death_signal: Option<Signal>,
    /// How long the first stop signal is held.
    pub stop_delay: Milliseconds,
    grace_period: Milliseconds,
    /// How signals are forwarded.
    pub rewrites: Rewrites,
    /// Statuses that become 0.
    pub remapped: StatusSet,
}

/// Why a word cannot be used.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct UsageError<'a> {
    /// The word at fault.
    pub word: &'a [u8],
    /// What is wrong, if something is.
    pub message: Option<Message>,
    /// Where the word was.
    pub source: Piece,
    /// The number of the option it is about, or of the nearest one.
    number: u8,
}

impl UsageError<'_> {
    /// The line of `--help` for the option it is about, or for the nearest one.
    #[must_use]
    pub fn option(&self) -> Piece {
        Piece::HELP.plus(self.number)
    }

    /// What was expected in place of the word.
    #[must_use]
    pub fn expected(&self) -> Piece {
        Piece::EXPECTED.plus(match self.number {
            REMAP_EXIT => 0,
            VERBOSITY => 1,
            PARENT_DEATH_SIGNAL => 2,
            REWRITE => 3,
            STOP_DELAY | GRACE_PERIOD => 4,
            _ => 5,
        })
    }
}

/// The long name in a line of `--help`.
#[inline(never)]
fn name_in(line: &[u8]) -> Option<&[u8]> {
    take_until(&mut line.get(LETTER..)?, b' ')
}

impl Options {
    const fn has(&self, options: u32) -> bool {
        self.given & options != 0
    }

    /// The name it was started under.
    #[must_use]
    pub const fn name(&self) -> Name {
        if self.has(bit(DUMB_INIT)) {
            Name::DumbInit
        } else if self.has(bit(TINI)) {
            Name::Tini
        } else {
            Name::Pidling
        }
    }

    /// Whether there is something to print and nothing to run.
    #[must_use]
    pub const fn asks_for_output(&self) -> bool {
        self.has(bit(HELP) | bit(LICENSE) | bit(VERSION))
    }

    /// The first line of that.
    #[must_use]
    pub const fn output(&self) -> Piece {
        if self.has(bit(LICENSE)) {
            Piece::LICENSE
        } else if self.has(bit(HELP)) {
            Piece::HELP
        } else if self.has(bit(TINI)) {
            Piece::VERSION_AS_TINI
        } else {
            Piece::VERSION
        }
    }

    /// Whether to reap until SIGTERM or SIGINT, with no command.
    #[must_use]
    pub const fn pauses(&self) -> bool {
        self.has(bit(PAUSE))
    }

    /// Who gets forwarded signals.
    #[must_use]
    pub const fn target(&self) -> Target {
        if self.has(bit(GROUP)) {
            Target::Group
        } else {
            Target::Process
        }
    }

    /// What the main child leads.
    #[must_use]
    pub const fn leads(&self) -> Leads {
        if self.has(bit(SETSID)) {
            Leads::Session
        } else {
            Leads::Group
        }
    }

    /// Whether to wait for the rest (contract 6.4).
    #[must_use]
    pub const fn wait_all(&self) -> bool {
        self.has(bit(WAIT_ALL))
    }

    /// Whether to warn of each reaped process that is not the main child.
    #[must_use]
    pub const fn warn_on_reap(&self) -> bool {
        self.has(bit(WARN_ON_REAP))
    }

    /// When SIGKILL follows the first stop signal.
    #[must_use]
    pub fn grace_period(&self) -> Option<Milliseconds> {
        self.has(bit(GRACE_PERIOD)).then_some(self.grace_period)
    }
}

/// Options while they are read.
#[derive(Debug)]
#[repr(C)]
pub struct Reader<'a> {
    /// What is left of `PIDLING_OPTIONS`, where white space and control characters separate words.
    variable: &'a [u8],
    /// Where the last option came from that asks for a length of time.
    timing: Piece,
    /// What is wrong, if something is, and before that what is being read: in the end, the command.
    pub error: UsageError<'a>,
    /// What was understood. In case of an error this is what came before it, so that its report has the
    /// format that was asked for.
    pub options: Options,
}

impl Default for Reader<'_> {
    /// Nothing was read yet.
    #[inline(never)]
    fn default() -> Self {
        Self {
            variable: b"",
            timing: Piece::ENVIRONMENT,
            error: UsageError {
                word: b"",
                message: None,
                source: Piece::ENVIRONMENT,
                number: 0,
            },
            options: Options {
                given: 0,
                level: Level::Warning,
                format: Format::Text,
                parent_death_signal: None,
                stop_delay: Milliseconds(0),
                grace_period: Milliseconds(0),
                rewrites: Rewrites([0; 256]),
                remapped: StatusSet([false; 256]),
            },
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads the program's name, the environment's compatibility variables, then `PIDLING_OPTIONS`, then the
    /// command line; later wins (contract 1.3).
    ///
    /// Returns `None` where there is nothing to run: at an option that asks for output, or at the first word that is
    /// no option, has a missing or a bad value, or for want of a command; then the error says why.
    #[inline(never)]
    pub fn read(
        &mut self,
        mut word: &'a [u8],
        arguments: &impl Fn() -> Option<&'a [u8]>,
        environment: impl Iterator<Item = &'a [u8]>,
    ) -> Option<()> {
        while take_until(&mut word, b'/').is_some() {}
        self.look_up(word, NAMES, OF_NAMES)?;
        for entry in environment {
            // Most variables differ from all of these in their first byte.
            if matches!(entry, [b'D' | b'P' | b'T', ..]) {
                self.look_up(entry, VARIABLES, OF_VARIABLES)?;
            }
        }
        self.error.source = Piece::PIDLING_OPTIONS;
        let mut letters = self.variable.get(..0)?;
        let has_command = loop {
            if self.options.asks_for_output() {
                return None;
            }
            if let Some((letter, rest)) = letters.split_first() {
                letters = self.read_option(*letter, rest, arguments)?;
                continue;
            }
            let mut has_word = self.next_word(arguments).is_some();
            if has_word && let Some((b'-', rest)) = self.error.word.split_first() {
                if rest == b"-" {
                    has_word = self.next_word(arguments).is_some();
                } else if !rest.is_empty() {
                    letters = rest;
                    continue;
                }
            }
            if self.error.source == Piece::COMMAND_LINE {
                break has_word;
            }
            if has_word {
                return self.fail(Message::NotAnOption);
            }
            self.error.source = Piece::COMMAND_LINE;
        };
        if self.options.pauses() == has_command {
            return self.fail(if has_command {
                Message::UnwantedCommand
            } else {
                Message::NoCommand
            });
        }
        if let Some(grace) = self.options.grace_period()
            && grace <= self.options.stop_delay
        {
            self.error.source = self.timing;
            return self.fail(Message::GraceTooShort);
        }
        if (self.options.name(), self.options.leads()) == (Name::DumbInit, Leads::Session) {
            let rewrites = &mut self.options.rewrites;
            rewrites.stop_for(Signal::TSTP);
            rewrites.stop_for(Signal::TTIN);
            rewrites.stop_for(Signal::TTOU);
        }
        Some(())
    }

    /// Carries out what a word stands for in a table of names or variables, if anything.
    #[inline(never)]
    fn look_up(&mut self, word: &'a [u8], mut table: &[u8], numbers: &[u8]) -> Option<()> {
        for number in numbers {
            let beginning = take_part(&mut table, b'\n');
            if let Some(value) = after_prefix(word, beginning)
                && (value.is_empty() || beginning.ends_with(b"="))
            {
                self.error.number = *number;
                self.error.word = value;
                self.apply()?;
            }
        }
        Some(())
    }

    /// Notes what is wrong with the word, which was noted before.
    fn fail<T>(&mut self, message: Message) -> Option<T> {
        self.error.message = Some(message);
        None
    }

    /// Takes the next word from where words are read, and notes it.
    #[inline(never)]
    fn next_word(&mut self, arguments: &impl Fn() -> Option<&'a [u8]>) -> Option<()> {
        let word = if self.error.source == Piece::COMMAND_LINE {
            arguments()?
        } else {
            let mut word = self.variable;
            let mut length = 0_usize;
            while let Some(byte) = word.get(length) {
                if *byte > b' ' {
                    length = length.wrapping_add(1);
                } else if length > 0 {
                    break;
                } else {
                    word = word.get(1..)?;
                }
            }
            (word, self.variable) = word.split_at_checked(length)?;
            if length == 0 {
                return None;
            }
            word
        };
        self.error.word = word;
        Some(())
    }

    /// Reads the option of a letter with what follows it in the word. Returns the letters that are left.
    fn read_option(
        &mut self,
        letter: u8,
        rest: &'a [u8],
        arguments: &impl Fn() -> Option<&'a [u8]>,
    ) -> Option<&'a [u8]> {
        self.find(letter)
            .or_else(|| self.fail(Message::UnknownOption))?;
        let is_long = letter == b'-';
        let mut value = rest;
        let is_attached = if is_long {
            take_until(&mut value, b'=').is_some()
        } else {
            !rest.is_empty()
        };
        let mut letters = rest.get(..0)?;
        if WITH_VALUE & bit(self.error.number) != 0 {
            if is_attached {
                self.error.word = value;
            } else if self.next_word(arguments).is_none() {
                return self.fail(Message::MissingValue);
            }
        } else if !is_long {
            letters = rest;
        } else if is_attached {
            self.error.word = value;
            return self.fail(Message::UnwantedValue);
        }
        self.apply()?;
        Some(letters)
    }

    /// Finds the option of a letter, or of the long name that the noted word holds up to its end or a `=`, and
    /// notes it. `None` where there is none; then the nearest one is noted.
    #[inline(never)]
    fn find(&mut self, letter: u8) -> Option<()> {
        const FOUND: usize = 127;
        const OTHER_CASE: usize = 126;
        let word = self.error.word;
        let mut most_alike = 0;
        let mut texts = [0; packed::LENGTH];
        let mut lines = Piece::HELP.section(packed::unpack(&mut texts));
        for number in 0..VERBOSITY {
            let text = take_part(&mut lines, b'\n');
            let ([b' ', _, _, short, ..], Some(name)) = (text, name_in(text)) else {
                continue;
            };
            let same = common_start(name, word);
            let is_named = same == name.len() && matches!(word.get(same), None | Some(b'='));
            let alike = if is_named || (*short == letter && letter != b' ') {
                FOUND
            } else if *short == letter ^ 0x20 {
                OTHER_CASE
            } else {
                same
            };
            if alike > most_alike {
                most_alike = alike;
                self.error.number = number;
            }
        }
        (most_alike == FOUND || letter == b'L').then_some(())
    }

    /// Carries out the option that was noted last, with the noted word as its value if it takes one.
    #[inline(never)]
    fn apply(&mut self) -> Option<()> {
        self.set().or_else(|| self.fail(Message::BadValue))
    }

    /// Carries out the option that was noted last; `None` for a value that it does not understand.
    fn set(&mut self) -> Option<()> {
        let value = self.error.word;
        let options = &mut self.options;
        let number = self.error.number;
        match number {
            DEBUG => options.level = Level::Debug,
            DUMB_INIT => options.given |= bit(GROUP) | bit(SETSID),
            SINGLE_CHILD => options.given &= !(bit(GROUP) | bit(SETSID)),
            REMAP_EXIT => {
                let status = usize::try_from(parse_decimal(value)?).ok()?;
                *options.remapped.0.get_mut(status)? = true;
            }
            LOG_FORMAT => {
                options.format = if value == b"json" {
                    Format::Json
                } else if value == b"text" {
                    Format::Text
                } else {
                    return None;
                }
            }
            PARENT_DEATH_SIGNAL => options.parent_death_signal = Some(Signal::parse(value)?),
            QUIET => options.level = Level::Error,
            REWRITE => Rewrites::parse(value, &mut options.rewrites)?,
            STOP_DELAY | GRACE_PERIOD => {
                let length = Milliseconds::parse(value)?;
                if number == STOP_DELAY {
                    options.stop_delay = length;
                } else {
                    options.grace_period = length;
                }
                self.timing = self.error.source;
            }
            VERBOSE => options.level = options.level.raised(),
            // As there, an empty one counts as none.
            VERBOSITY if value.is_empty() => {}
            VERBOSITY => options.level = Level::from_verbosity(parse_decimal(value)?),
            WORDS => self.variable = value,
            _ => {}
        }
        options.given |= bit(number);
        Some(())
    }
}
