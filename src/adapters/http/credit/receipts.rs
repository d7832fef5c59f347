//! Receipts of look-ups: what is signed of one answer, and of a batch.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::hex;
use crate::adapters::http::state::WebState;
use crate::adapters::receipt;
use crate::adapters::receipt::merkle::Leaf;
use crate::adapters::receipt::merkle::Tree;
use crate::domain::credit::Tier;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::View;
use crate::flow::tiering::book::Book;

/// Rows of the ledger named one by one; more are named by the root of a tree over them.
const ROWS_NAMED_MAX: usize = 6;

/// A row of the ledger by its number and hash.
type RowHash = (u64, String);

/// The rows a rating rests on, by number and hash.
fn rows(book: &Book, subject: &Uscc, rating: &Rating) -> Vec<RowHash> {
    let ids: BTreeSet<&str> = rating
        .reasons
        .iter()
        .map(|reason| reason.id.as_str())
        .collect();
    let behind = book.rows_of(subject);
    let behind = behind.filter(|row| row.event.own_id().is_some_and(|id| ids.contains(id)));
    behind.map(|row| (row.seq, hex(&row.hash))).collect()
}

/// The root of a tree over some rows.
fn root(rows: &[RowHash]) -> String {
    let leaf = |row| Leaf::new(json!(row).to_string());
    let leaves: Vec<Leaf> = rows.iter().map(leaf).collect();
    Tree::over(&leaves).root()
}

/// An answer about one unit to be signed.
pub struct Signed<'a> {
    /// The unit.
    pub subject: &'a Uscc,
    /// Its rating.
    pub rating: &'a Rating,
    /// Its tier of the tariffs, once that is a fact.
    pub tariff_tier: Option<Tier>,
    /// What the client asked to be signed.
    pub client_ref: Option<&'a str>,
    /// Whether the reader sees the details.
    pub details: bool,
    /// The answer as it is printed.
    pub printed: &'a str,
}

/// What a receipt says of one unit, fields in the order they were always written in.
#[derive(Serialize)]
struct Payload<'a> {
    subject: &'a str,
    on: NaiveDate,
    known_at: Option<String>,
    asked_at: String,
    client_ref: Option<&'a str>,
    official: Option<OfficialPart>,
    score: i32,
    tier: &'static str,
    confidence: &'static str,
    tariff_tier: Option<&'static str>,
    rulebook: &'a str,
    rulebook_sha256: &'a str,
    /// Which entries there are, and how many, is a detail; the root of all of them tells neither.
    rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_hashes: Option<Vec<RowHash>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_root: Option<String>,
    ledger: RowHash,
    answer_sha256: String,
}

#[derive(Serialize)]
struct OfficialPart {
    tier: &'static str,
    as_of: NaiveDate,
}

/// Signs an answer about one unit: what it says, what it rests on, and a digest of all of it as it is printed.
#[must_use]
pub fn sign(state: &WebState, view: &View, signed: &Signed<'_>) -> String {
    let rating = signed.rating;
    let rows = rows(&view.book, signed.subject, rating);
    let (seq, head) = view.book.head();
    let named = signed.details && rows.len() <= ROWS_NAMED_MAX;
    let payload = Payload {
        subject: signed.subject.as_str(),
        on: rating.on,
        known_at: rating.known_at.map(instant_text),
        asked_at: instant_text(view.asked_at),
        client_ref: signed.client_ref,
        official: rating.official.as_ref().map(|official| OfficialPart {
            tier: official.tier.as_str(),
            as_of: official.as_of,
        }),
        score: rating.score,
        tier: rating.tier.as_str(),
        confidence: rating.confidence.as_str(),
        tariff_tier: signed.tariff_tier.map(Tier::as_str),
        rulebook: &rating.rulebook,
        rulebook_sha256: &rating.rulebook_sha256,
        rows: signed.details.then_some(rows.len()),
        rows_root: (!named).then(|| root(&rows)),
        row_hashes: named.then_some(rows),
        ledger: (seq, hex(&head)),
        answer_sha256: receipt::digest(signed.printed),
    };
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
