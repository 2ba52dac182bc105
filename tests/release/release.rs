//! What `.ci/release` makes: files that others can check, a package that comes and goes without a trace, and an
//! image.

use harness::engine::{Directory, Docker, Ended, finish};
use harness::{Requirement, pidling, program, require};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The names of this machine's architecture: that of uname -m, and that of Go and Debian.
fn architecture() -> (&'static str, &'static str) {
    let go = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    (std::env::consts::ARCH, go)
}

/// The directory of a release for this architecture alone, made once for all tests. `None` where it cannot be made:
/// the test is to be skipped, the reason has been said.
#[track_caller]
fn release() -> Option<&'static Path> {
    static RELEASE: OnceLock<Result<(PathBuf, Ended), String>> = OnceLock::new();
    let made = RELEASE.get_or_init(|| {
        for tool in ["bash", "dpkg-deb", "git"] {
            let _ = program(tool).ok_or(format!("no {tool}"))?;
        }
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release");
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        // Where the recipe keeps its tools when it is called by hand.
        let built = std::env::current_exe().unwrap();
        let tools = built.ancestors().nth(3).unwrap().join("tools/bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::env::split_paths(&path).chain([tools])).unwrap();
        let mut command = Docker::shared().map_or_else(
            || Command::new("bash"),
            |docker| docker.in_environment("bash"),
        );
        let _ = command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/release"))
            .arg(place.join("dist"))
            .arg(target)
            .env("PATH", path)
            // Not the one whose binary other tests are running.
            .env("CARGO_TARGET_DIR", place.join("target"))
            // A test installs nothing.
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("REQUIRE");
        Ok((place.join("dist"), finish(&mut command)))
    });
    match made {
        Ok((directory, ended)) => {
            assert_eq!(ended.code(), Some(0), "{ended}");
            Some(directory)
        }
        Err(reason) => {
            let _ = require(Requirement::Packaging, false, reason);
            None
        }
    }
}

/// A file of the release; `None` where it was left out.
#[track_caller]
fn file(release: &Path, name: &str) -> Option<PathBuf> {
    let file = release.join(name);
    let provenance = std::fs::read_to_string(release.join("PROVENANCE")).unwrap();
    let reason = format!("{name} was left out: {provenance}");
    require(Requirement::Packaging, file.exists(), &reason).then_some(file)
}

#[test]
fn the_sums_of_a_release_are_right_and_complete() {
    let Some(release) = release() else { return };
    let check = || {
        finish(
            Command::new("sha256sum")
                .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
                .current_dir(release),
        )
    };
    let _ = check().expect(0);
    let sums = std::fs::read_to_string(release.join("SHA256SUMS")).unwrap();
    let named: BTreeSet<String> = sums
        .lines()
        .map(|line| line.split("  ").nth(1).unwrap().to_owned())
        .collect();
    let mut present: BTreeSet<String> = std::fs::read_dir(release)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(present.remove("SHA256SUMS"));
    assert_eq!(named, present);
}

#[test]
fn the_binary_of_a_release_is_the_one_that_is_tested() {
    let Some(release) = release() else { return };
    let (machine, go) = architecture();
    let read =
        |name: String| file(release, &name).map(|file| (std::fs::read(&file).unwrap(), file));
    let (Some((one, path)), Some((other, _))) = (
        read(format!("pidling-{machine}")),
        read(format!("pidling-linux-{go}")),
    ) else {
        return;
    };
    assert!(one == other);
    let version = finish(Command::new(path).arg("--version")).expect(0);
    let tested = finish(Command::new(pidling()).arg("--version")).expect(0);
    assert_eq!(version.stdout, tested.stdout);
    if !cfg!(debug_assertions) {
        assert!(one == std::fs::read(pidling()).unwrap());
    }
}

#[test]
fn the_bill_of_materials_names_what_is_in_the_binary() {
    let Some(release) = release() else { return };
    let Some(bill) = file(release, "pidling.cdx.json") else {
        return;
    };
    let text = std::fs::read_to_string(bill).unwrap();
    assert!(
        !text.contains(env!("CARGO_MANIFEST_DIR")) && !text.contains("/tmp"),
        "{text}"
    );
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["component"]["name"], "pidling");
    assert_eq!(bill["metadata"]["component"]["version"], VERSION);
    let named: BTreeSet<String> = bill["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let field = |name: &str| one[name].as_str().unwrap();
            format!("{} v{}", field("name"), field("version"))
        })
        .collect();
    let tree = finish(
        Command::new(env!("CARGO"))
            .args(["tree", "--edges=normal", "--prefix=none", "--offline"])
            .args(["--format={p}", "--locked", "--no-dedupe"])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    )
    .expect(0);
    let linked: BTreeSet<String> = tree
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect();
    assert!(!linked.is_empty());
    assert_eq!(named, linked);
}

#[test]
fn the_provenance_names_commit_lock_file_and_compiler() {
    let Some(release) = release() else { return };
    let text = std::fs::read_to_string(release.join("PROVENANCE")).unwrap();
    let package = env!("CARGO_MANIFEST_DIR");
    let lock = finish(
        Command::new("sha256sum")
            .arg("Cargo.lock")
            .current_dir(package),
    )
    .expect(0);
    let compiler = finish(Command::new("rustc").arg("--version").current_dir(package)).expect(0);
    let commit = finish(
        Command::new("git")
            .args(["--git-dir=.git", "rev-parse", "HEAD"])
            .current_dir(package),
    );
    let mut expected = vec![
        lock.stdout.split(' ').next().unwrap().to_owned(),
        compiler.text().to_owned(),
    ];
    if commit.code() == Some(0) {
        expected.push(format!("commit {}", commit.text()));
    }
    for words in expected {
        assert!(text.contains(&words), "{words}: {text}");
    }
}

/// Every file below a directory, in order.
fn files(root: &Directory) -> String {
    let words = ["-not", "-path", "*/var/*", "-printf", "%P %y %m %s %l\n"];
    let found = finish(Command::new("find").arg(root.path()).args(words)).expect(0);
    let mut lines: Vec<&str> = found.stdout.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The clean root is one of busybox alone: the package depends on nothing.
#[test]
fn the_debian_package_comes_and_goes_without_a_trace() {
    let Some(release) = release() else { return };
    let (_, debian) = architecture();
    let Some(package) = file(release, &format!("pidling_{VERSION}_{debian}.deb")) else {
        return;
    };
    let is_root = nix::unistd::geteuid().is_root();
    if !require(
        Requirement::Packaging,
        is_root,
        "dpkg installs for root only",
    ) {
        return;
    }
    let root = Directory::new();
    if let Err(reason) = harness::engine::fill_root(&root) {
        let _ = require(Requirement::Packaging, false, &reason);
        return;
    }
    std::fs::remove_file(root.join("pidling")).unwrap();
    for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    // With nothing in it, the directory would go as well.
    let _ = root.write("usr/bin/another", "");
    let _ = root.write("var/lib/dpkg/status", "");
    let before = files(&root);
    let dpkg = |words: &[&str]| {
        finish(
            Command::new("dpkg")
                .arg(format!("--root={}", root.path()))
                .arg(format!("--log={}", root.join("var/log").display()))
                .args(words)
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        )
    };
    let inside = |words: &[&str]| finish(Command::new("chroot").arg(root.path()).args(words));

    let _ = dpkg(&["--install", package.to_str().unwrap()]).expect(0);
    let status = dpkg(&["--status", "pidling"]).expect(0);
    assert!(
        status.stdout.contains("Status: install ok installed\n"),
        "{status}"
    );
    let _ = dpkg(&["--verify", "pidling"]).expect(0);
    let version = inside(&["/usr/bin/pidling", "--version"]).expect(0);
    assert!(
        version
            .stdout
            .starts_with(&format!("pidling version {VERSION}")),
        "{version}"
    );
    let _ = inside(&["/usr/bin/pidling", "--", "sh", "-c", "exit 7"]).expect(7);
    let page = inside(&["zcat", "/usr/share/man/man1/pidling.1.gz"]).expect(0);
    assert_eq!(page.stdout, include_str!("../../man/pidling.1"));

    let _ = dpkg(&["--purge", "pidling"]).expect(0);
    assert_eq!(files(&root), before);
    let _ = dpkg(&["--status", "pidling"]).expect(1);
}

#[test]
fn a_reader_of_manuals_finds_the_page_of_the_package() {
    let Some(release) = release() else { return };
    let (_, debian) = architecture();
    let Some(package) = file(release, &format!("pidling_{VERSION}_{debian}.deb")) else {
        return;
    };
    let reason = "no man of man-db";
    if !require(Requirement::Packaging, program("man").is_some(), reason) {
        return;
    }
    let root = Directory::new();
    let _ = finish(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(package)
            .arg(root.path()),
    )
    .expect(0);
    let page = finish(
        Command::new("man")
            .args(["-M", root.join("usr/share/man").to_str().unwrap()])
            .args(["--pager=cat", "pidling"])
            .env("LC_ALL", "C")
            .env("MANWIDTH", "80"),
    )
    .expect(0);
    let plain = page.stdout.replace('\u{8}', "");
    assert!(plain.contains("init for containers"), "{page}");
}

#[test]
fn lintian_finds_no_fault_in_the_debian_package() {
    let Some(release) = release() else { return };
    let (_, debian) = architecture();
    let Some(package) = file(release, &format!("pidling_{VERSION}_{debian}.deb")) else {
        return;
    };
    if !require(
        Requirement::Packaging,
        program("lintian").is_some(),
        "no lintian",
    ) {
        return;
    }
    let found = finish(
        Command::new("lintian")
            .args(["--fail-on", "error,warning", "--allow-root"])
            .arg(package),
    );
    let _ = found.expect(0);
}

/// The layout that the OCI describes: each file below `blobs` is named by its hash, and each reference leads there.
#[test]
fn the_image_is_an_oci_layout() {
    let Some(release) = release() else { return };
    let (_, go) = architecture();
    let Some(image) = file(release, &format!("pidling-{VERSION}-image-{go}.tar")) else {
        return;
    };
    let place = Directory::new();
    let _ = finish(
        Command::new("tar")
            .arg("-xf")
            .arg(image)
            .arg("-C")
            .arg(place.path()),
    )
    .expect(0);
    let json =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let blob = |reference: &Value| {
        let hash = reference["digest"].as_str().unwrap().replace("sha256:", "");
        let path = place.join("blobs/sha256").join(&hash);
        let sum = finish(Command::new("sha256sum").arg(&path)).expect(0);
        assert_eq!(sum.stdout.split(' ').next(), Some(hash.as_str()));
        assert_eq!(reference["size"], path.metadata().unwrap().len());
        path
    };
    assert_eq!(
        json(&place.join("oci-layout"))["imageLayoutVersion"],
        "1.0.0"
    );
    let index = json(&place.join("index.json"));
    assert_eq!(index["manifests"][0]["platform"]["architecture"], go);
    let manifest = json(&blob(&index["manifests"][0]));
    let config = json(&blob(&manifest["config"]));
    assert_eq!(config["config"]["Entrypoint"][0], "/pidling");
    let layer = blob(&manifest["layers"][0]);
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        manifest["layers"][0]["digest"]
    );
    let list = finish(Command::new("tar").arg("-tf").arg(layer)).expect(0);
    assert_eq!(list.text(), "pidling");
}

/// The README's section about it.
fn how_to_install() -> String {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## Install\n").nth(1).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// The lines of all code blocks of one language.
fn code(section: &str, language: &str) -> String {
    section
        .split("```")
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

#[test]
fn the_ways_to_install_in_the_readme_work() {
    let Some(release) = release() else { return };
    let Some(docker) = Docker::shared() else {
        return;
    };
    let (_, go) = architecture();
    let image = format!("pidling-{VERSION}-image-{go}.tar");
    let is_root = nix::unistd::geteuid().is_root();
    if file(release, &image).is_none()
        || !require(
            Requirement::Packaging,
            is_root,
            "dpkg installs for root only",
        )
    {
        return;
    }
    let root = Directory::new();
    for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "usr/local/bin"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    let _ = root.write("var/lib/dpkg/status", "");
    let section = how_to_install();
    let commands = code(&section, "sh");
    let instead = [
        (
            " /usr/local/bin/",
            format!(" {}/usr/local/bin/", root.path()),
        ),
        (
            "dpkg --install",
            format!("dpkg --root={0} --log={0}/log --install", root.path()),
        ),
        ("-image-amd64.", format!("-image-{go}.")),
    ];
    let commands = instead.iter().fold(commands, |commands, (from, to)| {
        assert_eq!(commands.matches(from).count(), 1, "{from}: {commands}");
        commands.replace(from, to)
    });
    let _ = finish(
        docker
            .in_environment("sh")
            .args(["-e", "-c", &commands])
            .current_dir(release),
    )
    .expect(0);
    for installed in ["usr/local/bin/pidling", "usr/bin/pidling"] {
        let version = finish(Command::new(root.join(installed)).arg("--version")).expect(0);
        let expected = format!("pidling version {VERSION}");
        assert!(version.stdout.starts_with(&expected), "{version}");
    }

    let name = format!("pidling:{VERSION}");
    let run = ["run", "--rm", "--network=none"];
    let help = docker.call(&[&run[..], &[&name]].concat()).expect(0);
    assert!(help.stdout.starts_with("Usage: pidling "), "{help}");
    let context = Directory::new();
    let copy = section.split('`').find(|code| code.starts_with("COPY "));
    let copy = copy.unwrap();
    let _ = context.write(
        "Dockerfile",
        &format!(
            "FROM {}\n{copy}\nENTRYPOINT [\"/pidling\", \"--\"]\nCMD [\"sh\", \"-c\", \"exit 9\"]\n",
            docker.image
        ),
    );
    let built = format!("{name}-built");
    let _ = docker
        .call(&["build", "--quiet", "--tag", &built, context.path()])
        .expect(0);
    let _ = docker.call(&[&run[..], &[&built]].concat()).expect(9);
    let _ = docker.call(&["rmi", &built, &name]).expect(0);
}
