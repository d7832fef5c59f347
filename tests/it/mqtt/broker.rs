//! The broker client against a real Mosquitto on a free port.

use std::process::Command;
use std::time::Duration;

use rumqttc::v5;
use skytier::adapters::inbound::Delivery;
use skytier::adapters::inbound::Inlet;
use skytier::adapters::inbound::Refusal;
use skytier::adapters::inbound::Verdict;
use skytier::adapters::mqtt::broker::Broker;
use skytier::adapters::mqtt::broker::BrokerSettings;
use skytier::adapters::mqtt::settings::Counters;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::mqtt::raw;
use crate::mqtt::raw::Raw;
use crate::mqtt::support::QUIET;
use crate::mqtt::support::TOPIC;
use crate::mqtt::support::next;
use crate::mqtt::support::until;
use crate::mqtt::support::within;
use crate::support::mosquitto::Mosquitto;
use crate::support::mosquitto::ONCE;
use crate::support::mosquitto::PUBLISHER;

struct Client {
    counters: std::sync::Arc<Counters>,
    taken: mpsc::Receiver<Delivery>,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Client {
    async fn start(broker: &Mosquitto, settings: BrokerSettings) -> Self {
        let (inlet, taken) = Inlet::new(64);
        let url = format!("mqtt://127.0.0.1:{}", broker.port);
        let client =
            Broker::new(BrokerSettings { url, ..settings }, inlet).expect("sound settings");
        let (counters, standing) = (client.counters(), client.standing());
        let (shutdown, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(client.run(async move {
            drop(stopped.await);
        }));
        // Connected, and the subscription granted.
        until(|| standing.now().open).await;
        Self {
            counters,
            taken,
            shutdown,
            task,
        }
    }

    async fn stop(self) {
        self.shutdown.send(()).expect("the client runs");
        within(self.task).await.expect("it ends well");
    }

    async fn take(&mut self, count: usize) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for _ in 0..count {
            deliveries.push(next(&mut self.taken).await);
        }
        deliveries
    }

    async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(QUIET, self.taken.recv())
            .await
            .is_err()
    }
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

fn payloads(deliveries: &[Delivery]) -> Vec<String> {
    let payloads = deliveries.iter().map(|delivery| &delivery.message.payload);
    payloads
        .map(|payload| String::from_utf8_lossy(payload).into_owned())
        .collect()
}

fn keep(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        drop(delivery.answer.send(Verdict::Durable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_bounds_what_is_unacknowledged() {
    let broker = Mosquitto::start().await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    broker.publish(ONCE, &numbered(0..20)).await;
    let first = client.take(8).await;
    assert!(client.is_quiet().await, "the window is eight");
    assert_eq!(Counters::read(&client.counters.acked), 0);
    assert_eq!(payloads(&first), numbered(0..8));
    assert_eq!(first[0].message.topic, TOPIC);
    assert_eq!(
        first[0].message.origin,
        format!("mqtt://127.0.0.1:{}", broker.port)
    );
    keep(first);
    let second = client.take(8).await;
    keep(second);
    keep(client.take(4).await);
    until(|| Counters::read(&client.counters.acked) == 20).await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_window_is_used_in_full() {
    let broker = Mosquitto::start().await;
    let settings = BrokerSettings {
        window: u16::MAX,
        ..BrokerSettings::for_testing()
    };
    // The queue to the store is shorter than that, and holds the messages back, not the acknowledgements.
    let mut client = Client::start(&broker, settings).await;
    broker.publish(ONCE, &numbered(0..3_000)).await;
    let deliveries = client.take(3_000).await;
    assert_eq!(Counters::read(&client.counters.acked), 0);
    assert_eq!(payloads(&deliveries), numbered(0..3_000));
    keep(deliveries);
    until(|| Counters::read(&client.counters.acked) == 3_000).await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_comes_again() {
    let broker = Mosquitto::start().await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    broker.publish(ONCE, &numbered(0..4)).await;
    let mut deliveries = client.take(4).await;
    keep(deliveries.drain(..2).collect());
    until(|| Counters::read(&client.counters.acked) == 2).await;
    for delivery in deliveries {
        let refused = Verdict::Refused(Refusal::Stopping);
        drop(delivery.answer.send(refused));
    }
    client.stop().await;
    // Sent while nobody was there; the session keeps it.
    broker.publish(ONCE, &numbered(4..6)).await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    let again = client.take(4).await;
    assert_eq!(payloads(&again), numbered(2..6));
    keep(again);
    until(|| Counters::read(&client.counters.acked) == 4).await;
    client.stop().await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    assert!(client.is_quiet().await, "all of it was acknowledged");
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reconnects_and_never_acknowledges_across_connections() {
    let mut broker = Mosquitto::start().await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    broker.publish(ONCE, &numbered(0..3)).await;
    let old = client.take(3).await;
    broker.restart().await;
    until(|| Counters::read(&client.counters.connections_total) == 2).await;
    let again = client.take(3).await;
    assert_eq!(payloads(&again), numbered(0..3));
    keep(old);
    tokio::time::sleep(QUIET).await;
    assert_eq!(
        Counters::read(&client.counters.acked),
        0,
        "they came on a connection that is gone"
    );
    keep(again);
    until(|| Counters::read(&client.counters.acked) == 3).await;
    broker.publish(ONCE, &numbered(3..5)).await;
    assert_eq!(payloads(&client.take(2).await), numbered(3..5));
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shares_the_messages() {
    let broker = Mosquitto::start().await;
    let settings = |client_id: &str| BrokerSettings {
        client_id: client_id.to_owned(),
        group: Some("ingest".to_owned()),
        window: 100,
        ..BrokerSettings::for_testing()
    };
    let mut one = Client::start(&broker, settings("one")).await;
    let mut two = Client::start(&broker, settings("two")).await;
    broker.publish(ONCE, &numbered(0..40)).await;
    until(|| one.taken.len() + two.taken.len() == 40).await;
    let counts = (one.taken.len(), two.taken.len());
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
    keep(one.take(counts.0).await);
    keep(two.take(counts.1).await);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unpromised_messages_pause_the_poll_and_are_all_kept() {
    let broker = Mosquitto::start().await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    broker
        .publish(v5::mqttbytes::QoS::AtMostOnce, &numbered(0..90))
        .await;
    broker.publish(ONCE, &numbered(90..94)).await;
    let deliveries = client.take(94).await;
    assert_eq!(payloads(&deliveries), numbered(0..94));
    keep(deliveries);
    until(|| Counters::read(&client.counters.acked) == 4).await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_pass_up_to_the_announced_size() {
    let broker = Mosquitto::start().await;
    let mut client = Client::start(&broker, BrokerSettings::for_testing()).await;
    let large = "x".repeat(200 * 1024);
    let beyond = "y".repeat(300 * 1024);
    for payload in [&beyond, &large] {
        let file = broker.folder.path().join("payload");
        std::fs::write(&file, payload).expect("room on the disk");
        let sent = Command::new(PUBLISHER)
            .args(["-h", "127.0.0.1", "-p", &broker.port.to_string()])
            .args(["-t", TOPIC, "-q", "1", "-f"])
            .arg(&file)
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
    }
    let deliveries = client.take(1).await;
    assert!(payloads(&deliveries) == [large]);
    keep(deliveries);
    client.stop().await;
}

#[tokio::test]
async fn a_broker_that_hangs_up_at_once_is_asked_ever_more_seldom() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("mqtt://{}", listener.local_addr().expect("bound"));
    let (inlet, _taken) = Inlet::new(1);
    let settings = BrokerSettings {
        url,
        ..BrokerSettings::for_testing()
    };
    let client = Broker::new(settings, inlet).expect("sound settings");
    let (shutdown, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(client.run(async move {
        drop(stopped.await);
    }));
    let begun = std::time::Instant::now();
    for _ in 0..7 {
        let (mut socket, _) = within(listener.accept()).await.expect("a connection");
        let mut bytes = [0; 256];
        within(socket.read(&mut bytes)).await.expect("it greets");
        // Welcome, without a session.
        let welcome = [0x20, 3, 0, 0, 0];
        within(socket.write_all(&welcome)).await.expect("welcomed");
    }
    // Pauses of 20, 40, 80, 160 and twice 200 ms, none cut to less than half.
    assert!(begun.elapsed() >= Duration::from_millis(350));
    shutdown.send(()).expect("the client runs");
    within(task).await.expect("it ends well");
}

/// Mosquitto 2.0 does so after it was held up. What is not answered comes again at the next connection, after its correction.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_overruns_the_window_is_answered_for_every_message() {
    const MESSAGES: u16 = 5_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("mqtt://{}", listener.local_addr().expect("bound"));
    let (inlet, mut taken) = Inlet::new(64);
    let settings = BrokerSettings {
        url,
        // No ping among the acknowledgements.
        keep_alive: Duration::from_secs(600),
        ..BrokerSettings::for_testing()
    };
    assert!(settings.window < MESSAGES / 100);
    let client = Broker::new(settings, inlet).expect("sound settings");
    let counters = client.counters();
    let (shutdown, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(client.run(async move {
        drop(stopped.await);
    }));
    let keeping = tokio::spawn(async move {
        while let Some(delivery) = taken.recv().await {
            keep(vec![delivery]);
        }
    });
    let (socket, _) = within(listener.accept()).await.expect("a connection");
    let mut broker = Raw::over(socket);
    broker.packet().await.expect("it greets");
    broker.send(&[0x20, 3, 0, 0, 0]).await;
    broker.packet().await.expect("it subscribes");
    let burst = (1..=MESSAGES).flat_map(|id| raw::publish(raw::V5, 1, id, TOPIC, "x"));
    let burst: Vec<u8> = burst.collect();
    let answers = broker.exchange(&burst, MESSAGES.into()).await;
    let wanted = (1..=MESSAGES).map(|id| (raw::PUBACK, id.to_be_bytes().to_vec()));
    assert!(
        answers == wanted.collect::<Vec<_>>(),
        "{} answers, {} acknowledged",
        answers.len(),
        Counters::read(&counters.acked)
    );
    shutdown.send(()).expect("the client runs");
    within(task).await.expect("it ends well");
    within(keeping).await.expect("it ends with the client");
}
