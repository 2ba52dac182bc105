//! The main stories under seccomp filters, by docker: its own profile, `seccomp.json`, and that one without what
//! the init can do without (contract 1.2).

use harness::engine::{Directory, Docker};
use harness::{Requirement, require};
use serde_json::{Value, json};
use std::path::Path;

/// An engine that filters system calls.
fn filtering() -> Option<&'static Docker> {
    let docker = Docker::shared()?;
    let options = docker
        .call(&["info", "--format", "{{.SecurityOptions}}"])
        .expect(0);
    let filters = options.text().contains("name=seccomp");
    require(Requirement::Docker, filters, "the engine has no seccomp").then_some(docker)
}

fn profile() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("seccomp.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Starting, forwarding, reaping, waiting for the rest, stopping and the log, with these options of docker's.
fn check_stories(docker: &Docker, options: &[&str]) {
    let run = |program: &[&str]| docker.run(options, &[&["/pidling"], program].concat());
    let ended = run(&["--", "sh", "-c", "exit 3"]).expect(3);
    assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""));
    let ended = run(&["--", "nothing"]).expect(127);
    assert_eq!(
        ended.stderr,
        "pidling: error: cannot execute 'nothing': it is in no directory of PATH (ENOENT)\n"
    );
    // The reason behind the errno takes a look at the file.
    let ended = run(&["--", "/srv/index.html"]).expect(126);
    assert_eq!(
        ended.stderr,
        "pidling: error: cannot execute '/srv/index.html': this user has no permission to execute it (EACCES)\n"
    );
    let busy = "echo $$; trap 'exit 9' USR1; kill -USR1 1; while :; do :; done";
    let ended = run(&["-v", "--", "sh", "-c", busy]).expect(9);
    let child = ended.text();
    assert_eq!(
        ended.stderr,
        format!(
            "pidling: started 'sh' as process {child}\n\
             pidling: forwarded SIGUSR1 to process {child}\n\
             pidling: main child {child} exited with status 9\n\
             pidling: exiting with status 9\n"
        )
    );
    // The rest goes at SIGTERM, and is reaped.
    let ended = run(&[
        "-vv",
        "-a",
        "--",
        "sh",
        "-c",
        "sleep 1000 & echo $!; exit 4",
    ])
    .expect(4);
    let reaped = format!("pidling: reaped process {}", ended.text());
    for line in ["pidling: sent SIGTERM to the rest", &reaped] {
        assert!(ended.stderr.lines().any(|one| one == line), "{ended}");
    }
    // The rest does not go, and is killed.
    let stubborn = "trap '' TERM; sleep 1000 & echo $!; exit 5";
    let ended = run(&["-a", "-t", "500ms", "--", "sh", "-c", stubborn]).expect(5);
    let survivor = format!("pidling: warning: had to kill process {} (", ended.text());
    let killed =
        "pidling: warning: the deadline has passed: sent SIGKILL to all that could be reached, ";
    for start in [&survivor, killed] {
        assert!(
            ended.stderr.lines().any(|one| one.starts_with(start)),
            "{ended}"
        );
    }
    // docker's own stop.
    let polite =
        "trap 'echo stopping; exit 42' TERM; echo ready; while :; do sleep 1000 & wait; done";
    for options in [
        &[][..],
        &["--user=65534:65533", "--security-opt=no-new-privileges"],
    ]
    .map(|more| [options, more].concat())
    {
        let container = docker.start_container(&options, &["/pidling", "--", "sh", "-c", polite]);
        container.until_says("ready");
        let _ = container.stop(60);
        assert_eq!(container.wait(), 42, "{}", container.logs());
        assert_eq!(container.logs().stdout, "ready\nstopping\n");
    }
}

#[test]
fn the_stories_come_out_under_dockers_own_profile() {
    if let Some(docker) = filtering() {
        check_stories(docker, &[]);
    }
}

#[test]
fn the_stories_come_out_under_a_tight_profile() {
    let Some(docker) = filtering() else { return };
    let directory = Directory::new();
    let file = directory.write("seccomp.json", &profile().to_string());
    let option = format!("--security-opt=seccomp={}", file.display());
    check_stories(docker, &[&option]);
    // The negative control: what is not in the profile is refused.
    let refused = docker
        .run(&[&option], &["/pidling", "--", "mkdir", "/new"])
        .expect(1);
    assert!(
        refused.stderr.ends_with("Operation not permitted\n"),
        "{refused}"
    );
}

#[test]
fn the_stories_come_out_without_the_calls_that_the_init_does_as_well_without() {
    let Some(docker) = filtering() else { return };
    for errno in [libc::EPERM, libc::ENOSYS] {
        let mut profile = profile();
        let groups = profile["syscalls"].as_array_mut().unwrap();
        let mut refused = 0;
        for group in groups.iter_mut() {
            if group["comment"] == "pidling does as well without" {
                group["action"] = json!("SCMP_ACT_ERRNO");
                group["errnoRet"] = json!(errno);
                refused += 1;
            }
        }
        assert_eq!(refused, 1);
        let directory = Directory::new();
        let file = directory.write("seccomp.json", &profile.to_string());
        check_stories(
            docker,
            &[&format!("--security-opt=seccomp={}", file.display())],
        );
    }
}
