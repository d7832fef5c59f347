//! The ledger in memory: entries by unit for rating, and every row by its number for whoever follows the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use chrono::FixedOffset;

use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::ledger::fault::LedgerFault;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::uscc::Uscc;
use crate::ports::LedgerRow;

/// Where a row's entry is, and its hash.
#[derive(Debug, Clone, Copy)]
struct Place {
    subject: u32,
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

/// A snapshot of the ledger. Growing one makes another; whoever holds the old one goes on seeing it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    ledger: Ledger,
    places: Vec<Place>,
    subjects: Vec<Uscc>,
    numbers: BTreeMap<Uscc, (u32, Arc<Vec<u64>>)>,
    latest: Option<DateTime<FixedOffset>>,
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
        let events = rows.iter().map(|row| row.event.clone()).collect();
        grown.ledger = self.ledger.extended(events, rulebooks)?;
        for row in rows {
            grown.latest = grown.latest.max(Some(row.event.captured_at));
            let subject = grown.ledger.subject_of(&row.event);
            let subject = subject
                .expect("an entry that was taken has its unit")
                .clone();
            let next = u32::try_from(grown.subjects.len()).expect("fewer than four billion units");
            if !grown.numbers.contains_key(&subject) {
                grown.subjects.push(subject.clone());
            }
            let (number, seqs) = grown
                .numbers
                .entry(subject)
                .or_insert((next, Arc::default()));
            let seqs = Arc::make_mut(seqs);
            let at = u32::try_from(seqs.len()).expect("fewer than four billion entries of a unit");
            seqs.push(row.seq);
            grown.places.push(Place {
                subject: *number,
                at,
                hash: row.hash,
            });
            assert!(
                row.seq == grown.places.len() as u64,
                "the ledger's rows are numbered from 1 without gaps"
            );
        }
        Ok(grown)
    }

    /// The entries by unit.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Number and hash of the last row; 0 and zeros for an empty ledger.
    #[must_use]
    pub fn head(&self) -> (u64, [u8; 32]) {
        let hash = self.places.last().map_or([0; 32], |place| place.hash);
        (self.places.len() as u64, hash)
    }

    /// When the entry captured last of all was captured.
    #[must_use]
    pub fn latest(&self) -> Option<DateTime<FixedOffset>> {
        self.latest
    }

    /// A row by its number.
    #[must_use]
    pub fn row(&self, seq: u64) -> Option<Row<'_>> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        let place = self.places.get(at)?;
        let subject = &self.subjects[place.subject as usize];
        Some(Row {
            seq,
            hash: place.hash,
            subject,
            event: &self.ledger.events_of(subject)[place.at as usize],
        })
    }

    /// The rows behind a number, in order.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = Row<'_>> {
        (seq.saturating_add(1)..=self.places.len() as u64).filter_map(|seq| self.row(seq))
    }

    /// The rows of one unit, in order.
    pub fn rows_of(&self, subject: &Uscc) -> impl Iterator<Item = Row<'_>> {
        let seqs = self.numbers.get(subject);
        let seqs = seqs.map_or(&[][..], |(_, seqs)| seqs.as_slice());
        seqs.iter().filter_map(|seq| self.row(*seq))
    }
}
