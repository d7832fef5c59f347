//! Dead letters: listed, taken out whole, tried again.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::post_as;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

const LOCAL: &str = "2020-07-27T13:00:00";
const TIME: &str = "2020-07-27T13:00:00+08:00";
/// Station 1999A as it is seeded, with a zone.
const ZONED: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone\n\
    1999A,虹桥邮政,Hongqiao,national,120.268,31.92,false,test,+08:00\n";

fn register(folder: &Path, data: &Path, csv: &str) {
    let file = folder.join("stations.csv");
    std::fs::write(&file, csv).expect("room on the disk");
    run(&["register", "--data", text(data), text(&file)]);
}

fn listed(data: &Path, more: &[&str]) -> Vec<String> {
    let args = [&["dead-letters", "list", "--data", text(data)], more].concat();
    run(&args).lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_used_by_now_is_stored_and_the_rest_keeps_its_reason() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    station.send(&topic, &hourly(LOCAL, "10.5")).await;
    station.send(&topic, b"\xff\xfe").await;
    station.send(&topic, &hourly(LOCAL, "11.5")).await;
    station
        .send(&readings_topic("nobody"), &hourly(LOCAL, "1"))
        .await;
    daemon.stop("TERM");
    let lines = listed(&data, &["--state", "dead"]);
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("1\t") && lines[0].contains("\tdead\t"),
        "{lines:?}"
    );
    assert!(lines[0].contains("no offset"), "{lines:?}");
    let waiting = listed(&data, &["--source", "stations/nobody"]);
    assert!(waiting[0].contains("\tquarantined\t"), "{waiting:?}");
    register(folder.path(), &data, ZONED);
    let retry = ["dead-letters", "retry", "--data", text(&data)];
    assert_eq!(
        run(&retry),
        "quarantine: 0 admitted or found dead\n\
         dead letters: 3 tried, 2 admitted, 0 quarantined, 1 still dead\n"
    );
    // A second time, only what is still dead.
    assert!(run(&retry).contains("1 tried, 0 admitted, 0 quarantined, 1 still dead"));
    let exported = run(&["dead-letters", "export", "--data", text(&data)]);
    let letters: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(letters.len(), 4, "nothing is dropped");
    assert_eq!(letters[0]["payload"], json!(hourly(LOCAL, "10.5")));
    assert_eq!(letters[0]["state"], "admitted");
    assert_eq!(letters[0]["tries"].as_array().map(Vec::len), Some(1));
    assert_eq!(letters[1]["payload_hex"], "fffe");
    assert_eq!(letters[1]["tries"].as_array().map(Vec::len), Some(2));
    assert_eq!(letters[1]["tries"][1]["state"], "dead");
    let daemon = Daemon::start(&data, &[]);
    let rows = daemon.readings("1999A", "factor=pm25");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["value"], json!(11.5), "in the order they came");
    daemon.stop("TERM");
    verify(&data);
}

/// Waits for the beginning of a second: what is sent then comes within it.
async fn second_begins() {
    let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    let rest = std::time::Duration::from_nanos(1_000_000_000 - u64::from(since.subsec_nanos()));
    tokio::time::sleep(rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_never_replaces_what_came_after_it() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    station.send(&topic, &hourly(LOCAL, "10.5")).await;
    // Times of receipt are whole seconds: one value comes in a later one, the others in that of their letter.
    second_begins().await;
    station.send(&topic, &hourly(TIME, "12.5")).await;
    let within = "2020-07-27T14:00:00";
    station.send(&topic, &hourly(within, "1")).await;
    for value in ["4", "5"] {
        let zoned = format!("{within}+08:00");
        station.send(&topic, &hourly(&zoned, value)).await;
    }
    let url = format!("{}/v1/registry/stations", daemon.http);
    assert_eq!(post_json(&url, &json!({"csv": ZONED})).status, 200);
    let url = format!("{}/v1/dead-letters/retry", daemon.http);
    let tried = post_json(&url, &json!({"ids": [1, 2, 7]})).json();
    let expected =
        json!({"tried": 2, "admitted": 2, "quarantined": 0, "dead": 0, "passed_over": [7]});
    assert_eq!(tried, expected);
    let rows = daemon.readings("1999A", "factor=pm25");
    let values: Vec<&Value> = rows.iter().map(|row| &row["value"]).collect();
    assert_eq!(values, [&json!(12.5), &json!(5)]);
    for (number, payload) in [(1, hourly(LOCAL, "10.5")), (2, hourly(within, "1"))] {
        let letter = daemon.json(&format!("/v1/dead-letters/{number}"));
        let reason = "0 values admitted, 1 left out as others came later or in the same second";
        assert_eq!(letter["reason"], reason, "{letter}");
        assert_eq!(letter["payload"], json!(payload));
    }
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_paged_and_filtered_over_http() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    for number in 0..5 {
        let topic = readings_topic(if number < 3 { "1999A" } else { "nobody" });
        station.send(&topic, &hourly("2020-07-27T13:00", "1")).await;
        station.send(&topic, &hourly(LOCAL, "1")).await;
    }
    let ids = |query: &str| {
        let page = daemon.json(&format!("/v1/dead-letters?{query}"));
        let letters = page["letters"].as_array().cloned().expect("a list");
        let ids: Vec<u64> = letters
            .iter()
            .map(|l| l["id"].as_u64().expect("an id"))
            .collect();
        (ids, page["next_after"].as_u64())
    };
    assert_eq!(ids("limit=4"), (vec![1, 2, 3, 4], Some(4)));
    assert_eq!(ids("limit=4&after=8"), (vec![9, 10], None));
    assert_eq!(ids("state=quarantined"), (vec![8, 10], None));
    assert_eq!(ids("state=dead&source=stations/nobody"), (vec![7, 9], None));
    let counts = &daemon.json("/v1/dead-letters?limit=1")["counts"];
    assert_eq!(*counts, json!({"quarantined": 2, "dead": 8, "admitted": 0}));
    let url = format!("{}/v1/dead-letters/retry", daemon.http);
    for (path, status) in [
        ("/v1/dead-letters?state=gone", 400),
        ("/v1/dead-letters?source=1999A", 400),
        ("/v1/dead-letters?limit=1001", 400),
        ("/v1/dead-letters/99", 404),
        ("/v1/dead-letters/first", 400),
    ] {
        assert_eq!(daemon.fetch(path).status, status, "{path}");
    }
    assert_eq!(post_as(&url, "text/plain", b"{}").status, 415);
    for (body, status) in [
        (json!({"ids": [1], "source": "stations/1999A"}), 400),
        (json!({"source": "1999A"}), 400),
        (json!({"what": 1}), 400),
        (json!({"ids": vec![1; 1_001]}), 400),
        (json!({}), 200),
    ] {
        assert_eq!(post_json(&url, &body).status, status, "{body}");
    }
    daemon.stop("TERM");
}

#[test]
fn faulty_arguments_are_named() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let data = text(&data);
    for (args, expected) in [
        (
            vec!["list", "--data", data, "--state", "lost"],
            "--state \"lost\"",
        ),
        (
            vec!["list", "--data", data, "--source", "1999A"],
            "--source: ",
        ),
        (
            vec!["retry", "--data", data, "--id", "3"],
            "--id 3: no dead letter",
        ),
    ] {
        let args = [vec!["dead-letters"], args].concat();
        let (code, said) = fails(&args);
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    assert_eq!(
        fails(&["dead-letters", "retry", "--data", "/nowhere/at/all"]).0,
        3
    );
}
