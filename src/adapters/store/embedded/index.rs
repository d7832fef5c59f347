//! What the `wal` table holds, unpacked in memory, so that every commit can be read at once.
//!
//! The writer keeps it up as it commits and merges; a process that only reads follows the table. Every entry
//! knows the row it belongs to, so that a reader with a snapshot of the database takes only what its snapshot
//! knows. Entries leave when blocks hold them; [`Index::slice`] says up to which step of merging they did.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc;

use crate::adapters::store::embedded::block::Cell;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::wal::Change;
use crate::adapters::store::embedded::wal::Commit;
use crate::adapters::store::embedded::wal::Receipt;

/// Rows that are read ahead of those that take them up.
const ROWS_AHEAD: usize = 4;
/// As how many values a receipt counts: it takes 24 bytes, and some 80 more where something is said of its values.
const RECEIPT_VALUES: usize = 4;
/// Room for entries that a series keeps for its next ones.
const ENTRIES_KEPT: usize = 16;

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
    /// The last time that is known at all, in blocks or waiting; nothing after it needs to be looked up.
    pub(super) last: i64,
    /// The span that values come to now, perhaps empty. It stands here so that the next value finds its place
    /// without a look at other memory.
    newest: Chunk,
    /// Spans before it, in order, none empty.
    older: Vec<Chunk>,
}

impl Slot {
    /// What waits of a span.
    fn entries(&self, span: i64) -> &[Entry] {
        if span == self.newest.span {
            return &self.newest.entries;
        }
        let found = self.older.binary_search_by_key(&span, |chunk| chunk.span);
        found.map_or(&[], |at| &self.older[at].entries)
    }

    /// Where an entry of a span belongs.
    fn place(&mut self, span: i64) -> &mut Vec<Entry> {
        if span > self.newest.span {
            let next = Chunk {
                span,
                entries: Vec::new(),
            };
            let before = std::mem::replace(&mut self.newest, next);
            if !before.entries.is_empty() {
                self.older.push(before);
            }
        }
        if span == self.newest.span {
            return &mut self.newest.entries;
        }
        let found = self.older.binary_search_by_key(&span, |chunk| chunk.span);
        let at = found.unwrap_or_else(|at| {
            let entries = Vec::new();
            self.older.insert(at, Chunk { span, entries });
            at
        });
        &mut self.older[at].entries
    }

    fn set(&mut self, time: i64, value: i64, stamp: u32) {
        let (cut, in_order) = (self.cut, time > self.last);
        self.last = self.last.max(time);
        let (offset, entries) = match cut.within(self.newest.span, time) {
            Some(offset) => (offset, &mut self.newest.entries),
            None => {
                let span = cut.span(time);
                (cut.offset(span, time), self.place(span))
            }
        };
        let entry = Entry {
            offset,
            stamp,
            value,
        };
        if in_order {
            entries.push(entry);
        } else {
            let at = entries.partition_point(|before| before.offset <= offset);
            entries.insert(at, entry);
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        let newest = std::iter::once(&self.newest);
        let newest = newest.filter(|chunk| !chunk.entries.is_empty());
        self.older.iter().chain(newest)
    }

    fn chunks_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.older
            .iter_mut()
            .chain(std::iter::once(&mut self.newest))
    }
}

/// A row's number, the number of its first stamp, and what it set.
type Changes = Arc<(i64, u32, Vec<Change>)>;

/// A share of the series, to be filled on a thread of its own.
struct Part<'a> {
    slots: &'a mut [Slot],
    /// Ids from this one on are of this share,
    from: i64,
    /// up to before this one.
    end: Option<i64>,
}

impl Part<'_> {
    fn take_up<E>(
        self,
        rows: &mpsc::Receiver<Changes>,
        unknown: &impl Fn(i64, i64) -> E,
    ) -> Result<(), E> {
        let mut at = 0;
        for row in rows {
            let (wal, stamp, changes) = &*row;
            let own = |id: i64| id >= self.from && self.end.is_none_or(|end| id < end);
            for change in changes.iter().filter(|change| own(change.series)) {
                // Senders say the same things in the same order, so it is mostly the next series.
                at += 1;
                if self
                    .slots
                    .get(at)
                    .is_none_or(|slot| slot.id != change.series)
                {
                    let found = self
                        .slots
                        .binary_search_by_key(&change.series, |slot| slot.id);
                    at = found.map_err(|_| unknown(*wal, change.series))?;
                }
                let stamp = stamp.wrapping_add(change.receipt);
                self.slots[at].set(change.time, change.value, stamp);
            }
        }
        Ok(())
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

fn stamped<'a>(stamps: &'a VecDeque<Stamp>, first: u32, entry: &Entry) -> &'a Stamp {
    &stamps[entry.stamp.wrapping_sub(first) as usize]
}

/// Everything that waits to be merged, by series and span.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Vec<Slot>,
    by_id: HashMap<i64, u32, foldhash::fast::RandomState>,
    stamps: VecDeque<Stamp>,
    /// Number of the first of them; numbers wrap.
    first_stamp: u32,
    values: usize,
    pub(super) progress: Progress,
}

impl Index {
    /// Values that wait.
    pub(super) fn values(&self) -> usize {
        self.values
    }

    /// What waits by the memory it takes, in values: one that comes alone brings a receipt of its own.
    pub(super) fn load(&self) -> usize {
        match self.values {
            0 => 0,
            values => values + RECEIPT_VALUES * self.stamps.len(),
        }
    }

    /// When the first of what waits was received.
    pub(super) fn waits_since(&self) -> Option<i64> {
        self.stamps.front().map(|stamp| stamp.receipt.received_at)
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
            last: merged_upto,
            newest: Chunk {
                span: cut.span(merged_upto),
                entries: Vec::new(),
            },
            older: Vec::new(),
        });
        self.by_id.insert(id, slot);
        slot
    }

    /// Notes that blocks hold a series up to a time.
    pub(super) fn merged_upto(&mut self, slot: u32, time: i64) {
        let slot = &mut self.slots[slot as usize];
        slot.merged_upto = slot.merged_upto.max(time);
        slot.last = slot.last.max(time);
    }

    /// Takes up a receipt of a row; its number for [`Self::set`].
    pub(super) fn stamp(&mut self, wal: i64, receipt: Receipt) -> u32 {
        let count = u32::try_from(self.stamps.len()).expect("fewer receipts than 32 bits count");
        self.stamps.push_back(Stamp { wal, receipt });
        self.first_stamp.wrapping_add(count)
    }

    fn stamped(&self, entry: &Entry) -> &Stamp {
        stamped(&self.stamps, self.first_stamp, entry)
    }

    /// Sets a value; what was set before at its time stays until merged, but no longer counts.
    pub(super) fn set(&mut self, slot: u32, time: i64, value: i64, stamp: u32) {
        self.values += 1;
        self.slots[slot as usize].set(time, value, stamp);
    }

    /// Takes up many rows of `wal`, which `rows` passes on in order, on as many threads as are asked for: each has a
    /// share of the series. The series must be there already, in order of id.
    ///
    /// # Errors
    /// What `rows` says; what `unknown` makes of a row and an id that no series has.
    pub(super) fn replay<E: Send>(
        &mut self,
        threads: usize,
        unknown: impl Fn(i64, i64) -> E + Sync,
        rows: impl FnOnce(&mut dyn FnMut(i64, Commit) -> Result<(), E>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self {
            slots,
            stamps,
            first_stamp,
            values,
            ..
        } = self;
        let share = slots.len().div_ceil(threads.max(1)).max(1);
        let mut shares: Vec<&mut [Slot]> = slots.chunks_mut(share).collect();
        if shares.is_empty() {
            shares.push(&mut []);
        }
        let ends: Vec<i64> = shares.iter().skip(1).map(|slots| slots[0].id).collect();
        std::thread::scope(|scope| {
            let unknown = &unknown;
            let mut from = i64::MIN;
            let ends = ends.into_iter().map(Some).chain([None]);
            let parts: Vec<_> = shares
                .into_iter()
                .zip(ends)
                .map(|(slots, end)| {
                    let part = Part { slots, from, end };
                    from = end.unwrap_or_default();
                    let (give, take) = mpsc::sync_channel(ROWS_AHEAD);
                    (give, scope.spawn(move || part.take_up(&take, unknown)))
                })
                .collect();
            let read = rows(&mut |wal, commit| {
                let stamp = first_stamp.wrapping_add(stamps.len() as u32);
                *values += commit.changes.len();
                let receipts = commit.receipts.into_iter();
                stamps.extend(receipts.map(|receipt| Stamp { wal, receipt }));
                let changes = Arc::new((wal, stamp, commit.changes));
                for (give, _) in &parts {
                    // A part that has failed takes no more; it is asked why below.
                    drop(give.send(Arc::clone(&changes)));
                }
                Ok(())
            });
            for (give, part) in parts {
                drop(give);
                part.join().expect("taking up a row does not panic")?;
            }
            read
        })
    }

    /// Takes up a row of `wal`; `slot` finds the series of an id.
    pub(super) fn apply<E>(
        &mut self,
        wal: i64,
        commit: Commit,
        mut slot: impl FnMut(&mut Self, i64) -> Result<u32, E>,
    ) -> Result<(), E> {
        let stamps: Vec<u32> = commit
            .receipts
            .into_iter()
            .map(|receipt| self.stamp(wal, receipt))
            .collect();
        for change in &commit.changes {
            let at = match self.slot_of(change.series) {
                Some(at) => at,
                None => slot(self, change.series)?,
            };
            let stamp = stamps[change.receipt as usize];
            self.set(at, change.time, change.value, stamp);
        }
        self.progress.last = wal;
        Ok(())
    }

    fn cell(&self, entry: &Entry) -> Cell {
        let receipt = &self.stamped(entry).receipt;
        Cell {
            offset: entry.offset,
            value: entry.value,
            received_at: receipt.received_at,
            remark: receipt.remark.clone(),
        }
    }

    fn wal(&self, entry: &Entry) -> i64 {
        self.stamped(entry).wal
    }

    /// What counts at a time, if it waits here.
    pub(super) fn find(&self, slot: u32, time: i64) -> Option<Cell> {
        let slot = self.slot(slot);
        let span = slot.cut.span(time);
        let entries = slot.entries(span);
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
        let known = |entry: &&Entry| self.wal(entry) <= through;
        let entries = slot.entries(span).iter().filter(known);
        entries.map(|entry| self.cell(entry)).collect()
    }

    /// What waits of a series in spans, as [`Self::cells`] of each.
    pub(super) fn spans(
        &self,
        slot: u32,
        spans: std::ops::RangeInclusive<i64>,
        through: i64,
    ) -> BTreeMap<i64, Vec<Cell>> {
        let chunks = self.slot(slot).chunks().map(|chunk| chunk.span);
        let wanted = chunks.filter(|span| spans.contains(span));
        wanted
            .map(|span| (span, self.cells(slot, span, through)))
            .filter(|(_, cells)| !cells.is_empty())
            .collect()
    }

    /// Every span that waits, as `(span, series id, slot, entries)`.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (i64, i64, u32, usize)> {
        (0u32..).zip(&self.slots).flat_map(|(at, slot)| {
            let chunks = slot.chunks();
            chunks.map(move |chunk| (chunk.span, slot.id, at, chunk.entries.len()))
        })
    }

    /// Drops what blocks hold now: a span's entries of rows up to one.
    pub(super) fn purge(&mut self, slot: u32, span: i64, through: i64) {
        let (stamps, first) = (&self.stamps, self.first_stamp);
        let slot = &mut self.slots[slot as usize];
        let mut chunks = slot.chunks_mut();
        let Some(Chunk { entries, .. }) = chunks.find(|chunk| chunk.span == span) else {
            return;
        };
        let before = entries.len();
        entries.retain(|entry| stamped(stamps, first, entry).wal > through);
        self.values -= before - entries.len();
        entries.shrink_to(entries.len().max(ENTRIES_KEPT));
        drop(chunks);
        slot.older.retain(|chunk| !chunk.entries.is_empty());
    }

    /// Drops what is known of rows up to one, whose entries have all left.
    pub(super) fn forget(&mut self, through: i64) {
        let gone = self.stamps.partition_point(|stamp| stamp.wal <= through);
        self.stamps.drain(..gone);
        self.stamps.shrink_to(self.stamps.len() * 2);
        let gone = u32::try_from(gone).expect("counted in 32 bits");
        self.first_stamp = self.first_stamp.wrapping_add(gone);
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
