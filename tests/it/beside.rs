//! What stands beside a city's figures: exclusions, the fixed set of stations, documents, reviewed values.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use skytier::adapters::store::Stores;
use skytier::app::standards;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::review::Decision;
use skytier::domain::review::Verdict;
use skytier::domain::units::Amount;
use skytier::flow::reviewed::ReviewedDays;
use skytier::flow::reviewed::Seen;
use skytier::flow::reviewed::SeenDays;
use skytier::flow::reviewed::over;
use skytier::flow::reviewed::seen_of;
use skytier::flow::reviewing::Reviewing;
use skytier::flow::rollup::Recipe;
use skytier::flow::rollup::Rollup;
use skytier::ports::Batch;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::run;
use crate::support::text;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\nb,乙,B,national,120.6,31.25,false,feed\n";
const GROUPS: &str = "id,name_zh,name_en,document,station,from,to,member_document\n\
    city,市,City,doc 1,a,2019-01-01,,\ncity,市,City,doc 1,b,2020-01-02,,doc 1b\n";
const EXCLUSIONS: &str =
    "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\n";
const DUST: &str = "d1,group:city,2020-01-02,2020-01-02,,,dust,dust notice 5,2020-02-03,\n";
const ASKED: &str =
    "/v1/air/assessment?area=city&from=2020-01-01&to=2020-01-03&by=period&edition=2012";

fn write(folder: &Path, name: &str, lines: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, lines).expect("room on the disk");
    text(&path).to_owned()
}

/// Three days: PM2.5 of `a` is 10, 100, 40 and of `b` 20, 200, 60; the rest never changes. `b` counts from the
/// second day on, so the city's days are 10, 150 and 50.
fn city(folder: &Path, exclusions: &str) -> Daemon {
    let data = folder.join("data");
    let tables = [
        write(folder, "stations.csv", STATIONS),
        write(folder, "groups.csv", GROUPS),
        write(
            folder,
            "exclusions.csv",
            &format!("{EXCLUSIONS}{exclusions}"),
        ),
    ];
    let mut args = vec!["register", "--data", text(&data)];
    args.extend(tables.iter().map(String::as_str));
    run(&args);
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    for (station, values) in [("a", [10, 100, 40]), ("b", [20, 200, 60])] {
        for (day, value) in (1..).zip(values) {
            for hour in 1..=24 {
                let (date, hour) = if hour == 24 {
                    (day + 1, 0)
                } else {
                    (day, hour)
                };
                let time = format!("2020-01-{date:02}T{hour:02}:00:00+08:00");
                rows.push_str(&format!("{station},{time},3600,{value},50,5,20,0.5,60\n"));
            }
        }
    }
    let file = folder.join("days.csv");
    std::fs::write(&file, rows).expect("room on the disk");
    let daemon = Daemon::start(&data, &[]);
    daemon.replay("canonical", &[file]);
    daemon.settle();
    daemon
}

fn period(daemon: &Daemon, more: &str) -> Value {
    daemon.json(&format!("{ASKED}{more}"))[0].clone()
}

/// Mean of PM2.5, its days, good and valid days, composite index.
fn told(figures: &Value) -> Value {
    json!([
        figures["pm25"]["mean"],
        figures["pm25"]["valid_days"],
        figures["aqi"]["good_days"],
        figures["aqi"]["valid_days"],
        figures["composite_index"],
    ])
}

#[test]
fn dust_is_left_out_of_means_and_stays_in_the_good_days() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = city(folder.path(), DUST);
    let both = period(&daemon, "");
    let excluded = &both["excluded"];
    assert_eq!(
        told(&both),
        told(&excluded["without"]),
        "as the profile says"
    );
    assert_eq!(told(&both), json!([70, 3, 2, 3, 3.79]));
    assert_eq!(told(&excluded["with"]), json!([30, 2, 2, 3, 2.65]));
    assert_eq!(excluded["main_figures"], "without");
    assert_eq!(excluded["least_days"], "counted before the deduction");
    assert_eq!(
        excluded["entries"],
        json!([{
            "id": "d1", "place": "group:city", "days": ["2020-01-02"], "pollutants": ["pm25", "pm10"],
            "statistics": ["mean", "percentile", "composite", "ranking"], "reason": "dust",
            "document": "dust notice 5", "decided_on": "2020-02-03",
        }])
    );
    let percentile = |figures: &Value| figures["pollutants"]["pm25"]["p95"].clone();
    assert_eq!(percentile(&excluded["without"]), 140);
    assert_eq!(percentile(&excluded["with"]), 48);
    for (view, expected) in [("with", told(&excluded["with"])), ("without", told(&both))] {
        let one = period(&daemon, &format!("&exclusions={view}"));
        assert_eq!(told(&one), expected, "{view}");
        assert_eq!(
            (&one["excluded"], &one["settings"]["exclusions"]),
            (&Value::Null, &json!(view))
        );
    }
    let day = daemon.json("/v1/air/days?area=city&from=2020-01-02&to=2020-01-02&edition=2012");
    assert_eq!(
        (&day[0]["pm25"], &day[0]["aqi"]),
        (&json!(150), &json!(200)),
        "the day keeps its dust"
    );
    let reply = daemon.fetch(&format!("{ASKED}&exclusions=maybe"));
    assert_eq!(reply.status, 400, "{}", reply.text);
    let printed = run(&[
        "assess",
        "--data",
        text(&daemon.data),
        "--area",
        "city",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-03",
        "--edition",
        "2012",
        "--exclusions",
        "with",
        "--format",
        "json",
    ]);
    let printed: Value = serde_json::from_str(&printed).expect("one line of JSON");
    assert_eq!(
        told(&printed),
        told(&excluded["with"]),
        "the command line says the same"
    );
}

#[test]
fn an_exclusion_holds_at_its_place_while_it_stands() {
    let stations = |row: &str, expected: Value| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let daemon = city(folder.path(), row);
        assert_eq!(
            told(&period(&daemon, "&exclusions=with")),
            expected,
            "{row}"
        );
    };
    let days = "2020-01-03,2020-01-03";
    // One station's day: the city's is the mean of the others.
    stations(
        &format!("e,station:b,{days},pm25,mean,exceptional,x,2020-02-03,\n"),
        json!([66.666667, 3, 2, 3, 3.79]),
    );
    // Out of the good days: without PM2.5 the day has no AQI.
    stations(
        "e,all,2020-01-02,2020-01-02,pm25,good_days,exceptional,x,2020-02-03,\n",
        json!([70, 3, 2, 2, 3.79]),
    );
    for gone in [
        format!("e,group:city,{days},pm25,mean,exceptional,x,2020-02-03,2020-03-01\n"),
        format!("e,group:city,{days},pm25,mean,exceptional,x,2999-01-01,\n"),
        "e,group:city,2020-01-04,2020-01-09,pm25,mean,exceptional,x,2020-02-03,\n".to_owned(),
    ] {
        stations(&gone, json!([70, 3, 2, 3, 3.79]));
    }
}

#[test]
fn a_trend_stands_on_the_stations_that_were_there_all_the_time_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = city(folder.path(), "");
    let whole = period(&daemon, "");
    assert_eq!(whole["excluded"], Value::Null);
    assert_eq!(whole["area_documents"], json!(["doc 1", "doc 1b"]));
    let fixed = &whole["fixed_set"];
    assert_eq!(
        (&fixed["stations"], &fixed["same_as_area"]),
        (&json!(["a"]), &json!(false))
    );
    assert_eq!(told(fixed), json!([50, 3, 2, 3, 3.22]));
    let later = ASKED.replace("from=2020-01-01", "from=2020-01-02");
    let later = daemon.json(&later)[0].clone();
    assert_eq!(
        later["fixed_set"],
        json!({"stations": ["a", "b"], "same_as_area": true})
    );
    let gone = ASKED.replace("from=2020-01-01", "from=2018-12-31");
    let gone = daemon.json(&gone)[0].clone();
    assert_eq!(gone["fixed_set"], Value::Null);
    assert_eq!(
        gone["fixed_set_void_reason"],
        "no station belongs to the area on every day from 2018-12-31 to 2020-01-03"
    );
}

#[test]
fn figures_say_whether_they_are_raw_or_reviewed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = city(folder.path(), "");
    let raw = period(&daemon, "");
    assert_eq!(
        (&raw["review"], &raw["reviewed_values"]),
        (&json!("raw"), &Value::Null)
    );
    let body = json!({"reviewer": "Li", "decisions": [
        {"source": "a", "factor": "pm25", "from": "2020-01-01T00:00:00+08:00", "to": "2020-01-02T00:00:00+08:00",
         "decision": "void", "reason": "instrument down until midnight"},
        {"source": "b", "factor": "co", "time": "2020-01-03T05:00:00+08:00", "decision": "confirm"},
    ]});
    let reply = post_json(&format!("{}/v1/reviews", daemon.http), &body);
    assert_eq!(reply.status, 200, "{}", reply.text);
    let check = |reviewed: &Value| {
        assert_eq!(
            (&reviewed["review"], &reviewed["settings"]["review"]),
            (&json!("reviewed"), &json!("reviewed"))
        );
        assert_eq!(
            reviewed["reviewed_values"],
            json!({"reviewed": 25, "of": 720})
        );
        assert_eq!(
            (&reviewed["pm25"]["mean"], &reviewed["pm25"]["valid_days"]),
            (&json!(100), &json!(2))
        );
    };
    check(&period(&daemon, "&review=reviewed"));
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ");
    check(&period(
        &daemon,
        &format!("&review=reviewed&known_at={now}"),
    ));
    let printed = run(&[
        "assess",
        "--data",
        text(&daemon.data),
        "--area",
        "city",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-03",
        "--edition",
        "2012",
        "--review",
        "reviewed",
        "--format",
        "json",
    ]);
    check(&serde_json::from_str(&printed).expect("one line of JSON"));
    assert_eq!(told(&period(&daemon, "")), told(&raw), "raw figures stay");
    let days = daemon.json("/v1/air/days?area=city&from=2020-01-01&to=2020-01-01&review=reviewed");
    assert_eq!(
        (&days[0]["pm25"], &days[0]["review"]),
        (&Value::Null, &json!("reviewed"))
    );
}

/// One thing that happens: a value of an hour arrives, or a decision about some hours is made.
#[derive(Clone, Debug)]
enum Event {
    Value(bool, i64, Option<i64>),
    Decision(bool, i64, i64, u8),
    Look,
}

fn event() -> impl Strategy<Value = Event> {
    let value = (any::<bool>(), 1i64..72, proptest::option::of(1i64..500));
    let decision = (any::<bool>(), 0i64..71, 1i64..40, 0u8..3);
    prop_oneof![
        4 => value.prop_map(|(source, hour, value)| Event::Value(source, hour, value)),
        1 => decision.prop_map(|(source, after, length, verdict)| Event::Decision(source, after, length, verdict)),
        1 => Just(Event::Look),
    ]
}

fn key(source: bool) -> SeriesKey {
    SeriesKey {
        source: SourceId::new(if source { "a" } else { "b" }).expect("an id"),
        factor: Pollutant::Pm25.factor(),
        stat: Stat::avg(),
        interval_s: 3_600,
    }
}

fn hour(hours: i64) -> Instant {
    Instant::from_unix(1_577_808_000 + hours * 3_600)
}

/// What was looked at, without days of no value.
fn told_seen(seen: &SeenDays) -> BTreeSet<String> {
    let own = seen.iter().flat_map(|(source, days)| {
        let counted = days.iter().filter(|(_, seen)| **seen != Seen::default());
        counted.map(move |(day, seen)| format!("{source} {day} {seen:?}"))
    });
    own.collect()
}

/// Lets it all happen; whenever somebody looks, what is kept must be what a fresh computation gives.
async fn happen(events: Vec<Event>) {
    let stores = Stores::memory();
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: Zone::beijing(),
        editions: Arc::new(standards::editions().expect("sound editions")),
    };
    let rollup = Rollup::open(recipe.clone()).await.expect("opened");
    let reviewing = Reviewing::open(Arc::clone(&stores.reviews), Arc::clone(&stores.series));
    let (reviewing, kept) = (reviewing.await.expect("opened"), ReviewedDays::default());
    for (now, event) in (0..).zip(events.into_iter().chain([Event::Look])) {
        let now = Instant::from_unix(1_700_000_000 + now);
        match event {
            Event::Value(source, at, value) => {
                let reading = Reading {
                    time: hour(at),
                    value: value.map(Amount::from_units),
                    flag: Flag::normal(),
                    qc: Qc::Passed,
                    review: Review::Raw,
                };
                let mut batch = Batch::new(now);
                let key = key(source);
                batch.observations.push(Observation { key, reading });
                let appended = stores.series.append(batch).await.expect("room");
                rollup.touch(&appended.touched);
            }
            Event::Decision(source, after, length, verdict) => {
                let verdicts = [
                    Verdict::Confirm,
                    Verdict::Void,
                    Verdict::Correct(Amount::from_units(77)),
                ];
                let decision = Decision {
                    key: key(source),
                    after: hour(after),
                    upto: hour(after + length),
                    verdict: verdicts[usize::from(verdict)],
                    reason: "seen".to_owned(),
                    reviewer: "Li".to_owned(),
                    decided_at: now,
                };
                // Refused where nothing is stored yet.
                drop(reviewing.enter(vec![decision]).await);
            }
            Event::Look => {
                rollup.settle().await.expect("settled");
                let decisions = reviewing.now();
                let found = kept
                    .beside(&recipe, &rollup.now(), &decisions)
                    .await
                    .expect("days");
                let fresh = over(&recipe, &decisions, true)
                    .all_days(None)
                    .await
                    .expect("days");
                assert_eq!(*found.days, fresh);
                let counts = seen_of(&recipe, &decisions, None).await.expect("counts");
                assert_eq!(told_seen(&found.seen), told_seen(&counts));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reviewed_days_kept_are_those_computed_anew(events in proptest::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(happen(events));
    }
}
