//! What README and the recipes say to run, with a real engine, as it stands but for images that would have to be
//! fetched.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::engine::{Container, Directory, Docker, LIMIT, finish};
use harness::{Requirement, code_blocks, eventually, package, pidling, program, require};

/// In place of a server: it stops on SIGTERM and on SIGQUIT.
pub(crate) const SERVER: &str = "#!/bin/sh
sleep 1000 &
trap 'echo stopped; kill $!; wait; exit 0' TERM QUIT
echo ready
while :; do wait; done
";

/// Lets everybody run a file.
pub(crate) fn make_executable(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A text with an image in place of one that it names once.
fn with_our_image(text: &str, image: &str, ours: &str) -> String {
    assert_eq!(text.matches(image).count(), 1, "{image}: {text}");
    text.replace(image, ours)
}

/// An image of the tests, removed when it is dropped.
struct Image<'a> {
    docker: &'a Docker,
    name: String,
}

impl<'a> Image<'a> {
    /// Builds what is in a directory.
    #[track_caller]
    fn build(docker: &'a Docker, context: &Directory, name: &str) -> Self {
        let name = format!("pidling-test-{name}:{}", std::process::id());
        let build = ["build", "--network=none", "--force-rm", "--tag", &name];
        let _ = docker
            .call(&[&build[..], &[context.path()]].concat())
            .expect(0);
        Self { docker, name }
    }

    /// The small system with the server under every name that the documents call it by.
    #[track_caller]
    fn server(docker: &'a Docker, name: &str, stop_signal: &str) -> Self {
        let context = Directory::new();
        for program in ["your-program", "nginx"] {
            make_executable(&context.write(program, SERVER));
        }
        let entry_point = "#!/bin/sh\nexec \"$@\"\n";
        make_executable(&context.write("docker-entrypoint.sh", entry_point));
        let file = format!(
            "FROM {}\nCOPY your-program nginx /bin/\nCOPY docker-entrypoint.sh /\n\
             STOPSIGNAL {stop_signal}\nCMD [\"your-program\"]\n",
            docker.image
        );
        let _ = context.write("Dockerfile", &file);
        Self::build(docker, &context, name)
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let _ = self
            .docker
            .command(&["rmi", "--force", &self.name])
            .output();
    }
}

#[test]
fn the_dockerfile_of_the_readme_makes_an_image_that_stops_at_once() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let block = &code_blocks("README.md", "dockerfile")[0];
    let context = Directory::new();
    context.copy(pidling(), "pidling");
    let file = with_our_image(block, "debian:stable-slim", &docker.image);
    let _ = context.write("Dockerfile", &file);

    let image = Image::build(docker, &context, "quick-start");
    let run = docker
        .call(&["run", "--detach", "--network=none", &image.name])
        .expect(0);
    let container = Container::adopt(docker, run.text().to_owned());
    let says = || container.logs().stdout.starts_with("running as process ");
    assert!(eventually(LIMIT, says), "{}", container.logs());
    let _ = container.stop(60);
    // 143: of SIGTERM, which has not to wait for a SIGKILL.
    assert_eq!(container.wait(), 143);
}

/// Every `docker run` in the prose of these documents that names an image.
#[test]
fn the_docker_commands_of_the_documents_run() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    if docker.init_path.is_none() {
        let reason = "only an engine of the tests' own takes their init for --init";
        let _ = require(Requirement::Docker, false, reason);
        return;
    }
    let context = Directory::new();
    context.copy(pidling(), "pidling");
    let _ = context.write(
        "Dockerfile",
        &format!("FROM {}\nCMD [\"sh\", \"-c\", \"exit 5\"]\n", docker.image),
    );
    let image = Image::build(docker, &context, "commands");
    let mut count = 0;
    for document in ["README.md", "docs/recipes.md"] {
        let text = fs::read_to_string(package().join(document)).unwrap();
        let text = text.replace("\n  ", " ").replace('\n', " ");
        let commands = text
            .split('`')
            .filter(|span| span.starts_with("docker run ") && span.contains("IMAGE"));
        for command in commands {
            count += 1;
            let command = with_our_image(command, "IMAGE", &image.name)
                .replace("COMMAND", "sh -c 'exit 5'")
                .replace("/usr/local/bin/pidling", "$PWD/pidling")
                .replace("docker run", "docker run --rm --network=none");
            let mut shell = docker.in_environment("sh");
            let _ = finish(shell.args(["-c", &command]).current_dir(&context)).expect(5);
        }
    }
    assert_eq!(count, 5);
}

/// The image as the recipe makes it, started and used as GitHub's runner does. The step without the init is the negative
/// control.
#[test]
fn a_step_of_the_ci_recipes_leaves_no_process_behind() {
    const LITTER: &str = "#!/bin/sh\nsleep 1000 >/dev/null 2>&1 &\n";
    let Some(docker) = Docker::shared() else {
        return;
    };
    let recipes = fs::read_to_string(package().join("docs/recipes.md")).unwrap();
    let (_, recipes) = recipes.split_once("\n## CI jobs\n").unwrap();
    let (recipes, _) = recipes.split_once("\n## ").unwrap();
    let (_, block) = recipes.split_once("```dockerfile\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let context = Directory::new();
    context.copy(pidling(), "pidling");
    make_executable(&context.write("your-program", LITTER));
    // The small system has an init of its own.
    let base = format!("FROM {}\nRUN rm /pidling\n", docker.image);
    let file = format!("{base}COPY your-program /bin/\n{block}");
    let _ = context.write("Dockerfile", &file);
    let image = Image::build(docker, &context, "ci");

    let run = ["run", "--detach", "--network=none", "--init"];
    let instead = ["--entrypoint=tail", &image.name, "-f", "/dev/null"];
    let run = docker.call(&[run, instead].concat()).expect(0);
    let container = Container::adopt(docker, run.text().to_owned());
    let step = |command: &str| {
        let _ = container.exec(&["sh", "-e", "-c", command]).expect(0);
        let names = container.processes().into_iter().map(|one| one.name);
        names.collect::<Vec<_>>()
    };
    let commands = recipes
        .split(['\n', '`', '\''])
        .map(|part| part.trim_start_matches([' ', '-']))
        .map(|part| part.trim_start_matches("run: "))
        .filter(|part| part.ends_with(" -- your-program"));
    assert_eq!(commands.clone().count(), 4);
    for command in commands {
        assert_eq!(step(command), ["tail"], "{command}");
    }
    assert_eq!(step("your-program"), ["tail", "sleep"]);
}

/// A project of Compose, taken down when it is dropped.
struct Compose<'a> {
    docker: &'a Docker,
    place: Directory,
}

impl<'a> Compose<'a> {
    /// Starts what a file describes, without the network of its own that Compose would make.
    #[track_caller]
    fn up(docker: &'a Docker, file: &str, services: &[&str]) -> Self {
        let place = Directory::new();
        place.copy(pidling(), "pidling");
        let _ = place.write("docker-compose.yml", file);
        let mut networks = String::from("services:\n");
        for service in services {
            let _ = writeln!(networks, "  {service}:\n    network_mode: none");
        }
        let _ = place.write("docker-compose.override.yml", &networks);
        let this = Self { docker, place };
        let _ = finish(&mut this.command(&["up", "--detach"])).expect(0);
        this
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.docker.in_environment("docker-compose");
        let _ = command.args(words).current_dir(&self.place);
        command
    }

    /// Waits until the server of a service runs under the init, stops it and asserts that it ended by itself.
    #[track_caller]
    fn check(&self, service: &str, first: &str) {
        let id = finish(&mut self.command(&["ps", "--quiet", service])).expect(0);
        let container = Container::adopt(self.docker, id.text().to_owned());
        container.until_says("ready");
        let line = container.exec(&["cat", "/proc/1/cmdline"]).expect(0);
        assert!(line.stdout.starts_with(first), "{line}");
        let _ = finish(&mut self.command(&["stop", service])).expect(0);
        let logs = container.logs();
        assert_eq!((container.wait(), &*logs.stderr), (0, ""), "{logs}");
        assert_eq!(logs.stdout, "ready\nstopped\n");
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--timeout", "0"]).output();
    }
}

#[test]
fn the_compose_files_of_the_documents_run() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let has_compose = program("docker-compose").is_some() && docker.init_path.is_some();
    let reason = "no docker-compose, or no engine of the tests' own";
    if !require(Requirement::Docker, has_compose, reason) {
        return;
    }
    let compose = |document| {
        let mut blocks = code_blocks(document, "yaml");
        blocks.retain(|block| block.starts_with("services:"));
        assert_eq!(blocks.len(), 1);
        blocks.remove(0)
    };
    let nginx = Image::server(docker, "nginx", "SIGQUIT");
    let file = with_our_image(&compose("README.md"), "nginx:stable", &nginx.name);
    let project = Compose::up(docker, &file, &["web"]);
    project.check("web", "/pidling\0--stop-signal=QUIT\0");

    let server = Image::server(docker, "server", "SIGTERM");
    let file = with_our_image(&compose("docs/recipes.md"), "image: worker", "image: IMAGE");
    let file = with_our_image(&file, "image: web", "image: IMAGE").replace("IMAGE", &server.name);
    // The image of the recipe holds the init already.
    let project = Compose::up(docker, &file, &["worker", "web"]);
    project.check("worker", "/sbin/docker-init\0--\0your-program\0");
    project.check("web", "/pidling\0-r\0TERM:QUIT\0");
}
