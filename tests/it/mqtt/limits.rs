//! Every limit of the endpoint, at the limit and beyond; and bytes that are no MQTT.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
use skytier::adapters::inbound::Verdict;
use skytier::adapters::mqtt::settings::Counters;
use skytier::adapters::mqtt::settings::EndpointSettings;

use crate::mqtt::raw::DISCONNECT;
use crate::mqtt::raw::PUBACK;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V3;
use crate::mqtt::raw::V5;
use crate::mqtt::raw::answer;
use crate::mqtt::raw::connect;
use crate::mqtt::raw::login;
use crate::mqtt::raw::packet;
use crate::mqtt::raw::publish;
use crate::mqtt::raw::publish_aliased;
use crate::mqtt::raw::release;
use crate::mqtt::support::Running;
use crate::mqtt::support::STATUS;
use crate::mqtt::support::TOPIC;
use crate::mqtt::support::devices;
use crate::mqtt::support::next;
use crate::mqtt::support::until;
use crate::support::number;

#[tokio::test]
async fn the_receive_maximum_is_announced_and_enforced() {
    let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&connect(V5, "s1", 60, None)).await;
    let (_, body) = raw.packet().await.expect("a CONNACK");
    assert!(
        body.windows(3).any(|window| window == [0x21, 0, 16]),
        "{body:?}"
    );
    let full: Vec<u8> = (1..=16)
        .flat_map(|id| publish(V5, 1, id, TOPIC, "a"))
        .collect();
    raw.send(&full).await;
    assert!(raw.is_quiet().await, "sixteen may wait");
    raw.send(&packet(0xc0, b"")).await;
    assert_eq!(
        raw.packet().await,
        Some((0xd0, vec![])),
        "pings are answered meanwhile"
    );
    raw.send(&publish(V5, 1, 17, TOPIC, "a")).await;
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x93, 0])));
    drop(next(&mut taken).await);
}

#[tokio::test]
async fn an_older_client_is_held_back_at_the_receive_maximum() {
    let (running, mut taken) = Running::held(EndpointSettings::for_testing()).await;
    let mut raw = Raw::hello(running.addr, V3, "s1").await;
    let many: Vec<u8> = (1..=40)
        .flat_map(|id| publish(V3, 1, id, TOPIC, "a"))
        .collect();
    raw.send(&many).await;
    until(|| taken.len() == 16).await;
    assert!(raw.is_quiet().await);
    assert_eq!(taken.len(), 16, "the rest waits in the socket");
    for id in 1..=40 {
        let delivery = next(&mut taken).await;
        delivery
            .answer
            .send(Verdict::Durable)
            .expect("a waiting session");
        assert_eq!(raw.packet().await, Some(answer(V3, PUBACK, id)));
    }
}

#[tokio::test]
async fn a_full_inlet_holds_clients_back_without_losing_anything() {
    let settings = EndpointSettings {
        receive_maximum: 1_000,
        ..EndpointSettings::for_testing()
    };
    let (running, mut taken) = Running::held(settings).await;
    let mut raw = Raw::hello(running.addr, V5, "s1").await;
    let many: Vec<u8> = (1..=400)
        .flat_map(|id| publish(V5, 1, id, TOPIC, "a"))
        .collect();
    raw.send(&many).await;
    until(|| taken.len() == 256).await;
    for id in 1..=400 {
        let delivery = next(&mut taken).await;
        delivery
            .answer
            .send(Verdict::Durable)
            .expect("a waiting session");
        assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, id)));
    }
}

#[tokio::test]
async fn a_packet_over_the_limit_ends_the_connection() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let body = "x".repeat(4_000);
    let mut raw = Raw::hello(running.addr, V5, "s1").await;
    raw.send(&publish(V5, 1, 1, TOPIC, &body)).await;
    assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, 1)));
    raw.pour(&publish(V5, 1, 2, TOPIC, &"x".repeat(1 << 20)))
        .await;
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x95, 0])));
    assert_eq!(raw.packet().await, None);
    let mut raw = Raw::hello(running.addr, V3, "s1").await;
    raw.pour(&publish(V3, 1, 2, TOPIC, &"x".repeat(1 << 20)))
        .await;
    assert_eq!(raw.packet().await, None);
    assert_eq!(kept.payloads(), [body]);
}

#[tokio::test]
async fn a_silent_client_is_closed_and_its_will_submitted() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&connect(V5, "s1", 1, Some((STATUS, "offline"))))
        .await;
    raw.packet().await.expect("a CONNACK");
    tokio::time::sleep(Duration::from_millis(800)).await;
    raw.send(&packet(0xc0, b"")).await;
    assert_eq!(raw.packet().await, Some((0xd0, vec![])));
    let pinged = std::time::Instant::now();
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x8d, 0])));
    assert!(
        pinged.elapsed() > Duration::from_millis(1_300),
        "one and a half times a second"
    );
    until(|| kept.payloads() == ["offline"]).await;
}

#[tokio::test]
async fn a_longer_keep_alive_than_granted_is_announced() {
    let settings = EndpointSettings {
        keep_alive_max: Duration::from_secs(1),
        ..EndpointSettings::for_testing()
    };
    let (running, _) = Running::durable(settings).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&connect(V5, "s1", 0, None)).await;
    let (_, body) = raw.packet().await.expect("a CONNACK");
    assert!(
        body.windows(3).any(|window| window == [0x13, 0, 1]),
        "{body:?}"
    );
    assert_eq!(raw.packet().await, Some((DISCONNECT, vec![0x8d, 0])));
}

#[tokio::test]
async fn waiting_for_our_own_store_is_no_silence() {
    let settings = EndpointSettings {
        receive_maximum: 1,
        ..EndpointSettings::for_testing()
    };
    let (running, mut taken) = Running::held(settings).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&connect(V3, "s1", 1, None)).await;
    raw.packet().await.expect("a CONNACK");
    raw.send(&publish(V3, 1, 1, TOPIC, "a")).await;
    let delivery = next(&mut taken).await;
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    delivery
        .answer
        .send(Verdict::Durable)
        .expect("a waiting session");
    assert_eq!(raw.packet().await, Some(answer(V3, PUBACK, 1)));
}

#[tokio::test]
async fn half_open_connections_are_dropped() {
    let (running, _) = Running::durable(EndpointSettings::for_testing()).await;
    let mut mute = Raw::open(running.addr).await;
    let mut slow = Raw::open(running.addr).await;
    slow.send(&connect(V5, "s1", 60, None)[..9]).await;
    assert_eq!(mute.packet().await, None);
    assert_eq!(slow.packet().await, None);
    assert_eq!(Counters::read(&running.counters.connections_refused), 2);
}

#[tokio::test]
async fn connections_are_counted_and_limited() {
    let settings = EndpointSettings {
        connections_max: 2,
        ..EndpointSettings::for_testing()
    };
    let (running, _) = Running::durable(settings).await;
    let first = Raw::hello(running.addr, V5, "s1").await;
    let _second = Raw::hello(running.addr, V5, "s2").await;
    assert_eq!(Counters::read(&running.counters.connections_open), 2);
    let mut third = Raw::open(running.addr).await;
    assert_eq!(third.packet().await, None);
    first.vanish();
    until(|| Counters::read(&running.counters.connections_open) == 1).await;
    let again = async {
        loop {
            let mut raw = Raw::open(running.addr).await;
            raw.pour(&connect(V5, "s3", 60, None)).await;
            if raw.packet().await.is_some() {
                break;
            }
        }
    };
    crate::mqtt::support::within(again).await;
}

#[tokio::test]
async fn users_need_their_password_and_keep_to_their_topics() {
    let devices = devices(&[("s1", "rain")]);
    let (running, kept) = Running::durable_for(EndpointSettings::for_testing(), devices).await;
    for (level, wrong, missing) in [(V3, 4, 5), (V5, 0x86, 0x87)] {
        for (hello, code) in [
            (login(level, "s1", ("s1", "snow"), None), wrong),
            (login(level, "s1", ("x", "rain"), None), wrong),
            (connect(level, "s1", 60, None), missing),
        ] {
            let mut raw = Raw::open(running.addr).await;
            raw.send(&hello).await;
            let (first, body) = raw.packet().await.expect("a CONNACK");
            assert_eq!((first, body[1]), (0x20, code));
            assert_eq!(raw.packet().await, None);
        }
    }
    let other = TOPIC.replace("s1", "s2");
    let mut raw = Raw::open(running.addr).await;
    raw.send(&login(V5, "s1", ("s1", "rain"), None)).await;
    raw.packet().await.expect("a CONNACK");
    raw.send(&publish(V5, 1, 1, TOPIC, "a")).await;
    raw.send(&publish(V5, 1, 2, &other, "b")).await;
    assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, 1)));
    assert_eq!(raw.packet().await, Some((PUBACK, vec![0, 2, 0x87, 0])));
    assert_eq!(kept.payloads(), ["a"]);
}

#[tokio::test]
async fn what_is_no_mqtt_gets_a_short_answer_or_none() {
    let (running, _) = Running::durable(EndpointSettings::for_testing()).await;
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], None),
        (b"\x30\x05\x00\x01a\x00\x00", None),
        (
            b"\x10\x0c\x00\x04MQTT\x09\x02\x00\x3c\x00\x00",
            Some((0x20, vec![0, 1])),
        ),
        (
            b"\x10\x0c\x00\x04QTTM\x04\x02\x00\x3c\x00\x00",
            Some((0x20, vec![0, 1])),
        ),
        (
            b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00",
            Some((0x20, vec![0, 0x95])),
        ),
    ] {
        let mut raw = Raw::open(running.addr).await;
        raw.send(bytes).await;
        let found = raw
            .packet()
            .await
            .map(|(first, body)| (first, body[..2].to_vec()));
        assert_eq!(found, expected, "{bytes:?}");
    }
    // A second CONNECT, a server's packet and a topic with a wildcard are protocol errors.
    for (bytes, code) in [
        (connect(V5, "s1", 60, None), 0x82),
        (packet(0x20, b"\x00\x00\x00"), 0x82),
        (publish(V5, 1, 1, "skytier/+/x", "a"), 0x90),
        (publish(V5, 1, 0, TOPIC, "a"), 0x81),
        (packet(0x36, b"\x00\x01a\x00\x01\x00"), 0x81),
    ] {
        let mut raw = Raw::hello(running.addr, V5, "s1").await;
        raw.send(&bytes).await;
        assert_eq!(
            raw.packet().await,
            Some((DISCONNECT, vec![code, 0])),
            "{bytes:?}"
        );
    }
}

/// A connection's packets of every kind with some of their bytes changed; mostly behind the CONNECT, so that they are looked at.
pub(crate) fn damaged(round: u64, random: &mut ChaCha8Rng) -> Vec<u8> {
    let level = if round.is_multiple_of(2) { V3 } else { V5 };
    let mut bytes = connect(level, "fuzz", 60, Some((STATUS, "offline")));
    let sound = bytes.len();
    bytes.extend(publish_aliased(V5, 2, 3, TOPIC, Some(1), "{}"));
    bytes.extend(packet(0x82, b"\x00\x05\x00\x00\x01#\x01"));
    bytes.extend(packet(0xa2, b"\x00\x06\x00\x00\x01#"));
    bytes.extend(packet(0xf0, b"\x18\x05\x15\x00\x02xy"));
    bytes.extend(release(3));
    bytes.extend(packet(DISCONNECT, b"\x04\x05\x11\x00\x00\x00\x00"));
    let from = if round.is_multiple_of(3) { 0 } else { sound };
    for _ in 0..=random.next_u32() % 6 {
        let at = from + random.next_u32() as usize % (bytes.len() - from);
        bytes[at] = random.next_u32().to_le_bytes()[0];
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_packets_never_take_the_endpoint_down() {
    let settings = EndpointSettings {
        connections_max: 1_000,
        ..EndpointSettings::for_testing()
    };
    let (running, _) = Running::durable(settings).await;
    let seed = number("SKYTIER_FUZZ_SEED", 20_200_727);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..600 * number("SKYTIER_FUZZ", 1) {
        let bytes = damaged(round, &mut random);
        let mut raw = Raw::open(running.addr).await;
        raw.pour(&bytes).await;
        raw.vanish();
    }
    until(|| Counters::read(&running.counters.connections_open) == 0).await;
    let mut raw = Raw::hello(running.addr, V5, "sound").await;
    raw.send(&publish(V5, 1, 1, TOPIC, "a")).await;
    assert_eq!(
        raw.packet().await,
        Some(answer(V5, PUBACK, 1)),
        "seed {seed}"
    );
    running.stop().await;
}
