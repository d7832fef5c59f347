//! `/readyz` says what is true: each part that is in trouble by its name, for as long as it is, and nothing of the others. The
//! store on a full disk, an InfluxDB that is away, the clock and a damaged log are told in tests of their own.

use rusqlite::Connection;

use crate::access::ask;
use crate::access::token;
use crate::support::Daemon;
use crate::support::PATIENCE;
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
