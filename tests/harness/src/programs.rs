//! Files that are to be executed, written by another process: whatever this one has open for writing, children that other
//! threads fork meanwhile have open too, and execve(2) refuses such a file (ETXTBSY).

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Copies a file, and gives the copy these permissions.
#[track_caller]
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>, mode: u32) {
    let (from, to) = (from.as_ref(), to.as_ref());
    let copied = Command::new("cp").args([from, to]).status().unwrap();
    assert!(copied.success(), "{} to {}", from.display(), to.display());
    set_mode(to, mode);
}

/// Writes a file with this content and these permissions.
#[track_caller]
pub fn write_program(to: impl AsRef<Path>, content: impl AsRef<[u8]>, mode: u32) {
    let to = to.as_ref();
    let mut writer = Command::new("sh")
        .args(["-c", "cat >\"$0\""])
        .arg(to)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = writer.stdin.take().unwrap();
    input.write_all(content.as_ref()).unwrap();
    drop(input);
    assert!(writer.wait().unwrap().success(), "{}", to.display());
    set_mode(to, mode);
}

fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
}
