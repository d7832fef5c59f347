//! Tables of lines that only grow. Each row's hash covers the one before, so that no row can be changed, removed or
//! moved unseen: the ledger, published figures, decisions of
//! reviewers, orders to take readings out, removals by age, look-ups of tiers and their stamps.

use std::fmt::Display;
use std::thread;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;
use sha2::Digest;
use sha2::Sha256;

use crate::adapters::credit_events;
use crate::adapters::credit_events::LineFault;
use crate::adapters::credit_events::lookups;
use crate::adapters::credit_events::stamps;
use crate::adapters::deletions;
use crate::adapters::publications;
use crate::adapters::removals;
use crate::adapters::reviews;
use crate::adapters::store::embedded::Fault;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Stamp;
use crate::domain::deletion::Deletion;
use crate::domain::publication::Issue;
use crate::domain::retention::Removal;
use crate::domain::review::Decision;

/// The ledger's events.
pub(super) const LEDGER: Chain<CreditEvent, LineFault> = Chain {
    table: "ledger",
    row: "entry",
    missing: "entry",
    to_line: credit_events::to_line,
    from_line: credit_events::from_line,
};

/// Figures as they were published.
pub(super) const PUBLICATIONS: Chain<Issue, String> = Chain {
    table: "publication",
    row: "row",
    missing: "issue",
    to_line: publications::to_line,
    from_line: publications::from_line,
};

/// Decisions of reviewers.
pub(super) const REVIEWS: Chain<Decision, String> = Chain {
    table: "review",
    row: "row",
    missing: "decision",
    to_line: reviews::to_line,
    from_line: reviews::from_line,
};

/// Orders to take readings out.
pub(super) const DELETIONS: Chain<Deletion, String> = Chain {
    table: "deletion",
    row: "row",
    missing: "order",
    to_line: deletions::to_line,
    from_line: deletions::from_line,
};

/// What was removed by age, a step a row.
pub(super) const REMOVALS: Chain<Removal, String> = Chain {
    table: "removal",
    row: "row",
    missing: "row",
    to_line: removals::to_line,
    from_line: removals::from_line,
};

/// Look-ups of tiers.
pub(super) const LOOKUPS: Chain<Lookup, String> = Chain {
    table: "lookup",
    row: "row",
    missing: "look-up",
    to_line: lookups::to_line,
    from_line: lookups::from_line,
};

/// Time stamps of look-ups.
pub(super) const STAMPS: Chain<Stamp, String> = Chain {
    table: "stamp",
    row: "row",
    missing: "stamp",
    to_line: stamps::to_line,
    from_line: stamps::from_line,
};

/// Rows appended before threads that answer get their turn on the same processor: those would wait for all of them else.
const ROWS_AT_A_STRETCH: usize = 4;

/// What the first row's hash covers in place of a row before it.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// The hash of a row: over its predecessor's hash, its number and its line.
pub(crate) fn link(before: &[u8; 32], seq: i64, line: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(seq.to_le_bytes());
    hasher.update(line.as_bytes());
    hasher.finalize().into()
}

/// One such table, and how its rows are written.
pub(crate) struct Chain<T, E> {
    /// The table.
    table: &'static str,
    /// What a fault calls a row that is there.
    row: &'static str,
    /// What a fault calls a row that is missing.
    missing: &'static str,
    /// The line of an entry.
    to_line: fn(&T) -> String,
    /// The entry of a line.
    from_line: fn(&str) -> Result<T, E>,
}

impl<T, E: Display> Chain<T, E> {
    /// A table of another database, with the columns `seq`, `line` and `hash`.
    pub(crate) const fn new(
        table: &'static str,
        to_line: fn(&T) -> String,
        from_line: fn(&str) -> Result<T, E>,
    ) -> Self {
        Self {
            table,
            row: "row",
            missing: "row",
            to_line,
            from_line,
        }
    }

    /// The table's name.
    pub(super) fn table(&self) -> &'static str {
        self.table
    }

    /// Appends entries in order; the number of the last row.
    pub(crate) fn append(&self, connection: &Connection, entries: &[T]) -> Result<u64, Fault> {
        let table = self.table;
        let select = format!("SELECT seq, hash FROM {table} ORDER BY seq DESC LIMIT 1");
        let last = connection
            .query_row(&select, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (mut seq, mut hash): (i64, [u8; 32]) = last.unwrap_or((0, GENESIS));
        let insert = format!("INSERT INTO {table} (seq, line, hash) VALUES (?1, ?2, ?3)");
        let mut insert = connection.prepare_cached(&insert)?;
        for (at, entry) in entries.iter().enumerate() {
            if at % ROWS_AT_A_STRETCH == ROWS_AT_A_STRETCH - 1 {
                thread::yield_now();
            }
            let line = (self.to_line)(entry);
            seq += 1;
            hash = link(&hash, seq, &line);
            insert.execute(params![seq, line, hash])?;
        }
        Ok(seq.cast_unsigned())
    }

    /// All entries in order, with their numbers.
    pub(super) fn entries(&self, connection: &Connection) -> Result<Vec<(u64, T)>, Fault> {
        let select = format!("SELECT seq, line FROM {} ORDER BY seq", self.table);
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
            let entry = (self.from_line)(&line);
            let entry = entry.map_err(|fault| Fault::Row(self.place(seq, &fault)))?;
            entries.push((seq.cast_unsigned(), entry));
        }
        Ok(entries)
    }

    /// The rows behind a number, in order: number, hash, entry.
    pub(crate) fn after(
        &self,
        connection: &Connection,
        seq: u64,
    ) -> Result<Vec<(u64, [u8; 32], T)>, Fault> {
        let table = self.table;
        let select = format!("SELECT seq, line, hash FROM {table} WHERE seq > ?1 ORDER BY seq");
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([seq.cast_signed()])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
            let entry = (self.from_line)(&line);
            let entry = entry.map_err(|fault| Fault::Row(self.place(seq, &fault)))?;
            entries.push((seq.cast_unsigned(), row.get(2)?, entry));
        }
        Ok(entries)
    }

    /// Entries behind a number that are wanted, in order with their numbers, as many as asked for at most.
    pub(super) fn some(
        &self,
        connection: &Connection,
        after: u64,
        limit: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<(u64, T)>, Fault> {
        let table = self.table;
        let select = format!("SELECT seq, line FROM {table} WHERE seq > ?1 ORDER BY seq");
        let mut statement = connection.prepare_cached(&select)?;
        let mut rows = statement.query([i64::try_from(after).unwrap_or(i64::MAX)])?;
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(row) = rows.next()?
        {
            let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
            let entry = (self.from_line)(&line);
            let entry = entry.map_err(|fault| Fault::Row(self.place(seq, &fault)))?;
            if wanted(&entry) {
                entries.push((seq.cast_unsigned(), entry));
            }
        }
        Ok(entries)
    }

    /// The first entry of an identifier, with its number, in a table that has such a column.
    pub(super) fn find(
        &self,
        connection: &Connection,
        id: &str,
    ) -> Result<Option<(u64, T)>, Fault> {
        let table = self.table;
        let select = format!("SELECT seq, line FROM {table} WHERE id = ?1 ORDER BY seq LIMIT 1");
        let mut statement = connection.prepare_cached(&select)?;
        let found = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)));
        let found: Option<(i64, String)> = found.optional()?;
        let read = |(seq, line): (i64, String)| {
            let entry = (self.from_line)(&line);
            let entry = entry.map_err(|fault| Fault::Row(self.place(seq, &fault)))?;
            Ok((seq.cast_unsigned(), entry))
        };
        found.map(read).transpose()
    }

    /// All entries in order.
    pub(super) fn all(&self, connection: &Connection) -> Result<Vec<T>, Fault> {
        let numbered = self.entries(connection)?;
        Ok(numbered.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The number of its last row; 0 when there is none.
    pub(crate) fn last(&self, connection: &Connection) -> Result<i64, Fault> {
        let select = format!("SELECT coalesce(max(seq), 0) FROM {}", self.table);
        let mut statement = connection.prepare_cached(&select)?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Walks the chain; the count of rows, and the first that does not fit. A lost end it cannot see.
    pub(crate) fn check(&self, connection: &Connection) -> Result<(u64, Option<String>), Fault> {
        let select = format!("SELECT seq, line, hash FROM {} ORDER BY seq", self.table);
        let mut statement = connection.prepare(&select)?;
        let mut rows = statement.query([])?;
        let (mut count, mut hash) = (0i64, GENESIS);
        while let Some(row) = rows.next()? {
            let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
            let stored: Vec<u8> = row.get(2)?;
            count += 1;
            hash = link(&hash, count, &line);
            let fault = if seq != count {
                let (table, missing) = (self.table, self.missing);
                Some(format!(
                    "table {table}: {missing} {count} is missing (found {seq})"
                ))
            } else if stored != hash {
                Some(self.place(seq, &"does not match its hash"))
            } else {
                let fault = (self.from_line)(&line).err();
                fault.map(|fault| self.place(seq, &fault))
            };
            if fault.is_some() {
                return Ok((count.cast_unsigned(), fault));
            }
        }
        Ok((count.cast_unsigned(), None))
    }

    fn place(&self, seq: i64, fault: &dyn Display) -> String {
        format!("table {}, {} {seq}: {fault}", self.table, self.row)
    }
}
