//! Random load, `tests/soak`: for ten seconds, or for as many as the variable SOAK says, under the seed in
//! `SOAK_SEED` if there is one.

use harness::{Requirement, example, pidling, require, require_namespaces};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

fn soak() -> PathBuf {
    example("soak", &["tests/soak", "tests/probe"])
}

/// Runs it, and returns its status and what it said. It gives up by itself when nothing happens any more.
fn run<S: AsRef<OsStr>>(options: &[&str], init: impl IntoIterator<Item = S>) -> (bool, String) {
    let run = Command::new(soak())
        .args(options)
        .arg("--")
        .args(init)
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    (
        run.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn the_init_stands_random_load() {
    if !require_namespaces() {
        return;
    }
    let seconds = std::env::var("SOAK").unwrap_or_else(|_| "10".to_owned());
    let mut options = vec!["--seconds", &seconds];
    let seed = std::env::var("SOAK_SEED").unwrap_or_default();
    if !seed.is_empty() {
        options.extend(["--seed", &seed]);
    }
    let (passed, said) = run(&options, [pidling()]);
    assert!(passed, "{said}");
    eprintln!("{said}");
    let reason = said.lines().find(|line| line.contains("cannot freeze"));
    let can_freeze = said.contains("soak: can freeze: ");
    let _ = require(Requirement::Freezer, can_freeze, reason.unwrap_or_default());
}

/// The negative controls: inits with one fault each. One without any shows that it is the fault which is found.
#[test]
fn an_init_that_does_not_stand_it_is_found() {
    if !require_namespaces() {
        return;
    }
    let program = soak();
    let faults: Vec<_> = [
        ("sound", "soak: passed"),
        ("reaps-one-at-a-time", "a zombie stayed for "),
        ("drops-signals", "arrived instead of "),
        ("drops-values", "arrived without its value"),
        ("leaks-descriptors", "the init has grown"),
        ("leaks-memory", "the init has grown"),
        (
            "ends-with-another-status",
            "the init ended with exit status: 43",
        ),
        ("speaks", "on standard error: soak: 100 signals"),
    ]
    .into_iter()
    .map(|(kind, expected)| {
        let program = program.clone();
        // Most of the time they wait.
        let found = std::thread::spawn(move || {
            // Long enough for a zombie to be an old one.
            let seconds = if kind == "reaps-one-at-a-time" {
                "15"
            } else {
                "5"
            };
            let words = [program.as_os_str(), "broken".as_ref(), kind.as_ref()];
            run(&["--seconds", seconds], words)
        });
        (kind, expected, found)
    })
    .collect();
    for (kind, expected, found) in faults {
        let (passed, said) = found.join().unwrap();
        assert_eq!(passed, kind == "sound", "{kind}: {said}");
        assert!(said.contains(expected), "{kind}: {said}");
    }
}
