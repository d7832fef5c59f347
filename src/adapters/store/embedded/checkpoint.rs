//! Checkpoints: pages of SQLite's log are moved into the database on a thread of its own, so that no commit waits
//! while the disk syncs them.
//!
//! The thread moves what is there while the writer goes on; what came meanwhile is left for the next pass. SQLite
//! begins the log anew with the first transaction that finds all of it moved, so when little is left, or the log has
//! become too long, the writer waits for one pass. A reader may keep pages from being moved; then the log grows until
//! it is done. Nothing of the log is overwritten before the database holds it and is synced.

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::beside::Beside;
use crate::adapters::store::embedded::tuning::Moment;
use crate::adapters::store::embedded::tuning::Tuning;

/// So few pages left are moved while the writer waits: they take it about as long as a commit.
const LAST_PAGES: u32 = 64;

/// How long the log is and how much of it the database holds, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    pages: u32,
    moved: u32,
}

impl Log {
    fn of(connection: &Connection) -> Result<Self, Fault> {
        let ask = "PRAGMA wal_checkpoint(NOOP)";
        let mut statement = connection.prepare_cached(ask)?;
        Ok(statement.query_row([], |row| {
            Ok(Self {
                pages: row.get(1)?,
                moved: row.get(2)?,
            })
        })?)
    }

    fn left(self) -> u32 {
        self.pages.saturating_sub(self.moved)
    }
}

/// The thread that moves the log.
pub(super) struct Checkpoints {
    thread: Beside<(), Result<(), Fault>>,
    under_way: bool,
}

impl Checkpoints {
    /// Starts the thread, which moves the log by this connection.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let work = move |()| {
            let pass = "PRAGMA wal_checkpoint(PASSIVE)";
            Ok(connection.query_row(pass, [], |_| Ok(()))?)
        };
        Ok(Self {
            thread: Beside::start("skytier-log", 1, work)?,
            under_way: false,
        })
    }

    /// Looks after the log when a transaction has ended.
    ///
    /// # Errors
    /// Those of the database, from any pass since; then the log stands as it was.
    pub(super) fn tend(&mut self, connection: &Connection, tuning: &Tuning) -> Result<(), Fault> {
        let log = Log::of(connection)?;
        let long = log.pages >= tuning.log_pages_max;
        if self.under_way && !self.settled(long)? {
            return Ok(());
        }
        // A pass that has just ended has moved some.
        let log = Log::of(connection)?;
        if log.pages < tuning.log_pages_min || log.left() == 0 {
            return Ok(());
        }
        if !long && log.left() > LAST_PAGES {
            return self.order();
        }
        tuning.reach(Moment::CheckpointDue);
        self.order()?;
        self.settled(true)?;
        if Log::of(connection)?.left() == 0 {
            tuning.reach(Moment::Checkpointed);
        }
        Ok(())
    }

    fn order(&mut self) -> Result<(), Fault> {
        self.thread.order(())?;
        self.under_way = true;
        Ok(())
    }

    /// Whether the pass under way is over.
    fn settled(&mut self, wait: bool) -> Result<bool, Fault> {
        let answer = self.thread.answer(wait)?;
        self.under_way = answer.is_none();
        answer.transpose().map(|ended| ended.is_some())
    }
}
