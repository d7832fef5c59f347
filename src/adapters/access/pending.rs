//! Acts that one person entered and another must confirm before they are done.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::Refusal;
use crate::domain::access::Act;
use crate::domain::calendar::Instant;
use crate::ports::StoreError;

/// Acts that may wait at once.
const WAITING_MAX: i64 = 1_000;

/// An act that waits, or waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub id: u64,
    /// The unit it is about.
    pub subject: String,
    /// What kind of act.
    pub act: String,
    /// Its fields, as they were sent.
    pub fields: String,
    /// Who entered it.
    pub entered_by: String,
    /// When.
    pub entered_at: Instant,
}

const COLUMNS: &str = "id, subject, act, fields, entered_by, entered_at";

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    let id: i64 = row.get(0)?;
    Ok(Pending {
        id: id.cast_unsigned(),
        subject: row.get(1)?,
        act: row.get(2)?,
        fields: row.get(3)?,
        entered_by: row.get(4)?,
        entered_at: Instant::from_unix(row.get(5)?),
    })
}

fn find(connection: &Connection, id: u64) -> rusqlite::Result<Option<Pending>> {
    let select = format!("SELECT {COLUMNS} FROM pending WHERE id = ?1 AND ended_at IS NULL");
    let found = connection.query_row(&select, [id.cast_signed()], pending);
    found.optional()
}

impl Access {
    /// Keeps an act until another person confirms it; its number.
    ///
    /// # Errors
    /// Too many that wait, or those of the file.
    pub fn keep_pending(&self, new: &Pending, act: Act) -> Result<u64, AccessFault> {
        self.note(|connection| {
            let count = "SELECT count(*) FROM pending WHERE ended_at IS NULL";
            let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
            if count >= WAITING_MAX {
                let said = format!("{WAITING_MAX} acts wait already; confirm or reject some");
                return Err(Refusal::Said(said));
            }
            let insert = "INSERT INTO pending (subject, act, fields, entered_by, entered_at) VALUES (?1, ?2, ?3, ?4, ?5)";
            let at = new.entered_at.unix();
            let row = params![new.subject, new.act, new.fields, new.entered_by, at];
            connection.execute(insert, row)?;
            Ok((connection.last_insert_rowid().cast_unsigned(), vec![act]))
        })
    }

    /// Acts that wait, in the order they were entered.
    ///
    /// # Errors
    /// Those of the file.
    pub fn waiting(&self) -> Result<Vec<Pending>, StoreError> {
        self.read(|connection| {
            let select =
                format!("SELECT {COLUMNS} FROM pending WHERE ended_at IS NULL ORDER BY id");
            let mut statement = connection.prepare_cached(&select)?;
            let rows = statement.query_map([], pending)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// An act that waits.
    ///
    /// # Errors
    /// Those of the file.
    pub fn waits(&self, id: u64) -> Result<Option<Pending>, StoreError> {
        self.read(|connection| Ok(find(connection, id)?))
    }

    /// Notes what became of an act that waited.
    ///
    /// # Errors
    /// When it waits no more, or those of the file.
    pub fn end_pending(&self, id: u64, outcome: &str, act: Act) -> Result<(), AccessFault> {
        self.note(|connection| {
            if find(connection, id)?.is_none() {
                return Err(Refusal::Said(format!("act {id} waits no more")));
            }
            let update =
                "UPDATE pending SET ended_by = ?2, ended_at = ?3, outcome = ?4 WHERE id = ?1";
            let row = params![id.cast_signed(), act.who, act.at.unix(), outcome];
            connection.execute(update, row)?;
            Ok(((), vec![act]))
        })
    }
}
