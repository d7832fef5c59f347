//! What pages load besides themselves: a style sheet, a font, an icon, a small script. Nothing comes from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::adapters::chart::font::HAN_TTF;
use crate::adapters::http::typeface;

/// The style sheet.
const CSS: &str = include_str!("assets/skytier.css");
/// What keeps a page up to date.
const LIVE: &str = include_str!("assets/live.js");
/// The icon.
const ICON: &str = include_str!("assets/favicon.svg");
/// A day, for files that change only with the program.
pub(super) const CACHE: &str = "public, max-age=86400";

/// The style sheet's address.
pub(super) fn style_sheet() -> String {
    address("skytier.css", CSS_MARK)
}

/// The address of the script that keeps a page up to date.
pub(super) fn live_script() -> String {
    address("live.js", LIVE_MARK)
}

/// An asset's address changes with its text, so that no kept copy of an older one is used.
fn address(name: &str, mark: u64) -> String {
    format!("/assets/{name}?v={mark:016x}")
}

const CSS_MARK: u64 = mark(CSS.as_bytes());
const LIVE_MARK: u64 = mark(LIVE.as_bytes());

/// A number that tells texts apart (FNV-1a).
pub(super) const fn mark(bytes: &[u8]) -> u64 {
    let (mut mark, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        mark = (mark ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    mark
}

/// A policy for pages: nothing but these assets, no script within a page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; \
     script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Serves `/assets/skytier.css`, `/assets/live.js`, `/assets/han.ttf`, `/assets/favicon.svg` and `/favicon.ico`.
pub fn assets() -> Router {
    typeface::routes()
        .route("/assets/skytier.css", get(css))
        .route("/assets/live.js", get(live))
        .route("/assets/han.ttf", get(han))
        .route("/assets/favicon.svg", get(icon))
        .route("/favicon.ico", get(icon))
}

async fn css() -> impl IntoResponse {
    serve("text/css; charset=utf-8", CSS.as_bytes())
}

async fn live() -> impl IntoResponse {
    serve("text/javascript; charset=utf-8", LIVE.as_bytes())
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
