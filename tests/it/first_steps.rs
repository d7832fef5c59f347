//! The ten-minute path of README, run as it is written: from nothing to a daemon that speaks TLS, with a station, somebody of
//! the bureau and a bank. Only the ports are replaced by free ones.

use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::support::PATIENCE;
use crate::support::require;
use crate::support::wait_for;

/// The section of README, and the ports it names.
const SECTION: &str = "## Ten minutes to a daemon on the network";
const PORTS: [&str; 4] = ["8443", "8883", "8080", "1883"];

/// The blocks of shell in the section, in their order.
fn blocks() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md");
    let section = readme.split(SECTION).nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// A daemon that a block started; ended by its own process id.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn shell(folder: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_skytier"))
        .parent()
        .expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("/bin/bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", program.display()))
        .env("SKYTIER_LOG", "warn")
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, script: &str) -> String {
    let ended = shell(folder, script).output().expect("a shell");
    let (said, complaint) = (
        String::from_utf8_lossy(&ended.stdout).into_owned(),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert!(ended.status.success(), "{script}\n{said}\n{complaint}");
    said
}

#[test]
fn the_ten_minute_path_works_as_it_is_written() {
    for program in [
        "/usr/bin/openssl",
        "/usr/bin/curl",
        "/usr/bin/mosquitto_pub",
    ] {
        require(program);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let taken: Vec<TcpListener> = PORTS
        .iter()
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let ports: Vec<String> = taken
        .iter()
        .map(|listener| listener.local_addr().expect("bound").port().to_string())
        .collect();
    let blocks: Vec<String> = blocks()
        .into_iter()
        .map(|block| {
            PORTS
                .iter()
                .zip(&ports)
                .fold(block, |block, (named, free)| block.replace(named, free))
        })
        .collect();
    let [prepare, serve, use_it] = blocks.as_slice() else {
        panic!("three blocks are expected: {blocks:#?}");
    };
    run(folder.path(), prepare);
    let city = folder.path().join("city");
    drop(taken);
    let mut daemon = shell(&city, &format!("exec {}", serve.trim()));
    daemon
        .env("SKYTIER__HTTP__LISTEN", format!("127.0.0.1:{}", ports[2]))
        .env(
            "SKYTIER__MQTT__EMBEDDED__LISTEN",
            format!("127.0.0.1:{}", ports[3]),
        );
    let daemon = Started(daemon.stdout(Stdio::null()).spawn().expect("it starts"));
    let ready = format!(
        "curl -fsS --cacert tls/server.crt https://localhost:{}/readyz",
        ports[0]
    );
    wait_for("a daemon that is ready", PATIENCE, || {
        let asked = shell(&city, &ready).output().expect("a shell");
        asked.status.success().then_some(())
    });
    let said = run(&city, use_it);
    for expected in ["\"value\":40.7", "\"tier\"", "401"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // What others must not read is not readable for them.
    for secret in ["tls/server.key", "data/access.db"] {
        let mode = run(&city, &format!("stat -c %a {secret}"));
        assert_eq!(mode.trim(), "600", "{secret}");
    }
    drop(daemon);
}
