//! README, `--help` and the guides say what the code does.

use harness::code_blocks;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use yaml_rust2::{Yaml, YamlLoader};

/// The widest line of a table in the README that a page shows without scrolling.
const WIDEST_ROW: usize = 120;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All documents that people read, as paths below the root.
fn documents() -> Vec<String> {
    let guides = std::fs::read_dir(root().join("docs")).expect("the guides");
    let guides = guides.map(|entry| entry.expect("an entry").file_name());
    let mut documents: Vec<String> = guides
        .map(|name| format!("docs/{}", name.to_str().expect("a plain name")))
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "md"))
        .collect();
    documents.extend(
        [
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "CHANGELOG.md",
        ]
        .map(String::from),
    );
    documents.sort();
    assert!(documents.len() > 12, "{documents:?}");
    documents
}

/// The lines of a text that are not in code blocks.
fn outside_of_blocks(text: &str) -> Vec<&str> {
    let mut is_inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_inside = !is_inside;
        } else if !is_inside {
            lines.push(line);
        }
    }
    assert!(!is_inside, "a code block without an end");
    lines
}

/// The cells of a row of a table. What stands in a code span separates nothing if it is escaped.
fn cells(row: &str) -> Vec<String> {
    let row = row
        .strip_prefix('|')
        .and_then(|row| row.strip_suffix('|'))
        .expect(row);
    let marked = row.replace("\\|", "\u{0}");
    marked
        .split('|')
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}

/// The rows of the table with this head.
fn table(file: &str, head: &str) -> Vec<Vec<String>> {
    let text = read(file);
    let rows = text.lines().skip_while(|line| *line != head).skip(2);
    let rows: Vec<_> = rows
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(!rows.is_empty(), "{file}: {head}");
    rows
}

/// The code spans of a text.
fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn pidling(arguments: &[&str]) -> Output {
    Command::new(harness::pidling_path())
        .args(arguments)
        .output()
        .expect("the init starts")
}

#[test]
fn the_help_in_the_readme_is_the_help() {
    let help = String::from_utf8(pidling(&["--help"]).stdout).expect("text");
    assert!(
        code_blocks("README.md", "").contains(&help),
        "README does not contain:\n{help}"
    );
}

#[test]
fn the_help_fits_one_screen() {
    let help = String::from_utf8(pidling(&["--help"]).stdout).expect("text");
    assert!(help.lines().count() <= 30);
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_readme_is_short_and_its_tables_fit_a_page() {
    let readme = read("README.md");
    assert!(
        readme.lines().count() <= 200,
        "{} lines",
        readme.lines().count()
    );
    for line in readme.lines().filter(|line| line.starts_with('|')) {
        assert!(line.chars().count() <= WIDEST_ROW, "{line}");
    }
}

#[test]
fn the_statuses_in_the_readme_are_the_statuses() {
    let readme = read("README.md");
    for (row, arguments, status) in [
        (
            "| the main child exited with *n* | *n* |",
            &["sh", "-c", "exit 42"][..],
            42,
        ),
        (
            "| signal *n* killed the main child | 128 + *n* |",
            &["sh", "-c", "kill -USR1 $$"],
            138,
        ),
        (
            "| the command was found but could not be executed | 126 |",
            &["/"],
            126,
        ),
        (
            "| the command was not found | 127 |",
            &["/nonexistent"],
            127,
        ),
        (
            "| wrong usage, or the init could not start the command | 125 |",
            &["--nonexistent"],
            125,
        ),
        (
            "| `-e N` was given and the status would be *N* | 0 |",
            &["-e", "3", "sh", "-c", "exit 3"],
            0,
        ),
    ] {
        assert!(readme.contains(row), "{row}");
        assert_eq!(pidling(arguments).status.code(), Some(status), "{row}");
    }
}

/// A text with each process id as its place among them.
fn with_numbered_processes(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut shown = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let digits = word.trim_end();
        if digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let place = seen.iter().position(|it| *it == digits).unwrap_or_else(|| {
                seen.push(digits);
                seen.len() - 1
            });
            let _ = write!(shown, "<{place}>{}", &word[digits.len()..]);
        } else {
            shown.push_str(word);
        }
    }
    shown
}

#[test]
fn the_first_command_of_the_readme_prints_what_stands_below_it() {
    let command = &code_blocks("README.md", "sh")[0];
    let (build, run) = command.split_once(" && ").expect("two halves");
    assert_eq!(build, "cargo build --release");
    let run = run.replace("target/release/pidling", harness::pidling_path());
    let output = Command::new("sh").args(["-c", &run]).output().expect("sh");
    let said = [output.stderr, output.stdout].map(|bytes| String::from_utf8(bytes).expect("text"));
    assert_eq!(
        with_numbered_processes(&said.concat()),
        with_numbered_processes(&code_blocks("README.md", "text")[0])
    );
}

#[test]
fn the_second_command_of_the_readme_runs_the_tests() {
    assert_eq!(code_blocks("README.md", "sh")[1], "cargo test --release\n");
}

fn is_init(word: &str) -> bool {
    word == "/pidling" || word == "/init/pidling" || word == "/usr/local/bin/pidling"
}

/// The command line of the init in a string, if it is one.
fn command_line(text: &str) -> Option<Vec<String>> {
    let text = text.strip_prefix("exec ").unwrap_or(text);
    let words: Vec<String> = text.split(' ').map(String::from).collect();
    is_init(&words[0]).then_some(words)
}

/// Every command line in YAML that begins with the init, as a list or as a string.
fn command_lines(yaml: &Yaml, found: &mut Vec<Vec<String>>) {
    match yaml {
        Yaml::Array(items) => {
            let words: Option<Vec<String>> = items
                .iter()
                .map(|item| item.as_str().map(String::from))
                .collect();
            match words {
                Some(words) if words.first().is_some_and(|word| is_init(word)) => found.push(words),
                _ => items.iter().for_each(|item| command_lines(item, found)),
            }
        }
        Yaml::Hash(entries) => entries
            .iter()
            .for_each(|(_, value)| command_lines(value, found)),
        Yaml::String(text) => found.extend(command_line(text)),
        Yaml::Real(_)
        | Yaml::Integer(_)
        | Yaml::Boolean(_)
        | Yaml::Alias(_)
        | Yaml::Null
        | Yaml::BadValue => {}
    }
}

/// Runs the init with the options of a command line, and a command of our own.
#[track_caller]
fn check_command_line(words: &[String]) {
    let options: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    let options = match options.iter().position(|word| *word == "--") {
        Some(end) => &options[..end],
        None => &options[..],
    };
    if options.contains(&"--pause") {
        return;
    }
    let output = pidling(&[options, &["--", "sh", "-c", "exit 3"]].concat());
    assert_eq!(output.status.code(), Some(3), "{words:?}: {output:?}");
    assert_eq!(output.stderr, b"", "{words:?}");
}

#[test]
fn the_yaml_of_the_documents_parses_and_its_command_lines_run() {
    let mut count = (0, 0);
    for file in documents() {
        for block in code_blocks(&file, "yaml") {
            count.0 += 1;
            let mut found = Vec::new();
            for document in YamlLoader::load_from_str(&block).expect("YAML") {
                command_lines(&document, &mut found);
            }
            count.1 += found.len();
            for words in found {
                check_command_line(&words);
            }
        }
    }
    assert_eq!(count, (6, 8));
}

#[test]
fn the_command_lines_of_dockerfiles_units_and_prose_run() {
    let mut count = 0;
    for file in documents() {
        let mut found = Vec::new();
        for block in code_blocks(&file, "dockerfile") {
            let lists = block
                .lines()
                .filter_map(|line| line.strip_prefix("ENTRYPOINT "));
            found.extend(
                lists.map(|list| {
                    serde_json::from_str::<Vec<String>>(list).expect("a list of words")
                }),
            );
        }
        for block in code_blocks(&file, "ini") {
            let starts = block
                .lines()
                .filter_map(|line| line.strip_prefix("ExecStart="));
            found.extend(starts.filter_map(command_line));
        }
        for line in outside_of_blocks(&read(&file)) {
            for span in code_spans(line) {
                found.extend(command_line(span));
                if let Some(list) = span.strip_prefix("command: ") {
                    found.push(serde_json::from_str(list).expect("a list of words"));
                }
            }
        }
        for words in found.iter().filter(|words| words.len() > 1) {
            count += 1;
            check_command_line(words);
        }
    }
    assert_eq!(count, 7);
}

/// The last cells of the tables in the guide are what to set.
#[test]
fn the_options_in_the_tables_of_the_guide_are_understood() {
    let mut count = 0;
    for row in read("docs/shutdown.md")
        .lines()
        .filter(|line| line.starts_with('|'))
    {
        let cells = cells(row);
        let last = cells.last().expect("a cell");
        for options in code_spans(last)
            .into_iter()
            .filter(|code| code.starts_with('-'))
        {
            count += 1;
            let words: Vec<&str> = options.split(' ').collect();
            let output = pidling(&[&words[..], &["true"]].concat());
            assert_eq!(output.status.code(), Some(0), "{options}: {output:?}");
            assert_eq!(output.stderr, b"", "{options}");
        }
    }
    assert!(count > 15, "{count}");
}

/// The whole seconds that follow each of these marks in a text.
fn seconds(text: &str, marks: &[&str]) -> Vec<u64> {
    let behind = marks.iter().flat_map(|mark| text.split(mark).skip(1));
    behind
        .filter_map(|rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits].parse().ok()
        })
        .collect()
}

fn grace_periods(text: &str) -> Vec<u64> {
    let marks = ["-t ", "\"-t\", \"", "--grace-period=", "--grace-period "];
    seconds(text, &marks)
}

/// docs/shutdown.md says why it is 2 s.
#[test]
fn a_grace_period_is_2_s_shorter_than_the_platforms_wherever_that_is_known() {
    let mut pairs: Vec<(String, Vec<u64>, u64)> = Vec::new();
    let guide = "docs/shutdown.md";
    for row in table(guide, "| platform | its deadline | set |") {
        let words: Vec<&str> = row[1].split_whitespace().collect();
        let times = words.windows(2).filter(|two| two[1].starts_with('s'));
        let times: Vec<u64> = times.filter_map(|two| two[0].parse().ok()).collect();
        let last = *times.last().expect("a time");
        pairs.push((row[0].clone(), grace_periods(&row[2]), last));
    }
    for (head, platform) in [
        (
            "| image | its stop signal | options, for a platform that waits 30 s |",
            30,
        ),
        ("| program | from gentle to hard | options |", 40),
    ] {
        let rows = table(guide, head).into_iter().map(|row| row[2].clone());
        let rows = rows.filter(|options| options.starts_with('`'));
        pairs.extend(rows.map(|options| (options.clone(), grace_periods(&options), platform)));
    }
    assert!(read(guide).contains("waits 40 s"), "the ladders");
    for file in ["README.md", "docs/recipes.md"] {
        for block in ["yaml", "ini"].map(|language| code_blocks(file, language)) {
            for block in block {
                let marks = [
                    "stop_grace_period: ",
                    "terminationGracePeriodSeconds: ",
                    "TimeoutStopSec=",
                ];
                let kubernetes = block.contains("kind: Pod").then_some(30);
                let platform = seconds(&block, &marks).first().copied().or(kubernetes);
                if let Some(platform) = platform {
                    pairs.push((block.clone(), grace_periods(&block), platform));
                }
            }
        }
    }
    assert_eq!(pairs.len(), 5 + 6 + 7 + 5);
    for (place, periods, platform) in pairs {
        assert!(!periods.is_empty(), "{place}");
        for period in periods {
            assert_eq!(period + 2, platform, "{place}");
        }
    }
}

/// A number of `src/limits.rs`.
fn limit(name: &str) -> u64 {
    let limits = read("src/limits.rs");
    let (_, rest) = limits
        .split_once(&format!("pub const {name}: "))
        .expect(name);
    let (_, value) = rest.split_once(" = ").expect(name);
    let (value, _) = value.split_once(';').expect(name);
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect(name)
}

/// Where words repeat a number of `src/limits.rs`, with `#` for the number. Times are in milliseconds there.
const REPEATED: &str = "
| BATCH | docs/contract.md | at most # reaps happen |
| BATCH | docs/contract.md | after at most # in a row |
| BATCH | docs/benchmarks.md | after each # pidling looks |
| REAPED_AT_END | docs/contract.md | dead already, at most # |
| LOOKED_AT | docs/contract.md | looks at up to # others |
| LISTED | docs/contract.md | (at most #, then a count, |
| LOOKED_AT_AT_END | docs/contract.md | looks at # processes at most |
| LISTED | docs/events.md | than the # that are named |
| LISTED | man/pidling.1 | Beyond the # that are named |
| KILL_AGAIN | docs/contract.md | repeated every # ms |
| GIVE_UP | docs/contract.md | after # s the init gives up |
| GIVE_UP | docs/recipes.md | waits # seconds for it |
| GIVE_UP | man/pidling.1 | waits # seconds for it |
| REST_GRACE | docs/contract.md | Without one it is # s after |
| REST_GRACE | README.md | alone gives the rest # s |
| REST_GRACE | docs/shutdown.md | or # seconds without one |
| REST_GRACE | docs/shutdown.md | until # seconds after the stop |
| REST_GRACE | man/pidling.1 | the rest has # seconds |
| PATIENT_PLATFORM | docs/contract.md | took more than # s |
| PATIENT_PLATFORM | man/pidling.1 | took more than # seconds |
| SLOW_STOP | docs/contract.md | # s after the first stop signal |
| SLOW_STOP | docs/shutdown.md | still lives after # seconds |
| SLOW_STOP | docs/events.md | still lives, # s after its stop |
| SLOW_STOP | docs/troubleshooting.md | and # seconds later |
| SLOW_STOP | man/pidling.1 | still lives, # seconds after |
| SAME_STOP | docs/contract.md | at least # ms later |
| ESCALATIONS | docs/contract.md | (repeatable, at most #) |
| ESCALATIONS | man/pidling.1 | given up to # times |
| LONGEST_TIME | docs/contract.md | up to # h. |
| LONGEST_TIME | docs/shutdown.md | up to # hours |
| LONGEST_TIME | man/pidling.1 | up to # hours |
| LINE | docs/contract.md | at most # bytes |
| LINE | docs/events.md | of at most # bytes |
";

#[test]
fn the_numbers_that_are_decisions_are_the_same_in_all_words() {
    for row in REPEATED.trim().lines().map(cells) {
        let [name, file, words] = &row[..] else {
            panic!("{row:?}");
        };
        let unit = match &**name {
            "GIVE_UP" | "REST_GRACE" | "PATIENT_PLATFORM" | "SLOW_STOP" => 1000,
            "LONGEST_TIME" => 3_600_000,
            _ => 1,
        };
        let number = limit(name) / unit;
        let number = match (number / 1000, number % 1000) {
            (0, number) => number.to_string(),
            (thousands, rest) => format!("{thousands},{rest:03}"),
        };
        let text = read(file);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.replace('#', &number);
        assert!(text.contains(&words), "{name}: {file}: {words}");
    }
}

/// The version behind each of these names, and how many architectures there are.
#[test]
fn the_documents_name_this_version_and_all_architectures() {
    let version = env!("CARGO_PKG_VERSION");
    let mut count = 0;
    for file in ["README.md", "docs/verifying.md"] {
        let text = read(file);
        for mark in ["pidling_", "pidling-", "pidling:"] {
            let behind = text.split(mark).skip(1);
            for rest in behind.filter(|rest| rest.starts_with(|one: char| one.is_ascii_digit())) {
                count += 1;
                assert!(rest.starts_with(version), "{file}: {mark}{rest:.20}");
            }
        }
    }
    assert!(count > 8, "{count}");
    let architectures = read(".ci/architectures");
    let lines = architectures.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.count(), 9);
    assert!(read("README.md").contains("[nine architectures]"));
}

#[test]
fn the_documents_name_the_oldest_compiler() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    for (file, claim) in [
        ("README.md", format!("Rust {version} or newer")),
        ("CONTRIBUTING.md", format!("Rust {version} ")),
        (
            "docs/architectures.md",
            format!("the others are stable in\n{version}."),
        ),
    ] {
        assert!(read(file).contains(&claim), "{file}: {claim}");
    }
}

#[test]
fn the_json_of_the_documents_parses() {
    let mut count = 0;
    for block in documents()
        .iter()
        .flat_map(|file| code_blocks(file, "json"))
    {
        for value in serde_json::Deserializer::from_str(&block).into_iter::<serde_json::Value>() {
            let _ = value.expect("JSON");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

/// Without what stands in braces, which are processes in a list and the places of a format string.
fn without_braces(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|one| {
            depth = if *one == '{' { depth + 1 } else { depth };
            let is_outside = depth == 0;
            depth = if *one == '}' { depth - 1 } else { depth };
            is_outside
        })
        .collect()
}

/// The fields of each event, as the test of its words has them: `src/log/event/tests.rs` holds every event's JSON.
fn events_in_code() -> BTreeMap<String, BTreeSet<String>> {
    let tests = read("src/log/event/tests.rs");
    let mut events: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for raw in tests.split("r#\"").skip(1) {
        let (json, _) = raw.split_once("\"#").expect("a raw string ends");
        if let Some((_, rest)) = json.split_once("\"event\":\"") {
            current = rest.split('"').next().map(String::from);
        }
        let Some(event) = &current else { continue };
        let fields = events.entry(event.clone()).or_default();
        let flat = without_braces(json);
        for (before, _) in flat.match_indices("\":").map(|(at, _)| flat.split_at(at)) {
            let key = before.rsplit('"').next().expect("a key");
            let is_name = !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if is_name && !["time", "level", "event"].contains(&key) {
                let _ = fields.insert(key.to_owned());
            }
        }
    }
    assert!(events.len() > 25, "{events:?}");
    events
}

/// The rows of the table of events: each with its levels and fields.
fn events_in_document() -> BTreeMap<String, (String, BTreeSet<String>)> {
    table("docs/events.md", "| event | level | fields | when |")
        .into_iter()
        .map(|row| {
            let fields = code_spans(&row[2]).into_iter().map(String::from).collect();
            (
                row[0].trim_matches('`').to_owned(),
                (row[1].clone(), fields),
            )
        })
        .collect()
}

#[test]
fn every_event_is_documented_with_its_fields() {
    let documented: BTreeMap<String, BTreeSet<String>> = events_in_document()
        .into_iter()
        .map(|(event, (_, fields))| (event, fields))
        .collect();
    assert_eq!(documented, events_in_code());
    // And no event is without a test of its words.
    let source = read("src/log/event.rs");
    for event in documented.keys() {
        assert!(source.contains(&format!("\"{event}\"")), "{event}");
    }
    let levels = [
        "Level::Error",
        "Level::Warning",
        "Level::Info",
        "Level::Debug",
        "}",
        "response)",
    ];
    let named = levels.iter().flat_map(|level| {
        let mark = format!("{level}, \"");
        let names: Vec<String> = source
            .split(&mark)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(String::from)
            .collect();
        names
    });
    assert_eq!(
        named.collect::<BTreeSet<_>>(),
        documented.into_keys().collect()
    );
}

#[test]
fn every_field_is_documented_once_and_has_its_type_in_the_examples() {
    let types: BTreeMap<String, String> = table("docs/events.md", "| field | type | meaning |")
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    let events = events_in_document();
    let fields: BTreeSet<&String> = events.values().flat_map(|(_, fields)| fields).collect();
    assert_eq!(types.keys().collect::<BTreeSet<_>>(), fields);

    let examples = code_blocks("docs/events.md", "json").concat();
    let mut shown = BTreeSet::new();
    for line in examples.lines() {
        let example: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).expect(line);
        let event = example["event"].as_str().expect("a name");
        let (levels, fields) = &events[event];
        assert!(
            levels.split(", ").any(|level| example["level"] == level),
            "{line}"
        );
        for (key, value) in &example {
            if ["time", "level", "event"].contains(&&**key) {
                continue;
            }
            assert!(fields.contains(key), "{key} in {line}");
            let is_of_type = match &*types[key] {
                "string" => value.is_string(),
                "number" => value.is_u64(),
                "boolean" => value.is_boolean(),
                "object" => value.is_object(),
                "array" => value.is_array(),
                other => panic!("{key} is of type {other}"),
            };
            assert!(is_of_type, "{key} in {line}");
        }
        assert!(shown.insert(event.to_owned()), "{event} is shown twice");
    }
    assert_eq!(shown, events.into_keys().collect());
}

/// The strings of Rust behind a field of a structure.
fn strings(structure: &str, field: &str) -> Vec<String> {
    let (_, rest) = structure.split_once(&format!("{field}: ")).expect(field);
    let mut found = Vec::new();
    let mut characters = rest.chars();
    let is_list = rest.starts_with('&');
    loop {
        match characters.next().expect("the field ends") {
            '"' => {
                let mut word = String::new();
                loop {
                    match characters.next().expect("the string ends") {
                        '"' => break,
                        '\\' => match characters.next().expect("an escape") {
                            // It goes on in the next line.
                            '\n' => {
                                let rest = characters.as_str().trim_start();
                                characters = rest.chars();
                            }
                            'n' => word.push_str("\\n"),
                            other => word.push(other),
                        },
                        other => word.push(other),
                    }
                }
                found.push(word);
            }
            ']' => return found,
            ',' if !is_list => return found,
            _ => {}
        }
    }
}

/// What stands between the marks in the guide to migrating.
fn differences() -> String {
    let peers = read("tests/engines/peers.rs");
    let mut text =
        String::from("\n| init | what | there | pidling | why |\n|---|---|---|---|---|\n");
    let (_, list) = peers
        .split_once("const DIFFERENCES: ")
        .expect("the differences");
    let (list, _) = list.split_once("\n];").expect("their end");
    for structure in list.split("    Difference {\n").skip(1) {
        let one = |field| strings(structure, field).concat();
        let reason = one("reason");
        if reason.starts_with("the same") {
            continue;
        }
        // A code span cannot be empty.
        let aspects: Vec<String> = strings(structure, "aspects")
            .into_iter()
            .map(|aspect| match &*aspect {
                "``" => "no word at all".to_owned(),
                _ => aspect,
            })
            .collect();
        let mut what = aspects.join(", ");
        if structure.contains("aspects: FAULTS,") {
            what.push_str("a fault signal that a process sends");
        }
        let setups = strings(structure, "setups");
        let spans: Vec<String> = setups
            .iter()
            .filter(|setup| !setup.is_empty())
            .map(|setup| format!("`{setup}`"))
            .collect();
        if !spans.is_empty() {
            // The empty one is without any option.
            let with = if spans.len() < setups.len() {
                "also with"
            } else {
                "with"
            };
            let _ = write!(what, " ({with} {})", spans.join(", "));
        }
        let row = [one("peer"), what, one("theirs"), one("ours"), reason];
        let row = row.map(|cell| {
            if cell.is_empty() {
                "none".to_owned()
            } else {
                cell.replace('|', "\\|")
            }
        });
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text + "\n"
}

/// What differs from the other inits on purpose, `tests/engines/peers.rs`, stands in the guide with its reason.
#[test]
fn every_difference_from_the_peers_is_documented() {
    const FILE: &str = "docs/migrating.md";
    let text = read(FILE);
    let (before, rest) = text
        .split_once("<!-- differences -->\n")
        .expect("the table begins");
    let (found, after) = rest.split_once("<!-- end -->\n").expect("the table ends");
    let expected = differences();
    assert!(expected.lines().count() > 30, "{expected}");
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        let updated = format!("{before}<!-- differences -->\n{expected}<!-- end -->\n{after}");
        std::fs::write(root().join(FILE), updated).expect("the guide can be written");
    } else {
        assert_eq!(
            found, expected,
            "UPDATE=1 cargo test --release --test release documentation writes it"
        );
    }
}

/// Whether a document has a heading of which a renderer makes this anchor.
fn has_heading(document: &str, anchor: &str) -> bool {
    outside_of_blocks(document)
        .iter()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
        .any(|heading| {
            let mut made = heading.to_lowercase().replace(' ', "-");
            made.retain(|one| one.is_alphanumeric() || one == '-' || one == '_');
            made == anchor
        })
}

#[test]
fn every_link_leads_to_a_file_or_a_heading() {
    let mut count = 0;
    for file in documents() {
        let directory = root()
            .join(&file)
            .parent()
            .expect("a directory")
            .to_path_buf();
        for line in outside_of_blocks(&read(&file)) {
            for rest in line.split("](").skip(1) {
                let target = rest.split(')').next().expect("the target");
                if target.starts_with("https://") {
                    continue;
                }
                count += 1;
                let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
                let path: PathBuf = directory.join(path);
                assert!(path.exists(), "{file}: {target}");
                if !anchor.is_empty() {
                    let document = std::fs::read_to_string(path).expect("a document");
                    assert!(has_heading(&document, anchor), "{file}: {target}");
                }
            }
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_table_has_whole_rows() {
    for file in documents() {
        let text = read(&file);
        let mut columns = None;
        for line in outside_of_blocks(&text) {
            if !line.starts_with('|') {
                columns = None;
                continue;
            }
            let cells = cells(line);
            assert_eq!(
                *columns.get_or_insert(cells.len()),
                cells.len(),
                "{file}: {line}"
            );
            for cell in &cells {
                assert!(
                    cell.matches('`').count().is_multiple_of(2),
                    "{file}: {cell}"
                );
            }
        }
    }
}

/// A renderer makes a list of it.
#[test]
fn no_line_of_a_paragraph_begins_like_a_list() {
    for file in documents() {
        let text = read(&file);
        for lines in outside_of_blocks(&text).windows(2) {
            let begins = ["1. ", "+ "].map(|mark| lines[1].trim_start().starts_with(mark));
            let is_list = begins.contains(&true) && !lines[0].is_empty();
            assert!(!is_list, "{file}: {}", lines[1]);
        }
    }
}

/// A line of the log without what differs from run to run: what stands in quotes, and numbers.
fn with_blanks(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let mut parts = line.split('\'');
        shown.push_str(parts.next().unwrap_or_default());
        while let Some(quoted) = parts.next() {
            match parts.next() {
                Some(after) => shown.extend(["''", after]),
                None => shown.extend(["'", quoted]),
            }
        }
        shown.push('\n');
    }
    shown.retain(|one| !one.is_ascii_digit());
    shown.trim_end().to_owned()
}

/// The guide quotes the words that the test of each event asserts, `src/log/event/tests.rs`.
#[test]
fn the_lines_that_the_guide_to_troubleshooting_quotes_are_said() {
    let said = with_blanks(&(read("src/log/event/tests.rs") + &read("src/log/tests.rs")));
    let mut count = 0;
    for line in outside_of_blocks(&read("docs/troubleshooting.md")) {
        let Some(row) = line.strip_prefix("| `") else {
            continue;
        };
        let cell = row.split(" |").next().expect("a cell");
        for quoted in code_spans(&format!("`{cell}")) {
            count += 1;
            // Some lines are put together: a state, a disposition and its signal, a reason behind a colon.
            let quoted = quoted
                .strip_prefix("(state ")
                .map_or(quoted, |state| &state[1..]);
            for part in quoted.trim_end_matches(')').split(": ") {
                let part = part
                    .strip_suffix(" SIGTERM")
                    .map_or(part, |it| it.trim_start_matches("it "));
                assert!(said.contains(&with_blanks(part)), "{part}");
            }
        }
    }
    assert!(count > 20, "{count}");
}

/// A function that a line of CONTRIBUTING names, and the file that it links to.
fn named_functions(answer: &str) -> Vec<(String, String)> {
    let answer = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (before, rest) in answer
        .match_indices("` in [")
        .map(|(at, mark)| (&answer[..at], &answer[at + mark.len()..]))
    {
        let function = before.rsplit('`').next().expect("a name");
        let file = rest.split(']').next().expect("a file");
        found.push((function.to_owned(), file.to_owned()));
    }
    found
}

#[test]
fn the_five_questions_of_a_newcomer_are_answered_by_functions_that_exist() {
    let text = read("CONTRIBUTING.md");
    let (_, section) = text
        .split_once("\n## Five questions\n")
        .expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let answers: Vec<&str> = section.split("\n**").skip(1).collect();
    assert_eq!(answers.len(), 5);
    for answer in answers {
        let (question, answer) = answer.split_once("?**\n").expect("a question");
        let functions = named_functions(&answer.replace("In `", "`"));
        assert!(!functions.is_empty(), "{question}");
        for (function, file) in functions {
            assert!(
                read(&file).contains(&format!("fn {function}("))
                    || read(&file).contains(&format!("fn {function}<")),
                "{question}: {function} in {file}"
            );
        }
    }
}

#[test]
fn the_files_and_items_of_the_three_walks_exist() {
    let text = read("CONTRIBUTING.md");
    let walks = [
        "Adding an option",
        "Adding an event",
        "Adding an architecture",
    ];
    for walk in walks {
        let (_, section) = text.split_once(&format!("\n## {walk}\n")).expect(walk);
        let (section, _) = section.split_once("\n## ").expect("its end");
        let mut sources = String::new();
        for rest in section.split("](").skip(1) {
            sources += &read(rest.split(')').next().expect("a file"));
        }
        // One word is the name of an item.
        let is_item = |code: &&str| {
            code.bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
                && code.len() > 2
        };
        for item in code_spans(&section.replace('\n', " "))
            .into_iter()
            .filter(is_item)
        {
            assert!(sources.contains(item), "{walk}: {item}");
        }
    }
}

#[test]
fn every_number_that_is_a_decision_stands_in_the_design_with_its_reason() {
    let limits = read("src/limits.rs");
    let numbers: Vec<&str> = limits
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .map(|rest| rest.split(':').next().expect("a name"))
        .collect();
    let rows = table("docs/design.md", "| number | why |");
    let documented: Vec<String> = rows
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(documented, numbers);
    for row in rows {
        assert!(row[1].len() > 15, "{row:?}");
    }
}
