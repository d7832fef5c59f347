//! Enterprise credit under load: a daemon in a process of its own with 100,000 enterprises and a million rows in its
//! ledger, asked for 10,000 tiers at once, for single tiers at a steady pace, and for all changes while entries arrive.
//!
//! Debian's nginx, where it is there, sends the same bytes as static files to the same client, which shows what of a time
//! is the machine's. Run it with `make bench`; `CREDIT_UNITS` makes the ledger smaller or larger.

mod client;
mod ledger;
mod nginx;

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use client::Client;
use ledger::ENTRIES_OF_UNIT;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

/// Enterprises as a rule.
const UNITS: usize = 100_000;
/// Tiers asked for at once, and how often.
const BATCH: usize = 10_000;
const BATCHES: usize = 15;
/// Single tiers a second, for how long, over how many connections.
const SINGLES_PER_S: u32 = 5_000;
const SINGLES_S: u32 = 8;
const CONNECTIONS: u32 = 8;
/// Time for the connections to stand before the first is due.
const LEAD: Duration = Duration::from_millis(200);
/// How often that is measured; the best counts, as others use the machine too.
const TRIES: usize = 3;
/// Entries that arrive while all changes are read.
const ENTRIES: usize = 50;
/// Rows of one page of changes.
const PAGE: usize = 10_000;
/// Clock ticks of a second in `/proc`.
const TICKS: f64 = 100.0;
/// Goals.
const GOAL_BATCH_MS: f64 = 80.0;
const GOAL_SINGLE_MS: f64 = 2.0;
/// The day that is asked about.
const ON: &str = "2026-07-15";

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let units = match std::env::var("CREDIT_UNITS") {
        Ok(text) => text.parse().context("CREDIT_UNITS")?,
        Err(_) => UNITS,
    };
    let folder = TempDir::new()?;
    let begun = Instant::now();
    let subjects = ledger::store(folder.path(), units)?;
    println!(
        "{units} enterprises, {} rows of ledger, written in {:.0} s",
        units * ENTRIES_OF_UNIT,
        begun.elapsed().as_secs_f64()
    );
    let begun = Instant::now();
    let daemon = Daemon::start(folder.path())?;
    println!("daemon ready after {:.1} s", begun.elapsed().as_secs_f64());
    let asked = |at: usize| subjects[(at * 7_919) % subjects.len()].as_str();
    let items: Vec<Value> = (0..BATCH.min(units))
        .map(|at| json!({"subject": asked(at)}))
        .collect();
    let body = json!({"on": ON, "items": items}).to_string();
    let answer = batches(&daemon.address, &body)?;
    let paths: Vec<String> = (0..units.min(50_000))
        .map(|at| format!("/v1/enterprises/{}/tier?on={ON}", asked(at)))
        .collect();
    let asked_of = (daemon.address.as_str(), Some(daemon.process.id()));
    let single = singles("single tiers", asked_of, &paths)?;
    changes(&daemon.address, asked(1))?;
    let one = Client::open(&daemon.address)?.get(&paths[0])?;
    match nginx::Nginx::start(&[("batch", &answer), ("single", &one)])? {
        None => println!("nginx is not installed: no comparison"),
        Some(nginx) => {
            let mut client = Client::open(&nginx.address)?;
            let took = middle((0..BATCHES).map(|_| client.timed_get("/batch")));
            println!(
                "  nginx, the same bytes as the batch: {:.1} ms",
                took? * 1e3
            );
            let paths = vec!["/single".to_owned()];
            let asked_of = (nginx.address.as_str(), None);
            let theirs = singles("nginx, the same bytes as one", asked_of, &paths)?;
            println!("  ratio of the 99th percentiles: {:.1}", single / theirs);
        }
    }
    Ok(())
}

/// The middle one of some times.
fn middle(times: impl Iterator<Item = anyhow::Result<f64>>) -> anyhow::Result<f64> {
    let mut times = times.collect::<anyhow::Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() / 2)
        .copied()
        .context("a time at least")
}

/// Asks for many tiers at once, over and over; the last answer.
fn batches(address: &str, body: &str) -> anyhow::Result<Vec<u8>> {
    let mut client = Client::open(address)?;
    let mut answer = client.post("/v1/tiers/lookup", body)?;
    let mut best = f64::INFINITY;
    let took = middle((0..BATCHES).map(|_| {
        let begun = Instant::now();
        answer = client.post("/v1/tiers/lookup", body)?;
        let took = begun.elapsed().as_secs_f64();
        best = best.min(took);
        Ok(took)
    }))?;
    let read: Value = serde_json::from_slice(&answer)?;
    let items = read["items"].as_array().context("items")?;
    let wrong = items
        .iter()
        .filter(|item| item.get("error").is_some())
        .count();
    ensure!(
        wrong == 0 && read["receipt"].is_string(),
        "{wrong} items were not answered"
    );
    println!(
        "  {} tiers in one request: {:.1} ms (best {:.1}), goal {GOAL_BATCH_MS}; {} bytes",
        items.len(),
        took * 1e3,
        best * 1e3,
        answer.len()
    );
    Ok(answer)
}

/// Asks for single answers at a steady pace, several times; the best 99th percentile in seconds, from when each was due.
fn singles(
    what: &str,
    (address, process): (&str, Option<u32>),
    paths: &[String],
) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let before = process.map(processor).transpose()?;
        let (begun, stolen_before) = (Instant::now(), stolen()?);
        let mut times = asked(address, paths)?;
        let count = times.len() as f64;
        let rate = count / begun.elapsed().saturating_sub(LEAD).as_secs_f64();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
        print!(
            "  {what}: {rate:.0}/s, {:.2} ms half, {:.2} ms 99 % (goal {GOAL_SINGLE_MS}), {:.2} ms 99.9 %",
            at(0.5),
            at(0.99),
            at(0.999)
        );
        let away = (stolen()? - stolen_before) / begun.elapsed().as_secs_f64() * 100.0;
        print!("; other machines took {away:.1} % of a processor");
        match process.map(processor).transpose()?.zip(before) {
            Some((now, before)) => {
                let each = (now - before) / count * 1e6;
                println!("; {each:.0} us of processor time each");
            }
            None => println!(),
        }
        best = best.min(at(0.99) / 1e3);
    }
    Ok(best)
}

/// Seconds from when each question was due to its answer.
fn asked(address: &str, paths: &[String]) -> anyhow::Result<Vec<f64>> {
    let gap = Duration::from_secs(1) * CONNECTIONS / SINGLES_PER_S;
    let each = SINGLES_PER_S * SINGLES_S / CONNECTIONS;
    let begin = Instant::now() + LEAD;
    let ask = |number: u32| -> anyhow::Result<Vec<f64>> {
        let mut client = Client::open(address)?;
        let begin = begin + gap * number / CONNECTIONS;
        let mut times = Vec::new();
        for turn in 0..each {
            let due = begin + gap * turn;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let path = &paths[(turn * CONNECTIONS + number) as usize % paths.len()];
            client.get(path)?;
            times.push(due.elapsed().as_secs_f64());
        }
        Ok(times)
    };
    let all: Vec<anyhow::Result<Vec<f64>>> = thread::scope(|scope| {
        let asking = (0..CONNECTIONS).map(|number| scope.spawn(move || ask(number)));
        let asking: Vec<_> = asking.collect();
        let done = asking.into_iter();
        done.map(|one| one.join().expect("no panic")).collect()
    });
    let all: anyhow::Result<Vec<Vec<f64>>> = all.into_iter().collect();
    Ok(all?.concat())
}

/// Seconds of processor time a process took so far, in the program and in the system for it.
fn processor(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a name in brackets")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = ticks.map(str::parse::<f64>).collect();
    Ok(ticks?.iter().sum::<f64>() / TICKS)
}

/// Seconds of processor time that the host gave to others since it started, all processors together.
fn stolen() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let all = stat.lines().next().context("a line of all processors")?;
    let ticks = all.split_whitespace().nth(8).context("stolen time")?;
    Ok(ticks.parse::<f64>()? / TICKS)
}

/// Reads every change while entries arrive; none may be missing or out of order.
fn changes(address: &str, subject: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let entering = || -> anyhow::Result<f64> {
        let mut client = Client::open(address)?;
        middle((0..ENTRIES).map(|at| {
            let fields = json!({"id": format!("late-{at}"), "code": "D23", "doc_date": "2026-03-02", "entered_by": "Li Na"});
            let begun = Instant::now();
            client.post(&format!("/v1/enterprises/{subject}/records"), &fields.to_string())?;
            Ok(begun.elapsed().as_secs_f64())
        }))
    };
    let (entry, read) = thread::scope(|scope| {
        let entering = scope.spawn(entering);
        let read = follow(address, &entering);
        (entering.join().expect("no panic"), read)
    });
    println!(
        "  {} changes read in {:.1} s while {ENTRIES} entries arrived, each in {:.1} ms",
        read?,
        begun.elapsed().as_secs_f64(),
        entry? * 1e3
    );
    Ok(())
}

/// Follows the feed until it is at its end and nobody enters any more; rows read.
fn follow<T>(address: &str, entering: &thread::ScopedJoinHandle<'_, T>) -> anyhow::Result<u64> {
    let mut client = Client::open(address)?;
    let mut after = 0;
    loop {
        let ended = entering.is_finished();
        let page = client.get(&format!("/v1/changes?after={after}&limit={PAGE}"))?;
        let page: Value = serde_json::from_slice(&page)?;
        for row in page["changes"].as_array().context("changes")? {
            after += 1;
            ensure!(row["cursor"] == after, "row {after} is missing");
        }
        if ended && page["more"] == false {
            return Ok(after);
        }
    }
}

/// The daemon in a process of its own.
struct Daemon {
    process: Child,
    address: String,
}

impl Daemon {
    fn start(data: &Path) -> anyhow::Result<Daemon> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skytier"));
        command.args(["serve", "--data"]).arg(data);
        command.env("SKYTIER__HTTP__LISTEN", "127.0.0.1:0");
        command.env("SKYTIER__MQTT__EMBEDDED__ENABLED", "false");
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let out = process.stdout.take().context("standard output")?;
        let mut daemon = Daemon {
            process,
            address: String::new(),
        };
        for line in BufReader::new(out).lines() {
            let line = line?;
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(|c: char| c == '/' || c.is_whitespace());
                daemon.address = rest[..end.unwrap_or(rest.len())].to_owned();
                return Ok(daemon);
            }
        }
        anyhow::bail!("the daemon ended before it was ready")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
