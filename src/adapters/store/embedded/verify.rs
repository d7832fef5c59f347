//! Reads everything back and compares it with its checksums and links.

use std::collections::BTreeMap;
use std::fmt::Display;

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::append::Appender;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::chain::Chain;
use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::chain::LEDGER;
use crate::adapters::store::embedded::chain::LOOKUPS;
use crate::adapters::store::embedded::chain::PUBLICATIONS;
use crate::adapters::store::embedded::chain::REMOVALS;
use crate::adapters::store::embedded::chain::REVIEWS;
use crate::adapters::store::embedded::chain::STAMPS;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::letters;
use crate::adapters::store::embedded::presence;
use crate::adapters::store::embedded::registry;
use crate::adapters::store::embedded::retention;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::rows::SeriesRow;
use crate::domain::calendar::Instant;
use crate::ports::Verified;

const REMEDY: &str = "restore the last backup";

/// Checks pages, readings, revisions, dead letters, registry, ledger, publications, decisions of reviewers, presence
/// orders to take readings out, what was removed by age, look-ups and their stamps, in that order, up to the first fault.
/// One read transaction covers all of it, so a running writer is not mistaken for damage.
pub(super) fn verify(connection: &Connection, place: &str) -> Result<Verified, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let mut verified = Verified::default();
    let checks: [(&'static str, Check); 14] = [
        ("database pages", pages),
        ("readings", readings),
        ("revisions", revisions),
        ("dead letters", dead_letters),
        ("registry entries", registered),
        ("ledger entries", |connection| chained(&LEDGER, connection)),
        ("publications", |connection| {
            chained(&PUBLICATIONS, connection)
        }),
        ("review decisions", |connection| {
            chained(&REVIEWS, connection)
        }),
        ("presence entries", presence::check),
        ("deletions", |connection| chained(&DELETIONS, connection)),
        ("steps of removals", |connection| {
            chained(&REMOVALS, connection)
        }),
        ("removed blocks", retention::removing::check),
        ("look-ups", |connection| chained(&LOOKUPS, connection)),
        ("time stamps", |connection| chained(&STAMPS, connection)),
    ];
    for (what, check) in checks {
        let (count, fault) = match check(&transaction) {
            Ok(found) => found,
            Err(Fault::Row(fault)) => (0, Some(fault)),
            Err(Fault::Forgotten(from)) => (
                0,
                Some(format!("what counted before {} is gone", from.unix())),
            ),
            Err(Fault::Sql(error)) => (0, Some(error.to_string())),
        };
        verified.counted.push((what, count));
        if let Some(fault) = fault {
            verified.fault = Some(format!("{place}: {fault}; {REMEDY}"));
            break;
        }
    }
    Ok(verified)
}

type Check = fn(&Connection) -> Result<(u64, Option<String>), Fault>;

fn pages(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let count: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let fault = (answer != "ok").then(|| format!("database file: {answer}"));
    Ok((count.cast_unsigned(), fault))
}

/// A series with what its blocks have added up to so far.
struct Tally {
    row: SeriesRow,
    key_hash: i64,
    cut: Cut,
    readings: u64,
    checksum: i64,
    last: Option<(i64, Option<i64>)>,
}

/// Series by id.
type Tallies = BTreeMap<i64, Tally>;

impl Tally {
    fn new(row: SeriesRow) -> Self {
        let key_hash = rows::key_hash(&row.key);
        Self {
            key_hash,
            cut: Cut::of(row.key.interval_s),
            readings: 0,
            checksum: key_hash,
            last: None,
            row,
        }
    }

    fn count(&mut self, stored: &BlockRow) {
        self.readings += u64::from(stored.block.counting());
        self.checksum = self.checksum.wrapping_add(stored.checksum);
        let last = stored.block.cell(stored.block.len() - 1);
        let value = last.counting_value();
        self.last = self.last.max(Some((stored.summary.last, value)));
    }

    fn fault(&self) -> Option<String> {
        let key = &self.row.key;
        let name = format!(
            "table series, row {} ({} {} {} {})",
            self.row.id, key.source, key.factor, key.stat, key.interval_s
        );
        let expected = self.row.readings.cast_unsigned();
        if self.readings != expected {
            let found = self.readings;
            return Some(format!(
                "{name}: {found} readings in blocks where {expected} belong"
            ));
        }
        if self.checksum != self.row.checksum {
            return Some(format!("{name}: name and blocks do not match its checksum"));
        }
        let last = self.row.last_time.map(|time| (time, self.row.last_value));
        (last != self.last).then(|| format!("{name}: its last value is not that of its blocks"))
    }
}

/// Everything about series that further checks need.
struct Series {
    tallies: Tallies,
    waiting: Index,
}

impl Series {
    fn read(connection: &Connection) -> Result<Self, Fault> {
        let mut tallies = Tallies::new();
        SeriesRow::each(connection, |row| {
            tallies.insert(row.id, Tally::new(row));
            Ok(())
        })?;
        let mut waiting = Index::default();
        Appender::open(connection, &mut waiting)?;
        Ok(Self { tallies, waiting })
    }

    fn block(&self, connection: &Connection, series: i64, span: i64) -> Result<Block, Fault> {
        let missing = || Fault::Row(format!("table series: no row {series}"));
        let tally = self.tallies.get(&series).ok_or_else(missing)?;
        let row = BlockRow::of(connection, series, tally.key_hash, tally.cut, span)?;
        Ok(row.map_or_else(Block::default, |row| row.block))
    }
}

/// Blocks against their summaries, series against their blocks, then the commits that wait to be merged.
fn readings(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let mut series = Series::read(connection)?;
    let select = format!(
        "SELECT {} FROM block ORDER BY span, series",
        BlockRow::COLUMNS
    );
    let mut statement = connection.prepare(&select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (span, id): (i64, i64) = (row.get(0)?, row.get(10)?);
        let Some(tally) = series.tallies.get_mut(&id) else {
            let fault = format!("table block, span {span} of series {id}: no such series");
            return Ok((0, Some(fault)));
        };
        let stored = BlockRow::read(row, tally.key_hash, tally.cut)?;
        if stored.block.summary(tally.cut, span) != stored.summary {
            let fault = "its count, sum, extremes or times are not those of its readings";
            let fault = format!("table block, span {span} of series {id}: {fault}");
            return Ok((0, Some(fault)));
        }
        tally.count(&stored);
    }
    let fault = series.tallies.values().find_map(Tally::fault);
    let merged: u64 = series.tallies.values().map(|tally| tally.readings).sum();
    let mut waiting = 0i64;
    for (span, id, slot, _) in series.waiting.waiting() {
        let block = series.block(connection, id, span)?;
        let before = i64::from(block.counting());
        let cells = series.waiting.cells(slot, span, i64::MAX);
        waiting += i64::from(block.with(cells.into_iter()).counting()) - before;
    }
    Ok((merged.saturating_add_signed(waiting), fault))
}

/// What is wrong when a table holds fewer or more rows than were ever put there.
fn tallied(connection: &Connection, table: &str, count: u64) -> Result<Option<String>, Fault> {
    let select = "SELECT rows FROM tally WHERE what = ?1";
    let put: i64 = connection.query_row(select, [table], |row| row.get(0))?;
    let fault = || format!("table {table}: {count} rows where {put} belong");
    Ok((count != put.cast_unsigned()).then(fault))
}

/// Walks a chain, then asks whether its end is still there.
fn chained<T, E: Display>(
    chain: &Chain<T, E>,
    connection: &Connection,
) -> Result<(u64, Option<String>), Fault> {
    match chain.check(connection)? {
        (count, None) => Ok((count, tallied(connection, chain.table(), count)?)),
        broken => Ok(broken),
    }
}

fn revisions(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let series = Series::read(connection)?;
    let select =
        "SELECT time, value, flag, qc, reviewed, received_at, replaced_at, hash, id, series
                  FROM revision ORDER BY series, time";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    let mut at_hand: Option<((i64, i64), Block)> = None;
    while let Some(row) = rows.next()? {
        count += 1;
        let (reading, received_at) = rows::revision(row)?;
        let (hash, row_id, id): (i64, i64, i64) = (row.get(7)?, row.get(8)?, row.get(9)?);
        let damaged =
            |what: &str| Ok((count, Some(format!("table revision, row {row_id}: {what}"))));
        let Some(tally) = series.tallies.get(&id) else {
            return damaged("no such series");
        };
        let replaced_at = Instant::from_unix(row.get(6)?);
        if rows::revision_hash(tally.key_hash, &reading, received_at, replaced_at) != hash {
            return damaged("does not match its checksum");
        }
        let time = reading.time.unix();
        let slot = series.waiting.slot_of(id);
        if slot.is_some_and(|slot| series.waiting.find(slot, time).is_some()) {
            continue;
        }
        let place = (id, tally.cut.span(time));
        let block = match at_hand.take() {
            Some((at, block)) if at == place => block,
            _ => series.block(connection, place.0, place.1)?,
        };
        let found = block.find(tally.cut.offset(place.1, time)).is_some();
        at_hand = Some((place, block));
        if !found {
            return damaged("its reading is missing");
        }
    }
    let removed = retention::totals(connection)?.revisions;
    Ok((count, tallied(connection, "revision", count + removed)?))
}

fn dead_letters(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let (count, tries, fault) = letters::check(connection)?;
    if fault.is_some() {
        return Ok((count, fault));
    }
    let removed = retention::totals(connection)?;
    let fault = match tallied(connection, "dead_letter", count + removed.letters)? {
        None => tallied(connection, "dead_letter_try", tries + removed.tries)?,
        fault => fault,
    };
    Ok((count, fault))
}

fn registered(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let registry = registry::load(connection)?;
    Ok((registry.entries() as u64, None))
}
