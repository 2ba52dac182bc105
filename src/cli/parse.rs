//! Reads the variables and the command line (contract 1.3, 10). Pure.

use crate::bytes::{parse_decimal_u32, split_once};
use crate::cli::table::{self, Expected, Flag, Id, Setting, Spec};
use crate::cli::{Escalation, Isolation, Name, Options, Request, Target, Topic, UsageError};
use crate::limits::{ESCALATIONS, LONGEST_TIME};
use crate::log::event::{Level, Problem, Source};
use crate::log::line::Format;
use crate::posix::signal::{Signal, SignalSet};
use crate::posix::time::Milliseconds;

/// Reads the argument vector, its first word included, and the environment, entries of the form `NAME=value`.
/// `PIDLING_OPTIONS` counts for process 1 alone (contract 1.3).
///
/// An option that prints something, or a word that cannot be used, decides what is to be done; what follows it is
/// read for the log format only.
///
/// # Errors
/// The first word that cannot be used, or what is wrong with all of them.
pub fn parse<'a>(
    mut arguments: impl Iterator<Item = &'a [u8]>,
    environment: impl Iterator<Item = &'a [u8]>,
    is_pid_1: bool,
) -> Result<(Options, Request), UsageError<'a>> {
    let name = arguments.next().map_or(Name::Pidling, Name::of);
    let mut parser = Parser::new(name);
    match parser.read_variables(environment) {
        Some(words) if is_pid_1 => parser.read_pidling_options(words),
        Some(_) => parser.options.options_ignored = true,
        None => {}
    }
    parser.source = Source::CommandLine;
    let mut index = 0_usize;
    let mut words = arguments.inspect(|_| index = index.wrapping_add(1));
    let command = parser.read_words(&mut words);
    drop(words);
    parser.finish(command.map(|word| (index, word)))
}

/// A variable that is read.
#[derive(Clone, Copy, Debug)]
enum Variable {
    TiniKillProcessGroup,
    TiniVerbosity,
    DumbInitSetsid,
    DumbInitDebug,
    PidlingOptions,
}

/// The variables, each with the equals sign after its name.
const VARIABLES: [(&str, Variable); 5] = [
    ("TINI_KILL_PROCESS_GROUP=", Variable::TiniKillProcessGroup),
    ("TINI_VERBOSITY=", Variable::TiniVerbosity),
    ("DUMB_INIT_SETSID=", Variable::DumbInitSetsid),
    ("DUMB_INIT_DEBUG=", Variable::DumbInitDebug),
    ("PIDLING_OPTIONS=", Variable::PidlingOptions),
];

/// Where an option was given, and its value.
#[derive(Clone, Copy, Debug)]
struct Given<'a> {
    source: Source,
    value: &'a [u8],
}

/// What was read so far.
struct Parser<'a> {
    options: Options,
    pauses: bool,
    /// Where words are read from.
    source: Source,
    /// What is to be printed, or the first thing that is wrong.
    decided: Option<Result<Topic, (Source, Problem<'a>)>>,
    /// The grace period that counts.
    grace_period: Option<Given<'a>>,
    /// The delay that counts, if it came after the grace period.
    later_delay: Option<Given<'a>>,
    /// The steps of `--escalate` in the order of the words.
    steps: [Option<(Milliseconds, Given<'a>)>; ESCALATIONS],
    /// The signals that `-r` was given for.
    rewritten: SignalSet,
}

impl<'a> Parser<'a> {
    fn new(name: Name) -> Self {
        Self {
            options: Options::new(name),
            pauses: false,
            source: Source::PidlingOptions,
            decided: None,
            grace_period: None,
            later_delay: None,
            steps: [None; ESCALATIONS],
            rewritten: SignalSet::EMPTY,
        }
    }

    /// Reads the variables of other inits (contract 10.2). Returns the value of `PIDLING_OPTIONS`.
    ///
    /// `TINI_SUBREAPER` changes nothing (contract 1.4).
    fn read_variables(&mut self, environment: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        let mut words = None;
        for entry in environment {
            for (name, variable) in VARIABLES {
                let Some(value) = entry.strip_prefix(name.as_bytes()) else {
                    continue;
                };
                match variable {
                    Variable::TiniKillProcessGroup => self.options.target = Target::Group,
                    Variable::TiniVerbosity => self.options.level = verbosity(value),
                    Variable::DumbInitSetsid if value == b"0" => self.undo_group(),
                    Variable::DumbInitDebug if value == b"1" => self.options.level = Level::Debug,
                    Variable::DumbInitSetsid | Variable::DumbInitDebug => {}
                    Variable::PidlingOptions => words = Some(value),
                }
            }
        }
        words
    }

    /// Reads the value of `PIDLING_OPTIONS`: options separated by white space, and nothing else.
    fn read_pidling_options(&mut self, value: &'a [u8]) {
        let mut words = value
            .split(|byte| is_space(*byte))
            .filter(|word| !word.is_empty());
        while let Some(word) = self.read_words(&mut words) {
            self.fail(Problem::NotAnOption { word });
        }
    }

    /// Reads options. Returns the first word that is none, or the one after `--`.
    fn read_words(&mut self, words: &mut dyn Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
        let mut again = None;
        while let Some(word) = again.take().or_else(|| words.next()) {
            again = match word {
                b"--" => return words.next(),
                [b'-', b'-', ..] => self.read_long(word, words),
                [b'-', letters @ ..] if !letters.is_empty() => {
                    self.read_letters(word, letters, words)
                }
                [..] => return Some(word),
            };
        }
        None
    }

    /// Reads an option by its long name. Returns a word to be read again, as [`Self::read_value`] does.
    fn read_long(
        &mut self,
        word: &'a [u8],
        words: &mut dyn Iterator<Item = &'a [u8]>,
    ) -> Option<&'a [u8]> {
        let (name, attached) = match split_once(word, b'=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some(spec) = table::by_name(name) else {
            self.fail_unknown(word, table::nearest_to_name(name));
            return None;
        };
        match (spec.id, attached) {
            (Id::Setting(setting, expected), _) => {
                return self.read_value(spec, setting, expected, attached, words);
            }
            (Id::Flag(flag), None) => self.set_flag(flag),
            (Id::Flag(_), Some(value)) => self.fail(Problem::UnwantedValue {
                option: spec.name,
                value,
            }),
        }
        None
    }

    /// Reads options by their letters. Returns a word to be read again, as [`Self::read_value`] does.
    fn read_letters(
        &mut self,
        word: &'a [u8],
        mut letters: &'a [u8],
        words: &mut dyn Iterator<Item = &'a [u8]>,
    ) -> Option<&'a [u8]> {
        while let Some((letter, rest)) = letters.split_first() {
            let Some(spec) = table::by_letter(*letter) else {
                self.fail_unknown(word, table::nearest_to_letter(*letter));
                return None;
            };
            match spec.id {
                Id::Flag(flag) => self.set_flag(flag),
                Id::Setting(setting, expected) => {
                    let attached = (!rest.is_empty()).then_some(rest);
                    return self.read_value(spec, setting, expected, attached, words);
                }
            }
            letters = rest;
        }
        None
    }

    /// Reads the value of an option: what is attached to it, else the next word. Returns that word if it is no value
    /// and looks like an option, so that it is read again as one.
    fn read_value(
        &mut self,
        spec: &'static Spec,
        setting: Setting,
        expected: Expected,
        attached: Option<&'a [u8]>,
        words: &mut dyn Iterator<Item = &'a [u8]>,
    ) -> Option<&'a [u8]> {
        let (option, expected) = (spec.name, expected.words());
        let Some(value) = attached.or_else(|| words.next()) else {
            self.fail(Problem::MissingValue { option, expected });
            return None;
        };
        if self.set(setting, value).is_some() {
            return None;
        }
        self.fail(Problem::BadValue {
            option,
            value,
            expected,
        });
        (attached.is_none() && value.starts_with(b"-")).then_some(value)
    }

    /// Sets what an option without a value stands for.
    fn set_flag(&mut self, flag: Flag) {
        let options = &mut self.options;
        match flag {
            Flag::Group => options.target = Target::Group,
            Flag::SingleChild => self.undo_group(),
            Flag::Setsid => options.isolation = Isolation::Session,
            Flag::WaitAll => options.wait_all = true,
            Flag::Quiet => options.level = Level::Error,
            Flag::Verbose => options.level = one_more(options.level),
            Flag::WarnOnReap => options.warn_on_reap = true,
            Flag::Pause => self.pauses = true,
            Flag::Subreaper => {}
            Flag::Print(topic) => {
                let _ = self.decided.get_or_insert(Ok(topic));
            }
        }
    }

    /// Sets an option to a value; `None` where it is not one that the option expects.
    fn set(&mut self, setting: Setting, value: &'a [u8]) -> Option<()> {
        let given = Given {
            source: self.source,
            value,
        };
        let options = &mut self.options;
        match setting {
            Setting::Rewrite => {
                let (received, forwarded) = rewrite(value)?;
                options.rewrites.set(received, forwarded);
                self.rewritten = self.rewritten.with(received);
            }
            Setting::ParentDeathSignal => {
                options.parent_death_signal = Some(Signal::parse(value)?);
            }
            Setting::GracePeriod => {
                options.grace_period = Some(time(value)?);
                self.grace_period = Some(given);
                self.later_delay = None;
            }
            Setting::StopDelay => {
                options.stop_delay = Some(time(value)?).filter(|delay| *delay > NO_TIME);
                self.later_delay = Some(given);
            }
            Setting::StopSignal => {
                let signal = forwardable_signal(value)?;
                options.stop_signals = options.stop_signals.with(signal);
            }
            Setting::Escalate => {
                let step = escalation(value)?;
                let place = self.steps.iter_mut().find(|place| place.is_none())?;
                *place = Some((step.after, given));
                return options.ladder.insert(step).then_some(());
            }
            Setting::LogFormat => {
                options.format = match value {
                    b"text" => Format::Text,
                    b"json" => Format::Json,
                    [..] => return None,
                }
            }
            Setting::RemapExit => {
                let status = u8::try_from(parse_decimal_u32(value)?).ok()?;
                options.remapped.insert(status);
            }
        }
        Some(())
    }

    /// Takes `-g` and `--setsid` back (contract 10.3).
    const fn undo_group(&mut self) {
        self.options.target = Target::MainChild;
        self.options.isolation = Isolation::ProcessGroup;
    }

    /// Notes what is wrong, and in which source.
    fn fail(&mut self, problem: Problem<'a>) {
        if self.decided.is_none() {
            self.decided = Some(Err((self.source, problem)));
        }
    }

    /// Notes an option that does not exist, and the nearest one.
    fn fail_unknown(&mut self, word: &'a [u8], nearest: Option<&'static Spec>) {
        let nearest = nearest.map(|spec| spec.name);
        self.fail(Problem::UnknownOption { word, nearest });
    }

    /// Decides what all words together ask for. The command has this index and is this word.
    fn finish(
        mut self,
        command: Option<(usize, &'a [u8])>,
    ) -> Result<(Options, Request), UsageError<'a>> {
        let decided = match self.decided {
            Some(decided) => decided.map(Request::Print),
            None => self
                .request(command)
                .and_then(|request| self.check_times().map(|()| request)),
        };
        let request = decided.map_err(|(source, problem)| UsageError {
            source,
            problem,
            format: self.options.format,
        })?;
        if (self.options.name, self.options.isolation) == (Name::DumbInit, Isolation::Session) {
            for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
                if !self.rewritten.contains(signal) {
                    self.options.rewrites.set(signal, Some(Signal::STOP));
                }
            }
        }
        Ok((self.options, request))
    }

    /// What is to be done, where nothing was printed and every word could be used.
    const fn request(
        &self,
        command: Option<(usize, &'a [u8])>,
    ) -> Result<Request, (Source, Problem<'a>)> {
        match (command, self.pauses) {
            (Some((command, _)), false) => Ok(Request::Run { command }),
            (None, true) => Ok(Request::Pause),
            (Some((_, word)), true) => {
                Err((Source::CommandLine, Problem::UnwantedCommand { word }))
            }
            (None, false) => Err((Source::CommandLine, Problem::NoCommand)),
        }
    }

    /// Whether the times of a shutdown come in their order (contract 6.8): delay, steps, grace period.
    fn check_times(&self) -> Result<(), (Source, Problem<'a>)> {
        let delay = self.options.stop_delay.unwrap_or(NO_TIME);
        let bad = |given: Given<'a>, option, expected| {
            let value = given.value;
            let problem = Problem::BadValue {
                option,
                value,
                expected,
            };
            Err((given.source, problem))
        };
        let grace = self.options.grace_period;
        if let (Some(grace), Some(given)) = (grace, self.grace_period)
            && grace <= delay
        {
            return match self.later_delay {
                Some(later) if grace > NO_TIME => bad(later, "--stop-delay", BEFORE_KILL),
                // No delay is short enough for a grace period of 0.
                _ => bad(given, "--grace-period", AFTER_DELAY),
            };
        }
        for (after, given) in self.steps.iter().flatten() {
            if *after <= delay || grace.is_some_and(|grace| *after >= grace) {
                return bad(*given, "--escalate", IN_BETWEEN);
            }
        }
        Ok(())
    }
}

/// What a stop delay has to be beside a grace period.
const BEFORE_KILL: &str = "a time shorter than --grace-period";

/// What a grace period has to be beside a stop delay.
const AFTER_DELAY: &str = "a time above 0 and above --stop-delay";

/// What the time of a step has to be.
const IN_BETWEEN: &str = "a time above 0, above --stop-delay and below --grace-period";

/// What a delay that was not asked for is compared as.
const NO_TIME: Milliseconds = Milliseconds(0);

/// White space as isspace(3) has it.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The next level that shows more.
const fn one_more(level: Level) -> Level {
    match level {
        Level::Error => Level::Warning,
        Level::Warning => Level::Info,
        Level::Info | Level::Debug => Level::Debug,
    }
}

/// The level that tini has for a value of `TINI_VERBOSITY`, which it reads with atoi(3).
fn verbosity(value: &[u8]) -> Level {
    let mut digits = value;
    while let [byte, rest @ ..] = digits
        && is_space(*byte)
    {
        digits = rest;
    }
    let mut number = 0_u8;
    if let [b'+', rest @ ..] = digits {
        digits = rest;
    }
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.saturating_mul(10).saturating_add(digit);
    }
    match number {
        0 => Level::Error,
        1 => Level::Warning,
        2 => Level::Info,
        3.. => Level::Debug,
    }
}

/// Reads a length of time (contract 6.7).
fn time(value: &[u8]) -> Option<Milliseconds> {
    Milliseconds::parse(value, LONGEST_TIME)
}

/// Reads a signal that can be received and forwarded.
fn forwardable_signal(value: &[u8]) -> Option<Signal> {
    let signal = Signal::parse(value)?;
    (!matches!(signal, Signal::KILL | Signal::STOP | Signal::CHLD)).then_some(signal)
}

/// Reads `A:B`, where B may be 0 for none (contract 3.3).
fn rewrite(value: &[u8]) -> Option<(Signal, Option<Signal>)> {
    let (received, forwarded) = split_once(value, b':')?;
    let forwarded = match forwarded {
        b"0" => None,
        [..] => Some(Signal::parse(forwarded)?),
    };
    Some((forwardable_signal(received)?, forwarded))
}

/// Reads `TIME:SIG` (contract 6.8).
fn escalation(value: &[u8]) -> Option<Escalation> {
    let (after, signal) = split_once(value, b':')?;
    Some(Escalation {
        after: time(after)?,
        signal: forwardable_signal(signal)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Parsed<'a> = Result<(Options, Request), UsageError<'a>>;

    /// Parses the words after the program's name, and variables, as process 1.
    fn parse_all<'a>(variables: &'a [&str], words: &'a [&str]) -> Parsed<'a> {
        let arguments = ["pidling"].iter().chain(words);
        let bytes = |word: &&'a str| word.as_bytes();
        parse(arguments.map(bytes), variables.iter().map(bytes), true)
    }

    #[track_caller]
    fn options_of(variables: &[&str], words: &[&str]) -> Options {
        let words = [words, &["true"]].concat();
        let (options, request) = parse_all(variables, &words).unwrap();
        let command = words.len();
        assert_eq!(request, Request::Run { command });
        options
    }

    #[track_caller]
    fn request_of(words: &[&str]) -> Request {
        parse_all(&[], words).unwrap().1
    }

    #[track_caller]
    fn check_error(variables: &[&str], words: &[&str], source: Source, problem: Problem<'_>) {
        let error = parse_all(variables, words).unwrap_err();
        assert_eq!((error.source, error.problem), (source, problem));
        assert_eq!(error.format, Format::Text);
    }

    #[track_caller]
    fn check_bad(words: &[&str], option: &'static str, value: &str, expected: &'static str) {
        let words = [words, &["true"]].concat();
        let value = value.as_bytes();
        let problem = Problem::BadValue {
            option,
            value,
            expected,
        };
        check_error(&[], &words, Source::CommandLine, problem);
    }

    /// A value that each setting takes.
    fn good_value(setting: Setting) -> &'static str {
        match setting {
            Setting::Rewrite => "USR1:USR2",
            Setting::ParentDeathSignal => "9",
            Setting::GracePeriod => "1500ms",
            Setting::StopDelay => "2s",
            Setting::StopSignal => "SIGQUIT",
            Setting::Escalate => "10s:INT",
            Setting::LogFormat => "json",
            Setting::RemapExit => "255",
        }
    }

    fn is_print(spec: &Spec) -> bool {
        matches!(spec.id, Id::Flag(Flag::Print(_)))
    }

    /// Contract 10.1.
    #[test]
    fn every_spelling_of_an_option_means_the_same() {
        let alone = |words: &[&str]| format!("{:?}", options_of(&[], words));
        let with_others = alone(&["-sgw"]);
        for spec in table::all().filter(|spec| !is_print(spec)) {
            let letters = spec.letters.iter().map(|letter| char::from(*letter));
            let mut spellings: Vec<Vec<String>> = Vec::new();
            let mut clusters: Vec<Vec<String>> = Vec::new();
            match spec.id {
                Id::Flag(Flag::Pause) => continue,
                Id::Flag(_) => {
                    spellings.push(vec![spec.name.to_owned()]);
                    for letter in letters {
                        spellings.push(vec![format!("-{letter}")]);
                        clusters.push(vec![format!("-sgw{letter}")]);
                        clusters.push(vec!["-sgw".to_owned(), format!("-{letter}")]);
                    }
                }
                Id::Setting(setting, _) => {
                    let value = good_value(setting);
                    spellings.push(vec![spec.name.to_owned(), value.to_owned()]);
                    spellings.push(vec![format!("{}={value}", spec.name)]);
                    for letter in letters {
                        spellings.push(vec![format!("-{letter}"), value.to_owned()]);
                        spellings.push(vec![format!("-{letter}{value}")]);
                        clusters.push(vec![format!("-sgw{letter}"), value.to_owned()]);
                        clusters.push(vec![format!("-sgw{letter}{value}")]);
                    }
                }
            }
            for group in [spellings, clusters] {
                let mut meanings: Vec<String> = group
                    .iter()
                    .map(|words| alone(&words.iter().map(String::as_str).collect::<Vec<_>>()))
                    .collect();
                meanings.dedup();
                assert!(meanings.len() <= 1, "{}: {meanings:#?}", spec.name);
            }
        }
        assert_ne!(with_others, alone(&[]));
    }

    #[test]
    fn every_option_sets_its_field() {
        let of = |words: &[&str]| options_of(&[], words);
        let by_default = of(&[]);
        assert_eq!(by_default.target, Target::MainChild);
        assert_eq!(by_default.isolation, Isolation::ProcessGroup);
        assert_eq!(by_default.level, Level::Warning);
        assert_eq!(by_default.format, Format::Text);
        assert!(!by_default.wait_all && !by_default.warn_on_reap && !by_default.options_ignored);
        assert_eq!(by_default.parent_death_signal, None);
        assert_eq!(by_default.stop_delay, None);
        assert_eq!(by_default.grace_period, None);
        assert_eq!(by_default.ladder.iter().count(), 0);
        assert_eq!(
            by_default.stop_signals,
            SignalSet::only(Signal::INT).with(Signal::TERM)
        );

        assert_eq!(of(&["-g"]).target, Target::Group);
        assert_eq!(of(&["--setsid"]).isolation, Isolation::Session);
        assert!(of(&["-a"]).wait_all);
        assert!(of(&["-w"]).warn_on_reap);
        assert_eq!(of(&["-q"]).level, Level::Error);
        assert_eq!(of(&["--log-format=json"]).format, Format::Json);
        assert_eq!(of(&["-p9"]).parent_death_signal, Some(Signal::KILL));
        assert_eq!(of(&["-t2m"]).grace_period, Some(Milliseconds(120_000)));
        assert_eq!(of(&["-t1h"]).grace_period, Some(Milliseconds(3_600_000)));
        let delayed = of(&["--stop-delay=5"]);
        assert_eq!(delayed.stop_delay, Some(Milliseconds(5000)));
        assert_eq!(of(&["--stop-delay=0"]).stop_delay, None);
    }

    #[test]
    fn some_options_accumulate() {
        let options = options_of(
            &["PIDLING_OPTIONS=-e3 -r USR1:USR2 --stop-signal QUIT --escalate 20s:QUIT"],
            &[
                "-e4",
                "-rHUP:0",
                "--stop-signal=WINCH",
                "--escalate=10s:RTMAX-2",
            ],
        );
        let statuses: Vec<u8> = (0..=255)
            .filter(|n| options.remapped.contains(*n))
            .collect();
        assert_eq!(statuses, [3, 4]);
        let usr1 = Signal::new(10).unwrap();
        assert_eq!(options.rewrites.apply(usr1), Signal::new(12));
        assert_eq!(options.rewrites.apply(Signal::HUP), None);
        assert_eq!(options.rewrites.apply(Signal::TERM), Some(Signal::TERM));
        for signal in ["TERM", "INT", "QUIT", "WINCH"] {
            let signal = Signal::parse(signal.as_bytes()).unwrap();
            assert!(options.stop_signals.contains(signal), "{signal:?}");
        }
        let steps: Vec<_> = options.ladder.iter().collect();
        let step = |after, signal| Escalation {
            after: Milliseconds(after),
            signal,
        };
        assert_eq!(
            steps,
            [
                step(10_000, Signal::new(62).unwrap()),
                step(20_000, Signal::QUIT)
            ]
        );
    }

    #[test]
    fn a_later_rewrite_of_a_signal_wins() {
        let options = options_of(&[], &["-rTERM:0", "-rTERM:KILL"]);
        assert_eq!(options.rewrites.apply(Signal::TERM), Some(Signal::KILL));
    }

    #[test]
    fn reading_stops_at_the_first_word_that_is_no_option() {
        let check = |words: &[&str], command| {
            assert_eq!(request_of(words), Request::Run { command }, "{words:?}");
        };
        check(&["echo", "-d", "--", "-x", "--help"], 1);
        check(&["--", "echo", "--", "-v"], 2);
        check(&["-g", "echo", "-x"], 2);
        check(&["-g", "--", "--version", "-x"], 3);
        check(&["-e", "5", "ls"], 3);
        check(&["-", "--help"], 1);
        check(&["", "--help"], 1);
        check(&["--", "--"], 2);
        check(&["--", "-h"], 2);
    }

    #[test]
    fn nothing_to_run_is_an_error() {
        let no_command = |variables: &[&str], words: &[&str]| {
            check_error(variables, words, Source::CommandLine, Problem::NoCommand);
        };
        no_command(&[], &[]);
        no_command(&[], &["--"]);
        no_command(&[], &["-gv"]);
        no_command(&["PIDLING_OPTIONS=-g --"], &[]);
    }

    /// Contract 1.2.
    #[test]
    fn no_word_at_all_is_an_error() {
        let environment = [&b"PIDLING_OPTIONS=--log-format=json"[..]];
        let error = parse([].into_iter(), environment.into_iter(), true).unwrap_err();
        assert_eq!(error.problem, Problem::NoCommand);
        assert_eq!(error.source, Source::CommandLine);
        assert_eq!(error.format, Format::Json);
    }

    /// Contract 9.
    #[test]
    fn a_pause_has_no_command() {
        assert_eq!(request_of(&["-P"]), Request::Pause);
        assert_eq!(request_of(&["--pause", "-a", "--"]), Request::Pause);
        let problem = Problem::UnwantedCommand { word: b"true" };
        check_error(&[], &["-P", "true"], Source::CommandLine, problem);
        check_error(
            &["PIDLING_OPTIONS=-P"],
            &["--", "true"],
            Source::CommandLine,
            problem,
        );
    }

    #[test]
    fn what_is_asked_for_first_is_printed() {
        for (words, topic) in [
            (&["-h"][..], Topic::Help),
            (&["-gh", "true"], Topic::Help),
            (&["-h", "--no-such-option"], Topic::Help),
            (&["-hx"], Topic::Help),
            (&["-hV"], Topic::Help),
            (&["-hP"], Topic::Help),
            (&["-t1", "--stop-delay=2", "-h"], Topic::Help),
            (&["--version", "--help"], Topic::Version),
            (&["-vV"], Topic::Version),
            (&["-l"], Topic::License),
            (&["-gL"], Topic::License),
            (&["--license", "-e"], Topic::License),
        ] {
            assert_eq!(request_of(words), Request::Print(topic), "{words:?}");
        }
        let (options, _) = parse_all(&[], &["-qh", "--log-format=json"]).unwrap();
        assert_eq!(
            (options.level, options.format),
            (Level::Error, Format::Json)
        );
    }

    #[test]
    fn an_unknown_option_is_named_with_the_nearest_if_it_resembles_one() {
        let check = |word: &str, nearest| {
            let problem = Problem::UnknownOption {
                word: word.as_bytes(),
                nearest,
            };
            check_error(&[], &[word, "true"], Source::CommandLine, problem);
        };
        check("--grup", Some("--group"));
        check("--group-kill=1", Some("--group"));
        check("--stop-delay-and-more=1", Some("--stop-delay"));
        check("--no-such-option", None);
        check("--=", None);
        check("---", None);
        check("-x", None);
        check("-sgx", None);
        check("-G", Some("--group"));
        check("-sgA1", Some("--wait-all"));
    }

    #[test]
    fn a_missing_value_is_named_with_what_was_expected() {
        for spec in table::all() {
            let Id::Setting(_, expected) = spec.id else {
                continue;
            };
            let problem = Problem::MissingValue {
                option: spec.name,
                expected: expected.words(),
            };
            check_error(&[], &[spec.name], Source::CommandLine, problem);
            for letter in spec.letters {
                let cluster = format!("-sg{}", char::from(*letter));
                check_error(&[], &[&cluster], Source::CommandLine, problem);
            }
            // The command line lends no value to the variable.
            let variable = format!("PIDLING_OPTIONS={}", spec.name);
            let words = [good_value(Setting::RemapExit), "true"];
            check_error(&[&variable], &words, Source::PidlingOptions, problem);
        }
    }

    #[test]
    fn a_value_for_an_option_without_one_is_named() {
        for spec in table::all() {
            if let Id::Setting(..) = spec.id {
                continue;
            }
            for value in ["", "3"] {
                let word = format!("{}={value}", spec.name);
                let problem = Problem::UnwantedValue {
                    option: spec.name,
                    value: value.as_bytes(),
                };
                check_error(&[], &[&word, "true"], Source::CommandLine, problem);
            }
        }
    }

    #[test]
    fn a_bad_value_is_named_with_what_was_expected() {
        let check = |option: &'static str, expected: Expected, values: &[&str]| {
            for value in values {
                let words = expected.words();
                check_bad(&[option, value], option, value, words);
                check_bad(&[&format!("{option}={value}")], option, value, words);
            }
        };
        check(
            "--remap-exit",
            Expected::Status,
            &["", "256", "-1", "x", "1 ", "0x1", "4294967296", "1,2"],
        );
        check(
            "--parent-death-signal",
            Expected::Signal,
            &["", "0", "65", "TERMINATE", "SIG", "RTMIN+31", "-9"],
        );
        check(
            "--stop-signal",
            Expected::ForwardableSignal,
            &["", "0", "KILL", "19", "SIGCHLD", "QUIT:INT"],
        );
        check(
            "--rewrite",
            Expected::Rewrite,
            &[
                "",
                ":",
                "TERM",
                "TERM:",
                ":TERM",
                "0:TERM",
                "TERM:65",
                "TERM:00",
                "KILL:TERM",
                "9:15",
                "STOP:0",
                "CHLD:USR1",
                "TERM:INT:HUP",
                "TERM=INT",
            ],
        );
        for option in ["--grace-period", "--stop-delay"] {
            check(
                option,
                Expected::Time,
                &["", "-1", "1.5", "10 s", "25h", "86401", "1441m", "1d"],
            );
        }
        check(
            "--escalate",
            Expected::Escalation,
            &[
                "", ":", "10", "10:", ":INT", "INT:10", "10:KILL", "10:STOP", "10:CHLD", "10:0",
                "25h:INT", "1:INT:2",
            ],
        );
        check(
            "--log-format",
            Expected::Format,
            &["", "xml", "JSON", "json "],
        );
        check_bad(
            &["-gpX"],
            "--parent-death-signal",
            "X",
            Expected::Signal.words(),
        );
    }

    /// Contract 6.8.
    #[test]
    fn a_ninth_step_is_refused() {
        let mut words = vec!["--escalate=1:INT"; ESCALATIONS];
        let _ = options_of(&[], &words);
        words.push("--escalate=2:INT");
        check_bad(&words, "--escalate", "2:INT", Expected::Escalation.words());
    }

    /// Contract 6.8.
    #[test]
    fn a_step_lies_after_the_delay_and_before_the_grace_period() {
        for words in [
            &["--escalate=5:INT", "-t5"][..],
            &["-t5", "--escalate=1:HUP", "--escalate=5:INT"],
            &["--escalate=5:INT", "--stop-delay=5"],
            &["--escalate=5:INT", "--stop-delay=6", "-t10"],
        ] {
            check_bad(words, "--escalate", "5:INT", IN_BETWEEN);
        }
        check_bad(&["--escalate=0:INT"], "--escalate", "0:INT", IN_BETWEEN);
        let _ = options_of(
            &[],
            &["--escalate=5001ms:INT", "--stop-delay=5", "-t5002ms"],
        );
        let problem = Problem::BadValue {
            option: "--escalate",
            value: b"9:INT",
            expected: IN_BETWEEN,
        };
        check_error(
            &["PIDLING_OPTIONS=--escalate 9:INT"],
            &["-t5", "true"],
            Source::PidlingOptions,
            problem,
        );
    }

    #[test]
    fn a_grace_period_is_longer_than_the_stop_delay() {
        for (grace, delay) in [("1", "1"), ("1", "2"), ("1999ms", "2s")] {
            let long = format!("--stop-delay={delay}");
            check_bad(&[&long, "-t", grace], "--grace-period", grace, AFTER_DELAY);
            check_bad(&["-t", grace, &long], "--stop-delay", delay, BEFORE_KILL);
        }
        for words in [
            &["-t0"][..],
            &["-t0", "--stop-delay=0"],
            &["-t0", "--stop-delay=1"],
            &["--stop-delay=0", "-t0"],
        ] {
            check_bad(words, "--grace-period", "0", AFTER_DELAY);
        }
        let _ = options_of(&[], &["-t", "2001ms", "--stop-delay", "2s"]);
        let _ = options_of(&[], &["-t1", "--stop-delay=2", "-t3"]);
        let problem = Problem::BadValue {
            option: "--stop-delay",
            value: b"2",
            expected: BEFORE_KILL,
        };
        let split = &["PIDLING_OPTIONS=-t1"];
        check_error(
            split,
            &["--stop-delay", "2", "true"],
            Source::CommandLine,
            problem,
        );
        let together = &["PIDLING_OPTIONS=-t1 --stop-delay=2"];
        check_error(together, &["true"], Source::PidlingOptions, problem);
    }

    /// Contract 8.3.
    #[test]
    fn an_error_has_the_format_that_is_asked_for_anywhere() {
        let check = |variables: &[&str], words: &[&str], expected| {
            let error = parse_all(variables, words).unwrap_err();
            assert_eq!(error.format, expected, "{variables:?} {words:?}");
        };
        let json = "--log-format=json";
        let variable = &["PIDLING_OPTIONS=--log-format json"];
        check(&[], &[json, "--grup", "true"], Format::Json);
        check(&[], &["--grup", json, "true"], Format::Json);
        check(&[], &["-x", "--log-format", "json", "true"], Format::Json);
        check(&[], &["-e", "256", json, "true"], Format::Json);
        check(&[], &["-e256", json, "true"], Format::Json);
        check(&[], &["-e", json, "true"], Format::Json);
        check(&[], &["-e", "-1", json, "true"], Format::Json);
        check(&[], &["--quiet=1", json, "true"], Format::Json);
        check(&[], &["--log-format=xml", json, "true"], Format::Json);
        check(&[], &["-t1", "--stop-delay=2", json, "true"], Format::Json);
        check(&[], &["-P", json, "true"], Format::Json);
        check(&[], &[json], Format::Json);
        check(variable, &["--grup", "true"], Format::Json);
        check(variable, &["--grup", "--log-format=text"], Format::Text);
        check(&["PIDLING_OPTIONS=--grup"], &[json, "true"], Format::Json);
        check(
            &["PIDLING_OPTIONS=true --log-format=json"],
            &["true"],
            Format::Json,
        );
        check(&["PIDLING_OPTIONS=-e"], &[json, "true"], Format::Json);
        // Those belong to the command.
        check(&[], &["--grup", "true", json], Format::Text);
        check(&[], &["--grup", "--", json], Format::Text);
    }

    #[test]
    fn the_first_error_is_the_one_that_is_named() {
        let problem = Problem::UnknownOption {
            word: b"-x",
            nearest: None,
        };
        let words = ["-x", "-e256", "-h", "-y"];
        check_error(&[], &words, Source::CommandLine, problem);
        let variables = &["PIDLING_OPTIONS=-x -e256"];
        check_error(variables, &["-h"], Source::PidlingOptions, problem);
    }

    #[test]
    fn later_sources_win() {
        let level = |variables: &[&str], words: &[&str]| options_of(variables, words).level;
        assert_eq!(level(&["PIDLING_OPTIONS=-v"], &[]), Level::Info);
        assert_eq!(level(&["PIDLING_OPTIONS=-v"], &["-v"]), Level::Debug);
        assert_eq!(level(&["PIDLING_OPTIONS=-vv"], &["-q"]), Level::Error);
        for variables in [
            ["TINI_VERBOSITY=3", "PIDLING_OPTIONS=-q -vv"],
            ["PIDLING_OPTIONS=-q -vv", "TINI_VERBOSITY=3"],
            ["PIDLING_OPTIONS=-q -vv", "DUMB_INIT_DEBUG=1"],
        ] {
            assert_eq!(level(&variables, &[]), Level::Info, "{variables:?}");
        }
        let variables = &["PIDLING_OPTIONS=--log-format=json -t 5"];
        let options = options_of(variables, &["--log-format=text", "-t6"]);
        assert_eq!(options.format, Format::Text);
        assert_eq!(options.grace_period, Some(Milliseconds(6000)));
    }

    #[test]
    fn verbosity_adds_up() {
        let level = |words: &[&str]| options_of(&[], words).level;
        assert_eq!(level(&["--verbose"]), Level::Info);
        assert_eq!(level(&["-v", "--verbose"]), Level::Debug);
        assert_eq!(level(&["-vvvvvv"]), Level::Debug);
        assert_eq!(level(&["-vvq"]), Level::Error);
        assert_eq!(level(&["-qv"]), Level::Warning);
        assert_eq!(level(&["-qvv"]), Level::Info);
    }

    /// Contract 10.2.
    #[test]
    fn tini_verbosity_is_read_as_atoi_does() {
        for (value, expected) in [
            ("0", Level::Error),
            ("1", Level::Warning),
            ("2", Level::Info),
            ("3", Level::Debug),
            ("4", Level::Debug),
            ("255", Level::Debug),
            ("256", Level::Debug),
            ("99999999999999999999", Level::Debug),
            ("", Level::Error),
            ("debug", Level::Error),
            ("-1", Level::Error),
            ("-99999999999", Level::Error),
            (" \t\n\x0b\x0c\r2", Level::Info),
            ("+2", Level::Info),
            ("+-2", Level::Error),
            ("+ 2", Level::Error),
            ("002", Level::Info),
            ("2x", Level::Info),
            ("1 3", Level::Warning),
            ("0x3", Level::Error),
        ] {
            let variable = format!("TINI_VERBOSITY={value}");
            assert_eq!(options_of(&[&variable], &[]).level, expected, "{value:?}");
        }
        let level = |words: &[&str]| options_of(&["TINI_VERBOSITY=0"], words).level;
        assert_eq!(level(&["-vv"]), Level::Info);
    }

    /// Contract 10.2.
    #[test]
    fn variables_of_other_inits_count_as_there() {
        let target = |variables: &[&str], words: &[&str]| options_of(variables, words).target;
        let group = "TINI_KILL_PROCESS_GROUP=";
        assert_eq!(target(&[group], &[]), Target::Group);
        assert_eq!(target(&["TINI_KILL_PROCESS_GROUP=0"], &[]), Target::Group);
        assert_eq!(target(&["TINI_KILL_PROCESS_GROUP"], &[]), Target::MainChild);
        assert_eq!(
            target(&["XTINI_KILL_PROCESS_GROUP="], &[]),
            Target::MainChild
        );
        assert_eq!(target(&[group], &["-c"]), Target::MainChild);
        let single = "PIDLING_OPTIONS=--single-child";
        assert_eq!(target(&[group, single], &[]), Target::MainChild);
        assert_eq!(target(&["DUMB_INIT_SETSID=0"], &["-g"]), Target::Group);
        assert_eq!(target(&["DUMB_INIT_SETSID=1"], &[]), Target::MainChild);
        assert_eq!(target(&["TINI_SUBREAPER="], &[]), Target::MainChild);
        for (value, expected) in [
            ("1", Level::Debug),
            ("0", Level::Warning),
            ("", Level::Warning),
            ("yes", Level::Warning),
        ] {
            let variable = format!("DUMB_INIT_DEBUG={value}");
            assert_eq!(options_of(&[&variable], &[]).level, expected);
        }
    }

    #[test]
    fn a_single_child_undoes_what_came_before() {
        let of = |words: &[&str]| {
            let options = options_of(&[], words);
            (options.target, options.isolation)
        };
        let (child, group) = (Target::MainChild, Target::Group);
        assert_eq!(
            of(&["-g", "--setsid", "-c"]),
            (child, Isolation::ProcessGroup)
        );
        assert_eq!(of(&["-c", "-g"]), (group, Isolation::ProcessGroup));
        assert_eq!(of(&["-c", "--setsid"]), (child, Isolation::Session));
    }

    #[test]
    fn pidling_options_are_separated_by_white_space() {
        for words in [
            "-e 3 -e 4",
            "  -e\t3\n\n-e  4 ",
            "-e3\x0c-e4\x0b",
            "-se3 --remap-exit=4 --",
            "--remap-exit 3\r\n--remap-exit 4\r\n",
        ] {
            let variable = format!("PIDLING_OPTIONS={words}");
            let remapped = options_of(&[&variable], &[]).remapped;
            assert!(remapped.contains(3) && remapped.contains(4), "{words:?}");
        }
        for words in ["", " ", "\n\t "] {
            let variable = format!("PIDLING_OPTIONS={words}");
            assert_eq!(options_of(&[&variable], &[]).level, Level::Warning);
        }
    }

    #[test]
    fn a_word_in_pidling_options_that_is_no_option_is_named() {
        for words in ["-v true", "-v -- true", "true -x"] {
            let variable = format!("PIDLING_OPTIONS={words}");
            let problem = Problem::NotAnOption { word: b"true" };
            check_error(&[&variable], &["true"], Source::PidlingOptions, problem);
        }
    }

    /// Contract 1.3.
    #[test]
    fn pidling_options_are_for_process_1_alone() {
        let of = |entry: &'static [u8], is_pid_1| {
            let words = [&b"pidling"[..], b"true"];
            let parsed = parse(words.into_iter(), [entry].into_iter(), is_pid_1);
            let (options, _) = parsed.unwrap();
            (options.level, options.options_ignored)
        };
        assert_eq!(of(b"PIDLING_OPTIONS=-v", true), (Level::Info, false));
        assert_eq!(of(b"PIDLING_OPTIONS=-v", false), (Level::Warning, true));
        assert_eq!(of(b"PIDLING_OPTIONS=--grup", false), (Level::Warning, true));
        assert_eq!(of(b"PIDLING_OPTIONS=", false), (Level::Warning, true));
        assert_eq!(of(b"TINI_VERBOSITY=2", false), (Level::Info, false));
    }

    /// Contract 10.3.
    #[test]
    fn dumb_init_has_a_session_group_signals_and_stops_for_stop_keys() {
        let of = |words: &[&str]| {
            let words = ["/usr/bin/dumb-init"].iter().chain(words).chain(&["true"]);
            let parsed = parse(words.map(|word| word.as_bytes()), [].into_iter(), true);
            let (options, _) = parsed.unwrap();
            let keys = [Signal::TSTP, Signal::TTIN, Signal::TTOU];
            let forwarded = keys.map(|key| options.rewrites.apply(key));
            (options.target, options.isolation, forwarded)
        };
        let stop = Some(Signal::STOP);
        let plain = [Some(Signal::TSTP), Some(Signal::TTIN), Some(Signal::TTOU)];
        let (child, group) = (Target::MainChild, Target::Group);
        let session = Isolation::Session;
        assert_eq!(of(&[]), (group, session, [stop; 3]));
        assert_eq!(of(&["-c"]), (child, Isolation::ProcessGroup, plain));
        assert_eq!(of(&["-c", "--setsid"]), (child, session, [stop; 3]));
        assert_eq!(
            of(&["-rTSTP:INT", "-rTTIN:TTIN", "-rTTOU:0"]),
            (
                group,
                session,
                [Some(Signal::INT), Some(Signal::TTIN), None]
            )
        );
        let options = options_of(&[], &["--setsid"]);
        assert_eq!(options.rewrites.apply(Signal::TSTP), Some(Signal::TSTP));
    }

    /// Words that come near to options, and any others.
    fn word() -> impl Strategy<Value = Vec<u8>> {
        let specs: Vec<&'static Spec> = table::all().collect();
        let values = [
            "1",
            "255",
            "256",
            "TERM",
            "HUP:0",
            "TERM:QUIT",
            "2s",
            "1h",
            "5:INT",
            "json",
            "text",
            "true",
            "-",
            "--",
            "",
        ];
        let value = proptest::sample::select(values.to_vec());
        let spec = proptest::sample::select(specs);
        prop_oneof![
            3 => (spec.clone(), proptest::option::of(value.clone())).prop_map(|(spec, value)| {
                let value = value.map_or(String::new(), |value| format!("={value}"));
                format!("{}{value}", spec.name).into_bytes()
            }),
            2 => (proptest::collection::vec(spec, 1..4), value.clone()).prop_map(|(specs, value)| {
                let letters = specs.iter().filter_map(|spec| spec.letters.first());
                let mut word = vec![b'-'];
                word.extend(letters);
                word.extend(value.bytes());
                word
            }),
            3 => value.prop_map(|value| value.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
            1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(|rest| {
                [b"--", &rest[..]].concat()
            }),
        ]
    }

    fn show(parsed: &Parsed<'_>) -> String {
        format!("{parsed:?}")
    }

    proptest! {
        /// What is accepted means the same with `--` before the command and with other words after it, and what
        /// stands before the command means the same in `PIDLING_OPTIONS`.
        #[test]
        fn what_is_accepted_is_understood_in_one_way(
            words in proptest::collection::vec(word(), 0..8),
            variable in proptest::collection::vec(word(), 0..4),
            is_pid_1: bool,
        ) {
            let variable = [b"PIDLING_OPTIONS=", &variable.join(&b' ')[..]].concat();
            let run = |words: &[Vec<u8>]| {
                let words = [&[b"pidling".to_vec()], words].concat();
                let arguments = words.iter().map(Vec::as_slice);
                show(&parse(arguments, [&variable[..]].into_iter(), is_pid_1))
            };
            let arguments = [&[b"pidling".to_vec()], &words[..]].concat();
            let slices = || arguments.iter().map(Vec::as_slice);
            let parsed = parse(slices(), [&variable[..]].into_iter(), is_pid_1);
            prop_assert_eq!(show(&parsed), run(&words));
            let Ok((options, Request::Run { command })) = parsed else {
                return Ok(());
            };
            prop_assert!((1..arguments.len()).contains(&command));
            let more = [&words[..], &[b"--help".to_vec()]].concat();
            prop_assert_eq!(show(&parsed), run(&more));
            let before = &words[..command - 1];
            if before.last().is_none_or(|word| word != b"--") {
                let separated = [before, &[b"--".to_vec()], &words[command - 1..]].concat();
                let command = command + 1;
                let expected: Parsed<'_> = Ok((options, Request::Run { command }));
                prop_assert_eq!(show(&expected), run(&separated));
            }
        }

        #[test]
        fn options_mean_the_same_in_pidling_options(
            words in proptest::collection::vec(word(), 0..6),
        ) {
            let fits = |word: &Vec<u8>| !word.is_empty() && !word.iter().any(|b| is_space(*b));
            prop_assume!(words.iter().all(fits));
            let command = [b"--".to_vec(), b"true".to_vec()];
            let on_line = [&[b"pidling".to_vec()], &words[..], &command].concat();
            let variable = [b"PIDLING_OPTIONS=", &words.join(&b' ')[..]].concat();
            let direct = parse(on_line.iter().map(Vec::as_slice), [].into_iter(), true);
            let program = [&b"pidling"[..], b"--", b"true"];
            let indirect = parse(program.into_iter(), [&variable[..]].into_iter(), true);
            match (direct, indirect) {
                (Ok((direct, Request::Run { command })), indirect)
                    if command == on_line.len() - 1 && !words.contains(&b"--".to_vec()) =>
                {
                    let expected: Parsed<'_> = Ok((direct, Request::Run { command: 2 }));
                    prop_assert_eq!(show(&expected), show(&indirect));
                }
                (Ok(_) | Err(_), Ok(_) | Err(_)) => {}
            }
        }
    }
}
