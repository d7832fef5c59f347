//! Daily means of all series out of the embedded store, beside polars and DuckDB on the same values in one file.
//!
//! Hourly values of a year, once whole and once with gaps, so that times have to be unpacked too. Both ways that the
//! store reads are timed: a scan of bare numbers, on all cores, and readings one by one. Every mean is compared.
//! Run it with `make bench`; `SCAN_STATIONS` sets how many stations of six series, 400 as a rule.

#[path = "../nation/generated.rs"]
mod generated;
#[path = "../nation/python.rs"]
mod python;
#[path = "../nation/timing.rs"]
mod timing;

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use generated::DAYS;
use generated::Nation;
use generated::START;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::reading::SeriesKey;
use skytier::domain::strip::Strip;
use skytier::domain::strip::Times;
use skytier::ports::Range;
use skytier::ports::Series;
use tempfile::TempDir;
use timing::Took;
use timing::middle;

/// Stations as a rule.
const STATIONS: usize = 400;
/// Series scanned in one go.
const AT_ONCE: usize = 48;
/// Times everything is measured; the middle one is printed.
const RUNS: usize = 5;
/// Goals: millions of values a second, and times the peers.
const GOAL: f64 = 180.0;
const GOAL_POLARS: f64 = 2.5;
const GOAL_DUCKDB: f64 = 1.8;

/// Sum in millionths and count of each day of a series.
type Sums = Vec<(i64, u32)>;

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let stations = match std::env::var("SCAN_STATIONS") {
        Ok(text) => text.parse().context("SCAN_STATIONS")?,
        Err(_) => STATIONS,
    };
    for gaps in [false, true] {
        measure(Nation { stations, gaps })?;
    }
    Ok(())
}

fn measure(nation: Nation) -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let store = Arc::new(Embedded::open(directory.path(), Access::Write)?);
    let begun = Instant::now();
    let values = runtime.block_on(nation.store(&store))?;
    println!(
        "{values} hourly values of {} series{}, stored and merged in {:.0} s",
        nation.stations * 6,
        if nation.gaps { " with gaps" } else { "" },
        begun.elapsed().as_secs_f64()
    );
    let keys = runtime.block_on(store.keys())?;
    let (ours, sums) = middle(RUNS, || runtime.block_on(scan(&store, &keys)))?;
    let rates = |what: &str, took: Took| {
        let million = values as f64 / 1e6;
        let (wall, cpu) = (million / took.wall, million / took.cpu);
        format!("  {what:<22} {wall:>7.1} M values/s, {cpu:>6.1} a processor second")
    };
    let reached = ours_rate(values, ours) / GOAL * 100.0;
    println!(
        "{}; goal {GOAL}, reached {reached:.0} %",
        rates("scan to daily means", ours)
    );
    let (readings, count) = middle(RUNS, || runtime.block_on(columns(&store, &keys)))?;
    ensure!(count == values, "a reading each");
    println!("{}", rates("readings one by one", readings));
    nation.lay_down(&directory.path().join("values.i16"))?;
    for peer in python::run("scan.py", directory.path(), nation.stations)?.unwrap_or_default() {
        let goal = if peer.name == "polars" {
            GOAL_POLARS
        } else {
            GOAL_DUCKDB
        };
        let (ratio, cpu) = (peer.took.wall / ours.wall, peer.took.cpu / ours.cpu);
        println!(
            "{}; skytier {ratio:.2} x ({cpu:.2} x by processor time), goal {goal}, reached {:.0} %",
            rates(&peer.name, peer.took),
            ratio / goal * 100.0
        );
        compare(
            &directory.path().join(format!("{}.f64", peer.name)),
            &keys,
            &sums,
        )?;
    }
    Ok(())
}

fn ours_rate(values: u64, took: Took) -> f64 {
    values as f64 / took.wall / 1e6
}

fn add(sums: &mut Sums, strip: Strip<'_>) {
    let day = |time: i64| usize::try_from((time - 1 - START) / 86_400).expect("a day of the year");
    let mut from = 0;
    while from < strip.len() {
        let at = day(strip.time(from));
        let end = START + (at as i64 + 1) * 86_400;
        let to = match strip.times() {
            Times::Even { step, .. } => {
                let more = usize::try_from((end - strip.time(from)) / step).expect("forwards");
                strip.len().min(from + more + 1)
            }
            Times::Listed(times) => from + times[from..].partition_point(|time| *time <= end),
        };
        let sum = &mut sums[at];
        if strip.all_usable() {
            sum.0 += strip.values()[from..to].iter().sum::<i64>();
            sum.1 += (to - from) as u32;
        } else {
            for value in (from..to).filter_map(|at| strip.value(at)) {
                sum.0 += value.micros();
                sum.1 += 1;
            }
        }
        from = to;
    }
}

/// Every series' days, on as many threads as there are cores.
async fn scan(store: &Arc<Embedded>, keys: &[SeriesKey]) -> anyhow::Result<Vec<Sums>> {
    let workers = std::thread::available_parallelism()?.get();
    let limit = Arc::new(tokio::sync::Semaphore::new(workers));
    let mut running = tokio::task::JoinSet::new();
    for (part, keys) in keys.chunks(AT_ONCE).enumerate() {
        let (store, limit, keys) = (Arc::clone(store), Arc::clone(&limit), keys.to_vec());
        running.spawn(async move {
            let _turn = limit.acquire().await?;
            let sums = Arc::new(Mutex::new(vec![vec![(0, 0); DAYS]; keys.len()]));
            let into = Arc::clone(&sums);
            let visit = move |at: usize, strip: Strip<'_>| {
                add(&mut into.lock().expect("no panic here")[at], strip);
            };
            store.scan(&keys, Range::ALL, Box::new(visit)).await?;
            let sums = std::mem::take(&mut *sums.lock().expect("no panic here"));
            anyhow::Ok((part, sums))
        });
    }
    let mut parts = Vec::new();
    while let Some(part) = running.join_next().await {
        parts.push(part??);
    }
    parts.sort_by_key(|(part, _)| *part);
    Ok(parts.into_iter().flat_map(|(_, sums)| sums).collect())
}

/// Every column as readings; how many.
async fn columns(store: &Embedded, keys: &[SeriesKey]) -> anyhow::Result<u64> {
    let mut count = 0;
    for key in keys {
        count += store.column(key, Range::ALL).await?.len() as u64;
    }
    Ok(count)
}

/// Holds a peer's means beside ours. Theirs are by station, pollutant in report order and day, ours by key.
fn compare(path: &Path, keys: &[SeriesKey], sums: &[Sums]) -> anyhow::Result<()> {
    let bytes = std::fs::read(path)?;
    let (numbers, rest) = bytes.as_chunks::<8>();
    ensure!(
        rest.is_empty() && numbers.len() == keys.len() * DAYS,
        "{}",
        path.display()
    );
    let mut compared = 0;
    for (key, own) in keys.iter().zip(sums) {
        let factor = key.factor.as_str();
        let pollutants = skytier::domain::pollutant::Pollutant::ALL;
        let place = pollutants
            .iter()
            .position(|pollutant| pollutant.key() == factor);
        let station: usize = key.source.as_str()[1..].parse()?;
        let series = station * 6 + place.context("a pollutant")?;
        for (day, (sum, count)) in own.iter().enumerate() {
            let theirs = f64::from_le_bytes(numbers[series * DAYS + day]);
            let ours = *sum as f64 / 1e6 / f64::from(*count);
            let same = (ours - theirs).abs() <= 1e-9 * ours.abs().max(1.0);
            ensure!(
                same || (ours.is_nan() && theirs.is_nan()),
                "{key:?} day {day}: {ours}, {} {theirs}",
                path.display()
            );
            compared += 1;
        }
    }
    println!("  {compared:>32} means equal");
    Ok(())
}
