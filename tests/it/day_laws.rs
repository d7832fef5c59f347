//! What holds for any stream of readings: days kept up while they come, however often they are settled in between,
//! are the days computed from all of them at the end, those of a naive reading of the stream, and what was shown at
//! a moment is what is known at that moment ever after.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::store_contract::influxdb2::on_stub;
use crate::support::influxdb2::Stub;
use chrono::NaiveDate;
use proptest::prelude::*;
use skytier::adapters::report;
use skytier::adapters::report::Context;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::app::seeds;
use skytier::app::standards;
use skytier::domain::area::AreaDay;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::PeriodKind;
use skytier::domain::calendar::Span;
use skytier::domain::calendar::Zone;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::registry::Registry;
use skytier::domain::units::Amount;
use skytier::domain::units::Exact;
use skytier::flow::area::Area;
use skytier::flow::assess::Assessor;
use skytier::flow::assess::Choices;
use skytier::flow::assess::EditionChoice;
use skytier::flow::rollup::Recipe;
use skytier::flow::rollup::Rollup;
use skytier::flow::rollup::StationDays;
use skytier::ports::Batch;

const STATIONS: [&str; 3] = ["sim-1999A", "sim-2000A", "sim-2001A"];
const POLLUTANTS: [Pollutant; 3] = [Pollutant::Pm25, Pollutant::Co, Pollutant::O3];
const HOUR: i64 = 3_600;
/// A fine interval: four of it make an hour, three are enough.
const QUARTER: i64 = 900;
const DAYS: i64 = 3;

/// Values of one series over hours of one day; an empty value says that there is none.
#[derive(Clone, Debug)]
struct Stretch {
    station: usize,
    pollutant: usize,
    day: i64,
    hours: (i64, i64),
    fine: bool,
    value: Option<i64>,
    flagged: bool,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A batch arrives, as much later as said.
    Batch(i64, Vec<Stretch>),
    /// The last batch arrives again.
    Again,
    /// Waiting days are computed.
    Settle,
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let hours = (1..=24i64, 1..=24i64).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let hours =
        prop_oneof![3 => Just((1, 24)), 2 => hours.clone(), 2 => hours.prop_map(|(a, _)| (a, a))];
    let value = prop::option::weighted(0.8, prop::sample::select(vec![0, 7, 35, 36, 160, 801]));
    let place = (0..STATIONS.len(), 0..POLLUTANTS.len(), 0..DAYS);
    let kind = (prop::bool::weighted(0.3), value, prop::bool::weighted(0.15));
    (place, hours, kind).prop_map(|((station, pollutant, day), hours, kind)| Stretch {
        station,
        pollutant,
        day,
        hours,
        fine: kind.0,
        value: kind.1,
        flagged: kind.2,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = (1..3i64, prop::collection::vec(stretch(), 1..5));
    let batch = batch.prop_map(|(later, rows)| Step::Batch(later, rows));
    let step = prop_oneof![5 => batch, 1 => Just(Step::Again), 3 => Just(Step::Settle)];
    prop::collection::vec(step, 1..14)
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 31).expect("a day")
}

/// The readings of a stretch.
fn observations(stretch: &Stretch) -> Vec<Observation> {
    let start = Zone::beijing()
        .day_start(first_day())
        .plus_s(stretch.day * 24 * HOUR);
    let interval = if stretch.fine { QUARTER } else { HOUR };
    let (from, to) = ((stretch.hours.0 - 1) * HOUR, stretch.hours.1 * HOUR);
    let observation = |at| Observation {
        key: SeriesKey {
            source: SourceId::new(STATIONS[stretch.station]).expect("a station"),
            factor: Factor::new(POLLUTANTS[stretch.pollutant].key()).expect("a factor"),
            stat: Stat::avg(),
            interval_s: u32::try_from(interval).expect("seconds"),
        },
        reading: Reading {
            time: start.plus_s(from + (at + 1) * interval),
            value: stretch.value.map(Amount::from_units),
            flag: Flag::new(if stretch.flagged { "M" } else { "N" }).expect("a flag"),
            qc: Qc::Passed,
            review: Review::Raw,
        },
    };
    (0..(to - from) / interval).map(observation).collect()
}

/// What was shown at a moment.
type Shown = (Instant, Arc<StationDays>);

/// Feeds the steps and settles; the days then, what was shown in between, the readings in the order they came.
async fn follow(
    recipe: &Recipe,
    registry: &Arc<Registry>,
    steps: &[Step],
) -> (Arc<StationDays>, Vec<Shown>, Vec<Observation>) {
    let rollup = Rollup::open(recipe.clone()).await.expect("an empty store");
    let (mut shown, mut came) = (Vec::new(), Vec::new());
    let (mut now, mut last) = (Instant::from_unix(1_700_000_000), Vec::new());
    for step in steps {
        match step {
            Step::Settle => {
                rollup.settle().await.expect("settled");
                assert_eq!(rollup.waiting(), 0);
                // A reader that holds the days, or has areas' days made of them, does not disturb what follows.
                area_days(recipe, registry, &rollup.now());
                shown.push((now, rollup.now()));
                continue;
            }
            Step::Again => {}
            Step::Batch(later, stretches) => {
                now = now.plus_s(*later);
                last = stretches.iter().flat_map(observations).collect();
            }
        }
        let batch = Batch {
            observations: last.clone(),
            ..Batch::new(now)
        };
        let appended = recipe.series.append(batch).await.expect("appended");
        came.extend(last.iter().cloned());
        rollup.touch(&appended.touched);
        if shown.last().is_some_and(|(at, _)| *at == now) {
            // What is received within a second belongs to what is known at it.
            shown.pop();
        }
    }
    rollup.settle().await.expect("settled");
    (rollup.now(), shown, came)
}

/// A day by the letter: mean over valid hours, the largest of the eight-hour means of at least six hours.
#[derive(Debug, PartialEq)]
struct Naive {
    mean: Option<Exact>,
    hours: u32,
    mda8: Option<Exact>,
}

fn naive_days(came: &[Observation]) -> BTreeMap<(String, i64, String), Naive> {
    let zero = Zone::beijing().day_start(first_day()).unix();
    let mut last = BTreeMap::new();
    for Observation { key, reading } in came {
        let place = (
            key.source.to_string(),
            key.factor.to_string(),
            key.interval_s,
            reading.time,
        );
        last.insert(place, reading.clone());
    }
    // Usable values by station, factor, hour since the first midnight, and interval.
    let mut values: BTreeMap<(String, String, i64, u32), Vec<Exact>> = BTreeMap::new();
    for ((station, factor, interval, time), reading) in last {
        let hour = (time.unix() - zero - 1).div_euclid(HOUR);
        let usable = reading.value.filter(|_| reading.flag.as_str() == "N");
        let own = values.entry((station, factor, hour, interval)).or_default();
        own.extend(usable.map(Exact::amount));
    }
    let hour_of = |station: &str, factor: &str, hour: i64| {
        let own = |interval| {
            let key = (station.to_owned(), factor.to_owned(), hour, interval);
            values.get(&key).cloned().unwrap_or_default()
        };
        let (hourly, fine) = (own(3_600), own(900));
        hourly
            .first()
            .cloned()
            .or_else(|| (fine.len() >= 3).then(|| Exact::mean(&fine))?)
    };
    let mut days = BTreeMap::new();
    for station in STATIONS {
        for (day, pollutant) in (0..DAYS).flat_map(|day| POLLUTANTS.map(|own| (day, own))) {
            let factor = pollutant.key();
            let hours: Vec<Option<Exact>> = (0..24)
                .map(|hour| hour_of(station, factor, day * 24 + hour))
                .collect();
            let window = |eight: &[Option<Exact>]| {
                let valid: Vec<&Exact> = eight.iter().flatten().collect();
                (valid.len() >= 6).then(|| Exact::mean(valid))?
            };
            let valid: Vec<&Exact> = hours.iter().flatten().collect();
            let naive = Naive {
                hours: u32::try_from(valid.len()).expect("at most 24"),
                mean: Exact::mean(valid),
                mda8: hours.windows(8).filter_map(window).max(),
            };
            days.insert((station.to_owned(), day, factor.to_owned()), naive);
        }
    }
    days
}

fn check_naive(days: &StationDays, came: &[Observation]) {
    for ((station, day, factor), naive) in naive_days(came) {
        let date = first_day() + chrono::Days::new(day.unsigned_abs());
        let pollutant = Pollutant::from_key(&factor).expect("one of the six");
        let own = days.get(&SourceId::new(&station).expect("a station"));
        let own = own.and_then(|days| days.get(&date)).map(Arc::as_ref);
        let found = own.map_or(
            Naive {
                mean: None,
                hours: 0,
                mda8: None,
            },
            |own| Naive {
                mean: own.mean[pollutant.index()].clone(),
                hours: own.hours[pollutant.index()],
                mda8: own.o3_8h_max.clone(),
            },
        );
        let mda8 = naive.mda8.clone().filter(|_| pollutant == Pollutant::O3);
        let found_mda8 = found.mda8.clone().filter(|_| pollutant == Pollutant::O3);
        let place = format!("{station} {date} {factor}");
        assert_eq!(
            (&found.mean, found.hours),
            (&naive.mean, naive.hours),
            "{place}"
        );
        assert_eq!(found_mda8, mda8, "{place}");
    }
}

/// The days of areas of several stations, over two months. What past months make is kept beside the stations' days.
fn area_days(recipe: &Recipe, registry: &Arc<Registry>, days: &Arc<StationDays>) -> Vec<AreaDay> {
    let assessor = Assessor {
        editions: Arc::clone(&recipe.editions),
        publication: standards::publication().expect("a sound profile"),
        registry: Arc::clone(registry),
        days: Arc::clone(days),
    };
    let span = Span {
        from: first_day() - chrono::Days::new(9),
        to: first_day() + chrono::Days::new(9),
    };
    let of = |area: &str| {
        let area = Area::parse(area).expect("an area");
        assessor.days(&area, span, &EditionChoice::Auto, Choices::default())
    };
    [of("group:city"), of("mean")].concat()
}

/// Everything printed of the group of the three stations and of one of them.
fn printed(recipe: &Recipe, days: &Arc<StationDays>) -> String {
    let assessor = Assessor {
        editions: Arc::clone(&recipe.editions),
        publication: standards::publication().expect("a sound profile"),
        registry: Arc::new(seeds::registry("jiangyin").expect("a sound seed")),
        days: Arc::clone(days),
    };
    let (auto, choices) = (EditionChoice::Auto, Choices::default());
    let span = Span {
        from: first_day(),
        to: first_day() + chrono::Days::new(2),
    };
    let mut text = String::new();
    for area in ["group:city", "station:sim-1999A", "mean"] {
        let area = Area::parse(area).expect("an area");
        let context = Context {
            area: &area,
            zone: recipe.zone,
            known_at: Instant::from_unix(0),
            simulated: true,
            review: Review::Raw,
        };
        let mut csv = Vec::new();
        let days = assessor.days(&area, span, &auto, choices);
        report::days::days_csv(&area, &days, false, &mut csv).expect("memory");
        text.push_str(&String::from_utf8(csv).expect("text"));
        for kind in [PeriodKind::Month, PeriodKind::YearToDate, PeriodKind::Whole] {
            for own in assessor.periods(&area, span, kind, &auto, choices) {
                let json = report::periods::period_json(context, &recipe.editions, &own);
                text.push_str(&format!("{json}\n"));
            }
        }
    }
    text
}

async fn laws(stores: &Stores, steps: &[Step]) {
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: Zone::beijing(),
        editions: Arc::new(standards::editions().expect("sound editions")),
    };
    let registry = Arc::new(seeds::registry("jiangyin").expect("a sound seed"));
    let (kept, shown, came) = follow(&recipe, &registry, steps).await;
    let whole = recipe.all_days(None).await.expect("computed whole");
    assert_eq!(*kept, whole, "kept up and computed whole");
    check_naive(&kept, &came);
    let whole = Arc::new(whole);
    let fresh = area_days(&recipe, &registry, &whole);
    assert_eq!(area_days(&recipe, &registry, &kept), fresh, "kept months");
    assert_eq!(printed(&recipe, &kept), printed(&recipe, &whole));
    for (at, days) in shown {
        let known = recipe.all_days(Some(at)).await.expect("computed as known");
        assert_eq!(*days, known, "shown at {at:?} and known at it");
    }
}

fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn days_in_memory_are_the_naive_ones_and_as_known_then(steps in steps()) {
        run(laws(&Stores::memory(), &steps));
    }
}

proptest! {
    // Each case syncs some commits to disk.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn days_on_disk_are_the_naive_ones_and_as_known_then(steps in steps()) {
        let directory = tempfile::TempDir::new().expect("a directory");
        let store = Embedded::open(directory.path(), Access::Write).expect("opened");
        run(laws(&Stores::embedded(store), &steps));
    }
}

proptest! {
    // Each case asks the stub hundreds of times.
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn days_in_an_influxdb_are_the_naive_ones_and_as_known_then(steps in steps()) {
        let (directory, stub) = (tempfile::TempDir::new().expect("a directory"), Stub::start());
        run(async { laws(&on_stub(&stub, directory.path()), &steps).await });
    }
}

#[test]
fn a_reader_that_holds_the_days_keeps_what_it_holds_and_shares_the_rest() {
    run(async {
        let stores = Stores::memory();
        let recipe = Recipe {
            series: Arc::clone(&stores.series),
            zone: Zone::beijing(),
            editions: Arc::new(standards::editions().expect("sound editions")),
        };
        let rollup = Rollup::open(recipe).await.expect("an empty store");
        let full = |station| Stretch {
            station,
            pollutant: 0,
            day: 0,
            hours: (1, 24),
            fine: false,
            value: Some(35),
            flagged: false,
        };
        let feed = async |stretch: Stretch, at| {
            let batch = Batch {
                observations: observations(&stretch),
                ..Batch::new(Instant::from_unix(at))
            };
            let appended = stores.series.append(batch).await.expect("appended");
            rollup.touch(&appended.touched);
            rollup.settle().await.expect("settled");
        };
        feed(full(0), 1).await;
        feed(full(1), 2).await;
        let held = rollup.now();
        let late = Stretch {
            hours: (5, 5),
            value: None,
            ..full(0)
        };
        feed(late, 3).await;
        let now = rollup.now();
        let [touched, other] = [0, 1].map(|at| SourceId::new(STATIONS[at]).expect("a station"));
        let hours = |days: &StationDays| days[&touched][&first_day()].hours[0];
        assert_eq!((hours(&held), hours(&now)), (24, 23));
        assert!(
            Arc::ptr_eq(&held[&other], &now[&other]),
            "no copy of other stations"
        );
    });
}
