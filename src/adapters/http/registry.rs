//! The registry's tables over HTTP: printed as CSV, and entered whole or not at all.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::http::body::Body;
use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::adapters::tables;
use crate::adapters::tables::Kind;
use crate::adapters::tables::Rules;
use crate::adapters::tables::Table;

/// A table to enter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The table's text, header included.
    csv: String,
}

fn kind(name: &str) -> Result<&'static Kind, Problem> {
    Kind::named(name).map_err(Problem::NotFound)
}

/// `GET /v1/registry/{table}`: what is registered, as CSV.
///
/// # Errors
/// A problem document.
pub async fn list(
    State(state): State<WebState>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mut body = Vec::new();
    kind(&name)?
        .write(&state.directory.now(), &mut body)
        .map_err(|_| Problem::Internal)?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response())
}

/// `POST /v1/registry/{table}`: enters a table; figures use it from then on.
///
/// # Errors
/// A problem document; with any fault nothing is entered.
pub async fn enter(
    State(state): State<WebState>,
    Path(name): Path<String>,
    Body(given): Body<Given>,
) -> Result<Json<Value>, Problem> {
    let kind = kind(&name)?;
    let table = Table {
        kind,
        file: "csv".to_owned(),
        text: given.csv,
    };
    let tables = [table];
    let registered = state.directory.now();
    let rules = Rules {
        editions: &state.editions,
        reasons: &state.reasons,
    };
    let entries = tables::read(&tables, &registered, rules)
        .map_err(|faults| Problem::bad("csv", faults.join("; ")))?;
    let changes = tables::changes(&tables, &registered, &entries);
    state.directory.register(entries).await?;
    state.live.tell();
    let (rows, fresh) = changes
        .first()
        .map_or((0, 0), |(_, rows, fresh)| (*rows, *fresh));
    Ok(Json(serde_json::json!({
        "table": kind.name,
        "rows": rows,
        "new_or_changed": fresh,
    })))
}
