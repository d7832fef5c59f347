//! Days and periods as people and programs read them: CSV, JSON, a table for the terminal.
//!
//! The one place that fixes these shapes; the command line and the HTTP interface print the same.

mod beside;
pub mod corrections;
pub mod days;
pub mod figures;
pub mod gaps;
mod goals;
pub mod hours;
pub mod index;
pub mod letters;
pub mod periods;
pub mod qc;
pub mod ranking;
pub mod readings;
pub mod rose;
pub mod table;
pub mod targets;

use serde_json::Number;
use serde_json::Value;

use crate::adapters::cells::Cells;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::reading::Review;
use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Amount;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::area::Area;

/// Decimals unrounded figures are printed with.
const UNROUNDED_DECIMALS: u32 = 6;

/// What every figure of one answer shares.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The area.
    pub area: &'a Area,
    /// The zone times are printed in.
    pub zone: Zone,
    /// As of when.
    pub known_at: Instant,
    /// Whether simulated readings take part.
    pub simulated: bool,
    /// Which values the figures rest on.
    pub review: Review,
}

/// A decimal number as a JSON number of the same digits.
pub fn number(decimal: Decimal) -> Value {
    let text = decimal.trimmed();
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole
        .or_else(|| text.parse().ok().and_then(Number::from_f64))
        .map_or(Value::Null, Value::Number)
}

/// A received value as a JSON number of the same digits.
pub fn amount(value: Amount) -> Value {
    number(Exact::amount(value).round(AMOUNT_DECIMALS))
}

/// An unrounded figure to six decimals.
pub fn unrounded(value: &Exact) -> Value {
    number(value.round(UNROUNDED_DECIMALS))
}

/// Name of the column that holds a row's settings.
const SETTINGS_COLUMN: &str = "settings";

/// How rows are written as CSV.
pub struct CsvForm<'a, T> {
    /// Behind the byte order mark by which Excel tells UTF-8.
    pub bom: bool,
    /// What a row rests on, as a last column; none unless asked for, since the columns are fixed.
    pub settings: Option<RowSettings<'a, T>>,
    /// As of when, in the same column.
    pub known_at: String,
}

/// What a row rests on.
pub type RowSettings<'a, T> = Box<dyn Fn(&T) -> Value + 'a>;

impl<T> From<bool> for CsvForm<'_, T> {
    fn from(bom: bool) -> Self {
        Self {
            bom,
            settings: None,
            known_at: String::new(),
        }
    }
}

impl<T> CsvForm<'_, T> {
    fn writer<'c, W: std::io::Write>(
        &self,
        columns: impl IntoIterator<Item = &'c &'c str>,
        mut out: W,
    ) -> csv::Result<Cells<W>> {
        if self.bom {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut writer = Cells::new(out);
        let last = self.settings.as_ref().map(|_| &SETTINGS_COLUMN);
        writer.write_record(columns.into_iter().chain(last))?;
        Ok(writer)
    }

    /// The row's last field, if one is wanted: `name=value`, joined by `;`.
    fn last(&self, row: &T) -> Option<String> {
        let settings = self.settings.as_ref()?(row);
        let word = |value: &Value| match value {
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let entries = settings.as_object().into_iter().flatten();
        let mut pairs: Vec<String> = entries
            .map(|(name, value)| format!("{name}={}", word(value)))
            .collect();
        pairs.push(format!("known_at={}", self.known_at));
        Some(pairs.join(";"))
    }
}

/// Adds what every figure of an answer rests on to a row's own settings.
fn with_basis(mut settings: Value, context: Context<'_>) -> Value {
    if let Some(object) = settings.as_object_mut() {
        object.insert("review".to_owned(), context.review.key().into());
        object.insert("zone".to_owned(), context.zone.to_string().into());
    }
    settings
}

fn optional<T>(value: Option<T>, print: impl Fn(T) -> String) -> String {
    value.map(print).unwrap_or_default()
}
