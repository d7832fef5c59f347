//! The record that each look-up leaves, and how it is found again.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::adapters::receipt;
use crate::adapters::receipt::PublicKey;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::credit::lookup::CLIENT_BYTES_MAX;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::View;

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
    let id = receipt::id(receipt);
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

/// `GET /v1/lookups/{id}`: the record of a look-up, with what its receipt signs.
///
/// # Errors
/// A problem document.
pub async fn one(
    State(state): State<WebState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let found = state.lookups.find(&id).await?;
    // A bank finds its own alone, and of others not even that they are there.
    let own = |lookup: &Lookup| lookup.checked && lookup.client == caller.name;
    let found = found.filter(|(_, lookup)| caller.role != Role::Bank || own(lookup));
    let shown: String = id.chars().take(80).collect();
    let (seq, lookup) = found.ok_or_else(|| {
        Problem::NotFound(format!(
            "no look-up {shown}; its id is in the answer's head, skytier-lookup"
        ))
    })?;
    let keys: Vec<PublicKey> = state
        .receipts
        .public()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    Ok(Json(json!({
        "id": lookup.id,
        "seq": seq,
        "asked_at": instant_text(lookup.asked_at),
        "client": lookup.client.as_ref().filter(|_| lookup.checked),
        "claimed_client": lookup.client.as_ref().filter(|_| !lookup.checked),
        "subject": lookup.subject.map(|subject| subject.to_string()),
        "items": lookup.items,
        "signed": receipt::verify(&lookup.receipt, &keys).ok(),
        "receipt": lookup.receipt,
    })))
}
