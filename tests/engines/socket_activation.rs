//! Socket activation (contract 2.4) by the program that systemd ships to try it with.

use harness::{LIMIT, Requirement, eventually, pidling, program, require};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// What the activated program says: the pid it was told, its own, how many sockets, and what the first is.
const PROGRAM: &str = "echo $LISTEN_PID $$ $LISTEN_FDS; readlink /proc/self/fd/3";

/// Starts a command line by socket activation, connects, and returns what it prints.
fn activated(words: &[&str]) -> Option<String> {
    let activate = program("systemd-socket-activate");
    let is_there = activate.is_some();
    if !require(
        Requirement::Systemd,
        is_there,
        "systemd-socket-activate is not installed",
    ) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let mut child = Command::new(activate?)
        .arg("--listen")
        .arg(&socket)
        .args(["--setenv=PATH=/usr/bin:/bin", "--"])
        .args(words)
        .args(["sh", "-c", PROGRAM])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let connected = eventually(LIMIT, || {
        UnixStream::connect(&socket).is_ok_and(|mut stream| stream.write_all(b"hello").is_ok())
    });
    if !connected {
        let _ = child.kill();
    }
    let mut text = String::new();
    let _ = child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(child.wait().unwrap().success() && connected, "{text}");
    Some(text)
}

fn words(text: &str) -> (&str, &str, &str, &str) {
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap_or_default();
    (next(), next(), next(), next())
}

#[test]
fn an_activated_program_finds_its_own_pid_and_a_socket() {
    let binary = pidling();
    let Some(text) = activated(&[binary.to_str().unwrap(), "--"]) else {
        return;
    };
    let (told, own, count, file) = words(&text);
    assert_eq!((told, count), (own, "1"), "{text}");
    assert!(file.starts_with("socket:["), "{text}");
}

/// The negative control: another init passes on a pid that is its own.
#[test]
fn the_check_finds_an_init_that_passes_its_own_pid_on() {
    if let Some(tini) = harness::peer("tini")
        && let Some(text) = activated(&[tini.to_str().unwrap(), "-s", "--"])
    {
        let (told, own, ..) = words(&text);
        assert_ne!(told, own, "{text}");
    }
}
