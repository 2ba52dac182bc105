//! The link arguments of the init, each with its reason, and the commit it is built from.

use std::path::Path;
use std::process::Command;

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/entry/link.ld");
    for argument in [
        // No C start-up code and no C library: `_start` is ours, and so is all it calls.
        "-nostartfiles",
        "-nodefaultlibs",
        // One file at a fixed address, which needs no interpreter and no relocator.
        "-static",
        "-no-pie",
        "-Wl,-z,norelro",
        // The kernel reads the program headers only.
        "-Wl,-z,nosectionheader",
        "-Wl,--build-id=none",
        "-Wl,--no-eh-frame-hdr",
        &format!("-Wl,-T,{script}"),
    ] {
        println!("cargo::rustc-link-arg-bin=pidling={argument}");
    }
    println!("cargo::rerun-if-changed=src/entry/link.ld");
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::rustc-env=PIDLING_COMMIT={}",
        commit().unwrap_or_else(|| "unknown".to_owned())
    );
    let _ = Path::new(script);
}

fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["--git-dir=.git", "rev-parse", "--short=7", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
