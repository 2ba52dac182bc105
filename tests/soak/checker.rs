//! The checker, outside the namespace: it starts the init, sends it signals, stops, freezes and traces it and its
//! main child at random, and holds what happens against what should.

use crate::freezer::{Freezer, Whom};
use crate::hostile::refusals;
use crate::load::STALL;
use crate::random::Random;
use crate::{JOB_CONTROL, REAL_TIME, Source, app, raw};
use anyhow::{Context, Result, ensure};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a zombie may stay. The init may be stopped or frozen for a part of it, and the machine busy.
const ZOMBIE_LIMIT: Duration = Duration::from_secs(5);

/// The init's options, if it takes any from a variable: who is left when the main child has ended has to be killed.
const OPTIONS: &str = "--wait-all --grace-period=2s";

/// How long the end may take: the grace period and what the promise allows beyond it (contract 6.3).
const LONGEST_END: Duration = Duration::from_secs(8);

/// How many signals may be under way.
const UNDER_WAY: usize = 256;

/// How much its own memory may grow, in kB: a page.
const GROWTH: u64 = 4;

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    /// The init and its arguments; the built one if there are none.
    pub(crate) init: Vec<OsString>,
}

impl Default for Plan {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            seconds: 10,
            seed: now.map_or(0, |now| now.as_secs()),
            init: Vec::new(),
        }
    }
}

/// What the main child and its load have said, and what was wrong.
#[derive(Default)]
struct Seen {
    is_ready: bool,
    /// The next number of each real-time signal, by source.
    next: [BTreeMap<i32, usize>; 2],
    /// How often each standard signal arrived.
    standard: BTreeMap<i32, u64>,
    counts: BTreeMap<String, u64>,
    /// How many of each real-time signal the load has sent.
    sent_inside: BTreeMap<i32, usize>,
    /// The load has ended.
    is_over: bool,
    has_ended: bool,
    longest_zombie: Duration,
    most_zombies: usize,
    faults: Vec<String>,
}

impl Seen {
    fn fault(&mut self, what: String) {
        // The first says most.
        if self.faults.len() < 10 {
            self.faults.push(what);
        }
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ready"] => self.is_ready = true,
            ["over", "0"] => self.is_over = true,
            ["count", number, ..] => {
                let _ = self
                    .counts
                    .insert(words[2..].join(" "), number.parse().unwrap_or(0));
            }
            ["sent", signal, count] => {
                let signal = signal.parse().unwrap_or(0);
                let _ = self.sent_inside.insert(signal, count.parse().unwrap_or(0));
            }
            ["got", signal, code, value] => match (signal.parse(), code.parse(), value.parse()) {
                (Ok(signal), Ok(code), Ok(value)) => self.signal(signal, code, value),
                _ => self.fault(format!("the main child said {line:?}")),
            },
            _ => self.fault(format!("the main child said {line:?}")),
        }
    }

    fn signal(&mut self, signal: i32, code: i32, value: usize) {
        if !REAL_TIME.contains(&signal) {
            *self.standard.entry(signal).or_default() += 1;
            return;
        }
        if code != app::SI_QUEUE {
            return self.fault(format!("signal {signal} arrived without its value"));
        }
        let (source, sequence) = Source::of(value);
        let next = self.next[source as usize].entry(signal).or_default();
        let expected = std::mem::replace(next, sequence + 1);
        if sequence != expected {
            self.fault(format!(
                "signal {signal} from {source:?}: number {sequence} arrived instead of {expected}"
            ));
        }
    }

    fn arrived(&self, source: Source) -> usize {
        self.next[source as usize].values().sum()
    }
}

/// What several threads see.
#[derive(Clone, Default)]
struct Shared(Arc<(Mutex<Seen>, Condvar)>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let result = change(&mut self.lock());
        self.0.1.notify_all();
        result
    }

    /// Waits until the condition holds; whatever else was wrong ends the wait too.
    fn until(&self, what: &str, mut condition: impl FnMut(&Seen) -> bool) -> Result<()> {
        let (seen, _) = self
            .0
            .1
            .wait_timeout_while(self.lock(), STALL, |seen| {
                !condition(seen) && seen.faults.is_empty() && !seen.has_ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        ensure!(seen.faults.is_empty(), "{}", seen.faults.join("\n"));
        ensure!(
            condition(&seen),
            "waited {STALL:?} in vain, or the init ended: {what}"
        );
        Ok(())
    }
}

/// A line of `/proc/PID/stat`.
struct Process {
    pid: i32,
    state: char,
    parent: i32,
    /// When it was started, so that a process id that is used again is another process.
    start: String,
}

fn process(pid: i32) -> Option<Process> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let words: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    Some(Process {
        pid,
        state: words.first()?.chars().next()?,
        parent: words.get(1)?.parse().ok()?,
        start: (*words.get(19)?).to_owned(),
    })
}

fn children_of(parent: i32) -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries
        .filter_map(|entry| process(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .filter(|process| process.parent == parent)
        .collect()
}

/// The number in a field of a file below `/proc/PID`.
fn field(pid: i32, file: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .with_context(|| format!("no {name} in {file}"))
}

/// What must not grow.
#[derive(Debug)]
struct Size {
    /// What is its own alone; the pages of its file come and go as the kernel likes.
    anonymous: u64,
    address_space: u64,
    descriptors: usize,
    threads: u64,
}

impl Size {
    fn of(pid: i32) -> Result<Self> {
        Ok(Self {
            anonymous: field(pid, "smaps_rollup", "Anonymous:")?,
            address_space: field(pid, "status", "VmSize:")?,
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
            threads: field(pid, "status", "Threads:")?,
        })
    }
}

/// An init under load. It is killed when this is dropped.
struct Soak {
    outer: Child,
    init: i32,
    app: i32,
    random: Random,
    shared: Shared,
    is_over: Arc<AtomicBool>,
    /// The init was told to end.
    is_ending: Arc<AtomicBool>,
    counts: BTreeMap<&'static str, u64>,
    sequences: BTreeMap<i32, usize>,
    standard: BTreeMap<i32, u64>,
    /// The last that is dropped: a group goes after its processes.
    freezers: Vec<Freezer>,
}

impl Drop for Soak {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // With process 1, the kernel kills all others of the namespace.
        if self.init > 0 {
            let _ = raw::kill(self.init, libc::SIGKILL);
        }
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

pub(crate) fn run(plan: &Plan) -> Result<i32> {
    let this = std::env::current_exe()?;
    let mut init = plan.init.clone();
    if init.is_empty() {
        let built = this
            .ancestors()
            .nth(2)
            .context("no directory")?
            .join("pidling");
        init.push(built.into());
    }
    println!(
        "soak: {} s under seed {}: {init:?}",
        plan.seconds, plan.seed
    );
    let (freezers, reasons) = Freezer::all();
    for reason in reasons {
        println!("soak: cannot freeze: {reason}");
    }
    for freezer in &freezers {
        println!("soak: can freeze: {}", freezer.name());
    }
    let mut soak = Soak::start(plan, &init, freezers)?;
    match soak.go_on(plan) {
        Ok(()) => {
            println!("soak: passed");
            Ok(0)
        }
        Err(error) => {
            println!("soak: FAILED under seed {}: {error:#}", plan.seed);
            for fault in &soak.shared.lock().faults {
                println!("soak: {fault}");
            }
            Ok(1)
        }
    }
}

impl Soak {
    fn start(plan: &Plan, init: &[OsString], freezers: Vec<Freezer>) -> Result<Self> {
        let mut choice = Random(plan.seed.rotate_left(32));
        let is_verbose = choice.below(2) == 0;
        let refused = refusals(&mut choice);
        println!("soak: the log is verbose: {is_verbose}, refused calls: {refused:?}");
        let verbosity = if is_verbose { " -vv" } else { "" };
        let mut words: Vec<OsString> = vec!["sh".into()];
        words.extend(
            freezers
                .iter()
                .map(|freezer| freezer.processes(Whom::Others).into()),
        );
        words.extend(["--", "unshare"].map(Into::into));
        if !nix::unistd::geteuid().is_root() {
            words.extend(["--user", "--map-root-user"].map(Into::into));
        }
        words.extend(["--pid", "--fork", "--mount-proc", "--kill-child", "--"].map(Into::into));
        words.extend([std::env::current_exe()?.into(), "refuse".into()]);
        words.extend(refused.into_iter().map(Into::into));
        words.push("--".into());
        words.extend_from_slice(init);
        words.extend(["--".into(), std::env::current_exe()?.into()]);
        words.extend(["app".into(), plan.seed.to_string().into()]);
        let enter = "while [ \"$1\" != -- ]; do echo $$ >\"$1\"; shift; done; shift; exec \"$@\"";
        let mut outer = Command::new("sh")
            .args(["-c", enter])
            .args(words)
            .env("PIDLING_OPTIONS", format!("{OPTIONS}{verbosity}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let shared = Shared::default();
        let (output, error) = (outer.stdout.take(), outer.stderr.take());
        let mut soak = Self {
            outer,
            init: 0,
            app: 0,
            random: Random(!plan.seed),
            shared: shared.clone(),
            is_over: Arc::default(),
            is_ending: Arc::default(),
            counts: BTreeMap::new(),
            sequences: BTreeMap::new(),
            standard: BTreeMap::new(),
            freezers,
        };
        let heard = shared.clone();
        drop(std::thread::spawn(move || {
            for line in BufReader::new(output?).lines() {
                heard
                    .change(|seen| line.map(|line| seen.line(&line)))
                    .ok()?;
            }
            heard.change(|seen| seen.has_ended = true);
            Some(())
        }));
        let is_ending = Arc::clone(&soak.is_ending);
        drop(std::thread::spawn(move || {
            for line in BufReader::new(error?).lines() {
                let line = line.ok()?;
                let is_the_inits = line.starts_with("pidling: ");
                let is_grave = [": warning: ", ": error: "]
                    .iter()
                    .any(|level| line.contains(level));
                // At the end it says whom it had to kill.
                let is_right = is_ending.load(Ordering::Relaxed) || is_verbose && !is_grave;
                if !(is_the_inits && is_right) {
                    let what = format!("on standard error: {line}");
                    shared.change(|seen| seen.fault(what));
                }
                // A reader that sleeps, so that lines are dropped.
                if choice.below(5000) == 0 {
                    std::thread::sleep(choice.delay(1000));
                }
            }
            Some(())
        }));
        soak.shared
            .until("the main child starts", |seen| seen.is_ready)?;
        let outer = soak.outer.id().cast_signed();
        soak.init = children_of(outer).first().context("no init")?.pid;
        let is_app = |process: &&Process| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid));
            status.is_ok_and(|text| {
                text.lines()
                    .any(|line| line.starts_with("NSpid:") && line.ends_with("\t2"))
            })
        };
        soak.app = children_of(soak.init)
            .iter()
            .find(is_app)
            .context("no main child")?
            .pid;
        for freezer in &soak.freezers {
            freezer.put(Whom::Init, soak.init)?;
        }
        soak.watch_zombies();
        Ok(soak)
    }

    /// Looks ten times a second for zombies that the init should have reaped.
    fn watch_zombies(&self) {
        let (init, shared, is_over) = (self.init, self.shared.clone(), Arc::clone(&self.is_over));
        drop(std::thread::spawn(move || {
            let mut since: HashMap<(i32, String), Instant> = HashMap::new();
            while !is_over.load(Ordering::Relaxed) {
                let now = Instant::now();
                let zombies = children_of(init).into_iter().filter(|one| one.state == 'Z');
                since = zombies
                    .map(|one| (one.pid, one.start))
                    .map(|one| {
                        let first = since.get(&one).copied().unwrap_or(now);
                        (one, first)
                    })
                    .collect();
                let longest = since
                    .values()
                    .map(|first| now - *first)
                    .max()
                    .unwrap_or_default();
                shared.change(|seen| {
                    seen.longest_zombie = seen.longest_zombie.max(longest);
                    seen.most_zombies = seen.most_zombies.max(since.len());
                    if longest > ZOMBIE_LIMIT {
                        seen.fault(format!("a zombie stayed for {longest:?}"));
                    }
                });
                std::thread::sleep(Duration::from_millis(100));
            }
        }));
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// What the whole run is: load, and an end in order.
    fn go_on(&mut self, plan: &Plan) -> Result<()> {
        let began = Instant::now();
        let length = Duration::from_secs(plan.seconds);
        let warm_up = (length / 10).max(Duration::from_secs(2)).min(length / 2);
        let mut size_at_first = None;
        let mut said = began;
        while began.elapsed() < length {
            self.act()?;
            self.shared
                .until("the load goes on", |seen| !seen.is_over)?;
            if size_at_first.is_none() && began.elapsed() >= warm_up {
                size_at_first = Some(Size::of(self.init)?);
            }
            if said.elapsed() > Duration::from_secs(60) {
                said = Instant::now();
                self.say(began.elapsed())?;
            }
        }
        self.finish(&size_at_first.context("the run was too short")?)?;
        self.say(began.elapsed())
    }

    fn say(&self, elapsed: Duration) -> Result<()> {
        let seen = self.shared.lock();
        let mut text = format!("soak: after {} s:", elapsed.as_secs());
        for (what, count) in &seen.counts {
            write!(text, " {what} {count},")?;
        }
        for (what, count) in &self.counts {
            write!(text, " {what} {count},")?;
        }
        println!(
            "{text} most zombies at once {}, the oldest {} ms",
            seen.most_zombies,
            seen.longest_zombie.as_millis()
        );
        Ok(std::io::stdout().flush()?)
    }

    fn finish(&mut self, at_first: &Size) -> Result<()> {
        let input = self.outer.stdin.as_mut().context("no standard input")?;
        input.write_all(b"quit\n")?;
        self.shared.until("the load ends", |seen| seen.is_over)?;
        self.shared
            .until("the signals from inside arrive", |seen| {
                let sent: usize = seen.sent_inside.values().sum();
                seen.sent_inside.len() == REAL_TIME.count() && seen.arrived(Source::Inside) == sent
            })?;
        self.await_outside(0)?;
        let standard = self.standard.clone();
        self.shared
            .until("the standard signals from outside arrive", |seen| {
                standard
                    .iter()
                    .all(|(signal, sent)| seen.standard.get(signal) == Some(sent))
            })?;
        let began = Instant::now();
        loop {
            let children = children_of(self.init);
            if children.len() == 1 && children[0].pid == self.app {
                break;
            }
            ensure!(
                began.elapsed() < ZOMBIE_LIMIT,
                "{} children are left",
                children.len()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let at_last = Size::of(self.init)?;
        println!("soak: after the warm-up {at_first:?}, at last {at_last:?}");
        ensure!(
            at_last.anonymous <= at_first.anonymous + GROWTH
                && at_last.address_space == at_first.address_space
                && at_last.descriptors == at_first.descriptors
                && at_last.threads == 1,
            "the init has grown"
        );
        self.is_ending.store(true, Ordering::Relaxed);
        raw::kill(self.init, libc::SIGTERM)?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.outer.try_wait()? {
                break status;
            }
            ensure!(began.elapsed() < LONGEST_END, "the init does not end");
            std::thread::sleep(Duration::from_millis(1));
        };
        self.init = 0;
        ensure!(
            status.code() == Some(app::STATUS),
            "the init ended with {status}"
        );
        self.shared.until("its streams end", |seen| seen.has_ended)
    }

    fn act(&mut self) -> Result<()> {
        match self.random.below(24) {
            0..=7 => self.queue(),
            8..=13 => self.send_standard(),
            14 | 15 => self.send_job_control(),
            16 => self.stop(self.app, "stops of the main child"),
            17 => self.stop(self.init, "stops of the init"),
            18 => self.trace(self.app, "traced outside, the main child"),
            19 => self.trace(self.init, "traced outside, the init"),
            20 | 21 => self.freeze(),
            _ => {
                std::thread::sleep(self.random.delay(30));
                Ok(())
            }
        }
    }

    /// Waits until no more than this many real-time signals from outside are under way.
    fn await_outside(&self, limit: usize) -> Result<()> {
        let sent: usize = self.sequences.values().sum();
        self.shared
            .until("the signals from outside arrive", |seen| {
                sent <= seen.arrived(Source::Outside) + limit
            })
    }

    fn queue(&mut self) -> Result<()> {
        // Nobody who could take them may be stopped meanwhile: the callers see to that.
        self.await_outside(UNDER_WAY - 40)?;
        self.queue_some()
    }

    /// Up to 40, for which there is room even while nobody takes them.
    fn queue_some(&mut self) -> Result<()> {
        for _ in 0..self.random.below(40) {
            let signal = i32::try_from(self.random.below(33))? + REAL_TIME.start();
            let sequence = self.sequences.entry(signal).or_default();
            let value = Source::Outside.value(*sequence);
            *sequence += 1;
            raw::queue(self.init, signal, value)?;
            self.count("real-time signals from outside");
        }
        Ok(())
    }

    /// Sends a signal, and waits first for the last one of its kind.
    fn send(&mut self, signal: i32) -> Result<()> {
        self.await_standard(signal)?;
        *self.standard.entry(signal).or_default() += 1;
        self.count("standard signals from outside");
        Ok(raw::kill(self.init, signal)?)
    }

    fn await_standard(&self, signal: i32) -> Result<()> {
        let sent = self.standard.get(&signal).copied().unwrap_or(0);
        let what = format!("signal {signal} from outside arrives");
        self.shared.until(&what, |seen| {
            seen.standard.get(&signal).copied().unwrap_or(0) == sent
        })
    }

    fn send_standard(&mut self) -> Result<()> {
        let signal = self.random.pick(&Source::Outside.standard());
        self.send(signal)
    }

    fn send_job_control(&mut self) -> Result<()> {
        let signal = self.random.pick(&JOB_CONTROL);
        self.send(signal)?;
        self.await_standard(signal)
    }

    /// Stops a process for a while, with signals coming in, and waits for the SIGCONT to arrive, which the main
    /// child gets either way.
    fn stop(&mut self, pid: i32, what: &'static str) -> Result<()> {
        self.count(what);
        self.await_outside(UNDER_WAY - 40)?;
        raw::kill(pid, libc::SIGSTOP)?;
        let began = Instant::now();
        while process(pid).is_none_or(|process| !matches!(process.state, 'T' | 't')) {
            ensure!(began.elapsed() < STALL, "process {pid} does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.queue_some()?;
        std::thread::sleep(self.random.delay(200));
        *self.standard.entry(libc::SIGCONT).or_default() += 1;
        raw::kill(pid, libc::SIGCONT)?;
        self.await_standard(libc::SIGCONT)
    }

    /// Holds a process in a trace for a while, with signals coming in.
    fn trace(&mut self, pid: i32, what: &'static str) -> Result<()> {
        self.await_outside(UNDER_WAY - 40)?;
        let traced = Pid::from_raw(pid);
        if ptrace::seize(traced, ptrace::Options::empty()).is_err() {
            // Another tracer has it, or the machine does not allow it.
            self.count("refused to trace outside");
            return Ok(());
        }
        self.count(what);
        ptrace::interrupt(traced)?;
        let began = Instant::now();
        let flags = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
        while waitpid(traced, Some(flags))? == WaitStatus::StillAlive {
            ensure!(
                began.elapsed() < STALL,
                "process {pid} does not stop for its tracer"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        self.queue_some()?;
        std::thread::sleep(self.random.delay(100));
        Ok(ptrace::detach(traced, None)?)
    }

    fn freeze(&mut self) -> Result<()> {
        if self.freezers.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.freezers.len());
        let whom = self.random.pick(&[Whom::All, Whom::Init, Whom::Others]);
        let length = self.random.delay(300);
        let frozen = self.freezers[index].freeze(whom, length, Duration::from_secs(2))?;
        self.count(match (frozen, whom) {
            (false, _) => "not all frozen",
            (true, Whom::All) => "freezes of all",
            (true, Whom::Init) => "freezes of the init",
            (true, Whom::Others) => "freezes of the others",
        });
        Ok(())
    }
}
