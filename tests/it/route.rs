//! The route from packet to chart and tier, through the real program: commands, sockets, files, pages.

mod air;
mod brokers;
mod crashes;
mod credit;
mod kills;
mod resent;

use serde_json::Value;

/// The figures of periods, without what differs by nature: who the area is, the moment, the targets.
fn figures(periods: &[Value]) -> Vec<Value> {
    let mut bare = periods.to_vec();
    for period in &mut bare {
        let object = period.as_object_mut().expect("a period");
        let place = ["area", "area_documents", "fixed_set"];
        for key in place.into_iter().chain(["known_at", "targets"]) {
            object.remove(key).expect("part of every period");
        }
    }
    bare
}

/// The lines of `assess --format json`.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("JSON");
    text.lines().map(parse).collect()
}

pub(crate) fn list(json: &Value) -> &[Value] {
    json.as_array().expect("a list")
}
