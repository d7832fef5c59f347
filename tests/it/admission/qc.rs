//! The rules for single readings, as a bureau sees them: what is excluded, what is only warned of.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

/// Hours of 2020-07-27 at two stations: a wrong unit, a flat line, PM2.5 above PM10, a jump.
fn hours(reversed: bool) -> String {
    let mut rows: Vec<String> = (1..=12)
        .map(|hour| {
            let pm25 = match hour {
                2 => "40700".to_owned(),
                11 => "400".to_owned(),
                12 => "-3".to_owned(),
                _ => format!("{}", 30 + hour),
            };
            let pm10 = if hour == 4 { 20 } else { 60 + hour };
            let time = format!("2020-07-27T{hour:02}:00:00+08:00");
            format!("1999A,{time},3600,{pm25},{pm10},,,0.9,\n")
        })
        .collect();
    if reversed {
        rows.reverse();
        // A redelivery changes nothing either.
        let again = rows.clone();
        rows.extend(again);
    }
    let header = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";
    rows.into_iter().fold(header.to_owned(), |mut text, row| {
        write!(text, "{row}").expect("memory takes text");
        text
    })
}

/// A daemon that took the hours in this order.
fn daemon(reversed: bool) -> (tempfile::TempDir, Daemon) {
    let (folder, data) = seeded(&["jiangyin"]);
    let file = folder.path().join("hours.csv");
    std::fs::write(&file, hours(reversed)).expect("room on the disk");
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &[file]);
    daemon.settle();
    (folder, daemon)
}

const PATH: &str = "/v1/stations/1999A/qc?from=2020-07-27&to=2020-07-27";

#[test]
fn what_is_wrong_is_excluded_and_what_is_odd_is_told() {
    let (_folder, daemon) = daemon(false);
    let csv = daemon.fetch(&format!("{PATH}&format=csv")).text;
    let lines: Vec<&str> = csv.lines().collect();
    let line = |hour, rest: &str| format!("pm25,2020-07-27T{hour:02}:00:00+08:00,3600,{rest}");
    for expected in [
        line(2, "40700,N,range,excluded,more than any instrument shows"),
        line(4, "34,N,inversion,warning,PM2.5 above PM10"),
        line(11, "400,N,step,warning,a jump from the value before"),
        line(12, "-3,N,negative,excluded,below zero"),
        "co,2020-07-27T12:00:00+08:00,3600,0.9,N,stuck,warning,a flat line".to_owned(),
    ] {
        assert!(lines.contains(&&*expected), "{expected}: {csv}");
    }
    assert_eq!(
        lines.iter().filter(|line| line.contains(",stuck,")).count(),
        12
    );
    let hours = daemon.readings("1999A", "factor=pm25&by=hour");
    let valued = hours.iter().filter(|row| !row["value"].is_null()).count();
    assert_eq!(valued, 10, "two of twelve are excluded: {hours:?}");
    assert_eq!(hours.len(), 24, "and stand as missing, as those never sent");
    let raw = daemon.readings("1999A", "factor=pm25");
    assert_eq!(raw.len(), 12, "nothing is dropped");
    assert_eq!(raw[1]["qc"], "range");
    let found = daemon.json(&format!("{PATH}&rule=range"));
    let findings = found["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1, "{found}");
    assert_eq!(findings[0]["reason_zh"], json!("超出可测范围"));
    let data = text(&daemon.data).to_owned();
    let args = ["qc", "--data", &data, "--station", "1999A"];
    let args = [&args[..], &["--from", "2020-07-27", "--to", "2020-07-27"]].concat();
    assert_eq!(run(&args), csv, "the command prints the same");
    let counted = run(&[&args[..], &["--count"]].concat());
    assert!(counted.contains("stuck\twarning\t12\t"), "{counted}");
    assert!(counted.contains("range\texcluded\t1\t"), "{counted}");
    daemon.stop("TERM");
}

#[test]
fn neither_order_nor_redelivery_changes_a_finding() {
    let (_folder, forwards) = daemon(false);
    let (_other, backwards) = daemon(true);
    let csv = |daemon: &Daemon| daemon.fetch(&format!("{PATH}&format=csv")).text;
    assert_eq!(csv(&forwards), csv(&backwards));
    assert!(csv(&forwards).lines().count() > 10);
    forwards.stop("TERM");
    backwards.stop("TERM");
}

#[test]
fn flags_are_listed_and_faulty_questions_are_named() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let flags = daemon.json("/v1/flags");
    let flags = flags["flags"].as_array().expect("a list");
    let normal: Vec<_> = flags
        .iter()
        .filter(|flag| flag["enters_means"] == json!(true))
        .map(|flag| flag["code"].as_str().expect("a code"))
        .collect();
    assert_eq!(normal, ["N"]);
    for (path, status) in [
        ("/v1/stations/nobody/qc?from=2020-01-01&to=2020-01-02", 404),
        ("/v1/stations/1999A/qc?from=2020-01-01", 400),
        ("/v1/stations/1999A/qc?from=2020-01-01&to=2020-04-02", 400),
        ("/v1/stations/1999A/qc?from=2020-01-01&to=2020-04-01", 200),
        (
            "/v1/stations/1999A/qc?from=2020-01-01&to=2020-01-02&rule=odd",
            400,
        ),
        (
            "/v1/stations/1999A/qc?from=2020-01-01&to=2020-01-02&format=x",
            400,
        ),
    ] {
        assert_eq!(daemon.fetch(path).status, status, "{path}");
    }
    daemon.stop("TERM");
    let (code, said) = fails(&[
        "qc",
        "--data",
        text(&data),
        "--station",
        "nobody",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-01",
    ]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("--station nobody: is not registered"),
        "{said}"
    );
}
