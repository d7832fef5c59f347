//! How far a subscriber has been told of the ledger's rows: in their order, one at a time, each until it arrived.
//!
//! A row that does not arrive holds those after it, so that whoever was away learns of everything in order. Only after
//! [`Patience::give_up_after_s`] of vain tries is a row laid aside, and the next one has as long. Rows laid aside are sent again when an
//! operator says so; they come late, and their numbers tell so.

use crate::domain::calendar::Instant;

/// Shortest pause after a try that failed; it doubles from try to try.
const PAUSE_S: i64 = 1;
/// Longest pause, without what is added at random.
const PAUSE_S_MAX: i64 = 300;
/// Rows laid aside at most; with as many, nothing is given up any more.
pub const LAID_ASIDE_MAX: usize = 1_000;

/// How long somebody is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Seconds of vain tries after which a row is laid aside; `None` is never.
    pub give_up_after_s: Option<i64>,
}

/// A row that does not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When it was tried first.
    pub since: Instant,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next.
    pub next_at: Instant,
    /// What the last try met.
    pub cause: String,
}

/// How far a subscriber has been told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last row that arrived, was not meant for the subscriber, or was laid aside.
    pub done: u64,
    /// How the row under way fails.
    pub failing: Option<Failing>,
    /// Rows laid aside.
    pub laid_aside: Vec<u64>,
    /// Rows laid aside that are to be sent again, before anything new.
    pub again: Vec<u64>,
    /// When a row arrived last.
    pub arrived_at: Option<Instant>,
}

/// What a failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The row is tried again later.
    Held,
    /// The row was laid aside.
    LaidAside,
}

impl Progress {
    /// Told of everything up to a row.
    #[must_use]
    pub fn from(done: u64) -> Progress {
        Progress {
            done,
            ..Progress::default()
        }
    }

    /// Whether something may be tried at a moment.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        let waits = |failing: &Failing| now < failing.next_at;
        !self.failing.as_ref().is_some_and(waits)
    }

    /// The row to send next, if the ledger ends with `head`.
    #[must_use]
    pub fn next(&self, head: u64) -> Option<u64> {
        let again = self.again.first().copied();
        again.or((self.done < head).then_some(self.done + 1))
    }

    /// The row under way arrived, or is not meant for the subscriber.
    pub fn arrived(&mut self, row: u64) {
        if self.again.first() == Some(&row) {
            self.again.remove(0);
        } else {
            assert_eq!(row, self.done + 1, "rows are told in their order");
            self.done = row;
            self.failing = None;
        }
    }

    /// The row under way did not arrive. `seed` spreads the pauses of many subscribers.
    pub fn failed(
        &mut self,
        row: u64,
        now: Instant,
        patience: Patience,
        seed: u64,
        cause: String,
    ) -> Outcome {
        if self.again.first() == Some(&row) {
            self.again.remove(0);
            self.laid_aside.push(row);
            return Outcome::LaidAside;
        }
        let (since, tries) = match &self.failing {
            Some(failing) => (failing.since, failing.tries + 1),
            None => (now, 1),
        };
        let over = |after: i64| now >= since.plus_s(after);
        let room = self.laid_aside.len() < LAID_ASIDE_MAX;
        if room && patience.give_up_after_s.is_some_and(over) {
            self.laid_aside.push(row);
            self.arrived(row);
            return Outcome::LaidAside;
        }
        self.failing = Some(Failing {
            since,
            tries,
            next_at: now.plus_s(pause_s(tries, seed)),
            cause,
        });
        Outcome::Held
    }

    /// An operator says that it is to be tried at once, and what was laid aside again.
    pub fn retry(&mut self) {
        if let Some(failing) = &mut self.failing {
            failing.next_at = failing.since;
        }
        self.again.append(&mut self.laid_aside);
        self.again.sort_unstable();
    }
}

/// Seconds until a row is tried again: doubling, and up to half as much more by the seed.
fn pause_s(tries: u32, seed: u64) -> i64 {
    let doubled = 1_i64.checked_shl(tries.saturating_sub(1).min(32));
    let pause = doubled
        .unwrap_or(PAUSE_S_MAX)
        .saturating_mul(PAUSE_S)
        .min(PAUSE_S_MAX);
    let draw = mixed(seed.wrapping_add(u64::from(tries)));
    let share = i64::try_from(draw % (pause.unsigned_abs() / 2 + 1)).unwrap_or(0);
    pause + share
}

/// SplitMix64's mixing of one number.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WEEK: Patience = Patience {
        give_up_after_s: Some(604_800),
    };

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(seconds)
    }

    #[test]
    fn pauses_double_up_to_five_minutes_and_are_spread() {
        for (tries, least) in [
            (1, 1),
            (2, 2),
            (3, 4),
            (8, 128),
            (9, 256),
            (10, 300),
            (4_000, 300),
        ] {
            let pauses: Vec<i64> = (0..64).map(|seed| pause_s(tries, seed * 977)).collect();
            let within = |pause: &i64| (least..=least + least / 2).contains(pause);
            assert!(pauses.iter().all(within), "{tries}: {pauses:?}");
            let first = pauses[0];
            assert_eq!(
                pauses.iter().all(|pause| *pause == first),
                least == 1,
                "{tries}"
            );
        }
    }

    #[test]
    fn what_does_not_arrive_holds_what_comes_after_until_it_is_given_up() {
        let mut progress = Progress::from(4);
        let (mut now, mut tries) = (at(0), 0);
        while progress.next(6) == Some(5) {
            tries += 1;
            progress.failed(5, now, WEEK, 7, "away".to_owned());
            now = progress
                .failing
                .as_ref()
                .map_or(now, |failing| failing.next_at);
        }
        assert!(now >= at(604_800) && tries > 1_300, "{now:?} {tries}");
        assert_eq!(
            (progress.next(6), &progress.laid_aside),
            (Some(6), &vec![5])
        );
        progress.arrived(6);
        assert_eq!(progress.next(6), None);
        progress.retry();
        assert_eq!(progress.next(7), Some(5));
        let again = progress.failed(5, now, WEEK, 7, "away".to_owned());
        assert_eq!((again, progress.next(7)), (Outcome::LaidAside, Some(7)));
        progress.retry();
        progress.arrived(5);
        assert_eq!((progress.next(7), progress.laid_aside.len()), (Some(7), 0));
    }

    #[test]
    fn nothing_more_is_given_up_than_can_be_kept() {
        let mut progress = Progress::from(0);
        let hasty = Patience {
            give_up_after_s: Some(0),
        };
        for row in 1..=LAID_ASIDE_MAX as u64 {
            let outcome = progress.failed(row, at(0), hasty, 0, String::new());
            assert_eq!(outcome, Outcome::LaidAside);
        }
        let last = progress.done + 1;
        let outcome = progress.failed(last, at(0), hasty, 0, String::new());
        assert_eq!((outcome, progress.next(last)), (Outcome::Held, Some(last)));
    }

    proptest! {
        /// However tries end, rows arrive in their order, each once, and none is lost.
        #[test]
        fn every_row_arrives_once_in_order(ends in prop::collection::vec(any::<bool>(), 1..400)) {
            let (mut progress, mut now, mut arrived) = (Progress::from(0), at(0), Vec::new());
            for good in ends {
                let row = progress.next(u64::MAX).expect("there is always a further row");
                prop_assert!(progress.is_due(now));
                if good {
                    progress.arrived(row);
                    arrived.push(row);
                } else {
                    let never = Patience { give_up_after_s: None };
                    progress.failed(row, now, never, row, String::new());
                    let next = progress.failing.as_ref().map(|failing| failing.next_at);
                    prop_assert!(next.is_some_and(|next| next > now && !progress.is_due(now)));
                    now = next.unwrap_or(now);
                }
            }
            let expected: Vec<u64> = (1..=arrived.len() as u64).collect();
            prop_assert_eq!(arrived, expected);
        }
    }
}
