//! Tiers of the units in the ledger, computed when asked, from a checked snapshot of the entries.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;

use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use crate::ports;
use crate::ports::StoreError;

/// Why a tier cannot be told or an entry not taken.
#[derive(Debug, thiserror::Error)]
pub enum TieringError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Entries contradict each other or the rulebooks.
    #[error("ledger: {0}")]
    Entries(String),
    /// There is no rulebook at all.
    #[error("no rulebook is configured")]
    NoRulebook,
}

/// The ledger as every page and look-up sees it.
pub struct Tiering {
    port: Arc<dyn ports::Ledger>,
    rulebooks: Vec<Rulebook>,
    current: RwLock<Arc<Ledger>>,
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
        let current = check(port.events().await?, &rulebooks)?;
        Ok(Self {
            port,
            rulebooks,
            current: RwLock::new(Arc::new(current)),
        })
    }

    /// The ledger as of now.
    pub fn now(&self) -> Arc<Ledger> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rulebook of a day.
    pub fn rulebook(&self, on: NaiveDate) -> Option<&Rulebook> {
        let books: Vec<&Rulebook> = self.rulebooks.iter().collect();
        Some(Schedule::by_date(&books)?.on(on))
    }

    /// Appends entries that agree with all that stand already; all or none.
    ///
    /// # Errors
    /// Those of the store, or the first contradictions.
    pub async fn enter(&self, events: Vec<CreditEvent>) -> Result<(), TieringError> {
        let mut all = self.port.events().await?;
        all.extend(events.iter().cloned());
        let fresh = check(all, &self.rulebooks)?;
        self.port.append_events(events).await?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
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
        let books: Vec<&Rulebook> = self.rulebooks.iter().collect();
        let schedule = Schedule::by_date(&books).ok_or(TieringError::NoRulebook)?;
        let rating = tier::rate(ledger.events_of(subject), &schedule, on, known_at);
        rating.map_err(|error| TieringError::Entries(error.to_string()))
    }
}

fn check(events: Vec<CreditEvent>, rulebooks: &[Rulebook]) -> Result<Ledger, TieringError> {
    let books: Vec<&Rulebook> = rulebooks.iter().collect();
    Ledger::from_events(events, &books).map_err(|faults| {
        let faults: Vec<String> = faults
            .iter()
            .take(5)
            .map(|fault| format!("entry {}: {}", fault.index + 1, fault.cause))
            .collect();
        TieringError::Entries(faults.join("; "))
    })
}
