//! The file beside a copy of the store: who may do what, and the audit log, taken while others change them and brought back.
//!
//! Secrets are in it as digests alone, as in the original; still nobody but its owner may read it.

use std::fs::File;
use std::fs::OpenOptions;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::OpenFlags;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::BUSY_WAIT;
use crate::adapters::access::DATABASE;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::ports::StoreError;

/// What the name of a copy ends in.
const ENDING: &str = "access.db";

/// Where the copy belongs that goes with a copy of the store: `city.db` has `city.access.db` beside it.
pub fn beside(store: &Path) -> PathBuf {
    store.with_extension(ENDING)
}

/// An empty file that nobody else may read.
fn own_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What became of a file.
fn failed(path: &Path, cause: &std::io::Error) -> StoreError {
    let place = path.display().to_string();
    match cause.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full { place },
        _ => StoreError::Unavailable {
            place,
            cause: cause.to_string(),
        },
    }
}

/// Copies the file of a data directory as it is at one moment into another, synced; whether there is one.
///
/// # Errors
/// [`StoreError`] naming the place: a file there already, no room, no such file as ours.
pub fn copy_live(directory: &Path, folder: &Path) -> Result<bool, StoreError> {
    if Access::existing(directory)?.is_none() {
        return Ok(false);
    }
    let to = &folder.join(DATABASE);
    let copy = own_file(to).map_err(|cause| failed(to, &cause))?;
    let place = to.display().to_string();
    let fault = |error: rusqlite::Error| Fault::Sql(error).store_error(&place, false);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(directory.join(DATABASE), flags).map_err(fault)?;
    connection.busy_timeout(BUSY_WAIT).map_err(fault)?;
    let copied = connection.execute("VACUUM INTO ?1", [&place]);
    copied.map_err(fault)?;
    copy.sync_all().map_err(|cause| failed(to, &cause))?;
    Ok(true)
}

/// Puts a copy into a data directory that has none, synced.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn put_into(copy: &Path, directory: &Path) -> Result<(), StoreError> {
    let to = directory.join(DATABASE);
    let mut from = File::open(copy).map_err(|cause| failed(copy, &cause))?;
    let mut file = own_file(&to).map_err(|cause| failed(&to, &cause))?;
    let copied = std::io::copy(&mut from, &mut file).and_then(|_| file.sync_all());
    copied.map_err(|cause| failed(&to, &cause))
}

/// Takes the copy out of a folder to a name of its own.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn move_out(folder: &Path, file: &Path) -> Result<(), StoreError> {
    std::fs::rename(folder.join(DATABASE), file).map_err(|cause| failed(file, &cause))
}

/// Moves the file of a folder into a directory on the same disk.
///
/// # Errors
/// [`StoreError`] naming the place.
pub fn move_in(folder: &Path, directory: &Path) -> Result<(), StoreError> {
    move_out(folder, &directory.join(DATABASE))
}

impl Access {
    /// Ends all sessions, as those of a copy that was brought back must: whoever has logged out since would be in again.
    ///
    /// # Errors
    /// Those of the file.
    pub fn end_sessions(&self, act: Act) -> Result<(), AccessFault> {
        self.change(|connection| {
            connection.execute("DELETE FROM session", [])?;
            Ok(((), vec![act]))
        })
    }
}
