//! The life of one connection: handshake, seat, session, farewell, will.
//!
//! A client id has one seat. Who takes it waits until the one before has left and its will is handed in, so
//! that an `offline` of the old connection never follows the `online` of the new one. A will delay is not
//! waited for. When the endpoint stops, wills are dropped: it is us who go.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use rmqtt_codec::v5::DisconnectReasonCode;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::adapters::inbound::Inlet;
use crate::adapters::inbound::Link;
use crate::adapters::inbound::Message;
use crate::adapters::limits::Area;
use crate::adapters::limits::Door;
use crate::adapters::limits::Meter;
use crate::adapters::limits::Meters;
use crate::adapters::limits::Visitor;
use crate::adapters::mqtt::devices::Device;
use crate::adapters::mqtt::devices::Devices;
use crate::adapters::mqtt::handshake;
use crate::adapters::mqtt::handshake::Admitted;
use crate::adapters::mqtt::handshake::NoHello;
use crate::adapters::mqtt::session::Around;
use crate::adapters::mqtt::session::Client;
use crate::adapters::mqtt::session::Ending;
use crate::adapters::mqtt::session::Session;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::mqtt::settings::EndpointSettings;
use crate::adapters::mqtt::wire::Denial;
use crate::adapters::mqtt::wire::Hello;
use crate::adapters::mqtt::wire::Wire;

/// How long a client may take to read our last words.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);
/// Bytes still taken from a client that is being closed; a reset would lose our last words.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What all connections share.
pub(super) struct Shared {
    pub(super) settings: EndpointSettings,
    pub(super) inlet: Inlet,
    pub(super) counters: Arc<Counters>,
    pub(super) devices: Arc<Devices>,
    pub(super) door: Arc<Door>,
    pub(super) meters: Meters,
    pub(super) seats: Seats,
    pub(super) stop: CancellationToken,
}

/// Who is connected, by device and client id: no device takes the seat of another.
#[derive(Default)]
pub(super) struct Seats {
    taken: Mutex<HashMap<String, Seat>>,
    count: AtomicU64,
}

#[derive(Clone)]
struct Seat {
    number: u64,
    device: Option<Arc<Device>>,
    /// Asked to leave since its device is not what it was.
    expelled: Arc<AtomicBool>,
    leave: CancellationToken,
    left: CancellationToken,
}

/// A taken seat; dropping it frees the seat.
struct Seated<'a> {
    seats: &'a Seats,
    key: String,
    seat: Seat,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seat>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks all to leave whose device is not what it was, and those without one where one must be shown now.
    pub(super) fn expel(&self, devices: &Devices) {
        let required = devices.required();
        for seat in self.lock().values() {
            if required && !stands(devices, seat.device.as_deref()) {
                seat.expelled.store(true, Ordering::Relaxed);
                seat.leave.cancel();
            }
        }
    }

    /// Takes the seat of a client id, and returns the seat of whoever holds it now.
    fn take(
        &self,
        device: Option<&Arc<Device>>,
        client_id: &str,
        stop: &CancellationToken,
    ) -> (Seated<'_>, Option<Seat>) {
        // Neither has control characters in it.
        let key = format!("{}\0{client_id}", device.map_or("", |device| &device.id));
        let seat = Seat {
            device: device.cloned(),
            expelled: Arc::default(),
            number: self.count.fetch_add(1, Ordering::Relaxed),
            leave: stop.child_token(),
            left: CancellationToken::new(),
        };
        let before = self.lock().insert(key.clone(), seat.clone());
        let seated = Seated {
            seats: self,
            key,
            seat,
        };
        (seated, before)
    }
}

/// Whether somebody is still the device that was let in.
fn stands(devices: &Devices, device: Option<&Device>) -> bool {
    device.is_some_and(|device| devices.stands(device))
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        // A later connection may have replaced the entry.
        if taken
            .get(&self.key)
            .is_some_and(|seat| seat.number == self.seat.number)
        {
            taken.remove(&self.key);
        }
        drop(taken);
        self.seat.left.cancel();
    }
}

/// Both halves of a stream.
pub(super) struct Halves<R, W> {
    pub(super) reader: R,
    pub(super) writer: W,
}

/// Who is at the other end, as far as is known before it says so.
pub(super) struct Newcomer {
    pub(super) address: SocketAddr,
    pub(super) visitor: Visitor,
    /// Names in its certificate.
    pub(super) names: Vec<String>,
}

/// Serves one stream from first to last.
pub(super) async fn serve<R, W>(shared: &Shared, mut stream: Halves<R, W>, newcomer: Newcomer)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let peer = newcomer.address;
    let settings = &shared.settings;
    let mut input = BytesMut::new();
    let hello = timeout(
        settings.connect_timeout,
        handshake::hello(&mut stream.reader, &mut input),
    );
    let refused = &shared.counters.connections_refused;
    let known = tokio::select! {
        known = hello => known,
        () = shared.stop.cancelled() => return,
        () = newcomer.visitor.crowded_out() => {
            Counters::count(&shared.counters.crowded_out);
            return tracing::debug!(%peer, "mqtt connection dropped: too many without a CONNECT");
        }
    };
    let (mut wire, hello) = match known {
        Ok(Ok(known)) => known,
        Ok(Err(NoHello::Denied(wire, denial))) => {
            Counters::count(refused);
            return deny(wire, denial, stream, peer).await;
        }
        Ok(Err(NoHello::Silent(cause))) => {
            Counters::count(refused);
            return tracing::debug!(%peer, "mqtt connection dropped: {cause}");
        }
        Err(_) => {
            Counters::count(refused);
            return tracing::debug!(%peer, "mqtt connection dropped: no CONNECT in time");
        }
    };
    wire.set_packet_bytes_max(settings.packet_bytes_max);
    let identified = tokio::select! {
        identified = identify(shared, &hello, &newcomer) => identified,
        () = shared.stop.cancelled() => Err(Denial::Stopping),
        () = newcomer.visitor.crowded_out() => return Counters::count(&shared.counters.crowded_out),
    };
    let admitted = identified.and_then(|device| handshake::admit(hello, device, settings));
    match admitted {
        Err(denial) => {
            Counters::count(refused);
            deny(wire, denial, stream, peer).await;
        }
        Ok(_) if shared.stop.is_cancelled() => deny(wire, Denial::Stopping, stream, peer).await,
        Ok(admitted) => {
            newcomer.visitor.known();
            attend(shared, admitted, wire, input, stream, peer).await;
        }
    }
}

/// Which device it is, where that is asked for.
async fn identify(
    shared: &Shared,
    hello: &Hello,
    newcomer: &Newcomer,
) -> Result<Option<Arc<Device>>, Denial> {
    let claim = handshake::claim(hello, &newcomer.names)?;
    let denial = match claim.name.is_none() && claim.password.is_none() {
        true => Denial::NotPermitted,
        false => Denial::Password,
    };
    let name = claim.name.clone().unwrap_or_default();
    let area = Area::of(newcomer.address.ip());
    let delay = match shared.devices.admit(claim, area).await {
        Ok(device) => return Ok(device),
        Err(unproved) => unproved.delay,
    };
    Counters::count(&shared.counters.unproved);
    let address = newcomer.address.ip();
    shared.devices.refused("mqtt.login", None, &name, address);
    tokio::time::sleep(delay).await;
    Err(denial)
}

async fn deny<R, W>(mut wire: Wire, denial: Denial, mut stream: Halves<R, W>, peer: SocketAddr)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    tracing::debug!(%peer, ?denial, "mqtt connection denied");
    let mut output = BytesMut::new();
    wire.deny(denial, &mut output);
    part(&mut stream, &output).await;
}

/// From CONNACK to the end.
async fn attend<R, W>(
    shared: &Shared,
    admitted: Admitted,
    mut wire: Wire,
    input: BytesMut,
    mut stream: Halves<R, W>,
    peer: SocketAddr,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let client_id = admitted.client_id;
    let device = admitted.device;
    let (seated, before) = shared.seats.take(device.as_ref(), &client_id, &shared.stop);
    if let Some(before) = before {
        before.leave.cancel();
        drop(timeout(shared.settings.connect_timeout, before.left.cancelled()).await);
    }
    // What changed while the proof was under way found no seat to clear; later changes do.
    if shared.devices.required() && !stands(&shared.devices, device.as_deref()) {
        Counters::count(&shared.counters.connections_refused);
        return deny(wire, Denial::NotPermitted, stream, peer).await;
    }
    let mut output = BytesMut::new();
    wire.welcome(admitted.welcome, &mut output);
    let client = Client {
        origin: origin(device.as_deref(), &client_id),
        address: peer.ip(),
        meter: meter(shared, device.as_deref(), peer),
        device,
        silence_max: admitted.silence_max,
    };
    let around = Around {
        settings: &shared.settings,
        inlet: &shared.inlet,
        counters: &shared.counters,
        devices: &shared.devices,
    };
    let will = admitted.will.map(|will| Message {
        origin: client.origin.clone(),
        link: Link::Embedded,
        topic: will.topic.to_string(),
        payload: will.payload,
        // Nobody sends it again.
        told: true,
    });
    let Halves { reader, writer } = &mut stream;
    let open = Open::new(&shared.counters);
    let mut session = Session::new(around, client, wire, input, output);
    let ending = session.run(reader, writer, &seated.seat.leave).await;
    let stopping = shared.stop.is_cancelled();
    if ending == Ending::Stopped && stopping {
        drop(timeout(shared.settings.drain_timeout, session.drain(writer)).await);
    }
    log(&client_id, &ending);
    // Whoever was put out has no last word.
    let expelled = seated.seat.expelled.load(Ordering::Relaxed);
    if let (Some(will), true) = (will, !expelled && leaves_will(&ending, stopping)) {
        Counters::count(&shared.counters.wills);
        drop(timeout(shared.settings.connect_timeout, shared.inlet.submit(will)).await);
    }
    drop(seated);
    drop(open);
    let last_words = session.farewell(reason(&ending, stopping, expelled));
    part(&mut stream, &last_words).await;
}

/// What the messages of a client are said to come from.
fn origin(device: Option<&Device>, client_id: &str) -> String {
    match device {
        Some(device) if device.id != client_id => format!("mqtt:{}/{client_id}", device.id),
        _ => format!("mqtt:{client_id}"),
    }
}

/// The meter of a device, or of the address where there is none, unless limits do not hold for the address.
fn meter(shared: &Shared, device: Option<&Device>, peer: SocketAddr) -> Option<Arc<Meter>> {
    let who = match device {
        Some(device) => device.id.clone(),
        None => Area::of(peer.ip()).to_string(),
    };
    shared.door.holds(peer.ip()).then(|| shared.meters.of(&who))
}

/// Counts a connection as open while it lives.
struct Open<'a>(&'a Counters);

impl<'a> Open<'a> {
    fn new(counters: &'a Counters) -> Self {
        Counters::count(&counters.connections_open);
        Self(counters)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn leaves_will(ending: &Ending, stopping: bool) -> bool {
    match ending {
        Ending::Goodbye { with_will } => *with_will,
        Ending::Lost | Ending::Closed { .. } => true,
        Ending::Stopped => !stopping,
    }
}

fn reason(ending: &Ending, stopping: bool, expelled: bool) -> Option<DisconnectReasonCode> {
    match ending {
        Ending::Goodbye { .. } | Ending::Lost => None,
        Ending::Closed { reason, .. } => Some(*reason),
        Ending::Stopped if stopping => Some(DisconnectReasonCode::ServerShuttingDown),
        Ending::Stopped if expelled => Some(DisconnectReasonCode::NotAuthorized),
        Ending::Stopped => Some(DisconnectReasonCode::SessionTakenOver),
    }
}

fn log(client_id: &str, ending: &Ending) {
    match ending {
        // Told already, and not as often as a device that knows no better comes back.
        Ending::Closed {
            reason: DisconnectReasonCode::NotAuthorized,
            ..
        } => {}
        Ending::Closed { reason, cause } => {
            let code = u8::from(*reason);
            tracing::info!(
                client.id = client_id,
                reason.code = code,
                "mqtt client closed: {cause}"
            );
        }
        Ending::Goodbye { .. } | Ending::Lost | Ending::Stopped => {
            tracing::debug!(client.id = client_id, ?ending, "mqtt client left");
        }
    }
}

/// Says the last words and closes, taking what the client still sends so that they are not lost to a reset.
async fn part<R, W>(stream: &mut Halves<R, W>, last_words: &[u8])
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Halves { reader, writer } = stream;
    let parting = async {
        if writer.write_all(last_words).await.is_err() || writer.shutdown().await.is_err() {
            return;
        }
        let mut scrap = [0; 4_096];
        let mut taken = 0;
        while taken < LINGER_BYTES_MAX {
            match reader.read(&mut scrap).await {
                Ok(bytes) if bytes > 0 => taken += bytes,
                _ => return,
            }
        }
    };
    drop(timeout(FAREWELL_TIMEOUT, parting).await);
}
