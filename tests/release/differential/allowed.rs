//! What differs by intention, and which clause of the contract wants it.

use super::case::Case;

/// A class of differences.
struct Allowed {
    /// The class; a `*` stands for anything.
    class: &'static str,
    /// In which cases.
    when: fn(&Case) -> bool,
    /// The clause, and what it says.
    why: &'static str,
}

const fn always(_: &Case) -> bool {
    true
}

const ALLOWED: &[Allowed] = &[Allowed {
    class: "event exec_failed, x",
    when: always,
    why: "",
}];

/// Whether a text is what the pattern says.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut ends_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        ends_open = part.is_empty();
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || ends_open
}

/// Why a difference is allowed in a case, with the pattern that says so.
pub(crate) fn reason(class: &str, case: &Case) -> Option<(&'static str, &'static str)> {
    let mut all = ALLOWED.iter();
    all.find(|one| matches(one.class, class) && (one.when)(case))
        .map(|one| (one.class, one.why))
}
