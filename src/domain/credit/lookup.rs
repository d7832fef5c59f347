//! The record that a look-up of tiers leaves: who asked, when, about whom, and the receipt of what was answered.
//!
//! What the asker decides by it is no part of this: that stays with the asker, who may have a reference of its own signed in
//! the receipt.

use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::Months;

/// Longest name of an asker, in bytes.
pub const CLIENT_BYTES_MAX: usize = 128;

/// Years for which a record is kept at least. Nothing removes one, then or later.
pub const KEPT_YEARS: u32 = 10;

/// Which look-ups are wanted, in the order they were kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those behind this number.
    pub after: u64,
    /// As many at most.
    pub limit: usize,
    /// By whoever showed to be of this name.
    pub client: Option<String>,
    /// About this unit alone; look-ups of many units at once name none.
    pub subject: Option<Uscc>,
    /// Asked at this time or later.
    pub from: Option<DateTime<FixedOffset>>,
    /// Asked before this time.
    pub before: Option<DateTime<FixedOffset>>,
}

impl Wanted {
    /// Whether a look-up is one of them, its number apart.
    #[must_use]
    pub fn has(&self, lookup: &Lookup) -> bool {
        let shown = lookup.client.as_ref().filter(|_| lookup.checked);
        self.client.as_ref().is_none_or(|name| shown == Some(name))
            && self
                .subject
                .is_none_or(|subject| lookup.subject == Some(subject))
            && self.from.is_none_or(|from| from <= lookup.asked_at)
            && self.before.is_none_or(|before| lookup.asked_at < before)
    }
}

/// One look-up, of one unit or of many at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Identifier: that of the receipt.
    pub id: String,
    /// When it was asked.
    pub asked_at: DateTime<FixedOffset>,
    /// Who asked.
    pub client: Option<String>,
    /// Whether that was shown, rather than said by the asker.
    pub checked: bool,
    /// The unit; `None` for many at once.
    pub subject: Option<Uscc>,
    /// How many units.
    pub items: u32,
    /// The receipt of the answer.
    pub receipt: String,
}

/// That an authority outside vouches for when a receipt was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The look-up's identifier.
    pub id: String,
    /// When, by the authority's clock.
    pub at: DateTime<FixedOffset>,
    /// The authority's address.
    pub authority: String,
    /// Its answer as it came, in DER.
    pub reply: Vec<u8>,
}

impl Lookup {
    /// Until when the record is kept at least.
    #[must_use]
    pub fn kept_until(&self) -> DateTime<FixedOffset> {
        let until = self
            .asked_at
            .checked_add_months(Months::new(12 * KEPT_YEARS));
        until.unwrap_or(self.asked_at)
    }
}
