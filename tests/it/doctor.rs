//! `skytier doctor` on what is well and on everything it is to notice, with what it says to do.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Daemon;
use crate::support::influxdb2::Stub;
use crate::support::mosquitto::Mosquitto;
use crate::support::papers::Papers;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;

/// The command on free ports.
fn doctor(data: &Path, overrides: &[(&str, &str)]) -> Command {
    let mut command = skytier(&["doctor", "--format", "json", "--data", text(data)]);
    command.envs([
        ("SKYTIER__HTTP__LISTEN", "127.0.0.1:0"),
        ("SKYTIER__MQTT__EMBEDDED__LISTEN", "127.0.0.1:0"),
    ]);
    command.envs(overrides.iter().copied());
    command
}

/// Exit code and findings.
fn findings(mut command: Command) -> (i32, Vec<Value>) {
    let ended = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let told = String::from_utf8_lossy(&ended.stderr);
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{told}"));
    let code = ended.status.code().unwrap_or(-1);
    assert_eq!(answer["well"].as_bool(), Some(code == 0), "{said}");
    (code, answer["findings"].as_array().expect("a list").clone())
}

/// Asserts that one finding of a part has a verdict and says something, with a remedy unless it is fine; and that
/// nothing else is wrong.
fn check(command: Command, part: &str, verdict: &str, expected: &str) {
    let (code, findings) = findings(command);
    let has = |one: &&Value| {
        let said = one["finding"].as_str().expect("words");
        one["part"] == part && one["verdict"] == verdict && said.contains(expected)
    };
    let found = findings.iter().find(has);
    let found = found.unwrap_or_else(|| panic!("{part} {verdict} {expected:?}: {findings:#?}"));
    assert_eq!(found["remedy"].is_null(), verdict == "fine", "{found}");
    assert_eq!(code, i32::from(verdict == "wrong"), "{findings:#?}");
    let wrong: Vec<_> = findings
        .iter()
        .filter(|one| one["verdict"] == "wrong" && one["part"] != part)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_well_is_fine_with_and_without_a_daemon() {
    let (_folder, data) = seeded(&["beijing"]);
    check(doctor(&data, &[]), "settings", "fine", "sound");
    check(doctor(&data, &[]), "data", "fine", "skytier.db: format 2");
    check(doctor(&data, &[]), "clock", "fine", "20");
    check(doctor(&data, &[]), "store", "fine", "in the data directory");
    let daemon = Daemon::start(&data, &[]);
    let http = daemon.http.trim_start_matches("http://").to_owned();
    let mqtt = format!("127.0.0.1:{}", daemon.mqtt);
    let beside = [
        ("SKYTIER__HTTP__LISTEN", http.as_str()),
        ("SKYTIER__MQTT__EMBEDDED__LISTEN", &mqtt),
    ];
    check(
        doctor(&data, &beside),
        "ports",
        "fine",
        "a daemon answers, and is ready",
    );
    check(
        doctor(&data, &beside),
        "ports",
        "fine",
        "taken, while a daemon runs",
    );
    check(
        doctor(&data, &beside),
        "data",
        "fine",
        "a skytier is writing it",
    );
    check(
        doctor(&data, &[]),
        "ports",
        "odd",
        "though a skytier is running",
    );
    let table = skytier(&["doctor", "--data", text(&data)])
        .envs(beside)
        .output()
        .expect("it runs");
    let table = String::from_utf8(table.stdout).expect("UTF-8");
    assert!(
        table.contains("正常 fine   时钟 clock: 20") && !table.contains("有误"),
        "{table}"
    );
    daemon.stop("TERM");
}

#[test]
fn faulty_settings_are_told_with_their_keys() {
    let (folder, data) = seeded(&["beijing"]);
    let file = folder.path().join("skytier.toml");
    std::fs::write(
        &file,
        "zone = \"Asia/Shanghai\"\n[http]\nlisten = \"nowhere\"\n",
    )
    .expect("written");
    let mut command = doctor(&data, &[]);
    command.env_remove("SKYTIER__HTTP__LISTEN");
    command.args(["--config", text(&file)]);
    let (code, findings) = findings(command);
    let mut wrong: Vec<&str> = findings
        .iter()
        .filter(|one| one["verdict"] == "wrong")
        .map(|one| one["finding"].as_str().expect("words"))
        .collect();
    wrong.sort_unstable();
    assert_eq!((code, wrong.len()), (1, 2), "{findings:#?}");
    assert!(wrong[0].contains("skytier.toml:1: zone:"), "{wrong:?}");
    assert!(
        wrong[1].contains("skytier.toml:3: http.listen:"),
        "{wrong:?}"
    );
    // The directory can be looked at all the same.
    assert!(
        findings
            .iter()
            .any(|one| one["part"] == "data" && one["verdict"] == "fine")
    );
}

#[test]
fn a_directory_that_is_not_as_it_should_be_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    check(
        doctor(&folder.path().join("none"), &[]),
        "data",
        "odd",
        "not there yet",
    );
    check(doctor(folder.path(), &[]), "data", "odd", "empty");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("written");
    check(doctor(&file, &[]), "data", "wrong", "not a directory");

    let (_folder, data) = seeded(&["beijing"]);
    let database = data.join("skytier.db");
    let zone = [("SKYTIER__ZONE", "+09:00")];
    drop(Daemon::start(&data, &[]));
    check(doctor(&data, &[]), "clock", "fine", "zone +08:00");
    let shell = rusqlite::Connection::open(&database).expect("a database");
    check(
        doctor(&data, &zone),
        "clock",
        "odd",
        "last served in +08:00",
    );
    shell
        .pragma_update(None, "user_version", 99)
        .expect("changed");
    check(
        doctor(&data, &[]),
        "data",
        "wrong",
        "format 99, and this skytier knows 2",
    );
    shell
        .pragma_update(None, "user_version", 2)
        .expect("changed");
    let shift = |seconds: i64| {
        let update = "UPDATE spell SET upto_at = upto_at + ?1";
        shell.execute(update, [seconds]).expect("changed");
    };
    shift(3_600);
    check(
        doctor(&data, &[]),
        "clock",
        "wrong",
        "it went back, or was ahead",
    );
    shift(-3_600);
    shell
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("moved");
    drop(shell);
    let open = std::fs::File::options()
        .write(true)
        .open(&database)
        .expect("a file");
    // A page in the middle is overwritten.
    let pages = open.metadata().expect("a size").len() / 16_384;
    std::os::unix::fs::FileExt::write_all_at(&open, &[0xa5; 16_384], pages / 2 * 16_384)
        .expect("written");
    check(doctor(&data, &[]), "data", "wrong", "skytier.db: ");
}

#[test]
fn a_port_that_somebody_else_has_is_told() {
    let (_folder, data) = seeded(&["beijing"]);
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    // It answers something else.
    let answering = std::thread::spawn(move || {
        let (mut one, _) = other.accept().expect("a visitor");
        std::io::Write::write_all(&mut one, b"HTTP/1.0 200 OK\r\n\r\nhello\n").expect("sent");
        let (two, _) = other.accept().expect("another visitor");
        drop((one, two));
    });
    let http = [("SKYTIER__HTTP__LISTEN", address.as_str())];
    check(
        doctor(&data, &http),
        "ports",
        "wrong",
        "taken by another program",
    );
    drop(std::net::TcpStream::connect(&address));
    answering.join().expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_are_asked_as_the_daemon_asks_them() {
    let (_folder, data) = seeded(&["beijing"]);
    let broker = Mosquitto::start().await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let configured = [("SKYTIER__MQTT__BROKERS__0__URL", url.as_str())];
    // The daemon's session stays its own: it is not thrown out.
    let daemon = Daemon::start(&data, &configured);
    let connected = format!("skytier_mqtt_connections_open{{source=\"{url}\"}}");
    crate::support::wait_for("a connection", crate::support::PATIENCE, || {
        (daemon.metric(&connected) == 1).then_some(())
    });
    let before = daemon.log();
    check(doctor(&data, &configured), "brokers", "fine", "lets us in");
    assert_eq!(daemon.metric(&connected), 1);
    assert_eq!(daemon.log(), before, "nothing happened to it");
    drop(daemon);
    drop(broker);
    check(
        doctor(&data, &configured),
        "brokers",
        "wrong",
        "nobody listens there",
    );
}

#[test]
fn servers_are_asked_before_anything_relies_on_them() {
    let stub = Stub::start();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let on = |mut command: Command| {
        command.envs(stub.environment());
        command
    };
    check(on(doctor(&data, &[])), "store", "fine", "can be relied on");
    stub.pretend("v2.7.12", -3_600);
    check(on(doctor(&data, &[])), "store", "odd", " s behind ours");
    let wrong = [("SKYTIER__STORE__INFLUXDB2__TOKEN", "s3cret-and-wrong")];
    let mut command = on(doctor(&data, &[]));
    command.envs(wrong);
    let said = format!("{:?}", command.output().expect("it runs"));
    assert!(!said.contains(wrong[0].1), "a secret: {said}");
    check(command, "store", "wrong", "mend store.influxdb2.token");
    let copy = stub.url();
    let mirror = [
        ("SKYTIER__MIRROR__URL", copy.as_str()),
        ("SKYTIER__MIRROR__ORG", crate::support::influxdb2::ORG),
        ("SKYTIER__MIRROR__BUCKET", crate::support::influxdb2::BUCKET),
        ("SKYTIER__MIRROR__TOKEN", crate::support::influxdb2::TOKEN),
    ];
    check(doctor(&data, &mirror), "mirror", "fine", "answers");
    stub.kill();
    check(doctor(&data, &mirror), "mirror", "wrong", "no connection");
    check(
        on(doctor(&data, &[])),
        "store",
        "wrong",
        "start the InfluxDB",
    );
    let memory = [("SKYTIER__STORE__KIND", "memory")];
    check(doctor(&data, &memory), "store", "odd", "everything is gone");
}

#[test]
fn certificates_are_told_of_before_they_end() {
    let (folder, data) = seeded(&["beijing"]);
    let papers = Papers::new();
    let check = |cert: &str, key: &str, verdict: &str, expected: &str| {
        let (cert, key) = (papers.path(cert), papers.path(key));
        let mut command = doctor(&data, &[]);
        command.env("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0");
        command.env("SKYTIER__HTTP__TLS__CERT", &cert);
        command.env("SKYTIER__HTTP__TLS__KEY", &key);
        self::check(command, "certificates", verdict, expected);
    };
    check("server.crt", "server.key", "fine", "http.tls.cert");
    papers.sign("ca", "soon", 10);
    check("soon.crt", "soon.key", "odd", "until 20");
    papers.sign("ca", "gone", -1);
    check("gone.crt", "gone.key", "wrong", "which is over");
    check("server.crt", "gone.key", "wrong", "http.tls");
    check("none.crt", "server.key", "wrong", "none.crt");
    // Those by which others are known.
    let file = folder.path().join("no.pem");
    std::fs::write(&file, "no certificate").expect("written");
    let broker = "mqtts://127.0.0.1:1";
    let overrides = [
        ("SKYTIER__MQTT__BROKERS__0__URL", broker),
        ("SKYTIER__MQTT__BROKERS__0__CA_FILE", text(&file)),
    ];
    let (code, findings) = findings(doctor(&data, &overrides));
    let told = findings.iter().find(|one| one["part"] == "certificates");
    let told = told.expect("a finding")["finding"].to_string();
    assert!(
        code == 1 && told.contains("mqtt.brokers.0.ca_file"),
        "{told}"
    );
}
