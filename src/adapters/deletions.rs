//! Orders to take readings out as lines of JSON: as they are stored, and as interfaces print them.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::deletion::Deletion;
use crate::domain::names::Factor;
use crate::domain::names::NameFault;
use crate::domain::names::SourceId;

/// A stored order; times are seconds since 1970 UTC.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    source: String,
    factor: Option<String>,
    after: i64,
    upto: i64,
    reason: String,
    ordered_by: String,
    ordered_at: i64,
}

/// The line an order is stored as.
pub fn to_line(order: &Deletion) -> String {
    let shape = Shape {
        source: order.source.to_string(),
        factor: order.factor.as_ref().map(Factor::to_string),
        after: order.after.unix(),
        upto: order.upto.unix(),
        reason: order.reason.clone(),
        ordered_by: order.ordered_by.clone(),
        ordered_at: order.ordered_at.unix(),
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a stored line.
///
/// # Errors
/// In words, when it is none.
pub fn from_line(line: &str) -> Result<Deletion, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let said = |fault: NameFault| fault.to_string();
    let factor = shape.factor.as_deref().map(Factor::new);
    Ok(Deletion {
        source: SourceId::new(&shape.source).map_err(said)?,
        factor: factor.transpose().map_err(said)?,
        after: Instant::from_unix(shape.after),
        upto: Instant::from_unix(shape.upto),
        reason: shape.reason,
        ordered_by: shape.ordered_by,
        ordered_at: Instant::from_unix(shape.ordered_at),
    })
}

/// An order under its number, as interfaces print it.
pub fn deletion_json(zone: Zone, id: u64, order: &Deletion) -> Value {
    serde_json::json!({
        "id": id,
        "source": order.source.as_str(),
        "factor": order.factor.as_ref().map(Factor::as_str),
        "from": zone.text(order.after),
        "to": zone.text(order.upto),
        "reason": order.reason,
        "by": order.ordered_by,
        "ordered_at": zone.text(order.ordered_at),
    })
}
