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
use crate::domain::means::HourMean;
use crate::domain::means::StationDay;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::AreaClass;
use crate::domain::standards::AreaRule;
use crate::domain::standards::Edition;
use crate::domain::units::Exact;

/// How many stations an area's day needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// By pollutant, how many of `total` stations must have a value when so many do not monitor it by plan.
    pub fn needs(self, edition: &Edition, total: u32, unplanned: [u32; 6]) -> [u32; 6] {
        unplanned.map(|own| self.needed(edition, total.saturating_sub(own)))
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AreaOptions {
    /// Rounding and items of the index.
    pub index: IndexOptions,
    /// An ozone day of too few windows counts when its maximum exceeds the limit.
    pub o3_exception: bool,
    /// Whose limit that is.
    pub area_class: AreaClass,
    /// Stations needed.
    pub min_stations: MinStations,
}

impl AreaOptions {
    /// What the edition's file says.
    pub fn of(edition: &Edition) -> Self {
        Self {
            index: IndexOptions::of(edition),
            o3_exception: edition.o3_exception,
            area_class: AreaClass::Two,
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
    /// Too few valid eight-hour windows.
    Windows {
        /// Of which pollutant.
        pollutant: Pollutant,
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
    /// The document judges concentrations only.
    NoIndex,
}

impl fmt::Display for Void {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours {
                pollutant,
                have,
                need,
            } => write!(f, "{} hours {have}/{need}", pollutant.key()),
            Self::Windows {
                pollutant,
                have,
                need,
            } => write!(f, "{} windows {have}/{need}", pollutant.key()),
            Self::Stations {
                pollutant,
                have,
                need,
            } => {
                write!(f, "{} stations {have}/{need}", pollutant.key())
            }
            Self::NoStations => f.write_str("no station"),
            Self::NoIndex => f.write_str("no index in this document"),
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
    /// Those the index is made of, where they are others: the highest of the stations.
    pub highest: Option<Box<DayValues>>,
    /// Indices.
    pub index: Index,
    /// Why values are missing, joined by `|`; empty when none is.
    pub void_reason: String,
    /// Stations that belong to the area on that day.
    pub stations: u32,
}

impl AreaDay {
    /// The day with pollutants that are not monitored by plan marked `/`, of which those that need not count
    /// as missing do not (HJ 633-2026 5.3.2).
    pub fn with_plan(
        mut self,
        edition: &Edition,
        options: &AreaOptions,
        unmonitored: &[(Pollutant, bool)],
    ) -> Self {
        let absent = |pollutant: Pollutant| self.values.values[pollutant.index()].is_none();
        let unmonitored: Vec<&(Pollutant, bool)> = unmonitored
            .iter()
            .filter(|(pollutant, _)| absent(*pollutant))
            .collect();
        if unmonitored.is_empty() {
            return self;
        }
        let mut reasons: Vec<String> = self.void_reason.split('|').map(str::to_owned).collect();
        for (pollutant, shown) in unmonitored {
            let own = format!("{} ", pollutant.key());
            for reason in reasons.iter_mut().filter(|reason| reason.starts_with(&own)) {
                *reason = format!("{own}/");
            }
            self.values.unmonitored[pollutant.index()] = *shown;
            if let Some(highest) = &mut self.highest {
                highest.unmonitored[pollutant.index()] = *shown;
            }
        }
        self.void_reason = reasons.join("|");
        let values = self.highest.as_deref().unwrap_or(&self.values);
        self.index = day_index(edition, options.index, values);
        self
    }
}

/// How a station's values are judged, looked up once for all stations of a day.
struct Judge<'e> {
    edition: &'e Edition,
    /// Above this a day of ozone counts with too few windows.
    o3_limit: Option<Exact>,
}

/// A station's valid values of a day, still in their place.
struct Valid<'d> {
    values: [Option<&'d Exact>; 6],
    hour_max: [Option<HourMean>; 6],
    co_8h_max: Option<&'d Exact>,
}

impl<'e> Judge<'e> {
    fn new(edition: &'e Edition, options: &AreaOptions) -> Self {
        let limit = edition.limit(Pollutant::O3, Averaging::Hour8, options.area_class);
        let limit = limit.filter(|_| options.o3_exception);
        Self {
            edition,
            o3_limit: limit.map(Exact::amount),
        }
    }

    fn valid<'d>(&self, day: &'d StationDay) -> Valid<'d> {
        let validity = &self.edition.validity;
        let enough_hours = |at: usize| day.hours[at] >= validity.day_hours_min;
        let o3 = Pollutant::O3.index();
        let value = |at: usize| {
            if at != o3 {
                return day.mean[at].as_ref().filter(|_| enough_hours(at));
            }
            let exceeds = |value: &Exact| self.o3_limit.as_ref().is_some_and(|limit| value > limit);
            let enough = day.windows >= validity.windows_min;
            let max = day.o3_8h_max.as_ref();
            max.filter(|value| enough || exceeds(value))
        };
        // The hourly maximum of ozone stands in for windows, so their rule is enough for it.
        let hour_max = |at: usize| day.hour_max[at].filter(|_| at == o3 || enough_hours(at));
        let co_windows = day.co_windows >= validity.windows_min;
        Valid {
            values: std::array::from_fn(value),
            hour_max: std::array::from_fn(hour_max),
            co_8h_max: day.co_8h_max.as_ref().filter(|_| co_windows),
        }
    }
}

/// A station's valid values under the edition, and why the others are missing.
pub fn station_values(
    edition: &Edition,
    options: &AreaOptions,
    day: &StationDay,
) -> (DayValues, Vec<Void>) {
    let valid = Judge::new(edition, options).valid(day);
    let validity = &edition.validity;
    let window_void = |pollutant, have| Void::Windows {
        pollutant,
        have,
        need: validity.windows_min,
    };
    let mut voids = Vec::new();
    for pollutant in Pollutant::ALL {
        let have = day.hours[pollutant.index()];
        if pollutant == Pollutant::O3 {
            if valid.values[pollutant.index()].is_none() {
                voids.push(window_void(pollutant, day.windows));
            }
        } else if have < validity.day_hours_min {
            voids.push(Void::Hours {
                pollutant,
                have,
                need: validity.day_hours_min,
            });
        }
    }
    if day.co_windows < validity.windows_min
        && edition.has_index()
        && edition.daily[Pollutant::Co.index()] == Averaging::Hour8
        && valid.values[Pollutant::Co.index()].is_some()
    {
        voids.push(window_void(Pollutant::Co, day.co_windows));
    }
    let values = DayValues {
        values: valid.values.map(Option::<&Exact>::cloned),
        hour_max: valid.hour_max.map(|own| own.map(HourMean::exact)),
        co_8h_max: valid.co_8h_max.cloned(),
        unmonitored: [false; 6],
    };
    (values, voids)
}

/// The day of an area from the days of its stations; a station without any data is `None`. `unplanned` counts the
/// stations that do not monitor a pollutant by plan: nothing is missing there, so the least share is one of the others.
pub fn area_day(
    edition: &Edition,
    options: &AreaOptions,
    day: NaiveDate,
    stations: &[Option<&StationDay>],
    unplanned: [u32; 6],
) -> AreaDay {
    let empty = StationDay::default();
    let valid =
        |station: &Option<&StationDay>| station_values(edition, options, station.unwrap_or(&empty));
    let mut highest = None;
    let (values, mut voids) = match stations {
        [] => (DayValues::default(), vec![Void::NoStations]),
        [single] if options.min_stations.needed(edition, 1) <= 1 => valid(single),
        several => {
            let judge = Judge::new(edition, options);
            let own = several.iter().map(|own| judge.valid(own.unwrap_or(&empty)));
            let days: Vec<Valid<'_>> = own.collect();
            if edition.area_rule == AreaRule::Highest {
                highest = Some(Box::new(highest_of_stations(&days)));
            }
            let total = u32::try_from(days.len()).expect("fewer stations than that");
            let needs = options.min_stations.needs(edition, total, unplanned);
            mean_of_stations(&days, needs)
        }
    };
    if !edition.has_index() {
        voids.push(Void::NoIndex);
    }
    let index = day_index(
        edition,
        options.index,
        highest.as_deref().unwrap_or(&values),
    );
    let reasons: Vec<String> = voids.iter().map(Void::to_string).collect();
    AreaDay {
        day,
        edition: edition.id.clone(),
        values,
        highest,
        index,
        void_reason: reasons.join("|"),
        stations: u32::try_from(stations.len()).expect("fewer stations than that"),
    }
}

fn mean_of_stations(days: &[Valid<'_>], needs: [u32; 6]) -> (DayValues, Vec<Void>) {
    let hour_max = |at: usize| {
        let present = days.iter().filter_map(|day| day.hour_max[at]);
        Exact::mean(present.map(HourMean::exact))
    };
    let mut area = DayValues {
        hour_max: std::array::from_fn(hour_max),
        co_8h_max: Exact::mean(days.iter().filter_map(|day| day.co_8h_max)),
        ..DayValues::default()
    };
    let mut voids = Vec::new();
    for pollutant in Pollutant::ALL {
        let index = pollutant.index();
        let present = days.iter().filter_map(|day| day.values[index]);
        let have = u32::try_from(present.clone().count()).expect("fewer stations than that");
        let need = needs[index];
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

/// Of each value the highest any station has.
fn highest_of_stations(days: &[Valid<'_>]) -> DayValues {
    let value = |at: usize| days.iter().filter_map(|day| day.values[at]).max().cloned();
    let hour_max = |at: usize| {
        let present = days.iter().filter_map(|day| day.hour_max[at]);
        present.map(HourMean::exact).max()
    };
    DayValues {
        values: std::array::from_fn(value),
        hour_max: std::array::from_fn(hour_max),
        co_8h_max: days.iter().filter_map(|day| day.co_8h_max).max().cloned(),
        unmonitored: [false; 6],
    }
}
