//! Published figures as rows: one issue a row, each row's hash covering the one before, as in the ledger.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;

use crate::adapters::publications::from_line;
use crate::adapters::publications::to_line;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::ledger::GENESIS;
use crate::adapters::store::embedded::ledger::link;
use crate::domain::publication::Issue;

/// Appends issues in order; the number of the last.
pub(super) fn remember(connection: &Connection, issues: &[Issue]) -> Result<u64, Fault> {
    let select = "SELECT seq, hash FROM publication ORDER BY seq DESC LIMIT 1";
    let last = connection
        .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut seq, mut hash): (i64, [u8; 32]) = last.unwrap_or((0, GENESIS));
    let insert = "INSERT INTO publication (seq, line, hash) VALUES (?1, ?2, ?3)";
    for issue in issues {
        let line = to_line(issue);
        seq += 1;
        hash = link(&hash, seq, &line);
        connection
            .prepare_cached(insert)?
            .execute(params![seq, line, hash])?;
    }
    Ok(seq.cast_unsigned())
}

/// All issues with their numbers.
pub(super) fn issues(connection: &Connection) -> Result<Vec<(u64, Issue)>, Fault> {
    let select = "SELECT seq, line FROM publication ORDER BY seq";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    let mut issues = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
        let damaged = |fault| Fault::Row(format!("table publication, row {seq}: {fault}"));
        issues.push((seq.cast_unsigned(), from_line(&line).map_err(damaged)?));
    }
    Ok(issues)
}

/// Walks the chain; the count of issues, and the first that does not fit.
pub(super) fn check(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let select = "SELECT seq, line, hash FROM publication ORDER BY seq";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let (mut count, mut hash) = (0i64, GENESIS);
    while let Some(row) = rows.next()? {
        let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
        let stored: Vec<u8> = row.get(2)?;
        count += 1;
        hash = link(&hash, count, &line);
        let fault = if seq != count {
            Some(format!(
                "table publication: issue {count} is missing (found {seq})"
            ))
        } else if stored != hash {
            Some(format!(
                "table publication, row {seq}: does not match its hash"
            ))
        } else {
            let unreadable = |fault| format!("table publication, row {seq}: {fault}");
            from_line(&line).err().map(unreadable)
        };
        if fault.is_some() {
            return Ok((count.cast_unsigned(), fault));
        }
    }
    Ok((count.cast_unsigned(), None))
}
