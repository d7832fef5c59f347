//! Our listeners by TLS, as Debian's openssl and mosquitto_pub see them: what is spoken and what is not, whose
//! certificates are taken, and new certificates while old connections live.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use crate::mqtt::raw::V3;
use crate::mqtt::raw::connect;
use crate::mqtt::raw::packet;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::failed;
use crate::support::mosquitto::PUBLISHER;
use crate::support::papers::OPENSSL;
use crate::support::papers::Papers;
use crate::support::require;
use crate::support::seeded;
use crate::support::serve;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::wait_for;

const TIME: &str = "2020-07-27T13:00:00+08:00";
const REQUEST: &str = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// The settings of both listeners, with the authority of clients if asked for.
fn settings(papers: &Papers, cert: &str, client_ca: bool) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for table in ["HTTP__TLS", "MQTT__EMBEDDED__TLS"] {
        let mut set = |name: &str, value: &str| {
            settings.push((format!("SKYTIER__{table}__{name}"), value.to_owned()));
        };
        set("LISTEN", "127.0.0.1:0");
        set("CERT", text(&papers.path(&format!("{cert}.crt"))));
        set("KEY", text(&papers.path(&format!("{cert}.key"))));
        if client_ca {
            set("CLIENT_CA", text(&papers.path("ca.pem")));
        }
    }
    settings
}

fn start(data: &Path, settings: &[(String, String)]) -> Daemon {
    let settings = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let settings: Vec<_> = settings.collect();
    Daemon::start(data, &settings)
}

/// `openssl s_client` that sends a request and reads what comes.
fn ask(port: u16, papers: &Papers, more: &[&str]) -> Output {
    let ca = papers.path("ca.pem");
    let mut child = Command::new(OPENSSL)
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
        .args([
            "-CAfile",
            text(&ca),
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
        ])
        .args(["-servername", "localhost", "-ign_eof"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let mut input = child.stdin.take().expect("a pipe");
    // It may have ended already, refused.
    drop(input.write_all(REQUEST.as_bytes()));
    drop(input);
    child.wait_with_output().expect("it ends")
}

fn answered(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("HTTP/1.1 200 OK")
}

fn publish(port: u16, papers: &Papers, client: Option<&str>, value: f64) -> bool {
    require(PUBLISHER);
    let ca = papers.path("ca.pem");
    let mut command = Command::new(PUBLISHER);
    command
        .args(["-h", "localhost", "-q", "1", "-p", &port.to_string()])
        .args(["--cafile", text(&ca), "-t", &readings_topic("1999A")])
        .args(["-m", &hourly(TIME, &value.to_string())]);
    if let Some(name) = client {
        let file = |end: &str| papers.path(&format!("{name}.{end}"));
        command.args(["--cert", text(&file("crt")), "--key", text(&file("key"))]);
    }
    command
        .output()
        .expect("mosquitto_pub runs")
        .status
        .success()
}

#[test]
fn nothing_weaker_than_tls_1_2_with_forward_secrecy_is_spoken() {
    let papers = Papers::new();
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = start(&data, &settings(&papers, "server", false));
    let check = |more: &[&str], expected: bool| {
        let output = ask(daemon.https, &papers, more);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(answered(&output), expected, "{more:?}: {told}");
        // The other listener speaks the same, only nothing that answers this request.
        let output = ask(daemon.mqtts, &papers, more);
        let shaken = String::from_utf8_lossy(&output.stdout).contains("New, TLSv1");
        assert_eq!(shaken, expected, "mqtts {more:?}");
    };
    check(&["-tls1_3"], true);
    check(&["-tls1_2"], true);
    check(
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        true,
    );
    check(
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
        true,
    );
    for cipher in [
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES256-SHA",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "NULL",
        "aNULL",
        "PSK",
    ] {
        check(
            &["-tls1_2", "-cipher", &format!("{cipher}:@SECLEVEL=0")],
            false,
        );
    }
    check(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], false);
    check(&["-tls1", "-cipher", "ALL:@SECLEVEL=0"], false);
    // And a client that trusts another authority is not fooled.
    let other = papers.path("other.pem");
    assert!(!answered(&ask(
        daemon.https,
        &papers,
        &["-CAfile", text(&other)]
    )));
    assert!(publish(daemon.mqtts, &papers, None, 40.5));
    let rows = daemon.readings("1999A", "factor=pm25");
    assert_eq!(rows[0]["value"], 40.5);
    daemon.stop("TERM");
}

#[test]
fn a_client_certificate_must_be_vouched_for_and_in_force() {
    let papers = Papers::new();
    papers.sign("ca", "expired", -1);
    papers.sign("other", "stranger", 30);
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = start(&data, &settings(&papers, "server", true));
    for (client, expected) in [
        (None, true),
        (Some("client"), true),
        (Some("expired"), false),
        (Some("stranger"), false),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let mut more = vec![version.to_owned()];
            if let Some(name) = client {
                let file = |end: &str| text(&papers.path(&format!("{name}.{end}"))).to_owned();
                more.extend([
                    "-cert".to_owned(),
                    file("crt"),
                    "-key".to_owned(),
                    file("key"),
                ]);
            }
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let output = ask(daemon.https, &papers, &more);
            assert_eq!(answered(&output), expected, "{client:?} {version}");
        }
        let sent = publish(daemon.mqtts, &papers, client, 40.5);
        assert_eq!(sent, expected, "{client:?} by MQTT");
    }
    assert_eq!(
        daemon.metric("skytier_mqtt_handshakes_failed_total{source=\"embedded\"}"),
        2
    );
    daemon.stop("TERM");
}

/// The serial number of the certificate served.
fn serial(port: u16, papers: &Papers) -> String {
    let output = ask(port, papers, &[]);
    let shown = Command::new(OPENSSL)
        .args(["x509", "-noout", "-serial"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut shown = shown.expect("openssl runs");
    let mut input = shown.stdin.take().expect("a pipe");
    input.write_all(&output.stdout).expect("taken");
    drop(input);
    let shown = shown.wait_with_output().expect("it ends");
    String::from_utf8(shown.stdout).expect("UTF-8")
}

#[test]
fn new_certificates_are_taken_up_while_old_connections_live() {
    let papers = Papers::new();
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = start(&data, &settings(&papers, "server", false));
    let first = serial(daemon.https, &papers);
    assert_eq!(first, serial(daemon.mqtts, &papers));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut living = runtime.block_on(papers.connect(daemon.mqtts));
    let hello = connect(V3, "living", 600, None);
    let welcome = runtime.block_on(Papers::exchange(&mut living, &hello, 4));
    assert_eq!(welcome, [0x20, 2, 0, 0]);
    // The certificate without its key first, as whoever replaces them does: nothing changes until they fit.
    let keep = |from: &str, to: &str| {
        std::fs::copy(papers.path(from), papers.path(to)).expect("copied");
    };
    papers.sign("ca", "next", 30);
    keep("next.crt", "server.crt");
    wait_for("the note of a pair that does not fit", PATIENCE, || {
        let notes = daemon.json("/readyz")["notes"].to_string();
        notes.contains("served on").then_some(())
    });
    assert_eq!(serial(daemon.https, &papers), first);
    keep("next.key", "server.key");
    let second = wait_for("the new certificate", PATIENCE, || {
        let now = serial(daemon.https, &papers);
        (now != first).then_some(now)
    });
    wait_for("the new certificate by MQTT", PATIENCE, || {
        (serial(daemon.mqtts, &papers) == second).then_some(())
    });
    std::fs::write(papers.path("server.crt"), "no certificate\n").expect("written");
    wait_for("the note of a broken file", PATIENCE, || {
        let notes = daemon.json("/readyz")["notes"].to_string();
        notes.contains("no certificate in PEM").then_some(())
    });
    assert_eq!(
        serial(daemon.https, &papers),
        second,
        "the one before is served on"
    );
    keep("next.crt", "server.crt");
    wait_for("the notes to go", PATIENCE, || {
        daemon.json("/readyz")["notes"].is_null().then_some(())
    });
    let ping = packet(0xc0, b"");
    let pinged = runtime.block_on(Papers::exchange(&mut living, &ping, 2));
    assert_eq!(pinged, [0xd0, 0], "the old connection lives");
    daemon.stop("TERM");
}

#[test]
fn tls_that_cannot_be_served_ends_the_start() {
    let papers = Papers::new();
    let check = |overrides: &[(&str, &str)], expected: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let ended = serve(&folder.path().join("data"), overrides).output();
        let (code, said) = failed(&ended.expect("it starts"));
        assert!(said.contains(expected), "{expected}: {said}");
        assert_eq!(code, 2, "{said}");
    };
    let file = |name: &str| text(&papers.path(name)).to_owned();
    let (cert, key, other) = (file("server.crt"), file("server.key"), file("client.key"));
    let at = ("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0");
    fn of(cert: &str) -> (&str, &str) {
        ("SKYTIER__HTTP__TLS__CERT", cert)
    }
    fn with(key: &str) -> (&str, &str) {
        ("SKYTIER__HTTP__TLS__KEY", key)
    }
    check(
        &[at],
        "http.tls.cert: missing; http.tls.listen needs a file in PEM",
    );
    check(
        &[of(&cert), with(&key)],
        "http.tls.listen: missing, yet files are given",
    );
    check(
        &[at, of("/nowhere/a"), with(&key)],
        "http.tls.cert /nowhere/a: No such file",
    );
    check(&[at, of(&cert), with(&cert)], "http.tls.key ");
    check(&[at, of(&cert), with(&other)], "http.tls.cert ");
}
