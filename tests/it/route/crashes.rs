//! The power is cut at random moments while readings flow in. What was acknowledged is there, once; in the end
//! the figures are those of the files.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
use skytier::adapters::layout;
use skytier::adapters::layout::Layout;
use skytier::domain::calendar::Zone;
use skytier::domain::pollutant::Pollutant;

use crate::route::air::trimmed;
use crate::route::figures;
use crate::route::lines;
use crate::route::list;
use crate::support::Daemon;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

const SEED: u64 = 20_200_727;
/// Power cuts in a row.
const DEATHS: usize = 12;
/// Messages sent before acknowledgements are read; within the announced receive maximum.
const BURST: usize = 150;

/// A message, and the exported rows it must become: place in the export to value.
struct Sent {
    message: (String, String),
    rows: Vec<(String, String)>,
}

/// Every row of the files as a message, in the order of time.
fn messages(files: &[PathBuf]) -> Vec<Sent> {
    let zone = Zone::beijing();
    let mut timed = Vec::new();
    for file in files {
        for row in layout::open(file, Layout::BeijingUci).expect("a file") {
            let row = row.expect("a sound row");
            let time = zone.text(row.time);
            let (mut values, mut rows) = (Vec::new(), Vec::new());
            for pollutant in Pollutant::ALL {
                let value = row.values[pollutant.index()].map(|value| value.to_string());
                let literal = value.as_deref().unwrap_or("null");
                values.push(format!("\"{}\":{literal}", pollutant.key()));
                let place = format!("{},{},avg,{time}", row.station, pollutant.key());
                rows.push((place, value.unwrap_or_default()));
            }
            let payload = format!(
                "{{\"time\":\"{time}\",\"interval_s\":{},\"values\":{{{}}}}}",
                row.interval_s,
                values.join(",")
            );
            let message = (readings_topic(row.station.as_str()), payload);
            timed.push((row.time, Sent { message, rows }));
        }
    }
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, sent)| sent).collect()
}

/// Exported rows: place to value. No place may come twice.
fn stored(export: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for line in export.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let before = rows.insert(fields[..4].join(","), fields[5].to_owned());
        assert_eq!(before, None, "twice: {line}");
    }
    rows
}

fn kept(export: &str, acknowledged: &[Sent]) {
    let rows = stored(export);
    for (place, value) in acknowledged.iter().flat_map(|sent| &sent.rows) {
        assert_eq!(
            rows.get(place),
            Some(value),
            "acknowledged and lost: {place}"
        );
    }
}

/// Sends from `at` on; kills the daemon `delay` after `until` comes near. Gives how far acknowledgements went.
async fn until_death(
    daemon: Daemon,
    all: &[Sent],
    mut at: usize,
    until: usize,
    delay: Duration,
) -> usize {
    let mut station = Station::connect(&daemon, "station").await;
    let mut daemon = Some(daemon);
    let mut dying = None;
    loop {
        let end = (at + BURST).min(all.len());
        if let Some(daemon) = daemon.take_if(|_| at + BURST >= until) {
            dying = Some(tokio::task::spawn_blocking(move || {
                std::thread::sleep(delay);
                daemon.kill9();
            }));
        }
        let burst: Vec<_> = all[at..end]
            .iter()
            .map(|sent| sent.message.clone())
            .collect();
        let acknowledged = station.burst(&burst).await;
        at += acknowledged;
        if acknowledged < burst.len() || end == all.len() {
            break;
        }
    }
    dying.expect("its time had come").await.expect("killed");
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_lose_nothing_acknowledged_and_double_nothing() {
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let (folder, data) = seeded(&["beijing"]);
    let months = [
        ("2015", "11"),
        ("2015", "12"),
        ("2016", "1"),
        ("2016", "2"),
        ("2016", "3"),
    ];
    let files = ["Dongsi", "Huairou"].map(|name| trimmed(folder.path(), name, &months));
    let all = messages(&files);
    let share = all.len() / DEATHS;
    let mut next = 0;
    for death in 0..DEATHS {
        let daemon = Daemon::start(&data, &[]);
        kept(&daemon.export(), &all[..next]);
        // Sometimes it goes back and sends again what was acknowledged long ago.
        let back = rng.next_u32().is_multiple_of(3);
        let again = if back { next.min(400) } else { 0 };
        let delay = Duration::from_micros(u64::from(rng.next_u32() % 40_000));
        let at = until_death(daemon, &all, next - again, share * (death + 1), delay).await;
        println!("power cut {death}: {at} of {} acknowledged", all.len());
        next = next.max(at);
    }
    the_end(&data, &files, &all, next);
}

/// Everything acknowledged is there; with what is left, and all the rest once more, it is what the files hold.
fn the_end(data: &Path, files: &[PathBuf; 2], all: &[Sent], next: usize) {
    let daemon = Daemon::start(data, &[]);
    kept(&daemon.export(), &all[..next]);
    // What is left, and all the rest once more.
    daemon.replay("beijing-uci", files);
    daemon.settle();
    let wanted = all.iter().flat_map(|sent| sent.rows.iter().cloned());
    let mut stored = stored(&daemon.export());
    // Wind comes with the files alone.
    stored.retain(|place, _| !place.contains(",a01007,") && !place.contains(",a01008,"));
    assert_eq!(stored, wanted.collect());
    assert_eq!(
        daemon.metric("skytier_readings_total{outcome=\"corrected\"}"),
        0
    );
    let said = verify(data);
    assert!(said.contains("revisions: 0 checked"), "{said}");
    let span = "from=2015-11-01&to=2016-03-31&by=month&min_stations=1";
    let found = daemon.json(&format!("/v1/air/assessment?area=group:beijing6&{span}"));
    let mut args = vec!["assess", "--layout", "beijing-uci", "--from", "2015-11-01"];
    args.extend(["--to", "2016-03-31", "--by", "month", "--min-stations", "1"]);
    args.extend([
        "--format",
        "json",
        "--input",
        text(&files[0]),
        text(&files[1]),
    ]);
    assert_eq!(figures(list(&found)), figures(&lines(&run(&args))));
    daemon.stop("TERM");
}
