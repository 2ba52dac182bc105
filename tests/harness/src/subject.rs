//! Which binary is under test.

#![expect(
    unsafe_code,
    reason = "what a test crate hands over is a symbol, so that a missing one fails the link"
)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What a test crate knows and the harness does not: cargo tells it to integration tests only.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The built init.
    pub binary: &'static str,
    /// The directory of the package.
    pub package: &'static str,
}

/// Names the binary under test. The root of each test crate says it once; a crate that does not say it does not
/// link, and the linker names this symbol.
#[macro_export]
macro_rules! subject {
    () => {
        #[unsafe(no_mangle)]
        extern "Rust" fn this_test_crate_lacks_harness_subject() -> $crate::Subject {
            $crate::Subject {
                binary: env!("CARGO_BIN_EXE_pidling"),
                package: env!("CARGO_MANIFEST_DIR"),
            }
        }
    };
}

// `subject!` alone defines the symbol, with this signature, and it asks nothing of its caller.
unsafe extern "Rust" {
    safe fn this_test_crate_lacks_harness_subject() -> Subject;
}

/// The directory of the package.
pub fn package() -> &'static Path {
    Path::new(this_test_crate_lacks_harness_subject().package)
}

/// The init under test: the built one, or another file that the variable `PIDLING_BINARY` names, such as the
/// one for another architecture (`.ci/cross`).
pub fn pidling() -> PathBuf {
    pidling_path().into()
}

/// [`pidling`] as text.
pub fn pidling_path() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    // Whoever asks for it is about to start it.
    crate::marks::begin();
    FILE.get_or_init(|| match std::env::var("PIDLING_BINARY") {
        Ok(file) => {
            let path = Path::new(&file).canonicalize();
            let path = path.unwrap_or_else(|error| panic!("PIDLING_BINARY={file}: {error}"));
            path.to_str().expect("PIDLING_BINARY is text").to_owned()
        }
        Err(_) => this_test_crate_lacks_harness_subject().binary.to_owned(),
    })
}
