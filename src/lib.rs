//! pidling: an init for containers. This is the map of its code; there is no logic in this file.
//!
//! # Reading order
//! 1. [`supervisor`]: the state machine that decides everything once the main child runs.
//! 2. [`init`]: the whole life of the process on one screen, with the line of no return.
//! 3. [`event_loop`] and [`actions`]: how the kernel's signals and children become events, and steps become calls.
//! 4. [`log::event`]: every line that the init can say; [`cli::table`]: every option.
//! 5. [`spawn`], [`terminal`], [`survivors`]: each one concern.
//! 6. [`sys`]: every system call there is.
//!
//! # Rooms, from the top floor down
//! - *Act* (safe code that calls the kernel's door): [`init`], [`event_loop`], [`actions`], [`spawn`], [`terminal`],
//!   [`survivors`], [`proc_reader`], [`standard_error`].
//! - *Decide* (pure: no system call, no clock, no global): [`supervisor`], [`cli`], [`path_search`], [`exec_failure`],
//!   [`proc_files`], [`log`], and [`limits`], where the numbers stand that can be seen from outside.
//! - *Values*: [`posix`], under the names POSIX gives them, and [`bytes`].
//! - *The kernel's door*: [`sys`]. Beside it only the binary's own `entry` is unsafe.
//!
//! # Invariants
//! - All signals are blocked from the first system call on; they are waited for, never handled.
//! - No heap, no global, no `core::fmt`, and no path to a panic: a release build with one does not link. Nothing but the
//!   kernel is needed (contract 1.2).
//! - Before the main child runs, a failure that keeps the command from starting as asked is fatal, typed and said once;
//!   after it, none is.
//! - Nothing points up, and decisions never see `sys`. `tests/release/layering.rs` holds both.
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

pub mod actions;
pub mod bytes;
pub mod cli;
pub mod event_loop;
pub mod exec_failure;
pub mod init;
pub mod limits;
pub mod log;
pub mod path_search;
pub mod posix;
pub mod proc_files;
pub mod proc_reader;
pub mod spawn;
pub mod standard_error;
pub mod supervisor;
pub mod survivors;
pub mod sys;
pub mod terminal;
