//! What ships: the built file, the documents and how they agree with the code, the walls of the house, packages,
//! images and reproducible builds. What is not installed is skipped, see `tests/behaviour`.

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

/// What the built file is.
mod artifact;
/// What the checks of a change require.
mod checks;
/// The contract, its citations and its index.
mod clauses;
/// The comparison in the README.
mod comparison;
/// The init beside an older one.
mod differential;
/// README and code.
mod documentation;
/// One image for every machine.
mod image;
/// How many instructions the init executes.
mod instructions;
/// Who may call whom in `src`.
mod layering;
/// The manual page.
mod manual;
/// Where the files come from and what is in them, for people and programs, and signed.
mod origin;
/// The pictures of the documents.
mod pictures;
/// Names, sums and packages.
mod release;
/// Two builds, the same bytes.
mod reproducible;
/// Random load, and inits that do not stand it.
mod soak;
