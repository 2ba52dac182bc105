//! stub
use crate::cli::Isolation;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::supervisor::Role;
/// stub
pub enum Outcome {
    /// .
    Resumed,
    /// .
    LeftStopped,
}
/// stub
pub struct Job {}
/// stub
#[derive(Debug)]
pub struct ChildTerminal {}
impl ChildTerminal {
    /// .
    pub fn become_foreground(&self) {}
    /// .
    pub fn become_controlling(&self) {}
}
impl Job {
    /// .
    pub fn before_start(_: Isolation, _: Role) -> (Self, ChildTerminal) {
        (Self {}, ChildTerminal {})
    }
    /// .
    pub fn child_stopped(&mut self, _: Pid, _: Signal, _: bool) -> Outcome {
        Outcome::LeftStopped
    }
    /// .
    pub fn child_has_foreground(&self, _: Pid) -> bool {
        false
    }
    /// .
    pub fn restore(&mut self, _: Option<Pid>) {}
}
