//! Starts where almost everything is missing, refused or in the way (contract 1.2, 3.6, 4.5).

use crate::placed::{BOTH, expect_stop, survivors};
use crate::shutdown::{script, wait_for};
use harness::{
    Init, LIMIT, Limit, Requirement, copy_program, emulator_lacks, eventually, peer, pidling,
    probe, program, require, require_namespaces, require_root,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that every user may enter, with copies of programs that every user may run.
struct Cell(PathBuf);

impl Cell {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pidling-cell-{}-{number}", std::process::id());
        let place = std::env::temp_dir().join(name);
        fs::create_dir_all(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        let cell = Self(place);
        let _ = cell.copy(&pidling(), 0o755);
        cell
    }

    /// Copies a program under its own name.
    fn copy(&self, file: &Path, mode: u32) -> PathBuf {
        let copy = self.0.join(file.file_name().unwrap());
        copy_program(file, &copy, mode);
        copy
    }

    fn pidling(&self) -> PathBuf {
        self.0.join("pidling")
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A shell that needs no file beside itself.
pub(crate) fn busybox() -> Option<PathBuf> {
    let busybox = program("busybox");
    let reason = "busybox, as a static program, is not installed";
    require(Requirement::Busybox, busybox.is_some(), reason)
        .then_some(busybox)
        .flatten()
}

#[test]
fn closed_standard_streams_do_not_matter() {
    for closed in 0..8_usize {
        for options in [&["-q"][..], &["-vv"], &["-a", "-w", "-g"]] {
            let init = || {
                let numbers = (0..3).filter(|number| closed >> number & 1 == 1);
                numbers.fold(Init::new(), Init::closed).args(options)
            };
            init()
                .args(["--", "sh", "-c", "(true &); exit 3"])
                .run()
                .expect_status(3);
            init()
                .args(["--", "sh", "-c", "kill -TERM $PPID; sleep 1000"])
                .run()
                .expect_status(143);
            init()
                .args(["--", "no-such-command"])
                .run()
                .expect_status(127);
            init().arg("--no-such-option").run().expect_status(125);
        }
    }
}

#[test]
fn closed_standard_streams_do_not_matter_to_pid_1() {
    if !require_namespaces() {
        return;
    }
    for closed in 0..8_usize {
        let numbers = (0..3).filter(|number| closed >> number & 1 == 1);
        numbers
            .fold(Init::new().as_pid_1(), Init::closed)
            .args(["-vv", "--", "sh", "-c", "(true &); exit 3"])
            .run()
            .expect_status(3);
    }
}

/// A root with two files in it: no /proc, no /dev, no /bin/sh, no library.
#[test]
fn a_root_with_nothing_but_two_files_is_enough() {
    if !require_namespaces() {
        return;
    }
    let Some(busybox) = busybox() else { return };
    let cell = Cell::new();
    let _ = cell.copy(&busybox, 0o755);
    let init = |as_pid_1| {
        let init = Init::new()
            .binary("/pidling")
            .launch(["--chroot".as_ref(), cell.0.as_os_str()]);
        if as_pid_1 { init.as_pid_1() } else { init }
    };
    for as_pid_1 in [false, true] {
        if !as_pid_1 && !nix::unistd::geteuid().is_root() {
            continue;
        }
        for options in [&[][..], &["-a", "-w", "-t", "9"], &["-g", "--setsid"]] {
            init(as_pid_1)
                .args(options)
                .args(["--", "/busybox", "sh", "-c", "exit 3"])
                .run()
                .expect(3, "", "");
            init(as_pid_1)
                .args(options)
                .args(["--", "/busybox", "sh", "-c", "kill -TERM $PPID; read x"])
                .spawn()
                .wait()
                .expect(143, "", "");
        }
        let output = init(as_pid_1).json().args(["--", "/nothing"]).run();
        output.expect_stdout("");
        output.expect_events(
            127,
            &["exec_failed command=/nothing error=ENOENT reason=errno"],
        );
        init(as_pid_1)
            .args(["--", "/busybox", "sh", "-c", "kill -KILL $$"])
            .run()
            .expect_status(137);
    }
}

#[test]
fn a_read_only_root_and_a_user_without_privileges_are_enough() {
    if !require_namespaces() {
        return;
    }
    let script = "mount --rbind / /mnt && mount -o remount,bind,ro /mnt && exec chroot /mnt \"$@\"";
    Init::new()
        .through(["unshare", "--user", "--map-root-user", "--mount", "--"])
        .through(["sh", "-c", script, "sh"])
        .args([
            "-vq",
            "--",
            "sh",
            "-c",
            "touch /x 2>&1 | grep -c 'Read-only'; exit 3",
        ])
        .run()
        .expect(3, "1\n", "");
}

#[test]
fn no_new_privileges_do_not_matter() {
    Init::new()
        .launch(["--no-new-privileges"])
        .args(["--", "sh", "-c", "exit 3"])
        .run()
        .expect(3, "", "");
}

#[test]
fn everything_blocked_and_much_ignored_on_entry_does_not_matter() {
    for (blocked, ignored) in [("all", ""), ("", "CHLD,PIPE,HUP"), ("all", "all")] {
        for status in [0, 3] {
            Init::new()
                .signal_setup(blocked, ignored)
                .args(["-a", "--", "sh", "-c", &format!("(true &); exit {status}")])
                .run()
                .expect(status, "", "");
        }
    }
}

#[test]
fn an_empty_environment_is_enough() {
    Init::new()
        .launch(["--env-clear"])
        .args(["sh", "-c", "exit 3"])
        .run()
        .expect(3, "", "");
}

/// Since Linux 5.18 execve(2) makes an empty list one empty word.
#[test]
fn an_empty_argument_list_is_a_usage_error() {
    Init::new().launch(["--no-arguments"]).run().expect(
        125,
        "",
        "pidling: error: command line: no command, expected COMMAND [ARG...]; try --help\n",
    );
    Init::new()
        .launch(["--no-arguments", "--env-clear"])
        .run()
        .expect_status(125);
}

#[test]
fn a_process_limit_that_allows_no_child_is_125() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_root() {
        return;
    }
    let cell = Cell::new();
    let output = Init::new()
        .json()
        .binary(cell.pidling())
        .directory("/")
        // A user of its own, of whom there are no other processes.
        .launch(["--limit", "nproc=1", "--user", "54321"])
        .args(["--", "true"])
        .run();
    output.expect_stdout("");
    // Contract 2.7: a process limit that is reached.
    output.expect_events(
        125,
        &["start_failed command=true error=EAGAIN limit=RLIMIT_NPROC limit_value=1 step=process"],
    );
}

#[test]
fn a_few_megabytes_of_address_space_are_enough() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    let Some(busybox) = busybox() else { return };
    for limits in [
        &["--limit", "as=4000000"][..],
        &["--limit", "as=4000000", "--limit", "stack=65536"],
        &["--limit", "as=4000000", "--limit", "nofile=3"],
        &["--limit", "nofile=0"],
    ] {
        for options in [&["-q"][..], &["-vv"], &["-a", "-g"]] {
            Init::new()
                .launch(limits)
                .args(options)
                .arg("--")
                .arg(&busybox)
                .args(["sh", "-c", "exit 3"])
                .run()
                .expect_status(3);
        }
    }
}

#[test]
fn a_directory_that_is_gone_does_not_matter() {
    let script = format!(
        "d=$(mktemp -d) && cd $d && rmdir $d && exec {} -- sh -c 'exit 3' 2>&1",
        pidling().display()
    );
    let output = Init::new().binary("/bin/sh").args(["-c", &script]).run();
    output.expect_status(3);
}

/// A process that becomes the init late has children already; none of them is the main child.
#[test]
fn children_from_before_are_not_the_main_child() {
    for before in [
        "true & ",
        "exit 7 & ",
        "sleep 1000 & ",
        "true & exit 8 & exit 9 & ",
    ] {
        let script = format!(
            "{before} exec {} -- sh -c 'sleep 0.01; exit 5'",
            pidling().display()
        );
        Init::new()
            .binary("/bin/sh")
            .args(["-c", &script])
            .run()
            .expect(5, "", "");
    }
}

/// Contract 3.6. The main child has become another user, whom the init may not signal.
#[test]
fn a_main_child_of_another_user_is_still_supervised() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    if !require_root() {
        return;
    }
    let cell = Cell::new();
    let setuid = cell.copy(probe(), 0o4755);
    let report = |init: Init| {
        init.directory("/")
            .launch(["--user", "54322"])
            .arg("--")
            .arg(&setuid)
            .args(["report", "--user", "0", "--status", "3"])
            .spawn()
    };
    let mut running = report(Init::new().json().binary(cell.pidling()).arg("-vv"));
    let ready = running.wait_line("ready ");
    let child = ready.strip_prefix("ready ").unwrap();
    for signal in [libc::SIGTERM, libc::SIGUSR1, 40] {
        running.signal(signal);
        assert_eq!(running.wait_event("error_ignored")["error"], "EPERM");
    }
    running.send_line("quit");
    let output = running.wait();
    let refused = "error_ignored call=kill error=EPERM";
    output.expect_events(
        3,
        &[
            &format!("started command={} pid={child}", setuid.display()),
            "shutdown_began signal=SIGTERM",
            refused,
            refused,
            refused,
            &format!("main_child_ended pid={child} status=3"),
            "shutdown_took",
            "exit status=3",
        ],
    );
    if let Some(tini) = peer("tini") {
        let mut running = report(Init::new().binary(tini));
        let _ = running.wait_line("ready ");
        running.signal(libc::SIGTERM);
        let status = running.wait_status();
        assert_eq!(status.code(), Some(1), "the negative control went on");
    }
}

/// An init of init of init: each is the main child of the next.
#[test]
fn a_stack_of_inits_forwards_through_all_of_them() {
    let pidling = pidling();
    let mut running = Init::new()
        .args(["--"])
        .args([&pidling, Path::new("--"), &pidling].map(Path::as_os_str))
        .probe(["report", "--count", "1", "--status", "3"])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGTERM);
    let _ = running.wait_line("got SIGTERM ");
    running.wait().expect_status(3);
}

/// The init must not wait for a descriptor that somebody else keeps open.
#[test]
fn an_orphan_that_holds_the_streams_does_not_hold_the_init() {
    let mut running = Init::new()
        .args(["--", "sh", "-c", "sleep 1000 & exit 3"])
        .spawn();
    assert_eq!(running.wait_status().code(), Some(3));
    assert!(eventually(LIMIT, || !running.is_running()));
}

/// Contract 1.2: the report of the deadline included, with as many lines as there may be, and names of the full
/// length.
#[test]
fn a_stack_of_64_kb_is_enough() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#"for i in $(seq 40); do "$PROBE" app "rest$i" name:123456789012345 session ignore:TERM & done
        exec "$PROBE" app main ignore:TERM"#;
    for place in BOTH {
        for format in ["text", "json"] {
            let init = place.init().launch(["--limit", "stack=65536"]).args([
                "-vv",
                "-w",
                "-a",
                "-g",
                "-t",
                "500ms",
                "--log-format",
                format,
            ]);
            let running = script(init, main).spawn();
            wait_for(&running, &["main ready"]);
            assert!(eventually(LIMIT, || running
                .stdout_so_far()
                .matches(" ready ")
                .count()
                == 41));
            let output = expect_stop(place, running, std::time::Duration::from_secs(6), 137);
            if format == "json" {
                assert_eq!(survivors(&output).len(), 32, "{output}");
            }
        }
    }
}
