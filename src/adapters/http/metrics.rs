//! `GET /metrics`: what was counted, as Prometheus text. Every family's name, with the labels its rows carry, is in the
//! alert rules' test, so that no rule asks for what is not there.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::domain::calendar::DAY_S;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::flow::ingest::VERDICTS;
use crate::flow::measure::Measured;
use crate::flow::measure::SECOND;
use crate::ports::LetterState;

/// Days before the last whole one within which a pollutant was measured, for its hours to be expected.
const LATELY_DAYS: u64 = 7;

/// What a row adds to its family's name, labels included, and its value.
type Row = (String, String);

/// One metric: its name, what it says, its kind, its rows.
struct Family {
    name: String,
    help: &'static str,
    kind: &'static str,
    rows: Vec<Row>,
}

fn family(name: &str, help: &'static str, kind: &'static str, rows: Vec<Row>) -> Family {
    Family {
        name: name.to_owned(),
        help,
        kind,
        rows,
    }
}

fn row(labels: &[(&str, &str)], value: u64) -> Row {
    (labelled(labels), value.to_string())
}

/// Labels in braces; none at all are nothing.
fn labelled(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pair = |(name, value): &(&str, &str)| {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    };
    let pairs: Vec<String> = labels.iter().map(pair).collect();
    format!("{{{}}}", pairs.join(","))
}

/// Seconds of microseconds, exactly.
fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / SECOND, micros % SECOND);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The rows of a histogram.
fn histogram(labels: &[(&str, &str)], measured: &Measured) -> Vec<Row> {
    let bucket = |bound: &str, count: u64| {
        let labels: Vec<_> = labels.iter().copied().chain([("le", bound)]).collect();
        (format!("_bucket{}", labelled(&labels)), count.to_string())
    };
    let mut rows: Vec<Row> = measured
        .upto
        .iter()
        .map(|(bound, count)| bucket(&seconds(*bound), *count))
        .collect();
    rows.push(bucket("+Inf", measured.count));
    let labels = labelled(labels);
    rows.push((format!("_sum{labels}"), seconds(measured.sum)));
    rows.push((format!("_count{labels}"), measured.count.to_string()));
    rows
}

/// `GET /metrics`: Prometheus text.
///
/// # Errors
/// When the text cannot be made, which does not happen.
pub async fn metrics(State(state): State<WebState>) -> Result<Response, Problem> {
    let mut text = String::new();
    let waiting = letters_waiting(&state).await;
    let families = admitted(&state)
        .into_iter()
        .chain(waiting)
        .chain(written(&state))
        .chain(of_stations(&state))
        .chain(of_parts(&state))
        .chain(of_requests(&state))
        .chain(of_mqtt(&state))
        .chain(of_loggers(&state));
    for family in families {
        let Family {
            name,
            help,
            kind,
            rows,
        } = family;
        let mut write = || -> std::fmt::Result {
            writeln!(
                text,
                "# HELP skytier_{name} {help}\n# TYPE skytier_{name} {kind}"
            )?;
            rows.iter()
                .try_for_each(|(rest, value)| writeln!(text, "skytier_{name}{rest} {value}"))
        };
        write().map_err(|_| Problem::Internal)?;
    }
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, text).into_response())
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn single(value: u64) -> Vec<Row> {
    vec![row(&[], value)]
}

/// Messages that are kept and whose readings are not stored yet; none where the store cannot be read, as everything else is
/// known without it, and what it has is asked for most when it fails.
async fn letters_waiting(state: &WebState) -> Option<Family> {
    let mut rows = Vec::new();
    for wanted in [LetterState::Quarantined, LetterState::Dead] {
        match state.letters.letter_count(wanted).await {
            Ok(count) => rows.push(row(&[("state", wanted.key())], count)),
            Err(error) => {
                tracing::warn!(%error, "metrics without the messages that wait");
                return None;
            }
        }
    }
    Some(family(
        "letters_waiting",
        "Messages kept instead of their readings now, in quarantine or dead.",
        "gauge",
        rows,
    ))
}

/// What became of messages and values.
fn admitted(state: &WebState) -> Vec<Family> {
    let counters = state.ingest.counters();
    let outcomes = [
        ("new", read(&counters.new)),
        ("repeated", read(&counters.repeated)),
        ("corrected", read(&counters.corrected)),
    ];
    let readings = outcomes.map(|(outcome, count)| row(&[("outcome", outcome)], count));
    let judged = VERDICTS.iter().zip(&counters.judged);
    let judged = judged.map(|(qc, count)| row(&[("verdict", qc.key())], read(count)));
    let letters = counters.letters.read().into_iter();
    let letters =
        letters.map(|((state, reason), count)| row(&[("state", state), ("reason", reason)], count));
    vec![
        family(
            "readings_total",
            "Readings made durable since the start.",
            "counter",
            readings.to_vec(),
        ),
        family(
            "retained_left_out_total",
            "Values that a broker had kept, left out as others stand in their place.",
            "counter",
            single(read(&counters.left_out)),
        ),
        family(
            "qc_readings_total",
            "Readings kept, repeated ones too, by the verdict on each.",
            "counter",
            judged.collect(),
        ),
        family(
            "reading_age_seconds",
            "How old new and corrected readings were when they were stored, by source and time.",
            "histogram",
            histogram(&[], &counters.age.read()),
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
            "letters_total",
            "Messages kept on arrival instead of their readings, by state and reason.",
            "counter",
            letters.collect(),
        ),
        family(
            "letters_admitted_total",
            "Messages kept earlier whose readings were stored in the end.",
            "counter",
            single(read(&counters.admitted)),
        ),
    ]
}

/// How the store keeps up.
fn written(state: &WebState) -> Vec<Family> {
    let counters = state.ingest.counters();
    let (waiting, room) = state.queue.waiting();
    vec![
        family(
            "commits_total",
            "Commits of the store.",
            "counter",
            single(read(&counters.commits)),
        ),
        family(
            "commit_seconds",
            "How long commits of messages took, with waiting for room on the disk.",
            "histogram",
            histogram(&[], &counters.latency.read()),
        ),
        family(
            "queue_messages",
            "Messages that wait for the store.",
            "gauge",
            single(waiting),
        ),
        family(
            "queue_messages_max",
            "Messages that may wait for the store.",
            "gauge",
            single(room),
        ),
        family(
            "rollup_days_waiting",
            "Station days to be computed again.",
            "gauge",
            single(state.rollup.waiting() as u64),
        ),
    ]
}

/// Who is there, and how complete their days are.
fn of_stations(state: &WebState) -> Vec<Family> {
    let watched = state.watch.watched();
    let silences = watched.iter();
    let silences =
        silences.map(|(id, silent)| row(&[("station", id.as_str())], u64::from(*silent)));
    vec![
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
            silences.collect(),
        ),
        family(
            "station_day_hours",
            "Valid hours of the last whole day, of each pollutant that a station heard live measured lately.",
            "gauge",
            watched
                .iter()
                .flat_map(|(id, _)| hours(state, id))
                .collect(),
        ),
    ]
}

fn hours(state: &WebState, id: &SourceId) -> Vec<Row> {
    let days = state.rollup.now();
    let Some(days) = days.get(id) else {
        return Vec::new();
    };
    let last = state.zone.day_of_ending(state.now().plus_s(-DAY_S));
    let lately = days.range(last - chrono::Days::new(LATELY_DAYS)..=last);
    let mut measured = [false; 6];
    for (_, day) in lately {
        for (known, hours) in measured.iter_mut().zip(day.hours) {
            *known |= hours > 0;
        }
    }
    let own = Pollutant::ALL
        .into_iter()
        .filter(|one| measured[one.index()]);
    let row = |one: Pollutant| {
        let hours = days.get(&last).map_or(0, |day| day.hours[one.index()]);
        row(
            &[("station", id.as_str()), ("pollutant", one.key())],
            hours.into(),
        )
    };
    own.map(row).collect()
}

/// Whether parts work, and what those that are not always there tell of themselves.
fn of_parts(state: &WebState) -> Vec<Family> {
    let troubles = state.health.troubles();
    let gauges = state.health.gauges().into_iter();
    let gauges = gauges.map(|(name, help, value)| family(name, help, "gauge", single(value)));
    let rows = troubles.iter().map(|(part, _)| row(&[("part", part)], 1));
    let mut families = vec![
        family(
            "ready",
            "Whether every part works.",
            "gauge",
            single(u64::from(troubles.is_empty())),
        ),
        family(
            "trouble",
            "Parts in trouble; /readyz tells why.",
            "gauge",
            rows.collect(),
        ),
    ];
    families.extend(gauges);
    families
}

/// What was asked over HTTP.
fn of_requests(state: &WebState) -> Vec<Family> {
    let (mut latency, mut answers) = (Vec::new(), Vec::new());
    for ((method, route), measured, statuses) in state.observed.read() {
        let labels = [("method", method), ("route", route.as_str())];
        latency.extend(histogram(&labels, &measured));
        for (status, count) in statuses {
            let status = status.to_string();
            let labels = [labels[0], labels[1], ("status", status.as_str())];
            answers.push(row(&labels, count));
        }
    }
    vec![
        family(
            "http_request_seconds",
            "How long answers took, by method and route.",
            "histogram",
            latency,
        ),
        family(
            "http_responses_total",
            "Answers by method, route and status.",
            "counter",
            answers,
        ),
    ]
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
            let row = row(&[("source", source)], value);
            match families.iter_mut().find(|known| known.name == name) {
                Some(known) => known.rows.push(row),
                None => families.push(family(&name, "Counted by the MQTT side.", kind, vec![row])),
            }
        }
    }
    families
}

/// What the listener for data loggers counts.
fn of_loggers(state: &WebState) -> Vec<Family> {
    let counts = state.loggers.iter().flat_map(|counters| counters.all());
    let families = counts.map(|(what, value)| {
        let (name, kind) = match what {
            "connections_open" => ("hj212_connections_open".to_owned(), "gauge"),
            _ => (format!("hj212_{what}_total"), "counter"),
        };
        family(
            &name,
            "Counted by the listener for HJ 212.",
            kind,
            vec![row(&[], value)],
        )
    });
    families.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_printed_as_they_are() {
        for (micros, expected) in [
            (0, "0"),
            (1, "0.000001"),
            (2_500, "0.0025"),
            (1_000_000, "1"),
            (60_000_000, "60"),
            (1_234_567, "1.234567"),
        ] {
            assert_eq!(seconds(micros), expected);
        }
    }

    #[test]
    fn labels_cannot_end_their_line() {
        assert_eq!(labelled(&[]), "");
        let labels = [("a", "x"), ("b", "q\"\\\nskytier_ready 1")];
        assert_eq!(
            labelled(&labels),
            "{a=\"x\",b=\"q\\\"\\\\\\nskytier_ready 1\"}"
        );
    }

    #[test]
    fn a_histogram_ends_in_all_of_them() {
        let measured = Measured {
            upto: vec![(1_000, 1), (2_500, 3)],
            count: 4,
            sum: 5_000_500,
        };
        let rows: Vec<String> = histogram(&[("route", "/a")], &measured)
            .into_iter()
            .map(|(rest, value)| format!("{rest} {value}"))
            .collect();
        let expected = [
            "_bucket{route=\"/a\",le=\"0.001\"} 1",
            "_bucket{route=\"/a\",le=\"0.0025\"} 3",
            "_bucket{route=\"/a\",le=\"+Inf\"} 4",
            "_sum{route=\"/a\"} 5.0005",
            "_count{route=\"/a\"} 4",
        ];
        assert_eq!(rows, expected);
    }
}
