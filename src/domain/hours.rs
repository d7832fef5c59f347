//! From stations' hours to the hour of an area.
//!
//! HJ 633-2012 clause 5 and HJ 633-2026 4.2.3 for what an hour is made of; HJ 663 Table A.2: an area's hourly
//! value is the mean of its stations' values. Moving means are made at each station first, as daily values are.

use crate::domain::aqi::HourKind;
use crate::domain::aqi::HourOptions;
use crate::domain::aqi::HourValues;
use crate::domain::aqi::Index;
use crate::domain::aqi::hour_index;
use crate::domain::aqi::hour_items;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::means::HourMean;
use crate::domain::means::enough_mean;
use crate::domain::means::nowcast;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::AreaRule;
use crate::domain::standards::Edition;
use crate::domain::standards::Realtime;
use crate::domain::units::Exact;

/// Hours of a moving mean of ozone and CO.
const WINDOW_HOURS: usize = 8;

/// One pollutant's hours of a day and the day before it.
pub type TwoDays = [Option<HourMean>; 2 * HOURS_PER_DAY];

/// A station's values of hour `at` (0..23) of the second day.
///
/// # Panics
/// When the day has no such hour.
pub fn station_hour(
    edition: &Edition,
    realtime: Realtime,
    hours: &[TwoDays; 6],
    at: usize,
) -> HourValues {
    assert!(at < HOURS_PER_DAY, "a day has 24 hours");
    let end = HOURS_PER_DAY + at + 1;
    let last = |pollutant: usize, count: usize| &hours[pollutant][end - count..end];
    let mut values = HourValues {
        hour: std::array::from_fn(|own| hours[own][end - 1].map(HourMean::exact)),
        ..HourValues::default()
    };
    if realtime == Realtime::HourlyPm {
        return values;
    }
    let validity = &edition.validity;
    for pollutant in Pollutant::ALL {
        let own = pollutant.index();
        match pollutant {
            Pollutant::O3 | Pollutant::Co => {
                let window = last(own, WINDOW_HOURS);
                values.moving_8h[own] = enough_mean(window, validity.window_hours_min);
            }
            Pollutant::Pm25 | Pollutant::Pm10 | Pollutant::So2 => {
                let day = last(own, HOURS_PER_DAY);
                values.moving_24h[own] = enough_mean(day, validity.day_hours_min);
                if realtime == Realtime::Nowcast {
                    values.nowcast[own] = nowcast(day);
                }
            }
            Pollutant::No2 => {}
        }
    }
    values
}

/// An area's hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AreaValues {
    /// Concentrations, unrounded.
    pub values: HourValues,
    /// Indices.
    pub index: Index,
    /// Items of the report that are missing, with the stations that have them and those needed, joined by `|`.
    pub void_reason: String,
}

/// The hour of an area from those of its stations, of which a pollutant's items need so many. `unmonitored` names the
/// pollutants none of the stations monitors by plan, and whether their absence does not count (HJ 633-2026 5.3.2).
pub fn area_hour(
    edition: &Edition,
    options: Option<HourOptions>,
    stations: &[HourValues],
    needs: [u32; 6],
    unmonitored: &[(Pollutant, bool)],
) -> AreaValues {
    let combine = |kind: HourKind| {
        std::array::from_fn(|own| {
            let present = stations
                .iter()
                .filter_map(|hour| hour.kind(kind)[own].as_ref());
            area_value(edition, present, needs[own])
        })
    };
    let mut values = HourValues {
        hour: combine(HourKind::Hour),
        moving_8h: combine(HourKind::Moving8h),
        moving_24h: combine(HourKind::Moving24h),
        nowcast: combine(HourKind::Nowcast),
        unmonitored: [false; 6],
    };
    let unmonitored: Vec<&(Pollutant, bool)> = unmonitored
        .iter()
        .filter(|(own, _)| {
            HourKind::ALL
                .iter()
                .all(|kind| values.kind(*kind)[own.index()].is_none())
        })
        .collect();
    for (own, shown) in &unmonitored {
        values.unmonitored[own.index()] = *shown;
    }
    let Some(options) = options else {
        return AreaValues {
            values,
            index: Index::default(),
            void_reason: "no index in this document".to_owned(),
        };
    };
    let items = hour_items(options.realtime).into_iter();
    let missing = items.filter(|(own, kind)| values.kind(*kind)[own.index()].is_none());
    let reason = |(own, kind): (Pollutant, HourKind)| {
        if unmonitored.iter().any(|(other, _)| *other == own) {
            return format!("{} /", own.key());
        }
        let need = needs[own.index()];
        let present = stations
            .iter()
            .filter(|hour| hour.kind(kind)[own.index()].is_some());
        format!("{} {} {}/{need}", own.key(), kind.key(), count(present))
    };
    let mut reasons: Vec<String> = missing.map(reason).collect();
    reasons.dedup();
    AreaValues {
        index: hour_index(edition, options, &values),
        void_reason: reasons.join("|"),
        values,
    }
}

/// A value of an area's hour from those of its stations, of which it needs so many.
pub fn area_value<'v, V>(edition: &Edition, stations: V, need: u32) -> Option<Exact>
where
    V: IntoIterator<Item = &'v Exact, IntoIter: Clone>,
{
    let present = stations.into_iter();
    match count(present.clone()) >= need {
        true if edition.area_rule == AreaRule::Highest => present.max().cloned(),
        true => Exact::mean(present),
        false => None,
    }
}

fn count<T>(of: impl Iterator<Item = T>) -> u32 {
    u32::try_from(of.count()).expect("fewer stations than that")
}
