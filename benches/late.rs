//! One late hour: how long until every figure that depends on it is right, with ten years of fifty stations stored.
//!
//! The store is the embedded one, the flows are those of the daemon, in one process. Some station-hours are left out
//! of the hours stored; each is then received, and the clock runs until the area's day, month, year, year to date and
//! targets are answered from it, while a reader holds the figures of before. In the end everything is computed again
//! from the readings, which tells whether the figures were right and what that would have taken instead.
//!
//! Run it with `make bench`; `LATE_YEARS` and `LATE_STATIONS` make it smaller.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant as Clock;

use anyhow::Context;
use anyhow::ensure;
use chrono::NaiveDate;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
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
use skytier::domain::registry::Group;
use skytier::domain::registry::Item;
use skytier::domain::registry::Membership;
use skytier::domain::registry::Names;
use skytier::domain::registry::Registry;
use skytier::domain::registry::Target;
use skytier::domain::units::Amount;
use skytier::flow::area::Area;
use skytier::flow::assess::Assessor;
use skytier::flow::assess::Choices;
use skytier::flow::assess::EditionChoice;
use skytier::flow::assess::PeriodReport;
use skytier::flow::rollup::Recipe;
use skytier::flow::rollup::Rollup;
use skytier::flow::rollup::StationDays;
use skytier::ports::Batch;
use tempfile::TempDir;

/// Late hours.
const LATE: usize = 50;
/// Goal for the slowest of a hundred.
const GOAL: Duration = Duration::from_secs(1);
/// First year stored.
const FIRST_YEAR: i32 = 2016;
/// Readings handed over at a time.
const BATCH_READINGS: usize = 50_000;

/// How much is stored.
struct Size {
    stations: usize,
    years: i32,
}

/// A number from the environment, or the full size.
fn asked(name: &str, full: usize) -> anyhow::Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(full),
    }
}

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let size = Size {
        stations: asked("LATE_STATIONS", 50)?,
        years: i32::try_from(asked("LATE_YEARS", 10)?)?,
    };
    tokio::runtime::Runtime::new()?.block_on(bench(&size))
}

fn station(number: usize) -> anyhow::Result<SourceId> {
    Ok(SourceId::new(&format!("S{number:03}"))?)
}

/// The same for the same number, and spread evenly.
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 31)
}

/// A late station-hour.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Late {
    station: usize,
    hour: i64,
}

/// The six values of an hour, counted from the first midnight.
fn hour(zone: Zone, at: Late) -> anyhow::Result<Vec<Observation>> {
    let first = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).context("a day")?;
    let time = zone.day_start(first).plus_s((at.hour + 1) * 3_600);
    let source = station(at.station)?;
    let mut observations = Vec::new();
    for pollutant in Pollutant::ALL {
        let seed = (at.hour.unsigned_abs() * 64 + at.station as u64) * 8 + pollutant.index() as u64;
        let tenths = i64::try_from(50 + mixed(seed) % 900)?;
        observations.push(Observation {
            key: SeriesKey {
                source: source.clone(),
                factor: Factor::new(pollutant.key())?,
                stat: Stat::avg(),
                interval_s: 3_600,
            },
            reading: Reading {
                time,
                value: Some(Amount::from_micros(tenths * 100_000)),
                flag: Flag::normal(),
                qc: Qc::Passed,
                review: Review::Raw,
            },
        });
    }
    Ok(observations)
}

/// Stores every hour but the late ones; how many values.
async fn load(
    stores: &Stores,
    size: &Size,
    hours: i64,
    late: &HashSet<Late>,
) -> anyhow::Result<u64> {
    let received = Instant::from_unix(1_800_000_000);
    let mut batch = Batch::new(received);
    let mut new = 0;
    for day in 0..hours / 24 {
        for number in 0..size.stations {
            for hour_of_day in 0..24 {
                let at = Late {
                    station: number,
                    hour: day * 24 + hour_of_day,
                };
                if !late.contains(&at) {
                    batch.observations.extend(hour(Zone::beijing(), at)?);
                }
            }
        }
        if batch.observations.len() >= BATCH_READINGS {
            let full = std::mem::replace(&mut batch, Batch::new(received));
            new += stores.series.append(full).await?.new;
        }
    }
    Ok(new + stores.series.append(batch).await?.new)
}

/// What is asked after a late hour of a day.
type Answers = (Vec<AreaDay>, Vec<PeriodReport>);

fn answers(assessor: &Assessor, day: NaiveDate) -> anyhow::Result<Answers> {
    let area = Area::parse("city")?;
    let (auto, choices) = (EditionChoice::Auto, Choices::default());
    let only = Span { from: day, to: day };
    let days = assessor.days(&area, only, &auto, choices);
    let mut periods = Vec::new();
    for kind in [PeriodKind::Month, PeriodKind::Year, PeriodKind::YearToDate] {
        let span = match kind {
            PeriodKind::YearToDate => only,
            _ => kind.containing(day).span,
        };
        periods.extend(assessor.periods(&area, span, kind, &auto, choices));
    }
    Ok((days, periods))
}

fn assessor(
    recipe: &Recipe,
    registry: &Arc<Registry>,
    days: Arc<StationDays>,
) -> anyhow::Result<Assessor> {
    Ok(Assessor {
        editions: Arc::clone(&recipe.editions),
        publication: standards::publication()?,
        registry: Arc::clone(registry),
        days,
    })
}

/// The group of all stations with targets of every year.
fn registry(size: &Size) -> anyhow::Result<Registry> {
    let from = NaiveDate::from_ymd_opt(2000, 1, 1).context("a day")?;
    let member = |number| {
        Ok(Membership {
            station: station(number)?,
            from,
            to: None,
            document: None,
        })
    };
    let members: anyhow::Result<Vec<Membership>> = (0..size.stations).map(member).collect();
    let group = Group {
        id: "city".to_owned(),
        names: Names {
            zh: "市".to_owned(),
            en: "City".to_owned(),
        },
        document: "generated".to_owned(),
        division_code: None,
        members: members?,
    };
    let target = |year, item: Item, limit| Target {
        id: format!("{year}-{}", item.key()),
        group: group.id.clone(),
        item,
        year,
        limit: Amount::from_units(limit),
        issuer: "generated".to_owned(),
        document: "generated".to_owned(),
        edition: None,
    };
    let years = FIRST_YEAR..FIRST_YEAR + size.years;
    let both = |year| {
        [
            target(year, Item::Pm25Mean, 35),
            target(year, Item::GoodDayRatio, 80),
        ]
    };
    Ok(Registry {
        targets: years.flat_map(both).collect(),
        groups: vec![group.clone()],
        ..Registry::default()
    })
}

async fn bench(size: &Size) -> anyhow::Result<()> {
    let last = NaiveDate::from_ymd_opt(FIRST_YEAR + size.years, 1, 1).context("a day")?;
    let first = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).context("a day")?;
    let hours = (last - first).num_days() * 24;
    let pick = |number: usize| Late {
        station: usize::try_from(mixed(number as u64) % size.stations as u64).expect("small"),
        hour: i64::try_from(mixed(number as u64 + 1_000_000) % hours.unsigned_abs())
            .expect("small"),
    };
    let late: Vec<Late> = (0..LATE).map(pick).collect();
    let directory = TempDir::new()?;
    let stores = Stores::embedded(Embedded::open(directory.path(), Access::Write)?);
    let begun = Clock::now();
    let values = load(&stores, size, hours, &late.iter().copied().collect()).await?;
    println!(
        "{values} hourly values of {} stations and {} years stored in {:.0} s",
        size.stations,
        size.years,
        begun.elapsed().as_secs_f64()
    );
    let registry = Arc::new(registry(size)?);
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: Zone::beijing(),
        editions: Arc::new(standards::editions()?),
    };
    let begun = Clock::now();
    let rollup = Rollup::open(recipe.clone()).await?;
    println!(
        "all days at start             {:>9.2} s",
        begun.elapsed().as_secs_f64()
    );

    let (mut took, mut told) = (Vec::new(), Vec::new());
    for (number, at) in late.iter().enumerate() {
        let held = rollup.now();
        let received = Instant::from_unix(1_900_000_000 + i64::try_from(number)?);
        let observations = hour(recipe.zone, *at)?;
        let day = recipe.zone.day_of_ending(observations[0].reading.time);
        let begun = Clock::now();
        let batch = Batch {
            observations,
            ..Batch::new(received)
        };
        let appended = recipe.series.append(batch).await?;
        rollup.touch(&appended.touched);
        rollup.settle().await?;
        let answered = answers(&assessor(&recipe, &registry, rollup.now())?, day)?;
        took.push(begun.elapsed());
        ensure!(appended.new == 6, "a late hour is new: {appended:?}");
        drop(held);
        told.push((day, answered));
    }
    took.sort();
    let whole = Clock::now();
    let days = Arc::new(recipe.all_days(None).await?);
    let fresh = assessor(&recipe, &registry, Arc::clone(&days))?;
    let last = told.last().context("late hours")?;
    let again = answers(&fresh, last.0)?;
    let whole = whole.elapsed();
    ensure!(*days == *rollup.now(), "kept up and computed whole differ");
    ensure!(again == last.1, "figures of {} differ", last.0);
    print(&took, whole);
    Ok(())
}

fn print(took: &[Duration], whole: Duration) {
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    println!("late hour to figures, p50     {:>9.1} ms", ms(at(50)));
    println!("late hour to figures, p99     {:>9.1} ms", ms(at(99)));
    println!("goal                          {:>9.1} ms", ms(GOAL));
    println!("the same computed whole       {:>9.1} ms", ms(whole));
    println!(
        "whole / late, p50             {:>9.1}",
        ms(whole) / ms(at(50))
    );
    println!("every day equals the one computed whole; the last late hour's figures do too");
}
