//! Servers that stop gracefully on a signal of their own, with a request in flight (contract 6.1 to 6.3), and those
//! that want more than one signal (6.8).

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use harness::{Events, Init, LIMIT, Output, Running, eventually};

use crate::servers::{Directory, server};

/// Where a server listens.
enum Front {
    Unix(PathBuf),
    Tcp(u16),
}

impl Front {
    fn connect(&self) -> Option<File> {
        let stream: OwnedFd = match self {
            Self::Unix(path) => UnixStream::connect(path).ok()?.into(),
            Self::Tcp(port) => TcpStream::connect(("127.0.0.1", *port)).ok()?.into(),
        };
        Some(stream.into())
    }
}

/// A server that passes requests on to a backend, which is the test.
struct Proxy {
    name: &'static str,
    /// The signal on which it ends once all requests are answered.
    graceful: (i32, &'static str),
    command: Vec<OsString>,
    front: Front,
    backend: UnixListener,
    /// The last that is dropped.
    _directory: Directory,
}

/// nginx, haproxy and httpd, as far as they are installed.
fn proxies(test: &str) -> impl Iterator<Item = Proxy> {
    [nginx, haproxy, httpd]
        .into_iter()
        .filter_map(move |proxy| proxy(test))
}

/// The socket of a backend that every user may connect to.
fn backend(directory: &Directory) -> UnixListener {
    let path = directory.file("backend");
    let listener = UnixListener::bind(&path).expect("a socket");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("our socket");
    listener.set_nonblocking(true).expect("a socket");
    listener
}

fn nginx(test: &str) -> Option<Proxy> {
    let program = server("nginx")?;
    let directory = Directory::new(&format!("n-{test}"));
    let path = directory.0.display();
    let configuration = directory.write(
        "nginx.conf",
        &format!(
            "daemon off; worker_processes 1; pid {path}/pid; error_log stderr notice;
             events {{ worker_connections 64; }}
             http {{
                 access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
                 fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
                 server {{ listen unix:{path}/front; location / {{ proxy_pass http://unix:{path}/backend:/; }} }}
             }}"
        ),
    );
    Some(Proxy {
        name: "nginx",
        graceful: (libc::SIGQUIT, "SIGQUIT"),
        command: vec![
            program.into(),
            "-e".into(),
            "stderr".into(),
            "-c".into(),
            configuration.into(),
        ],
        front: Front::Unix(directory.file("front")),
        backend: backend(&directory),
        _directory: directory,
    })
}

fn haproxy(test: &str) -> Option<Proxy> {
    let program = server("haproxy")?;
    let directory = Directory::new(&format!("h-{test}"));
    let path = directory.0.display();
    let configuration = directory.write(
        "haproxy.cfg",
        &format!(
            "defaults\n mode http\n timeout connect 20s\n timeout client 60s\n timeout server 60s\n\
             frontend front\n bind unix@{path}/front mode 777\n default_backend back\n\
             backend back\n server only unix@{path}/backend\n"
        ),
    );
    Some(Proxy {
        name: "haproxy",
        graceful: (libc::SIGUSR1, "SIGUSR1"),
        command: vec![
            program.into(),
            "-db".into(),
            "-f".into(),
            configuration.into(),
        ],
        front: Front::Unix(directory.file("front")),
        backend: backend(&directory),
        _directory: directory,
    })
}

/// A port that was free a moment ago: httpd knows neither sockets of files nor a port of the kernel's choice.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn httpd(test: &str) -> Option<Proxy> {
    let program = server("apache2")?;
    let directory = Directory::new(&format!("a-{test}"));
    let path = directory.0.display();
    let port = free_port();
    let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
    let configuration = directory.write(
        "httpd.conf",
        &format!(
            "ServerRoot {path}\nServerName localhost\nPidFile {path}/pid\nDefaultRuntimeDir {path}\n\
             {modules}Listen 127.0.0.1:{port}\nErrorLog {path}/error\nUser #65534\nGroup #65534\n\
             ProxyPass \"/\" \"unix:{path}/backend|http://localhost/\"\n"
        ),
    );
    Some(Proxy {
        name: "apache2",
        graceful: (libc::SIGWINCH, "SIGWINCH"),
        command: vec![
            program.into(),
            "-DFOREGROUND".into(),
            "-f".into(),
            configuration.into(),
        ],
        front: Front::Tcp(port),
        backend: backend(&directory),
        _directory: directory,
    })
}

/// A request that the server has passed on and that nobody has answered yet.
struct InFlight {
    client: File,
    backend: UnixStream,
}

impl Proxy {
    /// Starts it and waits until it listens.
    #[track_caller]
    fn start(&self, init: Init) -> Running {
        let init = init.as_pid_1().args(["-v", "--log-format=json"]);
        let mut running = init.arg("--").args(&self.command).spawn();
        let is_up = eventually(LIMIT, || {
            self.front.connect().is_some() || !running.is_running()
        });
        assert!(
            is_up && running.is_running(),
            "{} does not listen\n{}\n{}",
            self.name,
            running.stdout_so_far(),
            running.stderr_so_far()
        );
        running
    }

    /// Sends a request and waits until it has reached the backend.
    #[track_caller]
    fn request(&self) -> InFlight {
        let mut client = self.front.connect().expect("the server listens");
        client
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .expect("a connection");
        let mut accepted = None;
        assert!(
            eventually(LIMIT, || {
                accepted = self.backend.accept().ok();
                accepted.is_some()
            }),
            "{} has not passed the request on",
            self.name
        );
        let (mut backend, _) = accepted.expect("it was just accepted");
        backend.set_nonblocking(false).expect("a socket");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            backend.read_exact(&mut byte).expect("a request");
            request.extend(byte);
        }
        InFlight { client, backend }
    }
}

impl InFlight {
    /// Answers it, and fails unless the whole answer reaches the client.
    #[track_caller]
    fn answer(mut self) {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwell\n";
        self.backend
            .write_all(answer)
            .expect("the server waits for it");
        drop(self.backend);
        let mut text = String::new();
        let _ = self.client.read_to_string(&mut text).expect("an answer");
        assert!(
            text.contains(" 200 ") && text.ends_with("\r\n\r\nwell\n"),
            "{text}"
        );
    }
}

/// The log of a server that has ended with this status.
#[track_caller]
fn ended(running: Running, status: i32) -> (Events, Output) {
    let output = running.wait();
    output.expect_status(status);
    (Events::of(&output), output)
}

/// Contract 6.1 to 6.3.
#[test]
fn a_server_with_a_signal_of_its_own_is_held_back_and_drains() {
    for proxy in proxies("drains") {
        let (signal, name) = proxy.graceful;
        let options = ["-t20s", "--stop-delay=1s", "--stop-signal", name];
        let running = proxy.start(Init::new().args(options));
        let slow = proxy.request();
        running.signal(signal);
        let held = running.until_event("stop_delayed");
        assert_eq!((held.text("signal"), held.number("delay_ms")), (name, 1000));
        // Load balancers still send some.
        proxy.request().answer();
        let forwarded = running.until_event("signal_forwarded");
        assert_eq!(forwarded.text("signal"), name);
        slow.answer();
        let (events, output) = ended(running, 0);
        assert_eq!(events.only("shutdown_began").text("signal"), name);
        let took = events.only("shutdown_took").number("elapsed_ms");
        assert!((1000..20_000).contains(&took), "{}: {output}", proxy.name);
        events.expect_none("killed");
    }
}

#[test]
fn a_server_whose_request_never_ends_is_killed_at_the_deadline() {
    for proxy in proxies("deadline") {
        let (signal, name) = proxy.graceful;
        let options = ["-t2s", "--stop-delay=1s", "--stop-signal", name];
        let running = proxy.start(Init::new().args(options));
        let _slow = proxy.request();
        running.signal(signal);
        let (events, output) = ended(running, 137);
        let killed = events.only("killed").number("elapsed_ms");
        assert!((2000..4000).contains(&killed), "{}: {output}", proxy.name);
        let survivors = events.named("survivor");
        assert!(
            survivors
                .iter()
                .all(|survivor| survivor.text("signal") == name),
            "{output}"
        );
        let main = events.only("started").number("pid");
        assert!(
            survivors
                .iter()
                .any(|survivor| survivor.number("pid") == main),
            "{output}"
        );
        assert_eq!(events.only("sigkill_explained").text("killer"), "deadline");
    }
}

/// The control: without the option the signal reaches the server, and that is all.
#[test]
fn without_the_option_a_servers_own_signal_begins_nothing() {
    for proxy in proxies("control") {
        let (signal, name) = proxy.graceful;
        let running = proxy.start(Init::new().args(["-t20s", "--stop-delay=1s"]));
        let slow = proxy.request();
        running.signal(signal);
        assert_eq!(running.until_event("signal_forwarded").text("signal"), name);
        slow.answer();
        let (events, _) = ended(running, 0);
        for event in ["shutdown_began", "stop_delayed", "shutdown_took", "killed"] {
            events.expect_none(event);
        }
    }
}

/// A message of the protocol between `PostgreSQL` and its clients.
fn message(kind: &[u8], text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len() + 4).expect("a short message");
    [kind, &length.to_be_bytes(), text].concat()
}

/// Reads messages of the server's until this one.
#[track_caller]
fn read_until(stream: &mut UnixStream, wanted: &[u8]) {
    let mut seen = Vec::new();
    while !seen.ends_with(wanted) {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {seen:?}"));
        seen.extend(byte);
    }
}

/// Contract 6.8: a smart shutdown waits for the client, a fast one does not.
#[test]
fn the_ladder_of_postgresql_ends_in_its_own_status() {
    let (Some(initdb), Some(postgres)) = (server("initdb"), server("postgres")) else {
        return;
    };
    let directory = Directory::new("ladder");
    let user = nix::unistd::User::from_name("postgres").expect("users");
    let user = user.map_or(65534, |user| user.uid.as_raw());
    let data = directory.file("data");
    let script = r#""$1" -D "$3" -A trust -U test --no-sync >&2 || exit 99
        exec "$2" -D "$3" -c listen_addresses= -c "unix_socket_directories=$4""#;
    let running = Init::new()
        .as_pid_1()
        .launch(["--user", &user.to_string()])
        .directory(&directory.0)
        .args([
            "-v",
            "--log-format=json",
            "--escalate=1s:INT",
            "--escalate=2s:QUIT",
            "-t3s",
        ])
        .args(["--", "sh", "-c", script, "sh"])
        .args([&initdb, &postgres, &data, &directory.0])
        .spawn();
    // Version 3.0 of the protocol; "Z" says that the server waits for a query, in no transaction or in one.
    let hello = message(b"", b"\0\x03\0\0user\0test\0database\0postgres\0\0");
    let idle = b"Z\0\0\0\x05I";
    let mut client = None;
    assert!(
        eventually(LIMIT, || {
            client = UnixStream::connect(directory.file(".s.PGSQL.5432"))
                .ok()
                .and_then(|mut stream| {
                    stream.write_all(&hello).ok()?;
                    let mut first = [0];
                    stream.read_exact(&mut first).ok()?;
                    // Anything else is an error, while it still starts.
                    (first == *b"R").then_some(stream)
                });
            client.is_some()
        }),
        "{}",
        running.stderr_so_far()
    );
    let mut client = client.expect("it is there");
    read_until(&mut client, idle);
    client
        .write_all(&message(b"Q", b"BEGIN\0"))
        .expect("a connection");
    read_until(&mut client, b"Z\0\0\0\x05T");
    running.signal(libc::SIGTERM);
    let (events, output) = ended(running, 0);
    let step = events.only("signal_escalated");
    let elapsed = step.number("elapsed_ms");
    assert_eq!(step.text("signal"), "SIGINT");
    assert!((1000..2000).contains(&elapsed), "{output}");
    let took = events.only("shutdown_took").number("elapsed_ms");
    assert!((1000..2000).contains(&took), "{output}");
    events.expect_none("killed");
    for said in [
        "received smart shutdown request",
        "received fast shutdown request",
    ] {
        assert!(output.stderr().contains(said), "{said}: {output}");
    }
    assert!(!output.stderr().contains("immediate shutdown"), "{output}");
    drop(client);
}

const HUNG: &str = r"
import faulthandler, signal, threading
faulthandler.register(signal.SIGQUIT)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def where_it_hangs():
    print('ready', flush=True)
    threading.Event().wait()
where_it_hangs()
";

/// Contract 6.8: what hangs says where, a moment before it is killed.
#[test]
fn a_hung_program_writes_its_stacks_before_it_is_killed() {
    let Some(python) = server("python3") else {
        return;
    };
    let mut running = Init::new()
        .as_pid_1()
        .args([
            "-v",
            "--log-format=json",
            "--escalate=500ms:QUIT",
            "-t1500ms",
            "--",
        ])
        .arg(python)
        .args(["-c", HUNG])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGTERM);
    let (events, output) = ended(running, 137);
    assert_eq!(events.only("signal_escalated").text("signal"), "SIGQUIT");
    assert!(output.stderr().contains("in where_it_hangs"), "{output}");
    assert_eq!(events.only("survivor").text("signal"), "SIGQUIT");
}

/// Contract 6.1: the same dump, asked for by hand, is no stop.
#[test]
fn a_dump_of_the_stacks_that_was_asked_for_is_no_stop() {
    let Some(python) = server("python3") else {
        return;
    };
    let mut running = Init::new()
        .as_pid_1()
        .args([
            "-v",
            "--log-format=json",
            "--stop-delay=500ms",
            "-t1s",
            "--",
        ])
        .arg(python)
        .args(["-c", HUNG])
        .spawn();
    let _ = running.wait_line("ready");
    running.signal(libc::SIGQUIT);
    assert!(eventually(LIMIT, || running
        .stderr_so_far()
        .contains("in where_it_hangs")));
    running.log_so_far().expect_none("shutdown_began");
    running.log_so_far().expect_none("stop_delayed");
    // It goes on: it ends at the deadline of a real stop, and not before.
    running.signal(libc::SIGTERM);
    let (events, output) = ended(running, 137);
    assert_eq!(events.only("shutdown_began").text("signal"), "SIGTERM");
    let killed = events.only("killed").number("elapsed_ms");
    assert!((1000..3000).contains(&killed), "{output}");
}

/// Contract 7.4: nginx as its package configures it puts itself into the background, and the container ends.
#[test]
fn a_server_that_daemonizes_itself_is_told() {
    let Some(program) = server("nginx") else {
        return;
    };
    let directory = Directory::new("daemon");
    let path = directory.0.display();
    let text = format!(
        "worker_processes 1; pid {path}/pid; error_log {path}/error; events {{ worker_connections 64; }}
         http {{
             access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
             fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
             server {{ listen unix:{path}/front; }}
         }}"
    );
    let configuration = directory.write("nginx.conf", &text);
    let run = || {
        // A daemon that is killed leaves its socket behind, and the next could not bind.
        let _ = std::fs::remove_file(directory.0.join("front"));
        let output = Init::new()
            .as_pid_1()
            .args(["--log-format=json", "--"])
            .arg(&program)
            .args(["-e", "stderr", "-c"])
            .arg(&configuration)
            .run();
        output.expect_status(0);
        output
    };
    // Now and then its first process is gone before its daemon has called setsid(2): then it is no daemon yet.
    let is_told = |output: &Output| !Events::of(output).names().is_empty();
    let output = (0..10).map(|_| run()).find(is_told);
    let output = output.expect("one of ten runs is told");
    let events = Events::of(&output);
    assert_eq!(events.names(), ["daemon_cut_off"], "{output}");
    let line = events.only("daemon_cut_off");
    assert_eq!(
        line.field("daemon").expect("a daemon")["name"],
        "nginx",
        "{output}"
    );
}
