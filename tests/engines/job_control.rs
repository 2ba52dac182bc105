//! Pipelines, scripts and asynchronous lists under job-control shells (contract 2.2, 5.3 to 5.5): each story with the
//! init, and without it as its control.

use std::fs;

use harness::pty::{PROMPT, Session, Start};
use harness::terminal::{
    BASH, INTERRUPT, SUSPEND, Shell, group, interactive, is_stopped, kill, namespace, sh, shells,
    status, with_paths,
};
use harness::{Requirement, program, require, require_namespaces};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// What stands before a command: nothing, as a control, or the init.
const WITHOUT_AND_WITH: [&str; 2] = ["", "\"$INIT\" "];

/// Tells a story in every shell, without the init and with it.
fn everywhere(story: impl Fn(Shell, &str)) {
    for shell in shells() {
        for init in WITHOUT_AND_WITH {
            story(shell, init);
        }
    }
}

/// A script, and the line that has a shell run it.
struct Script {
    directory: TempDir,
    line: String,
}

impl Script {
    fn new(shell: Shell, text: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("script");
        fs::write(&file, text).expect("a script");
        let words = shell.iter().filter(|word| !word.starts_with('-'));
        let shell: Vec<&str> = words.copied().collect();
        let line = format!("{} {}", shell.join(" "), file.display());
        Self { directory, line }
    }
}

/// The processes of this name in the session.
fn named(session: &mut Session, name: &str) -> Vec<i32> {
    let members = session.members().into_iter();
    members
        .filter(|(_, one)| one == name)
        .map(|(pid, _)| pid)
        .collect()
}

/// Waits until there are so many processes of this name, and returns them.
#[track_caller]
fn expect_named(session: &mut Session, name: &str, count: usize) -> Vec<i32> {
    let mut found = Vec::new();
    session.eventually(&format!("{count} processes named {name}"), |session| {
        found = named(session, name);
        found.len() == count
    });
    found
}

/// Waits until everybody but the shell is stopped or not.
#[track_caller]
fn expect_all_stopped(session: &mut Session, stopped: bool) {
    let leader = session.leader();
    for (pid, _) in session.members() {
        if pid != leader {
            session.expect_stopped(pid, stopped);
        }
    }
}

/// Waits until a process has the terminal and waits for a key.
#[track_caller]
fn expect_waiting_for_a_key(session: &mut Session, name: &str) {
    let pid = session.process(name);
    session.eventually(&format!("{name} waits for a key"), |session| {
        session.foreground() == group(pid) && status(pid).state() == 'S'
    });
}

/// Waits for the prompt, and fails unless the last command had this status.
#[track_caller]
fn expect_status(session: &mut Session, expected: i32) {
    session.expect(PROMPT);
    let shell = session.leader();
    session.expect_foreground(shell);
    session.line("echo status=$?");
    session.expect(&format!("status={expected}\n"));
    session.expect(PROMPT);
}

/// Contract 2.2: in a pipeline the terminal is the neighbour's.
#[test]
fn a_neighbour_in_the_pipeline_reads_the_terminal() {
    everywhere(|shell, init| {
        let directory = tempfile::tempdir().expect("a directory");
        let go = directory.path().join("go");
        let mut session = interactive(shell);
        session.line(&format!(
            "(until [ -e {} ]; do sleep 0.01; done; exec /usr/bin/head -n 1) | {init}/bin/sed s/^/x/",
            go.display()
        ));
        let _ = session.process("sed");
        fs::write(&go, "").expect("a file");
        let _ = session.process("head");
        session.line("hello");
        session.expect("xhello\n");
        expect_status(&mut session, 0);
    });
}

/// Contract 2.2: who asks for the terminal gets it.
#[test]
fn a_pager_behind_a_pipe_gets_the_keyboard() {
    let is_there = program("less").is_some();
    if !require(
        Requirement::TerminalPrograms,
        is_there,
        "less is not installed",
    ) {
        return;
    }
    everywhere(|shell, init| {
        let mut session = interactive(shell);
        session.line(&format!("seq 1 1000 | {init}/usr/bin/less"));
        expect_waiting_for_a_key(&mut session, "less");
        session.press("G");
        session.expect("1000");
        session.press("q");
        expect_status(&mut session, 0);
    });
}

/// Contract 2.2: the pager keeps the terminal.
#[test]
fn a_pager_behind_the_init_keeps_the_keyboard() {
    let is_there = program("less").is_some();
    if !require(
        Requirement::TerminalPrograms,
        is_there,
        "less is not installed",
    ) {
        return;
    }
    everywhere(|shell, init| {
        let mut session = interactive(shell);
        session.line(&format!("{init}/usr/bin/seq 1 100000 | /usr/bin/less"));
        expect_waiting_for_a_key(&mut session, "less");
        session.press("G");
        session.expect("100000");
        session.press("q");
        expect_status(&mut session, 0);
    });
}

/// Contract 5.3, in a pipeline.
#[test]
fn ctrl_z_stops_a_pipeline_that_fg_resumes() {
    everywhere(|shell, init| {
        let mut session = interactive(shell);
        session.line(&format!("/bin/sleep 1000 | {init}/bin/sleep 1000"));
        let _ = expect_named(&mut session, "sleep", 2);
        for _ in 0..3 {
            session.press(SUSPEND);
            session.expect(PROMPT);
            expect_all_stopped(&mut session, true);
            session.line("fg");
            expect_all_stopped(&mut session, false);
        }
        session.press(INTERRUPT);
        session.expect(PROMPT);
        let _ = expect_named(&mut session, "sleep", 0);
    });
}

/// Contract 3.2 and 5.5: without the terminal, too, ^C reaches the app.
#[test]
fn ctrl_c_ends_an_app_whose_input_is_redirected() {
    everywhere(|shell, init| {
        let mut session = interactive(shell);
        session.line(&format!("{init}/bin/sleep 1000 </dev/null"));
        let _ = session.process("sleep");
        session.press(INTERRUPT);
        expect_status(&mut session, 130);
        let _ = expect_named(&mut session, "sleep", 0);
    });
}

/// Contract 10.3: the init forwards the key to a session that the terminal knows nothing of, and stops itself. The SIGCONT
/// of `fg` is the last word, also where the init learns of the other stop after it.
#[test]
fn under_the_name_of_dumb_init_one_fg_resumes_a_job() {
    let real = program("dumb-init").map(|real| real.display().to_string());
    let _ = require(
        Requirement::Peers,
        real.is_some(),
        "dumb-init is not installed",
    );
    let directory = tempfile::tempdir().expect("a directory");
    let ours = directory.path().join("dumb-init");
    std::os::unix::fs::symlink(harness::pidling(), &ours).expect("a link");
    for shell in shells() {
        for init in real.iter().cloned().chain([ours.display().to_string()]) {
            let mut session = interactive(shell);
            let app = r#"$| = 1; $SIG{CONT} = sub { exit 7 }; print "ready\n"; sleep"#;
            session.line(&format!("{init} perl -e '{app}'"));
            session.expect("ready\n");
            session.press(SUSPEND);
            session.expect(PROMPT);
            expect_all_stopped(&mut session, true);
            session.line("fg");
            expect_status(&mut session, 7);
        }
    }
}

/// Contract 5.3: editors stop themselves so on a key of their own.
#[test]
fn an_app_that_stops_itself_is_a_stopped_job() {
    everywhere(|shell, init| {
        for signal in ["STOP", "TSTP", "TTIN", "TTOU"] {
            let mut session = interactive(shell);
            session.line(&format!(
                "{init}sh -c 'kill -{signal} $$; echo ba\"\"ck; exit 4'"
            ));
            session.expect(PROMPT);
            expect_all_stopped(&mut session, true);
            let shell = session.leader();
            session.expect_foreground(shell);
            session.line("fg");
            session.expect("back\n");
            expect_status(&mut session, 4);
        }
    });
}

/// Contract 5.3: nano takes ^Z from the terminal, and stops its group with SIGSTOP on keys of its own.
#[test]
fn an_editor_that_stops_itself_on_its_own_keys_is_a_stopped_job() {
    let is_there = program("nano").is_some();
    if !require(
        Requirement::TerminalPrograms,
        is_there,
        "nano is not installed",
    ) {
        return;
    }
    everywhere(|shell, init| {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("text");
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line(&format!(
            "{init}/usr/bin/nano --ignorercfiles {}",
            file.display()
        ));
        for word in ["one", "two"] {
            expect_waiting_for_a_key(&mut session, "nano");
            session.press(word);
            session.expect(word);
            session.press("\x14");
            session.expect("Command to execute");
            session.press(SUSPEND);
            session.expect(PROMPT);
            expect_all_stopped(&mut session, true);
            session.expect_foreground(shell);
            session.line("fg");
            expect_all_stopped(&mut session, false);
        }
        expect_waiting_for_a_key(&mut session, "nano");
        session.press("\x13\x18");
        expect_status(&mut session, 0);
        let text = fs::read_to_string(&file).expect("a file");
        assert_eq!(text, "onetwo\n");
    });
}

/// Contract 5.3: bash stops itself with SIGSTOP.
#[test]
fn suspend_in_an_inner_shell_is_a_stopped_job() {
    let is_there = program("bash").is_some();
    if !require(
        Requirement::TerminalPrograms,
        is_there,
        "bash is not installed",
    ) {
        return;
    }
    everywhere(|shell, init| {
        let mut session = interactive(shell);
        session.line(&format!("PS1=\"<in\"\"ner>\" {init}{}", BASH.join(" ")));
        session.expect("<inner>");
        for _ in 0..3 {
            session.line("suspend");
            session.expect(PROMPT);
            expect_all_stopped(&mut session, true);
            session.line("fg");
            expect_all_stopped(&mut session, false);
            session.line("echo al''ive");
            session.expect("alive\n");
        }
        session.line("exit 4");
        expect_status(&mut session, 4);
    });
}

/// Contract 5.5, with up to three inits in one another, and where the init's group has the terminal.
#[test]
fn ctrl_c_ends_the_loop_of_a_script() {
    for shell in shells() {
        for (levels, redirection) in [
            (0, ""),
            (1, ""),
            (2, ""),
            (3, ""),
            (0, "</dev/null"),
            (1, "</dev/null"),
        ] {
            let init = "\"$INIT\" ".repeat(levels);
            let text = format!(
                "for i in 1 2 3; do echo \"round $i\"; {init}/bin/sleep 1000 {redirection}; done; echo reached"
            );
            let script = Script::new(shell, &text);
            let mut session = interactive(shell);
            session.line(&script.line);
            session.expect("round 1\n");
            let sleep = session.process("sleep");
            if redirection.is_empty() {
                session.expect_foreground(group(sleep));
            }
            session.press(INTERRUPT);
            expect_status(&mut session, 130);
            let screen = session.screen();
            assert!(
                !screen.contains("round 2"),
                "{levels} {redirection:?}: {screen:?}"
            );
            assert!(
                !screen.contains("reached"),
                "{levels} {redirection:?}: {screen:?}"
            );
            let _ = expect_named(&mut session, "sleep", 0);
        }
    }
}

/// Contract 5.5.
#[test]
fn ctrl_c_ends_all_recipes_of_make() {
    let is_there = program("make").is_some();
    if !require(
        Requirement::TerminalPrograms,
        is_there,
        "make is not installed",
    ) {
        return;
    }
    everywhere(|shell, init| {
        let init = init.replace("$INIT", "$$INIT");
        let makefile = format!("all: a b\na b:\n\t@{init}/bin/sleep 1000\n");
        let script = Script::new(shell, &makefile);
        let mut session = interactive(shell);
        let file = script.directory.path().join("script");
        session.line(&format!("make -j2 -f {}", file.display()));
        let sleeps = expect_named(&mut session, "sleep", 2);
        session.eventually("a recipe has the terminal", |session| {
            sleeps.iter().any(|pid| group(*pid) == session.foreground())
        });
        session.press(INTERRUPT);
        session.expect(PROMPT);
        let _ = expect_named(&mut session, "sleep", 0);
        session.line("echo sta''tus=$?");
        // Where its own handler has reaped the last recipe before it, make says so and ends with 2 instead.
        let status = session.expect_after("status=", "\n");
        assert!(["130", "2"].contains(&&*status), "{status}");
    });
}

/// Contract 5.5: a main child that handles SIGINT ends only itself.
#[test]
fn ctrl_c_that_an_app_handles_ends_only_the_app() {
    for shell in shells() {
        let text = "for i in 1 2; do \"$INIT\" sh -c 'trap \"exit 0\" INT; echo \"ready $0\"; \
                    while :; do sleep 0.01; done' $i; done; echo reached";
        let script = Script::new(shell, text);
        let mut session = interactive(shell);
        session.line(&script.line);
        for round in 1..=2 {
            session.expect(&format!("ready {round}\n"));
            session.press(INTERRUPT);
        }
        session.expect("reached\n");
        expect_status(&mut session, 0);
    }
}

/// Contract 5.5: a SIGINT that the init was sent, and has forwarded, is no key.
#[test]
fn a_forwarded_sigint_ends_one_round_of_a_script() {
    everywhere(|shell, init| {
        let text = format!(
            "for i in 1 2; do /usr/bin/timeout --foreground -s INT 0.2 {init}/bin/sleep 1000; echo \"round $i: $?\"; done; \
             echo reached"
        );
        let script = Script::new(shell, &text);
        let mut session = interactive(shell);
        session.line(&script.line);
        session.expect("round 1: 124\nround 2: 124\nreached\n");
        expect_status(&mut session, 0);
    });
}

/// Contract 2.2: an asynchronous list never gets the terminal.
#[test]
fn a_script_reads_the_terminal_beside_an_asynchronous_init() {
    everywhere(|shell, init| {
        let text = format!(
            "{init}/bin/sleep 1000 & read -r line; echo \"read: $line\"; kill $!; wait $!; echo \"status $?\""
        );
        let script = Script::new(shell, &text);
        let mut session = interactive(shell);
        session.line(&script.line);
        let _ = session.process("sleep");
        session.line("hello");
        session.expect("read: hello\n");
        session.expect("status 143\n");
        expect_status(&mut session, 0);
    });
}

/// Contract 2.2, where the script is the container's PID 1.
#[test]
fn the_script_of_a_container_reads_the_terminal_beside_an_asynchronous_init() {
    if !require_namespaces() {
        return;
    }
    everywhere(|shell, init| {
        let text = format!(
            "{init}/bin/sleep 1000 & read -r line; echo \"read: $line\"; kill $!; wait $!; echo \"status $?\"; exit 4"
        );
        let script = Script::new(shell, &text);
        let line = format!("exec setsid --ctty {}", script.line);
        let words = namespace().map(str::to_owned);
        let words = words.chain(["sh".to_owned(), "-c".to_owned(), line]);
        let mut session = with_paths(Start::plain(words)).start();
        let _ = session.process("sleep");
        session.line("hello");
        session.expect("read: hello\n");
        session.expect("status 143\n");
        assert_eq!(session.wait(), 4);
    });
}

/// Contract 5.3: timeout(1) puts its command in the background of a script, where the kernel stops a reader. It
/// ignores that stop itself, and ends its command as usual.
#[test]
fn timeout_ends_an_app_that_reads_the_terminal() {
    everywhere(|shell, init| {
        let text = format!("/usr/bin/timeout 0.5 {init}/bin/cat; echo \"timeout: $?\"");
        let script = Script::new(shell, &text);
        let mut session = interactive(shell);
        session.line(&script.line);
        session.expect("timeout: 124\n");
        expect_status(&mut session, 0);
    });
}

/// An app that SIGTERM does not end, as `sh` words. A shell would not do: ^Z that stops its child between vfork(2) and
/// execve(2) leaves the shell itself in uninterruptible sleep, and so nobody sees it stop.
const STUBBORN: &str = "\"$PROBE\" ignore TERM";

/// Contract 5.3 and 6.3: once a shutdown has begun ^Z stops nobody.
#[test]
fn the_deadline_holds_where_ctrl_z_follows_a_stop_signal() {
    for shell in shells() {
        let mut session = interactive(shell);
        session.line(&format!("\"$INIT\" -t 2s {STUBBORN}"));
        session.expect("ready ");
        let init = session.process("pidling");
        kill(init, Signal::SIGTERM);
        session.eventually("SIGTERM is taken", |_| {
            status(init).pending() & 1 << (Signal::SIGTERM as i32 - 1) == 0
        });
        session.press(SUSPEND);
        expect_status(&mut session, 137);
    }
}

/// Contract 5.3 and 6.3: a stopped init acts once it is resumed.
#[test]
fn the_deadline_holds_where_a_stop_signal_follows_ctrl_z() {
    for shell in shells() {
        let mut session = interactive(shell);
        session.line(&format!("\"$INIT\" -t 1s {STUBBORN}"));
        session.expect("ready ");
        let init = session.process("pidling");
        session.press(SUSPEND);
        session.expect(PROMPT);
        session.expect_stopped(init, true);
        kill(init, Signal::SIGTERM);
        assert!(is_stopped(init));
        session.line("fg");
        expect_status(&mut session, 137);
    }
}

/// Contract 2.2: under `stty tostop` an asynchronous init's app stops where it writes, and the script goes on.
#[test]
fn an_asynchronous_init_never_takes_the_terminal_to_write() {
    let line = "\"$INIT\" sh -c 'echo written' & read -r line; echo \"read: $line\"; exit 4";
    let mut session = with_paths(Start::leader(["sh", "-c", line]).tostop()).start();
    let init = session.process("pidling");
    session.eventually("the app is stopped", |session| {
        let members = session.members();
        let mut apps = members.iter().filter(|(_, name)| name == "sh");
        apps.any(|(pid, _)| group(*pid) == *pid && *pid != session.leader() && is_stopped(*pid))
    });
    assert!(!is_stopped(init));
    assert_eq!(session.foreground(), session.leader());
    session.line("hello");
    session.expect("read: hello\n");
    assert_eq!(session.wait(), 4);
    assert!(!session.screen().contains("written"));
}

/// Contract 5.4: the main child is a shell with job control that dies while its job has the terminal.
#[test]
fn the_foreground_comes_back_from_the_job_of_a_dead_shell() {
    for shell in shells() {
        let text = "set -m; \"$PROBE\" terminal reading; echo not reached";
        let script = Script::new(shell, text);
        let mut session = sh(&format!(
            "\"$INIT\" {}; echo status=$?; read -r line; echo \"last: $line\"",
            script.line
        ));
        session.expect("ready ");
        let job = session.process("probe");
        session.expect_foreground(job);
        kill(status(job).ppid(), Signal::SIGKILL);
        session.expect("status=137\n");
        assert_eq!(session.foreground(), session.leader());
        session.line("hello");
        session.expect("last: hello\n");
    }
}
