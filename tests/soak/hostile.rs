//! What makes the end hard: processes that have to be killed, and system calls that are refused.

use crate::random::Random;
use crate::raw;
use anyhow::{Context, Result, bail};
use nix::unistd::{Pid, setpgid, setsid};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// The kinds of processes that ignore SIGTERM: in the main child's group, in a group and in a session of their own, and
/// one whose first thread has ended.
pub(crate) const STUBBORN: [&str; 4] = ["member", "group", "session", "leaderless"];

/// The system calls that the init does without, with which everything has to be as it is with them.
const OPTIONAL: [libc::c_long; 6] = [
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pwritev2,
];

/// Some of them, each with an error, as [`refuse`] takes them.
pub(crate) fn refusals(random: &mut Random) -> Vec<String> {
    let mut refusals = Vec::new();
    for call in OPTIONAL {
        if random.below(3) == 0 {
            let error = random.pick(&[libc::ENOSYS, libc::EPERM]);
            refusals.push(format!("{call}:{error}"));
        }
    }
    refusals
}

/// `refuse CALL:ERROR... -- PROGRAM [ARGUMENT...]`: becomes the program, to which these calls are refused.
pub(crate) fn refuse(arguments: &[OsString]) -> Result<i32> {
    let mut words = arguments.iter();
    let mut refused = Vec::new();
    for word in words.by_ref().take_while(|word| *word != "--") {
        let (call, error) = word
            .to_str()
            .and_then(|word| word.split_once(':'))
            .context("refuse CALL:ERROR")?;
        refused.push((call.parse()?, error.parse()?));
    }
    let mut program = Command::new(words.next().context("refuse: no program")?);
    // Contract 6.1: then it is forwarded, and begins no shutdown.
    raw::set_disposition(libc::SIGINT, raw::Disposition::Ignore)?;
    nix::sys::prctl::set_no_new_privs()?;
    raw::refuse(&refused)?;
    Err(program.args(words).exec().into())
}

/// `stubborn KIND`: does nothing until it is killed.
pub(crate) fn stubborn(arguments: &[OsString]) -> Result<i32> {
    raw::set_disposition(libc::SIGTERM, raw::Disposition::Ignore)?;
    raw::set_signal_mask(0)?;
    match arguments.first().and_then(|kind| kind.to_str()) {
        Some("member") => {}
        Some("group") => setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
        Some("session") => drop(setsid()?),
        Some("leaderless") => {
            drop(std::thread::spawn(|| sleep_for_ever()));
            raw::exit_thread();
        }
        _ => bail!("stubborn KIND, one of {STUBBORN:?}"),
    }
    sleep_for_ever()
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
