//! The first line of a script, as the kernel reads it (`fs/binfmt_script.c`, execve(2), *Interpreter scripts*).

use crate::bytes::split;

/// How much of a file the kernel looks at (`BINPRM_BUF_SIZE`, `include/uapi/linux/binfmts.h`).
const LOOKED_AT: usize = 256;

/// The interpreter of a script that begins with `head`, byte by byte: a carriage return before the line feed is part
/// of it. `None` where the kernel sees no script: without `#!`, without an interpreter, or with one whose end it does
/// not see.
#[must_use]
pub fn interpreter(head: &[u8]) -> Option<&[u8]> {
    let is_cut = head.len() >= LOOKED_AT;
    let seen = head.get(..LOOKED_AT).unwrap_or(head);
    let rest = seen.strip_prefix(b"#!")?;
    let mut lines = split(rest, b'\n');
    let line = lines.next()?;
    let line_is_cut = is_cut && lines.next().is_none();

    let begin = line.iter().position(|byte| !is_blank(*byte))?;
    let (_, line) = line.split_at_checked(begin)?;
    let mut words = line.split(|byte| is_blank(*byte) || *byte == 0);
    let name = words.next()?;
    let name_is_cut = line_is_cut && words.next().is_none();
    (!name.is_empty() && !name_is_cut).then_some(name)
}

/// Whether a byte separates the words of the line.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_interpreter_is_what_the_kernel_takes() {
        for (head, expected) in [
            ("#!/bin/sh\n", Some("/bin/sh")),
            ("#!/bin/sh", Some("/bin/sh")),
            ("#! \t /bin/sh -e\t-u \nrest", Some("/bin/sh")),
            ("#!/usr/bin/env\tpython3\n", Some("/usr/bin/env")),
            ("#!/bin/sh\r\n", Some("/bin/sh\r")),
            ("#!/bin/sh \r\n", Some("/bin/sh")),
            ("#!sh\n", Some("sh")),
            ("#!/bin/sh\0x\n", Some("/bin/sh")),
            ("#!\n/bin/sh\n", None),
            ("#! \t\n", None),
            ("#!", None),
            ("#!\0/bin/sh\n", None),
            ("#", None),
            ("", None),
            (" #!/bin/sh\n", None),
            ("\u{feff}#!/bin/sh\n", None),
        ] {
            let expected = expected.map(str::as_bytes);
            assert_eq!(interpreter(head.as_bytes()), expected, "{head:?}");
        }
    }

    /// A file of this text, executed by the kernel: its errno, 0 if it ran.
    fn execute(directory: &std::path::Path, text: &[u8]) -> i32 {
        let path = directory.join("script");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o755))
            .unwrap();
        drop(file);
        // Another test's fork may hold the file open for writing until its execve(2).
        loop {
            // The standard library runs nothing else after ENOEXEC, as execve(2) does not.
            let result = std::process::Command::new(&path)
                .stdout(std::process::Stdio::null())
                .status();
            match result.map_err(|error| error.raw_os_error().unwrap()) {
                Err(libc::ETXTBSY) => {}
                Err(error) => return error,
                Ok(_) => return 0,
            }
        }
    }

    /// The kernel itself is asked: ENOENT where it saw an interpreter, which does not exist.
    #[test]
    fn the_running_kernel_agrees() {
        let directory = tempfile::tempdir().unwrap();
        let long = |length: usize, end: &str| format!("#!/{}{end}", "a".repeat(length));
        for text in [
            "#!/no/such\n".to_owned(),
            "#!/no/such".to_owned(),
            "#! \t/no/such \r\n".to_owned(),
            "#!\n/no/such\n".to_owned(),
            "#! \t".to_owned(),
            "#!\0/no/such\n".to_owned(),
            long(251, "\n"),
            long(252, "\n"),
            long(253, "\n"),
            long(252, ""),
            long(253, ""),
            long(252, " "),
            long(252, " b"),
            long(253, " b"),
            long(100, &format!(" {}", "b".repeat(400))),
            format!("#!{}/no/such\n", " ".repeat(240)),
            format!("#!{}/no/such\n", " ".repeat(245)),
            format!("#!{}/no/such\n", " ".repeat(300)),
        ] {
            let errno = execute(directory.path(), text.as_bytes());
            // An interpreter without a name is the current directory to it.
            let sees_one = matches!(errno, libc::ENOENT | libc::ENAMETOOLONG);
            let refuses = matches!(errno, libc::ENOEXEC | libc::EACCES);
            assert!(sees_one || refuses, "{errno} for {text:?}");
            let head = interpreter(text.as_bytes());
            assert_eq!(head.is_some(), sees_one, "{} bytes: {text:?}", text.len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = interpreter(&bytes);
        }

        #[test]
        fn no_interpreter_holds_a_blank(line in "[ \t\r\na#!/]{0,300}") {
            let text = format!("#!{line}");
            if let Some(name) = interpreter(text.as_bytes()) {
                prop_assert!(!name.is_empty() && !name.iter().any(|byte| b" \t\n\0".contains(byte)));
            }
        }
    }
}
