//! The process is killed, at random moments under a disordered load and at each named moment of the store's work.
//! What was acknowledged is there, once, with its last value; of what was not, nothing or whole messages in their
//! order. `SKYTIER_KILLS` says how often, in all (200 and more for the long form); a seed makes all of it.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Moment;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Reading;
use skytier::ports::Batch;
use skytier::ports::Range;
use skytier::ports::Series;

use crate::bad_input::space::Disk;
use crate::bad_input::space::fill;
use crate::simulation::chance::Chance;
use crate::simulation::model::Model;
use crate::simulation::model::Version;
use crate::simulation::model::key;
use crate::simulation::world::Packet;
use crate::simulation::world::Row;
use crate::simulation::world::World;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::export;
use crate::support::not_run;
use crate::support::number;
use crate::support::run;
use crate::support::station::Station;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

const SEED: u64 = 20_200_728;
/// Kills without `SKYTIER_KILLS`: of the daemon, and of the store at each moment.
const DAEMON_KILLS: u64 = 8;
const STORE_KILLS: u64 = 2;
/// Deaths on a full disk.
const FULL_KILLS: u64 = 3;
/// Most bytes of room that are left when a disk is filled.
const ROOM_BYTES_MAX: u64 = 400_000;
/// Messages sent before acknowledgements are read; within the announced receive maximum.
const BURST: usize = 120;
/// Names the directory, the moment, its occurrence and the first batch to a process that is to die.
const CHILD: &str = "SKYTIER_TEST_KILLED";

/// How many kills are asked for, of which each part does its share.
fn kills(default: u64, share: u64) -> u64 {
    number("SKYTIER_KILLS", default * share).div_ceil(share)
}

/// A world in which everybody is known, with its packets in the order they arrive.
fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    for sender in &mut world.senders {
        sender.known = true;
    }
    world
}

/// The next packets to arrive that take readings, at least one.
fn arriving(world: &mut World, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    while packets.len() < count {
        match world.arrived(false) {
            Some(packet) if World::is_astray(packet) => {}
            Some(packet) => packets.push(packet),
            None => world.pass(),
        }
    }
    packets
}

/// A series and a time, as exported.
type Place = String;

/// Value and flag, as exported.
type Value = String;

/// Exported rows. No place may come twice.
fn stored(export: &str) -> BTreeMap<Place, Value> {
    let mut rows = BTreeMap::new();
    for line in export.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let value = format!("{},{}", fields[5], fields[6]);
        let before = rows.insert(fields[..5].join(","), value);
        assert_eq!(before, None, "twice: {line}");
    }
    rows
}

/// A row of a packet as it is exported.
fn exported(world: &World, row: &Row) -> (Place, Value) {
    let key = key(&world.senders, row.series);
    let (_, reading) = Version::new(row, i64::MAX / 2).received(row.time);
    let time = Zone::beijing().text(reading.time);
    let (source, factor, stat) = (&key.source, &key.factor, &key.stat);
    let value = reading.value.map(|value| value.to_string());
    (
        format!("{source},{factor},{stat},{time},{}", key.interval_s),
        format!("{},{}", value.unwrap_or_default(), reading.flag),
    )
}

/// The readings are those of the acknowledged packets and of some first ones of those that were on their way.
fn check(world: &World, held: &BTreeMap<Place, Value>, open: &[Packet], data: &Path) {
    let found = stored(&export(data));
    let mut expected = held.clone();
    for packets in 0..=open.len() {
        if expected == found {
            return;
        }
        if let Some(packet) = open.get(packets) {
            let rows = world.rows(*packet);
            expected.extend(rows.iter().map(|row| exported(world, row)));
        }
    }
    let wrong = held
        .iter()
        .find(|(place, value)| found.get(*place) != Some(value));
    panic!("{} rows; acknowledged and not so: {wrong:?}", found.len());
}

/// The daemon's figures, kept up while readings came, beside those of a process that computes all of them anew.
fn same_figures(daemon: &Daemon) {
    daemon.settle();
    let span = ["2020-01-01", "2020-01-31"];
    let path = format!(
        "/v1/air/days?area=mean&from={}&to={}&min_stations=1&format=csv",
        span[0], span[1]
    );
    let shown = daemon.fetch(&path);
    assert_eq!(shown.status, 200, "{}", shown.text);
    let mut args = vec!["assess", "--data", text(&daemon.data), "--area", "mean"];
    args.extend([
        "--from",
        span[0],
        "--to",
        span[1],
        "--by",
        "day",
        "--min-stations",
        "1",
    ]);
    args.extend(["--format", "csv"]);
    assert_eq!(shown.text, run(&args));
}

/// Sends what is due and then new packets, until the daemon dies of what is done to it; what was acknowledged enters
/// `held`. Gives what was on its way.
async fn until_death(
    daemon: Daemon,
    world: &mut World,
    mut due: Vec<Packet>,
    held: &mut BTreeMap<Place, Value>,
    end: impl FnOnce(Daemon) + Send + 'static,
) -> Vec<Packet> {
    let mut station = Station::connect(&daemon, "gateway").await;
    let dying = tokio::task::spawn_blocking(move || end(daemon));
    loop {
        if due.len() < BURST {
            let more = BURST - due.len();
            due.extend(arriving(world, more));
        }
        let messages: Vec<_> = due.iter().map(|packet| world.message(*packet)).collect();
        let acknowledged = station.burst(&messages).await;
        for packet in due.drain(..acknowledged) {
            held.extend(world.rows(packet).iter().map(|row| exported(world, row)));
        }
        if acknowledged < messages.len() {
            dying.await.expect("killed");
            return due;
        }
    }
}

/// A new data directory in which the world's stations are registered.
async fn register(world: &World, data: &Path) {
    let store = Embedded::open(data, Access::Write).expect("a new store");
    let stores = Stores::embedded(store);
    let registered = stores.registrar.register(world.registry()).await;
    registered.expect("registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_under_a_disordered_load_keeps_what_it_acknowledged() {
    let kills = kills(DAEMON_KILLS, 2);
    println!("seed {SEED}, {kills} kills");
    let mut chance = Chance::new(SEED);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let mut world = world(SEED);
    register(&world, &data).await;
    let (mut held, mut due) = (BTreeMap::new(), Vec::new());
    for kill in 0..kills {
        let daemon = Daemon::start(&data, &[]);
        check(&world, &held, &due, &data);
        if kill.is_multiple_of(4) {
            same_figures(&daemon);
        }
        let delay = Duration::from_micros(chance.below(250_000));
        let end = move |daemon: Daemon| {
            std::thread::sleep(delay);
            daemon.kill9();
        };
        due = until_death(daemon, &mut world, due, &mut held, end).await;
        println!(
            "kill {kill}: {} values acknowledged, {} messages not",
            held.len(),
            due.len()
        );
    }
    let daemon = Daemon::start(&data, &[]);
    check(&world, &held, &due, &data);
    same_figures(&daemon);
    daemon.stop("TERM");
    verify(&data);
}

/// The disk fills up under the same load; the daemon is killed on it, starts on it and goes on when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_under_a_disordered_load_costs_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().join("disk");
    let Some(_disk) = Disk::mount(&at) else {
        return not_run("the full disk needs the right to mount a small tmpfs (root)");
    };
    let (data, ballast) = (at.join("data"), at.join("ballast"));
    let (mut world, mut chance) = (world(SEED + 1), Chance::new(SEED + 1));
    register(&world, &data).await;
    let (mut held, mut due) = (BTreeMap::new(), Vec::new());
    for kill in 0..kills(FULL_KILLS, 4) {
        let daemon = Daemon::start(&data, &[]);
        fill(&ballast);
        let file = std::fs::File::options().write(true).open(&ballast);
        let file = file.expect("the ballast");
        let taken = file.metadata().expect("its size").len();
        let room = chance.below(ROOM_BYTES_MAX);
        file.set_len(taken.saturating_sub(room)).expect("some room");
        let end = |daemon: Daemon| {
            wait_for("a full disk", PATIENCE, || {
                let told = daemon.fetch("/readyz");
                (told.status == 503 && told.text.contains("no space left")).then_some(())
            });
            daemon.kill9();
        };
        due = until_death(daemon, &mut world, due, &mut held, end).await;
        // There is no room yet, and all is there.
        let daemon = Daemon::start(&data, &[]);
        check(&world, &held, &due, &data);
        std::fs::remove_file(&ballast).expect("removed");
        wait_for("readiness", PATIENCE, || {
            (daemon.fetch("/readyz").status == 200).then_some(())
        });
        same_figures(&daemon);
        daemon.kill9();
        println!(
            "kill {kill}, {room} bytes of room: {} values acknowledged, {} messages not",
            held.len(),
            due.len()
        );
    }
    assert!(!held.is_empty() && !due.is_empty(), "the disk never filled");
    verify(&data);
}

/// The next batch of the stream.
fn batch(world: &mut World, chance: &mut Chance) -> Vec<Row> {
    let count = 1 + chance.index(12);
    let packets = arriving(world, count);
    packets
        .iter()
        .flat_map(|packet| world.rows(*packet))
        .collect()
}

fn versions(rows: &[Row], number: u64) -> impl Iterator<Item = (Row, Version)> {
    let now = 1_700_000_000 + i64::try_from(number).expect("a small number");
    rows.iter().map(move |row| (*row, Version::new(row, now)))
}

/// A store that merges all the time, a few blocks a step.
fn tuning() -> Tuning {
    let mut tuning = Tuning::for_testing();
    tuning.waiting_values_max = 6_000;
    tuning.busy_values_min = 3_000;
    tuning.idle_values_min = 2_000;
    tuning.step_blocks_max = 8;
    tuning
}

fn whole(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// The child: appends batches, says so, and kills itself at the moment.
fn child(told: &str) {
    let words: Vec<&str> = told.split(' ').collect();
    let [directory, moment, occurrence, first] = words.as_slice() else {
        panic!("{CHILD}: {told:?}");
    };
    let fatal = Moment::ALL[usize::try_from(whole(moment)).expect("an index")];
    let left = std::sync::atomic::AtomicU64::new(whole(occurrence));
    let watch = move |moment: Moment| {
        if moment == fatal && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            let own = std::process::id().to_string();
            let killed = Command::new("kill").args(["-KILL", &own]).status();
            panic!("still alive after kill: {killed:?}");
        }
    };
    let store = Embedded::open_tuned(Path::new(directory), Access::Write, tuning().watched(watch));
    let store = store.expect("opened");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let (mut world, mut chance) = (world(SEED), Chance::new(SEED));
        for count in 0.. {
            let rows = batch(&mut world, &mut chance);
            if count < whole(first) {
                continue;
            }
            let observation = |(row, version): (Row, Version)| Observation {
                key: key(&world.senders, row.series),
                reading: version.received(row.time).1,
            };
            let mut batch = Batch::new(Instant::from_unix(0));
            for (row, version) in versions(&rows, count) {
                batch.received_at = version.received(row.time).0;
                batch.observations.push(observation((row, version)));
            }
            store.append(batch).await.expect("appended");
            let mut out = std::io::stdout().lock();
            writeln!(out, "acknowledged {count}").expect("a pipe");
            out.flush().expect("a pipe");
        }
    });
}

/// Runs a child that dies; the number of batches acknowledged by then.
fn died(directory: &Path, moment: usize, occurrence: u64, first: u64) -> u64 {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.args([
        "--exact",
        "route::kills::a_store_killed_at_each_moment_holds_whole_batches",
    ]);
    command.args(["--nocapture", "--test-threads=1"]);
    command.env(
        CHILD,
        format!("{} {moment} {occurrence} {first}", text(directory)),
    );
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program again");
    let mut acknowledged = first;
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        // The harness puts the test's name before the first of them.
        if let Some((_, count)) = line.expect("text").split_once("acknowledged ") {
            acknowledged = whole(count) + 1;
        }
    }
    let status = child.wait().expect("it ends");
    assert_eq!(
        status.code(),
        None,
        "killed by a signal, not ended: {status}"
    );
    acknowledged
}

/// Whether the store holds just what the model says.
fn same(store: &Stores, world: &World, model: &Model) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let expected = model.columns(None);
        for series in 0..world.senders.len() * 6 {
            let key = key(&world.senders, series);
            let found: Vec<(Instant, Reading)> = store
                .series
                .received(&key, Range::ALL)
                .await
                .expect("a column");
            if found != expected.get(&series).map_or(&[][..], Vec::as_slice) {
                return false;
            }
        }
        let verified = store.verify.verify().await.expect("verified");
        assert_eq!(verified.fault, None);
        true
    })
}

#[test]
fn a_store_killed_at_each_moment_holds_whole_batches() {
    if let Ok(told) = std::env::var(CHILD) {
        return child(&told);
    }
    let kills = kills(STORE_KILLS, 2 * Moment::ALL.len() as u64);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut world, mut chance) = (world(SEED), Chance::new(SEED));
    let (mut model, mut applied) = (Model::default(), 0);
    let mut occurrences = Chance::new(SEED + 1);
    let (mut durable, mut all) = (0, 0);
    for _ in 0..kills {
        for moment in 0..Moment::ALL.len() {
            let acknowledged = died(folder.path(), moment, 1 + occurrences.below(12), applied);
            while applied < acknowledged {
                let rows = batch(&mut world, &mut chance);
                model.take(versions(&rows, applied));
                applied += 1;
            }
            let store = Embedded::open(folder.path(), Access::Read).expect("opened");
            let store = Stores::embedded(store);
            all += 1;
            if !same(&store, &world, &model) {
                // Then it is the batch that nobody was told of, all of it.
                let rows = batch(&mut world, &mut chance);
                model.take(versions(&rows, applied));
                applied += 1;
                durable += 1;
                assert!(
                    same(&store, &world, &model),
                    "{:?}, batch {applied}",
                    Moment::ALL[moment]
                );
            }
        }
    }
    println!("{all} kills, {applied} batches, {durable} of them durable before anybody was told");
}
