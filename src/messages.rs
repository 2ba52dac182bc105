//! The vocabulary of the log, and how a message becomes a line of text or of JSON. Pure: time and
//! descriptor are `log`'s.
//!
//! Each message is one template: its words are the text line, its `{names}` the fields of the JSON
//! object, so that the two cannot drift apart.

use crate::packed::{BEGINNINGS, TEMPLATES};
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::prose::LEVELS;
pub use crate::prose::Message;
use crate::text::{Text, nth, take_until};

/// The longest line, its line feed included. It is below `PIPE_BUF`, so that pipe(7) keeps it whole.
pub const LINE_LIMIT: usize = 1024;

/// Where a long word from outside is cut, so that our own words behind it still fit.
const CUT: usize = LINE_LIMIT.saturating_sub(224);

/// How much a message matters; a log shows what is at or above its own level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The init cannot do what it was asked to.
    Error,
    /// Something its user should know of; the default.
    Warning,
    /// The life of the main child (`-v`).
    Info,
    /// Every reap and every ignored error (`-vv`).
    Debug,
}

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

/// A log: it makes lines and hands them to a writer.
#[derive(Debug)]
pub struct Log<'a> {
    level: Level,
    format: Format,
    /// Whether the line under construction is shown; if not, everything but [`Self::say`] does nothing.
    shown: bool,
    /// Lines that could not be written since the last one that could.
    dropped: u32,
    /// What is left of the template of the line under construction.
    template: &'static [u8],
    /// The line under construction.
    line: Text<'a>,
    /// Reads the time since 1970-01-01 UTC in seconds and milliseconds.
    clock: fn() -> (u32, u32),
    /// Takes a whole line and returns whether it was written.
    write: fn(&[u8]) -> bool,
}

impl<'a> Log<'a> {
    /// A log that shows what is at or above `level`, with a buffer of at least [`LINE_LIMIT`] bytes.
    #[must_use]
    pub const fn new(
        level: Level,
        format: Format,
        clock: fn() -> (u32, u32),
        write: fn(&[u8]) -> bool,
        buffer: &'a mut [u8],
    ) -> Self {
        Self {
            level,
            format,
            shown: false,
            dropped: 0,
            template: b"",
            line: Text::new(buffer),
            clock,
            write,
        }
    }

    /// Begins the line of a message. Its fields follow in the order of the template, then [`Self::end`].
    #[inline(never)]
    pub fn say(&mut self, message: Message) -> &mut Self {
        #[expect(
            clippy::as_conversions,
            reason = "the variants are numbered in their order"
        )]
        let number = message as u8;
        let level = match LEVELS.get(usize::from(number)) {
            Some(b'D') => Level::Debug,
            Some(b'I') => Level::Info,
            Some(b'W') => Level::Warning,
            Some(_) | None => Level::Error,
        };
        self.shown = level <= self.level;
        if self.shown {
            self.begin(number, level);
        }
        self
    }

    /// Begins the line of the message of this number, which is shown.
    #[inline(never)]
    fn begin(&mut self, number: u8, level: Level) {
        self.template = nth(&TEMPLATES, b'\n', number);
        let event = take_until(&mut self.template, b'|').unwrap_or_default();
        #[expect(
            clippy::as_conversions,
            reason = "the levels are numbered in their order"
        )]
        let level = level as u8;
        let line = &mut self.line;
        line.clear();
        if self.format == Format::Text {
            line.push_packed(nth(&BEGINNINGS, b'\n', level));
        } else {
            line.push_packed(nth(&BEGINNINGS, b'\n', 4));
            push_time(line, (self.clock)());
            line.push_packed(nth(&BEGINNINGS, b'\n', level.wrapping_add(5)));
            line.push_packed(event);
            line.push(b'"');
        }
        if self.dropped > 0 {
            let line_break = if self.is_json() { b"" } else { &b"; "[..] };
            let words = nth(&BEGINNINGS, b'\n', if self.is_json() { 10 } else { 9 });
            self.line.push_packed(words);
            self.line.push_decimal(self.dropped);
            self.line.push_bytes(line_break);
        }
    }

    fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Ends the line and has it written. One that could not be is counted in the next one (contract 8.4).
    #[inline(never)]
    pub fn end(&mut self) {
        if self.shown {
            self.line
                .push_packed(if self.is_json() { b"}" } else { self.template });
            self.line.push(b'\n');
            let written = (self.write)(self.line.as_bytes());
            self.dropped = if written {
                0
            } else {
                self.dropped.saturating_add(1)
            };
        }
    }

    /// Goes on to the template's next field and returns whether there is one to be filled. Text shows the
    /// words before it, JSON its name.
    #[inline(never)]
    fn next_field(&mut self) -> bool {
        let json = self.is_json();
        let mut in_name = false;
        while let Some(byte) = self.template.split_off_first() {
            let line = &mut self.line;
            match byte {
                b'{' => {
                    in_name = true;
                    line.push_bytes(if json { b",\"" } else { b"" });
                }
                b'}' => {
                    line.push_bytes(if json { b"\":" } else { b"" });
                    return true;
                }
                _ if in_name == json => line.push_packed(core::slice::from_ref(byte)),
                _ => {}
            }
        }
        false
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
        if self.shown && self.next_field() {
            self.line.push_decimal(number);
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
        let json = self.is_json();
        let _ = self.number(if json { length } else { length / 1000 });
        if self.shown && !json {
            self.line.push(b'.');
            self.line.push_padded(length % 1000, 3);
            self.line.push_bytes(b" s");
        }
        self
    }

    /// The next field is a signal's name.
    #[inline(never)]
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        if self.shown && self.next_field() {
            self.quote();
            signal.append_name(&mut self.line);
            self.quote();
        }
        self
    }

    /// The next field is an error: its name, and in text its meaning.
    #[inline(never)]
    pub fn error(&mut self, error: Errno) -> &mut Self {
        if self.shown && self.next_field() {
            self.quote();
            let with_meaning = !self.is_json();
            error.append_to(&mut self.line, with_meaning);
            self.quote();
        }
        self
    }

    /// The next field is words from anywhere. A long word is cut, marked with three dots, so that our own
    /// words behind it still fit.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.escaped(bytes, CUT)
    }

    /// The next field is words of our own.
    #[inline(never)]
    pub fn words(&mut self, words: &[u8]) -> &mut Self {
        self.escaped(words, LINE_LIMIT)
    }

    /// Appends a field: printable ASCII as it is, every other byte escaped: `\xNN` in text, `\u00NN` in JSON;
    /// no more of it once the line is as long as `cut`.
    #[inline(never)]
    fn escaped(&mut self, bytes: &[u8], cut: usize) -> &mut Self {
        if !self.shown || !self.next_field() {
            return self;
        }
        self.quote();
        for byte in bytes {
            if self.line.length() >= cut {
                self.line.push_bytes(b"...");
                break;
            }
            if !matches!(byte, b' '..=b'~') {
                self.line
                    .push_bytes(if self.is_json() { b"\\u00" } else { b"\\x" });
                self.line.push_hexadecimal(*byte);
                continue;
            }
            if *byte == b'\\' || (*byte == b'"' && self.is_json()) {
                self.line.push(b'\\');
            }
            self.line.push(*byte);
        }
        self.quote();
        self
    }

    /// Says that a call failed where that changes nothing.
    #[inline(never)]
    pub fn ignored(&mut self, call: &'static str, result: Result<(), Errno>) {
        if let Err(error) = result {
            self.say(Message::Ignored)
                .words(call.as_bytes())
                .error(error)
                .end();
        }
    }
}

/// Appends a time since 1970-01-01 UTC as RFC 3339 has it: `2026-01-31T23:59:59.999Z`.
fn push_time(text: &mut Text<'_>, (seconds, milliseconds): (u32, u32)) {
    /// The lengths of the months less 28 days, four bits each, January's lowest; February's is 0.
    const LENGTHS: u64 = 0x3232_3323_2303;
    let mut day = seconds / 86_400;
    let mut year = 1970_u32;
    // Every fourth year is a leap year until 2100.
    let mut leap_day = 0;
    while day >= 365_u32.wrapping_add(leap_day) {
        day = day.wrapping_sub(365).wrapping_sub(leap_day);
        year = year.wrapping_add(1);
        leap_day = u32::from(year.is_multiple_of(4));
    }
    let mut month = 1_u32;
    let mut lengths = LENGTHS | u64::from(leap_day) << 4;
    loop {
        let [length, ..] = lengths.to_le_bytes();
        let length = u32::from(length & 15).wrapping_add(28);
        if day < length {
            break;
        }
        day = day.wrapping_sub(length);
        lengths >>= 4;
        month = month.wrapping_add(1);
    }
    let time = seconds % 86_400;
    push_after(text, b'"', year);
    push_after(text, b'-', month);
    push_after(text, b'-', day.wrapping_add(1));
    push_after(text, b'T', time / 3600);
    push_after(text, b':', time / 60 % 60);
    push_after(text, b':', time % 60);
    text.push(b'.');
    text.push_padded(milliseconds, 3);
    text.push_bytes(b"Z\"");
}

/// Appends a number of at least two digits after a separator.
#[inline(never)]
fn push_after(text: &mut Text<'_>, separator: u8, number: u32) {
    text.push(separator);
    text.push_padded(number, 2);
}
