//! Values with the names POSIX gives them: no system call, no policy.

pub mod duration;
pub mod errno;
pub mod pid;
pub mod signal;
pub mod wait_status;
