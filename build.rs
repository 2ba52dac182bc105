//! The link arguments of the init, each with its reason, and the commit it is built from.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What `git archive` writes the commit to, gitattributes(5), *export-subst*.
const ARCHIVE: &str = ".git-archive-commit";
/// What `cargo package` writes the commit to.
const PACKAGE: &str = ".cargo_vcs_info.json";

fn main() {
    for argument in link_arguments() {
        println!("cargo::rustc-link-arg-bin=pidling={argument}");
    }
    println!("cargo::rerun-if-changed=src/entry/link.ld");
    let commit = commit_of_checkout()
        .or_else(|| commit_of(PACKAGE))
        .or_else(|| commit_of(ARCHIVE))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=PIDLING_COMMIT={commit}");
}

/// The link arguments: for a C compiler that calls the linker, or for a linker that rustc calls itself.
fn link_arguments() -> Vec<String> {
    let package = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let script = format!("-T{package}/src/entry/link.ld");
    let mut for_linker = vec![
        // The layout of the file, see there.
        &script,
        // One file at a fixed address, which needs no interpreter and no relocator.
        "-static",
        "-no-pie",
        // Nothing is relocated, so that nothing has to be protected from writing afterwards.
        "-znorelro",
        // The kernel reads the program headers only.
        "-znosectionheader",
        // Nobody uses an identifier.
        "--build-id=none",
        // Nothing unwinds.
        "--no-eh-frame-hdr",
    ];
    // The core library's debug build has writable data, which no release build may have.
    if env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some() {
        for_linker.push("--defsym=debug_build=1");
    }
    if is_linker_called_by_rustc() {
        return for_linker.into_iter().map(str::to_owned).collect();
    }
    // No C start-up code and no C library: `_start` is ours, and so is all it calls. A linker alone adds neither.
    let for_compiler = ["-nostartfiles", "-nodefaultlibs"].map(str::to_owned);
    let passed_on = for_linker.into_iter().map(|argument| match argument {
        // The compiler has to know of these as well.
        "-static" | "-no-pie" => argument.to_owned(),
        argument => format!("-Wl,{argument}"),
    });
    for_compiler.into_iter().chain(passed_on).collect()
}

/// Whether rustc calls the linker itself: otherwise it does so through a C compiler.
fn is_linker_called_by_rustc() -> bool {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_default();
    let name = Path::new(&linker).file_name().unwrap_or_default();
    name.to_string_lossy().contains("lld")
}

/// The commit that is checked out, where this is the top of a checkout.
fn commit_of_checkout() -> Option<String> {
    let head = git(&["rev-parse", "HEAD"])?;
    // These change with a commit and with a checkout.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file]).unwrap_or_default();
        watch(path.trim());
    }
    abbreviate(&head)
}

/// What git says, asked of this directory and none above it.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("--git-dir=.git")
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

/// The commit that this file names: its first word that looks like one.
fn commit_of(file: &str) -> Option<String> {
    watch(file);
    let text = fs::read_to_string(file).ok()?;
    text.split(|character: char| !character.is_ascii_alphanumeric())
        .find_map(abbreviate)
}

/// The first seven digits of a commit.
fn abbreviate(word: &str) -> Option<String> {
    let word = word.trim();
    let is_commit = word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit
        .then(|| word.get(..7).map(str::to_owned))
        .flatten()
}

/// Makes cargo run this program again when a file changes. A missing one would count as changed every time.
fn watch(file: &str) {
    if Path::new(file).exists() {
        println!("cargo::rerun-if-changed={file}");
    }
}
