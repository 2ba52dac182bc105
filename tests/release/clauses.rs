//! The clauses of `docs/contract.md`: each citation names one that exists, each clause is held by a test, and
//! `docs/contract-index.md` leads from each clause to both.
//!
//! `UPDATE=1 cargo test --release --test release clauses` writes the index anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A section of the contract, or a clause of one: `6` or `6.1`.
type Number = (u8, Option<u8>);

/// The clauses that no test holds, each with the reason.
const UNTESTED: &[(Number, &str)] = &[];

/// The clauses that no code carries, each with the reason.
const WITHOUT_SOURCE: &[(Number, &str)] = &[];

const INDEX: &str = "docs/contract-index.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The contract's sections and clauses in their order, with their titles or first words.
fn contract() -> Vec<(Number, String)> {
    let mut found = Vec::new();
    for line in read("docs/contract.md").lines() {
        let (number, words) = if let Some(heading) = line.strip_prefix("## ") {
            heading.split_once(' ').expect("a title")
        } else if let Some(clause) = line.strip_prefix("- **") {
            clause.split_once("** ").expect("words")
        } else {
            continue;
        };
        let (number, rest) = number_at(number).expect("a number");
        assert_eq!(rest, "", "{line}");
        found.push((number, words.to_owned()));
    }
    assert!(found.len() > 60, "{found:?}");
    found
}

/// The number that a text begins with, and what follows it.
fn number_at(text: &str) -> Option<(Number, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (section, rest) = text.split_at(digits(text));
    let section = section.parse().ok()?;
    if let Some(clause) = rest.strip_prefix('.')
        && let (clause, rest) = clause.split_at(digits(clause))
        && let Ok(clause) = clause.parse()
    {
        return Some(((section, Some(clause)), rest));
    }
    Some(((section, None), rest))
}

/// The clauses that a text cites: `contract 6.1`, `Contract 6.1, 6.2 and 7`, `contract 7.1 to 7.3`.
fn citations(text: &str) -> Vec<Number> {
    let text = text.to_ascii_lowercase();
    let mut found: Vec<Number> = Vec::new();
    for part in text.split("contract ").skip(1) {
        let mut rest = part;
        let mut is_range = false;
        while let Some((number, after)) = number_at(rest) {
            let last = found.last().copied();
            match (is_range, last, number) {
                (true, Some((section, Some(first))), (end, Some(clause))) => {
                    assert_eq!(section, end, "a range of one section: {part}");
                    found.extend((first + 1..=clause).map(|clause| (section, Some(clause))));
                }
                (true, Some((first, None)), (end, None)) => {
                    found.extend((first + 1..=end).map(|section| (section, None)));
                }
                (true, _, _) => panic!("a range from a clause to a section: {part}"),
                (false, _, _) => found.push(number),
            }
            let separators = [", and ", ", ", " and ", " to "];
            let Some(separator) = separators.iter().find(|it| after.starts_with(**it)) else {
                break;
            };
            is_range = *separator == " to ";
            rest = &after[separator.len()..];
        }
    }
    found
}

/// All files below a directory whose names end so, as paths below the root.
fn files(directory: &str, extension: &str) -> Vec<String> {
    fn walk(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            // What a build has left there is nobody's source.
            if path.ends_with("target") {
                continue;
            }
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(directory), extension, &mut found);
    let mut found: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(root()).expect("below the root"))
        .map(|path| path.to_str().expect("a plain name").to_owned())
        .collect();
    found.sort();
    found
}

/// Where a clause is cited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    is_test: bool,
    file: String,
    /// The item that the comment is about; none where it is about the file.
    item: Option<String>,
}

/// A comment of whole lines.
struct Comment<'a> {
    /// Its words, in one line.
    text: String,
    /// The index of the first line behind it.
    end: usize,
    /// `//!`, `///` or `//`.
    mark: &'a str,
}

fn comments<'a>(lines: &[&'a str]) -> Vec<Comment<'a>> {
    let mut found: Vec<Comment> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        let marks = ["//!", "///", "//"];
        let Some(mark) = marks.into_iter().find(|mark| line.starts_with(mark)) else {
            continue;
        };
        let words = line[mark.len()..].trim();
        match found.last_mut() {
            Some(last) if last.end == index && last.mark == mark => {
                last.text = format!("{} {words}", last.text);
                last.end = index + 1;
            }
            _ => found.push(Comment {
                text: words.to_owned(),
                end: index + 1,
                mark,
            }),
        }
    }
    found
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The word of Rust that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|one: char| !one.is_ascii_alphanumeric() && one != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The name of the item that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    loop {
        let first = word(rest);
        let after = rest[first.len()..].trim_start();
        match first {
            "fn" | "struct" | "enum" | "trait" | "type" | "mod" | "static" => {
                return Some(word(after));
            }
            // `const fn` is a function.
            "const" if word(after) != "fn" && word(after) != "unsafe" => return Some(word(after)),
            "pub" if after.starts_with('(') => rest = after.split_once(") ")?.1,
            "pub" | "const" | "unsafe" => rest = after,
            "extern" => rest = after.trim_start_matches("\"C\"").trim_start(),
            "impl" => {
                let of = after.split(" for ").last()?;
                let of = of
                    .strip_prefix('<')
                    .map_or(of, |of| of.split_once("> ").map_or(of, |it| it.1));
                return Some(word(of.trim_start_matches("&'static ")));
            }
            _ => return None,
        }
    }
}

/// The names of the items around a line, the outermost first.
fn enclosing<'a>(lines: &[&'a str], index: usize) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut inside = indentation(lines[index]);
    for line in lines[..index].iter().rev() {
        if line.trim().is_empty() || indentation(line) >= inside {
            continue;
        }
        inside = indentation(line);
        if let Some(name) = declared(line).filter(|name| *name != "tests") {
            names.push(name);
        }
    }
    names.reverse();
    names
}

/// What a comment is about, in the words of Rust.
fn item(lines: &[&str], comment: &Comment) -> Option<String> {
    if comment.mark == "//!" {
        return None;
    }
    let is_code = |line: &str| {
        let line = line.trim_start();
        !(line.is_empty()
            || line.starts_with("//")
            || line.starts_with("#[")
            || line.starts_with(')'))
    };
    let next = (comment.end..lines.len()).find(|index| is_code(lines[*index]))?;
    let mut names = enclosing(lines, next);
    if comment.mark == "///" {
        let line = lines[next].trim_start();
        let entry = || word(line.strip_prefix("pub ").unwrap_or(line));
        names.push(declared(line).unwrap_or_else(entry));
    }
    // A function inside a function, a field inside a variant: the outer two say where.
    names.truncate(2);
    (!names.is_empty()).then(|| names.join("::"))
}

/// Every citation in the code.
fn cited() -> BTreeMap<Number, BTreeSet<Place>> {
    let mut found: BTreeMap<Number, BTreeSet<Place>> = BTreeMap::new();
    let sources = [
        files("src", "rs"),
        files("tests", "rs"),
        vec!["build.rs".into()],
    ]
    .concat();
    for file in sources {
        let text = read(&file);
        let lines: Vec<&str> = text.lines().collect();
        let tests_begin = lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        });
        let is_test_file = file.starts_with("tests/")
            || file.ends_with("/tests.rs")
            || file.contains("/exploration");
        for comment in comments(&lines) {
            let place = Place {
                is_test: is_test_file || tests_begin.is_some_and(|begin| comment.end > begin),
                item: item(&lines, &comment),
                file: file.clone(),
            };
            for number in citations(&comment.text) {
                let _ = found.entry(number).or_default().insert(place.clone());
            }
        }
    }
    // What this file says of citations are none.
    for places in found.values_mut() {
        places.retain(|place| place.file != "tests/release/clauses.rs");
    }
    found.retain(|_, places| !places.is_empty());
    found
}

/// Whether a place is in a test, and not in what tests are made with.
fn holds(place: &Place) -> bool {
    let crates = [
        "src/",
        "tests/behaviour/",
        "tests/engines/",
        "tests/release/",
    ];
    place.is_test && crates.iter().any(|crate_| place.file.starts_with(crate_))
}

fn show((section, clause): Number) -> String {
    clause.map_or(format!("{section}"), |clause| format!("{section}.{clause}"))
}

#[track_caller]
fn check(text: &str, expected: &[Number]) {
    assert_eq!(citations(text), expected, "{text}");
}

#[test]
fn a_citation_is_understood_in_all_its_forms() {
    check("(contract 6.1, 6.2)", &[(6, Some(1)), (6, Some(2))]);
    check("Contract 3.7.", &[(3, Some(7))]);
    check("Contract 5.3, and 5.2 where", &[(5, Some(3)), (5, Some(2))]);
    check(
        "contract 7.1 to 7.3)",
        &[(7, Some(1)), (7, Some(2)), (7, Some(3))],
    );
    check(
        "(contract 8 to 10), pause",
        &[(8, None), (9, None), (10, None)],
    );
    check("contract 6, 7.1", &[(6, None), (7, Some(1))]);
    check("Contract 5.3, its last sentences", &[(5, Some(3))]);
    check("the contract says 3.1", &[]);
    let lines = [
        "    /// Ends (contract",
        "    /// 5.2, 5.3)",
        "    #[must_use]",
        "    pub const fn end() {",
    ];
    let lines = [&["impl Steps for Actions<'_> {"][..], &lines].concat();
    let comment = &comments(&lines)[0];
    check(&comment.text, &[(5, Some(2)), (5, Some(3))]);
    assert_eq!(item(&lines, comment).as_deref(), Some("Actions::end"));
}

#[test]
fn every_cited_clause_exists() {
    let exist: BTreeSet<Number> = contract().into_iter().map(|(number, _)| number).collect();
    for (number, places) in cited() {
        assert!(exist.contains(&number), "{}: {places:?}", show(number));
    }
    let documents = [
        files("docs", "md"),
        vec!["README.md".into(), "CONTRIBUTING.md".into()],
    ]
    .concat();
    for file in documents {
        for number in citations(&read(&file).replace('\n', " ")) {
            assert!(exist.contains(&number), "{file}: {}", show(number));
        }
    }
}

/// The clauses that are cited in no place of a kind, which are to be the listed ones.
#[track_caller]
fn check_coverage(is_of_kind: impl Fn(&Place) -> bool, exceptions: &[(Number, &str)]) {
    let cited = cited();
    let found: BTreeSet<String> = contract()
        .into_iter()
        .filter(|((_, clause), _)| clause.is_some())
        .filter(|(number, _)| {
            !cited
                .get(number)
                .is_some_and(|it| it.iter().any(&is_of_kind))
        })
        .map(|(number, _)| show(number))
        .collect();
    let expected: BTreeSet<String> = exceptions.iter().map(|(number, _)| show(*number)).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_clause_is_held_by_a_test() {
    check_coverage(holds, UNTESTED);
}

#[test]
fn every_clause_is_carried_by_source() {
    check_coverage(|place| !place.is_test, WITHOUT_SOURCE);
}

/// Lines of the index about one clause: a file and the items in it.
fn list(text: &mut String, kind: &str, places: &[&Place]) {
    let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for place in places {
        let items = by_file.entry(&place.file).or_default();
        items.extend(place.item.as_deref());
    }
    for (file, items) in by_file {
        let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
        let about = if items.is_empty() {
            String::new()
        } else {
            format!(": {}", items.join(", "))
        };
        let _ = writeln!(text, "- {kind} [{file}](../{file}){about}");
    }
}

fn index() -> String {
    let mut text = String::from(
        "# Where each clause of the contract is\n\n\
         Generated by `UPDATE=1 cargo test --release --test release clauses` from the clauses that comments cite: the \
         *source* that\ncarries a clause of [contract.md](contract.md), and the *tests* that hold it.\n",
    );
    let cited = cited();
    for (number, words) in contract() {
        let (heading, words) = match number {
            (section, None) => (format!("\n## {section} {words}\n"), String::new()),
            (_, Some(_)) => (
                format!("\n### {}\n", show(number)),
                format!("{}\n", first_words(&words)),
            ),
        };
        let places: Vec<&Place> = cited.get(&number).into_iter().flatten().collect();
        let (tests, sources): (Vec<&Place>, Vec<&Place>) = places
            .into_iter()
            .filter(|place| holds(place) || !place.is_test)
            .partition(|place| place.is_test);
        let _ = writeln!(
            text,
            "{heading}{}{words}",
            if words.is_empty() { "" } else { "\n" }
        );
        list(&mut text, "source", &sources);
        list(&mut text, "test", &tests);
        for (kind, exceptions) in [("source", WITHOUT_SOURCE), ("test", UNTESTED)] {
            for (_, reason) in exceptions
                .iter()
                .filter(|(exception, _)| *exception == number)
            {
                let _ = writeln!(text, "- no {kind}: {reason}");
            }
        }
    }
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}

/// The beginning of a clause, without the marks of Markdown.
fn first_words(clause: &str) -> String {
    let plain = clause.replace("**", "");
    let mut shown = String::new();
    for word in plain.split(' ') {
        if shown.len() + word.len() > 100 {
            if shown.matches('`').count() % 2 == 1 {
                shown.push('`');
            }
            return shown + " …";
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(word);
    }
    shown
}

#[test]
fn the_index_is_what_the_code_says() {
    let index = index();
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(root().join(INDEX), &index).expect("the index can be written");
    }
    assert!(
        read(INDEX) == index,
        "{INDEX} is out of date; UPDATE=1 cargo test --release --test release clauses writes it"
    );
}
