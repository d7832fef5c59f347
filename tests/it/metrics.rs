//! What the daemon tells of itself: metrics, the alert rules over them, the log's lines about requests, and that no secret
//! is in any of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::influxdb2::BUCKET;
use crate::support::influxdb2::ORG;
use crate::support::influxdb2::Stub;
use crate::support::influxdb2::TOKEN;
use crate::support::mosquitto::Mosquitto;
use crate::support::papers::Papers;
use crate::support::require;
use crate::support::seeded;
use crate::support::serve;
use crate::support::skytier;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::wait_for;

/// Where Debian puts it.
const PROMTOOL: &str = "/usr/bin/promtool";
const STATION: &str = "1999A";

fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name)
}

/// Runs promtool on a shipped file.
fn promtool(args: &[&str], name: &str) {
    require(PROMTOOL);
    let file = shipped(name);
    let ended = Command::new(PROMTOOL).args(args).arg(&file).output();
    let ended = ended.expect("it runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(ended.status.success(), "{said}");
    assert!(
        said.contains("SUCCESS") && !said.contains("FAILED"),
        "{said}"
    );
}

#[test]
fn the_shipped_alert_rules_are_sound_and_each_fires() {
    promtool(&["check", "rules"], "alerts.yml");
    promtool(&["test", "rules"], "alerts.test.yml");
    let names = |text: &str, lead: &str| -> BTreeSet<String> {
        let after = text
            .match_indices(lead)
            .map(|(at, _)| &text[at + lead.len()..]);
        let name = |rest: &str| {
            let rest = rest.trim_start_matches(['"', ' ']);
            rest.split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .map(str::to_owned)
        };
        after.filter_map(name).collect()
    };
    let read = |name| std::fs::read_to_string(shipped(name)).expect("shipped");
    let rules = names(&read("alerts.yml"), "alert:");
    let tests = read("alerts.test.yml");
    let tested: BTreeSet<String> = names(&tests, "alertname=")
        .union(&names(&tests, "alertname:"))
        .cloned()
        .collect();
    assert!(rules.len() >= 17, "{rules:?}");
    assert_eq!(rules, tested, "every alert has a test");
}

/// Name, kind and the labels of the rows of every metric on a page.
fn families(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut last = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            let before = found.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
            assert!(before.is_none(), "{name} twice");
            name.clone_into(&mut last);
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect(line);
            assert!(
                value.parse::<f64>().is_ok_and(|value| value >= 0.0),
                "{line}"
            );
            assert!(name.starts_with(&last), "{line} under {last}");
            let labels = name.split_once('{').map_or("", |(_, labels)| labels);
            let labels = labels
                .split("\",")
                .filter_map(|pair| pair.split_once("=\""));
            let own = &mut found.get_mut(&last).expect("its type").1;
            own.extend(labels.map(|(label, _)| label.to_owned()));
        }
    }
    found
}

/// Metrics with what they are asked by: names and labels in expressions of the rules.
fn asked() -> BTreeMap<String, BTreeSet<String>> {
    let rules = std::fs::read_to_string(shipped("alerts.yml")).expect("shipped");
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, _) in rules.match_indices("skytier_") {
        let rest = &rules[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let labels = asked.entry(name.to_owned()).or_default();
        if let Some(inside) = rest.strip_prefix('{') {
            let inside = inside.split('}').next().unwrap_or_default();
            let label = |pair: &str| {
                pair.split(['=', '!'])
                    .next()
                    .map(|name| name.trim().to_owned())
            };
            labels.extend(inside.split(',').filter_map(label));
        }
    }
    asked
}

/// The stub as the store, and the same server's address with another bucket's name for the copy.
fn everything<'a>(copy: &'a str, broker: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("SKYTIER__MIRROR__URL", copy),
        ("SKYTIER__MIRROR__ORG", ORG),
        ("SKYTIER__MIRROR__BUCKET", BUCKET),
        ("SKYTIER__MIRROR__TOKEN", TOKEN),
        ("SKYTIER__MQTT__BROKERS__0__URL", broker),
        ("SKYTIER__MQTT__BROKERS__0__USERNAME", "gateway"),
        ("SKYTIER__MQTT__BROKERS__0__PASSWORD", PASSWORD),
    ]
}

const PASSWORD: &str = "br0ker-passw0rd";

fn start(data: &Path, stub: &Stub, overrides: &[(&str, &str)], log: (&str, &str)) -> Daemon {
    let mut command = serve(data, overrides);
    command.envs(stub.environment());
    command.envs([("SKYTIER_LOG", log.0), ("SKYTIER_LOG_FORMAT", log.1)]);
    Daemon::start_by(command, data)
}

/// A directory with stations, whose readings go to a stub.
fn seeded_on(stub: &Stub) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut seed = skytier(&["seed", "jiangyin", "--data", text(&data)]);
    let seeded = seed.envs(stub.environment()).output().expect("it runs");
    assert!(seeded.status.success(), "{seeded:?}");
    (folder, data)
}

/// Readings of now and yesterday, one that is refused by the rules, one message that is none.
async fn feed(daemon: &Daemon) {
    let hour = chrono::Utc::now().timestamp() / 3_600 * 3_600;
    let time = chrono::DateTime::from_timestamp(hour, 0)
        .expect("a time")
        .to_rfc3339();
    let mut station = Station::connect(daemon, "gateway").await;
    let topic = readings_topic(STATION);
    station.send(&topic, &hourly(&time, "12.5")).await;
    let yesterday = chrono::DateTime::from_timestamp(hour - 86_400, 0)
        .expect("a time")
        .to_rfc3339();
    station.send(&topic, &hourly(&yesterday, "14")).await;
    let before = chrono::DateTime::from_timestamp(hour - 3_600, 0)
        .expect("a time")
        .to_rfc3339();
    station.send(&topic, &hourly(&before, "-3")).await;
    station.send(&topic, "no json").await;
    station
        .send(&readings_topic("nobody"), &hourly(&time, "1"))
        .await;
}

/// What is told of [`feed`] and of three requests.
const HAPPENED: [&str; 16] = [
    "skytier_readings_total{outcome=\"new\"} 3\n",
    "skytier_qc_readings_total{verdict=\"passed\"} 2\n",
    "skytier_qc_readings_total{verdict=\"negative\"} 1\n",
    "skytier_letters_total{state=\"dead\",reason=\"not_json\"} 1\n",
    "skytier_letters_total{state=\"quarantined\",reason=\"not_registered\"} 1\n",
    "skytier_reading_age_seconds_bucket{le=\"10800\"} 2\n",
    "skytier_reading_age_seconds_bucket{le=\"+Inf\"} 3\n",
    "skytier_reading_age_seconds_count 3\n",
    "skytier_queue_messages 0\n",
    "skytier_queue_messages_max 2048\n",
    "skytier_rollup_lag_seconds 0\n",
    "skytier_mqtt_connections_open{source=\"mqtt://127.0.0.1:1\"} 0\n",
    "skytier_http_responses_total{method=\"GET\",route=\"/v1/stations\",status=\"200\"} 1\n",
    "skytier_http_responses_total{method=\"GET\",route=\"/v1/stations/{id}/gaps\",status=\"404\"} 1\n",
    "skytier_http_responses_total{method=\"GET\",route=\"none\",status=\"404\"} 1\n",
    "skytier_http_request_seconds_count{method=\"GET\",route=\"/v1/stations\"} 1\n",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_asks_for_what_is_told_and_what_is_told_is_what_happened() {
    let (stub, copy) = (Stub::start(), Stub::start());
    let (_folder, data) = seeded_on(&stub);
    let (url, papers) = (copy.url(), Papers::new());
    let [cert, key] = ["server.crt", "server.key"].map(|name| papers.path(name));
    let mut overrides = everything(&url, "mqtt://127.0.0.1:1");
    overrides.extend([
        ("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0"),
        ("SKYTIER__HTTP__TLS__CERT", text(&cert)),
        ("SKYTIER__HTTP__TLS__KEY", text(&key)),
        ("SKYTIER__MQTT__EMBEDDED__TLS__LISTEN", "127.0.0.1:0"),
        ("SKYTIER__MQTT__EMBEDDED__TLS__CERT", text(&cert)),
        ("SKYTIER__MQTT__EMBEDDED__TLS__KEY", text(&key)),
    ]);
    let daemon = start(&data, &stub, &overrides, ("warn", ""));
    feed(&daemon).await;
    assert_eq!(daemon.get("/v1/stations").0, 200);
    let unknown = "/v1/stations/nobody/gaps?from=2026-01-01&to=2026-01-01";
    assert_eq!(daemon.get(unknown).0, 404);
    assert_eq!(daemon.get("/no/such/path").0, 404);
    daemon.settle();
    let complete = format!("skytier_station_day_hours{{station=\"{STATION}\",pollutant=\"pm25\"}}");
    let page = wait_for("every gauge", PATIENCE, || {
        let page = daemon.fetch("/metrics").text;
        let late = [
            "skytier_mirror_lag_seconds ",
            "skytier_influxdb2_spool_batches ",
            "skytier_http_tls_expires_timestamp_seconds ",
            "skytier_mqtt_tls_expires_timestamp_seconds ",
            &complete,
        ];
        late.iter().all(|name| page.contains(name)).then_some(page)
    });
    let told = families(&page);
    for (name, labels) in asked() {
        let base = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let whole = told.get(&name);
        let parts = base
            .and_then(|base| told.get(base))
            .filter(|(kind, _)| kind == "histogram");
        let (_, own) = whole
            .or(parts)
            .unwrap_or_else(|| panic!("{name}: a rule asks for it"));
        assert!(labels.is_subset(own), "{name}: {labels:?} of {own:?}");
    }
    for expected in HAPPENED {
        assert!(page.contains(expected), "{expected}{page}");
    }
    let commits = daemon.metric("skytier_commit_seconds_count");
    assert_eq!(commits, daemon.metric("skytier_commits_total"));
    assert!(daemon.metric("skytier_disk_free_bytes") > 0);
    stub.kill();
    let mut station = Station::connect(&daemon, "gateway").await;
    station
        .send(
            &readings_topic(STATION),
            &hourly("2020-07-27T01:00:00+08:00", "1"),
        )
        .await;
    let trouble = "skytier_trouble{part=\"influxdb2\"} 1\n";
    wait_for("a trouble", PATIENCE, || {
        let page = daemon.fetch("/metrics").text;
        (page.contains(trouble) && page.contains("skytier_ready 0\n")).then_some(())
    });
    daemon.stop("TERM");
}

#[test]
fn metrics_are_told_without_those_of_a_store_that_cannot_be_read() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let waiting = "skytier_letters_waiting{state=\"dead\"}";
    assert_eq!(daemon.metric(waiting), 0);
    let shell = Connection::open(data.join("skytier.db")).expect("a database");
    let rename = |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        shell.execute_batch(&rename).expect("renamed");
    };
    rename("dead_letter", "aside");
    let told = daemon.fetch("/metrics");
    assert_eq!(told.status, 200, "{}", told.text);
    assert!(told.text.contains("skytier_ready "), "{}", told.text);
    assert!(!told.text.contains("letters_waiting"), "{}", told.text);
    rename("aside", "dead_letter");
    assert_eq!(daemon.metric(waiting), 0);
    daemon.stop("TERM");
}

/// Lines of a log in JSON about requests, by the request's name.
fn requests(log: &str) -> BTreeMap<String, Value> {
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| -> Value { serde_json::from_str(line).expect(line) });
    let about = |line: &Value| {
        let id = line["fields"]["request.id"].as_str()?;
        Some((id.to_owned(), line["fields"].clone()))
    };
    lines.filter_map(|line| about(&line)).collect()
}

#[test]
fn a_request_is_found_in_the_log_by_the_name_in_its_answer() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let mut command = serve(&data, &[]);
    command.envs([("SKYTIER_LOG", "info"), ("SKYTIER_LOG_FORMAT", "json")]);
    let daemon = Daemon::start_by(command, &data);
    let ask = |path: &str, id: Option<&str>| -> String {
        let mut request = ureq::get(format!("{}{path}", daemon.http));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        let asked = request.config().http_status_as_error(false).build().call();
        let answer = asked.expect("an answer");
        let named = answer.headers().get("x-request-id").expect("a name");
        named.to_str().expect("text").to_owned()
    };
    let cases = [
        ("/v1/stations?token=s3cret", None, "/v1/stations", 400),
        ("/v1/air/now", Some("proxy-7.a_b"), "/v1/air/now", 200),
        ("/v1/flags", Some("two words"), "/v1/flags", 200),
        ("/no/such/path", None, "none", 404),
    ];
    let names: Vec<String> = cases.iter().map(|(path, id, ..)| ask(path, *id)).collect();
    assert_eq!(names[1], "proxy-7.a_b", "one that a proxy gave is kept");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let looked = ask("/metrics", None);
    let found = wait_for("lines of the log", PATIENCE, || {
        let found = requests(&daemon.log());
        names
            .iter()
            .all(|name| found.contains_key(name))
            .then_some(found)
    });
    for (name, (path, _, route, status)) in names.iter().zip(cases) {
        let line = &found[name];
        assert_eq!(line["method"], "GET", "{line}");
        assert_eq!(line["route"], route, "{line}");
        assert_eq!(line["status"], status, "{path} {line}");
        assert!(line["duration_ms"].is_u64(), "{line}");
    }
    assert!(
        !found.contains_key(&looked),
        "looks of machines are not told"
    );
    assert!(!daemon.log().contains("s3cret"), "queries are not told");
    daemon.stop("TERM");
}

/// With everything configured, and every line of the log there is.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_the_metrics_or_what_the_doctor_says() {
    let (stub, copy, broker) = (Stub::start(), Stub::start(), Mosquitto::start().await);
    let (_folder, data) = seeded_on(&stub);
    let (url, from) = (copy.url(), format!("mqtt://127.0.0.1:{}", broker.port));
    let configured = everything(&url, &from);
    let daemon = start(&data, &stub, &configured, ("trace", "json"));
    let connected = format!("skytier_mqtt_connections_open{{source=\"{from}\"}}");
    wait_for("a connection", PATIENCE, || {
        (daemon.metric(&connected) == 1).then_some(())
    });
    // Servers that go away make most words.
    stub.kill();
    copy.kill();
    drop(broker);
    feed(&daemon).await;
    wait_for("words on it", PATIENCE, || {
        let behind = daemon.metric("skytier_mirror_lag_seconds") > 0;
        (behind && daemon.metric(&connected) == 0).then_some(())
    });
    let mut doctor = skytier(&["doctor", "--data", text(&data)]);
    doctor
        .envs(stub.environment())
        .envs(configured.iter().copied());
    doctor.env("SKYTIER_LOG", "trace");
    let doctor = doctor.output().expect("it runs");
    let ready = daemon.fetch("/readyz").text;
    let metrics = daemon.fetch("/metrics").text;
    let log = daemon.log();
    assert!(log.contains("\"level\":\"TRACE\""), "{log}");
    let told = [
        ("log", log),
        ("metrics", metrics),
        ("readyz", ready),
        (
            "doctor",
            String::from_utf8_lossy(&doctor.stdout).into_owned(),
        ),
        (
            "doctor's log",
            String::from_utf8_lossy(&doctor.stderr).into_owned(),
        ),
    ];
    for (where_, said) in told {
        for secret in [TOKEN, PASSWORD] {
            assert!(!said.contains(secret), "{secret} in {where_}: {said}");
        }
    }
}
