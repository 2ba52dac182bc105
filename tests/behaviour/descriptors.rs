//! Descriptors: the main child has those that the init had, and no other (contract 2.3).

use harness::{Init, LIMIT, Limit, ProcStatus, emulator_lacks, eventually, program};
use std::collections::BTreeMap;
use std::fs;

/// The descriptors of a process and the files behind them.
fn descriptors_of(pid: i32) -> BTreeMap<u32, String> {
    let directory = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    directory
        .map(|entry| {
            let path = entry.unwrap().path();
            let number = path.file_name().unwrap().to_str().unwrap().parse();
            let file = path.read_link().unwrap();
            (number.unwrap(), file.display().to_string())
        })
        .collect()
}

/// The descriptors of `sleep` once it sleeps, and those of whatever started it.
fn descriptors_of_sleep(init: Init, is_init: bool) -> [BTreeMap<u32, String>; 2] {
    let sleep = program("sleep").unwrap();
    let running = if is_init {
        init.arg("--").arg(sleep).arg("1000").spawn()
    } else {
        init.binary(sleep).arg("1000").spawn()
    };
    let init = running.init_pid();
    let child = if is_init {
        running.main_child_pid()
    } else {
        init
    };
    // Its dynamic linker and its locale are done with then.
    assert!(eventually(LIMIT, || {
        let name = fs::read_to_string(format!("/proc/{child}/comm"));
        let state = ProcStatus::of(child).map(|status| status.state());
        name.is_ok_and(|name| name == "sleep\n") && state == Some('S')
    }));
    [descriptors_of(init), descriptors_of(child)]
}

/// The main child has the init's descriptors, which are those that it would have without an init: these.
#[track_caller]
fn check(init: impl Fn() -> Init, open: &[u32]) {
    let [of_init, of_child] = descriptors_of_sleep(init(), true);
    assert_eq!(of_child, of_init);
    let [_, without_init] = descriptors_of_sleep(init(), false);
    assert!(of_child.keys().eq(open));
    assert!(without_init.keys().eq(open));
}

#[test]
fn the_standard_streams_are_all_there_is() {
    // One that whoever runs the tests has left open is not handed down.
    let null = fs::File::open("/dev/null").unwrap();
    let left_open = nix::fcntl::fcntl(&null, nix::fcntl::F_DUPFD(3)).unwrap();
    check(Init::new, &[0, 1, 2]);
    nix::unistd::close(left_open).unwrap();
}

#[test]
fn other_descriptors_stay_open() {
    let init = || {
        Init::new()
            .launch(["--descriptor", "3", "--descriptor", "77"])
            .launch(["--descriptor", "999"])
    };
    check(init, &[0, 1, 2, 3, 77, 999]);
}

#[test]
fn closed_streams_stay_closed() {
    if emulator_lacks(Limit::Measures) {
        return;
    }
    for closed in 0..8_u32 {
        let is_closed = |number: &u32| closed >> number & 1 == 1;
        let (closed, open): (Vec<u32>, Vec<u32>) = (0..3).partition(is_closed);
        let init = || {
            let numbers = closed.iter().map(|number| *number as usize);
            numbers.fold(Init::new(), Init::closed)
        };
        check(init, &open);
    }
}

/// Log lines that must not wait do not make the main child's descriptor one that does not wait.
#[test]
fn the_streams_keep_their_flags() {
    let mut running = Init::new().arg("-vv").probe(["report"]).spawn();
    let _ = running.wait_line("ready");
    let flags = |pid: i32, number: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"));
        i32::from_str_radix(line.unwrap().trim(), 8).unwrap() & !libc::O_LARGEFILE & !0o10_0000
    };
    running.signal(libc::SIGUSR1);
    let _ = running.wait_stderr_line("pidling: forwarded SIGUSR1");
    let (own, child) = (running.init_pid(), running.main_child_pid());
    for (number, access) in [
        (0, libc::O_RDONLY),
        (1, libc::O_WRONLY),
        (2, libc::O_WRONLY),
    ] {
        assert_eq!(flags(own, number), access);
        assert_eq!(flags(child, number), access);
    }
}

#[test]
fn input_and_output_are_the_main_childs_alone() {
    let mut running = Init::new().args(["--", "tr", "a-z", "A-Z"]).spawn();
    running.send_line("some words\n\u{0}\u{1}");
    running.close_stdin();
    running.wait().expect(0, "SOME WORDS\n\u{0}\u{1}\n", "");
}
