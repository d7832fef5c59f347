//! Taking readings out by order: what was stored becomes a revision, and a mark stands where it was, so that the
//! same value sent once more is known for what it is.

use std::sync::Arc;

use rusqlite::Connection;

use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::append::Appender;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Cell;
use crate::adapters::store::embedded::bytes::Remark;
use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::index::Index;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::wal::Receipt;
use crate::adapters::store::embedded::writer::Task;
use crate::domain::calendar::Instant;
use crate::domain::deletion::Deletion;
use crate::domain::names::SourceId;
use crate::ports::Answer;
use crate::ports::DELETED_MAX;
use crate::ports::Deleted;

impl Embedded {
    /// Keeps an order to take out readings that another store holds; its number, counted from 1.
    ///
    /// # Errors
    /// Those of a write.
    pub fn keep_order(&self, order: Deletion) -> Answer<'_, u64> {
        Box::pin(self.submit(|answer| Task::Order { order, answer }))
    }
}

/// Carries an order out within the commit under way.
///
/// # Errors
/// Those of the database; then the commit is lost, and the index with it.
pub(super) fn delete(
    connection: &Connection,
    (appender, index): (&mut Appender, &mut Index),
    order: &Deletion,
) -> Result<Deleted, Fault> {
    let mut found = Vec::new();
    let series = appender.series_where(|key| order.concerns(key));
    for (_, slot) in &series {
        meant(connection, index, *slot, order, &mut found)?;
        if found.len() > DELETED_MAX {
            return Ok(Deleted::TooMany);
        }
    }
    if found.is_empty() {
        return Ok(Deleted::Nothing);
    }
    let mut touched: Vec<(SourceId, Instant)> = Vec::new();
    for (slot, time, cell) in &found {
        take_out(
            connection,
            (&mut *appender, &mut *index),
            *slot,
            (*time, cell),
            order,
        )?;
        touched.push((order.source.clone(), Instant::from_unix(*time)));
    }
    touched.sort_unstable();
    touched.dedup();
    let number = DELETIONS.append(connection, std::slice::from_ref(order))?;
    Ok(Deleted::Done {
        number,
        readings: found.len() as u64,
        touched,
    })
}

/// Adds what an order means of a series: slot, time and what stands there.
fn meant(
    connection: &Connection,
    index: &Index,
    slot: u32,
    order: &Deletion,
    found: &mut Vec<(u32, i64, Cell)>,
) -> Result<(), Fault> {
    let series = index.slot(slot);
    let (id, key_hash, cut) = (series.id, series.key_hash, series.cut);
    // The first second meant is the one after `after`.
    let spans = cut.span(order.after.plus_s(1).unix())..=cut.span(order.upto.unix());
    let mut waiting = index.spans(slot, spans.clone(), i64::MAX);
    for span in rows::spans(connection, id, spans)? {
        waiting.entry(span).or_default();
    }
    for (span, cells) in waiting {
        let stored = BlockRow::of(connection, id, key_hash, cut, span)?;
        let block = stored.map_or_else(Block::default, |row| row.block);
        let block = block.with(cells.into_iter());
        for at in 0..block.len() {
            let cell = block.cell(at);
            let time = cut.time(span, cell.offset);
            if order.covers(Instant::from_unix(time)) && !cell.is_deleted() {
                found.push((slot, time, cell));
            }
        }
        if found.len() > DELETED_MAX {
            break;
        }
    }
    Ok(())
}

fn take_out(
    connection: &Connection,
    (appender, index): (&mut Appender, &mut Index),
    slot: u32,
    (time, cell): (i64, &Cell),
    order: &Deletion,
) -> Result<(), Fault> {
    let series = (index.slot(slot).id, index.slot(slot).key_hash);
    let before = cell.reading(time, appender.normal());
    let received_at = Instant::from_unix(cell.received_at);
    let gone_from = order.ordered_at.max(received_at);
    rows::insert_revision(connection, series, &before, received_at, gone_from)?;
    let remark = cell.remark.as_deref().cloned();
    let receipt = Receipt {
        received_at: gone_from.unix(),
        remark: Some(Arc::new(Remark {
            deleted: true,
            ..remark.unwrap_or_else(Remark::plain)
        })),
    };
    appender.set(index, slot, (time, cell.value), receipt);
    Ok(())
}
