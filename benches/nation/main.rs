//! A year of a nation, from the store to all days, AQI and percentiles of every station under three editions, beside
//! polars on like work.
//!
//! 1,600 stations report six pollutants hourly, 1 hour of 100 is missing. Everything is that of the daemon: days out of
//! the store by its recipe, AQI by its assessor, percentiles by the assessment of the year, exact throughout. polars
//! reads the same hours from Parquet and computes in floating point; daily values, AQI and percentiles are compared.
//! Run it with `make bench`; `NATION_STATIONS` makes it smaller or larger.

mod generated;
mod python;
mod timing;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use chrono::NaiveDate;
use generated::DAYS;
use generated::Nation;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::app::standards;
use skytier::domain::assessment::Assessment;
use skytier::domain::assessment::assess;
use skytier::domain::calendar::Period;
use skytier::domain::calendar::PeriodKind;
use skytier::domain::calendar::Zone;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::registry::Registry;
use skytier::domain::units::Exact;
use skytier::flow::area::Area;
use skytier::flow::assess::Assessor;
use skytier::flow::assess::Choices;
use skytier::flow::assess::EditionChoice;
use skytier::flow::rollup::Recipe;
use skytier::flow::rollup::StationDays;
use tempfile::TempDir;
use timing::Took;
use timing::middle;

/// Stations as a rule.
const STATIONS: usize = 1_600;
/// The editions.
const EDITIONS: [&str; 3] = ["2012", "2026", "2031"];
/// Times everything is measured; the middle one is printed.
const RUNS: usize = 3;
/// Goals: seconds, and times polars.
const GOAL_S: f64 = 1.5;
const GOAL_POLARS: f64 = 3.0;

/// What comes of one station under one edition: AQI by day, and the year.
struct Judged {
    aqi: Vec<Option<i64>>,
    year: Assessment,
}

/// What comes of one station: daily values under the first edition, and what each edition makes of them.
struct Station {
    values: Vec<[Option<Exact>; 6]>,
    judged: Vec<Judged>,
}

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let stations = match std::env::var("NATION_STATIONS") {
        Ok(text) => text.parse().context("NATION_STATIONS")?,
        Err(_) => STATIONS,
    };
    let nation = Nation {
        stations,
        gaps: true,
    };
    let directory = TempDir::new()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let store = Arc::new(Embedded::open(directory.path(), Access::Write)?);
    let begun = Instant::now();
    let values = runtime.block_on(nation.store(&store))?;
    println!(
        "{values} hourly values of {stations} stations, stored and merged in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let recipe = Recipe {
        series: store,
        zone: Zone::beijing(),
        editions: Arc::new(standards::editions()?),
    };
    let (rolled, days) = middle(RUNS, || Ok(runtime.block_on(recipe.all_days(None))?))?;
    let assessor = assessor(&recipe, days)?;
    let (judged, found) = middle(RUNS, || judge(&assessor, stations))?;
    let ours = Took {
        wall: rolled.wall + judged.wall,
        cpu: rolled.cpu + judged.cpu,
    };
    let line = |what: &str, took: Took| {
        let (wall, cpu) = (took.wall, took.cpu);
        format!("  {what:<34} {wall:>7.2} s, {cpu:>7.2} s of processor time")
    };
    println!("{}", line("days out of the store", rolled));
    println!("{}", line("AQI and the year, three editions", judged));
    // A part of a nation has a part of the time.
    let goal = GOAL_S * stations as f64 / STATIONS as f64;
    let reached = goal / ours.wall * 100.0;
    println!(
        "{}; goal {goal:.2}, reached {reached:.0} %",
        line("both", ours)
    );
    nation.lay_down(&directory.path().join("values.i16"))?;
    for peer in python::run("nation.py", directory.path(), stations)?.unwrap_or_default() {
        let (ratio, cpu) = (peer.took.wall / ours.wall, peer.took.cpu / ours.cpu);
        println!(
            "{}; skytier {ratio:.2} x ({cpu:.2} x by processor time), goal {GOAL_POLARS}, reached {:.0} %",
            line(&peer.name, peer.took),
            ratio / GOAL_POLARS * 100.0
        );
        compare(directory.path(), &found)?;
    }
    Ok(())
}

fn assessor(recipe: &Recipe, days: StationDays) -> anyhow::Result<Assessor> {
    Ok(Assessor {
        editions: Arc::clone(&recipe.editions),
        publication: standards::publication()?,
        registry: Arc::new(Registry::default()),
        days: Arc::new(days),
    })
}

/// Every station, on as many threads as there are cores.
fn judge(assessor: &Assessor, stations: usize) -> anyhow::Result<Vec<Station>> {
    let year = NaiveDate::from_ymd_opt(2025, 1, 1).context("a day")?;
    let period = PeriodKind::Year.containing(year);
    let numbers: Vec<usize> = (0..stations).collect();
    let share = stations.div_ceil(std::thread::available_parallelism()?.get());
    let one = |number: &usize| station(assessor, *number, &period);
    let parts: Vec<anyhow::Result<Vec<Station>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = numbers
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(one).collect()))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    let parts: anyhow::Result<Vec<Vec<Station>>> = parts.into_iter().collect();
    Ok(parts?.into_iter().flatten().collect())
}

fn station(assessor: &Assessor, number: usize, period: &Period) -> anyhow::Result<Station> {
    let area = Area::Station(Nation::station(number));
    let mut station = Station {
        values: Vec::new(),
        judged: Vec::new(),
    };
    for id in EDITIONS {
        let choice = EditionChoice::Fixed(id.to_owned());
        let choices = Choices::default();
        let days = assessor.days(&area, period.span, &choice, choices);
        let edition = assessor.editions.by_id(id).context(id)?;
        let rules = assessor.rules(edition, choices);
        station.judged.push(Judged {
            aqi: days.iter().map(|day| day.index.aqi).collect(),
            year: assess(&rules, PeriodKind::Year, period.clone(), days.as_slice()),
        });
        if station.values.is_empty() {
            station.values = days.into_iter().map(|day| day.values.values).collect();
        }
    }
    Ok(station)
}

fn float(value: &Exact) -> f64 {
    value.round(12).scaled() as f64 / 1e12
}

/// Numbers of a peer's file, and how they are read.
fn numbers<const SIZE: usize, T>(
    directory: &Path,
    name: &str,
    read: fn([u8; SIZE]) -> T,
) -> anyhow::Result<Vec<T>> {
    let bytes = std::fs::read(directory.join(name))?;
    let (numbers, rest) = bytes.as_chunks::<SIZE>();
    ensure!(rest.is_empty(), "{name}: a part of a number");
    Ok(numbers.iter().copied().map(read).collect())
}

/// Holds polars' figures beside ours.
fn compare(directory: &Path, stations: &[Station]) -> anyhow::Result<()> {
    let days = numbers(directory, "days.f64", f64::from_le_bytes)?;
    let aqi = numbers(directory, "aqi.i32", i32::from_le_bytes)?;
    let percentiles = numbers(directory, "percentiles.f64", f64::from_le_bytes)?;
    let count = stations.len();
    let same = |ours: Option<f64>, theirs: f64| match ours {
        Some(ours) => (ours - theirs).abs() <= 1e-7 * ours.abs().max(1.0),
        None => theirs.is_nan(),
    };
    let (mut compared, mut differ) = ([0u64; 3], [0u64; 3]);
    let mut note = |what: usize, same: bool| {
        compared[what] += 1;
        differ[what] += u64::from(!same);
    };
    for (number, station) in stations.iter().enumerate() {
        for (day, values) in station.values.iter().enumerate() {
            // Ozone days of too few windows that exceed the limit are the edition's, not the measurement's.
            for pollutant in Pollutant::ALL.iter().filter(|own| **own != Pollutant::O3) {
                let at = pollutant.index();
                let theirs = days[(at * count + number) * DAYS + day];
                note(0, same(values[at].as_ref().map(float), theirs));
            }
        }
        for (edition, judged) in station.judged.iter().enumerate() {
            for (day, ours) in judged.aqi.iter().enumerate() {
                let theirs = aqi[(edition * count + number) * DAYS + day];
                note(1, ours.unwrap_or(-1) == i64::from(theirs));
            }
            for pollutant in Pollutant::ALL {
                let at = pollutant.index();
                let own = judged.year.pollutants[at].percentile.as_ref();
                let theirs = percentiles[(edition * 6 + at) * count + number];
                note(2, same(own.map(|own| float(&own.value)), theirs));
            }
        }
    }
    println!(
        "  compared {} daily values, {} AQI, {} percentiles; {} differ",
        compared[0],
        compared[1],
        compared[2],
        differ.iter().sum::<u64>()
    );
    ensure!(differ == [0; 3], "figures differ: {differ:?}");
    Ok(())
}
