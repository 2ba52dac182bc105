//! Values under the names POSIX gives them: no system call, no policy.

pub mod errno;
pub mod pid;
pub mod signal;
pub mod time;
pub mod wait_status;
