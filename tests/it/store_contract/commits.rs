//! How batches share commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::batch;
use super::run;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Moment;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::ports::Series;
use tempfile::TempDir;

/// Commits that three batches take, the next one sent some milliseconds after the one before.
fn commits(interval_ms: u64, apart_ms: u64) -> usize {
    let directory = TempDir::new().expect("a directory");
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let mut tuning = Tuning::default().watched(move |moment| {
        if moment == Moment::Committed {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    tuning.commit_interval = Duration::from_millis(interval_ms);
    let store = Embedded::open_tuned(directory.path(), Access::Write, tuning).expect("opened");
    run(async {
        let send = async |number: u64| {
            tokio::time::sleep(Duration::from_millis(apart_ms * number)).await;
            let text = format!("A pm25 {} 1", number + 1);
            store.append(batch(100, &text)).await.expect("appended");
        };
        tokio::join!(send(0), send(1), send(2));
    });
    commits.load(Ordering::Relaxed)
}

#[test]
fn a_commit_waits_for_others_as_long_as_it_is_told() {
    // A slow machine may spread them, never beyond one each; so the side that must share has much room.
    assert_eq!(commits(1_000, 20), 1, "within the interval");
    assert!(commits(0, 200) > 1, "nobody is waited for");
}

/// Pages in a file of SQLite's log, whatever they are used for.
fn log_pages(directory: &Path) -> u64 {
    let log = std::fs::metadata(directory.join("skytier.db-wal")).expect("a log");
    log.len() / 16_384
}

#[test]
fn the_log_is_begun_anew_unless_somebody_reads_it() {
    const COMMITS: i64 = 150;
    // A transaction or two more than the limit.
    const SHORT: u64 = 100;
    let directory = TempDir::new().expect("a directory");
    let mut tuning = Tuning::for_testing();
    (tuning.log_pages_min, tuning.log_pages_max) = (20, 40);
    let store = Embedded::open_tuned(directory.path(), Access::Write, tuning).expect("opened");
    run(async {
        let commits = async |first: i64| {
            for number in first..first + COMMITS {
                let text = format!("A pm25 {} 1", (number + 1) * 3_600);
                store.append(batch(100, &text)).await.expect("appended");
            }
        };
        commits(0).await;
        let short = log_pages(directory.path());
        assert!(short < SHORT, "{short} pages");
        let reader = rusqlite::Connection::open(directory.path().join("skytier.db"));
        let reader = reader.expect("opened");
        let count = "BEGIN; SELECT count(*) FROM series";
        reader.execute_batch(count).expect("a snapshot");
        let seen = "SELECT (SELECT last FROM merge), (SELECT sum(n) FROM block)";
        let seen = || reader.query_row(seen, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let before: (i64, i64) = seen().expect("read");
        commits(COMMITS).await;
        let long = log_pages(directory.path());
        assert!(long > 2 * SHORT, "{long} pages");
        assert_eq!(seen(), Ok(before), "a snapshot stays what it is");
        reader.execute_batch("COMMIT").expect("given up");
        commits(2 * COMMITS).await;
        let after = log_pages(directory.path());
        assert!(after < long + SHORT, "{long} and then {after} pages");
        let key = super::key("A pm25 avg 3600");
        let column = store.column(&key, skytier::ports::Range::ALL).await;
        assert_eq!(column.expect("a column").len(), 3 * COMMITS as usize);
    });
}
