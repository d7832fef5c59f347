//! What a dashboard draws, as line protocol: a copy for Grafana of readings and figures that are kept elsewhere.
//!
//! Measurement `reading` has tags `source` and `interval_s` and one field for a factor, or factor and statistic, in the
//! units of the interface. Values that may not enter means are left out. Measurement `day` has tag `source` and the
//! fields of [`DAY_FIELDS`], stamped with the day's beginning. Anything that takes line protocol on `/api/v2/write`
//! will do; nothing is ever read back.

use crate::adapters::store::influxdb2::cells::Part;
use crate::adapters::store::influxdb2::cells::READING;
use crate::adapters::store::influxdb2::cells::field;
use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::line::FieldValue;
use crate::adapters::store::influxdb2::line::Point;
use crate::adapters::store::influxdb2::line::encode;
use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::adapters::store::influxdb2::writer::post;
use crate::domain::area::AreaDay;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// The measurement of days.
const DAY: &str = "day";
/// Decimals of a day's concentrations.
const DECIMALS: u32 = 6;
/// Fields of a day: concentrations, index and level. A field without a value is left out.
pub const DAY_FIELDS: [&str; 8] = ["pm25", "pm10", "so2", "no2", "co", "o3_8h", "aqi", "level"];

/// Lines for the mirror, and what cannot be one.
#[derive(Debug, Default)]
pub struct Lines {
    units: Vec<String>,
    /// What was left out for ever, and why.
    pub refused: Vec<String>,
}

impl Lines {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Adds a reading, if its value may enter means.
    pub fn reading(&mut self, key: &SeriesKey, reading: &Reading) {
        let Some(value) = reading.usable() else {
            return;
        };
        let name = field(&(key.factor.clone(), key.stat.clone()), Part::Value);
        let interval = key.interval_s.to_string();
        let point = Point {
            measurement: READING,
            tags: &[
                ("interval_s", interval.as_str()),
                ("source", key.source.as_str()),
            ],
            fields: &[(name.as_str(), FieldValue::Number(value))],
            time: reading.time.unix(),
        };
        self.add(&point);
    }

    /// Adds a station's day.
    pub fn day(&mut self, source: &SourceId, zone: Zone, day: &AreaDay) {
        let amount = |value: &Exact| Amount::parse(&value.round(DECIMALS).trimmed()).ok();
        let concentrations = day
            .values
            .values
            .iter()
            .map(|value| value.as_ref().and_then(amount));
        let level = day.index.level().map(i64::from);
        let indices = [day.index.aqi, level].map(|index| index.map(Amount::from_units));
        let values = DAY_FIELDS.into_iter().zip(concentrations.chain(indices));
        let number = |(name, value): (&'static str, Option<Amount>)| {
            Some((name, FieldValue::Number(value?)))
        };
        let fields: Vec<_> = values.filter_map(number).collect();
        if fields.is_empty() {
            return;
        }
        self.add(&Point {
            measurement: DAY,
            tags: &[("source", source.as_str())],
            fields: &fields,
            time: zone.day_start(day.day).unix(),
        });
    }

    fn add(&mut self, point: &Point<'_>) {
        let mut line = String::new();
        match encode(point, &mut line) {
            Ok(()) => self.units.push(line),
            Err(fault) => self.refused.push(fault.to_string()),
        }
    }
}

/// A server that gets a copy.
pub struct Mirror {
    client: Client,
    place: String,
}

impl Mirror {
    /// Prepares to write; nothing is sent yet. Organization, bucket and token may be empty where the server asks for none.
    ///
    /// # Errors
    /// An address that cannot work.
    pub fn new(settings: &InfluxSettings) -> Result<Self, String> {
        Ok(Self {
            client: Client::new(settings)?,
            place: settings.place(),
        })
    }

    /// Which server it is.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Brings the lines there; those that it refuses for ever are added to `refused`, the others are gone from
    /// `lines` when this returns well.
    ///
    /// # Errors
    /// Why the server cannot take them now; they may all be sent again.
    pub async fn write(&self, lines: &mut Lines) -> Result<(), String> {
        let refused = post(&self.client, &lines.units).await;
        let refused = refused.map_err(|failure| failure.text().to_owned())?;
        for (number, reason) in refused {
            lines
                .refused
                .push(format!("{}: {reason}", lines.units[number].trim_end()));
        }
        lines.units.clear();
        Ok(())
    }
}
