//! The registry's tables as CSV: read strictly, every fault with its place; written back in the same form.
//!
//! One list says which tables there are ([`KINDS`]). A table more takes a line there, a function that reads one
//! row and one that writes it. References may lead to what is registered already or stands in a table read
//! together with it.

mod checks;
mod chiefs;
mod decisions;
mod exclusions;
mod kinds;
mod peers;
mod sheet;

use crate::adapters::cells::Cells;
use crate::adapters::tables::sheet::Sheet;
use crate::domain::exclusion::Reasons;
use crate::domain::registry::Registry;
use crate::domain::standards::Editions;

pub use crate::adapters::tables::decisions::DECISION_COLUMNS;
pub use crate::adapters::tables::decisions::Draft;
pub use crate::adapters::tables::decisions::Signature;
pub use crate::adapters::tables::decisions::decisions_of_csv;
pub use crate::adapters::tables::decisions::decisions_of_objects;
pub use crate::adapters::tables::kinds::KINDS;

/// One CSV table to be read.
#[derive(Clone, Debug)]
pub struct Table {
    /// Which table it is.
    pub kind: &'static Kind,
    /// Where it comes from, as printed in faults.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// What rows may name besides what is registered.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The editions of the standards.
    pub editions: &'a Editions,
    /// What exclusions may be for.
    pub reasons: &'a Reasons,
}

/// What is known of one kind of table.
#[derive(Debug)]
pub struct Kind {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: &'static [&'static str],
    /// How many of the last columns may be left out.
    optional: usize,
    read: fn(&mut Sheet<'_>) -> Registry,
    rows: fn(&Registry) -> Vec<Vec<String>>,
}

impl Kind {
    /// The kind of that name.
    ///
    /// # Errors
    /// In words, naming those there are.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        let found = KINDS.iter().find(|kind| kind.name == name);
        found.ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            format!("{name:?} is no table; there are {}", known.join(", "))
        })
    }

    /// What is registered of this kind, as rows under the columns.
    pub fn rows(&self, registry: &Registry) -> Vec<Vec<String>> {
        (self.rows)(registry)
    }

    /// How many columns there are without those of the last ones that may be left out and are empty throughout.
    fn columns_in_use(&self, rows: &[Vec<String>]) -> usize {
        let least = self.columns.len() - self.optional;
        let filled = |at: &usize| rows.iter().any(|row| !row[*at].is_empty());
        let last = (least..self.columns.len()).rev().find(filled);
        last.map_or(least, |last| last + 1)
    }

    /// What is registered of this kind, as CSV with a header.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&self, registry: &Registry, out: impl std::io::Write) -> csv::Result<()> {
        let mut writer = Cells::new(out);
        let rows = self.rows(registry);
        let columns = self.columns_in_use(&rows);
        writer.write_record(&self.columns[..columns])?;
        for row in rows {
            writer.write_record(&row[..columns])?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// Reads tables against what is registered already; the new entries.
///
/// # Errors
/// Every fault of every table, one text each, with file, line and field; then nothing of it may be used.
pub fn read(
    tables: &[Table],
    registered: &Registry,
    rules: Rules<'_>,
) -> Result<Registry, Vec<String>> {
    let (mut known, mut entries) = (registered.clone(), Registry::default());
    let mut faults = Vec::new();
    for kind in &KINDS {
        for table in tables.iter().filter(|table| table.kind.name == kind.name) {
            let mut sheet = Sheet {
                table,
                known: &known,
                rules,
                faults: &mut faults,
            };
            let found = (kind.read)(&mut sheet);
            known.merge(found.clone());
            entries.merge(found);
        }
    }
    if faults.is_empty() {
        Ok(entries)
    } else {
        Err(faults)
    }
}

/// How many rows of the tables' kinds the entries would add or change: `(name, rows, new or changed)`.
pub fn changes(
    tables: &[Table],
    registered: &Registry,
    entries: &Registry,
) -> Vec<(&'static str, usize, usize)> {
    let mut merged = registered.clone();
    merged.merge(entries.clone());
    let change = |table: &Table| {
        let before = table.kind.rows(registered);
        let after = table.kind.rows(&merged);
        let fresh = after.iter().filter(|row| !before.contains(row)).count();
        (table.kind.name, table.kind.rows(entries).len(), fresh)
    };
    tables.iter().map(change).collect()
}
