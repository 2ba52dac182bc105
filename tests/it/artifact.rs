//! The file that ships: static, small, and with nothing in it that a PID 1 should not have.

use object::read::elf::{ElfFile64, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, elf};
use std::path::Path;
use std::process::Command;

/// The largest the stripped release binary may be, in bytes. The goal is 16,384; until it is reached, nothing
/// may be added without something being taken away.
const BUDGET: usize = 18_400;

fn with_binary(check: impl FnOnce(&[u8], &ElfFile64<'_, Endianness>)) {
    let bytes = std::fs::read(env!("CARGO_BIN_EXE_pidling")).expect("cargo has built the init");
    let file = ElfFile64::<Endianness>::parse(&*bytes).expect("it is an ELF file");
    check(&bytes, &file);
}

#[test]
fn the_binary_is_static_and_at_a_fixed_address() {
    with_binary(|_, file| {
        let endian = file.endian();
        assert_eq!(
            file.elf_header().e_type(endian),
            elf::ET_EXEC,
            "not position-independent"
        );
        for segment in file.elf_program_headers() {
            let kind = segment.p_type(endian);
            assert!(
                kind == elf::PT_LOAD || kind == elf::PT_GNU_STACK,
                "neither interpreter nor dynamic section nor anything else: {kind:#x}"
            );
        }
    });
}

#[test]
fn no_segment_is_writable_and_executable_and_the_stack_is_not_executable() {
    with_binary(|_, file| {
        let endian = file.endian();
        let mut stack = None;
        for segment in file.elf_program_headers() {
            let flags = segment.p_flags(endian);
            assert_ne!(flags & (elf::PF_W | elf::PF_X), elf::PF_W | elf::PF_X);
            if segment.p_type(endian) == elf::PT_GNU_STACK {
                stack = Some(flags);
            }
        }
        assert_eq!(stack, Some(elf::PF_R | elf::PF_W));
    });
}

#[test]
fn nothing_is_undefined_or_left_to_relocate() {
    with_binary(|_, file| {
        let endian = file.endian();
        for section in file.elf_section_table().iter() {
            let kind = section.sh_type(endian);
            assert!(
                !matches!(
                    kind,
                    elf::SHT_REL
                        | elf::SHT_RELA
                        | elf::SHT_RELR
                        | elf::SHT_DYNAMIC
                        | elf::SHT_DYNSYM
                ),
                "section of type {kind:#x}"
            );
        }
        assert!(
            file.elf_symbol_table()
                .iter()
                .skip(1)
                .all(|symbol| symbol.st_shndx.get(endian) != elf::SHN_UNDEF),
            "an undefined symbol"
        );
    });
}

#[test]
fn the_release_binary_keeps_to_its_budget() {
    if cfg!(debug_assertions) {
        eprintln!("skipped: the budget is for release builds");
        return;
    }
    with_binary(|bytes, _| assert!(bytes.len() <= BUDGET, "{} bytes", bytes.len()));
}

/// The negative control for the panic handler: one index that is not proven fails the link.
#[test]
fn a_release_build_with_a_panic_path_does_not_link() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = tempfile::tempdir().expect("a temporary directory");
    for entry in [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "src",
        "tests",
    ] {
        let status = Command::new("cp")
            .arg("-r")
            .arg(package.join(entry))
            .arg(copy.path())
            .status();
        assert!(status.expect("cp").success(), "{entry}");
    }
    let entry = copy.path().join("src/entry.rs");
    let source = std::fs::read_to_string(&entry).expect("the entry");
    let call = "    let arguments = stack.wrapping_add(1);";
    assert_eq!(source.matches(call).count(), 1);
    let indexed = format!("    let count = [1, 2][count];\n{call}");
    std::fs::write(&entry, source.replace(call, &indexed)).expect("the copy can be written");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "--bin", "pidling", "--offline"])
        .env("CARGO_TARGET_DIR", copy.path().join("target"))
        .current_dir(copy.path())
        .output()
        .expect("cargo runs");
    let stderr = String::from_utf8_lossy(&build.stderr);
    assert!(!build.status.success(), "{stderr}");
    assert!(
        stderr.contains("release_build_contains_a_panic_path"),
        "{stderr}"
    );
}
