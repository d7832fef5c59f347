//! Readings, their revisions and dead letters as rows.
//!
//! Every series carries the wrapping sum of the hashes of its key, its readings and their revisions, kept up in
//! the same transaction, so that `verify` notices a changed, lost, moved or invented row.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use xxhash_rust::xxh3::Xxh3;

use crate::adapters::store::embedded::Fault;
use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::reading::Observation;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::ports::Appended;
use crate::ports::Batch;
use crate::ports::DeadLetter;
use crate::ports::Range;

/// Row ids of the series met so far.
#[derive(Default)]
pub(super) struct SeriesIds(HashMap<SeriesKey, i64>);

/// What one batch adds to a series.
#[derive(Default)]
struct Delta {
    readings: i64,
    checksum: i64,
}

/// The hash of a series' key, which its checksum starts from.
pub(super) fn key_hash(key: &SeriesKey) -> i64 {
    let mut hasher = Xxh3::new();
    for part in [key.source.as_str(), key.factor.as_str(), key.stat.as_str()] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    hasher.update(&key.interval_s.to_le_bytes());
    hasher.digest().cast_signed()
}

/// The hash of a replaced row.
pub(super) fn revision_hash(reading: &Reading, received_at: Instant, replaced_at: Instant) -> i64 {
    row_hash(reading, received_at).wrapping_add(replaced_at.unix())
}

/// The hash of one row.
pub(super) fn row_hash(reading: &Reading, received_at: Instant) -> i64 {
    let mut hasher = Xxh3::new();
    hasher.update(&reading.time.unix().to_le_bytes());
    hasher.update(&[u8::from(reading.value.is_some())]);
    hasher.update(&reading.value.map_or(0, Amount::micros).to_le_bytes());
    hasher.update(&received_at.unix().to_le_bytes());
    hasher.update(&[u8::from(reading.review == Review::Reviewed)]);
    hasher.update(reading.qc.key().as_bytes());
    hasher.update(&[0]);
    hasher.update(reading.flag.as_str().as_bytes());
    hasher.digest().cast_signed()
}

/// Writes a batch inside the caller's transaction.
pub(super) fn append(
    connection: &Connection,
    ids: &mut SeriesIds,
    batch: &Batch,
) -> Result<Appended, Fault> {
    let mut appended = Appended::default();
    let mut deltas: HashMap<i64, Delta> = HashMap::new();
    for observation in &batch.observations {
        let series = series_id(connection, ids, &observation.key)?;
        let delta = deltas.entry(series).or_default();
        append_one(
            connection,
            series,
            observation,
            batch.received_at,
            delta,
            &mut appended,
        )?;
    }
    let update = "UPDATE series SET readings = readings + ?2, checksum = ?3 WHERE id = ?1";
    for (series, delta) in deltas {
        let select = "SELECT checksum FROM series WHERE id = ?1";
        let checksum: i64 = connection
            .prepare_cached(select)?
            .query_row([series], |row| row.get(0))?;
        let checksum = checksum.wrapping_add(delta.checksum);
        connection
            .prepare_cached(update)?
            .execute(params![series, delta.readings, checksum])?;
    }
    for letter in &batch.dead_letters {
        insert_dead_letter(connection, letter)?;
    }
    appended.touched.sort_unstable();
    appended.touched.dedup();
    Ok(appended)
}

fn append_one(
    connection: &Connection,
    series: i64,
    observation: &Observation,
    received_at: Instant,
    delta: &mut Delta,
    appended: &mut Appended,
) -> Result<(), Fault> {
    let reading = &observation.reading;
    let insert = "INSERT INTO reading (series, time, value, flag, qc, reviewed, received_at)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let inserted = write_row(connection, insert, series, reading, received_at)?;
    let hash = row_hash(reading, received_at);
    if inserted == 1 {
        appended.new += 1;
        delta.readings += 1;
        delta.checksum = delta.checksum.wrapping_add(hash);
        appended
            .touched
            .push((observation.key.source.clone(), reading.time));
        return Ok(());
    }
    let (before, before_received) = current(connection, series, reading.time)?;
    if reading.repeats(&before) {
        appended.repeated += 1;
        return Ok(());
    }
    let received_at = received_at.max(before_received);
    let kept = keep_revision(connection, series, &before, before_received, received_at)?;
    let replace =
        "UPDATE reading SET value = ?3, flag = ?4, qc = ?5, reviewed = ?6, received_at = ?7
                   WHERE series = ?1 AND time = ?2";
    write_row(connection, replace, series, reading, received_at)?;
    let change = row_hash(reading, received_at).wrapping_sub(row_hash(&before, before_received));
    delta.checksum = delta.checksum.wrapping_add(change).wrapping_add(kept);
    appended.corrected += 1;
    appended
        .touched
        .push((observation.key.source.clone(), reading.time));
    Ok(())
}

fn write_row(
    connection: &Connection,
    sql: &str,
    series: i64,
    reading: &Reading,
    received_at: Instant,
) -> Result<usize, Fault> {
    let reviewed = reading.review == Review::Reviewed;
    let values = params![
        series,
        reading.time.unix(),
        reading.value.map(Amount::micros),
        reading.flag.as_str(),
        reading.qc.key(),
        reviewed,
        received_at.unix()
    ];
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

/// Keeps a replaced row; its hash.
fn keep_revision(
    connection: &Connection,
    series: i64,
    before: &Reading,
    received_at: Instant,
    replaced_at: Instant,
) -> Result<i64, Fault> {
    let insert = "INSERT INTO revision
                  (series, time, value, flag, qc, reviewed, received_at, replaced_at, hash)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let hash = revision_hash(before, received_at, replaced_at);
    connection.prepare_cached(insert)?.execute(params![
        series,
        before.time.unix(),
        before.value.map(Amount::micros),
        before.flag.as_str(),
        before.qc.key(),
        before.review == Review::Reviewed,
        received_at.unix(),
        replaced_at.unix(),
        hash
    ])?;
    Ok(hash)
}

fn series_id(connection: &Connection, ids: &mut SeriesIds, key: &SeriesKey) -> Result<i64, Fault> {
    if let Some(id) = ids.0.get(key) {
        return Ok(*id);
    }
    let values = params![
        key.source.as_str(),
        key.factor.as_str(),
        key.stat.as_str(),
        key.interval_s,
        key_hash(key)
    ];
    let insert = "INSERT INTO series (source, factor, stat, interval_s, checksum)
                  VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    connection.prepare_cached(insert)?.execute(values)?;
    let id = find_series(connection, key)?
        .ok_or_else(|| Fault::Row("series row vanished".to_owned()))?;
    ids.0.insert(key.clone(), id);
    Ok(id)
}

fn find_series(connection: &Connection, key: &SeriesKey) -> Result<Option<i64>, Fault> {
    let select =
        "SELECT id FROM series WHERE source = ?1 AND factor = ?2 AND stat = ?3 AND interval_s = ?4";
    let values = params![
        key.source.as_str(),
        key.factor.as_str(),
        key.stat.as_str(),
        key.interval_s
    ];
    Ok(connection
        .prepare_cached(select)?
        .query_row(values, |row| row.get(0))
        .optional()?)
}

fn current(
    connection: &Connection,
    series: i64,
    time: Instant,
) -> Result<(Reading, Instant), Fault> {
    let select = "SELECT time, value, flag, qc, reviewed, received_at FROM reading
                  WHERE series = ?1 AND time = ?2";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![series, time.unix()])?;
    let row = rows
        .next()?
        .ok_or_else(|| Fault::Row("reading row vanished".to_owned()))?;
    stored(row)
}

/// The reading of a row `time, value, flag, qc, reviewed, received_at`.
pub(super) fn stored(row: &Row<'_>) -> Result<(Reading, Instant), Fault> {
    let time: i64 = row.get(0)?;
    let damaged = |what: &str| Fault::Row(format!("row of time {time}: {what}"));
    let flag: String = row.get(2)?;
    let qc: String = row.get(3)?;
    let reading = Reading {
        time: Instant::from_unix(time),
        value: row.get::<_, Option<i64>>(1)?.map(Amount::from_micros),
        flag: Flag::new(&flag).map_err(|fault| damaged(&fault.to_string()))?,
        qc: Qc::from_key(&qc).ok_or_else(|| damaged("unknown qc verdict"))?,
        review: if row.get(4)? {
            Review::Reviewed
        } else {
            Review::Raw
        },
    };
    Ok((reading, Instant::from_unix(row.get(5)?)))
}

/// Every series, in key order.
pub(super) fn keys(connection: &Connection) -> Result<Vec<SeriesKey>, Fault> {
    let select = "SELECT source, factor, stat, interval_s FROM series WHERE readings > 0";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(series_key(row)?);
    }
    keys.sort();
    Ok(keys)
}

/// The key of a row that begins `source, factor, stat, interval_s`.
pub(super) fn series_key(row: &Row<'_>) -> Result<SeriesKey, Fault> {
    let damaged =
        |fault: crate::domain::names::NameFault| Fault::Row(format!("table series: {fault}"));
    Ok(SeriesKey {
        source: SourceId::new(&row.get::<_, String>(0)?).map_err(damaged)?,
        factor: Factor::new(&row.get::<_, String>(1)?).map_err(damaged)?,
        stat: Stat::new(&row.get::<_, String>(2)?).map_err(damaged)?,
        interval_s: row.get(3)?,
    })
}

/// One column, now or as known at a time, each reading after the moment it was received.
pub(super) fn received(
    connection: &Connection,
    key: &SeriesKey,
    range: Range,
) -> Result<Vec<(Instant, Reading)>, Fault> {
    let Some(series) = find_series(connection, key)? else {
        return Ok(Vec::new());
    };
    let now = "SELECT time, value, flag, qc, reviewed, received_at FROM reading
               WHERE series = ?1 AND time > ?2 AND time <= ?3 AND received_at <= ?5
               ORDER BY time LIMIT ?4";
    let then = "SELECT time, value, flag, qc, reviewed, received_at FROM reading
                WHERE series = ?1 AND time > ?2 AND time <= ?3 AND received_at <= ?5
                UNION ALL
                SELECT time, value, flag, qc, reviewed, received_at FROM revision
                WHERE series = ?1 AND time > ?2 AND time <= ?3 AND received_at <= ?5 AND replaced_at > ?5
                ORDER BY time LIMIT ?4";
    let known_at = range.known_at.map_or(i64::MAX, Instant::unix);
    let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
    let sql = if range.known_at.is_some() { then } else { now };
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![
        series,
        range.after.unix(),
        range.upto.unix(),
        limit,
        known_at
    ];
    let mut rows = statement.query(values)?;
    let mut readings = Vec::new();
    while let Some(row) = rows.next()? {
        let (reading, received_at) = stored(row)?;
        readings.push((received_at, reading));
    }
    Ok(readings)
}

/// The hash of a dead letter.
pub(super) fn letter_hash(letter: &DeadLetter) -> i64 {
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

fn insert_dead_letter(connection: &Connection, letter: &DeadLetter) -> Result<(), Fault> {
    let insert = "INSERT INTO dead_letter (received_at, origin, topic, payload, reason, hash)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(insert)?.execute(params![
        letter.received_at.unix(),
        letter.origin,
        letter.topic,
        letter.payload,
        letter.reason,
        letter_hash(letter)
    ])?;
    Ok(())
}

/// Dead letters after a position, oldest first.
pub(super) fn dead_letters(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, DeadLetter)>, Fault> {
    let select = "SELECT id, received_at, origin, topic, payload, reason FROM dead_letter
                  WHERE id > ?1 ORDER BY id LIMIT ?2";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(select)?;
    let letters = statement.query_map(params![after, limit], |row| {
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
