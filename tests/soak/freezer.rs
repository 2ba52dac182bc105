//! Control groups whose processes can be frozen, of version 1 and of version 2, as far as this machine has them.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A control group with two below it, one for the init and one for all others.
pub(crate) struct Freezer {
    top: PathBuf,
    is_version_2: bool,
}

/// Who is frozen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whom {
    /// The init and all others.
    All,
    /// The init alone.
    Init,
    /// All others.
    Others,
}

impl Freezer {
    /// Makes control groups wherever that is possible, and returns them with the reasons where it is not.
    pub(crate) fn all() -> (Vec<Self>, Vec<String>) {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let (mut freezers, mut reasons) = (Vec::new(), Vec::new());
        for mount in mounts.lines() {
            let words: Vec<&str> = mount.split(' ').collect();
            let is_version_2 = words[2] == "cgroup2";
            let is_freezer =
                words[2] == "cgroup" && words[3].split(',').any(|one| one == "freezer");
            if !is_version_2 && !is_freezer {
                continue;
            }
            let top = Path::new(words[1]).join(format!("soak-{}", std::process::id()));
            let freezer = Self { top, is_version_2 };
            match freezer.make() {
                Ok(()) => freezers.push(freezer),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        if freezers.is_empty() && reasons.is_empty() {
            reasons.push("no control groups are mounted".to_owned());
        }
        (freezers, reasons)
    }

    fn make(&self) -> Result<()> {
        for directory in [
            self.top.clone(),
            self.directory(Whom::Init),
            self.directory(Whom::Others),
        ] {
            fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        }
        let file = self.file(Whom::All);
        ensure!(file.exists(), "no {}", file.display());
        // Reading and writing, so that it is known now.
        self.write(Whom::All, false)
    }

    fn directory(&self, whom: Whom) -> PathBuf {
        match whom {
            Whom::All => self.top.clone(),
            Whom::Init => self.top.join("init"),
            Whom::Others => self.top.join("others"),
        }
    }

    fn file(&self, whom: Whom) -> PathBuf {
        let name = if self.is_version_2 {
            "cgroup.freeze"
        } else {
            "freezer.state"
        };
        self.directory(whom).join(name)
    }

    /// The file that takes the processes which are to be in the group.
    pub(crate) fn processes(&self, whom: Whom) -> PathBuf {
        self.directory(whom).join("cgroup.procs")
    }

    /// Puts a process there.
    pub(crate) fn put(&self, whom: Whom, pid: i32) -> Result<()> {
        let file = self.processes(whom);
        fs::write(&file, pid.to_string()).with_context(|| format!("{pid} > {}", file.display()))
    }

    fn write(&self, whom: Whom, freeze: bool) -> Result<()> {
        let word = match (self.is_version_2, freeze) {
            (true, true) => "1",
            (true, false) => "0",
            (false, true) => "FROZEN",
            (false, false) => "THAWED",
        };
        let file = self.file(whom);
        fs::write(&file, word).with_context(|| format!("{word} > {}", file.display()))
    }

    /// Whether all of them are frozen by now.
    fn is_frozen(&self, whom: Whom) -> Result<bool> {
        Ok(if self.is_version_2 {
            fs::read_to_string(self.directory(whom).join("cgroup.events"))?.contains("frozen 1")
        } else {
            fs::read_to_string(self.file(whom))?.trim() == "FROZEN"
        })
    }

    /// Freezes them, for this long once they all are, and returns whether they all were.
    pub(crate) fn freeze(&self, whom: Whom, length: Duration, limit: Duration) -> Result<bool> {
        self.write(whom, true)?;
        let began = Instant::now();
        let frozen = loop {
            if self.is_frozen(whom)? {
                std::thread::sleep(length);
                break true;
            }
            if began.elapsed() > limit {
                break false;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        self.write(whom, false)?;
        Ok(frozen)
    }

    /// What it is, in a word.
    pub(crate) fn name(&self) -> &'static str {
        if self.is_version_2 {
            "cgroup v2"
        } else {
            "cgroup v1"
        }
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = self.write(Whom::All, false);
        // A group can only be removed once the last process in it is gone.
        for _ in 0..500 {
            let directories = [self.directory(Whom::Init), self.directory(Whom::Others)];
            if directories
                .iter()
                .all(|directory| fs::remove_dir(directory).is_ok() || !directory.exists())
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = fs::remove_dir(&self.top);
    }
}
