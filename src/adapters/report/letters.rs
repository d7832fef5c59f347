//! Kept messages as JSON.

use serde_json::Value;
use serde_json::json;

use crate::adapters::hex::hex;
use crate::domain::calendar::Zone;
use crate::ports::Kept;

/// A message without its payload.
pub fn head(zone: Zone, kept: &Kept) -> Value {
    let tries = kept.tries.iter().map(|tried| {
        json!({
            "at": zone.text(tried.at),
            "state": tried.state.key(),
            "reason": tried.reason,
        })
    });
    json!({
        "id": kept.id,
        "received_at": zone.text(kept.letter.received_at),
        "origin": kept.letter.origin,
        "topic": kept.letter.topic,
        "source": kept.letter.source.to_string(),
        "state": kept.state().key(),
        "reason": kept.reason(),
        "first_reason": kept.letter.reason,
        "payload_bytes": kept.letter.payload.len(),
        "tries": tries.collect::<Vec<_>>(),
    })
}

/// A message with its payload: as text where it is UTF-8, else its bytes in hexadecimal digits.
pub fn whole(zone: Zone, kept: &Kept) -> Value {
    let mut shape = head(zone, kept);
    match std::str::from_utf8(&kept.letter.payload) {
        Ok(text) => shape["payload"] = json!(text),
        Err(_) => {
            shape["payload_hex"] = json!(hex(&kept.letter.payload));
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::domain::names::Source;
    use crate::ports::DeadLetter;
    use crate::ports::LetterState;

    fn check(payload: &[u8], key: &str, expected: &str) {
        let letter = DeadLetter {
            received_at: Instant::from_unix(0),
            origin: "mqtt:a".to_owned(),
            topic: "t".to_owned(),
            source: Source::parse("stations/A").expect("a source"),
            payload: payload.to_vec(),
            state: LetterState::Dead,
            reason: "no".to_owned(),
        };
        let (id, tries) = (1, Vec::new());
        let shape = whole(Zone::beijing(), &Kept { id, letter, tries });
        assert_eq!(shape[key], json!(expected), "{shape}");
        let keys = ["payload", "payload_hex"].map(|key| shape.get(key).is_some());
        assert_eq!(
            keys.into_iter().filter(|given| *given).count(),
            1,
            "{shape}"
        );
    }

    #[test]
    fn a_payload_is_text_where_it_can_be() {
        check("{\"a\":1} 虹".as_bytes(), "payload", "{\"a\":1} 虹");
        check(b"", "payload", "");
        check(&[b'{', 0xff, 0x00], "payload_hex", "7bff00");
    }
}
