//! `/v1/air/rose`: concentrations by wind.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;

use crate::adapters::http::air::Asked;
use crate::adapters::http::air::recipe_of;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::http::stations::csv_of;
use crate::adapters::http::stations::is_csv;
use crate::adapters::report::rose::ROSE_COLUMNS;
use crate::adapters::report::rose::rose_json;
use crate::adapters::report::rose::rose_rows;
use crate::domain::pollutant::Pollutant;
use crate::flow::hours::HOURS_DAYS_MAX;
use crate::flow::rose::RoseOf;

/// `GET /v1/air/rose`: means of a pollutant by direction and speed of the wind.
///
/// # Errors
/// A problem document.
pub async fn rose(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&[
        "area",
        "from",
        "to",
        "pollutant",
        "review",
        "known_at",
        "format",
    ])?;
    let pollutant = match params.text("pollutant") {
        None => Pollutant::Pm25,
        Some(key) => Pollutant::from_key(key).ok_or_else(|| {
            Problem::bad("pollutant", "pm25, pm10, so2, no2, co or o3 is expected")
        })?,
    };
    let as_csv = is_csv(&params)?;
    let asked = Asked::read(&state, &params).await?;
    if asked.span.length() > HOURS_DAYS_MAX {
        let said = format!(
            "{} days of hours; at most {HOURS_DAYS_MAX} at once",
            asked.span.length()
        );
        return Err(Problem::bad("to", said));
    }
    let recipe = recipe_of(&state, asked.review);
    let keys = recipe.series.keys().await?;
    let of = RoseOf {
        recipe: &recipe,
        assessor: &asked.assessor,
        keys: &keys,
        pollutant,
        known_at: asked.known_at,
    };
    let rose = of.rose(&asked.area, asked.span).await?;
    if as_csv {
        let rows = rose.iter().flat_map(rose_rows);
        return csv_of(&ROSE_COLUMNS, rows);
    }
    let mut whole = json!({
        "area": asked.area.text(),
        "from": asked.span.from.to_string(),
        "to": asked.span.to.to_string(),
        "pollutant": pollutant.key(),
        "unit": pollutant.unit(),
        "review": asked.review.key(),
        "known_at": state.zone.text(asked.known_at.unwrap_or_else(|| state.now())),
        "simulated": asked.assessor.simulated(&asked.area, asked.span),
    });
    if let (Some(own), Some(figures)) = (
        whole.as_object_mut(),
        rose_json(rose.as_ref().map_err(|reason| *reason)).as_object(),
    ) {
        own.extend(figures.clone());
    }
    Ok(Json(whole).into_response())
}
