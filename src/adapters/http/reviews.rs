//! Decisions of reviewers over HTTP: listed, and entered whole or not at all.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use crate::adapters::http::body::Body;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::reviews;
use crate::adapters::tables::Draft;
use crate::adapters::tables::Signature;
use crate::adapters::tables::decisions_of_csv;
use crate::adapters::tables::decisions_of_objects;
use crate::domain::access::Caller;
use crate::domain::review::Decision;
use crate::domain::review::is_name;
use crate::flow::reviewing::ReviewFault;

/// Most decisions in one answer, and how many when none is asked for.
const LIMIT_MAX: usize = 10_000;
const LIMIT: usize = 1_000;

/// Decisions to enter: as a CSV or as objects of the same names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    reviewer: Option<String>,
    csv: Option<String>,
    decisions: Option<Vec<Map<String, Value>>>,
}

/// `GET /v1/reviews`: decisions in the order they were entered, paged by number.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["source", "after", "limit"])?;
    let source = params.text("source");
    let after = params.number("after", 0, usize::MAX)?.unwrap_or(0);
    let limit = params.number("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT);
    let decisions = state.reviewing.now();
    let numbered = (1u64..).zip(decisions.all()).skip(after);
    let wanted = |(_, decision): &(u64, &Decision)| {
        source.is_none_or(|source| decision.key.source.as_str() == source)
    };
    let mut found: Vec<_> = numbered.filter(wanted).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(id, _)| *id);
    let rows = found
        .into_iter()
        .map(|(id, decision)| reviews::decision_json(state.zone, id, decision));
    Ok(Json(serde_json::json!({
        "decisions": rows.collect::<Vec<_>>(),
        "next_after": next,
    })))
}

/// `POST /v1/reviews`: enters decisions; reviewed figures use them from then on.
///
/// # Errors
/// A problem document; with any fault nothing is entered.
pub async fn enter(
    State(state): State<WebState>,
    caller: Caller,
    Body(given): Body<Given>,
) -> Result<Json<Value>, Problem> {
    let reviewer = caller
        .actor(given.reviewer.as_deref())
        .map_err(|fault| Problem::bad("reviewer", fault))?
        .filter(|name| is_name(name));
    let Some(reviewer) = reviewer else {
        return Err(Problem::bad(
            "reviewer",
            "a name without blanks around it is expected",
        ));
    };
    let signature = Signature {
        reviewer: &reviewer,
        decided_at: state.now(),
    };
    let drafts = match (&given.csv, &given.decisions) {
        (Some(text), None) => decisions_of_csv("csv", text, signature),
        (None, Some(objects)) => decisions_of_objects(objects, signature),
        _ => Err(vec!["either csv or decisions is expected".to_owned()]),
    };
    let drafts = drafts.map_err(|faults| Problem::bad("body", faults.join("; ")))?;
    let (places, decisions): (Vec<_>, Vec<_>) = drafts
        .into_iter()
        .map(|Draft { place, decision }| (place, decision))
        .unzip();
    let entered = state
        .reviewing
        .enter(decisions)
        .await
        .map_err(|fault| match fault {
            ReviewFault::Refused(faults) => {
                let told = faults
                    .iter()
                    .map(|(at, fault)| format!("{}: {fault}", places[*at]));
                Problem::bad("body", told.collect::<Vec<_>>().join("; "))
            }
            ReviewFault::Store(error) => error.into(),
        })?;
    state.live.tell();
    Ok(Json(serde_json::json!({
        "entered": entered.new,
        "stood_already": entered.repeated,
    })))
}
