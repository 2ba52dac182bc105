//! Where execvp(3) looks for a command, and which of several failures it reports. Pure.

use crate::posix::errno::Errno;
use crate::text::Text;

/// The search path where the environment has none.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest path execve(2) takes, its null byte included (`PATH_MAX`, `linux/limits.h`).
pub const PATH_LIMIT: usize = 4096;

/// Writes one file after the other to `buffer`, with a null byte at its end, and has it tried by `execute`,
/// which returns only with a failure. Returns the failure to report.
///
/// A word with a slash is a file by itself; any other is looked up along `path`, in which an empty element
/// stands for the current directory. The search goes on only where a file is not there or may not be
/// executed; a refusal is remembered over an absence.
pub fn search(
    word: &[u8],
    path: &[u8],
    buffer: &mut Text<'_>,
    mut execute: impl FnMut(&[u8]) -> Errno,
) -> Errno {
    let mut refused = false;
    let mut failure = Errno::ENOENT;
    // `contains` would be the same, and is larger.
    let is_file = !word.iter().all(|byte| *byte != b'/');
    let mut path = if is_file { b"" } else { path };
    let mut is_last = word.is_empty();
    while !is_last {
        buffer.clear();
        is_last = true;
        while let [byte, rest @ ..] = path {
            path = rest;
            if *byte == b':' {
                is_last = false;
                break;
            }
            buffer.push(*byte);
        }
        if buffer.length() > 0 {
            buffer.push(b'/');
        }
        buffer.push_bytes(word);
        buffer.push(0);
        failure = if buffer.overflowed() {
            Errno::ENAMETOOLONG
        } else {
            execute(buffer.as_bytes())
        };
        refused |= failure == Errno::EACCES;
        if !matches!(
            failure,
            Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ENAMETOOLONG
        ) {
            return failure;
        }
    }
    if refused { Errno::EACCES } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, path: &str, answers: &[Errno], tried: &[&str], failure: Errno) {
        let mut buffer = [0; PATH_LIMIT];
        let buffer = &mut Text::new(&mut buffer);
        let mut files = Vec::new();
        let found = search(word.as_bytes(), path.as_bytes(), buffer, |file| {
            let file = file.strip_suffix(b"\0").unwrap();
            files.push(str::from_utf8(file).unwrap().to_owned());
            answers[files.len() - 1]
        });
        assert_eq!(
            (&files[..], found),
            (
                &tried.iter().map(ToString::to_string).collect::<Vec<_>>()[..],
                failure
            )
        );
    }

    #[test]
    fn a_word_with_a_slash_is_taken_as_it_is() {
        check(
            "./x",
            "/bin:/sbin",
            &[Errno::ENOENT],
            &["./x"],
            Errno::ENOENT,
        );
        check("/", "/bin", &[Errno::EACCES], &["/"], Errno::EACCES);
    }

    #[test]
    fn an_empty_word_is_not_found() {
        check("", "/bin", &[], &[], Errno::ENOENT);
    }

    #[test]
    fn elements_are_tried_in_order_and_empty_ones_are_the_current_directory() {
        check(
            "x",
            "/a:/b",
            &[Errno::ENOENT; 2],
            &["/a/x", "/b/x"],
            Errno::ENOENT,
        );
        check(
            "x",
            ":/b::",
            &[Errno::ENOENT; 4],
            &["x", "/b/x", "x", "x"],
            Errno::ENOENT,
        );
        check("x", "", &[Errno::ENOENT], &["x"], Errno::ENOENT);
    }

    #[test]
    fn a_refusal_is_remembered_over_an_absence() {
        check(
            "x",
            "/a:/b",
            &[Errno::EACCES, Errno::ENOENT],
            &["/a/x", "/b/x"],
            Errno::EACCES,
        );
        check(
            "x",
            "/a:/b",
            &[Errno::ENOENT, Errno::ENOTDIR],
            &["/a/x", "/b/x"],
            Errno::ENOTDIR,
        );
    }

    #[test]
    fn another_failure_ends_the_search() {
        check("x", "/a:/b", &[Errno::ENOEXEC], &["/a/x"], Errno::ENOEXEC);
        check(
            "x",
            "/a:/b",
            &[Errno::new(libc::E2BIG).unwrap()],
            &["/a/x"],
            Errno::new(libc::E2BIG).unwrap(),
        );
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        let long = "y".repeat(PATH_LIMIT);
        check(
            "x",
            &format!("/{long}:/b"),
            &[Errno::ENOENT],
            &["/b/x"],
            Errno::ENOENT,
        );
        check(&format!("/{long}"), "/b", &[], &[], Errno::ENAMETOOLONG);
        let fits = "y".repeat(PATH_LIMIT - 1);
        check(
            &format!("./{}", &fits[2..]),
            "",
            &[Errno::ENOENT],
            &[&format!("./{}", &fits[2..])],
            Errno::ENOENT,
        );
    }
}
