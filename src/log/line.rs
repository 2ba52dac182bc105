//! One writer for both formats of a log line (contract 8.3, 8.4). It knows formats and types of values, and no event.
//! Pure.
//!
//! Our own words are `&'static str`. Whatever comes from outside the program goes in as [`Outside`], whose bytes are
//! escaped, and of which a line shows so much that our own words always fit.

use crate::bytes::Buffer;
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
        self.buffer.push_bytes(b"{\"time\":");
        self.name(|buffer| append_time(time, buffer));
        let _ = self.field("level", level).field("event", event);
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

    /// Words of ours, which text alone has.
    pub fn words(&mut self, words: &'static str) -> &mut Self {
        match self.format {
            Format::Text => self.buffer.push_bytes(words.as_bytes()),
            Format::Json => {}
        }
        self
    }

    /// A field: in text its value, in JSON its key and its value.
    pub fn field(&mut self, key: &'static str, value: impl Value) -> &mut Self {
        match self.format {
            Format::Text => {}
            Format::Json => {
                self.buffer.push_bytes(b",\"");
                self.buffer.push_bytes(key.as_bytes());
                self.buffer.push_bytes(b"\":");
            }
        }
        value.append(self);
        self
    }

    /// A field that JSON alone has: a code for what text says in words.
    pub fn json_field(&mut self, key: &'static str, value: impl Value) -> &mut Self {
        match self.format {
            Format::Text => self,
            Format::Json => self.field(key, value),
        }
    }

    /// Appends a name of ours, which needs no escaping: in JSON with quotes around it.
    pub fn name(&mut self, append: impl FnOnce(&mut Buffer<'_>)) {
        self.quote();
        append(&mut self.buffer);
        self.quote();
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

    /// Takes what was appended behind `begin` from the room for what comes from outside.
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
pub trait Value {
    /// Appends itself to the line, in the line's format.
    fn append(self, line: &mut Line<'_>);
}

/// A number.
impl Value for u32 {
    fn append(self, line: &mut Line<'_>) {
        line.buffer.push_decimal(self);
    }
}

/// A number.
impl Value for u8 {
    fn append(self, line: &mut Line<'_>) {
        u32::from(self).append(line);
    }
}

/// The words of JSON in both formats.
impl Value for bool {
    fn append(self, line: &mut Line<'_>) {
        let word = if self { "true" } else { "false" };
        line.buffer.push_bytes(word.as_bytes());
    }
}

/// A number.
impl Value for Pid {
    fn append(self, line: &mut Line<'_>) {
        self.number().cast_unsigned().append(line);
    }
}

/// Its name with `SIG`.
impl Value for Signal {
    fn append(self, line: &mut Line<'_>) {
        line.name(|buffer| self.append_name(buffer));
    }
}

/// Its name, and in text its meaning: `ENOENT (no such file or directory)`.
impl Value for Errno {
    fn append(self, line: &mut Line<'_>) {
        ErrorName(self).append(line);
        if let Some((_, meaning)) = self.describe() {
            let _ = line.words(" (").words(meaning).words(")");
        }
    }
}

/// An error whose name is enough, because words of ours say what it means: `ENOENT`.
#[derive(Clone, Copy, Debug)]
pub struct ErrorName(pub Errno);

impl Value for ErrorName {
    fn append(self, line: &mut Line<'_>) {
        line.name(|buffer| {
            if let Some((name, _)) = self.0.describe() {
                buffer.push_bytes(name.as_bytes());
            } else {
                buffer.push_bytes(b"errno ");
                buffer.push_decimal(self.0.number().into());
            }
        });
    }
}

/// In text seconds, `1.204 s`; in JSON milliseconds, `1204`.
impl Value for Milliseconds {
    fn append(self, line: &mut Line<'_>) {
        let Self(length) = self;
        match line.format {
            Format::Text => {
                line.buffer.push_decimal(length / 1000);
                line.buffer.push(b'.');
                line.buffer.push_padded(length % 1000, 3);
                line.buffer.push_bytes(b" s");
            }
            Format::Json => line.buffer.push_decimal(length),
        }
    }
}

/// Words of ours, shown whole.
impl Value for &'static str {
    fn append(self, line: &mut Line<'_>) {
        line.string(self.as_bytes(), usize::MAX);
    }
}

/// A word from outside the program, in any bytes. Printable ASCII is written as it is, but for a backslash and, in
/// JSON, a double quote, which get a backslash; every other byte as `\xNN`, in JSON `\u00NN`. It may take half of the
/// room that is left in the line, so that a word behind it gets its share.
#[derive(Clone, Copy, Debug)]
pub struct Outside<'a>(pub &'a [u8]);

impl Value for Outside<'_> {
    fn append(self, line: &mut Line<'_>) {
        let begin = line.buffer.length();
        line.string(self.0, line.room / 2);
        line.spend(begin);
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

/// In text `nginx (9)`, in JSON an object with the number as `pid` and the name as `name`.
impl Value for Named<'_> {
    fn append(self, line: &mut Line<'_>) {
        let begin = line.buffer.length();
        match line.format {
            Format::Text => {
                let name = if self.name.is_empty() {
                    b"?"
                } else {
                    self.name
                };
                line.string(name, Self::NAME);
                line.buffer.push_bytes(b" (");
                self.pid.append(line);
                line.buffer.push(b')');
            }
            Format::Json => {
                line.buffer.push_bytes(b"{\"pid\":");
                self.pid.append(line);
                line.buffer.push_bytes(b",\"name\":");
                line.string(self.name, Self::NAME);
                line.buffer.push(b'}');
            }
        }
        line.spend(begin);
    }
}

/// In text `python3 (8), sh (9)`, in JSON an array. As many as there is room for; in text with three dots where there
/// are more.
impl Value for &[Named<'_>] {
    fn append(self, line: &mut Line<'_>) {
        let (begin, separator, cut, end): (&[u8], &[u8], &[u8], &[u8]) = match line.format {
            Format::Text => (b"", b", ", b", ...", b""),
            Format::Json => (b"[", b",", b"", b"]"),
        };
        line.buffer.push_bytes(begin);
        for (index, process) in self.iter().enumerate() {
            if line.room < Named::LONGEST {
                line.buffer.push_bytes(cut);
                break;
            }
            if index > 0 {
                line.buffer.push_bytes(separator);
            }
            process.append(line);
        }
        line.buffer.push_bytes(end);
    }
}

/// Appends a point of time in seconds and milliseconds since 1970-01-01 UTC as RFC 3339 has it:
/// `2026-01-31T23:59:59.999Z`.
fn append_time((seconds, milliseconds): (u32, u32), buffer: &mut Buffer<'_>) {
    let mut day = seconds / 86_400;
    let mut year = 1970_u32;
    let mut month = 1_u32;
    while let Some(later) = day.checked_sub(days(month, year)) {
        day = later;
        month = month.wrapping_add(1);
        if month > 12 {
            month = 1;
            year = year.wrapping_add(1);
        }
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

/// How many days a month has, 1 to 12, in the Gregorian calendar.
const fn days(month: u32, year: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
