//! `GET /v1/snapshots/DATE.jsonl|.parquet`: every unit's public tiers on a day, written while it is read.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use chrono::NaiveDate;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::adapters::http::credit::lookups;
use crate::adapters::http::credit::lookups::Client;
use crate::adapters::http::credit::view;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::parts::Part;
use crate::adapters::http::parts::Parts;
use crate::adapters::http::parts::READER_WAIT;
use crate::adapters::http::parts::end;
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
/// How long a reader may take for all of it.
const WHOLE_WAIT: Duration = Duration::from_secs(600);

static PLACES: Places = Places(Mutex::new(BTreeSet::new()));

/// Who reads a snapshot: so many at once, and of each caller one, so that no slow one holds the place of another.
struct Places(Mutex<BTreeSet<String>>);

/// A place, free again when it is dropped.
struct Place {
    of: &'static Places,
    who: String,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&'static self, who: String) -> Result<Place, Problem> {
        let mut taken = self.lock();
        if taken.contains(&who) {
            return Err(Problem::Busy("one snapshot at a time for each caller"));
        }
        if taken.len() >= AT_ONCE {
            return Err(Problem::Busy("snapshots"));
        }
        taken.insert(who.clone());
        Ok(Place { of: self, who })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.lock().remove(&self.who);
    }
}

/// Hands parts to a reader, from a thread that may wait.
struct Outlet {
    reader: mpsc::Sender<Part>,
    handle: Handle,
    waiting: Vec<u8>,
    until: Instant,
}

impl Outlet {
    fn new(reader: mpsc::Sender<Part>, handle: Handle, whole: Duration) -> Self {
        Self {
            reader,
            handle,
            waiting: Vec::with_capacity(2 * PART_BYTES),
            until: Instant::now() + whole,
        }
    }

    fn send(&self, part: Part) -> std::io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        let patience = READER_WAIT.min(left);
        let sent = self
            .handle
            .block_on(async { timeout(patience, self.reader.send(part)).await });
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
    let view = view(&state, params.known(state.zone)?).await?;
    // Before anybody was given access there is one machine, and nobody to tell apart.
    let place = PLACES.take(caller.name.unwrap_or(caller.request_id))?;
    let (reader, parts) = mpsc::channel(PARTS_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let outlet = Outlet::new(reader.clone(), Handle::current(), WHOLE_WAIT);
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
    Ok((heads, Body::new(Parts::new(parts))).into_response())
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
    outlet.flush()?;
    Ok(outlet.send(end())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_one_place_and_gives_it_back() {
        static OWN: Places = Places(Mutex::new(BTreeSet::new()));
        let take = |who: &str| OWN.take(who.to_owned());
        let first = take("icbc").expect("a place");
        assert!(take("icbc").is_err(), "a second one of the same caller");
        let others: Vec<Place> = ["a", "b", "c"]
            .map(|who| take(who).expect("a place"))
            .into();
        assert!(take("d").is_err(), "all are taken");
        drop(first);
        assert!(take("icbc").is_ok(), "it is free again");
        drop(others);
        assert!(OWN.lock().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_takes_nothing_is_left() {
        let (reader, mut parts) = mpsc::channel(PARTS_WAITING_MAX);
        let handle = Handle::current();
        let writing = tokio::task::spawn_blocking(move || {
            let mut outlet = Outlet::new(reader, handle, Duration::from_millis(50));
            let part = vec![0; PART_BYTES];
            (0..=PARTS_WAITING_MAX)
                .map(|_| outlet.write(&part).is_ok())
                .collect::<Vec<_>>()
        });
        let written = writing.await.expect("it ends");
        assert!(
            written[..PARTS_WAITING_MAX].iter().all(|sent| *sent),
            "{written:?}"
        );
        assert_eq!(written.last(), Some(&false), "no room is made for it");
        assert!(parts.recv().await.is_some_and(|part| part.is_ok()));
    }
}
