//! Figures of a period: means, percentiles, good days, composite index, year on year.
//!
//! GB 3095 clause 3 (period means are means of daily means) and Table 4 (least days), HJ 663 Annex A.6
//! (percentiles), HJ 633 for good (AQI <= 100) and heavy (AQI > 200) days. A day without an AQI is void and
//! never counts as good; the ratio's two bounds say what it would be if all void days were bad or good.

use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// Decimals a good-day ratio and a change are published with.
pub const RATIO_DECIMALS: u32 = 1;

/// How an area prints its figures: decimals by pollutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Decimals by pollutant in report order; `None` prints as the edition judges.
    pub decimals: [Option<u32>; 6],
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

/// One pollutant's statistics of a period, as judged; `None` when the edition asks for more days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollutantFigure {
    /// Mean of the valid days.
    pub mean: Option<Exact>,
    /// The edition's percentile of the valid days.
    pub percentile: Option<Exact>,
}

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
    pub pollutants: [PollutantFigure; 6],
    /// Composite index; `None` when a pollutant is missing.
    pub composite: Option<Decimal>,
}

/// Change against the same period a year before, from published figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearOnYear {
    /// PM2.5, percent.
    pub pm25_pct: Option<Decimal>,
    /// Good-day ratio, percentage points.
    pub good_day_ratio_pp: Option<Decimal>,
    /// Whether both sides are complete.
    pub comparable: bool,
}

/// Assesses one period from its days (days outside the period are passed over).
///
/// # Panics
/// When a day stands under another edition than `edition`: editions never mix within one figure.
pub fn assess(
    edition: &Edition,
    publication: &Publication,
    kind: PeriodKind,
    period: Period,
    days: &[AreaDay],
) -> Assessment {
    let days: Vec<&AreaDay> = days
        .iter()
        .filter(|day| period.span.contains(day.day))
        .collect();
    assert!(
        days.iter().all(|day| day.edition == edition.id),
        "one figure, one edition"
    );
    let figure = |pollutant| figure(edition, kind, period.span, pollutant, &days);
    let pollutants = Pollutant::ALL.map(figure);
    let mut counts = DayCounts {
        calendar: period.span.length(),
        ..DayCounts::default()
    };
    for day in days.iter().filter(|day| day.index.aqi.is_some()) {
        counts.valid += 1;
        counts.good += u32::from(day.index.is_good());
        counts.heavy += u32::from(day.index.is_heavy());
    }
    let pm25 = pm25_figure(edition, publication, kind, &period, &days);
    let composite = composite(edition, &pollutants);
    Assessment {
        edition: edition.id.clone(),
        pm25,
        days: counts,
        pollutants,
        composite,
        period,
    }
}

fn valid_values<'a>(pollutant: Pollutant, days: &[&'a AreaDay]) -> Vec<&'a Exact> {
    days.iter()
        .filter_map(|day| day.values.values[pollutant.index()].as_ref())
        .collect()
}

fn figure(
    edition: &Edition,
    kind: PeriodKind,
    span: Span,
    pollutant: Pollutant,
    days: &[&AreaDay],
) -> PollutantFigure {
    let values = valid_values(pollutant, days);
    let valid_days = u32::try_from(values.len()).expect("a period's days");
    if shortfall(edition, kind, span, valid_days).is_some() {
        return PollutantFigure::default();
    }
    PollutantFigure {
        mean: Exact::mean(values.iter().copied()),
        percentile: edition.percentiles[pollutant.index()]
            .and_then(|percent| percentile(values, percent)),
    }
}

/// The percentile of HJ 663 Annex A.6: `k = 1 + (n-1) p / 100`, linear between the two neighbours of rank `k`.
pub fn percentile(mut values: Vec<&Exact>, percent: u32) -> Option<Exact> {
    values.sort();
    let last = values.len().checked_sub(1)?;
    let scaled = last * percent as usize;
    let (rank, rest) = (scaled / 100, scaled % 100);
    let low = values[rank];
    let Some(high) = values.get(rank + 1).filter(|_| rest > 0) else {
        return Some(low.clone());
    };
    let share = Exact::ratio(i64::try_from(rest).expect("below 100"), 100);
    Some(low.plus(&high.minus(low).times(&share)))
}

fn pm25_figure(
    edition: &Edition,
    publication: &Publication,
    kind: PeriodKind,
    period: &Period,
    days: &[&AreaDay],
) -> MeanFigure {
    let index = Pollutant::Pm25.index();
    let values = valid_values(Pollutant::Pm25, days);
    let valid_days = u32::try_from(values.len()).expect("a period's days");
    let short = shortfall(edition, kind, period.span, valid_days);
    let mean = Exact::mean(values).filter(|_| short.is_none());
    let valid = |day: &&&AreaDay| day.values.values[index].is_some();
    let dates: Vec<NaiveDate> = days.iter().filter(valid).map(|day| day.day).collect();
    let void_reason = short
        .or_else(|| short_month(edition, kind, period.span, &dates))
        .or_else(|| {
            let nothing = || "no valid day".to_owned();
            mean.is_none().then(nothing)
        });
    let decimals = publication.decimals[index].unwrap_or(edition.decimals[index]);
    MeanFigure {
        judged: mean
            .as_ref()
            .map(|mean| mean.round(edition.decimals[index])),
        published: mean.as_ref().map(|mean| mean.round(decimals)),
        mean,
        valid_days,
        complete: void_reason.is_none(),
        void_reason,
    }
}

/// Too few days for the statistic to exist: GB 3095 Table 4 for the year; for the month the count its annual
/// row asks of each month.
fn shortfall(edition: &Edition, kind: PeriodKind, span: Span, valid_days: u32) -> Option<String> {
    let whole = |kind: PeriodKind| kind.containing(span.from).span == span;
    let year = kind == PeriodKind::Year || (kind == PeriodKind::Whole && whole(PeriodKind::Year));
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
        PeriodKind::Year | PeriodKind::Half | PeriodKind::Quarter | PeriodKind::Whole
    ) {
        return None;
    }
    for month in PeriodKind::Month.cut(span) {
        let have = valid
            .iter()
            .filter(|day| month.span.contains(**day))
            .count();
        let whole = PeriodKind::Month.containing(month.span.from).span == month.span;
        let need = edition.validity.days_min_of_month(month.span.from);
        if whole && have < need as usize {
            return Some(format!("{}: {have} of {need} days", month.label));
        }
    }
    None
}

/// Sum over the pollutants of figure over limit, each rounded before adding. CO and O3 stand by their
/// percentile against the daily limits, the others by their mean against the annual ones.
fn composite(edition: &Edition, pollutants: &[PollutantFigure; 6]) -> Option<Decimal> {
    let rule = edition.composite.as_ref()?;
    let mut sum = Exact::zero();
    for pollutant in Pollutant::ALL {
        let figure = &pollutants[pollutant.index()];
        let (value, averaging) = match pollutant {
            Pollutant::Co => (&figure.percentile, Averaging::Hour24),
            Pollutant::O3 => (&figure.percentile, Averaging::Hour8),
            _ => (&figure.mean, Averaging::Annual),
        };
        let value = value
            .as_ref()?
            .round(edition.decimals[pollutant.index()])
            .exact();
        let limit = Exact::amount(edition.class_2(pollutant, averaging)?);
        let single = value.over(&limit)?.round(rule.decimals).exact();
        let weight = Exact::whole(rule.weights[pollutant.index()]);
        sum = sum.plus(&single.times(&weight));
    }
    Some(sum.round(rule.decimals))
}

/// The change of `now` against `before`, both under one edition, from their published figures.
///
/// # Panics
/// When the two stand under different editions.
pub fn year_on_year(now: &Assessment, before: &Assessment) -> YearOnYear {
    assert_eq!(now.edition, before.edition, "both sides under one edition");
    let pm25_pct = now
        .pm25
        .published
        .zip(before.pm25.published)
        .and_then(|(now, before)| {
            let change = now.exact().minus(&before.exact()).times(&Exact::whole(100));
            Some(change.over(&before.exact())?.round(RATIO_DECIMALS))
        });
    let good_day_ratio_pp = now
        .days
        .ratio()
        .zip(before.days.ratio())
        .map(|(now, before)| now.exact().minus(&before.exact()).round(RATIO_DECIMALS));
    let comparable = now.pm25.complete && before.pm25.complete;
    YearOnYear {
        pm25_pct,
        good_day_ratio_pp,
        comparable,
    }
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
