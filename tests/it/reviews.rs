//! Reviewers' decisions as people enter them: from a file, over HTTP, seen in readings and exports.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

const HEADER: &str = "source,factor,stat,interval_s,time,from,to,decision,value,reason\n";
const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\n";

fn write(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, lines).expect("room on the disk");
    path
}

/// Hours 1 to 24 of 2020-01-01 at station `a`, PM2.5 as `value` says by hour.
pub(crate) fn day(value: impl Fn(u32) -> String) -> String {
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    for hour in 1..=24 {
        let time = match hour {
            24 => "2020-01-02T00:00:00+08:00".to_owned(),
            hour => format!("2020-01-01T{hour:02}:00:00+08:00"),
        };
        let pm25 = value(hour);
        rows.push_str(&format!("a,{time},3600,{pm25},50,5,20,0.5,60\n"));
    }
    rows
}

/// A daemon with a day of station `a`.
fn daemon(folder: &Path) -> Daemon {
    let data = folder.join("data");
    let stations = write(folder, "stations.csv", STATIONS);
    run(&["register", "--data", text(&data), text(&stations)]);
    let daemon = Daemon::start(&data, &[]);
    let file = write(folder, "day.csv", &day(|hour| format!("{}", hour * 10)));
    daemon.replay("canonical", &[file]);
    daemon
}

fn enter(site: &Site, body: &Value) -> (u16, Value) {
    let reply = post_json(&format!("{}/v1/reviews", site.http), body);
    (reply.status, reply.json())
}

/// Values and marks of the first hours.
fn hours(site: &Site, query: &str) -> String {
    let rows = site.readings("a", &format!("limit=4&{query}"));
    let row = |row: &Value| {
        format!(
            "{} {}",
            row["value"],
            row["review"].as_str().expect("a mark")
        )
    };
    rows.iter().map(row).collect::<Vec<_>>().join("; ")
}

fn at(hour: u32) -> String {
    format!("2020-01-01T{hour:02}:00:00+08:00")
}

/// Confirms hour 1, voids 2 and 3, and corrects 3.
fn body() -> Value {
    json!({"reviewer": "Li Na", "decisions": [
        {"source": "a", "factor": "a34004", "time": at(1), "decision": "confirm"},
        {"source": "a", "factor": "pm25", "from": at(1), "to": at(3), "decision": "void", "reason": "零点检查期间"},
        {"source": "a", "factor": "pm25", "time": at(3), "decision": "correct", "value": 7.25, "reason": "span drift of 12 % on the day"},
    ]})
}

#[test]
fn decisions_lie_over_the_readings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    assert_eq!(hours(&daemon, ""), "10 raw; 20 raw; 30 raw; 40 raw");
    let before = daemon.json("/v1/reviews");
    assert_eq!(before, json!({"decisions": [], "next_after": null}));
    let body = body();
    for answer in [
        json!({"entered": 3, "stood_already": 0}),
        json!({"entered": 0, "stood_already": 3}),
    ] {
        assert_eq!(enter(&daemon, &body), (200, answer));
    }
    let decided = "review=reviewed";
    assert_eq!(
        hours(&daemon, ""),
        "10 reviewed; 20 reviewed; 30 reviewed; 40 raw"
    );
    assert_eq!(
        hours(&daemon, decided),
        "10 reviewed; null reviewed; 7.25 reviewed; 40 raw"
    );
    let past = "known_at=2020-01-01T00:00:00%2B08:00";
    assert_eq!(hours(&daemon, &format!("{decided}&{past}")), "");
    let listed = daemon.json("/v1/reviews?limit=2&source=a");
    let from = listed["decisions"][1]["from"].as_str();
    assert_eq!(
        (&listed["next_after"], from),
        (&json!(2), Some(at(1).as_str()))
    );
    let rest = daemon.json("/v1/reviews?after=2");
    assert_eq!(rest["decisions"][0]["value"], 7.25);
    assert_eq!(daemon.json("/v1/reviews?source=b")["decisions"], json!([]));
    // The hours derived are those decided.
    let derived = daemon.json(&format!(
        "/v1/stations/a/readings?by=hour&limit=4&{decided}"
    ));
    let values: Vec<f64> = derived["readings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["value"].as_f64())
        .collect();
    assert_eq!(
        (values, derived["review"].as_str()),
        (vec![10.0, 7.25, 40.0], Some("reviewed"))
    );
}

/// Corrects the last hour besides; gives a moment before all decisions.
fn decided(daemon: &Daemon) -> String {
    let before = daemon.json("/v1/air/now?area=station:a");
    let known_at = before["known_at"]
        .as_str()
        .expect("a time")
        .replace('+', "%2B");
    std::thread::sleep(Duration::from_millis(1_100));
    let mut decisions = body();
    let newest = json!({"source": "a", "factor": "pm25", "time": LAST, "decision": "correct", "value": 90.5,
        "reason": "span drift of 12 % on the day"});
    decisions["decisions"]
        .as_array_mut()
        .expect("a list")
        .push(newest);
    assert_eq!(enter(daemon, &decisions).0, 200);
    known_at
}

const LAST: &str = "2020-01-02T00:00:00+08:00";

#[test]
fn hours_are_as_reviewers_left_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let known_at = decided(&daemon);
    let span = "area=station:a&from=2020-01-01&to=2020-01-01";
    let hours = |query: &str| {
        let rows = daemon.json(&format!("/v1/air/hours?{span}{query}"));
        let rows = rows.as_array().expect("hours").clone();
        let value = |row: &Value| {
            format!(
                "{} {}",
                row["pm25"],
                row["review"].as_str().expect("a mark")
            )
        };
        let first: Vec<String> = rows[..4].iter().map(value).collect();
        (first.join("; "), rows)
    };
    assert_eq!(hours("").0, "10 raw; 20 raw; 30 raw; 40 raw");
    let (told, reviewed) = hours("&review=reviewed");
    assert_eq!(
        told,
        "10 reviewed; null reviewed; 7.25 reviewed; 40 reviewed"
    );
    assert_eq!(
        reviewed[1]["void_reason"],
        "pm25 24h 0/1|pm10 24h 0/1|o3 8h 0/1"
    );
    let past = format!("&review=reviewed&known_at={known_at}");
    assert_eq!(
        hours(&past).0,
        "10 reviewed; 20 reviewed; 30 reviewed; 40 reviewed"
    );
    // The command prints the same.
    let args = [
        "assess",
        "--data",
        text(&daemon.data),
        "--area",
        "station:a",
        "--by",
        "hour",
        "--review",
        "reviewed",
    ];
    let more = [
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-01",
        "--format",
        "json",
    ];
    let printed = run(&[&args[..], &more].concat());
    let hour = |line: &str| serde_json::from_str::<Value>(line).expect("an hour");
    let value = |row: &Value| (row["time"].clone(), row["pm25"].clone(), row["aqi"].clone());
    let ours: Vec<_> = printed.lines().map(|line| value(&hour(line))).collect();
    assert_eq!(ours, reviewed.iter().map(value).collect::<Vec<_>>());
    // Days and hours stand as measured, so leaving excluded days out of them is refused.
    let (code, said) =
        fails(&[&args[..5], &["--by", "day", "--exclusions", "with"], &more].concat());
    assert!(code == 2 && said.contains("stand as measured"), "{said}");
    let reply = daemon.fetch(&format!("/v1/air/days?{span}&exclusions=with"));
    assert!(
        reply.status == 400 && reply.text.contains("stand as measured"),
        "{}",
        reply.text
    );
}

#[test]
fn the_newest_hour_is_as_reviewers_left_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let past = format!("&review=reviewed&known_at={}", decided(&daemon));
    let now = |query: &str| {
        let found = daemon.json(&format!("/v1/air/now?area=station:a{query}"));
        let told = ["time", "pm25", "review"].map(|key| found[key].clone());
        (json!(told), found)
    };
    assert_eq!(now("").0, json!([LAST, 240, "raw"]));
    assert_eq!(now("&review=reviewed").0, json!([LAST, 90.5, "reviewed"]));
    assert_eq!(now(&past).0, json!([LAST, 240, "reviewed"]));
    let (nothing, found) = now("&known_at=2020-01-01T00:00:00%2B08:00");
    assert_eq!(nothing, json!([null, null, "raw"]));
    assert_eq!(
        (&found["age_s"], &found["known_at"]),
        (&Value::Null, &json!("2020-01-01T00:00:00+08:00"))
    );
    let reply = daemon.fetch("/v1/air/now?known_at=2999-01-01T00:00:00%2B08:00");
    assert_eq!(reply.status, 400, "{}", reply.text);
}

#[test]
fn a_correction_by_the_sender_makes_a_confirmed_value_raw_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    assert_eq!(enter(&daemon, &body()).0, 200);
    let decided = "review=reviewed";
    std::thread::sleep(Duration::from_millis(1_100));
    let file = write(
        folder.path(),
        "later.csv",
        &day(|hour| format!("{}", hour * 10 + 1)),
    );
    daemon.replay("canonical", &[file]);
    assert_eq!(
        hours(&daemon, ""),
        "11 raw; 21 reviewed; 31 reviewed; 41 raw"
    );
    assert_eq!(
        hours(&daemon, decided),
        "11 raw; null reviewed; 7.25 reviewed; 41 raw"
    );
    let exported = |review: &str| {
        let data = text(&daemon.data);
        let args = [
            "export", "--data", data, "--what", "readings", "--review", review,
        ];
        let lines = run(&[&args[..], &["--out", "-"]].concat());
        let pm25 = lines.lines().filter(|line| line.starts_with("a,pm25"));
        let ends = pm25
            .take(3)
            .map(|line| line.split("3600,").nth(1).unwrap_or("").to_owned());
        ends.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(exported("raw"), "11,N,raw 21,N,reviewed 31,N,reviewed");
    assert_eq!(exported("reviewed"), "11,N,raw ,N,reviewed 7.25,N,reviewed");
    assert!(
        daemon.verify().contains("review decisions: 3 checked"),
        "{}",
        daemon.verify()
    );
}

#[test]
fn decisions_over_http_are_refused_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let good = json!({"source": "a", "factor": "pm25", "time": at(1), "decision": "confirm"});
    let with = |decisions: Value| json!({"reviewer": "Li Na", "decisions": decisions});
    let late = json!({"source": "a", "factor": "pm25", "time": "2999-01-01T00:00:00+08:00", "decision": "confirm"});
    let odd = json!({"source": "a", "factor": "pm25", "time": "2019-01-01T00:00:00+08:00", "decision": "confirm"});
    let vague = json!({"source": "a", "factor": "pm25", "time": at(1), "decision": "void", "reason": "异常"});
    for (body, part) in [
        (
            with(json!([good, late])),
            "decisions[1]: its time lies in the future",
        ),
        (
            with(json!([good, odd])),
            "decisions[1]: no stored reading of a pm25 avg, 3600 s, lies there",
        ),
        (
            with(json!([good, vague])),
            "decisions[1]: reason: \"异常\" is not a ground",
        ),
        (with(json!([])), "no decision is given"),
        (
            json!({"reviewer": " ", "decisions": [good]}),
            "reviewer: a name",
        ),
        (
            json!({"reviewer": "Li"}),
            "either csv or decisions is expected",
        ),
        (
            json!({"reviewer": "Li", "csv": "x\n"}),
            "csv:1: columns must be source,",
        ),
    ] {
        let (status, answer) = enter(&daemon, &body);
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(part), "{status} {answer}");
    }
    let plain =
        crate::support::post_as(&format!("{}/v1/reviews", daemon.http), "text/plain", b"{}");
    assert_eq!(plain.status, 415);
    assert_eq!(daemon.json("/v1/reviews")["decisions"], json!([]));
    let reply = daemon.fetch("/v1/stations/a/readings?review=final");
    assert_eq!(reply.status, 400, "{}", reply.text);
}

#[test]
fn a_file_of_decisions_is_entered_whole_beside_no_daemon() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let data = daemon.data.clone();
    let rows = format!("{HEADER}a,pm25,,,{},,,void,,power failure\n", at(2));
    let file = write(folder.path(), "review.csv", &rows);
    let enter = [
        "review",
        "--data",
        text(&data),
        "--reviewer",
        "Li Na",
        text(&file),
    ];
    let (code, said) = fails(&enter);
    assert!(
        code == 3 && said.contains("another skytier process"),
        "{code} {said}"
    );
    daemon.stop("INT");
    assert_eq!(run(&enter), "1 decisions entered, 0 stood already\n");
    assert_eq!(run(&enter), "0 decisions entered, 1 stood already\n");
    let listed = run(&["review", "--data", text(&data), "--list"]);
    let line: Value = serde_json::from_str(&listed).expect("one line of JSON");
    let told = ["id", "time", "decision", "reason", "reviewer"].map(|key| line[key].clone());
    assert_eq!(
        json!(told),
        json!([1, at(2), "void", "power failure", "Li Na"])
    );
    let faulty = format!(
        "{rows}a,pm25,,,{},,,void,,abnormal\nb,pm25,,,{},,,confirm,,\n",
        at(3),
        at(3)
    );
    for (lines, expected) in [
        (
            faulty.clone(),
            "review.csv:3: reason: \"abnormal\" is not a ground",
        ),
        (
            faulty.replace("abnormal", "zero check"),
            "review.csv:4: no stored reading of b pm25 avg",
        ),
    ] {
        write(folder.path(), "review.csv", &lines);
        let (code, said) = fails(&enter);
        assert!(code == 2 && said.contains(expected), "{code} {said}");
    }
    let (code, said) = fails(&[
        "review",
        "--data",
        text(&data),
        "--reviewer",
        "",
        text(&file),
    ]);
    assert!(code == 2 && said.contains("--reviewer"), "{said}");
    assert_eq!(
        run(&["review", "--data", text(&data), "--list"]),
        listed,
        "nothing half-entered"
    );
}
