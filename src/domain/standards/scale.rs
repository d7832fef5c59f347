//! A scale: which index a concentration stands for, as runs between breakpoints.
//!
//! HJ 633 4.2.4 and the US EPA's Equation 1 are the same straight line. They differ in their ends: Chinese runs
//! share theirs (35 is exactly 50), those of the EPA leave gaps (9.0 is 50, 9.1 is 51) that concentrations
//! cannot fall into once they are truncated to the scale's digits. Both are kept as runs with own ends.

use num_integer::Integer;

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
        self.read_whole(whole, mass)
            .unwrap_or_else(|| self.read_exact(whole, mass))
    }

    /// [`Self::read`] in whole numbers, for a scale in the pollutant's own unit that is read upwards and cuts no
    /// digits off, as those of HJ 633 are; `None` for any other, or where a number does not fit.
    fn read_whole(&self, whole: Whole, mass: &Exact) -> Option<SubIndex> {
        if whole != Whole::Up || self.truncate.is_some() || self.unit.mass != Amount::from_units(1)
        {
            return None;
        }
        let (numerator, denominator) = mass.parts()?;
        // Everything in millionths over one count, which is that of the values for a mean of millionths.
        let micros = Amount::from_units(1).micros();
        let (value, of) = match denominator % micros {
            0 => (i128::from(numerator), denominator / micros),
            _ => (i128::from(numerator) * i128::from(micros), denominator),
        };
        let end = |end: Amount| i128::from(end.micros()) * i128::from(of);
        if value < end(self.runs[0].from) {
            return Some(self.below.map_or(SubIndex::Nothing, SubIndex::Index));
        }
        let run = self.runs.iter().find(|run| value <= end(run.to));
        let run = match (run, self.above) {
            (Some(run), _) => run,
            (None, Above::Extrapolate) => return None,
            (None, Above::Index(index)) => return Some(SubIndex::Index(index)),
            (None, Above::Other(averaging)) => return Some(SubIndex::Other(averaging)),
        };
        let above = i64::try_from(value - end(run.from)).ok()?;
        let rise = i128::from(above) * i128::from(run.high - run.low);
        let width = end(run.to) - end(run.from);
        let rise = match (u64::try_from(rise), u64::try_from(width)) {
            (Ok(rise), Ok(width)) => i64::try_from(rise.div_ceil(width)).ok()?,
            _ => i64::try_from(Integer::div_ceil(&rise, &width)).ok()?,
        };
        Some(SubIndex::Index((run.low + rise).max(run.low)))
    }

    fn read_exact(&self, whole: Whole, mass: &Exact) -> SubIndex {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scale(ends: &[i64], above: Above) -> Scale {
        let unit = Amount::from_micros;
        let runs = ends.windows(2).zip((0..).step_by(50));
        Scale {
            pollutant: Pollutant::Pm25,
            averaging: Averaging::Hour24,
            unit: ScaleUnit {
                name: "ug/m3".to_owned(),
                mass: Amount::from_units(1),
            },
            truncate: None,
            runs: runs
                .map(|(pair, low)| Run {
                    from: unit(pair[0]),
                    to: unit(pair[1]),
                    low,
                    high: low + 50,
                })
                .collect(),
            below: None,
            above,
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_and_fractions_read_the_same(
            steps in prop::collection::vec(1..90_000_000i64, 2..8),
            (numerator, denominator, shift) in (any::<i64>(), 1i64.., 0..60u32),
            at in any::<prop::sample::Index>(),
            above in prop::sample::select(vec![
                Above::Index(500), Above::Other(Averaging::Hour1), Above::Extrapolate,
            ]),
        ) {
            let sum = |sum: &mut i64, step: &i64| {
                *sum += step;
                Some(*sum)
            };
            let ends: Vec<i64> = steps.iter().scan(0, sum).collect();
            let scale = scale(&ends, above);
            let end = Exact::amount(Amount::from_micros(*at.get(&ends)));
            let near = end.plus(&Exact::ratio(1, 1 + (denominator >> shift)));
            let any = Exact::ratio(numerator >> shift, 1 + (denominator >> shift));
            for value in [any, end, near] {
                let exact = scale.read_exact(Whole::Up, &value);
                prop_assert_eq!(scale.read(Whole::Up, &value), exact, "{:?}", value);
                // A part of a number of millionths up to the last end fits.
                if above != Above::Extrapolate && value.parts().is_some_and(|(_, of)| of < 1_000_000_000) {
                    prop_assert_eq!(scale.read_whole(Whole::Up, &value), Some(exact));
                }
            }
        }
    }

    #[test]
    fn other_ways_of_reading_are_left_to_fractions() {
        let plain = scale(&[0, 35_000_000], Above::Index(500));
        let value = Exact::ratio(7, 2);
        assert_eq!(
            plain.read_whole(Whole::Up, &value),
            Some(SubIndex::Index(5))
        );
        assert_eq!(plain.read_whole(Whole::HalfUp, &value), None);
        let cut = Scale {
            truncate: Some(1),
            ..plain.clone()
        };
        assert_eq!(cut.read_whole(Whole::Up, &value), None);
        let mass = Amount::from_units(2);
        let unit = ScaleUnit {
            mass,
            ..plain.unit.clone()
        };
        assert_eq!(Scale { unit, ..plain }.read_whole(Whole::Up, &value), None);
    }
}
