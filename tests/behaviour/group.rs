//! The main child's process group and session, and who gets signals (contract 2.1, 3.2).

use harness::{Init, LIMIT, Process, Running, eventually, probe, processes};

fn process(pid: i32) -> Process {
    let all = processes();
    *all.iter().find(|process| process.pid == pid).unwrap()
}

/// The process id in a line `ready PID`.
fn ready(running: &mut Running) -> i32 {
    let line = running.wait_line("ready ");
    line.strip_prefix("ready ").unwrap().parse().unwrap()
}

/// A shell script that runs a second probe in the main child's group.
fn two_reports() -> String {
    let probe = probe().display();
    format!("{probe} report --count 1 & exec {probe} report --count 1")
}

#[test]
fn the_main_child_leads_a_group_in_the_inits_session() {
    let mut running = Init::new().probe(["report"]).spawn();
    let child = process(ready(&mut running));
    let init = process(running.init_pid());
    assert_eq!(
        (child.group, child.session, child.parent),
        (child.pid, init.session, init.pid)
    );
    assert_ne!(child.group, init.group);
}

#[test]
fn with_setsid_the_main_child_leads_a_session() {
    let mut running = Init::new().arg("--setsid").probe(["report"]).spawn();
    let child = process(ready(&mut running));
    assert_eq!((child.group, child.session), (child.pid, child.pid));
}

#[test]
fn single_child_undoes_setsid_and_group() {
    let mut running = Init::new()
        .args(["-g", "--setsid", "-c", "--", "sh", "-c", &two_reports()])
        .spawn();
    let first = process(ready(&mut running));
    let _ = ready(&mut running);
    assert_eq!(first.session, process(running.init_pid()).session);
    running.signal(libc::SIGUSR1);
    let status = running.wait_status();
    assert_eq!(status.code(), Some(0));
    assert_eq!(running.wait().stdout().matches("got SIGUSR1").count(), 1);
}

#[test]
fn without_g_only_the_main_child_gets_a_signal() {
    let mut running = Init::new().args(["--", "sh", "-c", &two_reports()]).spawn();
    let (one, other) = (ready(&mut running), ready(&mut running));
    let main = process(one).group;
    assert_eq!(process(other).group, main);
    running.signal(libc::SIGUSR1);
    assert_eq!(running.wait_status().code(), Some(0));
    let background = if one == main { other } else { one };
    assert!(harness::ProcStatus::is_alive(background));
    let output = running.wait();
    assert_eq!(
        output.stdout().matches("got SIGUSR1").count(),
        1,
        "{output}"
    );
}

#[test]
fn with_g_the_whole_group_gets_a_signal_once() {
    for option in ["-g", "--group"] {
        let mut running = Init::new()
            .args([option, "--", "sh", "-c", &two_reports()])
            .spawn();
        let _ = ready(&mut running);
        let _ = ready(&mut running);
        running.signal(libc::SIGUSR1);
        let _ = running.wait_line("got SIGUSR1 ");
        let _ = running.wait_line("got SIGUSR1 ");
        let output = running.wait();
        output.expect_status(0);
        assert_eq!(output.stdout().matches("got ").count(), 2, "{output}");
    }
}

#[test]
fn with_g_and_setsid_the_whole_group_gets_a_signal() {
    let mut running = Init::new()
        .args(["-g", "--setsid", "--", "sh", "-c", &two_reports()])
        .spawn();
    let _ = ready(&mut running);
    let _ = ready(&mut running);
    running.signal(libc::SIGTERM);
    let _ = running.wait_line("got SIGTERM ");
    let _ = running.wait_line("got SIGTERM ");
    running.wait().expect_status(0);
}

/// A main child may move to another group of its session, the init's own for one.
#[test]
fn with_g_the_main_child_gets_a_signal_when_its_group_is_gone() {
    let script = format!("exec {} report --count 1 --group $PPID", probe().display());
    let mut running = Init::new().args(["-g", "--", "sh", "-c", &script]).spawn();
    let child = ready(&mut running);
    let init = running.init_pid();
    assert!(eventually(LIMIT, || process(child).group == init));
    running.signal(libc::SIGUSR1);
    assert_eq!(
        running.wait_line("got "),
        format!("got SIGUSR1 from {init} value 0")
    );
    running.wait().expect_status(0);
}
