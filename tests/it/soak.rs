//! A county's stations for as long as one likes, coming and going, with strangers at the door: memory and descriptors stay
//! level, and every reading that was acknowledged is there in the end. `make soak MINUTES=30` is the long form.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V3;
use crate::mqtt::raw::login;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::Site;
use crate::support::number;
use crate::support::run;
use crate::support::station::Station;
use crate::support::text;
use crate::support::wait_for;

/// Stations of a county with its towns' own.
const STATIONS: usize = 60;
/// Messages of a station a second: a minute's reading each, sixty times as fast as in life and more.
const PAUSE: Duration = Duration::from_millis(250);
/// Messages of one connection before it ends.
const PER_CONNECTION: usize = 8;
/// Seconds of the short form.
const SHORT_S: u64 = 6;
/// Readings of a station that the long form sends without a pause first, until what may wait to be merged has been full a few
/// times: from then on memory is level.
const WARM_UP: usize = 8_000;
/// What the highest look of the last quarter may be above that of the quarter before, KiB. What waits to be merged fills and
/// empties every few minutes, so highest looks tell of a leak and single ones do not; the days that were computed stay in memory.
const GROWTH_KIB_MAX: i64 = 8 * 1_024;

/// A station's work until the time is over: connects, reports, leaves in one of three ways. Gives what was acknowledged.
async fn report(
    daemon: Site,
    station: String,
    number: usize,
    (until, warm_up): (Instant, usize),
) -> Vec<String> {
    let topic = format!("skytier/v1/stations/{station}/readings");
    let mut kept = Vec::new();
    let mut round = 0;
    while Instant::now() < until {
        round += 1;
        let mut connection = Station::connect(&daemon, &format!("soak-{station}")).await;
        for _ in 0..PER_CONNECTION {
            let minute = i64::try_from(kept.len()).expect("a small number") + 1;
            let at = chrono::DateTime::from_timestamp(1_577_836_800 + 60 * minute, 0);
            let at = at
                .expect("a time")
                .format("%Y-%m-%dT%H:%M:%S+00:00")
                .to_string();
            let value = 10 + (number + kept.len()) % 90;
            let payload = format!(
                "{{\"time\":\"{at}\",\"interval_s\":60,\"values\":{{\"pm25\":{value},\"pm10\":{value}.5,\"so2\":4,\"no2\":{value},\
                 \"co\":0.7,\"o3\":{value}}}}}"
            );
            connection.send(&topic, &payload).await;
            kept.push(at);
            if kept.len() > warm_up {
                tokio::time::sleep(PAUSE).await;
            }
        }
        match (number + round) % 3 {
            0 => drop(connection),
            1 => connection.vanish(),
            // Taken over by the next one.
            _ => drop(tokio::spawn(async move {
                tokio::time::sleep(PAUSE).await;
                drop(connection);
            })),
        }
    }
    kept
}

/// Strangers: sockets that say nothing, half a head, a wrong packet.
async fn disturb(daemon: Site, until: Instant) {
    let mqtt = SocketAddr::from(([127, 0, 0, 1], daemon.mqtt));
    let http = daemon.http.trim_start_matches("http://").to_owned();
    while Instant::now() < until {
        let silent = TcpStream::connect(mqtt).await;
        let mut slow = TcpStream::connect(&http).await.expect("a listener");
        drop(slow.write_all(b"GET / HTTP/1.1\r\nx: ").await);
        let mut wrong = Raw::open(mqtt).await;
        wrong
            .send(&login(V3, "wrong", ("nobody", "nothing"), Some(("#", "x"))))
            .await;
        tokio::time::sleep(PAUSE).await;
        drop((silent, slow, wrong));
    }
}

/// Resident memory in KiB and open descriptors.
fn look(pid: u32) -> (i64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    (resident.expect("a number"), open.count())
}

/// The slope of the straight line through the looks, a minute's worth, by least squares.
fn slope(looks: &[(f64, i64)]) -> f64 {
    let count = looks.len() as f64;
    let mean = |value: &dyn Fn(&(f64, i64)) -> f64| looks.iter().map(value).sum::<f64>() / count;
    let (at, kib) = (mean(&|look| look.0), mean(&|look| look.1 as f64));
    let above: f64 = looks
        .iter()
        .map(|look| (look.0 - at) * (look.1 as f64 - kib))
        .sum();
    let below: f64 = looks.iter().map(|look| (look.0 - at) * (look.0 - at)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

/// A data directory with the stations registered, and their names.
fn registered(folder: &Path) -> (PathBuf, Vec<String>) {
    let (data, table) = (folder.join("data"), folder.join("stations.csv"));
    let stations = run(&["load", "--devices", &STATIONS.to_string(), "--table"]);
    std::fs::write(&table, &stations).expect("room");
    run(&["register", "--data", text(&data), text(&table)]);
    let names = stations.lines().skip(1);
    let names = names.filter_map(|line| line.split(',').next().map(str::to_owned));
    (data, names.collect())
}

/// All that was acknowledged to all stations until the time is over, and how the daemon looked meanwhile.
async fn lived(
    daemon: &Daemon,
    names: &[String],
    (lasts, warm_up): (Duration, usize),
) -> (BTreeSet<String>, Vec<(f64, i64)>) {
    let begun = Instant::now();
    let until = begun + lasts;
    let strangers = tokio::spawn(disturb((**daemon).clone(), until));
    let mut stations = JoinSet::new();
    for (number, name) in names.iter().enumerate() {
        let (site, name) = ((**daemon).clone(), name.clone());
        stations.spawn(async move {
            let kept = report(site, name.clone(), number, (until, warm_up)).await;
            let own = kept.into_iter().map(move |at| format!("{name} {at}"));
            own.collect::<Vec<_>>()
        });
    }
    let mut looks = Vec::new();
    while Instant::now() < until {
        tokio::time::sleep(lasts / 60).await;
        let (kib, open) = look(daemon.pid());
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        println!("{minutes:.1} min\t{kib} KiB resident\t{open} descriptors");
        looks.push((minutes, kib));
    }
    strangers.await.expect("no stranger panics");
    let kept = stations.join_all().await.into_iter().flatten();
    (kept.collect(), looks)
}

#[test]
fn a_county_comes_and_goes_and_nothing_is_lost() {
    let minutes = number("SKYTIER_SOAK_MINUTES", 0);
    let (seconds, warm_up) = match minutes {
        0 => (SHORT_S, 0),
        _ => (minutes * 60, WARM_UP),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (data, names) = registered(folder.path());
    assert_eq!(names.len(), STATIONS);
    let daemon = Daemon::start(&data, &[]);
    let (_, open_before) = look(daemon.pid());
    let runtime = Runtime::new().expect("a runtime");
    let (kept, looks) = runtime.block_on(lived(
        &daemon,
        &names,
        (Duration::from_secs(seconds), warm_up),
    ));
    let stored: BTreeSet<String> = daemon.export().lines().filter_map(identity).collect();
    let lost: Vec<&String> = kept.difference(&stored).take(3).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
    assert!(kept.len() > STATIONS, "{}", kept.len());
    let open_after = wait_for("closed connections", PATIENCE, || {
        let (_, open) = look(daemon.pid());
        (open <= open_before + 8).then_some(open)
    });
    let half = &looks[looks.len() / 2..];
    println!(
        "{} readings acknowledged, none lost; {:.0} KiB a minute over all, {:.0} in the second half; {open_before} \
         descriptors before, {open_after} after",
        kept.len(),
        slope(&looks),
        slope(half)
    );
    let highest = |looks: &[(f64, i64)]| looks.iter().map(|look| look.1).max().unwrap_or_default();
    let (before, last) = half.split_at(half.len() / 2);
    let (before, last) = (highest(before), highest(last));
    println!("highest in the third quarter {before} KiB, in the last {last} KiB");
    assert!(
        last - before <= GROWTH_KIB_MAX,
        "{} KiB more in the last quarter than in the one before",
        last - before
    );
    daemon.stop("TERM");
}

/// Source and time of a line of the export, in the form they were sent.
fn identity(line: &str) -> Option<String> {
    let mut fields = line.split(',');
    let (source, at) = (fields.next()?, fields.nth(2)?);
    let at = chrono::DateTime::parse_from_rfc3339(at).ok()?.to_utc();
    Some(format!("{source} {}", at.format("%Y-%m-%dT%H:%M:%S+00:00")))
}
