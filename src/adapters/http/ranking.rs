//! An area's rank among others.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::adapters::http::air::chosen_word;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::http::values::Values;
use crate::adapters::report::ranking::ranking_json;
use crate::domain::registry::peer::RankItem;
use crate::flow::assess::Choices;
use crate::flow::beside::ExclusionView;
use crate::flow::ranking::RankQuestion;

const PARAMS: [&str; 8] = [
    "area",
    "period",
    "item",
    "division",
    "edition",
    "known_at",
    "review",
    "exclusions",
];

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
    let exclusions = chosen_word(&params, "exclusions", ExclusionView::parse)?;
    let values = Values::read(&state, &params).await?;
    let choices = Choices {
        exclusions: exclusions.unwrap_or_default(),
        known_on: Some(values.known_on(&state)),
        ..Choices::default()
    };
    let found = || {
        let assessor = &values.assessor;
        assessor.ranking(&values.area, &question, item, choices)
    };
    let found = state.compute(found).await;
    let context = values.context(&state, question.period.span);
    Ok(Json(ranking_json(context, &question, &found)))
}
