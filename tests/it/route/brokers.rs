//! One message with Debian's publisher, at the embedded endpoint and through a broker: seen at once, and still
//! there after the power is cut.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::Site;
use crate::support::mosquitto::Mosquitto;
use crate::support::mosquitto::ONCE;
use crate::support::mosquitto::mosquitto_pub;
use crate::support::seeded;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::verify;
use crate::support::wait_for;

const TIME: &str = "2020-07-27T13:00:00+08:00";
/// The promise is a second; a busy machine is given more before the test fails.
const SOON: Duration = Duration::from_secs(5);

/// PM2.5 of the hour as the daemon shows it.
fn shown(site: &Site) -> serde_json::Value {
    let rows = site.readings("1999A", "factor=pm25");
    rows.first().map_or(json!(null), |row| row["value"].clone())
}

fn appears(site: &Site, value: f64) {
    let begun = Instant::now();
    wait_for("the value by HTTP", SOON, || {
        (shown(site) == json!(value)).then_some(())
    });
    println!("{value} was shown after {:?}", begun.elapsed());
}

fn publish(port: u16, value: f64) {
    let payload = hourly(TIME, &value.to_string());
    mosquitto_pub(port, &readings_topic("1999A"), &payload);
}

#[test]
fn an_acknowledged_message_is_seen_within_a_second_and_survives_a_power_cut() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let mut daemon = Daemon::start(&data, &[]);
    for round in 0..5 {
        let value = 40.5 + f64::from(round);
        publish(daemon.mqtt, value);
        if round % 2 == 0 {
            appears(&daemon, value);
        }
        publish(daemon.mqtt, value + 0.25);
        daemon.kill9();
        daemon = Daemon::start(&data, &[]);
        assert_eq!(shown(&daemon), json!(value + 0.25), "round {round}");
        let hour = daemon.json("/v1/air/now?area=station:1999A");
        assert_eq!(hour["pm25"], json!(value + 0.25), "{hour}");
    }
    daemon.stop("INT");
    verify(&data);
}

/// A daemon connected to the broker.
pub(super) fn behind(data: &Path, broker: &Mosquitto) -> Daemon {
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let daemon = Daemon::start(data, &[("SKYTIER__MQTT__BROKERS__0__URL", &url)]);
    let open = format!("skytier_mqtt_connections_open{{source=\"{url}\"}}");
    wait_for("the broker's session", PATIENCE, || {
        (daemon.metric(&open) == 1).then_some(())
    });
    daemon
}

#[test]
fn the_same_holds_behind_a_broker() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let broker = runtime.block_on(Mosquitto::start());
    let (_folder, data) = seeded(&["jiangyin"]);
    let mut daemon = behind(&data, &broker);
    // The subscription follows the connection; until it stands the broker has nowhere to put a message.
    wait_for("the subscription", PATIENCE, || {
        publish(broker.port, 39.5);
        (shown(&daemon) == json!(39.5)).then_some(())
    });
    for round in 0..5 {
        let value = 50.5 + f64::from(round);
        publish(broker.port, value);
        appears(&daemon, value);
        publish(broker.port, value + 0.25);
        daemon.kill9();
        publish(broker.port, value + 0.75);
        daemon = behind(&data, &broker);
        wait_for("what the broker kept meanwhile", PATIENCE, || {
            (shown(&daemon) == json!(value + 0.75)).then_some(())
        });
    }
    daemon.stop("TERM");
    verify(&data);
}

#[test]
fn a_daemon_killed_behind_a_broker_gets_everything_the_broker_took() {
    const MESSAGES: usize = 3_000;
    const DEATHS: usize = 4;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let broker = runtime.block_on(Mosquitto::start());
    let (_folder, data) = seeded(&["jiangyin"]);
    let mut daemon = behind(&data, &broker);
    let topic = readings_topic("1999A");
    wait_for("the subscription", PATIENCE, || {
        publish(broker.port, 39.5);
        (shown(&daemon) == json!(39.5)).then_some(())
    });
    let start: chrono::DateTime<chrono::FixedOffset> =
        "2021-01-01T01:00:00+08:00".parse().expect("a time");
    let payload = |n: usize| {
        let hours = i64::try_from(n).expect("a small number");
        let time = start + chrono::Duration::hours(hours);
        hourly(&time.to_rfc3339(), &format!("{n}.5"))
    };
    let payloads: Vec<String> = (0..MESSAGES).map(payload).collect();
    let share = MESSAGES / DEATHS;
    for part in payloads.chunks(share) {
        runtime.block_on(async {
            let sending = broker.publish_on(&topic, ONCE, part);
            let dying = tokio::task::spawn_blocking(move || {
                std::thread::sleep(Duration::from_millis(30));
                daemon.kill9();
            });
            sending.await;
            dying.await.expect("killed");
        });
        daemon = behind(&data, &broker);
    }
    let query = "factor=pm25&from=2021-01-01T00:00:00%2B08:00&limit=10000";
    let rows = wait_for("everything acknowledged", PATIENCE, || {
        let rows = daemon.readings("1999A", query);
        (rows.len() >= MESSAGES).then_some(rows)
    });
    let values = rows.iter().map(|row| row["value"].clone());
    let wanted: Vec<f64> = (0u32..)
        .take(MESSAGES)
        .map(|n| f64::from(n) + 0.5)
        .collect();
    assert_eq!(values.collect::<Vec<_>>(), wanted);
    daemon.stop("TERM");
    verify(&data);
}

/// Waits until what is published arrives: the subscription follows the connection.
pub(super) fn until_subscribed(broker: &Mosquitto, daemon: &Daemon, value: f64) {
    wait_for("the subscription", PATIENCE, || {
        publish(broker.port, value);
        (shown(daemon) == json!(value)).then_some(())
    });
}

/// A broker forgets what it had in memory, not what it had handed over: that is acknowledged once on our disk.
#[test]
fn a_broker_killed_while_it_hands_over_costs_nothing_that_was_handed_over() {
    const MESSAGES: usize = 4_000;
    const DEATHS: u64 = 3;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut broker = runtime.block_on(Mosquitto::start());
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = behind(&data, &broker);
    until_subscribed(&broker, &daemon, 39.5);
    let topic = readings_topic("1999A");
    let start: chrono::DateTime<chrono::FixedOffset> =
        "2021-01-01T01:00:00+08:00".parse().expect("a time");
    let payload = |n: usize| {
        let hours = i64::try_from(n).expect("a small number");
        let time = start + chrono::Duration::hours(hours);
        hourly(&time.to_rfc3339(), &format!("{n}.5"))
    };
    let payloads: Vec<String> = (0..MESSAGES).map(payload).collect();
    let query = "factor=pm25&from=2021-01-01T00:00:00%2B08:00&limit=10000";
    let mut before = Vec::new();
    for death in 0..DEATHS {
        runtime.block_on(async {
            let client = broker.client(payloads.len());
            for payload in &payloads {
                let topic = topic.clone();
                client
                    .0
                    .publish(topic, ONCE, false, payload.clone())
                    .await
                    .expect("room");
            }
            let mut events = client.1;
            let sending = tokio::spawn(async move { while events.poll().await.is_ok() {} });
            tokio::time::sleep(Duration::from_millis(15 + 15 * death)).await;
            broker.kill9();
            // It ends with the broker: its connection is lost.
            sending.await.expect("no panic");
            broker.revive().await;
        });
        until_subscribed(&broker, &daemon, 60.5 + death as f64);
        let rows = daemon.readings("1999A", query);
        println!("death {death}: {} of {MESSAGES} handed over", rows.len());
        let kept = before.iter().all(|row| rows.contains(row));
        assert!(kept, "nothing that was there is gone");
        before = rows;
    }
    runtime.block_on(broker.publish_on(&topic, ONCE, &payloads));
    let rows = wait_for("everything sent again", PATIENCE, || {
        let rows = daemon.readings("1999A", query);
        (rows.len() >= MESSAGES).then_some(rows)
    });
    let values: Vec<_> = rows.iter().map(|row| row["value"].clone()).collect();
    let wanted = (0u32..).take(MESSAGES).map(|n| json!(f64::from(n) + 0.5));
    assert_eq!(values, wanted.collect::<Vec<_>>());
    daemon.stop("TERM");
    verify(&data);
}
