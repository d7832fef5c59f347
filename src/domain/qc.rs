//! The verdict on single readings. Values are flagged, never changed and never dropped.
//!
//! Three rules keep a value out of means, each judged from the value alone on arrival: a stamp more than
//! [`FUTURE_S_MAX`] ahead of our clock or before 2000 (automatic networks did not exist); a negative value (no
//! clause of HJ 817 or HJ 818 settles them); a value no instrument shows. The others warn only, as a reviewer
//! decides: they are derived from whole columns whenever they are asked for ([`findings`]), so neither the order
//! of arrival nor a redelivery changes them. Numbers are in `config/qc.toml`.

use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::units::Amount;

/// How far ahead of our clock a stamp may be, in seconds.
pub const FUTURE_S_MAX: i64 = 600;
/// 2000-01-01T00:00:00Z: stamps before this are a clock fault.
pub const EARLIEST: Instant = Instant::from_unix(946_684_800);
/// Seconds of an hour.
const HOUR_S: i64 = 3_600;

/// One number for each pollutant, in the order of [`Pollutant::ALL`].
pub type PerPollutant = [Amount; 6];

/// Factors of HJ 212 that are rightly below zero: temperatures of air, flue gas, furnace and water in degrees Celsius, and the
/// pressure in a flue against the air outside.
const BELOW_ZERO: [&str; 5] = ["a01001", "a01012", "a01013", "a01901", "w01010"];

/// The numbers of all rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Most that can be a measurement.
    pub range: PerPollutant,
    /// Most change within an hour that calls for no look.
    pub step: PerPollutant,
    /// Hours of one value from which on the line counts as flat.
    pub stuck_hours: u32,
    /// Values up to this may stay the same.
    pub stuck_above: PerPollutant,
    /// How far PM2.5 may lie above PM10.
    pub inversion_tolerance: Amount,
    /// How many times the neighbours' middle value a value may be.
    pub spike_times: u32,
    /// Values up to this are no spike.
    pub spike_above: PerPollutant,
    /// Neighbours with a value that it takes.
    pub neighbours_least: usize,
    /// How far away a neighbour may be, in degrees of either kind.
    pub neighbour_degrees: Amount,
}

/// Which rule speaks against a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The sender's flag is not the normal one.
    Flag,
    /// Stamped in the future or before 2000.
    Clock,
    /// Below zero, where nothing can be.
    Negative,
    /// More than can be a measurement.
    Range,
    /// Another interval than registered, or a stamp off its grid.
    Interval,
    /// A jump from the value before.
    Step,
    /// A flat line.
    Stuck,
    /// PM2.5 above PM10.
    Inversion,
    /// Far above the neighbouring stations.
    Spike,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Flag,
        Self::Clock,
        Self::Negative,
        Self::Range,
        Self::Interval,
        Self::Step,
        Self::Stuck,
        Self::Inversion,
        Self::Spike,
    ];

    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Clock => "clock",
            Self::Negative => "negative",
            Self::Range => "range",
            Self::Interval => "interval",
            Self::Step => "step",
            Self::Stuck => "stuck",
            Self::Inversion => "inversion",
            Self::Spike => "spike",
        }
    }

    /// Whether the rule keeps a value out of means; the others warn.
    pub const fn excludes(self) -> bool {
        matches!(
            self,
            Self::Flag | Self::Clock | Self::Negative | Self::Range
        )
    }

    /// What it says, in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Flag => ("标记不是正常", "the flag is not the normal one"),
            Self::Clock => (
                "时间戳在未来或早于2000年",
                "stamped ahead of our clock or before 2000",
            ),
            Self::Negative => ("负值", "below zero"),
            Self::Range => ("超出可测范围", "more than any instrument shows"),
            Self::Interval => (
                "报送间隔与登记不符",
                "another interval than registered, or a stamp off its grid",
            ),
            Self::Step => ("数据突变", "a jump from the value before"),
            Self::Stuck => ("数据不变", "a flat line"),
            Self::Inversion => ("PM2.5与PM10倒挂", "PM2.5 above PM10"),
            Self::Spike => ("远高于邻近站点", "far above the neighbouring stations"),
        }
    }
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The reading.
    pub reading: Reading,
    /// The rule.
    pub rule: Rule,
}

impl Default for Rules {
    /// Rules whose numbers no value reaches: only clocks and signs are judged.
    fn default() -> Self {
        let never = Amount::from_micros(i64::MAX);
        Self {
            range: [never; 6],
            step: [never; 6],
            stuck_hours: u32::MAX,
            stuck_above: [never; 6],
            inversion_tolerance: Amount::from_units(0),
            spike_times: u32::MAX,
            spike_above: [never; 6],
            neighbours_least: usize::MAX,
            neighbour_degrees: Amount::from_units(0),
        }
    }
}

impl Rules {
    /// Judges one value of a factor stamped `time` and received at `now`; of no pollutant, its range is not known.
    pub fn verdict(
        &self,
        factor: &Factor,
        time: Instant,
        value: Option<Amount>,
        now: Instant,
    ) -> Qc {
        if time < EARLIEST || time > now.plus_s(FUTURE_S_MAX) {
            return Qc::Clock;
        }
        let Some(value) = value else {
            return Qc::Passed;
        };
        let code = factor.as_str();
        let most = Pollutant::from_key(code).map(|pollutant| self.range[pollutant.index()]);
        if value.is_negative() && !BELOW_ZERO.contains(&code) {
            Qc::Negative
        } else if most.is_some_and(|most| value > most) {
            Qc::Range
        } else {
            Qc::Passed
        }
    }
}

/// A column of one pollutant with what its rules need besides.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// The pollutant.
    pub pollutant: Pollutant,
    /// Its interval, in seconds.
    pub interval_s: u32,
    /// The interval the station is to report in.
    pub registered_s: Option<u32>,
    /// Its readings in time order, from some hours before the first that is asked about.
    pub readings: &'a [Reading],
    /// PM10 of the same interval in time order, when this is PM2.5.
    pub pm10: &'a [Reading],
    /// The neighbours' columns of the same pollutant and interval, in time order.
    pub neighbours: &'a [Vec<Reading>],
}

/// Everything the rules find in a column, by time and rule. What is found about a reading depends on no later one,
/// except for a flat line, whose readings are all told of once it is long enough.
pub fn findings(rules: &Rules, column: &Column<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for reading in column.readings {
        let mut tell = |rule| {
            found.push(Finding {
                reading: reading.clone(),
                rule,
            });
        };
        if !reading.flag.is_normal() {
            tell(Rule::Flag);
        }
        match reading.qc {
            Qc::Passed => {}
            Qc::Clock => tell(Rule::Clock),
            Qc::Negative => tell(Rule::Negative),
            Qc::Range => tell(Rule::Range),
        }
        let grid = i64::from(column.interval_s.max(1));
        let off = reading.time.unix().rem_euclid(grid) != 0;
        if off
            || column
                .registered_s
                .is_some_and(|own| own != column.interval_s)
        {
            tell(Rule::Interval);
        }
    }
    let usable: Vec<(&Reading, Amount)> = column
        .readings
        .iter()
        .filter_map(|reading| Some((reading, reading.usable()?)))
        .collect();
    steps(rules, column, &usable, &mut found);
    flat_lines(rules, column, &usable, &mut found);
    beside_others(rules, column, &usable, &mut found);
    found.sort_by_key(|finding| (finding.reading.time, finding.rule));
    found
}

/// Whether the second follows the first without a gap.
fn follows(column: &Column<'_>, first: &Reading, second: &Reading) -> bool {
    first.time.plus_s(i64::from(column.interval_s)) == second.time
}

fn steps(
    rules: &Rules,
    column: &Column<'_>,
    usable: &[(&Reading, Amount)],
    found: &mut Vec<Finding>,
) {
    let most = rules.step[column.pollutant.index()].micros();
    for pair in usable.windows(2) {
        let ((before, from), (reading, to)) = (pair[0], pair[1]);
        if follows(column, before, reading) && (to.micros() - from.micros()).abs() > most {
            found.push(Finding {
                reading: reading.clone(),
                rule: Rule::Step,
            });
        }
    }
}

fn flat_lines(
    rules: &Rules,
    column: &Column<'_>,
    usable: &[(&Reading, Amount)],
    found: &mut Vec<Finding>,
) {
    let floor = rules.stuck_above[column.pollutant.index()];
    let least_s = i64::from(rules.stuck_hours) * HOUR_S;
    let same =
        |a: &(&Reading, Amount), b: &(&Reading, Amount)| a.1 == b.1 && follows(column, a.0, b.0);
    for line in usable.chunk_by(same) {
        let lasted_s = line.len() as i64 * i64::from(column.interval_s);
        if line[0].1 > floor && lasted_s >= least_s && line.len() > 1 {
            found.extend(line.iter().map(|(reading, _)| Finding {
                reading: (*reading).clone(),
                rule: Rule::Stuck,
            }));
        }
    }
}

/// The usable value of that time in a column in time order.
fn at(column: &[Reading], time: Instant) -> Option<Amount> {
    let found = column.binary_search_by_key(&time, |reading| reading.time);
    column[found.ok()?].usable()
}

fn beside_others(
    rules: &Rules,
    column: &Column<'_>,
    usable: &[(&Reading, Amount)],
    found: &mut Vec<Finding>,
) {
    for (reading, value) in usable {
        let mut tell = |rule| {
            found.push(Finding {
                reading: (*reading).clone(),
                rule,
            });
        };
        let coarse = at(column.pm10, reading.time);
        let tolerance = rules.inversion_tolerance.micros();
        if coarse.is_some_and(|coarse| value.micros() > coarse.micros() + tolerance) {
            tell(Rule::Inversion);
        }
        let others = column.neighbours.iter();
        let mut others: Vec<i64> = others
            .filter_map(|column| at(column, reading.time))
            .map(Amount::micros)
            .collect();
        others.sort_unstable();
        let floor = rules.spike_above[column.pollutant.index()];
        if others.len() >= rules.neighbours_least.max(1) && *value > floor {
            // Of an even number, the upper of the two in the middle: rather a warning less.
            let middle = i128::from(others[others.len() / 2]);
            if i128::from(value.micros()) > middle * i128::from(rules.spike_times) {
                tell(Rule::Spike);
            }
        }
    }
}

#[cfg(test)]
mod tests;
