//! Receipts: what was answered, signed so that a stranger can check it later without us.
//!
//! A receipt is one word of printable characters, `skr1.KEY.PAYLOAD.SIGNATURE`: the version with the algorithm, the key's
//! identifier, the payload as JSON in base64url, and a signature of 64 bytes over all that stands before it, Ed25519 or, with
//! `skr1-sm2`, SM2 ([`key`]). There is one way to write each, so a receipt with any byte changed is no receipt. A batch has
//! one receipt over the root of a tree of its answers ([`merkle`]), and each answer can be proved from it alone.
//!
//! Keys are renewed: the newest signs, older ones go on verifying what they signed.

pub mod key;
pub mod merkle;

mod strict;

use crate::adapters::credit_events::views::hex;
use crate::adapters::receipt::key::Algorithm;
use crate::adapters::receipt::key::PublicKey;
use crate::adapters::receipt::key::Secret;
use crate::adapters::receipt::key::Signing;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use chrono::FixedOffset;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

/// Longest receipt, in bytes.
pub const RECEIPT_BYTES_MAX: usize = 2_048;
/// What the receipt of a batch vouches for beside its items.
const BATCH_HEAD: [&str; 4] = ["on", "known_at", "rulebook", "rulebook_sha256"];
/// Characters of a receipt's identifier, and how many of them say when it was asked for.
const RECEIPT_ID_CHARS: usize = 32;
const RECEIPT_ID_TIME_CHARS: usize = 14;

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Not of the form.
    #[error("not a receipt: {0}")]
    Form(&'static str),
    /// Signed by a key that was not given.
    #[error("signed by key {found}; the keys given are {given}")]
    OtherKey {
        /// Identifier in the receipt.
        found: String,
        /// Identifiers of the keys given.
        given: String,
    },
    /// The signature is not of this payload.
    #[error("the signature does not fit: the receipt was changed or forged")]
    Signature,
    /// The answer it came with is another one.
    #[error("the receipt is not of this answer: {0}")]
    Answer(String),
    /// The text of a key is none.
    #[error(
        "{0:?} is no public key; write the 64 hexadecimal digits (SM2: 130) that `skytier receipt key` prints"
    )]
    Key(String),
}

/// Bytes as hexadecimal digits in small letters, two each.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let small = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if text.len() != 2 * N || !text.as_bytes().iter().all(small) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The keys of a daemon, oldest first: the last signs.
#[derive(Clone)]
pub struct Keys {
    keys: Vec<(Signing, String)>,
    /// Identifier and algorithm of the last.
    signing: (String, Algorithm),
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids = self.keys.iter().map(|(key, _)| key.public().id());
        f.debug_list().entries(ids).finish()
    }
}

impl Keys {
    /// From secrets, oldest first; `None` without any, or with one that is none of its algorithm.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Option<Keys> {
        let key = |secret: &Secret| Some((Signing::new(secret)?, secret.created.clone()));
        let keys: Vec<_> = secrets.iter().map(key).collect::<Option<_>>()?;
        let last = keys.last()?.0.public();
        let signing = (last.id(), last.algorithm());
        Some(Keys { keys, signing })
    }

    /// How the key that signs does so.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.signing.1
    }

    /// The public keys with when each was made, oldest first.
    #[must_use]
    pub fn public(&self) -> Vec<(PublicKey, &str)> {
        let keys = self.keys.iter();
        keys.map(|(key, created)| (key.public(), created.as_str()))
            .collect()
    }

    /// The public keys as every interface prints them, oldest first; the last signs.
    #[must_use]
    pub fn listed(&self) -> Vec<Value> {
        let public = self.public();
        let last = public.len() - 1;
        let line = |(at, (key, created)): (usize, &(PublicKey, &str))| {
            let signs = at == last;
            json!({"key_id": key.id(), "algorithm": key.algorithm().name(), "public_key": key.text(),
                "created": created, "signs": signs})
        };
        public.iter().enumerate().map(line).collect()
    }

    /// Signs a payload with the newest key.
    #[must_use]
    pub fn sign(&self, payload: &impl Serialize) -> String {
        let (key, _) = self.keys.last().expect("there is a key at least");
        let (id, algorithm) = &self.signing;
        let mut text = format!("{}.{id}.", algorithm.head());
        let payload = serde_json::to_string(payload).expect("plain data is always JSON");
        URL_SAFE_NO_PAD.encode_string(payload, &mut text);
        let signature = key.sign(&text);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        text
    }
}

/// Checks a receipt against the keys given; its payload.
///
/// # Errors
/// What makes it no proof.
pub fn verify(receipt: &str, keys: &[PublicKey]) -> Result<Value, ReceiptFault> {
    if receipt.len() > RECEIPT_BYTES_MAX {
        return Err(ReceiptFault::Form("longer than 2,048 bytes"));
    }
    let parts: Vec<&str> = receipt.split('.').collect();
    let [head, id, payload, signature] = parts.as_slice() else {
        return Err(ReceiptFault::Form(
            "four parts with points between are expected",
        ));
    };
    if Algorithm::ALL.iter().all(|one| one.head() != *head) {
        return Err(ReceiptFault::Form(
            "it begins with neither skr1 nor skr1-sm2",
        ));
    }
    let Some(key) = keys.iter().find(|key| key.id() == *id) else {
        let given: Vec<String> = keys.iter().map(PublicKey::id).collect();
        return Err(ReceiptFault::OtherKey {
            found: (*id).to_owned(),
            given: given.join(", "),
        });
    };
    if key.algorithm().head() != *head {
        return Err(ReceiptFault::Form(
            "its head names another algorithm than its key has",
        ));
    }
    let bytes = URL_SAFE_NO_PAD.decode(signature);
    let bytes = bytes.map_err(|_| ReceiptFault::Form("the signature is not base64url"))?;
    let bytes = <[u8; 64]>::try_from(bytes);
    let signature = bytes.map_err(|_| ReceiptFault::Form("the signature has not 64 bytes"))?;
    let signed = &receipt[..receipt.len() - parts[3].len() - 1];
    if !key.fits(signed, &signature) {
        return Err(ReceiptFault::Signature);
    }
    unpacked(payload)
}

fn unpacked(payload: &str) -> Result<Value, ReceiptFault> {
    let json = URL_SAFE_NO_PAD.decode(payload);
    let json = json.map_err(|_| ReceiptFault::Form("the payload is not base64url"))?;
    serde_json::from_slice(&json).map_err(|_| ReceiptFault::Form("the payload is not JSON"))
}

/// The rows of the ledger a receipt names, by number and hash, whoever signed it: the last one there was, and those it rests
/// on. None of what is no receipt.
#[must_use]
pub fn rows_named(receipt: &str) -> Vec<(u64, String)> {
    let payload = receipt.split('.').nth(2).map(unpacked);
    let Some(Ok(payload)) = payload else {
        return Vec::new();
    };
    let row = |named: &Value| Some((named[0].as_u64()?, named[1].as_str()?.to_owned()));
    let behind = payload["row_hashes"].as_array();
    let behind = behind.into_iter().flatten().filter_map(row);
    row(&payload["ledger"]).into_iter().chain(behind).collect()
}

/// Identifier of a receipt: when it was asked for, in microseconds since 1970 as 14 hexadecimal digits, and the first 18 of
/// its SHA-256. Those of one time stand together in the store's index, so a record costs it no page of its own.
#[must_use]
pub fn id(receipt: &str, asked_at: DateTime<FixedOffset>) -> String {
    let micros = asked_at.timestamp_micros().max(0);
    let mut id = format!("{micros:0RECEIPT_ID_TIME_CHARS$x}");
    id.push_str(&hex(&Sha256::digest(receipt.as_bytes())));
    id.truncate(RECEIPT_ID_CHARS);
    id
}

/// Digest of an answer as it is printed, without its receipt.
#[must_use]
pub fn digest(printed: &str) -> String {
    hex(&Sha256::digest(printed.as_bytes()))
}

/// Reads JSON in which every key stands once.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Value, ReceiptFault> {
    strict::read(text).map_err(ReceiptFault::Answer)
}

/// Checks the text of an answer with the receipt it carries: one unit's, a whole batch, or one answer of a batch with its
/// proof. Nothing may stand in it that the receipt does not vouch for.
///
/// # Errors
/// What makes it no proof.
pub fn verify_answer(text: &str, keys: &[PublicKey]) -> Result<Value, ReceiptFault> {
    let mut answer = strict::read(text).map_err(ReceiptFault::Answer)?;
    let fields = answer.as_object_mut();
    let fields = fields.ok_or(ReceiptFault::Form(
        "neither a receipt nor an answer with one",
    ))?;
    let receipt = fields.shift_remove("receipt");
    let receipt = receipt.as_ref().and_then(Value::as_str);
    let receipt = receipt.ok_or(ReceiptFault::Form("the answer carries no receipt"))?;
    let payload = verify(receipt, keys)?;
    if let Some(digest_signed) = payload["answer_sha256"].as_str() {
        if digest(&answer.to_string()) != digest_signed {
            return Err(other("a field of the answer was changed"));
        }
        return Ok(payload);
    }
    let root = payload["root"].as_str().unwrap_or_default();
    match answer.get("item").cloned() {
        Some(item) => {
            known(&answer, &["item"])?;
            if !proved(item, root)? {
                return Err(other("the item carries no proof"));
            }
        }
        None => whole_batch(answer, &payload, root)?,
    }
    Ok(payload)
}

fn other(said: &str) -> ReceiptFault {
    ReceiptFault::Answer(said.to_owned())
}

/// Refuses fields beside those that the receipt vouches for.
fn known(answer: &Value, names: &[&str]) -> Result<(), ReceiptFault> {
    let fields = answer.as_object().into_iter().flat_map(Map::keys);
    match fields
        .into_iter()
        .find(|name| !names.contains(&name.as_str()))
    {
        Some(name) => Err(other(&format!("field {name:?} is not what was signed"))),
        None => Ok(()),
    }
}

/// Whether an item carries a proof; one that does not lead to the root is a fault.
fn proved(mut item: Value, root: &str) -> Result<bool, ReceiptFault> {
    let fields = item.as_object_mut();
    let Some(proof) = fields.and_then(|fields| fields.shift_remove("proof")) else {
        return Ok(false);
    };
    let steps = proof
        .as_array()
        .map(|steps| steps.iter().map(Value::as_str));
    let steps: Option<Vec<&str>> = steps.and_then(Iterator::collect);
    let climbed = steps.and_then(|steps| merkle::climb(&item, &steps));
    if climbed.is_some_and(|climbed| climbed == root) {
        Ok(true)
    } else {
        Err(other("the item's proof does not lead to the signed root"))
    }
}

fn whole_batch(mut answer: Value, payload: &Value, root: &str) -> Result<(), ReceiptFault> {
    let names = [&BATCH_HEAD[..], &["items"]].concat();
    known(&answer, &names)?;
    let items = answer.get_mut("items").and_then(Value::as_array_mut);
    let items = items.ok_or_else(|| other("it has neither items nor an item"))?;
    let count = items.len() as u64;
    if payload["items"].as_u64() != Some(count) {
        return Err(other("items were added or taken away"));
    }
    let plain = |item: &Value| {
        let mut item = item.clone();
        if let Some(fields) = item.as_object_mut() {
            fields.shift_remove("proof");
        }
        item
    };
    let plain: Vec<Value> = items.iter().map(plain).collect();
    if merkle::Tree::new(&plain).root() != root {
        return Err(other("an item of the answer was changed or moved"));
    }
    for item in items.drain(..) {
        proved(item, root)?;
    }
    match BATCH_HEAD
        .iter()
        .find(|field| answer.get(**field) != payload.get(**field))
    {
        Some(field) => Err(other(&format!("{field} was changed"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
