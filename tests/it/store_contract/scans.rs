//! A scan gives what columns of readings give: the same times, values and whether they may enter means, whatever was
//! corrected, flagged, decided about or waits to be merged, now and as known at a time.

use std::sync::Arc;
use std::sync::Mutex;

use super::at;
use super::embedded;
use super::key;
use super::observation;
use super::on_every_store;
use super::run;
use proptest::prelude::*;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::domain::names::Flag;
use skytier::domain::reading::Qc;
use skytier::domain::reading::SeriesKey;
use skytier::domain::review::Decision;
use skytier::domain::review::Decisions;
use skytier::domain::review::Verdict;
use skytier::domain::strip::Strip;
use skytier::domain::units::Amount;
use skytier::flow::reviewing::Overlay;
use skytier::ports::Batch;
use skytier::ports::Range;
use skytier::ports::Series;
use tempfile::TempDir;

/// Each with the seconds between its times.
const SERIES: [(&str, i64); 3] = [
    ("A pm25 avg 3600", 3_600),
    ("A pm25 avg 60", 60),
    ("B co avg 3600", 3_600),
];
const FIRST: i64 = 1_420_041_600;

/// Time and, where it may enter means, value.
type Found = Vec<Vec<(i64, Option<i64>)>>;

async fn scanned(series: &dyn Series, keys: &[SeriesKey], range: Range) -> Found {
    let found = Arc::new(Mutex::new(vec![Vec::new(); keys.len()]));
    let last = Mutex::new(0);
    let into = Arc::clone(&found);
    let visit = move |at: usize, strip: Strip<'_>| {
        let mut last = last.lock().expect("no test fails here");
        assert!(at >= *last, "columns in the order asked for");
        *last = at;
        let readings = strip.readings();
        let numbers = readings.map(|(time, value)| (time.unix(), value.map(Amount::micros)));
        into.lock().expect("no test fails here")[at].extend(numbers);
    };
    let done = series.scan(keys, range, Box::new(visit)).await;
    done.expect("scanned");
    let found = found.lock().expect("no test fails here");
    found.clone()
}

async fn columns(series: &dyn Series, keys: &[SeriesKey], range: Range) -> Found {
    let mut found = Found::new();
    for key in keys {
        let column = series.column(key, range).await.expect("a column");
        let number = column.iter().map(|reading| {
            let value = reading.usable().map(Amount::micros);
            (reading.time.unix(), value)
        });
        found.push(number.collect());
    }
    found
}

/// Both ways, raw and with decisions laid over, as known at each time and now.
async fn check_both_ways(stores: &Stores, part: &Range, known: &[i64], decisions: &[Decision]) {
    let absent = key("C pm25 avg 3600");
    let mut keys: Vec<SeriesKey> = SERIES.iter().map(|(name, _)| key(name)).collect();
    keys.insert(1, absent);
    let decisions = Arc::new(Decisions::new(decisions.to_vec()));
    let overlay = |apply| Overlay {
        series: Arc::clone(&stores.series),
        decisions: Arc::clone(&decisions),
        apply,
    };
    let ways: [&dyn Series; 3] = [&*stores.series, &overlay(false), &overlay(true)];
    for series in ways {
        for range in [Range::ALL, *part] {
            for known_at in known.iter().map(|seconds| Some(at(*seconds))).chain([None]) {
                let range = Range { known_at, ..range };
                let expected = columns(series, &keys, range).await;
                assert_eq!(scanned(series, &keys, range).await, expected, "{range:?}");
            }
        }
    }
}

/// One delivery: series, first number, count, step between numbers, what it says.
type Run = (usize, i64, i64, i64, &'static str);

fn deliveries() -> impl Strategy<Value = Vec<(Run, bool)>> {
    // Long even runs, which are packed; short ones; single ones that correct, flag, void or are excluded.
    let says = prop::sample::select(vec!["rise", "rise", "same", "flag", "none", "range"]);
    let run = (
        0..SERIES.len(),
        0..150i64,
        prop::sample::select(vec![1, 5, 90, 200]),
        1..3i64,
        says,
    );
    prop::collection::vec((run, prop::bool::weighted(0.3)), 1..10)
}

fn batch(received_at: i64, (series, first, count, step, says): Run) -> Batch {
    let (name, seconds) = SERIES[series];
    let words: Vec<&str> = name.split(' ').collect();
    let one = |number: i64| {
        let time = FIRST + (first + number * step) * seconds;
        let value = match says {
            "rise" => format!("{}.{}", received_at % 7 + number * number % 90, number % 10),
            "none" => "-".to_owned(),
            _ => "12.3".to_owned(),
        };
        let text = format!(
            "{} {} {time} {value} {} {}",
            words[0], words[1], words[2], words[3]
        );
        let mut one = observation(&text);
        match says {
            "flag" => one.reading.flag = Flag::new("M").expect("a flag"),
            "range" => one.reading.qc = Qc::Range,
            _ => (),
        }
        one
    };
    Batch {
        observations: (0..count).map(one).collect(),
        ..Batch::new(at(received_at))
    }
}

fn decision(
    (series, first, count, verdict): (usize, i64, i64, usize),
    decided_at: i64,
) -> Decision {
    let (name, seconds) = SERIES[series];
    Decision {
        key: key(name),
        after: at(FIRST + (first - 1) * seconds),
        upto: at(FIRST + (first + count) * seconds),
        verdict: [
            Verdict::Confirm,
            Verdict::Void,
            Verdict::Correct(Amount::from_units(7)),
        ][verdict],
        reason: "seen".to_owned(),
        reviewer: "Li".to_owned(),
        decided_at: at(decided_at),
    }
}

proptest! {
    // Each case syncs some commits to disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_scan_gives_what_columns_give(
        deliveries in deliveries(),
        decided in prop::collection::vec((0..SERIES.len(), 0..150i64, 0..90i64, 0..3usize), 0..3),
        (from, length, limit) in (0..200i64, 0..200i64, prop::sample::select(vec![1, 3, 70, usize::MAX])),
    ) {
        let directory = TempDir::new().expect("a directory");
        let part = Range {
            after: at(FIRST + from * 3_600 - 1_800),
            upto: at(FIRST + (from + length) * 3_600),
            limit,
            known_at: None,
        };
        let decisions: Vec<Decision> = decided
            .into_iter()
            .enumerate()
            .map(|(number, decided)| decision(decided, 1_003 + number as i64 * 4))
            .collect();
        run(async {
            let store = Embedded::open_tuned(directory.path(), Access::Write, Tuning::for_testing());
            let store = Arc::new(store.expect("opened"));
            let memory = Stores::memory();
            let durable = Stores { series: Arc::clone(&store) as _, ..Stores::memory() };
            let mut now = 1_000;
            for (run, merge) in deliveries {
                now += 2;
                for stores in [&memory, &durable] {
                    stores.series.append(batch(now, run)).await.expect("appended");
                }
                if merge {
                    store.merge().await.expect("merged");
                }
            }
            let known = [1_001, 1_004, now - 1];
            for stores in [&memory, &durable] {
                check_both_ways(stores, &part, &known, &decisions).await;
            }
            let keys = SERIES.map(|(name, _)| key(name));
            let (ours, plain) = (&*durable.series, &*memory.series);
            let found = scanned(ours, &keys, part).await;
            assert_eq!(found, scanned(plain, &keys, part).await, "in memory");
        });
    }
}

#[test]
fn a_scan_of_nothing_hands_on_nothing() {
    on_every_store(async |kind, stores| {
        let keys = [key("A pm25")];
        let series = &*stores.series;
        assert_eq!(scanned(series, &keys, Range::ALL).await, [vec![]], "{kind}");
        assert_eq!(
            scanned(series, &[], Range::ALL).await,
            Found::new(),
            "{kind}"
        );
        let rows = super::batch(100, "A pm25 3600 1; A pm25 7200 -");
        stores.series.append(rows).await.expect("appended");
        let all = vec![(3_600, Some(1_000_000)), (7_200, None)];
        assert_eq!(scanned(series, &keys, Range::ALL).await, [all], "{kind}");
        let none = Range {
            limit: 0,
            ..Range::ALL
        };
        let before = Range {
            upto: at(3_599),
            ..Range::ALL
        };
        for range in [none, before] {
            assert_eq!(
                scanned(series, &keys, range).await,
                [vec![]],
                "{kind} {range:?}"
            );
        }
    });
}

/// A block that does not match its checksum is told by a scan as by a column.
#[test]
fn a_scan_tells_of_a_damaged_block() {
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = embedded(directory.path());
        let rise = batch(1_000, (0, 0, 200, 1, "rise"));
        stores.series.append(rise).await.expect("appended");
    });
    let connection = rusqlite::Connection::open(directory.path().join("skytier.db"));
    let damage = "UPDATE block SET sum = sum + 1";
    let changed = connection.expect("opened").execute(damage, []);
    assert_ne!(changed, Ok(0), "no block to damage");
    run(async {
        let stores = embedded(directory.path());
        let keys = [key(SERIES[0].0)];
        let told = stores
            .series
            .scan(&keys, Range::ALL, Box::new(|_, _| ()))
            .await;
        let column = stores.series.column(&keys[0], Range::ALL).await;
        let told = told.expect_err("a fault");
        assert!(
            told.to_string().contains("does not match its checksum"),
            "{told}"
        );
        assert_eq!(Err(told), column);
    });
}
