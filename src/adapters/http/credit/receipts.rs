//! Receipts of look-ups: what is signed of one answer, and of a batch.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::hex;
use crate::adapters::http::state::WebState;
use crate::adapters::receipt;
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
        "rows": rows.len(),
    });
    if rows.len() <= ROWS_NAMED_MAX {
        payload["row_hashes"] = Value::from(rows);
    } else {
        payload["rows_root"] = Tree::new(&rows).root().into();
    }
    payload["ledger"] = json!([seq, hex(&head)]);
    payload["answer_sha256"] = receipt::digest(answer).into();
    state.receipts.sign(&payload)
}

/// Signs a batch over the root of its items; with `proofs` each item gets the steps that lead there.
#[must_use]
pub fn sign_batch(state: &WebState, view: &View, mut answer: Value, proofs: bool) -> Value {
    let (seq, head) = view.book.head();
    let items = answer["items"].as_array_mut();
    let items = items.expect("a batch has a list of items");
    let tree = Tree::new(items);
    let count = items.len();
    if proofs {
        for (at, item) in items.iter_mut().enumerate() {
            item["proof"] = tree.proof(at).into();
        }
    }
    let payload = json!({
        "items": count,
        "root": tree.root(),
        "on": answer["on"],
        "known_at": answer["known_at"],
        "asked_at": instant_text(view.asked_at),
        "rulebook": answer["rulebook"],
        "rulebook_sha256": answer["rulebook_sha256"],
        "ledger": [seq, hex(&head)],
    });
    answer["receipt"] = state.receipts.sign(&payload).into();
    answer
}

/// `GET /v1/receipts/keys`: the public keys receipts are checked with, oldest first; the last signs.
pub async fn keys(State(state): State<WebState>) -> Json<Value> {
    Json(json!({"keys": state.receipts.listed()}))
}
