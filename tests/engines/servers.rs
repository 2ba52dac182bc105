//! Servers as people run them, under the init as PID 1: each starts, answers, and stops on SIGTERM with
//! the status that it has for a clean stop, long before anybody would kill it (contract 6).

use harness::{Init, LIMIT, Output, Requirement, eventually, program, require, require_namespaces};
use harness::{expect_log, time_in, without_times};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A directory for the server's files, removed in the end. Its path is short enough for a socket's.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pidling-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        // Some servers give up root, and their workers need the way to the socket.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.file(name), text).unwrap();
        self.file(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The server's program, if it is installed and can be tested here.
#[track_caller]
pub(crate) fn server(name: &str) -> Option<PathBuf> {
    let found = program(name).or_else(|| {
        // Debian keeps PostgreSQL's programs by version.
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        versions
            .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
            .find(|file| file.is_file())
    });
    let is_there = require(
        Requirement::Servers,
        found.is_some(),
        &format!("{name} is not installed"),
    );
    found.filter(|_| is_there && require_namespaces())
}

/// Sends a request and returns whether the answer starts with this.
fn answers(socket: &Path, request: &[u8], answer: &[u8]) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return false;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut start = vec![0; answer.len()];
    stream.write_all(request).is_ok() && stream.read_exact(&mut start).is_ok() && start == answer
}

const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// Runs a server under the init, stops it once it answers, and checks how it ended: with this status,
/// on this signal, and with nobody killed.
#[track_caller]
fn stops_cleanly(
    init: Init,
    mut answers: impl FnMut() -> bool,
    forwarded: &str,
    end: &str,
    status: i32,
) -> Output {
    let mut running = init.as_pid_1().spawn();
    let is_up = eventually(LIMIT, || answers() || !running.is_running());
    assert!(
        is_up && running.is_running(),
        "no answer\nstdout:\n{}\nstderr:\n{}",
        running.stdout_so_far(),
        running.stderr_so_far()
    );
    running.signal(libc::SIGTERM);
    let output = running.wait();
    let stderr = output.stderr();
    let ours: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("pidling: "))
        .skip(1)
        .collect();
    assert_eq!(
        (output.status.code(), without_times(&ours.join("\n"))),
        (
            Some(status),
            [
                "pidling: shutdown began with SIGTERM",
                &format!("pidling: forwarded {forwarded} to process 2"),
                &format!("pidling: main child 2 {end}"),
                "pidling: shutdown took N.NNN s",
                &format!("pidling: exiting with status {status}"),
            ]
            .join("\n")
        ),
        "{output}"
    );
    assert!(time_in(&stderr, "pidling: shutdown took") < LIMIT.as_secs_f64());
    output
}

/// The init with a deadline that no server needs.
fn init() -> Init {
    Init::new().args(["-v", "-t", "25s"])
}

/// nginx stops at once on SIGTERM and gracefully on SIGQUIT, which is what `-r TERM:QUIT` is for.
#[test]
fn nginx_stops_gracefully() {
    let Some(nginx) = server("nginx") else {
        return;
    };
    let directory = Directory::new("nginx");
    let path = directory.0.display();
    let configuration = directory.write(
        "nginx.conf",
        &format!(
            "daemon off; worker_processes 2; pid {path}/pid; error_log stderr notice;
             events {{ worker_connections 64; }}
             http {{
                 access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
                 fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi;
                 scgi_temp_path {path}/scgi;
                 server {{ listen unix:{path}/socket; location / {{ return 200 well; }} }}
             }}"
        ),
    );
    let output = stops_cleanly(
        init()
            .args(["-r", "TERM:QUIT", "--"])
            .arg(nginx)
            .args(["-e", "stderr", "-c"])
            .arg(configuration),
        || answers(&directory.file("socket"), HTTP_REQUEST, b"HTTP/1.1 200"),
        "SIGQUIT",
        "exited with status 0",
        0,
    );
    // nginx's own word for it.
    assert!(
        output.stderr().contains("gracefully shutting down"),
        "{output}"
    );
}

#[test]
fn postgresql_stops_cleanly() {
    let (Some(initdb), Some(postgres)) = (server("initdb"), server("postgres")) else {
        return;
    };
    let directory = Directory::new("postgres");
    // It refuses to run as root.
    let user = nix::unistd::User::from_name("postgres").unwrap();
    let user = user.map_or(65534, |user| user.uid.as_raw());
    let data = directory.file("data");
    let script = r#""$1" -D "$3" -A trust -U test --no-sync >&2 || exit 99
        exec "$2" -D "$3" -c listen_addresses= -c "unix_socket_directories=$4""#;
    let output = stops_cleanly(
        init()
            .launch(["--user", &user.to_string()])
            .directory(&directory.0)
            .args(["--", "sh", "-c", script, "sh"])
            .args([&initdb, &postgres, &data, &directory.0]),
        || {
            // The first message of the protocol: version 3.0, and who wants what.
            let words = b"\0\x03\0\0user\0test\0database\0postgres\0\0";
            let length = u32::try_from(words.len() + 4).unwrap().to_be_bytes();
            let request = [&length[..], words].concat();
            // "R", its length, and 0: authentication is granted.
            let granted = b"R\0\0\0\x08\0\0\0\0";
            answers(&directory.file(".s.PGSQL.5432"), &request, granted)
        },
        "SIGTERM",
        "exited with status 0",
        0,
    );
    assert!(
        output.stderr().contains("database system is shut down"),
        "{output}"
    );
    // What it removes last.
    assert!(!data.join("postmaster.pid").exists());
}

#[test]
fn redis_stops_cleanly() {
    let Some(redis) = server("redis-server") else {
        return;
    };
    let directory = Directory::new("redis");
    let socket = directory.file("socket");
    let output = stops_cleanly(
        init()
            .arg("--")
            .arg(redis)
            .args(["--port", "0", "--save", "3600 1", "--dir"])
            .arg(&directory.0)
            .arg("--unixsocket")
            .arg(&socket),
        || answers(&socket, b"SET a b\r\n", b"+OK\r\n"),
        "SIGTERM",
        "exited with status 0",
        0,
    );
    assert!(
        output.stdout().contains("ready to exit, bye bye"),
        "{output}"
    );
    // It saves what it holds before it goes.
    assert!(directory.file("dump.rdb").exists());
}

/// A server on a socket: `http.server` knows TCP only.
const PYTHON: &str = r#"
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
server = Server(sys.argv[1], Handler)
try:
    server.serve_forever()
except KeyboardInterrupt:
    print("stopped", flush=True)
"#;

/// Python dies of SIGTERM, which the status tells; it runs its cleanup on SIGINT.
#[test]
fn python_stops_on_the_signal_that_it_knows() {
    let Some(python) = server("python3") else {
        return;
    };
    for (options, forwarded, end, status, said) in [
        (&[][..], "SIGTERM", "was killed by SIGTERM", 143, ""),
        (
            &["-r", "TERM:INT"],
            "SIGINT",
            "exited with status 0",
            0,
            "stopped\n",
        ),
        (&["-e", "143"], "SIGTERM", "was killed by SIGTERM", 0, ""),
    ] {
        let directory = Directory::new("python");
        let socket = directory.file("socket");
        let output = stops_cleanly(
            init()
                .args(options)
                .arg("--")
                .arg(&python)
                .args(["-c", PYTHON])
                .arg(&socket),
            || answers(&socket, HTTP_REQUEST, b"HTTP/1.0 200"),
            forwarded,
            end,
            status,
        );
        output.expect_stdout(said);
    }
}

const NODE: &str = r#"
const server = require("http").createServer((request, response) => response.end());
server.listen(process.argv[1]);
process.on("SIGTERM", () => server.close(() => { console.log("stopped"); process.exit(0); }));
"#;

/// Node has no default action of its own as PID 1; under the init both ways to write it stop.
#[test]
fn node_stops_with_and_without_a_handler() {
    let Some(node) = server("node") else {
        return;
    };
    let plain = NODE.lines().take(3).collect::<Vec<_>>().join("\n");
    for (code, end, status, said) in [
        (NODE, "exited with status 0", 0, "stopped\n"),
        (&plain, "was killed by SIGTERM", 143, ""),
    ] {
        let directory = Directory::new("node");
        let socket = directory.file("socket");
        let output = stops_cleanly(
            init().arg("--").arg(&node).args(["-e", code]).arg(&socket),
            || answers(&socket, HTTP_REQUEST, b"HTTP/1.1 200"),
            "SIGTERM",
            end,
            status,
        );
        output.expect_stdout(said);
    }
}

/// The negative control: without an init, as PID 1, a server without a handler does not stop.
#[test]
fn without_an_init_node_does_not_stop() {
    let Some(node) = server("node") else {
        return;
    };
    let directory = Directory::new("alone");
    let socket = directory.file("socket");
    let plain = NODE.lines().take(3).collect::<Vec<_>>().join("\n");
    let mut running = Init::new()
        .binary(node)
        .as_pid_1()
        .args(["-e", &plain])
        .arg(&socket)
        .spawn();
    let is_up = || answers(&socket, HTTP_REQUEST, b"HTTP/1.1 200");
    assert!(eventually(LIMIT, is_up));
    running.signal(libc::SIGTERM);
    assert!(is_up() && running.is_running());
}

/// A web server behind a shell, and a load balancer that takes its time: the delay, the rest, the end.
#[test]
fn a_server_behind_a_shell_answers_until_the_delay_is_over() {
    let Some(node) = server("node") else {
        return;
    };
    let directory = Directory::new("behind");
    let socket = directory.file("socket");
    let mut running = Init::new()
        .as_pid_1()
        .args(["-v", "-a", "-t25s", "--stop-delay=20s"])
        .args(["--", "sh", "-c", r#""$@" & wait"#, "sh"])
        .arg(node)
        .args(["-e", NODE])
        .arg(&socket)
        .spawn();
    let is_up = || answers(&socket, HTTP_REQUEST, b"HTTP/1.1 200");
    assert!(eventually(LIMIT, is_up));
    running.signal(libc::SIGTERM);
    let _ = running.wait_stderr_line("pidling: holding SIGTERM back for 20.000 s");
    // Somebody is in a hurry; sooner it would be the same stop (contract 6.2).
    let held = Instant::now();
    let hurry = Duration::from_millis(100);
    assert!(eventually(LIMIT, || is_up() && held.elapsed() > hurry));
    running.signal(libc::SIGTERM);
    let output = running.wait();
    output.expect_stdout("stopped\n");
    expect_log(
        &output,
        143,
        &[
            "pidling: started 'sh' as process 2",
            "pidling: shutdown began with SIGTERM",
            "pidling: holding SIGTERM back for N.NNN s",
            "pidling: forwarded SIGTERM to process 2",
            "pidling: forwarded SIGTERM to process 2",
            "pidling: main child 2 was killed by SIGTERM",
            "pidling: sent SIGTERM to the rest",
            "pidling: shutdown took N.NNN s",
            "pidling: exiting with status 143",
        ],
    );
}
