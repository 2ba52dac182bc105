//! What a release says of its files: what they consist of, where they come from, and who stands up for that.

use crate::release::{Architecture, file, release};
use harness::engine::{Directory, finish, finish_work};
use harness::{Requirement, package, program, require};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The SHA-256 of a file in hexadecimal digits.
fn sha256(path: &Path) -> String {
    let sum = finish(Command::new("sha256sum").arg(path)).expect(0);
    sum.text().split(' ').next().unwrap().to_owned()
}

/// The version of the compiler, `1.95.0`, and all of what it says.
fn compiler() -> (String, String) {
    let compiler = finish(
        Command::new("rustc")
            .arg("--version")
            .current_dir(package()),
    )
    .expect(0);
    let version = compiler.text().split(' ').nth(1).unwrap().to_owned();
    (version, compiler.text().to_owned())
}

/// The crates that are linked into the init here, as `name version`.
fn linked() -> BTreeSet<String> {
    let tree = finish(
        Command::new(env!("CARGO"))
            .args(["tree", "--edges=normal", "--prefix=none", "--offline"])
            .args(["--format={p}", "--locked", "--no-dedupe"])
            .current_dir(package()),
    )
    .expect(0);
    let crates = tree.stdout.lines().skip(1);
    let linked: BTreeSet<String> = crates.map(|line| line.trim().replace(" v", " ")).collect();
    assert!(!linked.is_empty());
    linked
}

/// The bill of materials beside the file for this machine.
#[track_caller]
fn bill_of_materials() -> Option<PathBuf> {
    let release = release()?;
    file(
        release,
        &format!("{}.cdx.json", Architecture::here().file()),
    )
}

/// The name and the version of each of these.
fn named(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| {
        let field = |name: &str| one[name].as_str().unwrap();
        format!("{} {}", field("name"), field("version"))
    })
    .collect()
}

/// The crates and, of the compiler's libraries, `core`.
#[test]
fn the_bill_of_materials_names_what_is_in_the_binary() {
    let Some(path) = bill_of_materials() else {
        return;
    };
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{text}");
    let bill = json(&path);
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let subject = &bill["metadata"]["component"];
    assert_eq!(
        (&subject["name"], &subject["version"]),
        (&"pidling".into(), &VERSION.into())
    );
    let binary = release().unwrap().join(Architecture::here().file());
    assert_eq!(subject["hashes"][0]["content"], sha256(&binary));
    let named = named(&bill["components"]);
    let mut expected = linked();
    assert!(expected.insert(format!("core {}", compiler().0)));
    assert_eq!(named, expected);
}

/// The path of a program that `.ci/run` installs below the target directory to read a release with.
#[track_caller]
fn reader(name: &str) -> Option<PathBuf> {
    let built = std::env::current_exe().unwrap();
    let readers = built.ancestors().nth(3).unwrap().join("readers/bin");
    let reason = format!("{} holds no {name}, see .ci/run", readers.display());
    let path = readers.join(name);
    require(Requirement::Packaging, path.exists(), &reason).then_some(path)
}

/// syft finds it in the image as well as beside the file. It reads no index that leads to another, so it gets the image
/// of this machine alone, as a registry would send it.
#[test]
fn a_scanner_finds_the_bill_of_materials_beside_the_file_and_in_the_image() {
    let (Some(bill), Some(syft)) = (bill_of_materials(), reader("syft")) else {
        return;
    };
    let release = release().unwrap();
    let image = release.join(format!("pidling-{VERSION}-image.tar"));
    let place = Directory::new();
    place.copy(&bill, "beside/pidling.cdx.json");
    let reason = "no skopeo";
    if !require(Requirement::Packaging, program("skopeo").is_some(), reason) {
        return;
    }
    let layout = place.join("layout");
    let _ = finish(
        Command::new("skopeo")
            .args(["copy", "--quiet"])
            .arg(format!("oci-archive:{}", image.display()))
            .arg(format!("oci:{}", layout.display())),
    )
    .expect(0);
    for source in [
        format!("dir:{}", place.join("beside").display()),
        format!("oci-dir:{}", layout.display()),
    ] {
        let found = finish_work(
            Command::new(&syft)
                .args(["scan", "--quiet", "--output=json"])
                .args(["--select-catalogers=+sbom-cataloger", &source])
                .env("SYFT_CHECK_FOR_APP_UPDATE", "false"),
        )
        .expect(0);
        let found: Value = serde_json::from_str(&found.stdout).unwrap();
        let found = named(&found["artifacts"]);
        let mut expected = linked();
        expected.extend([
            format!("core {}", compiler().0),
            format!("pidling {VERSION}"),
        ]);
        assert_eq!(found, expected, "{source}");
    }
}

/// By the schema of `CycloneDX`, as its own library has it.
#[test]
fn the_bill_of_materials_is_valid() {
    let (Some(bill), Some(python)) = (bill_of_materials(), reader("python")) else {
        return;
    };
    let script = "import sys\n\
                  from cyclonedx.schema import SchemaVersion\n\
                  from cyclonedx.validation.json import JsonStrictValidator\n\
                  sys.exit(JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read()))";
    let _ = finish_work(Command::new(python).args(["-c", script]).arg(bill)).expect(0);
}

#[test]
fn the_provenance_names_commit_lock_file_and_compiler() {
    let Some(release) = release() else { return };
    let text = fs::read_to_string(release.join("PROVENANCE")).unwrap();
    let mut expected = vec![sha256(&package().join("Cargo.lock")), compiler().1];
    if let Some(commit) = commit() {
        expected.push(format!("commit {commit}"));
    }
    for words in expected {
        assert!(text.contains(&words), "{words}: {text}");
    }
}

/// The commit that is checked out, if this is a checkout.
fn commit() -> Option<String> {
    let commit = finish(
        Command::new("git")
            .args(["--git-dir=.git", "rev-parse", "HEAD"])
            .current_dir(package()),
    );
    (commit.code() == Some(0)).then(|| commit.text().to_owned())
}

/// A statement of in-toto with the predicate of SLSA: of every file but those that speak of it, by its hash.
#[test]
fn the_provenance_for_programs_names_every_file_and_what_it_was_made_of() {
    let Some(release) = release() else { return };
    let name = format!("pidling-{VERSION}.provenance.json");
    let Some(path) = file(release, &name) else {
        return;
    };
    let statement = json(&path);
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let subjects: BTreeSet<(String, String)> = statement["subject"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let hash = one["digest"]["sha256"].as_str().unwrap();
            (one["name"].as_str().unwrap().to_owned(), hash.to_owned())
        })
        .collect();
    let speaks_of_all = [&*name, "PROVENANCE", "SHA256SUMS"];
    let files: BTreeSet<(String, String)> = fs::read_dir(release)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                sha256(&entry.path()),
            )
        })
        .filter(|(file, _)| !speaks_of_all.contains(&&**file))
        .collect();
    assert_eq!(subjects, files);
    let made_of = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        .as_array()
        .unwrap();
    let named: BTreeSet<String> = made_of
        .iter()
        .filter_map(|one| one["uri"].as_str()?.strip_prefix("pkg:cargo/"))
        .map(|uri| uri.replace('@', " "))
        .collect();
    assert_eq!(named, linked());
    if let Some(commit) = commit() {
        assert_eq!(made_of[0]["digest"]["gitCommit"], commit);
    }
}

/// The lines that `.ci/release` prints for a Dockerfile hold the hashes of the files that they name.
#[test]
fn the_lines_for_a_dockerfile_hold_the_sums_of_the_files() {
    let Some(release) = release() else { return };
    let printed = fs::read_to_string(release.join("../printed")).unwrap();
    let lines: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("ADD "))
        .collect();
    let here = Architecture::here();
    assert_eq!(lines.len(), here.platforms.len());
    for (line, platform) in lines.iter().zip(&here.platforms) {
        let name = format!("pidling-linux-{}", platform.replace('/', ""));
        let sum = sha256(&release.join(&name));
        let expected = format!(
            "ADD --checksum=sha256:{sum} --chmod=755 https://pidling.invalid/{VERSION}/{name} /pidling"
        );
        assert_eq!(*line, expected);
    }
}

/// With a key that is thrown away, by the commands of docs/verifying.md. A file that was changed after it was signed is
/// the negative control.
#[test]
fn a_release_can_be_signed_and_verified_as_the_guide_says() {
    let Some(release) = release() else { return };
    let guide = fs::read_to_string(package().join("docs/verifying.md")).unwrap();
    let sections: Vec<&str> = guide.split("\n### ").skip(1).collect();
    assert_eq!(sections.len(), 3);
    for section in sections {
        let title = section.lines().next().unwrap();
        let tool = section.split('`').nth(1).unwrap();
        let reason = format!("no {tool}");
        if !require(Requirement::Packaging, program(tool).is_some(), &reason) {
            continue;
        }
        // Keys and signatures stay in here.
        let place = Directory::new();
        let copy = finish(
            Command::new("cp")
                .arg("-r")
                .arg(release)
                .arg(place.join("dist")),
        );
        let _ = copy.expect(0);
        // The user has nothing of the releaser's but files.
        let homes = ["releaser", "user"].map(|home| place.join(home));
        for home in &homes {
            fs::create_dir(home).unwrap();
        }
        let [releaser, user] = &homes;
        let run = |home: &Path, commands: &str| {
            finish(
                Command::new("sh")
                    .args(["-e", "-c", commands])
                    .env("HOME", home)
                    .env_remove("GNUPGHOME")
                    .current_dir(place.join("dist")),
            )
        };
        // The first block makes a key and signs, the second verifies.
        let blocks: Vec<&str> = section.split("```sh\n").skip(1).collect();
        let [sign, verify] = blocks[..] else {
            panic!("{title}: {section}");
        };
        let [sign, verify] = [sign, verify].map(|block| block.split("```").next().unwrap());
        let _ = run(releaser, sign).expect(0);
        let _ = run(user, verify).expect(0);
        let sums = place.join("dist/SHA256SUMS");
        let text = fs::read_to_string(&sums).unwrap();
        fs::write(&sums, text.replacen('0', "1", 1)).unwrap();
        let changed = run(user, verify);
        assert_ne!(changed.code(), Some(0), "{title}: {changed}");
        for home in &homes {
            let _ = run(home, "gpgconf --kill all || true");
        }
    }
}
