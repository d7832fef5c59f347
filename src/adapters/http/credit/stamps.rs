//! Time stamps of receipts by an authority outside: asked for with a look-up or later, kept beside its record.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::Method;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::stamps::stamp_json;
use crate::adapters::http::body::Body;
use crate::adapters::http::credit::lookups;
use crate::adapters::http::credit::lookups::visible;
use crate::adapters::http::credit::second::Nothing;
use crate::adapters::http::error::Problem;
use crate::adapters::http::guard::table::Rule;
use crate::adapters::http::guard::table::rule;
use crate::adapters::http::state::WebState;
use crate::domain::access::Caller;
use crate::domain::credit::lookup::Stamp;
use crate::ports::StoreError;

/// Header that tells when an answer was stamped, or why it is not.
const STAMPED: HeaderName = HeaderName::from_static("skytier-timestamp");
/// Where a stamp is fetched.
const STAMP_PATH: &str = "/v1/lookups/{id}/timestamp";
/// Characters of a reason in that header.
const REASON_CHARS_MAX: usize = 200;
/// What is said where no authority is set.
const NONE_SET: &str = "no authority is set; the settings name one in receipts.timestamp.url";

/// What is added to an answer's head when a stamp was asked for.
pub type Told = Option<[(HeaderName, String); 1]>;

/// Refuses the wish for a stamp where there is nobody to give one, and of those who may not fetch it.
///
/// # Errors
/// When no authority is set, or the caller is none whose look-ups are stamped.
pub fn possible(state: &WebState, caller: &Caller, asked: bool) -> Result<bool, Problem> {
    let fetches = matches!(rule(&Method::GET, STAMP_PATH), Rule::For(who) if who.has(caller.role));
    if asked && !fetches {
        let said = format!("timestamp=yes is not for role {}", caller.role.key());
        return Err(Problem::Forbidden(said));
    }
    match &state.authority {
        None if asked => Err(Problem::bad("timestamp", NONE_SET)),
        _ => Ok(asked),
    }
}

/// Stamps a receipt whose record was noted, if that was asked for. Whatever comes of it, the answer goes out.
pub async fn beside(state: &WebState, asked: bool, noted: &lookups::Noted, receipt: &str) -> Told {
    if !asked {
        return None;
    }
    let [(_, id)] = noted;
    let told = match stamped(state, id, receipt).await {
        Ok(stamp) => instant_text(stamp.at),
        Err(unstamped) => {
            tracing::warn!(lookup.id = id, %unstamped, "a receipt has no time stamp");
            let reason = match unstamped {
                Unstamped::Authority(reason) => reason,
                Unstamped::Store(_) => "it cannot be kept just now".to_owned(),
            };
            let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
            let reason: String = reason.chars().filter(plain).collect();
            let end = reason.len().min(REASON_CHARS_MAX);
            format!("missing: {}", &reason[..end])
        }
    };
    Some([(STAMPED, told)])
}

/// Why there is no stamp.
#[derive(Debug, thiserror::Error)]
enum Unstamped {
    /// The authority gave none.
    #[error("{0}")]
    Authority(String),
    /// It gave one, which cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks the authority, and keeps what it gives; the first stamp of a record is the one that counts.
async fn stamped(state: &WebState, id: &str, receipt: &str) -> Result<Stamp, Unstamped> {
    let authority = state.authority.as_ref();
    let authority = authority.ok_or_else(|| Unstamped::Authority(NONE_SET.to_owned()))?;
    let stamp = authority.stamp(id, receipt).await;
    let stamp = stamp.map_err(Unstamped::Authority)?;
    state.lookups.keep_stamp(stamp.clone()).await?;
    Ok(state.lookups.stamp(id).await?.unwrap_or(stamp))
}

/// `GET /v1/lookups/{id}/timestamp`: the authority's answer as it came, for `openssl ts -verify`.
///
/// # Errors
/// A problem document; 404 for a record without a stamp.
pub async fn one(
    State(state): State<WebState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    let (_, lookup) = visible(&state, &id, &caller).await?;
    let Some(stamp) = state.lookups.stamp(&lookup.id).await? else {
        let said = "the look-up has no time stamp; POST with the body {} asks for one now";
        return Err(Problem::NotFound(said.to_owned()));
    };
    let kind = [(header::CONTENT_TYPE, "application/timestamp-reply")];
    Ok((kind, stamp.reply).into_response())
}

/// `POST /v1/lookups/{id}/timestamp`: stamps a record that has no stamp yet; tells of the one it has.
///
/// # Errors
/// A problem document; that of the authority when it gives none.
pub async fn ask(
    State(state): State<WebState>,
    Path(id): Path<String>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Value>, Problem> {
    let (_, lookup) = visible(&state, &id, &caller).await?;
    if let Some(stamp) = state.lookups.stamp(&lookup.id).await? {
        return Ok(Json(stamp_json(&stamp)));
    }
    if state.authority.is_none() {
        return Err(Problem::NotFound(NONE_SET.to_owned()));
    }
    let stamp = stamped(&state, &lookup.id, &lookup.receipt).await;
    let stamp = stamp.map_err(|unstamped| match unstamped {
        Unstamped::Authority(reason) => Problem::NoStamp(reason),
        Unstamped::Store(fault) => fault.into(),
    })?;
    Ok(Json(stamp_json(&stamp)))
}
