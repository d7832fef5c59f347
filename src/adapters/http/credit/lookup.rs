//! Tiers of many units in one request, answered in their order.

use axum::Json;
use axum::extract::State;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::official_json;
use crate::adapters::http::body::Body;
use crate::adapters::http::credit::client_ref;
use crate::adapters::http::credit::is_known;
use crate::adapters::http::credit::receipts::sign_batch;
use crate::adapters::http::credit::view;
use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::domain::calendar::YEARS;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::book::Book;

/// Most units of one request.
const ITEMS_MAX: usize = 10_000;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    on: Option<NaiveDate>,
    known_at: Option<DateTime<FixedOffset>>,
    proofs: Option<bool>,
    items: Vec<Item>,
}

/// One unit asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    subject: String,
    client_ref: Option<String>,
}

/// `POST /v1/tiers/lookup`: up to 10,000 units; one that cannot be answered has an `error` in its place.
///
/// # Errors
/// A problem document.
pub async fn lookup(
    State(state): State<WebState>,
    Body(asked): Body<Asked>,
) -> Result<Json<Value>, Problem> {
    if asked.items.len() > ITEMS_MAX {
        let said = format!(
            "{} items; at most {ITEMS_MAX} in one request, send the rest in another",
            asked.items.len()
        );
        return Err(Problem::bad("items", said));
    }
    let today = state.zone.local(state.now()).date_naive();
    let on = asked.on.unwrap_or(today);
    if !YEARS.contains(&chrono::Datelike::year(&on)) {
        return Err(Problem::bad("on", "a date such as 2020-06-30 is expected"));
    }
    for item in &asked.items {
        client_ref(item.client_ref.as_deref())?;
    }
    let view = view(&state, asked.known_at).await?;
    let (book, known_at) = (&view.book, view.known_at);
    let rulebook = state.tiering.rulebook(on);
    let answered = state.compute(|| {
        let items = asked.items.iter();
        let items = items.map(|item| answer(&state, book, item, on, known_at));
        let answered = json!({
            "on": on.to_string(),
            "known_at": instant_text(known_at),
            "rulebook": rulebook.map(|book| book.id()),
            "rulebook_sha256": rulebook.map(|book| book.sha256()),
            "items": items.collect::<Result<Vec<Value>, Problem>>()?,
        });
        let proofs = asked.proofs.unwrap_or(false);
        Ok(Json(sign_batch(&state, &view, answered, proofs)))
    });
    answered.await
}

fn answer(
    state: &WebState,
    book: &Book,
    item: &Item,
    on: NaiveDate,
    known_at: DateTime<FixedOffset>,
) -> Result<Value, Problem> {
    let wrong = |error: String| json!({"subject": item.subject, "client_ref": item.client_ref, "error": error});
    let subject = match Uscc::new(&item.subject) {
        Ok(subject) => subject,
        Err(fault) => return Ok(wrong(fault.to_string())),
    };
    if !is_known(state, book, &subject) {
        return Ok(wrong("not registered and not in the ledger".to_owned()));
    }
    let known = Some(known_at);
    let rating = state.tiering.rate(book.ledger(), &subject, on, known)?;
    let official = rating.official.as_ref();
    let (tariff, _) = state.tiering.tariff(book.ledger(), &subject, on, known)?;
    Ok(json!({
        "subject": item.subject,
        "client_ref": item.client_ref,
        "official": official_json(official),
        "computed": {
            "score": rating.score,
            "tier": rating.tier.as_str(),
            "confidence": rating.confidence.as_str(),
            "next_change": rating.next_change.map(|next| json!({
                "date": next.date.to_string(), "score": next.score, "tier": next.tier.as_str(),
            })),
        },
        "tariff_tier": {
            "snapshot": tariff.snapshot.to_string(),
            "from": tariff.from.to_string(),
            "to": tariff.to.to_string(),
            "tier": tariff.rating.tier.as_str(),
            "forecast": tariff.is_forecast(known_at),
            "red_repeated": tariff.red_repeated,
        },
        "agree": official.map(|official| official.tier == rating.tier),
    }))
}
