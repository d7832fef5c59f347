//! A full disk: acknowledgements are withheld, readiness says so, and work goes on by itself when there is room.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::ports::Registrar;
use skytier::ports::StoreError;
use skytier::ports::Verify;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::not_run;
use crate::support::run;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

/// As long as this without an acknowledgement means that it is withheld.
const SILENCE: Duration = Duration::from_secs(3);

/// A small disk of its own; taken away when dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Nothing when this user may not mount.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "skytier-test", text(at)]);
        let ended = mount.output().ok()?;
        ended.status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Takes all the room there is.
pub(crate) fn fill(path: &Path) {
    let zeros = vec![0u8; 64 * 1024];
    let mut file = std::fs::File::create(path).expect("a file");
    while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
    while std::io::Write::write_all(&mut file, &[0]).is_ok() {}
}

/// Sends hours of a station until one is not acknowledged any more; how many were sent, and the last one.
async fn until_full(daemon: &Daemon, station: &mut Station, topic: &str) -> (i64, String) {
    let start: chrono::DateTime<chrono::FixedOffset> =
        "2020-02-01T01:00:00+08:00".parse().expect("a time");
    let mut sent: i64 = 0;
    loop {
        assert!(sent < 5_000, "the disk never fills");
        let time = (start + chrono::Duration::hours(sent)).to_rfc3339();
        let payload = hourly(&time, &format!("{sent}.5"));
        sent += 1;
        let answer = tokio::time::timeout(SILENCE, station.offer(topic, &payload)).await;
        match answer {
            Ok(answer) => assert!(answer.is_some(), "cut off: {}", daemon.log()),
            Err(_) => return (sent, payload),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_acknowledged_and_work_goes_on_with_new_room() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().join("disk");
    let Some(_disk) = Disk::mount(&at) else {
        return not_run("the full disk needs the right to mount a small tmpfs (root)");
    };
    // The log is on the same disk, so that it cannot be written either.
    let data = at.join("data");
    run(&["seed", "beijing", "--data", text(&data)]);
    let mut daemon = Daemon::start(&data, &[]);
    let topic = readings_topic("Dongsi");
    let mut station = Station::connect(&daemon, "before").await;
    station
        .send(&topic, &hourly("2020-01-01T01:00:00+08:00", "1.5"))
        .await;
    fill(&at.join("ballast"));
    let (sent, waiting) = until_full(&daemon, &mut station, &topic).await;
    println!("full after {sent} messages");
    // Long enough for several more tries.
    tokio::time::sleep(SILENCE).await;
    let reply = daemon.fetch("/readyz");
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert_eq!(reply.json()["ready"], false);
    assert!(reply.text.contains("no space left"), "{}", reply.text);
    assert_eq!(daemon.metric("skytier_ready"), 0);
    assert_eq!(daemon.fetch("/healthz").status, 200);
    assert_eq!(daemon.readings("Dongsi", "limit=10000").len() as i64, sent);
    assert!(daemon.runs(), "{}", daemon.log());
    std::fs::remove_file(at.join("ballast")).expect("removed");
    wait_for("readiness", PATIENCE, || {
        (daemon.fetch("/readyz").status == 200).then_some(())
    });
    // What waited was taken by itself; the sender, which saw no acknowledgement, sends it again.
    let mut station = Station::connect(&daemon, "after").await;
    station.send(&topic, &waiting).await;
    let rows = daemon.readings("Dongsi", "limit=10000");
    assert_eq!(rows.len() as i64, sent + 1);
    assert_eq!(
        rows.last().expect("rows")["value"],
        json!(f64::from(sent as i32) - 0.5)
    );
    verify(&data);
    daemon.kill9();
    let daemon = Daemon::start(&data, &[]);
    assert_eq!(daemon.readings("Dongsi", "limit=10000"), rows);
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_a_full_disk_it_has_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().join("disk");
    let Some(_disk) = Disk::mount(&at) else {
        return not_run("the full disk needs the right to mount a small tmpfs (root)");
    };
    let data = at.join("data");
    run(&["seed", "beijing", "--data", text(&data)]);
    let topic = readings_topic("Dongsi");
    let ballast = at.join("ballast");
    let mut acknowledged = 0;
    for round in 0..3 {
        let daemon = Daemon::start(&data, &[]);
        let mut station = Station::connect(&daemon, "station").await;
        fill(&ballast);
        let (sent, _) = until_full(&daemon, &mut station, &topic).await;
        // Every round begins with the same hours, of which each is kept once.
        acknowledged = acknowledged.max(sent - 1);
        daemon.kill9();
        // The disk is still full; what is there can be read, and what was never acknowledged is not there.
        let daemon = Daemon::start(&data, &[]);
        let rows = daemon.readings("Dongsi", "limit=10000").len() as i64;
        assert_eq!(rows, acknowledged, "round {round}");
        std::fs::remove_file(&ballast).expect("removed");
        daemon.kill9();
    }
    verify(&data);
}

/// Where the log still takes a commit, the database may find no room for what is moved into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_finds_no_room_to_move_loses_nothing_and_moves_later() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().join("small");
    let Some(_disk) = Disk::mount(&at) else {
        return not_run("the full disk needs the right to mount a small tmpfs (root)");
    };
    let ballast = at.join("ballast");
    std::fs::write(&ballast, vec![0u8; 2 << 20]).expect("room at first");
    let mut tuning = Tuning::for_testing();
    (tuning.log_pages_min, tuning.log_pages_max) = (20, 40);
    let store = Embedded::open_tuned(&at.join("data"), Access::Write, tuning).expect("opened");
    let text = "x".repeat(20_000);
    let name = |number: usize| format!("mark-{number}");
    let mut kept = 0;
    let refused = loop {
        assert!(kept < 1_000, "the disk never fills");
        match store.set_mark(&name(kept), &text).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    println!("full after {kept} marks");
    std::fs::remove_file(&ballast).expect("there");
    for number in kept..kept + 40 {
        let written = store.set_mark(&name(number), &text).await;
        written.expect("there is room again");
    }
    for number in 0..kept + 40 {
        let found = store.mark(&name(number)).await.expect("read");
        assert!(found.as_ref() == Some(&text), "{} is lost", name(number));
    }
    let verified = store.verify().await.expect("verified");
    assert_eq!(verified.fault, None);
}
