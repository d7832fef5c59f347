//! InfluxDB 2 beyond the suite: every way a server was seen to fail, what waits meanwhile, and what is said at the
//! start.

mod refusals;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::append;
use super::at;
use super::batch;
use super::column;
use super::key;
use super::run;
use crate::support::influxdb2::BUCKET;
use crate::support::influxdb2::Fault;
use crate::support::influxdb2::ORG;
use crate::support::influxdb2::Stub;
use crate::support::influxdb2::TOKEN;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::influxdb2::Influx;
use skytier::adapters::store::influxdb2::settings::InfluxSettings;
use skytier::adapters::store::influxdb2::settings::Token;
use skytier::ports::Range;
use skytier::ports::StoreError;
use tempfile::TempDir;

/// Long enough for a request to the stub on a busy machine, short enough for a test that waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);

fn settings(stub: &Stub) -> InfluxSettings {
    InfluxSettings {
        url: stub.url(),
        org: ORG.to_owned(),
        bucket: BUCKET.to_owned(),
        token: Token::new(TOKEN),
        connect_timeout: TIMEOUT,
        write_timeout: TIMEOUT,
        query_timeout: TIMEOUT,
        backoff: (Duration::from_millis(5), Duration::from_millis(50)),
        ..InfluxSettings::default()
    }
}

fn opened(settings: InfluxSettings, directory: &Path, access: Access) -> Stores {
    let base = Embedded::open(directory, access).expect("the embedded store");
    let base = Arc::new(base);
    let readings = Influx::new(settings, Arc::clone(&base), directory, access);
    Stores::influxdb2(readings.expect("settings that can work"), base)
}

/// A store on the stub.
pub(crate) fn on_stub(stub: &Stub, directory: &Path) -> Stores {
    opened(settings(stub), directory, Access::Write)
}

/// The real server of the environment: address, organization, token, and what the test's buckets begin with.
fn real_server() -> Option<[String; 4]> {
    let named = ["URL", "ORG", "TOKEN", "BUCKET"]
        .map(|name| std::env::var(format!("INFLUXDB2_{name}")).ok());
    let [Some(url), Some(org), Some(token), Some(bucket)] = named else {
        return None;
    };
    Some([url.trim_end_matches('/').to_owned(), org, token, bucket])
}

/// Asks the real server's own interface.
fn manage(
    server: &[String; 4],
    method: &str,
    path: &str,
    body: Option<serde_json::Value>,
) -> serde_json::Value {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", server[0]))
        .header("authorization", format!("Token {}", server[2]))
        .header("content-type", "application/json")
        .body(body.map_or_else(String::new, |body| body.to_string()));
    let answer = ureq::run(request.expect("a request"));
    let text = answer.expect(path).body_mut().read_to_string().expect(path);
    serde_json::from_str(&text).unwrap_or_default()
}

/// Runs the checks in a bucket of their own on a real server, if there is one.
pub(super) fn on_real_server(check: &impl AsyncFn(&str, &Stores)) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let Some(server) = real_server() else { return };
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let bucket = format!("{}-{}-{number}", server[3], std::process::id());
    let orgs = manage(
        &server,
        "GET",
        &format!("/api/v2/orgs?org={}", server[1]),
        None,
    );
    let org = orgs["orgs"][0]["id"]
        .as_str()
        .expect("the organization")
        .to_owned();
    let made = manage(
        &server,
        "POST",
        "/api/v2/buckets",
        Some(serde_json::json!({"orgID": org, "name": bucket, "retentionRules": []})),
    );
    let id = made["id"].as_str().expect("a bucket").to_owned();
    let directory = TempDir::new().expect("a directory");
    let settings = InfluxSettings {
        url: server[0].clone(),
        org: server[1].clone(),
        token: Token::new(&server[2]),
        bucket,
        ..InfluxSettings::default()
    };
    run(check(
        "influxdb2, a real one",
        &opened(settings, directory.path(), Access::Write),
    ));
    manage(&server, "DELETE", &format!("/api/v2/buckets/{id}"), None);
}

#[test]
fn whether_the_suite_ran_on_a_real_server_is_told() {
    match real_server() {
        Some([url, ..]) => println!("the suite also runs on {url}"),
        None => println!(
            "NOT RUN: the suite on a real InfluxDB 2; set INFLUXDB2_URL, INFLUXDB2_ORG, INFLUXDB2_TOKEN (may make \
             buckets) and INFLUXDB2_BUCKET (what their names begin with)"
        ),
    }
}

/// The requests of `influxdb2` as its documentation of the wire has them, up to the host and the length.
#[test]
fn requests_are_those_a_real_server_was_seen_to_take() {
    let stub = Stub::start();
    stub.keep_bodies();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = on_stub(&stub, directory.path());
        append(&stores, 100, "A pm25 3600 1.5").await;
        column(&stores, "A pm25", Range::ALL).await;
    });
    let bodies = stub.bodies();
    let [claim, run, line] = bodies.as_slice() else {
        panic!("{bodies:?}");
    };
    let writer = claim.strip_prefix("skytier,writer=");
    assert!(
        writer.is_some_and(|rest| rest.ends_with(" held=1i 0\n")),
        "{claim}"
    );
    assert!(
        run.starts_with("skytier,writer=") && run.contains(" run=\"") && run.ends_with("\" 0\n"),
        "{run}"
    );
    assert_eq!(
        line,
        "reading,interval_s=3600,source=A pm25=1.5,pm25:avg:at=100i 3600\n"
    );
    let mut heads = stub.heads();
    for head in &mut heads {
        let volatile = |line: &&str| {
            !["host: ", "content-length: "]
                .iter()
                .any(|name| line.starts_with(name))
        };
        *head = head.lines().filter(volatile).collect::<Vec<_>>().join("\n");
    }
    let query = "POST /api/v2/query?org=grid HTTP/1.1\nauthorization: Token t0ken\naccepting-encoding: identity\ncontent-type: application/json\naccept: */*";
    let write = "POST /api/v2/write?bucket=pollution&org=grid&precision=s HTTP/1.1\nauthorization: Token t0ken\naccept: */*";
    assert_eq!(
        heads,
        [
            query, write, query, write, query, query, query, write, query
        ],
        "the claim, the run, ends, who writes, the line, the column"
    );
}

pub(super) async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

fn passing() -> Vec<Fault> {
    vec![
        Fault::TooMany,
        Fault::Busy,
        Fault::CacheFull,
        Fault::Gateway,
        Fault::Closed,
        Fault::LostAnswer,
        Fault::Unauthorized,
        Fault::Forbidden,
        Fault::NoBucket,
        Fault::NotFound,
        Fault::NotAllowed,
        Fault::Hang(TIMEOUT + Duration::from_millis(300)),
    ]
}

#[test]
fn with_the_spool_off_nothing_is_acknowledged_until_the_server_has_it() {
    for fault in passing() {
        let stub = Stub::start();
        let directory = TempDir::new().expect("a directory");
        let settings = InfluxSettings {
            spool: false,
            ..settings(&stub)
        };
        run(async {
            let stores = opened(settings, directory.path(), Access::Write);
            append(&stores, 100, "A pm25 3600 1").await;
            stub.fail_writes([fault.clone()]);
            let refused = stores
                .series
                .append(batch(200, "A pm25 3600 2; A pm25 7200 5"))
                .await;
            assert!(
                matches!(refused, Err(StoreError::Unavailable { .. })),
                "{fault:?}: {refused:?}"
            );
            let again = async || {
                stores
                    .series
                    .append(batch(300, "A pm25 3600 2; A pm25 7200 5"))
                    .await
            };
            eventually("the second try", async || again().await.is_ok()).await;
            assert_eq!(
                column(&stores, "A pm25", Range::ALL).await,
                "3600=2 7200=5",
                "{fault:?}"
            );
            let known = Range {
                known_at: Some(at(150)),
                ..Range::ALL
            };
            assert_eq!(
                column(&stores, "A pm25", known).await,
                "3600=1",
                "{fault:?}"
            );
        });
        assert_eq!(
            stub.count("revision"),
            3,
            "{fault:?}: one value was replaced, once"
        );
    }
}

#[test]
fn what_waits_in_the_spool_arrives_once_and_in_order() {
    for fault in passing() {
        let stub = Stub::start();
        let directory = TempDir::new().expect("a directory");
        run(async {
            let stores = on_stub(&stub, directory.path());
            append(&stores, 100, "A pm25 3600 1").await;
            stub.fail_always(Some(fault.clone()));
            for (received_at, text) in [
                (200, "A pm25 3600 2; B co 60 1"),
                (300, "A pm25 3600 3"),
                (400, "A pm25 3600 3"),
            ] {
                let appended = append(&stores, received_at, text).await;
                assert!(
                    appended.starts_with("new 0 repeated 0 corrected 0: A@3600"),
                    "{fault:?}: {appended}"
                );
            }
            let read = stores.series.column(&key("A pm25"), Range::ALL).await;
            assert!(
                matches!(read, Err(StoreError::Unavailable { .. })),
                "part is no answer: {read:?}"
            );
            stub.fail_always(None);
            eventually("the spool", async || stores.series.keys().await.is_ok()).await;
            let check = async |known_at: Option<i64>, expected: &str| {
                let range = Range {
                    known_at: known_at.map(at),
                    ..Range::ALL
                };
                assert_eq!(
                    column(&stores, "A pm25", range).await,
                    expected,
                    "{fault:?} {known_at:?}"
                );
            };
            check(Some(150), "3600=1").await;
            check(Some(250), "3600=2").await;
            check(Some(300), "3600=3").await;
            check(None, "3600=3").await;
            assert_eq!(column(&stores, "B co", Range::ALL).await, "60=1");
            let verified = stores.verify.verify().await.expect("verified");
            assert_eq!(verified.fault, None);
            assert!(verified.counted.contains(&("readings", 2)), "{verified:?}");
            let influx = stores.influxdb2.as_ref().expect("it is that store");
            assert_eq!(
                influx.standing(),
                skytier::adapters::store::influxdb2::standing::Standing::default()
            );
        });
    }
}

/// The process dies while batches wait, and again when the server has one of them but its answer got lost.
#[test]
fn a_spool_outlives_the_process_and_a_batch_brought_twice_stands_once() {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    stub.kill();
    run(async {
        let stores = on_stub(&stub, directory.path());
        for time in 1..=40 {
            let text = format!("A pm25 {time} {time}; A pm25 1 {time}; A pm25 1 {time}.5");
            append(&stores, 100 + time, &text).await;
        }
        let started = stores
            .influxdb2
            .as_ref()
            .expect("it is that store")
            .start(at(0))
            .await;
        let cause = started.expect_err("nobody is there").to_string();
        assert!(
            cause.contains("no connection: Connection refused"),
            "{cause}"
        );
        assert!(cause.contains("start the InfluxDB"), "{cause}");
    });
    stub.restart();
    for lost in [1, 2, 0] {
        stub.fail_writes(std::iter::repeat_n(Fault::Pass, lost));
        stub.fail_writes((lost > 0).then_some(Fault::LostAnswer));
        run(async {
            let stores = on_stub(&stub, directory.path());
            let keys = stores.series.keys().await;
            assert_eq!(keys.is_err(), lost > 0, "{keys:?}");
            if lost > 0 {
                return;
            }
            let times: Vec<String> = (2..=40).map(|time| format!(" {time}={time}")).collect();
            let expected = format!("1=40.5{}", times.concat());
            assert_eq!(column(&stores, "A pm25", Range::ALL).await, expected);
            let known = Range {
                known_at: Some(at(110)),
                upto: at(1),
                ..Range::ALL
            };
            assert_eq!(column(&stores, "A pm25", known).await, "1=10.5");
        });
    }
    // 80 different values at the first second: 79 were replaced, each with four fields save the first, which has no note.
    assert_eq!(stub.count("revision"), 79 * 4 - 1);
}

#[test]
fn a_full_spool_withholds_what_it_cannot_keep() {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    let settings = InfluxSettings {
        spool_bytes_max: 100,
        ..settings(&stub)
    };
    run(async {
        let stores = opened(settings, directory.path(), Access::Write);
        stub.fail_always(Some(Fault::Busy));
        append(&stores, 100, "A pm25 3600 1").await;
        append(&stores, 100, "A pm25 7200 2").await;
        let full = stores.series.append(batch(100, "A pm25 9000 3")).await;
        assert!(matches!(full, Err(StoreError::Full { .. })), "{full:?}");
        stub.fail_always(None);
        eventually("room", async || {
            stores
                .series
                .append(batch(100, "A pm25 9000 3"))
                .await
                .is_ok()
        })
        .await;
        assert_eq!(
            column(&stores, "A pm25", Range::ALL).await,
            "3600=1 7200=2 9000=3"
        );
    });
}

/// What trying again does not mend ends the way back, and with it the store: nothing is acknowledged any more.
#[test]
fn a_spool_that_cannot_be_read_back_is_not_tried_for_ever() {
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = opened(settings(&stub), directory.path(), Access::Write);
        append(&stores, 100, "A pm25 3600 1").await;
        stub.fail_always(Some(Fault::Busy));
        append(&stores, 100, "A pm25 7200 2").await;
        let spool = rusqlite::Connection::open(directory.path().join("influxdb2-spool.db"));
        let spool = spool.expect("the spool");
        spool.busy_timeout(TIMEOUT).expect("set");
        let changed = spool.execute("UPDATE spool SET lines = lines || ' '", []);
        assert_eq!(changed, Ok(1));
        stub.fail_always(None);
        let damaged = async || {
            let refused = stores.series.append(batch(100, "A pm25 9000 3")).await;
            matches!(refused, Err(StoreError::Damaged { .. }))
        };
        eventually("an end of it", damaged).await;
        let read = stores.series.column(&key("A pm25"), Range::ALL).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
        let asked = stub.heads().len();
        tokio::time::sleep(10 * settings(&stub).backoff.1).await;
        assert_eq!(stub.heads().len(), asked, "nobody goes on asking");
    });
}

/// What reports now and then is read in few queries, and a burst after a rest not in one answer.
#[test]
fn a_column_is_asked_for_by_what_is_in_it() {
    const DAY_S: i64 = 86_400;
    let stub = Stub::start();
    let directory = TempDir::new().expect("a directory");
    run(async {
        let stores = opened(settings(&stub), directory.path(), Access::Write);
        let rare = (0..40).map(|at| at * 30 * DAY_S);
        let burst = (0..45_000).map(|at| 1_500 * DAY_S + at);
        let times: Vec<i64> = rare.chain(burst).collect();
        let all: Vec<String> = times
            .iter()
            .map(|time| format!("A pm25 {time} 1 avg 0"))
            .collect();
        append(&stores, 100, &all.join(";")).await;
        let before = stub.heads().len();
        let key = key("A pm25 avg 0");
        let found = stores.series.column(&key, Range::ALL).await;
        let found: Vec<i64> = found
            .expect("a column")
            .iter()
            .map(|reading| reading.time.unix())
            .collect();
        assert!(found == times, "all of it, once and in order");
        let queries = stub.heads().len() - before;
        assert!(queries < 25, "{queries} queries");
    });
}
