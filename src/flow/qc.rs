//! What the rules for single readings find at a station, derived from its columns whenever it is asked for.

use std::sync::Arc;

use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::pollutant::Pollutant;
use crate::domain::qc::Column;
use crate::domain::qc::Finding;
use crate::domain::qc::Rules;
use crate::domain::qc::findings;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Registry;
use crate::domain::registry::Station;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Neighbours that are looked at, in the order of their codes.
const NEIGHBOURS_MAX: usize = 12;
/// Seconds of an hour.
const HOUR_S: i64 = 3_600;

/// Judges stations.
pub struct Judge {
    /// Where the readings are.
    pub series: Arc<dyn Series>,
    /// What is registered.
    pub registry: Arc<Registry>,
    /// The rules' numbers.
    pub rules: Rules,
}

/// What is found about one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The pollutant.
    pub factor: Factor,
    /// Its interval, in seconds.
    pub interval_s: u32,
    /// The reading and the rule.
    pub finding: Finding,
}

impl Judge {
    /// Everything found about a station's means after `after` up to and including `upto`, by time, pollutant and
    /// rule.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn station(
        &self,
        station: &SourceId,
        after: Instant,
        upto: Instant,
    ) -> Result<Vec<Found>, StoreError> {
        let keys = self.series.keys().await?;
        let source = Source {
            kind: SourceKind::Station,
            id: station.clone(),
        };
        let neighbours = self.neighbours(station);
        // A flat line may have begun before, and may go on after what is asked about.
        let margin_s = (i64::from(self.rules.stuck_hours) + 1) * HOUR_S;
        let range = Range {
            after: after.plus_s(-margin_s),
            upto: upto.plus_s(margin_s),
            ..Range::ALL
        };
        let mut all = Vec::new();
        for pollutant in Pollutant::ALL {
            let factor = pollutant.factor();
            let own = |key: &&SeriesKey| {
                key.source == *station && key.factor == factor && key.stat.as_str() == "avg"
            };
            for key in keys.iter().filter(own) {
                let readings = self.series.column(key, range).await?;
                let mut others = Vec::new();
                for neighbour in &neighbours {
                    others.push(self.beside(key, neighbour, &key.factor, range).await?);
                }
                let pm10 = match pollutant {
                    Pollutant::Pm25 => {
                        let pm10 = Pollutant::Pm10.factor();
                        self.beside(key, station, &pm10, range).await?
                    }
                    _ => Vec::new(),
                };
                let column = Column {
                    pollutant,
                    interval_s: key.interval_s,
                    registered_s: self.registry.interval_s(&source),
                    readings: &readings,
                    pm10: &pm10,
                    neighbours: &others,
                };
                let found = findings(&self.rules, &column).into_iter();
                let within = |finding: &Finding| {
                    after < finding.reading.time && finding.reading.time <= upto
                };
                all.extend(found.filter(within).map(|finding| Found {
                    factor: factor.clone(),
                    interval_s: key.interval_s,
                    finding,
                }));
            }
        }
        all.sort_by_key(|found| (found.finding.reading.time, found.interval_s));
        Ok(all)
    }

    /// The column of another source or factor that is otherwise the same.
    async fn beside(
        &self,
        key: &SeriesKey,
        source: &SourceId,
        factor: &Factor,
        range: Range,
    ) -> Result<Vec<Reading>, StoreError> {
        let other = SeriesKey {
            source: source.clone(),
            factor: factor.clone(),
            ..key.clone()
        };
        self.series.column(&other, range).await
    }

    /// Stations near enough to compare with; simulated ones only of simulated ones.
    fn neighbours(&self, station: &SourceId) -> Vec<SourceId> {
        let Some(own) = self.registry.station(station) else {
            return Vec::new();
        };
        let most = self.rules.neighbour_degrees.micros();
        let near = |other: &&Station| {
            let apart = [
                other.longitude.micros() - own.longitude.micros(),
                other.latitude.micros() - own.latitude.micros(),
            ];
            other.id != own.id
                && other.simulated == own.simulated
                && apart.iter().all(|apart| apart.abs() <= most)
        };
        let near = self.registry.stations.iter().filter(near);
        near.take(NEIGHBOURS_MAX).map(|s| s.id.clone()).collect()
    }
}
