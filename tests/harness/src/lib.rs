//! Runs the init under test, or a peer in its place, and looks at it from outside.
//!
//! [`Init`] is a builder: what the init inherits and where it runs. [`Init::run`] returns the
//! [`Output`] of a run that ends by itself; [`Init::spawn`] returns a [`Running`] one, to be signalled
//! and waited for. Dropping it kills everything it left behind. [`pty`] has terminals, [`engine`] containers,
//! [`require`] what a test needs of the machine.
//!
//! Every test crate says `harness::subject!();` once in its root: that names the binary under test.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "a test that cannot go on fails, and says where"
)]

mod emulator;
/// Container engines, images and containers.
pub mod engine;
mod events;
mod kernel;
mod log_text;
/// Who belongs to which run, and that nobody outlives the tests.
pub mod marks;
mod output;
mod proc_status;
mod programs;
/// Pseudo-terminals.
pub mod pty;
/// A main child and a member of its group that report signals.
pub mod reporters;
mod requirements;
mod running;
mod source;
mod subject;
/// The init and job-control shells on pseudo-terminals.
pub mod terminal;

pub use emulator::{Limit, emulator_lacks, is_full};
pub use events::{Event, Events};
pub use kernel::kernel_lacks;
pub use log_text::{expect_log, time_in, without_times};
pub use output::Output;
pub use proc_status::{ProcStatus, Process, children_of, descendants_of, is_in_call, processes};
pub use programs::{copy_program, write_program};
pub use requirements::{
    Requirement, peer, program, require, require_namespaces, require_ok, require_root,
    require_strace,
};
pub use running::Running;
pub use source::{code_blocks, system_calls};
pub use subject::{Subject, package, pidling, pidling_path};

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// How long anything may take before it counts as hung. The machine may be busy with other tests.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Whether the init under test is for 32-bit machines.
pub fn is_32_bit() -> bool {
    let start = std::fs::read(pidling()).unwrap_or_default();
    start.starts_with(b"\x7fELF\x01")
}

/// The calls that have another name in an init of 32 bits, syscalls(2).
const NAMES_ON_32_BITS: [(&str, &str); 2] = [("fstatfs", "fstatfs64"), ("mmap", "mmap2")];

/// The name by which strace(1) knows a call of the init's.
pub fn strace_name(call: &str) -> &str {
    let mut names = NAMES_ON_32_BITS.iter();
    let other = names.find(|(name, _)| *name == call && is_32_bit());
    other.map_or(call, |(_, other)| other)
}

/// The call that strace(1) shows under this name.
pub fn call_of_strace_name(name: &str) -> &str {
    let mut names = NAMES_ON_32_BITS.iter();
    names
        .find(|(_, other)| *other == name)
        .map_or(name, |(call, _)| call)
}

/// The number with which `/proc/PID/syscall` shows a call of the init's, given those of this machine and of
/// 32-bit x86, whose programs run here as well. An emulator makes the calls of this machine.
pub fn call_number(here: nix::libc::c_long, on_x86: u16) -> String {
    let start = std::fs::read(pidling()).unwrap_or_default();
    let is_x86 = start.get(18..20) == Some(&[3, 0]);
    if is_x86 {
        on_x86.to_string()
    } else {
        here.to_string()
    }
}

/// The probe, which cargo builds beside this test.
pub fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| example("probe", &["tests/probe"]))
}

/// One of the programs that cargo builds beside this test from these directories.
pub fn example(name: &str, sources: &[&str]) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let file = this.ancestors().nth(2).unwrap().join("examples").join(name);
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified());
    let newest = sources
        .iter()
        .filter_map(|source| std::fs::read_dir(package().join(source)).ok())
        .flatten()
        .map(|entry| changed(&entry.unwrap().path()).unwrap())
        .max();
    let built = changed(&file).ok();
    let profile = match file.ancestors().nth(2).and_then(Path::file_name) {
        Some(profile) if profile == "release" => "--release ",
        Some(_) | None => "",
    };
    assert!(
        built.is_some() && built >= newest,
        "{} is missing or older than its source; this builds it: cargo build {profile}--example {name}",
        file.display()
    );
    file
}

/// Waits until the condition holds, but not longer than the limit, and returns whether it does.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until everybody who lives is older than a signal that is sent next, as the init can tell: `/proc/PID/stat` counts
/// in hundredths of a second.
pub fn until_next_tick() {
    let tick = || {
        let time = nix::time::ClockId::CLOCK_BOOTTIME.now().unwrap();
        (time.tv_sec(), time.tv_nsec() / 10_000_000)
    };
    let now = tick();
    assert!(eventually(LIMIT, || tick() != now));
}

/// PATH without the directories that whoever runs the tests may not search: their refusal would be
/// remembered over the absence of a command.
fn searchable_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).filter(|directory| directory.is_dir());
    std::env::join_paths(directories).unwrap()
}

/// A standard stream of the init.
enum Stream {
    /// A pipe to or from this test.
    Piped,
    /// Nothing.
    Closed,
    /// `/dev/null`.
    Null,
    /// A descriptor of the test's.
    Given(OwnedFd),
}

impl Stream {
    fn take(&mut self) -> Stdio {
        match std::mem::replace(self, Stream::Null) {
            Stream::Piped => Stdio::piped(),
            // The launcher closes it: programs on the way to the init may need it.
            Stream::Closed | Stream::Null => Stdio::null(),
            Stream::Given(descriptor) => Stdio::from(descriptor),
        }
    }
}

/// An init to be started: what it is, where it runs and what it inherits.
///
/// Unless told otherwise it is the built binary, not PID 1, without a controlling terminal, leads a
/// session, has no signal blocked or ignored, and pipes for its standard streams.
pub struct Init {
    binary: PathBuf,
    arguments: Vec<OsString>,
    as_pid_1: bool,
    wrapper: Vec<OsString>,
    launch: Vec<OsString>,
    tracer: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    clear_environment: bool,
    directory: Option<PathBuf>,
    streams: [Stream; 3],
    limit: Duration,
}

impl Init {
    /// The init under test.
    pub fn new() -> Self {
        let streams = [Stream::Piped, Stream::Piped, Stream::Piped];
        Self {
            binary: pidling(),
            arguments: Vec::new(),
            as_pid_1: false,
            wrapper: Vec::new(),
            launch: Vec::new(),
            tracer: Vec::new(),
            // Variables of whoever runs the tests are not the init's.
            environment: [
                "PIDLING_OPTIONS",
                "TINI_SUBREAPER",
                "TINI_KILL_PROCESS_GROUP",
                "TINI_VERBOSITY",
                "DUMB_INIT_SETSID",
                "DUMB_INIT_DEBUG",
                "LISTEN_PID",
            ]
            .map(|name| (name.into(), None))
            .into_iter()
            .chain([("PATH".into(), Some(searchable_path()))])
            .collect(),
            clear_environment: false,
            directory: None,
            streams,
            limit: LIMIT,
        }
    }

    /// Another program in the init's place: a peer, a copy, the probe.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = path.into();
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.arguments
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Has the log in JSON, for [`Output::events`]; `-v` is left to the test.
    pub fn json(self) -> Self {
        self.arg("--log-format=json")
    }

    /// One more argument.
    pub fn arg(self, word: impl AsRef<OsStr>) -> Self {
        self.args([word])
    }

    /// `--`, the probe and its arguments.
    pub fn probe<S: AsRef<OsStr>>(self, words: impl IntoIterator<Item = S>) -> Self {
        self.arg("--").arg(probe()).args(words)
    }

    /// The name it is started under.
    pub fn argv0(self, name: impl AsRef<OsStr>) -> Self {
        self.launch(["--argv0".as_ref(), name.as_ref()])
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.environment.push((name, Some(value)));
        self
    }

    /// Removes a variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    /// Starts from an empty environment.
    pub fn env_clear(mut self) -> Self {
        self.clear_environment = true;
        self
    }

    /// The current directory.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Makes the init PID 1 of a new PID namespace with a `/proc` of its own.
    pub fn as_pid_1(mut self) -> Self {
        self.as_pid_1 = true;
        self
    }

    /// Runs the init through another program, as `[strace, -f]` would; the words come before those of
    /// the init, after those that make a namespace.
    pub fn through<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.wrapper
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// More options of `probe launch`, which sets up what the init inherits.
    pub fn launch<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.launch
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// The signals blocked and ignored on entry: names or numbers with commas between, or `all`.
    pub fn signal_setup(self, blocked: &str, ignored: &str) -> Self {
        let mut this = self;
        for (option, list) in [("--block", blocked), ("--ignore", ignored)] {
            if !list.is_empty() {
                this = this.launch([option, list]);
            }
        }
        this
    }

    /// Has strace watch the init from its first system call on, with these options of strace's. The init
    /// keeps its process id.
    pub fn traced<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        let strace = program("strace").expect("strace");
        if self.tracer.is_empty() {
            self.tracer = vec![strace.into(), "-D".into(), "-qq".into()];
        }
        self.tracer
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    fn stream(mut self, number: usize, stream: Stream) -> Self {
        if matches!(stream, Stream::Closed) {
            self = self.launch(["--close", &number.to_string()]);
        }
        *self.streams.get_mut(number).unwrap() = stream;
        self
    }

    /// Closes a standard stream.
    pub fn closed(self, number: usize) -> Self {
        self.stream(number, Stream::Closed)
    }

    /// Standard output.
    pub fn stdout(self, descriptor: impl Into<OwnedFd>) -> Self {
        self.stream(1, Stream::Given(descriptor.into()))
    }

    /// Standard error.
    pub fn stderr(self, descriptor: impl Into<OwnedFd>) -> Self {
        self.stream(2, Stream::Given(descriptor.into()))
    }

    /// How long it may run, instead of [`LIMIT`].
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The whole command line, with everything on the way to the init.
    fn words(&self, mark: marks::Mark) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        if self.as_pid_1 {
            words.push(program("unshare").expect("unshare of util-linux").into());
            if !nix::unistd::geteuid().is_root() {
                words.extend(["--user", "--map-root-user"].map(Into::into));
            }
            let options = ["--pid", "--fork", "--mount-proc", "--kill-child", "--"];
            words.extend(options.map(Into::into));
        }
        words.extend(self.wrapper.iter().cloned());
        words.extend([probe().into(), "launch".into()]);
        words.extend(["--mark".into(), mark.to_string().into()]);
        words.extend(kernel::launch_options());
        words.push("--new-session".into());
        words.extend(self.launch.iter().cloned());
        words.push("--".into());
        words.extend(self.tracer.iter().cloned());
        words.push(self.binary.clone().into());
        words.extend(self.arguments.iter().cloned());
        words
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running {
        let mark = marks::next();
        let words = self.words(mark);
        let mut command = Command::new(words.first().unwrap());
        let _ = command.args(words.iter().skip(1));
        if self.clear_environment {
            let _ = command.env_clear();
        }
        for (name, value) in &self.environment {
            let _ = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = &self.directory {
            let _ = command.current_dir(directory);
        }
        let [input, output, error] = &mut self.streams;
        let began = SystemTime::now();
        let child = command
            .stdin(input.take())
            .stdout(output.take())
            .stderr(error.take())
            .spawn()
            .unwrap();
        Running::new(
            child,
            began,
            mark,
            words,
            self.binary,
            self.as_pid_1,
            self.limit,
        )
    }

    /// Runs it with standard input at its end, and waits until it ends by itself.
    pub fn run(self) -> Output {
        let mut running = self.spawn();
        running.close_stdin();
        running.wait()
    }
}
