//! Logging in and out, and making the first administrator.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::access::AccessFault;
use crate::adapters::access::door::Try;
use crate::adapters::access::persons::NewPerson;
use crate::adapters::access::sessions::WHOLE_S;
use crate::adapters::http::assets::CONTENT_SECURITY_POLICY;
use crate::adapters::http::error::Problem;
use crate::adapters::http::form::Fields;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::guard::cookie;
use crate::adapters::http::guard::noting::Audited;
use crate::adapters::http::listener::Peer;
use crate::adapters::http::page::door;
use crate::adapters::http::pages::lang;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::adapters::limits::Area;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::NAME_CHARS_MAX;
use crate::domain::access::Role;
use crate::domain::access::Via;

/// The cookie of a session.
pub const COOKIE: &str = "skytier_session";
/// Longest password that is looked at, in bytes.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// Who sent a request, where the listener says so.
type From = Option<Extension<Peer>>;

/// The address, or the network it may be chosen in, and whether many share it.
fn address(from: &From) -> (String, bool) {
    let told =
        |Extension(peer): &Extension<Peer>| (Area::of(peer.address.ip()).to_string(), peer.shared);
    from.as_ref().map(told).unwrap_or_default()
}

fn page(status: StatusCode, markup: maud::Markup) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    (status, policy, Html(markup.into_string())).into_response()
}

/// The language of a form.
fn spoken(fields: &Fields) -> Lang {
    fields
        .given("lang")
        .and_then(Lang::from_key)
        .unwrap_or_default()
}

/// Work on the file, off the threads that serve connections.
pub(super) async fn work<T: Send + 'static>(
    state: &WebState,
    job: impl FnOnce(&crate::adapters::access::Access) -> T + Send + 'static,
) -> Result<T, Problem> {
    let access = std::sync::Arc::clone(&state.access);
    let done = tokio::task::spawn_blocking(move || job(&access)).await;
    done.map_err(|_| Problem::Unavailable)
}

/// `GET /login`: the form; for whoever is logged in, who that is and how to leave.
///
/// # Errors
/// A problem document.
pub async fn form(
    caller: Caller,
    key: Option<Extension<FormKey>>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["lang"])?;
    let lang = lang(&params)?;
    let key = key.map(|Extension(FormKey(key))| key);
    let markup = match (&caller.name, &key) {
        (Some(name), Some(key)) => door::inside(lang, name, caller.role, key),
        _ => door::login(lang, None),
    };
    Ok(page(StatusCode::OK, markup))
}

/// The answer to a try that comes too soon.
fn too_soon(markup: maud::Markup, wait: std::time::Duration) -> Response {
    let mut response = page(StatusCode::TOO_MANY_REQUESTS, markup);
    let seconds = HeaderValue::from(wait.as_secs());
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// Lets in with a new session; whatever session was shown ends.
async fn let_in(
    state: &WebState,
    peer: &From,
    head: &HeaderMap,
    name: &str,
) -> Result<Response, Problem> {
    let shown = cookie(head, COOKIE).map(str::to_owned);
    let (own, now) = (name.to_owned(), state.now());
    let mut act = Act::at_machine(Some(name), now, "login", name);
    act.via = Via::Session.key().to_owned();
    let begun = work(state, move |access| {
        access.begin_session(&own, shown.as_deref(), now, act)
    });
    let begun = begun.await?.map_err(fault)?;
    let secured = peer.as_ref().is_some_and(|Extension(peer)| peer.secured);
    let secure = if secured { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={WHOLE_S}{secure}",
        begun.cookie
    );
    let text = HeaderValue::from_str(&text).map_err(|_| Problem::Internal)?;
    let mut response = (Extension(Audited), Redirect::to("/")).into_response();
    response.headers_mut().insert(header::SET_COOKIE, text);
    Ok(response)
}

/// What a refused change says to whoever asked for it.
pub(super) fn fault(fault: AccessFault) -> Problem {
    match fault {
        AccessFault::Refused(said) => Problem::Refused(said),
        AccessFault::Store(error) => error.into(),
        AccessFault::Random(_) => Problem::Internal,
    }
}

/// `POST /login`: a name and a password. What is wrong is told alike for all, after the same work.
///
/// # Errors
/// A problem document.
pub async fn login(
    State(state): State<WebState>,
    from: From,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let (lang, (address, shared)) = (spoken(&fields), address(&from));
    let (name, password) = (fields.text("name"), fields.text("password"));
    let sound = name.chars().count() <= NAME_CHARS_MAX && password.len() <= PASSWORD_BYTES_MAX;
    let door = &state.access.door;
    let name = if sound { name } else { "" };
    let tried = Try {
        account: Some(name),
        address: &address,
        shared,
    };
    if let Some(wait) = door.wait(tried, state.now()) {
        let said = door::Said::Wait(wait.as_secs());
        return Ok(too_soon(door::login(lang, Some(said)), wait));
    }
    let Some(place) = door.place().await else {
        return Err(Problem::Unavailable);
    };
    // Tries that came meanwhile count too: many at once are not looked at for free.
    door.failed(tried, state.now());
    let (own, secret) = (name.to_owned(), password.to_owned());
    let proved = work(&state, move |access| access.proves(&own, &secret)).await?;
    drop(place);
    if proved {
        door.let_in(name, &address);
        return let_in(&state, &from, &head, name).await;
    }
    let known = state.access.now().is_person(name);
    let about = if known { name } else { "" };
    let mut act = Act::at_machine(None, state.now(), "login.failed", about);
    act.via = Via::Nothing.key().to_owned();
    act.address = Some(address).filter(|address| !address.is_empty());
    state.access.count(act);
    let markup = door::login(lang, Some(door::Said::Wrong));
    Ok(page(StatusCode::UNAUTHORIZED, markup))
}

/// `POST /logout`: ends the session.
///
/// # Errors
/// A problem document.
pub async fn logout(
    State(state): State<WebState>,
    caller: Caller,
    head: HeaderMap,
    _fields: Fields,
) -> Result<Response, Problem> {
    if let Some(shown) = cookie(&head, COOKIE).map(str::to_owned) {
        let about = caller.name.clone().unwrap_or_default();
        let act = Act::by(&caller, state.now(), "logout", &about);
        let ended = work(&state, move |access| access.end_session(&shown, act));
        ended.await?.map_err(fault)?;
    }
    let mut response = (Extension(Audited), Redirect::to("/login")).into_response();
    let gone =
        HeaderValue::from_static("skytier_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    response.headers_mut().insert(header::SET_COOKIE, gone);
    Ok(response)
}

/// `GET /setup`: the form for the first administrator, while there is a code for one.
///
/// # Errors
/// A problem document; 404 when there is none.
pub async fn first_form(
    State(state): State<WebState>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["lang"])?;
    wanted(&state)?;
    Ok(page(StatusCode::OK, door::first(lang(&params)?, None)))
}

fn wanted(state: &WebState) -> Result<(), Problem> {
    let none = state.access.now().has_anybody() || !state.access.door.has_code();
    match none {
        true => Err(Problem::NotFound("there is nothing to set up".to_owned())),
        false => Ok(()),
    }
}

/// `POST /setup`: makes the first administrator of whoever has the code that was printed at the start, once.
///
/// # Errors
/// A problem document.
pub async fn first(
    State(state): State<WebState>,
    from: From,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    wanted(&state)?;
    let (lang, now) = (spoken(&fields), state.now());
    let (address, shared) = address(&from);
    let door = &state.access.door;
    let tried = Try {
        account: None,
        address: &address,
        shared,
    };
    if let Some(wait) = door.wait(tried, now) {
        let said = door::Said::Wait(wait.as_secs());
        return Ok(too_soon(door::first(lang, Some(said)), wait));
    }
    let right = door.is_code(fields.text("code"));
    if !right {
        door.failed(tried, now);
        let mut act = Act::at_machine(None, now, "setup.failed", "");
        act.via = Via::Nothing.key().to_owned();
        act.address = Some(address).filter(|address| !address.is_empty());
        state.access.count(act);
        let markup = door::first(lang, Some(door::Said::WrongCode));
        return Ok(page(StatusCode::UNAUTHORIZED, markup));
    }
    let new = NewPerson {
        name: fields.text("name").to_owned(),
        role: Role::Administrator,
        subject: None,
    };
    let (name, secret) = (new.name.clone(), fields.text("password").to_owned());
    let mut act = Act::at_machine(Some(&name), now, "user.add", &name).with("first administrator");
    act.via = "code".to_owned();
    let made = work(&state, move |access| {
        access.add_first(&new, &secret, now, act)
    })
    .await?;
    match made {
        Ok(()) => let_in(&state, &from, &head, &name).await,
        Err(AccessFault::Refused(said)) => {
            let markup = door::first(lang, Some(door::Said::Refused(said)));
            Ok(page(StatusCode::BAD_REQUEST, markup))
        }
        Err(other) => Err(fault(other)),
    }
}

/// `GET /v1/whoami`: who asks, as the daemon sees it; for a session the key that unsafe requests carry in
/// `x-skytier-form`.
pub async fn whoami(caller: Caller, key: Option<Extension<FormKey>>) -> Json<Value> {
    Json(json!({
        "name": caller.name,
        "role": (!caller.is_open()).then(|| caller.role.key()),
        "subject": caller.subject.map(|subject| subject.to_string()),
        "via": caller.via.key(),
        "form_key": key.map(|Extension(FormKey(key))| key),
    }))
}
