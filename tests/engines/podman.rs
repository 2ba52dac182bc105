//! What users of podman do, with the real podman and runc: the init under `--init` (contract 1 to 7), under
//! the name of the init that podman looks for (10), and as the pause process of a pod (9).
//!
//! Each test has a storage of its own. The resource limits keep to what a container may have where the one
//! who runs the tests is in a container, too.

use std::process::Command;

use harness::engine::{
    Directory, Ended, LIMIT, Process, Running, archive, eventually_some, fill_root, finish, orphans,
};
use harness::{Requirement, code_blocks, eventually, pidling, program, require_ok};

use crate::quick_start::{SERVER, make_executable};

/// The image of nothing but the init, which podman takes for the first container of a pod.
const INFRA: &str = "localhost/infra:1";

/// A podman with nothing in its storage, which is removed with its containers when it is dropped.
struct Podman {
    place: Directory,
    /// The root of the small system.
    root: Directory,
}

impl Podman {
    /// Looks whether podman works here. A test that gets `None` is to be skipped, the reason has been said.
    #[track_caller]
    fn new() -> Option<Self> {
        require_ok(Requirement::Podman, Self::try_new())
    }

    fn try_new() -> Result<Self, String> {
        for name in ["podman", "runc"] {
            let _ = program(name).ok_or(format!("no {name}"))?;
        }
        if !nix::unistd::geteuid().is_root() {
            return Err("a storage of the tests' own needs root".to_owned());
        }
        let (place, root) = (Directory::new(), Directory::new());
        fill_root(&root)?;
        let network = place.join("network");
        let locks = format!(
            "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]\n\
             [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
             infra_image = \"{INFRA}\"\n\
             [network]\nnetwork_config_dir = \"{}\"\n",
            network.display()
        );
        let _ = place.write("containers.conf", &locks);
        std::fs::create_dir(network).map_err(|error| error.to_string())?;
        let this = Self { place, root };
        let tried = this.run(&[], &["true"]);
        if tried.code() == Some(0) {
            Ok(this)
        } else {
            Err(tried.stderr)
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("podman");
        let _ = command.env("CONTAINERS_CONF", self.place.join("containers.conf"));
        for (option, directory) in [
            ("--root", "root"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
        ] {
            let _ = command.arg(option).arg(self.place.join(directory));
        }
        let _ = command.arg("--storage-driver=vfs").args(words);
        command
    }

    #[track_caller]
    fn call(&self, words: &[&str]) -> Ended {
        finish(&mut self.command(words))
    }

    /// Imports a directory as an image, with a change of its configuration.
    #[track_caller]
    fn import(&self, root: &Directory, change: &str, image: &str) {
        let import = &mut self.command(&["import", "--change", change, "-", image]);
        let _ = Running::start(import, archive(root)).finish().expect(0);
    }

    /// Imports the image of the first container of a pod: the init under the name that podman looks for.
    #[track_caller]
    fn import_infra(&self) {
        let infra = Directory::new();
        infra.copy(pidling(), "catatonit");
        self.import(&infra, "ENTRYPOINT [\"/catatonit\",\"-P\"]", INFRA);
    }

    /// The words that create a container of the small system.
    fn words<'a>(
        &'a self,
        verb: &[&'a str],
        options: &[&'a str],
        program: &[&'a str],
    ) -> Vec<&'a str> {
        // In a pod the network is the pod's.
        let network: &[&str] = if options.contains(&"--pod") {
            &[]
        } else {
            &["--network=none"]
        };
        [
            verb,
            network,
            options,
            &["--rootfs", self.root.path()],
            program,
        ]
        .concat()
    }

    /// Runs a program in a container to its end.
    #[track_caller]
    fn run(&self, options: &[&str], program: &[&str]) -> Ended {
        self.call(&self.words(&["run", "--rm"], options, program))
    }

    /// Starts a program in a container and returns the container's name.
    #[track_caller]
    fn start(&self, options: &[&str], program: &[&str]) -> String {
        let words = self.words(&["run", "--detach"], options, program);
        self.call(&words).expect(0).text().to_owned()
    }

    #[track_caller]
    fn until_says(&self, container: &str, line: &str) {
        let logs = || self.call(&["logs", container]);
        let says = || logs().stdout.lines().any(|one| one == line);
        let said = eventually_some(LIMIT, || says().then_some(()));
        assert!(said.is_some(), "never said {line:?}: {}", logs());
    }

    #[track_caller]
    fn wait(&self, container: &str) -> i32 {
        let status = self.call(&["wait", container]).expect(0);
        status.text().parse().unwrap_or_else(|_| panic!("{status}"))
    }

    /// The processes that descend from the first one of a container's PID namespace.
    #[track_caller]
    fn processes(&self, container: &str) -> Vec<Process> {
        let words = [
            "exec",
            container,
            "sh",
            "-c",
            "cat /proc/[0-9]*/stat 2>/dev/null; true",
        ];
        Process::descendants_of_init(&self.call(&words).expect(0).stdout)
    }

    /// Leaves a hundred orphans in a container, and asserts that nothing of them stays.
    #[track_caller]
    fn assert_orphans_are_reaped(&self, container: &str) {
        let before = self.processes(container);
        let _ = self
            .call(&["exec", container, "sh", "-c", &orphans(100)])
            .expect(0);
        let gone = eventually(LIMIT, || self.processes(container) == before);
        let left = self.processes(container).len();
        assert!(gone, "{left} processes where there were {}", before.len());
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        for words in [
            ["pod", "rm", "--all", "--force"],
            ["rm", "--all", "--force", "--time=0"],
        ] {
            // A panic in here would hide the one that may be the reason for it.
            let _ = self.command(&words).output();
        }
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.place.join("root/vfs"))
            .output();
    }
}

/// The options that make the init under test podman's.
fn init_options(init: &str) -> [&str; 3] {
    ["--init", "--init-path", init]
}

/// A server that handles SIGTERM: it says so, ends what it has started, and exits with 42, at once.
const POLITE: &[&str] = &[
    "sh",
    "-c",
    "sleep 1000 & trap 'echo stopping; kill $!; wait; exit 42' TERM; trap 'echo got USR1' USR1; \
     echo ready; while :; do wait; done",
];

#[test]
fn podman_run_init_ends_with_the_status_of_its_command() {
    let Some(podman) = Podman::new() else {
        return;
    };
    let init = pidling();
    let options = init_options(init.to_str().unwrap());
    for (program, status) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 127", 127),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
    ] {
        let ended = podman.run(&options, &["sh", "-c", program]).expect(status);
        assert_eq!(ended.stdout, "", "{program}");
    }
    let first = podman.run(&options, &["cat", "/proc/1/cmdline"]).expect(0);
    assert_eq!(first.stdout, "/run/podman-init\0--\0cat\0/proc/1/cmdline\0");
    let ended = podman.run(&options, &["none"]).expect(127);
    let line = "pidling: error: cannot execute 'none': it is in no directory of PATH (ENOENT)\n";
    assert_eq!((&*ended.stdout, &*ended.stderr), ("", line));
}

#[test]
fn podman_kill_and_podman_stop_reach_the_command() {
    let Some(podman) = Podman::new() else {
        return;
    };
    let init = pidling();
    let container = podman.start(&init_options(init.to_str().unwrap()), POLITE);
    podman.until_says(&container, "ready");
    podman.assert_orphans_are_reaped(&container);
    let _ = podman
        .call(&["kill", "--signal=USR1", &container])
        .expect(0);
    podman.until_says(&container, "got USR1");
    // SIGKILL would come after this time, and make the status 137.
    let _ = podman.call(&["stop", "--time=30", &container]).expect(0);
    assert_eq!(podman.wait(&container), 42);
    let logs = podman.call(&["logs", &container]).expect(0);
    assert_eq!(
        (&*logs.stdout, &*logs.stderr),
        ("ready\ngot USR1\nstopping\n", "")
    );
}

/// Contract 1.3 and 6.4, with the variable as the only channel for options.
#[test]
fn an_environment_variable_brings_options_to_the_init_of_podman_run_init() {
    let Some(podman) = Podman::new() else {
        return;
    };
    let init = pidling();
    let options = ["--env", "PIDLING_OPTIONS=--wait-all -t 20s -v"];
    let options = [&init_options(init.to_str().unwrap())[..], &options].concat();
    let server = "sh -c 'trap \"echo draining; sleep 1; echo drained; exit 0\" TERM; echo ready; \
                  while :; do sleep 1000 & wait; done' & wait";
    let container = podman.start(&options, &["sh", "-c", server]);
    podman.until_says(&container, "ready");
    let _ = podman.call(&["stop", "--time=30", &container]).expect(0);
    assert_eq!(podman.wait(&container), 143);
    let logs = podman.call(&["logs", &container]).expect(0);
    assert_eq!(logs.stdout, "ready\ndraining\ndrained\n");
    assert!(
        logs.stderr.ends_with("pidling: exiting with status 143\n"),
        "{logs}"
    );
}

/// Podman looks for an init of this name, first as `init_path` of its configuration.
#[test]
fn podman_takes_a_copy_of_the_name_it_looks_for() {
    let Some(podman) = Podman::new() else {
        return;
    };
    let programs = Directory::new();
    programs.copy(pidling(), "catatonit");
    let catatonit = programs.join("catatonit");
    let catatonit = catatonit.to_str().unwrap();
    let version = finish(Command::new(catatonit).arg("--version")).expect(0);
    let expected = concat!("tini version ", env!("CARGO_PKG_VERSION"), "_pidling\n");
    assert_eq!(version.stdout, expected);
    let configuration = podman.place.join("containers.conf");
    let text = std::fs::read_to_string(&configuration).unwrap();
    let text = text.replace(
        "[containers]",
        &format!("[containers]\ninit_path = \"{catatonit}\""),
    );
    std::fs::write(configuration, text).unwrap();

    let options = ["--init", "--env", "PIDLING_OPTIONS=-v"];
    let ended = podman.run(&options, &["sh", "-c", "exit 5"]).expect(5);
    assert!(
        ended.stderr.ends_with("pidling: exiting with status 5\n"),
        "{ended}"
    );
}

/// Contract 9: an image of nothing but the pause process, as podman makes it for a pod.
#[test]
fn the_infra_container_of_a_pod_reaps_for_its_members_and_ends_at_once() {
    let Some(podman) = Podman::new() else {
        return;
    };
    podman.import_infra();
    let words = ["pod", "create", "--network=none", "--share=pid,ipc,uts,net"];
    let pod = podman.call(&words).expect(0).text().to_owned();
    let _ = podman.call(&["pod", "start", &pod]).expect(0);

    let members = [(); 2].map(|()| podman.start(&["--pod", &pod], POLITE));
    for member in &members {
        podman.until_says(member, "ready");
        podman.assert_orphans_are_reaped(member);
    }
    let first = podman
        .call(&["exec", &members[0], "cat", "/proc/1/cmdline"])
        .expect(0);
    assert_eq!(first.stdout, "/catatonit\0-P\0");

    let format = "{{.InfraContainerID}}";
    let infra = podman
        .call(&["pod", "inspect", "--format", format, &pod])
        .expect(0);
    // In their own order: a pod's end kills whoever is left in its PID namespace.
    for member in &members {
        let _ = podman.call(&["stop", "--time=30", member]).expect(0);
        assert_eq!(podman.wait(member), 42);
    }
    let _ = podman.call(&["pod", "stop", "--time=30", &pod]).expect(0);
    assert_eq!(podman.wait(infra.text()), 0);
}

/// The manifests of the recipes as they stand, in pods one after the other.
#[test]
fn the_kubernetes_manifests_of_the_recipes_run() {
    let Some(podman) = Podman::new() else {
        return;
    };
    podman.import_infra();
    make_executable(&podman.root.write("bin/your-program", SERVER));
    for image in ["app", "pidling-with-cp"] {
        podman.import(&podman.root, "ENV PATH=/bin", image);
    }
    let mut manifests = code_blocks("docs/recipes.md", "yaml");
    manifests.retain(|block| block.contains("kind: Pod"));
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        let file = podman.place.write("pod.yaml", &manifest);
        let file = file.to_str().unwrap();
        let play = || podman.call(&["play", "kube", "--replace", "--network=none", file]);
        // Podman 4 may try to remove an init container in the moment in which it ends, and then gives up.
        let was_too_early = |ended: &Ended| ended.stderr.contains("remove once init container");
        let played = (0..10).map(|_| play()).find(|ended| !was_too_early(ended));
        let _ = played.expect("podman is not always too early").expect(0);
        podman.until_says("app-app", "ready");
        let first = podman
            .call(&["exec", "app-app", "/bin/cat", "/proc/1/cmdline"])
            .expect(0);
        assert!(first.stdout.contains("pidling\0--"), "{first}");
        // The time of Kubernetes, which is longer than what podman gives by itself.
        let _ = podman.call(&["stop", "--time=45", "app-app"]).expect(0);
        assert_eq!(podman.wait("app-app"), 0, "{manifest}");
        let logs = podman.call(&["logs", "app-app"]).expect(0);
        assert_eq!(
            (&*logs.stdout, &*logs.stderr),
            ("ready\nstopped\n", ""),
            "{manifest}"
        );
        let _ = podman.call(&["play", "kube", "--down", file]).expect(0);
    }
}

/// The Dockerfiles of the recipes, each finished where it is a part, with the tool that knows `--chmod`.
#[test]
fn the_dockerfiles_of_the_recipes_build() {
    let Some(podman) = Podman::new() else {
        return;
    };
    make_executable(&podman.root.write("bin/your-program", SERVER));
    podman.import(&podman.root, "CMD [\"your-program\"]", "base");
    let blocks = code_blocks("docs/recipes.md", "dockerfile");
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let context = Directory::new();
        context.copy(pidling(), "pidling");
        context.copy(pidling(), "pidling-linux-amd64");
        let _ = context.write("Dockerfile", &format!("FROM base\n{block}"));
        let argument = "--build-arg=TARGETARCH=amd64";
        let _ = podman.call(&["build", argument, context.path()]).expect(0);
    }
}
