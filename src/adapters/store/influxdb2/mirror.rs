//! What a dashboard draws, as line protocol: a copy for Grafana of readings and figures that are kept elsewhere.
//!
//! Measurement `reading` has tags `source` and `interval_s` and one field for a factor, or factor and statistic, in the
//! units of the interface. Values that may not enter means are left out. Measurements `hour` and `day` have the tag
//! `area`, such as `station:1999A` or `group:city`, and the fields of [`HOUR_FIELDS`] and [`DAY_FIELDS`]; an hour is
//! stamped with its end, as a reading is, a day with its beginning. Where any station of the area is simulated, the
//! tag `simulated` is there. Measurement `tier` has the tag `subject` and the fields of [`TIER_FIELDS`], stamped with
//! the beginning of the day. Anything that takes line protocol on `/api/v2/write` will do; nothing is ever read back.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::adapters::store::influxdb2::cells::Column;
use crate::adapters::store::influxdb2::cells::Part;
use crate::adapters::store::influxdb2::cells::READING;
use crate::adapters::store::influxdb2::cells::field;
use crate::adapters::store::influxdb2::claim::holders;
use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::line::FieldValue;
use crate::adapters::store::influxdb2::line::Point;
use crate::adapters::store::influxdb2::line::encode;
use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::adapters::store::influxdb2::writer::post;
use crate::domain::aqi::HourValues;
use crate::domain::aqi::Index;
use crate::domain::area::AreaDay;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// Decimals of the concentrations of hours and days.
const DECIMALS: u32 = 6;
/// Fields of a day: concentrations, index and level. A field without a value is left out.
pub const DAY_FIELDS: [&str; 8] = ["pm25", "pm10", "so2", "no2", "co", "o3_8h", "aqi", "level"];
/// Fields of an hour: its concentrations, moving means, index and level. A field without a value is left out.
pub const HOUR_FIELDS: [&str; 11] = [
    "pm25", "pm10", "so2", "no2", "co", "o3", "pm25_24h", "pm10_24h", "o3_8h", "aqi", "level",
];
/// Fields of a unit's tiers: score, computed tier, and the official one where there is a list that has it.
pub const TIER_FIELDS: [&str; 3] = ["score", "computed_tier", "official_tier"];

/// Whose hours or days they are.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// As in `station:ID` and `group:ID`.
    pub area: &'a str,
    /// Whether any of its stations is simulated.
    pub simulated: bool,
}

/// Source, interval and time of a line of readings.
type LineId = (SourceId, u32, i64);

/// Values of a line of readings by the name of their field.
type Values = Vec<(Arc<str>, Amount)>;

/// Lines for the mirror, and what cannot be one.
#[derive(Debug, Default)]
pub struct Lines {
    readings: BTreeMap<LineId, Values>,
    /// The line that was added to last: most often the next value is of the same.
    open: Option<(LineId, Values)>,
    names: HashMap<Column, Arc<str>>,
    units: Vec<String>,
    /// What was left out for ever, and why.
    pub refused: Vec<String>,
}

impl Lines {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.readings.len() + usize::from(self.open.is_some()) + self.units.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a reading, if its value may enter means, to the line of its source, interval and time.
    pub fn reading(&mut self, key: &SeriesKey, reading: &Reading) {
        let Some(value) = reading.usable() else {
            return;
        };
        let column = (key.factor.clone(), key.stat.clone());
        let name = match self.names.get(&column) {
            Some(name) => Arc::clone(name),
            None => {
                let name = Arc::from(field(&column, Part::Value));
                self.names.insert(column, Arc::clone(&name));
                name
            }
        };
        let time = reading.time.unix();
        match &mut self.open {
            Some(((source, interval_s, at), values))
                if *at == time && *interval_s == key.interval_s && *source == key.source =>
            {
                values.push((name, value));
            }
            open => {
                let id = (key.source.clone(), key.interval_s, time);
                if let Some((id, values)) = open.replace((id, vec![(name, value)])) {
                    self.readings.entry(id).or_default().extend(values);
                }
            }
        }
    }

    /// Adds an area's day.
    pub fn day(&mut self, whose: Whose<'_>, zone: Zone, day: &AreaDay) {
        let concentrations = day.values.values.iter().map(concentration);
        let values = concentrations.chain(indices(&day.index));
        let fields = numbers(&DAY_FIELDS, values);
        self.figures("day", whose, &fields, zone.day_start(day.day).unix());
    }

    /// Adds an area's hour.
    pub fn hour(&mut self, whose: Whose<'_>, ending: Instant, values: &HourValues, index: &Index) {
        let moving = [
            &values.moving_24h[Pollutant::Pm25.index()],
            &values.moving_24h[Pollutant::Pm10.index()],
            &values.moving_8h[Pollutant::O3.index()],
        ];
        let concentrations = values.hour.iter().chain(moving).map(concentration);
        let fields = numbers(&HOUR_FIELDS, concentrations.chain(indices(index)));
        self.figures("hour", whose, &fields, ending.unix());
    }

    /// Adds a unit's tiers as they stand at the end of a day.
    pub fn tier(&mut self, subject: &Uscc, zone: Zone, rating: &Rating) {
        let [score, computed, official] = TIER_FIELDS;
        let mut fields = vec![
            (
                score,
                FieldValue::Number(Amount::from_units(rating.score.into())),
            ),
            (computed, FieldValue::Text(rating.tier.as_str())),
        ];
        if let Some(list) = &rating.official {
            fields.push((official, FieldValue::Text(list.tier.as_str())));
        }
        self.add(&Point {
            measurement: "tier",
            tags: &[("subject", subject.as_str())],
            fields: &fields,
            time: zone.day_start(rating.on).unix(),
        });
    }

    fn figures(
        &mut self,
        measurement: &str,
        whose: Whose<'_>,
        fields: &[(&str, FieldValue<'_>)],
        time: i64,
    ) {
        if fields.is_empty() {
            return;
        }
        let simulated = if whose.simulated { "true" } else { "" };
        self.add(&Point {
            measurement,
            tags: &[("area", whose.area), ("simulated", simulated)],
            fields,
            time,
        });
    }

    fn add(&mut self, point: &Point<'_>) {
        let mut line = String::new();
        match encode(point, &mut line) {
            Ok(()) => self.units.push(line),
            Err(fault) => self.refused.push(fault.to_string()),
        }
    }

    /// Makes lines of the readings.
    fn seal(&mut self) {
        if let Some((id, values)) = self.open.take() {
            self.readings.entry(id).or_default().extend(values);
        }
        for ((source, interval_s, time), values) in std::mem::take(&mut self.readings) {
            let interval = interval_s.to_string();
            let fields: Vec<_> = values
                .iter()
                .map(|(name, value)| (&**name, FieldValue::Number(*value)))
                .collect();
            self.add(&Point {
                measurement: READING,
                tags: &[
                    ("interval_s", interval.as_str()),
                    ("source", source.as_str()),
                ],
                fields: &fields,
                time,
            });
        }
    }
}

fn concentration(value: &Option<Exact>) -> Option<Amount> {
    Amount::parse(&value.as_ref()?.round(DECIMALS).trimmed()).ok()
}

fn indices(index: &Index) -> [Option<Amount>; 2] {
    [index.aqi, index.level().map(i64::from)].map(|index| index.map(Amount::from_units))
}

/// The fields that have a value.
fn numbers(
    names: &[&'static str],
    values: impl Iterator<Item = Option<Amount>>,
) -> Vec<(&'static str, FieldValue<'static>)> {
    let named = names.iter().zip(values);
    named
        .filter_map(|(name, value)| Some((*name, FieldValue::Number(value?))))
        .collect()
}

/// Lines on their way; then those that the server refuses for ever, each with why.
type Flight = JoinHandle<Result<Vec<String>, Failure>>;

/// A server that gets a copy.
pub struct Mirror {
    client: Arc<Client>,
    bucket: String,
    place: String,
    /// Lines that are on their way.
    flight: Mutex<Option<Flight>>,
    /// Whether the bucket is known to be nobody's store.
    free: AtomicBool,
}

impl Mirror {
    /// Prepares to write; nothing is sent yet. Organization, bucket and token may be empty where the server asks for none.
    ///
    /// # Errors
    /// An address that cannot work.
    pub fn new(settings: &InfluxSettings) -> Result<Self, String> {
        Ok(Self {
            client: Arc::new(Client::new(settings)?),
            bucket: settings.bucket.clone(),
            place: settings.place(),
            flight: Mutex::new(None),
            free: AtomicBool::new(false),
        })
    }

    /// Which server it is.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Sends the lines on their way, once those before them are there; those that the server refuses for ever are added
    /// to `refused`.
    ///
    /// # Errors
    /// Why the server could not take those before; they and these may all be sent again.
    pub async fn write(&self, lines: &mut Lines) -> Result<(), String> {
        self.check().await?;
        lines.seal();
        let units = std::mem::take(&mut lines.units);
        self.arrive(lines).await?;
        if units.is_empty() {
            return Ok(());
        }
        let client = Arc::clone(&self.client);
        let sent = async move {
            let refused = post(&client, &units).await?.into_iter();
            let told = refused.map(|(at, reason)| format!("{}: {reason}", units[at].trim_end()));
            Ok(told.collect())
        };
        *self.flight.lock().await = Some(tokio::spawn(sent));
        Ok(())
    }

    /// Waits until everything that was sent is there.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn arrive(&self, lines: &mut Lines) -> Result<(), String> {
        let Some(flight) = self.flight.lock().await.take() else {
            return Ok(());
        };
        let ended = flight.await.map_err(|ended| ended.to_string())?;
        let refused = ended.map_err(|failure| failure.text().to_owned())?;
        lines.refused.extend(refused);
        Ok(())
    }

    /// Whether the server answers within a time, and the bucket is nobody's store.
    ///
    /// # Errors
    /// In words, why a copy could not go there.
    pub async fn reachable(&self, limit: Duration) -> Result<(), String> {
        let asked = tokio::time::timeout(limit, self.check()).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
    }

    /// Asks once whether the bucket is a skytier's store, which a copy would spoil. A server that answers no such
    /// question, or not to us, holds none.
    async fn check(&self) -> Result<(), String> {
        if self.free.load(Ordering::Relaxed) {
            return Ok(());
        }
        match holders(&self.client, &self.bucket).await {
            Err(Failure::Passing(cause)) => return Err(cause),
            Ok(holders) if !holders.is_empty() => {
                return Err(format!(
                    "bucket {} holds the readings of a skytier; give the mirror a bucket of its own",
                    self.bucket
                ));
            }
            Ok(_) | Err(Failure::Settings(_) | Failure::Refused(_)) => {}
        }
        self.free.store(true, Ordering::Relaxed);
        Ok(())
    }
}
