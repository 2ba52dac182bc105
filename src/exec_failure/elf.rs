//! The headers of an ELF file, elf(5), in both classes and both byte orders.

use super::Machine;
use crate::bytes::split;

/// What the headers of an ELF file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elf<'a> {
    /// The file ends before its headers do.
    Truncated,
    /// A class, a byte order or a header that no kernel takes.
    Malformed,
    /// The headers are whole.
    File {
        /// What it is for.
        machine: Machine,
        /// Whether it is one that can be executed at all (`ET_EXEC`, `ET_DYN`), no object file or core dump.
        is_executable: bool,
        /// The path of its loader (`PT_INTERP`); `None` where it has none, or where that stands too far back to have
        /// been read.
        loader: Option<&'a [u8]>,
    },
}

/// Where a class has its fields: offsets in the file's header and in a program header (`include/uapi/linux/elf.h`).
struct Layout {
    header_size: u64,
    program_headers_offset: u64,
    program_header_entry_size: u64,
    program_header_count: u64,
    program_header_size: u16,
    segment_offset: u64,
    segment_size: u64,
}

/// `Elf32_Ehdr` and `Elf32_Phdr`.
const LAYOUT_32: Layout = Layout {
    header_size: 52,
    program_headers_offset: 28,
    program_header_entry_size: 42,
    program_header_count: 44,
    program_header_size: 32,
    segment_offset: 4,
    segment_size: 16,
};

/// `Elf64_Ehdr` and `Elf64_Phdr`.
const LAYOUT_64: Layout = Layout {
    header_size: 64,
    program_headers_offset: 32,
    program_header_entry_size: 54,
    program_header_count: 56,
    program_header_size: 56,
    segment_offset: 8,
    segment_size: 32,
};

/// `e_type` and `e_machine` stand at the same place in both classes.
const TYPE: u64 = 16;
const MACHINE: u64 = 18;

/// Reads the headers in `head`, the first bytes of a file of `size` bytes; `None` if it is no ELF file.
#[must_use]
pub fn parse(head: &[u8], size: u64) -> Option<Elf<'_>> {
    let [class, data, ..] = *head.strip_prefix(b"\x7fELF")? else {
        return Some(Elf::Truncated);
    };
    let (layout, is_64_bit) = match class {
        libc::ELFCLASS32 => (LAYOUT_32, false),
        libc::ELFCLASS64 => (LAYOUT_64, true),
        _ => return Some(Elf::Malformed),
    };
    let is_big_endian = match data {
        libc::ELFDATA2LSB => false,
        libc::ELFDATA2MSB => true,
        _ => return Some(Elf::Malformed),
    };
    let fields = Fields {
        head,
        is_64_bit,
        is_big_endian,
    };
    if size < layout.header_size {
        return Some(Elf::Truncated);
    }
    Some(parse_headers(&fields, &layout, size).unwrap_or(Elf::Malformed))
}

/// Reads what follows the identification; `None` where the header's numbers make no sense.
fn parse_headers<'a>(fields: &Fields<'a>, layout: &Layout, size: u64) -> Option<Elf<'a>> {
    let machine = Machine {
        number: fields.half(MACHINE)?,
        is_64_bit: fields.is_64_bit,
        is_big_endian: fields.is_big_endian,
    };
    let count = fields.half(layout.program_header_count)?;
    if count > 0 && fields.half(layout.program_header_entry_size)? != layout.program_header_size {
        return None;
    }
    let first = fields.address(layout.program_headers_offset)?;
    let step = u64::from(layout.program_header_size);
    if ends_past(size, first, u64::from(count).checked_mul(step)?) {
        return Some(Elf::Truncated);
    }

    let mut loader = None;
    for index in 0..count {
        let header = u64::from(index).checked_mul(step)?.checked_add(first)?;
        match fields.word(header) {
            Some(libc::PT_INTERP) => {}
            Some(_) => continue,
            None => break,
        }
        // A header whose end was not read says nothing.
        let (Some(offset), Some(length)) = (
            fields.address(header.checked_add(layout.segment_offset)?),
            fields.address(header.checked_add(layout.segment_size)?),
        ) else {
            break;
        };
        if ends_past(size, offset, length) {
            return Some(Elf::Truncated);
        }
        loader = fields
            .range(offset, length)
            .and_then(|path| split(path, 0).next())
            .filter(|path| !path.is_empty());
        break;
    }
    Some(Elf::File {
        machine,
        is_executable: matches!(fields.half(TYPE)?, libc::ET_EXEC | libc::ET_DYN),
        loader,
    })
}

/// Whether a range ends past the end of a file of `size` bytes.
fn ends_past(size: u64, offset: u64, length: u64) -> bool {
    offset.checked_add(length).is_none_or(|end| end > size)
}

/// The fields of a file, in its byte order and class.
struct Fields<'a> {
    head: &'a [u8],
    is_64_bit: bool,
    is_big_endian: bool,
}

impl<'a> Fields<'a> {
    /// Bytes of the file; `None` for those that were not read.
    fn range(&self, offset: u64, length: u64) -> Option<&'a [u8]> {
        let end = usize::try_from(offset.checked_add(length)?).ok()?;
        self.head.get(usize::try_from(offset).ok()?..end)
    }

    /// A number of 16 bits.
    fn half(&self, offset: u64) -> Option<u16> {
        let bytes = *self.range(offset, 2)?.first_chunk()?;
        Some(if self.is_big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    /// A number of 32 bits.
    fn word(&self, offset: u64) -> Option<u32> {
        let bytes = *self.range(offset, 4)?.first_chunk()?;
        Some(if self.is_big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// An offset or a size: as wide as the class.
    fn address(&self, offset: u64) -> Option<u64> {
        if !self.is_64_bit {
            return self.word(offset).map(u64::from);
        }
        let bytes = *self.range(offset, 8)?.first_chunk()?;
        Some(if self.is_big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }
}

/// Files made by hand.
#[cfg(test)]
pub(crate) mod made {
    /// An ELF file of this class and byte order: a header, a `PT_NULL` and a `PT_INTERP` header, and the loader's
    /// path.
    pub(crate) fn file(is_64_bit: bool, is_big_endian: bool, number: u16, loader: &str) -> Vec<u8> {
        let half = |number: u16| {
            if is_big_endian {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        };
        let word = |number: u32| {
            if is_big_endian {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        };
        let address = |number: u32| match (is_64_bit, is_big_endian) {
            (false, _) => word(number).to_vec(),
            (true, false) => u64::from(number).to_le_bytes().to_vec(),
            (true, true) => u64::from(number).to_be_bytes().to_vec(),
        };
        let (header_size, program_header_size) = if is_64_bit { (64, 56) } else { (52, 32) };
        let path_offset = u32::from(header_size + 2 * program_header_size);
        let path_size = u32::try_from(loader.len() + 1).unwrap();

        let mut file = b"\x7fELF".to_vec();
        file.extend([1 + u8::from(is_64_bit), 1 + u8::from(is_big_endian), 1]);
        file.extend([0; 9]);
        file.extend([half(libc::ET_DYN), half(number)].concat());
        file.extend(word(1));
        file.extend([address(0), address(header_size.into()), address(0)].concat());
        file.extend(word(0));
        for field in [header_size, program_header_size, 2, 0, 0, 0] {
            file.extend(half(field));
        }
        assert_eq!(file.len(), usize::from(header_size));
        for kind in [libc::PT_NULL, libc::PT_INTERP] {
            file.extend(word(kind));
            if is_64_bit {
                file.extend(word(4));
            }
            let numbers = [path_offset, 0, 0, path_size, path_size];
            file.extend(numbers.map(address).concat());
            if !is_64_bit {
                file.extend(word(4));
            }
            file.extend(address(1));
        }
        file.extend(loader.bytes());
        file.push(0);
        assert_eq!(
            file.len(),
            usize::try_from(path_offset + path_size).unwrap()
        );
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Object, ObjectSection};
    use proptest::prelude::*;

    fn size(bytes: &[u8]) -> u64 {
        u64::try_from(bytes.len()).unwrap()
    }

    const KINDS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

    #[test]
    fn files_of_both_classes_and_both_byte_orders_are_read() {
        for (is_64_bit, is_big_endian) in KINDS {
            let file = made::file(is_64_bit, is_big_endian, 0x1234, "/lib/ld.so");
            let expected = Elf::File {
                machine: Machine {
                    number: 0x1234,
                    is_64_bit,
                    is_big_endian,
                },
                is_executable: true,
                loader: Some(b"/lib/ld.so"),
            };
            assert_eq!(parse(&file, size(&file)), Some(expected));
        }
    }

    #[test]
    fn a_file_that_ends_early_is_truncated_wherever_it_ends() {
        for (is_64_bit, is_big_endian) in KINDS {
            let file = made::file(is_64_bit, is_big_endian, 62, "/lib/ld.so");
            for length in 4..file.len() {
                let head = &file[..length];
                assert_eq!(parse(head, size(head)), Some(Elf::Truncated), "{length}");
            }
            for length in 0..4 {
                assert_eq!(parse(&file[..length], size(&file)), None);
            }
        }
    }

    /// What was not read is not judged: the file is longer than its head.
    #[test]
    fn a_loader_behind_the_bytes_that_were_read_is_not_known() {
        for (is_64_bit, is_big_endian) in KINDS {
            let file = made::file(is_64_bit, is_big_endian, 62, "/lib/ld.so");
            let header_size = if is_64_bit { 64 } else { 52 };
            for length in header_size..file.len() {
                let expected = Elf::File {
                    machine: Machine {
                        number: 62,
                        is_64_bit,
                        is_big_endian,
                    },
                    is_executable: true,
                    loader: None,
                };
                let parsed = parse(&file[..length], size(&file));
                assert_eq!(parsed, Some(expected), "{length}");
            }
        }
    }

    #[test]
    fn headers_without_sense_are_malformed() {
        let whole = made::file(true, false, 62, "/lib/ld.so");
        for (place, byte) in [(4, 0), (4, 3), (5, 0), (5, 3), (54, 55)] {
            let mut file = whole.clone();
            file[place] = byte;
            assert_eq!(parse(&file, size(&file)), Some(Elf::Malformed), "{place}");
        }
        let mut object_file = whole;
        object_file[16] = 1;
        let parsed = parse(&object_file, size(&object_file));
        assert!(
            matches!(
                parsed,
                Some(Elf::File {
                    is_executable: false,
                    ..
                })
            ),
            "{parsed:?}"
        );
    }

    /// Against another reader of ELF files: the test itself and a program of the system.
    #[test]
    fn real_programs_are_read_as_the_object_crate_reads_them() {
        for path in ["/proc/self/exe", "/bin/true"] {
            let file = std::fs::read(path).unwrap();
            let theirs = object::File::parse(&*file).unwrap();
            let section = theirs.section_by_name(".interp").unwrap();
            let loader = section.data().unwrap().strip_suffix(b"\0").unwrap();
            let expected = Elf::File {
                machine: Machine::HERE,
                is_executable: true,
                loader: Some(loader),
            };
            assert_eq!(parse(&file[..4096], size(&file)), Some(expected), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), size: u64) {
            let _ = parse(&bytes, size);
            let _ = parse(&[b"\x7fELF", &bytes[..]].concat(), size);
        }

        #[test]
        fn any_change_of_a_file_is_parsed_without_harm(
            kind in 0_usize..4,
            changes in proptest::collection::vec((0_usize..200, any::<u8>()), 1..8),
            length in 0_usize..200,
            size: u64,
        ) {
            let (is_64_bit, is_big_endian) = KINDS[kind];
            let mut file = made::file(is_64_bit, is_big_endian, 62, "/lib/ld.so");
            for (place, byte) in changes {
                let place = place % file.len();
                file[place] = byte;
            }
            let head = &file[..length.min(file.len())];
            for size in [size, u64::try_from(head.len()).unwrap()] {
                if let Some(Elf::File { loader: Some(loader), .. }) = parse(head, size) {
                    prop_assert!(!loader.is_empty() && !loader.contains(&0));
                }
            }
        }
    }
}
