//! What options, signals, lengths of time and the kernel's files mean, written down once more and plainly:
//! with a heap, with `std`, and without a look at how the init does it. The property tests and the fuzz
//! targets hold the init's readers against it.

use pidling::messages::{Format, LINE_LIMIT, Level, Log, Message, Outlet, Value};
use pidling::options::{Leads, Name, Options, Reader, Target};
use pidling::packed::{self, Piece};
use pidling::posix::duration::Milliseconds;
use pidling::posix::pid::Pid;
use pidling::posix::signal::{Signal, append_name};
use pidling::proc_files::{ProcessStat, take_process_id, value};
use pidling::text::Text;

/// The names of signals 1 to 31.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Digits only, as large as it may be.
fn decimal(text: &[u8]) -> Option<u128> {
    let digits = str::from_utf8(text).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u128::MAX))
}

/// A signal's number, or its name in any case with or without SIG.
#[must_use]
pub fn signal(text: &[u8]) -> Option<u8> {
    let in_range = |number: u128| {
        u8::try_from(number)
            .ok()
            .filter(|number| (1..=64).contains(number))
    };
    if let Some(number) = decimal(text) {
        return in_range(number);
    }
    let text = str::from_utf8(text).ok()?.to_uppercase();
    // Only ASCII letters have two cases.
    if !text.is_ascii() {
        return None;
    }
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    // As the log names the two that have no name.
    if matches!(&*text, "SIG32" | "SIG33") {
        return in_range(decimal(name.as_bytes())?);
    }
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return in_range(decimal(offset.as_bytes())?.saturating_add(34));
    }
    if name == "RTMIN" {
        return Some(34);
    }
    let index = SIGNALS.iter().position(|known| *known == name)?;
    u8::try_from(index + 1).ok()
}

/// A length of time in milliseconds.
#[must_use]
pub fn duration(text: &[u8]) -> Option<u32> {
    let (digits, unit) = if let Some(digits) = text.strip_suffix(b"ms") {
        (digits, 1)
    } else if let Some(digits) = text.strip_suffix(b"m") {
        (digits, 60_000)
    } else {
        (text.strip_suffix(b"s").unwrap_or(text), 1000)
    };
    let length = decimal(digits)?.saturating_mul(unit);
    u32::try_from(length)
        .ok()
        .filter(|length| *length <= 24 * 3600 * 1000)
}

/// Every option: its letter, its name, and whether it takes a value.
const OPTIONS: [(Option<u8>, &str, bool); 18] = [
    (Some(b'a'), "wait-all", false),
    (Some(b'c'), "single-child", false),
    (Some(b'e'), "remap-exit", true),
    (Some(b'g'), "group", false),
    (Some(b'h'), "help", false),
    (Some(b'l'), "license", false),
    (None, "log-format", true),
    (Some(b'p'), "parent-death-signal", true),
    (Some(b'P'), "pause", false),
    (Some(b'q'), "quiet", false),
    (Some(b'r'), "rewrite", true),
    (Some(b's'), "subreaper", false),
    (None, "setsid", false),
    (None, "stop-delay", true),
    (Some(b't'), "grace-period", true),
    (Some(b'v'), "verbose", false),
    (Some(b'V'), "version", false),
    (Some(b'w'), "warn-on-reap", false),
];

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Run,
    Pause,
    Help,
    Version,
    License,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    name: Name,
    task: Task,
    target: Target,
    leads: Leads,
    wait_all: bool,
    warn_on_reap: bool,
    level: Level,
    format: Format,
    parent_death_signal: Option<u8>,
    stop_delay: u32,
    grace_period: Option<u32>,
    /// What each signal from 1 on is forwarded as, 0 for nothing.
    rewrites: Vec<u8>,
    remapped: Vec<u8>,
    /// Where the last length of time came from, until all is read.
    timing: &'static str,
}

/// A word that cannot be used: what is wrong with it, where it was, and the word unless nothing is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    message: Message,
    source: &'static str,
    word: Option<Vec<u8>>,
}

fn refused<T>(message: Message, source: &'static str, word: &[u8]) -> Result<T, Refused> {
    let word = Some(word.to_vec());
    Err(Refused {
        message,
        source,
        word,
    })
}

impl Asked {
    fn new(program: &[u8]) -> Self {
        let name = match program.rsplit(|byte| *byte == b'/').next().unwrap() {
            b"dumb-init" => Name::DumbInit,
            b"tini" | b"tini-static" | b"docker-init" | b"catatonit" => Name::Tini,
            _ => Name::Pidling,
        };
        let is_dumb = name == Name::DumbInit;
        Self {
            name,
            task: Task::Run,
            target: if is_dumb {
                Target::Group
            } else {
                Target::Process
            },
            leads: if is_dumb {
                Leads::Session
            } else {
                Leads::Group
            },
            wait_all: false,
            warn_on_reap: false,
            level: Level::Warning,
            format: Format::Text,
            parent_death_signal: None,
            stop_delay: 0,
            grace_period: None,
            rewrites: (1..=64).collect(),
            remapped: Vec::new(),
            timing: "",
        }
    }

    /// Carries out an option; `None` for a bad value.
    fn apply(&mut self, option: &str, given: &[u8], source: &'static str) -> Option<()> {
        match option {
            "wait-all" => self.wait_all = true,
            "single-child" => (self.target, self.leads) = (Target::Process, Leads::Group),
            "remap-exit" => self.remapped.push(u8::try_from(decimal(given)?).ok()?),
            "group" => self.target = Target::Group,
            "help" => self.task = Task::Help,
            "license" => self.task = Task::License,
            "log-format" => {
                self.format = match given {
                    b"text" => Format::Text,
                    b"json" => Format::Json,
                    _ => return None,
                }
            }
            "parent-death-signal" => self.parent_death_signal = Some(signal(given)?),
            "pause" => self.task = Task::Pause,
            "quiet" => self.level = Level::Error,
            "rewrite" => {
                let colon = given.iter().position(|byte| *byte == b':')?;
                let (from, to) = (signal(&given[..colon])?, &given[colon + 1..]);
                let to = if to == b"0" { 0 } else { signal(to)? };
                if [9, 17, 19].contains(&from) {
                    return None;
                }
                self.rewrites[usize::from(from) - 1] = to;
            }
            "setsid" => self.leads = Leads::Session,
            "stop-delay" => {
                self.stop_delay = duration(given)?;
                self.timing = source;
            }
            "grace-period" => {
                self.grace_period = Some(duration(given)?);
                self.timing = source;
            }
            "verbose" => self.level = self.level.raised(),
            "version" => self.task = Task::Version,
            "warn-on-reap" => self.warn_on_reap = true,
            _ => {}
        }
        Some(())
    }

    fn prints(&self) -> bool {
        matches!(self.task, Task::Help | Task::Version | Task::License)
    }

    /// Reads words up to the command, whose place it returns.
    fn read(&mut self, words: &[Vec<u8>], source: &'static str) -> Result<Option<usize>, Refused> {
        let mut next = 0;
        while next < words.len() {
            let word = &words[next][..];
            next += 1;
            if word == b"--" {
                return Ok((next < words.len()).then_some(next));
            }
            if word.len() < 2 || word[0] != b'-' {
                return Ok(Some(next - 1));
            }
            // What the word asks for: names with their values, if those are in the word.
            if let Some(long) = word.strip_prefix(b"--") {
                let (name, attached) = match long.iter().position(|byte| *byte == b'=') {
                    Some(equals) => (&long[..equals], Some(&long[equals + 1..])),
                    None => (long, None),
                };
                let Some(option) = OPTIONS.iter().find(|option| option.1.as_bytes() == name) else {
                    return refused(Message::UnknownOption, source, word);
                };
                let given = match (option.2, attached) {
                    (false, Some(value)) => return refused(Message::UnwantedValue, source, value),
                    (false, None) => b"",
                    (true, Some(value)) => value,
                    (true, None) => {
                        next += 1;
                        match words.get(next - 1) {
                            Some(value) => &value[..],
                            None => return refused(Message::MissingValue, source, word),
                        }
                    }
                };
                if self.apply(option.1, given, source).is_none() {
                    return refused(Message::BadValue, source, given);
                }
            } else {
                let mut place = 1;
                while place < word.len() {
                    let letter = if word[place] == b'L' {
                        b'l'
                    } else {
                        word[place]
                    };
                    place += 1;
                    let Some(option) = OPTIONS.iter().find(|option| option.0 == Some(letter))
                    else {
                        return refused(Message::UnknownOption, source, word);
                    };
                    let mut given = &b""[..];
                    if option.2 {
                        given = &word[place..];
                        place = word.len();
                        if given.is_empty() {
                            next += 1;
                            match words.get(next - 1) {
                                Some(value) => given = value,
                                None => return refused(Message::MissingValue, source, word),
                            }
                        }
                    }
                    if self.apply(option.1, given, source).is_none() {
                        return refused(Message::BadValue, source, given);
                    }
                    if self.prints() {
                        break;
                    }
                }
            }
            if self.prints() {
                break;
            }
        }
        Ok(None)
    }

    fn read_all(
        &mut self,
        arguments: &[Vec<u8>],
        environment: &[Vec<u8>],
    ) -> Result<Option<usize>, Refused> {
        let mut variable = &b""[..];
        for entry in environment {
            let Some(equals) = entry.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let given = &entry[equals + 1..];
            match &entry[..equals] {
                b"TINI_KILL_PROCESS_GROUP" => self.target = Target::Group,
                b"TINI_VERBOSITY" if !given.is_empty() => match decimal(given).map(u32::try_from) {
                    Some(Ok(verbosity)) => self.level = Level::from_verbosity(verbosity),
                    _ => return refused(Message::BadValue, "environment", given),
                },
                b"DUMB_INIT_SETSID" if given == b"0" => {
                    (self.target, self.leads) = (Target::Process, Leads::Group);
                }
                b"DUMB_INIT_DEBUG" if given == b"1" => {
                    self.level = Level::Debug;
                }
                b"PIDLING_OPTIONS" => variable = given,
                _ => {}
            }
        }
        let words: Vec<Vec<u8>> = variable
            .split(|byte| *byte <= b' ')
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        if let Some(index) = self.read(&words, "PIDLING_OPTIONS")? {
            return refused(Message::NotAnOption, "PIDLING_OPTIONS", &words[index]);
        }
        let (mut command, mut source) = (None, "PIDLING_OPTIONS");
        if !self.prints() {
            source = "command line";
            command = self
                .read(arguments.get(1..).unwrap_or_default(), source)?
                .map(|index| index + 1);
        }
        if self.prints() {
            return Ok(None);
        }
        if self.task == Task::Run && command.is_none() {
            return Err(Refused {
                message: Message::NoCommand,
                source,
                word: None,
            });
        }
        if let Some(index) = command
            && self.task == Task::Pause
        {
            return refused(Message::UnwantedCommand, source, &arguments[index]);
        }
        if self
            .grace_period
            .is_some_and(|grace| grace <= self.stop_delay)
        {
            return Err(Refused {
                message: Message::GraceTooShort,
                source: self.timing,
                word: None,
            });
        }
        if self.name == Name::DumbInit && self.leads == Leads::Session {
            for stop in [20_u8, 21, 22] {
                let place = &mut self.rewrites[usize::from(stop) - 1];
                if *place == stop {
                    *place = 19;
                }
            }
        }
        Ok(command)
    }

    /// The same of what the init has understood.
    fn of(options: &Options) -> Self {
        let number = |signal: Signal| signal.number();
        let signals = (1..=64).map(|number| Signal::new(number).unwrap());
        Self {
            name: options.name(),
            task: match options.output() {
                _ if !options.asks_for_output() && options.pauses() => Task::Pause,
                _ if !options.asks_for_output() => Task::Run,
                Piece::HELP => Task::Help,
                Piece::LICENSE => Task::License,
                Piece::VERSION | Piece::VERSION_AS_TINI => Task::Version,
                other => panic!("{other:?}"),
            },
            target: options.target(),
            leads: options.leads(),
            wait_all: options.wait_all(),
            warn_on_reap: options.warn_on_reap(),
            level: options.level,
            format: options.format,
            parent_death_signal: options.parent_death_signal.map(number),
            stop_delay: options.stop_delay.0,
            grace_period: options.grace_period().map(|Milliseconds(length)| length),
            rewrites: signals
                .map(|signal| options.rewrites.apply(signal).map_or(0, number))
                .collect(),
            remapped: (0..=255)
                .filter(|status| options.remapped.contains(*status))
                .collect(),
            timing: "",
        }
    }
}

/// Reads the words both ways and fails unless they agree.
pub fn check_options(arguments: &[Vec<u8>], environment: &[Vec<u8>]) {
    let program = arguments.first().map_or(&b""[..], |word| &word[..]);
    let mut asked = Asked::new(program);
    let expected = asked.read_all(arguments, environment);
    asked.remapped.sort_unstable();
    asked.remapped.dedup();
    asked.timing = "";

    let mut reader = Reader::default();
    let last = std::cell::Cell::new(0);
    let next = || {
        last.set(last.get() + 1);
        arguments.get(last.get()).map(|word| &word[..])
    };
    let environment = environment.iter().map(|entry| &entry[..]);
    let is_read = reader.read(program, &next, environment).is_some();
    let error = reader.error;
    match expected {
        Ok(command) => {
            if asked.prints() {
                assert_eq!((is_read, error.message), (false, None));
            } else {
                assert!(is_read, "{error:?}");
            }
            assert_eq!(Asked::of(&reader.options), asked);
            if let Some(command) = command {
                assert_eq!(last.get(), command);
                assert_eq!(error.word, arguments[command]);
            }
        }
        Err(Refused {
            message,
            source,
            word,
        }) => {
            assert!(!is_read, "expected {message:?} of {word:?} in {source}");
            assert_eq!(error.message, Some(message));
            assert_eq!(text_of(error.source), source.as_bytes());
            if let Some(word) = word {
                assert_eq!(error.word, word);
                if !matches!(message, Message::NotAnOption | Message::UnwantedCommand) {
                    let line = text_of(error.option());
                    let name = line[6..].split(|byte| *byte == b' ').next();
                    let name = name.and_then(|name| name.strip_prefix(b"--"));
                    let known = name.is_some_and(|name| {
                        OPTIONS.iter().any(|option| option.1.as_bytes() == name)
                    });
                    assert!(known || source == "environment", "{error:?}");
                }
            }
        }
    }
}

/// The bytes of a piece of our own texts.
fn text_of(piece: Piece) -> Vec<u8> {
    let mut texts = [0; packed::LENGTH];
    piece.of(packed::unpack(&mut texts)).to_vec()
}

/// What the kernel writes to `/proc/PID/stat`.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The process, its parent and its group.
    pub ids: [u32; 3],
    /// Its name, without a null byte.
    pub name: Vec<u8>,
    /// The letter of its state.
    pub state: u8,
    /// The fields from the sixth to the thirtieth.
    pub others: Vec<i64>,
    /// The sets of blocked, ignored and caught signals.
    pub sets: [u32; 3],
}

/// Reads the text of such a file, and fails unless all is found again.
pub fn check_stat(stat: &Stat) {
    let Stat {
        ids: [pid, parent, group],
        name,
        state,
        others,
        sets: [blocked, ignored, caught],
    } = stat;
    let mut text = format!("{pid} (").into_bytes();
    text.extend(name);
    text.extend(format!(") {} {parent} {group} ", char::from(*state)).bytes());
    for number in others {
        text.extend(format!("{number} ").bytes());
    }
    text.extend(format!("0 {blocked} {ignored} {caught} 0 0\n").bytes());
    let mut read = ProcessStat::EMPTY;
    read.text[..text.len()].copy_from_slice(&text);
    read.parse();
    assert_eq!(
        (read.process_id(), read.parent(), read.group()),
        (*pid, *parent, *group)
    );
    assert_eq!((read.name(), read.state()), (&name[..], *state));
    assert_eq!(read.is_dead(), b"ZXx".contains(state));
    for number in 1..=31_u8 {
        let has = |set: &u32| set >> (number - 1) & 1 == 1;
        let expected: &[u8] = if has(ignored) {
            b"ignores"
        } else if has(caught) {
            b"catches"
        } else if has(blocked) {
            b"blocks"
        } else {
            b"has not yet acted on"
        };
        assert_eq!(
            text_of(read.disposition(Signal::new(number).unwrap())),
            expected,
            "{number}"
        );
    }
}

/// Reads any bytes as such a file: whatever comes of it, it comes.
pub fn check_any_stat(bytes: &[u8]) {
    let mut read = ProcessStat::EMPTY;
    let bytes = &bytes[..bytes.len().min(1024)];
    read.text[..bytes.len()].copy_from_slice(bytes);
    read.parse();
    assert!(read.name().len() <= 255);
    let _ = (read.is_dead(), read.disposition(Signal::TERM));
}

/// Reads names as getdents64(2) gives them, and what is left of that when it is cut. A name ends with a null
/// byte, which is added.
pub fn check_directory(names: &[(Vec<u8>, u8)], cut: usize) {
    let mut records = Vec::new();
    let mut expected = Vec::new();
    for (name, padding) in names {
        let name: Vec<u8> = name.iter().copied().filter(|byte| *byte != 0).collect();
        let length = 19 + name.len() + 1 + usize::from(*padding);
        records.extend([0xff; 16]);
        records.extend(u16::try_from(length).unwrap().to_ne_bytes());
        records.push(4);
        records.extend(&name);
        records.extend(std::iter::repeat_n(0, 1 + usize::from(*padding)));
        let number = decimal(&name).and_then(|number| i32::try_from(number).ok());
        expected.extend(number.and_then(Pid::new));
    }
    let read = |mut records: &[u8]| -> Vec<Pid> {
        std::iter::from_fn(|| take_process_id(&mut records)).collect()
    };
    assert_eq!(read(&records), expected);
    let cut = read(&records[..cut.min(records.len())]);
    assert!(expected.starts_with(&cut));
}

/// Looks a key up in the lines of a cgroup file.
pub fn check_value(text: &[u8], key: &[u8]) {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // What has no line feed behind it is not a line.
    let _ = lines.pop();
    let found = lines.into_iter().find_map(|line| {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .map_or(0, |colon| colon + 1);
        line[colon..].strip_prefix(key)
    });
    assert_eq!(value(text, key), found.unwrap_or_default());
}

thread_local! {
    /// What the log has written.
    static WRITTEN: std::cell::RefCell<Vec<Vec<u8>>> = const { std::cell::RefCell::new(Vec::new()) };
    /// Whether its outlet takes a line.
    static TAKES: std::cell::Cell<bool> = const { std::cell::Cell::new(true) };
    /// The time.
    static TIME: std::cell::Cell<(u32, u32)> = const { std::cell::Cell::new((0, 0)) };
}

/// Keeps the lines.
#[derive(Debug)]
struct Kept;

impl Outlet for Kept {
    fn now() -> (u32, u32) {
        TIME.get()
    }

    fn write(line: &[u8]) -> bool {
        if TAKES.get() {
            WRITTEN.with_borrow_mut(|lines| lines.push(line.to_vec()));
        }
        TAKES.get()
    }
}

/// Has the log say that a command could not be executed, in any bytes, after some lines that were dropped; and
/// fails unless the one line says so, in both formats.
pub fn check_log(word: &[u8], errno: i32, drops: u8, time: (u32, u32)) {
    TIME.set((time.0, time.1 % 1000));
    // There is no error 0.
    let errno = if errno == 0 { 1 } else { errno };
    for format in [Format::Text, Format::Json] {
        let mut buffer = [0; LINE_LIMIT];
        let mut log = Log::<Kept>::new(Level::Debug, format, &mut buffer);
        TAKES.set(false);
        for _ in 0..drops {
            log.say(Message::Paused, Value::NONE, Value::NONE);
        }
        TAKES.set(true);
        let errno = pidling::posix::errno::Errno::new(errno).unwrap();
        log.say_word(Message::ExecFailed, word, errno.into(), Value::NONE);
        let lines = WRITTEN.take();
        let [line] = &lines[..] else {
            panic!("{} lines", lines.len())
        };
        assert!(line.len() <= LINE_LIMIT);
        let line = line.strip_suffix(b"\n").unwrap();
        assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~')));
        let line = str::from_utf8(line).unwrap();
        let said = if format == Format::Json {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(object["event"], "exec_failed");
            assert_eq!(
                object["dropped"].as_u64(),
                (drops > 0).then_some(drops.into())
            );
            let command = object["command"].as_str().unwrap();
            command
                .chars()
                .map(|one| u8::try_from(one).unwrap())
                .collect()
        } else {
            let dropped = if drops > 0 {
                format!("lines dropped: {drops}; ")
            } else {
                String::new()
            };
            let start = format!("pidling: error: {dropped}cannot execute ");
            let rest = line.strip_prefix(&start).unwrap();
            let (command, _) = rest.rsplit_once(": ").unwrap();
            unescape(command.as_bytes())
        };
        let is_cut = said
            .strip_suffix(b"...")
            .is_some_and(|start| line.len() > 700 && word.starts_with(start));
        assert!(said == word || is_cut, "{line}");
    }
}

/// Takes back what text lines escape.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
        } else if let Some(after) = after.strip_prefix(b"\\") {
            bytes.push(b'\\');
            rest = after;
        } else {
            let digits = str::from_utf8(&after[1..3]).unwrap();
            assert_eq!(after[0], b'x');
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &after[3..];
        }
    }
    bytes
}

/// Reads a signal and a length of time both ways, and a signal's name back.
pub fn check_values(text: &[u8]) {
    assert_eq!(Signal::parse(text).map(Signal::number), signal(text));
    assert_eq!(
        Milliseconds::parse(text).map(|Milliseconds(length)| length),
        duration(text)
    );
    if let Some(signal) = Signal::parse(text) {
        let mut buffer = [0; 16];
        let name = &mut Text::new(&mut buffer);
        append_name(signal.number(), name);
        assert_eq!(Signal::parse(name.as_bytes()), Some(signal));
    }
}
