//! Random cases: a command line, what is inherited, and what happens then.

use harness::probe;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// True in so many cases of a hundred.
    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// What happens once the init runs.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// So many lines on standard output start with this text, or the init ends.
    Line(String, usize),
    /// The init gets a signal.
    Signal(i32),
    /// All that was sent has come to a `probe report`: it gets a last signal, which is forwarded after all others.
    Fence,
    /// `quit` on standard input.
    Quit,
    /// The end of standard input.
    CloseInput,
    /// The init has taken the signals that it was sent.
    Taken,
    /// The init sleeps and has no child.
    Paused,
}

/// The signal of [`Step::Fence`], the last one that is forwarded.
pub(crate) const FENCE: i32 = 64;

/// What kind of case it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any words.
    Words,
    /// Valid options and a command that says what it inherited.
    Inherited,
    /// Files that can be executed and such that cannot.
    Command,
    /// Signals to a main child that reports them.
    Signals,
    /// A main child that a deadline ends.
    Deadline,
    /// A main child that leaves a process behind.
    Rest,
    /// Orphans.
    Orphans,
    /// No command.
    Pause,
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) as_pid_1: bool,
    /// The name it is started under; `None` for its own.
    pub(crate) name: Option<&'static str>,
    /// Options and command.
    pub(crate) words: Vec<OsString>,
    /// Options of `probe launch`.
    pub(crate) launch: Vec<OsString>,
    /// Signals blocked and ignored on entry.
    pub(crate) mask: (String, String),
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) steps: Vec<Step>,
}

impl Case {
    /// Whether one of the words is this one.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|one| one == word)
    }

    /// Whether the init gets this signal.
    pub(crate) fn sends(&self, signal: i32) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Step::Signal(one) if *one == signal))
    }

    /// The value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        let mut all = self.environment.iter();
        all.find(|(one, _)| *one == name).map(|(_, value)| value)
    }
}

const WORDS: &[&str] = &[
    "-",
    "--",
    "---",
    "--=",
    "-a",
    "-c",
    "-g",
    "-h",
    "-l",
    "-L",
    "-P",
    "-q",
    "-s",
    "-v",
    "-V",
    "-w",
    "-vv",
    "-sg",
    "-cvw",
    "-e",
    "-e3",
    "-e256",
    "-e=3",
    "-p",
    "-p9",
    "-pHUP",
    "-r",
    "-rTERM:QUIT",
    "-rKILL:TERM",
    "-rHUP:0",
    "-rUSR1:RTMIN+3",
    "-rUSR1:RTMAX-3",
    "-t",
    "-t5",
    "-t1m",
    "-t1h",
    "-t25h",
    "-t0",
    "-t1.5",
    "-x",
    "-A",
    "-hP",
    "-gt9s",
    "--group",
    "--wait-all",
    "--single-child",
    "--setsid",
    "--pause",
    "--help",
    "--version",
    "--license",
    "--quiet",
    "--verbose",
    "--subreaper",
    "--warn-on-reap",
    "--remap-exit=7",
    "--remap-exit",
    "--rewrite=15:2",
    "--rewrite",
    "--rewrite=",
    "--log-format=json",
    "--log-format",
    "--stop-delay=2s",
    "--stop-delay",
    "--grace-period=3000ms",
    "--grace-period=1",
    "--parent-death-signal=RTMIN+1",
    "--parent-death-signal=65",
    "--group=yes",
    "--grou",
    "--groups",
    "--gruop",
    "--verbos",
    "--pasue",
    "--stop",
    "--log-format=xml",
    "json",
    "text",
    "15",
    "TERM",
    "USR1:USR2",
    "1500ms",
    "true",
    "",
    "0",
    "-e 3",
    "--log-format=text",
    "-é",
    "--re\nwrite",
    "-\u{1}",
];

/// Options that are valid with every init.
const VALID: &[&[&str]] = &[
    &["-a"],
    &["-c"],
    &["-g"],
    &["-q"],
    &["-s"],
    &["-v"],
    &["-w"],
    &["-vv"],
    &["-sg"],
    &["-cvw"],
    &["-e3"],
    &["-e", "143"],
    &["-e=7"],
    &["--remap-exit", "0"],
    &["--remap-exit=9"],
    &["-pHUP"],
    &["-p9"],
    &["-p", "RTMIN+2"],
    &["-rTERM:QUIT"],
    &["-r", "USR1:USR2"],
    &["--rewrite=HUP:0"],
    &["--rewrite", "40:41"],
    &["-rsigusr2:SIGTERM"],
    &["-rINT:TERM"],
    &["-rTERM:INT"],
    &["-rQUIT:TERM"],
    &["-rWINCH:RTMIN+3"],
    &["--group"],
    &["--setsid"],
    &["--single-child"],
    &["--wait-all"],
    &["--quiet"],
    &["--verbose"],
    &["--subreaper"],
    &["--warn-on-reap"],
    &["--log-format=json"],
    &["--log-format", "text"],
    &["-t60"],
    &["-t", "60s"],
    &["--grace-period=2m"],
    &["--grace-period", "90000ms"],
];

const NAMES: &[&str] = &[
    "pidling",
    "/sbin/tini",
    "docker-init",
    "/a/dumb-init",
    "dumb-init",
    "tini-static",
    "catatonit",
];

/// The numbers that a main child can be sent without its stopping or dying of it, where it reports.
fn any_signal(random: &mut Random) -> i32 {
    loop {
        let signal = 1 + i32::try_from(random.below(63)).unwrap();
        if !matches!(signal, libc::SIGKILL | libc::SIGSTOP | libc::SIGCHLD) {
            return signal;
        }
    }
}

impl Case {
    /// The case with this number under this seed. The files of [`super::files`] are in the directory.
    pub(crate) fn new(seed: u64, number: usize, files: &Path) -> Self {
        let mut random = Random(seed ^ (number as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        let kind = match random.below(100) {
            0..28 => Kind::Words,
            28..45 => Kind::Inherited,
            45..62 => Kind::Command,
            62..84 => Kind::Signals,
            84..89 => Kind::Deadline,
            89..93 => Kind::Rest,
            93..96 => Kind::Orphans,
            _ => Kind::Pause,
        };
        let mut case = Self {
            kind,
            as_pid_1: random.percent(40),
            name: random.percent(15).then(|| random.pick(NAMES)),
            words: Vec::new(),
            launch: Vec::new(),
            mask: (String::new(), String::new()),
            environment: Vec::new(),
            steps: Vec::new(),
        };
        if random.percent(70) {
            case.push(&["-vv", "--log-format", "json"]);
        } else if random.percent(50) {
            case.push(&["-vv"]);
        }
        case.add_variables(&mut random);
        match kind {
            Kind::Words => case.any_words(&mut random),
            Kind::Inherited => case.inherited(&mut random),
            Kind::Command => case.command(&mut random, files),
            Kind::Signals => case.signals(&mut random),
            Kind::Deadline => case.deadline(&mut random),
            Kind::Rest => case.rest(&mut random),
            Kind::Orphans => {
                case.valid_options(&mut random, 2);
                let count = random.pick(&["0", "1", "5", "40"]);
                case.probe(&["orphans", count, "4"]);
                case.steps = vec![Step::Line("ready ".into(), 1), Step::CloseInput];
            }
            Kind::Pause => {
                case.push(&[random.pick(&["-P", "--pause"])]);
                case.valid_options(&mut random, 2);
                case.steps.push(Step::Paused);
                case.steps
                    .push(Step::Signal(random.pick(&[10, 12, 34, 64])));
                case.steps.push(Step::Taken);
                if random.percent(20) {
                    case.steps.push(Step::Signal(libc::SIGQUIT));
                    case.steps.push(Step::Taken);
                }
                case.steps
                    .push(Step::Signal(random.pick(&[libc::SIGTERM, libc::SIGINT])));
                // Where the first is dropped or rewritten.
                case.steps
                    .extend([Step::Signal(libc::SIGTERM), Step::Signal(libc::SIGINT)]);
            }
        }
        case
    }

    fn push(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(Into::into));
    }

    fn probe(&mut self, words: &[&str]) {
        self.push(&["--"]);
        self.words.push(probe().into());
        self.push(words);
    }

    fn valid_options(&mut self, random: &mut Random, most: usize) {
        for _ in 0..random.below(most + 1) {
            self.push(random.pick(VALID));
        }
    }

    fn add_variables(&mut self, random: &mut Random) {
        let values = ["", "0", "1", "2", "3", "7", "-1", "x", "4294967296"];
        for name in [
            "TINI_SUBREAPER",
            "TINI_KILL_PROCESS_GROUP",
            "TINI_VERBOSITY",
            "DUMB_INIT_SETSID",
            "DUMB_INIT_DEBUG",
        ] {
            if random.percent(4) {
                self.environment.push((name, random.pick(&values).into()));
            }
        }
        if random.percent(12) {
            let words: Vec<&str> = (0..=random.below(3))
                .flat_map(|_| random.pick(VALID).iter().copied())
                .collect();
            let text = words.join(random.pick(&[" ", "\t", "\n ", "  "]));
            let text = if self.kind == Kind::Words && random.percent(30) {
                format!("{text} {}", random.pick(WORDS))
            } else {
                text
            };
            self.environment.push(("PIDLING_OPTIONS", text.into()));
        }
    }

    fn inherit(&mut self, random: &mut Random) {
        let lists = [
            "",
            "",
            "TERM",
            "INT,QUIT",
            "CHLD",
            "USR1,34,63",
            "all",
            "PIPE,HUP",
        ];
        self.mask = (random.pick(&lists).into(), random.pick(&lists).into());
        let options: &[&[&str]] = &[
            &["--umask", "7"],
            &["--nice", "3"],
            &["--descriptor", "3"],
            &["--descriptor", "9"],
            &["--limit", "nofile=77"],
            &["--limit", "core=0"],
            &["--limit", "stack=1048576"],
            &["--env", "=nameless"],
            &["--env", "PIDLING_OPTIONS=-g"],
            &["--env", "LISTEN_FDS=1"],
            &["--env", "LISTEN_PID=77"],
            &["--env", "LISTEN_PIDFDID=12345"],
            &["--env-pid", "LISTEN_PID"],
            &["--env-pid", "LISTEN_PID"],
            &["--env-pid", "WATCHDOG_PID"],
            &["--env-pid", "SYSTEMD_EXEC_PID"],
            &["--env-pid", "MY_PID"],
            &["--no-new-privileges"],
        ];
        for _ in 0..random.below(4) {
            self.launch
                .extend(random.pick(options).iter().map(Into::into));
        }
    }

    fn any_words(&mut self, random: &mut Random) {
        for _ in 0..random.below(5) {
            if random.percent(15) {
                let letters = b"aceghlpqrstvwLPVx=-0 9:";
                let mut word = vec![b'-'];
                word.extend((0..random.below(6)).map(|_| random.pick(letters)));
                self.words.push(OsString::from_vec(word));
            } else {
                self.push(&[random.pick(WORDS)]);
            }
        }
        if random.percent(85) {
            self.probe(&["seen", "exit:3", "word"]);
        }
        // It may be one that pauses.
        self.steps = vec![
            Step::Paused,
            Step::Signal(libc::SIGTERM),
            Step::Signal(libc::SIGINT),
        ];
    }

    fn inherited(&mut self, random: &mut Random) {
        self.inherit(random);
        self.valid_options(random, 4);
        if random.percent(15) {
            let script = "while read l; do case $l in SigBlk*|SigIgn*) echo $l;; esac; done </proc/self/status; exit 9";
            self.push(&["sh", "-c", script]);
            if random.percent(30) {
                self.launch
                    .extend(["--close", random.pick(&["0", "2"])].map(Into::into));
            }
            return;
        }
        let end = match random.below(10) {
            0..6 => format!("exit:{}", random.pick(&[0, 1, 3, 7, 9, 126, 127, 143, 255])),
            _ => format!("die:{}", 1 + random.below(63)),
        };
        // Those that stop it, and SIGCHLD and the others that do nothing to it, leave it alive; it says so.
        let end = if ["die:19", "die:20", "die:21", "die:22"].contains(&end.as_str()) {
            "die:9".to_owned()
        } else {
            end
        };
        self.probe(&["seen", &end, "", "a word", "-v", "--", "\u{7f}é\n"]);
    }

    fn command(&mut self, random: &mut Random, files: &Path) {
        self.valid_options(random, 2);
        if random.percent(60) {
            self.push(&["--"]);
        }
        let names = [
            "noexec",
            "script",
            "bare",
            "empty",
            "crlf",
            "nointerp",
            "truncated",
            "machine",
            "noloader",
            "dir",
            "loop",
            "missing",
            "script/x",
            "blank",
            "arguments",
        ];
        let name = random.pick(&names);
        let files = files.to_str().unwrap();
        match random.below(10) {
            0..4 => self.push(&[&format!("{files}/{name}")]),
            4..8 => {
                let paths = [
                    String::new(),
                    ":".into(),
                    files.into(),
                    format!("/nowhere:{files}"),
                    format!("{files}/noexecs:{files}"),
                    format!("{files}/script:{files}"),
                    format!("/usr/bin:{files}/noexecs"),
                    format!(":{files}:"),
                    format!("/{}:{files}", "x".repeat(5000)),
                ];
                let path = paths[random.below(paths.len())].clone();
                self.environment.push(("PATH", path.into()));
                self.push(&[name]);
            }
            _ => self.push(&[random.pick(&[
                "",
                "no such word",
                "-x",
                "--",
                "nosuch",
                "./nosuch",
                "/",
                ".",
                "sh -c true",
            ])]),
        }
        self.push(&["one", ""]);
    }

    fn signals(&mut self, random: &mut Random) {
        if random.percent(20) {
            self.inherit(random);
        }
        self.valid_options(random, 3);
        self.probe(&["seen", random.pick(&["report:0", "report:5", "report:143"])]);
        self.steps.push(Step::Line("ready ".into(), 1));
        // Under that name these stop the init too.
        let is_dumb_init = self.name.is_some_and(|name| name.ends_with("dumb-init"));
        for _ in 0..=random.below(4) {
            let signal = if random.percent(35) {
                random.pick(&[
                    libc::SIGTERM,
                    libc::SIGINT,
                    libc::SIGQUIT,
                    libc::SIGHUP,
                    libc::SIGUSR1,
                ])
            } else {
                any_signal(random)
            };
            if !(is_dumb_init && matches!(signal, libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU)) {
                self.steps.extend([Step::Signal(signal), Step::Fence]);
            }
        }
        self.steps.push(Step::Quit);
    }

    fn deadline(&mut self, random: &mut Random) {
        self.valid_options(random, 2);
        self.push(&[random.pick(&["-t200ms", "--grace-period=200ms"])]);
        if random.percent(25) {
            self.push(&["--stop-delay", "100ms"]);
        }
        let step = random.pick(&["ignore:TERM", "block:TERM", "catch:TERM", "stop"]);
        self.probe(&["app", "A", step, "ignore:INT", "ignore:QUIT"]);
        self.steps = vec![Step::Line("A ready".into(), 1), Step::Signal(libc::SIGTERM)];
    }

    fn rest(&mut self, random: &mut Random) {
        self.valid_options(random, 2);
        if random.percent(70) {
            self.push(&["-a"]);
        }
        self.push(&["-t300ms"]);
        let daemon = random.pick(&["ignore:TERM", "catch:USR1"]);
        let session = random.pick(&["", "setsid "]);
        // The shell ignores SIGINT for what it puts into the background; the app has its default back.
        let script = format!(
            "{session}\"$0\" app D {daemon} ignore:INT ignore:QUIT & exec \"$0\" app A report exit:TERM:5 exit:INT:5"
        );
        self.push(&["--", "sh", "-c", &script]);
        self.words.push(probe().into());
        self.steps = vec![
            Step::Line("A ready".into(), 1),
            Step::Line("D ready".into(), 1),
            Step::Signal(libc::SIGTERM),
            Step::CloseInput,
        ];
    }
}
