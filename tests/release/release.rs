//! What `.ci/release` makes: files under every name that people look for, and a package that comes and goes without a
//! trace.

use harness::engine::{Directory, Docker, Ended, finish, finish_work};
use harness::{Requirement, package, pidling, program, require};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A line of `.ci/architectures`.
#[derive(Debug)]
pub(crate) struct Architecture {
    /// Rust's name.
    pub(crate) target: String,
    /// The names that uname -m gives.
    machines: Vec<String>,
    /// Docker's platforms, without the system.
    pub(crate) platforms: Vec<String>,
    /// Debian's name.
    debian: String,
}

impl Architecture {
    /// That of this machine.
    pub(crate) fn here() -> Self {
        let all = architectures().into_iter();
        let mut of_this_name =
            all.filter(|one| one.machines.iter().any(|it| it == std::env::consts::ARCH));
        of_this_name.next().expect(std::env::consts::ARCH)
    }

    /// The first name of its file.
    pub(crate) fn file(&self) -> String {
        format!("pidling-{}", self.machines[0])
    }
}

/// All of them.
pub(crate) fn architectures() -> Vec<Architecture> {
    let text = std::fs::read_to_string(package().join(".ci/architectures")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let list = |field: &str| field.split(',').map(str::to_owned).collect();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            Architecture {
                target: fields[0].to_owned(),
                machines: list(fields[1]),
                platforms: list(fields[2]),
                debian: fields[3].to_owned(),
            }
        })
        .collect()
}

/// The directory of a release for this architecture alone, made once for all tests; what `.ci/release` printed is in
/// the file `printed` beside it. `None` where it cannot be made:
/// the test is to be skipped, the reason has been said.
#[track_caller]
pub(crate) fn release() -> Option<&'static Path> {
    static RELEASE: OnceLock<Result<(PathBuf, Ended), String>> = OnceLock::new();
    let made = RELEASE.get_or_init(|| {
        for tool in ["python3", "dpkg-deb", "git"] {
            let _ = program(tool).ok_or(format!("no {tool}"))?;
        }
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release");
        let mut command = Command::new(package().join(".ci/release"));
        let _ = command
            .arg(place.join("dist"))
            .arg(Architecture::here().target)
            // Not the one whose binary other tests are running.
            .env("CARGO_TARGET_DIR", place.join("target"))
            // A test installs nothing.
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("REQUIRE")
            .env_remove("UPDATE");
        let ended = finish_work(&mut command);
        std::fs::write(place.join("printed"), &ended.stdout).unwrap();
        Ok((place.join("dist"), ended))
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
pub(crate) fn file(release: &Path, name: &str) -> Option<PathBuf> {
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
    let here = Architecture::here();
    let platforms = here.platforms.iter();
    let mut names: Vec<String> = platforms
        .map(|name| format!("pidling-linux-{}", name.replace('/', "")))
        .collect();
    names.extend(here.machines.iter().map(|name| format!("pidling-{name}")));
    let tested = finish(Command::new(pidling()).arg("--version")).expect(0);
    let first = std::fs::read(release.join(here.file())).unwrap();
    for name in names {
        let version = finish(Command::new(release.join(&name)).arg("--version")).expect(0);
        assert_eq!(version.stdout, tested.stdout);
        assert!(std::fs::read(release.join(&name)).unwrap() == first);
    }
    if !cfg!(debug_assertions) {
        assert!(first == std::fs::read(pidling()).unwrap());
    }
}

/// The rows of the table in docs/architectures.md without the sizes, which change with every commit, are those that
/// `.ci/release` writes.
#[test]
fn the_document_lists_the_architectures_of_a_release() {
    let Some(release) = release() else { return };
    let printed = std::fs::read_to_string(release.join("../printed")).unwrap();
    let document = std::fs::read_to_string(package().join("docs/architectures.md")).unwrap();
    let rows = |text: &str| -> Vec<(String, String)> {
        text.lines()
            .skip_while(|line| !line.starts_with("| architecture "))
            .take_while(|line| line.starts_with('|'))
            .map(|line| line.trim_end_matches('|').rsplit_once('|').unwrap())
            .map(|(names, size)| (names.to_owned(), size.trim().to_owned()))
            .collect()
    };
    let (printed, documented) = (rows(&printed), rows(&document));
    let names = |rows: &[(String, String)]| -> Vec<String> {
        rows.iter().map(|(names, _)| names.clone()).collect()
    };
    assert_eq!(names(&documented), names(&printed));
    assert_eq!(documented.len(), architectures().len() + 2);
    for (names, size) in &documented[2..] {
        let size: u64 = size.replace(',', "").parse().unwrap_or_default();
        assert!(size > 0, "{names}");
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
    let debian = Architecture::here().debian;
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
    let debian = Architecture::here().debian;
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
    let debian = Architecture::here().debian;
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
    let found = finish_work(
        Command::new("lintian")
            .args(["--fail-on", "error,warning", "--allow-root"])
            .arg(package),
    );
    let _ = found.expect(0);
}

/// The README's section about it.
pub(crate) fn how_to_install() -> String {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## Install\n").nth(1).unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// The lines of all code blocks of one language.
pub(crate) fn code(section: &str, language: &str) -> String {
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
    let is_root = nix::unistd::geteuid().is_root();
    if !require(
        Requirement::Packaging,
        is_root,
        "dpkg installs for root only",
    ) {
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
    ];
    let commands = instead.iter().fold(commands, |commands, (from, to)| {
        assert_eq!(commands.matches(from).count(), 1, "{from}: {commands}");
        commands.replace(from, to)
    });
    let _loaded = crate::image::lock_loaded_image();
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

    let platform = Architecture::here().platforms[0].replace('/', "");
    let name = format!("pidling:{VERSION}-{platform}");
    let run = ["run", "--rm", "--network=none"];
    let help = docker.call(&[&run[..], &[&name]].concat()).expect(0);
    assert!(help.stdout.starts_with("Usage: pidling "), "{help}");
    let _ = docker.call(&["rmi", &name]).expect(0);
}
