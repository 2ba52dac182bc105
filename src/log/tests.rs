use super::*;
use crate::posix::pid::Pid;

/// Keeps what is written, loses it while it is full, and counts how often it was asked for the time.
#[derive(Default)]
struct Kept {
    lines: String,
    is_full: bool,
    times: u32,
}

impl Outlet for &mut Kept {
    fn now(&mut self) -> (u32, u32) {
        self.times += 1;
        (1_769_903_999, 999)
    }

    fn write(&mut self, line: &[u8]) -> bool {
        if !self.is_full {
            self.lines.push_str(str::from_utf8(line).unwrap());
        }
        !self.is_full
    }
}

const REAPED: Event<'_> = Event::Reaped {
    pid: Pid::INIT,
    warn: false,
};

/// What a log of this level writes when it says an event of each level.
#[track_caller]
fn check_level(level: Level, expected: &str) {
    let mut kept = Kept::default();
    let mut memory = [0; LINE];
    let mut log = Log::new(&mut kept, level, Format::Text, &mut memory);
    let error = Errno::EIO;
    log.say(&Event::OutputFailed { error });
    log.say(&Event::SurvivorsUnknown { group: None, error });
    log.say(&Event::Paused);
    log.say(&REAPED);
    assert_eq!(kept.lines.replace(" (input/output error)", ""), expected);
}

/// Contract 8.2.
#[test]
fn a_log_shows_its_level_and_those_above() {
    let error = "pidling: error: cannot write to standard output: EIO\n";
    let warning =
        "pidling: warning: cannot tell from /proc which processes had to be killed: EIO\n";
    let info = "pidling: waiting for a stop signal\n";
    let debug = "pidling: reaped process 1\n";
    check_level(Level::Error, error);
    check_level(Level::Warning, &format!("{error}{warning}"));
    check_level(Level::Info, &format!("{error}{warning}{info}"));
    check_level(Level::Debug, &format!("{error}{warning}{info}{debug}"));
}

#[test]
fn shows_says_what_say_does() {
    use Level::{Debug, Error, Info, Warning};
    let mut memory = [0; LINE];
    let mut kept = Kept::default();
    let log = Log::new(&mut kept, Warning, Format::Text, &mut memory);
    let shown = [Error, Warning, Info, Debug].map(|level| log.shows(level));
    assert_eq!(shown, [true, true, false, false]);
}

#[test]
fn an_event_below_the_level_writes_nothing_and_asks_for_no_time() {
    for format in [Format::Text, Format::Json] {
        let mut kept = Kept::default();
        let mut memory = [0; LINE];
        let mut log = Log::new(&mut kept, Level::Info, format, &mut memory);
        log.say(&REAPED);
        log.ignored("kill", Err(Errno::ESRCH));
        assert_eq!((kept.lines.as_str(), kept.times), ("", 0));
        assert_eq!(memory, [0; LINE]);
    }
}

/// Contract 8.4.
#[test]
fn lines_that_were_dropped_are_counted_in_the_next_one() {
    for (format, expected) in [
        (
            Format::Text,
            "pidling: lines dropped: 2; reaped process 1\npidling: reaped process 1\n",
        ),
        (
            Format::Json,
            concat!(
                r#"{"time":"2026-01-31T23:59:59.999Z","level":"debug","event":"reaped","dropped":2,"pid":1}"#,
                "\n",
                r#"{"time":"2026-01-31T23:59:59.999Z","level":"debug","event":"reaped","pid":1}"#,
                "\n",
            ),
        ),
    ] {
        let mut kept = Kept {
            is_full: true,
            ..Kept::default()
        };
        let mut memory = [0; LINE];
        let mut log = Log::new(&mut kept, Level::Debug, format, &mut memory);
        log.say(&REAPED);
        log.say(&Event::Paused);
        log.outlet.is_full = false;
        log.say(&REAPED);
        log.say(&REAPED);
        assert_eq!(kept.lines, expected);
    }
}

#[test]
fn only_failures_are_ignored_aloud() {
    let mut kept = Kept::default();
    let mut memory = [0; LINE];
    let mut log = Log::new(&mut kept, Level::Debug, Format::Text, &mut memory);
    log.ignored("kill", Ok(()));
    log.ignored("prctl", Err(Errno::EINVAL));
    assert_eq!(
        kept.lines,
        "pidling: prctl failed harmlessly: EINVAL (invalid argument)\n"
    );
}
