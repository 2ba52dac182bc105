//! The rest (contract 6.5): who is left beside the init and the main child. Looks at them, signals them, and keeps
//! what the report of survivors needs.

use crate::limits::{LISTED, LISTED_AGAIN, LOOKED_AT, LOOKED_AT_AT_END};
use crate::log::event::Named;
use crate::posix::errno::Errno;
use crate::posix::pid::Pid;
use crate::posix::signal::Signal;
use crate::posix::time::Tick;
use crate::proc_files::{ProcessStat, Response};
use crate::proc_reader::{self, Proc, ProcessDirectory, STAT, Walk};
use crate::supervisor::{Asked, LastSignal, Role};
use crate::sys;
use crate::sys::memory::Scratch;
use crate::sys::process;
use crate::sys::signal::{Recipient, kill};
use core::ops::ControlFlow;

/// A command name, `proc_pid_comm(5)`: at most 15 arbitrary bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandName {
    bytes: [u8; 15],
    length: u8,
}

impl CommandName {
    /// Copies a name; what is too long is cut, as the kernel does.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let mut new = Self {
            bytes: [0; 15],
            length: 0,
        };
        for (place, byte) in new.bytes.iter_mut().zip(name) {
            *place = *byte;
            new.length = new.length.saturating_add(1);
        }
        new
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

/// A process as it was seen right before the init killed it, or ended and left it behind.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The process.
    pub pid: Pid,
    /// Its name.
    pub name: CommandName,
    /// The letter of its state, `proc_pid_stat(5)`.
    pub state: u8,
    /// What it does about the last signal that was sent.
    pub response: Response,
    /// Whether it leads a session.
    pub leads_session: bool,
}

impl Seen {
    /// Its pid and its name, as a log line has them.
    #[must_use]
    pub fn named(&self) -> Named<'_> {
        Named {
            pid: self.pid,
            name: self.name.bytes(),
        }
    }
}

/// Processes that were seen: the first ones in full, the others as a number.
#[derive(Debug)]
pub struct List {
    first: [Option<Seen>; LISTED],
    /// How many were seen.
    pub count: u32,
    /// Whether these are all: nobody was left who was not looked at.
    pub is_complete: bool,
}

impl List {
    /// Nobody.
    fn new() -> Self {
        Self {
            // Not `[None; LISTED]`, which would put a constant of 1 kB into the file.
            first: core::array::from_fn(|_| None),
            count: 0,
            is_complete: true,
        }
    }

    /// The first ones, in the order in which they were seen.
    pub fn first(&self) -> impl Iterator<Item = &Seen> {
        self.first.iter().flatten()
    }

    /// How many were seen beyond the first ones.
    #[must_use]
    pub fn more(&self) -> u32 {
        let listed = u32::try_from(self.first().count()).unwrap_or(u32::MAX);
        self.count.saturating_sub(listed)
    }

    /// Whether another one would be listed by name.
    fn has_room(&self) -> bool {
        self.first.iter().any(Option::is_none)
    }

    fn add(&mut self, seen: Seen) {
        if let Some(place) = self.first.iter_mut().find(|place| place.is_none()) {
            *place = Some(seen);
        }
        self.count = self.count.saturating_add(1);
    }
}

/// The rest could not be looked at when it was killed.
#[derive(Clone, Copy, Debug)]
pub struct Unseen {
    /// Why.
    pub error: Errno,
    /// The main child's group, where a wrapper has sent it SIGKILL in their place.
    pub killed_group: Option<Pid>,
}

/// Why a walk has not seen all of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blind {
    /// There may be some that were not listed; EPERM where `/proc` hides them.
    Unlisted(Errno),
    /// Some were listed, and could not be looked at.
    Unread(Errno),
}

impl Blind {
    /// The error, as a log line has it.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::Unlisted(error) | Self::Unread(error) => error,
        }
    }
}

impl From<Errno> for Blind {
    /// No walk without `/proc` and memory.
    fn from(error: Errno) -> Self {
        Self::Unlisted(error)
    }
}

/// Somebody that a walk has come to.
#[derive(Clone, Copy)]
enum Found<'a> {
    /// One of the rest, who lives.
    Living(&'a ProcessDirectory<'a>, &'a ProcessStat<'a>),
    /// Somebody who could not be looked at, of the rest or not.
    Unread(Pid),
}

/// What a walk does about those who are born while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Born {
    /// They are visited too: nobody escapes by replacing itself.
    Visited,
    /// They may be what a signal of this very walk has started, such as the command of a trap that cleans up.
    LeftAlone,
}

/// What became of the request to end.
#[derive(Clone, Copy, Debug)]
pub struct Terminated {
    /// How many processes got it, where they were counted; ESRCH where there is nobody.
    pub sent: sys::Result<Option<u32>>,
    /// Why not all could be looked at, if so.
    pub looked: Result<(), Blind>,
}

/// The processes beside the init.
#[derive(Debug)]
pub struct Survivors {
    role: Role,
    main_child: Option<Pid>,
    /// The main child's process group, until it is seen empty, or its number with another process.
    group: Option<Pid>,
    /// Whether the main child was reaped. Until then the number is its own, even where it has left the group.
    main_child_is_reaped: bool,
    /// Who had to be killed.
    killed: List,
    unseen: Option<Unseen>,
}

impl Survivors {
    /// The processes beside an init with this role and main child.
    #[must_use]
    pub fn new(role: Role, main_child: Option<Pid>) -> Self {
        Self {
            role,
            main_child,
            group: main_child,
            main_child_is_reaped: false,
            killed: List::new(),
            unseen: None,
        }
    }

    /// Who had to be killed, and what else is known where not everybody could be seen.
    #[must_use]
    pub const fn killed(&self) -> (&List, Option<Unseen>) {
        (&self.killed, self.unseen)
    }

    /// The main child was reaped.
    pub fn main_child_reaped(&mut self) {
        self.main_child_is_reaped = true;
        self.all_reaped();
    }

    /// All who were dead are reaped. If the main child's group is empty, another group may get its number. At each look
    /// the kernel goes along all members, zombies among them, so there is none before the dead are reaped.
    pub fn all_reaped(&mut self) {
        // PID 1 signals everyone, and no group.
        if self.main_child_is_reaped && self.role == Role::Wrapper {
            let _ = self.signal_group(None);
        }
    }

    /// Sends a signal to the main child's group, as long as that is known to be its own; without a signal only looks.
    ///
    /// # Errors
    /// ESRCH where the group is empty, for good once the main child was reaped; EPERM where no member may be signalled.
    fn signal_group(&mut self, signal: Option<Signal>) -> sys::Result<()> {
        let group = self.group.ok_or(Errno::ESRCH)?;
        let result = if self.has_lost(group) {
            Err(Errno::ESRCH)
        } else {
            kill(Recipient::Group(group), signal)
        };
        if result == Err(Errno::ESRCH) && self.main_child_is_reaped {
            self.group = None;
        }
        result
    }

    /// Whether the main child's group is empty, and its number another process's: the kernel gives it to one, after the main
    /// child, only then.
    fn has_lost(&self, group: Pid) -> bool {
        self.main_child_is_reaped && kill(Recipient::Process(group), None) != Err(Errno::ESRCH)
    }

    /// Looks at the main child by reading one file. It is killed all the same if that fails.
    pub fn look_at_main_child(&mut self, main_child: Pid, last: LastSignal) {
        let mut text = [0; STAT];
        if let Ok(stat) = proc_reader::stat_of_child(main_child, &mut text) {
            self.note(&stat, last);
        }
    }

    /// Looks at the rest and sends it SIGKILL (contract 6.3): PID 1 to everyone at once, a wrapper to each that it has
    /// looked at.
    pub fn kill(&mut self, last: LastSignal) {
        let looked = match self.role {
            Role::Pid1 => self.look_at_everyone(last),
            Role::Wrapper => self.for_each_of_rest(Born::Visited, &mut |this, found| {
                // Should it fail, the next round comes soon.
                let sent = this.send(found, Signal::KILL);
                // One that may not be signalled can be named as such, but does not count among the others.
                if let Found::Living(_, stat) = found
                    && (sent.is_ok() || (sent == Err(Errno::EPERM) && this.killed.has_room()))
                {
                    this.note(stat, last);
                }
            }),
        };
        let sent = self.signal_unseen(Signal::KILL);
        let has_group = self.role == Role::Wrapper && sent.is_ok();
        self.unseen = looked.err().map(|blind| Unseen {
            error: blind.errno(),
            killed_group: self.group.filter(|_| has_group),
        });
    }

    /// Sends SIGKILL again, to whoever was born meanwhile or seen late, and to a main child that lives.
    pub fn kill_again(&mut self, main_child: Option<Pid>) {
        if let Some(main_child) = main_child {
            let _ = kill(Recipient::Process(main_child), Some(Signal::KILL));
        }
        if self.role == Role::Wrapper {
            let _ = self.for_each_of_rest(Born::Visited, &mut |this, found| {
                let _ = this.send(found, Signal::KILL);
            });
        }
        let _ = self.signal_unseen(Signal::KILL);
    }

    /// Sends a signal without looking at anybody: as PID 1 to everyone, as a wrapper to the main child's group, where it
    /// also reaches whoever is being forked right now.
    ///
    /// # Errors
    /// ESRCH where there is nobody; EPERM where nobody may be signalled.
    fn signal_unseen(&mut self, signal: Signal) -> sys::Result<()> {
        match self.role {
            Role::Pid1 => kill(Recipient::Everyone, Some(signal)),
            Role::Wrapper => self.signal_group(Some(signal)),
        }
    }

    /// Sends a signal to somebody of the rest. Who could not be looked at belongs to it as one of the main child's group, or
    /// to PID 1 as everybody does.
    ///
    /// # Errors
    /// Those of kill(2); ESRCH where it does not belong to the rest.
    fn send(&self, found: Found<'_>, signal: Signal) -> sys::Result<()> {
        match found {
            Found::Living(process, _) => process.signal(signal),
            Found::Unread(pid) if self.role == Role::Pid1 || self.is_member(pid) => {
                kill(Recipient::Process(pid), Some(signal))
            }
            Found::Unread(_) => Err(Errno::ESRCH),
        }
    }

    /// Whether a process that could not be looked at is in the main child's group.
    fn is_member(&self, pid: Pid) -> bool {
        self.group
            .is_some_and(|group| process::getpgid(pid) == Ok(Some(group)) && !self.has_lost(group))
    }

    /// Asks the rest to end (contract 6.4): SIGTERM, but to nobody whom one to the main child's group has reached; then
    /// SIGCONT, and SIGHUP to those who lead a session with a terminal. As PID 1 with one call where nobody has had a
    /// SIGTERM, else one by one. Who may not have been listed gets the first two with one call.
    pub fn terminate(&mut self, group_has_term: Option<Tick>) -> Terminated {
        let at_once = self.role == Role::Pid1 && group_has_term.is_none();
        let mut sent = if at_once {
            self.terminate_unseen()
        } else {
            Err(Errno::ESRCH)
        };
        let mut count = 0_u32;
        let looked = self.for_each_of_rest(Born::LeftAlone, &mut |this, found| {
            if !at_once {
                let has_term = match found {
                    Found::Living(_, stat) => got_with_group(stat, this.group, group_has_term),
                    // It may be younger; a second SIGTERM would be worse than none.
                    Found::Unread(pid) => group_has_term.is_some() && this.is_member(pid),
                };
                if !has_term && this.send(found, Signal::TERM).is_ok() {
                    count = count.saturating_add(1);
                }
                let _ = this.send(found, Signal::CONT);
            }
            if let Found::Living(process, stat) = found
                && stat.leads_session()
                && stat.has_terminal
            {
                let _ = process.signal(Signal::HUP);
            }
        });
        if matches!(looked, Err(Blind::Unlisted(_))) && !at_once {
            // A second SIGTERM may cut short what the first one has begun: a wrapper's group gets none where any member may
            // have had one.
            let reaches_unseen = match self.role {
                Role::Pid1 => true,
                Role::Wrapper => count == 0 && group_has_term.is_none(),
            };
            if reaches_unseen {
                sent = self.terminate_unseen();
            } else {
                let _ = self.signal_unseen(Signal::CONT);
            }
        }
        let is_counted = looked.is_ok() && !at_once;
        if is_counted || count > 0 {
            sent = Ok(());
        }
        Terminated {
            sent: sent.map(|()| is_counted.then_some(count)),
            looked,
        }
    }

    /// Sends SIGTERM and SIGCONT without looking at anybody.
    ///
    /// # Errors
    /// Those of [`Self::signal_unseen`] for SIGTERM.
    fn terminate_unseen(&mut self) -> sys::Result<()> {
        let sent = self.signal_unseen(Signal::TERM);
        let _ = self.signal_unseen(Signal::CONT);
        sent
    }

    /// Sends a signal of the ladder to the rest (contract 6.8).
    ///
    /// # Errors
    /// Nobody could be reached one by one. Then the main child's group got it.
    pub fn signal(&mut self, signal: Signal) -> Result<(), Blind> {
        if self.role == Role::Pid1 {
            return Ok(self.signal_unseen(signal)?);
        }
        let mut was_sent = false;
        let looked = self.for_each_of_rest(Born::LeftAlone, &mut |this, found| {
            was_sent |= this.send(found, signal).is_ok();
        });
        if was_sent || looked.is_ok() {
            return Ok(());
        }
        let _ = self.signal_unseen(signal);
        looked
    }

    /// Whether all processes of the rest that can be seen are dead. Those who entered a namespace from outside may be
    /// zombies that only their parents can reap.
    pub fn are_dead(&mut self) -> bool {
        let mut lives = false;
        let looked = self.for_each_of_rest(Born::LeftAlone, &mut |_, _| lives = true);
        looked.is_ok() && !lives
    }

    /// As PID 1: who is left that never got the stop signal (contract 7.4). Those who entered the namespace from
    /// outside, by setns(2), and their descendants do not count; neither does whom a signal to the main child's group
    /// has reached. Looks at a bounded number of processes.
    ///
    /// # Errors
    /// They could not be looked at.
    pub fn left_behind(&self, group_was_asked: Option<Tick>) -> sys::Result<List> {
        let mut list = List::new();
        let mut from_outside = [None; LOOKED_AT_AT_END];
        let mut places = from_outside.len();
        let proc = Proc::open()?;
        let _ = proc.for_each(&mut |pid| {
            if places == 0 {
                list.is_complete = false;
                return ControlFlow::Break(());
            }
            let mut text = [0; STAT];
            if pid != proc.own()
                && let Ok(Some((_, stat))) = proc.look(pid, &mut text)
            {
                places = places.saturating_sub(1);
                if stat.parent.is_none() || from_outside.contains(&stat.parent) {
                    if let Some(place) = from_outside.get_mut(places) {
                        *place = Some(pid);
                    }
                } else if stat.is_alive()
                    && !stat.is_killed()
                    && !got_with_group(&stat, self.group, group_was_asked)
                {
                    list.add(seen(&stat, Response::NeverGot));
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(list)
    }

    /// Notes a process that is to be killed, if it lives and is not noted already.
    fn note(&mut self, stat: &ProcessStat<'_>, last: LastSignal) {
        if !stat.is_alive() || self.killed.first().any(|seen| seen.pid == stat.pid) {
            return;
        }
        let is_main_child = Some(stat.pid) == self.main_child;
        let got = match last.asked {
            Some(Asked::MainChild) => is_main_child,
            Some(Asked::Group(at)) => is_main_child || got_with_group(stat, self.group, Some(at)),
            Some(Asked::Rest) => true,
            None => false,
        };
        self.killed.add(seen(stat, stat.response(last.signal, got)));
    }

    /// As PID 1: looks at so many that the SIGKILL which waits for it is not late.
    fn look_at_everyone(&mut self, last: LastSignal) -> Result<(), Blind> {
        let proc = Proc::open()?;
        let mut looks = LOOKED_AT;
        let mut looked = Ok(());
        let walk = proc.for_each(&mut |pid| {
            if looks == 0 {
                self.killed.is_complete = false;
                return ControlFlow::Break(());
            }
            let mut text = [0; STAT];
            if pid != proc.own() && Some(pid) != self.main_child {
                looks = looks.saturating_sub(1);
                match proc.look(pid, &mut text) {
                    Ok(Some((_, stat))) => self.note(&stat, last),
                    Ok(None) => {}
                    Err(error) => looked = Err(Blind::Unread(error)),
                }
            }
            ControlFlow::Continue(())
        })?;
        match walk {
            Walk::Complete | Walk::Stopped => looked,
            Walk::Incomplete => Err(Blind::Unlisted(Errno::EPERM)),
        }
    }

    /// Visits every living process of the rest: as PID 1 everybody, as a wrapper every descendant, with at most two reads of
    /// each process: one for its parent, and one more of the descendants right before the visit, so that nobody dies for
    /// bearing a reused number. Of those that are born meanwhile, and as PID 1, one read is enough.
    ///
    /// # Errors
    /// Why not all were visited.
    fn for_each_of_rest(
        &mut self,
        born: Born,
        visit: &mut dyn FnMut(&mut Self, Found<'_>),
    ) -> Result<(), Blind> {
        let proc = Proc::open()?;
        let mut family = Family::new()?;
        let mut listed = family.list(&proc);
        let mut looked = Ok(());
        if self.role == Role::Wrapper {
            for index in 0..family.count {
                let mut text = [0; STAT];
                let Some(pid) = family.pid(index) else { break };
                match proc.look(pid, &mut text) {
                    Ok(Some((_, stat))) => family.set_parent(index, stat.parent),
                    Ok(None) => {}
                    Err(error) => looked = Err(self.visit_unread(pid, error, &proc, visit)),
                }
            }
            family.mark(proc.own());
        }
        for index in 0..family.count {
            if self.role == Role::Pid1 || family.is_member(index) {
                let seen = self.visit_if_of_rest(index, &mut family, &proc, visit);
                looked = looked.and(seen.map(|_| ()));
            }
        }
        let rounds = match born {
            Born::Visited => LISTED_AGAIN,
            Born::LeftAlone => 0,
        };
        // Some do not live for as long as that takes. Those who were born meanwhile are visited right after they were listed,
        // before they can replace themselves.
        for _ in 0..rounds {
            let from = family.count;
            listed = listed.and(family.list(&proc));
            if family.count == from {
                break;
            }
            // A child may have a lower number than its parent, and is known by it only then.
            let mut is_any_new = true;
            while is_any_new {
                is_any_new = false;
                for index in from..family.count {
                    if !family.is_member(index) {
                        let seen = self.visit_if_of_rest(index, &mut family, &proc, visit);
                        is_any_new |= seen == Ok(true);
                        looked = looked.and(seen.map(|_| ()));
                    }
                }
            }
        }
        listed?;
        // A file system may show a part only. Until the main child is reaped, it has to be among those shown.
        if self.hides_main_child(&proc) {
            return Err(Blind::Unlisted(Errno::EPERM));
        }
        looked
    }

    /// Visits the process at an index, if it lives and is of the rest. Returns whether it is of the rest, or is the init.
    ///
    /// # Errors
    /// It could not be looked at, and was visited as such.
    fn visit_if_of_rest(
        &mut self,
        index: usize,
        family: &mut Family,
        proc: &Proc,
        visit: &mut dyn FnMut(&mut Self, Found<'_>),
    ) -> Result<bool, Blind> {
        let mut text = [0; STAT];
        let Some(pid) = family.pid(index) else {
            return Ok(false);
        };
        let is_init = pid == proc.own();
        match proc.look(pid, &mut text) {
            Ok(Some((process, stat))) => {
                let is_of_rest = self.role == Role::Pid1
                    || is_init
                    || stat.parent.is_some_and(|parent| family.has(parent));
                if is_of_rest {
                    family.set_member(index);
                    if !is_init && stat.is_alive() {
                        visit(self, Found::Living(&process, &stat));
                    }
                }
                Ok(is_of_rest)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(self.visit_unread(pid, error, proc, visit)),
        }
    }

    /// Visits a process that could not be looked at, unless it is the init itself. Returns what the walk is then.
    fn visit_unread(
        &mut self,
        pid: Pid,
        error: Errno,
        proc: &Proc,
        visit: &mut dyn FnMut(&mut Self, Found<'_>),
    ) -> Blind {
        if pid != proc.own() {
            visit(self, Found::Unread(pid));
        }
        Blind::Unread(error)
    }

    /// Whether the main child cannot be seen although it is not reaped.
    fn hides_main_child(&self, proc: &Proc) -> bool {
        self.main_child
            .is_some_and(|main_child| proc.hides(main_child))
    }
}

/// Whether a signal to a group, if one was sent, has reached a process: a member that was born before. Without a group
/// nobody is one, not even a process whose own group is in another namespace and has no number here.
fn got_with_group(stat: &ProcessStat<'_>, group: Option<Pid>, sent: Option<Tick>) -> bool {
    let is_member = group.is_some() && stat.group == group;
    is_member && sent.is_some_and(|sent| stat.is_older_than(sent))
}

/// What is kept of a process that was looked at.
fn seen(stat: &ProcessStat<'_>, response: Response) -> Seen {
    Seen {
        pid: stat.pid,
        name: CommandName::new(stat.name),
        state: stat.state,
        response,
        leads_session: stat.leads_session(),
    }
}

/// All processes with their parents, in memory that is mapped for the occasion.
struct Family {
    /// Three tables of the same length: process ids, in ascending order as `/proc` lists them; their parents; and what they
    /// are to the family.
    memory: Scratch,
    capacity: usize,
    count: usize,
    /// How many of them the first list has, which are in order; behind them stand those who were born later.
    first: usize,
}

/// As many processes as there can be: `PID_MAX_LIMIT`, `include/linux/threads.h`. Only what is used takes memory.
const MOST_PROCESSES: usize = 1 << 22;

/// With room for fewer than this the walk is not tried.
const FEWEST_PROCESSES: usize = 1 << 8;

/// Not known yet, as fresh memory has it.
const UNKNOWN: u32 = 0;
/// The init or a descendant of it.
const MEMBER: u32 = 1;
/// Neither.
const STRANGER: u32 = 2;

impl Family {
    /// A table without a process, with as much room as there is memory for.
    ///
    /// # Errors
    /// Those of mmap(2).
    fn new() -> sys::Result<Self> {
        let mut capacity = MOST_PROCESSES;
        loop {
            match Scratch::map(capacity.saturating_mul(3)) {
                Ok(memory) => {
                    return Ok(Self {
                        memory,
                        capacity,
                        count: 0,
                        first: 0,
                    });
                }
                Err(_) if capacity > FEWEST_PROCESSES => capacity /= 4,
                Err(error) => return Err(error),
            }
        }
    }

    /// The three tables, as far as they are used.
    fn tables(&mut self) -> Option<(&mut [u32], &mut [u32], &mut [u32])> {
        let (capacity, count) = (self.capacity, self.count);
        let (pids, rest) = self.memory.words().split_at_mut_checked(capacity)?;
        let (parents, marks) = rest.split_at_mut_checked(capacity)?;
        Some((
            pids.get_mut(..count)?,
            parents.get_mut(..count)?,
            marks.get_mut(..count)?,
        ))
    }

    /// Adds a process. Returns whether there was room for it.
    fn add(&mut self, pid: Pid) -> bool {
        if self.count >= self.capacity {
            return false;
        }
        self.count = self.count.saturating_add(1);
        if let Some((pids, ..)) = self.tables()
            && let Some(last) = pids.last_mut()
        {
            *last = pid.number().unsigned_abs();
        }
        true
    }

    /// The process at an index.
    fn pid(&mut self, index: usize) -> Option<Pid> {
        let (pids, ..) = self.tables()?;
        Pid::new(pids.get(index)?.cast_signed())
    }

    /// Sets the parent of the process at an index, where that has a number here.
    fn set_parent(&mut self, index: usize, parent: Option<Pid>) {
        if let Some((_, parents, _)) = self.tables()
            && let Some(place) = parents.get_mut(index)
        {
            *place = parent.map_or(0, |parent| parent.number().unsigned_abs());
        }
    }

    /// Adds the processes that there are now and were not before, their parents not known yet. A number need not be higher
    /// for being younger: they begin again at `pid_max`, proc(5). Whoever is born afterwards is not looked at before the
    /// next list: a walk that went on to the newest would not end while they are forked faster than it looks at them.
    ///
    /// # Errors
    /// EPERM where some are hidden, ENOMEM where there is no room; those of [`Proc::for_each`].
    fn list(&mut self, proc: &Proc) -> sys::Result<()> {
        let is_first = self.count == 0;
        let walk = proc.for_each(&mut |pid| {
            if (!is_first && self.index_of(pid).is_some()) || self.add(pid) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if is_first {
            self.first = self.count;
        }
        match walk? {
            Walk::Complete => Ok(()),
            Walk::Incomplete => Err(Errno::EPERM),
            Walk::Stopped => Err(Errno::ENOMEM),
        }
    }

    /// Where a process stands, if it was listed.
    fn index_of(&mut self, pid: Pid) -> Option<usize> {
        let first = self.first;
        let (pids, ..) = self.tables()?;
        let (listed, born) = pids.split_at_checked(first)?;
        let number = pid.number().unsigned_abs();
        if let Ok(index) = listed.binary_search(&number) {
            return Some(index);
        }
        let index = born.iter().position(|one| *one == number)?;
        first.checked_add(index)
    }

    /// Marks what each process of the first list is: climbs from it to the first ancestor that is known already, and marks
    /// all on the way alike, so that nobody is passed more than twice, however deep they stand below each other.
    fn mark(&mut self, own: Pid) {
        let own = own.number().unsigned_abs();
        let Some((pids, parents, marks)) = self.tables() else {
            return;
        };
        let index_of = |pid: u32| pids.binary_search(&pid).ok();
        let parent_of = |index: usize| index_of(*parents.get(index)?);
        if let Some(own) = index_of(own).and_then(|own| marks.get_mut(own)) {
            *own = MEMBER;
        }
        for start in 0..pids.len() {
            let mut at = Some(start);
            let mut mark = STRANGER;
            // Numbers that were reused during the walk may have closed a circle, which has no way out.
            for _ in 0..pids.len() {
                let known = at.and_then(|index| marks.get(index));
                match known {
                    Some(&UNKNOWN) => at = at.and_then(parent_of),
                    Some(&known) => mark = known,
                    None => {}
                }
                if known != Some(&UNKNOWN) {
                    break;
                }
            }
            at = Some(start);
            while let Some(index) = at
                && let Some(place @ &mut UNKNOWN) = marks.get_mut(index)
            {
                *place = mark;
                at = parent_of(index);
            }
        }
    }

    /// Marks the process at an index as a descendant of the init.
    fn set_member(&mut self, index: usize) {
        if let Some((.., marks)) = self.tables()
            && let Some(place) = marks.get_mut(index)
        {
            *place = MEMBER;
        }
    }

    /// Whether a process is the init or a descendant of it.
    fn has(&mut self, pid: Pid) -> bool {
        let index = self.index_of(pid);
        index.is_some_and(|index| self.is_member(index))
    }

    /// Whether the process at an index is the init or a descendant of it.
    fn is_member(&mut self, index: usize) -> bool {
        self.tables()
            .is_some_and(|(.., marks)| marks.get(index) == Some(&MEMBER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who belongs to the family of process 5, among processes with these parents.
    fn members(processes: &[(i32, i32)]) -> Vec<i32> {
        let mut family = Family::new().unwrap();
        for (index, (pid, parent)) in processes.iter().enumerate() {
            assert!(family.add(Pid::new(*pid).unwrap()));
            family.set_parent(index, Pid::new(*parent));
        }
        family.first = family.count;
        family.mark(Pid::new(5).unwrap());
        let mut members = Vec::new();
        for index in 0..family.count {
            if family.is_member(index) {
                let pid = family.pid(index).unwrap();
                assert!(family.has(pid));
                members.push(pid.number());
            }
        }
        members
    }

    #[test]
    fn the_family_is_the_init_and_all_below_it() {
        let processes = [
            (1, 0),
            (2, 9),
            (5, 0),
            (6, 1),
            (7, 5),
            (8, 7),
            (9, 8),
            (10, 77),
        ];
        assert_eq!(members(&processes), [2, 5, 7, 8, 9]);
    }

    #[test]
    fn a_circle_of_reused_numbers_belongs_to_nobody() {
        assert_eq!(
            members(&[(5, 0), (6, 8), (7, 6), (8, 7), (9, 8), (10, 5)]),
            [5, 10]
        );
        assert!(members(&[(3, 3), (4, 3)]).is_empty());
    }

    /// Contract 6.3: with each process below the next higher number, no climb ends early.
    #[test]
    fn a_long_chain_is_marked_in_one_go() {
        let last = 200_000;
        let mut processes: Vec<_> = (6..last).map(|pid| (pid, pid + 1)).collect();
        processes.insert(0, (5, 0));
        processes.push((last, 5));
        assert_eq!(members(&processes).len(), processes.len());
    }
}
