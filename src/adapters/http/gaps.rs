//! What a station failed to report, and how complete its days are.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::gaps as shapes;
use crate::adapters::report::gaps::By;
use crate::domain::names::SourceId;
use crate::flow::gaps::GapFault;
use crate::flow::gaps::Reporting;

/// Most days of one answer.
const DAYS_MAX: i64 = 366;

impl From<GapFault> for Problem {
    fn from(fault: GapFault) -> Self {
        match fault {
            GapFault::Unknown(station) => Self::NotFound(format!(
                "no station \"{station}\"; GET /v1/stations lists them"
            )),
            GapFault::TooMany { .. } => Self::bad("from", fault),
            GapFault::Store(error) => error.into(),
        }
    }
}

/// `GET /v1/stations/{id}/gaps`: the reports missing on the days `from` to `to`, with their causes.
///
/// # Errors
/// A problem document.
pub async fn gaps(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    answer(&state, &id, params, By::Gap).await
}

/// `GET /v1/stations/{id}/completeness`: what was expected and came on each of the days `from` to `to`.
///
/// # Errors
/// A problem document.
pub async fn completeness(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    answer(&state, &id, params, By::Day).await
}

async fn answer(state: &WebState, id: &str, params: Params, by: By) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "format"])?;
    let station = SourceId::new(id).map_err(|fault| Problem::bad("id", fault))?;
    let span = params.span()?;
    if (span.to - span.from).num_days() >= DAYS_MAX {
        let most = format!("at most {DAYS_MAX} days at once");
        return Err(Problem::bad("from", most));
    }
    let as_csv = match params.text("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Problem::bad("format", "json or csv is expected")),
    };
    let registry = state.directory.now();
    let reporting = Reporting {
        series: &*state.series,
        attendance: &*state.attendance,
        registry: &registry,
        zone: state.zone,
        now: state.now(),
    };
    let keys = state.series.keys().await?;
    let answered = (station.clone(), reporting.of(&keys, &station, span).await?);
    if as_csv {
        let mut body = Vec::new();
        let all = std::slice::from_ref(&answered);
        shapes::csv(by, state.zone, all, &mut body).map_err(|_| Problem::Internal)?;
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response());
    }
    Ok(Json(by.json(state.zone, &answered)).into_response())
}
