//! pidling: an init for containers. This is the map of its code; there is no logic in this file.
//!
//! # Reading order
//! 1. [`supervisor`]: the state machine that decides everything once the main child runs.
//! 2. [`init`]: the whole life of the process on one screen, with the line of no return.
//! 3. [`event_loop`]: how the kernel's signals and children become events, and steps become calls.
//! 4. [`options`], [`spawn`], [`terminal`], [`process_table`], [`log`]: each one concern.
//! 5. [`sys`]: every system call there is.
//!
//! # Rooms
//! - *Actions* call the kernel's door and ask the decisions: `init`, `spawn`, `terminal`,
//!   `event_loop`, `process_table`, `log`.
//! - *Decisions* are pure, without system call, clock or global: `supervisor`, `options`,
//!   `path_search`, `proc_files`, `messages`, `text`, and the
//!   texts themselves, `prose` and `packed`.
//! - *Values* bear the names of POSIX: `posix`. They know `text` and the texts, and nothing else.
//! - *The kernel's door* is `sys`; beside it only the binary's own `entry` is unsafe.
//!
//! # Invariants
//! - All signals are blocked from the first system call to the last; they are waited for, never
//!   handled. One stop signal is let through for the moment in which the init stops with its main child.
//! - No heap, no global, no `core::fmt`, and no path to a panic: a release build with one does not link.
//! - Before the main child runs, every failure is fatal, typed and said once; after it, none is.
//! - Nothing points up: `init -> spawn, event_loop -> terminal, process_table, log -> sys, decisions
//!   -> posix`; decisions never see `sys`, and `sys` never sees decisions.
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

pub mod event_loop;
pub mod init;
pub mod log;
pub mod messages;
pub mod options;
pub mod packed;
pub mod path_search;
pub mod posix;
pub mod proc_files;
pub mod process_table;
pub mod prose;
pub mod spawn;
pub mod supervisor;
pub mod sys;
pub mod terminal;
pub mod text;
