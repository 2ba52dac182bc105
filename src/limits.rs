//! The numbers that are decisions and can be seen from outside, each with its reason. `docs/design.md` cites them from here.

use crate::posix::time::Milliseconds;

/// How many children are reaped between two looks at the pending signals, and how many signals are taken
/// in a row before everything else gets its turn (contract 3.7). Large enough that a storm of either kind
/// costs 3 % more system calls, small enough that nothing waits for more than some 100 µs.
pub const BATCH: u8 = 32;

/// How many dead children are reaped once the main child is dead (contract 4.4): enough for every job seen
/// so far, few enough that a storm cannot hold the end back.
pub const REAPED_AT_END: u16 = 1000;

/// How many processes that had to be killed are named (contract 6.6). A reader wants the first few.
pub const LISTED: usize = 32;

/// How many of those that are left behind one line names (contract 7.4). It has to stay short.
pub const NAMED: usize = 4;

/// How many processes PID 1 looks at before it kills them (contract 6.3). So many are counted exactly; each look costs some
/// 10 µs while a deadline waits.
pub const LOOKED_AT: u16 = 1024;

/// How many processes PID 1 looks at before it leaves them (contract 7.4). Those who are somebody else's are remembered on
/// the stack, which is the init's own memory.
pub const LOOKED_AT_AT_END: usize = 32;

/// How often a walk lists those who were born meanwhile (contract 6.3): often enough to catch a process that replaces itself
/// a thousand times a second, and bounded, however many are born.
pub const LISTED_AGAIN: u8 = 16;

/// How long after the last SIGKILL it is repeated at the earliest, for whoever was born meanwhile or seen late (contract
/// 6.3).
pub const KILL_AGAIN: Milliseconds = Milliseconds(100);

/// How long after it at the latest. A walk that took longer than [`KILL_AGAIN`] is followed by as long a pause, in which the
/// dead are reaped, but short of [`GIVE_UP`]: SIGKILL is repeated at least once (contract 6.3).
pub const KILL_AGAIN_AT_LATEST: Milliseconds = Milliseconds(1_000);

/// How long after the first SIGKILL the init waits for what cannot be killed, such as a process in an
/// uninterruptible sleep (contract 6.3).
pub const GIVE_UP: Milliseconds = Milliseconds(5_000);

/// How long the rest may take where no grace period was asked for (contract 6.4). Docker kills ten seconds
/// after its stop signal; the init's report has to come before that.
pub const REST_GRACE: Milliseconds = Milliseconds(9_000);

/// A main child that took longer than this to end shows a platform that waits for longer than docker's ten
/// seconds, so that the rest gets its own [`REST_GRACE`] (contract 6.4).
pub const PATIENT_PLATFORM: Milliseconds = Milliseconds(8_000);

/// When a main child that still lives is named, where no grace period was asked for (contract 6.9): late
/// enough that most have ended, two seconds before docker's SIGKILL.
pub const SLOW_STOP: Milliseconds = Milliseconds(8_000);

/// A stop signal this soon after the first one is the same stop (contract 6.2): timeout(1) signals its child
/// and then its group.
pub const SAME_STOP: Milliseconds = Milliseconds(100);

/// How many steps of `--escalate` there may be (contract 6.8). No server has more than three.
pub const ESCALATIONS: usize = 8;

/// The longest time that an option may ask for: 24 hours (contract 6.7).
pub const LONGEST_TIME: Milliseconds = Milliseconds(86_400_000);

/// How long PID 1 sleeps before it asks again whether it is alone, while it waits for processes that entered its
/// namespace by setns(2): they are no children of it, so their death sends no SIGCHLD.
pub const ASK_WHO_IS_LEFT: Milliseconds = Milliseconds(100);

/// How long to pause after an error that no kernel gives, so that it cannot take the whole processor.
pub const PAUSE_AFTER_ERROR: Milliseconds = Milliseconds(100);

/// The longest log line, its line feed included (contract 8.4). Below `PIPE_BUF`, so that pipe(7) keeps it whole.
pub const LINE: usize = 1024;

/// How much of the words from outside a log line shows, all of them together, so that our own words around them
/// still fit.
pub const WORDS: usize = 700;

/// The longest path that execve(2) takes, its null byte included (`PATH_MAX`, `include/uapi/linux/limits.h`).
pub const PATH: usize = 4096;
