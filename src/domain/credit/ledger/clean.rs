//! Points for clean months under a commitment, as the interim rule of 2019 gave them.
//!
//! The published wording is "one more point for a clean year, two for two, given a commitment". Read here: months count
//! from the first day on which a commitment stands and no deduction is in force, they begin anew once a deduction
//! ends, and a commitment renewed without a gap goes on counting. What is earned lasts while the unit is clean, also when the
//! commitment has run its term: else two clean years, which are its whole term, would earn nothing. A commitment that is
//! revoked takes with it what it earned.

use crate::domain::credit::ledger::History;
use crate::domain::credit::ledger::Span;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::CleanStep;
use crate::domain::credit::rulebook::Rulebook;
use chrono::Months;
use chrono::NaiveDate;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound::Excluded;
use std::ops::Bound::Unbounded;

/// Commitments that follow each other without a gap.
struct Commitment {
    span: Span,
    /// Whether it ended before its term.
    revoked: bool,
}

/// Days that are free of deductions under one commitment, or several without a gap.
struct Stretch<'a> {
    commitment: &'a Commitment,
    start: NaiveDate,
    /// The day on which months cease to count.
    end: Option<NaiveDate>,
    /// The day on which what was earned is lost.
    lost: Option<NaiveDate>,
}

/// The bonus spans that clean months earn.
pub(super) fn spans(history: &History, rulebook: &Rulebook) -> Vec<Span> {
    let mut earned = Vec::new();
    for row in rulebook.parts().bonuses.iter().filter(|row| row.enabled) {
        let BonusEffect::Clean { commitment, steps } = &row.effect else {
            continue;
        };
        let stood = history.commitments.iter();
        let stood = stood.filter(|span| span.code == *commitment);
        let commitments = joined(stood.map(|span| one(span, rulebook)).collect());
        let mut of_row: Vec<Span> = Vec::new();
        for stretch in stretches(&commitments, history) {
            for (start, step, end) in reached(&stretch, steps) {
                let span = Span {
                    id: stretch.commitment.span.id.clone(),
                    code: row.code.clone(),
                    points: step.points.value,
                    start,
                    end,
                    mark: stretch.commitment.span.mark.weaker(step.points.mark),
                };
                of_row.push(span);
            }
        }
        earned.extend(highest(&of_row));
    }
    earned
}

/// The steps whose months were all clean, each from the day on which they were over to the next step.
fn reached<'a>(
    stretch: &Stretch<'_>,
    steps: &'a [CleanStep],
) -> Vec<(NaiveDate, &'a CleanStep, Option<NaiveDate>)> {
    let over = |step: &CleanStep| stretch.start.checked_add_months(Months::new(step.months));
    let in_time = |day: &NaiveDate| stretch.end.is_none_or(|end| *day <= end);
    let days: Vec<(NaiveDate, &CleanStep)> = steps
        .iter()
        .filter_map(|step| Some((over(step).filter(in_time)?, step)))
        .collect();
    let ends = days.iter().skip(1).map(|(day, _)| Some(*day));
    let ends = ends.chain([None]).map(|next| earliest(next, stretch.lost));
    days.iter()
        .zip(ends)
        .map(|((day, step), end)| (*day, *step, end))
        .filter(|(day, _, end)| end.is_none_or(|end| *day < end))
        .collect()
}

/// On each day the most points alone: what one stretch has earned does not add to what another has.
fn highest(earned: &[Span]) -> Vec<Span> {
    let starts = earned.iter().map(|span| span.start);
    let ends = earned.iter().filter_map(|span| span.end);
    let edges: BTreeSet<NaiveDate> = starts.chain(ends).collect();
    let mut highest: Vec<Span> = Vec::new();
    for from in &edges {
        let active = earned.iter().filter(|span| span.covers(*from));
        let Some(most) = active.max_by_key(|span| (span.points, Reverse(span.start))) else {
            continue;
        };
        let end = edges.range((Excluded(from), Unbounded)).next().copied();
        let goes_on = |before: &&mut Span| {
            before.end == Some(*from) && before.points == most.points && before.id == most.id
        };
        match highest.last_mut().filter(goes_on) {
            Some(before) => before.end = end,
            None => highest.push(Span {
                start: *from,
                end,
                ..most.clone()
            }),
        }
    }
    highest
}

fn earliest(one: Option<NaiveDate>, other: Option<NaiveDate>) -> Option<NaiveDate> {
    one.into_iter().chain(other).min()
}

/// A single commitment.
fn one(span: &Span, rulebook: &Rulebook) -> Commitment {
    let row = rulebook.bonus(&span.code);
    let term = row.map(|row| rulebook.end_of(span.start, &row.term).0);
    Commitment {
        span: span.clone(),
        revoked: span.end < term,
    }
}

/// Commitments that follow each other without a gap as one.
fn joined(mut stood: Vec<Commitment>) -> Vec<Commitment> {
    stood.sort_by(|a, b| (a.span.start, &a.span.id).cmp(&(b.span.start, &b.span.id)));
    let mut joined: Vec<Commitment> = Vec::new();
    for next in stood {
        match joined.last_mut() {
            Some(last) if last.span.end.is_none_or(|end| next.span.start <= end) => {
                last.span.mark = last.span.mark.weaker(next.span.mark);
                if next.span.end > last.span.end {
                    last.span.end = next.span.end;
                    last.revoked = next.revoked;
                } else if next.span.end == last.span.end {
                    last.revoked &= next.revoked;
                }
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// The commitments less the days on which a deduction is in force.
fn stretches<'a>(commitments: &'a [Commitment], history: &History) -> Vec<Stretch<'a>> {
    let mut taken: Vec<&Span> = history.deductions.iter().map(|(_, span)| span).collect();
    taken.sort_by_key(|span| span.start);
    let mut free = Vec::new();
    for commitment in commitments {
        let term = commitment.span.end;
        let mut from = Some(commitment.span.start);
        let mut push = |start: NaiveDate, deduction: Option<NaiveDate>| {
            let end = earliest(term, deduction);
            if end.is_none_or(|end| start < end) {
                free.push(Stretch {
                    commitment,
                    start,
                    end,
                    lost: earliest(deduction, term.filter(|_| commitment.revoked)),
                });
            }
        };
        for span in &taken {
            let Some(start) = from else { break };
            if span.end.is_some_and(|end| end <= start) {
                continue;
            }
            push(start, Some(span.start));
            from = span.end.map(|end| end.max(start));
        }
        if let Some(start) = from {
            push(start, None);
        }
    }
    free
}
