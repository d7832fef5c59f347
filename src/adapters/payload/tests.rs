//! Tables of payloads, and the same payloads damaged at random.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::adapters::payload::Decoder;
use crate::adapters::payload::PayloadFault;
use crate::adapters::payload::READINGS_MAX;
use crate::adapters::payload::Status;
use crate::adapters::payload::topic::Target;
use crate::adapters::payload::topic::Topics;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Stat;

const NOON: i64 = 1_577_851_200; // 2020-01-01T12:00:00+08:00
const STATION: &str = "skytier/v1/stations/s/readings";
const LOGGER: &str = "skytier/v1/loggers/mn/readings";
const STATUS: &str = "skytier/v1/stations/s/status";

fn target(topic: &str) -> Target {
    Topics::default()
        .target(topic)
        .expect("a topic of the table")
}

fn decode(topic: &str, payload: &[u8], zone: Option<Zone>) -> Result<Vec<String>, PayloadFault> {
    let now = Instant::from_unix(NOON + 3_600);
    let decoded = Decoder::default().decode(&target(topic), payload, zone, now)?;
    let lines = decoded.readings.iter().map(|observation| {
        let (key, reading) = (&observation.key, &observation.reading);
        format!(
            "{} {} {} {:+} {}s {} {} {}",
            key.source,
            key.factor,
            key.stat,
            reading.time.unix() - NOON,
            key.interval_s,
            reading
                .value
                .map_or("null".to_owned(), |value| value.to_string()),
            reading.flag,
            reading.qc.key(),
        )
    });
    let status = decoded.status.map(|status| format!("{status:?}"));
    Ok(lines.chain(status).collect())
}

fn check(topic: &str, payload: &str, expected: &[&str]) {
    let found = decode(topic, payload.as_bytes(), None);
    assert_eq!(
        found.as_deref().map_err(ToString::to_string),
        Ok(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
        "{payload}"
    );
}

fn check_fault(payload: impl AsRef<[u8]>, expected: &str) {
    let payload = payload.as_ref();
    let found = decode(STATION, payload, None).expect_err("a faulty payload");
    let shown = String::from_utf8_lossy(&payload[..payload.len().min(120)]);
    assert!(found.to_string().contains(expected), "{shown}: {found}");
}

#[test]
fn the_example_of_the_interface_is_read_in_full() {
    check(
        STATION,
        r#"{"time":"2020-01-01T13:00:00+08:00","interval_s":3600,
 "values":{"pm25":40.7,"co":0.6,"o3":null,"a21026":{"avg":12.1,"zs_avg":14.0,"cou":1.72}},"flags":{"co":"M"}}"#,
        &[
            "s pm25 avg +3600 3600s 40.7 N passed",
            "s co avg +3600 3600s 0.6 M passed",
            "s o3 avg +3600 3600s null N passed",
            "s so2 avg +3600 3600s 12.1 N passed",
            "s so2 zs_avg +3600 3600s 14 N passed",
            "s so2 cou +3600 3600s 1.72 N passed",
        ],
    );
}

#[test]
fn a_list_in_the_order_of_the_fields_is_no_record() {
    check_fault(
        r#"[["2020-01-01T12:00:00+08:00",3600,{"pm25":5},{}]]"#,
        "expected an object with `time` and `values`",
    );
}

#[test]
fn payloads_are_read_as_the_interface_says() {
    // Momentary values, with the interval zero, null or absent.
    for interval in ["", r#""interval_s":0,"#, r#""interval_s":null,"#] {
        let payload =
            format!(r#"{{"time":"2020-01-01T04:00:00Z",{interval}"values":{{"pm25":1}}}}"#);
        check(STATION, &payload, &["s pm25 rtd +0 0s 1 N passed"]);
    }
    // Several records; the same factor at other times.
    check(
        STATION,
        r#" [{"time":"2020-01-01T12:00:00+08:00","values":{"pm10":1e1}},{"time":"2020-01-01T12:01:00+08:00","values":{"pm10":0.30000000000000004}}]"#,
        &[
            "s pm10 rtd +0 0s 10 N passed",
            "s pm10 rtd +60 0s 0.3 N passed",
        ],
    );
    // A flag without a value is kept as a value that is missing.
    check(
        STATION,
        r#"{"time":"2020-01-01T12:00:00+08:00","interval_s":60,"values":{},"flags":{"a05024":"D"}}"#,
        &["s o3 avg +0 60s null D passed"],
    );
    // Loggers keep their codes; other factors pass.
    check(
        LOGGER,
        r#"{"time":"2020-01-01T12:00:00+08:00","values":{"a34004":1,"w01018":{"rtd":2.5,"min":null}},"flags":{"w01018":"T"}}"#,
        &[
            "mn a34004 rtd +0 0s 1 N passed",
            "mn w01018 rtd +0 0s 2.5 T passed",
            "mn w01018 min +0 0s null T passed",
        ],
    );
    // Nothing is dropped for its value or stamp.
    check(
        STATION,
        r#"{"time":"2020-01-01T13:10:01+08:00","values":{"pm25":1}}"#,
        &["s pm25 rtd +4201 0s 1 N clock"],
    );
    check(
        STATION,
        r#"{"time":"2020-01-01T12:00:00.999+08:00","values":{"pm25":-0.5}}"#,
        &["s pm25 rtd +0 0s -0.5 N negative"],
    );
    check(STATUS, "online\n", &["Online"]);
    assert_eq!(format!("{:?}", Status::Offline), "Offline");
    check(STATUS, "offline", &["Offline"]);
}

#[test]
fn a_local_time_takes_the_zone_of_the_source() {
    let payload = br#"{"time":"2020-01-01T12:00:00","values":{"pm25":1}}"#;
    let read = decode(STATION, payload, Some(Zone::beijing()));
    assert_eq!(read, Ok(vec!["s pm25 rtd +0 0s 1 N passed".to_owned()]));
    check_fault(payload, "no registered zone");
}

#[test]
fn every_fault_names_what_is_wrong() {
    let record = |values: &str| format!(r#"{{"time":"2020-01-01T12:00:00Z","values":{values}}}"#);
    check_fault("", "neither a JSON object nor an array");
    check_fault("pm25=3", "neither a JSON object nor an array");
    check_fault("[]", "no values");
    check_fault(record("{}"), "no values");
    check_fault("{", "line 1 column 1");
    check_fault(record("{}") + "x", "trailing characters");
    check_fault(b"{\"time\":\"\xff\"}", "invalid UTF-8 after byte 9");
    check_fault(r#"{"values":{"pm25":1}}"#, "missing field `time`");
    check_fault(
        r#"{"time":"2020-01-01T12:00:00Z"}"#,
        "missing field `values`",
    );
    check_fault(r#"{"time":1,"values":{}}"#, "invalid type: integer `1`");
    check_fault(
        r#"{"time":"x","time":"y","values":{}}"#,
        "duplicate field `time`",
    );
    check_fault(
        r#"{"time":"x","values":{},"extra":1}"#,
        "unknown field `extra`",
    );
    check_fault(
        r#"{"time":"yesterday","values":{"pm25":1}}"#,
        "give RFC 3339",
    );
    check_fault(
        r#"{"time":"9999-12-31T23:59:59+00:00","values":{"pm25":1}}"#,
        "time \"9999-12-31T23:59:59+00:00\"; its year leaves 0 to 9999 in some zone",
    );
    check_fault(
        r#"{"time":"0000-01-01T00:00:00Z","values":{"pm25":1}}"#,
        "its year leaves",
    );
    check_fault(
        r#"{"time":"2020-02-30T12:00:00Z","values":{"pm25":1}}"#,
        "give RFC 3339",
    );
}

#[test]
fn faults_of_values_and_flags_name_their_key() {
    let record = |values: &str| format!(r#"{{"time":"2020-01-01T12:00:00Z","values":{values}}}"#);
    check_fault(
        record(r#"{"pm25":1,"pm25":2}"#),
        "key \"pm25\" is given twice",
    );
    check_fault(
        record(r#"{"pm25":1,"a34004":2}"#),
        "\"a34004\" names factor pm25",
    );
    check_fault(record(r#"{"PM2.5":1}"#), "factor \"PM2.5\"");
    check_fault(record(r#"{"pm25":"1"}"#), "is a text");
    check_fault(record(r#"{"pm25":true}"#), "is a boolean");
    check_fault(record(r#"{"pm25":[1]}"#), "is a list");
    check_fault(record(r#"{"pm25":{}}"#), "is an empty object");
    check_fault(
        record(r#"{"pm25":{"avg":{"x":1}}}"#),
        "object within an object",
    );
    check_fault(
        record(r#"{"pm25":{"avg":1,"avg":2}}"#),
        "key \"avg\" is given twice",
    );
    check_fault(record(r#"{"pm25":NaN}"#), "expected value");
    check_fault(record(r#"{"pm25":Infinity}"#), "expected value");
    check_fault(record(r#"{"pm25":1e400}"#), "number too large");
    check_fault(record(r#"{"pm25":01}"#), "invalid number");
    check_fault(
        record(&format!(r#"{{"pm25":1.{}}}"#, "0".repeat(100))),
        "not a decimal number",
    );
    let flagged =
        |flag: &str| record(r#"{"pm25":1}"#).replace("}}", &format!(r#"}},"flags":{flag}}}"#));
    check_fault(flagged(r#"{"pm25":"N","a34004":"D"}"#), "names factor pm25");
    check_fault(flagged(r#"{"pm25":"?"}"#), "flag \"?\"");
    check_fault(flagged(r#"{"pm25":1}"#), "invalid type: integer `1`");
    check_fault(
        flagged(r#"{"pm25":"hello"}"#),
        "flag \"hello\" of \"pm25\"; give a letter",
    );
    check_fault(
        record(r#"{"pm25":{"p98":1}}"#),
        "statistic \"p98\" of \"pm25\"; give one of avg rtd min max cou zs_avg",
    );
    check_fault(record(r#"{"so2":{"AVG":null}}"#), "statistic \"AVG\"");
    for interval in [
        "-1",
        "3600.0",
        "1e3",
        "31622401",
        "99999999999999999999",
        "\"60\"",
        "{}",
    ] {
        let payload = record(r#"{"pm25":1}"#).replace(
            "\"values\"",
            &format!("\"interval_s\":{interval},\"values\""),
        );
        check_fault(payload, "give whole seconds");
    }
    let found = decode(STATUS, b"gone", None);
    assert_eq!(found, Err(PayloadFault::Status));
}

proptest::proptest! {
    /// Whatever word stands for a statistic: one of HJ 212 is taken as it is, any other refused by its name.
    #[test]
    fn a_statistic_is_one_of_hj_212(word in "(zs_)?(avg|rtd|min|max|cou|Avg|p98|mean|[a-z_]{1,6})", value in 0..100_i32) {
        let payload = format!(r#"{{"time":"2020-01-01T12:00:00Z","values":{{"pm25":{{"{word}":{value}}}}}}}"#);
        let found = decode(STATION, payload.as_bytes(), None);
        match Stat::KNOWN.contains(&word.as_str()) {
            true => proptest::prop_assert_eq!(found.expect("taken").len(), 1),
            false => proptest::prop_assert_eq!(
                found,
                Err(PayloadFault::Stat { key: "pm25".to_owned(), stat: word })
            ),
        }
    }

    /// Whatever word stands for a flag: a single letter or digit or a mark of the lists is taken, any other refused.
    #[test]
    fn a_flag_is_a_letter_or_a_mark(word in "[A-Za-z0-9]{1,5}|HSp|LSp|RM|Re|Neg|BB") {
        let payload = format!(r#"{{"time":"2020-01-01T12:00:00Z","values":{{"pm25":1}},"flags":{{"pm25":"{word}"}}}}"#);
        let found = decode(STATION, payload.as_bytes(), None);
        let listed = crate::domain::flag::MARKS.iter().any(|mark| mark.code == word);
        proptest::prop_assert_eq!(found.is_ok(), word.len() == 1 || listed, "{}", payload);
    }
}

#[test]
fn giant_and_deep_payloads_meet_their_limits() {
    check_fault(
        vec![b' '; 10 << 20],
        "payload of 10485760 bytes; at most 262144 are read",
    );
    check_fault("[".repeat(10_000), "JSON:");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let payload = format!(r#"{{"time":"2020-01-01T12:00:00Z","values":{{"pm25":{deep}}}}}"#);
    check_fault(payload, "is a list");
    let keys: Vec<String> = (0..257).map(|n| format!("\"k{n}\":1")).collect();
    let payload = format!(
        r#"{{"time":"2020-01-01T12:00:00Z","values":{{{}}}}}"#,
        keys.join(",")
    );
    check_fault(payload, "more than 256 keys");
    let values: Vec<String> = (0..100).map(|n| format!("\"k{n}\":1")).collect();
    let record = format!(
        r#"{{"time":"2020-01-01T12:00:00Z","values":{{{}}}}}"#,
        values.join(",")
    );
    let full = vec![record.as_str(); READINGS_MAX / 100];
    let read = decode(STATION, format!("[{}]", full.join(",")).as_bytes(), None);
    assert_eq!(read.map(|lines| lines.len()), Ok(READINGS_MAX));
    let one = r#"{"time":"2020-01-01T12:00:00Z","values":{"pm25":1}}"#;
    check_fault(
        format!("[{},{one}]", full.join(",")),
        "more than 10000 readings",
    );
}

/// Damages a payload: bytes flipped, cut out, repeated or spliced in from another.
fn damage(random: &mut ChaCha8Rng, payload: &[u8], other: &[u8]) -> Vec<u8> {
    let mut damaged = payload.to_vec();
    for _ in 0..=random.next_u32() % 4 {
        let at = random.next_u32() as usize % (damaged.len() + 1);
        let length = (random.next_u32() as usize % 24).min(damaged.len() - at);
        match random.next_u32() % 4 {
            0 if at < damaged.len() => damaged[at] = random.next_u32().to_le_bytes()[0],
            1 => drop(damaged.drain(at..at + length)),
            2 => {
                let piece = damaged[at..at + length].to_vec();
                damaged.splice(at..at, piece);
            }
            _ => {
                let from = random.next_u32() as usize % other.len();
                let upto = (from + 24).min(other.len());
                damaged.splice(at..at, other[from..upto].iter().copied());
            }
        }
    }
    damaged
}

#[test]
fn damaged_payloads_are_faults_and_never_panics() {
    let corpus: [&[u8]; 7] = [
        br#"{"time":"2020-01-01T13:00:00+08:00","interval_s":3600,"values":{"pm25":40.7,"co":0.6,"o3":null},"flags":{"co":"M"}}"#,
        br#"[{"time":"2020-01-01T13:00:00Z","values":{"a21026":{"avg":12.1,"zs_avg":14.0,"cou":1.72}}}]"#,
        br#"{"time":"2020-01-01T13:00:00","interval_s":0,"values":{"pm25":-1e-7,"pm10":9e11}}"#,
        br#"{"time":"9999-12-31T23:59:60+23:59","values":{"x":0}}"#,
        "{\"time\":\"\\u0032020\",\"values\":{\"\\u0070m25\":1},\"flags\":{\"虹\":\"N\"}}".as_bytes(),
        b"[[[[{{{{\"\\ud800\":1e99999999999999999999}",
        b"online",
    ];
    let seed = 20_200_727;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut read = 0;
    for round in 0..20_000 {
        let pick = |random: &mut ChaCha8Rng| corpus[random.next_u32() as usize % corpus.len()];
        let (payload, other) = (pick(&mut random), pick(&mut random));
        let damaged = damage(&mut random, payload, other);
        let zone = (round % 2 == 0).then(Zone::beijing);
        let topic = [STATION, LOGGER, STATUS][round % 3];
        if let Ok(lines) = decode(topic, &damaged, zone) {
            assert!(!lines.is_empty(), "seed {seed} round {round}");
            read += 1;
        }
    }
    assert!(read > 50, "the damage spared {read} payloads only");
}
