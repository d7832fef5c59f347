//! Every kind of secret there is, used rightly and wrongly, with every line of the log there can be: none of them is in the
//! log, in the metrics, in the audit log, in a problem, in a list, or in what a command complains about.

use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;

use crate::access::UNIT;
use crate::access::ask;
use crate::access::persons::Browser;
use crate::access::persons::PASSWORD;
use crate::access::persons::told;
use crate::access::token;
use crate::access::words;
use crate::hj212::framed;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V5;
use crate::mqtt::raw::login;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::failed;
use crate::support::run;
use crate::support::seeded;
use crate::support::serve;
use crate::support::skytier;
use crate::support::wait_for;

/// Passwords that are nobody's, typed all the same.
const WRONG: &str = "wr0ng-passw0rd-typed-here";
const WRONG_DEVICE: &str = "wr0ng-dev1ce-passw0rd";
/// A data logger, its password, and another.
const LOGGER: &str = "88888880000031";
const PW: &str = "L0ggersPw212";
const WRONG_PW: &str = "Wr0ngPw212";
/// What an address of a subscriber carries for itself.
const KEY: &str = "s3cret-of-the-address";

/// The first administrator by the code, who makes what the forms make; every secret that was met.
fn through_forms(daemon: &Daemon) -> Vec<(&'static str, String)> {
    let code = daemon.code.clone().expect("a code was printed");
    let site = daemon.http.as_str();
    let first = Browser::new(site);
    let fields = [("code", &code[..]), ("name", "Wu"), ("password", PASSWORD)];
    let wrong = [("code", "WRONG-CODE9-WRONG-CODE9"), fields[1], fields[2]];
    assert_eq!(first.form("/setup", &wrong).status, 401);
    assert_eq!(first.form("/setup", &fields).status, 303);
    let mut browser = Browser::new(site);
    assert_eq!(browser.log_in("Wu", WRONG).status, 401);
    assert_eq!(browser.log_in(WRONG, PASSWORD).status, 401);
    assert_eq!(browser.log_in("Wu", PASSWORD).status, 303);
    let key = browser.form_key();
    let post = |path: &str, fields: &[(&str, &str)]| {
        let fields = [fields, &[("form_key", key.as_str())]].concat();
        let page = browser.form(path, &fields);
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        let (_, rest) = page.text.split_once("<code>").expect("a secret");
        rest.split_once("</code>").expect("its end").0.to_owned()
    };
    let by_form = post(
        "/tokens",
        &[
            ("do", "add"),
            ("name", "by form"),
            ("role", "bank"),
            ("days", "9"),
            ("subject", ""),
        ],
    );
    let gate = post(
        "/devices",
        &[
            ("do", "add"),
            ("id", "gate"),
            ("stations", "1999A"),
            ("loggers", ""),
        ],
    );
    let (_, cookie) = browser
        .shown()
        .split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .expect("a cookie");
    vec![
        ("code", code),
        ("password", PASSWORD.to_owned()),
        ("wrong password", WRONG.to_owned()),
        ("session", cookie),
        ("form key", key),
        ("token by a form", by_form),
        ("device's password", gate),
    ]
}

/// What commands make beside the daemon.
fn by_commands(data: &Path) -> Vec<(&'static str, String)> {
    let own = token(data, "icbc", "bank");
    let device = format!("devices add {LOGGER} --hj212 --logger {LOGGER} --password-stdin");
    assert_eq!(told(data, &device, PW).0, Some(0));
    let changed = "a further password";
    assert_eq!(told(data, "users passwd Wu", changed).0, Some(0));
    let mut add = skytier(&words(
        data,
        &format!("webhooks add http://127.0.0.1:9/hook?key={KEY} --name bank"),
    ));
    add.env("SKYTIER__WEBHOOKS__ALLOW_PRIVATE", "true");
    let said = add.output().expect("it runs");
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).expect("a line");
    let secret = said["secret"].as_str().expect("a secret").to_owned();
    vec![
        ("token", own),
        ("changed password", changed.to_owned()),
        ("logger's password", PW.to_owned()),
        ("wrong logger's password", WRONG_PW.to_owned()),
        ("webhook's secret", secret),
        ("webhook's address", KEY.to_owned()),
    ]
}

/// Connects with a password that is the device's, and with one that is not.
fn as_a_device(daemon: &Daemon, password: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], daemon.mqtt));
        let answer = async |shown: &str| {
            let mut raw = Raw::open(address).await;
            raw.send(&login(V5, "gate", ("gate", shown), None)).await;
            raw.packet().await.map(|(_, body)| body[1])
        };
        // The endpoint hears of its first device within a second.
        while answer(WRONG_DEVICE).await != Some(0x86) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(answer(password).await, Some(0));
    });
}

/// Sends frames of HJ 212 with a password that is the logger's, of which one cannot be read, and one that is not.
fn as_a_logger(daemon: &Daemon) {
    let sent = |pw: &str, at: &str| {
        let stream = std::net::TcpStream::connect(("127.0.0.1", daemon.hj212));
        let mut stream = stream.expect("it listens");
        let head = format!("QN=20200727130001000;ST=31;CN=2061;PW={pw};MN={LOGGER};Flag=5");
        let frame = framed(&format!("{head};CP=&&DataTime={at};a34004-Avg=35&&"));
        stream.write_all(frame.as_bytes()).expect("taken");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        let read = stream.read(&mut [0; 256]);
        read.is_ok_and(|count| count > 0)
    };
    wait_for("a logger that is known", PATIENCE, || {
        sent(PW, "20200727120000").then_some(())
    });
    assert!(sent(PW, "yesterday"), "kept as a dead letter");
    assert!(!sent(WRONG_PW, "20200727120000"));
}

/// All that is told to somebody who may read everything.
fn told_of_it(daemon: &Daemon, data: &Path) -> Vec<(&'static str, String)> {
    let auditor = token(data, "auditor", "auditor");
    let asked = |path: &str| {
        let got = wait_for("the auditor is known", PATIENCE, || {
            let got = ask(&daemon.http, "GET", path, Some(&auditor), "");
            (got.status != 401).then_some(got)
        });
        got.text
    };
    let mut said = vec![
        ("metrics", asked("/metrics")),
        ("readyz", asked("/readyz")),
        ("/v1/audit", asked("/v1/audit?limit=1000")),
    ];
    for page in ["/tokens", "/users", "/devices", "/audit", "/data"] {
        said.push(("a page", asked(page)));
    }
    let letters: Vec<String> = (1..=2)
        .map(|id| asked(&format!("/v1/dead-letters/{id}")))
        .collect();
    assert!(
        letters.iter().any(|letter| letter.contains("PW=***")),
        "{letters:?}"
    );
    said.push(("a dead letter", letters.concat()));
    for line in [
        "audit --format json",
        "tokens list",
        "users list",
        "devices list",
        "webhooks list",
        "dead-letters list",
        "doctor",
    ] {
        let told = skytier(&words(data, line)).output().expect("it runs");
        let told = [told.stdout, told.stderr].concat();
        said.push(("a command", String::from_utf8_lossy(&told).into_owned()));
    }
    said
}

#[test]
fn no_secret_of_any_kind_is_told_anywhere() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let mut command = serve(
        &data,
        &[
            ("SKYTIER__ACCESS__REQUIRED", "true"),
            ("SKYTIER__WEBHOOKS__ALLOW_PRIVATE", "true"),
            ("SKYTIER__HJ212__LISTEN", "127.0.0.1:0"),
        ],
    );
    command.envs([("SKYTIER_LOG", "trace"), ("SKYTIER_LOG_FORMAT", "json")]);
    let daemon = Daemon::start_by(command, &data);
    let mut secrets = through_forms(&daemon);
    as_a_device(&daemon, &secrets.last().expect("the device's").1);
    secrets.push(("wrong device's password", WRONG_DEVICE.to_owned()));
    secrets.extend(by_commands(&data));
    as_a_logger(&daemon);
    let own = secrets.iter().find(|(kind, _)| *kind == "token");
    let own = own.expect("made").1.clone();
    let altered = format!("{}Z", &own[..own.len() - 1]);
    wait_for("the token stands", PATIENCE, || {
        let got = ask(&daemon.http, "GET", "/v1/whoami", Some(&own), "");
        (got.status == 200).then_some(())
    });
    let refused = ask(&daemon.http, "GET", "/v1/whoami", Some(&altered), "");
    assert_eq!(refused.status, 401);
    let in_query = format!("/v1/stations?token={own}");
    let odd = ask(&daemon.http, "GET", &in_query, Some(&own), "");
    assert_eq!(odd.status, 400);
    // The subscriber cannot be reached, which makes words.
    let bureau = token(&data, "li", "bureau");
    let records = format!("/v1/enterprises/{UNIT}/records");
    let body = r#"{"id": "s1", "code": "D03", "doc_date": "2026-05-06"}"#;
    wait_for("an entry", PATIENCE, || {
        let got = ask(&daemon.http, "POST", &records, Some(&bureau), body);
        (got.status == 200).then_some(())
    });
    wait_for("a delivery that failed", PATIENCE, || {
        let listed = run(&words(&data, "webhooks list"));
        (listed.contains("not reached")).then_some(())
    });
    let mut said = told_of_it(&daemon, &data);
    said.push(("a problem", odd.text + &refused.text));
    let log = daemon.log();
    for level in ["TRACE", "DEBUG", "INFO", "WARN"] {
        assert!(
            log.contains(&format!("\"level\":\"{level}\"")),
            "{level}: {log}"
        );
    }
    said.push(("the log", log));
    daemon.stop("TERM");
    for (kind, secret) in &secrets {
        for (place, told) in &said {
            assert!(!told.contains(secret.as_str()), "{kind} in {place}: {told}");
        }
    }
}

/// A password where none belongs: what is wrong is told, and it is not.
#[test]
fn a_password_in_an_address_is_not_in_the_complaint_about_it() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let secret = "p4ssw0rd-in-an-address";
    let with = |scheme: &str, rest: &str| format!("{scheme}://user:{secret}@{rest}");
    for (key, value) in [
        (
            "SKYTIER__MQTT__BROKERS__0__URL",
            with("mqtt", "broker.example"),
        ),
        (
            "SKYTIER__MQTT__BROKERS__0__URL",
            with("amqp", "broker.example"),
        ),
        ("SKYTIER__MIRROR__URL", with("http", "influx.example/path")),
        (
            "SKYTIER__STORE__INFLUXDB2__URL",
            with("http", "influx.example:99999"),
        ),
        (
            "SKYTIER__RECEIPTS__TIMESTAMP__URL",
            with("ftp", "stamps.example"),
        ),
        (
            "SKYTIER__RECEIPTS__TIMESTAMP__URL",
            with("https", "stamps.example:99999"),
        ),
    ] {
        let more = [("SKYTIER__STORE__KIND", "influxdb2"), (key, value.as_str())];
        let (code, complaint) = failed(&serve(&data, &more).output().expect("it runs"));
        assert_eq!(code, 2, "{key}: {complaint}");
        assert!(!complaint.contains(secret), "{key}: {complaint}");
    }
    for url in [
        with("https", "bank.example"),
        with("https", "bank.example:99999"),
    ] {
        let line = format!("webhooks add {url} --name x");
        let (code, complaint) = crate::support::fails(&words(&data, &line));
        assert_eq!(code, 2, "{complaint}");
        assert!(!complaint.contains(secret), "{complaint}");
    }
}
