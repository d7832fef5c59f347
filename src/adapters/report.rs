//! Days and periods as people and programs read them: CSV, JSON, a table for the terminal.
//!
//! The one place that fixes these shapes; the command line and the HTTP interface print the same.

mod beside;
pub mod days;
pub mod figures;
pub mod gaps;
mod goals;
pub mod hours;
pub mod letters;
pub mod periods;
pub mod qc;
pub mod ranking;
pub mod readings;
pub mod table;
pub mod targets;

use serde_json::Number;
use serde_json::Value;

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

/// A CSV writer, at choice behind the byte order mark by which Excel tells UTF-8.
fn csv_writer<W: std::io::Write>(mut out: W, bom: bool) -> csv::Result<csv::Writer<W>> {
    if bom {
        out.write_all("\u{feff}".as_bytes())?;
    }
    Ok(csv::Writer::from_writer(out))
}

fn optional<T>(value: Option<T>, print: impl Fn(T) -> String) -> String {
    value.map(print).unwrap_or_default()
}
