//! What options, signals, lengths of time and the kernel's files mean, written down once more and plainly:
//! with a heap, with `std`, and without a look at how the init does it. The property tests and the fuzz
//! targets hold the init's readers against it.

use pidling::cli::parse::parse;
use pidling::cli::{Isolation, Name, Options, Request, Target, Topic};
use pidling::exec_failure::Reason;
use pidling::limits::{LINE, LONGEST_TIME};
use pidling::log::event::{Event, Level, Problem, Source};
use pidling::log::line::Format;
use pidling::log::{Log, Outlet};
use pidling::posix::errno::Errno;
use pidling::posix::pid::Pid;
use pidling::posix::signal::Signal;
use pidling::posix::time::{Milliseconds, Tick};
use pidling::proc_files::{
    Hierarchy, ProcessStat, Response, control_group, group_and_ancestors, number, oom_kills,
    process_ids,
};

/// The names of signals 1 to 31.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// KILL, CHLD and STOP: the init is never asked to forward them.
const NEVER_FORWARDED: [u8; 3] = [9, 17, 19];

/// Digits only, as large as it may be.
fn decimal(text: &[u8]) -> Option<u128> {
    let digits = str::from_utf8(text).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u128::MAX))
}

/// A signal's number, or its name in any case with or without SIG.
#[must_use]
pub fn signal(text: &[u8]) -> Option<u8> {
    let in_range = |number: i128, first: i128| {
        let number = u8::try_from(number).ok()?;
        (first..=64).contains(&number.into()).then_some(number)
    };
    let small = |digits: &[u8]| Some(i128::from(u32::try_from(decimal(digits)?).ok()?));
    if decimal(text).is_some() {
        return in_range(small(text)?, 1);
    }
    let text = str::from_utf8(text).ok()?.to_ascii_uppercase();
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return in_range(34 + small(offset.as_bytes())?, 34);
    }
    if let Some(offset) = name.strip_prefix("RTMAX-") {
        return in_range(64 - small(offset.as_bytes())?, 34);
    }
    match name {
        "RTMIN" => Some(34),
        "RTMAX" => Some(64),
        _ => {
            let index = SIGNALS.iter().position(|known| *known == name)?;
            u8::try_from(index + 1).ok()
        }
    }
}

/// A signal that can be received and forwarded.
fn forwardable(text: &[u8]) -> Option<u8> {
    signal(text).filter(|number| !NEVER_FORWARDED.contains(number))
}

/// A length of time in milliseconds.
#[must_use]
pub fn duration(text: &[u8]) -> Option<u32> {
    let units = [
        (&b"ms"[..], 1),
        (b"s", 1000),
        (b"m", 60_000),
        (b"h", 3_600_000),
        (b"", 1000),
    ];
    let mut spelled = units.iter();
    let (digits, unit) =
        spelled.find_map(|(suffix, unit)| Some((text.strip_suffix(*suffix)?, unit)))?;
    let length = decimal(digits)?.saturating_mul(*unit);
    u32::try_from(length)
        .ok()
        .filter(|length| *length <= 24 * 3600 * 1000)
}

/// What stands before and behind the first one of a byte.
fn split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..place], &text[place + 1..]))
}

/// Every option: its letter, its name, and whether it takes a value.
const OPTIONS: [(Option<u8>, &str, bool); 20] = [
    (Some(b'a'), "wait-all", false),
    (Some(b'c'), "single-child", false),
    (Some(b'e'), "remap-exit", true),
    (None, "escalate", true),
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
    (None, "stop-signal", true),
    (Some(b't'), "grace-period", true),
    (Some(b'v'), "verbose", false),
    (Some(b'V'), "version", false),
    (Some(b'w'), "warn-on-reap", false),
];

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Run(usize),
    Pause,
    Print(Topic),
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    name: Name,
    target: Target,
    isolation: Isolation,
    wait_all: bool,
    warn_on_reap: bool,
    level: Level,
    format: Format,
    parent_death_signal: Option<u8>,
    /// In the order of their numbers.
    stop_signals: Vec<u8>,
    stop_delay: u32,
    grace_period: Option<u32>,
    /// In the order of their times.
    ladder: Vec<(u32, u8)>,
    /// What each signal from 1 on is forwarded as, 0 for nothing.
    rewrites: Vec<u8>,
    /// In their order.
    remapped: Vec<u8>,
    options_ignored: bool,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    UnknownOption,
    MissingValue,
    BadValue,
    UnwantedValue,
    NotAnOption,
    UnwantedCommand,
    NoCommand,
}

/// A word that cannot be used: where it was, what is wrong with it, the option's name and the word, where there are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    source: Source,
    wrong: Wrong,
    option: Option<String>,
    word: Option<Vec<u8>>,
}

/// Where a time was given.
#[derive(Clone, Debug)]
struct Timed {
    option: &'static str,
    after: u32,
    source: Source,
    word: Vec<u8>,
}

/// All that was read so far.
struct Model {
    asked: Asked,
    pauses: bool,
    source: Source,
    /// The first word that is wrong or asks for something to be printed.
    decided: Option<Result<Topic, Refused>>,
    /// Each delay, grace period and step, in the order of the words.
    times: Vec<Timed>,
    rewritten: Vec<u8>,
}

impl Model {
    fn new(program: &[u8]) -> Self {
        let name = match program.rsplit(|byte| *byte == b'/').next().unwrap() {
            b"dumb-init" => Name::DumbInit,
            b"tini" | b"tini-static" | b"docker-init" | b"catatonit" => Name::Tini,
            _ => Name::Pidling,
        };
        let (target, isolation) = if name == Name::DumbInit {
            (Target::Group, Isolation::Session)
        } else {
            (Target::MainChild, Isolation::ProcessGroup)
        };
        Self {
            asked: Asked {
                name,
                target,
                isolation,
                wait_all: false,
                warn_on_reap: false,
                level: Level::Warning,
                format: Format::Text,
                parent_death_signal: None,
                stop_signals: vec![2, 15],
                stop_delay: 0,
                grace_period: None,
                ladder: Vec::new(),
                rewrites: (1..=64).collect(),
                remapped: Vec::new(),
                options_ignored: false,
            },
            pauses: false,
            source: Source::PidlingOptions,
            decided: None,
            times: Vec::new(),
            rewritten: Vec::new(),
        }
    }

    fn refuse(&mut self, wrong: Wrong, option: Option<&str>, word: Option<&[u8]>) {
        if self.decided.is_none() {
            self.decided = Some(Err(Refused {
                source: self.source,
                wrong,
                option: option.map(|name| format!("--{name}")),
                word: word.map(<[u8]>::to_vec),
            }));
        }
    }

    fn alone(&mut self) {
        self.asked.target = Target::MainChild;
        self.asked.isolation = Isolation::ProcessGroup;
    }

    /// Carries out an option; `None` for a bad value.
    fn apply(&mut self, option: &'static str, given: &[u8]) -> Option<()> {
        let asked = &mut self.asked;
        let timed = |after| Timed {
            option,
            after,
            source: self.source,
            word: given.to_vec(),
        };
        match option {
            "wait-all" => asked.wait_all = true,
            "single-child" => self.alone(),
            "remap-exit" => asked.remapped.push(u8::try_from(decimal(given)?).ok()?),
            "group" => asked.target = Target::Group,
            "help" => self.print(Topic::Help),
            "license" => self.print(Topic::License),
            "version" => self.print(Topic::Version),
            "log-format" => {
                asked.format = match given {
                    b"text" => Format::Text,
                    b"json" => Format::Json,
                    _ => return None,
                }
            }
            "parent-death-signal" => asked.parent_death_signal = Some(signal(given)?),
            "pause" => self.pauses = true,
            "quiet" => asked.level = Level::Error,
            "rewrite" => {
                let (from, to) = split(given, b':')?;
                let from = forwardable(from)?;
                let to = if to == b"0" { 0 } else { signal(to)? };
                asked.rewrites[usize::from(from) - 1] = to;
                self.rewritten.push(from);
            }
            "setsid" => asked.isolation = Isolation::Session,
            "stop-signal" => asked.stop_signals.push(forwardable(given)?),
            "stop-delay" => {
                asked.stop_delay = duration(given)?;
                self.times.push(timed(asked.stop_delay));
            }
            "grace-period" => {
                let length = duration(given)?;
                asked.grace_period = Some(length);
                self.times.push(timed(length));
            }
            "escalate" => {
                let (after, sent) = split(given, b':')?;
                let (after, sent) = (duration(after)?, forwardable(sent)?);
                if asked.ladder.len() == 8 {
                    return None;
                }
                asked.ladder.push((after, sent));
                self.times.push(timed(after));
            }
            "verbose" => {
                asked.level = match asked.level {
                    Level::Error => Level::Warning,
                    Level::Warning => Level::Info,
                    Level::Info | Level::Debug => Level::Debug,
                }
            }
            "warn-on-reap" => asked.warn_on_reap = true,
            "subreaper" => {}
            other => panic!("{other}"),
        }
        Some(())
    }

    fn print(&mut self, topic: Topic) {
        if self.decided.is_none() {
            self.decided = Some(Ok(topic));
        }
    }

    /// Reads words from a place on, up to the first that is no option, whose place it returns. What is wrong is noted,
    /// and the words behind it are read all the same, because one of them may name the format to say it in.
    fn read(&mut self, words: &[Vec<u8>], start: usize) -> Option<usize> {
        let mut next = start;
        while next < words.len() {
            let word = &words[next][..];
            if word == b"--" {
                return (next + 1 < words.len()).then_some(next + 1);
            }
            if word.len() < 2 || word[0] != b'-' {
                return Some(next);
            }
            next += 1;
            if let Some(long) = word.strip_prefix(b"--") {
                let (name, attached) = match split(long, b'=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, None),
                };
                let known = OPTIONS.iter().find(|option| option.1.as_bytes() == name);
                match (known, attached) {
                    (None, _) => self.refuse(Wrong::UnknownOption, None, Some(word)),
                    (Some((_, name, true)), _) => next = self.value(name, attached, words, next),
                    (Some((_, name, false)), None) => self.apply(name, b"").unwrap(),
                    (Some((_, name, false)), Some(value)) => {
                        self.refuse(Wrong::UnwantedValue, Some(name), Some(value));
                    }
                }
                continue;
            }
            for place in 1..word.len() {
                let letter = if word[place] == b'L' {
                    b'l'
                } else {
                    word[place]
                };
                match OPTIONS.iter().find(|option| option.0 == Some(letter)) {
                    None => {
                        self.refuse(Wrong::UnknownOption, None, Some(word));
                        break;
                    }
                    Some((_, name, true)) => {
                        let attached = Some(&word[place + 1..]).filter(|rest| !rest.is_empty());
                        next = self.value(name, attached, words, next);
                        break;
                    }
                    Some((_, name, false)) => self.apply(name, b"").unwrap(),
                }
            }
        }
        None
    }

    /// Gives an option its value, which is attached to it or the next word. Returns the place of the word to go on
    /// with: a next word that is no value but looks like an option is one.
    fn value(
        &mut self,
        name: &'static str,
        attached: Option<&[u8]>,
        words: &[Vec<u8>],
        next: usize,
    ) -> usize {
        let Some(value) = attached.or_else(|| words.get(next).map(|word| &word[..])) else {
            self.refuse(Wrong::MissingValue, Some(name), None);
            return next;
        };
        let is_good = self.apply(name, value).is_some();
        if !is_good {
            self.refuse(Wrong::BadValue, Some(name), Some(value));
        }
        let is_read = attached.is_none() && (is_good || value.first() != Some(&b'-'));
        next + usize::from(is_read)
    }

    /// The variables of the other inits; returns the words of our own.
    fn variables(&mut self, environment: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let is_space = |byte: &u8| b" \t\n\x0b\x0c\r".contains(byte);
        let mut words = None;
        for (name, given) in environment.iter().filter_map(|entry| split(entry, b'=')) {
            match name {
                b"TINI_KILL_PROCESS_GROUP" => self.asked.target = Target::Group,
                b"TINI_VERBOSITY" => {
                    // As atoi(3) reads it.
                    let start = given.iter().position(|byte| !is_space(byte));
                    let given = &given[start.unwrap_or(given.len())..];
                    let (is_negative, digits) = match given {
                        [b'-', digits @ ..] => (true, digits),
                        [b'+', digits @ ..] | digits => (false, digits),
                    };
                    let end = digits.iter().position(|byte| !byte.is_ascii_digit());
                    let digits = &digits[..end.unwrap_or(digits.len())];
                    self.asked.level = match decimal(digits).filter(|_| !is_negative) {
                        None | Some(0) => Level::Error,
                        Some(1) => Level::Warning,
                        Some(2) => Level::Info,
                        Some(_) => Level::Debug,
                    };
                }
                b"DUMB_INIT_SETSID" if given == b"0" => self.alone(),
                b"DUMB_INIT_DEBUG" if given == b"1" => self.asked.level = Level::Debug,
                b"PIDLING_OPTIONS" => {
                    let split = given.split(is_space);
                    let filled = split.filter(|word| !word.is_empty());
                    words = Some(filled.map(<[u8]>::to_vec).collect());
                }
                _ => {}
            }
        }
        words
    }

    fn read_all(
        mut self,
        arguments: &[Vec<u8>],
        environment: &[Vec<u8>],
        is_pid_1: bool,
    ) -> (Result<Task, Refused>, Asked) {
        let words = self.variables(environment);
        self.asked.options_ignored = words.is_some() && !is_pid_1;
        if let Some(words) = words.filter(|_| is_pid_1) {
            let mut start = 0;
            while let Some(place) = self.read(&words, start) {
                self.refuse(Wrong::NotAnOption, None, Some(&words[place]));
                start = place + 1;
            }
        }
        self.source = Source::CommandLine;
        let command = self.read(arguments, 1.min(arguments.len()));
        let pauses = self.pauses;
        match command {
            Some(place) if pauses => {
                self.refuse(Wrong::UnwantedCommand, None, Some(&arguments[place]));
            }
            None if !pauses => self.refuse(Wrong::NoCommand, None, None),
            Some(_) | None => {}
        }
        self.compare_times();
        let asked = &mut self.asked;
        if asked.name == Name::DumbInit && asked.isolation == Isolation::Session {
            for stop in [20_u8, 21, 22] {
                if !self.rewritten.contains(&stop) {
                    asked.rewrites[usize::from(stop) - 1] = 19;
                }
            }
        }
        for set in [&mut asked.stop_signals, &mut asked.remapped] {
            set.sort_unstable();
            set.dedup();
        }
        asked.ladder.sort_by_key(|(after, _)| *after);
        let task = match self.decided {
            Some(decided) => decided.map(Task::Print),
            None => Ok(command.map_or(Task::Pause, Task::Run)),
        };
        (task, self.asked)
    }

    /// The delay comes before the grace period, and each step in between.
    fn compare_times(&mut self) {
        let (delay, grace) = (self.asked.stop_delay, self.asked.grace_period);
        let is_too_short = grace.is_some_and(|grace| grace <= delay);
        let is_step = |timed: &&Timed| timed.option == "escalate";
        // No delay is short enough for a grace period of 0.
        let is_at_fault =
            |timed: &&Timed| !is_step(timed) && (grace != Some(0) || timed.option != "stop-delay");
        let bad = if is_too_short {
            self.times.iter().rev().find(is_at_fault)
        } else {
            self.times.iter().filter(is_step).find(|timed| {
                timed.after <= delay || grace.is_some_and(|grace| grace <= timed.after)
            })
        };
        if let Some(Timed {
            option,
            source,
            word,
            ..
        }) = bad.cloned()
        {
            self.source = source;
            self.refuse(Wrong::BadValue, Some(option), Some(&word));
        }
    }
}

impl Asked {
    /// The same of what the init has understood.
    fn of(options: &Options) -> Self {
        let number = |signal: Signal| signal.number();
        let signals = || (1..=64).map(|number| Signal::new(number).unwrap());
        let milliseconds = |Milliseconds(length)| length;
        Self {
            name: options.name,
            target: options.target,
            isolation: options.isolation,
            wait_all: options.wait_all,
            warn_on_reap: options.warn_on_reap,
            level: options.level,
            format: options.format,
            parent_death_signal: options.parent_death_signal.map(number),
            stop_signals: signals()
                .filter(|signal| options.stop_signals.contains(*signal))
                .map(number)
                .collect(),
            stop_delay: options.stop_delay.map_or(0, milliseconds),
            grace_period: options.grace_period.map(milliseconds),
            ladder: options
                .ladder
                .iter()
                .map(|step| (milliseconds(step.after), number(step.signal)))
                .collect(),
            rewrites: signals()
                .map(|signal| options.rewrites.apply(signal).map_or(0, number))
                .collect(),
            remapped: (0..=255)
                .filter(|status| options.remapped.contains(*status))
                .collect(),
            options_ignored: options.options_ignored,
        }
    }
}

impl Refused {
    /// The same of what the init says.
    fn of(source: Source, problem: Problem<'_>) -> Self {
        let (wrong, option, word) = match problem {
            Problem::UnknownOption { word, nearest } => {
                let is_known = |name: &str| {
                    let name = name.strip_prefix("--").unwrap();
                    OPTIONS.iter().any(|option| option.1 == name)
                };
                assert!(nearest.is_none_or(is_known), "{nearest:?}");
                (Wrong::UnknownOption, None, Some(word))
            }
            Problem::MissingValue { option, .. } => (Wrong::MissingValue, Some(option), None),
            Problem::BadValue { option, value, .. } => (Wrong::BadValue, Some(option), Some(value)),
            Problem::UnwantedValue { option, value } => {
                (Wrong::UnwantedValue, Some(option), Some(value))
            }
            Problem::NotAnOption { word } => (Wrong::NotAnOption, None, Some(word)),
            Problem::UnwantedCommand { word } => (Wrong::UnwantedCommand, None, Some(word)),
            Problem::NoCommand => (Wrong::NoCommand, None, None),
        };
        Self {
            source,
            wrong,
            option: option.map(str::to_owned),
            word: word.map(<[u8]>::to_vec),
        }
    }
}

/// Reads the words both ways and fails unless they agree.
pub fn check_options(arguments: &[Vec<u8>], environment: &[Vec<u8>], is_pid_1: bool) {
    let program = arguments.first().map_or(&b""[..], |word| &word[..]);
    let (expected, asked) = Model::new(program).read_all(arguments, environment, is_pid_1);
    let words = arguments.iter().map(|word| &word[..]);
    let entries = environment.iter().map(|entry| &entry[..]);
    match parse(words, entries, is_pid_1) {
        Ok((options, request)) => {
            let task = match request {
                Request::Run { command } => Task::Run(command),
                Request::Pause => Task::Pause,
                Request::Print(topic) => Task::Print(topic),
            };
            assert_eq!((Ok(task), &Asked::of(&options)), (expected, &asked));
        }
        Err(error) => {
            let refused = Refused::of(error.source, error.problem);
            assert_eq!((Err(refused), error.format), (expected, asked.format));
        }
    }
}

/// What the kernel writes to `/proc/PID/stat`.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The process, its parent, its group and its session.
    pub ids: [u32; 4],
    /// Its name, without a null byte.
    pub name: Vec<u8>,
    /// The letter of its state.
    pub state: u8,
    /// The number of its terminal.
    pub terminal: i32,
    /// How many threads it has.
    pub threads: u32,
    /// When it was born.
    pub started: u64,
    /// Every other field.
    pub other: i64,
    /// The sets of pending, blocked, ignored and caught signals.
    pub sets: [u32; 4],
}

/// Reads the text of such a file, and fails unless all is found again.
pub fn check_stat(stat: &Stat) {
    let Stat {
        ids: [pid, parent, group, session],
        name,
        state,
        terminal,
        threads,
        started,
        other,
        sets: [pending, blocked, ignored, caught],
    } = stat;
    let mut text = format!("{pid} (").into_bytes();
    text.extend(name);
    text.extend(
        format!(
            ") {} {parent} {group} {session} {terminal}",
            char::from(*state)
        )
        .bytes(),
    );
    // By their numbers in proc_pid_stat(5).
    for field in 8..=52 {
        text.extend(
            match field {
                20 => format!(" {threads}"),
                22 => format!(" {started}"),
                31 => format!(" {pending}"),
                32 => format!(" {blocked}"),
                33 => format!(" {ignored}"),
                34 => format!(" {caught}"),
                _ => format!(" {other}"),
            }
            .bytes(),
        );
    }
    text.push(b'\n');
    let id = |number: &u32| i32::try_from(*number).ok().and_then(Pid::new);
    let read = ProcessStat::parse(&text);
    let Some(pid) = id(pid) else {
        assert_eq!(read, None);
        return;
    };
    let read = read.unwrap();
    assert_eq!(
        (read.pid, read.name, read.state, read.threads),
        (pid, &name[..], *state, *threads)
    );
    assert_eq!(
        (read.parent, read.group, read.session, read.has_terminal),
        (id(parent), id(group), id(session), *terminal != 0)
    );
    assert_eq!(read.started, Some(Tick::new(*started)));
    assert_eq!(read.is_alive(), !b"ZXx".contains(state) || *threads > 1);
    for number in 1..=64_u8 {
        let signal = Signal::new(number).unwrap();
        let has = |set: &u32| number < 32 && set >> (number - 1) & 1 == 1;
        let expected = if has(ignored) {
            Response::Ignores
        } else if has(caught) {
            Response::Catches
        } else if has(blocked) {
            Response::Blocks
        } else {
            Response::HasNotActedOn
        };
        // The kernel has no bit 31 to show; a file that does is read as it stands.
        if number != 32 {
            assert_eq!(read.response(signal, true), expected, "{number}");
        }
        assert_eq!(read.response(signal, false), Response::NeverGot);
        assert!(number == 32 || read.pending.contains(signal) == has(pending));
    }
}

/// Reads any bytes as such a file: whatever comes of it, it comes.
pub fn check_any_stat(bytes: &[u8]) {
    if let Some(read) = ProcessStat::parse(bytes) {
        assert!(b"RSDZTtWXxKPI".contains(&read.state));
        let _ = (read.is_alive(), read.response(Signal::TERM, true));
    }
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
    assert!(process_ids(&records).eq(expected.iter().copied()));
    let cut: Vec<Pid> = process_ids(&records[..cut.min(records.len())]).collect();
    assert!(expected.starts_with(&cut));
}

/// Reads the text as each of the files about control groups.
pub fn check_control_group_files(text: &[u8]) {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // What has no line feed behind it is not a line.
    let _ = lines.pop();
    let small = |digits| decimal(digits).and_then(|number| u32::try_from(number).ok());
    let mut counts = lines
        .iter()
        .filter_map(|line| line.strip_prefix(b"oom_kill "));
    assert_eq!(oom_kills(text), counts.find_map(small));
    assert_eq!(number(text), lines.first().copied().and_then(small));
    for (hierarchy, controller) in [
        (Hierarchy::Unified, &b""[..]),
        (Hierarchy::Memory, b"memory"),
        (Hierarchy::Pids, b"pids"),
    ] {
        let path = lines.iter().find_map(|line| {
            let fields: Vec<&[u8]> = line.splitn(3, |byte| *byte == b':').collect();
            let [id, controllers, path] = fields[..] else {
                return None;
            };
            let is_it = if controller.is_empty() {
                id == b"0" && controllers.is_empty()
            } else {
                controllers
                    .split(|byte| *byte == b',')
                    .any(|one| one == controller)
            };
            (is_it && path.first() == Some(&b'/')).then_some(path)
        });
        assert_eq!(control_group(text, hierarchy), path);
        let Some(path) = path else { continue };
        let groups: Vec<&[u8]> = group_and_ancestors(path).collect();
        let is_outside = path == b"/.." || path.starts_with(b"/../");
        assert_eq!(
            groups.last(),
            (!is_outside).then_some(&&b""[..]),
            "{path:?}"
        );
    }
}

/// Keeps the lines.
#[derive(Debug, Default)]
struct Kept {
    lines: Vec<Vec<u8>>,
    /// Whether it refuses them.
    is_full: bool,
    time: (u32, u32),
}

impl Outlet for &mut Kept {
    fn now(&mut self) -> (u32, u32) {
        self.time
    }

    fn write(&mut self, line: &[u8]) -> bool {
        if !self.is_full {
            self.lines.push(line.to_vec());
        }
        !self.is_full
    }
}

/// Has the log say that a script could not be executed, the script and its interpreter in any bytes, after some lines
/// that were dropped; and fails unless the one line says so, in both formats.
pub fn check_log(command: &[u8], interpreter: &[u8], errno: i32, drops: u8, time: (u32, u32)) {
    // There is no error 0.
    let error = Errno::new(errno.max(1)).unwrap();
    for format in [Format::Text, Format::Json] {
        let mut kept = Kept {
            time: (time.0, time.1 % 1000),
            ..Kept::default()
        };
        let mut memory = [0; LINE];
        let mut log = Log::new(&mut kept, Level::Debug, format, &mut memory);
        log.outlet().is_full = true;
        for _ in 0..drops {
            log.say(&Event::Paused);
        }
        log.outlet().is_full = false;
        log.say(&Event::ExecFailed {
            command,
            path: None,
            reason: Reason::MissingInterpreter(interpreter),
            error,
        });
        let [line] = &kept.lines[..] else {
            panic!("{} lines", kept.lines.len())
        };
        assert!(line.len() <= LINE);
        let line = line.strip_suffix(b"\n").unwrap();
        assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~')));
        let line = str::from_utf8(line).unwrap();
        match format {
            Format::Json => {
                let object: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(object["event"], "exec_failed");
                assert_eq!(
                    object["dropped"].as_u64(),
                    (drops > 0).then_some(drops.into())
                );
                for (key, word) in [("command", command), ("interpreter", interpreter)] {
                    let said = object[key].as_str().unwrap().chars();
                    let said: Vec<u8> = said.map(|one| u8::try_from(one).unwrap()).collect();
                    assert!(is_shown(&said, word, line), "{line}");
                }
            }
            Format::Text => {
                let dropped = if drops > 0 {
                    format!("lines dropped: {drops}; ")
                } else {
                    String::new()
                };
                let start = format!("pidling: error: {dropped}cannot execute '");
                let rest = line.strip_prefix(&start).unwrap();
                let end = if interpreter.ends_with(b"\r") {
                    "' does not exist: the line ends with a carriage return ("
                } else {
                    "' does not exist ("
                };
                let (words, _) = rest.rsplit_once(end).unwrap();
                // Words may hold our own words.
                let between = "': its interpreter '";
                let is_it = words.match_indices(between).any(|(place, _)| {
                    let second = &words[place + between.len()..];
                    is_shown(&unescape(&words.as_bytes()[..place]), command, line)
                        && is_shown(&unescape(second.as_bytes()), interpreter, line)
                });
                assert!(is_it, "{line}");
            }
        }
    }
}

/// Whether a line shows a word, or of a long one the beginning and three dots.
fn is_shown(said: &[u8], word: &[u8], line: &str) -> bool {
    let cut = said.strip_suffix(b"...");
    said == word || cut.is_some_and(|start| line.len() > 300 && word.starts_with(start))
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

/// Reads a signal and a length of time both ways.
pub fn check_values(text: &[u8]) {
    assert_eq!(Signal::parse(text).map(Signal::number), signal(text));
    assert_eq!(
        Milliseconds::parse(text, LONGEST_TIME).map(|Milliseconds(length)| length),
        duration(text)
    );
}
