//! Blocks packed anew, on a thread of its own: unpacking, merging and compressing are most of the work of merging,
//! and the writer need not wait for them. The thread reads blocks by its own connection and changes nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TryRecvError;
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block;
use crate::adapters::store::embedded::block::BLOCK_FORMAT;
use crate::adapters::store::embedded::block::Block;
use crate::adapters::store::embedded::block::Summary;
use crate::adapters::store::embedded::merge::reading;
use crate::adapters::store::embedded::readings::Waiting;
use crate::adapters::store::embedded::rows::BlockRow;
use crate::adapters::store::embedded::schema;

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

type Answer = Result<Vec<Fresh>, Fault>;

/// The thread that packs.
pub(super) struct Packer {
    orders: Option<SyncSender<Order>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(path: PathBuf, waiting: Arc<Waiting>) -> std::io::Result<Self> {
        let (orders, to_do) = mpsc::sync_channel::<Order>(ORDERS_MAX);
        let (done, answers) = mpsc::sync_channel(ORDERS_MAX);
        let work = move || {
            let mut connection = None;
            for order in to_do {
                let packed = pack(&mut connection, &path, &waiting, &order);
                if done.send(packed).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("skytier-pack".to_owned());
        Ok(Self {
            orders: Some(orders),
            answers,
            thread: Some(thread.spawn(work)?),
        })
    }

    /// Hands an order over; at most [`ORDERS_MAX`] may be without an answer.
    pub(super) fn order(&self, order: Order) -> Result<(), Fault> {
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order).map_err(|_| gone())
    }

    /// The answer to the oldest order; `None` when there is none yet and nobody waits for it.
    pub(super) fn answer(&self, wait: bool) -> Result<Option<Answer>, Fault> {
        if wait {
            return self.answers.recv().map(Some).map_err(|_| gone());
        }
        match self.answers.try_recv() {
            Ok(answer) => Ok(Some(answer)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }
}

fn gone() -> Fault {
    Fault::Row("the thread that packs blocks has stopped".to_owned())
}

impl Drop for Packer {
    fn drop(&mut self) {
        self.orders = None;
        // Answers that nobody wants must not keep it waiting.
        while self.answers.recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            // One that panicked has told the writer, by its silence.
            drop(thread.join());
        }
    }
}

fn pack(
    connection: &mut Option<Connection>,
    path: &std::path::Path,
    waiting: &Waiting,
    order: &Order,
) -> Result<Vec<Fresh>, Fault> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(schema::connect_for_reading(path)?),
    };
    let snapshot = connection.unchecked_transaction()?;
    let places = order.places.iter();
    places
        .map(|place| packed(&snapshot, waiting, *place, order.through))
        .collect()
}

/// A place's block with what waits of it.
fn packed(
    snapshot: &Connection,
    waiting: &Waiting,
    place: Place,
    through: i64,
) -> Result<Fresh, Fault> {
    let index = reading(&waiting.index);
    let slot = index.slot(place.slot);
    let (key_hash, cut) = (slot.key_hash, slot.cut);
    let cells = index.cells(place.slot, place.span, through);
    drop(index);
    let stored = BlockRow::of(snapshot, place.series, key_hash, cut, place.span)?;
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
