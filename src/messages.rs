//! The vocabulary of the log, and how a message becomes a line of text or of JSON. Pure: time and
//! descriptor are `log`'s.
//!
//! Each message is one template: its words are the text line, its `{names}` the fields of the JSON
//! object, so that the two cannot drift apart. A line is made by one function in one go, out of values that are
//! plain numbers: what they mean stands in the template.

use crate::packed::{self, LAST_ERROR, Piece};
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Signal, append_name};
use crate::prose::LEVELS;
pub use crate::prose::{Level, Message};
use crate::text::{Text, take_part};
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

    /// How many messages there are up to this level; they are the first ones.
    const fn messages(self) -> u8 {
        match self {
            Self::Error => ERRORS_END,
            Self::Warning => WARNINGS_END,
            Self::Info => INFOS_END,
            Self::Debug => u8::MAX,
        }
    }
}

/// The numbers of the first messages above each level.
const ERRORS_END: u8 = count(Level::Error);
const WARNINGS_END: u8 = count(Level::Warning);
const INFOS_END: u8 = count(Level::Info);

/// How many messages there are up to a level.
#[expect(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "the levels are numbered in their order, and the compiler counts"
)]
const fn count(level: Level) -> u8 {
    let mut count = 0;
    let mut levels = LEVELS;
    while let [first, rest @ ..] = levels {
        if *first as u8 <= level as u8 {
            // They are in order: none of a higher level came before.
            assert!(count as usize + levels.len() == LEVELS.len());
            count += 1;
        }
        levels = rest;
    }
    count
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

/// What is said in a field of a message, as a number.
#[derive(Clone, Copy, Debug)]
pub struct Value(u32);

impl Value {
    /// For a field that there is not.
    pub const NONE: Self = Self(0);
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Self(number.into())
    }
}

impl From<Pid> for Value {
    fn from(pid: Pid) -> Self {
        Self(pid.number().cast_unsigned())
    }
}

impl From<Signal> for Value {
    fn from(signal: Signal) -> Self {
        signal.number().into()
    }
}

impl From<Milliseconds> for Value {
    fn from(Milliseconds(length): Milliseconds) -> Self {
        Self(length)
    }
}

impl From<Errno> for Value {
    fn from(error: Errno) -> Self {
        Self(error.number().cast_unsigned())
    }
}

impl From<Piece> for Value {
    fn from(words: Piece) -> Self {
        words.number().into()
    }
}

/// A log: it makes lines and hands them to its outlet.
#[derive(Debug)]
#[repr(C)]
pub struct Log<'a, O> {
    /// The line under construction; first, so that the log and its line have the same address.
    line: Text<'a>,
    format: Format,
    /// How many of the messages are shown, from the first one.
    shown: u8,
    /// Lines that could not be written since the last one that could.
    dropped: u32,
    /// What is said in the fields of the message, in their order.
    values: [Value; 4],
    outlet: PhantomData<O>,
}

impl<'a, O: Outlet> Log<'a, O> {
    /// A log that shows what is at or above `level`, with a buffer of at least [`LINE_LIMIT`] bytes.
    #[must_use]
    pub const fn new(level: Level, format: Format, buffer: &'a mut [u8]) -> Self {
        Self {
            format,
            shown: level.messages(),
            dropped: 0,
            values: [Value::NONE; 4],
            line: Text::new(buffer),
            outlet: PhantomData,
        }
    }

    /// Says a message of at most two fields, none of them a word from outside.
    #[inline]
    pub fn say(&mut self, message: Message, first: impl Into<Value>, second: impl Into<Value>) {
        self.say_two(message, first.into(), second.into());
    }

    #[inline(never)]
    fn say_two(&mut self, message: Message, first: Value, second: Value) {
        self.say_word(message, b"", first, second);
    }

    /// Says a message of at most two fields beside the one for `word`, a word from outside.
    #[inline(never)]
    pub fn say_word(&mut self, message: Message, word: &[u8], first: Value, second: Value) {
        self.values[0] = first;
        self.values[1] = second;
        self.say_with(message, word);
    }

    /// Says a message of any fields: the values are in the order of the template, and `word` is the word from
    /// outside, of which there is at most one.
    #[inline(never)]
    pub fn say_all(&mut self, message: Message, word: &[u8], values: &[Value; 4]) {
        self.values = *values;
        self.say_with(message, word);
    }

    #[inline(never)]
    fn say_with(&mut self, message: Message, word: &[u8]) {
        #[expect(
            clippy::as_conversions,
            reason = "the variants are numbered in their order"
        )]
        let number = message as u8;
        if number < self.shown {
            self.write(number, word);
        }
    }

    /// Says that a call failed where that changes nothing.
    #[inline(never)]
    pub fn ignored(&mut self, call: Piece, result: Result<(), Errno>) {
        if let Err(error) = result {
            self.say(Message::Ignored, call, error);
        }
    }

    /// Writes the line of the message of this number. One that could not be written is counted in the next one
    /// (contract 8.4).
    #[inline(never)]
    fn write(&mut self, number: u8, word: &[u8]) {
        let mut texts = [0; packed::LENGTH];
        let texts = packed::unpack(&mut texts);
        let json = self.format == Format::Json;
        let level = u8::from(number >= ERRORS_END)
            .wrapping_add((number >= WARNINGS_END).into())
            .wrapping_add((number >= INFOS_END).into());
        let mut template = Piece::MESSAGE.plus(number).of(texts);
        let event = take_part(&mut template, b'|');
        let line = &mut self.line;
        line.clear();
        if json {
            line.push_bytes(b"{\"time\":\"");
            push_time(line, O::now());
            line.push_bytes(Piece::JSON_LEVEL.plus(level).of(texts));
            line.push_bytes(event);
            line.push(b'"');
        } else {
            line.push_bytes(Piece::BEGINNING.plus(level).of(texts));
        }
        if self.dropped > 0 {
            let (words, end) = if json {
                (Piece::JSON_DROPPED, &b""[..])
            } else {
                (Piece::LINES_DROPPED, &b"; "[..])
            };
            line.push_bytes(words.of(texts));
            line.push_decimal(self.dropped);
            line.push_bytes(end);
        }
        let mut values = self.values.iter();
        loop {
            let mut words = take_part(&mut template, b'{');
            let field = take_part(&mut template, b'}');
            if json {
                words = if field.is_empty() { b"}" } else { b",\"" };
            }
            line.push_bytes(words);
            let [kind, name @ ..] = field else {
                break;
            };
            if json {
                line.push_bytes(name);
                line.push_bytes(b"\":");
            }
            let is_quoted = json && *kind > b'%';
            if is_quoted {
                line.push(b'"');
            }
            if *kind == b'*' {
                push_escaped(line, word, json);
            } else if let Some(value) = values.next() {
                push_value(line, *kind, value.0, json, texts);
            }
            if is_quoted {
                line.push(b'"');
            }
        }
        line.push(b'\n');
        let written = O::write(line.as_bytes());
        self.dropped = if written {
            0
        } else {
            self.dropped.wrapping_add(1)
        };
    }
}

/// Appends a value of a kind, as `prose` marks it.
fn push_value(text: &mut Text<'_>, kind: u8, value: u32, json: bool, texts: &[u8]) {
    let [number, ..] = value.to_le_bytes();
    let mut words = Piece::new(number).of(texts);
    match kind {
        b'&' => return append_name(number, text),
        b'.' => return text.push(number),
        b'+' => {}
        b'-' => {
            // The columns of its letter come before it.
            let [_, _, _, _, _, _, columns @ ..] = words else {
                return;
            };
            words = columns;
            words = take_part(&mut words, b' ');
        }
        b'?' => {
            words = Piece::ERROR.plus(number).of(texts);
            if value > LAST_ERROR || words.is_empty() {
                text.push_bytes(b"errno ");
                return text.push_decimal(value);
            }
            if json {
                words = take_part(&mut words, b' ');
            }
        }
        b'%' if !json => {
            text.push_decimal(value / 1000);
            text.push(b'.');
            return text.push_number(value % 1000, 10, 3);
        }
        _ => return text.push_decimal(value),
    }
    text.push_bytes(words);
}

/// Appends a word from anywhere: printable ASCII as it is, every other byte escaped, `\xNN` in text, `\u00NN` in
/// JSON. A long word is cut, marked with three dots, so that our own words behind it still fit.
fn push_escaped(text: &mut Text<'_>, word: &[u8], json: bool) {
    let limit = text.length().wrapping_add(WORD_LIMIT);
    for byte in word {
        if text.length() >= limit {
            text.push_bytes(b"...");
            break;
        }
        let is_plain = matches!(byte, b' '..=b'~');
        if !is_plain || *byte == b'\\' || (*byte == b'"' && json) {
            text.push(b'\\');
        }
        if is_plain {
            text.push(*byte);
        } else {
            text.push_bytes(if json { b"u00" } else { b"x" });
            text.push_number((*byte).into(), 16, 2);
        }
    }
}

/// Appends a time since 1970-01-01 UTC as RFC 3339 has it, up to the `Z` behind it:
/// `2026-01-31T23:59:59.999`. Until 2100 every fourth year is a leap year.
fn push_time(text: &mut Text<'_>, (seconds, milliseconds): (u32, u32)) {
    let mut day = seconds / 86_400;
    let mut year = 1970_u32;
    let mut month = 1_u32;
    loop {
        // The months of 31 days are the odd ones up to July, and the even ones from August on.
        let length = if month == 2 {
            28_u32.wrapping_add(year.is_multiple_of(4).into())
        } else {
            30_u32.wrapping_add(month.wrapping_add(month / 8) % 2)
        };
        if day < length {
            break;
        }
        day = day.wrapping_sub(length);
        month = month.wrapping_add(1);
        if month > 12 {
            month = 1;
            year = year.wrapping_add(1);
        }
    }
    text.push_decimal(year);
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
