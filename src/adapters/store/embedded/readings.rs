//! Columns out of a snapshot: blocks, overlaid with what waits to be merged, and revisions where an earlier
//! state is asked for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::RwLock;

use rusqlite::Connection;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cell;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::index::Progress;
use crate::adapters::store::embedded::merge;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::rows::SeriesRow;
use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::ports::Range;

/// What waits to be merged, as readers see it.
pub(super) struct Waiting {
    pub(super) index: RwLock<Index>,
    /// Whether another process writes, so that the table must be followed.
    pub(super) follows: bool,
}

impl Waiting {
    /// What waits of a series in spans, for a snapshot; `None` when the snapshot is older than the index, which
    /// then lacks what was merged meanwhile.
    fn of(
        &self,
        snapshot: &Connection,
        progress: Progress,
        series: i64,
        spans: RangeInclusive<i64>,
    ) -> Result<Option<BTreeMap<i64, Vec<Cell>>>, Fault> {
        if self.follows {
            follow(&self.index, snapshot, progress)?;
        }
        let index = merge::reading(&self.index);
        if index.progress.slice > progress.slice {
            return Ok(None);
        }
        let slot = index.slot_of(series);
        Ok(Some(slot.map_or_else(BTreeMap::new, |slot| {
            index.spans(slot, spans, progress.last)
        })))
    }
}

/// Brings an index up to a snapshot of the table. An index that is ahead of the snapshot stays.
fn follow(index: &RwLock<Index>, snapshot: &Connection, progress: Progress) -> Result<(), Fault> {
    let behind = |known: Progress| known.last < progress.last || known.merged < progress.merged;
    if !behind(merge::reading(index).progress) {
        return Ok(());
    }
    let mut index = merge::writing(index);
    let known = index.progress;
    if known.last < progress.last {
        let after = known.last.max(progress.merged);
        rows::each_commit(snapshot, after, progress.last, |id, commit| {
            index.apply(id, commit, |index, series| {
                let row = SeriesRow::of(snapshot, series)?;
                let cut = Cut::of(row.key.interval_s);
                Ok::<_, Fault>(index.add(series, rows::key_hash(&row.key), cut, i64::MIN))
            })
        })?;
        index.progress.last = progress.last;
    }
    if known.merged < progress.merged {
        index.purge_all(progress.merged);
        index.progress.merged = progress.merged;
        index.progress.slice = progress.slice;
    }
    Ok(())
}

/// Every series, in key order.
pub(super) fn keys(connection: &Connection) -> Result<Vec<SeriesKey>, Fault> {
    let mut keys = Vec::new();
    SeriesRow::each(connection, |row| {
        keys.push(row.key);
        Ok(())
    })?;
    keys.sort_unstable();
    Ok(keys)
}

/// One column, now or as known at a time: of each reading, with when it was received, what `keep` makes of it.
pub(super) fn column<T>(
    connection: &Connection,
    waiting: &Waiting,
    key: &SeriesKey,
    range: Range,
    keep: impl Fn(Instant, Reading) -> T + Copy,
) -> Result<Vec<T>, Fault> {
    let Range { after, upto, .. } = range;
    if after >= upto || range.limit == 0 {
        return Ok(Vec::new());
    }
    let cut = Cut::of(key.interval_s);
    // The first second asked for is the one after `after`.
    let spans = cut.span(after.plus_s(1).unix())..=cut.span(upto.unix());
    loop {
        let snapshot = connection.unchecked_transaction()?;
        let progress = rows::progress(&snapshot)?;
        let Some(series) = rows::find_series(&snapshot, key)? else {
            return Ok(Vec::new());
        };
        // `None` means that a step of merging ended since the snapshot was taken; the next one knows of it.
        if let Some(waiting) = waiting.of(&snapshot, progress, series, spans.clone())? {
            let mut gather = Gather {
                cut,
                range,
                replaced: replaced(&snapshot, series, range)?,
                normal: Flag::normal(),
                keep,
                readings: Vec::new(),
            };
            gather.blocks(&snapshot, (series, rows::key_hash(key)), spans, waiting)?;
            return Ok(gather.readings);
        }
    }
}

/// Revisions, with when they were received, by the time of the reading.
type Replaced = BTreeMap<i64, (Instant, Reading)>;

/// Revisions that counted at the time asked about.
fn replaced(snapshot: &Connection, series: i64, range: Range) -> Result<Replaced, Fault> {
    let mut replaced = BTreeMap::new();
    let Some(known_at) = range.known_at else {
        return Ok(replaced);
    };
    let select = "SELECT time, value, flag, qc, reviewed, received_at FROM revision
                  WHERE series = ?1 AND time > ?2 AND time <= ?3 AND received_at <= ?4 AND replaced_at > ?4";
    let mut statement = snapshot.prepare_cached(select)?;
    let times = [range.after, range.upto, known_at].map(Instant::unix);
    let mut rows = statement.query(params![series, times[0], times[1], times[2]])?;
    while let Some(row) = rows.next()? {
        let (reading, received_at) = rows::revision(row)?;
        replaced.insert(reading.time.unix(), (received_at, reading));
    }
    Ok(replaced)
}

/// A column that is being put together.
struct Gather<T, F> {
    cut: Cut,
    range: Range,
    replaced: Replaced,
    normal: Flag,
    keep: F,
    readings: Vec<T>,
}

impl<T, F: Fn(Instant, Reading) -> T> Gather<T, F> {
    fn full(&self) -> bool {
        self.readings.len() >= self.range.limit
    }

    fn blocks(
        &mut self,
        snapshot: &Connection,
        (series, key_hash): (i64, i64),
        spans: RangeInclusive<i64>,
        mut waiting: BTreeMap<i64, Vec<Cell>>,
    ) -> Result<(), Fault> {
        let select = format!(
            "SELECT {} FROM block WHERE series = ?1 AND span BETWEEN ?2 AND ?3 ORDER BY span",
            BlockRow::COLUMNS
        );
        let mut statement = snapshot.prepare_cached(&select)?;
        let mut rows = statement.query(params![series, spans.start(), spans.end()])?;
        while let Some(row) = rows.next()? {
            let row = BlockRow::read(row, key_hash, self.cut)?;
            let later = waiting.split_off(&row.span);
            self.take_waiting(waiting);
            waiting = later;
            let block = match waiting.remove(&row.span) {
                Some(cells) => row.block.with(cells.into_iter()),
                None => row.block,
            };
            self.take(row.span, &block);
            if self.full() {
                return Ok(());
            }
        }
        self.take_waiting(waiting);
        Ok(())
    }

    fn take_waiting(&mut self, waiting: BTreeMap<i64, Vec<Cell>>) {
        for (span, cells) in waiting {
            self.take(span, &Block::default().with(cells.into_iter()));
        }
    }

    fn take(&mut self, span: i64, block: &Block) {
        let cut = self.cut;
        let times = block.offsets().iter().map(|offset| cut.time(span, *offset));
        let (after, upto) = (self.range.after.unix(), self.range.upto.unix());
        let wanted = (0..)
            .zip(times)
            .filter(|(_, time)| after < *time && *time <= upto);
        let left = self.range.limit - self.readings.len().min(self.range.limit);
        let known_at = self.range.known_at.map(Instant::unix);
        let Self {
            replaced,
            normal,
            keep,
            readings,
            ..
        } = self;
        let reading = |(at, time): (usize, i64)| {
            let cell = block.cell(at);
            match known_at {
                Some(known_at) if cell.received_at > known_at => {
                    let (received_at, reading) = replaced.get(&time)?.clone();
                    Some(keep(received_at, reading))
                }
                _ => {
                    let received_at = Instant::from_unix(cell.received_at);
                    Some(keep(received_at, cell.reading(time, normal)))
                }
            }
        };
        readings.extend(wanted.filter_map(reading).take(left));
    }
}
