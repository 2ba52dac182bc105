//! The log in the format `json`, read back.

use std::fmt;
use std::ops::Index;
use std::time::SystemTime;

use serde_json::Value;

use crate::Output;

/// The milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Event(Value);

impl Event {
    /// Reads a line of the log.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn parse(line: &str) -> Self {
        Self(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// What happened.
    pub fn name(&self) -> &str {
        self.text("event")
    }

    /// A field, which has to be a string.
    #[track_caller]
    pub fn text(&self, field: &str) -> &str {
        let value = self.0.get(field).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no string {field:?} in {}", self.0))
    }

    /// A field, which has to be a number.
    #[track_caller]
    pub fn number(&self, field: &str) -> u64 {
        let value = self.0.get(field).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("no number {field:?} in {}", self.0))
    }

    /// A field, if there is one.
    pub fn field(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// Its name and its fields on one line, without its level and its times.
    pub fn summary(&self) -> String {
        let fields = self.0.as_object().into_iter().flatten();
        let mut words = vec![self.name().to_owned()];
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

    /// When it was said, in milliseconds of the day.
    #[track_caller]
    fn milliseconds_of_the_day(&self) -> u64 {
        let time = self.text("time");
        let clock = time.split_once('T').map(|(_, clock)| clock);
        let mut numbers = clock
            .into_iter()
            .flat_map(|clock| clock.split([':', '.', 'Z']))
            .map_while(|number| number.parse::<u64>().ok());
        let mut next = || {
            numbers
                .next()
                .unwrap_or_else(|| panic!("no time: {}", self.0))
        };
        let (hours, minutes, seconds, milliseconds) = (next(), next(), next(), next());
        ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
    }

    /// How many milliseconds after another it was said, at most a day.
    #[track_caller]
    pub fn after(&self, earlier: &Self) -> u64 {
        self.later_than(earlier.milliseconds_of_the_day())
    }

    /// How many milliseconds after this moment it was said, at most a day.
    #[track_caller]
    pub fn since(&self, moment: SystemTime) -> u64 {
        let since_1970 = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        self.later_than(u64::try_from(since_1970.as_millis()).unwrap() % DAY)
    }

    /// How much later than this time of a day, in milliseconds.
    #[track_caller]
    fn later_than(&self, then: u64) -> u64 {
        (self.milliseconds_of_the_day() + DAY - then) % DAY
    }
}

/// A field; null where there is none.
impl Index<&str> for Event {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.0[field]
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The lines of a log in their order.
#[derive(Clone, Debug)]
pub struct Events(Vec<Event>);

impl Events {
    /// The lines of this text that are the log's; an app may have written others.
    #[track_caller]
    pub fn in_text(text: &str) -> Self {
        let lines = text.split_inclusive('\n');
        let whole = lines.filter(|line| line.starts_with("{\"time\":") && line.ends_with('\n'));
        Self(whole.map(Event::parse).collect())
    }

    /// The log of a run that has ended.
    #[track_caller]
    pub fn of(output: &Output) -> Self {
        Self::in_text(&output.stderr())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.0.iter()
    }

    /// Those of this name.
    pub fn named(&self, name: &str) -> Vec<&Event> {
        self.iter().filter(|event| event.name() == name).collect()
    }

    /// The only one of this name.
    #[track_caller]
    pub fn only(&self, name: &str) -> &Event {
        match self.named(name)[..] {
            [event] => event,
            ref events => panic!("{} times {name:?} in\n{self}", events.len()),
        }
    }

    /// Fails if there is one of this name.
    #[track_caller]
    pub fn expect_none(&self, name: &str) {
        assert!(self.named(name).is_empty(), "{name:?} in\n{self}");
    }

    /// Their names.
    pub fn names(&self) -> Vec<&str> {
        self.iter().map(Event::name).collect()
    }
}

impl fmt::Display for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|event| writeln!(formatter, "{event}"))
    }
}
