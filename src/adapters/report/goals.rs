//! How a year stands against another authority's goals, and the states concentrations are given at, as JSON.

use serde_json::Value;

use crate::adapters::report::amount;
use crate::adapters::report::unrounded;
use crate::domain::assessment::Assessment;
use crate::domain::comparison::GoalStanding;
use crate::domain::standards::Editions;
use crate::domain::standards::ReferenceState;
use crate::domain::standards::goal::Judged;

/// One goal of a comparison profile.
pub(super) fn goal_json(standing: &GoalStanding) -> Value {
    let goal = &standing.goal;
    let (judged, allowed) = match goal.judged {
        Judged::Mean => ("mean".to_owned(), None),
        Judged::PeakSeason => ("peak-season".to_owned(), None),
        Judged::Percentile(percent) => (format!("p{percent}"), None),
        Judged::Exceedances(allowed) => ("exceedances".to_owned(), Some(allowed)),
        Judged::ExceedancesOf3Years(allowed) => {
            ("exceedances-of-3-years".to_owned(), Some(allowed))
        }
    };
    // Days are not compared with the goal of a mean.
    let counted = !matches!(goal.judged, Judged::Mean | Judged::PeakSeason);
    serde_json::json!({
        "stage": goal.stage,
        "pollutant": goal.pollutant.key(),
        "averaging": goal.averaging.key(),
        "value": amount(goal.value),
        "judged": judged,
        "allowed": allowed,
        "figure": standing.figure.as_ref().map(unrounded),
        "exceedance_days": counted.then_some(standing.exceedance_days),
        "valid_days": standing.valid_days,
        "attained": standing.attained,
        "void_reason": standing.void_reason,
        "clause": goal.clause,
        "confidence": goal.confidence,
    })
}

/// The states concentrations are given at within the period; two when it changes there.
pub(super) fn reference_states(editions: &Editions, assessment: &Assessment) -> Vec<Value> {
    let span = assessment.period.span;
    let edition = editions.by_id(&assessment.edition);
    let states = edition
        .into_iter()
        .flat_map(|edition| &edition.reference_states);
    let within =
        states.filter(|state| state.from <= span.to && state.to.is_none_or(|to| span.from <= to));
    let json = |state: &ReferenceState| {
        serde_json::json!({
            "from": state.from.to_string(),
            "to": state.to.map(|to| to.to_string()),
            "gases": state.gases,
            "particles": state.particles,
            "clause": state.clause,
        })
    };
    within.map(json).collect()
}
