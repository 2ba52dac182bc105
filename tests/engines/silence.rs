//! A run in which nothing is wrong prints nothing (contract 8.1): ordinary commands of Debian's packages as PID 1's
//! main child, at the default level.

use std::path::Path;

use harness::{Init, LIMIT, Requirement, eventually, program, require, require_namespaces};

/// Commands that end by themselves. In them `$1` is an empty directory, the current one and the home.
const COMMANDS: &[(&str, i32)] = &[
    // Shells, pipelines and jobs.
    ("true", 0),
    ("exit 3", 3),
    ("bash -c 'echo one two | tr a-z A-Z | sort | uniq -c'", 0),
    ("dash -c 'sleep 1000 & exit 0'", 0),
    ("bash -c 'sleep 1000 & disown; exit 0'", 0),
    ("bash -c 'set -m; sleep 0.1 & wait'", 0),
    ("(nohup sleep 1000 >/dev/null 2>&1 &)", 0),
    ("setsid --fork sleep 1000", 0),
    ("busybox ash -c 'yes | head -n 100000 | wc -l'", 0),
    ("timeout 0.2 sleep 1000", 124),
    ("script -qec 'echo typed' /dev/null", 0),
    // Tools that fork.
    ("seq 100 | xargs -P 4 -n 5 echo", 0),
    (
        "find /etc -type d -exec test -d {} \\; 2>/dev/null; true",
        0,
    ),
    ("tar -C /etc -cz . 2>/dev/null | gzip -d | wc -c", 0),
    (
        "printf 'all: a b\\na:\\n\\tsleep 0.1\\nb:\\n\\tsleep 0.1\\n' >Makefile; make -j2",
        0,
    ),
    (
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one && git gc -q",
        0,
    ),
    (
        "gpg --batch --quiet --passphrase '' --quick-gen-key someone@example.org && test -S .gnupg/S.gpg-agent",
        0,
    ),
    // Interpreters.
    (
        "perl -e 'for (1..5) { fork or exit 0 } 1 while wait != -1'",
        0,
    ),
    (
        "awk 'BEGIN { while ((\"ls /\" | getline line) > 0) n++; exit n < 1 }'",
        0,
    ),
    (
        "/usr/bin/python3 -c 'import multiprocessing as m; p = m.Pool(3); print(p.map(abs, [-1, 2])); p.close(); p.join()'",
        0,
    ),
    ("node -e 'require(\"child_process\").execSync(\"true\")'", 0),
    ("mandoc -T ascii /dev/null 2>/dev/null; true", 0),
];

/// Lines of the init on standard error; the command's own are its business.
fn of_the_init(stderr: &str) -> Vec<&str> {
    stderr
        .lines()
        .filter(|line| line.contains("pidling: "))
        .collect()
}

fn init(place: &Path) -> Init {
    Init::new()
        .as_pid_1()
        .directory(place)
        .env("HOME", place)
        .env_remove("GNUPGHOME")
        .env_remove("XDG_RUNTIME_DIR")
}

#[test]
fn ordinary_commands_leave_nothing_to_say() {
    if !require_namespaces() {
        return;
    }
    for name in [
        "gpg", "git", "node", "busybox", "script", "perl", "make", "mandoc",
    ] {
        if !require(Requirement::Servers, program(name).is_some(), name) {
            return;
        }
    }
    for (command, status) in COMMANDS {
        let place = tempfile::Builder::new()
            .prefix("p")
            .tempdir()
            .expect("a directory");
        let output = init(place.path())
            .args(["--", "sh", "-c", command, "sh"])
            .run();
        assert_eq!(output.status.code(), Some(*status), "{command}: {output}");
        assert!(
            of_the_init(&output.stderr()).is_empty(),
            "{command}: {output}"
        );
    }
}

/// The same without a shell above: the command is the main child itself.
#[test]
fn a_key_generator_that_leaves_its_agent_leaves_nothing_to_say() {
    if !require_namespaces() {
        return;
    }
    let is_there = program("gpg").is_some();
    if !require(Requirement::Servers, is_there, "gpg is not installed") {
        return;
    }
    let place = tempfile::Builder::new()
        .prefix("p")
        .tempdir()
        .expect("a directory");
    let words = [
        "gpg",
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-gen-key",
        "someone@example.org",
    ];
    let output = init(place.path()).arg("--").args(words).run();
    output.expect_status(0);
    assert!(of_the_init(&output.stderr()).is_empty(), "{output}");
    assert!(
        place.path().join(".gnupg/S.gpg-agent").exists() || place.path().join(".gnupg").is_dir()
    );
}

/// Servers with helpers of their own, stopped as docker does.
#[test]
fn servers_that_are_stopped_leave_nothing_to_say() {
    if !require_namespaces() {
        return;
    }
    for (server, words, status) in [
        (
            "redis-server",
            "redis-server --port 0 --unixsocket $1/socket --dir $1",
            0,
        ),
        (
            "python3",
            "/usr/bin/python3 -m http.server --bind 127.0.0.1 0 --directory $1",
            143,
        ),
        ("busybox", "busybox httpd -f -p 127.0.0.1:0 -h $1", 143),
        (
            "bash",
            "bash -c 'trap \"exit 0\" TERM; while :; do sleep 0.05; done'",
            0,
        ),
    ] {
        if !require(Requirement::Servers, program(server).is_some(), server) {
            return;
        }
        let place = tempfile::Builder::new()
            .prefix("p")
            .tempdir()
            .expect("a directory");
        let script = format!("echo up; exec {words}");
        let mut running = init(place.path())
            .args(["--", "sh", "-c", &script, "sh"])
            .arg(place.path())
            .spawn();
        let _ = running.wait_line("up");
        // Its own program runs, with the handlers that it has.
        let child = running.main_child_pid();
        assert!(eventually(LIMIT, || {
            let status = harness::ProcStatus::of(child);
            status.is_some_and(|status| status.name() != "sh" && status.state() == 'S')
        }));
        running.signal(libc::SIGTERM);
        let output = running.wait();
        let code = output.status.code();
        // One that had not got as far as its handler dies of the signal.
        assert!(
            code == Some(status) || code == Some(143),
            "{server}: {output}"
        );
        assert!(
            of_the_init(&output.stderr()).is_empty(),
            "{server}: {output}"
        );
    }
}
