//! The names the init is started under and the version lines that go with them (contract 10.3, 10.4).

use harness::{Init, pidling};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The version of the package.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn a_stand_in_for_tini_gives_tinis_version_line() {
    let line = format!("tini version {VERSION}_pidling\n");
    for name in ["docker-init", "tini", "tini-static", "catatonit"] {
        for prefix in ["", "/sbin/", "./", "/usr/libexec/podman/", "//"] {
            for option in ["--version", "-V", "-vV"] {
                Init::new()
                    .argv0(format!("{prefix}{name}"))
                    .arg(option)
                    .run()
                    .expect(0, &line, "");
            }
        }
    }
}

#[test]
fn any_other_name_gives_the_init_s_own_version_line() {
    for name in [
        &b"pidling"[..],
        b"dumb-init",
        b"init",
        b"",
        b"tini-",
        b"xtini",
        b"tini/",
        b"Tini",
        b"docker-init ",
        b"tini\xff",
        b"/usr/bin/pidling",
    ] {
        let output = Init::new()
            .argv0(OsStr::from_bytes(name))
            .arg("--version")
            .run();
        output.expect_status(0);
        output.expect_stderr("");
        let line = output.stdout();
        let rest = line.strip_prefix(&format!("pidling version {VERSION}"));
        let rest = rest.and_then(|rest| rest.strip_suffix('\n'));
        let rest = rest.unwrap_or_else(|| panic!("{output}"));
        let is_commit = |commit: &str| {
            commit.len() == 7
                && commit
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        assert!(
            rest.strip_prefix(" - git.")
                .is_some_and(|commit| commit == "unknown" || is_commit(commit)),
            "{output}"
        );
    }
}

/// What dockerd makes of the line: the words before ` - ` without `tini version `, and the commit.
#[test]
fn dockerd_understands_the_version_lines() {
    for name in ["docker-init", "pidling"] {
        let output = Init::new().argv0(name).arg("--version").run();
        let stdout = output.stdout();
        let mut parts = stdout.trim().split(" - ");
        let version = parts.next().unwrap().strip_prefix("tini version ");
        let commit = parts.next().map(|commit| {
            let words: Vec<&str> = commit.trim().split('.').collect();
            matches!(&words[..], ["git", _])
        });
        assert!(
            version.is_some_and(|version| !version.is_empty()) || commit != Some(false),
            "{output}"
        );
    }
}

#[test]
fn the_name_of_a_link_counts() {
    let place = std::env::temp_dir().join(format!("pidling-names-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let link = place.join("docker-init");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(pidling(), &link).unwrap();
    let output = Init::new().binary(&link).arg("--version").run();
    std::fs::remove_dir_all(&place).unwrap();
    output.expect(0, &format!("tini version {VERSION}_pidling\n"), "");
}

/// Every name runs a command as docker and podman ask for it.
#[test]
fn every_name_runs_a_command() {
    for name in [
        "/sbin/docker-init",
        "/run/podman-init",
        "tini",
        "dumb-init",
        "catatonit",
        "",
    ] {
        Init::new()
            .argv0(name)
            .args(["--", "sh", "-c", "exit 6"])
            .run()
            .expect(6, "", "");
    }
}

/// The messages name the program, whatever it is started as.
#[test]
fn messages_start_alike_under_every_name() {
    for name in ["tini", "dumb-init", "pidling"] {
        let output = Init::new()
            .argv0(name)
            .args(["--", "no-such-command"])
            .run();
        output.expect_status(127);
        let stderr = output.stderr();
        assert!(stderr.starts_with("pidling: error: "), "{output}");
        assert_eq!(stderr.lines().count(), 1, "{output}");
    }
}
