//! One suite that every store passes: the one in memory, the embedded one, and InfluxDB 2 (a stub that behaves as a
//! real server was seen to, and a real one where `INFLUXDB2_URL`, `_ORG`, `_TOKEN` and `_BUCKET` name it).
//!
//! A batch is a line: `Dongsi pm25 3600 12.5; Dongsi pm25 7200 -` holds two hourly means of one series, the second
//! without a value; the number after the factor is the time in seconds. A fifth word is the statistic, a sixth
//! the interval. What is read back prints as `3600=12.5 7200=-`.

mod commits;
mod deleted;
mod durable;
mod format;
pub(crate) mod influxdb2;
mod laws;
mod letters;
mod lookups;
mod moments;
mod presence;
mod published;
mod replaced;
mod reviewed;
mod scans;
mod verify;

use chrono::NaiveDate;
use skytier::adapters::credit_events::from_line;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::app::seeds;
use skytier::domain::calendar::Instant;
use skytier::domain::credit::CreditEvent;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::Source;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::registry::Registry;
use skytier::domain::units::Amount;
use skytier::ports::Batch;
use skytier::ports::DeadLetter;
use skytier::ports::LetterQuery;
use skytier::ports::LetterState;
use skytier::ports::Range;
use std::path::Path;
use tempfile::TempDir;

use crate::support::influxdb2::Stub;

fn at(seconds: i64) -> Instant {
    Instant::from_unix(seconds)
}

/// The series of `source factor [stat [interval]]`.
fn key(text: &str) -> SeriesKey {
    let words: Vec<&str> = text.split_whitespace().collect();
    SeriesKey {
        source: SourceId::new(words[0]).expect(text),
        factor: Factor::new(words[1]).expect(text),
        stat: Stat::new(words.get(2).unwrap_or(&"avg")).expect(text),
        interval_s: words.get(3).map_or(3600, |word| word.parse().expect(text)),
    }
}

fn observation(text: &str) -> Observation {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [source, factor, time, value, rest @ ..] = words.as_slice() else {
        panic!("no observation: {text:?}");
    };
    let value = (*value != "-").then(|| Amount::parse(value).expect(text));
    Observation {
        key: key(&format!("{source} {factor} {}", rest.join(" "))),
        reading: Reading {
            time: at(time.parse().expect(text)),
            value,
            flag: Flag::normal(),
            qc: Qc::Passed,
            review: Review::Raw,
        },
    }
}

fn batch(received_at: i64, text: &str) -> Batch {
    let pieces = text.split(';').map(str::trim);
    Batch {
        observations: pieces
            .filter(|piece| !piece.is_empty())
            .map(observation)
            .collect(),
        ..Batch::new(at(received_at))
    }
}

fn letter(number: i64) -> DeadLetter {
    DeadLetter {
        received_at: at(number),
        origin: "broker".to_owned(),
        topic: format!("skytier/v1/stations/S{number}/readings"),
        source: Source::parse(&format!("stations/S{number}")).expect("a source"),
        state: LetterState::Dead,
        payload: vec![0, 0xff, u8::try_from(number % 256).expect("a byte")],
        reason: "不是 JSON".to_owned(),
    }
}

fn letters_after(after: u64, limit: usize) -> LetterQuery {
    LetterQuery {
        after,
        limit,
        ..LetterQuery::default()
    }
}

fn listing(day: u32) -> CreditEvent {
    let line = format!(
        r#"{{"op":"list","subject":"91999999MA1ABCDE8G","date":"2026-01-{day:02}","captured_at":"2026-01-{day:02}T09:00:00+08:00"}}"#
    );
    from_line(&line).expect("a ledger line")
}

fn printed(readings: &[Reading]) -> String {
    let one = |reading: &Reading| {
        let value = reading
            .value
            .map_or_else(|| "-".to_owned(), |value| value.to_string());
        format!("{}={value}", reading.time.unix())
    };
    readings.iter().map(one).collect::<Vec<_>>().join(" ")
}

async fn column(stores: &Stores, series: &str, range: Range) -> String {
    printed(
        &stores
            .series
            .column(&key(series), range)
            .await
            .expect("a column"),
    )
}

async fn append(stores: &Stores, received_at: i64, text: &str) -> String {
    let appended = stores.series.append(batch(received_at, text)).await;
    let appended = appended.expect("appended");
    let touched = appended
        .touched
        .iter()
        .map(|(source, time)| format!(" {source}@{}", time.unix()));
    format!(
        "new {} repeated {} corrected {}:{}",
        appended.new,
        appended.repeated,
        appended.corrected,
        touched.collect::<String>()
    )
}

/// Everything a store holds, as text.
async fn snapshot(stores: &Stores) -> String {
    let mut lines = Vec::new();
    for series in stores.series.keys().await.expect("keys") {
        let readings = stores.series.column(&series, Range::ALL).await;
        lines.push(format!("{series:?}: {readings:?}"));
    }
    lines.push(format!(
        "{:?}",
        stores.letters.letters(letters_after(0, usize::MAX)).await
    ));
    lines.push(format!("{:?}", stores.registrar.registry().await));
    lines.push(format!("{:?}", stores.registrar.mark("seed").await));
    lines.push(format!("{:?}", stores.ledger.events().await));
    lines.push(format!("{:?}", stores.publications.issues().await));
    lines.push(format!("{:?}", stores.reviews.decisions().await));
    lines.join("\n")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

fn embedded(directory: &Path) -> Stores {
    Stores::embedded(Embedded::open(directory, Access::Write).expect("opened for writing"))
}

/// Runs the checks on a fresh store of every kind.
fn on_every_store(check: impl AsyncFn(&str, &Stores)) {
    run(check("memory", &Stores::memory()));
    let directory = TempDir::new().expect("a directory");
    run(check("embedded", &embedded(directory.path())));
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    run(check(
        "influxdb2",
        &influxdb2::on_stub(&stub, directory.path()),
    ));
    influxdb2::on_real_server(&check);
}

#[test]
fn an_identity_has_one_value_and_a_repeat_changes_nothing() {
    on_every_store(async |kind, stores| {
        let check = async |received_at, text, expected: &str| {
            assert_eq!(
                append(stores, received_at, text).await,
                expected,
                "{kind}: {text}"
            );
        };
        check(
            100,
            "A pm25 3600 1; A pm25 7200 2",
            "new 2 repeated 0 corrected 0: A@3600 A@7200",
        )
        .await;
        check(
            110,
            "A pm25 3600 1; A pm25 7200 2",
            "new 0 repeated 2 corrected 0:",
        )
        .await;
        check(
            120,
            "A pm25 3600 1.000001",
            "new 0 repeated 0 corrected 1: A@3600",
        )
        .await;
        // Each part of the identity makes another value: source, factor, statistic, time, interval.
        let others = [
            "B pm25 3600 1",
            "A pm10 3600 1",
            "A pm25 3600 1 max",
            "A pm25 3601 1",
            "A pm25 3600 1 avg 60",
        ];
        for other in others {
            let appended = append(stores, 130, other).await;
            assert!(
                appended.starts_with("new 1 repeated 0 corrected 0:"),
                "{kind} {other}: {appended}"
            );
        }
        check(140, "", "new 0 repeated 0 corrected 0:").await;
        let all = column(stores, "A pm25", Range::ALL).await;
        assert_eq!(all, "3600=1.000001 3601=1 7200=2", "{kind}");
    });
}

#[test]
fn flag_and_review_are_part_of_the_value_our_verdict_is_not() {
    on_every_store(async |kind, stores| {
        append(stores, 100, "A pm25 3600 1").await;
        let mut reading = observation("A pm25 3600 1").reading;
        for change in 0..3 {
            match change {
                0 => reading.flag = Flag::new("M").expect("a flag"),
                1 => reading.qc = Qc::Clock,
                _ => reading.review = Review::Reviewed,
            }
            let mut changed = batch(200 + change, "A pm25 3600 1");
            changed.observations[0].reading = reading.clone();
            let appended = stores.series.append(changed).await.expect("appended");
            let counted = (appended.corrected, appended.repeated);
            if change == 1 {
                // What our clock says of a redelivery changes nothing.
                assert_eq!(counted, (0, 1), "{kind}");
                reading.qc = Qc::Passed;
            } else {
                assert_eq!(counted, (1, 0), "{kind} {change}");
            }
            let stored = stores.series.column(&key("A pm25"), Range::ALL).await;
            assert_eq!(stored, Ok(vec![reading.clone()]), "{kind} {change}");
        }
    });
}

#[test]
fn a_corrected_value_can_be_asked_as_known_before() {
    on_every_store(async |kind, stores| {
        append(stores, 100, "A pm25 3600 1; A pm25 7200 5").await;
        append(stores, 200, "A pm25 3600 2").await;
        append(stores, 300, "A pm25 3600 -").await;
        append(stores, 300, "A pm25 3600 3").await;
        let check = async |known_at: Option<i64>, expected: &str| {
            let range = Range {
                known_at: known_at.map(at),
                ..Range::ALL
            };
            assert_eq!(
                column(stores, "A pm25", range).await,
                expected,
                "{kind} {known_at:?}"
            );
        };
        check(Some(99), "").await;
        check(Some(100), "3600=1 7200=5").await;
        check(Some(199), "3600=1 7200=5").await;
        check(Some(200), "3600=2 7200=5").await;
        check(Some(299), "3600=2 7200=5").await;
        check(Some(300), "3600=3 7200=5").await;
        check(None, "3600=3 7200=5").await;
        // Our clock was set back: a later arrival still counts later, never before what it replaced.
        append(stores, 150, "A pm25 3600 4").await;
        check(Some(299), "3600=2 7200=5").await;
        check(Some(300), "3600=4 7200=5").await;
        let early = Range {
            known_at: Some(at(250)),
            limit: 1,
            ..Range::ALL
        };
        assert_eq!(column(stores, "A pm25", early).await, "3600=2", "{kind}");
    });
}

#[test]
fn a_missing_value_is_kept_as_missing() {
    on_every_store(async |kind, stores| {
        let first = append(stores, 100, "A co 3600 -; A co 7200 0").await;
        assert_eq!(
            first, "new 2 repeated 0 corrected 0: A@3600 A@7200",
            "{kind}"
        );
        let again = append(stores, 101, "A co 3600 -; A co 7200 -").await;
        assert_eq!(again, "new 0 repeated 1 corrected 1: A@7200", "{kind}");
        assert_eq!(
            column(stores, "A co", Range::ALL).await,
            "3600=- 7200=-",
            "{kind}"
        );
    });
}

#[test]
fn within_a_batch_the_later_value_counts() {
    on_every_store(async |kind, stores| {
        let text = "A o3 3600 1; A o3 3600 2; A o3 3600 2; A o3 3600 1; A o3 3600 3";
        let appended = append(stores, 100, text).await;
        assert_eq!(
            appended, "new 1 repeated 1 corrected 3: A@3600",
            "{kind}: touched once"
        );
        let known = Range {
            known_at: Some(at(100)),
            ..Range::ALL
        };
        for range in [Range::ALL, known] {
            assert_eq!(column(stores, "A o3", range).await, "3600=3", "{kind}");
        }
    });
}

#[test]
fn ranges_leave_out_their_start_and_hold_their_end() {
    on_every_store(async |kind, stores| {
        append(
            stores,
            100,
            "A so2 30 3; A so2 10 1; A so2 40 4; A so2 20 2; A so2 -5 0",
        )
        .await;
        let check = async |after, upto, limit, expected: &str| {
            let range = Range {
                after: at(after),
                upto: at(upto),
                known_at: None,
                limit,
            };
            let known = Range {
                known_at: Some(at(100)),
                ..range
            };
            for range in [range, known] {
                assert_eq!(
                    column(stores, "A so2", range).await,
                    expected,
                    "{kind} {range:?}"
                );
            }
        };
        check(10, 30, 9, "20=2 30=3").await;
        check(9, 29, 9, "10=1 20=2").await;
        check(-6, 10, 9, "-5=0 10=1").await;
        check(10, 10, 9, "").await;
        check(30, 10, 9, "").await;
        check(40, i64::MAX, 9, "").await;
        check(0, 40, 0, "").await;
        check(0, 40, 3, "10=1 20=2 30=3").await;
        check(30, 40, 3, "40=4").await;
        assert_eq!(
            column(stores, "A no2", Range::ALL).await,
            "",
            "{kind}: no such series"
        );
    });
}

#[test]
fn keys_come_in_order() {
    on_every_store(async |kind, stores| {
        let text = "B pm25 1 1; A pm25 1 1 max; A pm25 1 1 avg 7200; A pm25 1 1; 虹桥 co 1 1; A a34004 1 1";
        append(stores, 100, text).await;
        let keys = stores.series.keys().await.expect("keys");
        let text = |key: &SeriesKey| {
            format!(
                "{} {} {} {}",
                key.source, key.factor, key.stat, key.interval_s
            )
        };
        let texts: Vec<String> = keys.iter().map(text).collect();
        let expected = [
            "A a34004 avg 3600",
            "A pm25 avg 3600",
            "A pm25 avg 7200",
            "A pm25 max 3600",
            "B pm25 avg 3600",
            "虹桥 co avg 3600",
        ];
        assert_eq!(texts, expected, "{kind}");
    });
}

#[test]
fn many_batches_in_flight_are_each_applied_once() {
    on_every_store(async |kind, stores| {
        let texts: Vec<String> = (0..200)
            .map(|number| format!("S{} pm25 {} {number}", number % 5, number / 5 % 20))
            .collect();
        let appends = texts
            .iter()
            .map(|text| stores.series.append(batch(100, text)));
        let ledger = (1..=20).map(|day| stores.ledger.append_events(vec![listing(day)]));
        let both = futures_util::future::join(
            futures_util::future::join_all(appends),
            futures_util::future::join_all(ledger),
        );
        let (appended, entries) = both.await;
        let appended = appended.into_iter().map(|one| one.expect("appended"));
        let sums = appended.fold((0, 0, 0), |sums, one| {
            (
                sums.0 + one.new,
                sums.1 + one.repeated,
                sums.2 + one.corrected,
            )
        });
        assert_eq!(sums, (100, 0, 100), "{kind}: new, repeated, corrected");
        // Tasks of one caller are applied in the order it sent them.
        let entries: Vec<u64> = entries
            .into_iter()
            .map(|count| count.expect("appended"))
            .collect();
        assert_eq!(entries, (1..=20).collect::<Vec<u64>>(), "{kind}");
        let last = column(stores, "S3 pm25", Range::ALL).await;
        assert!(last.starts_with("0=103 1=108 2=113"), "{kind}: {last}");
        assert_eq!(
            stores.verify.verify().await.expect("verified").fault,
            None,
            "{kind}"
        );
    });
}

fn seeded(name: &str) -> Registry {
    seeds::registry(name).expect(name)
}

#[test]
fn registering_again_changes_nothing_and_a_new_entry_replaces_its_like() {
    on_every_store(async |kind, stores| {
        let registry = async || stores.registrar.registry().await.expect("a registry");
        assert_eq!(registry().await, Registry::default(), "{kind}");
        for name in ["jiangyin", "beijing"] {
            stores
                .registrar
                .register(seeded(name))
                .await
                .expect("registered");
        }
        let first = registry().await;
        for name in ["beijing", "jiangyin", "jiangyin"] {
            stores
                .registrar
                .register(seeded(name))
                .await
                .expect("registered");
        }
        assert_eq!(registry().await, first, "{kind}: again");
        let mut changed = seeded("beijing");
        changed.stations.truncate(1);
        changed.groups.truncate(1);
        changed.stations[0].names.zh = "新名".to_owned();
        changed.groups[0].members.truncate(2);
        changed.groups[0].members[1].to = NaiveDate::from_ymd_opt(2016, 12, 31);
        let (station, group) = (changed.stations[0].clone(), changed.groups[0].clone());
        stores
            .registrar
            .register(changed)
            .await
            .expect("registered");
        let now = registry().await;
        assert_eq!(now.station(&station.id), Some(&station), "{kind}");
        assert_eq!(now.group(&group.id), Some(&group), "{kind}");
        assert_eq!(now.stations.len(), first.stations.len(), "{kind}");
        assert_eq!(now.groups.len(), first.groups.len(), "{kind}");
        assert_eq!(now.targets, first.targets, "{kind}");
    });
}

#[test]
fn every_store_lists_the_registry_in_the_same_order() {
    let mut backwards = seeded("jiangyin");
    backwards.stations.reverse();
    backwards.groups.reverse();
    backwards.grid.reverse();
    backwards.targets.reverse();
    backwards.published.reverse();
    let texts = std::sync::Mutex::new(Vec::new());
    on_every_store(async |_, stores| {
        let registered = stores.registrar.register(backwards.clone()).await;
        registered.expect("registered");
        let text = format!("{:#?}", stores.registrar.registry().await);
        texts.lock().expect("no test fails here").push(text);
    });
    let texts = texts.into_inner().expect("no test fails here");
    assert!(texts.iter().all(|text| *text == texts[0]));
}

#[test]
fn a_mark_keeps_the_last_note_under_its_name() {
    on_every_store(async |kind, stores| {
        let mark = async |name| stores.registrar.mark(name).await.expect("a mark");
        assert_eq!(mark("seed").await, None, "{kind}");
        for value in ["beijing", "beijing", "江阴"] {
            stores
                .registrar
                .set_mark("seed", value)
                .await
                .expect("marked");
            assert_eq!(mark("seed").await.as_deref(), Some(value), "{kind}");
        }
        stores.registrar.set_mark("", "").await.expect("marked");
        assert_eq!(mark("").await.as_deref(), Some(""), "{kind}");
        assert_eq!(mark("seeds").await, None, "{kind}");
    });
}

#[test]
fn the_ledger_keeps_entries_in_the_order_they_came() {
    on_every_store(async |kind, stores| {
        let add = async |days: &[u32]| {
            let events = days.iter().map(|day| listing(*day)).collect();
            stores.ledger.append_events(events).await.expect("appended")
        };
        assert_eq!(add(&[]).await, 0, "{kind}");
        assert_eq!(add(&[9, 3]).await, 2, "{kind}");
        assert_eq!(add(&[3]).await, 3, "{kind}: an equal entry is an entry");
        assert_eq!(add(&[]).await, 3, "{kind}");
        let events = stores.ledger.events().await.expect("events");
        assert_eq!(events, [9, 3, 3].map(listing), "{kind}");
    });
}
