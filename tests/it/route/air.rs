//! Air figures: what the running daemon answers is what `assess` makes of the same files.

use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use serde_json::json;

use crate::route::figures;
use crate::route::lines;
use crate::route::list;
use crate::support::Daemon;
use crate::support::beijing;
use crate::support::full::STATIONS;
use crate::support::full::YEARS;
use crate::support::full::full;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::verify;

/// Hours of four years, 2013-03-01 to 2017-02-28.
const HOURS: usize = 35_064;
/// What each hour of its files has: six pollutants, speed and direction of the wind.
const COLUMNS: usize = 8;
/// Simulated values of the Jiangyin seed: three stations, two half-years, six pollutants, less 402 left out as real
/// stations leave some out.
const SIMULATED: usize = 3 * (181 + 182) * 24 * 6 - 402;

/// The rows of some months of a recorded file, compressed as the file is.
pub(super) fn trimmed(folder: &Path, station: &str, months: &[(&str, &str)]) -> PathBuf {
    let mut all = String::new();
    let file = std::fs::File::open(beijing(station)).expect("a seed");
    MultiGzDecoder::new(file)
        .read_to_string(&mut all)
        .expect("text");
    let path = folder.join(format!("{station}.csv.gz"));
    let file = std::fs::File::create(&path).expect("room on the disk");
    let mut out = GzEncoder::new(file, Compression::fast());
    for (at, line) in all.lines().enumerate() {
        let mut fields = line.split(',').skip(1);
        let month = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        if at == 0 || months.contains(&month) {
            writeln!(out, "{line}").expect("room on the disk");
        }
    }
    out.finish().expect("room on the disk");
    path
}

fn assess(input: &[PathBuf], area: &str, span: (&str, &str), by: &str, format: &str) -> String {
    let mut args = vec!["assess", "--layout", "beijing-uci", "--area", area];
    args.extend(["--from", span.0, "--to", span.1, "--by", by]);
    args.extend(["--format", format, "--min-stations", "1", "--input"]);
    args.extend(input.iter().map(|file| text(file)));
    run(&args)
}

#[test]
fn two_stations_replayed_give_the_days_and_periods_of_their_files() {
    let (folder, data) = seeded(&["beijing", "jiangyin"]);
    let months = [("2016", "11"), ("2016", "12")];
    let files = ["Dongsi", "Huairou"].map(|name| trimmed(folder.path(), name, &months));
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("beijing-uci", &files);
    daemon.settle();
    let span = ("2016-11-01", "2016-12-31");
    for (theirs, ours) in [
        ("station:Dongsi", "station:Dongsi"),
        ("station:Huairou", "station:Huairou"),
        ("mean", "group:beijing6"),
    ] {
        let wanted = assess(&files, theirs, span, "day", "csv");
        let query = format!("area={ours}&from={}&to={}&min_stations=1", span.0, span.1);
        let days = daemon.fetch(&format!("/v1/air/days?{query}&format=csv"));
        assert_eq!(days.kind, "text/csv; charset=utf-8");
        assert_eq!(days.text.lines().count(), 1 + 61);
        assert_eq!(
            days.text.replace("\nbeijing6,", "\nmean,"),
            wanted,
            "{ours}"
        );
        for by in ["xun", "month", "month-to-date", "period"] {
            let wanted = lines(&assess(&files, theirs, span, by, "json"));
            let found = daemon.json(&format!("/v1/air/assessment?{query}&by={by}"));
            assert!(!wanted.is_empty());
            assert_eq!(figures(list(&found)), figures(&wanted), "{ours} by {by}");
        }
    }
    daemon.stop("TERM");
    verify(&data);
}

#[test]
fn six_stations_replayed_give_the_figures_everybody_compares() {
    let full = full();
    let found = full.site.json(YEARS);
    let mut args = vec!["assess", "--layout", "beijing-uci", "--area", "mean"];
    args.extend(["--from", "2015-01-01", "--to", "2016-12-31", "--by", "year"]);
    args.extend(["--edition", "2012", "--o3-exception", "no"]);
    args.extend(["--min-stations", "1", "--format", "json", "--input"]);
    args.extend(full.files.iter().map(|file| text(file)));
    assert_eq!(figures(list(&found)), figures(&lines(&run(&args))));
    let cell = |year: usize, pointer: &str| found[year].pointer(pointer).expect(pointer).clone();
    for (year, mean, good, valid) in [(0, 78.66, 191, 362), (1, 70.83, 198, 363)] {
        let exact = cell(year, "/pm25/mean").as_f64().expect("a mean");
        assert_eq!((exact * 100.0).round() / 100.0, mean);
        assert_eq!(cell(year, "/aqi/good_days"), json!(good));
        assert_eq!(cell(year, "/aqi/valid_days"), json!(valid));
        assert_eq!(cell(year, "/settings/o3_exception"), json!(false));
        assert_eq!(cell(year, "/settings/min_stations"), json!(1));
        assert_eq!(cell(year, "/simulated"), json!(false));
    }
}

#[test]
fn a_second_start_is_at_once_and_has_the_same_figures() {
    let full = full();
    assert!(full.second_start < Duration::from_secs(20));
    let after = full.site.json(YEARS);
    assert_eq!(figures(list(&after)), figures(list(&full.before)));
    assert_eq!(
        full.site.metric("skytier_readings_total{outcome=\"new\"}"),
        0
    );
}

#[test]
fn a_signal_right_after_the_start_is_heeded() {
    let (_folder, data) = seeded(&["beijing"]);
    for signal in ["TERM", "INT"].repeat(10) {
        Daemon::start(&data, &[]).stop(signal);
    }
}

#[test]
fn assess_beside_the_daemon_says_what_the_daemon_says() {
    let full = full();
    let (from, to) = ("2014-01-01", "2016-12-31");
    for (area, by) in [("group:beijing6", "quarter"), ("station:Wanliu", "year")] {
        let mut args = vec!["assess", "--data", text(&full.site.data), "--area", area];
        args.extend(["--from", from, "--to", to, "--by", by, "--format", "json"]);
        let wanted = lines(&run(&args));
        let path = format!("/v1/air/assessment?area={area}&from={from}&to={to}&by={by}");
        let found = full.site.json(&path);
        assert_eq!(figures(list(&found)), figures(&wanted), "{area} by {by}");
    }
    let mut args = vec!["assess", "--data", text(&full.site.data), "--by", "day"];
    args.extend(["--area", "group:beijing6", "--from", from, "--to", to]);
    args.extend(["--format", "csv"]);
    let path = format!("/v1/air/days?area=group:beijing6&from={from}&to={to}&format=csv");
    assert_eq!(full.site.fetch(&path).text, run(&args));
}

#[test]
fn the_export_holds_every_reading_in_order_and_verify_finds_all_well() {
    let full = full();
    let said = full.site.verify();
    let all = STATIONS.len() * HOURS * COLUMNS + SIMULATED;
    assert!(said.contains(&format!("readings: {all} checked")), "{said}");
    let export = full.site.export();
    let mut rows = export.lines();
    let header = "source,factor,stat,time,interval_s,value,flag,review";
    assert_eq!(rows.next(), Some(header));
    let (mut count, mut beijing, mut last) = (0, 0, Vec::new());
    for row in rows {
        // The zone is the same in every row, so the order of the texts is that of the times.
        let key: Vec<&str> = row.split(',').take(4).collect();
        assert!(last < key, "{row} after {last:?}");
        count += 1;
        beijing += usize::from(STATIONS.contains(&key[0]));
        last = key;
    }
    assert_eq!((beijing, count), (STATIONS.len() * HOURS * COLUMNS, all));
}

#[test]
fn the_published_half_years_of_jiangyin_come_out_of_the_simulated_readings() {
    let site = &full().site;
    let path = "/v1/air/assessment?area=group:city&from=2019-01-01&to=2020-06-30&by=half";
    let halves = site.json(path);
    let half = |name: &str| {
        let own = |period: &&Value| period["period"] == name;
        list(&halves).iter().find(own).expect("a half-year").clone()
    };
    let check = |name: &str, pointer: &str, expected: Value| {
        let found = half(name).pointer(pointer).cloned();
        assert_eq!(found, Some(expected), "{name} {pointer}");
    };
    check("2020-H1", "/pm25/published", json!(40.7));
    check("2020-H1", "/yoy/pm25_pct", json!(-16.3));
    check("2020-H1", "/aqi/good_days", json!(145));
    check("2020-H1", "/calendar_days", json!(182));
    check("2020-H1", "/aqi/good_day_ratio", json!(79.7));
    check("2020-H1", "/yoy/good_day_ratio_pp", json!(9.5));
    check("2019-H1", "/pm25/published", json!(48.6));
    check("2019-H1", "/aqi/good_days", json!(127));
    check("2019-H1", "/calendar_days", json!(181));
    check("2019-H1", "/aqi/good_day_ratio", json!(70.2));
    check("2020-H1", "/simulated", json!(true));
    check("2019-H1", "/simulated", json!(true));
}

#[test]
fn nothing_simulated_passes_for_measured() {
    let site = &full().site;
    for area in ["group:city", "station:sim-1999A", "mean"] {
        let query = format!("area={area}&from=2020-03-01&to=2020-03-05");
        let days = site.json(&format!("/v1/air/days?{query}"));
        assert_eq!(list(&days).len(), 5);
        let whole = site.json(&format!("/v1/air/assessment?{query}"));
        for answer in list(&days).iter().chain(list(&whole)) {
            assert_eq!(answer["simulated"], true, "{area}: {answer}");
        }
    }
    assert_eq!(site.json("/v1/air/now?area=group:city")["simulated"], true);
    assert_eq!(
        site.json("/v1/air/now?area=group:beijing6")["simulated"],
        false
    );
    let stations = site.json("/v1/stations");
    for station in list(&stations["stations"]) {
        let id = station["id"].as_str().expect("an id");
        assert_eq!(station["simulated"], id.starts_with("sim-"), "{id}");
    }
    let readings = site.readings("1999A", "factor=pm25");
    assert!(readings.is_empty(), "no reading stands under a real code");
}

#[test]
fn the_page_of_jiangyin_carries_the_mark_and_the_figures() {
    for (lang, mark) in [("zh", "模拟数据"), ("en", "SIMULATED")] {
        let path = format!("/?area=group:city&year=2020&lang={lang}");
        let page = full().site.fetch(&path);
        assert_eq!(
            (page.status, page.kind.as_str()),
            (200, "text/html; charset=utf-8")
        );
        assert!(page.text.contains(&format!("data-watermark=\"{mark}\"")));
        for figure in [
            "40.7", "-16.3", "79.7", "+9.5", "48.6", "70.2", "145", "127",
        ] {
            assert!(page.text.contains(figure), "{lang}: {figure}");
        }
    }
}

#[test]
fn the_page_opens_on_measured_air_and_says_so() {
    for (lang, name, note) in [
        ("zh", "北京六站", "当前为默认显示"),
        ("en", "Six Beijing stations", "Shown by default:"),
    ] {
        let page = full().site.fetch(&format!("/year?lang={lang}")).text;
        assert!(page.contains(name) && page.contains(note), "{lang}");
        assert!(page.contains("2017-02-28"), "{lang}: the newest day");
        assert!(!page.contains("data-watermark"), "{lang}");
        let first = full().site.fetch(&format!("/?lang={lang}")).text;
        assert!(
            first.contains(name) && !first.contains("data-watermark"),
            "{lang}"
        );
    }
    let plain = full().site.fetch("/").text;
    assert!(plain.contains("<html lang=\"zh"), "Chinese unless asked");
    for kind in ["pm25", "ratio", "calendar", "months", "days", "tiers"] {
        let chart = full()
            .site
            .fetch(&format!("/v1/charts/{kind}.svg?year=2016"));
        assert_eq!((chart.status, chart.kind.as_str()), (200, "image/svg+xml"));
        assert!(chart.text.contains("</svg>"), "{kind}");
    }
}
