//! What `verify` finds: every kind of edit made behind the store's back, named by table and row.

use super::append;
use super::at;
use super::embedded;
use super::letter;
use super::listing;
use super::presence::attend;
use super::presence::way;
use super::published::issue;
use super::reviewed::decision;
use super::run;
use rusqlite::Connection;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::ports::Batch;
use skytier::ports::LetterState;
use skytier::ports::Retried;
use skytier::ports::StoreError;
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
        let decisions = ["void 0 1 @5", "confirm 1 2 @6"].map(decision);
        let decided = stores.reviews.decide(decisions.to_vec()).await;
        decided.expect("kept");
        let remembered = stores.publications.remember(issues).await;
        remembered.expect("remembered");
        let heard = [way("stations/A", "link/a", 1, 2)];
        attend(&stores, &["daemon 0-", "link/a off 1-2"], &heard).await;
    });
    directory
}

/// The same, as the disk holds it while nothing has been merged into blocks.
fn unmerged() -> TempDir {
    let directory = TempDir::new().expect("a directory");
    let copy = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        append(&stores, 100, "A pm25 1 1; A pm25 2 2; A pm25 3 -").await;
        append(&stores, 200, "A pm25 2 2.5; B pm25 1 7").await;
        for file in ["skytier.db", "skytier.db-wal"] {
            std::fs::copy(directory.path().join(file), copy.path().join(file)).expect(file);
        }
    });
    copy
}

fn verified(directory: &Path) -> Verified {
    let store = Embedded::open(directory, Access::Read).expect("opened for reading");
    run(async { Stores::embedded(store).verify.verify().await }).expect("verified")
}

fn edit(directory: &Path, sql: &str) -> rusqlite::Result<()> {
    let connection = Connection::open(directory.join("skytier.db"))?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.execute_batch(sql)
}

fn check(sql: &str, expected: &str) {
    check_in(store(), sql, expected);
}

fn check_in(directory: TempDir, sql: &str, expected: &str) {
    edit(directory.path(), sql).expect(sql);
    let fault = verified(directory.path()).fault;
    let fault = fault.unwrap_or_else(|| panic!("{sql}: not noticed"));
    assert!(fault.contains(expected), "{sql}: {fault}");
    let file = directory.path().join("skytier.db").display().to_string();
    assert!(fault.starts_with(&format!("{file}: ")), "{fault}");
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
        ("review decisions", 2),
        ("presence entries", 3),
        ("deletions", 0),
        ("steps of removals", 0),
        ("removed blocks", 0),
        ("look-ups", 0),
        ("time stamps", 0),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn a_changed_block_is_found() {
    let one = "WHERE series = 1";
    for change in [
        "n = 2",
        "sum = 1",
        "sum = NULL",
        "min = 1",
        "max = 1",
        "first = 2",
        "last = 4",
        "checksum = 1",
        "span = 7",
        "data = substr(data, 1, length(data) - 1)",
        "data = CAST(data || x'00' AS BLOB)",
        "data = CAST(substr(data, 1, 4) || x'55' || substr(data, 6) AS BLOB)",
    ] {
        let expected = "of series 1: does not match its checksum";
        check(&format!("UPDATE block SET {change} {one}"), expected);
    }
    check(
        &format!("UPDATE block SET format = 3 {one}"),
        "table block, span 0 of series 1: its format 3 is unknown; this program reads up to 2",
    );
}

#[test]
fn a_lost_an_invented_and_a_moved_block_are_found() {
    check(
        "DELETE FROM block WHERE series = 2",
        "table series, row 2 (B pm25 avg 3600): 0 readings in blocks where 2 belong",
    );
    check(
        "INSERT INTO block SELECT 9, series, n, sum, min, max, first, last, format, checksum, data
         FROM block WHERE series = 2",
        "table block, span 9 of series 2: does not match its checksum",
    );
    check(
        "PRAGMA foreign_keys = OFF; UPDATE block SET series = 6 WHERE series = 3",
        "table block, span 0 of series 6: no such series",
    );
    check(
        "PRAGMA foreign_keys = OFF; DELETE FROM series WHERE id = 3",
        "table block, span 0 of series 3: no such series",
    );
}

#[test]
fn a_changed_series_is_found() {
    for change in [
        "source = 'X'",
        "factor = 'so2'",
        "stat = 'max'",
        "interval_s = 60",
    ] {
        check(
            &format!("UPDATE series SET {change} WHERE id = 3"),
            "of series 3: does not match its checksum",
        );
    }
    for (change, expected) in [
        ("readings = 9", "1 readings in blocks where 9 belong"),
        ("checksum = 9", "name and blocks do not match its checksum"),
        ("last_time = 9", "its last value is not that of its blocks"),
        ("last_value = 1", "its last value is not that of its blocks"),
    ] {
        let expected = format!("table series, row 3 (C co avg 3600): {expected}");
        check(
            &format!("UPDATE series SET {change} WHERE id = 3"),
            &expected,
        );
    }
}

#[test]
fn commits_that_wait_to_be_merged_are_checked_too() {
    let verified = verified(unmerged().path());
    assert_eq!(verified.fault, None);
    assert_eq!(verified.counted[1], ("readings", 4));
    assert_eq!(verified.counted[2], ("revisions", 1));
    let check = |sql: &str, expected: &str| check_in(unmerged(), sql, expected);
    for change in [
        "data = x'00'",
        "data = CAST(data || x'00' AS BLOB)",
        "checksum = 1",
    ] {
        check(
            &format!("UPDATE wal SET {change} WHERE id = 2"),
            "table wal, row 2: does not match its checksum",
        );
    }
    check(
        "DELETE FROM wal WHERE id = 2",
        "table wal: row 2 is missing",
    );
    check(
        "DELETE FROM wal WHERE id = 1",
        "table wal, row 2: found where row 1 belongs",
    );
    check(
        "INSERT INTO wal SELECT 3, data, checksum FROM wal WHERE id = 1",
        "table wal, row 3: found after row 2, which was the last",
    );
    check(
        "UPDATE series SET source = 'X' WHERE id = 2",
        "table series, row 2 (X pm25 avg 3600): name and blocks do not match its checksum",
    );
    check(
        "DELETE FROM series WHERE id = 2",
        "table wal, row 2: no series 2",
    );
}

/// A store that is to be written reads what waits, so it says at once what is wrong with it.
#[test]
fn a_damaged_commit_is_refused_for_writing() {
    let directory = unmerged();
    edit(directory.path(), "UPDATE wal SET checksum = 1 WHERE id = 2").expect("edited");
    let refused = Embedded::open(directory.path(), Access::Write).map(drop);
    let expected = StoreError::Damaged {
        place: directory.path().join("skytier.db").display().to_string(),
        fault: "table wal, row 2: does not match its checksum".to_owned(),
    };
    assert_eq!(refused, Err(expected));
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
        "table revision, row 2: does not match its checksum",
    );
    check(
        "DELETE FROM revision WHERE id = 1",
        "table revision: 1 rows where 2 belong",
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
    check(
        "UPDATE dead_letter SET state = 'admitted' WHERE id = 2",
        "table dead_letter, row 2: its state is not that of its last try",
    );
    check(
        "UPDATE dead_letter SET source = 'stations' WHERE id = 2",
        "table dead_letter, row 2: source",
    );
}

#[test]
fn a_changed_lost_or_moved_try_is_found() {
    let tried = |sql: &str, expected: &str| {
        let directory = store();
        let retried = |letter| Retried {
            letter,
            at: at(400),
            state: LetterState::Dead,
            reason: "still not JSON".to_owned(),
        };
        let batch = Batch {
            retried: vec![retried(1), retried(2)],
            ..Batch::new(at(400))
        };
        run(async { embedded(directory.path()).series.append(batch).await }).expect("appended");
        edit(directory.path(), sql).expect(sql);
        let fault = verified(directory.path()).fault.unwrap_or_default();
        assert!(fault.contains(expected), "{sql}: {fault}");
    };
    tried("", "");
    tried(
        "UPDATE dead_letter_try SET reason = 'x' WHERE letter = 2",
        "table dead_letter_try, letter 2: does not match its checksum",
    );
    tried(
        "UPDATE dead_letter_try SET letter = 3 WHERE letter = 2",
        "table dead_letter_try, letter 3: does not match its checksum",
    );
    tried(
        "DELETE FROM dead_letter_try WHERE letter = 2",
        "table dead_letter_try: 1 rows where 2 belong",
    );
}

#[test]
fn changed_presence_is_found() {
    for change in [
        "upto_at = 9",
        "from_at = 9",
        "online = 1",
        "open = 1",
        "party = 'link/b'",
    ] {
        let sql = format!("UPDATE spell SET {change} WHERE party = 'link/a'");
        check(&sql, "does not match its checksum");
    }
    check(
        "UPDATE spell SET party = 'x' WHERE party = 'daemon'",
        "table spell, \"x\": ",
    );
    for change in [
        "first_at = 9",
        "last_at = 9",
        "link = 'b'",
        "source = 'stations/Z'",
    ] {
        check(&format!("UPDATE way SET {change}"), "table way, ");
    }
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
fn any_changed_byte_of_the_ledger_is_found_in_its_row() {
    let directory = store();
    edit(directory.path(), UNGUARDED).expect("unguarded");
    let connection = Connection::open(directory.path().join("skytier.db")).expect("opened");
    connection
        .execute_batch("PRAGMA synchronous = OFF")
        .expect("set");
    let mut select = connection
        .prepare("SELECT seq, line, hash FROM ledger")
        .expect("a query");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = select.query_map([], row).expect("rows");
    let rows: Vec<(i64, String, Vec<u8>)> = rows.map(|row| row.expect("a row")).collect();
    let update = "UPDATE ledger SET line = ?2, hash = ?3 WHERE seq = ?1";
    for (seq, line, hash) in &rows {
        let mut whole = [line.as_bytes(), hash.as_slice()].concat();
        for at in 0..whole.len() {
            whole[at] ^= 1;
            let (changed, digest) = whole.split_at(line.len());
            let changed = std::str::from_utf8(changed).expect("lines are ASCII");
            let set = connection.execute(update, rusqlite::params![seq, changed, digest]);
            assert_eq!(set, Ok(1));
            let fault = verified(directory.path()).fault.expect("a fault");
            let expected = format!("table ledger, entry {seq}: does not match its hash");
            assert!(fault.contains(&expected), "byte {at}: {fault}");
            whole[at] ^= 1;
        }
        let set = connection.execute(update, rusqlite::params![seq, line, hash]);
        assert_eq!(set, Ok(1));
    }
    assert_eq!(verified(directory.path()).fault, None);
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
    let connection = Connection::open(&path).expect("opened");
    let select = "SELECT rootpage FROM sqlite_schema WHERE name = 'ledger'";
    let page: u32 = connection
        .query_row(select, [], |row| row.get(0))
        .expect("a page");
    drop(connection);
    let mut bytes = std::fs::read(&path).expect("read");
    let at = (page as usize - 1) * 16_384;
    bytes[at..at + 64].fill(0x5a);
    std::fs::write(&path, bytes).expect("written");
    let fault = verified(directory.path()).fault;
    assert!(fault.is_some(), "a page of rubbish went unnoticed");
}
