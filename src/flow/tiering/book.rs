//! The ledger in memory: entries by unit for rating, with every day of the unit worked out, and every row by its number for
//! whoever follows the ledger.

use std::sync::Arc;
use std::thread;

use chrono::DateTime;
use chrono::FixedOffset;

use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::ledger::fault::LedgerError;
use crate::domain::credit::ledger::fault::LedgerFault;
use crate::domain::credit::ledger::shards::Shards;
use crate::domain::credit::prepared::Prepared;
use crate::domain::credit::prepared::Unit;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::told::Feed;
use crate::ports::LedgerRow;

/// Rows of one piece of the list of places. A copy of the list copies its last piece alone.
const PIECE_ROWS: usize = 1 << 12;
/// Units that are worked out by one thread at least.
const UNITS_OF_THREAD_MIN: usize = 256;

/// Where a row's entry is, and its hash.
#[derive(Debug, Clone, Copy)]
struct Place {
    subject: Uscc,
    at: u32,
    hash: [u8; 32],
}

/// A row of the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its number, from 1.
    pub seq: u64,
    /// Its hash, which covers all rows before it.
    pub hash: [u8; 32],
    /// The unit.
    pub subject: &'a Uscc,
    /// The entry.
    pub event: &'a CreditEvent,
}

/// What is kept of a unit beside its entries.
#[derive(Debug, Clone)]
struct Kept {
    /// Numbers of its rows, in the order of its entries.
    seqs: Vec<u64>,
    prepared: Option<Prepared>,
}

/// A snapshot of the ledger. Growing one makes another; whoever holds the old one goes on seeing it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    ledger: Ledger,
    rows: u64,
    places: Vec<Arc<Vec<Place>>>,
    kept: Shards<Uscc, Arc<Kept>>,
    latest: Option<DateTime<FixedOffset>>,
    feed: Feed,
}

impl Book {
    /// This book with further rows, which must follow its last.
    ///
    /// # Errors
    /// Entries that contradict each other or the rulebooks, counted from the first row given.
    pub fn grown(
        &self,
        rows: Vec<LedgerRow>,
        rulebooks: &[&Rulebook],
    ) -> Result<Self, Vec<LedgerFault>> {
        let mut grown = self.clone();
        let named = |row: &LedgerRow| {
            (
                row.event.subject().copied(),
                row.event.refers_to().map(str::to_owned),
            )
        };
        let marks: Vec<_> = rows
            .iter()
            .map(|row| (row.seq, row.hash, named(row)))
            .collect();
        grown.latest = self
            .latest
            .max(rows.iter().map(|row| row.event.captured_at).max());
        let events = rows.into_iter().map(|row| row.event).collect();
        grown.ledger = self.ledger.extended(events, rulebooks)?;
        let mut touched: Vec<(Uscc, Vec<u64>)> = Vec::new();
        let mut fresh: Shards<Uscc, u32> = Shards::default();
        for (seq, hash, (subject, id)) in marks {
            let owner = || grown.ledger.owner_of(id.as_deref()?).copied();
            let subject = subject.or_else(owner);
            let subject = subject.expect("an entry that was taken has its unit");
            let seqs = match fresh.get(&subject) {
                Some(at) => &mut touched[*at as usize].1,
                None => {
                    let next = u32::try_from(touched.len()).expect("fewer than four billion units");
                    fresh.insert(subject, next);
                    let old = grown.kept.get(&subject);
                    touched.push((subject, old.map_or(Vec::new(), |kept| kept.seqs.clone())));
                    &mut touched[next as usize].1
                }
            };
            let at = u32::try_from(seqs.len()).expect("fewer than four billion entries of a unit");
            seqs.push(seq);
            grown.place(Place { subject, at, hash });
            assert!(
                seq == grown.rows,
                "the ledger's rows are numbered from 1 without gaps"
            );
        }
        let days = prepared(&grown.ledger, &touched, rulebooks);
        for ((subject, seqs), prepared) in touched.into_iter().zip(days) {
            let prepared = prepared.map_err(|cause| vec![LedgerFault { index: 0, cause }])?;
            grown
                .kept
                .insert(subject, Arc::new(Kept { seqs, prepared }));
        }
        let mut feed = std::mem::take(&mut grown.feed);
        feed.grow(&grown, self.rows, Schedule::by_date(rulebooks).as_ref());
        grown.feed = feed;
        Ok(grown)
    }

    fn place(&mut self, place: Place) {
        self.rows += 1;
        match self
            .places
            .last_mut()
            .filter(|piece| piece.len() < PIECE_ROWS)
        {
            Some(piece) => Arc::make_mut(piece).push(place),
            None => {
                let mut piece = Vec::with_capacity(PIECE_ROWS);
                piece.push(place);
                self.places.push(Arc::new(piece));
            }
        }
    }

    /// Which rows readers outside were told of.
    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The entries by unit.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A unit's entries, with every day worked out.
    #[must_use]
    pub fn unit(&self, subject: &Uscc) -> Unit<'_> {
        let kept = self.kept.get(subject);
        Unit {
            events: self.ledger.events_of(subject),
            prepared: kept.and_then(|kept| kept.prepared.as_ref()),
        }
    }

    /// Number and hash of the last row; 0 and zeros for an empty ledger.
    #[must_use]
    pub fn head(&self) -> (u64, [u8; 32]) {
        let last = self.places.last().and_then(|piece| piece.last());
        (self.rows, last.map_or([0; 32], |place| place.hash))
    }

    /// When the entry captured last of all was captured.
    #[must_use]
    pub fn latest(&self) -> Option<DateTime<FixedOffset>> {
        self.latest
    }

    fn place_of(&self, seq: u64) -> Option<&Place> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.places.get(at / PIECE_ROWS)?.get(at % PIECE_ROWS)
    }

    /// A row by its number.
    #[must_use]
    pub fn row(&self, seq: u64) -> Option<Row<'_>> {
        let place = self.place_of(seq)?;
        Some(Row {
            seq,
            hash: place.hash,
            subject: &place.subject,
            event: &self.ledger.events_of(&place.subject)[place.at as usize],
        })
    }

    /// The rows behind a number, in order.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = Row<'_>> {
        (seq.saturating_add(1)..=self.rows).filter_map(|seq| self.row(seq))
    }

    /// The rows of one unit, in order.
    pub fn rows_of(&self, subject: &Uscc) -> impl Iterator<Item = Row<'_>> {
        let kept = self.kept.get(subject);
        let seqs = kept.map_or(&[][..], |kept| kept.seqs.as_slice());
        // The unit is looked up once for all of them: entry and number stand at the same place.
        let rows = seqs.iter().zip(self.ledger.events_of(subject));
        rows.filter_map(|(seq, event)| {
            let place = self.place_of(*seq)?;
            Some(Row {
                seq: *seq,
                hash: place.hash,
                subject: &place.subject,
                event,
            })
        })
    }
}

type Days = Result<Option<Prepared>, LedgerError>;

/// Works out every day of some units, on all cores when they are many.
fn prepared(ledger: &Ledger, units: &[(Uscc, Vec<u64>)], rulebooks: &[&Rulebook]) -> Vec<Days> {
    let Some(schedule) = Schedule::by_date(rulebooks) else {
        return units.iter().map(|_| Ok(None)).collect();
    };
    let of = |(subject, _): &(Uscc, Vec<u64>)| {
        Prepared::new(ledger.events_of(subject), &schedule).map(Some)
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = units.len().div_ceil(cores).max(UNITS_OF_THREAD_MIN);
    if units.len() <= share {
        return units.iter().map(of).collect();
    }
    thread::scope(|scope| {
        let parts = units.chunks(share);
        let parts = parts.map(|part| scope.spawn(move || part.iter().map(of).collect::<Vec<_>>()));
        let running: Vec<_> = parts.collect();
        let done = running
            .into_iter()
            .map(|part| part.join().expect("a unit is worked out without panic"));
        done.flatten().collect()
    })
}
