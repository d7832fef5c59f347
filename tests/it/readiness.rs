//! `/readyz` says what is true: each part that is in trouble by its name, for as long as it is, and nothing of the others. The
//! store on a full disk, an InfluxDB that is away, the clock and a damaged log are told in tests of their own.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;

use rusqlite::Connection;
use serde_json::json;

use crate::access::ask;
use crate::access::token;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::mosquitto::Mosquitto;
use crate::support::papers::Papers;
use crate::support::seeded;
use crate::support::text;
use crate::support::wait_for;

/// The parts in trouble as anyone is told; the status must say the same.
fn troubled(daemon: &Daemon) -> Vec<String> {
    let (status, told) = daemon.get("/readyz");
    let troubles = told["troubles"].as_array().expect("a list");
    assert_eq!(told["ready"], troubles.is_empty(), "{told}");
    assert_eq!(
        status,
        if troubles.is_empty() { 200 } else { 503 },
        "{told}"
    );
    let part = |one: &serde_json::Value| one["part"].as_str().expect("a name").to_owned();
    troubles.iter().map(part).collect()
}

/// Waits until these parts and no others are in trouble.
fn until(daemon: &Daemon, parts: &[&str]) {
    wait_for(&format!("{parts:?} in trouble"), PATIENCE, || {
        (troubled(daemon) == parts).then_some(())
    });
    assert_eq!(daemon.metric("skytier_ready"), u64::from(parts.is_empty()));
}

#[test]
fn a_certificate_that_is_over_is_told_until_there_is_another() {
    let papers = Papers::new();
    papers.sign("ca", "gone", -1);
    let (_folder, data) = seeded(&["jiangyin"]);
    let (cert, key) = (papers.path("server.crt"), papers.path("server.key"));
    let sound = [&cert, &key].map(|file| std::fs::read(file).expect("a file"));
    let daemon = Daemon::start(
        &data,
        &[
            ("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0"),
            ("SKYTIER__HTTP__TLS__CERT", text(&cert)),
            ("SKYTIER__HTTP__TLS__KEY", text(&key)),
        ],
    );
    until(&daemon, &[]);
    std::fs::copy(papers.path("gone.crt"), &cert).expect("copied");
    std::fs::copy(papers.path("gone.key"), &key).expect("copied");
    until(&daemon, &["http.tls"]);
    let said = daemon.get("/readyz").1.to_string();
    assert!(said.contains("the certificate has expired"), "{said}");
    std::fs::write(&cert, &sound[0]).expect("written");
    std::fs::write(&key, &sound[1]).expect("written");
    until(&daemon, &[]);
    daemon.stop("TERM");
}

#[test]
fn access_that_cannot_be_read_is_told_and_what_was_read_last_counts_on() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let own = token(&data, "li", "bureau");
    let daemon = Daemon::start(&data, &[]);
    let stations = || ask(&daemon.http, "GET", "/v1/stations", Some(&own), "").status;
    assert_eq!((stations(), troubled(&daemon)), (200, vec![]));
    let shell = Connection::open(data.join("access.db")).expect("a database");
    let rename = |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        shell.execute_batch(&rename).expect("renamed");
    };
    rename("token", "aside");
    wait_for("access in trouble", PATIENCE, || {
        (troubled(&daemon) == ["access"]).then_some(())
    });
    // Nobody is told what is wrong but whoever may know, and nobody is let in or kept out by it.
    let told = ask(&daemon.http, "GET", "/readyz", Some(&own), "").text;
    assert!(told.contains("no such table"), "{told}");
    let bare = daemon.fetch("/readyz").text;
    assert!(!bare.contains("no such table"), "{bare}");
    assert_eq!(stations(), 200);
    assert_eq!(daemon.fetch("/v1/stations").status, 401);
    rename("aside", "token");
    wait_for("access again", PATIENCE, || {
        troubled(&daemon).is_empty().then_some(())
    });
    daemon.stop("TERM");
}

/// What comes at once; nothing when the other side is gone.
fn said(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4_096];
    let count = socket.read(&mut bytes).unwrap_or(0);
    bytes.truncate(count);
    bytes
}

/// A broker that lets nobody in (0x86: bad user name or password), or one that lets in and grants nothing (0x87).
fn unwilling(lets_in: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("mqtt://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let reason = if lets_in { 0 } else { 0x86 };
            if said(&mut socket).is_empty()
                || socket.write_all(&[0x20, 3, 0, reason, 0]).is_err()
                || !lets_in
            {
                continue;
            }
            let subscribe = said(&mut socket);
            // The packet id stands behind a length of one byte or two.
            let at = if subscribe.get(1).is_some_and(|length| *length < 0x80) {
                2
            } else {
                3
            };
            let Some(id) = subscribe.get(at..at + 2) else {
                continue;
            };
            let refused = [&[0x90, 11], id, &[0], &[0x87; 8]].concat();
            if socket.write_all(&refused).is_ok() {
                // Until the client leaves or pings.
                said(&mut socket);
            }
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_gives_nothing_is_told_and_with_no_other_way_in_it_is_a_trouble() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let (stranger, closed) = (unwilling(false), unwilling(true));
    let mut good = Mosquitto::start().await;
    let working = format!("mqtt://127.0.0.1:{}", good.port);
    let says = |daemon: &Daemon, key: &str, parts: &[&str]| {
        wait_for(&format!("{parts:?} in the {key}"), PATIENCE, || {
            let told = daemon.get("/readyz").1;
            let own = told[key].as_array()?.iter();
            let mut own = own.filter(|one| one["part"] == "mqtt.brokers");
            let said = own.next()?.to_string();
            parts.iter().all(|part| said.contains(part)).then_some(())
        });
    };
    let refusals = [
        format!("{stranger}: no connection: "),
        "BadUserNamePassword".to_owned(),
        format!("{closed}: it refuses to subscribe skytier/v1/"),
        "NotAuthorized".to_owned(),
    ];
    let refusals = refusals.each_ref().map(String::as_str);
    // Our own endpoint takes readings all the while.
    let brokers = [
        ("SKYTIER__MQTT__BROKERS__0__URL", stranger.as_str()),
        ("SKYTIER__MQTT__BROKERS__1__URL", closed.as_str()),
    ];
    let daemon = Daemon::start(&data, &brokers);
    says(&daemon, "notes", &refusals);
    until(&daemon, &[]);
    assert_eq!(daemon.metric("skytier_mqtt_brokers_in_trouble"), 2);
    daemon.stop("TERM");
    let alone = [("SKYTIER__MQTT__EMBEDDED__ENABLED", "false")];
    let daemon = Daemon::start(&data, &[&brokers[..], &alone].concat());
    says(&daemon, "troubles", &refusals);
    until(&daemon, &["mqtt.brokers"]);
    assert_eq!(daemon.metric("skytier_trouble{part=\"mqtt.brokers\"}"), 1);
    daemon.stop("TERM");
    // One that gives is enough; the others are told all the same.
    let third = [("SKYTIER__MQTT__BROKERS__2__URL", working.as_str())];
    let daemon = Daemon::start(&data, &[&brokers[..], &alone, &third].concat());
    until(&daemon, &[]);
    says(&daemon, "notes", &refusals);
    good.kill9();
    until(&daemon, &["mqtt.brokers"]);
    says(&daemon, "troubles", &[&working]);
    good.revive().await;
    until(&daemon, &[]);
    assert_eq!(daemon.get("/readyz").1["troubles"], json!([]));
    daemon.stop("TERM");
}
