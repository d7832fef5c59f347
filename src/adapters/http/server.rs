//! The router: every path, and the limits all of them share.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use tokio::time::timeout;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::adapters::http::air;
use crate::adapters::http::assets::assets;
use crate::adapters::http::audit;
use crate::adapters::http::bulletins;
use crate::adapters::http::charts;
use crate::adapters::http::corrections;
use crate::adapters::http::credit;
use crate::adapters::http::deletions;
use crate::adapters::http::error::Problem;
use crate::adapters::http::error::Reader;
use crate::adapters::http::error::as_problem;
use crate::adapters::http::error::no_such_path;
use crate::adapters::http::gaps;
use crate::adapters::http::guard::Guard;
use crate::adapters::http::guard::guard;
use crate::adapters::http::guard::noting::LOOKUP_PATH;
use crate::adapters::http::health;
use crate::adapters::http::hooks;
use crate::adapters::http::hours;
use crate::adapters::http::letters;
use crate::adapters::http::listener::Peer;
use crate::adapters::http::live;
use crate::adapters::http::login;
use crate::adapters::http::metrics;
use crate::adapters::http::observe::Begun;
use crate::adapters::http::observe::Observed;
use crate::adapters::http::office;
use crate::adapters::http::openapi;
use crate::adapters::http::pages;
use crate::adapters::http::publications;
use crate::adapters::http::qc;
use crate::adapters::http::ranking;
use crate::adapters::http::registry;
use crate::adapters::http::reviews;
use crate::adapters::http::rose;
use crate::adapters::http::signed::signed;
use crate::adapters::http::standing;
use crate::adapters::http::state::WebState;
use crate::adapters::http::stations;
use crate::adapters::http::tagged::tagged;
use crate::adapters::http::targets;

/// In the extensions of a request that comes too often: in so long it may come again.
#[derive(Clone, Copy, Debug)]
pub struct TooOften(pub Duration);

/// Largest request body: a table of some ten thousand rows fits, and so does a look-up of as many units.
const BODY_BYTES_MAX: usize = 15 << 17;
/// Longest time one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time until a further piece of a body comes.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What an answer may load where it does not say so itself: nothing; a picture may carry its own style.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";
/// What no page of ours asks a browser for.
const PERMISSIONS_POLICY: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
/// For how long a browser that once came by TLS comes by nothing else: a year.
const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What every answer says to a browser, unless its handler said otherwise.
static MARKS: [(HeaderName, HeaderValue); 8] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(PERMISSIONS_POLICY),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
];
/// Fields that an answer has beside those: its kind, length and name, the record of a look-up.
const OWN_FIELDS: usize = 8;

/// Marks an answer; who came by TLS is told to come by TLS from now on.
fn mark(response: &mut Response, secured: bool) {
    let headers = response.headers_mut();
    headers.reserve(MARKS.len() + OWN_FIELDS);
    for (name, value) in &MARKS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if secured {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
    }
}

fn is_secured(request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>();
    peer.is_some_and(|peer| peer.secured)
}

/// What surrounds every request and answer: named, counted, within its time, in the form that its reader takes, and marked.
/// All of it is one layer: for each request the router copies what lies within a layer, and that again for each layer within.
async fn surrounded(
    State(observed): State<Arc<Observed>>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Begun::of(&observed, &mut request);
    let secured = is_secured(&request);
    let reader = Reader::of(&request);
    let answered = timeout(REQUEST_TIMEOUT, next.run(request)).await;
    let answered = answered.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response());
    let mut response = as_problem(answered);
    if let Some(reader) = reader {
        response = reader.as_page(response);
    }
    mark(&mut response, secured);
    begun.ended(&observed, &mut response);
    response
}

/// Where people come in.
fn entered() -> Router<WebState> {
    Router::new()
        .route("/login", get(login::form).post(login::login))
        .route("/logout", post(login::logout))
        .route("/setup", get(login::first_form).post(login::first))
        .route("/v1/whoami", get(login::whoami))
        .route("/v1/audit", get(audit::list))
        .route("/tokens", get(office::tokens).post(office::change_tokens))
        .route("/users", get(office::users).post(office::change_users))
        .route(
            "/devices",
            get(office::devices).post(office::change_devices),
        )
        .route(
            "/mandates",
            get(office::mandates).post(office::change_mandates),
        )
        .route("/webhooks", get(hooks::page).post(hooks::change))
        .route("/audit", get(office::audit))
        .layer(from_fn(signed))
}

/// What people decide about readings.
fn decided() -> Router<WebState> {
    Router::new()
        .route("/v1/reviews", get(reviews::list).post(reviews::enter))
        .route("/v1/deletions", get(deletions::list).post(deletions::enter))
}

/// Pages and charts of the air, which whoever asked may keep.
fn kept() -> Router<WebState> {
    Router::new()
        .route("/calendar", get(pages::calendar))
        .route("/days/{date}", get(pages::day))
        .route("/targets", get(pages::targets))
        .route("/trends", get(pages::trends))
        .route("/trends/{chart}", get(pages::trend_table))
        .route("/v1/charts/{file}", get(charts::chart))
        .layer((from_fn(tagged), from_fn(signed)))
}

/// The pages, and what tells them of changes.
fn shown() -> Router<WebState> {
    kept()
        .route("/", get(pages::today))
        .route("/stations", get(pages::stations))
        .route("/stations/{id}", get(pages::station))
        .route("/bulletins", get(pages::bulletins))
        .route("/restatements", get(pages::restatements))
        .route("/data", get(pages::data))
        .route("/commissioning/{id}", get(pages::commissioning))
        .route("/year", get(pages::dashboard))
        .route("/enterprises/{uscc}", get(pages::enterprise))
        .route("/docs", get(openapi::docs))
        .layer(from_fn(signed))
        .route("/live", get(live::live))
}

/// Acts that wait for a second person.
fn confirmed() -> Router<WebState> {
    Router::new()
        .route("/v1/pending", get(credit::second::list))
        .route("/v1/pending/{id}/confirm", post(credit::second::confirm))
        .route("/v1/pending/{id}/reject", post(credit::second::reject))
}

/// Paths about enterprises and their tiers.
fn rated() -> Router<WebState> {
    let acts = credit::acts::ACTS.iter();
    let acts = acts.fold(Router::new(), |router, (path, op)| {
        let path = format!("/v1/enterprises/{{uscc}}/{path}");
        let enter =
            move |state, code, caller, body| credit::acts::act(op, state, code, caller, body);
        router.route(&path, post(enter))
    });
    acts.route("/v1/enterprises", get(credit::list))
        .route(
            "/v1/enterprises/{uscc}/certificate",
            get(standing::certificate),
        )
        .route(
            "/enterprises/{uscc}/certificate",
            get(standing::certificate),
        )
        .route("/enterprises/{uscc}/acts", post(credit::forms::act))
        .route("/enterprises", get(standing::search))
        .route("/tiers", get(standing::wall))
        .route("/changes", get(standing::changes))
        .layer(from_fn(signed))
        .route("/v1/enterprises/{uscc}/tier", get(credit::tier))
        .route(LOOKUP_PATH, post(credit::lookup::lookup))
        .route(
            "/v1/enterprises/{uscc}/records",
            get(credit::behind::records),
        )
        .route(
            "/v1/enterprises/{uscc}/history",
            get(credit::behind::history),
        )
        .route(
            "/v1/enterprises/{uscc}/openings",
            post(credit::openings::open),
        )
        .route(
            "/v1/enterprises/{uscc}/what-if",
            get(credit::behind::what_if),
        )
        .route("/v1/enterprises/{uscc}/{act}", post(credit::acts::unknown))
        .merge(confirmed())
        .route("/v1/disagreements", get(credit::behind::disagreements))
        .route("/v1/lookups", get(credit::lookups::list))
        .route("/lookups", get(credit::lookups::page))
        .route("/v1/lookups/{id}", get(credit::lookups::one))
        .route(
            "/v1/lookups/{id}/timestamp",
            get(credit::stamps::one).post(credit::stamps::ask),
        )
        .route("/v1/snapshots/{file}", get(credit::snapshots::file))
        .route("/v1/receipts/keys", get(credit::receipts::keys))
        .route("/v1/changes", get(credit::behind::changes))
}

/// Marks answers that nothing else surrounds.
async fn marked(request: Request, next: Next) -> Response {
    let secured = is_secured(&request);
    let mut response = next.run(request).await;
    mark(&mut response, secured);
    response
}

/// What answers requests that come too often, marked as all answers are and with no more work than that.
pub fn too_often() -> Router {
    let answer = |request: Request| async move {
        let wait = request.extensions().get::<TooOften>();
        Problem::TooOften(wait.map_or(Duration::ZERO, |wait| wait.0))
    };
    Router::new().fallback(answer).layer(from_fn(marked))
}

/// Every path with its handler.
pub fn router(state: WebState) -> Router {
    let judge = Guard {
        access: Arc::clone(&state.access),
        callers: Arc::clone(&state.callers),
        clock: state.clock,
    };
    let observed = Arc::clone(&state.observed);
    let routes = Router::new()
        .merge(shown())
        .route("/v1/air/now", get(hours::now))
        .route("/v1/air/hours", get(hours::hours))
        .route("/v1/air/days", get(air::days))
        .route("/v1/air/assessment", get(air::assessment))
        .route("/v1/air/rose", get(rose::rose))
        .route("/v1/air/ranking", get(ranking::ranking))
        .route("/v1/air/targets", get(targets::targets))
        .route(
            "/v1/bulletins/{period}",
            get(bulletins::bulletin).post(bulletins::issue),
        )
        .route("/v1/stations", get(stations::list))
        .route("/v1/stations/{id}/readings", get(stations::readings))
        .route(
            "/v1/registry/{table}",
            get(registry::list).post(registry::enter),
        )
        .route("/v1/stations/{id}/gaps", get(gaps::gaps))
        .route("/v1/stations/{id}/completeness", get(gaps::completeness))
        .route("/v1/stations/{id}/corrections", get(corrections::station))
        .route("/v1/stations/{id}/qc", get(qc::station))
        .route("/v1/flags", get(qc::flags))
        .route("/v1/dead-letters", get(letters::list))
        .route("/v1/dead-letters/retry", post(letters::retry))
        .route("/v1/dead-letters/{id}", get(letters::one))
        .route(
            "/v1/publications",
            get(publications::list).post(publications::publish),
        )
        .route("/v1/restatements", get(publications::restatements))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::json))
        .merge(entered())
        .merge(decided())
        .merge(rated())
        .with_state(state)
        .merge(assets())
        .route_layer(from_fn_with_state(judge, guard))
        .fallback(no_such_path);
    routes.layer((
        from_fn_with_state(observed, surrounded),
        RequestBodyTimeoutLayer::new(BODY_TIMEOUT),
        RequestBodyLimitLayer::new(BODY_BYTES_MAX),
        DefaultBodyLimit::disable(),
        CompressionLayer::new(),
    ))
}
