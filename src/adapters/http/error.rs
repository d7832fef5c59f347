//! One error, one problem document (RFC 9457). Status codes live here and nowhere else.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::http::assets::CONTENT_SECURITY_POLICY;
use crate::adapters::http::page::mishap;
use crate::adapters::lang::Lang;
use crate::flow::area::AreaFault;
use crate::flow::tiering::TieringError;
use crate::ports::StoreError;

/// Media type of a problem document.
const PROBLEM_TYPE: &str = "application/problem+json";

/// What a problem document says, for whoever shows it otherwise.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The end of its type.
    pub kind: &'static str,
    /// Which parameter is wrong.
    pub parameter: Option<&'static str>,
    /// What is wrong and what would be right, in English.
    pub detail: Option<String>,
}

/// Why a request is not answered.
#[derive(Debug)]
pub enum Problem {
    /// A query parameter or a part of the path does not say what it must.
    BadRequest {
        /// Which.
        parameter: &'static str,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// There is nothing of that name.
    NotFound(String),
    /// What is asked contradicts what stands; nothing was done.
    Refused(String),
    /// It was there, and was removed by age.
    Gone(String),
    /// Who asks was not shown, or what was shown is worth nothing.
    Unauthorized,
    /// Whoever asks may not.
    Forbidden(String),
    /// The path takes other methods.
    OtherMethod,
    /// The body is not marked as JSON.
    NotJson,
    /// The address or the caller asks too often; in so long it may again.
    TooOften(Duration),
    /// The body is over the limit, or broke off.
    TooLarge,
    /// The store or a flow failed; the cause is logged, not told.
    Internal,
    /// The store takes nothing just now.
    Unavailable,
    /// The authority that stamps gave no stamp, for this reason.
    NoStamp(String),
    /// As many as may be asked of these are under way.
    Busy(&'static str),
}

/// Status, the end of the type, title and detail of a document.
type Told = (StatusCode, &'static str, &'static str, Option<String>);

impl Problem {
    /// Ends of the types that documents have.
    pub const KINDS: [&str; 16] = [
        "bad-parameter",
        "not-found",
        "refused",
        "removed",
        "unauthorized",
        "forbidden",
        "method-not-allowed",
        "not-json",
        "too-many-requests",
        "body-too-large",
        "store-unavailable",
        "busy",
        "no-stamp",
        "timeout",
        "bad-request",
        "internal",
    ];

    /// The type that ends so.
    pub fn urn(kind: &str) -> String {
        format!("urn:skytier:problem:{kind}")
    }

    /// What a document says.
    fn told(self) -> Told {
        match self {
            Self::BadRequest { parameter, detail } => (
                StatusCode::BAD_REQUEST,
                "bad-parameter",
                "A parameter cannot be read",
                Some(format!("{parameter}: {detail}")),
            ),
            Self::NotFound(detail) => (
                StatusCode::NOT_FOUND,
                "not-found",
                "There is nothing of that name",
                Some(detail),
            ),
            Self::Refused(detail) => (
                StatusCode::CONFLICT,
                "refused",
                "It contradicts what stands; nothing was entered",
                Some(detail),
            ),
            Self::Gone(detail) => (
                StatusCode::GONE,
                "removed",
                "It was removed by age",
                Some(detail),
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A token is needed",
                Some("authorization: Bearer TOKEN with a token that stands is expected".to_owned()),
            ),
            Self::Forbidden(detail) => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "Whoever asks may not",
                Some(detail),
            ),
            Self::OtherMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "The path does not take this method",
                None,
            ),
            Self::Busy(what) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "As many as may be are under way; try again",
                Some(what.to_owned()),
            ),
            Self::NoStamp(reason) => (
                StatusCode::BAD_GATEWAY,
                "no-stamp",
                "The time-stamping authority gave no stamp",
                Some(reason),
            ),
            broken => broken.broken(),
        }
    }

    /// The same of a body that cannot be read and of a failure of ours.
    fn broken(&self) -> Told {
        match self {
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body must be JSON and say so",
                Some("content-type: application/json is expected".to_owned()),
            ),
            Self::TooOften(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many requests from this address or with this token",
                Some("try again after the seconds in Retry-After".to_owned()),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The body is over the limit",
                None,
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "The store cannot be used just now; try again",
                None,
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The request failed; the log says why",
                None,
            ),
        }
    }

    /// What a document says, on one line.
    pub fn words(self) -> String {
        let (_, _, title, detail) = self.told();
        detail.unwrap_or_else(|| title.to_owned())
    }

    /// A faulty parameter.
    pub fn bad(parameter: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::BadRequest {
            parameter,
            detail: detail.to_string(),
        }
    }

    /// A faulty parameter of something within the request, told with its place.
    pub fn within(self, place: &str) -> Self {
        match self {
            Self::BadRequest { parameter, detail } => Self::BadRequest {
                parameter,
                detail: format!("{detail}; in {place}"),
            },
            other => other,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Forgotten { .. } = error {
            return Self::Gone(error.to_string());
        }
        tracing::error!(%error, "request failed");
        match error {
            StoreError::Full { .. } | StoreError::Unavailable { .. } => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

impl From<TieringError> for Problem {
    fn from(error: TieringError) -> Self {
        match error {
            TieringError::Refused(said) => Self::Refused(said),
            TieringError::Ahead { .. } => Self::bad("known_at", error),
            TieringError::Store(error) => error.into(),
            TieringError::Entries(_) | TieringError::NoRulebook => {
                tracing::error!(%error, "request failed");
                Self::Internal
            }
        }
    }
}

impl From<AreaFault> for Problem {
    fn from(fault: AreaFault) -> Self {
        match fault {
            AreaFault::UnknownGroup { .. } | AreaFault::UnknownStation(_) => {
                Self::NotFound(fault.to_string())
            }
            AreaFault::Form(_) | AreaFault::Station(_) => Self::bad("area", fault),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let wait = match &self {
            Self::TooOften(wait) => Some(*wait),
            _ => None,
        };
        let parameter = match &self {
            Self::BadRequest { parameter, .. } => Some(*parameter),
            _ => None,
        };
        let (status, kind, title, detail) = self.told();
        let fault = Fault {
            kind,
            parameter,
            detail: detail.clone(),
        };
        let body = serde_json::json!({
            "type": Self::urn(kind),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
        });
        let kind = [(header::CONTENT_TYPE, PROBLEM_TYPE)];
        let mut response = (status, kind, Json(body)).into_response();
        if let Some(wait) = wait {
            let seconds = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(fault);
        response
    }
}

/// Whether whoever asks is a browser that shows a page: it is no path of the interface, and text is what it takes.
fn takes_page(request: &Request) -> bool {
    let accepted = request.headers().get(header::ACCEPT);
    let text = accepted.and_then(|kinds| kinds.to_str().ok());
    let other = ["/v1/", "/assets/"].map(|lead| request.uri().path().starts_with(lead));
    text.is_some_and(|kinds| kinds.contains("text/html")) && !other.contains(&true)
}

/// What an answer in words needs of the request.
pub struct Reader {
    lang: Lang,
    path: String,
}

impl Reader {
    /// Of a request; `None` where no browser shows a page.
    pub fn of(request: &Request) -> Option<Self> {
        let query = || request.uri().query().unwrap_or_default();
        let english = || query().split('&').any(|pair| pair == "lang=en");
        takes_page(request).then(|| Self {
            lang: if english() { Lang::En } else { Lang::Zh },
            path: request.uri().path().to_owned(),
        })
    }

    /// Gives a browser the words of a problem document as a page in its language. Status and headers stay.
    pub fn as_page(&self, response: Response) -> Response {
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_none_or(|kind| kind != PROBLEM_TYPE) {
            return response;
        }
        let (mut parts, _) = response.into_parts();
        let fault = parts.extensions.remove::<Fault>();
        let status = parts.status.as_u16();
        let shown = mishap::mishap(self.lang, &self.path, status, fault.as_ref());
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_ENCODING);
        parts.headers.insert(header::CONTENT_TYPE, html);
        // That of a page: without it the answer would have the one of a document, which loads nothing.
        let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
        parts
            .headers
            .insert(header::CONTENT_SECURITY_POLICY, policy);
        Response::from_parts(parts, Body::from(shown.into_string()))
    }
}

/// The answer to a path nobody serves.
pub async fn no_such_path(uri: axum::http::Uri) -> Problem {
    Problem::NotFound(format!(
        "no such path: {}",
        uri.path().chars().take(80).collect::<String>()
    ))
}

/// Gives an error that a layer or the router answered by itself, such as a body over the limit, the form of all
/// others.
pub fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let ours = kind.is_some_and(|kind| kind == PROBLEM_TYPE);
    if ours || !(status.is_client_error() || status.is_server_error()) || is_ready_answer(kind) {
        return response;
    }
    let (kind, title) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method-not-allowed", "The path does not take this method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ("body-too-large", "The body is over the limit"),
        StatusCode::GATEWAY_TIMEOUT => ("timeout", "The request took too long"),
        status if status.is_client_error() => ("bad-request", "The request cannot be read"),
        _ => ("internal", "The request failed; the log says why"),
    };
    let body = serde_json::json!({
        "type": Problem::urn(kind),
        "title": title,
        "status": status.as_u16(),
        "detail": null,
    });
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
    Response::from_parts(parts, Body::from(body.to_string()))
}

/// Whether this is JSON that a handler made, as readiness is, or a page that says what is wrong.
fn is_ready_answer(kind: Option<&HeaderValue>) -> bool {
    let page = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/html");
    kind.is_some_and(|kind| kind == "application/json" || page(kind))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Problem;

    #[test]
    fn every_kind_of_problem_is_listed() {
        let problems = [
            Problem::bad("area", "none"),
            Problem::NotFound(String::new()),
            Problem::Refused(String::new()),
            Problem::Gone(String::new()),
            Problem::Unauthorized,
            Problem::Forbidden(String::new()),
            Problem::OtherMethod,
            Problem::NotJson,
            Problem::TooOften(Duration::ZERO),
            Problem::TooLarge,
            Problem::Internal,
            Problem::Unavailable,
            Problem::Busy("x"),
        ];
        for problem in problems {
            let (_, kind, title, _) = problem.told();
            assert!(Problem::KINDS.contains(&kind), "{kind}: {title}");
        }
    }
}
