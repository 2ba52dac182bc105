//! Under crun itself (contract 1 to 7), the runtime of podman and CRI-O where control groups are of version 2.

use std::cell::Cell;
use std::process::{Command, Stdio};

use harness::engine::{
    Directory, Ended, LIMIT, Process, Running, eventually_some, fill_root, finish, orphans,
};
use harness::{Requirement, eventually, program, require_ok};
use serde_json::{Value, json};

/// Hides the control groups of version 1, with which crun refuses to run where some are of version 2.
const UNIFIED: &str =
    "umount -l -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";

/// A bundle of the small system, with at most one container at a time, which does not outlive it.
struct Crun {
    place: Directory,
    /// The root of the container.
    root: Directory,
    count: Cell<u32>,
}

/// A server that handles SIGTERM: it says so, ends what it has started, and exits with 42, at once.
const POLITE: &str = "sleep 1000 & trap 'echo stopping; kill $!; wait; exit 42' TERM; \
                      trap 'echo got USR1' USR1; echo ready; while :; do wait; done";

impl Crun {
    /// Looks whether crun works here. A test that gets `None` is to be skipped, the reason has been said.
    #[track_caller]
    fn new() -> Option<Self> {
        require_ok(Requirement::Crun, Self::try_new())
    }

    fn try_new() -> Result<Self, String> {
        let _ = program("crun").ok_or("no crun")?;
        if !nix::unistd::geteuid().is_root() {
            return Err("mounts of the tests' own need root".to_owned());
        }
        let (place, root) = (Directory::new(), Directory::new());
        fill_root(&root)?;
        for directory in ["proc", "dev", "sys"] {
            std::fs::create_dir(root.join(directory)).map_err(|error| error.to_string())?;
        }
        let this = Self {
            place,
            root,
            count: Cell::new(0),
        };
        let tried = this.run(&[], "exit 0").finish();
        if tried.code() == Some(0) {
            Ok(this)
        } else {
            Err(tried.stderr)
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        let _ = command
            .args(["--mount", "sh", "-c", UNIFIED, "sh", "crun"])
            .args(["--cgroup-manager=disabled", "--root"])
            .arg(self.place.join("state"))
            .args(words);
        command
    }

    #[track_caller]
    fn call(&self, words: &[&str]) -> Ended {
        finish(&mut self.command(words))
    }

    /// The name of the newest container.
    fn name(&self) -> String {
        format!("pidling-{}-{}", std::process::id(), self.count.get())
    }

    /// Starts the init with these options and a script in a new container; what they say is also in the file `said` of
    /// its root.
    #[track_caller]
    fn run(&self, options: &[&str], script: &str) -> Running {
        let words = finish(
            Command::new("crun")
                .args(["spec", "--bundle"])
                .arg(&self.place),
        );
        let file = self.place.join("config.json");
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{error}: {words}"));
        let mut configuration: Value = serde_json::from_slice(&text).unwrap();
        std::fs::remove_file(&file).unwrap();
        let script = format!("exec >/said 2>&1; {script}");
        let program = [&["/pidling"], options, &["--", "sh", "-c", &script]].concat();
        configuration["process"]["args"] = json!(program);
        configuration["process"]["terminal"] = json!(false);
        configuration["root"] = json!({ "path": self.root.path(), "readonly": false });
        let bundle = self
            .place
            .write("bundle/config.json", &configuration.to_string());
        self.count.set(self.count.get() + 1);
        let name = self.name();
        let bundle = bundle.parent().unwrap().to_str().unwrap();
        let mut command = self.command(&["run", "--bundle", bundle, &name]);
        Running::start(&mut command, Stdio::null())
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.root.join("said")).unwrap_or_default()
    }

    #[track_caller]
    fn until_says(&self, line: &str) {
        let says = || self.said().lines().any(|one| one == line);
        let said = eventually_some(LIMIT, || says().then_some(()));
        assert!(said.is_some(), "never said {line:?}: {}", self.said());
    }

    #[track_caller]
    fn exec(&self, script: &str) -> Ended {
        self.call(&["exec", &self.name(), "sh", "-c", script])
            .expect(0)
    }

    /// The processes that descend from the first one of the container's PID namespace.
    #[track_caller]
    fn processes(&self) -> Vec<Process> {
        let stat = self.exec("cat /proc/[0-9]*/stat 2>/dev/null; true");
        Process::descendants_of_init(&stat.stdout)
    }
}

impl Drop for Crun {
    fn drop(&mut self) {
        // A panic in here would hide the one that may be the reason for it.
        let _ = self.command(&["delete", "--force", &self.name()]).output();
    }
}

/// Start and exit status.
#[test]
fn crun_run_ends_with_the_status_of_the_command() {
    let Some(crun) = Crun::new() else {
        return;
    };
    for (script, status) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("nothing 2>/dev/null", 127),
    ] {
        let _ = crun.run(&[], script).finish().expect(status);
        assert_eq!(crun.said(), "", "{script}");
    }
    let first = crun.run(&[], "cat /proc/1/comm").finish().expect(0);
    assert_eq!((&*crun.said(), &*first.stderr), ("pidling\n", ""));
}

/// Kill, zombies and stop.
#[test]
fn crun_kill_reaches_the_command_and_orphans_are_reaped() {
    let Some(crun) = Crun::new() else {
        return;
    };
    let running = crun.run(&[], POLITE);
    crun.until_says("ready");
    let before = crun.processes();
    let _ = crun.exec(&orphans(100));
    let gone = eventually(LIMIT, || crun.processes() == before);
    assert!(
        gone,
        "{} processes where there were {}",
        crun.processes().len(),
        before.len()
    );
    let _ = crun.call(&["kill", &crun.name(), "USR1"]).expect(0);
    crun.until_says("got USR1");
    let _ = crun.call(&["kill", &crun.name(), "TERM"]).expect(0);
    let ended = running.finish().expect(42);
    assert_eq!(crun.said(), "ready\ngot USR1\nstopping\n");
    assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""));
}

/// A stop whose time is over (contract 6.3): the init's own deadline comes before the engine's.
#[test]
fn a_command_that_ignores_sigterm_is_killed_at_the_deadline_under_crun() {
    let Some(crun) = Crun::new() else {
        return;
    };
    let running = crun.run(
        &["-t", "500ms", "--log-format=json"],
        "trap '' TERM; echo ready; while :; do sleep 1000; done",
    );
    crun.until_says("ready");
    let _ = crun.call(&["kill", &crun.name(), "TERM"]).expect(0);
    let ended = running.finish().expect(137);
    let killed = ended.stderr.lines().any(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"] == "sigkill_explained" && event["killer"] == "deadline"
    });
    assert!(killed, "{ended}");
}
