//! The tier that decides tariffs: that of 30 June or 31 December, for the half-year after (静态运用).
//!
//! It is the tier valid **and known** at 24:00 of the snapshot day. What is entered later changes the live tier and never
//! this one, so the two are always shown together.

use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::Tier;
use crate::domain::credit::ledger::fault::LedgerError;
use crate::domain::credit::rulebook::consequence::RedRepeat;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::tier::rate;
use chrono::DateTime;
use chrono::Datelike;
use chrono::FixedOffset;
use chrono::NaiveDate;

/// First month of the second half-year.
const SECOND_HALF: u32 = 7;

/// The tier of a half-year's tariffs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffTier {
    /// The snapshot: a 30 June or a 31 December.
    pub snapshot: NaiveDate,
    /// First day the tariffs apply.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The rating as known at 24:00 of the snapshot day, or earlier when the question was about an earlier knowledge.
    pub rating: Rating,
    /// Whether the unit is red and was at the snapshot that counts for repetition.
    pub red_repeated: bool,
}

impl TariffTier {
    /// Whether the snapshot was still to come at a time: the tier is then what it will show if nothing further is entered.
    #[must_use]
    pub fn is_forecast(&self, at: DateTime<FixedOffset>) -> bool {
        at < midnight(self.snapshot)
    }
}

/// 24:00 of a day.
fn midnight(day: NaiveDate) -> DateTime<FixedOffset> {
    let zone = Zone::beijing();
    zone.local(zone.day_end(day))
}

/// The snapshot whose tier applies on a day: the last day of the half-year before.
#[must_use]
pub fn snapshot_before(day: NaiveDate) -> NaiveDate {
    half(day).0.pred_opt().unwrap_or(NaiveDate::MIN)
}

/// First and last day of a day's half-year.
fn half(day: NaiveDate) -> (NaiveDate, NaiveDate) {
    let date = |month, day_of| NaiveDate::from_ymd_opt(day.year(), month, day_of);
    let bounds = if day.month() < SECOND_HALF {
        (date(1, 1), date(6, 30))
    } else {
        (date(SECOND_HALF, 1), date(12, 31))
    };
    match bounds {
        (Some(from), Some(to)) => (from, to),
        _ => (day, day),
    }
}

/// The tier of the tariffs that apply on a day.
///
/// # Errors
///
/// A code a rulebook of the schedule does not have or has switched off.
pub fn tariff_tier(
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Result<TariffTier, LedgerError> {
    let (from, to) = half(on);
    let snapshot = snapshot_before(on);
    let rating = at_snapshot(events, schedule, snapshot, known_at)?;
    let earlier = match schedule.on(snapshot).parts().red_repeat.value {
        RedRepeat::HalfYears => snapshot_before(snapshot),
        RedRepeat::Years => snapshot_before(snapshot_before(snapshot)),
    };
    let before = at_snapshot(events, schedule, earlier, known_at)?;
    Ok(TariffTier {
        snapshot,
        from,
        to,
        red_repeated: rating.tier == Tier::Red && before.tier == Tier::Red,
        rating,
    })
}

fn at_snapshot(
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
    snapshot: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Result<Rating, LedgerError> {
    let midnight = midnight(snapshot);
    let known = known_at.map_or(midnight, |known_at| known_at.min(midnight));
    rate(events, schedule, snapshot, Some(known))
}

#[cfg(test)]
mod tests {
    use crate::domain::credit::tariff::snapshot_before;

    #[test]
    fn a_half_year_follows_the_last_day_of_the_one_before() {
        let check = |day: &str, expected: &str| {
            let day = day.parse().expect("a date");
            assert_eq!(snapshot_before(day).to_string(), expected, "{day}");
        };
        check("2026-01-01", "2025-12-31");
        check("2026-06-30", "2025-12-31");
        check("2026-07-01", "2026-06-30");
        check("2026-12-31", "2026-06-30");
        check("2024-02-29", "2023-12-31");
    }
}
