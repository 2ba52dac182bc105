//! What is said of a command that cannot be executed (contract 2.5 to 2.7), with the real thing each time: as PID 1
//! and as a wrapper, in text and in JSON. The words are the log's own business; here are the facts.

use harness::{
    Events, Init, LIMIT, Limit, emulator_lacks, eventually, kernel_lacks, require_namespaces,
    require_root, write_program,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory whose files everybody may execute.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).expect("our directory");
        Self(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        write_program(&file, content, mode);
        file
    }
}

/// A command that cannot be executed.
struct Refused<'a> {
    command: &'a str,
    status: i32,
    reason: &'a str,
    error: &'a str,
    /// The other fields of the event.
    fields: &'a [(&'a str, &'a str)],
    /// What the text says besides the command.
    facts: &'a [&'a str],
}

impl Refused<'_> {
    /// Runs the command and checks what is said of it.
    #[track_caller]
    fn check(&self, setup: impl Fn() -> Init) {
        for as_pid_1 in [false, true] {
            if as_pid_1 && !require_namespaces() {
                continue;
            }
            self.check_one(|| {
                if as_pid_1 {
                    setup().as_pid_1()
                } else {
                    setup()
                }
            });
        }
    }

    #[track_caller]
    fn check_one(&self, setup: impl Fn() -> Init) {
        let output = setup()
            .args(["--log-format=json", "--", self.command, "argument"])
            .run();
        output.expect_status(self.status);
        output.expect_stdout("");
        let events = Events::of(&output);
        assert_eq!(
            (events.names(), output.stderr().lines().count()),
            (vec!["exec_failed"], 1),
            "{output}"
        );
        let event = events.only("exec_failed");
        let expected = [
            ("level", "error"),
            ("command", self.command),
            ("reason", self.reason),
            ("error", self.error),
        ];
        for (name, value) in expected.iter().chain(self.fields) {
            assert_eq!(event.text(name), *value, "{name}: {output}");
        }
        for name in [
            "path",
            "interpreter",
            "loader",
            "program_machine",
            "this_machine",
        ] {
            let is_expected = self.fields.iter().any(|(field, _)| *field == name);
            assert_eq!(event.field(name).is_some(), is_expected, "{name}: {output}");
        }

        let output = setup().args(["--", self.command, "argument"]).run();
        output.expect_status(self.status);
        output.expect_stdout("");
        let said = output.stderr();
        assert_eq!(said.lines().count(), 1, "{output}");
        assert!(
            said.starts_with(&format!(
                "pidling: error: cannot execute '{}'",
                self.command
            )),
            "{output}"
        );
        for fact in self.facts.iter().chain([&self.error]) {
            assert!(said.contains(fact), "{fact:?}: {output}");
        }
    }
}

/// A command given by its path.
fn word(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_script_whose_interpreter_is_missing() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let place = Place::new();
    for (line, interpreter) in [
        ("#!/usr/bin/pyhton3\n", "/usr/bin/pyhton3"),
        (
            "#! \t/no/such/interpreter -e\nexit\n",
            "/no/such/interpreter",
        ),
        ("#!/no/end", "/no/end"),
    ] {
        let app = place.file("app", line, 0o755);
        let refused = Refused {
            command: word(&app),
            status: 127,
            reason: "missing_interpreter",
            error: "ENOENT",
            fields: &[("interpreter", interpreter)],
            facts: &["interpreter", &format!("'{interpreter}'")],
        };
        refused.check(Init::new);
    }
}

/// A file that was written on another system.
#[test]
fn a_script_whose_lines_end_with_a_carriage_return() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let place = Place::new();
    let app = place.file("app", "#!/bin/sh\r\necho ran\r\n", 0o755);
    let refused = Refused {
        command: word(&app),
        status: 127,
        reason: "missing_interpreter",
        error: "ENOENT",
        fields: &[("interpreter", "/bin/sh\r")],
        facts: &[r"'/bin/sh\x0d'", "carriage return"],
    };
    refused.check(Init::new);
}

/// Contract 2.5, 2.7. The file that was found along PATH is named. execvp(3) goes on after such a script, and finds
/// nothing in the directories after it, or no directory.
#[test]
fn a_script_along_path_whose_interpreter_is_missing() {
    if kernel_lacks("statx(2)") {
        return;
    }
    for (directories, text, interpreter, facts) in [
        (
            &["bin"][..],
            "#!/no/such/interpreter\n",
            "/no/such/interpreter",
            &["'/no/such/interpreter'"][..],
        ),
        (
            &["none", "bin", "none"],
            "#!/bin/sh\r\necho app\r\n",
            "/bin/sh\r",
            &[r"'/bin/sh\x0d'", "carriage return"],
        ),
        (
            &["bin", "bin/app"],
            "#!/no/such/interpreter\n",
            "/no/such/interpreter",
            &["'/no/such/interpreter'"],
        ),
    ] {
        let place = Place::new();
        let app = place.file("bin/app", text, 0o755);
        let path = word(&app);
        let refused = Refused {
            command: "app",
            status: 127,
            reason: "missing_interpreter",
            error: "ENOENT",
            fields: &[("interpreter", interpreter), ("path", path)],
            facts: &[facts, &[path]].concat(),
        };
        let directories = directories.iter().map(|name| place.path().join(name));
        let directories = std::env::join_paths(directories).unwrap();
        refused.check(|| Init::new().env("PATH", &directories));
    }
}

/// A program that was linked for musl, on a system that has none.
#[test]
fn a_program_whose_loader_is_missing() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let loader = "/lib/ld-no.so";
    let mut program = fs::read("/bin/true").expect("true of coreutils");
    let start = program.windows(4).position(|bytes| bytes == b"/lib");
    let start = start.expect("the path of a loader");
    let end = start
        + program[start..]
            .iter()
            .position(|byte| *byte == 0)
            .expect("a string");
    assert!(end - start >= loader.len());
    program[start..end].fill(0);
    program[start..start + loader.len()].copy_from_slice(loader.as_bytes());
    let place = Place::new();
    let app = place.file("app", &program, 0o755);
    let refused = Refused {
        command: word(&app),
        status: 127,
        reason: "missing_loader",
        error: "ENOENT",
        fields: &[("loader", loader)],
        facts: &["loader", &format!("'{loader}'")],
    };
    refused.check(Init::new);
}

/// The first bytes of a program with one segment, for a machine by its number.
fn program_for(machine: u16, is_64_bit: bool, is_big_endian: bool) -> Vec<u8> {
    let mut program = vec![0x7f, b'E', b'L', b'F'];
    program.extend([
        if is_64_bit { 2 } else { 1 },
        if is_big_endian { 2 } else { 1 },
        1,
    ]);
    program.resize(16, 0);
    let half = |value: u16| {
        if is_big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let single = |value: u32| {
        if is_big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let (header, entry) = if is_64_bit { (64, 56) } else { (52, 32) };
    // ET_EXEC, the machine, EV_CURRENT.
    program.extend([half(2), half(machine)].concat());
    program.extend(single(1));
    // The entry point and the offsets of program and section headers.
    for value in [0x10000, header, 0] {
        let value = single(value);
        let zero = [0; 4];
        match (is_64_bit, is_big_endian) {
            (false, _) => program.extend(value),
            (true, false) => program.extend([value, zero].concat()),
            (true, true) => program.extend([zero, value].concat()),
        }
    }
    program.extend(single(0));
    let sizes = [u16::try_from(header).expect("a size"), entry, 1, 0, 0, 0];
    program.extend(sizes.map(half).concat());
    assert_eq!(program.len(), usize::try_from(header).expect("a size"));
    // PT_LOAD of nothing.
    program.extend(single(1));
    program.resize(8192, 0);
    program
}

/// What the init under test runs on, by its own header.
fn this_machine() -> (u16, &'static str) {
    let init = fs::read(harness::pidling()).expect("the init");
    let machine = if init[5] == 2 {
        u16::from_be_bytes([init[18], init[19]])
    } else {
        u16::from_le_bytes([init[18], init[19]])
    };
    let name = match machine {
        3 => "i386",
        21 => "ppc64le",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        258 => "loongarch64",
        other => panic!("machine {other}"),
    };
    (machine, name)
}

/// Whether the kernel refuses a program with ENOEXEC. Where `binfmt_misc` has an emulator it runs, and then there is
/// nothing to say; so does, beside an emulated init, what is for this machine itself.
fn is_refused(app: &Path) -> bool {
    let mut error = None;
    // Another test's child may hold the file open for writing, until it executes its own program.
    let tried = eventually(LIMIT, || {
        error = Command::new(app)
            .status()
            .err()
            .and_then(|error| error.raw_os_error());
        error != Some(libc::ETXTBSY)
    });
    assert!(tried, "{} is busy", app.display());
    error == Some(libc::ENOEXEC)
}

/// Contract 2.5: the shell is not asked to read it.
#[test]
fn a_program_for_another_machine() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let (here, this) = this_machine();
    let place = Place::new();
    for (machine, is_64_bit, is_big_endian, name) in [
        (62, true, false, "x86_64"),
        (183, true, false, "aarch64"),
        (40, false, false, "arm"),
        (243, true, false, "riscv64"),
        (22, true, true, "s390x"),
        (21, true, false, "ppc64le"),
        (258, true, false, "loongarch64"),
        (4711, true, false, "machine 4711"),
        (4712, false, true, "machine 4712"),
    ] {
        let app = place.file("app", program_for(machine, is_64_bit, is_big_endian), 0o755);
        if machine == here || !is_refused(&app) {
            continue;
        }
        let refused = Refused {
            command: word(&app),
            status: 126,
            reason: "other_machine",
            error: "ENOEXEC",
            fields: &[("program_machine", name), ("this_machine", this)],
            facts: &[name, this],
        };
        refused.check(Init::new);
    }
}

#[test]
fn a_program_that_was_cut_off() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let whole = fs::read("/bin/true").expect("true of coreutils");
    let place = Place::new();
    for length in [4, 5, 20, 63, 64, 100] {
        let app = place.file("app", &whole[..length], 0o755);
        let refused = Refused {
            command: word(&app),
            status: 126,
            reason: "truncated",
            error: "ENOEXEC",
            fields: &[],
            facts: &[],
        };
        refused.check(Init::new);
    }
}

/// Contract 2.7: execvp(3) hands it to the shell, which does nothing.
#[test]
fn an_empty_file_is_run_and_told_with_v() {
    let place = Place::new();
    let app = place.file("bin/app", "", 0o755);
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            continue;
        }
        for command in [word(&app), "app"] {
            let init = || {
                let init = Init::new().env("PATH", place.path().join("bin"));
                if as_pid_1 { init.as_pid_1() } else { init }
            };
            init().arg(command).run().expect(0, "", "");
            let output = init().args(["-v", "--log-format=json", command]).run();
            output.expect_status(0);
            let events = Events::of(&output);
            let event = events.only("empty_file");
            assert_eq!(
                (event.text("path"), event.text("level")),
                (word(&app), "info")
            );
            let output = init().args(["-v", command]).run();
            assert!(output.stderr().contains("empty"), "{output}");
        }
    }
    // The control: one with a line is no empty one.
    let app = place.file("bin/app", "\n", 0o755);
    let output = Init::new()
        .args(["-v", "--log-format=json", word(&app)])
        .run();
    output.expect_status(0);
    Events::of(&output).expect_none("empty_file");
}

#[test]
fn a_directory() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path().join("app")).expect("a directory");
    let path = place.path().join("app");
    let directory = |command, fields| Refused {
        command,
        status: 126,
        reason: "directory",
        error: "EACCES",
        fields,
        facts: &["directory"],
    };
    directory("/", &[]).check(Init::new);
    directory(word(&path), &[]).check(Init::new);
    directory("app", &[("path", word(&path))]).check(|| Init::new().env("PATH", place.path()));
}

#[test]
fn a_file_without_execute_permission() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let place = Place::new();
    let app = place.file("app", "#!/bin/sh\n", 0o644);
    let refused = |command, fields| Refused {
        command,
        status: 126,
        reason: "no_execute_permission",
        error: "EACCES",
        fields,
        facts: &["permission"],
    };
    refused(word(&app), &[]).check(Init::new);
    let found = [("path", word(&app))];
    refused("app", &found).check(|| {
        Init::new().env(
            "PATH",
            format!("/nowhere:{}:/nowhere", place.path().display()),
        )
    });
    let link = place.path().join("link");
    symlink("app", &link).expect("a link");
    refused(word(&link), &[]).check(Init::new);
}

/// What the owner alone may execute, for another user.
#[test]
fn a_file_that_another_user_may_execute() {
    if kernel_lacks("statx(2)") {
        return;
    }
    if !require_root() {
        return;
    }
    let place = Place::new();
    let app = place.file("app", "#!/bin/sh\n", 0o700);
    let refused = Refused {
        command: word(&app),
        status: 126,
        reason: "no_execute_permission",
        error: "EACCES",
        fields: &[],
        facts: &["permission"],
    };
    refused.check(|| Init::new().launch(["--user", "65534"]));
}

#[test]
fn a_directory_on_the_way_that_may_not_be_searched() {
    if !require_root() {
        return;
    }
    let place = Place::new();
    let app = place.file("closed/further/app", "#!/bin/sh\n", 0o755);
    let closed = place.path().join("closed");
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).expect("our directory");
    let refused = Refused {
        command: word(&app),
        status: 126,
        reason: "unsearchable_directory",
        error: "EACCES",
        fields: &[("directory", word(&closed))],
        facts: &[&format!("'{}'", closed.display())],
    };
    refused.check(|| Init::new().launch(["--user", "65534"]));
}

#[test]
fn a_file_system_that_is_mounted_noexec() {
    if kernel_lacks("statx(2)") {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let setup = "mount -t tmpfs -o noexec none /mnt && cp /bin/true /mnt/app && \
                 printf '#!/bin/sh\n' >/mnt/script && chmod 755 /mnt/script && exec \"$@\"";
    for command in ["/mnt/app", "/mnt/script"] {
        let refused = Refused {
            command,
            status: 126,
            reason: "noexec_mount",
            error: "EACCES",
            fields: &[],
            facts: &["noexec"],
        };
        refused.check_one(|| Init::new().as_pid_1().through(["sh", "-c", setup, "sh"]));
    }
}

/// The commonest mistake in a Kubernetes manifest.
#[test]
fn a_whole_command_line_as_one_word() {
    for command in [
        "nginx -g daemon off;",
        "/usr/sbin/nginx -g",
        "sh\t-c",
        "-v -a",
    ] {
        let refused = Refused {
            command,
            status: 127,
            reason: "one_word",
            error: "ENOENT",
            fields: &[],
            facts: &["one word"],
        };
        if command.contains('\t') {
            // In text the tab is escaped, so that the beginning differs.
            let output = Init::new().args(["--log-format=json", "--", command]).run();
            output.expect_status(127);
            assert_eq!(
                Events::of(&output).only("exec_failed").text("reason"),
                "one_word"
            );
            continue;
        }
        refused.check(Init::new);
    }
    // The control: such a file can exist.
    let place = Place::new();
    let _ = place.file("a b", "#!/bin/sh\nexit 5\n", 0o755);
    Init::new()
        .env("PATH", place.path())
        .args(["--", "a b"])
        .run()
        .expect(5, "", "");
}

/// Arguments of an image whose entry point ends with `--`.
#[test]
fn a_command_that_looks_like_an_option() {
    for command in ["-v", "--wait-all", "-t"] {
        let refused = Refused {
            command,
            status: 127,
            reason: "looks_like_option",
            error: "ENOENT",
            fields: &[],
            facts: &["before --", "PIDLING_OPTIONS"],
        };
        refused.check(Init::new);
    }
}

#[test]
fn a_command_that_is_in_no_directory_of_path() {
    let refused = Refused {
        command: "no-such-command",
        status: 127,
        reason: "not_in_path",
        error: "ENOENT",
        fields: &[],
        facts: &["PATH"],
    };
    refused.check(Init::new);
}

/// Nothing is behind it, so nothing is added.
#[test]
fn a_file_that_does_not_exist() {
    for (command, status, error) in [
        ("/no/such/file", 127, "ENOENT"),
        ("/bin/true/file", 127, "ENOTDIR"),
        ("", 127, "ENOENT"),
    ] {
        let refused = Refused {
            command,
            status,
            reason: "errno",
            error,
            fields: &[],
            facts: &[],
        };
        refused.check(Init::new);
    }
}

/// Contract 2.7, 7: what stands before execve(2) ends in 125. The user is nobody else's, so that the limit counts
/// the init alone.
#[test]
fn a_limit_of_processes_that_is_reached() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_root() {
        return;
    }
    let user = (1_000_000 + std::process::id()).to_string();
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            continue;
        }
        let init = || {
            let init = Init::new().launch(["--limit", "nproc=1", "--user", &user]);
            if as_pid_1 { init.as_pid_1() } else { init }
        };
        let output = init().args(["--log-format=json", "--", "true"]).run();
        output.expect_status(125);
        let events = Events::of(&output);
        let event = events.only("start_failed");
        assert_eq!(
            (
                event.text("step"),
                event.text("command"),
                event.text("error"),
                event.text("limit")
            ),
            ("process", "true", "EAGAIN", "RLIMIT_NPROC"),
            "{output}"
        );
        assert_eq!(event.number("limit_value"), 1, "{output}");
        let output = init().args(["--", "true"]).run();
        output.expect_status(125);
        let said = output.stderr();
        assert!(
            said.starts_with("pidling: error: ") && said.lines().count() == 1,
            "{output}"
        );
        assert!(
            said.contains("RLIMIT_NPROC") && said.contains("EAGAIN"),
            "{output}"
        );
    }
}

/// Contract 8.4: any bytes, and as many as there can be.
#[test]
fn what_is_behind_a_failure_cannot_forge_a_line() {
    if kernel_lacks("statx(2)") {
        return;
    }
    let place = Place::new();
    let interpreter = format!("/no/\x1b[31m{}", "x".repeat(100));
    let app = place.file("app", format!("#!{interpreter}\n"), 0o755);
    for option in ["--log-format=text", "--log-format=json"] {
        let output = Init::new().args([option, "--"]).arg(&app).run();
        output.expect_status(127);
        assert_eq!(output.stderr().lines().count(), 1, "{output}");
        assert!(
            output
                .stderr
                .iter()
                .all(|byte| *byte == b'\n' || (0x20..0x7f).contains(byte)),
            "{output}"
        );
    }
    let output = Init::new()
        .arg("--log-format=json")
        .arg("--")
        .arg(&app)
        .run();
    assert_eq!(
        Events::of(&output).only("exec_failed").text("interpreter"),
        interpreter
    );
}
