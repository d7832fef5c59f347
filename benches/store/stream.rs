//! Values for the benchmark of the store: random walks as they would be received.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
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
pub(crate) const FACTORS: [&str; 8] =
    ["pm25", "pm10", "so2", "no2", "co", "o3", "a01001", "a01002"];
/// Stations that report minutes.
const STATIONS: usize = 2_500;
/// Stations of a country, and of a county.
const COUNTRY_STATIONS: usize = 62_500;
const COUNTY_STATIONS: usize = 50;
/// Minutes of a burst.
const BURST_MINUTES: usize = 1_440;
/// Stations that report hours.
const HOURLY_STATIONS: usize = 250;
/// Values in a batch at most.
const BATCH_VALUES_MAX: usize = 50_000;
/// 2026-01-01 00:00 in UTC+8.
const START: i64 = 1_767_196_800;
/// One reading in this many comes late, and one in this many comes twice.
const ONE_IN: u32 = 100;
/// Late by this many intervals at most.
const LATE_MAX: u32 = 60;
/// Tenths of a unit between two values at most.
const STEP_TENTHS: i64 = 10;

/// Random walks of many series, in batches as they would be received; the same every time.
pub(crate) struct Stream {
    keys: Vec<SeriesKey>,
    tenths: Vec<i64>,
    step_s: i64,
    steps: usize,
    step: usize,
    per_batch: usize,
    /// The step that brings many at once.
    burst: Option<usize>,
    /// Late readings by the step they arrive at.
    late: std::collections::BTreeMap<usize, Vec<Observation>>,
    noise: ChaCha8Rng,
    normal: Flag,
}

impl Stream {
    /// Minute values of 20,000 series.
    pub(crate) fn minutes(steps: usize) -> Self {
        Self::new(STATIONS, 60, steps)
    }

    /// Minute values of 500,000 series.
    pub(crate) fn country(steps: usize) -> Self {
        Self::new(COUNTRY_STATIONS, 60, steps)
    }

    /// Minute values of 400 series, a batch a minute; after half of the time everything of a day at once.
    pub(crate) fn county(steps: usize) -> Self {
        Self {
            per_batch: 1,
            burst: Some(steps / 2),
            ..Self::new(COUNTY_STATIONS, 60, steps)
        }
    }

    /// Hourly values of 2,000 series.
    pub(crate) fn hours(steps: usize) -> Self {
        Self::new(HOURLY_STATIONS, 3_600, steps)
    }

    fn new(stations: usize, step_s: u32, steps: usize) -> Self {
        let key = |number: usize| SeriesKey {
            source: SourceId::new(&format!("S{:04}", number / FACTORS.len())).expect("a source"),
            factor: Factor::new(FACTORS[number % FACTORS.len()]).expect("a factor"),
            stat: Stat::avg(),
            interval_s: step_s,
        };
        let keys: Vec<_> = (0..stations * FACTORS.len()).map(key).collect();
        Self {
            tenths: vec![400; keys.len()],
            per_batch: (BATCH_VALUES_MAX / keys.len()).max(1),
            burst: None,
            keys,
            step_s: step_s.into(),
            steps,
            step: 0,
            late: std::collections::BTreeMap::new(),
            noise: ChaCha8Rng::seed_from_u64(20_260_101),
            normal: Flag::normal(),
        }
    }

    /// Values of the whole stream, those that come twice counted once.
    pub(crate) fn values(&self) -> usize {
        self.keys.len() * self.steps
    }

    /// The next batch; `None` at the end, when whatever was late has arrived too.
    pub(crate) fn next_batch(&mut self) -> Option<Batch> {
        let last = self.late.last_key_value().map_or(0, |(step, _)| step + 1);
        if self.step >= self.steps.max(last) {
            return None;
        }
        let burst = self.burst.filter(|burst| *burst == self.step);
        let end = self.step + burst.map_or(self.per_batch, |_| BURST_MINUTES);
        let received_at = START + (end as i64) * self.step_s + 4;
        let mut batch = Batch::new(Instant::from_unix(received_at));
        batch
            .observations
            .reserve(BATCH_VALUES_MAX + BATCH_VALUES_MAX / 50);
        while self.step < end {
            if self.step < self.steps {
                self.measure(&mut batch.observations);
            }
            batch
                .observations
                .extend(self.late.remove(&self.step).into_iter().flatten());
            self.step += 1;
        }
        Some(batch)
    }

    fn measure(&mut self, observations: &mut Vec<Observation>) {
        let time = Instant::from_unix(START + (self.step as i64 + 1) * self.step_s);
        for (key, tenths) in self.keys.iter().zip(&mut self.tenths) {
            let noise = self.noise.next_u64();
            let change = (noise % (2 * STEP_TENTHS as u64 + 1)) as i64 - STEP_TENTHS;
            *tenths = (*tenths + change).abs();
            let one = Observation {
                key: key.clone(),
                reading: Reading {
                    time,
                    value: Some(Amount::from_micros(*tenths * 100_000)),
                    flag: self.normal.clone(),
                    qc: Qc::Passed,
                    review: Review::Raw,
                },
            };
            let dice = (noise >> 32) as u32;
            match dice % ONE_IN {
                0 => {
                    let step = self.step + 1 + (dice / ONE_IN % LATE_MAX) as usize;
                    self.late.entry(step).or_default().push(one);
                }
                1 => observations.extend([one.clone(), one]),
                _ => observations.push(one),
            }
        }
    }
}

/// Mean of each day of UTC+8, in micros; days without a usable value have none.
pub(crate) fn daily_means(column: &[Reading]) -> Vec<i64> {
    let day = |reading: &Reading| (reading.time.unix() - 1 + 28_800).div_euclid(86_400);
    let mean = |readings: &[Reading]| {
        let usable = readings.iter().filter_map(Reading::usable);
        let (sum, count) = usable.fold((0i64, 0i64), |(sum, count), value| {
            (sum + value.micros(), count + 1)
        });
        (count > 0).then(|| sum / count)
    };
    column
        .chunk_by(|a, b| day(a) == day(b))
        .filter_map(mean)
        .collect()
}
