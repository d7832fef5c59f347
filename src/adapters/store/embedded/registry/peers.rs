//! Figures of other areas, as rows.

use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::registry::damaged;
use crate::adapters::store::embedded::registry::micros;
use crate::adapters::store::embedded::registry::names;
use crate::adapters::store::embedded::registry::replace;
use crate::domain::registry::peer::Peer;
use crate::domain::registry::peer::RankItem;

const TABLE: &str = "peer";

/// Writes one entry, replacing that of the same identity.
pub(super) fn save(connection: &Connection, peer: &Peer) -> Result<(), Fault> {
    let values = params![
        peer.period,
        peer.division_code,
        peer.item.key(),
        peer.edition,
        peer.names.zh,
        peer.names.en,
        peer.value.micros(),
        peer.source
    ];
    replace(connection, TABLE, values)
}

/// Reads one row.
pub(super) fn load(row: &Row<'_>) -> Result<Peer, Fault> {
    let item: String = row.get("item")?;
    Ok(Peer {
        division_code: row.get("division_code")?,
        names: names(row)?,
        period: row.get("period")?,
        item: RankItem::parse(&item).map_err(|_| damaged(TABLE, &item))?,
        value: micros(row, "value")?,
        edition: row.get("edition")?,
        source: row.get("source")?,
    })
}
