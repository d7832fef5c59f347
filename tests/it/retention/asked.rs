//! Removal by age as people ask for it: by the command, by the daemon's settings; and what is told of it.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::skytier;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\n";

/// Station `a`: three days of minutes, PM2.5 and nothing else; hourly values of the first day alone.
fn minutes(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    let (stations, rows) = (folder.join("stations.csv"), folder.join("minutes.csv"));
    std::fs::write(&stations, STATIONS).expect("room on the disk");
    let mut text_of = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    let begin = chrono::DateTime::parse_from_rfc3339("2022-01-01T00:00:00+08:00").expect("a time");
    let mut put = |seconds: i64, interval_s: i64, value: i64| {
        let time = (begin + chrono::Duration::seconds(seconds)).to_rfc3339();
        text_of.push_str(&format!("a,{time},{interval_s},{value},,,,,\n"));
    };
    (1..=3 * 1_440).for_each(|n| put(n * 60, 60, 20 + n % 30));
    (1..=24).for_each(|n| put(n * 3_600, 3_600, 40));
    std::fs::write(&rows, text_of).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&stations)]);
    run(&[
        "import",
        "--data",
        text(&data),
        "--layout",
        "canonical",
        "--input",
        text(&rows),
    ]);
    data
}

fn days_of(data: &Path) -> String {
    run(&[
        "assess",
        "--data",
        text(data),
        "--area",
        "station:a",
        "--from",
        "2022-01-01",
        "--to",
        "2022-01-03",
        "--by",
        "day",
        "--format",
        "csv",
    ])
}

fn retention(data: &Path, args: &[&str]) -> Vec<Value> {
    let mut command = skytier(&["retention", "--data", text(data), "--format", "json"]);
    let said = command
        .args(args)
        .env("SKYTIER__RETENTION__FINE_DAYS", "365")
        .output()
        .expect("it runs");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    said.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Of each of the five pollutants that say nothing two days go, for they make no hour; of PM2.5 one.
const GONE: usize = 1_440 + 5 * 2 * 1_440;

fn lines(text: &str) -> usize {
    text.lines().count()
}

#[test]
fn minutes_go_by_command_and_a_row_says_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = minutes(folder.path());
    let (figures, stored) = (days_of(&data), export(&data));
    let would = &retention(&data, &["--dry-run"])[0];
    assert_eq!(would["readings"], json!(GONE), "{would}");
    let stays = json!({"hours_rest_on_them": 1_440, "newest_of_series": 6 * 1_440});
    assert_eq!(would["stays"], stays);
    // This year and the last stay, whatever is asked for.
    let upto = would["upto"].as_str().expect("a time");
    assert!(upto.ends_with("-01-01T00:00:00+08:00"), "{upto}");
    assert_eq!(export(&data), stored, "a dry run removes nothing");

    let went = &retention(&data, &[])[0];
    assert_eq!(went["readings"], would["readings"]);
    assert_eq!(went["stays"], would["stays"]);
    assert_eq!(lines(&stored) - lines(&export(&data)), GONE);
    assert_eq!(days_of(&data), figures);
    verify(&data);
    let again = &retention(&data, &[])[0];
    assert_eq!(again["readings"], json!(0), "nothing is left to go");
    let list = run(&["retention", "--data", text(&data), "--list"]);
    assert_eq!(lines(&list), 1, "{list}");
    let told = format!("\"readings\":{GONE}");
    assert!(
        list.contains("\"days\":365") && list.contains(&told),
        "{list}"
    );
    let shell = rusqlite::Connection::open(data.join("skytier.db")).expect("a database");
    let rows = shell.query_row("SELECT count(*) FROM removal", [], |row| row.get(0));
    assert_eq!(rows, Ok(1), "blocks of all series go in one step");
    let gaps = |by: &str| {
        let station = ["gaps", "--data", text(&data), "--station", "a", "--by", by];
        let days = [
            "--from",
            "2022-01-01",
            "--to",
            "2022-01-03",
            "--format",
            "csv",
        ];
        run(&[&station[..], &days[..]].concat())
    };
    let days = gaps("day");
    assert!(
        days.contains("a,2022-01-01,1440,,,,,,,,,retention\n"),
        "{days}"
    );
    assert!(
        days.contains("a,2022-01-03,1440,1440,100.0,1440,"),
        "{days}"
    );
    let gaps = gaps("gap");
    let gone = "a,2022-01-01T00:00:00+08:00,2022-01-02T00:00:00+08:00,60,1440,retention,\n";
    assert!(gaps.contains(gone), "{gaps}");
}

#[test]
fn a_removal_that_was_tampered_with_is_found() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = minutes(folder.path());
    retention(&data, &[]);
    let database = data.join("skytier.db");
    let sound = std::fs::read(&database).expect("a database");
    for (change, expected) in [
        (
            "UPDATE removed SET n = n - 1 WHERE series = 1",
            "does not match its checksum",
        ),
        ("DELETE FROM removed WHERE series = 1", "readings where"),
        (
            "DROP TRIGGER removal_hold; DELETE FROM removal WHERE seq = 1",
            "removal",
        ),
        (
            "INSERT INTO mark VALUES ('retention.known_from', '1')",
            "is not what the removals say",
        ),
    ] {
        let shell = rusqlite::Connection::open(&database).expect("a database");
        shell.execute_batch(change).expect(change);
        drop(shell);
        let (code, said) = fails(&["verify", "--data", text(&data)]);
        assert_eq!(code, 1, "{change}: {said}");
        assert!(said.contains(expected), "{change}: {said}");
        std::fs::write(&database, &sound).expect("room on the disk");
    }
    verify(&data);
}

#[test]
fn a_daemon_removes_by_its_settings_and_says_what_is_gone() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = minutes(folder.path());
    let (figures, stored) = (days_of(&data), export(&data));
    let daemon = Daemon::start(&data, &[("SKYTIER__RETENTION__FINE_DAYS", "365")]);
    wait_for("the daemon's removal", PATIENCE, || {
        (lines(&stored) - lines(&daemon.export()) == GONE).then_some(())
    });
    let shown = daemon.json("/v1/air/days?area=station:a&from=2022-01-01&to=2022-01-03");
    let first = figures.lines().nth(1).expect("a day");
    assert!(
        first.contains(&format!(",{},", shown[0]["pm25"])),
        "{shown}"
    );
    let days = daemon.json("/v1/stations/a/completeness?from=2022-01-01&to=2022-01-01");
    assert_eq!(days["days"][0]["void_reason"], json!("retention"), "{days}");
    daemon.stop("TERM");
    assert_eq!(days_of(&data), figures);
    verify(&data);
}

#[test]
fn nothing_is_removed_unless_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    run(&["seed", "jiangyin", "--data", text(&data)]);
    let (code, said) = fails(&["retention", "--data", text(&data)]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("everything is kept") && said.contains("retention.fine_days"),
        "{said}"
    );
    let mut command = skytier(&["retention", "--data", text(&data)]);
    let ended = command
        .env("SKYTIER__RETENTION__FINE_DAYS", "-1")
        .output()
        .expect("it runs");
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        said.contains("RETENTION__FINE_DAYS") && said.contains("36525"),
        "{said}"
    );
}
