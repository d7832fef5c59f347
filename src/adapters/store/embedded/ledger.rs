//! The ledger as rows: one event a row, each row's hash covering the one before.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;
use sha2::Digest;
use sha2::Sha256;

use crate::adapters::credit_events::from_line;
use crate::adapters::credit_events::to_line;
use crate::adapters::store::embedded::Fault;
use crate::domain::credit::CreditEvent;

/// What the first entry's hash covers in place of an entry before it.
pub(super) const GENESIS: [u8; 32] = [0; 32];

/// The hash of an entry: over its predecessor's hash, its number and its line.
pub(super) fn link(before: &[u8; 32], seq: i64, line: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(seq.to_le_bytes());
    hasher.update(line.as_bytes());
    hasher.finalize().into()
}

/// Appends events in order; returns how many entries the ledger then holds.
pub(super) fn append(connection: &Connection, events: &[CreditEvent]) -> Result<u64, Fault> {
    let select = "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1";
    let last = connection
        .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut seq, mut hash): (i64, [u8; 32]) = last.unwrap_or((0, GENESIS));
    let insert = "INSERT INTO ledger (seq, line, hash) VALUES (?1, ?2, ?3)";
    for event in events {
        let line = to_line(event);
        seq += 1;
        hash = link(&hash, seq, &line);
        connection
            .prepare_cached(insert)?
            .execute(params![seq, line, hash])?;
    }
    Ok(seq.cast_unsigned())
}

/// All events in the order they were appended.
pub(super) fn events(connection: &Connection) -> Result<Vec<CreditEvent>, Fault> {
    let mut statement = connection.prepare_cached("SELECT seq, line FROM ledger ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
        let damaged = |fault| Fault::Row(format!("table ledger, entry {seq}: {fault}"));
        events.push(from_line(&line).map_err(damaged)?);
    }
    Ok(events)
}

/// Walks the chain; the count of entries, and the first entry that does not fit.
pub(super) fn check(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let mut statement = connection.prepare("SELECT seq, line, hash FROM ledger ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let (mut count, mut hash) = (0i64, GENESIS);
    while let Some(row) = rows.next()? {
        let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
        count += 1;
        hash = link(&hash, count, &line);
        let stored: Vec<u8> = row.get(2)?;
        if seq != count {
            let fault = format!("table ledger: entry {count} is missing (found {seq})");
            return Ok((count.cast_unsigned(), Some(fault)));
        }
        if stored != hash {
            let fault = format!("table ledger, entry {seq}: does not match its hash");
            return Ok((count.cast_unsigned(), Some(fault)));
        }
        if let Err(fault) = from_line(&line) {
            let fault = format!("table ledger, entry {seq}: {fault}");
            return Ok((count.cast_unsigned(), Some(fault)));
        }
    }
    Ok((count.cast_unsigned(), None))
}
