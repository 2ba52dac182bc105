//! The harness fails where it must: everything else rests on it.

use harness::{Init, LIMIT, ProcStatus, children_of, eventually, processes, require_namespaces};
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
