//! From a city's days to the hours of its stations, keeping every day's sum.
//!
//! Each station takes its share of the day, each hour its share of the station's day: the daily course of
//! the pollutant, leaning towards the days before and after, with noise that lasts some hours. Ozone is
//! scaled so that the largest 8 h mean is the one asked for.

use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::scenario::noise::Noise;
use crate::domain::scenario::plan::CityDay;

/// Stations of the scenario.
pub(super) const STATIONS: usize = 3;
/// How much of an hour's noise lasts to the next, in thousandths.
const HOUR_MEMORY: i64 = 800;
/// Hours of a running ozone mean.
const OZONE_WINDOW: usize = 8;
/// Length of the longest outage, in hours; a day stays valid through two of them.
const OUTAGE_HOURS: i64 = 2;
/// Outages of a station in half a year.
const OUTAGES: usize = 8;

type Course = [i64; HOURS_PER_DAY];
type Shares = [i64; STATIONS];

/// Thousandths of the day's level by hour, 00:00-01:00 first.
const FINE: Course = [
    1_060, 1_050, 1_040, 1_040, 1_050, 1_070, 1_100, 1_130, 1_150, 1_120, 1_060, 990, 930, 890,
    860, 850, 860, 890, 930, 970, 1_010, 1_040, 1_060, 1_070,
];
const COARSE: Course = [
    900, 870, 850, 840, 850, 900, 980, 1_080, 1_150, 1_140, 1_090, 1_050, 1_020, 1_000, 990, 1_000,
    1_030, 1_080, 1_120, 1_120, 1_080, 1_030, 980, 930,
];
const SULPHUR: Course = [
    900, 890, 880, 880, 890, 910, 950, 1_010, 1_090, 1_160, 1_190, 1_170, 1_120, 1_070, 1_030,
    1_010, 1_000, 1_000, 990, 980, 970, 950, 930, 910,
];
const TRAFFIC: Course = [
    1_050, 1_000, 960, 940, 950, 1_000, 1_080, 1_170, 1_190, 1_100, 980, 870, 790, 740, 720, 740,
    810, 930, 1_090, 1_220, 1_250, 1_230, 1_180, 1_120,
];
/// Thousandths of the MDA8.
const OZONE: Course = [
    430, 400, 375, 355, 340, 330, 350, 420, 540, 680, 810, 910, 980, 1_040, 1_080, 1_090, 1_060,
    990, 880, 740, 640, 560, 500, 460,
];

/// Relative shares of the stations: the roadside one, the park, the school.
const FINE_SHARES: Shares = [1_035, 975, 990];
const COARSE_SHARES: Shares = [1_080, 900, 1_020];
const SULPHUR_SHARES: Shares = [1_000, 1_060, 940];
const TRAFFIC_SHARES: Shares = [1_150, 860, 990];
const OZONE_SHARES: Shares = [970, 1_025, 1_005];

/// Hours of the six pollutants in report order; ug/m3, CO in 0.1 mg/m3. `None` while the station is out.
pub(super) type StationHours = Vec<Option<[i64; 6]>>;

/// Every hour of the days, for each station.
pub(super) fn stations(days: &[CityDay], noise: &mut Noise) -> [StationHours; STATIONS] {
    let fine = by_sum(days, |day| day.pm25, &FINE, FINE_SHARES, noise);
    let coarse = by_sum(days, |day| day.coarse, &COARSE, COARSE_SHARES, noise);
    let so2 = by_sum(days, |day| day.so2, &SULPHUR, SULPHUR_SHARES, noise);
    let no2 = by_sum(days, |day| day.no2, &TRAFFIC, TRAFFIC_SHARES, noise);
    let co = by_sum(days, |day| day.co, &FINE, FINE_SHARES, noise);
    let o3 = ozone(days, noise);
    std::array::from_fn(|at| {
        let values = |hour: usize| {
            let pm25 = fine[at][hour];
            let pm10 = pm25 + coarse[at][hour];
            let gases = [so2[at][hour], no2[at][hour], co[at][hour], o3[at][hour]];
            let [so2, no2, co, o3] = gases;
            Some([pm25, pm10, so2, no2, co, o3])
        };
        let mut hours: StationHours = (0..days.len() * HOURS_PER_DAY).map(values).collect();
        for _ in 0..OUTAGES {
            let from = index(noise.below(count(hours.len()) - OUTAGE_HOURS));
            let length = 1 + index(noise.below(OUTAGE_HOURS));
            hours[from..from + length].fill(None);
        }
        hours
    })
}

fn count(length: usize) -> i64 {
    i64::try_from(length).expect("some thousand hours")
}

fn index(value: i64) -> usize {
    usize::try_from(value).expect("drawn from zero up")
}

/// Hours whose sum over the stations is each day's `sum`.
fn by_sum(
    days: &[CityDay],
    sum: impl Fn(&CityDay) -> i64,
    course: &Course,
    shares: Shares,
    noise: &mut Noise,
) -> [Vec<i64>; STATIONS] {
    let sums: Vec<i64> = days.iter().map(sum).collect();
    let mut hours: [Vec<i64>; STATIONS] = std::array::from_fn(|_| Vec::new());
    let wobble: [Vec<i64>; STATIONS] =
        std::array::from_fn(|_| noise.series(days.len() * HOURS_PER_DAY, HOUR_MEMORY));
    for (day, &sum) in sums.iter().enumerate() {
        let before = sums[day.saturating_sub(1)];
        let after = sums[(day + 1).min(sums.len() - 1)];
        let parts = share_out(sum, &jittered(shares, noise));
        for at in 0..STATIONS {
            let weight = |hour: usize| {
                let lean = leaning([before, sum, after], hour);
                lean * course[hour] / 1_000 * wobbled(wobble[at][day * HOURS_PER_DAY + hour], 8)
            };
            let weights: Course = std::array::from_fn(weight);
            hours[at].extend(share_out(parts[at], &weights));
        }
    }
    hours
}

/// Hours whose largest 8 h mean, averaged over the stations, is each day's MDA8 to about 1 ug/m3.
fn ozone(days: &[CityDay], noise: &mut Noise) -> [Vec<i64>; STATIONS] {
    let mut hours: [Vec<i64>; STATIONS] = std::array::from_fn(|_| Vec::new());
    let wobble: [Vec<i64>; STATIONS] =
        std::array::from_fn(|_| noise.series(days.len() * HOURS_PER_DAY, HOUR_MEMORY));
    for (day, target) in days.iter().map(|day| day.o3).enumerate() {
        let parts = share_out(
            target * 1_000 * count(STATIONS),
            &jittered(OZONE_SHARES, noise),
        );
        for at in 0..STATIONS {
            let raw: Course = std::array::from_fn(|hour| {
                OZONE[hour] * wobbled(wobble[at][day * HOURS_PER_DAY + hour], 20)
            });
            let largest = raw
                .windows(OZONE_WINDOW)
                .map(|window| window.iter().sum::<i64>());
            let largest = largest.max().expect("a day has windows");
            let scale = parts[at] * count(OZONE_WINDOW);
            hours[at].extend(raw.map(|value| (value * scale / largest + 500) / 1_000));
        }
    }
    hours
}

/// Thousandths around 1000: the noise divided by `damping`, never under a fifth.
fn wobbled(noise: i64, damping: i64) -> i64 {
    (1_000 + noise / damping).max(200)
}

/// The shares moved by up to 2 % for the day.
fn jittered(shares: Shares, noise: &mut Noise) -> Shares {
    shares.map(|share| share + noise.below(41) - 20)
}

/// The level at an hour, on the line through the middles of the day and its neighbour.
fn leaning([before, today, after]: [i64; 3], hour: usize) -> i64 {
    let half = HOURS_PER_DAY / 2;
    let (neighbour, distance) = if hour < half {
        (before, half - hour)
    } else {
        (after, hour - half)
    };
    today + (neighbour - today) * count(distance) / count(HOURS_PER_DAY)
}

/// Splits `total` in proportion to the weights, into whole numbers that add up to it.
fn share_out<const N: usize>(total: i64, weights: &[i64; N]) -> [i64; N] {
    let all: i64 = weights.iter().sum();
    assert!(all > 0, "a day's weights are positive");
    let (mut weight_so_far, mut given) = (0, 0);
    weights.map(|weight| {
        weight_so_far += weight;
        let due = i128::from(total) * i128::from(weight_so_far) / i128::from(all);
        let part = i64::try_from(due).expect("a part of an i64") - given;
        given += part;
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        for total in [0, 1, 7, 1_000, 633_355] {
            let parts = share_out(total, &FINE);
            assert_eq!(parts.iter().sum::<i64>(), total);
            assert!(parts.iter().all(|part| *part >= 0));
        }
        assert_eq!(share_out(10, &[1, 2, 2]), [2, 4, 4]);
    }

    #[test]
    fn a_day_leans_towards_its_neighbours() {
        assert_eq!(leaning([0, 240, 480], 0), 120);
        assert_eq!(leaning([0, 240, 480], 12), 240);
        assert_eq!(leaning([0, 240, 480], 23), 350);
    }
}
