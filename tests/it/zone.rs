//! Another zone than Beijing's, end to end: a daemon set to it, the commands beside it and files without any daemon
//! count the days that a naive sum over the same readings counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeDelta;
use serde_json::Value;
use serde_json::json;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::failed;
use crate::support::run;
use crate::support::skytier;
use crate::support::text;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    z,甲,A,national,120.5,31.25,false,feed\n";
/// Hours from the first to the last of the file.
const HOURS: i64 = 8 * 24;

/// The end of an hour, stamped in Beijing's time, and its PM2.5: a multiple of 24, so that means are whole numbers.
fn hour(number: i64) -> (DateTime<FixedOffset>, i64) {
    let first: DateTime<FixedOffset> = "2016-03-01T01:00:00+08:00".parse().expect("a time");
    (
        first + TimeDelta::hours(number),
        24 * (1 + (number * number) % 7),
    )
}

/// Station `z` as a file.
fn file() -> String {
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    for number in 0..HOURS {
        let (time, value) = hour(number);
        rows.push_str(&format!(
            "z,{},3600,{value},50,5,20,0.5,60\n",
            time.to_rfc3339()
        ));
    }
    rows
}

/// Day means of PM2.5 in a zone, counted by hand: whole days only.
fn naive(zone: &str) -> BTreeMap<NaiveDate, i64> {
    let offset = format!("2000-01-01T00:00:00{zone}");
    let offset: DateTime<FixedOffset> = offset.parse().expect("an offset");
    let mut days: BTreeMap<NaiveDate, Vec<i64>> = BTreeMap::new();
    for number in 0..HOURS {
        let (end, value) = hour(number);
        let within = end.with_timezone(offset.offset()) - TimeDelta::minutes(30);
        days.entry(within.date_naive()).or_default().push(value);
    }
    let whole = days.into_iter().filter(|(_, values)| values.len() == 24);
    whole
        .map(|(day, values)| (day, values.iter().sum::<i64>() / 24))
        .collect()
}

/// Days of an answer with a PM2.5.
fn told(rows: &[Value]) -> BTreeMap<NaiveDate, i64> {
    let day = |row: &Value| {
        let day = row["date"]
            .as_str()
            .expect("a date")
            .parse()
            .expect("a date");
        Some((day, row["pm25"].as_i64()?))
    };
    rows.iter().filter_map(day).collect()
}

const SPAN: [&str; 4] = ["--from", "2016-02-28", "--to", "2016-03-10"];

/// `assess --by day` with further arguments, and SKYTIER__ZONE if given.
fn assess(more: &[&str], zone: Option<&str>) -> BTreeMap<NaiveDate, i64> {
    let args = [
        "assess",
        "--by",
        "day",
        "--format",
        "json",
        "--area",
        "station:z",
    ];
    let mut command = skytier(&[&args[..], &SPAN, more].concat());
    command.envs(zone.map(|zone| ("SKYTIER__ZONE", zone)));
    let ended = command.output().expect("the program starts");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let printed = String::from_utf8(ended.stdout).expect("UTF-8");
    let rows: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    told(&rows)
}

/// A folder with the file, and a directory with the station registered.
fn site() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let (input, stations, data) = (path("z.csv"), path("stations.csv"), path("data"));
    std::fs::write(&input, file()).expect("room on the disk");
    std::fs::write(&stations, STATIONS).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&stations)]);
    (folder, input, data)
}

/// A daemon in the zone -03:00 with the file's readings.
fn west(input: &Path, data: &Path) -> Daemon {
    let daemon = Daemon::start(data, &[("SKYTIER__ZONE", "-03:00")]);
    daemon.replay("canonical", &[input.to_owned()]);
    daemon.settle();
    daemon
}

#[test]
fn days_are_those_of_the_zone_everywhere() {
    let (_folder, input, data) = site();
    let (beijing, naive_west) = (naive("+08:00"), naive("-03:00"));
    assert_eq!((beijing.len(), naive_west.len()), (8, 7));
    assert!(
        naive_west
            .iter()
            .any(|(day, mean)| beijing.get(day) != Some(mean)),
        "zones differ"
    );

    let daemon = west(&input, &data);
    let query = "area=station:z&from=2016-02-28&to=2016-03-10";
    let days = daemon.json(&format!("/v1/air/days?{query}"));
    assert_eq!(
        told(days.as_array().expect("days")),
        naive_west,
        "the daemon"
    );
    let own = ["--data", text(&data)];
    assert_eq!(assess(&own, None), naive_west, "beside the daemon");
    let files = ["--input", text(&input), "--layout", "canonical"];
    assert_eq!(assess(&files, None), beijing, "a file");
    assert_eq!(
        assess(&files, Some("-03:00")),
        naive_west,
        "a file by the environment"
    );
    assert_eq!(
        assess(&[&files[..], &["--zone=-03:00"]].concat(), None),
        naive_west,
        "a file by option"
    );
    assert_eq!(
        assess(&[&own[..], &["--zone", "+08:00"]].concat(), Some("-05:00")),
        beijing,
        "the option wins"
    );
    let printed = |args: &[&str]| run(&[args, &own].concat());
    let rows = printed(&["export", "--what", "readings", "--out", "-"]);
    assert!(rows.contains("2016-02-29T14:00:00-03:00"), "{rows}");
    let hours = [
        "assess",
        "--by",
        "hour",
        "--area",
        "station:z",
        "--from",
        "2016-03-02",
        "--to",
        "2016-03-02",
    ];
    let hours = printed(&hours);
    assert!(hours.contains("2016-03-02T01:00:00-03:00"), "{hours}");
}

#[test]
fn what_was_published_keeps_its_zone() {
    let (_folder, input, data) = site();
    let daemon = west(&input, &data);
    let own = ["--data", text(&data)];
    let printed = |args: &[&str]| run(&[args, &own].concat());
    let body = json!({"area": "station:z", "from": "2016-03-02", "to": "2016-03-06"});
    let reply = post_json(&format!("{}/v1/publications", daemon.http), &body);
    assert_eq!(
        reply.json()["publications"][0]["settings"]["zone"],
        "-03:00",
        "{}",
        reply.text
    );
    assert_eq!(daemon.json("/v1/restatements")["restatements"], json!([]));
    assert_eq!(
        printed(&["restatements", "--lang", "en"]),
        "nothing published would be said otherwise now\n"
    );
    daemon.stop("TERM");
    let daemon = Daemon::start(&data, &[]);
    let found = daemon.json("/v1/restatements");
    let cause = &found["restatements"][0]["items"][0]["causes"];
    assert_eq!(
        *cause,
        json!([{"cause": "zone", "then": "-03:00", "now": "+08:00"}]),
        "{found}"
    );
    assert_eq!(
        assess(&own, None),
        naive("+08:00"),
        "the directory's zone is the newest daemon's"
    );
    daemon.stop("TERM");

    let mut command = skytier(&["stats", "--data", text(&data)]);
    let ended = command
        .env("SKYTIER__ZONE", "Mars")
        .output()
        .expect("the program starts");
    let (code, said) = failed(&ended);
    assert!(
        code == 2 && said.contains("\"Mars\" is no offset"),
        "{code} {said}"
    );
}
