//! The writer's side of removal by age: what was found to be old goes if it is still as it was seen, with its summary and
//! a row about it kept in the same transaction.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::append::Appender;
use crate::adapters::store::embedded::block;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::block::Summary;
use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::chain::REMOVALS;
use crate::adapters::store::embedded::chain::REVIEWS;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::registry;
use crate::adapters::store::embedded::retention::Basis;
use crate::adapters::store::embedded::retention::Doomed;
use crate::adapters::store::embedded::retention::KNOWN_FROM;
use crate::adapters::store::embedded::retention::Step;
use crate::adapters::store::embedded::retention::known_from;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::SeriesRow;
use crate::domain::calendar::HOUR_S;
use crate::domain::retention::Kind;
use crate::domain::retention::Removal;

/// What stands for a block's format in the hash of a removed one.
const NO_FORMAT: u32 = 0;

/// Takes a step within the commit under way; what went.
///
/// # Errors
/// Those of the database; then the commit is lost.
pub(in crate::adapters::store::embedded) fn remove(
    connection: &Connection,
    (appender, index): (&mut Appender, &Index),
    step: &Step,
) -> Result<Removal, Fault> {
    let mut removal = step.removal.clone();
    for doomed in &step.doomed {
        match *doomed {
            Doomed::Block {
                series,
                span,
                checksum,
                basis,
                ..
            } => {
                let waits = index
                    .slot_of(series)
                    .is_some_and(|slot| !index.cells(slot, span, i64::MAX).is_empty());
                if !waits
                    && stands(connection, index, (series, span), basis)?
                    && take_block(connection, (series, span, checksum), &mut removal)?
                    && let Some(slot) = index.slot_of(series)
                {
                    appender.rewritten(slot, span);
                }
            }
            Doomed::Revision(id) => {
                removal.revisions += connection
                    .prepare_cached("DELETE FROM revision WHERE id = ?1")?
                    .execute([id])? as u64;
            }
            Doomed::Letter(id) => take_letter(connection, id, &mut removal)?,
        }
    }
    if removal.count() == 0 {
        return Ok(removal);
    }
    if removal.kind == Kind::Revisions {
        let before = known_from(connection)?;
        let from = before.map_or(removal.upto, |before| before.max(removal.upto));
        registry::set_mark(connection, KNOWN_FROM, &from.unix().to_string())?;
    }
    REMOVALS.append(connection, std::slice::from_ref(&removal))?;
    Ok(removal)
}

/// Whether what a block was judged by is as it was, with nothing that waits to be laid over its hours.
fn stands(
    connection: &Connection,
    index: &Index,
    (series, span): (i64, i64),
    basis: Basis,
) -> Result<bool, Fault> {
    if REVIEWS.last(connection)? != basis.decisions || DELETIONS.last(connection)? != basis.orders {
        return Ok(false);
    }
    let Some((hourly, checksum)) = basis.hourly else {
        return Ok(true);
    };
    let own = Cut::of(SeriesRow::of(connection, series)?.key.interval_s);
    let row = SeriesRow::of(connection, hourly)?;
    let hours = Cut::of(row.key.interval_s);
    let last = own.time(span, own.readings_max()) + HOUR_S;
    let mut spans = hours.span(own.time(span, 0))..=hours.span(last);
    let settled = |slot| spans.all(|span| index.cells(slot, span, i64::MAX).is_empty());
    Ok(row.checksum == checksum && index.slot_of(hourly).is_none_or(settled))
}

/// Takes a block out if it is still as it was seen.
fn take_block(
    connection: &Connection,
    (series, span, checksum): (i64, i64, i64),
    removal: &mut Removal,
) -> Result<bool, Fault> {
    let row = SeriesRow::of(connection, series)?;
    let select = "SELECT n, sum, min, max, first, last FROM block
                  WHERE span = ?1 AND series = ?2 AND checksum = ?3";
    let found = connection
        .prepare_cached(select)?
        .query_row(params![span, series, checksum], |row| summary(row, 0));
    let Some(found) = found.optional()? else {
        return Ok(false);
    };
    let delete = "DELETE FROM block WHERE span = ?1 AND series = ?2";
    connection.prepare_cached(delete)?.execute([span, series])?;
    let update = "UPDATE series SET readings = ?2, checksum = ?3 WHERE id = ?1";
    let left = row.readings - i64::from(found.n);
    connection.prepare_cached(update)?.execute(params![
        series,
        left,
        row.checksum.wrapping_sub(checksum)
    ])?;
    let cut = Cut::of(row.key.interval_s);
    let delete = "DELETE FROM revision WHERE series = ?1 AND time > ?2 AND time <= ?3";
    let times = [
        series,
        cut.time(span, 0),
        cut.time(span, cut.readings_max()),
    ];
    removal.revisions += connection.prepare_cached(delete)?.execute(times)? as u64;
    removal.blocks += 1;
    removal.readings += u64::from(found.n);
    note(connection, (series, rows::key_hash(&row.key)), span, found)?;
    Ok(true)
}

fn summary(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Summary> {
    Ok(Summary {
        n: row.get(at)?,
        sum: row.get(at + 1)?,
        min: row.get(at + 2)?,
        max: row.get(at + 3)?,
        first: row.get(at + 4)?,
        last: row.get(at + 5)?,
    })
}

fn removed_hash(key_hash: i64, span: i64, summary: &Summary) -> i64 {
    block::checksum(key_hash, span, (NO_FORMAT, summary), &[])
}

/// Keeps the summary of a block that is gone; values that came after it was, and went too, are added to it.
fn note(
    connection: &Connection,
    (series, key_hash): (i64, i64),
    span: i64,
    gone: Summary,
) -> Result<(), Fault> {
    let select =
        "SELECT n, sum, min, max, first, last FROM removed WHERE series = ?1 AND span = ?2";
    let before = connection
        .prepare_cached(select)?
        .query_row([series, span], |row| summary(row, 0))
        .optional()?;
    let all = match before {
        None => gone,
        Some(before) => Summary {
            n: before.n.saturating_add(gone.n),
            sum: match (before.sum, gone.sum) {
                (Some(a), Some(b)) => a.checked_add(b),
                (a, b) => a.or(b),
            },
            min: [before.min, gone.min].into_iter().flatten().min(),
            max: before.max.max(gone.max),
            first: before.first.min(gone.first),
            last: before.last.max(gone.last),
        },
    };
    let insert =
        "INSERT OR REPLACE INTO removed (series, span, n, sum, min, max, first, last, hash)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(insert)?.execute(params![
        series,
        span,
        all.n,
        all.sum,
        all.min,
        all.max,
        all.first,
        all.last,
        removed_hash(key_hash, span, &all)
    ])?;
    Ok(())
}

fn take_letter(connection: &Connection, id: i64, removal: &mut Removal) -> Result<(), Fault> {
    let select = "SELECT count(*) FROM dead_letter WHERE id = ?1 AND state <> 'quarantined'";
    let there: i64 = connection
        .prepare_cached(select)?
        .query_row([id], |row| row.get(0))?;
    if there == 0 {
        return Ok(());
    }
    let tries = connection
        .prepare_cached("DELETE FROM dead_letter_try WHERE letter = ?1")?
        .execute([id])?;
    removal.tries += tries as u64;
    removal.letters += connection
        .prepare_cached("DELETE FROM dead_letter WHERE id = ?1")?
        .execute([id])? as u64;
    Ok(())
}

/// Compares the summaries of what is gone with their hashes, and their sum with the rows about removals.
pub(in crate::adapters::store::embedded) fn check(
    connection: &Connection,
) -> Result<(u64, Option<String>), Fault> {
    let select = "SELECT series, span, hash, n, sum, min, max, first, last FROM removed ORDER BY series, span";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let (mut count, mut readings) = (0, 0u64);
    let mut series: Option<SeriesRow> = None;
    while let Some(row) = rows.next()? {
        let (id, span, hash): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let found = summary(row, 3)?;
        let own = match series.take() {
            Some(own) if own.id == id => own,
            _ => SeriesRow::of(connection, id)?,
        };
        count += 1;
        readings += u64::from(found.n);
        if removed_hash(rows::key_hash(&own.key), span, &found) != hash {
            let fault =
                format!("table removed, span {span} of series {id}: does not match its checksum");
            return Ok((count, Some(fault)));
        }
        series = Some(own);
    }
    let steps = REMOVALS.all(connection)?;
    let told: u64 = steps.iter().map(|step| step.readings).sum();
    let revised = steps.iter().filter(|step| step.kind == Kind::Revisions);
    let fault = if told != readings {
        Some(format!(
            "table removed: {readings} readings where {told} belong"
        ))
    } else if revised.map(|step| step.upto).max() != known_from(connection)? {
        Some(format!(
            "table mark, {KNOWN_FROM}: is not what the removals say"
        ))
    } else {
        None
    };
    Ok((count, fault))
}
