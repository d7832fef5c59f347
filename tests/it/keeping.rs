//! Readings loaded without a broker, counted, copied out of a running daemon and brought back.

use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::access::ask;
use crate::access::token;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

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
    // The import has just come in; of the seed, only what is not of long ago by its receipt.
    let all = said.lines().find_map(|line| line.strip_prefix("all\t"));
    let cells: Vec<u64> = all
        .expect("a sum")
        .split('\t')
        .take(3)
        .map(|cell| cell.parse().expect("a number"))
        .collect();
    let received = cells[1] + cells[2];
    assert_eq!(number("received_in_1_days\t"), received as f64, "{said}");
    let hourly = number("received_an_hour_in_7_days\t");
    assert!((hourly - received as f64 / 168.0).abs() < 0.01, "{said}");
}

/// The same counts as JSON; what waits, and what orders took out.
#[test]
fn stats_as_json_tell_what_waits_and_what_was_taken_out() {
    let (folder, data) = seeded(&["jiangyin"]);
    import(&data, &canonical(folder.path(), "1999A"));
    let stats = |data: &Path| -> serde_json::Value {
        let said = run(&["stats", "--data", text(data), "--format", "json"]);
        serde_json::from_str(&said).expect("JSON")
    };
    let found = stats(&data);
    let own = &found["sources"]["1999A"];
    assert_eq!(
        (&own["values"], &own["without_value"]),
        (&92.into(), &46.into())
    );
    assert_eq!(
        found["waiting_to_be_merged"], 0,
        "an import merges: {found}"
    );
    assert!(
        found["received"]["last_hour"]["readings"].as_u64() >= Some(138),
        "{found}"
    );
    let rate = &found["received"]["last_hour"]["a_second"];
    assert!(rate.as_f64() >= Some(0.03), "{found}");
    let order = [
        "--source", "1999A", "--factor", "pm25", "--by", "Li Na", "--reason", "span gas",
    ];
    let times = [
        "--from",
        "2020-07-27T04:00:00+08:00",
        "--to",
        "2020-07-27T06:00:00+08:00",
    ];
    run(&[&["delete", "--data", text(&data)], &order[..], &times[..]].concat());
    let after = stats(&data);
    let taken = (&after["deletion_orders"], &after["removed_by_order"]);
    assert_eq!(taken, (&1.into(), &2.into()), "{after}");
    assert_eq!(after["sources"]["1999A"]["values"], 90);
    assert_eq!(after["removed_by_age"]["fine"], 0);
    // A daemon that is killed leaves what it had committed and not merged.
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &[canonical(folder.path(), "2000A")]);
    daemon.kill9();
    let left = stats(&data);
    assert_eq!(left["waiting_to_be_merged"], 138, "{left}");
    assert_eq!(left["sources"]["2000A"]["values"], 92);
}

/// What README shows to people with a SQLite shell.
#[test]
fn a_sqlite_shell_finds_the_newest_values_and_the_days() {
    let (folder, data) = seeded(&["jiangyin"]);
    let header = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";
    let rows = "2000A,2020-07-27T00:01:00+08:00,60,40.7,,,,0.6,\n2000A,2020-07-28T00:00:00+08:00,60,20.1,,,,,\n\
                2000A,2020-07-28T00:01:00+08:00,60,0.3,,,,,\n";
    let minutes = folder.path().join("minutes.csv");
    std::fs::write(&minutes, format!("{header}{rows}")).expect("room on the disk");
    import(&data, &minutes);
    import(&data, &canonical(folder.path(), "1999A"));
    let check = |select: &str, expected: &[&str]| {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let shell = rusqlite::Connection::open_with_flags(data.join("skytier.db"), flags)
            .expect("a database");
        let mut statement = shell.prepare(select).expect(select);
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cell = |at| match row.get_ref(at)? {
                rusqlite::types::ValueRef::Null => Ok("-".to_owned()),
                rusqlite::types::ValueRef::Integer(number) => Ok(number.to_string()),
                rusqlite::types::ValueRef::Real(number) => Ok(number.to_string()),
                other => Ok::<_, rusqlite::Error>(other.as_str().expect("text").to_owned()),
            };
            let cells: Result<Vec<String>, _> = (0..columns).map(cell).collect();
            cells.map(|cells| cells.join(" "))
        };
        let found: Result<Vec<String>, _> = statement.query_map([], row).expect(select).collect();
        assert_eq!(found.expect(select), expected, "{select}");
    };
    check(
        "SELECT factor, time, value, unit FROM latest_value WHERE source = '2000A' AND factor IN ('pm25', 'co') ORDER BY factor",
        &[
            "co 2020-07-28T00:01:00+08:00 - mg/m3",
            "pm25 2020-07-28T00:01:00+08:00 0.3 ug/m3",
        ],
    );
    check(
        "SELECT time, value FROM latest WHERE source = '2000A' AND factor = 'pm25'",
        &["1595865660 300000"],
    );
    check(
        "SELECT day, readings, sum, min, max, first, last FROM daily WHERE source = '2000A' AND factor = 'pm25' ORDER BY day",
        &[
            "2020-07-27 2 60.8 20.1 40.7 2020-07-27T00:01:00+08:00 2020-07-28T00:00:00+08:00",
            "2020-07-28 1 0.3 0.3 0.3 2020-07-28T00:01:00+08:00 2020-07-28T00:01:00+08:00",
        ],
    );
    check(
        "SELECT from_day, to_day, readings, min, max FROM summary WHERE source = '1999A' AND factor = 'pm25'",
        &["2020-06-07 2020-08-05 23 1.5 23.5"],
    );
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
    let mut names: Vec<String> = std::fs::read_dir(&shelf)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("skytier-2"), "{names:?}");
    assert!(names[0].ends_with(".access.db"), "{names:?}");
}

/// Whether a token is let in by a daemon on the directory.
fn let_in(data: &Path, token: &str) -> u16 {
    let daemon = Daemon::start(data, &[]);
    let answer = ask(&daemon.http, "GET", "/v1/stations", Some(token), "");
    daemon.stop("TERM");
    answer.status
}

#[test]
fn a_backup_holds_who_may_do_what_and_the_audit_log() {
    let (folder, data) = seeded(&["jiangyin"]);
    let early = token(&data, "early", "bureau");
    let file = folder.path().join("copy.db");
    let args = ["backup", "--data", text(&data), "--out", text(&file)];
    let said = run(&args);
    let beside = folder.path().join("copy.access.db");
    assert!(
        said.contains("1 rows of the audit log") && said.contains(text(&beside)),
        "{said}"
    );
    #[cfg(unix)]
    {
        let mode = std::fs::metadata(&beside).expect("a file").permissions();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
            0o600
        );
    }
    let bytes = std::fs::read(&beside).expect("a file");
    let secret = early.rsplit('_').next().expect("a secret").as_bytes();
    assert!(
        !bytes.windows(secret.len()).any(|part| part == secret),
        "secrets are in it as digests"
    );
    let late = token(&data, "late", "bureau");
    // A directory that is there, and one that is not.
    let there = folder.path().join("there");
    std::fs::create_dir(&there).expect("room on the disk");
    for restored in [there, folder.path().join("restored")] {
        let restore = ["restore", "--from", text(&file), "--data", text(&restored)];
        let said = run(&restore);
        assert!(said.contains("everybody logs in anew"), "{said}");
        let own = std::fs::metadata(restored.join("access.db")).expect("a file");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&own.permissions()) & 0o777,
            0o600
        );
        assert!(own.len() > 0);
        let log = run(&["audit", "--data", text(&restored), "--format", "csv"]);
        assert!(
            log.contains("token.add") && log.contains(",command,backup.restore,copy.db"),
            "{log}"
        );
        let restored_by = log.lines().last().and_then(|row| row.split(',').nth(2));
        assert!(
            restored_by.is_some_and(|who| who.starts_with("cli:")),
            "{log}"
        );
        run(&["audit", "verify", "--data", text(&restored)]);
        assert_eq!(let_in(&restored, &early), 200);
        assert_eq!(let_in(&restored, &late), 401);
    }
    refused_when_changed(&folder, &file, &beside);
}

/// A copy of who may do what with a changed row, and none at all.
fn refused_when_changed(folder: &tempfile::TempDir, file: &Path, beside: &Path) {
    // One row that was changed: nothing is restored.
    let store = rusqlite::Connection::open(beside).expect("a database");
    store
        .execute_batch(
            "DROP TRIGGER audit_keep; UPDATE audit SET line = replace(line, 'early', 'later')",
        )
        .expect("changed");
    drop(store);
    let bad = folder.path().join("bad");
    let (code, said) = fails(&["restore", "--from", text(file), "--data", text(&bad)]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("table audit, row 1") && !bad.exists(),
        "{said}"
    );
    // Without it there is the store alone, and that is said.
    std::fs::remove_file(beside).expect("there");
    let said = run(&["restore", "--from", text(file), "--data", text(&bad)]);
    assert!(said.contains("were not brought back"), "{said}");
    assert!(!bad.join("access.db").exists());
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
fn an_older_programs_backup_is_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("older.db");
    let packed = include_bytes!("data/format-2.db.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut bytes)
        .expect("a packed file");
    std::fs::write(&file, bytes).expect("room on the disk");
    let restored = folder.path().join("restored");
    run(&["restore", "--from", text(&file), "--data", text(&restored)]);
    verify(&restored);
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

#[test]
fn a_backup_under_load_holds_all_that_was_acknowledged_before_it_began() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let site = daemon.site.clone();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let (counter, stopped) = (Arc::clone(&acknowledged), Arc::clone(&stop));
    let minute = |n: usize| {
        let start = chrono::DateTime::from_timestamp(1_600_000_000, 0).expect("a time");
        start + chrono::Duration::minutes(i64::try_from(n).expect("a small number"))
    };
    let load = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mut station = Station::connect(&site, "load").await;
            while !stopped.load(Ordering::Relaxed) {
                let first = counter.load(Ordering::Relaxed);
                let message = |n| {
                    (
                        readings_topic("1999A"),
                        hourly(&minute(n).to_rfc3339(), "7.5"),
                    )
                };
                let messages: Vec<_> = (first..first + 10).map(message).collect();
                assert_eq!(station.burst(&messages).await, 10);
                counter.store(first + 10, Ordering::Relaxed);
            }
        });
    });
    let enough = || acknowledged.load(Ordering::Relaxed) >= 200;
    wait_for("some load", PATIENCE, || enough().then_some(()));
    let before = acknowledged.load(Ordering::Relaxed);
    let file = folder.path().join("copy.db");
    run(&["backup", "--data", text(&data), "--out", text(&file)]);
    let during = acknowledged.load(Ordering::Relaxed);
    wait_for("load beside and after the backup", PATIENCE, || {
        (acknowledged.load(Ordering::Relaxed) > during).then_some(())
    });
    stop.store(true, Ordering::Relaxed);
    load.join().expect("every message was acknowledged");
    daemon.stop("TERM");
    let restored = folder.path().join("restored");
    run(&["restore", "--from", text(&file), "--data", text(&restored)]);
    verify(&restored);
    let zone = chrono::FixedOffset::east_opt(8 * 3_600).expect("an offset");
    let held = export(&restored);
    for n in 0..before {
        let time = minute(n).with_timezone(&zone).to_rfc3339();
        assert!(
            held.contains(&format!("1999A,pm25,avg,{time},3600,7.5,N,raw")),
            "{n}: {time}"
        );
    }
}

#[test]
fn every_command_that_reads_works_beside_a_running_daemon() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let copy = folder.path().join("copy.db");
    for command in [
        "assess --area city --from 2020-01-01 --to 2020-01-31 --by day",
        "assess --area city --from 2020-01-01 --to 2020-12-31 --by year",
        "bulletin --area city --period 2020-H1",
        "targets --area city --on 2020-06-30",
        "export --what readings --to 2019-01-02 --out -",
        "export --what days --out -",
        "export --what tiers --format parquet --out -",
        "gaps --station sim-1999A --from 2020-01-01 --to 2020-01-31",
        "qc --station sim-1999A --from 2020-01-01 --to 2020-01-31 --count",
        "dead-letters list",
        "register --list stations",
        "publish --list",
        "restatements",
        "stats",
    ] {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.extend(["--data", text(&data)]);
        let ended = crate::support::output(&args);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{command}: {said}");
    }
    verify(&data);
    run(&["backup", "--data", text(&data), "--out", text(&copy)]);
    // One that writes is kept out, and told why.
    let (code, said) = fails(&["seed", "beijing", "--data", text(&data)]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("another skytier process"), "{said}");
    daemon.stop("TERM");
}
