//! The kernel's door: one safe function for each system call, in rooms by subject, and nothing else.
//!
//! Nothing but values crosses this line: no raw pointer, no -1, no flag word that a caller would have to know.
//! Errors change their sign in `call` and nowhere else. A function bears the name of its system call, or of the
//! library function that is known for it, with what tells it from others of the same call.

pub mod arguments;
mod call;
pub mod clock;
pub mod file;
pub mod memory;
pub mod process;
pub mod signal;
pub mod terminal;

use crate::posix::errno::Errno;

/// What a system call returns.
pub type Result<T> = core::result::Result<T, Errno>;
