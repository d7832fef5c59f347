//! Removal by age: what may go is looked for beside the writer, column by column; the writer takes it out in short
//! steps (module `removing`), and every step leaves a row of what it removed. Of readings whole blocks go, never a part of
//! one.

pub(super) mod removing;

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::params;

use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::chain::REMOVALS;
use crate::adapters::store::embedded::readings;
use crate::adapters::store::embedded::readings::Reader;
use crate::adapters::store::embedded::readings::Waiting;
use crate::adapters::store::embedded::registry;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::Packed;
use crate::adapters::store::embedded::rows::SeriesRow;
use crate::adapters::store::embedded::writer::Task;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Flag;
use crate::domain::names::SourceId;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::retention;
use crate::domain::retention::Gone;
use crate::domain::retention::Kind;
use crate::domain::retention::Policy;
use crate::domain::retention::Removal;
use crate::domain::retention::Stays;
use crate::domain::review::Decision;
use crate::ports::Range;
use crate::ports::StoreError;

/// Blocks or rows that one step takes out at most, so that no commit waits long for it.
pub const STEP_MAX: usize = 128;
/// The mark that keeps from when on it is known what counted at a time.
const KNOWN_FROM: &str = "retention.known_from";

/// A column that a policy is about.
#[derive(Clone, Debug)]
pub struct Concerned {
    /// Its key.
    pub key: SeriesKey,
    /// What its readings are.
    pub kind: Kind,
}

/// What a block was judged by beside itself: when any of it has changed, it stays until it is judged anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Reviewers' decisions that were known.
    decisions: i64,
    /// Orders to take readings out.
    orders: i64,
    /// The series that holds its hours, and its checksum.
    hourly: Option<(i64, i64)>,
}

/// One thing that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doomed {
    /// A block, as it was when looked at.
    Block {
        /// Id of its series.
        series: i64,
        /// Its span.
        span: i64,
        /// Its checksum.
        checksum: i64,
        /// Readings in it.
        readings: u64,
        /// What it was judged by.
        basis: Basis,
    },
    /// A replaced value, by id.
    Revision(i64),
    /// A message, by id.
    Letter(i64),
}

/// What was found of a column.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What may go.
    pub doomed: Vec<Doomed>,
    /// Readings that are old enough and stay, by reason.
    pub stays: Vec<(Stays, u64)>,
}

/// Something to take out, and what the row about it says.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, what kind, under which policy; counts of nothing.
    pub removal: Removal,
    /// At most [`STEP_MAX`] of one kind.
    pub doomed: Vec<Doomed>,
}

impl Embedded {
    /// The columns that a policy is about.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn concerned(&self, policy: Policy) -> Result<Vec<Concerned>, StoreError> {
        let keys = self.read(readings::keys).await?;
        let concerned = keys.into_iter().filter_map(|key| {
            let kind = retention::kind_of(&key)?;
            policy.days(kind).map(|_| Concerned { key, kind })
        });
        Ok(concerned.collect())
    }

    /// Blocks of a column that end by `upto`: those that may go, and why the others stay. `decisions` are those about its
    /// source, with how many there are of all.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn old_blocks(
        &self,
        concerned: &Concerned,
        (upto, zone): (Instant, Zone),
        (decisions, known): (Vec<Decision>, usize),
    ) -> Result<Found, StoreError> {
        let waiting = Arc::clone(&self.readers.waiting);
        let key = concerned.key.clone();
        let look = move |connection: &Connection| {
            let known = i64::try_from(known).unwrap_or(i64::MAX);
            old_blocks(
                connection,
                &waiting,
                &key,
                (upto, zone),
                (&decisions, known),
            )
        };
        self.read(look).await
    }

    /// Replaced values that had been replaced by `upto`, behind an id; at most [`STEP_MAX`] are looked at. What an order
    /// took out of the readings stays. Also the last id looked at; `None` at the end.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn old_revisions(
        &self,
        upto: Instant,
        after: i64,
    ) -> Result<(Vec<Doomed>, Option<i64>), StoreError> {
        self.read(move |connection| old_revisions(connection, upto, after))
            .await
    }

    /// Messages received by `upto`, behind an id, but for those in quarantine and the newest; as
    /// [`Self::old_revisions`].
    ///
    /// # Errors
    /// Those of the store.
    pub async fn old_letters(
        &self,
        upto: Instant,
        after: i64,
    ) -> Result<(Vec<Doomed>, Option<i64>), StoreError> {
        self.read(move |connection| old_letters(connection, upto, after))
            .await
    }

    /// Takes out what is still as it was found; what that came to.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn remove(&self, step: Step) -> Result<Removal, StoreError> {
        self.submit(|answer| Task::Remove { step, answer }).await
    }

    /// Every removal, its steps together, in order.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn removals(&self) -> Result<Vec<Removal>, StoreError> {
        let steps = self.read(|connection| REMOVALS.all(connection)).await?;
        let mut removals: Vec<Removal> = Vec::new();
        for step in steps {
            let known = removals.iter_mut().find(|known| known.continues(&step));
            match known {
                Some(known) => known.add(&step),
                None => removals.push(step),
            }
        }
        Ok(removals)
    }
}

fn old_blocks(
    connection: &Connection,
    waiting: &Waiting,
    key: &SeriesKey,
    (upto, zone): (Instant, Zone),
    (decisions, known): (&[Decision], i64),
) -> Result<Found, Fault> {
    let cut = Cut::of(key.interval_s);
    let range = Range {
        upto: Instant::from_unix(cut.last_end(upto.unix())),
        ..Range::ALL
    };
    let hourly = match retention::hours_of(key) {
        Some(hourly) => rows::find_series(connection, &hourly)?,
        None => None,
    };
    let basis = Basis {
        decisions: known,
        orders: DELETIONS.last(connection)?,
        hourly: match hourly {
            Some(id) => Some((id, SeriesRow::of(connection, id)?.checksum)),
            None => None,
        },
    };
    let look = Look {
        connection,
        cut,
        zone,
        hours: hours(connection, waiting, key, (range, zone))?,
        newest: newest_span(connection, key)?,
        decisions,
        normal: Flag::normal(),
    };
    Reader::new(connection, waiting).open(key, range, |column| {
        let (series, mut found) = (column.series(), Found::default());
        column.each(|span, packed, cells| {
            let Some(packed) = packed else {
                return Ok(true);
            };
            let readings = u64::from(packed.summary.n);
            let stays = if cells.is_empty() {
                look.stays((series, span), packed)?
            } else {
                Some(Stays::Waiting)
            };
            match stays {
                Some(stays) => found.stays.push((stays, readings)),
                None => found.doomed.push(Doomed::Block {
                    series,
                    span,
                    checksum: packed.checksum,
                    readings,
                    basis,
                }),
            }
            Ok(true)
        })?;
        Ok(found)
    })
}

/// Hours by their end, with when they were received.
type Hours = BTreeMap<Instant, Instant>;

/// The hours that an hourly column holds in place of a finer one; `None` for a column that makes none.
fn hours(
    connection: &Connection,
    waiting: &Waiting,
    key: &SeriesKey,
    (range, zone): (Range, Zone),
) -> Result<Option<Hours>, Fault> {
    let Some(hourly) = retention::hours_of(key) else {
        return Ok(None);
    };
    let whole = Range {
        upto: range.upto.plus_s(HOUR_S),
        ..range
    };
    let pair = |at: Instant, reading: Reading| (at, reading);
    let hourly = readings::column(connection, waiting, &hourly, whole, pair)?;
    Ok(Some(retention::hours(zone, &hourly)))
}

/// What is asked of each block of a column.
struct Look<'d> {
    connection: &'d Connection,
    cut: Cut,
    zone: Zone,
    hours: Option<Hours>,
    newest: Option<i64>,
    /// Those about the column's source.
    decisions: &'d [Decision],
    normal: Flag,
}

impl Look<'_> {
    /// Why a block stays; `None`: it may go.
    fn stays(
        &self,
        (series, span): (i64, i64),
        packed: &Packed<'_>,
    ) -> Result<Option<Stays>, Fault> {
        let cut = self.cut;
        let (from, to) = (cut.time(span, 0), cut.time(span, cut.readings_max()));
        let decided = |own: &Decision| own.after.unix() < to && from < own.upto.unix();
        if self.newest == Some(span) {
            return Ok(Some(Stays::Newest));
        }
        if self.decisions.iter().any(decided) {
            return Ok(Some(Stays::Reviewed));
        }
        // Without a single hour there is no need to unpack what has values.
        let no_hour = self.hours.as_ref().is_some_and(BTreeMap::is_empty);
        if no_hour && packed.summary.sum.is_some() {
            return Ok(Some(Stays::Hours));
        }
        let block = packed.block(cut)?;
        if block.counting() < packed.summary.n {
            return Ok(Some(Stays::Deleted));
        }
        let mut finer = as_received(&block, (cut, span), &self.normal);
        finer.extend(readings::revisions(self.connection, series, (from, to))?);
        let without = |hours| retention::do_without(self.zone, hours, &finer);
        let without = self.hours.as_ref().is_none_or(without);
        Ok((!without).then_some(Stays::Hours))
    }
}

/// The last block's span.
fn newest_span(connection: &Connection, key: &SeriesKey) -> Result<Option<i64>, Fault> {
    let Some(series) = rows::find_series(connection, key)? else {
        return Ok(None);
    };
    let select = "SELECT max(span) FROM block WHERE series = ?1";
    Ok(connection
        .prepare_cached(select)?
        .query_row([series], |row| row.get(0))?)
}

fn as_received(block: &Block, (cut, span): (Cut, i64), normal: &Flag) -> Vec<(Instant, Reading)> {
    let cells = (0..block.len()).map(|at| block.cell(at));
    cells
        .map(|cell| {
            let reading = cell.reading(cut.time(span, cell.offset), normal);
            (Instant::from_unix(cell.received_at), reading)
        })
        .collect()
}

fn old_revisions(
    connection: &Connection,
    upto: Instant,
    after: i64,
) -> Result<(Vec<Doomed>, Option<i64>), Fault> {
    let orders = DELETIONS.all(connection)?;
    let select = "SELECT id, series, time FROM revision WHERE replaced_at <= ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![upto.unix(), after, STEP_MAX as i64])?;
    let (mut doomed, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let (id, series): (i64, i64) = (row.get(0)?, row.get(1)?);
        let time = Instant::from_unix(row.get(2)?);
        last = Some(id);
        if !orders.is_empty() {
            let key = SeriesRow::of(connection, series)?.key;
            if orders
                .iter()
                .any(|order| order.concerns(&key) && order.covers(time))
            {
                continue;
            }
        }
        doomed.push(Doomed::Revision(id));
    }
    Ok((doomed, last))
}

fn old_letters(
    connection: &Connection,
    upto: Instant,
    after: i64,
) -> Result<(Vec<Doomed>, Option<i64>), Fault> {
    // The newest stays, so that no number is given twice.
    let select =
        "SELECT id FROM dead_letter WHERE received_at <= ?1 AND id > ?2 AND state <> 'quarantined'
                  AND id < (SELECT max(id) FROM dead_letter) ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(select)?;
    let ids = statement.query_map(params![upto.unix(), after, STEP_MAX as i64], |row| {
        row.get(0)
    })?;
    let ids = ids.collect::<Result<Vec<i64>, _>>()?;
    let last = ids.last().copied();
    Ok((ids.into_iter().map(Doomed::Letter).collect(), last))
}

/// From when on it is known what counted at a time; `None`: always.
pub(super) fn known_from(connection: &Connection) -> Result<Option<Instant>, Fault> {
    let Some(text) = registry::mark(connection, KNOWN_FROM)? else {
        return Ok(None);
    };
    let parsed = text.parse().map(Instant::from_unix);
    parsed
        .map(Some)
        .map_err(|_| Fault::Row(format!("table mark, {KNOWN_FROM}: {text:?} is no time")))
}

/// Refuses a question about a time of which it is no longer known what counted.
pub(super) fn remembered(connection: &Connection, known_at: Option<Instant>) -> Result<(), Fault> {
    let Some(known_at) = known_at else {
        return Ok(());
    };
    match known_from(connection)? {
        Some(from) if known_at < from => Err(Fault::Forgotten(from)),
        _ => Ok(()),
    }
}

/// Stretches of a source whose readings were removed, by interval and time.
pub(super) fn gone(connection: &Connection, source: &SourceId) -> Result<Vec<Gone>, Fault> {
    let select =
        "SELECT DISTINCT interval_s, span FROM removed JOIN series ON series.id = removed.series
                  WHERE source = ?1 ORDER BY interval_s, span";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([source.as_str()])?;
    let mut gone: Vec<Gone> = Vec::new();
    while let Some(row) = rows.next()? {
        let (interval_s, span): (u32, i64) = (row.get(0)?, row.get(1)?);
        let cut = Cut::of(interval_s);
        let next = Gone {
            after: Instant::from_unix(cut.time(span, 0)),
            upto: Instant::from_unix(cut.time(span, cut.readings_max())),
            interval_s,
        };
        match gone.last_mut() {
            Some(last) if last.interval_s == interval_s && last.upto == next.after => {
                last.upto = next.upto
            }
            _ => gone.push(next),
        }
    }
    Ok(gone)
}

/// What removals took out in all: readings, revisions, letters, tries.
pub(super) fn totals(connection: &Connection) -> Result<Removal, Fault> {
    let origin = Instant::from_unix(0);
    let mut total = Removal::none(origin, Kind::Fine, 0, origin);
    REMOVALS
        .all(connection)?
        .iter()
        .for_each(|step| total.add(step));
    Ok(total)
}
