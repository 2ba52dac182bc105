//! The image of a release: one file for all architectures, in which every reader finds its own.

use crate::release::{Architecture, architectures, file, how_to_install, release};
use harness::engine::{Directory, Docker, Ended, finish};
use harness::{Requirement, package, program, require};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Makes an image as `.ci/release` does, of nothing but a file's name and the files for each target.
const MAKE_IMAGE: &str = r#"
import importlib.machinery, importlib.util, os, pathlib, sys
script, made, here, binary = sys.argv[1:]
loader = importlib.machinery.SourceFileLoader("release", script)
release = importlib.util.module_from_spec(importlib.util.spec_from_loader("release", loader))
sys.dont_write_bytecode = True
sys.modules["release"] = release
loader.exec_module(release)
os.chdir(release.ROOT)
image = release.Image(release.Source())
for one in release.architectures():
    data = pathlib.Path(binary).read_bytes() if one.target == here else one.target.encode()
    for platform in one.platforms:
        image.add_platform(platform, data, {"of": one.target}, {one.target: "rustc 0.0.0"})
pathlib.Path(made).write_bytes(image.finish())
"#;

/// The archive of an image for all architectures: the init for this one, and for each other one a file that holds the
/// name of its target. `None` where it cannot be made: the test is to be skipped, the reason has been said.
#[track_caller]
fn image(place: &Directory) -> Option<PathBuf> {
    let release = release()?;
    let here = Architecture::here();
    let binary = file(release, &here.file())?;
    let made = place.join("image.tar");
    let _ = finish(
        Command::new("python3")
            .args(["-c", MAKE_IMAGE])
            .arg(package().join(".ci/release"))
            .args([&made, Path::new(&here.target), &binary]),
    )
    .expect(0);
    Some(made)
}

/// Returns whether a program is there that reads images.
#[track_caller]
fn require_reader(name: &str) -> bool {
    let reason = format!("no {name}");
    require(Requirement::Packaging, program(name).is_some(), &reason)
}

/// The names that a tar archive lists.
fn listed(archive: &Path) -> BTreeSet<String> {
    let list = finish(Command::new("tar").arg("-tf").arg(archive)).expect(0);
    list.stdout.lines().map(str::to_owned).collect()
}

/// A descriptor of the index, and the manifest that it leads to.
type Entry = (Value, Value);

/// An unpacked layout.
struct Layout(Directory);

impl Layout {
    fn unpack(archive: &Path) -> Self {
        let place = Directory::new();
        let mut tar = Command::new("tar");
        let _ = tar.arg("-xf").arg(archive).arg("-C").arg(place.path());
        let _ = finish(&mut tar).expect(0);
        Self(place)
    }

    fn json(&self, path: impl AsRef<Path>) -> Value {
        serde_json::from_slice(&std::fs::read(self.0.join(path)).unwrap()).unwrap()
    }

    /// The path of what a descriptor leads to, which has the size and the hash that it says.
    fn blob(&self, descriptor: &Value) -> PathBuf {
        let digest = descriptor["digest"].as_str().unwrap();
        let hash = digest.strip_prefix("sha256:").unwrap();
        let path = self.0.join("blobs/sha256").join(hash);
        let sum = finish(Command::new("sha256sum").arg(&path)).expect(0);
        assert_eq!(sum.stdout.split(' ').next(), Some(hash));
        assert_eq!(descriptor["size"], path.metadata().unwrap().len());
        path
    }

    /// All images, and what is said of each.
    fn manifests(&self) -> (Vec<Entry>, Vec<Entry>) {
        let outer = self.json("index.json");
        assert_eq!(outer["manifests"].as_array().unwrap().len(), 1);
        let inner = self.json(self.blob(&outer["manifests"][0]));
        let all = inner["manifests"].as_array().unwrap().clone();
        all.into_iter()
            .map(|one| (one.clone(), self.json(self.blob(&one))))
            .partition(|(one, _)| one["platform"]["os"] == "linux")
    }
}

/// The layout that the OCI describes: each file below `blobs` is named by its hash, and each reference leads there.
#[test]
fn the_image_is_an_oci_layout_with_labels() {
    let Some(release) = release() else { return };
    let Some(archive) = file(release, &format!("pidling-{VERSION}-image.tar")) else {
        return;
    };
    let layout = Layout::unpack(&archive);
    assert_eq!(layout.json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let (images, _) = layout.manifests();
    let [(descriptor, manifest)] = &images[..] else {
        panic!("{images:?}");
    };
    let here = Architecture::here();
    assert_eq!(descriptor["platform"]["architecture"], *here.platforms[0]);
    let config = layout.json(layout.blob(&manifest["config"]));
    assert_eq!(config["config"]["Entrypoint"][0], "/pidling");
    let labels = &config["config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], VERSION);
    assert_eq!(labels["org.opencontainers.image.licenses"], "MIT");
    assert_eq!(*labels, manifest["annotations"]);
    let layer = &manifest["layers"][0];
    assert_eq!(config["rootfs"]["diff_ids"][0], layer["digest"]);
    let layer = layout.blob(layer);
    let expected = ["pidling", "pidling.cdx.json"].map(str::to_owned);
    assert_eq!(listed(&layer), BTreeSet::from(expected));
    let said = finish(Command::new("tar").arg("-tvf").arg(&layer)).expect(0);
    assert!(said.stdout.contains("-rwxr-xr-x 0/0"), "{said}");
}

/// As `BuildKit` does it: a manifest of its own for each image, which no engine takes for one.
#[test]
fn what_is_said_of_an_image_is_attached_to_it() {
    let Some(release) = release() else { return };
    let Some(archive) = file(release, &format!("pidling-{VERSION}-image.tar")) else {
        return;
    };
    let layout = Layout::unpack(&archive);
    let (images, attestations) = layout.manifests();
    let [(descriptor, manifest)] = &attestations[..] else {
        panic!("{attestations:?}");
    };
    let image = &images[0].0["digest"];
    let annotations = &descriptor["annotations"];
    assert_eq!(annotations["vnd.docker.reference.digest"], *image);
    assert_eq!(descriptor["platform"]["os"], "unknown");
    assert_eq!(manifest["subject"]["digest"], *image);
    let statements = manifest["layers"].as_array().unwrap().iter().map(|layer| {
        let statement = layout.json(layout.blob(layer));
        let kind = &statement["predicateType"];
        assert_eq!(layer["annotations"]["in-toto.io/predicate-type"], *kind);
        let subject = statement["subject"][0]["digest"]["sha256"].as_str();
        assert_eq!(image.as_str().unwrap().strip_prefix("sha256:"), subject);
        (kind.as_str().unwrap().to_owned(), statement)
    });
    let [(bill, of_materials), (origin, _)] = &statements.collect::<Vec<_>>()[..] else {
        panic!("{manifest}");
    };
    assert_eq!(bill, "https://cyclonedx.org/bom");
    assert_eq!(origin, "https://slsa.dev/provenance/v1");
    let beside = file(
        release,
        &format!("{}.cdx.json", Architecture::here().file()),
    )
    .unwrap();
    assert_eq!(of_materials["predicate"], layout.json(beside));
}

/// Whatever the machine that makes it has for umask, locale and time zone.
#[test]
fn an_image_is_the_same_bytes_whoever_makes_it() {
    let place = Directory::new();
    let Some(first) = image(&place) else { return };
    let second = place.join("second.tar");
    let script = "umask 077; exec \"$@\"";
    let here = Architecture::here();
    let binary = file(release().unwrap(), &here.file()).unwrap();
    let _ = finish(
        Command::new("sh")
            .args(["-c", script, "sh", "python3", "-c", MAKE_IMAGE])
            .arg(package().join(".ci/release"))
            .args([&second, Path::new(&here.target), &binary])
            .envs([
                ("TZ", "Asia/Tokyo"),
                ("LC_ALL", "tr_TR.UTF-8"),
                ("USER", "somebody"),
            ])
            .env("PYTHONHASHSEED", "7"),
    )
    .expect(0);
    assert!(std::fs::read(first).unwrap() == std::fs::read(second).unwrap());
}

/// skopeo reads the index as engines do. A machine whose variant of Arm has no image of its own gets an older one.
#[test]
fn another_reader_finds_the_file_of_each_platform_in_the_image() {
    let place = Directory::new();
    let Some(archive) = image(&place) else { return };
    if !require_reader("skopeo") {
        return;
    }
    let reference = format!("oci-archive:{}", archive.display());
    let index = finish(Command::new("skopeo").args(["inspect", "--raw", &reference])).expect(0);
    let index: Value = serde_json::from_str(&index.stdout).unwrap();
    let images = index["manifests"].as_array().unwrap().iter();
    let images = images.filter(|one| one["platform"]["os"] == "linux");
    let all = architectures();
    let platforms = all.iter().map(|one| one.platforms.len());
    assert_eq!(images.count(), platforms.sum::<usize>());

    let check = |platform: &str, expected: &Architecture| {
        let (architecture, variant) = platform.split_once('/').unwrap_or((platform, ""));
        let copied = place.join("copied");
        let destination = format!("dir:{}", copied.display());
        let mut skopeo = Command::new("skopeo");
        let _ = skopeo.args(["--override-os=linux", "--override-arch", architecture]);
        if !variant.is_empty() {
            let _ = skopeo.args(["--override-variant", variant]);
        }
        let _ = finish(skopeo.args(["copy", "--quiet", &reference, &destination])).expect(0);
        let manifest = std::fs::read(copied.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let layer = copied.join(layer.strip_prefix("sha256:").unwrap());
        let bill = finish(
            Command::new("tar")
                .arg("-xOf")
                .arg(layer)
                .arg("pidling.cdx.json"),
        )
        .expect(0);
        let bill: Value = serde_json::from_str(&bill.stdout).unwrap();
        assert_eq!(bill["of"], *expected.target, "{platform}");
        std::fs::remove_dir_all(copied).unwrap();
    };
    for one in &all {
        for platform in &one.platforms {
            check(platform, one);
        }
    }
}

/// A Dockerfile that copies from the image as the README says.
fn dockerfile(image: &str) -> String {
    let section = how_to_install();
    let copy = section.split('`').find(|code| code.starts_with("COPY "));
    let copy = copy.unwrap().replace(&format!("pidling:{VERSION}"), image);
    format!(
        "FROM {image}\n{copy}\nENTRYPOINT [\"/pidling\", \"--\"]\nCMD [\"/pidling\", \"--version\"]\n"
    )
}

#[track_caller]
fn assert_version(said: &Ended) {
    let expected = format!("pidling version {VERSION} - git.");
    assert!(said.stdout.starts_with(&expected), "{said}");
}

/// podman's storage is a mount of its own, which ends with this.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        let _ = command.arg("--lazy").arg(&self.0).output();
    }
}

/// podman knows the layout, and takes the image of this machine.
#[test]
fn podman_takes_the_image_of_this_machine_and_copies_from_it() {
    let is_there = ["podman", "runc"].map(program).iter().all(Option::is_some)
        && nix::unistd::geteuid().is_root();
    let reason = "no podman with a storage of the tests' own: it takes podman, runc and root";
    let place = Directory::new();
    if !require(Requirement::Podman, is_there, reason) {
        return;
    }
    let Some(archive) = image(&place) else { return };
    let configuration = place.write(
        "containers.conf",
        "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]\n\
         [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
    );
    let _mount = Mount(place.join("root/vfs"));
    let podman = |words: &[&str]| {
        let mut command = Command::new("podman");
        for (option, directory) in [
            ("--root", "root"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
        ] {
            let _ = command.arg(option).arg(place.join(directory));
        }
        let _ = command.arg("--storage-driver=vfs").args(words);
        finish(command.env("CONTAINERS_CONF", &configuration))
    };
    let _ = podman(&["load", "--input", archive.to_str().unwrap()]).expect(0);
    let name = format!("pidling:{VERSION}");
    let run = |image: &str, rest: &[&str]| {
        podman(&[&["run", "--rm", "--network=none", image], rest].concat())
    };
    assert_version(&run(&name, &["/pidling", "--version"]).expect(0));
    let _ = place.write("context/Dockerfile", &dockerfile(&name));
    let context = place.join("context");
    let _ = podman(&["build", "--quiet", "--tag=built", context.to_str().unwrap()]).expect(0);
    assert_version(&run("built", &[]).expect(0));
}

/// Whoever loads the image into the engine that the tests share removes it in the end, and nobody else meanwhile.
pub(crate) fn lock_loaded_image() -> MutexGuard<'static, ()> {
    static LOADED: Mutex<()> = Mutex::new(());
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An engine that knows no layout takes all images, each by its own name. The old builder copies from it, and
/// `BuildKit`.
#[test]
fn docker_takes_the_image_of_this_machine_and_copies_from_it() {
    let Some(docker) = Docker::shared() else {
        return;
    };
    let place = Directory::new();
    let Some(archive) = image(&place) else { return };
    let _loaded = lock_loaded_image();
    let _ = docker
        .call(&["load", "--input", archive.to_str().unwrap()])
        .expect(0);
    let all = architectures();
    let platforms = all.iter().flat_map(|one| &one.platforms);
    let name = |platform: &str| format!("pidling:{VERSION}-{}", platform.replace('/', ""));
    let names: Vec<String> = platforms.map(|platform| name(platform)).collect();
    for name in &names {
        let _ = docker.call(&["image", "inspect", name]).expect(0);
    }
    let here = name(&Architecture::here().platforms[0]);
    let run = |image: &str, rest: &[&str]| {
        docker.call(&[&["run", "--rm", "--network=none", image], rest].concat())
    };
    assert_version(&run(&here, &["/pidling", "--version"]).expect(0));

    let _ = place.write("context/Dockerfile", &dockerfile(&here));
    let context = place.join("context");
    let built = format!("pidling-test-copied:{}", std::process::id());
    let words = ["build", "--quiet", "--network=none", "--tag", &built];
    let words = [&words[..], &[context.to_str().unwrap()]].concat();
    let check = |ended: Ended| {
        let _ = ended.expect(0);
        assert_version(&run(&built, &[]).expect(0));
        let _ = docker.call(&["rmi", &built]).expect(0);
    };
    check(docker.call(&words));
    if let Some(ended) = docker.call_with_buildkit(&words) {
        check(ended);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let _ = docker.call(&[&["rmi"], &names[..]].concat()).expect(0);
}
