//! Ranks among areas: 1, 2, 2, 4 with equal figures sharing a rank (并列), in order of division code within one.
//!
//! Technical rules for ranking cities by air quality (环办〔2014〕64号): the composite index ranks from low to high,
//! equal values share a rank. The same is done for every other item, from high to low where more is better.

use crate::domain::assessment::Assessment;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::assessment::change::YearOnYear;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Names;
use crate::domain::registry::peer::RankItem;
use crate::domain::standards::Edition;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// Percentiles the items [`RankItem::CoP95`] and [`RankItem::O3P90`] speak of.
const CO_PERCENTILE: u32 = 95;
const OZONE_PERCENTILE: u32 = 90;

/// An area with its figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Division code; `None` stands last within a tie.
    pub division_code: Option<String>,
    /// Display names.
    pub names: Names,
    /// The figure as published.
    pub value: Exact,
    /// Where it was printed; `None` for the area assessed here.
    pub source: Option<String>,
}

impl Contender {
    /// Whether it is the area assessed here.
    pub fn is_own(&self) -> bool {
        self.source.is_none()
    }
}

/// An area at its rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// One more than how many are better.
    pub rank: usize,
    /// Whether others share it.
    pub tied: bool,
    /// The area.
    pub area: Contender,
}

/// Ranks areas by their figures, best first.
pub fn ranks(mut areas: Vec<Contender>, lower_is_better: bool) -> Vec<Ranked> {
    let code = |area: &Contender| (area.division_code.is_none(), area.division_code.clone());
    areas.sort_by(|a, b| {
        let values = if lower_is_better {
            a.value.cmp(&b.value)
        } else {
            b.value.cmp(&a.value)
        };
        values.then_with(|| code(a).cmp(&code(b)))
    });
    let mut ranked: Vec<Ranked> = Vec::with_capacity(areas.len());
    for (better, area) in areas.into_iter().enumerate() {
        let equal = ranked
            .last_mut()
            .filter(|last| last.area.value == area.value);
        let (rank, tied) = match equal {
            Some(last) => {
                last.tied = true;
                (last.rank, true)
            }
            None => (better + 1, false),
        };
        ranked.push(Ranked { rank, tied, area });
    }
    ranked
}

/// The published figure an area is ranked by; `None` when it has none.
pub fn own_figure(
    item: RankItem,
    edition: &Edition,
    assessment: &Assessment,
    yoy: Option<&YearOnYear>,
) -> Option<Decimal> {
    let days = assessment.days;
    let count = |days_of: u32| (days.valid > 0).then(|| Exact::whole(i64::from(days_of)).round(0));
    let mean = |pollutant: Pollutant| {
        let figure = &assessment.pollutants[pollutant.index()];
        figure.mean.as_ref().map(|own| own.published)
    };
    let percentile = |pollutant: Pollutant, percent: u32| {
        let at = pollutant.index();
        let figure = assessment.pollutants[at].percentile.as_ref();
        let same = edition.percentiles[at] == Some(percent);
        figure.filter(|_| same).map(|own| own.published)
    };
    match item {
        RankItem::CompositeIndex => assessment.composite.value,
        RankItem::CompositeChangePct => yoy?.composite_pct.map(Percent::number),
        RankItem::Pm25Mean => mean(Pollutant::Pm25),
        RankItem::Pm25ChangePct => yoy?.pm25_pct.map(Percent::number),
        RankItem::Pm10Mean => mean(Pollutant::Pm10),
        RankItem::So2Mean => mean(Pollutant::So2),
        RankItem::No2Mean => mean(Pollutant::No2),
        RankItem::CoP95 => percentile(Pollutant::Co, CO_PERCENTILE),
        RankItem::O3P90 => percentile(Pollutant::O3, OZONE_PERCENTILE),
        RankItem::GoodDayRatio => days.ratio(),
        RankItem::GoodDayRatioChangePp => yoy?.good_day_ratio_pp.map(Points::number),
        RankItem::GoodDays => count(days.good),
        RankItem::HeavyDays => count(days.heavy),
    }
}
