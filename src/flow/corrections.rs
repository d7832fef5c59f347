//! Values that were replaced, each beside what came in its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::ports::Range;
use crate::ports::ReplacedQuery;
use crate::ports::Series;
use crate::ports::StoreError;

/// What stands now is read from a replaced value to the next one where no more than this lies between, or so many readings by
/// their interval, and of so many at a time: of two corrections years apart the years between are not read.
const GAP_S: i64 = DAY_S;
const GAP_READINGS: i64 = 1_000;
const RUN_READINGS: i64 = 10_000;

/// A value with what replaced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// What counted, and until when.
    pub old: Replaced,
    /// What counted from then on; `None` when an order took the value out.
    pub new: Option<Reading>,
}

/// Corrections of a source's readings, by time and series.
///
/// # Errors
/// Those of the store.
pub async fn corrections(
    series: &dyn Series,
    query: ReplacedQuery,
) -> Result<Vec<Correction>, StoreError> {
    let replaced = series.replaced(query).await?;
    let mut times: BTreeMap<&SeriesKey, BTreeSet<Instant>> = BTreeMap::new();
    for own in &replaced {
        times.entry(&own.key).or_default().insert(own.reading.time);
    }
    let mut standing: BTreeMap<(&SeriesKey, Instant), (Instant, Reading)> = BTreeMap::new();
    for (key, times) in times {
        for (first, last) in runs(&times, key.interval_s) {
            let run = Range {
                after: first.plus_s(-1),
                upto: last,
                ..Range::ALL
            };
            let column = series.received(key, run).await?.into_iter();
            let wanted = column.filter(|(_, reading)| times.contains(&reading.time));
            standing.extend(wanted.map(|(from, reading)| ((key, reading.time), (from, reading))));
        }
    }
    let next = |at: usize, old: &Replaced| {
        let same = |own: &&Replaced| own.key == old.key && own.reading.time == old.reading.time;
        let after = replaced.get(at + 1).filter(same);
        let after = after.map(|own| (own.received_at, own.reading.clone()));
        let after = after.or_else(|| standing.get(&(&old.key, old.reading.time)).cloned());
        // Between an order and a value that came later nothing counted.
        let after = after.filter(|(from, _)| *from == old.replaced_at);
        after.map(|(_, reading)| reading)
    };
    let pairs = replaced.iter().enumerate();
    Ok(pairs
        .map(|(at, old)| Correction {
            old: old.clone(),
            new: next(at, old),
        })
        .collect())
}

/// First and last of times that are read together.
fn runs(times: &BTreeSet<Instant>, interval_s: u32) -> Vec<(Instant, Instant)> {
    let interval_s = i64::from(interval_s).max(1);
    let (gap, most) = (
        GAP_S.max(GAP_READINGS * interval_s),
        RUN_READINGS * interval_s,
    );
    let mut runs: Vec<(Instant, Instant)> = Vec::new();
    for time in times {
        match runs.last_mut() {
            Some((first, last))
                if time.unix() - last.unix() <= gap && time.unix() - first.unix() < most =>
            {
                *last = *time;
            }
            _ => runs.push((*time, *time)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_lies_between_corrections_far_apart_is_not_read() {
        let years = 10 * 366 * DAY_S;
        let check = |interval_s, times: &[i64], expected: &[(i64, i64)]| {
            let times = times.iter().map(|time| Instant::from_unix(*time)).collect();
            let found = runs(&times, interval_s).into_iter();
            let found: Vec<_> = found.map(|(a, b)| (a.unix(), b.unix())).collect();
            assert_eq!(found, expected, "{interval_s} {times:?}");
        };
        check(60, &[], &[]);
        check(60, &[60], &[(60, 60)]);
        check(60, &[0, years], &[(0, 0), (years, years)]);
        check(3_600, &[0, 3_600, DAY_S], &[(0, DAY_S)]);
        check(60, &[0, DAY_S], &[(0, DAY_S)]);
        check(60, &[0, DAY_S + 1], &[(0, 0), (DAY_S + 1, DAY_S + 1)]);
        // A check every week.
        let week = 7 * DAY_S;
        check(3_600, &[0, week, 2 * week], &[(0, 2 * week)]);
        check(1, &[0, 9_999], &[(0, 9_999)]);
        check(1, &[0, 9_999, 10_000], &[(0, 9_999), (10_000, 10_000)]);
        check(0, &[0, 10_000], &[(0, 0), (10_000, 10_000)]);
    }

    proptest! {
        #[test]
        fn each_time_is_read_once_and_no_run_is_long(
            interval_s in prop_oneof![Just(1_u32), Just(60), Just(3_600)],
            steps in prop::collection::vec(1_i64..3 * DAY_S, 0..200),
        ) {
            let mut at = 0;
            let step = |step: &i64| { at += step; Instant::from_unix(at) };
            let times: BTreeSet<Instant> = steps.iter().map(step).collect();
            let runs = runs(&times, interval_s);
            let within = |run: &(Instant, Instant)| times.range(run.0..=run.1).count();
            prop_assert_eq!(runs.iter().map(within).sum::<usize>(), times.len());
            let gap = i64::from(interval_s) * GAP_READINGS;
            for (first, last) in runs {
                prop_assert!(times.contains(&first) && times.contains(&last));
                prop_assert!(last.unix() - first.unix() < RUN_READINGS * i64::from(interval_s));
                for (a, b) in times.range(first..=last).zip(times.range(first..=last).skip(1)) {
                    prop_assert!(b.unix() - a.unix() <= gap.max(GAP_S));
                }
            }
        }
    }
}
