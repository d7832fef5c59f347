//! Reads the working days of the years in `config/holidays.toml`, compiled into the program.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Deserialize;

use crate::app::standards::StandardsFault;
use crate::domain::credit::workdays::Workdays;
use crate::domain::credit::workdays::YearPlan;

const FILE: &str = "config/holidays.toml";
const TEXT: &str = include_str!("../../config/holidays.toml");
/// The format this program reads.
const FORMAT: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    format: u32,
    year: Vec<Year>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Year {
    year: i32,
    off: Vec<String>,
    working: Vec<String>,
}

/// The working days of all years known.
///
/// # Errors
/// [`StandardsFault`] naming what is wrong.
pub fn workdays() -> Result<Workdays, StandardsFault> {
    read(TEXT).map_err(|fault| StandardsFault::Shape {
        file: FILE.to_owned(),
        fault,
    })
}

fn read(text: &str) -> Result<Workdays, String> {
    let shape: Shape = toml::from_str(text).map_err(|fault| fault.to_string())?;
    if shape.format != FORMAT {
        return Err(format!("format: this program reads format {FORMAT}"));
    }
    let mut years = BTreeMap::new();
    for Year { year, off, working } in shape.year {
        let days = |texts: &[String]| {
            let day = |text: &String| {
                let day = NaiveDate::parse_from_str(&format!("{year}-{text}"), "%Y-%m-%d");
                day.map_err(|_| format!("year {year}: {text:?} is no day; write MM-DD"))
            };
            texts.iter().map(day).collect::<Result<BTreeSet<_>, _>>()
        };
        let plan = YearPlan {
            off: days(&off)?,
            working: days(&working)?,
        };
        if years.insert(year, plan).is_some() {
            return Err(format!("year {year} stands here twice"));
        }
    }
    Ok(Workdays::new(years))
}

#[cfg(test)]
mod tests {
    use crate::app::holidays;

    #[test]
    fn every_year_has_its_spring_festival_and_national_day() {
        let workdays = holidays::workdays().expect("the file is right");
        for year in 2019..=2026 {
            let day = |text: &str| format!("{year}-{text}").parse().expect("a date");
            assert_eq!(workdays.is_working(day("10-01")), Some(false), "{year}");
            let worked = workdays.between(day("01-01"), day("12-31")).expect("known");
            assert!((244..=252).contains(&worked), "{year}: {worked}");
        }
        let day = |text: &str| text.parse().expect("a date");
        assert_eq!(workdays.is_working(day("2026-02-14")), Some(true));
        assert_eq!(workdays.is_working(day("2026-02-23")), Some(false));
        assert_eq!(workdays.is_working(day("2027-01-04")), None);
    }

    #[test]
    fn faults_name_the_year() {
        for (text, hint) in [
            ("format = 2\nyear = []", "this program reads format 1"),
            (
                "format = 1\n[[year]]\nyear = 2026\noff = [\"02-30\"]\nworking = []",
                "year 2026: \"02-30\" is no day",
            ),
        ] {
            assert!(
                holidays::read(text).expect_err(text).contains(hint),
                "{text}"
            );
        }
    }
}
