//! Figures of a period: means, percentiles, attainment, good days, composite index.
//!
//! GB 3095 clause 3 (period means are means of daily means) and Table 4 (least days), HJ 663 Annex A.6
//! (percentiles), HJ 633 for good (AQI <= 100) and heavy (AQI > 200) days. A day without an AQI is void and
//! never counts as good; the ratio's two bounds say what it would be if all void days were bad or good.
//! The mean over three years (HJ 663-2026, known from one source) is the mean of the three annual means.

pub mod attainment;
pub mod change;
pub mod composite;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::attainment::Attainment;
use crate::domain::assessment::attainment::attainment;
use crate::domain::assessment::composite::CompositeIndex;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::assessment::composite::by_percentile;
use crate::domain::assessment::composite::composite_index;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::deduction::Sided;
use crate::domain::exclusion;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// Decimals a ratio and a change are published with.
pub const RATIO_DECIMALS: u32 = 1;

/// How an area prints its figures: decimals by pollutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Decimals by pollutant in report order; `None` prints as the edition judges.
    pub decimals: [Option<u32>; 6],
    /// Whether main figures leave excluded days out.
    pub deduct: bool,
}

/// What the figures of a period are made by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The edition.
    pub edition: &'a Edition,
    /// Decimals of what is published.
    pub publication: &'a Publication,
    /// How the composite index is computed.
    pub composite: CompositeOptions,
}

impl Rules<'_> {
    /// A figure in its three roundings, each from the unrounded value.
    pub fn statistic(&self, pollutant: Pollutant, value: Exact) -> Statistic {
        let judged = self.edition.decimals[pollutant.index()];
        let published = self.publication.decimals[pollutant.index()].unwrap_or(judged);
        Statistic {
            judged: value.round(judged),
            published: value.round(published),
            value,
        }
    }
}

/// A figure in its three roundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// Unrounded.
    pub value: Exact,
    /// Rounded by the edition, compared with limits.
    pub judged: Decimal,
    /// Rounded as the area prints it.
    pub published: Decimal,
}

/// The mean of one pollutant over a period in its three roundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeanFigure {
    /// Unrounded; `None` when the edition asks for more days.
    pub mean: Option<Exact>,
    /// Rounded by the edition, compared with limits.
    pub judged: Option<Decimal>,
    /// Rounded as the area prints it.
    pub published: Option<Decimal>,
    /// Days with a valid value.
    pub valid_days: u32,
    /// Whether the edition's least days hold, month by month too.
    pub complete: bool,
    /// What is short, when it is not complete.
    pub void_reason: Option<String>,
}

/// Counts of days by AQI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    /// Calendar days of the period.
    pub calendar: u32,
    /// Days with an AQI.
    pub valid: u32,
    /// Days with an AQI of 100 or less.
    pub good: u32,
    /// Days with an AQI above 200.
    pub heavy: u32,
}

impl DayCounts {
    /// Calendar days without an AQI.
    pub fn void(self) -> u32 {
        self.calendar - self.valid
    }

    /// Good days over valid days, percent; `None` without a valid day.
    pub fn ratio(self) -> Option<Decimal> {
        percent(self.good, self.valid)
    }

    /// The ratio if every void day were bad.
    pub fn ratio_if_voids_bad(self) -> Option<Decimal> {
        percent(self.good, self.calendar)
    }

    /// The ratio if every void day were good.
    pub fn ratio_if_voids_good(self) -> Option<Decimal> {
        percent(self.good + self.void(), self.calendar)
    }
}

fn percent(part: u32, whole: u32) -> Option<Decimal> {
    let share = Exact::whole(i64::from(part) * 100).over(&Exact::whole(i64::from(whole)))?;
    Some(share.round(RATIO_DECIMALS))
}

/// One pollutant's statistics of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollutantFigure {
    /// Mean of the valid days; `None` when the edition asks for more of them.
    pub mean: Option<Statistic>,
    /// The edition's percentile of the valid days; of three years none is defined.
    pub percentile: Option<Statistic>,
    /// Days with a valid value.
    pub valid_days: u32,
    /// Whether the edition's least days hold, month by month too.
    pub complete: bool,
    /// What is short, when it is not complete.
    pub void_reason: Option<String>,
}

impl PollutantFigure {
    /// What a period's pollutant is spoken of by: the percentile of CO and O3, the mean of the others.
    pub fn headline(&self, pollutant: Pollutant) -> Option<&Statistic> {
        let statistic = if by_percentile(pollutant) {
            &self.percentile
        } else {
            &self.mean
        };
        statistic.as_ref()
    }
}

/// Every pollutant's statistics in report order.
pub type Figures = [PollutantFigure; 6];

/// A period of an area under one edition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The period.
    pub period: Period,
    /// The edition's id.
    pub edition: String,
    /// PM2.5.
    pub pm25: MeanFigure,
    /// Days by AQI.
    pub days: DayCounts,
    /// Every pollutant in report order.
    pub pollutants: Figures,
    /// Against the limits of GB 3095; `None` under another authority's profile.
    pub attainment: Option<Attainment>,
    /// Composite index.
    pub composite: CompositeIndex,
}

/// A figure's days: those it is over, and those that were measured, which the least days are counted of.
#[derive(Clone, Copy)]
struct Used<'a> {
    days: &'a [&'a AreaDay],
    measured: &'a [&'a AreaDay],
}

/// Assesses one period from its days (days outside the period are passed over), each statistic from those left
/// for it.
///
/// # Panics
/// When a day stands under another edition than that of `rules`: editions never mix within one figure.
pub fn assess<'d>(
    rules: &Rules<'_>,
    kind: PeriodKind,
    period: Period,
    days: impl Into<Sided<'d>>,
) -> Assessment {
    let (edition, sided) = (rules.edition, days.into());
    let own = |days: &'d [AreaDay]| -> Vec<&'d AreaDay> {
        let within = days.iter().filter(|day| period.span.contains(day.day));
        within.collect()
    };
    let measured = own(sided.measured());
    assert!(
        measured.iter().all(|day| day.edition == edition.id),
        "one figure, one edition"
    );
    let three_years = kind == PeriodKind::ThreeYears;
    let figures = |statistic| -> Figures {
        let days = own(sided.of(statistic));
        let used = Used {
            days: &days,
            measured: &measured,
        };
        Pollutant::ALL.map(|pollutant| {
            if three_years {
                of_three_years(rules, period.span, pollutant, used)
            } else {
                figure(rules, kind, period.span, pollutant, used)
            }
        })
    };
    let mut pollutants = figures(exclusion::Statistic::Mean);
    if sided.is_deducted() {
        let percentiles = figures(exclusion::Statistic::Percentile);
        for (own, other) in pollutants.iter_mut().zip(percentiles) {
            own.percentile = other.percentile;
        }
    }
    let of_composite = sided
        .is_deducted()
        .then(|| figures(exclusion::Statistic::Composite));
    let of_composite = of_composite.as_ref().unwrap_or(&pollutants);
    let days = own(sided.of(exclusion::Statistic::GoodDays));
    let mut counts = DayCounts {
        calendar: period.span.length(),
        ..DayCounts::default()
    };
    for day in days.iter().filter(|day| day.index.aqi.is_some()) {
        counts.valid += 1;
        counts.good += u32::from(day.index.is_good());
        counts.heavy += u32::from(day.index.is_heavy());
    }
    let concentrations = Pollutant::ALL.map(|pollutant| {
        let headline = of_composite[pollutant.index()].headline(pollutant);
        headline.map(|own| own.judged)
    });
    Assessment {
        edition: edition.id.clone(),
        pm25: mean_figure(&pollutants[Pollutant::Pm25.index()]),
        days: counts,
        attainment: (!edition.comparison)
            .then(|| attainment(edition, &pollutants, &days, three_years)),
        composite: composite_index(edition, rules.composite, &concentrations),
        pollutants,
        period,
    }
}

fn mean_figure(figure: &PollutantFigure) -> MeanFigure {
    let mean = figure.mean.as_ref();
    MeanFigure {
        mean: mean.map(|own| own.value.clone()),
        judged: mean.map(|own| own.judged),
        published: mean.map(|own| own.published),
        valid_days: figure.valid_days,
        complete: figure.complete,
        void_reason: figure.void_reason.clone(),
    }
}

fn figure(
    rules: &Rules<'_>,
    kind: PeriodKind,
    span: Span,
    pollutant: Pollutant,
    used: Used<'_>,
) -> PollutantFigure {
    let (edition, at) = (rules.edition, pollutant.index());
    let valid = |day: &&&AreaDay| span.contains(day.day) && day.values.values[at].is_some();
    let measured = used.measured.iter().filter(valid);
    let dates: Vec<NaiveDate> = measured.map(|day| day.day).collect();
    let own = used.days.iter().filter(valid);
    let values: Vec<&Exact> = own
        .filter_map(|day| day.values.values[at].as_ref())
        .collect();
    let count = |length| u32::try_from(length).expect("a period's days");
    let valid_days = count(values.len());
    let nothing = || values.is_empty().then(|| "no valid day".to_owned());
    let short = shortfall(edition, kind, span, count(dates.len())).or_else(nothing);
    if short.is_some() {
        return PollutantFigure {
            valid_days,
            void_reason: short,
            ..PollutantFigure::default()
        };
    }
    let mean = Exact::mean(values.iter().copied());
    let void_reason = short_month(edition, kind, span, &dates);
    PollutantFigure {
        mean: mean.map(|mean| rules.statistic(pollutant, mean)),
        percentile: edition.percentiles[at]
            .and_then(|percent| percentile(values, percent))
            .map(|own| rules.statistic(pollutant, own)),
        valid_days,
        complete: void_reason.is_none(),
        void_reason,
    }
}

/// The mean of three annual means, each under the annual rules.
fn of_three_years(
    rules: &Rules<'_>,
    span: Span,
    pollutant: Pollutant,
    used: Used<'_>,
) -> PollutantFigure {
    let year = |year: &Period| figure(rules, PeriodKind::Year, year.span, pollutant, used);
    let years = PeriodKind::Year.cut(span);
    let figures: Vec<PollutantFigure> = years.iter().map(year).collect();
    let means = figures.iter().filter_map(|own| own.mean.as_ref());
    let means: Vec<&Exact> = means.map(|own| &own.value).collect();
    let all = means.len() == figures.len();
    let mean = Exact::mean(means.iter().copied()).filter(|_| all);
    let short = || {
        let mut figures = figures.iter().zip(&years);
        let (own, year) = figures.find(|(own, _)| own.mean.is_none())?;
        Some(format!("{}: {}", year.label, own.void_reason.as_deref()?))
    };
    let incomplete = || figures.iter().find_map(|own| own.void_reason.clone());
    let void_reason = short().or_else(incomplete);
    PollutantFigure {
        mean: mean.map(|mean| rules.statistic(pollutant, mean)),
        percentile: None,
        valid_days: figures.iter().map(|own| own.valid_days).sum(),
        complete: void_reason.is_none(),
        void_reason,
    }
}

/// The percentile of HJ 663 Annex A.6: `k = 1 + (n-1) p / 100`, linear between the two neighbours of rank `k`.
pub fn percentile(mut values: Vec<&Exact>, percent: u32) -> Option<Exact> {
    let last = values.len().checked_sub(1)?;
    let scaled = last * percent as usize;
    let (rank, rest) = (scaled / 100, scaled % 100);
    let (_, low, above) = values.select_nth_unstable(rank);
    if rest == 0 {
        return Some(Exact::clone(low));
    }
    let high = above.iter().min()?;
    let share = Exact::ratio(i64::try_from(rest).expect("below 100"), 100);
    Some(low.plus(&high.minus(low).times(&share)))
}

/// Too few days for the statistic to exist: GB 3095 Table 4 for the year, taken over for twelve months on
/// end; for the month the count its annual row asks of each month.
fn shortfall(edition: &Edition, kind: PeriodKind, span: Span, valid_days: u32) -> Option<String> {
    let whole = |kind: PeriodKind| kind.containing(span.from).span == span;
    let year = matches!(kind, PeriodKind::Year | PeriodKind::TwelveMonths)
        || (kind == PeriodKind::Whole && whole(PeriodKind::Year));
    let month =
        kind == PeriodKind::Month || (kind == PeriodKind::Whole && whole(PeriodKind::Month));
    let need = match (year, month) {
        (true, _) => edition.validity.year_days_min,
        (_, true) => edition.validity.days_min_of_month(span.from),
        _ => 1,
    };
    (valid_days < need).then(|| format!("{valid_days} of {need} days"))
}

/// A month of the period with too few days. The statistic is given, but called incomplete.
fn short_month(
    edition: &Edition,
    kind: PeriodKind,
    span: Span,
    valid: &[NaiveDate],
) -> Option<String> {
    if !matches!(
        kind,
        PeriodKind::Year
            | PeriodKind::TwelveMonths
            | PeriodKind::Half
            | PeriodKind::Quarter
            | PeriodKind::Whole
    ) {
        return None;
    }
    let month_of = |day: NaiveDate| (day.year() - span.from.year()) * 12 + day.month0() as i32;
    let first = month_of(span.from);
    let place = |day: NaiveDate| usize::try_from(month_of(day) - first).expect("within the span");
    let mut have = vec![0; place(span.to) + 1];
    for day in valid {
        have[place(*day)] += 1;
    }
    for (number, have) in (first..).zip(have) {
        let year = span.from.year() + number / 12;
        let start = NaiveDate::from_ymd_opt(year, number as u32 % 12 + 1, 1)?;
        let need = edition.validity.days_min_of_month(start);
        if have >= need {
            continue;
        }
        let month = PeriodKind::Month.containing(start);
        if span.contains(month.span.from) && span.contains(month.span.to) {
            return Some(format!("{}: {have} of {need} days", month.label));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_between_ranks() {
        let values: Vec<Exact> = [3, 4, 8, 2, 5, 4].map(Exact::whole).to_vec();
        assert_eq!(
            percentile(values.iter().collect(), 90),
            Some(Exact::ratio(13, 2))
        );
        assert_eq!(
            percentile(values.iter().take(1).collect(), 90),
            Some(Exact::whole(3))
        );
        assert_eq!(
            percentile(values.iter().collect(), 100),
            Some(Exact::whole(8))
        );
        assert_eq!(percentile(Vec::new(), 90), None);
    }

    #[test]
    fn a_void_day_is_neither_good_nor_counted() {
        let beijing_2008 = DayCounts {
            calendar: 366,
            valid: 364,
            good: 272,
            heavy: 0,
        };
        assert_eq!(beijing_2008.void(), 2);
        assert_eq!(
            beijing_2008
                .ratio()
                .map(|ratio| ratio.to_string())
                .as_deref(),
            Some("74.7")
        );
        let bounds = [
            beijing_2008.ratio_if_voids_bad(),
            beijing_2008.ratio_if_voids_good(),
        ];
        assert_eq!(
            bounds.map(|ratio| ratio.map(|r| r.to_string()).unwrap_or_default()),
            ["74.3", "74.9"]
        );
        assert_eq!(DayCounts::default().ratio(), None);
    }
}
