//! Several stations through a broker, with repeats and corrections, while the broker and the daemon are killed: in the end
//! every reading is the last one sent, and every figure that of a directory which was told the last ones only, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rumqttc::v5;

use crate::route::brokers::behind;
use crate::route::brokers::until_subscribed;
use crate::support::Daemon;
use crate::support::mosquitto::Mosquitto;
use crate::support::mosquitto::ONCE;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;

const STATIONS: [&str; 3] = ["1999A", "2000A", "2001A"];
/// Four days.
const HOURS: u32 = 96;
const DEATHS: u64 = 6;

/// What a station sends, in order: hour and tenths of a microgram. Every second value twice, every third hour corrected
/// once all were sent, half of the corrections twice.
fn script(station: u32) -> Vec<(u32, u32)> {
    let twice = |hour: u32, tenths: u32| {
        let times = if hour.is_multiple_of(2) { 2 } else { 1 };
        std::iter::repeat_n((hour, tenths), times)
    };
    let first = (0..HOURS).flat_map(|hour| twice(hour, 100 + 90 * station + hour));
    let corrected = (0..HOURS).step_by(3);
    let corrected = corrected.flat_map(|hour| twice(hour, 1_200 + 90 * station + 2 * hour));
    first.chain(corrected).collect()
}

/// Time and value of one entry, as they are sent.
fn entry(&(hour, tenths): &(u32, u32)) -> (String, String) {
    let start: chrono::DateTime<chrono::FixedOffset> =
        "2021-07-01T01:00:00+08:00".parse().expect("a time");
    let time = start + chrono::Duration::hours(hour.into());
    (
        time.to_rfc3339(),
        format!("{}.{}", tenths / 10, tenths % 10),
    )
}

/// Publishes the script of a station until all of it is acknowledged or the broker is gone; whether all is.
async fn publish(
    (client, mut events): (v5::AsyncClient, v5::EventLoop),
    topic: String,
    script: Vec<(u32, u32)>,
) -> bool {
    for (time, value) in script.iter().map(entry) {
        let payload = hourly(&time, &value);
        let sent = client.publish(&topic, ONCE, false, payload).await;
        sent.expect("room");
    }
    let mut unacknowledged = script.len();
    while unacknowledged > 0 {
        match events.poll().await {
            Ok(v5::Event::Incoming(v5::Incoming::PubAck(_))) => unacknowledged -= 1,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    true
}

/// All stations begin their scripts anew, as those do that do not know what arrived.
fn all_publish(broker: &Mosquitto) -> tokio::task::JoinSet<bool> {
    let mut sending = tokio::task::JoinSet::new();
    for (number, station) in (0..).zip(STATIONS) {
        let script = script(number);
        let client = broker.client_named(station, script.len() + 8);
        sending.spawn(publish(client, readings_topic(station), script));
    }
    sending
}

/// Hours and days of every station and of the city, and what `assess` says of them.
fn figures(daemon: &Daemon, data: &Path) -> Vec<String> {
    daemon.settle();
    let range = "from=2021-07-01&to=2021-07-04&format=csv";
    let mut areas = vec!["city".to_owned()];
    areas.extend(STATIONS.map(|station| format!("station:{station}")));
    let mut figures = Vec::new();
    for area in &areas {
        for what in ["hours", "days"] {
            let reply = daemon.fetch(&format!("/v1/air/{what}?area={area}&{range}"));
            assert_eq!(reply.status, 200, "{}", reply.text);
            figures.push(reply.text);
        }
        let days = ["--from", "2021-07-01", "--to", "2021-07-04", "--by", "day"];
        let args = ["assess", "--data", text(data), "--area", area];
        figures.push(run(&[&args[..], &days, &["--format", "csv"]].concat()));
    }
    figures
}

/// The figures of a directory that gets each reading once, without a broker.
async fn of_the_last_alone() -> Vec<String> {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut gateway = Station::connect(&daemon, "gateway").await;
    for (number, station) in (0..).zip(STATIONS) {
        let last: BTreeMap<u32, u32> = script(number).into_iter().collect();
        let message = |one: (u32, u32)| {
            let (time, value) = entry(&one);
            (readings_topic(station), hourly(&time, &value))
        };
        let messages: Vec<_> = last.into_iter().map(message).collect();
        for part in messages.chunks(16) {
            assert_eq!(gateway.burst(part).await, part.len());
        }
    }
    let figures = figures(&daemon, &data);
    daemon.stop("TERM");
    figures
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_death_each_reading_is_the_last_one_and_each_figure_follows() {
    let mut broker = Mosquitto::start().await;
    let (_folder, data) = seeded(&["jiangyin"]);
    let mut daemon = behind(&data, &broker);
    until_subscribed(&broker, &daemon, 10.5);
    for death in 0..DEATHS {
        let sending = all_publish(&broker);
        tokio::time::sleep(Duration::from_millis(20 + 15 * death)).await;
        if death % 3 == 1 {
            daemon.kill9();
            sending.join_all().await;
            daemon = behind(&data, &broker);
        } else {
            broker.kill9();
            sending.join_all().await;
            // Every other time both go at once.
            if death % 3 == 2 {
                daemon.kill9();
                broker.revive().await;
                daemon = behind(&data, &broker);
            } else {
                broker.revive().await;
            }
        }
        until_subscribed(&broker, &daemon, 11.5 + death as f64);
    }
    let sent = all_publish(&broker).join_all().await;
    assert_eq!(sent, [true; STATIONS.len()]);
    // A broker hands over in order: what is behind everything comes last.
    until_subscribed(&broker, &daemon, 99.5);
    for (number, station) in (0..).zip(STATIONS) {
        let rows = daemon.readings(
            station,
            "factor=pm25&from=2021-07-01T00:00:00%2B08:00&limit=1000",
        );
        let shown = rows
            .iter()
            .map(|row| row["value"].as_f64().expect("a value"));
        let last: BTreeMap<u32, u32> = script(number).into_iter().collect();
        let wanted = last.values().map(|tenths| f64::from(*tenths) / 10.0);
        assert_eq!(
            shown.collect::<Vec<_>>(),
            wanted.collect::<Vec<_>>(),
            "{station}"
        );
    }
    let before = figures(&daemon, &data);
    daemon.stop("TERM");
    verify(&data);
    let daemon = behind(&data, &broker);
    assert_eq!(
        figures(&daemon, &data),
        before,
        "computed again after a start"
    );
    daemon.stop("TERM");
    verify(&data);
    assert_eq!(
        of_the_last_alone().await,
        before,
        "as from the last values alone"
    );
}
