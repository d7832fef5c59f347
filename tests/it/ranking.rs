//! Ranks among areas: their laws, and the command and the web side on registered figures.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use skytier::domain::ranking::Contender;
use skytier::domain::ranking::ranks;
use skytier::domain::registry::Names;
use skytier::domain::units::Exact;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

fn contender(code: usize, value: i64) -> Contender {
    let name = format!("area {code}");
    Contender {
        division_code: Some(format!("{code:06}")),
        names: Names {
            zh: name.clone(),
            en: name,
        },
        value: Exact::whole(value),
        source: Some("test".to_owned()),
    }
}

fn places(values: &[i64], lower: bool) -> String {
    let areas = values.iter().enumerate();
    let ranked = ranks(
        areas.map(|(code, value)| contender(code, *value)).collect(),
        lower,
    );
    let place = |own: &skytier::domain::ranking::Ranked| {
        let tied = if own.tied { "=" } else { "" };
        let code = own.area.division_code.as_deref().unwrap_or("");
        format!("{}{tied}:{}", own.rank, code.trim_start_matches('0'))
    };
    ranked.iter().map(place).collect::<Vec<_>>().join(" ")
}

#[test]
fn equal_figures_share_a_rank_and_the_next_is_left_out() {
    assert_eq!(places(&[9, 30, 10, 30, 40], true), "1: 2:2 3=:1 3=:3 5:4");
    assert_eq!(places(&[9, 30, 10, 30, 40], false), "1:4 2=:1 2=:3 4:2 5:");
    assert_eq!(places(&[7, 7, 7], true), "1=: 1=:1 1=:2");
    assert_eq!(places(&[], true), "");
}

proptest! {
    #[test]
    fn a_rank_is_one_more_than_how_many_are_better(values in prop::collection::vec(0i64..20, 0..40), lower in any::<bool>(), turn in any::<usize>()) {
        let areas: Vec<Contender> = values.iter().enumerate().map(|(code, value)| contender(code, *value)).collect();
        let ranked = ranks(areas.clone(), lower);
        let mut turned = areas;
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        prop_assert_eq!(&ranks(turned, lower), &ranked, "whatever the order they come in");
        prop_assert_eq!(ranked.len(), values.len());
        for own in &ranked {
            let better = |other: &Exact| if lower { *other < own.area.value } else { *other > own.area.value };
            let count = values.iter().filter(|value| better(&Exact::whole(**value))).count();
            let equal = values.iter().filter(|value| Exact::whole(**value) == own.area.value).count();
            prop_assert_eq!((own.rank, own.tied), (count + 1, equal > 1));
        }
        for pair in ranked.windows(2) {
            prop_assert!(pair[0].rank < pair[1].rank || pair[0].area.division_code < pair[1].area.division_code);
        }
    }
}

/// Hours of one station: PM2.5 as given for each year's January, everything else clean.
fn januaries(folder: &Path, years: &[(i32, i64)]) -> PathBuf {
    let mut lines = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    for (year, pm25) in years {
        let first = NaiveDate::from_ymd_opt(*year, 1, 1).expect("a date");
        for day in first.iter_days().take(31) {
            for hour in 0..24 {
                let time =
                    day.and_hms_opt(hour, 0, 0).expect("a time") + chrono::Duration::hours(1);
                let time = time.format("%Y-%m-%dT%H:%M:%S");
                writeln!(lines, "a,{time}+08:00,3600,{pm25},40,6,20,1.0,60").expect("text");
            }
        }
    }
    let path = folder.join("hours.csv");
    std::fs::write(&path, lines).expect("room on the disk");
    path
}

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\n";
const GROUPS: &str =
    "id,name_zh,name_en,document,station,from,to\ncity,江阴市,Jiangyin,doc 1,a,2019-01-01,\n";
const PEERS: &str = "division_code,name_zh,name_en,period,item,value,edition,source\n\
    320205,锡山区,Xishan,2020-01,pm25_mean,28,2012,bulletin\n\
    320282,宜兴市,Yixing,2020-01,pm25_mean,30,2012,bulletin\n\
    320206,惠山区,Huishan,2020-01,pm25_mean,30,2012,bulletin\n\
    320211,滨湖区,Binhu,2020-01,pm25_mean,30.5,2012,bulletin\n\
    320281,江阴市,Jiangyin,2020-01,pm25_mean,31,2012,bulletin\n\
    320205,锡山区,Xishan,2020-01,pm25_change_pct,-20,2012,bulletin\n\
    320211,滨湖区,Binhu,2020-01,pm25_change_pct,-16.7,2012,bulletin\n\
    320205,锡山区,Xishan,2020-01,composite_index,3.1,2026,bulletin\n";

/// `rank=:code` of every entry.
fn order(ranking: &Value) -> Vec<String> {
    let entries = ranking["entries"].as_array().expect("a list").iter();
    let place = |own: &Value| {
        let tied = if own["tied"] == true { "=" } else { "" };
        format!(
            "{}{tied}:{}",
            own["rank"],
            own["division_code"].as_str().unwrap_or("own")
        )
    };
    entries.map(place).collect()
}

#[test]
fn an_area_is_ranked_among_registered_figures_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let hours = januaries(folder.path(), &[(2019, 36), (2020, 30)]);
    for (name, lines) in [("stations", STATIONS), ("groups", GROUPS)] {
        let path = folder.path().join(format!("{name}.csv"));
        std::fs::write(&path, lines).expect("room on the disk");
        run(&["register", "--data", text(&data), text(&path)]);
    }
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &[hours]);
    daemon.settle();
    before_peers(&daemon);
    let url = format!("{}/v1/registry/peers", daemon.http);
    let reply = post_json(&url, &json!({"csv": PEERS}));
    assert_eq!(reply.json()["new_or_changed"], 8, "{}", reply.text);
    with_peers(&daemon);
    by_command(&data);
    side_by_side(&daemon);
    faults(&daemon);
    with_the_code_of_the_group(&daemon);
}

/// A group's own code takes the place of the option.
fn with_the_code_of_the_group(daemon: &Daemon) {
    let lines = GROUPS.replace("from,to", "from,to,member_document,division_code");
    let groups = lines.replace("2019-01-01,", "2019-01-01,,,320281");
    let url = format!("{}/v1/registry/groups", daemon.http);
    let reply = post_json(&url, &json!({"csv": groups}));
    assert_eq!(reply.json()["new_or_changed"], 1, "{}", reply.text);
    let bare = QUERY.replace("&division=320281", "");
    let found = daemon.json(&format!("{bare}pm25_mean"));
    assert_eq!(
        found["level"],
        daemon.json(&format!("{QUERY}pm25_mean"))["level"]
    );
    let other = QUERY.replace("320281", "320205");
    let level = &daemon.json(&format!("{other}pm25_mean"))["level"];
    let own = [
        "1=:320205",
        "1=:320206",
        "1=:320282",
        "4:320211",
        "5:320281",
    ];
    assert_eq!(order(level), own);
}

const QUERY: &str = "/v1/air/ranking?area=city&period=2020-01&division=320281&item=";

/// Values of an object under these keys, as a list.
fn picked(object: &Value, keys: &[&str]) -> Value {
    keys.iter().map(|key| object[key].clone()).collect()
}

fn before_peers(daemon: &Daemon) {
    let none = daemon.json(&format!("{QUERY}pm25_mean"));
    let reason = "no other area's pm25_mean of 2020-01 under edition 2012 is registered";
    let keys = ["rank", "value", "void_reason", "entries"];
    assert_eq!(picked(&none["level"], &keys), json!([null, 30, reason, []]));
}

fn with_peers(daemon: &Daemon) {
    let found = daemon.json(&format!("{QUERY}pm25_mean"));
    let head = picked(&found, &["edition", "from", "to"]);
    assert_eq!(head, json!(["2012", "2020-01-01", "2020-01-31"]));
    let level = &found["level"];
    assert_eq!(
        order(level),
        [
            "1:320205",
            "2=:320206",
            "2=:320281",
            "2=:320282",
            "5:320211"
        ]
    );
    let own = picked(level, &["rank", "tied", "of", "better"]);
    assert_eq!(own, json!([2, true, 5, "lower"]));
    let change = &found["change"];
    assert_eq!(picked(change, &["value", "rank"]), json!([-16.7, 2]));
    assert_eq!(order(change), ["1:320205", "2=:320211", "2=:320281"]);
    let other = daemon.json(&format!("{QUERY}composite_index"));
    let reason = "no other area's composite_index of 2020-01 under edition 2012 is registered; \
        there are some under 2026";
    assert_eq!(other["level"]["void_reason"], reason);
    let under = daemon.json(&format!("{QUERY}composite_index&edition=2026"));
    assert_eq!(picked(&under["level"], &["rank", "of"]), json!([1, 2]));
}

fn by_command(data: &Path) {
    let data = text(data);
    let asked = |period| {
        let mut args = vec!["rank", "--data", data, "--period", period];
        args.extend(["--item", "pm25_mean", "--lang", "en"]);
        args
    };
    let table = run(&asked("2020-01"));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[0],
        "rank  tied  division  area      pm25_mean  source"
    );
    // Without the own code the imported figure of the same place stands beside.
    assert_eq!(
        lines[4],
        "   2  yes          -  Jiangyin         30  this system"
    );
    assert_eq!(
        lines[5],
        "   5  -       320211  Binhu          30.5  bulletin"
    );
    assert_eq!(
        lines[6],
        "   6  -       320281  Jiangyin         31  bulletin"
    );
    let (code, said) = fails(&asked("x"));
    let part = "--period: \"x\" is not a period";
    assert_eq!((code, said.contains(part)), (2, true), "{said}");
}

/// Several editions and a byte order mark over HTTP, on the same air.
fn side_by_side(daemon: &Daemon) {
    let range = "area=city&from=2020-01-01&to=2020-01-31";
    let assessed =
        |rest: &str| daemon.json(&format!("/v1/air/assessment?area=city&{rest}"))[0].clone();
    let month = assessed("from=2020-01-01&to=2020-01-31&by=month&edition=2012,2026");
    assert_eq!(month["yoy"]["pollutants"]["pm25"]["mean_pct"], -16.7);
    let other = picked(&month["other_editions"][0], &["edition", "composite_index"]);
    // 0.86 + 0.57 + 0.10 + 0.50 + 0.25 + 0.38; under 2026 the first two are 1.00 and 0.67.
    assert_eq!(month["composite_index"], 2.66);
    assert_eq!(other, json!(["2026", 2.9]));
    let effect = picked(
        &month["edition_effect"][0],
        &["good_days_diff", "composite_index_diff"],
    );
    assert_eq!(effect, json!([0, 0.24]));
    let days = format!("/v1/air/days?{range}&edition=2026,2012&format=csv&bom=yes");
    let days = daemon.fetch(&days).text;
    assert!(days.starts_with("\u{feff}area,date,edition"), "{days}");
    let rows = days.lines().skip(1);
    let editions: Vec<&str> = rows
        .map(|row| row.split(',').nth(2).expect("one"))
        .collect();
    assert_eq!(editions.len(), 62);
    assert_eq!(editions[..4], ["2026", "2012", "2026", "2012"]);
    let options = "edition=2026&composite_weights=weighted&composite=unrounded";
    let weighted = assessed(&format!("from=2020-01-01&to=2020-01-31&{options}"));
    // 3 x 1 + 0.6667 + 0.1 + 2 x 0.5 + 0.25 + 2 x 0.375
    assert_eq!(weighted["composite_index"], 5.767);
    let settings = picked(&weighted["settings"], &["composite", "composite_weights"]);
    assert_eq!(settings, json!(["unrounded", "weighted"]));
    let rolling = assessed("from=2020-01-31&to=2020-02-01&by=12-months");
    let said = picked(&rolling["pm25"], &["mean", "void_reason"]);
    assert_eq!(said, json!([null, "31 of 324 days"]));
    assert_eq!(rolling["period"], "2019-02..2020-01");
}

fn faults(daemon: &Daemon) {
    let check = |path: &str, part: &str| {
        let (status, fault) = daemon.get(path);
        let fault = fault.to_string().replace('\\', "");
        assert!(status == 400 && fault.contains(part), "{path}: {fault}");
    };
    for (wrong, part) in [
        (
            "period=2020-13&item=pm25_mean",
            "\"2020-13\" is not a period",
        ),
        (
            "period=2020-01",
            "an item such as composite_index is needed",
        ),
        (
            "period=2020-01&item=x",
            "\"x\" is not one of composite_index",
        ),
        (
            "period=2020-01&item=pm25_mean&division=32",
            "six to twelve digits",
        ),
        (
            "period=2020-01&item=pm25_mean&edition=2012,2026",
            "one edition at a time",
        ),
    ] {
        check(&format!("/v1/air/ranking?{wrong}"), part);
    }
    for (wrong, part) in [
        ("by=12-months", "no 12-months ends within"),
        ("by=week", "expected one of xun, month"),
        ("edition=2012,2012", "2012 is given twice"),
        ("bom=yes", "only format=csv has one"),
        ("composite=half", "is not rounded or unrounded"),
    ] {
        let range = "area=city&from=2020-01-01&to=2020-01-30";
        check(&format!("/v1/air/assessment?{range}&{wrong}"), part);
    }
}
