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
    /// A time that the supervisor asked for may have come. Holds the current time.
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

/// Whose turn it is (contract 3.7): how many signals and how many dead children are taken before the other kind, and the
/// clock, are looked at.
#[derive(Debug)]
struct Turns {
    /// Signals received in a row, without a look at anything else.
    signals: u8,
    /// Which ones these were.
    which: SignalSet,
    /// Reaps left until the next look at the pending signals.
    reaps: u8,
}

impl Turns {
    /// Nothing was taken yet.
    const fn new() -> Self {
        Self {
            signals: 0,
            which: SignalSet::EMPTY,
            reaps: BATCH,
        }
    }

    /// A wait has ended with this signal. After SIGCHLD comes a batch of reaps; after any other signal, of which more may
    /// be pending, one.
    fn signal_received(&mut self, signal: Signal) {
        self.signals = self.signals.saturating_add(1);
        self.which = self.which.with(signal);
        self.reaps = if signal == Signal::CHLD { BATCH } else { 1 };
    }

    /// A wait has ended without a signal: the row is over.
    fn no_signal(&mut self) {
        *self = Self::new();
    }

    /// Takes one reap, if one is left.
    fn take_reap(&mut self) -> bool {
        let is_left = self.reaps > 0;
        self.reaps = self.reaps.saturating_sub(1);
        is_left
    }

    /// After a full batch of signals in a row: which ones these were. The next row begins.
    fn take_full_row(&mut self) -> Option<SignalSet> {
        if self.signals < BATCH {
            return None;
        }
        let which = self.which;
        self.signals = 0;
        self.which = SignalSet::EMPTY;
        Some(which)
    }
}

/// The loop's own state, and the supervisor.
pub struct EventLoop<'a> {
    supervisor: Supervisor<'a, Actions<'a>>,
    turns: Turns,
    /// Children may have changed state. SIGCHLDs coalesce, signal(7), so there may be more than were named.
    unreaped: bool,
    /// PID 1 has no children, but is not alone in its namespace: processes have entered it by setns(2).
    shares_namespace: bool,
}

impl<'a> EventLoop<'a> {
    /// A loop around a supervisor whose main child was just forked.
    #[must_use]
    pub const fn new(supervisor: Supervisor<'a, Actions<'a>>) -> Self {
        Self {
            supervisor,
            turns: Turns::new(),
            // Some may have died before the init blocked SIGCHLD.
            unreaped: true,
            shares_namespace: false,
        }
    }

    /// Runs until the supervisor ends the init.
    pub fn run(&mut self) -> ! {
        loop {
            let waited_for_rest = self.supervisor.waits_for_rest();
            match self.wait() {
                Wake::Signal(received) => self.supervisor.received(&received),
                Wake::Child(named) => self.sigchld_received(named),
                Wake::Deadline(now) => self.supervisor.timer_expired(now),
                Wake::Nothing => {}
            }
            // Perhaps nobody is left when the wait for the rest begins. Then no SIGCHLD comes to say so.
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
        match signal::wait_for_signal(signals, timeout) {
            Ok(received) => {
                self.turns.signal_received(received.signal);
                if received.signal == Signal::CHLD {
                    Wake::Child(Pid::new(received.sender.pid))
                } else {
                    Wake::Signal(received)
                }
            }
            Err(error) => self.no_signal(&wait, error),
        }
    }

    /// How to wait next. After a batch of signals everything else gets its turn: children and the clock at once, other
    /// signals by the next look.
    fn next_wait(&mut self) -> Wait {
        if let Some(received) = self.turns.take_full_row() {
            self.everything_else();
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
        if let Wake::Deadline(now) = self.look_at_clock() {
            self.supervisor.timer_expired(now);
        }
    }

    /// The wait ended without a signal: the time is up, the init was stopped and resumed (EINTR), or the call failed
    /// with an error that no kernel gives.
    fn no_signal(&mut self, wait: &Wait, error: Errno) -> Wake {
        self.turns.no_signal();
        match (error, wait) {
            (Errno::EAGAIN, Wait::Sleep(Some(at))) => {
                // Those who share the namespace may have left meanwhile, and a failing call may have lost a SIGCHLD.
                self.unreaped = true;
                Wake::Deadline(self.supervisor.steps.now_after_waiting_until(*at))
            }
            (Errno::EAGAIN, Wait::BetweenReaps | Wait::AllBut(_)) | (Errno::EINTR, _) => {
                self.look_at_clock()
            }
            _ => {
                clock::sleep(PAUSE_AFTER_ERROR);
                self.unreaped = true;
                Wake::Deadline(self.supervisor.steps.now())
            }
        }
    }

    /// The current time, if a timer is set: no deadline is missed, however often a call fails.
    fn look_at_clock(&mut self) -> Wake {
        match self.supervisor.next_timer() {
            Some(_) => Wake::Deadline(self.supervisor.steps.now()),
            None => Wake::Nothing,
        }
    }

    /// SIGCHLD came. The child that it names is reaped by its pid, which saves the kernel a walk over all children.
    fn sigchld_received(&mut self, named: Option<Pid>) {
        self.unreaped = true;
        if let Some(pid) = named
            && let Ok(Waited::Changed(pid, status)) = process::wait(Some(pid))
        {
            let _ = self.turns.take_reap();
            self.supervisor.child_changed_state(pid, status);
        }
    }

    /// Reaps what is there to be reaped (contract 4.1), but no more than what is left of a batch.
    fn reap_batch(&mut self) {
        if !self.unreaped {
            return;
        }
        while self.unreaped && self.turns.take_reap() {
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
        if !self.unreaped {
            self.supervisor.steps.all_reaped();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all reaps that are left.
    fn reaps(turns: &mut Turns) -> u8 {
        let mut count = 0;
        while turns.take_reap() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_child_is_followed_by_a_batch_and_any_other_signal_by_one() {
        let mut turns = Turns::new();
        assert_eq!(reaps(&mut turns), BATCH);
        turns.signal_received(Signal::TERM);
        assert_eq!(reaps(&mut turns), 1);
        turns.signal_received(Signal::CHLD);
        assert_eq!(reaps(&mut turns), BATCH);
        turns.no_signal();
        assert_eq!(reaps(&mut turns), BATCH);
    }

    #[test]
    fn a_row_is_full_after_a_batch_of_signals_and_not_when_a_wait_ends_without_one() {
        let mut turns = Turns::new();
        for _ in 1..BATCH {
            turns.signal_received(Signal::HUP);
            assert_eq!(turns.take_full_row(), None);
        }
        turns.signal_received(Signal::CHLD);
        let which = SignalSet::EMPTY.with(Signal::HUP).with(Signal::CHLD);
        assert_eq!(turns.take_full_row(), Some(which));
        assert_eq!(turns.take_full_row(), None);

        for _ in 1..BATCH {
            turns.signal_received(Signal::HUP);
        }
        turns.no_signal();
        turns.signal_received(Signal::HUP);
        assert_eq!(turns.take_full_row(), None);
    }
}
