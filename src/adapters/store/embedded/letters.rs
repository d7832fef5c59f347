//! Dead letters as rows.

use rusqlite::Connection;
use rusqlite::params;
use xxhash_rust::xxh3::Xxh3;

use crate::adapters::store::embedded::Fault;
use crate::domain::calendar::Instant;
use crate::ports::DeadLetter;

/// The hash of a dead letter.
pub(super) fn hash(letter: &DeadLetter) -> i64 {
    let mut hasher = Xxh3::new();
    hasher.update(&letter.received_at.unix().to_le_bytes());
    for part in [
        letter.origin.as_bytes(),
        letter.topic.as_bytes(),
        &letter.payload,
        letter.reason.as_bytes(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.digest().cast_signed()
}

/// Keeps a dead letter.
pub(super) fn insert(connection: &Connection, letter: &DeadLetter) -> Result<(), Fault> {
    let insert = "INSERT INTO dead_letter (received_at, origin, topic, payload, reason, hash)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(insert)?.execute(params![
        letter.received_at.unix(),
        letter.origin,
        letter.topic,
        letter.payload,
        letter.reason,
        hash(letter)
    ])?;
    Ok(())
}

/// Dead letters after a position, oldest first.
pub(super) fn after(
    connection: &Connection,
    position: u64,
    limit: usize,
) -> Result<Vec<(u64, DeadLetter)>, Fault> {
    let select = "SELECT id, received_at, origin, topic, payload, reason FROM dead_letter
                  WHERE id > ?1 ORDER BY id LIMIT ?2";
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(select)?;
    let letters = statement.query_map(params![position, limit], |row| {
        let letter = DeadLetter {
            received_at: Instant::from_unix(row.get(1)?),
            origin: row.get(2)?,
            topic: row.get(3)?,
            payload: row.get(4)?,
            reason: row.get(5)?,
        };
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), letter))
    })?;
    Ok(letters.collect::<Result<_, _>>()?)
}
