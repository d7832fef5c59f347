//! Who is signed in, on every page: its frame leaves a slot, and this layer, which knows who asks, fills it.
//!
//! Pages are made without knowing that, so that what they show cannot depend on it; the slot is filled inside of entity tags,
//! so that no kept page shows another's name. While all is open the slot stays empty.

use axum::body::Body;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use axum::response::Response;

use crate::adapters::http::error::Problem;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::page::frame::WHO;
use crate::adapters::http::page::frame::who;
use crate::adapters::lang::Lang;
use crate::domain::access::Caller;

/// Largest page that is looked at.
const PAGE_BYTES_MAX: usize = 64 << 20;

/// Fills the slot of a page.
pub async fn signed(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let key = request.extensions().get::<FormKey>().cloned();
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let (Some(caller), true) = (caller, page) else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, PAGE_BYTES_MAX).await else {
        return Problem::Internal.into_response();
    };
    // Pages are texts of ours.
    let text = String::from_utf8_lossy(&bytes);
    let lang = match text.contains("<html lang=\"en\"") {
        true => Lang::En,
        false => Lang::Zh,
    };
    let key = key.as_ref().map(|FormKey(key)| key.as_str());
    let filled = text.replacen(WHO, &who(&caller, key, lang).into_string(), 1);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(filled))
}
