//! Where a year may end: past years' days in place of those still to come.
//!
//! The days left are cut into blocks of [`BLOCK_DAYS`], so that spells of weather stay together. For each block
//! a past year is drawn, and within it the same calendar days, moved by up to [`SHIFT_DAYS`] either way; every
//! day of the block takes the day found there, a void one stays void. [`DRAWS`] years are made that way, each
//! with the days so far as they were. Past days are judged under the edition the year is judged under. A year of
//! too few valid days is not drawn from, and of the others only the [`YEARS_MAX`] newest are. No trend from year
//! to year is assumed, nor any least number of days at the year's end.
//!
//! The numbers drawn follow from a seed alone (SplitMix64 of Steele, Lea and Flood, 2014), and the seed from area
//! and day, so the same question has the same answer everywhere. Concentrations enter to the millionth; all sums
//! are exact.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::DayCounts;
use crate::domain::assessment::Rules;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::assessment::composite::composite_index;
use crate::domain::assessment::percentile;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Item;
use crate::domain::standards::Edition;
use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;

/// Years made up.
pub const DRAWS: usize = 1_000;
/// Days that are drawn together.
pub const BLOCK_DAYS: usize = 7;
/// How far a block may be moved within its past year, in days.
pub const SHIFT_DAYS: usize = 7;
/// Past years drawn from at most.
pub const YEARS_MAX: usize = 5;
/// The name of the method on every interface.
pub const METHOD: &str = "past weeks, same dates +-7 days";
/// Decimals a projected figure is printed with.
const PRINTED_DECIMALS: u32 = 1;
/// Decimals a projected composite index is printed with.
const INDEX_DECIMALS: u32 = 2;
/// The pollutants whose figure is a percentile.
const RANKED: [Pollutant; 2] = [Pollutant::Co, Pollutant::O3];
/// Micro-units in one unit.
const SCALE: i64 = 1_000_000;

/// A sum of daily values in millionths, and of how many days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    sum: i64,
    days: i64,
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            days: self.days + other.days,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            sum: self.sum - other.sum,
            days: self.days - other.days,
        }
    }

    fn mean(self) -> Option<Exact> {
        (self.days > 0).then(|| Exact::ratio(self.sum, self.days * SCALE))
    }
}

/// What is counted of a run of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    /// By pollutant in report order.
    tallies: [Tally; 6],
    valid: u32,
    good: u32,
    heavy: u32,
}

impl Totals {
    fn of(day: &AreaDay) -> Self {
        let tally = |pollutant| {
            let value = micros(day, pollutant);
            value.map_or(Tally::default(), |sum| Tally { sum, days: 1 })
        };
        let valid = day.index.aqi.is_some();
        Self {
            tallies: Pollutant::ALL.map(tally),
            valid: u32::from(valid),
            good: u32::from(valid && day.index.is_good()),
            heavy: u32::from(valid && day.index.is_heavy()),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            tallies: std::array::from_fn(|at| self.tallies[at].plus(other.tallies[at])),
            valid: self.valid + other.valid,
            good: self.good + other.good,
            heavy: self.heavy + other.heavy,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            tallies: std::array::from_fn(|at| self.tallies[at].minus(other.tallies[at])),
            valid: self.valid - other.valid,
            good: self.good - other.good,
            heavy: self.heavy - other.heavy,
        }
    }
}

fn micros(day: &AreaDay, pollutant: Pollutant) -> Option<i64> {
    let value = day.values.values[pollutant.index()].as_ref()?;
    let scaled = value.round(AMOUNT_DECIMALS).scaled();
    Some(i64::try_from(scaled).expect("a concentration fits 64 bits"))
}

/// A past year that can be drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastYear {
    year: i32,
    /// What was measured over all of it, whatever is left out of it.
    measured: Totals,
    /// What the days before each day come to; one entry more than there are days.
    before: Vec<Totals>,
    /// Of each day what percentiles are made of.
    ranked: [Vec<Option<i64>>; 2],
}

impl PastYear {
    /// A year from all its days in order; `None` when too few are valid by the edition.
    ///
    /// # Panics
    /// When the days are not a whole year's.
    pub fn of(edition: &Edition, days: &[AreaDay]) -> Option<Self> {
        Self::left_of(edition, days, days)
    }

    /// A year from what is left of its days where some are excluded; `None` when too few were measured, as in any
    /// figure with a deduction.
    ///
    /// # Panics
    /// When the days are not a whole year's, or what is left is not of the same days.
    pub fn left_of(edition: &Edition, measured: &[AreaDay], days: &[AreaDay]) -> Option<Self> {
        assert_eq!(measured.len(), days.len(), "what is left of the same days");
        let (first, last) = (days.first()?.day, days.last()?.day);
        let length = usize::try_from((last - first).num_days() + 1).expect("days in order");
        let whole = first.ordinal() == 1 && last.month() == 12 && last.day() == 31;
        assert!(whole && days.len() == length, "all days of one year");
        let mut before = vec![Totals::default()];
        for day in days {
            before.push(before[before.len() - 1].plus(Totals::of(day)));
        }
        let measured = measured.iter().map(Totals::of);
        let all = measured.fold(Totals::default(), Totals::plus);
        let need = edition.validity.year_days_min;
        // Some editions have no index, and so no day with one.
        let indexed = all.valid >= need || all.valid == 0;
        let enough = indexed && all.tallies[Pollutant::Pm25.index()].days >= i64::from(need);
        enough.then(|| Self {
            year: first.year(),
            measured: all,
            before,
            ranked: RANKED.map(|own| days.iter().map(|day| micros(day, own)).collect()),
        })
    }

    /// Which year it is.
    pub fn year(&self) -> i32 {
        self.year
    }

    fn has(&self, edition: &Edition, pollutant: Pollutant) -> bool {
        let days = self.measured.tallies[pollutant.index()].days;
        days >= i64::from(edition.validity.year_days_min)
    }

    /// First days a block of `length` that stands at `date` may be taken from.
    fn starts(&self, date: NaiveDate, length: usize) -> Vec<usize> {
        let same = date.with_year(self.year).or_else(|| {
            // 29 February of a leap year.
            NaiveDate::from_ymd_opt(self.year, 2, 28)
        });
        let same = same.map_or(0, |day| day.ordinal0()) as usize;
        let first = same.saturating_sub(SHIFT_DAYS);
        let last = (same + SHIFT_DAYS).min(self.ranked[0].len() - length);
        (first..=last).collect()
    }
}

/// The numbers of SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `choices`, each as likely as the others.
    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let scaled = u128::from(self.next()) * choices.len() as u128;
        &choices[usize::try_from(scaled >> 64).expect("below the length")]
    }
}

/// The seed of an area and a day: FNV-1a of their texts.
pub fn seed(area: &str, on: NaiveDate) -> u64 {
    let text = format!("{area} {on}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One year made up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Draw {
    /// Means by pollutant in report order, but percentiles for [`RANKED`].
    figures: [Option<Exact>; 6],
    days: DayCounts,
}

/// How a figure of the year's end is spread over the years made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// A tenth of the years end below this.
    pub p10: Decimal,
    /// Half of them do.
    pub p50: Decimal,
    /// Nine tenths do.
    pub p90: Decimal,
}

/// The years made up for one area and day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// What the draws follow from.
    pub seed: u64,
    /// Edition of all days.
    pub edition: Edition,
    /// How composite indices are computed.
    pub composite: CompositeOptions,
    /// Past years drawn from, oldest first.
    pub years: Vec<i32>,
    draws: Vec<Draw>,
    /// Which pollutants all past years have enough days of.
    drawn: [bool; 6],
    /// Whether they have enough days with an AQI.
    indexed: bool,
}

impl Projection {
    /// Makes up [`DRAWS`] years from the days so far and the past; `None` without a past year.
    ///
    /// # Panics
    /// When there are no days left, or a day stands under another edition.
    pub fn of(
        rules: &Rules<'_>,
        seed: u64,
        so_far: &[AreaDay],
        left: Span,
        past: &[PastYear],
    ) -> Option<Self> {
        let edition = rules.edition;
        assert!(left.length() > 0, "a year that is over has no projection");
        assert!(
            so_far.iter().all(|day| day.edition == edition.id),
            "one figure, one edition"
        );
        if past.is_empty() {
            return None;
        }
        let known = so_far
            .iter()
            .fold(Totals::default(), |all, day| all.plus(Totals::of(day)));
        let known_ranked: [Vec<i64>; 2] =
            RANKED.map(|own| so_far.iter().filter_map(|day| micros(day, own)).collect());
        let calendar = u32::try_from(so_far.len()).expect("days of a year") + left.length();
        let blocks = blocks(left, past);
        let mut numbers = Numbers(seed);
        let mut draw = |_| {
            let mut all = known;
            let mut ranked = known_ranked.clone();
            for block in &blocks {
                let (of, starts) = numbers.pick(&block.choices);
                let from = *numbers.pick(starts);
                let to = from + block.length;
                let year = &past[*of];
                all = all.plus(year.before[to].minus(year.before[from]));
                for (values, past) in ranked.iter_mut().zip(&year.ranked) {
                    values.extend(past[from..to].iter().flatten());
                }
            }
            let mut figures = all.tallies.map(Tally::mean);
            for (pollutant, values) in RANKED.into_iter().zip(&mut ranked) {
                let percent = edition.percentiles[pollutant.index()];
                figures[pollutant.index()] = percent.and_then(|own| upper(values, own));
            }
            Draw {
                figures,
                days: DayCounts {
                    calendar,
                    valid: all.valid,
                    good: all.good,
                    heavy: all.heavy,
                },
            }
        };
        let draws = (0..DRAWS).map(&mut draw).collect();
        let mut years: Vec<i32> = past.iter().map(PastYear::year).collect();
        years.sort_unstable();
        Some(Self {
            seed,
            edition: edition.clone(),
            composite: rules.composite,
            drawn: Pollutant::ALL.map(|own| past.iter().all(|year| year.has(edition, own))),
            indexed: past.iter().all(|year| year.measured.valid > 0),
            years,
            draws,
        })
    }

    /// How the item's figure is spread; `None` for an item that is not projected.
    pub fn spread(&self, item: Item) -> Option<Spread> {
        let figures = self.draws.iter().map(|draw| self.figure(draw, item));
        let figures: Vec<Exact> = figures.collect::<Option<_>>()?;
        let decimals = match item {
            Item::CompositeIndex => INDEX_DECIMALS,
            _ => PRINTED_DECIMALS,
        };
        let at = |percent| {
            let figure = percentile(figures.iter().collect(), percent)?;
            Some(figure.round(decimals))
        };
        Some(Spread {
            p10: at(10)?,
            p50: at(50)?,
            p90: at(90)?,
        })
    }

    /// In how many of a hundred years the item's figure, as judged by the edition, meets the limit.
    pub fn chance(&self, item: Item, limit: &Exact) -> Option<u32> {
        let mut met: i64 = 0;
        for draw in &self.draws {
            met += i64::from(item.meets(&self.judged(draw, item)?, limit));
        }
        let draws = i64::try_from(self.draws.len()).expect("as many as made");
        let percent = Exact::ratio(met * 100, draws).round(0).scaled();
        Some(u32::try_from(percent).expect("0 to 100"))
    }

    /// The figure of a year made up, unrounded.
    fn figure(&self, draw: &Draw, item: Item) -> Option<Exact> {
        let count = |days: u32| Exact::whole(i64::from(days));
        match item {
            Item::Pm25Mean | Item::Pm10Mean | Item::O3P90 => {
                self.concentration(draw, item.pollutant()?).cloned()
            }
            Item::GoodDayRatio if self.indexed => draw.days.ratio().map(Decimal::exact),
            Item::GoodDays if self.indexed => Some(count(draw.days.good)),
            Item::HeavyDays if self.indexed => Some(count(draw.days.heavy)),
            Item::GoodDayRatio | Item::GoodDays | Item::HeavyDays => None,
            Item::CompositeIndex => {
                let judged = Pollutant::ALL.map(|own| self.rounded(draw, own));
                let index = composite_index(&self.edition, self.composite, &judged);
                index.value.map(Decimal::exact)
            }
        }
    }

    fn concentration<'d>(&self, draw: &'d Draw, pollutant: Pollutant) -> Option<&'d Exact> {
        let at = pollutant.index();
        draw.figures[at].as_ref().filter(|_| self.drawn[at])
    }

    /// A concentration as the edition rounds it.
    fn rounded(&self, draw: &Draw, pollutant: Pollutant) -> Option<Decimal> {
        let decimals = self.edition.decimals[pollutant.index()];
        Some(self.concentration(draw, pollutant)?.round(decimals))
    }

    fn judged(&self, draw: &Draw, item: Item) -> Option<Exact> {
        match item.pollutant() {
            Some(pollutant) => self.rounded(draw, pollutant).map(Decimal::exact),
            None => self.figure(draw, item),
        }
    }
}

/// A run of days still to come.
struct Block {
    length: usize,
    /// Past year by its place, and the first days it may be taken from.
    choices: Vec<(usize, Vec<usize>)>,
}

fn blocks(left: Span, past: &[PastYear]) -> Vec<Block> {
    let days: Vec<NaiveDate> = left.days().collect();
    let block = |days: &[NaiveDate]| {
        let starts = |year: &PastYear| year.starts(days[0], days.len());
        Block {
            length: days.len(),
            choices: past.iter().map(starts).enumerate().collect(),
        }
    };
    days.chunks(BLOCK_DAYS).map(block).collect()
}

/// The percentile of HJ 663 Annex A.6 as [`percentile`] has it, of whole numbers, without sorting them all.
fn upper(values: &mut [i64], percent: u32) -> Option<Exact> {
    let scaled = values.len().checked_sub(1)? * percent as usize;
    let (rank, rest) = (scaled / 100, scaled % 100);
    let (_, low, above) = values.select_nth_unstable(rank);
    let low = *low;
    let high = above.iter().min().copied().unwrap_or(low);
    let rest = i64::try_from(rest).expect("below 100");
    Some(Exact::ratio(low * 100 + (high - low) * rest, 100 * SCALE))
}
