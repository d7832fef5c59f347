//! Time stamps of look-ups as lines of JSON, as they are stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::domain::credit::lookup::Stamp;

/// A stored stamp.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    id: String,
    at: String,
    authority: String,
    reply: String,
}

/// A stamp as every interface tells of it, without the authority's answer.
#[must_use]
pub fn stamp_json(stamp: &Stamp) -> Value {
    json!({"at": instant_text(stamp.at), "authority": stamp.authority, "bytes": stamp.reply.len()})
}

/// The line a stamp is stored as.
#[must_use]
pub fn to_line(stamp: &Stamp) -> String {
    let shape = Shape {
        id: stamp.id.clone(),
        at: instant_text(stamp.at),
        authority: stamp.authority.clone(),
        reply: STANDARD.encode(&stamp.reply),
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a stored line.
///
/// # Errors
/// In words, when it is none.
pub fn from_line(line: &str) -> Result<Stamp, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let at = DateTime::parse_from_rfc3339(&shape.at);
    let reply = STANDARD.decode(&shape.reply);
    Ok(Stamp {
        id: shape.id,
        at: at.map_err(|fault| format!("at: {fault}"))?,
        authority: shape.authority,
        reply: reply.map_err(|fault| format!("reply: {fault}"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_and_another_is_refused() {
        let line = r#"{"id":"0f","at":"2026-07-15T01:00:00+00:00","authority":"http://tsa.example/","reply":"MAA="}"#;
        let read = from_line(line).map(|stamp| to_line(&stamp));
        assert_eq!(read, Ok(line.to_owned()));
        for (from, to) in [
            ("T01", "T31"),
            ("reply", "answer"),
            ("MAA=", "MAA"),
            ("{", "["),
        ] {
            assert!(from_line(&line.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
