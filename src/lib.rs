//! pidling: an init for containers.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "a test that panics has failed"
    )
)]

pub mod bytes;
pub mod exec_failure;
pub mod limits;
pub mod posix;
pub mod proc_files;
pub mod proc_reader;
pub mod sys;
