//! Who answers for a station, as rows.

use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::registry::replace;
use crate::adapters::store::embedded::registry::source;
use crate::domain::registry::Chief;

const TABLE: &str = "chief";

/// Writes one entry, replacing that of the same station.
pub(super) fn save(connection: &Connection, chief: &Chief) -> Result<(), Fault> {
    let values = params![chief.station.as_str(), chief.name, chief.unit];
    replace(connection, TABLE, values)
}

/// Reads one row.
pub(super) fn load(row: &Row<'_>) -> Result<Chief, Fault> {
    Ok(Chief {
        station: source(row, TABLE, "station")?,
        name: row.get("name")?,
        unit: row.get("unit")?,
    })
}
