//! The promise of the deadline (contract 6.3, 6.5): whatever the main child and the rest are, when the grace period
//! is over they are killed, the main child first, and the init ends.

use crate::hostile::busybox;
use crate::placed::{
    BOTH, Held, Place, Tracer, call_and_ints, events, expect_nobody_left, expect_stop,
    expect_survivors, is_pidfd_signal, is_pidfd_term_to, ready_pid, survivors, times,
};
use crate::rest::Copies;
use crate::shutdown::{enter, script, wait_for};
use harness::{
    Init, Limit, Output, ProcStatus, Requirement, Running, call_number, emulator_lacks, is_full,
    pidling, probe, require, require_namespaces, require_root, require_strace, until_next_tick,
};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const TERM: i32 = libc::SIGTERM;

/// A grace period in the words of the option, and the longest time after which an init on a busy machine has to be
/// gone.
const GRACE: &str = "500ms";
const SOON: Duration = Duration::from_millis(4500);

/// The kind of log that the tests read.
const JSON: [&str; 2] = ["--log-format", "json"];

#[track_caller]
fn killed(output: &Output) {
    assert_eq!(events(output, "killed").len(), 1, "{output}");
}

/// Contract 6.5: a process is alive as long as one of its threads is, though /proc shows its first thread as a zombie.
#[test]
fn a_main_child_whose_first_thread_has_ended_is_killed_and_named() {
    if !require_namespaces() {
        return;
    }
    for place in BOTH {
        let mut running = place
            .init()
            .args(["-t", GRACE])
            .args(JSON)
            .probe(["app", "main", "ignore:TERM", "leaderless"])
            .spawn();
        let _ = running.wait_line("main ready ");
        let output = expect_stop(place, running, SOON, 137);
        killed(&output);
        assert_eq!(survivors(&output), [ready_pid(&output, "main")], "{output}");
    }
}

#[test]
fn a_process_of_the_rest_whose_first_thread_has_ended_is_asked_and_waited_for() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app rest leaderless report <&3 & exec "$PROBE" app main report exit:TERM:4 <&3"#;
    for place in BOTH {
        let mut running = script(place.init().arg("-a"), main).spawn();
        wait_for(&running, &["rest ready", "main ready"]);
        running.signal(TERM);
        let _ = running.wait_line("rest got SIGTERM");
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        assert_eq!(times(&output, "rest", "SIGTERM"), 1, "{output}");
        assert!(output.stdout().contains("rest done\n"), "{output}");
        expect_nobody_left(place, &output);
    }
}

#[test]
fn a_process_of_the_rest_whose_first_thread_has_ended_is_killed_and_named() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app rest session ignore:TERM leaderless &
        exec "$PROBE" app main report exit:TERM:4 <&3"#;
    for place in BOTH {
        let running = script(place.init().args(["-a", "-t", GRACE]).args(JSON), main).spawn();
        wait_for(&running, &["rest ready", "main ready"]);
        let output = expect_stop(place, running, SOON, 4);
        killed(&output);
        assert_eq!(survivors(&output), [ready_pid(&output, "rest")], "{output}");
    }
}

/// A user without privileges where proc(5) hides (`hidepid=2`), or does not let the user look at (`1`), what is not the
/// user's: here also programs whose file nobody may read.
fn hidden(place: Place, hidepid: u8, copies: &Copies, options: &[&str], main: &str) -> Running {
    let init = copies.copy(&pidling(), "pidling", 0o755);
    let hidden = copies.copy(probe(), "hidden", 0o711);
    let seen = copies.copy(probe(), "seen", 0o755);
    let init = place
        .init_after(&format!("mount -t proc -o hidepid={hidepid} proc /proc"))
        .binary(init)
        .launch(["--user", "65534"])
        .args(options);
    script(init, main)
        .env("HIDDEN", &hidden)
        .env("SEEN", &seen)
        .directory("/")
        .spawn()
}

#[test]
fn a_main_child_that_proc_hides_is_killed_with_its_group() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let main = r#""$HIDDEN" app member ignore:TERM & exec "$HIDDEN" app main ignore:TERM"#;
    for place in BOTH {
        let copies = Copies::new(&format!("hidden-{place:?}"));
        let running = hidden(place, 2, &copies, &["-t", GRACE], main);
        wait_for(&running, &["member ready", "main ready"]);
        let _ = expect_stop(place, running, SOON, 137);
    }
}

#[test]
fn the_rest_that_proc_hides_is_asked_by_pid_1() {
    if !require_namespaces() || !require_root() {
        return;
    }
    let main = r#""$HIDDEN" app daemon session report <&3 & exec "$HIDDEN" app main report exit:TERM:4 <&3"#;
    for options in [&["-a"][..], &["-g", "-a"]] {
        let copies = Copies::new(&format!("hidden-rest-{}", options.len()));
        let mut running = hidden(Place::First, 2, &copies, options, main);
        wait_for(&running, &["daemon ready", "main ready"]);
        running.signal(TERM);
        let _ = running.wait_line("daemon got SIGTERM");
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        assert!(output.stdout().contains("daemon done\n"), "{output}");
    }
}

/// Contract 6.4: the group, which is all that a wrapper reaches of the hidden ones, gets no second SIGTERM.
#[test]
fn whoever_is_seen_where_others_are_hidden_gets_sigterm_once() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let main = r#""$SEEN" app member report <&3 & exec "$SEEN" app main report exit:TERM:4 <&3"#;
    for hidepid in [1, 2] {
        let copies = Copies::new(&format!("seen-{hidepid}"));
        let mut running = hidden(Place::Wrapper, hidepid, &copies, &["-a", "-vv"], main);
        wait_for(&running, &["member ready", "main ready"]);
        running.signal(TERM);
        let _ = running.wait_line("member got SIGCONT");
        let _ = running.wait_stderr_line("pidling: read failed harmlessly");
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        assert_eq!(times(&output, "member", "SIGTERM"), 1, "{output}");
    }
}

/// Contract 6.4, 6.5: who is listed and cannot be looked at is known by its group, and to PID 1 as one of all, beside others
/// that can be looked at.
#[test]
fn whoever_cannot_be_looked_at_gets_sigterm_once() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    for (place, kind, options) in [
        (Place::Wrapper, "", &["-a", "-vv"][..]),
        (Place::First, "session", &["-g", "-a", "-vv"]),
    ] {
        let main = format!(
            r#""$HIDDEN" app unread {kind} report <&3 & "$SEEN" app seen {kind} report <&3 &
            exec "$SEEN" app main report exit:TERM:4 <&3"#
        );
        let copies = Copies::new(&format!("unread-{place:?}"));
        let mut running = hidden(place, 1, &copies, options, &main);
        wait_for(&running, &["unread ready", "seen ready", "main ready"]);
        running.signal(TERM);
        wait_for(&running, &["unread got SIGCONT", "seen got SIGCONT"]);
        let _ = running.wait_stderr_line("pidling: read failed harmlessly");
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        for tag in ["unread", "seen"] {
            assert_eq!(times(&output, tag, "SIGTERM"), 1, "{output}");
        }
    }
}

/// Contract 6.6: a daemon whom /proc does not let the init look at is not taken for dead.
#[test]
fn whoever_may_not_be_looked_at_is_told() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let main = r#""$HIDDEN" app daemon session ignore:TERM & exec "$SEEN" app main ignore:TERM"#;
    for hidepid in [1, 2] {
        let copies = Copies::new(&format!("told-{hidepid}"));
        let options = ["-t", GRACE, "--log-format=json"];
        let running = hidden(Place::Wrapper, hidepid, &copies, &options, main);
        wait_for(&running, &["daemon ready", "main ready"]);
        running.signal(TERM);
        let output = running.wait();
        output.expect_status(137);
        assert_eq!(
            events(&output, "survivors_unknown")[0]["error"],
            "EPERM",
            "{output}"
        );
    }
}

/// An init whose parent has handed down ten open files, and with this limit of open files; `None` where there is no busybox,
/// the one shell that needs none itself.
fn crowded(place: Place, limit: &str, options: &[&str], main: &str) -> Option<Running> {
    let shell = busybox()?;
    let descriptors = (3..10).map(|number| ["--descriptor".to_owned(), number.to_string()]);
    let init = place
        .init()
        .launch(descriptors.flatten())
        .launch(["--limit", &format!("nofile={limit}")])
        .args(JSON)
        .args(options);
    let words = [
        shell.as_os_str(),
        "sh".as_ref(),
        "-c".as_ref(),
        main.as_ref(),
    ];
    Some(init.arg("--").args(words).env("PROBE", probe()).spawn())
}

/// Contract 6.3: up to the hard limit the init opens what it needs.
#[test]
fn open_files_up_to_the_soft_limit_hide_nobody() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#"ulimit -S -n 100
        "$PROBE" app daemon session ignore:TERM & exec "$PROBE" app main ignore:TERM"#;
    for place in BOTH {
        for limit in ["10:100", "11:100", "12:100"] {
            let Some(running) = crowded(place, limit, &["-t", GRACE], main) else {
                return;
            };
            wait_for(&running, &["daemon ready", "main ready"]);
            let output = expect_stop(place, running, SOON, 137);
            expect_survivors(&output, &["daemon", "main"]);
            assert_eq!(events(&output, "survivors_unknown").len(), 0, "{output}");
        }
    }
}

/// Contract 6.5, 6.6: where a look fails, the process that it was for is not taken for dead.
#[test]
fn open_files_up_to_the_hard_limit_are_told() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app member ignore:TERM & exec "$PROBE" app main ignore:TERM"#;
    for place in BOTH {
        // Enough are left for /proc, and not for a look at a process.
        let Some(running) = crowded(place, "12", &["-t", GRACE], main) else {
            return;
        };
        wait_for(&running, &["member ready", "main ready"]);
        let output = expect_stop(place, running, SOON, 137);
        let unknown = events(&output, "survivors_unknown");
        let [unknown] = &unknown[..] else {
            panic!("{output}");
        };
        assert_eq!(unknown["error"], "EMFILE", "{output}");
    }
}

/// Contract 6.4: where nobody can be looked at, the members of the group are known by that, and have had their SIGTERM. PID 1
/// does not signal itself.
#[test]
fn a_group_that_had_sigterm_gets_no_second_one_from_a_blind_init() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app member report <&3 & exec "$PROBE" app main report exit:TERM:4 <&3"#;
    for place in BOTH {
        let Some(mut running) = crowded(place, "12", &["-g", "-a", "-vv"], main) else {
            return;
        };
        wait_for(&running, &["member ready", "main ready"]);
        running.signal(TERM);
        let _ = running.wait_event("error_ignored");
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        assert_eq!(times(&output, "member", "SIGTERM"), 1, "{output}");
        for event in ["rest_signalled", "signal_dropped"] {
            assert_eq!(events(&output, event).len(), 0, "{output}");
        }
    }
}

/// Contract 6.4: PID 1 does not take whom it cannot look at for dead, here one that entered the namespace.
#[test]
fn pid_1_waits_for_whom_it_cannot_look_at() {
    if !require_namespaces() || !require_root() {
        return;
    }
    let main = "read line <&3; exit 4";
    let Some(mut running) = crowded(Place::First, "12", &["-a", "-t3s"], main) else {
        return;
    };
    let visitor = enter(running.init_pid(), &["ignore:TERM"]);
    running.send_line("");
    let output = running.wait();
    output.expect_status(4);
    killed(&output);
    drop(visitor);
}

#[test]
fn a_main_child_that_left_its_group_is_killed_without_proc() {
    if !require_namespaces() || !require_root() {
        return;
    }
    for place in BOTH {
        for options in [
            &["-t", GRACE][..],
            &["-g", "-t", GRACE],
            &["-a", "-t", GRACE],
        ] {
            let mut running = place
                .init_after("umount -l /proc")
                .args(options)
                .probe(["app", "main", "ignore:TERM", "leave"])
                .spawn();
            let _ = running.wait_line("main ready ");
            let _ = expect_stop(place, running, SOON, 137);
        }
    }
}

/// Contract 3.2.
#[test]
fn a_stop_signal_for_the_group_reaches_a_main_child_that_left_it_too() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app member report exit:TERM:0 <&3 & exec "$PROBE" app main leave report exit:TERM:4 <&3"#;
    for place in BOTH {
        let running = script(place.init().args(["-g", "-a"]), main).spawn();
        wait_for(&running, &["member ready", "main ready"]);
        until_next_tick();
        let output = expect_stop(place, running, SOON, 4);
        for tag in ["member", "main"] {
            assert_eq!(times(&output, tag, "SIGTERM"), 1, "{tag} of\n{output}");
        }
    }
}

/// With `-g` the main child's first group and the main child are killed both.
#[test]
fn a_main_child_that_left_its_group_is_killed_with_those_that_stayed() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#""$PROBE" app member ignore:TERM & exec "$PROBE" app main leave ignore:TERM"#;
    for place in BOTH {
        for options in [&["-t", GRACE][..], &["-g", "-t", GRACE]] {
            let running = script(place.init().args(options).args(JSON), main).spawn();
            wait_for(&running, &["member ready", "main ready"]);
            let output = expect_stop(place, running, SOON, 137);
            expect_survivors(&output, &["member", "main"]);
        }
    }
}

/// Contract 6.3, 7: EPERM is for ever. After 5 s the init gives up, and the kernel ends the namespace of a process 1.
#[test]
fn a_main_child_of_another_user_is_given_up() {
    let flags = statvfs(&std::env::temp_dir()).unwrap().flags();
    let reason = "it needs set-user-ID programs in the temporary directory";
    if !require_namespaces()
        || !require_root()
        || !require(
            Requirement::Namespaces,
            !flags.contains(FsFlags::ST_NOSUID),
            reason,
        )
    {
        return;
    }
    for (place, setup) in [
        (Place::First, None),
        (Place::Wrapper, None),
        (Place::Wrapper, Some("mount -t tmpfs none /proc")),
    ] {
        let copies = Copies::new(&format!("given-up-{place:?}-{}", setup.is_some()));
        let file = copies.copy(&pidling(), "pidling", 0o755);
        let root = copies.copy(probe(), "root", 0o4755);
        let init = setup.map_or_else(|| place.init(), |setup| place.init_after(setup));
        let mut running = init
            .binary(file)
            .launch(["--user", "65534"])
            .directory("/")
            .args(["-t", GRACE])
            .args(JSON)
            .arg("--")
            .arg(&root)
            .args(["app", "main", "root", "ignore:TERM"])
            .spawn();
        let _ = running.wait_line("main ready ");
        let began = Instant::now();
        running.signal(TERM);
        let _ = running.wait_status();
        let took = began.elapsed();
        let output = running.wait();
        output.expect_status(137);
        let (least, most) = (Duration::from_millis(5400), Duration::from_secs(30));
        assert!((least..most).contains(&took), "{took:?}\n{output}");
        assert_eq!(events(&output, "unkillable").len(), 1, "{output}");
        // What it may not signal was not killed (contract 6.6), and neither was its group.
        assert!(survivors(&output).is_empty(), "{output}");
        let errors = |event| {
            let events = events(&output, event);
            let error = |object: &Value| (object["error"].clone(), object["group"].clone());
            events.iter().map(error).collect::<Vec<_>>()
        };
        let (refused, unknown) = match setup {
            None => (vec![(json!("EPERM"), Value::Null)], vec![]),
            Some(_) => (vec![], vec![(json!("ENODEV"), Value::Null)]),
        };
        assert_eq!(errors("kill_failed"), refused, "{output}");
        assert_eq!(errors("survivors_unknown"), unknown, "{output}");
    }
}

/// Contract 6.3: the looks at many others take longer than each process of a chain lives, and it is caught all the same.
#[test]
fn nobody_is_left_of_a_chain_of_forking_processes_beside_many_others() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let others = r#"(for i in $(seq 300); do sleep 1000 & done); exec "$@""#;
    let main = r#""$PROBE" chain session & exec "$PROBE" app main ignore:TERM"#;
    let init = Place::Wrapper.init().through(["sh", "-c", others, "sh"]);
    let running = script(init.args(["-t", GRACE]), main).spawn();
    wait_for(&running, &["ready", "main ready"]);
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(137);
    assert_eq!(
        output.stdout().matches("left sleep ").count(),
        300,
        "{output}"
    );
    assert!(!output.stdout().contains("left chain "), "{output}");
}

/// Contract 6.3: SIGKILL is repeated for what is born while the wrapper kills.
#[test]
fn nobody_is_left_of_a_chain_of_forking_processes() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for kind in ["", "session"] {
        let main = format!(r#""$PROBE" chain {kind} & exec "$PROBE" app main ignore:TERM"#);
        for _ in 0..6 {
            let place = Place::Wrapper;
            let running = script(place.init().args(["-t", "300ms"]), &main).spawn();
            wait_for(&running, &["ready", "main ready"]);
            let _ = expect_stop(place, running, Duration::from_secs(7), 137);
        }
    }
}

/// The numbers of processes that a call names in its paths.
fn processes_looked_at(line: &str) -> Vec<i32> {
    let paths = line.split('"').skip(1).step_by(2);
    let components = paths.flat_map(|path| path.split('/'));
    components
        .filter_map(|component| component.parse().ok())
        .collect()
}

/// Contract 6.3. The calls from the end of the grace period to the SIGKILL of the main child, in strace's words.
#[track_caller]
fn until_the_kill(trace: &str, child: i32) -> Vec<&str> {
    let lines: Vec<&str> = trace.lines().collect();
    let start = format!("kill({child}, SIGKILL)");
    let kill = lines.iter().position(|line| line.starts_with(&start));
    let kill = kill.unwrap_or_else(|| panic!("no {start} in\n{trace}"));
    let before = lines.get(..kill).unwrap();
    let waited = before
        .iter()
        .rposition(|line| line.starts_with("rt_sigtimedwait("));
    let waited = waited.unwrap_or_else(|| panic!("no wait before {start} in\n{trace}"));
    before.get(waited..).unwrap().to_vec()
}

#[test]
fn the_main_child_is_killed_before_anything_else_is_done() {
    if !require_namespaces() || !require_strace() {
        return;
    }
    let main = r#""$PROBE" app member ignore:TERM & "$PROBE" app daemon session ignore:TERM &
        exec "$PROBE" app main ignore:TERM"#;
    for place in BOTH {
        for options in [&["-vv", "-t", GRACE][..], &["-vv", "-a", "-g", "-t", GRACE]] {
            let running = script(place.init().args(options).args(JSON), main).spawn();
            wait_for(&running, &["member ready", "daemon ready", "main ready"]);
            let tracer = Tracer::attach(running.init_pid(), &[]);
            let output = expect_stop(place, running, SOON, 137);
            let trace = tracer.finish();
            let child = i32::try_from(ready_pid(&output, "main")).unwrap();
            let before = until_the_kill(&trace, child);
            for line in &before {
                let call = line.split('(').next().unwrap();
                let is_a_write =
                    ["write", "writev", "pwritev2", "sendto", "sendmsg"].contains(&call);
                assert!(!is_a_write && call != "getdents64", "{line}\n{before:#?}");
                let others = processes_looked_at(line)
                    .into_iter()
                    .filter(|pid| *pid != child);
                assert_eq!(others.count(), 0, "{line}\n{before:#?}");
            }
            let files: BTreeSet<&str> = before
                .iter()
                .filter(|line| !processes_looked_at(line).is_empty())
                .copied()
                .collect();
            assert!(files.len() <= 1, "{files:#?}");
            // It costs nobody: all are named.
            expect_survivors(&output, &["member", "daemon", "main"]);
        }
    }
}

/// A walk costs at most two reads of each process, however deep they stand below each other. PID 1 looks at a bounded
/// number; a wrapper knows whom to look at before it begins, so that it does not follow those who are born meanwhile.
#[test]
fn a_walk_looks_at_each_process_at_most_twice() {
    if !require_namespaces() || !require_strace() {
        return;
    }
    for (form, count) in [("deep", 100), ("flat", 1100)] {
        for place in BOTH {
            let mut running = place
                .init()
                .args(["-t", GRACE])
                .args(JSON)
                .probe(["tree", form, &count.to_string()])
                .spawn();
            let _ = running.wait_line("ready ");
            let main = running.main_child_pid();
            let main = *ProcStatus::of(main)
                .unwrap()
                .namespace_pids()
                .last()
                .unwrap();
            let tracer = Tracer::attach(running.init_pid(), &["-e", "trace=openat,getdents64"]);
            running.signal(TERM);
            let output = running.wait();
            output.expect_status(137);
            let trace = tracer.finish();
            let more = &events(&output, "more_survivors")[0];
            let is_bounded = place == Place::First && count > 1024;
            // The main child, which has made the others, is one of those that are named.
            let counted = if is_bounded { 1024 } else { count } + 1 - 32;
            assert_eq!(
                (&more["at_least"], &more["processes"]),
                (&is_bounded.into(), &counted.into()),
                "{output}"
            );
            if place == Place::Wrapper {
                // Nobody is looked at before all are listed.
                let calls: Vec<&str> = trace.lines().collect();
                let is_list = |call: &str| call.contains("getdents64");
                let is_whole = |pair: &[&str]| {
                    !is_list(pair[0]) || pair[0].ends_with(" = 0") || is_list(pair[1])
                };
                assert!(calls.windows(2).all(is_whole), "{trace}");
            }
            // Each walk begins with a look at whether this is the right /proc.
            let walks = trace.split("\"self/stat\"").skip(1).map(|walk| {
                let mut looks = BTreeMap::new();
                for pid in walk.lines().flat_map(processes_looked_at) {
                    *looks.entry(pid).or_insert(0) += 1;
                }
                // Once more, to know whether it can be seen at all.
                let _ = looks.remove(&main);
                looks
            });
            let walks: Vec<BTreeMap<i32, i32>> = walks.collect();
            let most = walks.iter().flat_map(BTreeMap::values).max();
            let longest = walks.iter().map(BTreeMap::len).max();
            let is_right = match place {
                Place::First => most == Some(&1) && longest.is_some_and(|longest| longest <= 1025),
                Place::Wrapper => {
                    most == Some(&2) && longest.is_some_and(|longest| longest > count)
                }
            };
            assert!(is_right, "{place:?}, {count} {form}: {walks:?}");
        }
    }
}

/// A shell as process 1, which starts the wrapper by these words and beside it a stranger: it gets the number that the
/// main child writes to `$PIDS` once that is free.
fn beside_a_stranger(wrapper: &str) -> String {
    format!(
        r#"
        exec 4<&0
        mkfifo "$PIDS"
        {wrapper} <&4 &
        wrapper=$!
        read pid <"$PIDS"
        "$PROBE" reborn "$pid" <&4 &
        reborn=$!
        wait $wrapper; echo "wrapper $?"
        exec 4<&-
        wait $reborn"#
    )
}

/// Contract 6.5: between the look at a process and its signal the process dies, its parent reaps it, and its number is
/// given to somebody else. Where the kernel has no `pidfd_send_signal(2)` that window is there, between the last look and
/// kill(2): the control.
#[test]
fn whoever_got_the_number_of_a_process_after_the_look_at_it_is_left_alone() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let beside = beside_a_stranger(r#""$@""#);
    let main = r#"(trap "" TERM; "$PROBE" app victim session & echo $! >"$PIDS"; wait) &
        read line <&3; exit 3"#;
    let without = format!("{}:{}", libc::SYS_pidfd_send_signal, libc::ENOSYS);
    for (refused, fate) in [
        (&[][..], "reborn alive"),
        (&["--refuse", &without], "reborn gone"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let init = Init::new()
            .as_pid_1()
            .limit(Duration::from_secs(60))
            .through(["sh", "-c", &beside, "sh"])
            .launch(refused)
            .arg("-a");
        let pid_file = directory.path().join("pid");
        let mut running = script(init, main).env("PIDS", &pid_file).spawn();
        let line = running.wait_line("victim ready ");
        let victim: i32 = line.rsplit(' ').next().unwrap().parse().unwrap();
        let init = running.init_pid();
        let is_signal_to_victim = |call: &str| {
            if refused.is_empty() {
                is_pidfd_term_to(call, init, victim)
            } else {
                let kill = call_number(libc::SYS_kill, 37);
                call_and_ints(call) == Some((kill.as_str(), victim, TERM))
            }
        };
        let held = Held::at(init, || running.send_line(""), is_signal_to_victim);
        let members = running.members().into_iter();
        let outside = members
            .filter(|pid| {
                let status = ProcStatus::of(*pid);
                status.is_some_and(|status| status.namespace_pids().last() == Some(&victim))
            })
            .collect::<Vec<_>>();
        let [outside] = outside[..] else {
            panic!("process {victim} is one of {outside:?}");
        };
        kill(Pid::from_raw(outside), Signal::SIGKILL).unwrap();
        let _ = running.wait_line(&format!("reborn ready {victim}"));
        held.release();
        let _ = running.wait_line("wrapper 3");
        running.close_stdin();
        assert_eq!(running.wait_line("reborn "), fate);
    }
}

/// Contract 6.3: SIGKILL is repeated however long the first walk took, here because the init is held in it, so that nobody
/// who was born meanwhile is left behind.
#[test]
fn whoever_is_born_in_a_long_first_walk_is_killed() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let main = r#"(trap "" TERM; echo "mother ready"; read line <&3; "$PROBE" app late session ignore:TERM & wait) &
        exec "$PROBE" app main leave ignore:TERM"#;
    let mut running = script(Place::Wrapper.init().args(["-t", GRACE]), main).spawn();
    wait_for(&running, &["mother ready", "main ready "]);
    let init = running.init_pid();
    let held = Held::at(init, || running.signal(TERM), is_pidfd_signal);
    running.send_line("");
    let _ = running.wait_line("late ready ");
    std::thread::sleep(Duration::from_secs(3));
    held.release();
    let output = running.wait();
    output.expect_status(137);
    expect_nobody_left(Place::Wrapper, &output);
}

/// Contract 6.3: whoever is born while the rest is killed is killed in the same walk, with a number that is not the highest,
/// because they have begun again at `pid_max`; here a child with a lower number than its parent.
#[test]
fn whoever_is_born_in_a_walk_is_killed_whatever_its_number() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    let last = "/proc/sys/kernel/ns_last_pid";
    let mother = format!(
        r#"trap "" TERM; echo "mother ready"; read line <&3
        echo 20000 >{last}; (echo 200 >{last}; "$PROBE" app late ignore:TERM & wait) & wait"#
    );
    let main = format!(
        r#"echo 30000 >{last}; "$PROBE" app highest ignore:TERM & echo 1000 >{last}
        setsid sh -c '{mother}' & exec "$PROBE" app main ignore:TERM"#
    );
    let init = Place::Wrapper.init().args(["-t", GRACE]).args(JSON);
    let mut running = script(init, &main).spawn();
    wait_for(
        &running,
        &["highest ready 30001", "mother ready", "main ready"],
    );
    let held = Held::at(running.init_pid(), || running.signal(TERM), is_pidfd_signal);
    running.send_line("");
    let _ = running.wait_line("late ready 201");
    held.release();
    let output = running.wait();
    output.expect_status(137);
    // Only the first walk notes whom it kills.
    let named = survivors(&output);
    assert!(named.contains(&201) && named.contains(&20001), "{output}");
    expect_nobody_left(Place::Wrapper, &output);
}

/// Contract 6.4: the command of a trap, which SIGTERM has started, gets no SIGTERM itself.
#[test]
fn what_a_trap_starts_while_others_are_asked_to_end_is_left_alone() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    let cleaner = r#"trap "\"\$PROBE\" app cleanup report <&3; exit 0" TERM
        echo "cleaner ready"; while :; do sleep 0.1; done"#;
    let main = format!(
        r#"setsid sh -c '{cleaner}' & "$PROBE" app other session report <&3 &
        exec "$PROBE" app main report exit:TERM:4 <&3"#
    );
    for place in BOTH {
        let init = place.init().args(["-g", "-a"]);
        let mut running = script(init, &main).spawn();
        wait_for(&running, &["cleaner ready", "main ready"]);
        let other = running.wait_line("other ready ");
        let other: i32 = other.rsplit(' ').next().unwrap().parse().unwrap();
        let init = running.init_pid();
        let held = Held::at(
            init,
            || running.signal(TERM),
            |call| is_pidfd_term_to(call, init, other),
        );
        let _ = running.wait_line("cleanup ready ");
        held.release();
        let _ = running.wait_line("other got SIGCONT");
        running.close_stdin();
        let output = running.wait();
        output.expect_status(4);
        assert!(output.stdout().contains("cleanup done\n"), "{output}");
        assert_eq!(times(&output, "cleanup", "SIGTERM"), 0, "{output}");
    }
}

/// How long an init needs beyond its grace period to end a tree of processes.
fn time_beyond_the_deadline(place: Place, form: &str, count: &str) -> Duration {
    let mut running = place
        .init()
        .limit(Duration::from_secs(90))
        .args(["-v", "-t", "1s"])
        .args(JSON)
        .probe(["tree", form, count])
        .spawn();
    let _ = running.wait_line("ready ");
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(137);
    // More than 1,000 dead may be left (contract 4.4), but nobody alive.
    let stdout = output.stdout();
    let alive = |line: &&str| line.starts_with("left ") && !line.ends_with(" Z");
    assert_eq!(stdout.lines().filter(alive).count(), 0, "{output}");
    // The init's own account: the end of a namespace takes time as well.
    let took = events(&output, "shutdown_took");
    let took = took
        .first()
        .and_then(|object| object["elapsed_ms"].as_u64());
    Duration::from_millis(took.unwrap_or_else(|| panic!("{output}")))
        .saturating_sub(Duration::from_secs(1))
}

/// How long the kernel needs to show each process of such a tree twice, to kill it, and to reap it.
fn floor(form: &str, count: &str) -> Duration {
    let init = Init::new()
        .binary(probe())
        .as_pid_1()
        .limit(Duration::from_secs(90));
    let output = init.args(["slay", form, count]).run();
    let stdout = output.stdout();
    let took = stdout
        .strip_prefix("took ")
        .and_then(|rest| rest.trim().parse().ok());
    Duration::from_millis(took.unwrap_or_else(|| panic!("{output}")))
}

/// A walk costs at most two reads of each process, however deep they stand below each other.
#[test]
fn killing_thousands_takes_little_longer_than_the_kernel_needs() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !is_full() {
        eprintln!("skipped: a comparison of times wants the machine for itself; TESTS=full");
        return;
    }
    if !require_namespaces() {
        return;
    }
    for (form, count) in [("deep", "1000"), ("flat", "8000")] {
        let floor = floor(form, count);
        for place in BOTH {
            let took = time_beyond_the_deadline(place, form, count);
            let most = floor * 2 + Duration::from_secs(1);
            assert!(
                took <= most,
                "{place:?}, {count} {form}: {took:?}, the floor is {floor:?}"
            );
        }
    }
}

/// Contract 6.3: the dead who are not reaped yet, here because wait4(2) is slow, have not outlived SIGKILL.
#[test]
fn whoever_is_dead_is_not_given_up() {
    if !require_strace() {
        return;
    }
    let mut running = Init::new()
        .limit(Duration::from_secs(60))
        .traced(["-o", "/dev/null", "--inject=wait4:delay_enter=100000"])
        .args(["-t", GRACE])
        .args(JSON)
        .probe(["tree", "flat", "100"])
        .spawn();
    let _ = running.wait_line("ready ");
    running.signal(TERM);
    let output = running.wait();
    output.expect_status(137);
    assert_eq!(events(&output, "unkillable").len(), 0, "{output}");
}

/// Contract 6.5: a look whether the main child's group is empty takes the kernel along all members, zombies among them, so
/// that there is none before the dead are reaped. These are many, because each wait takes its time.
#[test]
fn the_group_of_the_dead_main_child_is_looked_at_once_the_dead_are_reaped() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_strace() {
        return;
    }
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut running = Init::new()
        .traced(["-e", "trace=kill,rt_sigtimedwait,wait4", "-o"])
        .traced([log.path()])
        .traced(["--inject=rt_sigtimedwait:delay_exit=50000"])
        .args(["-t", GRACE])
        .probe(["tree", "flat", "200"])
        .spawn();
    let _ = running.wait_line("ready ");
    let main_child = running.main_child_pid();
    running.signal(TERM);
    running.wait().expect_status(137);
    let trace = std::fs::read_to_string(log.path()).unwrap();
    let count = |start: &str| trace.lines().filter(|line| line.starts_with(start)).count();
    let look = format!("kill(-{main_child}, 0)");
    assert!(count(&look) > 0, "{trace}");
    // Before each the kernel has said that nobody dead is left, or the main child was reaped.
    let calls: Vec<&str> = trace.lines().collect();
    for [before, check, _] in calls.windows(3).filter_map(|calls| match calls {
        [before, check, call] if call.starts_with(&look) => Some([before, check, call]),
        _ => None,
    }) {
        let is_last = before.ends_with(" = 0") || before.contains("ECHILD");
        let is_main = before.ends_with(&format!(" = {main_child}"));
        assert!(
            before.starts_with("wait4(") && (is_last || is_main),
            "{before}:\n{trace}"
        );
        assert!(
            check.starts_with(&format!("kill({main_child}, 0)")),
            "{check}:\n{trace}"
        );
    }
    assert!(
        count("wait4(") > 4 * count("rt_sigtimedwait("),
        "few are reaped in a turn:\n{trace}"
    );
}

/// Contract 6.5: the group of a dead main child is the rest only as long as it was never seen empty, nor its number with
/// another process, because it may be somebody else's afterwards.
#[test]
fn a_stranger_with_the_number_of_the_dead_main_child_is_left_alone() {
    if emulator_lacks(Limit::Speed) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    // Without /proc the group is all that a wrapper knows.
    let blind = r#"unshare --mount sh -c 'umount -l /proc && exec "$@"' sh "$@""#;
    // A parent that reaps the member itself, in a session of its own: the wrapper never hears of that death.
    let parent = r#"(trap "" TERM; "$PROBE" app member &
        exec setsid sh -c 'while :; do sleep 0.1; done') & "#;
    // The group is empty with the main child's death, or with that of a member whom SIGTERM ends.
    for (wrapper, members) in [
        (blind, ""),
        (blind, r#""$PROBE" app member & "#),
        (r#""$@""#, parent),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("pid");
        let beside = beside_a_stranger(wrapper);
        let main = format!(
            r#"{members}"$PROBE" app daemon session & echo $$ >"$PIDS"; read line <&3; exit 3"#
        );
        let init = Init::new()
            .as_pid_1()
            .limit(Duration::from_secs(20))
            .through(["sh", "-c", &beside, "sh"])
            .args(["-a", "-t", "1s"]);
        let mut running = script(init, &main).env("PIDS", &pid_file).spawn();
        let _ = running.wait_line("daemon ready ");
        if !members.is_empty() {
            wait_for(&running, &["member ready "]);
        }
        running.send_line("");
        // In any order: what has nobody to wait for may end at once.
        wait_for(&running, &["reborn ready ", "wrapper 3"]);
        running.close_stdin();
        let _ = running.wait_line("reborn alive");
    }
}
