//! Batches into the commit under way: every value is compared with what counts at its time, and what is new or
//! different is set in the index, noted for the commit's row in `wal`, and its predecessor kept as a revision.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Arc;

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cell;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::bytes::Remark;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::index::Slot;
use crate::adapters::store::embedded::letters;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::rows::SeriesRow;
use crate::adapters::store::embedded::wal::Change;
use crate::adapters::store::embedded::wal::Commit;
use crate::adapters::store::embedded::wal::Receipt;
use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::reading::Observation;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::ports::Appended;
use crate::ports::Batch;

/// Readings of unpacked blocks kept at hand, to compare late and repeated values with.
const SEEN_READINGS_MAX: usize = 1_000_000;

/// Threads that take up what waits at a start.
const REPLAY_THREADS_MAX: usize = 4;

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The writer's way from batches to the index.
pub(super) struct Appender {
    series: Known,
    seen: Seen,
    commit: Commit,
    /// Receipts of the commit by content, with their number there; for those that are not plain.
    receipts: FastMap<(i64, Option<Arc<Remark>>), u32>,
    /// Number of the commit's first receipt among the index's stamps.
    first_stamp: u32,
    normal: Flag,
    /// When the newest batch was received.
    clock: Option<i64>,
}

impl Appender {
    /// Reads series and commits that wait into an index that is empty.
    ///
    /// # Errors
    /// Those of the database; a damaged row.
    pub(super) fn open(connection: &Connection, index: &mut Index) -> Result<Self, Fault> {
        let mut series = Known::default();
        *index = Index::default();
        SeriesRow::each(connection, |row| {
            let cut = Cut::of(row.key.interval_s);
            let merged_upto = row.last_time.unwrap_or(i64::MIN);
            let slot = index.add(row.id, rows::key_hash(&row.key), cut, merged_upto);
            series.add(row.key, slot);
            Ok(())
        })?;
        let progress = rows::progress(connection)?;
        let unknown = |id, series| Fault::Row(format!("table wal, row {id}: no series {series}"));
        if progress.last > progress.merged {
            let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
            index.replay(threads.min(REPLAY_THREADS_MAX), unknown, |take_up| {
                rows::each_commit(connection, progress.merged, progress.last, take_up)
            })?;
        }
        index.progress = progress;
        Ok(Self {
            series,
            seen: Seen::default(),
            commit: Commit::default(),
            receipts: FastMap::default(),
            first_stamp: 0,
            normal: Flag::normal(),
            clock: None,
        })
    }

    /// Takes a batch into the commit under way.
    ///
    /// # Errors
    /// Those of the database; then the commit is lost, and the index with it.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        index: &mut Index,
        batch: &Batch,
    ) -> Result<Appended, Fault> {
        let mut appended = Appended::default();
        self.clock = self.clock.max(Some(batch.received_at.unix()));
        for Observation { key, reading } in &batch.observations {
            let slot = match self.series.find(key) {
                Some(slot) => slot,
                None => self.take_up(connection, index, key)?,
            };
            let received_at = batch.received_at;
            if !self.observe(connection, index, slot, reading, received_at, &mut appended)? {
                continue;
            }
            let last = appended.touched.last();
            if last.is_none_or(|(last, at)| *at != reading.time || *last != key.source) {
                appended.touched.push((key.source.clone(), reading.time));
            }
        }
        appended.touched.sort_unstable();
        appended.touched.dedup();
        letters::keep(connection, batch)?;
        Ok(appended)
    }

    /// Whether the reading is new or corrects.
    fn observe(
        &mut self,
        connection: &Connection,
        index: &mut Index,
        slot: u32,
        reading: &Reading,
        received_at: Instant,
        appended: &mut Appended,
    ) -> Result<bool, Fault> {
        let time = reading.time.unix();
        let series = index.slot(slot);
        let before = if time > series.last {
            None
        } else if let Some(cell) = index.find(slot, time) {
            Some(cell)
        } else if time > series.merged_upto {
            None
        } else {
            self.seen.find(connection, series, slot, time)?
        };
        let mut counts_from = received_at;
        match before {
            None => appended.new += 1,
            Some(cell) => {
                let before = cell.reading(time, &self.normal);
                if reading.repeats(&before) {
                    appended.repeated += 1;
                    return Ok(false);
                }
                let before_received = Instant::from_unix(cell.received_at);
                counts_from = received_at.max(before_received);
                if cell.is_deleted() {
                    appended.new += 1;
                } else {
                    let Slot { id, key_hash, .. } = index.slot(slot);
                    let series = (*id, *key_hash);
                    rows::insert_revision(
                        connection,
                        series,
                        &before,
                        before_received,
                        counts_from,
                    )?;
                    appended.corrected += 1;
                }
            }
        }
        let value = reading.value.map_or(0, Amount::micros);
        let receipt = Receipt {
            received_at: counts_from.unix(),
            remark: remark(reading),
        };
        self.set(index, slot, (time, value), receipt);
        Ok(true)
    }

    fn take_up(
        &mut self,
        connection: &Connection,
        index: &mut Index,
        key: &SeriesKey,
    ) -> Result<u32, Fault> {
        let id = rows::insert_series(connection, key)?;
        let cut = Cut::of(key.interval_s);
        let slot = index.add(id, rows::key_hash(key), cut, i64::MIN);
        self.series.add(key.clone(), slot);
        Ok(slot)
    }

    /// Sets a time's value and what is said of it, in the index and for the commit's row.
    pub(super) fn set(
        &mut self,
        index: &mut Index,
        slot: u32,
        (time, value): (i64, i64),
        receipt: Receipt,
    ) {
        let receipt = self.receipt(index, receipt);
        let change = Change {
            series: index.slot(slot).id,
            time,
            value,
            receipt,
        };
        index.set(
            slot,
            change.time,
            change.value,
            self.first_stamp.wrapping_add(receipt),
        );
        self.commit.changes.push(change);
    }

    /// The number of a receipt in the commit under way.
    fn receipt(&mut self, index: &mut Index, receipt: Receipt) -> u32 {
        if let Some(last) = self.commit.changes.last()
            && self.commit.receipts[last.receipt as usize] == receipt
        {
            return last.receipt;
        }
        let (receipts, commit) = (&mut self.receipts, &mut self.commit);
        let first_stamp = &mut self.first_stamp;
        let entry = receipts.entry((receipt.received_at, receipt.remark.clone()));
        *entry.or_insert_with(|| {
            let stamp = index.stamp(index.progress.last + 1, receipt.clone());
            if commit.receipts.is_empty() {
                *first_stamp = stamp;
            }
            commit.receipts.push(receipt);
            stamp.wrapping_sub(*first_stamp)
        })
    }

    /// Series that a test picks, with their slots.
    pub(super) fn series_where(&self, picks: impl Fn(&SeriesKey) -> bool) -> Vec<(SeriesKey, u32)> {
        let keys = self.series.keys.iter().zip(0u32..);
        let picked = keys.filter(|(key, _)| picks(key));
        picked.map(|(key, slot)| (key.clone(), slot)).collect()
    }

    /// What is written for a flag of nothing to say.
    pub(super) fn normal(&self) -> &Flag {
        &self.normal
    }

    /// When the newest batch was received.
    pub(super) fn clock(&self) -> Option<i64> {
        self.clock
    }

    /// Writes the commit's row; `false` when there is nothing to write.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn write(&self, connection: &Connection, index: &Index) -> Result<bool, Fault> {
        if self.commit.changes.is_empty() {
            return Ok(false);
        }
        let mut progress = index.progress;
        progress.last += 1;
        rows::insert_commit(connection, progress.last, &self.commit)?;
        rows::set_progress(connection, progress)?;
        Ok(true)
    }

    /// Begins another commit; the one before is durable.
    pub(super) fn committed(&mut self, index: &mut Index) {
        index.progress.last += i64::from(!self.commit.changes.is_empty());
        self.commit.changes.clear();
        self.commit.receipts.clear();
        self.receipts.clear();
    }

    /// Forgets the block of a span, which has been written anew.
    pub(super) fn rewritten(&mut self, slot: u32, span: i64) {
        self.seen.forget(slot, span);
    }
}

/// Series by key.
#[derive(Default)]
struct Known {
    by_key: FastMap<SeriesKey, u32>,
    /// By slot.
    keys: Vec<SeriesKey>,
    /// The slot after the one found last, and after the one before it broke the order.
    guesses: [u32; 2],
}

impl Known {
    /// Takes up a series; slots are given in order.
    fn add(&mut self, key: SeriesKey, slot: u32) {
        self.keys.push(key.clone());
        self.by_key.insert(key, slot);
    }

    /// The slot of a series. Senders say the same things in the same order, so it is mostly the next one.
    fn find(&mut self, key: &SeriesKey) -> Option<u32> {
        let Self { keys, guesses, .. } = self;
        let right = |guess: &u32| keys.get(*guess as usize) == Some(key);
        let slot = match guesses.iter().position(right) {
            Some(at) => {
                guesses[at] += 1;
                return Some(guesses[at] - 1);
            }
            None => *self.by_key.get(key)?,
        };
        self.guesses = [slot + 1, self.guesses[0]];
        Some(slot)
    }
}

/// What is said beside a reading's value, `None` when it is nothing.
fn remark(reading: &Reading) -> Option<Arc<Remark>> {
    let Reading {
        time: _,
        value,
        flag,
        qc,
        review,
    } = reading;
    let plain = value.is_some() && flag.is_normal() && *qc == Qc::Passed && *review == Review::Raw;
    (!plain).then(|| {
        Arc::new(Remark {
            missing: value.is_none(),
            flag: flag.clone(),
            qc: *qc,
            review: *review,
            deleted: false,
        })
    })
}

/// Blocks unpacked lately.
#[derive(Default)]
struct Seen {
    blocks: FastMap<(u32, i64), Block>,
    readings: usize,
}

impl Seen {
    fn find(
        &mut self,
        connection: &Connection,
        series: &Slot,
        slot: u32,
        time: i64,
    ) -> Result<Option<Cell>, Fault> {
        let span = series.cut.span(time);
        let offset = series.cut.offset(span, time);
        if let Some(block) = self.blocks.get(&(slot, span)) {
            return Ok(block.find(offset));
        }
        let row = BlockRow::of(connection, series.id, series.key_hash, series.cut, span)?;
        let block = row.map_or_else(Block::default, |row| row.block);
        let found = block.find(offset);
        // An empty one counts too, so that many spans without a block are bounded as well.
        self.readings += block.len() + 1;
        if self.readings > SEEN_READINGS_MAX {
            self.blocks.clear();
            self.readings = block.len() + 1;
        }
        self.blocks.insert((slot, span), block);
        Ok(found)
    }

    fn forget(&mut self, slot: u32, span: i64) {
        if let Some(block) = self.blocks.remove(&(slot, span)) {
            self.readings -= block.len() + 1;
        }
    }
}
