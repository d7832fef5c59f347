//! What was removed by age as lines of JSON: as they are stored, and as interfaces print them.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::retention::Kind;
use crate::domain::retention::Removal;

/// A stored step of a removal; times are seconds since 1970 UTC.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    at: i64,
    kind: String,
    days: u32,
    upto: i64,
    blocks: u64,
    readings: u64,
    revisions: u64,
    letters: u64,
    tries: u64,
}

/// The line a step is stored as.
pub fn to_line(removal: &Removal) -> String {
    let shape = Shape {
        at: removal.at.unix(),
        kind: removal.kind.key().to_owned(),
        days: removal.days,
        upto: removal.upto.unix(),
        blocks: removal.blocks,
        readings: removal.readings,
        revisions: removal.revisions,
        letters: removal.letters,
        tries: removal.tries,
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a stored line.
///
/// # Errors
/// In words, when it is none.
pub fn from_line(line: &str) -> Result<Removal, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let kind = Kind::from_key(&shape.kind);
    Ok(Removal {
        at: Instant::from_unix(shape.at),
        kind: kind.ok_or_else(|| format!("unknown kind {:?}", shape.kind))?,
        days: shape.days,
        upto: Instant::from_unix(shape.upto),
        blocks: shape.blocks,
        readings: shape.readings,
        revisions: shape.revisions,
        letters: shape.letters,
        tries: shape.tries,
    })
}

/// A removal as interfaces print it.
pub fn removal_json(zone: Zone, removal: &Removal) -> Value {
    serde_json::json!({
        "at": zone.text(removal.at),
        "kind": removal.kind.key(),
        "days": removal.days,
        "upto": zone.text(removal.upto),
        "blocks": removal.blocks,
        "readings": removal.readings,
        "revisions": removal.revisions,
        "letters": removal.letters,
    })
}
