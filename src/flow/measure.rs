//! How long things took and how often they came, counted in whole numbers for whoever watches.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Microseconds of a second, the unit of bounds and sums.
pub const SECOND: u64 = 1_000_000;
/// Bounds for the work of a machine: a millisecond to ten seconds.
pub const WORK: &[u64] = &[
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];
/// Bounds for how old a reading is when it is stored: a second to a week.
pub const AGE: &[u64] = &[
    SECOND,
    10 * SECOND,
    60 * SECOND,
    300 * SECOND,
    600 * SECOND,
    1_800 * SECOND,
    3_600 * SECOND,
    10_800 * SECOND,
    86_400 * SECOND,
    604_800 * SECOND,
];

/// Durations in microseconds, counted by bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// What a histogram holds at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Bounds, each with how many lasted no longer.
    pub upto: Vec<(u64, u64)>,
    /// How many there are.
    pub count: u64,
    /// How long all of them took.
    pub sum: u64,
}

impl Histogram {
    /// Nothing was counted yet. Bounds rise.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts one.
    pub fn note(&self, micros: u64) {
        let place = self.bounds.partition_point(|bound| *bound < micros);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn read(&self) -> Measured {
        let mut count = 0;
        let mut upto = Vec::with_capacity(self.bounds.len());
        for (place, own) in self.counts.iter().enumerate() {
            count += own.load(Ordering::Relaxed);
            if let Some(bound) = self.bounds.get(place) {
                upto.push((*bound, count));
            }
        }
        Measured {
            upto,
            count,
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// Counts by name. Names are those of the program, so that there are few.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl Tally {
    /// Counts one of each pair of names.
    pub fn note(&self, names: impl IntoIterator<Item = (&'static str, &'static str)>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for pair in names {
            *counts.entry(pair).or_default() += 1;
        }
    }

    /// What was counted, by name.
    pub fn read(&self) -> Vec<((&'static str, &'static str), u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(pair, count)| (*pair, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_takes_in_its_own_length() {
        let histogram = Histogram::new(&[10, 20]);
        for micros in [0, 10, 11, 20, 21] {
            histogram.note(micros);
        }
        let expected = Measured {
            upto: vec![(10, 2), (20, 4)],
            count: 5,
            sum: 62,
        };
        assert_eq!(histogram.read(), expected);
    }

    proptest! {
        #[test]
        fn counts_never_fall_and_nothing_is_lost(lengths in prop::collection::vec(0u64..20_000_000, 0..100)) {
            let histogram = Histogram::new(WORK);
            lengths.iter().for_each(|micros| histogram.note(*micros));
            let found = histogram.read();
            prop_assert_eq!(found.count, lengths.len() as u64);
            prop_assert_eq!(found.sum, lengths.iter().sum::<u64>());
            for (bound, count) in found.upto {
                let naive = lengths.iter().filter(|micros| **micros <= bound).count();
                prop_assert_eq!(count, naive as u64);
            }
        }
    }

    #[test]
    fn bounds_rise() {
        assert!(WORK.is_sorted_by(|a, b| a < b) && AGE.is_sorted_by(|a, b| a < b));
    }
}
