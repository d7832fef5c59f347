//! A data directory as a visitor finds it, without opening its stores: its databases, their formats and whether they
//! are sound, the room on the disk, and whether somebody writes there. Changes nothing.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::adapters::store::embedded::FILE_FORMAT;
use crate::adapters::store::influxdb2::SPOOL_FORMAT;
use crate::adapters::store::reading;

/// Faults that are listed of one file.
const FAULTS_MAX: u32 = 3;

/// A database in a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The file's name.
    pub name: String,
    /// Its size in bytes, with its log.
    pub bytes: u64,
    /// When it was written last, in seconds since 1970.
    pub written: i64,
    /// Its format, and the one this program reads and writes, where it knows one.
    pub format: (u32, Option<u32>),
    /// What is not sound in it.
    pub fault: Option<String>,
}

/// The databases of a directory, by name, each read once as a whole. `others` are those that no store keeps, with the formats
/// that are known of them.
///
/// # Errors
/// A directory or file that cannot be read.
pub fn databases(directory: &Path, others: &[(&str, u32)]) -> io::Result<Vec<Database>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "db") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let known = [&[FILE_FORMAT, SPOOL_FORMAT][..], others].concat();
    paths.iter().map(|path| database(path, &known)).collect()
}

fn database(path: &Path, known: &[(&str, u32)]) -> io::Result<Database> {
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (mut bytes, mut written) = (0, i64::MIN);
    for (file, needed) in [(path, true), (Path::new(&log), false)] {
        match std::fs::metadata(file) {
            Ok(data) => {
                bytes += data.len();
                written = written.max(data.mtime());
            }
            Err(cause) if needed => return Err(cause),
            Err(_) => {}
        }
    }
    let known = known.iter().find(|(file, _)| *file == name);
    let (format, fault) = match look(path) {
        Ok(found) => found,
        Err(fault) => (0, Some(fault.to_string())),
    };
    Ok(Database {
        format: (format, known.map(|(_, format)| *format)),
        name,
        bytes,
        written,
        fault,
    })
}

/// Its format and what SQLite finds wrong.
fn look(path: &Path) -> rusqlite::Result<(u32, Option<String>)> {
    let connection = reading::connect(path)?;
    let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mut statement = connection.prepare(&format!("PRAGMA quick_check({FAULTS_MAX})"))?;
    let said = statement.query_map([], |row| row.get::<_, String>(0))?;
    let said: Vec<String> = said.collect::<Result<_, _>>()?;
    let sound = said.len() == 1 && said[0] == "ok";
    Ok((format, (!sound).then(|| said.join("; "))))
}

/// Bytes that are free for us where a directory is.
///
/// # Errors
/// What the system says.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(directory)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Whether a file can be made in a directory; it is taken away again.
///
/// # Errors
/// Why not.
pub fn try_to_write(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&path, b"skytier doctor\n")?;
    std::fs::remove_file(&path)
}
