//! Behaviour: the built binary seen from outside, clause by clause, against the kernel as the oracle. A kernel and
//! namespaces are enough.
//!
//! The probe, `tests/probe`, is the program that most of them run under the init. `cargo test` builds it; with
//! `--test behaviour` alone, build it with `cargo build --release --example probe` first.
//!
//! What cannot be tested where the tests run is skipped with its reason on standard error. The variable REQUIRE
//! turns skips into failures; `harness::Requirement` has the names.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

harness::subject!();

/// The limits of control groups of version 2 (contract 2.7, 7.1, 7.2).
mod cgroup2;
/// The promise of the deadline (contract 6.3, 6.5).
mod deadline;
/// What is said of deaths and of who is left behind (contract 7.1 to 7.4).
mod deaths;
/// Descriptors of the main child.
mod descriptors;
/// The name dumb-init, and --setsid.
mod dumb_init;
/// What else the main child inherits.
mod environment;
/// Finding and executing the command.
mod exec;
/// What is said of a command that cannot be executed (contract 2.6, 2.7).
mod exec_failure;
/// The status that the init ends with.
mod exit_status;
/// Shutdowns in which one system call fails once (contract 4.5, 6.3).
mod fault_matrix;
/// System calls that fail.
mod faults;
/// Signals on their way to the main child.
mod forwarding;
/// Process groups and sessions.
mod group;
/// What the harness itself promises.
mod harness_itself;
/// Starts where almost everything is missing.
mod hostile;
/// The log as JSON: its vocabulary, its fields, and any bytes in them.
mod json;
/// Further signals for what did not end on the first (contract 6.8).
mod ladder;
/// Lines on standard error.
mod log_output;
/// What the main child inherits of signal handling.
mod mask;
/// Names the init is started under.
mod names;
/// Options on the command line and in variables.
mod options;
/// Signals whose sender looks like the init (contract 3.5).
mod own_signals;
/// The pause process.
mod pause;
/// Variables that name the init's process (contract 2.4).
mod pid_variables;
/// Not a test: the init in a namespace, and what is left there.
mod placed;
/// The readers and the log, over any input.
mod properties;
/// Zombies, and the cost of doing nothing.
mod reaping;
/// The rest of an init that is not PID 1 (contract 6.4, 6.5).
mod rest;
/// A pause process as the PID 1 of a sandbox (contract 9).
mod sandbox;
/// Under seccomp filters.
mod seccomp;
/// Stop signals, deadlines and the rest, as PID 1 (contract 6, 7.1).
mod shutdown;
/// What is said and done where nobody gave a grace period (contract 6.4, 6.9).
mod slow_stop;
/// What a stop signal is, and how it is held back (contract 6.1, 6.2).
mod stop_signals;
/// The terminal's foreground and its keys.
mod terminal;
/// Calls that could wait for somebody (contract 1.7, 6.3, 8.4).
mod waiting;
