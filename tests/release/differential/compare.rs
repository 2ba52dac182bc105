//! What differs between two outcomes, as classes.

use super::run::Outcome;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Fields that the old log lacks: event and field. Those that it had are compared.
const NEW_FIELDS: &[(&str, &str)] = &[
    ("usage_error", "problem"),
    ("exec_failed", "reason"),
    ("exec_failed", "path"),
    ("exec_failed", "interpreter"),
    ("exec_failed", "loader"),
    ("exec_failed", "program_machine"),
    ("exec_failed", "this_machine"),
];

/// Values with another name: field, old, new.
const RENAMED: &[(&str, &str, &str)] = &[
    ("disposition", "has not yet acted on", "has not acted on"),
    ("killer", "by pidling at the deadline", "deadline"),
    ("killer", "by pidling, which forwarded it", "rewrite"),
];

/// What differs, each class once; empty when nothing does.
pub(crate) fn classes(old: &Outcome, new: &Outcome) -> BTreeSet<String> {
    let mut classes = BTreeSet::new();
    if old.status != new.status {
        let _ = classes.insert(format!("status: {} -> {}", old.status, new.status));
    }
    let topic = match new.stdout.first().map(String::as_str) {
        Some("Usage: pidling [OPTION...] [--] COMMAND [ARG...]") => Some("stdout of --help"),
        Some(line) if line.starts_with("pidling is free software under") => {
            Some("stdout of --license")
        }
        Some(_) | None => None,
    };
    match topic {
        Some(topic)
            if old
                .stdout
                .first()
                .is_some_and(|line| new.stdout[0].get(..18) == line.get(..18)) =>
        {
            if old.stdout != new.stdout {
                let _ = classes.insert(topic.to_owned());
            }
        }
        Some(_) | None => compare_lists("stdout", &old.stdout, &new.stdout, &mut classes),
    }
    compare_lists("the main child gets", &old.got, &new.got, &mut classes);
    compare_lists("text", &old.text, &new.text, &mut classes);
    compare_seen(&old.seen, &new.seen, &mut classes);
    compare_events(
        &translated(&old.events),
        &without_new_fields(&new.events),
        &mut classes,
    );
    classes
}

/// Counts.
fn counts(list: &[String]) -> BTreeMap<&String, usize> {
    let mut counts = BTreeMap::new();
    for one in list {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

fn compare_lists(what: &str, old: &[String], new: &[String], classes: &mut BTreeSet<String>) {
    let (before, after) = (counts(old), counts(new));
    for one in before.keys().chain(after.keys()) {
        let (before, after) = (
            before.get(one).copied().unwrap_or(0),
            after.get(one).copied().unwrap_or(0),
        );
        if before != after {
            let sign = if before > after { '-' } else { '+' };
            let _ = classes.insert(format!("{what}: {sign} {one}"));
        }
    }
    if classes.iter().all(|class| !class.starts_with(what)) && old != new {
        let _ = classes.insert(format!("{what}: in another order"));
    }
}

fn compare_seen(
    old: &[(String, String)],
    new: &[(String, String)],
    classes: &mut BTreeSet<String>,
) {
    // Of the environment and the limits each has its own name.
    let text = |(name, value): &(String, String)| format!("{name} {value}");
    if old.is_empty() != new.is_empty() {
        let sign = if new.is_empty() { '-' } else { '+' };
        let _ = classes.insert(format!("the main child runs: {sign}"));
        return;
    }
    let old: Vec<String> = old.iter().map(text).collect();
    let new: Vec<String> = new.iter().map(text).collect();
    compare_lists("the main child sees", &old, &new, classes);
}

fn translated(events: &[Map<String, Value>]) -> Vec<Map<String, Value>> {
    let mut events = events.to_vec();
    for (name, value) in events.iter_mut().flatten() {
        for (field, old, new) in RENAMED {
            if name == field && *value == *old {
                *value = (*new).into();
            }
        }
    }
    events
}

fn without_new_fields(events: &[Map<String, Value>]) -> Vec<Map<String, Value>> {
    let mut events = events.to_vec();
    for event in &mut events {
        for (name, field) in NEW_FIELDS {
            if event["event"] == *name {
                let _ = event.remove(*field);
            }
        }
    }
    events
}

fn compare_events(
    old: &[Map<String, Value>],
    new: &[Map<String, Value>],
    classes: &mut BTreeSet<String>,
) {
    let name = |event: &Map<String, Value>| event["event"].as_str().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = old.iter().chain(new).map(name).collect();
    let of = |events: &[Map<String, Value>], wanted: &str| -> Vec<Map<String, Value>> {
        events
            .iter()
            .filter(|event| name(event) == wanted)
            .cloned()
            .collect()
    };
    let mut same = true;
    for wanted in &names {
        let (before, after) = (of(old, wanted), of(new, wanted));
        if before.len() != after.len() {
            same = false;
            let sign = if before.len() > after.len() { '-' } else { '+' };
            let mut values = String::new();
            if let [one] = &*after
                && before.is_empty()
            {
                values = format!(" {}", Value::Object(one.clone()));
            } else if let [one] = &*before
                && after.is_empty()
            {
                values = format!(" {}", Value::Object(one.clone()));
            }
            let _ = classes.insert(format!("event {wanted}: {sign}{values}"));
            continue;
        }
        for (before, after) in before.iter().zip(&after) {
            let word = before.get("word").and_then(Value::as_str);
            for field in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                let (before, after) = (before.get(field), after.get(field));
                if before != after {
                    let text = |value: Option<&Value>| {
                        value.map_or("nothing".to_owned(), Value::to_string)
                    };
                    // What is nearest is one question for a letter and another for a name.
                    let kind = match word {
                        Some(word) if wanted == "usage_error" && word.starts_with("--") => {
                            " of a name"
                        }
                        Some(_) | None => "",
                    };
                    let _ = classes.insert(format!(
                        "event {wanted}, {field}{kind}: {} -> {}",
                        text(before),
                        text(after)
                    ));
                }
            }
        }
    }
    let order = |events: &[Map<String, Value>]| events.iter().map(name).collect::<Vec<_>>();
    let (before, after) = (order(old), order(new));
    if same && before != after {
        let at = before
            .iter()
            .zip(&after)
            .position(|(old, new)| old != new)
            .unwrap_or(0);
        let _ = classes.insert(format!("order of events: {} -> {}", before[at], after[at]));
    }
}
