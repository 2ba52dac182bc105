//! Integration tests: the built binary seen from outside, against the kernel as the oracle.
//!
//! The probe, `tests/probe`, is the program that most of them run under the init. `cargo test` builds
//! it; with `--test it` alone, build it with `cargo build --release --example probe` first.
//!
//! What cannot be tested where the tests run is skipped with its reason on standard error. The variable
//! REQUIRE turns skips into failures: `REQUIRE=namespaces,docker,podman,strace,peers,servers,freezer,packaging`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod harness;

/// What the built file is.
mod artifact;
/// The comparison in the README.
mod comparison;
/// Descriptors of the main child.
mod descriptors;
/// What users of docker do, and Dockerfile.example.
mod docker;
/// README and code.
mod documentation;
/// The name dumb-init, and --setsid.
mod dumb_init;
/// Container engines, images and containers.
mod engine;
/// What else the main child inherits.
mod environment;
/// Finding and executing the command.
mod exec;
/// The status that the init ends with.
mod exit_status;
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
/// Who may call whom in `src`.
mod layering;
/// Lines on standard error.
mod log_output;
/// The manual page.
mod manual;
/// What the main child inherits of signal handling.
mod mask;
/// Names the init is started under.
mod names;
/// Options on the command line and in variables.
mod options;
/// The pause process.
mod pause;
/// Beside tini, dumb-init and catatonit.
mod peers;
/// What users of podman do.
mod podman;
/// The readers and the log, over any input.
mod properties;
/// Zombies, and the cost of doing nothing.
mod reaping;
/// Packages, images and sums.
mod release;
/// Two builds, the same bytes.
mod reproducible;
/// The rest of an init that is not PID 1 (contract 6.4, 6.5).
mod rest;
/// Under seccomp filters.
mod seccomp;
/// Real servers, from start to clean stop.
mod servers;
/// Stop signals, deadlines and the rest, as PID 1 (contract 6, 7.1).
mod shutdown;
/// Random load, and inits that do not stand it.
mod soak;
/// Socket activation by systemd's own program.
mod socket_activation;
/// The terminal's foreground, its keys, and job-control shells.
mod terminal;
