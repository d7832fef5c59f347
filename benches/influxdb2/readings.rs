//! A year of hours of some stations, in batches as they would be received.

use skytier::domain::calendar::Instant;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::units::Amount;
use skytier::ports::Batch;

/// What each station measures.
const FACTORS: [&str; 6] = ["pm25", "pm10", "so2", "no2", "co", "o3"];
const STATIONS: usize = 20;
/// Hours of a year.
pub(crate) const HOURS: usize = 8_760;
/// Hours of a batch.
const BATCH_HOURS: usize = 120;
/// 2025-01-01 00:00 in UTC+8; servers refuse what lies ahead of them.
const START: i64 = 1_735_660_800;

/// Values of the year.
pub(crate) const VALUES: usize = STATIONS * FACTORS.len() * HOURS;

/// The year, the same every time; values with one decimal.
pub(crate) fn batches() -> Vec<Batch> {
    let key = |number: usize| SeriesKey {
        source: SourceId::new(&format!("S{:03}", number / FACTORS.len())).expect("a source"),
        factor: Factor::new(FACTORS[number % FACTORS.len()]).expect("a factor"),
        stat: Stat::avg(),
        interval_s: 3_600,
    };
    let keys: Vec<SeriesKey> = (0..STATIONS * FACTORS.len()).map(key).collect();
    let hours: Vec<usize> = (1..=HOURS).collect();
    let batch = |hours: &[usize]| {
        let last = hours.last().copied().unwrap_or_default();
        let mut batch = Batch::new(Instant::from_unix(START + last as i64 * 3_600 + 60));
        for hour in hours {
            for (number, key) in keys.iter().enumerate() {
                let tenths = 100 + (hour * 7 + number * 13 + hour * number % 31) % 900;
                batch.observations.push(Observation {
                    key: key.clone(),
                    reading: Reading {
                        time: Instant::from_unix(START + *hour as i64 * 3_600),
                        value: Some(Amount::from_micros(tenths as i64 * 100_000)),
                        flag: Flag::normal(),
                        qc: Qc::Passed,
                        review: Review::Raw,
                    },
                });
            }
        }
        batch
    };
    hours.chunks(BATCH_HOURS).map(batch).collect()
}
