//! Every row says what it rests on: in JSON always, in CSV in a last column when that is asked for. And some settings
//! at their edges.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;
use skytier::app::standards;
use skytier::domain::area::MinStations;

use crate::reviews::day;
use crate::route::lines;
use crate::support::Daemon;
use crate::support::beijing;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\n";
/// The present moment, as known at which everything sent so far counts.
fn present() -> String {
    let zone = chrono::FixedOffset::east_opt(8 * 3_600).expect("an offset");
    let now = chrono::Utc::now().with_timezone(&zone);
    now.to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

/// The settings of a JSON row as CSV writes them.
fn pairs(settings: &Value) -> BTreeMap<String, String> {
    let word = |value: &Value| match value {
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let settings = settings.as_object().expect("settings").iter();
    settings
        .map(|(name, value)| (name.clone(), word(value)))
        .collect()
}

/// The last fields of CSV rows, and the rest.
fn last_fields(csv: &str) -> (Vec<BTreeMap<String, String>>, String) {
    let mut rest = String::new();
    let mut settings = Vec::new();
    for (number, line) in csv.lines().enumerate() {
        let (fields, last) = line.rsplit_once(',').expect("fields");
        rest.push_str(&format!("{fields}\n"));
        if number == 0 {
            assert_eq!(last, "settings");
            continue;
        }
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').expect("name=value");
            (name.to_owned(), value.to_owned())
        };
        settings.push(last.split(';').map(pair).collect());
    }
    (settings, rest)
}

/// What is asked of each: the route and, besides what all rows say, some settings of the first row.
fn check(daemon: &Daemon, (by, route): (&str, &str), expected: &[(&str, &str)]) {
    let own = ["assess", "--data", text(&daemon.data), "--by", by];
    let more =
        "--area station:a --from 2020-01-01 --to 2020-01-01 --round-first yes --review reviewed";
    let more: Vec<&str> = more.split(' ').collect();
    let known_at = present();
    let command = |form: &str| {
        let form: Vec<&str> = form.split(' ').collect();
        run(&[&own[..], &more, &["--known-at", &known_at], &form].concat())
    };
    let json = lines(&command("--format json"));
    let csv = command("--format csv --settings");
    let (settings, rest) = last_fields(&csv);
    let plain = command("--format csv");
    assert_eq!(rest, plain, "{by}: the other columns stand");
    let told: Vec<_> = json.iter().map(|row| pairs(&row["settings"])).collect();
    for (row, told) in settings.iter().zip(&told) {
        // JSON has the moment beside its settings.
        let mut row = row.clone();
        assert_eq!(row.remove("known_at").as_deref(), Some(&*known_at), "{by}");
        assert_eq!(row, *told, "{by}");
    }
    assert_eq!(settings.len(), told.len(), "{by}");
    assert_eq!(json[0]["known_at"], *known_at, "{by}");
    let all = [("review", "reviewed"), ("zone", "+08:00")];
    let all = all.iter().chain(&[("round_first", "yes")]);
    for (name, value) in all.chain(expected) {
        let found = told[0].get(*name).map(String::as_str);
        assert_eq!(found, Some(*value), "{by} {name}");
    }
    let query = "area=station:a&from=2020-01-01&to=2020-01-01&round_first=yes&review=reviewed";
    let served = |more: &str| daemon.fetch(&format!("/v1/air/{route}{query}{more}"));
    let moment = known_at.replace('+', "%2B");
    let rows = served(&format!("&known_at={moment}&format=csv&settings=yes"));
    assert_eq!(rows.text, csv, "{by}");
    let refused = served("&settings=yes");
    let said = refused.text.contains("JSON has them anyway");
    assert!(refused.status == 400 && said, "{}", refused.text);
}

#[test]
fn rows_name_what_they_rest_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let (stations, hours, data) = (path("stations.csv"), path("day.csv"), path("data"));
    std::fs::write(&stations, STATIONS).expect("room on the disk");
    let rows = day(|hour| hour.to_string());
    std::fs::write(&hours, rows).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&stations)]);
    let import = ["import", "--data", text(&data), "--layout", "canonical"];
    run(&[&import[..], &["--input", text(&hours)]].concat());
    let daemon = Daemon::start(&data, &[]);
    let days = [("min_stations", "standard"), ("o3_exception", "yes")];
    check(&daemon, ("day", "days?"), &days);
    let months = [("exclusions", "without"), ("composite", "rounded")];
    check(&daemon, ("month", "assessment?by=month&"), &months);
    let hours = [("realtime", "standard"), ("stations_needed", "1")];
    check(&daemon, ("hour", "hours?"), &hours);
}

/// How many of `total` stations an area's day needs.
#[test]
fn the_least_share_of_stations_is_that_of_the_edition() {
    let editions = standards::editions().expect("sound editions");
    let check = |setting: &str, needed: [u32; 8]| {
        for id in ["2012", "2026", "2031"] {
            let edition = editions.by_id(id).expect("an edition");
            let least = MinStations::parse(setting).expect("a setting");
            let found = std::array::from_fn(|at| least.needed(edition, at as u32 + 1));
            assert_eq!(found, needed, "{setting} of 1 to 8 stations, {id}");
        }
    };
    // 50 % of up to three stations, 75 % of more, rounded up.
    check("standard", [1, 1, 2, 3, 4, 5, 6, 6]);
    check("75%", [1, 2, 3, 3, 4, 5, 6, 6]);
    check("50%", [1, 1, 2, 2, 3, 3, 4, 4]);
    check("100%", [1, 2, 3, 4, 5, 6, 7, 8]);
    check("1%", [1; 8]);
    check("2", [2; 8]);
    for bad in ["0", "0%", "101%", "-1", "75 %", "some"] {
        assert!(MinStations::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn three_years_are_the_mean_of_three_annual_means() {
    let input = beijing("Dongsi");
    let command = |by: &str| {
        let own = [
            "assess",
            "--input",
            text(&input),
            "--layout",
            "beijing-uci",
            "--by",
            by,
        ];
        let more = "--from 2014-01-01 --to 2016-12-31 --edition 2026 --format json";
        let more: Vec<&str> = more.split(' ').collect();
        lines(&run(&[&own[..], &more].concat()))
    };
    let mean = |row: &Value| row["pm25"]["mean"].as_f64();
    let years = command("year");
    let sum: f64 = years
        .iter()
        .map(|year| mean(year).expect("a valid year"))
        .sum();
    let found = command("3-years");
    let told = |row: &Value| (row["period"].clone(), row["pm25"]["void_reason"].clone());
    assert_eq!(
        told(&found[0]),
        (json!("2012..2014"), json!("2012: 0 of 324 days"))
    );
    assert_eq!(
        told(&found[1]),
        (json!("2013..2015"), json!("2013: 298 of 324 days"))
    );
    assert_eq!(found[..2].iter().filter_map(mean).count(), 0);
    let whole = mean(&found[2]).expect("three valid years");
    assert!((whole - sum / 3.0).abs() < 1.1e-6, "{whole} {sum}");
}

#[test]
fn a_daemon_that_nobody_hands_anything_in_serves_all_the_same() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let alone = [("SKYTIER__MQTT__EMBEDDED__ENABLED", "false")];
    let daemon = Daemon::start(&data, &alone);
    let listed = daemon.json("/v1/stations");
    assert!(
        listed["stations"]
            .as_array()
            .is_some_and(|all| !all.is_empty()),
        "{listed}"
    );
    daemon.stop("TERM");
}
