//! What stands beside a period's figures, as JSON: exclusions, the fixed set of stations, what was reviewed.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::report::figures::figures;
use crate::domain::standards::Editions;
use crate::flow::beside::Applied;
use crate::flow::beside::Beside;
use crate::flow::beside::BothSides;
use crate::flow::beside::Excluded;
use crate::flow::beside::FixedSet;
use crate::flow::reviewed::Seen;

/// Puts everything beside the figures into a period's object.
pub(super) fn put(object: &mut Map<String, Value>, beside: &Beside, editions: &Editions) {
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    put("area_documents", beside.documents.clone().into());
    put("reviewed_values", seen(beside.seen));
    let excluded = beside.excluded.as_deref();
    let excluded = excluded.map(|own| excluded_json(own, beside.deducted, editions));
    put("excluded", excluded.into());
    let (fixed, reason) = match &beside.fixed_set {
        None => (Value::Null, None),
        Some(FixedSet::Empty(reason)) => (Value::Null, Some(reason.clone())),
        Some(FixedSet::Same(stations)) => (fixed_json(stations, true), None),
        Some(FixedSet::Figures(stations, sides)) => {
            let mut fixed = fixed_json(stations, false);
            if let (Some(fixed), Value::Object(own)) =
                (fixed.as_object_mut(), sides_json(sides, editions))
            {
                fixed.extend(own);
            }
            (fixed, None)
        }
    };
    put("fixed_set", fixed);
    put("fixed_set_void_reason", reason.into());
}

fn seen(seen: Option<Seen>) -> Value {
    seen.map_or(
        Value::Null,
        |seen| json!({"reviewed": seen.reviewed, "of": seen.of}),
    )
}

fn fixed_json(stations: &[crate::domain::names::SourceId], same: bool) -> Value {
    let stations: Vec<&str> = stations.iter().map(|station| station.as_str()).collect();
    json!({"stations": stations, "same_as_area": same})
}

fn sides_json(sides: &BothSides, editions: &Editions) -> Value {
    let (assessment, yoy) = sides;
    let shape = figures(assessment, yoy.as_ref(), editions);
    serde_json::to_value(shape).expect("plain structs serialise")
}

/// A decision and the days it is about.
pub(super) fn applied(applied: &Applied) -> Value {
    let exclusion = &applied.exclusion;
    let pollutants: Vec<&str> = exclusion.pollutants.iter().map(|own| own.key()).collect();
    let statistics: Vec<&str> = exclusion.statistics.iter().map(|own| own.key()).collect();
    let days: Vec<String> = applied.days.iter().map(ToString::to_string).collect();
    json!({
        "id": exclusion.id,
        "place": exclusion.place.to_string(),
        "days": days,
        "pollutants": pollutants,
        "statistics": statistics,
        "reason": exclusion.reason,
        "document": exclusion.document,
        "decided_on": exclusion.decided_on.to_string(),
    })
}

fn excluded_json(excluded: &Excluded, deducted: bool, editions: &Editions) -> Value {
    json!({
        "main_figures": if deducted { "with" } else { "without" },
        "entries": excluded.entries.iter().map(applied).collect::<Vec<_>>(),
        "least_days": "counted before the deduction",
        "without": sides_json(&excluded.before, editions),
        "with": sides_json(&excluded.after, editions),
    })
}
