//! For operators: alive, ready, and what was counted.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;

use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::domain::names::SourceId;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when every part works, else 503 with what does not; beside it what hinders no work.
pub async fn readyz(State(state): State<WebState>) -> Response {
    let troubles = state.health.troubles();
    let status = if troubles.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let troubles: Vec<_> = troubles
        .iter()
        .map(|(part, what)| json!({"part": part, "trouble": what}))
        .collect();
    let mut answer = json!({"ready": troubles.is_empty(), "troubles": troubles});
    let notes = state.health.notes();
    if !notes.is_empty() {
        let note = |(part, what): &(&str, String)| json!({"part": part, "note": what});
        answer["notes"] = notes.iter().map(note).collect();
    }
    (status, Json(answer)).into_response()
}

/// One metric of Prometheus text: its name, what it says, its kind, its rows of labels and value.
type Family = (String, &'static str, &'static str, Vec<(String, u64)>);

fn family(name: &str, help: &'static str, kind: &'static str, rows: Vec<(String, u64)>) -> Family {
    (name.to_owned(), help, kind, rows)
}

/// `GET /metrics`: Prometheus text.
///
/// # Errors
/// When the text cannot be made, which does not happen.
pub async fn metrics(State(state): State<WebState>) -> Result<Response, Problem> {
    let mut text = String::new();
    let families = own(&state)
        .into_iter()
        .chain(of_parts(&state))
        .chain(of_mqtt(&state));
    for (name, help, kind, rows) in families {
        let mut write = || -> std::fmt::Result {
            writeln!(
                text,
                "# HELP skytier_{name} {help}\n# TYPE skytier_{name} {kind}"
            )?;
            rows.iter()
                .try_for_each(|(labels, value)| writeln!(text, "skytier_{name}{labels} {value}"))
        };
        write().map_err(|_| Problem::Internal)?;
    }
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, text).into_response())
}

/// What the flows count.
fn own(state: &WebState) -> Vec<Family> {
    let counters = state.ingest.counters();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let single = |value: u64| vec![(String::new(), value)];
    let outcomes = [
        ("new", read(&counters.new)),
        ("repeated", read(&counters.repeated)),
        ("corrected", read(&counters.corrected)),
    ];
    let readings = outcomes.map(|(outcome, count)| (format!("{{outcome=\"{outcome}\"}}"), count));
    let ready = u64::from(state.health.troubles().is_empty());
    vec![
        family(
            "readings_total",
            "Readings made durable since the start.",
            "counter",
            readings.to_vec(),
        ),
        family(
            "dead_letters_total",
            "Messages kept as dead letters.",
            "counter",
            single(read(&counters.dead_letters)),
        ),
        family(
            "quarantined_total",
            "Messages kept until their source is registered.",
            "counter",
            single(read(&counters.quarantined)),
        ),
        family(
            "letters_admitted_total",
            "Messages kept earlier whose readings were stored in the end.",
            "counter",
            single(read(&counters.admitted)),
        ),
        family(
            "commits_total",
            "Commits of the store.",
            "counter",
            single(read(&counters.commits)),
        ),
        family(
            "rollup_days_waiting",
            "Station days to be computed again.",
            "gauge",
            single(state.rollup.waiting() as u64),
        ),
        family(
            "retained_stale_total",
            "Readings that brokers had kept longer than a station may be silent.",
            "counter",
            single(state.watch.retained_stale()),
        ),
        family(
            "station_silent",
            "Whether a station that was heard live is silent.",
            "gauge",
            silences(state),
        ),
        family("ready", "Whether every part works.", "gauge", single(ready)),
    ]
}

/// A row for each station that was ever heard live.
fn silences(state: &WebState) -> Vec<(String, u64)> {
    let watched = state.watch.watched().into_iter();
    let row = |(id, silent): (SourceId, bool)| (format!("{{station=\"{id}\"}}"), u64::from(silent));
    watched.map(row).collect()
}

/// What parts that are not always there tell of themselves.
fn of_parts(state: &WebState) -> Vec<Family> {
    let gauges = state.health.gauges().into_iter();
    gauges
        .map(|(name, help, value)| family(name, help, "gauge", vec![(String::new(), value)]))
        .collect()
}

/// What the MQTT side counts, a row for each way in.
fn of_mqtt(state: &WebState) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for (source, counters) in &state.mqtt {
        for (what, value) in counters.all() {
            let (name, kind) = match what {
                "connections_open" => ("mqtt_connections_open".to_owned(), "gauge"),
                _ => (format!("mqtt_{what}_total"), "counter"),
            };
            let row = (format!("{{source=\"{source}\"}}"), value);
            match families.iter_mut().find(|(known, ..)| *known == name) {
                Some((.., rows)) => rows.push(row),
                None => families.push((name, "Counted by the MQTT side.", kind, vec![row])),
            }
        }
    }
    families
}
