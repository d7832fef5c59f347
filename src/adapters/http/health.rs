//! For operators: alive, ready, and what was counted.

use std::fmt::Write as _;
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

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when every part works, else 503 with what does not.
pub async fn readyz(State(state): State<WebState>) -> Response {
    let troubles = state.health.troubles();
    let status =
        if troubles.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let troubles: Vec<_> =
        troubles.iter().map(|(part, what)| json!({"part": part, "trouble": what})).collect();
    (status, Json(json!({"ready": troubles.is_empty(), "troubles": troubles}))).into_response()
}

/// `GET /metrics`: Prometheus text.
///
/// # Errors
/// When the text cannot be made, which does not happen.
pub async fn metrics(State(state): State<WebState>) -> Result<Response, Problem> {
    let mut text = String::new();
    let counters = state.ingest.counters();
    let readings = [
        ("new", &counters.new),
        ("repeated", &counters.repeated),
        ("corrected", &counters.corrected),
    ];
    let mut family = |name: &str, help: &str, kind: &str, rows: &[(String, u64)]| {
        let mut write = || -> std::fmt::Result {
            writeln!(text, "# HELP skytier_{name} {help}\n# TYPE skytier_{name} {kind}")?;
            rows.iter().try_for_each(|(labels, value)| writeln!(text, "skytier_{name}{labels} {value}"))
        };
        write().map_err(|_| Problem::Internal)
    };
    let rows: Vec<(String, u64)> = readings
        .iter()
        .map(|(outcome, count)| (format!("{{outcome=\"{outcome}\"}}"), count.load(Ordering::Relaxed)))
        .collect();
    family("readings_total", "Readings made durable since the start.", "counter", &rows)?;
    let single = |count: u64| [(String::new(), count)];
    let dead = counters.dead_letters.load(Ordering::Relaxed);
    family("dead_letters_total", "Messages kept as dead letters.", "counter", &single(dead))?;
    let commits = counters.commits.load(Ordering::Relaxed);
    family("commits_total", "Commits of the store.", "counter", &single(commits))?;
    let waiting = state.rollup.waiting() as u64;
    family("rollup_days_waiting", "Station days to be computed again.", "gauge", &single(waiting))?;
    let ready = u64::from(state.health.troubles().is_empty());
    family("ready", "Whether every part works.", "gauge", &single(ready))?;
    let mut mqtt: Vec<(&str, Vec<(String, u64)>)> = Vec::new();
    for (name, counters) in &state.mqtt {
        for (what, value) in counters.all() {
            let row = (format!("{{source=\"{name}\"}}"), value);
            match mqtt.iter_mut().find(|(known, _)| *known == what) {
                Some((_, rows)) => rows.push(row),
                None => mqtt.push((what, vec![row])),
            }
        }
    }
    for (what, rows) in mqtt {
        family(&format!("mqtt_{what}_total"), "Counted by the MQTT side.", "counter", &rows)?;
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}
