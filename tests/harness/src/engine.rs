//! Container engines for the tests: an engine of their own, images that need no network, and containers
//! that do not outlive their test. It knows nothing of what the tests expect.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Requirement, eventually, marks, pidling, program, require, require_ok};

/// How long any one command of an engine may take, and any one state may take to come.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How long a build may take, on a machine with other things to do.
pub const WORK_LIMIT: Duration = Duration::from_secs(600);

/// A directory that is removed with everything in it.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes an empty one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // The name is short because sockets are made in it: unix(7) allows their paths 107 bytes.
        let path = std::env::temp_dir().join(format!("pidling-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// Its own path.
    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path of UTF-8")
    }

    /// A path below it.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// The path of a file below it with this text, made now.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Copies a file to a path below it, with its mode.
    pub fn copy(&self, from: impl AsRef<Path>, to: &str) {
        let to = self.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let mode = from.as_ref().metadata().unwrap().permissions().mode();
        crate::copy_program(from, &to, mode);
    }
}

impl AsRef<OsStr> for Directory {
    fn as_ref(&self) -> &OsStr {
        self.0.as_ref()
    }
}

impl AsRef<Path> for Directory {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command that has ended, as a failing assertion shows it.
#[derive(Debug)]
pub struct Ended {
    command: String,
    status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it ran.
    pub elapsed: Duration,
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            status,
            stdout,
            stderr,
            elapsed,
        } = self;
        write!(
            formatter,
            "command: {command}\nended with: {status} after {elapsed:?}\n\
             --- stdout\n{stdout}\n--- stderr\n{stderr}\n---"
        )
    }
}

impl Ended {
    /// The exit status; `None` after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Asserts the exit status.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.code(), Some(status), "exit status of\n{self}");
        self
    }

    /// Standard output without the white space around it.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }
}

/// A command that runs, and is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    started: Instant,
    stdout: Option<thread::JoinHandle<String>>,
    stderr: Option<thread::JoinHandle<String>>,
}

impl Running {
    /// Starts a command; its standard input is empty unless the command says otherwise beforehand.
    #[track_caller]
    pub fn start(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        fn collect(
            stream: Option<impl Read + Send + 'static>,
        ) -> Option<thread::JoinHandle<String>> {
            let mut stream = stream?;
            Some(thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = stream.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            }))
        }
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self {
            command: shown,
            started: Instant::now(),
            stdout: collect(child.stdout.take()),
            stderr: collect(child.stderr.take()),
            child,
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(self) -> Ended {
        self.finish_within(LIMIT)
    }

    /// Waits for its end, which may take this long.
    #[track_caller]
    pub fn finish_within(mut self, limit: Duration) -> Ended {
        let mut status = None;
        let ended = eventually_some(limit, || {
            status = self.child.try_wait().unwrap();
            status
        });
        let elapsed = self.started.elapsed();
        if ended.is_none() {
            // Ends the threads that collect the output, which is then part of the failure.
            self.child.kill().unwrap();
            status = Some(self.child.wait().unwrap());
        }
        let text = |thread: Option<thread::JoinHandle<String>>| {
            thread.map_or_else(String::new, |thread| thread.join().unwrap())
        };
        let ended_so = Ended {
            command: std::mem::take(&mut self.command),
            status: status.unwrap(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            elapsed,
        };
        assert!(
            ended.is_some(),
            "still running after {limit:?}:\n{ended_so}"
        );
        ended_so
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until there is a value, or the time is over.
pub fn eventually_some<T>(limit: Duration, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return Some(value);
        }
        if start.elapsed() > limit {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command to its end, with empty standard input.
#[track_caller]
pub fn finish(command: &mut Command) -> Ended {
    Running::start(command, Stdio::null()).finish()
}

/// Runs a command that has much to do, a build or a scanner, to its end, with empty standard input.
#[track_caller]
pub fn finish_work(command: &mut Command) -> Ended {
    Running::start(command, Stdio::null()).finish_within(WORK_LIMIT)
}

/// Fills a directory with the root of a small system: busybox with its applets, the init under test as
/// `/pidling`, and those of its peers that this machine has.
///
/// # Errors
/// The reason why there can be none.
pub fn fill_root(root: &Directory) -> Result<(), String> {
    let busybox = program("busybox").ok_or("no busybox")?;
    let libraries = libraries_of(&busybox);
    if !libraries.is_empty() {
        return Err(format!("{} is not static", busybox.display()));
    }
    root.copy(&busybox, "bin/busybox");
    let applets = finish(Command::new(&busybox).arg("--list")).expect(0);
    for applet in applets.stdout.lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(applet)).map_err(|error| error.to_string())?;
    }
    root.copy(pidling(), "pidling");
    let _ = root.write("srv/index.html", "served\n");
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    for (peer, name) in [("tini-static", "tini"), ("dumb-init", "dumb-init")] {
        if let Some(file) = program(peer) {
            for library in libraries_of(&file) {
                root.copy(&library, library.trim_start_matches('/'));
            }
            root.copy(file, name);
        }
    }
    Ok(())
}

/// A shell script that leaves this many orphans behind. They wait for the end of a FIFO that the script holds
/// open, so that they outlive their parents, and all die when the script ends.
pub fn orphans(count: u32) -> String {
    format!(
        "fifo=/tmp/fifo.$$; mkfifo $fifo; exec 3<>$fifo 4<$fifo; rm $fifo; \
         i=0; while [ $i -lt {count} ]; do ( (exec 3>&-; read line <&4) & ); i=$((i + 1)); done"
    )
}

/// The shared libraries of a program, its interpreter included, as ldd(1) lists them.
fn libraries_of(program: &Path) -> Vec<String> {
    let listed = finish(Command::new("ldd").arg(program));
    let words = listed.stdout.split_whitespace();
    words
        .filter(|word| word.starts_with('/') && !word.ends_with(':'))
        .map(str::to_owned)
        .collect()
}

/// Starts tar(1) so that its output is an archive of a directory's contents.
pub fn archive(root: &impl AsRef<OsStr>) -> Stdio {
    let mut tar = Command::new("tar")
        .arg("-C")
        .arg(root)
        // For every user of a container, whatever the umask of whoever runs the tests.
        .args(["--mode=a+rX", "-c", "."])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar");
    let output = tar.stdout.take().unwrap();
    // Its end is the end of its output, which whoever reads it waits for.
    drop(thread::spawn(move || tar.wait()));
    output.into()
}

/// Ends what it was told to when it is dropped, and also when the test process is gone, however it ended:
/// a shell waits for the end of its standard input, of which the test process has the only other end.
#[derive(Debug)]
struct Watchdog(Mutex<Child>);

impl Watchdog {
    /// Runs `before` at once, and `after` when the time has come. Both are words for sh(1), with
    /// `arguments` as their positional parameters.
    fn start(before: &str, after: &str, arguments: &[&OsStr], log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let script = format!("{before}\ncat >/dev/null\n{after}\n");
        let child = Command::new("sh")
            .args(["-c", &script, "sh"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // A ^C at the terminal is for the tests, not for what cleans up after them.
            .process_group(0)
            .spawn()
            .unwrap();
        Self(Mutex::new(child))
    }

    /// Says that the time has come, and waits until all is done.
    fn end(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.end();
    }
}

/// A docker engine.
#[derive(Debug)]
pub struct Docker {
    client: PathBuf,
    host: String,
    /// Where the client finds no configuration of its user.
    configuration: PathBuf,
    /// The init that `--init` takes, if the engine is ours to say.
    pub init_path: Option<PathBuf>,
    /// The image with the small system.
    pub image: String,
    /// The last that is dropped.
    watchdog: Watchdog,
}

impl Docker {
    /// The engine that all tests share, with the init under test installed as `docker-init`. A test that
    /// gets `None` is to be skipped, the reason has been said.
    #[track_caller]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Docker, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            marks::at_end(|| {
                if let Some(Ok(docker)) = SHARED.get() {
                    docker.watchdog.end();
                }
            });
            Self::start("docker-init")
        });
        require_ok(Requirement::Docker, shared.as_ref().map_err(String::clone))
    }

    /// Starts an engine with the init under test installed under this name; where that cannot be, uses
    /// the one that answers already.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn start(init_name: &str) -> Result<Self, String> {
        let client = program("docker").ok_or("no docker")?;
        let image = format!("pidling-test:{}", std::process::id());
        // Removed by the watchdog, because the engine is the last to use it.
        let place = ManuallyDrop::new(Directory::new());
        let log = place.join("log");
        let daemon = program("dockerd").filter(|_| nix::unistd::geteuid().is_root());
        let (host, init_path, watchdog) = if let Some(daemon) = daemon {
            place.copy(pidling(), init_name);
            let init_path = place.join(init_name);
            let host = format!("unix://{}", place.join("socket").display());
            let options = Self::daemon_options(&place, &host, &init_path);
            let mut arguments: Vec<&OsStr> = vec![place.path().as_ref(), daemon.as_ref()];
            arguments.extend(options.iter().map(AsRef::<OsStr>::as_ref));
            let watchdog = Watchdog::start(
                "place=$1; shift; \"$@\" </dev/null & engine=$!",
                "kill $engine; wait $engine; rm -rf --one-file-system \"$place\"",
                &arguments,
                &log,
            );
            (host, Some(init_path), watchdog)
        } else {
            let host = std::env::var("DOCKER_HOST")
                .unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
            let after = "\"$2\" -H \"$3\" rmi \"$4\"; rm -rf \"$1\"";
            let arguments: [&OsStr; 4] = [
                place.path().as_ref(),
                client.as_ref(),
                host.as_ref(),
                image.as_ref(),
            ];
            let watchdog = Watchdog::start("", after, &arguments, &log);
            (host, None, watchdog)
        };
        let docker = Self {
            client,
            host,
            configuration: place.join("client"),
            init_path,
            image,
            watchdog,
        };
        let answers = || {
            docker
                .call(&["version", "--format", "{{.Server.Version}}"])
                .code()
                == Some(0)
        };
        let limit = docker.init_path.as_ref().map_or(Duration::ZERO, |_| LIMIT);
        if !eventually(limit, answers) {
            let log = fs::read_to_string(log).unwrap_or_default();
            let last = log.lines().last().unwrap_or_default();
            return Err(format!("no engine answers at {}: {last}", docker.host));
        }
        let root = Directory::new();
        fill_root(&root)?;
        let import = &mut docker.command(&["import", "-", &docker.image]);
        let _ = Running::start(import, archive(&root)).finish().expect(0);
        Ok(docker)
    }

    /// The options of an engine that shares nothing with the machine's own.
    fn daemon_options(place: &Directory, host: &str, init_path: &Path) -> Vec<String> {
        let option = |name: &str, file: &str| format!("--{name}={}", place.join(file).display());
        let _ = place.write("daemon.json", "{}");
        vec![
            // No network, and none of the host's settings touched.
            "--bridge=none".to_owned(),
            "--iptables=false".to_owned(),
            "--ip6tables=false".to_owned(),
            "--ip-forward=false".to_owned(),
            // Works on every file system.
            "--storage-driver=vfs".to_owned(),
            format!("--host={host}"),
            option("data-root", "data"),
            option("exec-root", "exec"),
            option("pidfile", "pid"),
            option("config-file", "daemon.json"),
            format!("--init-path={}", init_path.display()),
        ]
    }

    /// A call of the client.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.in_environment(&self.client);
        let _ = command.args(words);
        command
    }

    /// Another program that calls the client itself.
    pub fn in_environment(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let _ = command
            .env_remove("DOCKER_CONTEXT")
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", &self.configuration)
            // The builder that is part of every engine.
            .env("DOCKER_BUILDKIT", "0");
        command
    }

    /// Calls the client and waits for its end.
    #[track_caller]
    pub fn call(&self, words: &[&str]) -> Ended {
        finish(&mut self.command(words))
    }

    /// Calls the client with BuildKit for its builder. `None` where no client can do so without a plug-in: what follows
    /// is to be skipped, the reason has been said.
    #[track_caller]
    pub fn call_with_buildkit(&self, words: &[&str]) -> Option<Ended> {
        let clients = [Some(self.client.clone()), program("/usr/bin/docker")];
        let ended = clients
            .into_iter()
            .flatten()
            .map(|client| {
                let mut command = self.in_environment(client);
                finish(command.args(words).env("DOCKER_BUILDKIT", "1"))
            })
            .find(|ended| !ended.stderr.contains("buildx component is missing"));
        let reason = "no client can call BuildKit without its plug-in buildx";
        let _ = require(Requirement::Docker, ended.is_some(), reason);
        ended
    }

    /// The words that create a container of the small system: `verb` with `options`, and the program with
    /// its arguments as entry point.
    pub fn words<'a>(
        &'a self,
        verb: &'a str,
        options: &[&'a str],
        program: &[&'a str],
    ) -> Vec<&'a str> {
        let (entry_point, arguments) = program.split_first().unwrap();
        let mut words = vec![verb, "--network=none", "--entrypoint", entry_point];
        words.extend(options);
        words.push(&self.image);
        words.extend(arguments);
        words
    }

    /// Runs a program in a container to its end.
    #[track_caller]
    pub fn run(&self, options: &[&str], program: &[&str]) -> Ended {
        self.call(&self.words("run", &[&["--rm"], options].concat(), program))
    }

    /// Starts a program in a container.
    #[track_caller]
    pub fn start_container(&self, options: &[&str], program: &[&str]) -> Container<'_> {
        let options = &[&["--detach"], options].concat();
        let id = self.call(&self.words("run", options, program)).expect(0);
        Container {
            docker: self,
            id: id.text().to_owned(),
        }
    }
}

/// A docker container, removed when it is dropped.
#[derive(Debug)]
pub struct Container<'a> {
    docker: &'a Docker,
    /// Its name for the client.
    pub id: String,
}

impl<'a> Container<'a> {
    /// Takes over a container that the test has made itself.
    pub const fn adopt(docker: &'a Docker, id: String) -> Self {
        Self { docker, id }
    }

    /// What it has written so far.
    #[track_caller]
    pub fn logs(&self) -> Ended {
        self.docker.call(&["logs", &self.id]).expect(0)
    }

    /// Waits until a line of its standard output is `line`.
    #[track_caller]
    pub fn until_says(&self, line: &str) {
        let says = || self.logs().stdout.lines().any(|one| one.trim_end() == line);
        let said = eventually_some(LIMIT, || says().then_some(()));
        assert!(said.is_some(), "never said {line:?}: {}", self.logs());
    }

    /// Runs a program in it to its end.
    #[track_caller]
    pub fn exec(&self, program: &[&str]) -> Ended {
        self.docker.call(&[&["exec", &self.id], program].concat())
    }

    /// Sends it a signal through the engine.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let words = ["kill", "--signal", signal, &self.id];
        let _ = self.docker.call(&words).expect(0);
    }

    /// Stops it as docker does, with SIGKILL after `limit` seconds, and returns how long that took.
    #[track_caller]
    pub fn stop(&self, limit: u32) -> Duration {
        let limit = limit.to_string();
        self.docker
            .call(&["stop", "-t", &limit, &self.id])
            .expect(0)
            .elapsed
    }

    /// Waits for its end and returns its exit status.
    #[track_caller]
    pub fn wait(&self) -> i32 {
        let status = self.docker.call(&["wait", &self.id]).expect(0);
        status.text().parse().unwrap_or_else(|_| panic!("{status}"))
    }

    /// One field of what the engine knows of it.
    #[track_caller]
    pub fn inspect(&self, field: &str) -> String {
        let format = format!("{{{{{field}}}}}");
        let words = ["inspect", "--format", &format, &self.id];
        self.docker.call(&words).expect(0).text().to_owned()
    }

    /// The processes in it that descend from its first one, that one left out, by their number: what is there
    /// because of the program, and not because somebody looks.
    #[track_caller]
    pub fn processes(&self) -> Vec<Process> {
        let text = self
            .exec(&["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true"])
            .expect(0);
        Process::descendants_of_init(&text.stdout)
    }

    /// Leaves this many orphans in it.
    #[track_caller]
    pub fn make_orphans(&self, count: u32) {
        let _ = self.exec(&["sh", "-c", &orphans(count)]).expect(0);
    }

    /// Leaves orphans in it, a number of times, and asserts that nothing of them stays.
    #[track_caller]
    pub fn assert_orphans_are_reaped(&self, batches: u32, count: u32) {
        let before = self.processes();
        for _ in 0..batches {
            self.make_orphans(count);
            let gone = eventually(LIMIT, || self.processes() == before);
            assert!(
                gone,
                "{} are left of {count} orphans",
                self.processes().len()
            );
        }
    }

    /// How many zombies there are in it.
    #[track_caller]
    pub fn zombies(&self) -> usize {
        let processes = self.processes();
        processes
            .iter()
            .filter(|process| process.state == 'Z')
            .count()
    }

    /// Waits until a process of this name descends from the first one, and returns it.
    #[track_caller]
    pub fn until_runs(&self, name: &str) -> Process {
        let find = || {
            self.processes()
                .into_iter()
                .find(|process| process.name == name)
        };
        eventually_some(LIMIT, find).unwrap_or_else(|| panic!("no {name} in {}", self.logs()))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // A panic in here would hide the one that may be the reason for it.
        let _ = self
            .docker
            .command(&["rm", "--force", "--volumes", &self.id])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// One process, from `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number in its container.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The letter of its state.
    pub state: char,
    parent: u32,
}

impl Process {
    fn parse(line: &str) -> Option<Self> {
        let (pid, rest) = line.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        Some(Self {
            pid: pid.parse().ok()?,
            name: name.to_owned(),
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
        })
    }

    /// Those among these lines of `/proc/PID/stat` whose ancestors lead to process 1, by their number.
    pub fn descendants_of_init(lines: &str) -> Vec<Self> {
        let mut all: Vec<Self> = lines.lines().filter_map(Self::parse).collect();
        // A shell's pattern has 10 before 7.
        all.sort_by_key(|process| process.pid);
        let descends = |process: &Self| {
            let mut parent = process.parent;
            // No chain is longer than there are processes.
            for _ in 0..all.len() {
                match all.iter().find(|one| one.pid == parent) {
                    Some(_) if parent == 1 => return true,
                    Some(one) => parent = one.parent,
                    None => return false,
                }
            }
            false
        };
        all.iter()
            .filter(|process| descends(process))
            .cloned()
            .collect()
    }
}

/// A pseudoterminal with a program of the host on it, which is killed when this is dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    master: fs::File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a command with a new terminal as its three streams.
    pub fn start(mut command: Command) -> Self {
        let pty = nix::pty::openpty(None, None).unwrap();
        let stream = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let master = fs::File::from(pty.master);
        let mut reader = master.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&screen);
        drop(thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO says that nobody has the other end any more.
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                written
                    .lock()
                    .unwrap()
                    .extend_from_slice(bytes.get(..length).unwrap());
            }
        }));
        Self {
            child,
            master,
            screen,
        }
    }

    /// Everything written to the terminal so far.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Types these bytes.
    pub fn type_in(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// Waits until this text is on the screen.
    #[track_caller]
    pub fn until_shows(&self, text: &str) {
        let shown = eventually_some(LIMIT, || self.screen().contains(text).then_some(()));
        assert!(shown.is_some(), "never showed {text:?}:\n{}", self.screen());
    }

    /// Waits for the program's end and returns its exit status.
    #[track_caller]
    pub fn finish(&mut self) -> Option<i32> {
        let status = eventually_some(LIMIT, || self.child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("still running:\n{}", self.screen()));
        assert_eq!(status.signal(), None, "{}", self.screen());
        status.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
