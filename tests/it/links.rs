//! External brokers of one daemon and of two: several at once, what they kept, who is there through them, and why
//! something is missing.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::mqtt::raw;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V5;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::mosquitto::Mosquitto;
use crate::support::mosquitto::ONCE;
use crate::support::mosquitto::PUBLISHER;
use crate::support::mosquitto::mosquitto_pub;
use crate::support::run;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;
use crate::watch::QUICK;
use crate::watch::current;
use crate::watch::registered;
use crate::watch::station;

const STATUS: &str = "skytier/v1/stations/a/status";
/// Longer than any beat and than the time a report is looked for.
const AWAY: Duration = Duration::from_secs(5);

fn url(broker: &Mosquitto) -> String {
    format!("mqtt://127.0.0.1:{}", broker.port)
}

/// A daemon that reads from the brokers, once it is connected to all of them.
fn behind(data: &Path, brokers: &[&Mosquitto], more: &[(&str, &str)]) -> Daemon {
    let urls: Vec<(String, String)> = (0..)
        .zip(brokers)
        .map(|(n, broker): (usize, _)| (format!("SKYTIER__MQTT__BROKERS__{n}__URL"), url(broker)))
        .collect();
    let mut overrides: Vec<(&str, &str)> = QUICK.to_vec();
    overrides.extend(urls.iter().map(|(key, url)| (key.as_str(), url.as_str())));
    overrides.extend(more);
    let daemon = Daemon::start(data, &overrides);
    for (_, url) in &urls {
        let open = format!("skytier_mqtt_connections_open{{source=\"{url}\"}}");
        wait_for("the broker's session", PATIENCE, || {
            (daemon.metric(&open) == 1).then_some(())
        });
    }
    daemon
}

/// Publishes until the daemon has seen the station: a subscription follows its connection.
fn seen(daemon: &Daemon, broker: &Mosquitto, id: &str) {
    wait_for("the station", PATIENCE, || {
        mosquitto_pub(broker.port, &readings_topic(id), &current());
        (station(daemon, id)["last_seen"] != json!(null)).then_some(())
    });
}

fn retained(broker: &Mosquitto, topic: &str, payload: &str) {
    retained_at(broker.port, topic, payload);
}

fn retained_at(port: u16, topic: &str, payload: &str) {
    let sent = Command::new(PUBLISHER)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-r"])
        .args(["-t", topic, "-m", payload])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "{topic}");
}

/// A station at the broker that says it is there, and whose last will says that it is gone.
async fn with_will(broker: &Mosquitto) -> Raw {
    let mut raw = Raw::open(SocketAddr::from(([127, 0, 0, 1], broker.port))).await;
    raw.send(&raw::connect(
        V5,
        "station-a",
        60,
        Some((STATUS, "offline")),
    ))
    .await;
    raw.packet().await.expect("welcome");
    raw.exchange(&raw::publish(V5, 1, 1, STATUS, "online"), 1)
        .await;
    raw
}

fn status_is(daemon: &Daemon, online: bool) {
    wait_for("the state", PATIENCE, || {
        (station(daemon, "a")["status"]["online"] == json!(online)).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_daemon_reads_from_two_brokers() {
    let (one, two) = (Mosquitto::start().await, Mosquitto::start().await);
    let (_folder, data) = registered();
    let daemon = behind(&data, &[&one, &two], &[]);
    seen(&daemon, &one, "a");
    seen(&daemon, &two, "b");
    // The one going away is nothing to the other.
    drop(one);
    let before = daemon.readings("b", "factor=pm25").len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    mosquitto_pub(two.port, &readings_topic("b"), &current());
    wait_for("the other's reading", PATIENCE, || {
        (daemon.readings("b", "factor=pm25").len() > before).then_some(())
    });
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broker_kept_is_stored_but_no_sign_of_life() {
    let broker = Mosquitto::start().await;
    let (_folder, data) = registered();
    let old = "{\"time\":\"2024-01-05T13:00:00+08:00\",\"interval_s\":2,\"values\":{\"pm25\":1}}";
    retained(&broker, &readings_topic("a"), old);
    retained(&broker, STATUS, "online");
    for round in 1..=2 {
        let daemon = behind(&data, &[&broker], &[]);
        wait_for("what was kept", PATIENCE, || {
            (daemon.metric("skytier_retained_stale_total") == 1).then_some(())
        });
        status_is(&daemon, true);
        let kept = format!("skytier_mqtt_retained_total{{source=\"{}\"}}", url(&broker));
        assert_eq!(daemon.metric(&kept), 2);
        let repeated = daemon.metric("skytier_readings_total{outcome=\"repeated\"}");
        assert_eq!(repeated, round - 1, "a repeat changes nothing");
        assert_eq!(daemon.readings("a", "factor=pm25").len(), 1);
        let own = station(&daemon, "a");
        assert_eq!(
            (&own["last_seen"], &own["silent"]),
            (&json!(null), &json!(null))
        );
        daemon.stop("TERM");
    }
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broker_kept_undoes_no_correction() {
    let mut broker = Mosquitto::start().await;
    let (_folder, data) = registered();
    let daemon = behind(&data, &[&broker], &[]);
    seen(&daemon, &broker, "b");
    let topic = readings_topic("a");
    let query = "factor=pm25&from=2024-01-05T12:00:00%2B08:00&to=2024-01-05T14:00:00%2B08:00";
    let shown = |daemon: &Daemon| -> Vec<Value> {
        let rows = daemon.readings("a", query);
        rows.iter().map(|row| row["value"].clone()).collect()
    };
    let shows = |daemon: &Daemon, value: f64| {
        wait_for("the value", PATIENCE, || {
            (shown(daemon) == [json!(value)]).then_some(())
        });
    };
    let of = |value: f64| hourly("2024-01-05T13:00:00+08:00", &value.to_string());
    retained(&broker, &topic, &of(7.5));
    shows(&daemon, 7.5);
    mosquitto_pub(broker.port, &topic, &of(9.5));
    shows(&daemon, 9.5);
    // It comes again with each subscription: the daemon's own start and the broker's.
    let left_out = |daemon: &Daemon, times: u64| {
        wait_for("what was kept", PATIENCE, || {
            (daemon.metric("skytier_retained_left_out_total") == times).then_some(())
        });
        assert_eq!(shown(daemon), [json!(9.5)]);
    };
    daemon.stop("TERM");
    let daemon = behind(&data, &[&broker], &[]);
    left_out(&daemon, 1);
    broker.restart().await;
    left_out(&daemon, 2);
    daemon.kill9();
    let daemon = behind(&data, &[&broker], &[]);
    left_out(&daemon, 1);
    // At our own endpoint the flag says nothing of age.
    retained_at(daemon.mqtt, &topic, &of(8.5));
    shows(&daemon, 8.5);
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_share_the_readings_and_both_know_who_is_there() {
    let broker = Mosquitto::start().await;
    let (_first, one) = registered();
    let (_second, two) = registered();
    let group = ("SKYTIER__MQTT__BROKERS__0__GROUP", "ingest");
    let named = |name| [group, ("SKYTIER__MQTT__BROKERS__0__CLIENT_ID", name)];
    let daemons = [
        behind(&one, &[&broker], &named("one")),
        behind(&two, &[&broker], &named("two")),
    ];
    let station_a = with_will(&broker).await;
    daemons.iter().for_each(|daemon| status_is(daemon, true));
    station_a.vanish();
    daemons.iter().for_each(|daemon| status_is(daemon, false));
    let payloads: Vec<String> = (10..50)
        .map(|second| {
            format!("{{\"time\":\"2024-01-05T13:00:{second}+08:00\",\"interval_s\":2,\"values\":{{\"pm25\":1}}}}")
        })
        .collect();
    broker
        .publish_on(&readings_topic("b"), ONCE, &payloads)
        .await;
    let count = |daemon: &Daemon| daemon.readings("b", "factor=pm25").len();
    let counts = wait_for("every reading at one of them", PATIENCE, || {
        let counts = daemons.each_ref().map(count);
        (counts.iter().sum::<usize>() == 40).then_some(counts)
    });
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for daemon in daemons {
        daemon.stop("TERM");
    }
    verify(&one);
    verify(&two);
}

/// The causes of today's gaps of station `a`, each as it first appears.
fn causes(data: &Path) -> Vec<String> {
    let said = run(&[
        "gaps",
        "--data",
        text(data),
        "--station",
        "a",
        "--format",
        "json",
    ]);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let gaps = said["gaps"].as_array().expect("a list");
    let mut causes: Vec<String> = Vec::new();
    for cause in gaps.iter().filter_map(|gap| gap["cause"].as_str()) {
        if !causes.iter().any(|known| known == cause) {
            causes.push(cause.to_owned());
        }
    }
    causes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_be_away_is_told_from_the_others() {
    let mut broker = Mosquitto::start().await;
    let (_folder, data) = registered();
    let daemon = behind(&data, &[&broker], &[]);
    seen(&daemon, &broker, "a");
    tokio::time::sleep(AWAY).await;
    broker.kill9();
    tokio::time::sleep(AWAY).await;
    broker.revive().await;
    let open = format!(
        "skytier_mqtt_connections_open{{source=\"{}\"}}",
        url(&broker)
    );
    wait_for("the broker again", PATIENCE, || {
        (daemon.metric(&open) == 1).then_some(())
    });
    let station_a = with_will(&broker).await;
    status_is(&daemon, true);
    station_a.vanish();
    status_is(&daemon, false);
    tokio::time::sleep(AWAY).await;
    daemon.kill9();
    tokio::time::sleep(AWAY).await;
    let daemon = behind(&data, &[&broker], &[]);
    seen(&daemon, &broker, "a");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let expected = [
        "station_silent",
        "broker_down",
        "station_offline",
        "daemon_down",
    ];
    assert_eq!(causes(&data), expected);
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_taken_out_of_the_settings_is_no_excuse() {
    let broker = Mosquitto::start().await;
    let (_folder, data) = registered();
    let daemon = behind(&data, &[&broker], &[]);
    seen(&daemon, &broker, "a");
    // Spells are kept to the second: a run and one that begins within its first are one.
    tokio::time::sleep(Duration::from_secs(2)).await;
    daemon.stop("TERM");
    let daemon = behind(&data, &[], &[]);
    wait_for("silence", PATIENCE, || {
        (station(&daemon, "a")["silent"] == json!(true)).then_some(())
    });
    tokio::time::sleep(AWAY).await;
    daemon.stop("TERM");
    let causes = causes(&data);
    let told = |name: &str| causes.iter().any(|cause| cause == name);
    assert!(told("station_silent") && !told("broker_down"), "{causes:?}");
    verify(&data);
}
