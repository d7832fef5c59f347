//! What of a station's readings was replaced, and by what.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::parts::Part;
use crate::adapters::http::parts::Parts;
use crate::adapters::http::parts::READER_WAIT;
use crate::adapters::http::parts::end;
use crate::adapters::http::state::WebState;
use crate::adapters::http::stations::PAGE_ROWS;
use crate::adapters::http::stations::PAGE_ROWS_MAX;
use crate::adapters::http::stations::is_csv;
use crate::adapters::report::corrections as shapes;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::reading::Pick;
use crate::flow::corrections::Correction;
use crate::flow::corrections::corrections;
use crate::ports::Range;
use crate::ports::ReplacedQuery;
use crate::ports::Series;
use crate::ports::StoreError;

/// `GET /v1/stations/{id}/corrections`: replaced values of readings after `from` up to `to`, paged by time; as CSV all of them
/// unless so many are asked for.
///
/// # Errors
/// A problem document.
pub async fn station(
    State(state): State<WebState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["from", "to", "limit", "format"])?;
    let source = SourceId::new(&id).map_err(|fault| Problem::bad("id", fault))?;
    if state.directory.now().station(&source).is_none() {
        let missing = format!("no station {id:?}; GET /v1/stations lists them");
        return Err(Problem::NotFound(missing));
    }
    let as_csv = is_csv(&params)?;
    let asked = params.number("limit", 1, PAGE_ROWS_MAX)?;
    let limit = asked.unwrap_or(PAGE_ROWS);
    let query = ReplacedQuery {
        source,
        range: Range {
            after: params.instant("from")?.unwrap_or(Range::ALL.after),
            upto: params.instant("to")?.unwrap_or(Range::ALL.upto),
            limit,
            ..Range::ALL
        },
        pick: Pick::First,
    };
    let found = corrections(&*state.series, query.clone()).await?;
    if as_csv {
        let whole = asked.is_some() || found.len() < limit;
        let pages = Pages {
            series: Arc::clone(&state.series),
            zone: state.zone,
            query,
        };
        let head = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
        let mut body = Vec::new();
        shapes::csv_head(&mut body).map_err(|_| Problem::Internal)?;
        if whole {
            shapes::csv_rows(state.zone, &found, &mut body).map_err(|_| Problem::Internal)?;
            return Ok((head, body).into_response());
        }
        let (reader, parts) = mpsc::channel(1);
        tokio::spawn(pages.write(body, found, reader));
        return Ok((head, Body::new(Parts::new(parts))).into_response());
    }
    let next = found.last().filter(|_| found.len() >= limit);
    let rows = found
        .iter()
        .map(|own| shapes::correction_json(state.zone, own));
    Ok(Json(json!({
        "station": id,
        "corrections": rows.collect::<Vec<_>>(),
        "next_from": next.map(|own| state.zone.text(own.old.reading.time)),
    }))
    .into_response())
}

/// All corrections as CSV, of which one page is held at a time.
struct Pages {
    series: Arc<dyn Series>,
    zone: Zone,
    query: ReplacedQuery,
}

impl Pages {
    /// Hands on `body`, then page after page from the first one on.
    async fn write(mut self, body: Vec<u8>, first: Vec<Correction>, reader: mpsc::Sender<Part>) {
        let (mut body, mut found) = (body, first);
        loop {
            let written = shapes::csv_rows(self.zone, &found, &mut body);
            let part = written.map_err(std::io::Error::other);
            let broken = part.is_err();
            let part = part.map(|()| std::mem::take(&mut body).into());
            // A reader that is gone, or takes nothing, is left.
            let sent = timeout(READER_WAIT, reader.send(part)).await;
            if broken || !matches!(sent, Ok(Ok(()))) {
                return;
            }
            found = match self.after(&found).await {
                Ok(Some(found)) => found,
                Ok(None) => {
                    drop(timeout(READER_WAIT, reader.send(end())).await);
                    return;
                }
                Err(fault) => {
                    tracing::warn!(%fault, "a list of corrections broke off");
                    let cut = std::io::Error::other("the list of corrections broke off");
                    drop(timeout(READER_WAIT, reader.send(Err(cut))).await);
                    return;
                }
            };
        }
    }

    /// The page behind one; none behind the last.
    async fn after(&mut self, page: &[Correction]) -> Result<Option<Vec<Correction>>, StoreError> {
        let Some(last) = page.last().filter(|_| page.len() >= self.query.range.limit) else {
            return Ok(None);
        };
        self.query.range.after = last.old.reading.time;
        let found = corrections(&*self.series, self.query.clone()).await?;
        Ok(Some(found).filter(|found| !found.is_empty()))
    }
}
