//! One table's rows under its columns, and the fields of a row.

use chrono::NaiveDate;

use crate::adapters::cells;
use crate::adapters::tables::Rules;
use crate::adapters::tables::Table;
use crate::domain::names::SourceId;
use crate::domain::registry::Item;
use crate::domain::registry::Names;
use crate::domain::registry::Registry;
use crate::domain::units::Amount;

/// Most rows a table may have.
const ROWS_MAX: usize = 10_000;
/// Longest field, in bytes.
const FIELD_BYTES_MAX: usize = 400;

/// A registry entry and where it stands, for checks across entries.
pub(super) struct Entry<T> {
    /// `file:line`.
    pub(super) place: String,
    /// The entry.
    pub(super) value: T,
}

/// A table on its way into the registry.
pub(super) struct Sheet<'a> {
    /// The table.
    pub(super) table: &'a Table,
    /// What is registered, tables read before this one included.
    pub(super) known: &'a Registry,
    /// What rows may name besides.
    pub(super) rules: Rules<'a>,
    /// What is wrong, one text each.
    pub(super) faults: &'a mut Vec<String>,
}

/// The entries without their places.
pub(super) fn values<T>(entries: Vec<Entry<T>>) -> Vec<T> {
    entries.into_iter().map(|entry| entry.value).collect()
}

impl Sheet<'_> {
    /// Every row that has no fault of its own.
    pub(super) fn entries<T>(
        &mut self,
        parse: impl Fn(&mut Line<'_>) -> Option<T>,
    ) -> Vec<Entry<T>> {
        let (table, kind) = (self.table, self.table.kind);
        let text = Text {
            file: &table.file,
            text: &table.text,
            columns: kind.columns,
            optional: kind.optional,
        };
        text.entries(self.faults, parse)
    }
}

/// A text to be read under columns.
pub(super) struct Text<'a> {
    /// Where it comes from.
    pub(super) file: &'a str,
    /// All of it.
    pub(super) text: &'a str,
    /// What its header must say.
    pub(super) columns: &'static [&'static str],
    /// How many of the last columns may be left out.
    pub(super) optional: usize,
}

impl Text<'_> {
    /// Every row that has no fault of its own.
    pub(super) fn entries<T>(
        &self,
        faults: &mut Vec<String>,
        parse: impl Fn(&mut Line<'_>) -> Option<T>,
    ) -> Vec<Entry<T>> {
        let (file, all) = (self.file, self.columns);
        // The line of a row is counted by its line feeds, which with carriage returns come too late.
        let text = self
            .text
            .trim_start_matches('\u{feff}')
            .replace("\r\n", "\n");
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut entries = Vec::new();
        if text.is_empty() {
            let columns = all.join(",");
            faults.push(format!("{file}:1: columns must be {columns}"));
        }
        let mut columns = all;
        for (index, record) in reader.records().enumerate() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    faults.push(format!("{file}: {error}"));
                    break;
                }
            };
            let number = record.position().map_or(0, csv::Position::line);
            let place = format!("{file}:{number}");
            if index == 0 {
                let least = all.len() - self.optional;
                columns = &all[..record.len().clamp(least, all.len())];
                if record.iter().ne(columns.iter().copied()) {
                    let columns = all.join(",");
                    faults.push(format!("{place}: columns must be {columns}"));
                    break;
                }
            } else if index > ROWS_MAX {
                faults.push(format!("{place}: more than {ROWS_MAX} rows"));
                break;
            } else if record.len() == columns.len() {
                let mut line = Line::new(&place, columns, &record, faults);
                if let Some(value) = parse(&mut line) {
                    entries.push(Entry { place, value });
                }
            } else {
                let (got, due) = (record.len(), columns.len());
                faults.push(format!("{place}: {got} fields where {due} are due"));
            }
        }
        entries
    }
}

/// One row under its columns.
pub(super) struct Line<'a> {
    place: &'a str,
    columns: &'a [&'static str],
    record: &'a csv::StringRecord,
    faults: &'a mut Vec<String>,
}

impl<'a> Line<'a> {
    /// A row.
    pub(super) fn new(
        place: &'a str,
        columns: &'a [&'static str],
        record: &'a csv::StringRecord,
        faults: &'a mut Vec<String>,
    ) -> Self {
        Self {
            place,
            columns,
            record,
            faults,
        }
    }

    /// The field as `parse` reads it; what it refuses becomes a fault naming what would be right.
    pub(super) fn field<T>(
        &mut self,
        column: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let at = self.columns.iter().position(|name| *name == column);
        let text = at
            .and_then(|at| self.record.get(at))
            .map_or("", cells::read);
        let value = (text.len() <= FIELD_BYTES_MAX)
            .then(|| parse(text))
            .flatten();
        if value.is_none() {
            let shown: String = text.chars().take(40).collect();
            let place = self.place;
            self.faults
                .push(format!("{place}: {column}: {shown:?} is not {expected}"));
        }
        value
    }

    /// A text, not empty.
    pub(super) fn text(&mut self, column: &str) -> Option<String> {
        let filled = |text: &str| !text.is_empty() && text.trim() == text;
        self.field(column, "a text without blanks around it", |text| {
            filled(text).then(|| text.to_owned())
        })
    }

    /// Both names.
    pub(super) fn names(&mut self) -> Option<Names> {
        let (zh, en) = (self.text("name_zh"), self.text("name_en"));
        Some(Names { zh: zh?, en: en? })
    }

    /// A station's code.
    pub(super) fn source_id(&mut self, column: &str) -> Option<SourceId> {
        self.field(column, "a station's code", |text| SourceId::new(text).ok())
    }

    /// What a figure is about.
    pub(super) fn item(&mut self) -> Option<Item> {
        let keys = Item::ALL.map(Item::key);
        let expected = format!("one of {}", keys.join(", "));
        self.field("item", &expected, Item::from_key)
    }

    /// A place on the globe.
    pub(super) fn degrees(&mut self, column: &str, most: i64) -> Option<Amount> {
        let within = |degrees: &Amount| degrees.micros().abs() <= Amount::from_units(most).micros();
        self.field(
            column,
            &format!("a number of degrees within {most}"),
            |text| Amount::parse(text).ok().filter(within),
        )
    }
}

/// A date such as 2020-01-31.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// Nothing for an empty field, else what `parse` reads.
pub(super) fn if_filled<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        parse(text).map(Some)
    }
}
