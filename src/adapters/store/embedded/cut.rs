//! A log that a writer's end left, looked at before SQLite is: it ends at the first frame that does not match its
//! checksum, and whatever was committed behind that one is gone without a word.
//!
//! A frame's checksum goes on from that of the frame before (SQLite's file format, 4.2), so frames behind a bad one can
//! still be told: they match the checksum that is written before them, and bear the salts of the log. A commit among them
//! means that the bad one was whole once. Unless the machine lost power, that is damage: a killed process leaves
//! nothing behind the place it had come to. A power cut may leave later sectors without earlier ones, of
//! transactions that were not synced, which looks the same; the lock file names the run of the machine that wrote,
//! to tell one from the other. A bad frame with no commit behind it is told from half a frame by nobody.

use std::fs::File;
use std::io::BufReader;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::adapters::store::embedded::DATABASE;
use crate::adapters::store::embedded::copy;
use crate::adapters::store::embedded::lock::LOCK;
use crate::adapters::store::embedded::lock::in_use;
use crate::adapters::store::embedded::unavailable;
use crate::ports::StoreError;

/// Bytes of the head of a log, and of that of a frame.
const HEAD_BYTES: usize = 32;
const FRAME_HEAD_BYTES: usize = 24;
/// Largest page of SQLite.
const PAGE_BYTES_MAX: usize = 65_536;
/// What a log with checksums over big-endian words begins with.
const BIG_ENDIAN: [u8; 4] = 0x377f_0683_u32.to_be_bytes();
/// Where the system names its present run.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// What kept logs are called, after the log's own name.
const DAMAGED: &str = "-damaged-";
const TORN: &str = "-torn-";

/// Where a log breaks off, and what is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cut {
    /// The frame that does not match, counted from 1; 0 is the head.
    frame: u64,
    /// Commits behind it.
    commits: u64,
    /// The log's salts.
    salts: [u8; 8],
}

type Sums = [u32; 2];

/// Goes on with a checksum over words in pairs.
fn summed(mut sums: Sums, bytes: &[u8], big: bool) -> Sums {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        match big {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        }
    };
    for pair in bytes.chunks_exact(8) {
        sums[0] = sums[0].wrapping_add(word(pair)).wrapping_add(sums[1]);
        sums[1] = sums[1].wrapping_add(word(&pair[4..])).wrapping_add(sums[0]);
    }
    sums
}

/// A checksum as it is written.
fn written(bytes: &[u8]) -> Sums {
    let word =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    [word(0), word(4)]
}

/// Whether a whole piece was left.
fn filled(log: &mut impl Read, piece: &mut [u8]) -> std::io::Result<bool> {
    match log.read_exact(piece) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Walks a log; `None` when it ends where it was written to.
fn walk(mut log: impl Read, page_bytes: usize) -> std::io::Result<Option<Cut>> {
    let mut head = [0; HEAD_BYTES];
    if !filled(&mut log, &mut head)? {
        return Ok(None);
    }
    let big = head[..4] == BIG_ENDIAN;
    let found = summed([0; 2], &head[..24], big);
    // What the next frame goes on from: the checksum as written, or, if that was hit, as it should be.
    let mut before = [written(&head[24..]), found];
    let whole = before[0] == found;
    let mut salts: Option<[u8; 8]> = whole.then(|| std::array::from_fn(|at| head[16 + at]));
    let mut cut = (!whole).then_some(0);
    let mut commits = 0;
    let mut frame = vec![0; FRAME_HEAD_BYTES + page_bytes];
    let mut number = 0;
    while filled(&mut log, &mut frame)? {
        number += 1;
        let (head, page) = frame.split_at(FRAME_HEAD_BYTES);
        // A head that was hit says nothing of salts.
        let own: [u8; 8] = std::array::from_fn(|at| head[8 + at]);
        let salted = own == *salts.get_or_insert(own);
        let said = written(&head[16..]);
        let goes_on = |sums| summed(summed(sums, &head[..8], big), page, big);
        let sums = goes_on(before[0]);
        let matches =
            salted && (sums == said || before[1] != before[0] && goes_on(before[1]) == said);
        match cut {
            None if matches => {}
            None => cut = Some(number),
            Some(_) if matches && head[4..8] != [0; 4] => commits += 1,
            Some(_) => {}
        }
        before = [said, sums];
    }
    let salts = salts.unwrap_or_default();
    Ok(cut.filter(|_| commits > 0).map(|frame| Cut {
        frame,
        commits,
        salts,
    }))
}

/// The size of a database's pages by its head; `None` for a file that is none.
fn page_bytes(database: &Path) -> std::io::Result<Option<usize>> {
    let mut head = [0; 18];
    if !filled(&mut File::open(database)?, &mut head)? {
        return Ok(None);
    }
    let bytes = match usize::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => PAGE_BYTES_MAX,
        bytes => bytes,
    };
    Ok((bytes.is_power_of_two() && bytes >= 512).then_some(bytes))
}

fn log_of(directory: &Path) -> PathBuf {
    directory.join(format!("{DATABASE}-wal"))
}

/// Which run of the machine this is; `None` where the system does not tell.
pub(super) fn boot() -> Option<String> {
    let text = std::fs::read_to_string(BOOT_ID).ok()?;
    Some(text.trim().to_owned())
}

/// Whether the machine has run on since somebody last wrote a directory.
fn same_run(directory: &Path) -> bool {
    let said = std::fs::read_to_string(directory.join(LOCK));
    said.is_ok_and(|said| boot().is_some_and(|boot| boot == said.trim()))
}

/// Looks at the log of a directory that nobody writes, and keeps a copy of one that SQLite would cut short; whether it
/// would. To be called before the database is opened, and before the lock is written anew.
///
/// # Errors
/// [`StoreError::Unavailable`] when the log cannot be read or kept.
pub fn keep(directory: &Path) -> Result<bool, StoreError> {
    let log = log_of(directory);
    let fault = |cause: std::io::Error| unavailable(&log, cause);
    let opened = match File::open(&log) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(fault)?,
    };
    let page_bytes = match page_bytes(&directory.join(DATABASE)) {
        Ok(Some(bytes)) => bytes,
        // SQLite says what is wrong with it, or makes it.
        Ok(None) | Err(_) => return Ok(false),
    };
    let Some(cut) = walk(BufReader::new(opened), page_bytes).map_err(fault)? else {
        return Ok(false);
    };
    // Whoever writes has looked already, and its log changes as it is read.
    if in_use(directory) {
        return Ok(false);
    }
    let damaged = same_run(directory);
    let salts = u64::from_be_bytes(cut.salts);
    let how = if damaged { DAMAGED } else { TORN };
    let kept = directory.join(format!("{DATABASE}-wal{how}{salts:016x}-{}", cut.frame));
    if !kept.exists() {
        let part = directory.join(format!("{DATABASE}-wal.part"));
        std::fs::copy(&log, &part).map_err(|cause| unavailable(&part, cause))?;
        copy::sync(&part)?;
        std::fs::rename(&part, &kept).map_err(|cause| unavailable(&kept, cause))?;
        copy::sync(directory)?;
    }
    let (frame, commits) = (cut.frame, cut.commits);
    let kept = kept.display();
    if damaged {
        tracing::error!(
            %kept, frame, commits,
            "the log that a killed run left is damaged: commits behind that frame are lost; the log is kept"
        );
    } else {
        tracing::warn!(
            %kept, frame, commits,
            "the log has a hole, as a power cut leaves it: commits behind that frame do not count; the log is kept"
        );
    }
    Ok(true)
}

/// Damaged logs that were kept in a directory, by name.
///
/// # Errors
/// A directory that cannot be read.
pub fn kept(directory: &Path) -> std::io::Result<Vec<String>> {
    let begin = format!("{DATABASE}-wal{DAMAGED}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        names.extend(
            name.to_str()
                .filter(|name| name.starts_with(&begin))
                .map(str::to_owned),
        );
    }
    names.sort_unstable();
    Ok(names)
}

/// What is to be said of a kept log.
pub fn told(name: &str) -> String {
    format!(
        "{name}: the log of a run that was killed was damaged, and what was committed behind the frame that ends this \
         name is lost"
    )
}

/// What helps then.
pub const REMEDY: &str = "have it sent again or restore the last backup, then move this file away";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    const PAGE: usize = 1_024;
    const FRAME: usize = FRAME_HEAD_BYTES + PAGE;

    static LOG: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();

    /// The log of five commits, as SQLite writes it.
    fn log() -> Vec<u8> {
        LOG.get_or_init(made).clone()
    }

    fn made() -> Vec<u8> {
        let folder = tempfile::TempDir::new().expect("a directory");
        let path = folder.path().join(DATABASE);
        let connection = Connection::open(&path).expect("a database");
        connection
            .execute_batch("PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (x)")
            .expect("made");
        for number in 0..4 {
            let row = format!("INSERT INTO t VALUES (zeroblob({}))", 100 + number * 900);
            connection.execute(&row, []).expect("a row");
        }
        assert_eq!(page_bytes(&path).expect("a file"), Some(PAGE));
        std::fs::read(log_of(folder.path())).expect("a log")
    }

    fn ends(log: &[u8]) -> Vec<bool> {
        let frames = log[HEAD_BYTES..].chunks(FRAME);
        frames.map(|frame| frame[4..8] != [0; 4]).collect()
    }

    #[test]
    fn a_log_that_was_written_to_its_end_is_whole_wherever_it_is_cut() {
        let log = log();
        assert_eq!(ends(&log).iter().filter(|end| **end).count(), 5);
        for end in (0..=log.len()).step_by(97).chain([log.len()]) {
            assert_eq!(walk(&log[..end], PAGE).expect("read"), None, "{end} bytes");
        }
    }

    proptest! {
        /// Any bit: the frame it lies in is named with the commits behind it; one in the last commit is not noticed.
        #[test]
        fn a_flipped_bit_is_found(at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let mut log = log();
            let ends = ends(&log);
            // Which words are summed how is not itself summed; another first byte makes it no log.
            let at = 4 + at.index(log.len() - 4);
            log[at] ^= 1 << bit;
            let frame = if at < HEAD_BYTES { 0 } else { 1 + (at - HEAD_BYTES) / FRAME };
            let commits = ends[frame..].iter().filter(|end| **end).count() as u64;
            let found = walk(&log[..], PAGE).expect("read");
            let found = found.map(|cut| (cut.frame, cut.commits));
            prop_assert_eq!(found, (commits > 0).then_some((frame as u64, commits)));
        }

        /// No bytes make it stumble, and strangers are no commits.
        #[test]
        fn bytes_without_a_chain_are_no_log(bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
            prop_assert_eq!(walk(&bytes[..], 512).expect("read"), None);
        }
    }
}
