//! How targets stand.

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde_json::Value;

use crate::adapters::http::air::chosen_word;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::http::values::Values;
use crate::adapters::report::targets::pacing_json;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::flow::assess::Choices;
use crate::flow::beside::ExclusionView;

/// `GET /v1/air/targets`: an area's targets at the end of a day, yesterday if none is named.
///
/// # Errors
/// A problem document.
pub async fn targets(
    State(state): State<WebState>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["area", "on", "known_at", "review", "exclusions"])?;
    let on = params.date("on")?.unwrap_or_else(|| yesterday(&state));
    let exclusions = chosen_word(&params, "exclusions", ExclusionView::parse)?;
    let values = Values::read(&state, &params).await?;
    let choices = Choices {
        exclusions: exclusions.unwrap_or_default(),
        known_on: Some(values.known_on(&state)),
        ..Choices::default()
    };
    let from = PeriodKind::Year.containing(on).span.from;
    let pacing = || values.assessor.pacing(&values.area, on, choices);
    let pacing = state.compute(pacing).await;
    let context = values.context(&state, Span { from, to: on });
    Ok(Json(pacing_json(context, &pacing)))
}

/// The newest whole day.
pub(super) fn yesterday(state: &WebState) -> NaiveDate {
    let today = state.zone.local(state.now()).date_naive();
    today.pred_opt().unwrap_or(today)
}
