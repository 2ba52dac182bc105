//! Finding and executing the command as execvp(3) does (contract 2.5, 2.6).

use harness::{Events, Init, LIMIT, copy_program, eventually, require_strace, write_program};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is removed when the test ends.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pidling-exec-{}-{number}", std::process::id());
        let place = std::env::temp_dir().join(name);
        fs::create_dir_all(&place).unwrap();
        Self(place)
    }

    /// Writes a file with these permissions; its directory is made.
    fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let file = self.0.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        write_program(&file, content, mode);
        file
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The command fails to start, in one line with this errno; what else the line says is in `exec_failure.rs`.
#[track_caller]
fn check_failure(init: Init, command: &str, status: i32, error: &str) {
    let output = init
        .args(["--log-format=json", "--", command, "argument"])
        .run();
    output.expect_status(status);
    output.expect_stdout("");
    let events = Events::of(&output);
    let event = events.only("exec_failed");
    assert_eq!(
        (
            event.text("command"),
            event.text("error"),
            events.names().len()
        ),
        (command, error, 1),
        "{output}"
    );
}

const ENOENT: &str = "ENOENT";
const ENOTDIR: &str = "ENOTDIR";
const EACCES: &str = "EACCES";

#[test]
fn what_is_not_there_is_127() {
    let place = Place::new();
    let file = place.file("file", "", 0o755);
    check_failure(Init::new(), "no-such-command", 127, ENOENT);
    check_failure(Init::new(), "/no/such/command", 127, ENOENT);
    check_failure(Init::new(), "./no-such-command", 127, ENOENT);
    check_failure(Init::new(), "", 127, ENOENT);
    check_failure(Init::new(), &format!("{}/x", file.display()), 127, ENOTDIR);
    let script = place.file("script", "#!/no/such/interpreter\n", 0o755);
    check_failure(Init::new(), &script.display().to_string(), 127, ENOENT);
}

/// Contract 7.
#[test]
fn the_status_of_a_failed_start_is_remapped_too() {
    for (command, status) in [("/no/such/command", "127"), ("/", "126")] {
        for (remapped, expected) in [(status, 0), ("7", status.parse().unwrap())] {
            Init::new()
                .args(["-e", remapped, "--", command])
                .run()
                .expect_status(expected);
        }
    }
}

#[test]
fn what_cannot_be_executed_is_126() {
    let place = Place::new();
    let file = place.file("file", "exit 7\n", 0o644);
    check_failure(Init::new(), &file.display().to_string(), 126, EACCES);
    check_failure(Init::new(), "/", 126, EACCES);
    let link = place.0.join("loop");
    std::os::unix::fs::symlink("loop", &link).unwrap();
    check_failure(Init::new(), &link.display().to_string(), 126, "ELOOP");
    check_failure(
        Init::new(),
        &format!("/{}", "x".repeat(300)),
        126,
        "ENAMETOOLONG",
    );
}

/// A file that somebody writes to, execve(2).
#[test]
fn what_is_being_written_is_126() {
    let place = Place::new();
    let copy = place.0.join("busy");
    copy_program("/bin/true", &copy, 0o755);
    let _writer = fs::File::options().append(true).open(&copy).unwrap();
    check_failure(Init::new(), &copy.display().to_string(), 126, "ETXTBSY");
}

#[test]
fn the_first_executable_along_path_is_run() {
    let place = Place::new();
    let _ = place.file("one/directory/x", "", 0o755);
    fs::create_dir_all(place.path("two/command")).unwrap();
    let _ = place.file("three/command", "exit 3\n", 0o644);
    let _ = place.file("four/command", "#!/bin/sh\nexit 4\n", 0o755);
    let _ = place.file("five/command", "#!/bin/sh\nexit 5\n", 0o755);
    let elements = ["missing", "one/directory/x", "two", "three", "four", "five"];
    let path = elements.map(|element| place.path(element)).join(":");
    Init::new()
        .env("PATH", path)
        .arg("command")
        .run()
        .expect(4, "", "");
}

#[test]
fn a_refusal_is_remembered_over_an_absence() {
    let place = Place::new();
    let _ = place.file("refused/command", "", 0o644);
    for path in [
        "refused:missing",
        "missing:refused",
        "missing:refused:missing",
    ] {
        let path: Vec<String> = path.split(':').map(|name| place.path(name)).collect();
        check_failure(
            Init::new().env("PATH", path.join(":")),
            "command",
            126,
            EACCES,
        );
    }
    check_failure(
        Init::new().env("PATH", place.path("missing")),
        "command",
        127,
        ENOENT,
    );
}

#[test]
fn an_empty_path_element_is_the_current_directory() {
    let place = Place::new();
    let _ = place.file("command", "#!/bin/sh\nexit 6\n", 0o755);
    for path in ["", ":", ":/nowhere", "/nowhere:", "/nowhere::/elsewhere"] {
        Init::new()
            .directory(&place.0)
            .env("PATH", path)
            .arg("command")
            .run()
            .expect(6, "", "");
    }
    check_failure(
        Init::new().directory(&place.0).env("PATH", "/nowhere"),
        "command",
        127,
        ENOENT,
    );
}

#[test]
fn relative_path_elements_start_from_the_current_directory() {
    let place = Place::new();
    let _ = place.file("bin/command", "#!/bin/sh\nexit 8\n", 0o755);
    Init::new()
        .directory(&place.0)
        .env("PATH", "bin")
        .arg("command")
        .run()
        .expect(8, "", "");
}

#[test]
fn without_path_the_usual_directories_are_searched() {
    for init in [
        Init::new().env_remove("PATH"),
        Init::new().launch(["--env-clear"]),
        Init::new().launch(["--env-clear", "--env", "PATHX=/nowhere", "--env", "PATH"]),
    ] {
        init.args(["sh", "-c", "exit 9"]).run().expect(9, "", "");
    }
    check_failure(
        Init::new().env_remove("PATH"),
        "no-such-command",
        127,
        ENOENT,
    );
}

#[test]
fn a_word_with_a_slash_is_not_searched_for() {
    let place = Place::new();
    let _ = place.file("bin/sub/command", "#!/bin/sh\nexit 1\n", 0o755);
    let init = || {
        Init::new()
            .directory(&place.0)
            .env("PATH", place.path("bin"))
    };
    check_failure(init(), "sub/command", 127, ENOENT);
    init().arg("bin/sub/command").run().expect(1, "", "");
}

/// POSIX, exec: a file of unknown format is a shell script, `$0` its path.
#[test]
fn a_script_without_an_interpreter_line_is_run_by_the_shell() {
    let place = Place::new();
    let script = place.file(
        "bin/script",
        "echo \"$0\" $# \"$1\" \"$2\" \"$3\"\nexit 7\n",
        0o755,
    );
    let path = script.display().to_string();
    let said = format!("{path} 3 -c  a b\n");
    for (command, dashes) in [(path.as_str(), true), ("script", true), ("script", false)] {
        let init = Init::new().env("PATH", format!("/nowhere:{}", place.path("bin")));
        let init = if dashes { init.arg("--") } else { init };
        init.args([command, "-c", "", "a b"])
            .run()
            .expect(7, &said, "");
    }
    Init::new()
        .directory(place.0.join("bin"))
        .args(["./script", "1"])
        .run()
        .expect(7, "./script 1 1  \n", "");
}

#[test]
fn a_script_without_an_interpreter_line_gets_its_own_listen_pid() {
    let place = Place::new();
    let script = place.file("script", "test $LISTEN_PID = $$\n", 0o755);
    Init::new()
        .binary("/bin/sh")
        .args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh"])
        .arg(harness::pidling())
        .arg(&script)
        .run()
        .expect(0, "", "");
}

#[test]
fn an_empty_file_is_an_empty_script() {
    let place = Place::new();
    Init::new()
        .arg(place.file("empty", "", 0o755))
        .run()
        .expect(0, "", "");
}

#[test]
fn a_script_runs_under_its_interpreter() {
    let place = Place::new();
    let script = place.file("script", "#!/bin/sh\necho $0 $*\nexit 12\n", 0o755);
    Init::new()
        .args([script.as_os_str(), "x".as_ref()])
        .run()
        .expect(12, &format!("{} x\n", script.display()), "");
}

/// Contract 8.3: no byte of a name reaches a terminal as it is.
#[test]
fn the_line_about_a_failure_escapes_the_command() {
    let output = Init::new()
        .arg(OsStr::from_bytes(b"/no/a\xff\x1b[31m\n\"\\"))
        .run();
    output.expect_status(127);
    let said = output.stderr();
    let start = "pidling: error: cannot execute '/no/a\\xff\\x1b[31m\\x0a\"\\\\'";
    assert!(said.starts_with(start), "{output}");
    assert_eq!(said.lines().count(), 1, "{output}");
}

#[test]
fn programs_named_like_options_can_be_run() {
    let place = Place::new();
    for name in ["-h", "--version", "--", "-"] {
        let _ = place.file(name, "#!/bin/sh\nexit 33\n", 0o755);
        Init::new()
            .env("PATH", &place.0)
            .args(["--", name])
            .run()
            .expect(33, "", "");
    }
}

#[test]
fn the_command_may_be_the_init_itself() {
    let pidling = harness::pidling();
    let pidling: &Path = &pidling;
    Init::new()
        .arg(pidling)
        .arg("--version")
        .run()
        .expect_status(0);
}

/// An init for which execve(2) of this file fails with this error.
fn refusing(file: &str, error: &str, trace: &Path) -> Init {
    let inject = format!("inject=execve:error={error}");
    Init::new()
        .traced(["-f", "-e", "trace=execve", "-P", file, "-e", &inject, "-o"])
        .traced([trace])
}

/// Fails unless strace has made something fail; it writes after what it watches has ended.
#[track_caller]
fn expect_injected(trace: &Path) {
    let has_failed = || {
        fs::read_to_string(trace)
            .unwrap_or_default()
            .contains("(INJECTED)")
    };
    assert!(eventually(LIMIT, has_failed), "nothing was made to fail");
}

/// Contract 2.5: a directory on a file server that is gone.
#[test]
fn a_directory_that_cannot_be_reached_is_passed_over() {
    if !require_strace() {
        return;
    }
    let place = Place::new();
    let gone = place.file("gone/command", "#!/bin/sh\nexit 4\n", 0o755);
    let _ = place.file("there/command", "#!/bin/sh\nexit 5\n", 0o755);
    let _ = place.file("refused/command", "#!/bin/sh\nexit 6\n", 0o644);
    let trace = place.0.join("trace");
    for error in [
        "ESTALE",
        "ENODEV",
        "ETIMEDOUT",
        "ENOENT",
        "ENOTDIR",
        "EACCES",
    ] {
        for (path, status) in [("gone:there", 5), ("gone:refused:there", 5)] {
            let path: Vec<String> = path.split(':').map(|name| place.path(name)).collect();
            refusing(gone.to_str().unwrap(), error, &trace)
                .env("PATH", path.join(":"))
                .arg("command")
                .run()
                .expect(status, "", "");
            expect_injected(&trace);
        }
    }
    // EACCES is remembered over it.
    let path = [place.path("refused"), place.path("gone")].join(":");
    let output = refusing(gone.to_str().unwrap(), "ESTALE", &trace)
        .env("PATH", path)
        .args(["--log-format=json", "--", "command"])
        .run();
    output.expect_status(126);
    let object: serde_json::Value = serde_json::from_str(&output.stderr()).unwrap();
    assert_eq!(object["error"], "EACCES", "{output}");
}

/// Contract 2.6: execve(2), and what the file systems below it return. A number says nothing at 3 a.m.
#[test]
fn every_error_of_execve_has_a_name() {
    if !require_strace() {
        return;
    }
    let place = Place::new();
    let file = place.file("command", "#!/bin/sh\nexit 4\n", 0o755);
    let file = file.to_str().unwrap();
    let trace = place.0.join("trace");
    for error in [
        "E2BIG",
        "EACCES",
        "EAGAIN",
        "EFAULT",
        "EINVAL",
        "EIO",
        "EISDIR",
        "ELIBBAD",
        "ELOOP",
        "EMFILE",
        "ENAMETOOLONG",
        "ENFILE",
        "ENODEV",
        "ENOENT",
        "ENOMEM",
        "ENOSPC",
        "ENOSYS",
        "ENOTCONN",
        "ENOTDIR",
        "EPERM",
        "ESTALE",
        "ETIMEDOUT",
        "ETXTBSY",
    ] {
        let output = refusing(file, error, &trace)
            .args(["--log-format=json", "--", file])
            .run();
        expect_injected(&trace);
        let status = if matches!(error, "ENOENT" | "ENOTDIR") {
            127
        } else {
            126
        };
        output.expect_status(status);
        let stderr = output.stderr();
        let object: serde_json::Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!(object["error"], error, "{output}");
    }
}
