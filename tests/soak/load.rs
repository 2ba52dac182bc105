//! The load, a child of the main child: children and orphans that exit, are killed, stopped, continued and traced, lose
//! their first threads and change their groups, signals to the init from them, and what gets in the way of its log and of
//! what it reads. The main child writes the number of each of its signals that arrived to its
//! standard input; the end of that is the end of the load. It says how much it did, `count N WHAT` and
//! `sent SIGNAL N`.

use crate::random::Random;
use crate::{REAL_TIME, Source, raw};
use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, getppid, mkfifo, pipe, setpgid, setsid, write};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long the init may take to hand a signal on.
pub(crate) const STALL: Duration = Duration::from_secs(20);

/// How many signals may be under way; the kernel queues no more than `RLIMIT_SIGPENDING`.
const UNDER_WAY: usize = 256;

/// How many processes are kept to be stopped and traced.
const KEPT: usize = 12;

/// The status of a tracer that the kernel refused.
const REFUSED: i32 = 77;

/// How a tracer lets go.
#[derive(Clone, Copy)]
enum LetGo {
    /// It detaches.
    Detach,
    /// It exits.
    Exit,
    /// It exits, and the kernel kills whom it traced.
    ExitKill,
    /// It kills whom it traced and delays the wait, without which nobody can reap that one.
    Kill(Duration),
}

struct Load {
    random: Random,
    counts: BTreeMap<&'static str, usize>,
    /// Orphans that do nothing.
    kept: Vec<i32>,
    /// Orphans that the init traces because they asked for it.
    trapped: Vec<i32>,
    /// The next number of each real-time signal.
    sequences: BTreeMap<i32, usize>,
    under_way: usize,
    /// The standard signal that is under way.
    standard: Option<i32>,
    /// A FIFO is over the init's stat file.
    has_fifo: bool,
}

pub(crate) fn run(seed: u64) -> Result<i32> {
    let mut load = Load {
        random: Random(seed),
        counts: BTreeMap::new(),
        kept: Vec::new(),
        trapped: Vec::new(),
        sequences: BTreeMap::new(),
        under_way: 0,
        standard: None,
        has_fifo: false,
    };
    let mut said = Instant::now();
    while load.acknowledge(Duration::ZERO)? {
        load.act()?;
        if said.elapsed() > Duration::from_secs(1) {
            said = Instant::now();
            load.say()?;
        }
    }
    for pid in load.kept.drain(..).chain(load.trapped.drain(..)) {
        kill(Pid::from_raw(pid), Signal::SIGKILL)?;
    }
    load.say()?;
    let mut lines = String::new();
    for signal in REAL_TIME {
        let count = load.sequences.get(&signal).unwrap_or(&0);
        writeln!(lines, "sent {signal} {count}")?;
    }
    std::io::stdout().write_all(lines.as_bytes())?;
    Ok(0)
}

impl Load {
    fn count(&mut self, what: &'static str, number: usize) {
        *self.counts.entry(what).or_default() += number;
    }

    fn say(&self) -> Result<()> {
        let mut lines = String::new();
        for (what, number) in &self.counts {
            writeln!(lines, "count {number} {what}")?;
        }
        Ok(std::io::stdout().write_all(lines.as_bytes())?)
    }

    /// Takes notice of the signals that arrived, and waits for one if there is a limit. Returns whether the load
    /// is to go on.
    fn acknowledge(&mut self, limit: Duration) -> Result<bool> {
        let mut input = std::io::stdin();
        let limit = PollTimeout::try_from(limit)?;
        while poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], limit)? > 0 {
            let mut arrived = [0; 512];
            // The buffer of the standard library is not in the way: nothing else reads, and it is never full.
            let length = input.read(&mut arrived)?;
            if length == 0 {
                return Ok(false);
            }
            for signal in &arrived[..length] {
                let signal = i32::from(*signal);
                if REAL_TIME.contains(&signal) {
                    self.under_way -= 1;
                } else if self.standard.take() != Some(signal) {
                    bail!("signal {signal} arrived, which was not sent");
                }
            }
            if !limit.is_none() && limit != PollTimeout::ZERO {
                break;
            }
        }
        Ok(true)
    }

    /// Something that may happen in a container.
    fn act(&mut self) -> Result<()> {
        match self.random.below(26) {
            0 => self.child_that_exits(),
            1 => self.child_that_is_killed(),
            2..=5 => {
                let count = 1 + self.random.below(40);
                self.orphans(count)
            }
            6 => self.orphans(200),
            7 | 8 => self.chain(),
            9 => self.keep(),
            10 | 11 => self.stop_or_continue(),
            12 | 13 => self.trace(),
            14 => self.be_traced_by_the_init(),
            15 => self.queue_from_here(),
            16 => self.queue_from_a_child(),
            17 => self.queue_from_an_orphan(),
            18 => self.send_standard(),
            19 => self.lose_leader(),
            20 => self.change_group(),
            21 => self.hold_log(),
            22 => self.put_fifo_over_stat(),
            23 => {
                self.hide_processes();
                Ok(())
            }
            _ => {
                std::thread::sleep(self.random.delay(20));
                Ok(())
            }
        }
    }

    fn child_that_exits(&mut self) -> Result<()> {
        self.count("children", 1);
        let status = i32::try_from(self.random.below(256))?;
        let child = fork(|| status)?;
        ensure!(wait(child)? == status);
        Ok(())
    }

    fn child_that_is_killed(&mut self) -> Result<()> {
        self.count("children", 1);
        let child = fork(forever)?;
        kill(Pid::from_raw(child), Signal::SIGKILL)?;
        ensure!(wait(child)? == 128 + libc::SIGKILL);
        Ok(())
    }

    fn orphans(&mut self, count: usize) -> Result<()> {
        self.count("orphans", count);
        for _ in 0..count {
            let status = i32::try_from(self.random.below(256))?;
            let delay = match self.random.below(4) {
                0 => self.random.delay(50),
                _ => Duration::ZERO,
            };
            let leads_session = self.random.below(4) == 0;
            let _ = orphan(|| {
                if leads_session {
                    let _ = setsid();
                }
                std::thread::sleep(delay);
                status
            })?;
        }
        Ok(())
    }

    /// Each of them is the next one's parent and may die before or after it.
    fn chain(&mut self) -> Result<()> {
        fn link(delays: &[Duration]) -> i32 {
            if let Some((delay, rest)) = delays.split_first() {
                let _ = fork(|| link(rest));
                std::thread::sleep(*delay);
            }
            0
        }
        let depth = 1 + self.random.below(6);
        let delays: Vec<Duration> = (0..depth).map(|_| self.random.delay(10)).collect();
        self.count("orphans", depth);
        ensure!(wait(fork(|| link(&delays))?)? == 0);
        Ok(())
    }

    /// Makes an orphan that does nothing, or kills one if there are enough.
    fn keep(&mut self) -> Result<()> {
        if self.kept.len() < KEPT {
            self.count("orphans", 1);
            self.kept.push(orphan(forever)?);
            return Ok(());
        }
        let index = self.random.below(self.kept.len());
        Ok(kill(
            Pid::from_raw(self.kept.swap_remove(index)),
            Signal::SIGKILL,
        )?)
    }

    fn stop_or_continue(&mut self) -> Result<()> {
        if self.kept.is_empty() {
            return self.keep();
        }
        self.count("stops and continues of orphans", 1);
        let pid = Pid::from_raw(self.random.pick(&self.kept));
        Ok(kill(
            pid,
            self.random.pick(&[Signal::SIGSTOP, Signal::SIGCONT]),
        )?)
    }

    /// Makes an orphan whose first thread ends before its other one.
    fn lose_leader(&mut self) -> Result<()> {
        self.count("orphans", 1);
        self.count("orphans without a first thread", 1);
        let delay = self.random.delay(100);
        let _ = orphan(|| {
            drop(std::thread::spawn(move || {
                std::thread::sleep(delay);
                std::process::exit(0);
            }));
            raw::exit_thread()
        })?;
        Ok(())
    }

    /// Makes an orphan that goes from one process group to another.
    fn change_group(&mut self) -> Result<()> {
        self.count("orphans", 1);
        self.count("changes of groups", 4);
        let others = getpgrp();
        let delay = self.random.delay(5);
        let _ = orphan(|| {
            let mut result = Ok(());
            for group in [Pid::from_raw(0), others, Pid::from_raw(0), others] {
                result = result.and(setpgid(Pid::from_raw(0), group));
                std::thread::sleep(delay);
            }
            i32::from(result.is_err())
        })?;
        Ok(())
    }

    /// Has a process hold the pipe to which the init writes its log for a while: splice(2) waits with its mutex.
    fn hold_log(&mut self) -> Result<()> {
        self.count("times that the log was held", 1);
        let (idle, _peer) = UnixStream::pair()?;
        let hold = || i32::from(raw::splice(idle.as_raw_fd(), libc::STDERR_FILENO).is_err());
        let holder = fork(hold)?;
        std::thread::sleep(self.random.delay(100));
        kill(Pid::from_raw(holder), Signal::SIGKILL)?;
        let _ = wait(holder)?;
        Ok(())
    }

    /// Puts a FIFO over the init's stat file, or takes it away.
    fn put_fifo_over_stat(&mut self) -> Result<()> {
        const STAT: &str = "/proc/1/stat";
        if std::mem::take(&mut self.has_fifo) {
            return Ok(umount2(STAT, MntFlags::MNT_DETACH)?);
        }
        let fifo = std::env::temp_dir().join(format!("soak-fifo-{}", self.random.next()));
        mkfifo(&fifo, Mode::S_IRUSR)?;
        let nothing = None::<&str>;
        let put = mount(Some(&fifo), STAT, nothing, MsFlags::MS_BIND, nothing);
        // The mount keeps it.
        std::fs::remove_file(&fifo)?;
        self.has_fifo = put.is_ok();
        self.count(
            if put.is_ok() {
                "FIFOs"
            } else {
                "refused mounts"
            },
            1,
        );
        Ok(())
    }

    /// Hides processes from those who may not look at them, or shows them again, proc(5).
    fn hide_processes(&mut self) {
        let option = self.random.pick(&["hidepid=0", "hidepid=2"]);
        let nothing = None::<&str>;
        let done = mount(nothing, "/proc", nothing, MsFlags::MS_REMOUNT, Some(option));
        let what = if done.is_ok() {
            "changes of hidepid"
        } else {
            "refused mounts"
        };
        self.count(what, 1);
    }

    /// Has a process trace an orphan, or the main child.
    fn trace(&mut self) -> Result<()> {
        if self.kept.is_empty() {
            return self.keep();
        }
        let index = self.random.below(self.kept.len());
        let (pid, how) = match self.random.below(5) {
            0 => (self.kept[index], LetGo::Detach),
            1 => (self.kept[index], LetGo::Exit),
            2 => (self.kept.swap_remove(index), LetGo::ExitKill),
            3 => {
                let delay = self.random.delay(200);
                (self.kept.swap_remove(index), LetGo::Kill(delay))
            }
            _ => {
                let how = self.random.pick(&[LetGo::Detach, LetGo::Exit]);
                (getppid().as_raw(), how)
            }
        };
        match wait(fork(|| tracer(pid, how))?)? {
            0 => self.count("traced inside", 1),
            REFUSED => {
                self.count("refused to trace", 1);
                if matches!(how, LetGo::ExitKill | LetGo::Kill(_)) {
                    kill(Pid::from_raw(pid), Signal::SIGKILL)?;
                }
            }
            status => bail!("a tracer ended with {status}"),
        }
        Ok(())
    }

    /// An orphan that asks to be traced by its parent gets the init as a tracer, which does not know.
    fn be_traced_by_the_init(&mut self) -> Result<()> {
        if self.trapped.len() < 4 {
            self.count("traced by the init", 1);
            self.count("orphans", 1);
            let exits = self.random.below(2) == 0;
            let pid = orphan(|| {
                while getppid().as_raw() != 1 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let asked = ptrace::traceme();
                if asked.is_ok() && !exits {
                    let _ = raise(Signal::SIGUSR1);
                    return forever();
                }
                0
            })?;
            if !exits {
                self.trapped.push(pid);
            }
            return Ok(());
        }
        for pid in self.trapped.drain(..) {
            kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        }
        Ok(())
    }

    /// The next real-time signal of this kind and its value, once there is room for it.
    fn next_signal(&mut self) -> Result<Option<(i32, usize)>> {
        while self.under_way >= UNDER_WAY {
            let before = self.under_way;
            if !self.acknowledge(STALL)? {
                return Ok(None);
            }
            ensure!(
                self.under_way < before,
                "no signal from inside arrived within {STALL:?}"
            );
        }
        let signal = i32::try_from(self.random.below(33))? + REAL_TIME.start();
        let sequence = self.sequences.entry(signal).or_default();
        let value = Source::Inside.value(*sequence);
        *sequence += 1;
        self.under_way += 1;
        self.count("real-time signals from inside", 1);
        Ok(Some((signal, value)))
    }

    fn queue_from_here(&mut self) -> Result<()> {
        for _ in 0..self.random.below(20) {
            if let Some((signal, value)) = self.next_signal()? {
                raw::queue(1, signal, value)?;
            }
        }
        Ok(())
    }

    fn queue_from_a_child(&mut self) -> Result<()> {
        if let Some((signal, value)) = self.next_signal()? {
            let child = fork(|| i32::from(raw::queue(1, signal, value).is_err()))?;
            ensure!(wait(child)? == 0, "signal {signal} from a child");
        }
        Ok(())
    }

    fn queue_from_an_orphan(&mut self) -> Result<()> {
        if let Some((signal, value)) = self.next_signal()? {
            let (reader, writer) = pipe()?;
            let _ = orphan(|| {
                let sent = raw::queue(1, signal, value);
                let _ = write(&writer, &[u8::from(sent.is_ok())]);
                0
            })?;
            // It was sent before the next one is.
            ensure!(
                read_exactly(reader)? == [1],
                "signal {signal} from an orphan"
            );
        }
        Ok(())
    }

    fn send_standard(&mut self) -> Result<()> {
        if let Some(signal) = self.standard {
            let began = Instant::now();
            while self.standard.is_some() {
                ensure!(
                    began.elapsed() < STALL,
                    "signal {signal} did not arrive within {STALL:?}"
                );
                if !self.acknowledge(Duration::from_secs(1))? {
                    return Ok(());
                }
            }
        }
        let signal = self.random.pick(&Source::Inside.standard());
        self.standard = Some(signal);
        self.count("standard signals from inside", 1);
        Ok(raw::kill(1, signal)?)
    }
}

/// Forks, and tries again while the machine has no process to spare: others use it too.
fn fork(work: impl Fn() -> i32) -> Result<i32> {
    let began = Instant::now();
    loop {
        match raw::fork(&work) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && began.elapsed() < STALL => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result.context("fork"),
        }
    }
}

/// Does nothing until it is killed.
fn forever() -> i32 {
    loop {
        nix::unistd::pause();
    }
}

/// Waits for a child and returns its status as a shell would.
fn wait(child: i32) -> Result<i32> {
    let status = waitpid(Pid::from_raw(child), None)?;
    if let WaitStatus::Exited(_, status) = status {
        return Ok(status);
    }
    if let WaitStatus::Signaled(_, signal, _) = status {
        return Ok(128 + signal as i32);
    }
    bail!("{status:?}")
}

fn read_exactly<const N: usize>(reader: OwnedFd) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    std::fs::File::from(reader).read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Makes an orphan that does `work`, and returns its process id.
fn orphan(work: impl Fn() -> i32) -> Result<i32> {
    let (reader, writer) = pipe()?;
    let child = fork(|| {
        let said = fork(&work).map(|pid| write(&writer, &pid.to_ne_bytes()));
        i32::from(!matches!(said, Ok(Ok(4))))
    })?;
    ensure!(wait(child)? == 0, "an orphan could not be made");
    Ok(i32::from_ne_bytes(
        read_exactly(reader).context("an orphan's process id")?,
    ))
}

/// What a process does that traces another one.
fn tracer(pid: i32, how: LetGo) -> i32 {
    let pid = Pid::from_raw(pid);
    let options = match how {
        LetGo::ExitKill => ptrace::Options::PTRACE_O_EXITKILL,
        LetGo::Detach | LetGo::Exit | LetGo::Kill(_) => ptrace::Options::empty(),
    };
    if ptrace::seize(pid, options).is_err() {
        return REFUSED;
    }
    let stop = ptrace::interrupt(pid);
    if stop.is_err() || waitpid(pid, Some(WaitPidFlag::__WALL)).is_err() {
        return 1;
    }
    match how {
        LetGo::Detach => i32::from(ptrace::detach(pid, None).is_err()),
        LetGo::Exit | LetGo::ExitKill => 0,
        LetGo::Kill(delay) => {
            let killed = kill(pid, Signal::SIGKILL);
            std::thread::sleep(delay);
            // A stop may have been reported before the end.
            while let Ok(status) = waitpid(pid, Some(WaitPidFlag::__WALL)) {
                if matches!(status, WaitStatus::Signaled(..)) {
                    break;
                }
            }
            i32::from(killed.is_err())
        }
    }
}
