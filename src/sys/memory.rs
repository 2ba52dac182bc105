//! Memory mapped for an occasion: mmap(2), and munmap(2) when it is dropped.
//!
//! # Safety
//! A mapping is made where the kernel finds room, filled with zeros, and belongs to its `Mapping` alone. What is
//! shared with a forked child is atomic.
#![expect(unsafe_code, reason = "the kernel gives addresses")]

use super::Result;
use super::call::{Sysno, register, result, syscall};
use crate::posix::errno::Errno;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::AtomicU32;

/// Anonymous memory of this process.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u32>,
    words: usize,
}

impl Mapping {
    /// How many bytes it has.
    const fn length(words: usize) -> usize {
        words.saturating_mul(size_of::<u32>())
    }

    fn new(words: usize, flags: i32) -> Result<Self> {
        let protection = register(libc::PROT_READ | libc::PROT_WRITE);
        let flags = register(libc::MAP_ANONYMOUS | flags);
        let nowhere = 0_usize;
        let no_file = register(-1);
        let arguments = [nowhere, Self::length(words), protection, flags, no_file, 0];
        // SAFETY: without MAP_FIXED the kernel takes nothing away that is mapped.
        let start = unsafe { mmap(arguments) };
        let start = NonNull::new(ptr::with_exposed_provenance_mut(result(start)?));
        Ok(Self {
            start: start.ok_or(Errno::ENOMEM)?,
            words,
        })
    }
}

/// mmap(2) with its six arguments.
///
/// # Safety
/// It maps what its arguments say.
unsafe fn mmap(arguments: [usize; 6]) -> usize {
    // There the arguments are in memory (`s390_old_mmap`).
    #[cfg(target_arch = "s390x")]
    let returned = {
        let arguments = arguments.as_ptr();
        // SAFETY: there are six of them; the caller answers for what they say.
        unsafe { syscall!(Sysno::mmap, arguments) }
    };
    #[cfg(not(target_arch = "s390x"))]
    let returned = {
        // The older call has its arguments in memory there; this one counts the offset in pages.
        #[cfg(target_pointer_width = "32")]
        let number = Sysno::mmap2;
        #[cfg(target_pointer_width = "64")]
        let number = Sysno::mmap;
        let [start, length, protection, flags, file, offset] = arguments;
        // SAFETY: the caller answers for what the arguments say.
        unsafe { syscall!(number, start, length, protection, flags, file, offset) }
    };
    returned
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let (start, length) = (self.start.as_ptr(), Self::length(self.words));
        // SAFETY: it is this mapping's, and references to it have ended.
        let returned = unsafe { syscall!(Sysno::munmap, start, length) };
        // Where a sandbox refuses, it stays mapped.
        let _ = returned;
    }
}

/// A page that this process shares with the children that it forks: mmap(2), `MAP_SHARED`.
#[derive(Debug)]
pub struct SharedPage(Mapping);

impl SharedPage {
    /// How many words of it can be used.
    pub const WORDS: usize = 8;

    /// Maps one that is zero.
    ///
    /// # Errors
    /// ENOMEM; a sandbox may refuse.
    pub fn map() -> Result<Self> {
        Mapping::new(Self::WORDS, libc::MAP_SHARED).map(Self)
    }

    /// Its words.
    #[must_use]
    pub const fn words(&self) -> &[AtomicU32; Self::WORDS] {
        // SAFETY: the mapping has that many aligned words, lives as long as `self`, and is never used but so.
        unsafe { self.0.start.cast::<[AtomicU32; Self::WORDS]>().as_ref() }
    }
}

/// Zeros of this process alone, which cost memory only once they are written: mmap(2), `MAP_NORESERVE`.
#[derive(Debug)]
pub struct Scratch(Mapping);

impl Scratch {
    /// Maps as many words.
    ///
    /// # Errors
    /// ENOMEM, also at the limit of address space; EINVAL for none.
    pub fn map(words: usize) -> Result<Self> {
        Mapping::new(words, libc::MAP_PRIVATE | libc::MAP_NORESERVE).map(Self)
    }

    /// Its words.
    #[must_use]
    pub const fn words(&mut self) -> &mut [u32] {
        // SAFETY: the mapping has that many aligned words, lives as long as `self`, and is never used but so.
        unsafe { slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{Fork, exit, fork};
    use core::sync::atomic::Ordering;
    use nix::sys::wait::waitpid;

    /// Whether the first byte of a page is mapped, mincore(2).
    fn is_mapped(start: NonNull<u32>) -> bool {
        let mut resident = 0;
        // SAFETY: it takes the address as a number and writes one byte for one page.
        let result = unsafe { libc::mincore(start.as_ptr().cast(), 1, &raw mut resident) };
        result == 0
    }

    #[test]
    fn what_a_child_writes_to_a_shared_page_its_parent_reads() {
        let page = SharedPage::map().unwrap();
        assert!(
            page.words()
                .iter()
                .all(|word| word.load(Ordering::Relaxed) == 0)
        );
        let Fork::Parent(child) = fork().unwrap() else {
            for (word, value) in page.words().iter().zip(1..) {
                word.store(value, Ordering::Relaxed);
            }
            exit(0);
        };
        let _ = waitpid(nix::unistd::Pid::from_raw(child.number()), None).unwrap();
        let words: Vec<u32> = page
            .words()
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
            .collect();
        assert_eq!(words, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn scratch_memory_is_zero_and_costs_what_is_written() {
        // 64 MiB.
        let mut scratch = Scratch::map(16 << 20).unwrap();
        let words = scratch.words();
        assert_eq!(words.len(), 16 << 20);
        assert_eq!((words[0], words[words.len() - 1]), (0, 0));
        words[5_000_000] = 7;
        assert_eq!(scratch.words()[5_000_000], 7);
    }

    #[test]
    fn a_mapping_ends_with_its_owner() {
        // Larger than anything that another test could map in its place at once.
        let scratch = Scratch::map(1 << 30).unwrap();
        let start = scratch.0.start;
        assert!(is_mapped(start));
        drop(scratch);
        assert!(!is_mapped(start));
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        assert_eq!(Scratch::map(0).err(), Some(Errno::EINVAL));
        assert_eq!(Scratch::map(usize::MAX).err(), Some(Errno::ENOMEM));
    }
}
