//! Opening a sealed record: an auditor reads what a repair hides, for a reason that the audit log keeps.

use axum::Extension;
use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::views::entry_json;
use crate::adapters::credit_events::views::hex;
use crate::adapters::http::body::Body;
use crate::adapters::http::credit::known_unit;
use crate::adapters::http::credit::seals;
use crate::adapters::http::error::Problem;
use crate::adapters::http::guard::noting::Audited;
use crate::adapters::http::guard::noting::record;
use crate::adapters::http::state::WebState;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::check_document;

/// Which record, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    id: String,
    reason: String,
}

/// `POST /v1/enterprises/{uscc}/openings`: a sealed record, whole. The reason is in the audit log before the answer goes out.
///
/// # Errors
/// A problem document; nothing is shown then.
pub async fn open(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<(Extension<Audited>, Json<Value>), Problem> {
    let subject = known_unit(&state, &code, &caller, None)?;
    check_document(&asked.reason).map_err(|fault| Problem::bad("reason", fault))?;
    let book = state.tiering.now();
    let sealed = seals(&state, &book, &subject)?;
    let own = |id: Option<&str>| id == Some(asked.id.as_str());
    let row = book.rows_of(&subject).find(|row| own(row.event.own_id()));
    let row = row.filter(|_| sealed.contains_key(&asked.id));
    let row = row.ok_or_else(|| {
        let id: String = asked.id.chars().take(80).collect();
        Problem::NotFound(format!("no sealed record {id} of {subject}"))
    })?;
    let what = format!("{subject} {}", asked.id);
    let act = Act::by(&caller, state.now(), "record.open", &what).with(&asked.reason);
    record(&state.access, vec![act]).await?;
    Ok((
        Extension(Audited),
        Json(json!({
            "subject": subject.as_str(),
            "seq": row.seq,
            "hash": hex(&row.hash),
            "entered": entry_json(row.event),
        })),
    ))
}
