//! Decisions of reviewers as rows: one a row, each row's hash covering the one before, as in the ledger.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::adapters::reviews::from_line;
use crate::adapters::reviews::to_line;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::ledger::GENESIS;
use crate::adapters::store::embedded::ledger::link;
use crate::domain::review::Decision;

/// Appends decisions in order; the number of the last.
pub(super) fn decide(connection: &Connection, decisions: &[Decision]) -> Result<u64, Fault> {
    let select = "SELECT seq, hash FROM review ORDER BY seq DESC LIMIT 1";
    let last = connection
        .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut seq, mut hash): (i64, [u8; 32]) = last.unwrap_or((0, GENESIS));
    let insert = "INSERT INTO review (seq, line, hash) VALUES (?1, ?2, ?3)";
    for decision in decisions {
        let line = to_line(decision);
        seq += 1;
        hash = link(&hash, seq, &line);
        connection
            .prepare_cached(insert)?
            .execute(params![seq, line, hash])?;
    }
    Ok(seq.cast_unsigned())
}

/// All decisions in order.
pub(super) fn decisions(connection: &Connection) -> Result<Vec<Decision>, Fault> {
    let mut statement = connection.prepare_cached("SELECT seq, line FROM review ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut decisions = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
        let damaged = |fault| Fault::Row(format!("table review, row {seq}: {fault}"));
        decisions.push(from_line(&line).map_err(damaged)?);
    }
    Ok(decisions)
}

/// Walks the chain; the count of decisions, and the first that does not fit.
pub(super) fn check(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let mut statement = connection.prepare("SELECT seq, line, hash FROM review ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let (mut count, mut hash) = (0i64, GENESIS);
    while let Some(row) = rows.next()? {
        let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
        let stored: Vec<u8> = row.get(2)?;
        count += 1;
        hash = link(&hash, count, &line);
        let fault = if seq != count {
            Some(format!(
                "table review: decision {count} is missing (found {seq})"
            ))
        } else if stored != hash {
            Some(format!("table review, row {seq}: does not match its hash"))
        } else {
            let unreadable = |fault| format!("table review, row {seq}: {fault}");
            from_line(&line).err().map(unreadable)
        };
        if fault.is_some() {
            return Ok((count.cast_unsigned(), fault));
        }
    }
    Ok((count.cast_unsigned(), None))
}
