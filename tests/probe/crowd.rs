//! Processes that are hard to end, those who count what is left of them, and those who hold others up.
//!
//! - `census PROGRAM ARGUMENT...`: runs the program, waits for it and for no other child, says `left NAME STATE` for
//!   each process of its PID namespace that is left, then `counted`, and exits with the program's status.
//! - `chain [session]`: each process makes the next one and exits at once.
//! - `tree deep|flat N`: N processes that ignore SIGTERM, each the child of the one before or all of the first.
//! - `slay deep|flat N`: as process 1, makes such a tree, kills it with nothing but two reads of each process, and says
//!   `took MILLISECONDS`.
//! - `zombies N STATUS`: leaves N dead children and exits with the status.
//! - `reborn PID`: makes a process with this number as soon as it is free, the leader of its group, which says
//!   `reborn ready PID`; says `reborn alive` or `reborn gone` at the end of standard input.
//! - `hold-exec FILE`: says `ready PID`; whoever executes the file waits until standard input ends.
//! - `hold-pipe`: says `ready PID`; whoever writes to the pipe that is its standard error waits until it is killed.

use crate::{number, raw, say, say_ready, signals};
use anyhow::{Context, Result, bail};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::ffi::{CString, OsString};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) fn census(arguments: &[OsString]) -> Result<u8> {
    let (program, arguments) = arguments.split_first().context("census: no program")?;
    let child = Command::new(program).args(arguments).spawn()?;
    let own = std::process::id().cast_signed();
    let status = match waitpid(Pid::from_raw(child.id().cast_signed()), None)? {
        WaitStatus::Exited(_, status) => u8::try_from(status)?,
        WaitStatus::Signaled(_, signal, _) => 128 + u8::try_from(signal as i32)?,
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => bail!("census: the program has not ended"),
    };
    for pid in processes()? {
        if pid == own {
            continue;
        }
        let Ok(comm) = std::fs::read_to_string(format!("/proc/{pid}/comm")) else {
            continue;
        };
        let comm = comm.trim();
        if comm == "strace" {
            continue;
        }
        say(&format!("left {comm} {}", state(pid)))?;
    }
    say("counted")?;
    Ok(status)
}

/// The numbers of all processes.
fn processes() -> Result<Vec<i32>> {
    let names =
        std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// `Z` for a process all of whose threads have ended, else the state of one that has not.
fn state(pid: i32) -> char {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let states = tasks.into_iter().flatten().filter_map(|task| {
        let stat = std::fs::read(task.ok()?.path().join("stat")).ok()?;
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        stat.get(end + 2).copied()
    });
    let alive = states
        .into_iter()
        .find(|state| !matches!(state, b'Z' | b'X'));
    alive.map_or('Z', char::from)
}

pub(crate) fn chain(arguments: &[OsString]) -> Result<u8> {
    let has_sessions = arguments.first().is_some_and(|word| word == "session");
    raw::set_disposition(libc::SIGTERM, raw::Disposition::Ignore)?;
    nix::sys::prctl::set_name(&CString::new("chain")?)?;
    say_ready()?;
    loop {
        raw::go_on_as_child()?;
        if has_sessions {
            let _ = nix::unistd::setsid()?;
        }
    }
}

pub(crate) fn tree(arguments: &[OsString]) -> Result<u8> {
    raw::set_disposition(libc::SIGTERM, raw::Disposition::Ignore)?;
    let count: u32 = number(arguments, 1)?;
    match arguments.first().and_then(|word| word.to_str()) {
        Some("flat") => {
            for _ in 0..count {
                let _ = raw::fork(pause)?;
            }
        }
        // Each a program of its own: of memory that is copied a thousand times over, the kernel is long in disposing.
        Some("deep") if count > 0 => {
            let program = std::env::current_exe()?;
            let below = [
                "tree".to_owned(),
                "deep".to_owned(),
                (count - 1).to_string(),
            ];
            let _ = Command::new(program).args(below).spawn()?;
            let _ = pause();
        }
        Some("deep") => (),
        _ => bail!("tree deep|flat N"),
    }
    say_ready()?;
    let _ = pause();
    Ok(0)
}

/// Sleeps until it is killed.
fn pause() -> i32 {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

pub(crate) fn slay(arguments: &[OsString]) -> Result<u8> {
    let mut tree = Command::new(std::env::current_exe()?)
        .arg("tree")
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut ready = [0; 6];
    tree.stdout
        .as_mut()
        .context("no pipe")?
        .read_exact(&mut ready)?;
    let own = std::process::id().cast_signed();
    let began = Instant::now();
    for pid in processes()?.into_iter().filter(|pid| *pid != own) {
        for _ in 0..2 {
            let _ = std::fs::read(format!("/proc/{pid}/stat"));
        }
        let _ = raw::kill(pid, libc::SIGKILL);
    }
    // Nobody is born any more, and as process 1 this one gets all of them.
    while waitpid(None, None).is_ok() {}
    say(&format!("took {}", began.elapsed().as_millis()))?;
    Ok(0)
}

pub(crate) fn zombies(arguments: &[OsString]) -> Result<u8> {
    for _ in 0..number::<u32>(arguments, 0)? {
        let child = raw::fork(|| 0)?;
        let _ = waitid(
            Id::Pid(Pid::from_raw(child)),
            WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT,
        )?;
    }
    number(arguments, 1)
}

pub(crate) fn reborn(arguments: &[OsString]) -> Result<u8> {
    let wanted: i32 = number(arguments, 0)?;
    let (reader, writer) = nix::unistd::pipe()?;
    let mut ends = Some(writer);
    let stranger = raw::fork_as(wanted, || {
        drop(ends.take());
        let grouped = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0)).is_ok();
        let said = grouped && say(&format!("reborn ready {wanted}")).is_ok();
        // A signal that is pending by then comes before the end of the file does.
        let ended = nix::unistd::read(&reader, &mut [0]);
        i32::from(!said || ended != Ok(0))
    })?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(ends.take());
    let stranger = Pid::from_raw(stranger);
    say(
        if waitpid(stranger, None)? == WaitStatus::Exited(stranger, 0) {
            "reborn alive"
        } else {
            "reborn gone"
        },
    )?;
    Ok(0)
}

/// Joins another group than its own, in which nobody else is.
pub(crate) fn leave_group() -> Result<()> {
    let leader = raw::fork(pause)?;
    let pid = Pid::from_raw(leader);
    nix::unistd::setpgid(pid, pid)?;
    nix::unistd::setpgid(Pid::from_raw(0), pid)?;
    raw::kill(leader, libc::SIGKILL)?;
    let _ = waitpid(pid, None)?;
    Ok(())
}

/// Has process 1 of a new PID namespace send a signal to the group of this process's parent, in which it is.
pub(crate) fn send_from_nested_namespace(signal: i32) -> Result<()> {
    let group = nix::unistd::getpgid(Some(nix::unistd::getppid()))?;
    let helper = raw::fork(|| {
        let joined = nix::unistd::setpgid(Pid::from_raw(0), group);
        let unshared =
            joined.and_then(|()| nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWPID));
        let sender = unshared.map(|()| raw::fork(|| i32::from(raw::kill(0, signal).is_err())));
        let Ok(Ok(sender)) = sender else { return 1 };
        i32::from(
            waitpid(Pid::from_raw(sender), None)
                != Ok(WaitStatus::Exited(Pid::from_raw(sender), 0)),
        )
    })?;
    let helper = Pid::from_raw(helper);
    let ended = waitpid(helper, None)?;
    anyhow::ensure!(
        ended == WaitStatus::Exited(helper, 0),
        "{} from a nested namespace: {ended:?}",
        signals::name(signal)
    );
    Ok(())
}

pub(crate) fn hold_exec(arguments: &[OsString]) -> Result<u8> {
    let file = arguments.first().context("hold-exec: no file")?;
    let held = raw::hold_execution(&CString::new(file.as_encoded_bytes())?)?;
    say_ready()?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(0)
}

pub(crate) fn hold_pipe(_: &[OsString]) -> Result<u8> {
    let (idle, _peer) = std::os::unix::net::UnixStream::pair()?;
    say_ready()?;
    raw::splice(idle.as_raw_fd(), libc::STDERR_FILENO)?;
    Ok(0)
}
