//! Sub-indices, AQI, level and primary pollutant of a day or an hour.
//!
//! HJ 633-2012 4.2-4.4 and 6.2; HJ 633-2026 4.2.2-4.3.1 and 5.3.1. Concentrations and breakpoints are exact
//! fractions, so that a value on a breakpoint gets that breakpoint's index and rounding up never adds one
//! by accident. Index values are always rounded up to whole numbers.

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Above;
use crate::domain::standards::Edition;
use crate::domain::standards::Missing;
use crate::domain::standards::Scale;
use crate::domain::standards::daily_averaging;
use crate::domain::units::Exact;

/// Highest AQI of a good day.
pub const GOOD_MAX: i64 = 100;
/// Days above this AQI are heavily polluted.
pub const HEAVY_OVER: i64 = 200;
/// At or below this AQI no pollutant is called primary.
const PRIMARY_OVER: i64 = 50;
/// Highest AQI of each level but the last.
const LEVEL_MAX: [i64; 5] = [50, 100, 150, 200, 300];

/// Choices of the daily index that the texts leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// Round concentrations before the index.
    pub round_first: bool,
    /// Count the ozone one-hour maximum as a seventh item.
    pub o3_1h_item: bool,
}

impl IndexOptions {
    /// What the edition's file says.
    pub fn of(edition: &Edition) -> Self {
        Self {
            round_first: edition.round_first,
            o3_1h_item: edition.o3_1h_item,
        }
    }
}

/// A day's concentrations: daily means, the MDA8 of ozone, and the ozone one-hour maximum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayValues {
    /// By pollutant in report order; `None` when missing or not enough data.
    pub values: [Option<Exact>; 6],
    /// Largest hourly ozone.
    pub o3_1h_max: Option<Exact>,
}

/// A day's or an hour's indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Sub-indices by pollutant.
    pub iaqi: [Option<i64>; 6],
    /// The AQI; `None` when it may not be published.
    pub aqi: Option<i64>,
    /// Pollutants that set an AQI above 50, in report order.
    pub primary: Vec<Pollutant>,
}

impl Index {
    /// Level 1 to 6 of the AQI.
    pub fn level(&self) -> Option<u8> {
        self.aqi.map(level)
    }

    /// Whether the AQI is 100 or less.
    pub fn is_good(&self) -> bool {
        self.aqi.is_some_and(|aqi| aqi <= GOOD_MAX)
    }

    /// Whether the AQI is above 200.
    pub fn is_heavy(&self) -> bool {
        self.aqi.is_some_and(|aqi| aqi > HEAVY_OVER)
    }
}

/// Level 1 to 6 of an AQI.
pub fn level(aqi: i64) -> u8 {
    let below = LEVEL_MAX.iter().filter(|most| aqi > **most).count();
    u8::try_from(below + 1).expect("at most six levels")
}

/// The sub-index of one concentration at one averaging time; `None` when the edition has no scale for it or
/// none above its last breakpoint.
pub fn sub_index(
    edition: &Edition,
    pollutant: Pollutant,
    averaging: Averaging,
    value: &Exact,
) -> Option<i64> {
    let scale = edition.scale(pollutant, averaging)?;
    match on_scale(edition, scale, value) {
        Ok(index) => Some(index),
        Err(Above::Index(index)) => Some(index),
        Err(Above::Other(_)) => None,
    }
}

fn on_scale(edition: &Edition, scale: &Scale, value: &Exact) -> Result<i64, Above> {
    let above = scale
        .breakpoints
        .iter()
        .position(|breakpoint| Exact::amount(*breakpoint) >= *value);
    let upper = above.ok_or(scale.above)?.max(1);
    let bound = |at: usize| {
        (
            Exact::amount(scale.breakpoints[at]),
            Exact::whole(edition.levels[at]),
        )
    };
    let ((low, low_index), (high, high_index)) = (bound(upper - 1), bound(upper));
    let share = value
        .minus(&low)
        .over(&high.minus(&low))
        .expect("breakpoints rise");
    Ok(share
        .times(&high_index.minus(&low_index))
        .plus(&low_index)
        .ceil())
}

fn rounded(edition: &Edition, options: IndexOptions, pollutant: Pollutant, value: &Exact) -> Exact {
    if !options.round_first {
        return value.clone();
    }
    value.round(edition.decimals[pollutant.index()]).exact()
}

/// The indices of a day.
pub fn day_index(edition: &Edition, options: IndexOptions, day: &DayValues) -> Index {
    let mut index = Index::default();
    let prepare = |pollutant, value: &Exact| rounded(edition, options, pollutant, value);
    let o3_1h = day.o3_1h_max.as_ref().and_then(|value| {
        sub_index(
            edition,
            Pollutant::O3,
            Averaging::Hour1,
            &prepare(Pollutant::O3, value),
        )
    });
    for pollutant in Pollutant::ALL {
        let Some(value) = &day.values[pollutant.index()] else {
            continue;
        };
        let value = prepare(pollutant, value);
        let Some(scale) = edition.scale(pollutant, daily_averaging(pollutant)) else {
            continue;
        };
        index.iaqi[pollutant.index()] = match on_scale(edition, scale, &value) {
            Ok(found) | Err(Above::Index(found)) => Some(found),
            Err(Above::Other(_)) => o3_1h,
        };
    }
    let seventh = o3_1h.filter(|_| options.o3_1h_item);
    settle(&mut index, edition.missing, seventh);
    index
}

/// The indices of one hour: hourly gases on their hourly scales, hourly particles on the daily scales
/// (HJ 633-2026 4.2.3; under the 2012 edition what the national platform publishes). A pollutant that is
/// missing does not void the hour; the AQI needs one of the particles at least.
pub fn hour_index(edition: &Edition, options: IndexOptions, values: &[Option<Exact>; 6]) -> Index {
    let mut index = Index::default();
    for pollutant in Pollutant::ALL {
        let Some(value) = &values[pollutant.index()] else {
            continue;
        };
        let averaging = match pollutant {
            Pollutant::Pm25 | Pollutant::Pm10 => Averaging::Hour24,
            _ => Averaging::Hour1,
        };
        let value = rounded(edition, options, pollutant, value);
        index.iaqi[pollutant.index()] = sub_index(edition, pollutant, averaging, &value);
    }
    let particles = [Pollutant::Pm25, Pollutant::Pm10];
    if particles
        .iter()
        .any(|pollutant| index.iaqi[pollutant.index()].is_some())
    {
        let largest = index.iaqi.iter().flatten().copied().max();
        name_primary(&mut index, largest, None);
    }
    index
}

/// Sets AQI and primary pollutant from the sub-indices by the edition's rule on missing pollutants.
fn settle(index: &mut Index, missing: Missing, seventh: Option<i64>) {
    let largest = index.iaqi.iter().copied().chain([seventh]).flatten().max();
    let complete = index.iaqi.iter().all(Option::is_some);
    let published = match missing {
        _ if complete => largest,
        Missing::Void => None,
        Missing::PublishAbove100 => largest.filter(|aqi| *aqi > GOOD_MAX),
    };
    name_primary(index, published, seventh);
}

fn name_primary(index: &mut Index, aqi: Option<i64>, seventh: Option<i64>) {
    index.aqi = aqi;
    let Some(aqi) = aqi.filter(|aqi| *aqi > PRIMARY_OVER) else {
        return;
    };
    let sets = |pollutant: &Pollutant| {
        let own = index.iaqi[pollutant.index()] == Some(aqi);
        own || (*pollutant == Pollutant::O3 && seventh == Some(aqi))
    };
    index.primary = Pollutant::ALL.into_iter().filter(sets).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_change_just_above_their_edges() {
        let edges = [
            (0, 1),
            (50, 1),
            (51, 2),
            (100, 2),
            (101, 3),
            (150, 3),
            (151, 4),
            (200, 4),
            (201, 5),
        ];
        for (aqi, expected) in edges.into_iter().chain([(300, 5), (301, 6), (500, 6)]) {
            assert_eq!(level(aqi), expected, "AQI {aqi}");
        }
    }
}
