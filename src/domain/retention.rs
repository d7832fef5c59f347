//! What may be removed by age, and what may not.
//!
//! No law asks for it: HJ 630 and the transmission standard ask that raw records are kept, and how long a bureau keeps
//! minute values is its own policy. So everything is kept unless a number of days is set, and a removal changes no
//! figure: readings that a mean, an index or a published figure rests on stay, however old they are.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use chrono::NaiveDate;

use crate::domain::calendar::DAY_S;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;

/// Seconds of an hourly report.
const HOURLY_S: u32 = 3_600;
/// How long after the last finer value of an hour the hourly one may have come.
const FOLLOWS_S: i64 = HOUR_S;
/// Most days that may be asked for: a hundred years.
pub const DAYS_MAX: u32 = 36_525;

/// What can be removed by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Readings of intervals shorter than an hour, and momentary ones.
    Fine,
    /// Readings of an hour and longer that no figure rests on: other factors and statistics.
    Hourly,
    /// Values that were replaced.
    Revisions,
    /// Messages that could not be used when they came, but for those that wait for their source to be registered.
    DeadLetters,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fine, Self::Hourly, Self::Revisions, Self::DeadLetters];

    /// The text stored and printed.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Hourly => "hourly",
            Self::Revisions => "revisions",
            Self::DeadLetters => "dead_letters",
        }
    }

    /// From the text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// For how many days each kind is kept; `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    days: [Option<u32>; 4],
}

impl Policy {
    /// The policy with another number of days for a kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, days: Option<u32>) -> Self {
        self.days[kind as usize] = days;
        self
    }

    /// For how many days a kind is kept.
    pub fn days(self, kind: Kind) -> Option<u32> {
        self.days[kind as usize]
    }

    /// Whether anything may ever go.
    pub fn removes(self) -> bool {
        self.days.iter().any(Option::is_some)
    }

    /// Up to when a kind may go; never this year's or last year's.
    pub fn cut(self, kind: Kind, now: Instant, zone: Zone) -> Option<Instant> {
        let days = self.days(kind)?;
        let today = zone.local(now).date_naive();
        let year = NaiveDate::from_ymd_opt(today.year() - 1, 1, 1)?;
        Some(
            now.plus_s(-i64::from(days) * DAY_S)
                .min(zone.day_start(year)),
        )
    }
}

/// The kind that a column's readings are of; `None` when they never go.
pub fn kind_of(key: &SeriesKey) -> Option<Kind> {
    let mean = key.stat.as_str() == "avg" && Pollutant::from_key(key.factor.as_str()).is_some();
    match key.interval_s {
        0..HOURLY_S => Some(Kind::Fine),
        HOURLY_S if mean => None,
        _ => Some(Kind::Hourly),
    }
}

/// The hourly column that must hold the hours of a finer one before that may go; `None` when it makes no hours.
pub fn hours_of(key: &SeriesKey) -> Option<SeriesKey> {
    (1..HOURLY_S).contains(&key.interval_s).then(|| SeriesKey {
        stat: Stat::new("avg").expect("a statistic"),
        interval_s: HOURLY_S,
        ..key.clone()
    })
}

/// The end of the hour that a period ending at a time lies in.
pub fn hour_end(zone: Zone, ending: Instant) -> Instant {
    let offset = i64::from(zone.offset().local_minus_utc());
    let local = ending.plus_s(offset - 1).unix();
    Instant::from_unix((local.div_euclid(HOUR_S) + 1) * HOUR_S).plus_s(-offset)
}

/// Hours of an hourly column by their end, with when the value that counts was received.
pub fn hours(zone: Zone, hourly: &[(Instant, Reading)]) -> BTreeMap<Instant, Instant> {
    let usable = hourly
        .iter()
        .filter(|(_, reading)| reading.usable().is_some());
    usable
        .map(|(received_at, reading)| (hour_end(zone, reading.time), *received_at))
        .collect()
}

/// Whether figures do without finer readings, as known at any time: every hour that a usable one has a part in has a usable
/// hourly value, which came no later than an hour after the first of them, or after its end. Values that were replaced
/// are among them, for what was received first may have been corrected since.
pub fn do_without(
    zone: Zone,
    hours: &BTreeMap<Instant, Instant>,
    finer: &[(Instant, Reading)],
) -> bool {
    let mut first: BTreeMap<Instant, Instant> = BTreeMap::new();
    for (received_at, reading) in finer
        .iter()
        .filter(|(_, reading)| reading.usable().is_some())
    {
        let end = hour_end(zone, reading.time);
        let known = first.entry(end).or_insert(*received_at);
        *known = (*known).min(*received_at);
    }
    let followed = |(end, first): (&Instant, &Instant)| {
        let from = (*first).max(*end);
        hours
            .get(end)
            .is_some_and(|received_at| *received_at <= from.plus_s(FOLLOWS_S))
    };
    first.iter().all(followed)
}

/// What one step of a removal took out, kept for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// When the removal began; its steps share it.
    pub at: Instant,
    /// What was removed.
    pub kind: Kind,
    /// The policy: days that the kind is kept for.
    pub days: u32,
    /// Up to when, in the end.
    pub upto: Instant,
    /// Blocks of readings.
    pub blocks: u64,
    /// Readings in them.
    pub readings: u64,
    /// Replaced values, those of the readings included.
    pub revisions: u64,
    /// Messages.
    pub letters: u64,
    /// Tries of them.
    pub tries: u64,
}

impl Removal {
    /// One of nothing.
    pub fn none(at: Instant, kind: Kind, days: u32, upto: Instant) -> Self {
        Self {
            at,
            kind,
            days,
            upto,
            blocks: 0,
            readings: 0,
            revisions: 0,
            letters: 0,
            tries: 0,
        }
    }

    /// What was removed, in the unit of its kind.
    pub fn count(&self) -> u64 {
        match self.kind {
            Kind::Fine | Kind::Hourly => self.readings,
            Kind::Revisions => self.revisions,
            Kind::DeadLetters => self.letters,
        }
    }

    /// Whether another step belongs to the same removal.
    pub fn continues(&self, other: &Self) -> bool {
        (self.at, self.kind, self.days, self.upto) == (other.at, other.kind, other.days, other.upto)
    }

    /// Adds another step.
    pub fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.readings += other.readings;
        self.revisions += other.revisions;
        self.letters += other.letters;
        self.tries += other.tries;
    }
}

/// Why readings that are old enough stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays {
    /// Their hours rest on them.
    Hours,
    /// A reviewer decided about them.
    Reviewed,
    /// An order took some of them out, and the record of those is kept.
    Deleted,
    /// They are the newest of their series.
    Newest,
    /// Something waits to be merged with them.
    Waiting,
}

impl Stays {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Hours,
        Self::Reviewed,
        Self::Deleted,
        Self::Newest,
        Self::Waiting,
    ];

    /// The text printed.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hours => "hours_rest_on_them",
            Self::Reviewed => "reviewed",
            Self::Deleted => "holds_deleted",
            Self::Newest => "newest_of_series",
            Self::Waiting => "not_merged",
        }
    }
}

/// A stretch of time whose readings of one interval were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// After this.
    pub after: Instant,
    /// Up to and including this.
    pub upto: Instant,
    /// The interval of the readings.
    pub interval_s: u32,
}

#[cfg(test)]
mod tests;
