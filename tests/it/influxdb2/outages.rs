//! Server and daemon are killed as processes while readings and their corrections come in: nothing acknowledged is
//! missing, nothing stands twice, and corrections keep their order. `SKYTIER_OUTAGE_S` says how long the server stays
//! away each time, 1 by default and 60 in the long form; `SKYTIER_OUTAGES` how often.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::influxdb2::process::StubProcess;
use crate::support::influxdb2::process::serve_if_told;
use crate::support::number;
use crate::support::serve;
use crate::support::skytier;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::wait_for;

const STATION: &str = "1999A";
/// Hours that readings are about; each comes again and again with another value.
const HOURS: u32 = 24;
/// Messages sent before acknowledgements are read.
const BURST: u32 = 40;
/// Messages of one connection, fewer than there are packet ids.
const MESSAGES_MAX: u32 = 60_000;

#[test]
fn the_stub_as_a_process() {
    serve_if_told();
}

fn on(stub: &StubProcess, mut command: Command) -> Command {
    command.envs(stub.environment());
    command
}

fn daemon(stub: &StubProcess, data: &Path) -> Daemon {
    Daemon::start_by(on(stub, serve(data, &[])), data)
}

/// A directory with the station registered.
fn registered(stub: &StubProcess, folder: &Path) -> std::path::PathBuf {
    let data = folder.join("data");
    let stations = folder.join("stations.csv");
    std::fs::write(
        &stations,
        format!("id,name_zh,name_en,class,longitude,latitude,simulated,source\n{STATION},虹桥,Hongqiao,national,120.268,31.920,false,test\n"),
    )
    .expect("written");
    let args = ["register", "--data", text(&data), text(&stations)];
    let ended = on(stub, skytier(&args)).output().expect("it runs");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    data
}

/// The message of a number: its hour, and a value that is greater than all before.
fn message(number: u32) -> (String, String) {
    let time = format!("2020-07-27T{:02}:00:00+08:00", number % HOURS);
    (readings_topic(STATION), hourly(&time, &value(number)))
}

fn value(number: u32) -> String {
    format!("{}.{}", number / 10, number % 10)
        .trim_end_matches(".0")
        .to_owned()
}

/// Sends messages from a number on until told to stop or the daemon dies; the first that was not acknowledged.
async fn load(daemon: &Daemon, mut next: u32, go_on: impl Fn() -> bool) -> u32 {
    let mut station = Station::connect(daemon, "gateway").await;
    let mut left = MESSAGES_MAX;
    while go_on() {
        if left < BURST {
            station = Station::connect(daemon, "gateway").await;
            left = MESSAGES_MAX;
        }
        left -= BURST;
        let messages: Vec<_> = (next..next + BURST).map(message).collect();
        let acknowledged = station.burst(&messages).await;
        next += u32::try_from(acknowledged).expect("a burst");
        if acknowledged < messages.len() {
            break;
        }
    }
    next
}

/// Every hour has the last of its values, once; `open` numbers more may have come.
fn check_export(stub: &StubProcess, data: &Path, sent: u32, open: u32) {
    let args = [
        "export",
        "--data",
        text(data),
        "--what",
        "readings",
        "--out",
        "-",
    ];
    let ended = on(stub, skytier(&args)).output().expect("it runs");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let export = String::from_utf8(ended.stdout).expect("UTF-8");
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for line in export.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let before = found.insert(cells[3].to_owned(), cells[5].to_owned());
        assert_eq!(before, None, "twice: {line}");
    }
    let last = |upto: u32| -> BTreeMap<String, String> {
        let one = |number: u32| {
            (
                format!("2020-07-27T{:02}:00:00+08:00", number % HOURS),
                value(number),
            )
        };
        (upto.saturating_sub(HOURS)..upto).map(one).collect()
    };
    let matches = (sent..=sent + open).any(|upto| last(upto) == found);
    assert!(matches, "acknowledged {:?}, found {found:?}", last(sent));
}

/// The outage's length, and how many there are.
fn outages() -> (Duration, u64) {
    let length = Duration::from_secs(number("SKYTIER_OUTAGE_S", 1));
    (length, number("SKYTIER_OUTAGES", 2))
}

/// A reading's values come in their order and each of them stays, whatever the server does meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_gets_every_correction_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stub = StubProcess::start(&folder.path().join("stub"));
    let data = registered(&stub, folder.path());
    let daemon = daemon(&stub, &data);
    let (length, count) = outages();
    let patience = PATIENCE.max(length * 3);
    let over = std::sync::atomic::AtomicBool::new(false);
    let sent = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(load(&daemon, 0, || {
                    !over.load(std::sync::atomic::Ordering::SeqCst)
                }))
            });
            for _ in 0..count {
                let before = stub.taken();
                wait_for("some lines at the server", patience, || {
                    (stub.taken() > before).then_some(())
                });
                stub.kill9();
                std::thread::sleep(length);
                wait_for("what comes in meanwhile to wait", patience, || {
                    let spooled = daemon.metric("skytier_influxdb2_spool_batches");
                    (spooled > 0).then_some(())
                });
                stub.revive();
            }
            over.store(true, std::sync::atomic::Ordering::SeqCst);
            loading.join().expect("every message was acknowledged")
        })
    });
    wait_for("everything at the server", patience, || {
        (daemon.get("/readyz").0 == 200).then_some(())
    });
    assert_eq!(daemon.metric("skytier_influxdb2_spool_batches"), 0);
    daemon.stop("TERM");
    check_export(&stub, &data, sent, 0);
    println!("{sent} messages, {count} outages of {length:?}");
    let held = stub.opened();
    for hour in 0..HOURS {
        let values: Vec<String> = (hour..sent).step_by(HOURS as usize).map(value).collect();
        let time =
            chrono::DateTime::parse_from_rfc3339(&format!("2020-07-27T{hour:02}:00:00+08:00"));
        let time = time.expect("a time").timestamp();
        let mut kept = held.numbered("revision", "pm25", time);
        kept.extend(held.numbered("reading", "pm25", time));
        assert_eq!(kept, values, "hour {hour}");
    }
}

/// Both are killed, in turn and together; senders send again what was not acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_with_its_server_away_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stub = StubProcess::start(&folder.path().join("stub"));
    let data = registered(&stub, folder.path());
    let (length, count) = outages();
    let patience = PATIENCE.max(length * 3);
    let mut sent = 0;
    for round in 0..count * 2 {
        let running = daemon(&stub, &data);
        wait_for("what waited", patience, || {
            (running.get("/readyz").0 == 200).then_some(())
        });
        check_export(&stub, &data, sent, BURST);
        sent = load(&running, sent, || stub.taken() == 0).await;
        // In every other round the server is away when the daemon dies.
        if round % 2 == 0 {
            stub.kill9();
        }
        let since = std::time::Instant::now();
        let dying = async {
            tokio::time::sleep(length / 2).await;
            kill9(&running);
        };
        let (next, ()) = tokio::join!(load(&running, sent, || since.elapsed() < length * 4), dying);
        assert!(next > sent, "something was acknowledged in round {round}");
        sent = next;
        drop(running);
        if round % 2 == 0 {
            stub.revive();
        }
        println!("round {round}: {sent} messages acknowledged");
    }
    let last = daemon(&stub, &data);
    wait_for("what waited", patience, || {
        (last.get("/readyz").0 == 200).then_some(())
    });
    check_export(&stub, &data, sent, BURST);
    last.stop("TERM");
}

/// Ends a daemon without warning, while somebody else still looks at it.
fn kill9(daemon: &Daemon) {
    let killed = Command::new("kill")
        .args(["-KILL", &daemon.pid().to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
}
