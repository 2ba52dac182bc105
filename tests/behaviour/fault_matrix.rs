//! Shutdowns in which one system call fails once (contract 4.5, 6.3): every call that strace records of a shutdown,
//! with every error of its manual page, at every position. The init ends within its deadline and six seconds, with
//! the main child's status, and nobody is left.
//!
//! strace is attached to an init that waits for its stop signal, so that positions count from there. `FAULTS=full`
//! carries out every case and 500 random ones, without it a sample of both. `FAULTS_SEED` repeats the random choice.

use crate::placed::{BOTH, Place, Tracer, expect_nobody_left};
use crate::shutdown::{script, wait_for};
use harness::{require_namespaces, require_strace};
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// The grace period of each shutdown, and what the promise allows in all: five seconds to give up, one for a busy
/// machine.
const GRACE: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_millis(6300);

/// The status of a main child that SIGKILL ended.
const KILLED: u8 = 137;

/// How many shutdowns run at once.
const AT_ONCE: usize = 8;

/// How many cases of the matrix are carried out without `FAULTS=full`, and how many random ones.
const SAMPLE: usize = 60;
const RANDOM_SAMPLE: usize = 40;
const RANDOM_FULL: usize = 500;

/// The errors of each call's manual page. EPERM and ENOSYS, with which a seccomp profile refuses, belong to every one.
const ERRORS: &[(&str, &str)] = &[
    ("clock_gettime", "EACCES EFAULT EINVAL ENODEV EOPNOTSUPP"),
    ("close", "EBADF EDQUOT EINTR EIO ENOSPC"),
    ("exit_group", ""),
    ("fstat", "EBADF EFAULT ENOMEM EOVERFLOW"),
    ("fstatfs", "EBADF EFAULT EINTR EIO ENOMEM EOVERFLOW"),
    ("getdents64", "EBADF EFAULT EINVAL ENOENT ENOTDIR"),
    ("getpgid", "ESRCH"),
    ("getpid", ""),
    ("getppid", ""),
    ("getsid", "ESRCH"),
    ("ioctl", "EBADF EFAULT EINVAL EIO ENOTTY"),
    ("kill", "EINVAL ESRCH"),
    ("lseek", "EBADF EINVAL ENXIO EOVERFLOW ESPIPE"),
    (
        "mmap",
        "EACCES EAGAIN EBADF EINVAL ENFILE ENODEV ENOMEM EOVERFLOW",
    ),
    ("munmap", "EINVAL ENOMEM"),
    (
        "openat",
        "EACCES EINTR EINVAL ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM ENOTDIR ENXIO EOVERFLOW",
    ),
    ("pidfd_open", "EINVAL EMFILE ENFILE ENODEV ENOMEM ESRCH"),
    ("pidfd_send_signal", "EBADF EINVAL ESRCH"),
    ("ppoll", "EFAULT EINTR EINVAL ENOMEM"),
    ("prctl", "EINVAL"),
    (
        "pread64",
        "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR ENXIO EOVERFLOW ESPIPE",
    ),
    (
        "pwritev2",
        "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EOPNOTSUPP EPIPE ESPIPE",
    ),
    ("read", "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR"),
    ("rt_sigaction", "EFAULT EINVAL"),
    ("rt_sigprocmask", "EFAULT EINVAL"),
    ("rt_sigqueueinfo", "EAGAIN EINVAL ESRCH"),
    ("rt_sigtimedwait", "EAGAIN EINTR EINVAL"),
    (
        "sendto",
        "EACCES EAGAIN EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL ENOBUFS ENOMEM ENOTCONN ENOTSOCK EPIPE",
    ),
    ("setpgid", "EACCES EINVAL ESRCH"),
    ("tgkill", "EINVAL ESRCH"),
    ("wait4", "ECHILD EINTR EINVAL ESRCH"),
    ("waitid", "ECHILD EINTR EINVAL ESRCH"),
    (
        "write",
        "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPIPE",
    ),
];

/// With which each call can be refused.
const REFUSALS: [&str; 2] = ["EPERM", "ENOSYS"];

/// The errors of a call.
#[track_caller]
fn errors_of(call: &str) -> Vec<&'static str> {
    let row = ERRORS.iter().find(|(known, _)| *known == call);
    let Some((_, errors)) = row else {
        panic!("{call} is called during a shutdown, and has no row in the table");
    };
    errors.split_whitespace().chain(REFUSALS).collect()
}

/// What is there when the grace period is over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Main {
    /// A main child that ignores the stop signal, and a rest that does as well.
    Living,
    /// Only the rest.
    Dead,
}

/// What the init is asked for beside the grace period.
type Options = &'static [&'static str];

/// That of the matrix: every line of the log is written.
const MATRIX: Options = &["-a", "-vv"];

/// Those of the random cases.
const RANDOM: [Options; 4] = [
    MATRIX,
    &["-a", "-g", "-q"],
    &["-a", "-w", "-v", "--log-format=json"],
    &["-a", "--setsid", "-vv"],
];

/// A shutdown.
#[derive(Clone, Copy, Debug)]
struct Story {
    place: Place,
    main: Main,
    options: Options,
}

impl Story {
    /// All that differ in more than options.
    fn all(options: Options) -> Vec<Self> {
        let mains = [Main::Living, Main::Dead];
        let stories = BOTH.into_iter().flat_map(|place| {
            mains.map(|main| Self {
                place,
                main,
                options,
            })
        });
        stories.collect()
    }

    /// Carries it out with more options for strace, and returns what it recorded. Panics if the promise is broken, or the
    /// init ends with another status than this.
    fn carry_out(self, tracer: &[&str], status: u8) -> String {
        let Self {
            place,
            main,
            options,
        } = self;
        let last = match main {
            Main::Living => "ignore:TERM",
            Main::Dead => "report exit:TERM:4",
        };
        let text = format!(
            r#""$PROBE" app member ignore:TERM & "$PROBE" app daemon session ignore:TERM &
            exec "$PROBE" app main {last} <&3"#
        );
        let init = place.init().args(options).args(["-t", "300ms"]);
        let mut running = script(init, &text).spawn();
        wait_for(&running, &["member ready", "daemon ready", "main ready"]);
        let tracer = Tracer::attach(running.init_pid(), tracer);
        let began = Instant::now();
        running.signal(libc::SIGTERM);
        let _ = running.wait_status();
        let took = began.elapsed();
        let output = running.wait();
        output.expect_status(status.into());
        assert!(
            took >= GRACE && took <= LONGEST,
            "it took {took:?}\n{output}"
        );
        expect_nobody_left(place, &output);
        tracer.finish()
    }

    /// What the init ends with where nothing fails.
    const fn status(self) -> u8 {
        match self.main {
            Main::Living => KILLED,
            Main::Dead => 4,
        }
    }

    /// How often it calls what.
    fn record(self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for line in self.carry_out(&[], self.status()).lines() {
            let is_name = |name: &&str| {
                let mut bytes = name.bytes();
                !name.is_empty() && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
            };
            if let Some(call) = line.split_once('(').map(|(call, _)| call).filter(is_name) {
                let call = harness::call_of_strace_name(call);
                *counts.entry(call.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }
}

/// A shutdown in which a call fails, this one of all of its name.
#[derive(Clone, Debug)]
struct Case {
    story: Story,
    call: String,
    error: &'static str,
    position: u32,
}

impl Case {
    /// Carries it out; says what is wrong, or whether the call was reached.
    fn check(&self) -> Result<bool, String> {
        let Self {
            story,
            call,
            error,
            position,
        } = self;
        let call = harness::strace_name(call);
        let inject = format!("inject={call}:error={error}:when={position}");
        // The first kill(2) forwards the stop signal. If it fails, the main child lives on to the deadline, unless it was
        // for its group: then another one is for the main child alone.
        let has_second_try = story.options.contains(&"-g");
        let is_never_asked = call == "kill" && *position == 1 && !has_second_try;
        let status = if is_never_asked {
            KILLED
        } else {
            story.status()
        };
        let trace = catch_unwind(|| story.carry_out(&["-e", &inject], status));
        trace
            .map(|trace| trace.contains("(INJECTED)"))
            .map_err(|_| format!("{self:?}: see above"))
    }
}

/// Carries out cases, several at once. Returns how many reached their call, and fails if the promise was broken.
#[track_caller]
fn carry_out(cases: Vec<Case>) -> usize {
    let cases = Mutex::new(cases.into_iter());
    let results = Mutex::new((0, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let _ = scope.spawn(|| {
                loop {
                    let case = cases.lock().unwrap().next();
                    let Some(case) = case else { return };
                    let result = case.check();
                    let mut results = results.lock().unwrap();
                    match result {
                        Ok(reached) => results.0 += usize::from(reached),
                        Err(wrong) => results.1.push(wrong),
                    }
                }
            });
        }
    });
    let (reached, wrong) = results.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} broke the promise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    reached
}

/// Whether every case is to be carried out.
fn is_full() -> bool {
    std::env::var("FAULTS").is_ok_and(|value| value == "full")
}

/// Where random numbers start, which is said.
fn seed() -> u64 {
    let given = std::env::var("FAULTS_SEED")
        .ok()
        .map(|text| text.parse().unwrap());
    let seed = given.unwrap_or_else(|| {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        u64::from(since.subsec_nanos())
    });
    eprintln!("FAULTS_SEED={seed}");
    seed
}

/// `SplitMix64`: random numbers that follow from a seed.
struct Random(u64);

impl Random {
    /// A number below this one.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

#[test]
fn a_call_that_fails_once_breaks_no_promise() {
    if !require_namespaces() || !require_strace() {
        return;
    }
    let mut cases = Vec::new();
    let mut expected = 0;
    for story in Story::all(MATRIX) {
        let counts = story.record();
        for call in ["wait4", "rt_sigtimedwait", "exit_group"] {
            assert!(
                counts.contains_key(call),
                "{story:?} without {call}: {counts:?}"
            );
        }
        let before = cases.len();
        for (call, count) in &counts {
            let errors = errors_of(call);
            expected += errors.len() * usize::try_from(*count).unwrap();
            for position in 1..=*count {
                cases.extend(errors.iter().map(|error| Case {
                    story,
                    call: call.clone(),
                    error,
                    position,
                }));
            }
        }
        eprintln!("{story:?}: {} cases of {counts:?}", cases.len() - before);
    }
    assert_eq!(cases.len(), expected);
    let all = cases.len();
    if !is_full() {
        let mut random = Random(seed());
        cases = (0..SAMPLE)
            .map(|_| cases.swap_remove(random.below(cases.len())))
            .collect();
    }
    let chosen = cases.len();
    let reached = carry_out(cases);
    eprintln!("{chosen} of {all} cases, {reached} of which reached their call");
    // A shutdown does not make the same calls each time: a signal or a death may come a moment later.
    assert!(
        reached * 10 >= chosen * 9,
        "only {reached} of {chosen} reached their call"
    );
}

#[test]
fn a_random_call_that_fails_breaks_no_promise() {
    if !require_namespaces() || !require_strace() {
        return;
    }
    let count = if is_full() {
        RANDOM_FULL
    } else {
        RANDOM_SAMPLE
    };
    let recordings: Vec<(Story, Vec<(String, u32)>)> = RANDOM
        .into_iter()
        .flat_map(Story::all)
        .map(|story| (story, story.record().into_iter().collect()))
        .collect();
    let mut random = Random(seed());
    let cases: Vec<Case> = (0..count)
        .map(|_| {
            let (story, calls) = &recordings[random.below(recordings.len())];
            let (call, most) = &calls[random.below(calls.len())];
            let errors = errors_of(call);
            Case {
                story: *story,
                call: call.clone(),
                error: errors[random.below(errors.len())],
                position: 1 + u32::try_from(random.below(usize::try_from(*most).unwrap())).unwrap(),
            }
        })
        .collect();
    assert_eq!(cases.len(), count);
    let reached = carry_out(cases);
    eprintln!("{count} random cases, {reached} of which reached their call");
}
