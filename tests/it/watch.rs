//! Who is there: last seen, status by last will, silence, over a real daemon.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::calendar::Instant;
use skytier::domain::presence::Party;
use skytier::domain::presence::Spell;
use skytier::ports::Attended;

use crate::mqtt::raw;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V5;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::Site;
use crate::support::run;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

/// Stations that report every two seconds, and beats of one second: silent after four.
pub(crate) const QUICK: [(&str, &str); 3] = [
    ("SKYTIER__HEALTH__HEARTBEAT_S", "1"),
    ("SKYTIER__HEALTH__SILENT_AFTER", "2"),
    ("SKYTIER__HEALTH__SILENT_GRACE_S", "0"),
];
const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone,interval_s\n\
    a,甲,A,national,120.5,31.25,false,feed,,2\nb,乙,B,town,120,31,false,feed,,2\n";

/// A minute value that ended so many seconds ago.
fn minute(ago_s: i64) -> String {
    let time = chrono::Utc::now() - chrono::Duration::seconds(ago_s);
    let time = time.to_rfc3339();
    format!("{{\"time\":\"{time}\",\"interval_s\":60,\"values\":{{\"pm25\":7.5}}}}")
}

/// A data directory with stations `a` and `b`.
pub(crate) fn registered() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let table = folder.path().join("stations.csv");
    std::fs::write(&table, STATIONS).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&table)]);
    (folder, data)
}

/// A reading of this very moment.
pub(crate) fn current() -> String {
    let now = chrono::Utc::now().to_rfc3339();
    format!("{{\"time\":\"{now}\",\"interval_s\":2,\"values\":{{\"pm25\":7.5}}}}")
}

pub(crate) fn station(site: &Site, id: &str) -> Value {
    let listed = site.json("/v1/stations");
    let stations = listed["stations"].as_array().expect("a list");
    let own = stations.iter().find(|station| station["id"] == id);
    own.unwrap_or_else(|| panic!("no {id} in {listed}")).clone()
}

fn becomes(site: &Site, what: &str, holds: impl Fn(&Value) -> bool) {
    wait_for(what, PATIENCE, || holds(&station(site, "a")).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_stops_is_told_of_until_it_sends_again() {
    let (_folder, data) = registered();
    let daemon = Daemon::start(&data, &QUICK);
    let fresh = station(&daemon, "a");
    assert_eq!(
        (&fresh["last_seen"], &fresh["silent"]),
        (&json!(null), &json!(null))
    );
    let hours = json!({"pm25": 0, "pm10": 0, "so2": 0, "no2": 0, "co": 0, "o3": 0});
    assert_eq!(fresh["completeness"]["hours"], hours);
    let mut publisher = Station::connect(&daemon, "gateway").await;
    let topic = readings_topic("a");
    // What is replayed from earlier is no sign of life.
    let old = "{\"time\":\"2020-01-01T13:00:00+08:00\",\"interval_s\":2,\"values\":{\"pm25\":1}}";
    publisher.send(&topic, old).await;
    assert_eq!(station(&daemon, "a")["last_seen"], json!(null));
    publisher.send(&topic, &current()).await;
    let seen = station(&daemon, "a");
    assert_eq!(seen["silent"], json!(false), "{seen}");
    assert!(seen["last_seen"].as_str().is_some(), "{seen}");
    assert_eq!(daemon.metric("skytier_station_silent{station=\"a\"}"), 0);
    becomes(&daemon, "silence", |station| station["silent"] == true);
    assert_eq!(daemon.metric("skytier_station_silent{station=\"a\"}"), 1);
    assert_eq!(daemon.get("/readyz").0, 200, "the daemon itself is well");
    let page = daemon.fetch("/?lang=en").text;
    assert!(page.contains("1 station silent: </strong>A, last seen"));
    let page = daemon.fetch("/").text;
    assert!(page.contains("1 个站点静默：</strong>甲，最后收到"));
    publisher.send(&topic, old).await;
    assert_eq!(station(&daemon, "a")["silent"], json!(true));
    publisher.send(&topic, &current()).await;
    becomes(&daemon, "the end of the silence", |station| {
        station["silent"] == false
    });
    assert!(!daemon.fetch("/?lang=en").text.contains("silent:"));
    assert!(!daemon.fetch("/metrics").text.contains("station=\"b\""));
    let log = daemon.log();
    assert!(
        log.contains("station silent") && log.contains("station.id=a"),
        "{log}"
    );
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_station_says_of_itself_outlives_a_kill() {
    let (_folder, data) = registered();
    let daemon = Daemon::start(&data, &QUICK);
    let topic = "skytier/v1/stations/a/status";
    let address = SocketAddr::from(([127, 0, 0, 1], daemon.mqtt));
    let mut raw = Raw::open(address).await;
    raw.send(&raw::connect(V5, "a", 60, Some((topic, "offline"))))
        .await;
    raw.packet().await.expect("welcome");
    let online = raw
        .exchange(&raw::publish(V5, 1, 1, topic, "online"), 1)
        .await;
    assert_eq!(online, [raw::answer(V5, raw::PUBACK, 1)]);
    let status = station(&daemon, "a")["status"].clone();
    assert_eq!(status["online"], true, "kept before it is acknowledged");
    // Killed at once: what was acknowledged is there all the same.
    daemon.kill9();
    let daemon = Daemon::start(&data, &QUICK);
    assert_eq!(station(&daemon, "a")["status"], status);
    let address = SocketAddr::from(([127, 0, 0, 1], daemon.mqtt));
    let mut raw = Raw::open(address).await;
    raw.send(&raw::connect(V5, "a", 60, Some((topic, "offline"))))
        .await;
    raw.packet().await.expect("welcome");
    raw.vanish();
    becomes(&daemon, "the last will", |station| {
        station["status"]["online"] == false
    });
    // Whoever sends is there, whatever was said before.
    let mut publisher = Station::connect(&daemon, "gateway").await;
    publisher.send(&readings_topic("a"), &current()).await;
    assert_eq!(station(&daemon, "a")["status"]["online"], true);
    assert_eq!(station(&daemon, "b")["status"], json!(null));
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_current_goes_by_the_registered_interval_and_the_sound_stamps() {
    let (folder, data) = registered();
    let header = STATIONS.lines().next().expect("a header");
    let table = folder.path().join("hourly.csv");
    let rows = "h,时,H,town,120,31,false,feed,,3600\ni,钟,I,town,120,31,false,feed,,3600\n";
    std::fs::write(&table, format!("{header}\n{rows}")).expect("room on the disk");
    let named = format!("stations={}", text(&table));
    run(&["register", "--data", text(&data), &named]);
    let daemon = Daemon::start(&data, &QUICK);
    let mut publisher = Station::connect(&daemon, "gateway").await;
    // An hour of minutes that comes when it is over.
    let hour: Vec<String> = (10..70).map(|ago| minute(60 * ago)).collect();
    let hour = format!("[{}]", hour.join(","));
    publisher.send(&readings_topic("h"), &hour).await;
    assert_eq!(station(&daemon, "h")["silent"], json!(false));
    // One stamp a day ahead does not hide the other.
    let two = format!("[{},{}]", minute(600), minute(-86_400));
    publisher.send(&readings_topic("i"), &two).await;
    let own = station(&daemon, "i");
    assert_eq!(own["silent"], json!(false), "{own}");
    assert!(own["last_seen"].as_str().is_some(), "{own}");
    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_says_before_it_is_registered_is_kept() {
    let (_folder, data) = registered();
    let daemon = Daemon::start(&data, &QUICK);
    let mut publisher = Station::connect(&daemon, "gateway").await;
    publisher
        .send("skytier/v1/stations/late/status", "offline")
        .await;
    daemon.kill9();
    let daemon = Daemon::start(&data, &QUICK);
    let header = STATIONS.lines().next().expect("a header");
    let csv = format!("{header}\nlate,迟,Late,town,120,31,false,feed,,\n");
    let entered = post_json(
        &format!("{}/v1/registry/stations", daemon.http),
        &json!({"csv": csv}),
    );
    assert_eq!(entered.status, 200, "{}", entered.text);
    let own = station(&daemon, "late");
    assert_eq!(own["status"]["online"], json!(false), "{own}");
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_went_back_is_told() {
    let (_folder, data) = registered();
    for (ahead_s, ready) in [(240, 200), (7_200, 503)] {
        let store = Embedded::open(&data, Access::Write).expect("opened for writing");
        let now = chrono::Utc::now().timestamp();
        let beat = Spell {
            party: Party::Daemon,
            online: true,
            from: Instant::from_unix(now - 60),
            upto: Instant::from_unix(now + ahead_s),
            open: true,
        };
        let attended = Attended {
            spells: vec![beat],
            ways: Vec::new(),
        };
        let stores = Stores::embedded(store);
        stores.attendance.attend(attended).await.expect("kept");
        drop(stores);
        let daemon = Daemon::start(&data, &QUICK);
        // The first look comes with the start; a daemon that is well was looked at too.
        let looked = "skytier_disk_free_bytes ";
        wait_for("a look", PATIENCE, || daemon.metric_by_now(looked));
        let (status, told) = daemon.get("/readyz");
        assert_eq!(status, ready, "{told}");
        if ready == 503 {
            let trouble = &told["troubles"][0];
            let said = trouble["trouble"].as_str().expect("words");
            assert_eq!(trouble["part"], "clock", "{told}");
            assert!(said.contains("it went back, or was ahead then"), "{told}");
        }
        daemon.kill9();
    }
}
