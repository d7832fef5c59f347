//! Score and tier of a unit over a stretch of days: what it was and, if nothing further is entered, what it will be.

use crate::domain::credit::Tier;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::tier::Reason;
use chrono::NaiveDate;

/// Days on end with one score and one tier under one rulebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Identifier of the rulebook.
    pub rulebook: String,
    /// Score.
    pub score: i32,
    /// Tier.
    pub tier: Tier,
    /// What it rests on, on its first day.
    pub reasons: Vec<Reason>,
}

/// The runs of the days `from` to `to`, both included, oldest first.
#[must_use]
pub fn runs(outlook: &Outlook<'_>, from: NaiveDate, to: NaiveDate) -> Vec<Run> {
    let run = |day: NaiveDate| {
        let standing = outlook.standing_on(day);
        Run {
            from: day,
            to,
            rulebook: outlook.on(day).0.id().to_owned(),
            score: standing.score,
            tier: standing.tier,
            reasons: standing.reasons,
        }
    };
    let mut runs: Vec<Run> = Vec::new();
    let edges = outlook.edges_after(from).into_iter();
    let days = std::iter::once(from).chain(edges.take_while(|edge| *edge <= to));
    for next in days.filter(|day| *day <= to).map(run) {
        match runs.last_mut() {
            Some(last)
                if (last.score, last.tier, &last.rulebook)
                    == (next.score, next.tier, &next.rulebook) => {}
            Some(last) => {
                last.to = next.from.pred_opt().unwrap_or(next.from);
                runs.push(next);
            }
            None => runs.push(next),
        }
    }
    runs
}
