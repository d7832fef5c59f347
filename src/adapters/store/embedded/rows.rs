//! The rows of series, blocks, commits and revisions: what is read and written in SQL, each with its checksum.

use std::ops::RangeInclusive;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use xxhash_rust::xxh3::Xxh3;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block;
use crate::adapters::store::embedded::block::BLOCK_FORMAT;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::block::Summary;
use crate::adapters::store::embedded::index::Progress;
use crate::adapters::store::embedded::pack::Fresh;
use crate::adapters::store::embedded::wal;
use crate::adapters::store::embedded::wal::Commit;
use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::NameFault;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;

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

/// How far merging has come.
pub(super) fn progress(connection: &Connection) -> Result<Progress, Fault> {
    let select = "SELECT last, merged, slice FROM merge";
    let mut statement = connection.prepare_cached(select)?;
    Ok(statement.query_row([], |row| {
        Ok(Progress {
            last: row.get(0)?,
            merged: row.get(1)?,
            slice: row.get(2)?,
        })
    })?)
}

/// Notes how far merging has come.
pub(super) fn set_progress(connection: &Connection, progress: Progress) -> Result<(), Fault> {
    let Progress {
        last,
        merged,
        slice,
    } = progress;
    let update = "UPDATE merge SET last = ?1, merged = ?2, slice = ?3";
    let mut statement = connection.prepare_cached(update)?;
    statement.execute(params![last, merged, slice])?;
    Ok(())
}

/// A row of table `series`.
pub(super) struct SeriesRow {
    pub(super) id: i64,
    pub(super) key: SeriesKey,
    pub(super) readings: i64,
    pub(super) last_time: Option<i64>,
    pub(super) last_value: Option<i64>,
    pub(super) checksum: i64,
}

impl SeriesRow {
    /// What [`Self::read`] reads.
    pub(super) const COLUMNS: &str =
        "id, source, factor, stat, interval_s, readings, last_time, last_value, checksum";

    /// From a row of [`Self::COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let id: i64 = row.get(0)?;
        let damaged = |fault: NameFault| Fault::Row(format!("table series, row {id}: {fault}"));
        Ok(Self {
            id,
            key: SeriesKey {
                source: SourceId::new(row.get_ref(1)?.as_str().map_err(text)?).map_err(damaged)?,
                factor: Factor::new(row.get_ref(2)?.as_str().map_err(text)?).map_err(damaged)?,
                stat: Stat::new(row.get_ref(3)?.as_str().map_err(text)?).map_err(damaged)?,
                interval_s: row.get(4)?,
            },
            readings: row.get(5)?,
            last_time: row.get(6)?,
            last_value: row.get(7)?,
            checksum: row.get(8)?,
        })
    }

    /// The rows of a source, in order of id.
    pub(super) fn of_source(
        connection: &Connection,
        source: &SourceId,
    ) -> Result<Vec<Self>, Fault> {
        let select = format!(
            "SELECT {} FROM series WHERE source = ?1 ORDER BY id",
            Self::COLUMNS
        );
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([source.as_str()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Self::read(row)?);
        }
        Ok(found)
    }

    /// Passes every row on, in order of id.
    pub(super) fn each(
        connection: &Connection,
        mut visit: impl FnMut(Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let select = format!("SELECT {} FROM series ORDER BY id", Self::COLUMNS);
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(Self::read(row)?)?;
        }
        Ok(())
    }

    /// The row of an id.
    pub(super) fn of(connection: &Connection, id: i64) -> Result<Self, Fault> {
        let select = format!("SELECT {} FROM series WHERE id = ?1", Self::COLUMNS);
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([id])?;
        match rows.next()? {
            Some(row) => Self::read(row),
            None => Err(Fault::Row(format!("table series: no row {id}"))),
        }
    }
}

fn text(error: impl std::fmt::Display) -> Fault {
    Fault::Row(format!("a column that is no text: {error}"))
}

/// The id of a series.
pub(super) fn find_series(connection: &Connection, key: &SeriesKey) -> Result<Option<i64>, Fault> {
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

/// Takes up a series that is not there yet; its id.
pub(super) fn insert_series(connection: &Connection, key: &SeriesKey) -> Result<i64, Fault> {
    let insert = "INSERT INTO series (source, factor, stat, interval_s, checksum)
                  VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![
        key.source.as_str(),
        key.factor.as_str(),
        key.stat.as_str(),
        key.interval_s,
        key_hash(key)
    ];
    connection.prepare_cached(insert)?.execute(values)?;
    Ok(connection.last_insert_rowid())
}

/// A block as it is stored.
pub(super) struct BlockRow {
    pub(super) summary: Summary,
    pub(super) checksum: i64,
    pub(super) block: Block,
}

impl BlockRow {
    /// What [`Self::read`] reads.
    pub(super) const COLUMNS: &str =
        "span, n, sum, min, max, first, last, format, checksum, data, series";

    /// From a row of [`Self::COLUMNS`], its checksum compared.
    pub(super) fn read(row: &Row<'_>, key_hash: i64, cut: Cut) -> Result<Self, Fault> {
        let packed = Packed::read(row, key_hash)?;
        Ok(Self {
            summary: packed.summary,
            checksum: packed.checksum,
            block: packed.block(cut)?,
        })
    }

    /// The block of a span.
    pub(super) fn of(
        connection: &Connection,
        series: i64,
        key_hash: i64,
        cut: Cut,
        span: i64,
    ) -> Result<Option<Self>, Fault> {
        let select = format!(
            "SELECT {} FROM block WHERE span = ?1 AND series = ?2",
            Self::COLUMNS
        );
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([span, series])?;
        let row = rows.next()?;
        row.map(|row| Self::read(row, key_hash, cut)).transpose()
    }
}

/// A block as it is stored, its checksum compared and its columns not unpacked.
pub(super) struct Packed<'r> {
    pub(super) span: i64,
    pub(super) summary: Summary,
    pub(super) checksum: i64,
    pub(super) data: &'r [u8],
    series: i64,
}

impl<'r> Packed<'r> {
    /// From a row of [`BlockRow::COLUMNS`].
    pub(super) fn read(row: &'r Row<'_>, key_hash: i64) -> Result<Self, Fault> {
        let packed = Self {
            span: row.get(0)?,
            summary: Summary {
                n: row.get(1)?,
                sum: row.get(2)?,
                min: row.get(3)?,
                max: row.get(4)?,
                first: row.get(5)?,
                last: row.get(6)?,
            },
            checksum: row.get(8)?,
            data: row.get_ref(9)?.as_blob().map_err(text)?,
            series: row.get(10)?,
        };
        let format: u32 = row.get(7)?;
        if !(1..=BLOCK_FORMAT).contains(&format) {
            return Err(packed.damaged(&format!(
                "its format {format} is unknown; this program reads up to {BLOCK_FORMAT}"
            )));
        }
        let Self {
            span,
            summary,
            data,
            ..
        } = &packed;
        if block::checksum(key_hash, *span, (format, summary), data) != packed.checksum {
            return Err(packed.damaged("does not match its checksum"));
        }
        Ok(packed)
    }

    /// Its readings.
    pub(super) fn block(&self, cut: Cut) -> Result<Block, Fault> {
        let block = Block::decode(self.data, self.summary.n, cut, self.span);
        block.map_err(|fault| self.damaged(fault.0))
    }

    /// Says what is wrong with it.
    pub(super) fn damaged(&self, what: &str) -> Fault {
        Fault::Row(format!(
            "table block, span {} of series {}: {what}",
            self.span, self.series
        ))
    }
}

/// The spans that a series has blocks of, in order.
pub(super) fn spans(
    connection: &Connection,
    series: i64,
    within: RangeInclusive<i64>,
) -> Result<Vec<i64>, Fault> {
    let select =
        "SELECT span FROM block WHERE series = ?1 AND span BETWEEN ?2 AND ?3 ORDER BY span";
    let mut statement = connection.prepare_cached(select)?;
    let spans = params![series, within.start(), within.end()];
    let spans = statement.query_map(spans, |row| row.get(0))?;
    Ok(spans.collect::<Result<_, _>>()?)
}

/// Writes a fresh block in place of the one that stands there.
pub(super) fn save_block(connection: &Connection, fresh: &Fresh) -> Result<(), Fault> {
    let Fresh { place, summary, .. } = fresh;
    let insert = "INSERT INTO block (span, series, n, sum, min, max, first, last, format, checksum, data)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                  ON CONFLICT DO UPDATE SET n = ?3, sum = ?4, min = ?5, max = ?6, first = ?7, last = ?8,
                  format = ?9, checksum = ?10, data = ?11";
    connection.prepare_cached(insert)?.execute(params![
        place.span,
        place.series,
        summary.n,
        summary.sum,
        summary.min,
        summary.max,
        summary.first,
        summary.last,
        BLOCK_FORMAT,
        fresh.checksum,
        fresh.data
    ])?;
    Ok(())
}

/// The oldest row of `wal`.
pub(super) fn oldest_commit(connection: &Connection) -> Result<Option<i64>, Fault> {
    let select = "SELECT min(id) FROM wal";
    let mut statement = connection.prepare_cached(select)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Deletes the rows of `wal` up to one, whose content is in blocks.
pub(super) fn delete_commits(connection: &Connection, upto: i64) -> Result<(), Fault> {
    let delete = "DELETE FROM wal WHERE id <= ?1";
    connection.prepare_cached(delete)?.execute([upto])?;
    Ok(())
}

/// Writes what a commit set.
pub(super) fn insert_commit(
    connection: &Connection,
    id: i64,
    commit: &Commit,
) -> Result<(), Fault> {
    let data = commit.encode();
    let insert = "INSERT INTO wal (id, data, checksum) VALUES (?1, ?2, ?3)";
    let checksum = wal::checksum(id, &data);
    connection
        .prepare_cached(insert)?
        .execute(params![id, data, checksum])?;
    Ok(())
}

/// Passes on what the commits of ids after one and up to another set. None of them may be missing.
pub(super) fn each_commit(
    connection: &Connection,
    after: i64,
    upto: i64,
    mut visit: impl FnMut(i64, Commit) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let select = "SELECT id, data, checksum FROM wal WHERE id > ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([after])?;
    let mut last = after;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let damaged = |what: &str| Fault::Row(format!("table wal, row {id}: {what}"));
        if id != last + 1 {
            return Err(damaged(&format!("found where row {} belongs", last + 1)));
        }
        if id > upto {
            return Err(damaged(&format!(
                "found after row {upto}, which was the last"
            )));
        }
        let data = row.get_ref(1)?.as_blob().map_err(text)?;
        if wal::checksum(id, data) != row.get::<_, i64>(2)? {
            return Err(damaged("does not match its checksum"));
        }
        visit(id, Commit::decode(data).map_err(|fault| damaged(fault.0))?)?;
        last = id;
    }
    if last == upto {
        Ok(())
    } else {
        Err(Fault::Row(format!(
            "table wal: row {} is missing",
            last + 1
        )))
    }
}

/// The hash of a replaced value, over its series' key too.
pub(super) fn revision_hash(
    key_hash: i64,
    reading: &Reading,
    received_at: Instant,
    replaced_at: Instant,
) -> i64 {
    let mut hasher = Xxh3::new();
    let value = reading.value.map_or(0, Amount::micros);
    let times = [reading.time, received_at, replaced_at].map(Instant::unix);
    for number in times.into_iter().chain([key_hash, value]) {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(&[u8::from(reading.value.is_some())]);
    hasher.update(&[u8::from(reading.review == Review::Reviewed)]);
    hasher.update(reading.qc.key().as_bytes());
    hasher.update(&[0]);
    hasher.update(reading.flag.as_str().as_bytes());
    hasher.digest().cast_signed()
}

/// Keeps a replaced value.
pub(super) fn insert_revision(
    connection: &Connection,
    (series, key_hash): (i64, i64),
    before: &Reading,
    received_at: Instant,
    replaced_at: Instant,
) -> Result<(), Fault> {
    let insert = "INSERT INTO revision
                  (series, time, value, flag, qc, reviewed, received_at, replaced_at, hash)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(insert)?.execute(params![
        series,
        before.time.unix(),
        before.value.map(Amount::micros),
        before.flag.as_str(),
        before.qc.key(),
        before.review == Review::Reviewed,
        received_at.unix(),
        replaced_at.unix(),
        revision_hash(key_hash, before, received_at, replaced_at)
    ])?;
    Ok(())
}

/// The reading of a revision that begins `time, value, flag, qc, reviewed, received_at`, and its time of receipt.
pub(super) fn revision(row: &Row<'_>) -> Result<(Reading, Instant), Fault> {
    let time: i64 = row.get(0)?;
    let damaged = |what: &str| Fault::Row(format!("table revision, time {time}: {what}"));
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
