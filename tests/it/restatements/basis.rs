//! What figures rest on is remembered with them: values as received or as reviewers left them, every day or without
//! those left out. They are held against the same later, and a decision that changes them is named as the cause.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use super::hours;
use super::lines;
use super::month;
use super::november;
use super::one;
use super::published;
use super::restated;
use super::send;
use super::told;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::verify;

/// The month with further settings.
fn month_with(settings: &[(&str, &str)]) -> Value {
    let mut body = month();
    for (key, value) in settings {
        body[*key] = json!(value);
    }
    body
}

fn decide(site: &Site, reviewer: &str, decision: &Value) {
    let body = json!({"reviewer": reviewer, "decisions": [decision]});
    let reply = post_json(&format!("{}/v1/reviews", site.http), &body);
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// A decision about hours 1 to 3 of the 5th.
fn about(word: &str, more: &[(&str, &str)]) -> Value {
    let mut decision = json!({"source": "Dongsi", "factor": "pm25", "decision": word,
        "from": "2016-11-05T00:00:00+08:00", "to": "2016-11-05T03:00:00+08:00"});
    for (key, value) in more {
        decision[*key] = json!(value);
    }
    decision
}

/// Registers exclusions: `id,pollutants,statistics,decided_on,revoked_on` of 2016-11-05.
fn exclude(site: &Site, rows: &[&str]) {
    let mut csv =
        "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\n".to_owned();
    for row in rows {
        let (id, rest) = row.split_once(',').expect("an id and more");
        let (pollutants, rest) = rest.split_once(',').expect("pollutants");
        let (statistics, dates) = rest.split_once(',').expect("statistics");
        let place = "station:Dongsi,2016-11-05,2016-11-05";
        csv.push_str(&format!(
            "{id},{place},{pollutants},{statistics},dust,notice {id},{dates}\n"
        ));
    }
    let url = format!("{}/v1/registry/exclusions", site.http);
    let reply = post_json(&url, &json!({"csv": csv}));
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// November with three hours of the 5th far above the others.
async fn with_peak(data: &Path) -> Daemon {
    let daemon = november(data).await;
    send(&daemon.site, "Dongsi", &[hours("2016-11-05", 1, 3, "870")]).await;
    daemon
}

/// The same list as JSON and CSV, and what people read of it.
fn every_form_tells_of_it(site: &Site, found: &[Value]) {
    let command = |more: &[&str]| {
        let args = ["restatements", "--data", text(&site.data)];
        run(&[&args, more].concat())
    };
    assert_eq!(lines(&command(&["--format", "json"])), found);
    let csv = command(&["--format", "csv"]);
    assert_eq!(csv, site.fetch("/v1/restatements?format=csv").text);
    for (lang, words) in [
        ("zh", "标准2012，审核数据，发布于"),
        ("zh", "Dongsi PM2.5 审核 判为无效 3小时"),
        ("en", "edition 2012, reviewed, issued"),
        (
            "en",
            "Dongsi PM2.5 reviewed void 3 hours 2016-11-05T01:00:00+08:00/2016-11-05T03:00:00+08:00 decided 20",
        ),
        ("en", "Li Na span drift of 40 % on the day\n"),
    ] {
        let table = command(&["--lang", lang]);
        assert!(table.contains(words), "{words}: {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewed_figures_are_held_against_reviewed_ones() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = with_peak(&data).await;
    let site = &daemon.site;
    let raw = published(site, &month());
    let reviewed = published(site, &month_with(&[("review", "reviewed")]));
    // Without any decision both say the same, and stand apart all the same.
    let told_of = |issue: &Value| (issue["figures"]["pm25"].clone(), issue["review"].clone());
    assert_eq!(told_of(&raw[0]), (json!(33.5), json!("raw")));
    assert_eq!(told_of(&reviewed[0]), (json!(33.5), json!("reviewed")));
    assert!(restated(site).is_empty(), "nothing changed");

    let reason = [("reason", "span drift of 40 % on the day")];
    decide(site, "Li Na", &about("void", &reason));
    let found = restated(site);
    let numbers: Vec<&Value> = found.iter().map(|own| &own["issue"]).collect();
    assert_eq!(numbers, [&json!(2)], "the raw issue stands");
    assert_eq!(found[0]["review"], "reviewed");
    let void = "reviewed Dongsi pm25 3 void Li Na";
    let lines_told = told(&found);
    assert_eq!(lines_told[0], format!("pm25 33.5>30 -3.5: {void}"));
    assert!(lines_told.contains(&format!("good_days 29>30 1: {void}")));
    let cause = &found[0]["items"][0]["causes"][0];
    assert_eq!(cause["reason"], reason[0].1);
    assert_eq!(cause["first"], "2016-11-05T01:00:00+08:00");
    let issued = reviewed[0]["issued_at"].as_str().expect("a time");
    let decided = cause["decided_first"].as_str().expect("a time");
    assert!(issued < decided, "{issued} {decided}");

    every_form_tells_of_it(site, &found);

    // A correction by the sender changes nothing where a reviewer's decision stands; elsewhere it does.
    let corrected = [
        hours("2016-11-05", 1, 3, "100"),
        one("2016-11-07T05:00:00", r#""pm25":750"#),
    ];
    send(site, "Dongsi", &corrected).await;
    let found = told(&restated(site)[1..]);
    let later = "corrected Dongsi pm25 1";
    assert_eq!(found[0], format!("pm25 33.5>31 -2.5: {later}, {void}"));

    // Taken back: confirmed as received, whoever does it is named instead.
    decide(site, "Wang", &about("confirm", &[]));
    let found = told(&restated(site)[1..]);
    let confirmed = "reviewed Dongsi pm25 3 confirm Wang";
    let expected = format!("pm25 33.5>31.3 -2.2: {later}, {confirmed}");
    assert_eq!(found[0], expected);
    published(site, &month_with(&[("review", "reviewed")]));
    assert_eq!(restated(site).len(), 1, "only the raw issue is left");
    daemon.stop("TERM");

    let args = ["publish", "--data", text(&data), "--area", "station:Dongsi"];
    let span = [
        "--from",
        "2016-11-01",
        "--to",
        "2016-11-30",
        "--by",
        "month",
    ];
    let command = |more: &[&str]| lines(&run(&[&args[..], &span, more].concat()))[0].clone();
    assert_eq!(command(&["--review", "reviewed"])["figures"]["pm25"], 31.3);
    verify(&data);
}

/// PM2.5, whether days were left out, the zone, and by which exclusions.
fn basis(issue: &Value) -> Value {
    let settings = &issue["settings"];
    let (pm25, view) = (&issue["figures"]["pm25"], &settings["exclusions"]);
    let ids = issue["exclusions"].as_array().expect("a list").iter();
    let ids: Vec<&Value> = ids.map(|own| &own["id"]).collect();
    json!([pm25, view, settings["zone"], ids])
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusions_that_come_are_causes() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = with_peak(&data).await;
    let site = &daemon.site;
    let left_out = month_with(&[("exclusions", "with")]);
    published(site, &month());
    let issue = published(site, &left_out)[0].clone();
    assert_eq!(basis(&issue), json!([33.5, "with", "+08:00", []]));

    // 29 days of 30 are left; good days keep the day, as the reason's defaults say.
    exclude(site, &["d1,pm10|pm25,,2016-12-01,"]);
    let found = restated(site);
    let numbers: Vec<&Value> = found.iter().map(|own| &own["issue"]).collect();
    assert_eq!(numbers, [&json!(2)], "figures of all days stand");
    let entered = "exclusion_changed entered d1 notice d1";
    let lines_told = told(&found);
    assert_eq!(lines_told[0], format!("pm25 33.5>30 -3.5: {entered}"));
    assert!(
        lines_told.iter().all(|line| !line.starts_with("good_days")),
        "{lines_told:?}"
    );
    let cause = &found[0]["items"][0]["causes"][0];
    assert_eq!(
        (&cause["decided_on"], &cause["statistics"][0]),
        (&json!("2016-12-01"), &json!("mean"))
    );
    let english = run(&["restatements", "--data", text(&site.data), "--lang", "en"]);
    for words in [
        "edition 2012, excluded days left out, issued",
        "exclusion entered d1 station:Dongsi PM2.5 PM10 2016-11-05/2016-11-05 notice d1 decided 2016-12-01",
    ] {
        assert!(english.contains(words), "{words}: {english}");
    }

    daemon.stop("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusions_that_change_or_go_are_causes() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = with_peak(&data).await;
    let site = &daemon.site;
    exclude(site, &["d1,pm10|pm25,,2016-12-01,"]);
    let left_out = month_with(&[("exclusions", "with")]);
    let again = published(site, &left_out);
    assert_eq!(basis(&again[0]), json!([30, "with", "+08:00", ["d1"]]));
    exclude(site, &["d1,pm10,,2016-12-01,"]);
    let changed = "exclusion_changed changed d1 notice d1";
    assert_eq!(
        told(&restated(site))[0],
        format!("pm25 30>33.5 3.5: {changed}")
    );
    // Only the statistics an exclusion names are touched by it: 29 days stay good, of 29 instead of 30.
    exclude(
        site,
        &[
            "d1,pm10|pm25,,2016-12-01,2016-12-09",
            "d2,pm25,good_days,2016-12-02,",
        ],
    );
    let found = told(&restated(site));
    let (revoked, second) = (
        "exclusion_changed revoked d1 notice d1",
        "exclusion_changed entered d2 notice d2",
    );
    assert_eq!(found[0], format!("pm25 30>33.5 3.5: {revoked}"));
    assert!(
        found.contains(&format!("valid_days 30>29 -1: {second}")),
        "{found:?}"
    );

    // Readings and exclusions together: each is told, and nothing is blamed on rules.
    send(
        site,
        "Dongsi",
        &[one("2016-11-07T05:00:00", r#""pm25":60"#)],
    )
    .await;
    let found = told(&restated(site));
    assert_eq!(
        found[0],
        format!("pm25 30>33.5 3.5: {revoked}, corrected Dongsi pm25 1")
    );
    daemon.stop("TERM");
    verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_published_as_measured() {
    let (_folder, data) = seeded(&["beijing"]);
    let daemon = with_peak(&data).await;
    let site = &daemon.site;
    exclude(site, &["d1,pm10|pm25,mean|good_days,2016-12-01,"]);
    let day = month_with(&[("by", "day"), ("from", "2016-11-05"), ("to", "2016-11-05")]);
    let issue = &published(site, &day)[0];
    assert_eq!(
        (&issue["figures"]["pm25"], &issue["settings"]["exclusions"]),
        (&json!(135), &json!("without"))
    );
    let mut with = day.clone();
    with["exclusions"] = json!("with");
    let reply = super::publish(site, &with);
    assert_eq!(reply.status, 400);
    assert!(
        reply.text.contains("a day is published as measured"),
        "{}",
        reply.text
    );
    let mut odd = month();
    odd["exclusions"] = json!("some");
    let reply = super::publish(site, &odd);
    assert_eq!(reply.status, 400, "{}", reply.text);
    daemon.stop("TERM");
    let args = [
        "publish",
        "--data",
        text(&data),
        "--area",
        "station:Dongsi",
        "--from",
        "2016-11-05",
    ];
    let (code, said) = fails(
        &[
            &args[..],
            &["--to", "2016-11-05", "--by", "day", "--exclusions", "with"],
        ]
        .concat(),
    );
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("a day is published as measured"), "{said}");
    let (code, said) =
        fails(&[&args[..], &["--to", "2016-11-05", "--exclusions", "both"]].concat());
    assert!(
        code == 2 && said.contains("with or without is expected"),
        "{said}"
    );
}
