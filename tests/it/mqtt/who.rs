//! Who may do what on which topic: every client, whatever it shows, with every kind of topic by every way of publishing and
//! reading, in both versions. The expectation is a rule of two lines; nothing is listed by hand but clients and topics.

use std::net::SocketAddr;
use std::sync::Arc;

use skytier::adapters::mqtt::devices::Credentials;
use skytier::adapters::mqtt::devices::Device;
use skytier::adapters::mqtt::devices::Devices;
use skytier::adapters::mqtt::devices::Prove;
use skytier::adapters::mqtt::settings::EndpointSettings;
use skytier::adapters::payload::topic::Channel;
use skytier::adapters::payload::topic::Topics;
use skytier::domain::access::Role;

use crate::access::ask;
use crate::access::token;
use crate::mqtt::raw::DISCONNECT;
use crate::mqtt::raw::PUBACK;
use crate::mqtt::raw::PUBREC;
use crate::mqtt::raw::Packet;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V3;
use crate::mqtt::raw::V5;
use crate::mqtt::raw::login;
use crate::mqtt::raw::packet;
use crate::mqtt::raw::publish;
use crate::mqtt::support::Running;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::wait_for;

const PASSWORD: &str = "rain";
/// Devices and the sources they publish for.
const DEVICES: [(&str, &[&str]); 3] = [
    ("one", &["stations/one"]),
    ("gateway", &["stations/two", "stations/three", "loggers/M1"]),
    ("logger", &["loggers/M2"]),
];
/// Clients that are no device: nobody, a strange name, a wrong password, the name of another.
const OTHERS: [(&str, &str); 4] = [
    ("", ""),
    ("nobody", PASSWORD),
    ("one", "snow"),
    ("stations/one", PASSWORD),
];

/// Topics of every kind; `{}` is a source of the table or one that nobody has.
fn topics() -> Vec<String> {
    let owned = DEVICES
        .iter()
        .flat_map(|(_, sources)| sources.iter().copied());
    let sources: Vec<&str> = owned
        .chain(["stations/nobodys", "stations/on", "stations/one1"])
        .collect();
    let mut topics = Vec::new();
    for source in &sources {
        for channel in Channel::ALL
            .map(Channel::level)
            .into_iter()
            .chain(["other", "readings/deeper"])
        {
            topics.push(format!("skytier/v1/{source}/{channel}"));
        }
        topics.push(format!("skytier/v1/{source}"));
        topics.push(format!("skytier/v2/{source}/readings"));
        topics.push(format!("/skytier/v1/{source}/readings"));
        topics.push(format!("$share/g/skytier/v1/{source}/readings"));
    }
    topics.extend(["$SYS/broker/uptime", "$SYS/#", "skytier/v1", "x"].map(str::to_owned));
    topics
}

/// The rule: a message is kept if its topic is of a source of the device's and takes readings or its state.
fn kept(device: &str, topic: &str) -> bool {
    let target = Topics::default().target(topic);
    let own = DEVICES
        .iter()
        .find(|(id, _)| *id == device)
        .map_or(&[][..], |(_, sources)| *sources);
    target.is_some_and(|target| own.contains(&target.sender().to_string().as_str()))
}

async fn endpoint() -> (Running, crate::mqtt::support::Kept) {
    let prove: Prove = |kept, password| kept.is_some_and(|kept| kept.as_bytes() == password);
    let devices = Devices::new(Credentials::Auto, [7; 32], prove);
    let device = |(id, sources): &(&str, &[&str])| Device {
        id: (*id).to_owned(),
        topics: sources
            .iter()
            .map(|source| format!("skytier/v1/{source}/"))
            .collect(),
        password: Some(PASSWORD.to_owned()),
        certificate: None,
    };
    devices.replace(DEVICES.iter().map(device).collect(), true);
    Running::durable_for(EndpointSettings::for_testing(), Arc::new(devices)).await
}

/// Connects; whether it was let in.
async fn enter(addr: SocketAddr, level: u8, who: (&str, &str), will: Option<&str>) -> Option<Raw> {
    let mut raw = Raw::open(addr).await;
    raw.send(&login(
        level,
        "client",
        who,
        will.map(|topic| (topic, "will")),
    ))
    .await;
    let (first, body) = raw.packet().await.expect("a CONNACK");
    assert_eq!(first, 0x20);
    (body[1] == 0).then_some(raw)
}

/// Whether an answer says that a message was kept.
fn accepted(qos: u8, level: u8, answer: Option<&Packet>) -> bool {
    let first = if qos == 1 { PUBACK } else { PUBREC };
    answer.is_some_and(|(own, body)| {
        *own == first && (level == V3 || body.get(2).is_none_or(|code| *code < 0x80))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_publishes_on_its_own_topics_and_on_no_other() {
    let (running, store) = endpoint().await;
    let (mut asked, mut expected) = (0, Vec::new());
    for (device, _) in DEVICES {
        for topic in topics() {
            for level in [V3, V5] {
                for (qos, retain) in [(1, 0), (1, 1), (2, 0)] {
                    let mut raw = enter(running.addr, level, (device, PASSWORD), None)
                        .await
                        .expect("in");
                    let payload = format!("{device} {level} {qos} {retain}");
                    let mut message = publish(level, qos, 1, &topic, &payload);
                    message[0] |= retain;
                    let answer = raw.exchange(&message, 1).await.pop();
                    let may = kept(device, &topic);
                    assert_eq!(
                        accepted(qos, level, answer.as_ref()),
                        may,
                        "{device} {topic} {level} {qos}: {answer:?}"
                    );
                    // What came with QoS 2 counts when it is released.
                    if may && qos == 1 {
                        expected.push((topic.clone(), payload));
                    }
                    asked += 1;
                }
            }
        }
    }
    assert!(asked >= 1_000, "{asked}");
    assert!(expected.len() >= 24, "{}", expected.len());
    let found = store.all();
    for own in &expected {
        assert!(found.contains(own), "{own:?} was acknowledged and not kept");
    }
    for (topic, payload) in &found {
        let device = payload.split(' ').next().expect("a device");
        assert!(kept(device, topic), "{device} is kept under {topic}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_anything_and_a_will_is_an_own_message() {
    let (running, _) = endpoint().await;
    let wildcards = [
        "#",
        "+/#",
        "$SYS/#",
        "$share/g/#",
        "skytier/v1/+/+/readings",
        "skytier/v1/stations/one/#",
    ];
    for (device, _) in DEVICES {
        for topic in topics().into_iter().chain(wildcards.map(str::to_owned)) {
            for level in [V3, V5] {
                let mut raw = enter(running.addr, level, (device, PASSWORD), None)
                    .await
                    .expect("in");
                let mut body = vec![0, 9];
                if level == V5 {
                    body.push(0);
                }
                body.extend_from_slice(&u16::try_from(topic.len()).expect("short").to_be_bytes());
                body.extend_from_slice(topic.as_bytes());
                body.push(1);
                let answer = raw.exchange(&packet(0x82, &body), 1).await.pop();
                let refused = match &answer {
                    Some((0x90, codes)) => codes.last().is_some_and(|code| *code >= 0x80),
                    Some((DISCONNECT, _)) | None => true,
                    Some(_) => false,
                };
                assert!(refused, "{device} reads {topic}: {answer:?}");
            }
        }
        // A will is judged at the door: by its source, for what it says is judged when it is handed in.
        for topic in topics() {
            let own = DEVICES
                .iter()
                .find(|(id, _)| *id == device)
                .map_or(&[][..], |(_, sources)| *sources);
            let of = |source: &&str| topic.starts_with(&format!("skytier/v1/{source}/"));
            let may = own.iter().any(of);
            for level in [V3, V5] {
                let raw = enter(running.addr, level, (device, PASSWORD), Some(&topic)).await;
                assert_eq!(raw.is_some(), may, "{device} leaves a will on {topic}");
            }
        }
    }
    for who in OTHERS {
        for level in [V3, V5] {
            let raw = enter(running.addr, level, who, None).await;
            assert!(raw.is_none(), "{who:?} is let in");
        }
    }
    running.stop().await;
}

/// A role is of the web: no token and no name of it opens the endpoint once there is a device.
#[test]
fn no_role_of_the_web_publishes() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let tokens: Vec<(Role, String)> = Role::ALL
        .into_iter()
        .map(|role| (role, token(&data, role.key(), role.key())))
        .collect();
    run(&[
        "devices",
        "add",
        "one",
        "--station",
        "1999A",
        "--data",
        text(&data),
    ]);
    let daemon = Daemon::start(&data, &[]);
    let addr = SocketAddr::from(([127, 0, 0, 1], daemon.mqtt));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut tried = Vec::new();
    runtime.block_on(async {
        for (role, token) in &tokens {
            for who in [
                (role.key(), token.as_str()),
                (token.as_str(), ""),
                ("one", token.as_str()),
            ] {
                let mut raw = Raw::open(addr).await;
                raw.send(&login(V5, "web", who, None)).await;
                tried.push(raw);
            }
        }
    });
    let operator = tokens.iter().find(|(role, _)| *role == Role::Operator);
    let operator = operator.map(|(_, token)| token.as_str());
    let counted = |name: &str| {
        let page = ask(&daemon.http, "GET", "/metrics", operator, "").text;
        let own = |line: &str| line.strip_prefix(name)?.trim().parse::<usize>().ok();
        page.lines()
            .find_map(own)
            .unwrap_or_else(|| panic!("no {name} in {page}"))
    };
    wait_for("each was judged and refused", PATIENCE, || {
        let refused = counted("skytier_mqtt_unproved_total{source=\"embedded\"}");
        (refused == tried.len()).then_some(())
    });
    assert_eq!(
        counted("skytier_mqtt_connections_open{source=\"embedded\"}"),
        0
    );
    daemon.stop("TERM");
}
