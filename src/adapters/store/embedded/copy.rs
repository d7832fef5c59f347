//! A whole, consistent copy of a database that may be in use: `VACUUM INTO` reads one snapshot while the daemon
//! goes on writing. A copy is checked before it counts as one.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::OpenFlags;

use crate::adapters::store::embedded::Access;
use crate::adapters::store::embedded::DATABASE;
use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::lock::lock;
use crate::adapters::store::embedded::schema::check_for_reading;
use crate::adapters::store::embedded::schema::kept_before;
use crate::adapters::store::embedded::schema::open_for_writing;
use crate::adapters::store::embedded::unavailable;
use crate::adapters::store::reading::BUSY_WAIT;
use crate::ports::StoreError;

/// Copies the database of a data directory into `folder`, which becomes a data directory itself, synced.
///
/// # Errors
/// [`StoreError`] naming the place: no database there, no room, a database in the folder already.
pub fn copy_live(directory: &Path, folder: &Path) -> Result<(), StoreError> {
    let (from, to) = (directory.join(DATABASE), folder.join(DATABASE));
    if !from.is_file() {
        return Err(unavailable(&from, "no such data directory"));
    }
    if to.exists() {
        return Err(unavailable(&to, "is there already"));
    }
    let place = to.display().to_string();
    let fault = |error: rusqlite::Error| Fault::Sql(error).store_error(&place, false);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&from, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_WAIT).map_err(fault)?;
    check_for_reading(&connection, &from)?;
    let copied = connection.execute("VACUUM INTO ?1", [to.display().to_string()]);
    copied.map_err(fault)?;
    sync(&to).and_then(|()| sync(folder))
}

/// Copies a database file, as [`copy_live`] made it, into `folder`, which becomes a data directory, synced.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn copy_file(file: &Path, folder: &Path) -> Result<(), StoreError> {
    let to = folder.join(DATABASE);
    std::fs::copy(file, &to).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full {
            place: to.display().to_string(),
        },
        _ => unavailable(file, cause),
    })?;
    sync(&to).and_then(|()| sync(folder))
}

/// Removes what opening a copy kept of it as it was: the copy was made from a file that is still there.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn forget_before(folder: &Path) -> Result<(), StoreError> {
    let kept = kept_before(&folder.join(DATABASE));
    match std::fs::remove_file(&kept) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(unavailable(&kept, cause))
        }
        _ => Ok(()),
    }
}

/// Takes the database out of a folder that [`copy_live`] filled, to its final name.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn move_out(folder: &Path, file: &Path) -> Result<(), StoreError> {
    std::fs::rename(folder.join(DATABASE), file).map_err(|cause| unavailable(file, cause))?;
    match file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => sync(parent),
        None => sync(Path::new(".")),
    }
}

/// Moves the database of a folder that [`copy_file`] filled into an empty directory beside or above it.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn move_in(folder: &Path, directory: &Path) -> Result<(), StoreError> {
    move_out(folder, &directory.join(DATABASE))
}

/// Merges all that waits into blocks and writes the file anew without free space; its bytes before and after.
///
/// # Errors
/// [`StoreError`] naming the place: no database there, one that is in use, no room.
pub fn compact(directory: &Path) -> Result<(u64, u64), StoreError> {
    let before = size_bytes(directory)?;
    // A store that is closed has merged everything.
    drop(Embedded::open(directory, Access::Write)?);
    let _lock = lock(directory)?;
    let path = directory.join(DATABASE);
    let place = path.display().to_string();
    let connection = open_for_writing(&path)?;
    let anew = connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    anew.map_err(|error| Fault::Sql(error).store_error(&place, false))?;
    drop(connection);
    Ok((before, size_bytes(directory)?))
}

/// Bytes the database of a data directory takes, its write-ahead log included.
///
/// # Errors
/// [`StoreError`] when there is none.
pub fn size_bytes(directory: &Path) -> Result<u64, StoreError> {
    let path = directory.join(DATABASE);
    let main = std::fs::metadata(&path).map_err(|cause| unavailable(&path, cause))?;
    let log = std::fs::metadata(directory.join(format!("{DATABASE}-wal")));
    Ok(main.len() + log.map_or(0, |log| log.len()))
}

/// Syncs a file or a directory.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|cause| StoreError::Poisoned {
        place: path.display().to_string(),
        cause: cause.to_string(),
    })
}
