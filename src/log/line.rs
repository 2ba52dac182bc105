//! What a log line looks like (contract 8.3).

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Words for people.
    Text,
    /// One JSON object a line.
    Json,
}
