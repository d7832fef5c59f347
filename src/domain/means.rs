//! From hourly values to what one station's day offers: daily means and the ozone windows.
//!
//! GB 3095 clause 3 and Table 4; HJ 663 for the windows: eight-hour means labelled 08:00 to 24:00, all inside
//! the natural day, each over the valid ones of its eight hours. How many are enough is the edition's matter
//! ([`crate::domain::standards::Validity`]); this file keeps both the figure and what it rests on.

use std::num::NonZeroU32;

use num_integer::Integer;

use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// Hours in an ozone window, and as many bits.
const WINDOW_HOURS: usize = 8;
const WINDOW_BITS: u32 = (1 << WINDOW_HOURS) - 1;

/// Hours of a NowCast, the newest ones that must not be missing, and how many of those are enough.
const NOWCAST_HOURS: usize = 12;
const NOWCAST_RECENT: usize = 3;
const NOWCAST_RECENT_MIN: usize = 2;

/// The mean of one hour as a sum over a count, so that it stays exact whatever the report interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourMean {
    sum_micros: i64,
    count: NonZeroU32,
}

impl HourMean {
    /// An hourly value as reported.
    #[inline]
    pub const fn reported(value: Amount) -> Self {
        Self {
            sum_micros: value.micros(),
            count: NonZeroU32::MIN,
        }
    }

    /// The mean of values reported every `interval_s` seconds within one hour; `None` when they stand for
    /// fewer than `minutes_min` minutes.
    pub fn of_parts(parts: &[Amount], interval_s: u32, minutes_min: u32) -> Option<Self> {
        let mut all = Parts::default();
        parts.iter().for_each(|part| all.add(*part));
        all.mean(interval_s, minutes_min)
    }

    #[inline]
    fn count(&self) -> i64 {
        i64::from(self.count.get())
    }

    /// The larger of two.
    #[inline]
    fn larger(self, other: Self) -> Self {
        let exceeds = if self.count == other.count {
            other.sum_micros > self.sum_micros
        } else {
            let scaled =
                |own: Self, by: Self| i128::from(own.sum_micros) * i128::from(by.count.get());
            scaled(other, self) > scaled(self, other)
        };
        if exceeds { other } else { self }
    }

    /// The value as an exact fraction.
    #[inline]
    pub fn exact(self) -> Exact {
        Exact::mean_of_micros(i128::from(self.sum_micros), i64::from(self.count.get()))
    }
}

/// Values reported within one hour, added up as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// `None` when it does not fit.
    sum_micros: Option<i64>,
    count: u32,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            sum_micros: Some(0),
            count: 0,
        }
    }
}

impl Parts {
    /// Adds one.
    pub fn add(&mut self, value: Amount) {
        self.add_all(&[value.micros()]);
    }

    /// Adds some, in millionths.
    pub fn add_all(&mut self, micros: &[i64]) {
        let mut values = micros.iter();
        self.sum_micros = self
            .sum_micros
            .and_then(|sum| values.try_fold(sum, |sum, value| sum.checked_add(*value)));
        self.count += u32::try_from(micros.len()).expect("an hour of seconds");
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their mean; `None` when they stand for fewer than `minutes_min` minutes at `interval_s` seconds each.
    pub fn mean(&self, interval_s: u32, minutes_min: u32) -> Option<HourMean> {
        let count = NonZeroU32::new(self.count)?;
        let minutes = u64::from(minutes_min) * 60;
        if u64::from(self.count) * u64::from(interval_s) < minutes {
            return None;
        }
        Some(HourMean {
            sum_micros: self.sum_micros?,
            count,
        })
    }
}

/// The mean of the hours given; hours of equal count are added as integers first.
fn mean(hours: impl Iterator<Item = HourMean>) -> Option<Exact> {
    let mut sums: Vec<(NonZeroU32, i128)> = Vec::new();
    let mut total = 0u32;
    for hour in hours {
        total += 1;
        match sums.iter_mut().find(|(count, _)| *count == hour.count) {
            Some((_, sum)) => *sum += i128::from(hour.sum_micros),
            None => sums.push((hour.count, i128::from(hour.sum_micros))),
        }
    }
    let parts = sums
        .iter()
        .map(|(count, sum)| Exact::mean_of_micros(*sum, i64::from(count.get())));
    let sum = parts.fold(Exact::zero(), |sum, part| sum.plus(&part));
    sum.over(&Exact::whole(i64::from(total)))
}

/// One pollutant's valid hours of a day, by hour 0..23 (hour 0 ends at 01:00).
pub type Hours = [Option<HourMean>; HOURS_PER_DAY];

/// What a station's day offers, before any edition asks for enough data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StationDay {
    /// Mean over the valid hours, by pollutant.
    pub mean: [Option<Exact>; 6],
    /// Valid hours, by pollutant.
    pub hours: [u32; 6],
    /// Largest eight-hour mean of ozone over the valid windows.
    pub o3_8h_max: Option<Exact>,
    /// Valid windows.
    pub windows: u32,
    /// Largest eight-hour mean of CO over its valid windows, the same ones as those of ozone.
    pub co_8h_max: Option<Exact>,
    /// Valid windows of CO.
    pub co_windows: u32,
    /// Largest hourly value, by pollutant.
    pub hour_max: [Option<HourMean>; 6],
}

impl StationDay {
    /// Computes the day from its hours, by pollutant in report order. A window needs `window_hours_min` valid
    /// hours.
    pub fn of_hours(hours: &[Hours; 6], window_hours_min: u32) -> Self {
        let mut day = Self::default();
        for pollutant in Pollutant::ALL {
            day.put(pollutant, &hours[pollutant.index()], window_hours_min);
        }
        day
    }

    /// Computes what the day offers of one pollutant from its hours, in the place of what it offered.
    pub fn put(&mut self, pollutant: Pollutant, hours: &Hours, window_hours_min: u32) {
        self.take(pollutant, Offer::of(pollutant, hours, window_hours_min));
    }

    /// Takes what the day offers of one pollutant.
    pub fn take(&mut self, pollutant: Pollutant, offer: Offer) {
        let index = pollutant.index();
        self.hours[index] = offer.hours;
        self.mean[index] = offer.mean;
        self.hour_max[index] = offer.hour_max;
        match pollutant {
            Pollutant::O3 => (self.o3_8h_max, self.windows) = offer.windows,
            Pollutant::Co => (self.co_8h_max, self.co_windows) = offer.windows,
            Pollutant::Pm25 | Pollutant::Pm10 | Pollutant::So2 | Pollutant::No2 => (),
        }
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.hours.iter().all(|count| *count == 0)
    }
}

/// What a station's day offers of one pollutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    mean: Option<Exact>,
    hours: u32,
    hour_max: Option<HourMean>,
    /// The largest valid eight-hour mean and how many windows are valid, where the pollutant has windows.
    windows: (Option<Exact>, u32),
}

impl Offer {
    /// Computes it from the day's hours. A window needs `window_hours_min` valid hours.
    pub fn of(pollutant: Pollutant, hours: &Hours, window_hours_min: u32) -> Self {
        match Course::of(hours) {
            Some(course) => course.offer(pollutant, window_hours_min),
            None => Self::of_any(pollutant, hours, window_hours_min),
        }
    }

    /// The same in fractions, whatever the hours rest on.
    fn of_any(pollutant: Pollutant, hours: &Hours, window_hours_min: u32) -> Self {
        let valid = hours.iter().copied().flatten();
        Self {
            mean: mean(valid.clone()),
            hours: u32::try_from(valid.clone().count()).expect("at most 24"),
            hour_max: valid.reduce(HourMean::larger),
            windows: if has_windows(pollutant) {
                largest_window(hours, window_hours_min)
            } else {
                (None, 0)
            },
        }
    }

    /// Whether no hour is valid.
    pub fn is_empty(&self) -> bool {
        self.hours == 0
    }
}

/// Whether a day's eight-hour windows of a pollutant count.
const fn has_windows(pollutant: Pollutant) -> bool {
    matches!(pollutant, Pollutant::O3 | Pollutant::Co)
}

/// The largest valid eight-hour mean within the day, and how many windows are valid.
fn largest_window(hours: &Hours, window_hours_min: u32) -> (Option<Exact>, u32) {
    let mut largest = None;
    let mut windows = 0;
    for window in hours.windows(WINDOW_HOURS) {
        if let Some(value) = enough_mean(window, window_hours_min) {
            windows += 1;
            largest = largest.max(Some(value));
        }
    }
    (largest, windows)
}

/// Largest magnitude of a [`Course`]'s hours: a day of them adds up in 64 bits, and so does a window times eight.
const COURSE_MAX: u64 = 1 << 56;

/// A day's hours as sums over one common count, so that all but the result is plain numbers.
struct Course {
    /// Zero where there is no valid hour.
    sums: [i64; HOURS_PER_DAY],
    /// The valid ones, the first hour as the lowest bit.
    valid: u32,
    /// How many values each rests on, in a manner of speaking where they differ.
    count: i64,
    hour_max: Option<HourMean>,
}

impl Course {
    /// `None` when the sums would not fit.
    fn of(hours: &Hours) -> Option<Self> {
        // One plain pass for each figure; the compiler makes several hours of a pass at once.
        let of = |hour: &Option<HourMean>| hour.map_or((0, 0), |own| (own.sum_micros, own.count()));
        let pairs: [(i64, i64); HOURS_PER_DAY] = std::array::from_fn(|at| of(&hours[at]));
        let (sums, counts) = (pairs.map(|(sum, _)| sum), pairs.map(|(_, count)| count));
        let count = counts.iter().copied().max().filter(|count| *count > 0);
        let count = count.unwrap_or(1);
        let differ = |differ, own: &i64| differ | (*own != 0 && *own != count);
        let alike = !counts.iter().fold(false, differ);
        let magnitude = |all: u64, sum: &i64| all | sum.unsigned_abs();
        let bit = |valid, at: usize| valid | u32::from(counts[at] > 0) << at;
        let mut course = Self {
            sums,
            valid: (0..HOURS_PER_DAY).fold(0, bit),
            count,
            hour_max: None,
        };
        let fits = sums.iter().fold(0, magnitude) < COURSE_MAX;
        let valid = hours.iter().copied().flatten();
        course.hour_max = if alike {
            valid.max_by_key(|own| own.sum_micros)
        } else {
            valid.reduce(HourMean::larger)
        };
        (fits && (alike || course.spread(hours).is_some())).then_some(course)
    }

    /// Brings hours of different counts to a common one; `None` when that does not fit.
    fn spread(&mut self, hours: &Hours) -> Option<()> {
        let mut counts = hours.iter().flatten().map(HourMean::count);
        let common = |common: i64, count: i64| common.checked_mul(count / common.gcd(&count));
        let fits = |count: &i64| count.unsigned_abs() < COURSE_MAX;
        self.count = counts.try_fold(1, common).filter(fits)?;
        for (sum, hour) in self.sums.iter_mut().zip(hours) {
            let times = hour.as_ref().map_or(1, |hour| self.count / hour.count());
            *sum = sum.checked_mul(times)?;
            if sum.unsigned_abs() >= COURSE_MAX {
                return None;
            }
        }
        Some(())
    }

    fn offer(self, pollutant: Pollutant, window_hours_min: u32) -> Offer {
        let hours = self.valid.count_ones();
        Offer {
            mean: self.mean((self.sums.iter().sum(), hours)),
            hours,
            hour_max: self.hour_max,
            windows: if has_windows(pollutant) {
                self.largest_window(window_hours_min)
            } else {
                (None, 0)
            },
        }
    }

    /// The mean of some of the hours by their sum and how many they are.
    fn mean(&self, (sum, valid): (i64, u32)) -> Option<Exact> {
        let of = || Exact::mean_of_micros(i128::from(sum), self.count * i64::from(valid));
        (valid > 0).then(of)
    }

    /// As the function of that name. Windows are compared as sums over counts, and only the largest becomes a fraction.
    fn largest_window(&self, window_hours_min: u32) -> (Option<Exact>, u32) {
        let (mut largest, mut windows) = ((0i64, 0u32), 0);
        let mut sum: i64 = self.sums[..WINDOW_HOURS - 1].iter().sum();
        for from in 0..=HOURS_PER_DAY - WINDOW_HOURS {
            sum += self.sums[from + WINDOW_HOURS - 1];
            let valid = (self.valid >> from & WINDOW_BITS).count_ones();
            if valid > 0 && valid >= window_hours_min {
                windows += 1;
                let (most, of) = largest;
                if of == 0 || sum * i64::from(of) > most * i64::from(valid) {
                    largest = (sum, valid);
                }
            }
            sum -= self.sums[from];
        }
        (self.mean(largest), windows)
    }
}

/// The mean of a run of hours, if at least so many of them are valid.
pub fn enough_mean(hours: &[Option<HourMean>], hours_min: u32) -> Option<Exact> {
    let valid = hours.iter().copied().flatten();
    let count = u32::try_from(valid.clone().count()).expect("a day of hours");
    mean(valid).filter(|_| count >= hours_min)
}

/// The US EPA's NowCast of twelve hours, oldest first; `None` unless two of the last three are valid.
///
/// AQI Technical Assistance Document, May 2024: weights fall by a factor from hour to hour, the more so the more
/// the hours differ, but by no more than a half.
pub fn nowcast(hours: &[Option<HourMean>]) -> Option<Exact> {
    let value = |hour: &Option<HourMean>| hour.map(HourMean::exact);
    let newest: Vec<Option<Exact>> = hours.iter().rev().take(NOWCAST_HOURS).map(value).collect();
    let recent = newest.iter().take(NOWCAST_RECENT);
    if recent.flatten().count() < NOWCAST_RECENT_MIN {
        return None;
    }
    let most = newest.iter().flatten().max()?;
    let least = newest.iter().flatten().min()?;
    let half = Exact::ratio(1, 2);
    // All of it zero: every weight gives the same.
    let factor = most.minus(least).over(most).map_or(half.clone(), |range| {
        Exact::whole(1).minus(&range).max(half)
    });
    let (mut sum, mut weights, mut weight) = (Exact::zero(), Exact::zero(), Exact::whole(1));
    for hour in &newest {
        if let Some(value) = hour {
            sum = sum.plus(&value.times(&weight));
            weights = weights.plus(&weight);
        }
        weight = weight.times(&factor);
    }
    sum.over(&weights)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(values: &[Option<i64>]) -> Hours {
        let mut hours = [None; HOURS_PER_DAY];
        for (hour, value) in hours.iter_mut().zip(values) {
            *hour = value.map(|units| HourMean::reported(Amount::from_units(units)));
        }
        hours
    }

    fn day_of_ozone(values: &[Option<i64>]) -> StationDay {
        let mut all = [[None; HOURS_PER_DAY]; 6];
        all[Pollutant::O3.index()] = hours(values);
        StationDay::of_hours(&all, 6)
    }

    #[test]
    fn a_full_day_has_seventeen_windows() {
        let rising: Vec<Option<i64>> = (0..24).map(Some).collect();
        let day = day_of_ozone(&rising);
        assert_eq!(day.windows, 17);
        assert_eq!(day.o3_8h_max, Some(Exact::ratio(39, 2)), "mean of 16..=23");
        let most = day.hour_max[Pollutant::O3.index()].map(HourMean::exact);
        assert_eq!(most, Some(Exact::whole(23)));
    }

    #[test]
    fn a_window_of_five_hours_does_not_count() {
        let mut values = vec![Some(10); 24];
        for hour in [0, 1, 2] {
            values[hour] = None;
        }
        assert_eq!(
            day_of_ozone(&values).windows,
            16,
            "only the window of hours 0..7 has five"
        );
        assert_eq!(day_of_ozone(&[None; 24]), StationDay::default());
    }

    #[test]
    fn minutes_make_an_hour_from_forty_five_on() {
        let parts = |count: usize| vec![Amount::from_units(7); count];
        assert_eq!(HourMean::of_parts(&parts(44), 60, 45), None);
        let hour = HourMean::of_parts(&parts(45), 60, 45).map(HourMean::exact);
        assert_eq!(hour, Some(Exact::whole(7)));
        assert_eq!(HourMean::of_parts(&parts(8), 300, 45), None);
        assert!(HourMean::of_parts(&parts(9), 300, 45).is_some());
        assert_eq!(HourMean::of_parts(&[], 3600, 45), None);
    }

    /// Each window by itself.
    fn naive_window(hours: &Hours, window_hours_min: u32) -> (Option<Exact>, u32) {
        let windows = hours.windows(WINDOW_HOURS);
        let means = windows.filter_map(|window| {
            let valid = window.iter().flatten().copied().map(HourMean::exact);
            let valid: Vec<Exact> = valid.collect();
            let enough = valid.len() >= window_hours_min as usize;
            Exact::mean(&valid).filter(|_| enough)
        });
        let means: Vec<Exact> = means.collect();
        let windows = u32::try_from(means.len()).expect("at most 17");
        (means.into_iter().max(), windows)
    }

    proptest! {
        #[test]
        fn a_day_is_that_of_its_hours_one_by_one(
            given in prop::collection::vec(
                prop::option::weighted(0.8, (prop::sample::select(vec![1u32, 1, 1, 53, 58, 59, 60]), -90..900i64)),
                HOURS_PER_DAY,
            ),
            alike in any::<bool>(),
            // The largest do not fit a course, or only where all counts are alike.
            times in prop::sample::select(vec![1, 100_000, 1i64 << 32, 1 << 44, 1 << 48]),
            window_hours_min in 0..9u32,
        ) {
            let mut hours = [None; HOURS_PER_DAY];
            for (hour, given) in hours.iter_mut().zip(given) {
                *hour = given.and_then(|(count, value)| {
                    let mut parts = Parts::default();
                    let count = if alike { 1 } else { count };
                    (0..count).for_each(|number| parts.add(Amount::from_micros(value * times + i64::from(number))));
                    parts.mean(3_600, 45)
                });
            }
            let mut day = StationDay::default();
            day.put(Pollutant::O3, &hours, window_hours_min);
            let at = Pollutant::O3.index();
            let valid: Vec<Exact> = hours.iter().flatten().copied().map(HourMean::exact).collect();
            prop_assert_eq!(day.mean[at].clone(), Exact::mean(&valid));
            prop_assert_eq!(day.hours[at] as usize, valid.len());
            prop_assert_eq!(day.hour_max[at].map(HourMean::exact), valid.iter().max().cloned());
            prop_assert_eq!((day.o3_8h_max, day.windows), naive_window(&hours, window_hours_min));
        }
    }

    #[test]
    fn hours_of_different_counts_weigh_the_same() {
        let mut all = [[None; HOURS_PER_DAY]; 6];
        all[0][0] = HourMean::of_parts(&[Amount::from_units(10); 60], 60, 45);
        all[0][1] = Some(HourMean::reported(Amount::from_units(20)));
        assert_eq!(
            StationDay::of_hours(&all, 6).mean[0],
            Some(Exact::whole(15))
        );
    }

    /// Hours oldest first, then the NowCast.
    fn check_nowcast(values: &[Option<i64>], expected: Option<Exact>) {
        let hours: Vec<Option<HourMean>> = values
            .iter()
            .map(|value| value.map(|units| HourMean::reported(Amount::from_units(units))))
            .collect();
        assert_eq!(nowcast(&hours), expected, "{values:?}");
    }

    #[test]
    fn a_nowcast_leans_towards_the_newest_hours() {
        check_nowcast(&[Some(10); 12], Some(Exact::whole(10)));
        check_nowcast(&[Some(0); 12], Some(Exact::zero()));
        // A factor of a half at least: (40 + 10/2) / (1 + 1/2).
        check_nowcast(&[Some(10), Some(40)], Some(Exact::whole(30)));
        // 1 - (40-30)/40 = 3/4: (40 + 30 x 3/4) / (1 + 3/4).
        check_nowcast(&[Some(30), Some(40)], Some(Exact::ratio(250, 7)));
        check_nowcast(&[Some(10), None, Some(40)], Some(Exact::whole(34)));
        check_nowcast(&[Some(10), Some(10), None, None, Some(40)], None);
        check_nowcast(&[], None);
    }
}
