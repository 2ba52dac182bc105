//! The inits that are measured: pidling, what is installed, what `--init` names, and the floors.

use crate::options::Options;
use anyhow::{Context, Result, ensure};
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
    /// What its `--version` says, as far as it is a version, or cargo.
    pub(crate) version: String,
    /// The part of a processor that it takes with nothing to do.
    pub(crate) busy: f64,
}

impl Init {
    /// Whether it is a build of pidling, and takes its options.
    pub(crate) fn is_pidling(&self) -> bool {
        matches!(self.kind, Kind::Pidling | Kind::Beside)
    }

    /// Whether it never sleeps. Then what it does for a signal or an orphan cannot be told from the rest.
    pub(crate) fn spins(&self) -> bool {
        self.busy > 0.1
    }

    /// Whether distributions have it.
    pub(crate) fn is_packaged(&self) -> bool {
        PACKAGED.iter().any(|(name, _)| *name == self.name)
    }

    /// The options for a deadline after SIGTERM at which everybody is killed, if it is PID 1, and its milliseconds.
    pub(crate) fn deadline(&self) -> Option<(&'static [&'static str], usize)> {
        match (self.kind, self.name.as_str()) {
            (Kind::Pidling | Kind::Beside, _) => Some((&["-q", "-t", "100ms"], 100)),
            (Kind::Peer, "tino") => Some((&["-g", "-t", "100"], 100)),
            // It takes whole seconds.
            (Kind::Peer, "pid1-rs") => Some((&["-t", "1"], 1000)),
            (Kind::Peer | Kind::Floor, _) => None,
        }
    }

    /// The same init with options.
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

/// The inits of distributions: what they are called here, and their files.
const PACKAGED: [(&str, &str); 5] = [
    ("tini-static", "tini-static"),
    ("tini", "tini"),
    ("dumb-init", "dumb-init"),
    ("catatonit", "catatonit"),
    ("docker-init", "docker-init"),
];

/// The inits that `cargo install --locked tino pid1-exe` installs.
const OF_CARGO: [(&str, &str); 2] = [("tino", "tino"), ("pid1-rs", "pid1")];

/// The other build's name.
pub(crate) const BESIDE: &str = "beside";

/// Pidling first, then another build of it if there is one, then the peers: those that are installed, or all.
pub(crate) fn find(options: &Options) -> Result<Vec<Init>> {
    let mut inits = vec![init(
        "pidling",
        Kind::Pidling,
        vec![env!("CARGO_BIN_EXE_pidling").into(), "--".into()],
    )];
    if let Some(path) = &options.beside {
        inits.push(init(
            BESIDE,
            Kind::Beside,
            vec![path.display().to_string(), "--".into()],
        ));
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for (name, file) in PACKAGED.into_iter().chain(OF_CARGO) {
        let Some(path) = installed(file) else {
            // It is tini under another name.
            let is_wanted = options.update && name != "docker-init";
            ensure!(
                !is_wanted,
                "--update wants all inits, and {name} is not installed"
            );
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
    for (name, command) in &options.inits {
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
        busy: 0.0,
    }
}

/// The file of that name along PATH, or where cargo installs programs.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let along_path = std::env::var_os("PATH").unwrap_or_default();
    let roots = ["CARGO_INSTALL_ROOT", "CARGO_HOME"].map(std::env::var_os);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let roots = roots.into_iter().flatten().map(PathBuf::from).chain(home);
    std::env::split_paths(&along_path)
        .chain(roots.map(|root| root.join("bin")))
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// The first word of `--version` that begins with a digit, or what cargo has installed.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .map(|word| word.split('_').next().unwrap_or(word).into())
        .or_else(|| installed_version(Path::new(program)))
}

/// The version of the package that cargo has installed a program from, in the list beside the directory of programs:
/// `"PACKAGE VERSION (SOURCE)" = ["PROGRAM"]`.
fn installed_version(program: &Path) -> Option<String> {
    let list = program.parent()?.parent()?.join(".crates.toml");
    let list = std::fs::read_to_string(list).ok()?;
    let quoted = format!("\"{}\"", program.file_name()?.to_str()?);
    list.lines().find_map(|line| {
        let (package, programs) = line.split_once(" = ")?;
        let version = package.split(' ').nth(1)?;
        programs.contains(&quoted).then(|| version.into())
    })
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
        busy: 0.0,
    }
}
