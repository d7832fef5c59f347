//! What a receipt says, read as a stranger would.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::Value;
use skytier::adapters::receipt;

/// The part that is signed.
pub(crate) fn signed(receipt: &str) -> Value {
    let part = receipt.split('.').nth(2).expect("a payload");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The identifier of the record that its look-up left.
pub(crate) fn record(receipt: &str) -> String {
    let signed = signed(receipt);
    let asked_at = signed["asked_at"].as_str().expect("a time");
    let asked_at = DateTime::parse_from_rfc3339(asked_at).expect("a time");
    receipt::id(receipt, asked_at)
}
