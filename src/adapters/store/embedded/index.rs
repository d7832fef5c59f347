//! What the `wal` table holds, unpacked in memory, so that every commit can be read at once.
//!
//! The writer keeps it up as it commits and merges; a process that only reads follows the table. Every entry
//! knows the row it belongs to, so that a reader with a snapshot of the database takes only what its snapshot
//! knows. Entries leave when blocks hold them; [`Index::slice`] says up to which step of merging they did.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::adapters::store::embedded::block::Cell;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::wal::Commit;
use crate::adapters::store::embedded::wal::Receipt;

/// One value that waits to be merged. Small, for there are millions.
#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u32,
    stamp: u32,
    value: i64,
}

/// A row of `wal` and one of its receipts.
#[derive(Clone, Debug)]
struct Stamp {
    wal: i64,
    receipt: Receipt,
}

/// Entries of one span: in order of time, those of one time in the order they came.
#[derive(Debug)]
struct Chunk {
    span: i64,
    entries: Vec<Entry>,
}

/// A series with what waits of it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its id in table `series`.
    pub(super) id: i64,
    /// Its key's hash.
    pub(super) key_hash: i64,
    pub(super) cut: Cut,
    /// The last time that blocks hold; nothing after it needs to be looked up there.
    pub(super) merged_upto: i64,
    chunks: Vec<Chunk>,
}

impl Slot {
    fn chunk(&self, span: i64) -> Result<usize, usize> {
        match self.chunks.last() {
            Some(last) if last.span == span => Ok(self.chunks.len() - 1),
            Some(last) if last.span > span => {
                self.chunks.binary_search_by_key(&span, |chunk| chunk.span)
            }
            _ => Err(self.chunks.len()),
        }
    }
}

/// What the merging of a store has reached, as its one row in table `merge` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Last row ever put into `wal`.
    pub(super) last: i64,
    /// Last row whose content is all in blocks.
    pub(super) merged: i64,
    /// Steps of merging done.
    pub(super) slice: i64,
}

/// Everything that waits to be merged, by series and span.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Vec<Slot>,
    by_id: HashMap<i64, u32, foldhash::fast::RandomState>,
    stamps: Vec<Stamp>,
    values: usize,
    pub(super) progress: Progress,
}

impl Index {
    /// Values that wait.
    pub(super) fn values(&self) -> usize {
        self.values
    }

    /// When the first of what waits was received.
    pub(super) fn waits_since(&self) -> Option<i64> {
        self.stamps.first().map(|stamp| stamp.receipt.received_at)
    }

    /// The place of a series.
    pub(super) fn slot_of(&self, id: i64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// The series at a place.
    pub(super) fn slot(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    /// Takes a series up.
    pub(super) fn add(&mut self, id: i64, key_hash: i64, cut: Cut, merged_upto: i64) -> u32 {
        let slot = u32::try_from(self.slots.len()).expect("fewer series than 32 bits count");
        self.slots.push(Slot {
            id,
            key_hash,
            cut,
            merged_upto,
            chunks: Vec::new(),
        });
        self.by_id.insert(id, slot);
        slot
    }

    /// Notes that blocks hold a series up to a time.
    pub(super) fn merged_upto(&mut self, slot: u32, time: i64) {
        let slot = &mut self.slots[slot as usize];
        slot.merged_upto = slot.merged_upto.max(time);
    }

    /// Takes up a receipt of a row; its number for [`Self::set`].
    pub(super) fn stamp(&mut self, wal: i64, receipt: Receipt) -> u32 {
        self.stamps.push(Stamp { wal, receipt });
        u32::try_from(self.stamps.len() - 1).expect("fewer receipts than 32 bits count")
    }

    /// Sets a value; what was set before at its time stays until merged, but no longer counts.
    pub(super) fn set(&mut self, slot: u32, time: i64, value: i64, stamp: u32) {
        let slot = &mut self.slots[slot as usize];
        let span = slot.cut.span(time);
        let at = slot.chunk(span).unwrap_or_else(|at| {
            let entries = Vec::new();
            slot.chunks.insert(at, Chunk { span, entries });
            at
        });
        let entry = Entry {
            offset: slot.cut.offset(span, time),
            stamp,
            value,
        };
        let entries = &mut slot.chunks[at].entries;
        match entries.last() {
            Some(last) if last.offset > entry.offset => {
                let at = entries.partition_point(|before| before.offset <= entry.offset);
                entries.insert(at, entry);
            }
            _ => entries.push(entry),
        }
        self.values += 1;
    }

    /// Takes up a row of `wal`; `slot` finds the series of an id.
    pub(super) fn apply<E>(
        &mut self,
        wal: i64,
        commit: Commit,
        mut slot: impl FnMut(&mut Self, i64) -> Result<u32, E>,
    ) -> Result<(), E> {
        let first = self.stamps.len();
        for receipt in commit.receipts {
            self.stamp(wal, receipt);
        }
        for change in &commit.changes {
            let at = match self.slot_of(change.series) {
                Some(at) => at,
                None => slot(self, change.series)?,
            };
            let stamp = u32::try_from(first).expect("counted above") + change.receipt;
            self.set(at, change.time, change.value, stamp);
        }
        self.progress.last = wal;
        Ok(())
    }

    fn cell(&self, entry: &Entry) -> Cell {
        let receipt = &self.stamps[entry.stamp as usize].receipt;
        Cell {
            offset: entry.offset,
            value: entry.value,
            received_at: receipt.received_at,
            remark: receipt.remark.clone(),
        }
    }

    fn wal(&self, entry: &Entry) -> i64 {
        self.stamps[entry.stamp as usize].wal
    }

    /// What counts at a time, if it waits here.
    pub(super) fn find(&self, slot: u32, time: i64) -> Option<Cell> {
        let slot = self.slot(slot);
        let span = slot.cut.span(time);
        let entries = &slot.chunks[slot.chunk(span).ok()?].entries;
        let offset = slot.cut.offset(span, time);
        if entries.last()?.offset < offset {
            return None;
        }
        let end = entries.partition_point(|entry| entry.offset <= offset);
        let found = &entries[end.checked_sub(1)?];
        (found.offset == offset).then(|| self.cell(found))
    }

    /// What waits of a span, of rows up to one: in order of time, the one that counts last.
    pub(super) fn cells(&self, slot: u32, span: i64, through: i64) -> Vec<Cell> {
        let slot = self.slot(slot);
        let Ok(at) = slot.chunk(span) else {
            return Vec::new();
        };
        let known = |entry: &&Entry| self.wal(entry) <= through;
        let entries = slot.chunks[at].entries.iter().filter(known);
        entries.map(|entry| self.cell(entry)).collect()
    }

    /// What waits of a series in spans, as [`Self::cells`] of each.
    pub(super) fn spans(
        &self,
        slot: u32,
        spans: std::ops::RangeInclusive<i64>,
        through: i64,
    ) -> BTreeMap<i64, Vec<Cell>> {
        let chunks = self.slot(slot).chunks.iter().map(|chunk| chunk.span);
        let wanted = chunks.filter(|span| spans.contains(span));
        wanted
            .map(|span| (span, self.cells(slot, span, through)))
            .filter(|(_, cells)| !cells.is_empty())
            .collect()
    }

    /// Every span that waits, as `(span, series id, slot, entries)`.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (i64, i64, u32, usize)> {
        (0u32..).zip(&self.slots).flat_map(|(at, slot)| {
            let chunks = slot.chunks.iter();
            chunks.map(move |chunk| (chunk.span, slot.id, at, chunk.entries.len()))
        })
    }

    /// Drops what blocks hold now: a span's entries of rows up to one.
    pub(super) fn purge(&mut self, slot: u32, span: i64, through: i64) {
        let stamps = &self.stamps;
        let slot = &mut self.slots[slot as usize];
        let Ok(at) = slot.chunk(span) else {
            return;
        };
        let entries = &mut slot.chunks[at].entries;
        let before = entries.len();
        entries.retain(|entry| stamps[entry.stamp as usize].wal > through);
        self.values -= before - entries.len();
        if entries.is_empty() {
            slot.chunks.remove(at);
        } else {
            entries.shrink_to_fit();
        }
    }

    /// Drops what is known of rows up to one, whose entries have all left.
    pub(super) fn forget(&mut self, through: i64) {
        let gone = self.stamps.partition_point(|stamp| stamp.wal <= through);
        self.stamps.drain(..gone);
        self.stamps.shrink_to(self.stamps.len() * 2);
        let gone = u32::try_from(gone).expect("counted in 32 bits");
        let chunks = self.slots.iter_mut().flat_map(|slot| &mut slot.chunks);
        for entry in chunks.flat_map(|chunk| &mut chunk.entries) {
            entry.stamp -= gone;
        }
    }

    /// Drops all entries of rows up to one, wherever they are.
    pub(super) fn purge_all(&mut self, through: i64) {
        let waiting: Vec<_> = self.waiting().collect();
        for (span, _, slot, _) in waiting {
            self.purge(slot, span, through);
        }
        self.forget(through);
    }
}
