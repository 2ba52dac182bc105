//! Job-control shells above and below the init, and programs that drive a terminal (contract 2.2 and 5), each on a
//! pseudo-terminal of its own.

use nix::sys::signal::Signal;

use harness::pty::{PROMPT, Start};
use harness::terminal::{
    APP, BASH, SUSPEND, app, app_and_init, expect_one_interrupt, group, interactive, is_stopped,
    kill, namespace, parent, sh, shells, status, with_paths,
};
use harness::{Requirement, children_of, pidling_path, program, require, require_namespaces};

/// Contract 5.3: `fg` and `bg` bring back both, and the terminal with them.
#[test]
fn ctrl_z_in_a_job_control_shell_stops_a_job_that_fg_and_bg_resume() {
    for shell in shells() {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line(&format!("\"$INIT\" {APP}"));
        let app = app(&mut session);
        let init = parent(app);
        session.expect_foreground(app);

        for _ in 0..5 {
            session.press(SUSPEND);
            session.expect(PROMPT);
            session.expect_stopped(app, true);
            session.expect_stopped(init, true);
            session.expect_foreground(shell);
            session.line("fg");
            session.expect("got SIGCONT from process\n");
            session.expect_foreground(app);
            session.expect_stopped(init, false);
            session.line("hello");
            session.expect("read: hello\n");
        }
        expect_one_interrupt(&mut session, init, "kernel");
        session.line("exit 9");
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("echo status=$?");
        session.expect("status=9\n");
        session.expect(PROMPT);

        // In the background one that does not want the terminal; a line for the shell would stop the other.
        session.line("\"$INIT\" \"$PROBE\" terminal");
        let (app, init) = app_and_init(&mut session);
        session.press(SUSPEND);
        session.expect(PROMPT);
        session.line("bg");
        session.expect("got SIGCONT from process\n");
        session.expect_stopped(app, false);
        session.expect_stopped(init, false);
        session.expect_foreground(shell);
        session.line("echo ali''ve");
        session.expect("alive\n");
        session.line("fg");
        session.expect_foreground(group(init));
        expect_one_interrupt(&mut session, init, "process");
        kill(init, Signal::SIGTERM);
        session.expect("got SIGTERM from process\n");
        session.expect(PROMPT);
        session.expect_foreground(shell);
    }
}

/// Contract 5.3 where the shell's job holds more than the init: a script, or a pipeline.
#[test]
fn ctrl_z_stops_the_whole_job_that_the_init_is_part_of() {
    for line in [
        format!("sh -c '\"$INIT\" {APP}; exit'"),
        format!("\"$INIT\" {APP} | cat"),
    ] {
        let mut session = interactive(BASH);
        let shell = session.leader();
        session.line(&line);
        let app = app(&mut session);
        let init = parent(app);
        session.press(SUSPEND);
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("fg");
        session.expect("got SIGCONT from process\n");
        session.line("hello");
        session.expect("read: hello\n");
        session.line("exit 0");
        session.expect(PROMPT);
    }
}

/// Contract 2.2.
#[test]
fn an_init_in_the_background_never_takes_the_terminal() {
    for shell in shells() {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line("\"$INIT\" \"$PROBE\" terminal &");
        let place = session.expect_after("ready ", "\n");
        let app = session.process("probe");
        let init = parent(app);
        assert_eq!(place, format!("{app} {app} {shell} {shell}"));
        assert_eq!(session.foreground(), shell);

        // A key reaches the init, which passes it on. ^C would begin a shutdown, in which nobody is stopped.
        session.line("fg");
        session.expect_foreground(group(init));
        session.press(SUSPEND);
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("fg");
        session.expect("got SIGCONT from process\n");
        // Resumed from a stop it has the terminal itself, and the key is the kernel's matter.
        session.expect_foreground(app);
        expect_one_interrupt(&mut session, init, "kernel");
        kill(init, Signal::SIGTERM);
        session.expect("got SIGTERM from process\n");
        session.expect(PROMPT);
        session.expect_foreground(shell);
    }
}

/// Contract 5.3: a background app that wants the terminal is a stopped job until `fg`.
#[test]
fn a_background_app_that_reads_the_terminal_waits_for_fg() {
    for shell in shells() {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line("\"$INIT\" cat &");
        let app = session.process("cat");
        let init = session.process("pidling");
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        assert_eq!(session.foreground(), shell);
        session.line("bg");
        session.line("echo ali''ve");
        session.expect("alive\n");
        session.expect_stopped(app, true);
        session.expect_stopped(init, true);
        session.line("fg");
        session.expect_foreground(app);
        session.line("hello");
        session.expect("hello\n");
        session.press("\x04");
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("echo status=$?");
        session.expect("status=0\n");
    }
}

/// Contract 5.2: an app of PID 1 that wants a terminal which another group has cannot be helped by being
/// resumed: it would stop again at once, and so on without end.
#[test]
fn an_app_that_wants_the_terminal_of_another_group_is_left_stopped() {
    let python = program("python3").is_some();
    if !require_namespaces()
        || !require(
            Requirement::TerminalPrograms,
            python,
            "python3 is not installed",
        )
    {
        return;
    }
    let other = "import os, signal, time; signal.signal(signal.SIGTTOU, signal.SIG_IGN); r, w = os.pipe(); \
                 os.fork() or [os.setpgid(0, 0), os.tcsetpgrp(0, os.getpid()), os.write(w, b\"x\"), time.sleep(999)]; \
                 os.read(r, 1); os.read(0, 1)";
    let options: Vec<&str> = namespace().collect();
    let options = options.join(" ");
    let mut session = sh(&format!("{options} \"$INIT\" python3 -c '{other}'"));
    let init = session.process("pidling");
    session.eventually("the app has started", |_| !children_of(init).is_empty());
    let app = children_of(init)[0].pid;
    let mut switches = 0;
    session.eventually("the app is stopped and the init asleep", |_| {
        let before = std::mem::replace(
            &mut switches,
            status(init).number("voluntary_ctxt_switches"),
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
        is_stopped(app) && before == switches
    });
}

/// Contract 2.2: also where the process groups of shell and init have no number in the init's namespace.
#[test]
fn a_background_init_in_a_namespace_leaves_the_terminal_alone() {
    if !require_namespaces() {
        return;
    }
    let mut session = interactive(BASH);
    let shell = session.leader();
    session.line("unshare --pid --fork --mount-proc \"$INIT\" sh -c 'echo re\"\"ady; sleep 1' &");
    session.expect("ready\n");
    assert_eq!(session.foreground(), shell);
    session.line("wait; echo do''ne");
    session.expect("done\n");
    assert_eq!(session.foreground(), shell);
}

/// Contract 5.4: an init that was stopped behind its own back, and goes on in the background, does not take
/// the terminal from the shell when it ends.
#[test]
fn an_init_that_ends_in_the_background_leaves_the_terminal_alone() {
    let mut session = interactive(BASH);
    let shell = session.leader();
    session.line("\"$INIT\" sh -c 'echo re\"\"ady; sleep 1'");
    session.expect("ready\n");
    let init = session.process("pidling");
    kill(init, Signal::SIGSTOP);
    session.expect(PROMPT);
    session.line("bg");
    session.line("wait; echo do''ne");
    session.expect("done\n");
    assert_eq!(session.foreground(), shell);
}

/// Contract 5.1: an init in the foreground whose app is not passes the size change on.
#[test]
fn a_new_window_size_reaches_an_app_that_was_started_in_the_background() {
    let mut session = interactive(BASH);
    session.line("\"$INIT\" \"$PROBE\" terminal &");
    let app = app(&mut session);
    session.line("fg");
    session.expect_foreground(group(parent(app)));
    session.resize(30);
    session.expect("got SIGWINCH from process\n");
}

/// The terminal above does stop whoever writes from the background.
#[test]
fn a_terminal_with_tostop_stops_writers_in_the_background() {
    let mut session = with_paths(Start::leader(BASH).tostop()).start();
    session.expect(PROMPT);
    session.line("\"$PROBE\" terminal &");
    let probe = session.process("probe");
    session.expect_stopped(probe, true);
}

/// Contract 2.2 and 5: one init's app is another's terminal keeper.
#[test]
fn an_init_in_an_init_shares_the_terminal() {
    for (shell, levels) in shells().flat_map(|shell| [(shell, 2), (shell, 3)]) {
        let mut session = interactive(shell);
        let shell = session.leader();
        session.line(&format!("{}{APP}", "\"$INIT\" ".repeat(levels)));
        let app = app(&mut session);
        let mut all = vec![app];
        for _ in 0..levels {
            all.extend(all.last().map(|pid| parent(*pid)));
        }
        let outer = *all.last().expect("an init");
        assert_eq!(parent(outer), shell);
        session.expect_foreground(app);
        for _ in 0..3 {
            expect_one_interrupt(&mut session, outer, "kernel");
            session.press(SUSPEND);
            session.expect(PROMPT);
            for pid in &all {
                session.expect_stopped(*pid, true);
            }
            session.expect_foreground(shell);
            session.line("fg");
            session.expect("got SIGCONT from process\n");
            session.expect_foreground(app);
            session.line("hello");
            session.expect("read: hello\n");
        }
        session.line("exit 9");
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("echo status=$?");
        session.expect("status=9\n");
    }
}

/// Contract 2.2: the shell of a container has job control.
#[test]
fn a_job_control_shell_below_the_init_has_job_control() {
    if !require_namespaces() {
        return;
    }
    for shell in shells() {
        let mut alone = with_paths(Start::leader(shell)).echo().start();
        alone.expect(PROMPT);
        for pid_1 in [false, true] {
            let words = [pidling_path()].into_iter().chain(shell.iter().copied());
            let start = if pid_1 {
                let before = namespace().chain(["setsid", "--ctty"]);
                Start::plain(before.chain(words))
            } else {
                Start::leader(words)
            };
            let mut session = with_paths(start).echo().start();
            session.expect(PROMPT);
            // A shell without job control says so.
            assert_eq!(session.screen(), alone.screen());
            session.line(APP);
            let app = app(&mut session);
            session.expect_foreground(app);
            session.press(SUSPEND);
            session.expect(PROMPT);
            session.expect_stopped(app, true);
            session.line("fg");
            session.expect("got SIGCONT from process\n");
            session.line("exit 9");
            session.expect(PROMPT);
            session.line("exit $?");
            assert_eq!(session.wait(), 9);
        }
    }
}

/// What is typed to make a program show that it runs, and what it then shows; what ends it.
struct Program {
    command: &'static str,
    ready: &'static str,
    keys: &'static str,
    answer: &'static str,
    end: &'static str,
    status: i32,
}

const PROGRAMS: [Program; 3] = [
    Program {
        command: "python3 -i",
        ready: ">>> ",
        keys: "print(6 * 7)\n",
        answer: "42",
        end: "raise SystemExit(9)\n",
        status: 9,
    },
    Program {
        command: "vim -u NONE -N",
        ready: "~",
        keys: ":echo 6 * 7\n",
        answer: "42",
        end: ":cquit 9\n",
        status: 9,
    },
    Program {
        command: "less /etc/services",
        ready: "/etc/services",
        keys: "gG",
        answer: "(END)",
        end: "q",
        status: 0,
    },
];

/// Real programs start, come back from ^Z and leave the terminal usable.
#[test]
fn programs_that_drive_the_terminal_work_as_usual() {
    for Program {
        command,
        ready,
        keys,
        answer,
        end,
        status: expected,
    } in PROGRAMS
    {
        let name = command.split(' ').next().expect("a command");
        let reason = format!("{name} is not installed");
        if !require(
            Requirement::TerminalPrograms,
            program(name).is_some(),
            &reason,
        ) {
            continue;
        }
        let mut session = interactive(BASH);
        let shell = session.leader();
        session.line(&format!("\"$INIT\" {command}"));
        session.expect(ready);
        session.press(keys);
        session.expect(answer);
        // A key that comes before it waits for one is lost on less.
        let app = session.foreground();
        session.eventually("it waits", |_| status(app).state() == 'S');
        session.press(SUSPEND);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        session.line("fg");
        session.eventually("it has the terminal again", |session| {
            session.foreground() != shell
        });
        session.press(keys);
        session.expect(answer);
        session.press(end);
        session.expect(PROMPT);
        session.expect_foreground(shell);
        assert!(session.is_usable());
        session.line("echo status=$?");
        session.expect(&format!("status={expected}\n"));
    }
}
