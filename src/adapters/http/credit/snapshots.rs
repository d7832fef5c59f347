//! `GET /v1/snapshots/DATE.jsonl|.parquet`: every unit's public tiers on a day, written while it is read.

use std::io::Write;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use chrono::NaiveDate;
use http_body::Frame;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::adapters::http::credit::lookups;
use crate::adapters::http::credit::lookups::Client;
use crate::adapters::http::credit::view;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::snapshot::Shape;
use crate::adapters::snapshot::Snapshot;
use crate::adapters::snapshot::SnapshotFault;
use crate::domain::access::Caller;
use crate::flow::tiering::View;

/// Snapshots written at the same time.
const AT_ONCE: usize = 4;
/// Bytes that are handed on at a time, and how many such parts may wait for the reader.
const PART_BYTES: usize = 1 << 16;
const PARTS_WAITING_MAX: usize = 4;
/// How long a reader may take nothing.
const READER_WAIT: Duration = Duration::from_secs(30);

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

type Part = Result<Bytes, std::io::Error>;

/// What is read while it is written.
struct Parts(mpsc::Receiver<Part>);

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|part| part.map(Frame::data)))
    }
}

/// Hands parts to a reader, from a thread that may wait.
struct Outlet {
    reader: mpsc::Sender<Part>,
    handle: Handle,
    waiting: Vec<u8>,
}

impl Outlet {
    fn send(&self, part: Part) -> std::io::Result<()> {
        let sent = self
            .handle
            .block_on(timeout(READER_WAIT, self.reader.send(part)));
        let gone = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        sent.map_err(|_| gone())?.map_err(|_| gone())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PART_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let part = std::mem::take(&mut self.waiting);
        if part.is_empty() {
            return Ok(());
        }
        self.send(Ok(part.into()))
    }
}

/// What was asked for: the day and how it is written.
fn asked(file: &str) -> Result<(NaiveDate, Shape), Problem> {
    let (day, end) = file.split_once('.').unwrap_or((file, ""));
    let day = day.parse().ok().filter(|_| day.len() == 10);
    day.zip(Shape::of(end)).ok_or_else(|| {
        let shown: String = file.chars().take(40).collect();
        Problem::NotFound(format!(
            "no snapshot {shown:?}; there are such as 2026-06-30.jsonl and 2026-06-30.parquet"
        ))
    })
}

/// `GET /v1/snapshots/{file}`: every unit of ledger and registry, official and computed tiers, with a receipt at the end.
///
/// # Errors
/// A problem document. A file that breaks off has no receipt.
pub async fn file(
    State(state): State<WebState>,
    Path(file): Path<String>,
    caller: Caller,
    head: HeaderMap,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["known_at"])?;
    let (on, shape) = asked(&file)?;
    let client = lookups::client(&caller, &head)?;
    let today = state.zone.local(state.now()).date_naive();
    if on > today {
        return Err(Problem::bad(
            "date",
            format!("{on} lies ahead of today, {today}"),
        ));
    }
    let view = view(&state, params.time("known_at")?).await?;
    let place = PLACES
        .try_acquire()
        .map_err(|_| Problem::Busy("snapshots"))?;
    let (reader, parts) = mpsc::channel(PARTS_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let outlet = Outlet {
            reader: reader.clone(),
            handle: Handle::current(),
            waiting: Vec::with_capacity(2 * PART_BYTES),
        };
        if let Err(fault) = write(&state, &view, (on, shape), client, outlet) {
            tracing::warn!(%fault, "a snapshot broke off");
            let cut = std::io::Error::other("the snapshot broke off");
            drop(reader.try_send(Err(cut)));
        }
        drop(place);
    });
    let kind = match shape {
        Shape::Lines => "application/x-ndjson",
        Shape::Parquet => "application/vnd.apache.parquet",
    };
    let named = format!("attachment; filename=\"tiers-{file}\"");
    let heads = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, named),
    ];
    Ok((heads, Body::new(Parts(parts))).into_response())
}

/// Writes the file; the record of the look-up is handed over before the file is whole.
fn write(
    state: &WebState,
    view: &View,
    (on, shape): (NaiveDate, Shape),
    client: Client,
    outlet: Outlet,
) -> Result<(), SnapshotFault> {
    let handle = outlet.handle.clone();
    let snapshot = Snapshot {
        tiering: &state.tiering,
        view,
        registry: &state.directory.now(),
        on,
    };
    let note = |receipt: &str, items: usize| {
        let noted = lookups::note(state, client, view, None, items, receipt);
        let noted = handle.block_on(noted).map(drop);
        noted.map_err(|_| SnapshotFault::Sealing("its record could not be kept".to_owned()))
    };
    // What is left in the outlet goes out with it.
    let mut outlet = outlet;
    snapshot.write(&state.receipts, shape, &mut outlet, note)?;
    Ok(outlet.flush()?)
}
