//! VictoriaMetrics and InfluxDB 1, given the same minute values as line protocol over HTTP.

use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use skytier::ports::Batch;
use tempfile::TempDir;

use crate::stream::Stream;

/// Longest wait for a server to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where Debian puts them.
const VICTORIA_METRICS: &str = "/usr/bin/victoria-metrics";
const INFLUXD: &str = "/usr/bin/influxd";

/// Measures what is installed, and says what is not.
pub(crate) fn beside(minutes: usize, ours: f64) -> anyhow::Result<()> {
    if Path::new(VICTORIA_METRICS).is_file() {
        let theirs = victoria_metrics(minutes)?;
        println!(
            "VictoriaMetrics, which does not sync   {theirs:>9.2} M values/s; skytier {:.2} x",
            ours / theirs
        );
    } else {
        println!("VictoriaMetrics is not installed: not measured");
    }
    if Path::new(INFLUXD).is_file() {
        let theirs = influx(minutes)?;
        println!(
            "InfluxDB 1                             {theirs:>9.2} M values/s; skytier {:.2} x",
            ours / theirs
        );
    } else {
        println!("InfluxDB 1 is not installed: not measured");
    }
    Ok(())
}

fn victoria_metrics(minutes: usize) -> anyhow::Result<f64> {
    let directory = TempDir::new()?;
    let address = free_address()?;
    let server = Command::new(VICTORIA_METRICS)
        .arg(format!("-storageDataPath={}", directory.path().display()))
        .arg(format!("-httpListenAddr={address}"))
        .arg("-retentionPeriod=100y")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start victoria-metrics")?;
    let server = Server(server);
    until_answered(&format!("http://{address}/health"))?;
    let rate = feed(&format!("http://{address}/write?precision=s"), minutes);
    drop(server);
    rate
}

fn influx(minutes: usize) -> anyhow::Result<f64> {
    let directory = TempDir::new()?;
    let (address, rpc) = (free_address()?, free_address()?);
    let config = directory.path().join("influxdb.conf");
    let place = directory.path().display();
    let text = format!(
        "reporting-disabled = true\nbind-address = \"{rpc}\"\n[meta]\ndir = \"{place}/meta\"\n[data]\n\
         dir = \"{place}/data\"\nwal-dir = \"{place}/wal\"\nmax-series-per-database = 0\n\
         [monitor]\nstore-enabled = false\n[http]\nbind-address = \"{address}\"\nlog-enabled = false\n"
    );
    std::fs::write(&config, text)?;
    let server = Command::new(INFLUXD)
        .arg("-config")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start influxd")?;
    let server = Server(server);
    until_answered(&format!("http://{address}/ping"))?;
    ureq::post(format!(
        "http://{address}/query?q=CREATE%20DATABASE%20bench"
    ))
    .send_empty()?;
    let rate = feed(
        &format!("http://{address}/write?db=bench&precision=s"),
        minutes,
    );
    drop(server);
    rate
}

/// Posts the stream, a batch a request; millions of values a second of the time requests took.
fn feed(url: &str, minutes: usize) -> anyhow::Result<f64> {
    let mut stream = Stream::minutes(minutes);
    let values = stream.values();
    let mut took = Duration::ZERO;
    while let Some(batch) = stream.next_batch() {
        let lines = lines(&batch);
        let started = Instant::now();
        let answer = ureq::post(url).send(&lines)?;
        took += started.elapsed();
        ensure!(answer.status().is_success(), "{url}: {}", answer.status());
    }
    Ok(values as f64 / took.as_secs_f64() / 1e6)
}

/// One line a station and time; its factors as fields.
fn lines(batch: &Batch) -> String {
    let mut lines = String::new();
    let same = |a: &skytier::domain::reading::Observation,
                b: &skytier::domain::reading::Observation| {
        a.key.source == b.key.source && a.reading.time == b.reading.time
    };
    for group in batch.observations.chunk_by(same) {
        let first = &group[0];
        lines.push_str("air,station=");
        lines.push_str(first.key.source.as_str());
        let mut before = ' ';
        for one in group {
            let value = one
                .reading
                .value
                .map_or_else(String::new, |value| value.to_string());
            write!(lines, "{before}{}={value}", one.key.factor).expect("a text grows");
            before = ',';
        }
        writeln!(lines, " {}", first.reading.time.unix()).expect("a text grows");
    }
    lines
}

fn free_address() -> anyhow::Result<std::net::SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn until_answered(url: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    while ureq::get(url).call().is_err() {
        ensure!(started.elapsed() < PATIENCE, "{url} does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A server; killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
