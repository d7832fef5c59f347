//! Orders to take readings out over HTTP: listed, and carried out whole or not at all.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::deletions;
use crate::adapters::http::body::Body;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::domain::access::Caller;
use crate::domain::calendar::Instant;
use crate::domain::deletion::Deletion;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::ports::DELETED_MAX;
use crate::ports::Deleted;

/// Most orders in one answer, and how many when none is asked for.
const LIMIT_MAX: usize = 10_000;
const LIMIT: usize = 1_000;

/// An order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    source: String,
    factor: Option<String>,
    from: chrono::DateTime<chrono::FixedOffset>,
    to: chrono::DateTime<chrono::FixedOffset>,
    reason: String,
    by: Option<String>,
}

/// `GET /v1/deletions`: orders as they were given, paged by number.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["after", "limit"])?;
    let after = params.number("after", 0, usize::MAX)?.unwrap_or(0);
    let limit = params.number("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT);
    let orders = state.series.deletions().await?;
    let more = orders.len().saturating_sub(after) > limit;
    let found = (1u64..).zip(&orders).skip(after).take(limit);
    let rows: Vec<Value> = found
        .map(|(id, order)| deletions::deletion_json(state.zone, id, order))
        .collect();
    Ok(Json(serde_json::json!({
        "next_after": more.then_some(after + rows.len()),
        "deletions": rows,
    })))
}

/// `POST /v1/deletions`: takes readings out; figures do without them from then on.
///
/// # Errors
/// A problem document; then nothing was taken out.
pub async fn enter(
    State(state): State<WebState>,
    caller: Caller,
    Body(given): Body<Given>,
) -> Result<Json<Value>, Problem> {
    let by = caller.actor(given.by.as_deref());
    let by = by.map_err(|fault| Problem::bad("by", fault))?;
    let factor = given.factor.as_deref().map(Factor::new).transpose();
    let order = Deletion {
        source: SourceId::new(&given.source)
            .map_err(|fault| Problem::bad("source", fault.to_string()))?,
        factor: factor.map_err(|fault| Problem::bad("factor", fault.to_string()))?,
        after: Instant::from_unix(given.from.timestamp()),
        upto: Instant::from_unix(given.to.timestamp()),
        reason: given.reason,
        ordered_by: by.unwrap_or_default(),
        ordered_at: state.now(),
    };
    if let Some((part, fault)) = order.fault() {
        return Err(Problem::bad(part, fault));
    }
    match state.series.delete(order).await? {
        Deleted::Done {
            number,
            readings,
            touched,
        } => {
            state.rollup.touch(&touched);
            Ok(Json(
                serde_json::json!({ "id": number, "readings": readings }),
            ))
        }
        Deleted::Nothing => Err(Problem::bad(
            "body",
            "no reading of that source, factor and time is stored",
        )),
        Deleted::TooMany => Err(Problem::bad(
            "body",
            format!("it means more than {DELETED_MAX} readings; split it by time or factor"),
        )),
    }
}
