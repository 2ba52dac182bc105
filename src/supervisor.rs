//! The state machine that decides everything once the main child runs: an event is a method of [`Supervisor`], a
//! step is a method of [`Steps`]. The heart of the init: read this first.
//!
//! It never calls the kernel, so that a test can show it every sequence of events (`supervisor/exploration.rs`).
//! Its steps carry facts and never wording.

use crate::cli::{Name, Options, Target};
use crate::limits::{
    GIVE_UP, KILL_AGAIN, KILL_AGAIN_AT_LATEST, PATIENT_PLATFORM, REST_GRACE, SAME_STOP, SLOW_STOP,
};
use crate::log::event::DropReason;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::posix::time::{Instant, Milliseconds, Tick};
use crate::posix::wait_status::WaitStatus;

/// The status of an init that gave up on a main child that cannot be killed (contract 7): 128 plus SIGKILL.
const GAVE_UP: u8 = 137;

/// What the init is to the processes below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// PID 1: the kernel ends the whole namespace with it.
    Pid1,
    /// Any other process: whoever it leaves behind lives on.
    Wrapper,
}

/// Who was sent a stop signal or a step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// The main child alone.
    MainChild,
    /// The main child's process group: who was born before this tick.
    Group(Tick),
    /// The rest; the main child is dead.
    Rest,
}

/// The last stop signal or step of the ladder, which whoever has to be killed did not act on (contract 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LastSignal {
    /// Who was sent it; `None` where it could not be sent.
    pub asked: Option<Asked>,
    /// Which signal.
    pub signal: Signal,
}

/// What a deadline is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Since {
    /// The shutdown began then.
    ShutdownBegan(Instant),
    /// No stop signal had come, and the main child ended then.
    MainChildEnded(Instant),
}

/// Who sent the SIGKILL that the main child died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Killer {
    /// The init, at the deadline.
    Deadline,
    /// The init, because another signal was rewritten to KILL.
    Rewrite,
    /// Somebody else, or the kernel.
    Outside,
}

/// What there is to explain about the main child's death (contract 7.1 to 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Death {
    /// Nothing: it ended well, or of a signal that was forwarded.
    Ordinary,
    /// It died of SIGKILL.
    Killed(Killer),
    /// It died of a signal that tells of a crash and that the init did not forward.
    Crashed {
        /// Which signal.
        signal: Signal,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
    /// It failed by itself: its status is neither 0 nor 128 plus a forwarded signal.
    Failed,
}

/// Whether the init has to die of the SIGINT that its main child died of (contract 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// No.
    None,
    /// Yes, and its process group has to get the signal: the terminal sent it to the main child's group alone.
    Group,
    /// Yes, alone: the terminal has signalled its group already.
    Alone,
}

/// How the init ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ending {
    /// The exit status (contract 7).
    pub status: u8,
    /// The main child's death; `None` for a pause process, a failed execve(2), or a main child that cannot be killed.
    pub death: Option<Death>,
    /// Whether the main child exited with 0.
    pub exited_well: bool,
    /// Whether the init dies of SIGINT instead.
    pub interrupt: Interrupt,
    /// When the shutdown began, if one did.
    pub shutdown_began: Option<Instant>,
    /// When a stop signal, or a step of the ladder, last went to the main child's whole group, if ever.
    pub group_was_asked: Option<Tick>,
    /// Whether SIGKILL was sent to all that are left.
    pub all_killed: bool,
}

/// What the supervisor can do. [`crate::actions`] carries it out, a test records it.
pub trait Steps {
    /// Reads the monotonic clock.
    fn now(&mut self) -> Instant;
    /// Reads the clock by which births are counted.
    fn tick(&mut self) -> Tick;
    /// Whether the init's own acts raised the signal (contract 3.5). Called once for each that was received: what was
    /// expected has come then.
    fn take_own(&mut self, received: &Received) -> bool;
    /// Whether the init has inherited this signal as ignored (contract 6.1).
    fn is_ignored(&mut self, signal: Signal) -> bool;
    /// Whether the main child's process group is the terminal's foreground (contract 5.5).
    fn child_has_foreground(&mut self) -> bool;
    /// Forwards a signal to the target. `received` is what came, rewritten to the signal that is sent. Returns whether it
    /// could be sent.
    fn forward(&mut self, target: Target, received: &Received) -> bool;
    /// Says that a received signal goes nowhere, and why.
    fn drop_signal(&mut self, signal: Signal, reason: DropReason);
    /// Says that the shutdown began with this signal, and how long it is held back.
    fn begin_shutdown(&mut self, signal: Signal, delay: Option<Milliseconds>);
    /// Sends a signal of the ladder, in a shutdown that began then (contract 6.8). Returns whether it could be sent.
    fn escalate(&mut self, to: Asked, signal: Signal, began: Instant) -> bool;
    /// Names a main child that still lives long after the stop signal was forwarded (contract 6.9).
    fn name_slow_child(&mut self, last: LastSignal);
    /// Stops the init itself, as dumb-init does (contract 10.3).
    fn stop_itself(&mut self);
    /// The main child was stopped by this signal: stops with it, resumes it or leaves it (contract 5.2, 5.3).
    fn child_stopped(&mut self, signal: Signal, in_shutdown: bool);
    /// Another child was reaped, and how it ended (contract 4.2). `explain` is whether a SIGKILL is to be explained: by
    /// PID 1, as long as it cannot have been its own (contract 7.2).
    fn reaped(&mut self, pid: Pid, status: WaitStatus, explain: bool);
    /// Says how the main child ended. Returns whether it ever was the command: an execve(2) that failed explains
    /// itself.
    fn main_child_ended(&mut self, pid: Pid, status: WaitStatus) -> bool;
    /// Sends a signal to the main child's process group, which may outlive it.
    fn signal_group(&mut self, signal: Signal);
    /// Asks the rest to end (contract 6.4), but nobody again whom a SIGTERM to the main child's group in this tick has
    /// reached.
    fn terminate_rest(&mut self, group_has_term: Option<Tick>);
    /// Looks at the main child and sends it SIGKILL, whatever it saw. Nothing comes before this.
    fn kill_main_child(&mut self, main_child: Pid, last: LastSignal);
    /// Looks at the rest and sends it SIGKILL.
    fn kill_rest(&mut self, last: LastSignal);
    /// Says who had to be killed, and what they did about the last signal (contract 6.6).
    fn report_killed(&mut self, signal: Signal, since: Since);
    /// Sends SIGKILL again, to whoever was born meanwhile or seen late.
    fn kill_again(&mut self, main_child: Option<Pid>);
    /// Says that some processes still live, or are not reaped yet, although SIGKILL was sent then.
    fn give_up(&mut self, since: Instant);
    /// Ends the init. No step follows.
    fn end(&mut self, ending: &Ending);
}

/// What the init is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The main child lives.
    Running { main_child: Pid },
    /// There is no main child, and no stop signal has come (contract 9).
    Paused,
    /// The main child is dead, or the pause is over, and the rest is waited for.
    WaitingForRest(Ended),
}

/// How the main child or the pause has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ended {
    status: u8,
    death: Option<Death>,
    exited_well: bool,
    interrupt: Interrupt,
    at: Instant,
}

impl Ended {
    /// There is no wait status: after a pause, or where the main child cannot be killed.
    const fn without_main_child(status: u8, at: Instant) -> Self {
        Self {
            status,
            death: None,
            exited_well: false,
            interrupt: Interrupt::None,
            at,
        }
    }
}

/// The first stop signal while it is held back, and what came with it (contract 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    until: Instant,
    first: Received,
    /// Other stop signals of the same stop.
    others: SignalSet,
    /// Those of them that the terminal sent.
    from_terminal: SignalSet,
}

impl Held {
    /// All that is held, the first stop signal first. Of each other one only its number was kept, and whether the
    /// terminal sent it.
    fn all(self) -> impl Iterator<Item = Received> {
        let others = Signal::all().filter(move |signal| self.others.contains(*signal));
        let others = others.map(move |signal| Received {
            code: if self.from_terminal.contains(signal) {
                Code::Terminal
            } else {
                Code::User
            },
            ..Received::from_nobody(signal)
        });
        core::iter::once(self.first).chain(others)
    }
}

/// A shutdown that a stop signal began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shutdown {
    began: Instant,
    held: Option<Held>,
    /// When the first stop signal was forwarded.
    forwarded: Option<Instant>,
    /// When a main child that still lives is named.
    slow_at: Option<Instant>,
    /// How many steps of the ladder were taken.
    escalations: usize,
}

/// When SIGKILL goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Deadline {
    at: Instant,
    since: Since,
}

/// SIGKILL was sent, and is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Killing {
    /// When the first SIGKILLs were out.
    since: Instant,
    /// When they are repeated, or the init gives up.
    again_at: Instant,
}

/// What the init has decided so far.
#[derive(Clone, Debug)]
pub struct Supervisor<'a, S> {
    /// Carries out what is decided.
    pub steps: S,
    options: &'a Options,
    role: Role,
    phase: Phase,
    shutdown: Option<Shutdown>,
    /// Once set it never moves.
    deadline: Option<Deadline>,
    killing: Option<Killing>,
    /// The signals that the init has sent to the main child, or tried to, but for those of the terminal.
    sent_for_others: SignalSet,
    /// What the signals of the terminal were forwarded as, or were to be.
    sent_for_terminal: SignalSet,
    last_signal: LastSignal,
    /// When the main child's whole group last had SIGTERM, if ever.
    group_has_term: Option<Tick>,
    /// When the main child's whole group last had a stop signal or a step of the ladder, if ever.
    group_was_asked: Option<Tick>,
}

impl<'a, S: Steps> Supervisor<'a, S> {
    /// Starts with a main child that was just forked, or with none for a pause process.
    #[must_use]
    pub fn new(options: &'a Options, role: Role, main_child: Option<Pid>, steps: S) -> Self {
        Self {
            steps,
            options,
            role,
            phase: main_child.map_or(Phase::Paused, |main_child| Phase::Running { main_child }),
            shutdown: None,
            deadline: None,
            killing: None,
            sent_for_others: SignalSet::EMPTY,
            sent_for_terminal: SignalSet::EMPTY,
            last_signal: LastSignal {
                asked: None,
                signal: Signal::TERM,
            },
            group_has_term: None,
            group_was_asked: None,
        }
    }

    /// When [`Self::timer_expired`] wants to be called; `None` while nothing but a signal matters.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        if let Some(killing) = self.killing {
            return Some(killing.again_at);
        }
        let shutdown = self.shutdown.as_ref();
        let times = [
            self.deadline.map(|deadline| deadline.at),
            shutdown
                .and_then(|shutdown| shutdown.held)
                .map(|held| held.until),
            shutdown.and_then(|shutdown| shutdown.slow_at),
            self.next_escalation().map(|(at, _)| at),
        ];
        times.into_iter().flatten().min()
    }

    /// Whether the main child lives, as far as is known.
    #[must_use]
    pub const fn has_main_child(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Whether the init only waits for the rest, so that [`Self::nobody_left`] is to be called.
    #[must_use]
    pub const fn waits_for_rest(&self) -> bool {
        matches!(self.phase, Phase::WaitingForRest(_))
    }

    // ---- Signals ----

    /// A signal other than SIGCHLD was received (contract 3.1, 3.3). It is a stop signal as received or as forwarded
    /// (contract 6.1).
    pub fn received(&mut self, received: &Received) {
        let signal = received.signal;
        if self.steps.take_own(received) {
            return self.steps.drop_signal(signal, DropReason::CausedByPidling);
        }
        let Some(forwarded) = self.options.rewrites.apply(signal) else {
            return self.steps.drop_signal(signal, DropReason::RewrittenTo0);
        };
        let is_stop = self.options.is_stop_signal(signal);
        let rewritten = Received {
            signal: forwarded,
            ..*received
        };
        match self.phase {
            Phase::Running { .. } => {
                if is_stop && !self.steps.is_ignored(signal) {
                    self.stop_signal(signal, &rewritten);
                } else {
                    let _ = self.forward(&rewritten);
                }
                if self.options.name == Name::DumbInit
                    && signal.is_terminal_stop()
                    && self.shutdown.is_none()
                {
                    self.steps.stop_itself();
                }
            }
            Phase::Paused if is_stop => self.stop_signal(signal, &rewritten),
            Phase::Paused | Phase::WaitingForRest(_) => {
                self.steps.drop_signal(signal, DropReason::NoMainChild);
            }
        }
    }

    /// A stop signal came, and is to be forwarded as `received` now says (contract 6.1, 6.2): the first begins the
    /// shutdown, and may be held back; a later one ends the delay.
    fn stop_signal(&mut self, signal: Signal, received: &Received) {
        let now = self.steps.now();
        let Some(shutdown) = &mut self.shutdown else {
            let delay = self.options.stop_delay;
            self.deadline = self.options.grace_period.map(|grace| Deadline {
                at: now.after(grace),
                since: Since::ShutdownBegan(now),
            });
            self.shutdown = Some(Shutdown {
                began: now,
                held: delay.map(|delay| Held {
                    until: now.after(delay),
                    first: *received,
                    others: SignalSet::EMPTY,
                    from_terminal: SignalSet::EMPTY,
                }),
                forwarded: None,
                slow_at: None,
                escalations: 0,
            });
            self.steps.begin_shutdown(signal, delay);
            self.note_asked(None, received.signal);
            if delay.is_none() {
                self.forward_stop(received, now);
            }
            return;
        };
        if let Some(held) = &mut shutdown.held
            && now < shutdown.began.after(SAME_STOP)
        {
            let forwarded = received.signal;
            if forwarded != held.first.signal {
                held.others = held.others.with(forwarded);
                if received.code == Code::Terminal {
                    held.from_terminal = held.from_terminal.with(forwarded);
                }
            }
            return;
        }
        self.release(now);
        self.forward_stop(received, now);
    }

    /// Forwards what is held back, if anything is.
    fn release(&mut self, now: Instant) {
        for received in self.take_held() {
            self.forward_stop(&received, now);
        }
    }

    /// Takes out the stop signals that are held back.
    fn take_held(&mut self) -> impl Iterator<Item = Received> + use<S> {
        let shutdown = self.shutdown.as_mut();
        let held = shutdown.and_then(|shutdown| shutdown.held.take());
        held.into_iter().flat_map(Held::all)
    }

    /// Hands a stop signal on: to the main child, or to a pause, which ends with it.
    fn forward_stop(&mut self, received: &Received, now: Instant) {
        if let Some(shutdown) = &mut self.shutdown
            && shutdown.forwarded.is_none()
        {
            shutdown.forwarded = Some(now);
            let has_main_child = matches!(self.phase, Phase::Running { .. });
            if has_main_child && self.options.grace_period.is_none() {
                shutdown.slow_at = Some(now.after(SLOW_STOP));
            }
        }
        match self.phase {
            Phase::Running { .. } => {
                let asked = self.forward(received);
                self.note_asked(asked, received.signal);
            }
            Phase::Paused => {
                self.wait_for_rest_or_end(Ended::without_main_child(0, now));
            }
            Phase::WaitingForRest(_) => {}
        }
    }

    /// Sends a signal on to the target (contract 3.2). Returns who got it, if anybody.
    fn forward(&mut self, received: &Received) -> Option<Asked> {
        let signal = received.signal;
        let target = if received.code == Code::Terminal {
            self.sent_for_terminal = self.sent_for_terminal.with(signal);
            Target::Group
        } else {
            self.sent_for_others = self.sent_for_others.with(signal);
            self.options.target
        };
        let asked = self.asked_by_next(target);
        let was_sent = self.steps.forward(target, received);
        let asked = was_sent.then_some(asked);
        self.note_term(asked, signal);
        asked
    }

    /// Who gets a signal that is sent to the target next. The clock is read before it is sent, so that whoever is born
    /// after it never counts as older.
    fn asked_by_next(&mut self, target: Target) -> Asked {
        match target {
            Target::MainChild => Asked::MainChild,
            Target::Group => Asked::Group(self.steps.tick()),
        }
    }

    /// Notes that the main child's whole group has had a SIGTERM, if it has.
    fn note_term(&mut self, asked: Option<Asked>, signal: Signal) {
        if let (Some(Asked::Group(at)), Signal::TERM) = (asked, signal) {
            self.group_has_term = Some(at);
        }
    }

    /// Notes who was sent a stop signal or a step of the ladder, if anybody was.
    fn note_asked(&mut self, asked: Option<Asked>, signal: Signal) {
        self.last_signal = LastSignal { asked, signal };
        if let Some(Asked::Group(at)) = asked {
            self.group_was_asked = Some(at);
        }
    }

    // ---- Children ----

    /// A child changed state: it is dead and was reaped, or it was stopped, which is not the same (contract 4.3).
    pub fn child_changed_state(&mut self, pid: Pid, status: WaitStatus) {
        let is_main_child =
            matches!(self.phase, Phase::Running { main_child } if main_child == pid);
        match (status.exit_status(), status) {
            (Some(exit_status), _) if is_main_child => {
                self.main_child_reaped(pid, status, exit_status);
            }
            (Some(_), _) => {
                let is_explainable = self.killing.is_none() && self.role == Role::Pid1;
                self.steps.reaped(pid, status, is_explainable);
            }
            (None, WaitStatus::Stopped(signal)) if is_main_child => {
                self.steps.child_stopped(signal, self.shutdown.is_some());
            }
            (None, _) => {}
        }
    }

    /// The main child is dead.
    fn main_child_reaped(&mut self, pid: Pid, status: WaitStatus, exit_status: u8) {
        for held in self.take_held() {
            self.steps.drop_signal(held.signal, DropReason::NoMainChild);
        }
        let was_command = self.steps.main_child_ended(pid, status);
        let ended = Ended {
            status: self.options.remap(exit_status),
            death: was_command.then(|| self.death(status, exit_status)),
            exited_well: was_command && exit_status == 0,
            interrupt: self.interrupt(status, exit_status),
            at: self.steps.now(),
        };
        self.wait_for_rest_or_end(ended);
    }

    /// What there is to explain about the main child's death (contract 7.1 to 7.3).
    fn death(&self, status: WaitStatus, exit_status: u8) -> Death {
        let was_sent = |signal| {
            self.sent_for_others.contains(signal) || self.sent_for_terminal.contains(signal)
        };
        match status {
            WaitStatus::Killed { signal, .. } if signal == Signal::KILL => {
                Death::Killed(if self.killing.is_some() {
                    Killer::Deadline
                } else if was_sent(signal) {
                    Killer::Rewrite
                } else {
                    Killer::Outside
                })
            }
            WaitStatus::Killed {
                signal,
                core_dumped,
            } if signal.tells_of_a_crash() && !was_sent(signal) => Death::Crashed {
                signal,
                core_dumped,
            },
            WaitStatus::Killed { .. }
            | WaitStatus::Exited(_)
            | WaitStatus::Stopped(_)
            | WaitStatus::Other => {
                let signal = exit_status.checked_sub(128).and_then(Signal::new);
                if exit_status == 0 || signal.is_some_and(was_sent) {
                    Death::Ordinary
                } else {
                    Death::Failed
                }
            }
        }
    }

    /// Whether the init has to die of its main child's SIGINT (contract 5.5).
    fn interrupt(&mut self, status: WaitStatus, exit_status: u8) -> Interrupt {
        if self.role == Role::Pid1
            || status.killed_by() != Some(Signal::INT)
            || self.options.remapped.contains(exit_status)
            || self.sent_for_others.contains(Signal::INT)
            || self.steps.is_ignored(Signal::INT)
        {
            Interrupt::None
        } else if self.steps.child_has_foreground() {
            Interrupt::Group
        } else if self.sent_for_terminal.contains(Signal::INT) {
            Interrupt::Alone
        } else {
            Interrupt::None
        }
    }

    /// The main child is dead, or the pause is over: ends, or waits for the rest (contract 4.4, 6.4).
    fn wait_for_rest_or_end(&mut self, ended: Ended) {
        self.phase = Phase::WaitingForRest(ended);
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.slow_at = None;
        }
        if self.killing.is_some() {
            // The rest of PID 1 ends with it. Whoever of a wrapper's rest SIGKILL has missed would live on, and gets it
            // in the next round.
            if self.role == Role::Pid1 && !self.options.wait_all {
                self.end(ended);
            }
            return;
        }
        if !self.options.wait_all {
            // A command that was never executed has left nobody behind.
            if self.options.name == Name::DumbInit
                && self.options.target == Target::Group
                && ended.death.is_some()
                && let Some(signal) = self.options.rewrites.apply(Signal::TERM)
            {
                self.group_was_asked = Some(self.steps.tick());
                self.steps.signal_group(signal);
            }
            return self.end(ended);
        }
        if self.deadline.is_none() {
            self.deadline = Some(self.deadline_of_rest(ended.at));
        }
        self.note_asked(Some(Asked::Rest), Signal::TERM);
        self.steps.terminate_rest(self.group_has_term);
    }

    /// How long the rest may take after an end at this time (contract 6.4).
    fn deadline_of_rest(&self, ended: Instant) -> Deadline {
        let since = match self.shutdown {
            Some(shutdown) => Since::ShutdownBegan(shutdown.began),
            None => Since::MainChildEnded(ended),
        };
        let forwarded = self.shutdown.and_then(|shutdown| shutdown.forwarded);
        let at = match (self.options.grace_period, forwarded) {
            // No stop signal has come, or it would have set the deadline.
            (Some(grace), _) => ended.after(grace),
            (None, Some(forwarded)) if ended.since(forwarded) <= PATIENT_PLATFORM => {
                forwarded.after(REST_GRACE)
            }
            (None, _) => ended.after(REST_GRACE),
        };
        Deadline { at, since }
    }

    /// While the rest is waited for: nobody is left beside the init.
    pub fn nobody_left(&mut self) {
        if let Phase::WaitingForRest(ended) = self.phase {
            self.end(ended);
        }
    }

    // ---- Time ----

    /// It is `now`, and the time that [`Self::next_timer`] gave may have come. The deadline is looked at first.
    pub fn timer_expired(&mut self, now: Instant) {
        if let Some(killing) = self.killing {
            return self.keep_killing(killing, now);
        }
        if let Some(Deadline { at, since }) = self.deadline
            && at <= now
        {
            return self.kill(now, since);
        }
        let Some(Shutdown {
            began,
            held,
            slow_at,
            ..
        }) = self.shutdown
        else {
            return;
        };
        // One thing at a time: if more is due, the loop comes back at once.
        if held.is_some_and(|held| held.until <= now) {
            self.release(now);
        } else if let Some((at, signal)) = self.next_escalation()
            && at <= now
        {
            self.escalate(signal, began);
        } else if slow_at.is_some_and(|slow_at| slow_at <= now) {
            if let Some(shutdown) = &mut self.shutdown {
                shutdown.slow_at = None;
            }
            self.steps.name_slow_child(self.last_signal);
        }
    }

    /// When the next step of the ladder is due, and its signal.
    fn next_escalation(&self) -> Option<(Instant, Signal)> {
        let shutdown = self.shutdown.as_ref()?;
        let step = self.options.ladder.iter().nth(shutdown.escalations)?;
        Some((shutdown.began.after(step.after), step.signal))
    }

    /// Takes the next step of the ladder (contract 6.8).
    fn escalate(&mut self, signal: Signal, began: Instant) {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.escalations = shutdown.escalations.saturating_add(1);
        }
        let to = match self.phase {
            Phase::Running { .. } | Phase::Paused => self.asked_by_next(self.options.target),
            Phase::WaitingForRest(_) => Asked::Rest,
        };
        if to != Asked::Rest {
            self.sent_for_others = self.sent_for_others.with(signal);
        }
        let was_sent = self.steps.escalate(to, signal, began);
        let asked = was_sent.then_some(to);
        self.note_term(asked, signal);
        self.note_asked(asked, signal);
    }

    /// The deadline has passed (contract 6.3): the main child first, then the rest, then words.
    fn kill(&mut self, now: Instant, since: Since) {
        let last = self.last_signal;
        match self.phase {
            Phase::Running { main_child } => {
                self.steps.kill_main_child(main_child, last);
            }
            // Only where the init did not run between the end of the delay and the deadline: the stop signal is still
            // held back.
            Phase::Paused => {
                self.phase = Phase::WaitingForRest(Ended::without_main_child(0, now));
            }
            Phase::WaitingForRest(_) => {}
        }
        self.steps.kill_rest(last);
        self.plan_next_round(None, now);
        self.steps.report_killed(last.signal, since);
    }

    /// SIGKILL went out between `began` and now. Nobody was reaped meanwhile, so before it is repeated comes as long a
    /// pause.
    fn plan_next_round(&mut self, before: Option<Killing>, began: Instant) {
        let now = self.steps.now();
        let pause = now.since(began).clamp(KILL_AGAIN, KILL_AGAIN_AT_LATEST);
        self.killing = Some(Killing {
            since: before.map_or(now, |before| before.since),
            again_at: now.after(pause),
        });
    }

    /// SIGKILL was sent and somebody is still there (contract 6.3).
    fn keep_killing(&mut self, killing: Killing, now: Instant) {
        if now < killing.again_at {
            return;
        }
        if now >= killing.since.after(GIVE_UP) {
            self.steps.give_up(killing.since);
            let ended = match self.phase {
                Phase::WaitingForRest(ended) => ended,
                Phase::Running { .. } | Phase::Paused => {
                    Ended::without_main_child(self.options.remap(GAVE_UP), now)
                }
            };
            self.end(ended);
        } else {
            let main_child = match self.phase {
                Phase::Running { main_child } => Some(main_child),
                Phase::Paused | Phase::WaitingForRest(_) => None,
            };
            self.steps.kill_again(main_child);
            self.plan_next_round(Some(killing), now);
        }
    }

    /// Ends the init, after the main child or the pause has ended like this.
    fn end(&mut self, ended: Ended) {
        self.steps.end(&Ending {
            status: ended.status,
            death: ended.death,
            interrupt: ended.interrupt,
            shutdown_began: self.shutdown.map(|shutdown| shutdown.began),
            exited_well: ended.exited_well,
            group_was_asked: self.group_was_asked,
            all_killed: self.killing.is_some(),
        });
    }
}

#[cfg(test)]
mod exploration;
