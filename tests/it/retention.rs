//! Removal by age: no figure changes, what rests on something stays, and whatever went is told of.

mod asked;

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Moment;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::app::retention::Keeper;
use skytier::app::standards;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::deletion::Deletion;
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
use skytier::domain::retention::Kind;
use skytier::domain::retention::Policy;
use skytier::domain::retention::Removal;
use skytier::domain::retention::Stays;
use skytier::domain::review::Decision;
use skytier::domain::review::Verdict;
use skytier::domain::units::Amount;
use skytier::flow::rollup::Recipe;
use skytier::flow::rollup::StationDays;
use skytier::ports::Batch;
use skytier::ports::DeadLetter;
use skytier::ports::LetterQuery;
use skytier::ports::LetterState;
use skytier::ports::Range;
use skytier::ports::Retried;
use skytier::ports::StoreError;
use tempfile::TempDir;

/// 2015-01-01T00:00:00+08:00.
const BEGIN: i64 = 1_420_041_600;
/// 2020-06-01T00:00:00+08:00.
const NOW: i64 = 1_590_940_800;

fn at(seconds: i64) -> Instant {
    Instant::from_unix(seconds)
}

fn key(factor: &str, stat: &str, interval_s: u32) -> SeriesKey {
    SeriesKey {
        source: SourceId::new("A").expect("a source"),
        factor: Factor::new(factor).expect("a factor"),
        stat: Stat::new(stat).expect("a statistic"),
        interval_s,
    }
}

fn observation(key: &SeriesKey, time: i64, micros: i64, flag: &str) -> Observation {
    Observation {
        key: key.clone(),
        reading: Reading {
            time: at(time),
            value: Some(Amount::from_micros(micros)),
            flag: Flag::new(flag).expect("a flag"),
            qc: Qc::Passed,
            review: Review::Raw,
        },
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

fn open(directory: &Path, tuning: Tuning) -> Stores {
    let store = Embedded::open_tuned(directory, Access::Write, tuning);
    Stores::embedded(store.expect("opened for writing"))
}

async fn append(stores: &Stores, received_at: i64, observations: Vec<Observation>) {
    let batch = Batch {
        observations,
        ..Batch::new(at(received_at))
    };
    stores.series.append(batch).await.expect("appended");
}

/// Merges what was appended: a store that is closed has.
fn merged(directory: &Path) -> Stores {
    open(directory, Tuning::default())
}

async fn sweep(
    stores: &Stores,
    policy: Policy,
    pause: Option<Duration>,
) -> Vec<(Removal, Vec<(Stays, u64)>)> {
    let keeper = Keeper::new(stores, policy, Zone::beijing(), pause).expect("a store that keeps");
    let outcomes = keeper.sweep(at(NOW)).await.expect("swept");
    outcomes
        .into_iter()
        .map(|outcome| (outcome.removal, outcome.stays.into_iter().collect()))
        .collect()
}

async fn sound(stores: &Stores) {
    let verified = stores.verify.verify().await.expect("verified");
    assert_eq!(verified.fault, None);
}

/// An hour: minutes that came of it, and what came as its hourly value.
#[derive(Clone, Copy, Debug)]
enum Hourly {
    None,
    Soon,
    Flagged,
    Late,
}

type Hour = (i64, Hourly);

fn hour() -> impl Strategy<Value = Hour> {
    let hourly = prop_oneof![
        8 => Just(Hourly::Soon),
        1 => Just(Hourly::None),
        1 => Just(Hourly::Flagged),
        1 => Just(Hourly::Late),
    ];
    (prop::sample::select(vec![0, 1, 44, 45, 60]), hourly)
}

/// Days of hours; most days have all their hourly values in time, so that some go and some stay.
fn days() -> impl Strategy<Value = Vec<Vec<Hour>>> {
    let good = prop::collection::vec((0..61i64).prop_map(|minutes| (minutes, Hourly::Soon)), 24);
    let mixed = prop::collection::vec(hour(), 24);
    prop::collection::vec(prop_oneof![good, mixed], 2..5)
}

async fn store(stores: &Stores, days: &[Vec<Hour>]) {
    let (minute, hourly) = (key("pm25", "avg", 60), key("pm25", "avg", 3_600));
    let hours = days.iter().flatten().zip(0..);
    let mut later = Vec::new();
    for ((minutes, value), number) in hours {
        let begin = BEGIN + number * 3_600;
        let finer = (1..=*minutes)
            .map(|n| observation(&minute, begin + n * 60, (number * 60 + n) * 1_000, "N"));
        let mut all: Vec<Observation> = finer.collect();
        let end = begin + 3_600;
        let value_of = |flag| observation(&hourly, end, number * 60_000 + 7, flag);
        match value {
            Hourly::None => {}
            Hourly::Soon => all.push(value_of("N")),
            Hourly::Flagged => all.push(value_of("M")),
            Hourly::Late => later.push((end + 9_000, value_of("N"))),
        }
        append(stores, end + 5, all).await;
    }
    for (received_at, late) in later {
        append(stores, received_at.max(BEGIN + 10 * 86_400), vec![late]).await;
    }
}

async fn figures(stores: &Stores, known_at: Option<i64>) -> StationDays {
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: Zone::beijing(),
        editions: Arc::new(standards::editions().expect("editions")),
    };
    recipe.all_days(known_at.map(at)).await.expect("days")
}

/// Figures now, and of each day as known two hours after it.
async fn all_figures(stores: &Stores, days: usize) -> Vec<String> {
    let mut all = vec![format!("{:?}", figures(stores, None).await)];
    for day in 0..days {
        let end = BEGIN + (day as i64 + 1) * 86_400;
        let known = figures(stores, Some(end + 7_200)).await;
        let date = Zone::beijing().day_of_ending(at(end));
        let own = known.get(&SourceId::new("A").expect("a source"));
        all.push(format!("{:?}", own.and_then(|own| own.get(&date))));
    }
    all
}

fn copied(from: &Path) -> TempDir {
    let copy = TempDir::new().expect("a directory");
    for file in ["skytier.db", "skytier.db-wal"] {
        std::fs::copy(from.join(file), copy.path().join(file)).expect(file);
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever was stored: a removal changes no day, now and as known then; what a crash in the midst of it leaves is
    /// sound, has the same days, and ends where it would have.
    #[test]
    fn a_removal_changes_no_figure(days in days(), crash in 1..4usize) {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().to_owned();
        wait(store(&open(&path, Tuning::default()), &days));
        let policy = Policy::default().with(Kind::Fine, Some(30));
        let crashes = Arc::<Mutex<Vec<TempDir>>>::default();
        let taken = Arc::clone(&crashes);
        let from = path.clone();
        let seen = Mutex::new(0);
        let stores = open(&path, Tuning::default().watched(move |moment| {
            let mut seen = seen.lock().expect("no test fails here");
            *seen += usize::from([Moment::CommitWritten, Moment::Committed].contains(&moment));
            if *seen == crash {
                taken.lock().expect("no test fails here").push(copied(&from));
            }
        }));
        let (before, would, after, went) = wait(async {
            let before = all_figures(&stores, days.len()).await;
            let would = sweep(&stores, policy, None).await;
            let went = sweep(&stores, policy, Some(Duration::ZERO)).await;
            sound(&stores).await;
            (before, would, all_figures(&stores, days.len()).await, went)
        });
        prop_assert_eq!(&before, &after);
        prop_assert_eq!(&would, &went);
        let minutes: i64 = days.iter().flatten().map(|(minutes, _)| minutes).sum();
        let left = wait(stores.series.column(&key("pm25", "avg", 60), Range::ALL)).expect("a column");
        prop_assert_eq!(left.len() as u64 + went[0].0.readings, minutes as u64);
        for copy in std::mem::take(&mut *crashes.lock().expect("no test fails here")) {
            let stores = open(copy.path(), Tuning::default());
            wait(async {
                sound(&stores).await;
                assert_eq!(all_figures(&stores, days.len()).await, before);
                sweep(&stores, policy, Some(Duration::ZERO)).await;
                let found = stores.series.column(&key("pm25", "avg", 60), Range::ALL).await;
                assert_eq!(found.expect("a column"), left);
                sound(&stores).await;
            });
        }
    }
}

/// Four days of minutes with their hours, the last of them the newest there is.
fn whole_days() -> Vec<Vec<Hour>> {
    vec![vec![(60, Hourly::Soon); 24]; 4]
}

/// About the first minute of the first day.
fn decision(minute: &SeriesKey) -> Decision {
    Decision {
        key: minute.clone(),
        after: at(BEGIN + 59),
        upto: at(BEGIN + 60),
        verdict: Verdict::Confirm,
        reason: String::new(),
        reviewer: "Li Na".to_owned(),
        decided_at: at(NOW),
    }
}

/// About the first minute of the second day.
fn order(minute: &SeriesKey) -> Deletion {
    Deletion {
        source: minute.source.clone(),
        factor: None,
        after: at(BEGIN + 86_400),
        upto: at(BEGIN + 86_460),
        reason: "span gas".to_owned(),
        ordered_by: "Li Na".to_owned(),
        ordered_at: at(NOW),
    }
}

async fn merge(stores: &Stores) {
    let store = stores.embedded.as_ref().expect("an embedded store");
    store.merge().await.expect("merged");
}

#[test]
fn what_somebody_decided_or_ordered_about_stays() {
    let directory = TempDir::new().expect("a directory");
    wait(store(
        &open(directory.path(), Tuning::default()),
        &whole_days(),
    ));
    let stores = merged(directory.path());
    wait(async {
        let minute = key("pm25", "avg", 60);
        let decided = stores.reviews.decide(vec![decision(&minute)]).await;
        decided.expect("decided");
        stores.series.delete(order(&minute)).await.expect("deleted");
        merge(&stores).await;
        let policy = Policy::default().with(Kind::Fine, Some(30));
        let went = sweep(&stores, policy, Some(Duration::ZERO)).await;
        let (removal, stays) = &went[0];
        assert_eq!((removal.blocks, removal.readings), (1, 1_440));
        let expected = [
            (Stays::Reviewed, 1_440),
            (Stays::Deleted, 1_440),
            (Stays::Newest, 1_440),
        ];
        assert_eq!(stays[..], expected);
        sound(&stores).await;
        // A value that comes for a day that is gone is taken up; the next removal adds it to what went.
        append(
            &stores,
            NOW,
            vec![observation(&minute, BEGIN + 3 * 86_400 - 30, 1, "N")],
        )
        .await;
        merge(&stores).await;
        let hours = (0..2).map(|n| BEGIN + 2 * 86_400 + n * 86_400);
        let gone = stores.attendance.gone(&minute.source).await.expect("gone");
        let spans: Vec<i64> = gone
            .iter()
            .flat_map(|gone| [gone.after.unix(), gone.upto.unix()])
            .collect();
        assert_eq!(spans, hours.collect::<Vec<_>>());
        // It came long after its hourly value, which is no reason to keep it; that one came in time.
        let went = sweep(&stores, policy, Some(Duration::ZERO)).await;
        assert_eq!(went[0].0.readings, 1);
        sound(&stores).await;
    });
}

/// A value corrected twice, once long ago; letters in every state, the last one new.
async fn corrected_and_kept(stores: &Stores, hourly: &SeriesKey) {
    let letter = |number: i64, state| DeadLetter {
        received_at: at(BEGIN + number),
        origin: "embedded".to_owned(),
        topic: "skytier/v1/stations/A/readings".to_owned(),
        source: Source::parse("stations/A").expect("a source"),
        payload: b"?".to_vec(),
        state,
        reason: "not JSON".to_owned(),
    };
    append(stores, BEGIN + 10, vec![observation(hourly, BEGIN, 1, "N")]).await;
    append(stores, BEGIN + 20, vec![observation(hourly, BEGIN, 2, "N")]).await;
    append(stores, NOW - 10, vec![observation(hourly, BEGIN, 3, "N")]).await;
    let batch = Batch {
        dead_letters: vec![
            letter(1, LetterState::Dead),
            letter(2, LetterState::Quarantined),
            letter(3, LetterState::Dead),
            letter(NOW - BEGIN, LetterState::Dead),
        ],
        ..Batch::new(at(BEGIN))
    };
    stores.series.append(batch).await.expect("appended");
    let retried = Retried {
        letter: 3,
        at: at(BEGIN + 9),
        state: LetterState::Admitted,
        reason: String::new(),
    };
    let batch = Batch {
        retried: vec![retried],
        ..Batch::new(at(BEGIN + 9))
    };
    stores.series.append(batch).await.expect("appended");
}

#[test]
fn replaced_values_and_letters_go_and_what_was_known_then_is_refused() {
    let directory = TempDir::new().expect("a directory");
    let hourly = key("pm25", "avg", 3_600);
    wait(corrected_and_kept(
        &open(directory.path(), Tuning::default()),
        &hourly,
    ));
    let stores = merged(directory.path());
    let column = |known_at: i64| {
        let range = Range {
            known_at: Some(at(known_at)),
            ..Range::ALL
        };
        wait(stores.series.column(&hourly, range))
    };
    let value = |found: Result<Vec<Reading>, StoreError>| {
        let found = found.expect("a column");
        found
            .first()
            .and_then(|reading| reading.value)
            .map(Amount::micros)
    };
    assert_eq!(value(column(BEGIN + 10)), Some(1));
    let policy = Policy::default()
        .with(Kind::Revisions, Some(100))
        .with(Kind::DeadLetters, Some(100));
    let went = wait(sweep(&stores, policy, Some(Duration::ZERO)));
    assert_eq!(
        went.iter()
            .map(|(removal, _)| removal.count())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    wait(sound(&stores));
    // 2019-01-01T00:00:00+08:00 is where it is cut.
    let cut = went[0].0.upto.unix();
    assert_eq!(cut, 1_546_272_000);
    assert_eq!(value(column(cut)), Some(2));
    assert_eq!(value(column(NOW)), Some(3));
    let refused = column(cut - 1);
    assert!(
        matches!(refused, Err(StoreError::Forgotten { .. })),
        "{refused:?}"
    );
    let said = refused.expect_err("refused").to_string();
    assert!(said.contains("2019-01-01T00:00:00+08:00"), "{said}");
    let query = LetterQuery {
        limit: 9,
        ..LetterQuery::default()
    };
    let left = wait(stores.letters.letters(query)).expect("letters");
    assert_eq!(left.iter().map(|kept| kept.id).collect::<Vec<_>>(), [2, 4]);
    assert!(
        wait(sweep(&stores, policy, Some(Duration::ZERO)))
            .iter()
            .all(|(removal, _)| removal.count() == 0)
    );
}
