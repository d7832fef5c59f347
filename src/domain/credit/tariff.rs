//! The tier that decides tariffs: that of 30 June or 31 December, for the half-year after (静态运用).
//!
//! It is the tier valid **and known** at 24:00 of the snapshot day. What is entered later changes the live tier and never
//! this one, so the two are always shown together.

use crate::domain::credit::Tier;
use crate::domain::credit::ledger::fault::LedgerError;
use crate::domain::credit::prepared::Unit;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::consequence::RedRepeat;
use crate::domain::credit::snapshot::half;
use crate::domain::credit::snapshot::midnight;
use crate::domain::credit::snapshot::snapshot_before;
use crate::domain::credit::tier::Bare;
use crate::domain::credit::tier::Schedule;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;

/// The tier of a half-year's tariffs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffTier<'a> {
    /// The snapshot: a 30 June or a 31 December.
    pub snapshot: NaiveDate,
    /// First day the tariffs apply.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What was known: 24:00 of the snapshot day, or earlier when the question was about an earlier knowledge.
    pub known_at: DateTime<FixedOffset>,
    /// The rulebook of the snapshot day.
    pub rulebook: &'a Rulebook,
    /// How the unit stood.
    pub stood: Bare,
    /// Whether the unit is red and was at the snapshot that counts for repetition.
    pub red_repeated: bool,
}

impl TariffTier<'_> {
    /// Whether the snapshot was still to come at a time: the tier is then what it will show if nothing further is entered.
    #[must_use]
    pub fn is_forecast(&self, at: DateTime<FixedOffset>) -> bool {
        at < midnight(self.snapshot)
    }
}

/// The tier of the tariffs that apply on a day.
///
/// # Errors
///
/// A code a rulebook of the schedule does not have or has switched off.
pub fn tariff_tier<'a>(
    unit: Unit<'_>,
    schedule: &Schedule<'a>,
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Result<TariffTier<'a>, LedgerError> {
    let (from, to) = half(on);
    let snapshot = snapshot_before(on);
    let rulebook = schedule.on(snapshot);
    let known = |day| known_at.map_or(midnight(day), |known_at| known_at.min(midnight(day)));
    let stood = unit.stood(schedule, snapshot, known(snapshot))?;
    let red_repeated = stood.tier == Tier::Red && {
        let earlier = match rulebook.parts().red_repeat.value {
            RedRepeat::HalfYears => snapshot_before(snapshot),
            RedRepeat::Years => snapshot_before(snapshot_before(snapshot)),
        };
        unit.stood(schedule, earlier, known(earlier))?.tier == Tier::Red
    };
    Ok(TariffTier {
        snapshot,
        from,
        to,
        known_at: known(snapshot),
        rulebook,
        stood,
        red_repeated,
    })
}
