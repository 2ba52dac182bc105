//! The log on standard error: one event is one line, one line is one write(2), and no write waits.

use crate::messages::{self, Outlet};
use crate::sys::{self, Descriptor, Open, Terminated};

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
/// (pipes do since Linux 6.4). `O_NONBLOCK` would change the main child's descriptor too; but a terminal
/// can be opened anew, and has to be, because poll(2) finds room for a byte there and not for a line.
fn write_without_waiting(line: &[u8]) -> bool {
    let file = Descriptor::ERROR;
    if !sys::is_writable(file) {
        return false;
    }
    if sys::write_without_waiting(file, line).is_ok() {
        return true;
    }
    if sys::is_terminal(file)
        && let Ok(own) = sys::open(Terminated::known(c"/proc/self/fd/2"), Open::TERMINAL)
    {
        let written = sys::write(own, line);
        sys::close(own);
        return written == Ok(line.len());
    }
    // The file cannot tell, or it is one that never waits for a reader, or it is full by now.
    sys::is_writable(file) && sys::write(file, line).is_ok()
}
