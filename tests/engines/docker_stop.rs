//! How containers stop and die under docker, as their users see it (contract 1.3, 2.7, 6.1, 6.4, 6.9, 7.1, 7.2, 9).

use std::time::Duration;

use harness::Events;
use harness::engine::{Container, Docker, Ended};

/// Options of the init, for both ways to get it into a container.
const JSON: &str = "PIDLING_OPTIONS=--log-format=json";

/// Starts the init as an entry point, or as what `--init` puts in; the options go into the variable.
fn start<'a>(
    docker: &'a Docker,
    by_init_option: bool,
    options: &[&str],
    program: &[&str],
) -> Container<'a> {
    if by_init_option {
        docker.start_container(&[&["--init"], options].concat(), program)
    } else {
        docker.start_container(options, &[&["/pidling", "--"], program].concat())
    }
}

/// Whether `--init` puts the init under test in as well.
fn ways(docker: &Docker) -> impl Iterator<Item = bool> {
    [false, true]
        .into_iter()
        .filter(|by_init_option| !by_init_option || docker.init_path.is_some())
}

/// The log of a container's init.
#[track_caller]
fn events(logs: &Ended) -> Events {
    Events::in_text(&logs.stderr)
}

/// Contract 6.9: no options at all, and docker's own ten seconds.
#[test]
fn an_app_that_ignores_sigterm_is_named_before_docker_kills_it() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let deaf = [
        "sh",
        "-c",
        "trap '' TERM; echo ready; while :; do sleep 1000; done",
    ];
    for by_init_option in ways(docker) {
        let container = start(docker, by_init_option, &[], &deaf);
        container.until_says("ready");
        let elapsed = container.stop(10);
        assert!(elapsed >= Duration::from_secs(10), "{elapsed:?}");
        assert_eq!(container.wait(), 137);
        let logs = container.logs();
        assert_eq!(logs.stderr.lines().count(), 1, "{logs}");
        for fact in ["pidling: warning: main child ", "(sh)", "ignores SIGTERM"] {
            assert!(logs.stderr.contains(fact), "{fact}: {logs}");
        }
    }
}

/// Contract 6.9: the control.
#[test]
fn an_app_that_drains_for_long_is_not_named() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let drains = "trap 'echo draining; sleep 9; exit 3' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let container = start(docker, false, &[], &["sh", "-c", drains]);
    container.until_says("ready");
    let _ = container.stop(30);
    assert_eq!(container.wait(), 3);
    // Its last sleep never got the stop signal, which is told; the time that it took is not.
    let logs = container.logs();
    assert!(!logs.stderr.contains("still lives"), "{logs}");
}

/// Contract 6.4: the report comes before docker's SIGKILL.
#[test]
fn waiting_for_all_ends_before_docker_kills() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let app = "(trap '' TERM; echo ready; exec sleep 1000) & exec sleep 1000";
    for by_init_option in ways(docker) {
        let options = ["-e", "PIDLING_OPTIONS=--wait-all -v --log-format=json"];
        let container = start(docker, by_init_option, &options, &["sh", "-c", app]);
        container.until_says("ready");
        let elapsed = container.stop(10);
        assert!(elapsed >= Duration::from_secs(9), "{elapsed:?}");
        assert_eq!(container.wait(), 143, "{}", container.logs());
        let logs = container.logs();
        let events = events(&logs);
        let killed = events.only("killed").number("elapsed_ms");
        assert!((9000..10_000).contains(&killed), "{logs}");
        assert_eq!(
            events.only("survivor").text("disposition"),
            "ignores",
            "{logs}"
        );
    }
}

/// Contract 6.1: the signal that an image stops by.
#[test]
fn the_stop_signal_of_an_image_is_one_once_the_init_knows_it() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    for (signal, word) in [
        ("WINCH", "WINCH"),
        ("QUIT", "SIGQUIT"),
        ("RTMIN+3", "RTMIN+3"),
    ] {
        let number = if signal == "RTMIN+3" { "37" } else { signal };
        let app = format!(
            "trap 'echo stopping; exit 0' {number}; echo ready; while :; do sleep 1000 & wait; done"
        );
        for by_init_option in ways(docker) {
            // The control is the same for all.
            for is_known in [true, false] {
                if !is_known && (by_init_option || signal != "WINCH") {
                    continue;
                }
                let added = if is_known {
                    format!("--stop-signal {word}")
                } else {
                    String::new()
                };
                let variable = format!(
                    "PIDLING_OPTIONS=-v --log-format=json --stop-delay 500ms -t 20s {added}"
                );
                let stop = format!("--stop-signal={signal}");
                let options = [&stop, "-e", &variable];
                let container = start(docker, by_init_option, &options, &["sh", "-c", &app]);
                container.until_says("ready");
                let _ = container.stop(30);
                assert_eq!(container.wait(), 0, "{}", container.logs());
                let logs = container.logs();
                assert_eq!(logs.stdout, "ready\nstopping\n", "{logs}");
                for event in ["shutdown_began", "stop_delayed", "shutdown_took"] {
                    assert_eq!(
                        events(&logs).named(event).len(),
                        usize::from(is_known),
                        "{event}: {logs}"
                    );
                }
            }
        }
    }
}

/// Contract 9.
#[test]
fn a_sandbox_drains_what_docker_exec_has_started() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let container = docker.start_container(&[], &["/pidling", "--pause", "--wait-all", "-t", "5s"]);
    let visitor = "trap 'echo draining >/proc/1/fd/1; sleep 1; echo drained >/proc/1/fd/1; exit 0' TERM; \
                   echo visiting >/proc/1/fd/1; while :; do sleep 1000 & wait; done";
    let _ = docker
        .call(&["exec", "--detach", &container.id, "sh", "-c", visitor])
        .expect(0);
    container.until_says("visiting");
    let elapsed = container.stop(30);
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    assert_eq!(container.wait(), 0);
    let logs = container.logs();
    assert_eq!(
        (&*logs.stdout, &*logs.stderr),
        ("visiting\ndraining\ndrained\n", ""),
        "{logs}"
    );
}

/// Contract 1.3: `--init` above an image whose entry point is the init as well.
#[test]
fn two_inits_of_one_container_count_the_options_once() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    if !ways(docker).any(|by_init_option| by_init_option) {
        return;
    }
    let app = "trap 'exit 42' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let options = [
        "--init",
        "-e",
        "PIDLING_OPTIONS=-v --log-format=json --stop-delay 1s",
    ];
    let container = docker.start_container(&options, &["/pidling", "--", "sh", "-c", app]);
    container.until_says("ready");
    let _ = container.stop(30);
    assert_eq!(container.wait(), 42);
    let logs = container.logs();
    let events = events(&logs);
    let _ = events.only("started");
    let held = events
        .only("signal_forwarded")
        .after(events.only("stop_delayed"));
    assert!((990..2000).contains(&held), "{logs}");
    let took = events.only("shutdown_took").number("elapsed_ms");
    assert!((1000..2000).contains(&took), "{logs}");
}

/// Contract 7.1. What tail(1) of a file without line ends does is to read all of it into memory.
#[test]
fn the_count_of_the_kernel_tells_who_has_killed_the_main_child() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    for by_init_option in ways(docker) {
        let options = ["-e", JSON, "--memory=32m"];
        let container = start(docker, by_init_option, &options, &["tail", "/dev/zero"]);
        assert_eq!(container.wait(), 137);
        let logs = container.logs();
        let line = events(&logs).only("sigkill_explained").clone();
        assert_eq!(
            (line.text("killer"), line.number("oom_kill")),
            ("probably_oom_killer", 1),
            "{logs}"
        );
        assert_eq!(logs.stderr.lines().count(), 1, "{logs}");

        // Somebody else, in the same container or not.
        let container = start(docker, by_init_option, &options, &["sleep", "1000"]);
        let main = container.until_runs("sleep").pid;
        let _ = container.exec(&["kill", "-9", &main.to_string()]);
        assert_eq!(container.wait(), 137);
        let logs = container.logs();
        let line = events(&logs).only("sigkill_explained").clone();
        assert_eq!(
            (line.text("killer"), line.number("oom_kill")),
            ("not_oom_killer", 0),
            "{logs}"
        );
        assert_eq!(line.number("pid"), u64::from(main), "{logs}");
    }
}

/// Contract 7.2.
#[test]
fn a_worker_that_ran_out_of_memory_is_told() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let options = ["-e", JSON, "--memory=32m"];
    for (app, status, counts) in [
        // The app's own child; the app fails.
        ("tail /dev/zero; exit 1", 1, &[1][..]),
        // An orphan that the init reaps; the app goes on and ends well. Its pipe ends with the orphan.
        ("(tail /dev/zero &) | cat; sleep 1; exit 0", 0, &[1]),
        // Two, one after the other.
        (
            "(tail /dev/zero &) | cat; sleep 1; (tail /dev/zero &) | cat; sleep 1; exit 0",
            0,
            &[1, 2],
        ),
        // The controls: nobody was killed, or the app copes with it.
        ("exit 1", 1, &[]),
        ("tail /dev/zero; exit 0", 0, &[]),
    ] {
        let container = start(docker, false, &options, &["sh", "-c", app]);
        assert_eq!(container.wait(), status, "{app}: {}", container.logs());
        let logs = container.logs();
        let events = events(&logs);
        let told: Vec<u64> = events
            .named("oom_killed")
            .iter()
            .map(|event| event.number("oom_kill"))
            .collect();
        assert_eq!(told, counts, "{app}: {logs}");
        assert!(
            events.iter().all(|event| event.name() == "oom_killed"),
            "{app}: {logs}"
        );
    }
}

/// Contract 7.2: an ordinary end after a stop is not the place for old news.
#[test]
fn an_ordinary_stop_says_nothing_of_memory() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let app = "tail /dev/zero 2>/dev/null; echo ready; exec sleep 1000";
    let container = start(
        docker,
        false,
        &["-e", JSON, "--memory=32m"],
        &["sh", "-c", app],
    );
    container.until_says("ready");
    let _ = container.stop(30);
    assert_eq!(container.wait(), 143);
    events(&container.logs()).expect_none("oom_killed");
}

/// Contract 2.7: the limit that is reached is named. The shell fills the container, and becomes the init.
#[test]
fn the_limit_of_processes_of_a_container_is_named() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let fill = "i=0; while [ $i -lt 29 ]; do sleep 1000 & i=$((i + 1)); done; \
                exec /pidling --log-format=json -- true";
    let ended = docker
        .run(&["--pids-limit=30"], &["sh", "-c", fill])
        .expect(125);
    let event = events(&ended).only("start_failed").clone();
    assert_eq!(
        (
            event.text("step"),
            event.text("error"),
            event.text("limit"),
            event.number("limit_value")
        ),
        ("process", "EAGAIN", "pids.max", 30),
        "{ended}"
    );
    let text = fill.replace(" --log-format=json", "");
    let ended = docker
        .run(&["--pids-limit=30"], &["sh", "-c", &text])
        .expect(125);
    assert!(
        ended.stderr.contains("pids.max") && ended.stderr.contains("30"),
        "{ended}"
    );
}

/// Contract 2.7: docker mounts a tmpfs noexec unless it is told otherwise.
#[test]
fn a_program_on_a_noexec_tmpfs_of_dockers_is_told() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let run = "cp /bin/busybox /mnt/true && exec /pidling --log-format=json -- /mnt/true";
    let ended = docker
        .run(&["--tmpfs=/mnt"], &["sh", "-c", run])
        .expect(126);
    assert_eq!(
        events(&ended).only("exec_failed").text("reason"),
        "noexec_mount",
        "{ended}"
    );
    let _ = docker
        .run(&["--tmpfs=/mnt:exec"], &["sh", "-c", run])
        .expect(0);
}

/// Contract 7.4.
#[test]
fn a_server_that_docker_stop_cuts_off_is_named_and_what_docker_exec_started_is_not() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let app = "httpd -f -p 8080 -h /srv & echo ready; wait";
    for by_init_option in ways(docker) {
        let container = start(docker, by_init_option, &["-e", JSON], &["sh", "-c", app]);
        container.until_says("ready");
        let server = container.until_runs("httpd").pid;
        let _ = docker
            .call(&["exec", "--detach", &container.id, "sleep", "1000"])
            .expect(0);
        let _ = container.stop(30);
        assert_eq!(container.wait(), 143);
        let logs = container.logs();
        let line = events(&logs).only("cut_off").clone();
        assert_eq!(
            (line.text("level"), line.number("processes")),
            ("warning", 1),
            "{logs}"
        );
        let first = &line.field("first").expect("the first ones")[0];
        assert_eq!(
            (&first["pid"], &first["name"]),
            (&server.into(), &"httpd".into()),
            "{logs}"
        );
    }
}
