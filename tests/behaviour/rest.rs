//! The rest where the init is not PID 1: a wrapper in a CI job or on a host, whose own descendants and
//! nobody else are ended (contract 6.4, 6.5).

use crate::shutdown::{Stranger, script, wait_for};
use harness::{
    Events, Init, LIMIT, Limit, Output, ProcStatus, Requirement, Running, children_of,
    copy_program, emulator_lacks, eventually, peer, pidling, probe, require, require_namespaces,
    require_root, until_next_tick,
};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TERM: i32 = libc::SIGTERM;

/// A job that leaves behind a background process, a session of its own, a daemon after a double fork,
/// and a tree below one. It ends with status 7 once it gets a line.
const JOB: &str = r#"
    "$PROBE" app background &
    "$PROBE" app leader session &
    ("$PROBE" app daemon session &)
    (sh -c '"$PROBE" app leaf group & "$PROBE" app branch session' &)
    read line <&3
    exit 7"#;

/// What [`JOB`] leaves behind.
const LEFT: [&str; 5] = [
    "background ready",
    "leader ready",
    "daemon ready",
    "leaf ready",
    "branch ready",
];

/// The processes that said they are ready.
fn ready_pids(running: &Running) -> Vec<i32> {
    let said = running.stdout_so_far();
    let words = said.lines().filter_map(|line| line.split_once(" ready "));
    words.map(|(_, pid)| pid.parse().unwrap()).collect()
}

/// The end of a process that the test itself has to answer for.
struct KilledOnDrop(i32);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

#[test]
fn nothing_of_a_job_outlives_the_wrapper() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let mut running = script(
        Init::new().json().args(["-v", "--wait-all", "-t", "20s"]),
        JOB,
    )
    .spawn();
    wait_for(&running, &LEFT);
    let left = ready_pids(&running);
    running.send_line("");
    // Not a moment later: the next step of the job may rely on it.
    let status = running.wait_status();
    let alive: Vec<i32> = left
        .into_iter()
        .filter(|pid| ProcStatus::of(*pid).is_some())
        .collect();
    assert!(
        alive.is_empty(),
        "{alive:?} of\n{}",
        running.stdout_so_far()
    );
    assert_eq!(status.code(), Some(7));
    let output = running.wait();
    let child = main_child(&output);
    output.expect_events(
        7,
        &[
            &format!("started command=sh pid={child}"),
            &format!("main_child_ended pid={child} status=7"),
            // The shell above leaf and branch is one more.
            "rest_signalled processes=6 signal=SIGTERM",
            "exit status=7",
        ],
    );
}

/// The main child as the log in JSON names it.
fn main_child(output: &Output) -> i32 {
    let pid = Events::of(output).only("started")["pid"].as_i64();
    pid.unwrap().try_into().unwrap()
}

/// The negative control: without `--wait-all`, and under other inits, processes are left.
#[test]
fn the_check_for_what_outlives_the_wrapper_finds_it() {
    let mut inits = vec![(pidling(), vec![])];
    inits.extend(peer("tini").map(|binary| (binary, vec!["-s"])));
    inits.extend(peer("catatonit").map(|binary| (binary, vec![])));
    for (binary, options) in inits {
        let init = Init::new().binary(binary).args(options);
        let mut running = script(init, JOB).spawn();
        wait_for(&running, &LEFT);
        let left = ready_pids(&running);
        let _guards: Vec<_> = left.iter().map(|pid| KilledOnDrop(*pid)).collect();
        running.send_line("");
        assert_eq!(running.wait_status().code(), Some(7));
        assert_eq!(left.len(), LEFT.len());
        assert!(left.iter().all(|pid| ProcStatus::is_alive(*pid)));
    }
}

#[test]
fn a_stop_signal_ends_the_job_and_all_it_started() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let main = r#"("$PROBE" app daemon session report <&3 &)
        exec "$PROBE" app main report exit:TERM:4 <&3"#;
    let mut running = script(Init::new().args(["--wait-all"]), main).spawn();
    wait_for(&running, &["daemon ready", "main ready"]);
    let pids = ready_pids(&running);
    running.signal(TERM);
    let _ = running.wait_line("daemon got SIGCONT");
    assert!(running.is_running());
    running.close_stdin();
    assert_eq!(running.wait_status().code(), Some(4));
    assert!(pids.iter().all(|pid| ProcStatus::of(*pid).is_none()));
    let output = running.wait();
    output.expect_stderr("");
    let end = "daemon got SIGTERM\ndaemon got SIGCONT\ndaemon done\n";
    assert!(output.stdout().ends_with(end), "{output}");
    assert_eq!(output.stdout().matches("daemon got").count(), 2, "{output}");
}

/// With `-g` the members of the group have had their SIGTERM.
#[test]
fn nobody_of_the_job_gets_sigterm_twice() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let main = r#""$PROBE" app member report <&3 & ("$PROBE" app daemon session report <&3 &)
        exec "$PROBE" app main report exit:HUP:4 <&3"#;
    let mut running = script(Init::new().json().args(["-v", "-g", "-a"]), main).spawn();
    wait_for(&running, &["member ready", "daemon ready", "main ready"]);
    until_next_tick();
    running.signal(TERM);
    wait_for(&running, &["member got SIGTERM", "main got SIGTERM"]);
    running.signal(libc::SIGHUP);
    assert_eq!(running.wait_event("rest_signalled")["processes"], 1);
    running.close_stdin();
    let output = running.wait();
    output.expect_status(4);
    for tag in ["member", "daemon", "main"] {
        let line = format!("{tag} got SIGTERM\n");
        assert_eq!(
            output.stdout().matches(&line).count(),
            1,
            "{tag} of\n{output}"
        );
    }
}

/// Contract 6.3, 6.6: also a daemon that will not go, and those that are born while it is killed.
#[test]
fn a_stubborn_job_is_killed_at_the_deadline() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let main = r#"("$PROBE" app daemon session ignore:TERM &)
        (sh -c 'trap "trap \"\" TERM; sleep 1000 & echo reborn ready \$!; exit" TERM
            "$PROBE" app mortal & wait' &)
        read line <&3; exit 3"#;
    let mut running = script(Init::new().json().args(["-a", "-t1500ms"]), main).spawn();
    wait_for(&running, &["daemon ready", "mortal ready"]);
    running.send_line("");
    let status = running.wait_status();
    let pids = ready_pids(&running);
    assert!(pids.iter().all(|pid| ProcStatus::of(*pid).is_none()));
    assert_eq!((status.code(), pids.len()), (Some(3), 3));
    let output = running.wait();
    let pid = |tag: &str| {
        let stdout = output.stdout();
        let start = format!("{tag} ready ");
        let line = stdout.lines().find_map(|line| line.strip_prefix(&*start));
        line.unwrap().parse::<i32>().unwrap()
    };
    let mut survivors = [(pid("daemon"), "probe"), (pid("reborn"), "sleep")];
    survivors.sort_unstable();
    let [first, second] = survivors.map(|(pid, name)| {
        format!("survivor disposition=ignores name={name} pid={pid} signal=SIGTERM state=S")
    });
    output.expect_events(3, &[&first, &second, "killed"]);
}

/// Starts the init and a sibling of it as children of one shell, in one process group and session, and
/// tells how the sibling ended: by SIGUSR1 (138), unless the init ended it before.
const SIBLINGS: &str = r#""$PROBE" app sibling & sibling=$!
    "$@"; echo "ended $?"
    kill -USR1 $sibling; { wait $sibling; } 2>/dev/null; echo "sibling $?""#;

/// A job that leaves a process which ignores SIGTERM, once it gets a line.
const STUBBORN_JOB: &str = r#"trap "" TERM; sleep 1000 & read line; exit 5"#;

/// Runs a stubborn job beside a sibling of the init, after this setup.
fn run_beside_a_sibling(shell: Init, setup: &str, options: &[&str]) -> Output {
    let mut running = shell
        .binary("/bin/sh")
        .args(["-c", &format!("{setup}; {SIBLINGS}"), "sh"])
        .arg(pidling())
        .args(options)
        .args(["-t", "500ms", "--", "sh", "-c", STUBBORN_JOB])
        .env("PROBE", probe())
        .spawn();
    let _ = running.wait_line("sibling ready");
    running.send_line("");
    let _ = running.wait_line("sibling ");
    let output = running.wait();
    output.expect_status(0);
    let stdout = output.stdout();
    let (_, end) = stdout.split_once('\n').unwrap();
    assert_eq!(end, "ended 5\nsibling 138\n", "{output}");
    output
}

/// Contract 6.5: descendants only, whatever else there is of the same user, session and group.
#[test]
fn processes_that_are_no_descendants_are_left_alone() {
    let mut bystander = Stranger::start(Command::new(probe()).args(["app", "bystander", "report"]));
    for options in [&["-a"][..], &["-a", "-g"]] {
        let _ = run_beside_a_sibling(Init::new(), ":", options);
    }
    bystander.close_stdin();
    assert_eq!(bystander.rest(), "bystander done\n");
}

/// Contract 6.5: nor where the init has not learnt its own number, here in namespaces of its own.
#[test]
fn a_wrapper_that_does_not_know_its_number_kills_no_stranger() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    if !require_namespaces() || !harness::require_strace() {
        return;
    }
    let inject = "--inject=getpid:error=EPERM:when=1..2";
    let beside = r#"("$PROBE" app stranger &); exec "$@""#;
    let mut running = Init::new()
        .as_pid_1()
        .through([probe().as_os_str(), "census".as_ref()])
        .through(["sh", "-c", beside, "sh"])
        .traced(["-o", "/dev/null", inject])
        .args(["-a", "-t", "500ms", "--", "sh", "-c", STUBBORN_JOB])
        .env("PROBE", probe())
        .spawn();
    let _ = running.wait_line("stranger ready ");
    running.send_line("");
    let output = running.wait();
    output.expect_status(5);
    assert!(output.stdout().contains("left probe S\n"), "{output}");
}

/// Contract 6.5, 6.6. In a `/proc` of another PID namespace the same numbers are other processes. The main child's group
/// stands in, and the log says so.
#[test]
fn a_foreign_proc_is_not_believed() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_namespaces() || !require_root() {
        return;
    }
    for (setup, error) in [
        ("umount -l /proc", "ESRCH"),
        ("mount -t tmpfs none /proc", "ENODEV"),
    ] {
        let options = ["-a", "-v", "--log-format=json"];
        let output = run_beside_a_sibling(Init::new().as_pid_1(), setup, &options);
        let events = Events::of(&output);
        let unknown = events.only("survivors_unknown");
        assert_eq!(unknown["error"], error, "{output}");
        assert_eq!(unknown["group"], events.only("started")["pid"], "{output}");
        let _ = events.only("killed");
        assert!(events.named("survivor").is_empty(), "{output}");
    }
}

/// A directory with copies of the programs for a user who may not look into the build's, removed in the
/// end.
pub(crate) struct Copies(pub(crate) PathBuf);

impl Copies {
    pub(crate) fn new(name: &str) -> Self {
        let directory = format!("pidling-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        std::fs::create_dir(&directory).unwrap();
        let this = Self(directory);
        std::fs::set_permissions(&this.0, PermissionsExt::from_mode(0o755)).unwrap();
        this
    }

    pub(crate) fn copy(&self, file: &Path, name: &str, mode: u32) -> PathBuf {
        let copy = self.0.join(name);
        copy_program(file, &copy, mode);
        copy
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether an init of another user can start programs as the superuser: set-user-ID, inode(7).
#[track_caller]
fn require_set_user_id() -> bool {
    let flags = statvfs(&std::env::temp_dir()).unwrap().flags();
    let can = !flags.contains(FsFlags::ST_NOSUID);
    let reason = "the temporary directory takes no set-user-ID programs";
    require_root() && require(Requirement::Root, can, reason)
}

/// Starts an init of another user whose main child starts processes as the superuser, by the program `$ROOT`, until it gets
/// a line.
pub(crate) fn with_root(copies: &Copies, init: Init, processes: &str) -> Running {
    let binary = copies.copy(&pidling(), "pidling", 0o755);
    let root = copies.copy(probe(), "root", 0o4755);
    let init = init.binary(binary).launch(["--user", "65534"]);
    script(init, &format!("{processes}read line <&3; exit 3"))
        .env("ROOT", &root)
        .directory("/")
        .spawn()
}

/// Contract 6.3, 6.6. Leaves a process of the superuser to an init of another user. What the init may not signal cannot
/// hold it for ever, and nobody says that it was killed.
fn leave_a_process_of_root(as_pid_1: bool) {
    if !require_set_user_id() || (as_pid_1 && !require_namespaces()) {
        return;
    }
    let copies = Copies::new(if as_pid_1 { "first" } else { "wrapper" });
    let init = Init::new().json().args(["-v", "-a", "-t500ms"]);
    let (init, asked) = if as_pid_1 {
        (init.as_pid_1(), "")
    } else {
        (init, " processes=0")
    };
    let mut running = with_root(&copies, init, r#""$ROOT" app root root ignore:TERM & "#);
    let _ = running.wait_line("root ready");
    let pids = ready_pids(&running);
    running.send_line("");
    let output = running.wait();
    let (child, pid) = (main_child(&output), pids.first().unwrap());
    output.expect_events(
        3,
        &[
            &format!("started command=sh pid={child}"),
            &format!("main_child_ended pid={child} status=3"),
            &format!("rest_signalled{asked} signal=SIGTERM"),
            &format!("kill_failed error=EPERM name=root pid={pid}"),
            "killed",
            "unkillable",
            "exit status=3",
        ],
    );
    let killed = output.seconds("killed");
    assert!((0.5..10.0).contains(&killed), "{output}");
    let waited = output.seconds("unkillable");
    assert!((5.0..15.0).contains(&waited), "{output}");
}

/// Contract 6.6: whoever may not be signalled is no more counted as killed than named so.
#[test]
fn processes_of_another_user_are_not_counted_as_killed() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    if !require_set_user_id() {
        return;
    }
    let copies = Copies::new("count");
    let init = Init::new().json().args(["-a", "-t500ms"]);
    let processes = r#"for i in $(seq 34); do "$ROOT" app "root$i" root ignore:TERM & done; "#;
    let mut running = with_root(&copies, init, processes);
    let ready = (1..=34).map(|index| format!("root{index} ready "));
    let ready: Vec<String> = ready.collect();
    wait_for(
        &running,
        &ready.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    running.send_line("");
    let output = running.wait();
    output.expect_status(3);
    let events = Events::of(&output);
    assert_eq!(events.named("kill_failed").len(), 32, "{output}");
    events.expect_none("survivor");
    events.expect_none("more_survivors");
}

#[test]
fn a_process_of_another_user_does_not_wedge_a_wrapper() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    leave_a_process_of_root(false);
}

#[test]
fn a_process_of_another_user_does_not_wedge_pid_1() {
    leave_a_process_of_root(true);
}

/// A wrapper without `--wait-all` ends at once, and its deadline still reaches what a hung job started.
#[test]
fn the_deadline_of_a_hung_job_reaches_its_descendants() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let main =
        r#"("$PROBE" app daemon session ignore:TERM &) ; exec "$PROBE" app main ignore:TERM"#;
    let mut running = script(Init::new().args(["-t", "500ms"]), main).spawn();
    wait_for(&running, &["daemon ready", "main ready"]);
    let pids = ready_pids(&running);
    let _guards: Vec<_> = pids.iter().map(|pid| KilledOnDrop(*pid)).collect();
    running.signal(TERM);
    assert_eq!(running.wait_status().code(), Some(137));
    // It did not wait for the daemon, but killed it.
    assert!(eventually(LIMIT, || pids
        .iter()
        .all(|pid| !ProcStatus::is_alive(*pid))));
    let output = running.wait();
    let dispositions = ["ignores SIGTERM", "never got SIGTERM"];
    for disposition in dispositions {
        assert_eq!(output.stderr().matches(disposition).count(), 1, "{output}");
    }
}

/// A job that leaves nothing is not waited for.
#[test]
fn an_empty_rest_costs_nothing() {
    let output = Init::new()
        .json()
        .args(["-v", "-a", "--", "sh", "-c", "exit 9"])
        .run();
    let child = main_child(&output);
    output.expect_events(
        9,
        &[
            &format!("started command=sh pid={child}"),
            &format!("main_child_ended pid={child} status=9"),
            "rest_signalled processes=0 signal=SIGTERM",
            "exit status=9",
        ],
    );
    // It has nine seconds.
    assert!(output.elapsed < Duration::from_secs(8), "{output}");
}

/// Wrappers in wrappers: the outer one ends what the inner one left.
#[test]
fn an_inner_wrapper_leaves_its_rest_to_the_outer_one() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let main = r#""$INNER" -- sh -c '("$PROBE" app daemon session &) ; read line <&3; exit 8'"#;
    let init = Init::new().arg("--wait-all").env("INNER", pidling());
    let mut running = script(init, main).spawn();
    let _ = running.wait_line("daemon ready");
    let pids = ready_pids(&running);
    let daemon = *pids.first().unwrap();
    // The inner one is its subreaper, and the nearest above.
    let inner = ProcStatus::of(daemon).unwrap().ppid();
    assert!(
        children_of(inner)
            .iter()
            .any(|process| process.pid == daemon)
    );
    assert_ne!(inner, running.init_pid());
    running.send_line("");
    assert_eq!(running.wait_status().code(), Some(8));
    assert!(ProcStatus::of(daemon).is_none());
}
