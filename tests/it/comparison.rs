//! Other authorities' profiles through the program, against figures computed separately from the same files, and
//! the laws that every scale of every edition keeps.

use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::Value;
use skytier::app::standards::editions;
use skytier::domain::aqi::IndexOptions;
use skytier::domain::aqi::sub_index;
use skytier::domain::standards::Edition;
use skytier::domain::standards::scale::Scale;
use skytier::domain::units::Amount;
use skytier::domain::units::Exact;

use crate::support::beijing;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

fn assess(file: &Path, more: &[&str]) -> String {
    let mut args = vec!["assess", "--input", text(file), "--layout", "beijing-uci"];
    args.extend(["--area", "station:Dongsi"]);
    args.extend(more);
    run(&args)
}

fn lines(printed: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).expect("JSON lines");
    printed.lines().map(parse).collect()
}

/// Days of Dongsi under the US profile: sub-indices, AQI, primary pollutant.
#[test]
fn days_under_the_us_profile() {
    let file = beijing("Dongsi");
    let check = |day: &str, expected: &str| {
        let asked = ["--by", "day", "--edition", "epa-2024", "--format", "csv"];
        let printed = assess(&file, &[&asked[..], &["--from", day, "--to", day]].concat());
        let row = printed.lines().nth(1).expect("a day");
        let fields: Vec<&str> = row.split(',').collect();
        assert_eq!(fields[9..18].join(","), expected, "{day}: {row}");
    };
    check("2016-12-01", "94,51,13,50,11,24,94,2,PM2.5");
    check("2016-12-03", "322,170,30,103,47,4,322,6,PM2.5");
    check("2016-06-10", "152,54,1,19,8,156,156,4,O3");
    // Above 500 the line goes on; eight hours of ozone above 0.200 ppm take the largest hour.
    check("2016-12-21", "656,320,10,103,76,3,656,6,PM2.5");
    check("2013-08-16", "214,106,7,60,24,442,442,6,O3");
}

#[test]
fn a_us_day_names_the_values_its_index_is_made_of() {
    let asked = [
        "--from",
        "2016-12-03",
        "--to",
        "2016-12-03",
        "--by",
        "day",
        "--format",
        "json",
    ];
    let file = beijing("Dongsi");
    let day = &lines(&assess(
        &file,
        &[&asked[..], &["--edition", "epa-2024"]].concat(),
    ))[0];
    assert_eq!(
        day["index_values"]["pm25_24h"],
        serde_json::json!({"value": 236.2, "unit": "ug/m3"})
    );
    assert_eq!(day["index_values"]["no2_1h"]["unit"], "ppb");
    assert_eq!(day["index_values"]["co_8h"]["unit"], "ppm");
    let day = &lines(&assess(&file, &asked))[0];
    assert!(day.get("index_values").is_none(), "{day}");
}

/// The goals of a year as `stage pollutant averaging judged: figure exceedance-days attained`.
fn goals(report: &Value) -> Vec<String> {
    let of = |goal: &Value| {
        let word = |key: &str| goal[key].as_str().expect("a text").to_owned();
        format!(
            "{} {} {} {}: {} {} {}",
            word("stage"),
            word("pollutant"),
            word("averaging"),
            word("judged"),
            goal["figure"],
            goal["exceedance_days"],
            goal["attained"]
        )
    };
    report["goals"]
        .as_array()
        .expect("goals")
        .iter()
        .map(of)
        .collect()
}

fn check_goals(found: &[String], expected: &[&str]) {
    for line in expected {
        assert!(
            found.iter().any(|own| own == line),
            "{line:?} is not in\n{}",
            found.join("\n")
        );
    }
}

#[test]
fn a_year_against_the_who_guidelines() {
    let file = beijing("Dongsi");
    let year = [
        "--from",
        "2016-01-01",
        "--to",
        "2016-12-31",
        "--edition",
        "who-2021",
        "--format",
        "json",
    ];
    let report = &lines(&assess(&file, &year))[0];
    let found = goals(report);
    assert_eq!(found.len(), 38);
    check_goals(
        &found,
        &[
            "AQG pm25 annual mean: 80.611638 null false",
            "IT-1 no2 annual mean: 51.172531 null false",
            "AQG so2 24h p99: 52.877428 12 false",
            "IT-1 so2 24h p99: 52.877428 0 true",
            "IT-1 co 24h p99: 4.671725 2 true",
            "AQG o3 8h p99: 230.7025 127 false",
            "IT-1 o3 8h peak-season: 136.364885 null false",
        ],
    );
    assert!(report["composite_index"].is_null() && report["aqi"]["good_day_ratio"].is_null());
    let half = [
        "--from",
        "2016-01-01",
        "--to",
        "2016-06-30",
        "--edition",
        "who-2021",
        "--format",
        "json",
    ];
    let half = &lines(&assess(&file, &half))[0];
    assert_eq!(
        half["goals"][0]["void_reason"],
        "judged over a calendar year"
    );
    let day = [
        "--from",
        "2016-12-03",
        "--to",
        "2016-12-03",
        "--edition",
        "who-2021",
        "--by",
        "day",
    ];
    let day = assess(&file, &[&day[..], &["--format", "csv"]].concat());
    assert!(
        day.contains("Dongsi,2016-12-03,who-2021,236.25,")
            && day.contains("no index in this document")
    );
}

#[test]
fn a_year_against_the_eu_limits() {
    let file = beijing("Dongsi");
    let year = [
        "--from",
        "2016-01-01",
        "--to",
        "2016-12-31",
        "--edition",
        "eu-2024",
        "--format",
        "json",
    ];
    let report = &lines(&assess(&file, &year))[0];
    check_goals(
        &goals(report),
        &[
            "limit pm25 24h exceedances: null 275 false",
            "limit pm10 annual mean: 103.344643 null false",
            "limit no2 24h exceedances: null 141 false",
            "limit so2 24h exceedances: null 4 true",
            "limit so2 annual mean: 11.561535 null true",
            "limit no2 1h exceedances: null 3 null",
            "limit so2 1h exceedances: null 0 true",
            "limit co 8h exceedances: null 0 true",
            "target o3 8h exceedances-of-3-years: null 98 null",
            "long-term o3 8h p99: 230.6575 128 false",
        ],
    );
    let three = [
        "--from",
        "2014-01-01",
        "--to",
        "2016-12-31",
        "--edition",
        "eu-2024",
        "--format",
        "json",
    ];
    let report = &lines(&assess(&file, &three))[0];
    check_goals(
        &goals(report),
        &["target o3 8h exceedances-of-3-years: null 311 false"],
    );
}

/// A year that spans the change of the reference state names both states; gases are not converted.
#[test]
fn reference_states_stand_beside_the_figures() {
    let file = beijing("Dongsi");
    let check = |from: &str, to: &str, expected: &[&str]| {
        let asked = [
            "--from",
            from,
            "--to",
            to,
            "--edition",
            "2012",
            "--format",
            "json",
        ];
        let report = &lines(&assess(&file, &asked))[0];
        let states = report["reference_states"].as_array().expect("a list");
        let gases: Vec<&str> = states
            .iter()
            .filter_map(|state| state["gases"].as_str())
            .collect();
        assert_eq!(gases, expected, "{from}..{to}");
    };
    check("2016-01-01", "2016-12-31", &["273 K, 101.325 kPa"]);
    check(
        "2018-01-01",
        "2018-12-31",
        &["273 K, 101.325 kPa", "298.15 K, 1013.25 hPa"],
    );
    check("2019-01-01", "2019-12-31", &["298.15 K, 1013.25 hPa"]);
}

#[test]
fn a_profile_refuses_settings_it_does_not_know() {
    let file = beijing("Dongsi");
    for setting in ["--round-first", "--o3-exception", "--o3-1h-item"] {
        let (code, said) = fails(&[
            "assess",
            "--input",
            text(&file),
            "--layout",
            "beijing-uci",
            "--from",
            "2016-01-01",
            "--to",
            "2016-01-02",
            "--edition",
            "epa-2024",
            setting,
            "yes",
        ]);
        assert!(
            code == 2 && said.contains("has no meaning under edition epa-2024"),
            "{said}"
        );
    }
    let (code, said) = fails(&[
        "assess",
        "--input",
        text(&file),
        "--layout",
        "beijing-uci",
        "--from",
        "2016-01-01",
        "--to",
        "2016-01-02",
        "--edition",
        "epa-2025",
    ]);
    assert!(
        code == 2 && said.contains("2031, epa-2024, who-2021, eu-2024"),
        "{said}"
    );
}

#[test]
fn no_date_finds_a_comparison_profile() {
    let editions = editions().expect("shipped editions");
    let days = ["1999-01-01", "2024-05-06", "2030-06-01", "2090-01-01"];
    assert!(
        days.iter()
            .all(|day| !editions.on(day.parse().expect("a date")).comparison)
    );
    let named: Vec<&str> = editions
        .named()
        .map(|edition| edition.id.as_str())
        .collect();
    assert_eq!(
        named,
        ["2012", "2026", "2031", "epa-2024", "who-2021", "eu-2024"]
    );
}

fn scales() -> &'static [(Edition, Scale)] {
    static SCALES: OnceLock<Vec<(Edition, Scale)>> = OnceLock::new();
    SCALES.get_or_init(|| {
        let editions = editions().expect("shipped editions");
        let of = |edition: &Edition| {
            let scales = edition.scales.iter();
            scales
                .map(|scale| (edition.clone(), scale.clone()))
                .collect::<Vec<_>>()
        };
        editions.named().flat_map(of).collect()
    })
}

fn index_at(edition: &Edition, scale: &Scale, mass: &Exact) -> Option<i64> {
    let options = IndexOptions {
        round_first: false,
        ..IndexOptions::of(edition)
    };
    sub_index(edition, options, scale.pollutant, scale.averaging, mass)
}

/// A breakpoint has exactly its own index, at both ends of each run, on every scale.
#[test]
fn every_breakpoint_has_its_own_index() {
    let scales = scales();
    assert_eq!(scales.len(), 38);
    for (edition, scale) in scales {
        let mass = |printed: Amount| Exact::amount(printed).times(&Exact::amount(scale.unit.mass));
        for run in &scale.runs {
            let name = format!(
                "{} {:?} {:?} {run:?}",
                edition.id, scale.pollutant, scale.averaging
            );
            let starts = scale.runs.iter().any(|other| other.to == run.from);
            if !starts {
                assert_eq!(
                    index_at(edition, scale, &mass(run.from)),
                    Some(run.low),
                    "{name}"
                );
            }
            assert_eq!(
                index_at(edition, scale, &mass(run.to)),
                Some(run.high),
                "{name}"
            );
        }
    }
}

proptest! {
    /// The index never falls as the concentration rises, whatever the edition.
    #[test]
    fn the_index_never_falls(at in 0usize..38, low in 0i64..3_000_000_000, more in 0i64..2_000_000_000, shrink in 0u32..5) {
        let scales = scales();
        let (edition, scale) = &scales[at];
        let by = 10i64.pow(shrink);
        let mass = |micros: i64| Exact::amount(Amount::from_micros(micros / by));
        let (below, above) = (index_at(edition, scale, &mass(low)), index_at(edition, scale, &mass(low + more)));
        if let (Some(below), Some(above)) = (below, above) {
            prop_assert!(below <= above, "{} {:?}: {below} then {above}", edition.id, scale.pollutant);
        }
    }
}
