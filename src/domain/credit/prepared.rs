//! A unit's tier on every day, worked out once, for those who ask about many units or often.
//!
//! What is kept is what [`rate`](crate::domain::credit::tier::rate) would answer with every entry known, day by day, and
//! how the unit stood at the snapshots of the tariffs as known then. A question about an earlier knowledge than that is
//! not answered from here but worked out anew; a law in `tests/it/tier_laws.rs` holds both ways equal.

use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::disclosure::in_the_open;
use crate::domain::credit::disclosure::open_from;
use crate::domain::credit::ledger::fault::LedgerError;
use crate::domain::credit::snapshot::midnight;
use crate::domain::credit::snapshot::snapshot_before;
use crate::domain::credit::tier::Bare;
use crate::domain::credit::tier::NextChange;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::tier::rating;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::borrow::Cow;

/// Snapshots kept of a unit, the newest; older ones are worked out when asked for.
const SNAPSHOTS_MAX: usize = 4;

/// A unit's tier on every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// When the last entry was captured; `None` without entries.
    newest: Option<DateTime<FixedOffset>>,
    /// The day by which every entry acts, and nothing is withheld from readers outside; `None` without entries.
    open_by: Option<NaiveDate>,
    /// How the unit stands from a day on, all entries known; the first for ever before the second.
    steps: Box<[(NaiveDate, Bare)]>,
    /// How it stood at the end of a snapshot's day as known then, where later entries are known now.
    snapshots: Box<[(NaiveDate, Bare)]>,
}

/// What a unit's tier is, without the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief {
    /// Score, tier and mark.
    pub now: Bare,
    /// What comes next.
    pub next_change: Option<NextChange>,
}

impl Prepared {
    /// Works out every day of a unit from its entries.
    ///
    /// # Errors
    ///
    /// A code a rulebook of the schedule does not have or has switched off.
    pub fn new(events: &[CreditEvent], schedule: &Schedule<'_>) -> Result<Prepared, LedgerError> {
        let outlook = Outlook::new(events, schedule, None)?;
        let days = std::iter::once(NaiveDate::MIN).chain(outlook.edges_after(NaiveDate::MIN));
        let mut steps: Vec<(NaiveDate, Bare)> = Vec::new();
        for day in days {
            let bare = outlook.bare_on(day);
            if steps.last().is_none_or(|(_, last)| *last != bare) {
                steps.push((day, bare));
            }
        }
        let newest = events.iter().map(|event| event.captured_at).max();
        let mut snapshots = Vec::new();
        let mut snapshot = newest.map(|newest| {
            let here = newest.with_timezone(&Zone::beijing().offset());
            snapshot_before(here.date_naive())
        });
        while let Some(day) = snapshot.filter(|_| snapshots.len() < SNAPSHOTS_MAX) {
            let known = midnight(day);
            if newest.is_some_and(|newest| newest > known) {
                snapshots.push((day, bare(events, schedule, day, known)?));
            }
            let earlier = events.iter().any(|event| event.captured_at <= known);
            snapshot = earlier.then(|| snapshot_before(day));
        }
        let open_by = events.iter();
        let open_by = open_by.filter_map(|event| open_from(event, events, schedule));
        Ok(Prepared {
            newest,
            open_by: open_by.max(),
            steps: steps.into(),
            snapshots: snapshots.into(),
        })
    }

    /// Whether nothing was captured after an instant, so that what is known now was known then.
    fn all_known(&self, known_at: Option<DateTime<FixedOffset>>) -> bool {
        match (known_at, self.newest) {
            (Some(known_at), Some(newest)) => newest <= known_at,
            _ => true,
        }
    }

    fn step(&self, day: NaiveDate) -> Bare {
        let behind = self.steps.partition_point(|(from, _)| *from <= day);
        self.steps[behind.saturating_sub(1)].1
    }

    fn next_change(&self, day: NaiveDate) -> Option<NextChange> {
        let now = self.step(day);
        let behind = self.steps.partition_point(|(from, _)| *from <= day);
        let mut later = self.steps[behind..].iter();
        let next = later.find(|(_, then)| !then.same_tier(now));
        next.map(|(date, then)| NextChange {
            date: *date,
            score: then.score,
            tier: then.tier,
        })
    }
}

/// A unit's entries, and every day of it where that was worked out.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// The entries.
    pub events: &'a [CreditEvent],
    /// Every day, all of them known; `None` where nobody worked it out.
    pub prepared: Option<&'a Prepared>,
}

impl<'a> Unit<'a> {
    /// A unit of which nothing was worked out.
    #[must_use]
    pub fn of(events: &'a [CreditEvent]) -> Unit<'a> {
        Unit {
            events,
            prepared: None,
        }
    }

    /// The unit as readers outside the authority see it at an instant: without what does not act yet.
    #[must_use]
    pub fn seen_outside(
        &self,
        schedule: &Schedule<'_>,
        known_at: DateTime<FixedOffset>,
    ) -> Seen<'a> {
        let here = known_at.with_timezone(&Zone::beijing().offset());
        let all_acts = |days: &&Prepared| days.open_by.is_none_or(|day| day <= here.date_naive());
        if self.prepared.filter(all_acts).is_some() {
            return Seen::whole(*self);
        }
        let events = in_the_open(self.events, schedule, known_at);
        let whole = matches!(events, Cow::Borrowed(_));
        Seen {
            events,
            prepared: self.prepared.filter(|_| whole),
        }
    }

    fn every_day(&self, known_at: Option<DateTime<FixedOffset>>) -> Option<&'a Prepared> {
        self.prepared.filter(|days| days.all_known(known_at))
    }

    /// As [`rate`](crate::domain::credit::tier::rate).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn rate(
        &self,
        schedule: &Schedule<'_>,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Rating, LedgerError> {
        let Some(days) = self.every_day(known_at) else {
            return crate::domain::credit::tier::rate(self.events, schedule, on, known_at);
        };
        let outlook = Outlook::of_day(self.events, schedule, on, known_at)?;
        let next = days.next_change(on);
        Ok(rating(self.events, &outlook, on, known_at, next))
    }

    /// The same without the reasons.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn brief(
        &self,
        schedule: &Schedule<'_>,
        on: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Brief, LedgerError> {
        if let Some(days) = self.every_day(known_at) {
            return Ok(Brief {
                now: days.step(on),
                next_change: days.next_change(on),
            });
        }
        let rating = crate::domain::credit::tier::rate(self.events, schedule, on, known_at)?;
        let now = Bare {
            score: rating.score,
            tier: rating.tier,
            confidence: rating.confidence,
        };
        Ok(Brief {
            now,
            next_change: rating.next_change,
        })
    }

    /// How the unit stood at the end of a day as known at an instant.
    ///
    /// # Errors
    ///
    /// A code the day's rulebook does not have or has switched off.
    pub fn stood(
        &self,
        schedule: &Schedule<'_>,
        on: NaiveDate,
        known_at: DateTime<FixedOffset>,
    ) -> Result<Bare, LedgerError> {
        if let Some(days) = self.every_day(Some(known_at)) {
            return Ok(days.step(on));
        }
        let kept = self.prepared.filter(|_| known_at == midnight(on));
        let kept = kept.and_then(|days| days.snapshots.iter().find(|(day, _)| *day == on));
        match kept {
            Some((_, bare)) => Ok(*bare),
            None => bare(self.events, schedule, on, known_at),
        }
    }
}

/// A unit as somebody may see it.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    events: Cow<'a, [CreditEvent]>,
    prepared: Option<&'a Prepared>,
}

impl<'a> Seen<'a> {
    /// All of it.
    #[must_use]
    pub fn whole(unit: Unit<'a>) -> Seen<'a> {
        Seen {
            events: Cow::Borrowed(unit.events),
            prepared: unit.prepared,
        }
    }

    /// What is seen.
    #[must_use]
    pub fn unit(&self) -> Unit<'_> {
        Unit {
            events: &self.events,
            prepared: self.prepared,
        }
    }
}

fn bare(
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
    on: NaiveDate,
    known_at: DateTime<FixedOffset>,
) -> Result<Bare, LedgerError> {
    Ok(Outlook::of_day(events, schedule, on, Some(known_at))?.bare_on(on))
}
