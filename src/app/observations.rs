//! Rows of recorded files and hours of the scenario as observations.

use crate::adapters::layout::Row;
use crate::adapters::layout::readings;
use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::scenario::ScenarioHour;
use crate::domain::units::Amount;
use crate::flow::rollup::HOURLY_S;

/// The row's values as means over its interval; a missing value is a reading without one.
pub fn of_row(row: &Row, rules: &Rules, now: Instant) -> Vec<Observation> {
    let mean = |(factor, value)| Mean {
        source: &row.station,
        factor,
        interval_s: row.interval_s,
        time: row.time,
        value,
    };
    let means = row.measured().map(mean);
    means.map(|mean| mean.observation(rules, now)).collect()
}

/// A reading that was exported, as received: our verdict is given anew, and decisions about it are not its own.
pub fn of_reading(row: readings::Row, rules: &Rules, now: Instant) -> Observation {
    Observation {
        reading: Reading {
            time: row.time,
            value: row.value,
            flag: row.flag,
            qc: rules.verdict(&row.key.factor, row.time, row.value, now),
            review: Review::Raw,
        },
        key: row.key,
    }
}

/// The simulated hour's values.
pub fn of_hour(hour: &ScenarioHour, rules: &Rules, now: Instant) -> Vec<Observation> {
    let values = Pollutant::ALL.into_iter().zip(hour.values.iter().copied());
    let mean = |(pollutant, value): (Pollutant, Amount)| Mean {
        source: &hour.station,
        factor: pollutant.factor(),
        interval_s: HOURLY_S,
        time: hour.time,
        value: Some(value),
    };
    let means = values.map(mean);
    means.map(|mean| mean.observation(rules, now)).collect()
}

/// One mean of one factor.
struct Mean<'a> {
    source: &'a SourceId,
    factor: Factor,
    interval_s: u32,
    time: Instant,
    value: Option<Amount>,
}

impl Mean<'_> {
    fn observation(self, rules: &Rules, now: Instant) -> Observation {
        let qc = rules.verdict(&self.factor, self.time, self.value, now);
        Observation {
            key: SeriesKey {
                source: self.source.clone(),
                factor: self.factor,
                stat: Stat::avg(),
                interval_s: self.interval_s,
            },
            reading: Reading {
                time: self.time,
                value: self.value,
                flag: Flag::normal(),
                qc,
                review: Review::Raw,
            },
        }
    }
}
