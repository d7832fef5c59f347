//! Gaps and completeness as CSV, JSON and a table.

use chrono::NaiveDate;
use serde_json::Value;
use serde_json::json;

use crate::adapters::cells::Cells;
use crate::adapters::lang::Lang;
use crate::adapters::report::number;
use crate::adapters::report::table::table;
use crate::adapters::words;
use crate::domain::calendar::Zone;
use crate::domain::gaps::DayReports;
use crate::domain::gaps::Gap;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::presence::Cause;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::gaps::Reports;
use crate::flow::gaps::Void;

/// Columns of gaps.
const GAP_COLUMNS: [&str; 7] = [
    "station",
    "from",
    "to",
    "interval_s",
    "missing",
    "cause",
    "void_reason",
];
/// Columns of completeness.
const DAY_COLUMNS: [&str; 12] = [
    "station",
    "date",
    "expected",
    "reported",
    "completeness",
    "pm25",
    "pm10",
    "so2",
    "no2",
    "co",
    "o3",
    "void_reason",
];

/// What was found of one station.
pub type Answered = (SourceId, Result<Reports, Void>);

/// Percent of the expected reports, to one decimal; `None` when none is expected.
fn completeness(day: DayReports) -> Option<Decimal> {
    let counted = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (expected, reported) = (counted(day.expected), counted(day.reported));
    (expected > 0).then(|| {
        let share = Exact::ratio(reported, expected);
        share.times(&Exact::whole(100)).round(1)
    })
}

fn usable(reports: &Reports, date: NaiveDate) -> [u64; 6] {
    let count = |index: usize| reports.usable[index].get(&date).copied();
    Pollutant::ALL.map(|pollutant| count(pollutant.index()).unwrap_or(0))
}

/// The gaps of one station as JSON.
pub fn gaps_json(zone: Zone, (station, answer): &Answered) -> Value {
    let gap = |gap: &Gap| {
        json!({
            "from": zone.text(gap.from),
            "to": zone.text(gap.to),
            "missing": gap.missing,
            "cause": gap.cause.key(),
        })
    };
    let gaps = answer.as_ref().ok().map(Reports::gaps);
    let gaps: Option<Vec<Value>> = gaps.map(|gaps| gaps.iter().map(gap).collect());
    with_head(zone, station, answer, "gaps", json!(gaps))
}

/// The days of one station as JSON.
pub fn days_json(zone: Zone, (station, answer): &Answered) -> Value {
    let days = answer.as_ref().ok().map(|reports| {
        let days = reports.days(zone).into_iter().map(|(date, day)| {
            let keys = Pollutant::ALL.map(|pollutant| pollutant.key().to_owned());
            let usable = keys.into_iter();
            let usable = usable.zip(usable_values(reports, date));
            let usable = usable.collect::<serde_json::Map<_, _>>();
            if reports.is_gone(zone, date) {
                return json!({
                    "date": date.to_string(),
                    "expected": day.expected,
                    "reported": null,
                    "completeness": null,
                    "usable": null,
                    "void_reason": Cause::Retention.key(),
                });
            }
            json!({
                "date": date.to_string(),
                "expected": day.expected,
                "reported": day.reported,
                "completeness": completeness(day).map(number),
                "usable": usable,
                "void_reason": null,
            })
        });
        days.collect::<Vec<_>>()
    });
    with_head(zone, station, answer, "days", json!(days))
}

fn usable_values(reports: &Reports, date: NaiveDate) -> [Value; 6] {
    usable(reports, date).map(Value::from)
}

fn with_head(
    zone: Zone,
    station: &SourceId,
    answer: &Result<Reports, Void>,
    what: &str,
    rows: Value,
) -> Value {
    let reports = answer.as_ref().ok();
    let text = |at| zone.text(at);
    let mut body = json!({
        "station": station.as_str(),
        "interval_s": reports.map(|reports| reports.interval_s),
        "interval_basis": reports.map(|reports| reports.basis.key()),
        "from": reports.map(|reports| text(reports.after)),
        "to": reports.map(|reports| text(reports.upto)),
        "void_reason": answer.as_ref().err().map(|void| void.reason()),
    });
    body[what] = rows;
    body
}

/// Rows of gaps; the cause as a key, or in words of a language.
fn gap_rows(zone: Zone, (station, answer): &Answered, lang: Option<Lang>) -> Vec<Vec<String>> {
    let reports = match answer {
        Ok(reports) => reports,
        Err(void) => return vec![void_row(station, *void, GAP_COLUMNS.len(), lang)],
    };
    let row = |gap: Gap| {
        vec![
            station.to_string(),
            zone.text(gap.from),
            zone.text(gap.to),
            reports.interval_s.to_string(),
            gap.missing.to_string(),
            lang.map_or(gap.cause.key(), |lang| words::cause(gap.cause, lang))
                .to_owned(),
            String::new(),
        ]
    };
    reports.gaps().into_iter().map(row).collect()
}

fn day_rows(zone: Zone, (station, answer): &Answered, lang: Option<Lang>) -> Vec<Vec<String>> {
    let reports = match answer {
        Ok(reports) => reports,
        Err(void) => return vec![void_row(station, *void, DAY_COLUMNS.len(), lang)],
    };
    let row = |(date, day): (NaiveDate, DayReports)| {
        if reports.is_gone(zone, date) {
            let mut row = vec![String::new(); DAY_COLUMNS.len()];
            row[..3].clone_from_slice(&[
                station.to_string(),
                date.to_string(),
                day.expected.to_string(),
            ]);
            let why = Cause::Retention;
            let why = lang.map_or(why.key(), |lang| words::cause(why, lang));
            row[DAY_COLUMNS.len() - 1] = why.to_owned();
            return row;
        }
        let mut row = vec![
            station.to_string(),
            date.to_string(),
            day.expected.to_string(),
            day.reported.to_string(),
            completeness(day).map_or(String::new(), |share| share.to_string()),
        ];
        row.extend(usable(reports, date).map(|count| count.to_string()));
        row.push(String::new());
        row
    };
    reports.days(zone).into_iter().map(row).collect()
}

fn void_row(station: &SourceId, void: Void, columns: usize, lang: Option<Lang>) -> Vec<String> {
    let mut row = vec![String::new(); columns];
    row[0] = station.to_string();
    let reason = lang.map_or(void.reason(), |lang| words::no_reports(void, lang));
    row[columns - 1] = reason.to_owned();
    row
}

/// What is printed of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Runs of missing reports.
    Gap,
    /// Days with what came of them.
    Day,
}

impl By {
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Gap => &GAP_COLUMNS,
            Self::Day => &DAY_COLUMNS,
        }
    }

    fn rows(self, zone: Zone, answered: &Answered, lang: Option<Lang>) -> Vec<Vec<String>> {
        match self {
            Self::Gap => gap_rows(zone, answered, lang),
            Self::Day => day_rows(zone, answered, lang),
        }
    }

    /// One station as JSON.
    pub fn json(self, zone: Zone, answered: &Answered) -> Value {
        match self {
            Self::Gap => gaps_json(zone, answered),
            Self::Day => days_json(zone, answered),
        }
    }
}

/// All stations as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn csv(by: By, zone: Zone, all: &[Answered], out: impl std::io::Write) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    writer.write_record(by.columns())?;
    for row in all.iter().flat_map(|one| by.rows(zone, one, None)) {
        writer.write_record(row)?;
    }
    writer.flush()?;
    Ok(())
}

/// All stations as a table for a terminal.
pub fn text(by: By, zone: Zone, all: &[Answered], lang: Lang) -> String {
    let heads = by.columns().iter();
    let heads: Vec<&str> = heads
        .map(|column| words::gap_column(column, lang))
        .collect();
    let rows = all.iter().flat_map(|one| by.rows(zone, one, Some(lang)));
    table(&heads, rows.collect())
}
