//! What is left of an init that ended.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitStatus;
use std::time::{Duration, SystemTime};

use serde_json::Value;

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

/// The lines of standard error that are JSON objects: the init's log among what others may say there.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let objects = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    objects.filter(Value::is_object).collect()
}

/// An event on one line, without its level and its times.
fn summary(event: &Value) -> String {
    let fields = event.as_object().into_iter().flatten();
    let mut words = vec![event["event"].as_str().unwrap_or_default().to_owned()];
    for (name, value) in fields {
        if !["time", "level", "event", "elapsed_ms"].contains(&name.as_str()) {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            words.push(format!("{name}={value}"));
        }
    }
    words.join(" ")
}

impl Output {
    /// The events of a log in JSON, in order: `--log-format json` and `-v` or `-vv`, as the test asks for.
    pub fn events(&self) -> Vec<Value> {
        events(&self.stderr())
    }

    /// The names of the events of a log in JSON, in order.
    pub fn event_names(&self) -> Vec<String> {
        let names = self.events().into_iter();
        names
            .map(|event| event["event"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Fails unless it exited with this status and these are the events of its log in JSON: the name and the fields in
    /// the order of the alphabet, `signal_forwarded pid=2 signal=SIGTERM`, without what differs from run to run.
    #[track_caller]
    pub fn expect_events(&self, status: i32, expected: &[&str]) {
        let events: Vec<String> = self.events().iter().map(summary).collect();
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
        let time = self.event(name)["elapsed_ms"].as_f64();
        time.unwrap_or_else(|| panic!("no time in {name} of\n{self}")) / 1000.0
    }

    /// The only event of this name in a log in JSON.
    #[track_caller]
    pub fn event(&self, name: &str) -> Value {
        let mut events = self.events();
        events.retain(|event| event["event"] == name);
        assert_eq!(events.len(), 1, "events {name} of\n{self}");
        events.swap_remove(0)
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
