//! Opens a database file for queries: beside whoever writes it, or where nobody can write, such as a copy on a medium
//! that is mounted read-only.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::ErrorCode;
use rusqlite::OpenFlags;
use rusqlite::ffi;

/// How long a connection waits for another one's lock.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Opens the file for queries; nothing in it changes by them.
///
/// # Errors
/// Those of the database; where nobody can write, a log beside the file that is not moved into it yet.
pub fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).and_then(quiet)?;
    // Readers share an index of the log, which SQLite keeps in a file beside it.
    let looked = connection.pragma_query_value(None, "schema_version", |_| Ok(()));
    match looked {
        Err(error) if refused(&error) && is_closed(path) => unchanging(path),
        _ => Ok(connection),
    }
}

/// Whether this process cannot make files where the file is.
pub fn is_closed(path: &Path) -> bool {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_err()
}

fn refused(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn quiet(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens a file that does not change while it is read: SQLite takes its log away when the last writer ends.
fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = Path::new(&log);
    if log.exists() {
        let fault = format!(
            "its log {} is not moved into it yet, and the directory cannot be written; copy the directory to where it can",
            log.display()
        );
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_CANTOPEN),
            Some(fault),
        ));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(address(path), flags).and_then(quiet)
}

/// The file as an address that says it does not change.
fn address(path: &Path) -> String {
    let name = path.to_string_lossy();
    let name = name.replace('%', "%25").replace('?', "%3f");
    format!("file:{}?immutable=1", name.replace('#', "%23"))
}
