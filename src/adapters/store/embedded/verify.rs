//! Reads everything back and compares it with its checksums and links.

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::ledger;
use crate::adapters::store::embedded::publications;
use crate::adapters::store::embedded::readings::key_hash;
use crate::adapters::store::embedded::readings::letter_hash;
use crate::adapters::store::embedded::readings::revision_hash;
use crate::adapters::store::embedded::readings::row_hash;
use crate::adapters::store::embedded::readings::series_key;
use crate::adapters::store::embedded::readings::stored;
use crate::adapters::store::embedded::registry;
use crate::domain::calendar::Instant;
use crate::ports::DeadLetter;
use crate::ports::Verified;

const REMEDY: &str = "restore the last backup";

/// Checks pages, readings, revisions, dead letters, registry, ledger and publications, in that order, up to the first fault.
/// One read transaction covers all of it, so a running writer is not mistaken for damage.
pub(super) fn verify(connection: &Connection) -> Result<Verified, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let mut verified = Verified::default();
    let checks: [(&'static str, Check); 7] = [
        ("database pages", pages),
        ("readings", readings),
        ("revisions", revisions),
        ("dead letters", dead_letters),
        ("registry entries", registered),
        ("ledger entries", ledger_entries),
        ("publications", published),
    ];
    for (what, check) in checks {
        let (count, fault) = match check(&transaction) {
            Ok(found) => found,
            Err(Fault::Row(fault)) => (0, Some(fault)),
            Err(Fault::Sql(error)) => (0, Some(error.to_string())),
        };
        verified.counted.push((what, count));
        if let Some(fault) = fault {
            verified.fault = Some(format!("{fault}; {REMEDY}"));
            break;
        }
    }
    Ok(verified)
}

type Check = fn(&Connection) -> Result<(u64, Option<String>), Fault>;

fn pages(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let count: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let fault = (answer != "ok").then(|| format!("database file: {answer}"));
    Ok((count.cast_unsigned(), fault))
}

fn readings(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let select =
        "SELECT source, factor, stat, interval_s, id, readings, checksum FROM series ORDER BY id";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let mut total = 0;
    while let Some(row) = rows.next()? {
        let key = series_key(row)?;
        let name = format!(
            "series {} {} {} {}",
            key.source, key.factor, key.stat, key.interval_s
        );
        let (count, sum) = match sum_of(connection, row.get(4)?, key_hash(&key)) {
            Ok(found) => found,
            Err(Fault::Row(fault)) => return Ok((total, Some(format!("{name}, {fault}")))),
            Err(error) => return Err(error),
        };
        total += count;
        let expected: (i64, i64) = (row.get(5)?, row.get(6)?);
        if count != expected.0.cast_unsigned() {
            return Ok((
                total,
                Some(format!(
                    "{name}: {count} readings where {} belong",
                    expected.0
                )),
            ));
        }
        if sum != expected.1 {
            return Ok((
                total,
                Some(format!(
                    "{name}: readings and revisions do not match their checksum"
                )),
            ));
        }
    }
    let rows = count_of(connection, "reading")?;
    let lost = rows - total;
    let fault = (lost > 0).then(|| format!("table reading: {lost} rows belong to no series"));
    Ok((total, fault))
}

fn count_of(connection: &Connection, table: &str) -> Result<u64, Fault> {
    let select = format!("SELECT count(*) FROM {table}");
    let count: i64 = connection.query_row(&select, [], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// What is wrong when a table holds fewer or more rows than were ever put there.
fn tallied(connection: &Connection, table: &str, count: u64) -> Result<Option<String>, Fault> {
    let select = "SELECT rows FROM tally WHERE what = ?1";
    let put: i64 = connection.query_row(select, [table], |row| row.get(0))?;
    let fault = || format!("table {table}: {count} rows where {put} belong");
    Ok((count != put.cast_unsigned()).then(fault))
}

/// Walks the ledger's chain, then asks whether its end is still there.
fn ledger_entries(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    match ledger::check(connection)? {
        (count, None) => Ok((count, tallied(connection, "ledger", count)?)),
        broken => Ok(broken),
    }
}

/// The same for what was published.
fn published(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    match publications::check(connection)? {
        (count, None) => Ok((count, tallied(connection, "publication", count)?)),
        broken => Ok(broken),
    }
}

/// Count of readings, and the sum of their hashes and those of the revisions, starting from the key's.
fn sum_of(connection: &Connection, series: i64, key: i64) -> Result<(u64, i64), Fault> {
    let select =
        "SELECT time, value, flag, qc, reviewed, received_at FROM reading WHERE series = ?1";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([series])?;
    let (mut count, mut sum) = (0u64, key);
    while let Some(row) = rows.next()? {
        let (reading, received_at) = stored(row)?;
        count += 1;
        sum = sum.wrapping_add(row_hash(&reading, received_at));
    }
    let mut statement = connection.prepare_cached("SELECT hash FROM revision WHERE series = ?1")?;
    let mut rows = statement.query([series])?;
    while let Some(row) = rows.next()? {
        sum = sum.wrapping_add(row.get(0)?);
    }
    Ok((count, sum))
}

fn revisions(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let select =
        "SELECT time, value, flag, qc, reviewed, received_at, replaced_at, hash, id, series
                  FROM revision ORDER BY id";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let (reading, received_at) = stored(row)?;
        let (hash, id): (i64, i64) = (row.get(7)?, row.get(8)?);
        let replaced_at = Instant::from_unix(row.get(6)?);
        if revision_hash(&reading, received_at, replaced_at) != hash {
            let fault = format!("table revision, row {id}: does not match its checksum");
            return Ok((count, Some(fault)));
        }
        let select = "SELECT count(*) FROM reading WHERE series = ?1 AND time = ?2";
        let series: i64 = row.get(9)?;
        let mut current = connection.prepare_cached(select)?;
        if current.query_row([series, reading.time.unix()], |row| row.get::<_, i64>(0))? != 1 {
            return Ok((
                count,
                Some(format!("table revision, row {id}: its reading is missing")),
            ));
        }
    }
    Ok((count, None))
}

fn dead_letters(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let select =
        "SELECT received_at, origin, topic, payload, reason, hash, id FROM dead_letter ORDER BY id";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let letter = DeadLetter {
            received_at: Instant::from_unix(row.get(0)?),
            origin: row.get(1)?,
            topic: row.get(2)?,
            payload: row.get(3)?,
            reason: row.get(4)?,
        };
        if letter_hash(&letter) != row.get::<_, i64>(5)? {
            let id: i64 = row.get(6)?;
            let fault = format!("table dead_letter, row {id}: does not match its checksum");
            return Ok((count, Some(fault)));
        }
    }
    Ok((count, tallied(connection, "dead_letter", count)?))
}

fn registered(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let registry = registry::load(connection)?;
    Ok((registry.entries() as u64, None))
}
