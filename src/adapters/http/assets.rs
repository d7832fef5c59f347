//! What pages load besides themselves: one style sheet, one font, one icon. Nothing comes from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::adapters::chart::font::HAN_TTF;

/// The style sheet.
const CSS: &str = include_str!("assets/skytier.css");
/// The icon.
const ICON: &str = include_str!("assets/favicon.svg");
/// A day, for files that change only with the program.
const CACHE: &str = "public, max-age=86400";

/// A policy for pages: nothing but these assets, no script at all.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Serves `/assets/skytier.css`, `/assets/han.ttf`, `/assets/favicon.svg` and `/favicon.ico`.
pub fn assets() -> Router {
    Router::new()
        .route("/assets/skytier.css", get(css))
        .route("/assets/han.ttf", get(han))
        .route("/assets/favicon.svg", get(icon))
        .route("/favicon.ico", get(icon))
}

async fn css() -> impl IntoResponse {
    serve("text/css; charset=utf-8", CSS.as_bytes())
}

async fn han() -> impl IntoResponse {
    serve("font/ttf", HAN_TTF)
}

async fn icon() -> impl IntoResponse {
    serve("image/svg+xml", ICON.as_bytes())
}

fn serve(kind: &'static str, bytes: &'static [u8]) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, CACHE),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes)
}
