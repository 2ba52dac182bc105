//! The init as its users run it: under container engines, beside other inits, with real servers, shells and
//! programs. What is not installed is skipped, see `tests/behaviour`.

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

/// What users of docker do, and Dockerfile.example.
mod docker;
/// Pipelines, scripts and asynchronous lists under job-control shells.
mod job_control;
/// Beside tini, dumb-init and catatonit.
mod peers;
/// What users of podman do.
mod podman;
/// Under seccomp filters.
mod seccomp;
/// Real servers, from start to clean stop.
mod servers;
/// Socket activation by systemd's own program.
mod socket_activation;
/// Job-control shells, and programs that drive a terminal.
mod terminal_programs;
