//! Reaping (contract 4): every zombie is reaped, no coalescing of SIGCHLD loses the main child's end,
//! and an idle init sleeps.

use crate::placed::{BOTH, Place, expect_nobody_left};
use harness::{
    Init, LIMIT, Limit, ProcStatus, Running, children_of, emulator_lacks, eventually, peer, probe,
    require_namespaces, require_strace,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::time::Duration;

/// The zombies among the children of a process.
fn zombies_of(pid: i32) -> usize {
    let children = children_of(pid);
    children.iter().filter(|child| child.state == 'Z').count()
}

/// Stops the init and waits until the kernel has.
fn stop(running: &Running) {
    running.signal(libc::SIGSTOP);
    assert!(eventually(LIMIT, || running.init_status().state() == 'T'));
}

/// Contract 4.1.
#[test]
fn pid_1_reaps_5000_orphans() {
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .as_pid_1()
        .limit(Duration::from_secs(90))
        .args(["-w"])
        .probe(["orphans", "5000", "3"])
        .spawn();
    let _ = running.wait_line("ready");
    let init = running.init_pid();
    assert!(eventually(LIMIT, || children_of(init).len() == 1));
    running.close_stdin();
    let output = running.wait();
    output.expect_status(3);
    let stderr = output.stderr();
    let mut reaped: Vec<i32> = stderr
        .lines()
        .map(|line| {
            let pid = line.strip_prefix("pidling: warning: Reaped zombie process with pid=");
            pid.and_then(|pid| pid.parse().ok())
                .unwrap_or_else(|| panic!("{line}"))
        })
        .collect();
    assert_eq!(reaped.len(), 5000);
    reaped.sort_unstable();
    reaped.dedup();
    assert_eq!(reaped.len(), 5000, "each once");
}

/// The check above finds an init that does not reap.
#[test]
fn zombies_of_a_pid_1_that_does_not_reap_would_be_found() {
    if !require_namespaces() {
        return;
    }
    let mut running = Init::new()
        .binary(probe())
        .as_pid_1()
        .args(["orphans", "50"])
        .spawn();
    let _ = running.wait_line("ready");
    let init = running.init_pid();
    assert!(eventually(LIMIT, || zombies_of(init) == 50));
}

#[test]
fn orphans_are_reaped_when_the_init_is_not_pid_1() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let mut running = Init::new().args(["-w"]).probe(["orphans", "300"]).spawn();
    let _ = running.wait_line("ready");
    let init = running.init_pid();
    assert!(eventually(LIMIT, || children_of(init).len() == 1));
    running.close_stdin();
    let output = running.wait();
    output.expect_status(0);
    assert_eq!(output.stderr().lines().count(), 300, "{output}");
}

#[test]
fn reaping_is_silent_unless_asked_for() {
    let mut running = Init::new().probe(["orphans", "20"]).spawn();
    let _ = running.wait_line("ready");
    let init = running.init_pid();
    assert!(eventually(LIMIT, || children_of(init).len() == 1));
    running.close_stdin();
    running.wait().expect_stderr("");
}

/// The parent that an orphan of the main child gets.
fn parent_of_an_orphan(init: Init) -> (i32, i32) {
    let mut running = init
        .args(["--", "sh", "-c", "(sleep 1000 & echo orphan $!); cat"])
        .spawn();
    let orphan = running.wait_line("orphan ").replace("orphan ", "");
    let orphan = orphan.parse().unwrap();
    let subshell_is_gone = |pid: i32| {
        let parent = ProcStatus::of(pid).unwrap().ppid();
        ProcStatus::of(parent).is_some_and(|status| status.name() != "sh")
    };
    assert!(eventually(LIMIT, || subshell_is_gone(orphan)));
    (ProcStatus::of(orphan).unwrap().ppid(), running.init_pid())
}

/// Contract 1.4.
#[test]
fn an_init_that_is_not_pid_1_adopts_orphans() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let (parent, init) = parent_of_an_orphan(Init::new());
    assert_eq!(parent, init);
    let (parent, init) = parent_of_an_orphan(Init::new().arg("-s").env("TINI_SUBREAPER", ""));
    assert_eq!(parent, init);
    if let Some(tini) = peer("tini") {
        let (parent, init) = parent_of_an_orphan(Init::new().binary(tini));
        assert_ne!(parent, init, "the negative control is a subreaper");
    }
}

/// All children die while the init is stopped, so that one SIGCHLD stands for all of them.
#[test]
fn one_sigchld_for_many_deaths_does_not_lose_the_status() {
    for round in 0..30 {
        let status = 1 + round;
        let mut running = Init::new()
            .probe(["orphans", "5", &status.to_string()])
            .spawn();
        let _ = running.wait_line("ready");
        stop(&running);
        let init = running.init_pid();
        running.close_stdin();
        assert!(eventually(LIMIT, || {
            let children = children_of(init);
            !children.is_empty() && children.iter().all(|child| child.state == 'Z')
        }));
        running.signal(libc::SIGCONT);
        let output = running.wait();
        output.expect_status(status);
        output.expect_stderr("");
    }
}

#[test]
fn the_status_is_right_however_deaths_coalesce() {
    for _ in 0..100 {
        Init::new()
            .args(["--", "sh", "-c", "(true &); (true &); (true &); exit 9"])
            .run()
            .expect(9, "", "");
    }
}

#[test]
fn the_status_is_right_however_deaths_coalesce_under_pid_1() {
    if !require_namespaces() {
        return;
    }
    for _ in 0..100 {
        Init::new()
            .as_pid_1()
            .args(["--", "sh", "-c", "(true &); (true &); (true &); exit 9"])
            .run()
            .expect(9, "", "");
    }
}

/// Contract 4.3, 5.2: SIGSTOP is nobody's key.
#[test]
fn a_stopped_main_child_is_not_a_dead_one() {
    let mut running = Init::new().arg("-w").probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    let child = running.main_child_pid();
    for _ in 0..3 {
        kill(Pid::from_raw(child), Signal::SIGSTOP).unwrap();
        assert!(eventually(LIMIT, || {
            ProcStatus::of(child).unwrap().state() == 'T'
        }));
        // The init has dealt with the SIGCHLD of the stop once it waits for the next signal.
        let is_idle = || running.init_status().state() == 'S';
        assert!(eventually(LIMIT, is_idle));
        assert_eq!(ProcStatus::of(child).unwrap().state(), 'T');
        kill(Pid::from_raw(child), Signal::SIGCONT).unwrap();
        let _ = running.wait_line("got SIGCONT ");
    }
    running.send_line("quit");
    let output = running.wait();
    output.expect_status(0);
    output.expect_stderr("");
}

#[test]
fn a_stopped_orphan_is_not_a_dead_one() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let script = format!("({} report & :); exec cat", probe().display());
    let mut running = Init::new().args(["-w", "--", "sh", "-c", &script]).spawn();
    let orphan = running.wait_line("ready ").replace("ready ", "");
    let orphan: i32 = orphan.parse().unwrap();
    let init = running.init_pid();
    assert!(eventually(LIMIT, || {
        ProcStatus::of(orphan).unwrap().ppid() == init
    }));
    kill(Pid::from_raw(orphan), Signal::SIGSTOP).unwrap();
    assert!(eventually(LIMIT, || {
        ProcStatus::of(orphan).unwrap().state() == 'T'
    }));
    kill(Pid::from_raw(orphan), Signal::SIGCONT).unwrap();
    let _ = running.wait_line("got SIGCONT ");
    kill(Pid::from_raw(orphan), Signal::SIGKILL).unwrap();
    assert_eq!(
        running.wait_stderr_line(""),
        format!("pidling: warning: Reaped zombie process with pid={orphan}")
    );
    running.close_stdin();
    assert_eq!(running.wait().stderr().lines().count(), 1);
}

/// How often an init wakes up within five seconds of nothing to do.
fn wake_ups<const N: usize>(inits: [Init; N]) -> [u64; N] {
    let running = inits.map(|init| {
        let mut running = init.as_pid_1().probe(["report"]).spawn();
        let _ = running.wait_line("ready");
        assert!(eventually(LIMIT, || running.init_status().state() == 'S'));
        let before = running.init_status().context_switches();
        (running, before)
    });
    // Longer than any polling interval that is still called one.
    std::thread::sleep(Duration::from_secs(5));
    running.map(|(running, before)| running.init_status().context_switches() - before)
}

/// Contract 4.1.
#[test]
fn an_idle_init_never_wakes_up() {
    if !require_namespaces() {
        return;
    }
    let inits = || [Init::new(), Init::new().args(["-t", "10", "-a", "-vq"])];
    if let Some(tini) = peer("tini") {
        let [plain, busy] = inits();
        let [plain, busy, polled] = wake_ups([plain, busy, Init::new().binary(tini)]);
        assert_eq!([plain, busy], [0, 0]);
        assert!(polled >= 2, "the negative control woke up {polled} times");
    } else {
        assert_eq!(wake_ups(inits()), [0, 0]);
    }
}

/// What is resident is the whole file, which the kernel maps around the first page that is touched and which every
/// other init on the machine shares, and three or four pages of stack, by where the kernel puts it. Nor does a signal
/// or an orphan take more. Where a page has 64 kB, as on POWER, a single one is the init's alone.
#[test]
fn an_idle_init_takes_no_more_memory_than_its_file_and_16_kb() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let page = sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap();
    let page = u64::try_from(page).unwrap() / 1024;
    let file = std::fs::metadata(harness::pidling()).unwrap().len();
    let file = file.div_ceil(page * 1024) * page;
    let script = "trap 'echo got' USR1; (sleep 0 &); echo ready; while :; do sleep 60 & wait; done";
    let mut running = Init::new()
        .as_pid_1()
        .args(["--", "bash", "-c", script])
        .spawn();
    let _ = running.wait_line("ready");
    for _ in 0..2 {
        assert!(eventually(LIMIT, || running.init_status().state() == 'S'));
        let status = running.init_status();
        let (resident, alone) = (status.number("VmRSS"), status.number("RssAnon"));
        assert!(
            resident > 0 && resident <= file + alone && alone <= page.max(16),
            "{resident} kB of memory are resident, {alone} kB of them the init's alone, {file} kB has the file"
        );
        running.signal(libc::SIGUSR1);
        let _ = running.wait_line("got");
    }
}

/// Contract 3.7. The storm goes on until the main child is dead.
#[test]
fn a_storm_of_dying_orphans_does_not_hold_a_signal_back() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    let probe = probe().display();
    let script = format!(
        "{probe} orphans 100000000 & storm=$!; {probe} report --count 1; status=$?; kill $storm; exit $status"
    );
    let mut running = Init::new()
        .args(["-g", "-r", "USR1:40", "--", "bash", "-c"])
        .arg(format!("trap '' RTMIN+6; {script}"))
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGUSR1);
    let _ = running.wait_line("got SIGRTMIN+6 ");
    running.wait().expect_status(0);
}

/// Contract 3.7: a stopped init finds 2,000 zombies and a signal; the signal must not wait for them all.
#[test]
fn at_most_32_reaps_happen_between_two_looks_at_the_signals() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_strace() {
        return;
    }
    let log = std::env::temp_dir().join(format!("pidling-reaps-{}", std::process::id()));
    let mut running = Init::new()
        .traced(["-e", "trace=wait4,rt_sigtimedwait,kill", "-o"])
        .traced([&log])
        .args(["-r", "40:0"])
        .env("PROBE", probe())
        .args(["--", "sh", "-c", r#"read line; exec "$PROBE" orphans 2000"#])
        .spawn();
    let init = running.init_pid();
    let _ = running.main_child_pid();
    kill(Pid::from_raw(init), Signal::SIGSTOP).unwrap();
    let traced = || std::fs::read_to_string(&log).unwrap();
    assert!(eventually(LIMIT, || traced().contains("stopped by SIGSTOP")));
    running.send_line("");
    assert!(eventually(LIMIT, || zombies_of(init) == 2000));
    // It comes after SIGCHLD, as the kernel hands out the lowest number first.
    running.signal(40);
    running.signal(libc::SIGCONT);
    assert!(eventually(LIMIT, || zombies_of(init) == 0));
    running.close_stdin();
    running.wait().expect_status(0);
    let text = traced();
    std::fs::remove_file(&log).unwrap();
    let is_reap = |line: &str| line.starts_with("wait4(") && line.contains("WIFEXITED");
    let most = longest_run(&text, is_reap, |line| line.starts_with("rt_sigtimedwait("));
    assert!((2..=32).contains(&most), "{most} reaps in a row:\n{text}");
    let mut lines = text.lines().skip_while(|line| !line.contains(" = 40 ("));
    assert!(lines.next().is_some(), "the signal was received:\n{text}");
    let after = lines.filter(|line| is_reap(line)).count();
    assert!(after + 33 >= 2000, "{after} after it:\n{text}");
}

/// How many lines for which `counts` holds come after each other at most, with none between for which
/// `ends` does.
fn longest_run(text: &str, counts: impl Fn(&str) -> bool, ends: impl Fn(&str) -> bool) -> usize {
    let runs = text.lines().scan(0, |run, line| {
        *run = if ends(line) {
            0
        } else {
            *run + usize::from(counts(line))
        };
        Some(*run)
    });
    runs.max().unwrap_or(0)
}

/// The kernel hands out the signal of the lowest number first, signal(7): as long as one below SIGCHLD is
/// sent again and again, no death shows.
#[test]
fn a_flood_of_signals_does_not_hold_the_reaping_back() {
    if !require_strace() {
        return;
    }
    let log = std::env::temp_dir().join(format!("pidling-flood-{}", std::process::id()));
    let mut running = Init::new()
        .traced(["-e", "trace=wait4,rt_sigtimedwait", "-o"])
        .traced([&log])
        .probe(["report", "--count", "200"])
        .spawn();
    let _ = running.wait_line("ready");
    for _ in 0..200 {
        running.signal(40);
    }
    running.wait().expect_status(0);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let received = |line: &str| line.contains("si_code=SI_USER");
    assert_eq!(text.lines().filter(|line| received(line)).count(), 200);
    let most = longest_run(&text, received, |line| line.starts_with("wait4("));
    assert!((2..=32).contains(&most), "{most} signals in a row:\n{text}");
}

/// Beside 5,000 others that live, a child that died is found by the process id in SIGCHLD. What SIGCHLD does
/// not name, because there were several, is found as well: one look at all children for each SIGCHLD.
#[test]
fn a_death_costs_one_look_at_all_children() {
    if !require_strace() {
        return;
    }
    let log = std::env::temp_dir().join(format!("pidling-looks-{}", std::process::id()));
    let script = "for i in 1 2 3; do (exit 0 & exec sleep 0) ; done; exit 4";
    let running = Init::new()
        .traced(["-e", "trace=wait4,rt_sigtimedwait", "-o"])
        .traced([&log])
        .args(["--", "bash", "-c", script])
        .spawn();
    running.wait().expect_status(4);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut named = 0;
    for pair in lines.windows(2) {
        let [signal, next] = pair else { unreachable!() };
        if let Some((_, pid)) = signal.split_once("si_code=CLD_EXITED, si_pid=") {
            let pid = pid.split(',').next().unwrap();
            assert!(next.starts_with(&format!("wait4({pid}, ")), "{text}");
            named += 1;
        }
    }
    assert!(named > 0, "{text}");
    let in_vain = |line: &str| line.starts_with("wait4(-1, ") && line.ends_with("= 0");
    assert_eq!(
        longest_run(&text, in_vain, |line| line.contains("SIGCHLD")),
        1,
        "{text}"
    );
}

/// Contract 4.4: whoever is process 1 above a wrapper may not reap what the wrapper leaves.
#[test]
fn the_dead_whom_the_main_child_leaves_are_reaped_and_counted() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for place in BOTH {
        for count in [3, 300] {
            let output = place
                .init()
                .arg("-w")
                .probe(["zombies", &count.to_string(), "6"])
                .run();
            output.expect_status(6);
            expect_nobody_left(place, &output);
            let stderr = output.stderr();
            let reaped = stderr.lines().filter(|line| {
                line.starts_with("pidling: warning: Reaped zombie process with pid=")
            });
            assert_eq!(
                (reaped.count(), stderr.lines().count()),
                (count, count),
                "{output}"
            );
        }
    }
}

/// Contract 4.4: a bound, so that the end does not wait for a storm of the dying.
#[test]
fn a_wrapper_reaps_at_most_1_000_at_its_end() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let output = Place::Wrapper
        .init()
        .arg("-w")
        .probe(["zombies", "1500", "6"])
        .run();
    output.expect_status(6);
    let left = output.stdout().matches("left probe Z\n").count();
    let reaped = output.stderr().lines().count();
    assert_eq!(reaped + left, 1500, "{reaped} reaped, {left} left");
    // Some are reaped before the main child, some after.
    assert!((1000..=1100).contains(&reaped), "{reaped} reaped");
}
