//! The loop: sleep until a signal or the deadline comes, reap in batches, turn both into events for
//! the supervisor, and carry out its steps. Nothing in here can end the init but [`Steps::end`].

use crate::log::Log;
use crate::messages::Message;
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

/// A time that has always come.
const EVER: Instant = Instant::new(0);

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
    /// The exit status, once the init is to end.
    status: Option<u8>,
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
            processes: ProcessTable { own, child, log },
            status: None,
        };
        Self {
            supervisor: Supervisor::new(options, (child != own).then_some(child), actions),
            // They may have died before the init was there to block SIGCHLD.
            unreaped: true,
            batch: BATCH,
            signals: 0,
            strangers: false,
        }
    }

    /// Runs until the supervisor ends it, and returns the exit status. `missed` is a signal that came
    /// before the loop could see it.
    #[inline(never)]
    pub fn run(&mut self, missed: Option<Signal>) -> u8 {
        if let Some(signal) = missed {
            self.supervisor.received(&Received::from_nobody(signal));
        }
        loop {
            if let Some(status) = self.supervisor.steps.status {
                return status;
            }
            if self.unreaped && self.batch > 0 {
                self.reap(None);
            } else {
                self.look();
            }
        }
    }

    /// Waits for a signal, or until the supervisor wants to be woken. After a full batch of reaps it
    /// only looks, and at all signals but SIGCHLD, of which there may be no end (contract 3.7).
    fn look(&mut self) {
        let (mut signals, mut timeout) = (SignalSet::ALL, sys::FOREVER);
        // The time that it is once the timeout is over, even where the clock cannot be read.
        let mut then = EVER;
        if self.batch == 0 {
            (signals, timeout) = (SignalSet::ALL.without(Signal::CHLD), Milliseconds(0));
        } else if let Some(at) = self.supervisor.wake_at() {
            let mut length = at.since(sys::monotonic());
            // While there are strangers, the rest is waited for until a deadline.
            if self.strangers && length > LOOK_FOR_STRANGERS {
                length = LOOK_FOR_STRANGERS;
            } else {
                then = at;
            }
            timeout = length;
        }
        let due = match sys::wait_for_signal(signals, timeout) {
            Ok(Received {
                signal: Signal::CHLD,
                sender,
                ..
            }) => {
                self.unreaped = true;
                // The kernel finds a child that is named without a walk along all of them.
                self.reap(Pid::new(sender.pid));
                None
            }
            Ok(received) => {
                self.supervisor.received(&received);
                // In a storm, one reap for each signal; in a flood, all else after each batch of signals.
                self.batch = self.batch.max(1);
                self.signals = self.signals.wrapping_add(1);
                self.signals.is_multiple_of(BATCH).then_some(EVER)
            }
            Err(Errno::EAGAIN) => Some(then),
            Err(error) => {
                if error != Errno::EINTR {
                    sys::sleep(PAUSE_AFTER_ERROR);
                }
                Some(EVER)
            }
        };
        if let Some(then) = due {
            self.batch = BATCH;
            self.unreaped = true;
            self.supervisor.woken(then.max(sys::monotonic()));
        }
    }

    /// Reaps this child or any, if it is there to be reaped.
    #[inline(never)]
    fn reap(&mut self, child: Option<Pid>) {
        let result = sys::wait(child);
        // A SIGCHLD that anybody sent counts as well: of those, too, there may be no end.
        if child.is_some() || matches!(result, Ok((Some(_), _))) {
            self.batch = self.batch.saturating_sub(1);
        }
        if let Ok((Some(pid), status)) = result {
            return self.supervisor.changed(pid, WaitStatus::from_raw(status));
        }
        if let Err(error) = result
            && error != Errno::ECHILD
        {
            sys::sleep(PAUSE_AFTER_ERROR);
            self.batch = 0;
            return;
        }
        self.strangers = false;
        self.unreaped = child.is_some();
        if !self.unreaped && self.supervisor.waits_for_rest() && result == Err(Errno::ECHILD) {
            self.strangers = self.supervisor.steps.processes.own == Pid::INIT
                && sys::kill(Recipient::EVERYONE, None).is_ok();
            if !self.strangers {
                self.supervisor.alone();
            }
        }
    }
}

impl<'a> Actions<'a> {
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

    /// Begins the line of a message whose first field is the main child.
    #[inline(never)]
    fn say_of_child(&mut self, message: Message) -> &mut Log<'a> {
        self.processes.log.say(message).pid(self.processes.child)
    }

    /// Writes the line of a message whose field is a length of time.
    #[inline(never)]
    fn say_length(&mut self, message: Message, length: Milliseconds) {
        self.processes.log.say(message).duration(length).end();
    }

    /// Says who killed the main child with SIGKILL, as far as can be known (contract 7.1).
    #[inline(never)]
    fn explain(&mut self, killer: Killer) {
        let mut oom_kills = 0;
        let (message, killer) = match killer {
            Killer::Deadline => (Message::SigkillExplained, Piece::BY_DEADLINE),
            Killer::Rewrite => (Message::SigkillExplained, Piece::BY_REWRITE),
            Killer::Stranger => match process_table::oom_kill_count() {
                None => (Message::SigkillUncounted, Piece::FROM_OUTSIDE),
                Some(0) => (Message::SigkillCounted, Piece::FROM_OUTSIDE),
                Some(count) => {
                    oom_kills = count;
                    (Message::SigkillCounted, Piece::NOT_BY_PIDLING)
                }
            },
        };
        self.say_of_child(message)
            .words(killer)
            .number(oom_kills)
            .end();
    }

    /// Begins the line of a message whose first field is a signal.
    #[inline(never)]
    fn say_of_signal(&mut self, message: Message, signal: Signal) -> &mut Log<'a> {
        self.processes.log.say(message).signal(signal)
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
    fn forward(&mut self, target: Target, signal: Signal, received: &Received) {
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
            self.say_of_signal(message, signal).pid(child).end();
        }
        self.processes.log.ignored(Piece::KILL, result);
    }

    fn drop_signal(&mut self, signal: Signal, reason: Piece) {
        self.say_of_signal(Message::Dropped, signal)
            .words(reason)
            .end();
    }

    fn begin_shutdown(&mut self, signal: Signal, delay: Milliseconds) {
        self.say_of_signal(Message::ShutdownBegan, signal).end();
        if delay > Milliseconds(0) {
            self.say_of_signal(Message::StopDelayed, signal)
                .duration(delay)
                .end();
        }
    }

    fn stop_itself(&mut self) {
        self.kill(Recipient::process(self.own()), Signal::STOP);
    }

    #[inline(never)]
    fn stop_with_child(&mut self, signal: Signal) {
        self.say_of_child(Message::ChildStopped)
            .signal(signal)
            .end();
        if self.foreground.stop_with(self.own(), self.child(), signal) {
            self.say_of_child(Message::ChildResumed).end();
        }
    }

    fn reaped(&mut self, pid: Pid, warn: bool) {
        let message = if warn {
            Message::ReapedWarning
        } else {
            Message::Reaped
        };
        self.processes.log.say(message).pid(pid).end();
    }

    fn child_ended(&mut self, status: WaitStatus) {
        match status {
            WaitStatus::Killed(number) => {
                let log = self.say_of_child(Message::ChildKilled);
                match Signal::new(number) {
                    Some(signal) => log.signal(signal),
                    None => log.number(number.into()),
                }
            }
            WaitStatus::Exited(code) => self.say_of_child(Message::ChildExited).number(code.into()),
            WaitStatus::Stopped(_) | WaitStatus::Other => return,
        }
        .end();
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
    fn kill_all(&mut self, asked: Asked, elapsed: Milliseconds) {
        let (task, signal) = match asked {
            Asked::Rest => (Task::ListAfterAll, Signal::TERM),
            Asked::Group(signal) => (Task::ListAfterGroup, signal),
            Asked::Child(signal) => (Task::ListAfterChild, signal),
        };
        self.processes.list_survivors(task, signal);
        self.kill_again();
        self.say_length(Message::Killed, elapsed);
    }

    #[inline(never)]
    fn kill_again(&mut self) {
        self.processes.signal(Task::Signal, Signal::KILL);
    }

    fn give_up(&mut self, elapsed: Milliseconds) {
        self.say_length(Message::Unkillable, elapsed);
    }

    fn end(&mut self, status: u8, killer: Option<Killer>, elapsed: Option<Milliseconds>) {
        if let Some(killer) = killer {
            self.explain(killer);
        }
        if let Some(elapsed) = elapsed {
            self.say_length(Message::ShutdownTook, elapsed);
        }
        self.processes
            .log
            .say(Message::Exit)
            .number(status.into())
            .end();
        let child = self.child();
        self.foreground.take_back(child);
        self.status = Some(status);
    }
}
