//! The log: its levels, its two formats, and what it does when nobody takes its lines (contract 8).

use crate::placed::{Place, Tracer};
use crate::shutdown::script;
use harness::{
    Init, LIMIT, Limit, emulator_lacks, eventually, kernel_lacks, probe, require_namespaces,
    require_strace,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The process id in a line `ready PID`.
fn pid_in(line: &str) -> &str {
    line.strip_prefix("ready ").unwrap()
}

#[test]
fn verbose_tells_the_life_of_the_main_child() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    for (options, target) in [(&["-v"][..], "process"), (&["-v", "-g"], "process group")] {
        let mut running = Init::new()
            .args(options)
            .probe(["report", "--count", "2", "--status", "3"])
            .spawn();
        let ready = running.wait_line("ready ");
        let pid = pid_in(&ready);
        for signal in [libc::SIGUSR1, 40] {
            running.signal(signal);
            let _ = running.wait_line("got ");
        }
        let output = running.wait();
        output.expect_status(3);
        output.expect_stderr(&format!(
            "pidling: started '{}' as process {pid}\n\
             pidling: forwarded SIGUSR1 to {target} {pid}\n\
             pidling: forwarded SIGRTMIN+6 to {target} {pid}\n\
             pidling: main child {pid} exited with status 3\n\
             pidling: exiting with status 3\n",
            probe().display()
        ));
    }
}

#[test]
fn verbose_tells_how_long_a_shutdown_took() {
    let mut running = Init::new()
        .arg("-v")
        .probe(["report", "--count", "1"])
        .spawn();
    let ready = running.wait_line("ready ");
    let pid = pid_in(&ready);
    running.signal(libc::SIGTERM);
    let output = running.wait();
    output.expect_status(0);
    let stderr = output.stderr();
    let lines: Vec<&str> = stderr.lines().collect();
    let took = lines.get(4).and_then(|line| {
        let (seconds, milliseconds) = line
            .strip_prefix("pidling: shutdown took ")?
            .strip_suffix(" s")?
            .split_once('.')?;
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (is_digits(seconds) && is_digits(milliseconds) && milliseconds.len() == 3)
            .then(|| seconds.parse::<u64>().unwrap() * 1000 + milliseconds.parse::<u64>().unwrap())
    });
    let took = took.unwrap_or_else(|| panic!("{output}"));
    assert!(u128::from(took) <= output.elapsed.as_millis(), "{output}");
    assert_eq!(
        [&lines[1..4], &lines[5..]].concat(),
        [
            "pidling: shutdown began with SIGTERM".to_owned(),
            format!("pidling: forwarded SIGTERM to process {pid}"),
            format!("pidling: main child {pid} exited with status 0"),
            "pidling: exiting with status 0".to_owned(),
        ],
        "{output}"
    );
}

#[test]
fn verbose_tells_which_signal_killed_the_main_child() {
    let output = Init::new()
        .arg("-v")
        .args(["--", "sh", "-c", "echo $$; kill -TERM $$"])
        .run();
    let stdout = output.stdout();
    let pid = stdout.trim();
    output.expect(
        143,
        &stdout,
        &format!(
            "pidling: started 'sh' as process {pid}\n\
             pidling: main child {pid} was killed by SIGTERM\n\
             pidling: exiting with status 143\n"
        ),
    );
}

/// One line for each reap, each dropped signal and each failure that changes nothing. The shell that starts the orphan does
/// nothing afterwards, in which it could reap it.
#[test]
fn twice_verbose_tells_everything() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let mut running = Init::new()
        .args(["-vv", "-r", "HUP:0"])
        .args(["--", "sh", "-c"])
        .arg("(sh -c 'echo orphan $$' &); cat; exit 4")
        .spawn();
    let line = running.wait_line("orphan ");
    let orphan = line.strip_prefix("orphan ").unwrap();
    let _ = running.wait_stderr_line(&format!("pidling: reaped process {orphan}"));
    let child = running.main_child_pid();
    running.signal(libc::SIGHUP);
    let _ = running.wait_stderr_line("pidling: dropped SIGHUP");
    running.close_stdin();
    let output = running.wait();
    output.expect_status(4);
    output.expect_stderr(&format!(
        "pidling: started 'sh' as process {child}\n\
         pidling: reaped process {orphan}\n\
         pidling: dropped SIGHUP: rewritten to 0\n\
         pidling: main child {child} exited with status 4\n\
         pidling: exiting with status 4\n"
    ));
}

/// Seconds since 1970 of a date in UTC, by counting.
fn seconds_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let lengths = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let years: u64 = (1970..year)
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    let months: u64 = lengths
        .iter()
        .take(usize::try_from(month).unwrap() - 1)
        .sum();
    (years + months + day - 1) * 86400
}

/// Milliseconds since 1970 of a time as RFC 3339 has it, in UTC.
fn milliseconds_since_1970(time: &str) -> u64 {
    let number = |start: usize, length: usize| -> u64 {
        let digits = &time[start..start + length];
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{time}");
        digits.parse().unwrap()
    };
    let punctuation: String = time.chars().filter(|one| !one.is_ascii_digit()).collect();
    assert_eq!(
        (punctuation.as_str(), time.len()),
        ("--T::.Z", 24),
        "{time}"
    );
    let (hour, minute, second) = (number(11, 2), number(14, 2), number(17, 2));
    let date = seconds_since_1970(number(0, 4), number(5, 2), number(8, 2));
    (date + (hour * 60 + minute) * 60 + second) * 1000 + number(20, 3)
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

/// The objects of a log, without their times, which are in order and within the run.
#[track_caller]
fn objects(stderr: &str, before: u64) -> Vec<Value> {
    let mut last = before;
    stderr
        .lines()
        .map(|line| {
            let mut object: Value = serde_json::from_str(line).unwrap();
            let time = object.as_object_mut().unwrap().remove("time").unwrap();
            let time = milliseconds_since_1970(time.as_str().unwrap());
            assert!(last <= time && time <= now(), "{line}");
            last = time;
            assert!(line.starts_with("{\"time\":\""), "{line}");
            object
        })
        .collect()
}

#[test]
fn json_tells_the_same_as_text() {
    if emulator_lacks(Limit::ChildSubreaper) {
        return;
    }
    let before = now();
    let mut running = Init::new()
        .args(["-vv", "--log-format", "json", "-r", "HUP:0"])
        .args(["--", "sh", "-c"])
        .arg("(sh -c 'echo orphan $$' &); trap 'exit 5' TERM; while :; do read line; done")
        .spawn();
    let line = running.wait_line("orphan ");
    let orphan: i32 = line.strip_prefix("orphan ").unwrap().parse().unwrap();
    assert!(eventually(LIMIT, || running
        .stderr_so_far()
        .contains("\"reaped\"")));
    let child = running.main_child_pid();
    running.signal(libc::SIGHUP);
    assert!(eventually(LIMIT, || running
        .stderr_so_far()
        .contains("\"SIGHUP\"")));
    running.signal(libc::SIGTERM);
    let output = running.wait();
    output.expect_status(5);
    let mut objects = objects(&output.stderr(), before);
    let took = objects[6]["elapsed_ms"].take();
    assert!(u128::from(took.as_u64().unwrap()) <= output.elapsed.as_millis());
    let expected = [
        format!(r#"{{"level":"info","event":"started","command":"sh","pid":{child}}}"#),
        format!(r#"{{"level":"debug","event":"reaped","pid":{orphan}}}"#),
        r#"{"level":"debug","event":"signal_dropped","signal":"SIGHUP","reason":"rewritten to 0"}"#
            .to_owned(),
        r#"{"level":"info","event":"shutdown_began","signal":"SIGTERM"}"#.to_owned(),
        format!(
            r#"{{"level":"info","event":"signal_forwarded","signal":"SIGTERM","pid":{child}}}"#
        ),
        format!(r#"{{"level":"info","event":"main_child_ended","pid":{child},"status":5}}"#),
        r#"{"level":"info","event":"shutdown_took","elapsed_ms":null}"#.to_owned(),
        r#"{"level":"info","event":"exit","status":5}"#.to_owned(),
    ];
    let expected = expected.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    assert_eq!(objects, expected, "{output}");
}

/// Contract 8.3: every byte a command can hold, each as the character with its number.
#[test]
fn json_escapes_every_byte_of_a_command() {
    let all: Vec<u8> = (1..=255).collect();
    for bytes in all.chunks(32) {
        let bytes = [b"/no/", bytes].concat();
        let before = now();
        let output = Init::new()
            .args(["--log-format=json", "--"])
            .arg(OsStr::from_bytes(&bytes))
            .run();
        output.expect_status(127);
        let stderr = output.stderr();
        let line = stderr.trim_end().bytes();
        assert!(
            line.into_iter().all(|byte| (b' '..=b'~').contains(&byte)),
            "{output}"
        );
        let objects = objects(&stderr, before);
        let command: String = bytes.into_iter().map(char::from).collect();
        assert_eq!(objects.len(), 1);
        assert_eq!(objects[0]["command"], Value::from(command));
        assert_eq!(objects[0]["error"], Value::from("ENOENT"));
    }
}

/// Contract 8.4: a line is at most 1,024 bytes; what is cut is marked, and what follows is there.
#[test]
fn a_long_word_is_cut_so_that_the_line_is_whole() {
    for filler in ["x", "\x07", "\\", "\""] {
        for length in [700, 770, 780, 790, 800, 900, 1000, 1100, 4000, 100_000] {
            let command = format!("/no/{}", filler.repeat(length));
            let reason = if command.len() < 4096 {
                "ENOENT (no such file or directory)"
            } else {
                "ENAMETOOLONG (file name too long)"
            };
            let text = Init::new().args(["--", &command]).run();
            let stderr = text.stderr();
            assert!(stderr.len() <= 1024, "{text}");
            assert!(
                stderr.starts_with("pidling: error: cannot execute '/no/"),
                "{text}"
            );
            assert!(stderr.ends_with(&format!("': {reason}\n")), "{text}");
            assert_eq!(stderr.matches('\n').count(), 1, "{text}");
            if length > 1000 {
                assert!(stderr.ends_with(&format!("...': {reason}\n")), "{text}");
            }
            let before = now();
            let json = Init::new()
                .args(["--log-format=json", "--", &command])
                .run();
            assert!(json.stderr.len() <= 1024, "{json}");
            let objects = objects(&json.stderr(), before);
            let said = objects[0]["command"].as_str().unwrap();
            let whole = said.strip_suffix("...").unwrap_or(said);
            assert!(command.starts_with(whole), "{json}");
            assert!(said == command || said.ends_with("..."), "{json}");
        }
    }
}

#[test]
fn one_line_is_one_write() {
    if kernel_lacks("pwritev2(2)") {
        return;
    }
    if !require_strace() {
        return;
    }
    let log = std::env::temp_dir().join(format!("pidling-writes-{}", std::process::id()));
    let mut running = Init::new()
        .traced(["-s", "2000", "-e", "trace=write,writev,pwritev2", "-o"])
        .traced([&log])
        .args(["-vv"])
        .probe(["report", "--count", "3"])
        .spawn();
    let _ = running.wait_line("ready");
    for _ in 0..3 {
        running.signal(libc::SIGUSR1);
        let _ = running.wait_line("got ");
    }
    let output = running.wait();
    output.expect_status(0);
    assert!(eventually(LIMIT, || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.contains("exiting with status 0")
    }));
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let writes = text.lines().filter(|line| line.contains("pidling: "));
    let whole = writes.filter(|line| {
        line.matches("pidling: ").count() == 1 && line.matches("\\n\"").count() == 1
    });
    assert_eq!(whole.count(), output.stderr().lines().count(), "{text}");
}

/// A pipe that is full, and its other end.
fn full_pipe() -> (File, OwnedFd) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let flags = |flags| fcntl(&writer, FcntlArg::F_SETFL(flags)).unwrap();
    let _ = flags(OFlag::O_NONBLOCK);
    let mut filler = File::from(writer.try_clone().unwrap());
    while filler.write(&[b'.'; 4096]).is_ok() {}
    while filler.write(b".").is_ok() {}
    // It shares the open file with whoever inherits it.
    let _ = flags(OFlag::empty());
    (File::from(reader), writer)
}

/// Takes what fills a pipe.
fn drain(reader: &mut File) {
    let size = fcntl(&*reader, FcntlArg::F_GETPIPE_SZ).unwrap();
    let mut filler = vec![0; size.try_into().unwrap()];
    reader.read_exact(&mut filler).unwrap();
    assert!(filler.iter().all(|byte| *byte == b'.'));
}

const VERBOSITIES: [&[&str]; 6] = [
    &["-q"],
    &["-w"],
    &["-v"],
    &["-vvw"],
    &["-vv", "--log-format=json"],
    &["-vv", "-g", "-a"],
];

/// Signals, an orphan and the end, all with something to say about.
#[track_caller]
fn check_life_goes_on(stderr: impl Into<OwnedFd>, options: &[&str]) {
    let script = format!(
        "(true &); exec {} report --count 5 --status 3",
        probe().display()
    );
    let mut running = Init::new()
        .stderr(stderr)
        .args(options)
        .args(["--", "sh", "-c", &script])
        .spawn();
    let _ = running.wait_line("ready");
    for signal in [
        libc::SIGUSR1,
        libc::SIGPIPE,
        64,
        libc::SIGHUP,
        libc::SIGTERM,
    ] {
        running.signal(signal);
        let _ = running.wait_line("got ");
    }
    running.wait().expect_status(3);
}

#[test]
fn a_full_pipe_never_holds_the_init_up() {
    for options in VERBOSITIES {
        let (_reader, writer) = full_pipe();
        check_life_goes_on(writer, options);
    }
}

#[test]
fn a_pipe_without_a_reader_never_ends_the_init() {
    for options in VERBOSITIES {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        drop(reader);
        check_life_goes_on(writer, options);
    }
}

#[test]
fn a_full_disk_never_ends_the_init() {
    for options in VERBOSITIES {
        let full = File::options().write(true).open("/dev/full").unwrap();
        check_life_goes_on(full, options);
    }
}

/// Standard error that can only be read.
#[test]
fn a_standard_error_that_cannot_be_written_never_ends_the_init() {
    for options in VERBOSITIES {
        check_life_goes_on(File::open("/dev/null").unwrap(), options);
    }
}

#[test]
fn a_socket_nobody_reads_never_holds_the_init_up() {
    for options in VERBOSITIES {
        let (_reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        while writer.write(&[b'.'; 4096]).is_ok() {}
        while writer.write(b".").is_ok() {}
        writer.set_nonblocking(false).unwrap();
        check_life_goes_on(writer, options);
    }
}

/// A failed start says so or not, but it does not hang, and the status is the same.
#[test]
fn a_failed_start_ends_with_its_status_even_when_nobody_hears_why() {
    for words in [&["--", "no-such-command"][..], &["-vv", "no-such-command"]] {
        let (_reader, writer) = full_pipe();
        Init::new()
            .stderr(writer)
            .args(words)
            .run()
            .expect_status(127);
        let (reader, writer) = nix::unistd::pipe().unwrap();
        drop(reader);
        Init::new()
            .stderr(writer)
            .args(words)
            .run()
            .expect_status(127);
    }
    let (_reader, writer) = full_pipe();
    Init::new()
        .stderr(writer)
        .arg("--no-such")
        .run()
        .expect_status(125);
}

/// Contract 8.4: what did not fit is counted in the next line that does.
#[test]
fn lines_that_were_dropped_are_counted_in_the_next_one() {
    for format in ["text", "json"] {
        let (mut reader, writer) = full_pipe();
        let mut running = Init::new()
            .stderr(writer)
            .args(["-v", "--log-format", format])
            .probe(["report", "--count", "5"])
            .spawn();
        let ready = running.wait_line("ready ");
        let pid = pid_in(&ready);
        for _ in 0..3 {
            running.signal(libc::SIGUSR1);
            let _ = running.wait_line("got SIGUSR1 ");
        }
        // The init writes its line after it has forwarded the signal: it is done when it sleeps.
        assert!(eventually(LIMIT, || running.init_status().state() == 'S'));
        drain(&mut reader);
        for _ in 0..2 {
            running.signal(libc::SIGUSR2);
            let _ = running.wait_line("got SIGUSR2 ");
        }
        running.wait().expect_status(0);
        let mut lines = String::new();
        let _ = reader.read_to_string(&mut lines).unwrap();
        if format == "text" {
            assert_eq!(
                lines,
                format!(
                    "pidling: lines dropped: 4; forwarded SIGUSR2 to process {pid}\n\
                     pidling: forwarded SIGUSR2 to process {pid}\n\
                     pidling: main child {pid} exited with status 0\n\
                     pidling: exiting with status 0\n"
                )
            );
        } else {
            let objects = objects(&lines, 0);
            let dropped: Vec<_> = objects.iter().map(|one| one.get("dropped")).collect();
            assert_eq!(dropped, [Some(&Value::from(4)), None, None, None]);
            assert_eq!(objects[0]["event"], "signal_forwarded");
        }
    }
}

/// The main child fills the pipe as fast as it can while the init wants to write to it too.
#[test]
fn a_pipe_that_fills_meanwhile_does_not_hold_the_init_up() {
    let (mut reader, writer) = nix::unistd::pipe()
        .map(|(r, w)| (File::from(r), w))
        .unwrap();
    let mut running = Init::new()
        .stderr(writer)
        .args([
            "-vv",
            "--",
            "sh",
            "-c",
            "trap '' USR1; echo ready; exec yes >&2",
        ])
        .spawn();
    let _ = running.wait_line("ready");
    let mut some = vec![0; 20_000];
    for _ in 0..200 {
        let _ = reader.read(&mut some).unwrap();
        running.signal(libc::SIGUSR1);
    }
    running.signal(libc::SIGTERM);
    running.wait().expect_status(143);
}

#[test]
fn asked_for_output_that_cannot_be_written_is_an_error() {
    for option in ["--help", "--version", "--license"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        Init::new().stdout(full).arg(option).run().expect(
            125,
            "",
            "pidling: error: cannot write to standard output: ENOSPC (no space left on device)\n",
        );
        let (reader, writer) = nix::unistd::pipe().unwrap();
        drop(reader);
        Init::new().stdout(writer).arg(option).run().expect(
            125,
            "",
            "pidling: error: cannot write to standard output: EPIPE (broken pipe)\n",
        );
        Init::new().closed(1).arg(option).run().expect(
            125,
            "",
            "pidling: error: cannot write to standard output: EBADF (bad file descriptor)\n",
        );
    }
}

/// Nothing of the log reaches standard output.
#[test]
fn standard_output_is_the_main_childs_alone() {
    Init::new()
        .args(["-vv", "-w", "--", "sh", "-c", "(true &); echo only this"])
        .run()
        .expect_stdout("only this\n");
}

/// Contract 8.4: where a write that does not wait is refused, none that could wait follows.
#[test]
fn a_refused_write_that_would_not_wait_is_followed_by_none_that_could() {
    if kernel_lacks("pwritev2(2)") {
        return;
    }
    if !require_strace() {
        return;
    }
    let mut running = Init::new().arg("-v").probe(["report"]).spawn();
    let _ = running.wait_line("ready ");
    let tracer = Tracer::attach(
        running.init_pid(),
        &["-e", "inject=pwritev2:error=EAGAIN:when=1"],
    );
    for (signal, name) in [(libc::SIGUSR1, "SIGUSR1"), (libc::SIGUSR2, "SIGUSR2")] {
        running.signal(signal);
        let _ = running.wait_line(&format!("got {name} "));
    }
    running.send_line("quit");
    let output = running.wait();
    output.expect_status(0);
    let trace = tracer.finish();
    assert_eq!(trace.matches("(INJECTED)").count(), 1, "{trace}");
    let waits = trace.lines().filter(|line| line.starts_with("write(2, "));
    assert_eq!(waits.count(), 0, "{trace}");
    let stderr = output.stderr();
    assert!(!stderr.contains("forwarded SIGUSR1"), "{output}");
    assert!(
        stderr.contains("pidling: lines dropped: 1; forwarded SIGUSR2"),
        "{output}"
    );
}

/// Sets the init's limit of the size of files from outside, prlimit(1).
fn limit_file_size(init: i32, size: &str) {
    let limited = std::process::Command::new("prlimit")
        .args([
            "--pid",
            &init.to_string(),
            &format!("--fsize={size}:unlimited"),
        ])
        .status();
    assert!(limited.unwrap().success());
}

/// Contract 8.4: a line begins at the beginning of a line, also after one that the kernel cut.
#[test]
fn a_line_that_the_file_size_limit_cut_is_not_carried_on_by_the_next() {
    const ROOM: u64 = 30;
    for format in ["json", "text"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        let mut running = Init::new()
            .stderr(file)
            .args(["-v", "--log-format", format])
            .probe(["report"])
            .spawn();
        let _ = running.wait_line("ready ");
        let init = running.init_pid();
        let length = || std::fs::metadata(&path).unwrap().len();
        assert!(eventually(LIMIT, || length() > 0
            && running.init_status().state() == 'S'));
        let started = length();
        limit_file_size(init, &(started + ROOM).to_string());
        running.signal(libc::SIGUSR1);
        assert!(eventually(LIMIT, || length() == started + ROOM));
        let _ = running.wait_line("got SIGUSR1 ");
        assert!(eventually(LIMIT, || running.init_status().state() == 'S'));
        limit_file_size(init, "unlimited");
        running.signal(libc::SIGUSR2);
        let _ = running.wait_line("got SIGUSR2 ");
        running.send_line("quit");
        let output = running.wait();
        output.expect_status(0);
        // Nobody was told of the SIGXFSZ that this raised.
        assert!(!output.stdout().contains("SIGXFSZ"), "{output}");
        let text = std::fs::read_to_string(&path).unwrap();
        let is_whole = |line: &&str| {
            if format == "json" {
                serde_json::from_str::<Value>(line).is_ok()
            } else {
                line.starts_with("pidling: ")
            }
        };
        let cut = usize::try_from(ROOM).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [started, forwarded, rest @ ..] = &lines[..] else {
            panic!("{text}");
        };
        assert!(is_whole(started) && forwarded.len() == cut, "{text}");
        // The second signal, the main child's end and the exit.
        assert_eq!(
            (
                rest.len(),
                rest.iter().filter(|line| is_whole(line)).count()
            ),
            (3, 3),
            "{text}"
        );
        assert!(text.ends_with('\n'), "{text}");
    }
}

/// Contract 3.5, 8.4: a SIGIO that a line of the log has raised is silent, or each would be the next one's cause.
#[test]
fn an_asynchronous_pipe_makes_no_line_the_cause_of_the_next() {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    // SIGIO tells readers of what is written.
    let both = File::options().read(true).write(true).open(path).unwrap();
    drop(writer);
    let mut running = Init::new()
        .stderr(both)
        .arg("-vv")
        .probe(["app", "main", "async", "report", "exit:TERM:3"])
        .spawn();
    let _ = running.wait_line("main ready ");
    for _ in 0..3 {
        running.signal(libc::SIGUSR1);
        let _ = running.wait_line("main got SIGUSR1");
    }
    running.signal(libc::SIGTERM);
    let output = running.wait();
    output.expect_status(3);
    assert!(!output.stdout().contains("SIGIO"), "{}", output.stdout());
    let mut stderr = String::new();
    let _ = File::from(reader).read_to_string(&mut stderr).unwrap();
    assert!(
        !stderr.contains("SIGIO"),
        "{} lines",
        stderr.lines().count()
    );
    let forwarded = stderr
        .lines()
        .filter(|line| line.starts_with("pidling: forwarded SIGUSR1 "));
    assert_eq!(forwarded.count(), 3, "{stderr}");
}

/// Contract 3.5: a SIGIO of another file is somebody else's, whatever was written to standard error before.
#[test]
fn a_sigio_of_another_file_is_forwarded() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let main = r#"exec 2<>"$FIFO"; exec "$PROBE" app main async report exit:TERM:3"#;
    let mut running = script(Init::new().arg("-v"), main)
        .env("FIFO", &fifo)
        .spawn();
    let _ = running.wait_line("main ready ");
    let mut fifo = File::options().write(true).open(fifo).unwrap();
    for _ in 0..3 {
        fifo.write_all(b"a").unwrap();
        let _ = running.wait_line("main got SIGIO");
    }
    running.signal(libc::SIGTERM);
    running.wait().expect_status(3);
}

/// Contract 8.3: the format is what any source asks for, before or after the error.
#[test]
fn an_error_in_a_variable_has_the_format_of_the_command_line() {
    if !require_namespaces() {
        return;
    }
    let output = Place::First
        .init()
        .env("PIDLING_OPTIONS", "--no-such-option")
        .args(["--log-format", "json", "--", "true"])
        .run();
    output.expect_status(125);
    let stderr = output.stderr();
    let object: Value =
        serde_json::from_str(&stderr).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(object["event"], "usage_error", "{output}");
    assert_eq!(object["source"], "PIDLING_OPTIONS", "{output}");
}
