//! Messages that cannot be used, or not fully.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::DateTime;
use chrono::Utc;
use rusqlite::Connection;
use rusqlite::OpenFlags;
use serde_json::json;

use crate::mqtt::raw;
use crate::support::Daemon;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

const TIME: &str = "2020-07-27T13:00:00+08:00";

/// Payloads and reasons of the dead letters, read past the program.
fn dead_letters(data: &Path) -> Vec<(Vec<u8>, String)> {
    let file = data.join("skytier.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(file, flags).expect("a database");
    let select = "SELECT payload, reason FROM dead_letter ORDER BY id";
    let mut statement = connection.prepare(select).expect("the table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows = rows.expect("rows").collect::<Result<_, _>>();
    rows.expect("rows of the schema")
}

fn with_pm25(value: &str) -> Vec<u8> {
    hourly(TIME, value).into_bytes()
}

/// Payloads that cannot be used, with a part of the reason.
fn unusable() -> Vec<(Vec<u8>, &'static str)> {
    let nested = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let nested_value = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let huge = with_pm25(&format!("1{}", " ".repeat(256 * 1024)));
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text(""), "JSON"),
        (text("pm25=40.7"), "JSON"),
        (text("{\"time\":"), "JSON"),
        (text("40.7"), "neither a JSON object"),
        (with_pm25("\"40.7\""), "a number, null or an object"),
        (with_pm25("[40.7]"), "a number, null or an object"),
        (with_pm25("true"), "a number, null or an object"),
        (with_pm25("NaN"), "JSON"),
        (with_pm25("Infinity"), "JSON"),
        (with_pm25("-Infinity"), "JSON"),
        (with_pm25("1e400"), "pm25"),
        (with_pm25("{\"avg\":{\"avg\":1}}"), "object"),
        (hourly("yesterday", "1").into_bytes(), "RFC 3339"),
        (hourly("2020-07-27T13:00:00", "1").into_bytes(), "no offset"),
        (
            text("{\"time\":\"2020-07-27T13:00:00Z\",\"interval_s\":-1,\"values\":{\"co\":1}}"),
            "interval_s",
        ),
        (
            text("{\"time\":\"2020-07-27T13:00:00Z\",\"surprise\":1,\"values\":{\"co\":1}}"),
            "surprise",
        ),
        (
            text("{\"time\":\"2020-07-27T13:00:00Z\",\"values\":{}}"),
            "no values",
        ),
        (text("[]"), "no values"),
        (vec![b'{', 0xff, 0xfe, b'}'], "invalid UTF-8 after byte 1"),
        (nested, "JSON"),
        (with_pm25(&nested_value), ""),
        (huge, "at most 262144"),
        (
            with_pm25("{\"p98\":1}"),
            "statistic \"p98\" of \"pm25\"; give one of avg rtd",
        ),
        (
            text(
                "{\"time\":\"2020-07-27T13:00:00Z\",\"values\":{\"co\":1},\"flags\":{\"co\":\"broken\"}}",
            ),
            "flag \"broken\" of \"co\"; give a letter",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_kept_whole_and_the_stream_goes_on() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    let cases = unusable();
    for (n, (payload, _)) in cases.iter().enumerate() {
        station.send(&topic, payload).await;
        let good = hourly(&format!("2020-07-26T{n:02}:00:00+08:00"), &format!("{n}.5"));
        station.send(&topic, &good).await;
    }
    let stranger = hourly(TIME, "12.5");
    station.send(&readings_topic("nobody"), &stranger).await;
    assert_eq!(daemon.readings("1999A", "factor=pm25").len(), cases.len());
    let kept = dead_letters(&data);
    assert_eq!(kept.len(), cases.len() + 1);
    for ((payload, part), (stored, reason)) in cases.iter().zip(&kept) {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(80)]);
        assert!(stored == payload, "{shown}: kept otherwise");
        assert!(reason.contains(part), "{shown}: {reason}");
        assert!(reason.len() < 400, "{shown}: {reason}");
    }
    let (stored, reason) = kept.last().expect("one");
    assert_eq!(stored, stranger.as_bytes());
    assert!(reason.contains("\"nobody\" is not registered"), "{reason}");
    let counted = daemon.metric("skytier_dead_letters_total");
    assert_eq!(counted, cases.len() as u64);
    assert_eq!(daemon.metric("skytier_quarantined_total"), 1);
    assert_eq!(daemon.fetch("/readyz").status, 200);
    verify(&data);
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_over_the_limit_or_a_strange_topic_is_told_so() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "large").await;
    let large = vec![b' '; 300 * 1024];
    let (first, body) = station
        .offer(&readings_topic("1999A"), &large)
        .await
        .expect("a reason before the end");
    assert_eq!((first, body.first()), (raw::DISCONNECT, Some(&0x95)));
    let mut station = Station::connect(&daemon, "astray").await;
    let (first, body) = station
        .offer("skytier/v1/elsewhere", &with_pm25("1"))
        .await
        .expect("an answer");
    assert_eq!((first, body.get(2)), (raw::PUBACK, Some(&0x90)));
    station
        .send(&readings_topic("1999A"), &with_pm25("1"))
        .await;
    assert!(dead_letters(&data).is_empty());
    daemon.stop("TERM");
}

/// A client of MQTT 3.1.1 cannot be told why, and sends what is not answered again at every reconnect.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_with_a_strange_topic_is_not_stopped_by_it() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mqtt = std::net::SocketAddr::from(([127, 0, 0, 1], daemon.mqtt));
    let strange = [
        "tele/plug/SENSOR",
        "skytier/v1/stations/1999A/secrets",
        "skytier/v2/stations/1999A/readings",
    ];
    for qos in [1, 2] {
        let mut client = raw::Raw::hello(mqtt, raw::V3, "older").await;
        for (id, topic) in (1..).zip(strange) {
            client
                .send(&raw::publish(raw::V3, qos, id, topic, "40.7"))
                .await;
            let kind = if qos == 1 { raw::PUBACK } else { raw::PUBREC };
            assert_eq!(
                client.packet().await,
                Some(raw::answer(raw::V3, kind, id)),
                "{topic}"
            );
        }
        // What comes behind it gets through.
        let good = hourly(&format!("2020-07-26T{qos:02}:00:00+08:00"), "7");
        client
            .send(&raw::publish(
                raw::V3,
                1,
                9,
                &readings_topic("1999A"),
                &good,
            ))
            .await;
        assert_eq!(
            client.packet().await,
            Some(raw::answer(raw::V3, raw::PUBACK, 9))
        );
    }
    let kept = dead_letters(&data);
    assert_eq!(kept.len(), 6);
    for (payload, reason) in &kept {
        assert_eq!(payload, b"40.7");
        assert!(
            reason.contains("the topic takes no readings; give PREFIX/stations"),
            "{reason}"
        );
    }
    assert_eq!(daemon.readings("1999A", "factor=pm25").len(), 2);
    let listed = run(&[
        "dead-letters",
        "list",
        "--data",
        text(&data),
        "--source",
        "stations/no-source",
    ]);
    assert!(listed.contains("tele/plug/SENSOR"), "{listed}");
    verify(&data);
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_and_a_negative_value_are_kept_and_left_out() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    let ahead = |minutes| {
        (Utc::now() + chrono::Duration::minutes(minutes))
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    let cases = [
        (ahead(30), "11.5", "clock"),
        (ahead(60 * 24 * 400), "12.5", "clock"),
        ("1999-12-31T23:00:00Z".to_owned(), "13.5", "clock"),
        (TIME.to_owned(), "-1.5", "negative"),
        (ahead(5), "15.5", "passed"),
        ("2000-01-01T00:00:00Z".to_owned(), "16.5", "passed"),
    ];
    for (time, value, _) in &cases {
        station.send(&topic, &hourly(time, value)).await;
    }
    daemon.settle();
    let rows = daemon.readings("1999A", "factor=pm25");
    let found: BTreeMap<String, String> = rows
        .iter()
        .map(|row| {
            (
                row["value"].to_string(),
                row["qc"].as_str().expect("a verdict").to_owned(),
            )
        })
        .collect();
    let wanted = cases.map(|(_, value, qc)| (value.to_owned(), qc.to_owned()));
    assert_eq!(found, BTreeMap::from(wanted));
    let path = "/v1/stations/1999A/readings?factor=pm25&by=hour&format=csv";
    let hours = daemon.fetch(path).text;
    let mut values: Vec<&str> = hours
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(3).filter(|value| !value.is_empty()))
        .collect();
    values.sort();
    assert_eq!(values, ["15.5", "16.5"], "what is flagged enters no mean");
    assert!(dead_letters(&data).is_empty());
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_counts_and_the_old_value_is_known_as_of_before() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    station.send(&topic, &hourly(TIME, "40.5")).await;
    // Times are kept in whole seconds, so the correction must come in a later one than what it replaces.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let before: DateTime<Utc> = Utc::now();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    for _ in 0..3 {
        station.send(&topic, &hourly(TIME, "41.5")).await;
    }
    daemon.settle();
    let known_at = before.format("%Y-%m-%dT%H:%M:%SZ");
    for by in ["raw", "hour"] {
        for (known_at, value) in [(String::new(), 41.5), (known_at.to_string(), 40.5)] {
            let query = format!("factor=pm25&by={by}&known_at={known_at}");
            let mut rows = daemon.readings("1999A", &query);
            rows.retain(|row| !row["value"].is_null());
            assert_eq!(rows.len(), 1, "{query}");
            assert_eq!(rows[0]["value"], json!(value), "{query}");
        }
    }
    let count = |what| daemon.metric(&format!("skytier_readings_total{{outcome=\"{what}\"}}"));
    assert_eq!(
        (count("new"), count("corrected"), count("repeated")),
        (1, 1, 2)
    );
    let said = verify(&data);
    assert!(said.contains("revisions: 1 checked"), "{said}");
    daemon.stop("TERM");
}
