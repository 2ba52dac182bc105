//! The controlling terminal: handing its foreground to the main child, and stopping and resuming together with it, so
//! that a job-control shell above sees one job (contract 2.2, 5).
//!
//! SIGTTOU is blocked in the init, so it may set the foreground group from the background, tcsetpgrp(3). No failure in
//! here matters, and nothing waits: whatever is opened is opened with `O_NONBLOCK`, and closed again at once.

use crate::cli::{Isolation, Options};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::posix::time::Milliseconds;
use crate::supervisor::Role;
use crate::sys::arguments::ZStr;
use crate::sys::file::{self, Descriptor, Open, OwnedDescriptor};
use crate::sys::process;
use crate::sys::signal::{self, Disposition, Recipient};
use crate::sys::terminal;

/// What the init and its main child are to the terminal, and to a shell above.
#[derive(Debug)]
pub struct Job<'a> {
    options: &'a Options,
    role: Role,
    hand_over: HandOver,
}

/// What is known of the foreground that the init's group had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandOver {
    /// The init has not given it away.
    None,
    /// The main child's group has it, and the init has not been stopped since.
    Given,
    /// The init has been stopped since then, so that a shell above may have taken it.
    GivenBeforeStop,
}

/// What became of a main child that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays so until somebody sends SIGCONT.
    LeftStopped,
    /// It goes on.
    Resumed,
}

/// What the child does about the terminal before it executes its program.
#[derive(Debug)]
pub enum ChildTerminal {
    /// Nothing.
    LeaveAlone,
    /// Its process group becomes the foreground of the terminal that is standard input.
    BecomeForeground,
    /// The terminal becomes the controlling one of its session.
    BecomeControlling(Terminal),
}

impl ChildTerminal {
    /// In the child, as the leader of a new process group, with SIGTTOU blocked: makes it the foreground one.
    pub fn become_foreground(&self) {
        if let (Self::BecomeForeground, Ok(child)) = (self, process::getpid()) {
            let _ = terminal::tcsetpgrp(Descriptor::INPUT, child);
        }
    }

    /// In the child, as the leader of a new session: makes the terminal its controlling one.
    pub fn become_controlling(&self) {
        if let Self::BecomeControlling(terminal) = self {
            let _ = terminal::acquire_terminal(terminal.get());
        }
    }
}

impl<'a> Job<'a> {
    /// Without a main child there is nobody to give the terminal to (contract 9).
    #[must_use]
    pub const fn without_main_child(options: &'a Options, role: Role) -> Self {
        Self {
            options,
            role,
            hand_over: HandOver::None,
        }
    }

    /// Before the fork: decides whether the main child's group gets the foreground (contract 2.2), or releases the
    /// terminal for a session of its own (contract 2.1).
    #[must_use]
    pub fn before_start(options: &'a Options, role: Role) -> (Self, ChildTerminal) {
        let mut job = Self {
            options,
            role,
            hand_over: HandOver::None,
        };
        let child_terminal = match options.isolation {
            Isolation::Session => {
                let terminal = Terminal::controlling().unwrap_or(Terminal::INPUT);
                release(&terminal);
                ChildTerminal::BecomeControlling(terminal)
            }
            Isolation::ProcessGroup
                if has_the_terminal_to_itself() && Terminal::INPUT.is_foreground_of_init() =>
            {
                job.hand_over = HandOver::Given;
                ChildTerminal::BecomeForeground
            }
            Isolation::ProcessGroup => ChildTerminal::LeaveAlone,
        };
        (job, child_terminal)
    }

    /// The init received SIGCONT, so it may have been stopped by somebody else.
    pub const fn continued(&mut self) {
        if matches!(self.hand_over, HandOver::Given) {
            self.hand_over = HandOver::GivenBeforeStop;
        }
    }

    /// The main child was stopped by `signal`: gives it the terminal, stops with it, resumes it or leaves it (contract
    /// 5.2, 5.3). Returns what became of it, after SIGCONT if the init was stopped itself.
    pub fn child_stopped(&mut self, main_child: Pid, signal: Signal, in_shutdown: bool) -> Outcome {
        let terminal = Terminal::controlling();
        let stop = Stop {
            signal,
            foreground: terminal
                .as_ref()
                .map(|terminal| terminal.foreground(main_child)),
            role: self.role,
            in_shutdown,
            is_asynchronous: is_asynchronous(),
        };
        let resumes = match (stop.reaction(), terminal) {
            (Reaction::Resume, _) => true,
            (Reaction::GiveTerminal, Some(terminal)) => self.give(&terminal, main_child),
            // The stop is over already. By stopping itself, the init would lose that SIGCONT, signal(7).
            (Reaction::StopWithIt(_), Some(_)) if was_continued() => {
                self.continued();
                true
            }
            (Reaction::StopWithIt(with), Some(terminal)) => {
                self.stop_with_child(terminal, main_child, stop, with)
            }
            (Reaction::Leave, _) | (Reaction::GiveTerminal | Reaction::StopWithIt(_), None) => {
                false
            }
        };
        if resumes && resume(main_child) {
            Outcome::Resumed
        } else {
            Outcome::LeftStopped
        }
    }

    /// At the end: the group of a wrapper gets back the foreground that it had on entry (contract 5.4).
    pub fn restore(&mut self, main_child: Option<Pid>) {
        if self.role == Role::Pid1 || self.hand_over == HandOver::None {
            return;
        }
        if was_continued() {
            self.continued();
        }
        let (Some(terminal), Some(group)) = (Terminal::controlling(), process::getpgrp()) else {
            return;
        };
        // A shell above may have taken it while the init was stopped.
        let may_take = self.hand_over == HandOver::Given
            || main_child.is_some_and(|main_child| {
                let foreground = terminal.foreground(main_child);
                matches!(foreground, Foreground::MainChild | Foreground::Nobody)
            });
        if may_take {
            let _ = terminal::tcsetpgrp(terminal.get(), group);
        }
        self.hand_over = HandOver::None;
    }

    /// Gives the foreground to the main child's group, and returns whether it has it.
    fn give(&mut self, terminal: &Terminal, main_child: Pid) -> bool {
        let given = terminal::tcsetpgrp(terminal.get(), main_child).is_ok();
        if given {
            self.hand_over = HandOver::Given;
        }
        given
    }

    /// Hands the terminal back, stops the init's group with a signal, and once it runs again gives the terminal to the
    /// main child, if that is to have it. Returns whether the main child is to be resumed.
    fn stop_with_child(
        &mut self,
        terminal: Terminal,
        main_child: Pid,
        stop: Stop,
        signal: Signal,
    ) -> bool {
        let had_terminal = stop.foreground == Some(Foreground::MainChild);
        if had_terminal && let Some(group) = process::getpgrp() {
            let _ = terminal::tcsetpgrp(terminal.get(), group);
        }
        // Not open while the init is stopped.
        drop(terminal);
        let was_stopped = stop_own_group(signal, self.options);
        if was_stopped {
            self.continued();
        }
        let wants_terminal = had_terminal
            || !stop.is_asynchronous
                && (asks_for_terminal(stop.signal) || has_the_terminal_to_itself());
        let given = wants_terminal
            && Terminal::controlling().is_some_and(|terminal| {
                let foreground = terminal.foreground(main_child);
                matches!(foreground, Foreground::Init | Foreground::Nobody)
                    && self.give(&terminal, main_child)
            });
        was_stopped || stop.is_resumed_where_the_init_runs_on(given)
    }
}

/// Whether the main child's group, which may be gone, is the foreground (contract 5.5).
#[must_use]
pub fn child_has_foreground(main_child: Pid) -> bool {
    Terminal::controlling()
        .is_some_and(|terminal| terminal.foreground(main_child) == Foreground::MainChild)
}

/// A stop of the main child, with all that decides what follows from it.
#[derive(Clone, Copy, Debug)]
struct Stop {
    /// What stopped it.
    signal: Signal,
    /// Who has the terminal; `None` where the init has no controlling one.
    foreground: Option<Foreground>,
    role: Role,
    /// Whether a shutdown has begun.
    in_shutdown: bool,
    /// Whether the init is in a shell's asynchronous list.
    is_asynchronous: bool,
}

/// What follows from a stop of the main child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// It stays stopped, until somebody else resumes it.
    Leave,
    /// It goes on.
    Resume,
    /// It gets the terminal that it has asked for, and goes on.
    GiveTerminal,
    /// The init hands the terminal back, and stops its process group with this signal.
    StopWithIt(Signal),
}

/// Whether the kernel sends this signal to stop a process that uses the terminal from the background.
const fn asks_for_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::TTIN | Signal::TTOU)
}

impl Stop {
    /// What follows (contract 5.2, 5.3).
    const fn reaction(self) -> Reaction {
        match (self.foreground, self.role) {
            (Some(foreground), _) if asks_for_terminal(self.signal) => {
                self.reaction_to_request(foreground)
            }
            // No shell above ever resumes it.
            (_, Role::Pid1) if self.signal.is_terminal_stop() => Reaction::Resume,
            (Some(Foreground::Init | Foreground::MainChild), Role::Wrapper) => self.stop_in_front(),
            (_, Role::Pid1)
            | (Some(Foreground::Others | Foreground::Nobody) | None, Role::Wrapper) => {
                Reaction::Leave
            }
        }
    }

    /// What follows where the main child was stopped for using the terminal from the background. By now it may have the
    /// foreground.
    const fn reaction_to_request(self, foreground: Foreground) -> Reaction {
        match (foreground, self.role) {
            (Foreground::Init | Foreground::Nobody, _) => {
                if self.is_asynchronous {
                    Reaction::Leave
                } else {
                    Reaction::GiveTerminal
                }
            }
            // Resumed, it would only be stopped again.
            (Foreground::Others, Role::Pid1) => Reaction::Leave,
            // A job in the background: the kernel would have sent this signal to all of it if the main child's group
            // were the init's. A shell that sees no stopped job sends no SIGCONT with its `fg`.
            (Foreground::Others, Role::Wrapper) => {
                if self.in_shutdown || self.is_asynchronous {
                    Reaction::Leave
                } else {
                    Reaction::StopWithIt(self.signal)
                }
            }
            (Foreground::MainChild, Role::Pid1) => Reaction::Resume,
            (Foreground::MainChild, Role::Wrapper) => self.stop_in_front(),
        }
    }

    /// What follows for a wrapper whose job is the terminal's foreground.
    const fn stop_in_front(self) -> Reaction {
        if self.is_asynchronous && !self.signal.is_terminal_stop() {
            Reaction::Leave
        } else if self.in_shutdown {
            Reaction::Resume
        } else {
            Reaction::StopWithIt(Signal::TSTP)
        }
    }

    /// Whether the main child goes on where the kernel has refused to stop the init, because its group is orphaned,
    /// setpgid(2): not from SIGSTOP, and not to be stopped again for want of a terminal that was not `given`.
    const fn is_resumed_where_the_init_runs_on(self, given: bool) -> bool {
        match self.foreground {
            Some(Foreground::Init | Foreground::MainChild | Foreground::Nobody) => {
                self.signal.is_terminal_stop()
            }
            Some(Foreground::Others) | None => given,
        }
    }
}

/// Who has the foreground of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreground {
    /// The init's group.
    Init,
    /// The main child's, even if that group is gone.
    MainChild,
    /// Another group, which is gone.
    Nobody,
    /// Another group.
    Others,
}

/// A terminal.
#[derive(Debug)]
pub enum Terminal {
    /// Opened anew, so that no call waits.
    Opened(OwnedDescriptor),
    /// Inherited.
    Inherited(Descriptor),
}

impl Terminal {
    /// Standard input.
    const INPUT: Self = Self::Inherited(Descriptor::INPUT);

    /// Finds the controlling terminal: through `/dev/tty`, else on one of the standard streams.
    fn controlling() -> Option<Self> {
        let opened = file::open(ZStr::from_c_str(c"/dev/tty"), Open::Terminal);
        if let Ok(opened) = opened
            && is_controlling(opened.get())
        {
            return Some(Self::Opened(opened));
        }
        [Descriptor::INPUT, Descriptor::OUTPUT, Descriptor::ERROR]
            .into_iter()
            .find(|&stream| is_controlling(stream))
            .map(Self::Inherited)
    }

    const fn get(&self) -> Descriptor {
        match self {
            Self::Opened(opened) => opened.get(),
            Self::Inherited(inherited) => *inherited,
        }
    }

    /// Who has the foreground.
    fn foreground(&self, main_child: Pid) -> Foreground {
        let group = terminal::tcgetpgrp(self.get()).ok().flatten();
        if group == Some(main_child) {
            return Foreground::MainChild;
        }
        if self.is_foreground_of_init() {
            return Foreground::Init;
        }
        let is_gone = |group| signal::kill(Recipient::Group(group), None) == Err(Errno::ESRCH);
        if group.is_some_and(is_gone) {
            Foreground::Nobody
        } else {
            Foreground::Others
        }
    }

    /// Whether the init's process group is the foreground one.
    fn is_foreground_of_init(&self) -> bool {
        match (terminal::tcgetpgrp(self.get()), process::getpgrp()) {
            (Ok(Some(foreground)), Some(own)) => foreground == own,
            (Ok(Some(_)), None) | (Ok(None), Some(_)) | (Err(_), _) => false,
            // Both are led from another PID namespace, and have no number in this one.
            (Ok(None), None) => self.can_be_read(),
        }
    }

    /// Whether the init may read from this terminal, which is its controlling one: not from the background, where a
    /// read fails with EIO while SIGTTIN is blocked, setpgid(2). A read of no bytes takes nothing away.
    ///
    /// Without `O_NONBLOCK` it would wait while somebody else reads (`n_tty_read`, `drivers/tty/n_tty.c`), so a
    /// terminal that cannot be opened anew counts as somebody else's.
    fn can_be_read(&self) -> bool {
        match self {
            Self::Opened(opened) => file::read(opened.get(), &mut []) != Err(Errno::EIO),
            Self::Inherited(_) => {
                let paths = [
                    c"/dev/tty",
                    c"/proc/self/fd/0",
                    c"/proc/self/fd/1",
                    c"/proc/self/fd/2",
                ];
                let mut opened = paths
                    .into_iter()
                    .filter_map(|path| file::open(ZStr::from_c_str(path), Open::Terminal).ok())
                    .filter(|opened| is_controlling(opened.get()));
                opened
                    .next()
                    .is_some_and(|opened| Self::Opened(opened).can_be_read())
            }
        }
    }
}

/// Whether this is the controlling terminal, tcgetpgrp(3).
fn is_controlling(file: Descriptor) -> bool {
    terminal::tcgetpgrp(file).is_ok()
}

/// Whether standard input and output are the controlling terminal, so that no pipeline or redirection shares it, and
/// the init is not in an asynchronous list (contract 2.2).
fn has_the_terminal_to_itself() -> bool {
    is_controlling(Descriptor::INPUT) && is_controlling(Descriptor::OUTPUT) && !is_asynchronous()
}

/// Whether SIGINT and SIGQUIT were both ignored on entry: POSIX, *Shell Command Language*, *Asynchronous AND-OR
/// Lists*.
fn is_asynchronous() -> bool {
    [Signal::INT, Signal::QUIT]
        .into_iter()
        .all(|signal| signal::disposition(signal) == Ok(Disposition::Ignore))
}

/// Resumes the main child's group, and returns whether there was one.
fn resume(main_child: Pid) -> bool {
    [Recipient::Group(main_child), Recipient::Process(main_child)]
        .into_iter()
        .any(|recipient| signal::kill(recipient, Some(Signal::CONT)).is_ok())
}

/// Takes a pending signal.
fn take(signal: Signal) -> Option<Received> {
    signal::wait_for_signal(SignalSet::only(signal), Some(Milliseconds(0))).ok()
}

/// Whether SIGCONT came to the init; takes it.
fn was_continued() -> bool {
    take(Signal::CONT).is_some()
}

/// Whether a signal is pending that asks the init to end, beside the one that it has sent to itself. timeout(1) sends one
/// and then SIGCONT, which the init's own stop discards, signal(7): stopped now, it would stay so. The signal stays
/// pending.
fn is_to_end(own: Pid, sent: Signal, options: &Options) -> bool {
    let asks = Signal::all().filter(|signal| {
        let asks = options.is_stop_signal(*signal) || matches!(*signal, Signal::HUP | Signal::QUIT);
        asks && *signal != sent
    });
    is_pending(own, asks.fold(SignalSet::EMPTY, SignalSet::with))
}

/// Whether one of these signals is pending. It stays so.
fn is_pending(own: Pid, signals: SignalSet) -> bool {
    let taken = signal::wait_for_signal(signals, Some(Milliseconds(0)));
    if let Ok(received) = &taken {
        put_back(own, received);
    }
    taken.is_ok()
}

/// Makes a signal that was taken pending again: with its code and sender, or else without.
fn put_back(own: Pid, received: &Received) {
    if signal::queue_signal(own, received).is_err() {
        let _ = signal::kill(Recipient::Process(own), Some(received.signal));
    }
}

/// Stops the init alone, as dumb-init does (contract 10.3). Its own stop would take a pending SIGCONT away, signal(7):
/// where one is pending the stop is over already.
pub fn stop_alone(own: Pid) {
    if !is_pending(own, SignalSet::only(Signal::CONT)) {
        let _ = signal::kill(Recipient::Process(own), Some(Signal::STOP));
    }
}

/// Stops the init's process group as a key does, and returns once it runs again whether it was stopped. The kernel
/// refuses that for an orphaned group, setpgid(2), where no shell above could resume it.
fn stop_own_group(signal: Signal, options: &Options) -> bool {
    let Some(group) = process::getpgrp() else {
        return false;
    };
    // A stop signal discards a pending SIGCONT, signal(7), so that one that is pending afterwards has ended the stop. To
    // the main child's group, which is another one, the caller sends a SIGCONT.
    let _ = signal::kill(Recipient::Group(group), Some(signal));
    if let Ok(own) = process::getpid()
        && is_to_end(own, signal, options)
    {
        // The main child, stopped as well, acts on that signal only after a SIGCONT. The one that came with it may be
        // discarded by now: this one is forwarded in its place.
        let _ = take(signal);
        let _ = signal::kill(Recipient::Process(own), Some(Signal::CONT));
        return false;
    }
    let _ = signal::set_signal_mask(SignalSet::ALL.without(signal));
    let _ = signal::set_signal_mask(SignalSet::ALL);
    was_continued()
}

/// Gives up the controlling terminal, if the init leads its session. The SIGHUP and SIGCONT that the kernel then sends
/// in the init's own name are taken at once, because while they are pending they would swallow those of others. Those
/// of others stay pending (contract 3.5).
fn release(terminal: &Terminal) {
    let Ok(own) = process::getpid() else {
        return;
    };
    if process::getsid() != Some(own) {
        return;
    }
    let signals = [Signal::HUP, Signal::CONT];
    let before = signals.map(take);
    let _ = terminal::release_terminal(terminal.get());
    let is_others =
        |received: &Received| received.code != Code::User || received.sender.pid != own.number();
    let after = signals.map(|signal| take(signal).filter(is_others));
    for received in before.iter().chain(&after).flatten() {
        put_back(own, received);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREGROUNDS: [Option<Foreground>; 5] = [
        None,
        Some(Foreground::Init),
        Some(Foreground::MainChild),
        Some(Foreground::Nobody),
        Some(Foreground::Others),
    ];

    /// The reactions to a stop by this signal, in the order of [`FOREGROUNDS`].
    fn reactions(role: Role, signal: Signal, in_shutdown: bool) -> [Reaction; 5] {
        FOREGROUNDS.map(|foreground| {
            Stop {
                signal,
                foreground,
                role,
                in_shutdown,
                is_asynchronous: false,
            }
            .reaction()
        })
    }

    use Reaction::{GiveTerminal, Leave, Resume, StopWithIt};

    /// Contract 5.2.
    #[test]
    fn pid_1_resumes_whoever_no_shell_can_resume() {
        for in_shutdown in [false, true] {
            let of = |signal| reactions(Role::Pid1, signal, in_shutdown);
            assert_eq!(of(Signal::TSTP), [Resume; 5]);
            assert_eq!(of(Signal::STOP), [Leave; 5]);
            for signal in [Signal::TTIN, Signal::TTOU] {
                assert_eq!(
                    of(signal),
                    [Resume, GiveTerminal, Resume, GiveTerminal, Leave]
                );
            }
        }
    }

    /// Contract 5.3, and 5.2 where there is no controlling terminal.
    #[test]
    fn a_wrapper_stops_with_its_main_child_where_a_shell_sees_it() {
        let of = |signal| reactions(Role::Wrapper, signal, false);
        let stop = StopWithIt(Signal::TSTP);
        for signal in [Signal::TSTP, Signal::STOP] {
            assert_eq!(of(signal), [Leave, stop, stop, Leave, Leave]);
        }
        for signal in [Signal::TTIN, Signal::TTOU] {
            let with_it = StopWithIt(signal);
            assert_eq!(
                of(signal),
                [Leave, GiveTerminal, stop, GiveTerminal, with_it]
            );
        }
    }

    /// Contract 5.3.
    #[test]
    fn no_wrapper_stops_once_a_shutdown_has_begun() {
        let of = |signal| reactions(Role::Wrapper, signal, true);
        for signal in [Signal::TSTP, Signal::STOP] {
            assert_eq!(of(signal), [Leave, Resume, Resume, Leave, Leave]);
        }
        for signal in [Signal::TTIN, Signal::TTOU] {
            assert_eq!(
                of(signal),
                [Leave, GiveTerminal, Resume, GiveTerminal, Leave]
            );
        }
    }

    /// Contract 2.2: an asynchronous list stops with a key, and never gets the terminal.
    #[test]
    fn an_asynchronous_init_never_gives_the_terminal_away() {
        for role in [Role::Pid1, Role::Wrapper] {
            for signal in [Signal::TTIN, Signal::TTOU, Signal::STOP, Signal::TSTP] {
                for foreground in FOREGROUNDS {
                    let stop = Stop {
                        signal,
                        foreground,
                        role,
                        in_shutdown: false,
                        is_asynchronous: true,
                    };
                    assert_ne!(stop.reaction(), GiveTerminal, "{stop:?}");
                    if signal != Signal::TSTP && foreground == Some(Foreground::Init) {
                        assert_eq!(stop.reaction(), Leave, "{stop:?}");
                    }
                }
            }
        }
    }

    /// Contract 5.3, its last sentences.
    #[test]
    fn where_the_init_cannot_be_stopped_sigstop_alone_lasts() {
        for signal in [Signal::TTIN, Signal::TTOU, Signal::STOP, Signal::TSTP] {
            let stop = |foreground| Stop {
                signal,
                foreground: Some(foreground),
                role: Role::Wrapper,
                in_shutdown: false,
                is_asynchronous: false,
            };
            for foreground in [Foreground::Init, Foreground::MainChild] {
                assert_eq!(
                    stop(foreground).is_resumed_where_the_init_runs_on(false),
                    signal != Signal::STOP
                );
            }
            let others = stop(Foreground::Others);
            assert!(!others.is_resumed_where_the_init_runs_on(false));
            assert!(others.is_resumed_where_the_init_runs_on(true));
        }
    }
}
