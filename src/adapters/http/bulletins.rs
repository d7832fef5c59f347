//! `GET /v1/bulletins/{period}`: bulletins as `skytier bulletin` prints them.

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::bulletin;
use crate::adapters::bulletin::Form;
use crate::adapters::http::air::chosen;
use crate::adapters::http::error::Problem;
use crate::adapters::http::pages::lang;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::flow::assess::EditionChoice;
use crate::flow::bulletin::BulletinFault;
use crate::flow::bulletin::BulletinWish;
use crate::flow::bulletin::Issue;
use crate::flow::bulletin::gather;

/// The page carries its own style and its own typeface; nothing else is allowed, no script and nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; frame-ancestors 'none'";

impl From<BulletinFault> for Problem {
    fn from(fault: BulletinFault) -> Self {
        Self::bad("period", fault)
    }
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
    let params = params.only(&["area", "lang", "format", "edition", "known_at"])?;
    let (lang, form) = (lang(&params)?, form(&params)?);
    let issue = Issue::parse(&period)?;
    let edition = EditionChoice::parse(params.text("edition").unwrap_or("auto"), &state.editions)
        .map_err(|fault| Problem::bad("edition", fault))?;
    let known_at = params.instant("known_at")?;
    let assessor = match known_at {
        None => state.assessor(),
        Some(_) => {
            let days = state.rollup.recipe().all_days(known_at).await?;
            state.assessor_of(Arc::new(days))
        }
    };
    let wish = BulletinWish {
        area: chosen(&params, &assessor)?,
        issue,
        edition,
        known_at,
        now: state.now(),
        zone: state.zone,
    };
    let render = || Ok(bulletin::render(&gather(&assessor, wish)?, lang, form));
    let text: Result<String, BulletinFault> = state.compute(render).await;
    Ok(match form {
        Form::Html => {
            let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
            (policy, Html(text?)).into_response()
        }
        Form::Text => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            (kind, text?).into_response()
        }
    })
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
