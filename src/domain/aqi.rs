//! Sub-indices, AQI, level and primary pollutant of a day or an hour.
//!
//! HJ 633-2012 4.2-4.4, 5 and 6.2; HJ 633-2026 4.2.2-4.3.1 and 5.3; for comparison the US EPA's AQI Technical
//! Assistance Document of May 2024. Concentrations and breakpoints are exact fractions, so that a value on a
//! breakpoint gets that breakpoint's index and rounding never adds one by accident.

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::domain::standards::scale::Scale;
use crate::domain::standards::scale::SubIndex;
use crate::domain::units::Exact;

/// Highest AQI of a good day.
pub const GOOD_MAX: i64 = 100;
/// Days above this AQI are heavily polluted.
pub const HEAVY_OVER: i64 = 200;
/// At or below this AQI no pollutant is called primary.
const PRIMARY_OVER: i64 = 50;
/// Highest AQI of each level but the last.
const LEVEL_MAX: [i64; 5] = [50, 100, 150, 200, 300];

/// Choices of the index that the texts leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexOptions {
    /// Round concentrations before the index.
    pub round_first: bool,
    /// Count the ozone one-hour maximum as a seventh item of the day.
    pub o3_1h_item: bool,
    /// Print an index of 0 as 1, the least that HJ 633-2026 4.1.1 names.
    pub lift_zero: bool,
}

impl IndexOptions {
    /// What the edition's file says.
    pub fn of(edition: &Edition) -> Self {
        Self {
            round_first: edition.round_first,
            o3_1h_item: edition.o3_1h_item,
            lift_zero: false,
        }
    }
}

/// A day's concentrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayValues {
    /// Daily means, and the MDA8 of ozone, by pollutant in report order; `None` when missing or not enough data.
    pub values: [Option<Exact>; 6],
    /// Largest hourly value, by pollutant.
    pub hour_max: [Option<Exact>; 6],
    /// Largest eight-hour mean of CO.
    pub co_8h_max: Option<Exact>,
    /// Pollutants that are not monitored by plan and whose absence does not count (HJ 633-2026 5.3.2).
    pub unmonitored: [bool; 6],
}

impl DayValues {
    /// The day's value of a pollutant at an averaging time.
    pub fn of(&self, pollutant: Pollutant, averaging: Averaging) -> Option<&Exact> {
        let at = pollutant.index();
        match (averaging, pollutant) {
            (Averaging::Hour1, _) => self.hour_max[at].as_ref(),
            (Averaging::Hour8, Pollutant::Co) => self.co_8h_max.as_ref(),
            (Averaging::Hour8, Pollutant::O3) => self.values[at].as_ref(),
            (Averaging::Hour24, Pollutant::O3) => None,
            (Averaging::Hour24, _) => self.values[at].as_ref(),
            (Averaging::Hour8 | Averaging::Annual, _) => None,
        }
    }
}

/// An hour's concentrations, by pollutant in report order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourValues {
    /// The hour itself.
    pub hour: [Option<Exact>; 6],
    /// The mean of the eight hours that end with it.
    pub moving_8h: [Option<Exact>; 6],
    /// The mean of the 24 hours that end with it.
    pub moving_24h: [Option<Exact>; 6],
    /// The NowCast of the twelve hours that end with it.
    pub nowcast: [Option<Exact>; 6],
    /// As in [`DayValues::unmonitored`].
    pub unmonitored: [bool; 6],
}

/// How an hour's item is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HourKind {
    /// The hour itself.
    Hour,
    /// Eight hours that end with it.
    Moving8h,
    /// 24 hours that end with it.
    Moving24h,
    /// The NowCast.
    Nowcast,
}

impl HourKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Moving8h, Self::Moving24h, Self::Nowcast];

    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Moving8h => "8h",
            Self::Moving24h => "24h",
            Self::Nowcast => "nowcast",
        }
    }

    /// The averaging time on whose scale it stands; particles have that of the day alone.
    const fn scale(self, pollutant: Pollutant) -> Averaging {
        match (pollutant, self) {
            (Pollutant::Pm25 | Pollutant::Pm10, _) => Averaging::Hour24,
            (_, Self::Hour) => Averaging::Hour1,
            (_, Self::Moving8h) => Averaging::Hour8,
            (_, Self::Moving24h | Self::Nowcast) => Averaging::Hour24,
        }
    }
}

/// The items of an hourly report, in report order.
pub fn hour_items(realtime: Realtime) -> Vec<(Pollutant, HourKind)> {
    let particles = match realtime {
        Realtime::Standard => HourKind::Moving24h,
        Realtime::HourlyPm => HourKind::Hour,
        Realtime::Nowcast => HourKind::Nowcast,
    };
    let co = match realtime {
        Realtime::Nowcast => HourKind::Moving8h,
        Realtime::Standard | Realtime::HourlyPm => HourKind::Hour,
    };
    let mut items = vec![
        (Pollutant::Pm25, particles),
        (Pollutant::Pm10, particles),
        (Pollutant::So2, HourKind::Hour),
        (Pollutant::No2, HourKind::Hour),
        (Pollutant::Co, co),
        (Pollutant::O3, HourKind::Hour),
    ];
    if realtime != Realtime::HourlyPm {
        items.push((Pollutant::O3, HourKind::Moving8h));
    }
    items
}

impl HourValues {
    /// All values of a kind, by pollutant.
    pub fn kind(&self, kind: HourKind) -> &[Option<Exact>; 6] {
        match kind {
            HourKind::Hour => &self.hour,
            HourKind::Moving8h => &self.moving_8h,
            HourKind::Moving24h => &self.moving_24h,
            HourKind::Nowcast => &self.nowcast,
        }
    }

    fn of(&self, pollutant: Pollutant, averaging: Averaging) -> Option<&Exact> {
        let values = match averaging {
            Averaging::Hour1 => &self.hour,
            Averaging::Hour8 => &self.moving_8h,
            Averaging::Hour24 => &self.moving_24h,
            Averaging::Annual => return None,
        };
        values[pollutant.index()].as_ref()
    }
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
/// none at that concentration.
pub fn sub_index(
    edition: &Edition,
    options: IndexOptions,
    pollutant: Pollutant,
    averaging: Averaging,
    value: &Exact,
) -> Option<i64> {
    match read(edition, options, pollutant, averaging, value) {
        SubIndex::Index(index) => Some(index),
        SubIndex::Other(_) | SubIndex::Nothing => None,
    }
}

fn read(
    edition: &Edition,
    options: IndexOptions,
    pollutant: Pollutant,
    averaging: Averaging,
    value: &Exact,
) -> SubIndex {
    let value = rounded(edition, options, pollutant, value);
    let scale = edition.scale(pollutant, averaging);
    scale.map_or(SubIndex::Nothing, |scale: &Scale| {
        scale.read(edition.whole, &value)
    })
}

fn rounded(edition: &Edition, options: IndexOptions, pollutant: Pollutant, value: &Exact) -> Exact {
    if !options.round_first {
        return value.clone();
    }
    value.round(edition.decimals[pollutant.index()]).exact()
}

/// One concentration of a report and the scale it is read on.
struct Item<'v> {
    pollutant: Pollutant,
    averaging: Averaging,
    value: Option<&'v Exact>,
}

/// What a report's items are judged by.
struct Rule<'e> {
    edition: &'e Edition,
    options: IndexOptions,
    missing: Missing,
    unmonitored: [bool; 6],
}

impl Rule<'_> {
    fn read(&self, pollutant: Pollutant, averaging: Averaging, value: &Exact) -> SubIndex {
        read(self.edition, self.options, pollutant, averaging, value)
    }

    /// Sub-indices and AQI of the items. `other` is asked for the value of another averaging time when a scale
    /// refers to it; `seventh` is a further sub-index of ozone that counts in the AQI alone.
    fn index<'v>(
        &self,
        items: impl Iterator<Item = Item<'v>>,
        other: impl Fn(Pollutant, Averaging) -> Option<&'v Exact>,
        seventh: Option<i64>,
    ) -> Index {
        let mut index = Index::default();
        let mut complete = true;
        for item in items {
            let at = item.pollutant.index();
            let Some(value) = item.value else {
                complete &= self.unmonitored[at];
                continue;
            };
            let found = match self.read(item.pollutant, item.averaging, value) {
                SubIndex::Index(found) => Some(found),
                SubIndex::Nothing => None,
                SubIndex::Other(averaging) => {
                    let value = other(item.pollutant, averaging);
                    let read = |value| self.read(item.pollutant, averaging, value);
                    match value.map(read) {
                        Some(SubIndex::Index(found)) => Some(found),
                        _ => None,
                    }
                }
            };
            index.iaqi[at] = index.iaqi[at].max(found);
        }
        let settled = |at: usize| index.iaqi[at].is_some() || self.unmonitored[at];
        complete &= (0..index.iaqi.len()).all(settled);
        self.settle(&mut index, complete, seventh);
        index
    }

    /// Sets AQI and primary pollutant from the sub-indices by the rule on missing pollutants.
    fn settle(&self, index: &mut Index, complete: bool, seventh: Option<i64>) {
        let least = i64::from(self.options.lift_zero);
        for iaqi in index.iaqi.iter_mut().flatten() {
            *iaqi = (*iaqi).max(least);
        }
        let largest = index.iaqi.iter().copied().chain([seventh]).flatten().max();
        let particles = [Pollutant::Pm25, Pollutant::Pm10];
        let has_particles = || {
            particles
                .iter()
                .any(|own| index.iaqi[own.index()].is_some())
        };
        index.aqi = match self.missing {
            _ if complete => largest,
            Missing::Void => None,
            Missing::PublishAbove100 => largest.filter(|aqi| *aqi > GOOD_MAX),
            Missing::PublishWithParticles => largest.filter(|_| has_particles()),
            Missing::Publish => largest,
        };
        let Some(aqi) = index.aqi.filter(|aqi| *aqi > PRIMARY_OVER) else {
            return;
        };
        let sets = |pollutant: &Pollutant| {
            let own = index.iaqi[pollutant.index()] == Some(aqi);
            own || (*pollutant == Pollutant::O3 && seventh == Some(aqi))
        };
        index.primary = Pollutant::ALL.into_iter().filter(sets).collect();
    }
}

/// The indices of a day.
pub fn day_index(edition: &Edition, options: IndexOptions, day: &DayValues) -> Index {
    if !edition.has_index() {
        return Index::default();
    }
    let rule = Rule {
        edition,
        options,
        missing: edition.missing,
        unmonitored: day.unmonitored,
    };
    let own = Pollutant::ALL.map(|pollutant| (pollutant, edition.daily[pollutant.index()]));
    let all = own.into_iter().chain(edition.larger.iter().copied());
    let items = all.map(|(pollutant, averaging)| Item {
        pollutant,
        averaging,
        value: day.of(pollutant, averaging),
    });
    let seventh = day
        .of(Pollutant::O3, Averaging::Hour1)
        .filter(|_| options.o3_1h_item)
        .and_then(|value| sub_index(edition, options, Pollutant::O3, Averaging::Hour1, value));
    let other = |pollutant, averaging| day.of(pollutant, averaging);
    rule.index(items, other, seventh)
}

/// Choices of the hourly index that the texts leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourOptions {
    /// Rounding.
    pub index: IndexOptions,
    /// What the index is made of.
    pub realtime: Realtime,
    /// What to do when a pollutant is missing.
    pub missing: Missing,
}

impl HourOptions {
    /// What the edition's file says; `None` when the document has no hourly index.
    pub fn of(edition: &Edition) -> Option<Self> {
        Some(Self {
            index: IndexOptions::of(edition),
            realtime: *edition.realtime.first()?,
            missing: edition.hour_missing,
        })
    }
}

/// The indices of an hour.
pub fn hour_index(edition: &Edition, options: HourOptions, values: &HourValues) -> Index {
    let rule = Rule {
        edition,
        options: options.index,
        missing: options.missing,
        unmonitored: values.unmonitored,
    };
    let items = hour_items(options.realtime).into_iter();
    let items = items.map(|(pollutant, kind)| Item {
        pollutant,
        averaging: kind.scale(pollutant),
        value: values.kind(kind)[pollutant.index()].as_ref(),
    });
    let other = |pollutant, averaging| values.of(pollutant, averaging);
    rule.index(items, other, None)
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
