//! Kernels older than the one of this machine, as far as a filter of system calls makes them: the variable KERNEL names
//! one, and every init and every session on a terminal then runs as under it.

use crate::requirements::say_skipped;
use std::ffi::OsString;

/// The options of `probe launch` for that.
pub(crate) fn launch_options() -> Vec<OsString> {
    let version = std::env::var_os("KERNEL").into_iter();
    version
        .flat_map(|version| ["--kernel".into(), version])
        .collect()
}

/// Whether the init runs as under an older kernel, which lacks this system call. Says why the test is skipped. It is the
/// first line of the test: `if kernel_lacks("statx(2)") { return; }`.
pub fn kernel_lacks(call: &str) -> bool {
    let is_older = std::env::var_os("KERNEL").is_some();
    if is_older {
        say_skipped(&format!("the older kernel has no {call}"));
    }
    is_older
}
