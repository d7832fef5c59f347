//! What a tier brings with it: surcharges, credit policy, treatment by the authority. All of it is data of a rulebook.
//!
//! Whether a surcharge is in force at a place is a fact of that place. Where it is not known, the rate is shown and no
//! amount is computed: a sum would be read as a bill.

use crate::domain::credit::Confidence;
use crate::domain::credit::Tier;
use crate::domain::units::Amount;

/// Whether a tariff applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InForce {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nobody has said.
    Unknown,
}

impl InForce {
    /// The word used on every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            InForce::Yes => "yes",
            InForce::No => "no",
            InForce::Unknown => "unknown",
        }
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A surcharge on something bought, by tier; tiers not named pay none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// What it is called on every interface.
    pub item: String,
    /// What it is on.
    pub name: Words,
    /// What the rate is per, `yuan/kWh`.
    pub unit: String,
    /// Whether it applies.
    pub in_force: InForce,
    /// Rate of the red tier.
    pub red: Amount,
    /// Rate of the red tier when the snapshot before was red as well.
    pub red_repeated: Amount,
    /// Rate of the black tier.
    pub black: Amount,
    /// How firmly the rates are known.
    pub mark: Confidence,
    /// Where they come from.
    pub source: String,
}

/// What surcharges are on: whoever asks gives quantities of these.
pub const ITEMS: [&str; 2] = ["electricity", "sewage"];

impl Tariff {
    /// The rate of a tier.
    #[must_use]
    pub fn rate(&self, tier: Tier, red_repeated: bool) -> Amount {
        match tier {
            Tier::Red if red_repeated => self.red_repeated,
            Tier::Red => self.red,
            Tier::Black => self.black,
            Tier::Green | Tier::Blue | Tier::Yellow | Tier::Unrated => Amount::from_units(0),
        }
    }
}

/// Which earlier snapshot makes a red one a repeated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedRepeat {
    /// The one half a year before.
    HalfYears,
    /// The one a year before.
    Years,
}

/// How a tier is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The tier.
    pub tier: Tier,
    /// New working capital.
    pub working_capital: Words,
    /// New money for abatement and equipment.
    pub investment: Words,
    /// Loans that stand.
    pub stock: Words,
    /// Interest on top in hundredths of a percent; `None` where nothing is lent.
    pub rate_bp: Option<i32>,
    /// Inspections.
    pub inspections: Words,
    /// Approvals.
    pub approvals: Words,
    /// Subsidies and awards.
    pub subsidies: Words,
    /// How firmly it is known.
    pub mark: Confidence,
    /// Where it comes from.
    pub source: String,
}
