//! A main child that reports the signals it gets, and a member of its process group that does as well.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Init, LIMIT, Running, children_of, eventually, probe};

/// The status that the main child ends with when it is told to quit.
pub const STATUS: i32 = 7;

/// An init with both of them; the main child's reports are the init's standard output.
pub struct Reporters {
    /// The init, which runs.
    pub running: Running,
    /// Its process id.
    pub init: i32,
    /// The main child.
    pub child: i32,
    /// The member of its process group.
    pub member: i32,
    /// Where the member of the group reports to.
    log: PathBuf,
}

impl Reporters {
    /// Adds the command to an init and starts it; both are ready then.
    #[track_caller]
    pub fn start(init: Init) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pidling-reporter-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let log = std::env::temp_dir().join(name);
        let script = "\"$0\" report </dev/null >\"$1\" & \
                      while ! [ -s \"$1\" ]; do sleep 0.01; done; exec \"$0\" report --status \"$2\"";
        let mut running = init
            .args(["--", "sh", "-c", script])
            .arg(probe())
            .arg(&log)
            .arg(STATUS.to_string())
            .spawn();
        let _ = running.wait_line("ready ");
        let (init, child) = (running.init_pid(), running.main_child_pid());
        let member = children_of(child).first().map(|one| one.pid);
        Self {
            running,
            init,
            child,
            member: member.expect("a member of the group"),
            log,
        }
    }

    /// What the member of the group got so far, without the senders.
    pub fn member_got(&self) -> Vec<String> {
        got(&std::fs::read_to_string(&self.log).expect("the log can be read"))
    }

    /// What the main child got so far, without the senders.
    pub fn child_got(&self) -> Vec<String> {
        got(&self.running.stdout_so_far())
    }

    /// Waits until the member of the group got exactly this.
    #[track_caller]
    pub fn expect_member_got(&self, signals: &[&str]) {
        let got = || self.member_got();
        assert!(eventually(LIMIT, || got() == signals), "{:?}", got());
    }
}

/// The signals that whole lines of a report name.
fn got(report: &str) -> Vec<String> {
    report
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| line.strip_prefix("got ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

impl Drop for Reporters {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.log);
    }
}
