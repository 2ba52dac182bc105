//! The log's outlet: one line is one write to standard error that never waits (contract 8.4).
//!
//! `O_NONBLOCK` would change the main child's descriptor too, so that each kind of file has a way of its own.

use crate::limits::LINE;
use crate::log::Outlet;
use crate::posix::errno::Errno;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::sys::arguments::ZStr;
use crate::sys::file::{self, Descriptor, FileKind, Open, Writability};
use crate::sys::{self, clock, terminal};
use core::ffi::CStr;

/// Standard error, by its own number and through `/proc`.
const FILE: Descriptor = Descriptor::ERROR;
const FILE_IN_PROC: &CStr = c"/proc/self/fd/2";

/// What can be written to it, and how, without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A regular file waits for nobody.
    File,
    /// A socket: send(2) can be told not to wait.
    Socket,
    /// A terminal: it is opened anew, with `O_NONBLOCK` for this descriptor alone.
    Terminal,
    /// A pipe or anything else: pwritev2(2) can be told not to wait.
    Other,
}

/// Standard error, and what is to be known of the last writes to it.
#[derive(Debug, Default)]
pub struct StandardError {
    /// How to write; `None` before the first line.
    way: Option<Way>,
    /// The last line was cut by the kernel: a full terminal, a limit of file size.
    cut: bool,
    /// Signals that the last writes may have raised.
    raised: SignalSet,
}

impl StandardError {
    /// Whether a signal is one that a line has raised (contract 3.5): SIGPIPE and SIGXFSZ come in the init's own name,
    /// SIGIO in the kernel's, and only of a file with `O_ASYNC`. Each is expected once, and taken.
    pub fn take_raised(&mut self, received: &Received, own_pid: i32) -> bool {
        let signal = received.signal;
        let is_ours = match received.code {
            Code::User => received.sender.pid == own_pid && signal != Signal::IO,
            Code::Kernel | Code::Other(_) => signal == Signal::IO,
            Code::Queue | Code::Terminal => false,
        };
        let raised = is_ours && self.raised.contains(signal);
        if raised {
            self.raised = self.raised.without(signal);
        }
        raised && (signal != Signal::IO || file::is_async(FILE))
    }

    /// How to write to the file that it is.
    fn way(&mut self) -> Way {
        if let Some(way) = self.way {
            return way;
        }
        let way = match file::fstat(FILE).map(|status| status.kind) {
            Ok(FileKind::Regular) => Way::File,
            Ok(FileKind::Socket) => Way::Socket,
            Ok(FileKind::CharacterDevice) if terminal::is_terminal(FILE) => Way::Terminal,
            Ok(_) | Err(_) => Way::Other,
        };
        self.way = Some(way);
        way
    }

    /// Writes once, without waiting. Returns how many bytes went.
    fn write_once(&mut self, bytes: &[u8]) -> sys::Result<usize> {
        match self.way() {
            Way::File => file::write(FILE, bytes),
            Way::Socket => file::send(FILE, bytes),
            Way::Terminal => write_to_terminal(bytes),
            Way::Other => match file::pwritev2_nowait(FILE, bytes) {
                // Named pipes, pipes before Linux 6.4 and some devices cannot tell: they may wait after all, if
                // the main child fills them right now.
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EPERM | Errno::EINVAL) => {
                    write_if_writable(bytes)
                }
                result => result,
            },
        }
    }

    /// Remembers what a write raises: the kernel sends these signals while it fails or succeeds.
    fn note_signals(&mut self, result: sys::Result<usize>) {
        self.raised = self.raised.with(match result {
            Ok(_) => Signal::IO,
            Err(Errno::EPIPE) => Signal::PIPE,
            Err(Errno::EFBIG) => Signal::XFSZ,
            Err(_) => return,
        });
    }
}

/// Writes to a terminal that is opened anew: poll(2) finds room for a byte there, and not for a line. SIGTTOU is
/// blocked, so `stty tostop` stops nobody (contract 5.1).
fn write_to_terminal(bytes: &[u8]) -> sys::Result<usize> {
    let again = file::open(ZStr::from_c_str(FILE_IN_PROC), Open::Terminal).or_else(|error| {
        // Another user's terminal can be opened through /dev/tty, if it is the controlling one.
        match terminal::tcgetpgrp(FILE) {
            Ok(_) => file::open(ZStr::from_c_str(c"/dev/tty"), Open::Terminal),
            Err(_) => Err(error),
        }
    });
    match again {
        Ok(own) => file::write(own.get(), bytes),
        Err(_) => write_byte_by_byte(bytes),
    }
}

/// Writes to a terminal that cannot be opened anew, for which the kernel has no write that surely returns: poll(2)
/// before each byte comes as near to one as can be.
fn write_byte_by_byte(bytes: &[u8]) -> sys::Result<usize> {
    let mut written = 0_usize;
    for byte in bytes {
        match write_if_writable(&[*byte]) {
            Ok(count) => written = written.wrapping_add(count),
            Err(error) if written == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(written)
}

/// Writes if poll(2) says that something can be written.
fn write_if_writable(bytes: &[u8]) -> sys::Result<usize> {
    match file::poll_for_writing(FILE)? {
        Writability::Now => file::write(FILE, bytes),
        Writability::NotNow => Err(Errno::EAGAIN),
        Writability::Never => Err(Errno::EIO),
    }
}

impl Outlet for StandardError {
    fn now(&mut self) -> (u32, u32) {
        clock::realtime()
    }

    fn write(&mut self, line: &[u8]) -> bool {
        let mut memory = [0; LINE.wrapping_add(1)];
        let mut bytes = line;
        if self.cut
            && let Some((first, rest)) = memory.split_first_mut()
            && let Some(rest) = rest.get_mut(..line.len())
        {
            *first = b'\n';
            rest.copy_from_slice(line);
            bytes = memory.get(..=line.len()).unwrap_or(line);
        }
        let result = self.write_once(bytes);
        self.note_signals(result);
        match result {
            Ok(count) if count == bytes.len() => {
                self.cut = false;
                true
            }
            Ok(0) | Err(_) => false,
            Ok(_) => {
                self.cut = true;
                false
            }
        }
    }
}
