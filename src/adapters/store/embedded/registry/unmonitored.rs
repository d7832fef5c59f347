//! Pollutants not monitored by plan, as rows.

use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::registry::damaged;
use crate::adapters::store::embedded::registry::day;
use crate::adapters::store::embedded::registry::replace;
use crate::adapters::store::embedded::registry::source;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Unmonitored;

const TABLE: &str = "unmonitored";

/// Writes one entry, replacing that of the same identity.
pub(super) fn save(connection: &Connection, plan: &Unmonitored) -> Result<(), Fault> {
    let values = params![
        plan.station.as_str(),
        plan.pollutant.key(),
        plan.from.to_string(),
        plan.to.map(|day| day.to_string()),
        plan.document
    ];
    replace(connection, TABLE, values)
}

/// Reads one row.
pub(super) fn load(row: &Row<'_>) -> Result<Unmonitored, Fault> {
    let pollutant: String = row.get("pollutant")?;
    let to: Option<String> = row.get("to_day")?;
    let to = to.map(|_| day(row, TABLE, "to_day"));
    Ok(Unmonitored {
        station: source(row, TABLE, "station")?,
        pollutant: Pollutant::from_key(&pollutant).ok_or_else(|| damaged(TABLE, &pollutant))?,
        from: day(row, TABLE, "from_day")?,
        to: to.transpose()?,
        document: row.get("document")?,
    })
}
