//! Properties of the readers and of the log, over inputs that nobody thought of: each is held against
//! the model in `tests/model`, which the fuzz targets in `tests/fuzz` share.

#[path = "../model/model.rs"]
#[expect(
    unreachable_pub,
    reason = "the fuzz targets, which are programs of their own, use it too"
)]
mod model;

use model::Stat;
use proptest::prelude::*;

/// A tenth of the cases, or all of them in a full run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: if harness::is_full() {
            cases
        } else {
            cases / 10
        },
        failure_persistence: None,
        ..Default::default()
    }
}

/// Words as people write them, and such as nobody would.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "-",
        "--",
        "---",
        "--=",
        "-a",
        "-c",
        "-g",
        "-h",
        "-l",
        "-L",
        "-P",
        "-q",
        "-s",
        "-v",
        "-V",
        "-w",
        "-vv",
        "-sg",
        "-cvw",
        "-e",
        "-e3",
        "-e256",
        "-p",
        "-p9",
        "-pHUP",
        "-r",
        "-rTERM:QUIT",
        "-rKILL:TERM",
        "-rHUP:0",
        "-t",
        "-t5",
        "-t1m",
        "-x",
        "-A",
        "-hP",
        "-gt9s",
        "--group",
        "--wait-all",
        "--single-child",
        "--setsid",
        "--pause",
        "--help",
        "--version",
        "--license",
        "--quiet",
        "--verbose",
        "--subreaper",
        "--warn-on-reap",
        "--remap-exit=7",
        "--remap-exit",
        "--rewrite=15:2",
        "--rewrite=TSTP:TSTP",
        "--rewrite",
        "--rewrite=",
        "--log-format=json",
        "--log-format",
        "--stop-delay=2s",
        "--stop-delay",
        "--stop-signal=QUIT",
        "--stop-signal",
        "--stop-sig",
        "--escalate=2s:INT",
        "--escalate=1500ms:QUIT",
        "--escalate=4:KILL",
        "--escalate",
        "1h:RTMAX-1",
        "--grace-period=3000ms",
        "--grace-period=1",
        "--parent-death-signal=RTMIN+1",
        "--group=yes",
        "--grou",
        "--groups",
        "--log-format=xml",
        "json",
        "text",
        "15",
        "TERM",
        "USR1:USR2",
        "1500ms",
        "sh",
        "",
        "0",
    ])
    .prop_map(|word: &str| word.as_bytes().to_vec());
    let letters = prop::collection::vec(
        prop::sample::select(b"aceghlpqrstvwLPVx=-0 9:".to_vec()),
        0..6,
    )
    .prop_map(|letters| [b"-", &letters[..]].concat());
    let bytes = prop::collection::vec(1..=255_u8, 0..12);
    prop_oneof![8 => known, 3 => letters, 1 => bytes]
}

/// A line of the environment.
fn entry() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec![
        "TINI_SUBREAPER=",
        "TINI_KILL_PROCESS_GROUP=",
        "TINI_VERBOSITY=",
        "TINI_VERBOSITY",
        "DUMB_INIT_SETSID=",
        "DUMB_INIT_DEBUG=",
        "DUMB_INIT_DEBU=",
        "PIDLING_OPTIONS=",
        "PIDLING_OPTION=",
        "PATH=",
        "=",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "",
            "0",
            "1",
            "2",
            "7",
            "4294967296",
            "x",
            "0=1",
            "00",
            " +2x",
            "-3"
        ])
        .prop_map(|value: &str| value.as_bytes().to_vec()),
        prop::collection::vec(
            (word(), prop::sample::select(b" \t\n\r\x0b\x0c".to_vec())),
            0..5
        )
        .prop_map(|words| {
            let words = words.into_iter();
            words
                .flat_map(|(word, space)| [word, vec![space]].concat())
                .collect()
        }),
    ];
    (name, value).prop_map(|(name, value)| [name.as_bytes(), &value[..]].concat())
}

fn program() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "pidling",
        "/sbin/tini",
        "docker-init",
        "/a/dumb-init",
        "dumb-init",
        "tini/",
        "",
    ])
    .prop_map(|name: &str| name.as_bytes().to_vec())
}

/// A name as a process may give itself.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![1..=255_u8, prop::sample::select(b") (\n9S:".to_vec())];
    prop::collection::vec(byte, 0..16)
}

fn text_of(bytes: &'static [u8], length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(
        prop_oneof![4 => prop::sample::select(bytes.to_vec()), 1 => any::<u8>()],
        0..length,
    )
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn options_mean_what_the_model_says(
        program in program(),
        words in prop::collection::vec(word(), 0..8),
        environment in prop::collection::vec(entry(), 0..4),
        is_pid_1: bool,
    ) {
        let arguments = [vec![program], words].concat();
        model::check_options(&arguments, &environment, is_pid_1);
    }

    #[test]
    fn steps_mean_what_the_model_says(
        steps in prop::collection::vec(("[1-6](s|500ms)?", "INT|QUIT|2|KILL"), 0..10),
        grace in prop::option::of("[0-9]"),
        delay in prop::option::of("[0-3]"),
        places in any::<[prop::sample::Index; 2]>(),
    ) {
        let steps = steps.iter().map(|(time, signal)| format!("--escalate={time}:{signal}"));
        let mut words: Vec<String> = steps.collect();
        let times = [
            grace.map(|time| format!("-t{time}")),
            delay.map(|time| format!("--stop-delay={time}")),
        ];
        for (time, place) in times.into_iter().zip(places) {
            let place = place.index(words.len() + 1);
            drop(words.splice(place..place, time));
        }
        let words = words.iter().map(|word| word.as_bytes().to_vec());
        let arguments: Vec<Vec<u8>> =
            [b"pidling".to_vec()].into_iter().chain(words).chain([b"sh".to_vec()]).collect();
        model::check_options(&arguments, &[], true);
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn signals_and_times_mean_what_the_model_says(
        text in prop_oneof![
            text_of(b"0123456789msh", 12),
            text_of(b"SIGsigRTMINrtmax+-0123456789", 12),
            "(SIG|sig|Sig)?(HUP|INT|term|Kill|IO|rtmin|RTMAX)([+-][0-9]{0,3})?".prop_map(String::into_bytes),
            "[0-9]{1,11}(ms|s|m|h)?".prop_map(String::into_bytes),
        ]
    ) {
        model::check_values(&text);
    }

    #[test]
    fn any_stat_file_of_the_kernel_is_read(
        ids in any::<[u32; 4]>(),
        name in name(),
        state in prop::sample::select(b"RSDZTtXxKWPI".to_vec()),
        terminal in prop_oneof![Just(0), any::<i32>()],
        threads in prop_oneof![0..3_u32, any::<u32>()],
        started: u64,
        other: i64,
        sets in any::<[u32; 4]>(),
    ) {
        model::check_stat(&Stat { ids, name, state, terminal, threads, started, other, sets });
    }

    #[test]
    fn any_bytes_are_read_as_a_stat_file(bytes in text_of(b"() 0123456789SZ\n", 1024)) {
        model::check_any_stat(&bytes);
    }

    #[test]
    fn process_ids_are_found_in_any_directory(
        names in prop::collection::vec((text_of(b"0123456789", 12), 0..16_u8), 0..12),
        cut in 0..600_usize,
    ) {
        model::check_directory(&names, cut);
    }

    #[test]
    fn control_group_files_mean_what_the_model_says(
        text in prop_oneof![
            text_of(b"memorypids,:/0.\n oom_kill", 80),
            "((0|1|12):(memory|pids|cpu,memory|pids,cpu)?:(/[.]{0,2}[a-c]?){0,3}\n){0,4}"
                .prop_map(String::into_bytes),
            "((oom|oom_kill|low) ?[0-9]{0,11}\n){0,4}".prop_map(String::into_bytes),
            "([0-9]{0,11}|max)\n?".prop_map(String::into_bytes),
        ],
    ) {
        model::check_control_group_files(&text);
    }

    #[test]
    fn any_words_are_found_in_a_line_of_the_log(
        words in prop::array::uniform2(
            prop_oneof![8 => text_of(b"\\\"'\n: .x", 60), 1 => text_of(b"\\\"'\n: .x", 2000)]
        ),
        errno in 0..200_i32,
        drops in prop_oneof![4 => Just(0), 1 => any::<u8>()],
        time in any::<(u32, u32)>(),
    ) {
        let [command, interpreter] = &words;
        model::check_log(command, interpreter, errno, drops, time);
    }
}
