//! The log on standard error: one event is one line, one line is one write(2), and no write waits.

use crate::messages::{self, Outlet};
use crate::sys::{self, Descriptor};

/// The log on standard error.
pub type Log<'a> = messages::Log<'a, StandardError>;

/// Standard error.
#[derive(Debug)]
pub struct StandardError;

impl Outlet for StandardError {
    fn now() -> (u32, u32) {
        sys::realtime()
    }

    fn write(line: &[u8]) -> bool {
        write_without_waiting(line)
    }
}

/// Writes a whole line to standard error if that does not wait, and returns whether it went.
///
/// poll(2) rules out full pipes, stopped terminals and readers that are gone. Between it and the
/// write the main child can fill the same pipe; `RWF_NOWAIT` covers that where the file knows it
/// (pipes do since Linux 6.4). `O_NONBLOCK` would change the main child's descriptor too.
fn write_without_waiting(line: &[u8]) -> bool {
    let file = Descriptor::ERROR;
    sys::is_writable(file)
        && (sys::write_without_waiting(file, line).is_ok()
            // The file cannot tell, or it is one that never waits for a reader, or it is full by now.
            || (sys::is_writable(file) && sys::write(file, line).is_ok()))
}
