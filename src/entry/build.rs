//! The link arguments of the init, each with its reason, and the commit it is built from.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a build that cannot go on fails"
)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

#[path = "../prose.rs"]
#[expect(dead_code, unreachable_pub, reason = "only the texts are of use here")]
mod prose;

fn main() {
    // The layout of the file, see there.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/entry/link.ld");
    let is_driven = is_driven_by_a_c_compiler();
    for argument in [
        // No C start-up code and no C library: `_start` is ours, and so is all it calls.
        "-nostartfiles",
        "-nodefaultlibs",
        // One file that needs no interpreter, at an address that the kernel chooses. Nothing in it holds an
        // address, so nothing is left to relocate; the linker script fails the link otherwise.
        "-static-pie",
        "-Wl,--no-dynamic-linker",
        "-Wl,-z,norelro",
        // The kernel reads the program headers only.
        "-Wl,-z,nosectionheader",
        // No identifier that is not reproducible or used.
        "-Wl,--build-id=none",
        // Nobody unwinds.
        "-Wl,--no-eh-frame-hdr",
        &format!("-Wl,-T,{script}"),
    ] {
        let words = match argument.strip_prefix("-Wl,") {
            _ if is_driven => vec![argument],
            Some(words) => words.split(',').collect(),
            // Other architectures have tables with addresses, and are linked for a fixed one.
            None if argument == "-static-pie" => {
                vec!["-static", "-no-pie", "--defsym=fixed_address=0x400000"]
            }
            // A linker that nobody drives adds nothing by itself.
            None if argument.starts_with("-nod") || argument.starts_with("-nos") => vec![],
            None => vec![argument],
        };
        for word in words {
            println!("cargo::rustc-link-arg-bin=pidling={word}");
        }
    }
    println!("cargo::rerun-if-changed=src/entry/link.ld");
    println!("cargo::rerun-if-changed=src/entry/build.rs");
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/logs/HEAD");
    println!("cargo::rerun-if-changed=src/prose.rs");
    let directory = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&directory).join("packed.rs"), packed())
        .expect("OUT_DIR can be written");
}

/// Whether rustc calls the linker through a C compiler, as it does unless cargo is told of another linker.
fn is_driven_by_a_c_compiler() -> bool {
    let linker = std::env::var_os("RUSTC_LINKER").unwrap_or_default();
    let name = Path::new(&linker).file_name().unwrap_or_default();
    !name.to_string_lossy().contains("lld")
}

/// The first seven hexadecimal digits of the checked-out commit, if this is the top of a checkout.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["--git-dir=.git", "rev-parse", "--short=7", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let commit = text.trim().get(..7)?;
    output.status.success().then(|| commit.to_owned())
}

/// All lines of text with the names of those that have one, in the order of their numbers.
fn lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut add = |name: &str, text: &str| lines.push((name.to_owned(), text.to_owned()));
    for (name, text) in prose::WORDS {
        add(name, text);
    }
    for (index, template) in prose::TEMPLATES.iter().enumerate() {
        add(if index == 0 { "MESSAGE" } else { "" }, template);
    }
    let (last, _) = prose::ERRORS[prose::ERRORS.len() - 1];
    for number in 0..=last {
        let listed = prose::ERRORS.iter().find(|(listed, _)| *listed == number);
        let name = if number == 0 { "ERROR" } else { "" };
        add(name, listed.map_or("", |(_, error)| error));
    }
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets it");
    let commit = commit().map_or(String::new(), |commit| format!(" - git.{commit}"));
    for (name, text) in [
        ("HELP", prose::HELP),
        ("VERBOSITY", prose::VERBOSITY),
        ("LICENSE", prose::LICENSE),
        ("VERSION_AS_TINI", prose::VERSION_AS_TINI),
        ("VERSION", &format!("{}{commit}", prose::VERSION)),
    ] {
        for (index, line) in text.replace("{version}", &version).lines().enumerate() {
            add(if index == 0 { name } else { "" }, line);
        }
        add("", "\0");
    }
    lines
}

/// The source of `packed`: the packed texts, and the names of the lines.
fn packed() -> String {
    let mut source = String::from("impl Piece {\n");
    let mut text = String::new();
    for (index, (name, line)) in lines().iter().enumerate() {
        if !name.is_empty() {
            let shown = match line.as_str() {
                "" => "Nothing.".to_owned(),
                line => format!("`{}`", line.escape_debug()),
            };
            writeln!(
                source,
                "/// {shown}\npub const {name}: Self = Self({index});"
            )
            .expect("memory suffices");
        }
        text += line;
        text.push('\n');
    }
    source += "}\n\
        /// The numbers of the lines of options in `--help`, and of the line of the variable behind it.\n\
        pub mod lines {\n";
    for (number, line) in prose::HELP
        .lines()
        .chain(["", prose::VERBOSITY])
        .enumerate()
    {
        // The long name stands in fixed columns.
        let name = line.get(6..).and_then(|name| name.split(' ').next());
        let name = match name.and_then(|name| name.strip_prefix("--")) {
            _ if line == prose::VERBOSITY => "VERBOSITY".to_owned(),
            Some(name) if line.starts_with(' ') => name.replace('-', "_").to_uppercase(),
            _ => continue,
        };
        writeln!(source, "/// `{line}`\npub const {name}: u8 = {number};")
            .expect("memory suffices");
    }
    let packed = pack(text.as_bytes());
    write!(
        source,
        "}}\n\
        /// How long all texts are.\n\
        pub const LENGTH: usize = {};\n\
        /// All texts, packed.\n\
        pub static PACKED: [u8; {}] = {packed:?};\n\
        /// The highest number of an error that has a name.\n\
        pub const LAST_ERROR: u32 = {};\n",
        text.len(),
        packed.len(),
        prose::ERRORS[prose::ERRORS.len() - 1].0,
    )
    .expect("memory suffices");
    source
}

/// The bits of packed texts, the lowest one of each byte first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// Appends a number of at least 1 << `plain` without its highest bit: the next `plain` ones, then each further
    /// one behind a bit that says that there is one.
    fn number(&mut self, number: usize, plain: u32) {
        let length = number.ilog2();
        for index in (0..length).rev() {
            if index + plain < length {
                self.0.push(true);
            }
            self.0.push(number >> index & 1 == 1);
        }
        self.0.push(false);
    }

    /// A byte that is said: 64 to 191. Those with the most letters take the fewest bits.
    fn byte(&mut self, byte: u8) {
        self.number(64 + usize::from(byte ^ 0x40), 6);
    }

    /// Bytes that stand in the text before: how far before, and how many.
    fn copy(&mut self, distance: usize, count: usize) {
        self.number(191 + distance, 6);
        self.number(count - 1, 0);
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter()
                .rev()
                .fold(0, |byte, bit| byte << 1 | u8::from(*bit))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// Packs a text as a sequence of bytes and of copies of what came before (LZ77), the shortest there is.
fn pack(text: &[u8]) -> Vec<u8> {
    /// How a place is reached with the fewest bits: from where, and how far before the copied bytes stand.
    #[derive(Clone, Copy)]
    struct Way {
        bits: usize,
        from: usize,
        distance: usize,
    }
    let cost = |write: &dyn Fn(&mut Bits)| {
        let mut bits = Bits::default();
        write(&mut bits);
        bits.0.len()
    };
    let mut ways = vec![
        Way {
            bits: usize::MAX,
            from: 0,
            distance: 0
        };
        text.len() + 1
    ];
    ways[0].bits = 0;
    for from in 0..text.len() {
        let mut reach = |to: usize, distance, bits| {
            let bits = ways[from].bits + bits;
            if bits < ways[to].bits {
                ways[to] = Way {
                    bits,
                    from,
                    distance,
                };
            }
        };
        reach(from + 1, 0, cost(&|bits| bits.byte(text[from])));
        // Of all that is copied, the nearest takes the fewest bits.
        let mut longest = 1;
        for distance in 1..=from {
            let pairs = text[from..].iter().zip(&text[from - distance..]);
            let count = pairs.take_while(|(left, right)| left == right).count();
            for count in longest + 1..=count {
                reach(
                    from + count,
                    distance,
                    cost(&|bits| bits.copy(distance, count)),
                );
            }
            longest = longest.max(count);
        }
    }
    let mut steps = Vec::new();
    let mut to = text.len();
    while to > 0 {
        steps.push((to, ways[to]));
        to = ways[to].from;
    }
    let mut bits = Bits::default();
    for (to, Way { from, distance, .. }) in steps.into_iter().rev() {
        match distance {
            0 => bits.byte(text[from]),
            _ => bits.copy(distance, to - from),
        }
    }
    bits.bytes()
}
