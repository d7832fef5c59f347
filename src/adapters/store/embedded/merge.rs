//! From commits to blocks, in rounds of short steps.
//!
//! A round takes everything that rows of `wal` up to one hold, span by span. Blocks are packed beside the writer
//! (module `pack`); a step is a transaction that writes some of them, and the last step of a round notes that the
//! rows are done with. Setting a value twice is setting it once, so a crash between two steps is harmless: the rows
//! are read again, and say what the blocks say already. So a step need not be synced either: it is with the next commit. Rows that are done with are deleted a few at a time.

use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;

use rusqlite::Connection;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::pack::Fresh;
use crate::adapters::store::embedded::pack::ORDERS_MAX;
use crate::adapters::store::embedded::pack::Order;
use crate::adapters::store::embedded::pack::Packer;
use crate::adapters::store::embedded::pack::Place;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::schema;
use crate::adapters::store::embedded::schema::Synced;
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

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is packed yet.
    Awaited,
    /// Some blocks were written; others follow.
    Written,
    /// The round is over.
    Over,
}

/// A round under way.
pub(super) struct Round {
    /// Rows up to this one.
    through: i64,
    /// What is not ordered yet, the next one last.
    places: Vec<Place>,
    /// Orders without an answer.
    ordered: usize,
    /// What is packed and not written.
    packed: Vec<Fresh>,
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
            ordered: 0,
            packed: Vec::new(),
        })
    }

    /// Keeps the packer at work and takes what it has done; `false` when that is nothing.
    fn fetch(&mut self, packer: &Packer, blocks_max: usize, wait: bool) -> Result<bool, Fault> {
        while self.packed.is_empty() {
            while self.ordered < ORDERS_MAX && !self.places.is_empty() {
                let left = self.places.len().saturating_sub(blocks_max);
                let mut places = self.places.split_off(left);
                places.reverse();
                packer.order(Order {
                    through: self.through,
                    places,
                })?;
                self.ordered += 1;
            }
            let Some(packed) = packer.answer(wait)? else {
                return Ok(false);
            };
            self.ordered -= 1;
            self.packed = packed?;
        }
        Ok(true)
    }

    /// Ends the round as it is. The packer is at rest afterwards.
    pub(super) fn give_up(self, packer: &Packer) {
        for _ in 0..self.ordered {
            // What it found does not matter any more.
            drop(packer.answer(true));
        }
    }

    /// Does a step: writes what one order packed.
    ///
    /// # Errors
    /// Those of the database; then nothing of the step was kept, and it may be tried again.
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        (packer, wait): (&Packer, bool),
        shared: &RwLock<Index>,
        tuning: &Tuning,
        mut rewritten: impl FnMut(u32, i64),
    ) -> Result<Step, Fault> {
        if !self.fetch(packer, tuning.step_blocks_max, wait)? {
            return Ok(Step::Awaited);
        }
        schema::sync(connection, Synced::Later)?;
        let transaction = connection.unchecked_transaction()?;
        let mut progress = reading(shared).progress;
        for packed in &self.packed {
            write(&transaction, packed)?;
        }
        let over = self.ordered == 0 && self.places.is_empty();
        progress.slice += 1;
        if over {
            progress.merged = self.through;
        }
        rows::set_progress(&transaction, progress)?;
        tuning.reach(if over {
            Moment::RoundWritten
        } else {
            Moment::StepWritten
        });
        transaction.commit()?;
        tuning.reach(if over {
            Moment::RoundMerged
        } else {
            Moment::StepMerged
        });
        let mut index = writing(shared);
        for Fresh { place, summary, .. } in self.packed.drain(..) {
            index.purge(place.slot, place.span, self.through);
            index.merged_upto(place.slot, summary.last);
            rewritten(place.slot, place.span);
        }
        if over {
            index.forget(self.through);
        }
        index.progress = progress;
        Ok(if over { Step::Over } else { Step::Written })
    }
}

/// Writes a block and what its series' row says of it.
fn write(connection: &Connection, packed: &Fresh) -> Result<(), Fault> {
    let Fresh { place, summary, .. } = packed;
    rows::save_block(connection, packed)?;
    let update = "UPDATE series SET readings = readings + ?2, checksum = ?3,
                  last_time = iif(?4, ?5, last_time), last_value = iif(?4, ?6, last_value)
                  WHERE id = ?1";
    let select = "SELECT checksum, last_time FROM series WHERE id = ?1";
    let (sum, last): (i64, Option<i64>) = connection
        .prepare_cached(select)?
        .query_row([place.series], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (readings_before, checksum_before) = packed.before;
    let sum = sum.wrapping_add(packed.checksum.wrapping_sub(checksum_before));
    connection.prepare_cached(update)?.execute(params![
        place.series,
        i64::from(packed.counting) - i64::from(readings_before),
        sum,
        last.is_none_or(|last| summary.last >= last),
        summary.last,
        packed.last_value
    ])?;
    Ok(())
}
