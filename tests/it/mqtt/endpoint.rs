//! What is acknowledged when, to both protocol versions.

use std::process::Command;
use std::time::Duration;

use rumqttc::v5;
use skytier::adapters::inbound::Refusal;
use skytier::adapters::inbound::Verdict;
use skytier::adapters::mqtt::settings::Counters;
use skytier::adapters::mqtt::settings::EndpointSettings;

use crate::mqtt::raw::DISCONNECT;
use crate::mqtt::raw::PUBACK;
use crate::mqtt::raw::PUBCOMP;
use crate::mqtt::raw::PUBREC;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V3;
use crate::mqtt::raw::V5;
use crate::mqtt::raw::answer;
use crate::mqtt::raw::connect;
use crate::mqtt::raw::packet;
use crate::mqtt::raw::publish;
use crate::mqtt::raw::publish_aliased;
use crate::mqtt::raw::release;
use crate::mqtt::support::Running;
use crate::mqtt::support::STATUS;
use crate::mqtt::support::TOPIC;
use crate::mqtt::support::next;
use crate::mqtt::support::until;
use crate::mqtt::support::within;

#[tokio::test]
async fn an_acknowledgement_waits_for_the_verdict() {
    for level in [V3, V5] {
        let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
        let mut raw = Raw::hello(running.addr, level, "s1").await;
        raw.send(&publish(level, 1, 7, TOPIC, "a")).await;
        let delivery = next(&mut taken).await;
        assert_eq!(delivery.message.origin, "mqtt:s1");
        assert!(raw.is_quiet().await, "no PUBACK before the commit");
        delivery
            .answer
            .send(Verdict::Durable)
            .expect("a waiting session");
        assert_eq!(raw.packet().await, Some(answer(level, PUBACK, 7)));
    }
}

#[tokio::test]
async fn acknowledgements_keep_the_order_of_receipt() {
    let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
    let mut raw = Raw::hello(running.addr, V3, "s1").await;
    let all: Vec<u8> = (1..=5)
        .flat_map(|id| publish(V3, 1, id, TOPIC, "a"))
        .collect();
    raw.send(&all).await;
    let mut deliveries = Vec::new();
    for _ in 0..5 {
        deliveries.push(next(&mut taken).await);
    }
    let first = deliveries.remove(0);
    for delivery in deliveries {
        delivery
            .answer
            .send(Verdict::Durable)
            .expect("a waiting session");
    }
    assert!(raw.is_quiet().await, "the first is not durable yet");
    first
        .answer
        .send(Verdict::Durable)
        .expect("a waiting session");
    for id in 1..=5 {
        assert_eq!(raw.packet().await, Some(answer(V3, PUBACK, id)));
    }
    assert_eq!(Counters::read(&running.counters.acked), 5);
}

#[tokio::test]
async fn a_refused_message_is_never_acknowledged() {
    // 3.1.1 cannot say why: the connection ends.
    let (running, _) = Running::durable(EndpointSettings::for_testing()).await;
    for qos in [0, 1, 2] {
        let mut raw = Raw::hello(running.addr, V3, "s1").await;
        raw.send(&publish(V3, qos, 1, "elsewhere", "a")).await;
        assert_eq!(raw.packet().await, None, "QoS {qos}");
    }
    // 5 is told "topic name invalid" and goes on.
    let mut raw = Raw::hello(running.addr, V5, "s2").await;
    raw.send(&publish(V5, 1, 1, "elsewhere", "a")).await;
    assert_eq!(raw.packet().await, Some((PUBACK, vec![0, 1, 0x90, 0])));
    raw.send(&publish(V5, 2, 2, "elsewhere", "a")).await;
    assert_eq!(raw.packet().await, Some((PUBREC, vec![0, 2, 0x90, 0])));
    raw.send(&publish(V5, 1, 3, TOPIC, "a")).await;
    assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, 3)));
    assert_eq!(Counters::read(&running.counters.refused), 5);
}

#[tokio::test]
async fn a_message_nobody_decided_on_is_not_acknowledged() {
    let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
    let mut raw = Raw::hello(running.addr, V5, "s1").await;
    raw.send(&publish(V5, 1, 1, TOPIC, "a")).await;
    drop(next(&mut taken).await);
    assert_eq!(
        raw.packet().await.map(|(first, body)| (first, body[0])),
        Some((DISCONNECT, 0x8b))
    );
    let mut raw = Raw::hello(running.addr, V3, "s1").await;
    raw.send(&publish(V3, 1, 1, TOPIC, "a")).await;
    let delivery = next(&mut taken).await;
    let refused = Verdict::Refused(Refusal::Stopping);
    delivery.answer.send(refused).expect("a waiting session");
    assert_eq!(raw.packet().await, None);
}

#[tokio::test]
async fn quality_2_is_submitted_exactly_once() {
    for level in [V3, V5] {
        let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
        let mut raw = Raw::hello(running.addr, level, "s1").await;
        raw.send(&publish(level, 2, 9, TOPIC, "a")).await;
        let delivery = next(&mut taken).await;
        // Again before the verdict, and again after it.
        raw.send(&publish(level, 2, 9, TOPIC, "a")).await;
        assert!(raw.is_quiet().await);
        delivery
            .answer
            .send(Verdict::Durable)
            .expect("a waiting session");
        assert_eq!(raw.packet().await, Some(answer(level, PUBREC, 9)));
        raw.send(&publish(level, 2, 9, TOPIC, "a")).await;
        assert_eq!(raw.packet().await, Some(answer(level, PUBREC, 9)));
        raw.send(&release(9)).await;
        assert_eq!(raw.packet().await, Some(answer(level, PUBCOMP, 9)));
        assert!(taken.try_recv().is_err(), "one message only");
        // The id is free again: the same bytes are a new message now.
        raw.send(&publish(level, 2, 9, TOPIC, "b")).await;
        assert_eq!(&next(&mut taken).await.message.payload[..], b"b");
    }
}

#[tokio::test]
async fn topic_aliases_stand_for_their_topics() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let mut raw = Raw::hello(running.addr, V5, "s1").await;
    raw.send(&publish_aliased(V5, 1, 1, TOPIC, Some(2), "a"))
        .await;
    raw.send(&publish_aliased(V5, 1, 2, "", Some(2), "b")).await;
    for id in [1, 2] {
        assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, id)));
    }
    assert_eq!(kept.all()[1], (TOPIC.to_owned(), "b".to_owned()));
    raw.send(&publish_aliased(V5, 1, 3, "", Some(3), "c")).await;
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x82, 0])));
    let mut raw = Raw::hello(running.addr, V5, "s1").await;
    raw.send(&publish_aliased(V5, 1, 1, TOPIC, Some(5), "d"))
        .await;
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x94, 0])));
}

#[tokio::test]
async fn subscribing_is_refused_and_pings_are_answered() {
    let (running, _) = Running::durable(EndpointSettings::for_testing()).await;
    let mut raw = Raw::hello(running.addr, V3, "s1").await;
    raw.send(&packet(0x82, b"\x00\x05\x00\x01#\x01\x00\x01a\x00"))
        .await;
    assert_eq!(raw.packet().await, Some((0x90, vec![0, 5, 0x80, 0x80])));
    raw.send(&packet(0xa2, b"\x00\x06\x00\x01#")).await;
    assert_eq!(raw.packet().await, Some((0xb0, vec![0, 6])));
    raw.send(&packet(0xc0, b"")).await;
    assert_eq!(raw.packet().await, Some((0xd0, vec![])));
    let mut raw = Raw::hello(running.addr, V5, "s2").await;
    raw.send(&packet(0x82, b"\x00\x05\x00\x00\x01#\x01\x00\x01a\x00"))
        .await;
    assert_eq!(raw.packet().await, Some((0x90, vec![0, 5, 0, 0x87, 0x87])));
    raw.send(&packet(0xa2, b"\x00\x06\x00\x00\x01#")).await;
    assert_eq!(raw.packet().await, Some((0xb0, vec![0, 6, 0, 0x11])));
    raw.send(&packet(0xc0, b"")).await;
    assert_eq!(raw.packet().await, Some((0xd0, vec![])));
}

#[tokio::test]
async fn a_second_connection_takes_the_session_over() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let mut old = Raw::open(running.addr).await;
    old.send(&connect(V5, "s1", 60, Some((STATUS, "offline"))))
        .await;
    old.packet().await.expect("a CONNACK");
    let mut new = Raw::hello(running.addr, V5, "s1").await;
    assert_eq!(old.packet().await, Some((DISCONNECT, vec![0x8e, 0])));
    assert_eq!(old.packet().await, None);
    new.send(&publish(V5, 1, 1, STATUS, "online")).await;
    assert_eq!(new.packet().await, Some(answer(V5, PUBACK, 1)));
    // The old will comes before anything the new connection says.
    assert_eq!(kept.payloads(), ["offline", "online"]);
    let mut third = Raw::hello(running.addr, V3, "s1").await;
    assert_eq!(new.packet().await, Some((DISCONNECT, vec![0x8e, 0])));
    third.send(&publish(V3, 1, 1, TOPIC, "a")).await;
    assert_eq!(third.packet().await, Some(answer(V3, PUBACK, 1)));
    until(|| Counters::read(&running.counters.connections_open) == 1).await;
}

#[tokio::test]
async fn a_will_is_submitted_when_the_client_is_lost() {
    for level in [V3, V5] {
        let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
        let mut raw = Raw::open(running.addr).await;
        raw.send(&connect(level, "s1", 60, Some((STATUS, "offline"))))
            .await;
        raw.packet().await.expect("a CONNACK");
        raw.vanish();
        until(|| kept.all() == [(STATUS.to_owned(), "offline".to_owned())]).await;
        // A goodbye drops the will.
        let mut raw = Raw::open(running.addr).await;
        raw.send(&connect(level, "s1", 60, Some((STATUS, "offline"))))
            .await;
        raw.packet().await.expect("a CONNACK");
        raw.send(&packet(DISCONNECT, b"")).await;
        assert_eq!(raw.packet().await, None);
        assert_eq!(kept.all().len(), 1);
        assert_eq!(Counters::read(&running.counters.wills), 1);
    }
}

#[tokio::test]
async fn stopping_answers_what_is_due_and_says_so() {
    let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&connect(V5, "s1", 60, Some((STATUS, "offline"))))
        .await;
    raw.packet().await.expect("a CONNACK");
    raw.send(&publish(V5, 1, 1, TOPIC, "a")).await;
    let delivery = next(&mut taken).await;
    let (addr, stopping) = (running.addr, tokio::spawn(running.stop()));
    assert!(raw.is_quiet().await, "the message is still undecided");
    delivery
        .answer
        .send(Verdict::Durable)
        .expect("a waiting session");
    assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, 1)));
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x8b, 0])));
    drop(raw);
    within(stopping).await.expect("it stops");
    assert!(taken.recv().await.is_none(), "no will: it was us who went");
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn client_ids_are_assigned_where_the_protocol_allows() {
    let (running, _) = Running::durable(EndpointSettings::for_testing()).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&connect(V5, "", 60, None)).await;
    let (_, body) = raw.packet().await.expect("a CONNACK");
    assert!(String::from_utf8_lossy(&body).contains("auto-"));
    let mut raw = Raw::hello(running.addr, V3, "").await;
    raw.send(&publish(V3, 1, 1, TOPIC, "a")).await;
    assert_eq!(raw.packet().await, Some(answer(V3, PUBACK, 1)));
    // Without a clean session an empty id is refused.
    let mut raw = Raw::open(running.addr).await;
    raw.send(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00")
        .await;
    assert_eq!(raw.packet().await, Some((0x20, vec![0, 2])));
    assert_eq!(raw.packet().await, None);
}

#[tokio::test]
async fn a_real_client_of_version_4_publishes_in_every_quality() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let mut options = rumqttc::MqttOptions::new("s1", "127.0.0.1", running.addr.port());
    options.set_keep_alive(Duration::from_secs(5));
    let (client, mut events) = rumqttc::AsyncClient::new(options, 16);
    for (qos, payload) in [
        (rumqttc::QoS::AtMostOnce, "a"),
        (rumqttc::QoS::AtLeastOnce, "b"),
        (rumqttc::QoS::ExactlyOnce, "c"),
    ] {
        client
            .publish(TOPIC, qos, true, payload)
            .await
            .expect("room in the queue");
    }
    let done = async {
        loop {
            let event = events.poll().await.expect("a connection");
            if matches!(event, rumqttc::Event::Incoming(rumqttc::Packet::PubComp(_))) {
                break;
            }
        }
    };
    within(done).await;
    assert_eq!(kept.payloads(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_real_client_of_version_5_publishes_in_every_quality() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let options = v5::MqttOptions::new("s1", "127.0.0.1", running.addr.port());
    let (client, mut events) = v5::AsyncClient::new(options, 16);
    for (qos, payload) in [
        (v5::mqttbytes::QoS::AtMostOnce, "a"),
        (v5::mqttbytes::QoS::AtLeastOnce, "b"),
        (v5::mqttbytes::QoS::ExactlyOnce, "c"),
    ] {
        client
            .publish(TOPIC, qos, true, payload)
            .await
            .expect("room in the queue");
    }
    let done = async {
        loop {
            let event = events.poll().await.expect("a connection");
            if matches!(event, v5::Event::Incoming(v5::Incoming::PubComp(_))) {
                break;
            }
        }
    };
    within(done).await;
    assert_eq!(kept.payloads(), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_pub_is_satisfied() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let port = running.addr.port().to_string();
    for version in ["311", "5"] {
        for qos in ["0", "1", "2"] {
            let port = port.clone();
            let status = tokio::task::spawn_blocking(move || {
                Command::new("mosquitto_pub")
                    .args(["-h", "127.0.0.1", "-p", &port, "-V", version, "-q", qos])
                    .args(["-t", TOPIC, "-r", "-m", "a"])
                    .args(["--will-topic", STATUS, "--will-payload", "offline"])
                    .status()
            });
            let status = within(status).await.expect("a finished task");
            assert!(
                status.expect("mosquitto_pub runs").success(),
                "{version} {qos}"
            );
        }
    }
    until(|| kept.all().len() == 6).await;
    assert!(kept.all().iter().all(|(topic, _)| topic == TOPIC));
}
