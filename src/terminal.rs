//! The controlling terminal: handing its foreground to the main child, and stopping and resuming
//! together with it, so that a job-control shell above sees one job (contract 2.2, 5).
//!
//! SIGTTOU is blocked in the init, so it may set the foreground group from the background,
//! tcsetpgrp(3). No failure in here matters.

use crate::options::Leads;
use crate::posix::duration::Milliseconds;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::sys::{self, Descriptor, ForegroundGroup, Open, Recipient, Terminated};

/// The controlling terminal, open for as long as it is needed; standard input where there is none.
#[derive(Debug)]
pub struct Terminal {
    descriptor: Descriptor,
    must_close: bool,
    group: ForegroundGroup,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.must_close {
            sys::close(self.descriptor);
        }
    }
}

impl Terminal {
    /// Finds the controlling terminal through `/dev/tty`, else on standard input.
    #[inline(never)]
    #[must_use]
    pub fn find() -> Self {
        if let Ok(descriptor) = sys::open(Terminated::known(c"/dev/tty"), Open::TERMINAL) {
            let found = Self::at(descriptor, true);
            if found.group.is_there() {
                return found;
            }
        }
        Self::at(Descriptor::INPUT, false)
    }

    fn at(descriptor: Descriptor, must_close: bool) -> Self {
        Self {
            descriptor,
            must_close,
            group: sys::tcgetpgrp(descriptor),
        }
    }

    /// Makes a group of this session the foreground one, and returns whether it is.
    fn give_to(&self, group: Pid) -> bool {
        sys::tcsetpgrp(self.descriptor, group).is_ok()
    }

    /// Whether the init's process group is the foreground one. Its number would not tell where it belongs to
    /// another PID namespace; but a read from the background fails with EIO while SIGTTIN is blocked,
    /// setpgid(2), also one of no bytes, which takes nothing away. While somebody else reads, it fails otherwise.
    #[inline(never)]
    fn is_ours(&self) -> bool {
        self.group.is_there() && sys::read(self.descriptor, &mut []) != Err(Errno::EIO)
    }

    /// Gives up the controlling terminal, if the init leads its session. The SIGHUP and SIGCONT that the
    /// kernel sends for that, in the init's own name, are taken at once: while they are pending, they would
    /// swallow those of others, and one of others that was there before goes back.
    #[inline(never)]
    fn release(&self) {
        let own = sys::getpid();
        if sys::getsid() == Some(own) {
            let _ = sys::release_terminal(self.descriptor);
            for signal in [Signal::HUP, Signal::CONT] {
                if let Ok(Received { code, sender, .. }) =
                    sys::wait_for_signal(SignalSet::only(signal), Milliseconds(0))
                    && (code, sender.pid) != (Code::USER, own.number())
                {
                    let _ = sys::queue_signal(own, signal, &sender);
                }
            }
        }
    }

    /// Whether the foreground group is gone.
    fn is_nobodys(&self) -> bool {
        let is_gone = |group| sys::kill(Recipient::group(group), None) == Err(Errno::ESRCH);
        self.group.leader().is_some_and(is_gone)
    }
}

/// What the child does about the terminal before it executes its program.
#[derive(Debug)]
pub struct ChildTerminal<'t> {
    terminal: &'t Terminal,
    /// Whether the child's process group becomes the foreground one.
    given: bool,
}

impl ChildTerminal<'_> {
    /// In the child, as the leader of a new process group: makes it the foreground one.
    pub fn become_foreground(&self) {
        if self.given {
            let _ = self.terminal.give_to(sys::getpid());
        }
    }

    /// In the child, as the leader of a new session: makes the terminal its controlling one.
    pub fn become_controlling(&self) {
        let _ = sys::acquire_terminal(self.terminal.descriptor);
    }
}

/// Whether the terminal's foreground is the main child's because the init gave it away.
#[derive(Debug, Default)]
pub struct Foreground {
    given: bool,
}

impl Foreground {
    /// Before the main child starts with a process group of its own: the terminal whose foreground
    /// it takes over, if the init's group has it. A background init steals nothing.
    ///
    /// Or before it starts with a session of its own: the terminal to control it. An init
    /// that leads a session gives up its own, or the child could not have it.
    pub fn before<'t>(&mut self, leads: Leads, terminal: &'t Terminal) -> ChildTerminal<'t> {
        match leads {
            Leads::Group => self.given = terminal.is_ours(),
            Leads::Session => terminal.release(),
        }
        ChildTerminal {
            terminal,
            given: self.given,
        }
    }

    /// Takes the foreground back if it was given away and is still the main child's, or nobody's.
    #[inline(never)]
    pub fn take_back(&mut self, child: Pid) {
        if core::mem::take(&mut self.given)
            && let Some(own) = sys::getpgrp()
        {
            let _ = hand_over(Some(child), own);
        }
    }

    /// Gives the foreground to the main child if the init's group has it, or a group that is gone, and
    /// returns whether it did.
    #[inline(never)]
    fn give(&mut self, child: Pid) -> bool {
        let given = hand_over(None, child);
        self.given |= given;
        given
    }

    /// After a terminal stopped the main child: stops the init's group with the same signal, waits to be
    /// resumed and resumes the main child's group. Returns whether it did.
    ///
    /// The kernel refuses to stop PID 1, `pid_namespaces(7)`, and an orphaned process group, setpgid(2):
    /// exactly where no shell above could ever resume it. Then the main child goes on at once, unless
    /// it would only be stopped again because it wants a terminal that is another group's.
    pub fn stop_with(&mut self, own: Pid, child: Pid, signal: Signal) -> bool {
        let wants_terminal = signal != Signal::TSTP;
        let mut resume = wants_terminal && self.give(child);
        if !resume {
            self.take_back(child);
            // As a key does, to all of the group; PID 1 may be in one of another namespace.
            let group = sys::getpgrp().map_or(Recipient::process(own), Recipient::group);
            let _ = sys::kill(group, Some(signal));
            let _ = sys::set_signal_mask(SignalSet::ALL.without(signal));
            let _ = sys::set_signal_mask(SignalSet::ALL);
            // The SIGCONT that ended the stop is pending and is forwarded to the group right below.
            let was_stopped =
                sys::wait_for_signal(SignalSet::only(Signal::CONT), Milliseconds(0)).is_ok();
            resume = self.give(child) || was_stopped || !wants_terminal;
        }
        resume && sys::kill(Recipient::group(child), Some(Signal::CONT)).is_ok()
    }
}

/// Makes `to` the foreground group if that is `from`, the init's one for `None`, or a group that is gone.
/// Returns whether it did.
#[inline(never)]
fn hand_over(from: Option<Pid>, to: Pid) -> bool {
    let terminal = Terminal::find();
    let is_from = match from {
        None => terminal.is_ours(),
        Some(from) => terminal.group.is_led_by(from),
    };
    (is_from || terminal.is_nobodys()) && terminal.give_to(to)
}
