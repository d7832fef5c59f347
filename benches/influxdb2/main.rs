//! The store on an InfluxDB 2 and the mirror, each beside the same bodies posted without skytier.
//!
//! A year of hours of 20 stations with six factors goes through `Series::append` into the stub of the tests, and through
//! the mirror into VictoriaMetrics, where that is installed. The bodies that were sent then go to a fresh server of the
//! same kind, one request after the other, and the ratio of both is what skytier adds. One station's year and all of
//! them are read back. Run it with `make bench`.

mod readings;
#[path = "../store/servers.rs"]
mod servers;
mod victoria;

#[path = "../../tests/it/support"]
mod support {
    //! What the stub needs of the tests' support.

    #[expect(dead_code, reason = "the tests use all of it")]
    pub(crate) mod influxdb2;

    use std::time::Duration;
    use std::time::Instant;

    pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

    /// Waits until `ready` gives something.
    pub(crate) fn wait_for<T>(
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = ready() {
                return found;
            }
            assert!(started.elapsed() < limit, "not in time: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::influxdb2::Influx;
use skytier::adapters::store::influxdb2::mirror::Lines;
use skytier::adapters::store::influxdb2::mirror::Mirror;
use skytier::adapters::store::influxdb2::settings::InfluxSettings;
use skytier::adapters::store::influxdb2::settings::Token;
use skytier::ports::Range;
use skytier::ports::Series as _;
use support::influxdb2::BUCKET;
use support::influxdb2::ORG;
use support::influxdb2::Stub;
use support::influxdb2::TOKEN;
use tempfile::TempDir;

/// Ways are measured this often in turn, and the best of each counts: others use the machine too.
const TRIES: usize = 3;
/// What skytier may cost beside bare posting.
const RATIO: f64 = 0.7;

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    store(&runtime)?;
    mirror(&runtime)
}

fn settings(url: String) -> InfluxSettings {
    InfluxSettings {
        url,
        org: ORG.to_owned(),
        bucket: BUCKET.to_owned(),
        token: Token::new(TOKEN),
        ..InfluxSettings::default()
    }
}

fn opened(stub: &Stub, directory: &Path) -> anyhow::Result<Influx> {
    let base = Arc::new(Embedded::open(directory, Access::Write)?);
    let settings = settings(stub.url());
    Ok(Influx::new(settings, base, directory, Access::Write)?)
}

/// Tells both rates and their ratio.
fn beside(what: &str, ours: Duration, bare: Duration) {
    let rate = |took: Duration| readings::VALUES as f64 / took.as_secs_f64() / 1e6;
    let ratio = bare.as_secs_f64() / ours.as_secs_f64();
    println!(
        "{what:<44} {:>6.2} M values/s; bodies alone {:>6.2}; ratio {ratio:>5.2}, goal {RATIO:.2}",
        rate(ours),
        rate(bare)
    );
}

/// A year in, by the store and as bare bodies, and out again.
fn store(runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    let (mut last, mut bodies) = (None, Vec::new());
    for number in 0..=TRIES {
        let stub = Stub::start();
        // The first way tells what is sent, and is not measured.
        if number == 0 {
            stub.keep_bodies();
        }
        let directory = TempDir::new()?;
        let influx = opened(&stub, directory.path())?;
        let first = runtime.block_on(influx.keys())?;
        ensure!(first.is_empty(), "a new bucket is empty");
        let batches = readings::batches();
        let started = Instant::now();
        let mut new = 0;
        runtime.block_on(async {
            for batch in batches {
                new += influx.append(batch).await?.new;
            }
            anyhow::Ok(())
        })?;
        let took = started.elapsed();
        ensure!(new as usize == readings::VALUES, "{new} values are new");
        if number == 0 {
            bodies = stub.bodies();
            continue;
        }
        ours = ours.min(took);
        let other = Stub::start();
        bare = bare.min(post(&other.url(), &bodies)?);
        ensure!(
            stub.count("reading") == other.count("reading"),
            "both have the same"
        );
        last = Some((stub, directory));
    }
    beside("store into the stub", ours, bare);
    let (stub, directory) = last.context("a try")?;
    read_back(runtime, &stub, directory.path())?;
    Ok(())
}

/// Posts bodies one after the other over one connection.
fn post(url: &str, bodies: &[String]) -> anyhow::Result<Duration> {
    let agent = ureq::Agent::new_with_defaults();
    let url = format!("{url}/api/v2/write?bucket={BUCKET}&org={ORG}&precision=s");
    let started = Instant::now();
    for body in bodies {
        let request = agent
            .post(&url)
            .header("authorization", format!("Token {TOKEN}"));
        let answer = request.send(body.as_bytes())?;
        ensure!(answer.status().as_u16() == 204, "{}", answer.status());
    }
    Ok(started.elapsed())
}

fn read_back(
    runtime: &tokio::runtime::Runtime,
    stub: &Stub,
    directory: &Path,
) -> anyhow::Result<()> {
    let influx = opened(stub, directory)?;
    let keys = runtime.block_on(influx.keys())?;
    let own: Vec<_> = keys
        .iter()
        .filter(|key| key.source == keys[0].source)
        .cloned()
        .collect();
    for (what, keys) in [
        ("one station's year back", own),
        ("all stations' year back", keys),
    ] {
        let started = Instant::now();
        let mut read = 0;
        for key in &keys {
            let column = runtime.block_on(influx.column(key, Range::ALL))?;
            read += column.len();
        }
        let took = started.elapsed();
        ensure!(read == keys.len() * readings::HOURS, "{read} values");
        println!(
            "{what:<44} {:>6.2} M values/s; {read} values in {:.2} s",
            read as f64 / took.as_secs_f64() / 1e6,
            took.as_secs_f64()
        );
    }
    Ok(())
}

/// Brings a year to a server that copies are kept on; how long the writes took.
fn copy(runtime: &tokio::runtime::Runtime, url: String) -> anyhow::Result<Duration> {
    let mirror = Mirror::new(&settings(url)).map_err(anyhow::Error::msg)?;
    let batches = readings::batches();
    let started = Instant::now();
    for batch in batches {
        let mut lines = Lines::default();
        for one in &batch.observations {
            lines.reading(&one.key, &one.reading);
        }
        let written = runtime.block_on(mirror.write(&mut lines));
        written.map_err(anyhow::Error::msg)?;
        ensure!(lines.refused.is_empty(), "{:?}", lines.refused);
    }
    let mut lines = Lines::default();
    let arrived = runtime.block_on(mirror.arrive(&mut lines));
    arrived.map_err(anyhow::Error::msg)?;
    ensure!(lines.refused.is_empty(), "{:?}", lines.refused);
    Ok(started.elapsed())
}

fn mirror(runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
    let stub = Stub::start();
    stub.keep_bodies();
    copy(runtime, stub.url())?;
    let bodies = stub.bodies();
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        let Some(server) = servers::victoria_metrics()? else {
            println!("VictoriaMetrics is not installed: not measured");
            return Ok(());
        };
        ours = ours.min(copy(runtime, server.url.clone())?);
        let kept = victoria::kept(&server)?;
        ensure!(
            kept == readings::VALUES,
            "VictoriaMetrics keeps {kept} values"
        );
        let other = servers::victoria_metrics()?.context("it was there before")?;
        bare = bare.min(post(&other.url, &bodies)?);
    }
    beside("mirror into VictoriaMetrics", ours, bare);
    Ok(())
}
