//! The pages of the bureau: their figures are those of the interface.

use serde_json::Value;

use crate::support::Daemon;
use crate::support::Site;
use crate::support::full::full;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::text;

/// Also seconds later: the moment a page is made is no part of its tag.
#[test]
fn charts_and_pages_of_the_air_are_sent_once() {
    let site = &full().site;
    for path in [
        "/v1/charts/calendar.svg?area=group:beijing6&year=2016",
        "/v1/charts/months.png?area=group:beijing6&year=2016",
        "/calendar?area=group:beijing6&year=2016",
        "/trends?area=group:beijing6&year=2016",
    ] {
        sent_once(&format!("{}{path}", site.http));
    }
}

fn sent_once(url: &str) {
    let ask = |held: &str| {
        let request = ureq::get(url).config().http_status_as_error(false).build();
        let answer = request
            .header("if-none-match", held)
            .call()
            .expect("an answer");
        let tag = answer
            .headers()
            .get("etag")
            .and_then(|tag| tag.to_str().ok());
        (answer.status().as_u16(), tag.unwrap_or_default().to_owned())
    };
    let (status, tag) = ask("\"other\"");
    assert!(
        status == 200 && tag.starts_with("W/"),
        "{url}: {status} {tag}"
    );
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(ask(&format!("\"a\", {tag}")), (304, tag), "{url}");
}

/// What stands between two marks of a page.
pub(crate) fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before}"));
    let (found, _) = rest
        .split_once(after)
        .unwrap_or_else(|| panic!("no {after}"));
    found
}

/// The cells of the row that begins with a heading, as texts without marks.
fn row(page: &str, heading: &str) -> Vec<String> {
    let row = between(page, &format!("<th scope=\"row\">{heading}"), "</tr>");
    row.split("<td")
        .skip(1)
        .map(|cell| {
            let text = cell.split_once('>').map_or("", |(_, text)| text);
            let parts = text.split('<').enumerate();
            let plain = parts.map(|(at, part)| match at {
                0 => part,
                _ => part.split_once('>').map_or("", |(_, text)| text),
            });
            plain.collect::<String>().trim().to_owned()
        })
        .collect()
}

fn one_decimal(value: &Value) -> String {
    let value = value.as_f64();
    value.map_or_else(|| "Void".to_owned(), |value| format!("{value:.1}"))
}

fn assessment(site: &Site, query: &str) -> Value {
    let all = site.json(&format!("/v1/air/assessment?{query}"));
    all.as_array().expect("a list").last().expect("one").clone()
}

#[test]
fn the_calendar_counts_as_the_interface_does() {
    let site = &full().site;
    let page = site
        .fetch("/calendar?area=group:beijing6&year=2016&lang=en")
        .text;
    for year in [2014, 2015, 2016] {
        let query = format!("area=group:beijing6&from={year}-01-01&to={year}-12-31&by=year");
        let days = &assessment(site, &query)["aqi"];
        let cells = row(&page, &year.to_string());
        let expected = [
            "good_day_ratio",
            "good_days",
            "heavy_days",
            "valid_days",
            "void_days",
        ];
        let expected: Vec<String> = expected
            .iter()
            .map(|key| match *key {
                "good_day_ratio" => one_decimal(&days[key]),
                _ => days[key].to_string(),
            })
            .collect();
        assert_eq!(cells[..5], expected, "{year}");
    }
    // Every day of the year drawn leads to its page, in the picture and in the table.
    let lead = "href=\"/days/2016-";
    assert_eq!(page.matches(lead).count(), 3 * 366);
}

#[test]
fn a_day_says_its_hours_and_why_it_is_void() {
    let site = &full().site;
    for day in ["2016-12-20", "2015-06-03", "2017-02-27"] {
        let page = site
            .fetch(&format!("/days/{day}?area=group:beijing6&lang=en"))
            .text;
        let query = format!("area=group:beijing6&from={day}&to={day}");
        let own = &site.json(&format!("/v1/air/days?{query}"))[0];
        let aqi = between(&page, "id=\"aqi\">", "<");
        match own["aqi"].as_i64() {
            Some(index) => assert_eq!(aqi, index.to_string(), "{day}"),
            None => {
                assert_eq!(aqi, "Void", "{day}");
                assert!(page.contains("Why it is void:"), "{day}");
            }
        }
        let hours = site.json(&format!("/v1/air/hours?{query}"));
        let hours = hours.as_array().expect("a list");
        assert_eq!(hours.len(), 24);
        for (at, hour) in hours.iter().enumerate() {
            let cells = row(&page, &format!("{:02}:00", at + 1));
            let pm25 = hour["pm25"].as_f64();
            let pm25 = pm25.map_or_else(
                || "–".to_owned(),
                |value| format!("{}", value.round_ties_even()),
            );
            assert_eq!(cells[0], pm25, "{day} {at}");
            let said = cells[6].split(' ').next().expect("a word").to_owned();
            let index = hour["aqi"].as_i64();
            let index = index.map_or_else(|| "Void".to_owned(), |index| index.to_string());
            assert_eq!(said, index, "{day} {at}");
        }
        for station in ["Dongsi", "Wanliu"] {
            assert!(page.contains(&format!("<small>{station}</small>")), "{day}");
        }
    }
    assert_eq!(site.fetch("/days/2016-02-30").status, 400);
    assert_eq!(site.fetch("/days/soon").status, 400);
}

#[test]
fn targets_stand_on_the_page_as_the_interface_has_them() {
    let site = &full().site;
    let query = "area=group:city&on=2020-04-30";
    let page = site.fetch(&format!("/targets?{query}&lang=en")).text;
    let paced = site.json(&format!("/v1/air/targets?{query}"));
    for own in paced["targets"].as_array().expect("a list") {
        let id = own["id"].as_str().expect("an id");
        let card = between(&page, &format!("data-target=\"{id}\""), "</article>");
        for (name, key) in [
            ("Days left may average", "remaining_days_control"),
            ("Bad days that may still come", "bad_days_left"),
        ] {
            if !own[key].is_null() {
                assert!(
                    card.contains(&format!("{name}</dt><dd><b>{}", own[key])),
                    "{id} {key}: {card}"
                );
            }
        }
    }
    // The figure so far at the end of days, beside the interface's.
    for day in ["2020-01-31", "2020-03-15", "2020-04-30"] {
        let query = format!("area=group:city&from=2020-01-01&to={day}&by=period");
        let own = assessment(site, &query);
        let tables: Vec<&str> = page.split("<tbody>").collect();
        let at = |table: &str| row(table, day)[0].clone();
        assert_eq!(
            at(tables[1]),
            one_decimal(&own["pm25"]["published"]),
            "{day}"
        );
        assert_eq!(
            at(tables[2]),
            one_decimal(&own["aqi"]["good_day_ratio"]),
            "{day}"
        );
    }
    let query = "area=group:city&from=2020-01-01&to=2020-04-30&by=period";
    for edition in ["2012", "2026", "2031"] {
        let own = assessment(site, &format!("{query}&edition={edition}"));
        let line = between(&page, &format!("data-edition=\"{edition}\""), "</tr>");
        assert!(
            line.contains(&format!(">{}<", one_decimal(&own["pm25"]["published"]))),
            "{edition}"
        );
        assert!(
            line.contains(&format!(">{}<", one_decimal(&own["aqi"]["good_day_ratio"]))),
            "{edition}"
        );
    }
}

#[test]
fn trends_bulletins_and_a_source_coming_in_say_what_the_interface_says() {
    let site = &full().site;
    let page = site
        .fetch("/trends?area=group:beijing6&year=2016&lang=en")
        .text;
    for year in [2014, 2015, 2016] {
        let query = format!("area=group:beijing6&from={year}-01-01&to={year}-12-31&by=year");
        let published = one_decimal(&assessment(site, &query)["pm25"]["published"]);
        assert!(
            page.contains(&format!(">{published}<")),
            "{year}: {published}"
        );
    }
    let page = site.fetch("/bulletins?area=group:city&period=2020-H1").text;
    assert!(page.contains("PM2.5") && page.contains("40.7") && page.contains("145"));
    let page = site.fetch("/commissioning/Dongsi?lang=en").text;
    assert!(page.contains("Receipt less stamp"));
    assert_eq!(site.fetch("/commissioning/nobody").status, 404);
    assert_eq!(site.fetch("/stations/nobody").status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_reports_every_second_has_a_page() {
    let (folder, data) = seeded(&["jiangyin"]);
    let table = folder.path().join("stations.csv");
    let header = "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone,interval_s";
    let row = "S1,秒站,Seconds,micro,120,31,false,test,+08:00,1";
    std::fs::write(&table, format!("{header}\n{row}\n")).expect("room on the disk");
    let tables = format!("stations={}", text(&table));
    run(&["register", "--data", text(&data), &tables]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    for day in ["01", "31"] {
        let time = format!("2020-07-{day}T10:00:00+08:00");
        let reading = format!("{{\"time\":\"{time}\",\"interval_s\":1,\"values\":{{\"pm25\":7}}}}");
        station.send(&readings_topic("S1"), &reading).await;
    }
    let page = daemon.fetch("/stations/S1?lang=en");
    // A whole day's reports that are expected, the last day but one.
    assert!(
        page.status == 200 && page.text.contains(">86400<"),
        "{}",
        page.text
    );
    // Where the days are asked for, so many are refused, and it is said how many there may be.
    let asked = "/v1/stations/S1/gaps?from=2020-07-01&to=2020-07-31";
    let refused = daemon.fetch(asked);
    assert!(
        refused.status == 400 && refused.text.contains("at most 2000000"),
        "{}",
        refused.text
    );
}
