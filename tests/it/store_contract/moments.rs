//! The embedded store while it merges: whatever moment a crash picks, and whatever a reader sees meanwhile, it is
//! what a naive reading of the batches says.

use super::at;
use super::key;
use super::observation;
use super::run;
use super::snapshot;
use proptest::prelude::*;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Moment;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::domain::names::Flag;
use skytier::domain::reading::Reading;
use skytier::ports::Batch;
use skytier::ports::Range;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// Minute, momentary and hourly values: each with the seconds between its times.
const SERIES: [(&str, i64); 4] = [
    ("A pm25 avg 60", 60),
    ("A pm25 rtd 0", 1),
    ("A pm25 avg 3600", 3_600),
    ("B co max 86400", 86_400),
];

/// Series, number of its time, value, whether it is flagged.
type Row = (usize, i64, &'static str, bool);

/// Batches with when they were received; the clock never runs backwards.
type Stream = Vec<(i64, Vec<Row>)>;

/// Times close together and days apart, so that batches are late, repeat, correct and cross into other blocks.
fn row() -> impl Strategy<Value = Row> {
    let step = prop_oneof![
        0..6i64,
        Just(1_439i64),
        Just(1_440),
        Just(1_441),
        Just(3_000)
    ];
    let value = prop::sample::select(vec!["-", "0", "40.7", "2.000001", "-3"]);
    (0..SERIES.len(), step, value, prop::bool::weighted(0.2))
}

fn stream() -> impl Strategy<Value = Stream> {
    let batch = (
        0..400i64,
        prop::collection::vec(row(), 0..9),
        prop::bool::weighted(0.2),
    );
    prop::collection::vec(batch, 4..16).prop_map(|batches| {
        let mut now = 1_000;
        let mut stream = Stream::new();
        for (later, rows, twice) in batches {
            now += later;
            stream.push((now, rows.clone()));
            if twice {
                stream.push((now, rows));
            }
        }
        stream
    })
}

fn reading((series, number, value, flagged): &Row) -> Reading {
    let (name, step) = SERIES[*series];
    let words: Vec<&str> = name.split(' ').collect();
    let time = 1_420_041_600 + number * step;
    let text = format!(
        "{} {} {time} {value} {} {}",
        words[0], words[1], words[2], words[3]
    );
    let mut reading = observation(&text).reading;
    if *flagged {
        reading.flag = Flag::new("M").expect("a flag");
    }
    reading
}

fn batch((received_at, rows): &(i64, Vec<Row>)) -> Batch {
    let one = |row: &Row| skytier::domain::reading::Observation {
        key: key(SERIES[row.0].0),
        reading: reading(row),
    };
    Batch {
        observations: rows.iter().map(one).collect(),
        ..Batch::new(at(*received_at))
    }
}

/// The last value received by then counts; nothing more.
fn naive(stream: &[(i64, Vec<Row>)], series: usize, known_at: i64) -> Vec<Reading> {
    let known = stream
        .iter()
        .filter(|(received_at, _)| *received_at <= known_at);
    let rows = known
        .flat_map(|(_, rows)| rows)
        .filter(|row| row.0 == series);
    let mut column = BTreeMap::new();
    for reading in rows.map(reading) {
        column.insert(reading.time, reading);
    }
    column.into_values().collect()
}

async fn columns(stores: &Stores, known_at: Option<i64>) -> Vec<Vec<Reading>> {
    let mut columns = Vec::new();
    for (series, _) in SERIES {
        let range = Range {
            known_at: known_at.map(at),
            ..Range::ALL
        };
        let column = stores.series.column(&key(series), range).await;
        columns.push(column.expect("a column"));
    }
    columns
}

fn expected(stream: &[(i64, Vec<Row>)], known_at: i64) -> Vec<Vec<Reading>> {
    (0..SERIES.len())
        .map(|series| naive(stream, series, known_at))
        .collect()
}

/// The store holds what some first part of the stream says, between two lengths; which one.
async fn holds(stores: &Stores, stream: &Stream, from: usize, to: usize) -> usize {
    let found = columns(stores, None).await;
    let length = (from..=to).find(|length| expected(&stream[..*length], i64::MAX) == found);
    let length = length.unwrap_or_else(|| panic!("not what {from} to {to} batches say: {found:?}"));
    for (received_at, _) in &stream[..length] {
        let known_at = received_at - 1;
        let expected = expected(&stream[..length], known_at);
        assert_eq!(
            columns(stores, Some(known_at)).await,
            expected,
            "known at {known_at}"
        );
    }
    let verified = stores.verify.verify().await.expect("verified");
    assert_eq!(verified.fault, None);
    length
}

fn copied(from: &Path) -> TempDir {
    let copy = TempDir::new().expect("a directory");
    for file in ["skytier.db", "skytier.db-wal"] {
        fs::copy(from.join(file), copy.path().join(file)).expect(file);
    }
    copy
}

fn open(directory: &Path, tuning: Tuning) -> Stores {
    let store = Embedded::open_tuned(directory, Access::Write, tuning);
    Stores::embedded(store.expect("opened for writing"))
}

/// A directory as a crash would leave it, with the batches acknowledged before and submitted by then.
struct Crash {
    moment: Moment,
    copy: TempDir,
    acknowledged: usize,
    submitted: usize,
}

/// Plays a stream and crashes at the given occurrence of every moment. The store left over goes on to the end.
fn played(stream: &Stream, occurrence: usize) -> (TempDir, Vec<Crash>) {
    let directory = TempDir::new().expect("a directory");
    let (acknowledged, submitted) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let crashes = Arc::<Mutex<Vec<Crash>>>::default();
    let seen = Mutex::new(BTreeMap::<usize, usize>::new());
    let watch = {
        let path = directory.path().to_owned();
        let counts = (Arc::clone(&acknowledged), Arc::clone(&submitted));
        let crashes = Arc::clone(&crashes);
        move |moment: Moment| {
            let place = Moment::ALL
                .iter()
                .position(|one| *one == moment)
                .expect("listed");
            let mut seen = seen.lock().expect("no test fails here");
            let count = seen.entry(place).or_default();
            *count += 1;
            if *count == occurrence {
                let acknowledged = counts.0.load(Ordering::SeqCst);
                let copy = copied(&path);
                crashes.lock().expect("no test fails here").push(Crash {
                    moment,
                    copy,
                    acknowledged,
                    submitted: counts.1.load(Ordering::SeqCst),
                });
            }
        }
    };
    run(async {
        let stores = open(directory.path(), Tuning::for_testing().watched(watch));
        for one in stream {
            submitted.fetch_add(1, Ordering::SeqCst);
            let appended = stores.series.append(batch(one)).await.expect("appended");
            let counted = appended.new + appended.repeated + appended.corrected;
            assert_eq!(counted, one.1.len() as u64);
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        holds(&stores, stream, stream.len(), stream.len()).await;
    });
    let crashes = std::mem::take(&mut *crashes.lock().expect("no test fails here"));
    (directory, crashes)
}

proptest! {
    // Each case syncs some dozen commits to disk and opens up to a dozen directories.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_crash_at_any_moment_loses_nothing_acknowledged_and_shows_nothing_by_half(
        stream in stream(),
        occurrence in 1..6usize,
    ) {
        let (directory, crashes) = played(&stream, occurrence);
        run(holds(&open(directory.path(), Tuning::default()), &stream, stream.len(), stream.len()));
        for crash in crashes {
            let path = crash.copy.path();
            let (from, to) = (crash.acknowledged, crash.submitted);
            let length = run(holds(&open(path, Tuning::for_testing()), &stream, from, to));
            // What was opened has been merged by now; the rest of the stream, and all of it again, goes on top.
            run(async {
                let stores = open(path, Tuning::for_testing());
                holds(&stores, &stream, length, length).await;
                for one in &stream[length..] {
                    stores.series.append(batch(one)).await.expect("appended");
                }
                holds(&stores, &stream, stream.len(), stream.len()).await;
            });
            prop_assert!(Moment::ALL.contains(&crash.moment));
        }
    }
}

/// A stream that passes every limit of the test's tuning comes by every moment.
#[test]
fn every_moment_is_met() {
    let rows = |number: i64| {
        vec![
            (0, number, "1", false),
            (2, number * 1_440, "2", number % 3 == 0),
        ]
    };
    let stream: Stream = (0..30)
        .map(|number| (1_000 + number, rows(number)))
        .collect();
    let (_, crashes) = played(&stream, 2);
    let mut met: Vec<Moment> = crashes.iter().map(|crash| crash.moment).collect();
    met.sort_by_key(|moment| Moment::ALL.iter().position(|one| one == moment));
    assert_eq!(met, Moment::ALL);
    for crash in crashes {
        let stores = open(crash.copy.path(), Tuning::default());
        run(holds(&stores, &stream, crash.acknowledged, crash.submitted));
    }
}

/// Readers in this process and as another one would, while commits and merging go on: every column holds whole
/// batches, all that was acknowledged before it was asked for, and never less than before.
#[test]
fn readers_see_whole_batches_while_the_writer_merges() {
    const BATCHES: i64 = 120;
    let directory = TempDir::new().expect("a directory");
    let stores = open(directory.path(), Tuning::for_testing());
    let other = Embedded::open(directory.path(), Access::Read).expect("opened for reading");
    let acknowledged = AtomicUsize::new(0);
    let read = |stores: Stores| {
        let mut before = 0;
        while before < BATCHES as usize * 2 {
            let least = acknowledged.load(Ordering::SeqCst) * 2;
            let column = run(stores.series.column(&key("A pm25 avg 60"), Range::ALL));
            let column = column.expect("a column");
            assert!(
                column.len() >= least.max(before),
                "{} of {least}",
                column.len()
            );
            assert_eq!(column.len() % 2, 0, "half a batch");
            before = column.len();
        }
    };
    std::thread::scope(|scope| {
        let readers = [stores.clone(), Stores::embedded(other)];
        let readers = readers.map(|stores| scope.spawn(|| read(stores)));
        run(async {
            for number in 0..BATCHES {
                // Two days in one batch, and the later day first.
                let rows = vec![(0, 1_440 + number, "1", false), (0, number, "2", false)];
                let appended = stores.series.append(batch(&(1_000, rows))).await;
                appended.expect("appended");
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
        for reader in readers {
            reader.join().expect("a reader's findings");
        }
    });
}

/// Merging on request leaves everything as it was, and nothing waiting.
#[test]
fn merging_changes_nothing_that_is_read() {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let store = Arc::new(Embedded::open(directory.path(), Access::Write).expect("opened"));
        let stores = Stores {
            series: Arc::clone(&store) as _,
            ..Stores::memory()
        };
        for number in 0..50 {
            let rows = vec![
                (2, number * 40, "1", number % 7 == 0),
                (1, number, "-", false),
            ];
            let appended = stores.series.append(batch(&(1_000 + number, rows))).await;
            appended.expect("appended");
        }
        let before = snapshot(&stores).await;
        for _ in 0..2 {
            store.merge().await.expect("merged");
            assert_eq!(snapshot(&stores).await, before);
        }
        let connection = rusqlite::Connection::open(directory.path().join("skytier.db"));
        let waiting = connection.expect("opened").query_row(
            "SELECT count(*), (SELECT last = merged FROM merge) FROM wal",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
        );
        assert_eq!(waiting, Ok((0, true)));
    });
}
