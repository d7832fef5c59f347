//! Which reports of a source are missing, and in how far a day is complete.
//!
//! A source reports once an interval. Nothing is asked of when within the interval it does: reports are counted by
//! the distance to the one before, so a clock that runs some seconds late makes no gap.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::presence::Cause;

/// A run of missing reports with one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// End of the period before the first that is missing.
    pub from: Instant,
    /// End of the last period that is missing.
    pub to: Instant,
    /// Reports missing.
    pub missing: u64,
    /// Why.
    pub cause: Cause,
}

/// Reports of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayReports {
    /// Reports that belong to the day, or to as much of it as is over.
    pub expected: u64,
    /// Those that came.
    pub reported: u64,
}

/// The ends of periods within (`after`, `upto`] of which nothing came. `times` are the stamps of what came, in
/// order; those after the range tell whether its last report is still to come.
///
/// # Panics
/// When the interval is 0.
pub fn missing(times: &[Instant], after: Instant, upto: Instant, interval_s: u32) -> Vec<Instant> {
    assert!(interval_s > 0, "an interval has a length");
    let step = i64::from(interval_s);
    let mut missing = Vec::new();
    let mut before = after.unix();
    let within = times.iter().map(|time| time.unix());
    for time in within.filter(|time| (after.unix() + 1..=upto.unix()).contains(time)) {
        let apart = (time - before + step / 2).div_euclid(step);
        missing.extend((1..apart).map(|n| Instant::from_unix(before + n * step)));
        before = time;
    }
    let next = times.iter().find(|time| **time > upto);
    let rest = match next {
        Some(next) => (next.unix() - before + step / 2).div_euclid(step) - 1,
        // With none after it, the last is due a quarter of an interval early, for stamps that run late.
        None => (upto.unix() - before + step / 4).div_euclid(step),
    };
    let due = (1..=rest).map(|n| before + n * step);
    let due = due.take_while(|ending| ending - step / 4 <= upto.unix());
    missing.extend(due.map(|ending| Instant::from_unix(ending.min(upto.unix()))));
    missing
}

/// Joins neighbouring missing periods of one cause.
pub fn runs(missing: &[Instant], interval_s: u32, cause: impl Fn(Instant) -> Cause) -> Vec<Gap> {
    let step = i64::from(interval_s);
    let mut gaps: Vec<Gap> = Vec::new();
    for ending in missing {
        let why = cause(*ending);
        match gaps.last_mut() {
            Some(gap) if gap.cause == why && ending.unix() - gap.to.unix() <= step => {
                gap.to = *ending;
                gap.missing += 1;
            }
            _ => gaps.push(Gap {
                from: ending.plus_s(-step),
                to: *ending,
                missing: 1,
                cause: why,
            }),
        }
    }
    gaps
}

/// What came, and what is missing of it.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// The stamps of what came, in order.
    pub times: &'a [Instant],
    /// The ends of periods of which nothing came, as [`missing`] tells them.
    pub missing: &'a [Instant],
}

/// Reports of each day of (`after`, `upto`]: those that came, at most one a period. A clock that runs some seconds late
/// may put a day's last report into the next one, so one that a day lacks beside its gaps is not counted against it.
///
/// # Panics
/// When the interval is 0.
pub fn by_day(
    came: Came<'_>,
    after: Instant,
    upto: Instant,
    interval_s: u32,
    zone: Zone,
) -> BTreeMap<NaiveDate, DayReports> {
    assert!(interval_s > 0, "an interval has a length");
    let step = i64::from(interval_s);
    let mut days = BTreeMap::new();
    let mut from = after;
    while from < upto {
        let day = zone.day_of_ending(from.plus_s(1));
        let to = zone.day_start(day).plus_s(DAY_S).min(upto);
        let expected = ((to.unix() - from.unix() + step / 4) / step).cast_unsigned();
        days.insert(
            day,
            DayReports {
                expected,
                reported: expected,
            },
        );
        from = to;
    }
    for ending in came.missing {
        if let Some(day) = days.get_mut(&zone.day_of_ending(*ending)) {
            day.reported = day.reported.saturating_sub(1);
        }
    }
    let mut counts: BTreeMap<NaiveDate, u64> = BTreeMap::new();
    let mut counted: Option<i64> = None;
    let within = came.times.iter().map(|time| time.unix());
    for time in within.filter(|time| (after.unix() + 1..=upto.unix()).contains(time)) {
        // Two within half an interval are of one period.
        if counted.is_none_or(|before| 2 * (time - before) >= step) {
            counted = Some(time);
            let day = zone.day_of_ending(Instant::from_unix(time));
            *counts.entry(day).or_default() += 1;
        }
    }
    for (day, reports) in &mut days {
        let count = counts.get(day).copied().unwrap_or(0);
        if count + 1 < reports.reported {
            reports.reported = count;
        }
    }
    days
}

/// The interval that most neighbouring reports are apart, the shorter of equally frequent ones; `None` with fewer
/// than two reports.
pub fn observed_interval_s(times: &[Instant]) -> Option<u32> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for pair in times.windows(2) {
        *counts.entry(pair[1].unix() - pair[0].unix()).or_default() += 1;
    }
    let positive = counts.into_iter().filter(|(apart, _)| *apart > 0);
    let most = positive.max_by_key(|(apart, count)| (*count, std::cmp::Reverse(*apart)));
    most.and_then(|(apart, _)| u32::try_from(apart).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(seconds)
    }

    fn instants(seconds: &[i64]) -> Vec<Instant> {
        seconds.iter().copied().map(at).collect()
    }

    fn check(times: &[i64], expected: &[i64]) {
        let found = missing(&instants(times), at(0), at(600), 60);
        assert_eq!(found, instants(expected), "{times:?}");
    }

    #[test]
    fn what_is_missing_of_ten_minutes() {
        let all: Vec<i64> = (1..=10).map(|n| n * 60).collect();
        check(&all, &[]);
        check(&[], &all);
        check(&all[1..], &[60]);
        check(&all[..9], &[600]);
        check(&[60, 120, 300, 360, 420, 480, 540, 600], &[180, 240]);
        // A clock that runs late, early, or is set half an interval off.
        check(&[63, 124, 181, 245, 302, 361, 424, 481, 545, 604], &[]);
        check(&[63, 124, 302, 361, 424, 481, 545], &[184, 244, 600]);
        check(&[57, 117, 177, 237, 297, 357, 417, 477, 537, 597], &[]);
        check(&[30, 90, 150, 210, 270, 330, 390, 450, 510, 570], &[]);
        // Outside of the range, or twice.
        check(
            &[-60, 0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660],
            &[],
        );
        check(&[60, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600], &[]);
    }

    #[test]
    fn neighbours_of_one_cause_are_one_gap() {
        let ends = instants(&[60, 120, 180, 400, 460]);
        let cause = |at: Instant| match at.unix() {
            ..=120 => Cause::DaemonDown,
            _ => Cause::StationSilent,
        };
        let told: Vec<_> = runs(&ends, 60, cause)
            .into_iter()
            .map(|gap| (gap.from.unix(), gap.to.unix(), gap.missing, gap.cause.key()))
            .collect();
        assert_eq!(
            told,
            [
                (0, 120, 2, "daemon_down"),
                (120, 180, 1, "station_silent"),
                (340, 460, 2, "station_silent"),
            ]
        );
    }

    #[test]
    fn days_count_what_belongs_to_them() {
        let zone = Zone::parse("+00:00").expect("a zone");
        let ends = instants(&[3_600, 86_400, 90_000]);
        let all = (1..=26).map(|hour| at(hour * 3_600));
        let times: Vec<_> = all.filter(|time| !ends.contains(time)).collect();
        let came = Came {
            times: &times,
            missing: &ends,
        };
        let days = by_day(came, at(0), at(86_400 + 7_200), 3_600, zone);
        let told: Vec<_> = days
            .values()
            .map(|day| (day.expected, day.reported))
            .collect();
        assert_eq!(told, [(24, 22), (2, 1)]);
    }

    /// Expected and reported of each of two days of minutes, for reports at these seconds.
    fn check_minutes(times: &[i64], expected: &[(u64, u64)]) {
        let zone = Zone::parse("+00:00").expect("a zone");
        let times = instants(times);
        let upto = at(2 * DAY_S);
        let missing = missing(&times, at(0), upto, 60);
        let came = Came {
            times: &times,
            missing: &missing,
        };
        let days = by_day(came, at(0), upto, 60, zone);
        let told: Vec<_> = days
            .values()
            .map(|day| (day.expected, day.reported))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn reports_are_counted_and_no_more_than_one_a_period() {
        let every = |step: usize, late: i64| -> Vec<i64> {
            (60..=2 * DAY_S)
                .step_by(step)
                .map(|time| time + late)
                .collect()
        };
        check_minutes(&every(60, 0), &[(1_440, 1_440), (1_440, 1_440)]);
        check_minutes(&every(60, 7), &[(1_440, 1_440), (1_440, 1_440)]);
        check_minutes(&every(20, 0), &[(1_440, 1_440), (1_440, 1_440)]);
        // Slower than registered, though no two are so far apart that one is missing between them.
        check_minutes(&every(89, 0), &[(1_440, 971), (1_440, 970)]);
        // Two at once are one.
        let twice: Vec<i64> = every(89, 0)
            .into_iter()
            .flat_map(|time| [time, time + 5])
            .collect();
        check_minutes(&twice, &[(1_440, 971), (1_440, 970)]);
        let half: Vec<i64> = every(60, 0)
            .into_iter()
            .filter(|time| *time <= DAY_S)
            .collect();
        check_minutes(&half, &[(1_440, 1_440), (1_440, 0)]);
        check_minutes(&[], &[(1_440, 0), (1_440, 0)]);
    }

    #[test]
    fn the_commonest_distance_is_the_interval() {
        for (times, expected) in [
            (&[][..], None),
            (&[60], None),
            (&[60, 120], Some(60)),
            (&[0, 300, 600, 660, 960], Some(300)),
            (&[0, 60, 160], Some(60)),
        ] {
            assert_eq!(observed_interval_s(&instants(times)), expected, "{times:?}");
        }
    }

    proptest! {
        #[test]
        fn filling_in_what_is_missing_leaves_no_gap(
            kept in proptest::collection::btree_set(1i64..200, 0..200),
            step in 1u32..4_000,
        ) {
            let upto = at(200 * i64::from(step));
            let mut times: Vec<_> = kept.iter().map(|n| at(n * i64::from(step))).collect();
            let gone = missing(&times, at(0), upto, step);
            prop_assert_eq!(gone.len() + times.len(), 200);
            let runs = runs(&gone, step, |_| Cause::StationSilent);
            prop_assert_eq!(runs.iter().map(|gap| gap.missing).sum::<u64>(), gone.len() as u64);
            prop_assert!(runs.windows(2).all(|pair| pair[0].to < pair[1].from));
            times.extend(gone);
            times.sort();
            prop_assert!(missing(&times, at(0), upto, step).is_empty());
        }
    }
}
