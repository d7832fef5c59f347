//! One instrument value and what identifies it.
//!
//! The identity of a stored value is (source, factor, stat, time, interval). A second value under the same
//! identity is a correction, not a second reading.

use std::cmp::Ordering;

use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::units::Amount;

/// What a column of readings shares: the identity without its time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Who measured.
    pub source: SourceId,
    /// What.
    pub factor: Factor,
    /// Which statistic.
    pub stat: Stat,
    /// Averaging interval in seconds; 0 for a momentary value.
    pub interval_s: u32,
}

/// Whether a person has looked at the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Review {
    /// As received.
    Raw,
    /// Confirmed or corrected by a reviewer.
    Reviewed,
}

impl Review {
    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Reviewed => "reviewed",
        }
    }
}

/// Our own verdict on a value, beside the sender's flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qc {
    /// Nothing against it.
    Passed,
    /// Stamped further in the future than clocks may drift, or before 2000.
    Clock,
    /// Below zero, where nothing can be.
    Negative,
    /// More than any instrument shows.
    Range,
}

impl Qc {
    /// The text stored and printed.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Clock => "clock",
            Self::Negative => "negative",
            Self::Range => "range",
        }
    }

    /// From the stored text.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Passed, Self::Clock, Self::Negative, Self::Range]
            .into_iter()
            .find(|qc| qc.key() == key)
    }
}

/// One value at one time of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// End of the averaging period.
    pub time: Instant,
    /// The value; `None` when the sender reports that it has none.
    pub value: Option<Amount>,
    /// The sender's flag.
    pub flag: Flag,
    /// Our verdict.
    pub qc: Qc,
    /// Raw or reviewed.
    pub review: Review,
}

impl Reading {
    /// The value, if it may enter means: present, flagged normal and not excluded by QC.
    pub fn usable(&self) -> Option<Amount> {
        match self.qc {
            Qc::Passed if self.flag.is_normal() => self.value,
            _ => None,
        }
    }

    /// Whether this says nothing that `stored`, under the same identity, does not say: the same value and flag,
    /// not reviewed since. Our own verdict does not count, as it depends on when a message happens to arrive,
    /// and a redelivery must change nothing.
    pub fn repeats(&self, stored: &Reading) -> bool {
        let news = self.review == Review::Reviewed && stored.review == Review::Raw;
        self.value == stored.value && self.flag == stored.flag && !news
    }
}

/// A value that another replaced, or that an order took out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Its series.
    pub key: SeriesKey,
    /// What counted.
    pub reading: Reading,
    /// From when on it did.
    pub received_at: Instant,
    /// From when on it no longer did.
    pub replaced_at: Instant,
}

impl Replaced {
    /// The order of their times, then of their series; in which they counted, where they are of one reading.
    fn by_time(&self, other: &Self) -> Ordering {
        let order = self.reading.time.cmp(&other.reading.time);
        let order = order.then_with(|| self.key.cmp(&other.key));
        order.then(self.replaced_at.cmp(&other.replaced_at))
    }
}

/// Which replaced values are meant where there are more than asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Those of the first readings; those of one time stay together, so that a page can go on behind it.
    First,
    /// Those that were replaced last; of those replaced at one moment, those of the last readings.
    Latest,
}

/// Rows beyond twice the limit before those that are not meant are let go.
const SLACK: usize = 1_000;

/// Replaced values, of which so many are kept.
#[derive(Clone, Debug)]
pub struct Picked {
    pick: Pick,
    limit: usize,
    rows: Vec<Replaced>,
}

impl Picked {
    /// None so far.
    pub const fn new(pick: Pick, limit: usize) -> Self {
        Self {
            pick,
            limit,
            rows: Vec::new(),
        }
    }

    /// Adds one. Those of one reading come in the order in which they counted.
    pub fn push(&mut self, row: Replaced) {
        self.rows.push(row);
        let most = self.limit.saturating_mul(2).saturating_add(SLACK);
        if self.pick == Pick::Latest && self.rows.len() >= most {
            self.cut();
        }
    }

    /// Those that are meant, in the order of their times, then of their series, then in that in which they counted.
    pub fn into_rows(mut self) -> Vec<Replaced> {
        self.cut();
        self.rows.sort_by(Replaced::by_time);
        self.rows
    }

    fn cut(&mut self) {
        match self.pick {
            Pick::First => {
                self.rows.sort_by(Replaced::by_time);
                let last = self.limit.checked_sub(1).map(|at| self.rows.get(at));
                let more = match last {
                    None => 0,
                    Some(None) => return,
                    Some(Some(last)) => {
                        let time = last.reading.time;
                        self.rows.partition_point(|row| row.reading.time <= time)
                    }
                };
                self.rows.truncate(more);
            }
            Pick::Latest => {
                self.rows
                    .sort_by(|a, b| a.replaced_at.cmp(&b.replaced_at).then(a.by_time(b)));
                let more = self.rows.len().saturating_sub(self.limit);
                self.rows.drain(..more);
            }
        }
    }
}

/// A reading together with the series it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its series.
    pub key: SeriesKey,
    /// Its value.
    pub reading: Reading,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivery_says_nothing_new_whenever_it_arrives() {
        let stored = Reading {
            time: Instant::from_unix(0),
            value: Some(Amount::from_units(10)),
            flag: Flag::normal(),
            qc: Qc::Passed,
            review: Review::Raw,
        };
        let reviewed = Reading {
            review: Review::Reviewed,
            ..stored.clone()
        };
        let late = Reading {
            qc: Qc::Clock,
            ..stored.clone()
        };
        assert!(stored.repeats(&stored) && late.repeats(&stored) && stored.repeats(&late));
        assert!(stored.repeats(&reviewed), "raw again after a review");
        assert!(!reviewed.repeats(&stored), "the review itself");
        assert!(
            !Reading {
                value: None,
                ..stored.clone()
            }
            .repeats(&stored)
        );
        let flagged = Flag::new("M").expect("a flag");
        assert!(
            !Reading {
                flag: flagged,
                ..stored.clone()
            }
            .repeats(&stored)
        );
    }
}
