//! Sources that are registered after they began to send.

use proptest::prelude::ProptestConfig;
use proptest::prelude::prop_assert_eq;
use proptest::proptest;
use serde_json::json;
use skytier::adapters::mapping::Maps;
use skytier::adapters::payload::Decoder;
use skytier::adapters::payload::topic::Topics;
use skytier::adapters::store::Stores;
use skytier::app::pump::reader;
use skytier::app::seeds;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::names::SourceId;
use skytier::domain::registry::Registry;
use skytier::flow::directory::Directory;
use skytier::flow::ingest::Ingest;
use skytier::flow::ingest::Read;
use skytier::flow::ingest::Stage;
use skytier::flow::ingest::Submission;
use skytier::ports::Range;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::Site;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;
use crate::support::verify;
use crate::support::wait_for;

const TIME: &str = "2020-07-27T13:00:00+08:00";
const HEADER: &str =
    "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone,interval_s\n";

fn station_row(id: &str, zone: &str) -> String {
    format!("{id},新站,New,national,120,31,false,test,{zone},\n")
}

fn admitted(site: &Site, messages: u64) {
    wait_for("admission from quarantine", PATIENCE, || {
        (site.metric("skytier_letters_admitted_total") == messages).then_some(())
    });
}

fn values(site: &Site, station: &str, query: &str) -> Vec<(String, f64)> {
    let rows = site.readings(station, query);
    let value = |row: &serde_json::Value| {
        let time = row["time"].as_str().expect("a time").to_owned();
        (time, row["value"].as_f64().expect("a value"))
    };
    rows.iter().map(value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unregistered_source_sent_counts_once_it_is_registered() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "newcomer").await;
    for value in ["10.5", "11.5", "12.5", "12.5"] {
        station
            .send(&readings_topic("new"), &hourly(TIME, value))
            .await;
    }
    let local = "2020-07-27T14:00:00";
    station
        .send(&readings_topic("new"), &hourly(local, "14.5"))
        .await;
    station
        .send(&readings_topic("other"), &hourly(TIME, "99"))
        .await;
    assert_eq!(daemon.metric("skytier_quarantined_total"), 6);
    assert_eq!(daemon.get("/v1/stations/new/readings").0, 404);
    let csv = format!("{HEADER}{}", station_row("new", "+08:00"));
    let entered = post_json(
        &format!("{}/v1/registry/stations", daemon.http),
        &json!({"csv": csv}),
    );
    assert_eq!(entered.status, 200, "{}", entered.text);
    admitted(&daemon, 5);
    let expected = [(TIME, 12.5), ("2020-07-27T14:00:00+08:00", 14.5)];
    let expected = expected.map(|(time, value)| (time.to_owned(), value));
    assert_eq!(values(&daemon, "new", "factor=pm25"), expected);
    let count = |what| daemon.metric(&format!("skytier_readings_total{{outcome=\"{what}\"}}"));
    assert_eq!(
        (count("new"), count("corrected"), count("repeated")),
        (2, 2, 1),
        "in the order they came"
    );
    // From now on it is a station as any other.
    station
        .send(&readings_topic("new"), &hourly(TIME, "13.5"))
        .await;
    assert_eq!(values(&daemon, "new", "factor=pm25")[0].1, 13.5);
    daemon.settle();
    let now = daemon.json("/v1/air/now?area=station:new");
    assert_eq!(now["pm25"], json!(14.5), "{now}");
    assert_eq!(daemon.metric("skytier_dead_letters_total"), 0);
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_while_the_daemon_was_down_counts_from_its_start() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "newcomer").await;
    let no_offset = hourly("2020-07-27T13:00:00", "1.5");
    station.send(&readings_topic("new"), &no_offset).await;
    station.send(&readings_topic("zoned"), &no_offset).await;
    let logger = "skytier/v1/loggers/MN01/readings";
    let minute = r#"{"time":"2020-07-27T13:01:00","interval_s":60,"values":{"a21026":{"avg":12.1,"zs_avg":14}}}"#;
    station.send(logger, minute).await;
    daemon.kill9();
    let stations = format!(
        "{HEADER}{}{}",
        station_row("new", ""),
        station_row("zoned", "+08:00")
    );
    let loggers = "mn,uscc,outlets,source,zone,interval_s\n\
                   MN01,91999999MA1ABCDE8G,DA001|DA002,test,+08:00,60\n";
    for (name, csv) in [("stations", &*stations), ("loggers", loggers)] {
        let file = folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, csv).expect("room on the disk");
        run(&["register", "--data", text(&data), text(&file)]);
        let listed = run(&["register", "--data", text(&data), "--list", name]);
        let last = csv.trim_end().trim_end_matches(',').rsplit('\n').next();
        assert!(listed.contains(last.expect("a row")), "{listed}");
    }
    let daemon = Daemon::start(&data, &[]);
    admitted(&daemon, 2);
    assert_eq!(
        values(&daemon, "zoned", "factor=pm25"),
        [(TIME.to_owned(), 1.5)]
    );
    assert!(values(&daemon, "new", "factor=pm25").is_empty());
    let exported = daemon.export();
    let line = "MN01,a21026,zs_avg,2020-07-27T13:01:00+08:00,60,14,N,raw";
    assert!(exported.contains(line), "{exported}");
    let mut station = Station::connect(&daemon, "logger").await;
    station
        .send(logger, &minute.replace(":01:00", ":02:00"))
        .await;
    assert_eq!(daemon.metric("skytier_readings_total{outcome=\"new\"}"), 5);
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_under_another_prefix_counts_before_an_import_or_stays() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[("SKYTIER__MQTT__PREFIX", "city/air")]);
    let mut station = Station::connect(&daemon, "newcomer").await;
    let topic = "city/air/stations/new/readings";
    for (time, value) in [(TIME, "10.5"), ("2020-07-27T14:00:00+08:00", "14.5")] {
        station.send(topic, &hourly(time, value)).await;
    }
    daemon.stop("TERM");
    let [table, rows, settings] =
        ["stations.csv", "new.csv", "skytier.toml"].map(|name| folder.path().join(name));
    let written = [
        (&table, format!("{HEADER}{}", station_row("new", ""))),
        (
            &rows,
            format!("station,time,interval_s,pm25,pm10,so2,no2,co,o3\nnew,{TIME},3600,11.5,,,,,\n"),
        ),
        (&settings, "[mqtt]\nprefix = \"city/air\"\n".to_owned()),
    ];
    for (file, content) in written {
        std::fs::write(file, content).expect("room on the disk");
    }
    run(&["register", "--data", text(&data), text(&table)]);
    let before = export(&data);
    let import = [
        "import",
        "--data",
        text(&data),
        "--layout",
        "canonical",
        "--input",
        text(&rows),
    ];
    let (code, said) = fails(&import);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("--config") && said.contains("messages of new wait in quarantine"),
        "{said}"
    );
    assert_eq!(export(&data), before);
    let letters = |state| {
        let listed = run(&[
            "dead-letters",
            "list",
            "--data",
            text(&data),
            "--state",
            state,
        ]);
        listed.lines().count()
    };
    assert_eq!((letters("quarantined"), letters("dead")), (2, 0));
    // Neither does a daemon with another prefix take them for dead.
    Daemon::start(&data, &[]).stop("TERM");
    assert_eq!((letters("quarantined"), letters("dead")), (2, 0));
    let said = run(&[&import[..], &["--config", text(&settings)]].concat());
    assert_eq!(
        said,
        "1 rows: 5 readings new, 0 known already, 1 corrected\n"
    );
    assert_eq!((letters("quarantined"), letters("admitted")), (0, 2));
    let exported = export(&data);
    for value in [
        format!("new,pm25,avg,{TIME},3600,11.5,N,raw"),
        "new,pm25,avg,2020-07-27T14:00:00+08:00,3600,14.5,N,raw".to_owned(),
    ] {
        assert!(exported.contains(&value), "{value}");
    }
    verify(&data);
}

#[test]
fn an_identifier_is_a_stations_or_a_loggers() {
    let (folder, data) = seeded(&["jiangyin"]);
    let check = |name: &str, csv: &str, expected: &str| {
        let file = folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, csv).expect("room on the disk");
        let failed = crate::support::fails(&["register", "--data", text(&data), text(&file)]);
        assert_eq!(failed.0, 2, "{csv}");
        assert!(failed.1.contains(expected), "{csv}: {}", failed.1);
    };
    let header = "mn,uscc,outlets,source\n";
    let logger =
        |row: &str, expected: &str| check("loggers", &format!("{header}{row}\n"), expected);
    logger("1999A,91999999MA1ABCDE8G,,x", ":2: mn: a station has");
    logger("M1,91999999MA1ABCDE8H,,x", ":2: uscc: ");
    logger("M1,91999999MA1ABCDE8G,DA001||DA002,x", ":2: outlets: ");
    logger(
        "M1,91999999MA1ABCDE8G,,x\nM1,91999999MA1ABCDE8G,,x",
        ":3: mn: stands already",
    );
    let file = folder.path().join("loggers.csv");
    std::fs::write(&file, format!("{header}M1,91999999MA1ABCDE8G,,x\n")).expect("room");
    run(&["register", "--data", text(&data), text(&file)]);
    let station =
        |row: &str, expected: &str| check("stations", &format!("{HEADER}{row}"), expected);
    station(&station_row("M1", ""), ":2: id: a logger has");
    station(&station_row("s", "8"), ":2: zone: \"8\" is not an offset");
    station(
        &station_row("s", "").replace(",\n", ",0\n"),
        ":2: interval_s: \"0\"",
    );
}

/// A stage on a store that forgets, without any station.
async fn ingest(stores: &Stores) -> Ingest {
    let directory = Directory::open(stores.registrar.clone()).await;
    let stage = Stage {
        series: stores.series.clone(),
        letters: stores.letters.clone(),
        directory: directory.expect("a registry").into(),
        touch: Box::new(|_| {}),
        reader: reader(Topics::default(), Decoder::default(), Maps::default()),
    };
    Ingest::open(stage).await.expect("an empty store")
}

fn clock() -> Instant {
    Instant::from_unix(1_700_000_000)
}

fn stations() -> Registry {
    let mut registry = seeds::registry("jiangyin").expect("a sound seed");
    let mut model = registry.stations.remove(0);
    let stations = [("a", None), ("b", Some(Zone::beijing()))].map(|(id, zone)| {
        (model.id, model.zone) = (SourceId::new(id).expect("a code"), zone);
        model.clone()
    });
    Registry {
        stations: stations.to_vec(),
        ..Registry::default()
    }
}

/// What is stored after messages `(station, hour, value)`, with the registration before the one numbered
/// `registered`, and what waits admitted every `step` messages.
async fn stored(messages: &[(bool, u8, u8)], registered: usize, step: usize) -> Vec<String> {
    let stores = Stores::memory();
    let mut flow = ingest(&stores).await;
    for (number, (second, hour, value)) in messages.iter().enumerate() {
        if number == registered {
            let done = stores.registrar.register(stations()).await;
            done.expect("room in memory");
            // As a daemon that starts again would see it.
            flow = ingest(&stores).await;
        }
        let station = if *second { "b" } else { "a" };
        let topic = readings_topic(station);
        let offset = if *second { "" } else { "+08:00" };
        let payload = hourly(
            &format!("2020-07-27T{hour:02}:00:00{offset}"),
            &value.to_string(),
        );
        let Read::Message(source, content) = flow.read(&topic, payload.as_bytes(), clock()) else {
            panic!("a message of ours");
        };
        let submission = Submission {
            origin: "test".to_owned(),
            topic,
            payload: payload.into_bytes().into(),
            source,
            content,
            retained: false,
        };
        flow.admit(&[submission], clock()).await.expect("kept");
        if number % step == 0 {
            flow.readmit(clock).await.expect("admitted");
        }
    }
    if registered >= messages.len() {
        let done = stores.registrar.register(stations()).await;
        done.expect("room in memory");
        flow = ingest(&stores).await;
    }
    flow.readmit(clock).await.expect("admitted");
    let mut lines = Vec::new();
    for key in stores.series.keys().await.expect("keys") {
        let column = stores.series.column(&key, Range::ALL).await;
        for reading in column.expect("a column") {
            let value = reading.value.expect("a value");
            lines.push(format!("{} {} {value}", key.source, reading.time.unix()));
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_moment_of_registration_changes_no_value(
        messages in proptest::collection::vec(
            (proptest::bool::ANY, 1u8..5, 0u8..9),
            1..40,
        ),
        registered in 0usize..45,
        step in 1usize..12,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (early, late) = runtime.block_on(async {
            (stored(&messages, 0, 1).await, stored(&messages, registered, step).await)
        });
        prop_assert_eq!(early, late);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_makes_ever_new_series_is_held_at_so_many() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    let odd = |intervals: std::ops::Range<u32>| {
        let one = |interval| {
            format!("{{\"time\":\"{TIME}\",\"interval_s\":{interval},\"values\":{{\"pm25\":7}}}}")
        };
        format!("[{}]", intervals.map(one).collect::<Vec<_>>().join(","))
    };
    station.send(&topic, &odd(1..2_001)).await;
    station.send(&topic, &odd(2_001..4_001)).await;
    station.send(&topic, &odd(4_001..6_001)).await;
    let reason = "skytier_letters_total{state=\"dead\",reason=\"too_many_series\"}";
    assert_eq!(daemon.metric(reason), 1);
    assert_eq!(daemon.metric("skytier_letters_waiting{state=\"dead\"}"), 1);
    let exported = daemon.export();
    let own = exported
        .lines()
        .filter(|row| row.starts_with("1999A,pm25,avg,"));
    assert_eq!(own.count(), 4_000);
    // What it always sent goes on, also after a restart, and so do others.
    daemon.kill9();
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    station.send(&topic, &hourly(TIME, "8")).await;
    station.send(&topic, &odd(4_001..6_001)).await;
    station
        .send(&readings_topic("2000A"), &hourly(TIME, "9"))
        .await;
    assert_eq!(daemon.metric(reason), 1);
    assert_eq!(values(&daemon, "2000A", "factor=pm25").len(), 1);
    let exported = daemon.export();
    assert!(
        exported.contains(&format!("1999A,pm25,avg,{TIME},3600,8,")),
        "{exported}"
    );
}
