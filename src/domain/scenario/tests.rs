//! The published figures, worked out afresh in fractions from nothing but the hours.

use std::collections::BTreeMap;

use num_rational::Ratio;

use super::*;

type Number = Ratio<i128>;
/// Values in millionths by hour of the day, one list a pollutant.
type StationDay = [[Option<i64>; 24]; 6];

const BEIJING_S: i64 = 8 * 3_600;
/// Day numbers since 1970-01-01 of the two half-years' first days, and their lengths.
const H1_2019: (i64, i64) = (17_897, 181);
const H1_2020: (i64, i64) = (18_262, 182);

/// A city's day: means of the three stations' PM2.5, PM10, SO2, NO2, CO, MDA8 and largest hour of ozone.
type CityDay = [Number; 7];

fn city_days() -> BTreeMap<i64, CityDay> {
    let mut days: BTreeMap<i64, BTreeMap<String, StationDay>> = BTreeMap::new();
    for hour in readings() {
        let begun = hour.time.unix() + BEIJING_S - 3_600;
        assert_eq!(begun % 3_600, 0);
        let stations = days.entry(begun / 86_400).or_default();
        let slots = stations
            .entry(hour.station.as_str().to_owned())
            .or_insert([[None; 24]; 6]);
        for (slot, value) in slots.iter_mut().zip(hour.values) {
            let at = usize::try_from(begun % 86_400 / 3_600).unwrap();
            assert_eq!(slot[at].replace(value.micros()), None, "an hour comes once");
        }
    }
    days.into_iter()
        .map(|(day, stations)| {
            assert_eq!(stations.len(), 3, "every station reports on day {day}");
            let values: Vec<CityDay> = stations.values().map(station_day).collect();
            let three = Number::from_integer(3);
            let mean = |item: usize| values.iter().map(|value| value[item]).sum::<Number>() / three;
            (day, std::array::from_fn(mean))
        })
        .collect()
}

fn station_day(hours: &StationDay) -> CityDay {
    let mut values = [Number::from_integer(0); 7];
    for item in 0..5 {
        values[item] = mean(&hours[item], 20).expect("enough hours");
    }
    let windows: Vec<Number> = hours[5]
        .windows(8)
        .filter_map(|window| mean(window, 6))
        .collect();
    assert!(windows.len() >= 14, "enough windows");
    values[5] = *windows.iter().max().unwrap();
    values[6] = unit(*hours[5].iter().flatten().max().unwrap());
    values
}

fn unit(micros: i64) -> Number {
    Number::new(i128::from(micros), 1_000_000)
}

fn mean(hours: &[Option<i64>], least: usize) -> Option<Number> {
    let valid: Vec<i64> = hours.iter().flatten().copied().collect();
    (valid.len() >= least).then(|| {
        let sum: i64 = valid.iter().sum();
        unit(sum) / Number::from_integer(i128::try_from(valid.len()).unwrap())
    })
}

const INDEX: [i128; 8] = [0, 50, 100, 150, 200, 300, 400, 500];
/// HJ 633-2012, table 1: the daily columns, in the order of [`CityDay`].
const BREAKPOINTS: [[i128; 8]; 7] = [
    [0, 35, 75, 115, 150, 250, 350, 500],
    [0, 50, 150, 250, 350, 420, 500, 600],
    [0, 50, 150, 475, 800, 1_600, 2_100, 2_620],
    [0, 40, 80, 180, 280, 565, 750, 940],
    [0, 2, 4, 14, 24, 36, 48, 60],
    [0, 100, 160, 215, 265, 800, 801, 802],
    [0, 160, 200, 300, 400, 800, 1_000, 1_200],
];

fn iaqi(item: usize, value: Number) -> i128 {
    let points = BREAKPOINTS[item];
    let segment = (1..8).find(|k| value <= Number::from_integer(points[*k]));
    let k = segment.expect("no value above the last breakpoint");
    let slope = Number::new(INDEX[k] - INDEX[k - 1], points[k] - points[k - 1]);
    let index = slope * (value - points[k - 1]) + INDEX[k - 1];
    index.ceil().to_integer()
}

fn half_even(value: Number) -> i128 {
    let floor = value.floor().to_integer();
    let rest = value - Number::from_integer(floor);
    let half = Number::new(1, 2);
    floor + i128::from(rest > half || (rest == half && floor % 2 != 0))
}

fn aqi(day: &CityDay, round_first: bool, ozone_hour: bool) -> i128 {
    let items = if ozone_hour { 7 } else { 6 };
    let index = |item: usize| {
        let scale = if item == 4 { 10 } else { 1 };
        let rounded = || Number::new(half_even(day[item] * scale), scale);
        iaqi(item, if round_first { rounded() } else { day[item] })
    };
    (0..items).map(index).max().unwrap()
}

fn half_year(days: &BTreeMap<i64, CityDay>, (first, length): (i64, i64)) -> Vec<CityDay> {
    let half: Vec<CityDay> = days
        .range(first..first + length)
        .map(|(_, day)| *day)
        .collect();
    assert_eq!(
        half.len(),
        usize::try_from(length).unwrap(),
        "all days valid"
    );
    half
}

/// Mean PM2.5 in tenths, as printed; it must lie within 0.02 of that.
fn published_pm25(days: &[CityDay]) -> i128 {
    let count = i128::try_from(days.len()).unwrap();
    let mean = days.iter().map(|day| day[0]).sum::<Number>() / count;
    let tenths = half_even(mean * 10);
    let away = mean - Number::new(tenths, 10);
    assert!(
        away <= Number::new(2, 100) && away >= Number::new(-2, 100),
        "{mean}"
    );
    tenths
}

/// Ratio in tenths of a percent.
fn good_ratio(good: i128, days: i128) -> i128 {
    half_even(Number::new(good * 1_000, days))
}

#[test]
fn the_published_figures_come_out_exactly() {
    let days = city_days();
    assert_eq!(days.len(), 363);
    let (before, after) = (half_year(&days, H1_2019), half_year(&days, H1_2020));
    assert_eq!(
        (published_pm25(&before), published_pm25(&after)),
        (486, 407)
    );
    assert_eq!(half_even(Number::new((407 - 486) * 1_000, 486)), -163);
    for round_first in [false, true] {
        for ozone_hour in [false, true] {
            let index = |day: &CityDay| aqi(day, round_first, ozone_hour);
            let count = |days: &[CityDay], low: i128, high: i128| {
                let within = |day: &&CityDay| (low..=high).contains(&index(day));
                i128::try_from(days.iter().filter(within).count()).unwrap()
            };
            let label = format!("round_first {round_first}, ozone_hour {ozone_hour}");
            assert_eq!(
                (count(&before, 0, 100), count(&after, 0, 100)),
                (127, 145),
                "{label}"
            );
            assert_eq!(
                (count(&before, 201, 500), count(&after, 201, 500)),
                (3, 0),
                "{label}"
            );
        }
    }
    let ratios = (good_ratio(127, 181), good_ratio(145, 182));
    assert_eq!(ratios, (702, 797));
    assert_eq!(ratios.1 - ratios.0, 95);
}

#[test]
fn city_days_keep_clear_of_the_limits() {
    let limits = [
        (0, 72, 78),
        (0, 148, 152),
        (1, 145, 155),
        (3, 77, 83),
        (5, 155, 165),
    ];
    for (day, values) in city_days() {
        for (item, low, high) in limits {
            let value = values[item];
            let near = value > Number::from_integer(low) && value < Number::from_integer(high);
            assert!(!near, "day {day} item {item}: {value}");
        }
    }
}

#[test]
fn winter_exceeds_by_particles_and_summer_by_ozone() {
    let days = city_days();
    let mut winter = [0, 0];
    let mut summer = [0, 0];
    for (half, (first, length)) in [H1_2019, H1_2020].into_iter().enumerate() {
        for (at, day) in half_year(&days, (first, length)).iter().enumerate() {
            if day[0] > Number::from_integer(75) {
                assert!(at < 120, "PM2.5 exceeds before May only");
                winter[half] += 1;
            }
            if day[5] > Number::from_integer(160) {
                assert!(at >= 90, "ozone exceeds from April only");
                summer[half] += 1;
            }
        }
    }
    assert_eq!((winter, summer), ([29, 16], [25, 21]));
}

#[test]
fn hours_are_plausible() {
    let ranges = [(2, 320), (5, 400), (2, 40), (3, 130), (1, 40), (3, 300)];
    let mut count = 0;
    for hour in readings() {
        for (item, (low, high)) in ranges.into_iter().enumerate() {
            let micros = hour.values[item].micros();
            let step = if item == 4 { 100_000 } else { 1_000_000 };
            assert_eq!(micros % step, 0, "whole steps");
            assert!(
                (low * step..=high * step).contains(&micros),
                "{item} {hour:?}"
            );
        }
        assert!(hour.values[1] >= hour.values[0], "PM10 holds PM2.5");
        count += 1;
    }
    let full = 363 * 24 * 3;
    assert!(
        (full - 100..full).contains(&count),
        "{count} hours of {full}"
    );
}

#[test]
fn february_2020_had_less_nitrogen_dioxide() {
    let days = city_days();
    let mean = |first: i64, length: i64| {
        let sum: Number = half_year(&days, (first, length))
            .iter()
            .map(|day| day[3])
            .sum();
        sum / i128::from(length)
    };
    let (before, after) = (mean(H1_2019.0 + 31, 28), mean(H1_2020.0 + 31, 29));
    assert!(after * 3 < before * 2, "{after} against {before}");
}

/// FNV-1a over every field: any change of any reading shows.
#[test]
fn the_readings_never_change() {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for hour in readings() {
        feed(hour.station.as_str().as_bytes());
        feed(&hour.time.unix().to_le_bytes());
        for value in hour.values {
            feed(&value.micros().to_le_bytes());
        }
    }
    assert_eq!(hash, 2_742_731_568_715_483_127);
}
