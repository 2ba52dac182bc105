//! Whoever builds the same commit gets the same bytes, in whatever form the source came.

use harness::engine::{Directory, finish, finish_work};
use harness::package;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Puts the source into a directory, as the only commit of a repository.
fn check_out(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    let script = "tar -c --exclude=./target --exclude=./tests/fuzz/target --exclude=./.git . | tar -x -C \"$0\"";
    let _ = finish(
        Command::new("sh")
            .args(["-c", script])
            .arg(directory)
            .current_dir(package()),
    )
    .expect(0);
    // The same author, date and files make the same commit.
    let script = "git init -q && git add -A && \
                  git -c user.name=a -c user.email=b -c commit.gpgsign=false commit -q -m c";
    let _ = finish(
        Command::new("sh")
            .args(["-c", script])
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(directory),
    )
    .expect(0);
}

/// Builds the init in a directory, after the words of a shell, and returns its file.
#[track_caller]
fn build(
    directory: &Path,
    target: &Path,
    before: &str,
    variables: &[(&str, &str)],
) -> (Vec<u8>, String) {
    let script = format!("{before} exec \"$0\" build --release --bin pidling --offline --locked");
    let _ = finish_work(
        Command::new("sh")
            .args(["-c", &script, env!("CARGO")])
            .env("CARGO_TARGET_DIR", target)
            .envs(variables.iter().copied())
            .current_dir(directory),
    )
    .expect(0);
    let file = target.join("release/pidling");
    let version = finish(Command::new(&file).arg("--version")).expect(0);
    (fs::read(&file).unwrap(), version.stdout)
}

/// Where cargo keeps what it has downloaded.
fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"),
        PathBuf::from,
    )
}

/// The two builds differ in everything that is not the source or the compiler. Another commit is the negative
/// control: its file differs.
#[test]
fn two_builds_of_a_commit_in_two_directories_give_the_same_bytes() {
    let place = Directory::new();
    let near = place.join("a");
    check_out(&near);
    let (first, version) = build(&near, &place.join("t"), "", &[]);

    let far = place.join("another/and a much longer/directory");
    check_out(&far);
    let home = place.join("another/home");
    fs::create_dir_all(&home).unwrap();
    symlink(cargo_home().join("registry"), home.join("registry")).unwrap();
    let variables = [
        ("CARGO_HOME", home.to_str().unwrap()),
        ("CARGO_BUILD_JOBS", "1"),
        ("CARGO_INCREMENTAL", "0"),
        ("TZ", "Asia/Tokyo"),
        ("LC_ALL", "C"),
        ("LANG", "tr_TR.UTF-8"),
        ("USER", "somebody"),
        ("LOGNAME", "somebody"),
        ("HOSTNAME", "elsewhere"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("TERM", "dumb"),
    ];
    let before =
        "umask 077; find . -path ./.git -prune -o -exec touch -d 2001-02-03T04:05:06Z {} +;";
    let (second, same) = build(&far, &place.join("another/target"), before, &variables);
    assert_eq!(version, same);
    assert!(version.contains(" - git."), "{version}");
    assert!(first == second, "{} and {}", first.len(), second.len());

    let other = fs::read(harness::pidling()).unwrap();
    assert!(first != other, "the control does not differ");
    for path in [place.path(), "/.cargo/"] {
        let holds = |bytes: &[u8]| {
            bytes
                .windows(path.len())
                .any(|part| part == path.as_bytes())
        };
        assert!(!holds(&first), "the file names {path}");
    }
}

/// What `cargo package` puts together: everything that the build reads, and nothing of the tests, which need more than a
/// package can bring.
fn assert_holds_the_init_alone(package: &Path) {
    let list = |directory: &Path, arguments: &[&str]| -> BTreeSet<String> {
        let mut find = Command::new("find");
        let _ = find.args(arguments).args(["-type", "f"]);
        let found = finish(find.current_dir(directory)).expect(0);
        found.stdout.lines().map(str::to_owned).collect()
    };
    let mut expected = list(harness::package(), &["src", "man"]);
    let others = [
        ".cargo_vcs_info.json",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "Cargo.toml.orig",
        "LICENSE",
        "README.md",
        "build.rs",
    ];
    expected.extend(others.map(str::to_owned));
    let held: BTreeSet<String> = list(package, &["."])
        .iter()
        .map(|name| name.replacen("./", "", 1))
        .collect();
    assert_eq!(held, expected);
}

/// A checkout, a package, an archive of git and an installed program: the same commit in the line that dockerd reads
/// (contract 10.4), and the same bytes.
#[test]
fn every_form_of_the_source_gives_the_same_bytes() {
    let place = Directory::new();
    let checkout = place.join("checkout");
    check_out(&checkout);
    let (expected, version) = build(&checkout, &place.join("target"), "", &[]);
    let commit = finish(
        Command::new("git")
            .args(["rev-parse", "--short=7", "HEAD"])
            .current_dir(&checkout),
    )
    .expect(0);
    let line = format!(
        "pidling version {} - git.{}\n",
        env!("CARGO_PKG_VERSION"),
        commit.text()
    );
    assert_eq!(version, line);

    let unpack = |archive: &str, directory: &str| {
        fs::create_dir_all(place.join(directory)).unwrap();
        let script = format!("{archive} | tar -x -C {}", place.join(directory).display());
        let mut shell = Command::new("sh");
        let _ = finish(shell.args(["-c", &script]).current_dir(&checkout)).expect(0);
        place.join(directory)
    };
    let mut cargo = Command::new(env!("CARGO"));
    let _ = cargo
        .args(["package", "--offline", "--locked", "--no-verify"])
        .env("CARGO_TARGET_DIR", place.join("packaged"));
    let _ = finish(cargo.current_dir(&checkout)).expect(0);
    let name = format!("pidling-{}", env!("CARGO_PKG_VERSION"));
    let archive = place.join("packaged/package").join(format!("{name}.crate"));
    let packaged = unpack(&format!("gzip -dc {}", archive.display()), "package").join(name);
    assert_holds_the_init_alone(&packaged);
    let archived = unpack("git archive HEAD", "archive");
    for source in [packaged, archived] {
        let (file, version) = build(&source, &source.join("target"), "", &[]);
        assert_eq!(version, line, "{}", source.display());
        assert!(file == expected, "{}", source.display());
    }

    let mut cargo = Command::new(env!("CARGO"));
    let _ = cargo
        .args(["install", "--path", ".", "--locked", "--offline", "--root"])
        .arg(place.path())
        .env("CARGO_TARGET_DIR", place.join("installed"));
    let _ = finish_work(cargo.current_dir(&checkout)).expect(0);
    let installed = place.join("bin/pidling");
    assert!(fs::read(&installed).unwrap() == expected, "cargo install");
}
