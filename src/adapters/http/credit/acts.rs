//! Acts on the ledger: each a POST of its own fields, entered whole or not at all, with what it does to the tier.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;

use crate::adapters::credit_events::from_fields;
use crate::adapters::credit_events::views::entry_json;
use crate::adapters::credit_events::views::hex;
use crate::adapters::credit_events::views::promptness_json;
use crate::adapters::http::body::Body;
use crate::adapters::http::credit::second;
use crate::adapters::http::credit::uscc;
use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::dossier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::Entered;

/// The paths under a unit, and the kind of entry each takes.
pub const ACTS: [(&str, &str); 14] = [
    ("records", "record"),
    ("bonuses", "bonus"),
    ("revocations", "revoke"),
    ("notifications", "notify"),
    ("applications", "apply"),
    ("repairs", "repair"),
    ("objections", "objection"),
    ("settlements", "settle"),
    ("overrides", "override"),
    ("halts", "halt"),
    ("resumptions", "resume"),
    ("listings", "list"),
    ("delistings", "delist"),
    ("officials", "official"),
];

/// `POST /v1/enterprises/{uscc}/{act}` of no act there is.
pub async fn unknown(Path((code, act)): Path<(String, String)>) -> Problem {
    if let Err(problem) = uscc(&code) {
        return problem;
    }
    let act: String = act.chars().take(40).collect();
    let known = ACTS.map(|(path, _)| path).join(", ");
    Problem::NotFound(format!("no act {act}; there are {known}"))
}

/// `POST /v1/enterprises/{uscc}/` with a path of [`ACTS`]: enters one act; the body has its fields and `entered_by`.
///
/// # Errors
/// A problem document; nothing is entered then.
pub async fn act(
    op: &str,
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    Body(fields): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    let subject = uscc(&code)?;
    if op == second::OVERRIDE && !caller.is_open() {
        return second::propose(&state, &caller, &subject, fields.get()).await;
    }
    let now = state.moment();
    let mut event = from_fields(op, fields.get(), &subject, now)
        .map_err(|fault| Problem::bad("body", fault))?;
    event.entered_by = caller
        .actor(event.entered_by.as_deref())
        .map_err(|fault| Problem::bad("entered_by", fault))?;
    own_alone(&state, &caller, &event)?;
    let entered = enter(&state, &subject, event).await?;
    Ok(entered.into_response())
}

/// Refuses a unit what the authority gives: of bonuses it enters its commitment alone. What it sends itself counts from the
/// day it comes; only a clerk who enters a letter says when that came.
pub(super) fn own_alone(
    state: &WebState,
    caller: &Caller,
    event: &CreditEvent,
) -> Result<(), Problem> {
    if caller.role != Role::Enterprise {
        return Ok(());
    }
    let today = state.zone.local(state.now()).date_naive();
    let sent = match &event.body {
        EventBody::Bonus(bonus) => Some(bonus.date),
        EventBody::Objection(objection) => Some(objection.date),
        EventBody::Apply(application) => Some(application.date),
        _ => None,
    };
    let passed = sent.filter(|date| *date != today).map(|date| {
        let said = format!(
            "{date} is not today, {today}; what a unit sends itself counts from the day it comes"
        );
        Problem::bad("date", said)
    });
    let EventBody::Bonus(bonus) = &event.body else {
        return passed.map_or(Ok(()), Err);
    };
    let rulebook = state.tiering.schedule()?.on(bonus.date);
    let row = rulebook.bonus(&bonus.code).filter(|row| row.by_unit);
    if row.is_none() {
        let own = rulebook.parts().bonuses.iter().filter(|row| row.by_unit);
        let own: Vec<&str> = own.map(|row| row.code.as_str()).collect();
        return Err(Problem::Forbidden(format!(
            "{} is entered by the authority; a unit itself enters {}",
            bonus.code,
            own.join(", ")
        )));
    }
    passed.map_or(Ok(()), Err)
}

/// Enters an act: its row, and the tier before and after.
pub(super) async fn enter(
    state: &WebState,
    subject: &Uscc,
    event: CreditEvent,
) -> Result<Json<Value>, Problem> {
    let today = event.captured_at.date_naive();
    let before = state.tiering.now();
    let was = state.tiering.rate(before.ledger(), subject, today, None)?;
    let Entered {
        book,
        seq,
        stood_already,
    } = state.tiering.act(subject, event).await?;
    let is = state.tiering.rate(book.ledger(), subject, today, None)?;
    let entered = book.row(seq).ok_or(Problem::Internal)?;
    let rulebook = state.tiering.rulebook(today);
    let prompt = |rulebook| dossier::promptness(entered.event, rulebook, &state.workdays);
    let promptness = rulebook.and_then(prompt);
    Ok(Json(json!({
        "subject": subject.as_str(),
        "seq": entered.seq,
        "hash": hex(&entered.hash),
        "entered": entry_json(entered.event),
        "stood_already": stood_already,
        "promptness": promptness.map(|promptness| promptness_json(&promptness)),
        "before": short(&was),
        "after": short(&is),
    })))
}

fn short(rating: &Rating) -> Value {
    json!({
        "on": rating.on.to_string(),
        "rulebook": rating.rulebook,
        "rulebook_sha256": rating.rulebook_sha256,
        "score": rating.score,
        "tier": rating.tier.as_str(),
        "next_change": rating.next_change.map(|next| json!({
            "date": next.date.to_string(), "score": next.score, "tier": next.tier.as_str(),
        })),
    })
}
