//! A pause process as the PID 1 of a sandbox, whose work enters from outside (contract 9, and 6 for it).

use crate::pause::wait_until_paused;
use crate::shutdown::{Stranger, enter, sleeps_with_a_timeout};
use harness::{
    Events, Init, LIMIT, Running, eventually, program, require_namespaces, require_root,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::process::Command;

const TERM: i32 = libc::SIGTERM;

/// A pause process as PID 1, which has said that it waits.
#[track_caller]
fn start(init: Init) -> Running {
    let init = init.as_pid_1().args(["--pause", "-v", "--log-format=json"]);
    let running = init.spawn();
    let _ = running.until_event("paused");
    running
}

/// Waits for its end with status 0, and returns the log.
#[track_caller]
fn ended(running: Running) -> Events {
    let output = running.wait();
    output.expect_status(0);
    Events::of(&output)
}

/// Whether a test can enter a namespace.
#[track_caller]
fn can_enter() -> bool {
    require_namespaces() && require_root()
}

#[test]
fn work_that_entered_a_sandbox_drains_when_it_is_stopped() {
    if !can_enter() {
        return;
    }
    let mut running = start(Init::new().args(["-a", "-t20s"]));
    let mut visitor = enter(running.init_pid(), &["report"]);
    running.signal(TERM);
    assert_eq!(visitor.line(), "stranger got SIGTERM\n");
    assert!(running.is_running());
    visitor.close_stdin();
    let rest = visitor.rest();
    assert!(rest.ends_with("stranger done\n"), "{rest}");
    let events = ended(running);
    assert_eq!(events.only("shutdown_began").text("signal"), "SIGTERM");
    assert_eq!(events.only("rest_signalled").text("signal"), "SIGTERM");
    let _ = events.only("shutdown_took");
    events.expect_none("killed");
    // There is no main child to be forwarded to.
    events.expect_none("signal_forwarded");
    events.expect_none("main_child_ended");
}

/// The control.
#[test]
fn without_wait_all_the_work_in_a_sandbox_is_cut_off() {
    if !can_enter() {
        return;
    }
    let running = start(Init::new());
    let mut visitor = enter(running.init_pid(), &["report"]);
    running.signal(TERM);
    let _ = ended(running);
    let rest = visitor.rest();
    assert!(!rest.contains("done"), "{rest}");
}

#[test]
fn work_in_a_sandbox_that_does_not_end_is_killed_at_the_deadline() {
    if !can_enter() {
        return;
    }
    let running = start(Init::new().args(["-a", "-t700ms"]));
    let mut visitor = enter(running.init_pid(), &["ignore:TERM"]);
    running.signal(TERM);
    let events = ended(running);
    let killed = events.only("killed").number("elapsed_ms");
    assert!((700..3000).contains(&killed), "{events}");
    let survivor = events.only("survivor");
    assert_eq!(
        (survivor.text("disposition"), survivor.text("signal")),
        ("ignores", "SIGTERM")
    );
    assert_eq!(visitor.rest(), "");
}

/// Contract 6.4, 9: docker's ten seconds are not reached here either.
#[test]
fn a_sandbox_without_a_grace_period_ends_after_nine_seconds() {
    if !can_enter() {
        return;
    }
    let running = start(Init::new().arg("-a"));
    let _visitor = enter(running.init_pid(), &["ignore:TERM"]);
    running.signal(TERM);
    let events = ended(running);
    let killed = events.only("killed").number("elapsed_ms");
    assert!((9000..9900).contains(&killed), "{events}");
}

#[test]
fn the_ladder_goes_to_the_work_in_a_sandbox() {
    if !can_enter() {
        return;
    }
    let options = [
        "-a",
        "--escalate=300ms:INT",
        "--escalate=600ms:QUIT",
        "-t10s",
    ];
    let running = start(Init::new().args(options));
    let mut visitor = enter(running.init_pid(), &["report", "exit:QUIT:0"]);
    running.signal(TERM);
    let rest = visitor.rest();
    let got: Vec<&str> = rest
        .lines()
        .filter(|line| *line != "stranger got SIGCONT")
        .collect();
    assert_eq!(
        got,
        [
            "stranger got SIGTERM",
            "stranger got SIGINT",
            "stranger got SIGQUIT"
        ]
    );
    let events = ended(running);
    assert_eq!(events.named("signal_escalated").len(), 2, "{events}");
    events.expect_none("killed");
}

#[test]
fn the_stop_delay_holds_the_end_of_a_pause_back() {
    if !require_namespaces() {
        return;
    }
    let running = start(Init::new().arg("--stop-delay=700ms"));
    assert!(!sleeps_with_a_timeout(&running));
    running.signal(TERM);
    let events = ended(running);
    assert_eq!(events.only("stop_delayed").number("delay_ms"), 700);
    let took = events.only("shutdown_took").number("elapsed_ms");
    assert!((700..3000).contains(&took), "{events}");

    let mut running = start(Init::new().arg("--stop-delay=1h"));
    running.signal(TERM);
    let _ = running.until_event("stop_delayed");
    // A second signal once it is another stop. It may have ended when a further one comes.
    let init = Pid::from_raw(running.init_pid());
    assert!(eventually(LIMIT, || {
        let _ = kill(init, Signal::SIGTERM);
        !running.is_running()
    }));
    let took = ended(running).only("shutdown_took").number("elapsed_ms");
    assert!((100..20_000).contains(&took), "{took}");
}

#[test]
fn a_pause_ends_on_the_stop_signals_that_were_added() {
    if !require_namespaces() {
        return;
    }
    for signal in [libc::SIGUSR1, libc::SIGWINCH, TERM, libc::SIGINT] {
        let running = start(Init::new().args(["--stop-signal=USR1", "--stop-signal=WINCH"]));
        running.signal(signal);
        let _ = ended(running);
    }
    // Contract 6.1: QUIT is none by itself.
    let mut running = start(Init::new());
    running.signal(libc::SIGQUIT);
    assert!(eventually(LIMIT, || running.init_status().pending() == 0));
    assert!(running.is_running());
    running.signal(TERM);
    ended(running).expect_none("killed");
}

/// What a process has open, by number.
fn descriptors(pid: i32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a live process");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut numbers: Vec<u32> = names
        .map(|name| {
            name.to_str()
                .and_then(|name| name.parse().ok())
                .expect("a number")
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_pause_keeps_no_descriptor_beyond_standard_error() {
    let options = [
        "--limit",
        "nofile=2000",
        "--descriptor",
        "3",
        "--descriptor",
        "9",
        "--descriptor",
        "700",
        "--descriptor",
        "1500",
    ];
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            continue;
        }
        let init = Init::new().launch(options);
        let init = if as_pid_1 { init.as_pid_1() } else { init };
        let mut running = init.args(["-P", "-v", "--log-format=json"]).spawn();
        let _ = running.until_event("paused");
        assert_eq!(descriptors(running.init_pid()), [0, 1, 2]);
        running.close_stdin();
        running.signal(TERM);
        running.wait().expect_status(0);
    }
}

/// The control: an init with a command closes nothing (contract 2.3).
#[test]
fn an_init_with_a_command_keeps_what_it_inherited() {
    let mut running = Init::new()
        .launch(["--descriptor", "700"])
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready");
    assert!(descriptors(running.main_child_pid()).contains(&700));
    running.send_line("quit");
    running.wait().expect_status(0);
}

#[test]
fn the_current_directory_of_a_pause_is_the_root() {
    let place = tempfile::tempdir().expect("a directory");
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            continue;
        }
        let init = Init::new().directory(place.path());
        let init = if as_pid_1 { init.as_pid_1() } else { init };
        let running = init.args(["-P", "-v", "--log-format=json"]).spawn();
        let _ = running.until_event("paused");
        let cwd = std::fs::read_link(format!("/proc/{}/cwd", running.init_pid()));
        assert_eq!(cwd.expect("a live process"), PathBuf::from("/"));
        running.signal(TERM);
        running.wait().expect_status(0);
    }
}

/// podman's rootless pause process outlives every container: a mount that it held could not be taken away.
#[test]
fn a_pause_does_not_hold_the_mount_that_it_was_started_in() {
    if !can_enter() {
        return;
    }
    let setup = "mount -t tmpfs none /mnt && cd /mnt && exec \"$@\"";
    let unmount = |target: i32| {
        let mut command = Command::new(program("nsenter").expect("nsenter of util-linux"));
        let output = command
            .args([
                "--target",
                &target.to_string(),
                "--mount",
                "--",
                "umount",
                "/mnt",
            ])
            .output()
            .expect("nsenter can be run");
        output.status.success()
    };
    let init = Init::new().through(["sh", "-c", setup, "sh"]);
    let running = start(init.launch(["--descriptor", "9=."]));
    assert!(unmount(running.init_pid()));
    running.signal(TERM);
    let _ = ended(running);

    // The control: an app that was started there does hold it.
    let mut running = Init::new()
        .as_pid_1()
        .through(["sh", "-c", setup, "sh"])
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready");
    assert!(!unmount(running.init_pid()));
}

/// A pause under a seccomp profile or a kernel without `close_range(2)`: ENOSYS or EPERM.
#[test]
fn a_pause_closes_what_it_inherited_without_close_range_too() {
    if !harness::require_strace() {
        return;
    }
    for error in ["ENOSYS", "EPERM"] {
        let inject = format!("--inject=close_range:error={error}");
        let running = Init::new()
            .launch(["--limit", "nofile=4096"])
            .launch(["--descriptor", "3", "--descriptor", "2000"])
            .traced(["-o", "/dev/null", &inject])
            .args(["-P", "-v", "--log-format=json"])
            .spawn();
        let _ = running.until_event("paused");
        assert_eq!(descriptors(running.init_pid()), [0, 1, 2], "{error}");
        running.signal(TERM);
        running.wait().expect_status(0);
    }
}

/// The work of a sandbox is told by its visitors' own streams: nothing of it reaches the pause process.
#[test]
fn a_sandbox_reaps_and_stays_silent() {
    if !can_enter() {
        return;
    }
    let running = Init::new().as_pid_1().args(["-P", "-a", "-t20s"]).spawn();
    wait_until_paused(&running);
    let mut visitor: Stranger = enter(running.init_pid(), &["report"]);
    visitor.close_stdin();
    assert_eq!(visitor.rest(), "stranger done\n");
    running.signal(TERM);
    running.wait().expect(0, "", "");
}
