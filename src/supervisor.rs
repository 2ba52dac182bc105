//! The state machine: an event is a method of [`Supervisor`], a step is a method of [`Steps`]. The heart
//! of the init: read this first.
//!
//! It never calls the kernel, so a test can show it every sequence of events there is. All that it
//! decides on is: is the main child alive, has a shutdown begun, and what time is it.

use crate::options::{Name, Options, Target};
use crate::packed::Piece;
use crate::posix::duration::{Instant, Milliseconds};
use crate::posix::pid::Pid;
use crate::posix::signal::{Received, Signal};
use crate::posix::wait_status::WaitStatus;

/// How long the rest may take to end, from the main child's death, without a grace period
/// (contract 6.4).
const REST_GRACE: Milliseconds = Milliseconds(10_000);

/// How long after SIGKILL to look for processes that were born while it was sent.
const KILL_AGAIN: Milliseconds = Milliseconds(100);

/// How long after SIGKILL the init waits for the rest, which may be beyond its reach: of another
/// user, or in an uninterruptible sleep.
const GIVE_UP: Milliseconds = Milliseconds(5_000);

/// A point of time that never comes.
const NEVER: Instant = Instant::new(u64::MAX);

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
    /// The main child got this stop signal.
    Child(Signal),
    /// Its process group got this stop signal.
    Group(Signal),
    /// The main child is dead, and the rest got SIGTERM.
    Rest,
}

/// What the supervisor has done. The event loop carries it out, a test writes it down.
pub trait Steps {
    /// Reads the monotonic clock.
    fn now(&mut self) -> Instant;
    /// Whether the init's own acts raised the signal (contract 3.5).
    fn is_own(&self, received: &Received) -> bool;
    /// Sends a signal to the target, on account of what was received.
    fn forward(&mut self, target: Target, signal: Signal, received: &Received);
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
    /// Reports the survivors and sends them SIGKILL, to the main child as well while it lives.
    fn kill_all(&mut self, asked: Asked, elapsed: Milliseconds);
    /// Sends SIGKILL to whoever was born meanwhile.
    fn kill_again(&mut self);
    /// Says that some processes outlived SIGKILL.
    fn give_up(&mut self, elapsed: Milliseconds);
    /// Ends the init; `elapsed` is how long the shutdown took, if there was one.
    fn end(&mut self, status: u8, killer: Option<Killer>, elapsed: Option<Milliseconds>);
}

/// The main child, as far as the init knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MainChild {
    /// There never is one: pause.
    Absent,
    /// It runs, or it is stopped.
    Alive(Pid),
    /// It is dead and reaped, and the rest is waited for.
    Dead,
}

/// What the init has decided so far.
#[derive(Clone, Debug)]
pub struct Supervisor<'a, S> {
    options: &'a Options,
    /// Carries out what is decided.
    pub steps: S,
    main_child: MainChild,
    /// The exit status, once the main child is dead.
    status: u8,
    /// Who killed it, if SIGKILL did.
    killer: Option<Killer>,
    /// A signal was forwarded as KILL.
    forwarded_kill: bool,
    /// A signal was forwarded as TERM.
    forwarded_term: bool,
    /// The last stop signal that was forwarded.
    stop_signal: Option<Signal>,
    /// When the shutdown began: with the first stop signal, else with the wait for the rest.
    began: Option<Instant>,
    /// When the first stop signal is forwarded that is held back.
    release_at: Instant,
    /// When SIGKILL goes out next. The first time is the deadline, which never moves once set.
    kill_at: Instant,
    /// Since when SIGKILL should have ended the rest.
    killed_since: Option<Instant>,
    /// The signal that is held back.
    held: Signal,
    /// What was received for it.
    held_for: Received,
}

impl<'a, S: Steps> Supervisor<'a, S> {
    /// Starts with a main child that runs, or with none for a pause process.
    #[must_use]
    pub const fn new(options: &'a Options, child: Option<Pid>, steps: S) -> Self {
        Self {
            options,
            steps,
            main_child: match child {
                Some(child) => MainChild::Alive(child),
                None => MainChild::Absent,
            },
            status: 0,
            killer: None,
            forwarded_kill: false,
            forwarded_term: false,
            stop_signal: None,
            began: None,
            release_at: NEVER,
            kill_at: NEVER,
            killed_since: None,
            held: Signal::TERM,
            held_for: Received::from_nobody(Signal::TERM),
        }
    }

    /// When [`Self::woken`] wants to be called; `None` lets the init sleep until something happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let at = self.release_at.min(self.kill_at);
        (at < NEVER).then_some(at)
    }

    /// Whether the init only waits for the rest, so that [`Self::alone`] is news.
    #[must_use]
    pub fn waits_for_rest(&self) -> bool {
        self.main_child == MainChild::Dead
    }

    /// A signal other than SIGCHLD was received.
    pub fn received(&mut self, received: &Received) {
        let signal = received.signal;
        let reason = match self.main_child {
            _ if self.steps.is_own(received) => Piece::CAUSED_BY_PIDLING,
            MainChild::Absent if matches!(signal, Signal::TERM | Signal::INT) => {
                return self.end();
            }
            MainChild::Absent | MainChild::Dead => Piece::NO_MAIN_CHILD,
            MainChild::Alive(_) => {
                if let Some(forwarded) = self.options.rewrites.apply(signal) {
                    return self.pass_on(forwarded, received);
                }
                Piece::REWRITTEN_TO_0
            }
        };
        self.steps.drop_signal(signal, reason);
    }

    /// Forwards a received signal as what it is rewritten to, or holds it back.
    fn pass_on(&mut self, forwarded: Signal, received: &Received) {
        let signal = received.signal;
        if forwarded.is_stop() {
            if self.began.is_none() {
                let now = self.steps.now();
                self.began = Some(now);
                if let Some(grace) = self.options.grace_period {
                    self.kill_at = now.after(grace);
                }
                let delay = self.options.stop_delay;
                self.steps.begin_shutdown(signal, delay);
                if delay > Milliseconds(0) {
                    self.release_at = now.after(delay);
                    self.held = forwarded;
                    self.held_for = *received;
                    return;
                }
            }
            self.release();
        }
        self.forward(forwarded, received);
        if self.options.name == Name::DumbInit && signal.is_terminal_stop() {
            self.steps.stop_itself();
        }
    }

    /// Forwards the stop signal that is held back, if one is.
    #[inline(never)]
    fn release(&mut self) {
        if self.release_at < NEVER {
            self.release_at = NEVER;
            let received = self.held_for;
            self.forward(self.held, &received);
        }
    }

    #[inline(never)]
    fn forward(&mut self, signal: Signal, received: &Received) {
        if signal.is_stop() {
            self.stop_signal = Some(signal);
        }
        self.forwarded_kill |= signal == Signal::KILL;
        self.forwarded_term |= signal == Signal::TERM;
        self.steps.forward(self.options.target, signal, received);
    }

    /// A child changed state: it is dead and was reaped, or it was stopped.
    pub fn changed(&mut self, pid: Pid, status: WaitStatus) {
        let is_main = self.main_child == MainChild::Alive(pid);
        let code = match status {
            WaitStatus::Other => return,
            WaitStatus::Stopped(signal) => {
                if is_main && signal.is_terminal_stop() {
                    self.steps.stop_with_child(signal);
                }
                return;
            }
            WaitStatus::Exited(code) => code,
            WaitStatus::Killed(signal) => signal.wrapping_add(128),
        };
        if !is_main {
            return self.steps.reaped(pid, self.options.warn_on_reap);
        }
        if status == WaitStatus::Killed(Signal::KILL.number()) {
            self.killer = Some(if self.killed_since.is_some() {
                Killer::Deadline
            } else if self.forwarded_kill {
                Killer::Rewrite
            } else {
                Killer::Stranger
            });
        }
        if self.release_at < NEVER {
            self.release_at = NEVER;
            self.steps.drop_signal(self.held, Piece::NO_MAIN_CHILD);
        }
        self.steps.child_ended(status);
        self.main_child = MainChild::Dead;
        if !self.options.remapped.contains(code) {
            self.status = code;
        }
        let group = self.options.target == Target::Group;
        if !self.options.wait_all {
            if group
                && self.options.name == Name::DumbInit
                && let Some(signal) = self.options.rewrites.apply(Signal::TERM)
            {
                self.steps.signal_group(signal);
            }
            return self.end();
        }
        let now = self.steps.now();
        self.began = self.began.or(Some(now));
        if self.killed_since.is_some() {
            self.killed_since = Some(now);
            return self.kill_again(now);
        }
        if self.kill_at == NEVER {
            self.kill_at = now.after(self.options.grace_period.unwrap_or(REST_GRACE));
        }
        self.steps.terminate_rest(group && self.forwarded_term);
    }

    fn kill_again(&mut self, now: Instant) {
        self.kill_at = now.after(KILL_AGAIN);
        self.steps.kill_again();
    }

    /// Nobody is left beside the init.
    pub fn alone(&mut self) {
        if self.waits_for_rest() {
            self.end();
        }
    }

    /// It is now this time, and what [`Self::wake_at`] asked for may have come.
    pub fn woken(&mut self, now: Instant) {
        if self.release_at <= now {
            self.release();
        }
        if self.kill_at > now {
            return;
        }
        let Some(since) = self.killed_since else {
            self.killed_since = Some(now);
            let mut asked = Asked::Rest;
            self.kill_at = now.after(KILL_AGAIN);
            if !self.waits_for_rest() {
                let signal = self.stop_signal.unwrap_or(Signal::TERM);
                asked = match self.options.target {
                    Target::Process => Asked::Child(signal),
                    Target::Group => Asked::Group(signal),
                };
                self.kill_at = NEVER;
            }
            return self
                .steps
                .kill_all(asked, now.since(self.began.unwrap_or(now)));
        };
        let elapsed = now.since(since);
        if elapsed < GIVE_UP {
            return self.kill_again(now);
        }
        self.steps.give_up(elapsed);
        self.end();
    }

    #[inline(never)]
    fn end(&mut self) {
        let elapsed = self.began.map(|began| self.steps.now().since(began));
        self.steps.end(self.status, self.killer, elapsed);
    }
}

#[cfg(test)]
mod exploration;
