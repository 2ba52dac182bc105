//! The place where the benchmark runs: one processor, a cgroup of its own, the right to make namespaces.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the run's figures depend on.
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) model: String,
    /// The kernel's release and the architecture.
    pub(crate) kernel: String,
    /// Where the run took place.
    pub(crate) setting: String,
    /// The day in UTC, as in 2026-11-20.
    pub(crate) date: String,
    cgroup: Option<Cgroup>,
}

impl Machine {
    /// Moves this process, and with it all that it starts, to one processor and a cgroup of its own.
    pub(crate) fn prepare() -> Result<Self> {
        let processor = pin().context("cannot stay on one processor")?;
        let cgroup = Cgroup::join();
        let setting = match &cgroup {
            Some(cgroup) => format!(
                "all on processor {processor}, in a cgroup of its own with {}",
                cgroup.weight
            ),
            None => format!("all on processor {processor}, no cgroup of its own could be made"),
        };
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let information = read("/proc/cpuinfo");
        let model = information
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or("unknown processor", |(_, model)| model);
        let release = read("/proc/sys/kernel/osrelease");
        Ok(Self {
            model: model.split_whitespace().collect::<Vec<_>>().join(" "),
            kernel: format!("Linux {}, {}", release.trim(), std::env::consts::ARCH),
            setting,
            date: date(),
            cgroup,
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.leave();
        }
    }
}

/// The day in UTC, after the algorithm for civil dates from days that counts years from March.
fn date() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let days = seconds / 86400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Stays on the processor that was the idlest for a moment.
fn pin() -> Result<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let before = idle_times()?;
    std::thread::sleep(Duration::from_millis(200));
    let after = idle_times()?;
    let (processor, _) = after
        .iter()
        .zip(&before)
        .filter(|((number, _), _)| allowed.is_set(*number).unwrap_or(false))
        .map(|((number, after), (_, before))| (*number, after.saturating_sub(*before)))
        .max_by_key(|(_, idle)| *idle)
        .context("no processor")?;
    let mut set = CpuSet::new();
    set.set(processor)?;
    sched_setaffinity(Pid::from_raw(0), &set)?;
    Ok(processor)
}

/// Each processor's idle time, `proc_stat(5)`.
fn idle_times() -> Result<Vec<(usize, u64)>> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let number = words.next()?.strip_prefix("cpu")?.parse().ok()?;
        Some((number, words.nth(3)?.parse().ok()?))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// Lets this process make PID namespaces: a user namespace when it is not root. The error says why not.
pub(crate) fn allow_namespaces() -> Result<(), String> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if user.is_root() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(|errno| format!("neither root nor a user namespace: {errno}"))?;
    fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {user} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {group} 1")))
        .map_err(|error| format!("no identity in a user namespace: {error}"))
}

/// A cgroup with a processor share of its own. Without one, sched(7)'s autogroups give every session its
/// own share, and an init that makes a session for its child would be measured under another rule.
struct Cgroup {
    home: PathBuf,
    own: PathBuf,
    weight: &'static str,
}

impl Cgroup {
    fn join() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        mounts.lines().find_map(|line| {
            // `proc_pid_mountinfo(5)`: ... mount point ... - type source options
            let (mount, kind) = line.split_once(" - ")?;
            let point = mount.split(' ').nth(4)?;
            let mut kind = kind.split(' ');
            let (version, options) = (kind.next()?, kind.nth(1)?);
            let is_cpu = |list: &str| list.split(',').any(|word| word == "cpu");
            let path = groups.lines().find_map(|group| {
                let (_, group) = group.split_once(':')?;
                let (controllers, path) = group.split_once(':')?;
                let ours = match version {
                    "cgroup" => is_cpu(options) && is_cpu(controllers),
                    "cgroup2" => controllers.is_empty(),
                    _ => false,
                };
                ours.then_some(path)
            })?;
            let home = Path::new(point).join(path.trim_start_matches('/'));
            match version {
                "cgroup" => Self::make(&home, &home, "cpu.shares", "10240"),
                _ => Self::make(&home, &home, "cpu.weight", "1000")
                    .or_else(|| Self::make(&home, home.parent()?, "cpu.weight", "1000")),
            }
        })
    }

    fn make(home: &Path, parent: &Path, file: &'static str, value: &str) -> Option<Self> {
        let own = parent.join(format!("pidling-bench-{}", std::process::id()));
        fs::create_dir(&own).ok()?;
        let joined = fs::write(own.join(file), value)
            .and_then(|()| fs::write(own.join("cgroup.procs"), "0"));
        if joined.is_err() {
            // It may have been made where the controller is not.
            let _ = fs::remove_dir(&own);
            return None;
        }
        // With real-time scheduling by groups, a group may use none of it at first. Now 0.8 s of each.
        let _ = fs::write(own.join("cpu.rt_runtime_us"), "800000");
        Some(Self {
            home: home.into(),
            own,
            weight: match file {
                "cpu.shares" => "ten times the usual share",
                _ => "ten times the usual weight",
            },
        })
    }

    fn leave(&self) {
        let left = fs::write(self.home.join("cgroup.procs"), "0");
        if left.and_then(|()| fs::remove_dir(&self.own)).is_err() {
            eprintln!("bench: {} is left behind", self.own.display());
        }
    }
}
