//! What was published is remembered, and what would be said otherwise later is listed with what changed since.

mod basis;

use std::path::Path;

use chrono::NaiveDateTime;
use chrono::TimeDelta;
use serde_json::Value;
use serde_json::json;

use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::calendar::Instant;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::units::Amount;
use skytier::ports::Batch;

use crate::register::post_json;
use crate::route::lines;
use crate::support::Daemon;
use crate::support::Reply;
use crate::support::Site;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

/// A day's hours `from..=to` of a station: PM2.5 as given, the rest small.
fn hours(day: &str, from: i64, to: i64, pm25: &str) -> String {
    let midnight: NaiveDateTime = format!("{day}T00:00:00").parse().expect("a test's day");
    let object = |hour| {
        let time = (midnight + TimeDelta::hours(hour)).format("%Y-%m-%dT%H:%M:%S");
        let rest = r#""pm10":50,"so2":10,"no2":20,"co":0.5,"o3":60"#;
        one(&time.to_string(), &format!(r#""pm25":{pm25},{rest}"#))
    };
    let objects: Vec<String> = (from..=to).map(object).collect();
    format!("[{}]", objects.join(","))
}

/// One value at one time of a station.
fn one(time: &str, values: &str) -> String {
    format!(r#"{{"time":"{time}+08:00","interval_s":3600,"values":{{{values}}}}}"#)
}

async fn send(site: &Site, station: &str, payloads: &[String]) {
    let mut own = Station::connect(site, "restatements").await;
    for payload in payloads {
        own.send(&readings_topic(station), payload).await;
    }
    site.settle();
}

fn publish(site: &Site, body: &Value) -> Reply {
    post_json(&format!("{}/v1/publications", site.http), body)
}

fn published(site: &Site, body: &Value) -> Vec<Value> {
    let reply = publish(site, body);
    assert_eq!(reply.status, 201, "{}", reply.text);
    let issues = reply.json()["publications"].clone();
    issues.as_array().cloned().expect("a list")
}

fn restated(site: &Site) -> Vec<Value> {
    let answer = site.json("/v1/restatements");
    answer["restatements"].as_array().cloned().expect("a list")
}

/// `item old>new difference: cause station pollutant hours`, an item a line.
fn told(restatements: &[Value]) -> Vec<String> {
    let cause = |cause: &Value| {
        let words = [
            "cause",
            "change",
            "exclusion",
            "document",
            "station",
            "pollutant",
            "hours",
            "days",
            "decision",
            "reviewer",
        ];
        let words = words.iter().filter_map(|key| cause.get(*key));
        let words: Vec<String> = words
            .map(|word| {
                word.as_str()
                    .map_or_else(|| word.to_string(), str::to_owned)
            })
            .collect();
        words.join(" ")
    };
    let item = |item: &Value| {
        let causes = item["causes"].as_array().expect("causes").iter().map(cause);
        let causes: Vec<String> = causes.collect();
        let (name, old, new) = (
            item["item"].as_str().expect("a name"),
            &item["old"],
            &item["new"],
        );
        format!(
            "{name} {old}>{new} {}: {}",
            item["difference"],
            causes.join(", ")
        )
    };
    let items = restatements
        .iter()
        .flat_map(|own| own["items"].as_array().expect("items"));
    items.map(item).collect()
}

const MONTH: [&str; 3] = ["station:Dongsi", "2016-11-01", "2016-11-30"];

fn month() -> Value {
    json!({"area": MONTH[0], "from": MONTH[1], "to": MONTH[2], "by": "month"})
}

/// A daemon with November 2016 of one station, all hours alike; the first three of the 5th are missing.
async fn november(data: &Path) -> Daemon {
    let daemon = Daemon::start(data, &[]);
    let first = |day: u32| if day == 5 { 4 } else { 1 };
    let hours = |day: u32| hours(&format!("2016-11-{day:02}"), first(day), 24, "30");
    let days: Vec<String> = (1..=30).map(hours).collect();
    send(&daemon.site, "Dongsi", &days).await;
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_is_listed_against_the_latest_issue() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = november(&data).await;
    let site = &daemon.site;
    let issues = published(site, &month());
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0]["id"], 1);
    assert_eq!(issues[0]["period"], "2016-11");
    assert_eq!(issues[0]["edition"], "2012");
    assert_eq!(issues[0]["figures"]["pm25"], 30);
    assert_eq!(issues[0]["figures"]["good_days"], 30);
    assert_eq!(issues[0]["figures"]["pm25_yoy_pct"], Value::Null);
    assert!(restated(site).is_empty(), "nothing changed");

    // The same again, and a change too small to be printed, restate nothing.
    send(site, "Dongsi", &[hours("2016-11-02", 1, 24, "30")]).await;
    let small = one("2016-11-03T05:00:00", r#""pm10":51"#);
    send(site, "Dongsi", &[small]).await;
    assert!(restated(site).is_empty(), "nothing is said otherwise");

    send(site, "Dongsi", &[hours("2016-11-05", 1, 3, "870")]).await;
    let found = restated(site);
    assert_eq!(found.len(), 1);
    let cause = &found[0]["items"][0]["causes"][0];
    assert_eq!(cause["first"], "2016-11-05T01:00:00+08:00");
    assert_eq!(cause["last"], "2016-11-05T03:00:00+08:00");
    let when = |at: &Value| at.as_str().expect("a time").to_owned();
    let received = [&cause["received_first"], &cause["received_last"]].map(when);
    let known_at = when(&found[0]["known_at"]);
    assert!(known_at < received[0] && received[0] <= received[1]);
    // (29 * 30 + (21 * 30 + 3 * 870) / 24) / 30 = 33.5; a day of 135 is a bad one.
    let late = "late Dongsi pm25 3";
    let lines = told(&found);
    assert_eq!(lines[0], format!("pm25 30>33.5 3.5: {late}"));
    let good = format!("good_days 30>29 -1: {late}, late Dongsi pm10 3, corrected Dongsi pm10 1,");
    assert!(
        lines.iter().any(|line| line.starts_with(&good)),
        "{lines:?}"
    );

    let more = [
        one("2016-11-06T05:00:00", r#""pm25":null"#),
        one("2016-11-07T05:00:00", r#""pm25":60"#),
        r#"{"time":"2016-11-08T05:00:00+08:00","interval_s":3600,"values":{"pm25":30},"flags":{"pm25":"M"}}"#.to_owned(),
    ];
    send(site, "Dongsi", &more).await;
    let (corrected, null) = ("corrected Dongsi pm25 1", "no_value Dongsi pm25 1");
    let flagged = "flagged Dongsi pm25 1";
    let expected = format!("pm25 30>33.5 3.5: {late}, {corrected}, {null}, {flagged}");
    assert_eq!(told(&restated(site))[0], expected);

    // Issued again: the latest counts, the first is kept.
    assert_eq!(published(site, &month())[0]["id"], 2);
    assert!(
        restated(site).is_empty(),
        "the second issue says what holds"
    );
    let kept = site.json("/v1/publications")["publications"].clone();
    let said: Vec<&Value> = [0, 1].map(|at| &kept[at]["figures"]["pm25"]).to_vec();
    assert_eq!(said, [&json!(30), &json!(33.5)]);
    assert_eq!(kept[0], issues[0], "an issue is never changed");
    send(site, "Dongsi", &[hours("2016-11-05", 1, 3, "30")]).await;
    let back = told(&restated(site));
    assert_eq!(back[0], "pm25 33.5>30 -3.5: corrected Dongsi pm25 3");
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_asking_gives_the_same_list() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = november(&data).await;
    let site = &daemon.site;
    // Days as well, by the same body; a day without any reading is not published.
    let mut days = month();
    days["by"] = json!("day");
    days["to"] = json!("2016-12-02");
    assert_eq!(published(site, &days).len(), 30);
    published(site, &month());
    send(site, "Dongsi", &[hours("2016-11-05", 1, 3, "870")]).await;
    let found = restated(site);
    let numbers: Vec<&Value> = found.iter().map(|own| &own["issue"]).collect();
    assert_eq!(numbers, [&json!(5), &json!(31)]);
    assert_eq!(
        told(&found[..1])[..2],
        [
            "aqi 50>179 129: late Dongsi pm25 3, late Dongsi pm10 3, late Dongsi so2 3, late Dongsi no2 3, late Dongsi co 3, late Dongsi o3 3",
            "primary null>\"PM2.5\" null: late Dongsi pm25 3, late Dongsi pm10 3, late Dongsi so2 3, late Dongsi no2 3, late Dongsi co 3, late Dongsi o3 3"
        ]
    );

    let page = |query: &str| site.json(&format!("/v1/restatements?{query}"));
    let first = page("limit=1");
    assert_eq!(first["restatements"][0], found[0]);
    assert_eq!(first["next"], 5);
    assert_eq!(page("after=5&limit=1")["restatements"][0], found[1]);
    assert_eq!(page("after=5&limit=1")["next"], Value::Null);
    assert_eq!(page("area=station:Huairou")["restatements"], json!([]));
    assert_eq!(page("area=station:Dongsi")["restatements"], json!(found));
    let listed = |query: &str| site.json(&format!("/v1/publications?{query}"));
    assert_eq!(listed("limit=30")["next"], 30);
    assert_eq!(listed("after=30")["publications"][0]["id"], 31);

    let command = |more: &[&str]| {
        let mut args = vec!["restatements", "--data", text(&site.data)];
        args.extend(more);
        run(&args)
    };
    assert_eq!(lines(&command(&["--format", "json"])), found);
    let csv = command(&["--format", "csv"]);
    assert_eq!(csv, site.fetch("/v1/restatements?format=csv").text);
    assert_eq!(csv.lines().count(), 1 + told(&found).len());
    let table = command(&["--area", "station:Dongsi"]);
    for words in [
        "第5号快照：station:Dongsi 2016-11-05，标准2012",
        "PM2.5         30.0  135.0  105.0",
        "Dongsi PM2.5 PM10 SO2 NO2 CO O3 迟到 3小时 2016-11-05T01:00:00+08:00/2016-11-05T03:00:00+08:00 收到于 20",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let english = command(&["--lang", "en"]);
    assert!(
        english.contains("snapshot 31: station:Dongsi 2016-11, edition 2012"),
        "{english}"
    );
    assert_eq!(command(&["--area", "city"]), "已发布数据无变化\n");
    let listed = run(&["publish", "--data", text(&site.data), "--list"]);
    assert_eq!(
        json!(lines(&listed)),
        site.json("/v1/publications")["publications"]
    );
}

/// Registers the group `pair` with some members.
fn pair(site: &Site, members: &[&str]) {
    let mut csv = "id,name_zh,name_en,document,station,from,to\n".to_owned();
    for member in members {
        csv.push_str(&format!("pair,组,Pair,a test,{member},2013-01-01,\n"));
    }
    let url = format!("{}/v1/registry/groups", site.http);
    let reply = post_json(&url, &json!({"csv": csv}));
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_on_year_differs_when_the_year_before_does_and_a_group_when_its_members_do() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = Daemon::start(&data, &[]);
    let site = &daemon.site;
    pair(site, &["Dongsi", "Huairou"]);
    let days = ["2015-11-01", "2015-11-02", "2016-11-01", "2016-11-02"];
    for station in ["Dongsi", "Huairou"] {
        let all: Vec<String> = days.iter().map(|day| hours(day, 1, 24, "30")).collect();
        send(site, station, &all).await;
    }
    let body = json!({"area": "group:pair", "from": "2016-11-01", "to": "2016-11-02"});
    let issues = published(site, &body);
    assert_eq!(issues[0]["figures"]["pm25_yoy_pct"], 0);
    send(site, "Dongsi", &[hours("2015-11-02", 1, 24, "60")]).await;
    // A quarter of the year before became 60, so its mean is 37.5.
    let corrected = "corrected Dongsi pm25 24";
    let expected = format!("pm25_yoy_pct 0>-20 -20: {corrected}");
    assert_eq!(told(&restated(site)), [expected]);

    // A station that leaves takes its readings along: the year before is 45 then.
    pair(site, &["Dongsi"]);
    let left = "left Huairou 2";
    let expected = format!("pm25_yoy_pct 0>-33.3 -33.3: {left}, {left}, {corrected}");
    assert_eq!(told(&restated(site)), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_says_why() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = november(&data).await;
    let site = &daemon.site;
    let check = |key: &str, value: &str, status: u16, expected: &str| {
        let mut body = month();
        body[key] = json!(value);
        let reply = publish(site, &body);
        assert_eq!(reply.status, status, "{key}={value}: {}", reply.text);
        assert!(
            reply.text.contains(expected),
            "{key}={value}: {}",
            reply.text
        );
    };
    check("area", "station:Nowhere", 404, "Nowhere");
    check("area", "", 400, "an area and no format is expected");
    check(
        "by",
        "fortnight",
        400,
        "a kind of period is expected, or day",
    );
    check("from", "2016-12-31", 400, "from:");
    check(
        "known_at",
        "2999-01-01T00:00:00+08:00",
        400,
        "lies ahead of now",
    );
    check(
        "known_at",
        "2016-11-01T00:00:00+08:00",
        400,
        "there is nothing to publish",
    );
    check("edition", "2099", 400, "2099");
    check("colour", "green", 400, "unknown");
    let many = json!({"area": MONTH[0], "from": "2015-01-01", "to": "2016-11-30", "by": "day"});
    let reply = publish(site, &many);
    assert_eq!(reply.status, 400);
    assert!(
        reply.text.contains("700 issues at once, at most 366"),
        "{}",
        reply.text
    );
    let form = crate::support::post_as(
        &format!("{}/v1/publications", site.http),
        "text/plain",
        month().to_string().as_bytes(),
    );
    assert_eq!(form.status, 415, "{}", form.text);
    assert_eq!(site.json("/v1/publications")["publications"], json!([]));

    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_publishes_where_no_daemon_writes() {
    let (folder, data) = seeded(&["beijing"]);
    let daemon = november(&data).await;
    let asked = [
        "--area",
        "station:Dongsi",
        "--from",
        "2016-11-01",
        "--to",
        "2016-11-30",
    ];
    let command = |data: &Path, more: &[&str]| {
        let mut args = vec!["publish", "--data", text(data)];
        args.extend(asked);
        args.extend(more);
        fails(&args)
    };
    let (code, said) = command(&data, &[]);
    assert_eq!(code, 3);
    assert!(said.contains("use POST /v1/publications"), "{said}");
    let nowhere = folder.path().join("nowhere");
    let (code, said) = command(&nowhere, &[]);
    assert_eq!((code, nowhere.exists()), (3, false), "{said}");
    daemon.stop("TERM");
    let (code, said) = command(&data, &["--known-at", "2016-11-01T00:00:00+08:00"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("there is nothing to publish"), "{said}");
    let mut args = vec!["publish", "--data", text(&data), "--by", "month"];
    args.extend(asked);
    let line = run(&args);
    assert_eq!(lines(&line)[0]["figures"]["pm25"], 30, "{line}");
    verify(&data);
}

/// Stores one hour as received at a time.
async fn receive(data: &Path, station: &str, time: &str, received_at: i64) {
    let store = Embedded::open(data, Access::Write).expect("opened for writing");
    let stores = Stores::embedded(store);
    let time = chrono::DateTime::parse_from_rfc3339(time).expect("a time");
    let observation = Observation {
        key: SeriesKey {
            source: SourceId::new(station).expect("a station"),
            factor: Factor::new("pm25").expect("a factor"),
            stat: Stat::new("avg").expect("a statistic"),
            interval_s: 3_600,
        },
        reading: Reading {
            time: Instant::from_unix(time.timestamp()),
            value: Some(Amount::from_units(77)),
            flag: Flag::normal(),
            qc: Qc::Passed,
            review: Review::Raw,
        },
    };
    let batch = Batch {
        observations: vec![observation],
        ..Batch::new(Instant::from_unix(received_at))
    };
    stores.series.append(batch).await.expect("stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_of_days_received_ahead_of_the_clock() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let year_2090 = 3_786_883_200;
    receive(&data, "1999A", "2016-12-02T05:00:00+08:00", year_2090).await;
    let daemon = Daemon::start(&data, &[]);
    let days = [
        hours("2016-12-02", 1, 24, "30"),
        hours("2017-01-02", 1, 24, "30"),
    ];
    send(&daemon, "1999A", &days).await;
    let body = |from: &str, to: &str| {
        publish(
            &daemon,
            &json!({"area": "station:1999A", "from": from, "to": to}),
        )
    };
    let refused = body("2016-12-01", "2016-12-31");
    assert_eq!(refused.status, 400, "{}", refused.text);
    let told =
        refused.text.contains("1 readings of these days") && refused.text.contains("2090-01-01");
    assert!(told, "{}", refused.text);
    assert_eq!(body("2017-01-01", "2017-01-31").status, 201);
    daemon.stop("TERM");
    let args = [
        "publish",
        "--data",
        text(&data),
        "--area",
        "station:1999A",
        "--from",
    ];
    let (code, said) = fails(&[&args[..], &["2016-12-01", "--to", "2016-12-31"]].concat());
    assert!(
        code == 2 && said.contains("a clock that was ahead"),
        "{code} {said}"
    );
}
