//! The harness fails where it must: everything else rests on it.

use harness::{
    Init, LIMIT, Limit, ProcStatus, children_of, emulator_lacks, eventually, processes,
    require_namespaces,
};
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn a_run_brings_back_status_and_streams() {
    Init::new()
        .args(["sh", "-c", "cat; echo error >&2; exit 3"])
        .run()
        .expect(3, "", "error\n");
}

#[test]
fn as_pid_1_the_init_is_pid_1() {
    if emulator_lacks(Limit::ProcessIds) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new().as_pid_1().probe(["report"]).spawn();
    let _ = running.wait_line("ready 2");
    assert_eq!(running.init_status().namespace_pids().last(), Some(&1));
    assert_eq!(running.init_status().ppid(), {
        let parents = processes();
        let init = running.init_pid();
        parents.iter().find(|one| one.pid == init).unwrap().parent
    });
    running.send_line("quit");
    running.wait().expect_status(0);
}

#[test]
fn dropping_a_running_init_kills_all_it_started() {
    for as_pid_1 in [false, true] {
        if as_pid_1 && !require_namespaces() {
            return;
        }
        let init = Init::new().args(["sh", "-c", "sleep 1000 & echo ready; wait"]);
        let init = if as_pid_1 { init.as_pid_1() } else { init };
        let mut running = init.spawn();
        let _ = running.wait_line("ready");
        let child = running.main_child_pid();
        let mut all = vec![running.init_pid(), child];
        all.extend(children_of(child).iter().map(|process| process.pid));
        assert_eq!(all.len(), 3);
        drop(running);
        // Whoever adopts the orphans may take its time to reap them.
        assert!(eventually(LIMIT, || {
            !all.iter().any(|pid| ProcStatus::is_alive(*pid))
        }));
    }
}

/// With the variable LEAK in its environment it leaves a process behind that hides as well as one can: in a session of
/// its own, with no environment, and orphaned.
#[test]
fn a_test_that_leaks_when_asked_to() {
    if std::env::var_os("LEAK").is_some() {
        harness::marks::begin();
        let status = Command::new("setsid")
            .args(["--fork", "env", "--ignore-environment", "sleep", "1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }
}

/// What [`a_test_that_leaks_when_asked_to`] leaves fails the run in which every test has passed.
#[test]
fn a_process_that_outlives_the_tests_fails_them() {
    let run = |leaks: bool| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let _ = command.args(["--exact", "harness_itself::a_test_that_leaks_when_asked_to"]);
        if leaks {
            let _ = command.env("LEAK", "1");
        }
        command.output().unwrap()
    };
    let (sound, leaking) = (run(false), run(true));
    for output in [&sound, &leaking] {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("test result: ok. 1 passed"), "{output:?}");
    }
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    assert_eq!(leaking.status.code(), Some(101), "{leaking:?}");
    let said = String::from_utf8_lossy(&leaking.stderr);
    assert!(
        said.starts_with("outlived the tests: process ") && said.ends_with(": sleep 1000 \n"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// Those in sessions of their own are found too, and those whose parents are gone.
#[test]
fn nothing_outlives_a_run() {
    let mut running = Init::new()
        .args([
            "sh",
            "-c",
            "(setsid sleep 1000 &); echo $$; exec sleep 1000",
        ])
        .spawn();
    let _ = running.wait_line("");
    let sleeping = |pid: &i32| ProcStatus::of(*pid).is_some_and(|status| status.name() == "sleep");
    let mut members = Vec::new();
    assert!(eventually(LIMIT, || {
        members = running.members();
        members.iter().filter(|pid| sleeping(pid)).count() == 2
    }));
    drop(running);
    assert!(!members.iter().any(|pid| ProcStatus::is_alive(*pid)));
}

#[test]
#[should_panic(expected = "still running after 50ms")]
fn a_hung_init_fails_its_test() {
    let _ = Init::new()
        .args(["sleep", "1000"])
        .limit(Duration::from_millis(50))
        .run();
}

#[test]
#[should_panic(expected = "no line \"never\" on standard output")]
fn a_line_that_does_not_come_fails_its_test() {
    let mut running = Init::new().args(["echo", "always"]).spawn();
    let _ = running.wait_line("never");
}
