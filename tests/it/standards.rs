//! Sub-indices against vectors computed from the tables of HJ 633-2012, HJ 633-2026 and the US EPA.
//!
//! Every row goes through the day's or the hour's index of the shipped editions, the way figures are made; no
//! row is left out and none may differ.

use skytier::app::standards::editions;
use skytier::domain::aqi::DayValues;
use skytier::domain::aqi::HourOptions;
use skytier::domain::aqi::HourValues;
use skytier::domain::aqi::IndexOptions;
use skytier::domain::aqi::day_index;
use skytier::domain::aqi::hour_index;
use skytier::domain::aqi::sub_index;
use skytier::domain::pollutant::Averaging;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::standards::Edition;
use skytier::domain::standards::Missing;
use skytier::domain::standards::Realtime;
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
        ..IndexOptions::of(edition)
    };
    let mut values: [Option<Exact>; 6] = Default::default();
    values[item.index()] = Some(exact(value));
    let index = match averaging {
        "1h" => {
            let options = HourOptions {
                index: options,
                realtime: Realtime::HourlyPm,
                missing: Missing::Publish,
            };
            let hour = HourValues {
                hour: values,
                ..HourValues::default()
            };
            hour_index(edition, options, &hour)
        }
        _ => {
            let day = DayValues {
                values,
                ..DayValues::default()
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
    let of_table = |row: &&csv::StringRecord| &row[0] == standard;
    let own: Vec<_> = rows.iter().filter(of_table).collect();
    let mut differing = Vec::new();
    for row in &own {
        let index = found(&edition, round_first, pollutant(&row[2]), &row[1], &row[3]);
        let index = if index.is_empty() { "NA" } else { &index };
        if index != &row[5] {
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

/// A decimal text as a fraction, whatever its digits.
fn fraction(text: &str) -> Exact {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = format!("{whole}{digits}").parse().expect(text);
    Exact::ratio(
        number,
        10i64.pow(u32::try_from(digits.len()).expect("few digits")),
    )
}

/// The mass concentration of what a row prints, by the profile's own factors.
fn mass(
    edition: &Edition,
    item: Pollutant,
    averaging: Averaging,
    row: &csv::StringRecord,
) -> Exact {
    let scale = edition.scale(item, averaging).expect("a scale");
    assert_eq!(scale.unit.name, row[4], "{row:?}");
    fraction(&row[3]).times(&Exact::amount(scale.unit.mass))
}

#[test]
fn every_row_of_the_us_table() {
    let edition = edition("epa-2024");
    let all = rows(AQI_VECTORS);
    let own: Vec<_> = all.iter().filter(|row| &row[0] == "EPA-2024").collect();
    let mut differing = Vec::new();
    for row in &own {
        let (item, averaging) = (
            pollutant(&row[2]),
            Averaging::from_key(&row[1]).expect("time"),
        );
        let value = mass(&edition, item, averaging, row);
        let options = IndexOptions::of(&edition);
        let index = sub_index(&edition, options, item, averaging, &value);
        let index = index.map_or_else(|| "NA".to_owned(), |index| index.to_string());
        if index != row[5] {
            differing.push(format!("{row:?}: found {index}"));
        }
    }
    settle(&differing, own.len(), 141);
}

/// A day under the US profile: `item averaging value` in the table's units, then the sub-index of the item.
#[test]
fn a_us_day_takes_the_averaging_time_its_table_names() {
    let edition = edition("epa-2024");
    let check = |given: &[(Pollutant, Averaging, &str)], item: Pollutant, expected: Option<i64>| {
        let mut day = DayValues::default();
        for (own, averaging, value) in given {
            let scale = edition.scale(*own, *averaging).expect("a scale");
            let mass = Some(fraction(value).times(&Exact::amount(scale.unit.mass)));
            match (averaging, own) {
                (Averaging::Hour1, _) => day.hour_max[own.index()] = mass,
                (Averaging::Hour8, Pollutant::Co) => day.co_8h_max = mass,
                _ => day.values[own.index()] = mass,
            }
        }
        let index = day_index(&edition, IndexOptions::of(&edition), &day);
        assert_eq!(index.iaqi[item.index()], expected, "{given:?}");
        assert_eq!(
            index.aqi, expected,
            "{given:?}: the AQI of the one pollutant there is"
        );
    };
    let (so2, o3, co) = (Pollutant::So2, Pollutant::O3, Pollutant::Co);
    let (hour, eight, day) = (Averaging::Hour1, Averaging::Hour8, Averaging::Hour24);
    check(&[(so2, hour, "304"), (so2, day, "310")], so2, Some(200));
    check(&[(so2, hour, "305"), (so2, day, "304")], so2, Some(200));
    check(&[(so2, hour, "400"), (so2, day, "10")], so2, Some(200));
    check(&[(so2, hour, "400"), (so2, day, "454")], so2, Some(250));
    check(&[(so2, hour, "400")], so2, None);
    check(&[(o3, eight, "0.070"), (o3, hour, "0.124")], o3, Some(100));
    check(&[(o3, eight, "0.070"), (o3, hour, "0.125")], o3, Some(101));
    check(&[(o3, eight, "0.105"), (o3, hour, "0.125")], o3, Some(200));
    check(&[(o3, eight, "0.240"), (o3, hour, "0.304")], o3, Some(250));
    check(&[(o3, eight, "0.240"), (o3, hour, "0.100")], o3, None);
    check(&[(co, eight, "9.49")], co, Some(100));
    check(&[(Pollutant::No2, hour, "2458")], Pollutant::No2, Some(602));
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
            hour_max: [None, None, None, None, None, Some(exact(hour))],
            ..DayValues::default()
        };
        let options = IndexOptions::of(&edition);
        let index = day_index(&edition, options, &day).iaqi[Pollutant::O3.index()];
        assert_eq!(index, Some(expected), "{edition_id} {hour}");
    };
    check("2012", "1000", 400);
    check("2012", "1200", 500);
    check("2026", "1200", 300);
}
