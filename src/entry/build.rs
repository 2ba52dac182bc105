//! The link arguments of the init, each with its reason, and the commit it is built from.

#![expect(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a build that cannot go on fails"
)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

#[path = "../prose.rs"]
#[expect(dead_code, unreachable_pub, reason = "only the texts are of use here")]
mod prose;

fn main() {
    // One segment for everything, see there.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/entry/link.ld");
    let is_driven = is_driven_by_a_c_compiler();
    for argument in [
        // No C start-up code and no C library: `_start` is ours, and so is all it calls.
        "-nostartfiles",
        "-nodefaultlibs",
        // One file that needs no interpreter, at a fixed address: nothing is left to relocate, so no
        // relocator is needed before the first use of a table.
        "-static",
        "-no-pie",
        "-Wl,-z,norelro",
        // The kernel reads the program headers only.
        "-Wl,-z,nosectionheader",
        // No identifier that is not reproducible or used.
        "-Wl,--build-id=none",
        // Nobody unwinds.
        "-Wl,--no-eh-frame-hdr",
        &format!("-Wl,-T,{script}"),
    ] {
        let words = match argument.strip_prefix("-Wl,") {
            _ if is_driven => vec![argument],
            Some(words) => words.split(',').collect(),
            // A linker that nobody drives adds nothing by itself.
            None if argument.starts_with("-nod") || argument.starts_with("-nos") => vec![],
            None => vec![argument],
        };
        for word in words {
            println!("cargo::rustc-link-arg-bin=pidling={word}");
        }
    }
    println!("cargo::rerun-if-changed=src/entry/link.ld");
    println!("cargo::rerun-if-changed=src/entry/build.rs");
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/logs/HEAD");
    println!("cargo::rerun-if-changed=src/prose.rs");
    pack(Path::new(
        &std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"),
    ));
    let commit = commit().map_or(String::new(), |commit| format!(" - git.{commit}"));
    println!("cargo::rustc-env=PIDLING_COMMIT={commit}");
}

/// Whether rustc calls the linker through a C compiler, as it does unless cargo is told of another linker.
fn is_driven_by_a_c_compiler() -> bool {
    let linker = std::env::var_os("RUSTC_LINKER").unwrap_or_default();
    let name = Path::new(&linker).file_name().unwrap_or_default();
    !name.to_string_lossy().contains("lld")
}

/// The first seven hexadecimal digits of the checked-out commit, if this is the top of a checkout.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["--git-dir=.git", "rev-parse", "--short=7", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let commit = text.trim().get(..7)?;
    output.status.success().then(|| commit.to_owned())
}

/// Packs the texts by byte pair encoding: again and again, the most frequent pair of bytes is replaced
/// by a byte above 127. The characters that structure the texts are left alone, so that packed text can
/// be taken apart without unpacking it.
fn pack(directory: &Path) {
    let mut texts: Vec<(&str, Vec<u8>)> = [
        ("TEMPLATES", prose::TEMPLATES),
        ("BEGINNINGS", prose::BEGINNINGS),
        ("ERROR_NAMES", prose::ERROR_NAMES),
        ("LICENSE", prose::LICENSE),
        ("HELP", prose::HELP),
        ("EXPECTED", prose::EXPECTED),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .collect();
    let mut pairs = Vec::new();
    for code in 128..=255_u8 {
        let mut counts = std::collections::BTreeMap::<[u8; 2], usize>::new();
        for (_, text) in &texts {
            for pair in text
                .windows(2)
                .filter_map(<[u8]>::first_chunk)
                .filter(|pair| !pair.iter().any(|byte| b"\n|{}".contains(byte)))
            {
                *counts.entry(*pair).or_default() += 1;
            }
        }
        let (pair, _) = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .expect("the texts are not empty");
        pairs.push(pair);
        for (_, text) in &mut texts {
            let mut packed = Vec::new();
            let mut rest = &text[..];
            while let Some((first, after)) = rest.split_first() {
                let packed_pair = rest.strip_prefix(&pair);
                packed.push(if packed_pair.is_some() { code } else { *first });
                rest = packed_pair.unwrap_or(after);
            }
            *text = packed;
        }
    }
    let mut source = format!(
        "/// What bytes above 127 stand for.\npub static PAIRS: [[u8; 2]; 128] = {pairs:?};\n"
    );
    for (name, text) in texts {
        let length = text.len();
        write!(
            source,
            "/// `prose::{name}`, packed.\npub static {name}: [u8; {length}] = {text:?};\n"
        )
        .expect("memory suffices");
    }
    std::fs::write(directory.join("packed.rs"), source).expect("OUT_DIR can be written");
}
