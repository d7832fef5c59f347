//! From commits to blocks, in rounds of short steps.
//!
//! A round takes everything that rows of `wal` up to one hold, span by span. A step is a transaction that writes
//! some blocks anew; the last step of a round also deletes the rows. Setting a value twice is setting it once, so
//! a crash between two steps is harmless: the rows are read again, and say what the blocks say already.

use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;

use rusqlite::Connection;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::index::Slot;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::tuning::Moment;
use crate::adapters::store::embedded::tuning::Tuning;

/// The index, to look something up.
pub(super) fn reading(index: &RwLock<Index>) -> RwLockReadGuard<'_, Index> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

/// The index, to change it.
pub(super) fn writing(index: &RwLock<Index>) -> RwLockWriteGuard<'_, Index> {
    index.write().unwrap_or_else(PoisonError::into_inner)
}

/// A span of a series that waits to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    span: i64,
    series: i64,
    slot: u32,
}

/// A round under way.
pub(super) struct Round {
    /// Rows up to this one.
    through: i64,
    /// What is left to do, the next one last.
    places: Vec<Place>,
}

/// A block that a step has written.
struct Written {
    place: Place,
    last: i64,
}

impl Round {
    /// Begins a round over all that waits; `None` when nothing does.
    pub(super) fn begin(index: &Index) -> Option<Self> {
        let mut places: Vec<Place> = index
            .waiting()
            .map(|(span, series, slot, _)| Place { span, series, slot })
            .collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        (!places.is_empty()).then_some(Self {
            through: index.progress.last,
            places,
        })
    }

    /// Does a step: some blocks, until at least `values` entries have been merged or the step is long enough.
    /// Returns what was merged, and whether the round is over.
    ///
    /// # Errors
    /// Those of the database; then nothing of the step was kept, and it may be tried again.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        shared: &RwLock<Index>,
        tuning: &Tuning,
        values: usize,
        mut rewritten: impl FnMut(u32, i64),
    ) -> Result<(usize, bool), Fault> {
        let index = reading(shared);
        let transaction = connection.unchecked_transaction()?;
        let mut progress = index.progress;
        let (mut written, mut merged) = (Vec::new(), 0);
        let next = self.places.iter().rev().take(tuning.step_blocks_max);
        for place in next {
            let (entries, last) = self.write(&transaction, &index, *place)?;
            written.push(Written {
                place: *place,
                last,
            });
            merged += entries;
            if merged >= values {
                break;
            }
        }
        drop(index);
        let left = self.places.len() - written.len();
        progress.slice += 1;
        if left == 0 {
            let delete = "DELETE FROM wal WHERE id <= ?1";
            transaction
                .prepare_cached(delete)?
                .execute([self.through])?;
            progress.merged = self.through;
        }
        rows::set_progress(&transaction, progress)?;
        let last = left == 0;
        tuning.reach(if last {
            Moment::RoundWritten
        } else {
            Moment::StepWritten
        });
        transaction.commit()?;
        tuning.reach(if last {
            Moment::RoundMerged
        } else {
            Moment::StepMerged
        });
        self.places.truncate(left);
        let mut index = writing(shared);
        for Written { place, last } in written {
            index.purge(place.slot, place.span, self.through);
            index.merged_upto(place.slot, last);
            rewritten(place.slot, place.span);
        }
        if last {
            index.forget(self.through);
        }
        index.progress = progress;
        Ok((merged, last))
    }

    /// Merges a place into its block; the entries merged, and the last time blocks of the series then hold.
    fn write(
        &self,
        connection: &Connection,
        index: &Index,
        place: Place,
    ) -> Result<(usize, i64), Fault> {
        let slot = index.slot(place.slot);
        let Slot {
            id, key_hash, cut, ..
        } = *slot;
        let cells = index.cells(place.slot, place.span, self.through);
        let entries = cells.len();
        let before = BlockRow::of(connection, id, key_hash, cut, place.span)?;
        let (readings_before, checksum_before) = before
            .as_ref()
            .map_or((0, 0), |row| (row.summary.n, row.checksum));
        let block = before.map_or_else(Block::default, |row| row.block);
        let block = block.with(cells.into_iter());
        let summary = block.summary(cut, place.span);
        let data = block.encode(cut, place.span);
        let checksum = rows::save_block(connection, id, key_hash, place.span, (&summary, &data))?;
        let newest = (summary.last >= slot.merged_upto).then(|| block.cell(block.len() - 1));
        let value = newest.as_ref().and_then(|cell| {
            let missing = cell.remark.as_ref().is_some_and(|remark| remark.missing);
            (!missing).then_some(cell.value)
        });
        let update = "UPDATE series SET readings = readings + ?2, checksum = ?3,
                      last_time = iif(?4, ?5, last_time), last_value = iif(?4, ?6, last_value)
                      WHERE id = ?1";
        let select = "SELECT checksum FROM series WHERE id = ?1";
        let sum: i64 = connection
            .prepare_cached(select)?
            .query_row([id], |row| row.get(0))?;
        let sum = sum.wrapping_add(checksum.wrapping_sub(checksum_before));
        connection.prepare_cached(update)?.execute(params![
            id,
            i64::from(summary.n) - i64::from(readings_before),
            sum,
            newest.is_some(),
            summary.last,
            value
        ])?;
        Ok((entries, summary.last))
    }
}
