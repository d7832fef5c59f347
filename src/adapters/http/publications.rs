//! Figures as published, and what of them would be said otherwise now.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::http::air;
use crate::adapters::http::air::Asked;
use crate::adapters::http::body::Body;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::publications::issue_json;
use crate::adapters::publications::print;
use crate::domain::calendar::PeriodKind;
use crate::domain::publication::Issue;
use crate::domain::publication::IssueKind;
use crate::domain::publication::latest;
use crate::flow::area::Area;
use crate::flow::publishing;
use crate::flow::publishing::PublishFault;
use crate::flow::publishing::Release;
use crate::flow::restatement;
use crate::flow::restatement::Present;
use crate::flow::restatement::Restatement;

/// Issues of one answer unless asked for fewer.
const PAGE_ROWS: usize = 100;
/// Most issues of one answer.
const PAGE_ROWS_MAX: usize = 1_000;

impl From<PublishFault> for Problem {
    fn from(fault: PublishFault) -> Self {
        match fault {
            PublishFault::Store(cause) => cause.into(),
            PublishFault::TooMany { .. } | PublishFault::Nothing | PublishFault::Ahead { .. } => {
                Self::bad("from", fault)
            }
            PublishFault::Measured => Self::bad("exclusions", fault),
        }
    }
}

/// `POST /v1/publications`: remembers figures as they are known at this moment, or were at an earlier one. The body
/// has the names and values of `GET /v1/air/assessment`.
///
/// # Errors
/// A problem document; then nothing is remembered.
pub async fn publish(
    State(state): State<WebState>,
    Body(mut given): Body<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let now = state.now();
    let moment = given.entry("known_at".to_owned());
    moment.or_insert_with(|| state.zone.text(now));
    let params = Params::from(given).only(&air::PARAMS)?;
    let shaped = ["format", "bom", "settings"].into_iter();
    if shaped.filter_map(|name| params.text(name)).next().is_some() || params.text("area").is_none()
    {
        let fault = "an area and no format is expected";
        return Err(Problem::bad("area", fault));
    }
    let by = params.text("by").unwrap_or("period");
    let by = PeriodKind::from_key(by)
        .ok_or_else(|| Problem::bad("by", "a kind of period is expected, or day"))?;
    let known_at = params.known_at(state.zone, now)?.unwrap_or(now);
    // Whoever asks may have had readings acknowledged within this very second; they are to count.
    publishing::pass(state.clock, known_at).await;
    let mut asked = Asked::read(&state, &params).await?;
    asked.choices.fixed_set = false;
    let release = Release {
        kind: IssueKind::Snapshot,
        area: asked.area,
        span: asked.span,
        by,
        edition: asked.edition,
        choices: asked.choices,
        review: asked.review,
        zone: state.zone,
        issued_at: now,
        known_at,
        text_sha256: None,
    };
    publishing::settled(&*state.series, &asked.assessor, &release, state.clock).await?;
    let issues = || publishing::issues(&asked.assessor, &release);
    let issues = state.compute(issues).await?;
    let published = publishing::remember(&*state.publications, issues).await?;
    let rows: Vec<Value> = published
        .iter()
        .map(|(number, issue)| issue_json(state.zone, *number, issue))
        .collect();
    Ok((StatusCode::CREATED, Json(json!({"publications": rows}))).into_response())
}

/// The issues asked for: of one area, after a number.
async fn asked(state: &WebState, params: &Params) -> Result<Vec<(u64, Issue)>, Problem> {
    let area = params.text("area").map(Area::parse).transpose()?;
    let area = area.map(|area| area.text());
    let mut issues = state.publications.issues().await?;
    issues.retain(|(_, issue)| area.as_ref().is_none_or(|area| *area == issue.area));
    Ok(issues)
}

/// How many to give, and after which number to begin.
fn page(params: &Params) -> Result<(u64, usize), Problem> {
    let after = params.number("after", 0, usize::MAX)?.unwrap_or(0);
    let limit = params.number("limit", 1, PAGE_ROWS_MAX)?;
    Ok((after as u64, limit.unwrap_or(PAGE_ROWS)))
}

/// `GET /v1/publications`: what was published, in order, paged by number.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["area", "after", "limit"])?;
    let (after, limit) = page(&params)?;
    let issues = asked(&state, &params).await?;
    let mut rest = issues.iter().filter(|(number, _)| *number > after);
    let shown: Vec<&(u64, Issue)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(shown.last()).map(|(number, _)| number);
    let rows: Vec<Value> = shown
        .iter()
        .map(|(number, issue)| issue_json(state.zone, *number, issue))
        .collect();
    Ok(Json(json!({"publications": rows, "next": next})))
}

/// The issues after a number that would be said otherwise now, with their causes, and whether there are more of them.
pub(super) async fn restated(
    state: &WebState,
    issues: &[(u64, Issue)],
    after: u64,
    limit: usize,
) -> Result<(Vec<Restatement>, bool), Problem> {
    let counting = latest(issues).into_iter();
    let rest = counting.filter(|(number, _)| *number > after);
    let raw = state.assessor();
    let decisions = state.reviewing.now();
    let recipe = state.rollup.recipe();
    let beside = state.reviewed.beside(recipe, &raw.days, &decisions).await?;
    let present = Present {
        recipe: recipe.clone(),
        reviewed: state.assessor_of(beside.days),
        decisions,
        raw,
        known_on: state.zone.local(state.now()).date_naive(),
    };
    let mut found = state
        .compute(|| restatement::differing(&present, rest))
        .await;
    let more = found.len() > limit;
    found.truncate(limit);
    Ok((restatement::explained(&present, found).await?, more))
}

/// `GET /v1/restatements`: every published item that would be said otherwise now, with its causes, paged by the
/// number of the issue.
///
/// # Errors
/// A problem document.
pub async fn restatements(
    State(state): State<WebState>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["area", "after", "limit", "format"])?;
    let (after, limit) = page(&params)?;
    let as_csv = match params.text("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Problem::bad("format", "json or csv is expected")),
    };
    let issues = asked(&state, &params).await?;
    let (found, more) = restated(&state, &issues, after, limit).await?;
    let next = found.last().filter(|_| more).map(|last| last.number);
    if as_csv {
        let mut body = Vec::new();
        print::restatements_csv(state.zone, &found, &mut body).map_err(|_| Problem::Internal)?;
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response());
    }
    let rows: Vec<Value> = found
        .iter()
        .map(|own| print::restatement_json(state.zone, own))
        .collect();
    let known_at = state.zone.text(state.now());
    Ok(Json(json!({"known_at": known_at, "restatements": rows, "next": next})).into_response())
}
