//! The messages that makers publish, by the files that are shipped; and what is wrong with others.

use crate::adapters::mapping::Map;
use crate::adapters::mapping::Mapped;
use crate::adapters::mapping::Maps;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Source;
use crate::domain::qc::Rules;

/// 2026-03-12T09:15:30+08:00.
const NOW: Instant = Instant::from_unix(1_773_278_130);

fn shipped() -> Maps {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/devices");
    let names = [
        "airgradient",
        "chirpstack",
        "tasmota",
        "things-stack",
        "airrohr",
    ];
    let maps = names.map(|name| {
        let path = folder.join(format!("{name}.toml"));
        let map = Map::open(&path).and_then(Map::for_messages);
        map.unwrap_or_else(|fault| panic!("{fault}"))
    });
    Maps(maps.into())
}

/// What a message says, a reading a line.
fn read(maps: &Maps, topic: &str, payload: &str) -> String {
    let zone = |_: &Source| None;
    match maps.read(
        (topic, payload.as_bytes()),
        1 << 18,
        zone,
        NOW,
        &Rules::default(),
    ) {
        None => "no file has the topic".to_owned(),
        Some(Mapped::Unusable(source, why)) => {
            let source = source.map_or("nobody".to_owned(), |source| source.to_string());
            let why = why
                .rsplit_once("devices/")
                .map_or(why.as_str(), |(_, why)| why);
            format!("{source}: {why}")
        }
        Some(Mapped::Readings(source, readings, left)) => {
            let lines = readings.iter().map(|one| {
                let (key, own) = (&one.key, &one.reading);
                let value = own
                    .value
                    .map_or("null".to_owned(), |value| value.to_string());
                let at = own.time.unix() - NOW.unix();
                format!(
                    "{} {} {at:+} {} {value} {}",
                    key.factor, key.stat, key.interval_s, own.flag
                )
            });
            let left =
                left.map(|left| format!("+{}", left.split_once(": ").map_or("", |(_, left)| left)));
            let all: Vec<String> = lines.chain(left).collect();
            format!("{source}: {}", all.join(", "))
        }
    }
}

fn check(topic: &str, payload: &str, expected: &str) {
    assert_eq!(
        read(&shipped(), topic, payload),
        expected,
        "{topic} {payload}"
    );
}

#[test]
fn messages_of_makers_are_read() {
    // No time of its own: that of receipt.
    check(
        "airgradient/readings/ecda3b1eaaaf",
        r#"{"wifi":-46,"serialno":"ecda3b1eaaaf","rco2":447,"pm01":3,"pm02":7,"pm10":8,"pm003Count":442,"atmp":25.87,"rhum":43}"#,
        "stations/ecda3b1eaaaf: pm25 rtd +0 0 7 N, pm10 rtd +0 0 8 N, a01001 rtd +0 0 25.87 N, a01002 rtd +0 0 43 N",
    );
    // Local time without an offset, keys with dots.
    check(
        "tele/terrace/SENSOR",
        r#"{"Time":"2026-03-12T09:15:00","BME280":{"Temperature":20.5,"Humidity":53.1,"Pressure":977.0},"SDS0X1":{"PM2.5":5.8,"PM10":11.8}}"#,
        "stations/terrace: pm25 rtd -30 0 5.8 N, pm10 rtd -30 0 11.8 N, a01001 rtd -30 0 20.5 N, a01002 rtd -30 0 53.1 N, a01006 rtd -30 0 97.7 N",
    );
    // A list of names and texts, pressure in Pa.
    check(
        "airrohr/102026",
        r#"{"esp8266id":"102026","sensordatavalues":[{"value_type":"SDS_P1","value":"4.40"},{"value_type":"SDS_P2","value":"0.80"},{"value_type":"BME280_pressure","value":"100850.00"},{"value_type":"signal","value":"-68"}]}"#,
        "stations/102026: pm10 rtd +0 0 4.4 N, pm25 rtd +0 0 0.8 N, a01006 rtd +0 0 100.85 N",
    );
    check(
        "application/17c8/device/0101010101010101/event/up",
        r#"{"time":"2026-03-12T01:15:00.775023242+00:00","deviceInfo":{"devEui":"0101010101010101"},"object":{"pm25":12.3,"pm10":null}}"#,
        "stations/0101010101010101: pm25 rtd -30 0 12.3 N, pm10 rtd -30 0 null N",
    );
    check(
        "v3/app1@tenant/devices/dev1/up",
        r#"{"end_device_ids":{"device_id":"dev1"},"received_at":"2026-03-12T01:15:00.9Z","uplink_message":{"decoded_payload":{"pm25":12.3,"temperature":"x"}}}"#,
        "stations/dev1: pm25 rtd -30 0 12.3 N, +left out: /uplink_message/decoded_payload/temperature \"x\": not a decimal number; the rest is stored",
    );
}

#[test]
fn messages_that_cannot_be_used_say_why() {
    let topic = "tele/a/SENSOR";
    check("tele/a/STATE", "{}", "no file has the topic");
    check(
        topic,
        "Online",
        "stations/a: tasmota.toml: JSON: expected value at line 1 column 1",
    );
    check(topic, "{}", "stations/a: tasmota.toml: no time at /Time");
    check(
        topic,
        r#"{"Time":"2026-03-12T09:15:00"}"#,
        "stations/a: tasmota.toml: none of its values",
    );
    check(
        topic,
        r#"{"Time":"yesterday","SDS0X1":{"PM2.5":1}}"#,
        "stations/a: tasmota.toml: time \"yesterday\" is not of its format",
    );
    check(
        topic,
        r#"{"Time":"2026-03-12T09:15:00","SDS0X1":{"PM2.5":[1]}}"#,
        "stations/a: tasmota.toml: /SDS0X1/PM2.5, which is neither a number nor a text",
    );
    check(
        "tele/a b/SENSOR",
        "{}",
        "nobody: tasmota.toml: source \"a b\" is not 1 to 64 bytes of letters, digits, '-', '_' or '.'; name it under [ids]",
    );
}

#[test]
fn numbers_of_messages_are_whole_texts() {
    let pressure = |text: &str| {
        format!(r#"{{"Time":"2026-03-12T09:15:00","BME280":{{"Pressure":"{text}"}}}}"#)
    };
    for text in [".-123456789012345678", ".-5", "-.-5"] {
        let told =
            format!("stations/a: tasmota.toml: /BME280/Pressure \"{text}\": not a decimal number");
        check("tele/a/SENSOR", &pressure(text), &told);
    }
    let read = "stations/a: a01006 rtd -30 0 98.765432 N";
    check("tele/a/SENSOR", &pressure("9.8765432E+2"), read);
}

/// A list with flags beside its values.
const LISTED: &str = "format = 1\ntopics = [\"a/{id}\"]\nkind = \"stations\"\n[time]\n[list]\nat = \"/l\"\n\
                      name = \"/n\"\nvalue = \"/v\"\n[[values]]\nat = \"x\"\nfactor = \"pm25\"\nflag = \"f\"\n\
                      [[values]]\nat = \"y\"\nfactor = \"pm10\"\n";
/// The same with pointers.
const PLACED: &str = "format = 1\ntopics = [\"a/{id}\"]\nkind = \"stations\"\n[time]\n[[values]]\nat = \"/x\"\n\
                      factor = \"pm25\"\nflag = \"/f\"\n[[values]]\nat = \"/y\"\nfactor = \"pm10\"\n";

#[test]
fn a_flag_is_taken_or_told() {
    let told = "S: pm10 rtd +0 0 2 N, +left out: x, whose flag";
    for (flag, expected) in [
        (
            Some("\"M\""),
            "S: pm25 rtd +0 0 1 M, pm10 rtd +0 0 2 N".to_owned(),
        ),
        (
            Some("null"),
            "S: pm25 rtd +0 0 1 N, pm10 rtd +0 0 2 N".to_owned(),
        ),
        (None, "S: pm25 rtd +0 0 1 N, pm10 rtd +0 0 2 N".to_owned()),
        (
            Some("true"),
            format!("{told} is no text; the rest is stored"),
        ),
        (
            Some("[\"M\"]"),
            format!("{told} is no text; the rest is stored"),
        ),
        (Some("{}"), format!("{told} is no text; the rest is stored")),
        (
            Some("\"hello\""),
            format!("{told} \"hello\" is none; the rest is stored"),
        ),
    ] {
        let entry = flag.map_or(String::new(), |flag| format!(r#",{{"n":"f","v":{flag}}}"#));
        let listed = format!(r#"{{"l":[{{"n":"x","v":1}}{entry},{{"n":"y","v":"2"}}]}}"#);
        let field = flag.map_or(String::new(), |flag| format!(r#","f":{flag}"#));
        let placed = format!(r#"{{"x":1{field},"y":"2"}}"#);
        for (file, message, mark) in [(LISTED, listed, "x"), (PLACED, placed, "/x")] {
            let map = Map::parse("m.toml", file).and_then(Map::for_messages);
            let maps = Maps(vec![map.expect("sound")]);
            let expected = expected.replace(" x,", &format!(" {mark},"));
            assert_eq!(
                read(&maps, "a/S", &message),
                format!("stations/{expected}"),
                "{message}"
            );
        }
    }
}

const HEAD: &str = "format = 1\ntopics = [\"a/{id}\"]\nkind = \"stations\"\n";
const REST: &str = "[time]\n[[values]]\nat = \"/v\"\nfactor = \"pm25\"\n";

fn check_file(text: &str, expected: &str) {
    let fault = Map::parse("m.toml", text)
        .and_then(Map::for_messages)
        .expect_err(text);
    assert!(fault.to_string().contains(expected), "{text}: {fault}");
}

#[test]
fn faults_of_files_name_the_line() {
    assert!(Map::parse("m.toml", &format!("{HEAD}{REST}")).is_ok());
    check_file("format = 1\nkind", "m.toml:2: ");
    check_file(
        &format!("surprise = 1\n{HEAD}{REST}"),
        "m.toml:1: unknown field `surprise`",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("format = 1", "format = 2"),
        "m.toml:1: format: 1 is expected",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("\"stations\"", "\"outlets\""),
        "m.toml:3: kind \"outlets\"; give stations or loggers",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("a/{id}", "a/#"),
        "m.toml:2: topic \"a/#\"; give levels",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("a/{id}", "a/b"),
        "m.toml:2: the identifier stands either in the topic",
    );
    check_file(
        &format!("{HEAD}id = \"/i\"\n{REST}"),
        "m.toml:2: the identifier stands either",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("pm25", "PM2.5"),
        "m.toml:7: factor \"PM2.5\"",
    );
    check_file(
        &format!("{HEAD}{REST}stat = \"p98\"\n"),
        "m.toml:8: stat \"p98\"; give one of avg",
    );
    check_file(
        &format!("{HEAD}{REST}times = \"1e3\"\n"),
        "m.toml:8: times \"1e3\"; give a number",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("[time]", "[time]\ninterval_s = 60"),
        "at: missing; an interval ends",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("[time]", "[time]\nat = \"/t\"\ninterval_s = 60"),
        "label: missing; say whether",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("[time]", "[time]\nat = \"/t\"\nformat = \"ISO\""),
        "m.toml:6: format \"ISO\"",
    );
    check_file(
        &format!("{HEAD}{REST}").replace("\"/v\"", "\"v\""),
        "at \"v\"; give a JSON Pointer",
    );
    check_file(
        &format!("{HEAD}zone = \"Asia\"\n{REST}"),
        "m.toml:4: zone \"Asia\"",
    );
    check_file(
        &format!("{HEAD}[ids]\nx = \"a b\"\n{REST}"),
        "m.toml:5: source \"a b\"",
    );
    check_file(
        &LISTED.replace("\"f\"", "\"/f\""),
        "m.toml:12: flag: with [list] it is a name",
    );
}

#[test]
fn one_factor_and_statistic_has_one_place() {
    for (more, expected) in [
        (
            "factor = \"pm25\"",
            "m.toml:9: factor pm25 with stat rtd is given twice",
        ),
        (
            "stat = \"rtd\"\nfactor = \"a34004\"",
            "m.toml:10: factor pm25 with stat rtd is given twice",
        ),
    ] {
        check_file(
            &format!("{HEAD}{REST}[[values]]\n{more}\nat = \"/w\"\n"),
            expected,
        );
    }
    let other = format!("{HEAD}{REST}[[values]]\nat = \"/w\"\nfactor = \"pm25\"\nstat = \"max\"\n");
    assert!(Map::parse("m.toml", &other).is_ok());
}

#[test]
fn what_a_time_names_is_said_by_the_file() {
    for (time, payload, expected) in [
        ("at = \"/t\"\nformat = \"epoch_ms\"", "1773278130999", 0),
        ("at = \"/t\"\nformat = \"epoch_s\"", "1773278130", 0),
        (
            "at = \"/t\"\ninterval_s = 3600\nlabel = \"start\"\nformat = \"epoch_s\"",
            "1773278130",
            3_600,
        ),
        (
            "at = \"/t\"\ninterval_s = 3600\nlabel = \"end\"\nformat = \"epoch_s\"",
            "1773278130",
            0,
        ),
        ("at = \"/t\"\nformat = \"epoch_s\"", "1.77327813E9", 0),
        ("at = \"/t\"\nformat = \"epoch_s\"", "\"1773278130.75\"", 0),
        (
            "at = \"/t\"\nformat = \"epoch_ms\"",
            "1.773278160999e+12",
            30,
        ),
        (
            "at = \"/t\"\nformat = \"%Y/%m/%dT%H:%M:%Sz\"",
            "\"2026/03/12T09:15:30z\"",
            0,
        ),
        (
            "at = \"/t\"\nformat = \"%d.%m.%Y %H:%M %z\"",
            "\"12.03.2026 01:15 +0000\"",
            -30,
        ),
    ] {
        let text = format!(
            "{HEAD}zone = \"+08:00\"\n[time]\n{time}\n[[values]]\nat = \"/v\"\nfactor = \"pm25\"\n"
        );
        let map = Map::parse("m.toml", &text).expect("sound");
        let message = format!("{{\"t\":{payload},\"v\":1.5}}");
        let found = map.message(("S", message.as_bytes()), |_| None, NOW, &Rules::default());
        match found {
            Mapped::Readings(_, readings, None) => {
                assert_eq!(
                    readings[0].reading.time.unix() - NOW.unix(),
                    expected,
                    "{time}"
                );
            }
            other => panic!("{time}: {other:?}"),
        }
    }
    assert!(Zone::parse("+08:00").is_some());
    let maps = format!(
        "{HEAD}[time]\nat = \"/t\"\nformat = \"epoch_s\"\n[[values]]\nat = \"/v\"\nfactor = \"pm25\"\n"
    );
    let maps = Maps(vec![Map::parse("m.toml", &maps).expect("sound")]);
    for bad in ["-1", "1e13", "1e300", "17732E", ".-5", "1.2.3", "x", ""] {
        let found = read(&maps, "a/S", &format!("{{\"t\":\"{bad}\",\"v\":1.5}}"));
        assert!(found.contains("is not of its format"), "{bad}: {found}");
    }
}

proptest::proptest! {
    /// Whatever comes, nothing panics; and a message that is read has a value.
    #[test]
    fn any_bytes_are_readings_or_a_fault(payload in "[\\[\\]{}\":,0-9a-zPMSDX._ +-]{0,60}", pick in 0..4_usize) {
        let maps = shipped();
        let topic = ["tele/a/SENSOR", "airrohr/1", "airgradient/readings/a", "v3/a/devices/b/up"][pick];
        match maps.read((topic, payload.as_bytes()), 1 << 18, |_| None, NOW, &Rules::default()) {
            Some(Mapped::Readings(_, readings, _)) => proptest::prop_assert!(!readings.is_empty()),
            Some(Mapped::Unusable(_, why)) => proptest::prop_assert!(!why.is_empty()),
            None => proptest::prop_assert!(false),
        }
    }
}
