//! Blocks packed anew, on a thread of its own: unpacking, merging and compressing are most of the work of merging,
//! and the writer need not wait for them. The thread reads blocks by its own connection and changes nothing.

use std::sync::Arc;

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::beside::Beside;
use crate::adapters::store::embedded::block;
use crate::adapters::store::embedded::block::BLOCK_FORMAT;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Summary;
use crate::adapters::store::embedded::merge::reading;
use crate::adapters::store::embedded::readings::Waiting;
use crate::adapters::store::embedded::rows::BlockRow;

/// Orders that may wait: one at work, one next.
pub(super) const ORDERS_MAX: usize = 2;

/// A span of a series that waits to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) span: i64,
    pub(super) series: i64,
    pub(super) slot: u32,
}

/// Places to pack, with what waits of rows of `wal` up to one.
pub(super) struct Order {
    pub(super) through: i64,
    pub(super) places: Vec<Place>,
}

/// A block ready to be written.
pub(super) struct Fresh {
    pub(super) place: Place,
    /// Readings that count and checksum of the block that it replaces; zeros when there is none.
    pub(super) before: (u32, i64),
    /// Readings that count.
    pub(super) counting: u32,
    pub(super) summary: Summary,
    pub(super) data: Vec<u8>,
    pub(super) checksum: i64,
    /// The last reading's value.
    pub(super) last_value: Option<i64>,
}

/// The blocks of an order.
pub(super) type Answer = Result<Vec<Fresh>, Fault>;

/// The thread that packs.
pub(super) type Packer = Beside<Order, Answer>;

/// Starts the thread, which reads by this connection.
///
/// # Errors
/// When the system has no thread left.
pub(super) fn start(connection: Connection, waiting: Arc<Waiting>) -> std::io::Result<Packer> {
    let work = move |order| pack(&connection, &waiting, &order);
    Beside::start("skytier-pack", ORDERS_MAX, work)
}

fn pack(connection: &Connection, waiting: &Waiting, order: &Order) -> Answer {
    // Each block by itself: a snapshot over all of them would keep the log from being moved, and no block that is
    // ordered changes before it is answered.
    let places = order.places.iter();
    places
        .map(|place| packed(connection, waiting, *place, order.through))
        .collect()
}

/// A place's block with what waits of it.
fn packed(
    connection: &Connection,
    waiting: &Waiting,
    place: Place,
    through: i64,
) -> Result<Fresh, Fault> {
    let index = reading(&waiting.index);
    let slot = index.slot(place.slot);
    let (key_hash, cut) = (slot.key_hash, slot.cut);
    let cells = index.cells(place.slot, place.span, through);
    drop(index);
    let stored = BlockRow::of(connection, place.series, key_hash, cut, place.span)?;
    let before = stored
        .as_ref()
        .map_or((0, 0), |row| (row.block.counting(), row.checksum));
    let block = stored.map_or_else(Block::default, |row| row.block);
    let block = block.with(cells.into_iter());
    let summary = block.summary(cut, place.span);
    let data = block.encode(cut, place.span);
    let last = block.cell(block.len() - 1);
    Ok(Fresh {
        place,
        before,
        checksum: block::checksum(key_hash, place.span, (BLOCK_FORMAT, &summary), &data),
        counting: block.counting(),
        summary,
        data,
        last_value: last.counting_value(),
    })
}
