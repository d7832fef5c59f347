//! Mapping files as a user meets them: messages of other makers over MQTT, with and without devices, and tables.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::mqtt::raw;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::export;
use crate::support::fails;
use crate::support::mosquitto::PUBLISHER;
use crate::support::require;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/devices");

fn register(folder: &Path, data: &Path, ids: &[&str]) {
    let head = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n";
    let rows = ids
        .iter()
        .map(|id| format!("{id},甲,A,micro,120.5,31.25,false,feed\n"));
    let file = folder.join("stations.csv");
    std::fs::write(&file, format!("{head}{}", rows.collect::<String>())).expect("room on the disk");
    run(&["register", "--data", text(data), text(&file)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_other_makers_take_the_same_way() {
    let (folder, data) = seeded(&["jiangyin"]);
    register(folder.path(), &data, &["terrace", "ecda3b1eaaaf"]);
    let maps = ("SKYTIER__MQTT__DEVICES_DIR", SHIPPED);
    let daemon = Daemon::start(&data, &[maps]);
    let mut station = Station::connect(&daemon, "gateway").await;
    let terrace = r#"{"Time":"2026-03-12T09:15:00","SDS0X1":{"PM2.5":5.8,"PM10":"x"}}"#;
    station.send("tele/terrace/SENSOR", terrace).await;
    station.send("tele/stranger/SENSOR", terrace).await;
    station.send("tele/terrace/SENSOR", "Online").await;
    station
        .send("airgradient/readings/ecda3b1eaaaf", r#"{"pm02":7}"#)
        .await;
    // A topic that no file has is refused as before.
    let (first, body) = station
        .offer("tele/terrace/STATE", "{}")
        .await
        .expect("an answer");
    assert_eq!((first, body.get(2)), (raw::PUBACK, Some(&0x90)));
    let exported = daemon.export();
    assert!(
        exported.contains("terrace,pm25,rtd,2026-03-12T09:15:00+08:00,0,5.8,N,raw"),
        "{exported}"
    );
    assert!(exported.contains("ecda3b1eaaaf,pm25,rtd,"), "{exported}");
    let listed = run(&["dead-letters", "list", "--data", text(&data)]);
    for reason in [
        "left out: /SDS0X1/PM10",
        "station \"stranger\" is not registered",
        "JSON: expected value",
    ] {
        assert!(listed.contains(reason), "{reason}\n{listed}");
    }
    a_device_has_its_own(&daemon, &data, terrace);
    daemon.stop("TERM");
    verify(&data);
}

/// With devices, one publishes on the mapped topic of its own station alone.
fn a_device_has_its_own(daemon: &Daemon, data: &Path, payload: &str) {
    require(PUBLISHER);
    let password = run(&[
        "devices",
        "add",
        "t1",
        "--data",
        text(data),
        "--station",
        "terrace",
    ]);
    let publish = |topic: &str| {
        let port = daemon.mqtt.to_string();
        let ended = Command::new(PUBLISHER)
            .args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port, "-q", "1"])
            .args([
                "-u",
                "t1",
                "-P",
                password.trim_end(),
                "-t",
                topic,
                "-m",
                payload,
            ])
            .output()
            .expect("mosquitto_pub runs");
        let said = String::from_utf8_lossy(&ended.stderr).to_lowercase();
        ended.status.success() && !said.contains("not authori")
    };
    wait_for(
        "the topic of another station to be closed",
        PATIENCE,
        || (!publish("airgradient/readings/ecda3b1eaaaf")).then_some(()),
    );
    assert!(publish("tele/terrace/SENSOR"), "its own");
}

const HEAD: &str = "站点,时间,PM2.5(μg/m3),PM2.5标记,CO(μg/m3),其他";

/// A table to import into a data directory that knows Dongsi.
struct Importing {
    folder: tempfile::TempDir,
    data: PathBuf,
}

impl Importing {
    fn new() -> Self {
        let (folder, data) = seeded(&["jiangyin"]);
        register(folder.path(), &data, &["Dongsi"]);
        Self { folder, data }
    }

    /// The arguments that import a table of these rows by the shipped file.
    fn args(&self, table: &str, map: &str, more: &[&str]) -> Vec<String> {
        let file = self.folder.path().join("hours.csv");
        std::fs::write(&file, table).expect("room on the disk");
        let given = [
            "import",
            "--input",
            text(&file),
            "--map",
            map,
            "--data",
            text(&self.data),
        ];
        given
            .iter()
            .chain(more)
            .map(|one| (*one).to_owned())
            .collect()
    }

    fn run(&self, rows: &str) -> String {
        let map = format!("{SHIPPED}/hourly-table.toml");
        let args = self.args(&format!("{HEAD}\n{rows}"), &map, &[]);
        run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn check_fault(&self, table: &str, map: &str, more: &[&str], expected: &str) {
        let args = self.args(table, map, more);
        let (code, said) = fails(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(
            code == 2 && said.contains(expected),
            "{table}: {code} {said}"
        );
    }
}

#[test]
fn a_table_is_imported_by_a_mapping_file() {
    let table = Importing::new();
    let rows = "东四,2020-01-01 12:00,40.7,,600,x\n东四,2020-01-01 13:00,41,M,—,\n";
    let first = "2 rows: 4 readings new, 0 known already, 0 corrected\n";
    assert_eq!(table.run(rows), first);
    let again = "2 rows: 0 readings new, 4 known already, 0 corrected\n";
    assert_eq!(table.run(rows), again);
    let exported = export(&table.data);
    for line in [
        "Dongsi,pm25,avg,2020-01-01T13:00:00+08:00,3600,40.7,N,raw",
        "Dongsi,pm25,avg,2020-01-01T14:00:00+08:00,3600,41,M,raw",
        "Dongsi,co,avg,2020-01-01T13:00:00+08:00,3600,0.6,N,raw",
        "Dongsi,co,avg,2020-01-01T14:00:00+08:00,3600,,N,raw",
    ] {
        assert!(exported.contains(line), "{line}\n{exported}");
    }
    verify(&table.data);
}

#[test]
fn a_faulty_table_or_file_is_told_by_its_line_and_nothing_is_kept() {
    let table = Importing::new();
    let before = export(&table.data);
    let map = format!("{SHIPPED}/hourly-table.toml");
    let at = "2020-01-01 12:00";
    for (rows, expected) in [
        (
            format!("东四,{at},1,,2,\n东四,2020-01-01 13:00,<3,,2,\n"),
            "hours.csv:3: PM2.5(μg/m3) \"<3\": not a decimal number",
        ),
        (
            "东四,yesterday,1,,2,\n".to_owned(),
            "hours.csv:2: time \"yesterday\" is not of its format",
        ),
        (
            format!("东四,{at},1,hello,2,\n"),
            "hours.csv:2: PM2.5(μg/m3), whose flag \"hello\" is none",
        ),
        (
            format!("西四,{at},1,,2,\n"),
            "1 stations are not registered (西四)",
        ),
        (format!("东四,{at},1\n"), "hours.csv:2: "),
    ] {
        table.check_fault(&format!("{HEAD}\n{rows}"), &map, &[], expected);
    }
    table.check_fault("站点,时间\n", &map, &[], "hours.csv:1: no column");
    let broken = table.folder.path().join("broken.toml");
    std::fs::write(&broken, "format = 1\nkind = \"outlets\"\n[time]\n").expect("room on the disk");
    table.check_fault(HEAD, text(&broken), &[], "broken.toml:");
    // A directory with a faulty file keeps the daemon, and whatever reads its settings, from starting.
    let config = table.folder.path().join("c.conf");
    let settings = format!("[mqtt]\ndevices_dir = {:?}\n", text(table.folder.path()));
    std::fs::write(&config, settings).expect("room on the disk");
    let more = ["--config", text(&config)];
    table.check_fault(HEAD, &map, &more, "mqtt.devices_dir: ");
    assert_eq!(export(&table.data), before);
}
