//! As a service of systemd itself (contract 2.4): systemd is PID 1 of namespaces of its own, on a copy-on-write root.

use std::fs;
use std::process::Command;

use harness::engine::{Directory, Ended, finish};
use harness::{Requirement, pidling, program, require, require_namespaces, require_root};

/// Makes the root of a small system with systemd as PID 1, and ends with its status. Of all that it mounts nothing is
/// seen outside, and the control group that it makes for systemd is removed.
const BOOT: &str = r#"
set -e
cd "$1"
mkdir groups layers root
mount -t cgroup2 none groups
mkdir "groups/$2"
mount -t tmpfs none layers
mkdir layers/upper layers/work
mount -t overlay -o lowerdir=/,upperdir=layers/upper,workdir=layers/work none root
for directory in run tmp dev etc/systemd/system; do mount -t tmpfs none "root/$directory"; done
for file in null zero full random urandom; do
    : >"root/dev/$file"
    mount --bind "/dev/$file" "root/dev/$file"
done
mkdir root/dev/shm
cp "$3" root/pidling
cp units/* root/etc/systemd/system
for file in said dev/kmsg; do
    : >"root/$file"
    mount --bind "${file#dev/}" "root/$file"
done
status=0
unshare --pid --fork --kill-child sh -ec '
    echo 0 >"groups/$2/cgroup.procs"
    mount -t proc none root/proc
    exec unshare --cgroup --mount sh -ec "
        mount -t sysfs none root/sys
        mount -t cgroup2 none root/sys/fs/cgroup
        exec env -i container=test PATH=$PATH chroot root /lib/systemd/systemd --unit=app.service --log-target=kmsg"
' sh "$@" || status=$?
find "groups/$2" -depth -type d -exec rmdir {} +
exit "$status"
"#;

/// What stands before the app: nothing, as a control, or the init.
const WITHOUT_AND_WITH: [&str; 2] = ["", "/pidling -- "];

/// How a service ended, and what it said.
struct Service {
    ended: Ended,
    said: String,
    log: String,
}

impl Service {
    /// Runs a script as a service with these settings and a socket, until it has ended. `None` where that is to be
    /// skipped, the reason has been said.
    #[track_caller]
    fn run(init: &str, settings: &str, script: &str) -> Option<Self> {
        let is_there =
            program("systemd-notify").is_some() && fs::exists("/lib/systemd/systemd").unwrap();
        let reason = "systemd is not installed";
        if !require_root()
            || !require_namespaces()
            || !require(Requirement::Systemd, is_there, reason)
        {
            return None;
        }
        let place = Directory::new();
        for file in ["said", "kmsg"] {
            let _ = place.write(file, "");
        }
        // A file rather than a quoted word: systemd has its own rules for both.
        let _ = place.write("units/script", script);
        let _ = place.write(
            "units/app.service",
            &format!(
                "[Unit]\nDefaultDependencies=no\nRequires=app.socket\nSuccessAction=exit\nFailureAction=exit\n\
                 FailureActionExitStatus=99\n\
                 [Service]\nSuccessExitStatus=42\nTimeoutStopSec=10s\nStandardOutput=append:/said\n\
                 ExecStart={init}/bin/sh /etc/systemd/system/script\n{settings}\n"
            ),
        );
        let _ = place.write(
            "units/app.socket",
            "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/app\n",
        );
        let group = format!("pidling-{}", place.path().rsplit('/').next().unwrap());
        let ended = finish(
            Command::new("unshare")
                .args(["--mount", "sh", "-c", BOOT, "sh", place.path(), &group])
                .arg(pidling()),
        );
        let read =
            |file| String::from_utf8_lossy(&fs::read(place.join(file)).unwrap()).into_owned();
        Some(Self {
            ended,
            said: read("said"),
            log: read("kmsg"),
        })
    }

    /// Fails unless this is the status that systemd ends with, and all that the service said.
    #[track_caller]
    fn expect(&self, status: i32, said: &str) {
        let Self { ended, log, .. } = self;
        assert_eq!(
            (ended.code(), &*self.said),
            (Some(status), said),
            "{ended}\n{log}"
        );
    }
}

/// The notifications of a child of the main process count where `NotifyAccess` is `all`: systemd takes each keep-alive,
/// by which the time of the last one changes.
#[test]
fn a_service_of_systemd_keeps_its_watchdog_alive() {
    let script = "
        last() { systemctl show app.service --property=WatchdogTimestampMonotonic --value; }
        systemd-notify --ready
        until [ \"$(systemctl show app.service --property=ActiveState --value)\" = active ]; do :; done
        echo active
        for round in 1 2 3; do
            before=$(last)
            systemd-notify WATCHDOG=1
            while [ \"$(last)\" = \"$before\" ]; do :; done
            echo alive
        done
        exit 42";
    for init in WITHOUT_AND_WITH {
        let settings = "Type=notify\nNotifyAccess=all\nWatchdogSec=60s";
        let Some(service) = Service::run(init, settings, script) else {
            return;
        };
        service.expect(42, "active\nalive\nalive\nalive\n");
    }
}

/// The control: the watchdog bites an app that sends no keep-alives.
#[test]
fn the_watchdog_of_systemd_ends_a_service_that_hangs() {
    for init in WITHOUT_AND_WITH {
        let settings = "Type=notify\nNotifyAccess=all\nWatchdogSec=1s";
        let script = "systemd-notify --ready; exec sleep 1000";
        let Some(service) = Service::run(init, settings, script) else {
            return;
        };
        service.expect(99, "");
    }
}

/// The variables that name the process name the app, and its socket is there. systemd 257 sets `LISTEN_PIDFDID`; where
/// it names the init's process, the app is better off without it.
#[test]
fn the_variables_of_systemd_name_the_app() {
    let script = "
        for pid in \"$LISTEN_PID\" \"$WATCHDOG_PID\" \"$SYSTEMD_EXEC_PID\"; do
            [ \"$pid\" = $$ ] && echo own || echo \"$pid is not $$\"
        done
        echo \"$LISTEN_FDS ${LISTEN_PIDFDID-none}\"
        [ -S /proc/self/fd/3 ] && echo socket
        exit 42";
    for (init, pidfd) in WITHOUT_AND_WITH.into_iter().zip(["17", "none"]) {
        let settings = "WatchdogSec=60s\nEnvironment=LISTEN_PIDFDID=17";
        let Some(service) = Service::run(init, settings, script) else {
            return;
        };
        service.expect(42, &format!("own\nown\nown\n1 {pidfd}\nsocket\n"));
    }
}
