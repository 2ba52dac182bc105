//! The init beside an older one, on random command lines, environments and short scenarios: everything that can be seen
//! from outside is the same, but for what [`allowed`] names with the clause of the contract that wants it.
//!
//! `PIDLING_OLD=/path cargo test --release --test release differential -- --nocapture` runs it. The variables
//! `DIFFERENTIAL_SEED`, `DIFFERENTIAL_CASES` (how many; 5,000 with `TESTS=full`, else 200), `DIFFERENTIAL_ONLY`
//! (the number of one case, of which everything is shown) choose the cases, `PIDLING_BINARY` another init than the built
//! one. Every run looks through `/proc`: where many processes run, put `unshare --pid --fork --mount-proc` before it.

/// What is different by intention.
mod allowed;
/// Random cases.
mod case;
/// What differs.
mod compare;
/// What came of a case.
mod run;

use case::Case;
use harness::{pidling, probe, require_namespaces};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How often a difference has to be seen: what happens once in a while is no difference between the two.
const SIGHTINGS: usize = 4;

/// Cases at a time; most of the time they wait.
const WORKERS: usize = 6;

/// What was found.
#[derive(Default)]
struct Found {
    /// By class: how many cases, the first one's number, and why it is allowed if it is.
    classes: BTreeMap<String, (usize, usize, Option<&'static str>)>,
    /// Seen once and not again.
    passing: BTreeMap<String, (usize, usize)>,
    same: usize,
    hung: usize,
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

/// Files that can be executed, and such that cannot, each in its own way.
fn files(directory: &Path) {
    let write = |name: &str, mode: u32, bytes: &[u8]| {
        harness::write_program(directory.join(name), bytes, mode);
    };
    write("noexec", 0o644, b"#!/bin/sh\nexit 7\n");
    write("script", 0o755, b"#!/bin/sh\nexit 7\n");
    write("bare", 0o755, b"exit 8\n");
    write(
        "arguments",
        0o755,
        b"#!/bin/sh -u\necho \"$0\" \"$#\" \"$@\"\n",
    );
    write("empty", 0o755, b"");
    write("blank", 0o755, b"\n");
    write("crlf", 0o755, b"#!/bin/sh\r\nexit 7\n");
    write("nointerp", 0o755, b"#!/no/such/interpreter x\n");
    let program = std::fs::read("/bin/true").unwrap();
    write("truncated", 0o755, &program[..40]);
    let mut machine = program.clone();
    machine[18..20].copy_from_slice(&0x1234_u16.to_ne_bytes());
    write("machine", 0o755, &machine);
    let loader = b"/lib64/ld-linux";
    let at = program
        .windows(loader.len())
        .position(|bytes| bytes == loader);
    let mut noloader = program;
    if let Some(at) = at {
        noloader[at + 1] = b'X';
    }
    write("noloader", 0o755, &noloader);
    std::fs::create_dir(directory.join("dir")).unwrap();
    std::os::unix::fs::symlink("loop", directory.join("loop")).unwrap();
    let noexecs = directory.join("noexecs");
    std::fs::create_dir(&noexecs).unwrap();
    for name in ["script", "bare", "missing"] {
        harness::write_program(noexecs.join(name), b"", 0o644);
    }
}

/// Both inits and where they run.
struct Pair {
    old: PathBuf,
    new: PathBuf,
    directory: PathBuf,
    seed: u64,
}

impl Pair {
    fn case(&self, number: usize) -> Case {
        Case::new(self.seed, number, &self.directory)
    }

    fn compare(&self, case: &Case) -> (BTreeSet<String>, bool) {
        let old = run::run(&self.old, case, &self.directory);
        let new = run::run(&self.new, case, &self.directory);
        let hung = old.status == "hangs" || new.status == "hangs";
        (compare::classes(&old, &new), hung)
    }

    /// Compares one case, again and again where something differs that may not.
    fn check(&self, number: usize, found: &Mutex<Found>) {
        let case = self.case(number);
        let (first, hung) = self.compare(&case);
        let mut lasting = first.clone();
        let is_open = |classes: &BTreeSet<String>| {
            classes
                .iter()
                .any(|class| allowed::reason(class, &case).is_none())
        };
        let mut sightings = 1;
        while sightings < SIGHTINGS && is_open(&lasting) {
            let (again, _) = self.compare(&case);
            lasting.retain(|class| again.contains(class));
            sightings += 1;
        }
        let mut found = found.lock().unwrap();
        found.same += usize::from(first.is_empty());
        found.hung += usize::from(hung);
        for class in first {
            if lasting.contains(&class) {
                let reason = allowed::reason(&class, &case);
                let key = reason.map_or(class, |(glob, why)| {
                    format!("{glob} ({})", &why[..why.find(':').unwrap_or(0)])
                });
                let reason = reason.map(|(_, why)| why);
                found.classes.entry(key).or_insert((0, number, reason)).0 += 1;
            } else {
                found.passing.entry(class).or_insert((0, number)).0 += 1;
            }
        }
    }

    /// Everything about one case.
    fn show(&self, number: usize) {
        let case = self.case(number);
        println!("{case:#?}");
        let old = run::run(&self.old, &case, &self.directory);
        let new = run::run(&self.new, &case, &self.directory);
        println!("old: {old:#?}\nnew: {new:#?}");
        for class in compare::classes(&old, &new) {
            println!("{class}: {:?}", allowed::reason(&class, &case));
        }
    }
}

#[test]
fn nothing_but_what_the_contract_wants_differs_from_an_older_init() {
    let Some(old) = std::env::var_os("PIDLING_OLD") else {
        eprintln!("skipped: PIDLING_OLD names no older init to compare with");
        return;
    };
    if !require_namespaces() {
        return;
    }
    let old = Path::new(&old)
        .canonicalize()
        .expect("PIDLING_OLD is a file");
    let seed = variable("DIFFERENTIAL_SEED").unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    });
    let usual = if harness::is_full() { 5_000 } else { 200 };
    let cases = usize::try_from(variable("DIFFERENTIAL_CASES").unwrap_or(usual)).unwrap();
    let directory = tempfile::Builder::new()
        .prefix("differential")
        .tempdir()
        .unwrap();
    // As it is: a message is to be the same each time.
    files(directory.path());
    let _ = probe();
    let pair = Pair {
        old,
        new: pidling().canonicalize().unwrap(),
        directory: directory.path().to_owned(),
        seed,
    };
    if let Some(number) = variable("DIFFERENTIAL_ONLY") {
        pair.show(usize::try_from(number).unwrap());
        return;
    }
    println!(
        "seed {seed}, {cases} cases, {} and {}",
        pair.old.display(),
        pair.new.display()
    );
    let found = Mutex::new(Found::default());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let _ = scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= cases {
                        return;
                    }
                    pair.check(number, &found);
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    println!("{} cases are the same, {} hang", found.same, found.hung);
    let mut unwanted = 0;
    for (class, (count, first, reason)) in &found.classes {
        if let Some(reason) = reason {
            println!("allowed {count}: {class}: {reason}; case {first}");
        } else {
            unwanted += count;
            println!(
                "DIFFERS {count}: {class}; case {first}: {:?}",
                pair.case(*first)
            );
        }
    }
    for (class, (count, first)) in &found.passing {
        println!("passing {count}: {class}; case {first}");
    }
    assert_eq!(unwanted, 0, "differences that nobody wants, seed {seed}");
}
