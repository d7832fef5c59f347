//! Jiangyin's example enterprises: who they are, what they may emit, and a ledger of invented documents.
//!
//! Every unit is made up and stands under region 999999, which does not exist. Days are written as offsets from
//! the day of seeding, so that all five colours are there whenever the seeds are loaded; the permits likewise.
//! An entry counts as captured at nine in the morning of its own day, unless it names another.
//!
//! Reading is strict: a column, field or value that does not fit is refused with file and line.

use crate::adapters::credit_events;
use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Enterprise;
use crate::domain::registry::Names;
use crate::domain::registry::Outlet;
use crate::domain::registry::Permit;
use crate::domain::units::Amount;
use chrono::Days;
use chrono::NaiveDate;
use serde_json::Map;
use serde_json::Value;
use std::collections::BTreeSet;

/// What an enterprise row must carry in its label column.
const LABEL: &str = "example";
/// Fields written as an offset end so.
const OFFSET: &str = "_offset_days";
/// Field naming the day of capture, where it is not the entry's own.
const CAPTURED: &str = "captured_offset_days";
/// Farthest offset from the day of seeding, in days.
const OFFSET_DAYS_MAX: i64 = 20_000;

/// The four seed files as text, each with the name faults are told under.
#[derive(Debug, Clone, Copy)]
pub struct SeedTexts<'a> {
    /// `uscc,name_zh,name_en,industry,town,label`.
    pub enterprises: &'a str,
    /// `outlet,uscc,kind,name`.
    pub outlets: &'a str,
    /// `permit,uscc,outlet,factor,limit,unit,annual_t,valid_from_offset_days,valid_to_offset_days`.
    pub permits: &'a str,
    /// Ledger entries with offsets for dates.
    pub ledger: &'a str,
}

/// The files compiled in.
pub const JIANGYIN: SeedTexts<'static> = SeedTexts {
    enterprises: include_str!("../../seeds/jiangyin/enterprises.csv"),
    outlets: include_str!("../../seeds/jiangyin/outlets.csv"),
    permits: include_str!("../../seeds/jiangyin/permits.csv"),
    ledger: include_str!("../../seeds/jiangyin/ledger.jsonl"),
};

/// The seeds with their days resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreditSeeds {
    /// Example enterprises.
    pub enterprises: Vec<Enterprise>,
    /// Their outlets.
    pub outlets: Vec<Outlet>,
    /// Their permits.
    pub permits: Vec<Permit>,
    /// Their ledger.
    pub events: Vec<CreditEvent>,
}

/// A seed line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct SeedFault {
    /// The file.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what would be right.
    pub what: String,
}

/// Reads the seeds for a day of seeding.
///
/// # Errors
///
/// The first line that does not fit.
pub fn read(texts: SeedTexts<'_>, seeding_day: NaiveDate) -> Result<CreditSeeds, SeedFault> {
    let enterprises = enterprises(texts.enterprises)?;
    let units: BTreeSet<&str> = enterprises.iter().map(|unit| unit.uscc.as_str()).collect();
    let outlets = outlets(texts.outlets, &units)?;
    let known = outlets
        .iter()
        .map(|outlet| (outlet.uscc.as_str(), outlet.id.as_str()))
        .collect();
    let permits = permits(texts.permits, &known, seeding_day)?;
    let events = events(texts.ledger, &units, seeding_day)?;
    Ok(CreditSeeds {
        enterprises,
        outlets,
        permits,
        events,
    })
}

/// One row of a table with its place.
struct Row {
    file: &'static str,
    line: u64,
    cells: Vec<String>,
}

impl Row {
    fn fault(&self, what: String) -> SeedFault {
        SeedFault {
            file: self.file,
            line: self.line,
            what,
        }
    }

    fn text(&self, at: usize) -> Result<String, SeedFault> {
        let text = self.cells[at].trim();
        if text.is_empty() {
            return Err(self.fault(format!("column {} is empty", at + 1)));
        }
        Ok(text.to_owned())
    }

    fn uscc(&self, at: usize) -> Result<String, SeedFault> {
        let uscc = Uscc::new(&self.text(at)?).map_err(|error| self.fault(error.to_string()))?;
        Ok(uscc.as_str().to_owned())
    }

    fn amount(&self, at: usize) -> Result<Amount, SeedFault> {
        let text = self.text(at)?;
        Amount::parse(&text).map_err(|error| self.fault(format!("{text:?}: {error}")))
    }

    fn day(&self, at: usize, seeding_day: NaiveDate) -> Result<NaiveDate, SeedFault> {
        let text = self.text(at)?;
        let offset = text
            .parse()
            .ok()
            .and_then(|offset| offset_from(seeding_day, offset));
        offset.ok_or_else(|| self.fault(format!("{text:?} is no offset in days")))
    }
}

/// The day some days after, or before, the day of seeding.
fn offset_from(seeding_day: NaiveDate, offset: i64) -> Option<NaiveDate> {
    if offset.abs() > OFFSET_DAYS_MAX {
        return None;
    }
    let days = Days::new(offset.unsigned_abs());
    if offset < 0 {
        seeding_day.checked_sub_days(days)
    } else {
        seeding_day.checked_add_days(days)
    }
}

/// The rows of a table whose heading is exactly as expected.
fn rows(file: &'static str, text: &str, heading: &str) -> Result<Vec<Row>, SeedFault> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            SeedFault {
                file,
                line,
                what: error.to_string(),
            }
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(Row {
            file,
            line,
            cells: record.iter().map(str::to_owned).collect(),
        });
    }
    let found = rows
        .first()
        .map(|row| row.cells.join(","))
        .unwrap_or_default();
    if found != heading {
        let what = format!("the heading is {found:?}; it must be {heading:?}");
        return Err(SeedFault {
            file,
            line: 1,
            what,
        });
    }
    rows.remove(0);
    Ok(rows)
}

fn enterprises(text: &str) -> Result<Vec<Enterprise>, SeedFault> {
    let mut seen = BTreeSet::new();
    let mut units = Vec::new();
    for row in rows(
        "enterprises.csv",
        text,
        "uscc,name_zh,name_en,industry,town,label",
    )? {
        let uscc = row.uscc(0)?;
        if !seen.insert(uscc.clone()) {
            return Err(row.fault(format!("{uscc} stands here twice")));
        }
        if row.text(5)? != LABEL {
            return Err(row.fault(format!("seeds are examples; the label must be {LABEL:?}")));
        }
        let names = Names {
            zh: row.text(1)?,
            en: row.text(2)?,
        };
        let (industry, town) = (row.text(3)?, row.text(4)?);
        units.push(Enterprise {
            uscc,
            names,
            industry,
            town,
            example: true,
        });
    }
    Ok(units)
}

fn outlets(text: &str, units: &BTreeSet<&str>) -> Result<Vec<Outlet>, SeedFault> {
    let mut outlets: Vec<Outlet> = Vec::new();
    for row in rows("outlets.csv", text, "outlet,uscc,kind,name")? {
        let outlet = Outlet {
            id: row.text(0)?,
            uscc: row.uscc(1)?,
            kind: row.text(2)?,
            name: row.text(3)?,
        };
        if !units.contains(outlet.uscc.as_str()) {
            return Err(row.fault(format!("{} is not in enterprises.csv", outlet.uscc)));
        }
        if !matches!(outlet.kind.as_str(), "gas" | "water") {
            return Err(row.fault(format!("kind {:?}; use gas or water", outlet.kind)));
        }
        if outlets
            .iter()
            .any(|other| (&other.uscc, &other.id) == (&outlet.uscc, &outlet.id))
        {
            return Err(row.fault(format!(
                "{} of {} stands here twice",
                outlet.id, outlet.uscc
            )));
        }
        outlets.push(outlet);
    }
    Ok(outlets)
}

const PERMIT_HEADING: &str =
    "permit,uscc,outlet,factor,limit,unit,annual_t,valid_from_offset_days,valid_to_offset_days";

fn permits(
    text: &str,
    outlets: &BTreeSet<(&str, &str)>,
    seeding_day: NaiveDate,
) -> Result<Vec<Permit>, SeedFault> {
    let mut permits = Vec::new();
    for row in rows("permits.csv", text, PERMIT_HEADING)? {
        let annual_t = if row.cells[6].is_empty() {
            None
        } else {
            Some(row.amount(6)?)
        };
        let permit = Permit {
            number: row.text(0)?,
            uscc: row.uscc(1)?,
            outlet: row.text(2)?,
            factor: row.text(3)?,
            limit: row.amount(4)?,
            unit: row.text(5)?,
            annual_t,
            from: row.day(7, seeding_day)?,
            to: row.day(8, seeding_day)?,
        };
        if !outlets.contains(&(permit.uscc.as_str(), permit.outlet.as_str())) {
            let what = format!("{} of {} is not in outlets.csv", permit.outlet, permit.uscc);
            return Err(row.fault(what));
        }
        if permit.to < permit.from {
            return Err(row.fault("the permit ends before it begins".to_owned()));
        }
        permits.push(permit);
    }
    Ok(permits)
}

fn events(
    text: &str,
    units: &BTreeSet<&str>,
    seeding_day: NaiveDate,
) -> Result<Vec<CreditEvent>, SeedFault> {
    let mut events = Vec::new();
    for (line, text) in (1..)
        .zip(text.lines())
        .filter(|(_, text)| !text.trim().is_empty())
    {
        let fault = |what| SeedFault {
            file: "ledger.jsonl",
            line,
            what,
        };
        let dated = dated(text, seeding_day).map_err(fault)?;
        let event = credit_events::from_line(&dated).map_err(|error| fault(error.to_string()))?;
        if let Some(subject) = event
            .subject()
            .filter(|subject| !units.contains(subject.as_str()))
        {
            return Err(fault(format!("{subject} is not in enterprises.csv")));
        }
        events.push(event);
    }
    Ok(events)
}

/// The line with its offsets turned into dates and the time of capture filled in.
fn dated(text: &str, seeding_day: NaiveDate) -> Result<String, String> {
    let fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    let mut dated = Map::new();
    let mut captured = None;
    for (field, value) in fields {
        let Some(date_field) = field.strip_suffix(OFFSET) else {
            dated.insert(field, value);
            continue;
        };
        let day = value
            .as_i64()
            .and_then(|offset| offset_from(seeding_day, offset));
        let day = day.ok_or_else(|| format!("field {field:?}: {value} is no offset in days"))?;
        if field == CAPTURED {
            captured = Some(day);
        } else {
            captured = captured.or(Some(day.min(seeding_day)));
            dated.insert(date_field.to_owned(), Value::from(day.to_string()));
        }
    }
    let captured = captured.ok_or("no field ends in _offset_days; give the entry its day")?;
    let offset = Zone::beijing().offset();
    dated.insert(
        "captured_at".to_owned(),
        Value::from(format!("{captured}T09:00:00{offset}")),
    );
    Ok(Value::Object(dated).to_string())
}

#[cfg(test)]
mod tests {
    use crate::app::rulebooks;
    use crate::app::seed_ledger::CreditSeeds;
    use crate::app::seed_ledger::JIANGYIN;
    use crate::app::seed_ledger::SeedTexts;
    use crate::app::seed_ledger::read;
    use crate::domain::credit::Tier;
    use crate::domain::credit::ledger::Ledger;
    use crate::domain::credit::rulebook::Rulebook;
    use crate::domain::credit::tier::Schedule;
    use crate::domain::credit::tier::rate;
    use crate::domain::credit::uscc::Uscc;
    use chrono::Days;
    use chrono::NaiveDate;
    use std::collections::BTreeMap;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn seeds(day: NaiveDate) -> CreditSeeds {
        read(JIANGYIN, day).expect("the seeds are right")
    }

    fn colours(seeding_day: NaiveDate, books: &[&Rulebook]) -> BTreeMap<Tier, usize> {
        let seeds = seeds(seeding_day);
        let units = seeds.enterprises.len();
        let ledger = Ledger::from_events(seeds.events, books).expect("entries agree");
        let schedule = Schedule::by_date(books).expect("rulebooks");
        let mut colours = BTreeMap::new();
        for (_, events) in ledger.subjects() {
            let rating = rate(events, &schedule, seeding_day, None).expect("codes are known");
            *colours.entry(rating.tier).or_insert(0) += 1;
        }
        assert_eq!(colours.values().sum::<usize>(), units);
        colours
    }

    #[test]
    fn every_seeding_day_shows_the_same_colours() {
        let books = rulebooks::named("auto").expect("compiled in");
        let books: Vec<&Rulebook> = books.iter().collect();
        let expected = BTreeMap::from([
            (Tier::Green, 3),
            (Tier::Blue, 52),
            (Tier::Yellow, 2),
            (Tier::Red, 2),
            (Tier::Black, 1),
            (Tier::Unrated, 1),
        ]);
        for date in [
            "2026-11-21",
            "2028-02-29",
            "2026-01-31",
            "2027-12-31",
            "2030-08-30",
        ] {
            assert_eq!(colours(day(date), &books), expected, "{date}");
        }
        for offset in 0..400 {
            let date = day("2027-09-01") + Days::new(offset);
            assert_eq!(colours(date, &books), expected, "{date}");
        }
    }

    #[test]
    fn every_unit_is_a_marked_example_with_a_right_code() {
        let seeds = seeds(day("2026-11-21"));
        for unit in &seeds.enterprises {
            let uscc = Uscc::new(&unit.uscc).expect("both check characters are right");
            assert_eq!(uscc.region(), "999999");
            assert!(
                unit.example && unit.names.zh.starts_with("示例"),
                "{}",
                unit.names.zh
            );
            assert!(unit.names.en.starts_with("Example"), "{}", unit.names.en);
        }
        assert!(
            seeds
                .permits
                .iter()
                .all(|permit| permit.to > day("2026-11-21"))
        );
        assert!(!seeds.outlets.is_empty());
    }

    #[test]
    fn nothing_is_captured_before_its_document_or_after_the_seeding() {
        let today = day("2026-11-21");
        for event in seeds(today).events {
            assert!(event.captured_at.date_naive() <= today, "{event:?}");
        }
    }

    fn check(texts: SeedTexts<'_>, expected: &str) {
        let fault = read(texts, day("2026-11-21"))
            .expect_err(expected)
            .to_string();
        assert!(fault.starts_with(expected), "{fault}");
    }

    #[test]
    fn faults_name_file_and_line() {
        let unit = "91999999MA1X00017B";
        let wrong = "91999999MA1X00017C";
        let rows = [
            (
                "enterprises",
                ",label",
                ",labels",
                "enterprises.csv:1: the heading is",
            ),
            (
                "enterprises",
                ",example",
                ",real",
                "enterprises.csv:2: seeds are examples",
            ),
            (
                "enterprises",
                unit,
                wrong,
                "enterprises.csv:2: \"91999999MA1X00017C\" ends in",
            ),
            (
                "outlets",
                ",gas,",
                ",steam,",
                "outlets.csv:2: kind \"steam\"; use gas or water",
            ),
            (
                "permits",
                ",DA001,",
                ",DA009,",
                "permits.csv:2: DA009 of 91999999MA1X00017B is not",
            ),
            (
                "permits",
                ",-300,",
                ",soon,",
                "permits.csv:2: \"soon\" is no offset",
            ),
            (
                "ledger",
                ":-900",
                ":\"-900\"",
                "ledger.jsonl:1: field \"date_offset_days\": \"-900\" is no",
            ),
            (
                "ledger",
                "\"list\"",
                "\"lists\"",
                "ledger.jsonl:1: field \"op\": \"lists\" is unknown",
            ),
        ];
        for (table, from, to, expected) in rows {
            let mut texts = JIANGYIN;
            let text = match table {
                "enterprises" => &mut texts.enterprises,
                "outlets" => &mut texts.outlets,
                "permits" => &mut texts.permits,
                _ => &mut texts.ledger,
            };
            assert!(text.contains(from), "{from}");
            let changed = text.replacen(from, to, 1);
            *text = &changed;
            check(texts, expected);
        }
    }
}
