//! What the init was asked for: one table of options, read from variables and the command line.
//!
//! Pure: words in, [`Options`] or a [`UsageError`] out. `--help` is made from the same table.

use crate::messages::{Format, Level, Message};
use crate::packed::Piece;
use crate::posix::duration::Milliseconds;
use crate::posix::signal::Signal;
use crate::text::{Text, after_prefix, common_start, equal, parse_decimal, take_until};

/// More bytes than there are in a line of `--help`.
pub const LINE_LIMIT: usize = 144;

/// The variables: the letter of the option that each stands for, or a digit for what no option does, and how
/// it begins; all of it, where it does not end at the value.
const VARIABLES: &[u8] = concat!(
    "gTINI_KILL_PROCESS_GROUP=\n",
    "0TINI_VERBOSITY=\n",
    "cDUMB_INIT_SETSID=0\n",
    "1DUMB_INIT_DEBUG=1\n",
    "2PIDLING_OPTIONS=\n",
)
.as_bytes();

/// What stands for an option without a letter: the second letter of its name, as no letter.
const fn id_by_name(second: u8) -> u8 {
    second | 0x80
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

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run the command, which starts with the last word that was read.
    Run,
    /// Reap until SIGTERM or SIGINT.
    Pause,
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Print the license.
    License,
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

    fn set(&mut self, signal: Signal, to: Option<Signal>) {
        let number = signal.number();
        if let Some(change) = self.0.get_mut(usize::from(number)) {
            *change = number ^ to.map_or(0, Signal::number);
        }
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
    /// The name it was started under.
    pub name: Name,
    /// What to do.
    pub task: Task,
    /// Who gets forwarded signals.
    pub target: Target,
    /// What the main child leads.
    pub leads: Leads,
    /// Wait for the rest (contract 6.4).
    pub wait_all: bool,
    /// Warn of each reaped process that is not the main child.
    pub warn_on_reap: bool,
    /// What the log shows.
    pub level: Level,
    /// What a log line looks like.
    pub format: Format,
    /// The signal to get when the parent dies.
    pub parent_death_signal: Option<Signal>,
    /// How long the first stop signal is held.
    pub stop_delay: Milliseconds,
    /// When SIGKILL follows it.
    pub grace_period: Option<Milliseconds>,
    /// How signals are forwarded.
    pub rewrites: Rewrites,
    /// Statuses that become 0.
    pub remapped: StatusSet,
}

/// Why a word cannot be used.
#[derive(Clone, Copy, Debug)]
pub struct UsageError<'a> {
    /// What is wrong.
    pub message: Message,
    /// Where the word was.
    pub source: Piece,
    /// The word at fault.
    pub word: &'a [u8],
    /// The line of `--help` for the option it is about, or for the nearest one.
    option: Piece,
    /// The first letter of the name of that option's value; no letter where it takes none.
    value: u8,
}

impl UsageError<'_> {
    /// The name of the option it is about, or of the nearest one, in `text`.
    pub fn option<'t>(&self, text: &'t mut Text<'_>) -> &'t [u8] {
        text.push_piece(self.option);
        let mut columns = text.as_bytes().get(LETTER..).unwrap_or_default();
        take_until(&mut columns, b' ').unwrap_or_default()
    }

    /// What was expected in place of the word.
    #[must_use]
    pub fn expected(&self) -> Piece {
        let mut expected = Piece::EXPECTED;
        for letter in b"NLSATF" {
            if *letter == self.value {
                break;
            }
            expected = expected.plus(1);
        }
        expected
    }
}

impl Options {
    /// What holds before anything is read, for a process that was started as `program`.
    #[inline(never)]
    #[must_use]
    pub fn new(mut program: &[u8]) -> Self {
        while take_until(&mut program, b'/').is_some() {}
        let mut names = &b"dumb-init docker-init tini tini-static catatonit "[..];
        let mut name = Name::DumbInit;
        loop {
            match take_until(&mut names, b' ') {
                Some(known) if equal(program, known) => break,
                Some(_) => name = Name::Tini,
                None => {
                    name = Name::Pidling;
                    break;
                }
            }
        }
        let (target, leads) = match name {
            Name::DumbInit => (Target::Group, Leads::Session),
            Name::Tini | Name::Pidling => (Target::Process, Leads::Group),
        };
        Self {
            name,
            task: Task::Run,
            target,
            leads,
            wait_all: false,
            warn_on_reap: false,
            level: Level::Warning,
            format: Format::Text,
            parent_death_signal: None,
            rewrites: Rewrites([0; 256]),
            remapped: StatusSet([false; 256]),
            stop_delay: Milliseconds(0),
            grace_period: None,
        }
    }

    const fn asks_for_output(&self) -> bool {
        matches!(self.task, Task::Help | Task::Version | Task::License)
    }
}

/// Options while they are read.
#[derive(Debug)]
pub struct Reader<'o, 'a> {
    options: &'o mut Options,
    /// What is left of `PIDLING_OPTIONS`, where white space and control characters separate words.
    variable: &'a [u8],
    /// The letter of the option that was found last; see [`id_by_name`] for one without.
    id: u8,
    /// What was wrong, once a method has returned `None`; before that, it notes what is being read.
    pub error: UsageError<'a>,
}

impl<'o, 'a> Reader<'o, 'a> {
    /// Nothing was read yet. What is understood before an error stays in `options`, so that its report has
    /// the format that was asked for.
    pub const fn new(options: &'o mut Options) -> Self {
        let error = UsageError {
            message: Message::NoCommand,
            source: Piece::ENVIRONMENT,
            word: b"",
            // The only variable whose value can be wrong.
            option: Piece::VERBOSITY,
            value: b'L',
        };
        Self {
            options,
            variable: b"",
            id: 0,
            error,
        }
    }

    /// Reads the environment's compatibility variables, then `PIDLING_OPTIONS`, then the command line after
    /// `argv[0]`; later wins (contract 1.3). A command starts with the last word that it takes from `arguments`.
    ///
    /// Returns `None` at the first word that is no option, has a missing or a bad value, or for want of a
    /// command; then the error says why.
    pub fn read(
        &mut self,
        mut arguments: impl Iterator<Item = &'a [u8]>,
        environment: impl Iterator<Item = &'a [u8]>,
    ) -> Option<()> {
        for entry in environment {
            // Most variables differ from all of these in their first byte.
            if !matches!(entry, [b'D' | b'P' | b'T', ..]) {
                continue;
            }
            let mut variables = VARIABLES;
            while let Some([id, beginning @ ..]) = take_until(&mut variables, b'\n') {
                if let Some(value) = after_prefix(entry, beginning)
                    && (value.is_empty() || beginning.last() == Some(&b'='))
                {
                    self.id = *id;
                    self.apply(value)?;
                }
            }
        }
        if self.read_words(Piece::PIDLING_OPTIONS, &mut arguments)? {
            return self.fail(Message::NotAnOption);
        }
        let has_command = !self.options.asks_for_output()
            && self.read_words(Piece::COMMAND_LINE, &mut arguments)?;
        if self.options.asks_for_output() {
            return Some(());
        }
        if self.options.task == Task::Run && !has_command {
            return self.fail(Message::NoCommand);
        }
        if self.options.task == Task::Pause && has_command {
            return self.fail(Message::UnwantedCommand);
        }
        if let Some(grace) = self.options.grace_period
            && grace <= self.options.stop_delay
        {
            return self.fail(Message::GraceTooShort);
        }
        if (self.options.name, self.options.leads) == (Name::DumbInit, Leads::Session) {
            for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
                let rewrites = &mut self.options.rewrites;
                if rewrites.apply(signal) == Some(signal) {
                    rewrites.set(signal, Some(Signal::STOP));
                }
            }
        }
        Some(())
    }

    /// Notes what is wrong with the word, which was noted before.
    fn fail<T>(&mut self, message: Message) -> Option<T> {
        self.error.message = message;
        None
    }

    /// Takes the next word from where words are read.
    fn next_word(&mut self, arguments: &mut impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        if self.error.source == Piece::COMMAND_LINE {
            return arguments.next();
        }
        let mut word = self.variable;
        while let [..=b' ', rest @ ..] = word {
            word = rest;
        }
        let end = word.iter().position(|byte| *byte <= b' ');
        (word, self.variable) = word.split_at_checked(end.unwrap_or(word.len()))?;
        (!word.is_empty()).then_some(word)
    }

    /// Reads options up to the first word that is none, or past `--`, or past an option that asks for
    /// output. Notes each word, and returns whether the last one was none.
    #[inline(never)]
    fn read_words(
        &mut self,
        source: Piece,
        arguments: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Option<bool> {
        self.error.source = source;
        let mut past_options = false;
        while let Some(word) = self.next_word(arguments) {
            self.error.word = word;
            let mut letters = match word {
                [b'-', letters @ ..] if !letters.is_empty() && !past_options => letters,
                _ => return Some(true),
            };
            past_options = equal(letters, b"-");
            if past_options {
                continue;
            }
            let is_long = letters.first() == Some(&b'-');
            while let Some((letter, rest)) = letters.split_first() {
                let (mut value, mut name, mut letter, mut is_attached) =
                    (rest, &b""[..], *letter, !rest.is_empty());
                letters = rest;
                if is_long {
                    (value, name, letter, letters) = (word, word, 0, b"");
                    is_attached = take_until(&mut value, b'=').is_some();
                }
                self.find(name, letter)
                    .or_else(|| self.fail(Message::UnknownOption))?;
                if self.error.value != b' ' {
                    letters = b"";
                    if !is_attached {
                        let Some(word) = self.next_word(arguments) else {
                            return self.fail(Message::MissingValue);
                        };
                        value = word;
                    }
                } else if is_long && is_attached {
                    self.error.word = value;
                    return self.fail(Message::UnwantedValue);
                }
                self.apply(value)?;
                if self.options.asks_for_output() {
                    return Some(false);
                }
            }
        }
        Some(false)
    }

    /// Finds the option of a letter, or of the long name that `word` holds up to its end or a `=`, and
    /// notes it. `None` where there is none; then the nearest one is noted.
    #[inline(never)]
    fn find(&mut self, word: &[u8], letter: u8) -> Option<()> {
        let letter = if letter == b'L' { b'l' } else { letter };
        let mut most_alike = 0;
        let mut next = Piece::HELP;
        loop {
            let line = next;
            next = line.plus(1);
            let mut buffer = [0; LINE_LIMIT];
            let text = &mut Text::new(&mut buffer);
            text.push_piece(line);
            let text = text.as_bytes();
            if text.is_empty() {
                return None;
            }
            let Some(([b' ', _, _, short, _, _], mut columns)) = text.split_first_chunk::<LETTER>()
            else {
                continue;
            };
            let name = take_until(&mut columns, b' ')?;
            let id = match name {
                [_, _, _, second, ..] if *short == b' ' => id_by_name(*second),
                _ => *short,
            };
            let same = common_start(name, word);
            let is_named = same == name.len() && matches!(word.get(same), None | Some(b'='));
            let is_found = is_named || (id == letter && letter.is_ascii());
            // A letter in the wrong case, else the name that begins most alike.
            let is_other_case = id == letter ^ 0x20;
            let alike = if is_other_case {
                99
            } else {
                same.wrapping_add(1)
            };
            if is_found || alike > most_alike {
                most_alike = alike;
                self.id = id;
                self.error.value = columns.first().copied().unwrap_or_default();
                self.error.option = line;
            }
            if is_found {
                return Some(());
            }
        }
    }

    /// Carries out the option that was noted last.
    #[inline(never)]
    fn apply(&mut self, value: &'a [u8]) -> Option<()> {
        self.options.switch(self.id);
        self.set(value).or_else(|| {
            self.error.word = value;
            self.fail(Message::BadValue)
        })
    }

    /// Carries out the option that was noted last if it takes a value; `None` for one that it does not
    /// understand.
    fn set(&mut self, value: &'a [u8]) -> Option<()> {
        let options = &mut *self.options;
        match self.id {
            b'e' => {
                let status = usize::try_from(parse_decimal(value)?).ok()?;
                *options.remapped.0.get_mut(status)? = true;
            }
            LOG_FORMAT => {
                options.format = if equal(value, b"json") {
                    Format::Json
                } else if equal(value, b"text") {
                    Format::Text
                } else {
                    return None;
                };
            }
            b'p' => options.parent_death_signal = Some(Signal::parse(value)?),
            b'r' => {
                let mut to = value;
                let from = Signal::parse(take_until(&mut to, b':')?)?;
                let to = if equal(to, b"0") {
                    None
                } else {
                    Some(Signal::parse(to)?)
                };
                options.rewrites.set(from, to);
                return (!matches!(from, Signal::KILL | Signal::STOP | Signal::CHLD)).then_some(());
            }
            STOP_DELAY => options.stop_delay = Milliseconds::parse(value)?,
            b't' => options.grace_period = Some(Milliseconds::parse(value)?),
            // As there, an empty one counts as none.
            b'0' if value.is_empty() => {}
            b'0' => options.level = Level::from_verbosity(parse_decimal(value)?),
            b'2' => self.variable = value,
            _ => {}
        }
        Some(())
    }
}

impl Options {
    /// Carries out an option if it takes no value.
    fn switch(&mut self, id: u8) {
        self.task = match id {
            b'h' => Task::Help,
            b'l' => Task::License,
            b'P' => Task::Pause,
            b'V' => Task::Version,
            _ => self.task,
        };
        self.level = match id {
            b'q' => Level::Error,
            b'v' => self.level.raised(),
            b'1' => Level::Debug,
            _ => self.level,
        };
        self.target = match id {
            b'c' => Target::Process,
            b'g' => Target::Group,
            _ => self.target,
        };
        self.leads = match id {
            b'c' => Leads::Group,
            SETSID => Leads::Session,
            _ => self.leads,
        };
        self.wait_all |= id == b'a';
        self.warn_on_reap |= id == b'w';
    }
}

const LOG_FORMAT: u8 = id_by_name(b'o');
const SETSID: u8 = id_by_name(b'e');
const STOP_DELAY: u8 = id_by_name(b't');
