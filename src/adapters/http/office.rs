//! Handlers of the pages of whoever gives access. Each change is one of the commands' own, with the same row in the audit log.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use chrono::NaiveDate;
use maud::Markup;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::devices::Proof;
use crate::adapters::access::mandates::NewMandate;
use crate::adapters::access::persons::NewPerson;
use crate::adapters::access::search::Search;
use crate::adapters::access::tokens::DAYS_MAX;
use crate::adapters::access::tokens::NewToken;
use crate::adapters::http::assets::CONTENT_SECURITY_POLICY;
use crate::adapters::http::error::Problem;
use crate::adapters::http::form::Fields;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::guard::noting::Audited;
use crate::adapters::http::login::work;
use crate::adapters::http::page::office;
use crate::adapters::http::page::office::Audit;
use crate::adapters::http::page::office::DO;
use crate::adapters::http::page::office::Office;
use crate::adapters::http::page::office::Said;
use crate::adapters::http::pages::lang;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::access::Term;
use crate::domain::calendar::Instant;
use crate::domain::credit::uscc::Uscc;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;

/// Rows of the audit log on one page.
const ROWS: usize = 100;
/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// The key of a session's forms, where it is one.
pub(super) type Key = Option<Extension<FormKey>>;

/// One of the pages.
#[derive(Clone, Copy)]
enum Place {
    Tokens,
    Users,
    Devices,
    Mandates,
}

impl Place {
    const fn path(self) -> &'static str {
        match self {
            Self::Tokens => "/tokens",
            Self::Users => "/users",
            Self::Devices => "/devices",
            Self::Mandates => "/mandates",
        }
    }
}

/// A page as it is sent.
pub(super) fn answer(status: StatusCode, markup: Markup) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    (status, policy, Html(markup.into_string())).into_response()
}

/// What all these pages have.
pub(super) fn office(
    state: &WebState,
    caller: &Caller,
    key: Key,
    lang: Lang,
    said: Option<Said>,
) -> Office {
    Office {
        lang,
        key: key.map(|Extension(FormKey(key))| key),
        may: caller.role == Role::Administrator && !caller.is_open(),
        said,
        zone: state.zone,
        now: state.now(),
    }
}

/// A page with what stands now.
async fn shown(state: &WebState, place: Place, office: &Office) -> Result<Markup, Problem> {
    Ok(match place {
        Place::Tokens => office::tokens(office, &work(state, Access::tokens).await??),
        Place::Users => office::users(office, &work(state, Access::persons).await??),
        Place::Mandates => office::mandates(office, &work(state, Access::mandates).await??),
        Place::Devices => {
            let listed = work(state, Access::devices).await??.listed.into_iter();
            let seen = |source: &Source| match source.kind {
                SourceKind::Station => state.watch.standing(&source.id).last_seen,
                SourceKind::Logger => None,
            };
            let devices: Vec<_> = listed
                .map(|device| {
                    let last = device.sources.iter().filter_map(seen).max();
                    (device, last)
                })
                .collect();
            office::devices(office, &devices)
        }
    })
}

async fn page(
    (state, caller, key, params): (WebState, Caller, Key, Params),
    place: Place,
) -> Result<Response, Problem> {
    let params = params.only(&["lang"])?;
    let office = office(&state, &caller, key, lang(&params)?, None);
    Ok(answer(StatusCode::OK, shown(&state, place, &office).await?))
}

/// What a change came to: a secret that was made and whose it is, or nothing to show.
type Done = Result<Option<(String, String)>, AccessFault>;

fn refused(what: &str, fault: impl std::fmt::Display) -> AccessFault {
    AccessFault::Refused(format!("{what}: {fault}"))
}

/// Refuses changes before anybody was given access.
///
/// # Errors
/// When nobody was.
pub(super) fn only_signed_in(caller: &Caller) -> Result<(), Problem> {
    if caller.is_open() {
        return Err(Problem::Forbidden(
            "before anybody was given access, the commands on the machine itself give it"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Makes a change of a form off the threads that serve connections; then the page again, with its secret or why not.
async fn change(
    (state, caller, key, fields): (WebState, Caller, Key, Fields),
    place: Place,
    act: fn(&Access, &Caller, &Fields, Instant) -> Done,
) -> Result<Response, Problem> {
    only_signed_in(&caller)?;
    let lang = fields.given("lang").and_then(Lang::from_key);
    let lang = lang.unwrap_or_default();
    let (own, now) = (caller.clone(), state.now());
    let done = work(&state, move |access| act(access, &own, &fields, now)).await?;
    let (status, said) = match done {
        Ok(None) => {
            let back = format!("{}?lang={}", place.path(), lang.key());
            return Ok((Extension(Audited), Redirect::to(&back)).into_response());
        }
        Ok(Some((of, secret))) => (StatusCode::OK, Said::Secret(of, secret)),
        Err(AccessFault::Refused(said)) => (StatusCode::BAD_REQUEST, Said::Refused(said)),
        Err(AccessFault::Store(error)) => return Err(error.into()),
        Err(AccessFault::Random(_)) => return Err(Problem::Internal),
    };
    let office = office(&state, &caller, key, lang, Some(said));
    let markup = shown(&state, place, &office).await?;
    Ok((Extension(Audited), answer(status, markup)).into_response())
}

fn unknown(what: &str) -> AccessFault {
    let what: String = what.chars().take(40).collect();
    refused(DO, format_args!("{what:?} is none of this page's acts"))
}

fn role(fields: &Fields) -> Result<Role, AccessFault> {
    Role::parse(fields.text("role")).map_err(|fault| refused("role", fault))
}

fn subject(fields: &Fields) -> Result<Option<Uscc>, AccessFault> {
    let given = fields.given("subject").map(str::trim).map(Uscc::new);
    given.transpose().map_err(|fault| refused("subject", fault))
}

fn day(fields: &Fields, name: &str) -> Result<Option<NaiveDate>, AccessFault> {
    let given = fields.given(name).map(str::parse);
    given
        .transpose()
        .map_err(|_| refused(name, "a date such as 2026-06-30 is expected"))
}

fn token_act(access: &Access, caller: &Caller, fields: &Fields, now: Instant) -> Done {
    match fields.text(DO) {
        "add" => {
            let days = fields.text("days").parse::<i64>().ok();
            let days = days.filter(|days| (1..=DAYS_MAX).contains(days));
            let days =
                days.ok_or_else(|| refused("days", format_args!("1 to {DAYS_MAX} is expected")))?;
            let new = NewToken {
                name: fields.text("name").to_owned(),
                role: role(fields)?,
                subject: subject(fields)?,
                certificate: fields.given("certificate").map(str::to_owned),
                expires_at: now.plus_s(days * DAY_S),
            };
            let own = new.role.key();
            let act = |id: &str, name: &str| {
                Act::by(caller, now, "token.add", name).with(format!("{id}, {own}"))
            };
            let (text, token) = access.add_token(new, now, act)?;
            Ok(text.map(|text| (token.name, text)))
        }
        "revoke" => {
            let id = fields.text("id");
            access.revoke_token(id, now, Act::by(caller, now, "token.revoke", id))?;
            Ok(None)
        }
        other => Err(unknown(other)),
    }
}

fn user_act(access: &Access, caller: &Caller, fields: &Fields, now: Instant) -> Done {
    let id = fields.text("id");
    let by = |what: &str| Act::by(caller, now, what, id);
    match fields.text(DO) {
        "add" => {
            let new = NewPerson {
                name: fields.text("name").to_owned(),
                role: role(fields)?,
                subject: subject(fields)?,
            };
            let act = Act::by(caller, now, "user.add", &new.name).with(new.role.key());
            access.add_person(&new, fields.text("password"), now, act)?;
        }
        "password" => access.set_password(id, fields.text("password"), now, by("user.password"))?,
        "disable" if caller.name.as_deref() == Some(id) => {
            return Err(refused(
                "name",
                "nobody disables himself; ask another administrator",
            ));
        }
        "disable" => access.disable_person(id, true, now, by("user.disable"))?,
        "enable" => access.disable_person(id, false, now, by("user.enable"))?,
        other => return Err(unknown(other)),
    }
    Ok(None)
}

fn device_act(access: &Access, caller: &Caller, fields: &Fields, now: Instant) -> Done {
    let id = fields.text("id");
    let by = |what: &str| Act::by(caller, now, what, id);
    match fields.text(DO) {
        "add" => {
            let mut sources = Vec::new();
            for (name, kind) in [
                ("stations", SourceKind::Station),
                ("loggers", SourceKind::Logger),
            ] {
                for given in fields.text(name).split_whitespace() {
                    let id = SourceId::new(given).map_err(|fault| refused(name, fault))?;
                    sources.push(Source { kind, id });
                }
            }
            let (proof, made) = match fields.given("certificate") {
                Some(name) => (Proof::Certificate(name.to_owned()), None),
                None => {
                    let (kept, made) = Proof::made_up()?;
                    (kept, Some(made))
                }
            };
            let topics: Vec<String> = sources.iter().map(ToString::to_string).collect();
            let act = by("device.add").with(topics.join(" "));
            access.add_device(id, &sources, &proof, now, act)?;
            Ok(made.map(|made| (id.to_owned(), made)))
        }
        "disable" => access
            .disable_device(id, Some(now), by("device.disable"))
            .map(|()| None),
        "enable" => access
            .disable_device(id, None, by("device.enable"))
            .map(|()| None),
        other => Err(unknown(other)),
    }
}

fn mandate_act(access: &Access, caller: &Caller, fields: &Fields, now: Instant) -> Done {
    let needed = |name: &str| day(fields, name)?.ok_or_else(|| refused(name, "a date is needed"));
    match fields.text(DO) {
        "add" => {
            let term = Term {
                from: needed("from")?,
                until: day(fields, "until")?,
            };
            let mut new = Vec::new();
            for code in fields.text("subjects").split_whitespace() {
                new.push(NewMandate {
                    bank: fields.text("bank").to_owned(),
                    subject: Uscc::new(code).map_err(|fault| refused("subjects", fault))?,
                    document: fields.text("document").to_owned(),
                    term,
                });
            }
            if new.is_empty() {
                return Err(refused("subjects", "codes of units are expected"));
            }
            let act = |mandate: &NewMandate, id: u64| {
                let detail = format!("{id}, {}, {}", mandate.subject, mandate.document);
                Act::by(caller, now, "mandate.add", &mandate.bank).with(detail)
            };
            access.add_mandates(&new, now, act)?;
        }
        "end" => {
            let id = fields.text("id");
            let number = id
                .parse()
                .map_err(|_| refused("id", "a number is expected"))?;
            let on = needed("on")?;
            let act = Act::by(caller, now, "mandate.end", id).with(on.to_string());
            access.end_mandate(number, on, act)?;
        }
        other => return Err(unknown(other)),
    }
    Ok(None)
}

/// `GET /tokens`: who is let in by a token.
///
/// # Errors
/// A problem document.
pub async fn tokens(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    params: Params,
) -> Result<Response, Problem> {
    page((state.0, caller, key, params), Place::Tokens).await
}

/// `POST /tokens`: makes one, or takes one back.
///
/// # Errors
/// A problem document.
pub async fn change_tokens(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    fields: Fields,
) -> Result<Response, Problem> {
    change((state.0, caller, key, fields), Place::Tokens, token_act).await
}

/// `GET /users`: who may log in.
///
/// # Errors
/// A problem document.
pub async fn users(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    params: Params,
) -> Result<Response, Problem> {
    page((state.0, caller, key, params), Place::Users).await
}

/// `POST /users`: adds one, sets a password, lets one in no more or again.
///
/// # Errors
/// A problem document.
pub async fn change_users(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    fields: Fields,
) -> Result<Response, Problem> {
    change((state.0, caller, key, fields), Place::Users, user_act).await
}

/// `GET /devices`: who may publish.
///
/// # Errors
/// A problem document.
pub async fn devices(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    params: Params,
) -> Result<Response, Problem> {
    page((state.0, caller, key, params), Place::Devices).await
}

/// `POST /devices`: adds one, lets one connect no more or again.
///
/// # Errors
/// A problem document.
pub async fn change_devices(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    fields: Fields,
) -> Result<Response, Problem> {
    change((state.0, caller, key, fields), Place::Devices, device_act).await
}

/// `GET /mandates`: whose details banks see.
///
/// # Errors
/// A problem document.
pub async fn mandates(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    params: Params,
) -> Result<Response, Problem> {
    page((state.0, caller, key, params), Place::Mandates).await
}

/// `POST /mandates`: enters some, or ends one.
///
/// # Errors
/// A problem document.
pub async fn change_mandates(
    state: State<WebState>,
    caller: Caller,
    key: Key,
    fields: Fields,
) -> Result<Response, Problem> {
    change((state.0, caller, key, fields), Place::Mandates, mandate_act).await
}

/// `GET /audit`: the audit log, newest first, and whether its chain is whole.
///
/// # Errors
/// A problem document.
pub async fn audit(
    State(state): State<WebState>,
    caller: Caller,
    key: Key,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "who", "what", "below", "verify", "lang"])?;
    let zone = state.zone;
    let asked =
        ["from", "to", "who", "what"].map(|name| params.text(name).unwrap_or("").to_owned());
    let below = params.number("below", 1, usize::MAX)?;
    let search = Search {
        below: Some(below.map_or(u64::MAX, |below| below as u64)),
        limit: ROWS,
        from: params.date("from")?.map(|day| zone.day_start(day)),
        before: params.date("to")?.map(|day| zone.day_end(day)),
        who: params.text("who").map(str::to_owned),
        what: params.text("what").map(str::to_owned),
        ..Search::default()
    };
    let verify = params.yes_no("verify")? == Some(true);
    let office = office(&state, &caller, key, lang(&params)?, None);
    let found = work(&state, move |access| {
        let mut rows = Vec::new();
        let more = access.search(&search, |seq, act| rows.push((seq, act)))?;
        let verified = verify.then(|| access.verify()).transpose()?;
        Ok::<_, crate::ports::StoreError>((rows, more, verified))
    });
    let (rows, more, verified) = found.await??;
    let below = rows.last().filter(|_| more).map(|(seq, _)| *seq);
    let found = Audit {
        rows,
        below,
        asked,
        verified,
    };
    Ok(answer(StatusCode::OK, office::audit(&office, &found)))
}
