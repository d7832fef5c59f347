//! The half-years of the tariffs and the snapshots before them: 30 June and 31 December.

use crate::domain::calendar::Zone;
use chrono::DateTime;
use chrono::Datelike;
use chrono::FixedOffset;
use chrono::NaiveDate;

/// First month of the second half-year.
const SECOND_HALF: u32 = 7;

/// The snapshot whose tier applies on a day: the last day of the half-year before.
#[must_use]
pub fn snapshot_before(day: NaiveDate) -> NaiveDate {
    half(day).0.pred_opt().unwrap_or(NaiveDate::MIN)
}

/// First and last day of a day's half-year.
#[must_use]
pub fn half(day: NaiveDate) -> (NaiveDate, NaiveDate) {
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

/// The end of a day, 24:00 in UTC+8.
#[must_use]
pub fn midnight(day: NaiveDate) -> DateTime<FixedOffset> {
    let zone = Zone::beijing();
    zone.local(zone.day_end(day))
}

#[cfg(test)]
mod tests {
    use crate::domain::credit::snapshot::snapshot_before;

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
