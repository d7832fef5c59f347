//! The record that a look-up of tiers leaves: who asked, when, about whom, and the receipt of what was answered.
//!
//! What the asker decides by it is no part of this: that stays with the asker, who may have a reference of its own signed in
//! the receipt.

use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;

/// Longest name of an asker, in bytes.
pub const CLIENT_BYTES_MAX: usize = 128;

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
