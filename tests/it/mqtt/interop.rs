//! The endpoint with the libraries that devices are programmed with: paho for Python and mqtt for Node, both as
//! Debian packages them, in both versions of the protocol; and a client that never reads what it is owed.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use skytier::adapters::mqtt::settings::Counters;
use skytier::adapters::mqtt::settings::EndpointSettings;

use crate::mqtt::raw;
use crate::mqtt::raw::PUBACK;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V3;
use crate::mqtt::raw::V5;
use crate::mqtt::raw::answer;
use crate::mqtt::raw::publish;
use crate::mqtt::support::Running;
use crate::mqtt::support::STATUS;
use crate::mqtt::support::TOPIC;
use crate::mqtt::support::until;
use crate::support::not_run;

/// All steps of a client's script, in order.
const STEPS: &str = "published\nlarge\nmany\ntaken over\nlost\nsilent\n";

/// A library with the program that runs it: what must be there, and the start of its command.
struct Library {
    file: &'static str,
    program: &'static str,
    script: &'static str,
    path: Option<(&'static str, &'static str)>,
}

const PAHO: Library = Library {
    file: "/usr/lib/python3/dist-packages/paho/mqtt/client.py",
    program: "/usr/bin/python3",
    script: "publisher.py",
    path: None,
};

const NODE: Library = Library {
    file: "/usr/share/nodejs/mqtt/package.json",
    program: "/usr/bin/node",
    script: "publisher.js",
    path: Some(("NODE_PATH", "/usr/share/nodejs")),
};

/// Limits as in use, so that ordinary clients are not held to those of tests.
fn settings() -> EndpointSettings {
    EndpointSettings {
        listen: EndpointSettings::for_testing().listen,
        ..EndpointSettings::default()
    }
}

/// Runs a library's script against an endpoint; gives what it printed.
async fn run(library: &Library, running: &Running, version: &str) -> String {
    let script: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "tests/it/mqtt/clients",
        library.script,
    ]
    .iter()
    .collect();
    let mut command = std::process::Command::new(library.program);
    command
        .arg(script)
        .arg(running.addr.port().to_string())
        .arg(version);
    command.envs(library.path);
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output = ran.await.expect("no panic").expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}, version {version}: {said}",
        library.script
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

async fn check(library: &Library) {
    if ![library.file, library.program]
        .iter()
        .all(|file| Path::new(file).exists())
    {
        return not_run(&format!(
            "{} needs {}; `make test` installs it",
            library.script, library.file
        ));
    }
    for version in ["3", "5"] {
        let (running, kept) = Running::durable(settings()).await;
        assert_eq!(
            run(library, &running, version).await,
            STEPS,
            "version {version}"
        );
        let mut wanted = vec!["qos 0".to_owned(), "qos 1".to_owned(), "qos 2".to_owned()];
        wanted.push("x".repeat(200 * 1024));
        wanted.extend((0..300).map(|number| format!("many {number}")));
        // The first of two connections of one name is gone for good: its will is handed in.
        wanted.extend(["offline", "taken over", "offline", "offline"].map(str::to_owned));
        until(|| kept.all().len() >= wanted.len()).await;
        let found = kept.all();
        let mut payloads = kept.payloads();
        // Which of a take-over's two messages is first depends on the clients' own threads.
        let wills = payloads
            .iter()
            .filter(|payload| *payload == "offline")
            .count();
        assert_eq!(wills, 3, "version {version}");
        payloads.retain(|payload| payload != "offline");
        wanted.retain(|payload| payload != "offline");
        assert!(
            payloads == wanted,
            "version {version}: {} payloads",
            payloads.len()
        );
        for (topic, payload) in &found {
            let expected = if payload == "offline" { STATUS } else { TOPIC };
            assert_eq!(topic, expected);
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paho_for_python_is_satisfied_in_both_versions() {
    check(&PAHO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_for_node_is_satisfied_in_both_versions() {
    check(&NODE).await;
}

/// Whether the endpoint answers so many messages before long.
async fn answers(counters: &Counters, count: u64) -> bool {
    let begun = Instant::now();
    while Counters::read(&counters.acked) < count {
        if begun.elapsed() > Duration::from_secs(3) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

/// Answers that are not read fill what the system and we hold for them, and then the client is not read either.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_is_held_back_and_disturbs_nobody() {
    const MESSAGES_MAX: u64 = 150_000;
    for level in [V3, V5] {
        let (running, _kept) = Running::durable(settings()).await;
        let mut slow = Raw::narrow(running.addr, level, "slow").await;
        let mut sent = 0;
        let many: Vec<u8> = (0..1_000)
            .flat_map(|_| publish(level, 1, 1, TOPIC, ""))
            .collect();
        loop {
            slow.pour(&many).await;
            sent += 1_000;
            if !answers(&running.counters, sent).await {
                break;
            }
            assert!(sent < MESSAGES_MAX, "it is never held back");
        }
        let taken = Counters::read(&running.counters.acked);
        let mut other = Raw::hello(running.addr, level, "other").await;
        let begun = Instant::now();
        for id in 1..=50 {
            other.send(&publish(level, 1, id, TOPIC, "b")).await;
            assert_eq!(other.packet().await, Some(answer(level, PUBACK, id)));
        }
        let all = Counters::read(&running.counters.acked);
        assert_eq!(all, taken + 50, "nothing more is taken of the slow one");
        println!(
            "level {level}: held back after {taken}; 50 others in {:?}",
            begun.elapsed()
        );
        // Read at last, every answer that was owed is there.
        let (first, body) = answer(level, PUBACK, 1);
        let one = raw::packet(first, &body);
        let count = usize::try_from(taken).expect("a count");
        assert!(
            slow.bytes(count * one.len()).await == one.repeat(count),
            "level {level}"
        );
    }
}
