//! Acts that take two persons: one enters, another with the right confirms, and only then the ledger has it.
//!
//! Both are whoever asks; while there is no access control the body names both, as it always did.

use axum::Extension;
use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use chrono::DateTime;
use chrono::FixedOffset;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::access::Access;
use crate::adapters::access::pending::Pending;
use crate::adapters::credit_events::from_fields;
use crate::adapters::http::body::Body;
use crate::adapters::http::credit::acts::enter;
use crate::adapters::http::credit::uscc;
use crate::adapters::http::error::Problem;
use crate::adapters::http::guard::noting::Audited;
use crate::adapters::http::login::fault;
use crate::adapters::http::login::work;
use crate::adapters::http::state::WebState;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::ledger::act::check;
use crate::domain::credit::uscc::Uscc;

/// The kind of act that takes two.
pub(super) const OVERRIDE: &str = "override";
/// Who stands for the second person while there is none.
const NOBODY: &str = "?";

/// A body with nothing in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The event of fields that leave out who approves.
fn approved(
    fields: &str,
    subject: &Uscc,
    now: DateTime<FixedOffset>,
    persons: [&str; 2],
) -> Result<CreditEvent, Problem> {
    let wrong = |fault: &dyn std::fmt::Display| Problem::bad("body", fault);
    let mut map: Map<String, Value> =
        serde_json::from_str(fields).map_err(|fault| wrong(&fault))?;
    map.insert("approved_by".to_owned(), json!(persons));
    map.insert("entered_by".to_owned(), json!(persons[0]));
    let whole = Value::Object(map).to_string();
    from_fields(OVERRIDE, &whole, subject, now).map_err(|fault| wrong(&fault))
}

/// Takes an act in that waits for a second person.
pub(super) async fn propose(
    state: &WebState,
    caller: &Caller,
    subject: &Uscc,
    fields: &str,
) -> Result<Response, Problem> {
    let name = caller.name.clone().ok_or(Problem::Internal)?;
    let given: Map<String, Value> =
        serde_json::from_str(fields).map_err(|fault| Problem::bad("body", fault))?;
    if given.contains_key("approved_by") {
        return Err(Problem::bad(
            "approved_by",
            "leave it out: whoever enters and whoever confirms are the two",
        ));
    }
    let by = given.get("entered_by").and_then(Value::as_str);
    caller
        .actor(by)
        .map_err(|fault| Problem::bad("entered_by", fault))?;
    let event = approved(fields, subject, state.moment(), [&name, NOBODY])?;
    check(&event).map_err(|fault| Problem::Refused(fault.to_string()))?;
    state.tiering.tried(&state.tiering.now(), vec![event])?;
    let new = Pending {
        id: 0,
        subject: subject.to_string(),
        act: OVERRIDE.to_owned(),
        fields: fields.to_owned(),
        entered_by: name,
        entered_at: state.now(),
    };
    let act = Act::by(caller, state.now(), "override.enter", subject.as_str());
    let id = work(state, move |access| access.keep_pending(&new, act)).await?;
    let id = id.map_err(fault)?;
    let answer = json!({
        "pending": id,
        "confirm": format!("/v1/pending/{id}/confirm"),
        "needs": "another person with the right to confirm it",
    });
    Ok((StatusCode::ACCEPTED, Extension(Audited), Json(answer)).into_response())
}

async fn found(state: &WebState, id: &str) -> Result<Pending, Problem> {
    let missing = || {
        let id: String = id.chars().take(40).collect();
        Problem::NotFound(format!("no act {id} waits; GET /v1/pending lists them"))
    };
    let number: u64 = id.parse().map_err(|_| missing())?;
    let waits = work(state, move |access| access.waits(number)).await??;
    waits.ok_or_else(missing)
}

/// `GET /v1/pending`: acts that wait for a second person.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>) -> Result<Json<Value>, Problem> {
    let waiting = work(&state, Access::waiting).await??;
    let row = |pending: &Pending| {
        let fields: Value = serde_json::from_str(&pending.fields).unwrap_or_default();
        json!({
            "id": pending.id, "subject": pending.subject, "act": pending.act, "fields": fields,
            "entered_by": pending.entered_by, "entered_at": state.zone.text(pending.entered_at),
        })
    };
    let rows: Vec<Value> = waiting.iter().map(row).collect();
    Ok(Json(json!({ "pending": rows })))
}

/// `POST /v1/pending/{id}/confirm`: enters an act that another person entered.
///
/// # Errors
/// A problem document; nothing is entered then.
pub async fn confirm(
    State(state): State<WebState>,
    Path(id): Path<String>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<(Extension<Audited>, Json<Value>), Problem> {
    let pending = found(&state, &id).await?;
    let name = caller.name.clone().ok_or_else(|| {
        Problem::Refused("who confirms must be known; nobody was given access yet".to_owned())
    })?;
    if name == pending.entered_by {
        return Err(Problem::Refused(format!(
            "{name:?} entered it; another person must confirm it"
        )));
    }
    let subject = uscc(&pending.subject)?;
    let persons = [pending.entered_by.as_str(), &name];
    let event = approved(&pending.fields, &subject, state.moment(), persons)?;
    // An act that stands already is answered with its row: a confirmation that broke off can be sent again.
    let answer = enter(&state, &subject, event).await?;
    let act = Act::by(&caller, state.now(), "override.confirm", subject.as_str());
    let act = act.with(format!("{}, entered by {}", pending.id, pending.entered_by));
    let number = pending.id;
    let ended = work(&state, move |access| {
        access.end_pending(number, "confirmed", act)
    });
    ended.await?.map_err(fault)?;
    Ok((Extension(Audited), answer))
}

/// `POST /v1/pending/{id}/reject`: lets an act that waits go; whoever entered it may, too.
///
/// # Errors
/// A problem document.
pub async fn reject(
    State(state): State<WebState>,
    Path(id): Path<String>,
    caller: Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<(Extension<Audited>, Json<Value>), Problem> {
    let pending = found(&state, &id).await?;
    let act = Act::by(&caller, state.now(), "override.reject", &pending.subject);
    let act = act.with(format!("{}, entered by {}", pending.id, pending.entered_by));
    let number = pending.id;
    let ended = work(&state, move |access| {
        access.end_pending(number, "rejected", act)
    });
    ended.await?.map_err(fault)?;
    Ok((Extension(Audited), Json(json!({ "rejected": number }))))
}
