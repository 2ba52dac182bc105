//! Where execvp(3) looks for a command, and which of several failures it reports (contract 2.5). Pure.

use crate::bytes::{Buffer, contains, split};
use crate::posix::errno::Errno;

/// The search path where the environment has none.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A file that the command may be: the word alone, or the word in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// An element of the search path; empty for the word alone, which then is below the current directory or has a
    /// slash itself.
    directory: &'a [u8],
    word: &'a [u8],
}

impl Candidate<'_> {
    /// Writes the path of the file and a null byte in place of what `buffer` held.
    ///
    /// # Errors
    /// ENAMETOOLONG if it does not fit.
    pub fn write(&self, buffer: &mut Buffer<'_>) -> Result<(), Errno> {
        buffer.clear();
        if !self.directory.is_empty() {
            buffer.push_bytes(self.directory);
            buffer.push(b'/');
        }
        buffer.push_bytes(self.word);
        buffer.push(0);
        if buffer.overflowed() {
            Err(Errno::ENAMETOOLONG)
        } else {
            Ok(())
        }
    }
}

/// The files that the command `word` may be, in the order in which they are tried.
///
/// A word with a slash is a file by itself; any other is looked up along `path`, the value of the variable `PATH`,
/// in which an empty element stands for the current directory. An empty word is no file at all.
pub fn candidates<'a>(word: &'a [u8], path: &'a [u8]) -> impl Iterator<Item = Candidate<'a>> {
    let directories = if contains(word, b'/') { b"" } else { path };
    split(directories, b':')
        .filter(|_| !word.is_empty())
        .map(move |directory| Candidate { directory, word })
}

/// Why no candidate could be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error to report.
    pub error: Errno,
    /// The place of the candidate that gave it among [`candidates`]; `None` where there was none.
    pub candidate: Option<usize>,
}

/// Writes the path of one candidate after the other to `buffer`, which should have room for
/// [`PATH`](crate::limits::PATH) bytes, with a null byte at its end, and has it tried by `execute`, which returns
/// only with an error. Returns the failure to report.
///
/// The search goes on where a file is not there, cannot be reached, or may not be executed; the first refusal
/// (EACCES) is remembered over all of these, else the last one counts.
pub fn search(
    word: &[u8],
    path: &[u8],
    buffer: &mut Buffer<'_>,
    mut execute: impl FnMut(&[u8]) -> Errno,
) -> Failure {
    let mut refusal = None;
    let mut last = Failure {
        error: Errno::ENOENT,
        candidate: None,
    };
    for (index, candidate) in candidates(word, path).enumerate() {
        let error = match candidate.write(buffer) {
            Ok(()) => execute(buffer.as_bytes()),
            Err(error) => error,
        };
        last = Failure {
            error,
            candidate: Some(index),
        };
        match error {
            Errno::EACCES => refusal = refusal.or(Some(last)),
            Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::ENAMETOOLONG
            | Errno::ESTALE
            | Errno::ENODEV
            | Errno::ETIMEDOUT => {}
            _ => return last,
        }
    }
    refusal.unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PATH;

    #[track_caller]
    fn check(
        (word, path): (&str, &str),
        answers: &[Errno],
        tried: &[&str],
        (error, candidate): (Errno, Option<usize>),
    ) {
        let mut memory = [0; PATH];
        let buffer = &mut Buffer::new(&mut memory);
        let mut files = Vec::new();
        let failure = search(word.as_bytes(), path.as_bytes(), buffer, |file| {
            let file = file.strip_suffix(b"\0").unwrap();
            files.push(str::from_utf8(file).unwrap().to_owned());
            answers[files.len() - 1]
        });
        assert_eq!(files, tried);
        assert_eq!(failure, Failure { error, candidate });
    }

    #[test]
    fn a_word_with_a_slash_is_taken_as_it_is() {
        let not_found = (Errno::ENOENT, Some(0));
        check(("./x", "/bin:/sbin"), &[Errno::ENOENT], &["./x"], not_found);
        check(("a/", "/bin"), &[Errno::ENOENT], &["a/"], not_found);
        let refused = (Errno::EACCES, Some(0));
        check(("/", "/bin:/a"), &[Errno::EACCES], &["/"], refused);
    }

    #[test]
    fn an_empty_word_is_not_found() {
        check(("", "/bin:/sbin"), &[], &[], (Errno::ENOENT, None));
        check(("", ""), &[], &[], (Errno::ENOENT, None));
    }

    #[test]
    fn elements_are_tried_in_order_and_empty_ones_are_the_current_directory() {
        let check = |path, tried: &[&str]| {
            let answers = [Errno::ENOENT; 4];
            let last = tried.len() - 1;
            check(("x", path), &answers, tried, (Errno::ENOENT, Some(last)));
        };
        check("/a:/b", &["/a/x", "/b/x"]);
        check(":/b::", &["x", "/b/x", "x", "x"]);
        check("", &["x"]);
        check("a/:/", &["a//x", "//x"]);
    }

    #[test]
    fn the_first_refusal_is_remembered_over_an_absence() {
        let tried = ["/a/x", "/b/x", "/c/x"];
        for (answers, failure) in [
            (
                [Errno::ENOENT, Errno::EACCES, Errno::ENOENT],
                (Errno::EACCES, Some(1)),
            ),
            (
                [Errno::EACCES, Errno::EACCES, Errno::ESTALE],
                (Errno::EACCES, Some(0)),
            ),
            (
                [Errno::ENOENT, Errno::ENOENT, Errno::ENOTDIR],
                (Errno::ENOTDIR, Some(2)),
            ),
        ] {
            check(("x", "/a:/b:/c"), &answers, &tried, failure);
        }
    }

    #[test]
    fn a_directory_that_cannot_be_reached_is_passed_over() {
        for error in [
            Errno::ENOTDIR,
            Errno::ENAMETOOLONG,
            Errno::ESTALE,
            Errno::ENODEV,
            Errno::ETIMEDOUT,
        ] {
            check(
                ("x", "/a:/b"),
                &[error, Errno::ENOENT],
                &["/a/x", "/b/x"],
                (Errno::ENOENT, Some(1)),
            );
        }
    }

    #[test]
    fn another_error_ends_the_search() {
        for error in [Errno::ENOEXEC, Errno::E2BIG, Errno::ELOOP, Errno::EPERM] {
            let failure = (error, Some(1));
            let answers = [Errno::EACCES, error];
            check(("x", "/a:/b:/c"), &answers, &["/a/x", "/b/x"], failure);
        }
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        let long = "y".repeat(PATH);
        let path = format!("/{long}:/b");
        let failure = (Errno::ENOENT, Some(1));
        check(("x", &path), &[Errno::ENOENT], &["/b/x"], failure);
        let failure = (Errno::ENAMETOOLONG, Some(0));
        check((&format!("/{long}"), "/b"), &[], &[], failure);
        let longest = format!("./{}", &long[..PATH - 3]);
        let failure = (Errno::ENOENT, Some(0));
        check((&longest, ""), &[Errno::ENOENT], &[&longest], failure);
        let failure = (Errno::ENAMETOOLONG, Some(0));
        check((&format!("{longest}y"), ""), &[], &[], failure);
    }

    /// Another process names the file that a failure is about.
    #[test]
    fn a_candidate_is_found_again_by_its_place() {
        let mut memory = [0; PATH];
        let buffer = &mut Buffer::new(&mut memory);
        let candidate = candidates(b"x", b"/a::/c").nth(2).unwrap();
        assert_eq!(candidate.write(buffer), Ok(()));
        assert_eq!(buffer.as_bytes(), b"/c/x\0");
        assert_eq!(candidates(b"x", b"/a::/c").nth(3), None);
        let mut small = [0; 4];
        assert_eq!(
            candidate.write(&mut Buffer::new(&mut small)),
            Err(Errno::ENAMETOOLONG)
        );
    }
}
