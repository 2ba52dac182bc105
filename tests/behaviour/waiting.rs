//! Calls that could wait for somebody who never comes: execve(2), open(2) and write(2) (contract 1.7, 6.3, 8.4).

use crate::placed::{BOTH, events, expect_nobody_left, expect_stop};
use crate::rest::Copies;
use crate::shutdown::{script, wait_for};
use harness::{
    Init, LIMIT, Limit, ProcStatus, call_number, children_of, descendants_of, emulator_lacks,
    eventually, is_in_call, pidling, probe, require_namespaces, require_root,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const TERM: i32 = libc::SIGTERM;

/// A user without privileges.
const NOBODY: u32 = 65534;

/// A grace period in the words of the option, and the longest time after which an init on a busy machine has to be
/// gone.
const GRACE: &str = "500ms";
const SOON: Duration = Duration::from_millis(4500);

/// A probe that holds others up until it is dropped.
struct Holder(Child);

impl Holder {
    /// Starts it and waits until it is ready.
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let _ = stdout.read_line(&mut line).unwrap();
        let this = Self(child);
        assert!(line.starts_with("ready "), "{line}");
        this
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Contract 1.7. The file is one that nobody serves: fanotify(7) asks somebody who does not answer.
#[test]
fn an_execve_that_hangs_makes_nobody_deaf() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let execve = call_number(libc::SYS_execve, 11);
    for place in BOTH {
        for (blocked, status) in [("", 143), ("TERM", 137)] {
            let copies = Copies::new(&format!("hangs-{place:?}-{status}"));
            let file = copies.copy(probe(), "hanging", 0o755);
            let _holder = Holder::start(Command::new(probe()).arg("hold-exec").arg(&file));
            let running = place
                .init()
                .signal_setup(blocked, "")
                .args(["-t", GRACE, "--"])
                .arg(&file)
                .args(["exit", "0"])
                .spawn();
            let init = running.init_pid();
            let hangs = || {
                let mut children = children_of(init).into_iter();
                children.any(|child| is_in_call(child.pid, &execve))
            };
            assert!(eventually(LIMIT, hangs), "nobody hangs");
            let _ = expect_stop(place, running, SOON, status);
        }
    }
}

/// A FIFO that nobody opens, in a file system that goes with the mount namespace.
const MAKE_FIFO: &str = "mount -t tmpfs none /mnt && mkfifo /mnt/fifo";

/// Nothing but FIFOs where the init could look for processes.
const PROC_OF_FIFOS: &str = r#"mount -t tmpfs none /proc && cd /proc && mkdir self $(seq 60) &&
    for file in stat status cgroup; do mkfifo self/$file $(printf "%s/$file " $(seq 60)); done && cd /"#;

#[test]
fn a_fifo_in_the_place_of_a_file_of_proc_holds_nobody_up() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let over_own = format!("{MAKE_FIFO} && mount --bind /mnt/fifo /proc/$$/stat");
    let main = r#""$PROBE" app member ignore:TERM & exec "$PROBE" app main ignore:TERM"#;
    for setup in [&over_own, PROC_OF_FIFOS] {
        for place in BOTH {
            for options in [&["-t", GRACE][..], &["-vv", "-g", "-a", "-t", GRACE]] {
                let running = script(place.init_after(setup).args(options), main).spawn();
                wait_for(&running, &["member ready", "main ready"]);
                let _ = expect_stop(place, running, SOON, 137);
            }
        }
    }
}

#[test]
fn a_fifo_in_the_place_of_a_cgroup_file_holds_nobody_up() {
    if !require_namespaces() || !require_root() {
        return;
    }
    let own = format!("{MAKE_FIFO} && mount --bind /mnt/fifo /proc/$$/cgroup");
    // Whatever the version, and wherever the init is in its hierarchy.
    let counts = r"paths=$(cut -d : -f 3 /proc/self/cgroup | sort -u) &&
        mount -t tmpfs none /sys/fs/cgroup &&
        for path in $paths; do
            mkdir -p /sys/fs/cgroup/memory$path /sys/fs/cgroup$path &&
            mkfifo /sys/fs/cgroup/memory$path/memory.oom_control /sys/fs/cgroup$path/memory.events || break
        done";
    let counts_at_root = r"mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/memory &&
        mkfifo /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control";
    for setup in [&own, counts, counts_at_root] {
        for place in BOTH {
            let output = place
                .init_after(setup)
                .args(["--", "sh", "-c", "kill -KILL $$"])
                .run();
            output.expect_status(137);
            expect_nobody_left(place, &output);
        }
    }
}

/// Contract 8.3: what a false /proc says of a process writes no line of its own.
#[test]
fn the_state_in_a_false_proc_forges_no_line() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let zeros = "0 ".repeat(48);
    let setup = format!(
        r"init=$$ && mount -t tmpfs none /proc && cd /proc && mkdir self $(seq 60) &&
        for pid in $(seq 60); do printf '%s (x) \n 1 1 1 {zeros}\n' $pid >$pid/stat; done &&
        printf '%s (pidling) S 0 %s %s {zeros}\n' $init $init $init >self/stat &&
        cp self/stat $init/stat && cd /"
    );
    let main = r#""$PROBE" app member ignore:TERM & exec "$PROBE" app main ignore:TERM"#;
    for place in BOTH {
        for options in [&["-t", GRACE][..], &["-a", "-t", GRACE]] {
            let init = place
                .init_after(&setup)
                .args(["--log-format=json"])
                .args(options);
            let running = script(init, main).spawn();
            wait_for(&running, &["member ready", "main ready"]);
            let output = expect_stop(place, running, SOON, 137);
            assert_eq!(events(&output, "survivor").len(), 0, "{output}");
            assert_eq!(events(&output, "killed").len(), 1, "{output}");
        }
    }
}

/// Contract 8.4: nothing can be written, and nothing says so beforehand, while somebody's splice(2) waits with the
/// pipe's mutex. So everyone is killed before the first word.
#[test]
fn a_pipe_that_somebody_holds_saves_nobody_from_the_deadline() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app member ignore:TERM & "$PROBE" app daemon session ignore:TERM &
        exec "$PROBE" app main ignore:TERM"#;
    for place in BOTH {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let holder = Holder::start(
            Command::new(probe())
                .arg("hold-pipe")
                .stderr(Stdio::from(writer.try_clone().unwrap())),
        );
        let pid = holder.0.id().cast_signed();
        assert!(
            eventually(LIMIT, || is_in_call(pid, &libc::SYS_splice.to_string())),
            "no splice"
        );
        let running = script(place.init().stderr(writer).args(["-t", GRACE]), main).spawn();
        wait_for(&running, &["member ready", "daemon ready", "main ready"]);
        let rest = descendants_of(running.init_pid());
        assert_eq!(rest.len(), 3, "{rest:?}");
        running.signal(TERM);
        let alive = || {
            rest.iter()
                .filter(|pid| ProcStatus::is_alive(**pid))
                .count()
        };
        let are_killed = eventually(SOON, || alive() == 0);
        assert!(
            are_killed,
            "{} are left, {place:?}\n{}",
            alive(),
            running.stdout_so_far()
        );
        drop(holder);
        let output = running.wait();
        output.expect_status(137);
        expect_nobody_left(place, &output);
        drop(reader);
    }
}

/// A terminal and its other end, and how many bytes it took before poll(2) refused, or before this many were in.
fn filled_terminal(most: usize) -> (OwnedFd, OwnedFd, usize) {
    let pty = nix::pty::openpty(None, None).unwrap();
    let flags = |flags| fcntl(&pty.slave, FcntlArg::F_SETFL(flags)).unwrap();
    let _ = flags(OFlag::O_NONBLOCK);
    let mut filler = File::from(pty.slave.try_clone().unwrap());
    let is_writable = || {
        let mut descriptors = [PollFd::new(pty.slave.as_fd(), PollFlags::POLLOUT)];
        poll(&mut descriptors, PollTimeout::ZERO).unwrap() == 1
    };
    let mut taken = 0;
    // The kernel passes on in the background what the other end has room for.
    while taken < most && eventually(Duration::from_millis(300), is_writable) {
        taken += filler.write(&[b'.'; 64]).unwrap_or(0);
    }
    assert!(most == usize::MAX || is_writable());
    // It shares the open file with whoever inherits it.
    let _ = flags(OFlag::empty());
    (pty.master, pty.slave, taken)
}

/// A terminal to which poll(2) lets write, but which takes only a part of a long line; its two ends. The kernel keeps
/// what it holds in pieces of 256 bytes, and takes as much as pieces are left: here about two.
fn nearly_full_terminal() -> (OwnedFd, OwnedFd) {
    let (_, _, capacity) = filled_terminal(usize::MAX);
    let (master, slave, _) = filled_terminal(capacity - 64 - 256);
    (master, slave)
}

/// The same file under a name that makes a line of more than 800 bytes.
fn long_name(file: &Path) -> PathBuf {
    let directory = file.parent().unwrap().to_str().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    PathBuf::from(format!("{directory}{}/{name}", "/.".repeat(400)))
}

/// Contract 8.4. The terminal is another user's, or the init's own one whose user had it refused to everybody, so that
/// it may not be opened anew.
#[test]
fn a_nearly_full_terminal_that_may_not_be_opened_anew_holds_nobody_up() {
    if !require_namespaces() || !require_root() {
        return;
    }
    for place in BOTH {
        for is_own in [false, true] {
            let copies = Copies::new(&format!("terminal-{place:?}-{is_own}"));
            let init = copies.copy(&pidling(), "pidling", 0o755);
            let app = copies.copy(probe(), "app", 0o755);
            let (_master, slave) = nearly_full_terminal();
            if is_own {
                nix::unistd::fchown(&slave, Some(NOBODY.into()), None).unwrap();
            }
            let exclusive: &[&str] = if is_own { &["--exclusive", "2"] } else { &[] };
            let open = r#": >"$TERMINAL""#;
            let refused = Init::new()
                .binary("/bin/sh")
                .launch(exclusive)
                .launch(["--user", &NOBODY.to_string()])
                .directory("/")
                .stderr(slave.try_clone().unwrap())
                .env("TERMINAL", nix::unistd::ttyname(&slave).unwrap())
                .args(["-c", &format!("exec 2>/dev/null; ({open}) || echo refused")])
                .run();
            refused.expect(0, "refused\n", "");
            let mut running = place
                .init()
                .binary(init)
                .launch(["--user", &NOBODY.to_string()])
                .directory("/")
                .stderr(slave)
                .args(["-v", "-t", GRACE, "--"])
                .arg(long_name(&app))
                .args(["app", "main", "ignore:TERM"])
                .spawn();
            let _ = running.wait_line("main ready ");
            let _ = expect_stop(place, running, SOON, 137);
        }
    }
}

/// What came from a terminal, and whether the kernel passed on all before a mark.
struct Screen {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Screen {
    /// Reads until all other ends are closed.
    fn new(master: OwnedFd) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut master = File::from(master);
            let mut some = [0; 4096];
            // EIO then.
            while let Ok(length) = master.read(&mut some) {
                shared.lock().unwrap().extend(some.iter().take(length));
            }
        });
        Self { bytes, thread }
    }

    /// What came so far, without what filled the terminal.
    fn text(&self) -> String {
        let text = String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap();
        text.trim_start_matches('.').to_owned()
    }

    /// Writes a mark to the terminal, and waits until it comes: then the terminal is empty.
    fn empty(&self, slave: OwnedFd) {
        File::from(slave).write_all(b"#").unwrap();
        assert!(eventually(LIMIT, || self.text().ends_with('#')));
    }
}

/// A terminal that takes a part of a line.
#[test]
fn a_line_that_a_terminal_cut_is_not_carried_on_by_the_next() {
    let mut was_cut = false;
    // On a busy machine the terminal may have had more room than it seemed.
    for _ in 0..20 {
        let (master, slave) = nearly_full_terminal();
        let mut running = Init::new()
            .stderr(slave.try_clone().unwrap())
            .args(["-v", "--log-format=json", "--"])
            .arg(long_name(probe()))
            .args(["report", "--count", "2"])
            .spawn();
        let _ = running.wait_line("ready ");
        assert!(eventually(LIMIT, || running.init_status().state() == 'S'));
        let screen = Screen::new(master);
        screen.empty(slave);
        let first = screen.text();
        was_cut = first.starts_with("{\"time\":") && !first.contains('\n');
        if !was_cut {
            continue;
        }
        for _ in 0..2 {
            running.signal(libc::SIGUSR1);
            let _ = running.wait_line("got SIGUSR1 ");
        }
        running.wait().expect_status(0);
        screen.thread.join().unwrap();
        let bytes = screen.bytes.lock().unwrap().clone();
        let said = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = said.trim_start_matches('.').lines().collect();
        let is_whole = |line: &&&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        // `started` was cut; two signals, the main child's end and the exit follow.
        assert_eq!(
            (lines.len(), lines.iter().filter(is_whole).count()),
            (5, 4),
            "{lines:#?}"
        );
        assert!(lines[0].ends_with('#'), "{lines:#?}");
        break;
    }
    assert!(was_cut, "no terminal was nearly full");
}
