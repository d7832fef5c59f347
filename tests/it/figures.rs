//! Rules of areas and periods under the shipped editions, one line a case.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use skytier::app::seeds;
use skytier::app::standards;
use skytier::domain::area::MinStations;
use skytier::domain::calendar::HOURS_PER_DAY;
use skytier::domain::calendar::PeriodKind;
use skytier::domain::calendar::Span;
use skytier::domain::means::HourMean;
use skytier::domain::means::StationDay;
use skytier::domain::names::SourceId;
use skytier::domain::units::Amount;
use skytier::flow::area::Area;
use skytier::flow::assess::Assessor;
use skytier::flow::assess::Choices;
use skytier::flow::assess::EditionChoice;
use skytier::flow::rollup::StationDays;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a test's date")
}

fn span(from: &str, to: &str) -> Span {
    Span::checked(day(from), day(to)).expect("a test's range")
}

/// An assessor over stations that report the same whole number for every pollutant and hour of a range.
fn assessor(stations: &[(&str, Span, i64)]) -> Assessor {
    let mut days = StationDays::new();
    for (station, span, value) in stations {
        let hour = Some(HourMean::reported(Amount::from_units(*value)));
        let full = Arc::new(StationDay::of_hours(&[[hour; HOURS_PER_DAY]; 6], 6));
        let own = days.entry(SourceId::new(station).expect("a test's station"));
        Arc::make_mut(own.or_default()).extend(span.days().map(|day| (day, Arc::clone(&full))));
    }
    Assessor {
        editions: Arc::new(standards::editions().expect("sound editions")),
        publication: standards::publication().expect("a sound profile"),
        registry: Arc::new(seeds::registry("jiangyin").expect("a sound seed")),
        days: Arc::new(days),
    }
}

#[test]
fn shares_of_stations_are_rounded_up() {
    let editions = standards::editions().expect("sound editions");
    let edition = editions.by_id("2012").expect("shipped");
    for (asked, total, expected) in [
        ("standard", 1, 1),
        ("standard", 3, 2),
        ("standard", 4, 3),
        ("standard", 6, 5),
        ("50%", 5, 3),
        ("1", 6, 1),
        ("5", 1, 5),
    ] {
        let needed = MinStations::parse(asked)
            .expect(asked)
            .needed(edition, total);
        assert_eq!(needed, expected, "{asked} of {total}");
    }
    for bad in ["", "0", "0%", "101%", "-1", "half"] {
        assert!(MinStations::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_area_of_one_station_needs_its_stations_too() {
    let assessor = assessor(&[("A", span("2020-01-01", "2020-01-01"), 10)]);
    let choices = |min: u32| Choices {
        min_stations: Some(MinStations::Count(min)),
        ..Choices::default()
    };
    let check = |area: Area, min: u32, expected: Option<i64>, reason: &str| {
        let range = span("2020-01-01", "2020-01-01");
        let days = assessor.days(&area, range, &EditionChoice::Auto, choices(min));
        assert_eq!(days[0].index.aqi, expected, "{area:?} {min}");
        assert!(
            days[0].void_reason.contains(reason),
            "{}",
            days[0].void_reason
        );
    };
    check(Area::Mean, 1, Some(130), "");
    check(Area::Mean, 5, None, "pm25 stations 1/5");
    check(
        Area::Station(SourceId::new("A").expect("a name")),
        5,
        Some(130),
        "",
    );
}

#[test]
fn a_year_of_too_few_days_has_no_figure_at_all() {
    let assessor = assessor(&[("A", span("2017-01-01", "2017-02-27"), 3)]);
    let report = |kind, range| {
        let auto = EditionChoice::Auto;
        let mut reports = assessor.periods(&Area::Mean, range, kind, &auto, Choices::default());
        reports.remove(0).assessment
    };
    let year = report(PeriodKind::Year, span("2017-01-01", "2017-12-31"));
    assert_eq!(year.pm25.void_reason.as_deref(), Some("58 of 324 days"));
    assert_eq!((year.pm25.mean, year.composite.value), (None, None));
    assert!(
        year.pollutants
            .iter()
            .all(|own| own.mean.is_none() && own.percentile.is_none())
    );
    assert_eq!(
        (year.days.valid, year.days.good),
        (58, 58),
        "days are counted all the same"
    );
    let so_far = report(PeriodKind::YearToDate, span("2017-01-01", "2017-01-31"));
    assert!(
        so_far.pm25.mean.is_some(),
        "the year so far asks for no number of days"
    );
}

#[test]
fn targets_judge_their_year_not_single_months() {
    let assessor = assessor(&[("1999A", span("2025-01-01", "2025-12-31"), 3)]);
    let city = Area::Group("city".to_owned());
    let count = |kind, from, to| {
        let (auto, choices) = (EditionChoice::Auto, Choices::default());
        let reports = assessor.periods(&city, span(from, to), kind, &auto, choices);
        reports
            .iter()
            .map(|report| report.standings.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(count(PeriodKind::Year, "2024-01-01", "2025-12-31"), [0, 2]);
    assert_eq!(count(PeriodKind::Half, "2025-01-01", "2025-12-31"), [2, 0]);
    assert_eq!(count(PeriodKind::Month, "2025-01-01", "2025-02-28"), [0, 0]);
    assert_eq!(count(PeriodKind::Xun, "2025-01-01", "2025-01-10"), [0]);
    assert_eq!(
        count(PeriodKind::YearToDate, "2025-03-01", "2025-03-01"),
        [2]
    );
}

#[test]
fn a_period_across_editions_shows_both_and_days_take_their_own() {
    let assessor = assessor(&[("A", span("2026-01-01", "2026-12-31"), 3)]);
    let range = span("2026-02-28", "2026-03-01");
    let (auto, choices) = (EditionChoice::Auto, Choices::default());
    let days = assessor.days(&Area::Mean, range, &auto, choices);
    let editions: Vec<&str> = days.iter().map(|day| day.edition.as_str()).collect();
    assert_eq!(editions, ["2012", "2026"]);
    let reports = assessor.periods(&Area::Mean, range, PeriodKind::Whole, &auto, choices);
    let others: Vec<&str> = reports[0]
        .others
        .iter()
        .map(|other| other.assessment.edition.as_str())
        .collect();
    assert_eq!(
        (reports[0].assessment.edition.as_str(), others),
        ("2026", vec!["2012"])
    );
    let fixed = EditionChoice::Fixed("2012".to_owned());
    let reports = assessor.periods(&Area::Mean, range, PeriodKind::Whole, &fixed, choices);
    assert!(reports[0].others.is_empty() && reports[0].assessment.edition == "2012");
}

#[test]
fn simulated_members_mark_every_span_they_overlap() {
    let assessor = assessor(&[]);
    let city = Area::Group("city".to_owned());
    let counted: HashMap<&str, bool> = [
        ("2018-01-01..2018-12-31", false),
        ("2018-01-01..2019-01-01", true),
        ("2018-01-01..2021-12-31", true),
        ("2020-07-01..2020-12-31", false),
    ]
    .into();
    for (range, expected) in counted {
        let (from, to) = range.split_once("..").expect("a range");
        assert_eq!(
            assessor.simulated(&city, span(from, to)),
            expected,
            "{range}"
        );
    }
}
