//! Parts of a column that one query asks for: sized by what is found, as nothing else tells how dense a column is. One
//! that reports now and then is read in few queries, and a dense one never in a large answer.

/// Readings that one query is to be answered with, and at most. A row of an answer takes some hundred bytes while it
/// is read.
pub(super) const WINDOW_READINGS: usize = 20_000;
pub(super) const ANSWER_READINGS_MAX: usize = 2 * WINDOW_READINGS;

/// The rest of a range of times, and how much of it is asked for next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    from: i64,
    last: i64,
    seconds: i64,
}

impl Windows {
    /// Of both times and what is between; first as long as so many readings of the interval take.
    pub(super) fn new((from, last): (i64, i64), interval_s: u32, readings: usize) -> Self {
        let readings = readings.clamp(1, WINDOW_READINGS) as i64;
        Self {
            from,
            last,
            seconds: readings * i64::from(interval_s).max(1),
        }
    }

    /// First and last time of the next one, if anything is left.
    pub(super) fn next(self) -> Option<(i64, i64)> {
        let upto = self.from.saturating_add(self.seconds - 1).min(self.last);
        (self.from <= upto).then_some((self.from, upto))
    }

    /// So many readings were found up to a time: where little was, the next one is longer.
    pub(super) fn found(&mut self, readings: usize, upto: i64) {
        if upto < self.next().map_or(upto, |(_, upto)| upto) {
            self.seconds = (self.seconds / 2).max(1);
        } else if readings * 2 <= WINDOW_READINGS {
            self.seconds = self.seconds.saturating_mul(2);
        }
        self.from = upto.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Readings and queries of a column read as the reader does.
    fn read(times: &[i64], interval_s: u32, readings: usize) -> (Vec<i64>, usize) {
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            return (Vec::new(), 0);
        };
        let mut windows = Windows::new((*first, *last), interval_s, readings);
        let (mut found, mut queries) = (Vec::new(), 0);
        while let Some((from, upto)) = windows.next() {
            let begin = times.partition_point(|time| *time < from);
            let within = times[begin..].iter().take_while(|time| **time <= upto);
            let some: Vec<i64> = within.take(ANSWER_READINGS_MAX).copied().collect();
            let cut = some.len() == ANSWER_READINGS_MAX;
            windows.found(some.len(), if cut { some[some.len() - 1] } else { upto });
            found.extend(some);
            queries += 1;
        }
        (found, queries)
    }

    #[test]
    fn queries_follow_what_is_there() {
        const YEAR_S: i64 = 31_536_000;
        let check = |times: &[i64], interval_s: u32, queries_max: usize| {
            let (found, queries) = read(times, interval_s, WINDOW_READINGS);
            assert!(found == times, "not as it is");
            assert!(queries <= queries_max, "{queries} queries");
        };
        // Now and then, over thirty years.
        let rare: Vec<i64> = (0..60).map(|at| at * YEAR_S / 2).collect();
        check(&rare, 0, 17);
        check(&[0], 0, 1);
        // A year of hours is one query; ten take no more than their share.
        let hours: Vec<i64> = (0..87_600).map(|at| at * 3_600).collect();
        check(&hours[..8_760], 3_600, 1);
        check(&hours, 3_600, 6);
        // A long rest, then a reading a second: no answer grows with the windows that the rest was read by.
        let burst = (0..200_000).map(|at| 20 * YEAR_S + at);
        check(&std::iter::once(0).chain(burst).collect::<Vec<_>>(), 0, 40);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn nothing_is_left_out_or_read_twice(
            mut times in prop::collection::btree_set(-100_000i64..100_000_000, 0..200),
            burst in -50_000i64..50_000,
            interval_s in 0u32..7_200,
            readings in 1usize..30_000,
        ) {
            times.extend(burst..burst + 60_000);
            let times: Vec<i64> = times.into_iter().collect();
            let (found, _) = read(&times, interval_s, readings);
            prop_assert!(found == times);
        }
    }
}
