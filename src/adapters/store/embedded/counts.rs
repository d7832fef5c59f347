//! What a file holds beside the readings that count: what waits to be merged, what was taken out.

use rusqlite::Connection;

use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::rows;
use crate::ports::StoreError;

/// Counts of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Values that commits set and blocks do not hold yet; one that was corrected meanwhile counts each time.
    pub waiting: u64,
    /// Values that were replaced and are kept.
    pub revisions: u64,
    /// Orders to take readings out.
    pub orders: u64,
    /// Readings in blocks that orders took out and no other value took the place of.
    pub taken_out: u64,
}

impl Embedded {
    /// Counts what is not seen in the columns.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.read(counts).await
    }
}

fn counts(connection: &Connection) -> Result<Counts, Fault> {
    let snapshot = connection.unchecked_transaction()?;
    let progress = rows::progress(&snapshot)?;
    let mut waiting = 0;
    // Rows that are merged may still be there.
    let from = rows::oldest_commit(&snapshot)?.map_or(progress.last, |oldest| oldest - 1);
    let from = from.max(progress.merged);
    rows::each_commit(&snapshot, from, progress.last, |_, commit| {
        waiting += commit.changes.len() as u64;
        Ok(())
    })?;
    let number = |select: &str| {
        let counted = snapshot.query_row(select, [], |row| row.get::<_, i64>(0));
        counted.map(i64::cast_unsigned).map_err(Fault::from)
    };
    Ok(Counts {
        waiting,
        revisions: number("SELECT count(*) FROM revision")?,
        orders: DELETIONS.all(&snapshot)?.len() as u64,
        taken_out: number(
            "SELECT coalesce((SELECT sum(n) FROM block), 0) - coalesce((SELECT sum(readings) FROM series), 0)",
        )?,
    })
}
