//! Tiers of the units in the ledger, computed when asked, from a checked snapshot of the entries.
//!
//! Whoever asks is told as of when the answer is known, and no entry made later is captured at or before that time: an entry
//! gets its time here, while no other is made, later than all before it and than whatever was answered. So the same question
//! as known then has the same answer for ever.

pub mod book;

pub mod told;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeDelta;

use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::ledger::act;
use crate::domain::credit::ledger::fault::LedgerFault;
use crate::domain::credit::official;
use crate::domain::credit::official::Official;
use crate::domain::credit::prepared::Seen;
use crate::domain::credit::prepared::Unit;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tariff::TariffTier;
use crate::domain::credit::tariff::tariff_tier;
use crate::domain::credit::tier;
use crate::domain::credit::tier::Bare;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::book::Book;
use crate::flow::tiering::told::Told;
use crate::ports;
use crate::ports::StoreError;

/// Contradictions told of one refusal.
const FAULTS_TOLD_MAX: usize = 5;
/// What lies at least between a time that was answered about and the next entry.
const STEP: TimeDelta = TimeDelta::microseconds(1);

/// Why a tier cannot be told or an entry not taken.
#[derive(Debug, thiserror::Error)]
pub enum TieringError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Entries that stand already contradict each other or the rulebooks.
    #[error("ledger: {0}")]
    Entries(String),
    /// Entries to make contradict each other, the ledger or the rulebooks; nothing was entered.
    #[error("{0}")]
    Refused(String),
    /// There is no rulebook at all.
    #[error("no rulebook is configured")]
    NoRulebook,
    /// Nobody knows yet what will be known then.
    #[error("{known_at} lies ahead of now, {now}; what will be known then is not known yet")]
    Ahead {
        /// The time asked about.
        known_at: DateTime<FixedOffset>,
        /// The latest time that can be asked about.
        now: DateTime<FixedOffset>,
    },
}

/// The ledger as one answer sees it.
#[derive(Debug, Clone)]
pub struct View {
    /// The entries; some may be captured later than `known_at`.
    pub book: Arc<Book>,
    /// As of when the answer is known, for ever.
    pub known_at: DateTime<FixedOffset>,
    /// When it was asked.
    pub asked_at: DateTime<FixedOffset>,
}

/// What an act did.
#[derive(Debug, Clone)]
pub struct Entered {
    /// The ledger with it.
    pub book: Arc<Book>,
    /// The number of its row.
    pub seq: u64,
    /// Whether it stood there before.
    pub stood_already: bool,
}

/// What everybody shares, changed at one stroke.
struct Moment {
    book: Arc<Book>,
    /// The latest time as known at which something was answered.
    answered: Option<DateTime<FixedOffset>>,
    /// When the entries that are just being made are captured, the first of them.
    entering: Option<DateTime<FixedOffset>>,
}

impl Moment {
    /// The earliest time at which an entry may still be captured without changing an answer or the order of rows.
    fn free_from(&self) -> Option<DateTime<FixedOffset>> {
        let taken = self.book.latest().max(self.answered)?;
        Some(taken + STEP)
    }
}

/// A unit whose official tier is another than the computed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// What the authority published.
    pub official: Official,
    /// What the rulebook makes of the ledger.
    pub computed: Bare,
}

/// The ledger as every page and look-up sees it.
pub struct Tiering {
    port: Arc<dyn ports::Ledger>,
    rulebooks: Vec<Rulebook>,
    moment: Mutex<Moment>,
    /// Held from the check of an entry until it stands, so that two cannot both be the first.
    entering: tokio::sync::Mutex<()>,
}

impl Tiering {
    /// Loads and checks every entry under the rulebooks, which are taken by date.
    ///
    /// # Errors
    /// Those of the store, or entries that contradict each other.
    pub async fn open(
        port: Arc<dyn ports::Ledger>,
        rulebooks: Vec<Rulebook>,
    ) -> Result<Self, TieringError> {
        let books: Vec<&Rulebook> = rulebooks.iter().collect();
        let book = Book::default().grown(port.rows(0).await?, &books);
        let book = book.map_err(|faults| TieringError::Entries(told(&faults)))?;
        Ok(Self {
            port,
            rulebooks,
            moment: Mutex::new(Moment {
                book: Arc::new(book),
                answered: None,
                entering: None,
            }),
            entering: tokio::sync::Mutex::new(()),
        })
    }

    fn moment(&self) -> MutexGuard<'_, Moment> {
        self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger as of now.
    pub fn now(&self) -> Arc<Book> {
        Arc::clone(&self.moment().book)
    }

    /// The ledger for an answer as known at the time `asked`, or as known now.
    ///
    /// # Errors
    /// [`TieringError::Ahead`], or those of the store.
    pub async fn known(
        &self,
        asked: Option<DateTime<FixedOffset>>,
        now: DateTime<FixedOffset>,
    ) -> Result<View, TieringError> {
        if let Some(view) = self.view(asked, now)? {
            return Ok(view);
        }
        // An entry is being made that belongs into the answer.
        let alone = self.entering.lock().await;
        self.caught_up().await?;
        let view = self.view(asked, now)?;
        drop(alone);
        Ok(view.expect("nothing is being entered meanwhile"))
    }

    /// `None` while an entry is being made that was captured by the time asked about.
    fn view(
        &self,
        asked: Option<DateTime<FixedOffset>>,
        now: DateTime<FixedOffset>,
    ) -> Result<Option<View>, TieringError> {
        let mut moment = self.moment();
        let newest = moment.book.latest().map_or(now, |latest| latest.max(now));
        let newest = newest.with_timezone(&now.timezone());
        let known_at = match (asked, moment.entering) {
            (Some(known_at), _) if known_at > newest => {
                return Err(TieringError::Ahead {
                    known_at,
                    now: newest,
                });
            }
            (Some(known_at), Some(entering)) if known_at >= entering => return Ok(None),
            (Some(known_at), _) => known_at,
            (None, Some(entering)) => newest.min(entering.with_timezone(&now.timezone()) - STEP),
            (None, None) => newest,
        };
        moment.answered = moment.answered.max(Some(known_at));
        Ok(Some(View {
            book: Arc::clone(&moment.book),
            known_at,
            asked_at: asked.map_or(known_at, |_| newest),
        }))
    }

    /// The rulebook of a day.
    pub fn rulebook(&self, on: NaiveDate) -> Option<&Rulebook> {
        Some(self.schedule().ok()?.on(on))
    }

    /// Which rulebook holds when.
    ///
    /// # Errors
    /// [`TieringError::NoRulebook`].
    pub fn schedule(&self) -> Result<Schedule<'_>, TieringError> {
        let books: Vec<&Rulebook> = self.rulebooks.iter().collect();
        Schedule::by_date(&books).ok_or(TieringError::NoRulebook)
    }

    /// Appends entries that agree with all that stand already, captured when they say; all or none. The book with them as
    /// its last rows.
    ///
    /// # Errors
    /// Those of the store, or the first contradictions.
    pub async fn enter(&self, events: Vec<CreditEvent>) -> Result<Arc<Book>, TieringError> {
        let alone = self.entering.lock().await;
        let before = self.caught_up().await?;
        let book = self.append(&before, events).await;
        drop(alone);
        book
    }

    /// Appends entries as [`Self::enter`] does, captured now: at the times they carry, or all as much later as it takes to
    /// change nothing that was answered.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub async fn enter_now(&self, events: Vec<CreditEvent>) -> Result<Arc<Book>, TieringError> {
        let alone = self.entering.lock().await;
        let before = self.caught_up().await?;
        let book = self.append(&before, self.stamped(events)).await;
        drop(alone);
        book
    }

    /// Appends what a person enters about one unit now. What stands already in the same words of the same person is not
    /// entered again, so that whoever got no answer may send it again; that goes for entries with an identifier alone, for
    /// others may rightly return, as an official tier does.
    ///
    /// # Errors
    /// As [`Self::enter`]; also an act nobody signs, one dated ahead, a repair before its time, or one about another unit's
    /// entry.
    pub async fn act(&self, subject: &Uscc, event: CreditEvent) -> Result<Entered, TieringError> {
        act::check(&event).map_err(|fault| TieringError::Refused(fault.to_string()))?;
        let alone = self.entering.lock().await;
        let before = self.caught_up().await?;
        if let Some(id) = event.refers_to() {
            let owner = before.ledger().owner_of(id);
            if owner.is_some_and(|owner| owner != subject) {
                let said = format!("{} of id {id:?}, which is another unit's", event.op());
                return Err(TieringError::Refused(said));
            }
        }
        if let Some(seq) = standing(&before, subject, &event) {
            let (book, stood_already) = (before, true);
            return Ok(Entered {
                book,
                seq,
                stood_already,
            });
        }
        if let EventBody::Repair(repair) = &event.body {
            let events = before.ledger().events_of(subject);
            let fits = act::check_repair(repair, events, self.schedule()?.on(repair.approved));
            fits.map_err(|fault| TieringError::Refused(fault.to_string()))?;
        }
        let book = self.append(&before, self.stamped(vec![event])).await?;
        drop(alone);
        let (seq, _) = book.head();
        let stood_already = false;
        Ok(Entered {
            book,
            seq,
            stood_already,
        })
    }

    /// The entries with a time of capture that changes no answer. Nobody else may be entering.
    fn stamped(&self, mut events: Vec<CreditEvent>) -> Vec<CreditEvent> {
        let mut moment = self.moment();
        let first = events.iter().map(|event| event.captured_at).min();
        if let (Some(free), Some(first)) = (moment.free_from(), first) {
            let late = (free - first).max(TimeDelta::zero());
            for event in &mut events {
                event.captured_at += late;
            }
        }
        moment.entering = events.iter().map(|event| event.captured_at).min();
        events
    }

    /// Checks entries against all before them and appends them. Nobody else may be entering.
    async fn append(
        &self,
        before: &Book,
        events: Vec<CreditEvent>,
    ) -> Result<Arc<Book>, TieringError> {
        self.moment().entering = events.iter().map(|event| event.captured_at).min();
        if let Err(refused) = self.tried(before, events.clone()) {
            self.moment().entering = None;
            return Err(refused);
        }
        let appended = self.port.append_events(events).await;
        // Also after a failure: what is on disk counts, and nothing is being entered any more.
        let book = self.caught_up().await;
        match appended {
            Err(StoreError::Unreadable { number, fault }) => {
                let said = StoreError::Unreadable { number, fault }.to_string();
                Err(TieringError::Refused(said))
            }
            Err(failed) => Err(failed.into()),
            Ok(_) => book,
        }
    }

    /// The book with every row the store holds, also those of an entry that broke off before they were read back. Nobody
    /// else may be entering.
    async fn caught_up(&self) -> Result<Arc<Book>, TieringError> {
        let before = self.now();
        let (seq, _) = before.head();
        let rows = self.port.rows(seq).await?;
        let fresh = if rows.is_empty() {
            before
        } else {
            let books: Vec<&Rulebook> = self.rulebooks.iter().collect();
            let fresh = before.grown(rows, &books);
            Arc::new(fresh.map_err(|faults| TieringError::Entries(told(&faults)))?)
        };
        let mut moment = self.moment();
        moment.book = Arc::clone(&fresh);
        moment.entering = None;
        Ok(fresh)
    }

    /// The ledger as it would be with further entries; nothing is entered.
    ///
    /// # Errors
    /// The first contradictions.
    pub fn tried(&self, book: &Book, events: Vec<CreditEvent>) -> Result<Ledger, TieringError> {
        let books: Vec<&Rulebook> = self.rulebooks.iter().collect();
        let tried = book.ledger().extended(events, &books);
        tried.map_err(|faults| TieringError::Refused(told(&faults)))
    }

    /// The tier of a unit at the end of a day, as known at a time. A unit without entries stands at the
    /// initial score.
    ///
    /// # Errors
    /// [`TieringError::NoRulebook`], or entries that cannot be folded.
    pub fn rate(
        &self,
        ledger: &Ledger,
        subject: &Uscc,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Rating, TieringError> {
        let rating = tier::rate(ledger.events_of(subject), &self.schedule()?, on, known_at);
        rating.map_err(|error| TieringError::Entries(error.to_string()))
    }

    /// As [`Self::rate`], with what the book worked out before.
    ///
    /// # Errors
    /// As there.
    pub fn rated(
        &self,
        book: &Book,
        subject: &Uscc,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Rating, TieringError> {
        self.rated_as_seen(book.unit(subject), on, known_at)
    }

    /// As [`Self::rated`], of a unit as somebody sees it.
    ///
    /// # Errors
    /// As there.
    pub fn rated_as_seen(
        &self,
        unit: Unit<'_>,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Rating, TieringError> {
        let rating = unit.rate(&self.schedule()?, on, known_at);
        rating.map_err(|error| TieringError::Entries(error.to_string()))
    }

    /// A unit as it is seen at a time: whole, or as readers outside the authority do, without what does not act yet.
    ///
    /// # Errors
    /// [`TieringError::NoRulebook`].
    pub fn seen<'b>(
        &self,
        book: &'b Book,
        subject: &Uscc,
        known_at: DateTime<FixedOffset>,
        whole: bool,
    ) -> Result<Seen<'b>, TieringError> {
        let unit = book.unit(subject);
        if whole {
            return Ok(Seen::whole(unit));
        }
        Ok(unit.seen_outside(&self.schedule()?, known_at))
    }

    /// The changes that readers outside have been told of by a time.
    ///
    /// # Errors
    /// [`TieringError::NoRulebook`].
    pub fn told<'b>(
        &'b self,
        book: &'b Book,
        at: DateTime<FixedOffset>,
    ) -> Result<Told<'b>, TieringError> {
        Ok(Told::by(book, self.schedule()?, at))
    }

    /// Official and computed tier of a unit, where there is an official one and they differ.
    ///
    /// # Errors
    /// As [`Self::rate`].
    pub fn disagreement(
        &self,
        book: &Book,
        subject: &Uscc,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Option<Disagreement>, TieringError> {
        let unit = book.unit(subject);
        let Some(official) = official::current(unit.events, on, known_at) else {
            return Ok(None);
        };
        let brief = unit.brief(&self.schedule()?, on, known_at);
        let brief = brief.map_err(|error| TieringError::Entries(error.to_string()))?;
        let computed = brief.now;
        Ok((official.tier != computed.tier).then_some(Disagreement { official, computed }))
    }

    /// The tier of the tariffs that apply on a day.
    ///
    /// # Errors
    /// As [`Self::rate`].
    pub fn tariff(
        &self,
        book: &Book,
        subject: &Uscc,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<TariffTier<'_>, TieringError> {
        self.tariff_as_seen(book.unit(subject), on, known_at)
    }

    /// As [`Self::tariff`], of a unit as somebody sees it.
    ///
    /// # Errors
    /// As there.
    pub fn tariff_as_seen(
        &self,
        unit: Unit<'_>,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<TariffTier<'_>, TieringError> {
        let tariff = tariff_tier(unit, &self.schedule()?, on, known_at);
        tariff.map_err(|error| TieringError::Entries(error.to_string()))
    }
}

/// The row in which an entry with an identifier stands already, but for the time it was captured at.
fn standing(book: &Book, subject: &Uscc, event: &CreditEvent) -> Option<u64> {
    event.own_id().or(event.refers_to())?;
    let same = |own: &CreditEvent| own.body == event.body && own.entered_by == event.entered_by;
    let row = book.rows_of(subject).find(|row| same(row.event));
    row.map(|row| row.seq)
}

/// The first contradictions; of a single entry without its number.
fn told(faults: &[LedgerFault]) -> String {
    if let [fault] = faults {
        return fault.cause.to_string();
    }
    let faults = faults.iter().take(FAULTS_TOLD_MAX);
    let faults = faults.map(|fault| format!("entry {}: {}", fault.index + 1, fault.cause));
    faults.collect::<Vec<_>>().join("; ")
}
