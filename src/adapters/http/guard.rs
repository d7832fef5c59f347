//! Who asks, and whether they may: judged for every path before its handler, by the rows of [`table`].
//!
//! A token stands in `Authorization: Bearer`. Before the first token or user there is, everything is open, on loopback alone.
//! The answer to an unknown token, an expired and a revoked one is the same. A client certificate that no token names says
//! nothing: its holder is whoever the session says, or nobody.

pub mod noting;

pub mod table;

use std::net::IpAddr;
use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::FromRequestParts;
use axum::extract::MatchedPath;
use axum::extract::RawPathParams;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;

use crate::adapters::access::Access;
use crate::adapters::access::sessions::is_form_key;
use crate::adapters::access::tokens::Worthless;
use crate::adapters::http::error::Problem;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::guard::noting::carried_out;
use crate::adapters::http::guard::table::Rule;
use crate::adapters::http::guard::table::Who;
use crate::adapters::http::guard::table::rule;
use crate::adapters::http::listener::Peer;
use crate::adapters::http::login::COOKIE;
use crate::adapters::http::observe::RequestId;
use crate::adapters::limits::Area;
use crate::adapters::limits::Paces;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;

/// The part of a path that names a unit.
const UNIT: &str = "{uscc}";
/// What rows of refused tokens are called.
const REFUSED: &str = "token.refused";

/// The header by which unsafe requests of a session show that they come from its pages.
const FORM_KEY: &str = "x-skytier-form";
/// Where people log in.
const LOGIN: &str = "/login";
/// What forms are sent as.
const FORM_KIND: &str = "application/x-www-form-urlencoded";

/// What judges requests.
#[derive(Clone)]
pub struct Guard {
    /// Tokens and mandates.
    pub access: Arc<Access>,
    /// How often callers may ask, by their names.
    pub callers: Arc<Paces<String>>,
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

/// The layer: refuses, or has it carried out with a [`Caller`] in the extensions. It is one with what notes acts: for each
/// request the router copies what lies within a layer, and that again for each layer within.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    // The layer around all of them names requests.
    let id = request.extensions().get::<RequestId>();
    let id = id.map_or_else(String::new, |id| id.0.clone());
    if !is_text(&mut request).await {
        return Problem::bad("path", "its parts are not UTF-8").into_response();
    }
    match guard.judge(&request, &id) {
        Ok((caller, key)) => {
            let own = request.extensions_mut();
            own.insert(caller);
            if let Some(key) = key {
                own.insert(FormKey(key));
            }
            carried_out(guard, request, next).await
        }
        Err(Problem::Unauthorized) if guard.has_login(&request) => {
            Redirect::to(LOGIN).into_response()
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

/// Who asks, and for a session the key of its forms.
type Asking = (Caller, Option<String>);

impl Guard {
    /// Who asks by a session, which is nobody when it stands no more. What changes something shows the key of the session's
    /// forms: in a header, or in the form, which its reader checks.
    fn by_session(&self, request: &Request, id: &str) -> Result<Option<Asking>, Problem> {
        let head = request.headers();
        let found = cookie(head, COOKIE);
        let found = found.and_then(|shown| self.access.by_cookie(shown, (self.clock)(), id));
        let Some((caller, key)) = found else {
            return Ok(None);
        };
        let text = |name: &str| head.get(name).and_then(|value| value.to_str().ok());
        let form = || text("content-type").is_some_and(|kind| kind.starts_with(FORM_KIND));
        let shown = match text(FORM_KEY) {
            Some(given) => is_form_key(given, &key),
            None => form(),
        };
        if !request.method().is_safe() && !shown {
            return Err(Problem::Forbidden(format!(
                "a session changes something with its key in {FORM_KEY}, as /v1/whoami gives it"
            )));
        }
        Ok(Some((caller, Some(key))))
    }

    /// Whether a browser asks for a page, and there is somebody who can log in.
    fn has_login(&self, request: &Request) -> bool {
        let accepted = request.headers().get(header::ACCEPT);
        let page = accepted.and_then(|kinds| kinds.to_str().ok());
        let page = page.is_some_and(|kinds| kinds.contains("text/html"));
        page && request.method() == Method::GET && self.access.now().has_persons()
    }

    /// Who asks, and the key of the session's forms if it is by one.
    fn judge(&self, request: &Request, id: &str) -> Result<Asking, Problem> {
        let head = request.headers();
        if !request.method().is_safe() && !from_here(head) {
            return Err(Problem::Forbidden(
                "the request comes from a page of another site".to_owned(),
            ));
        }
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
        let asking = self.caller(request, id)?;
        let name = asking.as_ref().and_then(|(caller, _)| caller.name.clone());
        if let Some(Err(wait)) = name.map(|name| self.callers.ask(name)) {
            return Err(Problem::TooOften(wait));
        }
        let roles = match who {
            Who::Anyone => {
                let nobody = || (Caller::nobody(id.to_owned()), None);
                let (caller, key) = asking.unwrap_or_else(nobody);
                // The form of a login is of no session, and may be sent while one lasts.
                let login = !request.method().is_safe() && path == LOGIN;
                return Ok((caller, key.filter(|_| !login)));
            }
            Who::Roles(roles) => roles,
        };
        let (caller, key) = asking.ok_or(Problem::Unauthorized)?;
        if caller.is_open() {
            return Ok((caller, key));
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
        Ok((caller, key))
    }

    /// Who asks; `None` when nothing was shown.
    fn caller(&self, request: &Request, id: &str) -> Result<Option<Asking>, Problem> {
        let head = request.headers();
        if !self.access.now().closed {
            // A page elsewhere can have a name of its own point here, and its requests then seem to be ours.
            if !is_address(head) {
                return Err(Problem::Forbidden(
                    "before anybody was given access, only an address or localhost may be asked for".to_owned(),
                ));
            }
            return Ok(Some((Caller::open(id.to_owned()), None)));
        }
        let now = (self.clock)();
        if let Some(shown) = head.get(header::AUTHORIZATION) {
            let shown = shown.to_str().unwrap_or("");
            let found = self.access.by_token(bearer(shown), now, id);
            let found = found.inspect_err(|worthless| self.refused(request, *worthless, now));
            return found
                .map(|caller| Some((caller, None)))
                .map_err(|_| Problem::Unauthorized);
        }
        let names = request.extensions().get::<Peer>();
        let names = names.map_or(&[][..], |peer| &peer.names);
        for name in names {
            match self.access.by_certificate(name, now, id) {
                Ok(caller) => return Ok(Some((caller, None))),
                // Vouched for by an authority of ours, and of no use here.
                Err(Worthless::Unknown) => {}
                Err(worthless) => self.refused(request, worthless, now),
            }
        }
        self.by_session(request, id)
    }

    /// Counts what was shown and is worth nothing, towards the audit log.
    fn refused(&self, request: &Request, worthless: Worthless, now: Instant) {
        let mut act = Act::by(&Caller::nobody(String::new()), now, REFUSED, "");
        (act.role, act.request_id) = (None, None);
        let peer = request.extensions().get::<Peer>();
        act.address = peer.map(|peer| Area::of(peer.address.ip()).to_string());
        self.access.count(act.with(worthless.to_string()));
    }
}

/// The value of a cookie.
pub fn cookie<'a>(head: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let given = head.get_all(header::COOKIE).into_iter();
    let texts = given.filter_map(|given| given.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Whether a request that changes something comes from a page of ours, or from no page.
fn from_here(head: &HeaderMap) -> bool {
    let text = |name: &str| head.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(site) = text("sec-fetch-site")
        && !["same-origin", "none"].contains(&site)
    {
        return false;
    }
    let own = text("host").unwrap_or("");
    text("origin").is_none_or(|origin| {
        let authority = origin.split_once("://").map(|(_, rest)| rest);
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(own))
    })
}

/// Whether the host asked for is an address or this machine, which no name of another site can stand for.
fn is_address(head: &HeaderMap) -> bool {
    let Some(host) = head.get(header::HOST) else {
        return true;
    };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse().ok()) else {
        return false;
    };
    let authority: Authority = authority;
    let host = authority.host().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// The token of an `Authorization` header.
fn bearer(shown: &str) -> &str {
    let parts = shown.trim().split_once(' ');
    let scheme = |(scheme, _): &(&str, &str)| scheme.eq_ignore_ascii_case("bearer");
    parts.filter(scheme).map_or("", |(_, token)| token.trim())
}

/// Whether what the parts of a path spell out is text; their reader in the handlers would answer in words of its own.
async fn is_text(request: &mut Request) -> bool {
    let parts = request.extract_parts::<RawPathParams>().await;
    !matches!(
        parts,
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_))
    )
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

    fn head(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut head = HeaderMap::new();
        for (name, value) in pairs {
            head.append(*name, value.parse().expect("a value"));
        }
        head
    }

    #[test]
    fn only_our_own_pages_change_something() {
        for (pairs, expected) in [
            (vec![("host", "a:8080")], true),
            (vec![("host", "a:8080"), ("origin", "http://a:8080")], true),
            (vec![("host", "a:8080"), ("origin", "http://A:8080")], true),
            (vec![("host", "a:8080"), ("origin", "http://a:9090")], false),
            (vec![("host", "a:8080"), ("origin", "http://evil")], false),
            (vec![("host", "a:8080"), ("origin", "null")], false),
            (vec![("origin", "http://a")], false),
            (vec![("host", "a"), ("sec-fetch-site", "same-origin")], true),
            (vec![("host", "a"), ("sec-fetch-site", "cross-site")], false),
            (vec![("host", "a"), ("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(from_here(&head(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn an_open_daemon_answers_to_addresses_alone() {
        for (host, expected) in [
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("evil.example:8080", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(is_address(&head(&[("host", host)])), expected, "{host}");
        }
        assert!(is_address(&head(&[])), "no page sends no host");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let head = head(&[("cookie", "a=1; skytier_session=x=y"), ("cookie", "b=2")]);
        assert_eq!(cookie(&head, "skytier_session"), Some("x=y"));
        assert_eq!(cookie(&head, "b"), Some("2"));
        assert_eq!(cookie(&head, "skytier"), None);
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
