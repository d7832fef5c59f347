//! Server-sent events: tells open pages that figures changed or something was entered, not what it is. A page then asks for itself again, so
//! what it shows is always what the server would show.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::response::sse::Event;
use axum::response::sse::KeepAlive;
use axum::response::sse::Sse;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::watch;

use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;

/// Pages that can be told at once; further ones do without.
const LISTENERS_MAX: usize = 256;
/// Changes closer together than this are told as one.
const PAUSE: Duration = Duration::from_millis(300);
/// How often a quiet connection is used, so that nobody between takes it for dead.
const QUIET: Duration = Duration::from_secs(15);

/// The places for pages that want to be told, and when to stop.
#[derive(Clone)]
pub struct Live {
    places: Arc<Semaphore>,
    entered: Arc<watch::Sender<u64>>,
    stop: watch::Receiver<bool>,
}

impl Live {
    /// Places that are given back when `stop` turns true.
    pub fn new(stop: watch::Receiver<bool>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(LISTENERS_MAX)),
            entered: Arc::new(watch::Sender::new(0)),
            stop,
        }
    }

    /// Tells open pages that somebody entered something they may show: a decision, an entry of the registry, an issue.
    pub fn tell(&self) {
        self.entered.send_modify(|times| *times += 1);
    }
}

/// One listening page.
struct Listener {
    shown: watch::Receiver<u64>,
    entered: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits for the next change; `None` when the daemon stops.
    async fn next(mut self) -> Option<(Result<Event, std::convert::Infallible>, Self)> {
        tokio::select! {
            stopped = self.stop.wait_for(|stop| *stop) => {
                drop(stopped);
                return None;
            }
            changed = self.shown.changed() => changed.ok()?,
            entered = self.entered.changed() => entered.ok()?,
        }
        tokio::time::sleep(PAUSE).await;
        let times = *self.shown.borrow_and_update() + *self.entered.borrow_and_update();
        let event = Event::default().event("figures").id(times.to_string());
        Some((Ok(event.data(times.to_string())), self))
    }
}

/// `GET /live`: an event `figures` whenever figures changed, or a person entered what pages show.
///
/// # Errors
/// A problem document when too many pages listen already.
pub async fn live(State(state): State<WebState>) -> Result<Response, Problem> {
    let place = Arc::clone(&state.live.places).try_acquire_owned();
    let listener = Listener {
        shown: state.rollup.shown(),
        entered: state.live.entered.subscribe(),
        stop: state.live.stop.clone(),
        _place: place.map_err(|_| Problem::Unavailable)?,
    };
    let events = stream::unfold(listener, Listener::next);
    let kept = KeepAlive::new().interval(QUIET);
    let told = Sse::new(events).keep_alive(kept);
    let kept = [(header::CACHE_CONTROL, "no-store")];
    Ok((kept, told).into_response())
}
