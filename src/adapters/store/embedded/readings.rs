//! Columns out of a snapshot: blocks, overlaid with what waits to be merged, and revisions where an earlier
//! state is asked for.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::RwLock;

use rusqlite::Connection;
use rusqlite::Transaction;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cell;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::index::Progress;
use crate::adapters::store::embedded::merge;
use crate::adapters::store::embedded::retention;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::rows::Packed;
use crate::adapters::store::embedded::rows::SeriesRow;
use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::reading::Pick;
use crate::domain::reading::Picked;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::ports::Range;
use crate::ports::ReplacedQuery;

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

/// A column in one snapshot, with what waits of it.
pub(super) struct Column<'s> {
    snapshot: &'s Connection,
    series: i64,
    key_hash: i64,
    pub(super) cut: Cut,
    spans: RangeInclusive<i64>,
    waiting: BTreeMap<i64, Vec<Cell>>,
}

/// One snapshot for column after column, as long as what waits fits it.
pub(super) struct Reader<'c> {
    connection: &'c Connection,
    waiting: &'c Waiting,
    snapshot: Option<(Transaction<'c>, Progress)>,
}

impl<'c> Reader<'c> {
    /// Without a snapshot yet.
    pub(super) fn new(connection: &'c Connection, waiting: &'c Waiting) -> Self {
        Self {
            connection,
            waiting,
            snapshot: None,
        }
    }

    /// Passes a column to `then`, unless nothing of it can lie in the range.
    pub(super) fn open<T: Default>(
        &mut self,
        key: &SeriesKey,
        range: Range,
        then: impl FnOnce(Column<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Range { after, upto, .. } = range;
        if after >= upto || range.limit == 0 {
            return Ok(T::default());
        }
        let cut = Cut::of(key.interval_s);
        // The first second asked for is the one after `after`.
        let spans = cut.span(after.plus_s(1).unix())..=cut.span(upto.unix());
        loop {
            if self.snapshot.is_none() {
                let snapshot = self.connection.unchecked_transaction()?;
                retention::remembered(&snapshot, range.known_at)?;
                let progress = rows::progress(&snapshot)?;
                self.snapshot = Some((snapshot, progress));
            }
            let (snapshot, progress) = self.snapshot.as_ref().expect("taken just now");
            let Some(series) = rows::find_series(snapshot, key)? else {
                return Ok(T::default());
            };
            // `None` means that a step of merging ended since the snapshot was taken; the next one knows of it.
            let waiting = self
                .waiting
                .of(snapshot, *progress, series, spans.clone())?;
            if let Some(waiting) = waiting {
                return then(Column {
                    snapshot,
                    series,
                    key_hash: rows::key_hash(key),
                    cut,
                    spans,
                    waiting,
                });
            }
            self.snapshot = None;
        }
    }
}

impl Column<'_> {
    /// The id of its series.
    pub(super) fn series(&self) -> i64 {
        self.series
    }

    /// Passes on span after span what is packed of it and what waits, until told to stop.
    pub(super) fn each(
        mut self,
        mut take: impl FnMut(i64, Option<&Packed<'_>>, Vec<Cell>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let select = format!(
            "SELECT {} FROM block WHERE series = ?1 AND span BETWEEN ?2 AND ?3 ORDER BY span",
            BlockRow::COLUMNS
        );
        let mut statement = self.snapshot.prepare_cached(&select)?;
        let mut rows =
            statement.query(params![self.series, self.spans.start(), self.spans.end()])?;
        while let Some(row) = rows.next()? {
            let packed = Packed::read(row, self.key_hash)?;
            let later = self.waiting.split_off(&packed.span);
            for (span, cells) in std::mem::replace(&mut self.waiting, later) {
                if !take(span, None, cells)? {
                    return Ok(());
                }
            }
            let cells = self.waiting.remove(&packed.span).unwrap_or_default();
            if !take(packed.span, Some(&packed), cells)? {
                return Ok(());
            }
        }
        for (span, cells) in self.waiting {
            if !take(span, None, cells)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// One column, now or as known at a time: of each reading, with when it was received, what `keep` makes of it.
pub(super) fn column<T>(
    connection: &Connection,
    waiting: &Waiting,
    key: &SeriesKey,
    range: Range,
    keep: impl Fn(Instant, Reading) -> T + Copy,
) -> Result<Vec<T>, Fault> {
    Reader::new(connection, waiting).open(key, range, |column| {
        let mut gather = Gather::of(&column, range, keep)?;
        column.each(|span, packed, cells| {
            gather.take(span, packed, cells)?;
            Ok(!gather.full())
        })?;
        Ok(gather.readings)
    })
}

/// Revisions, with when they were received, by the time of the reading.
type ByTime = BTreeMap<i64, (Instant, Reading)>;

/// Every revision of a stretch of time, with when it was received.
pub(super) fn revisions(
    snapshot: &Connection,
    series: i64,
    (after, upto): (i64, i64),
) -> Result<Vec<(Instant, Reading)>, Fault> {
    let select = "SELECT time, value, flag, qc, reviewed, received_at FROM revision
                  WHERE series = ?1 AND time > ?2 AND time <= ?3";
    let mut statement = snapshot.prepare_cached(select)?;
    let mut rows = statement.query([series, after, upto])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (reading, received_at) = rows::revision(row)?;
        found.push((received_at, reading));
    }
    Ok(found)
}

/// What was replaced of a source.
pub(super) fn replaced_of(
    connection: &Connection,
    query: &ReplacedQuery,
) -> Result<Vec<Replaced>, Fault> {
    let ReplacedQuery { range, pick, .. } = query;
    let snapshot = connection.unchecked_transaction()?;
    let select = "SELECT time, value, flag, qc, reviewed, received_at, replaced_at FROM revision
                  WHERE series = ?1 AND time > ?2 AND time <= ?3 ORDER BY time, id";
    let mut statement = snapshot.prepare_cached(select)?;
    let times = [range.after, range.upto].map(Instant::unix);
    let mut found = Picked::new(*pick, range.limit);
    for SeriesRow { id, key, .. } in SeriesRow::of_source(&snapshot, &query.source)? {
        let mut rows = statement.query([id, times[0], times[1]])?;
        let (mut count, mut last) = (0, None);
        while let Some(row) = rows.next()? {
            let (reading, received_at) = rows::revision(row)?;
            // Enough of the first ones of this series; a time is never left half told.
            let enough = *pick == Pick::First && count >= range.limit;
            if enough && last != Some(reading.time) {
                break;
            }
            (count, last) = (count + 1, Some(reading.time));
            found.push(Replaced {
                key: key.clone(),
                reading,
                received_at,
                replaced_at: Instant::from_unix(row.get(6)?),
            });
        }
    }
    Ok(found.into_rows())
}

/// Revisions that counted at the time asked about.
fn replaced(snapshot: &Connection, series: i64, range: Range) -> Result<ByTime, Fault> {
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
pub(super) struct Gather<T, F> {
    cut: Cut,
    range: Range,
    replaced: ByTime,
    normal: Flag,
    keep: F,
    /// What was made so far.
    pub(super) readings: Vec<T>,
}

impl<T, F: Fn(Instant, Reading) -> T> Gather<T, F> {
    /// An empty one.
    pub(super) fn of(column: &Column<'_>, range: Range, keep: F) -> Result<Self, Fault> {
        Ok(Self {
            cut: column.cut,
            range,
            replaced: replaced(column.snapshot, column.series, range)?,
            normal: Flag::normal(),
            keep,
            readings: Vec::new(),
        })
    }

    fn full(&self) -> bool {
        self.readings.len() >= self.range.limit
    }

    /// Adds what lies in the range of a span's block and of what waits to be laid over it.
    pub(super) fn take(
        &mut self,
        span: i64,
        packed: Option<&Packed<'_>>,
        cells: Vec<Cell>,
    ) -> Result<(), Fault> {
        let block = packed.map_or_else(|| Ok(Block::default()), |packed| packed.block(self.cut))?;
        self.take_block(span, &block.with(cells.into_iter()));
        Ok(())
    }

    fn take_block(&mut self, span: i64, block: &Block) {
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
                _ if cell.is_deleted() => None,
                _ => {
                    let received_at = Instant::from_unix(cell.received_at);
                    Some(keep(received_at, cell.reading(time, normal)))
                }
            }
        };
        readings.extend(wanted.filter_map(reading).take(left));
    }
}
