//! Days as each statistic sees them once exclusions are applied.
//!
//! A day that is left out is a day without that pollutant: means and percentiles are over the days that remain.
//! The least days an edition asks for are counted before the deduction, as the excluded values were measured.

use crate::domain::area::AreaDay;
use crate::domain::exclusion::Statistic;
use crate::domain::means::StationDay;
use crate::domain::pollutant::Pollutant;

/// A station's day without the pollutants marked, in report order.
pub fn without(day: &StationDay, taken: [bool; 6]) -> StationDay {
    let mut rest = day.clone();
    for pollutant in Pollutant::ALL {
        let index = pollutant.index();
        if !taken[index] {
            continue;
        }
        rest.mean[index] = None;
        rest.hours[index] = 0;
        rest.hour_max[index] = None;
        match pollutant {
            Pollutant::O3 => (rest.o3_8h_max, rest.windows) = (None, 0),
            Pollutant::Co => (rest.co_8h_max, rest.co_windows) = (None, 0),
            _ => {}
        }
    }
    rest
}

/// The days of a figure: as measured and, for each statistic that something is taken out of, what is left.
#[derive(Clone, Copy, Debug)]
pub struct Sided<'a> {
    measured: &'a [AreaDay],
    left: [Option<&'a [AreaDay]>; Statistic::ALL.len()],
}

impl<'a, T: AsRef<[AreaDay]> + ?Sized> From<&'a T> for Sided<'a> {
    fn from(measured: &'a T) -> Self {
        Self {
            measured: measured.as_ref(),
            left: [None; Statistic::ALL.len()],
        }
    }
}

impl<'a> Sided<'a> {
    /// The days with what is left of them, by statistic in the order of [`Statistic::ALL`].
    pub fn new(
        measured: &'a [AreaDay],
        left: [Option<&'a [AreaDay]>; Statistic::ALL.len()],
    ) -> Self {
        Self { measured, left }
    }

    /// All days as measured.
    pub fn measured(&self) -> &'a [AreaDay] {
        self.measured
    }

    /// The days a statistic is over.
    pub fn of(&self, statistic: Statistic) -> &'a [AreaDay] {
        self.left[statistic as usize].unwrap_or(self.measured)
    }

    /// Whether anything is taken out.
    pub fn is_deducted(&self) -> bool {
        self.left.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::HOURS_PER_DAY;
    use crate::domain::means::HourMean;
    use crate::domain::units::Amount;

    #[test]
    fn a_pollutant_taken_out_leaves_no_trace_and_the_others_alone() {
        let hour = Some(HourMean::reported(Amount::from_units(7)));
        let day = StationDay::of_hours(&[[hour; HOURS_PER_DAY]; 6], 6);
        for pollutant in Pollutant::ALL {
            let at = pollutant.index();
            let mut taken = [false; 6];
            taken[at] = true;
            let mut hours = [[hour; HOURS_PER_DAY]; 6];
            hours[at] = [None; HOURS_PER_DAY];
            assert_eq!(
                without(&day, taken),
                StationDay::of_hours(&hours, 6),
                "{pollutant:?}"
            );
        }
        assert_eq!(without(&day, [false; 6]), day);
        assert!(without(&day, [true; 6]).is_empty());
    }
}
