//! What `verify` finds: every kind of edit made behind the store's back, named by table and row.

use super::append;
use super::at;
use super::embedded;
use super::letter;
use super::listing;
use super::published::issue;
use super::run;
use rusqlite::Connection;
use skytier::ports::Batch;
use skytier::ports::Verified;
use std::path::Path;
use tempfile::TempDir;

const UNGUARDED: &str = "DROP TRIGGER ledger_keep; DROP TRIGGER ledger_hold;";

/// Three series, two revisions, three dead letters, four ledger entries.
fn store() -> TempDir {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        append(&stores, 100, "A pm25 1 1; A pm25 2 2; A pm25 3 -").await;
        append(&stores, 100, "B pm25 1 1; B pm25 2 2; C co 1 9").await;
        append(&stores, 200, "A pm25 2 2.5; B pm25 1 7").await;
        let letters = Batch {
            dead_letters: vec![letter(1), letter(2), letter(3)],
            ..Batch::new(at(300))
        };
        stores.series.append(letters).await.expect("appended");
        let events = (1..=4).map(listing).collect();
        stores.ledger.append_events(events).await.expect("appended");
        let issues = vec![issue(None), issue(Some("40.7"))];
        let remembered = stores.publications.remember(issues).await;
        remembered.expect("remembered");
    });
    directory
}

fn verified(directory: &Path) -> Verified {
    run(async { embedded(directory).verify.verify().await }).expect("verified")
}

fn edit(directory: &Path, sql: &str) -> rusqlite::Result<()> {
    let connection = Connection::open(directory.join("skytier.db"))?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.execute_batch(sql)
}

fn check(sql: &str, expected: &str) {
    let directory = store();
    edit(directory.path(), sql).expect(sql);
    let fault = verified(directory.path()).fault;
    let fault = fault.unwrap_or_else(|| panic!("{sql}: not noticed"));
    assert!(fault.contains(expected), "{sql}: {fault}");
    assert!(fault.ends_with("; restore the last backup"), "{fault}");
}

#[test]
fn a_store_left_alone_is_whole_and_counted() {
    let verified = verified(store().path());
    assert_eq!(verified.fault, None);
    let counted: Vec<_> = verified.counted.into_iter().skip(1).collect();
    let expected = [
        ("readings", 6),
        ("revisions", 2),
        ("dead letters", 3),
        ("registry entries", 0),
        ("ledger entries", 4),
        ("publications", 2),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn a_changed_reading_is_found() {
    let one = "WHERE series = 1 AND time = 2";
    for change in [
        "value = 3000000",
        "value = NULL",
        "flag = 'M'",
        "qc = 'clock'",
        "reviewed = 1",
        "received_at = 1",
        "time = 9",
    ] {
        check(
            &format!("UPDATE reading SET {change} {one}"),
            "series A pm25 avg 3600: readings and revisions do not match their checksum",
        );
    }
    check(
        &format!("UPDATE reading SET qc = 'fine' {one}"),
        "series A pm25 avg 3600, row of time 2: unknown qc verdict",
    );
}

#[test]
fn a_lost_an_invented_and_a_moved_reading_are_found() {
    check(
        "DELETE FROM reading WHERE series = 2 AND time = 2",
        "series B pm25 avg 3600: 1 readings where 2 belong",
    );
    check(
        "INSERT INTO reading SELECT 2, 77, value, flag, qc, reviewed, received_at FROM reading WHERE series = 1 AND time = 1",
        "series B pm25 avg 3600: 3 readings where 2 belong",
    );
    check(
        "UPDATE reading SET series = 3, time = 5 WHERE series = 1 AND time = 1",
        "series A pm25 avg 3600: 2 readings where 3 belong",
    );
    check(
        "PRAGMA foreign_keys = OFF; DELETE FROM series WHERE id = 3",
        "table reading: 1 rows belong to no series",
    );
}

#[test]
fn a_series_given_another_name_is_found() {
    for change in [
        "source = 'X'",
        "factor = 'so2'",
        "stat = 'max'",
        "interval_s = 60",
    ] {
        check(
            &format!("UPDATE series SET {change} WHERE id = 3"),
            "readings and revisions do not match their checksum",
        );
    }
}

#[test]
fn a_changed_revision_is_found() {
    for change in [
        "value = 1",
        "flag = 'M'",
        "received_at = 1",
        "replaced_at = 1",
    ] {
        check(
            &format!("UPDATE revision SET {change} WHERE id = 2"),
            "table revision, row 2: does not match its checksum",
        );
    }
    check(
        "UPDATE revision SET series = 1 WHERE id = 2",
        "readings and revisions do not match their checksum",
    );
    check(
        "DELETE FROM revision WHERE id = 1",
        "series A pm25 avg 3600: readings and revisions do not match their checksum",
    );
}

#[test]
fn a_changed_dead_letter_is_found() {
    for change in [
        "payload = x'00'",
        "reason = ''",
        "topic = 'x'",
        "origin = 'x'",
        "received_at = 1",
    ] {
        check(
            &format!("UPDATE dead_letter SET {change} WHERE id = 2"),
            "table dead_letter, row 2: does not match its checksum",
        );
    }
    check(
        "DELETE FROM dead_letter WHERE id = 2",
        "table dead_letter: 2 rows where 3 belong",
    );
}

#[test]
fn a_changed_lost_or_moved_ledger_entry_is_found() {
    let unguarded = |sql: &str, expected: &str| check(&format!("{UNGUARDED} {sql}"), expected);
    unguarded(
        "UPDATE ledger SET line = replace(line, '2026-01-02\"', '2026-01-12\"') WHERE seq = 2",
        "table ledger, entry 2: does not match its hash",
    );
    unguarded(
        "UPDATE ledger SET hash = zeroblob(32) WHERE seq = 3",
        "table ledger, entry 3: does not match its hash",
    );
    unguarded(
        "DELETE FROM ledger WHERE seq = 2",
        "table ledger: entry 2 is missing (found 3)",
    );
    unguarded(
        "DELETE FROM ledger WHERE seq = 2; UPDATE ledger SET seq = seq - 1 WHERE seq > 2",
        "table ledger, entry 2: does not match its hash",
    );
    unguarded(
        "UPDATE ledger SET seq = 99 WHERE seq = 2; UPDATE ledger SET seq = 2 WHERE seq = 3;
         UPDATE ledger SET seq = 3 WHERE seq = 99",
        "table ledger, entry 2: does not match its hash",
    );
    unguarded(
        "DELETE FROM ledger WHERE seq = 4",
        "table ledger: 3 rows where 4 belong",
    );
    unguarded(
        "INSERT INTO ledger SELECT 5, line, hash FROM ledger WHERE seq = 4",
        "table ledger, entry 5: does not match its hash",
    );
}

#[test]
fn the_ledger_refuses_to_be_rewritten() {
    let directory = store();
    for sql in [
        "UPDATE ledger SET line = '' WHERE seq = 1",
        "DELETE FROM ledger WHERE seq = 4",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT 1, line, hash FROM ledger WHERE seq = 2",
    ] {
        let refused = edit(directory.path(), sql).expect_err(sql).to_string();
        assert!(refused.contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(verified(directory.path()).fault, None);
}

#[test]
fn a_damaged_page_is_found() {
    let directory = store();
    edit(directory.path(), "PRAGMA wal_checkpoint(TRUNCATE)").expect("moved into the file");
    let path = directory.path().join("skytier.db");
    let mut bytes = std::fs::read(&path).expect("read");
    let at = bytes.len() - 16_384;
    bytes[at..at + 64].fill(0x5a);
    std::fs::write(&path, bytes).expect("written");
    let fault = verified(directory.path()).fault;
    assert!(fault.is_some(), "a page of rubbish went unnoticed");
}
