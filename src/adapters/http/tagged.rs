//! Entity tags: whoever has the same bytes already is told so instead of getting them again.
//!
//! Charts and pages that show the area's air and nothing about persons or enterprises may be kept by whoever asked
//! (`private`), who asks each time whether they still hold (`no-cache`). A page says at which second it was made; its tag
//! stands for everything else on it, so it holds until a figure changes. All other answers are kept by nobody.

use std::borrow::Cow;

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
use crate::adapters::http::page::frame::MADE;

/// Largest answer that is tagged; pages and charts are far below.
const TAGGED_BYTES_MAX: usize = 64 << 20;

/// How a tagged answer may be kept.
pub const KEPT: &str = "private, no-cache";

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
    let tag = format!("W/\"{:016x}\"", mark(&without_moment(&bytes)));
    let known = held.as_ref().and_then(|held| held.to_str().ok());
    let known = known.is_some_and(|held| held.split(',').any(|own| own.trim() == tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    let kept = HeaderValue::from_static(KEPT);
    parts.headers.insert(header::CACHE_CONTROL, kept);
    if known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// A page without the words on when it was made.
fn without_moment(bytes: &[u8]) -> Cow<'_, [u8]> {
    let place = |from: usize, mark: &str| {
        let rest = bytes.get(from..)?;
        let found = rest
            .windows(mark.len())
            .position(|own| own == mark.as_bytes());
        found.map(|at| from + at)
    };
    let found =
        place(0, MADE.0).and_then(|start| Some((start, place(start + MADE.0.len(), MADE.1)?)));
    match found {
        Some((start, end)) => Cow::Owned([&bytes[..start], &bytes[end..]].concat()),
        None => Cow::Borrowed(bytes),
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::without_moment;

    #[test]
    fn a_page_is_the_same_whenever_it_is_made() {
        for (page, expected) in [
            ("a<span class=\"made\">12:00</span>b", "a</span>b"),
            ("a<span class=\"made\">12:00", "a<span class=\"made\">12:00"),
            ("ab", "ab"),
            ("", ""),
        ] {
            assert_eq!(
                without_moment(page.as_bytes()),
                expected.as_bytes(),
                "{page}"
            );
        }
    }
}
