//! What is left of an init that ended.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

use crate::{Event, Events};

/// How an init ended and what it said.
pub struct Output {
    /// The command line, with everything on the way to the init.
    pub command: Vec<OsString>,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output, if that was a pipe.
    pub stdout: Vec<u8>,
    /// All of its standard error, if that was a pipe.
    pub stderr: Vec<u8>,
    /// A moment before it was started.
    pub began: SystemTime,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Output {
    /// Fails unless it exited with this status and these are the events of its log in JSON: the name and the fields in
    /// the order of the alphabet, `signal_forwarded pid=2 signal=SIGTERM`, without what differs from run to run.
    #[track_caller]
    pub fn expect_events(&self, status: i32, expected: &[&str]) {
        let events: Vec<String> = Events::of(self).iter().map(Event::summary).collect();
        assert_eq!(
            (self.status.code(), &*events.join("\n")),
            (Some(status), &*expected.join("\n")),
            "status and events of\n{self}"
        );
        // The log says nothing else.
        assert_eq!(events.len(), self.stderr().lines().count(), "{self}");
    }

    /// The time in the only event of this name in a log in JSON, in seconds.
    #[track_caller]
    pub fn seconds(&self, name: &str) -> f64 {
        let time = Events::of(self).only(name)["elapsed_ms"].as_f64();
        time.unwrap_or_else(|| panic!("no time in {name} of\n{self}")) / 1000.0
    }

    /// Standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless it exited with this status, printed this, and said this on standard error.
    #[track_caller]
    pub fn expect(&self, status: i32, stdout: &str, stderr: &str) {
        assert_eq!(
            (self.status.code(), &*self.stdout(), &*self.stderr()),
            (Some(status), stdout, stderr),
            "status, standard output and standard error of\n{self}"
        );
    }

    /// Fails unless it exited with this status.
    #[track_caller]
    pub fn expect_status(&self, status: i32) {
        assert_eq!(self.status.code(), Some(status), "exit status of\n{self}");
    }

    /// Fails unless this is all it printed.
    #[track_caller]
    pub fn expect_stdout(&self, text: &str) {
        assert_eq!(self.stdout(), text, "standard output of\n{self}");
    }

    /// Fails unless this is all it said on standard error.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) {
        assert_eq!(self.stderr(), text, "standard error of\n{self}");
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "command: {:?}\nstatus: {}, after {:?}",
            self.command, self.status, self.elapsed
        )?;
        writeln!(formatter, "stdout:\n{}", self.stdout())?;
        writeln!(formatter, "stderr:\n{}", self.stderr())
    }
}
