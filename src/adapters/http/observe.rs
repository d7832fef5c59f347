//! Every request seen from outside: its name in the answer and in the log, how long it took, how it ended.
//!
//! A log line has the method, the route as it is registered, the status and the milliseconds; neither query nor body,
//! which may hold what is nobody's business. A name that a proxy gives (`x-request-id`) is kept if it is a plain word.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::response::Response;

use crate::flow::measure::Histogram;
use crate::flow::measure::Measured;
use crate::flow::measure::WORK;

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name that is taken from a request, in bytes.
const ID_BYTES_MAX: usize = 64;
/// The route of requests that none takes.
const NO_ROUTE: &str = "none";
/// Methods that are counted by their name; others are nobody's.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
];
/// Routes whose requests come from machines that look every few seconds; they are logged as `debug`.
const LOOKS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The name of a request, in its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Method and route.
pub type Route = (&'static str, String);

/// A route, how long its answers took, and how many had which status.
pub type Seen = (Route, Measured, Vec<(u16, u64)>);

/// What was seen of one route.
struct Own {
    latency: Histogram,
    statuses: BTreeMap<u16, u64>,
}

/// What was seen of requests since the start.
pub struct Observed {
    routes: Mutex<BTreeMap<Route, Own>>,
    /// Time since the start, which never goes back.
    elapsed: fn() -> Duration,
    names: RandomState,
    number: AtomicU64,
}

impl Observed {
    /// Nothing was seen yet.
    pub fn new(elapsed: fn() -> Duration) -> Self {
        Self {
            routes: Mutex::default(),
            elapsed,
            names: RandomState::new(),
            number: AtomicU64::new(0),
        }
    }

    /// Every route that was asked for, with how long answers took and how many had which status.
    pub fn read(&self) -> Vec<Seen> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(route, own): (&Route, &Own)| {
            let statuses = own.statuses.iter().map(|(status, count)| (*status, *count));
            (route.clone(), own.latency.read(), statuses.collect())
        };
        routes.iter().map(row).collect()
    }

    fn note(&self, route: Route, status: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let own = routes.entry(route).or_insert_with(|| Own {
            latency: Histogram::new(WORK),
            statuses: BTreeMap::new(),
        });
        own.latency.note(micros);
        *own.statuses.entry(status).or_default() += 1;
    }

    /// The request's own name if it has a plain one, else a new one.
    fn name(&self, headers: &HeaderMap) -> String {
        let given = headers.get(REQUEST_ID).and_then(|name| name.to_str().ok());
        match given.filter(|name| is_plain(name)) {
            Some(name) => name.to_owned(),
            None => {
                let number = self.number.fetch_add(1, Ordering::Relaxed);
                format!("{:016x}", self.names.hash_one(number))
            }
        }
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    (1..=ID_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// A request under way.
pub struct Begun {
    at: Duration,
    id: String,
    route: Route,
}

impl Begun {
    /// Names the request.
    pub fn of(observed: &Observed, request: &mut Request) -> Self {
        let id = observed.name(request.headers());
        let path = request.extensions().get::<MatchedPath>();
        let path = path.map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
        let known = METHODS.iter().find(|known| *known == request.method());
        let method = known.map_or("OTHER", |known| name_of(known));
        request.extensions_mut().insert(RequestId(id.clone()));
        Self {
            at: (observed.elapsed)(),
            id,
            route: (method, path),
        }
    }

    /// Answers with the name, counts and logs.
    pub fn ended(self, observed: &Observed, response: &mut Response) {
        let Self { at, id, route } = self;
        if let Ok(name) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, name);
        }
        let (status, took) = (response.status(), (observed.elapsed)().saturating_sub(at));
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let code = status.as_u16();
        let (method, path) = &route;
        if status.is_server_error() {
            tracing::warn!(
                request.id = id,
                method,
                route = path,
                status = code,
                duration_ms = ms,
                "request"
            );
        } else if LOOKS.contains(&path.as_str()) {
            tracing::debug!(
                request.id = id,
                method,
                route = path,
                status = code,
                duration_ms = ms,
                "request"
            );
        } else {
            tracing::info!(
                request.id = id,
                method,
                route = path,
                status = code,
                duration_ms = ms,
                "request"
            );
        }
        observed.note(route, code, took);
    }
}

fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "OPTIONS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_if_it_is_a_plain_word() {
        let observed = Observed::new(|| Duration::ZERO);
        let name = |given: &[u8]| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(given).expect("a header's value");
            headers.insert(REQUEST_ID, value);
            observed.name(&headers)
        };
        assert_eq!(name(b"a1-B_2.c"), "a1-B_2.c");
        let long = "a".repeat(ID_BYTES_MAX + 1);
        let mut drawn = std::collections::BTreeSet::new();
        for given in [
            &b""[..],
            b"a b",
            b"a\"b",
            "虹桥".as_bytes(),
            long.as_bytes(),
        ] {
            let name = name(given);
            assert!(is_plain(&name) && name.len() == 16, "{name}");
            assert!(drawn.insert(name), "each has its own");
        }
    }

    #[test]
    fn what_is_seen_is_counted_by_route_and_status() {
        let observed = Observed::new(|| Duration::ZERO);
        for (path, status) in [("/a", 200), ("/a", 200), ("/a", 503), ("/b", 404)] {
            observed.note(("GET", path.to_owned()), status, Duration::from_millis(7));
        }
        let found: Vec<_> = observed
            .read()
            .into_iter()
            .map(|((_, path), measured, statuses)| (path, measured.sum, statuses))
            .collect();
        let expected = [
            ("/a".to_owned(), 21_000, vec![(200, 2), (503, 1)]),
            ("/b".to_owned(), 7_000, vec![(404, 1)]),
        ];
        assert_eq!(found, expected);
    }
}
