//! Pollutants not monitored by plan: HJ 633-2026 5.3.2, one line a case, and the table they are entered by.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use skytier::app::standards;
use skytier::domain::calendar::HOURS_PER_DAY;
use skytier::domain::calendar::Span;
use skytier::domain::means::HourMean;
use skytier::domain::means::StationDay;
use skytier::domain::names::SourceId;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::registry::Registry;
use skytier::domain::registry::Unmonitored;
use skytier::domain::units::Amount;
use skytier::flow::area::Area;
use skytier::flow::assess::Assessor;
use skytier::flow::assess::Choices;
use skytier::flow::assess::EditionChoice;

use crate::support::fails;
use crate::support::run;
use crate::support::text;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a test's date")
}

/// A quiet day of every pollutant, but for the CO given.
fn station_day(co: Option<i64>) -> Arc<StationDay> {
    let of = |units: i64| [Some(HourMean::reported(Amount::from_units(units))); HOURS_PER_DAY];
    let mut hours = [of(20); 6];
    hours[Pollutant::Co.index()] = co.map_or([None; HOURS_PER_DAY], of);
    Arc::new(StationDay::of_hours(&hours, 6))
}

fn source(id: &str) -> SourceId {
    SourceId::new(id).expect("a test's station")
}

/// The AQI and reason of 2026-06-01, when CO is no longer measured. CO was 1 mg/m3 from `since` to 2026-02-28, but
/// `high` on `loud`.
fn check(
    plans: &[(&str, Option<&str>)],
    since: &str,
    loud: Option<&str>,
    expected: (Option<i64>, &str),
) {
    let mut days = BTreeMap::new();
    let measured = Span::checked(date(since), date("2026-02-28")).expect("a range");
    for day in measured.days() {
        let high = loud.is_some_and(|loud| date(loud) == day);
        days.insert(day, station_day(Some(if high { 20 } else { 1 })));
    }
    let asked = date("2026-06-01");
    days.insert(asked, station_day(None));
    let plan = |(from, to): &(&str, Option<&str>)| Unmonitored {
        station: source("a"),
        pollutant: Pollutant::Co,
        from: date(from),
        to: to.map(date),
        document: "plan".to_owned(),
    };
    let assessor = Assessor {
        editions: Arc::new(standards::editions().expect("sound editions")),
        publication: standards::publication().expect("a sound profile"),
        registry: Arc::new(Registry {
            unmonitored: plans.iter().map(plan).collect(),
            ..Registry::default()
        }),
        days: Arc::new([(source("a"), Arc::new(days))].into_iter().collect()),
    };
    let span = Span::checked(asked, asked).expect("a day");
    let area = Area::Station(source("a"));
    let found = assessor.days(&area, span, &EditionChoice::Auto, Choices::default());
    let found = (found[0].index.aqi, found[0].void_reason.as_str());
    assert_eq!(found, expected, "{plans:?} since {since}, loud on {loud:?}");
}

#[test]
fn three_years_must_show_that_a_pollutant_never_was_primary_on_a_polluted_day() {
    let plan = [("2026-03-01", None)];
    check(&[], "2023-03-01", None, (None, "co hours 0/20"));
    check(&plan, "2023-03-01", None, (Some(29), "co /"));
    check(&plan, "2023-03-01", Some("2025-07-01"), (None, "co /"));
    check(&plan, "2023-03-01", Some("2023-03-01"), (None, "co /"));
    check(&plan, "2022-03-01", Some("2023-02-28"), (Some(29), "co /"));
    // 324 days of each year are enough, one fewer is not.
    check(&plan, "2023-04-12", None, (Some(29), "co /"));
    check(&plan, "2023-04-13", None, (None, "co /"));
    check(
        &[("2026-03-01", Some("2026-05-31"))],
        "2023-03-01",
        None,
        (None, "co hours 0/20"),
    );
    check(
        &[("2026-03-01", Some("2026-06-01"))],
        "2023-03-01",
        None,
        (Some(29), "co /"),
    );
}

#[test]
fn plans_are_entered_as_a_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, lines: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines).expect("room on the disk");
        text(&path).to_owned()
    };
    let data = folder.path().join("data");
    let stations = "id,name_zh,name_en,class,longitude,latitude,simulated,source\na,甲,A,national,120.5,31.25,false,feed\n";
    let plans = "station,pollutant,from,to,document\na,co,2026-03-01,,\"plan, page 2\"\na,so2,2026-03-01,2027-02-28,plan\n";
    let (stations, table) = (
        write("stations.csv", stations),
        write("unmonitored.csv", plans),
    );
    let said = run(&["register", "--data", text(&data), &stations, &table]);
    assert!(
        said.ends_with("unmonitored: 2 rows, 2 new or changed\n"),
        "{said}"
    );
    let list = ["register", "--data", text(&data), "--list", "unmonitored"];
    assert_eq!(run(&list), plans);
    for (row, expected) in [
        ("b,co,2026-03-01,,plan", "station: b is not registered"),
        ("a,co2,2026-03-01,,plan", "pollutant: \"co2\" is not pm25"),
        ("a,o3,2026-03-01,2026-02-01,plan", "to: lies before from"),
        ("a,o3,2026-03-01,,", "document"),
    ] {
        let table = write(
            "unmonitored.csv",
            &format!("station,pollutant,from,to,document\n{row}\n"),
        );
        let (code, said) = fails(&["register", "--data", text(&data), &table]);
        assert!(code == 2 && said.contains(expected), "{row}: {code} {said}");
    }
    assert_eq!(run(&list), plans, "a faulty table changes nothing");
}
