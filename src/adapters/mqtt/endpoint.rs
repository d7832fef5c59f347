//! Our own listener for publishers: accepts connections and hands each to a task of its own.
//!
//! It takes PUBLISH and answers SUBSCRIBE with the protocol's refusal; fan-out is for a broker beside it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::adapters::inbound::Inlet;
use crate::adapters::limits::Door;
use crate::adapters::limits::Meters;
use crate::adapters::mqtt::connection;
use crate::adapters::mqtt::connection::Halves;
use crate::adapters::mqtt::connection::Newcomer;
use crate::adapters::mqtt::connection::Seats;
use crate::adapters::mqtt::connection::Shared;
use crate::adapters::mqtt::devices::Devices;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::mqtt::settings::EndpointSettings;
use crate::adapters::tls::Tls;
use crate::adapters::tls::TlsStream;

/// Pause after the system could not give us a connection, such as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time beyond the drain for last words.
const STOP_SLACK: Duration = Duration::from_secs(1);

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Bytes the system holds of what a client has not read, of which it takes twice as many for itself. We send
/// acknowledgements alone; left to itself the system would hold some megabytes of them for every client that
/// never reads.
const SEND_BYTES: u32 = 64 * 1024;

/// Binds the address. Accepted connections inherit the socket's options.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As the system's own listeners do: the port is free again at once after a stop.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A bound listener.
pub struct Endpoint {
    listener: TcpListener,
    secured: Option<(TcpListener, Arc<Tls>)>,
    shared: Arc<Shared>,
    door: Arc<Door>,
    places: Arc<Semaphore>,
}

impl Endpoint {
    /// Binds the address of the settings.
    ///
    /// # Errors
    /// When the address cannot be bound, such as a port that is taken.
    pub async fn bind(
        settings: EndpointSettings,
        inlet: Inlet,
        devices: Arc<Devices>,
    ) -> io::Result<Self> {
        let listener = listen(settings.listen)?;
        let places = Arc::new(Semaphore::new(settings.connections_max));
        let door = Arc::new(Door::new(settings.door));
        let shared = Arc::new(Shared {
            meters: Meters::new(settings.speed),
            devices,
            door: Arc::clone(&door),
            settings,
            inlet,
            counters: Arc::new(Counters::default()),
            seats: Seats::default(),
            stop: CancellationToken::new(),
        });
        Ok(Self {
            listener,
            secured: None,
            shared,
            door,
            places,
        })
    }

    /// Listens by TLS too.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn secured(mut self, address: SocketAddr, tls: Arc<Tls>) -> io::Result<Self> {
        self.secured = Some((listen(address)?, tls));
        Ok(self)
    }

    /// Where it listens by TLS, if it does.
    pub fn secured_addr(&self) -> Option<SocketAddr> {
        let (listener, _) = self.secured.as_ref()?;
        listener.local_addr().ok()
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

    /// Accepts until `shutdown` resolves; then stops reading, waits for the verdicts still due, answers them
    /// and closes every connection. Keep the inlet served until this returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut changes = self.shared.devices.changes();
        loop {
            let (accepted, tls) = tokio::select! {
                () = &mut shutdown => break,
                () = changed(&mut changes) => {
                    self.shared.seats.expel(&self.shared.devices);
                    continue;
                }
                accepted = self.listener.accept() => (accepted, None),
                accepted = secure(self.secured.as_ref()) => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer, tls),
                Err(fault) => {
                    tracing::warn!(%fault, "mqtt listener cannot accept for now");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((self.listener, self.secured));
        self.shared.stop.cancel();
        let all = u32::try_from(self.shared.settings.connections_max).unwrap_or(u32::MAX);
        let patience = self.shared.settings.drain_timeout + STOP_SLACK;
        if tokio::time::timeout(patience, self.places.acquire_many(all))
            .await
            .is_err()
        {
            tracing::warn!("mqtt connections cut off: still open after the drain time");
        }
    }

    fn accept(&self, stream: TcpStream, peer: SocketAddr, tls: Option<Arc<Tls>>) {
        Counters::count(&self.shared.counters.connections_total);
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            Counters::count(&self.shared.counters.connections_refused);
            tracing::debug!(%peer, "mqtt connection dropped: all places taken");
            return;
        };
        let visitor = match self.door.enter(peer.ip()) {
            Ok(visitor) => visitor,
            Err(turned) => {
                Counters::count(&self.shared.counters.connections_refused);
                tracing::debug!(%peer, ?turned, "mqtt connection dropped");
                return;
            }
        };
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let newcomer = Newcomer {
            address: peer,
            visitor,
            names: Vec::new(),
        };
        tokio::spawn(serve(
            Arc::clone(&self.shared),
            stream,
            newcomer,
            tls,
            place,
        ));
    }
}

type Accepted = io::Result<(TcpStream, SocketAddr)>;

/// The next connection of the listener with TLS; without one, none ever.
async fn secure(secured: Option<&(TcpListener, Arc<Tls>)>) -> (Accepted, Option<Arc<Tls>>) {
    match secured {
        Some((listener, tls)) => (listener.accept().await, Some(Arc::clone(tls))),
        None => std::future::pending().await,
    }
}

/// Resolves at each change of the devices.
async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    mut newcomer: Newcomer,
    tls: Option<Arc<Tls>>,
    place: OwnedSemaphorePermit,
) {
    match tls {
        None => {
            let (reader, writer) = stream.into_split();
            connection::serve(&shared, Halves { reader, writer }, newcomer).await;
        }
        Some(tls) => {
            if let Some((stream, names)) = shake(&shared, stream, &newcomer, &tls).await {
                newcomer.names = names;
                let (reader, writer) = tokio::io::split(stream);
                connection::serve(&shared, Halves { reader, writer }, newcomer).await;
            }
        }
    }
    drop(place);
}

/// The TLS handshake, in time and while there is room for it.
async fn shake(
    shared: &Shared,
    stream: TcpStream,
    newcomer: &Newcomer,
    tls: &Tls,
) -> Option<(TlsStream<TcpStream>, Vec<String>)> {
    let peer = newcomer.address;
    let shaking = tokio::time::timeout(shared.settings.connect_timeout, tls.accept(stream));
    let shaken = tokio::select! {
        shaken = shaking => shaken,
        () = shared.stop.cancelled() => return None,
        () = newcomer.visitor.crowded_out() => {
            Counters::count(&shared.counters.crowded_out);
            return None;
        }
    };
    let cause = match shaken {
        Ok(Ok(shaken)) => return Some(shaken),
        Ok(Err(fault)) => fault.to_string(),
        Err(_) => "not done in time".to_owned(),
    };
    Counters::count(&shared.counters.handshakes_failed);
    tracing::debug!(%peer, cause, "mqtt connection dropped in its TLS handshake");
    None
}
