//! From station days to the day of an area.
//!
//! HJ 663 Table A.2: an area's daily value is the mean of its stations' daily values (not of hourly ones), and
//! its AQI comes from those concentrations, never from station AQIs. A station's daily value must first be
//! valid by the edition's minima; an area's needs a share of its stations.

use std::fmt;

use chrono::NaiveDate;

use crate::domain::aqi::DayValues;
use crate::domain::aqi::Index;
use crate::domain::aqi::IndexOptions;
use crate::domain::aqi::day_index;
use crate::domain::means::StationDay;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::units::Exact;

/// How many stations an area's day needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinStations {
    /// This many.
    Count(u32),
    /// This share of the area's stations, in percent.
    Percent(u32),
    /// What the edition's file says.
    Standard,
}

impl MinStations {
    /// Reads `N`, `P%` or `standard`.
    ///
    /// # Errors
    /// In words, for anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?}: a number, a share such as 75% or standard is expected");
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                _ => Err(fault()),
            },
            None if text == "standard" => Ok(Self::Standard),
            None => match text.parse() {
                Ok(count @ 1..) => Ok(Self::Count(count)),
                _ => Err(fault()),
            },
        }
    }

    /// The number needed of `total` stations; at least one.
    pub fn needed(self, edition: &Edition, total: u32) -> u32 {
        let share = &edition.stations;
        let percent = match self {
            Self::Count(count) => return count.max(1),
            Self::Percent(percent) => percent,
            Self::Standard if total < share.few_stations => share.few_share_pct_min,
            Self::Standard => share.share_pct_min,
        };
        (total * percent).div_ceil(100).max(1)
    }
}

impl fmt::Display for MinStations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Standard => f.write_str("standard"),
        }
    }
}

/// Choices of an assessment that the texts leave open. Defaults are the edition's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaOptions {
    /// Rounding and items of the index.
    pub index: IndexOptions,
    /// An ozone day of too few windows counts when its maximum exceeds the limit.
    pub o3_exception: bool,
    /// Stations needed.
    pub min_stations: MinStations,
}

impl AreaOptions {
    /// What the edition's file says.
    pub fn of(edition: &Edition) -> Self {
        Self {
            index: IndexOptions::of(edition),
            o3_exception: edition.o3_exception,
            min_stations: MinStations::Standard,
        }
    }
}

/// Why a pollutant has no value on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// Too few valid hours.
    Hours {
        /// Of which pollutant.
        pollutant: Pollutant,
        /// Valid hours.
        have: u32,
        /// Hours needed.
        need: u32,
    },
    /// Too few valid eight-hour windows of ozone.
    Windows {
        /// Valid windows.
        have: u32,
        /// Windows needed.
        need: u32,
    },
    /// Too few stations of the area have a valid value.
    Stations {
        /// Of which pollutant.
        pollutant: Pollutant,
        /// Stations with a value.
        have: u32,
        /// Stations needed.
        need: u32,
    },
    /// No station belongs to the area on that day.
    NoStations,
}

impl fmt::Display for Void {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours {
                pollutant,
                have,
                need,
            } => write!(f, "{} hours {have}/{need}", pollutant.key()),
            Self::Windows { have, need } => write!(f, "o3 windows {have}/{need}"),
            Self::Stations {
                pollutant,
                have,
                need,
            } => {
                write!(f, "{} stations {have}/{need}", pollutant.key())
            }
            Self::NoStations => f.write_str("no station"),
        }
    }
}

/// One day of an area under one edition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaDay {
    /// The day.
    pub day: NaiveDate,
    /// The edition's id.
    pub edition: String,
    /// Concentrations, unrounded.
    pub values: DayValues,
    /// Indices.
    pub index: Index,
    /// Why values are missing, joined by `|`; empty when none is.
    pub void_reason: String,
    /// Stations that belong to the area on that day.
    pub stations: u32,
}

/// A station's valid values under the edition, and why the others are missing.
pub fn station_values(
    edition: &Edition,
    o3_exception: bool,
    day: &StationDay,
) -> (DayValues, Vec<Void>) {
    let mut values = DayValues {
        o3_1h_max: day.o3_1h_max.clone(),
        ..DayValues::default()
    };
    let mut voids = Vec::new();
    let validity = &edition.validity;
    for pollutant in Pollutant::ALL {
        let index = pollutant.index();
        if pollutant == Pollutant::O3 {
            let limit = Exact::amount(edition.o3_exception_limit);
            let exceeds = |value: &Exact| o3_exception && *value > limit;
            let enough = day.windows >= validity.windows_min;
            let counts = |value: &&Exact| enough || exceeds(value);
            values.values[index] = day.o3_8h_max.as_ref().filter(counts).cloned();
            if values.values[index].is_none() {
                voids.push(Void::Windows {
                    have: day.windows,
                    need: validity.windows_min,
                });
            }
        } else if day.hours[index] >= validity.day_hours_min {
            values.values[index] = day.mean[index].clone();
        } else {
            voids.push(Void::Hours {
                pollutant,
                have: day.hours[index],
                need: validity.day_hours_min,
            });
        }
    }
    (values, voids)
}

/// The day of an area from the days of its stations; a station without any data is `None`.
pub fn area_day(
    edition: &Edition,
    options: &AreaOptions,
    day: NaiveDate,
    stations: &[Option<&StationDay>],
) -> AreaDay {
    let empty = StationDay::default();
    let valid = |station: &Option<&StationDay>| {
        station_values(edition, options.o3_exception, station.unwrap_or(&empty))
    };
    let (values, voids) = match stations {
        [] => (DayValues::default(), vec![Void::NoStations]),
        [single] if options.min_stations.needed(edition, 1) <= 1 => valid(single),
        several => {
            let days: Vec<DayValues> = several.iter().map(|station| valid(station).0).collect();
            mean_of_stations(edition, options.min_stations, &days)
        }
    };
    let index = day_index(edition, options.index, &values);
    let reasons: Vec<String> = voids.iter().map(Void::to_string).collect();
    AreaDay {
        day,
        edition: edition.id.clone(),
        values,
        index,
        void_reason: reasons.join("|"),
        stations: u32::try_from(stations.len()).expect("fewer stations than that"),
    }
}

fn mean_of_stations(
    edition: &Edition,
    min_stations: MinStations,
    days: &[DayValues],
) -> (DayValues, Vec<Void>) {
    let total = u32::try_from(days.len()).expect("fewer stations than that");
    let need = min_stations.needed(edition, total);
    let mut area = DayValues {
        o3_1h_max: Exact::mean(days.iter().filter_map(|day| day.o3_1h_max.as_ref())),
        ..DayValues::default()
    };
    let mut voids = Vec::new();
    for pollutant in Pollutant::ALL {
        let index = pollutant.index();
        let present = days.iter().filter_map(|day| day.values[index].as_ref());
        let have = u32::try_from(present.clone().count()).expect("fewer stations than that");
        if have >= need {
            area.values[index] = Exact::mean(present);
        } else {
            voids.push(Void::Stations {
                pollutant,
                have,
                need,
            });
        }
    }
    (area, voids)
}
