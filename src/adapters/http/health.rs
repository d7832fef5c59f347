//! For operators: alive, and ready.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;

use crate::adapters::http::state::WebState;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when every part works, else 503 with what does not; beside it what hinders no work.
pub async fn readyz(State(state): State<WebState>) -> Response {
    let troubles = state.health.troubles();
    let status = if troubles.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let troubles: Vec<_> = troubles
        .iter()
        .map(|(part, what)| json!({"part": part, "trouble": what}))
        .collect();
    let mut answer = json!({"ready": troubles.is_empty(), "troubles": troubles});
    let notes = state.health.notes();
    if !notes.is_empty() {
        let note = |(part, what): &(&str, String)| json!({"part": part, "note": what});
        answer["notes"] = notes.iter().map(note).collect();
    }
    (status, Json(answer)).into_response()
}
