//! "The rest" (contract 6.4 to 6.6): the processes that are left beside the init, found in `/proc`,
//! and what the kernel knows about a SIGKILL (7.1). Read only when a shutdown needs it.

use crate::log::Log;
use crate::messages::Message;
use crate::packed::Piece;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::proc_files::{ProcessStat, take_process_id, value};
use crate::sys::{self, Open, Recipient, Terminated};
use crate::text::{Text, parse_decimal};

/// How many survivors are listed by name.
const LISTED: u32 = 32;

/// Long enough for control groups of ordinary depth.
const LIMIT: usize = 1024;

/// Reads the beginning of the file of this path; nothing for any failure.
#[inline(never)]
fn read<'a>(path: &mut Text<'_>, text: &'a mut [u8; LIMIT]) -> &'a [u8] {
    path.push(0);
    let mut length = 0;
    if let Ok(file) = sys::open(Terminated::new(path.as_bytes()), Open::READ) {
        length = sys::read(file, text).unwrap_or(0);
        sys::close(file);
    }
    text.get(..length).unwrap_or_default()
}

/// Reads the file `/proc/PID/stat` of one process, of this one for 0.
#[inline(never)]
fn read_stat(stat: &mut ProcessStat, pid: u32) {
    let mut buffer = [0; 32];
    let path = &mut Text::new(&mut buffer);
    path.push_piece(Piece::PROC);
    if pid == 0 {
        path.push_piece(Piece::SELF);
    } else {
        path.push_decimal(pid);
    }
    path.push_piece(Piece::STAT);
    let length = read(path, &mut stat.text).len();
    stat.parse(length);
}

/// What is done with each process of the rest and with the main child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Task {
    /// It gets the signal.
    Signal,
    /// It gets the signal, unless it has it already as one of the main child's process group.
    SignalOutsideGroup,
    /// It is listed as a survivor of the signal, which the main child got.
    ListAfterChild,
    /// It is listed as a survivor of the signal, which the main child's process group got.
    ListAfterGroup,
    /// It is listed as a survivor of the signal, which all got.
    ListAfterAll,
}

/// The processes beside the init.
#[derive(Debug)]
pub struct ProcessTable<'a> {
    /// The init.
    pub own: Pid,
    /// The main child, which leads its process group. The init itself for a pause process.
    pub child: Pid,
    /// Where to say what was done.
    pub log: &'a mut Log<'a>,
}

impl ProcessTable<'_> {
    /// Does the task with each living process of the rest and with the main child: all of the PID
    /// namespace if the init is PID 1, else its descendants (contract 6.5). Returns with how many.
    ///
    /// # Errors
    /// `/proc` is missing, or of another PID namespace (ESRCH).
    #[inline(never)]
    fn for_each(&mut self, task: Task, signal: Signal) -> sys::Result<u32> {
        let directory = sys::open(Terminated::known(c"/proc"), Open::DIRECTORY)?;
        let mut result = Err(Errno::ESRCH);
        let mut stat = ProcessStat::EMPTY;
        let stat = &mut stat;
        read_stat(stat, 0);
        // In /proc of another namespace, the same numbers would be other processes.
        if stat.process_id() == self.own.number().cast_unsigned() {
            let mut count = 0_u32;
            let mut records = [0; LIMIT];
            result = loop {
                let length = match sys::read_directory(directory, &mut records) {
                    Ok(0) => break Ok(count),
                    Ok(length) => length,
                    Err(error) => break Err(error),
                };
                let mut records = records.get(..length).unwrap_or_default();
                while let Some(pid) = take_process_id(&mut records) {
                    if self.is_of_rest(pid, stat) && self.do_task(task, signal, pid, count, stat) {
                        count = count.wrapping_add(1);
                    }
                }
            };
        }
        sys::close(directory);
        result
    }

    /// Whether a process is beside PID 1 or below another init.
    fn is_of_rest(&self, pid: Pid, stat: &mut ProcessStat) -> bool {
        if self.own == Pid::INIT {
            return pid != self.own;
        }
        let own = self.own.number().cast_unsigned();
        let mut ancestor = pid.number().cast_unsigned();
        // A chain is never longer than there are processes; 1024 ends one that changes under our eyes.
        for _ in 0..1024 {
            read_stat(stat, ancestor);
            // It has died in the meantime, and whoever is below it has a new parent.
            if stat.state() == b'0' && ancestor != pid.number().cast_unsigned() {
                ancestor = pid.number().cast_unsigned();
                continue;
            }
            ancestor = stat.parent();
            if ancestor == own {
                return true;
            }
            if ancestor == 0 {
                break;
            }
        }
        false
    }

    /// Reads the process and does the task with it, after `count` others, and returns whether that counts.
    fn do_task(
        &mut self,
        task: Task,
        signal: Signal,
        pid: Pid,
        count: u32,
        stat: &mut ProcessStat,
    ) -> bool {
        read_stat(stat, pid.number().cast_unsigned());
        if stat.is_dead() {
            return false;
        }
        let in_group = stat.group() == self.child.number().cast_unsigned();
        if task <= Task::SignalOutsideGroup {
            return !(in_group && task == Task::SignalOutsideGroup)
                && sys::kill(Recipient::process(pid), Some(signal)).is_ok();
        }
        if count < LISTED {
            let was_asked = task == Task::ListAfterAll
                || pid == self.child
                || (in_group && task == Task::ListAfterGroup);
            self.log
                .say(Message::Survivor)
                .pid(pid)
                .bytes(stat.name())
                .bytes(&[stat.state()])
                .words(if was_asked {
                    stat.disposition(signal)
                } else {
                    Piece::NEVER_GOT
                })
                .signal(signal)
                .end();
        }
        true
    }

    /// Sends SIGTERM or SIGKILL to the rest and to the main child: PID 1 to all at once, another init to
    /// each by itself. SIGTERM may spare the main child's group, which has it already (contract 6.4).
    /// Without `/proc`, PID 1 sends it to everyone, another init to the main child's group.
    pub fn signal(&mut self, task: Task, signal: Signal) {
        let mut recipient = Recipient::EVERYONE;
        let mut message = Message::RestAllSignalled;
        let mut processes = Err(Errno::ESRCH);
        if self.own != Pid::INIT {
            recipient = Recipient::group(self.child);
        }
        if self.own != Pid::INIT || task != Task::Signal {
            message = Message::RestSignalled;
            processes = self.for_each(task, signal);
            self.log.ignored(Piece::READ, processes.map(|_| ()));
        }
        if processes.is_err() {
            message = Message::RestAllSignalled;
            processes = sys::kill(recipient, Some(signal)).map(|()| 0);
        }
        if let Ok(processes) = processes
            && signal == Signal::TERM
        {
            self.log.say(message).signal(signal).number(processes).end();
        }
        self.log.ignored(Piece::KILL, processes.map(|_| ()));
    }

    /// Says who is still here, and why (contract 6.6).
    pub fn list_survivors(&mut self, task: Task, signal: Signal) {
        match self.for_each(task, signal) {
            Err(error) => self.log.say(Message::SurvivorsUnknown).error(error).end(),
            Ok(count) => {
                if let Some(more @ 1..) = count.checked_sub(LISTED) {
                    self.log.say(Message::MoreSurvivors).number(more).end();
                }
            }
        }
    }
}

/// How many processes of the init's memory control group the kernel has killed for want of memory:
/// the group's own file where the host's hierarchy is visible, else the one that a container sees as
/// the root. `None` where neither can be read.
#[must_use]
pub fn oom_kill_count() -> Option<u32> {
    let (mut path, mut groups) = ([0; LIMIT], [0; LIMIT]);
    let path = &mut Text::new(&mut path);
    path.push_piece(Piece::CGROUP);
    let groups = read(path, &mut groups);
    // In version 2 of control groups, the hierarchy has no name.
    oom_kill_count_of(path, value(groups, b":"), Piece::CGROUPS_2)
        .or_else(|| oom_kill_count_of(path, value(groups, b"memory:"), Piece::CGROUPS_1))
}

/// The count in a hierarchy's file of a group, else of the root: the first piece is where the hierarchy is
/// mounted, the second one the file.
#[inline(never)]
fn oom_kill_count_of(path: &mut Text<'_>, mut group: &[u8], pieces: Piece) -> Option<u32> {
    loop {
        path.clear();
        path.push_piece(pieces);
        path.push_bytes(group);
        path.push_piece(pieces.plus(1));
        let mut text = [0; LIMIT];
        let count = parse_decimal(value(read(path, &mut text), b"oom_kill "));
        if count.is_some() || group.is_empty() {
            return count;
        }
        group = b"";
    }
}
