//! Whoever builds the same commit gets the same bytes.

use harness::engine::{Directory, finish};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Puts what a build needs into a directory, as the only commit of a repository.
fn check_out(directory: &Path) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(directory).unwrap();
    let _ = finish(
        Command::new("cp")
            .arg("-r")
            .args([
                "--parents",
                "Cargo.toml",
                "Cargo.lock",
                "LICENSE",
                "build.rs",
                "src",
                "tests/harness",
            ])
            .arg(directory)
            .current_dir(package),
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
    let _ = finish(
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
