//! The figures of one period under one edition as JSON, the same for the first result and for the others.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::report::amount;
use crate::adapters::report::number;
use crate::adapters::report::unrounded;
use crate::domain::area::AreaOptions;
use crate::domain::area::MinStations;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::DayCounts;
use crate::domain::assessment::MeanFigure;
use crate::domain::assessment::Statistic;
use crate::domain::assessment::attainment::Attainment;
use crate::domain::assessment::attainment::DaysAttaining;
use crate::domain::assessment::change::DayDifference;
use crate::domain::assessment::change::EditionEffect;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::assessment::change::YearOnYear;
use crate::domain::assessment::composite::CompositeIndex;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::assessment::composite::by_percentile;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::standards::Editions;
use crate::domain::units::Decimal;

/// Figures in the order of the interface.
#[derive(Serialize)]
pub struct FiguresShape {
    pm25: Value,
    aqi: Value,
    yoy: Option<Value>,
    pollutants: Value,
    attainment: Option<Value>,
    composite_index: Option<Value>,
    composite: Value,
}

/// The figures of an assessment and of its change against the year before.
pub fn figures(
    assessment: &Assessment,
    yoy: Option<&YearOnYear>,
    editions: &Editions,
) -> FiguresShape {
    let edition = editions.by_id(&assessment.edition);
    FiguresShape {
        pm25: mean(&assessment.pm25),
        aqi: counts(assessment.days),
        yoy: yoy.map(|yoy| year_on_year(yoy, edition)),
        pollutants: pollutants(assessment, edition),
        attainment: assessment.attainment.as_ref().map(attainment),
        composite_index: assessment.composite.value.map(number),
        composite: composite(&assessment.composite),
    }
}

fn mean(figure: &MeanFigure) -> Value {
    json!({
        "mean": figure.mean.as_ref().map(unrounded),
        "judged": figure.judged.map(number),
        "published": figure.published.map(number),
        "valid_days": figure.valid_days,
        "complete": figure.complete,
        "void_reason": figure.void_reason,
    })
}

fn counts(days: DayCounts) -> Value {
    json!({
        "valid_days": days.valid,
        "good_days": days.good,
        "heavy_days": days.heavy,
        "void_days": days.void(),
        "good_day_ratio": days.ratio().map(number),
        "good_day_ratio_if_voids_bad": days.ratio_if_voids_bad().map(number),
        "good_day_ratio_if_voids_good": days.ratio_if_voids_good().map(number),
    })
}

fn attaining(days: DaysAttaining) -> Value {
    json!({
        "valid_days": days.valid,
        "attaining_days": days.attaining,
        "attainment_rate": days.rate().map(number),
    })
}

fn labels(pollutants: &[Pollutant]) -> Vec<&'static str> {
    pollutants.iter().map(|own| own.label()).collect()
}

/// `p95` and the like; nothing under a profile that has no percentile of the pollutant.
fn percentile_key(edition: Option<&Edition>, pollutant: Pollutant) -> Option<String> {
    let percent = edition?.percentiles[pollutant.index()]?;
    Some(format!("p{percent}"))
}

/// Every pollutant's mean and percentile with what is judged by them. CO and O3 have a percentile alone.
fn pollutants(assessment: &Assessment, edition: Option<&Edition>) -> Value {
    let mut all = Map::new();
    for pollutant in Pollutant::ALL {
        let at = pollutant.index();
        let figure = &assessment.pollutants[at];
        let percentile = percentile_key(edition, pollutant);
        // Under each key the mean, where there is one, and the percentile.
        let both = |of_mean: Value, of_percentile: Value| {
            let mut both = Map::new();
            if !by_percentile(pollutant) || percentile.is_none() {
                both.insert("mean".to_owned(), of_mean);
            }
            both.extend(percentile.clone().map(|key| (key, of_percentile)));
            both
        };
        let statistics = |print: fn(&Statistic) -> Value| {
            let print = |own: &Option<Statistic>| own.as_ref().map_or(Value::Null, print);
            both(print(&figure.mean), print(&figure.percentile))
        };
        let mut own = statistics(|own| unrounded(&own.value));
        let mut put = |key: &str, value: Value| drop(own.insert(key.to_owned(), value));
        put("judged", statistics(|own| number(own.judged)).into());
        put("published", statistics(|own| number(own.published)).into());
        if let Some(attainment) = &assessment.attainment {
            let item = &attainment.items[at];
            let limits = [item.annual_limit, item.daily_limit];
            let [annual, daily] = limits.map(|limit| limit.map(amount).into());
            put("limits", both(annual, daily).into());
            put("attains", item.attains.into());
            let judged = [item.mean, item.percentile];
            let multiples = judged.map(|own| own.and_then(|own| own.multiple));
            let [of_mean, of_percentile] = multiples.map(|multiple| multiple.map(number).into());
            put("exceedance_multiple", both(of_mean, of_percentile).into());
            put("days", attaining(item.days));
        }
        put("complete", figure.complete.into());
        put("void_reason", figure.void_reason.clone().into());
        all.insert(pollutant.key().to_owned(), own.into());
    }
    Value::Object(all)
}

fn attainment(attainment: &Attainment) -> Value {
    json!({
        "attains": attainment.attains,
        "exceeding": labels(&attainment.items_that(Some(false))),
        "undecided": labels(&attainment.items_that(None)),
        "days": attaining(attainment.days),
    })
}

fn composite(index: &CompositeIndex) -> Value {
    let single = |pollutant: Pollutant| {
        let value = index.singles[pollutant.index()].map(number);
        (pollutant.key().to_owned(), value.into())
    };
    json!({
        "index": index.value.map(number),
        "main": labels(&index.main),
        "singles": Value::Object(Pollutant::ALL.into_iter().map(single).collect()),
        "void_reason": index.void_reason,
    })
}

fn percent(change: Option<Percent>) -> Value {
    change.map(|own| number(own.number())).into()
}

fn points(change: Option<Points>) -> Value {
    change.map(|own| number(own.number())).into()
}

fn days(difference: DayDifference) -> Value {
    difference.number().into()
}

fn year_on_year(yoy: &YearOnYear, edition: Option<&Edition>) -> Value {
    let mut pollutants = Map::new();
    for pollutant in Pollutant::ALL {
        let percentile = percentile_key(edition, pollutant).filter(|_| by_percentile(pollutant));
        let key = percentile.unwrap_or_else(|| "mean".to_owned());
        let change = percent(yoy.pollutants[pollutant.index()]);
        let own = Map::from_iter([(format!("{key}_pct"), change)]);
        pollutants.insert(pollutant.key().to_owned(), own.into());
    }
    let earlier = &yoy.earlier;
    json!({
        "pm25_pct": percent(yoy.pm25_pct),
        "good_day_ratio_pp": points(yoy.good_day_ratio_pp),
        "good_days_diff": days(yoy.good_days),
        "heavy_days_diff": days(yoy.heavy_days),
        "composite_pct": percent(yoy.composite_pct),
        "pollutants": pollutants,
        "comparable": yoy.comparable,
        "before": {
            "from": earlier.span.from.to_string(),
            "to": earlier.span.to.to_string(),
            "pm25": earlier.pm25.map(number),
            "aqi": counts(earlier.days),
            "composite_index": earlier.composite.map(number),
        },
    })
}

/// What another edition changes.
pub fn effect(effect: &EditionEffect) -> Value {
    let index: Option<Decimal> = effect.composite;
    json!({
        "from": effect.from,
        "to": effect.to,
        "valid_days_diff": days(effect.valid_days),
        "good_days_diff": effect.good_days.map(days),
        "good_day_ratio_pp": points(effect.good_day_ratio_pp),
        "heavy_days_diff": effect.heavy_days.map(days),
        "composite_index_diff": index.map(number),
    })
}

/// The options a result was computed with.
pub fn settings(options: &AreaOptions, composite: CompositeOptions) -> Value {
    let mut settings = day_settings(options);
    settings["composite"] = composite.singles.key().into();
    settings["composite_weights"] = composite.weights.key().into();
    settings
}

/// The settings of a day's figures.
pub fn day_settings(options: &AreaOptions) -> Value {
    let min_stations = match options.min_stations {
        MinStations::Count(count) => count.into(),
        other => Value::String(other.to_string()),
    };
    json!({
        "round_first": options.index.round_first,
        "o3_exception": options.o3_exception,
        "o3_1h_item": options.index.o3_1h_item,
        "lift_zero": options.index.lift_zero,
        "area_class": options.area_class.key(),
        "min_stations": min_stations,
    })
}
