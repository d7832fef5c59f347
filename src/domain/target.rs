//! How a target stands: the value so far, whether it is met, what the rest of the year must be and may bring.
//!
//! Control value for the remaining days: `C = (T (n + L) - sum) / L`, with `n` the valid days so far, `sum`
//! their unrounded sum and `L` the calendar days left, rounded once, half to even, to a whole number. It aims at
//! the target exactly. Void days so far shrink `n`, and the year's `n + L` with it.
//!
//! Whether a target is met, and how many good days it still takes, is judged by the figure as the edition rounds
//! it: 311 good days of 366 are 85.0 % and meet 85 %.

use std::fmt;

use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::DayCounts;
use crate::domain::assessment::Statistic;
use crate::domain::assessment::composite::by_percentile;
use crate::domain::assessment::composite::composite_index;
use crate::domain::assessment::percentile;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::exclusion;
use crate::domain::pollutant::Pollutant;
use crate::domain::projection::Projection;
use crate::domain::projection::Spread;
use crate::domain::registry::Item;
use crate::domain::registry::Target;
use crate::domain::standards::Edition;
use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// The percentile of [`Item::O3P90`].
const OZONE_PERCENTILE: u32 = 90;

/// A figure of a standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// The value so far.
    Value,
    /// Whether it meets the target.
    Met,
    /// Whether the year meets it if it goes on like this.
    OnTrack,
    /// Whether it can still be met.
    Reachable,
    /// What the days left may average.
    RemainingDaysControl,
    /// Good days still needed.
    DaysShort,
    /// Days above 100 that may still come.
    BadDaysLeft,
    /// Heavily polluted days that may still come.
    HeavyDaysLeft,
    /// Where the year may end.
    Projection,
    /// How likely the target is met.
    Chance,
}

impl Figure {
    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Met => "met",
            Self::OnTrack => "on_track",
            Self::Reachable => "reachable",
            Self::RemainingDaysControl => "remaining_days_control",
            Self::DaysShort => "days_short",
            Self::BadDaysLeft => "bad_days_left",
            Self::HeavyDaysLeft => "heavy_days_left",
            Self::Projection => "projection",
            Self::Chance => "chance",
        }
    }
}

/// Why a figure of a standing cannot be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The period lacks data, in the words of its assessment.
    Data(String),
    /// The target names an edition that is not there.
    UnknownEdition(String),
    /// The target's year is over; whether it was met says all.
    YearOver,
    /// The target's year has not begun.
    NotBegun,
    /// The days so far alone come to more than the target allows.
    OutOfReach,
    /// The days so far alone come to more than the target, and to no more once rounded.
    RoundingOnly,
    /// No past year has as many valid days.
    NoPastYear {
        /// Valid days a past year needs.
        need: u32,
    },
    /// The past days drawn from have no such figure.
    NotDrawn,
    /// The edition has no such statistic.
    NotOfEdition,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(reason) => f.write_str(reason),
            Self::UnknownEdition(id) => write!(f, "edition {id:?} is not there"),
            Self::YearOver => f.write_str("the year is over"),
            Self::NotBegun => f.write_str("the year has not begun"),
            Self::OutOfReach => {
                f.write_str("out of reach: the days so far alone exceed the target")
            }
            Self::RoundingOnly => {
                f.write_str("the days so far alone exceed the target; rounded, it can still be met")
            }
            Self::NoPastYear { need } => write!(f, "no past year with {need} valid days"),
            Self::NotDrawn => f.write_str("the past days have no such figure"),
            Self::NotOfEdition => f.write_str("the edition has no such statistic"),
        }
    }
}

/// A target beside the figure it speaks of. A figure that belongs to the item and is `None` has its reason in
/// `gaps`; one that does not belong to the item is `None` without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The target's id.
    pub id: String,
    /// What it is about.
    pub item: Item,
    /// Its year.
    pub year: i32,
    /// Who set it.
    pub issuer: String,
    /// In which document.
    pub document: String,
    /// The edition it is judged under.
    pub edition: String,
    /// Every year the area has a target of this item for.
    pub item_years: Vec<i32>,
    /// Last day of the data it rests on.
    pub on: NaiveDate,
    /// The figure, as judged or counted.
    pub value: Option<Decimal>,
    /// The value aimed at.
    pub limit: Decimal,
    /// Whether the figure as it is now meets it.
    pub met: Option<bool>,
    /// Whether the year meets it if it goes on as so far; counts of days in proportion to the days gone.
    pub on_track: Option<bool>,
    /// Whether it can still be met, if all days left were as good as can be.
    pub reachable: Option<bool>,
    /// Calendar days left of the year.
    pub days_left: u32,
    /// Valid days so far: of the pollutant, or days with an AQI.
    pub valid_days: u32,
    /// What PM2.5 or PM10 may average over the days left.
    pub remaining_days_control: Option<Decimal>,
    /// Good days still needed; more than the days left when it is out of reach.
    pub days_short: Option<i64>,
    /// Days with an AQI above 100 that may still come; negative when too many came already.
    pub bad_days_left: Option<i64>,
    /// Days with an AQI above 200 that may still come; negative when too many came already.
    pub heavy_days_left: Option<i64>,
    /// Where the year may end.
    pub outlook: Option<Outlook>,
    /// Why figures are missing.
    pub gaps: Vec<(Figure, Gap)>,
}

/// Where the target's figure may end, and how likely it meets the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The spread at the year's end.
    pub spread: Spread,
    /// Whole percent of the years made up that meet the target.
    pub chance: u32,
    /// What the draws follow from.
    pub seed: u64,
    /// Past years drawn from.
    pub years: Vec<i32>,
}

/// What a standing is made from: the target's year up to a day, under one edition.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The edition.
    pub edition: &'a Edition,
    /// Figures of the year so far, or of the whole year once it is over.
    pub assessment: &'a Assessment,
    /// Its days from 1 January on.
    pub days: &'a [AreaDay],
    /// Calendar days left of the year.
    pub days_left: u32,
}

impl Basis<'_> {
    fn values(&self, pollutant: Pollutant) -> Vec<&Exact> {
        let value = |day| -> Option<&Exact> { value_of(day, pollutant) };
        self.days.iter().filter_map(value).collect()
    }
}

fn value_of(day: &AreaDay, pollutant: Pollutant) -> Option<&Exact> {
    day.values.values[pollutant.index()].as_ref()
}

/// The statistic whose exclusions an item's figure goes by.
pub const fn statistic(item: Item) -> exclusion::Statistic {
    match item {
        Item::Pm25Mean | Item::Pm10Mean => exclusion::Statistic::Mean,
        Item::O3P90 => exclusion::Statistic::Percentile,
        Item::CompositeIndex => exclusion::Statistic::Composite,
        Item::GoodDayRatio | Item::GoodDays | Item::HeavyDays => exclusion::Statistic::GoodDays,
    }
}

/// The days left of a year after a span that begins with it.
pub fn days_left(span: Span) -> Option<Span> {
    let from = span.to.succ_opt()?;
    let to = PeriodKind::Year.containing(span.from).span.to;
    (from <= to).then_some(Span { from, to })
}

/// The figure of an item as limits and targets are compared with it; `None` when the period has too few days.
pub fn judged(item: Item, edition: &Edition, assessment: &Assessment) -> Option<Decimal> {
    let count = |days: u32| (assessment.days.valid > 0).then(|| Exact::whole(i64::from(days)));
    let figure = |pollutant: Pollutant| &assessment.pollutants[pollutant.index()];
    let judged = |figure: &Option<Statistic>| figure.as_ref().map(|own| own.judged);
    match item {
        Item::Pm25Mean => assessment.pm25.judged,
        Item::Pm10Mean => judged(&figure(Pollutant::Pm10).mean),
        Item::O3P90 if edition.percentiles[Pollutant::O3.index()] == Some(OZONE_PERCENTILE) => {
            judged(&figure(Pollutant::O3).percentile)
        }
        Item::O3P90 => None,
        Item::CompositeIndex => assessment.composite.value,
        Item::GoodDayRatio => assessment.days.ratio(),
        Item::GoodDays => count(assessment.days.good).map(|days| days.round(0)),
        Item::HeavyDays => count(assessment.days.heavy).map(|days| days.round(0)),
    }
}

/// The control value, unrounded, for `left` days after `valid_days` days whose values add up to `sum`; below zero
/// when the target is out of reach, `None` when no day is left.
pub fn control_value(target: &Exact, sum: &Exact, valid_days: u32, left: u32) -> Option<Exact> {
    let whole = Exact::whole(i64::from(valid_days) + i64::from(left));
    let rest = target.times(&whole).minus(sum);
    rest.over(&Exact::whole(i64::from(left)))
}

/// Good days a ratio takes of `whole` valid days, judged as rounded.
fn good_days_needed(limit: &Exact, whole: u32) -> i64 {
    let ratio = |good: u32| {
        let days = DayCounts {
            calendar: whole,
            valid: whole,
            good,
            heavy: 0,
        };
        days.ratio().map(Decimal::exact)
    };
    let share = limit.times(&Exact::ratio(1, 100));
    let mut needed = share.times(&Exact::whole(i64::from(whole))).ceil().max(0);
    let meets = |good: i64| {
        let ratio = u32::try_from(good).ok().and_then(ratio);
        ratio.is_some_and(|ratio| Item::GoodDayRatio.meets(&ratio, limit))
    };
    while meets(needed - 1) {
        needed -= 1;
    }
    needed
}

/// A target without any figure, for one reason that holds for all of them.
pub fn blank(target: &Target, item_years: Vec<i32>, on: NaiveDate, gap: &Gap) -> Standing {
    let mut standing = named(target, item_years, on);
    let figures = [
        Figure::Value,
        Figure::Met,
        Figure::OnTrack,
        Figure::Reachable,
        Figure::Projection,
        Figure::Chance,
    ];
    standing.lack(&figures, gap);
    standing.lack(own_figures(target.item), gap);
    standing
}

/// How `target` stands at the end of the basis' days.
///
/// # Panics
/// When the parts of the basis, or the projection, stand under different editions.
pub fn standing(
    target: &Target,
    item_years: Vec<i32>,
    basis: &Basis<'_>,
    projection: Option<&Projection>,
) -> Standing {
    let edition = basis.edition;
    let same = |id: &str| assert_eq!(id, edition.id, "one figure, one edition");
    same(&basis.assessment.edition);
    let limit = Exact::amount(target.limit);
    let value = judged(target.item, edition, basis.assessment);
    let mut standing = Standing {
        edition: edition.id.clone(),
        value,
        met: value.map(|value| target.item.meets(&value.exact(), &limit)),
        days_left: basis.days_left,
        valid_days: valid_days(target.item, basis),
        ..named(target, item_years, basis.assessment.period.span.to)
    };
    let ahead = [
        Figure::OnTrack,
        Figure::Reachable,
        Figure::Projection,
        Figure::Chance,
    ];
    let no_value = value.is_none().then(|| no_value(target.item, basis));
    if let Some(gap) = &no_value {
        standing.lack(&[Figure::Value, Figure::Met], gap);
    }
    if basis.days_left == 0 {
        standing.lack(&ahead, &Gap::YearOver);
        standing.lack(own_figures(target.item), &Gap::YearOver);
    } else if let Some(gap) = &no_value {
        standing.lack(&ahead, gap);
        standing.lack(own_figures(target.item), gap);
    } else {
        pace(&mut standing, &limit, basis);
        look_ahead(&mut standing, &limit, basis, projection);
    }
    standing
}

impl Standing {
    /// Whether the target's year is over in the year of today.
    pub fn expired(&self, this_year: i32) -> bool {
        self.year < this_year
    }

    /// Whether it expired and the area has no target of its item for this year.
    pub fn next_target_missing(&self, this_year: i32) -> bool {
        self.expired(this_year) && !self.item_years.contains(&this_year)
    }

    fn lack(&mut self, figures: &[Figure], gap: &Gap) {
        self.gaps
            .extend(figures.iter().map(|figure| (*figure, gap.clone())));
    }
}

fn named(target: &Target, item_years: Vec<i32>, on: NaiveDate) -> Standing {
    let limit = Exact::amount(target.limit);
    let shortest = (0..AMOUNT_DECIMALS).find(|decimals| limit.round(*decimals).exact() == limit);
    Standing {
        id: target.id.clone(),
        item: target.item,
        year: target.year,
        issuer: target.issuer.clone(),
        document: target.document.clone(),
        edition: target.edition.clone().unwrap_or_default(),
        item_years,
        on,
        value: None,
        limit: limit.round(shortest.unwrap_or(AMOUNT_DECIMALS)),
        met: None,
        on_track: None,
        reachable: None,
        days_left: 0,
        valid_days: 0,
        remaining_days_control: None,
        days_short: None,
        bad_days_left: None,
        heavy_days_left: None,
        outlook: None,
        gaps: Vec::new(),
    }
}

/// The figures that belong to some items only.
fn own_figures(item: Item) -> &'static [Figure] {
    match item {
        Item::Pm25Mean | Item::Pm10Mean => &[Figure::RemainingDaysControl],
        Item::GoodDayRatio | Item::GoodDays => &[Figure::DaysShort, Figure::BadDaysLeft],
        Item::HeavyDays => &[Figure::HeavyDaysLeft],
        Item::O3P90 | Item::CompositeIndex => &[],
    }
}

fn valid_days(item: Item, basis: &Basis<'_>) -> u32 {
    match item.pollutant() {
        Some(pollutant) => u32::try_from(basis.values(pollutant).len()).expect("days of a year"),
        None => basis.assessment.days.valid,
    }
}

/// Why the item has no figure.
fn no_value(item: Item, basis: &Basis<'_>) -> Gap {
    let no_percentile = basis.edition.percentiles[Pollutant::O3.index()] != Some(OZONE_PERCENTILE);
    if item == Item::O3P90 && no_percentile {
        return Gap::NotOfEdition;
    }
    let assessment = basis.assessment;
    let reason = match item.pollutant() {
        _ if valid_days(item, basis) == 0 => None,
        Some(pollutant) => assessment.pollutants[pollutant.index()].void_reason.clone(),
        None => assessment.composite.void_reason.clone(),
    };
    Gap::Data(reason.unwrap_or_else(|| "no valid day".to_owned()))
}

/// What the days left must be for the year to meet the target.
fn pace(standing: &mut Standing, limit: &Exact, basis: &Basis<'_>) {
    let left = i64::from(basis.days_left);
    let days = basis.assessment.days;
    let (good, heavy) = (i64::from(days.good), i64::from(days.heavy));
    standing.on_track = match standing.item {
        Item::GoodDays | Item::HeavyDays => {
            let gone = i64::from(days.calendar);
            let count = if standing.item == Item::GoodDays {
                good
            } else {
                heavy
            };
            let pace = Exact::ratio(count * (gone + left), gone);
            Some(standing.item.meets(&pace, limit))
        }
        _ => standing.met,
    };
    match standing.item {
        Item::Pm25Mean | Item::Pm10Mean => control(standing, limit, basis),
        Item::O3P90 => {
            let best = best(basis, Pollutant::O3).map(Decimal::exact);
            standing.reachable = best.map(|best| best <= *limit);
        }
        Item::GoodDayRatio => {
            let whole = days.valid + basis.days_left;
            days_of(standing, good_days_needed(limit, whole) - good, left);
        }
        Item::GoodDays => days_of(standing, limit.ceil() - good, left),
        Item::HeavyDays => {
            let allowed = -limit.times(&Exact::whole(-1)).ceil() - heavy;
            standing.heavy_days_left = Some(allowed.min(left));
            standing.reachable = Some(allowed >= 0);
        }
        Item::CompositeIndex => {
            let options = basis.assessment.composite.options;
            let least = Pollutant::ALL.map(|own| best(basis, own));
            let least = composite_index(basis.edition, options, &least).value;
            standing.reachable = least.map(|least| least.exact() <= *limit);
        }
    }
}

fn days_of(standing: &mut Standing, short: i64, left: i64) {
    let short = short.max(0);
    standing.days_short = Some(short);
    standing.bad_days_left = Some(left - short);
    standing.reachable = Some(short <= left);
}

fn control(standing: &mut Standing, limit: &Exact, basis: &Basis<'_>) {
    let pollutant = standing.item.pollutant().expect("a mean's pollutant");
    let values = basis.values(pollutant);
    let sum = values
        .iter()
        .fold(Exact::zero(), |sum, value| sum.plus(value));
    let reachable = best(basis, pollutant).is_some_and(|best| best.exact() <= *limit);
    standing.reachable = Some(reachable);
    let control = control_value(limit, &sum, standing.valid_days, basis.days_left);
    let control = control.filter(|control| !control.is_negative());
    standing.remaining_days_control = control.map(|control| control.round(0));
    if standing.remaining_days_control.is_none() {
        let gap = if reachable {
            Gap::RoundingOnly
        } else {
            Gap::OutOfReach
        };
        standing.lack(&[Figure::RemainingDaysControl], &gap);
    }
}

/// A pollutant's figure of the year, as judged, if nothing of it came any more.
fn best(basis: &Basis<'_>, pollutant: Pollutant) -> Option<Decimal> {
    let zero = Exact::zero();
    let mut values = basis.values(pollutant);
    values.extend((0..basis.days_left).map(|_| &zero));
    let at = pollutant.index();
    let figure = if by_percentile(pollutant) {
        percentile(values, basis.edition.percentiles[at]?)
    } else {
        Exact::mean(values)
    };
    Some(figure?.round(basis.edition.decimals[at]))
}

fn look_ahead(
    standing: &mut Standing,
    limit: &Exact,
    basis: &Basis<'_>,
    projection: Option<&Projection>,
) {
    let figures = [Figure::Projection, Figure::Chance];
    let Some(projection) = projection else {
        let need = basis.edition.validity.year_days_min;
        standing.lack(&figures, &Gap::NoPastYear { need });
        return;
    };
    assert_eq!(
        projection.edition.id, basis.edition.id,
        "one figure, one edition"
    );
    let chance = projection.chance(standing.item, limit);
    let found = projection.spread(standing.item).zip(chance);
    standing.outlook = found.map(|(spread, chance)| Outlook {
        spread,
        chance,
        seed: projection.seed,
        years: projection.years.clone(),
    });
    if standing.outlook.is_none() {
        standing.lack(&figures, &Gap::NotDrawn);
    }
}

#[cfg(test)]
mod tests;
