//! How batches share commits.

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
