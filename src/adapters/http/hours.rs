//! Hours of an area, and the newest one.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

use crate::adapters::http::air::Asked;
use crate::adapters::http::air::chosen;
use crate::adapters::http::air::csv;
use crate::adapters::http::air::wants_csv;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::Context;
use crate::adapters::report::hours::hour_json;
use crate::adapters::report::hours::hours_csv;
use crate::adapters::report::hours::newest_json;
use crate::domain::area::MinStations;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::reading::Review;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::HoursOf;
use crate::flow::reviewed::over;

const PARAMS: [&str; 12] = [
    "area",
    "from",
    "to",
    "edition",
    "known_at",
    "round_first",
    "lift_zero",
    "min_stations",
    "realtime",
    "hour_missing",
    "format",
    "bom",
];

/// `GET /v1/air/hours`: one object or row an hour.
///
/// # Errors
/// A problem document.
pub async fn hours(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&PARAMS)?;
    let as_csv = wants_csv(&params)?;
    let asked = Asked::read(&state, &params).await?;
    asked
        .choices
        .fit_hours(&asked.edition, &state.editions, asked.span)
        .map_err(|fault| Problem::bad("realtime", fault))?;
    let recipe = match asked.review {
        Review::Raw => state.rollup.recipe().clone(),
        Review::Reviewed => over(state.rollup.recipe(), &state.reviewing.now(), true),
    };
    let keys = recipe.series.keys().await?;
    let all: Vec<SourceId> = asked.assessor.days.keys().cloned().collect();
    let of = HoursOf {
        recipe: &recipe,
        registry: &asked.assessor.registry,
        all: &all,
        keys: &keys,
        edition: &asked.edition,
        choices: asked.choices,
        known_at: asked.known_at,
    };
    let mut hours = Vec::new();
    for month in PeriodKind::Month.cut(asked.span) {
        let loaded = of.load(&asked.area, month.span).await?;
        let own = || of.of_loaded(&asked.area, month.span, &loaded);
        hours.extend(state.compute(own).await);
    }
    if let Some(bom) = as_csv {
        let mut body = Vec::new();
        hours_csv(
            state.zone,
            [(&asked.area, hours.as_slice())],
            bom,
            &mut body,
        )
        .map_err(|_| Problem::Internal)?;
        return Ok(csv(body));
    }
    let context = asked.context(&state);
    let rows: Vec<Value> = hours.iter().map(|hour| hour_json(context, hour)).collect();
    Ok(Json(rows).into_response())
}

/// `GET /v1/air/now`: the newest hour of an area, from whatever stations have reported by then.
///
/// # Errors
/// A problem document.
pub async fn now(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["area", "realtime", "hour_missing"])?;
    let choices = Choices {
        realtime: params.realtime()?,
        hour_missing: params.hour_missing()?,
        min_stations: Some(MinStations::Count(1)),
        ..Choices::default()
    };
    let assessor = state.assessor();
    let area = chosen(&params, &assessor)?;
    let newest = assessor.extent(&area).map(|span| span.to);
    let edition = EditionChoice::Auto;
    let hour = match newest {
        None => None,
        Some(day) => {
            let span = Span { from: day, to: day };
            choices
                .fit_hours(&edition, &state.editions, span)
                .map_err(|fault| Problem::bad("realtime", fault))?;
            let recipe = state.rollup.recipe();
            let keys = recipe.series.keys().await?;
            let all: Vec<SourceId> = assessor.days.keys().cloned().collect();
            let of = HoursOf {
                recipe,
                registry: &assessor.registry,
                all: &all,
                keys: &keys,
                edition: &edition,
                choices,
                known_at: None,
            };
            of.newest(&area, day).await?
        }
    };
    let now = state.now();
    let age_s = hour.as_ref().map(|hour| now.unix() - hour.time.unix());
    let simulated =
        newest.is_some_and(|day| assessor.simulated(&area, Span { from: day, to: day }));
    let context = Context {
        area: &area,
        zone: state.zone,
        known_at: now,
        simulated,
        review: Review::Raw,
    };
    Ok(Json(newest_json(context, hour.as_ref(), age_s)))
}
