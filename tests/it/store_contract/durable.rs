//! What the embedded store promises beyond the suite: what was acknowledged survives, one writer at a time, and
//! a file it does not understand is refused untouched.

use super::append;
use super::at;
use super::batch;
use super::column;
use super::embedded;
use super::letter;
use super::listing;
use super::run;
use super::seeded;
use super::snapshot;
use rusqlite::Connection;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::ports::Batch;
use skytier::ports::Range;
use skytier::ports::StoreError;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const DATABASE: &str = "skytier.db";
const LOG: &str = "skytier.db-wal";

fn directory() -> TempDir {
    TempDir::new().expect("a directory")
}

/// Some of everything, with a correction and a repeat.
async fn fill(stores: &Stores) {
    append(stores, 100, "A pm25 3600 1; A pm25 7200 2; B co 3600 -").await;
    append(stores, 200, "A pm25 3600 1.5; A pm25 7200 2").await;
    let letters = Batch {
        dead_letters: vec![letter(1), letter(2)],
        ..Batch::new(at(300))
    };
    stores.series.append(letters).await.expect("appended");
    let registered = stores.registrar.register(seeded("jiangyin")).await;
    registered.expect("registered");
    let marked = stores.registrar.set_mark("seed", "jiangyin").await;
    marked.expect("marked");
    let events = vec![listing(1), listing(2)];
    stores.ledger.append_events(events).await.expect("appended");
}

fn refusal(directory: &Path, access: Access) -> StoreError {
    match Embedded::open(directory, access) {
        Ok(_) => panic!("{access:?}: opened"),
        Err(error) => error,
    }
}

#[test]
fn everything_is_there_after_reopening() {
    let directory = directory();
    let before = run(async {
        let stores = embedded(directory.path());
        fill(&stores).await;
        snapshot(&stores).await
    });
    run(async {
        let stores = embedded(directory.path());
        assert_eq!(snapshot(&stores).await, before);
        let known = Range {
            known_at: Some(at(199)),
            ..Range::ALL
        };
        assert_eq!(column(&stores, "A pm25", known).await, "3600=1 7200=2");
        let again = append(&stores, 400, "A pm25 3600 1.5").await;
        assert_eq!(again, "new 0 repeated 1 corrected 0:");
        let entries = stores.ledger.append_events(vec![listing(3)]).await;
        assert_eq!(entries, Ok(3));
        let verified = stores.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None, "{verified:?}");
    });
}

#[test]
fn a_second_writer_is_refused() {
    let directory = directory();
    let first = Embedded::open(directory.path(), Access::Write).expect("opened");
    let refused = refusal(directory.path(), Access::Write).to_string();
    let expected = "another skytier process is writing this data directory";
    assert!(refused.contains(expected), "{refused}");
    let name = directory.path().display().to_string();
    assert!(refused.contains(&name), "{refused}");
    drop(first);
    assert!(Embedded::open(directory.path(), Access::Write).is_ok());
}

#[test]
fn reading_works_beside_a_writer_and_sees_each_commit() {
    let directory = directory();
    run(async {
        let writer = embedded(directory.path());
        let reader = Embedded::open(directory.path(), Access::Read).expect("opened for reading");
        let reader = Stores::embedded(reader);
        for time in 1..=20 {
            append(&writer, 100, &format!("A pm25 {time} {time}")).await;
            let seen = column(&reader, "A pm25", Range::ALL).await;
            assert!(seen.ends_with(&format!("{time}={time}")), "{seen}");
        }
        let refused = reader.series.append(batch(100, "A pm25 1 2")).await;
        let refused = refused.expect_err("a reader does not write").to_string();
        assert!(refused.contains("opened for reading only"), "{refused}");
        assert_eq!(
            reader.verify.verify().await.expect("verified").fault,
            None,
            "beside the writer"
        );
    });
}

#[test]
fn a_directory_without_data_is_refused_for_reading_and_left_alone() {
    let directory = directory();
    let missing = directory.path().join("none");
    let refused = refusal(&missing, Access::Read).to_string();
    assert!(refused.contains("no such data directory"), "{refused}");
    assert!(!missing.exists());
}

#[test]
fn another_format_is_refused_untouched() {
    let check = |found: u32, expected: fn(String) -> StoreError, remedy: &str| {
        let directory = directory();
        run(async { fill(&embedded(directory.path())).await });
        let path = directory.path().join(DATABASE);
        let connection = Connection::open(&path).expect("opened");
        connection
            .pragma_update(None, "user_version", found)
            .expect("changed");
        connection.close().expect("closed");
        let before = fs::read(&path).expect("read");
        for access in [Access::Write, Access::Read] {
            let refused = refusal(directory.path(), access);
            assert!(refused.to_string().ends_with(remedy), "{refused}");
            assert_eq!(refused, expected(path.display().to_string()), "{access:?}");
        }
        assert!(fs::read(&path).expect("read") == before, "the file changed");
    };
    let newer = |place| StoreError::Newer {
        place,
        found: 3,
        known: 2,
    };
    check(3, newer, "use a newer skytier");
    let older = |place| StoreError::Older {
        place,
        found: 1,
        known: 2,
    };
    check(1, older, "or use a new data directory");
}

#[test]
fn a_file_that_is_not_ours_is_refused_untouched() {
    let check = |make: fn(&Path), expected: &str| {
        let directory = directory();
        let path = directory.path().join(DATABASE);
        make(&path);
        let before = fs::read(&path).expect("read");
        for access in [Access::Write, Access::Read] {
            let refused = refusal(directory.path(), access);
            let damaged = matches!(refused, StoreError::Damaged { .. });
            let text = refused.to_string();
            assert!(damaged && text.contains(expected), "{access:?}: {text}");
        }
        assert!(fs::read(&path).expect("read") == before, "the file changed");
    };
    let foreign = |path: &Path| {
        let connection = Connection::open(path).expect("opened");
        let made = connection.execute_batch("CREATE TABLE reading (a)");
        made.expect("a table of others");
    };
    check(foreign, "not a skytier database");
    let text = |path: &Path| fs::write(path, "time,value\n".repeat(1000)).expect("written");
    check(text, "not a database");
}

/// Copies what a machine would find after losing power now.
fn left_behind(from: &Path) -> TempDir {
    let copy = directory();
    for file in [DATABASE, LOG] {
        fs::copy(from.join(file), copy.path().join(file)).expect(file);
    }
    copy
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let directory = directory();
    run(async {
        let stores = embedded(directory.path());
        fill(&stores).await;
        for time in 1..30 {
            append(&stores, 400, &format!("C o3 {time} {time}")).await;
            let copy = left_behind(directory.path());
            let reopened = embedded(copy.path());
            assert_eq!(snapshot(&reopened).await, snapshot(&stores).await, "{time}");
        }
    });
}

/// The log's tail torn at any byte: the store opens, is whole, and holds the first of the commits, none in part.
#[test]
fn a_torn_log_loses_whole_commits_from_its_end_only() {
    let directory = directory();
    run(async {
        let stores = embedded(directory.path());
        for time in 1..=9 {
            let text = format!("A pm25 {time} {time}; B pm25 {time} {time}");
            append(&stores, 100, &text).await;
        }
        let whole = fs::read(directory.path().join(LOG)).expect("the log");
        let mut seen = std::collections::BTreeSet::new();
        for part in 0..=40 {
            let copy = left_behind(directory.path());
            let length = whole.len() * part / 40;
            fs::write(copy.path().join(LOG), &whole[..length]).expect("torn");
            let reopened = embedded(copy.path());
            let verified = reopened.verify.verify().await.expect("verified");
            assert_eq!(verified.fault, None, "cut at {length}");
            let columns = [
                column(&reopened, "A pm25", Range::ALL).await,
                column(&reopened, "B pm25", Range::ALL).await,
            ];
            assert_eq!(columns[0], columns[1], "cut at {length}");
            let count = columns[0].split_whitespace().count();
            let first: Vec<String> = (1..=count).map(|time| format!("{time}={time}")).collect();
            assert_eq!(columns[0], first.join(" "), "cut at {length}");
            seen.insert(count);
        }
        assert!(
            seen.contains(&9) && seen.contains(&0) && seen.len() > 5,
            "{seen:?}"
        );
    });
}

#[test]
fn a_failed_write_closes_the_store_and_keeps_nothing_of_the_batch() {
    let directory = directory();
    run(async {
        let stores = embedded(directory.path());
        append(&stores, 100, "A pm25 1 1").await;
        let connection = Connection::open(directory.path().join(DATABASE)).expect("opened");
        let dropped = connection.execute_batch("ALTER TABLE dead_letter RENAME TO gone");
        dropped.expect("renamed");
        let mut failing = batch(200, "A pm25 2 2");
        failing.dead_letters.push(letter(1));
        for _ in 0..2 {
            let poisoned = stores.series.append(failing.clone()).await;
            let closed = matches!(poisoned, Err(StoreError::Poisoned { .. }));
            assert!(closed, "{poisoned:?}");
        }
        let restored = connection.execute_batch("ALTER TABLE gone RENAME TO dead_letter");
        restored.expect("renamed back");
        let refused = stores.registrar.set_mark("seed", "x").await;
        assert!(
            matches!(refused, Err(StoreError::Poisoned { .. })),
            "closed for good: {refused:?}"
        );
        assert_eq!(column(&stores, "A pm25", Range::ALL).await, "1=1");
    });
    run(async {
        let stores = embedded(directory.path());
        assert_eq!(column(&stores, "A pm25", Range::ALL).await, "1=1");
        assert_eq!(stores.registrar.mark("seed").await, Ok(None));
        append(&stores, 300, "A pm25 2 2").await;
    });
}
