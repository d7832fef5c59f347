//! MQTT to disk: the daemon, which acknowledges after its sync, beside Mosquitto alone, which acknowledges on
//! receipt and keeps nothing. Both are fed by the publisher of `skytier replay` with the same recorded hours.
//!
//! Then the daemon is killed, started again and asked whether everything acknowledged is there, and many devices at
//! once are compared. Run it with `make bench`; `devices` as an argument leaves the first part out.

mod devices;

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use skytier::adapters::layout::Layout;
use skytier::adapters::payload::topic::Topics;
use skytier::app::replay::Rate;
use skytier::app::replay::ReplayReport;
use skytier::app::replay::replay;
use skytier::app::seeds;
use tempfile::TempDir;

/// Times each side is measured.
const ROUNDS: usize = 3;
/// Longest wait for a program to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Factors of one recorded hour, wind and missing ones included: each is a stored reading.
const READINGS_PER_MESSAGE: u64 = 8;
/// Where Debian puts it.
const MOSQUITTO: &str = "/usr/sbin/mosquitto";

fn main() -> anyhow::Result<()> {
    // `cargo test` may run this file too, to see that it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    if std::env::args().any(|arg| arg == "devices") {
        return devices::compare();
    }
    let files = seeds::beijing_files(&seeds::dir()?)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let feed = |url: &str| -> anyhow::Result<ReplayReport> {
        let to = url.parse()?;
        let topics = Topics::default();
        let sent = replay(&files, Layout::BeijingUci, &to, &topics, Rate::Max, None);
        runtime.block_on(sent)
    };
    let (mut peer, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let broker = Mosquitto::start()?;
        let sent = feed(&broker.url)?;
        drop(broker);
        peer.push(rate(&sent));

        let data = TempDir::new()?;
        seed(data.path())?;
        let daemon = Daemon::start(data.path())?;
        let sent = feed(&daemon.mqtt)?;
        ours.push(rate(&sent));
        let messages = sent.messages;
        println!(
            "round {round}: {messages} messages; mosquitto {:.0}/s, skytier {:.0}/s",
            peer[round - 1],
            ours[round - 1]
        );
        if round == ROUNDS {
            let (peer, ours) = (median(&mut peer), median(&mut ours));
            println!("mosquitto, nothing on disk      {peer:>10.0} messages/s (median)");
            println!("skytier, acknowledged when synced {ours:>8.0} messages/s (median)");
            println!("skytier / mosquitto             {:>10.2}", ours / peer);
            after_a_kill(daemon, data.path(), &sent)?;
        }
    }
    devices::compare()
}

/// Kills the daemon right after the last acknowledgement and looks at what is left.
fn after_a_kill(mut daemon: Daemon, data: &Path, sent: &ReplayReport) -> anyhow::Result<()> {
    let peak_kib = daemon.peak_kib()?;
    daemon.child.kill()?;
    daemon.child.wait()?;
    let started = Instant::now();
    let again = Daemon::start(data)?;
    until_ready(&again.http)?;
    let took = started.elapsed();
    again.stop()?;
    let size_bytes = size_bytes(data)?;
    let checked = Command::new(program())
        .arg("verify")
        .arg("--data")
        .arg(data)
        .output()?;
    ensure!(checked.status.success(), "verify found a fault");
    let text = String::from_utf8(checked.stdout)?;
    let expected = format!("readings: {} checked", sent.messages * READINGS_PER_MESSAGE);
    ensure!(
        text.contains(&expected),
        "acknowledged readings are missing: {text}"
    );
    println!(
        "peak resident memory            {:>10} MiB",
        peak_kib / 1024
    );
    println!(
        "ready again after kill -9       {:>10.2} s",
        took.as_secs_f64()
    );
    println!(
        "on disk                         {:>10.1} bytes a value",
        size_bytes as f64 / sent.values as f64
    );
    println!("{expected}; nothing acknowledged is missing");
    Ok(())
}

fn rate(sent: &ReplayReport) -> f64 {
    sent.messages as f64 / sent.took.as_secs_f64()
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_skytier"))
}

fn seed(data: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(program());
    command.args(["seed", "beijing", "--data"]).arg(data);
    let status = command.stdout(Stdio::null()).status()?;
    ensure!(status.success(), "the seed cannot be loaded");
    Ok(())
}

fn size_bytes(data: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(data)? {
        total += entry?.metadata()?.len();
    }
    Ok(total)
}

fn until_ready(http: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    while ureq::get(format!("{http}readyz")).call().is_err() {
        ensure!(started.elapsed() < PATIENCE, "{http} is not ready");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// `skytier serve` on free ports; killed when dropped.
struct Daemon {
    child: Child,
    /// Kept open, since it goes on printing.
    _output: BufReader<ChildStdout>,
    http: String,
    mqtt: String,
}

impl Daemon {
    fn start(data: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program())
            .args(["serve", "--data"])
            .arg(data)
            .env("SKYTIER__HTTP__LISTEN", "127.0.0.1:0")
            .env("SKYTIER__MQTT__EMBEDDED__LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("its output")?);
        let mut address = |scheme: &str| -> anyhow::Result<String> {
            let mut line = String::new();
            output.read_line(&mut line)?;
            let at = line.find(scheme).context("the daemon did not start")?;
            Ok(line[at..].trim_end().to_owned())
        };
        let (http, mqtt) = (address("http://")?, address("mqtt://")?);
        Ok(Self {
            child,
            _output: output,
            http,
            mqtt,
        })
    }

    /// Most memory it ever had resident.
    fn peak_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let peak = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(peak.context("VmHWM")?.parse()?)
    }

    /// Asks it to stop and waits until it has.
    fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        let asked = Command::new("sh")
            .args(["-c", "kill -INT \"$0\"", &pid])
            .status()?;
        ensure!(
            asked.success() && self.child.wait()?.success(),
            "the daemon did not stop well"
        );
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Mosquitto on a free port, without persistence; killed when dropped.
struct Mosquitto {
    child: Child,
    url: String,
    _directory: TempDir,
}

impl Mosquitto {
    fn start() -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = directory.path().join("mosquitto.conf");
        let port = address.port();
        fs::write(
            &config,
            format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\n"
            ),
        )?;
        let child = Command::new(MOSQUITTO)
            .arg("-c")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .context("start mosquitto; `make bench` installs it")?;
        let started = Instant::now();
        let this = Self {
            child,
            url: format!("mqtt://{address}"),
            _directory: directory,
        };
        while TcpStream::connect(address).is_err() {
            ensure!(started.elapsed() < PATIENCE, "mosquitto does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(this)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
