//! The loop: sleep until a signal or the deadline comes, reap in batches, turn both into events for
//! the supervisor, and carry out its steps. Nothing in here can end the init but [`Steps::end`].

use crate::log::Log;
use crate::messages::{Message, Value};
use crate::options::{Options, Target};
use crate::packed::Piece;
use crate::posix::duration::{Instant, Milliseconds};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::posix::wait_status::WaitStatus;
use crate::process_table::{self, ProcessTable, Task};
use crate::supervisor::{Asked, Killer, Steps, Supervisor};
use crate::sys::{self, Recipient};
use crate::terminal::Foreground;

/// How many children are reaped between two looks at the pending signals (contract 3.7), and how many
/// signals are received between two looks at the children and the clock.
const BATCH: u8 = 32;

/// How often to ask for processes that are no descendants of PID 1 although they are in its
/// namespace, put there by setns(2): their death sends no SIGCHLD. Only while the rest is waited for.
const LOOK_FOR_STRANGERS: Milliseconds = Milliseconds(100);

/// How long to pause after an error that no kernel gives, so that it cannot take the whole processor.
const PAUSE_AFTER_ERROR: Milliseconds = Milliseconds(100);

/// The loop's own state, and the supervisor with what carries its steps out.
pub struct EventLoop<'a> {
    supervisor: Supervisor<'a, Actions<'a>>,
    /// Children may have changed state. SIGCHLDs coalesce, signal(7), so these are not only those named.
    unreaped: bool,
    /// Reaps left until the next look at the pending signals.
    batch: u8,
    /// Signals received, modulo 256.
    signals: u8,
    /// The init has no children, but is not alone in its namespace.
    strangers: bool,
}

/// All that the steps work with.
struct Actions<'a> {
    /// Whose the terminal is.
    foreground: Foreground,
    /// The init, the main child, the rest and the log.
    processes: ProcessTable<'a>,
}

impl<'a> EventLoop<'a> {
    /// A loop for a main child that was just started, or for none but the init itself.
    #[must_use]
    pub fn new(
        options: &'a Options,
        own: Pid,
        child: Pid,
        foreground: Foreground,
        log: &'a mut Log<'a>,
    ) -> Self {
        let actions = Actions {
            foreground,
            processes: ProcessTable {
                own,
                child,
                log,
                count: 0,
            },
        };
        Self {
            supervisor: Supervisor::new(options, child, actions),
            // They may have died before the init was there to block SIGCHLD.
            unreaped: true,
            batch: BATCH,
            signals: 0,
            strangers: false,
        }
    }

    /// Runs until the supervisor ends the init. `missed` is a signal that came before the loop could see it.
    pub fn run(&mut self, mut missed: Option<Signal>) -> ! {
        loop {
            let mut child = None;
            if !self.unreaped || self.batch == 0 {
                let Some(sender) = self.look(&mut missed) else {
                    continue;
                };
                // The kernel finds a child that is named without a walk along all of them.
                child = Pid::new(sender);
            }
            self.reap(child);
        }
    }

    /// Waits for a signal, or until the supervisor wants to be woken. After a full batch of reaps it
    /// only looks, and at all signals but SIGCHLD, of which there may be no end (contract 3.7). Returns the
    /// number of the process that SIGCHLD names, if that has come.
    fn look(&mut self, missed: &mut Option<Signal>) -> Option<i32> {
        let (mut signals, mut timeout) = (SignalSet::ALL, sys::FOREVER);
        let mut at = self.supervisor.wake_at();
        if self.batch == 0 {
            (signals, timeout) = (SignalSet::ALL.without(Signal::CHLD), Milliseconds(0));
            at = Instant::EVER;
        } else if at < Instant::NEVER {
            let now = sys::monotonic();
            // While there are strangers, the rest is waited for until a deadline.
            if self.strangers {
                at = at.min(now.after(LOOK_FOR_STRANGERS));
            }
            timeout = at.until(now);
        } else {
            // A timeout that there is none of is not over, whatever a sandbox says.
            at = Instant::EVER;
        }
        let mut result = match missed.take() {
            None => sys::wait_for_signal(signals, timeout),
            Some(signal) => Ok(Received::from_nobody(signal)),
        };
        match &mut result {
            Ok(Received {
                signal: Signal::CHLD,
                sender,
                ..
            }) => {
                self.unreaped = true;
                return Some(sender.pid);
            }
            Ok(received) => {
                self.supervisor.received(received);
                // In a storm, one reap for each signal; in a flood, all else after each batch of signals.
                self.batch = self.batch.max(1);
                self.signals = self.signals.wrapping_add(1);
                if !self.signals.is_multiple_of(BATCH) {
                    return None;
                }
                at = Instant::EVER;
            }
            // It is this time now, even where the clock cannot be read.
            Err(Errno::EAGAIN) => {}
            Err(error) => {
                at = Instant::EVER;
                if *error != Errno::EINTR {
                    sys::sleep(PAUSE_AFTER_ERROR);
                }
            }
        }
        self.batch = BATCH;
        self.unreaped = true;
        self.supervisor.woken(at.max(sys::monotonic()));
        None
    }

    /// Reaps this child or any, if it is there to be reaped.
    fn reap(&mut self, child: Option<Pid>) {
        let result = sys::wait(child);
        match result {
            Ok((Some(pid), status)) => {
                self.batch = self.batch.saturating_sub(1);
                self.supervisor.changed(pid, WaitStatus::from_raw(status));
            }
            Err(error) if error != Errno::ECHILD => {
                sys::sleep(PAUSE_AFTER_ERROR);
                self.batch = 0;
            }
            Ok((None, _)) | Err(_) => {
                if child.is_some() {
                    // Of SIGCHLDs that anybody sends, too, there may be no end.
                    self.batch = self.batch.saturating_sub(1);
                } else {
                    self.unreaped = false;
                    self.strangers = false;
                    if result.is_err() && self.supervisor.waits_for_rest() {
                        self.strangers = self.supervisor.steps.processes.own == Pid::INIT
                            && sys::kill(Recipient::EVERYONE, None).is_ok();
                        if !self.strangers {
                            self.supervisor.alone();
                        }
                    }
                }
            }
        }
    }
}

impl Actions<'_> {
    fn own(&self) -> Pid {
        self.processes.own
    }

    fn child(&self) -> Pid {
        self.processes.child
    }

    /// Sends a signal where no failure matters.
    #[inline(never)]
    fn kill(&mut self, recipient: Recipient, signal: Signal) {
        let result = sys::kill(recipient, Some(signal));
        self.processes.log.ignored(Piece::KILL, result);
    }

    /// Says a message of at most two fields.
    fn say(&mut self, message: Message, first: impl Into<Value>, second: impl Into<Value>) {
        self.processes.log.say(message, first, second);
    }

    /// Says a message whose field is the length of time since then.
    #[inline(never)]
    fn say_length(&mut self, message: Message, since: Instant) {
        let length = sys::monotonic().since(since);
        self.say(message, length, Value::NONE);
    }

    /// Says who killed the main child with SIGKILL, as far as can be known (contract 7.1).
    fn explain(&mut self, killer: Killer) {
        let mut oom_kills = 0;
        let mut message = Message::SigkillExplained;
        let mut words = match killer {
            Killer::Deadline => Piece::BY_DEADLINE,
            Killer::Rewrite => Piece::BY_REWRITE,
            Killer::Stranger => Piece::FROM_OUTSIDE,
        };
        if killer == Killer::Stranger {
            message = Message::SigkillUncounted;
            if let Some(count) = process_table::oom_kill_count() {
                message = Message::SigkillCounted;
                oom_kills = count;
                if count > 0 {
                    words = Piece::NOT_BY_PIDLING;
                }
            }
        }
        let values = [
            self.child().into(),
            words.into(),
            oom_kills.into(),
            Value::NONE,
        ];
        self.processes.log.say_all(message, b"", &values);
    }
}

impl Steps for Actions<'_> {
    fn now(&mut self) -> Instant {
        sys::monotonic()
    }

    /// SIGPIPE and SIGXFSZ of a log line, SIGHUP and SIGCONT of a released terminal; and the limit of
    /// processor time is each process's own, setrlimit(2).
    fn is_own(&self, received: &Received) -> bool {
        (received.code == Code::USER && received.sender.pid == self.own().number())
            || (received.code == Code::KERNEL && received.signal == Signal::XCPU)
    }

    /// No failure matters (contract 3.6).
    fn forward(&mut self, target: Target, received: &Received) {
        let signal = received.signal;
        let child = self.child();
        let mut message = Message::Forwarded;
        let mut result = Err(Errno::ESRCH);
        if target == Target::Group {
            message = Message::ForwardedToGroup;
            result = sys::kill(Recipient::group(child), Some(signal));
        } else if received.code == Code::QUEUE {
            result = sys::queue_signal(child, signal, &received.sender);
        }
        // Nobody is in the group any more; or queueing is refused, by a limit or a sandbox, and a signal
        // without its value is better than none.
        if result.is_err() {
            message = Message::Forwarded;
            result = sys::kill(Recipient::process(child), Some(signal));
        }
        if result.is_ok() {
            self.say(message, signal, child);
        }
        self.processes.log.ignored(Piece::KILL, result);
    }

    fn drop_signal(&mut self, signal: Signal, reason: Piece) {
        // A line about a signal that a line has caused would cause it again, without end.
        if reason != Piece::CAUSED_BY_PIDLING || !matches!(signal, Signal::PIPE | Signal::XFSZ) {
            self.say(Message::Dropped, signal, reason);
        }
    }

    fn begin_shutdown(&mut self, signal: Signal, delay: Milliseconds) {
        self.say(Message::ShutdownBegan, signal, Value::NONE);
        if delay > Milliseconds(0) {
            self.say(Message::StopDelayed, signal, delay);
        }
    }

    fn stop_itself(&mut self) {
        self.kill(Recipient::process(self.own()), Signal::STOP);
    }

    fn stop_with_child(&mut self, signal: Signal) {
        self.say(Message::ChildStopped, self.child(), signal);
        if self.foreground.stop_with(self.own(), self.child(), signal) {
            self.say(Message::ChildResumed, self.child(), Value::NONE);
        }
    }

    fn reaped(&mut self, pid: Pid, warn: bool) {
        let message = if warn {
            Message::ReapedWarning
        } else {
            Message::Reaped
        };
        self.say(message, pid, Value::NONE);
    }

    fn child_ended(&mut self, status: WaitStatus) {
        let (message, number) = match status.killed_by() {
            Some(signal) => (Message::ChildKilled, signal.number()),
            None => (Message::ChildExited, status.exit_status()),
        };
        self.say(message, self.child(), number);
    }

    fn signal_group(&mut self, signal: Signal) {
        self.kill(Recipient::group(self.child()), signal);
    }

    fn terminate_rest(&mut self, spare_group: bool) {
        let task = if spare_group {
            Task::SignalOutsideGroup
        } else {
            Task::Signal
        };
        self.processes.signal(task, Signal::TERM);
    }

    #[inline(never)]
    fn kill_all(&mut self, asked: Asked, signal: Signal, began: Instant) {
        self.processes.list_survivors(Task::List(asked), signal);
        self.kill_again();
        self.say_length(Message::Killed, began);
    }

    #[inline(never)]
    fn kill_again(&mut self) {
        self.processes.signal(Task::Signal, Signal::KILL);
    }

    fn give_up(&mut self, since: Instant) {
        self.say_length(Message::Unkillable, since);
    }

    fn end(&mut self, status: u8, killer: Option<Killer>, began: Instant) {
        if let Some(killer) = killer {
            self.explain(killer);
        }
        if began < Instant::NEVER {
            self.say_length(Message::ShutdownTook, began);
        }
        self.say(Message::Exit, status, Value::NONE);
        let child = self.child();
        self.foreground.take_back(child);
        sys::exit(status);
    }
}
