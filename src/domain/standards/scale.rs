//! A scale: which index a concentration stands for, as runs between breakpoints.
//!
//! HJ 633 4.2.4 and the US EPA's Equation 1 are the same straight line. They differ in their ends: Chinese runs
//! share theirs (35 is exactly 50), those of the EPA leave gaps (9.0 is 50, 9.1 is 51) that concentrations
//! cannot fall into once they are truncated to the scale's digits. Both are kept as runs with own ends.

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// What becomes of a concentration above the last run of a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// The index stays at this number.
    Index(i64),
    /// No index at this averaging time; the one of the other averaging time is reported instead.
    Other(Averaging),
    /// The last run's line goes on without end.
    Extrapolate,
}

/// A straight piece of a scale, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Lowest concentration.
    pub from: Amount,
    /// Highest concentration.
    pub to: Amount,
    /// Index at the lowest.
    pub low: i64,
    /// Index at the highest.
    pub high: i64,
}

impl Run {
    fn at(&self, value: &Exact) -> Exact {
        let from = Exact::amount(self.from);
        let width = Exact::amount(self.to).minus(&from);
        let share = value
            .minus(&from)
            .over(&width)
            .expect("a run's ends differ");
        let rise = Exact::whole(self.high - self.low);
        share.times(&rise).plus(&Exact::whole(self.low))
    }
}

/// The unit a scale's breakpoints are printed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleUnit {
    /// As the table prints it: `ug/m3`, `mg/m3`, `ppb` or `ppm`.
    pub name: String,
    /// Mass concentration of one such unit, in the pollutant's own unit.
    pub mass: Amount,
}

/// How an index becomes a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Always up (HJ 633-2012 6.2, HJ 633-2026 4.2.6).
    Up,
    /// To the nearest, a half up (US EPA).
    HalfUp,
}

impl Whole {
    fn of(self, value: &Exact) -> i64 {
        match self {
            Self::Up => value.ceil(),
            Self::HalfUp => value.plus(&Exact::ratio(1, 2)).floor(),
        }
    }
}

/// Which index the concentrations of one pollutant and averaging time stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Pollutant.
    pub pollutant: Pollutant,
    /// Averaging time.
    pub averaging: Averaging,
    /// Unit of the runs.
    pub unit: ScaleUnit,
    /// Decimals concentrations are truncated to, in the scale's unit; `None` truncates nothing.
    pub truncate: Option<u32>,
    /// The runs, rising.
    pub runs: Vec<Run>,
    /// Index below the first run; `None`: no index at this averaging time.
    pub below: Option<i64>,
    /// Above the last run.
    pub above: Above,
}

/// What a scale says about a concentration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubIndex {
    /// The sub-index.
    Index(i64),
    /// Another averaging time's sub-index is reported instead.
    Other(Averaging),
    /// Nothing at this averaging time.
    Nothing,
}

impl Scale {
    /// A mass concentration in the unit and to the digits of the scale.
    pub fn scaled(&self, mass: &Exact) -> Exact {
        let mass_of_one = Exact::amount(self.unit.mass);
        let scaled = mass.over(&mass_of_one).expect("a unit has a mass");
        self.truncate
            .map_or(scaled.clone(), |decimals| scaled.truncate(decimals))
    }

    /// The sub-index of a mass concentration.
    pub fn read(&self, whole: Whole, mass: &Exact) -> SubIndex {
        let value = self.scaled(mass);
        let (first, last) = (&self.runs[0], &self.runs[self.runs.len() - 1]);
        if value < Exact::amount(first.from) {
            return self.below.map_or(SubIndex::Nothing, SubIndex::Index);
        }
        let run = self.runs.iter().find(|run| value <= Exact::amount(run.to));
        let run = match (run, self.above) {
            (Some(run), _) => run,
            (None, Above::Extrapolate) => last,
            (None, Above::Index(index)) => return SubIndex::Index(index),
            (None, Above::Other(averaging)) => return SubIndex::Other(averaging),
        };
        // In a gap between two runs the upper one's first index holds.
        SubIndex::Index(whole.of(&run.at(&value)).max(run.low))
    }

    /// Every fault of the numbers, in words.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let name = format!("scale {} {}", self.pollutant.key(), self.averaging.key());
        if self.runs.is_empty() {
            return vec![format!("{name}: no breakpoints")];
        }
        if self.unit.mass <= Amount::from_units(0) {
            faults.push(format!("{name}: one {} has no mass", self.unit.name));
        }
        if self
            .runs
            .iter()
            .any(|run| run.from >= run.to || run.low >= run.high)
        {
            faults.push(format!("{name}: breakpoints and index must rise"));
        }
        let joins = |pair: &[Run]| pair[0].to <= pair[1].from && pair[0].high <= pair[1].low;
        if !self.runs.windows(2).all(joins) {
            faults.push(format!("{name}: a run begins before the one below it ends"));
        }
        let last = self.runs[self.runs.len() - 1].high;
        if let Above::Index(index) = self.above
            && index < last
        {
            faults.push(format!(
                "{name}: {index} above the last breakpoint is less than {last}"
            ));
        }
        if self.below.is_some_and(|below| below > self.runs[0].low) {
            faults.push(format!("{name}: the index falls at the first breakpoint"));
        }
        faults
    }
}
