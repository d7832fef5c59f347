//! How targets stand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde_json::Value;

use crate::adapters::http::air::chosen;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::Context;
use crate::adapters::report::targets::pacing_json;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::reading::Review;
use crate::flow::assess::Choices;

/// `GET /v1/air/targets`: an area's targets at the end of a day, yesterday if none is named.
///
/// # Errors
/// A problem document.
pub async fn targets(
    State(state): State<WebState>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["area", "on", "known_at"])?;
    let on = params.date("on")?.unwrap_or_else(|| yesterday(&state));
    let known_at = params.instant("known_at")?;
    let assessor = match known_at {
        None => state.assessor(),
        Some(_) => {
            let days = state.rollup.recipe().all_days(known_at).await?;
            state.assessor_of(Arc::new(days))
        }
    };
    let area = chosen(&params, &assessor)?;
    let from = PeriodKind::Year.containing(on).span.from;
    let pacing = state
        .compute(|| assessor.pacing(&area, on, Choices::default()))
        .await;
    let context = Context {
        area: &area,
        zone: state.zone,
        known_at: known_at.unwrap_or_else(|| state.now()),
        simulated: assessor.simulated(&area, Span { from, to: on }),
        review: Review::Raw,
    };
    Ok(Json(pacing_json(context, &pacing)))
}

/// The newest whole day.
pub(super) fn yesterday(state: &WebState) -> NaiveDate {
    let today = state.zone.local(state.now()).date_naive();
    today.pred_opt().unwrap_or(today)
}
