//! What of a station's readings was replaced, and by what.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;

use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::http::stations::PAGE_ROWS;
use crate::adapters::http::stations::PAGE_ROWS_MAX;
use crate::adapters::http::stations::is_csv;
use crate::adapters::report::corrections as shapes;
use crate::domain::names::SourceId;
use crate::flow::corrections::corrections;
use crate::ports::Range;

/// `GET /v1/stations/{id}/corrections`: replaced values of readings after `from` up to `to`, paged by time.
///
/// # Errors
/// A problem document.
pub async fn station(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "limit", "format"])?;
    let source = SourceId::new(&id).map_err(|fault| Problem::bad("id", fault))?;
    if state.directory.now().station(&source).is_none() {
        let missing = format!("no station {id:?}; GET /v1/stations lists them");
        return Err(Problem::NotFound(missing));
    }
    let as_csv = is_csv(&params)?;
    let limit = params.number("limit", 1, PAGE_ROWS_MAX)?;
    let limit = limit.unwrap_or(if as_csv { usize::MAX } else { PAGE_ROWS });
    let range = Range {
        after: params.instant("from")?.unwrap_or(Range::ALL.after),
        upto: params.instant("to")?.unwrap_or(Range::ALL.upto),
        limit,
        ..Range::ALL
    };
    let found = corrections(&*state.series, &source, range).await?;
    if as_csv {
        let mut body = Vec::new();
        shapes::csv(state.zone, &found, &mut body).map_err(|_| Problem::Internal)?;
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response());
    }
    let next = found.last().filter(|_| found.len() >= limit);
    let rows = found
        .iter()
        .map(|own| shapes::correction_json(state.zone, own));
    Ok(Json(json!({
        "station": id,
        "corrections": rows.collect::<Vec<_>>(),
        "next_from": next.map(|own| state.zone.text(own.old.reading.time)),
    }))
    .into_response())
}
