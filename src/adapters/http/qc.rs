//! What the rules for single readings found at a station.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::qc as shapes;
use crate::domain::names::SourceId;
use crate::domain::qc::Rule;
use crate::flow::qc::Judge;

/// Most days of one answer.
const DAYS_MAX: i64 = 92;

/// `GET /v1/flags`: the marks on values and what they mean.
pub async fn flags() -> Json<Value> {
    Json(shapes::flags())
}

/// `GET /v1/stations/{id}/qc`: findings of the days `from` to `to`.
///
/// # Errors
/// A problem document.
pub async fn station(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "rule", "format"])?;
    let station = SourceId::new(&id).map_err(|fault| Problem::bad("id", fault))?;
    let registry = state.directory.now();
    if registry.station(&station).is_none() {
        let missing = format!("no station {id:?}; GET /v1/stations lists them");
        return Err(Problem::NotFound(missing));
    }
    let span = params.span()?;
    if (span.to - span.from).num_days() >= DAYS_MAX {
        let most = format!("at most {DAYS_MAX} days at once");
        return Err(Problem::bad("from", most));
    }
    let rule = match params.text("rule") {
        None => None,
        Some(key) => {
            let keys = Rule::ALL.map(Rule::key);
            let found = Rule::ALL.into_iter().find(|rule| rule.key() == key);
            let fault = || Problem::bad("rule", format!("one of {} is expected", keys.join(", ")));
            Some(found.ok_or_else(fault)?)
        }
    };
    let judge = Judge {
        series: state.series.clone(),
        registry,
        rules: state.rules,
    };
    let (after, upto) = (state.zone.day_start(span.from), state.zone.day_end(span.to));
    let mut found = judge.station(&station, after, upto).await?;
    found.retain(|found| rule.is_none_or(|rule| found.finding.rule == rule));
    match params.text("format") {
        Some("csv") => {
            let mut body = Vec::new();
            shapes::csv(state.zone, &found, &mut body).map_err(|_| Problem::Internal)?;
            Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response())
        }
        None | Some("json") => {
            let findings = found.iter().map(|found| shapes::finding(state.zone, found));
            let body = json!({
                "station": id,
                "from": span.from.to_string(),
                "to": span.to.to_string(),
                "findings": findings.collect::<Vec<_>>(),
            });
            Ok(Json(body).into_response())
        }
        Some(_) => Err(Problem::bad("format", "json or csv is expected")),
    }
}
