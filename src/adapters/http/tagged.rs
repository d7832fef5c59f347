//! Entity tags: whoever has the same bytes already is told so instead of getting them again.
//!
//! A page says up to which second it knows, so its tag holds for that second; a chart's holds until its figures change.
//! Browsers are told to keep neither, so tags serve programs that ask for charts again and again.

use axum::body::Body;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::http::assets::mark;
use crate::adapters::http::error::Problem;

/// Largest answer that is tagged; pages and charts are far below.
const TAGGED_BYTES_MAX: usize = 64 << 20;

/// Gives good answers to `GET` a tag, and answers 304 where the asker has it.
pub async fn tagged(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let held = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK || is_stream(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, TAGGED_BYTES_MAX).await else {
        return Problem::Internal.into_response();
    };
    let tag = format!("W/\"{:016x}\"", mark(&bytes));
    let known = held.as_ref().and_then(|held| held.to_str().ok());
    let known = known.is_some_and(|held| held.split(',').any(|own| own.trim() == tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "text/event-stream")
}
