//! Calendar periods: how a range of days is cut, and the names periods are printed with.

use chrono::Datelike;
use chrono::Months;
use chrono::NaiveDate;

use crate::domain::calendar::Span;
use crate::domain::calendar::YEARS;
use crate::domain::calendar::first_of_month;
use crate::domain::calendar::month_end;

/// How a range of days is cut into periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodKind {
    /// Each day.
    Day,
    /// Ten-day period (旬): 1-10, 11-20, 21-end of month.
    Xun,
    /// Calendar month.
    Month,
    /// From the first of the month to each day of the range.
    MonthToDate,
    /// Calendar quarter.
    Quarter,
    /// January-June, July-December.
    Half,
    /// Calendar year.
    Year,
    /// From 1 January to each day of the range.
    YearToDate,
    /// Twelve whole months, ending with each month whose last day lies in the range.
    TwelveMonths,
    /// Three calendar years, ending with each year whose last day lies in the range.
    ThreeYears,
    /// The range as one period.
    Whole,
}

/// One period of a report: its printed name and its days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// `2015`, `2015-H1`, `2015-Q3`, `2015-07`, `2015-07-X2`, `2015-07-27`, `2014-08..2015-07` (twelve months),
    /// `2013..2015` (three years) or `2015-01-01..2015-07-27`.
    pub label: String,
    /// The days it covers.
    pub span: Span,
}

impl Period {
    /// Reads a printed name back.
    ///
    /// ```
    /// use skytier::domain::calendar::Period;
    /// assert_eq!(Period::parse("2014-08..2015-07").unwrap().span.length(), 365);
    /// assert!(Period::parse("2015-H3").is_none());
    /// ```
    pub fn parse(label: &str) -> Option<Self> {
        PeriodKind::of_label(label).map(|(_, period)| period)
    }
}

impl PeriodKind {
    /// Every kind, from short to long.
    pub const ALL: [Self; 11] = [
        Self::Day,
        Self::Xun,
        Self::Month,
        Self::MonthToDate,
        Self::Quarter,
        Self::Half,
        Self::Year,
        Self::YearToDate,
        Self::TwelveMonths,
        Self::ThreeYears,
        Self::Whole,
    ];

    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Xun => "xun",
            Self::Month => "month",
            Self::MonthToDate => "month-to-date",
            Self::Quarter => "quarter",
            Self::Half => "half",
            Self::Year => "year",
            Self::YearToDate => "year-to-date",
            Self::TwelveMonths => "12-months",
            Self::ThreeYears => "3-years",
            Self::Whole => "period",
        }
    }

    /// From the interface word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// The kind of period a printed name speaks of, and the period. Two dates are a range, whatever it is.
    pub fn of_label(label: &str) -> Option<(Self, Period)> {
        let (kind, within) = match label.split_once("..") {
            None => calendar_label(label)?,
            Some((from, to)) => match (calendar_label(from)?, calendar_label(to)?) {
                ((Self::Month, _), (Self::Month, last)) => (Self::TwelveMonths, last),
                ((Self::Year, _), (Self::Year, last)) => (Self::ThreeYears, last),
                ((Self::Day, from), (Self::Day, to)) => {
                    let span = Span::checked(from, to).ok()?;
                    let label = label.to_owned();
                    return Some((Self::Whole, Period { label, span }));
                }
                _ => return None,
            },
        };
        let period = kind.containing(within);
        (period.label == label).then_some((kind, period))
    }

    /// Cuts `range` into periods. A calendar period that `range` covers only in part is named whole but holds
    /// the covered days only; its completeness says so. Rolling periods are always whole and may begin before
    /// the range; without a month's or year's end in the range there is none.
    pub fn cut(self, range: Span) -> Vec<Period> {
        match self {
            Self::Whole => vec![whole(range)],
            Self::MonthToDate | Self::YearToDate => {
                range.days().map(|day| self.to_date(day)).collect()
            }
            Self::TwelveMonths | Self::ThreeYears => {
                let step = match self {
                    Self::TwelveMonths => Self::Month,
                    _ => Self::Year,
                };
                let ends = calendar_cut(step, range).into_iter();
                let ends = ends.map(|part| (part.span.to, step.containing(part.span.to).span.to));
                ends.filter(|(last, end)| last == end)
                    .map(|(last, _)| self.containing(last))
                    .collect()
            }
            _ => calendar_cut(self, range),
        }
    }

    fn to_date(self, day: NaiveDate) -> Period {
        let from = if self == Self::MonthToDate {
            first_of_month(day)
        } else {
            year_start(day)
        };
        Period {
            label: format!("{from}..{day}"),
            span: Span { from, to: day },
        }
    }

    /// The whole calendar period the day lies in; of rolling periods the one that ends with its month or year.
    pub fn containing(self, day: NaiveDate) -> Period {
        let (year, month) = (day.year(), day.month());
        let from_month = |first: u32, months: u32, label: String| {
            let from = NaiveDate::from_ymd_opt(year, first, 1).expect("a month's first day");
            let last =
                NaiveDate::from_ymd_opt(year, first + months - 1, 1).expect("a month's first day");
            Period {
                label,
                span: Span {
                    from,
                    to: month_end(last),
                },
            }
        };
        match self {
            Self::Day | Self::Whole => Period {
                label: day.to_string(),
                span: Span { from: day, to: day },
            },
            Self::Xun => xun(day),
            Self::Month => from_month(month, 1, format!("{year}-{month:02}")),
            Self::Quarter => {
                let quarter = (month - 1) / 3;
                from_month(quarter * 3 + 1, 3, format!("{year}-Q{}", quarter + 1))
            }
            Self::Half => {
                let half = (month - 1) / 6;
                from_month(half * 6 + 1, 6, format!("{year}-H{}", half + 1))
            }
            Self::Year => from_month(1, 12, year.to_string()),
            Self::TwelveMonths => twelve_months(day),
            Self::ThreeYears => three_years(day),
            Self::MonthToDate | Self::YearToDate => self.to_date(day),
        }
    }
}

/// A name without `..`: its kind, and a day within.
fn calendar_label(label: &str) -> Option<(PeriodKind, NaiveDate)> {
    let year: i32 = label.get(..4)?.parse().ok()?;
    if !YEARS.contains(&year) {
        return None;
    }
    let day = |month: u32, day: u32| NaiveDate::from_ymd_opt(year, month, day);
    let rest = label.get(4..)?;
    let part = |prefix: &str| rest.strip_prefix(prefix)?.parse::<u32>().ok();
    let found = match (part("-H"), part("-Q")) {
        (Some(half @ 1..=2), _) => (PeriodKind::Half, day(half * 6, 1)?),
        (_, Some(quarter @ 1..=4)) => (PeriodKind::Quarter, day(quarter * 3, 1)?),
        _ => match rest.split('-').collect::<Vec<_>>().as_slice() {
            [""] => (PeriodKind::Year, day(1, 1)?),
            ["", month] => (PeriodKind::Month, day(month.parse().ok()?, 1)?),
            ["", month, last] => match last.strip_prefix('X') {
                Some(xun) => {
                    let part = xun
                        .parse::<u32>()
                        .ok()
                        .filter(|part| (1..=3).contains(part))?;
                    (PeriodKind::Xun, day(month.parse().ok()?, part * 10 - 9)?)
                }
                None => {
                    let last = day(month.parse().ok()?, last.parse().ok()?)?;
                    (PeriodKind::Day, last)
                }
            },
            _ => return None,
        },
    };
    let (kind, within) = found;
    (kind.containing(within).label == label).then_some(found)
}

fn calendar_cut(kind: PeriodKind, range: Span) -> Vec<Period> {
    let mut periods = Vec::new();
    let mut from = range.from;
    while from <= range.to {
        let period = kind.containing(from);
        let to = period.span.to.min(range.to);
        periods.push(Period {
            label: period.label,
            span: Span { from, to },
        });
        let Some(next) = to.succ_opt() else { break };
        from = next;
    }
    periods
}

fn twelve_months(day: NaiveDate) -> Period {
    let from = first_of_month(day)
        .checked_sub_months(Months::new(11))
        .expect("years of readings lie within the calendar");
    let to = month_end(day);
    Period {
        label: format!("{}..{}", from.format("%Y-%m"), to.format("%Y-%m")),
        span: Span { from, to },
    }
}

fn three_years(day: NaiveDate) -> Period {
    let last = PeriodKind::Year.containing(day).span;
    let from = last
        .from
        .checked_sub_months(Months::new(24))
        .expect("years of readings lie within the calendar");
    Period {
        label: format!("{}..{}", from.year(), day.year()),
        span: Span { from, to: last.to },
    }
}

fn whole(range: Span) -> Period {
    for kind in [
        PeriodKind::Year,
        PeriodKind::Half,
        PeriodKind::Quarter,
        PeriodKind::Month,
        PeriodKind::Xun,
    ] {
        let period = kind.containing(range.from);
        if period.span == range {
            return period;
        }
    }
    Period {
        label: format!("{}..{}", range.from, range.to),
        span: range,
    }
}

fn year_start(day: NaiveDate) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year(), 1, 1).expect("every year has a first day")
}

fn xun(day: NaiveDate) -> Period {
    let part = ((day.day() - 1) / 10).min(2);
    let from = day
        .with_day(part * 10 + 1)
        .expect("1, 11 and 21 exist in every month");
    let to = if part == 2 {
        month_end(day)
    } else {
        from.with_day(part * 10 + 10).expect("10 and 20 exist")
    };
    Period {
        label: format!("{}-X{}", day.format("%Y-%m"), part + 1),
        span: Span { from, to },
    }
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

    fn check_cut(kind: PeriodKind, range: Span, expected: &[&str]) {
        let labels: Vec<String> = kind
            .cut(range)
            .into_iter()
            .map(|period| period.label)
            .collect();
        assert_eq!(labels, expected, "{kind:?}");
    }

    #[test]
    fn ranges_are_cut_at_calendar_edges() {
        check_cut(
            PeriodKind::Year,
            span("2015-01-01", "2016-12-31"),
            &["2015", "2016"],
        );
        check_cut(
            PeriodKind::Half,
            span("2016-01-01", "2016-12-31"),
            &["2016-H1", "2016-H2"],
        );
        check_cut(
            PeriodKind::Quarter,
            span("2016-03-31", "2016-04-01"),
            &["2016-Q1", "2016-Q2"],
        );
        check_cut(
            PeriodKind::Xun,
            span("2016-02-01", "2016-02-29"),
            &["2016-02-X1", "2016-02-X2", "2016-02-X3"],
        );
        check_cut(
            PeriodKind::Whole,
            span("2020-01-01", "2020-06-30"),
            &["2020-H1"],
        );
        check_cut(
            PeriodKind::Whole,
            span("2020-01-02", "2020-06-30"),
            &["2020-01-02..2020-06-30"],
        );
        check_cut(
            PeriodKind::YearToDate,
            span("2020-01-02", "2020-01-03"),
            &["2020-01-01..2020-01-02", "2020-01-01..2020-01-03"],
        );
        check_cut(
            PeriodKind::TwelveMonths,
            span("2020-01-31", "2020-03-30"),
            &["2019-02..2020-01", "2019-03..2020-02"],
        );
        check_cut(
            PeriodKind::TwelveMonths,
            span("2020-01-01", "2020-01-30"),
            &[],
        );
        check_cut(
            PeriodKind::ThreeYears,
            span("2015-12-31", "2017-12-30"),
            &["2013..2015", "2014..2016"],
        );
    }

    #[test]
    fn every_period_of_every_kind_reads_back() {
        let range = span("2015-01-05", "2017-03-02");
        for kind in PeriodKind::ALL {
            for period in kind.cut(range) {
                let read = Period::parse(&period.label).expect(&period.label);
                assert_eq!(read.label, period.label);
                let covered = read.span.from <= period.span.from && period.span.to <= read.span.to;
                assert!(covered, "{kind:?} {}", period.label);
            }
        }
    }

    #[test]
    fn printed_names_read_back() {
        for label in [
            "2015",
            "2015-H1",
            "2015-H2",
            "2015-Q3",
            "2015-07",
            "2015-07-X2",
            "2016-02-29",
            "2015-03..2016-02",
            "2014..2016",
            "2016-01-01..2016-03-31",
        ] {
            assert_eq!(
                Period::parse(label).map(|period| period.label).as_deref(),
                Some(label)
            );
        }
        for bad in [
            "",
            "15",
            "2015-H3",
            "2015-Q0",
            "2015-13",
            "2015-7",
            "2015-02-29",
            "2015-07-X4",
            "2015-07-X0",
            "abcd",
            "2015-02..2016-02",
            "2014..2015",
            "2014..2016-12",
            "2016-03-31..2016-01-01",
            "2014..2015..2016",
            "1899",
            "2015-+1",
        ] {
            assert_eq!(Period::parse(bad), None, "{bad}");
        }
    }
}
