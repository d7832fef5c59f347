//! An area's rank among others.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::adapters::http::air::chosen;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::Context;
use crate::adapters::report::ranking::ranking_json;
use crate::domain::reading::Review;
use crate::domain::registry::peer::RankItem;
use crate::flow::assess::Choices;
use crate::flow::ranking::RankQuestion;

const PARAMS: [&str; 6] = ["area", "period", "item", "division", "edition", "known_at"];

/// `GET /v1/air/ranking`: an area's rank in a period by an item, and by its change.
///
/// # Errors
/// A problem document.
pub async fn ranking(
    State(state): State<WebState>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&PARAMS)?;
    let need = |name: &'static str, expected: &str| {
        let expected = || Problem::bad(name, format!("{expected} is needed"));
        params.text(name).ok_or_else(expected)
    };
    let item = RankItem::parse(need("item", "an item such as composite_index")?)
        .map_err(|fault| Problem::bad("item", fault))?;
    let question = RankQuestion::read(
        need("period", "a period such as 2020-H1")?,
        params.text("edition").unwrap_or("auto"),
        params.text("division"),
        &state.editions,
    )
    .map_err(|(name, fault)| Problem::bad(name, fault))?;
    let known_at = params.instant("known_at")?;
    let assessor = match known_at {
        None => state.assessor(),
        Some(_) => {
            let days = state.rollup.recipe().all_days(known_at).await?;
            state.assessor_of(Arc::new(days))
        }
    };
    let area = chosen(&params, &assessor)?;
    let found = state
        .compute(|| assessor.ranking(&area, &question, item, Choices::default()))
        .await;
    let context = Context {
        area: &area,
        zone: state.zone,
        known_at: known_at.unwrap_or_else(|| state.now()),
        simulated: assessor.simulated(&area, question.period.span),
        review: Review::Raw,
    };
    Ok(Json(ranking_json(context, &question, &found)))
}
