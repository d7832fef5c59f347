//! The listener for data loggers: accepts connections and hands each to a task of its own.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::adapters::hj212::session::Session;
use crate::adapters::hj212::settings::Counters;
use crate::adapters::hj212::settings::LoggerSettings;
use crate::adapters::inbound::Inlet;
use crate::adapters::limits::Door;
use crate::adapters::limits::Meters;
use crate::adapters::limits::Visitor;
use crate::adapters::mqtt::devices::Devices;
use crate::domain::names::SourceId;
use crate::flow::locked::locked;

/// Pause after the system could not give us a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time beyond the drain for last words.
const STOP_SLACK: Duration = Duration::from_secs(1);

/// The topic under which frames of an MN are kept where nobody is asked who he is.
pub type TopicOf = Box<dyn Fn(&SourceId) -> String + Send + Sync>;

/// What all connections share.
pub(super) struct Shared {
    pub(super) settings: LoggerSettings,
    pub(super) inlet: Inlet,
    pub(super) devices: Arc<Devices>,
    pub(super) topic_of: TopicOf,
    pub(super) door: Arc<Door>,
    pub(super) meters: Meters,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: CancellationToken,
    seats: Mutex<HashMap<String, Seat>>,
    count: AtomicU64,
}

/// Where a logger is: at which connection, and how that one is asked to leave.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    number: u64,
    pub(super) leave: CancellationToken,
}

impl Shared {
    /// That of a new connection.
    pub(super) fn newcomer(&self) -> Seat {
        Seat {
            number: self.count.fetch_add(1, Ordering::Relaxed),
            leave: CancellationToken::new(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<String, Seat>> {
        locked(&self.seats)
    }

    /// The logger is at this connection now: another one it had is cut off.
    pub(super) fn seat(&self, topic: &str, seat: &Seat) {
        let before = self.seats().insert(topic.to_owned(), seat.clone());
        if let Some(before) = before.filter(|before| before.number != seat.number) {
            before.leave.cancel();
            Counters::count(&self.counters.taken_over);
            tracing::info!(
                topic,
                "hj212: the logger came by another connection; the one before is cut off"
            );
        }
    }

    /// The connection ended: its loggers are nowhere, but for those that came by another one meanwhile.
    pub(super) fn unseat(&self, topics: impl Iterator<Item = String>, seat: &Seat) {
        let mut seats = self.seats();
        for topic in topics {
            if seats
                .get(&topic)
                .is_some_and(|now| now.number == seat.number)
            {
                seats.remove(&topic);
            }
        }
    }
}

/// A bound listener.
pub struct Listener {
    listener: TcpListener,
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// When it cannot be bound, such as a port that is taken.
    pub async fn bind(
        listen: SocketAddr,
        settings: LoggerSettings,
        inlet: Inlet,
        devices: Arc<Devices>,
        topic_of: TopicOf,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let places = Arc::new(Semaphore::new(settings.connections_max));
        let shared = Arc::new(Shared {
            door: Arc::new(Door::new(settings.door)),
            meters: Meters::new(settings.speed),
            settings,
            inlet,
            devices,
            topic_of,
            counters: Arc::default(),
            stop: CancellationToken::new(),
            seats: Mutex::default(),
            count: AtomicU64::new(0),
        });
        Ok(Self {
            listener,
            shared,
            places,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Accepts until `shutdown` resolves; then stops reading, waits for the verdicts still due, answers them and closes every
    /// connection. Keep the inlet served until this returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer),
                Err(fault) => {
                    tracing::warn!(%fault, "hj212 listener cannot accept for now");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        self.shared.stop.cancel();
        let settings = &self.shared.settings;
        let all = u32::try_from(settings.connections_max).unwrap_or(u32::MAX);
        let patience = settings.drain_timeout + STOP_SLACK;
        let left = tokio::time::timeout(patience, self.places.acquire_many(all)).await;
        if left.is_err() {
            tracing::warn!("hj212 connections cut off: still open after the drain time");
        }
    }

    fn accept(&self, stream: TcpStream, peer: SocketAddr) {
        let counters = &self.shared.counters;
        Counters::count(&counters.connections_total);
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let visitor =
            place.and_then(|place| Some((place, self.shared.door.enter(peer.ip()).ok()?)));
        let Some((place, visitor)) = visitor else {
            Counters::count(&counters.connections_refused);
            tracing::debug!(%peer, "hj212 connection dropped: too many");
            return;
        };
        if stream.set_nodelay(true).is_ok() {
            tokio::spawn(serve(
                Arc::clone(&self.shared),
                stream,
                peer,
                visitor,
                place,
            ));
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    peer: SocketAddr,
    visitor: Visitor,
    place: OwnedSemaphorePermit,
) {
    let counters = &shared.counters;
    counters.connections_open.fetch_add(1, Ordering::Relaxed);
    let mut session = Session::new(&shared, peer.ip(), visitor);
    let (mut reader, mut writer) = stream.split();
    let ending = session.run(&mut reader, &mut writer).await;
    if !session.is_known() {
        Counters::count(&counters.connections_refused);
    }
    session.leave();
    tracing::debug!(%peer, "hj212 connection ended: {ending}");
    counters.connections_open.fetch_sub(1, Ordering::Relaxed);
    drop(place);
}
