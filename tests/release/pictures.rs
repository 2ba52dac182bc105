//! The pictures of the documents: `UPDATE=1 cargo test --release --test release pictures` draws them.

use std::fmt::Write as _;
use std::path::Path;

// All lengths are in pixels.
const WIDTH: usize = 830;

/// The picture brings its own page, so that it is readable whatever the page around it looks like.
const STYLE: &str = "\
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; }
.head { font-size: 16px; font-weight: 600; }
.strong { font-weight: 600; }
.code { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: 11px; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.page { fill: #ffffff; stroke: #d1d9e0; }
.init { fill: #b6d7ff; stroke: #1f6feb; }
.process { fill: #d3dae2; stroke: #818b98; }
.line { fill: none; stroke: #59636e; }
.signal { fill: none; stroke: #0969da; stroke-width: 1.5; }
.signal-tip, .signal-words { fill: #0969da; }
.lost { fill: none; stroke: #d1242f; stroke-width: 1.5; stroke-dasharray: 4 3; }
.lost-words { fill: #d1242f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .page { fill: #0d1117; stroke: #3d444d; }
  .init { fill: #1a3e70; stroke: #4493f8; }
  .process { fill: #2f3742; stroke: #8b949e; }
  .line { stroke: #9198a1; }
  .signal { stroke: #58a6ff; }
  .signal-tip, .signal-words { fill: #58a6ff; }
  .lost { stroke: #ff7b72; }
  .lost-words { fill: #ff7b72; }
}
";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A picture while it is drawn.
struct Picture(String);

impl Picture {
    fn new(height: usize, title: &str) -> Self {
        let mut this = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n"
        ));
        this.rectangle("page", (0, WIDTH - 1), (0, height - 1));
        this.words("head", 16, 28, title);
        this
    }

    /// Words, with the base line at `y`.
    fn words(&mut self, class: &str, x: usize, y: usize, words: &str) {
        let words = escape(words);
        let _ = writeln!(
            self.0,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>"
        );
    }

    /// A rectangle from one `x` and `y` to another.
    fn rectangle(&mut self, class: &str, x: (usize, usize), y: (usize, usize)) {
        let (width, height) = (x.1 - x.0, y.1 - y.0);
        let _ = writeln!(
            self.0,
            "<rect class=\"{class}\" x=\"{}.5\" y=\"{}.5\" width=\"{width}\" height=\"{height}\" rx=\"3\"/>",
            x.0, y.0
        );
    }

    fn path(&mut self, class: &str, path: &str) {
        let _ = writeln!(self.0, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// An arrow down.
    fn down(&mut self, x: usize, y: (usize, usize)) {
        self.path("signal", &format!("M{x} {}V{}", y.0, y.1 - 6));
        self.path(
            "signal-tip",
            &format!("M{} {}h8l-4 8z", x - 4, y.1.saturating_sub(8)),
        );
    }

    /// An arrow to the right.
    fn right(&mut self, x: (usize, usize), y: usize) {
        self.path("signal", &format!("M{} {y}H{}", x.0, x.1 - 6));
        self.path("signal-tip", &format!("M{} {}v8l8 -4z", x.1 - 8, y - 4));
    }

    /// A length with an end mark on both sides, and words over its middle.
    fn span(&mut self, x: (usize, usize), y: usize, words: &str) {
        self.path("line", &format!("M{} {}v8m0 -4H{}m0 -4v8", x.0, y - 4, x.1));
        self.words("code middle", usize::midpoint(x.0, x.1), y - 6, words);
    }

    fn end(self) -> String {
        self.0 + "</svg>\n"
    }
}

/// A shutdown of an example: the stop delay, a step of the ladder, the wait for the rest and the deadline.
fn time_line() -> String {
    // When things happen, in seconds.
    const DELAY: usize = 5;
    const STEP: usize = 20;
    const CHILD_DIES: usize = 22;
    const REST_DIES: usize = 25;
    const PLATFORM: usize = 30;
    const DEADLINE: usize = PLATFORM - 2;
    // The upper edges of the bars, and their height.
    const INIT: usize = 92;
    const CHILD: usize = 168;
    const REST: usize = 244;
    const DEEP: usize = 28;
    // Where the spans begin.
    const SPANS: usize = 308;
    const BOTTOM: usize = 414;
    let at = |second: usize| 124 + second * 22;
    // Everybody runs before the stop signal.
    let before = at(0) - 28;

    let mut picture = Picture::new(440, "The time line of a shutdown");
    for (name, class, y, parts) in [
        ("pidling", "init", INIT, &[(before, at(REST_DIES), "")][..]),
        (
            "main child",
            "process",
            CHILD,
            &[
                (before, at(DELAY), "serves on"),
                (at(DELAY), at(CHILD_DIES), "finishes its work"),
            ],
        ),
        (
            "the rest",
            "process",
            REST,
            &[
                (before, at(CHILD_DIES), "goes on"),
                (at(CHILD_DIES), at(REST_DIES), "finishes"),
            ],
        ),
    ] {
        picture.words("strong end", before - 10, y + 18, name);
        for (from, to, words) in parts {
            picture.rectangle(class, (*from, *to), (y, y + DEEP));
            picture.words("middle", usize::midpoint(*from, *to), y + 18, words);
        }
    }
    picture.words(
        "middle",
        usize::midpoint(at(0), at(DELAY)),
        INIT + 18,
        "holds it back",
    );
    picture.words("", at(REST_DIES) + 8, INIT + 18, "exits");

    for (second, from, to, words, class, x, y) in [
        (0, INIT - 30, INIT, "SIGTERM", "", 8, INIT - 14),
        (DELAY, INIT + DEEP, CHILD, "SIGTERM", "", 8, CHILD - 20),
        (STEP, INIT + DEEP, CHILD, "SIGQUIT", "end", 0, CHILD - 20),
        (CHILD_DIES, INIT + DEEP, REST, "SIGTERM", "", 8, REST - 20),
    ] {
        picture.down(at(second), (from, to));
        let x = if class.is_empty() {
            at(second) + x
        } else {
            at(second) - 8
        };
        picture.words(&format!("signal-words {class}"), x, y, words);
    }
    for (second, top, words) in [
        (DEADLINE, 62, "the deadline: SIGKILL to all that is left"),
        (PLATFORM, 40, "the platform’s SIGKILL"),
    ] {
        picture.path("lost", &format!("M{} {top}V{BOTTOM}", at(second)));
        picture.words("lost-words end", at(second) - 6, top + 8, words);
    }

    for (row, from, to, words) in [
        (0, 0, DELAY, "--stop-delay 5s"),
        (0, CHILD_DIES, REST_DIES, "--wait-all"),
        (1, 0, STEP, "--escalate 20s:QUIT"),
        (2, 0, DEADLINE, "--grace-period 28s"),
        (3, 0, PLATFORM, "docker stop -t 30"),
    ] {
        picture.span((at(from), at(to)), SPANS + row * 28, words);
    }
    for second in [0, DELAY, STEP, CHILD_DIES, REST_DIES, DEADLINE, PLATFORM] {
        picture.words("middle", at(second), BOTTOM + 16, &format!("{second} s"));
    }
    picture.end()
}

/// A way to start a program, and what a stop signal does then.
struct Way {
    title: &'static str,
    /// What the Dockerfile says.
    says: &'static str,
    /// Parent and child from left to right, each with what it does.
    processes: &'static [(&'static str, &'static str)],
    /// Whether the last process never gets the signal.
    is_lost: bool,
    /// Whether the last process gets a signal of its own from the first.
    is_asked: bool,
    result: [&'static str; 2],
}

const WAYS: [Way; 4] = [
    Way {
        title: "No init",
        says: "CMD app arg",
        processes: &[("sh", "drops it, as PID 1"), ("app", "never gets it")],
        is_lost: true,
        is_asked: false,
        result: ["SIGKILL to all after 10 s", "status 137"],
    },
    Way {
        title: "An init",
        says: "ENTRYPOINT [\"/pidling\", \"--\"]  CMD app arg",
        processes: &[
            ("pidling", "forwards it"),
            ("sh", "dies of it"),
            ("app", "never gets it"),
        ],
        is_lost: true,
        is_asked: false,
        result: ["ends at once, app is cut off", "status 143"],
    },
    Way {
        title: "An init that waits",
        says: "ENTRYPOINT [\"/pidling\", \"--wait-all\", \"--\"]  CMD app arg",
        processes: &[
            ("pidling", "forwards it"),
            ("sh", "dies of it"),
            ("app", "finishes its work"),
        ],
        is_lost: false,
        is_asked: true,
        result: ["ends when app is done", "status 143"],
    },
    Way {
        title: "An init and no shell",
        says: "ENTRYPOINT [\"/pidling\", \"--\"]  CMD [\"app\", \"arg\"]",
        processes: &[("pidling", "forwards it"), ("app", "finishes its work")],
        is_lost: false,
        is_asked: false,
        result: ["ends when app is done", "app’s own status"],
    },
];

/// What becomes of SIGTERM where a shell stands between, without and with an init.
fn shell_form() -> String {
    const COLUMNS: [usize; 3] = [116, 304, 492];
    const WIDE: usize = 110;
    const DEEP: usize = 30;
    const TOP: usize = 42;
    const HIGH: usize = 112;
    let mut picture = Picture::new(TOP + WAYS.len() * HIGH, "docker stop sends SIGTERM");
    for (index, way) in WAYS.iter().enumerate() {
        let top = TOP + index * HIGH;
        if index > 0 {
            picture.path("line", &format!("M16 {top}.5H{}", WIDTH - 16));
        }
        picture.words("strong", 16, top + 22, way.title);
        picture.words("code", 170, top + 22, way.says);
        let y = top + 50;
        let last = way.processes.len() - 1;
        for (column, (name, does)) in way.processes.iter().enumerate() {
            let x = COLUMNS[column];
            let class = if *name == "pidling" {
                "init"
            } else {
                "process"
            };
            picture.rectangle(class, (x, x + WIDE), (y, y + DEEP));
            picture.words("strong middle", x + WIDE / 2, y + 20, name);
            picture.words("middle", x + WIDE / 2, y + DEEP + 17, does);
            let (from, to) = (x - 72, x - 6);
            if column < last || !(way.is_lost || way.is_asked) {
                picture.right((from, to), y + 15);
                picture.words("signal-words middle", x - 40, y + 8, "SIGTERM");
            } else if way.is_lost {
                picture.path("lost", &format!("M{from} {}H{to}", y + 15));
            } else {
                let from = COLUMNS[0] + WIDE / 2;
                let to = x + WIDE / 2;
                picture.path("signal", &format!("M{from} {y}V{}H{to}", y - 12));
                picture.down(to, (y - 12, y));
                picture.words("signal-words middle", x - 40, y + 10, "then");
                picture.words("signal-words middle", x - 40, y + 25, "SIGTERM");
            }
        }
        for (line, y) in way.result.iter().zip([y + 12, y + 30]) {
            picture.words("strong end", WIDTH - 16, y, line);
        }
    }
    picture.end()
}

/// Holds that a file is what was drawn; UPDATE=1 writes it.
#[track_caller]
fn check(file: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(&path, drawn).expect("the picture can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let hint = "UPDATE=1 cargo test --release --test release pictures draws it";
    assert!(found == drawn, "{file}: {hint}");
}

#[test]
fn the_time_line_is_as_it_is_drawn() {
    check("docs/shutdown.svg", &time_line());
}

#[test]
fn the_picture_of_the_shell_form_is_as_it_is_drawn() {
    check("docs/shell-form.svg", &shell_form());
}
