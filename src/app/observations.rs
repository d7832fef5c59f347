//! Rows of recorded files as observations.

use crate::adapters::layout::Row;
use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::qc::verdict;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;

/// The row's values as means over its interval; a missing value is a reading without one.
pub fn of_row(row: &Row, now: Instant) -> impl Iterator<Item = Observation> {
    Pollutant::ALL.into_iter().map(move |pollutant| {
        let value = row.values[pollutant.index()];
        let key = SeriesKey {
            source: row.station.clone(),
            factor: pollutant.factor(),
            stat: Stat::avg(),
            interval_s: row.interval_s,
        };
        let reading = Reading {
            time: row.time,
            value,
            flag: Flag::normal(),
            qc: verdict(row.time, value, now),
            review: Review::Raw,
        };
        Observation { key, reading }
    })
}
