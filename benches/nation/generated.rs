//! Hourly values of a nation's stations: the same ones stored for us and laid down as a file for the peers.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::calendar::Instant;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::SourceId;
use skytier::domain::names::Stat;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::reading::Observation;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::units::Amount;
use skytier::ports::Batch;
use skytier::ports::Series;

/// The first second of 2025 in UTC+8.
pub(crate) const START: i64 = 1_735_660_800;
/// The year's days and hours.
pub(crate) const DAYS: usize = 365;
pub(crate) const HOURS: usize = DAYS * 24;
/// Marks a missing value in the peers' file.
const MISSING: i16 = i16::MIN;
/// Of each pollutant in report order: where its walk starts, its widest step and its highest value, in tenths.
const WALKS: [(i64, i64, i64); 6] = [
    (400, 60, 2_500),
    (800, 90, 4_500),
    (80, 10, 900),
    (300, 40, 1_900),
    (8, 1, 90),
    (900, 120, 2_800),
];

/// How many stations, and whether a share of their hours is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nation {
    pub(crate) stations: usize,
    pub(crate) gaps: bool,
}

/// One station's year: tenths of its six pollutants by hour, `MISSING` where there is none.
type Year = [Vec<i16>; 6];

impl Nation {
    /// The name of a station; names are in the order of numbers.
    pub(crate) fn station(number: usize) -> SourceId {
        SourceId::new(&format!("S{number:05}")).expect("a station")
    }

    /// A random walk of each pollutant, the same every time. With gaps 1 hour of 100 is missing for all of them, and
    /// 1 value of 500 by itself.
    fn year(self, station: usize) -> Year {
        let mut noise = ChaCha8Rng::seed_from_u64(20_250_101 + station as u64);
        let mut tenths = WALKS.map(|(start, _, _)| start);
        let mut year: Year = Default::default();
        for _ in 0..HOURS {
            let gone = self.gaps && noise.next_u32().is_multiple_of(100);
            for (at, (_, step, most)) in WALKS.into_iter().enumerate() {
                let dice = noise.next_u32();
                let change = i64::from(dice) % (2 * step + 1) - step;
                let moved = (tenths[at] + change).abs();
                tenths[at] = if moved > most {
                    2 * most - moved
                } else {
                    moved
                };
                let single = self.gaps && (dice >> 16).is_multiple_of(500);
                let value = i16::try_from(tenths[at]).expect("a walk stays below its highest");
                year[at].push(if gone || single { MISSING } else { value });
            }
        }
        year
    }

    /// Stores every value; how many there are.
    pub(crate) async fn store(self, store: &Embedded) -> anyhow::Result<u64> {
        let mut values = 0;
        for station in 0..self.stations {
            let mut batch = Batch::new(Instant::from_unix(START + 366 * 86_400));
            for (pollutant, tenths) in Pollutant::ALL.into_iter().zip(self.year(station)) {
                let key = SeriesKey {
                    source: Self::station(station),
                    factor: Factor::new(pollutant.key())?,
                    stat: Stat::avg(),
                    interval_s: 3_600,
                };
                let given = (1..).zip(tenths).filter(|(_, tenths)| *tenths != MISSING);
                batch
                    .observations
                    .extend(given.map(|(hour, tenths)| Observation {
                        key: key.clone(),
                        reading: Reading {
                            time: Instant::from_unix(START + hour * 3_600),
                            value: Some(Amount::from_micros(i64::from(tenths) * 100_000)),
                            flag: Flag::normal(),
                            qc: Qc::Passed,
                            review: Review::Raw,
                        },
                    }));
            }
            values += store.append(batch).await?.new;
        }
        store.merge().await?;
        Ok(values)
    }

    /// Lays the values down for the peers: 16-bit tenths by station, pollutant and hour.
    pub(crate) fn lay_down(self, path: &Path) -> anyhow::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for station in 0..self.stations {
            for tenths in self.year(station).iter().flatten() {
                file.write_all(&tenths.to_le_bytes())?;
            }
        }
        Ok(file.flush()?)
    }
}
