//! How a target stands: the value so far, whether it is met, and what the rest of the year must be.
//!
//! Control value for the remaining days: `C = (T (n + L) - sum) / L`, with `n` the valid days so far, `sum`
//! their unrounded sum and `L` the calendar days left, rounded once, half to even, to a whole number.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::assessment::Assessment;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Item;
use crate::domain::registry::Target;
use crate::domain::standards::Edition;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// A target beside the figure it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The target's id.
    pub id: String,
    /// What it is about.
    pub item: Item,
    /// The figure, as judged or counted.
    pub value: Option<Decimal>,
    /// The value aimed at.
    pub limit: Decimal,
    /// Whether the figure meets it; `None` without a figure.
    pub met: Option<bool>,
    /// What PM2.5 may average over the days left; `None` when the year is over or nothing is known.
    pub remaining_days_control: Option<Decimal>,
    /// Days with an AQI above 100 that may still come; negative when too many came already.
    pub bad_days_left: Option<i64>,
}

/// Decimals a target's value is kept with.
const TARGET_DECIMALS: u32 = 1;
/// The percentile of [`Item::O3P90`].
const OZONE_PERCENTILE: u32 = 90;

/// The figure of an item as limits and targets are compared with it; `None` when the period has too few days.
pub fn judged(item: Item, edition: &Edition, assessment: &Assessment) -> Option<Decimal> {
    let count = |days: u32| (assessment.days.valid > 0).then(|| Exact::whole(i64::from(days)));
    let figure = |pollutant: Pollutant| &assessment.pollutants[pollutant.index()];
    let rounded = |value: &Option<Exact>, pollutant: Pollutant| {
        let decimals = edition.decimals[pollutant.index()];
        value.as_ref().map(|value| value.round(decimals))
    };
    match item {
        Item::Pm25Mean => assessment.pm25.judged,
        Item::Pm10Mean => rounded(&figure(Pollutant::Pm10).mean, Pollutant::Pm10),
        Item::O3P90 if edition.percentiles[Pollutant::O3.index()] == Some(OZONE_PERCENTILE) => {
            rounded(&figure(Pollutant::O3).percentile, Pollutant::O3)
        }
        Item::O3P90 => None,
        Item::CompositeIndex => assessment.composite,
        Item::GoodDayRatio => assessment.days.ratio(),
        Item::GoodDays => count(assessment.days.good).map(|days| days.round(0)),
        Item::HeavyDays => count(assessment.days.heavy).map(|days| days.round(0)),
    }
}

/// How `target` stands at the end of the assessed period.
///
/// # Panics
/// When the assessment stands under another edition.
pub fn standing(target: &Target, edition: &Edition, assessment: &Assessment) -> Standing {
    assert_eq!(edition.id, assessment.edition, "one figure, one edition");
    let limit = Exact::amount(target.limit);
    let value = judged(target.item, edition, assessment);
    let meets = |value: Exact| {
        if target.item.at_most() {
            value <= limit
        } else {
            value >= limit
        }
    };
    Standing {
        id: target.id.clone(),
        item: target.item,
        value,
        limit: limit.round(TARGET_DECIMALS),
        met: value.map(|value| meets(value.exact())),
        remaining_days_control: remaining_days_control(target, assessment),
        bad_days_left: bad_days_left(target, assessment),
    }
}

/// Days from the period's end to the end of the target's year, when the period begins with that year.
fn days_left(target: &Target, assessment: &Assessment) -> Option<i64> {
    let span = assessment.period.span;
    let first = NaiveDate::from_ymd_opt(target.year, 1, 1)?;
    let last = NaiveDate::from_ymd_opt(target.year, 12, 31)?;
    let within = span.from == first && span.to.year() == target.year;
    within
        .then(|| (last - span.to).num_days())
        .filter(|left| *left > 0)
}

fn remaining_days_control(target: &Target, assessment: &Assessment) -> Option<Decimal> {
    if target.item != Item::Pm25Mean {
        return None;
    }
    let left = days_left(target, assessment)?;
    let mean = assessment.pm25.mean.as_ref()?;
    control_value(
        &Exact::amount(target.limit),
        mean,
        assessment.pm25.valid_days,
        left,
    )
}

/// The control value for `left` days after `valid_days` days of mean `mean`.
pub fn control_value(target: &Exact, mean: &Exact, valid_days: u32, left: i64) -> Option<Decimal> {
    let so_far = Exact::whole(i64::from(valid_days));
    let whole = so_far.plus(&Exact::whole(left));
    let rest = target.times(&whole).minus(&mean.times(&so_far));
    Some(rest.over(&Exact::whole(left))?.round(0))
}

fn bad_days_left(target: &Target, assessment: &Assessment) -> Option<i64> {
    if target.item != Item::GoodDayRatio {
        return None;
    }
    let left = days_left(target, assessment)?;
    let days = assessment.days;
    let whole = i64::from(days.valid) + left;
    let share = Exact::amount(target.limit).over(&Exact::whole(100))?;
    let needed = share.times(&Exact::whole(whole)).ceil();
    Some(whole - needed - i64::from(days.valid - days.good))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_control(target: i64, mean: Exact, valid_days: u32, left: i64, expected: &str) {
        let control = control_value(&Exact::whole(target), &mean, valid_days, left);
        assert_eq!(
            control.map(|value| value.to_string()).as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn the_control_value_is_what_the_rest_may_average() {
        check_control(57, Exact::whole(58), 209, 157, "56");
        check_control(57, Exact::whole(55), 348, 18, "96");
        check_control(57, Exact::ratio(5_503, 100), 348, 18, "95");
        check_control(35, Exact::whole(35), 100, 10, "35");
    }
}
