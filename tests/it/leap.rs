//! Leap days and ends of years through the whole program: no hour falls into the wrong day, month or year.

use std::fmt::Write as _;
use std::path::Path;

use chrono::Days;
use chrono::NaiveDate;

use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

/// Hours from a day to another, each with the day of the month as its value. The last hour of a day ends on the next.
fn hours(from: NaiveDate, to: NaiveDate) -> String {
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    for day in from.iter_days().take_while(|day| *day <= to) {
        let value = day.format("%-d");
        for hour in 1..=24u64 {
            let ends = day + Days::new(hour / 24);
            let hour = hour % 24;
            writeln!(rows, "1999A,{ends}T{hour:02}:00:00+08:00,3600,{value},,,,,")
                .expect("a string");
        }
    }
    rows
}

/// A data directory with two years' ends in it.
fn imported() -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, data) = seeded(&["jiangyin"]);
    let file = folder.path().join("1999A.csv");
    let rows = hours(day("2019-12-30"), day("2021-03-02"));
    std::fs::write(&file, rows).expect("written");
    let layout = ["import", "--layout", "canonical", "--input", text(&file)];
    run(&[&layout[..], &["--data", text(&data)]].concat());
    (folder, data)
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// Rows of figures.
fn assess(data: &Path, (from, to): (&str, &str), by: &str) -> Vec<Vec<String>> {
    let area = ["assess", "--area", "station:1999A", "--from", from];
    let rest = [
        "--to",
        to,
        "--by",
        by,
        "--format",
        "csv",
        "--data",
        text(data),
    ];
    let csv = run(&[&area[..], &rest].concat());
    let rows = csv.lines().skip(1);
    rows.map(|row| row.split(',').map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_day_is_there_once_and_has_its_own_hours() {
    let (_folder, data) = imported();
    let days = assess(&data, ("2019-12-31", "2021-03-01"), "day");
    let expected = day("2019-12-31").iter_days().take(days.len());
    for (row, day) in days.iter().zip(expected) {
        assert_eq!(row[1], day.to_string());
        assert_eq!(row[3], day.format("%-d").to_string(), "{row:?}");
    }
    assert_eq!(days.len(), 1 + 366 + 31 + 28 + 1);
    // A day that there is not is refused, and named.
    let args = ["assess", "--area", "station:1999A", "--from", "2021-02-29"];
    let rest = ["--to", "2021-03-01", "--data", text(&data)];
    let (code, said) = fails(&[&args[..], &rest].concat());
    assert!(code == 2 && said.contains("2021-02-29"), "{said}");
}

#[test]
fn months_and_years_end_where_the_calendar_says() {
    let (_folder, data) = imported();
    let months = assess(&data, ("2020-01-01", "2021-02-28"), "month");
    for (month, to, days, mean) in [
        ("2020-02", "2020-02-29", "29", "15.0"),
        ("2020-12", "2020-12-31", "31", "16.0"),
        ("2021-01", "2021-01-31", "31", "16.0"),
        ("2021-02", "2021-02-28", "28", "14.5"),
    ] {
        let row = months.iter().find(|row| row[1] == month).expect(month);
        let found = [&row[3], &row[6], &row[5]];
        assert_eq!(found, [to, days, mean], "{row:?}");
    }
    // The numbers of 366 days add up to 5767.
    let years = assess(&data, ("2020-01-01", "2020-12-31"), "year");
    let found = [&years[0][3], &years[0][6], &years[0][5]];
    assert_eq!(found, ["2020-12-31", "366", "15.8"]);
    let area = ["assess", "--area", "station:1999A", "--from", "2020-01-01"];
    let rest = ["--to", "2020-12-31", "--by", "year", "--format", "json"];
    let json = run(&[&area[..], &rest, &["--data", text(&data)]].concat());
    let exact = "\"calendar_days\":366";
    assert!(
        json.contains(exact) && json.contains("\"mean\":15.756831"),
        "{json}"
    );
}
