//! Rows of recorded files and hours of the scenario as observations.

use crate::adapters::layout::Row;
use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::qc::verdict;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::scenario::ScenarioHour;
use crate::domain::units::Amount;
use crate::flow::rollup::HOURLY_S;

/// The row's values as means over its interval; a missing value is a reading without one.
pub fn of_row(row: &Row, now: Instant) -> Vec<Observation> {
    let values = row.values.iter().copied();
    Pollutant::ALL
        .into_iter()
        .zip(values)
        .map(|(pollutant, value)| {
            mean(
                &row.station,
                pollutant,
                row.interval_s,
                row.time,
                value,
                now,
            )
        })
        .collect()
}

/// The simulated hour's values.
pub fn of_hour(hour: &ScenarioHour, now: Instant) -> Vec<Observation> {
    let values = hour.values.iter().copied().map(Some);
    Pollutant::ALL
        .into_iter()
        .zip(values)
        .map(|(pollutant, value)| mean(&hour.station, pollutant, HOURLY_S, hour.time, value, now))
        .collect()
}

fn mean(
    source: &SourceId,
    pollutant: Pollutant,
    interval_s: u32,
    time: Instant,
    value: Option<Amount>,
    now: Instant,
) -> Observation {
    let (source, factor, stat) = (source.clone(), pollutant.factor(), Stat::avg());
    let (flag, qc, review) = (Flag::normal(), verdict(time, value, now), Review::Raw);
    Observation {
        key: SeriesKey {
            source,
            factor,
            stat,
            interval_s,
        },
        reading: Reading {
            time,
            value,
            flag,
            qc,
            review,
        },
    }
}
