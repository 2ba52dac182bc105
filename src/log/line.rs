//! One writer for both formats of a log line (contract 8.3, 8.4). It knows formats and types of values, and no event.
//! Pure.
//!
//! Our own words are `&'static str`. Whatever comes from outside the program goes in as [`Value::Outside`], whose
//! bytes are escaped, and cut so that our own words always fit.

use crate::bytes::{Buffer, split, split_once};
use crate::exec_failure::{Machine, append_machine};
use crate::limits::WORDS;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::posix::time::Milliseconds;

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Words for people, after `pidling: `.
    Text,
    /// One JSON object (RFC 8259).
    Json,
}

/// A line under construction.
#[derive(Debug)]
pub struct Line<'a> {
    buffer: Buffer<'a>,
    format: Format,
    /// How many bytes are left for what comes from outside.
    room: usize,
}

impl<'a> Line<'a> {
    /// A line in this format, in memory that has room for [`limits::LINE`](crate::limits::LINE) bytes.
    #[must_use]
    pub const fn new(format: Format, memory: &'a mut [u8]) -> Self {
        Self {
            buffer: Buffer::new(memory),
            format,
            room: WORDS,
        }
    }

    /// What it looks like.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Begins a new line of text.
    pub fn begin_text(&mut self, prefix: &'static str) {
        self.clear();
        self.buffer.push_bytes(prefix.as_bytes());
    }

    /// Begins a new line of JSON, with the fields that all of them have.
    /// `time` is in seconds and milliseconds since 1970-01-01 UTC.
    pub fn begin_json(&mut self, time: (u32, u32), level: &'static str, event: &'static str) {
        self.clear();
        self.buffer.push_bytes(b"{\"time\":\"");
        append_time(time, &mut self.buffer);
        self.buffer.push(b'"');
        self.field(b"level", &Value::Words(level));
        self.field(b"event", &Value::Words(event));
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.room = WORDS;
    }

    /// Ends the line, and returns all of it.
    pub fn end(&mut self) -> &[u8] {
        match self.format {
            Format::Text => self.buffer.push(b'\n'),
            Format::Json => self.buffer.push_bytes(b"}\n"),
        }
        self.buffer.as_bytes()
    }

    /// Our own words, with the values of the fields in place of their `{key}`, one after the other. Text has all of it,
    /// JSON the fields alone. A value for `{}` is one more of our words, which no field of JSON stands for.
    pub fn write(&mut self, words: &'static str, values: &[Value<'_>]) -> &mut Self {
        let mut rest = words.as_bytes();
        for value in values {
            if let Some((before, after)) = split_once(rest, b'{')
                && let Some((key, after)) = split_once(after, b'}')
            {
                self.words(before);
                self.field(key, value);
                rest = after;
            }
        }
        self.words(rest);
        self
    }

    /// A field that JSON alone has.
    pub fn json_field(&mut self, key: &'static str, value: Value<'_>) -> &mut Self {
        match self.format {
            Format::Text => {}
            Format::Json => self.field(key.as_bytes(), &value),
        }
        self
    }

    /// A field that JSON alone has: a code for what text says in words.
    pub fn code(&mut self, key: &'static str, code: &'static str) -> &mut Self {
        self.json_field(key, Value::Words(code))
    }

    /// Words, which text alone has.
    fn words(&mut self, words: &[u8]) {
        match self.format {
            Format::Text => self.buffer.push_bytes(words),
            Format::Json => {}
        }
    }

    /// A field: in text its value, in JSON its key and its value, unless there is no key.
    fn field(&mut self, key: &[u8], value: &Value<'_>) {
        match self.format {
            Format::Text => {}
            Format::Json if key.is_empty() => return,
            Format::Json => {
                for part in [b",\"", key, b"\":"] {
                    self.buffer.push_bytes(part);
                }
            }
        }
        self.value(value);
    }

    fn quote(&mut self) {
        match self.format {
            Format::Text => {}
            Format::Json => self.buffer.push(b'"'),
        }
    }

    /// Appends a word as a string: as much of it as takes `limit` bytes, with three dots where it was cut.
    fn string(&mut self, word: &[u8], limit: usize) {
        self.quote();
        let lengths = word.iter().map(|byte| self.escape(*byte).length());
        let is_whole = lengths.fold(0, usize::saturating_add) <= limit;
        let mut left = if is_whole {
            limit
        } else {
            limit.saturating_sub(CUT.len())
        };
        for byte in word {
            let escape = self.escape(*byte);
            let Some(rest) = left.checked_sub(escape.length()) else {
                break;
            };
            left = rest;
            escape.append(*byte, &mut self.buffer);
        }
        if !is_whole {
            self.buffer.push_bytes(CUT);
        }
        self.quote();
    }

    /// Takes what was appended since `begin` off the room for what comes from outside.
    const fn spend(&mut self, begin: usize) {
        let length = self.buffer.length().saturating_sub(begin);
        self.room = self.room.saturating_sub(length);
    }

    const fn escape(&self, byte: u8) -> Escape {
        match (byte, self.format) {
            (b'\\', _) | (b'"', Format::Json) => Escape::Backslash,
            (b' '..=b'~', _) => Escape::None,
            (_, Format::Text) => Escape::Hexadecimal,
            (_, Format::Json) => Escape::Unicode,
        }
    }
}

/// The mark of a word that was cut.
const CUT: &[u8] = b"...";

/// How a byte from outside is written.
#[derive(Clone, Copy, Debug)]
enum Escape {
    /// As it is.
    None,
    /// `\\`, `\"`
    Backslash,
    /// `\x0a`
    Hexadecimal,
    /// `\u000a`
    Unicode,
}

impl Escape {
    /// How many bytes that takes.
    const fn length(self) -> usize {
        match self {
            Self::None => 1,
            Self::Backslash => 2,
            Self::Hexadecimal => 4,
            Self::Unicode => 6,
        }
    }

    fn append(self, byte: u8, buffer: &mut Buffer<'_>) {
        match self {
            Self::None => buffer.push(byte),
            Self::Backslash => {
                buffer.push(b'\\');
                buffer.push(byte);
            }
            Self::Hexadecimal => {
                buffer.push_bytes(b"\\x");
                buffer.push_hexadecimal(byte);
            }
            Self::Unicode => {
                buffer.push_bytes(b"\\u00");
                buffer.push_hexadecimal(byte);
            }
        }
    }
}

/// What a field can hold.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A number.
    Number(u32),
    /// `true` or `false` in both formats.
    Bool(bool),
    /// The number of a process.
    Pid(Pid),
    /// Its name with `SIG`.
    Signal(Signal),
    /// Its name, and in text its meaning: `ENOENT (no such file or directory)`.
    Errno(Errno),
    /// Its name alone, because words of ours say what it means: `ENOENT`.
    ErrorName(Errno),
    /// In text seconds, `1.204 s`; in JSON milliseconds, `1204`.
    Time(Milliseconds),
    /// The machine's name.
    Machine(Machine),
    /// Words of ours, shown whole.
    Words(&'static str),
    /// A word from outside the program, in any bytes. Printable ASCII is written as it is, but for a backslash and, in
    /// JSON, a double quote, which get a backslash; every other byte as `\xNN`, in JSON `\u00NN`. It may take half of
    /// the room that is left in the line, so that a word after it gets its share.
    Outside(&'a [u8]),
    /// In text `nginx (9)`, in JSON an object with the number as `pid` and the name as `name`.
    Process(Named<'a>),
    /// In text `python3 (8), sh (9)`, in JSON an array. As many as there is room for; in text with three dots where
    /// there are more.
    Processes(&'a [Named<'a>]),
}

impl Line<'_> {
    /// Appends a value in the line's format.
    fn value(&mut self, value: &Value<'_>) {
        match *value {
            Value::Number(number) => self.buffer.push_decimal(number),
            Value::Bool(true) => self.buffer.push_bytes(b"true"),
            Value::Bool(false) => self.buffer.push_bytes(b"false"),
            Value::Pid(pid) => self.buffer.push_decimal(pid.number().cast_unsigned()),
            Value::Signal(signal) => {
                self.quote();
                signal.append_name(&mut self.buffer);
                self.quote();
            }
            Value::Errno(error) => self.error(error, self.format == Format::Text),
            Value::ErrorName(error) => self.error(error, false),
            Value::Time(length) => self.time(length),
            Value::Machine(machine) => {
                self.quote();
                append_machine(machine, &mut self.buffer);
                self.quote();
            }
            Value::Words(words) => self.string(words.as_bytes(), usize::MAX),
            Value::Outside(word) => {
                let begin = self.buffer.length();
                self.string(word, self.room / 2);
                self.spend(begin);
            }
            Value::Process(process) => self.named(process),
            Value::Processes(processes) => self.processes(processes),
        }
    }

    /// An error's name, and its meaning where it is asked for.
    fn error(&mut self, error: Errno, with_meaning: bool) {
        self.quote();
        match (error.description(), with_meaning) {
            (Some(description), true) => self.buffer.push_bytes(description.as_bytes()),
            (Some(description), false) => {
                let name = split(description.as_bytes(), b' ').next();
                self.buffer.push_bytes(name.unwrap_or_default());
            }
            (None, _) => {
                self.buffer.push_bytes(b"errno ");
                self.buffer.push_decimal(error.number().into());
            }
        }
        self.quote();
    }

    fn time(&mut self, Milliseconds(length): Milliseconds) {
        match self.format {
            Format::Text => {
                self.buffer.push_decimal(length / 1000);
                self.buffer.push(b'.');
                self.buffer.push_padded(length % 1000, 3);
                self.buffer.push_bytes(b" s");
            }
            Format::Json => self.buffer.push_decimal(length),
        }
    }

    fn named(&mut self, Named { pid, name }: Named<'_>) {
        let begin = self.buffer.length();
        let pid = Value::Pid(pid);
        match self.format {
            Format::Text => {
                let name = if name.is_empty() { b"?" } else { name };
                self.string(name, Named::NAME);
                self.buffer.push_bytes(b" (");
                self.value(&pid);
                self.buffer.push(b')');
            }
            Format::Json => {
                self.buffer.push_bytes(b"{\"pid\":");
                self.value(&pid);
                self.buffer.push_bytes(b",\"name\":");
                self.string(name, Named::NAME);
                self.buffer.push(b'}');
            }
        }
        self.spend(begin);
    }

    fn processes(&mut self, processes: &[Named<'_>]) {
        let (begin, separator, cut, end): (&[u8], &[u8], &[u8], &[u8]) = match self.format {
            Format::Text => (b"", b", ", b", ...", b""),
            Format::Json => (b"[", b",", b"", b"]"),
        };
        self.buffer.push_bytes(begin);
        for (index, process) in processes.iter().enumerate() {
            if self.room < Named::LONGEST {
                self.buffer.push_bytes(cut);
                break;
            }
            if index > 0 {
                self.buffer.push_bytes(separator);
            }
            self.named(*process);
        }
        self.buffer.push_bytes(end);
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

impl From<Pid> for Value<'_> {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl From<Signal> for Value<'_> {
    fn from(signal: Signal) -> Self {
        Self::Signal(signal)
    }
}

impl From<Errno> for Value<'_> {
    fn from(error: Errno) -> Self {
        Self::Errno(error)
    }
}

impl From<Machine> for Value<'_> {
    fn from(machine: Machine) -> Self {
        Self::Machine(machine)
    }
}

impl From<Milliseconds> for Value<'_> {
    fn from(length: Milliseconds) -> Self {
        Self::Time(length)
    }
}

/// A process by its number and its command name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// The process.
    pub pid: Pid,
    /// Its command name, at most 15 arbitrary bytes, `proc_pid_comm(5)`; empty where it is not known.
    pub name: &'a [u8],
}

impl Named<'_> {
    /// How much of a name is shown: 15 bytes of any kind.
    const NAME: usize = 6 * 15;

    /// What a process takes at most.
    const LONGEST: usize = r#"{"pid":2147483647,"name":""}"#.len() + Self::NAME;
}

/// Appends a point of time in seconds and milliseconds since 1970-01-01 UTC as RFC 3339 has it:
/// `2026-01-31T23:59:59.999Z`.
fn append_time((seconds, milliseconds): (u32, u32), buffer: &mut Buffer<'_>) {
    let mut day = seconds / 86_400;
    let mut year = 1970_u32;
    while let Some(later) = day.checked_sub(days_of_year(year)) {
        day = later;
        year = year.wrapping_add(1);
    }
    let mut month = 1_u32;
    while let Some(later) = day.checked_sub(days_of_month(month, year)) {
        day = later;
        month = month.wrapping_add(1);
    }
    buffer.push_padded(year, 4);
    for (separator, number) in [
        (b'-', month),
        (b'-', day.wrapping_add(1)),
        (b'T', seconds / 3600 % 24),
        (b':', seconds / 60 % 60),
        (b':', seconds % 60),
    ] {
        buffer.push(separator);
        buffer.push_padded(number, 2);
    }
    buffer.push(b'.');
    buffer.push_padded(milliseconds, 3);
    buffer.push(b'Z');
}

/// How many days a year has in the Gregorian calendar.
const fn days_of_year(year: u32) -> u32 {
    if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
        366
    } else {
        365
    }
}

/// How many days a month has, 1 to 12.
const fn days_of_month(month: u32, year: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => days_of_year(year).wrapping_sub(337),
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
