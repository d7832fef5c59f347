//! The rules at their edges, as tables.

use super::*;
use crate::domain::names::Flag;
use crate::domain::reading::Review;

fn amounts(value: i64) -> PerPollutant {
    [Amount::from_units(value); 6]
}

fn rules() -> Rules {
    Rules {
        range: amounts(1_000),
        step: amounts(100),
        stuck_hours: 3,
        stuck_above: amounts(5),
        inversion_tolerance: Amount::from_units(10),
        spike_times: 4,
        spike_above: amounts(150),
        neighbours_least: 2,
        neighbour_degrees: Amount::from_units(1),
    }
}

fn verdict(time: i64, value: Option<i64>, factor: &str, expected: Qc) {
    let now = Instant::from_unix(1_600_000_000);
    let time = Instant::from_unix(time);
    let factor = Factor::new(factor).expect("a factor");
    let found = rules().verdict(&factor, time, value.map(Amount::from_micros), now);
    assert_eq!(found, expected, "{factor} {time:?} {value:?}");
}

#[test]
fn stamps_signs_and_ranges_are_judged_at_their_edges() {
    let fine = "pm25";
    verdict(1_600_000_000, Some(1), fine, Qc::Passed);
    verdict(1_600_000_600, Some(1), fine, Qc::Passed);
    verdict(1_600_000_601, Some(1), fine, Qc::Clock);
    verdict(946_684_800, Some(0), fine, Qc::Passed);
    verdict(946_684_799, Some(0), fine, Qc::Clock);
    verdict(1_600_000_000, Some(-1), fine, Qc::Negative);
    verdict(1_600_000_000, None, fine, Qc::Passed);
    verdict(1_600_000_000, Some(1_000_000_000), fine, Qc::Passed);
    verdict(1_600_000_000, Some(1_000_000_001), fine, Qc::Range);
    verdict(1_600_000_000, Some(1_000_000_001), "a21026", Qc::Passed);
    verdict(1_600_000_000, Some(-1), "a21026", Qc::Negative);
    verdict(1_600_000_601, Some(-1), "a21026", Qc::Clock);
    for cold in BELOW_ZERO {
        verdict(1_600_000_000, Some(-1), cold, Qc::Passed);
        verdict(1_600_000_601, Some(-1), cold, Qc::Clock);
    }
}

/// A column of hours from `1=12 2=13M 4=-`: the hour, its value, a flag.
fn column(text: &str) -> Vec<Reading> {
    let one = |piece: &str| {
        let (hour, rest) = piece.split_once('=').expect("hour=value");
        let digits = rest.trim_end_matches(|c: char| c.is_ascii_uppercase());
        let flag = &rest[digits.len()..];
        let hour: i64 = hour.parse().expect("an hour");
        let time = Instant::from_unix(1_500_001_200 + hour * HOUR_S);
        let value = Amount::parse(digits).ok();
        Reading {
            time,
            value,
            flag: Flag::new(if flag.is_empty() { "N" } else { flag }).expect("a flag"),
            qc: rules().verdict(&Pollutant::Pm25.factor(), time, value, time),
            review: Review::Raw,
        }
    };
    text.split_whitespace().map(one).collect()
}

fn printed(found: &[Finding]) -> String {
    let hour = |finding: &Finding| (finding.reading.time.unix() - 1_500_001_200) / HOUR_S;
    let one = |finding: &Finding| format!("{}:{}", hour(finding), finding.rule.key());
    found.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn check(own: &str, pm10: &str, neighbours: &[&str], expected: &str) {
    let neighbours: Vec<_> = neighbours.iter().map(|text| column(text)).collect();
    let found = findings(
        &rules(),
        &Column {
            pollutant: Pollutant::Pm25,
            interval_s: 3_600,
            registered_s: Some(3_600),
            readings: &column(own),
            pm10: &column(pm10),
            neighbours: &neighbours,
        },
    );
    assert_eq!(printed(&found), expected, "{own} | {pm10} | {neighbours:?}");
}

#[test]
fn a_value_is_compared_with_the_one_before_without_a_gap() {
    check("1=10 2=110 3=10", "", &[], "");
    check("1=10 2=110.1 3=10", "", &[], "2:step 3:step");
    check("1=10 3=500", "", &[], "");
    check("1=10 2=500M 3=10", "", &[], "2:flag");
}

#[test]
fn a_line_is_flat_from_its_hours_on_and_above_its_floor() {
    check("1=20 2=20", "", &[], "");
    check("1=20 2=20 3=20 4=21", "", &[], "1:stuck 2:stuck 3:stuck");
    check("1=5 2=5 3=5 4=5", "", &[], "");
    check("1=20 2=20 4=20 5=20", "", &[], "");
    check("1=20 2=20 3=20M 4=20 5=20", "", &[], "3:flag");
}

#[test]
fn fine_particles_are_compared_with_all_particles_of_the_hour() {
    check("1=50 2=50", "1=40 2=39.9", &[], "2:inversion");
    check("1=50", "2=1", &[], "");
    check("1=50", "1=10M", &[], "");
}

#[test]
fn a_spike_takes_enough_neighbours_and_a_high_value() {
    check("1=161", "", &["1=40", "1=40"], "1:spike");
    check("1=160", "", &["1=40", "1=40"], "");
    check("1=161", "", &["1=40"], "");
    check("1=150", "", &["1=1", "1=1"], "");
    check("1=161", "", &["1=40", "1=10", "1=900"], "1:spike");
    check("1=161", "", &["1=40", "1=50"], "");
}

#[test]
fn what_excludes_is_told_with_its_rule() {
    check("1=-1 2=1001 3=7B", "", &[], "1:negative 2:range 3:flag");
}

#[test]
fn the_interval_must_be_the_registered_one_and_the_stamp_on_its_grid() {
    let readings = column("1=7");
    let mut column = Column {
        pollutant: Pollutant::Pm25,
        interval_s: 3_600,
        registered_s: None,
        readings: &readings,
        pm10: &[],
        neighbours: &[],
    };
    assert_eq!(printed(&findings(&rules(), &column)), "");
    column.registered_s = Some(60);
    assert_eq!(printed(&findings(&rules(), &column)), "1:interval");
    let late = [Reading {
        time: readings[0].time.plus_s(1),
        ..readings[0].clone()
    }];
    column.registered_s = Some(3_600);
    column.readings = &late;
    assert_eq!(printed(&findings(&rules(), &column)), "1:interval");
}
