//! The file's format: what marks it as ours, its version, its tables.
//!
//! Within a format the tables may only grow in number: what a file written by an older program lacks is added
//! when it is opened for writing, after a copy of it as it was. A table that is not as `schema.sql` says belongs to another format, and the
//! file is refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::copy;
use crate::adapters::store::embedded::unavailable;
use crate::adapters::store::reading;
use crate::ports::StoreError;

/// Marks the file as ours: "sky1".
const APPLICATION_ID: u32 = 0x736b_7931;
/// The format this program writes and reads.
pub(super) const FORMAT: u32 = 2;
/// All tables, indices, views and triggers.
const SCHEMA: &str = include_str!("schema.sql");
/// Page size in bytes.
const PAGE_BYTES: u32 = 16_384;

/// Opens the file for the writer; creates it, or what it lacks.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let place = path.display().to_string();
    let fault = |error: rusqlite::Error| Fault::Sql(error).store_error(&place, false);
    let mut connection = Connection::open(path).map_err(fault)?;
    connection.busy_timeout(reading::BUSY_WAIT).map_err(fault)?;
    let version = version(&connection, path)?;
    let lacks = lacks(&connection, path)?;
    if version > 0 && !lacks.is_empty() {
        keep_before(&connection, path)?;
    }
    let setup = |connection: &mut Connection| {
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Module `checkpoint` sees to the log.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(64);
        match version {
            0 => create(connection),
            _ if !lacks.is_empty() => add(connection, &lacks),
            _ => Ok(()),
        }
    };
    setup(&mut connection).map_err(fault)?;
    Ok(connection)
}

/// When what a transaction wrote is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synced {
    /// When it has ended.
    AtOnce,
    /// With the next one that is at once: the log is a sequence, of which only the end can be lost. For what can be
    /// done again from what is on disk.
    Later,
}

/// Sets when the next transactions are synced.
///
/// # Errors
/// Those of the database.
pub(super) fn sync(connection: &Connection, synced: Synced) -> Result<(), Fault> {
    let level = match synced {
        Synced::AtOnce => "FULL",
        Synced::Later => "NORMAL",
    };
    Ok(connection.pragma_update(None, "synchronous", level)?)
}

/// Opens the file to move its log, with a sync of both.
pub(super) fn connect_for_checkpoints(path: &Path) -> rusqlite::Result<Connection> {
    let connection = reading::connect(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Whether a file that is opened for reading is one this program reads.
pub(super) fn check_for_reading(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    version(connection, path)?;
    let read = |(_, definition): &&(String, String)| {
        ["CREATE TABLE", "CREATE VIEW"]
            .iter()
            .any(|kind| definition.starts_with(kind))
    };
    match lacks(connection, path)?.iter().find(read) {
        None => Ok(()),
        Some((name, _)) => {
            let cause = format!("it has no {name} yet; let `skytier serve` open it once");
            Err(unavailable(path, cause))
        }
    }
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Where the file is kept as it was before this program added to it.
pub(super) fn kept_before(path: &Path) -> PathBuf {
    let step = xxh3_64(SCHEMA.as_bytes());
    path.with_extension(format!("before-{step:016x}.bak"))
}

/// Keeps the file as it is, synced, before anything is added to it. One that was kept by a start that went no further
/// is left: it is older.
fn keep_before(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let kept = kept_before(path);
    if kept.exists() {
        return Ok(());
    }
    let part = path.with_extension("before.part");
    match std::fs::remove_file(&part) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            return Err(unavailable(&part, cause));
        }
        _ => {}
    }
    let copied = connection.execute("VACUUM INTO ?1", [part.display().to_string()]);
    copied.map_err(|error| Fault::Sql(error).store_error(&part.display().to_string(), false))?;
    copy::sync(&part)?;
    std::fs::rename(&part, &kept).map_err(|cause| unavailable(&kept, cause))?;
    copy::sync(kept.parent().unwrap_or(Path::new(".")))?;
    tracing::info!(
        kept = %kept.display(),
        "tables of a newer skytier are added; the database as it was is kept, and may be removed once all is well"
    );
    Ok(())
}

/// Adds what a file lacks, by name and definition.
fn add(connection: &mut Connection, lacks: &[(String, String)]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (_, definition) in lacks {
        transaction.execute_batch(definition)?;
    }
    let whole = whole()?;
    let mut counted = whole.prepare("SELECT what FROM tally")?;
    for what in counted.query_map([], |row| row.get::<_, String>(0))? {
        let insert = "INSERT OR IGNORE INTO tally VALUES (?1, 0)";
        transaction.execute(insert, [what?])?;
    }
    transaction.commit()
}

/// An empty database with every table.
fn whole() -> rusqlite::Result<Connection> {
    let whole = Connection::open_in_memory()?;
    whole.execute_batch(SCHEMA)?;
    Ok(whole)
}

/// Tables and the like in the order they were made, by name and definition.
fn objects(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let select = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
    let mut statement = connection.prepare(select)?;
    let objects = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    objects.collect()
}

/// A definition without comments, line breaks and the quotes that a renaming leaves.
fn bare(definition: &str) -> String {
    let code = definition.lines().map(|line| line.split("--").next());
    let words = code.flatten().flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ").replace('"', "")
}

/// What the file has not. One that has nothing at all lacks nothing: it is made whole.
fn lacks(connection: &Connection, path: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let place = path.display().to_string();
    let fault = |error: rusqlite::Error| Fault::Sql(error).store_error(&place, false);
    let there: BTreeMap<_, _> = objects(connection).map_err(fault)?.into_iter().collect();
    if there.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted = whole().and_then(|whole| objects(&whole)).map_err(fault)?;
    for (name, definition) in &wanted {
        if there
            .get(name)
            .is_some_and(|found| bare(found) != bare(definition))
        {
            return Err(StoreError::Damaged {
                place,
                fault: format!("{name} is not that of format {FORMAT}"),
            });
        }
    }
    wanted.retain(|(name, _)| !there.contains_key(name));
    Ok(wanted)
}

/// The format version of the file; 0 for an empty one.
fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let place = path.display().to_string();
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let fault = |error: rusqlite::Error| Fault::Sql(error).store_error(&place, false);
    let version = pragma("user_version").map_err(fault)?;
    let application = pragma("application_id").map_err(fault)?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(fault)?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, found, _) if found > FORMAT => Err(StoreError::Newer {
            place,
            found,
            known: FORMAT,
        }),
        (APPLICATION_ID, found, _) if found < FORMAT => Err(StoreError::Older {
            place,
            found,
            known: FORMAT,
        }),
        (APPLICATION_ID, version, _) => Ok(version),
        _ => Err(StoreError::Damaged {
            place,
            fault: "not a skytier database".to_owned(),
        }),
    }
}
