//! `--pause` (contract 9): an init without a command, which reaps until it is asked to end.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use harness::{
    Init, LIMIT, Limit, ProcStatus, Running, call_number, emulator_lacks, eventually, program,
    require_namespaces,
};

/// The signals that rootless podman starts its pause process with ignored.
const IGNORED_BY_PODMAN: &str = "ALRM,HUP,INT,PIPE,QUIT,IO,PROF,VTALRM,XCPU,XFSZ";

/// Waits until the init waits for signals, in `rt_sigtimedwait(2)`.
#[track_caller]
pub(crate) fn wait_until_paused(running: &Running) {
    let path = format!("/proc/{}/syscall", running.init_pid());
    let number = call_number(nix::libc::SYS_rt_sigtimedwait, 177);
    assert!(eventually(LIMIT, || {
        let call = std::fs::read_to_string(&path).unwrap_or_default();
        call.split(' ').next() == Some(&number)
    }));
}

/// Starts a pause process, in a PID namespace of its own or not.
fn start(init: Init, as_pid_1: bool) -> Running {
    let init = if as_pid_1 { init.as_pid_1() } else { init };
    let running = init.spawn();
    wait_until_paused(&running);
    running
}

#[test]
fn a_pause_process_ends_with_0_on_sigterm_and_sigint() {
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            return;
        }
        for option in ["-P", "--pause"] {
            for signal in [Signal::SIGTERM, Signal::SIGINT] {
                let running = start(Init::new().arg(option), as_pid_1);
                running.signal(signal as i32);
                running.wait().expect(0, "", "");
            }
        }
    }
}

/// Podman's pause process starts like this; a signal that is ignored counts all the same.
#[test]
fn a_pause_process_ends_on_signals_that_it_inherited_ignored_or_blocked() {
    for (blocked, ignored) in [("", IGNORED_BY_PODMAN), ("", "INT,TERM"), ("all", "")] {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let init = Init::new().signal_setup(blocked, ignored).arg("-P");
            let running = start(init, false);
            running.signal(signal as i32);
            running.wait().expect(0, "", "");
        }
    }
}

#[test]
fn a_pause_process_ignores_every_other_signal() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            return;
        }
        let mut running = start(Init::new().arg("-P"), as_pid_1);
        let ends = [Signal::SIGTERM, Signal::SIGINT].map(|signal| signal as i32);
        let stops = [Signal::SIGKILL, Signal::SIGSTOP].map(|signal| signal as i32);
        let others = (1..=64).filter(|signal| !ends.contains(signal) && !stops.contains(signal));
        for signal in others {
            running.signal(signal);
        }
        assert!(eventually(LIMIT, || running.init_status().pending() == 0));
        assert!(running.is_running());
        assert_ne!(running.init_status().state(), 'T');
        running.signal(Signal::SIGTERM as i32);
        running.wait().expect(0, "", "");
    }
}

/// Puts a process without a parent into the namespace of a program that runs as PID 1 there, kills it
/// once it is that program's child, and returns it.
fn make_orphan_zombie(init: i32) -> i32 {
    let user: &[&str] = if nix::unistd::geteuid().is_root() {
        &[]
    } else {
        &["--user", "--preserve-credentials"]
    };
    let orphan = "sleep 1000 >/dev/null 2>&1 & exit 0";
    let status = Command::new("nsenter")
        .args(["--target", &init.to_string(), "--pid"])
        .args(user)
        .args(["--", "sh", "-c", orphan])
        .stdin(Stdio::null())
        .status()
        .expect("nsenter can be run");
    assert!(status.success(), "nsenter: {status}");
    let mut orphan = None;
    assert!(
        eventually(LIMIT, || {
            let children = harness::children_of(init).into_iter();
            let mut sleeping = children
                .map(|process| process.pid)
                .filter(|pid| ProcStatus::of(*pid).is_some_and(|status| status.name() == "sleep"));
            orphan = sleeping.next();
            orphan.is_some()
        }),
        "the orphan came to PID 1"
    );
    let orphan = orphan.expect("it was just found");
    kill(Pid::from_raw(orphan), Signal::SIGKILL).expect("the orphan lives");
    orphan
}

/// The pause process of a pod whose containers share one PID namespace.
#[test]
fn a_pause_process_as_pid_1_reaps_orphans() {
    if !require_namespaces() {
        return;
    }
    let running = start(Init::new().arg("--pause"), true);
    for _ in 0..20 {
        let orphan = make_orphan_zombie(running.init_pid());
        assert!(eventually(LIMIT, || ProcStatus::of(orphan).is_none()));
    }
    running.signal(Signal::SIGTERM as i32);
    running.wait().expect(0, "", "");
}

/// The check above sees a PID 1 that does not reap: the orphan stays a zombie, whatever else happens.
#[test]
fn orphans_of_a_pid_1_that_does_not_reap_stay_zombies() {
    if !require_namespaces() {
        return;
    }
    let sleep = program("sleep").expect("sleep is installed");
    let running = Init::new().binary(sleep).arg("1000").as_pid_1().spawn();
    let init = running.init_pid();
    let first = make_orphan_zombie(init);
    let second = make_orphan_zombie(init);
    assert!(eventually(LIMIT, || [first, second].iter().all(|pid| {
        ProcStatus::of(*pid).is_some_and(|status| status.state() == 'Z')
    })));
}

/// Whoever executes `pidling --pause` may have children already.
#[test]
fn a_pause_process_reaps_the_children_it_was_born_with() {
    let init = Init::new()
        .through(["sh", "-c", "sleep 1000 & echo $!; exec \"$@\"", "sh"])
        .arg("-P");
    let mut running = init.spawn();
    let child: i32 = running.wait_line("").parse().expect("a process id");
    wait_until_paused(&running);
    assert_eq!(
        ProcStatus::of(child).map(|status| status.ppid()),
        Some(running.init_pid())
    );
    kill(Pid::from_raw(child), Signal::SIGKILL).expect("the child lives");
    assert!(eventually(LIMIT, || ProcStatus::of(child).is_none()));
    running.signal(Signal::SIGTERM as i32);
    running.wait().expect_status(0);
}

#[test]
fn a_pause_process_takes_no_command() {
    for words in [
        &["-P", "true"][..],
        &["--pause", "--", "true"],
        &["-P", "--", ""],
    ] {
        let output = Init::new().args(words).run();
        output.expect_status(125);
        output.expect_stdout("");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.lines().count(), 1, "{output}");
        assert!(said.starts_with("pidling: error: "), "{output}");
        let word = words.last().expect("a word");
        assert!(
            said.contains(&format!("unwanted command '{word}'")),
            "{output}"
        );
        assert!(said.ends_with("try --help\n"), "{output}");
    }
}

/// Podman starts it by this name.
#[test]
fn a_pause_process_may_be_called_catatonit() {
    let running = start(
        Init::new().argv0("/usr/libexec/podman/catatonit").arg("-P"),
        false,
    );
    running.signal(Signal::SIGTERM as i32);
    running.wait().expect(0, "", "");
}

/// It holds nothing but itself, so it needs nothing.
#[test]
fn a_pause_process_runs_without_descriptors_and_environment() {
    let init = Init::new()
        .closed(0)
        .closed(1)
        .closed(2)
        .env_clear()
        .arg("-P");
    let mut running = start(init, false);
    running.signal(Signal::SIGTERM as i32);
    assert_eq!(running.wait_status().code(), Some(0));
}
