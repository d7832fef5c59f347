//! The calibrated scenario: invented hourly readings of three simulated stations whose chain of rules gives
//! the figures a county-level city once published.
//!
//! January to June of 2019 and of 2020. Through HJ 633-2012 and HJ 663-2013 the hours lead to PM2.5 of 48.6 and
//! 40.7 ug/m3 (-16.3 %) and to 127 good days of 181 and 145 of 182 (70.2 % and 79.7 %, +9.5 points). City days
//! keep clear of the daily limits, so the counts hold whether or not concentrations are rounded before the
//! index and whether or not the 1 h ozone maximum counts as the seventh item. Nothing here was measured; the
//! stations bear `sim-` codes, and the only claim is that the arithmetic arrives where it must.

mod hours;
mod noise;
mod plan;

use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Amount;

/// The simulated stations, in the order of their real namesakes.
pub const STATIONS: [&str; hours::STATIONS] = ["sim-1999A", "sim-2000A", "sim-2001A"];
/// CO is planned in tenths of a mg/m3.
const CO_MICROS: i64 = 100_000;

/// One hour of one simulated station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioHour {
    /// The simulated station.
    pub station: SourceId,
    /// End of the hour; days are those of `+08:00`.
    pub time: Instant,
    /// Hourly means in the order of [`Pollutant::ALL`]: whole ug/m3, CO in tenths of a mg/m3.
    pub values: [Amount; 6],
}

/// Every hour of both half-years, ordered by time, then station. The same on every call and machine.
///
/// Each station is out for an hour or two now and then, as instruments are; such hours are left out, and no
/// day falls below the hours it needs.
pub fn readings() -> impl Iterator<Item = ScenarioHour> {
    plan::HALVES.iter().flat_map(half)
}

fn half(half: &plan::Half) -> Vec<ScenarioHour> {
    let (days, mut noise) = plan::days(half);
    let stations = hours::stations(&days, &mut noise);
    let names = STATIONS.map(|name| SourceId::new(name).expect("a valid station code"));
    let Some(first) = days.first() else {
        return Vec::new();
    };
    let mut time = Zone::beijing().day_start(first.date);
    let mut all = Vec::new();
    for hour in 0..stations[0].len() {
        time = time.plus_s(HOUR_S);
        for (name, hours) in names.iter().zip(&stations) {
            all.extend(hours[hour].map(|values| ScenarioHour {
                station: name.clone(),
                time,
                values: Pollutant::ALL.map(|item| amount(item, values[item.index()])),
            }));
        }
    }
    all
}

fn amount(item: Pollutant, value: i64) -> Amount {
    match item {
        Pollutant::Co => Amount::from_micros(value * CO_MICROS),
        _ => Amount::from_units(value),
    }
}

#[cfg(test)]
mod tests;
