//! Days left out of statistics, as rows.

use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::registry::damaged;
use crate::adapters::store::embedded::registry::day;
use crate::adapters::store::embedded::registry::replace;
use crate::domain::calendar::Span;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Place;
use crate::domain::exclusion::Statistic;
use crate::domain::pollutant::Pollutant;

const TABLE: &str = "exclusion";

/// Writes one entry, replacing that of the same id.
pub(super) fn save(connection: &Connection, exclusion: &Exclusion) -> Result<(), Fault> {
    let pollutants: Vec<&str> = exclusion.pollutants.iter().map(|one| one.key()).collect();
    let statistics: Vec<&str> = exclusion.statistics.iter().map(|one| one.key()).collect();
    let values = params![
        exclusion.id,
        exclusion.place.to_string(),
        exclusion.span.from.to_string(),
        exclusion.span.to.to_string(),
        pollutants.join("|"),
        statistics.join("|"),
        exclusion.reason,
        exclusion.document,
        exclusion.decided_on.to_string(),
        exclusion.revoked_on.map(|day| day.to_string())
    ];
    replace(connection, TABLE, values)
}

/// Reads one row.
pub(super) fn load(row: &Row<'_>) -> Result<Exclusion, Fault> {
    let place: String = row.get("place")?;
    let revoked: Option<String> = row.get("revoked_on")?;
    let revoked = revoked.map(|_| day(row, TABLE, "revoked_on"));
    Ok(Exclusion {
        id: row.get("id")?,
        place: Place::parse(&place).ok_or_else(|| damaged(TABLE, &place))?,
        span: Span {
            from: day(row, TABLE, "from_day")?,
            to: day(row, TABLE, "to_day")?,
        },
        pollutants: list(row, "pollutants", Pollutant::from_key)?,
        statistics: list(row, "statistics", Statistic::from_key)?,
        reason: row.get("reason")?,
        document: row.get("document")?,
        decided_on: day(row, TABLE, "decided_on")?,
        revoked_on: revoked.transpose()?,
    })
}

fn list<T>(
    row: &Row<'_>,
    column: &str,
    from_key: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Fault> {
    let text: String = row.get(column)?;
    let entries = text.split('|').map(from_key);
    entries
        .collect::<Option<_>>()
        .ok_or_else(|| damaged(TABLE, &text))
}
