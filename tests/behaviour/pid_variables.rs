//! Variables that name the init's process (contract 2.4).

use harness::{Init, require_namespaces};

/// The child tells its own pid and what the variables say.
const CHILD: &str = r#"echo "$$ ${LISTEN_PID-none} ${WATCHDOG_PID-none} ${SYSTEMD_EXEC_PID-none} ${LISTEN_PIDFDID-none}""#;

/// What the child told; `set` are assignments in which `$$` is the init's pid, and `child` stands for the child's.
#[track_caller]
fn check(as_pid_1: bool, set: &str, expected: [&str; 4]) {
    let setup = format!("export {set}; exec \"$@\"");
    // The shell becomes the init, so that they have one pid.
    let init = if as_pid_1 {
        let init = Init::new().as_pid_1().through(["sh", "-c", &setup, "sh"]);
        init.args(["sh", "-c", CHILD])
    } else {
        Init::new()
            .binary("/bin/sh")
            .args(["-c", &setup, "sh"])
            .arg(harness::pidling())
            .args(["sh", "-c", CHILD])
    };
    let output = init
        .env_remove("WATCHDOG_PID")
        .env_remove("SYSTEMD_EXEC_PID")
        .env_remove("LISTEN_PIDFDID")
        .run();
    output.expect_status(0);
    output.expect_stderr("");
    let stdout = output.stdout();
    let words: Vec<&str> = stdout.split_whitespace().collect();
    let [own, told @ ..] = &words[..] else {
        panic!("{output}");
    };
    let told: Vec<&str> = told
        .iter()
        .map(|word| if word == own { "child" } else { word })
        .collect();
    assert_eq!(told, expected, "{set}: {output}");
}

/// A wrapper, and PID 1 where there are namespaces.
fn both() -> impl Iterator<Item = bool> {
    [false, true]
        .into_iter()
        .filter(|as_pid_1| !as_pid_1 || require_namespaces())
}

#[test]
fn each_variable_that_names_the_init_names_the_child() {
    for as_pid_1 in both() {
        check(as_pid_1, "LISTEN_PID=$$", ["child", "none", "none", "none"]);
        check(
            as_pid_1,
            "WATCHDOG_PID=$$",
            ["none", "child", "none", "none"],
        );
        check(
            as_pid_1,
            "SYSTEMD_EXEC_PID=$$",
            ["none", "none", "child", "none"],
        );
        check(
            as_pid_1,
            "LISTEN_PID=$$ WATCHDOG_PID=$$ SYSTEMD_EXEC_PID=$$ LISTEN_PIDFDID=77",
            ["child", "child", "child", "none"],
        );
    }
}

/// The controls: what names somebody else is none of the init's business.
#[test]
fn variables_that_name_another_process_stay_as_they_are() {
    for as_pid_1 in both() {
        check(
            as_pid_1,
            "LISTEN_PID=999999 WATCHDOG_PID=999998 SYSTEMD_EXEC_PID=999997 LISTEN_PIDFDID=77",
            ["999999", "999998", "999997", "77"],
        );
        for value in ["0", "-1", "x", "1x"] {
            let set = format!(
                "LISTEN_PID={value} WATCHDOG_PID={value} SYSTEMD_EXEC_PID={value} LISTEN_PIDFDID=77"
            );
            check(as_pid_1, &set, [value, value, value, "77"]);
        }
    }
}

/// `LISTEN_PIDFDID` goes where `LISTEN_PID` named the init, and only there.
#[test]
fn the_number_of_a_pidfd_is_taken_out_with_the_pid_that_it_belongs_to() {
    for as_pid_1 in both() {
        check(
            as_pid_1,
            "LISTEN_PID=$$ LISTEN_PIDFDID=77",
            ["child", "none", "none", "none"],
        );
        check(
            as_pid_1,
            "LISTEN_PIDFDID=77 LISTEN_PID=$$",
            ["child", "none", "none", "none"],
        );
        check(
            as_pid_1,
            "LISTEN_PIDFDID=77",
            ["none", "none", "none", "77"],
        );
        check(
            as_pid_1,
            "WATCHDOG_PID=$$ LISTEN_PIDFDID=77",
            ["none", "child", "none", "77"],
        );
    }
}
