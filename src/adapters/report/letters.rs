//! Kept messages as JSON.

use std::borrow::Cow;

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

/// A message with its payload: as text where it is UTF-8, else its bytes in hexadecimal digits. The password in a frame of HJ
/// 212 is a device's own, and not shown.
pub fn whole(zone: Zone, kept: &Kept) -> Value {
    let mut shape = head(zone, kept);
    let payload = without_password(&kept.letter.topic, &kept.letter.payload);
    match std::str::from_utf8(&payload) {
        Ok(text) => shape["payload"] = json!(text),
        Err(_) => {
            shape["payload_hex"] = json!(hex(&payload));
        }
    }
    shape
}

/// What begins a frame of HJ 212, and the end of the topics of such.
const FRAME: &[u8] = b"##";
const FRAMES: &str = "/hj212";
/// The name of the password in a frame, and what stands behind it.
const PASSWORD: &[u8] = b"PW";
const NEXT: [u8; 2] = [b';', b','];
/// What is shown in place of a password.
const HIDDEN: &[u8] = b"***";

/// Bytes up to and with the sign behind a password's name, which may have blanks around it; `None` without one.
fn before_password(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = rest[at..]
        .windows(PASSWORD.len())
        .position(|part| part.eq_ignore_ascii_case(PASSWORD))
    {
        at += found + PASSWORD.len();
        // Blanks of any script: the reader of frames takes them all.
        let blanks = rest[at..]
            .iter()
            .take_while(|byte| !byte.is_ascii_graphic());
        let sign = at + blanks.count();
        if rest.get(sign) == Some(&b'=') {
            return Some(sign + 1);
        }
    }
    None
}

/// A payload with every password of a frame of HJ 212 in it left out; any other as it is.
pub fn without_password<'a>(topic: &str, payload: &'a [u8]) -> Cow<'a, [u8]> {
    let mut windows = payload.windows(FRAME.len());
    if !topic.ends_with(FRAMES) && !windows.any(|part| part == FRAME) {
        return Cow::Borrowed(payload);
    }
    let (mut shown, mut rest) = (Vec::with_capacity(payload.len()), payload);
    while let Some(at) = before_password(rest) {
        let (before, behind) = rest.split_at(at);
        shown.extend_from_slice(before);
        shown.extend_from_slice(HIDDEN);
        let end = behind.iter().position(|byte| NEXT.contains(byte));
        rest = &behind[end.unwrap_or(behind.len())..];
    }
    shown.extend_from_slice(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::domain::names::Source;
    use crate::ports::DeadLetter;
    use crate::ports::LetterState;

    fn check(topic: &str, payload: &[u8], key: &str, expected: &str) {
        let letter = DeadLetter {
            received_at: Instant::from_unix(0),
            origin: "mqtt:a".to_owned(),
            topic: topic.to_owned(),
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
        check("t", "{\"a\":1} 虹".as_bytes(), "payload", "{\"a\":1} 虹");
        check("t", b"", "payload", "");
        check("t", &[b'{', 0xff, 0x00], "payload_hex", "7bff00");
    }

    #[test]
    fn the_password_in_a_frame_is_not_shown() {
        for (payload, expected) in [
            (
                "##0010QN=1;ST=31;PW=123456;MN=A;CP=&&&&1C80",
                "##0010QN=1;ST=31;PW=***;MN=A;CP=&&&&1C80",
            ),
            ("##0010pw=123456", "##0010pw=***"),
            ("noise##PW=a;x##PW=b;y", "noise##PW=***;x##PW=***;y"),
            ("##0010PW=", "##0010PW=***"),
            ("##0010MN=A", "##0010MN=A"),
            // As the reader of frames takes it.
            ("##0010PW =123456;MN=A", "##0010PW =***;MN=A"),
            ("##0010QN=1,PW=123456,MN=A", "##0010QN=1,PW=***,MN=A"),
            ("##0010CP=&&PW&&,Pw\t= 1;", "##0010CP=&&PW&&,Pw\t=***;"),
            ("##0010PW\u{b}\u{3000}=1;", "##0010PW\u{b}\u{3000}=***;"),
            // No frame: whatever stands there is what was sent.
            ("{\"note\":\"PW=a;\"}", "{\"note\":\"PW=a;\"}"),
            ("#", "#"),
        ] {
            check("t", payload.as_bytes(), "payload", expected);
        }
        // Where only frames are sent, a piece of one is hidden too.
        let piece = b"ST=31;PW=123456;MN=A";
        check("p/loggers/A/hj212", piece, "payload", "ST=31;PW=***;MN=A");
        check("t", piece, "payload", "ST=31;PW=123456;MN=A");
        check("t", b"##PW=1;\xff", "payload_hex", "232350573d2a2a2a3bff");
    }
}
