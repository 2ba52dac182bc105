//! The inits that are measured: pidling, what is installed, what `--init` names, and the floors.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an init is to the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A program of `floor.c` in the init's place.
    Floor,
    /// The init that is judged.
    Pidling,
    /// Another build of it, which it is compared with.
    Beside,
    /// Another init.
    Peer,
}

/// An init, as it is started in a container: `COMMAND CHILD`.
#[derive(Clone, Debug)]
pub(crate) struct Init {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The words before those of the child.
    pub(crate) command: Vec<String>,
    /// What its `--version` says, as far as it is a version.
    pub(crate) version: String,
}

impl Init {
    /// Whether it is a build of pidling, and takes its options.
    pub(crate) fn is_pidling(&self) -> bool {
        matches!(self.kind, Kind::Pidling | Kind::Beside)
    }

    /// The same build of pidling with options.
    pub(crate) fn with_options(&self, options: &[&str]) -> Self {
        let mut other = self.clone();
        let _ = other.command.pop();
        other
            .command
            .extend(options.iter().copied().map(String::from));
        other.command.push("--".into());
        other
    }
}

/// The inits that everybody has, by the names of their files.
const PEERS: [&str; 5] = [
    "tini-static",
    "tini",
    "dumb-init",
    "catatonit",
    "docker-init",
];

/// The other build's name.
pub(crate) const BESIDE: &str = "beside";

/// Pidling first, then another build of it if there is one, then the peers.
pub(crate) fn find(given: &[(String, Vec<String>)], beside: Option<&Path>) -> Result<Vec<Init>> {
    let mut inits = vec![init(
        "pidling",
        Kind::Pidling,
        vec![env!("CARGO_BIN_EXE_pidling").into(), "--".into()],
    )];
    if let Some(path) = beside {
        inits.push(init(
            BESIDE,
            Kind::Beside,
            vec![path.display().to_string(), "--".into()],
        ));
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for name in PEERS {
        let Some(path) = installed(name) else {
            eprintln!("bench: {name} is not installed");
            continue;
        };
        // Debian's docker-init is a link to tini-static.
        let file = path.canonicalize().context("cannot resolve a path")?;
        if files.contains(&file) {
            eprintln!("bench: {name} is {}, which is measured", file.display());
            continue;
        }
        files.push(file);
        inits.push(init(
            name,
            Kind::Peer,
            vec![path.display().to_string(), "--".into()],
        ));
    }
    for (name, command) in given {
        let mut command = command.clone();
        if let Some(first) = command.first_mut()
            && !first.contains('/')
        {
            let path = installed(first)
                .with_context(|| format!("--init {name}: {first} is not along PATH"))?;
            *first = path.display().to_string();
        }
        inits.push(init(name, Kind::Peer, command));
    }
    Ok(inits)
}

fn init(name: &str, kind: Kind, command: Vec<String>) -> Init {
    // Pages of a file that was just built are dirty until they are written back, and would count as the
    // private dirty memory of a process that maps them.
    let _ = std::fs::File::open(&command[0]).and_then(|file| file.sync_all());
    let version = version(&command[0]).unwrap_or_else(|| "?".into());
    Init {
        name: name.into(),
        kind,
        command,
        version,
    }
}

/// The file of that name along PATH.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// The first word of `--version` that begins with a digit.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .map(|word| word.split('_').next().unwrap_or(word).into())
}

/// A program of `floor.c` in the place of an init, or with no words nothing between driver and child.
pub(crate) fn floor(name: &str, program: &Path, mode: &str) -> Init {
    let command = if mode.is_empty() {
        Vec::new()
    } else {
        vec![program.display().to_string(), mode.into()]
    };
    Init {
        name: name.into(),
        kind: Kind::Floor,
        command,
        version: String::new(),
    }
}
