//! What is the init's own and what only looks like it (contract 1.1, 3.5): a sender's process id says nothing.

use crate::placed::{BOTH, Place, expect_nobody_left};

use harness::{require_namespaces, require_root};

/// A launcher that is told to end sends itself the signal, and becomes the init before it is delivered.
#[test]
fn a_signal_that_the_launcher_sent_itself_is_forwarded() {
    if !require_namespaces() {
        return;
    }
    for place in BOTH {
        for (signal, name) in [("TERM", "SIGTERM"), ("HUP", "SIGHUP"), ("40", "SIGRTMIN+6")] {
            let output = place
                .init()
                .launch(["--block", signal, "--raise-self", signal])
                .probe(["report", "--count", "1", "--status", "3"])
                .run();
            output.expect_status(3);
            let start = format!("got {name} from ");
            let got = output
                .stdout()
                .lines()
                .filter(|line| line.starts_with(&start))
                .count();
            assert_eq!(got, 1, "{output}");
            expect_nobody_left(place, &output);
        }
    }
}

/// The kernel shows the sender's process id as the sender's namespace has it, which is 1 like the init's.
#[test]
fn a_signal_from_process_1_of_a_nested_namespace_is_forwarded() {
    if !require_namespaces() || !require_root() {
        return;
    }
    for (signal, status) in [("USR1", 5), ("TERM", 6), ("40", 7)] {
        let exit = format!("exit:{signal}:{status}");
        let nested = format!("nested:{signal}");
        let running = Place::First
            .init()
            .probe(["app", "main", "report", &nested, &exit])
            .spawn();
        running.wait().expect_status(status);
    }
}
