//! What the kernel lays on the initial stack, execve(2): the argument vector and the environment.
//!
//! # Safety
//! A [`ZStr`] points to a null-terminated string that lives as long as its lifetime says and that nobody writes. A
//! [`StringList`] owns its slots, of which the last is null, and a [`Strings`] borrows them. All of them are made
//! from references, but for what [`from_stack`] takes, whose caller knows where it comes from.
#![expect(unsafe_code, reason = "the kernel passes pointers")]

use crate::bytes::contains;
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem;
use core::ptr::{self, NonNull};
use core::slice;

/// A null-terminated string, as thin as the kernel has it: `Option<ZStr>` is a `const char *` that may be null.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct ZStr<'a> {
    start: NonNull<u8>,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> ZStr<'a> {
    /// Takes a string of the C language, such as `c"/bin/sh"`.
    #[must_use]
    pub fn from_c_str(string: &'a CStr) -> Self {
        Self {
            start: NonNull::from(string).cast(),
            bytes: PhantomData,
        }
    }

    /// Takes the bytes up to the first null byte; `None` where there is none.
    #[must_use]
    pub fn from_bytes_until_nul(bytes: &'a [u8]) -> Option<Self> {
        contains(bytes, 0).then_some(Self {
            start: NonNull::from(bytes).cast(),
            bytes: PhantomData,
        })
    }

    /// The bytes before the null byte.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        // SAFETY: the string is null-terminated, lives as long as `'a`, and nobody writes it.
        unsafe { CStr::from_ptr(self.start.as_ptr().cast()) }.to_bytes()
    }

    /// Where it starts, for the kernel.
    pub(super) const fn as_ptr(self) -> *const u8 {
        self.start.as_ptr()
    }
}

/// A list of strings that ends with a null pointer, whose slots it owns: `argv` or `envp`.
///
/// Moved to a variable of a shorter life, it takes strings of that life as well, such as those in a buffer:
///
/// ```
/// use pidling::sys::arguments::{StringList, ZStr};
///
/// fn change(environment: StringList<'_>) {
///     let buffer = *b"LISTEN_PID=2\0";
///     let mut environment = environment;
///     if let Some(variable) = ZStr::from_bytes_until_nul(&buffer) {
///         environment.set(0, variable);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct StringList<'a> {
    slots: NonNull<Option<ZStr<'a>>>,
    /// How many strings there are; the null pointer comes after them.
    length: usize,
}

impl<'a> StringList<'a> {
    /// Takes the slots up to the first `None`, which ends the list; gives nothing where there is none.
    #[must_use]
    pub fn new(slots: &'a mut [Option<ZStr<'a>>]) -> Option<Self> {
        let length = slots.iter().position(Option::is_none)?;
        let slots = NonNull::from(slots).cast();
        Some(Self { slots, length })
    }

    /// The string with this index, from 0; `None` past the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<ZStr<'a>> {
        self.slots().get(index).copied().flatten()
    }

    /// The strings in their order.
    pub fn iter(&self) -> impl Iterator<Item = ZStr<'a>> + '_ {
        self.slots().iter().copied().flatten()
    }

    /// Puts another string in the place of the one with this index; past the last nothing happens.
    pub fn set(&mut self, index: usize, string: ZStr<'a>) {
        if let Some((_, strings)) = self.slots_mut().split_last_mut()
            && let Some(slot) = strings.get_mut(index)
        {
            *slot = Some(string);
        }
    }

    /// Takes the string with this index out; those after it move up. Past the last nothing happens.
    pub fn remove(&mut self, index: usize) {
        let tail = self.slots_mut().get_mut(index..).unwrap_or_default();
        // Each gets what the one after it had.
        let mut next = None;
        for slot in tail.iter_mut().rev() {
            mem::swap(slot, &mut next);
        }
        if next.is_some() {
            self.length = self.length.saturating_sub(1);
        }
    }

    /// The strings from this index on, for execve(2); none past the last.
    #[must_use]
    pub fn from(&self, index: usize) -> Strings<'_> {
        let index = index.min(self.length);
        Strings(self.slots().get(index..).unwrap_or(&[None]))
    }

    /// All slots, the null pointer included.
    fn slots(&self) -> &[Option<ZStr<'a>>] {
        let count = self.length.saturating_add(1);
        // SAFETY: this list owns `length` strings and the null pointer after them.
        unsafe { slice::from_raw_parts(self.slots.as_ptr(), count) }
    }

    /// All slots, the null pointer included, to be changed.
    fn slots_mut(&mut self) -> &mut [Option<ZStr<'a>>] {
        let count = self.length.saturating_add(1);
        // SAFETY: this list owns `length` strings and the null pointer after them.
        unsafe { slice::from_raw_parts_mut(self.slots.as_ptr(), count) }
    }
}

/// A part of a [`StringList`] that ends where the list ends, with a null pointer.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a>(&'a [Option<ZStr<'a>>]);

impl<'a> Strings<'a> {
    /// Where the first pointer is, for the kernel.
    pub(super) const fn as_ptr(self) -> *const Option<ZStr<'a>> {
        self.0.as_ptr()
    }
}

/// Takes what starts at `stack`: the argument vector and the environment.
///
/// # Safety
/// `stack` points to the number of arguments, which that many pointers to null-terminated strings and a null pointer
/// follow, and after them such pointers again up to the first null pointer. All that lives as long as `'a`, nobody
/// else has or makes references to it, and nobody writes the strings.
#[must_use]
pub unsafe fn from_stack<'a>(stack: NonNull<usize>) -> (StringList<'a>, StringList<'a>) {
    // SAFETY: the number of arguments is there.
    let count = unsafe { stack.read() };
    // The number and a null pointer stand before the environment.
    let slots = stack.cast::<Option<ZStr<'a>>>().as_ptr();
    let arguments = slots.wrapping_add(1);
    let environment = arguments.wrapping_add(count).wrapping_add(1);
    let mut variables = 0_usize;
    loop {
        let place: *const Option<ZStr<'a>> = environment.wrapping_add(variables);
        // SAFETY: the null pointer was not yet met, so this is a pointer of the environment or the null pointer.
        if unsafe { ptr::read(place) }.is_none() {
            break;
        }
        variables = variables.wrapping_add(1);
    }
    let list = |start, length| StringList {
        // Nothing after the stack's first word is at address 0.
        slots: NonNull::new(start).unwrap_or(stack.cast()),
        length,
    };
    (list(arguments, count), list(environment, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strings of a list, separated by spaces.
    fn words(strings: Strings<'_>) -> String {
        let words: Vec<&str> = strings
            .0
            .iter()
            .flatten()
            .map(|string| str::from_utf8(string.bytes()).unwrap())
            .collect();
        words.join(" ")
    }

    fn slots() -> [Option<ZStr<'static>>; 4] {
        let string = |string| Some(ZStr::from_c_str(string));
        [string(c"a"), string(c"b"), string(c"c"), None]
    }

    #[test]
    fn a_string_is_as_thin_as_a_pointer() {
        assert_eq!(size_of::<Option<ZStr<'_>>>(), size_of::<*const u8>());
        let null = Option::<ZStr<'_>>::None;
        // SAFETY: both are one word.
        let word: usize = unsafe { core::mem::transmute_copy(&null) };
        assert_eq!(word, 0);
    }

    #[test]
    fn a_string_ends_at_the_first_null_byte() {
        let string = |bytes| ZStr::from_bytes_until_nul(bytes).map(ZStr::bytes);
        assert_eq!(string(b"ab\0c\0"), Some(&b"ab"[..]));
        assert_eq!(string(b"\0"), Some(&b""[..]));
        assert_eq!(string(b"ab"), None);
        assert_eq!(string(b""), None);
        assert_eq!(ZStr::from_c_str(c"/bin/sh").bytes(), b"/bin/sh");
    }

    #[test]
    fn a_list_is_read_in_its_order_and_from_an_index_on() {
        let mut slots = slots();
        let list = StringList::new(&mut slots).unwrap();
        assert_eq!(list.iter().count(), 3);
        assert_eq!(list.get(1).unwrap().bytes(), b"b");
        assert!(list.get(3).is_none());
        assert!(list.get(usize::MAX).is_none());
        assert_eq!(words(list.from(0)), "a b c");
        assert_eq!(words(list.from(2)), "c");
        assert_eq!(words(list.from(3)), "");
        assert_eq!(words(list.from(usize::MAX)), "");
    }

    #[test]
    fn strings_are_replaced_and_the_null_pointer_never() {
        let mut slots = slots();
        let mut list = StringList::new(&mut slots).unwrap();
        let buffer = *b"other\0";
        let other = ZStr::from_bytes_until_nul(&buffer).unwrap();
        list.set(1, other);
        list.set(3, other);
        list.set(4, other);
        assert_eq!(words(list.from(0)), "a other c");
        assert_eq!(list.iter().count(), 3);
    }

    #[test]
    fn those_after_a_removed_string_move_up() {
        for (index, left) in [
            (0, "b c"),
            (1, "a c"),
            (2, "a b"),
            (3, "a b c"),
            (4, "a b c"),
        ] {
            let mut slots = slots();
            let mut list = StringList::new(&mut slots).unwrap();
            list.remove(index);
            assert_eq!(words(list.from(0)), left, "{index}");
            assert_eq!(list.length, list.iter().count(), "{index}");
        }
    }

    #[test]
    fn a_list_without_an_end_is_none() {
        assert!(StringList::new(&mut []).is_none());
        assert!(StringList::new(&mut [Some(ZStr::from_c_str(c"a"))]).is_none());
        assert_eq!(StringList::new(&mut [None]).unwrap().iter().count(), 0);
    }

    #[test]
    fn the_initial_stack_is_two_lists() {
        let (a, b, c) = (c"a".as_ptr(), c"b".as_ptr(), c"C=D".as_ptr());
        for (stack, arguments, environment) in [
            (
                &mut [2, a.addr(), b.addr(), 0, c.addr(), 0][..],
                "a b",
                "C=D",
            ),
            (&mut [1, a.addr(), 0, 0][..], "a", ""),
            (&mut [0, 0, c.addr(), c.addr(), 0][..], "", "C=D C=D"),
            (&mut [0, 0, 0][..], "", ""),
        ] {
            let _ = [a, b, c].map(<*const _>::expose_provenance);
            // SAFETY: the stack is laid out as the kernel lays it out.
            let lists = unsafe { from_stack(NonNull::from(stack).cast()) };
            assert_eq!(words(lists.0.from(0)), arguments);
            assert_eq!(words(lists.1.from(0)), environment);
        }
    }
}
