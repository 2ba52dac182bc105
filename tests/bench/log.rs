//! What a line of the log costs, in the code that ships, called from here.

use crate::groups::{group, interleave};
use crate::inits::{Init, Kind, floor};
use crate::lab::Lab;
use crate::results::Group;
use anyhow::{Context, Result, ensure};
use nix::fcntl::OFlag;
use nix::time::{ClockId, clock_gettime};
use pidling::limits::LINE;
use pidling::log::Log;
use pidling::log::event::{Event, Level};
use pidling::log::line::Format;
use pidling::posix::pid::Pid;
use pidling::posix::signal::Signal;
use pidling::standard_error::StandardError;
use pidling::sys::file::Descriptor;
use pidling::sys::{clock, file};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// So many lines fit into the buffer of a terminal.
const LINES: usize = 20;

/// How often an event that is not shown is said in a row.
const HIDDEN: usize = 100_000;

/// Its metric.
pub(crate) const HIDDEN_LINE: &str = "log_hidden";

/// An event that a container with `-v` says for each signal.
const EVENT: Event<'_> = Event::Forwarded {
    signal: Signal::TERM,
    pid: Pid::INIT,
};

/// What a line is written to, and how it looks.
struct Case {
    file: &'static str,
    format: Format,
    title: &'static str,
    /// The metrics: wall time, processor time.
    keys: [&'static str; 2],
}

macro_rules! case {
    ($file:literal, $format:ident, $name:literal) => {
        Case {
            file: $file,
            format: Format::$format,
            title: concat!($name, ", ", $file),
            keys: [
                concat!("log_", $name, "_", $file),
                concat!("log_", $name, "_", $file, "_cpu"),
            ],
        }
    };
}

const CASES: [Case; 6] = [
    case!("pipe", Text, "text"),
    case!("pipe", Json, "json"),
    case!("file", Text, "text"),
    case!("file", Json, "json"),
    case!("terminal", Text, "text"),
    case!("terminal", Json, "json"),
];

/// The metrics of lines that are shown: on a terminal, or elsewhere.
pub(crate) fn shown(terminal: bool) -> impl Iterator<Item = &'static str> {
    let cases = CASES
        .iter()
        .filter(move |case| (case.file == "terminal") == terminal);
    cases.flat_map(|case| case.keys)
}

/// Where standard error leads to for a while, and where that can be read.
struct Target {
    write_end: OwnedFd,
    read_end: File,
    is_file: bool,
}

impl Target {
    fn new(lab: &mut Lab, name: &str) -> Result<Self> {
        Ok(match name {
            "pipe" => {
                let (read_end, write_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
                Self {
                    write_end,
                    read_end: read_end.into(),
                    is_file: false,
                }
            }
            "terminal" => {
                let pty = nix::pty::openpty(None, None)?;
                let mut modes = nix::sys::termios::tcgetattr(&pty.slave)?;
                nix::sys::termios::cfmakeraw(&mut modes);
                nix::sys::termios::tcsetattr(
                    &pty.slave,
                    nix::sys::termios::SetArg::TCSANOW,
                    &modes,
                )?;
                Self {
                    write_end: pty.slave,
                    read_end: pty.master.into(),
                    is_file: false,
                }
            }
            _ => {
                let path = lab.new_file();
                let write_end = File::create(&path)?.into();
                let read_end = File::open(&path)?;
                std::fs::remove_file(&path)?;
                Self {
                    write_end,
                    read_end,
                    is_file: true,
                }
            }
        })
    }

    /// Lets standard error lead here, and returns nanoseconds of wall and of processor time.
    fn time(&mut self, work: impl FnOnce()) -> Result<[f64; 2]> {
        let own = std::io::stderr().as_fd().try_clone_to_owned()?;
        nix::unistd::dup2_stderr(&self.write_end)?;
        let processor = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
        let (before, began) = (processor(), Instant::now());
        work();
        let (took, after) = (began.elapsed(), processor());
        nix::unistd::dup2_stderr(&own)?;
        let nanoseconds = |time: Duration| time.as_nanos() as f64;
        let processor_time = nanoseconds(after?.into()) - nanoseconds(before?.into());
        Ok([nanoseconds(took), processor_time])
    }

    /// Takes the only line.
    fn first_line(&mut self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; LINE];
        let size = self.read_end.read(&mut bytes)?;
        bytes.truncate(size);
        ensure!(bytes.ends_with(b"\n"), "no line of the log");
        self.empty()?;
        Ok(bytes)
    }

    /// Takes all of so many bytes.
    fn drain(&mut self, size: usize) -> Result<()> {
        self.read_end
            .read_exact(&mut vec![0; size])
            .context("a line of the log is missing")?;
        self.empty()
    }

    /// Leaves a file as if nothing had been written.
    fn empty(&mut self) -> Result<()> {
        if self.is_file {
            let mut file = File::from(self.write_end.try_clone()?);
            file.set_len(0)?;
            file.rewind()?;
            self.read_end.rewind()?;
        }
        Ok(())
    }
}

/// Measures a line of the log against the system calls that it takes: `clock_gettime(2)` for JSON, `ppoll(2)`, and
/// `write(2)` of the same bytes.
pub(crate) fn measure(lab: &mut Lab, inits: &[Init], rounds: usize) -> Result<[Group; 2]> {
    let bare = floor("bare system calls", &lab.floor, "");
    let ours = inits.iter().filter(|init| init.kind == Kind::Pidling);
    let subjects = [&bare].into_iter().chain(ours).collect();
    let mut targets = Vec::new();
    for case in &CASES {
        let mut target = Target::new(lab, case.file)?;
        let _ = target.time(|| say(case.format, Level::Info, 1))?;
        let line = target.first_line()?;
        targets.push((target, line));
    }
    let title = "a line of the log";
    let samples = interleave(lab, title, rounds, subjects, |_, init| {
        let is_floor = init.kind == Kind::Floor;
        let mut values = [const { Vec::new() }; 2 * CASES.len() + 1];
        for (index, ((target, line), case)) in targets.iter_mut().zip(&CASES).enumerate() {
            let times = target.time(|| {
                if is_floor {
                    write(case.format, line);
                } else {
                    say(case.format, Level::Info, LINES);
                }
            })?;
            target.drain(LINES * line.len())?;
            for (part, time) in times.into_iter().enumerate() {
                values[2 * index + part].push(time / LINES as f64);
            }
        }
        if !is_floor {
            let (target, _) = &mut targets[0];
            let [time, _] = target.time(|| say(Format::Text, Level::Warning, HIDDEN))?;
            values[2 * CASES.len()].push(time / HIDDEN as f64);
        }
        Ok(values)
    })?;
    let metrics = |part: usize| {
        let metric = |(index, case): (usize, &Case)| {
            let name = (case.keys[part], case.title, "µs");
            samples.metric(2 * index + part, name, 1000.0, false)
        };
        CASES.iter().enumerate().map(metric).collect::<Vec<_>>()
    };
    let mut wall = metrics(0);
    wall.push(samples.metric(
        2 * CASES.len(),
        (HIDDEN_LINE, "not shown", "ns"),
        1.0,
        false,
    ));
    Ok([group("log", wall), group("log_cpu", metrics(1))])
}

/// Says so many events, in a log that shows this level.
fn say(format: Format, level: Level, count: usize) {
    let mut memory = [0; LINE];
    let mut log = Log::new(StandardError::default(), level, format, &mut memory);
    for _ in 0..count {
        log.say(black_box(&EVENT));
    }
}

/// Makes the bare system calls for as many lines.
fn write(format: Format, line: &[u8]) {
    for _ in 0..LINES {
        if format == Format::Json {
            let _ = black_box(clock::realtime());
        }
        let _ = black_box(file::poll_for_writing(Descriptor::ERROR));
        let _ = black_box(file::write(Descriptor::ERROR, line));
    }
}
