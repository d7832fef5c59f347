//! What each half-year is to look like, and the city's days that follow from it.
//!
//! The plan is a table of months: the range of good days, how many days exceed by PM2.5 and by ozone and how
//! far. Noise decides which days; the counts hold by construction, and the PM2.5 total is settled exactly.

use chrono::NaiveDate;

use crate::domain::calendar::Span;
use crate::domain::scenario::noise::Noise;

/// Hourly values that make a city's day: three stations of 24 hours.
pub(super) const HOURS: i64 = 72;
/// Least PM2.5 and MDA8 of an exceeding day: clear of 75 and 160 whatever is rounded, and when.
const PM25_BAD_LOW: i64 = 80;
const O3_BAD_LOW: i64 = 170;
/// Range of heavily polluted days, clear of 150.
const PM25_HEAVY: (i64, i64) = (158, 186);
/// Where PM2.5 may be moved to when the total is settled, by kind of day: good, exceeding, heavy.
const PM25_ROOM: [(i64, i64); 3] = [(7, 71), (79, 146), (156, 190)];
/// City days of PM10 keep out of this range around 150.
const PM10_SHUNNED: (i64, i64) = (144, 156);
/// Range of city days of NO2, clear of 80.
const NO2_RANGE: (i64, i64) = (7, 74);
/// How much of a day's weather lasts to the next, in thousandths.
const DAY_MEMORY: i64 = 600;

/// Days of one pollutant in a month: good ones from `low` to `high`, `bad` exceeding ones up to `peak`.
struct Band {
    low: i64,
    high: i64,
    bad: usize,
    peak: i64,
}

/// One month's plan; ug/m3, CO in 0.1 mg/m3.
struct Month {
    year: i32,
    number: u32,
    pm25: Band,
    heavy: usize,
    o3: Band,
    coarse: i64,
    so2: i64,
    no2: i64,
    co: i64,
}

/// A half-year: the published mean it must give, in 0.1 ug/m3, and a row for each of its six months.
pub(super) struct Half {
    year: i32,
    pm25_mean_tenths: i64,
    seed: u64,
    months: [Row; 6],
}

/// PM2.5 low, high, exceeding days, their peak, heavy days; ozone low, high, exceeding days, their peak;
/// coarse particles, SO2, NO2, CO.
type Row = [i64; 13];

/// A city's day. Sums run over the 72 station-hours; ozone is the MDA8 in ug/m3.
#[derive(Clone, Debug)]
pub(super) struct CityDay {
    /// The date.
    pub(super) date: NaiveDate,
    /// PM2.5.
    pub(super) pm25: i64,
    /// PM10 less PM2.5.
    pub(super) coarse: i64,
    /// SO2.
    pub(super) so2: i64,
    /// NO2.
    pub(super) no2: i64,
    /// CO, in 0.1 mg/m3.
    pub(super) co: i64,
    /// Mean of the stations' MDA8.
    pub(super) o3: i64,
}

/// January to June 2019 (127 good days of 181) and 2020 (145 of 182).
pub(super) const HALVES: [Half; 2] = [
    Half {
        year: 2019,
        pm25_mean_tenths: 486,
        seed: 0x2019_0101,
        months: [
            [30, 71, 15, 138, 3, 34, 92, 0, 0, 26, 12, 52, 12],
            [22, 70, 8, 118, 0, 48, 112, 0, 0, 20, 10, 36, 10],
            [20, 69, 5, 104, 0, 66, 146, 0, 0, 28, 11, 45, 9],
            [20, 64, 1, 80, 0, 78, 149, 4, 186, 31, 10, 41, 8],
            [15, 58, 0, 0, 0, 84, 150, 10, 214, 30, 9, 36, 7],
            [12, 48, 0, 0, 0, 72, 150, 11, 226, 22, 8, 29, 7],
        ],
    },
    Half {
        year: 2020,
        pm25_mean_tenths: 407,
        seed: 0x2020_0101,
        months: [
            [26, 71, 11, 128, 0, 36, 90, 0, 0, 18, 9, 41, 10],
            [18, 66, 4, 96, 0, 58, 122, 0, 0, 13, 8, 18, 8],
            [15, 62, 1, 80, 0, 62, 146, 0, 0, 22, 9, 33, 7],
            [15, 60, 0, 0, 0, 80, 150, 5, 190, 26, 9, 34, 7],
            [12, 54, 0, 0, 0, 82, 150, 9, 208, 24, 8, 29, 6],
            [9, 44, 0, 0, 0, 70, 150, 7, 202, 17, 7, 24, 6],
        ],
    },
];

impl Month {
    fn new(year: i32, number: u32, row: Row) -> Self {
        let [
            low,
            high,
            bad,
            peak,
            heavy,
            o3_low,
            o3_high,
            o3_bad,
            o3_peak,
            ..,
        ] = row;
        let [.., coarse, so2, no2, co] = row;
        let days = |count: i64| usize::try_from(count).expect("a count of the plan");
        let band = |low, high, bad, peak| Band {
            low,
            high,
            bad: days(bad),
            peak,
        };
        Self {
            year,
            number,
            pm25: band(low, high, bad, peak),
            heavy: days(heavy),
            o3: band(o3_low, o3_high, o3_bad, o3_peak),
            coarse,
            so2,
            no2,
            co,
        }
    }
}

/// The half-year's days in order, and the noise to go on with.
pub(super) fn days(half: &Half) -> (Vec<CityDay>, Noise) {
    let mut noise = Noise::new(half.seed);
    let months: Vec<Month> = (1..)
        .zip(half.months)
        .map(|(number, row)| Month::new(half.year, number, row))
        .collect();
    let dates: Vec<Vec<NaiveDate>> = months.iter().map(month_days).collect();
    let count = dates.iter().map(Vec::len).sum();
    let still = noise.series(count, DAY_MEMORY);
    let sunny = noise.series(count, DAY_MEMORY);
    let other = noise.series(count, DAY_MEMORY);
    let mut days: Vec<CityDay> = Vec::with_capacity(count);
    for (month, dates) in months.iter().zip(dates) {
        let range = days.len()..days.len() + dates.len();
        let weather = [&still[range.clone()], &sunny[range.clone()], &other[range]];
        days.extend(month_of_days(month, &dates, weather));
    }
    let length = i64::try_from(days.len()).expect("half a year");
    settle(&mut days, half.pm25_mean_tenths * HOURS * length / 10);
    for day in &mut days {
        day.coarse = clear_of_limit(day.pm25, day.coarse);
    }
    (days, noise)
}

fn month_days(month: &Month) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(month.year, month.number, 1).expect("a month of the plan");
    let next = NaiveDate::from_ymd_opt(month.year, month.number + 1, 1).expect("January to June");
    let to = next.pred_opt().expect("within the calendar");
    Span { from: first, to }.days().collect()
}

fn month_of_days(month: &Month, dates: &[NaiveDate], weather: [&[i64]; 3]) -> Vec<CityDay> {
    let [still, sunny, other] = weather;
    let (low, high) = PM25_HEAVY;
    let fine = month.pm25.bad - month.heavy;
    let pm25 = place(
        still,
        &vec![true; dates.len()],
        &[
            (month.heavy, low, high),
            (fine, PM25_BAD_LOW, month.pm25.peak),
            (dates.len(), month.pm25.low, month.pm25.high),
        ],
    );
    let free: Vec<bool> = pm25.iter().map(|level| *level < PM25_BAD_LOW).collect();
    let o3 = place(
        sunny,
        &free,
        &[
            (month.o3.bad, O3_BAD_LOW, month.o3.peak),
            (dates.len(), month.o3.low, month.o3.high),
        ],
    );
    let day = |index: usize| {
        let mixed = (still[index] * 6 + other[index] * 4) / 10;
        let (no2_low, no2_high) = NO2_RANGE;
        CityDay {
            date: dates[index],
            pm25: pm25[index] * HOURS + other[index].rem_euclid(HOURS) - HOURS / 2,
            coarse: swing(month.coarse, other[index]).max(6) * HOURS,
            so2: swing(month.so2, mixed).max(4) * HOURS + still[index].rem_euclid(HOURS),
            no2: swing(month.no2, mixed).clamp(no2_low, no2_high) * HOURS,
            co: swing(month.co * HOURS, mixed / 2).max(3 * HOURS),
            o3: o3[index],
        }
    };
    (0..dates.len()).map(day).collect()
}

/// `mean` moved by half the weather's thousandths.
fn swing(mean: i64, weather: i64) -> i64 {
    mean * (1_000 + weather.clamp(-1_500, 1_500) / 2) / 1_000
}

/// Gives each day a level: the days with most of `weather` (among the `free` ones) fill the first step, and
/// so on; within a step the level runs from its low to its high as the weather does.
fn place(weather: &[i64], free: &[bool], steps: &[(usize, i64, i64)]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..weather.len()).collect();
    order.sort_by_key(|&index| (!free[index], -weather[index], index));
    let mut levels = vec![0; weather.len()];
    let mut rest = order.as_slice();
    for &(count, low, high) in steps {
        let (step, after) = rest.split_at(count.min(rest.len()));
        rest = after;
        let least = step.iter().map(|&index| weather[index]).min().unwrap_or(0);
        let most = step.iter().map(|&index| weather[index]).max().unwrap_or(0);
        let width = (most - least).max(1);
        for &index in step {
            levels[index] = low + (high - low) * (weather[index] - least) / width;
        }
    }
    levels
}

/// Moves PM2.5 evenly until the days add up to `total`, without any day changing its kind.
fn settle(days: &mut [CityDay], total: i64) {
    let room = |pm25: i64| {
        let kind = usize::from(pm25 > 75 * HOURS) + usize::from(pm25 > 150 * HOURS);
        let (low, high) = PM25_ROOM[kind];
        (low * HOURS, high * HOURS)
    };
    let mut missing = total - days.iter().map(|day| day.pm25).sum::<i64>();
    while missing != 0 {
        let before = missing;
        let count = i64::try_from(days.len()).expect("half a year");
        let step = (missing.abs() / count).max(1) * missing.signum();
        for day in days.iter_mut() {
            if missing == 0 {
                break;
            }
            let (low, high) = room(day.pm25);
            let moved = (day.pm25 + step).clamp(low, high);
            missing -= moved - day.pm25;
            day.pm25 = moved;
        }
        assert!(
            missing.abs() < before.abs(),
            "the plan leaves room for its mean"
        );
    }
}

/// The coarse part, changed where PM10 would come near its daily limit.
fn clear_of_limit(pm25: i64, coarse: i64) -> i64 {
    let (low, high) = (PM10_SHUNNED.0 * HOURS, PM10_SHUNNED.1 * HOURS);
    if pm25 + coarse <= low || pm25 + coarse >= high {
        coarse
    } else if low - pm25 >= 6 * HOURS {
        low - pm25
    } else {
        high - pm25
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_a_half_year_add_up_exactly() {
        for (half, (length, total)) in HALVES.iter().zip([(181, 633_355), (182, 533_332)]) {
            let (days, _) = days(half);
            assert_eq!(days.len(), length);
            assert_eq!(days.iter().map(|day| day.pm25).sum::<i64>(), total);
        }
    }

    #[test]
    fn days_are_placed_by_rank_and_only_where_free() {
        let levels = place(
            &[5, 9, 7, 1],
            &[true, false, true, true],
            &[(1, 100, 120), (4, 0, 80)],
        );
        assert_eq!(levels, [40, 80, 100, 0]);
    }

    #[test]
    fn pm10_keeps_clear_of_its_limit() {
        for (pm25, coarse, expected) in [(100, 20, 20), (120, 30, 24), (141, 9, 15), (140, 40, 40)]
        {
            let kept = clear_of_limit(pm25 * HOURS, coarse * HOURS);
            assert_eq!(kept, expected * HOURS, "{pm25} and {coarse}");
        }
    }
}
