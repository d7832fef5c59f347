//! Decisions of reviewers as lines of JSON: as they are stored, and as interfaces print them.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::adapters::report;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::reading::SeriesKey;
use crate::domain::review::Decision;
use crate::domain::review::Verdict;
use crate::domain::units::Amount;

/// A stored decision; times are seconds since 1970 UTC, the value whole millionths.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    source: String,
    factor: String,
    stat: String,
    interval_s: u32,
    after: i64,
    upto: i64,
    decision: String,
    value: Option<i64>,
    reason: String,
    reviewer: String,
    decided_at: i64,
}

/// The line a decision is stored as.
pub fn to_line(decision: &Decision) -> String {
    let shape = Shape {
        source: decision.key.source.to_string(),
        factor: decision.key.factor.to_string(),
        stat: decision.key.stat.to_string(),
        interval_s: decision.key.interval_s,
        after: decision.after.unix(),
        upto: decision.upto.unix(),
        decision: decision.verdict.key().to_owned(),
        value: decision.verdict.value().map(Amount::micros),
        reason: decision.reason.clone(),
        reviewer: decision.reviewer.clone(),
        decided_at: decision.decided_at.unix(),
    };
    serde_json::to_string(&shape).expect("plain structs serialise")
}

/// Reads a stored line.
///
/// # Errors
/// In words, when it is none.
pub fn from_line(line: &str) -> Result<Decision, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
    let verdict = match (shape.decision.as_str(), shape.value) {
        ("confirm", None) => Verdict::Confirm,
        ("void", None) => Verdict::Void,
        ("correct", Some(micros)) => Verdict::Correct(Amount::from_micros(micros)),
        (other, _) => return Err(format!("{other:?} is no decision")),
    };
    Ok(Decision {
        key: SeriesKey {
            source: SourceId::new(&shape.source).map_err(|fault| fault.to_string())?,
            factor: Factor::new(&shape.factor).map_err(|fault| fault.to_string())?,
            stat: Stat::new(&shape.stat).map_err(|fault| fault.to_string())?,
            interval_s: shape.interval_s,
        },
        after: Instant::from_unix(shape.after),
        upto: Instant::from_unix(shape.upto),
        verdict,
        reason: shape.reason,
        reviewer: shape.reviewer,
        decided_at: Instant::from_unix(shape.decided_at),
    })
}

/// A decision under its number, as interfaces print it.
pub fn decision_json(zone: Zone, id: u64, decision: &Decision) -> Value {
    let single = decision.is_single();
    let value = decision.verdict.value();
    serde_json::json!({
        "id": id,
        "source": decision.key.source.as_str(),
        "factor": decision.key.factor.as_str(),
        "stat": decision.key.stat.as_str(),
        "interval_s": decision.key.interval_s,
        "time": single.then(|| zone.text(decision.upto)),
        "from": (!single).then(|| zone.text(decision.after)),
        "to": (!single).then(|| zone.text(decision.upto)),
        "decision": decision.verdict.key(),
        "value": value.map(report::amount),
        "reason": decision.reason,
        "reviewer": decision.reviewer,
        "decided_at": zone.text(decision.decided_at),
    })
}
