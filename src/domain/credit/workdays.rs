//! Working days by the yearly notices of the State Council: weekends are off unless ordered to be worked, the ordered
//! holidays are off. Years come in as data; in a year nobody has entered yet nothing can be counted.

use chrono::Datelike;
use chrono::Days;
use chrono::NaiveDate;
use chrono::Weekday;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Days looked through for one deadline; the longest holidays are far shorter.
const SEARCH_DAYS_MAX: u64 = 400;

/// One year's notice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct YearPlan {
    /// Days off.
    pub off: BTreeSet<NaiveDate>,
    /// Days of a weekend that are worked.
    pub working: BTreeSet<NaiveDate>,
}

/// The years known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workdays {
    years: BTreeMap<i32, YearPlan>,
}

impl Workdays {
    /// A calendar of the years given.
    #[must_use]
    pub fn new(years: BTreeMap<i32, YearPlan>) -> Workdays {
        Workdays { years }
    }

    /// Whether a day is worked; `None` in a year that is not known.
    #[must_use]
    pub fn is_working(&self, day: NaiveDate) -> Option<bool> {
        let plan = self.years.get(&day.year())?;
        let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        Some(plan.working.contains(&day) || !(weekend || plan.off.contains(&day)))
    }

    /// The `count`-th working day after a day; `None` when that reaches into a year that is not known.
    #[must_use]
    pub fn after(&self, day: NaiveDate, count: u32) -> Option<NaiveDate> {
        let mut left = count;
        let mut then = day;
        for _ in 0..SEARCH_DAYS_MAX {
            if left == 0 {
                return Some(then);
            }
            then = then.checked_add_days(Days::new(1))?;
            left -= u32::from(self.is_working(then)?);
        }
        None
    }

    /// Working days after the first day up to and including the second; `None` where a year is not known.
    #[must_use]
    pub fn between(&self, from: NaiveDate, to: NaiveDate) -> Option<u32> {
        let days = from.iter_days().skip(1).take_while(|day| *day <= to);
        days.map(|day| self.is_working(day).map(u32::from)).sum()
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::credit::workdays::Workdays;
    use crate::domain::credit::workdays::YearPlan;
    use chrono::NaiveDate;
    use std::collections::BTreeMap;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn calendar() -> Workdays {
        let days = |texts: &[&str]| texts.iter().map(|text| day(text)).collect();
        let plan = YearPlan {
            off: days(&["2025-05-01", "2025-05-02", "2025-05-05"]),
            working: days(&["2025-04-27"]),
        };
        Workdays::new(BTreeMap::from([(2025, plan)]))
    }

    #[test]
    fn holidays_are_off_and_ordered_weekends_are_worked() {
        let check = |date: &str, expected: Option<bool>| {
            assert_eq!(calendar().is_working(day(date)), expected, "{date}");
        };
        check("2025-04-26", Some(false));
        check("2025-04-27", Some(true));
        check("2025-04-30", Some(true));
        check("2025-05-01", Some(false));
        check("2025-05-05", Some(false));
        check("2025-05-06", Some(true));
        check("2026-05-06", None);
    }

    #[test]
    fn deadlines_skip_what_is_off() {
        let check = |from: &str, count: u32, expected: Option<&str>| {
            assert_eq!(
                calendar().after(day(from), count),
                expected.map(day),
                "{from} {count}"
            );
        };
        check("2025-04-30", 0, Some("2025-04-30"));
        check("2025-04-30", 1, Some("2025-05-06"));
        check("2025-04-25", 5, Some("2025-05-06"));
        check("2025-12-30", 2, None);
        let between = |from: &str, to: &str| calendar().between(day(from), day(to));
        assert_eq!(between("2025-04-25", "2025-05-06"), Some(5));
        assert_eq!(between("2025-04-25", "2025-04-25"), Some(0));
        assert_eq!(between("2025-04-25", "2026-01-02"), None);
    }

    #[test]
    fn a_deadline_is_so_many_working_days_away() {
        let mut from = day("2025-01-01");
        while from < day("2025-11-01") {
            for count in [1, 5, 15] {
                let due = calendar().after(from, count).expect("within the year");
                assert_eq!(calendar().between(from, due), Some(count), "{from}");
                assert_eq!(calendar().is_working(due), Some(true), "{from}");
            }
            from = from.succ_opt().expect("a day");
        }
    }
}
