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

/// Under crun.
mod crun;
/// What users of docker do, and Dockerfile.example.
mod docker;
/// How containers stop and die under docker.
mod docker_stop;
/// Servers that stop on a signal of their own, and ladders.
mod graceful;
/// Pipelines, scripts and asynchronous lists under job-control shells.
mod job_control;
/// Beside tini, dumb-init and catatonit.
mod peers;
/// What users of podman do.
mod podman;
/// What README and the recipes say to run.
mod quick_start;
/// Under seccomp filters.
mod seccomp;
/// Real servers, from start to clean stop.
mod servers;
/// As a service of systemd.
mod services;
/// Ordinary commands, of which nothing is to be said.
mod silence;
/// Socket activation by systemd's own program.
mod socket_activation;
/// Job-control shells, and programs that drive a terminal.
mod terminal_programs;
