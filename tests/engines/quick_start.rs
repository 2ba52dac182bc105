//! The quick start of README with a real engine, as it stands but for images that would have to be fetched.

use harness::engine::{Container, Directory, Docker, LIMIT, finish};
use harness::{eventually, package, pidling};

fn readme() -> String {
    std::fs::read_to_string(package().join("README.md")).expect("there is a README")
}

/// The small system in place of an image of the README.
fn with_our_image(text: &str, image: &str, docker: &Docker) -> String {
    assert_eq!(text.matches(image).count(), 1, "{image}: {text}");
    text.replace(image, &docker.image)
}

#[test]
fn the_dockerfile_of_the_readme_makes_an_image_that_stops_at_once() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let readme = readme();
    let (_, block) = readme.split_once("```dockerfile\n").expect("a Dockerfile");
    let (block, _) = block.split_once("```\n").expect("its end");
    let context = Directory::new();
    context.copy(pidling(), "pidling");
    let file = with_our_image(block, "debian:stable-slim", docker);
    let _ = context.write("Dockerfile", &file);

    let name = format!("pidling-test-quick-start:{}", std::process::id());
    let build = ["build", "--network=none", "--force-rm", "--tag", &name];
    let _ = docker
        .call(&[&build[..], &[context.path()]].concat())
        .expect(0);
    let run = docker
        .call(&["run", "--detach", "--network=none", &name])
        .expect(0);
    let container = Container::adopt(docker, run.text().to_owned());
    let says = || container.logs().stdout.starts_with("running as process ");
    assert!(eventually(LIMIT, says), "{}", container.logs());
    let _ = container.stop(60);
    // 143: of SIGTERM, which has not to wait for a SIGKILL.
    assert_eq!(container.wait(), 143);
    drop(container);
    let _ = docker.call(&["rmi", &name]).expect(0);
}

#[test]
fn an_image_that_cannot_be_rebuilt_gets_the_init_as_the_readme_says() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let readme = readme();
    let mut spans = readme.split('`');
    let command = spans.find(|span| span.contains("--entrypoint /pidling"));
    let command = with_our_image(command.expect("the command"), "IMAGE", docker);
    let command = command
        .replace("COMMAND", "sh -c 'exit 5'")
        .replace("docker run", "docker run --rm --network=none");
    let file = pidling();
    let directory = file.parent().expect("a directory");
    let mut shell = docker.in_environment("sh");
    let _ = finish(shell.args(["-c", &command]).current_dir(directory)).expect(5);
}
