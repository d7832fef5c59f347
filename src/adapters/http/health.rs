//! For operators: alive, and ready.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;

use crate::adapters::http::state::WebState;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::access::Roles;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Who is told what is wrong in words, which may name hosts, files and subscribers; others learn which parts.
const TOLD: Roles = Roles::of(&[
    Role::Operator,
    Role::Auditor,
    Role::Administrator,
    Role::Bureau,
    Role::Province,
]);

/// `GET /readyz`: 200 when every part works, else 503 with those that do not; beside them parts with something that hinders
/// no work.
pub async fn readyz(State(state): State<WebState>, caller: Caller) -> Response {
    let told = caller.is_open() || TOLD.has(caller.role);
    let row = |(part, what): &(&'static str, String), name: &str| match told {
        true => json!({"part": part, name: what}),
        false => json!({"part": part}),
    };
    let troubles = state.health.troubles();
    let status = if troubles.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let troubles: Vec<_> = troubles
        .iter()
        .map(|trouble| row(trouble, "trouble"))
        .collect();
    let mut answer = json!({"ready": troubles.is_empty(), "troubles": troubles});
    let notes = state.health.notes();
    if !notes.is_empty() {
        answer["notes"] = notes.iter().map(|note| row(note, "note")).collect();
    }
    (status, Json(answer)).into_response()
}
