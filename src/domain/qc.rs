//! The verdict on a value at admission. Values are flagged, never changed and never dropped.
//!
//! Negative values: no clause of HJ 817 or HJ 818 settles them, so they are kept and left out of means.
//! Stamps: a station's clock may run ahead by [`FUTURE_S_MAX`]; automatic networks did not exist before 2000.

use crate::domain::calendar::Instant;
use crate::domain::reading::Qc;
use crate::domain::units::Amount;

/// How far ahead of our clock a stamp may be, in seconds.
pub const FUTURE_S_MAX: i64 = 600;
/// 2000-01-01T00:00:00Z: stamps before this are a clock fault.
pub const EARLIEST: Instant = Instant::from_unix(946_684_800);

/// Judges one value stamped `time` and received at `now`.
pub fn verdict(time: Instant, value: Option<Amount>, now: Instant) -> Qc {
    if time < EARLIEST || time > now.plus_s(FUTURE_S_MAX) {
        return Qc::Clock;
    }
    match value {
        Some(amount) if amount.is_negative() => Qc::Negative,
        _ => Qc::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: i64, value: Option<i64>, expected: Qc) {
        let now = Instant::from_unix(1_600_000_000);
        let value = value.map(Amount::from_micros);
        assert_eq!(
            verdict(Instant::from_unix(time), value, now),
            expected,
            "{time} {value:?}"
        );
    }

    #[test]
    fn stamps_and_signs_are_judged_at_their_edges() {
        check(1_600_000_000, Some(1), Qc::Passed);
        check(1_600_000_600, Some(1), Qc::Passed);
        check(1_600_000_601, Some(1), Qc::Clock);
        check(946_684_800, Some(0), Qc::Passed);
        check(946_684_799, Some(0), Qc::Clock);
        check(1_600_000_000, Some(-1), Qc::Negative);
        check(1_600_000_000, None, Qc::Passed);
    }
}
