//! Forwarding (contract 3): each signal, once, with what it carries, to whom it is meant for.

use harness::{
    Init, LIMIT, Limit, ProcStatus, Running, children_of, emulator_lacks, eventually, is_32_bit,
    peer, pidling, require_namespaces, require_strace,
};
use libc::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::path::Path;

/// The name the probe prints, as kill(1) has it.
fn name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(known) => known.as_str().to_owned(),
        Err(_) if signal >= 34 => format!("SIGRTMIN+{}", signal - 34),
        Err(_) => format!("SIG{signal}"),
    }
}

/// All that can be forwarded.
fn forwardable() -> impl Iterator<Item = i32> {
    (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD].contains(signal))
}

/// The lines about signals that the probe printed.
fn reported(output: &str) -> Vec<&str> {
    let lines = output.lines();
    lines.filter(|line| line.starts_with("got ")).collect()
}

fn check_each(init: Init, sender_in_child: impl Fn(&Running) -> i32) {
    // Without a grace period, a main child that takes its time is named (contract 6.9).
    let mut running = init.args(["-t", "1h"]).probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    let sender = sender_in_child(&running);
    let mut expected = Vec::new();
    for signal in forwardable() {
        running.signal(signal);
        let line = format!("got {} from {sender} value 0", name(signal));
        assert_eq!(running.wait_line("got "), line);
        expected.push(line);
    }
    running.send_line("quit");
    let output = running.wait();
    output.expect_status(0);
    output.expect_stderr("");
    assert_eq!(reported(&output.stdout()), expected, "{output}");
}

/// Contract 3.1.
#[test]
fn every_signal_is_forwarded_once() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    check_each(Init::new(), Running::init_pid);
}

#[test]
fn every_signal_is_forwarded_once_by_pid_1() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    if require_namespaces() {
        check_each(Init::new().as_pid_1(), |_| 1);
    }
}

#[test]
fn every_signal_is_forwarded_once_to_the_group() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    check_each(Init::new().arg("-g"), Running::init_pid);
}

/// A stopped init finds all of them pending at once; the kernel chooses the order.
#[test]
fn signals_that_come_at_once_are_each_forwarded_once() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    let mut running = Init::new().probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    let init = running.init_pid();
    running.signal(libc::SIGSTOP);
    assert!(eventually(LIMIT, || running.init_status().state() == 'T'));
    for signal in forwardable().filter(|signal| *signal != libc::SIGCONT) {
        running.signal(signal);
    }
    running.signal(libc::SIGCONT);
    // A SIGCONT discards the pending stop signals, signal(7).
    let stops = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    let expected = forwardable().filter(|signal| !stops.contains(signal));
    let mut expected: Vec<String> = expected
        .map(|signal| format!("got {} from {init} value 0", name(signal)))
        .collect();
    for _ in &expected {
        let _ = running.wait_line("got ");
    }
    running.send_line("quit");
    let output = running.wait();
    let mut got: Vec<String> = reported(&output.stdout())
        .iter()
        .map(ToString::to_string)
        .collect();
    got.sort();
    expected.sort();
    assert_eq!(got, expected, "{output}");
}

#[test]
fn sigchld_from_a_process_is_not_forwarded() {
    let mut running = Init::new().probe(["report", "--count", "1"]).spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGCHLD);
    running.signal(libc::SIGUSR1);
    let output = running.wait();
    output.expect_status(0);
    let stdout = output.stdout();
    let got = reported(&stdout);
    assert!(
        got.len() == 1 && got.iter().all(|line| line.starts_with("got SIGUSR1 ")),
        "{output}"
    );
}

/// Contract 3.4.
#[test]
fn a_queued_signal_comes_with_its_value_and_its_sender() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    let mut running = Init::new().probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    for value in [0, 1, 0x7fff_ffff, 0x8000_0000, usize::MAX] {
        for signal in [libc::SIGTERM, libc::SIGSEGV, 32, 33, 34, 64] {
            let sender = running.sigqueue(signal, value);
            // A program for 32-bit machines is shown, and can send, as much of it.
            let value = if is_32_bit() {
                value & 0xffff_ffff
            } else {
                value
            };
            assert_eq!(
                running.wait_line("got "),
                format!("got {} from {sender} value {value}", name(signal))
            );
        }
    }
}

/// The kernel shows a sender in an outer namespace as process 0.
#[test]
fn a_queued_signal_comes_with_its_value_through_pid_1() {
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new().as_pid_1().probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    let _ = running.sigqueue(libc::SIGUSR2, 42);
    assert_eq!(running.wait_line("got "), "got SIGUSR2 from 0 value 42");
}

/// Real-time signals queue, signal(7): a stopped init finds all of them.
#[test]
fn queued_real_time_signals_keep_their_number_and_order() {
    let mut running = Init::new().probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGSTOP);
    assert!(eventually(LIMIT, || running.init_status().state() == 'T'));
    let senders: Vec<i32> = (1..=20).map(|value| running.sigqueue(40, value)).collect();
    running.signal(libc::SIGCONT);
    // The kernel hands out the lowest number first.
    assert!(running.wait_line("got ").starts_with("got SIGCONT "));
    for (value, sender) in (1..=20).zip(senders) {
        assert_eq!(
            running.wait_line("got "),
            format!("got SIGRTMIN+6 from {sender} value {value}")
        );
    }
}

/// At the limit of queued signals one without its value is better than none.
#[test]
fn a_queued_signal_comes_even_when_the_limit_of_queued_signals_is_reached() {
    let mut running = Init::new()
        .launch(["--limit", "sigpending=0"])
        .probe(["report", "--count", "1"])
        .spawn();
    let _ = running.wait_line("ready");
    let _ = running.sigqueue(libc::SIGUSR1, 42);
    let output = running.wait();
    output.expect_status(0);
    let stdout = output.stdout();
    assert!(
        reported(&stdout)
            .iter()
            .all(|line| line.starts_with("got SIGUSR1 ")),
        "{output}"
    );
}

#[track_caller]
fn check_rewrites(options: &[&str], sent_and_got: &[(i32, Option<&str>)]) {
    let mut running = Init::new().args(options).probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    let mut expected = Vec::new();
    for (sent, got) in sent_and_got {
        running.signal(*sent);
        let sender = running.init_pid();
        if let Some(got) = got {
            expected.push(format!("got {got} from {sender} value 0"));
            let _ = running.wait_line("got ");
        }
    }
    // The highest number is the last to be taken when several are pending.
    running.signal(63);
    expected.push(format!(
        "got SIGRTMIN+29 from {} value 0",
        running.init_pid()
    ));
    let _ = running.wait_line("got SIGRTMIN+29 ");
    running.send_line("quit");
    let output = running.wait();
    output.expect_status(0);
    output.expect_stderr("");
    assert_eq!(reported(&output.stdout()), expected, "{output}");
}

/// Contract 3.3.
#[test]
fn a_rewritten_signal_is_forwarded_as_the_other() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    for rewrite in [
        "-rTERM:QUIT",
        "-rSIGTERM:SIGQUIT",
        "-r15:3",
        "--rewrite=sigterm:3",
    ] {
        check_rewrites(&[rewrite], &[(SIGTERM, Some("SIGQUIT"))]);
    }
    check_rewrites(
        &["-r", "TERM:INT", "--rewrite", "INT:TERM"],
        &[(SIGTERM, Some("SIGINT")), (SIGINT, Some("SIGTERM"))],
    );
    check_rewrites(
        &[
            "-r",
            "TERM:RTMIN+3",
            "-r",
            "RTMIN+4:SIGRTMIN",
            "-r",
            "HUP:64",
        ],
        &[
            (SIGTERM, Some("SIGRTMIN+3")),
            (38, Some("SIGRTMIN+0")),
            (SIGHUP, Some("SIGRTMIN+30")),
        ],
    );
    check_rewrites(
        &["-r", "USR1:CHLD", "-r", "32:33"],
        &[(SIGUSR1, Some("SIGCHLD")), (32, Some("SIG33"))],
    );
}

#[test]
fn the_last_rewrite_of_a_signal_counts() {
    check_rewrites(
        &[
            "-r",
            "TERM:0",
            "-r",
            "TERM:USR1",
            "-r",
            "HUP:USR1",
            "-r",
            "HUP:HUP",
        ],
        &[
            (libc::SIGTERM, Some("SIGUSR1")),
            (libc::SIGHUP, Some("SIGHUP")),
        ],
    );
}

#[test]
fn a_signal_rewritten_to_0_is_dropped() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    check_rewrites(
        &["-r", "HUP:0", "-r", "TERM:0", "-r", "64:0"],
        &[
            (libc::SIGHUP, None),
            (libc::SIGTERM, None),
            (64, None),
            (libc::SIGUSR1, Some("SIGUSR1")),
        ],
    );
}

#[test]
fn a_rewritten_queued_signal_keeps_its_value() {
    let mut running = Init::new()
        .args(["-r", "USR1:USR2"])
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready");
    let sender = running.sigqueue(libc::SIGUSR1, 7);
    assert_eq!(
        running.wait_line("got "),
        format!("got SIGUSR2 from {sender} value 7")
    );
}

#[test]
fn a_signal_rewritten_to_kill_kills() {
    let mut running = Init::new()
        .json()
        .args(["-r", "TERM:KILL"])
        .probe(["report"])
        .spawn();
    let child = running.wait_line("ready").replace("ready ", "");
    running.signal(libc::SIGTERM);
    let output = running.wait();
    output.expect_stdout(&format!("ready {child}\n"));
    let line = format!("sigkill_explained killer=rewrite pid={child}");
    output.expect_events(137, &[&line]);
}

#[test]
fn a_signal_rewritten_to_stop_stops() {
    let mut running = Init::new()
        .args(["-r", "TSTP:STOP"])
        .probe(["report", "--count", "1"])
        .spawn();
    let _ = running.wait_line("ready");
    let child = running.main_child_pid();
    running.signal(libc::SIGTSTP);
    assert!(eventually(LIMIT, || {
        ProcStatus::of(child).is_some_and(|status| status.state() == 'T')
    }));
    running.signal(libc::SIGCONT);
    assert!(running.wait_line("got ").starts_with("got SIGCONT "));
    running.wait().expect_status(0);
}

/// Contract 1.1: what comes from the first system call on waits for the main child.
///
/// The loop sends as soon as the init has blocked its signals, whatever it is doing then. A main child
/// that has not got as far as blocking the signal dies of it, which is as good.
fn check_early_signal(init: impl Fn() -> Init) {
    for _ in 0..100 {
        let running = init()
            .probe(["report", "--count", "1", "--status", "7"])
            .spawn();
        let pid = running.init_pid();
        // It shows none as blocked while it waits for them, but then it sleeps.
        let is_before_it =
            |status: ProcStatus| status.blocked() == 0 && matches!(status.state(), 'R' | 'D');
        while ProcStatus::of(pid).is_some_and(is_before_it) {}
        running.signal(libc::SIGTERM);
        let output = running.wait();
        let got = reported(&output.stdout()).len();
        assert!(
            matches!((output.status.code(), got), (Some(7), 1) | (Some(143), 0)),
            "{output}"
        );
    }
}

#[test]
fn a_signal_sent_at_the_start_is_never_lost() {
    check_early_signal(Init::new);
}

#[test]
fn a_signal_sent_at_the_start_is_never_lost_by_pid_1() {
    if require_namespaces() {
        check_early_signal(|| Init::new().as_pid_1());
    }
}

#[test]
fn a_signal_sent_at_the_start_is_never_lost_by_the_group() {
    check_early_signal(|| Init::new().arg("-g"));
}

/// The signals that an init with these words got through to its main child, when SIGTERM came before
/// the main child had made its process group.
fn signals_around_slow_setpgid(init: Init) -> Vec<String> {
    let mut running = init
        .traced(["-f", "-o", "/dev/null", "-e", "trace=setpgid"])
        .traced(["-e", "inject=setpgid:delay_enter=1000000"])
        .arg("-g")
        .probe(["report"])
        .spawn();
    let pid = running.init_pid();
    assert!(eventually(LIMIT, || !children_of(pid).is_empty()));
    running.signal(libc::SIGTERM);
    let _ = running.wait_line("ready");
    running.signal(62);
    let _ = running.wait_line("got SIGRTMIN+28 ");
    let output = running.stdout_so_far();
    reported(&output)
        .iter()
        .filter_map(|line| Some(line.split(' ').nth(1)?.to_owned()))
        .collect()
}

/// Contract 2.1. An early SIGTERM would kill a main child that has not yet blocked it, so the launcher
/// blocks it from the beginning.
#[test]
fn a_signal_that_comes_before_the_group_exists_is_not_lost() {
    if !require_strace() {
        return;
    }
    let blocked = || Init::new().signal_setup("TERM", "");
    assert_eq!(
        signals_around_slow_setpgid(blocked()),
        ["SIGTERM", "SIGRTMIN+28"]
    );
    if let Some(tini) = peer("tini") {
        assert_eq!(
            signals_around_slow_setpgid(blocked().binary(tini)),
            ["SIGRTMIN+28"],
            "the negative control does not lose the signal"
        );
    }
}

/// The first system call that a binary makes, as strace prints it.
fn first_system_call(binary: &Path) -> String {
    let log = std::env::temp_dir().join(format!(
        "pidling-first-call-{}-{}",
        std::process::id(),
        binary.file_name().unwrap().display()
    ));
    let output = Init::new()
        .binary(binary)
        .traced(["-o".as_ref(), log.as_os_str()])
        .args(["--", "true"])
        .run();
    output.expect_status(0);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(log).unwrap();
    let start = format!("execve(\"{}\", ", binary.display());
    let mut calls = text.lines().skip_while(|line| !line.starts_with(&start));
    let _ = calls.next();
    calls.next().unwrap().to_owned()
}

#[test]
fn the_first_system_call_blocks_all_signals() {
    if !require_strace() {
        return;
    }
    assert_eq!(
        first_system_call(&pidling()),
        "rt_sigprocmask(SIG_SETMASK, ~[], [], 8) = 0"
    );
    if let Some(tini) = peer("tini") {
        let call = first_system_call(&tini);
        assert!(call.starts_with("brk("), "the negative control: {call}");
    }
}

/// Sent before the init was there, to its predecessor in the same process: execve(2) keeps it pending.
#[test]
fn a_signal_that_is_pending_on_entry_is_forwarded() {
    let mut running = Init::new()
        .signal_setup("TERM,40", "")
        .launch(["--raise", "TERM", "--raise", "40"])
        .probe(["report", "--count", "2"])
        .spawn();
    let _ = running.wait_line("got SIGTERM ");
    let _ = running.wait_line("got SIGRTMIN+6 ");
    running.wait().expect_status(0);
}

/// Contract 3.5, 8.4: no SIGXFSZ of a log line that is beyond the limit of files reaches the main child, nor does
/// the line about it cause another one without end.
#[test]
fn the_inits_own_sigxfsz_is_not_forwarded() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    let limited = "ulimit -f 0; exec \"$@\" 2>\"$LOG\"";
    let main = "n=0; trap 'echo usr1; n=$((n + 1))' USR1; trap 'echo xfsz' XFSZ
        for i in 1 2 3; do kill -USR1 $PPID; until [ $n = $i ]; do :; done; done
        until grep -q '^State:.S' /proc/$PPID/status; do :; done; exit 7";
    Init::new()
        .binary("/bin/sh")
        .env("LOG", &file)
        .args(["-c", limited, "sh"])
        .arg(harness::pidling())
        .args(["-vv", "--", "bash", "-c", main])
        .run()
        .expect(7, "usr1\nusr1\nusr1\n", "");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);
}

/// Contract 3.5: no SIGPIPE of a log line that nobody reads reaches the main child.
#[test]
fn the_inits_own_sigpipe_is_not_forwarded() {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    let mut running = Init::new()
        .stderr(writer)
        .arg("-vv")
        .probe(["report"])
        .spawn();
    let _ = running.wait_line("ready");
    for _ in 0..3 {
        running.signal(libc::SIGUSR1);
        let _ = running.wait_line("got SIGUSR1 ");
    }
    running.send_line("quit");
    let output = running.wait();
    output.expect_status(0);
    assert_eq!(reported(&output.stdout()).len(), 3, "{output}");
}
