//! Missing reports with their causes, and the completeness of days, on the command line and over HTTP.
//!
//! One day of an hourly station: the daemon, a broker and the station itself are away at times that a line tells.

use std::path::Path;
use std::path::PathBuf;

use serde_json::json;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::calendar::Instant;
use skytier::domain::names::Source;
use skytier::domain::presence::Party;
use skytier::domain::presence::Spell;
use skytier::domain::presence::Way;
use skytier::ports::Attended;

use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::text;
use crate::support::verify;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone,interval_s\n\
    a,甲,A,national,120.5,31.25,false,feed,,3600\n\
    m,微,M,micro,120,31,false,feed,,\n\
    n,新,N,micro,120,31,false,feed,,\n";
const HEADER: &str = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";

/// Midnight of the day, and hours after it.
fn at(hours: i64, minutes: i64) -> Instant {
    let midnight: chrono::DateTime<chrono::FixedOffset> =
        "2024-01-05T00:00:00+08:00".parse().expect("a time");
    Instant::from_unix(midnight.timestamp() + hours * 3_600 + minutes * 60)
}

fn spell(party: &str, online: bool, from: Instant, upto: Instant) -> Spell {
    Spell {
        party: Party::parse(party).expect(party),
        online,
        from,
        upto,
        open: false,
    }
}

/// Who was there on the day, and hourly readings but for those missing.
fn day(missing: &[i64]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let table = folder.path().join("stations.csv");
    std::fs::write(&table, STATIONS).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&table)]);
    let hours: Vec<i64> = (0..=48).filter(|hour| !missing.contains(hour)).collect();
    import(folder.path(), &data, &hours);
    let links = [(0, 0, 5, 58), (6, 20, 48, 0)];
    let mut spells: Vec<Spell> = links
        .map(|(h1, m1, h2, m2)| spell("link/mqtt://h:1883", true, at(h1, m1), at(h2, m2)))
        .to_vec();
    spells.push(spell("daemon", true, at(0, 30), at(3, 1)));
    spells.push(spell("daemon", true, at(3, 4), at(48, 0)));
    spells.push(spell("stations/a", false, at(8, 30), at(9, 30)));
    spells.push(spell("stations/a", true, at(9, 30), at(48, 0)));
    let way = Way {
        source: Source::parse("stations/a").expect("a source"),
        link: "mqtt://h:1883".to_owned(),
        first: at(0, 0),
        last: at(48, 0),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Embedded::open(&data, Access::Write).expect("opened for writing");
        let attended = Attended {
            spells,
            ways: vec![way],
        };
        let stores = Stores::embedded(store);
        stores.attendance.attend(attended).await.expect("kept");
    });
    (folder, data)
}

fn import(folder: &Path, data: &Path, hours: &[i64]) {
    let file = folder.join("a.csv");
    let row = |hour: &i64| {
        let time = chrono::DateTime::from_timestamp(at(*hour, 0).unix(), 0).expect("a time");
        format!("a,{},3600,{hour}.5,60,,4,0.7,\n", time.to_rfc3339())
    };
    let rows: String = hours.iter().map(row).collect();
    std::fs::write(&file, format!("{HEADER}{rows}")).expect("room on the disk");
    let args = [
        "import",
        "--layout",
        "canonical",
        "--data",
        text(data),
        "--input",
    ];
    run(&[&args[..], &[text(&file)]].concat());
}

const DAY: [&str; 4] = ["--from", "2024-01-05", "--to", "2024-01-05"];

fn gaps(data: &Path, more: &[&str]) -> String {
    run(&[&["gaps", "--data", text(data)][..], &DAY, more].concat())
}

/// Hours missing of the day, and the gaps told: `from to missing cause`, hours of the day.
fn check(missing: &[i64], expected: &[&str]) {
    let (_folder, data) = day(missing);
    let said = gaps(&data, &["--station", "a", "--format", "csv"]);
    let told = said.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[0], cells[3]), ("a", "3600"), "{line}");
        let hour = |time: &str| time[11..16].to_owned();
        format!(
            "{} {} {} {}",
            hour(cells[1]),
            hour(cells[2]),
            cells[4],
            cells[5]
        )
    });
    assert_eq!(told.collect::<Vec<_>>(), expected, "{missing:?}");
}

#[test]
fn every_missing_hour_has_its_cause() {
    check(&[], &[]);
    check(&[3], &["02:00 03:00 1 daemon_down"]);
    check(&[6], &["05:00 06:00 1 broker_down"]);
    check(&[9], &["08:00 09:00 1 station_offline"]);
    check(
        &[12, 13, 24],
        &[
            "11:00 13:00 2 station_silent",
            "23:00 00:00 1 station_silent",
        ],
    );
    check(
        &[1, 2, 3, 4, 5, 6, 7],
        &[
            "00:00 02:00 2 station_silent",
            "02:00 03:00 1 daemon_down",
            "03:00 05:00 2 station_silent",
            "05:00 06:00 1 broker_down",
            "06:00 07:00 1 station_silent",
        ],
    );
}

#[test]
fn what_no_daemon_saw_is_not_explained_and_what_comes_late_is_no_gap() {
    let (folder, data) = day(&[0, 1, 6, 12, 13]);
    let all = [
        "--station",
        "a",
        "--from",
        "2024-01-04",
        "--to",
        "2024-01-05",
        "--format",
        "csv",
    ];
    let said = run(&[&["gaps", "--data", text(&data)][..], &all].concat());
    // Nothing is asked of the time before the first report, which is that of 02:00.
    assert_eq!(said.lines().count(), 3, "{said}");
    import(folder.path(), &data, &[-2, 6, 12]);
    let said = run(&[&["gaps", "--data", text(&data)][..], &all].concat());
    assert_eq!(
        said,
        "station,from,to,interval_s,missing,cause,void_reason\n\
         a,2024-01-04T22:00:00+08:00,2024-01-05T00:00:00+08:00,3600,2,not_recorded,\n\
         a,2024-01-05T00:00:00+08:00,2024-01-05T01:00:00+08:00,3600,1,station_silent,\n\
         a,2024-01-05T12:00:00+08:00,2024-01-05T13:00:00+08:00,3600,1,station_silent,\n"
    );
}

#[test]
fn days_tell_what_was_expected_and_came() {
    let (folder, data) = day(&[3, 12, 13]);
    let said = gaps(&data, &["--station", "a", "--by", "day", "--format", "csv"]);
    assert_eq!(
        said,
        "station,date,expected,reported,completeness,pm25,pm10,so2,no2,co,o3,void_reason\n\
         a,2024-01-05,24,21,87.5,21,21,0,21,21,0,\n"
    );
    let table = gaps(&data, &[]);
    assert!(table.starts_with("站点  起"), "{table}");
    assert!(table.contains("站点静默"), "{table}");
    // One that never reported, and one whose interval is seen in its readings alone.
    assert!(table.contains("该站从未上报"), "{table}");
    let english = gaps(&data, &["--lang", "en"]);
    assert!(
        english.contains("station silent") && english.contains("daemon down"),
        "{english}"
    );
    let minutes: String = [0, 5, 10, 20, 25]
        .map(|minute| format!("m,2024-01-05T10:{minute:02}:00+08:00,0,1,,,,,\n"))
        .concat();
    let file = folder.path().join("m.csv");
    std::fs::write(&file, format!("{HEADER}{minutes}")).expect("room on the disk");
    let args = [
        "import",
        "--layout",
        "canonical",
        "--data",
        text(&data),
        "--input",
    ];
    run(&[&args[..], &[text(&file)]].concat());
    let said = gaps(&data, &["--station", "m", "--format", "json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&said["interval_s"], &said["interval_basis"]),
        (&json!(300), &json!("observed"))
    );
    let first = json!({
        "from": "2024-01-05T10:10:00+08:00",
        "to": "2024-01-05T10:15:00+08:00",
        "missing": 1,
        "cause": "station_silent",
    });
    assert_eq!(said["gaps"][0], first);
    assert_eq!(
        said["gaps"][1]["missing"],
        json!(163),
        "the rest of the day"
    );
}

#[test]
fn the_same_is_told_over_http_beside_what_is_there_now() {
    let (_folder, data) = day(&[3, 12, 13]);
    let daemon = Daemon::start(&data, &[]);
    let (from, to) = ("2024-01-05", "2024-01-05");
    let path = |id: &str, what: &str| format!("/v1/stations/{id}/{what}?from={from}&to={to}");
    let told = daemon.json(&path("a", "gaps"));
    assert_eq!(told["gaps"].as_array().map(Vec::len), Some(2), "{told}");
    let printed = gaps(&data, &["--station", "a", "--format", "json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&printed).ok(),
        Some(told)
    );
    let days = daemon.json(&path("a", "completeness"));
    assert_eq!(days["days"][0]["completeness"], json!(87.5), "{days}");
    assert_eq!(days["days"][0]["usable"]["o3"], json!(0), "{days}");
    let as_csv = daemon.fetch(&format!("{}&format=csv", path("a", "gaps")));
    assert_eq!(
        as_csv.text,
        gaps(&data, &["--station", "a", "--format", "csv"])
    );
    let never = daemon.json(&path("n", "gaps"));
    assert_eq!(never["gaps"], json!(null));
    assert_eq!(
        never["void_reason"],
        json!("the station has never reported")
    );
    for (path, status) in [
        (path("x", "gaps"), 404),
        (path("a", "gaps") + "&by=day", 400),
        ("/v1/stations/a/gaps".to_owned(), 400),
        (
            "/v1/stations/a/gaps?from=2023-01-01&to=2024-01-05".to_owned(),
            400,
        ),
        (
            "/v1/stations/a/completeness?from=2024-01-05&to=2024-01-05&format=xml".to_owned(),
            400,
        ),
    ] {
        assert_eq!(daemon.get(&path).0, status, "{path}");
    }
    daemon.stop("TERM");
    verify(&data);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let (_folder, data) = day(&[]);
    for (more, expected) in [
        (&["--station", "x"][..], "station x is not registered"),
        (
            &[
                "--station",
                "a",
                "--from",
                "2024-01-06",
                "--to",
                "2024-01-05",
            ],
            "2024-01-0",
        ),
        (&["--lang", "fr"], "zh or en is expected"),
    ] {
        let (code, said) = fails(&[&["gaps", "--data", text(&data)][..], more].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

/// Registers further stations, and imports rows of them.
fn more(folder: &Path, data: &Path, stations: &str, rows: &str) {
    let header = STATIONS.lines().next().expect("a header");
    let files = [
        ("stations.csv", format!("{header}\n{stations}")),
        ("rows.csv", format!("{HEADER}{rows}")),
    ];
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("room on the disk");
    }
    let [table, rows] = ["stations.csv", "rows.csv"].map(|name| folder.join(name));
    run(&["register", "--data", text(data), text(&table)]);
    let args = [
        "import",
        "--layout",
        "canonical",
        "--data",
        text(data),
        "--input",
    ];
    run(&[&args[..], &[text(&rows)]].concat());
}

#[test]
fn reports_are_counted_and_a_faulty_clock_begins_nothing() {
    let (folder, data) = day(&[]);
    let row = |second: i64| {
        let time = at(0, 0).plus_s(60 + 89 * second).unix();
        let time = chrono::DateTime::from_timestamp(time, 0).expect("a time");
        format!("r60,{},0,7.5,,,,,\n", time.to_rfc3339())
    };
    let mut rows: String = (0..971).map(row).collect();
    rows.push_str("f,0001-01-01T00:00:00Z,3600,1,,,,,\nf,1999-12-31T23:00:00Z,3600,1,,,,,\n");
    rows.push_str("f,2024-01-05T01:00:00+08:00,3600,1,,,,,\n");
    let stations = "r60,慢,Slow,national,120,31,false,feed,,60\n\
                    f,钟,Clock,national,120,31,false,feed,,3600\n";
    more(folder.path(), &data, stations, &rows);
    let days = |station: &str| {
        let of = ["--from", "2024-01-03", "--to", "2024-01-05"];
        let args = ["gaps", "--data", text(&data), "--station", station];
        let said = run(&[&args[..], &of, &["--by", "day", "--format", "csv"]].concat());
        said.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(days("r60"), ["r60,2024-01-05,1440,971,67.4,971,0,0,0,0,0,"]);
    assert_eq!(days("f"), ["f,2024-01-05,24,1,4.2,1,0,0,0,0,0,"]);
}

#[test]
fn times_are_those_of_the_zone_that_the_directory_is_served_in() {
    let (_folder, data) = day(&[12]);
    run(&[
        "delete",
        "--data",
        text(&data),
        "--source",
        "a",
        "--from",
        "2024-01-05T20:00:00+08:00",
        "--to",
        "2024-01-05T21:00:00+08:00",
        "--by",
        "Li Na",
        "--reason",
        "a test",
    ]);
    Daemon::start(&data, &[("SKYTIER__ZONE", "+00:00")]).stop("TERM");
    let said = gaps(&data, &["--station", "a", "--format", "csv"]);
    let first = said.lines().nth(1).expect("a gap");
    let expected = "a,2024-01-05T03:00:00+00:00,2024-01-05T04:00:00+00:00,3600,1,";
    assert!(first.starts_with(expected), "{said}");
    let orders = run(&["delete", "--data", text(&data), "--list"]);
    assert!(orders.contains("2024-01-05T12:00:00+00:00"), "{orders}");
    assert!(!orders.contains("+08:00"), "{orders}");
}
