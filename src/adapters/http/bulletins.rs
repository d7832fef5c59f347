//! `GET /v1/bulletins/{period}`: bulletins as `skytier bulletin` prints them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::bulletin;
use crate::adapters::bulletin::Form;
use crate::adapters::http::body::Body;
use crate::adapters::http::error::Problem;
use crate::adapters::http::pages::lang;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::http::values::Values;
use crate::adapters::publications::issue_json;
use crate::flow::assess::Assessor;
use crate::flow::assess::EditionChoice;
use crate::flow::bulletin::Bulletin;
use crate::flow::bulletin::BulletinFault;
use crate::flow::bulletin::BulletinWish;
use crate::flow::bulletin::Issue;
use crate::flow::bulletin::gather;
use crate::flow::publishing;
use crate::flow::ranking::read_division;

/// The page carries its own style and its own typeface; nothing else is allowed, no script and nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; frame-ancestors 'none'";

impl From<BulletinFault> for Problem {
    fn from(fault: BulletinFault) -> Self {
        Self::bad("period", fault)
    }
}

/// What a bulletin may be asked for by.
const PARAMS: [&str; 7] = [
    "area", "lang", "format", "edition", "division", "known_at", "review",
];

/// A bulletin in words, with the assessor its figures come from.
pub(super) struct Printed {
    bulletin: Bulletin,
    pub(super) text: String,
    assessor: Assessor,
}

/// Prints a bulletin.
pub(super) async fn print(
    state: &WebState,
    period: &str,
    params: &Params,
    form: Form,
) -> Result<Printed, Problem> {
    let lang = lang(params)?;
    let issue = Issue::parse(period)?;
    let division_code = params.text("division").map(read_division).transpose();
    let now = state.now();
    let values = Values::read(state, params).await?;
    let assessor = values.assessor;
    let wish = BulletinWish {
        area: values.area,
        issue,
        edition: edition(state, params)?,
        division_code: division_code.map_err(|fault| Problem::bad("division", fault))?,
        seen: values.seen,
        known_at: values.known_at,
        now,
        zone: state.zone,
    };
    let work = move || {
        let bulletin = gather(&assessor, wish)?;
        let text = bulletin::render(&bulletin, lang, form);
        Ok(Printed {
            bulletin,
            text,
            assessor,
        })
    };
    state.compute(work).await
}

fn edition(state: &WebState, params: &Params) -> Result<EditionChoice, Problem> {
    EditionChoice::parse(params.text("edition").unwrap_or("auto"), &state.editions)
        .map_err(|fault| Problem::bad("edition", fault))
}

/// One bulletin.
///
/// # Errors
/// A problem document.
pub async fn bulletin(
    State(state): State<WebState>,
    Path(period): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&PARAMS)?;
    let form = form(&params)?;
    let text = print(&state, &period, &params, form).await?.text;
    Ok(match form {
        Form::Html => {
            let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
            (policy, Html(text)).into_response()
        }
        Form::Text => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (kind, text).into_response()
        }
    })
}

/// `POST /v1/bulletins/{period}`: issues a bulletin: prints it and remembers its figures and the digest of its text.
/// The body has the names and values of the query of `GET`.
///
/// # Errors
/// A problem document; then nothing is remembered.
pub async fn issue(
    State(state): State<WebState>,
    Path(period): Path<String>,
    Body(mut given): Body<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let now = state.now();
    let moment = given.entry("known_at".to_owned());
    moment.or_insert_with(|| state.zone.text(now));
    let params = Params::from(given).only(&PARAMS)?;
    if params.text("area").is_none() {
        return Err(Problem::bad("area", "an area is needed"));
    }
    let form = form(&params)?;
    let known_at = params.known_at(state.zone, now)?.unwrap_or(now);
    // Whoever asks may have had readings acknowledged within this very second; they are to count.
    publishing::pass(state.clock, known_at).await;
    let printed = print(&state, &period, &params, form).await?;
    let digest = bulletin::digest(&printed.text);
    let release = printed
        .bulletin
        .release(edition(&state, &params)?, digest)?;
    publishing::settled(&*state.series, &printed.assessor, &release, state.clock).await?;
    let issues = || publishing::issues(&printed.assessor, &release);
    let issues = state.compute(issues).await?;
    let published = publishing::remember(&*state.publications, issues).await?;
    let rows: Vec<Value> = published
        .iter()
        .map(|(number, issue)| issue_json(state.zone, *number, issue))
        .collect();
    let answer = json!({"publications": rows, "text": printed.text});
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Pages are for browsers, so that is what comes without a wish.
fn form(params: &Params) -> Result<Form, Problem> {
    match params.text("format") {
        None => Ok(Form::Html),
        Some(text) => {
            Form::from_key(text).ok_or_else(|| Problem::bad("format", "html or text is expected"))
        }
    }
}
