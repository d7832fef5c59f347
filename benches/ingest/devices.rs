//! Many devices at once, and one gateway: `skytier load` against the daemon, and against Mosquitto with a subscriber
//! that takes everything. Messages a second, latency, and the processor's time a message costs the one that is asked.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context;
use anyhow::ensure;
use tempfile::TempDir;

use crate::Daemon;
use crate::Mosquitto;
use crate::program;
use crate::seed;

/// Devices, and messages of each in flight.
const LOADS: [(u32, u32); 3] = [(1_000, 1), (1_000, 20), (1, 200)];
/// Seconds of each.
const SECONDS: u32 = 5;
/// Where Debian puts it.
const SUBSCRIBER: &str = "/usr/bin/mosquitto_sub";
/// Of a second: the unit of processor time the system tells.
const TICKS: f64 = 100.0;

/// What a load showed.
struct Shown {
    rate: f64,
    p99_ms: f64,
    cpu_us: f64,
}

/// Runs every load against both and prints them side by side.
pub(crate) fn compare() -> anyhow::Result<()> {
    println!("devices x in flight               messages/s      p99 ms   us of CPU a message");
    for (devices, in_flight) in LOADS {
        let peer = peer(devices, in_flight)?;
        let ours = ours(devices, in_flight)?;
        for (name, shown) in [("mosquitto + subscriber", &peer), ("skytier", &ours)] {
            let Shown {
                rate,
                p99_ms,
                cpu_us,
            } = shown;
            println!(
                "{devices:>5} x {in_flight:<4} {name:<22} {rate:>9.0} {p99_ms:>11.2} {cpu_us:>21.2}"
            );
        }
        println!(
            "              skytier / mosquitto {:>11.2}",
            ours.rate / peer.rate
        );
    }
    Ok(())
}

fn peer(devices: u32, in_flight: u32) -> anyhow::Result<Shown> {
    let broker = Mosquitto::start()?;
    let port = broker.url.rsplit(':').next().context("a port")?;
    let mut subscriber = Command::new(SUBSCRIBER);
    subscriber.args(["-h", "127.0.0.1", "-p", port, "-q", "1", "-t", "skytier/#"]);
    let subscriber = subscriber.stdout(Stdio::null()).spawn();
    let mut subscriber = subscriber.context("start mosquitto_sub; `make bench` installs it")?;
    let shown = shown(&broker.child, &broker.url, devices, in_flight);
    subscriber.kill()?;
    subscriber.wait()?;
    shown
}

fn ours(devices: u32, in_flight: u32) -> anyhow::Result<Shown> {
    let folder = TempDir::new()?;
    let data = folder.path().join("data");
    seed(&data)?;
    register(folder.path(), &data, devices)?;
    let daemon = Daemon::start(&data)?;
    let shown = shown(&daemon.child, &daemon.mqtt, devices, in_flight)?;
    daemon.stop()?;
    Ok(shown)
}

fn register(folder: &Path, data: &Path, devices: u32) -> anyhow::Result<()> {
    let table = folder.join("stations.csv");
    let count = devices.to_string();
    let printed = Command::new(program())
        .args(["load", "--devices", &count, "--table"])
        .output()?;
    fs::write(&table, printed.stdout)?;
    let mut register = Command::new(program());
    register.arg("register").arg("--data").arg(data).arg(&table);
    ensure!(
        register.stdout(Stdio::null()).status()?.success(),
        "the stations cannot be registered"
    );
    Ok(())
}

fn shown(asked: &Child, url: &str, devices: u32, in_flight: u32) -> anyhow::Result<Shown> {
    let before = cpu_s(asked)?;
    let mut load = Command::new(program());
    load.args(["load", "--to", url, "--devices", &devices.to_string()]);
    load.args([
        "--inflight",
        &in_flight.to_string(),
        "--seconds",
        &SECONDS.to_string(),
    ]);
    let ran = load.output()?;
    let said = String::from_utf8(ran.stdout)?;
    ensure!(
        ran.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let number = |name: &str| -> anyhow::Result<f64> {
        let own = said
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
        Ok(own.with_context(|| format!("no {name}: {said}"))?.parse()?)
    };
    let cpu_s = cpu_s(asked)? - before;
    Ok(Shown {
        rate: number("messages_per_s")?,
        p99_ms: number("latency_p99_ms")?,
        cpu_us: cpu_s * 1e6 / number("acknowledged")?,
    })
}

/// Processor time a process has used, its threads together, in seconds.
fn cpu_s(process: &Child) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    let (_, rest) = stat.rsplit_once(')').context("a process")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let [user, system] =
        [11, 12].map(|at| fields.get(at).map_or(Ok(0.0), |field| field.parse::<f64>()));
    Ok((user? + system?) / TICKS)
}
