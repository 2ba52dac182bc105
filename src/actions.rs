//! Carries out the supervisor's steps. No failure in here ends or delays the init (contract 3.6, 4.5).

use crate::cli::{Options, Target};
use crate::limits::REAPED_AT_END;
use crate::log::Log;
use crate::log::event::{self, DropReason, Event, Level, Named, OomKills, StopSignal};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::posix::time::{Instant, Milliseconds};
use crate::posix::wait_status::WaitStatus;
use crate::proc_reader;
use crate::spawn::StartReport;
use crate::standard_error::StandardError;
use crate::supervisor::{Asked, Death, Ending, Interrupt, Killer, Role, Since, Steps};
use crate::survivors::{Survivors, Leftovers};
use crate::sys::process::Waited;
use crate::sys::signal::Recipient;
use crate::sys::{clock, process, signal};
use crate::terminal::Job;

/// All that the steps work with.
pub struct Actions<'a> {
    options: &'a Options,
    own: Pid,
    role: Role,
    /// The main child, dead or alive; `None` for a pause process.
    main_child: Option<Pid>,
    /// The command, as it was asked for; empty for a pause process.
    command: &'a [u8],
    job: Job,
    /// Where the child's side of a failed start has said why.
    start_report: StartReport<'a>,
    survivors: Survivors,
    log: Log<'a, StandardError>,
    /// The latest reading of the clock.
    latest: Instant,
    /// The count of out-of-memory kills that was said last.
    oom_kills_said: u32,
    /// Whether the main child's program was never executed.
    exec_failed: bool,
}
