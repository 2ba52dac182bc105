//! "The rest" (contract 6.4 to 6.6): the processes that are left beside the init, found in `/proc`,
//! and what the kernel knows about a SIGKILL (7.1). Read only when a shutdown needs it.

use crate::log::Log;
use crate::messages::{Message, Value};
use crate::packed::Piece;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::proc_files::{ProcessStat, take_process_id, value};
use crate::supervisor::Asked;
use crate::sys::{self, Open, Recipient, Terminated};
use crate::text::{Text, parse_decimal, skip, take_part};

/// How many survivors are listed by name.
const LISTED: u32 = 32;

/// Long enough for control groups of ordinary depth.
const LIMIT: usize = 1024;

/// What paths begin and end with, `proc_pid_stat(5)` and cgroups(7): two parts for each file, each with a space behind
/// it.
static PATHS: [u8; 104] =
    *b"/proc/ /stat /proc/self/cgroup  /sys/fs/cgroup/memory /memory.oom_control \
/sys/fs/cgroup /memory.events ";

/// The numbers of the first of both.
const STAT: u8 = 0;
const CGROUP: u8 = 2;
const CGROUPS_1: u8 = 4;
const CGROUPS_2: u8 = 6;

/// Reads the beginning of a file into `text`, which stays as it is for any failure. The file's path begins with this
/// part and ends with the next one, and between them are `middle` and, unless it is 0, a number.
#[inline(never)]
fn read(part: u8, middle: &[u8], number: u32, text: &mut [u8; LIMIT]) {
    let mut path = [0; LIMIT];
    let path = &mut Text::new(&mut path);
    let mut parts = skip(&PATHS, b' ', part);
    path.push_bytes(take_part(&mut parts, b' '));
    path.push_bytes(middle);
    if number > 0 {
        path.push_decimal(number);
    }
    path.push_bytes(take_part(&mut parts, b' '));
    path.push(0);
    if let Ok(file) = sys::open(Terminated::new(path.as_bytes()), Open::READ) {
        let _ = sys::read(file, text);
        sys::close(file);
    }
}

/// Reads the file `/proc/PID/stat` of one process, of this one for 0.
#[inline(never)]
fn read_stat(stat: &mut ProcessStat, pid: u32) {
    *stat = ProcessStat::EMPTY;
    let length = if pid == 0 { 4 } else { 0 };
    let middle = b"self".get(..length).unwrap_or_default();
    read(STAT, middle, pid, &mut stat.text);
    stat.parse();
}

/// What is done with each process of the rest and with the main child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// It is listed as a survivor of the signal, which these got.
    List(Asked),
    /// It gets the signal.
    Signal,
    /// It gets the signal, unless it has it already as one of the main child's process group.
    SignalOutsideGroup,
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
    /// With how many processes the last task was done.
    pub count: u32,
}

impl ProcessTable<'_> {
    /// Does the task with each living process of the rest and with the main child: all of the PID
    /// namespace if the init is PID 1, else its descendants (contract 6.5). Counts them.
    ///
    /// # Errors
    /// `/proc` is missing, or of another PID namespace (ESRCH).
    #[inline(never)]
    fn for_each(&mut self, task: Task, signal: Signal) -> sys::Result<()> {
        self.count = 0;
        let directory = sys::open(Terminated::known(c"/proc"), Open::DIRECTORY)?;
        let mut result = Err(Errno::ESRCH);
        let walk = &mut Walk {
            table: self,
            task,
            signal,
            stat: ProcessStat::EMPTY,
        };
        read_stat(&mut walk.stat, 0);
        // In /proc of another namespace, the same numbers would be other processes.
        if walk.stat.process_id() == walk.table.own.number().cast_unsigned() {
            result = loop {
                let mut records = [0; LIMIT];
                match sys::read_directory(directory, &mut records) {
                    Ok(0) => break Ok(()),
                    Ok(_) => {}
                    Err(error) => break Err(error),
                }
                let mut records = records.as_slice();
                while let Some(pid) = take_process_id(&mut records) {
                    walk.visit(pid);
                }
            };
        }
        sys::close(directory);
        result
    }

    /// Sends SIGTERM or SIGKILL to the rest and to the main child: PID 1 to all at once, another init to
    /// each by itself. SIGTERM may spare the main child's group, which has it already (contract 6.4).
    /// Without `/proc`, PID 1 sends it to everyone, another init to the main child's group.
    pub fn signal(&mut self, task: Task, signal: Signal) {
        let mut recipient = Recipient::EVERYONE;
        let mut message = Message::RestAllSignalled;
        let mut result = Err(Errno::ESRCH);
        if self.own != Pid::INIT {
            recipient = Recipient::group(self.child);
        }
        if self.own != Pid::INIT || task != Task::Signal {
            message = Message::RestSignalled;
            result = self.for_each(task, signal);
            self.log.ignored(Piece::READ, result);
        }
        if result.is_err() {
            message = Message::RestAllSignalled;
            result = sys::kill(recipient, Some(signal));
        }
        if result.is_ok() && signal == Signal::TERM {
            self.log.say(message, signal, self.count);
        }
        self.log.ignored(Piece::KILL, result);
    }

    /// Says who is still here, and why (contract 6.6).
    pub fn list_survivors(&mut self, task: Task, signal: Signal) {
        match self.for_each(task, signal) {
            Err(error) => self.log.say(Message::SurvivorsUnknown, error, Value::NONE),
            Ok(()) => {
                if let Some(more @ 1..) = self.count.checked_sub(LISTED) {
                    self.log.say(Message::MoreSurvivors, more, Value::NONE);
                }
            }
        }
    }
}

/// What goes along the processes of `/proc`.
#[repr(C)]
struct Walk<'t, 'a> {
    table: &'t mut ProcessTable<'a>,
    task: Task,
    signal: Signal,
    /// The process that was read last; it is long, and comes after what is near.
    stat: ProcessStat,
}

impl Walk<'_, '_> {
    /// Does the task with a process if it is of the rest and alive, and counts it.
    #[inline(never)]
    fn visit(&mut self, pid: Pid) {
        if self.is_of_rest(pid) {
            self.do_task(pid);
        }
    }

    /// Whether a process is beside PID 1 or below another init.
    fn is_of_rest(&mut self, pid: Pid) -> bool {
        if self.table.own == Pid::INIT {
            return pid != Pid::INIT;
        }
        let own = self.table.own.number().cast_unsigned();
        let mut ancestor = pid.number().cast_unsigned();
        // A chain is never longer than there are processes; 1024 ends one that changes under our eyes.
        for _ in 0..1024 {
            read_stat(&mut self.stat, ancestor);
            // It has died in the meantime, and whoever is below it has a new parent.
            if self.stat.state() == b'0' && ancestor != pid.number().cast_unsigned() {
                ancestor = pid.number().cast_unsigned();
                continue;
            }
            ancestor = self.stat.parent();
            if ancestor == own {
                return true;
            }
            if ancestor == 0 {
                break;
            }
        }
        false
    }

    /// Reads the process and does the task with it.
    fn do_task(&mut self, pid: Pid) {
        let (stat, table, signal) = (&mut self.stat, &mut *self.table, self.signal);
        read_stat(stat, pid.number().cast_unsigned());
        if stat.is_dead() {
            return;
        }
        let in_group = stat.group() == table.child.number().cast_unsigned();
        let Task::List(asked) = self.task else {
            if !(in_group && self.task == Task::SignalOutsideGroup)
                && sys::kill(Recipient::process(pid), Some(signal)).is_ok()
            {
                table.count = table.count.wrapping_add(1);
            }
            return;
        };
        table.count = table.count.wrapping_add(1);
        if table.count <= LISTED {
            let was_asked = match asked {
                Asked::Child => pid == table.child,
                Asked::Group => in_group || pid == table.child,
                Asked::Rest => true,
            };
            let words = if was_asked {
                stat.disposition(signal)
            } else {
                Piece::NEVER_GOT
            };
            let values = [pid.into(), stat.state().into(), words.into(), signal.into()];
            table.log.say_all(Message::Survivor, stat.name(), &values);
        }
    }
}

/// How many processes of the init's memory control group the kernel has killed for want of memory:
/// the group's own file where the host's hierarchy is visible, else the one that a container sees as
/// the root. `None` where neither can be read.
#[inline(never)]
#[must_use]
pub fn oom_kill_count() -> Option<u32> {
    let mut groups = [0; LIMIT];
    read(CGROUP, b"", 0, &mut groups);
    // In version 2 of control groups, the hierarchy has no name.
    oom_kill_count_of(&groups, b":", CGROUPS_2)
        .or_else(|| oom_kill_count_of(&groups, b"memory:", CGROUPS_1))
}

/// The count in the file of a group, which follows the hierarchy's `name` in `groups`, else in that of the root. This
/// part of [`PATHS`] is where the hierarchy is mounted, the next one the file.
#[inline(never)]
fn oom_kill_count_of(groups: &[u8], name: &[u8], part: u8) -> Option<u32> {
    let mut group = value(groups, name);
    loop {
        let mut text = [0; LIMIT];
        read(part, group, 0, &mut text);
        let count = parse_decimal(value(&text, b"oom_kill "));
        if count.is_some() || group.is_empty() {
            return count;
        }
        group = b"";
    }
}
