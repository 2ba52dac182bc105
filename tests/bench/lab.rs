//! Starts inits under the driver of `floor.c` and hands back what it says.

use crate::inits::{self, Init, Kind};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the main child is to be: a role of `floor.c` with its two numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role(pub(crate) &'static str, pub(crate) usize, pub(crate) usize);

/// What the driver does: a mode of `floor.c` with its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode(pub(crate) &'static str, pub(crate) usize);

/// The compiled driver, and a directory for what it shares with the child.
pub(crate) struct Lab {
    /// The program of `floor.c`.
    pub(crate) floor: PathBuf,
    /// Why no init can be PID 1, if none can.
    pub(crate) namespaces: Result<(), String>,
    /// Where the run has got to.
    pub(crate) progress: Progress,
    directory: tempfile::TempDir,
    files: usize,
    interrupted: Arc<AtomicBool>,
    /// How many seconds a measurement of a peer may take.
    pub(crate) patience: usize,
}

/// How many seconds any other measurement may take.
const LIMIT: usize = 60;

/// The driver's limit was reached: it has ended itself, the init and all that the init had started.
#[derive(Debug)]
pub(crate) struct Hangs;

impl std::fmt::Display for Hangs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("not over in time")
    }
}

impl std::error::Error for Hangs {}

/// A line on standard error.
pub(crate) struct Progress {
    start: Instant,
    is_terminal: bool,
}

impl Progress {
    /// Says what is measured now. On a terminal the line replaces the one before.
    pub(crate) fn say(&self, what: &str) {
        let seconds = self.start.elapsed().as_secs();
        if self.is_terminal {
            eprint!("\r\x1b[K[{seconds:3} s] {what}");
            let _ = std::io::stderr().flush();
        }
    }

    /// Says what begins now.
    pub(crate) fn begin(&self, what: &str) {
        if self.is_terminal {
            self.say(what);
        } else {
            eprintln!("bench: [{:3} s] {what}", self.start.elapsed().as_secs());
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}

/// What a driver said: lines of a name and a value.
pub(crate) struct Said(Vec<(String, String)>);

impl Said {
    /// The value of each line of that name.
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The numbers of that name.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.all(name)
            .map(|value| value.parse().context("a number of the driver's"))
            .collect()
    }

    /// Word `index` of the line of that name, as a number.
    pub(crate) fn word(&self, name: &str, index: usize) -> Result<f64> {
        self.all(name)
            .next()
            .and_then(|value| value.split_whitespace().nth(index)?.parse().ok())
            .with_context(|| format!("the driver said no {name}"))
    }
}

impl Lab {
    /// Compiles the driver.
    pub(crate) fn new(namespaces: Result<(), String>) -> Result<Self> {
        let floor = Path::new(env!("CARGO_TARGET_TMPDIR")).join("floor");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/floor.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let output = Command::new(&compiler)
            .args(["-O2", "-Wall", "-Wextra", "-static", "-nostdlib"])
            .args(["-ffreestanding", "-fno-pie", "-no-pie"])
            .args(["-fno-stack-protector", "-fno-asynchronous-unwind-tables"])
            .args(["-Wl,--build-id=none", "-o"])
            .args([&floor, &source])
            .output()
            .with_context(|| format!("cannot run {}, a C compiler", compiler.display()))?;
        ensure!(
            output.status.success(),
            "cannot compile {}, which everything is measured with:\n{}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        // Memory: a disk would write the pages back and make them fault again.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let mut lab = Self {
            floor,
            namespaces,
            progress: Progress {
                start: Instant::now(),
                is_terminal: std::io::stderr().is_terminal(),
            },
            directory: directory.context("no directory for what is shared")?,
            files: 0,
            interrupted,
            patience: 10,
        };
        // Root in a container may lack the privilege, and a kernel the namespaces.
        let init = inits::floor("a floor", &lab.floor, "fork");
        let trial = lab.drive(&init, Mode("end", 0), Role("end", 0, 0));
        if let Err(error) = trial
            && lab.namespaces.is_ok()
        {
            lab.namespaces = Err(format!("{error:#}"));
        }
        Ok(lab)
    }

    /// Whether somebody asked this process to end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// A command that drives the init, after the words of `wrapper`.
    fn command(
        &mut self,
        wrapper: &[OsString],
        init: &Init,
        mode: Mode,
        role: Role,
    ) -> Result<Command> {
        if self.is_interrupted() {
            bail!("interrupted");
        }
        let shared = self.new_file();
        fs::write(&shared, [0; 4096]).context("cannot write the shared file")?;
        let mut words: Vec<OsString> = wrapper.to_vec();
        words.extend([self.floor.clone().into(), "drive".into(), mode.0.into()]);
        let limit = if init.kind == Kind::Peer {
            self.patience
        } else {
            LIMIT
        };
        words.extend([shared.clone().into(), mode.1.to_string().into()]);
        words.push(limit.to_string().into());
        words.extend(init.command.iter().map(OsString::from));
        words.extend([self.floor.clone().into(), "child".into(), role.0.into()]);
        words.extend([
            shared.into(),
            role.1.to_string().into(),
            role.2.to_string().into(),
        ]);
        let mut command = Command::new(&words[0]);
        // No variable of whoever runs this may steer one of the inits.
        let _ = command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(pod());
        Ok(command)
    }

    /// Drives an init until the driver is done.
    pub(crate) fn drive(&mut self, init: &Init, mode: Mode, role: Role) -> Result<Said> {
        let output = self
            .command(&[], init, mode, role)?
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        self.forget_file();
        if is_limit(output.status) {
            return Err(Hangs).with_context(|| format!("{} with the child {}", init.name, role.0));
        }
        ensure!(
            output.status.success(),
            "{} with the child {}: {}, {}",
            init.name,
            role.0,
            String::from_utf8_lossy(&output.stderr).trim(),
            output.status
        );
        let line = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.to_owned()))
        };
        Ok(Said(text.lines().filter_map(line).collect()))
    }

    /// Looks how busy each init is with nothing to do. One that cannot be started says so later.
    pub(crate) fn look_at_rest(&mut self, inits: &mut [Init]) -> Result<()> {
        if self.namespaces.is_err() {
            return Ok(());
        }
        for init in inits {
            let Ok(held) = self.hold(init, Role("receive", 0, 0)) else {
                continue;
            };
            let (run_time, began) = (held.run_time()?, Instant::now());
            std::thread::sleep(Duration::from_millis(200));
            let took = began.elapsed().as_nanos() as f64;
            init.busy = (held.run_time()? - run_time) / took;
        }
        Ok(())
    }

    /// A file of a name that was not used before.
    pub(crate) fn new_file(&mut self) -> PathBuf {
        self.files += 1;
        self.directory.path().join(self.files.to_string())
    }

    /// The newest file is mapped by those who need it; its name is not needed any more.
    fn forget_file(&self) {
        let _ = fs::remove_file(self.directory.path().join(self.files.to_string()));
    }

    /// Starts an init that stays until it is dropped.
    pub(crate) fn hold(&mut self, init: &Init, role: Role) -> Result<Held> {
        self.hold_under(&[], init, Mode("hold", 0), role)
    }

    /// The same under another program, a tracer, with so many microseconds to come to rest.
    pub(crate) fn hold_under(
        &mut self,
        wrapper: &[OsString],
        init: &Init,
        mode: Mode,
        role: Role,
    ) -> Result<Held> {
        let mut driver = self
            .command(wrapper, init, mode, role)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = driver.stdin.take();
        let output = BufReader::new(driver.stdout.take().context("a pipe")?);
        let mut held = Held {
            pid: 0,
            driver,
            input,
            output,
        };
        held.pid = held.expect("pid").with_context(|| init.name.clone())?;
        let _ = held.expect("ready").with_context(|| init.name.clone())?;
        self.forget_file();
        Ok(held)
    }
}

/// Whether SIGALRM has ended a driver, or a tracer that ends as its driver does.
fn is_limit(status: ExitStatus) -> bool {
    status.signal() == Some(signal_hook::consts::SIGALRM)
}

/// Variables as a container of a pod finds them with four services beside it: an init has to pass them
/// on, and to look through them.
fn pod() -> impl Iterator<Item = (String, String)> {
    let own = [("HOSTNAME", "server-6d4cf56db6-x7k2p"), ("HOME", "/root")];
    let own = own.map(|(name, value)| (name.into(), value.into()));
    let services = ["KUBERNETES", "REDIS", "POSTGRES", "QUEUE"];
    let of_service = services.into_iter().enumerate().flat_map(|(index, name)| {
        let address = format!("10.96.0.{}", index + 1);
        [
            ("SERVICE_HOST", address.clone()),
            ("SERVICE_PORT", "443".into()),
            ("PORT", format!("tcp://{address}:443")),
            ("PORT_443_TCP", format!("tcp://{address}:443")),
            ("PORT_443_TCP_PROTO", "tcp".into()),
            ("PORT_443_TCP_PORT", "443".into()),
            ("PORT_443_TCP_ADDR", address),
        ]
        .map(|(what, value)| (format!("{name}_{what}"), value))
    });
    own.into_iter().chain(of_service)
}

/// An init that runs until this is dropped.
pub(crate) struct Held {
    /// The init's pid as this process sees it.
    pub(crate) pid: u32,
    driver: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Held {
    /// Reads on to the line of that name and returns its number.
    fn expect(&mut self, name: &str) -> Result<u32> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                ensure!(!is_limit(self.driver.wait()?), Hangs);
                bail!("the driver ended before it said {name}");
            }
            if let Some((known, value)) = line.trim_end().split_once(' ')
                && known == name
            {
                return value.parse().context("a number of the driver's");
            }
        }
    }

    /// Lets the main child work, and waits until it is done.
    pub(crate) fn work(&mut self) -> Result<()> {
        let input = self.input.as_mut().context("a pipe")?;
        input.write_all(b"g")?;
        self.expect("done").map(drop)
    }

    /// A file of the init's under `/proc`.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path).with_context(|| path)
    }

    /// The number after that name in a file of the init's under `/proc`.
    pub(crate) fn field(&self, file: &str, name: &str) -> Result<f64> {
        let text = self.read(file)?;
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .with_context(|| format!("no {name} in {file}"))
    }

    /// Nanoseconds on a processor, and how often it got one: `/proc/PID/schedstat`.
    pub(crate) fn run_time(&self) -> Result<f64> {
        let text = self.read("schedstat")?;
        let first = text.split_whitespace().next().context("no schedstat")?;
        first.parse().context("no schedstat")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its input ends the driver and the init.
        drop(self.input.take());
        let _ = self.driver.wait();
    }
}
