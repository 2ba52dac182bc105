//! What the main child inherits beside signals and descriptors: arguments, environment, directory,
//! limits, identity (contract 2.3, 2.4). The oracle is the same program started without an init.

use harness::{Init, Limit, emulator_lacks, probe, require_namespaces};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Words no parser of text would let through.
fn odd_words() -> Vec<OsString> {
    let mut words: Vec<OsString> = [
        &b""[..],
        b"-",
        b"--",
        b"-h",
        b"--version",
        b" ",
        b"a b",
        b"\n",
        b"'\"\\$`",
        b"\xff\xfe",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        "äöü€𝄞".as_bytes(),
        b"",
    ]
    .iter()
    .map(|word| OsStr::from_bytes(word).to_owned())
    .collect();
    words.push(OsString::from_vec((1..=255).collect()));
    words
}

/// The same words with and without an init give the same output.
#[track_caller]
fn check(setup: impl Fn() -> Init, program: &str, words: &[OsString]) {
    let without = setup().binary(program).args(words).run();
    without.expect_status(0);
    let with = setup().arg("--").arg(program).args(words).run();
    assert_eq!(with.stdout(), without.stdout(), "{with}");
    with.expect(0, &without.stdout(), "");
}

fn probe_path() -> String {
    probe().display().to_string()
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[test]
fn any_bytes_pass_as_arguments() {
    let mut all = words(&["argv"]);
    all.extend(odd_words());
    check(Init::new, &probe_path(), &all);
    // Without the `--` as well: the first word that is no option ends them.
    let direct = Init::new().arg(probe()).args(&all).run();
    let with_dashes = Init::new().probe(&all).run();
    direct.expect(0, &with_dashes.stdout(), "");
    assert_eq!(direct.stdout().lines().count(), odd_words().len());
}

/// The kernel's limit for one word is 128 KiB, for all a quarter of the stack, execve(2).
#[test]
fn arguments_up_to_the_kernels_limit_pass() {
    let mut all = words(&["argv"]);
    all.push("x".repeat(131_071).into());
    for _ in 0..10_000 {
        all.push(OsString::new());
    }
    let output = Init::new().probe(&all).run();
    output.expect_status(0);
    assert_eq!(output.stdout().lines().count(), 10_001);
}

#[test]
fn the_environment_passes_byte_for_byte() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    let odd = |init: Init| {
        init.env("ODD", OsStr::from_bytes(b"\xff\n=\x01"))
            .env("EMPTY", "")
            .launch([
                "--env",
                "TWICE=1",
                "--env",
                "TWICE=2",
                "--env",
                "no equals sign",
            ])
            .launch(["--env", "", "--env", "=", "--env", "LISTEN_PID="])
            .launch(["--env", "LISTEN_PIDX=1", "--env", "XLISTEN_PID=1"])
    };
    check(|| odd(Init::new()), &probe_path(), &words(&["env"]));
    check(
        || {
            odd(Init::new())
                .env("PIDLING_OPTIONS", "-vv -q")
                .env("TINI_VERBOSITY", "0")
        },
        &probe_path(),
        &words(&["env"]),
    );
}

#[test]
fn an_empty_environment_stays_empty() {
    Init::new()
        .launch(["--env-clear"])
        .probe(["env"])
        .run()
        .expect(0, "", "");
}

#[test]
fn a_listen_pid_that_names_the_init_names_the_main_child_instead() {
    // The shell becomes the init, so that it can name it.
    let output = Init::new()
        .binary("/bin/sh")
        .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"])
        .arg(harness::pidling())
        .args(["--", "sh", "-c", "echo $LISTEN_PID $LISTEN_FDS $$"])
        .run();
    output.expect_status(0);
    let stdout = output.stdout();
    let said: Vec<&str> = stdout.split_whitespace().collect();
    assert!(
        matches!(&said[..], [listen, "1", own] if listen == own),
        "{output}"
    );
}

#[test]
fn a_listen_pid_of_1_names_the_main_child_of_pid_1() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    Init::new()
        .as_pid_1()
        .env("LISTEN_PID", "1")
        .args(["--", "sh", "-c", "echo $LISTEN_PID $$"])
        .run()
        .expect(0, "2 2\n", "");
}

/// The child may be in another PID namespace than the init, where it does not see its parent.
#[test]
fn a_listen_pid_that_names_the_init_names_a_main_child_in_a_new_namespace() {
    if emulator_lacks(Limit::Threads) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    Init::new()
        .binary("/bin/sh")
        .args([
            "-c",
            "LISTEN_PID=$$ exec unshare --user --map-root-user --pid \"$@\"",
            "sh",
        ])
        .arg(harness::pidling())
        .args(["--", "sh", "-c", "echo $LISTEN_PID $$"])
        .run()
        .expect(0, "1 1\n", "");
}

#[test]
fn another_listen_pid_stays() {
    for value in ["1", "999999", "", "x", "01 "] {
        Init::new()
            .env("LISTEN_PID", value)
            .args(["--", "sh", "-c", "echo \"$LISTEN_PID\""])
            .run()
            .expect(0, &format!("{value}\n"), "");
    }
}

#[test]
fn the_main_child_stays_in_the_directory() {
    check(
        || Init::new().directory("/usr/lib"),
        "/bin/sh",
        &words(&["-c", "pwd; pwd -P"]),
    );
}

/// Every line of `/proc/self/status` that is not about the one process: identity, capabilities, mask,
/// umask, seccomp, processors.
#[test]
fn the_main_child_is_what_it_would_be_without_an_init() {
    let fields = "^(Umask|Uid|Gid|Groups|Sig...|Cap...|NoNewPrivs|Seccomp.*|Speculation.*|Cpus.*|Mems.*|CoreDumping|THP.*):";
    let script = format!(
        "grep -E '{fields}' /proc/self/status; grep -v '^Max file locks' /proc/self/limits; cat /proc/self/oom_score_adj \
         /proc/self/cgroup /proc/self/personality /proc/self/coredump_filter /proc/self/timerslack_ns; \
         nice; umask; id"
    );
    let setups: [fn() -> Init; 4] = [
        Init::new,
        || {
            Init::new()
                .launch(["--umask", "63", "--nice", "7", "--limit", "nofile=123"])
                .launch(["--limit", "core=5", "--limit", "fsize=1000000"])
        },
        || Init::new().launch(["--no-new-privileges", "--umask", "0"]),
        || Init::new().launch(["--limit", "sigpending=17", "--limit", "stack=1000000"]),
    ];
    for setup in setups {
        check(setup, "/bin/sh", &words(&["-c", &script]));
    }
    if nix::unistd::geteuid().is_root() {
        let setup = || {
            // A directory that the user may enter.
            Init::new().directory("/").launch(["--user", "65534"])
        };
        check(setup, "/bin/sh", &words(&["-c", &script]));
    }
}
