//! `launch [OPTION...] -- PROGRAM [ARGUMENT...]`: sets up what a process inherits and becomes the program.
//! Everything that is not asked for is as a fresh process has it: no signal blocked, none ignored, no descriptor open but
//! the standard streams.

use crate::{raw, signals};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid};
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};

/// The highest signal number.
const LAST: i32 = 64;

/// The first descriptor behind the standard streams.
const FIRST_INHERITED: u32 = 3;

pub(crate) fn run(arguments: &[OsString]) -> Result<u8> {
    // Nobody is to take it for a probe that a test waits for.
    nix::sys::prctl::set_name(c"launch")?;
    for signal in (1..=LAST).filter(|signal| !signals::is_uncatchable(*signal)) {
        raw::set_disposition(signal, raw::Disposition::Default)?;
    }
    raw::close_from(FIRST_INHERITED).context("launch: close_range")?;
    let mut mask = 0;
    let mut closed = Vec::new();
    let mut raised = Vec::new();
    let mut raised_by_self = Vec::new();
    let mut refused = Vec::new();
    let mut user = None;
    let mut name = None;
    let mut has_arguments = true;
    let mut environment: Vec<OsString> = std::env::vars_os()
        .map(|(name, value)| [&name, OsStr::new("="), &value].into_iter().collect())
        .collect();
    let mut words = arguments.iter();
    let mut next = || words.next().context("launch: an option without its value");
    let program = loop {
        let option = next()?;
        match option.to_str().unwrap_or_default() {
            "--" => break next()?,
            "--block" => mask = signals::parse_mask(next()?)?,
            "--ignore" => {
                let ignored = signals::parse_mask(next()?)?;
                for signal in (1..=LAST).filter(|signal| {
                    ignored >> (signal - 1) & 1 == 1 && !signals::is_uncatchable(*signal)
                }) {
                    raw::set_disposition(signal, raw::Disposition::Ignore)?;
                }
            }
            "--close" => closed.push(parse(next()?)?),
            "--argv0" => name = Some(next()?),
            "--no-arguments" => has_arguments = false,
            "--env-clear" => environment.clear(),
            "--env" => environment.push(next()?.clone()),
            "--env-pid" => {
                let mut entry = next()?.clone();
                entry.push(format!("={}", std::process::id()));
                environment.push(entry);
            }
            "--raise" => raised.push(signals::parse(next()?)?),
            "--raise-self" => raised_by_self.push(signals::parse(next()?)?),
            "--descriptor" => open_descriptor(next()?)?,
            "--umask" => {
                let _ = umask(Mode::from_bits_truncate(parse(next()?)?));
            }
            "--nice" => nice(parse(next()?)?)?,
            "--limit" => limit(next()?)?,
            // At once, because only the superuser keeps what setuid programs give.
            "--kernel" => raw::refuse(&calls_after(next()?)?)?,
            "--mark" => mark(parse(next()?)?)?,
            "--new-session" => drop(nix::unistd::setsid()?),
            "--terminal" => become_foreground_of(next()?)?,
            "--chroot" => {
                nix::unistd::chroot(next()?.as_os_str())?;
                nix::unistd::chdir("/")?;
            }
            "--no-new-privileges" => nix::sys::prctl::set_no_new_privs()?,
            "--exclusive" => raw::make_exclusive(parse(next()?)?)?,
            "--refuse" => refused.push(refusal(next()?)?),
            "--user" => user = Some(parse(next()?)?),
            _ => bail!("launch: no option {}", option.display()),
        }
    };
    if let Some(user) = user {
        let (group, user) = (Gid::from_raw(user), Uid::from_raw(user));
        nix::unistd::setgroups(&[])?;
        nix::unistd::setresgid(group, group, group)?;
        nix::unistd::setresuid(user, user, user)?;
    }
    let mut vector = Vec::new();
    if has_arguments {
        vector.push(c_string(name.unwrap_or(program))?);
        for word in words {
            vector.push(c_string(word)?);
        }
    }
    let program = c_string(program)?;
    let environment = environment
        .iter()
        .map(|entry| c_string(entry))
        .collect::<Result<Vec<_>>>()?;
    raw::set_signal_mask(mask)?;
    for signal in raised {
        raise_from_outside(signal)?;
    }
    for signal in raised_by_self {
        raw::kill(std::process::id().cast_signed(), signal)?;
    }
    for descriptor in closed {
        nix::unistd::close::<i32>(descriptor)?;
    }
    if !refused.is_empty() {
        nix::sys::prctl::set_no_new_privs()?;
        raw::refuse(&refused)?;
    }
    let failure = nix::unistd::execve(&program, &vector, &environment);
    failure
        .map(|_| 0)
        .with_context(|| format!("cannot execute {}", program.to_string_lossy()))
}

/// Sends this process a signal from another one, as most signals are.
fn raise_from_outside(signal: i32) -> Result<()> {
    let sent = Command::new(std::env::current_exe()?)
        .args(["send", &std::process::id().to_string(), &signal.to_string()])
        .stdout(Stdio::null())
        .status()?;
    ensure!(sent.success(), "launch: --raise");
    Ok(())
}

fn c_string(word: &OsStr) -> Result<CString> {
    Ok(CString::new(word.to_owned().into_vec())?)
}

fn parse<T: std::str::FromStr>(word: &OsStr) -> Result<T> {
    str::from_utf8(word.as_bytes())?
        .parse()
        .ok()
        .with_context(|| format!("launch: {} is no number", word.display()))
}

/// `NAME=VALUE`: sets both limits.
fn limit(word: &OsStr) -> Result<()> {
    let (name, value) = word
        .to_str()
        .and_then(|word| word.split_once('='))
        .context("launch: --limit NAME=[SOFT:]HARD")?;
    let resource = match name {
        "as" => Resource::RLIMIT_AS,
        "core" => Resource::RLIMIT_CORE,
        "fsize" => Resource::RLIMIT_FSIZE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        _ => bail!("launch: no limit {name}"),
    };
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    Ok(setrlimit(resource, soft.parse()?, hard.parse()?)?)
}

/// `CALL:ERROR`: the numbers of a system call and of the error that it gets instead of being carried out.
fn refusal(word: &OsStr) -> Result<(u32, u16)> {
    let (call, error) = word
        .to_str()
        .and_then(|word| word.split_once(':'))
        .context("launch: --refuse CALL:ERROR")?;
    Ok((call.parse()?, error.parse()?))
}

/// The system calls that came after this version of Linux, with the error that a kernel has for what it does not know.
fn calls_after(version: &OsStr) -> Result<Vec<(u32, u16)>> {
    ensure!(version == "4.4", "launch: --kernel 4.4");
    // The first of Linux 4.5, and as many numbers as will last.
    let first: u32 = libc::SYS_copy_file_range.try_into()?;
    let error: u16 = libc::ENOSYS.try_into()?;
    Ok((first..first + 300).map(|call| (call, error)).collect())
}

/// Marks the process and all that it starts as those of one run of the harness, `tests/harness/src/marks.rs`.
fn mark(value: rlim_t) -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_LOCKS)?;
    Ok(setrlimit(Resource::RLIMIT_LOCKS, value, hard)?)
}

/// Opens a terminal as the controlling one of a new session, whose foreground group this process is.
fn become_foreground_of(path: &OsStr) -> Result<()> {
    let _ = nix::unistd::setsid()?;
    let terminal = std::fs::File::options().read(true).write(true).open(path)?;
    nix::unistd::dup2_stdin(&terminal)?;
    nix::unistd::dup2_stdout(&terminal)?;
    Ok(nix::unistd::dup2_stderr(&terminal)?)
}

/// `NUMBER[=PATH]`: makes this descriptor, or the next free one, one of the file that is opened for reading, or a copy of
/// standard input.
fn open_descriptor(word: &OsStr) -> Result<()> {
    let (number, path) = match word.to_str().unwrap_or_default().split_once('=') {
        Some((number, path)) => (OsStr::new(number), Some(path)),
        None => (word, None),
    };
    let number = nix::fcntl::F_DUPFD(parse(number)?);
    let _ = match path {
        Some(path) => nix::fcntl::fcntl(std::fs::File::open(path)?, number)?,
        None => nix::fcntl::fcntl(std::io::stdin(), number)?,
    };
    Ok(())
}

/// Sets the nice value, which this process has at 0.
fn nice(value: i32) -> Result<()> {
    raw::set_nice(value).context("launch: --nice")
}
