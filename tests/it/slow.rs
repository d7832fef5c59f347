//! A store that is slow, as a worn disk makes it: acknowledgements wait for it, memory does not grow, nothing is lost.
//!
//! The daemon runs in a process of its own, this very program, so that its memory can be looked at; a watch over the
//! store's moments sleeps in the midst of every commit and of every step of merging.

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Moment;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::app::cli::now;
use skytier::app::config::Settings;
use skytier::app::daemon::Daemon;

use crate::support::run;
use crate::support::text;
use crate::support::verify;

/// Set for the process that is the daemon: its data directory, and how long a moment takes.
const DATA: &str = "SKYTIER_TEST_SLOW";
const PAUSE_MS: &str = "SKYTIER_TEST_SLOW_MS";
/// A pause in the midst of a commit.
const SLOW_MS: u64 = 120;
/// Stations, and messages of each in flight: far more than may wait for the store (2,048).
const DEVICES: &str = "60";
const IN_FLIGHT: &str = "200";
/// What the slow daemon may have resident beyond the quick one, KiB.
const MORE_KIB_MAX: u64 = 64 * 1_024;

/// Serves until its standard input ends.
fn serve(data: &Path) {
    let pause = std::env::var(PAUSE_MS).expect("a pause").parse();
    let pause = Duration::from_millis(pause.expect("milliseconds"));
    let tuning = Tuning::default().watched(move |moment| {
        if matches!(
            moment,
            Moment::CommitWritten | Moment::StepWritten | Moment::RoundWritten
        ) {
            std::thread::sleep(pause);
        }
    });
    let store = Embedded::open_tuned(data, Access::Write, tuning).expect("opened for writing");
    let mut settings = Settings {
        data_dir: data.to_owned(),
        http_listen: ([127, 0, 0, 1], 0).into(),
        ..Settings::default()
    };
    settings.endpoint.listen = ([127, 0, 0, 1], 0).into();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let daemon = Daemon::start_on(Stores::embedded(store), &settings, now).await;
        let daemon = daemon.expect("started");
        println!("\nlistens at {}", daemon.mqtt.expect("an endpoint"));
        let asked = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        let asked = async {
            asked.await.expect("joined").expect("read");
        };
        daemon.run(asked).await.expect("a sound end");
    });
}

/// The daemon's process, what it prints, and its address.
fn started(data: &Path, pause_ms: u64) -> (Child, BufReader<ChildStdout>, String) {
    let own = std::env::current_exe().expect("this program");
    let name = "slow::a_slow_store_slows_acknowledgements_and_nothing_else";
    let mut child = Command::new(own)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(DATA, data)
        .env(PAUSE_MS, pause_ms.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program again");
    let mut printed = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.starts_with("listens at ") {
        line.clear();
        let read = printed.read_line(&mut line).expect("text");
        assert!(read > 0, "it ended without a word of where it listens");
    }
    let address = line.trim_start_matches("listens at ").trim().to_owned();
    (child, printed, address)
}

/// Most memory a process ever had resident.
fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    peak.expect("a peak")
}

fn number(said: &str, name: &str) -> f64 {
    let own = said
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
    let own = own.unwrap_or_else(|| panic!("no {name}: {said}"));
    own.parse().expect("a number")
}

/// Loads a daemon of a store that pauses; what the generator says, and the daemon's peak of memory.
fn loaded(folder: &Path, pause_ms: u64) -> (String, u64) {
    let (data, table) = (
        folder.join(format!("data-{pause_ms}")),
        folder.join("stations.csv"),
    );
    std::fs::write(&table, run(&["load", "--devices", DEVICES, "--table"])).expect("room");
    run(&["register", "--data", text(&data), text(&table)]);
    let (mut child, printed, address) = started(&data, pause_ms);
    let to = format!("mqtt://{address}");
    let mut load = vec![
        "load",
        "--to",
        &to,
        "--devices",
        DEVICES,
        "--inflight",
        IN_FLIGHT,
    ];
    load.extend(["--seconds", "2", "--verify", text(&data)]);
    let said = run(&load);
    let peak = peak_kib(&child);
    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
    drop(printed);
    verify(&data);
    (said, peak)
}

#[test]
fn a_slow_store_slows_acknowledgements_and_nothing_else() {
    if let Some(data) = std::env::var_os(DATA) {
        return serve(Path::new(&data));
    }
    let folder = tempfile::tempdir().expect("a directory");
    let (quick, quick_kib) = loaded(folder.path(), 0);
    let (slow, slow_kib) = loaded(folder.path(), SLOW_MS);
    for said in [&quick, &slow] {
        assert_eq!(number(said, "missing"), 0.0, "{said}");
        assert_eq!(number(said, "stations_failed"), 0.0, "{said}");
        assert_eq!(number(said, "acknowledged"), number(said, "sent"), "{said}");
    }
    // No acknowledgement comes before its commit, which takes that long.
    assert!(number(&slow, "latency_p50_ms") >= SLOW_MS as f64, "{slow}");
    assert!(
        slow_kib <= quick_kib + MORE_KIB_MAX,
        "{slow_kib} KiB with a slow store, {quick_kib} KiB with a quick one"
    );
    println!("quick, at most {quick_kib} KiB:\n{quick}\nslow, at most {slow_kib} KiB:\n{slow}");
}
