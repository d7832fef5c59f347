//! Pollutants not monitored by plan: HJ 633-2026 5.3.2, one line a case, and the table they are entered by.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use skytier::adapters::store::Stores;
use skytier::app::standards;
use skytier::domain::calendar::HOURS_PER_DAY;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Span;
use skytier::domain::calendar::Zone;
use skytier::domain::means::HourMean;
use skytier::domain::means::StationDay;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::registry::Registry;
use skytier::domain::registry::Unmonitored;
use skytier::domain::units::Amount;
use skytier::flow::area::Area;
use skytier::flow::assess::Assessor;
use skytier::flow::assess::Choices;
use skytier::flow::assess::EditionChoice;
use skytier::flow::hours::HoursOf;
use skytier::flow::rollup::Recipe;
use skytier::ports::Batch;

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

/// A day of 2026 in a group of stations, of which the first `without` do not monitor CO by plan; CO is measured at
/// `have` of the others. CO was quiet for three years at all of them.
fn group(without: usize, have: usize) -> (Assessor, Vec<SourceId>) {
    let ids: Vec<SourceId> = ["a", "b", "c", "d"].map(source).to_vec();
    let asked = date("2026-06-01");
    let past = Span::checked(date("2023-03-01"), date("2026-02-28")).expect("a range");
    let own = |at: usize| {
        let mut days: BTreeMap<_, _> = past.days().map(|day| (day, station_day(Some(1)))).collect();
        let co = (without..without + have).contains(&at).then_some(1);
        days.insert(asked, station_day(co));
        (ids[at].clone(), Arc::new(days))
    };
    let plan = |station: &SourceId| Unmonitored {
        station: station.clone(),
        pollutant: Pollutant::Co,
        from: date("2026-03-01"),
        to: None,
        document: "plan".to_owned(),
    };
    let assessor = Assessor {
        editions: Arc::new(standards::editions().expect("sound editions")),
        publication: standards::publication().expect("a sound profile"),
        registry: Arc::new(Registry {
            unmonitored: ids[..without].iter().map(plan).collect(),
            ..Registry::default()
        }),
        days: Arc::new((0..ids.len()).map(own).collect()),
    };
    (assessor, ids)
}

/// The day and its first hour: whether there is a CO and an AQI, and what is missing.
async fn of_group(without: usize, have: usize, expected: (bool, bool, &str)) {
    let (assessor, ids) = group(without, have);
    let asked = Span::checked(date("2026-06-01"), date("2026-06-01")).expect("a day");
    let (auto, choices) = (EditionChoice::Auto, Choices::default());
    let found = assessor.days(&Area::Mean, asked, &auto, choices);
    let co = Pollutant::Co.index();
    let found = &found[0];
    let day = (found.values.values[co].is_some(), found.index.aqi.is_some());
    let case = format!("{without} without, {have} have");
    assert_eq!(
        (day.0, day.1, found.void_reason.as_str()),
        expected,
        "{case}"
    );

    // The same as readings of the day's first hour.
    let stores = Stores::memory();
    let mut batch = Batch::new(Instant::from_unix(1_800_000_000));
    for (at, station) in ids.iter().enumerate() {
        for pollutant in Pollutant::ALL {
            let measured = pollutant != Pollutant::Co || (without..without + have).contains(&at);
            if measured {
                batch.observations.push(observation(station, pollutant));
            }
        }
    }
    stores.series.append(batch).await.expect("appended");
    let recipe = Recipe {
        series: stores.series,
        zone: Zone::beijing(),
        editions: Arc::clone(&assessor.editions),
    };
    let keys = recipe.series.keys().await.expect("keys");
    let of = HoursOf {
        recipe: &recipe,
        assessor: &assessor,
        keys: &keys,
        edition: &auto,
        choices,
        any_station: false,
        known_at: None,
    };
    let hours = of.hours(&Area::Mean, asked).await.expect("hours");
    // One pollutant alone, read in one go: the same values.
    let loaded = of.loaded_of(&Area::Mean, asked, Pollutant::Co).await;
    let alone = of.values_of(&Area::Mean, asked, &loaded.expect("hours"));
    let whole = hours
        .iter()
        .map(|hour| (hour.time, hour.values.hour[co].clone()));
    assert_eq!(alone, whole.collect::<Vec<_>>(), "{case}");
    let hour = &hours[0];
    let (value, aqi) = (hour.values.hour[co].is_some(), hour.index.aqi.is_some());
    let reason = expected.2.replace("stations", "1h");
    assert_eq!(
        (value, aqi, hour.void_reason.as_str()),
        (expected.0, expected.1, reason.as_str()),
        "{case}, the hour"
    );
}

/// 20 of the pollutant in the hour that ends at 01:00 on 2026-06-01.
fn observation(station: &SourceId, pollutant: Pollutant) -> Observation {
    Observation {
        key: SeriesKey {
            source: station.clone(),
            factor: Factor::new(pollutant.key()).expect("a factor"),
            stat: Stat::avg(),
            interval_s: 3_600,
        },
        reading: Reading {
            time: Zone::beijing().day_start(date("2026-06-01")).plus_s(3_600),
            value: Some(Amount::from_units(20)),
            flag: Flag::normal(),
            qc: Qc::Passed,
            review: Review::Raw,
        },
    }
}

#[tokio::test]
async fn what_some_stations_do_not_monitor_is_no_gap_of_theirs() {
    // Three of four stations are 75 %; two of four are too few, unless the others do not monitor by plan.
    of_group(0, 3, (true, true, "")).await;
    of_group(0, 2, (false, false, "co stations 2/3")).await;
    of_group(1, 3, (true, true, "")).await;
    of_group(1, 2, (true, true, "")).await;
    of_group(1, 1, (false, false, "co stations 1/2")).await;
    of_group(2, 2, (true, true, "")).await;
    of_group(2, 1, (true, true, "")).await;
    of_group(3, 1, (true, true, "")).await;
    of_group(3, 0, (false, false, "co stations 0/1")).await;
    // Nobody monitors it: the rule of the three years.
    of_group(4, 0, (false, true, "co /")).await;
}

/// Three years of hours and a day without CO, through the program.
#[test]
fn hours_of_a_station_without_co_are_published() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, lines: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines).expect("room on the disk");
        text(&path).to_owned()
    };
    let stations = write(
        "stations.csv",
        "id,name_zh,name_en,class,longitude,latitude,simulated,source\na,甲,A,national,120.5,31.25,false,feed\n",
    );
    let plan = write(
        "unmonitored.csv",
        "station,pollutant,from,to,document\na,co,2026-03-01,,plan\n",
    );
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    let measured = Span::checked(date("2023-03-01"), date("2026-03-01")).expect("a range");
    for day in measured.days() {
        let co = if day < date("2026-03-01") { "1" } else { "" };
        for hour in 1..24 {
            rows.push_str(&format!(
                "a,{day}T{hour:02}:00:00+08:00,3600,20,30,5,20,{co},60\n"
            ));
        }
    }
    let input = write("hours.csv", &rows);
    let data = text(&folder.path().join("data")).to_owned();
    run(&["register", "--data", &data, &stations]);
    run(&[
        "import",
        "--data",
        &data,
        "--layout",
        "canonical",
        "--input",
        &input,
    ]);
    let hours = || {
        let span = [
            "--from",
            "2026-03-01",
            "--to",
            "2026-03-01",
            "--by",
            "hour",
            "--format",
            "csv",
        ];
        let args = ["assess", "--data", &data, "--area", "station:a"];
        let printed = run(&[&args[..], &span].concat());
        let row: Vec<String> = printed
            .lines()
            .nth(13)
            .expect("an hour")
            .split(',')
            .map(str::to_owned)
            .collect();
        [&row[1], &row[15], &row[17], &row[18]]
            .map(String::as_str)
            .join(" ")
    };
    assert_eq!(hours(), "2026-03-01T13:00:00+08:00   co 1h 0/1");
    run(&["register", "--data", &data, &plan]);
    assert_eq!(hours(), "2026-03-01T13:00:00+08:00 30  co /");
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
