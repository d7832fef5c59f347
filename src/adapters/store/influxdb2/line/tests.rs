//! The encoder against a small parser of its own, and against every refusal of a real server.

use super::*;
use proptest::prelude::*;

/// A line taken apart by other rules than the encoder's: character by character, with the escapes of the
/// documentation.
#[derive(Debug, PartialEq)]
struct Parsed {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, String)>,
    time: i64,
}

/// Reads up to one of `ends` that is not escaped; gives the text and the end. A measurement has no escape for `=`.
fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, ends: &[char]) -> (String, char) {
    named(rest, ends, ",= ")
}

fn named(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    ends: &[char],
    special: &str,
) -> (String, char) {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        if c == '\\' && rest.peek().is_some_and(|next| special.contains(*next)) {
            text.push(rest.next().expect("peeked"));
        } else if ends.contains(&c) {
            return (text, c);
        } else {
            text.push(c);
        }
    }
    panic!("the line ends in {text:?}");
}

fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::from("\"");
    assert_eq!(rest.next(), Some('"'));
    loop {
        match rest.next().expect("a closing quote") {
            '\\' => text.push(rest.next().expect("what is escaped")),
            '"' => return text,
            c => text.push(c),
        }
    }
}

fn parse(line: &str) -> Parsed {
    let body = line.strip_suffix('\n').expect("a line break at the end");
    assert!(!body.contains(['\n', '\r']), "more than one line: {body:?}");
    let mut rest = body.chars().peekable();
    let (measurement, mut end) = named(&mut rest, &[',', ' '], ", ");
    let (mut tags, mut fields) = (Vec::new(), Vec::new());
    while end == ',' {
        let (key, _) = word(&mut rest, &['=']);
        let (value, next) = word(&mut rest, &[',', ' ']);
        tags.push((key, value));
        end = next;
    }
    loop {
        let (key, _) = word(&mut rest, &['=']);
        let value = if rest.peek() == Some(&'"') {
            let text = quoted(&mut rest);
            end = rest.next().expect("a field or the time");
            text
        } else {
            let (value, next) = word(&mut rest, &[',', ' ']);
            end = next;
            value
        };
        fields.push((key, value));
        if end == ' ' {
            break;
        }
    }
    let time = rest.collect::<String>().parse().expect("a time");
    Parsed {
        measurement,
        tags,
        fields,
        time,
    }
}

fn plain(value: &FieldValue<'_>) -> String {
    match value {
        FieldValue::Number(amount) => amount.to_string(),
        FieldValue::Integer(integer) => format!("{integer}i"),
        FieldValue::Text(text) => format!("\"{text}"),
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "[a-z ,=\"\\\\虹桥#$]{1,6}", "\\PC{1,8}"]
}

fn value() -> impl Strategy<Value = (i64, String, u8)> {
    (any::<i64>(), "\\PC{0,10}|[\"\\\\ ,=]{0,6}", 0..3u8)
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_is_one_line(
        measurement in name(),
        tags in prop::collection::btree_map(name(), "\\PC{0,8}|[ ,=\\\\]{0,4}", 0..4),
        fields in prop::collection::btree_map(name(), value(), 0..4),
        time in prop_oneof![any::<i64>(), TIMES],
    ) {
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let fields: Vec<(&str, FieldValue<'_>)> = fields.iter().map(|(key, (number, text, kind))| {
            let value = match kind {
                0 => FieldValue::Number(Amount::from_micros(*number)),
                1 => FieldValue::Integer(*number),
                _ => FieldValue::Text(text),
            };
            (key.as_str(), value)
        }).collect();
        let mut out = String::from("kept\n");
        let point = Point { measurement: &measurement, tags: &tags, fields: &fields, time };
        match encode(&point, &mut out) {
            Err(_) => prop_assert_eq!(out, "kept\n"),
            Ok(()) => {
                let parsed = parse(out.strip_prefix("kept\n").expect("what was there stays"));
                let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
                prop_assert_eq!(parsed, Parsed {
                    measurement: measurement.clone(),
                    tags: tags.iter().filter(|(_, value)| !value.is_empty()).map(owned).collect(),
                    fields: fields.iter().map(|(key, value)| ((*key).to_owned(), plain(value))).collect(),
                    time,
                });
            }
        }
    }
}

/// `measurement|tag=value tag=value|field field|time`, and what becomes of it.
fn check(case: &str, expected: &str) {
    let parts: Vec<&str> = case.split('|').collect();
    let pair = |text: &'static str| text.split_once('=').expect(text);
    let leaked = |text: &str| -> &'static str { text.to_owned().leak() };
    let tags = parts[1].split(' ').filter(|text| !text.is_empty());
    let tags: Vec<_> = tags.map(|text| pair(leaked(text))).collect();
    let fields = parts[2].split(' ').filter(|text| !text.is_empty());
    let one = Amount::from_units(1);
    let fields: Vec<_> = fields.map(|key| (key, FieldValue::Number(one))).collect();
    let point = Point {
        measurement: parts[0],
        tags: &tags,
        fields: &fields,
        time: parts[3].parse().expect(case),
    };
    let mut out = String::new();
    let said = match encode(&point, &mut out) {
        Ok(()) => out,
        Err(fault) => fault.to_string(),
    };
    assert!(said.contains(expected), "{case:?}: {said:?}");
}

#[test]
fn numbers_are_written_as_they_are_printed() {
    for micros in [
        0,
        1,
        -1,
        10,
        -500_000,
        999_999,
        1_000_000,
        -1_000_001,
        40_700_000,
        i64::MAX,
        i64::MIN,
    ] {
        for value in [
            FieldValue::Number(Amount::from_micros(micros)),
            FieldValue::Integer(micros),
        ] {
            let mut out = String::new();
            field(&value, &mut out).expect("a number is never refused");
            assert_eq!(out, plain(&value));
        }
    }
}

#[test]
fn what_a_server_refuses_is_refused_before() {
    check("m|a=1 b=2|v|5", "m,a=1,b=2 v=1 5\n");
    check("m|a=|v|-5", "m v=1 -5\n");
    check("虹 桥|a=x,y|v w|0", "虹\\ 桥,a=x\\,y v=1,w=1 0\n");
    check("m||v|9223286400", "m v=1 9223286400\n");
    check("m||c a b|0", "m c=1,a=1,b=1 0\n");
    for (case, refusal) in [
        ("m|a=1\\|v|0", "tag value \"1\\\\\""),
        ("m|a=1\nx|v|0", "tag value"),
        ("m\n||v|0", "measurement"),
        ("||v|0", "measurement"),
        ("#m||v|0", "measurement \"#m\" is reserved"),
        ("m|time=1|v|0", "tag \"time\" is reserved"),
        ("m|_field=1|v|0", "tag \"_field\" is reserved"),
        ("m|a=1 a=2|v|0", "tag \"a\""),
        ("m||time|0", "field \"time\" is reserved"),
        ("m|v=1|v|0", "field \"v\" is reserved or there twice"),
        ("m||v v|0", "field \"v\""),
        // Also where names fall before.
        ("m||b a b|0", "field \"b\""),
        ("m||b a a|0", "field \"a\""),
        ("m||c a b a|0", "field \"a\""),
        ("m|||0", "without fields"),
        ("m||v|9223372037", "time 9223372037 lies outside"),
    ] {
        check(case, refusal);
    }
}
