//! Stations and their readings.

mod derived;

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::adapters::cells::Cells;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Station;
use crate::ports::Range;
use crate::ports::Series;

/// Rows of one answer unless asked for fewer.
pub(super) const PAGE_ROWS: usize = 1_000;
/// Most rows of one answer.
pub(super) const PAGE_ROWS_MAX: usize = 10_000;
/// Columns of the stations as CSV.
const STATION_COLUMNS: [&str; 12] = [
    "id",
    "name_zh",
    "name_en",
    "class",
    "longitude",
    "latitude",
    "simulated",
    "source",
    "zone",
    "interval_s",
    "last_seen",
    "silent",
];

fn station_json(state: &WebState, station: &Station) -> Value {
    let standing = state.watch.standing(&station.id);
    json!({
        "id": station.id.as_str(),
        "name_zh": station.names.zh,
        "name_en": station.names.en,
        "class": station.class.key(),
        "longitude": station.longitude.to_string(),
        "latitude": station.latitude.to_string(),
        "simulated": station.simulated,
        "source": station.source,
        "zone": station.zone.map(|zone| zone.to_string()),
        "interval_s": station.interval_s,
        "last_seen": standing.last_seen.map(|at| state.zone.text(at)),
        "silent": standing.silent,
        "status": standing.said.map(|(online, since)| json!({
            "online": online,
            "since": state.zone.text(since),
        })),
        "completeness": day_before(state, station),
    })
}

/// Hours with a value in the last whole day, by pollutant.
fn day_before(state: &WebState, station: &Station) -> Value {
    let today = state.zone.local(state.now()).date_naive();
    let date = today.pred_opt().unwrap_or(today);
    let days = state.rollup.now();
    let day = days.get(&station.id).and_then(|days| days.get(&date));
    let hours = |pollutant: Pollutant| day.map_or(0, |day| day.hours[pollutant.index()]);
    let hours: serde_json::Map<String, Value> = Pollutant::ALL
        .map(|pollutant| (pollutant.key().to_owned(), hours(pollutant).into()))
        .into_iter()
        .collect();
    json!({"date": date.to_string(), "of_hours": HOURS_PER_DAY, "hours": hours})
}

/// `GET /v1/stations`: stations and the groups they belong to, paged by key; the stations alone as CSV.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["after", "limit", "format"])?;
    let csv = is_csv(&params)?;
    let limit = params.number("limit", 1, PAGE_ROWS_MAX)?;
    let limit = limit.unwrap_or(if csv { usize::MAX } else { PAGE_ROWS });
    let after = params.text("after").unwrap_or("");
    let registry = state.directory.now();
    let mut stations: Vec<&Station> = registry.stations.iter().collect();
    stations.sort_by(|a, b| a.id.cmp(&b.id));
    let mut rest = stations
        .into_iter()
        .filter(|station| station.id.as_str() > after);
    let page: Vec<&Station> = rest.by_ref().take(limit).collect();
    let next = rest
        .next()
        .and(page.last())
        .map(|station| station.id.as_str());
    if csv {
        let rows = page.iter().map(|station| station_json(&state, station));
        let fields = rows.map(|row| STATION_COLUMNS.map(|name| field(&row[name])));
        return csv_of(&STATION_COLUMNS, fields);
    }
    let groups = registry.groups.iter().map(|group| {
        let members = group.members.iter().map(|member| {
            let (from, to) = (member.from.to_string(), member.to.map(|to| to.to_string()));
            json!({"station": member.station.as_str(), "from": from, "to": to})
        });
        json!({
            "id": group.id,
            "name_zh": group.names.zh,
            "name_en": group.names.en,
            "document": group.document,
            "members": members.collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({
        "stations": page.iter().map(|station| station_json(&state, station)).collect::<Vec<_>>(),
        "next": next,
        "groups": groups.collect::<Vec<_>>(),
    }))
    .into_response())
}

/// Whether rows are asked for as CSV, all of them then unless a limit is given.
pub(super) fn is_csv(params: &Params) -> Result<bool, Problem> {
    match params.text("format") {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(Problem::bad("format", "json or csv is expected")),
    }
}

/// A value as a field of CSV; null is empty.
fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An answer of rows under a header.
pub(super) fn csv_of<const N: usize>(
    header: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<Response, Problem> {
    let mut writer = Cells::new(Vec::new());
    let written = writer.write_record(header).and_then(|()| {
        let mut rows = rows;
        rows.try_for_each(|row| writer.write_record(row))
    });
    let body = written.ok().and_then(|()| writer.into_inner().ok());
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((kind, body.ok_or(Problem::Internal)?).into_response())
}

/// What a readings request asks for.
struct Asked {
    source: SourceId,
    factor: Factor,
    stat: Stat,
    range: Range,
    csv: bool,
    /// The readings as received and marked, or as reviewers left them.
    series: Arc<dyn Series>,
    review: Review,
}

impl Asked {
    fn read(state: &WebState, id: &str, params: &Params) -> Result<Self, Problem> {
        let source = SourceId::new(id).map_err(|fault| Problem::bad("id", fault))?;
        if state.directory.now().station(&source).is_none() {
            return Err(Problem::NotFound(format!(
                "no station {id:?}; GET /v1/stations lists them"
            )));
        }
        let factor = Factor::new(params.text("factor").unwrap_or("pm25"));
        let stat = Stat::new(params.text("stat").unwrap_or("avg"));
        let limit = params.number("limit", 1, PAGE_ROWS_MAX)?;
        let review = params.review()?;
        let series = match review {
            Review::Raw => state.reviewing.marked(),
            Review::Reviewed => state.reviewing.decided(),
        };
        let csv = is_csv(params)?;
        let range = Range {
            after: params.instant("from")?.unwrap_or(Range::ALL.after),
            upto: params.instant("to")?.unwrap_or(Range::ALL.upto),
            known_at: params.known_at(state.zone, state.now())?,
            limit: limit.unwrap_or(if csv { usize::MAX } else { PAGE_ROWS }),
        };
        Ok(Self {
            source,
            factor: factor.map_err(|fault| Problem::bad("factor", fault))?,
            stat: stat.map_err(|fault| Problem::bad("stat", fault))?,
            range,
            csv,
            series,
            review,
        })
    }

    /// Readings of all intervals merged by time; one more than the limit tells that there is a next page.
    async fn readings(&self) -> Result<Vec<(u32, Reading)>, Problem> {
        let own = |key: &SeriesKey| {
            key.source == self.source && key.factor == self.factor && key.stat == self.stat
        };
        let range = Range {
            limit: self.range.limit.saturating_add(1),
            ..self.range
        };
        let mut rows = Vec::new();
        for key in self.series.keys().await?.into_iter().filter(own) {
            let column = self.series.column(&key, range).await?;
            rows.extend(column.into_iter().map(|reading| (key.interval_s, reading)));
        }
        rows.sort_by_key(|(interval_s, reading)| (reading.time, *interval_s));
        Ok(rows)
    }
}

/// `GET /v1/stations/{id}/readings`: raw readings, or the hours or days derived from them, paged by time.
///
/// # Errors
/// A problem document.
pub async fn readings(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&[
        "factor", "stat", "from", "to", "by", "known_at", "limit", "format", "review",
    ])?;
    let asked = Asked::read(&state, &id, &params)?;
    match params.text("by") {
        None | Some("raw") => raw(&state, &asked).await,
        Some("hour") => derived::hours(&state, &asked).await,
        Some("day") => derived::days(&state, &asked).await,
        Some(_) => Err(Problem::bad("by", "raw, hour or day is expected")),
    }
}

/// The first rows up to a limit, and whether there are more. Rows of one time stay on one page, as a page begins
/// after the last time of the one before.
fn first_times(mut rows: Vec<(u32, Reading)>, limit: usize) -> (Vec<(u32, Reading)>, bool) {
    let Some(cut) = rows.get(limit).map(|(_, reading)| reading.time) else {
        return (rows, false);
    };
    let before = rows.partition_point(|(_, reading)| reading.time < cut);
    let upto = rows.partition_point(|(_, reading)| reading.time <= cut);
    let kept = if before > 0 { before } else { upto };
    let more = kept < rows.len();
    rows.truncate(kept);
    (rows, more)
}

async fn raw(state: &WebState, asked: &Asked) -> Result<Response, Problem> {
    let (rows, more) = first_times(asked.readings().await?, asked.range.limit);
    if asked.csv {
        let keyed = rows
            .iter()
            .map(|(interval_s, reading)| (key_of(asked, *interval_s), reading.clone()));
        let mut body = Vec::new();
        report::readings::readings_csv(state.zone, keyed, &mut body)
            .map_err(|_| Problem::Internal)?;
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response());
    }
    let next = rows
        .last()
        .filter(|_| more)
        .map(|(_, reading)| state.zone.text(reading.time));
    let rows = rows.iter().map(|(interval_s, reading)| {
        json!({
            "time": state.zone.text(reading.time),
            "interval_s": interval_s,
            "value": reading.value.map(report::amount),
            "flag": reading.flag.as_str(),
            "qc": reading.qc.key(),
            "review": reading.review.key(),
        })
    });
    Ok(page(asked, "raw", rows.collect(), next))
}

fn key_of(asked: &Asked, interval_s: u32) -> SeriesKey {
    SeriesKey {
        source: asked.source.clone(),
        factor: asked.factor.clone(),
        stat: asked.stat.clone(),
        interval_s,
    }
}

fn page(asked: &Asked, by: &str, rows: Vec<Value>, next: Option<String>) -> Response {
    let body = json!({
        "station": asked.source.as_str(),
        "factor": asked.factor.as_str(),
        "stat": asked.stat.as_str(),
        "by": by,
        "review": asked.review.key(),
        "readings": rows,
        "next_from": next,
    });
    Json(body).into_response()
}
