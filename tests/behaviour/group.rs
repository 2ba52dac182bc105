//! The main child's process group and session, and who gets signals (contract 2.1, 3.2), whoever is born in the group
//! after a signal included (contract 6.4, 6.6, 7.4).

use crate::placed::{BOTH, Place, events, expect_nobody_left, ready_pid, times};
use crate::shutdown::{script, wait_for};
use harness::{
    Init, LIMIT, Limit, Process, Running, emulator_lacks, eventually, probe, processes,
    require_namespaces, require_strace, until_next_tick,
};
use serde_json::json;

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

/// A main child that starts another process in its group once it has got SIGTERM, as a supervisor replaces a worker,
/// and ends with SIGHUP; and one that was there before.
const BEARS: &str = r#""$PROBE" app member report <&3 &
    exec "$PROBE" app main report bear:TERM:born exit:HUP:4 <&3"#;

/// Sends SIGTERM to the group of [`BEARS`], and waits for the birth after it.
fn until_born(init: Init, options: &[&str]) -> Running {
    let init = init.args(["-g", "--log-format=json"]).args(options);
    let running = script(init, BEARS).spawn();
    wait_for(&running, &["member ready", "main ready"]);
    until_next_tick();
    running.signal(libc::SIGTERM);
    wait_for(&running, &["member got SIGTERM", "born ready"]);
    running
}

/// Contract 6.4.
#[test]
fn whoever_is_born_after_a_group_wide_sigterm_gets_one_too() {
    if emulator_lacks(Limit::ChildSubreaper) || !require_namespaces() {
        return;
    }
    for place in BOTH {
        let mut running = until_born(place.init(), &["-v", "-a", "-t20s"]);
        running.signal(libc::SIGHUP);
        let asked = running.wait_event("rest_signalled");
        assert_eq!(asked["processes"], 1, "{place:?}");
        wait_for(&running, &["born got SIGTERM"]);
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        for tag in ["main", "member", "born"] {
            assert_eq!(times(&output, tag, "SIGTERM"), 1, "{tag}\n{output}");
        }
        assert!(output.stdout().contains("born done\n"), "{output}");
        assert!(events(&output, "survivor").is_empty(), "{output}");
        expect_nobody_left(place, &output);
    }
}

/// Contract 6.4: the group's number alone counts where there is no clock.
#[test]
fn without_a_clock_a_group_wide_sigterm_spares_the_whole_group() {
    if emulator_lacks(Limit::Measures) || !require_namespaces() || !require_strace() {
        return;
    }
    let refuse = ["-o", "/dev/null", "--inject=clock_gettime:error=EPERM"];
    let mut running = until_born(Place::Wrapper.init().traced(refuse), &["-v", "-a"]);
    running.signal(libc::SIGHUP);
    assert_eq!(running.wait_event("rest_signalled")["processes"], 0);
    running.close_stdin();
    let output = running.wait();
    output.expect_status(4);
    for (tag, expected) in [("main", 1), ("member", 1), ("born", 0)] {
        assert_eq!(times(&output, tag, "SIGTERM"), expected, "{tag}\n{output}");
    }
}

/// Contract 6.6: it is the last signal that counts, and not that there was one.
#[test]
fn whoever_is_born_after_the_last_signal_never_got_it() {
    if emulator_lacks(Limit::ChildSubreaper) || !require_namespaces() {
        return;
    }
    let last_is_int = &["--escalate=3900ms:INT", "-t4s"];
    let cases = [
        (Place::First, &["-t4s"][..], "SIGTERM", "never got"),
        (Place::Wrapper, &["-t4s"], "SIGTERM", "never got"),
        (Place::First, last_is_int, "SIGINT", "blocks"),
    ];
    // All at the same time.
    let running = cases.map(|(place, options, ..)| until_born(place.init(), options));
    for (running, (_, _, signal, disposition)) in running.into_iter().zip(cases) {
        let output = running.wait();
        output.expect_status(137);
        let survivors = events(&output, "survivor");
        let said = |tag| {
            let pid = ready_pid(&output, tag);
            let line = survivors.iter().find(|line| line["pid"] == pid);
            let line = line.unwrap_or_else(|| panic!("{tag}\n{output}"));
            (line["signal"].clone(), line["disposition"].clone())
        };
        assert_eq!(said("born"), (json!(signal), json!(disposition)));
        for tag in ["main", "member"] {
            assert_eq!(said(tag), (json!(signal), json!("blocks")), "{tag}");
        }
    }
}

/// Contract 7.4.
#[test]
fn whoever_is_born_after_the_stop_signal_is_cut_off() {
    if emulator_lacks(Limit::ProcessIds) || !require_namespaces() {
        return;
    }
    let running = until_born(Place::First.init(), &[]);
    running.signal(libc::SIGHUP);
    let output = running.wait();
    output.expect_status(4);
    let lines = events(&output, "cut_off");
    let [line] = &lines[..] else {
        panic!("{output}")
    };
    let born = json!({"pid": ready_pid(&output, "born"), "name": "probe"});
    assert_eq!(
        (&line["processes"], &line["first"]),
        (&json!(1), &json!([born])),
        "{output}"
    );
}
