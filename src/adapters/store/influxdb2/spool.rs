//! What was acknowledged while the server was away: a file of batches in the order they came, each synced before it
//! is acknowledged and gone once the server has it.
//!
//! It is a SQLite database of its own in the data directory, format 1: a row a batch, with checksum, and the
//! observations as lines `source factor stat interval_s time value flag qc review`.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::params;
use xxhash_rust::xxh3::xxh3_64;

use crate::adapters::store::embedded::Access;
use crate::adapters::store::reading;
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
use crate::ports::StoreError;

/// The file inside the data directory.
pub(super) const FILE: &str = "influxdb2-spool.db";
/// The format this program writes and reads.
pub(super) const FORMAT: u32 = 1;
/// The one table.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spool (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, checksum INTEGER NOT NULL, lines TEXT NOT NULL
) STRICT";

/// A batch that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) id: i64,
    pub(super) received_at: Instant,
    pub(super) observations: Vec<Observation>,
    bytes: u64,
}

/// Batches, and how much they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) batches: u64,
    pub(super) bytes: u64,
}

/// The open file.
pub(super) struct Spool {
    path: PathBuf,
    /// `None` until there is a file, for a reader beside the process that writes.
    connection: Mutex<Option<Connection>>,
    bytes_max: u64,
    load: Mutex<Load>,
}

impl Spool {
    /// Where it lies in a data directory.
    pub(super) fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }

    /// Opens the file in the directory. Only whoever writes creates it: it says that the directory's readings are in
    /// an InfluxDB.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened, [`StoreError::Newer`] when it is of another format.
    pub(super) fn open(
        directory: &Path,
        bytes_max: u64,
        access: Access,
    ) -> Result<Self, StoreError> {
        let path = Self::path(directory);
        let connection = match access {
            Access::Write => Some(connect(&path)?),
            Access::Read => None,
        };
        let spool = Self {
            path,
            connection: Mutex::new(connection),
            bytes_max,
            load: Mutex::default(),
        };
        spool.recount()?;
        Ok(spool)
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks into the file; one that is not there holds nothing.
    fn read<T: Default>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        if connection.is_none() && self.path.is_file() {
            *connection = Some(connect(&self.path)?);
        }
        let found = connection.as_ref().map_or_else(|| Ok(T::default()), query);
        found.map_err(|fault| self.fault(&fault))
    }

    fn write(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        let connection = self.connection();
        let opened = connection.as_ref();
        let changed = change(opened.expect("a spool is written by whoever opened it for that"));
        changed.map(drop).map_err(|fault| self.fault(&fault))
    }

    fn fault(&self, fault: &rusqlite::Error) -> StoreError {
        let place = self.path.display().to_string();
        match fault.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full { place },
            Some(rusqlite::ErrorCode::DatabaseBusy) => StoreError::Unavailable {
                place,
                cause: fault.to_string(),
            },
            _ => StoreError::Poisoned {
                place,
                cause: fault.to_string(),
            },
        }
    }

    fn set_load(&self, load: Load) {
        *self.load.lock().unwrap_or_else(PoisonError::into_inner) = load;
    }

    /// What waits.
    pub(super) fn load(&self) -> Load {
        *self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts again, for a reader beside the process that writes.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn recount(&self) -> Result<Load, StoreError> {
        let load = self.read(count)?;
        self.set_load(load);
        Ok(load)
    }

    /// Keeps a batch; it is on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Full`] at the limit or without room; [`StoreError::Poisoned`] after a failed write.
    pub(super) fn push(
        &self,
        received_at: Instant,
        observations: &[Observation],
    ) -> Result<(), StoreError> {
        let lines = encode(observations);
        let mut load = self.load();
        load.batches += 1;
        load.bytes += lines.len() as u64;
        if load.bytes > self.bytes_max {
            let (place, most) = (self.path.display(), self.bytes_max);
            return Err(StoreError::Full {
                place: format!(
                    "{place}, which holds store.influxdb2.spool_bytes_max = {most} bytes"
                ),
            });
        }
        let insert = "INSERT INTO spool (received_at, checksum, lines) VALUES (?1, ?2, ?3)";
        let values = params![received_at.unix(), checksum(&lines), lines];
        self.write(|connection| connection.execute(insert, values))?;
        self.set_load(load);
        Ok(())
    }

    /// The oldest batch.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not what was written.
    pub(super) fn first(&self) -> Result<Option<Waiting>, StoreError> {
        self.next(0)
    }

    fn next(&self, after: i64) -> Result<Option<Waiting>, StoreError> {
        let select =
            "SELECT id, received_at, checksum, lines FROM spool WHERE id > ?1 ORDER BY id LIMIT 1";
        let row =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let found: Option<(i64, i64, i64, String)> =
            self.read(|connection| connection.query_row(select, [after], row).optional())?;
        let Some((id, received_at, sum, lines)) = found else {
            return Ok(None);
        };
        let observations = Some(&lines)
            .filter(|lines| checksum(lines) == sum)
            .and_then(|lines| decode(lines));
        let observations = observations.ok_or_else(|| StoreError::Damaged {
            place: self.path.display().to_string(),
            fault: format!("table spool, row {id}: the lines are not those written"),
        })?;
        Ok(Some(Waiting {
            id,
            received_at: Instant::from_unix(received_at),
            observations,
            bytes: lines.len() as u64,
        }))
    }

    /// The oldest batches that were received in one second, of so many values at most but one batch at least: to the
    /// server they are one.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub(super) fn oldest(&self, values_max: usize) -> Result<Vec<Waiting>, StoreError> {
        let mut found: Vec<Waiting> = self.first()?.into_iter().collect();
        let mut values = found.first().map_or(0, |one| one.observations.len());
        while let Some(last) = found.last() {
            let same = |next: &Waiting| next.received_at == last.received_at;
            let Some(next) = self.next(last.id)?.filter(same) else {
                break;
            };
            values += next.observations.len();
            if values > values_max {
                break;
            }
            found.push(next);
        }
        Ok(found)
    }

    /// Forgets batches that follow one another and that the server has.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn forget(&self, waiting: &[Waiting]) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (waiting.first(), waiting.last()) else {
            return Ok(());
        };
        let delete = "DELETE FROM spool WHERE id BETWEEN ?1 AND ?2";
        self.write(|connection| connection.execute(delete, [first.id, last.id]))?;
        let load = self.load();
        let bytes = waiting.iter().map(|one| one.bytes).sum();
        self.set_load(Load {
            batches: load.batches.saturating_sub(waiting.len() as u64),
            bytes: load.bytes.saturating_sub(bytes),
        });
        Ok(())
    }

    /// Reads everything that waits; how many batches.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub(super) fn verify(&self) -> Result<u64, StoreError> {
        let (mut after, mut batches) = (0, 0);
        while let Some(waiting) = self.next(after)? {
            after = waiting.id;
            batches += 1;
        }
        Ok(batches)
    }
}

/// Opens or creates the file.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let place = path.display().to_string();
    let (connection, found) = setup(path).map_err(|fault| StoreError::Unavailable {
        place: place.clone(),
        cause: fault.to_string(),
    })?;
    if found > FORMAT {
        let known = FORMAT;
        return Err(StoreError::Newer {
            place,
            found,
            known,
        });
    }
    Ok(connection)
}

fn setup(path: &Path) -> rusqlite::Result<(Connection, u32)> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(reading::BUSY_WAIT)?;
    let mut found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", FORMAT)?;
        found = FORMAT;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok((connection, found))
}

fn count(connection: &Connection) -> rusqlite::Result<Load> {
    let select = "SELECT count(*), coalesce(sum(octet_length(lines)), 0) FROM spool";
    connection.query_row(select, [], |row| {
        let (batches, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Load {
            batches: batches.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
        })
    })
}

fn checksum(lines: &str) -> i64 {
    xxh3_64(lines.as_bytes()).cast_signed()
}

fn encode(observations: &[Observation]) -> String {
    let line = |Observation { key, reading }: &Observation| {
        let value = reading
            .value
            .map_or_else(|| "-".to_owned(), |value| value.to_string());
        let (qc, review) = (reading.qc.key(), reading.review.key());
        format!(
            "{} {} {} {} {} {value} {} {qc} {review}\n",
            key.source,
            key.factor,
            key.stat,
            key.interval_s,
            reading.time.unix(),
            reading.flag
        )
    };
    observations.iter().map(line).collect()
}

fn decode(lines: &str) -> Option<Vec<Observation>> {
    lines.lines().map(observation).collect()
}

fn observation(line: &str) -> Option<Observation> {
    let words: Vec<&str> = line.split(' ').collect();
    let [
        source,
        factor,
        stat,
        interval_s,
        time,
        value,
        flag,
        qc,
        review,
    ] = words.as_slice()
    else {
        return None;
    };
    let value = match *value {
        "-" => None,
        text => Some(Amount::parse(text).ok()?),
    };
    let reviews = [Review::Raw, Review::Reviewed];
    Some(Observation {
        key: SeriesKey {
            source: SourceId::new(source).ok()?,
            factor: Factor::new(factor).ok()?,
            stat: Stat::new(stat).ok()?,
            interval_s: interval_s.parse().ok()?,
        },
        reading: Reading {
            time: Instant::from_unix(time.parse().ok()?),
            value,
            flag: Flag::new(flag).ok()?,
            qc: Qc::from_key(qc)?,
            review: reviews.into_iter().find(|known| known.key() == *review)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one() -> impl Strategy<Value = Observation> {
        let names = (
            "[A-Za-z0-9虹桥._-]{1,8}",
            "[a-z0-9_]{1,8}",
            "[a-z0-9_]{1,8}",
            "[A-Za-z0-9]{1,4}",
        );
        let qc = prop::sample::select(vec![Qc::Passed, Qc::Clock, Qc::Negative, Qc::Range]);
        let review = prop::sample::select(vec![Review::Raw, Review::Reviewed]);
        let numbers = (any::<u32>(), any::<i64>(), any::<Option<i64>>());
        (names, numbers, qc, review).prop_map(|(names, numbers, qc, review)| Observation {
            key: SeriesKey {
                source: SourceId::new(&names.0).expect("a source"),
                factor: Factor::new(&names.1).expect("a factor"),
                stat: Stat::new(&names.2).expect("a stat"),
                interval_s: numbers.0,
            },
            reading: Reading {
                time: Instant::from_unix(numbers.1),
                value: numbers.2.map(Amount::from_micros),
                flag: Flag::new(&names.3).expect("a flag"),
                qc,
                review,
            },
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn batches_come_back_in_order_after_reopening(batches in prop::collection::vec(prop::collection::vec(one(), 0..4), 0..4)) {
            let folder = tempfile::tempdir().expect("a folder");
            let spool = Spool::open(folder.path(), 1 << 20, Access::Write).expect("opened");
            for (at, batch) in (0..).zip(&batches) {
                spool.push(Instant::from_unix(at), batch).expect("kept");
            }
            let load = spool.load();
            drop(spool);
            let spool = Spool::open(folder.path(), 1 << 20, Access::Write).expect("opened again");
            prop_assert_eq!(spool.load(), load);
            prop_assert_eq!(spool.verify(), Ok(batches.len() as u64));
            for (at, batch) in (0..).zip(&batches) {
                let first = spool.first().expect("sound").expect("one waits");
                prop_assert_eq!((first.received_at, &first.observations), (Instant::from_unix(at), batch));
                spool.forget(std::slice::from_ref(&first)).expect("forgotten");
            }
            prop_assert_eq!(spool.first(), Ok(None));
            prop_assert_eq!(spool.load(), Load::default());
        }
    }

    fn some() -> Vec<Observation> {
        decode("A pm25 avg 3600 7200 1.5 N passed raw\n").expect("a line")
    }

    #[test]
    fn a_full_spool_takes_nothing_more_and_a_changed_row_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path(), 60, Access::Write).expect("opened");
        let at = Instant::from_unix(1);
        spool.push(at, &some()).expect("room for one");
        let full = spool
            .push(at, &some())
            .expect_err("no room for two")
            .to_string();
        assert!(full.contains("spool_bytes_max = 60"), "{full}");
        assert_eq!(spool.load().batches, 1);
        let changed = "UPDATE spool SET lines = replace(lines, '1.5', '1.6')";
        let other = Connection::open(folder.path().join(FILE)).expect("opened");
        other.execute(changed, []).expect("changed");
        let damaged = spool.first().expect_err("damaged").to_string();
        assert!(damaged.contains("table spool, row 1"), "{damaged}");
    }

    #[test]
    fn a_newer_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(Spool::open(folder.path(), 60, Access::Write).expect("created"));
        let other = Connection::open(folder.path().join(FILE)).expect("opened");
        other
            .pragma_update(None, "user_version", 2)
            .expect("changed");
        let refused = Spool::open(folder.path(), 60, Access::Write)
            .map(drop)
            .expect_err("newer");
        assert!(
            matches!(
                refused,
                StoreError::Newer {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{refused}"
        );
    }

    #[test]
    fn a_reader_makes_no_file_and_sees_the_one_that_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let reader = Spool::open(folder.path(), 60, Access::Read).expect("nothing is there");
        assert_eq!(
            (reader.recount(), reader.verify()),
            (Ok(Load::default()), Ok(0))
        );
        assert!(!Spool::path(folder.path()).exists());
        let writer = Spool::open(folder.path(), 60, Access::Write).expect("created");
        writer.push(Instant::from_unix(1), &some()).expect("kept");
        assert_eq!(
            (reader.recount(), reader.verify()),
            (Ok(writer.load()), Ok(1))
        );
    }
}
