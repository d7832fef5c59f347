//! Devices as an operator meets them: added beside a running daemon, asked by it, shown, disabled, removed.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use std::io::Write as _;

use skytier::adapters::access::Access;
use skytier::domain::access::Act;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::fails;
use crate::support::mosquitto::PUBLISHER;
use crate::support::papers::Papers;
use crate::support::require;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::wait_for;

const TIME: &str = "2020-07-27T13:00:00+08:00";

/// Runs `skytier devices` and gives what it printed.
fn devices(data: &Path, args: &[&str]) -> String {
    let mut all = vec!["devices"];
    all.extend(args);
    all.extend(["--data", text(data)]);
    run(&all).trim_end().to_owned()
}

/// Publishes as mosquitto_pub does; whether it was acknowledged.
fn publish(station: &str, login: &[&str]) -> bool {
    require(PUBLISHER);
    let ended = Command::new(PUBLISHER)
        .args(["-V", "mqttv5", "-h", "localhost", "-q", "1"])
        .args(["-t", &readings_topic(station), "-m", &hourly(TIME, "40.5")])
        .args(login)
        .output()
        .expect("mosquitto_pub runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    // A refused message is no failure to mosquitto_pub; it says so all the same.
    let refused = said.contains("Not authorized") || said.contains("not authori");
    ended.status.success() && !refused
}

#[test]
fn devices_are_asked_from_the_first_one_on() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let port = daemon.mqtt.to_string();
    let plain = ["-p", port.as_str()];
    assert!(publish("1999A", &plain), "open before the first device");
    let password = devices(&data, &["add", "one", "--station", "1999A"]);
    assert_eq!(password.len(), 26, "{password}");
    wait_for("that whoever shows nothing is refused", PATIENCE, || {
        (!publish("1999A", &plain)).then_some(())
    });
    let with = |user: &'static str, password: &str| {
        let login = ["-p", &port, "-u", user, "-P", password].map(str::to_owned);
        login.to_vec()
    };
    let check = |station: &str, login: &[String], expected: bool| {
        let login: Vec<&str> = login.iter().map(String::as_str).collect();
        assert_eq!(publish(station, &login), expected, "{station} {login:?}");
    };
    check("1999A", &with("one", &password), true);
    check("2000A", &with("one", &password), false);
    check("1999A", &with("one", "not the password"), false);
    check("1999A", &with("two", &password), false);
    let refused = daemon.metric("skytier_mqtt_not_permitted_total{source=\"embedded\"}");
    assert!(refused > 0);
    let listed = devices(&data, &["list", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("a line");
    assert_eq!(
        (&listed["id"], &listed["sources"][0], &listed["state"]),
        (&"one".into(), &"stations/1999A".into(), &"enabled".into())
    );
    let table = devices(&data, &["list"]);
    assert!(
        table.contains("stations/1999A") && !table.contains(&password),
        "{table}"
    );
    // Who was refused is in the audit log, once a minute for each, and what was done before.
    let log = daemon.log();
    assert!(!log.contains(&password), "{log}");
    daemon.stop("TERM");
    let access = Access::existing(&data).expect("readable").expect("there");
    let acts = access.acts(0).expect("readable");
    let found = |what: &str, who: Option<&str>, about: &str| {
        let mut own = acts.iter().filter(|(_, act)| act.what == what);
        own.any(|(_, act)| act.who.as_deref() == who && act.about == about)
    };
    assert!(found("device.add", None, "one"), "{acts:?}");
    assert!(
        found("mqtt.publish", Some("one"), &readings_topic("2000A")),
        "{acts:?}"
    );
    let login = |act: &Act| act.what == "mqtt.login" && act.who.is_none();
    assert!(acts.iter().any(|(_, act)| login(act)), "{acts:?}");
    let (rows, fault) = access.verify().expect("readable");
    assert!(
        (3..10).contains(&rows) && fault.is_none(),
        "{rows} {fault:?}"
    );
}

#[test]
fn a_device_whose_password_changes_or_that_is_put_out_is_let_in_no_more() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let port = daemon.mqtt.to_string();
    let password = devices(&data, &["add", "one", "--station", "1999A"]);
    let lets_in = |password: &str| publish("1999A", &["-p", &port, "-u", "one", "-P", password]);
    let soon = |what: &str, password: &str, expected: bool| {
        wait_for(what, PATIENCE, || {
            (lets_in(password) == expected).then_some(())
        });
    };
    // Until the daemon has seen the first device, nothing is asked for.
    soon("that passwords are asked for", "no password", false);
    soon("the first password", &password, true);
    // Another password, from standard input; the old one is worth nothing within a second.
    let mut passwd = skytier(&[
        "devices",
        "passwd",
        "one",
        "--password-stdin",
        "--data",
        text(&data),
    ]);
    let mut child = passwd.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"rain in Jiangyin\n").expect("taken");
    drop(input);
    assert!(child.wait().expect("it ends").success());
    soon("that the old password is over", &password, false);
    soon("the new password", "rain in Jiangyin", true);
    assert_eq!(devices(&data, &["disable", "one"]), "one is disabled");
    soon("that it is disabled", "rain in Jiangyin", false);
    assert_eq!(devices(&data, &["enable", "one"]), "one is enabled");
    soon("that it is enabled", "rain in Jiangyin", true);
    assert_eq!(devices(&data, &["remove", "one"]), "one is removed");
    soon("that it is removed", "rain in Jiangyin", false);
    // It stays closed when the last one is gone.
    assert!(!publish("1999A", &["-p", &port]));
    let log = daemon.log();
    assert!(!log.contains("rain in Jiangyin"), "{log}");
    daemon.stop("TERM");
}

#[test]
fn a_certificate_stands_for_its_device() {
    let papers = Papers::new();
    papers.sign("other", "stranger", 30);
    let (_folder, data) = seeded(&["jiangyin"]);
    devices(
        &data,
        &[
            "add",
            "gateway",
            "--station",
            "1999A",
            "--station",
            "2000A",
            "--cert-name",
            "client",
        ],
    );
    let file = |name: &str| text(&papers.path(name)).to_owned();
    let (cert, key, ca) = (file("server.crt"), file("server.key"), file("ca.pem"));
    let daemon = Daemon::start(
        &data,
        &[
            ("SKYTIER__MQTT__EMBEDDED__TLS__LISTEN", "127.0.0.1:0"),
            ("SKYTIER__MQTT__EMBEDDED__TLS__CERT", &cert),
            ("SKYTIER__MQTT__EMBEDDED__TLS__KEY", &key),
            ("SKYTIER__MQTT__EMBEDDED__TLS__CLIENT_CA", &ca),
        ],
    );
    let port = daemon.mqtts.to_string();
    for (name, station, expected) in [
        (Some("client"), "1999A", true),
        (Some("client"), "2000A", true),
        (Some("client"), "2001A", false),
        // Vouched for, and no device's.
        (Some("server"), "1999A", false),
        (Some("stranger"), "1999A", false),
        (None, "1999A", false),
    ] {
        let mut login = vec![
            "-p".to_owned(),
            port.clone(),
            "--cafile".to_owned(),
            ca.clone(),
        ];
        if let Some(name) = name {
            let own = [
                "--cert".to_owned(),
                file(&format!("{name}.crt")),
                "--key".to_owned(),
            ];
            login.extend(own);
            login.push(file(&format!("{name}.key")));
        }
        let login: Vec<&str> = login.iter().map(String::as_str).collect();
        assert_eq!(publish(station, &login), expected, "{name:?} {station}");
    }
    let list = devices(&data, &["list"]);
    assert!(list.contains("certificate client"), "{list}");
    daemon.stop("TERM");
}

#[test]
fn what_is_no_device_is_refused_plainly() {
    let (_folder, data) = seeded(&["jiangyin"]);
    devices(
        &data,
        &[
            "add",
            "one",
            "--station",
            "1999A",
            "--cert-name",
            "one.example",
        ],
    );
    let check = |args: &[&str], code: i32, expected: &str| {
        let mut all = vec!["devices"];
        all.extend(args);
        all.extend(["--data", text(&data)]);
        let (ended, said) = fails(&all);
        assert!(said.contains(expected), "{args:?}: {said}");
        assert_eq!(ended, code, "{args:?}: {said}");
    };
    check(&["add", "two"], 2, "--station");
    check(&["disable", "one", "--by", " "], 2, "--by");
    check(&["add", "one", "--station", "1999A"], 2, "is there already");
    check(&["add", "a/b", "--station", "1999A"], 2, "letters, digits");
    check(&["add", "two", "--station", "a/+/b"], 2, "letters, digits");
    check(
        &[
            "add",
            "two",
            "--station",
            "1999A",
            "--cert-name",
            "one.example",
        ],
        2,
        "device one has that name",
    );
    check(
        &["add", "two", "--station", "1999A", "--password-stdin"],
        2,
        "12 characters at least",
    );
    check(
        &["passwd", "two"],
        2,
        "no device two; `skytier devices list` shows them",
    );
    check(&["disable", "two"], 2, "no device two");
    check(&["remove", "two"], 2, "no device two");
}
