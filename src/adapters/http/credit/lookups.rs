//! The record that each look-up leaves, and how it is found again.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::lookups::lookup_json;
use crate::adapters::credit_events::stamps::stamp_json;
use crate::adapters::http::credit::uscc;
use crate::adapters::http::desk::name;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::lookups::LookupRow;
use crate::adapters::http::page::lookups::LookupsView;
use crate::adapters::http::page::lookups::lookups;
use crate::adapters::http::pages::html;
use crate::adapters::http::pages::lang;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::receipt;
use crate::adapters::receipt::key::PublicKey;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;
use crate::domain::credit::lookup::CLIENT_BYTES_MAX;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Wanted;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::View;

/// Records of one answer unless asked for fewer, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 10_000;
/// Header by which whoever asks says who that is.
const CLIENT: &str = "x-skytier-client";
/// Header that names the record of an answer.
const RECORD: HeaderName = HeaderName::from_static("skytier-lookup");

/// What is added to an answer's head.
pub type Noted = [(HeaderName, String); 1];

/// Who asks, and whether that was shown.
pub struct Client {
    name: Option<String>,
    checked: bool,
}

/// Who asks: the name that was shown, or what the head of the request says, which nobody checks.
///
/// # Errors
/// A name that is none.
pub fn client(caller: &Caller, head: &HeaderMap) -> Result<Client, Problem> {
    let checked = caller.name.is_some();
    let name = match &caller.name {
        Some(name) => Some(name.clone()),
        None => claimed(head)?,
    };
    Ok(Client { name, checked })
}

fn claimed(head: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(given) = head.get(CLIENT) else {
        return Ok(None);
    };
    let fits = |name: &&str| {
        let (first, last) = (name.chars().next(), name.chars().last());
        let blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        name.len() <= CLIENT_BYTES_MAX
            && !name.chars().any(char::is_control)
            && !blank(first)
            && !blank(last)
    };
    let name = std::str::from_utf8(given.as_bytes()).ok().filter(fits);
    let expected = format!("a name in UTF-8 of at most {CLIENT_BYTES_MAX} bytes is expected");
    name.map(|name| Some(name.to_owned()))
        .ok_or_else(|| Problem::bad(CLIENT, expected))
}

/// Leaves the record of an answer, which its receipt stands for.
///
/// # Errors
/// When nothing is written any more.
pub async fn note(
    state: &WebState,
    client: Client,
    view: &View,
    subject: Option<Uscc>,
    items: usize,
    receipt: &str,
) -> Result<Noted, Problem> {
    let id = receipt::id(receipt, view.asked_at);
    let lookup = Lookup {
        id: id.clone(),
        asked_at: view.asked_at,
        client: client.name,
        checked: client.checked,
        subject,
        items: u32::try_from(items).unwrap_or(u32::MAX),
        receipt: receipt.to_owned(),
    };
    state.lookups.note(lookup).await?;
    Ok([(RECORD, id)])
}

/// A record as far as whoever asks may know of it, and its number once it is written.
///
/// # Errors
/// A problem document.
pub(super) async fn visible(
    state: &WebState,
    id: &str,
    caller: &Caller,
) -> Result<(Option<u64>, Lookup), Problem> {
    let found = state.lookups.find(id).await?;
    // A bank finds its own alone, and of others not even that they are there.
    let own = |lookup: &Lookup| lookup.checked && lookup.client == caller.name;
    let found = found.filter(|(_, lookup)| caller.role != Role::Bank || own(lookup));
    let shown: String = id.chars().take(80).collect();
    found.ok_or_else(|| {
        Problem::NotFound(format!(
            "no look-up {shown}; its id is in the answer's head, skytier-lookup"
        ))
    })
}

/// `GET /v1/lookups/{id}`: the record of a look-up, with what its receipt signs, and whether an authority stamped that.
///
/// # Errors
/// A problem document.
pub async fn one(
    State(state): State<WebState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let (seq, lookup) = visible(&state, &id, &caller).await?;
    let keys: Vec<PublicKey> = state
        .receipts
        .public()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let mut shown = lookup_json(seq, &lookup);
    shown["signed"] = receipt::verify(&lookup.receipt, &keys).ok().into();
    shown["receipt"] = lookup.receipt.into();
    let stamp = state.lookups.stamp(&lookup.id).await?;
    shown["timestamp"] = stamp.as_ref().map(stamp_json).into();
    Ok(Json(shown))
}

/// What the parameters ask for, one more than `limit`, which tells whether there are more.
fn wanted(state: &WebState, caller: &Caller, params: &Params) -> Result<(Wanted, usize), Problem> {
    let zone = state.zone;
    let day = |name| -> Result<Option<_>, Problem> { params.date(name) };
    let subject = params.text("subject").map(uscc).transpose()?;
    let limit = params.number("limit", 1, ROWS_MAX)?.unwrap_or(ROWS);
    let client = params.text("client").map(str::to_owned);
    let own = || caller.name.clone().unwrap_or_default();
    let wanted = Wanted {
        after: params.number("after", 0, usize::MAX)?.unwrap_or(0) as u64,
        limit: limit + 1,
        // A bank finds its own alone.
        client: if caller.role == Role::Bank {
            Some(own())
        } else {
            client
        },
        subject,
        from: day("from")?.map(|day| zone.local(zone.day_start(day))),
        before: day("to")?.map(|day| zone.local(zone.day_end(day))),
    };
    Ok((wanted, limit))
}

/// One page of records, and whether there are more.
async fn found(
    state: &WebState,
    caller: &Caller,
    params: &Params,
) -> Result<(Vec<(u64, Lookup)>, bool), Problem> {
    let (wanted, limit) = wanted(state, caller, params)?;
    let mut rows = state.lookups.list(wanted).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, more))
}

/// `GET /v1/lookups?client=&subject=&from=&to=&after=&limit=`: records in order, paged by number; a bank gets its own.
///
/// # Errors
/// A problem document.
pub async fn list(
    State(state): State<WebState>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["client", "subject", "from", "to", "after", "limit"])?;
    let (rows, more) = found(&state, &caller, &params).await?;
    let next = rows.last().filter(|_| more).map(|(seq, _)| *seq);
    let shown = rows
        .iter()
        .map(|(seq, lookup)| lookup_json(Some(*seq), lookup));
    let shown: Vec<Value> = shown.collect();
    Ok(Json(json!({"lookups": shown, "next": next})))
}

/// `GET /lookups`: the same as a page, for auditors.
///
/// # Errors
/// A problem document.
pub async fn page(
    State(state): State<WebState>,
    caller: Caller,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["client", "subject", "from", "to", "after", "lang"])?;
    let lang = lang(&params)?;
    let (rows, more) = found(&state, &caller, &params).await?;
    let next = rows.last().filter(|_| more).map(|(seq, _)| *seq);
    let registry = state.directory.now();
    let row = |(seq, lookup): &(u64, Lookup)| LookupRow {
        seq: *seq,
        at: state
            .zone
            .text(Instant::from_unix(lookup.asked_at.timestamp())),
        client: lookup.client.clone(),
        checked: lookup.checked,
        subject: lookup.subject.map(|subject| {
            let unit = registry.enterprise(subject.as_str());
            let name = unit.map(|unit| name(&unit.names, lang));
            (subject.to_string(), name.filter(|name| !name.is_empty()))
        }),
        items: lookup.items,
        id: lookup.id.clone(),
        kept_until: lookup.kept_until().date_naive(),
    };
    let asked = ["client", "subject", "from", "to"];
    let asked = asked.map(|name| (name, params.text(name).unwrap_or("").to_owned()));
    Ok(html(lookups(&LookupsView {
        lang,
        asked: asked.into(),
        rows: rows.iter().map(row).collect(),
        next,
    })))
}
