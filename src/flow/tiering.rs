//! Tiers of the units in the ledger, computed when asked, from a checked snapshot of the entries.

pub mod book;

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use tokio::sync::Mutex;

use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::ledger::act;
use crate::domain::credit::ledger::fault::LedgerFault;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tariff::TariffTier;
use crate::domain::credit::tariff::tariff_tier;
use crate::domain::credit::tier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::book::Book;
use crate::ports;
use crate::ports::StoreError;

/// Contradictions told of one refusal.
const FAULTS_TOLD_MAX: usize = 5;

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
}

/// The ledger as every page and look-up sees it.
pub struct Tiering {
    port: Arc<dyn ports::Ledger>,
    rulebooks: Vec<Rulebook>,
    current: RwLock<Arc<Book>>,
    /// Held from the check of an entry until it stands, so that two cannot both be the first.
    entering: Mutex<()>,
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
            current: RwLock::new(Arc::new(book)),
            entering: Mutex::new(()),
        })
    }

    /// The ledger as of now.
    pub fn now(&self) -> Arc<Book> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
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

    /// Appends entries that agree with all that stand already; all or none. The book with them.
    ///
    /// # Errors
    /// Those of the store, or the first contradictions.
    pub async fn enter(&self, events: Vec<CreditEvent>) -> Result<Arc<Book>, TieringError> {
        let alone = self.entering.lock().await;
        let before = self.now();
        self.tried(&before, events.clone())?;
        self.port.append_events(events).await?;
        let (seq, _) = before.head();
        let books: Vec<&Rulebook> = self.rulebooks.iter().collect();
        let fresh = before.grown(self.port.rows(seq).await?, &books);
        let fresh = Arc::new(fresh.map_err(|faults| TieringError::Entries(told(&faults)))?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        drop(alone);
        Ok(fresh)
    }

    /// Appends what a person enters about one unit now.
    ///
    /// # Errors
    /// As [`Self::enter`]; also an act nobody signs, one dated ahead, or one about another unit's entry.
    pub async fn act(&self, subject: &Uscc, event: CreditEvent) -> Result<Arc<Book>, TieringError> {
        act::check(&event).map_err(|fault| TieringError::Refused(fault.to_string()))?;
        if let Some(id) = event.refers_to() {
            let book = self.now();
            if book
                .ledger()
                .owner_of(id)
                .is_some_and(|owner| owner != subject)
            {
                let said = format!("{} of id {id:?}, which is another unit's", event.op());
                return Err(TieringError::Refused(said));
            }
        }
        self.enter(vec![event]).await
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

    /// The tier of the tariffs that apply on a day, with the rulebook they stand in.
    ///
    /// # Errors
    /// As [`Self::rate`].
    pub fn tariff(
        &self,
        ledger: &Ledger,
        subject: &Uscc,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<(TariffTier, &Rulebook), TieringError> {
        let schedule = self.schedule()?;
        let tariff = tariff_tier(ledger.events_of(subject), &schedule, on, known_at);
        let tariff = tariff.map_err(|error| TieringError::Entries(error.to_string()))?;
        let rulebook = schedule.on(tariff.snapshot);
        Ok((tariff, rulebook))
    }
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
