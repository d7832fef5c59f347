//! The first screen: it follows what is published, agrees with the interface, and leads to the first reading.

use chrono::DateTime;
use serde_json::Value;

use crate::browser::Browser;
use crate::desk::between;
use crate::pages::keep_picture;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::full::full;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::wait_for;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
                        1999A,虹桥邮政,Hongqiao,national,120.268,31.920,false,own\n";

/// The last whole hour, as text with offset.
fn last_hour() -> String {
    let now = chrono::Utc::now().timestamp();
    let hour = DateTime::from_timestamp(now - now.rem_euclid(3_600), 0).expect("a time");
    hour.with_timezone(&chrono::FixedOffset::east_opt(8 * 3_600).expect("an offset"))
        .to_rfc3339()
}

fn reading(value: &str) -> String {
    let time = last_hour();
    format!("{{\"time\":\"{time}\",\"interval_s\":3600,\"values\":{{\"pm25\":{value}}}}}")
}

/// The text of an element, empty while it is not there.
fn text_of(browser: &mut Browser, id: &str) -> String {
    let script = "const e = document.getElementById(arguments[0]); return e ? e.textContent : '';";
    let found = browser.run(script, &[Value::from(id)]);
    found.as_str().unwrap_or_default().to_owned()
}

#[test]
fn from_the_first_step_to_a_reading_that_appears_by_itself() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start(profile.path());
    for (lang, width) in [("zh", 1440), ("en", 390)] {
        let found = browser.look(&format!("{}/?lang={lang}", daemon.http), width, false);
        keep_picture(&mut browser, &format!("today-first-{lang}-{width}"));
        assert_eq!(found.complaints(), "", "{lang} {width}");
    }
    let page = daemon.fetch("/").text;
    let host = daemon.http.trim_start_matches("http://");
    assert!(page.contains(&format!("http://{host}/v1/registry/stations")));
    assert!(page.contains(&format!("mosquitto_pub -h 127.0.0.1 -p {}", daemon.mqtt)));
    let body = serde_json::json!({"csv": STATIONS});
    let entered = post_json(&format!("{}/v1/registry/stations", daemon.http), &body);
    assert_eq!(entered.status, 200, "{}", entered.text);
    // The page stays open, and nobody loads it again: what was left on it by hand is still there at the end.
    browser.run("window.untouched = true;", &[]);
    wait_for("the page listens", PATIENCE, || {
        (browser.run("return document.querySelectorAll('.live.on').length", &[]) == 1).then_some(())
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut station = runtime.block_on(Station::connect(&daemon, "first"));
    for (value, wanted) in [("40.7", "41"), ("61.3", "61")] {
        runtime.block_on(station.send(&readings_topic("1999A"), &reading(value)));
        wait_for("the reading on the open page", PATIENCE, || {
            (text_of(&mut browser, "now-PM2.5") == wanted).then_some(())
        });
        assert_eq!(daemon.json("/v1/air/now")["pm25"].to_string(), value);
    }
    assert_eq!(browser.run("return window.untouched", &[]), true);
    let found = browser.look(&format!("{}/?lang=en", daemon.http), 390, false);
    assert_eq!(found.complaints(), "");
}

#[test]
fn the_first_screen_says_what_the_interface_says() {
    let site = &full().site;
    for area in ["group:beijing6", "group:city", "station:Dongsi"] {
        let page = site.fetch(&format!("/?area={area}&lang=en")).text;
        let now = site.json(&format!("/v1/air/now?area={area}"));
        assert_eq!(
            between(&page, "id=\"aqi\">", "<"),
            now["aqi"].to_string(),
            "{area}"
        );
        let time = now["time"].as_str().expect("a time");
        assert!(page.contains(&format!("datetime=\"{time}\"")), "{area}");
        let (reporting, stations) = (&now["stations_reporting"], &now["stations"]);
        assert!(
            page.contains(&format!("{reporting} of {stations} stations reporting")),
            "{area}"
        );
        let through = between(&page, "Data through ", "<");
        let year = &through[..4];
        let path =
            format!("/v1/air/assessment?area={area}&from={year}-01-01&to={through}&by=period");
        let report = &site.json(&path)[0];
        let year_card = between(&page, "<section class=\"cards\" id=\"year\"", "</section>");
        let published = report["pm25"]["published"].as_f64().expect("a figure");
        assert_eq!(
            between(year_card, "<strong>", "<"),
            format!("{published:.1}"),
            "{area}"
        );
        let good = report["aqi"]["good_days"].to_string();
        assert!(
            year_card.contains(&format!("{good} good, ")),
            "{area}: {year_card}"
        );
        for own in report["targets"].as_array().expect("a list") {
            if let Some(control) = own["remaining_days_control"].as_i64() {
                assert!(
                    year_card.contains(&format!("may average {control} ")),
                    "{area}"
                );
            }
        }
        let month = format!("{}-01", &through[..7]);
        let path = format!("/v1/air/assessment?area={area}&from={month}&to={through}&by=month");
        let report = &site.json(&path)[0];
        if let Some(published) = report["pm25"]["published"].as_f64() {
            assert!(
                year_card.contains(&format!("<b id=\"month-pm25\">{published:.1}<")),
                "{area}"
            );
        }
    }
}

#[test]
fn addresses_of_earlier_versions_lead_to_the_year() {
    let site = &full().site;
    let old = site.fetch("/?area=group:city&year=2020&lang=en").text;
    let new = site.fetch("/year?area=group:city&year=2020&lang=en").text;
    let known_at = |page: &str| between(page, "As known at ", "<").to_owned();
    assert_eq!(
        old.replace(&known_at(&old), ""),
        new.replace(&known_at(&new), "")
    );
}
