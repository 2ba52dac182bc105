use super::*;
use crate::limits::LINE;

/// What one field looks like in text, and its value in JSON.
#[track_caller]
fn check<'a, V: Into<Value<'a>>>(value: V, text: &str, json: &str) {
    let value = value.into();
    let mut memory = [0; LINE];
    let mut line = Line::new(Format::Text, &mut memory);
    line.begin_text("");
    let _ = line.write("{key}", &[value]);
    assert_eq!(str::from_utf8(line.end()).unwrap(), format!("{text}\n"));
    let mut line = Line::new(Format::Json, &mut memory);
    line.begin_json((0, 0), "info", "test");
    let _ = line.write("{key}", &[value]);
    let begin = r#"{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"test","key":"#;
    assert_eq!(
        str::from_utf8(line.end()).unwrap(),
        format!("{begin}{json}}}\n")
    );
}

fn named(pid: i32, name: &[u8]) -> Named<'_> {
    let pid = Pid::new(pid).unwrap();
    Named { pid, name }
}

#[test]
fn values_are_written_by_their_types() {
    check(0_u8, "0", "0");
    check(4_294_967_295_u32, "4294967295", "4294967295");
    check(Value::Bool(true), "true", "true");
    check(Value::Bool(false), "false", "false");
    check(Pid::new(7).unwrap(), "7", "7");
    check(Signal::TERM, "SIGTERM", r#""SIGTERM""#);
    check(Signal::new(37).unwrap(), "SIGRTMIN+3", r#""SIGRTMIN+3""#);
    check(
        Errno::ENOENT,
        "ENOENT (no such file or directory)",
        r#""ENOENT""#,
    );
    check(Errno::new(999).unwrap(), "errno 999", r#""errno 999""#);
    check(Value::ErrorName(Errno::ENOENT), "ENOENT", r#""ENOENT""#);
    check(
        Value::Words("words of ours"),
        "words of ours",
        r#""words of ours""#,
    );
    check(Value::Words(r#"a "b""#), r#"a "b""#, r#""a \"b\"""#);
}

#[test]
fn lengths_of_time_are_seconds_in_text_and_milliseconds_in_json() {
    check(Milliseconds(0), "0.000 s", "0");
    check(Milliseconds(7), "0.007 s", "7");
    check(Milliseconds(1204), "1.204 s", "1204");
    check(Milliseconds(u32::MAX), "4294967.295 s", "4294967295");
}

/// Contract 8.3.
#[test]
fn every_byte_from_outside_is_escaped() {
    check(Value::Outside(b""), "", r#""""#);
    check(Value::Outside(b" ~a'%"), " ~a'%", r#"" ~a'%""#);
    check(Value::Outside(br#"a\b"c"#), r#"a\\b"c"#, r#""a\\b\"c""#);
    check(
        Value::Outside(b"\0\n\r\x1b[2J\x7f\xc3\xa9\xff"),
        r"\x00\x0a\x0d\x1b[2J\x7f\xc3\xa9\xff",
        r#""\u0000\u000a\u000d\u001b[2J\u007f\u00c3\u00a9\u00ff""#,
    );
}

#[test]
fn a_list_names_processes() {
    check(Value::Processes(&[]), "", "[]");
    check(
        Value::Processes(&[named(8, b"python3"), named(9, b""), named(10, b"\xff\"")]),
        r#"python3 (8), ? (9), \xff" (10)"#,
        r#"[{"pid":8,"name":"python3"},{"pid":9,"name":""},{"pid":10,"name":"\u00ff\""}]"#,
    );
    check(
        Value::Process(named(9, b"nginx")),
        "nginx (9)",
        r#"{"pid":9,"name":"nginx"}"#,
    );
}

/// Contract 8.4.
#[test]
fn a_long_word_is_cut_with_a_mark() {
    let fits = "a".repeat(WORDS / 2);
    check(
        Value::Outside(fits.as_bytes()),
        &fits,
        &format!("\"{fits}\""),
    );
    let long = "a".repeat(WORDS / 2 + 1);
    let cut = format!("{}...", "a".repeat(WORDS / 2 - 3));
    check(Value::Outside(long.as_bytes()), &cut, &format!("\"{cut}\""));
    // An escape is never cut: 350 - 3 bytes hold 86 of four bytes, or 57 of six.
    check(
        Value::Outside(&[0xff; 400]),
        &format!("{}...", r"\xff".repeat(86)),
        &format!("\"{}...\"", r"\u00ff".repeat(57)),
    );
}

#[test]
fn a_word_behind_a_long_one_has_its_share() {
    let mut memory = [0; LINE];
    let mut line = Line::new(Format::Text, &mut memory);
    for _ in 0..2 {
        line.begin_text("");
        let _ = line.write(
            "{first} {second} {third}",
            &[
                Value::Outside(&[b'a'; 1000]),
                Value::Outside(&[b'b'; 1000]),
                Value::Outside(b"c"),
            ],
        );
        let expected = format!("{}... {}... c\n", "a".repeat(347), "b".repeat(172));
        assert_eq!(str::from_utf8(line.end()).unwrap(), expected);
    }
}

#[test]
fn a_long_list_is_cut() {
    let processes = [named(i32::MAX, &[0xff; 15]); 32];
    let item = format!("{} (2147483647)", r"\xff".repeat(15));
    let json = format!(r#"{{"pid":2147483647,"name":"{}"}}"#, r"\u00ff".repeat(15));
    check(
        Value::Processes(&processes),
        &format!("{}...", format!("{item}, ").repeat(8)),
        &format!("[{}]", vec![json; 5].join(",")),
    );
}

#[test]
fn words_are_for_text_and_codes_for_json() {
    let mut memory = [0; LINE];
    let mut line = Line::new(Format::Text, &mut memory);
    line.begin_text("a: ");
    let _ = line
        .write("b{}", &[Value::Words("d")])
        .json_field("c", Value::Number(1));
    assert_eq!(line.end(), b"a: bd\n");
    let mut line = Line::new(Format::Json, &mut memory);
    line.begin_json((0, 0), "debug", "test");
    let _ = line
        .write("b{}", &[Value::Words("d")])
        .json_field("c", Value::Number(1));
    assert!(line.end().ends_with(b"\"event\":\"test\",\"c\":1}\n"));
}

#[track_caller]
fn check_time(seconds: u32, milliseconds: u32, expected: &str) {
    let mut memory = [0; 32];
    let mut buffer = Buffer::new(&mut memory);
    append_time((seconds, milliseconds), &mut buffer);
    assert_eq!(str::from_utf8(buffer.as_bytes()).unwrap(), expected);
}

/// The seconds are those of GNU date, `date -u -d ... +%s`.
#[test]
fn times_are_those_of_rfc_3339() {
    check_time(0, 0, "1970-01-01T00:00:00.000Z");
    check_time(68_169_599, 9, "1972-02-28T23:59:59.009Z");
    check_time(68_169_600, 10, "1972-02-29T00:00:00.010Z");
    check_time(951_782_400, 0, "2000-02-29T00:00:00.000Z");
    check_time(951_868_800, 0, "2000-03-01T00:00:00.000Z");
    check_time(1_000_000_000, 0, "2001-09-09T01:46:40.000Z");
    check_time(1_769_903_999, 999, "2026-01-31T23:59:59.999Z");
    check_time(1_798_761_599, 0, "2026-12-31T23:59:59.000Z");
    check_time(1_798_761_600, 0, "2027-01-01T00:00:00.000Z");
    check_time(4_107_542_399, 0, "2100-02-28T23:59:59.000Z");
    check_time(4_107_542_400, 0, "2100-03-01T00:00:00.000Z");
    check_time(u32::MAX, 999, "2106-02-07T06:28:15.999Z");
}

/// Every day up to 2106, counted by years, months and days one after the other.
#[test]
fn every_day_follows_the_one_before() {
    let mut expected = (1970, 1, 1);
    for day in 0..=u32::MAX / 86_400 {
        let (year, month, date) = expected;
        check_time(
            day * 86_400,
            0,
            &format!("{year}-{month:02}-{date:02}T00:00:00.000Z"),
        );
        let is_leap = year % 4 == 0 && year != 2100;
        let length = [
            31,
            28 + u32::from(is_leap),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ][month - 1];
        expected = if date < length {
            (year, month, date + 1)
        } else if month < 12 {
            (year, month + 1, 1)
        } else {
            (year + 1, 1, 1)
        };
    }
}
