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
    // The layout of the file, see there.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/entry/link.ld");
    let is_driven = is_driven_by_a_c_compiler();
    for argument in [
        // No C start-up code and no C library: `_start` is ours, and so is all it calls.
        "-nostartfiles",
        "-nodefaultlibs",
        // One file that needs no interpreter, at an address that the kernel chooses. Nothing in it holds an
        // address, so nothing is left to relocate; the linker script fails the link otherwise.
        "-static-pie",
        "-Wl,--no-dynamic-linker",
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
            // Other architectures have tables with addresses, and are linked for a fixed one.
            None if argument == "-static-pie" => {
                vec!["-static", "-no-pie", "--defsym=fixed_address=0x400000"]
            }
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
    let directory = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&directory).join("packed.rs"), packed())
        .expect("OUT_DIR can be written");
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

/// All pieces of text with the names of those that have one, in the order of their numbers.
fn pieces() -> Vec<(String, String)> {
    let mut pieces = Vec::new();
    let mut add = |name: &str, text: &str| pieces.push((name.to_owned(), text.to_owned()));
    // Those that the code names most often come first: small numbers make short instructions.
    for (name, text) in prose::WORDS {
        add(name, text);
    }
    for (index, template) in prose::TEMPLATES.iter().enumerate() {
        let (event, words) = template.split_once('|').expect("an event and words");
        add(if index == 0 { "MESSAGE" } else { "" }, event);
        add("", words);
    }
    for (index, (_, error, meaning)) in prose::ERRORS.iter().enumerate() {
        add(if index == 0 { "ERROR" } else { "" }, error);
        add("", meaning);
    }
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets it");
    let commit = commit().map_or(String::new(), |commit| format!(" - git.{commit}"));
    for (name, text) in [
        ("HELP", prose::HELP),
        ("VERBOSITY", prose::VERBOSITY),
        ("LICENSE", prose::LICENSE),
        ("VERSION_AS_TINI", prose::VERSION_AS_TINI),
        ("VERSION", &format!("{}{commit}", prose::VERSION)),
    ] {
        for (index, line) in text.replace("{version}", &version).lines().enumerate() {
            add(if index == 0 { name } else { "" }, line);
        }
        add("", "");
    }
    pieces
}

/// Packs the texts by byte pair encoding: again and again, the most frequent pair of bytes is replaced
/// by a byte that no text has. The characters that structure the texts are left alone, so that packed
/// text can be taken apart without unpacking it.
fn packed() -> String {
    let pieces = pieces();
    let mut source = String::from("impl Piece {\n");
    let mut texts = Vec::new();
    for (index, (name, text)) in pieces.iter().enumerate() {
        if !name.is_empty() {
            let shown = text.escape_debug();
            writeln!(
                source,
                "/// `{shown}`\npub const {name}: Self = Self({index});"
            )
            .expect("memory suffices");
        }
        texts.extend(text.bytes().chain([0]));
    }
    let mut pairs = vec![[0; 2]; 161];
    for (place, code) in pairs.iter_mut().zip((127..=255).chain(0..32)) {
        // A null byte ends a piece.
        if code == 0 {
            continue;
        }
        let mut counts = std::collections::BTreeMap::<[u8; 2], usize>::new();
        for pair in texts
            .windows(2)
            .filter_map(<[u8]>::first_chunk)
            .filter(|pair| !pair.iter().any(|byte| b"\0{}".contains(byte)))
        {
            *counts.entry(*pair).or_default() += 1;
        }
        let (pair, _) = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .expect("the texts are not empty");
        *place = pair;
        let mut packed = Vec::new();
        let mut rest = &texts[..];
        while let Some((first, after)) = rest.split_first() {
            let packed_pair = rest.strip_prefix(&pair);
            packed.push(if packed_pair.is_some() { code } else { *first });
            rest = packed_pair.unwrap_or(after);
        }
        texts = packed;
    }
    let errors: Vec<u8> = prose::ERRORS.iter().map(|(number, ..)| *number).collect();
    write!(
        source,
        "}}\n\
        /// What bytes outside of printable ASCII stand for, from 127 on.\n\
        pub static PAIRS: [[u8; 2]; {}] = {pairs:?};\n\
        /// All pieces, packed.\n\
        pub static TEXTS: [u8; {}] = {texts:?};\n\
        /// The numbers of the errors that have names.\n\
        pub static ERRORS: [u8; {}] = {errors:?};\n",
        pairs.len(),
        texts.len(),
        errors.len(),
    )
    .expect("memory suffices");
    source
}
