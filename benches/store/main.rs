//! The embedded store by itself: ingest with a sync per commit, size, scans, restart after a kill, memory.
//!
//! Minute values of 20,000 series, one decimal, 1 % late by up to an hour and 1 % repeated, go through
//! `Series::append` in batches of at most 50,000 values, two in flight. A child process does the same and is killed.
//! Hourly values of 2,000 series over a year follow. Where VictoriaMetrics or InfluxDB 1 are installed, they get
//! the same minute values over HTTP. Run it with `make bench`; `cargo bench --bench store -- --long` tells how ingest
//! changes up to a thousand million values.

mod peers;
mod servers;
mod stream;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::ports::Range;
use skytier::ports::Series;
use skytier::ports::Verify;
use stream::Stream;
use tempfile::TempDir;

/// Minutes of values that are ingested.
const MINUTES: usize = 2_000;
/// Minutes of a county's values; merging begins every six hours.
const COUNTY_MINUTES: usize = 4_000;
/// Minutes of a country's values.
const COUNTRY_MINUTES: usize = 30;
/// Minutes of a thousand million values.
const LONG_MINUTES: usize = 50_000;
/// How long the child writes before it is killed.
const CHILD_RUNS: Duration = Duration::from_secs(8);
/// Batches in flight.
const IN_FLIGHT: usize = 2;
/// How Linux counts processor time.
const TICKS_A_SECOND: f64 = 100.0;
/// Threads of the scan.
const SCANNERS: usize = 2;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--country") {
        return country_child(Path::new(args.get(at + 1).context("a directory")?));
    }
    if let Some(at) = args.iter().position(|arg| arg == "--child") {
        return child(Path::new(args.get(at + 1).context("a directory")?));
    }
    // `cargo test` may run this file too, to see that it starts.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    if args.iter().any(|arg| arg == "--long") {
        return growing(&runtime);
    }
    let ours = minute_values(&runtime)?;
    hourly_values(&runtime)?;
    county(&runtime)?;
    country()?;
    after_a_kill(&runtime)?;
    peers::beside(MINUTES, ours)
}

/// A figure beside its goal.
fn goal(what: &str, found: f64, goal: f64, unit: &str, less_is_better: bool) {
    let ratio = if less_is_better {
        goal / found
    } else {
        found / goal
    };
    println!(
        "{what:<46} {found:>9.2} {unit:<14} goal {goal:>6.2}, reached {:>4.0} %",
        ratio * 100.0
    );
}

/// Ingests a stream; how long each batch took from submission to its answer.
async fn ingest(
    store: &Embedded,
    mut stream: Stream,
    mut told: impl FnMut(usize),
) -> anyhow::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    let mut in_flight = futures_util::stream::FuturesOrdered::new();
    let mut sent = 0;
    loop {
        let next = stream.next_batch();
        let over = next.is_none();
        if let Some(batch) = next {
            sent += 1;
            let started = Instant::now();
            let append = store.append(batch);
            in_flight.push_back(async move { append.await.map(|_| started.elapsed()) });
        }
        while in_flight.len() >= IN_FLIGHT || (over && !in_flight.is_empty()) {
            let done = futures_util::StreamExt::next(&mut in_flight).await;
            waits.push(done.context("one in flight")??);
            told(sent - in_flight.len());
        }
        if over {
            return Ok(waits);
        }
    }
}

/// Millions of values a second that were ingested.
fn minute_values(runtime: &tokio::runtime::Runtime) -> anyhow::Result<f64> {
    let directory = TempDir::new()?;
    let store = Embedded::open(directory.path(), Access::Write)?;
    let stream = Stream::minutes(MINUTES);
    let values = stream.values();
    let started = Instant::now();
    let mut waits = runtime.block_on(ingest(&store, stream, |_| ()))?;
    let took = started.elapsed();
    let rate = millions(values, took);
    goal(
        "ingest, 20,000 series, minutes",
        rate,
        4.0,
        "M values/s",
        false,
    );
    println!(
        "  {:.2} M values a second of the writer's processor time, {:.2} of the process's",
        values as f64 / processor_s(Some("skytier-store"))? / 1e6,
        values as f64 / processor_s(None)? / 1e6
    );
    waits.sort();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "  {} values; a batch of {} is on disk after {:.1} ms (median), {:.1} ms (99 %), {:.1} ms (longest)",
        values,
        values / waits.len(),
        at(50),
        at(99),
        at(100)
    );
    goal("peak resident memory", peak_mib()?, 1_500.0, "MiB", true);
    runtime.block_on(store.merge())?;
    let merged = millions(values, started.elapsed());
    println!("  {merged:.2} M values/s until all was merged into blocks");
    size("minute values", directory.path(), 0.9)?;
    one_by_one(runtime, &store)?;
    let verified = runtime.block_on(store.verify())?;
    ensure!(verified.fault.is_none(), "verify: {:?}", verified.fault);
    Ok(rate)
}

/// How long anybody waits at a county's load while the store merges: 50 stations, a batch a minute, and a day at once.
fn county(runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let store = Embedded::open(directory.path(), Access::Write)?;
    let stream = Stream::county(COUNTY_MINUTES);
    let values = stream.values();
    let mut waits = runtime.block_on(ingest(&store, stream, |_| ()))?;
    // The one with a day in it is as long as it is large, and the one behind it waits for it.
    waits.sort();
    let burst = waits.pop().context("a burst")?;
    let behind = waits.pop().context("a batch behind it")?;
    let longest = waits.pop().context("a batch")?;
    let stall = longest.as_secs_f64() * 1e3;
    goal(
        "longest wait, county, while merging",
        stall,
        50.0,
        "ms",
        true,
    );
    println!(
        "  {values} values in {} batches; a day of all stations at once took {:.0} ms, the batch behind it {:.0} ms",
        waits.len() + 3,
        burst.as_secs_f64() * 1e3,
        behind.as_secs_f64() * 1e3
    );
    Ok(())
}

/// Memory with 500,000 series, in a process of its own.
fn country() -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let child = Command::new(std::env::current_exe()?)
        .arg("--country")
        .arg(directory.path())
        .stdout(Stdio::piped())
        .output()?;
    ensure!(child.status.success(), "the child failed");
    print!("{}", String::from_utf8(child.stdout)?);
    Ok(())
}

fn country_child(directory: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let store = Embedded::open(directory, Access::Write)?;
    let stream = Stream::country(COUNTRY_MINUTES);
    let values = stream.values();
    let started = Instant::now();
    let waits = runtime.block_on(ingest(&store, stream, |_| ()))?;
    let rate = millions(values, started.elapsed());
    let longest = waits.iter().max().context("a batch")?;
    runtime.block_on(store.merge())?;
    goal(
        "peak memory, 500,000 series",
        peak_mib()?,
        1_500.0,
        "MiB",
        true,
    );
    println!(
        "  {rate:.2} M values/s taken in, {:.2} until all was merged; longest wait {:.0} ms",
        millions(values, started.elapsed()),
        longest.as_secs_f64() * 1e3
    );
    Ok(())
}

/// How ingest changes from ten million values to a thousand million.
fn growing(runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let store = Embedded::open(directory.path(), Access::Write)?;
    let stream = Stream::minutes(LONG_MINUTES);
    let batch = stream.values() / LONG_MINUTES * 2;
    let mut next = 10_000_000;
    let (mut since, mut before) = (Instant::now(), 0);
    let told = |batches: usize| {
        let values = batches * batch;
        if values >= next {
            let rate = millions(values - before, since.elapsed());
            println!(
                "up to {:>5} M values: {rate:.2} M values/s",
                values / 1_000_000
            );
            (since, before) = (Instant::now(), values);
            next = next.saturating_mul(10).min(next + 100_000_000);
        }
    };
    runtime.block_on(ingest(&store, stream, told))?;
    runtime.block_on(store.merge())?;
    size("minute values", directory.path(), 0.9)
}

fn hourly_values(runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let store = Embedded::open(directory.path(), Access::Write)?;
    let stream = Stream::hours(8_760);
    let values = stream.values();
    let started = Instant::now();
    runtime.block_on(ingest(&store, stream, |_| ()))?;
    runtime.block_on(store.merge())?;
    let rate = millions(values, started.elapsed());
    println!("ingest and merge, 2,000 series, hours of a year   {rate:>6.2} M values/s");
    size("hourly values", directory.path(), 1.3)?;
    one_by_one(runtime, &store)
}

/// Daily means of every series, by the port that the flows use.
fn one_by_one(runtime: &tokio::runtime::Runtime, store: &Embedded) -> anyhow::Result<()> {
    let keys = runtime.block_on(store.keys())?;
    let started = Instant::now();
    let share = keys.len().div_ceil(SCANNERS);
    let part = |keys: &[skytier::domain::reading::SeriesKey]| -> anyhow::Result<(u64, u64)> {
        let (mut values, mut days) = (0, 0);
        for key in keys {
            let column = runtime.block_on(store.column(key, Range::ALL))?;
            values += column.len() as u64;
            days += stream::daily_means(&column).len() as u64;
        }
        Ok((values, days))
    };
    let parts: anyhow::Result<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = keys
            .chunks(share)
            .map(|keys| scope.spawn(|| part(keys)))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    let parts = parts?;
    let values: u64 = parts.iter().map(|part| part.0).sum();
    let rate = millions(usize::try_from(values)?, started.elapsed());
    println!("readings one by one to daily means, all series {rate:>8.2} M values/s");
    Ok(())
}

fn size(what: &str, directory: &Path, target: f64) -> anyhow::Result<()> {
    let connection = rusqlite::Connection::open(directory.join("skytier.db"))?;
    let sums = "SELECT sum(length(data)), sum(n), count(*) FROM block";
    let (data, n, blocks): (f64, f64, f64) =
        connection.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let free: f64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let pages: f64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let bytes = (pages - free) * 16_384.0;
    goal(
        &format!("{what}: bytes a value, pages in use"),
        bytes / n,
        target,
        "bytes",
        true,
    );
    println!(
        "  {:.2} in the columns themselves; {blocks} blocks of {:.0} values; {:.0} % of the file is free for use",
        data / n,
        n / blocks,
        free / pages * 100.0
    );
    Ok(())
}

/// A child that is killed while it writes: everything it said was on disk must be there.
fn after_a_kill(runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(directory.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(child.stdout.take().context("its output")?);
    let reader = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines.filter_map(|line| line.parse::<usize>().ok()).last()
    });
    std::thread::sleep(CHILD_RUNS);
    child.kill()?;
    child.wait()?;
    let acknowledged = reader
        .join()
        .expect("no panic")
        .context("nothing acknowledged")?;
    let started = Instant::now();
    let store = Embedded::open(directory.path(), Access::Write)?;
    let keys = runtime.block_on(store.keys())?;
    let first = runtime.block_on(store.column(&keys[0], Range::ALL))?;
    let took = started.elapsed();
    ensure!(!first.is_empty(), "nothing in the first column");
    goal(
        "open after kill -9, with a first column",
        took.as_secs_f64(),
        0.5,
        "s",
        true,
    );
    let mut stream = Stream::minutes(MINUTES * 10);
    let (mut missing, mut checked) = (0u64, 0u64);
    let mut columns = std::collections::HashMap::new();
    for _ in 0..acknowledged {
        let batch = stream
            .next_batch()
            .context("the child got further than the stream")?;
        for one in batch.observations.iter().step_by(997) {
            let column = match columns.entry(one.key.clone()) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    let column = runtime.block_on(store.column(&one.key, Range::ALL))?;
                    let by_time = column
                        .into_iter()
                        .map(|reading| (reading.time, reading.value));
                    new.insert(by_time.collect::<std::collections::HashMap<_, _>>())
                }
            };
            checked += 1;
            missing += u64::from(column.get(&one.reading.time) != Some(&one.reading.value));
        }
    }
    println!(
        "  {acknowledged} batches acknowledged; of {checked} values looked up {missing} are missing"
    );
    ensure!(missing == 0, "acknowledged values are missing");
    Ok(())
}

/// Ingests for ever, printing the count of batches on disk.
fn child(directory: &Path) -> anyhow::Result<()> {
    let store = Embedded::open(directory, Access::Write)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut out = std::io::stdout().lock();
    let told = |batches| {
        // The parent may be gone; then nobody minds.
        drop(writeln!(out, "{batches}").and_then(|()| out.flush()));
    };
    runtime.block_on(ingest(&store, Stream::minutes(MINUTES * 10), told))?;
    Ok(())
}

fn millions(values: usize, took: Duration) -> f64 {
    values as f64 / took.as_secs_f64() / 1e6
}

/// Processor time that a thread of this process, or all of them together, have taken so far.
fn processor_s(thread: Option<&str>) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = std::fs::read_to_string(task.join("comm"))?;
        if thread.is_none_or(|thread| name.trim() == thread) {
            let stat = std::fs::read_to_string(task.join("stat"))?;
            let after = stat.rsplit_once(')').context("a name in brackets")?.1;
            let fields = after.split_whitespace().skip(11).take(2);
            for field in fields {
                ticks += field.parse::<u64>()?;
            }
        }
    }
    Ok(ticks as f64 / TICKS_A_SECOND)
}

/// Most memory this process ever had resident.
fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak = line
        .and_then(|line| line.split_whitespace().nth(1))
        .context("VmHWM")?;
    Ok(peak.parse::<f64>()? / 1024.0)
}
