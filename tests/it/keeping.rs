//! Readings loaded without a broker, counted, copied out of a running daemon and brought back.

use std::path::Path;
use std::path::PathBuf;

use crate::support::Daemon;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

/// A day of one station.
fn canonical(folder: &Path, station: &str) -> PathBuf {
    let header = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";
    let rows: Vec<String> = (1..24)
        .map(|hour| {
            format!("{station},2020-07-27T{hour:02}:00:00+08:00,3600,{hour}.5,60,,4,0.7,\n")
        })
        .collect();
    let file = folder.join(format!("{station}.csv"));
    std::fs::write(&file, format!("{header}{}", rows.concat())).expect("room on the disk");
    file
}

fn import(data: &Path, file: &Path) -> String {
    run(&[
        "import",
        "--data",
        text(data),
        "--layout",
        "canonical",
        "--input",
        text(file),
    ])
}

#[test]
fn an_import_stores_what_a_replay_stores_and_a_second_one_nothing() {
    let (folder, data) = seeded(&["jiangyin"]);
    let file = canonical(folder.path(), "1999A");
    let first = import(&data, &file);
    assert_eq!(
        first,
        "23 rows: 138 readings new, 0 known already, 0 corrected\n"
    );
    let imported = export(&data);
    let second = import(&data, &file);
    assert_eq!(
        second,
        "23 rows: 0 readings new, 138 known already, 0 corrected\n"
    );
    assert_eq!(export(&data), imported);
    let (_other, replayed) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&replayed, &[]);
    daemon.replay("canonical", &[file]);
    daemon.stop("TERM");
    assert_eq!(export(&replayed), imported);
    verify(&data);
}

#[test]
fn an_import_that_cannot_be_whole_keeps_nothing() {
    let (folder, data) = seeded(&["jiangyin"]);
    let before = export(&data);
    let stranger = canonical(folder.path(), "stranger");
    let faulty = canonical(folder.path(), "1999A");
    let rows = std::fs::read_to_string(&faulty).expect("just written");
    std::fs::write(&faulty, rows.replace("23.5", "high")).expect("room on the disk");
    let nowhere = folder.path().join("nowhere");
    for (data, file, code, expected) in [
        (
            &data,
            &stranger,
            2,
            "1 stations are not registered (stranger)",
        ),
        (&data, &faulty, 2, "high"),
        (&nowhere, &faulty, 3, "no such data directory"),
    ] {
        let said = fails(&[
            "import",
            "--data",
            text(data),
            "--layout",
            "canonical",
            "--input",
            text(file),
        ]);
        assert_eq!(said.0, code, "{}", said.1);
        assert!(said.1.contains(expected), "{}", said.1);
    }
    assert_eq!(export(&data), before);
}

#[test]
fn stats_count_what_is_there() {
    let (folder, data) = seeded(&["jiangyin"]);
    import(&data, &canonical(folder.path(), "1999A"));
    let said = run(&["stats", "--data", text(&data)]);
    let line = said.lines().find(|line| line.starts_with("1999A\t"));
    let expected = "1999A\t6\t92\t46\t2020-07-27T01:00:00+08:00\t2020-07-27T23:00:00+08:00";
    assert_eq!(line, Some(expected), "{said}");
    let number = |name: &str| -> f64 {
        let own = said.lines().find_map(|line| line.strip_prefix(name));
        own.expect(name).trim().parse().expect("a number")
    };
    let size = std::fs::metadata(data.join("skytier.db"))
        .expect("a database")
        .len();
    assert!(number("bytes\t") >= size as f64, "{said}");
    assert!(number("bytes_a_reading\t") > 0.0, "{said}");
    assert!(said.contains("letters_quarantined\t0"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_daemon_holds_all_that_was_acknowledged_before_it() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    for hour in 10..16 {
        let time = format!("2020-07-27T{hour}:00:00+08:00");
        station.send(&topic, &hourly(&time, "7.5")).await;
    }
    station
        .send(
            &readings_topic("nobody"),
            &hourly("2020-07-27T10:00:00+08:00", "1"),
        )
        .await;
    let before = daemon.export();
    let file = folder.path().join("copy.db");
    let args = ["backup", "--data", text(&data), "--out", text(&file)];
    let said = run(&args);
    assert!(
        said.contains("checked") && said.contains("1 dead letters"),
        "{said}"
    );
    station
        .send(&topic, &hourly("2020-07-27T20:00:00+08:00", "9"))
        .await;
    assert_ne!(daemon.export(), before, "the daemon goes on");
    assert_eq!(fails(&args).0, 2, "nothing is written over");
    daemon.kill9();
    let restored = folder.path().join("restored");
    std::fs::create_dir(&restored).expect("room on the disk");
    let restore = ["restore", "--from", text(&file), "--data", text(&restored)];
    run(&restore);
    assert_eq!(export(&restored), before);
    verify(&restored);
    assert_eq!(
        fails(&restore).0,
        2,
        "not into a directory with something in it"
    );
    let daemon = Daemon::start(&restored, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    station
        .send(&topic, &hourly("2020-07-27T21:00:00+08:00", "9"))
        .await;
    daemon.stop("TERM");
    verify(&restored);
    // Into a directory, under a name with the time; nothing else is left behind.
    let shelf = folder.path().join("shelf");
    std::fs::create_dir(&shelf).expect("room on the disk");
    run(&["backup", "--data", text(&data), "--out", text(&shelf)]);
    let names: Vec<String> = std::fs::read_dir(&shelf)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("skytier-2"), "{names:?}");
}

#[test]
fn compacting_makes_the_file_smaller_and_changes_nothing() {
    let (_folder, data) = seeded(&["beijing"]);
    let before = export(&data);
    let said = run(&["compact", "--data", text(&data)]);
    let sizes: Vec<u64> = said
        .split(' ')
        .filter_map(|word| word.trim().parse().ok())
        .collect();
    assert!(sizes.len() == 2 && sizes[1] <= sizes[0], "{said}");
    let file = std::fs::metadata(data.join("skytier.db")).expect("a file");
    assert_eq!(sizes[1], file.len(), "nothing is left in its log");
    assert_eq!(export(&data), before);
    verify(&data);
    let daemon = Daemon::start(&data, &[]);
    let (code, said) = fails(&["compact", "--data", text(&data)]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("another skytier process"), "{said}");
    drop(daemon);
    let (code, _) = fails(&["compact", "--data", text(&data.join("none"))]);
    assert_eq!(code, 3);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let (folder, data) = seeded(&["jiangyin"]);
    let file = folder.path().join("copy.db");
    run(&["backup", "--data", text(&data), "--out", text(&file)]);
    let restored = folder.path().join("restored");
    let mut bytes = std::fs::read(&file).expect("a copy");
    // Half of it, for a page of it may be one that holds nothing.
    let quarter = bytes.len() / 4;
    bytes[quarter..quarter * 3].fill(0x5a);
    std::fs::write(&file, &bytes).expect("room on the disk");
    let damaged = ["restore", "--from", text(&file), "--data", text(&restored)];
    let (code, said) = fails(&damaged);
    assert!([1, 3].contains(&code), "{code} {said}");
    assert!(!restored.exists(), "nothing is left of it");
    std::fs::write(&file, b"not a database at all").expect("room on the disk");
    assert_eq!(fails(&damaged).0, 3);
    assert!(!restored.exists());
    let missing = folder.path().join("missing.db");
    let none = [
        "restore",
        "--from",
        text(&missing),
        "--data",
        text(&restored),
    ];
    assert_eq!(fails(&none).0, 2);
    let nowhere = folder.path().join("nowhere");
    let none = ["backup", "--data", text(&nowhere), "--out", text(&missing)];
    assert_eq!(fails(&none).0, 3);
    assert!(!missing.exists() && !nowhere.exists());
}
