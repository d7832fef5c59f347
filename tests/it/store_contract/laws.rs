//! What holds for any stream of batches: the columns are those of the naive reading of the stream, however it
//! is cut, repeated or reordered.

use super::embedded;
use super::influxdb2::eventually;
use super::influxdb2::on_stub;
use super::key;
use super::observation;
use super::printed;
use super::run;
use super::snapshot;
use crate::support::influxdb2::Fault;
use crate::support::influxdb2::Stub;
use proptest::prelude::*;
use skytier::adapters::store::Stores;
use skytier::domain::calendar::Instant;
use skytier::ports::Batch;
use skytier::ports::Range;
use std::collections::BTreeMap;
use tempfile::TempDir;

const SERIES: [&str; 3] = ["A pm25", "A pm25 max", "B co"];

/// A value's series (index), time and value.
type Row = (usize, i64, &'static str);

/// Batches as received, each with when.
type Stream = Vec<(i64, Vec<Row>)>;

fn row() -> impl Strategy<Value = Row> {
    let value = prop::sample::select(vec!["-", "0", "1", "2.000001", "-3"]);
    (0..SERIES.len(), 1..5i64, value)
}

/// Batches in random cuts, each delivered once or twice. The clock never runs backwards here.
fn stream() -> impl Strategy<Value = Stream> {
    let delivery = (0..3i64, prop::collection::vec(row(), 0..6), prop::bool::ANY);
    prop::collection::vec(delivery, 1..8).prop_map(|deliveries| {
        let mut now = 100;
        let mut stream = Stream::new();
        for (later, rows, twice) in deliveries {
            now += later;
            stream.push((now, rows.clone()));
            if twice {
                stream.push((now + 1, rows));
                now += 1;
            }
        }
        stream
    })
}

fn batch(received_at: i64, rows: &[Row]) -> Batch {
    let observation = |(series, time, value): &Row| {
        let words: Vec<&str> = SERIES[*series].split(' ').collect();
        let stat = words.get(2).unwrap_or(&"avg");
        observation(&format!("{} {} {time} {value} {stat}", words[0], words[1]))
    };
    Batch {
        observations: rows.iter().map(observation).collect(),
        ..Batch::new(Instant::from_unix(received_at))
    }
}

/// The last value received by then counts; nothing more.
fn naive(stream: &Stream, series: usize, known_at: i64) -> String {
    let mut column = BTreeMap::new();
    let known = stream
        .iter()
        .filter(|(received_at, _)| *received_at <= known_at);
    for (_, time, value) in known
        .flat_map(|(_, rows)| rows)
        .filter(|row| row.0 == series)
    {
        column.insert(*time, *value);
    }
    let texts = column.iter().map(|(time, value)| format!("{time}={value}"));
    texts.collect::<Vec<_>>().join(" ")
}

async fn fill(stores: &Stores, stream: &Stream) {
    for (received_at, rows) in stream {
        let appended = stores.series.append(batch(*received_at, rows)).await;
        let appended = appended.expect("appended");
        let counted = appended.new + appended.repeated + appended.corrected;
        assert_eq!(counted, rows.len() as u64);
    }
}

async fn columns_are_the_naive_ones(stores: &Stores, stream: &Stream) {
    fill(stores, stream).await;
    check_columns(stores, stream).await;
}

async fn check_columns(stores: &Stores, stream: &Stream) {
    let last = stream.last().map_or(0, |(received_at, _)| *received_at);
    for (index, series) in SERIES.iter().enumerate() {
        for known_at in (99..=last).map(Some).chain([None]) {
            let range = Range {
                known_at: known_at.map(Instant::from_unix),
                ..Range::ALL
            };
            let readings = stores.series.column(&key(series), range).await;
            let found = printed(&readings.expect("a column"));
            let expected = naive(stream, index, known_at.unwrap_or(i64::MAX));
            assert_eq!(found, expected, "{series} known at {known_at:?}");
        }
    }
}

/// One value for every identity, so that no order can matter.
fn settled(stream: &Stream) -> Stream {
    let value = |time: i64| ["-", "0", "1.5", "2"][usize::try_from(time % 4).expect("small")];
    let settle = |row: &Row| (row.0, row.1, value(row.1));
    let batches = stream.iter();
    batches
        .map(|(at, rows)| (*at, rows.iter().map(settle).collect()))
        .collect()
}

proptest! {
    #[test]
    fn in_memory_columns_are_the_naive_ones(stream in stream()) {
        run(columns_are_the_naive_ones(&Stores::memory(), &stream));
    }

    #[test]
    fn in_memory_order_and_repetition_do_not_matter(stream in stream(), shuffled in any::<prop::sample::Index>()) {
        let stream = settled(&stream);
        let mut other = stream.clone();
        other.rotate_left(shuffled.index(stream.len()));
        other.extend(stream.iter().rev().cloned());
        let texts = [&stream, &other].map(|stream| run(async {
            let stores = Stores::memory();
            fill(&stores, stream).await;
            snapshot(&stores).await
        }));
        prop_assert_eq!(&texts[0], &texts[1]);
    }
}

proptest! {
    // Each case syncs some dozen commits to disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn embedded_columns_are_the_naive_ones_and_as_in_memory(stream in stream()) {
        let directory = TempDir::new().expect("a directory");
        run(async {
            let (durable, memory) = (embedded(directory.path()), Stores::memory());
            columns_are_the_naive_ones(&durable, &stream).await;
            fill(&memory, &stream).await;
            assert_eq!(snapshot(&durable).await, snapshot(&memory).await);
            let verified = durable.verify.verify().await.expect("verified");
            assert_eq!(verified.fault, None);
        });
    }
}

/// Ways in which a server fails at a write, quick ones.
fn fault() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::Pass,
        Fault::TooMany,
        Fault::CacheFull,
        Fault::Gateway,
        Fault::Closed,
        Fault::LostAnswer,
    ])
}

proptest! {
    // Each case asks the stub some hundred times.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn columns_in_an_influxdb_are_the_naive_ones_and_as_in_memory(stream in stream()) {
        let (directory, stub) = (TempDir::new().expect("a directory"), Stub::start());
        run(async {
            let (influxdb2, memory) = (on_stub(&stub, directory.path()), Stores::memory());
            columns_are_the_naive_ones(&influxdb2, &stream).await;
            fill(&memory, &stream).await;
            assert_eq!(snapshot(&influxdb2).await, snapshot(&memory).await);
        });
    }

    /// However its server fails, what was acknowledged is there in the end, in its order.
    #[test]
    fn columns_in_a_failing_influxdb_are_the_naive_ones(
        stream in stream(),
        faults in prop::collection::vec(fault(), 1..12),
    ) {
        let (directory, stub) = (TempDir::new().expect("a directory"), Stub::start());
        run(async {
            let stores = on_stub(&stub, directory.path());
            stores.series.keys().await.expect("an empty bucket");
            stub.fail_writes(faults.clone());
            for (received_at, rows) in &stream {
                let kept = stores.series.append(batch(*received_at, rows)).await;
                kept.expect("acknowledged, there or in the spool");
            }
            eventually("the server", async || stores.series.keys().await.is_ok()).await;
            check_columns(&stores, &stream).await;
        });
    }
}
