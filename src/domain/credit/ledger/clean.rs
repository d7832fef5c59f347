//! Points for clean months under a commitment, as the interim rule of 2019 gave them.
//!
//! The published wording is "one more point for a clean year, two for two, given a commitment". Read here: months count
//! from the first day on which a commitment stands and no deduction is in force, they begin anew once a deduction
//! ends, and a commitment renewed without a gap goes on counting.

use crate::domain::credit::ledger::History;
use crate::domain::credit::ledger::Span;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::Rulebook;
use chrono::Months;
use chrono::NaiveDate;

/// Days that are free of deductions under one commitment, or several without a gap.
struct Stretch {
    id: String,
    start: NaiveDate,
    end: Option<NaiveDate>,
    commitment: Span,
}

/// The bonus spans that clean months earn.
pub(super) fn spans(history: &History, rulebook: &Rulebook) -> Vec<Span> {
    let mut earned = Vec::new();
    for row in rulebook.parts().bonuses.iter().filter(|row| row.enabled) {
        let BonusEffect::Clean { commitment, steps } = &row.effect else {
            continue;
        };
        let stood = history.commitments.iter();
        let stood: Vec<&Span> = stood.filter(|span| span.code == *commitment).collect();
        for stretch in stretches(joined(stood), history) {
            for (at, step) in steps.iter().enumerate() {
                let after = |months| stretch.start.checked_add_months(Months::new(months));
                let next = steps.get(at + 1).and_then(|next| after(next.months));
                let (Some(start), end) = (after(step.months), earliest(stretch.end, next)) else {
                    continue;
                };
                if end.is_none_or(|end| start < end) {
                    earned.push(Span {
                        id: stretch.id.clone(),
                        code: row.code.clone(),
                        points: step.points.value,
                        start,
                        end,
                        mark: stretch.commitment.mark.weaker(step.points.mark),
                    });
                }
            }
        }
    }
    earned
}

fn earliest(one: Option<NaiveDate>, other: Option<NaiveDate>) -> Option<NaiveDate> {
    one.into_iter().chain(other).min()
}

/// Commitments that follow each other without a gap as one.
fn joined(mut stood: Vec<&Span>) -> Vec<Span> {
    stood.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    let mut joined: Vec<Span> = Vec::new();
    for span in stood {
        match joined.last_mut() {
            Some(last) if last.end.is_none_or(|end| span.start <= end) => {
                last.end = match (last.end, span.end) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    _ => None,
                };
                last.mark = last.mark.weaker(span.mark);
            }
            _ => joined.push(span.clone()),
        }
    }
    joined
}

/// The commitments less the days on which a deduction is in force.
fn stretches(commitments: Vec<Span>, history: &History) -> Vec<Stretch> {
    let mut taken: Vec<&Span> = history.deductions.iter().map(|(_, span)| span).collect();
    taken.sort_by_key(|span| span.start);
    let mut free = Vec::new();
    for commitment in commitments {
        let mut from = Some(commitment.start);
        let mut push = |start: NaiveDate, end: Option<NaiveDate>| {
            if end.is_none_or(|end| start < end) {
                free.push(Stretch {
                    id: commitment.id.clone(),
                    start,
                    end,
                    commitment: commitment.clone(),
                });
            }
        };
        for span in &taken {
            let Some(start) = from else { break };
            if span.end.is_some_and(|end| end <= start) {
                continue;
            }
            push(start, earliest(commitment.end, Some(span.start)));
            from = span.end.map(|end| end.max(start));
        }
        if let Some(start) = from {
            push(start, commitment.end);
        }
    }
    free
}
