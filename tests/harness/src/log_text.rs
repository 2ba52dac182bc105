//! Lines of the log in the text format, with times in them.

use crate::Output;

/// Whether a word is a time as text lines have it: `1.204`.
fn is_time(word: &str) -> bool {
    word.split_once('.').is_some_and(|(seconds, rest)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !seconds.is_empty() && digits(seconds) && rest.len() == 3 && digits(rest)
    })
}

/// The text with `N.NNN` for each time in it.
pub fn without_times(text: &str) -> String {
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| if is_time(word) { "N.NNN" } else { word })
        .collect();
    words.join(" ")
}

/// The only time in the only line that starts with this, in seconds.
#[track_caller]
pub fn time_in(text: &str, start: &str) -> f64 {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(start))
        .collect();
    assert_eq!(lines.len(), 1, "lines {start:?} in\n{text}");
    let mut times = lines
        .iter()
        .flat_map(|line| line.split(' '))
        .filter(|word| is_time(word));
    times.next().unwrap().parse().unwrap()
}

/// Fails unless it exited with this status and said this on standard error; `N.NNN` stands for any time.
#[track_caller]
pub fn expect_log(output: &Output, status: i32, lines: &[&str]) {
    let expected: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    assert_eq!(
        (output.status.code(), &*without_times(&output.stderr())),
        (Some(status), &*expected),
        "status and standard error of\n{output}"
    );
}
