//! The file that ships: static, small, and with nothing in it that a PID 1 should not have.

use harness::pidling;
use object::read::elf::{ElfFile, FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, FileKind, elf};
use std::path::Path;
use std::process::Command;

/// The largest the stripped release binary for x86-64 may be, in bytes.
const BUDGET: u64 = 69_632;

/// What the program headers of a file say.
struct Layout {
    kind: elf::FileType,
    machine: elf::Machine,
    segments: Vec<Segment>,
    section_kinds: Vec<elf::SectionType>,
    has_undefined_symbols: bool,
}

struct Segment {
    kind: elf::ProgramType,
    flags: elf::ProgramFlags,
    offset: u64,
    address: u64,
    size: u64,
    memory: u64,
    alignment: u64,
}

/// Takes an ELF file of either width apart.
fn layout_of<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Layout {
    let file = ElfFile::<Elf>::parse(bytes).expect("it is an ELF file");
    let endian = file.endian();
    let header = file.elf_header();
    Layout {
        kind: header.e_type(endian),
        machine: header.e_machine(endian),
        segments: file
            .elf_program_headers()
            .iter()
            .map(|segment| Segment {
                kind: segment.p_type(endian),
                flags: segment.p_flags(endian),
                offset: segment.p_offset(endian).into(),
                address: segment.p_vaddr(endian).into(),
                size: segment.p_filesz(endian).into(),
                memory: segment.p_memsz(endian).into(),
                alignment: segment.p_align(endian).into(),
            })
            .collect(),
        section_kinds: file
            .elf_section_table()
            .iter()
            .map(|section| section.sh_type(endian))
            .collect(),
        has_undefined_symbols: file
            .elf_symbol_table()
            .iter()
            .skip(1)
            .any(|symbol| symbol.st_shndx(endian) == elf::SHN_UNDEF),
    }
}

/// The layout of the init under test.
fn layout() -> Layout {
    let bytes = std::fs::read(pidling()).expect("cargo has built the init");
    match FileKind::parse(&*bytes) {
        Ok(FileKind::Elf32) => layout_of::<elf::FileHeader32<Endianness>>(&bytes),
        Ok(FileKind::Elf64) => layout_of::<elf::FileHeader64<Endianness>>(&bytes),
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn the_binary_is_static_and_for_a_fixed_address() {
    let layout = layout();
    assert_eq!(layout.kind, elf::ET_EXEC);
    for Segment { kind, .. } in layout.segments {
        assert!(
            kind == elf::PT_LOAD || kind == elf::PT_GNU_STACK,
            "neither interpreter nor dynamic section nor anything else: {kind:#x}"
        );
    }
}

#[test]
fn no_segment_is_writable_and_the_stack_is_not_executable() {
    if cfg!(debug_assertions) {
        eprintln!("skipped: a debug build of the core library has writable data");
        return;
    }
    let mut stack = None;
    for segment in layout().segments {
        if segment.kind == elf::PT_GNU_STACK {
            stack = Some(segment.flags);
        } else {
            assert_eq!(segment.flags, elf::PF_R | elf::PF_X);
            assert_eq!(segment.memory, segment.size, "nothing is to be zeroed");
        }
    }
    assert_eq!(stack, Some(elf::PF_R | elf::PF_W));
}

/// The largest pages that Linux can be built with, by machine.
const PAGES: [(elf::Machine, u64); 8] = [
    (elf::EM_X86_64, 0x1000),
    (elf::EM_386, 0x1000),
    (elf::EM_AARCH64, 0x10000),
    (elf::EM_ARM, 0x10000),
    (elf::EM_RISCV, 0x1000),
    (elf::EM_PPC64, 0x10000),
    (elf::EM_S390, 0x1000),
    (elf::EM_LOONGARCH, 0x10000),
];

/// The kernel maps whole pages: with larger pages than the file was laid out for, it would refuse it.
#[test]
fn segments_can_be_mapped_with_the_largest_pages_of_the_architecture() {
    let layout = layout();
    let pages = PAGES.iter().find(|(machine, _)| *machine == layout.machine);
    let (_, page) = pages.unwrap_or_else(|| panic!("{:?}", layout.machine));
    let mut end = 0;
    for segment in layout.segments {
        if segment.kind == elf::PT_LOAD {
            assert!(segment.alignment >= *page, "{:#x}", segment.alignment);
            assert_eq!(segment.offset % page, segment.address % page);
            assert!(segment.address / page >= end, "two segments share a page");
            end = (segment.address + segment.memory).div_ceil(*page);
        }
    }
    assert!(end > 0, "nothing is mapped");
}

#[test]
fn nothing_is_undefined_or_left_to_relocate() {
    let layout = layout();
    for kind in layout.section_kinds {
        assert!(
            !matches!(
                kind,
                elf::SHT_REL | elf::SHT_RELA | elf::SHT_RELR | elf::SHT_DYNAMIC | elf::SHT_DYNSYM
            ),
            "section of type {kind:#x}"
        );
    }
    assert!(!layout.has_undefined_symbols, "an undefined symbol");
}

/// `Documentation/arch/arm/kernel_user_helpers.rst`: a kernel may lack them, and then a call is a SIGSEGV. Where the
/// compiler wants a barrier and the processor has none, it calls them.
#[test]
fn no_helper_of_the_kernel_is_called_on_arm() {
    if layout().machine != elf::EM_ARM {
        eprintln!("skipped: other kernels have none");
        return;
    }
    let bytes = std::fs::read(pidling()).expect("the file");
    let (words, _) = bytes.as_chunks::<4>();
    // cmpxchg64, memory_barrier, cmpxchg, get_tls, and their version.
    let helpers = [
        0xffff_0f60,
        0xffff_0fa0,
        0xffff_0fc0,
        0xffff_0fe0,
        0xffff_0ffc,
    ];
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let called: Vec<u32> = (0..words.len())
        .filter(|index| helpers.contains(&words[*index]) && !is_distance(&words, *index))
        .map(|index| words[index])
        .collect();
    assert!(called.is_empty(), "{called:#x?}");
}

/// Whether the word at an index is a distance, which happens to look like an address: it is loaded by an instruction in the
/// 4 kB before it, `LDR Rt, [PC, #+imm12]`, and soon after that the program counter is added to it, `ADD Rd, PC, Rt`.
fn is_distance(words: &[u32], index: usize) -> bool {
    let loads = (index.saturating_sub(1026)..index).filter(|place| {
        // The program counter is two instructions ahead.
        let target = (place + 2) * 4 + (words[*place] & 0xfff) as usize;
        words[*place] & 0x0fff_0000 == 0x059f_0000 && target == index * 4
    });
    let mut loads = loads.peekable();
    loads.peek().is_some()
        && loads.all(|place| {
            let register = words[place] >> 12 & 0xf;
            let soon = words.iter().skip(place + 1).take(16);
            soon.map(|word| word & 0x0fff_0fff)
                .any(|word| word == 0x008f_0000 | register)
        })
}

#[test]
fn the_release_binary_keeps_to_its_budget() {
    if cfg!(debug_assertions) {
        eprintln!("skipped: the budget is for release builds");
        return;
    }
    if layout().machine != elf::EM_X86_64 {
        eprintln!("skipped: the budget is for x86-64");
        return;
    }
    let size = std::fs::metadata(pidling()).expect("the file").len();
    assert!(size <= BUDGET, "{size} bytes");
    let readme = include_str!("../../README.md");
    let claim = format!(
        "one static file of at most {} KiB on x86-64,",
        BUDGET / 1024
    );
    assert!(readme.contains(&claim), "{claim}");
    let design = include_str!("../../docs/design.md");
    let claim = format!("{},{} bytes on x86-64", BUDGET / 1000, BUDGET % 1000);
    assert!(design.contains(&claim), "{claim}");
}

/// The negative control for the panic handler: one index that is not proven fails the link.
#[test]
fn a_release_build_with_a_panic_path_does_not_link() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = tempfile::tempdir().expect("a temporary directory");
    for entry in [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
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
    let call = "    // SAFETY: the stack pointer was there";
    assert_eq!(source.matches(call).count(), 1);
    let indexed = format!("    let stack = [stack, stack][stack.addr().get() % 4];\n{call}");
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
