//! The loop: sleep until a signal comes, a child changes or a time is reached, and hand it to the supervisor.
//! Nothing in here can end the init but [`crate::supervisor::Steps::end`].

use crate::actions::Actions;
use crate::limits::{ASK_WHO_IS_LEFT, BATCH, PAUSE_AFTER_ERROR};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Received, Signal, SignalSet};
use crate::posix::time::{Instant, Milliseconds};
use crate::supervisor::{Steps, Supervisor};
use crate::sys::process::Waited;
use crate::sys::{clock, process, signal};

/// What ended a wait.
enum Wake {
    /// A signal other than SIGCHLD.
    Signal(Received),
    /// SIGCHLD, and the process that it names.
    Child(Option<Pid>),
    /// The time that the supervisor asked for has come. Holds the current time.
    Deadline(Instant),
    /// Nothing.
    Nothing,
}

/// How to wait for the next signal (contract 3.7).
enum Wait {
    /// Sleep until one comes, or until this time.
    Sleep(Option<Instant>),
    /// Children are left to reap after a full batch: do not sleep, and leave SIGCHLD alone.
    BetweenReaps,
    /// A full batch of signals came in a row: do not sleep, and let every other signal have its turn.
    AllBut(SignalSet),
}

/// The loop's own state, and the supervisor.
pub struct EventLoop<'a> {
    supervisor: Supervisor<'a, Actions<'a>>,
    /// Children may have changed state. SIGCHLDs coalesce, signal(7), so these are not only those named.
    unreaped: bool,
    /// Reaps left until the next look at the pending signals.
    reaps_left: u8,
    /// Signals received in a row, without a look at anything else.
    in_a_row: u8,
    /// Which ones these were.
    which_in_a_row: SignalSet,
    /// PID 1 has no children, but is not alone in its namespace: processes have entered it by setns(2).
    shares_namespace: bool,
}

impl<'a> EventLoop<'a> {
    /// A loop around a supervisor whose main child was just forked.
    #[must_use]
    pub const fn new(supervisor: Supervisor<'a, Actions<'a>>) -> Self {
        Self {
            supervisor,
            // Some may have died before the init blocked SIGCHLD.
            unreaped: true,
            reaps_left: BATCH,
            in_a_row: 0,
            which_in_a_row: SignalSet::EMPTY,
            shares_namespace: false,
        }
    }

    /// Runs until the supervisor ends the init.
    pub fn run(&mut self) -> ! {
        loop {
            let waited_for_rest = self.supervisor.waits_for_rest();
            match self.wait() {
                Wake::Signal(received) => self.supervisor.received(&received),
                Wake::Child(named) => self.child(named),
                Wake::Deadline(now) => self.supervisor.timer_expired(now),
                Wake::Nothing => {}
            }
            // Nobody may be left already, and then no SIGCHLD comes any more.
            self.unreaped |= !waited_for_rest && self.supervisor.waits_for_rest();
            self.reap_batch();
        }
    }

    /// Waits for whatever comes first.
    fn wait(&mut self) -> Wake {
        let wait = self.next_wait();
        let (signals, timeout) = match wait {
            Wait::Sleep(None) => (SignalSet::ALL, None),
            Wait::Sleep(Some(at)) => {
                let now = self.supervisor.steps.now();
                (SignalSet::ALL, Some(at.since(now)))
            }
            Wait::BetweenReaps => (SignalSet::ALL.without(Signal::CHLD), Some(Milliseconds(0))),
            Wait::AllBut(received) => (received.complement(), Some(Milliseconds(0))),
        };
        self.reaps_left = BATCH;
        match signal::wait_for_signal(signals, timeout) {
            Ok(received) => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.which_in_a_row = self.which_in_a_row.with(received.signal);
                if received.signal == Signal::CHLD {
                    Wake::Child(Pid::new(received.sender.pid))
                } else {
                    // More signals may be pending: in a storm of children, one reap for each.
                    self.reaps_left = 1;
                    Wake::Signal(received)
                }
            }
            Err(error) => self.no_signal(&wait, error),
        }
    }

    /// How to wait next. After a batch of signals everything else gets its turn: children and the clock at once, other
    /// signals by the next look.
    fn next_wait(&mut self) -> Wait {
        if self.in_a_row >= BATCH {
            let received = self.which_in_a_row;
            self.everything_else();
            self.in_a_row = 0;
            self.which_in_a_row = SignalSet::EMPTY;
            return Wait::AllBut(received);
        }
        if self.unreaped {
            return Wait::BetweenReaps;
        }
        let mut at = self.supervisor.next_timer();
        if self.shares_namespace {
            let ask_again = self.supervisor.steps.now().after(ASK_WHO_IS_LEFT);
            at = Some(at.map_or(ask_again, |at| at.min(ask_again)));
        }
        Wait::Sleep(at)
    }

    /// Looks at the children and at the clock.
    fn everything_else(&mut self) {
        self.unreaped = true;
        self.reap_batch();
        if let Wake::Deadline(now) = self.clock() {
            self.supervisor.timer_expired(now);
        }
    }

    /// The wait ended without a signal: the time is up, the init was stopped and resumed (EINTR), or the call failed
    /// with an error that no kernel gives.
    fn no_signal(&mut self, wait: &Wait, error: Errno) -> Wake {
        self.in_a_row = 0;
        self.which_in_a_row = SignalSet::EMPTY;
        match (error, wait) {
            (Errno::EAGAIN, Wait::Sleep(Some(at))) => {
                // Those who share the namespace may have left meanwhile, and a failing call may have lost a SIGCHLD.
                self.unreaped = true;
                Wake::Deadline(self.supervisor.steps.now_after_waiting_until(*at))
            }
            (Errno::EAGAIN, Wait::BetweenReaps | Wait::AllBut(_)) | (Errno::EINTR, _) => {
                self.clock()
            }
            _ => {
                clock::sleep(PAUSE_AFTER_ERROR);
                self.unreaped = true;
                Wake::Deadline(self.supervisor.steps.now())
            }
        }
    }

    /// The current time, if a timer is set: no deadline is missed, however often a call fails.
    fn clock(&mut self) -> Wake {
        match self.supervisor.next_timer() {
            Some(_) => Wake::Deadline(self.supervisor.steps.now()),
            None => Wake::Nothing,
        }
    }

    /// SIGCHLD came. The child that it names is reaped by its pid, which saves the kernel a walk over all children.
    fn child(&mut self, named: Option<Pid>) {
        self.unreaped = true;
        if let Some(pid) = named
            && let Ok(Waited::Changed(pid, status)) = process::wait(Some(pid))
        {
            self.reaps_left = self.reaps_left.saturating_sub(1);
            self.supervisor.child_changed_state(pid, status);
        }
    }

    /// Reaps what is there to be reaped (contract 4.1), but no more than what is left of a batch.
    fn reap_batch(&mut self) {
        while self.unreaped && self.reaps_left > 0 {
            self.reaps_left = self.reaps_left.saturating_sub(1);
            match process::wait(None) {
                Ok(Waited::Changed(pid, status)) => {
                    self.supervisor.child_changed_state(pid, status);
                }
                Ok(Waited::NothingYet) => {
                    self.unreaped = false;
                    self.shares_namespace = false;
                }
                Err(Errno::ECHILD) if !self.supervisor.has_main_child() => self.no_children(),
                // No kernel gives this error. Ask again later.
                Err(_) => {
                    clock::sleep(PAUSE_AFTER_ERROR);
                    return;
                }
            }
        }
    }

    /// There are no children: a pause goes on, and the wait for the rest is over, unless processes that entered the
    /// namespace are left.
    fn no_children(&mut self) {
        self.unreaped = false;
        if self.supervisor.waits_for_rest() {
            self.shares_namespace = !self.supervisor.steps.is_alone();
            if !self.shares_namespace {
                self.supervisor.nobody_left();
            }
        }
    }
}
