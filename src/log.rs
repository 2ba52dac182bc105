//! The log: typed events in, lines of text or JSON out (contract 8). Pure: the clock and the descriptor
//! belong to the outlet. What each line says stands in `log/event.rs`.

pub mod event;
pub mod line;

use crate::limits::LINE;
use crate::posix::errno::Errno;
use event::{Event, Level};
use line::{Format, Line};

/// Where lines go, and what time it is there.
pub trait Outlet {
    /// The reading of `CLOCK_REALTIME`, `clock_gettime(2)`: seconds since 1970-01-01 UTC, and milliseconds.
    fn now(&mut self) -> (u32, u32);

    /// Takes a whole line, its line feed included, and returns whether it was written. Never waits.
    fn write(&mut self, line: &[u8]) -> bool;
}

/// Says events, one line each.
#[derive(Debug)]
pub struct Log<'a, O> {
    outlet: O,
    level: Level,
    line: Line<'a>,
    /// Lines that could not be written since the last one that could.
    dropped: u32,
}

impl<'a, O: Outlet> Log<'a, O> {
    /// A log that shows what is at or above `level`, and builds its lines in `memory`.
    #[must_use]
    pub const fn new(outlet: O, level: Level, format: Format, memory: &'a mut [u8; LINE]) -> Self {
        Self {
            outlet,
            level,
            line: Line::new(format, memory),
            dropped: 0,
        }
    }

    /// Where its lines go.
    pub const fn outlet(&mut self) -> &mut O {
        &mut self.outlet
    }

    /// Whether events of this level are shown.
    #[must_use]
    pub fn shows(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Says an event, unless it is below the log's level. A line that cannot be written is counted in the next one.
    pub fn say(&mut self, event: &Event<'_>) {
        let Self {
            outlet,
            level: shown,
            line,
            dropped,
        } = self;
        let described = event.describe(|level, name| {
            (level <= *shown).then(|| begin(line, level, name, outlet, *dropped))
        });
        let Some(line) = described else { return };
        *dropped = if outlet.write(line.end()) {
            0
        } else {
            dropped.saturating_add(1)
        };
    }

    /// Says that a call failed where that changes nothing.
    pub fn ignored(&mut self, call: &'static str, result: Result<(), Errno>) {
        if let Err(error) = result {
            self.say(&Event::ErrorIgnored { call, error });
        }
    }
}

/// Begins a line with all that comes before the event's own words.
fn begin<'l, 'a>(
    line: &'l mut Line<'a>,
    level: Level,
    name: &'static str,
    outlet: &mut impl Outlet,
    dropped: u32,
) -> &'l mut Line<'a> {
    match line.format() {
        Format::Text => line.begin_text(level.prefix()),
        Format::Json => line.begin_json(outlet.now(), level.name(), name),
    }
    if dropped == 0 {
        return line;
    }
    line.write("lines dropped: {dropped}; ", &[dropped.into()])
}

#[cfg(test)]
mod tests;
