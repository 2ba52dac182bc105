//! The state machine: an event is a method of [`Supervisor`], a step is a method of [`Steps`]. The heart
//! of the init: read this first.
//!
//! It never calls the kernel, so a test can show it every sequence of events there is. All that it
//! decides on is: is the main child alive, has a shutdown begun, and what time is it.

use crate::options::{Name, Options, Target};
use crate::packed::Piece;
use crate::posix::duration::{Instant, Milliseconds};
use crate::posix::pid::Pid;
use crate::posix::signal::{Received, Signal, SignalSet};
use crate::posix::wait_status::WaitStatus;

/// How long the rest may take to end, from the main child's death, without a grace period
/// (contract 6.4).
const REST_GRACE: Milliseconds = Milliseconds(10_000);

/// How long after SIGKILL to look for processes that were born while it was sent.
const KILL_AGAIN: Milliseconds = Milliseconds(100);

/// How long after SIGKILL the init waits for the rest, which may be beyond its reach: of another
/// user, or in an uninterruptible sleep.
const GIVE_UP: Milliseconds = Milliseconds(5_000);

/// Who sent the SIGKILL that the main child died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Killer {
    /// The deadline (contract 6.3).
    Deadline,
    /// A rewrite to KILL.
    Rewrite,
    /// Not the init (contract 7.1).
    Stranger,
}

/// Who was sent the stop signal before the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// The main child.
    Child,
    /// Its process group.
    Group,
    /// All: the main child is dead, and the rest got SIGTERM.
    Rest,
}

/// What the supervisor has done. The event loop carries it out, a test writes it down.
pub trait Steps {
    /// Reads the monotonic clock.
    fn now(&mut self) -> Instant;
    /// Whether the init's own acts raised the signal (contract 3.5).
    fn is_own(&self, received: &Received) -> bool;
    /// Sends a signal to the target, on account of what was received, which bears that signal now.
    fn forward(&mut self, target: Target, received: &Received);
    /// Says that a received signal goes nowhere, and why.
    fn drop_signal(&mut self, signal: Signal, reason: Piece);
    /// Says that the shutdown began with this signal, and how long it is held back.
    fn begin_shutdown(&mut self, signal: Signal, delay: Milliseconds);
    /// Stops the init itself, as dumb-init does (contract 10.3).
    fn stop_itself(&mut self);
    /// Stops the init with the main child, which a terminal stopped with this signal (contract 5.2, 5.3).
    fn stop_with_child(&mut self, signal: Signal);
    /// Says that an orphan was reaped, as a warning or for the curious.
    fn reaped(&mut self, pid: Pid, warn: bool);
    /// Says how the main child ended.
    fn child_ended(&mut self, status: WaitStatus);
    /// Sends a signal to the main child's process group, which outlives it.
    fn signal_group(&mut self, signal: Signal);
    /// Sends SIGTERM to the rest, or to those who are not in the main child's process group.
    fn terminate_rest(&mut self, spare_group: bool);
    /// Reports the survivors of a signal and sends them SIGKILL, to the main child as well while it lives, in a
    /// shutdown that began then.
    fn kill_all(&mut self, asked: Asked, signal: Signal, began: Instant);
    /// Sends SIGKILL to whoever was born meanwhile.
    fn kill_again(&mut self);
    /// Says that some processes outlived SIGKILL since then.
    fn give_up(&mut self, since: Instant);
    /// Ends the init, whose shutdown began then, or never. Nothing is to be done afterwards.
    fn end(&mut self, status: u8, killer: Option<Killer>, began: Instant);
}

/// What the init has decided so far.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Supervisor<'a, S> {
    /// Carries out what is decided. It is named most often, and has the same address.
    pub steps: S,
    options: &'a Options,
    /// When the shutdown began: with the first stop signal, else with the wait for the rest.
    began: Instant,
    /// When the first stop signal is forwarded that is held back.
    release_at: Instant,
    /// When SIGKILL goes out next. The first time is the deadline, which never moves once set.
    kill_at: Instant,
    /// Since when SIGKILL should have ended the rest.
    killed_since: Instant,
    /// The signals that were forwarded.
    forwarded: SignalSet,
    /// What is held back, as it is forwarded.
    held: Received,
    /// The main child while it lives, or the init itself for a pause process. Once there is none, the rest is
    /// waited for.
    main_child: Option<Pid>,
    /// The exit status, once the main child is dead.
    status: u8,
    /// Who killed it, if SIGKILL did.
    killer: Option<Killer>,
    /// The last stop signal that was received, as it is forwarded.
    stop_signal: Signal,
}

impl<'a, S: Steps> Supervisor<'a, S> {
    /// Starts with a main child that runs, or with the init itself for a pause process.
    #[must_use]
    pub const fn new(options: &'a Options, child: Pid, steps: S) -> Self {
        Self {
            options,
            steps,
            main_child: Some(child),
            status: 0,
            killer: None,
            forwarded: SignalSet(0),
            stop_signal: Signal::TERM,
            began: Instant::NEVER,
            release_at: Instant::NEVER,
            kill_at: Instant::NEVER,
            killed_since: Instant::NEVER,
            held: Received::from_nobody(Signal::TERM),
        }
    }

    /// When [`Self::woken`] wants to be called; never lets the init sleep until something happens.
    #[must_use]
    pub fn wake_at(&self) -> Instant {
        self.release_at.min(self.kill_at)
    }

    /// Whether the init only waits for the rest, so that [`Self::alone`] is to be called.
    #[must_use]
    pub fn waits_for_rest(&self) -> bool {
        self.main_child.is_none()
    }

    /// A signal other than SIGCHLD was received. It is changed to what it is forwarded as.
    pub fn received(&mut self, received: &mut Received) {
        let signal = received.signal;
        let reason = if self.steps.is_own(received) {
            Piece::CAUSED_BY_PIDLING
        } else if self.options.pauses() && matches!(signal, Signal::TERM | Signal::INT) {
            return self.end();
        } else if self.options.pauses() || self.waits_for_rest() {
            Piece::NO_MAIN_CHILD
        } else if let Some(forwarded) = self.options.rewrites.apply(signal) {
            received.signal = forwarded;
            return self.pass_on(signal, received);
        } else {
            Piece::REWRITTEN_TO_0
        };
        self.steps.drop_signal(signal, reason);
    }

    /// Forwards what was received as this signal, or holds it back.
    fn pass_on(&mut self, signal: Signal, received: &Received) {
        if received.signal.is_stop() {
            self.stop_signal = received.signal;
            if self.began == Instant::NEVER {
                let now = self.steps.now();
                self.began = now;
                if let Some(grace) = self.options.grace_period() {
                    self.kill_at = now.after(grace);
                }
                let delay = self.options.stop_delay;
                self.steps.begin_shutdown(signal, delay);
                if delay > Milliseconds(0) {
                    self.release_at = now.after(delay);
                    self.held = *received;
                    return;
                }
            }
            self.release();
        }
        self.forward(received);
        if self.options.name() == Name::DumbInit && signal.is_terminal_stop() {
            self.steps.stop_itself();
        }
    }

    /// Forwards the stop signal that is held back, if one is.
    #[inline(never)]
    fn release(&mut self) {
        if self.release_at < Instant::NEVER {
            self.release_at = Instant::NEVER;
            let held = self.held;
            self.forward(&held);
        }
    }

    #[inline(never)]
    fn forward(&mut self, received: &Received) {
        self.forwarded = self.forwarded.with(received.signal);
        self.steps.forward(self.options.target(), received);
    }

    /// A child changed state: it is dead and was reaped, or it was stopped.
    pub fn changed(&mut self, pid: Pid, status: WaitStatus) {
        if self.main_child != Some(pid) {
            if status.is_end() {
                self.steps.reaped(pid, self.options.warn_on_reap());
            }
            return;
        }
        if !status.is_end() {
            if let Some(signal) = status.stopped_by()
                && signal.is_terminal_stop()
            {
                self.steps.stop_with_child(signal);
            }
            return;
        }
        self.status = status.exit_status();
        if status.killed_by() == Some(Signal::KILL) {
            self.killer = Some(if self.killed_since < Instant::NEVER {
                Killer::Deadline
            } else if self.forwarded.contains(Signal::KILL) {
                Killer::Rewrite
            } else {
                Killer::Stranger
            });
        }
        if self.release_at < Instant::NEVER {
            self.release_at = Instant::NEVER;
            self.steps
                .drop_signal(self.held.signal, Piece::NO_MAIN_CHILD);
        }
        self.steps.child_ended(status);
        self.main_child = None;
        if self.options.remapped.contains(self.status) {
            self.status = 0;
        }
        let group = self.options.target() == Target::Group;
        if !self.options.wait_all() {
            if group
                && self.options.name() == Name::DumbInit
                && let Some(signal) = self.options.rewrites.apply(Signal::TERM)
            {
                self.steps.signal_group(signal);
            }
            return self.end();
        }
        let now = self.steps.now();
        if self.began == Instant::NEVER {
            self.began = now;
        }
        if self.killed_since < Instant::NEVER {
            // The rest gets it again at once, and is given the full time from now on.
            self.killed_since = now;
            self.kill_at = now;
            return;
        }
        if self.kill_at == Instant::NEVER {
            self.kill_at = now.after(self.options.grace_period().unwrap_or(REST_GRACE));
        }
        self.steps
            .terminate_rest(group && self.forwarded.contains(Signal::TERM));
    }

    /// While the rest is waited for: nobody is left beside the init.
    pub fn alone(&mut self) {
        self.end();
    }

    /// It is now this time, and what [`Self::wake_at`] asked for may have come.
    pub fn woken(&mut self, now: Instant) {
        if self.release_at <= now {
            self.release();
        }
        if self.kill_at > now {
            return;
        }
        self.kill_at = now.after(KILL_AGAIN);
        if self.killed_since == Instant::NEVER {
            self.killed_since = now;
            let (mut asked, mut signal) = (Asked::Rest, Signal::TERM);
            if !self.waits_for_rest() {
                self.kill_at = Instant::NEVER;
                signal = self.stop_signal;
                asked = match self.options.target() {
                    Target::Process => Asked::Child,
                    Target::Group => Asked::Group,
                };
            }
            self.steps.kill_all(asked, signal, self.began);
        } else if now < self.killed_since.after(GIVE_UP) {
            self.steps.kill_again();
        } else {
            self.steps.give_up(self.killed_since);
            self.end();
        }
    }

    fn end(&mut self) {
        self.steps.end(self.status, self.killer, self.began);
    }
}

#[cfg(test)]
mod exploration;
