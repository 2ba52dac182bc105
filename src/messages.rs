//! The vocabulary of the log, and how a message becomes a line of text or of JSON. Pure: time and
//! descriptor are `log`'s.
//!
//! Each message is one template: its words are the text line, its `{names}` the fields of the JSON
//! object, so that the two cannot drift apart.

use crate::packed::Piece;
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::prose::LEVELS;
pub use crate::prose::{Level, Message};
use crate::text::{Text, take_until};
use core::marker::PhantomData;

/// The longest line, its line feed included. It is below `PIPE_BUF`, so that pipe(7) keeps it whole.
pub const LINE_LIMIT: usize = 1024;

/// How much of a word from outside is shown, so that our own words around it still fit.
const WORD_LIMIT: usize = 744;

impl Level {
    /// The level that tini's verbosity numbers stand for: 0 errors up to 3 debugging.
    #[must_use]
    pub const fn from_verbosity(verbosity: u32) -> Self {
        match verbosity {
            0 => Self::Error,
            1 => Self::Warning,
            2 => Self::Info,
            _ => Self::Debug,
        }
    }

    /// The next more talkative level.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Self::Error => Self::Warning,
            Self::Warning => Self::Info,
            Self::Info | Self::Debug => Self::Debug,
        }
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `pidling: words`.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where lines go, and what time it is there.
pub trait Outlet {
    /// Reads the time since 1970-01-01 UTC in seconds and milliseconds.
    fn now() -> (u32, u32);
    /// Takes a whole line and returns whether it was written.
    fn write(line: &[u8]) -> bool;
}

/// A log: it makes lines and hands them to its outlet.
#[derive(Debug)]
#[repr(C)]
pub struct Log<'a, O> {
    /// The line under construction; first, so that the log and its line have the same address.
    line: Text<'a>,
    level: Level,
    format: Format,
    /// Whether the line under construction is shown; if not, everything but [`Self::say`] does nothing.
    shown: bool,
    /// Lines that could not be written since the last one that could.
    dropped: u32,
    /// What is left of the template of the line under construction.
    template: &'static [u8],
    outlet: PhantomData<O>,
}

impl<'a, O: Outlet> Log<'a, O> {
    /// A log that shows what is at or above `level`, with a buffer of at least [`LINE_LIMIT`] bytes.
    #[must_use]
    pub const fn new(level: Level, format: Format, buffer: &'a mut [u8]) -> Self {
        Self {
            level,
            format,
            shown: false,
            dropped: 0,
            template: b"",
            line: Text::new(buffer),
            outlet: PhantomData,
        }
    }

    /// Begins the line of a message. Its fields follow in the order of the template; the last one ends the
    /// line, and fields beyond it are ignored.
    #[inline(never)]
    pub fn say(&mut self, message: Message) -> &mut Self {
        #[expect(
            clippy::as_conversions,
            reason = "the variants are numbered in their order"
        )]
        let number = message as u8;
        let level = LEVELS.get(usize::from(number)).copied();
        let level = level.unwrap_or(Level::Error);
        self.shown = level <= self.level;
        if self.shown {
            self.begin(number, level);
        }
        self
    }

    /// Begins the line of the message of this number, which is shown.
    #[inline(never)]
    fn begin(&mut self, number: u8, level: Level) {
        let event = Piece::MESSAGE.plus(number.wrapping_mul(2));
        self.template = event.plus(1).packed();
        #[expect(
            clippy::as_conversions,
            reason = "the levels are numbered in their order"
        )]
        let level = level as u8;
        let line = &mut self.line;
        line.clear();
        if self.format == Format::Json {
            line.push_piece(Piece::JSON_BEGINNING);
            push_time(line, O::now());
            line.push_piece(Piece::JSON_LEVEL.plus(level));
            line.push_piece(event);
            line.push(b'"');
        } else {
            line.push_piece(Piece::BEGINNING.plus(level));
        }
        if self.dropped > 0 {
            line.push_piece(if self.format == Format::Json {
                Piece::JSON_DROPPED
            } else {
                Piece::LINES_DROPPED
            });
            line.push_decimal(self.dropped);
            if self.format == Format::Text {
                line.push_piece(Piece::SEMICOLON);
            }
        }
        self.go_on();
    }

    fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Goes on to the template's next field: text shows the words before it, JSON its name. After the last
    /// one the line ends.
    #[inline(never)]
    fn go_on(&mut self) {
        let json = self.is_json();
        if let Some(words) = take_until(&mut self.template, b'{')
            && let Some(name) = take_until(&mut self.template, b'}')
        {
            if json {
                self.line.push_piece(Piece::JSON_FIELD);
                self.line.push_packed(name);
                self.line.push_piece(Piece::JSON_VALUE);
            } else {
                self.line.push_packed(words);
            }
        } else {
            self.line
                .push_packed(if json { b"}" } else { self.template });
            self.line.push(b'\n');
            self.write();
        }
    }

    /// Has the line written. One that could not be is counted in the next one (contract 8.4).
    fn write(&mut self) {
        self.shown = false;
        let written = O::write(self.line.as_bytes());
        self.dropped = if written {
            0
        } else {
            self.dropped.wrapping_add(1)
        };
    }

    /// Ends the statement. Its line was written with its last field; a debug build holds that there is none
    /// missing.
    pub const fn end(&self) {
        debug_assert!(!self.shown, "every field was given");
    }

    /// Goes on after a field of words.
    #[inline(never)]
    fn go_on_quoted(&mut self) {
        self.quote();
        self.go_on();
    }

    /// Appends a quotation mark where JSON wants one.
    #[inline(never)]
    fn quote(&mut self) {
        if self.is_json() {
            self.line.push(b'"');
        }
    }

    /// The next field is a count or a status.
    #[inline(never)]
    pub fn number(&mut self, number: u32) -> &mut Self {
        if self.shown {
            self.line.push_decimal(number);
            self.go_on();
        }
        self
    }

    /// The next field is a process.
    #[inline(never)]
    pub fn pid(&mut self, pid: Pid) -> &mut Self {
        self.number(pid.number().unsigned_abs())
    }

    /// The next field is a length of time: seconds in text, milliseconds in JSON.
    #[inline(never)]
    pub fn duration(&mut self, Milliseconds(length): Milliseconds) -> &mut Self {
        if self.is_json() {
            return self.number(length);
        }
        if self.shown {
            self.line.push_decimal(length / 1000);
            self.line.push(b'.');
            self.line.push_number(length % 1000, 10, 3);
            self.line.push_piece(Piece::SECONDS);
            self.go_on();
        }
        self
    }

    /// The next field is a signal's name.
    #[inline(never)]
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        if self.shown {
            self.quote();
            signal.append_name(&mut self.line);
            self.go_on_quoted();
        }
        self
    }

    /// The next field is an error: its name, and in text its meaning.
    #[inline(never)]
    pub fn error(&mut self, error: Errno) -> &mut Self {
        if self.shown {
            self.quote();
            let with_meaning = !self.is_json();
            error.append_to(&mut self.line, with_meaning);
            self.go_on_quoted();
        }
        self
    }

    /// The next field is words of our own.
    #[inline(never)]
    pub fn words(&mut self, words: Piece) -> &mut Self {
        if self.shown {
            self.quote();
            self.line.push_piece(words);
            self.go_on_quoted();
        }
        self
    }

    /// The next field is words from anywhere: printable ASCII as it is, every other byte escaped, `\xNN` in
    /// text, `\u00NN` in JSON. A long word is cut, marked with three dots, so that our own words behind it
    /// still fit.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        if self.shown {
            self.escape(bytes);
        }
        self
    }

    #[inline(never)]
    fn escape(&mut self, bytes: &[u8]) {
        self.quote();
        let limit = self.line.length().wrapping_add(WORD_LIMIT);
        for byte in bytes {
            if self.line.length() >= limit {
                self.line.push_piece(Piece::CUT);
                break;
            }
            if !matches!(byte, b' '..=b'~') {
                self.line.push_piece(if self.is_json() {
                    Piece::JSON_ESCAPE
                } else {
                    Piece::ESCAPE
                });
                self.line.push_number((*byte).into(), 16, 2);
                continue;
            }
            if *byte == b'\\' || (*byte == b'"' && self.is_json()) {
                self.line.push(b'\\');
            }
            self.line.push(*byte);
        }
        self.go_on_quoted();
    }

    /// Says that a call failed where that changes nothing.
    #[inline(never)]
    pub fn ignored(&mut self, call: Piece, result: Result<(), Errno>) {
        if let Err(error) = result {
            self.say(Message::Ignored).words(call).error(error).end();
        }
    }
}

/// Appends a time since 1970-01-01 UTC as RFC 3339 has it, up to the `Z` behind it:
/// `2026-01-31T23:59:59.999`.
fn push_time(text: &mut Text<'_>, (seconds, milliseconds): (u32, u32)) {
    // A year that begins in March has its leap day at its end, and until 2100 every fourth one has one. So
    // days are counted from 1968-03-01, and four years are 1461 days.
    let day = (seconds / 86_400).wrapping_add(671);
    let year = day.wrapping_mul(4).wrapping_add(3) / 1461;
    let day = day.wrapping_sub(year.wrapping_mul(1461) / 4);
    // From March on, five months are 153 days; the remainders of this division fall on the right months.
    let month = day.wrapping_mul(5).wrapping_add(2) / 153;
    let day = day.wrapping_sub(month.wrapping_mul(153).wrapping_add(2) / 5);
    // January and February are the last two months of the year that began in March.
    let is_next_year = month >= 10;
    let month = if is_next_year {
        month.wrapping_sub(9)
    } else {
        month.wrapping_add(3)
    };
    text.push_number(
        year.wrapping_add(1968).wrapping_add(is_next_year.into()),
        10,
        4,
    );
    push_after(text, b'-', month);
    push_after(text, b'-', day.wrapping_add(1));
    push_after(text, b'T', seconds / 3600 % 24);
    push_after(text, b':', seconds / 60 % 60);
    push_after(text, b':', seconds % 60);
    text.push(b'.');
    text.push_number(milliseconds, 10, 3);
}

/// Appends a number of at least two digits after a separator.
#[inline(never)]
fn push_after(text: &mut Text<'_>, separator: u8, number: u32) {
    text.push(separator);
    text.push_number(number, 10, 2);
}
