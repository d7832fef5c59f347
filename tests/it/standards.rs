//! Sub-indices against vectors computed from the tables of HJ 633-2012 and HJ 633-2026.
//!
//! Every row goes through the day's or the hour's index of the shipped editions, the way figures are made; no
//! row is left out and none may differ.

use skytier::app::standards::editions;
use skytier::domain::aqi::DayValues;
use skytier::domain::aqi::IndexOptions;
use skytier::domain::aqi::day_index;
use skytier::domain::aqi::hour_index;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::standards::Edition;
use skytier::domain::units::Amount;
use skytier::domain::units::Exact;

const AQI_VECTORS: &str = include_str!("data/standards/aqi_vectors.csv");
const IAQI_VECTORS: &str = include_str!("data/standards/iaqi_vectors.csv");

fn edition(id: &str) -> Edition {
    let editions = editions().expect("shipped editions");
    editions.by_id(id).expect(id).clone()
}

fn rows(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    reader.records().collect::<Result<_, _>>().expect("CSV")
}

fn pollutant(label: &str) -> Pollutant {
    let labelled = |pollutant: &Pollutant| pollutant.label() == label;
    Pollutant::ALL.into_iter().find(labelled).expect(label)
}

fn exact(text: &str) -> Exact {
    Exact::amount(Amount::parse(text).expect(text))
}

/// The index the program gives one concentration; empty when there is none.
fn found(
    edition: &Edition,
    round_first: bool,
    item: Pollutant,
    averaging: &str,
    value: &str,
) -> String {
    let options = IndexOptions {
        round_first,
        o3_1h_item: false,
    };
    let mut values: [Option<Exact>; 6] = Default::default();
    values[item.index()] = Some(exact(value));
    let index = match averaging {
        "1h" => hour_index(edition, options, &values),
        _ => {
            let day = DayValues {
                values,
                o3_1h_max: None,
            };
            day_index(edition, options, &day)
        }
    };
    index.iaqi[item.index()].map_or_else(String::new, |iaqi| iaqi.to_string())
}

/// Fails with all rows that differ, not with the first one.
fn settle(differing: &[String], rows: usize, expected_rows: usize) {
    assert_eq!(rows, expected_rows, "rows compared");
    assert!(
        differing.is_empty(),
        "{} rows differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
}

fn check_table(standard: &str, edition_id: &str, round_first: bool, expected_rows: usize) {
    let edition = edition(edition_id);
    let rows = rows(AQI_VECTORS);
    let own: Vec<_> = rows.iter().filter(|row| &row[0] == standard).collect();
    let mut differing = Vec::new();
    for row in &own {
        let index = found(&edition, round_first, pollutant(&row[2]), &row[1], &row[3]);
        let index = if index.is_empty() { "NA" } else { &index };
        if index != &row[4] {
            differing.push(format!("{row:?}: found {index}"));
        }
    }
    settle(&differing, own.len(), expected_rows);
}

#[test]
fn every_breakpoint_of_2012_and_its_neighbours() {
    check_table("HJ633-2012", "2012", false, 333);
}

#[test]
fn every_breakpoint_of_2026_and_its_neighbours() {
    check_table("HJ633-2026", "2026", true, 441);
}

fn check_vectors(edition_id: &str, round_first: bool, column: usize) {
    let edition = edition(edition_id);
    let rows = rows(IAQI_VECTORS);
    let mut differing = Vec::new();
    for row in &rows {
        let (label, averaging) = row[0].split_once('_').expect("item and averaging");
        let index = found(&edition, round_first, pollutant(label), averaging, &row[1]);
        if index != row[column] {
            differing.push(format!("{row:?}: found {index:?}"));
        }
    }
    settle(&differing, rows.len(), 973);
}

#[test]
fn unrounded_concentrations_under_2012() {
    check_vectors("2012", false, 2);
}

#[test]
fn unrounded_concentrations_under_2026() {
    check_vectors("2026", false, 3);
}

#[test]
fn rounded_concentrations_under_2026() {
    check_vectors("2026", true, 5);
}

#[test]
fn rounding_before_the_index_is_half_to_even() {
    let edition = edition("2026");
    let rows = rows(IAQI_VECTORS);
    let mut differing = Vec::new();
    for row in &rows {
        let (label, _) = row[0].split_once('_').expect("item and averaging");
        let decimals = edition.decimals[pollutant(label).index()];
        let rounded = exact(&row[1]).round(decimals).trimmed();
        if rounded != row[4] {
            differing.push(format!("{row:?}: found {rounded}"));
        }
    }
    settle(&differing, rows.len(), 973);
}

/// Above the eight-hour scale the 2012 edition takes the day's largest hour in place of the missing index.
#[test]
fn ozone_beyond_the_eight_hour_scale_takes_the_hourly_index() {
    let check = |edition_id: &str, hour: &str, expected: i64| {
        let edition = edition(edition_id);
        let day = DayValues {
            values: [None, None, None, None, None, Some(exact("801"))],
            o3_1h_max: Some(exact(hour)),
        };
        let options = IndexOptions::of(&edition);
        let index = day_index(&edition, options, &day).iaqi[Pollutant::O3.index()];
        assert_eq!(index, Some(expected), "{edition_id} {hour}");
    };
    check("2012", "1000", 400);
    check("2012", "1200", 500);
    check("2026", "1200", 300);
}
