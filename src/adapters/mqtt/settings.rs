//! Limits of the endpoint, who may connect, and what it counts.

use std::fmt;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::adapters::limits::DoorSettings;
use crate::adapters::limits::Speed;
use crate::adapters::mqtt::devices::Credentials;
use crate::adapters::tls::TlsSettings;

/// A text that must not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself, for handing on.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Settings of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Connections held at once; further ones are closed at once.
    pub connections_max: usize,
    /// Messages of one connection that may wait for their acknowledgement. Announced to MQTT 5 clients.
    pub receive_maximum: u16,
    /// Largest packet, in bytes. Announced to MQTT 5 clients.
    pub packet_bytes_max: u32,
    /// Topic aliases of one connection (MQTT 5).
    pub topic_alias_max: u16,
    /// Time from connecting to a whole CONNECT packet.
    pub connect_timeout: Duration,
    /// Longest keep-alive granted. A client that asks for more, or for none, is closed after one and a half
    /// times this without a packet.
    pub keep_alive_max: Duration,
    /// Time given to what is still waiting for its verdict when the endpoint stops.
    pub drain_timeout: Duration,
    /// TLS, beside the plain address.
    pub tls: TlsSettings,
    /// What one address may take.
    pub door: DoorSettings,
    /// When devices must show who they are.
    pub credentials: Credentials,
    /// Whether others than this machine may be listened to without TLS.
    pub allow_plain: bool,
    /// How fast one device, or one address without a device, may send.
    pub speed: Speed,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            connections_max: 10_000,
            receive_maximum: 1_024,
            packet_bytes_max: 260 * 1024,
            topic_alias_max: 64,
            connect_timeout: Duration::from_secs(10),
            keep_alive_max: Duration::from_secs(7_200),
            drain_timeout: Duration::from_secs(5),
            tls: TlsSettings::default(),
            door: DoorSettings::default(),
            credentials: Credentials::Auto,
            allow_plain: false,
            speed: Speed::default(),
        }
    }
}

impl EndpointSettings {
    /// A free loopback port and small limits.
    pub fn for_testing() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            connections_max: 64,
            receive_maximum: 16,
            packet_bytes_max: 4_096,
            topic_alias_max: 4,
            connect_timeout: Duration::from_millis(400),
            keep_alive_max: Duration::from_secs(60),
            drain_timeout: Duration::from_millis(500),
            tls: TlsSettings::default(),
            door: DoorSettings::default(),
            credentials: Credentials::Auto,
            allow_plain: false,
            speed: Speed::default(),
        }
    }
}

/// What happened since the start, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open now, after their CONNECT was accepted.
    pub connections_open: AtomicU64,
    /// Connections accepted by the listener.
    pub connections_total: AtomicU64,
    /// Connections turned away: too many, wrong password, no valid CONNECT in time.
    pub connections_refused: AtomicU64,
    /// Connections that said nothing, closed to make room for newer ones.
    pub crowded_out: AtomicU64,
    /// TLS handshakes that came to nothing.
    pub handshakes_failed: AtomicU64,
    /// Connections whose user name, password or certificate was wrong or missing.
    pub unproved: AtomicU64,
    /// Messages and wills on topics that were not the sender's.
    pub not_permitted: AtomicU64,
    /// Times a sender was held back for being too fast.
    pub held_back: AtomicU64,
    /// Messages received, repeats included.
    pub received: AtomicU64,
    /// Messages acknowledged after they were durable; with QoS 0, found durable.
    pub acked: AtomicU64,
    /// Messages refused.
    pub refused: AtomicU64,
    /// Last wills handed in.
    pub wills: AtomicU64,
    /// Messages that the broker had kept from before for whoever asks.
    pub retained: AtomicU64,
}

impl Counters {
    /// Adds one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them by name, for metrics.
    pub fn all(&self) -> [(&'static str, u64); 13] {
        [
            ("connections_open", Self::read(&self.connections_open)),
            ("connections", Self::read(&self.connections_total)),
            ("connections_refused", Self::read(&self.connections_refused)),
            ("crowded_out", Self::read(&self.crowded_out)),
            ("handshakes_failed", Self::read(&self.handshakes_failed)),
            ("unproved", Self::read(&self.unproved)),
            ("not_permitted", Self::read(&self.not_permitted)),
            ("held_back", Self::read(&self.held_back)),
            ("received", Self::read(&self.received)),
            ("acked", Self::read(&self.acked)),
            ("refused", Self::read(&self.refused)),
            ("wills", Self::read(&self.wills)),
            ("retained", Self::read(&self.retained)),
        ]
    }

    /// Reads one.
    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let secret = Secret::new("rain");
        assert_eq!(secret.reveal(), "rain");
        assert!(!format!("{secret:?}").contains("rain"));
    }
}
