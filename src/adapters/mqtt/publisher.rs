//! A publisher that is done only when every message was acknowledged: for replays.
//!
//! It does not reconnect. A lost connection leaves open what the other side kept, and since a repeat changes
//! nothing there, starting the replay again is safe.

use std::io;
use std::time::Duration;

use rumqttc::v5::AsyncClient;
use rumqttc::v5::ConnectionError;
use rumqttc::v5::Event;
use rumqttc::v5::EventLoop;
use rumqttc::v5::Incoming;
use rumqttc::v5::MqttOptions;
use rumqttc::v5::StateError;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::sync::mpsc;

use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::tls::TlsFault;
use crate::adapters::mqtt::way::Way;

/// Messages in flight at most; the other side may grant fewer.
const IN_FLIGHT_MAX: u16 = 8_192;
/// Messages handed to the client ahead of the wire.
const QUEUE_MESSAGES: usize = 1_024;
/// Interval of pings when nothing else is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// Why not everything was sent and acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum PublisherFault {
    /// TLS cannot work.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// Nobody answers at the address.
    #[error("reach {address}: {cause}; is the daemon running there?")]
    Unreachable {
        /// Where.
        address: Address,
        /// What the system said.
        cause: String,
    },
    /// The connection is refused.
    #[error("connect to {address}: refused ({reason})")]
    Denied {
        /// Where.
        address: Address,
        /// The reason code.
        reason: String,
    },
    /// A message is refused.
    #[error("publish to {address}: message {number} was refused ({reason})")]
    Refused {
        /// Where.
        address: Address,
        /// Which message, counted by acknowledgements from 1.
        number: u64,
        /// The reason code.
        reason: String,
    },
    /// The connection ended before everything was acknowledged.
    #[error("publish to {address}: connection lost after {acked} acknowledgements ({cause})")]
    Lost {
        /// Where.
        address: Address,
        /// Messages acknowledged until then.
        acked: u64,
        /// What happened.
        cause: String,
    },
}

/// Sends everything `outgoing` yields with QoS 1 and waits for every acknowledgement; returns their number.
/// `on_acked` hears each time how many there are.
///
/// # Errors
/// [`PublisherFault`] on the first refusal or when the connection cannot be made or kept.
pub async fn publish_all(
    way: &Way,
    client_id: &str,
    outgoing: mpsc::Receiver<Outgoing>,
    on_acked: impl FnMut(u64),
) -> Result<u64, PublisherFault> {
    let address = &way.address;
    let mut options = MqttOptions::new(client_id, &address.host, address.port);
    options.set_transport(way.tls.transport(address)?);
    if let Some((user, password)) = &way.login {
        options.set_credentials(user, password.reveal());
    }
    options.set_keep_alive(KEEP_ALIVE);
    options.set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX);
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut events) = AsyncClient::new(options, QUEUE_MESSAGES);
    connect(address, &mut events).await?;
    let feeding = tokio::spawn(feed(client.clone(), outgoing));
    let abort = feeding.abort_handle();
    let acked = settle(address, &mut events, feeding, on_acked).await;
    abort.abort();
    if acked.is_ok() && client.try_disconnect().is_ok() {
        drop(events.poll().await);
    }
    acked
}

async fn connect(address: &Address, events: &mut EventLoop) -> Result<(), PublisherFault> {
    match events.poll().await {
        Ok(_) => Ok(()),
        Err(ConnectionError::ConnectionRefused(reason)) => Err(PublisherFault::Denied {
            address: address.clone(),
            reason: format!("{reason:?}"),
        }),
        Err(fault) => Err(PublisherFault::Unreachable {
            address: address.clone(),
            cause: described(&fault),
        }),
    }
}

/// Hands the messages to the client; returns how many.
async fn feed(client: AsyncClient, mut outgoing: mpsc::Receiver<Outgoing>) -> u64 {
    let mut sent = 0;
    while let Some(message) = outgoing.recv().await {
        let Outgoing { topic, payload } = message;
        let handed = client.publish(topic, QoS::AtLeastOnce, false, payload);
        if handed.await.is_err() {
            break;
        }
        sent += 1;
    }
    sent
}

async fn settle(
    address: &Address,
    events: &mut EventLoop,
    mut feeding: tokio::task::JoinHandle<u64>,
    mut on_acked: impl FnMut(u64),
) -> Result<u64, PublisherFault> {
    let mut acked = 0;
    let mut sent = None;
    while sent != Some(acked) {
        let event = tokio::select! {
            biased;
            event = events.poll() => event,
            all = &mut feeding, if sent.is_none() => {
                sent = Some(all.unwrap_or(acked));
                continue;
            }
        };
        match event {
            Ok(Event::Incoming(Incoming::PubAck(ack))) => {
                acked += 1;
                let kept = [PubAckReason::Success, PubAckReason::NoMatchingSubscribers];
                if !kept.contains(&ack.reason) {
                    return Err(PublisherFault::Refused {
                        address: address.clone(),
                        number: acked,
                        reason: format!("{:?}", ack.reason),
                    });
                }
                on_acked(acked);
            }
            Ok(_) => {}
            Err(fault) => {
                return Err(PublisherFault::Lost {
                    address: address.clone(),
                    acked,
                    cause: described(&fault),
                });
            }
        }
    }
    Ok(acked)
}

/// The fault in words a person at the command line understands.
pub(super) fn described(fault: &ConnectionError) -> String {
    match fault {
        ConnectionError::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            "nobody listens there".to_owned()
        }
        ConnectionError::Io(cause) => cause.to_string(),
        ConnectionError::Timeout(_) => "no answer in time".to_owned(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "closed by the other side".to_owned()
        }
        other => other.to_string(),
    }
}
