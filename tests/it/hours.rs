//! Hours through the program: the national feed as published, the two definitions of 2012, what HTTP prints.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

fn feed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/cnemc/hourly_snapshots.csv.gz")
}

fn records(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect::<Result<_, _>>().expect("CSV")
}

/// The feed's names of primary pollutants as ours, in report order.
fn primary(published: &str) -> String {
    let names = [
        ("细颗粒物(PM2.5)", "PM2.5"),
        ("颗粒物(PM10)", "PM10"),
        ("二氧化硫", "SO2"),
        ("二氧化氮", "NO2"),
        ("一氧化碳", "CO"),
        ("臭氧1小时", "O3"),
    ];
    let given: Vec<&str> = published
        .split(',')
        .filter(|name| !name.is_empty())
        .collect();
    let known = |name: &&str| names.iter().any(|(own, _)| own == name);
    assert!(given.iter().all(known), "{published:?}");
    let named = names.iter().filter(|(own, _)| given.contains(own));
    named.map(|(_, label)| *label).collect::<Vec<_>>().join("|")
}

/// Every AQI and primary pollutant the centre published for four hours, by the program from the same file.
#[test]
fn every_published_hour_of_the_national_feed() {
    let mut packed = flate2::read::MultiGzDecoder::new(std::fs::File::open(feed()).expect("data"));
    let mut plain = String::new();
    packed.read_to_string(&mut plain).expect("UTF-8");
    let published = records(&plain);
    let (mut found, feed) = (BTreeMap::new(), feed());
    for day in ["2017-07-07", "2018-02-20", "2019-07-18"] {
        let args = [
            "assess",
            "--input",
            text(&feed),
            "--layout",
            "cnemc",
            "--area",
            "each",
            "--by",
            "hour",
            "--from",
            day,
            "--to",
            day,
            "--edition",
            "2012",
            "--realtime",
            "hourly-pm",
            "--format",
            "csv",
        ];
        for row in records(&run(&args)) {
            found.insert((row["area"].clone(), row["time"].clone()), row);
        }
    }
    let (mut with_index, mut differing, mut unpublished) = (0, Vec::new(), 0);
    for row in &published {
        let key = (
            row["stationcode"].clone(),
            format!("{}+08:00", row["timepoint"]),
        );
        // A station without any value in the file is no station of the input.
        let ours = found
            .get(&key)
            .map_or((String::new(), String::new()), |row| {
                (row["aqi"].clone(), row["primary"].clone())
            });
        let theirs = (row["aqi"].clone(), primary(&row["primarypollutant"]));
        with_index += usize::from(!theirs.0.is_empty());
        if theirs.0.is_empty() {
            unpublished += usize::from(!ours.0.is_empty());
        } else if ours != theirs {
            differing.push(format!("{key:?}: {ours:?}, published {theirs:?}"));
        }
    }
    assert_eq!(
        (published.len(), with_index),
        (5_257, 5_054),
        "rows compared"
    );
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
    assert_eq!(unpublished, 3, "an index of ours where the feed gives none");
}

/// A station's hours from 2020-01-01 01:00 on: quiet, and a last hour that is not.
fn quiet_then_loud(hours: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hours.csv");
    let mut lines = vec!["station,time,interval_s,pm25,pm10,so2,no2,co,o3".to_owned()];
    for hour in 1..=hours {
        let (day, clock) = (1 + hour / 24, hour % 24);
        let values = if hour == hours {
            "300,40,10,20,1,170"
        } else {
            "10,20,10,20,1,110"
        };
        lines.push(format!(
            "s1,2020-01-{day:02}T{clock:02}:00:00+08:00,3600,{values}"
        ));
    }
    std::fs::write(&path, lines.join("\n")).expect("a file");
    (folder, path)
}

fn hourly<'a>(path: &'a Path, day: &'a str, more: &[&'a str]) -> Vec<BTreeMap<String, String>> {
    let mut args = vec![
        "assess",
        "--input",
        text(path),
        "--layout",
        "canonical",
        "--area",
        "station:s1",
        "--by",
        "hour",
        "--from",
        day,
        "--to",
        day,
        "--format",
        "csv",
    ];
    args.extend(more);
    records(&run(&args))
}

#[test]
fn the_two_definitions_of_2012_differ_in_particles_and_ozone() {
    let (_folder, path) = quiet_then_loud(30);
    let check = |more: &[&str], expected: &str| {
        let rows = hourly(&path, "2020-01-02", more);
        assert_eq!(rows.len(), 24);
        let row = rows
            .iter()
            .find(|row| row["time"] == "2020-01-02T06:00:00+08:00");
        let row = row.expect("the loud hour");
        let columns = [
            "pm25",
            "pm25_24h",
            "o3",
            "o3_8h",
            "iaqi_pm25",
            "iaqi_o3",
            "aqi",
            "primary",
            "realtime",
        ];
        let line: Vec<&str> = columns.iter().map(|column| row[*column].as_str()).collect();
        assert_eq!(line.join(","), expected, "{more:?}");
    };
    // (23 x 10 + 300) / 24 on 0..35; ozone 170 in the hour is 50 + 10 x 50/40, 117.5 over eight hours less.
    let standard = "300,22.083333,170,117.5,32,65,65,O3,standard";
    check(&[], standard);
    check(&["--realtime", "standard"], standard);
    check(
        &["--realtime", "hourly-pm"],
        "300,,170,,350,63,350,PM2.5,hourly-pm",
    );
    check(
        &["--edition", "2026"],
        "300,,170,,350,63,350,PM2.5,hourly-pm",
    );
    check(
        &["--edition", "epa-2024"],
        "300,22.083333,170,117.5,230,64,230,PM2.5,nowcast",
    );
}

#[test]
fn a_moving_mean_needs_its_hours_and_says_so() {
    let (_folder, path) = quiet_then_loud(30);
    let rows = hourly(&path, "2020-01-01", &["--hour-missing", "void"]);
    let of = |at: usize, column: &str| rows[at - 1][column].clone();
    assert_eq!(of(5, "o3_8h"), "");
    assert_eq!(of(6, "o3_8h"), "110");
    assert_eq!(
        (of(19, "pm25_24h"), of(20, "pm25_24h")),
        (String::new(), "10".to_owned())
    );
    assert_eq!(of(5, "void_reason"), "pm25 24h 0/1|pm10 24h 0/1|o3 8h 0/1");
    assert_eq!(
        (of(19, "aqi"), of(20, "aqi")),
        (String::new(), "59".to_owned())
    );
    let given = hourly(&path, "2020-01-01", &["--hour-missing", "publish"]);
    assert_eq!(given[4]["aqi"], "35", "of 110 of hourly ozone alone");
    let late = hourly(&path, "2020-01-02", &[]);
    assert_eq!(
        (late[6]["pm25"].as_str(), late[6]["pm25_24h"].as_str()),
        ("", "22.608696")
    );
}

#[test]
fn hours_refuse_what_an_edition_does_not_have() {
    let (_folder, path) = quiet_then_loud(30);
    let check = |more: &[&str], expected: &str| {
        let mut args = vec!["assess", "--input", text(&path), "--layout", "canonical"];
        args.extend(more);
        let (code, said) = fails(&args);
        assert!(
            code == 2 && said.contains(expected),
            "{more:?}: {code} {said}"
        );
    };
    let day = ["--from", "2020-01-01", "--to", "2020-01-01"];
    let with = |more: &[&'static str]| [&day[..], more].concat();
    check(
        &with(&[
            "--by",
            "hour",
            "--edition",
            "2026",
            "--realtime",
            "standard",
        ]),
        "standard is no definition of the hourly index of edition 2026, which has hourly-pm",
    );
    check(
        &with(&[
            "--by",
            "hour",
            "--edition",
            "who-2021",
            "--realtime",
            "standard",
        ]),
        "which has none",
    );
    check(
        &with(&["--by", "day", "--realtime", "standard"]),
        "go with --by hour",
    );
    check(
        &with(&["--by", "day", "--area", "each"]),
        "goes with --by hour",
    );
    check(
        &with(&["--by", "hour", "--hour-missing", "guess"]),
        "publish-with-particles",
    );
    check(
        &["--by", "hour", "--from", "2020-01-01", "--to", "2021-01-01"],
        "367 days of hours; at most 366",
    );
}

/// HTTP prints the hours the command prints, and the newest of them.
#[test]
fn hours_over_http_are_those_of_the_command() {
    let (_folder, path) = quiet_then_loud(30);
    let (_data, data) = seeded(&["jiangyin"]);
    let renamed = path.with_file_name("renamed.csv");
    let lines = std::fs::read_to_string(&path)
        .expect("a file")
        .replace("\ns1,", "\n1999A,");
    std::fs::write(&renamed, lines).expect("a file");
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &[renamed]);
    daemon.settle();
    let query = "area=station:1999A&from=2020-01-02&to=2020-01-02";
    let told = daemon.fetch(&format!("/v1/air/hours?{query}&format=csv"));
    assert_eq!(told.kind, "text/csv; charset=utf-8");
    let printed = run(&[
        "assess",
        "--data",
        text(&data),
        "--area",
        "station:1999A",
        "--by",
        "hour",
        "--from",
        "2020-01-02",
        "--to",
        "2020-01-02",
        "--format",
        "csv",
    ]);
    assert_eq!(told.text, printed);
    let hours = daemon.json(&format!(
        "/v1/air/hours?{query}&realtime=hourly-pm&hour_missing=void"
    ));
    assert_eq!(hours[5]["aqi"], 350);
    assert_eq!(hours[5]["settings"]["realtime"], "hourly-pm");
    assert_eq!(hours[5]["settings"]["hour_missing"], "void");
    assert!(hours[6]["aqi"].is_null() && hours[6]["void_reason"].is_string());
    let now = daemon.json("/v1/air/now?area=station:1999A");
    assert_eq!((&now["time"], &now["aqi"]), (&hours[5]["time"], &65.into()));
    assert_eq!(now["settings"]["realtime"], "standard");
    let now = daemon.json("/v1/air/now?area=station:1999A&realtime=hourly-pm");
    assert_eq!(now["aqi"], 350);
    for (query, expected) in [
        ("area=mean&from=2020-01-01&to=2021-01-01", "367 days"),
        (
            "area=mean&from=2026-04-01&to=2026-04-01&realtime=standard",
            "edition 2026",
        ),
        (
            "area=mean&from=2020-01-01&to=2020-01-01&realtime=often",
            "hourly-pm",
        ),
    ] {
        let reply = daemon.fetch(&format!("/v1/air/hours?{query}"));
        assert!(
            reply.status == 400 && reply.text.contains(expected),
            "{query}: {}",
            reply.text
        );
    }
}
