//! VictoriaMetrics and InfluxDB 1, given the same minute values as line protocol over HTTP.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use anyhow::ensure;
use skytier::ports::Batch;
use tempfile::TempDir;

use crate::servers;
use crate::servers::Server;
use crate::stream::Stream;

/// Where Debian puts it.
const INFLUXD: &str = "/usr/bin/influxd";

/// Measures what is installed, and says what is not.
pub(crate) fn beside(minutes: usize, ours: f64) -> anyhow::Result<()> {
    if let Some(server) = servers::victoria_metrics()? {
        let theirs = feed(&format!("{}/write?precision=s", server.url), minutes)?;
        drop(server);
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

fn influx(minutes: usize) -> anyhow::Result<f64> {
    let directory = TempDir::new()?;
    let (address, rpc) = (servers::free_address()?, servers::free_address()?);
    let config = directory.path().join("influxdb.conf");
    let place = directory.path().display();
    let text = format!(
        "reporting-disabled = true\nbind-address = \"{rpc}\"\n[meta]\ndir = \"{place}/meta\"\n[data]\n\
         dir = \"{place}/data\"\nwal-dir = \"{place}/wal\"\nmax-series-per-database = 0\n\
         [monitor]\nstore-enabled = false\n[http]\nbind-address = \"{address}\"\nlog-enabled = false\n"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(INFLUXD);
    command.arg("-config").arg(&config);
    let server = Server::start(&mut command, (address, "/ping"), directory)?;
    let url = &server.url;
    ureq::post(format!("{url}/query?q=CREATE%20DATABASE%20bench")).send_empty()?;
    feed(&format!("{url}/write?db=bench&precision=s"), minutes)
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
