//! Whether concentrations attain the class II limits of GB 3095.
//!
//! HJ 663: a pollutant attains when its mean keeps the annual limit and its percentile the daily one (ozone: the
//! eight-hour one), a place when all six do; equal complies. `B = (C - S) / S` is the exceedance multiple of what
//! does not, from the judged figure, to two decimals. A day attains by its concentrations, never by its AQI
//! (HJ 633-2026 6.2): from 2031 on a day of AQI 100 can exceed the daily limits of particles.

use std::cmp::Ordering;

use crate::domain::aqi::DayValues;
use crate::domain::area::AreaDay;
use crate::domain::assessment::Figures;
use crate::domain::assessment::percent;

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::standards::Missing;
use crate::domain::standards::daily_averaging;
use crate::domain::units::Amount;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// Decimals of an exceedance multiple.
const MULTIPLE_DECIMALS: u32 = 2;

/// A judged figure against its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the figure is at most the limit.
    pub attains: bool,
    /// How many times the limit it lies above it; `None` when it attains.
    pub multiple: Option<Decimal>,
}

/// Judges a rounded figure.
pub fn judge(judged: Decimal, limit: Amount) -> Judgement {
    let (value, limit) = (judged.exact(), Exact::amount(limit));
    let attains = value <= limit;
    let multiple = || {
        let above = value.minus(&limit).over(&limit)?;
        Some(above.round(MULTIPLE_DECIMALS))
    };
    Judgement {
        attains,
        multiple: if attains { None } else { multiple() },
    }
}

/// Days by whether they keep the daily limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaysAttaining {
    /// Days that can be judged.
    pub valid: u32,
    /// Of them, those that keep the limit.
    pub attaining: u32,
}

impl DaysAttaining {
    /// Attainment rate (达标率), percent of the valid days.
    pub fn rate(self) -> Option<Decimal> {
        percent(self.attaining, self.valid)
    }

    /// Adds a day, if it can be judged.
    fn add(&mut self, attains: Option<bool>) {
        if let Some(attains) = attains {
            self.valid += 1;
            self.attaining += u32::from(attains);
        }
    }
}

/// One pollutant of a period against its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemAttainment {
    /// Annual class II limit; `None` where there is none (CO, O3).
    pub annual_limit: Option<Amount>,
    /// Daily class II limit; for ozone of eight hours.
    pub daily_limit: Option<Amount>,
    /// The mean against the annual limit.
    pub mean: Option<Judgement>,
    /// The percentile against the daily limit.
    pub percentile: Option<Judgement>,
    /// Whether all that is judged attains; `None` when a figure is missing and the others attain.
    pub attains: Option<bool>,
    /// Its days.
    pub days: DaysAttaining,
}

/// A period against the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attainment {
    /// Every pollutant in report order.
    pub items: [ItemAttainment; 6],
    /// Whether all six attain; `None` when one cannot be judged and the others attain.
    pub attains: Option<bool>,
    /// Days by all six pollutants.
    pub days: DaysAttaining,
}

impl Attainment {
    /// The pollutants that do not attain, or that cannot be judged.
    pub fn items_that(&self, attain: Option<bool>) -> Vec<Pollutant> {
        let such = |pollutant: &Pollutant| self.items[pollutant.index()].attains == attain;
        Pollutant::ALL.into_iter().filter(such).collect()
    }
}

/// Judges a period's figures and days. Means over three years are compared with the annual limits, but nothing
/// is said to attain by them: no text at hand says so.
pub(super) fn attainment(
    edition: &Edition,
    figures: &Figures,
    days: &[&AreaDay],
    three_years: bool,
) -> Attainment {
    let limits = DailyLimits::of(edition);
    let (mut counts, mut together) = ([DaysAttaining::default(); 6], DaysAttaining::default());
    for day in days {
        let parts = limits.parts(&day.values);
        for (counts, part) in counts.iter_mut().zip(parts) {
            counts.add(part);
        }
        together.add(limits.day(&day.values, parts));
    }
    let item = |pollutant: Pollutant| {
        let figure = &figures[pollutant.index()];
        let annual_limit = edition.class_2(pollutant, Averaging::Annual);
        let daily_limit = edition.class_2(pollutant, daily_averaging(pollutant));
        let mean = figure.mean.as_ref().zip(annual_limit);
        let mean = mean.map(|(mean, limit)| judge(mean.judged, limit));
        let percentile = figure.percentile.as_ref().zip(daily_limit);
        let percentile = percentile.map(|(own, limit)| judge(own.judged, limit));
        let of_mean = annual_limit.map(|_| mean.map(|own| own.attains));
        let of_percentile = Some(percentile.map(|own| own.attains));
        let attains = all([of_mean, of_percentile].into_iter().flatten());
        ItemAttainment {
            annual_limit,
            daily_limit,
            mean,
            percentile,
            attains: attains.filter(|_| !three_years),
            days: counts[pollutant.index()],
        }
    };
    let items = Pollutant::ALL.map(item);
    Attainment {
        attains: all(items.iter().map(|item| item.attains)),
        days: together,
        items,
    }
}

/// One failure decides; else one gap leaves it open.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut attains = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            None => attains = None,
            Some(true) => {}
        }
    }
    attains
}

/// The value from which on rounding exceeds a limit.
struct Edge {
    /// Halfway between the highest rounded figure that keeps the limit and the next.
    halfway: Exact,
    /// Whether that itself is rounded down.
    down: bool,
}

impl Edge {
    fn of(limit: Amount, decimals: u32) -> Self {
        let power = 10i64.pow(decimals);
        let highest = Exact::amount(limit).times(&Exact::whole(power)).floor();
        let halfway = Exact::whole(highest).plus(&Exact::ratio(1, 2));
        Self {
            halfway: halfway.times(&Exact::ratio(1, power)),
            down: highest % 2 == 0,
        }
    }

    /// What [`judge`] says of the rounded value, without rounding it.
    fn is_kept_by(&self, value: &Exact) -> bool {
        match value.cmp(&self.halfway) {
            Ordering::Less => true,
            Ordering::Equal => self.down,
            Ordering::Greater => false,
        }
    }
}

/// The daily limits of an edition, looked up once for many days.
struct DailyLimits<'e> {
    edition: &'e Edition,
    edges: [Option<Edge>; 6],
}

impl<'e> DailyLimits<'e> {
    fn of(edition: &'e Edition) -> Self {
        let edge = |pollutant: Pollutant| {
            let limit = edition.class_2(pollutant, daily_averaging(pollutant))?;
            Some(Edge::of(limit, edition.decimals[pollutant.index()]))
        };
        Self {
            edition,
            edges: Pollutant::ALL.map(edge),
        }
    }

    /// Whether each daily value, rounded as the edition judges, keeps its limit.
    fn parts(&self, values: &DayValues) -> [Option<bool>; 6] {
        std::array::from_fn(|at| {
            let edge = self.edges[at].as_ref()?;
            Some(edge.is_kept_by(values.values[at].as_ref()?))
        })
    }

    /// Whether the day keeps the limits of all that is monitored.
    fn day(&self, values: &DayValues, parts: [Option<bool>; 6]) -> Option<bool> {
        let due = || (0..parts.len()).filter(|at| !values.unmonitored[*at]);
        let gap = due().any(|at| parts[at].is_none());
        let published = !gap || self.edition.missing == Missing::PublishAbove100;
        all(due().map(|at| parts[at])).filter(|_| published)
    }
}

/// Whether a day keeps the daily limits of all that is monitored. With a pollutant missing the day cannot be judged, save where the
/// edition publishes an exceeding day all the same (HJ 633-2026 5.3.1, taken over for concentrations).
pub fn day_attains(edition: &Edition, values: &DayValues) -> Option<bool> {
    let limits = DailyLimits::of(edition);
    limits.day(values, limits.parts(values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_keeps_a_limit_as_its_rounded_figure_does(
            limit in -2_000_000i64..200_000_000,
            beyond in -3i64..4,
            (numerator, denominator) in (-9_000_000i64..300_000_000, 1i64..50),
            decimals in 0u32..4,
        ) {
            let whole = limit / 1_000_000 * 1_000_000;
            // Any value, and those around the limit, ties among them.
            let near = |limit: i64| {
                let half = Exact::ratio(beyond, 2 * 10i64.pow(decimals));
                Exact::amount(Amount::from_micros(limit)).plus(&half)
            };
            let any = Exact::ratio(numerator, denominator * 1_000_000);
            for limit in [limit, whole] {
                for value in [any.clone(), near(limit)] {
                    let judged = judge(value.round(decimals), Amount::from_micros(limit));
                    let edge = Edge::of(Amount::from_micros(limit), decimals);
                    prop_assert_eq!(edge.is_kept_by(&value), judged.attains, "{:?}", value);
                }
            }
        }
    }
}
