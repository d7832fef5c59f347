//! Who asks, and whether they may: judged for every path before its handler, by the rows of [`table`].
//!
//! A token stands in `Authorization: Bearer`. Before anybody was given one, everything is open, on loopback alone. The
//! answer to an unknown token, an expired and a revoked one is the same.

pub mod noting;

pub mod table;

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::extract::FromRequestParts;
use axum::extract::MatchedPath;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::access::Access;
use crate::adapters::access::tokens::Worthless;
use crate::adapters::http::error::Problem;
use crate::adapters::http::guard::table::Rule;
use crate::adapters::http::guard::table::Who;
use crate::adapters::http::guard::table::rule;
use crate::adapters::http::observe::RequestId;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;

/// The part of a path that names a unit.
const UNIT: &str = "{uscc}";
/// What rows of refused tokens are called.
const REFUSED: &str = "token.refused";

/// The name in a client certificate that the listener has checked, put into the extensions of its requests.
#[derive(Clone, Debug)]
pub struct ClientCertificate(pub String);

/// What judges requests.
#[derive(Clone)]
pub struct Guard {
    /// Tokens and mandates.
    pub access: Arc<Access>,
    /// The clock.
    pub clock: fn() -> Instant,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// Whoever asks, as the guard found.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| {
            tracing::error!(
                path = parts.uri.path(),
                "a path was served without its guard"
            );
            Problem::Internal
        })
    }
}

/// The layer: refuses, or hands on with a [`Caller`] in the extensions.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    // The layer around all of them names requests.
    let id = request.extensions().get::<RequestId>();
    let id = id.map_or_else(String::new, |id| id.0.clone());
    match guard.judge(&request, &id) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => refused(problem),
    }
}

/// The answer of a refusal; one for want of a token says what would do.
fn refused(problem: Problem) -> Response {
    let unknown = matches!(problem, Problem::Unauthorized);
    let mut response = problem.into_response();
    if unknown {
        let wanted = HeaderValue::from_static("Bearer realm=\"skytier\"");
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, wanted);
    }
    response
}

impl Guard {
    fn judge(&self, request: &Request, id: &str) -> Result<Caller, Problem> {
        let path = request.extensions().get::<MatchedPath>();
        let path = path.map_or("", MatchedPath::as_str);
        let who = match rule(request.method(), path) {
            Rule::For(who) => who,
            Rule::OtherMethod => return Err(Problem::OtherMethod),
            Rule::Missing => {
                tracing::error!(path, "no row says who may ask for this path");
                return Err(Problem::Forbidden(
                    "no row of the table of paths says who may ask for this one".to_owned(),
                ));
            }
        };
        let caller = self.caller(request, id)?;
        let roles = match who {
            Who::Anyone => return Ok(caller.unwrap_or_else(|| Caller::nobody(id.to_owned()))),
            Who::Roles(roles) => roles,
        };
        let caller = caller.ok_or(Problem::Unauthorized)?;
        if caller.is_open() {
            return Ok(caller);
        }
        let role = caller.role.key();
        if !roles.has(caller.role) {
            let those: Vec<&str> = roles.each().map(Role::key).collect();
            let those = those.join(", ");
            return Err(Problem::Forbidden(format!(
                "this is for {those}; {role} is none of them"
            )));
        }
        if caller.role == Role::Enterprise && !about_itself(&caller, path, request.uri().path()) {
            return Err(Problem::Forbidden(
                "an enterprise asks about its own code alone".to_owned(),
            ));
        }
        Ok(caller)
    }

    /// Who asks; `None` when nothing was shown.
    fn caller(&self, request: &Request, id: &str) -> Result<Option<Caller>, Problem> {
        if !self.access.now().closed {
            return Ok(Some(Caller::open(id.to_owned())));
        }
        let now = (self.clock)();
        let shown = request.headers().get(header::AUTHORIZATION);
        let certificate = request.extensions().get::<ClientCertificate>();
        let found = match (shown, certificate) {
            (Some(shown), _) => {
                let shown = shown.to_str().unwrap_or("");
                self.access.by_token(bearer(shown), now, id)
            }
            (None, Some(name)) => self.access.by_certificate(&name.0, now, id),
            (None, None) => return Ok(None),
        };
        found.map(Some).map_err(|worthless: Worthless| {
            let address = address(request);
            let address = address.map(|address| address.to_string());
            let mut act = Act::by(&Caller::nobody(id.to_owned()), now, REFUSED, "");
            (act.role, act.request_id) = (None, None);
            act.address = address;
            self.access.count(act.with(worthless.to_string()));
            Problem::Unauthorized
        })
    }
}

/// The token of an `Authorization` header.
fn bearer(shown: &str) -> &str {
    let parts = shown.trim().split_once(' ');
    let scheme = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case("bearer");
    parts.filter(scheme).map_or("", |(_, token)| token.trim())
}

/// Where a request comes from, where the listener says so.
fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|peer| peer.0.ip())
}

/// Whether the unit in the path, if there is one, is the caller.
fn about_itself(caller: &Caller, template: &str, path: &str) -> bool {
    let mut parts = template.split('/').zip(path.split('/'));
    let unit = parts.find(|(name, _)| *name == UNIT);
    unit.is_none_or(|(_, code)| {
        let own = caller.subject.as_ref();
        own.is_some_and(|own| own.as_str() == code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credit::uscc::Uscc;

    #[test]
    fn only_a_bearer_token_is_taken_from_the_header() {
        for (shown, expected) in [
            ("Bearer sky_a_b", "sky_a_b"),
            ("bearer  sky_a_b ", "sky_a_b"),
            ("Basic sky_a_b", ""),
            ("sky_a_b", ""),
            ("", ""),
        ] {
            assert_eq!(bearer(shown), expected, "{shown:?}");
        }
    }

    #[test]
    fn an_enterprise_is_held_to_its_own_code() {
        let mut caller = Caller::nobody(String::new());
        caller.subject = Uscc::new("91999999MA1ABCDE8G").ok();
        for (template, path, expected) in [
            ("/v1/air/now", "/v1/air/now", true),
            ("/e/{uscc}/tier", "/e/91999999MA1ABCDE8G/tier", true),
            ("/e/{uscc}/tier", "/e/91999999MA1X00017B/tier", false),
            ("/e/{uscc}/tier", "/e/9199999%39MA1ABCDE8G/tier", false),
            ("/e/{uscc}/tier", "/e//tier", false),
        ] {
            assert_eq!(about_itself(&caller, template, path), expected, "{path}");
        }
    }
}
