//! Settings, data directories, ports and command lines that cannot work: told in a line each, with what would be
//! right, and an exit code; nothing is started.

use std::net::TcpListener;
use std::path::Path;

use rusqlite::Connection;

use crate::support::Daemon;
use crate::support::beijing;
use crate::support::failed;
use crate::support::fails;
use crate::support::seeded;
use crate::support::serve;
use crate::support::text;

#[test]
fn every_fault_of_the_settings_is_told_and_nothing_is_started() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("s.toml"));
    let lines = "\
surprise = 1
zone = \"Asia/Shanghai\"
[http]
listen = \"nowhere\"
[mqtt]
payload_bytes_max = -1
[mqtt.embedded]
enabled = \"perhaps\"
receive_maximum = 0
[[mqtt.brokers]]
client_id = \"a\"
";
    std::fs::write(&file, lines).expect("room on the disk");
    let mut command = serve(&data, &[("SKYTIER__STORE__KIND", "tape")]);
    command.env_remove("SKYTIER__HTTP__LISTEN");
    command.args(["--config", text(&file)]);
    let (code, said) = failed(&command.output().expect("it starts"));
    assert_eq!(code, 2, "{said}");
    for part in [
        "s.toml:1: surprise: unknown key",
        "s.toml:2: zone:",
        "s.toml:4: http.listen:",
        "s.toml:6: mqtt.payload_bytes_max:",
        "s.toml:8: mqtt.embedded.enabled:",
        "s.toml:9: mqtt.embedded.receive_maximum:",
        "mqtt.brokers.0.url: missing",
        "environment SKYTIER__STORE__KIND: store.kind:",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.lines().count(), 8, "{said}");
    assert!(!data.exists(), "nothing was started");
}

fn refused(data: &Path, parts: &[&str]) {
    let (code, said) = failed(&serve(data, &[]).output().expect("it starts"));
    assert_eq!(code, 3, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_data_directory_that_is_newer_not_ours_or_in_use_is_left_alone() {
    let (_folder, data) = seeded(&["beijing"]);
    let file = data.join("skytier.db");
    let daemon = Daemon::start(&data, &[]);
    refused(&data, &[text(&data), "another skytier process", "stop it"]);
    assert_eq!(daemon.fetch("/healthz").status, 200);
    daemon.stop("INT");
    let connection = Connection::open(&file).expect("a database");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("written");
    drop(connection);
    refused(
        &data,
        &[text(&file), "format 99 is newer", "use a newer skytier"],
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let other = folder.path().join("skytier.db");
    let connection = Connection::open(&other).expect("a database");
    connection
        .execute_batch("CREATE TABLE other (a)")
        .expect("written");
    drop(connection);
    let before = std::fs::read(&other).expect("a file");
    refused(folder.path(), &[text(&other), "not a skytier database"]);
    assert_eq!(std::fs::read(&other).expect("a file"), before);
    std::fs::write(&other, "a letter to a friend").expect("room on the disk");
    refused(folder.path(), &[text(&other), "not a database"]);
}

#[test]
fn a_taken_port_is_one_line() {
    let (_folder, data) = seeded(&["beijing"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound address").to_string();
    for key in ["http.listen", "mqtt.embedded.listen"] {
        let name = format!("SKYTIER__{}", key.to_uppercase().replace('.', "__"));
        let ended = serve(&data, &[(&name, &address)]).output();
        let (code, said) = failed(&ended.expect("it starts"));
        assert_eq!((code, said.lines().count()), (3, 1), "{said}");
        assert!(said.contains(&format!("{key} = {address}")), "{said}");
        assert!(said.contains("in use"), "{said}");
    }
}

#[test]
fn usage_and_files_that_cannot_be_read_are_told_with_their_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dongsi = beijing("Dongsi");
    let file = |name: &str, lines: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines).expect("room on the disk");
        path
    };
    let header = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";
    let row = "s,2020-01-01T01:00:00+08:00,3600,1,1,1,1,1,1\n";
    let missing = file("missing.csv", "station,time,interval_s,pm25\n");
    let garbled = file(
        "garbled.csv",
        &format!("{header}{row}{row}s,2020-01-01,x\n"),
    );
    let number = file(
        "number.csv",
        &format!("{header}{row}{}", row.replace(",1\n", ",1O\n")),
    );
    let assess = |input: &Path, layout: &str| {
        let mut args = vec!["assess", "--input", text(input), "--layout", layout];
        args.extend(["--from", "2020-01-01", "--to", "2020-01-02"]);
        fails(&args)
    };
    let replay = [
        "replay",
        "--layout",
        "beijing-uci",
        "--to",
        "here",
        "--input",
        "x",
    ];
    for ((code, said), part) in [
        (assess(&dongsi, "canonical"), "csv.gz:1: column"),
        (
            assess(&missing, "canonical"),
            "missing.csv:1: no column \"pm10\"",
        ),
        (
            assess(&garbled, "canonical"),
            "garbled.csv:4: 3 fields; give 9",
        ),
        (assess(&number, "canonical"), "number.csv:3: o3 \"1O\""),
        (
            assess(&folder.path().join("none.csv"), "canonical"),
            "none.csv",
        ),
        (assess(&dongsi, "papyrus"), "papyrus"),
        (fails(&["frobnicate"]), "frobnicate"),
        (fails(&["assess", "--from", "2020-01-01"]), "--"),
        (
            fails(&["seed", "mars", "--data", text(folder.path())]),
            "mars",
        ),
        (fails(&replay), "here"),
    ] {
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_data_directory_that_is_not_there_is_not_made_by_looking() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nowhere = folder.path().join("nowhere");
    for command in ["verify", "export"] {
        let mut args = vec![command, "--data", text(&nowhere)];
        if command == "export" {
            args.extend(["--what", "readings", "--out", "-"]);
        }
        let (code, said) = fails(&args);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("run `skytier seed`"), "{said}");
        assert!(!nowhere.exists());
    }
}
