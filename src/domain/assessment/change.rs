//! Changes between two figures, each of its own kind: percent, percentage points, days.
//!
//! Year on year is computed from published figures, as bulletins print it: percent for concentrations and the
//! composite index, points for ratios, whole days for counts. The kinds are types so that none stands for
//! another.

use crate::domain::assessment::Assessment;
use crate::domain::assessment::DayCounts;
use crate::domain::assessment::RATIO_DECIMALS;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// A relative change, percent to one decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(Decimal);

impl Percent {
    /// `(now - before) / before`; `None` from zero.
    ///
    /// ```
    /// use skytier::domain::assessment::change::Percent;
    /// use skytier::domain::units::Exact;
    /// let whole = |value| Exact::whole(value).round(0);
    /// let change = Percent::of(whole(30), whole(36)).unwrap();
    /// assert_eq!(change.number().to_string(), "-16.7");
    /// assert!(Percent::of(whole(1), whole(0)).is_none());
    /// ```
    pub fn of(now: Decimal, before: Decimal) -> Option<Self> {
        let (now, before) = (now.exact(), before.exact());
        let change = now.minus(&before).times(&Exact::whole(100));
        Some(Self(change.over(&before)?.round(RATIO_DECIMALS)))
    }

    /// The number of percent.
    pub fn number(self) -> Decimal {
        self.0
    }
}

/// A difference of two ratios, percentage points to one decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points(Decimal);

impl Points {
    /// Between the published good-day ratios; `None` when either has no valid day.
    pub fn of(now: DayCounts, before: DayCounts) -> Option<Self> {
        let (now, before) = (now.ratio()?.exact(), before.ratio()?.exact());
        Some(Self(now.minus(&before).round(RATIO_DECIMALS)))
    }

    /// The number of points.
    pub fn number(self) -> Decimal {
        self.0
    }
}

/// A difference of counts of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayDifference(i64);

impl DayDifference {
    /// `now - before`.
    pub fn of(now: u32, before: u32) -> Self {
        Self(i64::from(now) - i64::from(before))
    }

    /// The number of days.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// What the earlier side of a year on year was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its days.
    pub span: Span,
    /// Published PM2.5 mean.
    pub pm25: Option<Decimal>,
    /// Days by AQI.
    pub days: DayCounts,
    /// Composite index.
    pub composite: Option<Decimal>,
}

/// Change against the same period a year before, from published figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearOnYear {
    /// PM2.5, percent.
    pub pm25_pct: Option<Percent>,
    /// Good-day ratio, percentage points.
    pub good_day_ratio_pp: Option<Points>,
    /// Good days.
    pub good_days: DayDifference,
    /// Heavy days.
    pub heavy_days: DayDifference,
    /// Composite index, percent.
    pub composite_pct: Option<Percent>,
    /// Every pollutant's figure in report order, percent: the mean, of CO and O3 the percentile.
    pub pollutants: [Option<Percent>; 6],
    /// Whether both sides are complete.
    pub comparable: bool,
    /// The side compared with.
    pub earlier: Earlier,
}

/// The change of `now` against `before`, both under one edition, from their published figures.
///
/// # Panics
/// When the two stand under different editions.
pub fn year_on_year(now: &Assessment, before: &Assessment) -> YearOnYear {
    assert_eq!(now.edition, before.edition, "both sides under one edition");
    let published = |side: &Assessment, pollutant: Pollutant| {
        let figure = &side.pollutants[pollutant.index()];
        figure.headline(pollutant).map(|own| own.published)
    };
    let percent = |now: Option<Decimal>, before: Option<Decimal>| Percent::of(now?, before?);
    let change = |pollutant| percent(published(now, pollutant), published(before, pollutant));
    YearOnYear {
        pm25_pct: percent(now.pm25.published, before.pm25.published),
        good_day_ratio_pp: Points::of(now.days, before.days),
        good_days: DayDifference::of(now.days.good, before.days.good),
        heavy_days: DayDifference::of(now.days.heavy, before.days.heavy),
        composite_pct: percent(now.composite.value, before.composite.value),
        pollutants: Pollutant::ALL.map(change),
        comparable: now.pm25.complete && before.pm25.complete,
        earlier: Earlier {
            span: before.period.span,
            pm25: before.pm25.published,
            days: before.days,
            composite: before.composite.value,
        },
    }
}

/// What another edition makes of the same air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditionEffect {
    /// The edition of the first result.
    pub from: String,
    /// The edition compared with it.
    pub to: String,
    /// Days with an AQI.
    pub valid_days: DayDifference,
    /// Good days; `None` when one of the two has no AQI at all.
    pub good_days: Option<DayDifference>,
    /// Heavy days; likewise.
    pub heavy_days: Option<DayDifference>,
    /// Good-day ratio, percentage points.
    pub good_day_ratio_pp: Option<Points>,
    /// Composite index, a difference.
    pub composite: Option<Decimal>,
}

/// The effect of judging by `to` instead of `from`.
///
/// # Panics
/// When the two are not of the same days: only then is the air the same.
pub fn edition_effect(from: &Assessment, to: &Assessment) -> EditionEffect {
    assert_eq!(from.period, to.period, "the same air");
    let composite = from.composite.value.zip(to.composite.value);
    let composite = composite.map(|(from, to)| {
        let decimals = from.decimals().max(to.decimals());
        to.exact().minus(&from.exact()).round(decimals)
    });
    let difference = |count: fn(DayCounts) -> u32| {
        let both = from.days.valid > 0 && to.days.valid > 0;
        both.then(|| DayDifference::of(count(to.days), count(from.days)))
    };
    EditionEffect {
        from: from.edition.clone(),
        to: to.edition.clone(),
        valid_days: DayDifference::of(to.days.valid, from.days.valid),
        good_days: difference(|days| days.good),
        heavy_days: difference(|days| days.heavy),
        good_day_ratio_pp: Points::of(to.days, from.days),
        composite,
    }
}
