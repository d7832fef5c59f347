//! Look-ups as lines of JSON, as they are stored.

use crate::adapters::credit_events::instant_text;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use std::borrow::Cow;

/// A stored look-up.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape<'a> {
    id: Cow<'a, str>,
    asked_at: Cow<'a, str>,
    client: Option<Cow<'a, str>>,
    /// Left out of lines of askers nobody checked, as all were once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    checked: bool,
    subject: Option<Cow<'a, str>>,
    items: u32,
    receipt: Cow<'a, str>,
}

/// A record as every interface prints it, without what its receipt signs.
#[must_use]
pub fn lookup_json(seq: Option<u64>, lookup: &Lookup) -> Value {
    json!({
        "id": lookup.id,
        "seq": seq,
        "asked_at": instant_text(lookup.asked_at),
        "kept_until": instant_text(lookup.kept_until()),
        "client": lookup.client.as_ref().filter(|_| lookup.checked),
        "claimed_client": lookup.client.as_ref().filter(|_| !lookup.checked),
        "subject": lookup.subject.map(|subject| subject.to_string()),
        "items": lookup.items,
    })
}

/// The line a look-up is stored as.
#[must_use]
pub fn to_line(lookup: &Lookup) -> String {
    let shape = Shape {
        id: Cow::from(&lookup.id),
        asked_at: Cow::from(instant_text(lookup.asked_at)),
        client: lookup.client.as_deref().map(Cow::from),
        checked: lookup.checked,
        subject: lookup.subject.as_ref().map(|own| Cow::from(own.as_str())),
        items: lookup.items,
        receipt: Cow::from(&lookup.receipt),
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a stored line.
///
/// # Errors
/// In words, when it is none.
pub fn from_line(line: &str) -> Result<Lookup, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let asked_at = DateTime::parse_from_rfc3339(&shape.asked_at);
    let subject = shape.subject.as_deref().map(Uscc::new).transpose();
    Ok(Lookup {
        id: shape.id.into_owned(),
        asked_at: asked_at.map_err(|fault| format!("asked_at: {fault}"))?,
        client: shape.client.map(Cow::into_owned),
        checked: shape.checked,
        subject: subject.map_err(|fault| fault.to_string())?,
        items: shape.items,
        receipt: shape.receipt.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use crate::adapters::credit_events::lookups::from_line;
    use crate::adapters::credit_events::lookups::to_line;

    #[test]
    fn a_line_is_read_back_and_another_is_refused() {
        let line = concat!(
            r#"{"id":"0f","asked_at":"2026-07-15T09:00:00.000001+08:00","client":"bank 7","#,
            r#""subject":"91999999MA1ABCDE8G","items":1,"receipt":"skr1.a.b.c"}"#
        );
        assert_eq!(
            from_line(line).map(|lookup| to_line(&lookup)),
            Ok(line.to_owned())
        );
        for (from, to) in [("8G", "8H"), ("T09", "T29"), ("items", "count"), ("{", "[")] {
            assert!(from_line(&line.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
