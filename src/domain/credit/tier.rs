//! The tier of a unit on a day: a pure function of its entries, the rulebook, the day and what was known.
//!
//! The sum follows the Jiangsu rule's shape: the initial score, plus bonuses in force, less what each case
//! takes, never above the scale; then a leader's floor; then the colour of the band. The worse of that colour
//! and any forced one holds, and a unit that stands still is unrated whatever its score.
//!
//! Decisions where the published text is silent:
//! - A unit is rated from the initial score whether or not its listing has been entered; entries may reach the
//!   ledger in any order, and a missing listing must not hide a fine.
//! - An order or warning is absorbed on the days another document of its case is in force. So a further
//!   document never raises the score of any day.
//! - A score below zero is shown as it is.
//! - The points of the reasons and the initial score add up to the score. Where a cap, the top of the scale or
//!   the choice of the heaviest document changes the sum, a reason of its own says by how much.
//! - The confidence is the weakest mark among the initial score, the band, every reason, and the stacking rule
//!   on days it decided something. Figures of entries that have ended are not counted.

use crate::domain::credit::Confidence;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::Tier;
use crate::domain::credit::ledger::History;
use crate::domain::credit::ledger::Span;
use crate::domain::credit::ledger::fault::LedgerError;
use crate::domain::credit::official;
use crate::domain::credit::official::Official;
use crate::domain::credit::official::standing_on;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::Stacking;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::collections::BTreeSet;

/// Reason code of points given back because one case took more than its cap.
pub const CASE_CAP: &str = "case_cap";
/// Reason code of points that do not fit under the top of the scale.
pub const SCALE_MAX: &str = "scale_max";

/// Which rulebook holds on which day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule<'a> {
    first: &'a Rulebook,
    later: Vec<(NaiveDate, &'a Rulebook)>,
}

impl<'a> Schedule<'a> {
    /// One rulebook for every day.
    #[must_use]
    pub fn single(rulebook: &'a Rulebook) -> Schedule<'a> {
        Schedule {
            first: rulebook,
            later: Vec::new(),
        }
    }

    /// The earliest rulebook for all days up to the next one's first day in force, and so on; `None` without any.
    #[must_use]
    pub fn by_date(rulebooks: &[&'a Rulebook]) -> Option<Schedule<'a>> {
        let mut sorted = rulebooks.to_vec();
        sorted.sort_by_key(|rulebook| rulebook.parts().in_force_from);
        let (first, later) = sorted.split_first()?;
        let later = later
            .iter()
            .map(|rulebook| (rulebook.parts().in_force_from, *rulebook));
        Some(Schedule {
            first,
            later: later.collect(),
        })
    }

    /// The rulebook of a day.
    #[must_use]
    pub fn on(&self, day: NaiveDate) -> &'a Rulebook {
        let newest = self.later.iter().rev().find(|(from, _)| *from <= day);
        newest.map_or(self.first, |(_, rulebook)| rulebook)
    }

    /// Every rulebook with its first day; the first has held for ever.
    fn entries(&self) -> impl Iterator<Item = (NaiveDate, &'a Rulebook)> {
        std::iter::once((NaiveDate::MIN, self.first)).chain(self.later.iter().copied())
    }
}

/// Why the score or the tier is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The entry; for a case's cap the case, for the top of the scale the code itself.
    pub id: String,
    /// Row of the rulebook, [`CASE_CAP`] or [`SCALE_MAX`].
    pub code: String,
    /// Points, signed.
    pub points: i32,
    /// First day it acts.
    pub start: NaiveDate,
    /// The day after the last; `None` while no end is known.
    pub end: Option<NaiveDate>,
    /// Weakest mark behind it.
    pub confidence: Confidence,
}

/// The next day on which score or tier differ, if nothing further is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextChange {
    /// The day.
    pub date: NaiveDate,
    /// Score from that day.
    pub score: i32,
    /// Tier from that day.
    pub tier: Tier,
}

/// The computed tier of a unit on a day, with everything needed to explain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// The day, to its end.
    pub on: NaiveDate,
    /// What was known; `None`: every entry held.
    pub known_at: Option<DateTime<FixedOffset>>,
    /// Identifier of the rulebook.
    pub rulebook: String,
    /// Digest of the rulebook's file.
    pub rulebook_sha256: String,
    /// Score, negative where deductions outweigh it.
    pub score: i32,
    /// Colour, or unrated.
    pub tier: Tier,
    /// Weakest mark among what the answer rests on.
    pub confidence: Confidence,
    /// Why, oldest first.
    pub reasons: Vec<Reason>,
    /// What comes next.
    pub next_change: Option<NextChange>,
    /// The authority's own tier, beside the computed one.
    pub official: Option<Official>,
}

/// Rates one unit at the end of the day `on`, as known at `known_at` (all entries, when `None`).
///
/// `events` are the entries of this unit, in any order. The next change looks ahead through the schedule,
/// so a change of rulebook counts as one.
///
/// # Errors
///
/// A code a rulebook of the schedule does not have or has switched off.
pub fn rate(
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Result<Rating, LedgerError> {
    let outlook = Outlook::new(events, schedule, known_at)?;
    let now = outlook.bare_on(on);
    let edges = outlook.edges_after(on).into_iter();
    let mut then = edges.map(|date| (date, outlook.bare_on(date)));
    let next_change = then.find(|(_, then)| !then.same_tier(now));
    let next_change = next_change.map(|(date, then)| NextChange {
        date,
        score: then.score,
        tier: then.tier,
    });
    Ok(rating(events, &outlook, on, known_at, next_change))
}

/// A rating out of the entries folded under the rulebook of the day at least, with what comes next told by whoever knows.
pub(super) fn rating(
    events: &[CreditEvent],
    outlook: &Outlook<'_>,
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
    next_change: Option<NextChange>,
) -> Rating {
    let (rulebook, _) = outlook.on(on);
    let now = outlook.standing_on(on);
    Rating {
        on,
        known_at,
        rulebook: rulebook.id().to_owned(),
        rulebook_sha256: rulebook.sha256().to_owned(),
        score: now.score,
        tier: now.tier,
        confidence: now.confidence,
        reasons: now.reasons,
        next_change,
        official: official::current(events, on, known_at),
    }
}

/// The entries of one unit as known at one instant, folded under every rulebook of a schedule.
#[derive(Debug)]
pub struct Outlook<'a> {
    histories: Vec<(NaiveDate, &'a Rulebook, History)>,
}

impl<'a> Outlook<'a> {
    /// Folds the entries.
    ///
    /// # Errors
    ///
    /// A code a rulebook of the schedule does not have or has switched off.
    pub fn new(
        events: &[CreditEvent],
        schedule: &Schedule<'a>,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Outlook<'a>, LedgerError> {
        let mut histories = Vec::new();
        for (from, rulebook) in schedule.entries() {
            histories.push((from, rulebook, History::fold(events, rulebook, known_at)?));
        }
        Ok(Outlook { histories })
    }

    /// Folds the entries under the rulebook of one day, for questions about that day alone.
    ///
    /// # Errors
    ///
    /// As [`Outlook::new`].
    pub fn of_day(
        events: &[CreditEvent],
        schedule: &Schedule<'a>,
        day: NaiveDate,
        known_at: Option<DateTime<FixedOffset>>,
    ) -> Result<Outlook<'a>, LedgerError> {
        Outlook::new(events, &Schedule::single(schedule.on(day)), known_at)
    }

    /// The rulebook of a day, and the spans it makes of the entries.
    #[must_use]
    pub fn on(&self, day: NaiveDate) -> (&'a Rulebook, &History) {
        let held = self
            .histories
            .iter()
            .rev()
            .find(|(from, _, _)| *from <= day);
        let (_, rulebook, history) = held.expect("the first rulebook holds from the first day");
        (rulebook, history)
    }

    /// Score, tier and reasons of a day.
    #[must_use]
    pub fn standing_on(&self, day: NaiveDate) -> Standing {
        let (rulebook, history) = self.on(day);
        let mut grounds = Vec::new();
        let bare = weigh(history, rulebook, day, &mut grounds);
        grounds.sort_by(|a, b| (a.start, a.code, a.id).cmp(&(b.start, b.code, b.id)));
        Standing {
            score: bare.score,
            tier: bare.tier,
            confidence: bare.confidence,
            reasons: grounds.into_iter().map(Ground::told).collect(),
        }
    }

    /// Score and tier of a day.
    #[must_use]
    pub fn bare_on(&self, day: NaiveDate) -> Bare {
        let (rulebook, history) = self.on(day);
        weigh(history, rulebook, day, &mut Vec::new())
    }

    /// The authority's tier that was current on a day.
    #[must_use]
    pub fn official_on(&self, day: NaiveDate) -> Option<Official> {
        let (_, _, history) = self.histories.first()?;
        standing_on(history.officials.iter().map(|(at, told)| (*at, told)), day)
    }

    /// Later days on which something may change, in order.
    #[must_use]
    pub fn edges_after(&self, day: NaiveDate) -> BTreeSet<NaiveDate> {
        let starts = self.histories.iter().map(|(from, _, _)| *from);
        let edges = self
            .histories
            .iter()
            .flat_map(|(_, _, history)| history.spans())
            .flat_map(|span| std::iter::once(span.start).chain(span.end));
        starts.chain(edges).filter(|edge| *edge > day).collect()
    }
}

/// How a unit stands on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Score.
    pub score: i32,
    /// Colour, or unrated.
    pub tier: Tier,
    /// Weakest mark among what it rests on.
    pub confidence: Confidence,
    /// Why, oldest first.
    pub reasons: Vec<Reason>,
}

/// How a unit stands on a day, without the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare {
    /// Score.
    pub score: i32,
    /// Colour, or unrated.
    pub tier: Tier,
    /// Weakest mark among what it rests on.
    pub confidence: Confidence,
}

impl Bare {
    /// Whether score and tier are the same, whatever they rest on.
    #[must_use]
    pub fn same_tier(self, other: Bare) -> bool {
        (self.score, self.tier) == (other.score, other.tier)
    }
}

/// A reason that borrows its texts.
#[derive(Debug, Clone, Copy)]
struct Ground<'h> {
    id: &'h str,
    code: &'h str,
    points: i32,
    start: NaiveDate,
    end: Option<NaiveDate>,
    confidence: Confidence,
}

impl<'h> Ground<'h> {
    fn of(span: &'h Span) -> Ground<'h> {
        Ground {
            id: &span.id,
            code: span.code.as_str(),
            points: span.points,
            start: span.start,
            end: span.end,
            confidence: span.mark,
        }
    }

    fn told(self) -> Reason {
        Reason {
            id: self.id.to_owned(),
            code: self.code.to_owned(),
            points: self.points,
            start: self.start,
            end: self.end,
            confidence: self.confidence,
        }
    }
}

/// Score and tier of a day; its grounds go into the list, which is empty before.
fn weigh<'h>(
    history: &'h History,
    rulebook: &Rulebook,
    day: NaiveDate,
    grounds: &mut Vec<Ground<'h>>,
) -> Bare {
    let parts = rulebook.parts();
    let mut confidence = parts.initial.mark;
    add_bonuses(history, rulebook, day, grounds);
    confidence = confidence.weaker(add_cases(history, rulebook, day, grounds));
    let points = |grounds: &[Ground<'_>]| grounds.iter().map(|ground| ground.points).sum::<i32>();
    let over = parts.initial.value + points(grounds) - parts.scale_max.value;
    if over > 0 {
        grounds.push(top_of_scale(grounds, over, parts.scale_max.mark, day));
    }
    let below = parts.initial.value + points(grounds);
    if let Some(leader) = highest_floor(history, day) {
        let lift = (leader.points - below).max(0);
        grounds.push(Ground {
            points: lift,
            ..Ground::of(leader)
        });
    }
    let score = parts.initial.value + points(grounds);
    let (mut tier, band_mark) = rulebook.band(score);
    for (forced, span) in history.forced.iter().filter(|(_, span)| span.covers(day)) {
        tier = tier.max(*forced);
        grounds.push(Ground::of(span));
    }
    for span in history.unrated.iter().filter(|span| span.covers(day)) {
        tier = Tier::Unrated;
        grounds.push(Ground::of(span));
    }
    assert!(score <= parts.scale_max.value, "a score above the scale");
    let marks = grounds.iter().map(|ground| ground.confidence);
    let confidence = marks.fold(confidence.weaker(band_mark), Confidence::weaker);
    Bare {
        score,
        tier,
        confidence,
    }
}

/// Bonuses in force; of each row the longest lasting, as many as may count at once.
fn add_bonuses<'h>(
    history: &'h History,
    rulebook: &Rulebook,
    day: NaiveDate,
    grounds: &mut Vec<Ground<'h>>,
) {
    for row in &rulebook.parts().bonuses {
        let of_row = |span: &&Span| span.code == row.code && span.covers(day);
        let mut active: Vec<&Span> = history.bonuses.iter().filter(of_row).collect();
        let limited = active.len() > row.max_active.value as usize;
        active.sort_by_key(|span| (std::cmp::Reverse(span.end), span.start, &span.id));
        for span in active.into_iter().take(row.max_active.value as usize) {
            let mut given = Ground::of(span);
            if limited {
                given.confidence = given.confidence.weaker(row.max_active.mark);
            }
            grounds.push(given);
        }
    }
}

/// What the cases take, and the mark of the stacking rule where it decided something.
fn add_cases<'h>(
    history: &'h History,
    rulebook: &Rulebook,
    day: NaiveDate,
    grounds: &mut Vec<Ground<'h>>,
) -> Confidence {
    let covering = history.deductions.iter();
    let mut covering: Vec<_> = covering.filter(|(_, span)| span.covers(day)).collect();
    covering.sort_by_key(|(case, _)| case);
    let mut mark = Confidence::V;
    for of_case in covering.chunk_by(|(one, _), (other, _)| one == other) {
        let (case, _) = of_case[0];
        let mut active: Vec<&Span> = of_case.iter().map(|(_, span)| span).collect();
        mark = mark.weaker(stacking_mark(&active, rulebook));
        match rulebook.parts().stacking.value {
            Stacking::AbsorbThenSum => absorb(&mut active, rulebook),
            Stacking::MaxOnly => {
                active.sort_by(|a, b| (a.points, b.end, &a.id).cmp(&(b.points, a.end, &b.id)));
                active.truncate(1);
            }
        }
        let cap = &rulebook.parts().case_cap;
        let over = -active.iter().map(|span| span.points).sum::<i32>() - cap.value;
        grounds.extend(active.iter().map(|span| Ground::of(span)));
        if over > 0 {
            grounds.push(Ground {
                id: case.as_str(),
                code: CASE_CAP,
                points: over,
                start: active.iter().map(|span| span.start).max().unwrap_or(day),
                end: active.iter().filter_map(|span| span.end).min(),
                confidence: cap.mark,
            });
        }
    }
    mark
}

/// Leaves out orders and warnings beside any other document of the case.
fn absorb(active: &mut Vec<&Span>, rulebook: &Rulebook) {
    let absorbed = &rulebook.parts().absorbed;
    if active.iter().any(|span| !absorbed.contains(&span.code)) {
        active.retain(|span| !absorbed.contains(&span.code));
    }
}

/// The mark of the stacking rule, unless the case holds one document, or one row that by its own wording
/// contains all the others.
fn stacking_mark(active: &[&Span], rulebook: &Rulebook) -> Confidence {
    let contains_rest = active.iter().any(|span| {
        let Some(row) = rulebook.deduction(&span.code) else {
            return false;
        };
        let others = active.iter().filter(|other| other.id != span.id);
        others
            .into_iter()
            .all(|other| row.includes.contains(&other.code))
    });
    if contains_rest {
        Confidence::V
    } else {
        rulebook.parts().stacking.mark
    }
}

fn top_of_scale<'h>(
    grounds: &[Ground<'h>],
    over: i32,
    mark: Confidence,
    day: NaiveDate,
) -> Ground<'h> {
    let given = || grounds.iter().filter(|ground| ground.points > 0);
    Ground {
        id: SCALE_MAX,
        code: SCALE_MAX,
        points: -over,
        start: given().map(|ground| ground.start).max().unwrap_or(day),
        end: given().filter_map(|ground| ground.end).min(),
        confidence: mark,
    }
}

fn highest_floor(history: &History, day: NaiveDate) -> Option<&Span> {
    let active = history.leaders.iter().filter(|span| span.covers(day));
    active.max_by_key(|span| (span.points, span.end, std::cmp::Reverse(&span.id)))
}
