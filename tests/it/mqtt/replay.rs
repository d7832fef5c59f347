//! Recorded files through the publisher into the endpoint.

use std::path::PathBuf;

use skytier::adapters::layout::Layout;
use skytier::adapters::mqtt::settings::EndpointSettings;
use skytier::adapters::mqtt::way::Way;
use skytier::adapters::payload::topic::Topics;
use skytier::app::replay;
use skytier::app::replay::Rate;

use crate::mqtt::support::Running;

const HEADER: &str = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";

fn address(port: u16) -> Way {
    format!("mqtt://127.0.0.1:{port}")
        .parse()
        .expect("an address")
}

fn file(folder: &tempfile::TempDir, station: &str, rows: usize) -> PathBuf {
    let lines = (0..rows).map(|n| {
        let (day, hour, minute) = (1 + n / 1_440, n / 60 % 24, n % 60);
        format!("{station},2020-01-{day:02}T{hour:02}:{minute:02}:00+08:00,60,{n},,1.5,2,0.6,3\n")
    });
    let path = folder.path().join(format!("{station}.csv"));
    let text: String = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    std::fs::write(&path, text).expect("room on the disk");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_merged_by_time_and_fully_acknowledged() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [file(&folder, "s1", 300), file(&folder, "s2", 200)];
    let to = address(running.addr.port());
    let topics = Topics::default();
    let sent = replay::replay(&files, Layout::Canonical, &to, &topics, Rate::Max, None).await;
    let report = sent.expect("a running endpoint");
    assert_eq!((report.messages, report.values), (500, 2_500));
    let kept = kept.all();
    assert_eq!(kept.len(), 500);
    assert!(kept[0].0.contains("/s1/") && kept[1].0.contains("/s2/"));
    assert!(kept[398].1.contains("03:19") && kept[399].1.contains("03:19"));
    assert!(kept[499].1.contains("04:59"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [file(&folder, "s1", 51)];
    let to = address(running.addr.port());
    let rate = Rate::PerSecond(100);
    let sent = replay::replay(
        &files,
        Layout::Canonical,
        &to,
        &Topics::default(),
        rate,
        None,
    )
    .await;
    assert!(sent.expect("a running endpoint").took.as_millis() >= 490);
    assert_eq!(kept.all().len(), 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_plainly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = [file(&folder, "s1", 3)];
    let go = async |files: &[PathBuf], port: u16, prefix: &str| {
        let topics = Topics::new(prefix).expect("a prefix");
        let sent = replay::replay(
            files,
            Layout::Canonical,
            &address(port),
            &topics,
            Rate::Max,
            None,
        )
        .await;
        sent.expect_err("it goes wrong").to_string()
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("a bound address").port();
    drop(free);
    let fault = go(&files, port, "skytier/v1").await;
    assert!(
        fault.contains("nobody listens there; is the daemon running"),
        "{fault}"
    );
    let (running, kept) = Running::durable(EndpointSettings::for_testing()).await;
    let fault = go(&files, running.addr.port(), "elsewhere").await;
    assert!(
        fault.contains("message 1 was refused (TopicNameInvalid)"),
        "{fault}"
    );
    let bad = folder.path().join("bad.csv");
    std::fs::write(&bad, format!("{HEADER}s1,2020-01-01T00:00:00Z,60,x,,,,,\n")).expect("room");
    let fault = go(&[files[0].clone(), bad], running.addr.port(), "skytier/v1").await;
    assert!(fault.contains("bad.csv:2: pm25 \"x\""), "{fault}");
    assert!(kept.all().is_empty(), "nothing is sent from faulty files");
}

/// Not a check of a figure, which would depend on the machine; run it by name to see the rate.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_at_full_speed_is_acknowledged_in_full() {
    let settings = EndpointSettings {
        receive_maximum: 1_024,
        ..EndpointSettings::for_testing()
    };
    let (running, kept) = Running::durable(settings).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<PathBuf> = (1..=3)
        .map(|n| file(&folder, &format!("s{n}"), 20_000))
        .collect();
    let to = address(running.addr.port());
    let sent = replay::replay(
        &files,
        Layout::Canonical,
        &to,
        &Topics::default(),
        Rate::Max,
        None,
    )
    .await;
    let report = sent.expect("a running endpoint");
    assert_eq!((report.messages, kept.all().len()), (60_000, 60_000));
    println!("{:.0} messages/s", 60_000.0 / report.took.as_secs_f64());
}
