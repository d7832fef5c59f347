//! Messages that could not be used when they came, and what later tries made of them.
//!
//! A letter never changes but for its state, which is that of its last try; tries are only added. Each row
//! carries the hash of what it holds.

use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::ToSql;
use rusqlite::params;
use xxhash_rust::xxh3::Xxh3;

use crate::adapters::store::embedded::Fault;
use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::ports::Batch;
use crate::ports::DeadLetter;
use crate::ports::Kept;
use crate::ports::LetterQuery;
use crate::ports::LetterState;
use crate::ports::Retried;

/// The hash of a time and some texts, each with its length.
fn hash_of(at: Instant, parts: &[&[u8]]) -> i64 {
    let mut hasher = Xxh3::new();
    hasher.update(&at.unix().to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.digest().cast_signed()
}

fn letter_hash(letter: &DeadLetter) -> i64 {
    let source = letter.source.to_string();
    let parts = [
        letter.origin.as_bytes(),
        letter.topic.as_bytes(),
        source.as_bytes(),
        &letter.payload,
        letter.state.key().as_bytes(),
        letter.reason.as_bytes(),
    ];
    hash_of(letter.received_at, &parts)
}

fn try_hash(retried: &Retried) -> i64 {
    let parts = [
        &retried.letter.to_le_bytes()[..],
        retried.state.key().as_bytes(),
        retried.reason.as_bytes(),
    ];
    hash_of(retried.at, &parts)
}

/// Writes the letters and tries of a batch inside the caller's transaction.
pub(super) fn keep(connection: &Connection, batch: &Batch) -> Result<(), Fault> {
    for letter in &batch.dead_letters {
        let insert = "INSERT INTO dead_letter
                      (received_at, origin, topic, source, payload, arrived, reason, hash, state)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?6)";
        connection.prepare_cached(insert)?.execute(params![
            letter.received_at.unix(),
            letter.origin,
            letter.topic,
            letter.source.to_string(),
            letter.payload,
            letter.state.key(),
            letter.reason,
            letter_hash(letter)
        ])?;
    }
    for retried in &batch.retried {
        let letter = retried.letter.cast_signed();
        let insert = "INSERT INTO dead_letter_try (letter, number, at, state, reason, hash)
                      SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5
                      FROM dead_letter_try WHERE letter = ?1";
        connection.prepare_cached(insert)?.execute(params![
            letter,
            retried.at.unix(),
            retried.state.key(),
            retried.reason,
            try_hash(retried)
        ])?;
        let update = "UPDATE dead_letter SET state = ?2 WHERE id = ?1";
        let state = retried.state.key();
        connection
            .prepare_cached(update)?
            .execute(params![letter, state])?;
    }
    Ok(())
}

fn state(text: &str) -> Result<LetterState, String> {
    LetterState::from_key(text).ok_or_else(|| format!("unknown state {text:?}"))
}

/// The letter of a row that begins as [`LETTER_COLUMNS`] says, without its tries, and its hash and present state.
fn letter(row: &Row<'_>) -> Result<(Kept, i64, String), Fault> {
    let id: i64 = row.get(0)?;
    let damaged = |fault: String| Fault::Row(format!("table dead_letter, row {id}: {fault}"));
    let source: String = row.get(4)?;
    let letter = DeadLetter {
        received_at: Instant::from_unix(row.get(1)?),
        origin: row.get(2)?,
        topic: row.get(3)?,
        source: Source::parse(&source).map_err(|fault| damaged(fault.to_string()))?,
        payload: row.get(5)?,
        state: state(&row.get::<_, String>(6)?).map_err(damaged)?,
        reason: row.get(7)?,
    };
    let kept = Kept {
        id: id.cast_unsigned(),
        letter,
        tries: Vec::new(),
    };
    Ok((kept, row.get(8)?, row.get(9)?))
}

const LETTER_COLUMNS: &str =
    "id, received_at, origin, topic, source, payload, arrived, reason, hash, state";

/// The tries of one letter with their hashes.
fn tries(connection: &Connection, letter: u64) -> Result<Vec<(Retried, i64)>, Fault> {
    let select =
        "SELECT at, state, reason, hash FROM dead_letter_try WHERE letter = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([letter.cast_signed()])?;
    let mut tries = Vec::new();
    while let Some(row) = rows.next()? {
        let damaged =
            |fault| Fault::Row(format!("table dead_letter_try, letter {letter}: {fault}"));
        let retried = Retried {
            letter,
            at: Instant::from_unix(row.get(0)?),
            state: state(&row.get::<_, String>(1)?).map_err(damaged)?,
            reason: row.get(2)?,
        };
        tries.push((retried, row.get(3)?));
    }
    Ok(tries)
}

/// Kept messages, oldest first.
pub(super) fn letters(connection: &Connection, query: &LetterQuery) -> Result<Vec<Kept>, Fault> {
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let source = query.source.as_ref().map(Source::to_string);
    let mut select = format!("SELECT {LETTER_COLUMNS} FROM dead_letter WHERE id > ?1");
    let mut values: Vec<&dyn ToSql> = vec![&after, &limit];
    let state = query.state.map(LetterState::key);
    for (column, value) in [
        ("state", state.as_ref().map(|state| state as &dyn ToSql)),
        ("source", source.as_ref().map(|source| source as &dyn ToSql)),
    ] {
        if let Some(value) = value {
            values.push(value);
            select.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    select.push_str(" ORDER BY id LIMIT ?2");
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(&*values)?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        let (mut kept, ..) = letter(row)?;
        let tries = tries(connection, kept.id)?;
        kept.tries = tries.into_iter().map(|(retried, _)| retried).collect();
        letters.push(kept);
    }
    Ok(letters)
}

/// How many letters stand in each state, by source.
pub(super) fn counts(connection: &Connection) -> Result<Vec<(Source, LetterState, u64)>, Fault> {
    let select = "SELECT source, state, count(*) FROM dead_letter GROUP BY source, state";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    let damaged = |fault: String| Fault::Row(format!("table dead_letter: {fault}"));
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        let source = Source::parse(&row.get::<_, String>(0)?);
        let source = source.map_err(|fault| damaged(fault.to_string()))?;
        let state = state(&row.get::<_, String>(1)?).map_err(damaged)?;
        counts.push((source, state, row.get::<_, i64>(2)?.cast_unsigned()));
    }
    counts.sort_by(|a, b| (&a.0, a.1.key()).cmp(&(&b.0, b.1.key())));
    Ok(counts)
}

/// How many letters stand so, by the index of states.
pub(super) fn count(connection: &Connection, state: LetterState) -> Result<u64, Fault> {
    let select = "SELECT count(*) FROM dead_letter WHERE state = ?1";
    let mut statement = connection.prepare_cached(select)?;
    let count: i64 = statement.query_row([state.key()], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Compares every letter and try with its hash; counts of both, and the first that differs.
pub(super) fn check(connection: &Connection) -> Result<(u64, u64, Option<String>), Fault> {
    let select = format!("SELECT {LETTER_COLUMNS} FROM dead_letter ORDER BY id");
    let mut statement = connection.prepare(&select)?;
    let mut rows = statement.query([])?;
    let (mut count, mut tried) = (0, 0);
    while let Some(row) = rows.next()? {
        count += 1;
        let (mut kept, hash, now) = letter(row)?;
        let place = format!("table dead_letter, row {}", kept.id);
        if letter_hash(&kept.letter) != hash {
            let fault = format!("{place}: does not match its checksum");
            return Ok((count, tried, Some(fault)));
        }
        for (retried, hash) in tries(connection, kept.id)? {
            tried += 1;
            if try_hash(&retried) != hash {
                let fault = format!(
                    "table dead_letter_try, letter {}: does not match its checksum",
                    kept.id
                );
                return Ok((count, tried, Some(fault)));
            }
            kept.tries.push(retried);
        }
        if kept.state().key() != now {
            let fault = format!("{place}: its state is not that of its last try");
            return Ok((count, tried, Some(fault)));
        }
    }
    Ok((count, tried, None))
}
