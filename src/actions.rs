//! Carries out the supervisor's steps. No failure in here ends or delays the init (contract 3.6, 4.5).

use crate::cli::{Options, Target};
use crate::limits::{NAMED, REAPED_AT_END};
use crate::log::Log;
use crate::log::event::{CountedFrom, DropReason, Event, Killer, Level, Named, OomKills};
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::{Code, Received, Signal, SignalSet};
use crate::posix::time::{Instant, Milliseconds, Tick};
use crate::posix::wait_status::WaitStatus;
use crate::proc_reader::{self, STAT};
use crate::spawn::{CANNOT_START, Command, NOT_FOUND, StartReport};
use crate::standard_error::StandardError;
use crate::supervisor::{self, Asked, Death, Ending, Interrupt, LastSignal, Role, Since, Steps};
use crate::survivors::{Blind, Survivors};
use crate::sys::process::Waited;
use crate::sys::signal::{Disposition, Recipient, kill};
use crate::sys::{clock, process, signal};
use crate::terminal::{Job, Outcome, child_has_foreground, stop_alone};

/// The log on standard error.
pub type StandardErrorLog<'a> = Log<'a, StandardError>;

/// Everything that the steps work with.
pub struct Actions<'a> {
    /// What was asked for.
    options: &'a Options,
    /// The init.
    own: Pid,
    /// What it is to the processes below it.
    role: Role,
    /// The main child, dead or alive, and its command; `None` for a pause process.
    main_child: Option<MainChild<'a>>,
    /// What the init and its main child are to a terminal.
    job: Job<'a>,
    /// The processes beside the init.
    survivors: Survivors,
    /// Where to say what was done.
    log: StandardErrorLog<'a>,
    /// The latest reading of the clock.
    latest: Instant,
    /// The count of out-of-memory kills that was last reported.
    oom_kills_said: u32,
}

/// The main child, dead or alive.
pub struct MainChild<'a> {
    /// Its process.
    pub pid: Pid,
    /// What it was asked to execute.
    pub command: Command<'a>,
    /// Where it says why it could not.
    pub report: StartReport,
}

impl<'a> Actions<'a> {
    /// What there is to work with once the main child is forked, or the pause begins.
    #[must_use]
    pub fn new(
        options: &'a Options,
        own: Pid,
        role: Role,
        main_child: Option<MainChild<'a>>,
        job: Job<'a>,
        log: StandardErrorLog<'a>,
    ) -> Self {
        let pid = main_child.as_ref().map(|main_child| main_child.pid);
        Self {
            options,
            own,
            role,
            main_child,
            job,
            survivors: Survivors::new(role, pid),
            log,
            latest: Instant::new(0),
            oom_kills_said: 0,
        }
    }

    /// The time after a wait until `at`; `at` itself where the clock cannot be read.
    pub fn now_after_waiting_until(&mut self, at: Instant) -> Instant {
        // Asked once more where it fails.
        let now = clock::monotonic().or_else(|_| clock::monotonic());
        self.latest = self.latest.max(now.unwrap_or(at));
        self.latest
    }

    /// All children that were dead are reaped.
    pub fn all_reaped(&mut self) {
        self.survivors.all_reaped();
    }

    /// Whether nobody is left beside PID 1, or below a wrapper. wait4(2) has said that there are no children, and one
    /// failing call is not believed: a second one has to agree.
    pub fn is_alone(&mut self) -> bool {
        match self.role {
            Role::Pid1 => {
                kill(Recipient::Everyone, None) == Err(Errno::ESRCH) || self.survivors.are_dead()
            }
            Role::Wrapper => process::wait(None) == Err(Errno::ECHILD),
        }
    }

    /// The main child's process, dead or alive.
    fn main_child_pid(&self) -> Option<Pid> {
        self.main_child.as_ref().map(|main_child| main_child.pid)
    }

    /// Sends a signal where no failure matters.
    fn kill(&mut self, recipient: Recipient, signal: Signal) {
        self.log.ignored("kill", kill(recipient, Some(signal)));
    }

    /// Sends a signal to the main child's group, and to the main child too if it has left that group (contract 3.2).
    /// Returns whether the group got it.
    fn signal_target_group(&mut self, child: Pid, signal: Signal) -> bool {
        let sent = kill(Recipient::Group(child), Some(signal)).is_ok();
        // If the kernel does not tell the group, one signal too many is better than none.
        if sent && process::getpgid(child) != Ok(Some(child)) {
            self.kill(Recipient::Process(child), signal);
        }
        sent
    }

    /// Says why the main child did not start, if it has said so, and returns whether it has.
    fn explain_failed_start(&mut self, status: WaitStatus) -> bool {
        let Some(main_child) = &self.main_child else {
            return false;
        };
        let MainChild {
            command, report, ..
        } = main_child;
        // For any other status the report is not read, and its page stays untouched.
        match status {
            WaitStatus::Exited(CANNOT_START..=NOT_FOUND) => {
                if let Some(failure) = report.failure() {
                    command.explain(failure, &mut self.log);
                    return true;
                }
            }
            WaitStatus::Exited(0) if self.log.shows(Level::Info) => {
                if let Some(candidate) = report.empty_file() {
                    command.explain_empty_file(candidate, &mut self.log);
                }
            }
            WaitStatus::Exited(_)
            | WaitStatus::Killed { .. }
            | WaitStatus::Stopped(_)
            | WaitStatus::Other => {}
        }
        false
    }

    /// What the kernel counts of out-of-memory kills, and what that proves (contract 7.1).
    fn oom_kills(&self) -> OomKills {
        match (proc_reader::oom_kill_count(), self.role) {
            (None, _) => OomKills::Unknown,
            (Some(count), Role::Pid1) => OomKills::OfThisRun(count),
            (Some(count), Role::Wrapper) => OomKills::SoFar(count),
        }
    }

    /// As PID 1, says how many processes the kernel has killed for want of memory, once for each time the count rose
    /// (contract 7.2).
    fn say_oom_kills(&mut self) {
        if let OomKills::OfThisRun(processes) = self.oom_kills()
            && processes > self.oom_kills_said
        {
            self.oom_kills_said = processes;
            self.log.say(&Event::OomKilled { processes });
        }
    }

    /// Says what there is to say about the main child's death (contract 7.1 to 7.3).
    fn explain_death(&mut self, death: Death) {
        let Some(MainChild { pid, command, .. }) = &self.main_child else {
            return;
        };
        let (pid, name) = (*pid, command.name());
        match death {
            Death::Ordinary => {}
            Death::Killed(killer) => {
                let killer = match killer {
                    supervisor::Killer::Deadline => Killer::Deadline,
                    supervisor::Killer::Rewrite => Killer::Rewrite,
                    supervisor::Killer::Outside => Killer::Outside(self.oom_kills()),
                };
                self.log.say(&Event::SigkillExplained { pid, killer });
            }
            Death::Crashed {
                signal,
                core_dumped,
            } => {
                let main_child = Named { pid, name };
                self.log.say(&Event::MainChildCrashed {
                    main_child,
                    signal,
                    core_dumped,
                });
                self.say_oom_kills();
            }
            Death::Failed => self.say_oom_kills(),
        }
    }

    /// Reaps what is dead already (contract 4.4), and returns whether somebody lives.
    fn reap_the_dead(&mut self, explain: bool) -> bool {
        for _ in 0..REAPED_AT_END {
            match process::wait(None) {
                Ok(Waited::Changed(pid, status)) if status.exit_status().is_some() => {
                    self.reaped(pid, status, explain);
                }
                Ok(Waited::Changed(..)) => {}
                Ok(Waited::NothingYet) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    /// As PID 1, names those who end with the init (contract 7.4).
    fn name_left_behind(&mut self, ending: &Ending) {
        let Some(MainChild { pid, command, .. }) = &self.main_child else {
            return;
        };
        let (pid, command) = (*pid, *command);
        let shutdown_began = ending.shutdown_began.is_some();
        // Only an app that ended well leaves a daemon on purpose.
        let may_be_daemon = ending.exited_well && !shutdown_began;
        if !shutdown_began && !may_be_daemon && !self.log.shows(Level::Info) {
            return;
        }
        let Ok(left) = self.survivors.left_behind(ending.group_was_asked) else {
            return;
        };
        if left.count == 0 {
            return;
        }
        let daemon = left
            .first()
            .find(|seen| seen.leads_session && seen.name.bytes() == command.name());
        if may_be_daemon && let Some(daemon) = daemon {
            self.log.say(&Event::DaemonCutOff {
                pid,
                daemon: daemon.named(),
            });
            return;
        }
        let mut first = [Named { pid, name: b"" }; NAMED];
        let mut count = 0_usize;
        for (place, seen) in first.iter_mut().zip(left.first()) {
            *place = seen.named();
            count = count.saturating_add(1);
        }
        self.log.say(&Event::CutOff {
            main_child: command.name(),
            processes: left.count,
            at_least: !left.is_complete,
            first: first.get(..count).unwrap_or_default(),
            shutdown_began,
        });
    }

    /// Dies of SIGINT, as the main child did (contract 5.5). Returns where the init survives.
    fn die_of_interrupt(&mut self, interrupt: Interrupt) {
        let recipient = match (interrupt, process::getpgrp()) {
            (Interrupt::None, _) => return,
            (Interrupt::Group, Some(group)) => Recipient::Group(group),
            (Interrupt::Group, None) | (Interrupt::Alone, _) => Recipient::Process(self.own),
        };
        self.log.say(&Event::ExitBySignal {
            signal: Signal::INT,
        });
        let _ = signal::set_disposition(Signal::INT, Disposition::Default);
        let _ = kill(recipient, Some(Signal::INT));
        let _ = signal::set_signal_mask(SignalSet::ALL.without(Signal::INT));
    }
}

/// Sends a signal to the main child alone. One that was queued keeps its value (contract 3.4); where queueing is
/// refused, by a limit or a sandbox, the signal without its value is better than none.
fn signal_main_child(child: Pid, received: &Received) -> Result<(), Errno> {
    let signal = received.signal;
    if received.code == Code::Queue && signal::queue_signal(child, received).is_ok() {
        return Ok(());
    }
    kill(Recipient::Process(child), Some(signal))
}

impl Steps for Actions<'_> {
    fn now(&mut self) -> Instant {
        self.now_after_waiting_until(self.latest)
    }

    /// Where the clock cannot be read, every member of the group counts as older than the signal.
    fn tick(&mut self) -> Tick {
        clock::tick().unwrap_or(Tick::LAST)
    }

    /// What a line has raised, and the limit of processor time, which is each process's own, setrlimit(2).
    fn take_own(&mut self, received: &Received) -> bool {
        if received.signal == Signal::CONT {
            self.job.continued();
        }
        let is_limit = (received.signal, received.code) == (Signal::XCPU, Code::Kernel);
        is_limit || self.log.outlet().take_raised(received, self.own.number())
    }

    fn is_ignored(&mut self, signal: Signal) -> bool {
        signal::disposition(signal) == Ok(Disposition::Ignore)
    }

    fn child_has_foreground(&mut self) -> bool {
        let child = self.main_child_pid();
        child.is_some_and(child_has_foreground)
    }

    fn forward(&mut self, target: Target, received: &Received) -> bool {
        let signal = received.signal;
        let Some(child) = self.main_child_pid() else {
            return false;
        };
        // The group may be empty by now, or not exist yet.
        if target == Target::Group && self.signal_target_group(child, signal) {
            let group = child;
            self.log.say(&Event::ForwardedToGroup { signal, group });
            return true;
        }
        let result = signal_main_child(child, received);
        if result.is_ok() {
            self.log.say(&Event::Forwarded { signal, pid: child });
        }
        self.log.ignored("kill", result);
        result.is_ok()
    }

    fn drop_signal(&mut self, signal: Signal, reason: DropReason) {
        // A line about a signal that a line has raised would raise it again, endlessly.
        if reason != DropReason::CausedByPidling || signal == Signal::XCPU {
            self.log.say(&Event::Dropped { signal, reason });
        }
    }

    fn begin_shutdown(&mut self, signal: Signal, delay: Option<Milliseconds>) {
        self.log.say(&Event::ShutdownBegan { signal });
        if let Some(delay) = delay {
            self.log.say(&Event::StopDelayed { signal, delay });
        }
    }

    fn escalate(&mut self, to: Asked, signal: Signal, began: Instant) -> bool {
        let (call, sent) = match (to, self.main_child_pid()) {
            (Asked::Group(_), Some(child)) if self.signal_target_group(child, signal) => {
                ("kill", Ok(()))
            }
            (Asked::MainChild | Asked::Group(_), Some(child)) => {
                ("kill", kill(Recipient::Process(child), Some(signal)))
            }
            (Asked::Rest, _) | (_, None) => {
                let looked = self.survivors.signal(signal);
                ("read", looked.map_err(Blind::errno))
            }
        };
        self.log.ignored(call, sent);
        let elapsed = self.now().since(began);
        self.log.say(&Event::Escalated { signal, elapsed });
        sent.is_ok()
    }

    fn name_slow_child(&mut self, last: LastSignal) {
        let mut text = [0; STAT];
        if let Some(child) = self.main_child_pid()
            && let Ok(stat) = proc_reader::stat_of_child(child, &mut text)
            && stat.is_alive()
        {
            self.log.say(&Event::SlowStop {
                main_child: Named {
                    pid: child,
                    name: stat.name,
                },
                state: stat.state,
                response: stat.response(last.signal, last.asked.is_some()),
                signal: last.signal,
            });
        }
    }

    fn stop_itself(&mut self) {
        // PID 1 would not stop, pid_namespaces(7), but lose a SIGCONT that has come already, signal(7).
        if self.role == Role::Wrapper {
            stop_alone(self.own);
        }
    }

    fn child_stopped(&mut self, signal: Signal, in_shutdown: bool) {
        let Some(child) = self.main_child_pid() else {
            return;
        };
        self.log
            .say(&Event::MainChildStopped { pid: child, signal });
        match self.job.child_stopped(child, signal, in_shutdown) {
            Outcome::Resumed => self.log.say(&Event::MainChildResumed { pid: child }),
            Outcome::LeftStopped => {}
        }
    }

    fn reaped(&mut self, pid: Pid, status: WaitStatus, explain: bool) {
        let warn = self.options.warn_on_reap;
        self.log.say(&Event::Reaped { pid, warn });
        if explain && status.killed_by() == Some(Signal::KILL) {
            self.say_oom_kills();
        }
    }

    fn main_child_ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        // Without these options nobody else is signalled any more.
        if self.options.wait_all || self.options.grace_period.is_some() {
            self.survivors.main_child_reaped();
        }
        if self.explain_failed_start(status) {
            return false;
        }
        match (status.killed_by(), status.exit_status()) {
            (Some(signal), _) => self.log.say(&Event::MainChildKilled { pid, signal }),
            (None, Some(status)) => self.log.say(&Event::MainChildExited { pid, status }),
            (None, None) => {}
        }
        true
    }

    fn signal_group(&mut self, signal: Signal) {
        if let Some(child) = self.main_child_pid() {
            self.kill(Recipient::Group(child), signal);
        }
    }

    fn terminate_rest(&mut self, group_has_term: Option<Tick>) {
        let terminated = self.survivors.terminate(group_has_term);
        if let Ok(processes) = terminated.sent {
            self.log.say(&Event::RestSignalled {
                signal: Signal::TERM,
                processes,
            });
        }
        let looked = terminated.looked.map_err(Blind::errno);
        self.log.ignored("read", looked);
        self.log.ignored("kill", terminated.sent.map(|_| ()));
    }

    fn kill_main_child(&mut self, main_child: Pid, last: LastSignal) {
        self.survivors.look_at_main_child(main_child, last);
        let _ = kill(Recipient::Process(main_child), Some(Signal::KILL));
    }

    fn kill_rest(&mut self, last: LastSignal) {
        self.survivors.kill(last);
    }

    fn report_killed(&mut self, signal: Signal, since: Since) {
        let (killed, unseen) = self.survivors.killed();
        for seen in killed.first() {
            let process = seen.named();
            // The process still has its number, or nobody has: a dead one keeps it until it is reaped.
            match kill(Recipient::Process(seen.pid), None) {
                Ok(()) | Err(Errno::ESRCH) => self.log.say(&Event::Survivor {
                    process,
                    state: seen.state,
                    response: seen.response,
                    signal,
                }),
                Err(error) => self.log.say(&Event::KillFailed { process, error }),
            }
        }
        let more = killed.more();
        if more > 0 || !killed.is_complete {
            self.log.say(&Event::MoreSurvivors {
                processes: more,
                at_least: !killed.is_complete,
            });
        }
        if let Some(unseen) = unseen {
            self.log.say(&Event::SurvivorsUnknown {
                group: unseen.killed_group,
                error: unseen.error,
            });
        }
        let (began, since) = match since {
            Since::ShutdownBegan(began) => (began, CountedFrom::ShutdownBegan),
            Since::MainChildEnded(at) => (at, CountedFrom::MainChildEnded),
        };
        let elapsed = self.now().since(began);
        self.log.say(&Event::Killed { elapsed, since });
    }

    fn kill_again(&mut self, main_child: Option<Pid>) {
        self.survivors.kill_again(main_child);
    }

    fn give_up(&mut self, since: Instant) {
        // On a busy machine the dead may not all be reaped yet.
        if self.reap_the_dead(false) {
            let elapsed = self.now().since(since);
            self.log.say(&Event::Unkillable { elapsed });
        }
    }

    fn end(&mut self, ending: &Ending) {
        let is_explainable = self.role == Role::Pid1 && !ending.all_killed;
        let somebody_lives = self.reap_the_dead(is_explainable);
        if somebody_lives && is_explainable {
            self.name_left_behind(ending);
        }
        if let Some(death) = ending.death {
            self.explain_death(death);
        }
        if let Some(began) = ending.shutdown_began {
            let elapsed = self.now().since(began);
            self.log.say(&Event::ShutdownTook { elapsed });
        }
        let child = self.main_child_pid();
        self.job.restore(child);
        self.die_of_interrupt(ending.interrupt);
        self.log.say(&Event::Exit {
            status: ending.status,
        });
        process::exit(ending.status);
    }
}
