//! `replay` and `load` as devices, by TLS to our own listener: who is let in, and what whoever is not is told.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use crate::support::Daemon;
use crate::support::papers::Papers;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;

/// Two hours of a station.
fn readings(folder: &Path) -> String {
    let file = folder.join("readings.csv");
    let rows: String = (1..=2)
        .map(|hour| format!("1999A,2020-07-27T{hour:02}:00:00+08:00,3600,{hour}.5,60,,4,0.7,\n"))
        .collect();
    let header = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";
    std::fs::write(&file, format!("{header}{rows}")).expect("room on the disk");
    text(&file).to_owned()
}

/// A daemon that speaks TLS and knows a gateway by password and another by certificate.
struct Scene {
    folder: tempfile::TempDir,
    papers: Papers,
    daemon: Daemon,
    password: String,
}

impl Scene {
    fn new() -> Self {
        let papers = Papers::new();
        let (folder, data) = seeded(&["jiangyin"]);
        let table = folder.path().join("stations.csv");
        std::fs::write(&table, run(&["load", "--devices", "2", "--table"])).expect("room");
        run(&["register", "--data", text(&data), text(&table)]);
        let add = |more: &[&str]| {
            let stations = ["1999A", "sim-load-00001", "sim-load-00002"];
            let stations = stations.iter().flat_map(|one| ["--station", *one]);
            let all: Vec<&str> = stations.chain(more.iter().copied()).collect();
            run(&[&["devices", "add", "--data", text(&data)][..], &all].concat())
        };
        let password = add(&["gateway"]).trim_end().to_owned();
        add(&["other", "--cert-name", "client"]);
        let file = |name: &str| text(&papers.path(name)).to_owned();
        let (cert, key, ca) = (file("server.crt"), file("server.key"), file("ca.pem"));
        let settings = [
            ("SKYTIER__MQTT__EMBEDDED__TLS__LISTEN", "127.0.0.1:0"),
            ("SKYTIER__MQTT__EMBEDDED__TLS__CERT", cert.as_str()),
            ("SKYTIER__MQTT__EMBEDDED__TLS__KEY", key.as_str()),
            ("SKYTIER__MQTT__EMBEDDED__TLS__CLIENT_CA", ca.as_str()),
        ];
        let daemon = Daemon::start(&data, &settings);
        Self {
            folder,
            papers,
            daemon,
            password,
        }
    }

    fn file(&self, name: &str) -> String {
        text(&self.papers.path(name)).to_owned()
    }

    /// Runs a command against the listener, by TLS if asked, with the password of the environment if any.
    fn ask(&self, line: &[&str], tls: bool, password: Option<&str>) -> Output {
        let to = match tls {
            true => format!("mqtts://localhost:{}", self.daemon.mqtts),
            false => format!("mqtt://127.0.0.1:{}", self.daemon.mqtt),
        };
        let mut command: Command = skytier(&[line, &["--to", &to][..]].concat());
        command.env_remove("SKYTIER_PASSWORD");
        if let Some(password) = password {
            command.env("SKYTIER_PASSWORD", password);
        }
        command.output().expect("it runs")
    }

    /// What it is told, nothing when it is let in; the password is never said.
    fn check(&self, line: &[&str], (tls, password): (bool, Option<&str>), told: &str) {
        let ended = self.ask(line, tls, password);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains(&self.password), "{line:?}: {said}");
        if told.is_empty() {
            assert!(ended.status.success(), "{line:?}: {said}");
            return;
        }
        assert!(
            !ended.status.success() && said.contains(told),
            "{line:?}: {said}"
        );
    }
}

#[test]
fn a_replay_and_a_load_come_as_devices_do() {
    let scene = Scene::new();
    let input = readings(scene.folder.path());
    let secret = scene.folder.path().join("secret");
    std::fs::write(&secret, format!("{}\n", scene.password)).expect("room on the disk");
    let wrong = scene.folder.path().join("wrong");
    std::fs::write(&wrong, "guess\n").expect("room on the disk");
    let (ca, other) = (scene.file("ca.pem"), scene.file("other.pem"));
    let (cert, key) = (scene.file("client.crt"), scene.file("client.key"));
    let replay = ["replay", "--layout", "canonical", "--input", &input];
    let load = ["load", "--devices", "2", "--seconds", "1", "--rate", "4"];
    let by_file = ["--user", "gateway", "--password-file", text(&secret)];
    let by_wrong = ["--user", "gateway", "--password-file", text(&wrong)];
    let by_name = ["--user", "gateway"];
    let trusting = ["--ca", &ca];
    let by_cert = ["--ca", &ca, "--cert", &cert, "--key", &key];
    for command in [&replay[..], &load] {
        let check = |more: &[&[&str]], tls: bool, password: Option<&str>, told: &str| {
            let line = [command, &more.concat()].concat();
            scene.check(&line, (tls, password), told);
        };
        check(&[&trusting, &by_file], true, None, "");
        check(&[&trusting, &by_name], true, Some(&scene.password), "");
        check(&[&by_cert], true, None, "");
        check(&[&by_file], false, None, "");
        check(&[&trusting, &by_wrong], true, None, "refused (");
        check(&[&trusting], true, None, "refused (");
        check(&[&by_name], true, None, "give --password-file FILE");
        check(&[&by_file], true, None, "certificate verify failed");
        let stranger = ["--ca", &other];
        check(
            &[&stranger, &by_file],
            true,
            None,
            "certificate verify failed",
        );
        check(
            &[&trusting, &by_file],
            false,
            None,
            "without TLS, yet ca_file",
        );
        check(&[&["--cert", &cert]], true, None, "--key");
        let nowhere = ["--user", "gateway", "--password-file", "/nowhere/x"];
        check(&[&nowhere], true, None, "/nowhere/x: No such file");
    }
    let hours = scene.daemon.readings("1999A", "factor=pm25");
    assert_eq!(hours.len(), 2);
    assert!(
        !scene
            .daemon
            .readings("sim-load-00002", "factor=pm25")
            .is_empty()
    );
    scene.daemon.stop("TERM");
}
