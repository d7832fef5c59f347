//! Hours of a station's days are those of its readings one by one, in any zone and however a store cuts its strips.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use chrono::NaiveDate;
use proptest::prelude::*;
use skytier::adapters::store::Stores;
use skytier::app::standards;
use skytier::domain::calendar::HOURS_PER_DAY;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::deletion::Deletion;
use skytier::domain::means::HourMean;
use skytier::domain::means::Hours;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Replaced;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::strip::Strip;
use skytier::domain::strip::Times;
use skytier::domain::units::Amount;
use skytier::flow::rollup::HOURLY_S;
use skytier::flow::rollup::Recipe;
use skytier::ports::Answer;
use skytier::ports::Appended;
use skytier::ports::Batch;
use skytier::ports::Deleted;
use skytier::ports::Range;
use skytier::ports::ReplacedQuery;
use skytier::ports::Series;
use skytier::ports::Visit;

/// 23:00 in UTC+8 before a change of edition, so that a day of the other follows.
const FIRST: i64 = 1_772_290_800;

/// A store that hands on strips of at most so many readings, even ones where their times allow.
struct Cutting {
    series: Arc<dyn Series>,
    most: usize,
}

/// The part of a strip from one reading up to another.
fn part<'a>(strip: Strip<'a>, from: usize, to: usize) -> Strip<'a> {
    let after = Instant::from_unix(strip.time(from) - 1);
    strip.within(after, Instant::from_unix(strip.time(to - 1)), usize::MAX)
}

fn even(strip: Strip<'_>) -> Strip<'_> {
    let times: Vec<i64> = (0..strip.len()).map(|at| strip.time(at)).collect();
    let first = times[0];
    let step = times.get(1).map_or(0, |second| second - first);
    let regular = times.windows(2).all(|pair| pair[1] - pair[0] == step);
    if regular && strip.all_usable() {
        Strip::new(Times::Even { first, step }, strip.values(), None)
    } else {
        strip
    }
}

impl Series for Cutting {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
        self.series.append(batch)
    }

    fn delete(&self, order: Deletion) -> Answer<'_, Deleted> {
        self.series.delete(order)
    }

    fn deletions(&self) -> Answer<'_, Vec<Deletion>> {
        self.series.deletions()
    }

    fn keys(&self) -> Answer<'_, Vec<SeriesKey>> {
        self.series.keys()
    }

    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>> {
        self.series.column(key, range)
    }

    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>> {
        self.series.received(key, range)
    }

    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>> {
        self.series.replaced(query)
    }

    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, visit: Visit) -> Answer<'a, ()> {
        let (visit, most) = (Mutex::new(visit), self.most);
        let cut = move |at: usize, strip: Strip<'_>| {
            let mut visit = visit.lock().expect("no test fails here");
            for from in (0..strip.len()).step_by(most) {
                let to = strip.len().min(from + most);
                visit(at, even(part(strip, from, to)));
            }
        };
        self.series.scan(keys, range, Box::new(cut))
    }
}

fn recipe(zone: &str, most: usize) -> Recipe {
    let series = Stores::memory().series;
    Recipe {
        series: Arc::new(Cutting { series, most }),
        zone: Zone::parse(zone).expect(zone),
        editions: Arc::new(standards::editions().expect("sound editions")),
    }
}

fn source() -> SourceId {
    SourceId::new("S1").expect("a source")
}

fn reading(time: i64, value: Option<i64>) -> Reading {
    Reading {
        time: Instant::from_unix(time),
        value: Some(Amount::from_micros(value.unwrap_or(9))),
        flag: Flag::new(if value.is_some() { "N" } else { "M" }).expect("a flag"),
        qc: Qc::Passed,
        review: Review::Raw,
    }
}

type ByDay = BTreeMap<NaiveDate, Hours>;

/// One column: its interval and its readings.
type Given = (u32, Vec<Reading>);

/// Hour by hour, a list of values at a time.
fn naive(recipe: &Recipe, columns: &[Given]) -> ByDay {
    let mut days = ByDay::new();
    let place = |time: Instant| {
        let zone = recipe.zone;
        (zone.day_of_ending(time), zone.hour_of_ending(time))
    };
    for (interval_s, readings) in columns {
        for hour in readings.chunk_by(|a, b| place(a.time) == place(b.time)) {
            let (day, at) = place(hour[0].time);
            let values: Vec<Amount> = hour.iter().filter_map(Reading::usable).collect();
            let mean = if *interval_s == HOURLY_S {
                values.last().copied().map(HourMean::reported)
            } else {
                let minutes = recipe.editions.on(day).validity.hour_minutes_min;
                HourMean::of_parts(&values, *interval_s, minutes)
            };
            let hours = days.entry(day).or_insert([None; HOURS_PER_DAY]);
            hours[at] = hours[at].or(mean);
        }
    }
    days
}

async fn hours(recipe: &Recipe, columns: &[Given]) -> ByDay {
    for (interval_s, readings) in columns {
        let observation = |reading: &Reading| Observation {
            key: SeriesKey {
                source: source(),
                factor: Factor::new(Pollutant::Co.key()).expect("a factor"),
                stat: Stat::avg(),
                interval_s: *interval_s,
            },
            reading: reading.clone(),
        };
        let batch = Batch {
            observations: readings.iter().map(observation).collect(),
            ..Batch::new(Instant::from_unix(FIRST))
        };
        recipe.series.append(batch).await.expect("appended");
    }
    let keys = recipe.series.keys().await.expect("keys");
    let found = recipe.hours(&keys, &source(), None, None).await;
    let own = |(day, hours): (NaiveDate, [Hours; 6])| (day, hours[Pollutant::Co.index()]);
    found.expect("hours").into_iter().map(own).collect()
}

fn check(recipe: &Recipe, mut columns: Vec<Given>) -> ByDay {
    // Coarser columns win, and there is one of each interval.
    columns.sort_by_key(|(interval_s, _)| std::cmp::Reverse(*interval_s));
    columns.dedup_by_key(|(interval_s, _)| *interval_s);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let found = runtime
        .expect("a runtime")
        .block_on(hours(recipe, &columns));
    assert_eq!(found, naive(recipe, &columns));
    found
}

/// Readings of one column: every `step` seconds, some left out, some not usable.
fn column() -> impl Strategy<Value = Given> {
    let kind = prop::sample::select(vec![
        (3_600, 3_600),
        (3_600, 1_800),
        (60, 60),
        (300, 300),
        (900, 900),
        (1_800, 900),
        (7, 700),
    ]);
    let say = prop::option::weighted(0.9, prop::option::weighted(0.9, -50..5_000i64));
    let start = prop::sample::select(vec![0, 0, 0, 1, 1_799, 3_599]);
    let full = prop_oneof![
        Just(Vec::new()),
        Just(vec![Some(Some(7)); 100]),
        prop::collection::vec(say.clone(), 0..200),
    ];
    (kind, start, full, prop::collection::vec(say, 0..60)).prop_map(
        |((interval_s, step), start, mut says, rest)| {
            says.extend(rest);
            let times = (0..).map(|number| FIRST + start + number * step);
            let given = times.zip(says);
            let readings = given.filter_map(|(time, say)| Some(reading(time, say?)));
            (interval_s, readings.collect())
        },
    )
}

proptest! {
    #[test]
    fn hours_are_those_of_the_readings_one_by_one(
        columns in prop::collection::vec(column(), 1..4),
        most in prop::sample::select(vec![1, 2, 7, 60, 1_000]),
        zone in prop::sample::select(vec!["+08:00", "+05:45", "-03:30", "+00:00"]),
    ) {
        check(&recipe(zone, most), columns);
    }
}

#[test]
fn a_sum_that_does_not_fit_makes_no_hour_and_no_other_suffers() {
    let times = (0..8).map(|number| FIRST + 900 + number * 900);
    let values = [i64::MAX, i64::MAX, 1, 1, 2, 2, 2, 2].map(Some);
    let readings = times.zip(values).map(|(time, value)| reading(time, value));
    let days = check(&recipe("+08:00", 3), vec![(900, readings.collect())]);
    let hours: Vec<bool> = days.values().flatten().map(Option::is_some).collect();
    assert_eq!(hours.iter().filter(|some| **some).count(), 1, "{hours:?}");
}
