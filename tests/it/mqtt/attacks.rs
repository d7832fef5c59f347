//! Whoever tries to cheat at the endpoint: refused each time, nothing stored, and an honest device goes on meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use skytier::adapters::limits::DoorSettings;
use skytier::adapters::limits::Rate;
use skytier::adapters::limits::Speed;
use skytier::adapters::mqtt::devices::Credentials;
use skytier::adapters::mqtt::devices::Devices;
use skytier::adapters::mqtt::devices::Prove;
use skytier::adapters::mqtt::settings::Counters;
use skytier::adapters::mqtt::settings::EndpointSettings;

use crate::mqtt::raw::DISCONNECT;
use crate::mqtt::raw::PUBACK;
use crate::mqtt::raw::PUBREC;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V3;
use crate::mqtt::raw::V5;
use crate::mqtt::raw::answer;
use crate::mqtt::raw::login;
use crate::mqtt::raw::packet;
use crate::mqtt::raw::publish;
use crate::mqtt::raw::publish_aliased;
use crate::mqtt::support::Kept;
use crate::mqtt::support::Running;
use crate::mqtt::support::TOPIC;
use crate::mqtt::support::devices;
use crate::mqtt::support::listed;
use crate::mqtt::support::until;

/// An endpoint for the devices `s1` and `s2`, and `s2` connected, which stays honest.
struct Scene {
    running: Running,
    kept: Kept,
    devices: Arc<Devices>,
    honest: Raw,
    sent: u16,
}

impl Scene {
    async fn new(settings: EndpointSettings) -> Self {
        let devices = devices(&[("s1", "rain"), ("s2", "snow")]);
        let (running, kept) = Running::durable_for(settings, Arc::clone(&devices)).await;
        let honest = enter(running.addr, V5, "s2", "snow", "honest").await;
        Self {
            running,
            kept,
            devices,
            honest,
            sent: 0,
        }
    }

    /// The honest device is served, and of all that was ever kept nothing is another's.
    async fn goes_on(&mut self, after: &str) {
        self.sent += 1;
        let topic = TOPIC.replace("s1", "s2");
        self.honest
            .send(&publish(V5, 1, self.sent, &topic, "honest"))
            .await;
        let answered = self.honest.packet().await;
        assert_eq!(answered, Some(answer(V5, PUBACK, self.sent)), "{after}");
        let foreign = |(topic, payload): &(String, String)| {
            topic.contains("/s2/") != (payload == "honest") && payload != "own"
        };
        let foreign: Vec<_> = self.kept.all().into_iter().filter(foreign).collect();
        assert!(foreign.is_empty(), "{after}: {foreign:?}");
    }
}

/// Connects as a device and is let in.
async fn enter(addr: SocketAddr, level: u8, user: &str, password: &str, client: &str) -> Raw {
    let mut raw = Raw::open(addr).await;
    raw.send(&login(level, client, (user, password), None))
        .await;
    let (first, body) = raw.packet().await.expect("a CONNACK");
    assert_eq!((first, body[1]), (0x20, 0), "{user} {client}");
    raw
}

#[tokio::test]
async fn a_device_publishes_on_its_own_topics_alone() {
    let mut scene = Scene::new(EndpointSettings::for_testing()).await;
    let addr = scene.running.addr;
    for topic in [
        "skytier/v1/stations/s2/readings",
        "skytier/v1/stations/s2/status",
        "skytier/v1/stations/s11/readings",
        "skytier/v1/stations/s1",
        "skytier/v1/stations/S1/readings",
        "skytier/v1/stations//readings",
        "skytier/v1/loggers/s1/readings",
        "skytier/v2/stations/s1/readings",
        "/skytier/v1/stations/s1/readings",
        "$SYS/broker",
        "$share/g/skytier/v1/stations/s1/readings",
        "stations/s1/readings",
    ] {
        let mut raw = enter(addr, V5, "s1", "rain", "cheat").await;
        for (id, qos, first) in [(1, 1, PUBACK), (2, 2, PUBREC)] {
            raw.send(&publish(V5, qos, id, topic, "false")).await;
            let expected = (first, vec![0, id.to_le_bytes()[0], 0x87, 0]);
            assert_eq!(raw.packet().await, Some(expected), "{topic}");
        }
        // Not even a message that asks for no answer leaves it connected, nor does 3.1.1, which has no words for it.
        raw.send(&publish(V5, 0, 0, topic, "false")).await;
        assert_eq!(
            raw.packet().await,
            Some((DISCONNECT, vec![0x87, 0])),
            "{topic}"
        );
        let mut raw = enter(addr, V3, "s1", "rain", "cheat").await;
        raw.send(&publish(V3, 1, 1, topic, "false")).await;
        assert_eq!(raw.packet().await, None, "{topic}");
        scene.goes_on(topic).await;
    }
    let refused = &scene.running.counters.not_permitted;
    assert_eq!(Counters::read(refused), 12 * 4);
    // Levels below its own are its own, and no topic that takes readings.
    let mut raw = enter(addr, V5, "s1", "rain", "cheat").await;
    for (id, topic) in [
        (1, "skytier/v1/stations/s1/../s2/readings"),
        (2, "skytier/v1/stations/s1/x"),
    ] {
        raw.send(&publish(V5, 1, id, topic, "false")).await;
        let expected = (PUBACK, vec![0, id.to_le_bytes()[0], 0x90, 0]);
        assert_eq!(raw.packet().await, Some(expected), "{topic}");
    }
    raw.send(&publish(V5, 1, 3, TOPIC, "own")).await;
    assert_eq!(raw.packet().await, Some(answer(V5, PUBACK, 3)));
    scene.goes_on("its own").await;
}

#[tokio::test]
async fn wildcards_aliases_and_retained_messages_open_nothing() {
    let mut scene = Scene::new(EndpointSettings::for_testing()).await;
    let addr = scene.running.addr;
    let other = TOPIC.replace("s1", "s2");
    let long = format!("skytier/v1/stations/s1/{}", "x".repeat(600));
    for topic in [
        "skytier/v1/stations/+/readings",
        "skytier/v1/stations/s1/#",
        "#",
        long.as_str(),
    ] {
        let mut raw = enter(addr, V5, "s1", "rain", "cheat").await;
        raw.send(&publish(V5, 1, 1, topic, "false")).await;
        assert_eq!(
            raw.packet().await,
            Some((DISCONNECT, vec![0x90, 0])),
            "{topic}"
        );
        scene.goes_on(topic).await;
    }
    // An alias for a foreign topic stays a foreign topic, and for an own one can be turned into a foreign one only openly.
    let mut raw = enter(addr, V5, "s1", "rain", "cheat").await;
    for (id, topic, alias, code) in [
        (1, other.as_str(), 1, Some(0x87)),
        (2, "", 1, Some(0x87)),
        (3, TOPIC, 2, None),
        (4, "", 2, None),
        (5, other.as_str(), 2, Some(0x87)),
        (6, "", 2, Some(0x87)),
    ] {
        let payload = if code.is_some() { "false" } else { "own" };
        raw.send(&publish_aliased(V5, 1, id, topic, Some(alias), payload))
            .await;
        let expected = (PUBACK, vec![0, id.to_le_bytes()[0], code.unwrap_or(0), 0]);
        assert_eq!(raw.packet().await, Some(expected), "{id}");
    }
    raw.send(&publish_aliased(V5, 1, 7, TOPIC, Some(5), "false"))
        .await;
    assert_eq!(
        raw.packet().await,
        Some((DISCONNECT, vec![0x94, 0])),
        "beyond the announced"
    );
    scene.goes_on("aliases").await;
    // Nothing is retained for anybody: a message with the flag is a message, refused where it is foreign.
    let mut raw = enter(addr, V5, "s1", "rain", "cheat").await;
    for (id, topic, code) in [(1, other.as_str(), 0x87), (2, TOPIC, 0)] {
        let payload = if code == 0 { "own" } else { "false" };
        let mut retained = publish(V5, 1, id, topic, payload);
        retained[0] |= 1;
        raw.send(&retained).await;
        let expected = (PUBACK, vec![0, id.to_le_bytes()[0], code, 0]);
        assert_eq!(raw.packet().await, Some(expected), "{topic}");
    }
    // Nobody reads: every filter is refused, and what was retained comes to nobody.
    for filter in ["#", "+", "$SYS/#", other.as_str(), TOPIC] {
        let mut body = vec![0, 9, 0];
        body.extend_from_slice(&u16::try_from(filter.len()).expect("short").to_be_bytes());
        body.extend_from_slice(filter.as_bytes());
        body.push(1);
        raw.send(&packet(0x82, &body)).await;
        assert_eq!(
            raw.packet().await,
            Some((0x90, vec![0, 9, 0, 0x87])),
            "{filter}"
        );
    }
    assert!(raw.is_quiet().await);
    scene.goes_on("subscriptions").await;
}

#[tokio::test]
async fn a_will_is_judged_before_its_client_is_let_in() {
    let mut scene = Scene::new(EndpointSettings::for_testing()).await;
    let addr = scene.running.addr;
    let other = TOPIC.replace("s1", "s2");
    for (topic, codes) in [
        (other.as_str(), [5, 0x87]),
        ("skytier/v1/stations/s11/status", [5, 0x87]),
        ("$SYS/broker", [5, 0x87]),
        ("skytier/v1/stations/s1/#", [5, 0x81]),
        ("skytier/v1/stations/+/status", [5, 0x81]),
    ] {
        for (level, code) in [(V3, codes[0]), (V5, codes[1])] {
            let mut raw = Raw::open(addr).await;
            let hello = login(level, "cheat", ("s1", "rain"), Some((topic, "false")));
            raw.send(&hello).await;
            let (first, body) = raw.packet().await.expect("a CONNACK");
            assert_eq!((first, body[1]), (0x20, code), "{topic}");
            assert_eq!(raw.packet().await, None);
        }
        scene.goes_on(topic).await;
    }
    assert_eq!(Counters::read(&scene.running.counters.wills), 0);
}

#[tokio::test]
async fn no_device_takes_the_session_of_another() {
    let mut scene = Scene::new(EndpointSettings::for_testing()).await;
    let addr = scene.running.addr;
    // The client id of the honest one, by another device: both stay.
    let mut cheat = enter(addr, V5, "s1", "rain", "honest").await;
    scene.goes_on("the same client id").await;
    cheat.send(&publish(V5, 1, 1, TOPIC, "own")).await;
    assert_eq!(cheat.packet().await, Some(answer(V5, PUBACK, 1)));
    // By the same device it is taken over, as the protocol says.
    let _again = enter(addr, V5, "s1", "rain", "honest").await;
    assert_eq!(cheat.packet().await, Some((DISCONNECT, vec![0x8e, 0])));
    scene.goes_on("taken over").await;
}

#[tokio::test]
async fn a_device_that_is_not_what_it_was_is_put_out() {
    let mut scene = Scene::new(EndpointSettings::for_testing()).await;
    let addr = scene.running.addr;
    let mut gone = enter(addr, V5, "s1", "rain", "gone").await;
    scene.devices.replace(listed(&[("s2", "snow")]), true);
    assert_eq!(gone.packet().await, Some((DISCONNECT, vec![0x87, 0])));
    let mut raw = Raw::open(addr).await;
    raw.send(&login(V5, "gone", ("s1", "rain"), None)).await;
    assert_eq!(raw.packet().await.map(|(_, body)| body[1]), Some(0x86));
    scene.goes_on("another was put out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_put_out_while_it_is_proved_is_not_let_in() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    static PUT_OUT: AtomicBool = AtomicBool::new(false);
    let prove: Prove = |kept, _| {
        BEGUN.store(true, Ordering::SeqCst);
        while !PUT_OUT.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        kept.is_some()
    };
    let devices = Arc::new(Devices::new(Credentials::Auto, [7; 32], prove));
    devices.replace(listed(&[("s1", "rain")]), true);
    let settings = EndpointSettings::for_testing();
    let (running, kept) = Running::durable_for(settings, Arc::clone(&devices)).await;
    let mut raw = Raw::open(running.addr).await;
    raw.send(&login(V5, "late", ("s1", "rain"), None)).await;
    until(|| BEGUN.load(Ordering::SeqCst)).await;
    devices.replace(Vec::new(), true);
    PUT_OUT.store(true, Ordering::SeqCst);
    assert_eq!(raw.packet().await.map(|(_, body)| body[1]), Some(0x87));
    assert_eq!(raw.packet().await, None, "and is closed");
    assert!(kept.all().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_keeps_nobody_out() {
    let settings = EndpointSettings {
        connections_max: 1_000,
        ..EndpointSettings::for_testing()
    };
    let mut scene = Scene::new(settings).await;
    let addr = scene.running.addr;
    let mut guesses = Vec::new();
    for guess in 0..60 {
        let mut raw = Raw::open(addr).await;
        let user = ["s1", "s2", "nobody"][guess % 3];
        raw.send(&login(V5, "guess", (user, &format!("guess {guess}")), None))
            .await;
        guesses.push(raw);
    }
    let wrong = &scene.running.counters.unproved;
    until(|| Counters::read(wrong) == 60).await;
    // Their answers are held back; the true device, from the same address, is let in at once.
    let mut own = enter(addr, V5, "s1", "rain", "own").await;
    own.send(&publish(V5, 1, 1, TOPIC, "own")).await;
    assert_eq!(own.packet().await, Some(answer(V5, PUBACK, 1)));
    scene.goes_on("guesses").await;
    let first = guesses[0]
        .packet()
        .await
        .map(|(first, body)| (first, body[1]));
    assert_eq!(
        first,
        Some((0x20, 0x86)),
        "the first wrong one is told in the end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_that_say_nothing_crowd_out_one_another() {
    let settings = EndpointSettings {
        connections_max: 2_000,
        connect_timeout: std::time::Duration::from_secs(60),
        door: DoorSettings {
            half_open_max: 100,
            ..DoorSettings::default()
        },
        ..EndpointSettings::for_testing()
    };
    let mut scene = Scene::new(settings).await;
    let mut silent = std::collections::VecDeque::new();
    for opened in 0..1_000_u32 {
        let mut raw = Raw::open(scene.running.addr).await;
        if opened % 2 == 0 {
            // Half of a CONNECT is no more than silence.
            raw.pour(b"\x10\x20\x00\x04MQ").await;
        }
        silent.push_back(raw);
        // The test's own descriptors are limited too.
        if silent.len() > 300 {
            silent.pop_front();
        }
        if opened % 250 == 249 {
            scene.goes_on("silence").await;
            let _in = enter(scene.running.addr, V3, "s1", "rain", "own").await;
        }
    }
    let crowded = &scene.running.counters.crowded_out;
    until(|| Counters::read(crowded) >= 600).await;
    scene.goes_on("a thousand").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_fast_is_held_back_and_loses_nothing() {
    let rate = |per_s| Rate { per_s, burst_s: 1 };
    let settings = EndpointSettings {
        door: DoorSettings {
            loopback: true,
            ..DoorSettings::default()
        },
        speed: Speed {
            messages: rate(200),
            bytes: rate(1 << 20),
        },
        receive_maximum: 1_000,
        ..EndpointSettings::for_testing()
    };
    let mut scene = Scene::new(settings).await;
    let mut fast = enter(scene.running.addr, V5, "s1", "rain", "fast").await;
    let many: Vec<u8> = (1..=500)
        .flat_map(|id| publish(V5, 1, id, TOPIC, "own"))
        .collect();
    fast.send(&many).await;
    until(|| Counters::read(&scene.running.counters.held_back) > 0).await;
    scene.goes_on("one is held back").await;
    for id in 1..=500 {
        assert_eq!(fast.packet().await, Some(answer(V5, PUBACK, id)));
    }
    scene.goes_on("all was taken").await;
}
