//! `app TAG [STEP...]`: plays an application that is to be shut down. Its steps are carried out in their
//! order, then it says `TAG ready PID` and sleeps until it is killed, or what `report` asks for.
//!
//! - `ignore:SIGNAL`, `block:SIGNAL`, `catch:SIGNAL`: what the signal meets; all others have their default.
//! - `name:BYTES`: its name in `/proc`; `session`, `group`: becomes the leader of one.
//! - `root`: becomes the superuser altogether, where the file is set-user-ID.
//! - `async`: has SIGIO sent to its parent whenever something can be done with standard error.
//! - `leave`: leaves its process group for another one, in which nobody else is.
//! - `leaderless`: its first thread ends, and another one carries on.
//! - `nested:SIGNAL`: once all signals are blocked, process 1 of a PID namespace below sends the signal to the process
//!   group of this process's parent.
//! - `stop`: stops itself with SIGSTOP once it is ready.
//! - `report`: blocks all signals and says `TAG got SIGTERM` for each; at the end of standard input says
//!   `TAG done` and exits with 0.
//! - `bear:SIGNAL:TAG`: with `report`, after this signal starts `app TAG report`, in a later tick of the clock by which
//!   `/proc/PID/stat` tells how old a process is.
//! - `exit:SIGNAL:STATUS`: with `report`, exits with this status after this signal.

use crate::{crowd, raw, say, signals};
use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::ClockId;
use nix::unistd::{Gid, Pid, Uid};
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::time::Duration;

/// The size of `struct signalfd_siginfo`, signalfd(2).
const RECORD: usize = 128;

/// What it does once it is ready.
#[derive(Default)]
struct Role {
    stops: bool,
    reports: bool,
    is_leaderless: bool,
    nested: Option<i32>,
    bear: Option<(i32, OsString)>,
    exit: Option<(i32, u8)>,
}

pub(crate) fn app(arguments: &[OsString]) -> Result<u8> {
    let (tag, steps) = arguments.split_first().context("app: no tag")?;
    let tag = tag.to_str().context("app: a tag is UTF-8")?;
    // A shell makes its background processes ignore SIGINT and SIGQUIT.
    for signal in (1..=64).filter(|signal| !signals::is_uncatchable(*signal)) {
        raw::set_disposition(signal, raw::Disposition::Default)?;
    }
    raw::set_signal_mask(0)?;
    let mut role = Role::default();
    for step in steps {
        carry_out(step.as_bytes(), &mut role)?;
    }
    let received = if role.reports {
        raw::set_signal_mask(u64::MAX)?;
        Some(File::from(raw::signal_descriptor(u64::MAX)?))
    } else {
        None
    };
    if let Some(signal) = role.nested {
        crowd::send_from_nested_namespace(signal)?;
    }
    if !role.is_leaderless {
        return live(tag, received, &role);
    }
    let tag = tag.to_owned();
    let _ = std::thread::spawn(move || {
        let leads = |stat: String| !stat.contains(") Z ");
        while std::fs::read_to_string("/proc/self/stat").is_ok_and(leads) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = live(&tag, received, &role);
        std::process::exit(status.unwrap_or(1).into())
    });
    raw::exit_thread()
}

/// What it does once its steps are carried out.
fn live(tag: &str, received: Option<File>, role: &Role) -> Result<u8> {
    say(&format!("{tag} ready {}", std::process::id()))?;
    if role.stops {
        raw::kill(std::process::id().cast_signed(), libc::SIGSTOP)?;
    }
    match received {
        Some(received) => report(tag, received, role),
        None => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
    }
}

fn carry_out(step: &[u8], role: &mut Role) -> Result<()> {
    let colon = step.iter().position(|byte| *byte == b':');
    let (name, value) = colon.map_or((step, &[][..]), |colon| {
        (&step[..colon], &step[colon + 1..])
    });
    let text = || Ok::<_, anyhow::Error>(str::from_utf8(value)?);
    let signal = || signals::parse(OsStr::from_bytes(value));
    match name {
        b"ignore" => raw::set_disposition(signal()?, raw::Disposition::Ignore)?,
        b"block" => raw::set_signal_mask(1 << (signal()? - 1))?,
        b"catch" => {
            let caught = std::sync::Arc::default();
            let _ = signal_hook::flag::register(signal()?, caught)?;
        }
        b"name" => nix::sys::prctl::set_name(&CString::new(value)?)?,
        b"session" => drop(nix::unistd::setsid()?),
        b"group" => nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
        b"root" => {
            let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
            nix::unistd::setresuid(user, user, user)?;
            nix::unistd::setresgid(group, group, group)?;
        }
        b"async" => raw::make_asynchronous(libc::STDERR_FILENO, nix::unistd::getppid().as_raw())?,
        b"leave" => crowd::leave_group()?,
        b"leaderless" => role.is_leaderless = true,
        b"nested" => role.nested = Some(signal()?),
        b"stop" => role.stops = true,
        b"report" => role.reports = true,
        b"bear" => {
            let (signal, tag) = text()?.split_once(':').context("app: bear:SIGNAL:TAG")?;
            role.bear = Some((signals::parse(signal.as_ref())?, tag.into()));
        }
        b"exit" => {
            let (signal, status) = text()?.split_once(':').context("app: exit:SIGNAL:STATUS")?;
            role.exit = Some((signals::parse(signal.as_ref())?, status.parse()?));
        }
        _ => bail!("app: no step {}", String::from_utf8_lossy(step)),
    }
    Ok(())
}

/// Says which signals come, those that came before the end of standard input included.
fn report(tag: &str, mut received: File, role: &Role) -> Result<u8> {
    let input = std::io::stdin();
    loop {
        let mut descriptors = [
            PollFd::new(received.as_fd(), PollFlags::POLLIN),
            PollFd::new(input.as_fd(), PollFlags::POLLIN),
        ];
        let _ = poll(&mut descriptors, PollTimeout::NONE)?;
        let has_signal = descriptors[0].any().unwrap_or_default();
        if has_signal {
            let mut record = [0; RECORD];
            received.read_exact(&mut record)?;
            let signal = i32::from_ne_bytes([record[0], record[1], record[2], record[3]]);
            say(&format!("{tag} got {}", signals::name(signal)))?;
            if let Some((first, tag)) = &role.bear
                && signal == *first
            {
                until_next_tick()?;
                let program = std::env::current_exe()?;
                let words = ["app".as_ref(), tag.as_os_str(), "report".as_ref()];
                let _ = Command::new(program).args(words).spawn()?;
            }
            if let Some((last, status)) = role.exit
                && signal == last
            {
                return Ok(status);
            }
        } else if nix::unistd::read(input.as_fd(), &mut [0; 64]).unwrap_or(0) == 0 {
            say(&format!("{tag} done"))?;
            return Ok(0);
        }
    }
}

/// Waits until the clock of `starttime`, `proc_pid_stat(5)`, shows another hundredth of a second.
fn until_next_tick() -> Result<()> {
    let tick = || {
        let time = ClockId::CLOCK_BOOTTIME.now()?;
        Ok::<_, nix::Error>((time.tv_sec(), time.tv_nsec() / 10_000_000))
    };
    let now = tick()?;
    while tick()? == now {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
