//! Handlers of pages.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::Uri;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;

use crate::adapters::http::assets::CONTENT_SECURITY_POLICY;
use crate::adapters::http::credit_view;
use crate::adapters::http::desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::error::Problem;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::page;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::domain::access::Caller;
use crate::flow::area::Area;

/// Earliest and latest year a page may be asked for.
const YEARS: (usize, usize) = (1_900, 9_999);

/// The language asked for.
pub(super) fn lang(params: &Params) -> Result<Lang, Problem> {
    match params.text("lang") {
        None => Ok(Lang::default()),
        Some(text) => {
            Lang::from_key(text).ok_or_else(|| Problem::bad("lang", "zh or en is expected"))
        }
    }
}

/// What a page or a chart was asked for.
pub(super) fn wish(params: &Params) -> Result<Wish, Problem> {
    let year = params.number("year", YEARS.0, YEARS.1)?;
    Ok(Wish {
        lang: lang(params)?,
        area: params.text("area").map(Area::parse).transpose()?,
        year: year.and_then(|year| i32::try_from(year).ok()),
        review: params.review()?,
        after: params.text("after").map(str::to_owned),
    })
}

pub(super) fn html(markup: maud::Markup) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    (policy, Html(markup.into_string())).into_response()
}

/// A page; or of one of its tables the rows as CSV.
pub(super) fn shown(markup: maud::Markup, csv: Option<&str>) -> Result<Response, Problem> {
    let Some(name) = csv else {
        return Ok(html(markup));
    };
    let rows = page::rows::csv(&markup.0, name);
    let rows = rows.ok_or_else(|| Problem::bad("csv", "no block of that name has a table"))?;
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], rows).into_response())
}

/// `GET /`: the first screen. With a year or a place in the list of enterprises, which earlier versions took here, on to
/// the page of the year.
///
/// # Errors
/// A problem document.
pub async fn today(
    State(state): State<WebState>,
    headers: HeaderMap,
    uri: Uri,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "year", "review", "lang", "after", "csv"])?;
    let wish = wish(&params)?;
    if wish.year.is_some() || wish.after.is_some() {
        let query = uri.query().unwrap_or_default();
        return Ok(Redirect::permanent(&format!("/year?{query}")).into_response());
    }
    let view = desk::today(&state, wish, &headers).await?;
    shown(page::today::today(&view), params.text("csv"))
}

/// `GET /calendar`: years of AQI days.
///
/// # Errors
/// A problem document.
pub async fn calendar(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "year", "review", "lang", "csv"])?;
    let view = desk::calendar(&state, wish(&params)?).await?;
    shown(page::calendar::calendar(&view), params.text("csv"))
}

/// `GET /days/{date}`: a day with its hours.
///
/// # Errors
/// A problem document.
pub async fn day(
    State(state): State<WebState>,
    Path(date): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "review", "lang", "csv"])?;
    let date = Params::from(BTreeMap::from([("date".to_owned(), date)])).date("date")?;
    let date = date.ok_or_else(|| Problem::bad("date", "a date is needed"))?;
    let view = desk::day(&state, wish(&params)?, date).await?;
    shown(page::calendar::day(&view), params.text("csv"))
}

/// `GET /targets`: how targets stand on a day.
///
/// # Errors
/// A problem document.
pub async fn targets(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "on", "review", "lang", "csv"])?;
    let view = desk::targets(&state, wish(&params)?, params.date("on")?).await?;
    shown(page::targets::targets(&view), params.text("csv"))
}

/// `GET /trends`: years, quarters, months, hours and stations against one another.
///
/// # Errors
/// A problem document.
pub async fn trends(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "year", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::trends(&state, wish(&params)?).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /trends/{chart}`: the figures behind a picture of that page.
///
/// # Errors
/// A problem document.
pub async fn trend_table(
    State(state): State<WebState>,
    Path(chart): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "year", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::trend_table(&state, wish(&params)?, &chart).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /stations`: an area's stations on a map and by rank.
///
/// # Errors
/// A problem document.
pub async fn stations(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::stations(&state, wish(&params)?).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /stations/{id}`: one station with its gaps, findings and decisions.
///
/// # Errors
/// A problem document.
pub async fn station(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::station(&state, wish(&params)?, &id).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /bulletins`: a bulletin to read, print and keep, and those issued.
///
/// # Errors
/// A problem document.
pub async fn bulletins(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "period", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::bulletins(&state, wish(&params)?, params.text("period")).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /restatements`: published figures that would be said otherwise now.
///
/// # Errors
/// A problem document.
pub async fn restatements(
    State(state): State<WebState>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::restatements(&state, wish(&params)?).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /data`: what came in and was not simply used.
///
/// # Errors
/// A problem document.
pub async fn data(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "review", "lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::data(&state, wish(&params)?).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /commissioning/{id}`: how a station or logger is coming in.
///
/// # Errors
/// A problem document.
pub async fn commissioning(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["lang", "csv"])?;
    let csv = params.text("csv");
    let view = desk::commissioning(&state, wish(&params)?, &id).await?;
    shown(page::sheet::sheet(&view), csv)
}

/// `GET /year`: a year at a glance.
///
/// # Errors
/// A problem document.
pub async fn dashboard(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["area", "year", "review", "lang", "after", "csv"])?;
    let view = desk::dashboard(&state, wish(&params)?).await?;
    shown(page::dashboard(&view), params.text("csv"))
}

/// `GET /enterprises/{uscc}`: one enterprise; with `code` or `repair` what would be if.
///
/// # Errors
/// A problem document.
pub async fn enterprise(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    key: Option<Extension<FormKey>>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["lang", "code", "doc_date", "repair", "approved", "csv"])?;
    let who = (&caller, key.map(|Extension(key)| key));
    let view = credit_view::enterprise(&state, lang(&params)?, &code, &params, who)?;
    shown(page::enterprise(&view), params.text("csv"))
}
