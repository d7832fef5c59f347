//! Hours of an area, and the newest one.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

use crate::adapters::http::air::Asked;
use crate::adapters::http::air::chosen;
use crate::adapters::http::air::csv;
use crate::adapters::http::air::known;
use crate::adapters::http::air::recipe_of;
use crate::adapters::http::air::wants_csv;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::Context;
use crate::adapters::report::hours::hour_json;
use crate::adapters::report::hours::hour_settings;
use crate::adapters::report::hours::hours_csv;
use crate::adapters::report::hours::newest_json;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::HoursOf;

const PARAMS: [&str; 14] = [
    "area",
    "from",
    "to",
    "edition",
    "known_at",
    "review",
    "round_first",
    "lift_zero",
    "min_stations",
    "realtime",
    "hour_missing",
    "format",
    "bom",
    "settings",
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
        .map_err(|fault| Problem::bad(fault.parameter(), fault))?;
    let recipe = recipe_of(&state, asked.review);
    let keys = recipe.series.keys().await?;
    let of = HoursOf {
        recipe: &recipe,
        assessor: &asked.assessor,
        keys: &keys,
        edition: &asked.edition,
        choices: asked.choices,
        any_station: false,
        known_at: asked.known_at,
    };
    let mut hours = Vec::new();
    for month in PeriodKind::Month.cut(asked.span) {
        let loaded = of.load(&asked.area, month.span).await?;
        let own = || of.of_loaded(&asked.area, month.span, &loaded);
        hours.extend(state.compute(own).await);
    }
    let context = asked.context(&state);
    if let Some(wanted) = as_csv {
        let form = wanted.form(context, |hour| hour_settings(context, hour));
        let mut body = Vec::new();
        hours_csv(
            state.zone,
            [(&asked.area, hours.as_slice())],
            form,
            &mut body,
        )
        .map_err(|_| Problem::Internal)?;
        return Ok(csv(body));
    }
    let rows: Vec<Value> = hours.iter().map(|hour| hour_json(context, hour)).collect();
    Ok(Json(rows).into_response())
}

/// `GET /v1/air/now`: the newest hour of an area, from whatever stations have reported by then.
///
/// # Errors
/// A problem document.
pub async fn now(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["area", "realtime", "hour_missing", "review", "known_at"])?;
    let choices = Choices {
        realtime: params.realtime()?,
        hour_missing: params.hour_missing()?,
        ..Choices::default()
    };
    let review = params.review()?;
    let known_at = params.known_at(state.zone, state.now())?;
    let moment = known_at.unwrap_or_else(|| state.now());
    let assessor = state.assessor();
    let area = chosen(&params, &assessor)?;
    let (assessor, _) = known(&state, assessor, &area, known_at, review).await?;
    let newest = assessor.extent(&area).map(|span| span.to);
    let edition = EditionChoice::Auto;
    let hour = match newest {
        None => None,
        Some(day) => {
            let span = Span { from: day, to: day };
            choices
                .fit_hours(&edition, &state.editions, span)
                .map_err(|fault| Problem::bad(fault.parameter(), fault))?;
            let recipe = recipe_of(&state, review);
            let keys = recipe.series.keys().await?;
            let of = HoursOf {
                recipe: &recipe,
                assessor: &assessor,
                keys: &keys,
                edition: &edition,
                choices,
                any_station: true,
                known_at,
            };
            of.newest(&area, day).await?
        }
    };
    let age_s = hour.as_ref().map(|hour| moment.unix() - hour.time.unix());
    let simulated =
        newest.is_some_and(|day| assessor.simulated(&area, Span { from: day, to: day }));
    let context = Context {
        area: &area,
        zone: state.zone,
        known_at: moment,
        simulated,
        review,
    };
    Ok(Json(newest_json(context, hour.as_ref(), age_s)))
}
