//! Whole columns as bare numbers, unpacked in place. A block that something waits to be laid over, or that holds
//! values received after the time asked about, goes through readings instead; both give the same.

use rusqlite::Connection;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::block::Bare;
use crate::adapters::store::embedded::readings::Gather;
use crate::adapters::store::embedded::readings::Reader;
use crate::adapters::store::embedded::readings::Waiting;
use crate::domain::calendar::Instant;
use crate::domain::reading::SeriesKey;
use crate::domain::strip::Numbers;
use crate::domain::strip::Strip;
use crate::ports::Range;

/// One scan over columns, with the memory they are unpacked in.
pub(super) struct Scan<'c> {
    reader: Reader<'c>,
    range: Range,
    bare: Bare,
}

impl<'c> Scan<'c> {
    /// A scan of some part of each column.
    pub(super) fn new(connection: &'c Connection, waiting: &'c Waiting, range: Range) -> Self {
        Self {
            reader: Reader::new(connection, waiting),
            range,
            bare: Bare::default(),
        }
    }

    /// Hands on one column, strip after strip.
    pub(super) fn column(
        &mut self,
        key: &SeriesKey,
        visit: &mut dyn FnMut(Strip<'_>),
    ) -> Result<(), Fault> {
        let Range {
            after,
            upto,
            known_at,
            mut limit,
        } = self.range;
        let known_at = known_at.map(Instant::unix);
        let (all, unpacked) = (self.range, &mut self.bare);
        self.reader.open(key, all, |column| {
            let cut = column.cut;
            let mut gather = Gather::of(&column, all, |_, reading| reading)?;
            column.each(|span, packed, cells| {
                let bare = match packed.filter(|_| cells.is_empty()) {
                    Some(packed) => {
                        let (data, n) = (packed.data, packed.summary.n);
                        let done = unpacked.unpack(data, n, (cut, span), known_at);
                        done.map_err(|fault| packed.damaged(fault.0))?
                    }
                    None => false,
                };
                let numbers: Numbers;
                let strip = if bare {
                    unpacked.strip()
                } else {
                    gather.take(span, packed, cells)?;
                    numbers = Numbers::of(&std::mem::take(&mut gather.readings));
                    numbers.strip()
                };
                let strip = strip.within(after, upto, limit);
                limit -= strip.len();
                if !strip.is_empty() {
                    visit(strip);
                }
                Ok(limit > 0)
            })
        })
    }
}
