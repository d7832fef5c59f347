//! Receipts of look-ups: what is signed of one answer, and of a batch.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::hex;
use crate::adapters::http::state::WebState;
use crate::adapters::receipt;
use crate::adapters::receipt::merkle::Leaf;
use crate::adapters::receipt::merkle::Tree;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::View;
use crate::flow::tiering::book::Book;

/// Rows of the ledger named one by one; more are named by the root of a tree over them.
const ROWS_NAMED_MAX: usize = 6;

/// The rows a rating rests on, by number and hash.
fn rows(book: &Book, subject: &Uscc, rating: &Rating) -> Vec<Value> {
    let ids: BTreeSet<&str> = rating
        .reasons
        .iter()
        .map(|reason| reason.id.as_str())
        .collect();
    let behind = book.rows_of(subject);
    let behind = behind.filter(|row| row.event.own_id().is_some_and(|id| ids.contains(id)));
    behind.map(|row| json!([row.seq, hex(&row.hash)])).collect()
}

/// Signs an answer about one unit: what it says, what it rests on, and a digest of all of it.
#[must_use]
pub fn sign(
    state: &WebState,
    view: &View,
    subject: &Uscc,
    rating: &Rating,
    answer: &Value,
) -> String {
    let rows = rows(&view.book, subject, rating);
    let (seq, head) = view.book.head();
    let official = rating.official.as_ref();
    let tariff = &answer["tariff_tier"];
    // What a snapshot still to come will show is no fact to sign.
    let tariff_tier = (tariff["forecast"] == false).then(|| tariff["tier"].clone());
    let mut payload = json!({
        "subject": subject.as_str(),
        "on": rating.on.to_string(),
        "known_at": answer["computed"]["known_at"],
        "asked_at": instant_text(view.asked_at),
        "client_ref": answer["client_ref"],
        "official": official.map(|official| {
            json!({"tier": official.tier.as_str(), "as_of": official.as_of.to_string()})
        }),
        "score": rating.score,
        "tier": rating.tier.as_str(),
        "confidence": rating.confidence.as_str(),
        "tariff_tier": tariff_tier,
        "rulebook": rating.rulebook,
        "rulebook_sha256": rating.rulebook_sha256,
        // Which entries there are, and how many, is a detail; the root of all of them tells neither.
        "rows": (answer["details"] == true).then_some(rows.len()),
    });
    if rows.len() <= ROWS_NAMED_MAX && answer["details"] == true {
        payload["row_hashes"] = Value::from(rows);
    } else {
        payload["rows_root"] = Tree::new(&rows).root().into();
    }
    payload["ledger"] = json!([seq, hex(&head)]);
    payload["answer_sha256"] = receipt::digest(answer).into();
    state.receipts.sign(&payload)
}

/// What a batch says of all its items.
#[derive(Serialize)]
pub struct BatchHead<'a> {
    /// The day.
    pub on: String,
    /// What was known.
    pub known_at: String,
    /// The rulebook of the day.
    pub rulebook: &'a str,
    /// Its digest.
    pub rulebook_sha256: &'a str,
}

/// The answer of a batch, signed over the root of its items, and its receipt; with `proofs` each item gets the steps that lead there.
#[must_use]
pub fn sign_batch(
    state: &WebState,
    view: &View,
    head: &BatchHead<'_>,
    items: Vec<Leaf>,
    proofs: bool,
) -> (String, String) {
    let (seq, hash) = view.book.head();
    let tree = Tree::over(&items);
    let payload = json!({
        "items": items.len(),
        "root": tree.root(),
        "on": head.on,
        "known_at": head.known_at,
        "asked_at": instant_text(view.asked_at),
        "rulebook": head.rulebook,
        "rulebook_sha256": head.rulebook_sha256,
        "ledger": [seq, hex(&hash)],
    });
    let receipt = state.receipts.sign(&payload);
    let head = serde_json::to_string(head).expect("plain data is always JSON");
    let mut text = head.trim_end_matches('}').to_owned();
    text.reserve(items.iter().map(|item| item.text.len() + 1).sum());
    text.push_str(",\"items\":[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        if proofs {
            let proof = json!(tree.proof(at)).to_string();
            text.push_str(&item.text[..item.text.len() - 1]);
            text.push_str(",\"proof\":");
            text.push_str(&proof);
            text.push('}');
        } else {
            text.push_str(&item.text);
        }
    }
    text.push_str("],\"receipt\":\"");
    text.push_str(&receipt);
    text.push_str("\"}");
    (text, receipt)
}

/// `GET /v1/receipts/keys`: the public keys receipts are checked with, oldest first; the last signs.
pub async fn keys(State(state): State<WebState>) -> Json<Value> {
    Json(json!({"keys": state.receipts.listed()}))
}
