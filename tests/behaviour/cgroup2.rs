//! What is said where control groups of version 2 set the limits: memory.max, memory.oom.group, pids.max (contract 2.7,
//! 7.1, 7.2). A machine that `.ci/boot` boots has them.

use crate::deaths::only_line;
use crate::shutdown::script;
use harness::{
    Event, Events, Init, LIMIT, Output, Requirement, eventually, require, require_namespaces,
    require_root,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the hierarchy is mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Enough for the init and a shell, and soon full.
const LITTLE_MEMORY: (&str, &str) = ("memory.max", "16M");

/// tail(1) reads all of a file without line ends into memory.
const GREEDY: &str = "exec tail /dev/zero";

/// A control group, which is removed when it is dropped; nobody is left in it then.
struct Group(PathBuf);

impl Group {
    /// Makes one with these files written. A test that gets `None` is to be skipped, the reason has been said.
    #[track_caller]
    fn new(files: &[(&str, &str)]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !require_root() || !require_namespaces() {
            return None;
        }
        let controllers = fs::read_to_string(format!("{ROOT}/cgroup.subtree_control"));
        let controllers = controllers.unwrap_or_default();
        let has = |name| controllers.split_whitespace().any(|one| one == name);
        let is_there = has("memory") && has("pids");
        let reason = format!("no memory and pids controllers of version 2 at {ROOT}");
        if !require(Requirement::Cgroup2, is_there, &reason) {
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pidling-{}-{count}", std::process::id());
        Some(Self::at(&Path::new(ROOT).join(name), files))
    }

    /// Makes one below this one, which has to be empty and hands these controllers on.
    #[track_caller]
    fn below(&self, name: &str, controllers: &str, files: &[(&str, &str)]) -> Self {
        fs::write(self.0.join("cgroup.subtree_control"), controllers).unwrap();
        Self::at(&self.0.join(name), files)
    }

    fn at(path: &Path, files: &[(&str, &str)]) -> Self {
        fs::create_dir(path).unwrap();
        let this = Self(path.to_owned());
        for (file, text) in files {
            fs::write(path.join(file), text).unwrap();
        }
        // Where there is swap, what is too much would go there.
        let swap = path.join("memory.swap.max");
        if swap.exists() {
            fs::write(swap, "0").unwrap();
        }
        this
    }

    /// Its path.
    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let removed = eventually(LIMIT, || fs::remove_dir(&self.0).is_ok());
        assert!(removed || std::thread::panicking(), "{}", self.path());
    }
}

/// How the init finds its control group.
#[derive(Clone, Copy, Debug)]
enum View {
    /// By its path below the root of the whole hierarchy.
    Path,
    /// As the root of its cgroup namespace, as most containers have it.
    Namespace,
    /// Mounted where the root would be, under a path of the whole hierarchy.
    Mount,
}

impl View {
    const ALL: [Self; 3] = [Self::Path, Self::Namespace, Self::Mount];

    /// The init in the group; `last` is done in the group before it starts, by a shell whose `$GROUP` is the group.
    fn enter(self, init: Init, group: &Group, last: &str) -> Init {
        let path = group.path();
        let (namespaces, mount, seen) = match self {
            Self::Path => ("", ":".to_owned(), path),
            Self::Namespace => (
                "unshare --cgroup --mount",
                // The kernel refuses to mount a file system onto itself.
                format!("umount -l {ROOT} && mount -t cgroup2 none {ROOT}"),
                ROOT,
            ),
            Self::Mount => (
                "unshare --mount",
                format!("mount --bind {path} {ROOT}"),
                ROOT,
            ),
        };
        let inner = format!("{mount} && {last} && exec \"$@\"");
        let outer = format!("echo $$ >{path}/cgroup.procs && exec {namespaces} \"$@\"");
        init.env("GROUP", seen)
            .through(["sh", "-c", &outer, "sh"])
            .through(["sh", "-c", &inner, "sh"])
    }
}

/// The init as PID 1 or as a wrapper.
fn init(as_pid_1: bool) -> Init {
    let init = Init::new();
    if as_pid_1 { init.as_pid_1() } else { init }
}

/// The cause and the count in the only line of a log, which is about the end of this process.
#[track_caller]
fn explanation(output: &Output) -> (String, Option<u64>) {
    let line: Event = only_line(output, "sigkill_explained", "warning");
    let pid = output.stdout();
    assert_eq!(line.number("pid").to_string(), pid.trim(), "{output}");
    let count = line.field("oom_kill").and_then(serde_json::Value::as_u64);
    (line.text("killer").to_owned(), count)
}

/// Runs a script that says its pid first.
#[track_caller]
fn run(init: Init, text: &str) -> Output {
    script(init, &format!("echo $$; {text}")).run()
}

/// Fails unless this is the whole log in text of a main child that has said its pid.
#[track_caller]
fn expect_text(output: &Output, words: &str) {
    let pid = output.stdout();
    let line = format!(
        "pidling: warning: main child {} was killed by SIGKILL, not sent by pidling{words}\n",
        pid.trim()
    );
    output.expect(137, &pid, &line);
}

/// Contract 7.1: the group of PID 1 is the container's, and its count that of this run.
#[test]
fn pid_1_tells_that_its_main_child_was_out_of_memory() {
    for view in View::ALL {
        let Some(group) = Group::new(&[LITTLE_MEMORY]) else {
            return;
        };
        let output = run(view.enter(init(true).json(), &group, ":"), GREEDY);
        output.expect_status(137);
        let expected = ("probably_oom_killer".to_owned(), Some(1));
        assert_eq!(explanation(&output), expected, "{view:?}: {output}");
    }
    let group = Group::new(&[LITTLE_MEMORY]).unwrap();
    expect_text(
        &run(View::Namespace.enter(init(true), &group, ":"), GREEDY),
        "; probably out of memory: the kernel has killed 1 process of this cgroup",
    );
}

/// Contract 7.1: the control, with somebody else as the killer.
#[test]
fn pid_1_tells_that_its_main_child_was_not_out_of_memory() {
    let Some(group) = Group::new(&[LITTLE_MEMORY]) else {
        return;
    };
    let killed = |view: View, init: Init| {
        let text = "echo $$; exec sleep 1000";
        let mut running = script(view.enter(init, &group, ":"), text).spawn();
        let _ = running.wait_line("");
        kill(Pid::from_raw(running.main_child_pid()), Signal::SIGKILL).unwrap();
        running.wait()
    };
    for view in View::ALL {
        let output = killed(view, init(true).json());
        let expected = ("not_oom_killer".to_owned(), Some(0));
        assert_eq!(explanation(&output), expected, "{view:?}: {output}");
    }
    expect_text(
        &killed(View::Namespace, init(true)),
        ", and not by the OOM killer: the kernel has killed 0 processes of this cgroup",
    );
}

/// Contract 7.1: the group of a wrapper lives longer than it, so that the count goes on and proves nothing.
#[test]
fn a_wrapper_tells_the_count_of_its_group_and_no_cause() {
    for view in View::ALL {
        let Some(group) = Group::new(&[LITTLE_MEMORY]) else {
            return;
        };
        let output = run(view.enter(init(false).json(), &group, ":"), GREEDY);
        output.expect_status(137);
        let expected = ("unknown".to_owned(), Some(1));
        assert_eq!(explanation(&output), expected, "{view:?}: {output}");
        let output = run(view.enter(init(false), &group, ":"), "kill -9 $$");
        expect_text(&output, "; OOM kills of the cgroup of pidling so far: 1");
    }
}

/// Contract 7.1: the count of the init's own group says nothing of a main child that has one of its own, so a wrapper
/// names the group that it counts.
#[test]
fn the_group_of_a_main_child_that_has_left_the_inits_is_not_counted() {
    let Some(top) = Group::new(&[]) else {
        return;
    };
    let own = top.below("init", "+memory", &[]);
    let other = top.below("app", "+memory", &[LITTLE_MEMORY]);
    let text = format!("echo $$ >{}/cgroup.procs; {GREEDY}", other.path());
    let output = run(View::Path.enter(init(false).json(), &own, ":"), &text);
    output.expect_status(137);
    let expected = ("unknown".to_owned(), Some(0));
    assert_eq!(explanation(&output), expected, "{output}");
    let output = run(View::Path.enter(init(false), &own, ":"), &text);
    expect_text(&output, "; OOM kills of the cgroup of pidling so far: 0");
    // The kernel has killed two there.
    let events = fs::read_to_string(other.0.join("memory.events")).unwrap();
    assert!(events.lines().any(|line| line == "oom_kill 2"), "{events}");
}

/// Contract 7.2.
#[test]
fn pid_1_tells_that_a_worker_was_out_of_memory() {
    for (app, status, counts) in [
        // The app's own child; the app fails.
        ("tail /dev/zero; exit 1", 1, &[1][..]),
        // An orphan that the init reaps; the app ends well after that.
        (
            "orphan=$(tail /dev/zero >&2 & echo $!); while kill -0 $orphan; do sleep 0.1; done; exit 0",
            0,
            &[1],
        ),
        // The controls: nobody was killed, or the app copes with it.
        ("exit 1", 1, &[]),
        ("tail /dev/zero; exit 0", 0, &[]),
    ] {
        let Some(group) = Group::new(&[LITTLE_MEMORY]) else {
            return;
        };
        // What the shell says of its child is not the log's.
        let app = format!("exec 2>/dev/null; {app}");
        let output = run(View::Namespace.enter(init(true).json(), &group, ":"), &app);
        output.expect_status(status);
        let events = Events::of(&output);
        let told: Vec<u64> = events.iter().map(|one| one.number("oom_kill")).collect();
        assert_eq!(told, counts, "{app}: {output}");
        assert_eq!(events.named("oom_killed").len(), counts.len(), "{output}");
    }
    let Some(group) = Group::new(&[LITTLE_MEMORY]) else {
        return;
    };
    let app = "exec 2>/dev/null; tail /dev/zero; exit 1";
    let output = run(View::Namespace.enter(init(true), &group, ":"), app);
    let line = "pidling: warning: out of memory: the kernel has killed 1 process of this cgroup\n";
    output.expect(1, &output.stdout(), line);
}

/// Contract 7.2: the count of a wrapper's group may be about its neighbours.
#[test]
fn a_wrapper_says_nothing_of_a_worker_that_was_out_of_memory() {
    let Some(group) = Group::new(&[LITTLE_MEMORY]) else {
        return;
    };
    for app in ["tail /dev/zero; exit 1", "(tail /dev/zero &) | cat; exit 1"] {
        let app = format!("exec 2>/dev/null; {app}");
        let output = run(View::Path.enter(init(false).json(), &group, ":"), &app);
        output.expect(1, &output.stdout(), "");
    }
}

/// What `unshare --version` says.
fn unshare_version() -> String {
    let output = Command::new("unshare").arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The kernel kills the whole group, and nobody is left to say so.
#[test]
fn an_init_whose_whole_group_the_kernel_kills_says_nothing() {
    for as_pid_1 in [false, true] {
        let Some(group) = Group::new(&[LITTLE_MEMORY, ("memory.oom.group", "1")]) else {
            return;
        };
        let output = run(View::Path.enter(init(as_pid_1).json(), &group, ":"), GREEDY);
        assert_eq!(Events::of(&output).names(), Vec::<&str>::new(), "{output}");
        let (code, signal) = (output.status.code(), output.status.signal());
        // The unshare(1) of util-linux 2.38 does not manage to die of the same signal, that of 2.41 does.
        let expected = if as_pid_1 && unshare_version().contains(" 2.38") {
            (Some(1), None)
        } else {
            (None, Some(libc::SIGKILL))
        };
        assert_eq!((code, signal), expected, "{output}");
    }
}

/// Where the main child's group alone is killed as a whole, the init lives and tells it.
#[test]
fn a_main_child_whose_whole_group_the_kernel_kills_is_told() {
    let Some(top) = Group::new(&[]) else {
        return;
    };
    let own = top.below("init", "+memory", &[]);
    let other = top.below(
        "app",
        "+memory",
        &[LITTLE_MEMORY, ("memory.oom.group", "1")],
    );
    let text = format!(
        "echo $$ >{}/cgroup.procs; tail /dev/zero; exit 0",
        other.path()
    );
    let output = run(View::Path.enter(init(false), &own, ":"), &text);
    expect_text(&output, "; OOM kills of the cgroup of pidling so far: 0");
}

/// Contract 2.7: the limit that is reached is named, be it the group's own or that of one above it.
#[test]
fn the_limit_of_processes_that_a_group_has_reached_is_named() {
    for as_pid_1 in [false, true] {
        for view in View::ALL {
            let run = |init: Init| {
                let group = Group::new(&[])?;
                // The shell needs children before.
                let init = view.enter(init, &group, "echo 1 >$GROUP/pids.max");
                Some(init.args(["--", "true"]).run())
            };
            let Some(output) = run(init(as_pid_1).json()) else {
                return;
            };
            expect_limit(&output);
        }
        let above = Group::new(&[]).unwrap();
        let group = above.below("app", "+pids", &[]);
        fs::write(above.0.join("pids.max"), "1").unwrap();
        let init = View::Path.enter(init(as_pid_1).json(), &group, ":");
        expect_limit(&init.args(["--", "true"]).run());
        let init = View::Path.enter(self::init(as_pid_1), &group, ":");
        init.args(["--", "true"]).run().expect(
            125,
            "",
            "pidling: error: cannot create a process for 'true': \
             the limit of processes is reached: pids.max is 1 (EAGAIN)\n",
        );
    }
}

/// Fails unless the only line says that a limit of one process is reached.
#[track_caller]
fn expect_limit(output: &Output) {
    output.expect_status(125);
    let line = only_line(output, "start_failed", "error");
    assert_eq!(
        (
            line.text("step"),
            line.text("error"),
            line.text("limit"),
            line.number("limit_value")
        ),
        ("process", "EAGAIN", "pids.max", 1),
        "{output}"
    );
}
