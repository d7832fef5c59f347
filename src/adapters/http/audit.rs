//! The audit log over HTTP, for auditors and administrators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use serde_json::json;

use crate::adapters::access::search::Search;
use crate::adapters::access::search::act_json;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;

/// Rows of one answer unless asked for fewer, and at most.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;

/// `GET /v1/audit?from=&to=&who=&what=&after=&limit=`: rows in order, paged by number; `from` and `to` are days, both
/// included.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["from", "to", "who", "what", "after", "limit"])?;
    let zone = state.zone;
    let from = params.date("from")?.map(|day| zone.day_start(day));
    let before = params.date("to")?.map(|day| zone.day_end(day));
    let search = Search {
        after: params.number("after", 0, usize::MAX)?.unwrap_or(0) as u64,
        below: None,
        limit: params.number("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT),
        from,
        before,
        who: params.text("who").map(str::to_owned),
        what: params.text("what").map(str::to_owned),
    };
    let access = Arc::clone(&state.access);
    let found = tokio::task::spawn_blocking(move || {
        let mut rows = Vec::new();
        let more = access.search(&search, |seq, act| rows.push(act_json(seq, &act)))?;
        Ok::<_, crate::ports::StoreError>((rows, more))
    });
    let (rows, more) = found.await.map_err(|_| Problem::Unavailable)??;
    let next = rows.last().filter(|_| more).map(|row| row["seq"].clone());
    Ok(Json(json!({"acts": rows, "next": next})))
}
