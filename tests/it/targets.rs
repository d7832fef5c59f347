//! Targets as a bureau asks for them: entered as a table, readings in through the socket, figures out of `assess`,
//! `targets` and the web.

use std::fmt::Write;
use std::path::Path;

use chrono::NaiveDate;
use serde_json::Value;
use serde_json::json;

use crate::route::lines;
use crate::route::list;
use crate::support::Daemon;
use crate::support::beijing;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

/// Hours a day needs to be valid; the rows below have no more.
const HOURS: u32 = 20;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a test's date")
}

/// Recorded readings of a station that has the same PM2.5 in every hour.
fn steady(folder: &Path, station: &str, pm25: &str, from: &str, to: &str) -> std::path::PathBuf {
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    let days = date(from).iter_days().take_while(|day| *day <= date(to));
    for day in days {
        for hour in 1..=HOURS {
            writeln!(
                rows,
                "{station},{day}T{hour:02}:00:00+08:00,3600,{pm25},,,,,"
            )
            .expect("text");
        }
    }
    let path = folder.join(format!("{station}.csv"));
    std::fs::write(&path, rows).expect("room on the disk");
    path
}

fn write(folder: &Path, name: &str, rows: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, rows).expect("room on the disk");
    text(&path).to_owned()
}

/// A directory with one group a station and these targets.
fn registered(stations: &[&str], targets: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let mut rows = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n".to_owned();
    let mut groups = "id,name_zh,name_en,document,station,from,to\n".to_owned();
    for id in stations {
        writeln!(rows, "{id},站,Station,national,120,31,false,a test").expect("text");
        writeln!(groups, "{id},县,County,a test,{id},2010-01-01,").expect("text");
    }
    let targets = format!("id,group,item,year,limit,issuer,document,edition\n{targets}");
    run(&[
        "register",
        "--data",
        text(&data),
        &write(folder.path(), "stations.csv", &rows),
        &write(folder.path(), "groups.csv", &groups),
        &write(folder.path(), "targets.csv", &targets),
    ]);
    (folder, data)
}

fn targets_of(data: &Path, area: &str, on: &str) -> Value {
    let printed = run(&[
        "targets",
        "--data",
        text(data),
        "--area",
        area,
        "--on",
        on,
        "--format",
        "json",
    ]);
    serde_json::from_str(&printed).expect("JSON")
}

fn assessed(data: &Path, area: &str, on: &str) -> Value {
    let from = format!("{}-01-01", &on[..4]);
    let printed = run(&[
        "assess",
        "--data",
        text(data),
        "--area",
        area,
        "--from",
        &from,
        "--to",
        on,
        "--format",
        "json",
    ]);
    lines(&printed).remove(0)
}

/// What does not depend on the clock.
fn timeless(mut target: Value) -> Value {
    let object = target.as_object_mut().expect("an object");
    object.remove("expired");
    object.remove("next_target_missing");
    target
}

#[test]
fn the_countys_control_values_come_out_of_its_readings() {
    // A leap year: 209 days of 58 leave 157; 348 days leave 18.
    let stations = ["c58", "c55", "c5501", "c5506", "c70", "c90"];
    let target = |id: &&str| format!("{id}-t,{id},pm25_mean,2020,57,the county,a test,\n");
    let targets: String = stations.iter().map(target).collect();
    let (folder, data) = registered(&stations, &targets);
    let files = [
        ("c58", "58", "2020-01-01", "2020-07-27"),
        ("c55", "55", "2020-01-01", "2020-12-13"),
        ("c5501", "55.01", "2020-01-01", "2020-12-13"),
        ("c5506", "55.06", "2020-01-01", "2020-12-13"),
        // The first 100 days are void.
        ("c70", "70", "2020-04-10", "2020-07-27"),
        ("c90", "90", "2020-01-01", "2020-12-13"),
    ]
    .map(|(station, pm25, from, to)| steady(folder.path(), station, pm25, from, to));
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &files);
    daemon.settle();
    for (area, on, valid, left, control) in [
        ("c58", "2020-07-27", 209, 157, json!(56)),
        ("c55", "2020-12-13", 348, 18, json!(96)),
        ("c5501", "2020-12-13", 348, 18, json!(95)),
        ("c5506", "2020-12-13", 348, 18, json!(95)),
        ("c70", "2020-07-27", 109, 157, json!(48)),
        ("c90", "2020-12-13", 348, 18, Value::Null),
    ] {
        let area = format!("group:{area}");
        let assessed = assessed(&data, &area, on);
        let found = timeless(assessed["targets"][0].clone());
        let paced = targets_of(&data, &area, on);
        assert_eq!(timeless(paced["targets"][0].clone()), found, "{area}");
        let served = daemon.json(&format!("/v1/air/targets?area={area}&on={on}"));
        assert_eq!(timeless(served["targets"][0].clone()), found, "{area}");
        assert_eq!(found["remaining_days_control"], control, "{area}");
        assert_eq!(
            (&found["valid_days"], &found["days_left"]),
            (&json!(valid), &json!(left))
        );
        assert_eq!(found["reachable"], json!(!control.is_null()), "{area}");
        assert_eq!(found["projection"], Value::Null);
        assert_eq!(
            found["reasons"]["chance"],
            json!("no past year with 324 valid days")
        );
        assert_eq!(
            paced["targets"][0]["expired"],
            json!(false),
            "on that day it was not"
        );
        assert_eq!(
            assessed["targets"][0]["expired"],
            json!(true),
            "by now it is"
        );
    }
    let out = assessed(&data, "group:c90", "2020-12-13");
    let reason = "out of reach: the days so far alone exceed the target";
    assert_eq!(
        out["targets"][0]["reasons"]["remaining_days_control"],
        json!(reason)
    );
}

#[test]
fn the_citys_targets_expired_and_this_years_is_asked_for() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let found = targets_of(&data, "city", "2026-07-27");
    assert_eq!(
        (&found["year"], &found["days_left"]),
        (&json!(2026), &json!(157))
    );
    let ids: Vec<&str> = list(&found["targets"])
        .iter()
        .filter_map(|own| own["id"].as_str())
        .collect();
    assert_eq!(ids, ["jiangyin-2025-good-days", "jiangyin-2025-pm25"]);
    for target in list(&found["targets"]) {
        assert_eq!(
            (&target["expired"], &target["next_target_missing"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(
            (&target["value"], &target["met"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(target["reasons"]["value"], json!("no valid day"));
        assert_eq!(target["reasons"]["chance"], json!("the year is over"));
    }
    let during = targets_of(&data, "city", "2025-07-27");
    assert_eq!(during["targets"][0]["expired"], json!(false));
    let before = targets_of(&data, "city", "2024-07-27");
    assert_eq!(
        before["targets"][0]["reasons"]["value"],
        json!("the year has not begun")
    );
    let table = |lang: &str| {
        let data = text(&data);
        run(&[
            "targets",
            "--data",
            data,
            "--on",
            "2026-07-27",
            "--lang",
            lang,
        ])
    };
    assert!(
        table("zh").contains("请录入 2026 年目标"),
        "{}",
        table("zh")
    );
    assert!(
        table("en").contains("expired; enter the one for 2026"),
        "{}",
        table("en")
    );
    // With this year's entered the old one is no longer shown.
    let rows =
        "id,group,item,year,limit,issuer,document\nnew,city,pm25_mean,2026,33,the city,a test\n";
    let new = write(data.parent().expect("a folder"), "targets.csv", rows);
    run(&["register", "--data", text(&data), &new]);
    let found = targets_of(&data, "city", "2026-07-27");
    let missing = |own: &Value| (own["id"].clone(), own["next_target_missing"].clone());
    let found: Vec<_> = list(&found["targets"]).iter().map(missing).collect();
    let old = json!("jiangyin-2025-good-days");
    assert_eq!(found, [(json!("new"), json!(false)), (old, json!(true))]);
}

/// The target of that id.
fn of<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let mut targets = list(&answer["targets"]).iter();
    let own = targets.find(|own| own["id"] == id);
    own.unwrap_or_else(|| panic!("no target {id}"))
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_past_summers_projection_holds_what_came() {
    let target = |id: &str, item: &str, limit: &str, edition: &str| {
        format!("{id},Guanyuan,{item},2016,{limit},an example,a test,{edition}\n")
    };
    let rows = [
        target("a", "pm25_mean", "60", ""),
        target("b", "pm25_mean", "75", ""),
        target("c", "pm25_mean", "90", ""),
        target("d", "good_day_ratio", "55", ""),
        target("e", "heavy_days", "30", ""),
        target("f", "good_day_ratio", "55", "2031"),
        target("g", "o3_p90", "200", ""),
        target("h", "pm10_mean", "100", ""),
        target("i", "good_days", "200", ""),
        target("j", "composite_index", "7", ""),
        target("k", "pm25_mean", "70", "").replace("2016", "2017"),
    ];
    let (_folder, data) = registered(&["Guanyuan"], &rows.concat());
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("beijing-uci", &[beijing("Guanyuan")]);
    daemon.settle();
    let end = "/v1/air/assessment?area=group:Guanyuan&from=2016-01-01&to=2016-12-31&by=year";
    let end = &daemon.json(end)[0];
    check_projection(
        &daemon.json("/v1/air/targets?area=group:Guanyuan&on=2016-07-27"),
        end,
    );
    // The year's first days have no past year when the station was new.
    let first = daemon.json("/v1/air/targets?area=station:Guanyuan&on=2014-07-27");
    let none = json!("no past year with 324 valid days");
    assert_eq!(
        (&first["projection"], &first["targets"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(first["projection_reason"], none);
    // Once the year is over, only what came is said.
    let over = daemon.json("/v1/air/targets?area=group:Guanyuan&on=2016-12-31");
    assert_eq!(over["projection_reason"], json!("the year is over"));
    assert_eq!(of(&over, "a")["value"], end["pm25"]["judged"]);
    for (lang, words) in [
        ("zh", "剩余 308 天均值需控制在"),
        ("en", "the 308 days left may average"),
    ] {
        let page = daemon.fetch(&format!("/?area=group:Guanyuan&year=2017&lang={lang}"));
        assert!(page.text.contains(words), "{lang}");
    }
    let (status, fault) = daemon.get("/v1/air/targets?on=2016-02-30");
    assert_eq!((status, &fault["status"]), (400, &json!(400)), "{fault}");
}

/// What was projected in July beside what the year's `end` was.
fn check_projection(found: &Value, end: &Value) {
    for (id, came) in [
        ("a", &end["pm25"]["mean"]),
        ("d", &end["aqi"]["good_day_ratio"]),
        ("e", &end["aqi"]["heavy_days"]),
        ("i", &end["aqi"]["good_days"]),
        ("j", &end["composite_index"]),
    ] {
        let own = of(found, id);
        let spread = &own["projection"];
        let within = number(&spread["p10"])..=number(&spread["p90"]);
        assert!(within.contains(&number(came)), "{id}: {came} of {spread}");
        assert_eq!(spread["years"], json!([2014, 2015]));
        assert_eq!(spread["draws"], json!(1000));
        assert!((0.0..=100.0).contains(&number(&own["chance"])), "{own}");
    }
    let all = &found["projection"]["pm25_mean"];
    assert_eq!(all["p50"], of(found, "a")["projection"]["p50"]);
    let chances = ["a", "b", "c"].map(|id| number(&of(found, id)["chance"]));
    assert!(
        chances.is_sorted() && chances[0] < chances[2],
        "{chances:?}"
    );
    let (own, stricter) = (of(found, "d"), of(found, "f"));
    assert_eq!(
        (&own["edition"], &stricter["edition"]),
        (&json!("2012"), &json!("2031"))
    );
    assert!(number(&stricter["value"]) < number(&own["value"]));
}

#[test]
fn impossible_questions_are_refused() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let data = text(&data);
    for (args, said) in [
        (
            ["--area", "group:nowhere"],
            "--area: group \"nowhere\" is not registered",
        ),
        (["--area", "nowhere"], "--area: area \"nowhere\" is not"),
        (
            ["--on", "1800-01-01"],
            "--on: 1800-01-01 is outside the years",
        ),
        (["--on", "soon"], "invalid value 'soon' for '--on <DATE>'"),
        (["--lang", "fr"], "zh or en is expected"),
    ] {
        let (code, complaint) = fails(&["targets", "--data", data, args[0], args[1]]);
        assert!(code == 2 && complaint.contains(said), "{code} {complaint}");
    }
}
