//! What the audit log learns of requests: every act that was done, look-ups and refusals by their number.

use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::access::Access;
use crate::adapters::http::error::Problem;
use crate::adapters::http::guard::Guard;
use crate::domain::access::Act;
use crate::domain::access::Caller;

/// The header by which an answer names the record of a look-up.
const LOOKUP: &str = "skytier-lookup";
/// Where units are looked up by the batch.
pub const LOOKUP_PATH: &str = "/v1/tiers/lookup";
/// What rows of look-ups are called.
const LOOKED_UP: &str = "lookup";

/// In an answer's extensions: its handler wrote the audit log itself.
#[derive(Clone, Debug)]
pub struct Audited;

/// Writes acts into the audit log, off the threads that serve connections.
///
/// # Errors
/// When they cannot be written; the cause is logged.
pub async fn record(access: &Arc<Access>, acts: Vec<Act>) -> Result<(), Problem> {
    let access = Arc::clone(access);
    let done = tokio::task::spawn_blocking(move || access.record(acts)).await;
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => {
            tracing::error!(%fault, "the audit log was not written");
            Err(Problem::Unavailable)
        }
        // The program is ending.
        Err(_) => Err(Problem::Unavailable),
    }
}

/// Carries out what a request asks for, also when whoever sent it hangs up meanwhile: a write that stopped half way would be
/// on disk and not in the figures. What only reads, as a look-up by the batch does too, may be given up.
pub(super) async fn carried_out(guard: Guard, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let reads = path.is_some_and(|path| path.as_str() == LOOKUP_PATH);
    if reads || request.method().is_safe() {
        return noted(guard, request, next).await;
    }
    match tokio::spawn(noted(guard, request, next)).await {
        Ok(response) => response,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The program is ending.
        Err(_) => Problem::Unavailable.into_response(),
    }
}

/// After an act that was done, a row; after a look-up, its record counted. It stands inside of what carries requests out, so
/// that hanging up hides nothing.
async fn noted(guard: Guard, request: Request, next: Next) -> Response {
    let safe = request.method().is_safe();
    let caller = request.extensions().get::<Caller>();
    // While nobody shows who that is, the records of look-ups say all there is.
    if safe && caller.is_none_or(Caller::is_open) {
        return next.run(request).await;
    }
    let caller = caller.cloned();
    let template = request.extensions().get::<MatchedPath>();
    let what = template.map(|path| format!("{} {}", request.method(), path.as_str()));
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let (Some(caller), Some(what)) = (caller, what) else {
        return response;
    };
    let now = (guard.clock)();
    let lookup = response.headers().get(LOOKUP);
    if let Some(id) = lookup.and_then(|id| id.to_str().ok()) {
        if !caller.is_open() {
            let mut act = Act::by(&caller, now, LOOKED_UP, "").with(id);
            act.request_id = None;
            guard.access.count(act);
        }
    } else if !safe
        && response.status().is_success()
        && response.extensions().get::<Audited>().is_none()
    {
        let act = Act::by(&caller, now, &what, &path);
        // It was done and cannot be undone; that it is missing in the log is in the program's log.
        drop(record(&guard.access, vec![act]).await);
    }
    response
}
