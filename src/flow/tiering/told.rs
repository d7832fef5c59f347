//! The changes that readers outside the authority are told of, in the order they may know of them: a row of the ledger as it
//! is entered, a record as it begins to act. What was taken back before it acted has no place here.
//!
//! Places are numbered from 1 without gaps, and stay: a row that is told later comes after all that were told before. For that
//! entries must be captured later than whatever was told, which [`Tiering::known`](crate::flow::tiering::Tiering::known) sees to.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::DateTime;
use chrono::FixedOffset;

use crate::domain::credit::disclosure::due_at;
use crate::domain::credit::disclosure::told_at;
use crate::domain::credit::tier::Schedule;
use crate::flow::tiering::book::Book;
use crate::flow::tiering::book::Row;

/// Numbers of one piece of the list. A copy of the list copies its last piece alone.
const PIECE_ROWS: usize = 1 << 12;

/// Which rows were told in which order, as far as the ledger's own times reach.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    pieces: Vec<Arc<Vec<u64>>>,
    count: u64,
    /// Rows that are not told yet, by when they are due.
    due: Arc<BTreeSet<(DateTime<FixedOffset>, u64)>>,
}

impl Feed {
    fn push(&mut self, seq: u64) {
        self.count += 1;
        match self
            .pieces
            .last_mut()
            .filter(|piece| piece.len() < PIECE_ROWS)
        {
            Some(piece) => Arc::make_mut(piece).push(seq),
            None => {
                let mut piece = Vec::with_capacity(PIECE_ROWS);
                piece.push(seq);
                self.pieces.push(Arc::new(piece));
            }
        }
    }

    fn seq(&self, cursor: u64) -> Option<u64> {
        let at = usize::try_from(cursor.checked_sub(1)?).ok()?;
        self.pieces
            .get(at / PIECE_ROWS)?
            .get(at % PIECE_ROWS)
            .copied()
    }

    /// The feed with the rows of a book behind a number, which it does not have yet.
    pub(super) fn grow(&mut self, book: &Book, behind: u64, schedule: Option<&Schedule<'_>>) {
        for row in book.after(behind) {
            let Some(schedule) = schedule else {
                self.push(row.seq);
                continue;
            };
            let at = row.event.captured_at;
            for seq in self.due_by(book, at, schedule) {
                self.push(seq);
            }
            while self.due.first().is_some_and(|(due, _)| *due <= at) {
                Arc::make_mut(&mut self.due).pop_first();
            }
            let events = book.ledger().events_of(row.subject);
            let due = due_at(row.event, events, schedule);
            if due > at {
                Arc::make_mut(&mut self.due).insert((due, row.seq));
            } else if told_at(row.event, events, schedule).is_some() {
                self.push(row.seq);
            }
        }
    }

    /// Rows that are due by a time and stand then.
    fn due_by(&self, book: &Book, at: DateTime<FixedOffset>, schedule: &Schedule<'_>) -> Vec<u64> {
        let due = self.due.iter().take_while(|(due, _)| *due <= at);
        let stands = |seq: &u64| {
            let row = book.row(*seq);
            row.is_some_and(|row| {
                let events = book.ledger().events_of(row.subject);
                told_at(row.event, events, schedule).is_some()
            })
        };
        due.map(|(_, seq)| *seq).filter(stands).collect()
    }
}

/// One change.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Its place, from 1.
    pub cursor: u64,
    /// The row.
    pub row: Row<'a>,
}

/// All that has been told by an instant.
#[derive(Debug, Clone)]
pub struct Told<'a> {
    book: &'a Book,
    schedule: Schedule<'a>,
    /// What fell due behind the ledger's last row.
    late: Vec<u64>,
}

impl<'a> Told<'a> {
    /// What a book has told by an instant.
    #[must_use]
    pub fn by(book: &'a Book, schedule: Schedule<'a>, at: DateTime<FixedOffset>) -> Told<'a> {
        let late = book.feed().due_by(book, at, &schedule);
        Told {
            book,
            schedule,
            late,
        }
    }

    /// The ledger.
    #[must_use]
    pub fn book(&self) -> &'a Book {
        self.book
    }

    /// Which rulebook holds when.
    #[must_use]
    pub fn schedule(&self) -> &Schedule<'a> {
        &self.schedule
    }

    /// How many changes there are, which is the place of the last.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.book.feed().count + self.late.len() as u64
    }

    /// A change by its place.
    #[must_use]
    pub fn change(&self, cursor: u64) -> Option<Change<'a>> {
        let feed = self.book.feed();
        let late = || {
            let at = cursor.checked_sub(feed.count)?.checked_sub(1)?;
            self.late.get(usize::try_from(at).ok()?).copied()
        };
        let row = self.book.row(feed.seq(cursor).or_else(late)?)?;
        Some(Change { cursor, row })
    }

    /// The changes behind a place, in order.
    pub fn after(&self, cursor: u64) -> impl Iterator<Item = Change<'a>> {
        (cursor.saturating_add(1)..=self.count()).filter_map(|cursor| self.change(cursor))
    }

    /// The place of a row; `None` for one that was not told.
    #[must_use]
    pub fn place_of(&self, row: &Row<'_>) -> Option<u64> {
        let due = |row: &Row<'_>| {
            let events = self.book.ledger().events_of(row.subject);
            (due_at(row.event, events, &self.schedule), row.seq)
        };
        let wanted = due(row);
        let (mut low, mut high) = (1, self.count() + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let before = self.change(middle).is_some_and(|at| due(&at.row) < wanted);
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let is = |change: &Change<'_>| change.row.seq == row.seq;
        let found = self.change(low).filter(is);
        // Entries of old that were taken over in another order than that of their times are found by looking at all.
        let found = found.or_else(|| self.after(0).find(is));
        found.map(|change| change.cursor)
    }
}
