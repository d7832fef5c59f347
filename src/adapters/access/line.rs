//! Acts as lines of JSON, as the audit log holds them.

use serde::Deserialize;
use serde::Serialize;

use crate::adapters::store::embedded::chain::Chain;
use crate::domain::access::Act;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;

/// The audit log.
pub(super) const AUDIT: Chain<Act, String> = Chain::new("audit", to_line, from_line);

/// A stored act.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    at: String,
    who: Option<String>,
    role: Option<String>,
    via: String,
    what: String,
    about: String,
    detail: String,
    address: Option<String>,
    count: u64,
    request: Option<String>,
}

/// The line an act is stored as.
#[must_use]
pub fn to_line(act: &Act) -> String {
    let shape = Shape {
        at: Zone::beijing().text(act.at),
        who: act.who.clone(),
        role: act.role.map(|role| role.key().to_owned()),
        via: act.via.clone(),
        what: act.what.clone(),
        about: act.about.clone(),
        detail: act.detail.clone(),
        address: act.address.clone(),
        count: act.count,
        request: act.request_id.clone(),
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a stored line.
///
/// # Errors
/// In words, when it is none.
pub fn from_line(line: &str) -> Result<Act, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let at = chrono::DateTime::parse_from_rfc3339(&shape.at);
    let at = at.map_err(|fault| format!("at: {fault}"))?;
    Ok(Act {
        at: Instant::from_unix(at.timestamp()),
        who: shape.who,
        role: shape.role.as_deref().map(Role::parse).transpose()?,
        via: shape.via,
        what: shape.what,
        about: shape.about,
        detail: shape.detail,
        address: shape.address,
        count: shape.count,
        request_id: shape.request,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_and_another_is_refused() {
        let line = concat!(
            r#"{"at":"2026-07-15T09:00:00+08:00","who":"Li Na","role":"bureau","via":"token","what":"token.add","#,
            r#""about":"icbc","detail":"bank","address":null,"count":1,"request":"0f"}"#
        );
        assert_eq!(
            from_line(line).map(|act| to_line(&act)),
            Ok(line.to_owned())
        );
        for (from, to) in [
            ("bureau", "root"),
            ("T09", "T29"),
            ("via", "by"),
            ("{", "["),
        ] {
            assert!(from_line(&line.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
