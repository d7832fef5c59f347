//! The copy for dashboards: in the stub and in a real VictoriaMetrics the values are those of the store, after outages
//! too, and the shipped dashboard asks for what is there.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use skytier::adapters::store::influxdb2::mirror::DAY_FIELDS;
use skytier::adapters::store::influxdb2::mirror::HOUR_FIELDS;
use skytier::adapters::store::influxdb2::mirror::TIER_FIELDS;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::Site;
use crate::support::beijing;
use crate::support::fetch;
use crate::support::influxdb2::BUCKET;
use crate::support::influxdb2::Fault;
use crate::support::influxdb2::ORG;
use crate::support::influxdb2::Stub;
use crate::support::influxdb2::TOKEN;
use crate::support::post_as;
use crate::support::require;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::wait_for;

/// Where Debian puts it.
const VICTORIA_METRICS: &str = "/usr/bin/victoria-metrics";

/// Name, tags and time to the value as printed.
type Values = BTreeMap<String, String>;

/// A VictoriaMetrics of the test's own.
struct Victoria {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Victoria {
    fn start() -> Self {
        require(VICTORIA_METRICS);
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let child = Command::new(VICTORIA_METRICS)
            .arg(format!("-storageDataPath={}", folder.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            .args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let victoria = Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        };
        wait_for("VictoriaMetrics", PATIENCE, || {
            ureq::get(format!("{}/health", victoria.url)).call().ok()
        });
        victoria
    }

    /// What it holds under a name, such as `reading_pm25`, for one source or area.
    fn values(&self, name: &str, label: &str, value: &str) -> Values {
        let value = value.replace(':', "%3A");
        let url = format!(
            "{}/api/v1/export?reduce_mem_usage=1&start=2013-01-01T00:00:00Z&end=2037-12-31T00:00:00Z&match[]={name}%7B{label}%3D%22{value}%22%7D",
            self.url
        );
        let mut found = Values::new();
        for line in fetch(&url).text.lines() {
            let series: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let times = series["timestamps"].as_array().expect("times");
            let values = series["values"].as_array().expect("values");
            for (time, value) in times.iter().zip(values) {
                let seconds = time.as_i64().expect("milliseconds") / 1_000;
                found.insert(seconds.to_string(), value.to_string());
            }
        }
        found
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first hours of a recorded file.
fn hours_of(station: &str, hours: usize, folder: &Path) -> PathBuf {
    let mut whole = String::new();
    let file = std::fs::File::open(beijing(station)).expect("a recorded file");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut whole)
        .expect("text");
    let path = folder.join(format!("PRSA_Data_{station}_20130301-20170228.csv"));
    let lines: Vec<&str> = whole.lines().take(hours + 1).collect();
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

fn mirrored(data: &Path, url: &str) -> Daemon {
    let overrides = [
        ("SKYTIER__MIRROR__URL", url),
        ("SKYTIER__MIRROR__ORG", ORG),
        ("SKYTIER__MIRROR__BUCKET", BUCKET),
        ("SKYTIER__MIRROR__TOKEN", TOKEN),
    ];
    Daemon::start(data, &overrides)
}

/// Seconds since 1970 of an RFC 3339 time.
fn seconds(time: &str) -> String {
    chrono::DateTime::parse_from_rfc3339(time)
        .expect(time)
        .timestamp()
        .to_string()
}

/// What the store says of a factor of a source: usable values by time.
fn stored(data: &Path, source: &str, factor: &str) -> Values {
    let mut found = Values::new();
    for line in crate::support::export(data).lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[0] == source && cells[1] == factor && !cells[5].is_empty() && cells[6] == "N" {
            found.insert(seconds(cells[3]), cells[5].to_owned());
        }
    }
    found
}

/// A column of the days, by their beginning, or of the hours that have any reading, by their end.
fn assessed(data: &Path, area: &str, by: &str, column: &str) -> Values {
    let args = [
        "assess",
        "--area",
        area,
        "--from",
        "2013-03-01",
        "--to",
        "2013-04-30",
        "--by",
        by,
        "--format",
        "csv",
    ];
    let csv = run(&[&args[..], &["--data", text(data)]].concat());
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let place = |column: &str| header.iter().position(|name| *name == column);
    let at = place(column).expect(column);
    // An hour in which nobody reports may have moving means; it is not sent.
    let own: Vec<usize> = ["pm25", "pm10", "so2", "no2", "co", "o3"]
        .into_iter()
        .filter_map(place)
        .collect();
    let daily = place("time").is_none();
    let told = |cells: &[&str]| daily || own.iter().any(|at| !cells[*at].is_empty());
    let rows = lines.filter(|cells| !cells[at].is_empty() && told(cells));
    rows.map(|cells| {
        let time = match place("time") {
            Some(time) => seconds(cells[time]),
            None => seconds(&format!("{}T00:00:00+08:00", cells[1])),
        };
        (time, cells[at].to_owned())
    })
    .collect()
}

#[test]
fn victoria_metrics_gets_the_values_of_the_store() {
    let victoria = Victoria::start();
    let (folder, data) = seeded(&["beijing"]);
    let stations = [
        "Aotizhongxin",
        "Changping",
        "Dongsi",
        "Guanyuan",
        "Huairou",
        "Wanliu",
    ];
    let hours = stations.map(|station| hours_of(station, 24 * 25, folder.path()));
    let daemon = mirrored(&data, &victoria.url);
    daemon.site.replay("beijing-uci", &hours);
    daemon.site.settle();
    let day = |area, column| assessed(&data, area, "day", column);
    let hour = |area, column| assessed(&data, area, "hour", column);
    let (station, group) = ("station:Dongsi", "group:beijing6");
    for (name, (label, value), expected) in [
        (
            "reading_pm25",
            ("source", "Dongsi"),
            stored(&data, "Dongsi", "pm25"),
        ),
        (
            "reading_co",
            ("source", "Dongsi"),
            stored(&data, "Dongsi", "co"),
        ),
        ("day_pm25", ("area", station), day(station, "pm25")),
        ("day_o3_8h", ("area", station), day(station, "o3_8h")),
        ("day_aqi", ("area", station), day(station, "aqi")),
        ("day_level", ("area", station), day(station, "level")),
        ("day_pm25", ("area", group), day(group, "pm25")),
        ("hour_pm25", ("area", station), hour(station, "pm25")),
        ("hour_aqi", ("area", station), hour(station, "aqi")),
        ("hour_pm25", ("area", group), hour(group, "pm25")),
    ] {
        assert!(expected.len() > 15, "{name} {value}: {expected:?}");
        let mut found = Values::new();
        let limit = std::time::Instant::now() + PATIENCE;
        while found != expected && std::time::Instant::now() < limit {
            found = victoria.values(name, label, value);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        assert_eq!(found, expected, "{name} {value}");
    }
    wait_for("no lag", PATIENCE, || {
        (daemon.metric_by_now("skytier_mirror_lag_seconds") == Some(0)).then_some(())
    });
    assert_eq!(daemon.metric("skytier_mirror_waiting"), 0);
    let metrics = fetch(&format!("{}/metrics", victoria.url)).text;
    let invalid = "vm_rows_invalid_total{type=\"influx\"} 0";
    assert!(metrics.contains(invalid), "no line was thrown away");
}

#[test]
fn a_mirror_that_is_away_keeps_nobody_waiting_and_catches_up() {
    let stub = Stub::start();
    let (folder, data) = seeded(&["beijing"]);
    let hours = hours_of("Dongsi", 24 * 20, folder.path());
    stub.kill();
    let daemon = mirrored(&data, &stub.url());
    daemon
        .site
        .replay("beijing-uci", std::slice::from_ref(&hours));
    daemon.site.settle();
    assert_eq!(
        daemon.site.get("/readyz").0,
        200,
        "the mirror is not the store"
    );
    assert_eq!(stub.count("reading"), 0);
    let note = wait_for("a word on the mirror", PATIENCE, || {
        daemon.json("/readyz")["notes"][0]["note"]
            .as_str()
            .map(str::to_owned)
    });
    assert!(
        note.contains("no connection") && note.ends_with(" s behind"),
        "{note}"
    );
    wait_for("a lag", PATIENCE, || {
        (daemon.metric_by_now("skytier_mirror_lag_seconds") > Some(0)).then_some(())
    });
    // What was admitted before the end is not forgotten by it.
    daemon.kill9();
    let factors = ["pm25", "pm10", "so2", "no2", "co", "o3", "a01007", "a01008"];
    let usable: usize = factors
        .iter()
        .map(|factor| stored(&data, "Dongsi", factor).len())
        .sum();
    assert!(usable > 2_000, "{usable}");
    stub.restart();
    stub.fail_writes([Fault::CacheFull, Fault::LostAnswer]);
    let daemon = mirrored(&data, &stub.url());
    wait_for("everything in the mirror", PATIENCE, || {
        (stub.count("reading") == usable).then_some(())
    });
    wait_for("the days", PATIENCE, || {
        (stub.count("day") > 100).then_some(())
    });
    wait_for("no lag", PATIENCE, || {
        let behind = daemon.metric_by_now("skytier_mirror_lag_seconds");
        (behind == Some(0) && daemon.json("/readyz")["notes"].is_null()).then_some(())
    });
    daemon.stop("TERM");
    assert_eq!(stub.count("reading"), usable, "nothing twice");
}

/// An hour has one point whichever hours it is sent with: the tag is of its own day.
#[test]
fn hours_of_a_group_are_tagged_by_their_own_day() {
    let stub = Stub::start();
    stub.keep_bodies();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let table = |name: &str, lines: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines).expect("written");
        text(&path).to_owned()
    };
    let stations = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
        Dongsi,东四,Dongsi,national,116.4,39.9,false,feed\nsim-1,模拟,Simulated,national,116.3,39.9,true,feed\n";
    let groups = "id,name_zh,name_en,document,station,from,to,member_document\n\
        city,市,City,doc 1,Dongsi,2013-01-01,2013-03-01,\ncity,市,City,doc 1,sim-1,2013-03-02,,\n";
    let tables = [table("stations.csv", stations), table("groups.csv", groups)];
    run(&["register", "--data", text(&data), &tables[0], &tables[1]]);
    let own = hours_of("Dongsi", 72, folder.path());
    let simulated = std::fs::read_to_string(&own).expect("text");
    let name = "PRSA_Data_sim-1_20130301-20170228.csv";
    let hours = [
        text(&own).to_owned(),
        table(name, &simulated.replace("Dongsi", "sim-1")),
    ];
    let mut import = vec!["import", "--layout", "beijing-uci", "--input"];
    import.extend(hours.iter().map(String::as_str));
    run(&[&import[..], &["--data", text(&data)]].concat());
    let daemon = mirrored(&data, &stub.url());
    wait_for("no lag", PATIENCE, || {
        let behind = daemon.metric_by_now("skytier_mirror_lag_seconds");
        (behind == Some(0) && stub.count("hour") > 0 && stub.count("day") > 0).then_some(())
    });
    let second: i64 = seconds("2013-03-02T00:00:00+08:00")
        .parse()
        .expect("seconds");
    let mut before = 0;
    for line in stub.bodies().iter().flat_map(|body| body.lines()) {
        let Some(tags) = line.strip_prefix("hour,area=group:city") else {
            continue;
        };
        let time: i64 = line
            .rsplit(' ')
            .next()
            .expect("a time")
            .parse()
            .expect(line);
        assert_eq!(tags.starts_with(",simulated=true"), time > second, "{line}");
        before += usize::from(time <= second);
    }
    assert!(before > 20, "{before} hours of the first day");
}

/// Enters an act about a unit.
fn enter(site: &Site, unit: &str, act: &str, mut fields: serde_json::Value) {
    fields["entered_by"] = "Li Na".into();
    let url = format!("{}/v1/enterprises/{unit}/{act}", site.http);
    let entered = post_as(&url, "application/json", fields.to_string().as_bytes());
    assert_eq!(entered.status, 200, "{entered:?}");
}

/// Tiers of every unit of the ledger are there for today, and again when an entry was made.
#[test]
fn the_mirror_gets_tiers_as_they_stand_and_as_they_change() {
    const UNITS: [&str; 2] = ["91999999MA1ABCDE8G", "91999999MA1X00076E"];
    let stub = Stub::start();
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = mirrored(&folder.path().join("data"), &stub.url());
    let sent = || stub.texts("tier", "subject", "computed_tier");
    let shown = || -> Vec<(String, String)> {
        let tier = |unit: &str| {
            let answer = daemon.json(&format!("/v1/enterprises/{unit}/tier"));
            let tier = answer["computed"]["tier"].as_str().expect("a tier");
            (unit.to_owned(), tier.to_owned())
        };
        UNITS.map(tier).into()
    };
    let listing = serde_json::json!({"date": "2020-01-05"});
    for unit in UNITS {
        enter(&daemon, unit, "listings", listing.clone());
    }
    wait_for("tiers of both", PATIENCE, || {
        (sent() == shown()).then_some(())
    });
    let before = shown();
    // The server is away while an entry changes one of them.
    stub.kill();
    let fine = serde_json::json!({"id": "r1", "code": "D16", "case": "r1", "doc_no": "example 7", "doc_date": "2026-11-02"});
    enter(&daemon, UNITS[0], "records", fine);
    let after = shown();
    assert_ne!(before, after, "black, or at least worse");
    stub.restart();
    wait_for("the changed tier", PATIENCE, || {
        (sent() == after).then_some(())
    });
    // What was entered on the day that was sent last, after it was sent, still reaches that day's points.
    let (fields, data) = (stub.count("tier"), daemon.data.clone());
    daemon.stop("TERM");
    let shell = rusqlite::Connection::open(data.join("skytier.db")).expect("a database");
    let yesterday = chrono::Utc::now().date_naive() - chrono::Days::new(1);
    let marked = shell.execute(
        "UPDATE mark SET value = ?1 WHERE name LIKE 'mirror tiers %'",
        [format!("{yesterday} 1")],
    );
    assert_eq!(marked, Ok(1));
    drop(shell);
    let daemon = mirrored(&data, &stub.url());
    wait_for("tiers of yesterday", PATIENCE, || {
        (stub.count("tier") >= 2 * fields).then_some(())
    });
    drop(daemon);
    // A copy does not go where a store keeps its readings.
    let taken = Stub::start();
    taken.take_field("skytier,writer=other held=1i 0");
    let other = mirrored(&folder.path().join("other"), &taken.url());
    enter(&other, UNITS[0], "listings", listing);
    let note = wait_for("a word on the mirror", PATIENCE, || {
        other.json("/readyz")["notes"][0]["note"]
            .as_str()
            .map(str::to_owned)
    });
    assert!(note.contains("holds the readings of a skytier"), "{note}");
    assert_eq!(taken.count("tier"), 0);
}

/// The dashboard asks for measurements, fields and tags that the mirror writes.
#[test]
fn the_shipped_dashboard_asks_for_what_is_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/grafana/skytier.json");
    let text = std::fs::read_to_string(path).expect("the dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 3);
    let quoted = |query: &str, lead: &str| -> Vec<String> {
        let after = query.split(lead).skip(1);
        after
            .map(|rest| rest.split('"').nth(1).expect(query).to_owned())
            .collect()
    };
    let factors = ["pm25", "pm10", "so2", "no2", "co", "o3"];
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().expect(title) {
            let query = target["query"].as_str().expect(title);
            assert!(
                query.contains("v.timeRangeStart") && query.contains("${bucket}"),
                "{query}"
            );
            let fields = quoted(query, "r._field == ");
            assert!(!fields.is_empty(), "{query}");
            let known: &[&str] = match quoted(query, "r._measurement == ").as_slice() {
                [one] if one == "reading" => &factors,
                [one] if one == "day" => &DAY_FIELDS,
                [one] if one == "hour" => &HOUR_FIELDS,
                [one] if one == "tier" => &TIER_FIELDS,
                other => panic!("{title}: {other:?}"),
            };
            for field in &fields {
                assert!(known.contains(&field.as_str()), "{title}: {field}");
            }
            let tags = query.split("r.").skip(1).map(|rest| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
            });
            let own: &[&str] = if known == factors {
                &["source", "interval_s"]
            } else if known == TIER_FIELDS {
                &["subject"]
            } else {
                &["area"]
            };
            for tag in tags.flatten() {
                assert!(
                    ["_measurement", "_field", "_value"].contains(&tag) || own.contains(&tag),
                    "{title}: {tag}"
                );
            }
        }
    }
}
