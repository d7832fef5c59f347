//! Settings read again while the daemon runs: what is applied, what is told, and what changes nothing.

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::seeded;
use crate::support::serve;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::wait_for;

const STATION: &str = "1999A";

/// Waits for a line of the log.
fn said(daemon: &Daemon, what: &str) {
    wait_for(what, PATIENCE, || daemon.log().contains(what).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_read_again_at_a_signal_and_faulty_ones_change_nothing() {
    let (folder, data) = seeded(&["jiangyin"]);
    let file = folder.path().join("skytier.toml");
    let write = |lines: &str| std::fs::write(&file, lines).expect("written");
    write("[health]\nheartbeat_s = 1\nsilent_after = 600\nsilent_grace_s = 600\n");
    let mut command = serve(&data, &[("SKYTIER_LOG", "info")]);
    command.args(["--config", text(&file)]);
    let daemon = Daemon::start_by(command, &data);
    let mut station = Station::connect(&daemon, "gateway").await;
    let now = chrono::Utc::now().to_rfc3339();
    let reading = format!("{{\"time\":\"{now}\",\"interval_s\":1,\"values\":{{\"pm25\":7}}}}");
    station.send(&readings_topic(STATION), &reading).await;
    let silent = format!("skytier_station_silent{{station=\"{STATION}\"}}");
    wait_for("a station heard live", PATIENCE, || {
        let page = daemon.fetch("/metrics").text;
        page.contains(&format!("{silent} 0")).then_some(())
    });
    // Faulty ones: the daemon goes on as before, and says which key.
    write("[health]\nsilent_after = \"never\"\n");
    daemon.signal("HUP");
    said(&daemon, "skytier.toml:2: health.silent_after");
    assert!(
        daemon.json("/readyz")["notes"]
            .to_string()
            .contains("faulty")
    );
    assert_eq!(daemon.metric(&silent), 0);
    // Sound ones: what can be is applied, what cannot is named, and no value is.
    write(
        "[health]\nheartbeat_s = 1\nsilent_after = 1\nsilent_grace_s = 0\n[mirror]\ntoken = \"s3cret\"\n[retention]\nfine_days = 900\n",
    );
    daemon.signal("HUP");
    said(
        &daemon,
        "health.silent_after, health.silent_grace_s, retention.fine_days",
    );
    said(&daemon, "mirror.token");
    said(&daemon, "removed by age");
    let notes = daemon.json("/readyz")["notes"].to_string();
    assert!(
        notes.contains("waits for a restart: mirror.token"),
        "{notes}"
    );
    wait_for("silence", PATIENCE, || {
        (daemon.metric(&silent) == 1).then_some(())
    });
    // Back as it was: nothing waits any more.
    write("[health]\nheartbeat_s = 1\nsilent_after = 600\nsilent_grace_s = 600\n");
    daemon.signal("HUP");
    wait_for("no note", PATIENCE, || {
        daemon.json("/readyz")["notes"].is_null().then_some(())
    });
    wait_for("no silence", PATIENCE, || {
        (daemon.metric(&silent) == 0).then_some(())
    });
    assert!(!daemon.log().contains("s3cret"));
    daemon.stop("TERM");
}
