//! What the kernel says of processes: `/proc/PID/status` and `/proc/PID/stat`, proc(5).

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;

/// The contents of a small file in /proc, at once: `read_to_string` makes several calls of the same. `None` when the
/// process is gone.
pub(crate) fn read(path: &str) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut buffer = [0; 8192];
    let length = file.read(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(buffer.get(..length)?).into_owned())
}

/// One reading of `/proc/PID/status`.
pub struct ProcStatus(HashMap<String, String>);

impl ProcStatus {
    /// Reads the status of a process; `None` when there is no such process.
    pub fn of(pid: i32) -> Option<Self> {
        let text = read(&format!("/proc/{pid}/status"))?;
        Some(Self::parse(&text))
    }

    /// Takes the text of such a file.
    pub fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    /// The words of a field.
    pub fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The number in a field; kilobytes for memory.
    pub fn number(&self, name: &str) -> u64 {
        let word = self.field(name).split_whitespace().next();
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    fn mask(&self, name: &str) -> u64 {
        u64::from_str_radix(self.field(name), 16).unwrap_or_else(|_| panic!("no {name}"))
    }

    /// Whether there is such a process and it is no zombie.
    pub fn is_alive(pid: i32) -> bool {
        Self::of(pid).is_some_and(|status| !matches!(status.state(), 'Z' | 'X'))
    }

    /// The name of the program, cut to 15 bytes.
    pub fn name(&self) -> &str {
        self.field("Name")
    }

    /// The state's letter: R, S, D, T, t, Z.
    pub fn state(&self) -> char {
        self.field("State").chars().next().unwrap_or('?')
    }

    /// The parent.
    pub fn ppid(&self) -> i32 {
        self.number("PPid").try_into().unwrap()
    }

    /// The signals that are blocked; bit n - 1 stands for signal n.
    pub fn blocked(&self) -> u64 {
        self.mask("SigBlk")
    }

    /// The signals that are ignored.
    pub fn ignored(&self) -> u64 {
        self.mask("SigIgn")
    }

    /// The signals that are caught.
    pub fn caught(&self) -> u64 {
        self.mask("SigCgt")
    }

    /// The signals that are pending for the process.
    pub fn pending(&self) -> u64 {
        self.mask("ShdPnd")
    }

    /// How often the process was taken off a processor, by its own will or not.
    pub fn context_switches(&self) -> u64 {
        self.number("voluntary_ctxt_switches") + self.number("nonvoluntary_ctxt_switches")
    }

    /// The process's ids from the reader's namespace inwards.
    pub fn namespace_pids(&self) -> Vec<i32> {
        let words = self.field("NSpid").split_whitespace();
        words.map(|word| word.parse().unwrap()).collect()
    }
}

/// One line of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// The process.
    pub pid: i32,
    /// Its state's letter.
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let text = read(&format!("/proc/{pid}/stat"))?;
        // The name before it may hold anything, also spaces and parentheses.
        let (_, rest) = text.rsplit_once(") ")?;
        let mut words = rest.split_whitespace();
        let state = words.next()?.chars().next()?;
        let mut number = || words.next()?.parse().ok();
        Some(Self {
            pid,
            state,
            parent: number()?,
            group: number()?,
            session: number()?,
        })
    }
}

/// Every process there is.
pub fn processes() -> Vec<Process> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

/// The children of a process, zombies included.
pub fn children_of(pid: i32) -> Vec<Process> {
    let mut children = processes();
    children.retain(|process| process.parent == pid);
    children
}

/// Whether a process is in the system call that has this number for it, see [`call_number`](crate::call_number).
pub fn is_in_call(pid: i32, number: &str) -> bool {
    read(&format!("/proc/{pid}/syscall")).is_some_and(|call| call.split(' ').next() == Some(number))
}

/// The descendants of a process, the nearest first.
pub fn descendants_of(pid: i32) -> Vec<i32> {
    let all = processes();
    let mut found = vec![pid];
    let mut index = 0;
    while let Some(parent) = found.get(index).copied() {
        let children = all.iter().filter(|process| process.parent == parent);
        found.extend(children.map(|process| process.pid));
        index += 1;
    }
    let _ = found.remove(0);
    found
}
