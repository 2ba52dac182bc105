//! Signal mask and ignored signals reach the main child as the init found them (contract 1.5, 2.3).

use harness::{Init, Limit, ProcStatus, emulator_lacks, peer, require_namespaces};

/// What `cat` finds of its own signals.
fn signals_of_cat(init: Init) -> [u64; 3] {
    let output = init.run();
    output.expect_status(0);
    output.expect_stderr("");
    let status = ProcStatus::parse(&output.stdout());
    [status.blocked(), status.ignored(), status.caught()]
}

const CAT: [&str; 2] = ["/bin/cat", "/proc/self/status"];

/// Blocked and ignored signals on entry.
const SETUPS: [(&str, &str); 16] = [
    ("", ""),
    ("TERM,INT", ""),
    ("", "PIPE"),
    ("", "CHLD"),
    ("CHLD", "CHLD"),
    ("CHLD", ""),
    ("TSTP,TTIN,TTOU", "TSTP,TTIN,TTOU"),
    ("HUP,QUIT,SEGV,FPE,ILL,BUS,ABRT,SYS", ""),
    ("32,33", "32,33"),
    ("34,64", "35,63"),
    ("all", ""),
    ("", "all"),
    ("all", "all"),
    ("CONT,WINCH,URG", "HUP,INT"),
    ("", "CHLD,PIPE,HUP"),
    ("USR1", "USR1,USR2"),
];

#[test]
fn blocked_and_ignored_signals_reach_the_main_child_unchanged() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    for (blocked, ignored) in SETUPS {
        let setup = || Init::new().signal_setup(blocked, ignored);
        let without_init = signals_of_cat(setup().binary(CAT[0]).arg(CAT[1]));
        for options in [&[][..], &["--setsid"], &["-g", "-vq"]] {
            let under_init = signals_of_cat(setup().args(options).arg("--").args(CAT));
            assert_eq!(
                under_init, without_init,
                "blocked {blocked:?}, ignored {ignored:?}, options {options:?}"
            );
        }
    }
}

#[test]
fn blocked_and_ignored_signals_pass_pid_1_unchanged() {
    if emulator_lacks(Limit::Signals) {
        return;
    }
    if !require_namespaces() {
        return;
    }
    for (blocked, ignored) in SETUPS {
        let setup = || Init::new().signal_setup(blocked, ignored);
        assert_eq!(
            signals_of_cat(setup().as_pid_1().args(CAT)),
            signals_of_cat(setup().binary(CAT[0]).arg(CAT[1])),
            "blocked {blocked:?}, ignored {ignored:?}"
        );
    }
}

/// The check above finds an init that leaves the terminal's stop signals blocked.
#[test]
fn a_mask_that_is_not_restored_would_be_found() {
    if let Some(catatonit) = peer("catatonit") {
        let blocked = signals_of_cat(Init::new().binary(catatonit).arg("--").args(CAT));
        assert_eq!(blocked, [0x0038_0000, 0, 0]);
    }
}

/// With SIGCHLD ignored the kernel would reap behind the init's back, wait(2).
#[test]
fn an_init_with_sigchld_ignored_on_entry_still_knows_the_status() {
    for status in [0, 7, 255] {
        Init::new()
            .signal_setup("CHLD", "CHLD")
            .args(["--", "sh", "-c", &format!("exit {status}")])
            .run()
            .expect(status, "", "");
    }
}

#[test]
fn a_broken_pipe_in_the_main_child_stays_quiet() {
    Init::new()
        .args(["--", "sh", "-c", "yes | head -n 1"])
        .run()
        .expect(0, "y\n", "");
}

#[test]
fn a_signal_blocked_on_entry_is_forwarded_all_the_same() {
    let mut running = Init::new()
        .signal_setup("all", "")
        .probe(["report", "--count", "2"])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGTERM);
    let _ = running.wait_line("got SIGTERM ");
    running.signal(libc::SIGINT);
    let _ = running.wait_line("got SIGINT ");
    running.wait().expect_status(0);
}

#[test]
fn a_signal_ignored_on_entry_is_forwarded_all_the_same() {
    let mut running = Init::new()
        .signal_setup("", "all")
        .probe(["report", "--count", "2"])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGTERM);
    let _ = running.wait_line("got SIGTERM ");
    running.signal(libc::SIGHUP);
    let _ = running.wait_line("got SIGHUP ");
    running.wait().expect_status(0);
}
