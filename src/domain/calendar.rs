//! Time as the standards count it: hour-ending stamps, natural days and calendar periods of one fixed zone.
//!
//! A period reading is keyed by the end of its averaging period, so 00:00 is hour 24 of the day before
//! (GB/T 34302-2017 quoting HJ 663-2013 Table A.1). There is no daylight saving and no clock here: `now` is
//! always an argument.

mod period;

use std::fmt;

use chrono::DateTime;
use chrono::Datelike;
use chrono::Days;
use chrono::FixedOffset;
use chrono::Months;
use chrono::NaiveDate;
use chrono::TimeZone;

pub use crate::domain::calendar::period::Period;
pub use crate::domain::calendar::period::PeriodKind;

/// Seconds in an hour.
pub const HOUR_S: i64 = 3_600;
/// Seconds in a day.
pub const DAY_S: i64 = 86_400;
/// Hours in a day.
pub const HOURS_PER_DAY: usize = 24;

/// 0000-01-02T00:00:00Z and 9999-12-30T23:59:59Z: between them a moment has a year of four digits in every zone, as
/// RFC 3339 and most programs that read our files ask.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_132_800..=253_402_214_399;

/// A moment, in whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// From seconds since the epoch.
    #[inline]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    #[inline]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Whether RFC 3339 can write the moment in every zone: the year stays within 0 to 9999.
    pub const fn is_writable(self) -> bool {
        *WRITABLE.start() <= self.0 && self.0 <= *WRITABLE.end()
    }

    /// Moved by some seconds.
    pub const fn plus_s(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// The fixed zone whose hours and days are counted; `+08:00` unless configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(FixedOffset);

impl Zone {
    /// Beijing time, UTC+8.
    pub fn beijing() -> Self {
        Self(FixedOffset::east_opt(8 * 3_600).expect("eight hours is a valid offset"))
    }

    /// Reads `+08:00`; whole minutes, `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = text.get(1..)?.split_once(':')?;
        if hours.len() != 2 || minutes.len() != 2 {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
            return None;
        }
        FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60)).map(Self)
    }

    /// The offset itself.
    pub fn offset(self) -> FixedOffset {
        self.0
    }

    /// The moment with this zone's offset, for printing.
    ///
    /// # Panics
    /// When the moment lies outside the calendar (some 260,000 years from now).
    pub fn local(self, at: Instant) -> DateTime<FixedOffset> {
        self.0
            .timestamp_opt(at.0, 0)
            .single()
            .expect("a fixed offset has one local time")
    }

    /// RFC 3339 text of the moment in this zone.
    pub fn text(self, at: Instant) -> String {
        self.local(at).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// 00:00 of the day.
    pub fn day_start(self, day: NaiveDate) -> Instant {
        let midnight = day.and_hms_opt(0, 0, 0).expect("midnight exists");
        Instant(midnight.and_utc().timestamp() - i64::from(self.0.local_minus_utc()))
    }

    /// 24:00 of the day.
    pub fn day_end(self, day: NaiveDate) -> Instant {
        self.day_start(day).plus_s(DAY_S)
    }

    /// The day that a text names: `2020-06-30`, or a time of RFC 3339 for the day it lies in, 00:00 being the end of the day
    /// before.
    pub fn day_asked(self, text: &str) -> Option<NaiveDate> {
        let shaped = text.len() == "YYYY-MM-DD".len();
        if let Some(day) = text.parse().ok().filter(|_| shaped) {
            return Some(day);
        }
        // A plus sign that was not escaped arrives as a space.
        let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
        let begun = i64::from(time.timestamp_subsec_nanos() > 0);
        Some(self.day_of_ending(Instant(time.timestamp() + begun)))
    }

    /// A time asked for with its offset, or a date, which stands for its end: 24:00 in this zone.
    #[must_use]
    pub fn time_asked(self, text: &str) -> Option<DateTime<FixedOffset>> {
        let shaped = text.len() == "YYYY-MM-DD".len();
        if let Some(day) = text.parse::<NaiveDate>().ok().filter(|_| shaped) {
            let day = Some(day).filter(|day| YEARS.contains(&day.year()));
            return day.map(|day| self.local(self.day_end(day)));
        }
        DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()
    }

    /// The day a period ending at the stamp belongs to: 00:00 belongs to the day before.
    pub fn day_of_ending(self, ending: Instant) -> NaiveDate {
        self.local(ending.plus_s(-1)).date_naive()
    }

    /// Index 0..23 of the hour a period ending at the stamp lies in.
    pub fn hour_of_ending(self, ending: Instant) -> usize {
        let since = ending.plus_s(-1).0 + i64::from(self.0.local_minus_utc());
        usize::try_from(since.rem_euclid(DAY_S) / HOUR_S).expect("0 to 23")
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A run of days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// Years a range of days may lie in.
pub const YEARS: std::ops::RangeInclusive<i32> = 1900..=9998;
/// Longest range of days assessed at once: a century.
pub const RANGE_DAYS_MAX: u32 = 36_525;

impl Span {
    /// The days `from` to `to`.
    ///
    /// # Errors
    /// In words, when they are reversed, more than a century apart or outside the years 1900 to 9998.
    pub fn checked(from: NaiveDate, to: NaiveDate) -> Result<Self, String> {
        if let Some(day) = [from, to]
            .into_iter()
            .find(|day| !YEARS.contains(&day.year()))
        {
            let (first, last) = (YEARS.start(), YEARS.end());
            return Err(format!("{day} is outside the years {first} to {last}"));
        }
        if from > to {
            return Err(format!("{from} is after {to}"));
        }
        let span = Self { from, to };
        match span.length() {
            length if length > RANGE_DAYS_MAX => {
                Err(format!("{length} days; at most {RANGE_DAYS_MAX} at once"))
            }
            _ => Ok(span),
        }
    }

    /// Days that follow one another joined into spans; the days are given in order.
    pub fn runs(days: impl IntoIterator<Item = NaiveDate>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for day in days {
            match runs.last_mut() {
                Some(span) if span.to.succ_opt() == Some(day) => span.to = day,
                _ => runs.push(Self { from: day, to: day }),
            }
        }
        runs
    }

    /// The same days as spans of at most so many.
    ///
    /// # Panics
    /// When none are allowed.
    pub fn chunks(self, days_max: u32) -> Vec<Self> {
        assert!(days_max > 0, "a span has a day");
        let starts = (0..self.length()).step_by(days_max as usize);
        let chunk = |start: u32| {
            let from = self.from + Days::new(start.into());
            let to = from + Days::new((days_max - 1).into());
            Self {
                from,
                to: to.min(self.to),
            }
        };
        starts.map(chunk).collect()
    }

    /// Every day in order.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day <= self.to)
    }

    /// How many calendar days.
    pub fn length(self) -> u32 {
        u32::try_from((self.to - self.from).num_days() + 1).unwrap_or(0)
    }

    /// Whether the day lies within.
    pub fn contains(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }

    /// The same calendar days one year before; 29 February becomes 28 February, unless the span is a whole
    /// month's end, where the earlier month's own last day is taken.
    pub fn year_before(self) -> Self {
        let from = earlier_year(self.from);
        let starts_part = matches!(self.from.day(), 1 | 11 | 21);
        let ends_month = starts_part
            && self
                .to
                .checked_add_days(Days::new(1))
                .is_some_and(|next| next.day() == 1);
        let to = if ends_month {
            month_end(earlier_year(first_of_month(self.to)))
        } else {
            earlier_year(self.to)
        };
        Self { from, to }
    }
}

fn earlier_year(day: NaiveDate) -> NaiveDate {
    day.checked_sub_months(Months::new(12))
        .expect("years of readings lie within the calendar")
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).expect("every month has a first")
}

fn month_end(day: NaiveDate) -> NaiveDate {
    let next = first_of_month(day)
        .checked_add_months(Months::new(1))
        .expect("within the calendar");
    next.pred_opt().expect("within the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a test's date")
    }

    fn span(from: &str, to: &str) -> Span {
        Span {
            from: day(from),
            to: day(to),
        }
    }

    #[test]
    fn a_stamp_is_one_that_every_zone_can_write() {
        for (text, expected) in [
            ("0000-01-01T23:59:59Z", false),
            ("0000-01-02T00:00:00Z", true),
            ("9999-12-30T23:59:59Z", true),
            ("9999-12-31T00:00:00Z", false),
            ("9999-12-31T23:59:59+00:00", false),
        ] {
            let time = DateTime::parse_from_rfc3339(text).expect(text);
            let stamp = Instant::from_unix(time.timestamp());
            assert_eq!(stamp.is_writable(), expected, "{text}");
            for zone in ["+14:59", "-14:59"].map(|zone| Zone::parse(zone).expect(zone)) {
                let year = zone.local(stamp).year();
                assert!(!expected || (0..=9999).contains(&year), "{text} {zone}");
            }
        }
    }

    #[test]
    fn midnight_is_hour_24_of_the_day_before() {
        let zone = Zone::beijing();
        let midnight = zone.day_start(day("2020-01-02"));
        assert_eq!(zone.text(midnight), "2020-01-02T00:00:00+08:00");
        assert_eq!(
            (zone.day_of_ending(midnight), zone.hour_of_ending(midnight)),
            (day("2020-01-01"), 23)
        );
        let one = midnight.plus_s(HOUR_S);
        assert_eq!(
            (zone.day_of_ending(one), zone.hour_of_ending(one)),
            (day("2020-01-02"), 0)
        );
    }

    #[test]
    fn ranges_are_checked_at_their_edges() {
        let check = |from: &str, to: &str, expected: Result<u32, &str>| {
            let found = Span::checked(day(from), day(to)).map(Span::length);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(fault), Err(expected)) => assert!(fault.contains(expected), "{fault}"),
                (found, expected) => panic!("{found:?} {expected:?}"),
            }
        };
        check("2020-01-01", "2020-01-01", Ok(1));
        check("1900-01-01", "1999-12-31", Ok(36_524));
        check("1900-01-01", "2000-01-02", Err("36526 days"));
        check("2020-01-02", "2020-01-01", Err("is after"));
        check("1899-12-31", "1900-01-01", Err("outside"));
        check("2020-01-01", "+262142-12-31", Err("outside"));
    }

    #[test]
    fn the_year_before_keeps_month_ends() {
        assert_eq!(
            span("2020-02-01", "2020-02-29").year_before(),
            span("2019-02-01", "2019-02-28")
        );
        assert_eq!(
            span("2021-02-01", "2021-02-28").year_before(),
            span("2020-02-01", "2020-02-29")
        );
        assert_eq!(
            span("2020-01-01", "2020-06-30").year_before(),
            span("2019-01-01", "2019-06-30")
        );
        assert_eq!(
            span("2017-02-28", "2017-02-28").year_before(),
            span("2016-02-28", "2016-02-28")
        );
        assert_eq!(
            span("2020-01-01", "2020-07-27").year_before(),
            span("2019-01-01", "2019-07-27")
        );
    }

    #[test]
    fn zones_are_whole_minutes_east_or_west() {
        assert_eq!(Zone::parse("+08:00"), Some(Zone::beijing()));
        assert_eq!(
            Zone::parse("-03:30")
                .map(|zone| zone.to_string())
                .as_deref(),
            Some("-03:30")
        );
        for bad in ["", "08:00", "+8:00", "+15:00", "+08:60", "Asia/Shanghai"] {
            assert_eq!(Zone::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_that_follow_one_another_are_one_span() {
        let days = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-03"].map(day);
        let expected = [
            span("2026-02-27", "2026-03-01"),
            span("2026-03-03", "2026-03-03"),
        ];
        assert_eq!(Span::runs(days), expected);
        assert_eq!(Span::runs([]), []);
    }

    #[test]
    fn a_long_span_is_cut_and_nothing_is_left_out() {
        let whole = span("2020-01-01", "2022-03-10");
        let cut = whole.chunks(366);
        let lengths: Vec<u32> = cut.iter().copied().map(Span::length).collect();
        assert_eq!(lengths, [366, 366, 68]);
        assert_eq!(Span::runs(cut.into_iter().flat_map(Span::days)), [whole]);
        assert_eq!(whole.chunks(800), [whole]);
    }
}
